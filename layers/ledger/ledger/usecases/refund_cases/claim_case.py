"""Claim a refund case, so that colleagues see who has it open; and give it back."""

from dataclasses import replace
from datetime import datetime

from ledger.domain.claims import CLAIMED_FOR, CaseClaim
from ledger.domain.ids import AccountId
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import case_claim_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction


def claim_case(account_id: AccountId, case_id: str, actor: str, store: Store, *, now: datetime) -> CaseClaim:
    """Claim a case, or renew a claim. Return the claim that stands: a colleague's, if one has it open."""
    return run_transaction(lambda: _claim(account_id, case_id, actor, store, now), f"claim of {case_id}")


def _claim(account_id: AccountId, case_id: str, actor: str, store: Store, now: datetime) -> CaseClaim | Retry:
    known = read_claim(account_id, case_id, store)
    if known and known.is_of_another(actor, now):
        return known
    new = known or CaseClaim(case_id=case_id, account_id=account_id, actor=actor, until=now)
    return _write(replace(new, actor=actor, until=now + CLAIMED_FOR), store)


def release_case(account_id: AccountId, case_id: str, actor: str, store: Store, *, now: datetime) -> None:
    """End the person's own claim on a case. A colleague's stands."""
    run_transaction(lambda: _release(account_id, case_id, actor, store, now), f"claim of {case_id}")


def _release(account_id: AccountId, case_id: str, actor: str, store: Store, now: datetime) -> CaseClaim | Retry | None:
    known = read_claim(account_id, case_id, store)
    if known is None or known.actor != actor or known.until <= now:
        return known
    return _write(replace(known, until=now), store)


def _write(claim: CaseClaim, store: Store) -> CaseClaim | Retry:
    change = DocumentChange(case_claim_key(claim.account_id, claim.case_id), claim, claim.version)
    return CONFLICT if store.commit(Commit(documents=(change,))) else claim


def read_claim(account_id: AccountId, case_id: str, store: Store) -> CaseClaim | None:
    """Return the claim on a case, also one that has lapsed. None: there is none."""
    key = case_claim_key(account_id, case_id)
    return store.read(Keys(documents=frozenset({key}))).document(key, CaseClaim)
