"""An open lot as one text: short, read as it was written, and never misread."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.entries import CounterAccount
from ledger.domain.errors import UnreadableItem
from ledger.domain.lots import Lot
from ledger.dynamodb import schema
from ledger.dynamodb.codec import WHOLE
from tools.testing.builders import LATER

ROW = schema.OPEN_LOT
ADDED = {"locked_until", "owes_no_refund", "is_withdrawn"}
"""The fields that were added after the rows: they have no column."""
PERIOD = "period/stripe:sub_1/2026-11-01T12:00:00Z/0"
NUMBERS = {name: st.integers(0, 10**12) for name in schema.LOT.fields if schema.LOT.fields[name].type is WHOLE}
TIMES = st.none() | st.datetimes(timezones=st.just(UTC))
LOTS = st.builds(
    Lot,
    lot_id=st.sampled_from([PERIOD, "order/ord_1/0", "stripe:pi_1/1", 'a "quoted" [id],']),
    expires_at=TIMES,
    grace_from=TIMES,
    subscription_id=st.none() | st.sampled_from(["stripe:sub_1", "stripe:sub_2", ""]),
    is_frozen=st.booleans(),
    source=st.sampled_from(CounterAccount),
    **NUMBERS,
)


def text(lot: Lot) -> str:
    """The text of a lot."""
    written: str = ROW.encode(lot)["S"]
    return written


def read(*texts: str, lot_id: str = "order/ord_1/0") -> list[Lot]:
    """The lots that these texts hold; the second has another id, and so on."""
    return [*ROW.decode_all({lot_id + "'" * number: {"S": one} for number, one in enumerate(texts)}).values()]


@given(st.lists(LOTS, max_size=4, unique_by=lambda lot: lot.lot_id))
def test_lots_are_read_as_they_were_written(lots: list[Lot]) -> None:
    """Each by its name, with every field; also the fields that are not compared."""
    found = ROW.decode_all({lot.lot_id: ROW.encode(lot) for lot in lots})
    assert found == {lot.lot_id: lot for lot in lots}
    for lot in found.values():
        assert {one.name for one in fields(lot)} == vars(lot).keys() | {"unknown_fields"}
        assert (lot.unknown_fields, lot.digest) == (None, None)
        assert replace(lot, drawn=1).draw(1).drawn == 2


@pytest.mark.parametrize(
    ("lot", "written"),
    [
        (Lot(lot_id="order/ord_1/0", granted=1000), "[1000]"),
        (Lot(lot_id="order/ord_1/0", granted=1000, drawn=250), "[1000,null,null,null,250]"),
        (
            Lot(lot_id=PERIOD, granted=1000, expires_at=LATER, subscription_id="stripe:sub_1"),
            '[1000,"2026-11-20T12:00:00Z",null,true]',
        ),
        (
            Lot(lot_id="order/ord_1/0", granted=1000, subscription_id="stripe:sub_1"),
            '[1000,null,null,"stripe:sub_1"]',
        ),
        (Lot(lot_id=PERIOD, granted=1, subscription_id="stripe:sub_2"), '[1,null,null,"stripe:sub_2"]'),
    ],
)
def test_what_follows_from_the_table_or_the_name_is_not_written(lot: Lot, written: str) -> None:
    """The columns and their meaning are a contract: a release that is deployed reads what it wrote."""
    assert text(lot) == written


def test_each_field_has_a_column_or_a_default() -> None:
    """One that is added has none: it is written by name, and a missing one has a meaning."""
    lot = Lot(lot_id="x", granted=1, source=CounterAccount.GOODWILL)
    assert len(json.loads(text(lot))) == len(schema.LOT.fields) - len(ADDED) == 14
    added = replace(lot, locked_until=LATER)
    assert json.loads(text(added))[14:] == [{"locked_until": {"S": "2026-11-20T12:00:00Z"}}]
    (found,) = read(text(added))
    assert (found.source, found.locked_until) == (CounterAccount.GOODWILL, LATER)


def test_a_field_that_this_release_does_not_know_is_kept() -> None:
    """Through changes."""
    added = {"added_later": {"M": {"by": {"S": "the newer release"}}}}
    (lot,) = read(json.dumps([1000, None, None, None, 7, added]))
    assert (lot.drawn, lot.unknown_fields) == (7, added)
    assert json.loads(text(lot.draw(1))) == [1000, None, None, None, 8, added]


@pytest.mark.parametrize(
    "spoilt",
    [
        *("", "1000", "{}", "[]", "[null]", '["1000"]', "[1000.5]", "[true]", "[1000", "[1000]]", "[1000],[1000]"),
        *("[1000,5]", '[1000,"soon"]', "[1000,null,null,7]", "[1000,null,null,null,true]", "[1000,true]"),
        *("[1000,null,null,null,0,0,0,0,0,0,0,0,1]", '[1000,null,null,null,0,0,0,0,0,0,0,0,false,"elsewhere"]'),
        *(
            "[1000,null,null,null,0,0,0,0,0,0,0,0,false,null,0]",
            "[1000,{},0]",
            '[1000,{"drawn":{"N":"7"}}]',
            '[{"granted":{"S":"x"}}]',
        ),
    ],
)
def test_any_other_text_is_unreadable(spoilt: str) -> None:
    """The account is refused as a whole, whichever of its lots it is: nothing is misread."""
    for texts in ((spoilt,), ("[1000]", spoilt), (spoilt, "[1000]")):
        with pytest.raises(UnreadableItem):
            read(*texts)


@pytest.mark.parametrize("attribute", [{"M": {"granted": {"N": "1000"}}}, {"N": "1000"}, {"S": 1000}])
def test_any_other_attribute_is_unreadable(attribute: dict[str, Any]) -> None:
    """Also a map, which no release has ever stored."""
    with pytest.raises(UnreadableItem, match="a lot"):
        ROW.decode_all({"x": attribute})


def test_a_time_keeps_its_microseconds() -> None:
    """What support grants has them."""
    lot = Lot(lot_id="x", granted=1, expires_at=datetime(2026, 11, 1, tzinfo=UTC) + timedelta(microseconds=1))
    assert read(text(lot), lot_id="x") == [lot]
