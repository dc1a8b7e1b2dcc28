"""What a purchase's facts mean: for its lots, its account's holds and flags, and what could still be given back."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from fractions import Fraction

import pytest

from ledger.domain.conclusions import conclusion
from ledger.domain.disputes import disputed
from ledger.domain.facts import (
    BalanceCredited,
    ChargebackChanged,
    ChargebackState,
    DisputeChanged,
    DisputeState,
    Fact,
    FraudWarned,
    HoldLifted,
    PaidLine,
    PaymentFailed,
    RefundAbandoned,
    RefundApproved,
    RefundAttempted,
    RefundChanged,
    RefundedItem,
    RefundPart,
    RefundSent,
    RefundState,
    RefundTotalReported,
    ResolutionReported,
    UngrantedLine,
)
from ledger.domain.holds import Hold
from ledger.domain.ids import PaymentId, part_tag
from ledger.domain.lots import Lot
from ledger.domain.purchases import LotTarget, Purchase, Target, duplicate_minor, is_covered_by, target
from ledger.domain.refunds import (
    Returned,
    end_of,
    outstanding,
    outstanding_minor,
    returned_minor,
    split_over_lines,
    tag_of,
)
from ledger.domain.refunds import returned as return_of
from ledger.domain.shares import shares_left
from ledger.domain.texts import Text
from tools.testing.builders import ADA, LATER, PI, at, dispute, payment, refund, returned

TAG = "case_1-1"
LOST = DisputeState.LOST
LINES = tuple(
    PaidLine(line_id=name, product_id="pack", credits=credits_, amount_minor=minor, expires_at=None)
    for name, credits_, minor in (("a", 500, 1000), ("b", 1000, 1000))
)


def purchase(*facts: Fact) -> Purchase:
    """A payment of 2,000 for 1,000 credits, and what was heard of it."""
    return Purchase(payment_id=PI).with_facts(payment(), *facts)


def of_two_lines(*facts: Fact, overcharge_minor: int = 0) -> Purchase:
    """A payment of 1,000 for 500 credits and 1,000 for another 1,000, above it perhaps an overcharge."""
    settled = payment(lines=LINES, paid_minor=2000 + overcharge_minor, overcharge_minor=overcharge_minor)
    return Purchase(payment_id=PI).with_facts(settled, *facts)


def items(*of: tuple[str, int] | tuple[str, int, bool]) -> tuple[RefundedItem, ...]:
    """Parts of a refund that name lines; True: of the tax alone."""
    return tuple(
        RefundedItem(line_id=line_id, amount_minor=minor, is_tax_only=bool(rest)) for line_id, minor, *rest in of
    )


def approved(
    amount_minor: int = 1000, *, tag: str = TAG, takes_credits: bool = True, of: tuple[RefundedItem, ...] = ()
) -> RefundApproved:
    """Our decision."""
    return RefundApproved(
        tag=tag,
        case_id="case_1",
        amount_minor=amount_minor,
        at=at(5),
        cause="case:1",
        takes_credits=takes_credits,
        items=of,
    )


def tagged(amount_minor: int = 1000, state: RefundState = RefundState.SUCCEEDED, refund_id: str = "re_1") -> Fact:
    """A refund that bears our tag."""
    return replace(refund(amount_minor, state=state, refund_id=refund_id), tag=TAG)


def reported(total_minor: int, charge_id: str = "ch_1") -> RefundTotalReported:
    """The provider's running total of a charge."""
    return RefundTotalReported(
        currency="USD", charge_id=charge_id, total_minor=total_minor, at=at(9), cause="stripe:evt"
    )


def chargeback(
    name: str = "adj_1",
    *,
    amount_minor: int = 2000,
    minute: float = 20,
    state: ChargebackState = ChargebackState.TAKEN,
    kind: str = "chargeback",
    is_reversal: bool = False,
) -> ChargebackChanged:
    """A row of a merchant of record's."""
    return ChargebackChanged(
        currency="USD",
        adjustment_id=name,
        kind=kind,
        is_reversal=is_reversal,
        state=state,
        amount_minor=amount_minor,
        created_at=at(minute),
        at=at(minute),
        cause="paddle:evt",
    )


def taken(of: Purchase) -> list[tuple[int, int, int]]:
    """Per lot: what refunds take, what disputes take beyond it, what is reserved."""
    return [(lot.refund_target, lot.dispute_target, lot.reserve_target) for lot in target(of).lots]


# ── A purchase ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_facts_wait_until_their_payment_is_known() -> None:
    """Until then there is nothing to take from, and nobody to hold."""
    waiting = Purchase(payment_id=PI).with_facts(refund())
    assert (waiting.payment, waiting.account_id, waiting.refundable_minor, waiting.version) == (None, None, 0, 0)
    with pytest.raises(ValueError, match="wait"):
        target(waiting)
    assert (purchase().payment, purchase().account_id) == (payment(), ADA)
    assert Purchase(payment_id=PI).is_duplicate is False


@pytest.mark.parametrize(
    ("facts", "refundable_minor"),
    [
        ([], 2000),
        ([refund(300)], 1700),
        ([refund(300), approved(500)], 1200),
        ([refund(300), refund(200, refund_id="re_2", state=RefundState.PENDING), approved(500)], 1000),
        ([refund(300), dispute(LOST, 700)], 1000),
        ([refund(300), dispute(LOST, 2000)], 0),
        ([dispute(LOST, 1999)], 1),
        ([dispute(DisputeState.OPEN, 2000)], 2000),
        ([approved(500, takes_credits=False)], 1500),
        ([approved(500, of=items(("0", 300), ("0", 200, True)))], 1500),
    ],
)
def test_what_went_back_or_is_about_to_cant_be_given_back_again(facts: list[Fact], refundable_minor: int) -> None:
    """By refunds, by approvals, by disputes that were lost; never less than nothing."""
    assert purchase(*facts).refundable_minor == refundable_minor


@pytest.mark.parametrize(
    ("card_minor", "facts", "refundable_minor", "value_left_minor"),
    [
        (None, [], 2000, 2000),
        (0, [], 0, 2000),  # the buyer's balance paid all of it
        (500, [], 500, 2000),
        (500, [refund(200, refund_id="re_a")], 300, 1800),
        (500, [refund(500, refund_id="re_a")], 0, 1500),
        (500, [dispute(LOST, amount_minor=500)], 0, 1500),
        (2300, [], 2000, 2000),  # the card paid an older debt too
        (2300, [refund(2000, refund_id="re_a")], 0, 0),
    ],
)
def test_what_the_buyers_balance_paid_is_value_but_cant_go_back_to_a_card(
    card_minor: int | None, facts: list[Fact], refundable_minor: int, value_left_minor: int
) -> None:
    """A share is of the whole value; a refund to the card is of what the card paid."""
    bought = Purchase(payment_id=PI).with_facts(replace(payment(), card_minor=card_minor), *facts)
    assert (bought.refundable_minor, bought.value_left_minor) == (refundable_minor, value_left_minor)


