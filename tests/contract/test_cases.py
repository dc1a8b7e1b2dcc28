"""Refund cases from the wish to their end, and orders; over every store."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ledger.domain import catalogue
from ledger.domain.accounts import Account
from ledger.domain.audit import AuditRecord
from ledger.domain.contacts import Contact
from ledger.domain.errors import (
    AccountSuspended,
    BillingError,
    CaseAlreadyOpen,
    CaseClosed,
    IdempotencyKeyReused,
    InsufficientCredits,
    NotFound,
    ProviderRefused,
    ProviderUnavailable,
    RequestRefused,
)
from ledger.domain.facts import DisputeState, RefundState
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.orders import Consent, Order
from ledger.domain.refund_cases import (
    CaseState,
    DecisionOutcome,
    FollowStage,
    RefundCase,
    RefundReason,
    SubmittedEvidence,
)
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.subscriptions import Subscription, SubscriptionState, SubscriptionStatus
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import contact_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.holds import place_hold
from ledger.usecases.place_order import OrderRequest
from ledger.usecases.refund_cases.cases import account_of_case, case_context_of, read_case
from ledger.usecases.refund_cases.confirm_withdrawal import confirm_withdrawal
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.refund_cases.preview import preview
from ledger.usecases.send_refunds import SendResult, send_refund
from ledger.usecases.usage import draw_credits, fail_run
from tools.testing.builders import (
    ADA,
    CH,
    IN,
    LATER,
    PI,
    POLICY,
    RENEWED,
    at,
    dispute,
    event_of,
    ordered,
    own_words,
    paid,
    payment,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeProvider, FakeStore, ResponseLost, world
from tools.testing.unguarded import (
    add_evidence,
    confirm_consent,
    decide_case,
    decide_deferred,
    lift_hold,
    place_order,
    state_amount,
)
from tools.verify import check

BEN = AccountId("acct_ben")
SOLD = catalogue.load()
HALF = ReviewDecision(outcome=DecisionOutcome.APPROVE, words=("Half of it.",), clause="6", money_minor=1000)
NO = ReviewDecision(outcome=DecisionOutcome.DECLINE, words=("It was used.",), clause="2")
INSTEAD = ReviewDecision(outcome=DecisionOutcome.REPLACE, words=("Take these.",), clause="6", credits=250)


def account(store: Store, account_id: AccountId = ADA) -> Account:
    """An account as it is stored."""
    return store.read(Keys(accounts=frozenset({account_id}))).accounts[account_id]


def queue(store: Store) -> list[str]:
    """The ids of the cases that a person is to decide."""
    return [waiting.case_id for waiting in store.review_queue(100).items]


def decide(
    store: Store,
    case: RefundCase,
    verdict: ReviewDecision,
    *,
    actor: str = "sam",
    minute: float = 70,
    key: str | None = None,
) -> RefundCase:
    """A person decides."""
    return decide_case(case.case_id, verdict, actor, store, POLICY, now=at(minute), key=key)


def send(store: Store, provider: FakeProvider, case: RefundCase, *, minute: float = 80) -> SendResult:
    """Send a case's latest approval."""
    return send_refund(case.tag, store, lambda _: provider, clock=lambda: at(minute))


def hears(store: Store, provider: FakeProvider, state: RefundState) -> list[RefundCase]:
    """The provider's webhook about its latest refund, and what follows from it."""
    record_events(store, event_of(provider.move_refund_to(state), names=(PI,)))
    return follow(PI, store, now=LATER)


def is_at(store: Store, case: RefundCase) -> CaseState:
    """Where a case is, and that everything that says so agrees."""
    stored = read_case(case.account_id, case.case_id, store)
    marks = account(store, case.account_id).cases
    assert (case.case_id in marks) == stored.state.is_open, "an open case is marked, an ended one is not"
    assert queue(store).count(case.case_id) == (stored.state is CaseState.IN_REVIEW)
    assert [i.tag for i in store.outbox() if i.account_id == case.account_id and i.tag == stored.tag] == (
        [stored.tag] if stored.state is CaseState.APPROVED else []
    )
    return stored.state


def test_what_is_clear_is_approved_at_once_and_its_credits_are_kept(any_store: Store) -> None:
    """Decision, intent and reservation are one write; what is reserved can't be spent."""
    record_events(any_store, paid(RENEWED))
    case = request_refund(any_store, refund_claim(RefundReason.MISTAKEN_RENEWAL, payment_id=IN))
    assert is_at(any_store, case) is CaseState.APPROVED
    assert case.decision
    assert (case.decision.money_minor, case.decision.ends_subscription, case.decided_by) == (2000, True, "policy")
    assert (account(any_store).balance, account(any_store).spendable(at(60))) == (1000, 0)
    with pytest.raises(InsufficientCredits):
        draw_credits(ADA, "run_1", 1, any_store, now=at(61))
    (intent,) = any_store.outbox()
    assert isinstance(intent, RefundIntent)
    assert (intent.tag, intent.payment_id) == (case.tag, IN)
    assert read_case(ADA, case.case_id, any_store) == replace(case, version=1)


def test_a_case_is_listed_by_how_closely_its_refund_is_followed(any_store: Store) -> None:
    """From its approval on; it changes its place with its state, and leaves when a person decides otherwise."""

    def listed() -> dict[str, list[str]]:
        return {stage.value: [name.case_id for name in any_store.followed_cases(stage)] for stage in FollowStage}

    record_events(any_store, paid())
    case = request_refund(any_store, refund_claim())
    assert listed() == {"under_way": [], "ended": []}
    case = decide(any_store, case, HALF)
    assert listed() == {"under_way": [case.case_id], "ended": []}
    (name,) = any_store.followed_cases(FollowStage.UNDER_WAY, at(70))
    assert (name.account_id, name.moved_at) == (ADA, at(70))
    assert not list(any_store.followed_cases(FollowStage.UNDER_WAY, at(71)))
    provider = FakeProvider()
    send(any_store, provider, case)
    assert listed() == {"under_way": [case.case_id], "ended": []}
    hears(any_store, provider, RefundState.SUCCEEDED)
    assert listed() == {"under_way": [], "ended": [case.case_id]}
    hears(any_store, provider, RefundState.FAILED)
    assert listed() == {"under_way": [], "ended": [case.case_id]}
    decide(any_store, case, NO, minute=100)
    assert listed() == {"under_way": [], "ended": []}


