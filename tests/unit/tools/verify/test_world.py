"""What the rules read: everything that is stored, and what follows from it."""

from dataclasses import fields, replace
from typing import TypeVar

import pytest

from ledger.domain.audit import AuditRecord
from ledger.domain.facts import PaymentSettled
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.orders import OpenCheckout
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import QueuedCase, RefundCase
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.renewal_stops import RenewalStop
from ledger.domain.runs import FailedRun
from ledger.dynamodb.items import Item
from ledger.ports.commit import PaymentPointer
from ledger.ports.documents import CasePointer, DocumentKey, DocumentKind, JobCursor, OrderPointer
from tools.testing.builders import ADA, PI, payment
from tools.testing.fakes import world
from tools.testing.ledgers import LEDGERS
from tools.testing.planting import lawful, put_lot
from tools.testing.stored_items import items_of
from tools.verify import World

_D = TypeVar("_D")
OF_ITEMS = {"is_readable", "is_in_place", "is_as_written"}


def read(items: list[Item]) -> World:
    """What these items hold."""
    whole = World()
    for item in items:
        whole.add(item)
    return whole


def content(whole: World) -> dict[str, object]:
    """All parts but what is known of each item."""
    return {part.name: getattr(whole, part.name) for part in fields(World) if part.init and part.name not in OF_ITEMS}


@pytest.mark.parametrize("name", LEDGERS)
def test_what_is_stored_is_read_back(name: str) -> None:
    """Every item of every kind, and each of them is readable, in place and as written."""
    store = LEDGERS[name]()
    whole = read(items_of(store))
    assert content(whole) == content(world(store))
    keys = {f"{item['pk']['S']} / {item['sk']['S']}": True for item in items_of(store)}
    assert whole.is_readable == whole.is_in_place == whole.is_as_written == keys


@pytest.mark.parametrize("name", LEDGERS)
def test_each_document_is_where_the_rules_look(name: str) -> None:
    """By its key, or by the name that others know it by."""
    store = LEDGERS[name]()
    whole = read(items_of(store))

    def of(kind: type[_D]) -> dict[DocumentKey, _D]:
        return {key: document for key, document in store.documents.items() if isinstance(document, kind)}

    assert whole.cases == {case.case_id: case for case in of(RefundCase).values()}
    assert whole.intents == {intent.tag: intent for intent in of(RefundIntent).values()}
    assert whole.pointers == {pointer.case_id: pointer.account_id for pointer in of(CasePointer).values()}
    assert whole.failed_runs == [(key.parts[0], failed) for key, failed in of(FailedRun).items()]
    acts = [(key, record) for key, record in of(AuditRecord).items()]
    subjects = DocumentKind.SUBJECT_ACT
    assert whole.audit_records == [(key.parts[0], record) for key, record in acts if key.kind is not subjects]
    assert whole.subject_acts == [(key.parts[0], record) for key, record in acts if key.kind is subjects]
    assert whole.order_pointers == {key: pointer.order_id for key, pointer in of(OrderPointer).items()}
    assert whole.renewal_stops == of(RenewalStop)
    assert whole.queued_cases == of(QueuedCase)
    assert {**whole.idempotency_records, **whole.subject_requests} == of(IdempotencyRecord)
    assert {key.kind for key in whole.subject_requests} <= {DocumentKind.SUBJECT_REQUEST}
    assert whole.open_checkouts == of(OpenCheckout)
    assert whole.job_cursors == of(JobCursor)


def one_item(name: str, start: str) -> Item:
    """The first item of a ledger whose partition or sort key begins so."""
    return next(
        item
        for item in items_of(LEDGERS[name]())
        if item["pk"]["S"].startswith(start) or item["sk"]["S"].startswith(start)
    )


