"""Find an account by whatever a customer or a bank names. For the support group only.

GET /support/search
"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from ledger.api import validation_messages
from ledger.api.auth import support
from ledger.api.http import documented_problems, lambda_handler_of, resolver, services
from ledger.api.pagination import Listing
from ledger.api.requests import Day, PageCursor, PageSize
from ledger.api.responses.find import FoundResponse, SearchPage
from ledger.domain.errors import InvalidRequest
from ledger.usecases.find_records import Searched, find_payments, find_records

app = resolver()
SearchText = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=254,
        description="An e-mail address, an account, an order, a refund case, an invoice's number, or a provider's id "
        "of a payment, charge, checkout, customer, subscription, refund or dispute, with or without the provider's "
        "name.",
        examples=["INV-0001"],
    ),
]
PaidOn = Annotated[
    Day | None, Query(description="Instead of `q`: the day of a payment (UTC).", examples=["2026-11-01"])
]
PaidAmount = Annotated[
    int | None, Query(ge=0, le=100_000_000_000, description="With `paid_on`: the amount in minor units.")
]
PaidCurrency = Annotated[
    str | None,
    Query(pattern=validation_messages.CURRENCY, description="With `paid_on`: the amount's currency.", examples=["EUR"]),
]


@app.get(
    "/support/search",
    summary="Find an account by an id, an address, a number, or a payment's day and amount",
    tags=["Support"],
    responses=documented_problems(SearchPage),
)
def find_accounts(
    q: SearchText = None,
    paid_on: PaidOn = None,
    amount_minor: PaidAmount = None,
    currency: PaidCurrency = None,
    limit: PageSize = 50,
    after: PageCursor = None,
) -> SearchPage:
    """Return what was found, with the account of each and where to look further. Empty: nothing was found.

    What is written now is found by its own id at once. By an address, an invoice's number, the id of a refund or
    dispute, or an amount it is found some seconds later.
    """
    support(app)
    here, paid = services(), (paid_on, amount_minor, currency)
    if q is not None:
        if any(one is not None for one in paid):
            raise InvalidRequest("q", "Send either `q`, or `paid_on`, `amount_minor` and `currency`.", "query")
        found = find_records(q, Searched(here.store, here.providers, lambda: here.address_key))
        return SearchPage(results=[FoundResponse.of(one) for one in found], next=None)
    if paid_on is None or amount_minor is None or currency is None:
        raise InvalidRequest("q", "Send either `q`, or `paid_on`, `amount_minor` and `currency`.", "query")
    listing = Listing("support", f"payments of {amount_minor} {currency} on {paid_on}")
    start, _ = listing.opened(after)
    page = find_payments(paid_on, amount_minor, currency, here.store, limit=limit, after=start)
    return SearchPage(results=[FoundResponse.of(one) for one in page.items], next=listing.close(page.next))


lambda_handler = lambda_handler_of(app)
