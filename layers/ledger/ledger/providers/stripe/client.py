"""What we ask of Stripe, through its SDK. Source: docs.stripe.com/api, at the version below.

Only functions that call Stripe import this module: the SDK takes longer to import than a webhook to answer.
"""

import logging
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import stripe

from ledger.domain.catalogue import Product, ProductKind
from ledger.domain.errors import CatalogueError, ProviderRefused
from ledger.domain.facts import RefundState
from ledger.domain.ids import PaymentId
from ledger.domain.orders import Checkout, Order
from ledger.ports.gateway import RefundToSend, SentRefund
from ledger.providers import responses, tags
from ledger.providers.stripe.events import REFUND_STATES

if TYPE_CHECKING:
    from stripe.params.checkout import SessionCreateParams

API_VERSION = "2026-10-28.endive"  # pinned here too: an upgrade of the SDK must not change what we are told

_UNREADABLE = (AttributeError, KeyError, TypeError, ValueError)  # what the SDK raises on a body of another shape


class StripeGateway:
    """Stripe, for one account of ours."""

    def __init__(
        self,
        key: str,
        *,
        is_live: bool,
        base_url: str | None = None,
        timeout_s: tuple[float, float] = responses.TIMEOUT_S,
    ) -> None:
        responses.check_key(
            "stripe", key, is_live=is_live, live=("sk_live_", "rk_live_"), test=("sk_test_", "rk_test_")
        )
        # The SDK logs bodies and Stripe's messages, and leaves a file in the home folder to be counted by.
        logging.getLogger("stripe").setLevel(logging.WARNING)
        stripe.enable_telemetry = False
        self._client = stripe.StripeClient(
            key,
            stripe_version=API_VERSION,
            base_addresses={"api": base_url.rstrip("/")} if base_url else None,
            http_client=stripe.RequestsClient(timeout=timeout_s),
            max_network_retries=1,  # under the same idempotency key
        )

    def make_checkout(self, order: Order, product: Product, *, success_url: str, cancel_url: str) -> Checkout:
        """A Checkout Session. For a day the same order gives the same one: its id is the idempotency key.

        Metadata doesn't spread: it is set on what refunds and renewals will name, too.
        """
        prices = product.price_ids.get("stripe", ())
        if not prices:
            raise CatalogueError(f"{product.product_id}: price_ids.stripe is empty; the product is not sold there.")
        ours = {"account_id": order.account_id, "order_id": order.order_id, "product_id": product.product_id}
        params: SessionCreateParams = {
            "line_items": [{"price": prices[0], "quantity": 1}],
            "currency": order.currency.lower(),
            "metadata": {**ours},
            "success_url": success_url,
            "cancel_url": cancel_url,
        }
        if product.kind is ProductKind.SUBSCRIPTION:
            params |= {"mode": "subscription", "subscription_data": {"metadata": {**ours}}}
        else:
            params |= {
                "mode": "payment",
                "payment_intent_data": {"metadata": {**ours}},
                "customer_creation": "always",  # a guest has no billing page
            }
        with _asking():
            session = self._client.v1.checkout.sessions.create(params, {"idempotency_key": f"order:{order.order_id}"})
            return Checkout(checkout_id=responses.text(session.id), url=responses.text(session.url))

    def find_refund(self, refund: RefundToSend) -> SentRefund | None:
        """Looks at every payment that is known by these names, in case it was sent when fewer were known."""
        with _asking():
            looked_at: set[str] = set()
            for target in _in_order(refund.names, "pi_", "ch_", "py_"):
                looked_at.add(target)
                if found := self._tagged(target, refund.tag):
                    return found
            for target in self._paying(_in_order(refund.names, "in_")):
                if target not in looked_at and (found := self._tagged(target, refund.tag)):
                    return found
        return None

    def send_refund(self, refund: RefundToSend) -> SentRefund:
        """A refund of the PaymentIntent, else of the charge, else of what paid the invoice.

        The tag is the idempotency key too, but Stripe forgets keys after a day: the metadata stays.
        """
        with _asking():
            target = next(iter(_in_order(refund.names, "pi_", "ch_", "py_")), None) or next(
                self._paying(_in_order(refund.names, "in_")), None
            )
            if target is None:
                raise ProviderRefused(
                    "resource_missing", "Stripe can't refund it: none of its names is a payment there."
                )
            params: Any = {
                **_of(target),
                "amount": refund.amount_minor,
                # Never `fraudulent`: that would put the card and the address on a block list.
                "reason": "duplicate" if refund.is_duplicate_charge else "requested_by_customer",
                "metadata": {tags.METADATA_KEY: refund.tag},
            }
            return _sent(self._client.v1.refunds.create(params, {"idempotency_key": f"refund:{refund.tag}"}))

    def stop_renewals(self, subscription_id: str) -> datetime | None:
        """The end, from the subscription, or from the items on which its period stands."""
        with _asking():
            subscription = self._client.v1.subscriptions.update(_bare(subscription_id), {"cancel_at_period_end": True})
            ends = [subscription.cancel_at] if subscription.cancel_at else _period_ends(subscription)
            return max((datetime.fromtimestamp(end, UTC) for end in ends), default=None)

    def resume_renewals(self, subscription_id: str) -> None:
        """Only what `stop_renewals` set; an end that support fixed to a date stays."""
        with _asking():
            self._client.v1.subscriptions.update(_bare(subscription_id), {"cancel_at_period_end": False})

    def open_portal(
        self,
        customer_id: str,
        subscription_ids: Collection[str],  # noqa: ARG002 - Stripe's page shows all that the customer has
        *,
        return_url: str,
    ) -> str:
        """The customer portal's one page."""
        with _asking():
            session = self._client.v1.billing_portal.sessions.create(
                {"customer": _bare(customer_id), "return_url": return_url}
            )
            return responses.text(session.url)

    def _tagged(self, target: str, tag: str) -> SentRefund | None:
        params: Any = {**_of(target), "limit": 100}
        for refund in self._client.v1.refunds.list(params).auto_paging_iter():
            metadata = refund.metadata
            if metadata is not None and tags.METADATA_KEY in metadata and metadata[tags.METADATA_KEY] == tag:
                return _sent(refund)
        return None

    def _paying(self, invoices: Iterable[str]) -> Iterator[str]:
        """What paid these invoices: an invoice names neither PaymentIntent nor charge itself."""
        for invoice in invoices:
            payments = self._client.v1.invoice_payments.list({"invoice": invoice, "status": "paid", "limit": 100})
            for made in payments.auto_paging_iter():
                target = getattr(made.payment, "payment_intent", None) or getattr(made.payment, "charge", None)
                if isinstance(target, str):
                    yield target