def test_a_refund_takes_its_share_of_the_whole_value() -> None:
    """5.00 of 20.00 by card, of which half goes back, then the rest: an eighth, then a quarter."""
    bought = Purchase(payment_id=PI).with_facts(replace(payment(), card_minor=500))
    for refunds, taken in (
        ([refund(250, refund_id="re_a")], 125),
        ([refund(250, refund_id="re_a"), refund(250, refund_id="re_b")], 250),
    ):
        assert target(bought.with_facts(*refunds)).lots[0].refund_target == taken


GRANTED = LotTarget(
    lot_id="lot",
    granted=10,
    expires_at=None,
    refund_target=0,
    dispute_target=0,
    is_frozen=False,
    reserve_target=0,
    grace_from=None,
    subscription_id=None,
    locked_until=None,
    owes_no_refund=False,
    is_withdrawn=False,
)
"""The target of a lot to which nothing has happened."""


@pytest.mark.parametrize("credits_", [1, 1000])
def test_a_target_brings_a_lot_to_it_and_keeps_what_was_drawn(credits_: int) -> None:
    """From nothing, and from any state that it has."""
    wanted = replace(GRANTED, granted=credits_, expires_at=LATER, dispute_target=1, is_frozen=True)
    fresh = wanted.applied_to(None)
    assert fresh == Lot(lot_id="lot", granted=credits_, expires_at=LATER, disputed=1, dispute_target=1, is_frozen=True)
    used = Lot(lot_id="lot", granted=3000, drawn=credits_, refund_target=9, reserve_target=9, refunded=9)
    assert wanted.applied_to(used) == replace(fresh, drawn=credits_, disputed=0)
    assert GRANTED.applied_to(None) == Lot(lot_id="lot", granted=10)
    assert replace(GRANTED, refund_target=4, reserve_target=2).applied_to(None).reserved == 2
    renewing = replace(GRANTED, expires_at=LATER, grace_from=at(9), subscription_id="stripe:sub_1")
    graced = renewing.applied_to(used)
    assert (graced.grace_from, graced.subscription_id) == (at(9), "stripe:sub_1")


def test_a_target_says_all_that_the_ledger_should_hold() -> None:
    """For a payment that nothing has happened to yet."""
    expiring = Purchase(payment_id=PI).with_facts(payment(expires_at=LATER, fulfilment_key="order/o"))
    assert target(expiring) == Target(
        lots=(replace(GRANTED, lot_id="order/o/0", granted=1000, expires_at=LATER),),
        holds={},
        flags={},
        cleared_holds=frozenset(),
        cleared_flags=frozenset(
            f"{flag}:stripe:pi_1" for flag in ("overcharge", "duplicate_charge", "other_currency", "late_return")
        ),
        lost={},
    )


@pytest.mark.parametrize(("refunded_minor", "is_flagged"), [(0, True), (99, True), (100, False), (101, False)])
def test_an_overcharge_is_flagged_until_it_has_gone_back(refunded_minor: int, is_flagged: bool) -> None:
    """Beside what disputes and warnings flag."""
    warning = FraudWarned(warning_id="w", is_actionable=True, at=at(3), cause="")
    known = target(of_two_lines(refund(refunded_minor), warning, overcharge_minor=100))
    overcharge = {"overcharge:stripe:pi_1": at(0)} if is_flagged else {}
    assert known.flags == {"fraud_warning:stripe:w": at(3), **overcharge}
    assert ("overcharge:stripe:pi_1" in known.cleared_flags) is not is_flagged


def test_facts_about_money_wait_since_the_first_of_them() -> None:
    """A failed attempt to pay waits for nothing, and nothing waits once the payment is known."""
    failed = PaymentFailed(at=at(1), cause="")
    waiting = Purchase(payment_id=PI).with_facts(dispute(), refund(), failed)
    assert waiting.waits_since == at(10)
    assert Purchase(payment_id=PI).with_facts(failed).waits_since is None
    assert purchase(refund()).waits_since is None


@pytest.mark.parametrize(
    ("card_minor", "facts", "refundable_minor", "value_left_minor"),
    [
        (None, [approved(500)], 1500, 1500),
        (None, [refund(1500), dispute(LOST, 2000)], 0, 0),
        (500, [approved(300)], 200, 1700),
        # the buyer's balance had a part back: the card can have all that it paid
        (
            500,
            [BalanceCredited(credit_id="c", amount_minor=700, currency="USD", created_at=at(1), at=at(1), cause="")],
            500,
            1300,
        ),
    ],
)
def test_what_is_going_back_is_no_value_any_more_and_what_moved_to_the_balance_was_not_the_cards(
    card_minor: int | None, facts: list[Fact], refundable_minor: int, value_left_minor: int
) -> None:
    """Never less than nothing."""
    bought = Purchase(payment_id=PI).with_facts(replace(payment(), card_minor=card_minor), *facts)
    assert (bought.refundable_minor, bought.value_left_minor) == (refundable_minor, value_left_minor)
    assert Purchase(payment_id=PI).value_left_minor == 0


def third(number: int, *facts: Fact, lines: tuple[PaidLine, ...] = LINES) -> Purchase:
    """One of several payments for an order of two lines."""
    settled = payment(PaymentId(f"stripe:pi_{number}"), lines=lines, fulfilment_key="order/o", minute=number)
    return Purchase(payment_id=settled.payment_id).with_facts(settled, *facts)


OTHER = tuple(replace(line, credits=line.credits + 1) for line in LINES)
"""Other items than the order's: a payment for them pays for nothing of it."""


