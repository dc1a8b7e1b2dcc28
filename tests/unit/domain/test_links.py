"""Which part of a shared payment's money is a sale's own: by the links between sales and what paid for them."""

from dataclasses import replace

import pytest

from ledger.domain.disputes import disputed
from ledger.domain.facts import BalanceCredited, Fact, FraudWarned, MoneyLinked, RefundTotalReported
from ledger.domain.holds import Hold
from ledger.domain.ids import PaymentId
from ledger.domain.links import facts_about_money, own_part, shared_money_of
from ledger.domain.purchases import Purchase, target
from tests.unit.domain.test_purchases import TAG, approved, reported
from tools.testing.builders import IN, PI, at, dispute, payment, refund

IN_2, PI_2 = PaymentId("stripe:in_2"), PaymentId("stripe:pi_2")
CREDIT = BalanceCredited(credit_id="il_1", amount_minor=9, currency="USD", created_at=at(9), at=at(9), cause="stripe:e")
OURS = replace(refund(900), tag=TAG)
WARNING = FraudWarned(warning_id="w", is_actionable=True, at=at(3), cause="stripe:e")


def link(sale_id: PaymentId, money_id: PaymentId = PI, amount_minor: int = 1000) -> MoneyLinked:
    """How much of this money paid for this sale."""
    return MoneyLinked(money_id=money_id, sale_id=sale_id, amount_minor=amount_minor, at=at(1), cause="stripe:evt")


SHARED = (link(IN, amount_minor=1500), link(IN_2, amount_minor=1000))


def sale(sale_id: PaymentId, *facts: Fact) -> Purchase:
    """A sale that is paid, and what is known about it."""
    return Purchase(payment_id=sale_id).with_facts(payment(sale_id), *facts)


def parts(*facts: Fact, links: tuple[MoneyLinked, ...] = SHARED) -> list[Fact]:
    """What each of two sales that share a payment has of a fact: the last one."""
    return [list(own_part(sale(sale_id, *links, *facts).facts).values())[-1] for sale_id in (IN, IN_2)]


def test_each_sale_has_its_own_part_of_what_goes_back_of_shared_money() -> None:
    """By the amounts of the links: three fifths and two fifths, and all of it together."""
    refunded, disputed = replace(refund(999), money_id=PI), replace(dispute(amount_minor=999), money_id=PI)
    total = replace(reported(999), money_id=PI)
    assert parts(refunded) == [replace(refunded, amount_minor=599), replace(refunded, amount_minor=400)]
    assert parts(disputed) == [replace(disputed, amount_minor=599), replace(disputed, amount_minor=400)]
    assert parts(total) == [replace(total, total_minor=599), replace(total, total_minor=400)]
    third = link(IN, PI_2, 5000)  # another payment's money is no measure for it
    assert own_part(sale(IN, *SHARED, third, refunded).facts)[refunded.key] == replace(refunded, amount_minor=599)


@pytest.mark.parametrize(("paid_minor", "refunded"), [((1, 0), [9, 0]), ((0, 1), [0, 9]), ((0, 0), [9, 0])])
def test_shared_money_without_amounts_is_the_first_sales(paid_minor: tuple[int, int], refunded: list[int]) -> None:
    """So that what goes back is taken once, and of the same sale whatever was received first."""
    first, second = link(IN, amount_minor=paid_minor[0]), link(IN_2, amount_minor=paid_minor[1])
    fact = replace(refund(9), money_id=PI)
    expected = [replace(fact, amount_minor=minor) for minor in refunded]
    assert parts(fact, links=(first, second)) == parts(fact, links=(second, first)) == expected


def test_a_refund_of_ours_is_the_sales_that_approved_it_and_no_part_of_the_other() -> None:
    """Its tag names the approval. A sale without that approval has nothing of it."""
    ours = replace(OURS, money_id=PI)
    assert parts(ours) == [replace(ours, amount_minor=0)] * 2
    assert own_part(sale(IN, *SHARED, approved(900), ours).facts)[ours.key] == ours


