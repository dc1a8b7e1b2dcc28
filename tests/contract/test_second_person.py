"""What one person of support may do alone, and what a second one confirms; over every store, and at once."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.errors import (
    BillingError,
    IdempotencyKeyReused,
    NotFound,
    RequestRefused,
    SecondPersonNeeded,
)
from ledger.domain.facts import RefundedItem
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.proposals import ProposalState, Stake, SupportLimit
from ledger.domain.refund_cases import CaseState, DecisionOutcome, RefundReason
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.commit import Commit, Refusal
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.adjust_credits import Adjustment, adjust_credits
from ledger.usecases.authority import Act, Authority
from ledger.usecases.holds import place_hold
from ledger.usecases.limits import NO_LIMITS
from ledger.usecases.refund_cases.add_evidence import add_evidence
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.settle_proposals import read_proposal, reject_proposal
from ledger.usecases.usage import draw_credits
from tools.testing.builders import (
    ADA,
    PI,
    POLICY,
    at,
    event_of,
    own_words,
    paid,
    payment,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeStore, world
from tools.testing.races import assert_sound, at_once, retrying
from tools.testing.unguarded import UNLIMITED, confirm_proposal, decide_case, lift_hold, state_amount
from tools.verify import check

ALONE = Authority(
    limits={"USD": SupportLimit(day=1000, month=1500), "credits": SupportLimit(day=100, month=150)},
)
BEN = AccountId("acct_ben")
OTHER = PaymentId("stripe:pi_2")
HALF = ReviewDecision(outcome=DecisionOutcome.APPROVE, words=("Half of it.",), clause="6", money_minor=1000)
DAY = timedelta(days=1)


def give(credits_: int, key: str, *, actor: str = "sam", account_id: AccountId = ADA) -> Adjustment:
    """An adjustment under a key."""
    return Adjustment(account_id=account_id, credits=credits_, reason="A late reply.", actor=actor, key=key)


def with_account(store: Store, account_id: AccountId = ADA, payment_id: str = PI) -> None:
    """An account with a pack."""
    record_events(store, paid(payment(payment_id, account_id=account_id)), now=at(1))  # type: ignore[arg-type]


def balance(store: Store, account_id: AccountId = ADA) -> int:
    """What it has."""
    return store.read(Keys(accounts=frozenset({account_id}))).accounts[account_id].balance


def acts(store: Store, account_id: AccountId = ADA) -> list[tuple[AuditAction, str]]:
    """Who did what."""
    return [(act.action, act.actor) for act in store.audit_records(account_id)]


def sound(store: Store) -> None:
    """Every invariant holds."""
    if isinstance(store, FakeStore):
        assert not [one for one in check(world(store)) if one.broken]
    elif isinstance(store, DynamoDBStore):
        assert_sound(store)


def proposed(store: Store, adjustment: Adjustment, *, minute: float = 60) -> str:
    """Ask for too much. Return the id of the proposal."""
    with pytest.raises(SecondPersonNeeded) as raised:
        adjust_credits(adjustment, store, ALONE, now=at(minute))
    return raised.value.proposal_id


def test_an_adjustment_gives_once_and_takes_back_only_what_adjustments_gave(any_store: Store) -> None:
    """Each is an entry against goodwill, with its reason on record."""
    with_account(any_store)
    one = adjust_credits(give(60, "k1"), any_store, ALONE, now=at(60))
    assert adjust_credits(give(60, "k1"), any_store, ALONE, now=at(61)) == one
    for other in (give(61, "k1"), give(60, "k1", actor="tom"), replace(give(60, "k1"), reason="A lost run.")):
        with pytest.raises(IdempotencyKeyReused):
            adjust_credits(other, any_store, ALONE, now=at(61))
    assert balance(any_store) == 1060
    with pytest.raises(RequestRefused, match="60 credits of earlier adjustments are left"):
        adjust_credits(give(-61, "k2"), any_store, UNLIMITED, now=at(62))
    adjust_credits(give(-25, "k3"), any_store, ALONE, now=at(63))
    assert balance(any_store) == 1035
    entries = [(one.kind, one.counter, one.credits) for one in any_store.entries(ADA) if "adj_" in one.lot_id]
    assert entries == [("adjust", "goodwill", -25), ("grant", "goodwill", 60)]
    with pytest.raises(NotFound):
        adjust_credits(give(5, "k1", account_id=BEN), any_store, UNLIMITED, now=at(64))
    assert acts(any_store) == [(AuditAction.ADJUST, "sam"), (AuditAction.ADJUST, "sam")]
    assert [act.reason for act in any_store.audit_records(ADA)] == ["A late reply.", "A late reply."]
    sound(any_store)


def test_what_is_taken_back_leaves_what_was_used(any_store: Store) -> None:
    """The lots that were given last first."""
    with_account(any_store)
    for number in (1, 2):
        adjust_credits(give(40, f"k{number}"), any_store, UNLIMITED, now=at(60 + number))
    draw_credits(ADA, "run_1", 10, any_store, now=at(65))
    with pytest.raises(RequestRefused):
        adjust_credits(give(-71, "k3"), any_store, UNLIMITED, now=at(66))
    adjust_credits(give(-70, "k4"), any_store, UNLIMITED, now=at(66))
    assert balance(any_store) == 1000
    sound(any_store)


def test_an_adjustment_takes_of_the_latest_one_first_and_nothing_that_a_case_gave(any_store: Store) -> None:
    """What a customer was given for a failure stays."""
    with_account(any_store)
    case = request_refund(any_store, refund_claim())
    replacement = ReviewDecision(outcome=DecisionOutcome.REPLACE, words=("Instead.",), clause="6", credits=50)
    decide_case(case.case_id, replacement, "sam", any_store, POLICY, now=at(55))
    with pytest.raises(RequestRefused, match="0 credits of earlier adjustments are left"):
        adjust_credits(give(-1, "k0"), any_store, UNLIMITED, now=at(56))
    earlier, later = (
        adjust_credits(give(40, f"k{number}"), any_store, UNLIMITED, now=at(60 + number)) for number in (1, 2)
    )
    adjust_credits(give(-30, "k3"), any_store, UNLIMITED, now=at(63))
    account = any_store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA]
    left = {lot_id: lot.remaining for lot_id, lot in account.lots.items() if lot_id.startswith("goodwill/")}
    assert {name: left.pop(f"goodwill/{name}") for name in (earlier, later)} == {earlier: 40, later: 10}
    assert list(left.values()) == [50]
    sound(any_store)


def test_sums_of_a_day_and_a_month_limit_what_a_person_does_alone(any_store: Store) -> None:
    """By person over all accounts, and by account over all persons; the next month begins at nothing."""
    with_account(any_store)
    with_account(any_store, BEN, "stripe:pi_ben")
    adjust_credits(give(60, "k1"), any_store, ALONE, now=at(60))
    proposed(any_store, give(41, "k2", account_id=BEN))  # by person
    proposed(any_store, give(41, "k3", actor="tom"))  # by account
    adjust_credits(give(40, "k4", account_id=BEN), any_store, ALONE, now=at(61))
    adjust_credits(give(40, "k5", actor="tom"), any_store, ALONE, now=at(61))
    tomorrow = 61 + 24 * 60
    adjust_credits(give(50, "k6"), any_store, ALONE, now=at(tomorrow))
    proposed(any_store, give(1, "k7"), minute=tomorrow + 1)  # of the month: 150 of the account
    proposed(any_store, give(-1, "k8"), minute=tomorrow + 1)  # taking back counts too
    adjust_credits(give(100, "k9"), any_store, ALONE, now=at(60) + 30 * DAY)
    assert balance(any_store) == 1000 + 60 + 40 + 50 + 100
    sound(any_store)


ACT = Act(
    account_id=ADA,
    stake=Stake(amount=500, unit="credits"),
    record=AuditRecord(
        actor="sam", action=AuditAction.ADJUST, subject="adj_1", reason="A late reply.", at=at(60), step=3
    ),
    request="{}",
    key="k1",
)


@pytest.mark.parametrize(
    "other",
    [
        replace(ACT, account_id=BEN),
        replace(ACT, request='{"credits": 500}'),
        replace(ACT, key="k2"),
        replace(ACT, record=replace(ACT.record, actor="tom")),
        replace(ACT, record=replace(ACT.record, subject="adj_2")),
        replace(ACT, record=replace(ACT.record, action=AuditAction.APPROVE)),
    ],
)
def test_another_act_has_a_proposal_of_its_own(other: Act) -> None:
    """A colleague's word about one confirms no other."""
    assert other.proposal.proposal_id != ACT.proposal.proposal_id


