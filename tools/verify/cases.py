"""Rules about refund cases: decisions, and the state of each case."""

from collections.abc import Mapping
from datetime import datetime

from ledger.domain.disputes import first_disputed_at
from ledger.domain.facts import (
    CreditsReplaced,
    CustomerWrote,
    DisputeChanged,
    Fact,
    Facts,
    FraudWarned,
    RefundAbandoned,
    RefundApproved,
    RefundAttempted,
    RefundChanged,
    RefundDeclined,
    RefundSent,
    RefundState,
    WithdrawalChanged,
    facts_of,
)
from ledger.domain.ids import PaymentId, approval_tag
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import (
    WITHDRAWAL_RULE,
    CaseState,
    PaymentConcern,
    QueuedCase,
    RefundCase,
    RefundReason,
    case_id_of,
)
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.refunds import end_of
from ledger.ports.documents import DocumentKey, DocumentKind, deferred_queue_key, review_queue_key
from tools.verify.world import Verdicts, World


def approved(world: World) -> Verdicts:
    """Every approval of a case is a fact of its purchase, every decline by a person too, and no other is one."""
    due: set[tuple[PaymentId, str]] = set()
    for case in world.cases.values():
        facts = world.facts(case.payment_id)
        tags = [f"{case.case_id}-{number}" for number in range(1, case.approvals + 1)]
        approvals = [facts.get(f"approved:{tag}") for tag in tags]
        due |= {(case.payment_id, tag) for tag in tags}
        times = [change.at for change in case.history if change.to_state is CaseState.APPROVED]
        holds = times == [_time_of(fact, case) for fact in approvals]
        holds &= all(
            _is_by_law_as_decided(case, one, is_latest=one is approvals[-1])
            for one in approvals
            if isinstance(one, RefundApproved)
        )
        if case.state in _ON_THE_WAY:
            latest = approvals[-1] if approvals else None
            holds &= _is_as_decided(case, latest)
        if case.state is CaseState.DECLINED and case.decided_by != "policy":
            holds &= isinstance(facts.get(f"declined:{case.reason}"), RefundDeclined)
        yield case.case_id, holds
    for payment_id, item in world.payments.items():
        if isinstance(item, Purchase):
            for fact in item.facts.values():
                if isinstance(fact, RefundApproved) and (payment_id, fact.tag) not in due:
                    yield fact.tag, False
                if isinstance(fact, RefundApproved | RefundAttempted | RefundSent | RefundAbandoned):
                    yield fact.key, fact.cause == f"case:{case_id_of(fact.tag)}"
                if isinstance(fact, RefundDeclined):
                    yield fact.key, fact.cause == f"case:{fact.case_id}"
                if isinstance(fact, RefundAttempted):
                    yield fact.key, _is_of_its_approval(fact, world)


def _is_as_decided(case: RefundCase, approval: Fact | None) -> bool:
    if case.decision is None or not isinstance(approval, RefundApproved):
        return False
    return 0 < approval.amount_minor == case.decision.money_minor


def _is_by_law_as_decided(case: RefundCase, approval: RefundApproved, *, is_latest: bool) -> bool:
    """Return whether an approval says that the law demands it only if its case was decided so, before it or later."""
    is_by_law = case.reason is RefundReason.WITHDRAWAL or case.was_decided_by(WITHDRAWAL_RULE)
    is_as_decided = approval.is_by_law == is_by_law or (is_by_law and not is_latest)
    return is_as_decided and approval.is_repeated <= bool(approval.used_credits) <= is_by_law


def _is_of_its_approval(attempt: RefundAttempted, world: World) -> bool:
    """Return whether an attempt carries out its approval, whole unless it was given up, as all of its sales know it."""
    case, facts = world.cases.get(case_id_of(attempt.tag)), world.facts(attempt.sale_id)
    approval, sent_minor = facts.get(f"approved:{attempt.tag}"), sum(part.amount_minor for part in attempt.parts)
    if case is None or not isinstance(approval, RefundApproved):
        return False
    is_whole = sent_minor == approval.amount_minor or f"abandoned:{attempt.tag}" in facts
    is_tagged = {approval_tag(part.tag) for part in attempt.parts} == {attempt.tag}
    return case.payment_id == attempt.sale_id and is_whole and is_tagged and facts.get(attempt.key) == attempt


