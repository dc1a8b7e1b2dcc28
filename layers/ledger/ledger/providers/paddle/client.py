"""What we ask of Paddle Billing, through its SDK. Source: developer.paddle.com/api-reference.

Only functions that call Paddle import this module: the SDK takes longer to import than a webhook to answer. Paddle
knows no idempotency keys, so nothing is ever sent twice by itself.
"""

import logging
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from paddle_billing import Client, Environment, Options
from paddle_billing.Entities.Shared import (
    Action,
    AdjustmentType,
    CollectionMode,
    CurrencyCode,
    CustomData,
)
from paddle_billing.Entities.Subscriptions import SubscriptionEffectiveFrom
from paddle_billing.Resources.Adjustments.Operations import CreateAdjustment, CreateAdjustmentItem, ListAdjustments
from paddle_billing.Resources.CustomerPortalSessions.Operations import CreateCustomerPortalSession
from paddle_billing.Resources.Shared.Operations import Pager
from paddle_billing.Resources.Subscriptions.Operations import CancelSubscription, UpdateSubscription
from paddle_billing.Resources.Transactions.Operations import CreateTransaction
from paddle_billing.Resources.Transactions.Operations.Create import TransactionCreateItem
from requests import RequestException, Response

from ledger.domain.catalogue import Product
from ledger.domain.errors import CatalogueError, ConfigurationError, ProviderRefused
from ledger.domain.facts import RefundState
from ledger.domain.orders import Checkout, Order
from ledger.ports.gateway import RefundToSend, SentRefund
from ledger.providers import responses, tags
from ledger.providers.paddle.events import REFUND_STATES

MAX_PORTAL_SUBSCRIPTIONS = 25

_UNREADABLE = (AttributeError, KeyError, TypeError, ValueError)  # what the SDK raises on a body of another shape


class PaddleGateway:
    """Paddle, for one account of ours. In test mode it is the sandbox, a host of its own."""

    def __init__(
        self,
        key: str,
        *,
        is_live: bool,
        base_url: str | None = None,
        timeout_s: tuple[float, float] = responses.TIMEOUT_S,
    ) -> None:
        responses.check_key("paddle", key, is_live=is_live, live=("pdl_live_",), test=("pdl_sdbx_",))
        environment = Environment.PRODUCTION if is_live else Environment.SANDBOX
        self._client = Client(
            key,
            options=Options(SimpleNamespace(base_url=base_url) if base_url else environment),
            logger=logging.Logger("paddle_billing", logging.CRITICAL + 1),  # mute: it would log bodies and messages
            retry_count=0,
            timeout=timeout_s,
        )

    def make_checkout(
        self,
        order: Order,
        product: Product,
        *,
        success_url: str,  # noqa: ARG002 - Paddle's checkout opens on a page of ours, which knows the ways on
        cancel_url: str,  # noqa: ARG002
    ) -> Checkout:
        """A transaction that waits for its customer. The same order again gives another one: keep what you got.

        Were both paid, the order's claim would make the second a duplicate charge.
        """
        prices = product.price_ids.get("paddle", ())
        if not prices:
            raise CatalogueError(f"{product.product_id}: price_ids.paddle is empty; the product is not sold there.")
        ours = {"account_id": order.account_id, "order_id": order.order_id, "product_id": product.product_id}
        operation = CreateTransaction(
            items=[TransactionCreateItem(prices[0], 1)],
            custom_data=CustomData(ours),
            currency_code=CurrencyCode(order.currency),
            collection_mode=CollectionMode.Automatic,
        )
        with _asking():
            transaction = self._client.transactions.create(operation)
            checkout_id, url = transaction.id, transaction.checkout and transaction.checkout.url
        if not url:
            raise ConfigurationError(
                "Paddle gave no checkout URL: set a default payment link in its checkout settings."
            )
        return Checkout(checkout_id=checkout_id, url=url)

    def find_refund(self, refund: RefundToSend) -> SentRefund | None:
        """Looks through the transaction's refunds for the tag at the end of their reasons."""
        operation = ListAdjustments(transaction_ids=[_transaction(refund)], action=Action.Refund, pager=Pager())
        with _asking():
            for adjustment in self._client.adjustments.list(operation):
                if tags.tag_in(adjustment.reason) == refund.tag:
                    return _sent(adjustment)
        return None

    def send_refund(self, refund: RefundToSend) -> SentRefund:
        """A full adjustment for what is whole, else a partial one, line by line, tax included as Paddle assumes."""
        words = "Duplicate charge." if refund.is_duplicate_charge else "Requested by the customer."
        reason, transaction_id = tags.to_reason(refund.tag, words), _transaction(refund)
        if refund.is_whole:
            operation = CreateAdjustment.full(Action.Refund, reason, transaction_id)
        else:
            operation = CreateAdjustment.partial(Action.Refund, _items(refund), reason, transaction_id)
        with _asking():
            return _sent(self._client.adjustments.create(operation))

    def stop_renewals(self, subscription_id: str) -> datetime | None:
        """Cancels at the next billing date. Paddle refuses to do so twice: then the first time counts."""
        bare, at_the_end = _bare(subscription_id), CancelSubscription(SubscriptionEffectiveFrom.NextBillingPeriod)
        try:
            with _asking():
                return _end(self._client.subscriptions.cancel(bare, at_the_end))
        except ProviderRefused:
            with _asking():
                subscription = self._client.subscriptions.get(bare)
                scheduled = subscription.scheduled_change
                if scheduled and scheduled.action == "cancel":
                    return _end(subscription)
            raise

    def resume_renewals(self, subscription_id: str) -> None:
        """Takes back what is scheduled. Null is all that may be written there."""
        with _asking():
            self._client.subscriptions.update(_bare(subscription_id), UpdateSubscription(scheduled_change=None))

    def open_portal(
        self,
        customer_id: str,
        subscription_ids: Collection[str],
        *,
        return_url: str,  # noqa: ARG002 - Paddle's page opens beside ours and leads nowhere
    ) -> str:
        """The overview in the customer portal, signed in already."""
        shown = [_bare(subscription_id) for subscription_id in subscription_ids][:MAX_PORTAL_SUBSCRIPTIONS]
        operation = CreateCustomerPortalSession(shown) if shown else CreateCustomerPortalSession()
        with _asking():
            session = self._client.customer_portal_sessions.create(_bare(customer_id), operation)
            return responses.text(session.urls.general.overview)


