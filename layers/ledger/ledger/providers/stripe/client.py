"""Requests to Stripe's API, through its SDK. Source: docs.stripe.com/api, at the version below.

Only functions that call Stripe import this module: importing the SDK takes longer than a webhook's whole invocation.
"""

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

import stripe

from ledger.domain.catalogue import Product, ProductKind
from ledger.domain.errors import CatalogueError, ProviderRefused
from ledger.domain.facts import RefundState
from ledger.domain.ids import PaymentId, approval_tag
from ledger.domain.orders import Checkout, Order
from ledger.domain.subscriptions import SubscriptionState, SubscriptionStatus
from ledger.ports.gateway import PaidSource, RefundToSend, SentRefund
from ledger.providers import responses, tags
from ledger.providers.stripe.notification import NAME
from ledger.providers.stripe.refunds import REFUND_STATES
from ledger.providers.stripe.subscriptions import state_of
from ledger.providers.translation import carried

if TYPE_CHECKING:
    from stripe.params.checkout import SessionCreateParams

API_VERSION = "2026-10-28.endive"  # pinned: an upgrade of the SDK must not change the responses

_ERRORS = responses.ApiErrors(provider=NAME, title="Stripe")
_UNREADABLE = (AttributeError, KeyError, TypeError, ValueError)  # what the SDK raises for a body of another shape
_PREFIX = f"{NAME}:"