def test_what_is_not_refundable_is_declined_with_its_clause(any_store: Store) -> None:
    """It ends at once: no mark, no queue, nothing reserved; the same wish may be asked again under a new key."""
    record_events(any_store, paid(ordered(any_store, country="US")))
    case = request_refund(any_store, refund_claim(RefundReason.CHANGED_MY_MIND))
    assert is_at(any_store, case) is CaseState.DECLINED
    assert case.decision
    assert case.decision.clause == "2"
    assert account(any_store).spendable(at(60)) == 1000
    assert request_refund(any_store, refund_claim(RefundReason.CHANGED_MY_MIND, key="key_2")).case_id != case.case_id


def test_the_same_key_answers_as_before_and_for_another_body_refuses(any_store: Store) -> None:
    """Also when the case has moved on; the key counts for its account alone."""
    record_events(any_store, paid(), paid(payment(PaymentId("stripe:pi_ben"), account_id=BEN)))
    case = request_refund(any_store, refund_claim())
    assert request_refund(any_store, refund_claim(), minute=61) == replace(case, version=1)
    decide(any_store, case, NO)
    assert request_refund(any_store, refund_claim(), minute=90).state is CaseState.DECLINED
    with pytest.raises(IdempotencyKeyReused, match="Use a new one"):
        request_refund(any_store, refund_claim(RefundReason.UNRECOGNISED_CHARGE))
    other = request_refund(any_store, refund_claim(account_id=BEN, payment_id=PaymentId("stripe:pi_ben")))
    assert other.case_id != case.case_id


def test_there_is_one_open_case_for_each_purchase_and_reason_whatever_the_key_or_name(any_store: Store) -> None:
    """The refusal names the open one; another reason is another case."""
    record_events(any_store, paid(), event_of(names=(PI, CH)))
    case = request_refund(any_store, refund_claim())
    for number, name in enumerate((PI, CH)):
        with pytest.raises(CaseAlreadyOpen) as refusal:
            request_refund(any_store, refund_claim(key=f"other_{number}", payment_id=name))
        assert refusal.value.case_id == case.case_id
    assert (
        request_refund(any_store, refund_claim(RefundReason.UNRECOGNISED_CHARGE, key="key_3")).case_id != case.case_id
    )
    assert len(account(any_store).cases) == 2


def test_another_accounts_purchase_and_case_are_not_found_anywhere(any_store: Store) -> None:
    """They are not told apart from what is not there, and nothing is written."""
    mine = PaymentId("stripe:pi_ben")
    record_events(any_store, paid(ordered(any_store)), paid(payment(mine, account_id=BEN)))
    case = request_refund(any_store, refund_claim(RefundReason.WITHDRAWAL, is_declaration=True))
    unknown = PaymentId("stripe:pi_none")
    messages = []
    for payment_id in (PI, unknown):
        with pytest.raises(NotFound) as refusal:
            request_refund(any_store, refund_claim(account_id=BEN, payment_id=payment_id))
        messages.append(str(refusal.value).replace(payment_id, "…"))
        with pytest.raises(NotFound):
            preview(BEN, payment_id, RefundReason.WITHDRAWAL, any_store, POLICY, now=at(60))
    assert messages[0] == messages[1]
    with pytest.raises(NotFound):
        read_case(BEN, case.case_id, any_store)
    with pytest.raises(NotFound):
        confirm_withdrawal(BEN, case.case_id, any_store, POLICY, now=at(61))
    with pytest.raises(NotFound):
        add_evidence(BEN, case.case_id, "screen.png", 3, any_store, now=at(60))
    with pytest.raises(NotFound):
        account_of_case("case_none", any_store)
    assert read_case(ADA, case.case_id, any_store) == replace(case, version=1)
    assert not account(any_store, BEN).cases


def test_a_payment_that_was_not_reported_is_no_purchase(any_store: Store) -> None:
    """Though its refund was, and though that names an account's payment."""
    record_events(any_store, event_of(refund()))
    with pytest.raises(NotFound, match="There is no purchase stripe:pi_1"):
        request_refund(any_store, refund_claim())


def test_evidence_is_noted_up_to_its_limit_while_the_case_is_open(any_store: Store) -> None:
    """In their order; then refused, and refused once the case has ended."""
    record_events(any_store, paid())
    case = request_refund(any_store, refund_claim())
    for number in range(3):
        add_evidence(ADA, case.case_id, f"{number}.png", 3, any_store, now=at(60))
    with pytest.raises(RequestRefused, match="3 files"):
        add_evidence(ADA, case.case_id, "4.png", 3, any_store, now=at(60))
    assert read_case(ADA, case.case_id, any_store).evidence == ("0.png", "1.png", "2.png")
    assert decide(any_store, case, NO).evidence == ("0.png", "1.png", "2.png")
    with pytest.raises(CaseClosed):
        add_evidence(ADA, case.case_id, "5.png", 9, any_store, now=at(60))


def test_a_clear_case_whose_evidence_differs_from_the_ledger_goes_to_a_person(any_store: Store) -> None:
    """With what differs, and with what the policy would have done; a person may then approve it."""
    record_events(any_store, paid(RENEWED))
    told = SubmittedEvidence(email="bob@example.com", charged_on=at(60 * 24 * 5).date(), reference="in_9")
    case = request_refund(
        any_store, refund_claim(RefundReason.MISTAKEN_RENEWAL, payment_id=IN, evidence=told, email="ada@example.com")
    )
    assert is_at(any_store, case) is CaseState.IN_REVIEW
    assert len(case.mismatches) == 3
    assert case.decision
    assert case.decision.recommended is DecisionOutcome.APPROVE
    assert account(any_store).spendable(at(60)) == 1000, "nothing is reserved yet"
    fitting = SubmittedEvidence(email="ADA@example.com", charged_on=at(60 * 24).date(), reference="in_1")
    other = replace(
        RENEWED, payment_id=PaymentId("stripe:in_2"), fulfilment_key="period/stripe:sub_1/2026-12-01T00:00:00Z"
    )
    record_events(any_store, paid(other))
    fitting = replace(fitting, reference="in_2")
    clear = refund_claim(
        RefundReason.MISTAKEN_RENEWAL, payment_id=other.payment_id, evidence=fitting, email="ada@example.com", key="2"
    )
    assert is_at(any_store, request_refund(any_store, clear)) is CaseState.APPROVED
    assert decide(any_store, case, HALF).state is CaseState.APPROVED


