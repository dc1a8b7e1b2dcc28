"""Settle a proposal, as the second person: confirm it, which carries it out, or reject it."""

import json
from datetime import datetime
from typing import Any

from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.errors import CaseClosed, NotFound, RequestRefused
from ledger.domain.facts import RefundedItem
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.proposals import Proposal, ProposalState
from ledger.domain.refund_cases import DecisionOutcome
from ledger.policy.parameters import PolicyParameters
from ledger.ports.commit import Commit
from ledger.ports.documents import proposal_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.adjust_credits import Adjustment, adjust_credits
from ledger.usecases.attribute_parked import Attribution, Translate, attribute_parked, book_attributed
from ledger.usecases.authority import Authority, Confirmation, settlement
from ledger.usecases.holds import lift_hold
from ledger.usecases.incidents.begin import IncidentRequest, begin_incident
from ledger.usecases.refund_cases.decide_case import ReviewDecision, decide_case
from ledger.usecases.state_amount import state_amount
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction


def confirm_proposal(
    account_id: AccountId,
    proposal_id: str,
    actor: str,
    store: Store,
    policy: PolicyParameters,
    translate: Translate,
    *,
    now: datetime,
) -> Proposal:
    """Confirm a proposal of a colleague's, and carry it out in the same transaction. Return it as it is then.

    A parked event that was attributed is booked right after that: repeat the confirmation if that failed.

    Raise NotFound; RequestRefused if it is the person's own, was settled otherwise, or can't be carried out any more:
    then it can be rejected.
    """
    proposal = _to_settle(account_id, proposal_id, actor, ProposalState.CONFIRMED, store)
    if proposal.state is ProposalState.PROPOSED:
        authority = Authority(limits=None, confirmation=Confirmation(proposal=proposal, actor=actor))
        if proposal.action is AuditAction.ATTRIBUTE:
            attribute_parked(_attribution_of(proposal), store, translate, authority, now=now)
        else:
            _carry_out(proposal, authority, store, policy, now)
        proposal = read_proposal(account_id, proposal_id, store)
        if proposal.state is not ProposalState.CONFIRMED or proposal.settled_by != actor:
            raise RequestRefused("There is nothing left to do, or a colleague was faster. Look at it again.")
    elif proposal.action is AuditAction.ATTRIBUTE:
        book_attributed(_attribution_of(proposal), store, translate, now=now)
    return proposal


def _attribution_of(proposal: Proposal) -> Attribution:
    request: dict[str, Any] = json.loads(proposal.request)
    return Attribution(
        name=(request["owner"], request["event_id"]),
        account_id=proposal.account_id,
        actor=proposal.proposed_by,
        reason=proposal.reason,
    )


def reject_proposal(
    account_id: AccountId, proposal_id: str, actor: str, store: Store, *, why: str, now: datetime
) -> Proposal:
    """Reject a proposal of a colleague's. Raise NotFound; RequestRefused as `confirm_proposal` does."""

    def attempt() -> Proposal | Retry:
        proposal = _to_settle(account_id, proposal_id, actor, ProposalState.REJECTED, store)
        if proposal.state is ProposalState.REJECTED:
            return proposal
        act = AuditRecord(
            actor=actor,
            action=AuditAction.REJECT,
            subject=proposal_id,
            reason=why,
            at=now,
            step=proposal.version,
        )
        commit = Commit(documents=settlement(proposal, ProposalState.REJECTED, act))
        return CONFLICT if store.commit(commit) else proposal.settled(ProposalState.REJECTED, actor, now)

    return run_transaction(attempt, proposal_id)


def read_proposal(account_id: AccountId, proposal_id: str, store: Store) -> Proposal:
    """Return one proposal about this account. Raise NotFound."""
    key = proposal_key(account_id, proposal_id)
    proposal = store.read(Keys(documents=frozenset({key}))).document(key, Proposal)
    if proposal is None:
        raise NotFound(f"There is no proposal {proposal_id}.")
    return proposal


def _to_settle(account_id: AccountId, proposal_id: str, actor: str, state: ProposalState, store: Store) -> Proposal:
    """Return a proposal that this person may settle, or has settled like this before."""
    proposal = read_proposal(account_id, proposal_id, store)
    if actor in {proposal.proposed_by, proposal.account_id}:
        raise RequestRefused("Somebody else has to settle it: it is your own proposal, or about your own account.")
    if proposal.state not in {ProposalState.PROPOSED, state}:
        raise RequestRefused(f"It was {proposal.state} by {proposal.settled_by}.")
    return proposal


def _carry_out(proposal: Proposal, authority: Authority, store: Store, policy: PolicyParameters, now: datetime) -> None:
    """Carry out what was proposed, in the name of who proposed it."""
    request: dict[str, Any] = json.loads(proposal.request)
    account_id, actor, why = proposal.account_id, proposal.proposed_by, proposal.reason
    match proposal.action:
        case AuditAction.APPROVE | AuditAction.REPLACE:
            key = request.pop("key")
            items = tuple(RefundedItem(**item) for item in request.pop("items"))
            outcome = DecisionOutcome(request.pop("outcome"))
            decision = ReviewDecision(outcome=outcome, words=tuple(request.pop("words")), items=items, **request)
            try:
                decide_case(
                    proposal.subject,
                    decision,
                    actor,
                    store,
                    policy,
                    now=now,
                    key=key,
                    authority=authority,
                    may_overturn=True,
                )
            except CaseClosed as error:
                raise RequestRefused(f"{error} Reject the proposal.") from error
        case AuditAction.LIFT:
            lift_hold(proposal.subject, account_id, actor, store, why=why, now=now, authority=authority)
        case AuditAction.STATE_AMOUNT:
            payment_id, amount_minor = PaymentId(request["payment_id"]), request["amount_minor"]
            state_amount(
                payment_id,
                proposal.subject,
                amount_minor,
                account_id,
                actor,
                store,
                why=why,
                now=now,
                authority=authority,
            )
        case AuditAction.ADJUST:
            adjustment = Adjustment(
                account_id=account_id, credits=request["credits"], reason=why, actor=actor, key=request["key"]
            )
            adjust_credits(adjustment, store, authority, now=now)
        case AuditAction.REPLACE_RUNS:
            since, until = (datetime.fromisoformat(request[name]) for name in ("since", "until"))
            incident = IncidentRequest(
                since=since, until=until, credits=request["credits"], reason=why, actor=actor, key=request["key"]
            )
            begin_incident(incident, store, authority, now=now)
        case _:
            raise ValueError(f"{proposal.action} is no act that is proposed")
