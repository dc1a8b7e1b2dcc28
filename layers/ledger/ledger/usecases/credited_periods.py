"""Find the payment of a period that an event credits without naming its payment.

A subscription's change credits the unused part of the running period. Stripe names the line that it credits, but not
always. The running period is the latest one that has begun by then, and it must not end before the credit does:

    payments known    a credit from 16 June to 1 July is of
    May, June         June
    May               none of them: May ends before 1 July. The event is parked until June's payment is known

Each period that was paid for has a lot, or is one that an order's payment covers. The account lists those and its open
lots. The lots that are over are stored beside it, under ids that begin with the period.
"""

from ledger.domain.accounts import Account
from ledger.domain.events import CreditedPeriod, Event
from ledger.domain.facts import PaymentSettled
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.receipts import NotBookable, ParkReason
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.look_up import LookUp


def name_credited_periods(event: Event, account_id: AccountId, store: Store, look_up: LookUp) -> Event | NotBookable:
    """Return the event with the payment of each credited period named. NotBookable if one is not known (yet)."""
    named: list[PaymentId] = []
    account = look_up(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
    for period in event.credited_periods:
        payment = _payment_of(period, account, store, look_up) if account else None
        if payment is None:
            detail = f"it credits a period of {period.subscription_id} whose payment is not known"
            return NotBookable(ParkReason.UNKNOWN_ORIGIN, detail)
        named.append(payment.payment_id)
    return event.with_credited_periods(named)


def _payment_of(period: CreditedPeriod, account: Account, store: Store, look_up: LookUp) -> PaymentSettled | None:
    lot_id = _running_lot(period, account, store)
    if lot_id is None:
        return None
    key, lot = _period_of(lot_id), (account.account_id, lot_id)
    closed = frozenset() if lot_id in account.lots else frozenset({lot})  # read at once, since it is booked too
    known = look_up(Keys(fulfilment_keys=frozenset({key}), closed_lots=closed), follow={key})
    homes = (known.home_of(payment_id) for payment_id in known.payments)
    payments = {home.payment for home in homes if home and home.payment and home.payment.period == key}
    payment = min(payments, key=lambda one: one.precedence, default=None)
    ends_at = payment.period_ends_at if payment else None
    return payment if ends_at and ends_at >= period.until else None


def _running_lot(period: CreditedPeriod, account: Account, store: Store) -> str | None:
    """Return the id of a lot of the latest period of a subscription that began by the credit's start.

    A period that an order's payment covers counts as if it had a lot of its own: its lots have the order's id.

    The account is read before the closed lots: what closes between the two reads is found by the second one. An open
    lot that lasts as long as the credit is proof enough: the credits of a later period would last longer.
    """
    first = f"period/{period.subscription_id}/"
    last = f"{first}{period.since:%Y-%m-%dT%H:%M:%SZ}/~"  # above the lots of that very second
    known = (*account.lots, *(f"{key}/0" for key in account.covered))
    begun = max((lot_id for lot_id in known if first <= lot_id <= last), default=None)
    lot = account.lots.get(begun) if begun else None
    if lot and lot.expires_at and lot.expires_at >= period.until:
        return begun
    closed = store.latest_closed_lot(account.account_id, first, last)
    return max((lot_id for lot_id in (begun, closed) if lot_id), default=None)


def _period_of(lot_id: str) -> str:
    """Return what the id of a lot begins with: the fulfilment key or the id of its payment."""
    return lot_id.rpartition("/")[0]
