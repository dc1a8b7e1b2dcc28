"""What really moved decides: over the provider's word, in one currency, in shares, and once for each thing sold."""

import itertools
from dataclasses import replace
from fractions import Fraction
from typing import TypeVar

import pytest

from ledger.domain.conclusions import conclusion
from ledger.domain.disputes import disputed
from ledger.domain.facts import (
    AmountStated,
    BalanceCredited,
    ChargebackChanged,
    DisputeChanged,
    DisputeState,
    Fact,
    PaymentSettled,
    RefundChanged,
    RefundedItem,
    RefundState,
    RefundTotalReported,
    ResolutionReported,
    UngrantedLine,
)
from ledger.domain.ids import PaymentId
from ledger.domain.purchases import Purchase, duplicate_minor, target
from ledger.domain.refunds import Returned, outstanding_minor, returned_minor
from ledger.domain.shares import Shares, overcharge_left, shares_left
from tests.unit.domain.test_purchases import LINES, approved, attempted, chargeback
from tools.testing.builders import PI, at, dispute, payment, refund, returned

TWIN = PaymentId("stripe:pi_2")
PENDING, FAILED = RefundState.PENDING, RefundState.FAILED
INQUIRY, CLOSED, OPEN = DisputeState.INQUIRY, DisputeState.INQUIRY_CLOSED, DisputeState.OPEN
LOST, WON, PREVENTED, RESOLVED = DisputeState.LOST, DisputeState.WON, DisputeState.PREVENTED, DisputeState.RESOLVED


def bought(*facts: Fact, **terms: int) -> Purchase:
    """A payment of 20.00 USD for 1,000 credits, and what was reported about it."""
    return Purchase(payment_id=PI).with_facts(payment(**terms), *facts)  # type: ignore[arg-type]


def left(of: Purchase) -> tuple[int, int]:
    """The credits that stay of a purchase, and those of them that are reserved."""
    (lot,) = target(of).lots
    kept = lot.granted - lot.refund_target - lot.dispute_target
    return kept, lot.reserve_target


_Amount = TypeVar("_Amount", RefundChanged, DisputeChanged, ChargebackChanged)


def in_euros(fact: _Amount) -> _Amount:
    """The same amount, in another currency than the payment's."""
    return replace(fact, currency="EUR")


def stated(subject: Fact, amount_minor: int) -> AmountStated:
    """What a person says that the amount is in the payment's currency."""
    return AmountStated(subject=subject.key, amount_minor=amount_minor, actor="sam", at=at(60), cause="person:sam")


# ── Shares ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_all_money_back_leaves_no_credits_whatever_took_it() -> None:
    """The tax alone takes none; then the rest is all that is left, so it takes all."""
    taxed = payment(paid_minor=2200)
    tax = replace(returned(200), items=(RefundedItem(line_id="0", amount_minor=200, is_tax_only=True),))
    rest = returned(2000, minute=20)
    assert Shares(taxed).take([tax]).left == [Fraction(1)]
    for steps in ([tax, rest], [rest, tax], [replace(tax, items=(), takes_credits=False), rest]):
        assert Shares(taxed).take(steps).left == [Fraction(0)]
    assert Shares(taxed).take([rest]).left == [Fraction(1, 11)]


def test_each_refund_takes_its_part_of_the_money_that_is_left() -> None:
    """Exactly: three thirds are everything, and a goodwill before them lowers only the money."""
    settled = payment(paid_minor=1000)
    assert Shares(settled).take([returned(333), returned(333), returned(334)]).left == [Fraction(0)]
    goodwill = replace(returned(500), takes_credits=False)
    assert Shares(settled).take([goodwill, returned(250)]).left == [Fraction(1, 2)]
    assert Shares(payment(paid_minor=0)).take([returned(100)]).left == [Fraction(1)]


def test_a_tax_only_item_never_takes_credits_even_of_an_unknown_line() -> None:
    """Its money is gone, of all lines."""
    tax = replace(returned(1000), items=(RefundedItem(line_id="?", amount_minor=1000, is_tax_only=True),))
    assert Shares(payment()).take([tax]).left == [Fraction(1)]
    assert Shares(payment()).take([tax, returned(500)]).left == [Fraction(1, 2)]