def test_every_payment_beside_the_first_that_has_value_is_a_duplicate_charge() -> None:
    """One that was refunded is none any more; one for other items is one whatever is left of the first."""
    assert set(target(third(1), third(2), third(3, refund(2000))).flags) == {"duplicate_charge:stripe:pi_2"}
    assert set(target(third(1, refund(2000)), third(2, lines=OTHER)).flags) == {"duplicate_charge:stripe:pi_2"}
    assert target(third(1, refund(2000)), third(2)).flags == {}
    gone = (refund(1000), dispute(LOST, 1000))
    assert "duplicate_charge:stripe:pi_3" not in target(third(1), third(2), third(3, *gone)).flags
    of_one_line = replace(refund(1000), items=items(("a", 1000)))
    assert "duplicate_charge:stripe:pi_2" in target(third(1), third(2, of_one_line)).flags, "the other is paid twice"
    another = tuple(replace(line, product_id="other") for line in LINES)
    assert "duplicate_charge:stripe:pi_2" in target(third(1, refund(2000)), third(2, lines=another)).flags


def test_a_dispute_holds_unless_another_payment_for_the_same_items_stands() -> None:
    """One payment alone, or beside one for other items, is held, however small the dispute is."""
    hold = {HOLD: Hold(at(20), PaymentId("stripe:pi_1"))}
    for paid in ([third(1, dispute(amount_minor=0))], [third(1, dispute()), third(2, lines=OTHER)]):
        known = target(*paid)
        assert (known.holds, [lot.is_frozen for lot in known.lots]) == (hold, [True] * 2)
    of_one_line = replace(refund(1000), items=items(("a", 1000)))
    assert target(third(1, dispute()), third(2, of_one_line)).holds == hold, "of one line nothing else stands"
    stands = target(third(1, dispute()), third(2))
    assert (dict(stands.holds), HOLD in stands.cleared_holds) == ({}, True)


def test_a_payment_of_a_subscription_that_a_dispute_took_is_named() -> None:
    """Its renewals are stopped. One that is open has taken nothing yet; a pack has no renewals."""
    renewal = replace(payment(), subscription_id="stripe:sub_1")
    bought = Purchase(payment_id=PI).with_facts(renewal)
    for taking in (dispute(LOST), chargeback(), [dispute(LOST), dispute(dispute_id="dp_2")]):
        facts = taking if isinstance(taking, list) else [taking]
        assert target(bought.with_facts(*facts)).lost == {PI: "stripe:sub_1"}
    reversed_ = chargeback(state=ChargebackState.REVERSED)
    for other in (bought, bought.with_facts(dispute(), reversed_), purchase(dispute(LOST))):
        assert target(other).lost == {}


def test_only_the_first_of_several_payments_is_flagged_as_late() -> None:
    """The others are duplicates, and grant nothing that could have come too late."""
    lines = (replace(LINES[0], period_ends_at=at(0)),)
    late, duplicate = "late_payment:stripe:pi_1", "duplicate_charge:stripe:pi_2"
    assert set(target(third(1, lines=lines), third(2, lines=lines)).flags) == {late, duplicate}


def test_a_dispute_of_an_unknown_amount_leaves_nothing_for_sure() -> None:
    """Nor less than nothing: another payment that stands is one whole price."""
    euros = replace(dispute(), currency="EUR")
    assert set(target(third(1, euros), third(2, refund(2000))).holds) == {HOLD}
    assert target(third(1, euros), third(2)).holds == {}


def of_period(number: int, *facts: Fact, lines: tuple[PaidLine, ...] = LINES) -> Purchase:
    """A renewal's payment of a period, with lots of its own."""
    settled = payment(PaymentId(f"stripe:pi_{number}"), lines=lines, fulfilment_key="period/s/1", minute=number)
    return Purchase(payment_id=settled.payment_id).with_facts(settled, *facts)


@pytest.mark.parametrize(
    "facts", [(), (refund(500),), (approved(1000),), (dispute(LOST, 700),), (refund(2000),)], ids=str
)
def test_payments_for_other_items_leave_each_others_lots_alone(facts: tuple[Fact, ...]) -> None:
    """Neither is a part of the other's price, though both are for one period."""
    one, two = third(1, *facts), of_period(2, approved(300), lines=OTHER)
    assert target(one, two).lots == (*target(one).lots, *target(two).lots)
    assert is_covered_by(third(4), [two, third(3)]) is is_covered_by(third(4), [third(3), two]) is True


def test_a_duplicate_of_a_period_grants_nothing_and_extends_nothing() -> None:
    """Whatever the payments beside it are for. Payments for nothing in common have lots of their own."""
    later = tuple(replace(line, expires_at=LATER) for line in LINES)
    lots = target(third(1), of_period(2, refund(2000)), of_period(3, lines=later), of_period(4, lines=OTHER)).lots
    assert [(lot.lot_id, lot.granted - lot.refund_target, lot.expires_at) for lot in lots[2:]] == [
        ("period/s/1/0", 0, None),
        ("period/s/1/1", 0, None),
    ]
    alone = [Purchase(payment_id=name).with_facts(payment(name)) for name in (PI, PaymentId("stripe:pi_2"))]
    assert [lot.lot_id for lot in target(*alone).lots] == ["stripe:pi_1/0", "stripe:pi_2/0"]


def test_only_the_credits_of_a_period_are_its_subscriptions() -> None:
    """A pack on a subscription's invoice stays as it is when the next period is paid for."""
    lines = (LINES[0], replace(LINES[1], period_ends_at=LATER))
    bought = Purchase(payment_id=PI).with_facts(replace(payment(lines=lines), subscription_id="stripe:sub_1"))
    assert [lot.subscription_id for lot in target(bought).lots] == [None, "stripe:sub_1"]


def test_a_payment_for_other_items_under_one_order_grants_none_of_them() -> None:
    """The lots are the first payment's, and what is going back of that is reserved."""
    lots = target(third(1, approved(1000)), third(2, lines=OTHER)).lots
    assert [(lot.granted, lot.reserve_target) for lot in lots] == [(500, 250), (1000, 500)]


def test_a_flag_that_is_off_is_taken_away_and_one_that_is_on_is_not() -> None:
    """Whatever it is about: also that of a dispute that came to nothing."""
    line = replace(LINES[0], expires_at=LATER, period_ends_at=LATER)
    won = target(third(1, dispute(DisputeState.WON), lines=(line,)))
    about = ("overcharge", "duplicate_charge", "other_currency", "late_payment", "late_return")
    assert {f"{flag}:stripe:pi_1" for flag in about} | {f"duplicate_disputed:{HOLD}"} <= won.cleared_flags
    late = target(third(1, lines=(replace(line, period_ends_at=at(0)),)))
    assert late.flags == {"late_payment:stripe:pi_1": at(1)}
    assert "late_payment:stripe:pi_1" not in late.cleared_flags


