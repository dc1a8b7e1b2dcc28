"""Refunds under races and crashes, on AWS's own engine: decided once, sent once, never more than was paid."""

import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from ledger.domain.errors import (
    CaseAlreadyOpen,
    CaseClosed,
    InsufficientCredits,
    ProviderRefused,
    ProviderUnavailable,
    StoreUnavailable,
)
from ledger.domain.facts import DisputeState, PaymentSettled, RefundApproved, RefundState, facts_of
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.refund_cases import CaseState, DecisionOutcome, RefundCase, RefundReason
from ledger.domain.runs import Run
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.commit import Commit, Refusal
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.refund_cases.cases import read_case
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.send_refunds import SendResult, send_refund
from ledger.usecases.usage import draw_credits
from tools.testing.builders import (
    POLICY,
    RENEWED,
    at,
    dispute,
    event_of,
    paid,
    payment,
    record_events,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeProvider, FakeStore, ResponseLost, world
from tools.testing.races import assert_sound, at_once, retrying
from tools.testing.unguarded import decide_case, decide_deferred
from tools.verify import check

ROUNDS = max(2, int(os.environ.get("ROUNDS", "6")))
KINDS = ("stripe", "paddle")
HALF = ReviewDecision(outcome=DecisionOutcome.APPROVE, words=("Half of it.",), clause="6", money_minor=1000)
NO = ReviewDecision(outcome=DecisionOutcome.DECLINE, words=("It was used.",), clause="2")


def pack(number: int) -> PaymentSettled:
    """A pack of an account of its own: each round has one."""
    return payment(PaymentId(f"stripe:pi_{number}"), account_id=AccountId(f"acct_{number}"))


def renewal(number: int) -> PaymentSettled:
    """A renewal of an account of its own."""
    fulfilment_key = f"period/stripe:sub_{number}/2026-11-01T00:00:00Z"
    name, owner = PaymentId(f"stripe:in_{number}"), AccountId(f"acct_{number}")
    return replace(RENEWED, payment_id=name, fulfilment_key=fulfilment_key, account_id=owner)


def wish_for(settled: PaymentSettled, reason: RefundReason, key: str = "key_1") -> Any:
    """A request about this payment, by its own account."""
    return refund_claim(reason, payment_id=settled.payment_id, account_id=settled.account_id, key=key)


def approved_minor(store: Store, name: PaymentId) -> list[int]:
    """The sums that were approved for a payment."""
    home = store.read(Keys(payments=frozenset({name}))).home_of(name)
    assert home
    return [approval.amount_minor for approval in facts_of(home.facts, RefundApproved)]


def stored(store: Store, case: RefundCase) -> RefundCase:
    """A case as it is stored."""
    return read_case(case.account_id, case.case_id, store)


def reviewed(store: Store, number: int = 1, verdict: ReviewDecision = HALF) -> RefundCase:
    """A case that a person has approved."""
    settled = pack(number)
    record_events(store, paid(settled))
    case = request_refund(store, wish_for(settled, RefundReason.TECHNICAL_PROBLEM))
    return decide_case(case.case_id, verdict, "sam", store, POLICY, now=at(70))


def sender(store: Store, provider: FakeProvider, case: RefundCase, minute: float = 80) -> Callable[[], SendResult]:
    """One try to send a case's refund."""
    return lambda: send_refund(case.tag, store, lambda _: provider, clock=lambda: at(minute))


def after(lag_s: float, call: Callable[[], Any]) -> Callable[[], Any]:
    """A call that begins so much later, or at once if that is negative: the faster one of two would always win."""

    def called() -> Any:
        time.sleep(max(0.0, lag_s))
        return call()

    return called


def sweep(store: Store, provider: FakeProvider, *, minute: float) -> None:
    """Take up what lies in the outbox, every two minutes, until nothing does."""
    for attempt in range(10):
        for intent in list(store.outbox()):
            now = at(minute + 2 * attempt)
            retrying(lambda tag=intent.tag, now=now: send_refund(tag, store, lambda _: provider, clock=lambda: now))()  # type: ignore[misc]
    assert not list(store.outbox())


class CutStore:
    """A store whose N-th write is cut off: before it is made, or after, when its answer is lost."""

    def __init__(self, store: Store, number: int, *, is_written: bool) -> None:
        self._store = store
        self._number = number
        self._is_written = is_written
        self.commits = 0

    def commit(self, commit: Commit) -> Refusal | None:
        self.commits += 1
        if self.commits != self._number:
            return self._store.commit(commit)
        if self._is_written:
            self._store.commit(commit)
        raise StoreUnavailable(f"cut off at write {self._number}")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def test_one_request_carried_out_many_times_at_once_is_one_approval(real_store: DynamoDBStore) -> None:
    """A double click, and a client that tries again: the same key answers the same case to all."""
    for number in range(ROUNDS):
        settled = renewal(number)
        record_events(real_store, paid(settled))
        wanted = wish_for(settled, RefundReason.MISTAKEN_RENEWAL)
        cases = at_once([retrying(lambda wanted=wanted: request_refund(real_store, wanted))] * 4)  # type: ignore[misc]
        assert {(case.case_id, case.state) for case in cases} == {(cases[0].case_id, CaseState.APPROVED)}
        assert approved_minor(real_store, settled.payment_id) == [2000]
    assert_sound(real_store)


def test_requests_under_different_keys_at_once_open_one_case(real_store: DynamoDBStore) -> None:
    """The others are told which one is open."""
    for number in range(ROUNDS):
        settled = renewal(number)
        record_events(real_store, paid(settled))
        wishes = [wish_for(settled, RefundReason.MISTAKEN_RENEWAL, f"key_{key}") for key in range(4)]
        answers = at_once([retrying(lambda wanted=wanted: request_refund(real_store, wanted)) for wanted in wishes])  # type: ignore[misc]
        (case,) = (answer for answer in answers if isinstance(answer, RefundCase))
        refused = [answer for answer in answers if isinstance(answer, CaseAlreadyOpen)]
        assert [refusal.case_id for refusal in refused] == [case.case_id] * 3
        assert approved_minor(real_store, settled.payment_id) == [2000]
    assert_sound(real_store)


def test_requests_for_different_reasons_at_once_never_approve_more_than_was_paid(real_store: DynamoDBStore) -> None:
    """A duplicate charge is refunded whatever the reason given, once."""
    for number in range(ROUNDS):
        owner = AccountId(f"acct_{number}")
        first, second = (
            payment(
                PaymentId(f"stripe:{name}_{number}"),
                account_id=owner,
                fulfilment_key=f"order/ord_{number}",
                minute=minute,
            )
            for minute, name in enumerate(("pi", "double"))
        )
        record_events(real_store, paid(first), paid(second))
        wishes = [wish_for(second, reason, reason) for reason in RefundReason]
        cases = at_once([retrying(lambda wanted=wanted: request_refund(real_store, wanted)) for wanted in wishes])  # type: ignore[misc]
        states = Counter(case.state for case in cases)
        assert states == {CaseState.APPROVED: 1, CaseState.DECLINED: len(wishes) - 1}
        assert approved_minor(real_store, second.payment_id) == [2000]
    assert_sound(real_store)


def test_a_run_and_the_refund_of_a_mistaken_renewal_at_once_cant_both_win(real_store: DynamoDBStore) -> None:
    """Either a credit was used and nothing is refunded, or it is refunded and nothing can be used.

    The run begins a little later in each round: at first it comes before the request, at last after it.
    """
    won: Counter[bool] = Counter()
    for number in range(2 * ROUNDS):
        settled = renewal(number)
        record_events(real_store, paid(settled))
        wanted, owner = wish_for(settled, RefundReason.MISTAKEN_RENEWAL), settled.account_id

        lag_s = 0.5 * (number / (2 * ROUNDS - 1)) ** 2
        case, drawn = at_once(
            [
                retrying(lambda wanted=wanted: request_refund(real_store, wanted)),  # type: ignore[misc]
                retrying(after(lag_s, lambda owner=owner: draw_credits(owner, "run_1", 1, real_store, now=at(60)))),  # type: ignore[misc]
            ]
        )
        is_drawn = isinstance(drawn, Run)
        assert is_drawn or isinstance(drawn, InsufficientCredits)
        assert case.state is (CaseState.DECLINED if is_drawn else CaseState.APPROVED)
        assert approved_minor(real_store, settled.payment_id) == ([] if is_drawn else [2000])
        account = real_store.read(Keys(accounts=frozenset({owner}))).accounts[owner]
        assert account.spendable(at(60)) == (999 if is_drawn else 0)
        won[is_drawn] += 1
    assert won.keys() == {True, False}, "each has won"
    assert_sound(real_store)


@pytest.mark.parametrize("kind", KINDS)
def test_a_chargeback_and_its_refunds_sending_at_once_have_one_lawful_end(real_store: DynamoDBStore, kind: str) -> None:
    """Sent before it was heard, or not at all; given up, the customer can use the credits once it is won.

    One of the two begins a little later, the sender in the first rounds and the chargeback in the last ones.
    """
    ends: set[SendResult] = set()
    for number in range(ROUNDS):
        lead_s = 0.5 * (2 * number / (ROUNDS - 1) - 1) ** 3
        provider = FakeProvider(kind)
        case = reviewed(real_store, number)
        opened = event_of(dispute(dispute_id=f"dp_{number}"), names=(case.payment_id,))
        result, _ = at_once(
            [
                retrying(after(-lead_s, sender(real_store, provider, case))),
                retrying(after(lead_s, lambda opened=opened: record_events(real_store, opened))),  # type: ignore[misc]
            ]
        )
        is_sent = result is SendResult.SENT
        ends.add(result)
        assert result in {SendResult.SENT, SendResult.ABANDONED}
        assert provider.refunded_minor == 1000 * is_sent
        assert stored(real_store, case).state is (CaseState.ISSUED if is_sent else CaseState.IN_REVIEW)
        won = dispute(DisputeState.WON, dispute_id=f"dp_{number}", minute=90)
        record_events(real_store, event_of(won, names=(case.payment_id,)))
        account = real_store.read(Keys(accounts=frozenset({case.account_id}))).accounts[case.account_id]
        assert account.spendable(at(100)) == (500 if is_sent else 1000)
    assert ends == {SendResult.SENT, SendResult.ABANDONED}, "each has won"
    assert_sound(real_store)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_sent_once_a_chargeback_was_heard(real_store: DynamoDBStore, kind: str) -> None:
    """Whenever it comes: before the try, as the intent is taken, while an unclear try is looked for."""

    def opens(number: int) -> Callable[[], object]:
        names = (PaymentId(f"stripe:pi_{number}"),)
        return lambda: record_events(real_store, event_of(dispute(dispute_id=f"dp_{number}"), names=names))

    provider = FakeProvider(kind)
    before = reviewed(real_store, 1)
    opens(1)()
    assert sender(real_store, provider, before)() is SendResult.ABANDONED

    taking = reviewed(real_store, 2)
    store = cast(Store, _Between(real_store, opens(2)))
    assert sender(store, provider, taking)() is SendResult.ABANDONED

    looked_for = reviewed(real_store, 3)
    provider.faults = [ProviderUnavailable("down")]
    assert sender(real_store, provider, looked_for)() is SendResult.UNCLEAR
    provider.meanwhile = opens(3)
    assert sender(real_store, provider, looked_for, minute=90)() is SendResult.ABANDONED

    assert provider.refunds == []
    assert_sound(real_store)


class _Between(CutStore):
    """Something happens right after the first write."""

    def __init__(self, store: Store, happens: Callable[[], object]) -> None:
        super().__init__(store, 0, is_written=True)
        self._happens = happens

    def commit(self, commit: Commit) -> Refusal | None:
        refusal = super().commit(commit)
        if self.commits == 1:
            self._happens()
        return refusal


@pytest.mark.parametrize("kind", KINDS)
def test_senders_of_one_refund_at_once_ask_the_provider_once(real_store: DynamoDBStore, kind: str) -> None:
    """One has the intent for itself, the others go home."""
    for number in range(ROUNDS):
        provider = FakeProvider(kind)
        case = reviewed(real_store, number)
        results = Counter(at_once([retrying(sender(real_store, provider, case))] * 4))
        assert results[SendResult.SENT] == 1
        assert results.keys() <= {SendResult.SENT, SendResult.LEASED, SendResult.ENDED}
        assert provider.calls == [f"send {case.tag}"]
    assert_sound(real_store)


@pytest.mark.parametrize("kind", KINDS)
def test_a_lost_answer_never_becomes_a_second_refund(real_store: DynamoDBStore, kind: str) -> None:
    """For its minute nobody tries; then all at once do, and find what was accepted."""
    for number in range(ROUNDS):
        provider = FakeProvider(kind, faults=[ResponseLost("time-out")])
        case = reviewed(real_store, number)
        assert sender(real_store, provider, case)() is SendResult.UNCLEAR
        assert sender(real_store, provider, case)() is SendResult.LEASED
        results = Counter(at_once([retrying(sender(real_store, provider, case, minute=82))] * 4))
        assert results[SendResult.FOUND] == 1
        assert results.keys() <= {SendResult.FOUND, SendResult.LEASED, SendResult.ENDED}
        assert provider.refunded_minor == 1000
        assert stored(real_store, case).state is CaseState.ISSUED
    assert_sound(real_store)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "last_error", [ProviderUnavailable("down"), ProviderRefused("authentication_error", "no")], ids=["down", "refused"]
)
def test_what_may_be_sent_is_not_given_up_while_nobody_can_look(
    real_store: DynamoDBStore, kind: str, last_error: Exception
) -> None:
    """The provider has the refund, and its listing fails: the credits stay reserved until it is clear."""
    provider = FakeProvider(kind, faults=[ResponseLost("time-out")], look_up_faults=[last_error])
    case = reviewed(real_store)
    for minute in (80, 82):
        assert sender(real_store, provider, case, minute=minute)() is SendResult.UNCLEAR
        assert stored(real_store, case).state is CaseState.APPROVED
        account = real_store.read(Keys(accounts=frozenset({case.account_id}))).accounts[case.account_id]
        assert (account.balance, account.spendable(at(minute))) == (1000, 500)
    assert sender(real_store, provider, case, minute=84)() is SendResult.FOUND
    assert provider.refunded_minor == 1000
    assert_sound(real_store)


