"""Page cursors: where a page ends, as one opaque text that the client sends back.

A cursor belongs to one listing of one account. A cursor of another listing, or one that no page ends with, is rejected.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from typing import TypeVar

from ledger.domain.errors import InvalidRequest
from ledger.domain.records import record
from ledger.ports.reads import Page

_T = TypeVar("_T")

PURCHASE_POSITION = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z#.+"
"""The pattern of a position among an account's purchases."""

_MAX_NAME_BYTES = 1000  # below the limit of a sort key in DynamoDB
_MAX_NUMBER = 10**15  # above any balance


@record(frozen=True)
class Listing:
    """A listing: its owner, its name, and the pattern of a position in it."""

    owner: str
    name: str
    pattern: str = "(?s:.+)"

    def close(self, name: str | None, number: int = 0) -> str | None:
        """Return the cursor after the item `name`, with a number that travels with it. None: no next page."""
        if name is None:
            return None
        return base64.urlsafe_b64encode(json.dumps([name, number, self._check(name, number)]).encode()).decode()

    def opened(self, cursor: str | None) -> tuple[str | None, int]:
        """Return the name and the number of a cursor. Raise InvalidRequest if it is not one of this listing."""
        if cursor is None:
            return None, 0
        try:
            name, number, check = json.loads(base64.b64decode(cursor.encode("ascii"), b"-_", validate=True))
            if not self._is_ours(name, number) or check != self._check(name, number):
                raise ValueError("not a cursor of this listing")
        except (ValueError, TypeError, RecursionError):
            raise InvalidRequest(
                "after", "This is not a `next` of this list. Leave it out to begin at the start.", "query"
            ) from None
        return name, number

    def page(self, cursor: str | None, read: Callable[[str | None], Page[_T]]) -> tuple[tuple[_T, ...], str | None]:
        """Return what `read` finds after the position of a cursor, and the cursor of the next page.

        Raise InvalidRequest as `opened`.
        """
        start, _ = self.opened(cursor)
        found = read(start)
        return found.items, self.close(found.next)

    def _is_ours(self, name: object, number: object) -> bool:
        is_name = (
            isinstance(name, str) and bool(re.fullmatch(self.pattern, name)) and len(name.encode()) <= _MAX_NAME_BYTES
        )
        return is_name and type(number) is int and abs(number) <= _MAX_NUMBER

    def _check(self, name: str, number: int) -> str:
        """Return a checksum that tells listings apart. It is no signature: a cursor grants no access."""
        content = json.dumps([self.owner, self.name, name, number])
        return hashlib.sha256(content.encode()).hexdigest()[:12]
