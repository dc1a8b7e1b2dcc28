"""Amounts of two currencies never meet: what is in another one counts when a person has stated it, or not at all."""

from dataclasses import replace

from ledger.domain.currencies import comparable, incomparable
from ledger.domain.facts import Fact
from ledger.domain.purchases import Purchase
from ledger.domain.refunds import outstanding_minor, returned_minor
from tests.unit.domain.test_money_before_words import bought, in_euros, stated
from tests.unit.domain.test_purchases import reported
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