@pytest.mark.parametrize("changed", [{"at": at(61)}, {"reason": "A late reply!"}, {"step": 4}])
def test_the_same_act_has_the_same_proposal_whenever_and_why_ever_it_is_proposed(changed: dict[str, Any]) -> None:
    """A second click proposes nothing new. The proposal says who proposed what, when, and for which reason."""
    again = replace(ACT, record=replace(ACT.record, **changed)).proposal
    assert again.proposal_id == ACT.proposal.proposal_id
    assert (again.proposed_by, again.subject, again.request) == ("sam", "adj_1", "{}")
    assert (again.reason, again.proposed_at) == (changed.get("reason", "A late reply."), changed.get("at", at(60)))


def test_a_second_person_confirms_and_it_is_carried_out_once(any_store: Store) -> None:
    """Neither who proposed it nor the account's owner; and it is in nobody's sums."""
    with_account(any_store)
    proposal_id = proposed(any_store, give(500, "k1"))
    assert proposed(any_store, give(500, "k1"), minute=61) == proposal_id
    assert balance(any_store) == 1000
    assert [one.proposal_id for one in any_store.proposals(10).items] == [proposal_id]
    for own in ("sam", ADA):
        with pytest.raises(RequestRefused, match="Somebody else"):
            confirm_proposal(ADA, proposal_id, own, any_store, POLICY, now=at(62))
    with pytest.raises(NotFound):
        confirm_proposal(BEN, proposal_id, "tom", any_store, POLICY, now=at(62))
    sound(any_store)
    done = confirm_proposal(ADA, proposal_id, "tom", any_store, POLICY, now=at(62))
    assert (done.state, done.settled_by, done.settled_at) == (ProposalState.CONFIRMED, "tom", at(62))
    assert confirm_proposal(ADA, proposal_id, "tom", any_store, POLICY, now=at(63)) == done
    assert balance(any_store) == 1500
    assert any_store.proposals(10).items == ()
    with pytest.raises(RequestRefused, match="confirmed by tom"):
        reject_proposal(ADA, proposal_id, "eve", any_store, why="No.", now=at(63))
    (word,) = (act for act in any_store.audit_records(ADA) if act.action is AuditAction.CONFIRM)
    assert (word.subject, word.reason, word.at, word.step) == (proposal_id, "A late reply.", at(62), 1)
    adjust_credits(give(100, "k2"), any_store, ALONE, now=at(64))
    assert sorted(acts(any_store)) == sorted(
        [
            (AuditAction.PROPOSE, "sam"),
            (AuditAction.CONFIRM, "tom"),
            (AuditAction.ADJUST, "sam"),
            (AuditAction.ADJUST, "sam"),
        ]
    )
    sound(any_store)


