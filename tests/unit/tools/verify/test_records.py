"""Each way in which the rules about records can be broken is named, and nothing else is."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.declarations import BY_LINK, BY_SILENCE, Declaration
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import (
    AccountId,
    SubjectId,
    request_correlation_id,
)
from ledger.domain.receipts import MUTED, Mute, ParkReason, Receipt, RecordOutcome
from ledger.domain.refund_cases import BY_POLICY, DecisionOutcome, RefundCase
from ledger.domain.subjects import subject_of_event, subject_of_mute
from ledger.ports.documents import DocumentKey
from ledger.usecases.adjust_credits import ADJUSTMENTS_ROUTE
from tools.testing.builders import ADA, LATER, at
from tools.testing.planting import Fault, Rule, double, drop, name_of, named, one, put, rows
from tools.verify import World, check
from tools.verify.decisions import review_of
from tools.verify.records import (
    acts_about_declarations,
    acts_about_subjects,
    as_written,
    idempotency_records,
    keys_and_indexes,
    muted,
    parked_whole,
    readable,
)

EVE = AccountId("acct_eve")
PARKED, NOTED, BOOKED = RecordOutcome.PARKED, RecordOutcome.NOTED, RecordOutcome.BOOKED
DISMISS, REPLAY, UNMUTE = AuditAction.DISMISS, AuditAction.REPLAY, AuditAction.UNMUTE
CARRY_OUT, CLOSE, FORWARD = AuditAction.CARRY_OUT, AuditAction.CLOSE, AuditAction.FORWARD
CASES, ORDERS, DECISIONS, ADJUSTMENTS = "refund-requests", "orders", "decisions", ADJUSTMENTS_ROUTE


def receipt(whole: World, of: RecordOutcome, **changes: object) -> Receipt:
    """The first receipt of an outcome, with these changes."""
    return put(whole, one(whole.receipts, outcome=of), **changes)


def record(whole: World, route: str) -> tuple[DocumentKey, IdempotencyRecord]:
    """The first record of a route."""
    return next((key, known) for key, known in whole.idempotency_records.items() if key.parts[1] == route)


def recorded(whole: World, route: str, **changes: object) -> str:
    """The first record of a route has these changes. Return its name."""
    key, known = record(whole, route)
    put(whole, known, **changes)
    return "/".join(key.parts)


def under(whole: World, route: str, number: int, part: str) -> tuple[str, str]:
    """The first record of a route is under another account, route or key. Return its name, and that of its subject."""
    key, known = record(whole, route)
    del whole.idempotency_records[key]
    parts = tuple(part if number == position else other for position, other in enumerate(key.parts))
    whole.idempotency_records[key._replace(parts=parts)] = known
    return "/".join(parts), known.subject


def without(whole: World, route: str) -> str:
    """The first record of a route is missing. Return the id of its subject."""
    return drop(whole, record(whole, route)[1]).subject


def case_of(whole: World, route: str, **changes: object) -> tuple[str, RefundCase]:
    """The case of the first record of a route has these changes."""
    key, known = record(whole, route)
    return "/".join(key.parts), put(whole, whole.cases[known.subject], **changes)


def opened_by(whole: World, route: str) -> str:
    """The case was opened by another route, as its correlation id says. Return the name of the record."""
    name, subject = under(whole, CASES, 1, route)
    key = next(key for key in whole.idempotency_records if "/".join(key.parts) == name)
    put(whole, whole.cases[subject], correlation_id=request_correlation_id(ADA, route, key.parts[2]))
    return name


def decided_otherwise(whole: World, **changes: object) -> str:
    """The case of the first decision has another decision."""
    key, known = record(whole, DECISIONS)
    case = whole.cases[known.subject]
    if case.decision is None:
        raise TypeError(f"{case.case_id} is not decided")
    put(whole, case, decision=replace(case.decision, **changes))  # type: ignore[arg-type]
    return "/".join(key.parts)


def recommended(whole: World) -> None:
    """The person of the first decision left its amount to the policy."""
    known = record(whole, DECISIONS)[1]
    case = whole.cases[known.subject]
    review = review_of(case.decision) if case.decision else None
    if review is None or not review.items:
        raise TypeError(f"{case.case_id} returns no items")
    as_recommended = replace(review, money_minor=None, items=())
    put(whole, known, fingerprint=as_recommended.fingerprint(case.case_id, str(case.decided_by)))


def adjusted_twice(whole: World) -> str:
    """The act of the first adjustment is there twice. Return the name of its record."""
    key, known = record(whole, ADJUSTMENTS)
    double(whole, one((act for _, act in whole.audit_records), action=AuditAction.ADJUST, subject=known.subject))
    return "/".join(key.parts)


def of_a_case(whole: World, **changes: object) -> str:
    """The case of the first decision has these changes."""
    return case_of(whole, DECISIONS, **changes)[0]


def decided_before(whole: World, **changes: object) -> str:
    """The same for a decision that was made before the case's latest one."""
    recorded(whole, DECISIONS, at=at(-99), fingerprint="x")
    return of_a_case(whole, **changes)


