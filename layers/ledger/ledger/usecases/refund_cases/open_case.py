"""Open a refund case: requested by a customer, or by support in the customer's name."""

from dataclasses import dataclass, replace
from datetime import datetime

from ledger.domain.errors import CaseAlreadyOpen, IdempotencyKeyReused, NotFound
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import AccountId, PaymentId, derived_id, request_correlation_id
from ledger.domain.refund_cases import CaseState, RefundCase, RefundReason, SubmittedEvidence, mismatches, open_case_key
from ledger.policy.parameters import PolicyParameters
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import case_key, idempotency_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.look_up import LookUp
from ledger.usecases.refund_cases.cases import case_overtaken, pointer_change, read_case, with_case, with_documents
from ledger.usecases.refund_cases.context import case_context_in, read_case_context
from ledger.usecases.refund_cases.decide_case import apply_decision, decision_by_policy
from ledger.usecases.transaction import attempts

REFUND_REQUESTS_ROUTE = "refund-requests"
"""The route under which an Idempotency-Key of a refund request counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundClaim:
    """What a customer asks for."""

    account_id: AccountId
    payment_id: PaymentId
    reason: RefundReason
    told: SubmittedEvidence
    key: str  # the Idempotency-Key: the same wish asked again is answered as before
    fingerprint: str  # of what was asked under it
    opened_by: str  # the account, or the person of support who opens it in the customer's name
    email: str | None = None  # the account's, if the token says it
    is_declaration: bool = False  # the first of a withdrawal's two steps: nothing is decided yet
    route: str = REFUND_REQUESTS_ROUTE  # where it was asked: the key counts for the account and this route alone


def open_case(claim: RefundClaim, store: Store, policy: PolicyParameters, *, now: datetime) -> RefundCase:
    """Open a case and decide it at once if it is clear. The same wish under the same key is answered as before.

    Raises NotFound (no such purchase of this account), IdempotencyKeyReused (the key belongs to another
    request), CaseAlreadyOpen. At most five round trips.
    """
    case_id = derived_id("case", claim.account_id, claim.route, claim.key)
    answered_at = idempotency_key(claim.account_id, claim.route, claim.key)
    for _ in attempts():
        look_up = LookUp(store, with_orders=True)
        known = look_up(
            Keys(
                payments=frozenset({claim.payment_id}),
                accounts=frozenset({claim.account_id}),
                documents=frozenset({answered_at, case_key(claim.account_id, case_id)}),
            )
        )
        if answered := known.document(answered_at, IdempotencyRecord):
            if answered.fingerprint != claim.fingerprint:
                raise IdempotencyKeyReused("This Idempotency-Key stands for another request: use a new one.")
            return read_case(claim.account_id, answered.subject, store, known)
        context = case_context_in(claim.account_id, claim.payment_id, known)
        marked = open_case_key(context.purchase.payment_id, claim.reason)
        if open_id := next((open_id for open_id, other in context.account.cases.items() if other == marked), None):
            if open_id == case_id:
                continue  # this very request was carried out while its parts were read
            raise CaseAlreadyOpen(open_id)
        case = RefundCase(
            case_id=case_id,
            account_id=claim.account_id,
            payment_id=context.purchase.payment_id,
            reason=claim.reason,
            state=CaseState.DECLARED if claim.is_declaration else CaseState.REQUESTED,
            opened_at=now,
            opened_by=claim.opened_by,
            correlation_id=request_correlation_id(claim.account_id, claim.route, claim.key),
            told=claim.told,
            mismatches=mismatches(claim.told, context.payment, context.purchase.names, claim.email),
        )
        commit = Commit()
        if not claim.is_declaration:
            case, commit = apply_decision(
                case,
                decision_by_policy(case, context, store, policy, now),
                "policy",
                context,
                policy,
                now,
                correlation_id=case.correlation_id,
            )
        answer = IdempotencyRecord(fingerprint=claim.fingerprint, subject=case_id, at=now)
        commit = with_documents(commit, DocumentChange(answered_at, answer), pointer_change(case))
        if store.commit(with_case(case, commit, context.account)) is None:
            return case
    raise case_overtaken(case_id)


def confirm_withdrawal(
    account_id: AccountId, case_id: str, store: Store, policy: PolicyParameters, *, now: datetime
) -> RefundCase:
    """The second step of a withdrawal: it is declared for good, and decided. Confirming again changes nothing.

    Raises NotFound.
    """
    for _ in attempts():
        case, context = read_case_context(account_id, case_id, store)
        if case.reason is not RefundReason.WITHDRAWAL:
            raise NotFound(f"There is no withdrawal {case_id}.")
        if case.state is not CaseState.DECLARED:
            return case
        case = replace(case, confirmed_at=now)
        decision = decision_by_policy(case, context, store, policy, now)
        case, commit = apply_decision(
            case, decision, "policy", context, policy, now, correlation_id=case.correlation_id
        )
        if store.commit(with_case(case, commit, context.account)) is None:
            return case
    raise case_overtaken(case_id)