def test_a_person_approves_a_part_and_a_second_click_changes_nothing(any_store: Store) -> None:
    """One approval, one intent, one record of the act; another verdict by then is refused."""
    record_events(any_store, paid())
    case = request_refund(any_store, refund_claim())
    assert is_at(any_store, case) is CaseState.IN_REVIEW
    first = decide(any_store, case, HALF)
    assert decide(any_store, case, HALF, minute=71) == replace(first, version=2)
    assert is_at(any_store, case) is CaseState.APPROVED
    for verdict, actor in ((NO, "sam"), (HALF, "eve")):
        with pytest.raises(CaseClosed, match="decided by sam"):
            decide(any_store, case, verdict, actor=actor)
    assert account(any_store).spendable(at(80)) == 500
    acts = list(any_store.audit_records(ADA))
    assert [(act.actor, act.action, act.subject) for act in acts if isinstance(act, AuditRecord)] == [
        ("sam", "approve", case.case_id)
    ]
    assert case_context_of(case.case_id, any_store)[0].decided_by == "sam"


def test_a_decision_is_carried_out_once_under_its_key_whatever_became_of_it_since(any_store: Store) -> None:
    """Its answer was lost, the provider refused it: a repetition is no new decision, one under a new key is."""
    record_events(any_store, paid())
    case = decide(any_store, request_refund(any_store, refund_claim()), HALF, key="click_1")
    assert decide(any_store, case, HALF, minute=71, key="click_2").approvals == 1
    provider = FakeProvider()
    provider.faults.append(ProviderRefused("charge_expired", "No."))
    assert send(any_store, provider, case) is SendResult.ABANDONED
    for key in ("click_1", "click_2"):
        again = decide(any_store, case, HALF, minute=90, key=key)
        assert (again.state, again.approvals) == (CaseState.IN_REVIEW, 1)
    assert is_at(any_store, case) is CaseState.IN_REVIEW
    for verdict, actor in ((NO, "sam"), (HALF, "eve")):
        with pytest.raises(IdempotencyKeyReused, match="Use a new one"):
            decide(any_store, case, verdict, actor=actor, key="click_1")
    assert decide(any_store, case, HALF, minute=91, key="click_3").approvals == 2
    assert is_at(any_store, case) is CaseState.APPROVED


def test_a_person_gives_credits_instead_of_money(any_store: Store) -> None:
    """They are goodwill, in a lot that never lapses; the payment could still be refunded for another reason."""
    record_events(any_store, paid())
    case = request_refund(any_store, refund_claim())
    decide(any_store, case, INSTEAD)
    decide(any_store, case, INSTEAD)
    assert is_at(any_store, case) is CaseState.REPLACED
    assert account(any_store).spendable(at(80)) == 1250
    assert next((e.kind, e.counter, e.credits) for e in any_store.entries(ADA)) == ("grant", "goodwill", 250)
    assert [lot.expires_at for lot in account(any_store).lots.values() if lot.granted == 250] == [None]
    assert not list(any_store.outbox())
    other = request_refund(any_store, refund_claim(RefundReason.UNRECOGNISED_CHARGE, key="2"))
    assert decide(any_store, other, HALF, minute=90).state is CaseState.APPROVED


def test_what_a_person_declined_is_remembered_for_the_same_reason(any_store: Store) -> None:
    """The same wish is declined by itself in that person's words; another reason is looked at."""
    record_events(any_store, paid())
    decide(any_store, request_refund(any_store, refund_claim()), NO)
    again = request_refund(any_store, refund_claim(key="key_2"), minute=90)
    assert again.state is CaseState.DECLINED
    assert again.decision
    assert own_words("It was used.")[0] in again.decision.reasons
    assert (
        request_refund(any_store, refund_claim(RefundReason.UNRECOGNISED_CHARGE, key="key_3")).state
        is CaseState.IN_REVIEW
    )


def test_no_person_can_give_back_more_than_is_left_or_while_a_dispute_is_open(any_store: Store) -> None:
    """Refused with what would be right; nothing is changed by it."""
    record_events(any_store, paid(), event_of(refund(500), names=(PI,)))
    case = request_refund(any_store, refund_claim())
    for money_minor in (1501, 0, -5):
        with pytest.raises(RequestRefused, match=r"15\.00 USD"):
            decide(any_store, case, replace(HALF, money_minor=money_minor))
    with pytest.raises(RequestRefused):
        decide(any_store, case, replace(INSTEAD, credits=0))
    record_events(any_store, event_of(refund(400, refund_id="re_2", state=RefundState.PENDING), names=(PI,)))
    with pytest.raises(RequestRefused, match=r"11\.00 USD"):
        decide(any_store, case, replace(HALF, money_minor=1200))
    record_events(any_store, event_of(dispute(amount_minor=100), names=(PI,)))
    with pytest.raises(RequestRefused, match="dispute"):
        decide(any_store, case, HALF)
    with pytest.raises(ValueError, match="the policy's"):
        replace(NO, outcome=DecisionOutcome.WAIT)
    assert is_at(any_store, case) is CaseState.IN_REVIEW
    assert read_case(ADA, case.case_id, any_store).version == 1


