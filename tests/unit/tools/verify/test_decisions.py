"""Each way in which the rules about decisions can be broken is named, and nothing else is."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.facts import RefundedItem, RefundSent
from ledger.domain.ids import AccountId
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import (
    BY_POLICY,
    BY_PROVIDER,
    BY_SENDER,
    CaseState,
    Decision,
    DecisionOutcome,
    RefundCase,
    RefundReason,
)
from ledger.domain.texts import Figure, Text, text
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from tools.testing.builders import LATER, NOON, at, own_words
from tools.testing.planting import (
    Fault,
    Rule,
    double,
    drop,
    drop_fact,
    fact,
    name_of,
    named,
    one,
    purchase,
    put,
    put_fact,
    rows,
)
from tools.verify import World
from tools.verify.decisions import agreed, decisions_of_cases, histories, review_of

EVE = AccountId("acct_eve")
PAID = "stripe:pi_1"
BY_PERSON = {
    CaseState.REPLACED: AuditAction.REPLACE,
    CaseState.DECLINED: AuditAction.DECLINE,
    CaseState.APPROVED: AuditAction.APPROVE,
}


def case(whole: World, state: CaseState, **having: object) -> RefundCase:
    """The first case in a state."""
    return one(whole.cases.values(), state=state, **having)


def act(whole: World, action: AuditAction) -> AuditRecord:
    """The first record of an action."""
    return one((record for _, record in whole.audit_records), action=action)


def moved(whole: World, known: RefundCase, number: int, **changes: object) -> RefundCase:
    """A step of a case's history has these changes."""
    history = list(known.history)
    history[number] = replace(history[number], **changes)  # type: ignore[arg-type]
    return put(whole, known, history=tuple(history))


def decided(whole: World, known: RefundCase, **changes: object) -> RefundCase:
    """A case's decision has these changes."""
    if known.decision is None:
        raise TypeError(f"{known.case_id} is not decided")
    return put(whole, known, decision=replace(known.decision, **changes))  # type: ignore[arg-type]


def of_another_account(whole: World, record: AuditRecord) -> AuditRecord:
    """A record is of another account."""
    whole.audit_records = [(EVE if known is record else of, known) for of, known in whole.audit_records]
    return record


def sent_twice(whole: World) -> RefundCase:
    """At the time of a step another refund was sent, too, which the step does not name."""
    known = case(whole, CaseState.REFUNDED)
    sent = fact(whole, "sent:")
    more = replace(sent, tag="case_0-1", refund_id="other")
    put(whole, purchase(whole, PAID), facts={**purchase(whole, PAID).facts, more.key: more})
    return known


def sent_in_two(whole: World) -> RefundCase:
    """A step names two refunds, and both were sent."""
    sent_twice(whole)
    known = case(whole, CaseState.REFUNDED)
    cause = text("change.refund_accepted", refund="other, stripe_refund_1", state="succeeded")
    return moved(whole, known, 2, cause=cause)


def sent_at_another_time(whole: World) -> RefundCase:
    """Another refund was sent at another time: it is of another step."""
    known = case(whole, CaseState.REFUNDED)
    more = RefundSent(tag="case_0-1", refund_id="other", at=LATER, cause="case:case_0")
    put(whole, purchase(whole, PAID), facts={**purchase(whole, PAID).facts, more.key: more})
    return known


def without_history(whole: World, known: RefundCase, **changes: object) -> RefundCase:
    """A case that has no history, with these changes."""
    return put(whole, known, history=(), **changes)


def home_of_another_account(whole: World) -> RefundCase:
    """The purchase of a case is of another account."""
    known = case(whole, CaseState.REPLACED)
    item = whole.payments[known.payment_id]
    if isinstance(item, Purchase) and item.payment:
        put(whole, item, facts={**item.facts, "payment": replace(item.payment, account_id=EVE)})
    return known


def unpaid(whole: World) -> RefundCase:
    """The payment of a case is not there."""
    known = case(whole, CaseState.REPLACED)
    item = whole.payments[known.payment_id]
    if isinstance(item, Purchase):
        put(whole, item, facts={key: value for key, value in item.facts.items() if key != "payment"})
    return known


