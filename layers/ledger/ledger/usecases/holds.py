"""Holds: suspend an account, or lift one hold, as support staff."""

from dataclasses import replace
from datetime import datetime

from ledger.domain.accounts import Hold
from ledger.domain.audit import AuditRecord
from ledger.domain.errors import NotFound, StoreUnavailable
from ledger.domain.facts import HoldLifted
from ledger.domain.ids import AccountId
from ledger.ports.commit import AccountChange, Commit, DocumentChange
from ledger.ports.documents import audit_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases import plan_booking
from ledger.usecases.look_up import LookUp
from ledger.usecases.transaction import ATTEMPTS, attempts


def lift_hold(hold_id: str, account_id: AccountId, actor: str, store: Store, *, why: str, now: datetime) -> bool:
    """Lift one hold, by a person. False: there is no such hold now. News of the same dispute don't hold again."""
    for _ in attempts():
        look_up = LookUp(store)
        account = look_up(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
        hold = account.holds.get(hold_id) if account else None
        if account is None or hold is None:
            return False
        if hold.payment_id is None:
            commit = Commit(
                account=AccountChange(account_id=account_id, version=account.version, holds={hold_id: None})
            )
        else:
            lift = HoldLifted(hold_id=hold_id, actor=actor, at=now, cause=f"support:{actor}")
            purchase = look_up(Keys(payments=frozenset({hold.payment_id}))).home_of(hold.payment_id)
            if purchase is None or purchase.payment is None:
                raise ValueError(f"{hold_id} was derived from a purchase that is not stored")
            commit = plan_booking.plan_internal_fact(purchase.with_facts(lift), look_up.known, lift.cause, now)
        if (
            store.commit(
                _with_audit_record(
                    commit, account_id, AuditRecord(actor=actor, act="lift", subject=hold_id, why=why, at=now)
                )
            )
            is None
        ):
            return True
    raise StoreUnavailable(f"{hold_id}: overtaken {ATTEMPTS} times by other writers of {account_id}")


def place_hold(hold_id: str, account_id: AccountId, actor: str, store: Store, *, why: str, now: datetime) -> bool:
    """Suspend an account, by a person. False: this hold is there already. Raises NotFound: no such account."""
    for _ in attempts():
        account = store.read(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
        if account is None:
            raise NotFound(f"There is no account {account_id}.")
        if hold_id in account.holds:
            return False
        change = AccountChange(account_id=account_id, version=account.version, holds={hold_id: Hold(now, None)})
        act = AuditRecord(actor=actor, act="hold", subject=hold_id, why=why, at=now)
        if store.commit(_with_audit_record(Commit(account=change), account_id, act)) is None:
            return True
    raise StoreUnavailable(f"{hold_id}: overtaken {ATTEMPTS} times by other writers of {account_id}")


def _with_audit_record(commit: Commit, account_id: AccountId, act: AuditRecord) -> Commit:
    """The same, with the record of who did it."""
    record_of_it = DocumentChange(audit_key(account_id, act.at, act.subject), act)
    return replace(commit, documents=(*commit.documents, record_of_it))