def _time_of(approval: Fact | None, case: RefundCase) -> datetime | None:
    if isinstance(approval, RefundApproved) and approval.case_id == case.case_id:
        return approval.at
    return None


_ON_THE_WAY = {CaseState.APPROVED, CaseState.ISSUED, CaseState.REFUNDED}


def withdrawn(world: World) -> Verdicts:
    """A withdrawal, and that a customer wrote, are facts as their case says so."""
    known: dict[str, tuple[PaymentId, WithdrawalChanged]] = {}
    for payment_id, item in world.payments.items():
        for fact in facts_of(item.facts, WithdrawalChanged) if isinstance(item, Purchase) else ():
            known[fact.case_id] = (payment_id, fact)
    for case in world.cases.values():
        times, stored = _times_of_standing(case), known.pop(case.case_id, None)
        if stored is None:
            yield case.case_id, not (times if case.reason is RefundReason.WITHDRAWAL else _found_by_law(case))
            continue
        payment_id, fact = stored
        is_its = (payment_id, fact.cause) == (case.payment_id, f"case:{case.case_id}")
        may_be_at = times[-1:] if case.reason is RefundReason.WITHDRAWAL else [one.at for one in case.history]
        is_latest = fact.at in may_be_at
        is_as_decided = fact.stands == (case.state not in _ENDED_WITHDRAWALS) and 0 < fact.step <= case.version
        yield case.case_id, is_its and is_latest and is_as_decided
    for case_id in known:
        yield case_id, False
    for payment_id, item in world.payments.items():
        for wrote in facts_of(item.facts, CustomerWrote) if isinstance(item, Purchase) else ():
            found = world.cases.get(wrote.case_id)
            written = (payment_id, wrote.cause, wrote.at)
            yield (
                wrote.case_id,
                found is not None
                and (found.payment_id, f"case:{found.case_id}", found.asked_at or found.opened_at) == written,
            )
    replaced = {
        one.case_id: (payment_id, one.credits, one.cause, one.at)
        for payment_id, item in world.payments.items()
        for one in (facts_of(item.facts, CreditsReplaced) if isinstance(item, Purchase) else ())
    }
    for case in world.cases.values():
        given = replaced.pop(case.case_id, None)
        if case.state is CaseState.REPLACED or given:
            yield (
                case.case_id,
                case.state is CaseState.REPLACED
                and case.decision is not None
                and given == (case.payment_id, case.decision.credits, f"case:{case.case_id}", case.decided_at),
            )
    for case_id in replaced:
        yield case_id, False


_ENDED_WITHDRAWALS = {CaseState.DECLINED, CaseState.REPLACED}


def _found_by_law(case: RefundCase) -> bool:
    """Return whether the policy has found a withdrawal in a request that does not call itself so."""
    standing = [change.cause for change in case.history if change.to_state not in _ENDED_WITHDRAWALS]
    return any(figure.word == WITHDRAWAL_RULE for cause in standing for figure in cause.figures)


def _times_of_standing(case: RefundCase) -> list[datetime]:
    """Return when a withdrawal began to stand, and when it no longer did, in turns.

    It does not before its decision, but one that was opened by its contract's may have waited for that.
    """
    first = case.history[0] if case.history else None
    was_requested = (first.from_state if first else case.state) is CaseState.REQUESTED
    has_waited = first is None or case.opened_at < first.at
    times = [case.opened_at] if case.contract_case_id and was_requested and has_waited else []
    stood = bool(times)
    for change in case.history:
        stands = change.to_state not in _ENDED_WITHDRAWALS
        if stands != stood:
            times.append(change.at)
        stood = stands
    return times


def in_the_outbox(world: World) -> Verdicts:
    """Exactly the approved cases lie in the outbox, each with the approval that is to be sent."""
    approved = {case.tag: case for case in world.cases.values() if case.state is CaseState.APPROVED}
    for tag in {*approved, *world.intents}:
        case, intent = approved.get(tag), world.intents.get(tag)
        yield (
            tag,
            case is not None
            and intent is not None
            and (intent.account_id, intent.payment_id) == (case.account_id, case.payment_id)
            and intent.approved_at == _approved_at(world, intent)
            and _is_begun(intent, world.facts(intent.payment_id)),
        )


