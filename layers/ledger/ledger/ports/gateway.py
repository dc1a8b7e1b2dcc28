"""The gateway: what this service requests from a payment provider."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ledger.domain.catalogue import Product
from ledger.domain.facts import RefundedItem, RefundState
from ledger.domain.ids import PaymentId
from ledger.domain.orders import Checkout, Order


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundToSend:
    """An approved refund, as a provider is to carry it out."""

    tag: str  # the approval's name: it travels with the refund, so that what was sent can be found again
    names: frozenset[PaymentId]  # every id that is known to mean the payment
    amount_minor: int
    currency: str  # ISO 4217, upper case
    items: tuple[RefundedItem, ...]  # the same amount by line, for a provider that refunds lines
    is_whole: bool  # the whole payment goes back, nothing of it went back before
    is_duplicate_charge: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SentRefund:
    """A refund as the provider has it."""

    refund_id: str  # the provider's own id, as its notifications give it: `re_…`, `adj_…`
    state: RefundState


class Gateway(Protocol):
    """What we ask of a provider.

    Every method raises ProviderRefused (clear: it was not done) or ProviderUnavailable (unclear, or not now: it may
    have been done, so look before asking again); and ConfigurationError, if our key or our account there is wrong.
    """

    def make_checkout(self, order: Order, product: Product, *, success_url: str, cancel_url: str) -> Checkout:
        """The provider's page on which the order is paid. The same order again gives the same page where it can."""

    def find_refund(self, refund: RefundToSend) -> SentRefund | None:
        """The refund that bears this tag, if the provider has it."""

    def send_refund(self, refund: RefundToSend) -> SentRefund:
        """Give the money back. Not safe to repeat after an unclear answer: `find_refund` first."""

    def stop_renewals(self, subscription_id: str) -> datetime | None:
        """Let a subscription end with its period. Doing it again changes nothing. The end, if the provider tells it."""

    def resume_renewals(self, subscription_id: str) -> None:
        """Undo `stop_renewals` before the period ends."""

    def open_portal(self, customer_id: str, subscription_ids: Collection[str], *, return_url: str) -> str:
        """A short-lived address of the provider's own billing page, for this customer alone. It is not to be logged."""