def test_a_duplicate_can_be_refunded_as_far_as_one_whole_price_stays() -> None:
    """Of the line of which least is left; of a payment for other items nothing."""
    refunded_a = replace(refund(500), items=items(("a", 500)))
    assert duplicate_minor(third(1), [third(2)]) == 2000
    assert duplicate_minor(third(1), [third(2, refunded_a)]) == 1000, "half of a line is spare"
    assert duplicate_minor(third(1, refunded_a), [third(2)]) == 1500, "all that is left of it"
    assert duplicate_minor(third(1, refunded_a), [third(2, refunded_a)]) == 0
    assert duplicate_minor(third(1, refund(2000)), [third(2)]) == 0
    assert duplicate_minor(third(1), []) == 0
    assert duplicate_minor(third(1), [third(2, lines=OTHER)]) == 0


GOING = {
    "refunded": lambda minor: refund(minor),
    "pending": lambda minor: refund(minor, state=RefundState.PENDING),
    "approved": lambda minor: approved(minor),
    "lost": lambda minor: dispute(LOST, minor),
    "open": lambda minor: dispute(DisputeState.OPEN, minor),
    "appealed": lambda minor: dispute(DisputeState.APPEALED, minor),
    "resolved": lambda minor: dispute(DisputeState.RESOLVED, minor),
    "chargeback": lambda minor: chargeback(amount_minor=minor),
}
"""What takes this much of a payment, or may take it."""


@pytest.mark.parametrize("going", GOING.values(), ids=GOING)
def test_what_goes_back_of_one_twin_is_not_spare_of_the_other(going: Callable[[int], Fact]) -> None:
    """Both twins of a double charge are never refunded, and no quarter of a price too much."""
    assert duplicate_minor(third(1), [third(2, going(2000))]) == 0
    assert duplicate_minor(third(1), [third(2, going(500))]) == 1500
    assert duplicate_minor(third(1, going(500)), [third(2, going(500))]) == 1000
    assert duplicate_minor(third(1), [third(2, going(2000)), third(3)]) == 2000
    assert duplicate_minor(third(1), [third(2, going(2000)), third(3, going(2000))]) == 0
    assert duplicate_minor(third(1, going(2000)), [third(2)]) == 0
    assert not is_covered_by(third(1), [third(2, going(1))])
    assert is_covered_by(third(1), [third(2, going(1)), third(3)])


@pytest.mark.parametrize("state", [DisputeState.WON, DisputeState.INQUIRY, DisputeState.PREVENTED])
def test_a_dispute_that_takes_nothing_leaves_the_duplicate(state: DisputeState) -> None:
    """What was won is spare again."""
    assert duplicate_minor(third(1), [third(2, dispute(state))]) == 2000
    assert duplicate_minor(third(1, dispute(state)), [third(2)]) == 2000
    assert is_covered_by(third(1), [third(2, dispute(state))])


@pytest.mark.parametrize("fact", [dispute(LOST), dispute(DisputeState.OPEN), refund(1)], ids=["lost", "open", "refund"])
def test_what_took_an_unknown_amount_of_a_twin_may_have_taken_all(fact: DisputeChanged | RefundChanged) -> None:
    """It is in another currency, and its worth is not stated yet."""
    unknown = replace(fact, currency="EUR")
    assert duplicate_minor(third(1), [third(2, unknown)]) == 0
    assert not is_covered_by(third(1), [third(2, unknown)])


def test_a_payment_is_covered_by_others_that_leave_one_whole_price_of_its_items() -> None:
    """Then it pays for no credits."""
    assert is_covered_by(third(1), [third(2)])
    assert is_covered_by(third(1), [third(2, refund(1000)), third(3, refund(1000))])
    for others in ([], [third(2, refund(1))], [third(2, lines=OTHER)]):
        assert not is_covered_by(third(1), others)


# ── What refunds and disputes take ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("facts", "targets"),
    [
        ([], [(0, 0, 0), (0, 0, 0)]),
        ([refund(1000)], [(250, 0, 0), (500, 0, 0)]),
        ([refund(1999)], [(499, 0, 0), (999, 0, 0)]),
        ([replace(refund(1000), items=items(("a", 1000)))], [(500, 0, 0), (0, 0, 0)]),
        ([replace(refund(500), items=items(("b", 500)))], [(0, 0, 0), (500, 0, 0)]),
        ([replace(refund(600), items=items(("b", 200), ("b", 300), ("a", 100, True)))], [(0, 0, 0), (500, 0, 0)]),
        # half of a is named; of the other 1,500 half went back evenly
        ([replace(refund(500), items=items(("a", 500))), refund(750, refund_id="x")], [(375, 0, 0), (500, 0, 0)]),
        # what is named for a line beyond its price is of all lines
        ([replace(refund(1500), items=items(("a", 1500)))], [(500, 0, 0), (500, 0, 0)]),
        ([replace(refund(1500), items=items(("a", 1500))), refund(500, refund_id="x")], [(500, 0, 0), (1000, 0, 0)]),
        ([dispute(LOST, 1000)], [(0, 250, 0), (0, 500, 0)]),
        ([refund(1000), dispute(LOST, 1000)], [(250, 250, 0), (500, 500, 0)]),
        ([refund(1500), dispute(LOST, 1000)], [(375, 125, 0), (750, 250, 0)]),
        ([refund(500), dispute(LOST, 500), approved(500)], [(125, 125, 125), (250, 250, 250)]),
        ([approved(1000, of=items(("b", 1000)))], [(0, 0, 0), (0, 0, 1000)]),
        ([approved(1000, takes_credits=False)], [(0, 0, 0), (0, 0, 0)]),
        ([approved(1000, takes_credits=False), tagged()], [(0, 0, 0), (0, 0, 0)]),
        ([approved(1000, of=items(("b", 1000))), tagged()], [(0, 0, 0), (1000, 0, 0)]),
        ([approved(1000, of=items(("b", 1000)), takes_credits=False), tagged()], [(0, 0, 0), (0, 0, 0)]),
        # a refund of another sum than was approved: nobody knows of which line
        ([approved(1000, of=items(("b", 1000))), tagged(500)], [(125, 0, 0), (250, 0, 0)]),
        (
            [
                BalanceCredited(
                    currency="USD",
                    created_at=at(0),
                    credit_id="c",
                    is_reversal=False,
                    amount_minor=9,
                    at=at(1),
                    cause="",
                )
            ],
            [(2, 0, 0), (4, 0, 0)],
        ),
        ([refund(1000, state=RefundState.PENDING)], [(0, 0, 250), (0, 0, 500)]),
        ([PaymentFailed(at=at(1), cause="")], [(0, 0, 0)] * 2),
    ],
)
def test_money_that_goes_back_takes_its_share_of_the_line_it_is_of(
    facts: list[Fact], targets: list[tuple[int, int, int]]
) -> None:
    """First by the refunds that name a line, then evenly by all others, then by disputes, then by what is approved."""
    assert taken(of_two_lines(*facts)) == targets