class StripeGateway:
    """The gateway to one Stripe account: see `ledger.ports.gateway.Gateway`."""

    def __init__(
        self,
        key: str,
        *,
        is_live: bool,
        base_url: str | None = None,
        timeout_s: tuple[float, float] = responses.TIMEOUT_S,
    ) -> None:
        _ERRORS.check_key(key, is_live=is_live, live=("sk_live_", "rk_live_"), test=("sk_test_", "rk_test_"))
        # The SDK would log bodies and Stripe's messages, and write a telemetry file to the home folder.
        logging.getLogger(stripe.__name__).setLevel(logging.WARNING)
        stripe.enable_telemetry = False
        self._client = stripe.StripeClient(
            key,
            stripe_version=API_VERSION,
            base_addresses={"api": base_url.rstrip("/")} if base_url else None,
            http_client=stripe.RequestsClient(timeout=timeout_s),
            max_network_retries=1,  # under the same idempotency key
        )

    def make_checkout(self, order: Order, product: Product, *, success_url: str, cancel_url: str) -> Checkout:
        """Create a Checkout Session. The same order creates another one, so store the first.

        Only the SDK's own retry has the same idempotency key. Under a key of the order, Stripe would repeat its first
        response for 24 hours: also that of a session which has been expired meanwhile, and its own failure. Source:
        docs.stripe.com/api/idempotent_requests.

        Stripe does not copy a session's metadata, so it is also set on the PaymentIntent or subscription, which later
        events name. Source: docs.stripe.com/api/checkout/sessions/create, docs.stripe.com/metadata.
        """
        prices = product.price_ids.get(NAME, ())
        if not prices:
            raise CatalogueError(f"{product.product_id}: price_ids.{NAME} is empty; the product is not sold there.")
        ours = carried(order)
        params: SessionCreateParams = {
            "line_items": [{"price": prices[0], "quantity": 1}],
            "currency": order.currency.lower(),
            "metadata": {**ours},
            "success_url": success_url,
            "cancel_url": cancel_url,
        }
        if product.takes_discount_codes:
            params["allow_promotion_codes"] = True
        if product.kind is ProductKind.SUBSCRIPTION:
            params |= {"mode": "subscription", "subscription_data": {"metadata": {**ours}}}
        else:
            params |= {
                "mode": "payment",
                "payment_intent_data": {"metadata": {**ours}},
                "customer_creation": "always",  # a guest has no billing portal
            }
        with _translated_errors():
            session = self._client.v1.checkout.sessions.create(params)
            return Checkout(checkout_id=responses.required_text(session.id), url=responses.required_text(session.url))

    def expire_checkout(self, checkout_id: str) -> bool:
        """Expire an open Checkout Session. Stripe refuses for any other status: then look at which.

        Source: docs.stripe.com/api/checkout/sessions/expire.
        """
        try:
            with _translated_errors():
                self._client.v1.checkout.sessions.expire(checkout_id)
                return True
        except ProviderRefused as refusal:
            if refusal.code == "resource_missing":
                return True
            with _translated_errors():
                status = self._client.v1.checkout.sessions.retrieve(checkout_id).status
            if status == "open":
                raise
        return status == "expired"

    def find_refunds(self, refund: RefundToSend) -> tuple[SentRefund, ...]:
        """Return the refund with this tag, or its parts, from the payments that have one of these names.

        All are searched until the refund is found: fewer names may have been known when it was sent. Of parts, there
        may be more in any of them. Source: docs.stripe.com/api/refunds/list.
        """
        with _translated_errors():
            found: dict[str, SentRefund] = {}
            searched: set[str] = set()
            paid = (payment.source for payment in self._payments_of(_in_order(refund.names, "in_")))
            for target in chain(_in_order(refund.names, "pi_", "ch_", "py_"), paid):
                if target in searched:
                    continue
                searched.add(target)
                for one in self._refunds_of(target):
                    if _tag(one) == refund.tag:
                        return (_sent_refund(one),)
                    if approval_tag(_tag(one)) == refund.tag:
                        found[one.id] = _sent_refund(one)
            return tuple(found.values())

    def sources(self, refund: RefundToSend) -> tuple[PaidSource, ...]:
        """Return the payments of an invoice that was paid by several, with what is left of each.

        A PaymentIntent may have paid other invoices too: then no more is left for this one than the intent has left.
        Source: docs.stripe.com/api/invoice-payment/list.
        """
        with _translated_errors():
            paid_minor: Counter[str] = Counter()
            for payment in self._payments_of(_in_order(refund.names, "in_")):
                paid_minor[payment.source] += payment.left_minor
            if len(paid_minor) < 2:
                return ()
            return tuple(
                PaidSource(source=source, left_minor=max(0, min(paid_minor[source], self._left_of(source))))
                for source in sorted(paid_minor)
            )

    def send_refund(self, refund: RefundToSend) -> SentRefund:
        """Refund the source if one is named, else the PaymentIntent, the charge, or what paid the invoice.

        The tag is also the idempotency key. Stripe forgets keys after 24 hours; the metadata stays. Source:
        docs.stripe.com/api/refunds/create, docs.stripe.com/api/idempotent_requests.
        """
        with _translated_errors():
            paid = (payment.source for payment in self._payments_of(_in_order(refund.names, "in_")))
            target = refund.source or next(iter(_in_order(refund.names, "pi_", "ch_", "py_")), None) or next(paid, None)
            if target is None:
                raise ProviderRefused(
                    "resource_missing", "Stripe can't refund it: none of its names is a payment at Stripe."
                )
            params: Any = {
                **_parameter(target),
                "amount": refund.amount_minor,
                # Never `fraudulent`: Stripe would add the card and the e-mail address to a block list.
                "reason": "duplicate" if refund.is_duplicate_charge else "requested_by_customer",
                "metadata": {tags.METADATA_KEY: refund.tag},
            }
            return _sent_refund(self._client.v1.refunds.create(params, {"idempotency_key": f"refund:{refund.tag}"}))

    def stop_renewals(self, subscription_id: str) -> SubscriptionState:
        """Set `cancel_at_period_end`, unless the subscription has ended or ends by then.

        After a refusal its state is read again: it may have ended since the first look. Source:
        docs.stripe.com/billing/subscriptions/cancel.
        """
        own_id = _own_id(subscription_id)
        state = self._subscription(own_id)
        if state.is_stopped:
            return state
        try:
            with _translated_errors():
                return _subscription_state(self._client.v1.subscriptions.update(own_id, {"cancel_at_period_end": True}))
        except ProviderRefused:
            state = self._subscription(own_id)
            if state.is_stopped:
                return state
            raise

    def resume_renewals(self, subscription_id: str) -> SubscriptionState:
        """Clear `cancel_at_period_end`, then `cancel_at`, whichever is set.

        The portal sets `cancel_at` of a flexible subscription, and only `cancel_at` clears it. Stripe refuses both in
        one request. Source: docs.stripe.com/api/subscriptions/update,
        docs.stripe.com/billing/subscriptions/billing-mode/compare.
        """
        own_id = _own_id(subscription_id)
        with _translated_errors():
            subscription = self._client.v1.subscriptions.retrieve(own_id)
            if _subscription_state(subscription).status is not SubscriptionStatus.ENDED:
                if subscription.cancel_at_period_end:
                    subscription = self._client.v1.subscriptions.update(own_id, {"cancel_at_period_end": False})
                if subscription.cancel_at:
                    subscription = self._client.v1.subscriptions.update(own_id, {"cancel_at": ""})
            return _subscription_state(subscription)

    def open_portal(
        self,
        customer_id: str,
        subscription_ids: Collection[str],  # noqa: ARG002 - Stripe's page shows all of the customer's
        *,
        return_url: str,
    ) -> str:
        """Create a portal session. Source: docs.stripe.com/api/customer_portal/sessions/create."""
        with _translated_errors():
            own_id = _own_id(customer_id)
            # A customer of the Accounts API v2 is named by its account.
            customer = {"customer_account" if own_id.startswith("acct_") else "customer": own_id}
            params: Any = {**customer, "return_url": return_url}
            session = self._client.v1.billing_portal.sessions.create(params)
            return responses.required_text(session.url)

    def _subscription(self, own_id: str) -> SubscriptionState:
        with _translated_errors():
            return _subscription_state(self._client.v1.subscriptions.retrieve(own_id))

    def _refunds_of(self, target: str) -> Iterator[stripe.Refund]:
        params: Any = {**_parameter(target), "limit": 100}
        yield from self._client.v1.refunds.list(params).auto_paging_iter()

    def _payments_of(self, invoices: Iterable[str]) -> Iterator[PaidSource]:
        """Yield what paid these invoices, and how much. An invoice itself names neither PaymentIntent nor charge.

        What was paid outside Stripe (a `payment_record`) can't be refunded there.
        """
        for invoice in invoices:
            yield from self._paid({"invoice": invoice})

    def _paid(self, of: Any) -> Iterator[PaidSource]:
        params: Any = {**of, "status": "paid", "limit": 100}
        listed = self._client.v1.invoice_payments.list(params)
        for item in listed.auto_paging_iter():
            target = getattr(item.payment, "payment_intent", None) or getattr(item.payment, "charge", None)
            if isinstance(target, str):
                yield PaidSource(source=target, left_minor=item.amount_paid or 0)

    def _left_of(self, source: str) -> int:
        """Return what a payment has left: what it paid, for all invoices, less its refunds that have not failed."""
        kind = "payment_intent" if source.startswith("pi_") else "charge"
        paid = sum(one.left_minor for one in self._paid({"payment": {"type": kind, kind: source}}))
        refunds = (one for one in self._refunds_of(source) if one.status not in {"failed", "canceled"})
        return paid - sum(one.amount for one in refunds)


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Translate what the SDK raises to the errors of the gateway port.

    The SDK's errors are not chained: they contain bodies and messages. Source: docs.stripe.com/api/errors.
    """
    try:
        yield
    except stripe.StripeError as error:
        body = error.json_body
        details = body.get("error") if isinstance(body, dict) else None
        if error.http_status is None or not isinstance(details, dict):
            raise _ERRORS.unreadable(error) from None
        code = details.get("code") or details.get("type")
        raise _ERRORS.of_response(error.http_status, code, error.request_id) from None
    except _UNREADABLE as error:
        raise _ERRORS.unreadable(error) from None


def _in_order(names: Collection[PaymentId], *prefixes: str) -> list[str]:
    """Return Stripe's own ids with these prefixes, in the order of the prefixes."""
    own_ids = sorted(_own_id(name) for name in names if name.startswith(_PREFIX))
    return [own_id for prefix in prefixes for own_id in own_ids if own_id.startswith(prefix)]


def _parameter(target: str) -> dict[str, str]:
    """Return the request parameter that names what is refunded."""
    return {"payment_intent" if target.startswith("pi_") else "charge": target}


def _sent_refund(refund: stripe.Refund) -> SentRefund:
    """Return the refund. An unknown status counts as pending: the refund exists, and its notifications will follow."""
    return SentRefund(
        refund_id=responses.required_text(refund.id),
        state=REFUND_STATES.get(refund.status or "", RefundState.PENDING),
        tag=_tag(refund),
        amount_minor=refund.amount,
    )


def _tag(refund: stripe.Refund) -> str:
    """Return the tag in a refund's metadata. Empty: someone refunded at Stripe."""
    metadata = refund.metadata
    return metadata[tags.METADATA_KEY] if metadata is not None and tags.METADATA_KEY in metadata else ""


def _subscription_state(subscription: stripe.Subscription) -> SubscriptionState:
    return state_of(subscription.to_dict(), datetime.now(UTC))


def _own_id(name: str) -> str:
    return name.removeprefix(_PREFIX)
