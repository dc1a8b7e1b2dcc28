"""Refunds and disputes: the split over lines, approvals, and what they take back, once, in any order."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.facts import (
    BalanceCredited,
    ChargebackChanged,
    ChargebackState,
    DisputeState,
    Fact,
    PaidLine,
    RefundAbandoned,
    RefundApproved,
    RefundChanged,
    RefundedItem,
    RefundSent,
    RefundState,
    RefundTotalReported,
    UngrantedLine,
)
from ledger.domain.ids import PaymentId
from ledger.domain.purchases import Purchase
from ledger.domain.refunds import (
    end_of,
    is_returned_whole,
    is_sent_whole,
    outstanding,
    split_over_lines,
    unknown_refunds,
)
from ledger.domain.refunds import returned as return_of
from ledger.domain.texts import Text
from ledger.usecases.usage import draw_credits
from tools.testing.builders import ADA, LATER, PI, at, dispute, event_of, paid, payment, record_events, refund, returned
from tools.testing.fakes import FakeStore
from tools.testing.unguarded import lift_hold


def reported(total_minor: int, minute: float) -> RefundTotalReported:
    """The provider's running total."""
    return RefundTotalReported(
        currency="USD", charge_id="ch_1", total_minor=total_minor, at=at(minute), cause="stripe:evt"
    )


def test_cumulative_partial_refunds_take_back_their_share_once() -> None:
    """500 and 500 of 2,000 take 250 and 250 of 1,000, with the running total beside them, alone, doubled or swapped."""
    heard: list[Fact] = [refund(500), reported(500, 11), refund(500, refund_id="re_2", minute=12), reported(1000, 13)]
    for order in itertools.permutations(heard):
        store = FakeStore()
        record_events(store, paid(), *(event_of(fact) for fact in order), *(event_of(fact) for fact in order))
        assert store.accounts[ADA].balance == 500
    store = FakeStore()
    record_events(store, paid(), event_of(reported(500, 11)))
    assert store.accounts[ADA].balance == 750
    record_events(store, event_of(reported(1000, 13)))
    assert store.accounts[ADA].balance == 500


def test_three_refunds_of_a_third_end_at_exactly_everything() -> None:
    """Shares are cumulative: rounding never leaves a credit behind or takes one too many."""
    store = FakeStore()
    record_events(store, paid(payment(paid_minor=1000)))
    balances = []
    for number, amount in enumerate((333, 333, 334)):
        record_events(store, event_of(refund(amount, refund_id=f"re_{number}", minute=10 + number)))
        balances.append(store.accounts[ADA].balance)
    assert balances == [667, 334, 0]


def test_a_refund_of_spent_credits_leaves_a_debt_and_never_a_negative_balance() -> None:
    """1,000 bought, 950 spent, all refunded: 50 are taken, 950 owed, and other lots are not touched."""
    store = FakeStore()
    record_events(store, paid())
    draw_credits(ADA, "run_1", 950, store, now=LATER)
    record_events(store, paid(payment("stripe:pi_2", credits_=300, minute=1)), event_of(refund(2000)))  # type: ignore[arg-type]
    account = store.accounts[ADA]
    assert (account.balance, account.shortfall, account.spendable(LATER)) == (300, 950, 0)
    assert account.spendable(LATER, is_debt_withheld=False) == 300


def test_a_won_dispute_restores_exactly_what_it_froze_and_a_later_refund_takes_it() -> None:
    """Open freezes and holds; won thaws and lifts; an ordinary refund afterwards claws back as usual."""
    store = FakeStore()
    record_events(store, paid(), event_of(dispute(DisputeState.OPEN)))
    assert (store.accounts[ADA].status, store.accounts[ADA].spendable(LATER)) == ("suspended", 0)
    record_events(store, event_of(dispute(DisputeState.WON, minute=30)))
    assert (store.accounts[ADA].status, store.accounts[ADA].spendable(LATER)) == ("active", 1000)
    record_events(store, event_of(refund(1000)))
    assert store.accounts[ADA].balance == 500


