"""Fields that usually agree: which of them counts when they don't."""

from dataclasses import replace
from datetime import datetime

import pytest

from ledger.domain.conclusions import conclusion
from ledger.domain.disputes import Awaits, disputed, first_disputed_at, reported_disputes
from ledger.domain.entries import EntryKind
from ledger.domain.facts import (
    BalanceCredited,
    ChargebackChanged,
    ChargebackState,
    CustomerWrote,
    DisputeState,
    EvidenceState,
    Fact,
    Facts,
    HoldLifted,
    PaymentSettled,
    RefundApproved,
    RefundAttempted,
    RefundChanged,
    RefundPart,
    RefundState,
    RefundTotalReported,
    ResolutionReported,
    merge,
)
from ledger.domain.ids import PaymentId, part_tag
from ledger.domain.late import late_flags
from ledger.domain.lots import Lot, movements
from ledger.domain.purchases import Purchase, duplicate_minor, is_covered_by, target
from ledger.domain.refunds import end_of, outstanding, returned, succeeded_refunds
from ledger.domain.totals import explained
from ledger.domain.withdrawn import USED
from tools.testing.builders import CONSENT, PI, at, dispute, payment, refund

TAG = "case_1-1"
APPROVED = RefundApproved(tag=TAG, case_id="case_1", amount_minor=1000, at=at(5), cause="case:case_1")


def of(*facts: Fact) -> Facts:
    """Facts by their keys."""
    return merge({}, facts)


