"""Facts merge as a join: order, repetition and grouping can't matter. And the states that are easy to get wrong."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import catalogue
from ledger.facts import (
    ChargebackChanged,
    ChargebackState,
    DisputeState,
    Fact,
    Facts,
    PaymentId,
    RefundState,
    RefundTotalReported,
    merge,
)
from ledger.lots import Lot
from ledger.providers import stripe
from ledger.purchases import Purchase, target
from tests.builders import at, dispute, payment, refund
from tools.stories import EVENTS, telling

minutes = st.integers(0, 5)
facts = st.one_of(
    st.builds(lambda m, p: payment(minute=m, paid_minor=p), minutes, st.sampled_from([1000, 2000])),
    st.builds(
        lambda m, s, a, n: refund(a, refund_id=n, state=s, minute=m),
        minutes,
        st.sampled_from(RefundState),
        st.sampled_from([100, 700]),
        st.sampled_from(["re_1", "re_2"]),
    ),
    st.builds(
        lambda m, s, a: dispute(s, a, minute=m), minutes, st.sampled_from(DisputeState), st.sampled_from([500, 2000])
    ),
    st.builds(
        lambda m, t: RefundTotalReported(charge_id="ch_1", total_minor=t, at=at(m), cause="stripe:evt"),
        minutes,
        st.sampled_from([300, 600]),
    ),
)
heard = st.lists(facts, max_size=6)


@given(heard, heard, heard)
def test_merging_is_commutative_associative_and_idempotent(a: list[Fact], b: list[Fact], c: list[Fact]) -> None:
    """The laws of a join, over facts that contradict each other in the same instant."""
    nothing: Facts = {}
    assert merge(merge(nothing, a), b) == merge(merge(nothing, b), a)
    assert merge(merge(nothing, a), [*b, *c]) == merge(merge(merge(nothing, a), b), c)
    assert merge(merge(nothing, a), a) == merge(nothing, a)


@given(heard)
def test_a_target_never_takes_more_than_was_granted(told: list[Fact]) -> None:
    """Whatever is said about a payment, what is taken back lies between nothing and everything."""
    known = target(Purchase(payment_id=PaymentId("stripe:pi_1")).heard(payment(), *told))
    for lot in known.lots:
        assert min(lot.refund_target, lot.dispute_target) >= 0
        assert lot.refund_target + lot.dispute_target <= lot.granted


def test_which_event_told_a_fact_is_no_news() -> None:
    """Two Event objects of one payment carry one fact."""
    known = merge({}, [payment()])
    assert merge(known, [replace(payment(), cause="stripe:evt_other")]) is known


def test_a_lost_dispute_whose_money_came_back_counts_as_won() -> None:
    """funds_reinstated while the status still says lost; without any movement it stays lost."""
    body = (EVENTS / "stripe/dispute_appealed_07_charge_dispute_closed.json").read_text().replace('"won"', '"lost"')
    content = stripe.parse(body.encode())

    def state(moved: list[dict[str, object]]) -> object:
        content["data"]["object"]["balance_transactions"] = moved
        event = stripe.translate(content, catalogue.load(), is_live=False)
        assert event is not None
        return event.facts[0].state  # type: ignore[union-attr]

    moved = content["data"]["object"]["balance_transactions"]
    assert [movement["amount"] for movement in moved] == [-1000, 1000]
    assert (state(moved), state(moved[:1]), state([])) == (DisputeState.WON, DisputeState.LOST, DisputeState.LOST)


def chargeback(name: str, *, reversal: bool = False, state: ChargebackState = ChargebackState.TAKEN) -> Fact:
    """A row of Paddle's."""
    return ChargebackChanged(
        adjustment_id=name,
        kind="chargeback",
        is_reversal=reversal,
        state=state,
        amount_minor=2000,
        created_at=at(20),
        at=at(20),
        cause="paddle:evt",
    )


@pytest.mark.parametrize(
    ("rows", "taken", "is_held"),
    [
        ([chargeback("a")], 1000, True),
        ([chargeback("a", state=ChargebackState.REJECTED)], 0, False),
        ([chargeback("a"), chargeback("b", reversal=True)], 0, False),
        ([chargeback("a", state=ChargebackState.REVERSED)], 0, False),
        ([chargeback("a", state=ChargebackState.REVERSED), chargeback("b", reversal=True)], 0, False),
        ([chargeback("b", reversal=True)], 0, False),
        ([chargeback("a"), chargeback("b", reversal=True), chargeback("c")], 1000, True),
    ],
)
def test_paddles_chargebacks_and_their_reversals_count_as_sets(rows: list[Fact], taken: int, is_held: bool) -> None:
    """One reversal is told twice, as a row and as the state of another: it undoes one chargeback, once."""
    known = target(Purchase(payment_id=PaymentId("paddle:txn_1")).heard(payment(), *rows))
    assert (known.lots[0].dispute_target, bool(known.holds)) == (taken, is_held)


def test_a_chargeback_after_a_full_refund_adds_nothing() -> None:
    """The money can't go back twice."""
    known = target(Purchase(payment_id=PaymentId("paddle:txn_1")).heard(payment(), refund(2000), chargeback("a")))
    assert (known.lots[0].refund_target, known.lots[0].dispute_target) == (1000, 0)


def test_an_expired_lot_gives_way_to_a_late_refund() -> None:
    """What lapsed unused is no debt, whether the refund or the expiry is booked first."""
    lot = Lot(lot_id="l", granted=1000, drawn=300, expires_at=at(0))
    first_refunded = replace(lot, refund_target=500).settle().expire()
    first_expired = replace(lot.expire(), refund_target=500).settle()
    assert first_refunded == first_expired
    assert (first_expired.refunded, first_expired.expired, first_expired.owed) == (500, 200, 0)


def test_a_subscriptions_session_only_links() -> None:
    """Its invoice pays; the session would pay again."""
    told = telling("stripe/subscription_three_months_01_checkout_session_completed.json", "")
    event = stripe.translate(stripe.parse(told.body), catalogue.load(), is_live=False)
    assert event is not None
    assert (event.payment, event.facts, event.owner.account_id) == (None, (), "acct_dan")


def test_a_renewals_credits_may_outlive_their_period_by_the_catalogues_grace() -> None:
    """The gap between a period's end and the renewal's payment is a setting; the default is none."""
    product = catalogue.load().products["creator_monthly"]
    assert product.expires_at(at(0), at(60)) == at(60)
    assert replace(product, renewal_grace=timedelta(minutes=5)).expires_at(at(0), at(60)) == at(65)
    assert replace(product, rolls_over=True).expires_at(at(0), at(60)) is None
