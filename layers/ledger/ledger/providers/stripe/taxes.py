"""Taxes: what Stripe has computed, for the documents of refunds.

None means that nothing is known: without Stripe Tax or a rate, a total of 0 says that none was computed, not that none
was due. What can't be read is not known either, and parks nothing: no credits depend on it.
"""

from collections.abc import Mapping

from ledger.providers.parsing import Json


def tax_of_session(session: Json) -> int | None:
    """Return the tax that a session's total contains, in minor units. None: it is not known.

    Source: `total_details.amount_tax` and `automatic_tax` of docs.stripe.com/api/checkout/sessions/object.
    """
    details = session.get("total_details")
    tax_minor = _whole(details.get("amount_tax")) if isinstance(details, Mapping) else None
    return tax_minor if tax_minor or _is_computed(session) else None


def tax_of_invoice(invoice: Json) -> int | None:
    """Return the tax that an invoice's total contains, in minor units. None: it is not known.

    Source: `total_taxes` of docs.stripe.com/api/invoices/object.
    """
    taxes = invoice.get("total_taxes")
    if not isinstance(taxes, list):
        return None
    amounts = [_whole(tax.get("amount")) if isinstance(tax, Mapping) else None for tax in taxes]
    known = [one for one in amounts if one is not None]
    if len(known) < len(amounts) or (sum(known) == 0 and not _is_computed(invoice)):
        return None
    return sum(known)


def _is_computed(sale: Json) -> bool:
    """Return whether Stripe Tax computed the tax: one of 0 is known then."""
    automatic = sale.get("automatic_tax")
    return isinstance(automatic, Mapping) and automatic.get("status") == "complete"


def _whole(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None
