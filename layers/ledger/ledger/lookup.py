"""Reading what names lead to, and trying again when overtaken: what every use-case does."""

import random
import time
from collections.abc import Iterator

from ledger.facts import AccountId, PaymentId
from ledger.ports import Keys, Snapshot, Store

ATTEMPTS = 12  # how often an overtaken write is planned again before the caller is asked to come again


class LookUp:
    """What was read so far, and whatever it leads to. Nothing is read twice, but for closed lots.

    A batch is no snapshot: a closed lot may have been read before a change of it, even before it closed, and its
    account after that. Then the account's version would not guard it. So one that is there, or must be, counts once it
    is read after its account.
    """

    def __init__(self, store: Store, claim: str | None = None, *, with_orders: bool = False) -> None:
        self._store = store
        self._claim = claim
        self._with_orders = with_orders
        self._read = Keys()
        self.known = Snapshot()

    def __call__(self, keys: Keys) -> Snapshot:
        """Read these names, and what they lead to."""
        while missing := (keys | self.known.mentioned(self._claim, with_orders=self._with_orders)) - self._read:
            found = self._store.read(missing)
            self.known |= found
            too_early = (
                lot
                for lot in missing.closed_lots
                if lot[0] in missing.accounts
                and not self._is_open(*lot)
                and (lot in found.closed_lots or self._is_granted(lot[1]))
            )
            self._read |= missing - Keys(closed_lots=frozenset(too_early))
        return self.known

    def _is_open(self, account_id: AccountId, lot_id: str) -> bool:
        account = self.known.accounts.get(account_id)
        return account is not None and lot_id in account.lots

    def _is_granted(self, lot_id: str) -> bool:
        """Whether its payment is booked: a lot bears the name of its claim, or of its payment."""
        name = lot_id.rpartition("/")[0]
        claim, home = self.known.claims.get(name), self.known.home_of(PaymentId(name))
        return bool((claim and claim.payment_id) or (home and home.payment))


def attempts() -> Iterator[int]:
    """Attempt numbers, with a growing pause of random length ("full jitter") before each but the first."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(random.uniform(0, min(0.4, 0.01 * 2**attempt)))  # noqa: S311 - spreads load, guards nothing
        yield attempt