def declined_anew(whole: World) -> RefundCase:
    """Another case was declined later for the same reason: the fact is that one's."""
    put_fact(whole, "declined:", case_id="case_0", at=LATER, clause="9", cause="case:case_0")
    return case(whole, CaseState.DECLINED)


def by_policy(whole: World, known: RefundCase) -> RefundCase:
    """The policy has declined a case, in one step."""
    if known.decision is None:
        raise TypeError(f"{known.case_id} is not decided")
    step = replace(
        known.history[0],
        to_state=CaseState.DECLINED,
        cause=text("change.decided", rule="not_refundable", clause="2"),
    )
    decision = replace(known.decision, rule="not_refundable", clause="2")
    return put(whole, known, history=(step,), decided_by=BY_POLICY, decided_at=step.at, decision=decision)


def declined_by_policy(whole: World) -> RefundCase:
    """What the policy declines is no fact, and no person's act."""
    known = by_policy(whole, case(whole, CaseState.DECLINED))
    drop_fact(whole, "declined:")
    drop(whole, act(whole, AuditAction.DECLINE))
    return known


def by_a_person_called_policy(whole: World) -> RefundCase:
    """The policy's decision has the rule of a person."""
    known = decided(whole, case(whole, CaseState.IN_REVIEW), rule="person:policy", clause="5")
    return moved(whole, known, -1, cause=text("change.decided", rule="person:policy", clause="5"))


def declined_when_refunded(whole: World) -> RefundCase:
    """The provider's report of a refund has led to a decline."""
    known = put(whole, case(whole, CaseState.REFUNDED), state=CaseState.DECLINED)
    return moved(whole, known, -1, to_state=CaseState.DECLINED)


def declined_after_review(whole: World) -> RefundCase:
    """A withdrawal was confirmed first, and declined by another step later."""
    known = case(whole, CaseState.IN_REVIEW, reason=RefundReason.WITHDRAWAL)
    (step,) = known.history
    later = replace(step, at=LATER, from_state=CaseState.IN_REVIEW, to_state=CaseState.DECLINED)
    return put(whole, known, history=(step, later), state=CaseState.DECLINED)


def decided_without_words(whole: World) -> RefundCase:
    """A reason is a sentence of ours, with a number; the record has no words either."""
    put(whole, act(whole, AuditAction.REPLACE), reason="")
    return decided(whole, case(whole, CaseState.REPLACED), reasons=(text("x", number=1),))


def agreed_to(whole: World, known: RefundCase, *agreements: Text) -> RefundCase:
    """A case's decision has these agreements, and no other."""
    inputs = known.decision.inputs if known.decision else ()
    return decided(whole, known, inputs=(*(one for one in inputs if one.key != "input.agreement"), *agreements))


def withdrawal(whole: World) -> RefundCase:
    """A withdrawal whose money was replaced as the customer agreed."""
    return case(whole, CaseState.REPLACED, payment_id="stripe:pi_2")


AGREED = text("input.agreement", words="By mail.")
SAM = {"decided_by": "sam"}


def of_contract(whole: World, *, gone: bool = False, **changes: object) -> list[str]:
    """A contract's withdrawal has these changes, or is gone. Return its id, and those of the cases that it opened."""
    reached = [one for one in whole.cases.values() if one.contract_case_id]
    known = whole.cases[str(reached[0].contract_case_id)]
    if gone:
        drop(whole, known)
    elif changes:
        put(whole, known, **changes)
    return [known.case_id, *(one.case_id for one in reached)]


def ends_nothing(whole: World) -> list[str]:
    """The decision about a contract's withdrawal does not end the contract."""
    decision = whole.cases[of_contract(whole)[0]].decision
    if decision is None:
        raise TypeError("the withdrawal is not decided")
    return of_contract(whole, decision=replace(decision, ends_contract=False))


def reached_later(whole: World) -> str:
    """A case that a contract's withdrawal has opened was confirmed at another time. Return its id."""
    return put(whole, whole.cases[of_contract(whole)[1]], confirmed_at=LATER).case_id


def reached_when_opened(whole: World) -> list[str]:
    """A contract's withdrawal has no confirmation of its own. The first of its cases has the time of its opening."""
    known, first, _ = ids = of_contract(whole, confirmed_at=None)
    put(whole, whole.cases[first], confirmed_at=whole.cases[known].opened_at)
    return ids