def _is_begun(intent: RefundIntent, facts: Facts) -> bool:
    """Return whether all of the intent says that somebody has begun to send it, or nothing does."""
    attempted = facts.get(f"attempted:{intent.tag}")
    began_at = attempted.at if isinstance(attempted, RefundAttempted) else intent.first_sent_at
    is_begun = intent.first_sent_at is not None
    return is_begun == (intent.attempts > 0) == (intent.leased_until is not None) and began_at == intent.first_sent_at


def _approved_at(world: World, intent: RefundIntent) -> datetime | None:
    approval = world.facts(intent.payment_id).get(f"approved:{intent.tag}")
    return approval.at if isinstance(approval, RefundApproved) else None


def queued(world: World) -> Verdicts:
    """A case waits exactly once where its state says: for a person, or for its time; and support finds every case."""
    reviewed, deferred = world.queued(DocumentKind.REVIEW_QUEUE), world.queued(DocumentKind.DEFERRED_QUEUE)
    for case in world.cases.values():
        is_reviewed = reviewed.pop(case.case_id, 0) == (case.state is CaseState.IN_REVIEW)
        is_deferred = deferred.pop(case.case_id, 0) == (_deferred_until(case) is not None)
        waiting = world.queued_cases.get(_queue_key(case))
        due_by = case.due_by if case.state is CaseState.IN_REVIEW else None
        expected = (case.account_id, _waits_since(case), due_by)
        is_in_place = waiting is None or (waiting.account_id, waiting.since, waiting.due_by) == expected
        is_reviewable = case.state is CaseState.IN_REVIEW
        has_priority = is_reviewable and case.wrote_before(first_disputed_at(world.facts(case.payment_id)))
        is_in_place &= case.is_priority == has_priority and (waiting is not None or not is_reviewable)
        is_found = world.pointers.get(case.case_id) == case.account_id
        yield case.case_id, is_reviewed and is_deferred and is_in_place and is_found
    for queued in world.queued_cases.values():
        if queued.case_id in deferred:
            yield queued.case_id, _is_concern(queued, world)
    for case_id in reviewed:
        yield case_id, False


def _is_concern(queued: QueuedCase, world: World) -> bool:
    """Return whether a payment that waits without a case waits for something that was reported of it."""
    item = world.payments.get(PaymentId(str(queued.payment_id)))
    if not isinstance(item, Purchase):
        return False
    reported = _REPORTED.get(queued.concern, ())
    return item.account_id == queued.account_id and any(isinstance(fact, reported) for fact in item.facts.values())


_REPORTED: Mapping[PaymentConcern | None, type[Fact]] = {
    PaymentConcern.REFUNDED: RefundChanged,
    PaymentConcern.WARNED: FraudWarned,
    PaymentConcern.INQUIRED: DisputeChanged,
}
"""What must have been reported of a payment that waits."""


def _queue_key(case: RefundCase) -> DocumentKey:
    return review_queue_key(case) if case.state is CaseState.IN_REVIEW else deferred_queue_key(case)


def _waits_since(case: RefundCase) -> datetime | None:
    return case.moved_at if case.state is CaseState.IN_REVIEW else _deferred_until(case)


def _deferred_until(case: RefundCase) -> datetime | None:
    """Return when a case has its turn: to be decided, or for the other payments of the contract that it ended."""
    return case.deferred_until if case.state is CaseState.REQUESTED else case.rest_due_at


def refunded_cases(world: World) -> Verdicts:
    """A case is settled exactly if its refund has succeeded."""
    for case in world.cases.values():
        if case.state not in {CaseState.DECLINED, CaseState.REPLACED}:
            end = end_of(case.tag, world.facts(case.payment_id))
            has_succeeded = isinstance(end, RefundChanged) and end.state is RefundState.SUCCEEDED
            yield case.case_id, (case.state is CaseState.REFUNDED) == has_succeeded