def test_a_line_that_cost_nothing_stays_until_all_money_is_back() -> None:
    """It has no money of its own to take it for."""
    free = replace(payment().lines[0], line_id="free", amount_minor=0)
    both = payment(lines=(*payment().lines, free))
    assert Shares(both).take([returned(1000)]).left == [Fraction(1, 2), Fraction(1)]
    for last in (returned(2000), returned(9000), replace(returned(2000), takes_credits=False)):
        assert Shares(both).take([last]).left == [Fraction(0), Fraction(0)]
    cent = payment(paid_minor=1, lines=(replace(free, amount_minor=1), free))
    assert Shares(cent).take([returned(1)]).left == [Fraction(0), Fraction(0)]
    less = payment(lines=(*LINES, replace(free, amount_minor=-5)))  # its discount was above its price
    assert Shares(less).take([returned(1000)]).left == [Fraction(1, 2), Fraction(1, 2), Fraction(1)]


def after(settled: PaymentSettled, *steps: Returned) -> tuple[int, ...]:
    """The percent of each line's credits that are left after these steps, and then the overcharge that is left."""
    shares = Shares(settled).take(steps)
    return (*(int(100 * share) for share in shares.left), overcharge_left(settled, steps))


def test_a_refund_that_names_a_line_takes_it_before_it_corrects_an_overcharge() -> None:
    """Only what names no line that grants, or is more than is left of it, corrects the overcharge first."""
    settled = payment(paid_minor=2100, overcharge_minor=100, lines=LINES)
    assert after(settled) == (100, 100, 100)
    assert after(settled, returned(100)) == (100, 100, 0)
    assert after(settled, returned(60), returned(60)) == (99, 99, 0)
    assert after(settled, returned(100, other=100)) == (100, 100, 0)
    assert after(settled, returned(1000, a=1000)) == (0, 100, 100)
    assert after(settled, returned(600, a=400, b=200)) == (60, 80, 100)
    assert after(settled, returned(600, b=500)) == (100, 50, 0)
    assert after(settled, returned(1060, a=1060)) == (0, 100, 40)
    assert after(settled, returned(1600, a=1600)) == (0, 50, 0)
    tax = replace(returned(60), items=(RefundedItem(line_id="other", amount_minor=60, is_tax_only=True),))
    assert after(settled, tax) == (100, 100, 40)


def test_a_line_without_a_price_stays_while_an_overcharge_is_left() -> None:
    """There is money left. When that is back too, no credits are."""
    free = replace(payment().lines[0], line_id="free", amount_minor=0)
    settled = payment(paid_minor=2100, overcharge_minor=100, lines=(*LINES, free))
    assert after(settled, returned(2000, a=1000, b=1000)) == (0, 0, 100, 100)
    assert after(settled, returned(2000, a=1000, b=1000), returned(100)) == (0, 0, 0, 0)
    over = payment(paid_minor=100, overcharge_minor=100, lines=(free,))
    assert after(over, returned(40)) == (100, 60)
    assert after(over, returned(100)) == (0, 0)


def test_a_line_that_grants_nothing_keeps_its_money_to_itself() -> None:
    """Its refund takes no credits, and that of another line takes all of its own. A sum is of all of them."""
    trial = UngrantedLine(line_id="trial", amount_minor=500)
    settled = replace(payment(paid_minor=2500, lines=LINES), ungranted=(trial,))
    assert after(settled, returned(500, trial=500)) == (100, 100, 0)
    assert after(settled, returned(1000, a=1000)) == (0, 100, 0)
    assert after(settled, returned(1250)) == (50, 50, 0)
    assert after(settled, returned(500, trial=500), returned(1000)) == (50, 50, 0)
    assert after(settled, returned(1500, trial=1500)) == (50, 50, 0)
    assert after(settled, returned(2000, a=1000, b=1000)) == (0, 0, 0)
    part = UngrantedLine(line_id="part", amount_minor=300, is_overcharge=True)
    both = replace(settled, paid_minor=2800, overcharge_minor=300, ungranted=(part, trial))
    assert after(both, returned(300, part=300)) == (100, 100, 0)
    assert after(both, returned(1000, a=1000)) == (0, 100, 300)
    assert after(both, returned(500, trial=500)) == (100, 100, 300)
    assert after(both, returned(1550)) == (50, 50, 0)


