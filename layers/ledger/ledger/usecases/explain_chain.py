"""Explain an id: what led to it, what followed from it, what it waits for, and the balance of its account.

The same words as `billing why`, by bounded reads: the newest lines of each list of the account's timeline, the entries
of the time at which the id happened, its latest purchases, and what the id leads to without an account. What else is
older is left out, and the answer says so. So an account of years is explained as quickly as one of a day.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice

from ledger.domain.accounts import Account
from ledger.domain.errors import NotFound
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.records import record
from ledger.ports.documents import sortable
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.balance_lines import balance_in_words, balance_of_lots_in_words
from ledger.usecases.chain import Line, in_order, is_about, lines_that_concern
from ledger.usecases.chain_lines import (
    entry_line,
    failed_run_line,
    names_of_lots,
    order_line,
    purchase_lines,
    receipt_line,
    subscription_line,
)
from ledger.usecases.find_records import MOST_FOUND, Searched, find_records
from ledger.usecases.found import GoTo
from ledger.usecases.locks import LockedOrder, read_locks
from ledger.usecases.look_up import LookUp
from ledger.usecases.timeline import LineKind, TimelineLine, latest_purchases, timeline

MOST_LINES = 50
"""How many lines of each list are read."""
MOST_MOMENTS = 6
"""At how many times the id happened, of which entries are read that are not among the newest."""
OF_A_MOMENT = 10
MOST_SHOWN = 500
MOST_ACCOUNTS = 3
MOST_ENTRIES = 50
"""By how many entries a balance is explained, if it has no more. Else it is explained by its lots."""


@record(frozen=True, kw_only=True)
class Chain:
    """Everything that an id leads to."""

    account_ids: tuple[AccountId, ...]
    lines: tuple[Line, ...]  # oldest first
    balance: tuple[str, ...]
    is_cut: bool  # there is more than was read, or is shown


def explain_chain(text: str, searched: Searched, account_id: AccountId | None = None, *, now: datetime) -> Chain:
    """Return the chain of an id; with the account that it belongs to, of any id that its history names.

    Raise NotFound if nothing names it.
    """
    text = text.strip()
    found = find_records(text, searched)
    named = [account_id] if account_id else []
    account_ids = list(dict.fromkeys([*named, *(one.account_id for one in found if one.account_id)]))[:MOST_ACCOUNTS]
    lines: list[Line] = []
    sentences: list[str] = []
    is_cut = False
    is_whole = any(one.kind == "account" for one in found)
    parked = {one.go_to_id for one in found if one.go_to is GoTo.PARKED}
    unowned = lines_that_concern(text, _without_account(text, parked, searched))
    for one in account_ids:
        history, is_account_cut = _history(one, searched.store, None if is_whole else text, unowned)
        mine = history if is_whole else lines_that_concern(text, history)
        lines += mine
        is_cut = is_cut or is_account_cut
        sentences += explain_balance(one, searched.store, now)
    known = {(line.at, line.words) for line in lines}
    lines += [line for line in unowned if (line.at, line.words) not in known]
    if not lines:
        raise NotFound(f"Nothing names {text}. With its account beside it an event, a run or an entry is found too.")
    lines = in_order(lines)
    return Chain(
        account_ids=tuple(account_ids),
        lines=tuple(lines[-MOST_SHOWN:]),
        balance=tuple(sentences),
        is_cut=is_cut or len(lines) > MOST_SHOWN,
    )


def explain_balance(
    account_id: AccountId, store: Store, now: datetime, locked: Collection[LockedOrder] | None = None
) -> list[str]:
    """Return why an account's balance is what it is: by its entries, or, if they are many, by its lots.

    And what of it can't be used now, and why. `locked`: what is locked on it, if that was read before.
    """
    account, page = store.statement_page(account_id, MOST_ENTRIES)
    if account is None:
        return []
    if locked is None:
        locked = read_locks(account, store, now)
    if page.next:
        return balance_of_lots_in_words(account, locked)
    return balance_in_words(account, reversed(page.items), locked)


def _history(account_id: AccountId, store: Store, text: str | None, unowned: Iterable[Line]) -> tuple[list[Line], bool]:
    """Return an account's newest lines, with the entries of the time of an id, and whether some were left out."""
    kinds = [kind for kind in LineKind if kind is not LineKind.LOOK]
    lines: list[TimelineLine] = []
    newest_from: datetime | None = None  # entries are read from here on. None: all of them
    is_cut = False
    bought = latest_purchases(account_id, store)
    for kind in kinds:
        page = timeline(account_id, store, kinds=(kind,), limit=MOST_LINES, bought=bought)
        lines += reversed(page.lines)
        is_cut = is_cut or page.next is not None or bool(page.left_out)
        if kind is LineKind.ENTRY and page.next is not None:
            newest_from = page.lines[-1].line.at
    purchases = bought.items
    orders = frozenset(f"order/{one.payment.order_id}" for one in purchases if one.payment and one.payment.order_id)
    stored = store.read(Keys(accounts=frozenset({account_id}), fulfilment_keys=orders))
    account = stored.accounts.get(account_id) or Account(account_id=account_id)
    more = [line for purchase in purchases for line in purchase_lines(purchase)]
    # The store returns them in no order. A renewal names an order that nothing has proven: it may be another account's.
    keys = (key for _, key in sorted(stored.fulfilment_keys.items()))
    own = (key for key in keys if key.terms and key.terms.account_id == account_id)
    more += [order_line(key.terms, key.payment_ids) for key in own if key.terms]
    more += map(subscription_line, account.subscriptions.values())
    if lines:
        failed_runs = store.failed_runs(account_id, min(one.line.at for one in lines))
        more += (failed_run_line(account_id, failed) for failed in islice(failed_runs, MOST_LINES))
    found = [*(one.line for one in lines), *more]
    if newest_from is None or text is None:
        return found, is_cut
    named = {line.at for line in (*found, *unowned) if any(is_about(name, text) for name in line.ids)}
    moments = named | _moments_of_run(account_id, text, store)
    return [*_entries_of(moments, account_id, newest_from, store, names_of_lots(purchases)), *found], is_cut


