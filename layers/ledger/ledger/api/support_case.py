"""One case on one page, for the person who decides it."""

from itertools import islice

from ledger.api import evidence
from ledger.api.responses.decisions import DecisionResponse
from ledger.api.responses.model import Money
from ledger.api.responses.purchases import PurchaseResponse
from ledger.api.responses.refund_cases import case_fields
from ledger.api.responses.statements import EntryResponse
from ledger.api.responses.support import FactsResponse, RuleTraceResponse, SupportCaseResponse
from ledger.policy.context import PolicyContext
from ledger.policy.rules import decide
from ledger.runtime import Runtime
from ledger.usecases.refund_cases.cases import account_of_case
from ledger.usecases.refund_cases.context import CaseContext, policy_context, read_case_context, requested_at
from ledger.usecases.refund_cases.preview import best_reason

_MOST_ENTRIES = 50


def support_case(case_id: str, services: Runtime) -> SupportCaseResponse:
    """A case, its purchase and facts, the usage since, the evidence, and what the policy says. Raises NotFound."""
    now, store, policy = services.now(), services.store, services.policy
    case, context = read_case_context(account_of_case(case_id, store), case_id, store)
    seen = policy_context(case.reason, context, store, policy, now, asked_at=requested_at(case))
    decision = decide(seen, policy)
    fittest = best_reason(context)
    told = case.told
    return SupportCaseResponse(
        **case_fields(case),
        account_id=case.account_id,
        message=told.message,
        email=told.email,
        charged_on=told.charged_on,
        reference=told.reference,
        happened_at=told.happened_at,
        error_messages=list(told.error_messages),
        decided_by=case.decided_by,
        history=list(case.history),
        purchase=PurchaseResponse.of(
            context.purchase, fittest, decide(policy_context(fittest, context, store, policy, now), policy)
        ),
        facts=_facts(seen),
        usage_since=_usage_since(context, services),
        recommended=DecisionResponse.of(decision),
        recommended_outcome=decision.recommended,
        recommended_money=_money(decision.money_minor, seen) if decision.money_minor else None,
        recommended_credits=decision.credits or None,
        explanation=[
            RuleTraceResponse(rule=rule.rule, spoke=rule.spoke, why=rule.why) for rule in decision.explanation
        ],
        evidence_urls=evidence.download_urls(services, case),
    )


def _facts(seen: PolicyContext) -> FactsResponse:
    return FactsResponse(
        paid_at=seen.paid_at,
        paid=_money(seen.paid_minor, seen),
        refundable=_money(seen.refundable_minor, seen),
        refunded=_money(seen.refunded_minor, seen),
        is_subscription=seen.is_subscription,
        is_renewal=seen.is_renewal,
        is_duplicate=seen.is_duplicate,
        is_disputed=seen.is_disputed,
        credits_granted=sum(line.granted for line in seen.lines),
        credits_used=seen.drawn,
        failed_runs=seen.failed_runs,
        failed_credits=seen.failed_credits,
        similar=list(seen.similar),
        country=seen.order.country if seen.order else None,
        is_business=seen.order.is_business if seen.order else None,
    )


def _usage_since(context: CaseContext, services: Runtime) -> list[EntryResponse]:
    """Without balances of other times: the account's own runs on from the newest."""
    balance = context.account.balance
    shown = []
    for entry in islice(services.store.entries(context.account.account_id, context.payment.at), _MOST_ENTRIES):
        shown.append(EntryResponse.of(entry, balance))
        balance -= entry.credits
    return shown


def _money(amount_minor: int, seen: PolicyContext) -> Money:
    return Money(amount_minor=amount_minor, currency=seen.currency)
