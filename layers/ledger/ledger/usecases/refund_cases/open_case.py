"""Open a refund case, requested by a customer, or by support in the customer's name."""

from dataclasses import replace
from datetime import datetime

from ledger.domain.contacts import Contact
from ledger.domain.errors import CaseAlreadyOpen
from ledger.domain.facts import CustomerWrote
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import AccountId, PaymentId, derived_id, request_correlation_id
from ledger.domain.mails import MailKind
from ledger.domain.recent_requests import LimitedRequest
from ledger.domain.records import record
from ledger.domain.refund_cases import (
    BY_POLICY,
    CaseState,
    RefundCase,
    RefundReason,
    SubmittedEvidence,
    mismatches,
    open_case_key,
)
from ledger.policy.parameters import PolicyParameters
from ledger.policy.withdrawal import WITHDRAWAL_REASONS
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import case_key, contact_key, idempotency_key, recent_requests_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.limits import NO_LIMITS, counted
from ledger.usecases.list_mails import list_mail
from ledger.usecases.look_up import LookUp
from ledger.usecases.plan_booking import Origin, plan_internal_fact
from ledger.usecases.refund_cases.apply_decision import apply_decision
from ledger.usecases.refund_cases.cases import pointer_change, read_case, with_case, with_documents
from ledger.usecases.refund_cases.context import CaseContext, case_context_in
from ledger.usecases.refund_cases.evaluate_policy import evaluate_policy
from ledger.usecases.transaction import CONFLICT, Retry, result_under_key, run_transaction

REFUND_REQUESTS_ROUTE, WITHDRAWALS_ROUTE, SUPPORT_CASES_ROUTE = "refund-requests", "withdrawals", "support/refund-cases"
DECLARATIONS_ROUTE = "declarations"
"""The routes that open cases: an Idempotency-Key counts for one of them."""


@record(frozen=True, kw_only=True)
class WithdrawnContract:
    """A withdrawal from a contract: the case of the payment that was named, and when it was confirmed."""

    case_id: str
    at: datetime
    asked_at: datetime  # the time that counts for the period


@record(frozen=True, kw_only=True)
class RefundClaim:
    """A request for money back, by a customer or in a customer's name."""

    account_id: AccountId
    payment_id: PaymentId
    reason: RefundReason
    submitted_evidence: SubmittedEvidence
    key: str  # the Idempotency-Key: the same request under it gets the same case
    fingerprint: str  # of the request's body
    opened_by: str  # the account, the person of support who opens it in its name, the declaration, or BY_POLICY
    email: str | None = None  # the account's address, if the token contains it
    is_declaration: bool = False  # the first step of a withdrawal: nothing is decided yet
    contract: "WithdrawnContract | None" = None  # that was withdrawn from by its declaration about another payment
    asked_at: datetime | None = None  # when the customer sent it, if that was earlier: it counts for time limits
    received_at: datetime | None = None  # of a withdrawal that is no declaration: when it was confirmed
    route: str = REFUND_REQUESTS_ROUTE  # an Idempotency-Key counts for its account and route only

    @property
    def case_id(self) -> str:
        """Return the id of the case that it opens."""
        return derived_id("case", self.account_id, self.route, self.key)

    @property
    def is_received_elsewhere(self) -> bool:
        """Return whether it is a withdrawal that support enters: no step of ours has acknowledged it."""
        has_receipt = self.is_declaration or self.contract is not None or self.route == DECLARATIONS_ROUTE
        return self.reason is RefundReason.WITHDRAWAL and not has_receipt

    @property
    def is_limited(self) -> bool:
        """Return whether the account's limit counts. What can be a statutory withdrawal is never refused by one."""
        return self.route == REFUND_REQUESTS_ROUTE and self.reason not in WITHDRAWAL_REASONS


def open_case(claim: RefundClaim, store: Store, policy: PolicyParameters, *, now: datetime) -> RefundCase:
    """Open a case, and decide it unless it is a declaration. The same request under the same key returns its case.

    Raise NotFound if the account has no such purchase, IdempotencyKeyReused if the key belongs to another request, and
    CaseAlreadyOpen if a case for the purchase and reason is open, TooManyRequests if the customer has sent as many as
    the policy's limit (what can be a withdrawal has none). At most five round trips.
    """
    return run_transaction(lambda: _open(claim, claim.case_id, store, policy, now), claim.case_id)


