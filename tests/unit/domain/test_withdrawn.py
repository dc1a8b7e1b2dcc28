"""Withdrawn: what the law gives back of used credits is no debt, and is flagged; a lock ends with the consent."""

from dataclasses import replace
from datetime import datetime

import pytest

from ledger.domain.facts import (
    ConsentChanged,
    Fact,
    HoldLifted,
    RefundAbandoned,
    RefundApproved,
    RefundedItem,
    RefundState,
    WithdrawalChanged,
)
from ledger.domain.ids import OrderId, PaymentId
from ledger.domain.lots import Lot
from ledger.domain.purchases import Purchase, target
from ledger.domain.refunds import is_returned_by_law
from ledger.domain.texts import Text
from ledger.domain.withdrawn import (
    REPEATED,
    has_used_and_withdrawn,
    is_undecided,
    repeated_withdrawals,
    withdrawal_flags,
)
from tools.testing.builders import LATER, PI, at, payment, refund

TAG = "case_1-1"
LAWFUL = RefundApproved(
    tag=TAG, case_id="case_1", amount_minor=2000, at=at(5), cause="c", is_by_law=True, used_credits=300
)
LIFTED = HoldLifted(hold_id=REPEATED + PI, actor="sam", at=at(9), cause="c")
USED_FLAG, REPEATED_FLAG = f"used_and_withdrawn:{PI}:ord_1", f"repeated_withdrawal:{PI}"


def known(*facts: Fact) -> dict[str, Fact]:
    """Facts by their keys."""
    return {fact.key: fact for fact in facts}


def test_a_refund_without_used_credits_flags_nothing() -> None:
    """The account may order at once."""
    for approval in (replace(LAWFUL, used_credits=0), replace(LAWFUL, used_credits=0, is_repeated=True)):
        assert withdrawal_flags(PI, OrderId("ord_1"), known(approval)) == {}


def test_used_credits_that_were_paid_back_are_flagged_since_the_first_such_refund() -> None:
    """With the payment and its order, so that another contract is told apart."""
    second = replace(LAWFUL, tag="case_2-1", at=at(3))
    assert withdrawal_flags(PI, OrderId("ord_1"), known(LAWFUL, second)) == {USED_FLAG: at(3), REPEATED_FLAG: None}
    assert withdrawal_flags(PI, None, known(LAWFUL)) == {f"used_and_withdrawn:{PI}:": at(5), REPEATED_FLAG: None}


def test_a_repeated_withdrawal_is_flagged_until_a_person_has_looked() -> None:
    """Since the first that was not the account's first contract. What is lifted elsewhere changes nothing."""
    again = replace(LAWFUL, tag="case_2-1", at=at(7), is_repeated=True)
    later = replace(again, tag="case_3-1", at=at(8))
    elsewhere = replace(LIFTED, hold_id=f"{REPEATED}stripe:pi_2")
    facts = known(LAWFUL, later, again)
    assert withdrawal_flags(PI, None, facts)[REPEATED_FLAG] == at(7)
    assert withdrawal_flags(PI, None, facts | known(elsewhere))[REPEATED_FLAG] == at(7)
    assert withdrawal_flags(PI, None, facts | known(LIFTED))[REPEATED_FLAG] is None


@pytest.mark.parametrize(
    ("flags", "order_id", "has"),
    [
        ([], "ord_1", False),
        ([USED_FLAG], "ord_1", False),
        ([USED_FLAG], "ord_2", True),
        ([USED_FLAG], None, True),
        ([f"used_and_withdrawn:{PI}:"], None, True),
        ([USED_FLAG, USED_FLAG.replace("ord_1", "ord_2")], "ord_1", True),
        ([f"used_and_withdrawn:{PI}:"], "ord_1", True),
        ([REPEATED_FLAG, f"overcharge:{PI}"], "ord_1", False),
    ],
)
def test_only_another_contract_makes_a_withdrawal_a_repeated_one(
    flags: list[str], order_id: str | None, *, has: bool
) -> None:
    """Of a payment without an order nothing says that it is the same contract."""
    assert has_used_and_withdrawn(flags, OrderId(order_id) if order_id else None) is has


def test_support_is_shown_the_payments_whose_withdrawals_are_to_be_looked_at() -> None:
    """In the order of their ids."""
    flags = [f"{REPEATED}stripe:pi_2", USED_FLAG, f"{REPEATED}stripe:pi_1"]
    assert repeated_withdrawals(flags) == (PaymentId("stripe:pi_1"), PaymentId("stripe:pi_2"))


OURS = replace(refund(2000), tag=TAG)
BY_HAND = refund(100, refund_id="re_2")


@pytest.mark.parametrize(
    ("facts", "is_by_law"),
    [
        ([], False),
        ([LAWFUL], False),
        ([LAWFUL, replace(OURS, state=RefundState.PENDING)], False),
        ([LAWFUL, BY_HAND], False),
        ([LAWFUL, OURS], True),
        ([LAWFUL, OURS, BY_HAND], True),
        ([replace(LAWFUL, is_by_law=False), OURS], False),
    ],
)
def test_a_refund_is_by_law_if_one_that_succeeded_carries_out_such_an_approval(
    facts: list[Fact], *, is_by_law: bool
) -> None:
    """Then used credits are no debt. What support refunded beside it changes nothing."""
    assert is_returned_by_law(known(*facts), payment().lines[0].line_id) is is_by_law
    (lot,) = target(Purchase(payment_id=PI).with_facts(payment(), *facts)).lots
    assert lot.owes_no_refund is is_by_law
    used = lot.applied_to(Lot(lot_id=lot.lot_id, granted=1000, drawn=1000))
    assert used.owed == (0 if is_by_law else lot.refund_target)


