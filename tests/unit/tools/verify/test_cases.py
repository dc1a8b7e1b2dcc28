"""Each way in which the rules about refund cases can be broken is named, and nothing else is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ledger.domain.facts import (
    Fact,
    RefundSent,
    RefundState,
    WithdrawalChanged,
)
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import BY_POLICY, CaseState, PaymentConcern, QueuedCase, RefundCase, RefundReason
from ledger.domain.refund_intents import RefundIntent
from ledger.ports.documents import DocumentKey, DocumentKind, deferred_queue_key, review_queue_key
from tools.testing.builders import ADA, LATER, at, dispute
from tools.testing.planting import (
    Fault,
    Rule,
    add_facts,
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
from tools.verify.cases import approved, in_the_outbox, queued, refunded_cases, withdrawn

EVE = AccountId("acct_eve")
INQUIRED = PaymentConcern.INQUIRED
PAID = "stripe:pi_1"


def case(whole: World, state: CaseState) -> RefundCase:
    """The first case in a state."""
    return one(whole.cases.values(), state=state)


def of_payment(whole: World, payment_id: str) -> RefundCase:
    """The case of a payment."""
    return one(whole.cases.values(), payment_id=payment_id)


def decided(whole: World, known: RefundCase, **changes: object) -> RefundCase:
    """A case with these changes to its decision."""
    if known.decision is None:
        raise TypeError(f"{known.case_id} is not decided")
    return put(whole, known, decision=replace(known.decision, **changes))  # type: ignore[arg-type]


def standing(whole: World, *, stands: bool) -> str:
    """The key of the withdrawal that stands, or of the one that does not."""
    facts = (known for item in whole.payments.values() if isinstance(item, Purchase) for known in item.facts.values())
    return next(known.key for known in facts if isinstance(known, WithdrawalChanged) and known.stands is stands)


def moved_on(whole: World) -> RefundCase:
    """The refund of a withdrawal that had waited is on its way."""
    known = of_payment(whole, "stripe:pi_2")
    change = replace(known.history[0], at=LATER, from_state=CaseState.APPROVED, to_state=CaseState.ISSUED)
    return put(whole, known, state=CaseState.ISSUED, history=(*known.history, change))


def declined_again(whole: World) -> RefundCase:
    """What had ended has ended once more: the withdrawal does not stand since the first time."""
    known = case(whole, CaseState.DECLINED)
    return put(whole, known, history=(*known.history, replace(known.history[-1], at=LATER)))


def asked(whole: World) -> RefundCase:
    """The customer of the case that is before others wrote a minute before it was opened."""
    return put(whole, one(whole.cases.values(), is_priority=True), asked_at=at(2))


def intent(whole: World, *, is_begun: bool) -> RefundIntent:
    """The intent that somebody has begun to send, or the other one."""
    return next(one for one in whole.intents.values() if (one.first_sent_at is not None) is is_begun)


def of_the_outbox(whole: World) -> RefundCase:
    """The case of the intent that nobody has begun to send."""
    return one(whole.cases.values(), tag=intent(whole, is_begun=False).tag)


def approved_with(whole: World, **changes: object) -> Any:
    """The approval that nobody has begun to send, with these changes."""
    key = f"approved:{intent(whole, is_begun=False).tag}"
    return put_fact(whole, key, **changes)


def approved_of(whole: World, amount_minor: int) -> RefundCase:
    """The approval, and the decision of its case, are of so much."""
    approved_with(whole, amount_minor=amount_minor)
    return decided(whole, of_the_outbox(whole), money_minor=amount_minor)


def found_by_law_later(whole: World) -> RefundCase:
    """A case was approved as a favour. The refund failed, and then it was approved as a withdrawal."""
    known = case(whole, CaseState.IN_REVIEW)
    put_fact(whole, f"approved:{known.case_id}-2", is_by_law=True)
    return put(whole, known, reason=RefundReason.WITHDRAWAL)


def approval_moved(whole: World, payment_id: str) -> Any:
    """The approval is a fact of another purchase."""
    approval = approved_with(whole)
    drop_fact(whole, approval.key)
    add_facts(whole, payment_id, approval)
    return approval


def approval_of_no_case(whole: World) -> Any:
    """One more approval, of a case that has fewer."""
    approval = approved_with(whole)
    more = replace(approval, tag=f"{approval.case_id}-2")
    add_facts(whole, PAID, more)
    return more


def instead(whole: World, key: str, other: Fact) -> Any:
    """Another fact stands under a key."""
    for known in [item for item in whole.payments.values() if isinstance(item, Purchase) and key in item.facts]:
        put(whole, known, facts={**known.facts, key: other})
    return other


def with_parts(whole: World, *, minor: int = 0, tag: str | None = None) -> Any:
    """An attempt whose part is of so much more, or carries another tag."""
    attempt = fact(whole, "attempted:")
    first, *others = attempt.parts
    changed = replace(first, amount_minor=first.amount_minor + minor, tag=tag or first.tag)
    return put_fact(whole, attempt.key, parts=(changed, *others))


def attempt_known_otherwise(whole: World) -> Any:
    """One of the sales of shared money knows an attempt otherwise than the sale that it is about."""
    attempt = fact(whole, "attempted:")
    other = replace(attempt, attempt=2)
    add_facts(whole, "stripe:pi_3", other)
    return other


def attempt_without_approval(whole: World) -> RefundCase:
    """The approval of an attempt is not there."""
    drop_fact(whole, f"approved:{intent(whole, is_begun=True).tag}")
    return one(whole.cases.values(), tag=intent(whole, is_begun=True).tag)


def part_of_what_was_given_up(whole: World) -> Any:
    """Only a part was found at the provider of what was given up then."""
    abandoned = fact(whole, "abandoned:")
    key = f"attempted:{abandoned.tag}"
    attempt = fact(whole, key)
    first = attempt.parts[0]
    return put_fact(whole, key, parts=(replace(first, amount_minor=first.amount_minor - 1),))


def waiting(whole: World, kind: DocumentKind = DocumentKind.REVIEW_QUEUE) -> tuple[DocumentKey, QueuedCase]:
    """The first case in a queue."""
    return next((key, waits) for key, waits in whole.queued_cases.items() if key.kind is kind)


def queued_with(whole: World, kind: DocumentKind = DocumentKind.REVIEW_QUEUE, **changes: object) -> QueuedCase:
    """The first case in a queue, with these changes."""
    return put(whole, waiting(whole, kind)[1], **changes)


def disputed_since(whole: World, known: RefundCase) -> RefundCase:
    """The payment of a case was disputed after it was opened, and nobody has moved the case."""
    opened = replace(dispute(), opened_at=known.opened_at + timedelta(days=1))
    whole.payments[known.payment_id] = purchase(whole, known.payment_id).with_facts(opened)
    return known


def queued_twice(whole: World) -> QueuedCase:
    """A case is in the queue for reviews under another key, too."""
    key, waits = waiting(whole)
    whole.queued_cases[key._replace(parts=("", *key.parts[1:]))] = waits
    return waits


def queued_elsewhere(whole: World) -> QueuedCase:
    """A case is in the queue for reviews under another key alone."""
    key, waits = waiting(whole)
    del whole.queued_cases[key]
    whole.queued_cases[key._replace(parts=("", *key.parts[1:]))] = waits
    return waits


def in_both_queues(whole: World) -> QueuedCase:
    """A case that a person decides waits for its time, too."""
    _, waits = waiting(whole)
    whole.queued_cases[DocumentKey(DocumentKind.DEFERRED_QUEUE, (waits.case_id,))] = waits
    return waits


def put_in_queue(whole: World, known: RefundCase) -> RefundCase:
    """A case that waits for nothing is in a queue."""
    for key in (review_queue_key(known), deferred_queue_key(known)):
        whole.queued_cases[key] = QueuedCase(case_id=known.case_id, account_id=ADA, since=known.moved_at)
    return known


def in_the_deferred_queue(whole: World, known: RefundCase) -> RefundCase:
    """A case is in the queue of those that wait for their time."""
    key = DocumentKey(DocumentKind.DEFERRED_QUEUE, (known.case_id,))
    whole.queued_cases[key] = QueuedCase(case_id=known.case_id, account_id=ADA, since=LATER)
    return known


def without_warning(whole: World) -> QueuedCase:
    """A payment waits for its warning, which is no fact."""
    drop_fact(whole, "fraud_warning:")
    return one(whole.queued_cases.values(), concern=PaymentConcern.WARNED)


def ghost(whole: World, kind: DocumentKind) -> None:
    """A case that is not there is in a queue."""
    whole.queued_cases[DocumentKey(kind, ("case_0",))] = QueuedCase(case_id="case_0", account_id=ADA, since=LATER)


def pointer(whole: World, owner: AccountId | None) -> RefundCase:
    """The pointer to a case leads to another account, or is missing."""
    known = one(whole.cases.values())
    whole.pointers.pop(known.case_id)
    if owner:
        whole.pointers[known.case_id] = owner
    return known


def without_refund(whole: World, state: CaseState) -> RefundCase:
    """The provider has reported no refund for a case."""
    known = case(whole, state)
    for name in [name for name in purchase(whole, PAID).facts if name.startswith("refund:")]:
        drop_fact(whole, name)
    return known


def refund_of(whole: World, state: CaseState, becomes: RefundState) -> RefundCase:
    """The refund of a case is in another state."""
    known = case(whole, state)
    number = {CaseState.REFUNDED: 1, CaseState.IN_REVIEW: 2}[state]
    put_fact(whole, f"refund:stripe_refund_{number}", state=becomes)
    return known


FAULTS: dict[Rule, list[Fault]] = {
    withdrawn: [
        Fault("a withdrawal that waited is carried out", "withdrawn_early", moved_on),
        Fault("a withdrawal was declined twice", "undecided", declined_again),
        Fault(
            "a withdrawal that was declined has the time from which it stood",
            "undecided",
            lambda w: put_fact(w, standing(w, stands=False), at=case(w, CaseState.DECLINED).history[0].at),
            ("{0.case_id}",),
        ),
        Fault(
            "the policy found a withdrawal when its case moved on",
            "withdrawn_again",
            lambda w: put_fact(w, "withdrawal:", at=of_payment(w, "stripe:pi_1").history[1].at),
        ),
        Fault(
            "a withdrawal that the policy found is no fact",
            "withdrawn_again",
            lambda w: drop_fact(w, "withdrawal:"),
            ("{0.case_id}",),
        ),
        Fault(
            "a customer wrote before the case was opened",
            "excused",
            lambda w: (asked(w), put_fact(w, "wrote:", at=at(2))),
        ),
        Fault("a customer wrote when the case was opened", "excused", lambda w: asked(w), ("{0.case_id}",)),
        Fault(
            "credits were replaced, and it is no fact",
            "requested",
            lambda w: drop_fact(w, "replaced:"),
            ("{0.case_id}",),
        ),
        Fault(
            "credits were replaced, and the case was declined",
            "requested",
            lambda w: put(w, case(w, CaseState.REPLACED), state=CaseState.DECLINED),
            ("{0.case_id}",),
        ),
        Fault(
            "nobody decided which credits",
            "requested",
            lambda w: put(w, case(w, CaseState.REPLACED), decision=None),
            ("{0.case_id}",),
        ),
        Fault(
            "credits were replaced by no case",
            "requested",
            lambda w: (put_fact(w, "replaced:", case_id="case_x"), case(w, CaseState.REPLACED))[1],
            ("{0.case_id}", "case_x"),
        ),
        *(
            Fault(
                f"{what} that waited stands from another time on",
                "withdrawn_early",
                lambda w, name=name: put_fact(w, f"withdrawal:{of_payment(w, name).case_id}", at=LATER),
                ("{0.case_id}",),
            )
            for name, what in (
                ("stripe:pi_2", "a withdrawal of a contract's payment"),
                ("stripe:pi_3", "one of a payment"),
            )
        ),
        Fault(
            "a withdrawal of a contract's payment that waits does not stand",
            "withdrawn_early",
            lambda w: drop_fact(w, f"withdrawal:{of_payment(w, 'stripe:pi_3').case_id}"),
            ("{0.case_id}",),
        ),
        Fault(
            "a withdrawal that nobody reached by its contract stands before its decision",
            "withdrawn_early",
            lambda w: put(w, of_payment(w, "stripe:pi_2"), contract_case_id=None),
            ("{0.case_id}",),
        ),
        Fault(
            "one that was declared stands before its decision",
            "withdrawn_early",
            lambda w: put(
                w,
                of_payment(w, "stripe:pi_2"),
                history=(replace(of_payment(w, "stripe:pi_2").history[0], from_state=CaseState.DECLARED),),
            ),
            ("{0.case_id}",),
        ),
        Fault(
            "what was decided when it was opened has no time before that",
            "withdrawn_early",
            lambda w: put(
                w,
                of_payment(w, "stripe:pi_2"),
                history=(
                    replace(
                        of_payment(w, "stripe:pi_2").history[0],
                        at=of_payment(w, "stripe:pi_2").opened_at,
                        to_state=CaseState.DECLINED,
                    ),
                ),
            ),
            ("{0.case_id}",),
        ),
        Fault(
            "a withdrawal that waits for a person stands no longer",
            "undecided",
            lambda w: put_fact(w, "withdrawal:", stands=False),
            ("{0.case_id}",),
        ),
        Fault(
            "a withdrawal that was declined stands",
            "undecided",
            lambda w: put_fact(w, standing(w, stands=False), stands=True),
            ("{0.case_id}",),
        ),
        Fault(
            "nothing says that a withdrawal stands",
            "undecided",
            lambda w: drop_fact(w, standing(w, stands=True)),
            ("{0.case_id}",),
        ),
        Fault(
            "nothing says that a withdrawal was declined",
            "undecided",
            lambda w: drop_fact(w, standing(w, stands=False)),
            ("{0.case_id}",),
        ),
        Fault(
            "a withdrawal is of a step that its case has not had",
            "undecided",
            lambda w: put_fact(w, "withdrawal:", step=9),
            ("{0.case_id}",),
        ),
        Fault("a withdrawal has step 0", "undecided", lambda w: put_fact(w, "withdrawal:", step=0), ("{0.case_id}",)),
        *(
            Fault(
                f"credits were replaced: {name}",
                "requested",
                lambda w, changes=changes: put_fact(w, "replaced:", **changes),
                ("{0.case_id}",),
            )
            for name, changes in {
                "more of them": {"credits": 9},
                "for another reason": {"cause": "case:other"},
                "at another time": {"at": LATER},
            }.items()
        ),
        *(
            Fault(
                f"a customer wrote: {name}",
                "excused",
                lambda w, changes=changes: put_fact(w, "wrote:", **changes),
                ("{0.case_id}",),
            )
            for name, changes in {
                "at another time": {"at": LATER},
                "for another reason": {"cause": "case:other"},
                "with another case": {"case_id": "case_other"},
            }.items()
        ),
        Fault(
            "a withdrawal is of another time",
            "undecided",
            lambda w: put_fact(w, "withdrawal:", at=LATER),
            ("{0.case_id}",),
        ),
        Fault(
            "a withdrawal has another cause",
            "undecided",
            lambda w: put_fact(w, "withdrawal:", cause="case:other"),
            ("{0.case_id}",),
        ),
        Fault(
            "a withdrawal is a fact of another purchase",
            "undecided",
            lambda w: add_facts(w, "stripe:pi_2", drop_fact(w, standing(w, stands=True))),
            ("{0.case_id}",),
        ),
        Fault(
            "a withdrawal is of no case",
            "undecided",
            lambda w: (put_fact(w, standing(w, stands=False), case_id="case_x"), case(w, CaseState.DECLINED))[1],
            ("{0.case_id}", "case_x"),
        ),
    ],
    approved: [
        Fault(
            "a case is approved again",
            "refunded",
            lambda w: put(w, case(w, CaseState.IN_REVIEW), state=CaseState.ISSUED),
        ),
        Fault(
            "an approval is no fact",
            "requested",
            lambda w: (of_the_outbox(w), drop_fact(w, "approved:"))[0],
            ("{0.case_id}",),
        ),
        Fault(
            "an approval is of another purchase",
            "requested",
            lambda w: approval_moved(w, "stripe:pi_2"),
            ("{0.case_id}", "{0.tag}"),
        ),
        Fault(
            "an approval of another case",
            "requested",
            lambda w: (approved_with(w, case_id="case_0"), of_the_outbox(w))[1],
            ("{0.case_id}",),
        ),
        Fault("an approval at another time", "requested", lambda w: approved_with(w, at=LATER), ("{0.case_id}",)),
        Fault(
            "an approval of another amount", "requested", lambda w: approved_with(w, amount_minor=501), ("{0.case_id}",)
        ),
        Fault("an approval by no law", "requested", lambda w: approved_with(w, is_by_law=True), ("{0.case_id}",)),
        Fault("used credits by no law", "requested", lambda w: approved_with(w, used_credits=1), ("{0.case_id}",)),
        Fault(
            "a withdrawal that is not by law",
            "withdrawn_again",
            lambda w: put_fact(w, "approved:", is_by_law=False),
            ("{0.case_id}",),
        ),
        Fault("an earlier approval, before the policy found a withdrawal", "refunded", found_by_law_later),
        Fault(
            "an earlier approval by no law",
            "refunded",
            lambda w: put_fact(w, f"approved:{case(w, CaseState.IN_REVIEW).case_id}-1", is_by_law=True),
            ("{0.case_id}",),
        ),
        Fault(
            "the latest approval of a withdrawal is not by law",
            "refunded",
            lambda w: put(w, case(w, CaseState.IN_REVIEW), reason=RefundReason.WITHDRAWAL),
            ("{0.case_id}",),
        ),
        Fault(
            "a repetition without used credits",
            "withdrawn_again",
            lambda w: put_fact(w, "approved:", is_repeated=True, used_credits=0),
            ("{0.case_id}",),
        ),
        Fault("an approval of nothing", "requested", lambda w: approved_of(w, 0), ("{0.case_id}",)),
        Fault("an approval of one cent", "requested", lambda w: approved_of(w, 1)),
        Fault("an approval too many", "requested", approval_of_no_case, ("{0.tag}",)),
        Fault(
            "an approval of no case at all",
            "requested",
            lambda w: (w.cases.pop(of_the_outbox(w).case_id), approved_with(w))[1],
            ("{0.tag}",),
        ),
        Fault(
            "an approval by another cause", "requested", lambda w: approved_with(w, cause="case:case_0"), ("{0.key}",)
        ),
        Fault(
            "no fact, but another one, is under the key",
            "requested",
            lambda w: (
                instead(
                    w,
                    f"approved:{of_the_outbox(w).tag}",
                    RefundSent(tag="x-1", refund_id="x", at=of_the_outbox(w).moved_at, cause="case:x"),
                )
                and of_the_outbox(w)
            ),
            ("{0.case_id}",),
        ),
        Fault(
            "a case counts more approvals",
            "requested",
            lambda w: put(w, of_the_outbox(w), approvals=2),
            ("{0.case_id}",),
        ),
        Fault(
            "a case counts fewer approvals",
            "requested",
            lambda w: put(w, of_the_outbox(w), approvals=0),
            ("{0.case_id}", "{0.case_id}-1"),
        ),
        Fault(
            "a history without the approval",
            "requested",
            lambda w: put(w, of_the_outbox(w), history=()),
            ("{0.case_id}",),
        ),
        Fault(
            "an approved case without a decision",
            "requested",
            lambda w: put(w, of_the_outbox(w), decision=None),
            ("{0.case_id}",),
        ),
        Fault(
            "a refunded case of another amount",
            "refunded",
            lambda w: decided(w, case(w, CaseState.REFUNDED), money_minor=501),
            ("{0.case_id}",),
        ),
        Fault(
            "an issued case of another amount",
            "refunded_in_parts",
            lambda w: decided(w, case(w, CaseState.ISSUED), money_minor=1999),
            ("{0.case_id}",),
        ),
        Fault(
            "a case in review of another amount",
            "refunded",
            lambda w: decided(w, case(w, CaseState.IN_REVIEW), money_minor=301),
        ),
        Fault(
            "a refunded case that was never approved",
            "requested",
            lambda w: put(w, case(w, CaseState.DECLINED), state=CaseState.REFUNDED),
            ("{0.case_id}",),
        ),
        Fault(
            "a decline is no fact",
            "requested",
            lambda w: (drop_fact(w, "declined:"), case(w, CaseState.DECLINED))[1],
            ("{0.case_id}",),
        ),
        Fault(
            "a decline for another reason",
            "requested",
            lambda w: put(w, case(w, CaseState.DECLINED), reason="withdrawal"),
            ("{0.case_id}",),
        ),
        Fault(
            "a decline by the policy is no fact",
            "requested",
            lambda w: (drop_fact(w, "declined:"), put(w, case(w, CaseState.DECLINED), decided_by=BY_POLICY)),
        ),
        Fault(
            "a decline by another cause",
            "requested",
            lambda w: put_fact(w, "declined:", cause="case:case_0"),
            ("{0.key}",),
        ),
        Fault(
            "another fact is under the decline's key",
            "requested",
            lambda w: (
                instead(w, "declined:technical_problem", RefundSent(tag="x-1", refund_id="x", at=at(1), cause="case:x"))
                and case(w, CaseState.DECLINED)
            ),
            ("{0.case_id}",),
        ),
        Fault(
            "an attempt by another cause",
            "requested",
            lambda w: put_fact(w, "attempted:", cause="case:case_0"),
            ("{0.key}",),
        ),
        Fault(
            "a sending by another cause", "refunded", lambda w: put_fact(w, "sent:", cause="case:case_0"), ("{0.key}",)
        ),
        Fault(
            "giving up by another cause",
            "refunded",
            lambda w: put_fact(w, "abandoned:", cause="case:case_0"),
            ("{0.key}",),
        ),
        Fault("an attempt of more", "refunded", lambda w: with_parts(w, minor=1), ("{0.key}",)),
        Fault("an attempt of less", "refunded", lambda w: with_parts(w, minor=-1), ("{0.key}",)),
        Fault("an attempt of a part, given up", "refunded", part_of_what_was_given_up),
        Fault("an attempt under another tag", "refunded", lambda w: with_parts(w, tag="case_0-1"), ("{0.key}",)),
        Fault("a part under another tag", "refunded_in_parts", lambda w: with_parts(w, tag="case_0-1/1"), ("{0.key}",)),
        Fault("an attempt of nothing", "refunded", lambda w: put_fact(w, "attempted:", parts=()), ("{0.key}",)),
        Fault(
            "an attempt for another sale",
            "refunded",
            lambda w: put_fact(w, "attempted:", sale_id="stripe:pi_9"),
            ("{0.key}",),
        ),
        Fault("an attempt that a sale knows otherwise", "refunded_in_parts", attempt_known_otherwise, ("{0.key}",)),
        Fault(
            "an attempt without its approval",
            "requested",
            attempt_without_approval,
            ("{0.case_id}", "attempted:{0.tag}"),
        ),
        Fault(
            "an attempt without its case",
            "requested",
            lambda w: drop(w, one(w.cases.values(), tag=intent(w, is_begun=True).tag)),
            ("{0.tag}", "attempted:{0.tag}"),
        ),
        Fault(
            "a case of another purchase",
            "refunded",
            lambda w: put(w, case(w, CaseState.REFUNDED), payment_id=PaymentId("stripe:pi_9")),
            ("{0.case_id}", "{0.tag}", "attempted:{0.tag}"),
        ),
    ],
    in_the_outbox: [
        Fault(
            "an approved case has no intent", "requested", lambda w: drop(w, intent(w, is_begun=False)), ("{0.tag}",)
        ),
        Fault("an intent has no case", "requested", lambda w: drop(w, of_the_outbox(w)), ("{0.tag}",)),
        Fault(
            "an intent of a case that is not approved",
            "requested",
            lambda w: put(w, of_the_outbox(w), state=CaseState.ISSUED),
            ("{0.tag}",),
        ),
        Fault(
            "a case that is approved again has no intent",
            "refunded",
            lambda w: put(w, case(w, CaseState.IN_REVIEW), state=CaseState.APPROVED),
            ("{0.tag}",),
        ),
        Fault(
            "an intent of another account",
            "requested",
            lambda w: put(w, intent(w, is_begun=False), account_id=EVE),
            ("{0.tag}",),
        ),
        Fault(
            "an intent of another payment",
            "requested",
            lambda w: put(w, intent(w, is_begun=False), payment_id="stripe:pi_2"),
            ("{0.tag}",),
        ),
        Fault(
            "an intent of another time",
            "requested",
            lambda w: put(w, intent(w, is_begun=False), approved_at=LATER),
            ("{0.tag}",),
        ),
        Fault(
            "an intent of no approval",
            "requested",
            lambda w: (drop_fact(w, "approved:"), intent(w, is_begun=False))[1],
            ("{0.tag}",),
        ),
        Fault(
            "another fact is under the approval's key",
            "requested",
            lambda w: (
                instead(
                    w,
                    f"approved:{of_the_outbox(w).tag}",
                    RefundSent(tag="x-1", refund_id="x", at=of_the_outbox(w).moved_at, cause="x"),
                )
                and intent(w, is_begun=False)
            ),
            ("{0.tag}",),
        ),
        Fault(
            "a sending that has no time",
            "requested",
            lambda w: put(w, intent(w, is_begun=True), first_sent_at=None),
            ("{0.tag}",),
        ),
        Fault(
            "a sending at another time",
            "requested",
            lambda w: put(w, intent(w, is_begun=True), first_sent_at=LATER),
            ("{0.tag}",),
        ),
        Fault(
            "a sending without an attempt",
            "requested",
            lambda w: put(w, intent(w, is_begun=True), attempts=0),
            ("{0.tag}",),
        ),
        Fault(
            "a sending without a lease",
            "requested",
            lambda w: put(w, intent(w, is_begun=True), leased_until=None),
            ("{0.tag}",),
        ),
        Fault("a sending of many attempts", "requested", lambda w: put(w, intent(w, is_begun=True), attempts=7)),
        Fault(
            "attempts before a sending",
            "requested",
            lambda w: put(w, intent(w, is_begun=False), attempts=1),
            ("{0.tag}",),
        ),
        Fault(
            "a lease before a sending",
            "requested",
            lambda w: put(w, intent(w, is_begun=False), leased_until=LATER),
            ("{0.tag}",),
        ),
        Fault(
            "a lease and attempts before a sending",
            "requested",
            lambda w: put(w, intent(w, is_begun=False), leased_until=LATER, attempts=1),
            ("{0.tag}",),
        ),
        Fault(
            "a time before a sending",
            "requested",
            lambda w: put(w, intent(w, is_begun=False), first_sent_at=LATER),
            ("{0.tag}",),
        ),
        Fault("attempts below nothing", "requested", lambda w: put(w, intent(w, is_begun=False), attempts=-1)),
        Fault("a begun sending that is no fact yet", "requested", lambda w: drop_fact(w, "attempted:")),
        Fault(
            "a sending that is a fact alone",
            "requested",
            lambda w: put(w, intent(w, is_begun=True), first_sent_at=None, attempts=0, leased_until=None),
            ("{0.tag}",),
        ),
        Fault(
            "another fact is under the attempt's key",
            "requested",
            lambda w: instead(
                w,
                f"attempted:{intent(w, is_begun=True).tag}",
                RefundSent(tag="x-1", refund_id="x", at=at(1), cause="x"),
            ),
        ),
    ],
    queued: [
        Fault("what was warned of is no fact", "warned", without_warning, ("{0.case_id}",)),
        *(
            Fault(
                f"a payment waits {what}",
                "warned",
                lambda w, changes=changes: put(w, one(w.queued_cases.values(), concern=INQUIRED), **changes),
                ("{0.case_id}",),
            )
            for what, changes in (
                ("for another account", {"account_id": EVE}),
                ("for what was not reported", {"concern": PaymentConcern.REFUNDED}),
                ("for nothing", {"concern": None}),
                ("by another of its names", {"payment_id": PaymentId("stripe:ch_1")}),
                ("that is not there", {"payment_id": PaymentId("stripe:pi_9")}),
                ("without a name", {"payment_id": None}),
            )
        ),
        Fault(
            "a case that was declined was opened before its dispute",
            "requested",
            lambda w: disputed_since(w, case(w, CaseState.DECLINED)),
        ),
        Fault("a case in review is in no queue", "requested", lambda w: drop(w, waiting(w)[1]), ("{0.case_id}",)),
        Fault("a case in review is in its queue twice", "requested", queued_twice, ("{0.case_id}",)),
        Fault("a case in review is under another key", "requested", queued_elsewhere, ("{0.case_id}",)),
        Fault(
            "a case has not moved for a dispute",
            "requested",
            lambda w: disputed_since(w, case(w, CaseState.IN_REVIEW)),
            ("{0.case_id}",),
        ),
        Fault(
            "a case that was decided is before others",
            "refunded",
            lambda w: put(w, case(w, CaseState.REFUNDED), is_priority=True),
            ("{0.case_id}",),
        ),
        Fault("a case in review waits for its time too", "requested", in_both_queues, ("{0.case_id}",)),
        Fault(
            "a case in review waits since another time",
            "requested",
            lambda w: queued_with(w, since=LATER),
            ("{0.case_id}",),
        ),
        Fault(
            "a case in review is due by law, and is none",
            "requested",
            lambda w: queued_with(w, due_by=LATER),
            ("{0.case_id}",),
        ),
        Fault(
            "a case in review waits for another account",
            "requested",
            lambda w: queued_with(w, account_id=EVE),
            ("{0.case_id}",),
        ),
        Fault(
            "a deferred case is in no queue",
            "ordered_twice",
            lambda w: drop(w, waiting(w, DocumentKind.DEFERRED_QUEUE)[1]),
            ("{0.case_id}",),
        ),
        Fault(
            "a deferred case waits until another time",
            "ordered_twice",
            lambda w: queued_with(w, DocumentKind.DEFERRED_QUEUE, since=LATER),
            ("{0.case_id}",),
        ),
        Fault(
            "a deferred case waits for another account",
            "ordered_twice",
            lambda w: queued_with(w, DocumentKind.DEFERRED_QUEUE, account_id=EVE),
            ("{0.case_id}",),
        ),
        Fault(
            "a closed case is in both queues",
            "requested",
            lambda w: put_in_queue(w, case(w, CaseState.DECLINED)),
            ("{0.case_id}",),
        ),
        Fault(
            "an approved case waits for its time",
            "requested",
            lambda w: in_the_deferred_queue(w, case(w, CaseState.APPROVED)),
            ("{0.case_id}",),
        ),
        Fault(
            "a case that is not there is to be reviewed",
            "requested",
            lambda w: ghost(w, DocumentKind.REVIEW_QUEUE),
            ("case_0",),
        ),
        Fault(
            "a case that is not there waits for its time",
            "requested",
            lambda w: ghost(w, DocumentKind.DEFERRED_QUEUE),
            ("case_0",),
        ),
        Fault("support can't find a case", "requested", lambda w: pointer(w, None), ("{0.case_id}",)),
        Fault("support finds a case with another account", "requested", lambda w: pointer(w, EVE), ("{0.case_id}",)),
    ],
    refunded_cases: [
        Fault(
            "a refund was never reported", "refunded", lambda w: without_refund(w, CaseState.REFUNDED), ("{0.case_id}",)
        ),
        Fault(
            "a refund has failed",
            "refunded",
            lambda w: refund_of(w, CaseState.REFUNDED, RefundState.FAILED),
            ("{0.case_id}",),
        ),
        Fault(
            "a refund is under way",
            "refunded",
            lambda w: refund_of(w, CaseState.REFUNDED, RefundState.PENDING),
            ("{0.case_id}",),
        ),
        Fault(
            "a refund has succeeded",
            "refunded",
            lambda w: put(w, case(w, CaseState.REFUNDED), state=CaseState.ISSUED),
            ("{0.case_id}",),
        ),
        Fault(
            "a refund has succeeded, and is reviewed",
            "refunded",
            lambda w: put(w, case(w, CaseState.REFUNDED), state=CaseState.IN_REVIEW),
            ("{0.case_id}",),
        ),
        Fault(
            "a refund has succeeded before a decline",
            "refunded",
            lambda w: put(w, case(w, CaseState.REFUNDED), state=CaseState.DECLINED),
        ),
        Fault(
            "a refund has succeeded before goodwill",
            "refunded",
            lambda w: put(w, case(w, CaseState.REFUNDED), state=CaseState.REPLACED),
        ),
        Fault(
            "what was given up is refunded",
            "refunded",
            lambda w: put(w, case(w, CaseState.IN_REVIEW), state=CaseState.REFUNDED),
            ("{0.case_id}",),
        ),
        Fault(
            "what was never approved is refunded",
            "asked_about_two_like_it",
            lambda w: put(w, case(w, CaseState.IN_REVIEW), state=CaseState.REFUNDED),
            ("{0.case_id}",),
        ),
        Fault(
            "a part of a refund is refunded",
            "refunded_in_parts",
            lambda w: put(w, case(w, CaseState.ISSUED), state=CaseState.REFUNDED),
            ("{0.case_id}",),
        ),
    ],
}


@pytest.mark.parametrize(("rule", "fault"), rows(FAULTS), ids=name_of)
def test_each_fault_is_named(rule: Rule, fault: Fault) -> None:
    """And a change that is no fault names nothing."""
    found, expected = named(rule, fault)
    assert found == expected
