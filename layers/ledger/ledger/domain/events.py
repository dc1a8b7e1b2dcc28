"""Events: what a provider's notification reports, in provider-neutral terms."""

from collections.abc import Callable, Sequence
from dataclasses import field, replace
from datetime import datetime

from ledger.domain.facts import Fact, PaymentSettled, RefundChanged
from ledger.domain.ids import AccountId, OrderId, PaymentId
from ledger.domain.orders import Order
from ledger.domain.receipts import NotBookable, ParkReason
from ledger.domain.records import record
from ledger.domain.refund_cases import case_id_of
from ledger.domain.subscriptions import Subscription


@record(frozen=True, kw_only=True)
class Claim:
    """What an object says of its owner in a place that a browser can write. It counts only with a proof beside it."""

    order_id: OrderId | None = None
    account_id: AccountId | None = None


@record(frozen=True, kw_only=True)
class Owner:
    """What leads to an event's account, in this order: our order, our ids, the subscription, a payment, the customer.

    With a `claim`, the object's own ids prove whose it is, or nothing does: its customer does not either, because
    buyers name themselves.
    """

    order_id: OrderId | None = None  # set by our server
    account_id: AccountId | None = None  # set by our server: it counts alone
    claim: Claim | None = None
    checkout_id: str | None = None  # the provider's id of the checkout that was paid: its order is the payment's
    subscription_id: str | None = None  # `paddle:sub_…`: a subscription of the same account
    payment_id: PaymentId | None = None  # a payment of the same account
    customer_id: str | None = None  # the provider's: `stripe:cus_…`

    @property
    def named_order_id(self) -> OrderId | None:
        """Return the order that the object names, whether our server set it or a browser may have."""
        return self.claim.order_id if self.claim else self.order_id


@record(frozen=True, kw_only=True)
class About:
    """What an event reports about one payment."""

    names: tuple[PaymentId, ...]  # ids of the payment, the main one first
    facts: tuple[Fact, ...]


@record(frozen=True, kw_only=True)
class CreditedPeriod:
    """Facts about a payment that an event does not name: the one of a subscription's period."""

    subscription_id: str
    since: datetime  # an instant of the period
    until: datetime  # its end
    facts: tuple[Fact, ...]


@record(frozen=True, kw_only=True)
class Event:
    """One event: the facts that it reports, the payment that they are about, and what leads to its account.

    At most one of `payment` and `subscription` is set.
    """

    provider: str
    event_id: str
    event_type: str
    at: datetime
    owner: Owner = Owner()
    names: tuple[PaymentId, ...] = ()  # ids of one payment, the main one first; an event with two links them
    facts: tuple[Fact, ...] = ()
    payment: PaymentSettled | None = None  # `account_id` may be empty until the account is found
    also: tuple[About, ...] = ()  # what it reports about other payments of the same account
    credited_periods: tuple[CreditedPeriod, ...] = ()  # their payments must be found before the event is planned
    subscription: Subscription | None = None
    not_bookable: NotBookable | None = None  # it is parked, unless a payment of `names` is booked; None: bookable
    names_ours: bool = False  # if that can be muted: its object names an order or account of ours, or what we sell
    muted_by: str | None = None  # the rule by which it is another application's, unless it turns out to be ours
    terms_hash: str | None = None  # `Order.terms_hash` of the terms that its payment is under; None: of no order
    under_order: "Callable[[Order], Event] | None" = field(default=None, compare=False, repr=False)
    """Return the same event for an order of ours, as it is stored: for what it carried no terms, or others."""

    @property
    def cause(self) -> str:
        return f"{self.provider}:{self.event_id}"

    @property
    def about(self) -> tuple[About, ...]:
        """All that the event reports, by the payment that it is about."""
        facts: tuple[Fact, ...] = (*self.facts, self.payment) if self.payment else self.facts
        return (About(names=self.names, facts=facts), *self.also) if self.names else self.also

    @property
    def correlation_id(self) -> str:
        """The case whose refund the event reports, if the refund carries our tag; else `<provider>:<event id>`."""
        tag = next((fact.tag for fact in self.facts if isinstance(fact, RefundChanged) and fact.tag), None)
        return (case_id_of(tag) if tag else "") or self.cause

    @property
    def is_of_nobody_here(self) -> bool:
        """Return whether nothing in an event that can't be booked says that it is ours."""
        owner, claim = self.owner, self.owner.claim or Claim()
        return not (self.names_ours or any((owner.order_id, owner.account_id, claim.order_id, claim.account_id)))

    @property
    def parked(self) -> ParkReason | None:
        return self.not_bookable.reason if self.not_bookable else None

    @property
    def detail(self) -> str:
        return self.not_bookable.detail if self.not_bookable else ""

    def with_account(self, account_id: AccountId) -> "Event":
        """Return the event with this account on its payment or subscription."""
        if all(one is None or one.account_id == account_id for one in (self.payment, self.subscription)):
            return self
        return replace(
            self,
            payment=self.payment and replace(self.payment, account_id=account_id),
            subscription=self.subscription and replace(self.subscription, account_id=account_id),
        )

    def with_credited_periods(self, payment_ids: Sequence[PaymentId]) -> "Event":
        """Return the event with the payment of each credited period named."""
        credited = (
            About(names=(payment_id,), facts=period.facts)
            for payment_id, period in zip(payment_ids, self.credited_periods, strict=True)
        )
        return replace(self, also=(*self.also, *credited), credited_periods=())
