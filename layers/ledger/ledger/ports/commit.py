"""Commits: everything that one use-case changes, written in one transaction."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from ledger.domain.entries import Entry
from ledger.domain.holds import Hold
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.lots import Lot
from ledger.domain.orders import Order
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Receipt
from ledger.domain.records import record
from ledger.domain.runs import Run
from ledger.domain.subscriptions import Subscription
from ledger.ports.documents import Document, DocumentKey

MAX_ACTIONS = 100
"""How many items one commit writes or checks. Source: "Quotas in Amazon DynamoDB", transactions."""


@record(frozen=True, kw_only=True)
class PaymentPointer:
    """An id of a payment whose purchase is stored under another id, or of one that several sales share.

    In a commit, the condition is that what is stored under the id has not changed since it was read: nothing, another
    pointer (`replaces`) or a purchase (`replaces_version`). As it is read from a store, a pointer replaces
    nothing.
    """

    name: PaymentId
    to: PaymentId
    also_to: tuple[PaymentId, ...] = ()  # the other sales that share the money
    # Until the payment is stored, these three are empty. They only say what to read with the purchase, not after it.
    account_id: AccountId | None = None
    fulfilment_keys: tuple[str, ...] = ()  # of the payment
    lot_ids: tuple[str, ...] = ()  # that the payment granted
    replaces_version: int = 0  # of the purchase that it replaces; 0: it replaces nothing, or another pointer
    # Where the pointer that it replaces led; (): there was none. None: it was not read, and may be any pointer or none:
    # the version of the purchase that knows the id, in the same commit, tells whether it has changed.
    replaces: tuple[PaymentId, ...] | None = ()
    is_check: bool = False  # nothing is written, only the condition is checked

    @property
    def targets(self) -> tuple[PaymentId, ...]:
        """All purchases or pointers that it leads to."""
        return (self.to, *self.also_to)


@record(frozen=True)
class DocumentChange:
    """Store a document under a key, on condition of the version that is stored; or, with None, delete it.

    `replaces` is the version that was read. 0: nothing may be stored under the key. None: no condition. A deletion has
    no condition either.
    """

    key: DocumentKey
    document: Document | None
    replaces: int | None = 0


@record(frozen=True, kw_only=True)
class FulfilmentKey:
    """What payments pay for: an order, or one period of a subscription. All of them grant it once.

    The terms of an order are stored on the same item, so that one condition checks both.
    """

    key: str  # `order/ord_…` or `period/stripe:sub_…/2026-11-01T00:00:00Z`
    payment_id: PaymentId | None = None  # the original; None: not paid yet
    duplicates: tuple[PaymentId, ...] = ()  # the other payments
    account_id: AccountId | None = None  # of the order
    product_id: str | None = None  # of the order
    terms: Order | None = None
    terms_hash: str | None = None  # `Order.terms_hash` of the order

    @property
    def payment_ids(self) -> tuple[PaymentId, ...]:
        """All payments for it, the original first."""
        return (self.payment_id, *self.duplicates) if self.payment_id else ()


@record(frozen=True, kw_only=True)
class FulfilmentKeyChange:
    """Make these payments the ones for a fulfilment key, the original first. They only become more.

    The condition is that no payment has been added since `replaces` were read, and that an order's account, product and
    terms match. If the payments are still those that were read, only that condition is checked.
    """

    key: str
    payment_ids: tuple[PaymentId, ...]
    account_id: AccountId
    product_ids: frozenset[str]  # of the payments; the order's product must be one of them
    replaces: tuple[PaymentId, ...] = ()  # the payments that were read
    terms_hash: str | None  # of the order's terms; None: no terms are stored under the key
    checkout_id: str | None  # the order must have this checkout; None: that is known, or there is no order
    has_consent: bool | None  # whether the order's consent was complete; None: nothing depends on it

    @property
    def is_check(self) -> bool:
        return self.payment_ids == self.replaces


@record(frozen=True, kw_only=True)
class AccountChange:
    """What changes on an account, on condition of the version that was read.

    `version` None: the account was not read, and the change only adds to it. Then the condition is that the account
    has none of these lots, and that nothing has paid for this period.
    """

    account_id: AccountId
    version: int | None
    lots: Mapping[str, Lot] = field(default_factory=dict)
    closed: frozenset[str] = frozenset()  # ids of those of `lots` that leave the account and are stored beside it
    closed_before: Mapping[str, Lot] = field(default_factory=dict)  # closed lots as read: no other may be stored
    holds: Mapping[str, Hold | None] = field(default_factory=dict)  # None: remove
    held: Mapping[str, Hold] = field(default_factory=dict)  # as read, where holds change
    flags: Mapping[str, datetime | None] = field(default_factory=dict)  # None: remove
    cases: Mapping[str, str | None] = field(default_factory=dict)  # of open cases: purchase and reason; None: closed
    subscription: Subscription | None = None
    period: str | None = None  # of a subscription, that is paid for
    covered_by: PaymentId | None = None  # the payment for `period`, if its fulfilment key is an order
    has_subscription: str | None = None  # without a read: the account must have this subscription

    @property
    def suspended_since(self) -> datetime | None:
        """Return since when the account is suspended after a change of its holds. None: it is active."""
        return min((hold.since for hold in {**self.held, **self.holds}.values() if hold), default=None)

    @property
    def is_empty(self) -> bool:
        return not (self.lots or self.holds or self.flags or self.cases or self.subscription or self.covered_by)


@record(frozen=True, kw_only=True)
class Commit:
    """Everything that one use-case changes. All of it is written, if all conditions hold, or nothing."""

    receipt: Receipt | None = None
    purchases: tuple[Purchase, ...] = ()  # their `version` is the one that was read
    pointers: tuple[PaymentPointer, ...] = ()
    fulfilment_keys: tuple[FulfilmentKeyChange, ...] = ()
    account: AccountChange | None = None
    subscription: Subscription | None = None  # its `version` is the one that was read
    entries: tuple[Entry, ...] = ()
    run: Run | None = None
    order: Order | None = None
    documents: tuple[DocumentChange, ...] = ()


@record(frozen=True, kw_only=True)
class Refusal:
    """Why nothing of a commit was written: the stored items that conflict, as far as the store returns them."""

    receipt: Receipt | None = None  # this event was recorded before
    purchase: Purchase | None = None  # the commit's first purchase, as it is stored
    run: Run | None = None  # this run, as it is stored