def test_a_line_whose_money_is_all_back_keeps_no_credits_though_its_tax_came_last() -> None:
    """The price before tax, then the tax: in either order, and whatever the other line keeps."""
    price = returned(900, a=900)
    tax = replace(returned(100), items=(RefundedItem(line_id="a", amount_minor=100, is_tax_only=True),))
    settled = payment(lines=LINES)
    assert after(settled, price, tax) == after(settled, tax, price) == (0, 100, 0)
    assert after(settled, replace(price, amount_minor=800, items=returned(800, a=800).items), tax) == (20, 100, 0)
    goodwill = replace(returned(1000, a=1000), takes_credits=False)
    assert after(settled, goodwill) == (100, 100, 0)


def test_a_tax_item_above_what_its_line_has_left_is_taken_from_all_money_and_no_credits() -> None:
    """Of the first line 1.00 is left, of the second 10.00; the tax is 6.50, and half of what it leaves goes back. Its
    own line has nothing left, so it has no credits.
    """
    tax = replace(returned(650), items=(RefundedItem(line_id="a", amount_minor=650, is_tax_only=True),))
    of_two = Shares(payment(lines=LINES)).take([returned(900, a=900), tax])
    assert of_two.left == [Fraction(0), Fraction(1)]
    assert of_two.take([returned(225)]).left == [Fraction(0), Fraction(1, 2)]


# ── Money on its way back ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_refund_that_has_not_ended_reserves_its_credits_whoever_began_it() -> None:
    """It frees them if it fails, and takes them when it succeeds."""
    assert left(bought(refund(1000, state=PENDING))) == (1000, 500)
    assert left(bought(refund(1000, state=RefundState.REQUIRES_ACTION))) == (1000, 500)
    assert left(bought(refund(1000, state=FAILED))) == (1000, 0)
    assert left(bought(refund(1000))) == (500, 0)
    one_of_two = refund(500, refund_id="re_2", state=PENDING)
    assert left(bought(refund(500), one_of_two)) == (750, 250)


def test_a_running_total_is_no_second_refund_beside_our_approval() -> None:
    """From the moment when sending began, a total may contain it; before that, it is somebody else's refund."""
    total = RefundTotalReported(charge_id="ch_1", total_minor=1000, currency="USD", at=at(9), cause="stripe:evt")
    sent = bought(approved(1000), attempted(1000), total)
    assert (returned_minor(sent.facts), outstanding_minor(sent.facts), sent.refundable_minor) == (1000, 0, 1000)
    other = bought(approved(1000), total)
    assert (returned_minor(other.facts), outstanding_minor(other.facts), other.refundable_minor) == (1000, 1000, 0)
    goodwill = bought(approved(1000, takes_credits=False), attempted(1000), total)
    assert left(goodwill) == (1000, 0)
    smaller = replace(total, total_minor=400)
    assert outstanding_minor(bought(approved(1000), attempted(1000), smaller).facts) == 1000


def test_each_charge_has_a_sum_of_its_own() -> None:
    """500 by its refund on one charge, 300 by the running total of another one: 800."""
    other = RefundTotalReported(charge_id="ch_2", total_minor=300, currency="USD", at=at(9), cause="stripe:evt")
    assert returned_minor(bought(refund(500), other).facts) == 800
    same = replace(other, charge_id="ch_1")
    assert returned_minor(bought(refund(500), same).facts) == 500
    of_no_charge = replace(refund(200), charge_id=None)  # it may be what the total contains
    assert returned_minor(bought(of_no_charge, other).facts) == 300


def test_a_credit_to_the_balance_takes_credits_like_a_refund_until_it_is_reversed() -> None:
    """A reversal is reported by the state of the credit, by a row of its own, or by both."""
    credit = BalanceCredited(
        credit_id="adj_1", amount_minor=1000, currency="USD", created_at=at(5), at=at(5), cause="paddle:evt"
    )
    row = replace(credit, credit_id="adj_2", is_reversal=True)
    told = replace(credit, is_reversed=True, at=at(7))
    assert left(bought(credit)) == (500, 0)
    for reversed_by in ([row], [told], [row, told]):
        assert left(bought(credit, *reversed_by)) == (1000, 0)
    assert left(bought(credit, replace(row, amount_minor=400))) == (700, 0)
    assert bought(credit).refundable_minor == 1000