def ordered_without_terms(whole: World) -> tuple[str, str]:
    """An order has lost its terms."""
    key, known = record(whole, ORDERS)
    put(whole, whole.fulfilment_keys[f"order/{known.subject}"], terms=None)
    return "/".join(key.parts), known.subject


def ordered(whole: World, **changes: object) -> tuple[str, str]:
    """The terms of an order are others."""
    key, known = record(whole, ORDERS)
    stored = whole.fulfilment_keys[f"order/{known.subject}"]
    if stored.terms is None:
        raise TypeError(f"{stored.key} has no terms")
    put(whole, stored, terms=replace(stored.terms, **changes))  # type: ignore[arg-type]
    return "/".join(key.parts), known.subject


def first(whole: World, action: AuditAction) -> tuple[int, SubjectId, AuditRecord]:
    """The first act of a kind about what has no account, and where it is."""
    return next((n, name, one) for n, (name, one) in enumerate(whole.subject_acts) if one.action is action)


def act(whole: World, action: AuditAction, **changes: object) -> str:
    """The first act of a kind has these changes. Return what it is about."""
    number, name, known = first(whole, action)
    whole.subject_acts[number] = (name, replace(known, **changes))  # type: ignore[arg-type]
    return name


def no_act(whole: World, action: AuditAction) -> str:
    """The first act of a kind is missing. Return what it is about."""
    number, name, _ = first(whole, action)
    del whole.subject_acts[number]
    return name


def receipt_of(whole: World, action: AuditAction, **changes: object) -> str:
    """The event that the first act of a kind is about has these changes. Return its name as a subject."""
    _, name, _ = first(whole, action)
    put(whole, next(one for one in whole.receipts if subject_of_event(one.name) == name), **changes)
    return name


def about(subject_id: str) -> str:
    """The id of the declaration that a subject is."""
    return subject_id.removeprefix("declaration:")


def declared(whole: World, field: str, value: str, other: str | None) -> str:
    """The declaration with a value has another one. Return its id."""
    found = next(one for one in whole.declarations.values() if getattr(one, field) == value)
    return put(whole, found, **{field: other}).declaration_id


def done_by_nobody(whole: World, field: str) -> str:
    """A declaration that was not dealt with names who did. Return its id."""
    untouched = (one for one in whole.declarations.values() if not (one.forwarded_by or one.closed_by))
    return put(whole, next(untouched), reseller="", closing_reason="", **{field: "sam"}).declaration_id


def forgotten(whole: World) -> Declaration:
    """A declaration that a person has forwarded is deleted."""
    return drop(whole, one(whole.declarations.values(), forwarded_by="sam"))


def moved(whole: World, action: AuditAction) -> str:
    """The first act of a kind lies under another declaration. Return the id of its own one."""
    number, _, known = first(whole, action)
    whole.subject_acts[number] = (SubjectId("declaration:W-0000-0000-0000"), known)
    return known.subject


def held(whole: World, **changes: object) -> Receipt:
    """The first muted event has these changes."""
    return put(whole, next(one for one in whole.receipts if one.muted_by), **changes)


