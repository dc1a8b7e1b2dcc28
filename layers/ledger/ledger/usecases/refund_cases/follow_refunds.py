"""Follow the refunds of approved cases to their end.

what the facts say about the approval's refund      the case becomes
the provider reported it                            issued
it succeeded                                        refunded
it failed, or was canceled, even after success      in_review: its credits were returned, a person decides
it was abandoned before it was sent                 in_review
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from ledger.domain.disputes import first_disputed_at
from ledger.domain.facts import RefundApproved, RefundChanged, RefundState, facts_of
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import BY_PROVIDER, BY_SENDER, CaseState, FollowStage, RefundCase, case_id_of
from ledger.domain.refunds import end_of, is_sent_whole, refunds_of
from ledger.domain.texts import Text, text
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import intent_key, review_queue_key
from ledger.ports.reads import FollowedCase, Keys
from ledger.ports.store import Store
from ledger.usecases.look_up import LookUp
from ledger.usecases.progress import sweep_on
from ledger.usecases.refund_cases.cases import queue_for_review, with_case, with_documents
from ledger.usecases.refund_cases.context import read_case_context
from ledger.usecases.refund_cases.place_cases import in_review, place, place_again
from ledger.usecases.sweep import ONE_AFTER_THE_OTHER, Pace, Watch, hour_of, is_hour_of
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction

_FOLLOWED = {
    CaseState.APPROVED: {CaseState.ISSUED, CaseState.REFUNDED, CaseState.IN_REVIEW},
    CaseState.ISSUED: {CaseState.REFUNDED, CaseState.IN_REVIEW},
    CaseState.REFUNDED: {CaseState.IN_REVIEW},
    CaseState.IN_REVIEW: {CaseState.REFUNDED},  # the refund was abandoned, but the provider had it
}
"""From each state, where the facts about its refund may lead a case. A case that was decided since stays."""


_FIRST_DAY = timedelta(days=1)

FOLLOWED_FOR = timedelta(days=90)
"""How long a refund that has ended is followed: a bank may send it back weeks later."""


def follow(payment_id: PaymentId, store: Store, *, now: datetime) -> list[RefundCase]:
    """Bring the cases of one purchase to the state that the facts about its refunds demand, and to their places.

    A dispute gives a case in review another place in the queue. Return the cases that changed.
    """
    purchase = LookUp(store)(Keys(payments=frozenset({payment_id}))).home_of(payment_id)
    if purchase is None or purchase.payment is None:
        return []
    account_id, approvals = purchase.payment.account_id, facts_of(purchase.facts, RefundApproved)
    moved = [case for approval in approvals if (case := _follow_approval(account_id, approval.tag, store, now))]
    placed = place_again(account_id, purchase, store) if first_disputed_at(purchase.facts) else []
    return [*moved, *placed]


def follow_all(
    store: Store,
    watch: Watch,
    *,
    now: datetime,
    pace: Pace = ONE_AFTER_THE_OTHER,
) -> list[RefundCase]:
    """Do the same for every case whose refund may have changed, whether or not a domain event has reported it.

    A refund that has not ended is followed in each round of its first day, and once a day after that; one that has
    ended once a day, for FOLLOWED_FOR; the place of one in review is found once a day. Return the cases that changed.
    Raise the failure of a case that could not be followed. The others are.
    """

    def act(one: _Followed) -> RefundCase | None:
        account_id, case_id, _ = one.case
        if one.stage is None:
            return place(account_id, case_id, store)
        return run_transaction(lambda: _follow(account_id, case_id, None, store, now), case_id)

    done = sweep_on(
        "follow_refunds",
        store,
        _followed(store, now),
        act,
        watch,
        name=lambda one: one.case.case_id,
        since=lambda one: one.case.moved_at if one.stage is FollowStage.UNDER_WAY else None,
        lane=lambda one: one.stage or "in_review",
        is_due=lambda one: _is_due(one, now),
        pace=pace,
    )
    done.raise_failure()
    return [case for case in done.results if case]


class _Followed(NamedTuple):
    """A case whose refund is followed, or its place in the queue. One whose refund has ended is no backlog."""

    stage: FollowStage | None  # None: it is in review
    case: FollowedCase


def _is_due(one: _Followed, now: datetime) -> bool:
    """Return whether a case has its turn in this hour. Those that have ended, or are in review, are listed by turns."""
    is_young = one.case.moved_at > now - _FIRST_DAY
    return one.stage is not FollowStage.UNDER_WAY or is_young or is_hour_of(one.case.case_id, now)


def _followed(store: Store, now: datetime) -> Iterator[_Followed]:
    """Yield the cases whose refunds are under way, and those that have ended, or are in review, and have their turn."""
    for case in store.followed_cases(FollowStage.UNDER_WAY):
        yield _Followed(FollowStage.UNDER_WAY, case)
    for case in store.followed_cases(FollowStage.ENDED, now - FOLLOWED_FOR, turn=hour_of(now)):
        yield _Followed(FollowStage.ENDED, case)
    for queued in in_review(store, now):
        yield _Followed(None, FollowedCase(queued.account_id, queued.case_id, queued.since))


def _follow_approval(account_id: AccountId, tag: str, store: Store, now: datetime) -> RefundCase | None:
    return run_transaction(lambda: _follow(account_id, case_id_of(tag), tag, store, now), case_id_of(tag))


def _follow(
    account_id: AccountId, case_id: str, tag: str | None, store: Store, now: datetime
) -> RefundCase | Retry | None:
    """Follow the case's latest approval, if that is the one with this tag. None: whichever it is."""
    before, context = read_case_context(account_id, case_id, store)
    if tag and before.tag != tag:
        return None  # a later approval of the case has replaced this one
    case = _with_reported_state(before, context.purchase, now)
    if case is None:
        return None
    commit = with_documents(Commit(), DocumentChange(intent_key(before.tag), None))
    if case.state is CaseState.IN_REVIEW:
        case, queued = queue_for_review(case, context.purchase, now)
        commit = with_documents(commit, queued)
    if before.state is CaseState.IN_REVIEW:
        commit = with_documents(commit, DocumentChange(review_queue_key(before), None))
    return CONFLICT if store.commit(with_case(case, commit, context.account)) else case


def _with_reported_state(case: RefundCase, purchase: Purchase, now: datetime) -> RefundCase | None:
    """Return the case in the state that the facts about its latest refund demand. None: it stays as it is."""
    reported = _reported_state(case.tag, purchase)
    if reported is None:
        return None
    state, cause, actor = reported
    return case.with_state(state, now, cause, actor) if state in _FOLLOWED.get(case.state, ()) else None


def _reported_state(tag: str, purchase: Purchase) -> tuple[CaseState, Text, str] | None:
    """Return the state that the facts about an approval's refund demand, with cause and actor. None: no facts yet."""
    end = end_of(tag, purchase.facts)
    if isinstance(end, RefundChanged):
        if end.state is RefundState.SUCCEEDED:
            return CaseState.REFUNDED, text("change.refund_succeeded", refund=end.refund_id), BY_PROVIDER
        return CaseState.IN_REVIEW, text("change.refund_ended", refund=end.refund_id, state=end.state), BY_PROVIDER
    if end:
        return CaseState.IN_REVIEW, end.reason, BY_SENDER
    reported = refunds_of(tag, purchase.facts)
    if not is_sent_whole(tag, purchase.facts):
        return None  # a part is yet to be sent
    ids = ", ".join(sorted(refund.refund_id for refund in reported))
    return CaseState.ISSUED, text("change.refund_reported", refund=ids), BY_PROVIDER
