"""One case on one page, for the person who decides it."""

from itertools import islice

from ledger.api import evidence
from ledger.api.answers import (
    ConsideredShown,
    DecisionShown,
    EntryShown,
    FactsShown,
    Money,
    PurchaseShown,
    SupportCase,
    case_fields,
)
from ledger.casework import account_of, fittest_reason
from ledger.dossiers import Dossier, read_dossier, since_asked, situation
from ledger.policy import Situation, decide
from ledger.runtime import Runtime

_MOST_ENTRIES = 50


def support_case(case_id: str, services: Runtime) -> SupportCase:
    """A case, its purchase and facts, the usage since, the evidence, and what the policy says. Raises NotFound."""
    now, store, policy = services.now(), services.store, services.policy
    case, dossier = read_dossier(account_of(case_id, store), case_id, store)
    seen = situation(case.reason, dossier, store, policy, now, asked_at=since_asked(case))
    decision = decide(seen, policy)
    fittest = fittest_reason(dossier)
    told = case.told
    return SupportCase(
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
        purchase=PurchaseShown.of(
            dossier.purchase, fittest, decide(situation(fittest, dossier, store, policy, now), policy)
        ),
        facts=_facts(seen),
        usage_since=_usage_since(dossier, services),
        recommended=DecisionShown.of(decision),
        recommended_outcome=decision.recommended,
        recommended_money=_money(decision.money_minor, seen) if decision.money_minor else None,
        recommended_credits=decision.credits or None,
        explanation=[ConsideredShown(rule=rule.rule, spoke=rule.spoke, why=rule.why) for rule in decision.explanation],
        evidence_urls=evidence.addresses(services, case),
    )


def _facts(seen: Situation) -> FactsShown:
    return FactsShown(
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


def _usage_since(dossier: Dossier, services: Runtime) -> list[EntryShown]:
    """Without balances of other times: the account's own runs on from the newest."""
    balance = dossier.account.balance
    shown = []
    for entry in islice(services.store.entries(dossier.account.account_id, dossier.payment.at), _MOST_ENTRIES):
        shown.append(EntryShown.of(entry, balance))
        balance -= entry.credits
    return shown


def _money(amount_minor: int, seen: Situation) -> Money:
    return Money(amount_minor=amount_minor, currency=seen.currency)