def mute(whole: World, **changes: object) -> Mute:
    """The mute that is in force has these changes."""
    return put(whole, next(one for one in whole.mutes.values() if one.is_in_force), **changes)


def ended_mute(whole: World, **changes: object) -> str:
    """The mute that was ended has these changes. Return its id."""
    return put(whole, next(one for one in whole.mutes.values() if not one.is_in_force), **changes).mute_id


def muted_before(whole: World) -> None:
    """The mute that was ended is in force again, as the latest act about it says."""
    known = next(one for one in whole.mutes.values() if not one.is_in_force)
    again = put(whole, known, muted_at=LATER, ended_by=None, ended_at=None, ended_why="")
    _, name, act = first(whole, AuditAction.UNMUTE)
    new = replace(act, action=AuditAction.MUTE, actor=again.muted_by, reason=again.why, at=LATER, step=act.step + 1)
    whole.subject_acts.append((name, new))


def _held_by(whole: World, mute_id: str) -> list[str]:
    return sorted(one.event_id for one in whole.receipts if one.muted_by == mute_id)


def ended(whole: World) -> tuple[str, ...]:
    """A mute was ended, and its events are muted still. Return its id and theirs."""
    changed = mute(whole, ended_by="kim", ended_at=LATER, is_settled=True)
    return (changed.mute_id, *_held_by(whole, changed.mute_id))


def no_mute(whole: World) -> tuple[str, ...]:
    """The mute that is in force is missing. Return it as a subject, and its events."""
    missing = drop(whole, next(one for one in whole.mutes.values() if one.is_in_force))
    return (subject_of_mute(missing.mute_id), *_held_by(whole, missing.mute_id))


def kind(subject_id: str) -> str:
    """The id of the mute that a subject is."""
    return subject_id.removeprefix("kind:")


def attributed_elsewhere(whole: World) -> str:
    """The act of an attribution under its event is missing. Return the event's cause."""
    number, _, known = first(whole, AuditAction.ATTRIBUTE)
    del whole.subject_acts[number]
    return known.subject


def attributed_to_nobody(whole: World) -> str:
    """The act of an attribution under its account is missing. Return the event's cause."""
    found = next(one for one in whole.audit_records if one[1].action is AuditAction.ATTRIBUTE)
    whole.audit_records.remove(found)
    return found[1].subject


def not_requested(whole: World) -> str:
    """The record of the first request about what has no account is missing. Return what it is about."""
    key = next(iter(whole.subject_requests))
    del whole.subject_requests[key]
    return key.parts[0]


