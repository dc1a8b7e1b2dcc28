"""Attach evidence to a refund case."""

from dataclasses import replace

from ledger.domain.errors import CaseClosed, RequestRefused
from ledger.domain.ids import AccountId
from ledger.domain.refund_cases import RefundCase
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import case_key
from ledger.ports.store import Store
from ledger.usecases.refund_cases.cases import case_overtaken, read_case
from ledger.usecases.transaction import attempts


def add_evidence(account_id: AccountId, case_id: str, name: str, limit: int, store: Store) -> RefundCase:
    """Note a file that is about to be uploaded. Raises NotFound; Refused: the case has ended, or has enough files."""
    for _ in attempts():
        case = read_case(account_id, case_id, store)
        if not case.state.is_open:
            raise CaseClosed(f"The case is {case.state}: nothing can be added to it.")
        if len(case.evidence) >= limit:
            raise RequestRefused(f"The case has {limit} files already, which is the most that it can have.")
        after = replace(case, evidence=(*case.evidence, name))
        change = DocumentChange(case_key(account_id, case_id), after, case.version)
        if store.commit(Commit(documents=(change,))) is None:
            return after
    raise case_overtaken(case_id)