def _open(
    claim: RefundClaim, case_id: str, store: Store, policy: PolicyParameters, now: datetime
) -> RefundCase | Retry:
    record_key = idempotency_key(claim.account_id, claim.route, claim.key)
    known = LookUp(store, with_orders=True)(
        Keys(
            payments=frozenset({claim.payment_id}),
            accounts=frozenset({claim.account_id}),
            documents=frozenset(
                {
                    record_key,
                    case_key(claim.account_id, case_id),
                    contact_key(claim.account_id),
                    recent_requests_key(claim.account_id, LimitedRequest.REFUND_REQUESTS),
                }
            ),
        )
    )
    if existing_id := result_under_key(known, record_key, claim.fingerprint):
        return read_case(claim.account_id, existing_id, store, known)
    context = case_context_in(claim.account_id, claim.payment_id, known)
    if open_case_id := _open_case_id(claim.reason, context):
        if open_case_id == case_id:
            return CONFLICT  # this request was carried out between the reads
        raise CaseAlreadyOpen(open_case_id)

    limits = policy.request_limits if claim.is_limited else NO_LIMITS
    count = counted(LimitedRequest.REFUND_REQUESTS, claim.account_id, known, limits, now)
    contact = known.document(contact_key(claim.account_id), Contact)
    email = claim.email or (contact.email if contact else None)
    case, commit = _new_case(claim, case_id, context, email, now), Commit()
    context = _with_contact(context, case, policy) if claim.opened_by != BY_POLICY else context
    if claim.is_declaration and context.purchase.has_new_facts:
        origin = Origin(now, f"case:{case_id}", case.correlation_id)
        commit = plan_internal_fact([context.purchase], context.known, origin)
    if not claim.is_declaration:
        decision = evaluate_policy(case, context, store, policy, now)
        case, commit = apply_decision(
            case, decision, BY_POLICY, context, policy, now, correlation_id=case.correlation_id
        )
        # A batch is not a snapshot: the purchase may be older than its account, whose version is then no guard.
        commit = replace(commit, purchases=commit.purchases or (context.purchase,))
        if claim.is_received_elsewhere:
            receipt = list_mail(MailKind.WITHDRAWAL_RECEIPT, case_id, claim.account_id, now)
            commit = with_documents(commit, receipt)
    record = IdempotencyRecord(fingerprint=claim.fingerprint, subject=case_id, at=now)
    commit = with_documents(commit, DocumentChange(record_key, record), pointer_change(case), *count)
    return CONFLICT if store.commit(with_case(case, commit, context.account)) else case


def _with_contact(context: CaseContext, case: RefundCase, policy: PolicyParameters) -> CaseContext:
    """Return the context with the fact that the customer wrote, if the setting counts for when he did."""
    since, at = policy.contacted_first_from, case.asked_at or case.opened_at
    if since is None or at < since:
        return context
    wrote = CustomerWrote(case_id=case.case_id, at=at, cause=f"case:{case.case_id}")
    return replace(context, purchase=context.purchase.with_facts(wrote))


def _open_case_id(reason: RefundReason, context: CaseContext) -> str | None:
    """Return the open case of this purchase and reason, if there is one."""
    key = open_case_key(context.purchase.payment_id, reason)
    return next((case_id for case_id, other in context.account.cases.items() if other == key), None)


def _new_case(claim: RefundClaim, case_id: str, context: CaseContext, email: str | None, now: datetime) -> RefundCase:
    return RefundCase(
        case_id=case_id,
        account_id=claim.account_id,
        payment_id=context.purchase.payment_id,
        reason=claim.reason,
        state=CaseState.DECLARED if claim.is_declaration or claim.received_at else CaseState.REQUESTED,
        opened_at=now,
        opened_by=claim.opened_by,
        correlation_id=request_correlation_id(claim.account_id, claim.route, claim.key),
        asked_at=claim.contract.asked_at if claim.contract else claim.asked_at,
        submitted_evidence=claim.submitted_evidence,
        confirmed_at=claim.contract.at if claim.contract else claim.received_at,
        contract_case_id=claim.contract.case_id if claim.contract else None,
        mismatches=mismatches(claim.submitted_evidence, context.payment, context.purchase.names, email),
    )