def test_a_win_lifts_its_own_hold_and_no_other() -> None:
    """With a second dispute open the account stays held and the lot frozen."""
    store = FakeStore()
    record_events(store, paid(), event_of(dispute()), event_of(dispute(dispute_id="dp_2", minute=21)))
    record_events(store, event_of(dispute(DisputeState.WON, minute=30)))
    account = store.accounts[ADA]
    assert (set(account.holds), account.spendable(LATER)) == ({"dispute:stripe:dp_2"}, 0)
    assert next(iter(account.lots.values())).is_frozen


def test_a_reversed_chargeback_does_not_hold_for_an_older_one_that_was_lifted() -> None:
    """Support let the customer go on after the first; the second came to nothing: nothing new holds the account."""
    store, names = FakeStore(), (PaymentId("paddle:txn_1"),)

    def chargeback(name: str, minute: float, state: ChargebackState = ChargebackState.TAKEN) -> ChargebackChanged:
        return ChargebackChanged(
            currency="USD",
            adjustment_id=name,
            kind="chargeback",
            is_reversal=False,
            state=state,
            amount_minor=2000,
            created_at=at(minute),
            at=at(minute),
            cause="paddle:evt",
        )

    record_events(store, paid(payment(names[0])), event_of(chargeback("adj_1", 10), names=names))
    assert lift_hold("dispute:paddle:txn_1:chargeback", ADA, "sam", store, why="a good customer", now=at(15))
    record_events(store, event_of(chargeback("adj_2", 20), names=names))
    assert store.accounts[ADA].status == "suspended"
    record_events(store, event_of(chargeback("adj_2", 20, ChargebackState.REVERSED), names=names))
    assert store.accounts[ADA].status == "active"


def test_an_inquiry_neither_takes_nor_holds_and_is_flagged_while_it_lasts() -> None:
    """A question of the bank is no chargeback."""
    store = FakeStore()
    record_events(store, paid(), event_of(dispute(DisputeState.INQUIRY)))
    account = store.accounts[ADA]
    assert (account.status, account.spendable(LATER), len(account.flags)) == ("active", 1000, 1)
    record_events(store, event_of(dispute(DisputeState.INQUIRY_CLOSED, minute=30)))
    assert not store.accounts[ADA].flags


@pytest.mark.parametrize("order", list(itertools.permutations([0, 1, 2])))
def test_a_refund_and_a_chargeback_of_one_payment_take_its_credits_once(order: tuple[int, ...]) -> None:
    """The money went back twice; the credits can go only once."""
    events = [paid(), event_of(refund(2000)), event_of(dispute(DisputeState.LOST))]
    store = FakeStore()
    record_events(store, *(events[place] for place in order))
    account = store.accounts[ADA]
    assert (account.balance, account.shortfall, account.status) == (0, 0, "suspended")


def test_a_refund_and_a_chargeback_never_take_the_same_credit() -> None:
    """600 of 1,000 are used, half is refunded and half charged back: 400 are there to take, and no more is taken."""
    store = FakeStore()
    record_events(store, paid())
    draw_credits(ADA, "run_1", 600, store, now=LATER)
    record_events(store, event_of(refund(1000)), event_of(dispute(DisputeState.LOST, 1000)))
    account = store.accounts[ADA]
    (lot,) = account.lots.values()
    assert (lot.refunded, lot.disputed, lot.remaining, account.shortfall) == (400, 0, 0, 600)


def test_a_refund_that_fails_gives_its_credits_back_once() -> None:
    """Ranked by state: a late 'succeeded' does not undo a 'failed'."""
    store = FakeStore()
    failed = event_of(refund(2000, state=RefundState.FAILED, minute=20))
    record_events(store, paid(), event_of(refund(2000)), failed, failed, event_of(refund(2000, minute=25)))
    assert store.accounts[ADA].balance == 1000


