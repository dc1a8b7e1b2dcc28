"""What the ledger needs of a store: read by names, and commit all or nothing."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from typing import Generic, NamedTuple, Protocol, TypeVar

from ledger.accounts import Account, Hold
from ledger.cases import Act, Answered, FailedRun, Intent, RefundCase, Waiting
from ledger.catalogue import Product
from ledger.entries import Entry
from ledger.events import Receipt
from ledger.facts import AccountId, OrderId, PaymentId, PaymentSettled, RefundedItem, RefundState
from ledger.lots import Lot
from ledger.orders import Checkout, Order
from ledger.purchases import Purchase
from ledger.subscriptions import Subscription

_D = TypeVar("_D")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """An id of a payment whose purchase is stored under another id."""

    name: PaymentId
    to: PaymentId
    account_id: AccountId | None = None  # known once the payment is: it saves a read
    replaces_version: int = 0  # of the waiting purchase that it replaces; 0: nothing, or another pointer


def sortable(at: datetime) -> str:
    """A time of fixed width in UTC: as text it sorts as time does."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def derived_id(prefix: str, *causes: str) -> str:
    """An id that follows from its causes: the same request makes the same thing, however often it is carried out."""
    return f"{prefix}_{hashlib.sha256(json.dumps(causes).encode()).hexdigest()[:24]}"


class Place(NamedTuple):
    """Where a document lies: its partition, and its name there. The name's first word says what kind it is."""

    partition: str
    name: str

    @property
    def kind(self) -> str:
        return self.name.partition("#")[0]


def case_place(account_id: AccountId, case_id: str) -> Place:
    """A refund case lies with its account."""
    return Place(f"ACCOUNT#{account_id}", f"CASE#{case_id}")


def case_pointer(case_id: str) -> Place:
    """Which account a case is of, for support."""
    return Place(f"CASE#{case_id}", "WAITING")


def intent_place(tag: str) -> Place:
    """An approved refund lies in the outbox until the provider has it."""
    return Place("OUTBOX", f"INTENT#{tag}")


def review_place(case: RefundCase) -> Place:
    """The review queue lies in the order in which its cases were opened."""
    return Place("REVIEW", f"WAITING#{sortable(case.opened_at)}#{case.case_id}")


def settling_place(case: RefundCase) -> Place:
    """Cases that wait for their settling time."""
    return Place("SETTLING", f"WAITING#{case.case_id}")


def answer_place(account_id: AccountId, route: str, key: str) -> Place:
    """An Idempotency-Key counts for its account and route alone."""
    return Place(f"ACCOUNT#{account_id}", f"ANSWERED#{route}#{key}")


def failure_place(account_id: AccountId, at: datetime, run_id: str = "") -> Place:
    """A failed run, in order of time."""
    return Place(f"ACCOUNT#{account_id}", f"FAILED#{sortable(at)}#{run_id}")


