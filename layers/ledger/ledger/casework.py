"""Refund cases, from the wish to its end: opened, decided by the policy or by a person, followed to its settlement.

open_case ──► decide (policy) ──► approved: decision, intent and reservation of the credits in one write ──► issuing
                  ├─► declined           └─ conditioned on the account's and the purchase's version: approval and
                  ├─► in review ──► decide_case (a person)       spending can't both win
                  └─► requested ──► decide_waiting (its time has come)
follow ──► settled, or in review again: what became of the refund, by the provider's own webhooks
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from ledger import booking
from ledger.accounts import Account
from ledger.cases import (
    Act,
    Answered,
    CaseState,
    Decision,
    Intent,
    Outcome,
    Reason,
    RefundCase,
    Told,
    Waiting,
    case_of,
    mark,
    mismatches,
)
from ledger.disputes import disputed
from ledger.dossiers import Dossier, dossier_in, read_dossier, since_asked, situation
from ledger.errors import AlreadyAsked, CaseClosed, NotFound, Refused, StoreUnavailable
from ledger.facts import (
    AccountId,
    PaymentId,
    RefundApproved,
    RefundChanged,
    RefundDeclined,
    RefundedItem,
    RefundState,
    facts_of,
)
from ledger.lookup import ATTEMPTS, LookUp, attempts
from ledger.policy import Policy, decide
from ledger.ports import (
    AccountChange,
    Commit,
    DocumentChange,
    Keys,
    Snapshot,
    Store,
    act_place,
    answer_place,
    case_place,
    case_pointer,
    derived_id,
    intent_place,
    review_place,
    settling_place,
)
from ledger.purchases import Purchase
from ledger.refunds import end_of, tag_of

_D = TypeVar("_D")

FOLLOWED = {
    CaseState.APPROVED: {CaseState.ISSUED, CaseState.SETTLED, CaseState.IN_REVIEW},
    CaseState.ISSUED: {CaseState.SETTLED, CaseState.IN_REVIEW},
    CaseState.SETTLED: {CaseState.IN_REVIEW},
    CaseState.IN_REVIEW: {CaseState.SETTLED},  # it was given up, yet the provider had it
}
"""Where the facts about its refund may lead a case. One that was decided otherwise since stays."""

OPENING = "refund-requests"
"""The route under which an Idempotency-Key of a refund request counts."""

DECIDING = "decisions"
"""The route under which one of a person's decision counts, for the case's account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a customer asks for."""

    account_id: AccountId
    payment_id: PaymentId
    reason: Reason
    told: Told
    key: str  # the Idempotency-Key: the same wish asked again is answered as before
    fingerprint: str  # of what was asked under it
    opened_by: str  # the account, or the person of support who opens it in the customer's name
    email: str | None = None  # the account's, if the token says it
    is_declaration: bool = False  # the first of a withdrawal's two steps: nothing is decided yet
    route: str = OPENING  # where it was asked: the key counts for the account and this route alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a person decides about a case in review."""

    outcome: Outcome  # approve, replace or decline
    words: tuple[str, ...]  # to the customer
    clause: str
    money_minor: int = 0
    credits: int = 0
    takes_credits: bool = True
    ends_subscription: bool = False
    items: tuple[RefundedItem, ...] = ()


