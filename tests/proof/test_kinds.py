"""The kinds of histories of money: nothing is found in them, and mistakes in the ledger are, each by its kind."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ledger.domain import catalogue, currencies, disputes, parts, purchases
from ledger.domain.catalogue import Catalogue, Product
from ledger.domain.events import Event
from ledger.domain.facts import (
    BalanceCredited,
    DisputeChanged,
    Fact,
    RefundAbandoned,
    RefundChanged,
    RefundTotalReported,
)
from ledger.domain.links import Links
from ledger.providers.paddle import transactions
from ledger.providers.stripe import invoices
from ledger.usecases import credited_periods
from ledger.usecases.plan_booking import merging
from proof.kinds import paddle, played, stripe
from proof.kinds.history import History
from proof.kinds.played import history_of, problem_of
from proof.kinds.terms import CONTENT

TRIES = 40
"""Histories of a kind, one of which shows a mistake."""


def deaf_to_balances(patch: pytest.MonkeyPatch) -> None:
    """What moves to a buyer's balance takes no credits."""
    _hear(lambda fact: None if isinstance(fact, BalanceCredited) else fact, patch)


def deaf_to_running_totals(patch: pytest.MonkeyPatch) -> None:
    """A charge's running total is not heard."""
    _hear(lambda fact: None if isinstance(fact, RefundTotalReported) else fact, patch)


def forgets_the_amount_of_our_refunds(patch: pytest.MonkeyPatch) -> None:
    """A refund that we sent ends its approval, and takes nothing."""

    def heard(fact: Fact) -> Fact:
        return replace(fact, amount_minor=0) if isinstance(fact, RefundChanged) and fact.tag else fact

    _hear(heard, patch)


def takes_a_total_for_money(patch: pytest.MonkeyPatch) -> None:
    """An invoice brought its total, whoever settled it."""
    patch.setattr(invoices, "_value_received", lambda invoice: (invoice["total"], invoice["total"]))


def takes_a_trial_for_the_plan(patch: pytest.MonkeyPatch) -> None:
    """A trial with the price of its plan grants a whole month."""
    patch.setattr(transactions, "_trial_prices", lambda _: frozenset())


def ends_credits_with_their_period(patch: pytest.MonkeyPatch) -> None:
    """Who pays late has credits that are over."""
    patch.setattr(Product, "_usable_until", lambda _self, _paid_at, period: period[1])


def believes_the_word(patch: pytest.MonkeyPatch) -> None:
    """Of a dispute its state decides, whatever moved."""
    patch.setattr(disputes, "conclusion", lambda dispute, **_: dispute.state)


def believes_what_was_given_back_once(patch: pytest.MonkeyPatch) -> None:
    """A dispute whose money came back is over, though it was withdrawn again."""

    def heard(fact: Fact) -> Fact:
        if isinstance(fact, DisputeChanged) and fact.is_withdrawn_again:
            return replace(fact, returned_minor=fact.taken_minor)
        return fact

    _hear(heard, patch)


def keeps_all_credits_of_two_twins(patch: pytest.MonkeyPatch) -> None:
    """An order that was paid twice keeps its credits as long as anything of it is paid."""

    def share(position: int, level: str, paid: Any, *_: Any, **__: Any) -> bool:
        return any(getattr(one, level)[position] for one in paid)

    patch.setattr(purchases, "_share", share)


def lets_currencies_meet(patch: pytest.MonkeyPatch) -> None:
    """Euros are subtracted from dollars."""
    patch.setattr(currencies, "_foreign", lambda _facts: {})


def splits_by_what_was_paid(patch: pytest.MonkeyPatch) -> None:
    """Each refund of shared money is split by itself, whatever went back before it."""
    take = vars(parts)["_take"]

    def each(moves: Any, paid: Any, sales: Any) -> Any:
        return {key: split for move in moves for key, split in take([move], paid, sales).items()}

    patch.setattr(parts, "_take", each)


def forgets_which_charge_is_whose(patch: pytest.MonkeyPatch) -> None:
    """What names a charge alone is of the sale that it first led to."""
    patch.setattr(Links, "names_of", lambda _self, names: frozenset(names))


def tells_nobody_what_is_sent(patch: pytest.MonkeyPatch) -> None:
    """A sale does not know what is being sent for another one of the same money."""
    patch.setattr(merging, "RefundAttempted", RefundAbandoned)


