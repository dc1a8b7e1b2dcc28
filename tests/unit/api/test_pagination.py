"""Page cursors: each is of one list, and says what the server said, or is refused."""

import base64
import json
from dataclasses import replace

import pytest

from ledger.api.pagination import PURCHASE_POSITION, Listing
from ledger.domain.errors import InvalidRequest

LISTING = Listing(owner="acct_ada", name="entries")


def altered(cursor: str, place: int, value: object) -> str:
    """A cursor with another name, number or checksum."""
    content = json.loads(base64.urlsafe_b64decode(cursor))
    content[place] = value
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


def test_a_cursor_leads_back_to_where_the_page_ended() -> None:
    """With the number that travels with it. Without a next page there is none."""
    cursor = LISTING.close("entry_7", -250)
    assert LISTING.opened(cursor) == ("entry_7", -250)
    assert LISTING.close(None, 7) is None
    assert LISTING.opened(None) == (None, 0)


@pytest.mark.parametrize(("place", "value"), [(0, "entry_8"), (1, 251), (1, 250.0), (1, True), (2, "0" * 12)])
def test_a_cursor_that_was_altered_is_refused(place: int, value: object) -> None:
    """Else a page would go on from a balance that the account never had."""
    cursor = LISTING.close("entry_7", 250)
    assert cursor
    with pytest.raises(InvalidRequest):
        LISTING.opened(altered(cursor, place, value))


@pytest.mark.parametrize("other", [{"owner": "acct_eve"}, {"name": "purchases"}, {"pattern": PURCHASE_POSITION}])
def test_a_cursor_of_another_list_is_refused(other: dict[str, str]) -> None:
    """Of another account, another list of it, or with no position of this list."""
    with pytest.raises(InvalidRequest):
        replace(LISTING, **other).opened(LISTING.close("entry_7", 250))
