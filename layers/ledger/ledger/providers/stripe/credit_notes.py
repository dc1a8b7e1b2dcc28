"""Credit notes: money of a paid invoice that went back by another way than a refund.

Source: docs.stripe.com/api/credit_notes/object, docs.stripe.com/invoicing/integration/programmatic-credit-notes.
"""

from ledger.domain.facts import BalanceCredited, RefundedItem
from ledger.domain.refunds import share_of_items
from ledger.providers.parsing import Json, amount, currency, objects, optional_text, text, unix_time
from ledger.providers.stripe.invoice_lines import with_tax_and_discount
from ledger.providers.stripe.notification import StripeNotification
from ledger.providers.translation import EventFields, known_state

_IS_VOID = {"issued": False, "void": True}


def credit_note_changed(notification: StripeNotification) -> EventFields:
    """Translate `credit_note.*`: what it gave back to the customer's balance, or outside of Stripe.

    What it gave back by refunds is left out: each of them has its own events. So is what it took off the invoice before
    the invoice was paid: that was never paid. Source: the CreditNote's `post_payment_amount`, `refunds` and `status`.
    """
    note = notification.source
    is_void = known_state(_IS_VOID, text(note, "status"), "credit note status")
    refunds = [refund for refund in objects(note, "refunds") if refund.get("type") != "payment_record_refund"]
    elsewhere_minor = amount(note, "post_payment_amount") - sum(amount(one, "amount_refunded") for one in refunds)
    names = (notification.payment_id(text(note, "invoice")),)
    if elsewhere_minor <= 0:
        return {"names": names}
    fact = BalanceCredited(
        credit_id=text(note, "id"),
        amount_minor=elsewhere_minor,
        currency=currency(note, "currency"),
        created_at=unix_time(note["created"]),
        at=notification.at,
        cause=notification.cause,
        is_reversed=is_void,
        items=_items(note, elsewhere_minor),
    )
    return {"names": names, "facts": (fact,)}


def _items(note: Json, amount_minor: int) -> tuple[RefundedItem, ...]:
    """Return the part of an amount that is of each line of the invoice, by what the note credits of it.

    What a line of the note's own credits is of no line. Neither is anything, if the event does not show all lines.
    Source: docs.stripe.com/api/credit_notes/line_item.
    """
    lines: Json = note.get("lines") or {"data": []}
    if lines.get("has_more"):
        return ()
    credited = [
        (optional_text(line, "invoice_line_item"), with_tax_and_discount(line)) for line in objects(lines, "data")
    ]
    items = tuple(RefundedItem(line_id=line_id, amount_minor=minor) for line_id, minor in credited if line_id)
    return share_of_items(items, amount_minor, sum(minor for _, minor in credited))
