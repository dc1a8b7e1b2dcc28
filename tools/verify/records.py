"""Rules about records: receipts, idempotency records, and the place of every item."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.declarations import BY_LINK, BY_SILENCE, Declaration
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import AccountId, SubjectId, request_correlation_id
from ledger.domain.receipts import DISMISSED, MUTED, RecordOutcome
from ledger.domain.refund_cases import BY_POLICY, RefundCase
from ledger.domain.subjects import subject_of_declaration, subject_of_event, subject_of_mute
from ledger.usecases.adjust_credits import ADJUSTMENTS_ROUTE
from ledger.usecases.place_order import ORDERS_ROUTE
from ledger.usecases.refund_cases.decide_case import DECISIONS_ROUTE
from ledger.usecases.refund_cases.open_case import (
    DECLARATIONS_ROUTE,
    REFUND_REQUESTS_ROUTE,
    SUPPORT_CASES_ROUTE,
    WITHDRAWALS_ROUTE,
)
from ledger.usecases.refund_cases.refund_warned import WARNINGS_ROUTE
from ledger.usecases.refund_cases.withdraw_contract import CONTRACTS_ROUTE
from tools.verify.decisions import review_of
from tools.verify.world import Verdicts, World, mutes_that_hold


def parked_whole(world: World) -> Verdicts:
    """A parked event is kept whole, with its reason; no other receipt keeps a body."""
    for receipt in world.receipts:
        is_parked = receipt.outcome is RecordOutcome.PARKED
        is_kept = receipt.body is not None and sha256(receipt.body).hexdigest() == receipt.body_sha256
        is_muted = receipt.outcome is RecordOutcome.NOTED and receipt.detail.startswith(MUTED)
        is_told = (receipt.parked_reason is not None) == is_parked and bool(receipt.detail) <= (is_parked or is_muted)
        yield receipt.event_id, is_told and is_kept == is_parked == (receipt.body is not None)


def idempotency_records(world: World) -> Verdicts:
    """What was answered under an Idempotency-Key is there, that account's; each case and order has its record."""
    opened: set[tuple[str, str, datetime]] = set()
    ordered: set[str] = set()
    for key, record in world.idempotency_records.items():
        account_id, route, client_key = key.parts
        correlation_id = request_correlation_id(AccountId(account_id), route, client_key)
        opened.add((record.subject, correlation_id, record.at))
        if route == ORDERS_ROUTE:
            ordered.add(record.subject)
        if route == DECISIONS_ROUTE:
            yield "/".join(key.parts), _is_of_a_decision(record, account_id, world)
        else:
            created = _created(route, record.subject, correlation_id, world)
            yield "/".join(key.parts), created == (account_id, record.at)
    for case in world.cases.values():
        yield case.case_id, (case.case_id, case.correlation_id, case.opened_at) in opened
    for item in world.fulfilment_keys.values():
        if item.terms:
            yield item.key, item.terms.order_id in ordered


_OPENS_CASES = {
    REFUND_REQUESTS_ROUTE,
    WITHDRAWALS_ROUTE,
    SUPPORT_CASES_ROUTE,
    CONTRACTS_ROUTE,
    DECLARATIONS_ROUTE,
    WARNINGS_ROUTE,
}


def _created(route: str, subject: str, correlation_id: str, world: World) -> tuple[str, datetime] | None:
    """Return the account of what a request created, and when. None: it is not there, or the route creates no such."""
    if route == ORDERS_ROUTE:
        order = fulfilment_key.terms if (fulfilment_key := world.fulfilment_keys.get(f"order/{subject}")) else None
        return (order.account_id, order.made_at) if order else None
    if route == ADJUSTMENTS_ROUTE:
        acts = world.audit_records
        found = [(owner, act.at) for owner, act in acts if (act.action, act.subject) == (AuditAction.ADJUST, subject)]
        return found.pop() if len(found) == 1 else None
    case = world.cases.get(subject)
    if case is None or route not in _OPENS_CASES or case.correlation_id != correlation_id:
        return None
    return (case.account_id, case.opened_at)


def _is_of_a_decision(record: IdempotencyRecord, account_id: str, world: World) -> bool:
    case = world.cases.get(record.subject)
    return case is not None and case.account_id == account_id and _may_have_decided(record, case)


def _may_have_decided(record: IdempotencyRecord, case: RefundCase) -> bool:
    """Return whether a person's decision was carried out, or repeated, under a key. Only the latest one is stored."""
    review, actor = review_of(case.decision) if case.decision else None, case.decided_by
    if review is None or actor is None or actor == BY_POLICY or case.decided_at is None:
        return False
    as_recommended = replace(review, money_minor=None, items=())  # the amount was left to the policy
    known = {review.fingerprint(case.case_id, actor), as_recommended.fingerprint(case.case_id, actor)}
    return record.at < case.decided_at or record.fingerprint in known


ATTRIBUTE = AuditAction.ATTRIBUTE


