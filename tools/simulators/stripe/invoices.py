"""Invoices of subscriptions, and the links to their payments."""

from tools.fixtures import stripe_shapes as shapes
from tools.simulators.common.account import Json
from tools.simulators.common.clock import DAY_S
from tools.simulators.common.ids import stripe_id
from tools.simulators.stripe.cart import CartLine
from tools.simulators.stripe.charges import Charges
from tools.simulators.stripe.objects import HOME, period_of


class Invoices(Charges):
    """The invoices of an account."""

    def bill(self, subscription: Json, reason: str, lines: tuple[CartLine, ...], who: str) -> Json:
        """Create an open invoice for the current period of a subscription."""
        now, invoice_id, cart = self.now(), stripe_id("in_1"), self.carts[subscription["id"]]
        item = subscription["items"]["data"][0]
        invoice_lines = []
        for line in lines:
            recurs = line.recurs
            invoice_lines.append(
                shapes.invoice_line(
                    stripe_id("il_1"),
                    invoice_id,
                    subscription["id"],
                    line.price_id,
                    line.amount_minor,
                    period_of(subscription) if recurs else (now, now),
                    item=item["id"] if recurs else None,
                    metadata=subscription["metadata"] if recurs else {},
                    quantity=line.quantity,
                    tax=self.tax_on(line.amount_minor) if cart.is_taxed else 0,
                    description=line.title,
                    currency=cart.currency,
                )
            )
        created = shapes.invoice(
            invoice_id,
            reason,
            now,
            invoice_lines,
            who=who,
            customer=subscription["customer"],
            subscription_id=subscription["id"],
            metadata=subscription["metadata"],
            currency=cart.currency,
            status="open",
            auto_advance=True,
        )
        created["customer_address"]["country"] = HOME
        created["customer_tax_ids"] = cart.entered_tax_ids
        created.update(amount_paid=0, amount_remaining=created["amount_due"], next_payment_attempt=now + 3 * DAY_S)
        created["status_transitions"]["paid_at"] = None
        self.invoices[invoice_id] = created
        return created

    def prorate(self, invoice: Json, credited: Json) -> None:
        """Prorate an invoice of the old and the new plan: credit half a period of the old, charge half of the new.

        `credited` is the invoice that the old one was paid by.
        """
        old = invoice["lines"]["data"][0]["parent"]["subscription_item_details"]["proration_details"]
        paid_lines = [line["id"] for line in credited["lines"]["data"] if line["amount"] > 0]
        old["credited_items"] = {"invoice": credited["id"], "invoice_line_items": paid_lines}
        for line, sign in zip(invoice["lines"]["data"], (-1, 1), strict=True):
            line["amount"] = line["subtotal"] = sign * line["amount"] // 2
            line["taxes"] = shapes.taxes(self.tax_on(line["amount"]) if line["taxes"] else 0, line["amount"])
            line["parent"]["subscription_item_details"]["proration"] = True
        invoice["parent"]["subscription_details"]["subscription_proration_date"] = invoice["created"]
        subtotal = sum(line["amount"] for line in invoice["lines"]["data"])
        tax = sum(entry["amount"] for line in invoice["lines"]["data"] for entry in line["taxes"])
        invoice.update(dict.fromkeys(("subtotal", "subtotal_excluding_tax", "total_excluding_tax"), subtotal))
        invoice.update(dict.fromkeys(("amount_due", "amount_remaining"), max(0, subtotal + tax)))
        invoice.update(total=subtotal + tax, total_taxes=shapes.taxes(tax, subtotal))

    def pay_invoice(self, invoice: Json, *, first_minor: int = 0) -> None:
        """Charge the card for an invoice. Only the invoice payment names the PaymentIntent.

        With `first_minor`, two PaymentIntents pay it: the first one so much, the other one the rest.
        """
        paid_minor = invoice["amount_due"]
        invoice.update(
            status="paid", amount_paid=paid_minor, amount_remaining=0, auto_advance=False, next_payment_attempt=None
        )
        invoice["status_transitions"]["paid_at"] = self.now()
        amounts = (first_minor, paid_minor - first_minor) if first_minor else (paid_minor,)
        links = [self._pay_part(invoice, amount_minor) for amount_minor in amounts]
        self.emit("invoice.paid", invoice)
        for link in links:
            self.emit("invoice_payment.paid", link)

    def _pay_part(self, invoice: Json, amount_minor: int) -> Json:
        """Charge the card for a part of an invoice, and return the invoice payment."""
        now, intent, link_id = self.now(), stripe_id("pi_3"), stripe_id("inpay_1", 28)
        who, currency = self.customers[invoice["customer"]], invoice["currency"]
        self.charge(intent, who, invoice["customer"], {}, amount_minor, currency)
        link = shapes.invoice_payment(link_id, invoice["id"], intent, amount_minor, now) | {"currency": currency}
        self.invoice_payments[link_id] = link
        return link