def open_case(wish: Wish, store: Store, policy: Policy, *, now: datetime) -> RefundCase:
    """Open a case and decide it at once if it is clear. The same wish under the same key is answered as before.

    Raises NotFound (no such purchase of this account), AlreadyAsked (the key stands for another request, or such a
    case is open: `subject` is its id). At most five round trips.
    """
    case_id = derived_id("case", wish.account_id, wish.route, wish.key)
    answered_at = answer_place(wish.account_id, wish.route, wish.key)
    for _ in attempts():
        look_up = LookUp(store, with_orders=True)
        known = look_up(
            Keys(
                payments=frozenset({wish.payment_id}),
                accounts=frozenset({wish.account_id}),
                documents=frozenset({answered_at, case_place(wish.account_id, case_id)}),
            )
        )
        if answered := known.document(answered_at, Answered):
            if answered.fingerprint != wish.fingerprint:
                raise AlreadyAsked("This Idempotency-Key stands for another request: use a new one.")
            return read_case(wish.account_id, answered.subject, store, known)
        dossier = dossier_in(wish.account_id, wish.payment_id, known)
        marked = mark(dossier.purchase.payment_id, wish.reason)
        if open_id := next((open_id for open_id, other in dossier.account.cases.items() if other == marked), None):
            if open_id == case_id:
                continue  # this very request was carried out while its parts were read
            raise AlreadyAsked(f"Case {open_id} about this purchase, for this reason, is open.", open_id)
        case = RefundCase(
            case_id=case_id,
            account_id=wish.account_id,
            payment_id=dossier.purchase.payment_id,
            reason=wish.reason,
            state=CaseState.DECLARED if wish.is_declaration else CaseState.REQUESTED,
            opened_at=now,
            opened_by=wish.opened_by,
            told=wish.told,
            mismatches=mismatches(wish.told, dossier.payment, dossier.purchase.names, wish.email),
        )
        commit = Commit()
        if not wish.is_declaration:
            case, commit = _decided(case, _by_policy(case, dossier, store, policy, now), "policy", dossier, policy, now)
        answer = Answered(fingerprint=wish.fingerprint, subject=case_id, at=now)
        commit = _with(commit, DocumentChange(answered_at, answer), _pointed(case, now))
        if store.commit(filed(case, commit, dossier.account)) is None:
            return case
    raise _overtaken(case_id)


def preview(
    account_id: AccountId, payment_id: PaymentId, reason: Reason, store: Store, policy: Policy, *, now: datetime
) -> Decision:
    """What the policy would decide now. Raises NotFound."""
    look_up = LookUp(store, with_orders=True)
    known = look_up(Keys(payments=frozenset({payment_id}), accounts=frozenset({account_id})))
    return decide(situation(reason, dossier_in(account_id, payment_id, known), store, policy, now), policy)


def preview_all(
    account_id: AccountId, store: Store, policy: Policy, *, limit: int, after: str | None, now: datetime
) -> tuple[list[tuple[Purchase, Reason, Decision]], str | None]:
    """A page of an account's purchases, newest first: what a request would be decided now, for the fittest reason."""
    page = store.purchases_of(account_id, limit, after)
    look_up = LookUp(store, with_orders=True)
    look_up(Keys(accounts=frozenset({account_id})))
    known = look_up(Keys(payments=frozenset(purchase.payment_id for purchase in page.items)))
    found = []
    for purchase in page.items:
        dossier = dossier_in(account_id, purchase.payment_id, known)
        reason = fittest_reason(dossier)
        found.append((dossier.purchase, reason, decide(situation(reason, dossier, store, policy, now), policy)))
    return found, page.next


def fittest_reason(dossier: Dossier) -> Reason:
    """Under which reason a request about this purchase has the best prospect."""
    if dossier.purchase.is_duplicate:
        return Reason.CHARGED_TWICE
    if dossier.payment.overcharge_minor:
        return Reason.WRONG_AMOUNT
    return Reason.MISTAKEN_RENEWAL if dossier.payment.is_renewal else Reason.CHANGED_MY_MIND


def confirm_withdrawal(
    account_id: AccountId, case_id: str, store: Store, policy: Policy, *, now: datetime
) -> RefundCase:
    """The second step of a withdrawal: it is declared for good, and decided. Confirming again changes nothing.

    Raises NotFound.
    """
    for _ in attempts():
        case, dossier = read_dossier(account_id, case_id, store)
        if case.reason is not Reason.WITHDRAWAL:
            raise NotFound(f"There is no withdrawal {case_id}.")
        if case.state is not CaseState.DECLARED:
            return case
        case = replace(case, confirmed_at=now)
        decision = _by_policy(case, dossier, store, policy, now)
        case, commit = _decided(case, decision, "policy", dossier, policy, now)
        if store.commit(filed(case, commit, dossier.account)) is None:
            return case
    raise _overtaken(case_id)


