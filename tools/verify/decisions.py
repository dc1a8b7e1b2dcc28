"""Rules about decisions: a case is what its history, its approvals and the records of those who decided say."""

from collections import Counter
from datetime import datetime

from ledger.domain.audit import AuditAction
from ledger.domain.facts import (
    Facts,
    PaymentSettled,
    RefundAbandoned,
    RefundApproved,
    RefundDeclined,
    RefundSent,
    facts_of,
)
from ledger.domain.refund_cases import (
    BY_POLICY,
    BY_PROVIDER,
    BY_SENDER,
    TRANSITIONS,
    WITHDRAWAL_RULE,
    CaseState,
    Decision,
    DecisionOutcome,
    RefundCase,
    RefundReason,
    StateChange,
)
from ledger.domain.texts import text
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from tools.verify.world import Verdicts, World

_STATES = {
    DecisionOutcome.APPROVE: CaseState.APPROVED,
    DecisionOutcome.DECLINE: CaseState.DECLINED,
    DecisionOutcome.REPLACE: CaseState.REPLACED,
    DecisionOutcome.REVIEW: CaseState.IN_REVIEW,
    DecisionOutcome.WAIT: CaseState.REQUESTED,
}
_ACTIONS = {
    CaseState.APPROVED: AuditAction.APPROVE,
    CaseState.DECLINED: AuditAction.DECLINE,
    CaseState.REPLACED: AuditAction.REPLACE,
}
_OF_PEOPLE = frozenset(_ACTIONS.values())


def histories(world: World) -> Verdicts:
    """A case's history leads without a gap from its opening to its state, and what a person did of it is on record."""
    acts = Counter(
        (account_id, act.subject, act.action, act.actor, act.at)
        for account_id, act in world.audit_records
        if act.action in _OF_PEOPLE
    )
    for case in world.cases.values():
        by_people = [change for change in case.history if change.actor not in {BY_POLICY, BY_PROVIDER, BY_SENDER}]
        recorded = True
        for change in by_people:
            action = _ACTIONS.get(change.to_state)
            act = (case.account_id, case.case_id, action, change.actor, change.at)
            recorded &= acts.pop(act, None) == 1  # type: ignore[arg-type]
        facts = world.facts(case.payment_id)
        is_told = _is_without_gap(case) and _is_of_its_contract(case, world)
        yield case.case_id, recorded and is_told and all(_is_of_facts(one, facts) for one in case.history)
    for _, case_id, *_ in acts:
        yield case_id, False


def _is_of_facts(change: StateChange, facts: Facts) -> bool:
    """Return whether what the provider or the sender did is a fact too: of a refund, or that it was given up."""
    if change.actor not in {BY_PROVIDER, BY_SENDER}:
        return True
    if any(one.reason == change.cause and one.at == change.at for one in facts_of(facts, RefundAbandoned)):
        return True
    refund_ids = next((one.word for one in change.cause.figures if one.name == "refund"), None)
    if refund_ids is None:
        return False
    if change.cause.key == "change.refund_accepted":
        sent = {one.refund_id for one in facts_of(facts, RefundSent) if one.at == change.at}
        return sent == set(refund_ids.split(", "))
    return f"refund:{refund_ids}" in facts


def _is_without_gap(case: RefundCase) -> bool:
    history = case.history
    first = CaseState.REQUESTED if case.confirmed_at is None else CaseState.DECLARED
    if not history:
        is_of_contract = case.contract_case_id is not None and case.state is CaseState.REQUESTED
        is_first = case.state in {CaseState.DECLARED, CaseState.REQUESTED}
        return is_first and (is_of_contract or case.confirmed_at is None)
    if case.contract_case_id:
        first = history[0].from_state  # it was declared by itself before, or is opened by the contract's withdrawal
    states = [first, *(change.to_state for change in history)]
    return (
        [change.from_state for change in history] == states[:-1]
        and states[-1] is case.state
        and all(change.to_state in TRANSITIONS[change.from_state] for change in history)
        and _is_confirmed_when(case, history[0].at)
    )


def _is_of_its_contract(case: RefundCase, world: World) -> bool:
    """Return whether the withdrawal that reached this payment is there, of the same account and time."""
    if case.contract_case_id is None:
        return True
    named = world.cases.get(case.contract_case_id)
    if named is None or named.decision is None:
        return False
    received_at = named.confirmed_at or named.opened_at
    return named.decision.ends_contract and (named.account_id, received_at) == (case.account_id, case.confirmed_at)


def _is_confirmed_when(case: RefundCase, decided_at: datetime) -> bool:
    """Return whether a withdrawal was confirmed when it was first decided; one that was sent earlier, before that."""
    if case.confirmed_at is None or case.asked_at is None:
        return case.confirmed_at in {None, decided_at}
    return case.asked_at <= case.confirmed_at <= decided_at


