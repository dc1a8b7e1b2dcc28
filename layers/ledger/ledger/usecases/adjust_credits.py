"""Adjust credits, as support: give some out of goodwill, or take back what was given so.

    credits > 0   a lot of their own, which never expires
    credits < 0   less in the lots that adjustments gave, the latest first; no other credits are ever taken so

Each movement is an entry against the counter-account goodwill.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from ledger.domain.accounts import Account
from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.errors import NotFound, RequestRefused
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import AccountId, derived_id, request_correlation_id
from ledger.domain.lots import Lot
from ledger.domain.proposals import CREDITS, Stake
from ledger.domain.records import record
from ledger.ports.commit import AccountChange, Commit, DocumentChange
from ledger.ports.documents import idempotency_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases import plan_booking
from ledger.usecases.authority import Act, Authority, commit_act
from ledger.usecases.plan_booking import Origin
from ledger.usecases.transaction import CONFLICT, Retry, result_under_key, run_transaction

ADJUSTMENTS_ROUTE = "adjustments"
"""The route of the Idempotency-Keys of adjustments: one key counts for one account and one route."""


_LOTS = "goodwill/"


@record(frozen=True, kw_only=True)
class Adjustment:
    """Credits that a person gives, or takes back."""

    account_id: AccountId
    credits: int  # + given, − taken back; never 0
    reason: str
    actor: str
    key: str  # the Idempotency-Key

    @property
    def adjustment_id(self) -> str:
        return derived_id("adj", self.account_id, ADJUSTMENTS_ROUTE, self.key)

    @property
    def fingerprint(self) -> str:
        return derived_id("adjustment", self.account_id, str(self.credits), self.reason, self.actor)


def adjust_credits(adjustment: Adjustment, store: Store, authority: Authority, *, now: datetime) -> str:
    """Carry out an adjustment once, and return its id. The same request under the same key changes nothing.

    Raise NotFound if there is no such account, RequestRefused if fewer credits of adjustments are left,
    IdempotencyKeyReused if the key belongs to another request, SecondPersonNeeded if a colleague has to confirm it.
    """
    return run_transaction(lambda: _adjust(adjustment, store, authority, now), adjustment.adjustment_id)


def _adjust(adjustment: Adjustment, store: Store, authority: Authority, now: datetime) -> str | Retry:
    account_id, adjustment_id = adjustment.account_id, adjustment.adjustment_id
    record_key = idempotency_key(account_id, ADJUSTMENTS_ROUTE, adjustment.key)
    known = store.read(Keys(accounts=frozenset({account_id}), documents=frozenset({record_key})))
    if done := result_under_key(known, record_key, adjustment.fingerprint):
        return done
    account = known.accounts.get(account_id)
    if account is None:
        raise NotFound(f"There is no account {account_id}.")
    origin = Origin(
        now, f"support:{adjustment.actor}", request_correlation_id(account_id, ADJUSTMENTS_ROUTE, adjustment.key)
    )
    if adjustment.credits > 0:
        commit = plan_booking.plan_goodwill(account, _LOTS + adjustment_id, adjustment.credits, origin)
    else:
        commit = _taken_back(account, -adjustment.credits, origin)
    record = IdempotencyRecord(fingerprint=adjustment.fingerprint, subject=adjustment_id, at=now)
    act = Act(
        account_id=account_id,
        record=AuditRecord(
            actor=adjustment.actor,
            action=AuditAction.ADJUST,
            subject=adjustment_id,
            reason=adjustment.reason,
            at=now,
            step=account.version,
        ),
        stake=Stake(amount=abs(adjustment.credits), unit=CREDITS),
        request=json.dumps({"credits": adjustment.credits, "key": adjustment.key}, sort_keys=True),
    )
    commit = replace(commit, documents=(*commit.documents, DocumentChange(record_key, record)))
    return CONFLICT if commit_act(commit, act, authority, store) else adjustment_id


def _taken_back(account: Account, credits_: int, origin: Origin) -> Commit:
    """Return the commit that takes credits out of adjustments' lots. Raise RequestRefused if these have fewer."""
    lots = {lot.lot_id: lot for lot in _smaller(account, credits_)}
    taken = sum(account.lots[lot_id].granted - lot.granted for lot_id, lot in lots.items())
    if taken < credits_:
        raise RequestRefused(f"{taken} credits of earlier adjustments are left. No others can be taken back.")
    return Commit(
        account=AccountChange(account_id=account.account_id, version=account.version, lots=lots),
        entries=tuple(plan_booking.lot_entries(account, account.lots, lots.values(), origin)),
    )


def _smaller(account: Account, credits_: int) -> Iterator[Lot]:
    """Yield the lots that adjustments gave, with fewer credits, the latest first."""
    for lot in reversed(account.lots_in_draw_order):
        part = min(credits_, lot.remaining) if lot.lot_id.startswith(f"{_LOTS}adj_") else 0
        if part:
            credits_ -= part
            yield replace(lot, granted=lot.granted - part)