# ── Disputes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("word", "taken", "returned", "is_resolution", "state"),
    [
        (PREVENTED, 1000, 0, True, RESOLVED),
        (PREVENTED, 1000, 0, False, RESOLVED),  # the money is gone, whatever it is called
        (PREVENTED, 0, 0, True, RESOLVED),
        (PREVENTED, 0, 0, False, PREVENTED),
        (PREVENTED, 1000, 1000, True, PREVENTED),
        (PREVENTED, 1000, 899, True, RESOLVED),  # a token return
        (PREVENTED, 1000, 900, True, PREVENTED),
        (CLOSED, 1000, 899, False, LOST),
        (INQUIRY, 1000, 899, False, OPEN),
        (INQUIRY, 1000, 990, False, INQUIRY),
        (CLOSED, 1000, 0, False, LOST),
        (CLOSED, 1000, 990, False, CLOSED),
        (CLOSED, 0, 0, False, CLOSED),
        (INQUIRY, 1000, 0, False, OPEN),
        (INQUIRY, 0, 0, False, INQUIRY),
        (LOST, 920, 930, False, WON),
        (LOST, 1000, 900, False, WON),
        (LOST, 1000, 899, False, LOST),
        (LOST, 1000, 0, False, LOST),
        (LOST, 0, 0, False, LOST),
        (WON, 1000, 0, False, WON),  # told before its money is back
        (WON, 2000, 1985, False, WON),
        (OPEN, 1000, 0, False, OPEN),
        (DisputeState.APPEALED, 1000, 0, False, DisputeState.APPEALED),
    ],
)
def test_movements_outweigh_the_word_of_a_dispute(
    word: DisputeState, taken: int, returned: int, is_resolution: bool, state: DisputeState
) -> None:
    """And where nothing is listed, the word decides."""
    assert conclusion(of(word, taken, returned, is_resolution=is_resolution)) is state


@pytest.mark.parametrize(
    ("word", "returned", "state"),
    [
        (WON, 0, OPEN),  # it may come back once more
        (WON, 899, OPEN),
        (WON, 900, WON),
        (LOST, 0, LOST),
        (LOST, 1000, WON),
        (PREVENTED, 0, RESOLVED),
        (CLOSED, 0, LOST),
        (INQUIRY, 0, OPEN),
        (DisputeState.UNDER_REVIEW, 0, DisputeState.UNDER_REVIEW),
    ],
)
def test_what_is_withdrawn_again_after_it_was_given_back_is_not_won(
    word: DisputeState, returned: int, state: DisputeState
) -> None:
    """The last movement decides. While only a word says that it is won, nothing of it can be used."""
    again = replace(of(word, 1000, returned), is_withdrawn_again=True)
    assert conclusion(again) is state
    purchase = bought(again)
    wanted = target(purchase)
    keeps = state in {WON, PREVENTED, CLOSED, INQUIRY}
    assert (wanted.lots[0].is_frozen, "dispute:stripe:dp_1" in wanted.holds) == (
        state.is_open,
        state.is_open or state is LOST,
    )
    assert left(purchase)[0] == (1000 if keeps or state.is_open else 0)


def of(word: DisputeState, taken: int, returned: int = 0, *, is_resolution: bool = False) -> DisputeChanged:
    """A dispute of the whole payment, and what moved because of it."""
    return replace(dispute(word), taken_minor=taken, returned_minor=returned, is_resolution=is_resolution)


def test_a_resolution_takes_the_credits_and_holds_nobody() -> None:
    """The buyer got the money back and contests nothing."""
    purchase = bought(of(PREVENTED, 1000, is_resolution=True))
    assert (left(purchase), dict(target(purchase).holds), purchase.refundable_minor) == ((0, 0), {}, 0)
    assert left(bought(of(PREVENTED, 0))) == (1000, 0)


