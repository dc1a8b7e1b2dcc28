"""/v1/subscriptions and /v1/billing_portal/sessions"""

from tools.fixtures import stripe_shapes as shapes
from tools.simulators.common.account import Json
from tools.simulators.common.ids import stripe_id
from tools.simulators.stripe.account import StripeAccount
from tools.simulators.stripe.errors import StripeError
from tools.simulators.stripe.parameters import Parameters, require_customer, stored


def get_subscription(account: StripeAccount, params: Parameters, subscription_id: str) -> Json:
    """Return a subscription."""
    params.allow("")
    return stored(account.subscriptions, subscription_id, "subscription")


def update_subscription(account: StripeAccount, params: Parameters, subscription_id: str) -> Json:
    """Schedule or withdraw the end of a subscription, or change its own data."""
    params.allow("cancel_at_period_end cancel_at metadata proration_behavior")
    subscription = stored(account.subscriptions, subscription_id, "subscription")
    is_ending, cancel_at = params.is_true("cancel_at_period_end"), params.values.get("cancel_at")
    if is_ending is not None and cancel_at is not None:
        raise StripeError("You can't set both `cancel_at` and `cancel_at_period_end`.", param="cancel_at")
    if subscription["status"] == "canceled" and (is_ending is not None or cancel_at is not None):
        message = "A canceled subscription can only update its cancellation_details and metadata."
        raise StripeError(message, is_executed=True)
    if cancel_at not in {None, ""}:
        raise StripeError("This simulator only removes `cancel_at`.", param="cancel_at")
    if is_ending is not None:
        account.schedule_end(subscription, is_wanted=is_ending)
    if cancel_at == "":
        account.clear_end(subscription)
    if "metadata" in params.values:
        account.describe(subscription, params.metadata())
    return subscription


def cancel_subscription(account: StripeAccount, params: Parameters, subscription_id: str) -> Json:
    """End a subscription."""
    params.allow("prorate invoice_now cancellation_details")
    subscription = stored(account.subscriptions, subscription_id, "subscription")
    if params.is_true("prorate") or params.is_true("invoice_now"):
        raise StripeError("This simulator ends subscriptions without proration or a last invoice.", param="prorate")
    if subscription["status"] == "canceled":
        raise StripeError(f"No such subscription: '{subscription_id}'", status=404, code="resource_missing", param="id")
    return account.end_now(subscription)


def create_portal_session(account: StripeAccount, params: Parameters) -> Json:
    """Create the links to the pages on which a customer manages subscriptions."""
    params.allow("customer return_url locale configuration")  # customers of the Accounts API v2 have no simulation
    customer, session_id = params.text("customer"), stripe_id("bps_1", 28)
    require_customer(account, customer)
    return {
        **shapes.nulls("after_expiration customer_account flow locale on_behalf_of"),
        "id": session_id,
        "object": "billing_portal.session",
        "configuration": "bpc_1LocalConfiguration0000",
        "created": int(account.clock.now()),
        "customer": customer,
        "livemode": False,
        "return_url": params.optional("return_url"),
        "url": f"{account.url}/_simulator/portal/{session_id}",
    }
