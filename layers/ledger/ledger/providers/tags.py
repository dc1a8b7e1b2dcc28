"""How a refund of ours bears its tag at a provider: by it we find what we sent, and know it when it is told us.

Stripe keeps it in the refund's metadata. Paddle has no such place: there it ends the adjustment's reason, as in
`Requested by the customer. [refund_tag:case_01K…-1]`.
"""

import re

METADATA_KEY = "refund_tag"

_AT_THE_END = re.compile(rf"\[{METADATA_KEY}:([^\[\]\s]+)\]\s*\Z")


def to_reason(tag: str, words: str) -> str:
    """A reason that says why in words, and which approval it carries out."""
    reason = f"{words} [{METADATA_KEY}:{tag}]"
    if tag_in(reason) != tag:
        raise ValueError(f"the tag {tag!r} has spaces or brackets: it could not be read back")
    return reason


def tag_in(reason: str | None) -> str | None:
    """The tag that a reason ends with. None: somebody refunded at the provider."""
    found = _AT_THE_END.search(reason or "")
    return found[1] if found else None