def of_contract_and_on_its_way(whole: World) -> RefundCase:
    """A case that a contract's withdrawal has opened has a second step. The first one begins with the request."""
    known = case(whole, CaseState.APPROVED, case_id=of_contract(whole)[1])
    (step,) = known.history
    more = replace(step, at=LATER, from_state=CaseState.APPROVED, to_state=CaseState.ISSUED)
    return put(whole, known, history=(step, more), state=CaseState.ISSUED)


def sent_by_mail(whole: World, **changes: object) -> RefundCase:
    """A withdrawal was sent a minute before it was opened, confirmed and decided at once; with these changes."""
    known = case(whole, CaseState.IN_REVIEW, reason=RefundReason.WITHDRAWAL)
    return put(whole, known, asked_at=known.opened_at - timedelta(minutes=1), **changes)


def requested_in_a_dispute(whole: World) -> RefundCase:
    """A withdrawal in other words was not decided as one, since a dispute was open; nobody agreed to its credits."""
    known = agreed_to(whole, case(whole, CaseState.REPLACED, payment_id="stripe:pi_4"))
    return moved(whole, known, 0, cause=text("change.decided", rule="open_dispute", clause="5"))


def not_noted_in_a_dispute(whole: World) -> RefundCase:
    """It was no withdrawal: its purchase does not note one."""
    known = requested_in_a_dispute(whole)
    drop_fact(whole, f"withdrawal:{known.case_id}")
    return known


