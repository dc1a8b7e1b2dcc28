"""Parked events: what they are, what would release them, and another try. For the support group only.

GET /support/parked · GET /support/parked/{parked_id} · POST /support/parked/{parked_id}/replay
"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from ledger.api.auth import support
from ledger.api.http import documented_problems, lambda_handler_of, resolver, services
from ledger.api.pagination import Listing
from ledger.api.providers import EXAMPLE_PARKED_ID
from ledger.api.requests import DECODED, PageCursor, PageSize
from ledger.api.responses.parked import ParkedEventResponse, ParkedPage, ParkedResponse, ReplayResponse
from ledger.usecases.parked_events import list_parked, read_parked
from ledger.usecases.record_event import release_parked

app = resolver()
ParkedPath = Annotated[
    str,
    DECODED,
    Path(
        min_length=1,
        max_length=600,
        description="The parked event's id.",
        examples=[EXAMPLE_PARKED_ID],
    ),
]
_POSITION = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z#\S+ \S+"


@app.get(
    "/support/parked",
    summary="Parked events, oldest first",
    tags=["Support"],
    responses=documented_problems(ParkedPage),
)
def list_parked_events(limit: PageSize = 50, after: PageCursor = None) -> ParkedPage:
    """Return the events that could not be booked as they came, with what would release each."""
    support(app)
    listing = Listing("support", "parked events", _POSITION)
    start, _ = listing.opened(after)
    page = list_parked(limit, start, services().store)
    return ParkedPage(parked=[ParkedResponse.of(one) for one in page.items], next=listing.close(page.next))


@app.get(
    "/support/parked/<parked_id>",
    summary="A parked event, with what the provider sent",
    tags=["Support"],
    responses=documented_problems(ParkedEventResponse, 404),
)
def read_parked_event(parked_id: ParkedPath) -> ParkedEventResponse:
    """Return a parked event. Once it is released it is not found here any more."""
    support(app)
    return ParkedEventResponse.of(read_parked(parked_id, services().store))


@app.post(
    "/support/parked/<parked_id>/replay",
    summary="Try again to book a parked event",
    tags=["Support"],
    responses=documented_problems(ReplayResponse, 404),
)
def replay_parked_event(parked_id: ParkedPath) -> ReplayResponse:
    """Record the event again, with the catalogue and the facts of now. If it can't be booked it stays as it is."""
    here, person = services(), support(app)
    receipt = read_parked(parked_id, here.store)
    result = release_parked(receipt, here.translate_parked, here.store, here.now())
    named = {"event": receipt.correlation_id, "outcome": result.outcome, "actor": person.account_id}
    here.logger.info("replayed", extra=named)
    return ReplayResponse.of(parked_id, result)


lambda_handler = lambda_handler_of(app)