@pytest.mark.parametrize(
    "fact",
    [
        replace(OURS, money_id=PI_2),  # of money that this sale shares with none, under a tag that nobody gave
        replace(refund(900), money_id=PI_2),
        refund(900),  # it names none of the two
        replace(refund(900), money_id=PaymentId("stripe:pi_9")),
        replace(reported(900), money_id=PI_2),
        CREDIT,  # about the sale itself
        WARNING,
    ],
    ids=lambda fact: type(fact).__name__,
)
def test_what_is_not_about_the_shared_money_is_the_sales_alone(fact: Fact) -> None:
    """Two payments paid for the sale, and another sale shares the first of them."""
    assert own_part(sale(IN, *SHARED, link(IN, PI_2), fact).facts)[fact.key] == fact


def test_what_is_no_amount_of_the_shared_money_stays_whole() -> None:
    """The links themselves, a warning about it, and what the sale's own buyer got on the balance."""
    known = sale(IN, *SHARED, WARNING, CREDIT, approved()).facts
    assert own_part(known) == known


def test_nothing_is_split_before_the_sale_is_paid() -> None:
    """Nobody knows yet which sale it is."""
    waiting = Purchase(payment_id=IN).with_facts(*SHARED, replace(refund(1000), money_id=PI)).facts
    assert own_part(waiting) == waiting


def test_only_money_that_several_sales_share_is_shared() -> None:
    """A hold on an account names it, so that it ends with the dispute and not with one sale's part of it."""
    disputed = replace(dispute(), money_id=PI)
    assert shared_money_of(disputed, sale(IN, *SHARED).facts) == PI
    assert shared_money_of(dispute(), sale(IN, *SHARED).facts) == PI, "there is no other payment"
    assert shared_money_of(dispute(), sale(IN, *SHARED, link(IN, PI_2)).facts) is None
    for alone in ((link(IN),), (link(IN), link(IN, PI_2)), (link(IN), link(IN, PI_2), link(IN_2, PI_2))):
        assert shared_money_of(disputed, sale(IN, *alone).facts) is None
    hold = "dispute:stripe:dp_1"
    assert target(sale(IN, *SHARED, disputed)).holds == {hold: Hold(at(20), PI)}
    assert target(sale(IN, link(IN), disputed)).holds == {hold: Hold(at(20), IN)}


def test_what_one_sale_derives_by_its_own_part_is_flagged_under_its_own_name() -> None:
    """And no longer under the dispute's, as before anybody knew that the money is shared."""
    known = disputed(sale(IN, *SHARED, replace(dispute(), money_id=PI)).facts, IN)
    names = {
        f"{flag}:{name}" for flag in ("other_currency", "refund_and_dispute") for name in ("stripe:dp_1", f"{IN}:dp_1")
    }
    assert names <= known.cleared_flags
    euros = replace(dispute(), money_id=PI, currency="EUR")
    assert set(disputed(sale(IN, *SHARED, euros).facts, IN).flags) == {f"other_currency:{IN}:dp_1"}


def test_a_sale_passes_on_what_is_about_the_shared_money_and_nothing_else() -> None:
    """What it knows about itself, and about money of its own, is no other sale's."""
    of_both: list[Fact] = [*SHARED, replace(refund(), money_id=PI), replace(dispute(), money_id=PI)]
    total: RefundTotalReported = replace(reported(5), money_id=PI)
    own: list[Fact] = [link(IN, PI_2), replace(refund(refund_id="re_2"), money_id=PI_2), approved(), CREDIT, WARNING]
    known = sale(IN, *of_both, total, *own).facts
    assert list(facts_about_money(known, {PI})) == [*of_both, total]
    assert list(facts_about_money(known, {PI_2})) == own[:2]


def test_what_names_no_money_is_about_the_only_one() -> None:
    """A fraud warning names a charge; a refund by an older notification nothing."""
    facts: list[Fact] = [link(IN), refund(), WARNING]
    assert list(facts_about_money(sale(IN, *facts).facts, {PI})) == facts
