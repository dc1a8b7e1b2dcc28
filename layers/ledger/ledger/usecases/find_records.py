"""Find what a text names: an account, order, case, payment, subscription, customer, refund, dispute, or invoice.

    text ──┬─ as a key of the table: account, order, case, payment, subscription, checkout, declaration
           │  and incident
           ├─ as a provider's customer: whose its receipts are
           └─ by the index of find: invoice's number, refund, dispute, failed run, address, and whatever a parked
              event names ──► what it leads to

An address is searched by its keyed hash. The index only says where to look: a row counts if what it leads to is there,
and still has the name.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice

from ledger.domain.contacts import Contact, is_address
from ledger.domain.declarations import Declaration
from ledger.domain.errors import InvalidRequest
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.incidents import Incident
from ledger.domain.index_rows import (
    EventNames,
    IndexRow,
    NameKind,
    hash_of_address,
    is_named,
    number_as_searched,
    parked_name_of,
)
from ledger.domain.money import Money, format_amount
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Receipt
from ledger.domain.records import record
from ledger.ports.documents import (
    CasePointer,
    OrderPointer,
    case_pointer_key,
    checkout_key,
    contact_key,
    declaration_key,
    incident_key,
)
from ledger.ports.reads import Keys, Page, Snapshot
from ledger.ports.store import Store
from ledger.usecases.found import (
    Found,
    FoundKind,
    found_account,
    found_case,
    found_customer,
    found_declaration,
    found_event,
    found_fact,
    found_incident,
    found_order,
    found_payment,
    found_run,
    found_subscription,
)
from ledger.usecases.look_up import LookUp

MOST_FOUND = 50
"""How many things one search returns at most."""
MOST_ROWS = 500
"""How many rows of one name are read: events that were parked once, and are booked by now, have theirs too."""
MOST_RECEIPTS = 25
"""How many receipts of a customer are read to learn whose the customer is."""
_LONGEST = 200
"""Of a text that can be an id here: a longer one is part of no key."""


@record(frozen=True)
class Searched:
    """What is searched: the store, the providers' names, and the key of the addresses' hashes on first use."""

    store: Store
    providers: tuple[str, ...]
    address_key: Callable[[], str]
    names_in: Callable[[Receipt], EventNames]  # by what a parked event is found


def find_records(text: str, searched: Searched) -> list[Found]:
    """Return what a text names, in no more than a few round trips. Empty: nothing has it."""
    text = text.strip()
    if not text or len(text) > _LONGEST or text.endswith(":"):
        return []
    if is_address(text):
        return list(islice(_unique(_by_address(text, searched)), MOST_FOUND))
    names = [text] if ":" in text else [text, *(f"{provider}:{text}" for provider in searched.providers)]
    found = [*_by_key(text, names, searched), *_by_index(text, searched), *_by_customer(names, searched.store)]
    return list(islice(_unique(found), MOST_FOUND))


def find_payments(
    day: date, amount_minor: int, currency: str, searched: Searched, *, limit: int, after: str | None = None
) -> Page[Found]:
    """Return a page of the payments, and of the parked events, of an amount on a day (UTC), oldest first.

    `after` is the `next` of the page before: the time and the id of its last row. Raise InvalidRequest if it can't be
    one.
    """
    first = datetime.combine(day, time(), UTC)
    last = first + timedelta(days=1) - timedelta(microseconds=1)
    begin = _position(after, first, last) if after else (first, "")
    most = limit + 1 + bool(after)  # that of the position is read again
    rows = searched.store.paid_between(currency, amount_minor, begin[0], last, most=most)
    behind = (row for row in rows if row.at and (row.at, row.subject) > begin)
    page = list(islice(behind, limit + 1))
    shown = page[:limit]
    stored = LookUp(searched.store).once(
        Keys(
            payments=frozenset(row.payment_id for row in shown if row.payment_id),
            receipts=frozenset(parked_name_of(row) for row in shown if row.kind is NameKind.PARKED),
        )
    )
    amount = Money(amount_minor=amount_minor, currency=currency)
    found = [one for row in shown for one in _of_amount(row, amount, stored, searched)]
    end = page[limit - 1] if len(page) > limit else None
    return Page(tuple(found), f"{end.at.isoformat()} {end.subject}" if end and end.at else None)


def _of_amount(row: IndexRow, amount: Money, stored: Snapshot, searched: Searched) -> Iterator[Found]:
    """Yield what a row of an amount leads to, if that has the amount, and is parked still or was booked."""
    matched = format_amount(amount.amount_minor, amount.currency)
    if row.kind is NameKind.PARKED:
        receipt = stored.receipts.get(parked_name_of(row))
        if receipt and receipt.parked_reason and amount in (names := searched.names_in(receipt)).amounts:
            yield found_event(receipt, matched, replace(names, amounts=(amount,)))
        return
    for home in stored.homes_of(row.payment_id) if row.payment_id else ():
        if home.payment and (home.payment.paid_minor, home.payment.currency) == (amount.amount_minor, amount.currency):
            yield found_payment(home, matched)


def _still_named(text: str, rows: Iterable[IndexRow], searched: Searched) -> list[Receipt]:
    """Return the receipts that these rows lead to, those of events that are parked still first.

    One that was booked or dismissed meanwhile is so returned.
    """
    left = iter(dict.fromkeys(map(parked_name_of, rows)))
    parked: list[Receipt] = []
    settled: list[Receipt] = []
    while len(parked) < MOST_FOUND and (some := list(islice(left, MOST_FOUND))):
        stored = searched.store.read(Keys(receipts=frozenset(some))).receipts
        for receipt in (stored[name] for name in some if name in stored):
            if receipt.parked_reason is None:
                settled.append(receipt)
            elif is_named(receipt, searched.names_in(receipt), text):
                parked.append(receipt)
    return [*parked, *settled]


def _position(after: str, first: datetime, last: datetime) -> tuple[datetime, str]:
    at, _, subject = after.partition(" ")
    try:
        begin = datetime.fromisoformat(at)
        if begin.tzinfo is None or not first <= begin <= last:
            raise ValueError("not of this day")
    except ValueError:
        raise InvalidRequest("after", "This is not a `next` of this search.", "query") from None
    return begin, subject


def _by_key(text: str, names: list[str], searched: Searched) -> Iterator[Found]:
    """Yield what has the text as a part of its own key."""
    checkouts = {checkout_key(*_provider_and_id(name)) for name in names if ":" in name}
    pointer, declared, failures = case_pointer_key(text), declaration_key(text), incident_key(text)
    look_up = LookUp(searched.store)
    stored = look_up.once(
        Keys(
            accounts=frozenset({AccountId(text)}),
            payments=frozenset(map(PaymentId, names)),
            subscriptions=frozenset(names),
            fulfilment_keys=frozenset({f"order/{text}"}),
            documents=frozenset({pointer, declared, failures, *checkouts}),
            receipts=frozenset((name, name.partition(":")[2]) for name in names if ":" in name),
        )
    )
    orders = {key: document.order_id for key in checkouts if (document := stored.document(key, OrderPointer))}
    targets = {name for one in names for pointer in stored.pointers_from(PaymentId(one)) for name in pointer.targets}
    of_orders = frozenset(f"order/{order_id}" for order_id in orders.values())
    if targets or of_orders:
        look_up.once(Keys(payments=frozenset(targets), fulfilment_keys=of_orders))
        stored = look_up.known
    if account := stored.accounts.get(AccountId(text)):
        yield found_account(account.account_id, text, "Account")
    for order_id in {text, *orders.values()}:
        key = stored.fulfilment_keys.get(f"order/{order_id}")
        if key and key.terms:
            yield found_order(key.terms, text, is_paid=bool(key.payment_ids))
    for name in names:
        yield from (found_payment(home, text) for home in stored.homes_of(PaymentId(name)))
        if subscription := stored.subscriptions.get(name):
            yield found_subscription(subscription, text)
        if receipt := stored.receipts.get((name, name.partition(":")[2])):
            yield found_event(receipt, text, searched.names_in(receipt))
    if case := stored.document(pointer, CasePointer):
        yield found_case(case, text)
    if declaration := stored.document(declared, Declaration):
        yield found_declaration(declaration, text)
    if incident := stored.document(failures, Incident):
        yield found_incident(incident, text)


def _by_index(text: str, searched: Searched) -> Iterator[Found]:
    """Yield what has the text as a number or an id that is part of no key."""
    store, bare = searched.store, text.partition(":")[2] or text
    named = [*islice(store.named(bare), MOST_ROWS)]
    if (number := number_as_searched(text)) != bare:
        named += islice(store.named(number), MOST_ROWS)
    rows = [row for row in named if row.kind is not NameKind.PARKED][:MOST_FOUND]
    payment_ids = frozenset(row.payment_id for row in rows if row.payment_id)
    look_up = LookUp(store)
    stored = look_up.once(Keys(payments=payment_ids)) if payment_ids else Snapshot()
    if targets := {name for one in payment_ids for pointer in stored.pointers_from(one) for name in pointer.targets}:
        look_up.once(Keys(payments=frozenset(targets)))
        stored = look_up.known
    for row in rows:
        if row.kind is NameKind.RUN and row.account_id:
            yield found_run(row.subject, row.account_id, text)
        for home in stored.homes_of(row.payment_id) if row.payment_id else ():
            yield from _named(row, home, text)
    for receipt in _still_named(text, (row for row in named if row.kind is NameKind.PARKED), searched):
        yield found_event(receipt, text, searched.names_in(receipt))


def _named(row: IndexRow, home: Purchase, text: str) -> Iterator[Found]:
    """Yield what a row leads to, if the purchase has it."""
    if row.kind is NameKind.INVOICE:
        yield found_payment(home, text)
        return
    kinds = {NameKind.REFUND: FoundKind.REFUND, NameKind.DISPUTE: FoundKind.DISPUTE, NameKind.CREDIT: FoundKind.CREDIT}
    ids = ("refund_id", "dispute_id", "adjustment_id", "credit_id")
    for fact in home.facts.values():
        if row.kind in kinds and row.name in {getattr(fact, name, None) for name in ids}:
            yield found_fact(kinds[row.kind], row.subject, fact, home, text)
            return


def _by_customer(names: list[str], store: Store) -> Iterator[Found]:
    """Yield the accounts that a provider's customer has bought for, as far as the first receipts show it."""
    for name in names:
        receipts = store.receipts_page(name, MOST_RECEIPTS).items if ":" in name else ()
        own = [receipt for receipt in receipts if receipt.customer_id == name]
        accounts = sorted({receipt.account_id for receipt in own if receipt.account_id})
        for account_id in accounts:
            yield found_customer(name, account_id, "Customer at the provider")
        if own and not accounts:
            yield found_customer(name, None, "Customer at the provider: it is not known whose. See its parked events")


