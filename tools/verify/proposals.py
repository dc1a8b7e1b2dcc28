"""Rules about what support does alone or as two: proposals, sums of acts, adjustments."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from ledger.domain.audit import AuditAction
from ledger.domain.entries import CounterAccount, EntryKind
from ledger.domain.ids import AccountId, request_correlation_id
from ledger.domain.lots import Lot
from ledger.domain.proposals import Proposal, ProposalState, Stake, month_of, sums_of
from ledger.ports.documents import proposal_queue_key
from ledger.usecases.adjust_credits import ADJUSTMENTS_ROUTE
from tools.verify.world import Verdicts, World

_SETTLES = {ProposalState.CONFIRMED: AuditAction.CONFIRM, ProposalState.REJECTED: AuditAction.REJECT}


def proposed(world: World) -> Verdicts:
    """A proposal waits exactly as long as no second person has settled it, and who did what about it is on record."""
    acts = {(account_id, act.action, act.subject, act.actor, act.at) for account_id, act in world.audit_records}
    about = {
        (account_id, act.subject)
        for account_id, act in world.audit_records
        if act.action in {AuditAction.PROPOSE, *_SETTLES.values()}
    }
    queued = dict(world.queued_proposals)
    for proposal_id, proposal in world.proposals.items():
        account_id = proposal.account_id
        waiting = queued.pop(proposal_queue_key(proposal), None)
        about.discard((account_id, proposal_id))
        is_told = (account_id, AuditAction.PROPOSE, proposal_id, proposal.proposed_by, proposal.proposed_at) in acts
        if proposal.state is ProposalState.PROPOSED:
            is_waiting = waiting is not None and (waiting.account_id, waiting.since, waiting.proposal_id) == (
                account_id,
                proposal.proposed_at,
                proposal_id,
            )
            yield proposal_id, is_told and is_waiting and {proposal.settled_by, proposal.settled_at} == {None}
        else:
            settled = (account_id, _SETTLES[proposal.state], proposal_id, proposal.settled_by, proposal.settled_at)
            is_by_another = proposal.settled_by not in {proposal.proposed_by, account_id}
            is_done = proposal.state is ProposalState.REJECTED or _is_carried_out(proposal, world)
            yield proposal_id, is_told and waiting is None and settled in acts and is_by_another and is_done
    for key in queued:
        yield "/".join(key.parts), False
    for account_id, proposal_id in about:
        yield f"{account_id}/{proposal_id}", False


def _is_carried_out(proposal: Proposal, world: World) -> bool:
    """Return whether the act that was confirmed is on record. A hold is lifted at the earliest when it began."""
    return any(
        account_id == proposal.account_id
        and (act.action, act.subject, act.actor) == (proposal.action, proposal.subject, proposal.proposed_by)
        and proposal.settled_at is not None
        and act.at >= proposal.settled_at
        and not act.is_counted
        for account_id, act in world.audit_records
    )


def sums_of_accounts(world: World) -> Verdicts:
    """What single persons moved of an account in a month is what their acts on record say."""
    acts: dict[tuple[str, str], list[tuple[Stake, datetime]]] = defaultdict(list)
    for account_id, act in world.audit_records:
        if act.is_counted:
            acts[account_id, month_of(act.at)].append((Stake(amount=act.amount, unit=act.unit), act.at))
    for key, sums in world.account_sums.items():
        owner, month = key.parts
        yield f"{owner}/{month}", sums.by_day == sums_of(acts.pop((owner, month), ()))
    for owner, month in acts:
        yield f"{owner}/{month}", False


def adjusted(world: World) -> Verdicts:
    """An adjustment moved as many credits as its act on record says: into a lot of its own, or out of such lots."""
    moved: dict[tuple[AccountId, str | None], list[tuple[str, int, EntryKind]]] = defaultdict(list)
    for entry in world.entries:
        if entry.lot_id.startswith("goodwill/adj_"):
            moved[entry.account_id, entry.correlation_id].append((entry.lot_id, entry.credits, entry.kind))
    requested = {
        (AccountId(key.parts[0]), record.subject): request_correlation_id(AccountId(key.parts[0]), *key.parts[1:])
        for key, record in world.idempotency_records.items()
        if key.parts[1:2] == (ADJUSTMENTS_ROUTE,)
    }
    for account_id, act in world.audit_records:
        if act.action is AuditAction.ADJUST:
            entries = moved.pop((account_id, requested.get((account_id, act.subject))), [])
            yield act.subject, _is_adjustment(act.subject, act.amount, entries)
    for (account_id, lot_id), lot in world.lots().items():
        if lot_id.startswith("goodwill/adj_"):
            given = Lot(lot_id=lot_id, granted=lot.granted, source=CounterAccount.GOODWILL)
            yield f"{account_id}/{lot_id}", replace(lot, drawn=0) == given
    for (account_id, _), entries in moved.items():
        for lot_id, _, kind in entries:
            if kind in {EntryKind.GRANT, EntryKind.ADJUST}:
                yield f"{account_id}/{lot_id}", False


def _is_adjustment(adjustment_id: str, credits_: int, entries: list[tuple[str, int, EntryKind]]) -> bool:
    """Return whether these entries give the credits of an adjustment, or take as many back."""
    if entries == [(f"goodwill/{adjustment_id}", credits_, EntryKind.GRANT)]:
        return True
    is_taken = all(kind is EntryKind.ADJUST and moved < 0 for _, moved, kind in entries)
    return is_taken and sum(moved for _, moved, _ in entries) == -credits_ < 0


def lots_of_adjustments(world: World) -> Iterator[tuple[AccountId, str]]:
    """Yield the lots that adjustments gave, by account and id."""
    for entry in world.entries:
        if entry.kind is EntryKind.GRANT and entry.lot_id.startswith("goodwill/adj_"):
            yield entry.account_id, entry.lot_id