@pytest.mark.parametrize(
    ("facts", "targets"),
    [
        ([refund(100)], [(0, 0, 0), (0, 0, 0)]),
        ([refund(1100)], [(250, 0, 0), (500, 0, 0)]),
        ([refund(2100)], [(500, 0, 0), (1000, 0, 0)]),
        ([dispute(LOST, 1100)], [(0, 250, 0), (0, 500, 0)]),
        # the goodwill gave it back already: what follows is the price of credits
        ([approved(100, takes_credits=False), tagged(100), refund(1000, refund_id="x")], [(250, 0, 0), (500, 0, 0)]),
        # of the 1,900 that the goodwill left, 1,000 are the price of 1,000 / 1,900 of the credits
        ([approved(200, takes_credits=False), tagged(200), refund(1000, refund_id="x")], [(263, 0, 0), (526, 0, 0)]),
        ([approved(200, takes_credits=False), tagged(200), refund(1, refund_id="x")], [(0, 0, 0), (0, 0, 0)]),
    ],
)
def test_what_corrects_an_overcharge_is_no_price_of_credits(
    facts: list[Fact], targets: list[tuple[int, int, int]]
) -> None:
    """The first 100 that go back of a payment that was 100 too much."""
    assert taken(of_two_lines(*facts, overcharge_minor=100)) == targets


def test_an_open_dispute_freezes_every_lot() -> None:
    """A lost or won one none."""
    for state in DisputeState:
        lots = target(of_two_lines(dispute(state))).lots
        assert [lot.is_frozen for lot in lots] == [state.is_open] * 2


# ── Refunds ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("facts", "total_minor"),
    [
        ([refund(300), refund(200, refund_id="re_2")], 500),
        ([refund(300), reported(500)], 500),
        ([refund(300), reported(100)], 300),
        ([reported(100), reported(200, "ch_2")], 300),
        # the total counts a refund that is under way or failed: it did not go back
        ([refund(300), refund(200, refund_id="re_2", state=RefundState.PENDING), reported(500)], 300),
        ([refund(300, state=RefundState.FAILED), reported(500)], 200),
        ([refund(300, state=RefundState.FAILED), reported(100)], 0),
    ],
)
def test_the_sum_refunded_is_the_larger_of_what_refunds_and_what_the_running_total_say(
    facts: list[Fact], total_minor: int
) -> None:
    """Less what the total counts and what never went."""
    assert returned_minor(purchase(*facts).facts) == total_minor


def test_an_approval_is_outstanding_until_it_has_ended() -> None:
    """By its own refund, under its tag or the id under which we sent it, or given up."""
    approval = approved(900, of=items(("a", 500), ("b", 100, True)))
    gave_up = RefundAbandoned(tag=TAG, reason=Text(key=""), at=at(7), cause="")
    sent = RefundSent(tag=TAG, refund_id="re_9", at=at(6), cause="")
    ended = refund(900, refund_id="re_9")
    for facts, outstanding_of in (
        ([approval], [900]),
        ([approval, tagged(900, RefundState.PENDING)], [900]),
        ([approval, refund(900)], [900]),  # somebody else's
        ([approval, sent, replace(ended, state=RefundState.PENDING)], [900]),
        ([approval, sent, ended], []),
        ([approval, gave_up], []),
        ([approval, gave_up, tagged(900, RefundState.PENDING)], [900]),
        ([approval, approved(50, tag="other"), gave_up], [50]),
        ([approved(50, tag="a", takes_credits=False), approved(7, tag="other")], [50, 7]),
    ):
        assert [one.amount_minor for one in outstanding(purchase(*facts).facts)] == outstanding_of
    (one,) = outstanding(purchase(approval).facts)
    assert (one.items, one.takes_credits) == (approval.items, True)
    (kept,) = outstanding(purchase(approved(50, takes_credits=False)).facts)
    assert kept.takes_credits is False


def test_a_refund_carries_out_the_approval_of_its_tag_else_the_one_that_was_sent_under_its_id() -> None:
    """A tag that we never gave is nobody's; of two that were sent under one id, always the same one is told."""
    bearing = replace(refund(), tag=TAG)
    sent = [RefundSent(tag=tag, refund_id="re_1", at=at(6), cause="") for tag in ("b", "a")]
    assert tag_of(bearing, purchase(approved()).facts) == TAG
    assert tag_of(bearing, purchase().facts) is None
    assert tag_of(refund(), purchase(approved()).facts) is None
    assert tag_of(refund(), purchase(*sent).facts) == "a"
    assert tag_of(refund(refund_id="re_2"), purchase(*sent).facts) is None
    assert tag_of(bearing, purchase(approved(), *sent).facts) == TAG


def test_of_two_refunds_that_bear_one_tag_the_one_that_moved_the_money_tells() -> None:
    """Then the lower id, so that it is always the same one; a refund under way has not ended it."""
    facts = purchase(
        approved(), tagged(refund_id="re_2"), tagged(refund_id="re_1"), tagged(5, RefundState.PENDING, "re_0")
    ).facts
    ended = end_of(TAG, facts)
    assert isinstance(ended, RefundChanged)
    assert ended.refund_id == "re_1"
    assert end_of("other", facts) is None
    gave_up = RefundAbandoned(tag=TAG, reason=Text(key=""), at=at(7), cause="")
    assert end_of(TAG, purchase(gave_up).facts) == gave_up
    canceled, failed = tagged(5, RefundState.CANCELED, "re_9"), tagged(5, RefundState.FAILED, "re_1")
    ended = end_of(TAG, purchase(approved(), failed, canceled).facts)
    assert ended == canceled


def test_what_is_under_way_without_an_approval_counts_beside_those() -> None:
    """Somebody refunded at the provider, and it has not arrived yet."""
    pending = refund(300, state=RefundState.PENDING, refund_id="x")
    acts = refund(20, state=RefundState.REQUIRES_ACTION, refund_id="y")
    mine = tagged(1000, RefundState.PENDING)
    assert outstanding_minor(purchase(pending, acts, refund(7)).facts) == 320
    assert outstanding_minor(purchase(pending, mine, approved()).facts) == 1300
    other = replace(refund(9, state=RefundState.PENDING, refund_id="z"), tag=TAG)
    # its approval has come to an end: this one is on its way beside it
    assert outstanding_minor(purchase(approved(), tagged(), other).facts) == 9


