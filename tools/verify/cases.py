"""Rules about refund cases: decisions, and the state of each case."""

from ledger.domain.facts import (
    RefundApproved,
    RefundChanged,
    RefundDeclined,
    RefundState,
    facts_of,
)
from ledger.domain.ids import PaymentId
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import CaseState
from ledger.domain.refunds import end_of
from ledger.ports.documents import DocumentKind, review_queue_key
from tools.verify.world import Verdicts, World


def approved(world: World) -> Verdicts:
    """Every approval of a case is a fact of its purchase, every decline by a person too, and no other is one."""
    due: set[tuple[PaymentId, str]] = set()
    for case in world.cases.values():
        facts = world.facts(case.payment_id)
        tags = [f"{case.case_id}-{number}" for number in range(1, case.approvals + 1)]
        approvals = [facts.get(f"approved:{tag}") for tag in tags]
        due |= {(case.payment_id, tag) for tag in tags}
        holds = all(isinstance(fact, RefundApproved) and fact.case_id == case.case_id for fact in approvals)
        if case.state in _ON_THE_WAY:
            latest = approvals[-1] if approvals else None
            money_minor = latest.amount_minor if isinstance(latest, RefundApproved) else 0
            holds &= money_minor > 0 and case.decision is not None and money_minor == case.decision.money_minor
        if case.state is CaseState.DECLINED and case.decided_by != "policy":
            holds &= isinstance(facts.get(f"declined:{case.reason}"), RefundDeclined)
        yield case.case_id, holds
    for payment_id, item in world.payments.items():
        if isinstance(item, Purchase):
            for approval in facts_of(item.facts, RefundApproved):
                if (payment_id, approval.tag) not in due:
                    yield approval.tag, False


_ON_THE_WAY = {CaseState.APPROVED, CaseState.ISSUED, CaseState.REFUNDED}


def in_the_outbox(world: World) -> Verdicts:
    """Exactly the approved cases lie in the outbox, each with the approval that is to be sent."""
    approved = {case.tag: case for case in world.cases.values() if case.state is CaseState.APPROVED}
    for tag in approved.keys() | world.intents.keys():
        case, intent = approved.get(tag), world.intents.get(tag)
        yield (
            tag,
            case is not None
            and intent is not None
            and (intent.account_id, intent.payment_id) == (case.account_id, case.payment_id)
            and f"approved:{tag}" in world.facts(intent.payment_id),
        )


def queued(world: World) -> Verdicts:
    """A case waits exactly once where its state says: for a person, or for its time; and support finds every case."""
    reviewed, deferred = world.queued(DocumentKind.REVIEW_QUEUE), world.queued(DocumentKind.DEFERRED_QUEUE)
    for case in world.cases.values():
        is_reviewed = reviewed.pop(case.case_id, 0) == (case.state is CaseState.IN_REVIEW)
        is_deferred = deferred.pop(case.case_id, 0) == (case.state is CaseState.REQUESTED)
        is_in_place = case.state is not CaseState.IN_REVIEW or review_queue_key(case) in world.queued_cases
        is_found = world.pointers.get(case.case_id) == case.account_id
        yield case.case_id, is_reviewed and is_deferred and is_in_place and is_found
    for case_id in reviewed.keys() | deferred.keys():
        yield case_id, False


def refunded_cases(world: World) -> Verdicts:
    """A case is settled exactly if its refund has succeeded."""
    for case in world.cases.values():
        if case.approvals and case.state not in {CaseState.DECLINED, CaseState.REPLACED}:
            end = end_of(case.tag, world.facts(case.payment_id))
            has_succeeded = isinstance(end, RefundChanged) and end.state is RefundState.SUCCEEDED
            yield case.case_id, (case.state is CaseState.REFUNDED) == has_succeeded