@pytest.mark.parametrize("state", [ProposalState.CONFIRMED, ProposalState.REJECTED])
def test_who_confirms_while_a_colleague_settles_it_has_confirmed_nothing(state: ProposalState) -> None:
    """The colleague's commit comes between the read and the commit: it stands, and the other person is refused."""

    class Overtaken(FakeStore):
        is_overtaken = False

        def commit(self, change: Commit) -> Refusal | None:
            if self.is_overtaken:
                self.is_overtaken = False
                if state is ProposalState.CONFIRMED:
                    confirm_proposal(ADA, proposal_id, "kim", self, POLICY, now=at(62))
                else:
                    reject_proposal(ADA, proposal_id, "kim", self, why="Too much.", now=at(62))
            return super().commit(change)

    store = Overtaken()
    with_account(store)
    proposal_id = proposed(store, give(500, "k1"))
    store.is_overtaken = True
    with pytest.raises(RequestRefused, match=r"a colleague was faster|rejected by kim"):
        confirm_proposal(ADA, proposal_id, "tom", store, POLICY, now=at(62))
    settled = read_proposal(ADA, proposal_id, store)
    assert (settled.state, settled.settled_by) == (state, "kim")
    assert balance(store) == (1500 if state is ProposalState.CONFIRMED else 1000)
    assert "tom" not in {actor for _, actor in acts(store)}
    sound(store)


