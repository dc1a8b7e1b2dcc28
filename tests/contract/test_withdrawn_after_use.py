"""What the law demands is no debt; who lives on it places no new order until a person has looked."""

from dataclasses import replace

import pytest

from ledger.domain.errors import AccountInDebt, AccountInReview
from ledger.domain.facts import RefundApproved, RefundState, facts_of
from ledger.domain.ids import PaymentId
from ledger.domain.lots import Lot
from ledger.domain.refund_cases import DecisionOutcome, RefundReason
from ledger.domain.withdrawn import REPEATED, has_used_and_withdrawn, withdrawal_flags
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.send_refunds import send_refund
from ledger.usecases.usage import draw_credits, fail_run
from tests.contract.test_cases import SOLD, request
from tools.testing.builders import (
    ADA,
    CONSENT,
    PI,
    POLICY,
    at,
    event_of,
    ordered,
    paid,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.builders import payment as payment_of
from tools.testing.fakes import FakeProvider, FakeStore
from tools.testing.ledgers import decided
from tools.testing.unguarded import lift_hold, place_order

SECOND, THIRD = PaymentId("stripe:pi_2"), PaymentId("stripe:pi_3")


def withdraws(store: Store, payment_id: PaymentId, number: int, used: int = 1000) -> RefundApproved:
    """An order without consent is paid, used and withdrawn from. Return the approval; the refund has succeeded."""
    minute = 100 * number
    settled = replace(ordered(store, f"ord_{number}"), payment_id=payment_id, at=at(number))
    record_events(store, paid(settled), now=at(minute))
    if used:
        draw_credits(ADA, f"run_{number}", used, store, now=at(minute + 1), is_debt_withheld=False)
    claim = refund_claim(RefundReason.CHANGED_MY_MIND, payment_id=payment_id, key=f"key_{number}")
    case = request_refund(store, claim, minute=minute + 2)
    provider = FakeProvider()
    send_refund(case.tag, store, lambda _: provider, clock=lambda: at(minute + 3))
    record_events(store, event_of(provider.move_refund_to(RefundState.SUCCEEDED), names=(payment_id,)))
    home = store.read(Keys(payments=frozenset({payment_id}))).home_of(payment_id)
    assert home
    (approval,) = facts_of(home.facts, RefundApproved)
    return approval


def orders(store: Store, key: str, *, debt_allowed: int = 0) -> None:
    """A new order."""
    place_order(
        *(request(key=key), store, SOLD, lambda _: FakeProvider()),
        policy_version=POLICY.version,
        success_url="",
        cancel_url="",
        now=at(1000),
        debt_allowed=debt_allowed,
    )


def owed(store: Store) -> int:
    """The account's debt."""
    return store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA].shortfall


def test_a_refund_that_the_law_demands_leaves_no_debt(any_store: Store) -> None:
    """All credits were used, and all money went back. The next order is taken."""
    approval = withdraws(any_store, PI, 1)
    assert (approval.amount_minor, approval.is_by_law, approval.used_credits) == (2000, True, 1000)
    assert not approval.is_repeated
    assert owed(any_store) == 0
    orders(any_store, "next")


def test_a_run_that_fails_afterwards_gives_nothing_back(any_store: Store) -> None:
    """Its credits are those that were paid back."""
    withdraws(any_store, PI, 1, used=700)
    fail_run(ADA, "run_1", any_store, now=at(500))
    account = any_store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA]
    assert (account.balance, account.shortfall, account.spendable(at(501))) == (0, 0, 0)


def test_the_second_time_no_order_is_taken_until_a_person_has_looked(any_store: Store) -> None:
    """It is granted as the law says, and flagged. A later one is flagged anew."""
    withdraws(any_store, PI, 1)
    assert withdraws(any_store, SECOND, 2).is_repeated
    flag = f"{REPEATED}{SECOND}"
    account = any_store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA]
    assert flag in account.flags
    assert account.status == "active"
    with pytest.raises(AccountInReview):
        orders(any_store, "refused")
    assert lift_hold(flag, ADA, "sam", any_store, why="Explained.", now=at(900))
    assert not lift_hold(flag, ADA, "sam", any_store, why="Explained.", now=at(901))
    orders(any_store, "taken")
    assert withdraws(any_store, THIRD, 3).is_repeated
    with pytest.raises(AccountInReview):
        orders(any_store, "refused again")


def test_credits_that_were_not_used_are_no_repetition(any_store: Store) -> None:
    """Whoever withdraws before any use may do so as often as the law allows it."""
    for number, payment_id in enumerate((PI, SECOND)):
        assert withdraws(any_store, payment_id, number, used=0).used_credits == 0
    orders(any_store, "taken")


