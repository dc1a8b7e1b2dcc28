"""Open disputes, and what a bank asks for."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from ledger.api.auth import support
from ledger.api.disputes import disputed_purchases
from ledger.api.http import documented_problems, routes, services
from ledger.api.pagination import Listing
from ledger.api.requests.parameters import AccountPath, PageCursor, PageSize
from ledger.api.responses.disputes import DisputedPurchaseList, OpenDisputePage, OpenDisputeResponse
from ledger.domain.disputes import Awaits
from ledger.domain.ids import AccountId
from ledger.usecases.looks import record_look

router = routes()
WhoseTurn = Annotated[
    Awaits,
    Query(description="Whose turn it is. `evidence`: ours, by the deadline. `bank`: the bank's, the latest first."),
]


@router.get(
    "/support/disputes",
    summary="Open disputes, by the deadline for evidence",
    tags=["Support"],
    responses=documented_problems(OpenDisputePage),
)
def list_open_disputes(
    awaits: WhoseTurn = Awaits.EVIDENCE, limit: PageSize = 50, after: PageCursor = None
) -> OpenDisputePage:
    """Return the disputes and inquiries that wait for our answer, or those that a bank or a seller decides.

    A dispute has one place, with its purchase: that of the purchase's most urgent one. It appears some seconds later.
    """
    support(router, about=None)
    here = services()
    found, following = Listing("support", f"disputes {awaits}").page(
        after, lambda start: here.store.open_disputes(awaits, limit, start)
    )
    shown = [OpenDisputeResponse.of(one, here.now(), is_live=here.config.is_live) for one in found]
    return OpenDisputePage(purchases=shown, next=following)


@router.get(
    "/support/accounts/<account_id>/disputes",
    summary="Disputed purchases, with what a bank asks for",
    tags=["Support"],
    responses=documented_problems(DisputedPurchaseList, 404),
)
def list_disputed_purchases(account_id: AccountPath) -> DisputedPurchaseList:
    """Return order and consent, usage, refunds, cases and mails of each disputed purchase. Open disputes come first."""
    here, person, owner = services(), support(router, about=None), AccountId(account_id)
    record_look(owner, person.account_id, "disputes", here.store, now=here.now())
    return disputed_purchases(owner, here)