def test_a_refund_that_names_a_line_takes_that_lines_credits() -> None:
    """Of two lines the named one is taken back; the rest of the money takes the other. Tax alone takes nothing."""
    lines = tuple(
        PaidLine(line_id=name, product_id="pack", credits=credits_, amount_minor=1000, expires_at=None)
        for name, credits_ in (("a", 500), ("b", 1000))
    )
    named = replace(refund(1000), items=(RefundedItem(line_id="a", amount_minor=1000),))
    tax_item = RefundedItem(line_id="b", amount_minor=100, is_tax_only=True)
    tax = replace(refund(100, refund_id="re_t"), items=(tax_item,))
    store = FakeStore()
    record_events(store, paid(payment(lines=lines)), event_of(named), event_of(tax))
    assert store.accounts[ADA].balance == 1000
    record_events(store, event_of(refund(1000, refund_id="re_2", minute=15)))
    assert store.accounts[ADA].balance == 0


def test_what_corrects_an_overcharge_takes_no_credits() -> None:
    """100 of 2,100 were paid above the price: giving them back is no refund of credits, and the flag goes."""
    store = FakeStore()
    record_events(store, paid(payment(paid_minor=2100, overcharge_minor=100)), event_of(refund(100)))
    account = store.accounts[ADA]
    assert (account.balance, dict(account.flags)) == (1000, {})
    record_events(store, event_of(refund(1000, refund_id="re_2", minute=15)))
    assert store.accounts[ADA].balance == 500


def test_a_free_order_has_nothing_to_take_back() -> None:
    """Of a payment of nothing, no share can be refunded."""
    store = FakeStore()
    record_events(store, paid(payment(paid_minor=0)), event_of(refund(0)))
    assert store.accounts[ADA].balance == 1000


def test_a_suspended_account_is_still_renewed_and_stays_held() -> None:
    """The customer paid: the renewal is booked, the hold stays, and the statement shows both."""
    store = FakeStore()
    record_events(store, paid(), event_of(dispute()), paid(payment("stripe:in_2", minute=60, expires_at=LATER)))  # type: ignore[arg-type]
    account = store.accounts[ADA]
    assert (account.status, account.balance, account.spendable(at(90))) == ("suspended", 2000, 0)
    assert [entry.kind for entry in store.entries(ADA)] == ["grant", "freeze", "grant"]


def test_an_expired_lot_is_unspendable_at_its_instant() -> None:
    """Expiry is an instant, checked at the draw: no job has to run for it."""
    store = FakeStore()
    record_events(store, paid(payment(expires_at=at(60))))
    account = store.accounts[ADA]
    assert (account.spendable(at(59.99)), account.spendable(at(60))) == (1000, 0)


def test_draws_take_what_expires_first_and_packs_last() -> None:
    """A subscription's credits go before a pack's."""
    store = FakeStore()
    record_events(store, paid(), paid(payment("stripe:in_2", credits_=100, expires_at=LATER)))  # type: ignore[arg-type]
    assert draw_credits(ADA, "run_1", 150, store, now=at(1)).drawn == {"stripe:in_2/0": 100, "stripe:pi_1/0": 50}


TAG = "case_1-1"
SUCCEEDED, PENDING, FAILED = RefundState.SUCCEEDED, RefundState.PENDING, RefundState.FAILED


def approved(amount_minor: int = 1000, *, takes_credits: bool = True) -> RefundApproved:
    """Our decision to refund."""
    return RefundApproved(
        tag=TAG, case_id="case_1", amount_minor=amount_minor, at=at(5), cause="case:1", takes_credits=takes_credits
    )


def sent(refund_id: str = "re_1") -> RefundSent:
    """The provider has it."""
    return RefundSent(tag=TAG, refund_id=refund_id, at=at(6), cause="case:1")


def purchase(*facts: Fact) -> Purchase:
    """A payment of 2,000, and what is known of its refunds."""
    return Purchase(payment_id=PI).with_facts(payment(), *facts)


def tagged(state: RefundState, refund_id: str = "re_1") -> RefundChanged:
    """A refund of half that bears our tag."""
    return replace(refund(1000, state=state, refund_id=refund_id), tag=TAG)