def decide_case(
    case_id: str, verdict: Verdict, actor: str, store: Store, policy: Policy, *, now: datetime, key: str | None = None
) -> RefundCase:
    """Decide a case in review, by a person. The same verdict again is answered as before.

    Under a key it is carried out once, even if the case has come back to review since: without one, a repetition
    could not be told from a person who decides the same anew.

    Raises NotFound; CaseClosed: it is decided otherwise, or not in review; Refused: more than can be refunded, or a
    dispute is open; AlreadyAsked: the key stands for another decision.
    """
    account_id = account_of(case_id, store)
    answered_at = answer_place(account_id, DECIDING, key) if key else None
    answer = Answered(fingerprint=derived_id("decision", case_id, actor, repr(verdict)), subject=case_id, at=now)
    for _ in attempts():
        if answered_at:
            answered = store.read(Keys(documents=frozenset({answered_at}))).document(answered_at, Answered)
            if answered and answered.fingerprint != answer.fingerprint:
                raise AlreadyAsked("This Idempotency-Key stands for another request: use a new one.")
            if answered:
                return read_case(account_id, case_id, store)
        case, dossier = read_dossier(account_id, case_id, store)
        decision = Decision(
            outcome=verdict.outcome,
            clause=verdict.clause,
            rule=f"person:{actor}",
            reasons=verdict.words,
            policy_version=policy.version,
            money_minor=verdict.money_minor,
            currency=dossier.payment.currency,
            credits=verdict.credits,
            takes_credits=verdict.takes_credits,
            items=verdict.items,
            ends_subscription=verdict.ends_subscription,
            recommended=case.decision.recommended if case.decision else None,
            explanation=case.decision.explanation if case.decision else (),
            seen=case.decision.seen if case.decision else (),
        )
        if case.state is not CaseState.IN_REVIEW and case.decision == decision:  # the second click
            if answered_at is None:
                return case
            # Under a key of its own: it stands for this decision too, as long as the case has not moved on.
            unmoved = DocumentChange(case_place(account_id, case_id), case, case.version)
            if store.commit(Commit(documents=(unmoved, DocumentChange(answered_at, answer)))) is None:
                return replace(case, version=case.version + 1)
            continue
        if case.state is not CaseState.IN_REVIEW:
            raise CaseClosed(f"The case is {case.state}, not in review: it was decided by {case.decided_by}.")
        try:
            case, commit = _decided(case, decision, actor, dossier, policy, now)
        except Refused:
            if read_case(account_id, case_id, store).version != case.version:
                continue  # decided while its parts were read: what that reserved can't be refunded again
            raise
        act = Act(actor=actor, act=f"decide:{verdict.outcome}", subject=case_id, why=" ".join(verdict.words), at=now)
        commit = _with(
            commit,
            DocumentChange(review_place(case), None),
            DocumentChange(act_place(account_id, now, case_id), act),
            *((DocumentChange(answered_at, answer),) if answered_at else ()),
        )
        if store.commit(filed(case, commit, dossier.account)) is None:
            return case
    raise _overtaken(case_id)


def decide_waiting(store: Store, policy: Policy, *, now: datetime) -> list[RefundCase]:
    """Decide every case whose settling time is over."""
    due = [waiting for waiting in _all(store, "SETTLING", "WAITING#", Waiting) if waiting.since <= now]
    return [case for waiting in due if (case := _decide_again(waiting, store, policy, now))]


def _decide_again(waiting: Waiting, store: Store, policy: Policy, now: datetime) -> RefundCase | None:
    for _ in attempts():
        case, dossier = read_dossier(waiting.account_id, waiting.case_id, store)
        if case.state is not CaseState.REQUESTED:
            store.commit(Commit(documents=(DocumentChange(settling_place(case), None),)))
            return None
        decision = _by_policy(case, dossier, store, policy, now)
        if decision.outcome is Outcome.WAIT:
            return None
        case, commit = _decided(case, decision, "policy", dossier, policy, now)
        commit = _with(commit, DocumentChange(settling_place(case), None))
        if store.commit(filed(case, commit, dossier.account)) is None:
            return case
    raise _overtaken(waiting.case_id)


def follow(payment_id: PaymentId, store: Store, *, now: datetime) -> list[RefundCase]:
    """Bring the cases of one purchase to where its refunds have come. Returns those that moved.

    A refund that succeeded settles its case; one that failed, was canceled or refused, even after it had succeeded,
    has given its credits back, and a person decides anew.
    """
    known = LookUp(store)(Keys(payments=frozenset({payment_id})))
    home = known.home_of(payment_id)
    if home is None or home.payment is None:
        return []
    moved = (
        _follow(home.payment.account_id, approval.tag, store, now) for approval in facts_of(home.facts, RefundApproved)
    )
    return [case for case in moved if case]


