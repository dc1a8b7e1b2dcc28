"""Look up: read what ids lead to, step by step."""

from collections.abc import Collection

from ledger.domain.ids import AccountId, PaymentId
from ledger.ports.reads import Keys, Snapshot
from ledger.ports.store import Store


class LookUp:
    """Reads from a store, and everything that was read so far. Nothing is read twice, except closed lots.

    BatchGetItem is not a snapshot. A closed lot that was read before its account may be stale, and the account's
    version does not protect it. So it is read again after the account, if it is stored or must be, unless the commit
    checks that it is stored as it was read (`AccountChange.closed_before`):

        reads         lot (absent) ──► account (without the lot) ──► lot (stored)
        other writer           lot closes ──┘
    """

    def __init__(
        self,
        store: Store,
        fulfilment_keys: Collection[str] = (),
        *,
        with_orders: bool = False,
        are_lots_checked: bool = False,
    ) -> None:
        """Follow `fulfilment_keys` to their payments, and with `with_orders` each payment to its order.

        `are_lots_checked`: whatever is committed is conditioned on the closed lots that it rests on.
        """
        self._store = store
        self._fulfilment_keys = frozenset(fulfilment_keys)
        self._with_orders = with_orders
        self._are_lots_checked = are_lots_checked
        self._read = Keys()
        self.known = Snapshot()

    def __call__(self, keys: Keys, follow: Collection[str] = ()) -> Snapshot:
        """Read these keys and everything that they lead to. Return all that was read so far.

        From now on, `follow` these fulfilment keys to their payments too.
        """
        self._fulfilment_keys |= frozenset(follow)
        while missing := (keys | self._mentioned()) - self._read:
            self.once(missing)
        return self.known

    def once(self, keys: Keys) -> Snapshot:
        """Read these keys, and nothing that they lead to, in one batch. Return what was found."""
        found = self._store.read(keys)
        self.known |= found
        self._read |= keys - Keys(closed_lots=self._stale_lots(keys, found))
        return found

    def _mentioned(self) -> Keys:
        return self.known.mentioned(self._fulfilment_keys, with_orders=self._with_orders)

    def _stale_lots(self, read: Keys, found: Snapshot) -> frozenset[tuple[AccountId, str]]:
        """Return the closed lots that must be read again, since they were read together with their account."""
        return frozenset(
            (account_id, lot_id)
            for account_id, lot_id in read.closed_lots
            if account_id in read.accounts
            and not self._is_open(account_id, lot_id)
            and self._may_be_stale((account_id, lot_id), found)
        )

    def _may_be_stale(self, lot: tuple[AccountId, str], found: Snapshot) -> bool:
        return not self._are_lots_checked if lot in found.closed_lots else self._is_granted(lot[1])

    def _is_open(self, account_id: AccountId, lot_id: str) -> bool:
        account = self.known.accounts.get(account_id)
        return account is not None and lot_id in account.lots

    def _is_granted(self, lot_id: str) -> bool:
        """Return whether the lot's payment is booked. A lot's id begins with its fulfilment key or its payment's id."""
        name = lot_id.rpartition("/")[0]
        fulfilment_key, purchase = self.known.fulfilment_keys.get(name), self.known.home_of(PaymentId(name))
        return bool((fulfilment_key and fulfilment_key.payment_id) or (purchase and purchase.payment))