def test_a_duplicate_charge_waits_for_its_settling_time_and_is_refunded_then(any_store: Store) -> None:
    """Until then a lower payment may still come; decided once, however often the job runs."""
    record_events(
        any_store,
        paid(payment(PI, fulfilment_key="order/ord_1")),
        paid(payment(IN, fulfilment_key="order/ord_1", minute=1)),
    )
    case = request_refund(any_store, refund_claim(RefundReason.CHARGED_TWICE, payment_id=IN), minute=5)
    assert is_at(any_store, case) is CaseState.REQUESTED
    assert case.deferred_until == at(1) + POLICY.duplicate_settling
    assert decide_deferred(any_store, POLICY, now=at(15)) == []
    with pytest.raises(CaseClosed):
        decide(any_store, case, HALF)
    (decided,) = decide_deferred(any_store, POLICY, now=at(17))
    assert (decided.case_id, is_at(any_store, case)) == (case.case_id, CaseState.APPROVED)
    assert decide_deferred(any_store, POLICY, now=at(18)) == []
    assert list(any_store.deferred_cases()) == []
    assert account(any_store).spendable(at(20)) == 1000, "a duplicate granted nothing, so nothing is reserved"


def test_a_withdrawal_is_declared_then_confirmed_and_decided_once(any_store: Store) -> None:
    """A declaration decides nothing; confirming again changes nothing; other cases can't be confirmed."""
    record_events(any_store, paid(ordered(any_store)))
    declared = refund_claim(RefundReason.WITHDRAWAL, is_declaration=True)
    case = request_refund(any_store, declared)
    assert (is_at(any_store, case), case.decision, list(any_store.outbox())) == (CaseState.DECLARED, None, [])
    with pytest.raises(CaseAlreadyOpen):
        request_refund(any_store, replace(declared, key="key_2"))
    confirmed = confirm_withdrawal(ADA, case.case_id, any_store, POLICY, now=at(62))
    assert confirmed.confirmed_at == at(62)
    assert is_at(any_store, case) is CaseState.APPROVED
    assert confirm_withdrawal(ADA, case.case_id, any_store, POLICY, now=at(63)) == replace(confirmed, version=2)
    other = request_refund(any_store, refund_claim(RefundReason.UNRECOGNISED_CHARGE, key="key_3"))
    with pytest.raises(NotFound):
        confirm_withdrawal(ADA, other.case_id, any_store, POLICY, now=at(63))


@pytest.mark.parametrize(
    ("declared", "confirmed", "state"),
    [(13, 13.9, CaseState.APPROVED), (13, 370, CaseState.APPROVED), (13, 500, CaseState.DECLINED)],
)
def test_a_first_step_does_not_keep_the_second_one_open_for_ever(
    any_store: Store, declared: float, confirmed: float, state: CaseState
) -> None:
    """Confirmed more than a day later a withdrawal counts from then. Nobody was informed here: the period is long."""
    record_events(any_store, paid(ordered(any_store)))
    claim = refund_claim(RefundReason.WITHDRAWAL, is_declaration=True)
    case = request_refund(any_store, claim, minute=declared * 1440)
    assert confirm_withdrawal(ADA, case.case_id, any_store, POLICY, now=at(confirmed * 1440)).state is state


@pytest.mark.parametrize(("days", "state"), [(13, CaseState.APPROVED), (500, CaseState.DECLINED)])
def test_a_withdrawal_is_declared_within_its_period(any_store: Store, days: int, state: CaseState) -> None:
    """What is declared after the period is declined."""
    record_events(any_store, paid(ordered(any_store)))
    declared_at = at(60) + timedelta(days=days)
    claim = refund_claim(RefundReason.WITHDRAWAL, is_declaration=True)
    case = request_refund(any_store, claim, minute=60 + timedelta(days=days).total_seconds() / 60)
    confirmed = confirm_withdrawal(ADA, case.case_id, any_store, POLICY, now=declared_at)
    assert (confirmed.opened_at, confirmed.state) == (declared_at, state)


def test_a_case_follows_its_refund_to_the_end(any_store: Store) -> None:
    """Issued once the provider has it, settled once its webhook says so; the reservation became the clawback."""
    provider = FakeProvider(is_reviewed=True)
    record_events(any_store, paid())
    case = decide(any_store, request_refund(any_store, refund_claim()), HALF)
    assert follow(PI, any_store, now=at(75)) == []
    assert send(any_store, provider, case) is SendResult.SENT
    assert is_at(any_store, case) is CaseState.ISSUED
    assert hears(any_store, provider, RefundState.PENDING) == []
    assert account(any_store).balance == 1000
    (settled,) = hears(any_store, provider, RefundState.SUCCEEDED)
    assert (settled.state, is_at(any_store, case)) == (CaseState.REFUNDED, CaseState.REFUNDED)
    assert follow(PI, any_store, now=LATER) == []
    stored = account(any_store)
    assert (stored.balance, stored.spendable(LATER)) == (500, 500)
    assert send(any_store, provider, case) is SendResult.ENDED
    assert provider.refunded_minor == 1000


def test_a_refund_that_fails_after_it_settled_gives_back_and_a_person_decides_anew(any_store: Store) -> None:
    """The case is open, marked and in the queue again; approved anew it has a tag of its own."""
    provider = FakeProvider()
    record_events(any_store, paid())
    case = decide(any_store, request_refund(any_store, refund_claim()), HALF)
    send(any_store, provider, case)
    hears(any_store, provider, RefundState.SUCCEEDED)
    other = request_refund(any_store, refund_claim(key="key_2"), minute=90)
    (failed,) = hears(any_store, provider, RefundState.FAILED)
    assert (failed.state, is_at(any_store, case)) == (CaseState.IN_REVIEW, CaseState.IN_REVIEW)
    assert is_at(any_store, other) is CaseState.IN_REVIEW, "the one that was opened meanwhile keeps its own mark"
    assert (account(any_store).balance, account(any_store).spendable(LATER)) == (1000, 1000)
    anew = decide(any_store, case, HALF, minute=100)
    assert anew.tag != case.tag
    assert account(any_store).spendable(LATER) == 500
    assert send(any_store, provider, anew, minute=110) is SendResult.SENT
    hears(any_store, provider, RefundState.SUCCEEDED)
    assert is_at(any_store, case) is CaseState.REFUNDED
    assert is_at(any_store, other) is CaseState.IN_REVIEW
    assert account(any_store).balance == 500