def resolution(subject: Fact) -> ResolutionReported:
    """What the seller's setting says of it."""
    return ResolutionReported(subject=subject.key, at=at(50), cause="stripe:evt")


def test_a_lost_dispute_of_who_enrolled_for_resolutions_takes_the_credits_and_holds_nobody() -> None:
    """In every order; and one that was won gives them back all the same."""
    lost = of(LOST, 1000)
    for purchase in (bought(lost, resolution(lost)), bought(resolution(lost), lost)):
        wanted = target(purchase)
        assert (left(purchase), dict(wanted.holds), wanted.lots[0].is_frozen) == ((0, 0), {}, False)
        assert "dispute:stripe:dp_1" in wanted.cleared_holds
    assert target(bought(lost)).holds
    assert target(bought(lost, resolution(dispute(dispute_id="dp_2")))).holds
    assert left(bought(of(WON, 1000, 1000), resolution(lost))) == (1000, 0)
    assert left(bought(of(LOST, 1000, 1000), resolution(lost))) == (1000, 0)


def test_a_warning_of_who_enrolled_takes_the_credits_and_a_chargeback_beside_it_still_holds() -> None:
    """Each kind of row for itself, and each row."""
    warning = replace(chargeback(), adjustment_id="adj_w", kind="chargeback_warning")
    purchase = bought(warning, resolution(warning))
    assert (left(purchase), dict(target(purchase).holds)) == ((0, 0), {})
    assert target(bought(warning)).holds
    assert target(bought(warning, resolution(warning), replace(warning, adjustment_id="adj_x"))).holds
    assert set(target(bought(warning, resolution(warning), chargeback())).holds) == {f"dispute:{PI}:chargeback"}
    reversal = replace(warning, adjustment_id="adj_r", is_reversal=True)
    assert left(bought(warning, resolution(warning), reversal)) == (1000, 0)


def test_a_token_return_of_a_resolution_gives_back_no_more_than_itself_and_a_person_is_told() -> None:
    """One twentieth came back."""
    for word in (PREVENTED, CLOSED):
        purchase = bought(of(word, 2000, 100, is_resolution=word is PREVENTED))
        assert left(purchase) == (50, 0)
        assert "returned_short:stripe:dp_1" in target(purchase).flags


def test_what_came_back_of_a_lost_dispute_is_not_lost_and_a_person_is_told() -> None:
    """Half of the withdrawal was returned: half of the credits stay, and the hold too."""
    wanted = target(bought(of(LOST, 1000, 500)))
    assert [lot.dispute_target for lot in wanted.lots] == [500]
    assert (set(wanted.holds), set(wanted.flags)) == ({"dispute:stripe:dp_1"}, {"returned_short:stripe:dp_1"})
    won = target(bought(of(WON, 1000, 500)))
    assert ([lot.dispute_target for lot in won.lots], set(won.flags)) == ([0], {"returned_short:stripe:dp_1"})
    assert not target(bought(of(WON, 2000, 1985))).flags


def test_a_refund_and_a_dispute_of_the_same_amount_add_up_and_are_shown_to_a_person() -> None:
    """They may be one and the same money; above what was paid, nothing is counted twice anyway."""
    flag = "refund_and_dispute:stripe:dp_1"
    half = bought(refund(700), dispute(LOST, 700))
    assert (left(half), flag in target(half).flags) == ((300, 0), True)
    assert flag not in target(bought(refund(2000), dispute(LOST, 2000))).flags
    assert flag not in target(bought(refund(600), dispute(LOST, 700))).flags


def test_a_part_of_a_chargeback_that_is_reversed_lifts_nothing() -> None:
    """Money counts, not rows."""
    part = chargeback("adj_2", amount_minor=500, is_reversal=True)
    known = disputed(bought(chargeback("adj_1"), part).facts, PI)
    assert (known.lost_minor, set(known.holds)) == (1500, {"dispute:stripe:pi_1:chargeback"})
    whole = replace(part, amount_minor=2000)
    assert not disputed(bought(chargeback("adj_1"), whole).facts, PI).holds