def test_what_rounding_takes_is_no_use_that_was_paid_back(any_store: Store) -> None:
    """Ten credits for a cent: 33.3 of 100 cents are owed for 333 credits, 33 stay, and the other 67 take 670."""
    consent = replace(CONSENT, given_at=at(-5))
    settled = payment_of(paid_minor=100, fulfilment_key=ordered(any_store, consent=consent).fulfilment_key)
    record_events(any_store, paid(settled), now=at(10))
    draw_credits(ADA, "run_1", 333, any_store, now=at(11), is_debt_withheld=False)
    case = request_refund(any_store, refund_claim(RefundReason.CHANGED_MY_MIND), minute=12)
    provider = FakeProvider()
    send_refund(case.tag, any_store, lambda _: provider, clock=lambda: at(13))
    record_events(any_store, event_of(provider.move_refund_to(RefundState.SUCCEEDED), names=(PI,)))
    known = any_store.read(Keys(accounts=frozenset({ADA}), payments=frozenset({PI})))
    home, account = known.home_of(PI), known.accounts[ADA]
    assert home
    (approval,) = facts_of(home.facts, RefundApproved)
    assert (approval.amount_minor, approval.used_credits, approval.is_repeated) == (67, 0, False)
    assert (account.balance, account.shortfall, account.flags) == (0, 0, {})


def test_one_contract_is_one_withdrawal() -> None:
    """Its payments are paid back one by one."""
    flags = withdrawal_flags(PI, None, {})
    assert flags == {}
    known = ["used_and_withdrawn:stripe:pi_1:ord_1", "late_payment:stripe:pi_9"]
    assert not has_used_and_withdrawn(known, "ord_1")  # type: ignore[arg-type]
    assert has_used_and_withdrawn(known, "ord_2")  # type: ignore[arg-type]
    assert has_used_and_withdrawn(["used_and_withdrawn:stripe:pi_1:"], None)
    assert not has_used_and_withdrawn([], None)


def test_what_a_person_refunds_otherwise_is_owed_as_before() -> None:
    """The policy demands no more than the unused part, and the law nothing."""
    store = FakeStore()
    record_events(store, paid(payment_of()), now=at(0))
    draw_credits(ADA, "run_1", 1000, store, now=at(1))
    case = request_refund(store, refund_claim())
    case = decided(store, case, DecisionOutcome.APPROVE, minute=70, money_minor=2000)
    provider = FakeProvider()
    send_refund(case.tag, store, lambda _: provider, clock=lambda: at(71))
    record_events(store, event_of(provider.move_refund_to(RefundState.SUCCEEDED), names=(PI,)))
    assert owed(store) == 1000
    with pytest.raises(AccountInDebt):
        orders(store, "refused")
    orders(store, "allowed", debt_allowed=1000)
    with pytest.raises(AccountInDebt):
        orders(store, "above", debt_allowed=999)


def test_a_refund_beside_the_one_that_the_law_demands_leaves_no_debt_either() -> None:
    """The contract is unwound: what was refunded before, of used credits, is not owed any more."""
    store = FakeStore()
    settled = ordered(store, "ord_1")
    record_events(store, paid(settled), now=at(0))
    draw_credits(ADA, "run_1", 1000, store, now=at(1))
    record_events(store, event_of(refund(500), names=(settled.payment_id,)))
    assert owed(store) == 250
    case = request_refund(store, refund_claim(RefundReason.CHANGED_MY_MIND))
    provider = FakeProvider()
    send_refund(case.tag, store, lambda _: provider, clock=lambda: at(71))
    moved = replace(provider.move_refund_to(RefundState.SUCCEEDED), refund_id="re_by_law")
    record_events(store, event_of(moved, names=(settled.payment_id,)))
    assert owed(store) == 0


def test_used_credits_that_were_paid_for_are_not_taken_back_by_law() -> None:
    """With complete consent only the unused part goes back."""
    store = FakeStore()
    record_events(store, paid(ordered(store, "ord_1", consent=CONSENT)), now=at(0))
    draw_credits(ADA, "run_1", 400, store, now=at(1))
    case = request_refund(store, refund_claim(RefundReason.CHANGED_MY_MIND))
    assert case.decision
    assert (case.decision.ends_contract, case.rest_due_at) == (True, None), "the contract has no other payment"
    home = store.read(Keys(payments=frozenset({PI}))).home_of(PI)
    assert home
    (approval,) = facts_of(home.facts, RefundApproved)
    assert (approval.amount_minor, approval.is_by_law, approval.used_credits) == (1200, True, 0)
    assert not [flag for flag in store.accounts[ADA].flags if "withdrawn" in flag]


def test_only_a_dispute_is_owed_of_a_lot_that_the_law_unwound() -> None:
    """A bank that takes the money too takes its credits as before."""
    lot = Lot(lot_id="x", granted=1000, drawn=800, refund_target=1000, owes_no_refund=True).rebalance()
    assert (lot.refunded, lot.owed) == (200, 0)
    assert replace(lot, refund_target=0, refunded=0, dispute_target=1000).rebalance().owed == 800
