"""The stored format: golden items, and what must not change them."""

import dataclasses
import functools
import typing
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import pytest

from ledger.domain import facts, subscriptions
from ledger.domain.canonical import canonical
from ledger.domain.disputes import Awaits
from ledger.domain.errors import UnreadableItem
from ledger.domain.facts import Fact, RefundChanged, RefundSent, RefundState
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import ParkReason
from ledger.domain.refund_cases import DecidedList, DecisionOutcome
from ledger.dynamodb import codec, items, keys, schema
from ledger.dynamodb.codec import Shape
from ledger.dynamodb.items import Item
from ledger.dynamodb.keys import ItemKind
from ledger.ports.documents import DocumentKind
from tests.unit.dynamodb.golden_items import (
    AT,
    FACTS,
    FOLDER,
    LOT,
    MISSING,
    PURCHASE,
    as_text,
    from_text,
    goldens,
    missing_as_text,
)
from tools.template import load, table_definition
from tools.testing.ledgers import LEDGERS
from tools.testing.stored_items import items_of, unpacked_lot

SHAPES = {
    id(shape): shape
    for shape in [
        *schema.FACTS.values(),
        *schema.DOCUMENTS.values(),
        *(shape for shape in vars(schema).values() if isinstance(shape, Shape)),
    ]
}.values()
NOT_STORED = {
    "spendable_after",  # of a run: for the caller of its draw
    "lot_id",  # of a lot: in its key or its attribute's name
    "key",  # of a fulfilment key: in its key
    "subscription_id",
    "account_id",  # of an account's subscription: in its attribute's name, in its item's key
    "left",  # of an account's subscription: its own item has it
    "instant",
    "version",
    "unknown_fields",
    "digest",  # of a lot: an attribute of its item, of all others
}


@pytest.mark.parametrize("name", goldens())
def test_an_item_is_stored_exactly_as_its_golden_file_says(name: str) -> None:
    """A change here is a change of the contract: `python -m tests.unit.dynamodb.golden_items`, and a changelog line."""
    assert as_text(goldens()[name].item) == (FOLDER / f"{name}.json").read_text()


@pytest.mark.parametrize("name", goldens())
def test_a_golden_item_reads_back_equal(name: str) -> None:
    """Nothing is lost or added on the way."""
    golden = goldens()[name]
    assert golden.read(from_text((FOLDER / f"{name}.json").read_text())) == golden.expected


INDEXED = {
    "parked": {ItemKind.RECEIPT},
    "parked_of_customer": {ItemKind.RECEIPT},
    "purchases": {ItemKind.PAYMENT},
    "waiting": {ItemKind.PAYMENT},
    "followed": {DocumentKind.REFUND_CASE},
    "expiring": {ItemKind.ENTRY},
    "listed": {ItemKind.PAYMENT, ItemKind.ACCOUNT, DocumentKind.REFUND_CASE},
}
"""What each secondary index has. Whoever reads it takes each row for one of these."""


def test_an_index_has_the_items_that_its_readers_take_its_rows_for() -> None:
    """An attribute of another kind that is named as an index's key would put its items there too."""
    found = {
        index["IndexName"]: {
            keys.kind_of(item)
            for item in (*(golden.item for golden in goldens().values()), *_stored())
            if all(key["AttributeName"] in item for key in index["KeySchema"])
        }
        for index in table_definition(load(), "ledger")["GlobalSecondaryIndexes"]
    }
    assert found == INDEXED


def test_a_list_of_support_has_items_of_one_kind() -> None:
    """One index has several lists, and the reader of each takes its rows for one kind."""
    kinds: dict[str, set[object]] = {}
    for item in (*(golden.item for golden in goldens().values()), *_stored()):
        if "listed_in" in item:
            kinds.setdefault(item["listed_in"]["S"], set()).add(keys.kind_of(item))
    assert kinds == {
        **{str(awaits): {ItemKind.PAYMENT} for awaits in Awaits},
        **{str(decided): {DocumentKind.REFUND_CASE} for decided in DecidedList},
        keys.SUSPENDED: {ItemKind.ACCOUNT},
    }


@functools.cache
def _stored() -> tuple[Item, ...]:
    """Return the items of every ledger of the tests."""
    return tuple(item for ledger in LEDGERS.values() for item in items_of(ledger()))


def test_every_golden_file_is_of_a_kind_that_is_written() -> None:
    """No file stays behind when a kind goes."""
    assert {path.stem for path in FOLDER.glob("*.json")} == goldens().keys()


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.what)
def test_a_table_names_every_field_of_its_record_once(shape: Shape[Any]) -> None:
    """A new field of a dataclass is stored, or the table says why not."""
    fields = {field.name for field in dataclasses.fields(shape.of)}
    assert shape.fields.keys() <= fields
    assert fields - shape.fields.keys() <= NOT_STORED
    assert len(shape.names) == len(shape.fields)