def decisions_of_cases(world: World) -> Verdicts:
    """A case's decision is the one that its history tells, and the one that its purchase has as a fact."""
    acts = [(account_id, act) for account_id, act in world.audit_records if act.action in _OF_PEOPLE]
    reasons = {(account_id, act.subject, act.at): act.reason for account_id, act in acts}
    for case in world.cases.values():
        if case.decision is None:
            is_undecided = {case.decided_at, case.decided_by, case.deferred_until} == {None}
            yield case.case_id, is_undecided and not case.approvals and case.state is CaseState.DECLARED
        elif case.decision.outcome is DecisionOutcome.WAIT:
            is_undecided = case.decided_at is None and case.decided_by is None and case.deferred_until is not None
            yield case.case_id, is_undecided and case.state is CaseState.REQUESTED
        else:
            words = reasons.get((case.account_id, case.case_id, case.decided_at))  # type: ignore[arg-type]
            is_told = words is None or words == " ".join(_words_of(case.decision))
            yield case.case_id, is_told and _is_as_told(case, case.decision) and _is_a_fact(case, case.decision, world)


def _is_as_told(case: RefundCase, decision: Decision) -> bool:
    """Return whether the latest step that somebody decided is this decision."""
    steps = [change for change in case.history if change.cause.key == "change.decided"]
    latest = steps[-1] if steps else None
    is_by_person = case.decided_by != BY_POLICY
    return (
        latest is not None
        and (latest.at, latest.actor, latest.to_state) == (case.decided_at, case.decided_by, _STATES[decision.outcome])
        and latest.cause == text("change.decided", rule=decision.rule, clause=decision.clause)
        and (decision.rule == f"person:{case.decided_by}") == is_by_person
        and case.deferred_until is None
    )


def _is_a_fact(case: RefundCase, decision: Decision, world: World) -> bool:
    """Return whether the purchase has the decision as a fact, if it gets one, with the same content."""
    facts = world.facts(case.payment_id)
    payment = facts.get("payment")
    if not isinstance(payment, PaymentSettled) or payment.account_id != case.account_id:
        return False
    if decision.money_minor and decision.currency != payment.currency:
        return False
    if decision.outcome is DecisionOutcome.APPROVE:
        approval = facts.get(f"approved:{case.tag}")
        return isinstance(approval, RefundApproved) and (
            (approval.amount_minor, approval.items, approval.takes_credits, approval.at, approval.cause)
            == (decision.money_minor, decision.items, decision.takes_credits, case.decided_at, f"case:{case.case_id}")
        )
    if decision.outcome is DecisionOutcome.DECLINE and case.decided_by != BY_POLICY:
        # Of several cases with one reason, the fact is the latest decline.
        declined = facts.get(f"declined:{case.reason}")
        is_latest = isinstance(declined, RefundDeclined) and declined.case_id == case.case_id
        return isinstance(declined, RefundDeclined) and (
            not is_latest
            or (declined.clause, declined.reasons, declined.at, declined.cause)
            == (decision.clause, decision.reasons, case.decided_at, f"case:{case.case_id}")
        )
    return True


def agreed(world: World) -> Verdicts:
    """Credits replace the money of a withdrawal only where the customer agreed, and how is on record."""
    for case in world.cases.values():
        is_replaced = case.state is CaseState.REPLACED
        match _agreements(case.decision) if case.decision else []:
            case [] if is_replaced:
                yield case.case_id, not _is_withdrawal(case, world.facts(case.payment_id))
            case []:
                pass
            case [[str(words)]]:
                yield case.case_id, is_replaced and bool(words)
            case _:
                yield case.case_id, False


def _agreements(decision: Decision) -> list[list[str | None]]:
    """Return the words of each agreement of a decision."""
    return [[figure.word for figure in one.figures] for one in decision.inputs if one.key == "input.agreement"]


def _is_withdrawal(replaced: RefundCase, facts: Facts) -> bool:
    """Return whether the law returns the money as it was paid. Of another request that was declined it asks nothing."""
    states = [change.from_state for change in replaced.history]
    is_by_law = replaced.was_decided_by(WITHDRAWAL_RULE) or f"withdrawal:{replaced.case_id}" in facts
    return (is_by_law and states[-1:] != [CaseState.DECLINED]) or replaced.reason is RefundReason.WITHDRAWAL


def review_of(decision: Decision) -> ReviewDecision | None:
    """Return a person's decision as it was requested. None: no person decides so."""
    if _STATES[decision.outcome] not in _ACTIONS:
        return None
    return ReviewDecision(
        outcome=decision.outcome,
        words=_words_of(decision),
        clause=decision.clause,
        money_minor=decision.money_minor,
        credits=decision.credits,
        takes_credits=decision.takes_credits,
        ends_subscription=decision.ends_subscription,
        items=decision.items,
        agreement=next((words for agreement in _agreements(decision) for words in agreement), None),
    )


def _words_of(decision: Decision) -> tuple[str, ...]:
    return tuple(figure.word or "" for reason in decision.reasons for figure in reason.figures)
