"""The gateway: what this service requests from a payment provider."""

from collections.abc import Collection
from typing import Protocol

from ledger.domain.catalogue import Product
from ledger.domain.facts import RefundedItem, RefundState
from ledger.domain.ids import PaymentId
from ledger.domain.orders import Checkout, Order
from ledger.domain.records import record
from ledger.domain.subscriptions import SubscriptionState


@record(frozen=True, kw_only=True)
class RefundToSend:
    """An approved refund, as the provider must carry it out."""

    tag: str  # of the approval, or of a part of it: it is sent with the refund, so that it can be found again
    names: frozenset[PaymentId]  # all known ids of the payment
    amount_minor: int
    currency: str  # ISO 4217, upper case
    items: tuple[RefundedItem, ...]  # the same amount split over the lines, for a provider that refunds lines
    is_whole: bool  # it refunds the whole payment, and nothing was refunded before
    is_duplicate_charge: bool = False  # the reason to give to the provider
    source: str | None = None  # the provider's own id of what is refunded, if several payments paid


@record(frozen=True, kw_only=True)
class SentRefund:
    """A refund, as the provider returned it."""

    refund_id: str  # the provider's id, as in its notifications: `re_…`, `adj_…`
    state: RefundState
    tag: str
    amount_minor: int


@record(frozen=True, kw_only=True)
class PaidSource:
    """One of several payments at the provider that paid for one purchase."""

    source: str  # the provider's own id: `pi_…`
    left_minor: int  # what can still go back of it for this purchase


class Gateway(Protocol):
    """Requests to a provider.

    Every method may raise ProviderRefused (it was not done), ProviderUnavailable (it may have been done: check before
    repeating it), or ConfigurationError (our API key or our account at the provider is wrong).
    """

    def make_checkout(self, order: Order, product: Product, *, success_url: str, cancel_url: str) -> Checkout:
        """Create a page on which the customer can pay for the order, and return it. A repetition creates another."""

    def expire_checkout(self, checkout_id: str) -> bool:
        """Close a checkout that was made here. Return whether nobody can pay it any more. False: it was paid.

        A checkout that was closed before, or that the provider does not know, counts as closed. Raise
        ProviderUnavailable also while a payment of it is being processed: repeat the call. Raise ProviderRefused if
        the provider closes no such checkout: it stays open.
        """

    def find_refunds(self, refund: RefundToSend) -> tuple[SentRefund, ...]:
        """Return what the provider has under this tag: the refund, or the parts of it that were sent."""

    def sources(self, refund: RefundToSend) -> tuple[PaidSource, ...]:
        """Return what paid for the purchase, in the order of their ids, if more than one payment did. Else nothing."""

    def send_refund(self, refund: RefundToSend) -> SentRefund:
        """Refund the money. After ProviderUnavailable, call `find_refunds` first: a repetition may refund twice."""

    def stop_renewals(self, subscription_id: str) -> SubscriptionState:
        """Let a subscription end with its current period. Return what it is then, as the provider says.

        Nothing is changed if it has ended or ends by then already. The provider may have done something else than what
        was requested: look at the state. Raise ProviderRefused if the subscription goes on.
        """

    def resume_renewals(self, subscription_id: str) -> SubscriptionState:
        """Remove the end that is scheduled, whoever scheduled it. Return what the subscription is then.

        Nothing is changed if it has ended, or if no end is scheduled. A pause stays.
        """

    def open_portal(self, customer_id: str, subscription_ids: Collection[str], *, return_url: str) -> str:
        """Return a short-lived URL of the provider's billing page for this customer. Never log it: it grants access."""
