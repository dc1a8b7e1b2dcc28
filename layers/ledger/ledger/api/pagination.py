"""Where a page ends, as one text that a client hands back. What it says is checked, not believed.

It is of one listing of one account: another's is refused, and so is one that was made up in a way that no page ends.
"""

import base64
import hashlib
import json
import re
from dataclasses import dataclass

from ledger.domain.errors import InvalidRequest

_LONGEST = 1000  # of a name, in bytes: less than DynamoDB takes
_MOST = 10**15  # of a number: more credits than there will ever be


@dataclass(frozen=True, slots=True)
class Listing:
    """What is paged through: the account that it belongs to, its name, and the pattern of a position in it."""

    owner: str
    name: str
    pattern: str = "(?s:.+)"

    def close(self, name: str | None, number: int = 0) -> str | None:
        """A page's end: the name of its last item, and a number that goes with it. None: it was the last page."""
        if name is None:
            return None
        return base64.urlsafe_b64encode(json.dumps([name, number, self._check(name, number)]).encode()).decode()

    def opened(self, cursor: str | None) -> tuple[str | None, int]:
        """The name and the number of a page's end. Raises Invalid."""
        if cursor is None:
            return None, 0
        try:
            name, number, check = json.loads(base64.b64decode(cursor.encode("ascii"), b"-_", validate=True))
            if not self._is_ours(name, number) or check != self._check(name, number):
                raise ValueError("not a page's end of this listing")
        except (ValueError, TypeError, RecursionError):
            raise InvalidRequest(
                "after", "It is no `next` of this list: leave it out to begin at the start.", "query"
            ) from None
        return name, number

    def _is_ours(self, name: object, number: object) -> bool:
        is_name = isinstance(name, str) and bool(re.fullmatch(self.pattern, name)) and len(name.encode()) <= _LONGEST
        return is_name and type(number) is int and abs(number) <= _MOST

    def _check(self, name: str, number: int) -> str:
        """No signature: it keeps honest clients from mixing lists up. Nobody can reach another's things by it."""
        told = json.dumps([self.owner, self.name, name, number])
        return hashlib.sha256(told.encode()).hexdigest()[:12]