def test_a_sender_that_was_held_up_does_not_send_any_more(real_store: DynamoDBStore) -> None:
    """Its minute is over, so another may have looked, found nothing and sent."""
    provider = FakeProvider("paddle")
    case = reviewed(real_store)
    times = iter([at(80), at(82)])
    assert send_refund(case.tag, real_store, lambda _: provider, clock=lambda: next(times)) is SendResult.LEASED
    assert provider.refunds == []
    assert sender(real_store, provider, case, minute=83)() is SendResult.SENT


def test_a_pending_refund_elsewhere_makes_paddle_wait(real_store: DynamoDBStore) -> None:
    """One pending adjustment blocks the next: ours is sent once that has ended."""
    provider = FakeProvider("paddle", is_reviewed=True)
    case, settled = reviewed(real_store), pack(1)
    other = request_refund(real_store, wish_for(settled, RefundReason.UNRECOGNISED_CHARGE, "key_2"))
    other = decide_case(other.case_id, HALF, "sam", real_store, POLICY, now=at(71))
    assert sender(real_store, provider, case)() is SendResult.SENT
    assert sender(real_store, provider, other)() is SendResult.UNCLEAR
    record_events(real_store, event_of(provider.move_refund_to(RefundState.SUCCEEDED), names=(case.payment_id,)))
    follow(case.payment_id, real_store, now=at(85))
    assert sender(real_store, provider, other, minute=90)() is SendResult.SENT
    assert provider.refunded_minor == 2000
    assert_sound(real_store)


