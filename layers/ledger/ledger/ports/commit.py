"""Commits: everything that one use-case changes, written in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ledger.domain.accounts import Hold
from ledger.domain.entries import Entry
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.lots import Lot
from ledger.domain.orders import Order
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Receipt
from ledger.domain.runs import Run
from ledger.domain.subscriptions import Subscription
from ledger.ports.documents import Document, DocumentKey


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPointer:
    """An id of a payment whose purchase is stored under another id."""

    name: PaymentId
    to: PaymentId
    account_id: AccountId | None = None  # known once the payment is: it saves a read
    replaces_version: int = 0  # of the waiting purchase that it replaces; 0: nothing, or another pointer


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """Store a document under its key (None: delete it), if `replaces` is still stored there.

    `replaces` is the version that was read. 0: nothing may be stored there; None: anything may.
    """

    key: DocumentKey
    document: Document | None
    replaces: int | None = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfilmentKey:
    """What only one payment can pay for: an order, or one period of a subscription.

    For an order that we made, its terms stand on the same item, so that one condition checks both.
    """

    key: str  # `order/ord_…` or `period/stripe:sub_…/2026-11-01T00:00:00Z`
    payment_id: PaymentId | None = None  # the original
    account_id: AccountId | None = None  # our order's
    product_id: str | None = None  # our order's
    terms: Order | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfilmentKeyChange:
    """Make `payment_id` the original of a claim, if `replaces` still is."""

    key: str
    payment_id: PaymentId
    account_id: AccountId
    product_ids: frozenset[str]  # what was paid for: our order's product must be among them
    replaces: PaymentId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChange:
    """What changes on an account. `version` is the one that was read; None: nothing was read, this only adds."""

    account_id: AccountId
    version: int | None = None
    lots: Mapping[str, Lot] = field(default_factory=dict)
    closed: frozenset[str] = frozenset()  # of these lots: the ones that leave the account, to be kept beside it
    holds: Mapping[str, Hold | None] = field(default_factory=dict)
    flags: Mapping[str, datetime | None] = field(default_factory=dict)
    cases: Mapping[str, str | None] = field(default_factory=dict)  # open cases: the mark of each; None: it has ended
    subscription: Subscription | None = None
    period: str | None = None  # that is paid for; if nothing was read: nothing may have paid for it before
    covered_by: PaymentId | None = None  # the payment to remember as this period's, since its claim is an order

    @property
    def is_empty(self) -> bool:
        return not (self.lots or self.holds or self.flags or self.cases or self.subscription)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionChange:
    """A subscription's new state, if the stored one is still what `replaces_cause` left (None: none is stored)."""

    subscription: Subscription
    replaces_cause: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """Everything that one event changes. It is written whole, under all its conditions, or not at all."""

    receipt: Receipt | None = None
    purchases: tuple[Purchase, ...] = ()  # as they should be; their `version` is the one that was read
    pointers: tuple[PaymentPointer, ...] = ()
    fulfilment_key: FulfilmentKeyChange | None = None
    account: AccountChange | None = None
    subscription: SubscriptionChange | None = None
    entries: tuple[Entry, ...] = ()
    run: Run | None = None
    order: Order | None = None
    documents: tuple[DocumentChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a commit was not written: what stood in its way, as it was found."""

    receipt: Receipt | None = None  # this event was heard before
    purchase: Purchase | None = None  # the first purchase of the commit is stored already
    run: Run | None = None  # this run was drawn before