def test_a_second_person_rejects_and_nothing_is_carried_out(any_store: Store) -> None:
    """The same can't be proposed again under its key."""
    with_account(any_store)
    proposal_id = proposed(any_store, give(500, "k1"))
    with pytest.raises(RequestRefused, match="Somebody else"):
        reject_proposal(ADA, proposal_id, "sam", any_store, why="Mine.", now=at(61))
    done = reject_proposal(ADA, proposal_id, "tom", any_store, why="Too much.", now=at(62))
    assert done.state is ProposalState.REJECTED
    assert reject_proposal(ADA, proposal_id, "tom", any_store, why="Too much.", now=at(63)).settled_at == at(62)
    with pytest.raises(RequestRefused, match="rejected by tom"):
        confirm_proposal(ADA, proposal_id, "eve", any_store, POLICY, now=at(63))
    with pytest.raises(RequestRefused, match=f"was proposed as {proposal_id}, and tom has rejected it"):
        adjust_credits(give(500, "k1"), any_store, ALONE, now=at(64))
    assert (balance(any_store), any_store.proposals(10).items) == (1000, ())
    sound(any_store)


def test_a_decision_above_the_limit_waits_in_review_until_it_is_confirmed(any_store: Store) -> None:
    """With its words, clause and amount as they were proposed."""
    with_account(any_store)
    case = request_refund(any_store, refund_claim())
    two = replace(HALF, money_minor=1001)
    with pytest.raises(SecondPersonNeeded) as raised:
        decide_case(case.case_id, two, "sam", any_store, POLICY, now=at(70), key="k", authority=ALONE)
    waiting = read_proposal(ADA, raised.value.proposal_id, any_store)
    assert (waiting.action, waiting.subject, waiting.amount, waiting.unit) == (
        AuditAction.APPROVE,
        case.case_id,
        1001,
        "USD",
    )
    assert any_store.cases_of(ADA, 10).items[0].state is CaseState.IN_REVIEW
    sound(any_store)
    confirm_proposal(ADA, waiting.proposal_id, "tom", any_store, POLICY, now=at(71))
    (decided,) = any_store.cases_of(ADA, 10).items
    assert decided.decision
    assert decided.decision.reasons == own_words("Half of it.")
    assert (decided.state, decided.decided_by, decided.decision.money_minor, decided.decision.clause) == (
        CaseState.APPROVED,
        "sam",
        1001,
        "6",
    )
    sound(any_store)