@contextmanager
def _asking() -> Iterator[None]:
    """Everything that the SDK raises, in our words. Its own errors are cut off: they carry bodies and messages."""
    try:
        yield
    except (RequestException, *_UNREADABLE) as error:
        response = _response(error)
        if response is None:
            raise responses.unreadable("paddle", error) from None
        said, meta = _said(response)
        raise responses.problem("paddle", response.status_code, said.get("code"), meta.get("request_id")) from None


def _response(error: Exception) -> Response | None:
    """The refusal behind an error.

    The SDK stumbles over error bodies that lack a field (`documentation_url`), or whose Retry-After is a date. It does
    so while it handles the refusal, so the refusal is the error's context.
    """
    refusal = error if isinstance(error, RequestException) else error.__context__
    response = refusal.response if isinstance(refusal, RequestException) else None
    return response if response is not None and response.status_code >= 400 else None


def _said(response: Response) -> tuple[dict[str, Any], dict[str, Any]]:
    """An error body's two parts, as far as it has them."""
    try:
        body = response.json()
    except ValueError:
        body = None
    parts = [body.get(name) if isinstance(body, dict) else None for name in ("error", "meta")]
    said, meta = (part if isinstance(part, dict) else {} for part in parts)
    return said, meta


def _transaction(refund: RefundToSend) -> str:
    found = sorted(_bare(name) for name in refund.names if name.startswith("paddle:txn_"))
    if not found:
        raise ProviderRefused("not_found", "Paddle can't refund it: none of its names is a transaction.")
    return found[0]


def _items(refund: RefundToSend) -> list[Any]:
    """The lines to refund, each once. Paddle has no refund of a sum: without lines that make it up, it is none."""
    sums: Counter[str] = Counter()
    for item in refund.items:
        sums[item.line_id] += item.amount_minor
    lines = [(line_id, amount_minor) for line_id, amount_minor in sums.items() if amount_minor > 0]
    if not lines or sum(amount_minor for _, amount_minor in lines) != refund.amount_minor:
        raise ProviderRefused(
            "adjustment_transaction_item_invalid", "Paddle refunds lines: those named don't make up the amount."
        )
    return [CreateAdjustmentItem(line_id, AdjustmentType.Partial, str(amount_minor)) for line_id, amount_minor in lines]


def _sent(adjustment: Any) -> SentRefund:
    """A state that we don't know yet is under way: the refund is made, and its notifications say how it ends."""
    state = REFUND_STATES.get(adjustment.status.value, RefundState.PENDING)
    return SentRefund(refund_id=responses.text(adjustment.id), state=state)


def _end(subscription: Any) -> datetime | None:
    """When it ends, if the answer says so."""
    scheduled, period = subscription.scheduled_change, subscription.current_billing_period
    end = scheduled.effective_at if scheduled and scheduled.action == "cancel" else period and period.ends_at
    return end.astimezone(UTC) if end else None


def _bare(name: str) -> str:
    return name.removeprefix("paddle:")
