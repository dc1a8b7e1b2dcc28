"""By what a parked notification of Stripe is found. Source: docs.stripe.com/api, the fields of each object."""

from ledger.domain.index_rows import EventNames
from ledger.providers.naming import amounts_in, event_names, pattern_of_ids
from ledger.providers.parsing import Json

_IDS = pattern_of_ids("ch", "cn", "cs", "cus", "dp", "du", "in", "inpay", "pi", "py", "pyr", "re", "sub")
_AMOUNTS = ("amount_paid", "amount_total", "total", "amount", "amount_refunded")


def names_in(content: Json) -> EventNames:
    """Return what a parsed notification is found by. What the buyer's bank shows may be in the currency shown to him.

    Source: `presentment_details` of docs.stripe.com/api/charges/object.
    """
    source = content["data"]["object"]
    shown = source.get("presentment_details")
    own = amounts_in(source, _AMOUNTS, source.get("currency"))
    in_currency = shown.get("presentment_currency") if isinstance(shown, dict) else None
    others = amounts_in(shown, ("presentment_amount",), in_currency)
    return event_names(source, _IDS, (*own, *others))
