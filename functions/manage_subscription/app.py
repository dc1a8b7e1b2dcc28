"""POST, DELETE /subscription/cancellation: stop renewals, or let them go on. POST /billing-portal-sessions.

The provider is asked; its webhook then says so to the ledger. Access and credits stay to the end of the period.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from ledger.api.answers import CancellationShown, PortalShown, SubscriptionShown
from ledger.api.asked import CancellationAsked, PortalAsked
from ledger.api.http import answers, caller, lambda_handler_of, resolver, services
from ledger.errors import Invalid, NotFound
from ledger.ports import Keys
from ledger.subscriptions import Subscription, SubscriptionStatus

app = resolver()
SubscriptionId = Annotated[
    str | None, Query(min_length=1, max_length=200, description="It may be left out when there is one.")
]


@app.post(
    "/subscription/cancellation",
    summary="Stop renewals",
    tags=["Subscription"],
    responses=answers(CancellationShown, 404, 502),
)
def cancel(asked: CancellationAsked) -> CancellationShown:
    """At any time. Credits and features stay until the end of the period. Asking again changes nothing."""
    subscription = _chosen(asked.subscription_id)
    end = services().gateway(_provider(subscription)).stop_renewals(subscription.subscription_id)
    ends_at = end or subscription.cancel_at or subscription.period_end
    return CancellationShown(
        subscription=_shown(subscription, ends_at),
        words="No further renewal will be charged. Your credits and features stay until the end of the period.",
    )


@app.delete(
    "/subscription/cancellation",
    summary="Let renewals go on",
    tags=["Subscription"],
    responses=answers(CancellationShown, 404, 502),
)
def resume(subscription_id: SubscriptionId = None) -> CancellationShown:
    """Before the period ends. Asking again changes nothing."""
    subscription = _chosen(subscription_id)
    services().gateway(_provider(subscription)).resume_renewals(subscription.subscription_id)
    return CancellationShown(subscription=_shown(subscription, None), words="The subscription renews again.")


@app.post(
    "/billing-portal-sessions",
    summary="The provider's own billing page",
    tags=["Subscription"],
    status_code=201,
    responses=answers(PortalShown, 404, 502, status=201),
)
def open_portal(asked: PortalAsked) -> Response[PortalShown]:
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
    return Response(201, "application/json", PortalShown(url=url))


def _chosen(subscription_id: str | None) -> Subscription:
    """The subscription that is meant. Raises NotFound; Invalid where there are several."""
    going = [item for item in _subscriptions() if item.status is not SubscriptionStatus.ENDED]
    if subscription_id:
        going = [item for item in going if item.subscription_id == subscription_id]
    if not going:
        raise NotFound("There is no such subscription that is going on.")
    if len(going) > 1:
        names = ", ".join(sorted(item.subscription_id for item in going))
        raise Invalid("subscription_id", f"There are several: name one of {names}.")
    return going[0]


def _subscriptions() -> Sequence[Subscription]:
    account_id = caller(app).account_id
    account = services().store.read(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
    return list(account.subscriptions.values()) if account else []


def _provider(subscription: Subscription) -> str:
    return subscription.subscription_id.partition(":")[0]


def _shown(subscription: Subscription, cancel_at: datetime | None) -> SubscriptionShown:
    shown = SubscriptionShown.of(subscription)
    renews_at = None if cancel_at else subscription.period_end
    return shown.model_copy(update={"cancel_at": cancel_at, "renews_at": renews_at})


lambda_handler = lambda_handler_of(app)
