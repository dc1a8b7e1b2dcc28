"""Parked events: what they are, what would release them, and another try. For the support group only.

GET /support/parked · GET /support/parked/{parked_id}
POST /support/parked/{parked_id}/replay · …/attribution · …/dismissal
GET, POST /support/parked/{parked_id}/mute · GET /support/mutes · POST /support/mutes/{mute_id}/end
"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from ledger.api.auth import support
from ledger.api.http import documented_problems, lambda_handler_of, resolver, services
from ledger.api.pagination import Listing
from ledger.api.providers import EXAMPLE_PARKED_ID
from ledger.api.requests.parameters import DECODED, IdempotencyKey, PageCursor, PageSize
from ledger.api.requests.parked import AttributionRequest, DismissalRequest, MuteRequest, ReplayRequest
from ledger.api.responses.parked import (
    CountedMuteResponse,
    MuteList,
    MutePreviewResponse,
    MuteResponse,
    ParkedEventResponse,
    ParkedPage,
    ParkedResponse,
    ReplayResponse,
)
from ledger.domain.errors import NotFound
from ledger.domain.ids import AccountId
from ledger.domain.subjects import subject_of_event
from ledger.usecases.attribute_parked import (
    Attribution,
    Replay,
    attribute_parked,
    dismiss_parked,
    read_receipt,
    replay_parked,
)
from ledger.usecases.authority import Authority
from ledger.usecases.looks import record_look, record_look_at
from ledger.usecases.mute_parked import end_mute, list_mutes, mute_kind, preview_mute
from ledger.usecases.parked_events import list_parked
from ledger.usecases.subject_history import subject_history

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
AreMuted = Annotated[bool, Query(description="Those of muted kinds, which need no attention.")]
MutePath = Annotated[
    str,
    Path(pattern=r"^mute_[0-9a-f]{24}$", description="The mute's id.", examples=["mute_0123456789abcdef01234567"]),
]
_POSITION = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z#\S+ \S+"


@app.get(
    "/support/parked",
    summary="Parked events, oldest first",
    tags=["Support"],
    responses=documented_problems(ParkedPage),
)
def list_parked_events(are_muted: AreMuted = False, limit: PageSize = 50, after: PageCursor = None) -> ParkedPage:
    """Return the events that could not be booked as they came, with what would release each.

    Those of muted kinds are in a list of their own.
    """
    support(app, about=None)
    store = services().store
    listing = Listing("support", "muted events" if are_muted else "parked events", _POSITION)
    found, following = listing.page(after, lambda start: list_parked(limit, start, store, are_muted=are_muted))
    return ParkedPage(parked=[ParkedResponse.of(one) for one in found], next=following)


@app.get(
    "/support/parked/<parked_id>",
    summary="A parked event, with what the provider sent and who did what about it",
    tags=["Support"],
    responses=documented_problems(ParkedEventResponse, 404),
)
def read_parked_event(parked_id: ParkedPath) -> ParkedEventResponse:
    """Return a parked event. Once it is booked or dismissed: what became of it.

    The look is recorded with its actor, also on the timeline of the account once it is known.
    """
    here, person = services(), support(app, about=None)
    receipt, now = read_receipt(_name(parked_id), here.store), here.now()
    subject_id = subject_of_event(receipt.name)
    record_look_at(subject_id, person.account_id, "event", here.store, now=now)
    if owner := receipt.account_id:
        record_look(owner, person.account_id, f"event {receipt.cause}", here.store, now=now)
    return ParkedEventResponse.of(receipt, subject_history(subject_id, here.store))


@app.post(
    "/support/parked/<parked_id>/replay",
    summary="Try again to book a parked event",
    tags=["Support"],
    responses=documented_problems(ReplayResponse, 404),
)
def replay_parked_event(
    parked_id: ParkedPath, request: ReplayRequest, idempotency_key: IdempotencyKey
) -> ReplayResponse:
    """Record the event again, with the catalogue and the facts of now. If it can't be booked it stays as it is.

    The try is recorded with your name and your reason. The same request under the same key is one try.
    """
    here, person = services(), support(app, about=None)
    replay = Replay(name=_name(parked_id), actor=person.account_id, reason=request.why, key=idempotency_key)
    result = replay_parked(replay, here.store, here.translate_parked, now=here.now())
    named = {"event": parked_id, "outcome": result.outcome, "actor": person.account_id}
    here.logger.info("replayed", extra=named)
    return ReplayResponse.of(parked_id, result)


@app.post(
    "/support/parked/<parked_id>/attribution",
    summary="Say whose a parked event is",
    tags=["Support"],
    responses=documented_problems(ReplayResponse, 404, 409),
)
def attribute_parked_event(parked_id: ParkedPath, request: AttributionRequest) -> ReplayResponse:
    """Book the event for this account, as after a late link. What names an order of another account stays parked.

    Idempotent. What it pays counts as moved by you. Never for your own account.
    """
    here, person = services(), support(app, about=request.account_id)
    attribution = Attribution(
        name=_name(parked_id),
        account_id=AccountId(request.account_id),
        actor=person.account_id,
        reason=request.why,
    )
    alone = Authority(limits=here.policy.support_limits)
    result = attribute_parked(attribution, here.store, here.translate_parked, alone, now=here.now())
    return ReplayResponse.of(parked_id, result)


@app.post(
    "/support/parked/<parked_id>/dismissal",
    summary="Dismiss a parked event",
    tags=["Support"],
    responses=documented_problems(ReplayResponse, 404),
)
def dismiss_parked_event(parked_id: ParkedPath, request: DismissalRequest) -> ReplayResponse:
    """Note that the event is none of ours: it books nothing, and is never tried again. Idempotent.

    Its receipt says who dismissed it and why, and so does its history.
    """
    here, person = services(), support(app, about=None)
    dismissed = dismiss_parked(_name(parked_id), person.account_id, request.why, here.store, now=here.now())
    return ReplayResponse.of(parked_id, dismissed)


@app.get(
    "/support/parked/<parked_id>/mute",
    summary="What muting the kind of a parked event would do",
    tags=["Support"],
    responses=documented_problems(MutePreviewResponse, 404),
)
def preview_muting(parked_id: ParkedPath) -> MutePreviewResponse:
    """Return how many events are parked of the same provider, type, reason and detail, or why they can't be muted."""
    here = services()
    support(app, about=None)
    return MutePreviewResponse.of(preview_mute(_name(parked_id), here.store, here.translate_parked))


