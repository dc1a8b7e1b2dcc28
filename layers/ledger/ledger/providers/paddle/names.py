"""By what a parked notification of Paddle is found. Source: developer.paddle.com/webhooks, the entities' fields."""

from ledger.domain.index_rows import EventNames
from ledger.providers.naming import amounts_in, event_names, pattern_of_ids
from ledger.providers.parsing import Json

_IDS = pattern_of_ids("adj", "ctm", "inv", "sub", "txn")
_AMOUNTS = ("grand_total", "total")


def names_in(content: Json) -> EventNames:
    """Return what a parsed notification is found by. The totals of a transaction are in its `details`."""
    source = content["data"]
    details = source.get("details")
    currency = source.get("currency_code")
    of_details = amounts_in(details.get("totals"), _AMOUNTS, currency) if isinstance(details, dict) else ()
    return event_names(source, _IDS, (*of_details, *amounts_in(source.get("totals"), _AMOUNTS, currency)))