def credit(credit_id: str, created: float, known: float, **changed: object) -> BalanceCredited:
    """A credit to the buyer's balance, with the minutes at which it was given and last reported."""
    made = BalanceCredited(
        credit_id=credit_id, amount_minor=600, currency="USD", created_at=at(created), at=at(known), cause="stripe:evt"
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def chargeback(row_id: str = "adj_1", created: float = 20, known: float = 25, **changed: object) -> ChargebackChanged:
    """A row about a chargeback, with the minutes at which it was made and last reported."""
    made = ChargebackChanged(
        adjustment_id=row_id,
        kind="chargeback",
        is_reversal=False,
        state=ChargebackState.TAKEN,
        amount_minor=2000,
        currency="USD",
        created_at=at(created),
        at=at(known),
        cause="paddle:evt",
    )
    return replace(made, **changed)  # type: ignore[arg-type]


# ── Refunds and credits ───────────────────────────────────────────────────────────────────────────────────────────────


def part(number: int, refund_id: str, created: float, known: float, state: RefundState) -> RefundChanged:
    """One of two parts of the approval."""
    made = refund(500, refund_id=refund_id, state=state)
    return replace(made, tag=part_tag(TAG, number), created_at=at(created), at=at(known))


@pytest.mark.parametrize("state", [RefundState.SUCCEEDED, RefundState.FAILED])
def test_parts_end_with_the_one_that_was_reported_last_however_late_it_was_made(state: RefundState) -> None:
    """Of two that were reported at once, with the refund of the greater id, whatever its tag is."""
    late, early = part(1, "re_1", 10, 30, state), part(2, "re_2", 15, 20, state)
    assert end_of(TAG, of(payment(), APPROVED, late, early)) == late
    greater = part(1, "re_9", 10, 20, state)
    assert end_of(TAG, of(payment(), APPROVED, greater, early)) == greater


def test_what_is_outstanding_is_named_by_its_approval_and_begins_with_it() -> None:
    """Not by what caused it."""
    (one,) = outstanding(of(payment(), APPROVED))
    assert (one.id, one.created_at, one.amount_minor) == (TAG, at(5), 1000)


def test_a_reversal_takes_back_the_credit_that_was_given_last_however_it_was_reported() -> None:
    """Credits go in the order of their creation."""
    first, second = credit("a", 10, 30), credit("b", 15, 20)
    undone = credit("r", 40, 40, is_reversal=True)
    (left,) = returned(of(payment(), first, second, undone))
    assert (left.id, left.created_at) == ("a", at(10))


def test_a_total_in_another_currency_and_of_another_cause_is_a_refund_with_both() -> None:
    """Of what is being sent, and of what somebody else refunded."""
    attempted = RefundAttempted(
        tag=TAG, sale_id=PI, parts=(RefundPart(tag=TAG, amount_minor=1000),), at=at(7), cause="case:case_1"
    )
    total = RefundTotalReported(charge_id="ch_1", total_minor=1300, currency="EUR", at=at(9), cause="stripe:evt_9")
    found = explained(of(payment(), APPROVED, attempted, total))
    refunds = sorted((one for one in found.values() if isinstance(one, RefundChanged)), key=lambda one: one.refund_id)
    assert [(one.refund_id, one.currency, one.cause, one.created_at, one.at) for one in refunds] == [
        (TAG, "EUR", "stripe:evt_9", at(7), at(9)),
        ("total:ch_1", "EUR", "stripe:evt_9", at(9), at(9)),
    ]


# ── Disputes and chargebacks ──────────────────────────────────────────────────────────────────────────────────────────


def test_an_open_dispute_with_its_evidence_is_the_banks_and_listed_by_its_opening() -> None:
    """One that is open awaits evidence only while none was handed in."""
    handed_in = replace(dispute(dispute_id="a"), evidence=EvidenceState.SUBMITTED, evidence_due_at=at(99))
    asked = replace(dispute(dispute_id="b"), evidence_due_at=at(500))
    over = replace(dispute(DisputeState.LOST, dispute_id="0"), opened_at=at(1))
    facts = of(payment(), handed_in, asked, over)
    shown = {one.dispute_id: one for one in reported_disputes(facts, PI)}
    assert [*shown] == ["b", "a", "0"]
    assert [(shown[name].awaits, shown[name].position) for name in ("b", "a")] == [
        (Awaits.EVIDENCE, at(500)),
        (Awaits.BANK, at(20)),
    ]
    mine = Purchase(payment_id=PI).with_facts(payment(), handed_in)
    assert mine.open_dispute == shown["a"]
    assert replace(mine, stored_facts={}).open_dispute == shown["a"]


def test_disputes_of_one_urgency_are_in_the_order_of_their_ids() -> None:
    """Whatever their currencies are."""
    one, two = replace(dispute(dispute_id="a"), currency="USD"), replace(dispute(dispute_id="b"), currency="EUR")
    assert [shown.dispute_id for shown in reported_disputes(of(payment(), two, one), PI)] == ["a", "b"]


def test_a_chargeback_is_shown_in_its_currency_and_since_it_was_made() -> None:
    """Not since its last report."""
    (shown,) = reported_disputes(of(payment(), chargeback(currency="EUR")), PI)
    assert (shown.currency, shown.opened_at, shown.dispute_id) == ("EUR", at(20), "adj_1")


def test_a_payment_is_disputed_since_the_first_one_was_opened() -> None:
    """Reports come late, and a reversal is no dispute. One that was reversed was one."""
    assert first_disputed_at(of(dispute(), chargeback(created=22))) == at(20)
    assert first_disputed_at(of(replace(dispute(), opened_at=at(24)), chargeback(created=22))) == at(22)
    assert first_disputed_at(of(chargeback(is_reversal=True))) is None
    assert first_disputed_at(of(chargeback(state=ChargebackState.REVERSED))) == at(20)


def test_what_a_dispute_takes_is_named_by_it_and_is_gone_since_it_was_opened() -> None:
    """Of a chargeback since its row was made, and by its kind."""
    (lost,) = disputed(of(payment(), dispute(DisputeState.LOST, minute=40)), PI).lost
    assert (lost.id, lost.created_at) == ("dp_1", at(20))
    (lost,) = disputed(of(payment(), chargeback(created=20, known=40)), PI).lost
    assert (lost.id, lost.created_at) == ("chargeback", at(20))


def test_the_hold_of_a_chargeback_is_since_the_latest_was_made() -> None:
    """However late the first one was reported."""
    facts = of(payment(), chargeback("adj_1", 20, 60), chargeback("adj_2", 30, 40))
    assert disputed(facts, PI).holds == {f"dispute:{PI}:chargeback": at(30)}


def test_money_that_is_back_without_a_listed_withdrawal_wins_a_lost_dispute() -> None:
    """What moved outweighs what a status says, also if only the return is listed."""
    lost = dispute(DisputeState.LOST)
    assert conclusion(replace(lost, returned_minor=2000)) is DisputeState.WON
    assert conclusion(replace(lost, taken_minor=2000)) is DisputeState.LOST


def test_what_nobody_disputes_any_more_is_no_open_dispute() -> None:
    """Nor is what nobody ever disputed."""
    bought = Purchase(payment_id=PI).with_facts(payment())
    assert bought.open_dispute is None
    assert bought.with_facts(dispute(DisputeState.LOST)).open_dispute is None
    open_one = bought.with_facts(dispute()).open_dispute
    assert open_one
    assert open_one.dispute_id == "dp_1"


def test_a_chargeback_that_was_reversed_is_over_beside_one_that_stands() -> None:
    """Also after a person lifted its hold."""
    rows = (chargeback("a", state=ChargebackState.REVERSED), chargeback("b", created=30))
    assert {one.dispute_id: one.is_open for one in reported_disputes(of(payment(), *rows), PI)} == {
        "a": False,
        "b": True,
    }
    lifted = HoldLifted(hold_id=f"dispute:{PI}:chargeback", actor="sam", at=at(50), cause="support:sam")
    assert [one.is_open for one in reported_disputes(of(payment(), rows[0], lifted), PI)] == [False]


def test_a_lost_dispute_that_counts_as_a_resolution_is_shown_as_resolved() -> None:
    """By the fact that says so."""
    lost = dispute(DisputeState.LOST)
    resolved = ResolutionReported(subject=lost.key, at=at(20), cause="stripe:evt")
    assert [one.state for one in reported_disputes(of(payment(), lost), PI)] == [DisputeState.LOST]
    assert [one.state for one in reported_disputes(of(payment(), lost, resolved), PI)] == [DisputeState.RESOLVED]


def test_the_first_letter_and_the_first_chargeback_say_who_was_first() -> None:
    """Who wrote before the bank did is not suspended, whatever was written or booked later."""
    letters = [CustomerWrote(case_id=f"c{minute}", at=at(minute), cause="case:c") for minute in (30, 10)]
    excused = disputed(of(payment(), dispute(), *letters), PI)
    assert not excused.holds
    between = CustomerWrote(case_id="c", at=at(25), cause="case:c")
    rows = (chargeback("a", created=20), chargeback("b", created=30))
    assert disputed(of(payment(), *rows, between), PI).holds


# ── What comes late ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("facts", "since"),
    [
        ((replace(refund(state=RefundState.FAILED), created_at=at(20), at=at(40)),), at(40)),
        ((replace(refund(state=RefundState.FAILED), created_at=at(31), at=at(40)),), None),
        ((chargeback(state=ChargebackState.REVERSED, created=20, known=40),), at(40)),
        ((chargeback(state=ChargebackState.REVERSED, created=31, known=40),), None),
        ((chargeback(created=20, known=33), chargeback("adj_2", 35, 40, is_reversal=True)), at(35)),
        ((chargeback(created=31, known=33), chargeback("adj_2", 35, 40, is_reversal=True)), None),
        ((chargeback("adj_2", 25, 40, is_reversal=True),), None),
        ((credit("a", 20, 33), credit("r", 35, 40, is_reversal=True)), at(35)),
        ((credit("a", 31, 33), credit("r", 35, 40, is_reversal=True)), None),
        ((credit("r", 25, 40, is_reversal=True),), None),
        ((credit("a", 20, 40, is_reversed=True),), at(40)),
        ((credit("a", 31, 40, is_reversed=True),), None),
    ],
)
def test_credits_came_back_late_if_they_were_gone_before_their_end(
    facts: tuple[Fact, ...], since: datetime | None
) -> None:
    """They end at minute 30. What was taken after that could not be used anyway. The report's own time is neither."""
    settled = payment(expires_at=at(30))
    found = late_flags(settled, of(settled, *facts), has_value=True, grants=True)
    assert found == {f"late_return:{PI}": since}


