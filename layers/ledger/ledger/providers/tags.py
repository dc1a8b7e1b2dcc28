"""The tag of a refund: it names the approval, and identifies the refund at the provider and in its notifications.

Stripe stores it in the refund's metadata. A Paddle adjustment has no metadata: there the tag ends the reason, as in
`Requested by the customer. [refund_tag:case_01K…-1]`.
"""

import re

METADATA_KEY = "refund_tag"

_AT_THE_END = re.compile(rf"\[{METADATA_KEY}:([^\[\]\s]+)\]\s*\Z")


def to_reason(tag: str, words: str) -> str:
    """Return `words` with the tag at the end. Raise ValueError if the tag could not be parsed from it."""
    reason = f"{words} [{METADATA_KEY}:{tag}]"
    if tag_in(reason) != tag:
        raise ValueError(f"the tag {tag!r} has spaces or brackets: it could not be read back")
    return reason


def tag_in(reason: str | None) -> str | None:
    """Return the tag at the end of a reason. None if there is none: the refund was made at the provider."""
    found = _AT_THE_END.search(reason or "")
    return found[1] if found else None
