"""/subscriptions and /customers/{id}/portal-sessions"""

import uuid

from tools.simulators.common.account import Json
from tools.simulators.common.clock import stamp
from tools.simulators.common.ids import paddle_id
from tools.simulators.paddle.account import PaddleAccount
from tools.simulators.paddle.errors import PaddleError, invalid
from tools.simulators.paddle.parameters import Parameters, require_customer, stored


def get_subscription(account: PaddleAccount, params: Parameters, subscription_id: str) -> Json:
    """Return a subscription."""
    if params.query:
        raise invalid(("include", "this simulator includes nothing"))
    return _with_management_urls(account, stored(account.subscriptions, subscription_id))


def cancel_subscription(account: PaddleAccount, params: Parameters, subscription_id: str) -> Json:
    """End a subscription."""
    params.allow("effective_from")
    subscription = stored(account.subscriptions, subscription_id)
    when = params.body.get("effective_from") or "next_billing_period"
    if when not in {"next_billing_period", "immediately"}:
        raise invalid(("effective_from", "must be next_billing_period or immediately"))
    if subscription["status"] == "canceled":
        detail = "action can't be performed on canceled subscription"
        raise PaddleError("subscription_is_canceled_action_invalid", detail, group="subscriptions")
    if when == "immediately":
        account.end_now(subscription)
    elif subscription["scheduled_change"]:
        detail = "cannot update subscription, pending scheduled changes"
        raise PaddleError("subscription_locked_pending_changes", detail, group="subscriptions")
    else:
        account.schedule_end(subscription, is_wanted=True)
    return _with_management_urls(account, subscription)


def update_subscription(account: PaddleAccount, params: Parameters, subscription_id: str) -> Json:
    """Schedule or withdraw the end of a subscription, or change its own data."""
    params.allow("scheduled_change custom_data")
    subscription = stored(account.subscriptions, subscription_id)
    if subscription["status"] == "canceled":
        detail = "cannot update subscription, as subscription is canceled"
        raise PaddleError("subscription_update_when_canceled", detail, group="subscriptions")
    if params.body.get("scheduled_change") is not None:
        raise invalid(("scheduled_change", "only null is allowed, which removes the change"))
    if "custom_data" in params.body:
        account.describe(subscription, params.body["custom_data"])
    if "scheduled_change" in params.body:
        account.schedule_end(subscription, is_wanted=False)
    return _with_management_urls(account, subscription)


def _with_management_urls(account: PaddleAccount, subscription: Json) -> Json:
    """Return a subscription with its management links, which notifications do not have."""
    pages = f"{account.url}/_simulator/portal/{subscription['id']}"
    links = {"update_payment_method": f"{pages}/card", "cancel": f"{pages}/cancel", "view_subscription": pages}
    return subscription | {"management_urls": links}


def create_portal_session(account: PaddleAccount, params: Parameters, customer_id: str) -> Json:
    """Create the links to the pages on which a customer manages subscriptions."""
    params.allow("subscription_ids")
    require_customer(account, customer_id)
    requested = params.body.get("subscription_ids") or []
    if len(requested) > 25:
        raise invalid(("subscription_ids", "at most 25"))
    for subscription_id in requested:
        if stored(account.subscriptions, subscription_id)["customer_id"] != customer_id:
            raise invalid(("subscription_ids", f"{subscription_id} is another customer's"))
    session_id, token = paddle_id("cpls"), uuid.uuid4().hex
    pages = f"{account.url}/_simulator/portal/{session_id}"
    return {
        "id": session_id,
        "customer_id": customer_id,
        "urls": {
            "general": {"overview": f"{pages}?token={token}"},
            "subscriptions": [
                {
                    "id": subscription_id,
                    "cancel_subscription": f"{pages}/{subscription_id}/cancel?token={token}",
                    "update_subscription_payment_method": f"{pages}/{subscription_id}/card?token={token}",
                    "view_subscription": f"{pages}/{subscription_id}?token={token}",
                }
                for subscription_id in requested
            ],
        },
        "created_at": stamp(account.clock.now()),
    }
