"""Approved refunds: their credits can't be spent until the refund has ended, and no amount is promised twice."""

import itertools
from dataclasses import replace

import pytest

from ledger.domain.facts import Fact, RefundAbandoned, RefundApproved, RefundChanged, RefundSent, RefundState
from ledger.domain.purchases import Purchase
from ledger.domain.refunds import end_of
from ledger.domain.texts import Text
from tools.testing.builders import ADA, LATER, PI, at, paid, payment, refund, says, tell
from tools.testing.fakes import FakeStore

TAG = "case_1-1"


def approved(amount_minor: int = 1000, *, takes_credits: bool = True) -> RefundApproved:
    """Our decision to refund."""
    return RefundApproved(
        tag=TAG, case_id="case_1", amount_minor=amount_minor, at=at(5), cause="case:1", takes_credits=takes_credits
    )


def sent(refund_id: str = "re_1") -> RefundSent:
    """The provider has it."""
    return RefundSent(tag=TAG, refund_id=refund_id, at=at(6), cause="case:1")


def purchase(*facts: Fact) -> Purchase:
    """A payment of 2,000, and what is known of its refunds."""
    return Purchase(payment_id=PI).with_facts(payment(), *facts)


def tagged(state: RefundState, refund_id: str = "re_1") -> RefundChanged:
    """A refund of half that bears our tag."""
    return replace(refund(1000, state=state, refund_id=refund_id), tag=TAG)


@pytest.mark.parametrize(
    ("facts", "refundable_minor"),
    [
        ([approved()], 1000),
        ([approved(), sent(), refund(1000, state=RefundState.PENDING)], 1000),
        ([approved(), tagged(RefundState.PENDING)], 1000),
        ([approved(), tagged(RefundState.SUCCEEDED)], 1000),
        ([approved(), tagged(RefundState.FAILED)], 2000),
        ([refund(1500, state=RefundState.PENDING)], 500),
        ([refund(1500, state=RefundState.REQUIRES_ACTION), approved(500)], 0),
        (
            [
                approved(),
                RefundAbandoned(tag=TAG, reason=Text(key=""), at=at(7), cause=""),
                tagged(RefundState.PENDING),
            ],
            1000,
        ),
    ],
)
def test_what_is_on_its_way_back_cant_be_refunded_again(facts: list[Fact], refundable_minor: int) -> None:
    """By an approval of ours or by somebody at the provider, and neither counts twice."""
    assert purchase(*facts).refundable_minor == refundable_minor


def test_how_an_approval_ended_is_told_the_same_in_any_order() -> None:
    """If it was sent twice and one of the two failed, the money is gone all the same."""
    facts: list[Fact] = [approved(), tagged(RefundState.FAILED), tagged(RefundState.SUCCEEDED, "re_2")]
    for order in itertools.permutations(facts):
        ended = end_of(TAG, purchase(*order).facts)
        assert isinstance(ended, RefundChanged)
        assert ended.state is RefundState.SUCCEEDED


def test_reserved_credits_are_spent_by_nobody_and_become_the_clawback() -> None:
    """Half is approved: half stays spendable, before the refund settles and after."""
    store = FakeStore()
    tell(store, paid(), says(approved()), says(sent()))
    assert (store.accounts[ADA].balance, store.accounts[ADA].spendable(LATER)) == (1000, 500)
    tell(store, says(refund(1000)))
    assert (store.accounts[ADA].balance, store.accounts[ADA].spendable(LATER)) == (500, 500)