def test_every_fact_and_every_enum_member_has_a_name() -> None:
    """A fact or a state that no table names could not be stored."""
    assert {shape.of for shape in schema.FACTS.values()} == set(facts.Fact.__args__)
    seen = set()
    for shape in SHAPES:
        hints = {field.name: field.type for field in dataclasses.fields(shape.of)}
        for name, field in shape.fields.items():
            for kind in typing.get_args(hints[name]) or (hints[name],):  # of an optional field too
                if isinstance(kind, type) and issubclass(kind, StrEnum):
                    seen.add(kind)
                    assert {field.type.decode(field.type.encode(member)) for member in kind} == set(kind)
    assert seen >= {*ENUMS, DecisionOutcome, ParkReason}


def _without(item: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key != name}


def test_a_missing_attribute_is_what_the_table_says_and_a_required_one_is_unreadable() -> None:
    """Items of older releases lack fields; an item that lacks what must be there is damaged."""
    item = items.to_closed_lot(PURCHASE.account_id, LOT)  # type: ignore[arg-type]
    assert items.from_lot(_without(item, "drawn")).drawn == 0
    assert items.from_lot(_without(item, "is_frozen")).is_frozen is False
    with pytest.raises(UnreadableItem, match="a lot: granted is missing"):
        items.from_lot(_without(item, "granted"))
    with pytest.raises(UnreadableItem, match="a lot: granted has another type"):
        items.from_lot(item | {"granted": {"S": "many"}})


def test_what_each_missing_attribute_means_is_as_the_golden_file_says() -> None:
    """Stored items lack what came later: what its absence means can't change, and a required field can't be added."""
    assert missing_as_text() == MISSING.read_text()


@pytest.mark.parametrize("name", goldens())
def test_an_item_of_a_newer_format_is_unreadable_and_one_without_a_version_is_of_the_first(name: str) -> None:
    """A release must not misread what it does not know: the caller gets 503 and repeats."""
    golden = goldens()[name]
    newer = golden.item | {schema.SCHEMA: {"N": str(schema.VERSION + 1)}}
    with pytest.raises(UnreadableItem, match=f"format {schema.VERSION + 1}"):
        golden.read(newer)
    assert golden.read(_without(golden.item, schema.SCHEMA)) == golden.expected


@pytest.mark.parametrize("name", goldens())
def test_an_unknown_attribute_is_no_error(name: str) -> None:
    """A newer release may add an attribute to any item."""
    golden = goldens()[name]
    assert golden.read(golden.item | {"added_later": {"SS": ["a"]}}) == golden.expected


def test_an_unknown_fact_or_state_is_unreadable() -> None:
    """It is never skipped: the ledger would be brought to the wrong target."""
    item = items.to_purchase(PURCHASE)
    for change in ({"is": {"S": "refund_reversed"}}, {"state": {"S": "reversed"}}):
        fact = {"M": item["facts"]["M"]["refund:re_1"]["M"] | change}
        with pytest.raises(UnreadableItem, match="unknown to this release"):
            items.from_payment(item | {"facts": {"M": item["facts"]["M"] | {"refund:re_1": fact}}})


def test_unknown_fields_survive_inside_a_fact_a_line_and_a_lot() -> None:
    """They are read, kept through changes, and written back as they were."""
    item = items.to_purchase(PURCHASE)
    stored = item["facts"]["M"]
    stored["refund:re_1"]["M"]["destination"] = {"M": {"card": {"NULL": True}}}
    stored["payment"]["M"]["lines"]["L"][0]["M"]["tax_code"] = {"S": "txcd_1"}
    purchase = items.from_payment(item)
    assert isinstance(purchase, Purchase)
    assert purchase == dataclasses.replace(PURCHASE, version=5)
    again = items.to_purchase(dataclasses.replace(purchase, version=4))
    assert again == item
    lot = items.from_lot(items.to_closed_lot(LOT_OWNER, LOT) | {"colour": {"S": "red"}})
    assert unpacked_lot(items.to_lot(lot.draw(1)), lot.lot_id)["M"]["colour"] == {"S": "red"}


def test_a_fact_that_supersedes_another_keeps_the_unknown_fields_of_its_subject() -> None:
    """The newer release's field of a refund is there after the older one stored the refund's next state."""
    refund = FACTS[2]
    assert isinstance(refund, RefundChanged)
    before = dataclasses.replace(refund, state=RefundState.PENDING, unknown_fields={"destination": {"S": "card"}})
    merged = facts.merge({before.key: before}, [refund])
    assert merged[before.key] == refund
    assert merged[before.key].unknown_fields == {"destination": {"S": "card"}}
    after = dataclasses.replace(refund, unknown_fields={"destination": {"S": "balance"}})
    for superseded in (before, dataclasses.replace(before, unknown_fields=None)):
        assert facts.merge({before.key: superseded}, [after])[before.key].unknown_fields == after.unknown_fields