# ── Currencies ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_lost_dispute_in_another_currency_has_full_effect_until_a_person_states_its_amount() -> None:
    """18.40 EUR of 20.00 USD are no share of anything: the lot is frozen whole, the account held, a person told."""
    euros = in_euros(dispute(LOST, 1840))
    unknown = bought(euros)
    wanted = target(unknown)
    assert [(lot.dispute_target, lot.is_frozen) for lot in wanted.lots] == [(0, True)]
    assert (set(wanted.holds), set(wanted.flags)) == ({"dispute:stripe:dp_1"}, {"other_currency:stripe:dp_1"})
    assert unknown.refundable_minor == 0
    known = bought(euros, stated(euros, 2000))
    assert [(lot.dispute_target, lot.is_frozen) for lot in target(known).lots] == [(1000, False)]
    assert not target(known).flags
    assert not target(bought(in_euros(dispute(WON, 1840)))).flags


@pytest.mark.parametrize("state", [PENDING, RefundState.SUCCEEDED])
def test_a_refund_in_another_currency_reserves_everything_until_a_person_states_its_amount(state: RefundState) -> None:
    """Nothing is taken, nothing can be spent or refunded."""
    euros = in_euros(refund(920, state=state))
    unknown = bought(euros)
    assert (left(unknown), unknown.refundable_minor) == ((1000, 1000), 0)
    assert "other_currency:stripe:pi_1" in target(unknown).flags
    known = bought(euros, stated(euros, 1000))
    assert (left(known), known.refundable_minor) == ((1000, 500) if state is PENDING else (500, 0), 1000)
    assert left(bought(replace(euros, state=FAILED))) == (1000, 0)


def test_a_chargeback_in_another_currency_freezes_the_lot_and_holds_the_account() -> None:
    """The other provider, the same rule."""
    wanted = target(bought(in_euros(chargeback())))
    assert [(lot.dispute_target, lot.is_frozen) for lot in wanted.lots] == [(0, True)]
    assert set(wanted.holds) == {"dispute:stripe:pi_1:chargeback"}
    assert set(wanted.flags) == {"other_currency:stripe:pi_1:chargeback"}


def test_a_running_total_in_another_currency_counts_until_the_refunds_that_it_adds_up_are_reported() -> None:
    """A lost report of a refund leaves nobody with credits and money, and a person is told."""
    total = RefundTotalReported(charge_id="ch_1", total_minor=900, currency="EUR", at=at(9), cause="stripe:evt")
    alone = bought(total)
    assert left(alone) == (1000, 1000)
    assert set(target(alone).flags) == {f"other_currency:{PI}"}
    known = in_euros(refund(900))
    explained = bought(total, known, stated(known, 1000))
    assert (left(explained), set(target(explained).flags)) == ((500, 0), set())
    part = in_euros(refund(899))
    assert left(bought(total, part, stated(part, 1000))) == (500, 500)
    failed = replace(known, state=FAILED)
    assert left(bought(total, failed)) == (1000, 0)


def test_a_credit_in_another_currency_that_was_reversed_is_over() -> None:
    """It is told twice, as its status and as a row of its own; a reversal of a part leaves it."""
    credit = BalanceCredited(credit_id="adj_1", amount_minor=900, currency="EUR", created_at=at(5), at=at(5), cause="")
    undone, row = replace(credit, is_reversed=True), replace(credit, credit_id="adj_2", is_reversal=True)
    assert left(bought(credit)) == (1000, 1000)
    for facts in ((undone,), (credit, row), (undone, row)):
        purchase = bought(*facts)
        assert (left(purchase), set(target(purchase).flags)) == ((1000, 0), set())
    assert left(bought(credit, replace(row, amount_minor=899))) == (1000, 1000)
    assert left(bought(credit, replace(row, currency="JPY"))) == (1000, 1000)
    assert left(bought(undone, row, replace(credit, credit_id="adj_3"))) == (1000, 1000)


# ── Several payments for one thing ────────────────────────────────────────────────────────────────────────────────────


