"""Requests to Paddle Billing's API, through its SDK. Source: developer.paddle.com/api-reference.

Only functions that call Paddle import this module: importing the SDK takes longer than a webhook's whole invocation.
Paddle has no idempotency keys, so no request is retried automatically.
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
    Duration,
    Interval,
    TransactionStatus,
)
from paddle_billing.Entities.Subscriptions import SubscriptionEffectiveFrom
from paddle_billing.Resources.Adjustments.Operations import CreateAdjustment, CreateAdjustmentItem, ListAdjustments
from paddle_billing.Resources.CustomerPortalSessions.Operations import CreateCustomerPortalSession
from paddle_billing.Resources.Shared.Operations import Pager
from paddle_billing.Resources.Subscriptions.Operations import CancelSubscription, UpdateSubscription
from paddle_billing.Resources.Transactions.Operations import CreateTransaction, UpdateTransaction
from paddle_billing.Resources.Transactions.Operations.Create import TransactionCreateItem
from paddle_billing.Resources.Transactions.Operations.Update import UpdateBillingDetails
from requests import RequestException, Response

from ledger.domain.catalogue import Product
from ledger.domain.errors import CatalogueError, ConfigurationError, ProviderRefused, ProviderUnavailable
from ledger.domain.facts import RefundState
from ledger.domain.orders import Checkout, Order
from ledger.domain.subscriptions import SubscriptionState, SubscriptionStatus
from ledger.ports.gateway import PaidSource, RefundToSend, SentRefund
from ledger.providers import responses, tags
from ledger.providers.paddle.adjustments import REFUND_STATES
from ledger.providers.paddle.notification import NAME
from ledger.providers.paddle.subscriptions import STATUSES, scheduled_state
from ledger.providers.translation import carried

MAX_PORTAL_SUBSCRIPTIONS = 25

_CANCEL = UpdateTransaction(status=TransactionStatus.Canceled)
_WITHOUT_CHECKOUT = UpdateTransaction(
    collection_mode=CollectionMode.Manual,
    billing_details=UpdateBillingDetails(payment_terms=Duration(Interval.Day, 1), enable_checkout=False),
)

_PAYABLE = {"draft", "ready"}

_ERRORS = responses.ApiErrors(provider=NAME, title="Paddle")
_UNREADABLE = (AttributeError, KeyError, TypeError, ValueError)  # what the SDK raises for a body of another shape
_PREFIX = f"{NAME}:"


class PaddleGateway:
    """The gateway to one Paddle account: see `ledger.ports.gateway.Gateway`. Test mode is the sandbox's host."""

    def __init__(
        self,
        key: str,
        *,
        is_live: bool,
        base_url: str | None = None,
        timeout_s: tuple[float, float] = responses.TIMEOUT_S,
    ) -> None:
        _ERRORS.check_key(key, is_live=is_live, live=("pdl_live_",), test=("pdl_sdbx_",))
        environment = Environment.PRODUCTION if is_live else Environment.SANDBOX
        self._client = Client(
            key,
            options=Options(SimpleNamespace(base_url=base_url) if base_url else environment),
            logger=logging.Logger("paddle_billing", logging.CRITICAL + 1),  # off: it would log bodies and messages
            retry_count=0,
            timeout=timeout_s,
        )

    def make_checkout(
        self,
        order: Order,
        product: Product,
        *,
        success_url: str,  # noqa: ARG002 - Paddle's checkout opens on a page of ours, which has these links
        cancel_url: str,  # noqa: ARG002
    ) -> Checkout:
        """Create a transaction for the customer to pay. The same order creates another one, so store the first.

        If both were paid, the second payment of the order would be a duplicate charge. Source:
        developer.paddle.com/api-reference/transactions/create-transaction.
        """
        prices = product.price_ids.get(NAME, ())
        if not prices:
            raise CatalogueError(f"{product.product_id}: price_ids.{NAME} is empty; the product is not sold there.")
        ours = carried(order)
        operation = CreateTransaction(
            items=[TransactionCreateItem(prices[0], 1)],
            custom_data=CustomData({**ours}),
            currency_code=CurrencyCode(order.currency),
            collection_mode=CollectionMode.Automatic,
        )
        with _translated_errors():
            transaction = self._client.transactions.create(operation)
            checkout_id, url = transaction.id, transaction.checkout and transaction.checkout.url
        if not url:
            raise ConfigurationError(
                "Paddle returned no checkout URL: set a default payment link in its checkout settings."
            )
        return Checkout(checkout_id=checkout_id, url=url)

    def expire_checkout(self, checkout_id: str) -> bool:
        """Cancel a transaction that the customer has not paid. Paddle cancels a `ready` one, and never a `draft`.

        A transaction is a draft until the customer has filled in the checkout. What can't be canceled is collected by
        an invoice from now on, which is never issued: without `enable_checkout` no checkout takes a payment of it.
        While a payment is processed Paddle refuses every change. After each refusal the status is read: it may be paid
        since the last look. Raise ProviderRefused if it refuses for another reason: the checkout stays open. Source:
        developer.paddle.com/errors/transactions/transaction_invalid_status_change,
        developer.paddle.com/errors/transactions/transaction_immutable_while_processing_payment,
        developer.paddle.com/build/transactions/change-collection-mode-transaction.
        """
        try:
            self._update_transaction(checkout_id, _CANCEL)
        except ProviderRefused as refusal:
            if refusal.code == "not_found":
                return True
            status = self._transaction_status(checkout_id)
            if status not in _PAYABLE:
                return status == "canceled"
            try:
                self._update_transaction(checkout_id, _WITHOUT_CHECKOUT)
            except ProviderRefused as again:
                if again.code == "transaction_immutable_while_processing_payment":
                    raise ProviderUnavailable("A payment of this checkout is being processed.") from None
                status = self._transaction_status(checkout_id)
                if status in _PAYABLE:
                    raise
                return status == "canceled"
        return True

    def _transaction_status(self, transaction_id: str) -> str:
        with _translated_errors():
            return responses.required_text(self._client.transactions.get(transaction_id).status.value)

    def _update_transaction(self, transaction_id: str, operation: UpdateTransaction) -> None:
        with _translated_errors():
            self._client.transactions.update(transaction_id, operation)

    def find_refunds(self, refund: RefundToSend) -> tuple[SentRefund, ...]:
        """Return the refund of the transaction whose reason ends with the tag.

        Source: developer.paddle.com/api-reference/adjustments/list-adjustments.
        """
        operation = ListAdjustments(transaction_ids=[_transaction_id(refund)], action=Action.Refund, pager=Pager())
        with _translated_errors():
            for adjustment in self._client.adjustments.list(operation):
                if tags.tag_in(adjustment.reason) == refund.tag:
                    return (_sent_refund(adjustment, refund),)
        return ()

    def sources(self, refund: RefundToSend) -> tuple[PaidSource, ...]:  # noqa: ARG002 - one transaction pays for one
        """Return nothing: a transaction is one payment."""
        return ()

    def send_refund(self, refund: RefundToSend) -> SentRefund:
        """Create a full adjustment for a whole payment, else a partial one by line, tax included.

        Source: developer.paddle.com/api-reference/adjustments/create-adjustment.
        """
        words = "Duplicate charge." if refund.is_duplicate_charge else "Requested by the customer."
        reason, transaction_id = tags.to_reason(refund.tag, words), _transaction_id(refund)
        if refund.is_whole:
            operation = CreateAdjustment.full(Action.Refund, reason, transaction_id)
        else:
            operation = CreateAdjustment.partial(Action.Refund, _items(refund), reason, transaction_id)
        with _translated_errors():
            return _sent_refund(self._client.adjustments.create(operation), refund)

    def stop_renewals(self, subscription_id: str) -> SubscriptionState:
        """Cancel at the next billing date. Paddle refuses if any change is scheduled: then look at which.

        A scheduled cancellation is what was requested. A scheduled pause or resumption is removed, because it would
        keep the subscription from ending. After each refusal its state is read: it may have ended since the last look.
        Source: developer.paddle.com/api-reference/subscriptions/cancel-subscription.
        """
        own_id = _own_id(subscription_id)
        try:
            with _translated_errors():
                return self._cancel(own_id)
        except ProviderRefused:
            state, scheduled = self._scheduled(own_id)
            if _ends(state, scheduled):
                return state
            if scheduled is None:
                raise
        try:
            with _translated_errors():
                self._client.subscriptions.update(own_id, UpdateSubscription(scheduled_change=None))
                return self._cancel(own_id)
        except ProviderRefused:
            state, scheduled = self._scheduled(own_id)
            if _ends(state, scheduled):
                return state
            raise

    def resume_renewals(self, subscription_id: str) -> SubscriptionState:
        """Remove a scheduled cancellation. Paddle schedules one change at a time: if it is a pause, it stays.

        Source: developer.paddle.com/api-reference/subscriptions/update-subscription.
        """
        own_id = _own_id(subscription_id)
        with _translated_errors():
            subscription = self._client.subscriptions.get(own_id)
            scheduled = subscription.scheduled_change
            if scheduled and scheduled.action == "cancel":
                subscription = self._client.subscriptions.update(own_id, UpdateSubscription(scheduled_change=None))
            return _subscription_state(subscription)

    def _scheduled(self, own_id: str) -> tuple[SubscriptionState, str | None]:
        """Return the state of a subscription, and the action that is scheduled. None: no action is."""
        with _translated_errors():
            subscription = self._client.subscriptions.get(own_id)
            scheduled = subscription.scheduled_change
            return _subscription_state(subscription), scheduled.action.value if scheduled else None

    def _cancel(self, own_id: str) -> SubscriptionState:
        operation = CancelSubscription(SubscriptionEffectiveFrom.NextBillingPeriod)
        return _subscription_state(self._client.subscriptions.cancel(own_id, operation))

    def open_portal(
        self,
        customer_id: str,
        subscription_ids: Collection[str],
        *,
        return_url: str,  # noqa: ARG002 - Paddle's portal has no link back
    ) -> str:
        """Create a portal session, and return the address of its overview, which signs the customer in.

        Source: developer.paddle.com/api-reference/customer-portals/create-customer-portal-session.
        """
        own_ids = [_own_id(subscription_id) for subscription_id in subscription_ids][:MAX_PORTAL_SUBSCRIPTIONS]
        operation = CreateCustomerPortalSession(own_ids) if own_ids else CreateCustomerPortalSession()
        with _translated_errors():
            session = self._client.customer_portal_sessions.create(_own_id(customer_id), operation)
            return responses.required_text(session.urls.general.overview)


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Translate what the SDK raises to the errors of the gateway port.

    The SDK's errors are not chained: they contain bodies and messages. Source:
    developer.paddle.com/api-reference/about/errors.
    """
    try:
        yield
    except (RequestException, *_UNREADABLE) as error:
        response = _error_response(error)
        if response is None:
            raise _ERRORS.unreadable(error) from None
        details, meta = _error_parts(response)
        raise _ERRORS.of_response(response.status_code, details.get("code"), meta.get("request_id")) from None


def _error_response(error: Exception) -> Response | None:
    """Return the HTTP response of 400 or above that led to an error. None if there was none.

    The SDK fails on error bodies without `documentation_url`, and on a Retry-After that is a date. It fails while it
    handles the response's own exception, which is therefore the error's context.
    """
    cause = error if isinstance(error, RequestException) else error.__context__
    response = cause.response if isinstance(cause, RequestException) else None
    return response if response is not None and response.status_code >= 400 else None


def _error_parts(response: Response) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the objects `error` and `meta` of an error body, each empty if the body lacks it."""
    try:
        body = response.json()
    except ValueError:
        body = None
    parts = [body.get(name) if isinstance(body, dict) else None for name in ("error", "meta")]
    details, meta = (part if isinstance(part, dict) else {} for part in parts)
    return details, meta