FAULTS: dict[Rule, list[Fault]] = {
    parked_whole: [
        Fault("a body is missing", "foreign", lambda w: receipt(w, PARKED, body=None), ("{0.event_id}",)),
        Fault("a body is another", "foreign", lambda w: receipt(w, PARKED, body=b"[]"), ("{0.event_id}",)),
        Fault(
            "a body's digest is another",
            "foreign",
            lambda w: receipt(w, PARKED, body_sha256="0" * 64),
            ("{0.event_id}",),
        ),
        Fault(
            "a parked event has no reason",
            "foreign",
            lambda w: receipt(w, PARKED, parked_reason=None),
            ("{0.event_id}",),
        ),
        Fault("a parked event has no detail", "foreign", lambda w: receipt(w, PARKED, detail="")),
        Fault(
            "a booked event has a reason",
            "foreign",
            lambda w: receipt(w, BOOKED, parked_reason=ParkReason.NO_ACCOUNT),
            ("{0.event_id}",),
        ),
        Fault("a booked event has a detail", "foreign", lambda w: receipt(w, BOOKED, detail="x"), ("{0.event_id}",)),
        Fault(
            "a booked event has a muted one's detail",
            "foreign",
            lambda w: receipt(w, BOOKED, detail=MUTED),
            ("{0.event_id}",),
        ),
        Fault("a noted event has a detail", "not_ours", lambda w: receipt(w, NOTED, detail="x"), ("{0.event_id}",)),
        Fault(
            "a muted event has no rule", "not_ours", lambda w: receipt(w, NOTED, detail="x" + MUTED), ("{0.event_id}",)
        ),
        Fault("a booked event has a body", "foreign", lambda w: receipt(w, BOOKED, body=b"{}"), ("{0.event_id}",)),
        Fault(
            "a booked event has another body", "foreign", lambda w: receipt(w, BOOKED, body=b"[]"), ("{0.event_id}",)
        ),
        Fault("a parked event is booked", "foreign", lambda w: receipt(w, PARKED, outcome=BOOKED), ("{0.event_id}",)),
        Fault("a parked event is noted", "foreign", lambda w: receipt(w, PARKED, outcome=NOTED), ("{0.event_id}",)),
        Fault("a booked event is parked", "foreign", lambda w: receipt(w, BOOKED, outcome=PARKED), ("{0.event_id}",)),
    ],
    muted: [
        Fault("a muted event has no mute", "muted_by_people", lambda w: held(w, muted_by="mute_0"), ("{0.event_id}",)),
        Fault(
            "a muted event is of another kind", "muted_by_people", lambda w: held(w, detail="acct_9"), ("{0.event_id}",)
        ),
        Fault(
            "a muted event is of a reason that needs a person",
            "muted_by_people",
            lambda w: held(w, parked_reason=ParkReason.UNDERPAID),
            ("{0.event_id}",),
        ),
        Fault("a muted event is booked", "muted_by_people", lambda w: held(w, parked_reason=None), ("{0.event_id}",)),
        Fault("a mute was ended", "muted_by_people", ended, ("{0[0]}", "{0[1]}", "{0[2]}")),
        Fault("a mute is missing", "muted_by_people", no_mute, ("{0[0]}", "{0[1]}", "{0[2]}")),
        Fault("a mute's act is missing", "muted_by_people", lambda w: kind(no_act(w, AuditAction.MUTE)), ("{0}",)),
        Fault("a mute is another's", "muted_by_people", lambda w: mute(w, muted_by="x").mute_id, ("{0}",)),
        Fault("an end's act is missing", "muted_by_people", lambda w: kind(no_act(w, AuditAction.UNMUTE)), ("{0}",)),
        Fault("an end's act is another's", "muted_by_people", lambda w: kind(act(w, UNMUTE, actor="x")), ("{0}",)),
        Fault("an end is of nobody", "muted_by_people", lambda w: ended_mute(w, ended_by=None), ("{0}",)),
        Fault("an end is of no time", "muted_by_people", lambda w: ended_mute(w, ended_at=None), ("{0}",)),
        Fault(
            "an end is forgotten", "muted_by_people", lambda w: ended_mute(w, ended_by=None, ended_at=None), ("{0}",)
        ),
        Fault("a kind was muted and that ended before", "muted_by_people", muted_before),
        Fault("the acts are in no order", "muted_by_people", lambda w: w.subject_acts.reverse()),
    ],
    acts_about_subjects: [
        Fault("a dismissal's act is missing", "looked_at_by_people", lambda w: no_act(w, DISMISS), ("{0}",)),
        Fault("a dismissal's act is another's", "looked_at_by_people", lambda w: act(w, DISMISS, actor="x"), ("{0}",)),
        Fault("a dismissal has another reason", "looked_at_by_people", lambda w: act(w, DISMISS, reason="x"), ("{0}",)),
        Fault("an act dismissed nothing", "looked_at_by_people", lambda w: receipt_of(w, DISMISS, detail=""), ("{0}",)),
        Fault("a request's act is missing", "looked_at_by_people", lambda w: no_act(w, REPLAY), ("{0}",)),
        Fault("an act is of another time", "looked_at_by_people", lambda w: act(w, REPLAY, at=LATER), ("{0}",)),
        Fault("an attribution is not under its event", "looked_at_by_people", attributed_elsewhere, ("{0}",)),
        Fault("an attribution is not under its account", "looked_at_by_people", attributed_to_nobody, ("{0}",)),
        Fault("an act was not requested", "looked_at_by_people", not_requested, ("{0}",)),
    ],
    acts_about_declarations: [
        Fault("an approval's act is missing", "declared", lambda w: about(no_act(w, CARRY_OUT)), ("{0}",)),
        Fault("an approval's act is another's", "declared", lambda w: about(act(w, CARRY_OUT, actor="x")), ("{0}",)),
        Fault("it is approved by another", "declared", lambda w: declared(w, "approved_by", "kim", "x"), ("{0}",)),
        Fault("an act approved nothing", "declared", lambda w: declared(w, "approved_by", "kim", None), ("{0}",)),
        Fault("a closed one's act is missing", "declared", lambda w: about(no_act(w, CLOSE)), ("{0}",)),
        Fault("a closed one has another reason", "declared", lambda w: about(act(w, CLOSE, reason="x")), ("{0}",)),
        Fault("an act closed nothing", "declared", lambda w: declared(w, "closed_by", "sam", None), ("{0}",)),
        Fault("a forwarded one's act is missing", "declared", lambda w: about(no_act(w, FORWARD)), ("{0}",)),
        Fault("a forwarding is of another time", "declared", lambda w: about(act(w, FORWARD, at=LATER)), ("{0}",)),
        Fault("an act forwarded nothing", "declared", lambda w: declared(w, "forwarded_by", "sam", None), ("{0}",)),
        Fault("it is forwarded to nobody by no act", "declared", lambda w: done_by_nobody(w, "forwarded_by"), ("{0}",)),
        Fault("it is closed for nothing by no act", "declared", lambda w: done_by_nobody(w, "closed_by"), ("{0}",)),
        Fault("a declaration was deleted after its years", "declared", forgotten),
        Fault("it is approved by silence", "declared", lambda w: declared(w, "approved_by", BY_LINK, BY_SILENCE)),
        Fault("an act is under another declaration", "declared", lambda w: moved(w, CLOSE), ("{0}",)),
    ],
    idempotency_records: [
        Fault("a case's record is missing", "ordered_twice", lambda w: without(w, CASES), ("{0}",)),
        Fault(
            "a case's record names another case",
            "ordered_twice",
            lambda w: (recorded(w, CASES, subject="case_0"), next(iter(w.cases))),
            ("{0[0]}", "{0[1]}"),
        ),
        Fault(
            "a case's record is of another time",
            "ordered_twice",
            lambda w: (recorded(w, CASES, at=LATER), next(iter(w.cases))),
            ("{0[0]}", "{0[1]}"),
        ),
        *(
            Fault(
                f"a case's record is of another {what}",
                "ordered_twice",
                lambda w, number=number, part=part: under(w, CASES, number, part),
                ("{0[0]}", "{0[1]}"),
            )
            for number, (what, part) in enumerate((("account", EVE), ("route", "withdrawals"), ("key", "key_9")))
        ),
        Fault(
            "a case is of another account", "ordered_twice", lambda w: case_of(w, CASES, account_id=EVE), ("{0[0]}",)
        ),
        Fault(
            "a case was opened at another time",
            "ordered_twice",
            lambda w: case_of(w, CASES, opened_at=LATER),
            ("{0[0]}", "{0[1].case_id}"),
        ),
        Fault(
            "a case was opened by another request",
            "ordered_twice",
            lambda w: case_of(w, CASES, correlation_id="req_0"),
            ("{0[0]}", "{0[1].case_id}"),
        ),
        Fault(
            "a case is not there",
            "ordered_twice",
            lambda w: (w.cases.clear(), "/".join(record(w, CASES)[0].parts))[1],
            ("{0}",),
        ),
        *(
            Fault(f"{route} opens a case", "ordered_twice", lambda w, route=route: opened_by(w, route))
            for route in ("withdrawals", "support/refund-cases")
        ),
        Fault("an unknown route opens a case", "ordered_twice", lambda w: opened_by(w, "of-no-api"), ("{0}",)),
        Fault("an order's record is missing", "ordered_twice", lambda w: without(w, ORDERS), ("order/{0}",)),
        Fault(
            "an order's record names another order",
            "ordered_twice",
            lambda w: (record(w, ORDERS)[1].subject, recorded(w, ORDERS, subject="ord_0")),
            ("order/{0[0]}", "{0[1]}"),
        ),
        Fault(
            "an order's record is of another time", "ordered_twice", lambda w: recorded(w, ORDERS, at=LATER), ("{0}",)
        ),
        Fault(
            "an order's record is of another account", "ordered_twice", lambda w: under(w, ORDERS, 0, EVE), ("{0[0]}",)
        ),
        Fault(
            "an order's record is of another route",
            "ordered_twice",
            lambda w: under(w, ORDERS, 1, CASES),
            ("{0[0]}", "order/{0[1]}"),
        ),
        Fault("an order is of another account", "ordered_twice", lambda w: ordered(w, account_id=EVE), ("{0[0]}",)),
        Fault("an order was made at another time", "ordered_twice", lambda w: ordered(w, made_at=LATER), ("{0[0]}",)),
        Fault("an order has no terms", "ordered_twice", ordered_without_terms, ("{0[0]}",)),
        Fault(
            "a decision's record is of another account", "requested", lambda w: under(w, DECISIONS, 0, EVE), ("{0[0]}",)
        ),
        Fault(
            "a decision's record is of another case",
            "requested",
            lambda w: recorded(w, DECISIONS, subject="case_0"),
            ("{0}",),
        ),
        Fault(
            "a decision's record is of another request",
            "requested",
            lambda w: recorded(w, DECISIONS, fingerprint="x"),
            ("{0}",),
        ),
        Fault(
            "a decision's record is of a later request",
            "requested",
            lambda w: recorded(w, DECISIONS, fingerprint="x", at=LATER),
            ("{0}",),
        ),
        Fault(
            "a decision's record is of an earlier request",
            "requested",
            lambda w: recorded(w, DECISIONS, fingerprint="x", at=at(1)),
        ),
        Fault("a decision was repeated", "requested", lambda w: recorded(w, DECISIONS, at=LATER)),
        *(
            Fault(
                f"a decision has another {part}",
                "requested",
                lambda w, part=part, value=value: decided_otherwise(w, **{part: value}),
                ("{0}",),
            )
            for part, value in (
                ("outcome", DecisionOutcome.DECLINE),
                ("outcome", DecisionOutcome.WAIT),
                ("reasons", ()),
                ("clause", "9"),
                ("money_minor", 1),
                ("credits", 1),
                ("takes_credits", False),
                ("ends_subscription", True),
                ("items", ()),
            )
        ),
        Fault("a decision was made by another person", "requested", lambda w: of_a_case(w, decided_by="kim"), ("{0}",)),
        Fault("a decision followed the recommendation", "requested", recommended),
        Fault("an adjustment is there twice", "by_two", adjusted_twice, ("{0}",)),
        Fault("a case is not decided", "requested", lambda w: decided_before(w, decision=None), ("{0}",)),
        Fault("a case is not decided by anybody", "requested", lambda w: decided_before(w, decided_by=None), ("{0}",)),
        Fault(
            "a case was decided by the policy", "requested", lambda w: decided_before(w, decided_by=BY_POLICY), ("{0}",)
        ),
        Fault("a case was decided at no time", "requested", lambda w: decided_before(w, decided_at=None), ("{0}",)),
        Fault(
            "a case was left to a person by a person",
            "requested",
            lambda w: (recorded(w, DECISIONS, at=at(-99)), decided_otherwise(w, outcome=DecisionOutcome.REVIEW))[1],
            ("{0}",),
        ),
    ],
}


@pytest.mark.parametrize(("rule", "fault"), rows(FAULTS), ids=name_of)
def test_each_fault_is_named(rule: Rule, fault: Fault) -> None:
    """And a change that is no fault names nothing."""
    found, expected = named(rule, fault)
    assert found == expected


@pytest.mark.parametrize(
    ("rule", "part"),
    [(readable, "is_readable"), (keys_and_indexes, "is_in_place"), (as_written, "is_as_written")],
)
def test_what_is_known_of_each_item_is_reported(rule: Callable[[World], object], part: str) -> None:
    """By the item's key."""
    whole = World()
    setattr(whole, part, {"a / b": True, "c / d": False})
    (found,) = (finding for finding in check(whole) if finding.checked)
    assert (found.invariant, found.checked, found.broken) == ((rule.__doc__ or "").rstrip("."), 2, ("c / d",))