def act_place(account_id: AccountId, at: datetime, subject: str) -> Place:
    """What support did to an account, in order."""
    return Place(f"ACCOUNT#{account_id}", f"ACT#{sortable(at)}#{subject}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a job has come."""

    done_until: datetime


Document = RefundCase | Intent | Waiting | FailedRun | Act | Answered | Cursor


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """Put a document where it belongs (None: take it away), if `replaces` still lies there.

    `replaces` is the version that was read, 0: nothing may lie there; None: whatever lies there.
    """

    place: Place
    document: Document | None
    replaces: int | None = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What only one payment can pay for: an order, or one period of a subscription.

    For an order that we made, its terms stand on the same item, so that one condition checks both.
    """

    key: str  # `order/ord_…` or `period/stripe:sub_…/2026-11-01T00:00:00Z`
    payment_id: PaymentId | None = None  # the original
    account_id: AccountId | None = None  # our order's
    product_id: str | None = None  # our order's
    terms: Order | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimChange:
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
class Run:
    """What one run of the tagging service drew, by lot: drawing again for the same run draws nothing."""

    account_id: AccountId
    run_id: str
    drawn: Mapping[str, int]
    at: datetime
    failed_at: datetime | None = None  # since then its credits are back where they came from
    returned: Mapping[str, int] = field(default_factory=dict)
    version: int = field(default=0, compare=False)  # of the stored item; 0: not stored yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """Everything that one event changes. It is written whole, under all its conditions, or not at all."""

    receipt: Receipt | None = None
    purchases: tuple[Purchase, ...] = ()  # as they should be; their `version` is the one that was read
    pointers: tuple[Pointer, ...] = ()
    claim: ClaimChange | None = None
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


@dataclass(frozen=True, slots=True)
class Keys:
    """Names of things to read. A lot is read where it lies once it has left its account."""

    payments: frozenset[PaymentId] = frozenset()
    accounts: frozenset[AccountId] = frozenset()
    claims: frozenset[str] = frozenset()
    subscriptions: frozenset[str] = frozenset()
    closed_lots: frozenset[tuple[AccountId, str]] = frozenset()
    runs: frozenset[tuple[AccountId, str]] = frozenset()
    documents: frozenset[Place] = frozenset()

    def __or__(self, other: "Keys") -> "Keys":
        return Keys(
            self.payments | other.payments,
            self.accounts | other.accounts,
            self.claims | other.claims,
            self.subscriptions | other.subscriptions,
            self.closed_lots | other.closed_lots,
            self.runs | other.runs,
            self.documents | other.documents,
        )

    def __sub__(self, other: "Keys") -> "Keys":
        return Keys(
            self.payments - other.payments,
            self.accounts - other.accounts,
            self.claims - other.claims,
            self.subscriptions - other.subscriptions,
            self.closed_lots - other.closed_lots,
            self.runs - other.runs,
            self.documents - other.documents,
        )

    def __bool__(self) -> bool:
        return any(getattr(self, field_.name) for field_ in fields(self))


def keys_of(payment: PaymentSettled) -> Keys:
    """Where a payment is booked: its account, its lots if they have closed, and who else may pay for its period."""
    lots = ((payment.account_id, payment.lot_id(position)) for position in range(len(payment.lines)))
    return Keys(
        accounts=frozenset({payment.account_id}),
        closed_lots=frozenset(lots),
        claims=frozenset({payment.covers} if payment.covers else ()),
    )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a store knows under some names. What is not in a mapping is not stored."""

    payments: Mapping[PaymentId, Purchase | Pointer] = field(default_factory=dict)
    accounts: Mapping[AccountId, Account] = field(default_factory=dict)
    claims: Mapping[str, Claim] = field(default_factory=dict)
    subscriptions: Mapping[str, Subscription] = field(default_factory=dict)
    closed_lots: Mapping[tuple[AccountId, str], Lot] = field(default_factory=dict)
    runs: Mapping[tuple[AccountId, str], Run] = field(default_factory=dict)
    documents: Mapping[Place, Document] = field(default_factory=dict)

    def __or__(self, other: "Snapshot") -> "Snapshot":
        return Snapshot(
            {**self.payments, **other.payments},
            {**self.accounts, **other.accounts},
            {**self.claims, **other.claims},
            {**self.subscriptions, **other.subscriptions},
            {**self.closed_lots, **other.closed_lots},
            {**self.runs, **other.runs},
            {**self.documents, **other.documents},
        )

    def mentioned(self, claim: str | None = None, *, with_orders: bool = False) -> Keys:
        """The names that what was read leads to. Only the claim named `claim` is followed to its payment."""
        keys = Keys()
        for item in self.payments.values():
            if isinstance(item, Pointer):
                keys |= Keys(frozenset({item.to}), frozenset({item.account_id} if item.account_id else ()))
            elif item.payment:
                keys |= keys_of(item.payment)
                if with_orders and item.payment.order_id:
                    keys |= Keys(claims=frozenset({f"order/{item.payment.order_id}"}))
        opened = {(account.account_id, lot_id) for account in self.accounts.values() for lot_id in account.lots}
        keys -= Keys(closed_lots=frozenset(opened))
        held = self.claims.get(claim or "")
        return keys | Keys(frozenset({held.payment_id})) if held and held.payment_id else keys

    def lot(self, account_id: AccountId, lot_id: str) -> Lot | None:
        """A lot as it stands: on its account, or where it was put when it closed."""
        account = self.accounts.get(account_id)
        return (account and account.lots.get(lot_id)) or self.closed_lots.get((account_id, lot_id))

    def document(self, place: Place, kind: type[_D]) -> _D | None:
        """A document, if it is stored."""
        found = self.documents.get(place)
        return found if isinstance(found, kind) else None

    def order(self, order_id: OrderId | None) -> Order | None:
        """The terms of an order of ours, if they were read."""
        claim = self.claims.get(f"order/{order_id}") if order_id else None
        return claim.terms if claim else None

    def home_of(self, name: PaymentId) -> Purchase | None:
        """The purchase that a name leads to, if any."""
        item = self.payments.get(name)
        while isinstance(item, Pointer):
            item = self.payments.get(item.to)
        return item


@dataclass(frozen=True, slots=True)
class Page(Generic[_T]):
    """A part of a listing, and where the next one starts; None: this was the last."""

    items: tuple[_T, ...]
    next: str | None


class Store(Protocol):
    """A ledger's storage. Reads are consistent; every method may raise StoreUnavailable."""

    def read(self, keys: Keys) -> Snapshot:
        """Everything that is stored under these names, in one round trip."""

    def commit(self, commit: Commit) -> Refusal | None:
        """Write everything or nothing, in one round trip. None: written."""

    def customer_receipts(self, customer_id: str) -> Collection[Receipt]:
        """The receipts of one customer of a provider, in one round trip where they are few."""

    def parked_receipts(self) -> Iterator[Receipt]:
        """Every receipt that waits for its release."""

    def entries(self, account_id: AccountId, since: datetime | None = None) -> Iterator[Entry]:
        """An account's entries, newest first; only those that happened at `since` or later."""

    def statement_page(
        self, account_id: AccountId, limit: int, after: str | None = None
    ) -> tuple[Account | None, Page[Entry]]:
        """A page of an account's entries, newest first, the first one with the account itself, in one round trip."""

    def documents(self, partition: str, prefix: str, limit: int, after: str | None = None) -> Page[Document]:
        """The documents of one partition whose names begin so, in their names' order, in one round trip."""

    def purchases_of(self, account_id: AccountId, limit: int, after: str | None = None) -> Page[Purchase]:
        """An account's purchases, newest first. Which there are, an index says; what they are is read consistently."""

    def lapsing(self, day: date) -> Iterator[AccountId]:
        """The accounts to which credits were granted that lapse on this day (UTC). An index says so: look yourself."""


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