@pytest.mark.parametrize(
    ("item", "spoilt"),
    [
        (("used", "RECEIPT#"), {"schema": {"N": "99"}}),
        (("used", "RECEIPT#"), {"schema": {"S": "1"}}),
        (("used", "RECEIPT#"), {"outcome": {"S": "of_a_newer_release"}}),
        (("used", "RECEIPT#"), {"received_at": {"S": "no time"}}),
        (("used", "ENTRY#"), {"occurred_at": {"S": "9999-12-31T23:59:59-01:00"}}),
        (("used", "RECEIPT#"), {"pk": {"S": "NOTHING#of-ours"}}),
        (("used", "RECEIPT#"), {"pk": {"S": ""}}),
        (("foreign", "RECEIPT#"), {"body": {"B": b"no zlib"}}),
        (("used", "ENTRY#"), {"sk": {"S": "NOTHING#of-ours"}}),
        (("used", "ENTRY#"), {"kind": {"S": "of_a_newer_release"}}),
        (("used", "ENTRY#"), {"expires_on": {"N": "1"}}),
        (("used", "ENTRY#"), {"credits": {"S": "1"}}),
        (("used", "ENTRY#"), {"credits": {}}),
    ],
    ids=lambda part: str(part)[:50],
)
def test_an_item_that_cannot_be_read_is_noted(item: tuple[str, str], spoilt: Item) -> None:
    """Whatever is wrong with it. Nothing is said of its place and its digest."""
    stored = {**one_item(*item), **spoilt}
    whole = read([stored])
    assert whole.is_readable == {f"{stored['pk']['S']} / {stored['sk']['S']}": False}
    assert whole.is_in_place == whole.is_as_written == {}


def test_an_item_out_of_place_is_noted_and_read() -> None:
    """So is one that is not as it was written."""
    stored = one_item("used", "ENTRY#")
    moved = {**stored, "sk": {"S": stored["sk"]["S"] + "x"}}
    spoilt = {**stored, "digest": {"S": "0"}}
    assert [*read([moved]).is_in_place.values()] == [False]
    assert [*read([spoilt]).is_as_written.values()] == [False]
    assert len(read([moved, spoilt]).entries) == 2


def pointed(length: int) -> World:
    """A purchase, and so many pointers, of which each leads to the one before."""
    names = [PI, *(PaymentId(f"stripe:ch_{number}") for number in range(length))]
    whole = World(payments={PI: Purchase(payment_id=PI, names=frozenset(names), facts={"payment": payment()})})
    for name, to in zip(names[1:], names, strict=False):
        whole.payments[name] = PaymentPointer(name=name, to=to)
    return whole


def test_a_name_leads_to_its_purchase() -> None:
    """Over ten pointers at most, so that a circle ends."""
    whole = pointed(11)
    assert [home.payment_id for home in whole.homes_of(PI)] == [PI]
    assert [home.payment_id for home in whole.homes_of(PaymentId("stripe:ch_9"))] == [PI]
    assert whole.homes_of(PaymentId("stripe:ch_10")) == []
    assert whole.homes_of(PaymentId("stripe:pi_9")) == []
    assert whole.home_of(PaymentId("stripe:pi_9")) is None
    assert whole.facts(PaymentId("stripe:pi_9")) == {}
    assert whole.facts(PaymentId("stripe:ch_9")) == {"payment": payment()}


def test_a_name_leads_to_all_sales_that_share_the_money() -> None:
    """In the order in which the pointer names them; the first is the home."""
    whole = lawful("refunded_in_parts")
    assert [home.payment_id for home in whole.homes_of(PI)] == ["stripe:in_1", "stripe:pi_3"]
    home = whole.home_of(PI)
    assert home is not None
    assert home.payment_id == "stripe:in_1"


def test_a_queue_counts_its_cases() -> None:
    """Each queue its own."""
    whole = lawful("ordered_twice")
    (case_id,) = whole.cases
    assert whole.queued(DocumentKind.DEFERRED_QUEUE) == {case_id: 1}
    assert whole.queued(DocumentKind.REVIEW_QUEUE) == {}


def paid(number: int, *, fulfilment_key: str | None = None, covers: str | None = None) -> PaymentSettled:
    """A payment for an order, a period, both, or nothing in particular. The higher its number, the earlier."""
    return payment(
        PaymentId(f"stripe:pi_{number}"), fulfilment_key=fulfilment_key, covers=covers, minute=float(-number)
    )


