"""Explain an id: what led to it, what followed from it, what it waits for, and the balance of its account.

The same words as `billing why`, by bounded reads: the newest lines of each list of the account's timeline, its latest
purchases, and what the id leads to without an account. What is older is left out, and the answer says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from ledger.domain.accounts import Account
from ledger.domain.errors import NotFound
from ledger.domain.ids import AccountId, PaymentId
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.chain import (
    Line,
    balance_in_words,
    failed_run_line,
    in_order,
    lines_that_concern,
    order_line,
    purchase_lines,
    receipt_line,
    subscription_line,
)
from ledger.usecases.find_records import MOST_FOUND, Searched, find_records
from ledger.usecases.look_up import LookUp
from ledger.usecases.timeline import LineKind, TimelineLine, latest_purchases, timeline

MOST_LINES = 400
"""How many lines of each list are read."""
MOST_SHOWN = 500
MOST_ACCOUNTS = 3
MOST_ENTRIES = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Everything that an id leads to."""

    account_ids: tuple[AccountId, ...]
    lines: tuple[Line, ...]  # oldest first
    balance: tuple[str, ...]
    is_cut: bool  # there is more than was read, or is shown


def explain_chain(text: str, searched: Searched, account_id: AccountId | None = None) -> Chain:
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
    for one in account_ids:
        history, is_account_cut = _history(one, searched.store)
        mine = history if is_whole else lines_that_concern(text, history)
        lines += mine
        is_cut = is_cut or is_account_cut
        sentences += explain_balance(one, searched.store)
    known = {(line.at, line.words) for line in lines}
    unowned = lines_that_concern(text, _without_account(text, searched))
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


def explain_balance(account_id: AccountId, store: Store) -> list[str]:
    """Return why an account's balance is what it is: by its newest entries, and the sum of what is older."""
    account, page = store.statement_page(account_id, MOST_ENTRIES)
    if account is None:
        return []
    left_out = account.balance - sum(entry.credits for entry in page.items)
    return balance_in_words(account, page.items, left_out)


def _history(account_id: AccountId, store: Store) -> tuple[list[Line], bool]:
    """Return an account's lines, and whether some were left out."""
    kinds = [kind for kind in LineKind if kind is not LineKind.LOOK]
    lines: list[TimelineLine] = []
    is_cut = False
    for kind in kinds:
        page = timeline(account_id, store, kinds=(kind,), limit=MOST_LINES)
        lines += reversed(page.lines)
        is_cut = is_cut or page.next is not None or bool(page.left_out)
    purchases = latest_purchases(account_id, store)
    orders = frozenset(f"order/{one.payment.order_id}" for one in purchases if one.payment and one.payment.order_id)
    stored = store.read(Keys(accounts=frozenset({account_id}), fulfilment_keys=orders))
    account = stored.accounts.get(account_id) or Account(account_id=account_id)
    more = [line for purchase in purchases for line in purchase_lines(purchase)]
    more += [order_line(key.terms, key.payment_ids) for key in stored.fulfilment_keys.values() if key.terms]
    more += map(subscription_line, account.subscriptions.values())
    if lines:
        failed_runs = store.failed_runs(account_id, min(one.line.at for one in lines))
        more += (failed_run_line(account_id, failed) for failed in islice(failed_runs, MOST_LINES))
    return [*(one.line for one in lines), *more], is_cut


def _without_account(text: str, searched: Searched) -> Iterator[Line]:
    """Yield the lines of what an id names directly, which may be nobody's yet."""
    names = [text] if ":" in text else [f"{provider}:{text}" for provider in searched.providers]
    names = [name for name in names if name.partition(":")[2]]
    payments = frozenset(map(PaymentId, names))
    keys = Keys(payments=payments, receipts=frozenset((name, name.partition(":")[2]) for name in names))
    look_up = LookUp(searched.store)
    stored = look_up.once(keys) if names else look_up.known
    for name in names:
        for home in stored.homes_of(PaymentId(name)):
            yield from purchase_lines(home)
    yield from map(receipt_line, stored.receipts.values())
    for name in names:
        yield from map(receipt_line, searched.store.receipts_page(name, 100).items)
    for row in islice(searched.store.named(text.partition(":")[2] or text), MOST_FOUND):
        if row.payment_id:
            for home in look_up.once(Keys(payments=frozenset({row.payment_id}))).homes_of(row.payment_id):
                yield from purchase_lines(home)
