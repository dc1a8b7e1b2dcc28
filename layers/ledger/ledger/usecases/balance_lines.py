"""Why an account's balance is what it is, in sentences, and what of it can't be used."""

from collections.abc import Iterable, Mapping

from ledger.domain.accounts import Account
from ledger.domain.entries import Entry
from ledger.domain.orders import MissingConsent
from ledger.usecases.chain_lines import MOVED, in_credits, in_utc
from ledger.usecases.locks import LockedOrder


def balance_in_words(account: Account, entries: Iterable[Entry], locked: Iterable[LockedOrder]) -> list[str]:
    """Return why an account's balance is what it is: the sums of all its entries by kind. And what of it can't be used.

    `locked` is what is locked on the account.
    """
    sums: dict[str, int] = {}
    for entry in entries:
        if entry.credits:
            name = MOVED[entry.kind].partition(",")[0]
            sums[name] = sums.get(name, 0) + entry.credits
    return [f"{account.account_id} has {in_credits(account.balance)}: {_summed(sums)}.", *_what_else(account, locked)]


def balance_of_lots_in_words(account: Account, locked: Iterable[LockedOrder]) -> list[str]:
    """Return why a balance is what it is by the lots that have credits left: what became of each. It reads no entry.

    The others have nothing left, so the sums are the balance. And what of it can't be used: `locked` is what is locked.
    """
    lots = [lot for lot in account.lots.values() if lot.remaining]
    sums = {
        "granted": sum(lot.granted for lot in lots),
        "drawn": -sum(lot.drawn for lot in lots),
        "taken back": -sum(lot.refunded + lot.disputed for lot in lots),
        "expired": -sum(lot.expired for lot in lots),
    }
    of = "the lot that has" if len(lots) == 1 else f"the {len(lots):,} lots that have"
    figures = f"{_summed(sums)}, of {of} credits left. All other lots have none" if lots else "no lot has any left"
    return [f"{account.account_id} has {in_credits(account.balance)}: {figures}.", *_what_else(account, locked)]


def _summed(sums: Mapping[str, int]) -> str:
    given_first = sorted(sums.items(), key=lambda one: one[1] < 0)
    parts = " ".join(f"{'−' if total < 0 else '+'} {abs(total):,} {name}" for name, total in given_first if total)
    return parts.removeprefix("+ ") or "no entry"


def _what_else(account: Account, locked: Iterable[LockedOrder]) -> list[str]:
    """Return what beside the balance decides what can be spent."""
    sentences = [f"It is suspended by {hold_id} since {in_utc(hold.since)}." for hold_id, hold in account.holds.items()]
    sentences += map(_lock_in_words, locked)
    frozen = sum(lot.remaining for lot in account.lots.values() if lot.is_frozen)
    if frozen:
        sentences.append(f"{_of_them(frozen)} frozen while a dispute of their payment is open.")
    reserved = sum(lot.reserved for lot in account.lots.values())
    if reserved:
        sentences.append(f"{_of_them(reserved)} reserved for a refund under way.")
    if account.shortfall:
        used = "that was used before its" if account.shortfall == 1 else "that were used before their"
        sentences.append(f"It owes {in_credits(account.shortfall)} {used} money went back.")
    return sentences


def _lock_in_words(lock: LockedOrder) -> str:
    """Return how many credits of an order are locked, why, and what unlocks them."""
    order = f" of order {lock.order_id}" if lock.order_id else ""
    why, unlocks = _LOCKS[lock.missing]
    end = f", or at the end of that right: {in_utc(lock.until)}" if lock.until else ""
    return f"{_of_them(lock.credits)} locked: {why.format(order=order)}. {unlocks}{end}."


_LOCKS: Mapping[MissingConsent | None, tuple[str, str]] = {
    MissingConsent.REQUEST: (
        "the customer{order} has not asked us to begin before the right of withdrawal ends",
        "The customer's consent unlocks them",
    ),
    MissingConsent.CONFIRMATION: (
        "our mail that confirms the consent{order} was not accepted for delivery yet",
        "That mail unlocks them",
    ),
    None: ("a withdrawal from the contract{order} waits for a decision", "That decision unlocks them, or takes them"),
}


def _of_them(count: int) -> str:
    return f"{count:,} of them {'is' if count == 1 else 'are'}"