@pytest.mark.parametrize(
    ("facts", "refundable_minor"),
    [
        ([approved()], 1000),
        ([approved(), sent(), refund(1000, state=RefundState.PENDING)], 1000),
        ([approved(), tagged(RefundState.PENDING)], 1000),
        ([approved(), tagged(RefundState.SUCCEEDED)], 1000),
        ([approved(), tagged(RefundState.FAILED)], 2000),
        ([refund(1500, state=RefundState.PENDING)], 500),
        ([refund(1500, state=RefundState.REQUIRES_ACTION), approved(500)], 0),
        (
            [
                approved(),
                RefundAbandoned(tag=TAG, reason=Text(key=""), at=at(7), cause=""),
                tagged(RefundState.PENDING),
            ],
            1000,
        ),
    ],
)
def test_what_is_on_its_way_back_cant_be_refunded_again(facts: list[Fact], refundable_minor: int) -> None:
    """By an approval of ours or by somebody at the provider, and neither counts twice."""
    assert purchase(*facts).refundable_minor == refundable_minor


def test_how_an_approval_ended_is_told_the_same_in_any_order() -> None:
    """If it was sent twice and one of the two failed, the money is gone all the same."""
    facts: list[Fact] = [approved(), tagged(RefundState.FAILED), tagged(RefundState.SUCCEEDED, "re_2")]
    for order in itertools.permutations(facts):
        ended = end_of(TAG, purchase(*order).facts)
        assert isinstance(ended, RefundChanged)
        assert ended.state is RefundState.SUCCEEDED


def part(number: int, minor: int, state: RefundState, *, refund_id: str = "", minute: float = 10) -> RefundChanged:
    """A refund that carries out a part of our approval."""
    made = refund(minor, state=state, refund_id=refund_id or f"re_{number}", minute=minute)
    return replace(made, tag=f"{TAG}/{number}")


@pytest.mark.parametrize(
    ("facts", "ended_by", "outstanding_of"),
    [
        ([part(1, 600, SUCCEEDED)], None, [400]),  # the second is yet to be sent
        ([part(1, 600, FAILED)], "re_1", []),
        ([part(1, 600, SUCCEEDED), part(2, 399, SUCCEEDED)], None, [1]),
        ([part(1, 600, SUCCEEDED), part(2, 400, PENDING)], None, [400]),
        ([part(1, 600, FAILED), part(2, 400, PENDING)], None, [1000]),
        ([part(1, 600, SUCCEEDED), part(2, 400, FAILED)], "re_2", []),
        # the latest of those that moved the money; of one instant the last by its id
        ([part(1, 600, SUCCEEDED, minute=12), part(2, 400, SUCCEEDED, minute=11)], "re_1", []),
        ([part(1, 600, SUCCEEDED), part(2, 400, SUCCEEDED)], "re_2", []),
        ([part(1, 600, SUCCEEDED), part(2, 400, SUCCEEDED), part(3, 1, FAILED, minute=13)], "re_2", []),
        ([part(1, 600, FAILED, minute=12), part(2, 400, FAILED, minute=11)], "re_1", []),
        ([part(1, 600, FAILED), part(2, 400, FAILED)], "re_2", []),
        ([part(1, 600, SUCCEEDED, minute=13), part(2, 400, FAILED, minute=11)], "re_2", []),
        # one refund for all of it, under the approval's own tag, beside a part of an earlier attempt
        ([tagged(SUCCEEDED, "re_9"), part(1, 600, FAILED)], "re_9", []),
        ([tagged(FAILED, "re_9"), part(1, 600, SUCCEEDED)], "re_9", []),
    ],
)
def test_an_approval_in_parts_ends_when_they_make_up_its_amount_or_none_is_left_that_can(
    facts: list[Fact], ended_by: str | None, outstanding_of: list[int]
) -> None:
    """In any order; what is still to go back is what has not arrived."""
    for order in itertools.permutations(facts):
        known = purchase(approved(), *order).facts
        ended = end_of(TAG, known)
        assert (ended.refund_id if isinstance(ended, RefundChanged) else None) == ended_by
        assert [one.amount_minor for one in outstanding(known)] == outstanding_of