def _by_address(text: str, searched: Searched) -> Iterator[Found]:
    """Yield the accounts whose address it is, or was, the parked events that name it, and what was declared with it."""
    store, matched = searched.store, "e-mail address"
    hashed = hash_of_address(text, searched.address_key())
    rows = islice(store.named(hashed, NameKind.ADDRESS), MOST_FOUND)
    contacts = {row.account_id: contact_key(row.account_id) for row in rows if row.account_id}
    declared = [declaration_key(row.subject) for row in islice(store.named(hashed, NameKind.DECLARATION), MOST_ROWS)]
    wanted = frozenset((*contacts.values(), *declared))
    stored = store.read(Keys(documents=wanted)) if wanted else Snapshot()
    for account_id, key in contacts.items():
        contact = stored.document(key, Contact)
        is_current = contact and hash_of_address(contact.email, searched.address_key()) == hashed
        words = "Account with this e-mail address" if is_current else "Account that had this e-mail address before"
        yield found_account(account_id, matched, words)
    for receipt in _still_named(text, islice(store.named(hashed, NameKind.PARKED), MOST_ROWS), searched):
        yield found_event(receipt, matched, searched.names_in(receipt))
    given = [one for key in declared if (one := stored.document(key, Declaration))]
    for declaration in sorted(given, key=lambda one: one.declared_at, reverse=True):
        if hash_of_address(declaration.submission.email, searched.address_key()) == hashed:
            yield found_declaration(declaration, matched)


def _provider_and_id(name: str) -> tuple[str, str]:
    provider, _, own = name.partition(":")
    return provider, own


def _unique(found: Iterable[Found]) -> Iterator[Found]:
    """Yield each thing once, with the accounts apart."""
    seen: set[tuple[str, str, str | None]] = set()
    for one in found:
        name = (one.kind, one.found_id, one.account_id)
        if name not in seen:
            seen.add(name)
            yield one
