"""Read the open disputes: of one account."""

from ledger.domain.accounts import Account
from ledger.domain.disputes import CONTACTED_FIRST, ReportedDispute, reported_disputes
from ledger.ports.reads import Keys
from ledger.ports.store import Store

_LATEST = 100
"""Of how many purchases flags are looked up: unlike a hold, a flag does not name its payment."""

_FLAGS = ("inquiry:", f"{CONTACTED_FIRST}:")


def open_disputes_of(account: Account, store: Store) -> list[ReportedDispute]:
    """Return an account's open disputes, the most urgent first. An account without one costs no read."""
    held = {hold.payment_id for hold_id, hold in account.holds.items() if hold_id.startswith("dispute:")}
    names = frozenset(payment_id for payment_id in held if payment_id)
    found = []
    if names:
        stored = store.read(Keys(payments=names))
        found += [home for name in sorted(names) for home in stored.homes_of(name)]
    if any(flag.startswith(_FLAGS) for flag in account.flags):
        found += store.purchases_of(account.account_id, _LATEST).items
    disputes = {
        one.dispute_id: one
        for purchase in found
        for one in reported_disputes(purchase.facts, purchase.payment_id)
        if one.is_open
    }
    return sorted(disputes.values(), key=lambda one: one.urgency)
