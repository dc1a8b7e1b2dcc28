"""What comes late is flagged: a period that is paid when it is over, credits that come back when they have ended."""

from dataclasses import replace

import pytest

from ledger.domain.facts import (
    ChargebackChanged,
    ChargebackState,
    DisputeState,
    Fact,
    HoldLifted,
    PaymentSettled,
    RefundAbandoned,
    RefundApproved,
    RefundState,
)
from ledger.domain.purchases import Purchase, target
from ledger.domain.texts import text
from tools.testing.builders import PI, at, dispute, payment, refund

END = at(30)  # of the credits
LATE, RETURNED = f"late_payment:{PI}", f"late_return:{PI}"


def chargeback(state: ChargebackState = ChargebackState.TAKEN, *, minute: float = 20) -> ChargebackChanged:
    """A chargeback of everything."""
    return ChargebackChanged(
        adjustment_id="adj_1",
        kind="chargeback",
        is_reversal=False,
        state=state,
        amount_minor=2000,
        currency="USD",
        created_at=at(20),
        at=at(minute),
        cause="paddle:evt",
    )


APPROVED = RefundApproved(tag="t", case_id="c", amount_minor=500, at=at(20), cause="case:c")
ABANDONED = RefundAbandoned(tag="t", reason=text("decision.own_words", words="no"), at=at(40), cause="case:c")
FAILED = replace(refund(state=RefundState.FAILED, minute=40), created_at=at(20))


def flags(*facts: Fact, paid: PaymentSettled | None = None) -> set[str]:
    """The flags of a payment whose credits end at `END`."""
    return set(target(Purchase(payment_id=PI).with_facts(paid or payment(expires_at=END), *facts)).flags)


@pytest.mark.parametrize(
    "facts",
    [
        (FAILED,),
        (replace(FAILED, state=RefundState.CANCELED),),
        (replace(FAILED, at=END),),
        (APPROVED, ABANDONED),
        (dispute(DisputeState.WON, minute=40),),
        (dispute(DisputeState.PREVENTED, minute=40),),
        (chargeback(ChargebackState.REVERSED, minute=40),),
        (chargeback(), replace(chargeback(minute=40), adjustment_id="adj_2", is_reversal=True, created_at=at(40))),
    ],
    ids=lambda facts: type(facts[0]).__name__,
)
def test_credits_that_come_back_after_their_end_are_flagged(facts: tuple[Fact, ...]) -> None:
    """Support sees that the customer could not use them. Credits that never end can be used."""
    assert RETURNED in flags(*facts)
    assert RETURNED not in flags(*facts, paid=payment())


@pytest.mark.parametrize(
    "facts",
    [
        (),
        (replace(FAILED, at=at(29)),),  # in time
        (replace(FAILED, created_at=END),),  # they had ended before the refund began
        (refund(minute=40),),
        (APPROVED,),
        (ABANDONED,),
        (dispute(DisputeState.LOST, minute=40),),
        (dispute(DisputeState.UNDER_REVIEW, minute=40),),
        (dispute(DisputeState.INQUIRY_CLOSED, minute=40),),  # an inquiry freezes nothing
        (dispute(DisputeState.WON, minute=29),),
        (chargeback(minute=40),),
        (dispute(DisputeState.WON, minute=40), refund(2000, minute=50)),  # nothing is left of its money
        (FAILED, HoldLifted(hold_id=RETURNED, actor="sam", at=at(41), cause="act")),
    ],
    ids=str,
)
def test_other_ends_of_refunds_and_disputes_are_not_flagged_so(facts: tuple[Fact, ...]) -> None:
    """A flag that means nothing hides the ones that do."""
    assert RETURNED not in flags(*facts)


def test_a_payment_after_its_period_is_flagged_while_its_money_is_ours() -> None:
    """Also once only a part of it is, and until a person has seen to it."""
    line = replace(payment().lines[0], period_ends_at=at(0), expires_at=at(60))
    late = payment(lines=(line,))
    assert LATE in flags(paid=late)
    assert LATE in flags(refund(1999), paid=late)
    assert LATE not in flags(refund(2000), paid=late)
    assert LATE not in flags(HoldLifted(hold_id=LATE, actor="sam", at=at(0), cause="act"), paid=late)
    assert LATE not in flags(paid=payment(lines=(replace(line, period_ends_at=at(1)),)))