FAULTS: dict[Rule, list[Fault]] = {
    histories: [
        Fault("a payment of the contract is on its way back", "withdrawn_early", of_contract_and_on_its_way),
        Fault("a withdrawal was sent by mail", "requested", sent_by_mail),
        Fault(
            "a withdrawal was sent after it was confirmed",
            "requested",
            lambda w: sent_by_mail(w, confirmed_at=NOON - timedelta(days=1)),
            ("{0.case_id}",),
        ),
        Fault(
            "a withdrawal that was sent was confirmed after its decision",
            "requested",
            lambda w: sent_by_mail(w, confirmed_at=LATER),
            ("{0.case_id}",),
        ),
        Fault(
            "what is no withdrawal was sent before it was opened",
            "requested",
            lambda w: put(w, case(w, CaseState.DECLINED), asked_at=NOON),
        ),
        Fault(
            "a payment of the contract was decided before that was confirmed",
            "withdrawn_early",
            lambda w: moved(w, case(w, CaseState.APPROVED, case_id=of_contract(w)[1]), 0, at=NOON),
            ("{0.case_id}",),
        ),
        *(
            Fault(f"the withdrawal of the contract {what}", "withdrawn_early", plant, ("{0[1]}", "{0[2]}"))
            for what, plant in (
                ("is not there", lambda w: of_contract(w, gone=True)),
                ("is not decided", lambda w: of_contract(w, decision=None)),
                ("ends no contract", ends_nothing),
                ("is of another account", lambda w: of_contract(w, account_id=EVE)),
            )
        ),
        Fault("a payment of the contract is of another time", "withdrawn_early", reached_later, ("{0}",)),
        Fault(
            "the withdrawal of the contract was not confirmed apart",
            "withdrawn_early",
            reached_when_opened,
            ("{0[0]}", "{0[2]}"),
        ),
        Fault(
            "a confirmed one of no contract waits without a step",
            "withdrawn_early",
            lambda w: put(w, one(w.cases.values(), state=CaseState.REQUESTED), contract_case_id=None),
            ("{0.case_id}",),
        ),
        Fault(
            "a confirmed one of a contract is declared",
            "withdrawn_early",
            lambda w: put(w, one(w.cases.values(), state=CaseState.REQUESTED), state=CaseState.DECLARED),
            ("{0.case_id}",),
        ),
        *(
            Fault(
                f"{state} is not on record",
                "requested",
                lambda w, state=state, action=action: (drop(w, act(w, action)), case(w, state, **SAM))[1],
                ("{0.case_id}",),
            )
            for state, action in BY_PERSON.items()
        ),
        *(
            Fault(
                f"{state} is on record twice",
                "requested",
                lambda w, action=action: double(w, act(w, action)),
                ("{0.subject}",),
            )
            for state, action in BY_PERSON.items()
        ),
        Fault(
            "a decision is on record of another person",
            "requested",
            lambda w: put(w, act(w, AuditAction.DECLINE), actor="kim"),
            ("{0.subject}",),
        ),
        Fault(
            "a decision is on record at another time",
            "requested",
            lambda w: put(w, act(w, AuditAction.DECLINE), at=LATER),
            ("{0.subject}",),
        ),
        Fault(
            "another decision is on record",
            "requested",
            lambda w: put(w, act(w, AuditAction.DECLINE), action=AuditAction.REPLACE),
            ("{0.subject}",),
        ),
        Fault(
            "a decision is on record for another account",
            "requested",
            lambda w: of_another_account(w, act(w, AuditAction.DECLINE)),
            ("{0.subject}",),
        ),
        Fault(
            "a decision about another case is on record",
            "requested",
            lambda w: (put(w, act(w, AuditAction.DECLINE), subject="case_0"), case(w, CaseState.DECLINED))[1],
            ("case_0", "{0.case_id}"),
        ),
        Fault(
            "a decision of no step is on record",
            "requested",
            lambda w: double(w, act(w, AuditAction.DECLINE), at=LATER),
            ("{0.subject}",),
        ),
        Fault(
            "an act about something else is on record",
            "requested",
            lambda w: double(w, act(w, AuditAction.DECLINE), action=AuditAction.HOLD),
        ),
        Fault(
            "a person sent a case to review",
            "requested",
            lambda w: moved(w, case(w, CaseState.IN_REVIEW), -1, actor="sam"),
            ("{0.case_id}",),
        ),
        *(
            Fault(
                f"a step by {actor} is a person's on record",
                "requested",
                lambda w, actor=actor: moved(w, case(w, CaseState.REPLACED), -1, actor=actor),
                ("{0.case_id}",),
            )
            for actor in (BY_POLICY, BY_PROVIDER, BY_SENDER)
        ),
        Fault(
            "an earlier step by a person is on no record",
            "refunded",
            lambda w: moved(w, case(w, CaseState.IN_REVIEW), 1, actor="kim"),
            ("{0.case_id}",),
        ),
        Fault(
            "it is in another state",
            "requested",
            lambda w: put(w, case(w, CaseState.DECLINED), state=CaseState.REPLACED),
            ("{0.case_id}",),
        ),
        Fault(
            "a step is missing",
            "refunded",
            lambda w: put(
                w,
                case(w, CaseState.REFUNDED),
                history=case(w, CaseState.REFUNDED).history[:2] + case(w, CaseState.REFUNDED).history[3:],
            ),
            ("{0.case_id}",),
        ),
        Fault(
            "the first step is missing",
            "refunded",
            lambda w: put(w, case(w, CaseState.REFUNDED), history=case(w, CaseState.REFUNDED).history[1:]),
            ("{0.case_id}",),
        ),
        Fault(
            "the last step is missing",
            "refunded",
            lambda w: put(w, case(w, CaseState.REFUNDED), history=case(w, CaseState.REFUNDED).history[:-1]),
            ("{0.case_id}",),
        ),
        Fault(
            "a step is from another state",
            "refunded",
            lambda w: moved(w, case(w, CaseState.REFUNDED), -1, from_state=CaseState.APPROVED),
            ("{0.case_id}",),
        ),
        Fault(
            "steps are exchanged",
            "refunded",
            lambda w: put(w, case(w, CaseState.REFUNDED), history=case(w, CaseState.REFUNDED).history[::-1]),
            ("{0.case_id}",),
        ),
        Fault(
            "a step that may not be",
            "asked_about_two_like_it",
            lambda w: moved(
                w, put(w, case(w, CaseState.IN_REVIEW), state=CaseState.REPLACED), 0, to_state=CaseState.REPLACED
            ),
            ("{0.case_id}",),
        ),
        Fault("one step of many that may not be", "refunded", declined_when_refunded, ("{0.case_id}",)),
        Fault("a confirmed one was decided later", "requested", declined_after_review),
        Fault(
            "it begins with a declaration",
            "requested",
            lambda w: moved(w, case(w, CaseState.DECLINED), 0, from_state=CaseState.DECLARED),
            ("{0.case_id}",),
        ),
        Fault(
            "a confirmed one begins with a request",
            "requested",
            lambda w: moved(
                w, case(w, CaseState.IN_REVIEW, reason=RefundReason.WITHDRAWAL), 0, from_state=CaseState.REQUESTED
            ),
            ("{0.case_id}",),
        ),
        Fault(
            "it was never confirmed",
            "requested",
            lambda w: put(w, case(w, CaseState.IN_REVIEW, reason=RefundReason.WITHDRAWAL), confirmed_at=None),
            ("{0.case_id}",),
        ),
        Fault(
            "it was confirmed at another time",
            "requested",
            lambda w: put(w, case(w, CaseState.IN_REVIEW, reason=RefundReason.WITHDRAWAL), confirmed_at=LATER),
            ("{0.case_id}",),
        ),
        Fault(
            "one without a history is in review",
            "asked_about_two_like_it",
            lambda w: without_history(w, case(w, CaseState.IN_REVIEW)),
            ("{0.case_id}",),
        ),
        Fault(
            "one without a history was confirmed",
            "ordered_twice",
            lambda w: put(w, case(w, CaseState.REQUESTED), confirmed_at=at(3)),
            ("{0.case_id}",),
        ),
        Fault(
            "one without a history is confirmed and in review",
            "requested",
            lambda w: without_history(w, case(w, CaseState.IN_REVIEW, reason=RefundReason.WITHDRAWAL)),
            ("{0.case_id}",),
        ),
        Fault(
            "a refund of a step was not sent",
            "refunded",
            lambda w: (drop_fact(w, "sent:"), case(w, CaseState.REFUNDED))[1],
            ("{0.case_id}",),
        ),
        Fault(
            "a refund of a step was sent at another time",
            "refunded",
            lambda w: (put_fact(w, "sent:", at=LATER), case(w, CaseState.REFUNDED))[1],
            ("{0.case_id}",),
        ),
        Fault(
            "another refund was sent",
            "refunded",
            lambda w: (put_fact(w, "sent:", refund_id="other"), case(w, CaseState.REFUNDED))[1],
            ("{0.case_id}",),
        ),
        Fault("one more refund was sent", "refunded", sent_twice, ("{0.case_id}",)),
        Fault("two refunds were sent", "refunded", sent_in_two),
        Fault("another refund was sent at another time", "refunded", sent_at_another_time),
        Fault(
            "a step tells more than its refund",
            "refunded",
            lambda w: moved(
                w, case(w, CaseState.REFUNDED), 2, cause=text("change.refund_accepted", a="x", refund="stripe_refund_1")
            ),
        ),
        Fault(
            "a refund of a step was not reported",
            "refunded",
            lambda w: (drop_fact(w, "refund:stripe_refund_1"), case(w, CaseState.REFUNDED))[1],
            ("{0.case_id}",),
        ),
        Fault(
            "a step of the provider names no refund",
            "refunded",
            lambda w: moved(w, case(w, CaseState.REFUNDED), -1, cause=text("change.refund_succeeded")),
            ("{0.case_id}",),
        ),
        Fault(
            "a step of the sender names no refund",
            "refunded",
            lambda w: moved(w, case(w, CaseState.REFUNDED), 2, cause=text("change.refund_accepted")),
            ("{0.case_id}",),
        ),
        Fault(
            "giving up is no fact",
            "refunded",
            lambda w: (drop_fact(w, "abandoned:"), case(w, CaseState.IN_REVIEW))[1],
            ("{0.case_id}",),
        ),
        Fault(
            "giving up at another time",
            "refunded",
            lambda w: (put_fact(w, "abandoned:", at=LATER), case(w, CaseState.IN_REVIEW))[1],
            ("{0.case_id}",),
        ),
        Fault(
            "giving up for another reason",
            "refunded",
            lambda w: (put_fact(w, "abandoned:", reason=text("x")), case(w, CaseState.IN_REVIEW))[1],
            ("{0.case_id}",),
        ),
        Fault("declined by the policy", "requested", declined_by_policy),
    ],
    decisions_of_cases: [
        Fault(
            "an undecided one has a time",
            "requested",
            lambda w: put(w, case(w, CaseState.DECLARED), decided_at=LATER),
            ("{0.case_id}",),
        ),
        Fault(
            "an undecided one has a person",
            "requested",
            lambda w: put(w, case(w, CaseState.DECLARED), decided_by="sam"),
            ("{0.case_id}",),
        ),
        Fault(
            "an undecided one waits",
            "requested",
            lambda w: put(w, case(w, CaseState.DECLARED), deferred_until=LATER),
            ("{0.case_id}",),
        ),
        Fault(
            "an undecided one is approved",
            "requested",
            lambda w: put(w, case(w, CaseState.DECLARED), approvals=1),
            ("{0.case_id}",),
        ),
        Fault(
            "an undecided one is in review",
            "requested",
            lambda w: put(w, case(w, CaseState.DECLARED), state=CaseState.IN_REVIEW),
            ("{0.case_id}",),
        ),
        Fault(
            "a decision is missing",
            "requested",
            lambda w: put(w, case(w, CaseState.DECLINED), decision=None),
            ("{0.case_id}",),
        ),
        Fault(
            "all of a decision is missing",
            "requested",
            lambda w: put(w, case(w, CaseState.DECLINED), decision=None, decided_at=None, decided_by=None),
            ("{0.case_id}",),
        ),
        Fault(
            "a deferred one has a time",
            "ordered_twice",
            lambda w: put(w, case(w, CaseState.REQUESTED), decided_at=LATER),
            ("{0.case_id}",),
        ),
        Fault(
            "a deferred one has a person",
            "ordered_twice",
            lambda w: put(w, case(w, CaseState.REQUESTED), decided_by="sam"),
            ("{0.case_id}",),
        ),
        Fault(
            "a deferred one waits for nothing",
            "ordered_twice",
            lambda w: put(w, case(w, CaseState.REQUESTED), deferred_until=None),
            ("{0.case_id}",),
        ),
        Fault(
            "a deferred one is in review",
            "ordered_twice",
            lambda w: put(w, case(w, CaseState.REQUESTED), state=CaseState.IN_REVIEW),
            ("{0.case_id}",),
        ),
        Fault(
            "a decided one waits",
            "requested",
            lambda w: put(w, case(w, CaseState.DECLINED), deferred_until=LATER),
            ("{0.case_id}",),
        ),
        Fault(
            "it was decided at another time",
            "requested",
            lambda w: put(w, case(w, CaseState.REPLACED), decided_at=LATER),
            ("{0.case_id}",),
        ),
        Fault(
            "it was decided by another person",
            "requested",
            lambda w: put(w, case(w, CaseState.REPLACED), decided_by="kim"),
            ("{0.case_id}",),
        ),
        Fault(
            "it was decided by the policy",
            "requested",
            lambda w: put(w, case(w, CaseState.REPLACED), decided_by=BY_POLICY),
            ("{0.case_id}",),
        ),
        Fault(
            "its rule is another",
            "requested",
            lambda w: decided(w, case(w, CaseState.REPLACED), rule="person:kim"),
            ("{0.case_id}",),
        ),
        Fault(
            "its rule is no person's",
            "requested",
            lambda w: moved(
                w,
                decided(w, case(w, CaseState.REPLACED), rule="technical_problem"),
                -1,
                cause=text("change.decided", rule="technical_problem", clause="6"),
            ),
            ("{0.case_id}",),
        ),
        Fault("its rule is a person's", "asked_about_two_like_it", by_a_person_called_policy, ("{0.case_id}",)),
        Fault(
            "its clause is another",
            "requested",
            lambda w: decided(w, case(w, CaseState.REPLACED), clause="9"),
            ("{0.case_id}",),
        ),
        Fault(
            "its outcome is another",
            "requested",
            lambda w: decided(w, case(w, CaseState.REPLACED), outcome=DecisionOutcome.REVIEW),
            ("{0.case_id}",),
        ),
        *(
            Fault(
                f"its outcome is {outcome}",
                "asked_about_two_like_it",
                lambda w, outcome=outcome: decided(w, case(w, CaseState.IN_REVIEW), outcome=outcome),
                ("{0.case_id}",),
            )
            for outcome in DecisionOutcome
            if outcome is not DecisionOutcome.REVIEW
        ),
        Fault(
            "its words are others",
            "requested",
            lambda w: decided(w, case(w, CaseState.REPLACED), reasons=own_words("As", "agreed.")),
            ("{0.case_id}",),
        ),
        Fault("it has no words", "requested", decided_without_words),
        Fault(
            "its words on record are others",
            "requested",
            lambda w: put(w, act(w, AuditAction.REPLACE), reason="x"),
            ("{0.subject}",),
        ),
        Fault(
            "another account's words on record are others",
            "requested",
            lambda w: w.audit_records.append((EVE, replace(act(w, AuditAction.REPLACE), reason="x"))),
        ),
        Fault(
            "its words at another time are others",
            "requested",
            lambda w: double(w, act(w, AuditAction.REPLACE), at=LATER, reason="x"),
        ),
        Fault(
            "the words of another act are others",
            "requested",
            lambda w: double(w, act(w, AuditAction.REPLACE), action=AuditAction.HOLD, reason="x"),
        ),
        Fault(
            "its history has no decision",
            "requested",
            lambda w: put(w, case(w, CaseState.REPLACED), history=()),
            ("{0.case_id}",),
        ),
        Fault(
            "an earlier step is the decision's",
            "refunded",
            lambda w: put(w, case(w, CaseState.IN_REVIEW), history=case(w, CaseState.IN_REVIEW).history[:4]),
            ("{0.case_id}",),
        ),
        Fault(
            "the step of a decision is another's",
            "requested",
            lambda w: moved(w, case(w, CaseState.REPLACED), -1, actor="kim"),
            ("{0.case_id}",),
        ),
        Fault(
            "the step of a decision leads elsewhere",
            "requested",
            lambda w: moved(w, case(w, CaseState.REPLACED), -1, to_state=CaseState.DECLINED),
            ("{0.case_id}",),
        ),
        Fault(
            "the step of a decision is of another time",
            "requested",
            lambda w: moved(w, case(w, CaseState.REPLACED), -1, at=LATER),
            ("{0.case_id}",),
        ),
        Fault(
            "its purchase is not there",
            "requested",
            lambda w: (w.payments.pop(case(w, CaseState.REPLACED).payment_id), case(w, CaseState.REPLACED))[1],
            ("{0.case_id}",),
        ),
        Fault("its purchase is of another account", "requested", home_of_another_account, ("{0.case_id}",)),
        Fault("its payment is not there", "requested", unpaid, ("{0.case_id}",)),
        Fault(
            "its currency is another",
            "requested",
            lambda w: decided(w, case(w, CaseState.APPROVED, **SAM), currency="EUR"),
            ("{0.case_id}",),
        ),
        Fault(
            "the currency of nothing is another",
            "requested",
            lambda w: decided(w, case(w, CaseState.REPLACED), currency="EUR"),
        ),
        Fault(
            "its approval is missing",
            "refunded_in_parts",
            lambda w: (drop_fact(w, "approved:"), case(w, CaseState.ISSUED))[1],
            ("{0.case_id}",),
        ),
        *(
            Fault(
                f"its approval has another {part}",
                "requested",
                lambda w, part=part, value=value: (
                    put_fact(w, "approved:", **{part: value}),
                    case(w, CaseState.APPROVED, **SAM),
                )[1],
                ("{0.case_id}",),
            )
            for part, value in (
                ("amount_minor", 501),
                ("items", (RefundedItem(line_id="0", amount_minor=499),)),
                ("takes_credits", False),
                ("at", LATER),
                ("cause", "case:case_0"),
            )
        ),
        Fault(
            "its decline is missing",
            "requested",
            lambda w: (drop_fact(w, "declined:"), case(w, CaseState.DECLINED))[1],
            ("{0.case_id}",),
        ),
        *(
            Fault(
                f"its decline has another {part}",
                "requested",
                lambda w, part=part, value=value: (
                    put_fact(w, "declined:", **{part: value}),
                    case(w, CaseState.DECLINED),
                )[1],
                ("{0.case_id}",),
            )
            for part, value in (("clause", "9"), ("reasons", ()), ("at", LATER), ("cause", "case:case_0"))
        ),
        Fault("a later case was declined for the same reason", "requested", declined_anew),
        Fault("declined by the policy", "requested", declined_by_policy),
    ],
    agreed: [
        *(
            Fault(
                f"nobody agreed to credits for {what}",
                "agreed",
                lambda w, name=name: agreed_to(w, case(w, CaseState.REPLACED, payment_id=name)),
                ("{0.case_id}",),
            )
            for name, what in (
                ("stripe:pi_2", "a withdrawal"),
                ("stripe:pi_3", "a withdrawal that was declined"),
                ("stripe:pi_4", "what the policy has found to be a withdrawal"),
            )
        ),
        *(
            Fault(
                f"an agreement {what}",
                "agreed",
                lambda w, agreements=agreements: agreed_to(w, withdrawal(w), *agreements),
                ("{0.case_id}",),
            )
            for what, agreements in (
                ("says nothing", (text("input.agreement", words=""),)),
                ("has no words", (Text(key="input.agreement"),)),
                ("is a number", (text("input.agreement", words=3),)),
                (
                    "is in two parts",
                    (Text(key="input.agreement", figures=(*AGREED.figures, Figure(name="x", word="x"))),),
                ),
                ("is there twice", (AGREED, AGREED)),
            )
        ),
        Fault(
            "nobody agreed to credits for what a dispute kept undecided",
            "agreed",
            requested_in_a_dispute,
            ("{0.case_id}",),
        ),
        Fault("nobody agreed to credits for another request in a dispute", "agreed", not_noted_in_a_dispute),
        Fault(
            "what was found by law was in review",
            "agreed",
            lambda w: moved(w, case(w, CaseState.REPLACED, payment_id=PAID), -1, from_state=CaseState.IN_REVIEW),
            ("{0.case_id}",),
        ),
        Fault(
            "it was declined before it was in review",
            "agreed",
            lambda w: agreed_to(
                w,
                put(
                    w,
                    withdrawal(w),
                    reason=RefundReason.CHANGED_MY_MIND,
                    history=(case(w, CaseState.REPLACED, payment_id=PAID).history[0], withdrawal(w).history[-1]),
                ),
            ),
            ("{0.case_id}",),
        ),
        *(
            Fault(
                f"somebody agreed to credits, and it was {state}",
                "requested",
                lambda w, state=state: agreed_to(w, case(w, state), AGREED),
                ("{0.case_id}",),
            )
            for state in (CaseState.APPROVED, CaseState.DECLINED, CaseState.IN_REVIEW)
        ),
        Fault(
            "somebody agreed where nobody asked",
            "agreed",
            lambda w: agreed_to(w, case(w, CaseState.REPLACED, payment_id=PAID), AGREED),
        ),
        Fault(
            "what was declined had other steps before",
            "agreed",
            lambda w: put(
                w,
                case(w, CaseState.REPLACED, payment_id=PAID),
                history=(
                    case(w, CaseState.REPLACED, payment_id=PAID).history[0],
                    *case(w, CaseState.REPLACED, payment_id=PAID).history,
                ),
            ),
        ),
        Fault("it has other words", "agreed", lambda w: agreed_to(w, withdrawal(w), AGREED)),
    ],
}