def _moments_of_run(account_id: AccountId, run_id: str, store: Store) -> set[datetime]:
    """Return when a run drew, and when its credits came back. Empty: the account has no such run."""
    runs = store.read(Keys(runs=frozenset({(account_id, run_id)}))).runs.values()
    return {at for run in runs for at in (run.at, run.resumed_at, run.failed_at) if at}


def _entries_of(
    moments: Collection[datetime], account_id: AccountId, before: datetime, store: Store, names: Mapping[str, str]
) -> list[Line]:
    """Return the entries of some moments before a time, oldest first: those of an old id are not among the newest.

    They are without the account's balance after them, which only all later entries would give.
    """
    found = {}
    seconds = sorted({moment.replace(microsecond=0) for moment in moments if moment < before})
    for second in seconds[:MOST_MOMENTS]:
        _, page = store.statement_page(account_id, OF_A_MOMENT, f"{sortable(second)[:_SECOND]}~")
        found.update({entry.entry_id: entry for entry in reversed(page.items) if entry.occurred_at < before})
    return [entry_line(entry, None, names) for entry in found.values()]


_SECOND = len("2026-11-01T12:00:00")


def _without_account(text: str, parked: Collection[str], searched: Searched) -> Iterator[Line]:
    """Yield the lines of what an id names directly, which may be nobody's yet, and of parked events that name it."""
    names = [text] if ":" in text else [f"{provider}:{text}" for provider in searched.providers]
    names = [name for name in names if name.partition(":")[2]]
    payments = frozenset(map(PaymentId, names))
    naming = {(owner, event_id) for owner, _, event_id in (one.rpartition("~") for one in parked)}
    receipt_names = frozenset({*naming, *((name, name.partition(":")[2]) for name in names)})
    look_up = LookUp(searched.store)
    stored = look_up.once(Keys(payments=payments, receipts=receipt_names)) if receipt_names else look_up.known
    for name in names:
        for home in stored.homes_of(PaymentId(name)):
            yield from purchase_lines(home)
    receipts = dict(stored.receipts)
    for name in names:
        receipts |= {one.name: one for one in searched.store.receipts_page(name, 100).items}
    yield from (receipt_line(one, *((text,) if name in naming else ())) for name, one in receipts.items())
    for row in islice(searched.store.named(text.partition(":")[2] or text), MOST_FOUND):
        if row.payment_id:
            for home in look_up.once(Keys(payments=frozenset({row.payment_id}))).homes_of(row.payment_id):
                yield from purchase_lines(home)
