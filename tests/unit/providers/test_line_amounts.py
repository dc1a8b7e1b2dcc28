"""What each line of a payment cost, as it was paid: shares of it are refunded, and credits are taken in proportion."""

import json
from typing import Any

from ledger.domain import catalogue
from ledger.domain.facts import PaymentSettled
from ledger.domain.receipts import ParkReason
from ledger.providers.stripe import events as stripe
from tools.stories import read_notification


def invoice_with(line: dict[str, Any], **invoice: Any) -> PaymentSettled:
    """A subscription's first payment, with these fields of its line and of itself."""
    content = json.loads(read_notification("stripe/renewal_failed_01_invoice_paid.json", "").body)
    content["data"]["object"] |= invoice
    content["data"]["object"]["lines"]["data"][0] |= line
    event = stripe.translate(content, catalogue.load(), is_live=False)
    assert event is not None
    assert event.payment is not None, event.detail
    return event.payment


def test_an_invoices_line_cost_what_discounts_and_taxes_left_of_its_amount() -> None:
    """Stripe tells a line's amount before both. Were it believed, half the credits unused of a subscription at half
    its price would be worth all that was paid.
    """
    discounted = {"discount_amounts": [{"amount": 750, "discount": "di_1"}], "discounts": ["di_1"]}
    taxed = {"taxes": [{"amount": 75, "tax_behavior": "exclusive"}, {"amount": 50, "tax_behavior": "inclusive"}]}
    payment = invoice_with(discounted | taxed, subtotal=1500, total=825, amount_paid=825)
    assert (payment.paid_minor, [line.amount_minor for line in payment.lines]) == (825, [825])
    payment = invoice_with({"discount_amounts": None, "taxes": None})
    assert [line.amount_minor for line in payment.lines] == [1500]


def test_money_that_moved_to_the_balance_unexplained_waits_for_a_person() -> None:
    """Whoever pays by it later would be granted twice for once."""
    content = json.loads(read_notification("stripe/renewal_failed_01_invoice_paid.json", "").body)
    content["data"]["object"] |= {"total": -500, "subtotal": -500, "amount_paid": 0}
    event = stripe.translate(content, catalogue.load(), is_live=False)
    assert event is not None
    assert event.parked is ParkReason.UNKNOWN_ORIGIN


def test_why_an_event_is_parked_says_nothing_of_its_content() -> None:
    """The detail is logged: an object where an id should be may hold a person's address."""
    content = json.loads(read_notification("stripe/renewal_failed_01_invoice_paid.json", "").body)
    expanded = {"object": "subscription", "email": "finn@example.com"}
    content["data"]["object"]["parent"]["subscription_details"]["subscription"] = expanded
    event = stripe.translate(content, catalogue.load(), is_live=False)
    assert event is not None
    assert event.parked is ParkReason.UNKNOWN_SHAPE
    assert (event.detail, "finn" in event.detail) == (
        "ValueError: subscription is of type dict, not a usable text",
        False,
    )
