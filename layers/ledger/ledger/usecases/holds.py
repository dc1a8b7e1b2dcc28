"""Holds: suspend an account, or lift one hold, as support staff."""

from dataclasses import replace
from datetime import datetime

from ledger.domain.accounts import Account
from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.errors import NotFound
from ledger.domain.facts import HoldLifted
from ledger.domain.holds import Hold
from ledger.domain.ids import AccountId, PaymentId, request_correlation_id
from ledger.domain.proposals import CREDITS, Stake
from ledger.domain.withdrawn import REPEATED
from ledger.ports.commit import AccountChange, Commit, DocumentChange
from ledger.ports.documents import audit_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases import plan_booking
from ledger.usecases.authority import Act, Authority, commit_act
from ledger.usecases.list_mails import hold_mails
from ledger.usecases.look_up import LookUp
from ledger.usecases.plan_booking import Origin
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction

HOLDS_ROUTE = "holds"
"""The route of which a hold's id is the key."""


def place_hold(hold_id: str, account_id: AccountId, actor: str, store: Store, *, why: str, now: datetime) -> bool:
    """Suspend an account, as the support person `actor`. Return False if this hold is on the account already.

    Raise NotFound if there is no such account, StoreUnavailable after too many conflicts.
    """

    def attempt() -> bool | Retry:
        account = store.read(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
        if account is None:
            raise NotFound(f"There is no account {account_id}.")
        if hold_id in account.holds:
            return False
        commit = _hold_change(account, hold_id, Hold(now, None), now)
        record = AuditRecord(
            actor=actor, action=AuditAction.HOLD, subject=hold_id, reason=why, at=now, step=account.version
        )
        return True if store.commit(_with_audit_record(commit, account_id, record)) is None else CONFLICT

    return run_transaction(attempt, f"{hold_id} of {account_id}")


def lift_hold(
    hold_id: str,
    account_id: AccountId,
    actor: str,
    store: Store,
    *,
    why: str,
    now: datetime,
    authority: Authority,
) -> bool:
    """Lift one hold, as the support person `actor`. Return False if the account has no such hold.

    The flag of a repeated withdrawal is lifted in the same way: a person has looked at the account.

    A later fact about the same dispute does not place the hold again. At stake are the credits of the account. Raise
    SecondPersonNeeded if a colleague has to confirm it, StoreUnavailable after too many conflicts.
    """

    def attempt() -> bool | Retry:
        look_up = LookUp(store)
        account = look_up(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
        hold = _liftable(hold_id, account) if account else None
        if account is None or hold is None:
            return False
        # A hold is lifted after it began, whatever the clocks of the provider and of the other Lambdas say.
        at = max(now, hold.since)
        if hold.payment_id is None:
            commit = _hold_change(account, hold_id, None, now)
        else:
            lifted = HoldLifted(hold_id=hold_id, actor=actor, at=at, cause=f"support:{actor}")
            origin = Origin(now, lifted.cause, request_correlation_id(account_id, HOLDS_ROUTE, hold_id))
            commit = _plan_lift(lifted, hold.payment_id, look_up, origin)
        record = AuditRecord(
            actor=actor,
            action=AuditAction.LIFT,
            subject=hold_id,
            reason=why,
            at=at,
            step=account.version,
        )
        stake = Stake(amount=max(0, account.balance), unit=CREDITS)
        act = Act(account_id=account_id, record=record, stake=stake, request="{}", key=hold.since.isoformat())
        return True if commit_act(commit, act, authority, store) is None else CONFLICT

    return run_transaction(attempt, f"{hold_id} of {account_id}")


def _liftable(hold_id: str, account: Account) -> Hold | None:
    """Return a hold of the account, or a flag that stops new orders until a person has looked. None: it has neither."""
    since = account.flags.get(hold_id)
    if since and hold_id.startswith(REPEATED):
        return Hold(since, PaymentId(hold_id.removeprefix(REPEATED)))
    return account.holds.get(hold_id)


def _hold_change(account: Account, hold_id: str, hold: Hold | None, now: datetime) -> Commit:
    """Return the commit that sets a hold which no purchase derives. None: remove it."""
    return Commit(
        account=AccountChange(
            account_id=account.account_id, version=account.version, holds={hold_id: hold}, held=account.holds
        ),
        documents=tuple(hold_mails(account, {hold_id: hold}, now)),
    )


def _plan_lift(lifted: HoldLifted, payment_id: PaymentId, look_up: LookUp, origin: Origin) -> Commit:
    """Return the commit that lifts a hold which purchases derive: each of them gets the fact of its lifting.

    Of shared money, these must still be all when it is written. A sale that is not paid yet keeps the fact.
    """
    homes = look_up(Keys(payments=frozenset({payment_id}))).homes_of(payment_id)
    purchases = [purchase.with_facts(lifted) for purchase in homes if purchase.payment]
    if not purchases:
        raise ValueError(f"{lifted.hold_id} was derived from a purchase that is not stored")
    commit = plan_booking.plan_internal_fact(purchases, look_up.known, origin)
    unpaid = (purchase.with_facts(lifted) for purchase in homes if not purchase.payment)
    return replace(
        commit,
        purchases=(*commit.purchases, *unpaid),
        pointers=plan_booking.pointers_as_read([payment_id], look_up.known),
    )


def _with_audit_record(commit: Commit, account_id: AccountId, record: AuditRecord) -> Commit:
    """Return the commit with this audit record added."""
    change = DocumentChange(audit_key(account_id, record), record)
    return replace(commit, documents=(*commit.documents, change))