@app.post(
    "/support/parked/<parked_id>/mute",
    summary="Mute the kind of a parked event",
    tags=["Support"],
    responses=documented_problems(MuteResponse, 404, 409),
)
def mute_kind_of_event(parked_id: ParkedPath, request: MuteRequest) -> MuteResponse:
    """Say that events of this provider, type, reason and exact detail need no attention. Idempotent.

    Also those that come later. They stay parked, and each deployment tries them again. What names an order, an account
    or a price of ours is never muted.
    """
    here, person = services(), support(app, about=None)
    muted = mute_kind(
        _name(parked_id), person.account_id, request.why, here.store, here.translate_parked, now=here.now()
    )
    return MuteResponse.of(muted)


@app.get(
    "/support/mutes",
    summary="The muted kinds of parked events",
    tags=["Support"],
    responses=documented_problems(MuteList),
)
def list_muted_kinds() -> MuteList:
    """Return each kind with who muted it, when and why, and how many of its events are parked."""
    support(app, about=None)
    mutes, is_cut = list_mutes(services().store)
    return MuteList(mutes=[CountedMuteResponse.counted(one) for one in mutes], is_cut=is_cut)


@app.post(
    "/support/mutes/<mute_id>/end",
    summary="End a mute",
    tags=["Support"],
    responses=documented_problems(MuteResponse, 404),
)
def end_muting(mute_id: MutePath, request: MuteRequest) -> MuteResponse:
    """Bring the events of a muted kind back to the list of those that need a person. Idempotent.

    At most 500 are moved at once, the others within the hour.
    """
    here, person = services(), support(app, about=None)
    ended = end_mute(mute_id, person.account_id, request.why, here.store, here.translate_parked, now=here.now())
    return MuteResponse.of(ended)


def _name(parked_id: str) -> tuple[str, str]:
    """Return the name of the receipt that an id is of. Raise NotFound if it is none."""
    owner, _, event_id = parked_id.rpartition("~")
    if not owner or not event_id:
        raise NotFound("There is no such parked event.")
    return owner, event_id


lambda_handler = lambda_handler_of(app)