def twins(*facts: tuple[Fact, ...]) -> tuple[Purchase, Purchase]:
    """Two payments of 20.00 for one order, and what was reported about each."""
    one, two = facts
    settled = payment(fulfilment_key="order/o")
    return (
        Purchase(payment_id=PI).with_facts(settled, *one),
        Purchase(payment_id=TWIN).with_facts(replace(settled, payment_id=TWIN, at=at(1)), *two),
    )


DUPLICATE = "duplicate_charge:stripe:pi_2"


@pytest.mark.parametrize(
    ("refunded_minor", "kept", "duplicates", "is_flagged"),
    [
        ((0, 0), 1000, (2000, 2000), True),
        ((1950, 0), 1000, (50, 50), True),  # 20.50 are left for one order of 20.00
        ((0, 1950), 1000, (50, 50), True),
        ((2000, 0), 1000, (0, 0), False),
        ((0, 2000), 1000, (0, 0), False),
        ((1000, 1000), 1000, (0, 0), False),
        ((1500, 1000), 750, (0, 0), False),
        ((2000, 2000), 0, (0, 0), False),
    ],
)
def test_the_payments_of_one_order_are_evaluated_together(
    refunded_minor: tuple[int, int], kept: int, duplicates: tuple[int, int], is_flagged: bool
) -> None:
    """What is left of one price keeps its credits; what is left above it can be refunded, of either payment."""
    one, two = twins(*(((refund(minor),) if minor else ()) for minor in refunded_minor))
    for order in ((one, two), (two, one)):
        wanted = target(*order)
        (lot,) = wanted.lots
        assert (lot.lot_id, lot.granted - lot.refund_target) == ("order/o/0", kept)
        assert (DUPLICATE in wanted.flags) is is_flagged
    assert (duplicate_minor(one, [two]), duplicate_minor(two, [one])) == duplicates


def test_a_dispute_that_leaves_one_whole_price_standing_is_a_flag_and_no_hold() -> None:
    """The bank of the second payment may return its money: the first pays for the order."""
    for disputed_one in (0, 1):
        facts: list[tuple[Fact, ...]] = [(), ()]
        facts[disputed_one] = (dispute(OPEN),)
        wanted = target(*twins(*facts))
        assert not any(lot.is_frozen for lot in wanted.lots)
        assert (dict(wanted.holds), "dispute:stripe:dp_1" in wanted.cleared_holds) == ({}, True)
        assert "duplicate_disputed:dispute:stripe:dp_1" in wanted.flags
    both = target(*twins((dispute(OPEN),), (refund(1),)))
    assert [lot.is_frozen for lot in both.lots] == [True]
    assert set(both.holds) == {"dispute:stripe:dp_1"}


def test_the_flag_of_a_duplicate_ends_when_its_money_is_gone_by_whatever_way() -> None:
    """A refund, or a dispute that was lost."""
    assert DUPLICATE in target(*twins((), ())).flags
    assert DUPLICATE not in target(*twins((), (dispute(LOST),))).flags
    assert DUPLICATE not in target(*twins((dispute(LOST),), ())).flags
    overcharged = bought(dispute(LOST), paid_minor=2100, overcharge_minor=100)
    assert "overcharge:stripe:pi_1" not in target(overcharged).flags


PERIOD = "period/stripe:sub_1/2026-11-01T00:00:00Z"


def paid_in_two_ways(first: tuple[Fact, ...], second: tuple[Fact, ...]) -> tuple[Purchase, Purchase]:
    """A period that the first payment of its subscription paid for, and then a renewal."""
    paid = payment(fulfilment_key="order/o", covers=PERIOD)
    renewal = replace(payment(fulfilment_key=PERIOD, minute=1), payment_id=TWIN)
    return Purchase(payment_id=PI).with_facts(paid, *first), Purchase(payment_id=TWIN).with_facts(renewal, *second)


def test_a_period_that_a_first_payment_and_a_renewal_paid_is_worth_one_price() -> None:
    """Each has a lot of its own: the later payment's keeps what the earlier one's does not."""
    for refunded_minor, kept in ((0, (1000, 0)), (500, (750, 250)), (2000, (0, 1000))):
        paid = paid_in_two_ways((refund(refunded_minor),) if refunded_minor else (), ())
        for order in itertools.permutations(paid):
            lots = {lot.lot_id: lot.granted - lot.refund_target for lot in target(*order).lots}
            assert lots == {"order/o/0": kept[0], f"{PERIOD}/0": kept[1]}