def test_a_decision_is_carried_out_with_all_that_was_proposed(any_store: Store) -> None:
    """Its items, the end of its subscription, whether it takes credits, and its key."""
    first = payment().lines[0]
    second = replace(first, line_id="1", product_id="pack_500", credits=500, amount_minor=1000)
    record_events(any_store, paid(replace(payment(lines=(first, second)), paid_minor=3000)), now=at(1))
    case = request_refund(any_store, refund_claim())
    items = (RefundedItem(line_id="0", amount_minor=1200), RefundedItem(line_id="1", amount_minor=300))
    verdict = replace(HALF, money_minor=1500, items=items, takes_credits=False, words=("One.", "Two."))
    with pytest.raises(SecondPersonNeeded) as raised:
        decide_case(case.case_id, verdict, "sam", any_store, POLICY, now=at(70), key="k", authority=ALONE)
    confirm_proposal(ADA, raised.value.proposal_id, "tom", any_store, POLICY, now=at(71))
    (decided,) = any_store.cases_of(ADA, 10).items
    decision = decided.decision
    assert decision
    assert (decision.items, decision.takes_credits, decision.money_minor) == (items, False, 1500)
    assert decision.reasons == own_words("One.", "Two.")
    again = decide_case(case.case_id, verdict, "sam", any_store, POLICY, now=at(72), key="k", authority=ALONE)
    assert again.version == decided.version, "its key was recorded with it"
    sound(any_store)


def test_a_case_that_was_decided_meanwhile_refuses_its_proposal(any_store: Store) -> None:
    """Then it can be rejected."""
    with_account(any_store)
    case = request_refund(any_store, refund_claim())
    with pytest.raises(SecondPersonNeeded) as raised:
        decide_case(
            case.case_id, replace(HALF, money_minor=1500), "sam", any_store, POLICY, now=at(70), authority=ALONE
        )
    decide_case(case.case_id, HALF, "tom", any_store, POLICY, now=at(71), authority=ALONE)
    with pytest.raises(RequestRefused, match="Reject the proposal"):
        confirm_proposal(ADA, raised.value.proposal_id, "tom", any_store, POLICY, now=at(72))
    reject_proposal(ADA, raised.value.proposal_id, "tom", any_store, why="Decided.", now=at(73))
    sound(any_store)


def test_what_a_colleague_rejected_can_be_proposed_again_once_there_is_something_new(any_store: Store) -> None:
    """Another hold of the same name, a case that has gone on, an amount that was stated meanwhile: not the same act."""
    with_account(any_store)
    with_account(any_store, payment_id=OTHER)
    case = request_refund(any_store, refund_claim())
    record_events(any_store, event_of(replace(refund(920), currency="EUR"), names=(OTHER,)), now=at(62))

    def lift(minute: float) -> object:
        return lift_hold("support:x", ADA, "sam", any_store, why="x", now=at(minute), authority=ALONE)

    def approve(minute: float) -> object:
        two = replace(HALF, money_minor=1001)
        return decide_case(case.case_id, two, "sam", any_store, POLICY, now=at(minute), authority=ALONE)

    def state(minute: float) -> object:
        return state_amount(OTHER, "re_1", 900, ADA, "sam", any_store, why="x", now=at(minute), authority=ALONE)

    def renews() -> None:
        lift_hold("support:x", ADA, "kim", any_store, why="x", now=at(80))
        place_hold("support:x", ADA, "sam", any_store, why="Three cards.", now=at(81))
        add_evidence(ADA, case.case_id, "a.png", 9, any_store, now=at(81), limits=NO_LIMITS)
        state_amount(OTHER, "re_1", 800, ADA, "kim", any_store, why="x", now=at(82))

    place_hold("support:x", ADA, "sam", any_store, why="Three cards.", now=at(63))
    proposed_first = []
    for act in (lift, approve, state):
        with pytest.raises(SecondPersonNeeded) as raised:
            act(70)
        proposed_first.append(raised.value.proposal_id)
        reject_proposal(ADA, raised.value.proposal_id, "tom", any_store, why="No.", now=at(71))
        with pytest.raises(RequestRefused, match=f"was proposed as {raised.value.proposal_id}, and tom has rejected"):
            act(72)
    renews()
    for act, before in zip((lift, approve, state), proposed_first, strict=True):
        with pytest.raises(SecondPersonNeeded) as raised:
            act(90)
        assert raised.value.proposal_id != before
    sound(any_store)


