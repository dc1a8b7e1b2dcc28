"""Sending looks before it leaps: after a gap the provider is asked first, and nothing is decided or sent in a pause."""

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from ledger.domain.errors import ProviderRefused, ProviderUnavailable, RequestRefused, StoreUnavailable
from ledger.domain.events import Event
from ledger.domain.facts import (
    ChargebackChanged,
    ChargebackState,
    DisputeChanged,
    DisputeState,
    RefundApproved,
    RefundedItem,
    RefundState,
    UngrantedLine,
)
from ledger.domain.ids import PaymentId
from ledger.domain.refund_cases import BY_SENDER, CaseState, DecisionOutcome, RefundCase, RefundReason
from ledger.domain.texts import text
from ledger.ports.commit import Commit, DocumentChange, Refusal
from ledger.ports.documents import intent_key
from ledger.usecases.refund_cases.cases import read_case
from ledger.usecases.refund_cases.context import read_case_context
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.refund_cases.open_case import open_case
from ledger.usecases.send_refunds import LEASE_DURATION, NEW_FOR, SendResult, refund_to_send, send_refund
from tests.contract.test_cases import HALF
from tools.template import functions, load
from tools.testing.builders import (
    ADA,
    IN,
    POLICY,
    RENEWED,
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
from tools.testing.fakes import FakeProvider, FakeStore, ResponseLost
from tools.testing.unguarded import decide_case, decide_deferred, lift_hold

PAUSED = replace(POLICY, is_paused=True)
APPROVED_AT = 70
TOO_OLD = APPROVED_AT + NEW_FOR / timedelta(minutes=1) + 1


def half_approved(store: FakeStore) -> RefundCase:
    """Half of a pack is to go back."""
    record_events(store, paid())
    return decide_case(request_refund(store, refund_claim()).case_id, HALF, "sam", store, POLICY, now=at(APPROVED_AT))


def send(store: FakeStore, provider: FakeProvider, case: RefundCase, minute: float) -> SendResult:
    """Send a case's latest approval."""
    return send_refund(case.tag, store, lambda _: provider, clock=lambda: at(minute))


def test_a_new_intent_is_sent_without_a_look_up() -> None:
    """It was approved minutes ago and never tried: the provider can't have it."""
    case = half_approved(store := FakeStore())
    assert send(store, provider := FakeProvider(), case, APPROVED_AT + 1) is SendResult.SENT
    assert provider.calls == [f"send {case.tag}"]


def test_an_old_intent_is_looked_up_although_it_was_never_tried() -> None:
    """Its record says so, and the record may be older than what was done."""
    case = half_approved(store := FakeStore())
    assert send(store, provider := FakeProvider(), case, TOO_OLD) is SendResult.SENT
    assert provider.calls == [f"find {case.tag}", f"send {case.tag}"]


@pytest.mark.parametrize(("minutes", "is_looked_up"), [(9, False), (10, False), (10.1, True)])
def test_an_intent_is_new_for_ten_minutes(minutes: float, is_looked_up: bool) -> None:
    """A restored table is older than that by the time its jobs run."""
    case = half_approved(store := FakeStore())
    send(store, provider := FakeProvider(), case, APPROVED_AT + minutes)
    assert (f"find {case.tag}" in provider.calls) is is_looked_up


def test_a_lease_is_longer_than_any_function_that_sends_may_run() -> None:
    """Else a second sender would begin while the first one still sends."""
    longest_s = functions(load())["SendRefundsFunction"]["Timeout"]
    assert timedelta(seconds=longest_s) < LEASE_DURATION


@pytest.mark.parametrize("kind", ["stripe", "paddle"])
@pytest.mark.parametrize(
    "fault",
    [
        ResponseLost("time-out"),
        ProviderUnavailable("down"),
        ProviderRefused("adjustment_pending_refund_request", "another one is pending"),
    ],
    ids=["answer lost", "down", "pending"],
)
def test_an_attempt_that_is_unclear_keeps_the_intent_for_its_minute(fault: Exception, kind: str) -> None:
    """The provider's list may lack what was sent. After the minute it is looked up, and sent if it is not there."""
    case = half_approved(store := FakeStore())
    provider = FakeProvider(kind=kind, faults=[fault], is_late=True)
    assert send(store, provider, case, APPROVED_AT + 1) is SendResult.UNCLEAR
    assert [intent.last_error for intent in store.outbox()] == [getattr(fault, "code", str(fault))]
    over = APPROVED_AT + 1 + LEASE_DURATION / timedelta(minutes=1)
    for minute in (APPROVED_AT + 1, over - 0.01):
        assert send(store, provider, case, minute) is SendResult.LEASED
    provider.is_late = False
    was_made = isinstance(fault, ResponseLost)
    assert send(store, provider, case, over) is (SendResult.FOUND if was_made else SendResult.SENT)
    assert provider.refunded_minor == 1000


def test_an_intent_tells_since_when_and_how_often_it_was_tried() -> None:
    """The first attempt counts: from then on the provider may have it. Lease and error are those of the latest one."""
    case = half_approved(store := FakeStore())
    provider = FakeProvider(faults=[ProviderUnavailable("down"), ProviderUnavailable("still down")])
    minutes = (APPROVED_AT + 1, APPROVED_AT + 3)
    assert {send(store, provider, case, minute) for minute in minutes} == {SendResult.UNCLEAR}
    (intent,) = store.outbox()
    assert (intent.first_sent_at, intent.attempts) == (at(minutes[0]), 2)
    assert intent.leased_until == at(minutes[1]) + LEASE_DURATION
    assert intent.last_error == "still down"


def test_a_look_up_that_failed_keeps_the_intent_for_its_minute() -> None:
    """Nothing is sent before one has succeeded."""
    case = half_approved(store := FakeStore())
    provider = FakeProvider(look_up_faults=[ProviderUnavailable("down")])
    assert send(store, provider, case, TOO_OLD) is SendResult.UNCLEAR
    assert send(store, provider, case, TOO_OLD + 0.9) is SendResult.LEASED
    assert send(store, provider, case, TOO_OLD + 1) is SendResult.SENT
    assert provider.calls == [*[f"find {case.tag}"] * 2, f"send {case.tag}"]


def test_what_is_sent_was_recorded_as_tried_before() -> None:
    """The provider's running total may contain it from then on, whatever becomes of the answer."""
    case = half_approved(store := FakeStore())
    seen: list[bool] = []

    def look() -> None:
        _, context = read_case_context(ADA, case.case_id, store)
        seen.append(f"attempted:{case.tag}" in context.purchase.facts)

    provider = FakeProvider(meanwhile=look)
    assert send(store, provider, case, APPROVED_AT + 1) is SendResult.SENT
    assert seen == [True]


@pytest.mark.parametrize(
    ("reported", "result"),
    [
        (lambda _: event_of(dispute(minute=80)), SendResult.ABANDONED),
        (lambda tag: event_of(replace(refund(1000, minute=80), tag=tag)), SendResult.ENDED),
        (lambda tag: event_of(replace(refund(1000, state=RefundState.PENDING, minute=80), tag=tag)), SendResult.FOUND),
    ],
    ids=["a dispute", "this refund", "this refund, pending"],
)
def test_what_is_reported_during_the_look_up_counts(reported: Callable[[str], Event], result: SendResult) -> None:
    """The provider's listing lags, and its webhook does not: nothing is sent beside what was reported."""
    case = half_approved(store := FakeStore())
    provider = FakeProvider(meanwhile=lambda: record_events(store, reported(case.tag)))
    assert send(store, provider, case, TOO_OLD) is result
    assert provider.calls == [f"find {case.tag}"]


LOST, OPEN = DisputeState.LOST, DisputeState.OPEN
HOLD = "dispute:stripe:dp_1"


def lifted(store: FakeStore) -> None:
    """Support lifts the hold of the dispute: a good customer. The dispute goes on."""
    assert lift_hold(HOLD, ADA, "sam", store, why="a good customer", now=at(APPROVED_AT + 1))
    assert store.accounts[ADA].status == "active"


@pytest.mark.parametrize("is_lifted", [False, True], ids=["held", "lifted"])
@pytest.mark.parametrize(
    ("disputed", "reason"),
    [
        (dispute(OPEN, 2000), "not_sent.dispute_open"),
        (dispute(OPEN, 1), "not_sent.dispute_open"),
        (dispute(DisputeState.APPEALED, 500), "not_sent.dispute_open"),
        (replace(dispute(LOST, 500), currency="EUR"), "not_sent.dispute_open"),  # what it took is not known
        (dispute(LOST, 1001), "not_sent.exceeds_refundable"),
        (dispute(LOST, 1000), None),  # the half that is to go back is left
        (dispute(LOST, 1), None),
    ],
    ids=lambda one: one.state if isinstance(one, DisputeChanged) else one,
)
def test_an_open_dispute_stops_a_refund_and_a_hold_does_not(
    disputed: DisputeChanged, reason: str | None, *, is_lifted: bool
) -> None:
    """The bank may return the money of an open one, whether or not the account is held. A lost one has returned it."""
    case = half_approved(store := FakeStore())
    record_events(store, event_of(disputed))
    if is_lifted:
        lifted(store)
    result = send(store, provider := FakeProvider(), case, APPROVED_AT + 2)
    assert result is (SendResult.ABANDONED if reason else SendResult.SENT)
    assert provider.refunded_minor == (0 if reason else 1000)
    after = read_case(ADA, case.case_id, store)
    assert after.state is (CaseState.IN_REVIEW if reason else CaseState.ISSUED)
    assert reason is None or after.history[-1].cause.key == reason


@pytest.mark.parametrize("is_lifted", [False, True], ids=["held", "lifted"])
@pytest.mark.parametrize("state", [OPEN, LOST])
def test_no_refund_is_approved_beside_an_open_dispute_whether_or_not_it_holds(
    state: DisputeState, *, is_lifted: bool
) -> None:
    """Neither by the policy nor by a person. Beside a lost one, what is left can go back."""
    store = FakeStore()
    record_events(store, paid())
    case = request_refund(store, refund_claim())
    record_events(store, event_of(dispute(state, 500)))
    if is_lifted:
        lifted(store)
    if state is LOST:
        assert decide_case(case.case_id, HALF, "sam", store, POLICY, now=at(80)).state is CaseState.APPROVED
        return
    with pytest.raises(RequestRefused, match="dispute"):
        decide_case(case.case_id, HALF, "sam", store, POLICY, now=at(80))
    other = request_refund(store, refund_claim(RefundReason.UNRECOGNISED_CHARGE, key="key_2"), minute=90)
    assert other.decision
    assert other.decision.rule == "open_dispute"


def test_a_chargeback_of_a_part_leaves_the_rest_of_a_refund_to_be_sent() -> None:
    """Paddle has taken the money, so nothing is open. What is left of the payment limits the refund."""
    names = (PaymentId("paddle:txn_1"),)
    for minor, result in ((1000, SendResult.SENT), (1001, SendResult.ABANDONED)):
        store = FakeStore()
        record_events(store, paid(payment(names[0])))
        claim = refund_claim(payment_id=names[0])
        case = decide_case(request_refund(store, claim).case_id, HALF, "sam", store, POLICY, now=at(APPROVED_AT))
        taken = ChargebackChanged(
            currency="USD",
            adjustment_id="adj_1",
            kind="chargeback",
            is_reversal=False,
            state=ChargebackState.TAKEN,
            amount_minor=minor,
            created_at=at(20),
            at=at(20),
            cause="paddle:evt",
        )
        record_events(store, event_of(taken, names=names))
        assert store.accounts[ADA].status == "suspended"
        assert send(store, FakeProvider(kind="paddle"), case, APPROVED_AT + 2) is result


def test_who_has_lost_the_lease_sends_nothing_more() -> None:
    """Another sender may be at it. The clock passes the lease's end before the call to the provider."""
    case = half_approved(store := FakeStore())
    times = iter([at(APPROVED_AT + 1)])
    late = at(APPROVED_AT + 1) + LEASE_DURATION
    provider = FakeProvider()
    result = send_refund(case.tag, store, lambda _: provider, clock=lambda: next(times, late))
    assert (result, provider.calls) == (SendResult.LEASED, [])


def test_an_intent_that_has_ended_stays_until_its_case_has_followed() -> None:
    """If the case can't be written now, the next attempt finds the intent again; then both have moved."""
    case = half_approved(store := Refusing())
    record_events(store, event_of(replace(refund(1000, minute=80), tag=case.tag)))
    store.is_refusing = True
    with pytest.raises(StoreUnavailable):
        send(store, FakeProvider(), case, 90)
    assert [intent.tag for intent in store.outbox()] == [case.tag]
    store.is_refusing = False
    later = 90 + LEASE_DURATION / timedelta(minutes=1)
    assert send(store, FakeProvider(), case, later) is SendResult.ENDED
    assert list(store.outbox()) == []
    assert read_case(ADA, case.case_id, store).state is CaseState.REFUNDED


def test_an_intent_whose_case_has_moved_before_is_removed() -> None:
    """Of a restored outbox, for example: else each round would find it again."""
    case = half_approved(store := FakeStore())
    (intent,) = store.outbox()
    record_events(store, event_of(replace(refund(1000, minute=80), tag=case.tag)))
    assert send(store, provider := FakeProvider(), case, 90) is SendResult.ENDED
    store.commit(Commit(documents=(DocumentChange(intent_key(case.tag), replace(intent, version=0)),)))
    assert send(store, provider, case, 100) is SendResult.ENDED
    assert (list(store.outbox()), provider.calls) == ([], [])


class Refusing(FakeStore):
    """A store that writes no case for now."""

    is_refusing = False

    def commit(self, commit: Commit) -> Refusal | None:
        if self.is_refusing and any(isinstance(change.document, RefundCase) for change in commit.documents):
            raise StoreUnavailable("not now")
        return super().commit(commit)


@pytest.mark.parametrize("kind", ["stripe", "paddle"])
def test_a_refund_of_a_restored_table_is_sent_once(kind: str) -> None:
    """The table is restored to the moment before the refund was sent. Paddle would refund the other half, too."""
    case = half_approved(store := FakeStore())
    provider = FakeProvider(kind=kind)
    before = copy.copy(store)
    before.documents, before.payments, before.accounts = (
        dict(store.documents),
        dict(store.payments),
        dict(store.accounts),
    )
    assert send(store, provider, case, APPROVED_AT + 1) is SendResult.SENT
    assert send(before, provider, case, TOO_OLD) is SendResult.FOUND
    assert provider.refunded_minor == 1000
    assert read_case(ADA, case.case_id, before).state is CaseState.ISSUED


def test_nothing_is_decided_in_a_pause_and_everything_after_it() -> None:
    """What would have been approved at once waits with a reason of its own, and is decided by the next round after."""
    store = FakeStore()
    record_events(store, paid(RENEWED))
    claim = refund_claim(RefundReason.MISTAKEN_RENEWAL, payment_id=IN)
    case = open_case(claim, store, PAUSED, now=at(60))
    assert (case.state, list(store.outbox())) == (CaseState.REQUESTED, [])
    assert case.decision
    assert case.decision.reasons == (text("decision.paused"),)
    assert decide_deferred(store, PAUSED, now=at(90)) == []
    (decided,) = decide_deferred(store, POLICY, now=at(120))
    assert (decided.case_id, decided.state) == (case.case_id, CaseState.APPROVED)
    assert len(list(store.outbox())) == 1


def test_a_person_decides_nothing_in_a_pause() -> None:
    """The case stays in review."""
    store = FakeStore()
    record_events(store, paid())
    case = request_refund(store, refund_claim())
    assert case.state is CaseState.IN_REVIEW
    with pytest.raises(RequestRefused, match="paused"):
        decide_case(case.case_id, HALF, "sam", store, PAUSED, now=at(70))
    assert read_case(ADA, case.case_id, store).state is CaseState.IN_REVIEW


def test_the_items_that_a_person_chose_are_the_ones_that_are_sent() -> None:
    """Not a share of each line."""
    first = payment().lines[0]
    second = replace(first, line_id="1", product_id="pack_500", credits=500, amount_minor=1000)
    store = FakeStore()
    record_events(store, paid(replace(payment(lines=(first, second)), paid_minor=3000)))
    chosen = (RefundedItem(line_id="1", amount_minor=1000),)
    case = request_refund(store, refund_claim())
    verdict = replace(HALF, money_minor=1000, items=chosen)
    case = decide_case(case.case_id, verdict, "sam", store, POLICY, now=at(APPROVED_AT))
    assert send(store, provider := FakeProvider(), case, APPROVED_AT + 1) is SendResult.SENT
    assert [sent.items for sent, _ in provider.refunds] == [chosen]


def test_an_overcharge_is_refunded_by_its_own_line_after_another_line_was_refunded_by_name() -> None:
    """The line's refund took its credits and no cent of the overcharge. Paddle would give no more of that line."""
    store = FakeStore()
    over = UngrantedLine(line_id="part", amount_minor=500, is_overcharge=True)
    settled = replace(payment(paid_minor=2500, overcharge_minor=500), ungranted=(over,))
    named = replace(refund(2000), items=(RefundedItem(line_id="0", amount_minor=2000),))
    record_events(store, paid(settled), event_of(named))
    assert store.accounts[ADA].balance == 0
    case = request_refund(store, refund_claim(RefundReason.WRONG_AMOUNT))
    assert (case.state, case.decision and case.decision.money_minor) == (CaseState.APPROVED, 500)
    _, context = read_case_context(case.account_id, case.case_id, store)
    approval = context.purchase.facts[f"approved:{case.tag}"]
    assert isinstance(approval, RefundApproved)
    assert refund_to_send(approval, context).items == (RefundedItem(line_id="part", amount_minor=500),)


@pytest.mark.parametrize(
    ("refunded_minor", "approved_minor", "is_whole"), [(0, 2000, True), (0, 1999, False), (500, 1500, False)]
)
def test_a_refund_is_whole_if_it_is_of_all_that_was_paid(
    refunded_minor: int, approved_minor: int, *, is_whole: bool
) -> None:
    """Paddle takes a whole one without lines. One of the rest names its lines."""
    store = FakeStore()
    record_events(store, paid(), *([event_of(refund(refunded_minor))] if refunded_minor else []))
    whole = replace(HALF, outcome=DecisionOutcome.APPROVE, money_minor=approved_minor)
    case = decide_case(request_refund(store, refund_claim()).case_id, whole, "sam", store, POLICY, now=at(APPROVED_AT))
    _, context = read_case_context(case.account_id, case.case_id, store)
    approval = context.purchase.facts[f"approved:{case.tag}"]
    assert isinstance(approval, RefundApproved)
    sent = refund_to_send(approval, context)
    assert (sent.amount_minor, sent.currency, sent.is_whole) == (approved_minor, "USD", is_whole)


def paid_in_part_by_balance() -> tuple[FakeStore, RefundCase]:
    """The card paid 15.00 of 20.00. A request waits for a person."""
    store = FakeStore()
    record_events(store, paid(replace(payment(), card_minor=1500)))
    return store, request_refund(store, refund_claim())


def test_no_more_is_approved_than_the_card_has_paid() -> None:
    """The rest is value too, but no refund can return it."""
    store, case = paid_in_part_by_balance()
    too_much = replace(HALF, money_minor=1501, credits=7)
    with pytest.raises(RequestRefused, match=r"at most 15\.00 USD, not 15\.01 USD"):
        decide_case(case.case_id, too_much, "sam", store, POLICY, now=at(APPROVED_AT))


def test_no_more_is_sent_than_the_card_has_left() -> None:
    """Someone refunded in the dashboard after the approval: 12.00 of value are left, but only 7.00 of the card's."""
    store, case = paid_in_part_by_balance()
    case = decide_case(case.case_id, HALF, "sam", store, POLICY, now=at(APPROVED_AT))
    record_events(store, event_of(refund(800, minute=APPROVED_AT + 1)))
    assert send(store, provider := FakeProvider(), case, APPROVED_AT + 2) is SendResult.ABANDONED
    assert provider.refunds == []
    assert read_case(ADA, case.case_id, store).history[-1].cause.key == "not_sent.exceeds_refundable"


def test_a_refund_leaves_the_renewals_alone_unless_the_decision_ends_them() -> None:
    """Whatever becomes of its credits."""
    store = FakeStore()
    record_events(store, paid(RENEWED))
    verdict = replace(HALF, takes_credits=True, ends_subscription=False)
    case = decide_case(
        request_refund(store, refund_claim(payment_id=IN)).case_id, verdict, "sam", store, POLICY, now=at(APPROVED_AT)
    )
    assert send(store, provider := FakeProvider(), case, APPROVED_AT + 1) is SendResult.SENT
    assert provider.stopped == set()


def test_a_case_whose_refund_was_given_up_returns_to_a_person() -> None:
    """With the sender's reason, and with its credits."""
    case = half_approved(store := FakeStore())
    record_events(store, event_of(dispute(minute=APPROVED_AT + 1)))
    assert send(store, FakeProvider(), case, APPROVED_AT + 2) is SendResult.ABANDONED
    follow(case.payment_id, store, now=at(APPROVED_AT + 3))
    last = read_case(ADA, case.case_id, store).history[-1]
    assert (last.to_state, last.actor) == (CaseState.IN_REVIEW, BY_SENDER)
    assert last.cause.key == "not_sent.dispute_open"
    assert store.accounts[ADA].lots["stripe:pi_1/0"].reserved == 0