@pytest.mark.parametrize(("rule", "fault"), rows(FAULTS), ids=name_of)
def test_each_fault_is_named(rule: Rule, fault: Fault) -> None:
    """And a change that is no fault names nothing."""
    found, expected = named(rule, fault)
    assert found == expected


def test_a_decision_is_read_as_it_was_requested() -> None:
    """With all that a person can say. What only the policy decides, nobody has requested."""
    items = (RefundedItem(line_id="0", amount_minor=5),)
    requested = ReviewDecision(
        outcome=DecisionOutcome.APPROVE,
        words=("As we", "agreed."),
        clause="6",
        money_minor=5,
        credits=7,
        takes_credits=False,
        ends_subscription=True,
        items=items,
        agreement="By mail.",
    )
    decision = Decision(
        outcome=DecisionOutcome.APPROVE,
        clause="6",
        rule="person:sam",
        reasons=own_words("As we", "agreed."),
        policy_version="1",
        money_minor=5,
        credits=7,
        takes_credits=False,
        ends_subscription=True,
        items=items,
        inputs=(Text(key="x"), AGREED),
    )
    assert review_of(decision) == requested
    by_people = {DecisionOutcome.APPROVE, DecisionOutcome.DECLINE, DecisionOutcome.REPLACE}
    assert {one for one in DecisionOutcome if review_of(replace(decision, outcome=one))} == by_people
