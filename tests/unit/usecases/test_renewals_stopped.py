"""A dispute that takes a payment of a subscription stops its renewals: once, whatever is received in what order."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest

from ledger.domain.errors import ProviderRefused, ProviderUnavailable
from ledger.domain.events import Event, Owner
from ledger.domain.facts import ChargebackChanged, ChargebackState, DisputeState, MoneyLinked, PaymentSettled
from ledger.domain.ids import PaymentId
from ledger.domain.orders import Consent
from ledger.domain.refund_cases import CaseState, RefundCase, RefundReason
from ledger.domain.renewal_stops import RenewalStop
from ledger.domain.subscriptions import Subscription, SubscriptionState, SubscriptionStatus
from ledger.ports.documents import renewal_stop_key
from ledger.usecases.refund_cases.confirm_withdrawal import confirm_withdrawal
from ledger.usecases.send_refunds import SendResult, send_refund
from ledger.usecases.stop_renewals import StopResult, stop_renewals
from ledger.usecases.usage import draw_credits
from tools.testing.builders import (
    ADA,
    CONSENT,
    IN,
    LATER,
    PI,
    POLICY,
    RENEWED,
    at,
    dispute,
    event_of,
    ordered,
    paid,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeProvider, FakeStore, world
from tools.verify import check

SUBSCRIPTION = "stripe:sub_1"
RENEWAL = replace(RENEWED, subscription_id=SUBSCRIPTION)
PAID = paid(RENEWAL)
NAMES = (IN, PI)
OPENED = event_of(dispute(DisputeState.OPEN), names=NAMES)
LOST = event_of(dispute(DisputeState.LOST, minute=30), names=NAMES)
WON = event_of(dispute(DisputeState.WON, minute=40), names=NAMES)
RUNNING = SubscriptionState(status=SubscriptionStatus.ACTIVE, period_end=LATER, cancel_at=None)


def chargeback(
    minute: float = 20, *, kind: str = "chargeback", is_reversal: bool = False, amount_minor: int = 2000
) -> ChargebackChanged:
    """Return a row of a chargeback, as Paddle reports it."""
    return ChargebackChanged(
        adjustment_id=f"adj_{minute}",
        kind=kind,
        is_reversal=is_reversal,
        state=ChargebackState.TAKEN,
        amount_minor=amount_minor,
        currency="USD",
        created_at=at(minute),
        at=at(minute),
        cause="paddle:evt",
    )


def after(*events: Event) -> FakeStore:
    """Return a store in which these events were recorded."""
    record_events(store := FakeStore(), *events)
    return store


def stops(store: FakeStore) -> list[RenewalStop]:
    """Return what waits to be stopped. Every invariant holds beside it."""
    assert not [one for one in check(world(store)) if one.broken]
    return list(store.renewal_stops())


def carry_out(store: FakeStore, provider: FakeProvider) -> list[StopResult]:
    """Carry out everything that waits to be stopped."""
    return [stop_renewals(renewal_stop_key(stop), store, lambda _: provider) for stop in list(store.renewal_stops())]


@pytest.mark.parametrize("order", list(itertools.permutations([PAID, OPENED, LOST])))
def test_a_lost_dispute_stops_the_renewals_in_any_order(order: Sequence[Event]) -> None:
    """Also if the payment is received last. What is received again writes nothing more."""
    store = after(*order)
    (stop,) = stops(store)
    assert (stop.account_id, stop.subscription_id, stop.payment_id, stop.since) == (ADA, SUBSCRIPTION, IN, LATER)
    assert stop.cause == LOST.cause
    record_events(store, *order)
    assert stops(store) == [stop]


@pytest.mark.parametrize(
    "facts",
    [
        [dispute(DisputeState.LOST)],
        [dispute(DisputeState.LOST, amount_minor=500)],
        [replace(dispute(DisputeState.LOST), currency="EUR")],
        [replace(dispute(DisputeState.PREVENTED), is_resolution=True)],
        [replace(dispute(DisputeState.INQUIRY_CLOSED), taken_minor=2000)],
        [chargeback()],
        [chargeback(kind="chargeback_warning")],
        [replace(chargeback(), currency="EUR")],
        [chargeback(), chargeback(30, is_reversal=True, amount_minor=500)],
    ],
    ids=lambda facts: (
        f"{getattr(facts[0], 'state', '')} {getattr(facts[0], 'kind', '')} {facts[0].currency} {len(facts)}"
    ),
)
def test_whatever_took_the_money_stops_the_renewals(facts: list[object]) -> None:
    """Lost or resolved, whole or in part, in whatever currency; a chargeback that stands."""
    assert len(stops(after(PAID, event_of(*facts, names=NAMES)))) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "facts",
    [
        [dispute(DisputeState.OPEN)],
        [dispute(DisputeState.INQUIRY)],
        [dispute(DisputeState.WON)],
        [dispute(DisputeState.PREVENTED)],
        [replace(dispute(DisputeState.LOST), taken_minor=2000, returned_minor=2000)],
        [replace(chargeback(), state=ChargebackState.REJECTED)],
        [chargeback(), chargeback(30, is_reversal=True)],
        [refund(2000)],
    ],
    ids=lambda facts: f"{getattr(facts[0], 'state', '')} {len(facts)}",
)
def test_whatever_took_nothing_stops_nothing(facts: list[object]) -> None:
    """While the bank has not decided, and when it decided for us; a refund is no dispute."""
    assert stops(after(PAID, event_of(*facts, names=NAMES))) == []  # type: ignore[arg-type]


def test_a_pack_has_no_renewals_to_stop() -> None:
    """It was paid once."""
    assert stops(after(paid(), event_of(dispute(DisputeState.LOST)))) == []


def test_a_link_that_arrives_last_stops_the_renewals() -> None:
    """The dispute names the PaymentIntent alone, and waited under its id."""
    link = MoneyLinked(money_id=PI, sale_id=IN, amount_minor=2000, at=at(1), cause="stripe:evt_link")
    disputed = event_of(dispute(DisputeState.LOST), names=(PI,))
    store = after(PAID, disputed)
    assert stops(store) == []
    record_events(store, event_of(link, names=NAMES))
    assert len(stops(store)) == 1


def test_the_payments_of_two_periods_that_share_money_stop_the_renewals_each() -> None:
    """Both were lost: carried out twice, it is stopped once."""
    other: PaymentSettled = replace(
        RENEWAL,
        payment_id=PaymentId("stripe:in_2"),
        fulfilment_key="period/stripe:sub_1/2026-12-01T00:00:00Z",
        cause="stripe:in_2",
    )
    links = [
        MoneyLinked(money_id=PI, sale_id=one.payment_id, amount_minor=1000, at=at(1), cause="stripe:evt_link")
        for one in (RENEWAL, other)
    ]
    store = after(
        PAID,
        paid(other),
        *(event_of(link, names=(link.sale_id, PI)) for link in links),
        event_of(replace(dispute(DisputeState.LOST), money_id=PI), names=(PI,)),
    )
    assert {stop.payment_id for stop in stops(store)} == {IN, other.payment_id}
    assert carry_out(store, provider := FakeProvider()) == [StopResult.STOPPED] * 2
    assert provider.stopped == {SUBSCRIPTION}


def test_renewals_that_the_customer_resumed_are_not_stopped_again() -> None:
    """Not by the same event, and not by a later one about the same dispute."""
    store, provider = after(PAID, OPENED, LOST), FakeProvider()
    assert carry_out(store, provider) == [StopResult.STOPPED]
    provider.resume_renewals(SUBSCRIPTION)
    later = replace(dispute(DisputeState.LOST, minute=50), movements=2, taken_minor=2000)
    record_events(
        store, LOST, OPENED, PAID, event_of(later, names=NAMES), event_of(refund(100, minute=60), names=NAMES)
    )
    assert stops(store) == []


def test_a_payment_that_is_lost_anew_stops_the_renewals_anew() -> None:
    """The dispute was won, and then the bank took the money after all."""
    store, provider = after(PAID, LOST), FakeProvider()
    carry_out(store, provider)
    record_events(store, WON)
    assert stops(store) == []
    record_events(store, event_of(dispute(DisputeState.LOST, minute=60), names=NAMES), now=at(70))
    assert len(stops(store)) == 1


def test_a_dispute_that_was_won_meanwhile_stops_nothing() -> None:
    """The provider is not even asked."""
    store = after(PAID, LOST, WON)
    assert carry_out(store, provider := FakeProvider()) == [StopResult.NOT_NEEDED]
    assert (stops(store), provider.calls) == ([], [])


def known_as(status: SubscriptionStatus) -> Event:
    """The event that says in which state the subscription is."""
    event = event_of(names=(), minute=40)
    subscription = Subscription(
        subscription_id=SUBSCRIPTION, status=status, at=event.at, cause=event.cause, account_id=ADA
    )
    return replace(event, subscription=subscription, owner=Owner(account_id=ADA))


@pytest.mark.parametrize("status", [one for one in SubscriptionStatus if one is not SubscriptionStatus.ENDED])
def test_a_subscription_that_may_go_on_is_stopped_in_whatever_state_it_is(status: SubscriptionStatus) -> None:
    """One that is past due, paused or on trial can be charged again."""
    store = after(PAID, LOST, known_as(status))
    assert carry_out(store, provider := FakeProvider()) == [StopResult.STOPPED]
    assert (stops(store), len(provider.calls)) == ([], 1)


def test_a_subscription_that_has_ended_is_not_stopped() -> None:
    """Its end was received."""
    store = after(PAID, LOST, known_as(SubscriptionStatus.ENDED))
    assert carry_out(store, provider := FakeProvider()) == [StopResult.NOT_NEEDED]
    assert (stops(store), provider.calls) == ([], [])


@pytest.mark.parametrize(
    ("provider", "error"),
    [
        (FakeProvider(stop_faults=[ProviderRefused("not_active", "It is paused.")]), ProviderRefused),
        (FakeProvider(stop_faults=[ProviderUnavailable("no response")]), ProviderUnavailable),
        (FakeProvider(states={SUBSCRIPTION: RUNNING}), ProviderRefused),
    ],
    ids=["refused", "unavailable", "it goes on"],
)
def test_what_is_not_stopped_stays_until_the_provider_says_that_it_is(
    provider: FakeProvider, error: type[Exception]
) -> None:
    """The next round tries it again: a person may have ended it meanwhile."""
    store = after(PAID, LOST)
    (stop,) = stops(store)
    with pytest.raises(error):
        carry_out(store, provider)
    assert stops(store) == [stop]
    provider.states[SUBSCRIPTION] = replace(RUNNING, status=SubscriptionStatus.ENDED)
    assert carry_out(store, provider) == [StopResult.STOPPED]
    assert stops(store) == []
    assert stop_renewals(renewal_stop_key(stop), store, lambda _: provider) is StopResult.DONE_BEFORE


def withdrawn(used: int, *, consent: Consent | None = CONSENT) -> tuple[FakeStore, RefundCase]:
    """A subscription whose customer used some credits, and withdrew on the same day."""
    store = FakeStore()
    settled = replace(ordered(store, consent=consent), subscription_id=SUBSCRIPTION)
    record_events(store, paid(settled), now=at(1))
    if used:
        draw_credits(ADA, "run_1", used, store, now=at(2))
    claim = refund_claim(RefundReason.WITHDRAWAL, is_declaration=True)
    case = confirm_withdrawal(ADA, request_refund(store, claim).case_id, store, POLICY, now=at(62))
    return store, case


def test_a_withdrawal_that_refunds_nothing_ends_the_renewals_all_the_same() -> None:
    """The contract ends, although all of its credits were used."""
    store, case = withdrawn(1000)
    assert case.state is CaseState.DECLINED
    (stop,) = stops(store)
    assert (stop.subscription_id, stop.payment_id, stop.cause) == (SUBSCRIPTION, PI, f"case:{case.case_id}")
    provider = FakeProvider()
    assert carry_out(store, provider) == [StopResult.STOPPED]
    assert provider.stopped == {SUBSCRIPTION}
    assert stops(store) == []


def test_a_withdrawal_that_is_refunded_is_ended_by_the_sender() -> None:
    """It stops the renewals before it sends the money."""
    store, case = withdrawn(0)
    assert case.state is CaseState.APPROVED
    assert stops(store) == []
    provider = FakeProvider()
    assert send_refund(case.tag, store, lambda _: provider, clock=lambda: at(63)) is SendResult.SENT
    assert [call.partition(" ")[0] for call in provider.calls] == ["stop", "send"]
    assert provider.stopped == {SUBSCRIPTION}


def test_a_withdrawal_that_a_person_decides_ends_the_renewals_at_once() -> None:
    """The money waits for the dispute. The contract does not."""
    store = FakeStore()
    settled = replace(ordered(store, consent=CONSENT), subscription_id=SUBSCRIPTION)
    record_events(store, paid(settled), event_of(dispute(), names=(PI,)), now=at(1))
    claim = refund_claim(RefundReason.WITHDRAWAL, is_declaration=True)
    case = confirm_withdrawal(ADA, request_refund(store, claim).case_id, store, POLICY, now=at(62))
    assert case.state is CaseState.IN_REVIEW
    assert [one.cause for one in stops(store)] == [f"case:{case.case_id}"]


def test_a_request_for_another_reason_ends_no_renewals_before_it_is_approved() -> None:
    """A renewal by mistake: whoever is refused keeps the subscription."""
    store = FakeStore()
    record_events(store, PAID, now=at(1))
    case = request_refund(store, refund_claim(RefundReason.MISTAKEN_RENEWAL, payment_id=IN))
    assert case.decision
    assert case.decision.ends_subscription
    assert stops(store) == []


@pytest.mark.parametrize("status", list(SubscriptionStatus))
def test_who_withdrew_is_charged_no_more_and_what_has_ended_is_left_alone(status: SubscriptionStatus) -> None:
    """A provider refuses to stop what has ended: its stop would stay in the list for ever."""
    store, _ = withdrawn(1000)
    record_events(store, known_as(status))
    provider = FakeProvider()
    has_ended = status is SubscriptionStatus.ENDED
    assert carry_out(store, provider) == [StopResult.NOT_NEEDED if has_ended else StopResult.STOPPED]
    assert (stops(store), len(provider.calls)) == ([], 0 if has_ended else 1)
