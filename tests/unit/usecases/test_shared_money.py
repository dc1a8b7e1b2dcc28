"""Sales that share their money: what one of them knows of it never undoes what another one needs."""

import itertools
from dataclasses import replace

import pytest

from ledger.domain.events import Event
from ledger.domain.facts import DisputeState, RefundTotalReported
from ledger.domain.ids import PaymentId
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import DecisionOutcome
from ledger.domain.refunds import outstanding_minor, returned_minor
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.send_refunds import send_refund
from tests.unit.usecases.test_links import IN_2, PI_2, linked
from tools.testing.builders import (
    ADA,
    CH,
    IN,
    PI,
    POLICY,
    at,
    dispute,
    event_of,
    paid,
    payment,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeProvider, FakeStore, world
from tools.testing.unguarded import decide_case
from tools.verify import check

TWIN = PaymentId("stripe:in_3")
PERIOD = "period/stripe:sub_1/2026-11-01T00:00:00Z"
LOTS = ("stripe:in_1/0", "stripe:in_2/0")


def shared() -> FakeStore:
    """Two invoices of 15.00 for 1,000 credits each, both paid by one PaymentIntent."""
    store = FakeStore()
    record_events(store, paid(payment(IN, paid_minor=1500)), paid(payment(IN_2, paid_minor=1500)))
    record_events(store, linked(IN, PI, 1500), linked(IN_2, PI, 1500))
    return store


@pytest.mark.parametrize("order", [*itertools.permutations(("refund", "total"))], ids="-".join)
def test_our_refund_of_one_sale_leaves_the_credits_of_the_other(order: tuple[str, ...]) -> None:
    """The charge's running total contains it, also before the refund is reported by itself."""
    store = shared()
    tag = sent(store)
    told = {
        "refund": event_of(replace(refund(1500, minute=63), tag=tag, money_id=PI), names=(PI, CH)),
        "total": total(),
    }
    for name in order:
        record_events(store, told[name])
        assert credits_of(store) == [0, 1000]
    follow(IN, store, now=at(65))
    assert broken(store) == []


def sent(store: FakeStore, provider: FakeProvider | None = None) -> str:
    """Our refund of all of the first invoice is approved and sent. Its tag."""
    case = request_refund(store, refund_claim(payment_id=IN))
    all_of_it = ReviewDecision(outcome=DecisionOutcome.APPROVE, words=("Yes.",), clause="6", money_minor=1500)
    approved = decide_case(case.case_id, all_of_it, "sam", store, POLICY, now=at(61))
    send_refund(approved.tag, store, lambda _: provider or FakeProvider(), clock=lambda: at(62))
    return approved.tag


def total(minor: int = 1500, money_id: PaymentId = PI) -> Event:
    """The charge's running total."""
    fact = RefundTotalReported(
        charge_id="ch_1", total_minor=minor, currency="USD", at=at(64), cause="stripe:evt", money_id=money_id
    )
    return event_of(fact, names=(money_id, CH))


def credits_of(store: FakeStore) -> list[int]:
    """The credits of the two invoices that can be used."""
    lots = dict(store.accounts[ADA].lots) | {lot_id: lot for (_, lot_id), lot in store.closed_lots.items()}
    return [lots[lot_id].remaining for lot_id in LOTS if lot_id in lots]


def broken(store: FakeStore) -> list[str]:
    """The invariants that are broken."""
    return [finding.invariant for finding in check(world(store)) if finding.broken]


LATE = {
    "link": linked(IN_2, PI, 1500),
    "payment": paid(payment(IN_2, paid_minor=1500)),
    "total": total(),
}


@pytest.mark.parametrize("order", [*itertools.permutations(LATE)], ids="-".join)
def test_a_sale_that_is_known_only_after_our_refund_was_sent_learns_whose_it_is(order: tuple[str, ...]) -> None:
    """By the link, whether or not it is paid by then."""
    store = FakeStore()
    record_events(store, paid(payment(IN, paid_minor=1500)), linked(IN, PI, 1500))
    sent(store)
    record_events(store, *(LATE[name] for name in order))
    assert credits_of(store) == [0, 1000]
    assert broken(store) == []


def test_a_sale_that_is_linked_but_not_paid_yet_keeps_whose_refund_was_sent() -> None:
    """It needs it when it is paid."""
    store = FakeStore()
    record_events(store, paid(payment(IN, paid_minor=1500)), linked(IN, PI, 1500), linked(IN_2, PI, 1500))
    sent(store)
    record_events(store, total(), paid(payment(IN_2, paid_minor=1500)))
    assert credits_of(store) == [0, 1000]
    assert broken(store) == []


def test_the_parts_of_our_refund_are_recognized_in_each_payments_running_total() -> None:
    """Two payments give a part each, and one of them paid for another invoice too."""
    store = FakeStore()
    record_events(store, paid(payment(IN, paid_minor=1500)), paid(payment(IN_2, paid_minor=1500)))
    record_events(store, linked(IN, PI, 900), linked(IN, PI_2, 600), linked(IN_2, PI, 1500))
    provider = FakeProvider(paid_minor={IN: 1500}, paid_by={"pi_1": 900, "pi_2": 600})
    tag = sent(store, provider)
    record_events(store, total(900))
    purchase = store.payments[IN]
    assert isinstance(purchase, Purchase)
    assert (returned_minor(purchase.facts), outstanding_minor(purchase.facts)) == (900, 600)
    assert credits_of(store) == [400, 1000], "and these are reserved"
    part = replace(refund(900, minute=63), tag=f"{tag}/1", money_id=PI)
    other = replace(refund(600, refund_id="re_2", minute=63), tag=f"{tag}/2", money_id=PI_2, charge_id="ch_2")
    record_events(store, event_of(part, names=(PI, CH)), event_of(other, names=(PI_2,)))
    assert credits_of(store) == [0, 1000]
    follow(IN, store, now=at(65))
    assert broken(store) == []


@pytest.mark.parametrize("is_linked_late", [True, False])
def test_a_charge_of_an_invoice_that_two_payments_paid_leads_to_all_sales(is_linked_late: bool) -> None:
    """Its payment came to pay for another invoice, too. Later something names the charge alone."""
    store = FakeStore()
    record_events(store, paid(payment(IN, paid_minor=1500)), paid(payment(IN_2, paid_minor=1500)))
    record_events(store, linked(IN, PI, 900), linked(IN, PI_2, 600))
    link = linked(IN_2, PI, 1500)
    if not is_linked_late:
        record_events(store, link)
    small = replace(refund(240), money_id=PI)
    record_events(store, event_of(small, names=(PI, CH)))
    if is_linked_late:
        record_events(store, link)
    assert credits_of(store) == [940, 900]
    rest = replace(refund(2160, refund_id="re_2", minute=12), money_id=CH)
    record_events(store, event_of(rest, names=(CH,)))
    assert credits_of(store) == [400, 0]
    lost = replace(dispute(DisputeState.LOST, 2400), money_id=CH)
    record_events(store, event_of(lost, names=(CH,)))
    assert credits_of(store) == [400, 0], "no more than it paid"
    assert broken(store) == []


def test_a_twin_of_one_sale_does_not_lift_the_hold_that_the_other_one_needs() -> None:
    """For the first invoice's period another payment stands. Nothing else pays for the second one."""
    store = FakeStore()
    renewal = replace(payment(IN, paid_minor=1500, fulfilment_key=PERIOD), subscription_id="stripe:sub_1")
    record_events(store, paid(renewal), paid(payment(IN_2, paid_minor=1500)))
    record_events(store, paid(replace(renewal, payment_id=TWIN, at=at(1))))
    record_events(store, linked(IN, PI, 1500), linked(IN_2, PI, 1500))
    for number, state in enumerate(
        (DisputeState.OPEN, DisputeState.UNDER_REVIEW, DisputeState.LOST, DisputeState.LOST), start=20
    ):
        news = replace(dispute(state, 3000, minute=number), money_id=PI)
        record_events(store, event_of(news, names=(PI, CH)))
        assert store.accounts[ADA].status == "suspended", state
        assert broken(store) == []
    record_events(store, event_of(replace(dispute(DisputeState.WON, 3000, minute=30), money_id=PI), names=(PI, CH)))
    assert store.accounts[ADA].status == "active"


@pytest.mark.parametrize(
    ("gone_minor", "sent_minor"),
    [
        (0, [("pi_1", 900), ("pi_2", 600)]),
        (400, [("pi_2", 900), ("pi_1", 600)]),
        (900, [("pi_1", 900), ("pi_2", 600)]),  # otherwise there is too little: the provider says what is left
    ],
)
def test_a_payment_gives_no_more_of_our_refund_than_it_has_left_of_the_sale(
    gone_minor: int, sent_minor: list[tuple[str, int]]
) -> None:
    """Someone else refunded some of it, which was of both of its sales. At the provider more is left."""
    store = FakeStore()
    record_events(store, paid(payment(IN, paid_minor=1500 + gone_minor)), paid(payment(IN_2, paid_minor=300)))
    record_events(store, linked(IN, PI, 900), linked(IN, PI_2, 900), linked(IN_2, PI, 300))
    if gone_minor:
        record_events(store, event_of(replace(refund(gone_minor), money_id=PI), names=(PI, CH)))
    provider = FakeProvider(paid_minor={IN: 1500}, paid_by={"pi_1": 900, "pi_2": 900})
    sent(store, provider)
    assert [(kept.source, kept.amount_minor) for kept, _ in provider.refunds] == sent_minor
