"""POST, DELETE /subscription/cancellation: stop renewals, or resume them. POST /billing-portal-sessions.

The request goes to the provider, whose webhook then reports the change to the ledger.
"""

from collections.abc import Sequence
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from ledger.api.auth import caller
from ledger.api.http import documented_problems, lambda_handler_of, resolver, services
from ledger.api.requests.subscriptions import CancellationRequest, PortalRequest
from ledger.api.responses.subscriptions import CancellationResponse, PortalResponse
from ledger.domain.errors import InvalidRequest, NotFound
from ledger.domain.ids import provider_of
from ledger.domain.recent_requests import LimitedRequest
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.ports.reads import Keys
from ledger.usecases.find_customer import find_customer
from ledger.usecases.limits import count_alone
from ledger.usecases.list_mails import list_cancellation

app = resolver()
THE_ONE, ANY_PROVIDER = CancellationRequest(), PortalRequest()  # the defaults when there is no body
SubscriptionId = Annotated[
    str | None, Query(min_length=1, max_length=200, description="It may be left out when there is only one.")
]


@app.post(
    "/subscription/cancellation",
    summary="Stop renewals",
    tags=["Subscription"],
    responses=documented_problems(CancellationResponse, 404, 502),
)
def cancel_subscription(request: Annotated[CancellationRequest, Body()] = THE_ONE) -> CancellationResponse:
    """Stop renewals at any time. Credits and features stay until the end of the period. Idempotent.

    The response has the subscription as the provider returned it. A receipt is sent by e-mail.
    """
    here = services()
    subscription = _select(request.subscription_id, "body")
    state = here.gateway(_provider(subscription)).stop_renewals(subscription.subscription_id)
    if state.is_stopped:
        ends_at, account_id = state.cancel_at or state.period_end, caller(app).account_id
        list_cancellation(subscription.subscription_id, ends_at, account_id, here.store, here.now())
    return CancellationResponse.of(subscription.in_state(state))


@app.delete(
    "/subscription/cancellation",
    summary="Resume renewals",
    tags=["Subscription"],
    responses=documented_problems(CancellationResponse, 404, 502),
)
def resume_subscription(subscription_id: SubscriptionId = None) -> CancellationResponse:
    """Remove the scheduled end, whoever scheduled it, before the period ends. Idempotent.

    The response has the subscription as the provider returned it.
    """
    subscription = _select(subscription_id, "query")
    state = services().gateway(_provider(subscription)).resume_renewals(subscription.subscription_id)
    return CancellationResponse.of(subscription.in_state(state))


@app.post(
    "/billing-portal-sessions",
    summary="The provider's own billing page",
    tags=["Subscription"],
    status_code=201,
    responses=documented_problems(PortalResponse, 404, 429, 502, status=201),
)
def open_billing_portal(request: Annotated[PortalRequest, Body()] = ANY_PROVIDER) -> Response[PortalResponse]:
    """Open the billing page for invoices and payment methods. The URL is short-lived: redirect at once.

    Every buyer of a pack or a subscription has one. It is that of the subscription first, else of the latest purchase.
    """
    here, account_id = services(), caller(app).account_id
    customer = find_customer(account_id, request.provider, here.store)
    if customer is None:
        where = f" at {request.provider}" if request.provider else ""
        raise NotFound(
            f"There is no billing page{where} that is this account's alone. Your receipts lead to your invoices."
        )
    count_alone(LimitedRequest.BILLING_PORTAL_SESSIONS, account_id, here.store, here.request_limits, here.now())
    url = here.gateway(customer.provider).open_portal(
        customer.customer_id, customer.subscription_ids[:25], return_url=here.config.success_url
    )
    return Response(201, "application/json", PortalResponse(url=url))


def _select(subscription_id: str | None, part: str) -> Subscription:
    """Return the subscription to change. Raise NotFound; raise InvalidRequest if there are several."""
    active = [item for item in _subscriptions() if item.status is not SubscriptionStatus.ENDED]
    if subscription_id:
        active = [item for item in active if item.subscription_id == subscription_id]
    if not active:
        raise NotFound("There is no such active subscription.")
    if len(active) > 1:
        names = ", ".join(sorted(item.subscription_id for item in active))
        raise InvalidRequest("subscription_id", f"There are several. Name one of {names}.", part)
    return active[0]


def _subscriptions() -> Sequence[Subscription]:
    account_id = caller(app).account_id
    account = services().store.read(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
    return list(account.subscriptions.values()) if account else []


def _provider(subscription: Subscription) -> str:
    return provider_of(subscription.subscription_id)


lambda_handler = lambda_handler_of(app)