def _follow(account_id: AccountId, tag: str, store: Store, now: datetime) -> RefundCase | None:
    for _ in attempts():
        case, dossier = read_dossier(account_id, case_of(tag), store)
        if case.tag != tag:
            return None  # it was approved anew since
        wanted, why = _where(dossier.purchase, tag)
        if wanted is None or wanted not in FOLLOWED.get(case.state, ()):
            return None
        was_in_review = case.state is CaseState.IN_REVIEW
        case = case.moved(wanted, now, why)
        commit = _with(Commit(), DocumentChange(intent_place(tag), None))
        if wanted is CaseState.IN_REVIEW:
            commit = _with(commit, queued(case, now))
        if was_in_review:
            commit = _with(commit, DocumentChange(review_place(case), None))
        if store.commit(filed(case, commit, dossier.account)) is None:
            return case
    raise _overtaken(case_of(tag))


def _where(purchase: Purchase, tag: str) -> tuple[CaseState | None, str]:
    """Where the facts say that a case is, and why."""
    end = end_of(tag, purchase.facts)
    if isinstance(end, RefundChanged):
        if end.state is RefundState.SUCCEEDED:
            return CaseState.SETTLED, f"refund {end.refund_id} succeeded"
        return CaseState.IN_REVIEW, f"refund {end.refund_id} {end.state}: its credits are back"
    if end:
        return CaseState.IN_REVIEW, f"the refund was not sent: {end.reason}"
    sent = next((r for r in facts_of(purchase.facts, RefundChanged) if tag_of(r, purchase.facts) == tag), None)
    return (CaseState.ISSUED, f"the provider has it as {sent.refund_id}") if sent else (None, "")


def read_case(account_id: AccountId, case_id: str, store: Store, known: Snapshot | None = None) -> RefundCase:
    """One case of this account. Raises NotFound."""
    place = case_place(account_id, case_id)
    case = known.document(place, RefundCase) if known else None
    case = case or store.read(Keys(documents=frozenset({place}))).document(place, RefundCase)
    if case is None:
        raise NotFound(f"There is no case {case_id}.")
    return case


def account_of(case_id: str, store: Store) -> AccountId:
    """Whose a case is, for support. Raises NotFound."""
    place = case_pointer(case_id)
    pointer = store.read(Keys(documents=frozenset({place}))).document(place, Waiting)
    if pointer is None:
        raise NotFound(f"There is no case {case_id}.")
    return pointer.account_id


def dossier_of(case_id: str, store: Store) -> tuple[RefundCase, Dossier]:
    """A case and everything that its decision rests on, for support. Raises NotFound."""
    return read_dossier(account_of(case_id, store), case_id, store)


def add_evidence(account_id: AccountId, case_id: str, name: str, limit: int, store: Store) -> RefundCase:
    """Note a file that is about to be uploaded. Raises NotFound; Refused: the case has ended, or has enough files."""
    for _ in attempts():
        case = read_case(account_id, case_id, store)
        if not case.state.is_open:
            raise CaseClosed(f"The case is {case.state}: nothing can be added to it.")
        if len(case.evidence) >= limit:
            raise Refused(f"The case has {limit} files already, which is the most that it can have.")
        after = replace(case, evidence=(*case.evidence, name))
        change = DocumentChange(case_place(account_id, case_id), after, case.version)
        if store.commit(Commit(documents=(change,))) is None:
            return after
    raise _overtaken(case_id)


def approve(case: RefundCase, decision: Decision, dossier: Dossier, now: datetime) -> tuple[RefundCase, Commit]:
    """The approval: decision, intent and reservation of the credits, to be written as one. Raises Refused."""
    payment, purchase = dossier.payment, dossier.purchase
    if not 0 < decision.money_minor <= purchase.refundable_minor:
        raise Refused(f"{decision.money_minor} can't be refunded: {purchase.refundable_minor} minor units can.")
    if disputed(purchase.facts, payment.payment_id).is_frozen:
        raise Refused("A dispute of this payment is open: the provider would pay twice.")
    if decision.items and sum(item.amount_minor for item in decision.items) != decision.money_minor:
        raise Refused("The lines' amounts don't add up to the sum.")
    case = replace(case, approvals=case.approvals + 1)
    fact = RefundApproved(
        tag=case.tag,
        case_id=case.case_id,
        amount_minor=decision.money_minor,
        at=now,
        cause=f"case:{case.case_id}",
        items=decision.items,
        takes_credits=decision.takes_credits,
    )
    intent = Intent(tag=case.tag, account_id=case.account_id, payment_id=purchase.payment_id, approved_at=now)
    commit = booking.plan_ours(purchase.heard(fact), dossier.known, fact.cause, now)
    return case, _with(commit, DocumentChange(intent_place(case.tag), intent))