def test_an_approval_in_parts_that_was_abandoned_has_ended_unless_all_of_it_went_back() -> None:
    """A part that is under way then stands for itself."""
    gave_up = RefundAbandoned(tag=TAG, reason=Text(key=""), at=at(7), cause="")
    known = purchase(approved(), part(1, 600, PENDING), gave_up).facts
    assert (end_of(TAG, known), [one.amount_minor for one in outstanding(known)]) == (gave_up, [600])
    whole = purchase(approved(), part(1, 600, SUCCEEDED), part(2, 400, SUCCEEDED), gave_up).facts
    assert end_of(TAG, whole) == whole["refund:re_2"]


@pytest.mark.parametrize(
    ("facts", "is_whole"),
    [
        ([approved()], False),
        ([approved(), refund(1000)], False),  # somebody else's
        ([approved(), tagged(PENDING)], True),
        ([approved(), replace(tagged(FAILED), amount_minor=1)], True),
        ([approved(), part(1, 999, SUCCEEDED)], False),
        ([approved(), part(1, 600, SUCCEEDED), part(2, 400, FAILED)], True),
        ([approved(), part(1, 600, SUCCEEDED), part(2, 401, PENDING)], True),
        ([approved(), part(1, 600, FAILED), replace(tagged(PENDING, "re_9"), amount_minor=1)], True),
        ([sent(), refund(1000)], False),  # the approval is not known here
    ],
)
def test_an_approval_is_sent_whole_once_the_provider_reports_all_of_it(facts: list[Fact], is_whole: bool) -> None:
    """Whatever has become of its refunds: one under its own tag is all of it, parts are when they add up."""
    assert is_sent_whole(TAG, purchase(*facts).facts) is is_whole


def test_only_parts_that_succeeded_make_up_an_approval() -> None:
    """And only of an approval that is known."""
    assert is_returned_whole(TAG, purchase(approved(), part(1, 1000, SUCCEEDED)).facts)
    assert not is_returned_whole(TAG, purchase(approved(), part(1, 999, SUCCEEDED), part(2, 1, PENDING)).facts)
    assert not is_returned_whole(TAG, purchase(sent(), refund(1000)).facts)


def test_what_went_back_or_is_going_is_told_in_the_order_of_creation() -> None:
    """Each takes its part of the money that those before it left. Of one instant the id decides."""
    for state, told in ((SUCCEEDED, return_of), (PENDING, outstanding)):
        facts = [refund(5, refund_id=name, state=state, minute=when) for name, when in (("b", 9), ("a", 10), ("A", 10))]
        for order in itertools.permutations(facts):
            assert [one.id for one in told(purchase(*order).facts)] == ["b", "A", "a"]


def test_a_refund_of_nothing_is_none() -> None:
    """Of money that several sales share, a refund can be the other sale's alone."""
    for state in (SUCCEEDED, PENDING):
        facts = purchase(refund(0, state=state)).facts
        assert (return_of(facts), outstanding(facts)) == ([], [])


def test_a_credit_or_a_refund_in_another_currency_is_unknown_unless_it_came_to_nothing() -> None:
    """Nothing can be refunded meanwhile."""
    credit = BalanceCredited(
        credit_id="il_1", amount_minor=9, currency="EUR", created_at=at(9), at=at(9), cause="stripe:evt"
    )
    assert unknown_refunds(purchase(credit).facts) == [credit]
    for state in RefundState:
        euros = replace(refund(9, state=state), currency="EUR")
        came_to_nothing = state in {RefundState.CANCELED, RefundState.FAILED}
        assert unknown_refunds(purchase(euros).facts) == ([] if came_to_nothing else [euros])


def test_a_running_total_in_another_currency_is_unknown_until_its_refunds_are_reported() -> None:
    """Those of its charge, or of none, in its currency."""
    total = replace(reported(900, 9), currency="EUR")
    euros = replace(refund(900, state=RefundState.CANCELED), currency="EUR")
    assert unknown_refunds(purchase(total, euros).facts) == []
    assert unknown_refunds(purchase(total, replace(euros, charge_id=None)).facts) == []
    for other in (replace(euros, charge_id="ch_2"), replace(euros, currency="USD"), replace(euros, amount_minor=899)):
        assert unknown_refunds(purchase(total, other).facts) == [total]