# ── Lots and purchases ────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_reserved_moves_by_what_is_held_and_not_by_what_should_be() -> None:
    """Credits that are used can't be reserved: the target then stays above what is."""
    short = Lot(lot_id="l", granted=10, expires_at=None, drawn=6, reserved=4, reserve_target=7)
    assert [*movements(short, replace(short, reserve_target=9))] == []
    assert [one.kind for one in movements(short, replace(short, reserved=2))] == [EntryKind.RELEASE]
    assert [one.kind for one in movements(replace(short, reserved=2), short)] == [EntryKind.RESERVE]


def test_a_lot_that_is_granted_in_grace_ends_with_its_grace_and_not_at_its_beginning() -> None:
    """The grant's own end is that of the lot."""
    settled = payment(expires_at=at(90))
    (lot,) = target(Purchase(payment_id=PI).with_facts(settled)).lots
    graced = replace(lot, grace_from=at(60))
    assert [one.kind for one in movements(None, graced.applied_to(None))] == [EntryKind.GRANT]
    assert (graced.applied_to(None).expires_at, graced.applied_to(None).grace_from) == (at(90), at(60))


def test_grace_begins_when_it_says_and_not_when_the_credits_end() -> None:
    """Between the two they last until the next period is paid for."""
    lot = Lot(lot_id="l", granted=10, expires_at=at(90), grace_from=at(60))
    assert [lot.is_in_grace(at(minute)) for minute in (59, 60, 89, 90)] == [False, True, True, True]


