"""Where a page ends, as one text that a client hands back. What it says is checked, not believed."""

import base64
import json

from ledger.errors import Invalid


def close(name: str | None, number: int = 0) -> str | None:
    """A page's end: the name of its last item, and a number that goes with it. None: it was the last page."""
    return None if name is None else base64.urlsafe_b64encode(json.dumps([name, number]).encode()).decode()


def opened(cursor: str | None, *, mark: str) -> tuple[str | None, int]:
    """The name and the number of a page's end. `mark` is what such a name has in it. Raises Invalid."""
    if cursor is None:
        return None, 0
    try:
        name, number = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
    except (ValueError, TypeError) as error:
        raise _not_ours() from error
    if not (isinstance(name, str) and mark in name[:40] and len(name) <= 1000 and isinstance(number, int)):
        raise _not_ours()
    return name, number


def _not_ours() -> Invalid:
    return Invalid("after", "It is no `next` of ours: leave it out to begin at the start.", "query")