GOING = refund(2000, state=PENDING)
HALF = refund(1000, refund_id="re_2")


@pytest.mark.parametrize(
    ("first", "second", "taken"),
    [
        ((), (), [(0, 0, 0), (1000, 0, 0)]),
        ((dispute(LOST),), (), [(0, 1000, 0), (0, 0, 0)]),
        ((dispute(LOST),), (HALF,), [(0, 1000, 0), (500, 0, 0)]),
        ((dispute(LOST, 1000),), (), [(0, 500, 0), (500, 0, 0)]),
        ((dispute(LOST),), (dispute(LOST),), [(0, 1000, 0), (1000, 0, 0)]),
        ((), (dispute(LOST),), [(0, 0, 0), (1000, 0, 0)]),
        ((GOING,), (), [(0, 0, 0), (1000, 0, 0)]),
        ((), (GOING,), [(0, 0, 0), (1000, 0, 0)]),
        ((GOING,), (HALF,), [(0, 0, 500), (1000, 0, 0)]),
        ((GOING,), (GOING,), [(0, 0, 1000), (1000, 0, 0)]),
        ((HALF,), (GOING,), [(500, 0, 0), (500, 0, 500)]),
    ],
)
def test_what_goes_back_of_one_payment_for_a_period_leaves_what_the_other_pays_for(
    first: tuple[Fact, ...], second: tuple[Fact, ...], taken: list[tuple[int, int, int]]
) -> None:
    """Refunded, lost in a dispute, or on its way: of each lot by refunds, by disputes and in reserve."""
    for order in itertools.permutations(paid_in_two_ways(first, second)):
        lots = target(*order).lots
        assert [(lot.refund_target, lot.dispute_target, lot.reserve_target) for lot in lots] == taken


@pytest.mark.parametrize(
    ("to_card", "to_balance", "left"),
    [
        ([500], 750, Fraction(1, 6)),
        ([500, 500], 750, Fraction(0)),  # a refund and a dispute of the same money
        ([500], 1000, Fraction(0)),
        ([500], 1100, Fraction(-1, 15)),
        ([], 1600, Fraction(-1, 15)),
        ([500, 500], 0, Fraction(1, 3)),
    ],
)
def test_what_moved_to_the_balance_beyond_what_was_paid_is_missing(
    to_card: list[int], to_balance: int, left: Fraction
) -> None:
    """5.00 of 15.00 by card, the rest from the balance: what the card paid can go back to it once."""
    settled = payment(paid_minor=1500)
    settled = replace(settled, card_minor=500)
    moved = replace(returned(to_balance), is_to_balance=True)
    assert shares_left(settled, map(returned, to_card), [moved] if to_balance else []) == [left]


@pytest.mark.parametrize(
    ("settled", "to_card", "to_balance", "left"),
    [
        (payment(), 2000, 100, Fraction(-1, 20)),
        # the card paid an older debt too: what it had back of that is no part of this price
        (replace(payment(), card_minor=2300), 2300, 100, Fraction(-1, 20)),
        (replace(payment(), card_minor=2300), 2300, 0, Fraction(0)),
        (payment(paid_minor=2100, overcharge_minor=100), 0, 2300, Fraction(-1, 10)),
        (payment(), 2000, 1, Fraction(-1, 2000)),
        (payment(paid_minor=1), 0, 3, Fraction(-2)),
        (payment(paid_minor=0), 0, 3, Fraction(0)),  # the free order is gone, and no more: it had no price
        (payment(paid_minor=0), 0, 0, Fraction(1)),
        (payment(paid_minor=100, overcharge_minor=100), 0, 103, Fraction(-1)),
    ],
)
def test_what_is_missing_is_measured_by_the_price(
    settled: PaymentSettled, to_card: int, to_balance: int, left: Fraction
) -> None:
    """Twenty of twenty are back, and one more moved to the balance: a twentieth of the price is owed."""
    moved = replace(returned(to_balance), is_to_balance=True)
    assert shares_left(settled, [returned(to_card)], [moved]) == [left]