def test_a_sum_is_split_over_what_is_left_of_each_line() -> None:
    """In proportion, and a line that gives nothing is not named."""
    settled = payment(lines=LINES, paid_minor=2000)
    assert split_over_lines(1000, settled, []) == items(("a", 500), ("b", 500))
    assert split_over_lines(999, settled, []) == items(("a", 499), ("b", 500))
    assert split_over_lines(500, settled, [returned(1000, a=1000)]) == items(("b", 500))
    assert split_over_lines(600, settled, [returned(500, a=500)]) == items(("a", 200), ("b", 400))
    assert split_over_lines(750, settled, [returned(500)]) == items(("a", 375), ("b", 375))
    third = replace(LINES[0], line_id="c")
    of_three = payment(lines=(*LINES, third), paid_minor=3000)
    # of the first line more went back than it cost: the others give the rest
    assert split_over_lines(1000, of_three, [returned(2300, a=800)]) == items(("b", 500), ("c", 500))
    assert split_over_lines(1600, of_three, [returned(1400, a=500)]) == items(("a", 200), ("b", 700), ("c", 700))
    assert split_over_lines(2, of_three, [returned(2997, a=1000, b=999, c=998)]) == items(("c", 2))
    assert split_over_lines(1000, of_three, [returned(1999, a=1000, b=999)]) == items(("c", 1000))
    # a tax that went back was no line's price: it counts evenly
    tax = replace(returned(100), items=items(("a", 100, True)))
    assert split_over_lines(950, settled, [tax]) == items(("a", 475), ("b", 475))
    assert split_over_lines(1, settled, []) == items(("b", 1))
    assert split_over_lines(0, settled, []) == ()


def test_what_corrects_an_overcharge_is_of_the_lines_that_are_one() -> None:
    """A provider that refunds lines gives back no more of one than it cost. The rest is of all others."""
    over = tuple(UngrantedLine(line_id=name, amount_minor=100, is_overcharge=True) for name in ("o", "p"))
    trial = UngrantedLine(line_id="t", amount_minor=500)
    settled = replace(payment(lines=LINES, paid_minor=2700, overcharge_minor=200), ungranted=(*over, trial))
    assert split_over_lines(200, settled, []) == items(("o", 100), ("p", 100))
    assert split_over_lines(30, settled, []) == items(("o", 30))
    assert split_over_lines(200, settled, [returned(60, o=60)]) == items(
        ("o", 40), ("p", 100), ("a", 24), ("b", 24), ("t", 12)
    )
    assert split_over_lines(60, settled, [returned(150)]) == items(("p", 50), ("a", 4), ("b", 4), ("t", 2))
    assert split_over_lines(2700, settled, []) == items(("o", 100), ("p", 100), ("a", 1000), ("b", 1000), ("t", 500))
    assert split_over_lines(1250, settled, [returned(200), returned(1250)]) == items(("a", 500), ("b", 500), ("t", 250))
    beyond = returned(150, o=150)  # more than it cost: nothing more of it, and the other one gives all
    assert split_over_lines(100, settled, [beyond]) == items(("p", 100))


def test_an_overcharge_stays_flagged_and_refundable_when_a_named_line_went_back() -> None:
    """Its refund is still due. What names no line returns it, and what is going back of it is no longer left."""
    named = replace(refund(1000), items=items(("a", 1000)))
    known = of_two_lines(named, overcharge_minor=100)
    assert target(known).flags == {"overcharge:stripe:pi_1": at(0)}
    assert known.overcharge_left_minor == 100
    assert of_two_lines(named, approved(60), overcharge_minor=100).overcharge_left_minor == 40
    assert of_two_lines(named, dispute(LOST, 30), overcharge_minor=100).overcharge_left_minor == 70
    assert Purchase(payment_id=PI).overcharge_left_minor == 0


def test_a_refund_of_an_approval_is_of_its_lines() -> None:
    """A part of a part of them; a provider that names the lines itself is believed."""
    approval = approved(1000, of=items(("a", 400), ("b", 600)))
    part = replace(refund(500), tag=f"{TAG}/1")
    own = items(("b", 500))
    for fact, of in (
        (tagged(1000), approval.items),
        (part, items(("a", 200), ("b", 300))),
        (replace(part, items=own), own),
        (replace(refund(1000), tag=TAG, items=own), own),
        (tagged(500), ()),  # another sum than was approved
    ):
        (one,) = return_of(purchase(approval, fact).facts)
        assert one.items == of


def attempted(
    *amounts_minor: int, tag: str = TAG, sale_id: PaymentId = PI, money_id: PaymentId | None = None, minute: float = 6
) -> RefundAttempted:
    """We began to send it, in one refund or in parts."""
    tags = [tag] if len(amounts_minor) == 1 else [part_tag(tag, n + 1) for n in range(len(amounts_minor))]
    parts = (
        RefundPart(tag=one, amount_minor=minor, money_id=money_id)
        for one, minor in zip(tags, amounts_minor, strict=True)
    )
    return RefundAttempted(tag=tag, sale_id=sale_id, parts=tuple(parts), at=at(minute), cause="case:1")


def test_a_running_total_contains_the_earliest_approvals_that_fit() -> None:
    """Whose sending began, and whose refund nobody has reported; the rest is somebody else's, and the latest."""
    first, second, same = approved(500, tag="b", of=items(("a", 500))), approved(500, tag="a"), approved(500, tag="A")
    begun = [attempted(500, tag="b", minute=5), attempted(500, tag="a"), attempted(500, tag="A", minute=5)]
    cases: list[tuple[list[Fact], list[str]]] = [
        ([first, second, *begun[:2], reported(500)], ["b"]),
        ([first, second, *begun[:2], reported(1001)], ["b", "a", "total:ch_1"]),
        ([first, same, *begun, reported(500)], ["A"]),
        ([first, *begun, reported(499)], ["total:ch_1"]),
        ([approved(500), attempted(500), tagged(500), reported(1000)], ["total:ch_1", "re_1"]),
        # what is reported of one charge beyond its total hides nothing of another one
        ([refund(300), *begun, reported(100), reported(1, "ch_2")], ["total:ch_2", "re_1"]),
    ]
    for facts, told in cases:
        assert [one.id for one in return_of(purchase(*facts).facts)] == told, facts
    late = replace(reported(5, "ch_2"), at=at(30))
    (ours, rest) = return_of(purchase(first, begun[0], reported(600), late).facts)
    assert ours == Returned(amount_minor=500, created_at=at(5), id="b", items=first.items)
    assert rest == Returned(amount_minor=105, created_at=at(30), id="total:ch_2")