def test_an_answer_that_comes_late_does_not_settle_what_was_approved_anew(any_store: Store) -> None:
    """The refund failed and a person approved it again, while the first sender still waited for its answer."""
    provider, anew = FakeProvider(), []
    record_events(any_store, paid())
    case = decide(any_store, request_refund(any_store, refund_claim()), HALF)

    def fails() -> None:
        failed = replace(refund(1000, state=RefundState.FAILED, minute=71), refund_id="stripe_refund_1", tag=case.tag)
        record_events(any_store, event_of(failed, names=(PI,)))
        follow(PI, any_store, now=LATER)
        anew.append(decide(any_store, case, HALF, minute=100))

    provider.meanwhile = fails
    send(any_store, provider, case)
    stored = read_case(ADA, case.case_id, any_store)
    assert (stored.state, stored.tag) == (CaseState.APPROVED, anew[0].tag)
    assert [intent.tag for intent in any_store.outbox()] == [anew[0].tag]


def test_the_webhook_may_come_before_the_providers_answer(any_store: Store) -> None:
    """It settles the case; the answer then adds nothing."""
    provider = FakeProvider(faults=[ResponseLost("time-out")])
    record_events(any_store, paid())
    case = decide(any_store, request_refund(any_store, refund_claim()), HALF)
    assert send(any_store, provider, case) is SendResult.UNCLEAR
    assert is_at(any_store, case) is CaseState.APPROVED
    (settled,) = hears(any_store, provider, RefundState.SUCCEEDED)
    assert (settled.state, is_at(any_store, case)) == (CaseState.REFUNDED, CaseState.REFUNDED)
    assert send(any_store, provider, case, minute=90) is SendResult.ENDED
    assert provider.calls == [f"send {case.tag}"]


def test_an_intent_whose_refund_has_ended_brings_its_case_along(any_store: Store) -> None:
    """The webhook's follow-up was lost; the sweep finds the intent and does not send again."""
    provider = FakeProvider(faults=[ResponseLost("time-out")])
    record_events(any_store, paid())
    case = decide(any_store, request_refund(any_store, refund_claim()), HALF)
    send(any_store, provider, case)
    record_events(any_store, event_of(provider.move_refund_to(RefundState.SUCCEEDED), names=(PI,)))
    assert send(any_store, provider, case, minute=90) is SendResult.ENDED
    assert is_at(any_store, case) is CaseState.REFUNDED
    assert provider.refunded_minor == 1000


def test_a_refund_that_was_given_up_but_sent_settles_its_case(any_store: Store) -> None:
    """The provider showed it late and refused the second one; what it says in the end stands."""
    provider = FakeProvider("paddle", {PI: 1000}, faults=[ResponseLost("time-out")], is_late=True)
    record_events(any_store, paid(payment(paid_minor=1000)))
    case = decide(any_store, request_refund(any_store, refund_claim()), HALF)
    assert send(any_store, provider, case) is SendResult.UNCLEAR
    assert send(any_store, provider, case, minute=90) is SendResult.ABANDONED
    assert is_at(any_store, case) is CaseState.IN_REVIEW
    record_events(any_store, event_of(provider.move_refund_to(RefundState.PENDING), names=(PI,)))
    assert account(any_store).spendable(LATER) == 0, "it is under way: its credits are kept again"
    with pytest.raises(RequestRefused):
        decide(any_store, case, HALF)
    hears(any_store, provider, RefundState.SUCCEEDED)
    assert is_at(any_store, case) is CaseState.REFUNDED
    assert account(any_store).balance == 0


def test_a_dispute_that_opens_before_sending_stops_it_and_frees_the_credits(any_store: Store) -> None:
    """A person decides; once the dispute is won the refund can be approved anew."""
    provider = FakeProvider()
    record_events(any_store, paid())
    case = decide(any_store, request_refund(any_store, refund_claim()), HALF)
    record_events(any_store, event_of(dispute(), names=(PI,)))
    assert send(any_store, provider, case) is SendResult.ABANDONED
    assert (is_at(any_store, case), provider.calls) == (CaseState.IN_REVIEW, [])
    record_events(any_store, event_of(dispute(DisputeState.WON, minute=90), names=(PI,)))
    assert account(any_store).spendable(LATER) == 1000
    anew = decide(any_store, case, HALF, minute=100)
    assert send(any_store, provider, anew, minute=110) is SendResult.SENT
    assert provider.refunded_minor == 1000


def test_no_refund_is_sent_for_which_others_left_no_room(any_store: Store) -> None:
    """Somebody refunds at the provider: what is under way there counts as well as what is done."""
    for number, state in enumerate((RefundState.PENDING, RefundState.SUCCEEDED)):
        name = PaymentId(f"stripe:pi_{number}")
        provider = FakeProvider()
        record_events(any_store, paid(payment(name)))
        case = decide(any_store, request_refund(any_store, refund_claim(payment_id=name, key=name)), HALF)
        elsewhere = refund(1500, refund_id=f"re_{number}", state=state)
        record_events(any_store, event_of(elsewhere, names=(name,)))
        assert send(any_store, provider, case) is SendResult.ABANDONED
        assert (is_at(any_store, case), provider.calls) == (CaseState.IN_REVIEW, [])


