"""Find the payment of a period that an event credits without naming its payment.

A subscription's change credits the unused part of the running period. Stripe names the line that it credits, but not
always. The running period is the latest one that has begun by then, and it must not end before the credit does:

    payments known    a credit from 16 June to 1 July is of
    May, June         June
    May               none of them: May ends before 1 July. The event is parked until June's payment is known

The account knows the periods whose lots it has. A lot leaves it when it is used up and expires no more. A credit that
is received only after that stays parked: a person decides.
"""

from datetime import datetime

from ledger.domain.accounts import Account
from ledger.domain.events import CreditedPeriod, Event
from ledger.domain.facts import PaymentSettled
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.receipts import NotBookable, ParkReason
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.look_up import LookUp


def name_credited_periods(event: Event, account_id: AccountId, store: Store) -> Event | NotBookable:
    """Return the event with the payment of each credited period named. NotBookable if one is not known (yet)."""
    named: list[PaymentId] = []
    account = LookUp(store)(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
    for period in event.credited_periods:
        payment = _payment_of(period, account, store) if account else None
        if payment is None:
            detail = f"it credits a period of {period.subscription_id} whose payment is not known"
            return NotBookable(ParkReason.UNKNOWN_ORIGIN, detail)
        named.append(payment.payment_id)
    return event.with_credited_periods(named)


def _payment_of(period: CreditedPeriod, account: Account, store: Store) -> PaymentSettled | None:
    key = _running_period(account, period.subscription_id, period.since)
    if key is None:
        return None
    keys = Keys(accounts=frozenset({account.account_id}), fulfilment_keys=frozenset({key}))
    known = LookUp(store, {key})(keys)
    homes = (known.home_of(payment_id) for payment_id in known.payments)
    payments = {home.payment for home in homes if home and home.payment and home.payment.period == key}
    payment = min(payments, key=lambda one: one.precedence, default=None)
    ends_at = payment.period_ends_at if payment else None
    return payment if ends_at and ends_at >= period.until else None


def _running_period(account: Account, subscription_id: str, at: datetime) -> str | None:
    """Return the fulfilment key of the latest period of a subscription that began by `at`, as the account knows it."""
    periods = (*account.covered, *(lot_id.rpartition("/")[0] for lot_id in account.lots))
    begun = f"period/{subscription_id}/{at:%Y-%m-%dT%H:%M:%SZ}"
    return max((key for key in periods if key.startswith(f"period/{subscription_id}/") and key <= begun), default=None)
