"""Plan bookings: from what is stored and what an event reports, to the one commit that makes the ledger agree.

Every function here is pure: it reads nothing and writes nothing.

    events       one event ──► its whole commit: calls the others                  (events.py)
    owners       event + what is stored ──► its account                            (owners.py)
    merging      event + stored purchases ──► purchases with merged facts          (merging.py)
    fulfilment   a purchase ──► all payments for the same order or period          (fulfilment.py)
    booking      their target − what is booked ──► account change                  (booking.py)
    entries      each movement of a lot ──► one entry                              (entries.py)
"""

from ledger.usecases.plan_booking.booking import plan_goodwill, plan_internal_fact, stop_of_renewals
from ledger.usecases.plan_booking.entries import Origin, lot_entries
from ledger.usecases.plan_booking.events import (
    consent_fact,
    is_already_booked,
    may_grant_without_reading,
    plan_event,
    plan_first_grant,
    plan_subscription,
)
from ledger.usecases.plan_booking.merging import pointers_as_read
from ledger.usecases.plan_booking.owners import claimable_account, keys_of_owner, order_id_of, owner_account

__all__ = [
    "Origin",
    "claimable_account",
    "consent_fact",
    "is_already_booked",
    "keys_of_owner",
    "lot_entries",
    "may_grant_without_reading",
    "order_id_of",
    "owner_account",
    "plan_event",
    "plan_first_grant",
    "plan_goodwill",
    "plan_internal_fact",
    "plan_subscription",
    "pointers_as_read",
    "stop_of_renewals",
]