def acts_about_subjects(world: World) -> Verdicts:
    """What a person did about a parked event is on record under the event, and what that says was done."""
    acts = {(subject_id, act.action, act.at) for subject_id, act in world.subject_acts}
    dismissed = {(subject_of_event(one.name), one.detail) for one in world.receipts if one.detail.startswith(DISMISSED)}
    said = {
        (subject_id, f"{DISMISSED}{act.actor}: {act.reason}") for subject_id, act in _of(AuditAction.DISMISS, world)
    }
    yield from ((subject_id, (subject_id, detail) in said) for subject_id, detail in dismissed)
    yield from ((subject_id, (subject_id, detail) in dismissed) for subject_id, detail in said)
    attributed = {(act.subject, act.actor, act.at) for _, act in world.audit_records if act.action is ATTRIBUTE}
    under_event = {(act.subject, act.actor, act.at) for _, act in _of(ATTRIBUTE, world)}
    yield from ((one[0], one in attributed and one in under_event) for one in attributed | under_event)
    requested = {(SubjectId(key.parts[0]), record.at) for key, record in world.subject_requests.items()}
    yield from ((subject_id, (subject_id, AuditAction.REPLAY, at) in acts) for subject_id, at in requested)
    yield from ((subject_id, (subject_id, act.at) in requested) for subject_id, act in _of(AuditAction.REPLAY, world))


def acts_about_declarations(world: World) -> Verdicts:
    """What a person did about a declaration without a login is on record under it, with the reason."""
    acts = defaultdict(list)
    for subject_id, act in world.subject_acts:
        if act.action in _ABOUT_DECLARATIONS:
            acts[act.subject, act.action].append(act)
            one = world.declarations.get(act.subject)  # none: it was deleted after its six years
            yield act.subject, subject_id == subject_of_declaration(act.subject) and (one is None or _is_done(act, one))
    for one in world.declarations.values():
        name = one.declaration_id
        if one.approved_by not in {None, BY_LINK, BY_SILENCE}:
            yield name, one.approved_by in {act.actor for act in acts[name, AuditAction.CARRY_OUT]}
        if one.forwarded_by:
            passed_on = [(act.actor, act.at) for act in acts[name, AuditAction.FORWARD]]
            yield name, passed_on == [(one.forwarded_by, one.forwarded_at)]
        if one.closed_by:
            closed = {(act.actor, act.reason) for act in acts[name, AuditAction.CLOSE]}
            yield name, (one.closed_by, one.closing_reason) in closed


def muted(world: World) -> Verdicts:
    """A parked event is muted only while the mute of its kind is in force, and who muted it is on record."""
    holding = world.mutes_elsewhere or mutes_that_hold(world)
    for receipt in world.receipts:
        if receipt.muted_by:
            yield receipt.event_id, receipt.mute_id == receipt.muted_by and receipt.muted_by in holding
    acts: dict[SubjectId, list[_Act]] = defaultdict(list)
    for subject_id, act in sorted(world.subject_acts, key=lambda one: one[1].step):
        if act.action in _ABOUT_KINDS:
            acts[subject_id].append((act.action, act.actor, act.reason, act.at))
    for mute in world.mutes.values():  # its kind may have been muted, and that ended, before
        done: list[_Act] = [(AuditAction.MUTE, mute.muted_by, mute.why, mute.muted_at)]
        if not mute.is_in_force:
            done.append((AuditAction.UNMUTE, mute.ended_by, mute.ended_why, mute.ended_at))
        yield mute.mute_id, acts.pop(subject_of_mute(mute.mute_id), [])[-len(done) :] == done
    for subject_id in acts:
        yield subject_id, False


_Act = tuple[AuditAction, str | None, str, datetime | None]
_ABOUT_KINDS = frozenset({AuditAction.MUTE, AuditAction.UNMUTE})


_ABOUT_DECLARATIONS = frozenset({AuditAction.CARRY_OUT, AuditAction.CLOSE, AuditAction.FORWARD})


def _is_done(act: AuditRecord, declaration: Declaration) -> bool:
    """Return whether a declaration says that somebody did this. Another person may have done it again since."""
    by = {
        AuditAction.CARRY_OUT: declaration.approved_by,
        AuditAction.CLOSE: declaration.closed_by,
        AuditAction.FORWARD: declaration.forwarded_by,
    }
    return by[act.action] is not None


def _of(action: AuditAction, world: World) -> Iterator[tuple[SubjectId, AuditRecord]]:
    return ((subject_id, act) for subject_id, act in world.subject_acts if act.action is action)


def keys_and_indexes(world: World) -> Verdicts:
    """Every key and index attribute follows from its item."""
    yield from world.is_in_place.items()


def as_written(world: World) -> Verdicts:
    """What is written whole is as it was written: receipts, entries, runs, documents, the terms of orders."""
    yield from world.is_as_written.items()


def readable(world: World) -> Verdicts:
    """Every item can be read by this release."""
    yield from world.is_readable.items()
