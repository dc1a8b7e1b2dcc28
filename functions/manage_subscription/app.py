"""POST, DELETE /subscription/cancellation: stop renewals, or let them go on. POST /billing-portal-sessions.

The provider is asked; its webhook then says so to the ledger. Access and credits stay to the end of the period.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from ledger.api.auth import caller
from ledger.api.http import documented_problems, lambda_handler_of, resolver, services
from ledger.api.requests import CancellationRequest, PortalRequest
from ledger.api.responses.subscriptions import CancellationResponse, PortalResponse, SubscriptionResponse
from ledger.domain.errors import InvalidRequest, NotFound
from ledger.domain.ids import provider_of
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.ports.reads import Keys

app = resolver()
THE_ONE, ANY_PROVIDER = CancellationRequest(), PortalRequest()  # what is meant when there is no body
SubscriptionId = Annotated[
    str | None, Query(min_length=1, max_length=200, description="It may be left out when there is one.")
]


@app.post(
    "/subscription/cancellation",
    summary="Stop renewals",
    tags=["Subscription"],
    responses=documented_problems(CancellationResponse, 404, 502),
)
def cancel(asked: Annotated[CancellationRequest, Body()] = THE_ONE) -> CancellationResponse:
    """At any time. Credits and features stay until the end of the period. Asking again changes nothing."""
    subscription = _chosen(asked.subscription_id, "body")
    end = services().gateway(_provider(subscription)).stop_renewals(subscription.subscription_id)
    ends_at = end or subscription.cancel_at or subscription.period_end
    return CancellationResponse(
        subscription=_shown(subscription, ends_at),
        words="No further renewal will be charged. Your credits and features stay until the end of the period.",
    )


@app.delete(
    "/subscription/cancellation",
    summary="Let renewals go on",
    tags=["Subscription"],
    responses=documented_problems(CancellationResponse, 404, 502),
)
def resume(subscription_id: SubscriptionId = None) -> CancellationResponse:
    """Before the period ends. Asking again changes nothing."""
    subscription = _chosen(subscription_id, "query")
    services().gateway(_provider(subscription)).resume_renewals(subscription.subscription_id)
    return CancellationResponse(subscription=_shown(subscription, None), words="The subscription renews again.")


@app.post(
    "/billing-portal-sessions",
    summary="The provider's own billing page",
    tags=["Subscription"],
    status_code=201,
    responses=documented_problems(PortalResponse, 404, 502, status=201),
)
def open_portal(asked: Annotated[PortalRequest, Body()] = ANY_PROVIDER) -> Response[PortalResponse]:
    """For invoices and payment methods. The address is short-lived: send the customer there at once."""
    known = [item for item in _subscriptions() if item.customer_id]
    known = [item for item in known if asked.provider in {None, _provider(item)}]
    if not known:
        raise NotFound("There is no subscription whose billing page could be opened.")
    newest = max(known, key=lambda item: (item.status is not SubscriptionStatus.ENDED, item.at))
    ids = [item.subscription_id for item in known if item.customer_id == newest.customer_id]
    here = services()
    url = here.gateway(_provider(newest)).open_portal(
        newest.customer_id or "", ids[:25], return_url=here.config.success_url
    )
    return Response(201, "application/json", PortalResponse(url=url))


def _chosen(subscription_id: str | None, part: str) -> Subscription:
    """The subscription that is meant. Raises NotFound; Invalid where there are several."""
    going = [item for item in _subscriptions() if item.status is not SubscriptionStatus.ENDED]
    if subscription_id:
        going = [item for item in going if item.subscription_id == subscription_id]
    if not going:
        raise NotFound("There is no such subscription that is going on.")
    if len(going) > 1:
        names = ", ".join(sorted(item.subscription_id for item in going))
        raise InvalidRequest("subscription_id", f"There are several: name one of {names}.", part)
    return going[0]


def _subscriptions() -> Sequence[Subscription]:
    account_id = caller(app).account_id
    account = services().store.read(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
    return list(account.subscriptions.values()) if account else []


def _provider(subscription: Subscription) -> str:
    return provider_of(subscription.subscription_id)


def _shown(subscription: Subscription, cancel_at: datetime | None) -> SubscriptionResponse:
    shown = SubscriptionResponse.of(subscription)
    renews_at = None if cancel_at else subscription.period_end
    return shown.model_copy(update={"cancel_at": cancel_at, "renews_at": renews_at})


lambda_handler = lambda_handler_of(app)
