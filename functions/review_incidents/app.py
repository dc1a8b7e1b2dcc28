"""Make incidents good: the runs that failed between two times, and replacement credits for all of them, once.

For the support group only. Beginning an incident is an act like an adjustment: its reason is recorded with its actor,
and above one person's limits it becomes a proposal. A job books the accounts.

GET /support/failed-runs · GET, POST /support/incidents · GET /support/incidents/{incident_id}
"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from ledger.api.auth import support
from ledger.api.http import documented_problems, lambda_handler_of, resolver, services
from ledger.api.pagination import Listing
from ledger.api.requests.incidents import IncidentRequestBody
from ledger.api.requests.model import Time
from ledger.api.requests.parameters import IdempotencyKey, PageCursor, PageSize
from ledger.api.responses.incidents import (
    AccountFailuresResponse,
    FailedRunsPage,
    IncidentAccountsPage,
    IncidentPage,
    IncidentResponse,
    IncidentShareResponse,
)
from ledger.domain.incidents import Incident
from ledger.ports.documents import incident_key
from ledger.ports.reads import Keys
from ledger.usecases.authority import Authority
from ledger.usecases.incidents.begin import IncidentRequest, begin_incident, read_incident
from ledger.usecases.incidents.find_runs import cases_beside, preview

app = resolver()
Since = Annotated[Time, Query(description="The first failure that counts.", examples=["2026-11-01T12:00:00Z"])]
Until = Annotated[Time, Query(description="The last one: at most seven days later.", examples=["2026-11-01T13:00:00Z"])]
IncidentPath = Annotated[
    str,
    Path(
        pattern=r"^inc_[0-9a-f]{24}$",
        description="The incident's id.",
        examples=["inc_0123456789abcdef01234567"],
    ),
]


@app.get(
    "/support/failed-runs",
    summary="The runs that failed between two times, by account",
    tags=["Support"],
    responses=documented_problems(FailedRunsPage),
)
def list_failed_runs(since: Since, until: Until, limit: PageSize = 50, after: PageCursor = None) -> FailedRunsPage:
    """Return what an incident about this time would replace now: figures, and the accounts with most to replace first.

    An account that has a technical problem open, or got credits by a case since, is shown with these cases.

    A run that has just failed is found some seconds later. At most 10,000 runs are looked at: `cut_at` says so.
    """
    here, person = services(), support(app, about=None)
    listing = Listing("support", f"runs that failed from {since.isoformat()} to {until.isoformat()}")
    name, number = listing.opened(after)
    found = preview(since, until, frozenset({person.account_id}), here.store, now=here.now())
    behind = [one for one in found.accounts if name is None or one.place > (-number, name)]
    last = behind[limit - 1] if len(behind) > limit else None
    return FailedRunsPage(
        runs=found.runs,
        credits=found.credits,
        replaced_runs=found.replaced_runs,
        to_give=found.to_give,
        accounts_to_give=found.accounts_to_give,
        accounts_in_all=len(found.accounts),
        cut_at=found.cut_at,
        accounts=[
            AccountFailuresResponse.of(one, cases_beside(one.account_id, since, here.store)) for one in behind[:limit]
        ],
        next=listing.close(last.account_id, last.replaceable) if last else None,
    )


@app.post(
    "/support/incidents",
    summary="Replace the credits of all runs that failed between two times",
    tags=["Support"],
    status_code=201,
    responses=documented_problems(IncidentResponse, 409, status=201, headers={"location": "The incident."}),
)
def begin_an_incident(request: IncidentRequestBody, idempotency_key: IdempotencyKey) -> Response[IncidentResponse]:
    """Begin to give each account, once, as many credits as its failed runs had cost. No more than the sum is given.

    Above your limits a colleague has to confirm it. Accounts that are suspended, or that belong to who began or
    confirmed it, are left out.
    """
    here, person = services(), support(app, about=None)
    wanted = IncidentRequest(
        since=request.since,
        until=request.until,
        credits=request.credits,
        reason=request.why,
        actor=person.account_id,
        key=idempotency_key,
    )
    incident = begin_incident(wanted, here.store, Authority(limits=here.policy.support_limits), now=here.now())
    location = f"/support/incidents/{incident.incident_id}"
    return Response(201, "application/json", IncidentResponse.of(incident), {"location": location})


@app.get(
    "/support/incidents",
    summary="Incidents, newest first",
    tags=["Support"],
    responses=documented_problems(IncidentPage),
)
def list_incidents(limit: PageSize = 50, after: PageCursor = None) -> IncidentPage:
    """Return the incidents that were begun, each as far as it is."""
    support(app, about=None)
    store, listing = services().store, Listing("support", "incidents")
    listed, following = listing.page(after, lambda start: store.incidents(limit, start))
    names = [incident_key(one.incident_id) for one in listed]
    stored = store.read(Keys(documents=frozenset(names)))
    found = [incident for name in names if (incident := stored.document(name, Incident))]
    return IncidentPage(incidents=[IncidentResponse.of(one) for one in found], next=following)


@app.get(
    "/support/incidents/<incident_id>",
    summary="An incident, with what its accounts got",
    tags=["Support"],
    responses=documented_problems(IncidentAccountsPage, 404),
)
def read_an_incident(incident_id: IncidentPath, limit: PageSize = 50, after: PageCursor = None) -> IncidentAccountsPage:
    """Return how far an incident is, and a page of its accounts, by their ids: what each got, or why it got nothing."""
    support(app, about=None)
    store, listing = services().store, Listing("support", f"accounts of {incident_id}")
    incident = read_incident(incident_id, store)
    shares, following = listing.page(after, lambda start: store.incident_shares(incident_id, limit, start))
    return IncidentAccountsPage(
        incident=IncidentResponse.of(incident),
        accounts=[IncidentShareResponse.of(one) for one in shares],
        next=following,
    )


lambda_handler = lambda_handler_of(app)