def credit(
    name: str, minor: int, *, minute: float = 10, is_reversal: bool = False, is_reversed: bool = False
) -> BalanceCredited:
    """What moved to the buyer's balance, for line a."""
    return BalanceCredited(
        credit_id=name,
        amount_minor=minor,
        currency="USD",
        created_at=at(minute),
        at=at(minute),
        cause="paddle:evt",
        items=items(("a", minor)),
        is_reversal=is_reversal,
        is_reversed=is_reversed,
    )


@pytest.mark.parametrize(
    ("facts", "standing"),
    [
        ([], [("b", 500, True), ("a", 300, True)]),
        # the latest first, whatever its name; what is undone in part is of no line
        ([credit("r", 400, is_reversal=True)], [("b", 400, False)]),
        ([credit("r", 300, is_reversal=True)], [("b", 500, True)]),
        ([credit("r", 1, is_reversal=True)], [("b", 500, True), ("a", 299, False)]),
        ([credit("r", 900, is_reversal=True)], []),
        # of one instant the last by its name
        ([credit("c", 300, minute=11), credit("r", 301, is_reversal=True)], [("b", 500, True), ("a", 299, False)]),
        # a reversal is reported twice, and counts once
        ([credit("c", 7, is_reversed=True)], [("b", 500, True), ("a", 300, True)]),
        (
            [credit("c", 7, is_reversed=True), credit("r", 7, is_reversal=True)],
            [("b", 500, True), ("a", 300, True)],
        ),
        (
            [credit("c", 7, is_reversed=True), credit("r", 8, is_reversal=True)],
            [("b", 500, True), ("a", 299, False)],
        ),
    ],
)
def test_what_was_reversed_of_the_credits_to_a_balance_is_of_the_latest(
    facts: list[Fact], standing: list[tuple[str, int, bool]]
) -> None:
    """5.00 were credited, then 3.00."""
    credited = [credit("b", 500), credit("a", 300, minute=11)]
    for order in itertools.permutations([*credited, *facts]):
        found = return_of(purchase(*order).facts)
        assert [(one.id, one.amount_minor, bool(one.items)) for one in found] == standing
        assert all(one.is_to_balance for one in found)


# ── Disputes ──────────────────────────────────────────────────────────────────────────────────────────────────────────

HOLD, INQUIRY = "dispute:stripe:dp_1", "inquiry:stripe:dp_1"


@pytest.mark.parametrize(
    ("state", "lost_minor", "holds", "flags"),
    [
        (DisputeState.INQUIRY, 0, {}, {INQUIRY: at(20)}),
        (DisputeState.INQUIRY_CLOSED, 0, {}, {}),
        (DisputeState.OPEN, 0, {HOLD: at(20)}, {}),
        (DisputeState.UNDER_REVIEW, 0, {HOLD: at(20)}, {}),
        (DisputeState.LOST, 2000, {HOLD: at(20)}, {}),
        (DisputeState.APPEALED, 0, {HOLD: at(20)}, {}),
        (DisputeState.PREVENTED, 0, {}, {}),
        (DisputeState.WON, 0, {}, {}),
    ],
)
def test_a_disputes_state_says_what_it_means(
    state: DisputeState, lost_minor: int, holds: dict[str, datetime], flags: dict[str, datetime]
) -> None:
    """The table at the head of `ledger.domain.disputes`; since it was opened, and what is known but off is to go."""
    known = disputed(purchase(dispute(state, minute=30)).facts, PI)
    assert (known.lost_minor, known.holds, known.flags, known.is_frozen) == (lost_minor, holds, flags, state.is_open)
    assert known.cleared_holds == {HOLD} - holds.keys()
    assert (INQUIRY in known.cleared_flags) is not (INQUIRY in flags)


def test_two_disputes_of_one_payment_count_both() -> None:
    """Each holds for itself, and freezes as long as one is open."""
    known = disputed(purchase(dispute(LOST, 500), dispute(LOST, 700, dispute_id="dp_2")).facts, PI)
    assert (known.lost_minor, len(known.holds), known.is_frozen) == (1200, 2, False)
    assert disputed(purchase(dispute(LOST, 500), dispute(dispute_id="dp_2")).facts, PI).is_frozen


@pytest.mark.parametrize(("minute", "is_held"), [(19, True), (20, False), (21, False)])
def test_a_lifted_hold_stays_lifted_unless_the_dispute_is_newer(minute: float, is_held: bool) -> None:
    """And lifting one lifts no other."""
    lift = HoldLifted(hold_id=HOLD, actor="sam", at=at(minute), cause="")
    known = disputed(purchase(dispute(), dispute(dispute_id="dp_2"), lift).facts, PI)
    assert (HOLD in known.holds, HOLD in known.cleared_holds) == (is_held, not is_held)
    assert "dispute:stripe:dp_2" in known.holds


@pytest.mark.parametrize(("minute", "is_flagged"), [(19, True), (20, False)])
def test_a_person_can_take_a_flag_away(minute: float, is_flagged: bool) -> None:
    """As a hold: it comes back only for what began later."""
    lift = HoldLifted(hold_id=INQUIRY, actor="sam", at=at(minute), cause="")
    known = disputed(purchase(dispute(DisputeState.INQUIRY), lift).facts, PI)
    assert (INQUIRY in known.flags, INQUIRY in known.cleared_flags) == (is_flagged, not is_flagged)


def test_an_open_dispute_is_about_all_of_its_amount_whatever_came_back_of_it() -> None:
    """Only what was lost is reduced by it."""
    part = replace(dispute(DisputeState.OPEN), taken_minor=2000, returned_minor=500)
    (contested,) = disputed(purchase(part).facts, PI).contested
    (lost,) = disputed(purchase(replace(part, state=LOST)).facts, PI).lost
    assert (contested.amount_minor, lost.amount_minor) == (2000, 1500)