@pytest.mark.parametrize(
    ("payments", "groups"),
    [
        ([paid(1), paid(2)], {(1,), (2,)}),
        ([paid(1, fulfilment_key="order/a"), paid(2, fulfilment_key="order/a")], {(2, 1)}),
        ([paid(1, fulfilment_key="order/a"), paid(2, fulfilment_key="order/b")], {(1,), (2,)}),
        ([paid(1, covers="period/a"), paid(2, covers="period/a")], {(2, 1)}),
        ([paid(1, fulfilment_key="order/a", covers="period/a"), paid(2, fulfilment_key="period/a")], {(2, 1)}),
        ([paid(1, fulfilment_key="period/a"), paid(2, fulfilment_key="order/a", covers="period/a")], {(2, 1)}),
        (
            [
                paid(1, fulfilment_key="order/a"),
                paid(2, fulfilment_key="period/a"),
                paid(3, fulfilment_key="order/a", covers="period/a"),
                paid(4, fulfilment_key="order/a"),
                paid(5, fulfilment_key="period/a"),
                paid(6),
            ],
            {(5, 4, 3, 2, 1), (6,)},
        ),
        (
            [
                paid(1, fulfilment_key="order/a"),
                paid(2, fulfilment_key="order/a", covers="period/a"),
                paid(3, fulfilment_key="order/b", covers="period/a"),
                paid(4, fulfilment_key="order/b"),
            ],
            {(4, 3, 2, 1)},
        ),
    ],
    ids=[
        "nothing",
        "an order",
        "two orders",
        "a period",
        "both",
        "both, later",
        "a chain, joined late",
        "a long chain",
    ],
)
def test_payments_for_one_thing_are_together(payments: list[PaymentSettled], groups: set[tuple[int, ...]]) -> None:
    """Whatever connects them, the earliest first; and the lots of each thing have one target."""
    whole = World(
        payments={one.payment_id: Purchase(payment_id=one.payment_id, facts={"payment": one}) for one in payments}
    )
    found = whole.payments_for_one_thing()
    assert {tuple(int(one.payment_id[-1]) for _, one in group) for group in found} == groups
    assert len(found) == len(whole.targets()) == len(groups)
    assert {account_id for account_id, _ in whole.targets()} == {ADA}


def test_a_thing_is_of_the_account_that_paid_first() -> None:
    """Another account's later payment changes nothing. That it is there is a fault of its own."""
    first, later = paid(2, fulfilment_key="order/a"), paid(1, fulfilment_key="order/a")
    later = replace(later, account_id=AccountId("acct_eve"))
    both = {one.payment_id: Purchase(payment_id=one.payment_id, facts={"payment": one}) for one in (later, first)}
    assert [account_id for account_id, _ in World(payments={**both}).targets()] == [ADA]


def test_a_purchase_without_its_payment_is_for_nothing() -> None:
    """Its facts wait. A pointer is none either."""
    whole = World(payments={PI: Purchase(payment_id=PI), **pointed(1).payments})
    whole.payments[PI] = Purchase(payment_id=PI)
    assert [*whole.purchases()] == []
    assert whole.targets() == []


def test_what_follows_is_computed_once_for_a_check() -> None:
    """And is no part of what is stored: it takes no part in a comparison."""
    whole = lawful("used")
    once = whole.as_it_is()
    before = repr(once)
    assert once.payments_for_one_thing() is once.payments_for_one_thing()
    assert once.targets() is once.targets()
    assert once == whole
    assert repr(once) == before
    assert whole.as_it_is().targets() is not once.targets()


def test_an_open_lot_is_as_its_account_has_it() -> None:
    """Also if it was closed before."""
    whole = lawful("held")
    put_lot(whole, "stripe:pi_1/0", granted=7)
    assert whole.lots() == {(ADA, "stripe:pi_1/0"): whole.accounts[ADA].lots["stripe:pi_1/0"]}
    whole.accounts[ADA] = replace(whole.accounts[ADA], lots={})
    assert whole.lots() == whole.closed_lots != {}
