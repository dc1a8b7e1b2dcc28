"""What comes late is flagged: a period that is paid when it is over, credits that come back when they have ended."""

from dataclasses import replace

import pytest

from ledger.domain.facts import (
    BalanceCredited,
    ChargebackChanged,
    ChargebackState,
    DisputeState,
    Fact,
    HoldLifted,
    PaymentSettled,
    RefundAbandoned,
    RefundApproved,
    RefundState,
    merge,
)
from ledger.domain.late import late_flags
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


def since(*facts: Fact, paid: PaymentSettled | None = None, has_value: bool = True, grants: bool = True) -> object:
    """Since when the flag of a late return is on, whatever of the money is left."""
    known = merge({}, facts)
    return late_flags(paid or payment(expires_at=END), known, has_value=has_value, grants=grants)[RETURNED]


def row(name: str, minute: float, *, kind: str = "chargeback", is_reversal: bool = False) -> ChargebackChanged:
    """A chargeback, or a reversal, of an instant."""
    made = replace(chargeback(), adjustment_id=name, kind=kind, is_reversal=is_reversal)
    return replace(made, created_at=at(minute), at=at(minute))


def credit(name: str, minute: float, *, is_reversal: bool = False) -> BalanceCredited:
    """What moved to the buyer's balance, or back."""
    return BalanceCredited(
        credit_id=name,
        amount_minor=500,
        currency="USD",
        created_at=at(minute),
        at=at(minute),
        cause="paddle:evt",
        is_reversal=is_reversal,
    )


@pytest.mark.parametrize(
    ("facts", "minute"),
    [
        ((FAILED,), 40),
        ((FAILED, dispute(DisputeState.WON, minute=50)), 50),  # the latest
        ((replace(refund(minute=40), created_at=at(20)),), None),  # it arrived
        ((replace(refund(minute=40, state=RefundState.PENDING), created_at=at(20)),), None),
        # chargebacks, each kind for itself, from the first that a reversal can be of
        ((row("a", 20), row("b", 40, is_reversal=True)), 40),
        ((row("a", 20), row("b", 35), row("c", 40, is_reversal=True)), 40),
        ((row("a", 35), row("b", 40, is_reversal=True), row("c", 20, kind="chargeback_warning")), None),
        ((row("a", 35), row("b", 20, is_reversal=True), row("c", 40, is_reversal=True)), None),
        ((row("b", 40, is_reversal=True),), None),
        ((chargeback(minute=40),), None),
        # credits to the buyer's balance
        ((replace(credit("a", 20), is_reversed=True, at=at(40)),), 40),
        ((replace(credit("a", 20), at=at(40)),), None),
        ((credit("a", 20), credit("b", 40, is_reversal=True)), 40),
        ((credit("a", 20), credit("b", 35), credit("c", 40, is_reversal=True)), 40),
        ((credit("a", 35), credit("b", 20, is_reversal=True), credit("c", 40, is_reversal=True)), None),
        ((credit("b", 40, is_reversal=True),), None),
        # a person has seen to it, before or after
        ((FAILED, HoldLifted(hold_id=RETURNED, actor="sam", at=at(40), cause="act")), None),
        ((FAILED, HoldLifted(hold_id=RETURNED, actor="sam", at=at(39), cause="act")), 40),
        ((HoldLifted(hold_id=RETURNED, actor="sam", at=at(39), cause="act"),), None),
    ],
    ids=str,
)
def test_a_late_return_is_flagged_since_the_latest(facts: tuple[Fact, ...], minute: float | None) -> None:
    """By when the credits went, when they came back, and when they had ended."""
    assert since(*facts) == (None if minute is None else at(minute))


def test_a_late_return_counts_from_the_first_credits_that_ended() -> None:
    """Others may never end, or later."""
    line = payment().lines[0]
    lines = tuple(replace(line, line_id=str(ends), expires_at=ends) for ends in (None, at(60), END))
    assert since(FAILED, paid=payment(lines=lines)) == at(40)


@pytest.mark.parametrize(("has_value", "grants"), [(True, False), (False, True)])
def test_only_the_payment_whose_money_we_have_and_whose_credits_they_are_is_flagged(
    *, has_value: bool, grants: bool
) -> None:
    """The flags of any other one are taken away."""
    ended = replace(payment().lines[0], period_ends_at=at(0), expires_at=END)
    known = merge({}, (FAILED,))
    on = late_flags(payment(lines=(ended,), minute=1), known, has_value=True, grants=True)
    assert on == {LATE: at(1), RETURNED: at(40)}
    off = late_flags(payment(lines=(ended,), minute=1), known, has_value=has_value, grants=grants)
    assert off == {LATE: None, RETURNED: None}
    assert late_flags(payment(), known, has_value=True, grants=True) == {}, "nothing of it ends"


def test_a_payment_after_its_period_is_flagged_while_its_money_is_ours() -> None:
    """Also once only a part of it is, and until a person has seen to it."""
    line = replace(payment().lines[0], period_ends_at=at(0), expires_at=at(60))
    late = payment(lines=(line,))
    assert LATE in flags(paid=late)
    assert LATE in flags(refund(1999), paid=late)
    assert LATE not in flags(refund(2000), paid=late)
    assert LATE not in flags(HoldLifted(hold_id=LATE, actor="sam", at=at(0), cause="act"), paid=late)
    assert LATE not in flags(paid=payment(lines=(replace(line, period_ends_at=at(1)),)))