@pytest.mark.parametrize(
    ("state", "returned_minor", "is_flagged"),
    [(LOST, 0, False), (LOST, 1, True), (DisputeState.OPEN, 500, False), (DisputeState.WON, 500, True)],
)
def test_a_dispute_that_ended_and_gave_back_a_part_is_flagged(
    state: DisputeState, returned_minor: int, is_flagged: bool
) -> None:
    """A person should look. While it is open the rest may follow."""
    ended = replace(dispute(state), taken_minor=2000, returned_minor=returned_minor)
    assert ("returned_short:stripe:dp_1" in disputed(purchase(ended).facts, PI).flags) is is_flagged


@pytest.mark.parametrize(("minor", "is_flagged"), [(1000, True), (1001, False)])
def test_a_refund_and_a_lost_dispute_of_one_amount_may_be_the_same_money(minor: int, is_flagged: bool) -> None:
    """Unless both together are more than was paid: then nothing is counted twice. Before the payment nobody knows."""
    flag, facts = "refund_and_dispute:stripe:dp_1", (refund(minor), dispute(LOST, minor))
    assert (flag in disputed(purchase(*facts).facts, PI).flags) is is_flagged
    assert flag not in disputed(Purchase(payment_id=PI).with_facts(*facts).facts, PI).flags


def test_the_smallest_amount_that_moved_outweighs_the_word() -> None:
    """A prevented dispute whose money went is a resolution, unless it came back."""
    prevented = replace(dispute(DisputeState.PREVENTED), taken_minor=1)
    assert conclusion(prevented) is DisputeState.RESOLVED
    assert conclusion(replace(prevented, returned_minor=1)) is DisputeState.PREVENTED


def test_a_fraud_warning_flags_while_it_can_be_acted_on() -> None:
    """Since it came; it neither holds nor freezes."""
    warned = FraudWarned(warning_id="w", is_actionable=True, at=at(3), cause="")
    known = disputed(purchase(warned).facts, PI)
    assert (known.flags, known.holds, known.is_frozen) == ({"fraud_warning:stripe:w": at(3)}, {}, False)
    over = disputed(purchase(replace(warned, is_actionable=False)).facts, PI)
    assert not over.flags
    assert over.cleared_flags == {"fraud_warning:stripe:w"}


CB, WARNING = "dispute:stripe:pi_1:chargeback", "dispute:stripe:pi_1:chargeback_warning"
REVERSED = ChargebackState.REVERSED


@pytest.mark.parametrize(
    ("rows", "lost_minor", "holds"),
    [
        ([chargeback()], 2000, {CB: at(20)}),
        ([chargeback(kind="chargeback_warning")], 2000, {WARNING: at(20)}),
        ([chargeback(), chargeback("b", kind="chargeback_warning", minute=9)], 4000, {CB: at(20), WARNING: at(9)}),
        ([chargeback(amount_minor=500), chargeback("b", amount_minor=700, minute=30)], 1200, {CB: at(30)}),
        ([chargeback(minute=30), chargeback("b", minute=25)], 4000, {CB: at(30)}),
        ([chargeback(), chargeback("b", is_reversal=True)], 0, {}),
        ([chargeback(), chargeback("b", is_reversal=True, kind="chargeback_warning")], 2000, {CB: at(20)}),
        ([chargeback(state=REVERSED), chargeback("b", amount_minor=300, minute=10)], 300, {CB: at(10)}),
        ([chargeback(state=REVERSED), chargeback("b", is_reversal=True, amount_minor=1500)], 0, {}),
        ([chargeback(), chargeback("b", is_reversal=True, amount_minor=2500), chargeback("c")], 1500, {CB: at(20)}),
        ([chargeback(), chargeback("b", is_reversal=True), chargeback("c", is_reversal=True)], 0, {}),
        ([chargeback(), chargeback("b", is_reversal=True, state=ChargebackState.REJECTED)], 2000, {CB: at(20)}),
        ([chargeback("b", is_reversal=True, amount_minor=500)], 0, {}),
        ([chargeback(), chargeback("b", is_reversal=True, amount_minor=500, minute=30)], 1500, {CB: at(20)}),
        # one of nothing holds as any other, until the money of all of them is back
        ([chargeback(amount_minor=0)], 0, {CB: at(20)}),
        ([chargeback(amount_minor=0), chargeback("b"), chargeback("c", is_reversal=True)], 0, {}),
    ],
)
def test_chargebacks_and_reversals_are_weighed_by_kind(
    rows: list[Fact], lost_minor: int, holds: dict[str, datetime]
) -> None:
    """One reversal may be told twice, and undoes one chargeback; the youngest that stands holds."""
    known = disputed(purchase(*rows).facts, PI)
    assert (known.lost_minor, known.holds, known.is_frozen) == (lost_minor, holds, False)


def test_a_resolution_holds_nobody_also_when_a_part_of_it_came_back() -> None:
    """The reversal is no chargeback that could be contested."""
    taken, back = chargeback(), chargeback("b", is_reversal=True, amount_minor=500)
    resolved = ResolutionReported(subject=taken.key, at=at(20), cause="paddle:evt")
    known = disputed(purchase(taken, back, resolved).facts, PI)
    assert (known.lost_minor, dict(known.holds), set(known.cleared_holds)) == (1500, {}, {CB})
    assert disputed(purchase(taken, back).facts, PI).holds == {CB: at(20)}


def test_a_rejected_chargeback_never_was() -> None:
    """There is nothing to hold, nor to lift."""
    known = disputed(purchase(chargeback(state=ChargebackState.REJECTED)).facts, PI)
    assert (known.lost_minor, known.holds, known.cleared_holds) == (0, {}, frozenset())
    undone = disputed(purchase(chargeback(state=REVERSED)).facts, PI)
    assert undone.cleared_holds == {CB}


def test_what_was_stored_already_is_no_part_of_a_purchase() -> None:
    """Two purchases with the same facts are equal, whichever of the facts the table has, and look alike."""
    fact = payment()
    fresh = Purchase(payment_id=PI, facts={fact.key: fact})
    stored = replace(fresh, stored_facts=fresh.facts)
    assert (fresh == stored, repr(fresh)) == (True, repr(stored))


def test_a_line_gives_back_no_more_than_the_refund_that_names_it() -> None:
    """A provider's lines may add up to more than its sum: the sum moved."""
    lines = tuple(
        PaidLine(line_id=line_id, product_id="pack_1000", credits=1000, amount_minor=1000, expires_at=None)
        for line_id in "ab"
    )
    step = Returned(amount_minor=500, created_at=at(5), id="re_1", items=(RefundedItem(line_id="a", amount_minor=900),))
    assert shares_left(payment(lines=lines), [step]) == [Fraction(1, 2), Fraction(1)]
