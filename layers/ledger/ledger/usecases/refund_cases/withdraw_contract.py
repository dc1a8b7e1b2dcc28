"""Withdraw from a contract: one declaration reaches all of its payments, each refunded to its own payment.

the payment that was named ──► its case: decided at once, and its renewals are stopped
every other payment        ──► a case of its own, from the same declaration and of the same time

The job of deferred decisions opens the other cases, within minutes. An index names the payments, and may not have the
latest one yet. So they are looked for again a day later. No case is opened twice.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from ledger.domain.errors import CaseAlreadyOpen
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import CaseState, RefundCase, RefundReason, SubmittedEvidence
from ledger.policy.parameters import PolicyParameters
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import case_key, deferred_queue_key
from ledger.ports.store import Store
from ledger.usecases.refund_cases.cases import queue_for_rest, read_case
from ledger.usecases.refund_cases.confirm_withdrawal import confirm_withdrawal
from ledger.usecases.refund_cases.context import read_case_context
from ledger.usecases.refund_cases.contract import payments_of_contract
from ledger.usecases.refund_cases.evaluate_policy import requested_at
from ledger.usecases.refund_cases.open_case import RefundClaim, WithdrawnContract, open_case
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction

CONTRACTS_ROUTE = "contracts"
"""The route of the keys by which a contract's other payments are withdrawn from."""

LOOKED_FOR_AGAIN_AFTER = timedelta(days=1)
DISPUTE_LOOKED_AT_EVERY = timedelta(hours=1)


def withdraw_from_rest(named: RefundCase, store: Store, policy: PolicyParameters, *, now: datetime) -> list[RefundCase]:
    """Open and decide a case for each other payment of a withdrawn contract. Return those that this call opened.

    `named` is the case of the payment that the customer named, with `rest_due_at`. Nothing is opened twice. Of the case
    of another payment, which waits for the end of a dispute, only its next look is noted.
    """
    received_at = named.confirmed_at or named.opened_at
    asked_at = requested_at(named) or received_at
    contract = WithdrawnContract(case_id=named.case_id, at=received_at, asked_at=asked_at)
    _, context = read_case_context(named.account_id, named.case_id, store)
    opened = []
    for purchase in payments_of_contract(context, store) if named.contract_case_id is None else ():
        is_other = purchase.payment_id != context.purchase.payment_id
        if is_other and purchase.value_left_minor:
            case = _withdraw(purchase, named, contract, store, policy, now)
            opened += [case] if case and case.opened_at == now else []
    run_transaction(lambda: _note_progress(named, received_at + LOOKED_FOR_AGAIN_AFTER, store, now), named.case_id)
    return opened


def _withdraw(
    purchase: Purchase,
    named: RefundCase,
    contract: WithdrawnContract,
    store: Store,
    policy: PolicyParameters,
    now: datetime,
) -> RefundCase | None:
    """Open the case of one payment. None: it has one already, which the customer opened."""
    claim = RefundClaim(
        account_id=named.account_id,
        payment_id=purchase.payment_id,
        reason=RefundReason.WITHDRAWAL,
        submitted_evidence=SubmittedEvidence(),
        key=f"{named.case_id}/{purchase.payment_id}",
        fingerprint=named.case_id,
        opened_by=named.opened_by,
        contract=contract,
        route=CONTRACTS_ROUTE,
    )
    try:
        return open_case(claim, store, policy, now=now)
    except CaseAlreadyOpen as conflict:
        other = read_case(named.account_id, conflict.case_id, store)
    if other.state is CaseState.DECLARED:
        confirm_withdrawal(
            named.account_id,
            other.case_id,
            store,
            policy,
            now=now,
            contract_case_id=named.case_id,
            sent_at=(contract.asked_at, contract.at),
        )
    return None


def _note_progress(named: RefundCase, again_at: datetime, store: Store, now: datetime) -> RefundCase | Retry:
    """Queue the case for another look at `again_at`, or for none if that is now; within the hour during a dispute."""
    case = read_case(named.account_id, named.case_id, store)
    due_at = again_at if now < again_at and named.contract_case_id is None else None
    if case.waits_for_dispute:
        due_at = min(due_at or now + DISPUTE_LOOKED_AT_EVERY, now + DISPUTE_LOOKED_AT_EVERY)
    case = replace(case, rest_due_at=due_at)
    queue = queue_for_rest(case, due_at) if due_at else DocumentChange(deferred_queue_key(case), None)
    document = DocumentChange(case_key(case.account_id, case.case_id), case, case.version)
    return CONFLICT if store.commit(Commit(documents=(document, queue))) else case
