"""The facts that letters list: which each has, and that each is of its own field, not of a similar one."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest

from ledger.domain.ids import AccountId, OrderId, PaymentId
from ledger.domain.refund_cases import CaseState, RefundCase
from ledger.mails.cases import Reported, case_update, credit_note
from ledger.mails.letters import Facts, Letter
from ledger.mails.plans import price_changed
from ledger.mails.rendering import as_text
from ledger.mails.writing import Writer
from tests.unit.dynamodb.golden_items import NOTE
from tests.unit.mails.samples import AT, CONFIRMED, DECISION, HOUSE, LETTERS, PADDLE, PLAN, case, confirmed

_Write = Callable[[Writer], Letter]
LATER = AT + timedelta(days=3)
DECIDED = case(CaseState.REQUESTED, CaseState.APPROVED)
ORDERED = ("Product", "Credits", "Price before tax", "Amount paid", "Ordered on", "Paid on", "Order number")
CONTRACT = (*ORDERED, "Paid through", "Seller")
LATE = ("Product", "Ordered on", "Order number", "Seller")
RENEWAL = ("Each renewal", "Renews", "First renewal on", "Last day to cancel before that")
CASE = ("Case number", "Purchase", "Paid on")
DECLARED = ("Reference", "Contract", "Received")
NOTED = ("Number", "Issued on", "Seller", "Customer account", "Corrects invoice, of", "Payment", "Line")
TAXED = ("Net", "Tax", "Amount, with tax")
PLANNED = ("Product", "Credits", "Order number", "Paid through")
CHARGED = ("Charged on", "Last day to cancel before that")
LISTED: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("pack", "pack that expires", "no consent", "reseller"), CONTRACT),
    **dict.fromkeys(("business", "no right", "hostile"), CONTRACT),
    "plan": (*CONTRACT, *RENEWAL),
    "plan of before": (*CONTRACT, "Each renewal"),
    **dict.fromkeys(("late information", "late information of a reseller"), LATE),
    **dict.fromkeys(("received", "review", "declined", "declined by a person"), CASE),
    **dict.fromkeys(("approved", "failed"), (*CASE, "Refund", "At the latest by")),
    "refunded": (*CASE, "Refund"),
    "replaced": (*CASE, "Credits"),
    **dict.fromkeys(("withdrawal receipt", "cancellation receipt"), (*DECLARED, "Name")),
    **dict.fromkeys(("receipt with a login", "cancellation with a login"), DECLARED),
    **dict.fromkeys(("withdrawal notice", "cancellation notice"), DECLARED),
    **dict.fromkeys(("cancelled", "cancelled, end unknown"), ("Reference",)),
    **dict.fromkeys(("suspended", "active"), ()),
    "replaced by an incident": ("Failed runs", "Credits given"),
    "credit note": (*NOTED, *TAXED),
    "correction": (*NOTED, "Takes back credit note", *TAXED),
    "low balance": ("Credits left",),
    "low balance, others locked": ("Credits left", "Locked credits"),
    **dict.fromkeys(("trial ends", "renews", "runs"), (*PLANNED, "Amount before tax", *CHARGED)),
    "new price": (*PLANNED, "Price so far, before tax", "New price, before tax", *CHARGED),
}
"""What each letter lists."""


def rows(write: _Write) -> dict[str, str]:
    """The rows of a letter in English."""
    listed = [block for block in write(Writer("en", HOUSE)).blocks if isinstance(block, Facts)]
    return {name: value for block in listed for name, value in block.rows}


@pytest.mark.parametrize("kind", LETTERS)
def test_each_letter_lists_what_its_reader_needs(kind: str) -> None:
    """No more, and no less: by when the money comes, also if a refund failed."""
    assert sorted(rows(LETTERS[kind])) == sorted(LISTED[kind])


def of_order(**changes: Any) -> _Write:
    """The confirmation of an order that is another one in this."""
    return confirmed(order=replace(CONFIRMED.order, **changes))


def of_case(name: str, told: RefundCase = DECIDED, **changes: Any) -> _Write:
    """The mail about a step of a case."""
    reported = replace(Reported(case=told, product="Pack", paid_at=AT), **changes)
    return lambda writer: case_update(reported, 1, name, "mail_1", writer)


def of_decision(name: str, **changes: Any) -> _Write:
    """The same, of a decision that is another one in this."""
    return of_case(name, replace(DECIDED, decision=replace(DECISION, **changes)))


def of_note(product: str = "Pack", **changes: Any) -> _Write:
    """A credit note that is another one in this."""
    return partial(credit_note, replace(NOTE, **changes), product, "mail_1")


def of_price(before_minor: int = 1200, **changes: Any) -> _Write:
    """The mail about a new price, of a plan that is another one in this."""
    return partial(price_changed, replace(PLAN, **changes), before_minor, "mail_1")


PRICES = ("Price so far, before tax", "New price, before tax")


@pytest.mark.parametrize(
    ("before", "after", "others"),
    [
        (confirmed(), confirmed(name="Other"), ("Product",)),
        (confirmed(), confirmed(paid_minor=1), ("Amount paid",)),
        (confirmed(), confirmed(currency="USD"), ("Amount paid",)),
        (confirmed(), confirmed(paid_at=LATER), ("Paid on",)),
        (confirmed(), confirmed(reseller=PADDLE), ("Seller",)),
        (confirmed(), of_order(price_minor=1), ("Price before tax",)),
        (confirmed(), of_order(currency="USD"), ("Price before tax",)),
        (confirmed(), of_order(made_at=LATER), ("Ordered on",)),
        (confirmed(), of_order(order_id=OrderId("ord_2")), ("Order number",)),
        (confirmed(), of_order(provider="paddle"), ("Paid through",)),
        (of_case("approved"), of_case("approved", product="Other"), ("Purchase",)),
        (of_case("approved"), of_case("approved", paid_at=LATER), ("Paid on",)),
        (of_case("approved"), of_case("approved", replace(DECIDED, case_id="case_2")), ("Case number",)),
        (of_case("approved"), of_case("approved", replace(DECIDED, confirmed_at=LATER)), ("At the latest by",)),
        *(
            (of_case(name), of_decision(name, **change), ("Refund",))
            for name in ("approved", "refunded", "failed")
            for change in ({"money_minor": 1}, {"currency": "USD"})
        ),
        (of_case("replaced"), of_decision("replaced", credits=1), ("Credits",)),
        (of_note(), of_note(number="2026-000008"), ("Number",)),
        (of_note(), of_note(issued_at=LATER), ("Issued on",)),
        (of_note(), of_note(issued_by="Other"), ("Seller",)),
        (of_note(), of_note(account_id=AccountId("acct_bob")), ("Customer account",)),
        (of_note(), of_note(corrects="2026-000005"), ("Takes back credit note",)),
        (of_note(), of_note(invoice_number="INV-2"), ("Corrects invoice, of",)),
        (of_note(), of_note(paid_at=LATER), ("Corrects invoice, of",)),
        (of_note(), of_note(payment_id=PaymentId("stripe:pi_2")), ("Payment",)),
        (of_note(), of_note(product="Other"), ("Line",)),
        (of_note(), of_note(amount_minor=501), ("Net", "Amount, with tax")),
        (of_note(), of_note(tax_minor=82), ("Net", "Tax")),
        (of_note(), of_note(currency="USD"), TAXED),
        (of_note(), of_note(tax_minor=0), ("Net", "Tax")),
        (of_note(), of_note(tax_minor=None), ("Net", "Tax")),
        (of_price(), of_price(before_minor=1100), PRICES[:1]),
        (of_price(), of_price(price_minor=1500), PRICES[1:]),
        (of_price(), of_price(currency="USD"), PRICES),
        (of_price(), of_price(charged_on=date(2026, 12, 9)), CHARGED),
        (of_price(), of_price(credits=900), ("Credits",)),
        (of_price(), of_price(name="Other"), ("Product",)),
        (of_price(), of_price(provider="paddle"), ("Paid through",)),
    ],
)
def test_a_row_is_of_its_own_field(before: _Write, after: _Write, others: tuple[str, ...]) -> None:
    """What changes in one thing is another one in its rows, and in no others."""
    then, now = rows(before), rows(after)
    assert sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name)) == sorted(others)


def test_a_tax_of_nothing_is_a_known_tax() -> None:
    """As of a sale abroad: it is written, and the words beside it are those of a known one."""
    assert rows(of_note(tax_minor=0))["Tax"] == "0.00 EUR"
    assert not {"Net", "Tax"} & rows(of_note(tax_minor=None)).keys()
    words = [as_text(of_note(tax_minor=tax)(Writer("en", HOUSE))) for tax in (None, 0, 83)]
    assert ["The tax is the share" in one for one in words] == [False, True, True]