def forgets_what_was_agreed(patch: pytest.MonkeyPatch) -> None:
    """The catalogue decides what an order is for."""
    patch.setattr(Catalogue, "agreed", lambda self, order: self.products[order.product_id])


def reads_settings_without_their_dates(patch: pytest.MonkeyPatch) -> None:
    """What is deployed counts for everything that is reported from then on."""
    latest = [row | {"terms": [row["terms"][-1]]} if "terms" in row else row for row in CONTENT["products"]]
    always = dict.fromkeys(CONTENT["resolutions"], "2020-01-01T00:00:00Z")
    patch.setattr(played, "SOLD", catalogue.parse(CONTENT | {"products": latest, "resolutions": always}))


def takes_a_credit_from_the_period_after_it(patch: pytest.MonkeyPatch) -> None:
    """A credit that names nothing is of the period that begins when it ends, if that is known."""
    running = vars(credited_periods)["_running_lot"]
    patch.setattr(credited_periods, "_running_lot", lambda one, *rest: running(replace(one, since=one.until), *rest))


def _hear(change: Callable[[Fact], Fact | None], patch: pytest.MonkeyPatch) -> None:
    """Each fact that is reported becomes another one, or none."""
    heard = played.translated

    def changed(facts: tuple[Fact, ...]) -> tuple[Fact, ...]:
        return tuple(fact for fact in map(change, facts) if fact)

    def translated(provider: str, body: bytes, *sold: Catalogue) -> Event | None:
        event = heard(provider, body, *sold)
        also = event and tuple(replace(about, facts=changed(about.facts)) for about in event.also)
        periods = event and tuple(replace(one, facts=changed(one.facts)) for one in event.credited_periods)
        return event and replace(event, facts=changed(event.facts), also=also or (), credited_periods=periods or ())

    patch.setattr(played, "translated", translated)


@pytest.mark.parametrize(
    ("fault", "kind", "seen"),
    [
        (deaf_to_balances, stripe.rounds_over_a_balance, "nothing left"),
        (deaf_to_balances, stripe.balances, "too much left"),
        (deaf_to_balances, stripe.credit_notes, "nothing left"),
        (deaf_to_balances, stripe.change_of_plan, "too much left"),
        (takes_a_credit_from_the_period_after_it, stripe.change_of_plan, "too much left"),
        (deaf_to_balances, paddle.change_of_plan_at_paddle, "too much left"),
        (deaf_to_balances, paddle.paid_from_a_balance, "too much left"),
        (deaf_to_running_totals, stripe.running_totals, "too much left"),
        (forgets_the_amount_of_our_refunds, stripe.many_to_many, "too much left"),
        (forgets_the_amount_of_our_refunds, paddle.charged_on_a_subscription, "nothing left"),
        (takes_a_total_for_money, stripe.settled_by_nobody, "nothing left"),
        (takes_a_trial_for_the_plan, paddle.trials_at_paddle, "too much left"),
        (ends_credits_with_their_period, stripe.paid_late, "nothing got"),
        (believes_the_word, stripe.disputes, "nothing left"),
        (believes_what_was_given_back_once, stripe.disputes, "nothing left"),
        (keeps_all_credits_of_two_twins, stripe.several_payments_of_one_order, "too much left"),
        (keeps_all_credits_of_two_twins, paddle.several_payments_of_one_order_at_paddle, "too much left"),
        (lets_currencies_meet, stripe.two_currencies, "nothing left"),
        (splits_by_what_was_paid, stripe.shared_in_parts, "nothing left"),
        (forgets_which_charge_is_whose, stripe.shared_in_parts, "another order means another ledger"),
        (tells_nobody_what_is_sent, stripe.many_to_many, "our refund of one purchase changed"),
        (forgets_what_was_agreed, stripe.terms_that_change, "another order means another ledger"),
        (reads_settings_without_their_dates, stripe.settings_that_change, "another order means another ledger"),
    ],
)
def test_a_mistake_is_found_in_its_kind(
    fault: Callable[[pytest.MonkeyPatch], None],
    kind: Callable[[History], None],
    seen: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Planted in the ledger: what each kind of histories is there for."""
    fault(monkeypatch)
    problems = (problem_of(history_of(kind, random.Random(number))) for number in range(TRIES))
    assert any(problem and seen in problem.partition("\n")[0] for problem in problems)