def _decided(
    case: RefundCase, decision: Decision, by: str, dossier: Dossier, policy: Policy, now: datetime
) -> tuple[RefundCase, Commit]:
    """The case after a decision, and what else is to be written with it."""
    why = f"{decision.rule}, clause {decision.clause}"
    if decision.outcome is Outcome.WAIT:
        due = dossier.payment.at + policy.duplicate_settling
        case = replace(case, decision=decision, decide_at=due)
        if case.state is not CaseState.REQUESTED:
            case = case.moved(CaseState.REQUESTED, now, why)
        waiting = Waiting(case_id=case.case_id, account_id=case.account_id, since=due)
        return case, _with(Commit(), DocumentChange(settling_place(case), waiting, None))

    commit = Commit()
    match decision.outcome:
        case Outcome.APPROVE:
            case, commit = approve(case, decision, dossier, now)
            state = CaseState.APPROVED
        case Outcome.REPLACE:
            if decision.credits <= 0:
                raise Refused("Replacement credits are 1 or more.")
            lot_id = f"goodwill/{case.case_id}/{case.approvals}"
            commit = booking.plan_goodwill(dossier.account, lot_id, decision.credits, f"case:{case.case_id}", now)
            state = CaseState.REPLACED
        case Outcome.DECLINE:
            if by != "policy":
                commit = _declined(case, decision, dossier, now)
            state = CaseState.DECLINED
        case _:
            state = CaseState.IN_REVIEW
    case = replace(case, decision=decision, decided_at=now, decided_by=by, decide_at=None).moved(state, now, why)
    return case, _with(commit, queued(case, now)) if state is CaseState.IN_REVIEW else commit


def _declined(case: RefundCase, decision: Decision, dossier: Dossier, now: datetime) -> Commit:
    """A person's decline is remembered beside the payment: the same wish is not decided by itself again."""
    fact = RefundDeclined(
        case_id=case.case_id,
        reason=case.reason,
        clause=decision.clause,
        words=decision.reasons,
        at=now,
        cause=f"case:{case.case_id}",
    )
    return booking.plan_ours(dossier.purchase.heard(fact), dossier.known, fact.cause, now)


def _by_policy(case: RefundCase, dossier: Dossier, store: Store, policy: Policy, now: datetime) -> Decision:
    seen = situation(case.reason, dossier, store, policy, now, asked_at=since_asked(case))
    decision = decide(seen, policy)
    if case.mismatches and decision.outcome is Outcome.APPROVE and case.reason is not Reason.WITHDRAWAL:
        # What was told does not fit the ledger: a person looks before money leaves.
        return replace(decision, outcome=Outcome.REVIEW, recommended=Outcome.APPROVE)
    return decision


def filed(case: RefundCase, commit: Commit, account: Account) -> Commit:
    """The commit with the case in it, and its mark on the account while it is open. All under what was read."""
    change = commit.account or AccountChange(account_id=account.account_id, version=account.version)
    marks = {case.case_id: case.mark if case.state.is_open else None}
    place = DocumentChange(case_place(case.account_id, case.case_id), case, case.version)
    return replace(_with(commit, place), account=replace(change, cases=marks))


def _with(commit: Commit, *changes: DocumentChange) -> Commit:
    return replace(commit, documents=(*commit.documents, *changes))


def queued(case: RefundCase, now: datetime) -> DocumentChange:
    """Put a case into the review queue."""
    return DocumentChange(
        review_place(case), Waiting(case_id=case.case_id, account_id=case.account_id, since=now), None
    )


def _pointed(case: RefundCase, now: datetime) -> DocumentChange:
    return DocumentChange(
        case_pointer(case.case_id), Waiting(case_id=case.case_id, account_id=case.account_id, since=now)
    )


def _all(store: Store, partition: str, prefix: str, kind: type[_D]) -> Iterator[_D]:
    """Every document of one kind in a partition, page by page."""
    after = None
    while True:
        page = store.documents(partition, prefix, 100, after)
        yield from (document for document in page.items if isinstance(document, kind))
        if (after := page.next) is None:
            return


def _overtaken(case_id: str) -> StoreUnavailable:
    return StoreUnavailable(f"{case_id}: overtaken {ATTEMPTS} times by other writers")
