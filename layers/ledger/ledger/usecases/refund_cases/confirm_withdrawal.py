"""Confirm a declared withdrawal: the second of its two steps."""

from dataclasses import replace
from datetime import datetime

from ledger.domain.errors import NotFound
from ledger.domain.ids import AccountId
from ledger.domain.mails import MailKind
from ledger.domain.refund_cases import BY_POLICY, CaseState, RefundCase, RefundReason
from ledger.policy.parameters import PolicyParameters
from ledger.ports.store import Store
from ledger.usecases.list_mails import list_mail
from ledger.usecases.refund_cases.apply_decision import apply_decision
from ledger.usecases.refund_cases.cases import with_case, with_documents
from ledger.usecases.refund_cases.context import read_case_context
from ledger.usecases.refund_cases.evaluate_policy import evaluate_policy
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction


def confirm_withdrawal(
    account_id: AccountId,
    case_id: str,
    store: Store,
    policy: PolicyParameters,
    *,
    now: datetime,
    contract_case_id: str | None = None,
    sent_at: tuple[datetime, datetime] | None = None,
) -> RefundCase:
    """Confirm a withdrawal and decide it. A repeated confirmation changes nothing. Raise NotFound.

    `contract_case_id`: the case of the withdrawal that confirms this one too, from the same contract. `sent_at` is when
    the customer declared and when he confirmed it, if that was earlier.
    """

    def attempt() -> RefundCase | Retry:
        return _confirm(account_id, case_id, contract_case_id, store, policy, now, sent_at)

    return run_transaction(attempt, case_id)


def _confirm(
    account_id: AccountId,
    case_id: str,
    contract_case_id: str | None,
    store: Store,
    policy: PolicyParameters,
    now: datetime,
    sent_at: tuple[datetime, datetime] | None,
) -> RefundCase | Retry:
    case, context = read_case_context(account_id, case_id, store)
    if case.reason is not RefundReason.WITHDRAWAL:
        raise NotFound(f"There is no withdrawal {case_id}.")
    if case.state is not CaseState.DECLARED:
        return case
    case = replace(case, confirmed_at=now, contract_case_id=contract_case_id)
    if sent_at:
        declared_at, confirmed_at = sent_at
        case = replace(case, asked_at=min(case.opened_at, declared_at), confirmed_at=confirmed_at)
    decision = evaluate_policy(case, context, store, policy, now)
    case, commit = apply_decision(case, decision, BY_POLICY, context, policy, now, correlation_id=case.correlation_id)
    if contract_case_id is None and sent_at is None:  # a declaration without a login has its receipt already
        receipt = list_mail(MailKind.WITHDRAWAL_RECEIPT, case.case_id, account_id, now)
        commit = with_documents(commit, receipt)
    return CONFLICT if store.commit(with_case(case, commit, context.account)) else case
