"""What each line of a payment cost, as it was paid: shares of it are refunded, and credits are taken in proportion."""

import json
from typing import Any

from ledger import catalogue
from ledger.facts import PaymentSettled
from ledger.providers import stripe
from tools.stories import telling


def invoice_with(line: dict[str, Any], **invoice: Any) -> PaymentSettled:
    """A subscription's first payment, with these fields of its line and of itself."""
    content = json.loads(telling("stripe/renewal_failed_01_invoice_paid.json", "").body)
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
