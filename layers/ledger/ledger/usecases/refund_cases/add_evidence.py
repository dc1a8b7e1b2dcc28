"""Attach evidence to a refund case."""

from dataclasses import replace
from datetime import datetime

from ledger.domain.errors import CaseClosed, RequestRefused
from ledger.domain.ids import AccountId
from ledger.domain.recent_requests import LimitedRequest
from ledger.domain.refund_cases import RefundCase
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import case_key, recent_requests_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.limits import Limits, counted
from ledger.usecases.refund_cases.cases import read_own_case
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction


def add_evidence(
    account_id: AccountId,
    case_id: str,
    name: str,
    limit: int,
    store: Store,
    *,
    now: datetime,
    limits: Limits,
) -> RefundCase:
    """Record the name of a file that is about to be uploaded.

    Raise NotFound; CaseClosed if the case has ended; RequestRefused if it has `limit` files already; TooManyRequests.
    """
    return run_transaction(lambda: _add(account_id, case_id, name, limit, store, limits, now), case_id)


def _add(
    account_id: AccountId, case_id: str, name: str, limit: int, store: Store, limits: Limits, now: datetime
) -> RefundCase | Retry:
    requests_key = recent_requests_key(account_id, LimitedRequest.EVIDENCE)
    known = store.read(Keys(documents=frozenset({case_key(account_id, case_id), requests_key})))
    case = read_own_case(account_id, case_id, store, known)
    if not case.state.is_open:
        raise CaseClosed(f"The case is {case.state}. No files can be added.")
    if len(case.evidence) >= limit:
        raise RequestRefused(f"The case already has {limit} files, the maximum.")
    case = replace(case, evidence=(*case.evidence, name))
    change = DocumentChange(case_key(account_id, case_id), case, case.version)
    count = counted(LimitedRequest.EVIDENCE, account_id, known, limits, now)
    return CONFLICT if store.commit(Commit(documents=(change, *count))) else case