def test_two_people_deciding_at_once_decide_once(real_store: DynamoDBStore) -> None:
    """The same or the opposite: one verdict stands, the other person is told."""
    for number in range(ROUNDS):
        settled = pack(number)
        record_events(real_store, paid(settled))
        case = request_refund(real_store, wish_for(settled, RefundReason.TECHNICAL_PROBLEM))
        verdicts = (("sam", HALF), ("eve", NO if number % 2 else HALF), ("sam", HALF))
        answers = at_once(
            [
                retrying(
                    lambda who=who, verdict=verdict, case=case: decide_case(  # type: ignore[misc]
                        case.case_id, verdict, who, real_store, POLICY, now=at(70)
                    )
                )
                for who, verdict in verdicts
            ]
        )
        decided = stored(real_store, case)
        for (who, _), answer in zip(verdicts, answers, strict=True):
            assert isinstance(answer, CaseClosed) == (who != decided.decided_by)
        assert len(approved_minor(real_store, settled.payment_id)) == (decided.state is CaseState.APPROVED)
    assert_sound(real_store)


def test_followers_at_once_move_a_case_once(real_store: DynamoDBStore) -> None:
    """Also while the news goes from succeeded to failed: the last one stands, its credits are back once."""
    for number in range(ROUNDS):
        provider = FakeProvider()
        case = reviewed(real_store, number)
        sender(real_store, provider, case)()
        name = case.payment_id
        record_events(real_store, event_of(provider.move_refund_to(RefundState.SUCCEEDED), names=(name,)))
        follows = retrying(lambda name=name: follow(name, real_store, now=at(100)))  # type: ignore[misc]
        moved = at_once([follows] * 4)
        assert sorted(map(len, moved)) == [0, 0, 0, 1]
        failed = event_of(provider.move_refund_to(RefundState.FAILED), names=(name,))

        def heard(failed: Any = failed, follows: Callable[[], Any] = follows) -> None:
            record_events(real_store, failed)
            follows()

        at_once([retrying(heard), follows, follows])
        assert stored(real_store, case).state is CaseState.IN_REVIEW
        account = real_store.read(Keys(accounts=frozenset({case.account_id}))).accounts[case.account_id]
        assert account.balance == 1000
    assert_sound(real_store)