LOT_OWNER = FACTS[0].account_id  # type: ignore[union-attr]


# ── The old faults, planted: each changed what was stored or compared ─────────────────────────────────────────────────


def _renamed(fact: Fact, **defaults: object) -> Fact:
    """The same fact by a class of another name, with its fields in another order and with other defaults."""
    fields = [
        (
            field.name,
            field.type,
            dataclasses.field(default=defaults.get(field.name), compare=field.compare, kw_only=True),
        )
        for field in reversed(dataclasses.fields(fact))
    ]
    base = type(fact)
    namespace = {"key": base.key, "version": base.version}
    renamed = dataclasses.make_dataclass(
        f"Renamed{base.__name__}", fields, frozen=True, slots=True, kw_only=True, namespace=namespace
    )
    made: Fact = renamed(**{field.name: getattr(fact, field.name) for field in dataclasses.fields(fact)})
    return made


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_a_renamed_class_a_flipped_default_and_reordered_fields_change_no_byte_and_no_comparison(fact: Fact) -> None:
    """Class name, field order and defaults are Python's: neither the stored fact nor its version has them."""
    kind, shape = items._KIND_OF_FACT[type(fact)]  # noqa: SLF001 - the table by class
    renamed = _renamed(fact, is_renewal=True, takes_credits=False, overcharge_minor=100, movements=2)
    table = Shape(shape.what, type(renamed), shape.fields)
    assert table.encode(renamed) == shape.encode(fact)
    assert {"is": kind, **table.encode(renamed)} == items.to_fact(fact)["M"]
    assert renamed.version == fact.version
    assert canonical(renamed) == canonical(fact)
    assert table.decode(shape.encode(fact)) == renamed


ENUMS = (
    facts.RefundState,
    facts.DisputeState,
    facts.ChargebackState,
    subscriptions.SubscriptionStatus,
)
RANKS = {
    "RefundState": ["pending", "requires_action", "succeeded", "canceled", "failed"],
    "DisputeState": [
        "inquiry",
        "inquiry_closed",
        "open",
        "under_review",
        "lost",
        "appealed",
        "prevented",
        "won",
        "resolved",
    ],
    "ChargebackState": ["taken", "rejected", "reversed"],
    "SubscriptionStatus": ["incomplete", "inactive", "unpaid", "past_due", "paused", "trialing", "active", "ended"],
}


@pytest.mark.parametrize("enum", ENUMS)
def test_a_reordered_enum_ranks_its_states_as_before(enum: type[StrEnum], monkeypatch: pytest.MonkeyPatch) -> None:
    """The rank of a state stands in a table. Reverse the enum's own order, and it is the same."""

    def reversed_members(cls: type[StrEnum]) -> Iterator[StrEnum]:
        return (cls._member_map_[name] for name in reversed(cls._member_names_))  # type: ignore[misc]

    monkeypatch.setattr(type(enum), "__iter__", reversed_members)
    assert [member.value for member in sorted(enum.__members__.values(), key=lambda member: member.rank)] == RANKS[  # type: ignore[attr-defined]
        enum.__name__
    ]


def test_the_canonical_content_of_a_record_is_this_text() -> None:
    """It decides which of two facts stands, so it must be the same in every release."""
    fact = RefundSent(tag="t", refund_id="re_1", at=AT, cause="case:1", unknown_fields={"x": {"S": "y"}})
    assert canonical(fact) == '{"at":"2026-11-01T12:00:00.000000Z","cause":"case:1","refund_id":"re_1","tag":"t"}'
    assert canonical(fact, without="cause") == '{"at":"2026-11-01T12:00:00.000000Z","refund_id":"re_1","tag":"t"}'
    assert canonical(FACTS[2], without="cause") == (
        '{"amount_minor":500,"at":"2026-11-04T12:00:00.250000Z","created_at":"2026-11-01T12:00:00.000000Z",'
        '"currency":"USD","items":[{"amount_minor":500,"is_tax_only":true,"line_id":"li_1"}],"refund_id":"re_1",'
        '"state":"succeeded","tag":"case_1-1"}'
    )
    with pytest.raises(TypeError):
        canonical(dataclasses.replace(fact, tag=1.5))  # type: ignore[arg-type]


def test_a_number_that_is_not_whole_is_never_stored() -> None:
    """A ledger holds no floats, and true is no number."""
    for wrong in (1.5, True, "1"):
        with pytest.raises(TypeError):
            codec.WHOLE.encode(wrong)
    with pytest.raises(TypeError):
        codec.BOOLEAN.encode(1)
    with pytest.raises(TypeError):
        codec.TEXT.encode(1)