def test_credits_in_another_currency_are_unknown_as_far_as_they_were_not_reversed() -> None:
    """Each currency for itself. A reversal is reported by a row, by the state of the credit, or by both."""
    of_nine = BalanceCredited(
        credit_id="b", amount_minor=9, currency="EUR", created_at=at(9), at=at(9), cause="stripe:evt"
    )
    of_five, pounds = replace(of_nine, credit_id="c", amount_minor=5), replace(of_nine, credit_id="d", currency="GBP")
    row, reversed_ = replace(of_nine, credit_id="r", is_reversal=True), replace(of_nine, is_reversed=True)
    for facts, unknown in (
        ([of_nine, pounds], [of_nine, pounds]),
        ([of_nine, row, pounds], [pounds]),
        ([of_nine, of_five, row], [of_nine, of_five]),  # nobody knows which one the row reverses
        ([reversed_, of_five], [of_five]),
        ([reversed_, of_five, row], [of_five]),
        ([reversed_, replace(of_five, amount_minor=0)], []),
    ):
        assert unknown_refunds(purchase(*facts).facts) == unknown


def test_an_overcharge_gives_no_more_than_it_was_whatever_was_named_before() -> None:
    """More was named than was refunded."""
    over = UngrantedLine(line_id="over", amount_minor=100, is_overcharge=True)
    settled = replace(payment(paid_minor=2100, overcharge_minor=100, lines=_lines([2000])), ungranted=(over,))
    items = split_over_lines(200, settled, [returned(900, **{"0": 1000})])
    assert [(item.line_id, item.amount_minor) for item in items] == [("over", 100), ("0", 100)]


def test_reserved_credits_are_spent_by_nobody_and_become_the_clawback() -> None:
    """Half is approved: half stays spendable, before the refund settles and after."""
    store = FakeStore()
    record_events(store, paid(), event_of(approved()), event_of(sent()))
    assert (store.accounts[ADA].balance, store.accounts[ADA].spendable(LATER)) == (1000, 500)
    record_events(store, event_of(refund(1000)))
    assert (store.accounts[ADA].balance, store.accounts[ADA].spendable(LATER)) == (500, 500)


AMOUNTS = st.lists(st.integers(0, 10_000), min_size=1, max_size=6)


def _lines(amounts: list[int]) -> tuple[PaidLine, ...]:
    return tuple(
        PaidLine(line_id=str(number), product_id="pack", credits=10, amount_minor=amount, expires_at=None)
        for number, amount in enumerate(amounts)
    )


@given(AMOUNTS.filter(any), st.data())
def test_the_parts_are_the_whole_and_each_fits_what_its_line_has_left(amounts: list[int], data: st.DataObject) -> None:
    """Whatever was refunded of some lines by name before: what is left is given back to the last unit."""
    named = {str(number): data.draw(st.integers(0, amount)) for number, amount in enumerate(amounts)}
    left = {line_id: amounts[int(line_id)] - minor for line_id, minor in named.items()}
    amount_minor = data.draw(st.integers(0, sum(left.values())))
    settled = payment(lines=_lines(amounts), paid_minor=sum(amounts))
    items = split_over_lines(amount_minor, settled, [returned(sum(named.values()), **named)])
    assert sum(item.amount_minor for item in items) == amount_minor
    assert all(0 < item.amount_minor <= left[item.line_id] for item in items)


@given(AMOUNTS.filter(any), st.data())
def test_after_sums_without_lines_the_rest_is_still_given_back_whole(amounts: list[int], data: st.DataObject) -> None:
    """A provider that knows no lines refunded before: the rest adds up, and no line gives more than it cost."""
    before_minor = data.draw(st.integers(0, sum(amounts)))
    amount_minor = data.draw(st.integers(0, sum(amounts) - before_minor))
    settled = payment(lines=_lines(amounts), paid_minor=sum(amounts))
    items = split_over_lines(amount_minor, settled, [returned(before_minor)])
    assert sum(item.amount_minor for item in items) == amount_minor
    assert all(item.amount_minor <= amounts[int(item.line_id)] for item in items)
