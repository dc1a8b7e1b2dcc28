"""Amounts of two currencies never meet: what is in another one counts when a person has stated it, or not at all."""

from dataclasses import replace

from ledger.domain.currencies import comparable, incomparable
from ledger.domain.disputes import disputed
from ledger.domain.facts import ChargebackState, DisputeState, Fact
from ledger.domain.purchases import Purchase, target
from ledger.domain.refunds import outstanding_minor, returned_minor
from tests.unit.domain.test_money_before_words import bought, in_euros, stated
from tests.unit.domain.test_purchases import chargeback, reported
from tools.testing.builders import PI, dispute, refund

EUROS = in_euros(refund(920))


def test_an_amount_in_the_payments_currency_counts_beside_one_in_another() -> None:
    """What is not known of one refund hides no other."""
    facts = bought(refund(300, refund_id="re_2"), EUROS).facts
    assert returned_minor(facts) == 300
    assert incomparable(facts) == [EUROS]


def test_a_stated_amount_is_one_in_the_payments_currency() -> None:
    """From then on nothing sets the fact apart from the others."""
    facts = bought(EUROS, stated(EUROS, 1000)).facts
    assert comparable(facts)[EUROS.key] == replace(EUROS, amount_minor=1000, currency="USD")
    assert (incomparable(facts), returned_minor(facts)) == ([], 1000)


def test_a_running_total_in_another_currency_counts_for_nothing_whatever_is_stated_of_it() -> None:
    """The refunds that it adds up are reported one by one, and each can be stated."""
    total = replace(reported(920), currency="EUR")
    facts = bought(total, stated(total, 1000), refund(300)).facts
    assert total.key not in comparable(facts)
    assert returned_minor(facts) == 300


def test_until_its_payment_is_known_nothing_is_in_another_currency() -> None:
    """The facts that wait are as they were received."""
    waiting: tuple[Fact, ...] = (EUROS, dispute())
    facts = Purchase(payment_id=PI).with_facts(*waiting).facts
    assert comparable(facts) == facts
    assert (incomparable(facts), returned_minor(facts), outstanding_minor(facts)) == ([], 920, 0)


def test_an_open_dispute_in_another_currency_is_unknown() -> None:
    """Nothing can be refunded meanwhile, and a person is told. One that was won is of no concern."""
    unknown = bought(in_euros(dispute(DisputeState.OPEN)))
    known = disputed(unknown.facts, PI)
    assert (known.is_unknown, known.is_frozen, known.contested, known.lost) == (True, True, (), ())
    assert set(target(unknown).flags) == {"other_currency:stripe:dp_1"}
    assert unknown.refundable_minor == 0
    won = disputed(bought(in_euros(dispute(DisputeState.WON))).facts, PI)
    assert (won.is_unknown, won.is_frozen, won.flags) == (False, False, {})


def test_only_an_open_dispute_is_contested_and_only_a_lost_one_can_be_a_refund_too() -> None:
    """Of the same amount as a refund: a person looks at it once the money is gone."""
    for state in (DisputeState.OPEN, DisputeState.LOST, DisputeState.WON):
        known = disputed(bought(refund(700), dispute(state, 700)).facts, PI)
        assert [one.amount_minor for one in known.contested] == ([700] if state is DisputeState.OPEN else [])
        assert [one.amount_minor for one in known.lost] == ([700] if state is DisputeState.LOST else [])
        assert ("refund_and_dispute:stripe:dp_1" in known.flags) is (state is DisputeState.LOST)


def test_a_chargeback_in_another_currency_is_unknown_while_it_stands() -> None:
    """One in the payment's currency is not, nor one whose money came back."""
    unknown = bought(in_euros(chargeback()))
    assert (disputed(unknown.facts, PI).is_unknown, unknown.refundable_minor) == (True, 0)
    assert disputed(bought(chargeback()).facts, PI).flags == {}
    back = disputed(bought(in_euros(chargeback(state=ChargebackState.REVERSED))).facts, PI)
    assert (back.is_unknown, back.is_frozen, back.flags, back.holds) == (False, False, {}, {})
    in_two = bought(chargeback(), in_euros(chargeback("adj_2", is_reversal=True)))
    stands = disputed(in_two.facts, PI)
    assert (stands.lost_minor, stands.is_unknown, set(stands.holds)) == (2000, True, {f"dispute:{PI}:chargeback"})
    reversal = in_euros(chargeback("adj_2", is_reversal=True))
    back_as_stated = disputed(bought(chargeback(), reversal, stated(reversal, 2000)).facts, PI)
    assert (back_as_stated.lost, back_as_stated.holds, back_as_stated.is_unknown) == ((), {}, False)
    half = in_euros(replace(chargeback("adj_2", is_reversal=True), amount_minor=165000))
    assert disputed(bought(chargeback(), half).facts, PI).holds