def test_a_refund_that_ends_a_subscription_stops_its_renewals_first(any_store: Store) -> None:
    """A refund by itself ends nothing."""
    provider = FakeProvider(paid_minor={IN: 2000})
    record_events(any_store, paid(RENEWED))
    case = request_refund(any_store, refund_claim(RefundReason.MISTAKEN_RENEWAL, payment_id=IN))
    assert send(any_store, provider, case, minute=65) is SendResult.SENT
    assert provider.calls == ["stop sub_1", f"send {case.tag}"]


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (ProviderRefused("subscription_locked", "Locked."), None),
        (None, SubscriptionState(status=SubscriptionStatus.ACTIVE, period_end=at(100), cancel_at=None)),
        (None, SubscriptionState(status=SubscriptionStatus.ACTIVE, period_end=at(100), cancel_at=at(101))),
        (None, SubscriptionState(status=SubscriptionStatus.PAUSED, period_end=at(100), cancel_at=None)),
    ],
)
def test_no_refund_that_ends_a_subscription_is_sent_while_its_renewals_go_on(
    any_store: Store, fault: Exception | None, state: SubscriptionState | None
) -> None:
    """Refused, or not done: the case is in review with its credits free. Once the subscription ends, it is sent."""
    provider = FakeProvider(
        paid_minor={IN: 2000}, stop_faults=[fault] if fault else [], states={"sub_1": state} if state else {}
    )
    record_events(any_store, paid(RENEWED))
    case = request_refund(any_store, refund_claim(RefundReason.MISTAKEN_RENEWAL, payment_id=IN))
    assert send(any_store, provider, case, minute=65) is SendResult.ABANDONED
    assert (is_at(any_store, case), provider.calls) == (CaseState.IN_REVIEW, ["stop sub_1"])
    assert account(any_store).spendable(at(66)) == 1000
    assert queue(any_store) == [case.case_id]
    provider.states["sub_1"] = SubscriptionState(status=SubscriptionStatus.ENDED, period_end=None, cancel_at=None)
    anew = decide(any_store, case, replace(HALF, ends_subscription=True), minute=100)
    assert send(any_store, provider, anew, minute=110) is SendResult.SENT


def test_a_refusal_to_end_what_has_ended_already_holds_nothing_back(any_store: Store) -> None:
    """The provider's own event told that it has ended."""
    provider = FakeProvider(paid_minor={IN: 2000}, stop_faults=[ProviderRefused("resource_missing", "No such.")])
    ended = Subscription(subscription_id="sub_1", status=SubscriptionStatus.ENDED, at=at(3), cause="stripe:evt_ended")
    told = replace(paid(RENEWED), event_id="evt_ended", payment=None, names=(), facts=(), subscription=ended)
    record_events(any_store, paid(RENEWED), told)
    case = request_refund(any_store, refund_claim(RefundReason.MISTAKEN_RENEWAL, payment_id=IN))
    assert send(any_store, provider, case, minute=65) is SendResult.SENT


def test_a_stop_that_is_not_answered_is_tried_again(any_store: Store) -> None:
    """Nothing is refunded before it is."""
    provider = FakeProvider(paid_minor={IN: 2000}, stop_faults=[ProviderUnavailable("No answer.")])
    record_events(any_store, paid(RENEWED))
    case = request_refund(any_store, refund_claim(RefundReason.MISTAKEN_RENEWAL, payment_id=IN))
    assert send(any_store, provider, case, minute=65) is SendResult.UNCLEAR
    assert provider.calls == ["stop sub_1"]
    assert send(any_store, provider, case, minute=70) is SendResult.SENT


def test_a_person_states_what_a_dispute_in_another_currency_is_worth(any_store: Store) -> None:
    """Until then all is frozen; a repetition changes nothing, a correction does; each act is recorded."""
    lost = replace(dispute(DisputeState.LOST, 1840), currency="EUR")
    record_events(any_store, paid(), event_of(lost))

    def state(amount_minor: int, minute: float, subject_id: str = "dp_1", account_id: AccountId = ADA) -> bool:
        return state_amount(
            PI, subject_id, amount_minor, account_id, "sam", any_store, why="by the bank", now=at(minute)
        )

    def figures() -> tuple[int, bool, set[str]]:
        account = any_store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA]
        return account.balance, any(lot.is_frozen for lot in account.lots.values()), set(account.flags)

    assert figures() == (1000, True, {"other_currency:stripe:dp_1"})
    assert [state(1000, 60), state(1000, 61), state(2000, 62)] == [True, False, True]
    assert figures() == (0, False, set())
    for subject_id, account_id, amount_minor, error in (
        ("dp_2", ADA, 1, NotFound),
        ("dp_1", BEN, 1, NotFound),
        ("dp_1", ADA, 2001, RequestRefused),
    ):
        with pytest.raises(error):
            state(amount_minor, 63, subject_id, account_id)
    record_events(any_store, event_of(refund(1)))
    with pytest.raises(RequestRefused, match="nothing to state"):
        state(1, 64, "re_1")
    assert [(act.action, act.subject) for act in any_store.audit_records(ADA)] == [("state_amount", "dp_1")] * 2


def test_of_two_amounts_that_are_stated_at_one_instant_the_second_counts(any_store: Store) -> None:
    """And of those by a clock that is slow. Each has its record."""
    record_events(any_store, paid(), event_of(replace(dispute(DisputeState.LOST, 1840), currency="EUR")))
    for amount_minor, minute in ((2000, 60), (1000, 60), (2000, 60), (1000, 59)):
        assert state_amount(PI, "dp_1", amount_minor, ADA, "sam", any_store, why="by the bank", now=at(minute))
        account = any_store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA]
        assert account.balance == 1000 - amount_minor // 2
    acts = list(any_store.audit_records(ADA))
    assert [act.subject for act in acts] == ["dp_1"] * 4
    assert [act.at for act in acts] == sorted({act.at for act in acts})
    assert (min(act.at for act in acts), max(act.at for act in acts) < at(60.1)) == (at(60), True)
    assert state_amount(PI, "dp_1", 500, ADA, "sam", any_store, why="by the bank", now=at(90))
    assert max(act.at for act in any_store.audit_records(ADA)) == at(90), "in time it is when it was"


def test_every_act_of_one_instant_has_its_record(any_store: Store) -> None:
    """In the order in which they were done."""
    record_events(any_store, paid())
    for _ in range(2):
        assert place_hold("support:chargebacks", ADA, "sam", any_store, why="three cards", now=at(60))
        assert lift_hold("support:chargebacks", ADA, "sam", any_store, why="explained", now=at(60))
    assert [act.action for act in any_store.audit_records(ADA)] == ["hold", "lift"] * 2


