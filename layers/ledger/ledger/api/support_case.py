"""One case on one page, for the person who decides it."""

from ledger.api import evidence
from ledger.api.responses.decisions import DecisionResponse
from ledger.api.responses.model import Money
from ledger.api.responses.purchases import PurchaseResponse
from ledger.api.responses.refund_cases import case_fields
from ledger.api.responses.statements import EntryResponse, with_balances
from ledger.api.responses.support import (
    DuplicateResponse,
    FactsResponse,
    ProposalResponse,
    RuleTraceResponse,
    StateChangeResponse,
    SupportCaseResponse,
)
from ledger.domain.disputes import first_disputed_at
from ledger.domain.ids import PaymentId
from ledger.domain.proposals import ProposalState
from ledger.domain.refund_cases import CaseState
from ledger.policy.context import PolicyContext
from ledger.policy.rules import decide
from ledger.ports.reads import Keys
from ledger.runtime import Runtime
from ledger.usecases.chain_lines import purchase_lines
from ledger.usecases.refund_cases.cases import account_of_case
from ledger.usecases.refund_cases.claim_case import read_claim
from ledger.usecases.refund_cases.context import CaseContext, read_case_context
from ledger.usecases.refund_cases.evaluate_policy import (
    decide_unless_paused,
    policy_context,
    preview_decision,
    requested_at,
)
from ledger.usecases.refund_cases.preview import best_reason

_MOST_ENTRIES = 50
_UNDECIDED = frozenset({CaseState.DECLARED, CaseState.REQUESTED, CaseState.IN_REVIEW})


def support_case(case_id: str, services: Runtime) -> SupportCaseResponse:
    """Return a case with its purchase, facts, usage since, evidence, and the policy's decision. Raise NotFound.

    While decisions are paused nothing is recommended. Of a case that is decided, the decision and its explanation are
    those on record: what the ledger says since, a refund for example, was no reason for it.
    """
    now, store, policy = services.now(), services.store, services.policy
    case, context = read_case_context(account_of_case(case_id, store), case_id, store)
    inputs = policy_context(case.reason, context, store, policy, now, submitted_at=requested_at(case))
    recorded = case.decision if case.state not in _UNDECIDED else None
    decision = recorded or decide_unless_paused(inputs, policy)
    explanation = recorded.explanation if recorded else decide(inputs, policy).explanation
    reason = best_reason(context)
    preview = preview_decision(policy_context(reason, context, store, policy, now), policy)
    submitted = case.submitted_evidence
    claim = read_claim(case.account_id, case_id, store)
    claim = claim if claim and now < claim.until else None
    proposals = [
        one
        for one in store.proposals_of(case.account_id)
        if one.subject == case_id and one.state is ProposalState.PROPOSED
    ]
    return SupportCaseResponse(
        **case_fields(case),
        account_id=case.account_id,
        message=submitted.message,
        email=submitted.email,
        charged_on=submitted.charged_on,
        reference=submitted.reference,
        happened_at=submitted.happened_at,
        error_messages=list(submitted.error_messages),
        channel=submitted.channel,
        sent_at=case.asked_at,
        decided_by=case.decided_by,
        history=[StateChangeResponse.of(change) for change in case.history],
        purchase=PurchaseResponse.of(context.purchase, reason, preview),
        facts=_facts(inputs),
        usage_since=_usage_since(context, services),
        recommended=DecisionResponse.of(decision),
        recommended_outcome=decision.recommended,
        recommended_money=_money(decision.money_minor, inputs) if decision.money_minor and not recorded else None,
        recommended_credits=None if recorded else decision.credits or None,
        explanation=[RuleTraceResponse.of(trace) for trace in explanation],
        evidence_urls=evidence.download_urls(services, case),
        purchase_facts=[line.words for line in sorted(purchase_lines(context.purchase), key=lambda line: line.at)],
        duplicates=_duplicates(inputs, services),
        is_priority=case.wrote_before(first_disputed_at(context.purchase.facts)),
        can_overturn=case.is_declined_by_policy,
        is_withdrawal=case.is_withdrawal(context.purchase.facts),
        agreement=case.decision.agreement if case.decision else None,
        claimed_by=claim.actor if claim else None,
        claimed_until=claim.until if claim else None,
        proposals=[ProposalResponse.of(one) for one in proposals],
    )


def _facts(inputs: PolicyContext) -> FactsResponse:
    return FactsResponse(
        paid_at=inputs.paid_at,
        paid=_money(inputs.paid_minor, inputs),
        refundable=_money(inputs.refundable_minor, inputs),
        refunded=_money(inputs.refunded_minor, inputs),
        is_subscription=inputs.is_subscription,
        is_renewal=inputs.is_renewal,
        is_duplicate=inputs.is_duplicate,
        is_disputed=inputs.is_disputed,
        credits_granted=sum(line.granted for line in inputs.lines),
        credits_used=inputs.drawn,
        failed_runs=inputs.failed_runs,
        failed_credits=inputs.failed_credits,
        replaced_runs=inputs.replaced_runs,
        replaced_credits=inputs.replaced_credits,
        similar=list(inputs.similar),
        country=inputs.order.country if inputs.order else None,
        is_business=inputs.order.is_business if inputs.order else None,
        informed_at=inputs.order.informed_at if inputs.order else None,
        can_be_informed=inputs.order is not None and inputs.order.informed_at is None,
    )


def _duplicates(inputs: PolicyContext, services: Runtime) -> list[DuplicateResponse]:
    """Return the payments that look like this one, each as it stands."""
    names = [PaymentId(name) for name in inputs.similar]
    stored = services.store.read(Keys(payments=frozenset(names))) if names else None
    found = []
    for name in names:
        home = stored.home_of(name) if stored else None
        payment = home.payment if home else None
        paid = Money(amount_minor=payment.paid_minor, currency=payment.currency) if payment else None
        found.append(DuplicateResponse(purchase_id=name, at=payment.at if payment else None, paid=paid))
    return found


def _usage_since(context: CaseContext, services: Runtime) -> list[EntryResponse]:
    """Return the latest entries since the payment, newest first, with the account's balance after each."""
    account, page = services.store.statement_page(context.account.account_id, _MOST_ENTRIES)
    entries = with_balances(page.items, account.balance if account else 0)
    return [entry for entry in entries if entry.occurred_at >= context.payment.at]


def _money(amount_minor: int, inputs: PolicyContext) -> Money:
    return Money(amount_minor=amount_minor, currency=inputs.currency)