@pytest.mark.parametrize("is_late", [False, True])
def test_a_lift_counts_the_credits_that_it_frees_and_an_amount_the_whole_payment(
    any_store: Store, *, is_late: bool
) -> None:
    """A hold that is gone, or an amount that was stated, leaves nothing to confirm."""
    with_account(any_store)
    place_hold("support:x", ADA, "sam", any_store, why="Three cards.", now=at(60))
    with pytest.raises(SecondPersonNeeded) as raised:
        lift_hold("support:x", ADA, "sam", any_store, why="Explained.", now=at(61), authority=ALONE)
    lift = raised.value.proposal_id
    assert read_proposal(ADA, lift, any_store).amount == 1000
    record_events(any_store, event_of(replace(refund(920), currency="EUR")), now=at(62))
    with pytest.raises(SecondPersonNeeded) as raised:
        state_amount(PI, "re_1", 900, ADA, "sam", any_store, why="The bill.", now=at(63), authority=ALONE)
    amount = raised.value.proposal_id
    assert (read_proposal(ADA, amount, any_store).amount, read_proposal(ADA, amount, any_store).unit) == (2000, "USD")
    if is_late:
        lift_hold("support:x", ADA, "kim", any_store, why="Explained.", now=at(64))
        state_amount(PI, "re_1", 900, ADA, "kim", any_store, why="The bill.", now=at(64))
    for proposal_id in (lift, amount):
        with pytest.raises(RequestRefused) if is_late else nullcontext():
            confirm_proposal(ADA, proposal_id, "tom", any_store, POLICY, now=at(65))
    account = any_store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA]
    assert (account.holds, account.balance) == ({}, 550)
    sound(any_store)


def test_a_currency_without_a_limit_needs_two(any_store: Store) -> None:
    """And so does every amount in it. A decline needs nobody else."""
    with_account(any_store)
    case = request_refund(any_store, refund_claim(RefundReason.UNRECOGNISED_CHARGE))
    narrow = Authority(limits={"EUR": SupportLimit(day=10**9, month=10**9)})
    with pytest.raises(SecondPersonNeeded):
        decide_case(case.case_id, replace(HALF, money_minor=1), "sam", any_store, POLICY, now=at(70), authority=narrow)
    decline = ReviewDecision(outcome=DecisionOutcome.DECLINE, words=("No.",), clause="5")
    decide_case(case.case_id, decline, "sam", any_store, POLICY, now=at(71), authority=narrow)
    sound(any_store)


@pytest.mark.parametrize("by_account", [True, False])
def test_acts_that_race_never_exceed_the_sums(real_store: DynamoDBStore, *, by_account: bool) -> None:
    """Ten of 30 credits each at once: three fit into 100, the others are proposed."""
    accounts = [AccountId(f"acct_{number}") for number in range(10)]
    for number, account_id in enumerate(accounts):
        with_account(real_store, account_id, f"stripe:pi_{number}")

    def act(number: int) -> str:
        actor = f"person_{number}" if by_account else "sam"
        owner = accounts[0] if by_account else accounts[number]
        return adjust_credits(
            give(30, f"k{number}", actor=actor, account_id=owner), real_store, ALONE, now=at(60 + number)
        )

    results = at_once([retrying(lambda number=number: act(number)) for number in range(10)])  # type: ignore[misc]
    refused = [one for one in results if isinstance(one, BillingError)]
    assert {type(one) for one in refused} == {SecondPersonNeeded}
    assert len(refused) == 7
    assert sum(balance(real_store, account_id) for account_id in accounts) == 10 * 1000 + 90
    assert len(real_store.proposals(20).items) == 7
    assert_sound(real_store)