def _transaction_id(refund: RefundToSend) -> str:
    own_ids = sorted(_own_id(name) for name in refund.names if name.startswith(f"{_PREFIX}txn_"))
    if not own_ids:
        raise ProviderRefused("not_found", "Paddle can't refund it: none of its names is a transaction.")
    return own_ids[0]


def _items(refund: RefundToSend) -> list[Any]:
    """Return the lines to refund, each once. Raise ProviderRefused if they don't add up: Paddle refunds only lines."""
    sums: Counter[str] = Counter()
    for item in refund.items:
        sums[item.line_id] += item.amount_minor
    lines = [(line_id, amount_minor) for line_id, amount_minor in sums.items() if amount_minor > 0]
    if not lines or sum(amount_minor for _, amount_minor in lines) != refund.amount_minor:
        raise ProviderRefused(
            "adjustment_transaction_item_invalid", "Paddle refunds lines, and these don't add up to the amount."
        )
    return [CreateAdjustmentItem(line_id, AdjustmentType.Partial, str(amount_minor)) for line_id, amount_minor in lines]


def _sent_refund(adjustment: Any, refund: RefundToSend) -> SentRefund:
    """Return the refund. An unknown status counts as pending: the refund exists, and its notifications will follow."""
    state = REFUND_STATES.get(adjustment.status.value, RefundState.PENDING)
    refund_id = responses.required_text(adjustment.id)
    return SentRefund(refund_id=refund_id, state=state, tag=refund.tag, amount_minor=refund.amount_minor)


def _subscription_state(subscription: Any) -> SubscriptionState:
    """Return the state of the SDK's Subscription."""
    scheduled, period = subscription.scheduled_change, subscription.current_billing_period
    status = STATUSES.get(subscription.status.value)
    return scheduled_state(
        status,
        period_end=_in_utc(period and period.ends_at),
        action=scheduled.action.value if scheduled else None,
        effective_at=_in_utc(scheduled and scheduled.effective_at),
        resume_at=_in_utc(scheduled and scheduled.resume_at),
        canceled_at=_in_utc(subscription.canceled_at),
        paused_at=_in_utc(subscription.paused_at),
    )


def _ends(state: SubscriptionState, scheduled: str | None) -> bool:
    return state.status is SubscriptionStatus.ENDED or scheduled == "cancel"


def _in_utc(at: datetime | None) -> datetime | None:
    return at.astimezone(UTC) if at else None


def _own_id(name: str) -> str:
    return name.removeprefix(_PREFIX)