def test_a_purchase_is_written_if_it_has_other_facts_than_were_read() -> None:
    """And not if they are the same."""
    read = Purchase(payment_id=PI).with_facts(payment())
    stored = replace(read, stored_facts=read.facts)
    assert (read.has_new_facts, stored.has_new_facts) == (True, False)
    assert stored.with_facts(refund()).has_new_facts


def test_each_refund_that_succeeded_has_its_credit_note_by_its_own_id() -> None:
    """Not by the tag of its approval, which others may share."""
    nothing = refund(0, refund_id="re_3")
    facts = of(replace(refund(), tag=TAG), refund(refund_id="re_2", state=RefundState.FAILED), nothing)
    assert succeeded_refunds(facts) == {"re_1"}


def twins(*facts: Fact, invoice_number: str | None = None) -> tuple[Purchase, Purchase]:
    """Two payments of one order; the facts are of the second one."""
    first: PaymentSettled = payment(fulfilment_key="order/ord_1")
    second = replace(first, payment_id=PaymentId("stripe:pi_2"), at=at(2), invoice_number=invoice_number)
    return Purchase(payment_id=PI).with_facts(first), Purchase(payment_id=second.payment_id).with_facts(second, *facts)


def test_an_open_dispute_of_one_of_two_payments_makes_no_duplicate_charge_end() -> None:
    """What it contests is not lost yet: the flag stays until the bank has decided."""
    flag = "duplicate_charge:stripe:pi_2"
    assert flag in target(*twins()).flags
    assert flag in target(*twins(dispute())).flags
    assert flag not in target(*twins(dispute(DisputeState.LOST))).flags


def test_what_can_be_refunded_of_a_duplicate_is_what_can_still_go_to_the_card() -> None:
    """Of what the buyer's balance gave, nothing can."""
    first, second = twins()
    settled = replace(second.payment or payment(), card_minor=1500)
    partly_by_balance = Purchase(payment_id=settled.payment_id).with_facts(settled)
    assert (partly_by_balance.refundable_minor, partly_by_balance.value_left_minor) == (1500, 2000)
    assert duplicate_minor(partly_by_balance, [first]) == 1500


def test_a_dispute_that_contests_a_part_leaves_the_rest_of_its_payment_certain() -> None:
    """It freezes the lot, and its amount is known: two halves that stand for sure are one whole price."""
    contested = [
        Purchase(payment_id=name).with_facts(
            payment(name, fulfilment_key="order/ord_1"), dispute(amount_minor=1000, dispute_id=name)
        )
        for name in (PI, PaymentId("stripe:pi_2"))
    ]
    third = Purchase(payment_id=PaymentId("stripe:pi_3")).with_facts(
        payment(PaymentId("stripe:pi_3"), fulfilment_key="order/ord_1", minute=3)
    )
    assert not target(*contested).holds
    assert is_covered_by(third, contested)
    assert not is_covered_by(third, contested[:1])


def test_what_is_left_of_an_overcharge_is_less_a_refund_that_is_not_stored_yet() -> None:
    """A plan that is being made counts what it was given."""
    over = Purchase(payment_id=PI).with_facts(payment(overcharge_minor=300))
    assert over.overcharge_left_minor == 300
    assert over.with_facts(refund(200)).overcharge_left_minor == 100


def test_a_withdrawal_with_used_credits_is_flagged_with_its_order() -> None:
    """Not with the number of its invoice."""
    settled = replace(payment(fulfilment_key="order/ord_1"), invoice_number="INV-1")
    by_law = replace(APPROVED, is_by_law=True, used_credits=5)
    flags = target(Purchase(payment_id=PI).with_facts(settled, by_law)).flags
    assert {flag for flag in flags if flag.endswith("ord_1")} == {f"{USED}{PI}:ord_1"}


def test_a_confirmation_that_was_given_before_adds_none() -> None:
    """Neither the first one, nor a further one, nor one that came back."""
    twice = replace(CONSENT, further_ids=("mail_2",), returned_ids=("mail_0",))
    for known in ("mail_1", "mail_2", "mail_0"):
        assert twice.confirmed(known, at(9), is_used=False, is_withdrawn=False) == twice
    more = twice.confirmed("mail_3", at(9), is_used=False, is_withdrawn=False)
    assert more == replace(twice, further_ids=("mail_2", "mail_3"))