def test_holds_are_laid_and_lifted_with_the_record_of_who_and_why(any_store: Store) -> None:
    """Once each; a hold stops every draw; no hold lies on an account that is not there."""
    record_events(any_store, paid())
    assert place_hold("support:chargebacks", ADA, "sam", any_store, why="three cards", now=at(60))
    assert not place_hold("support:chargebacks", ADA, "eve", any_store, why="again", now=at(61))
    with pytest.raises(AccountSuspended):
        draw_credits(ADA, "run_1", 1, any_store, now=at(62))
    assert lift_hold("support:chargebacks", ADA, "eve", any_store, why="explained", now=at(63))
    assert not lift_hold("support:chargebacks", ADA, "eve", any_store, why="explained", now=at(64))
    draw_credits(ADA, "run_1", 1, any_store, now=at(65))
    with pytest.raises(NotFound):
        place_hold("support:x", BEN, "sam", any_store, why="", now=at(60))
    acts = list(any_store.audit_records(ADA))
    assert [(act.actor, act.action, act.reason) for act in acts] == [
        ("sam", "hold", "three cards"),
        ("eve", "lift", "explained"),
    ]


def test_failed_runs_are_listed_in_order_and_count_for_a_technical_problem(any_store: Store) -> None:
    """Those since the payment alone; each once, with what the tagging service said."""
    for number in range(5):
        spend_at = at(10 * number)
        if number == 0:
            record_events(any_store, paid(payment(PaymentId("stripe:pi_0"), minute=-60)))
        if number == 2:
            record_events(any_store, paid(payment(minute=15)))
        draw_credits(ADA, f"run_{number}", 100, any_store, now=spend_at)
        for _ in range(2):
            fail_run(ADA, f"run_{number}", any_store, now=spend_at, error=f"E{number}")
    listed = list(any_store.failed_runs(ADA, at(0)))
    assert [(run.run_id, run.credits, run.error) for run in listed] == [(f"run_{n}", 100, f"E{n}") for n in range(5)]
    decision = preview(ADA, PI, RefundReason.TECHNICAL_PROBLEM, any_store, POLICY, now=at(60))
    assert (decision.outcome, decision.recommended, decision.credits) == (
        DecisionOutcome.REVIEW,
        DecisionOutcome.REPLACE,
        300,
    )


def request(*, key: str = "key_1", consent: Consent | None = None, **other: str) -> OrderRequest:
    """A request for a pack, unless told otherwise."""
    asked: dict[str, Any] = {"provider": "stripe", "product_id": "pack_1000", "currency": "USD"}
    asked |= {"policy_version": POLICY.version, **other}
    return OrderRequest(
        account_id=ADA,
        country="DE",
        is_business=False,
        consent=consent,
        key=key,
        fingerprint=repr(sorted(asked.items())),
        **asked,
    )


def order(store: Store, wanted: OrderRequest, provider: FakeProvider, *, now: datetime = LATER) -> Order:
    """Place an order."""
    return place_order(
        wanted,
        store,
        SOLD,
        lambda _: provider,
        policy_version=POLICY.version,
        success_url="https://shop.example/done",
        cancel_url="https://shop.example/back",
        now=now,
    )


def test_an_order_is_made_once_for_a_key(any_store: Store) -> None:
    """The same request again has the same order and page; another one under its key is refused."""
    provider = FakeProvider()
    made = order(any_store, request(), provider)
    assert made.checkout
    again = order(any_store, request(), provider, now=LATER + timedelta(hours=1))
    assert (again.order_id, again.checkout, again.made_at) == (made.order_id, made.checkout, LATER)
    assert len(provider.calls) == 1
    with pytest.raises(IdempotencyKeyReused):
        order(any_store, request(currency="EUR"), provider)
    assert order(any_store, request(key="key_2"), provider).order_id != made.order_id


def test_an_order_whose_checkout_was_cut_off_is_finished_by_asking_again(any_store: Store) -> None:
    """The provider did not answer, or answered and we fell before storing its page: nobody was given that one."""
    provider = FakeProvider(faults=[ProviderUnavailable("down"), ResponseLost("time-out")])
    for _ in range(2):
        with pytest.raises(ProviderUnavailable):
            order(any_store, request(), provider)
    made = order(any_store, request(), provider)
    assert made.checkout == order(any_store, request(), provider).checkout
    assert made.checkout
    assert [*provider.checkouts][1:] == [made.checkout.checkout_id]


def test_an_order_says_what_would_be_right(any_store: Store) -> None:
    """Nothing is stored and nobody is asked."""
    provider = FakeProvider()
    wrong = (
        (request(product_id="pack_7"), "pack_1000"),
        (request(currency="XXX"), "USD"),
        (request(policy_version="2020"), POLICY.version),
    )
    for asked, right in wrong:
        with pytest.raises(BillingError, match=right):
            order(any_store, asked, provider)
    assert order(any_store, request(), provider).checkout, "the key is not spent by what was refused"
    assert len(provider.calls) == 1


def test_a_suspended_account_orders_nothing(any_store: Store) -> None:
    """It says by which holds."""
    record_events(any_store, paid(), event_of(dispute(), names=(PI,)))
    with pytest.raises(AccountSuspended) as refusal:
        order(any_store, request(), FakeProvider())
    assert refusal.value.holds == ("dispute:stripe:dp_1",)


def test_a_consent_is_confirmed_once_and_is_complete_then(any_store: Store) -> None:
    """Also while the checkout is being made: neither write loses the other's."""
    consent = Consent(given_at=LATER, text_version="1", asked_to_begin=True, acknowledged_loss=True)
    provider = FakeProvider(faults=[ProviderUnavailable("down")])
    with pytest.raises(ProviderUnavailable):
        order(any_store, request(consent=consent), provider)
    (called,) = provider.calls
    order_id = called.split()[1]
    slow = _Confirming(any_store, order_id)
    made = place_order(
        request(consent=consent),
        any_store,
        SOLD,
        lambda _: slow,
        policy_version=POLICY.version,
        success_url="",
        cancel_url="",
        now=LATER,
    )
    assert made.checkout
    assert made.consent
    assert made.consent.is_complete
    again = confirm_consent(made.order_id, "msg_2", any_store, at(2))
    assert again.consent
    assert again.checkout
    assert (again.consent.confirmation_id, again.checkout.checkout_id) == ("msg_1", made.checkout.checkout_id)
    plain = order(any_store, request(key="key_2"), provider)
    with pytest.raises(RequestRefused):
        confirm_consent(plain.order_id, "msg_1", any_store, at(2))


