"""Which payment at the provider a fact is about, and which sales it paid for."""

from dataclasses import replace

import pytest

from ledger.domain.disputes import disputed
from ledger.domain.facts import (
    BalanceCredited,
    Fact,
    Facts,
    FraudWarned,
    HoldLifted,
    MoneyLinked,
    RefundTotalReported,
    ResolutionReported,
)
from ledger.domain.holds import Hold
from ledger.domain.ids import PaymentId
from ledger.domain.links import Links
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


def about(known: Facts, money_id: PaymentId) -> list[Fact]:
    """What a sale passes on to others that share this payment."""
    return list(Links(known).about({money_id}, known))


def money_of(fact: Fact, *known: Fact) -> PaymentId | None:
    """Which payment a fact is about, by what a sale knows."""
    facts = sale(IN, *known, fact).facts
    return Links(facts).money_of(fact)


BOTH = (link(IN), link(IN, PI_2))
"""Two payments paid for the sale."""
CH_1, CH_2 = PaymentId("stripe:ch_1"), PaymentId("stripe:ch_2")


def test_a_fact_is_about_the_only_payment_else_about_the_one_that_it_names() -> None:
    """By the payment's own id, or by its charge, as soon as anything has named both."""
    assert money_of(refund()) is None, "no payment is linked"
    assert money_of(refund(), link(IN)) == PI
    assert money_of(refund(), *BOTH) is None, "nothing tells which"
    assert money_of(replace(refund(), money_id=PI_2), *BOTH) == PI_2
    assert money_of(replace(refund(), money_id=PaymentId("stripe:pi_9")), *BOTH) is None
    assert [money_of(one, *BOTH) for one in BOTH] == [PI, PI_2]
    assert money_of(CREDIT, link(IN)) is None, "it is about the sale itself"


@pytest.mark.parametrize(
    "tells",
    [
        replace(refund(refund_id="re_9"), money_id=PI),
        replace(reported(9), money_id=PI),
        replace(dispute(dispute_id="dp_9"), money_id=PI, charge_id="ch_1"),
        FraudWarned(warning_id="v", is_actionable=True, at=at(3), cause="", money_id=PI, charge_id="ch_1"),
    ],
    ids=lambda fact: type(fact).__name__,
)
@pytest.mark.parametrize(
    "fact",
    [
        replace(refund(), money_id=CH_1),
        replace(reported(5, "ch_1"), money_id=CH_1),
        replace(dispute(), money_id=CH_1),
        replace(WARNING, money_id=CH_1),
        ResolutionReported(subject="dispute:dp_1", at=at(1), cause="", money_id=CH_1),
    ],
    ids=lambda fact: type(fact).__name__,
)
def test_a_fact_that_names_a_charge_alone_is_about_its_payment(fact: Fact, tells: Fact) -> None:
    """Whatever kind of fact has named both, and in any order."""
    assert money_of(fact, *BOTH, tells) == PI
    assert Links(sale(IN, fact, tells, *BOTH).facts).money_of(fact) == PI
    charged = (link(IN, CH_1), link(IN, CH_2))  # what paid was linked by its charge
    assert Links(sale(IN, *charged, fact, tells).facts).money_of(tells) == CH_1


def test_all_names_of_a_payment_are_known_from_what_names_two_of_them() -> None:
    """A payment has a charge for each attempt."""
    again = replace(refund(refund_id="re_2"), money_id=PI, charge_id="ch_2")
    facts: list[Fact] = [
        replace(refund(), money_id=PI),
        again,
        replace(refund(refund_id="re_3"), money_id=PI_2, charge_id="ch_3"),
    ]
    names = Links(sale(IN, link(IN), *facts).facts)
    assert names.names_of({PI}) == names.names_of({CH_2}) == {PI, CH_1, CH_2}
    assert names.names_of({PaymentId("stripe:x")}) == {"stripe:x"}
    assert Links(sale(IN, *facts).facts).names_of({PI}) == {PI}, "nothing is linked, so nobody needs them"


def test_only_money_that_several_sales_share_is_shared() -> None:
    """A hold on an account names it, so that it ends with the dispute and not with one sale's part of it."""
    disputed = replace(dispute(), money_id=PI)
    assert Links(sale(IN, *SHARED).facts).shared_money_of(disputed) == PI
    assert Links(sale(IN, *SHARED).facts).shared_money_of(dispute()) == PI, "there is no other payment"
    assert Links(sale(IN, *SHARED, link(IN, PI_2)).facts).shared_money_of(dispute()) is None
    for alone in ((link(IN),), (link(IN), link(IN, PI_2)), (link(IN), link(IN, PI_2), link(IN_2, PI_2))):
        assert Links(sale(IN, *alone).facts).shared_money_of(disputed) is None
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
    assert about(known, PI) == [*of_both, total]
    assert about(known, PI_2) == own[:2]


def test_what_names_no_money_is_about_the_only_one() -> None:
    """As of an older notification."""
    facts: list[Fact] = [link(IN), refund(), WARNING]
    assert about(sale(IN, *facts).facts, PI) == facts


def test_a_charge_that_is_said_to_be_of_two_payments_is_of_the_first() -> None:
    """Nobody should say so. Then it is the same whatever was received first."""
    of_both = [replace(refund(refund_id=f"re_{one}"), money_id=one) for one in (PI_2, PI)]
    assert money_of(replace(refund(), money_id=CH_1), *BOTH, *of_both) == PI


def test_facts_without_a_charge_make_no_two_payments_one() -> None:
    """Each names its own payment alone."""
    facts = [replace(dispute(dispute_id=one), money_id=one) for one in (PI, PI_2)]
    assert Links(sale(IN, *BOTH, *facts).facts).names_of({PI}) == {PI}


def test_a_sale_passes_on_what_a_person_has_lifted_of_the_shared_money_and_nothing_else() -> None:
    """Of a dispute or a warning, by its id at the provider."""
    disputed, warned = replace(dispute(dispute_id="dp:1"), money_id=PI), replace(WARNING, money_id=PI)
    same_name = replace(refund(refund_id="dp_9"), money_id=PI)
    holds = ("dispute:stripe:dp:1", "fraud_warning:stripe:w", "dispute:stripe:dp_2", "dispute:stripe:dp_9")
    lifts = [HoldLifted(hold_id=hold_id, actor="sam", at=at(9), cause="") for hold_id in holds]
    known = sale(IN, *BOTH, disputed, warned, same_name, *lifts).facts
    assert [one for one in about(known, PI) if isinstance(one, HoldLifted)] == lifts[:2]