def test_a_refund_by_law_of_one_line_forgives_nothing_of_another() -> None:
    """Its own used credits are no debt. Those of a line that support refunds later are."""
    lines = tuple(replace(payment().lines[0], line_id=name, amount_minor=1000) for name in ("li_1", "li_2"))
    of_first = replace(
        LAWFUL, items=(RefundedItem(line_id="li_1", amount_minor=9), RefundedItem(line_id="li_2", amount_minor=0))
    )
    for items, expected in ((of_first.items, [True, False]), ((), [True, True])):
        purchase = Purchase(payment_id=PI).with_facts(
            payment(lines=lines), replace(of_first, items=items), OURS, BY_HAND
        )
        assert [lot.owes_no_refund for lot in target(purchase).lots] == expected


def test_of_two_payments_for_one_order_one_that_went_back_by_law_is_enough() -> None:
    """They have the same lots."""
    first, second = (
        Purchase(payment_id=PaymentId(f"stripe:pi_{name}")).with_facts(
            payment(PaymentId(f"stripe:pi_{name}"), fulfilment_key="order/ord_1"), *facts
        )
        for name, facts in (("a", (LAWFUL, OURS)), ("b", ()))
    )
    assert [lot.owes_no_refund for lot in target(first, second).lots] == [True]


def test_the_flags_of_a_withdrawal_are_on_its_account_and_go_with_the_lift() -> None:
    """The one that says that credits were used stays."""
    bought = Purchase(payment_id=PI).with_facts(payment(), replace(LAWFUL, is_repeated=True))
    used_flag = f"used_and_withdrawn:{PI}:"
    assert target(bought).flags == {used_flag: at(5), REPEATED_FLAG: at(5)}
    lifted = target(bought.with_facts(LIFTED))
    assert lifted.flags == {used_flag: at(5)}
    assert REPEATED_FLAG in lifted.cleared_flags
    assert used_flag not in lifted.cleared_flags


WAITS = WithdrawalChanged(case_id="case_1", stands=True, step=1, at=at(4), cause="c")


@pytest.mark.parametrize(
    ("facts", "waits"),
    [
        ([], False),
        ([LAWFUL], False),
        ([WAITS], True),
        ([replace(WAITS, stands=False)], False),
        ([WAITS, LAWFUL], False),  # what is approved is reserved
        ([WAITS, replace(LAWFUL, case_id="case_2")], True),
        ([WAITS, LAWFUL, replace(OURS, state=RefundState.PENDING)], False),
        ([WAITS, LAWFUL, OURS], False),
        ([WAITS, LAWFUL, replace(OURS, state=RefundState.FAILED)], True),
        ([WAITS, LAWFUL, RefundAbandoned(tag=TAG, reason=Text(key="r"), at=at(8), cause="c")], True),
        ([WAITS, LAWFUL, replace(WAITS, case_id="case_2")], True),
        ([WAITS, LAWFUL, replace(WAITS, case_id="case_2", stands=False)], False),
    ],
)
def test_the_credits_of_a_contract_are_locked_while_a_withdrawal_from_it_waits(
    facts: list[Fact], *, waits: bool
) -> None:
    """Until a person or a rule has decided; and again, if its refund failed or was not sent."""
    assert is_undecided(known(*facts)) is waits
    bought = Purchase(payment_id=PI).with_facts(payment(), *facts)
    (lot,) = target(bought).lots
    assert lot.is_withdrawn is waits
    assert lot.applied_to(None).is_locked(at(10)) is waits


def test_a_withdrawal_from_the_contract_of_one_payment_locks_those_of_its_twin() -> None:
    """They are for one order, and have the same lots."""
    first, second = (
        Purchase(payment_id=PaymentId(f"stripe:pi_{name}")).with_facts(
            payment(PaymentId(f"stripe:pi_{name}"), fulfilment_key="order/ord_1"), *facts
        )
        for name, facts in (("a", ()), ("b", (WAITS,)))
    )
    assert [lot.is_withdrawn for lot in target(first, second).lots] == [True]


COMPLETE = ConsentChanged(order_id=OrderId("ord_1"), is_complete=True, step=2, at=at(6), cause="c")


@pytest.mark.parametrize(
    ("facts", "locked_until"),
    [
        ([], LATER),
        ([COMPLETE], None),
        ([replace(COMPLETE, is_complete=False)], LATER),
    ],
)
def test_credits_are_locked_until_the_consent_is_complete(facts: list[Fact], locked_until: datetime | None) -> None:
    """And again, if its confirmation comes back."""
    locked = replace(payment(), locked_until=LATER)
    (lot,) = target(Purchase(payment_id=PI).with_facts(locked, *facts)).lots
    assert lot.locked_until == locked_until
    assert lot.applied_to(None).locked_until == locked_until


def test_of_two_payments_for_one_order_the_later_lock_counts() -> None:
    """One of them may be without a lock. The consent to the order opens both."""
    first, second, third = (
        Purchase(payment_id=PaymentId(f"stripe:pi_{name}")).with_facts(
            replace(payment(PaymentId(f"stripe:pi_{name}"), fulfilment_key="order/ord_1"), locked_until=until)
        )
        for name, until in (("a", at(500)), ("b", LATER), ("c", None))
    )
    assert [lot.locked_until for lot in target(first, second, third).lots] == [max(at(500), LATER)]
    assert [lot.locked_until for lot in target(first.with_facts(COMPLETE), second).lots] == [None]