class _Confirming(FakeProvider):
    """The consent's confirmation is sent while this provider makes the checkout."""

    def __init__(self, store: Store, order_id: str) -> None:
        super().__init__()
        self._store = store
        self._order_id = order_id

    def make_checkout(self, order, product, *, success_url, cancel_url):  # type: ignore[no-untyped-def]
        confirm_consent(self._order_id, "msg_1", self._store, at(1))  # type: ignore[arg-type]
        return super().make_checkout(order, product, success_url=success_url, cancel_url=cancel_url)


def reasons() -> Iterator[tuple[RefundReason, PaymentId, int]]:
    """Every reason, and how many round trips a request may take: by the purchase's id, and by another name of it."""
    for reason in RefundReason:
        yield reason, PI, 5
        # A second charge is looked for among the account's purchases: an index and what it leads to.
        yield reason, CH, 6 if reason is RefundReason.CHARGED_TWICE else 5


@pytest.mark.parametrize(("reason", "name", "budget"), list(reasons()))
def test_a_refund_request_stays_within_its_round_trips(reason: RefundReason, name: PaymentId, budget: int) -> None:
    """With an order, a lot that has left the account, and failed runs."""
    store = FakeStore()
    record_events(store, paid(ordered(store)), event_of(names=(PI, CH)))
    draw_credits(ADA, "run_1", 500, store, now=at(10))
    fail_run(ADA, "run_1", store, now=at(11))
    draw_credits(ADA, "run_2", 1000, store, now=at(12))
    store.round_trips = 0
    request_refund(store, refund_claim(reason, payment_id=name))
    assert store.round_trips <= budget
    store.round_trips = 0
    request_refund(store, refund_claim(reason, payment_id=name))
    assert store.round_trips <= 4, "asked again it is only read"


def test_a_draw_takes_at_most_two_round_trips() -> None:
    """One read, one write; the same run again is one read."""
    store = FakeStore()
    record_events(store, *(paid(payment(PaymentId(f"stripe:pi_{number}"))) for number in range(5)))
    store.round_trips = 0
    draw_credits(ADA, "run_1", 2500, store, now=LATER)
    assert store.round_trips == 2
    draw_credits(ADA, "run_1", 2500, store, now=LATER)
    assert store.round_trips == 3


def test_a_person_overturns_what_the_policy_declined_and_nothing_else(any_store: Store) -> None:
    """An approval or credits, if nobody asked anew meanwhile. What a person declined stays declined."""
    record_events(any_store, paid())
    case = request_refund(any_store, refund_claim(RefundReason.CHANGED_MY_MIND))
    if case.state is CaseState.IN_REVIEW:  # without an order, until its days are over
        case = decide(any_store, case, NO)
        case = request_refund(any_store, refund_claim(RefundReason.CHANGED_MY_MIND, key="key_1b"), minute=60 * 24 * 500)
    assert (is_at(any_store, case), case.decided_by) == (CaseState.DECLINED, "policy")
    later = at(60 * 24 * 500 + 1)
    with pytest.raises(CaseClosed):
        decide_case(case.case_id, HALF, "sam", any_store, POLICY, now=later)
    again = request_refund(any_store, refund_claim(RefundReason.UNRECOGNISED_CHARGE, key="key_2"))
    overturned = decide_case(case.case_id, HALF, "sam", any_store, POLICY, now=later, may_overturn=True)
    assert (is_at(any_store, overturned), overturned.decided_by) == (CaseState.APPROVED, "sam")
    assert overturned.history[-1].from_state is CaseState.DECLINED
    decide(any_store, again, NO)
    with pytest.raises(CaseClosed):
        decide_case(again.case_id, HALF, "sam", any_store, POLICY, now=later, may_overturn=True)
    if isinstance(any_store, FakeStore):
        assert not [one for one in check(world(any_store)) if one.broken]


def test_a_decline_is_not_overturned_while_another_case_about_the_same_is_open(any_store: Store) -> None:
    """Else two cases could refund one payment for one reason."""
    record_events(any_store, paid(ordered(any_store)))
    declared = refund_claim(RefundReason.WITHDRAWAL, is_declaration=True)
    case = request_refund(any_store, declared, minute=60 * 24 * 500)
    late = at(60) + timedelta(days=501)
    declined = confirm_withdrawal(ADA, case.case_id, any_store, POLICY, now=late)
    assert declined.state is CaseState.DECLINED
    request_refund(any_store, replace(declared, key="key_2"))
    with pytest.raises(CaseClosed):
        decide_case(case.case_id, HALF, "sam", any_store, POLICY, now=late, may_overturn=True)


def test_an_address_with_nothing_to_compare_it_with_sends_a_clear_case_to_a_person(any_store: Store) -> None:
    """Neither the token nor a contact names the account's own."""
    record_events(any_store, paid(RENEWED))
    told = SubmittedEvidence(email="ada@example.com")
    claim = refund_claim(RefundReason.MISTAKEN_RENEWAL, payment_id=IN, evidence=told)
    case = request_refund(any_store, claim)
    assert (is_at(any_store, case), [one.key for one in case.mismatches]) == (
        CaseState.IN_REVIEW,
        ["mismatch.email_unknown"],
    )


def test_an_address_is_compared_with_the_one_that_mails_go_to(any_store: Store) -> None:
    """The token of the caller, or support's, has none."""
    record_events(any_store, paid(RENEWED))
    contact = Contact(account_id=ADA, email="ada@example.com", language="en", noted_at=at(1))
    assert any_store.commit(Commit(documents=(DocumentChange(contact_key(ADA), contact),))) is None
    told = SubmittedEvidence(email="Ada@example.com")
    case = request_refund(any_store, refund_claim(RefundReason.MISTAKEN_RENEWAL, payment_id=IN, evidence=told))
    assert (is_at(any_store, case), case.mismatches) == (CaseState.APPROVED, ())
