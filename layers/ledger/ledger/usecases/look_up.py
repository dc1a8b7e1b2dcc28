"""Read what names lead to, step by step."""

from ledger.domain.ids import AccountId, PaymentId
from ledger.ports.reads import Keys, Snapshot
from ledger.ports.store import Store


class LookUp:
    """What was read so far, and whatever it leads to. Nothing is read twice, but for closed lots.

    A batch is no snapshot: a closed lot may have been read before a change of it, even before it closed, and its
    account after that. Then the account's version would not guard it. So one that is there, or must be, counts once it
    is read after its account.
    """

    def __init__(self, store: Store, fulfilment_key: str | None = None, *, with_orders: bool = False) -> None:
        self._store = store
        self._claim = fulfilment_key
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
        fulfilment_key, home = self.known.fulfilment_keys.get(name), self.known.home_of(PaymentId(name))
        return bool((fulfilment_key and fulfilment_key.payment_id) or (home and home.payment))
