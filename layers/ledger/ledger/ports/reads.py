"""Reads: the names of what to read, and what was found under them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field, fields, replace
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

from ledger.domain.accounts import Account
from ledger.domain.facts import PaymentSettled
from ledger.domain.ids import AccountId, OrderId, PaymentId
from ledger.domain.lots import Lot
from ledger.domain.orders import Order
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Receipt
from ledger.domain.records import record
from ledger.domain.runs import Run
from ledger.domain.subscriptions import Subscription
from ledger.ports.commit import FulfilmentKey, PaymentPointer
from ledger.ports.documents import Document, DocumentKey

_D = TypeVar("_D")
_T = TypeVar("_T")


@record(frozen=True)
class Keys:
    """Names of things to read. A lot is read where it lies once it has left its account."""

    payments: frozenset[PaymentId] = frozenset()
    accounts: frozenset[AccountId] = frozenset()
    fulfilment_keys: frozenset[str] = frozenset()
    subscriptions: frozenset[str] = frozenset()
    closed_lots: frozenset[tuple[AccountId, str]] = frozenset()
    runs: frozenset[tuple[AccountId, str]] = frozenset()
    documents: frozenset[DocumentKey] = frozenset()
    receipts: frozenset[tuple[str, str]] = frozenset()  # by `Receipt.name`

    def __or__(self, other: "Keys") -> "Keys":
        return Keys(
            self.payments | other.payments,
            self.accounts | other.accounts,
            self.fulfilment_keys | other.fulfilment_keys,
            self.subscriptions | other.subscriptions,
            self.closed_lots | other.closed_lots,
            self.runs | other.runs,
            self.documents | other.documents,
            self.receipts | other.receipts,
        )

    def __sub__(self, other: "Keys") -> "Keys":
        return Keys(
            self.payments - other.payments,
            self.accounts - other.accounts,
            self.fulfilment_keys - other.fulfilment_keys,
            self.subscriptions - other.subscriptions,
            self.closed_lots - other.closed_lots,
            self.runs - other.runs,
            self.documents - other.documents,
            self.receipts - other.receipts,
        )

    def __bool__(self) -> bool:
        return any(getattr(self, field_.name) for field_ in fields(self))


def keys_of(payment: PaymentSettled) -> Keys:
    """Where a payment is booked: its account, its lots if they have closed, and what else may pay for the same."""
    lots = ((payment.account_id, payment.lot_id(position)) for position in range(len(payment.lines)))
    return Keys(
        accounts=frozenset({payment.account_id}),
        closed_lots=frozenset(lots),
        fulfilment_keys=frozenset(key for key in (payment.fulfilment_key, payment.covers) if key),
    )


def _keys_of_pointer(pointer: PaymentPointer) -> Keys:
    """Where a pointer leads: to its purchases, and to where their payment is booked."""
    account_ids = frozenset({pointer.account_id} if pointer.account_id else ())
    return Keys(
        payments=frozenset(pointer.targets),
        accounts=account_ids,
        closed_lots=frozenset((account_id, lot_id) for account_id in account_ids for lot_id in pointer.lot_ids),
        fulfilment_keys=frozenset(pointer.fulfilment_keys),
    )


@record(frozen=True)
class Snapshot:
    """What a store knows under some names. What is not in a mapping is not stored."""

    payments: Mapping[PaymentId, Purchase | PaymentPointer] = field(default_factory=dict)
    accounts: Mapping[AccountId, Account] = field(default_factory=dict)
    fulfilment_keys: Mapping[str, FulfilmentKey] = field(default_factory=dict)
    subscriptions: Mapping[str, Subscription] = field(default_factory=dict)
    closed_lots: Mapping[tuple[AccountId, str], Lot] = field(default_factory=dict)
    runs: Mapping[tuple[AccountId, str], Run] = field(default_factory=dict)
    documents: Mapping[DocumentKey, Document] = field(default_factory=dict)
    receipts: Mapping[tuple[str, str], Receipt] = field(default_factory=dict)

    def __or__(self, other: "Snapshot") -> "Snapshot":
        return Snapshot(
            {**self.payments, **other.payments},
            {**self.accounts, **other.accounts},
            {**self.fulfilment_keys, **other.fulfilment_keys},
            {**self.subscriptions, **other.subscriptions},
            {**self.closed_lots, **other.closed_lots},
            {**self.runs, **other.runs},
            {**self.documents, **other.documents},
            {**self.receipts, **other.receipts},
        )

    def mentioned(self, followed: Collection[str] = (), *, with_orders: bool = False) -> Keys:
        """Return the names that these items lead to.

        The fulfilment keys of payments lead to the other payments for the same thing, and so do those in `followed`.
        """
        followed = set(followed)
        keys = Keys()
        for item in self.payments.values():
            if isinstance(item, PaymentPointer):
                keys |= _keys_of_pointer(item)
            elif item.payment:
                own = keys_of(item.payment)
                keys |= own
                followed |= own.fulfilment_keys
                if with_orders and item.payment.order_id:
                    keys |= Keys(fulfilment_keys=frozenset({f"order/{item.payment.order_id}"}))
        opened = {(account.account_id, lot_id) for account in self.accounts.values() for lot_id in account.lots}
        keys -= Keys(closed_lots=frozenset(opened))
        beside = {
            payment_id
            for key in followed
            if key in self.fulfilment_keys
            for payment_id in self.fulfilment_keys[key].payment_ids
        }
        covering = {
            account.covered[key] for account in self.accounts.values() for key in followed if key in account.covered
        }
        return keys | Keys(frozenset(beside | covering))

    def lot(self, account_id: AccountId, lot_id: str) -> Lot | None:
        """A lot as it stands: on its account, or where it was put when it closed."""
        account = self.accounts.get(account_id)
        return (account and account.lots.get(lot_id)) or self.closed_lots.get((account_id, lot_id))

    def document(self, key: DocumentKey, kind: type[_D]) -> _D | None:
        """A document, if it is stored."""
        found = self.documents.get(key)
        return found if isinstance(found, kind) else None

    def order(self, order_id: OrderId | None) -> Order | None:
        """The terms of an order of ours, if they were read."""
        return self.order_under(f"order/{order_id}") if order_id else None

    def order_under(self, key: str) -> Order | None:
        """The terms of the order of ours that has this fulfilment key, if they were read."""
        fulfilment_key = self.fulfilment_keys.get(key)
        return fulfilment_key.terms if fulfilment_key else None

    def home_of(self, name: PaymentId) -> Purchase | None:
        """The purchase that a name leads to, if any. Of several sales that share money, the first."""
        return next(iter(self.homes_of(name)), None)

    def homes_of(self, name: PaymentId) -> tuple[Purchase, ...]:
        """The purchases that a name leads to: several, if sales share the money."""
        item = self.payments.get(name)
        if isinstance(item, PaymentPointer):
            return tuple(purchase for target in item.targets for purchase in self.homes_of(target))
        return (item,) if item else ()

    def pointers_from(self, name: PaymentId) -> Iterator[PaymentPointer]:
        """Yield the pointers that lead from a name to its purchases."""
        item = self.payments.get(name)
        if isinstance(item, PaymentPointer):
            yield item
            for target in item.targets:
                yield from self.pointers_from(target)

    def with_purchases(self, purchases: Iterable[Purchase]) -> "Snapshot":
        """Return this snapshot with these purchases in place of the stored ones."""
        return replace(self, payments={**self.payments, **{one.payment_id: one for one in purchases}})


class ParkedName(NamedTuple):
    """The name of a parked receipt, and when its event was first received."""

    owner: str  # the provider's customer; without one, `<provider>:<event id>`
    event_id: str
    received_at: datetime


class ExpiringAccount(NamedTuple):
    """An account with credits that expire, and since when their expiry can be booked."""

    due_at: datetime
    account_id: AccountId


class WaitingPayment(NamedTuple):
    """The id of a payment that is not known, about which facts wait; and since when, by the provider's time."""

    payment_id: PaymentId
    since: datetime


class FollowedCase(NamedTuple):
    """The name of a case whose refund is followed, and since when it has been in its state."""

    account_id: AccountId
    case_id: str
    moved_at: datetime


@record(frozen=True)
class Page(Generic[_T]):
    """A part of a listing, and where the next one starts; None: this was the last."""

    items: tuple[_T, ...]
    next: str | None