@contextmanager
def _asking() -> Iterator[None]:
    """Everything that the SDK raises, in our words. Its own errors are cut off: they carry bodies and messages."""
    try:
        yield
    except stripe.StripeError as error:
        body = error.json_body
        said = body.get("error") if isinstance(body, dict) else None
        if error.http_status is None or not isinstance(said, dict):
            raise responses.unreadable("stripe", error) from None
        code = said.get("code") or said.get("type")
        raise responses.problem("stripe", error.http_status, code, error.request_id) from None
    except _UNREADABLE as error:
        raise responses.unreadable("stripe", error) from None


def _in_order(names: Collection[PaymentId], *prefixes: str) -> list[str]:
    """The names of these kinds as Stripe knows them, first kind first."""
    bare = sorted(_bare(name) for name in names if name.startswith("stripe:"))
    return [name for prefix in prefixes for name in bare if name.startswith(prefix)]


def _of(target: str) -> dict[str, str]:
    return {"payment_intent" if target.startswith("pi_") else "charge": target}


def _sent(refund: stripe.Refund) -> SentRefund:
    """A state that we don't know yet is under way: the refund is made, and its notifications say how it ends."""
    return SentRefund(
        refund_id=responses.text(refund.id), state=REFUND_STATES.get(refund.status or "", RefundState.PENDING)
    )


def _period_ends(subscription: stripe.Subscription) -> list[int]:
    return [item.current_period_end for item in subscription["items"].data]


def _bare(name: str) -> str:
    return name.removeprefix("stripe:")