ENDS: dict[str, tuple[list[Exception], CaseState]] = {
    "accepted": ([], CaseState.REFUNDED),
    "answer lost": ([ResponseLost("time-out")], CaseState.REFUNDED),
    "refused": ([ProviderRefused("charge_not_refundable", "too old")] * 9, CaseState.IN_REVIEW),
    "disputed": ([], CaseState.IN_REVIEW),
}
"""What the provider does with a refund, and where its case ends."""


@pytest.mark.parametrize("is_written", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("happens", ENDS)
def test_cut_at_any_write_and_tried_again_a_refund_is_sent_once(happens: str, kind: str, *, is_written: bool) -> None:
    """A whole life, from the wish to the webhook; each step is made again by whoever made it: client, stream, sweep."""
    kept = FakeStore()  # nothing happens at once here: it needs no engine
    number, commits = 0, 1
    while number < commits:
        number += 1
        name, owner = PaymentId(f"stripe:pi_{number}"), AccountId(f"acct_{number}")
        record_events(kept, paid(payment(name, account_id=owner)))
        faults, end = ENDS[happens]
        provider = FakeProvider(kind, faults=list(faults))
        cut = CutStore(kept, number, is_written=is_written)
        store = cast(Store, cut)
        wanted = refund_claim(RefundReason.TECHNICAL_PROBLEM, payment_id=name, account_id=owner)
        case = retrying(lambda: request_refund(store, wanted))()  # noqa: B023 - called at once
        case = retrying(lambda: decide_case(case.case_id, HALF, "sam", store, POLICY, now=at(70)))()  # noqa: B023
        if happens == "disputed":
            record_events(kept, event_of(dispute(dispute_id=f"dp_{number}"), names=(name,)))
        sweep(store, provider, minute=80)
        if end is CaseState.REFUNDED:
            record_events(kept, event_of(provider.move_refund_to(RefundState.SUCCEEDED), names=(name,)))
        retrying(lambda: follow(name, store, now=at(200)))()  # noqa: B023
        assert len(provider.refunds) == (end is CaseState.REFUNDED)
        assert stored(kept, case).state is end
        account = kept.read(Keys(accounts=frozenset({owner}))).accounts[owner]
        assert account.balance == (500 if end is CaseState.REFUNDED else 1000)
        commits = cut.commits
    assert number >= 4, "the wish, its approval, the intent's taking, its end"
    assert not [finding for finding in check(world(kept)) if finding.broken]


@pytest.mark.parametrize("is_written", [False, True], ids=["before", "after"])
def test_a_settling_time_that_ends_in_a_crash_is_decided_once(real_store: DynamoDBStore, *, is_written: bool) -> None:
    """The next run decides what this one did not."""
    fulfilment_key = "order/ord_1"
    rivals = (
        payment(fulfilment_key=fulfilment_key),
        payment(PaymentId("stripe:pi_2"), fulfilment_key=fulfilment_key, minute=1),
    )
    record_events(real_store, *(paid(competing_payment) for competing_payment in rivals))
    case = request_refund(real_store, wish_for(rivals[1], RefundReason.CHARGED_TWICE), minute=2)
    cut = cast(Store, CutStore(real_store, 1, is_written=is_written))
    with pytest.raises(StoreUnavailable):
        decide_deferred(cut, POLICY, now=at(30))
    at_once([retrying(lambda: decide_deferred(real_store, POLICY, now=at(30)))] * 3)
    assert stored(real_store, case).state is CaseState.APPROVED
    assert approved_minor(real_store, rivals[1].payment_id) == [2000]
    assert_sound(real_store)
