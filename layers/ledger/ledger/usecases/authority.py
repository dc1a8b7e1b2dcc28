"""Authority: what one person of support may do alone, and what needs a second one.

    act ──► confirmed by a second person, or it moves nothing   commit it
       ├──► within the limits of person and account             commit it, with the sums that it adds to
       └──► above one of them                                   commit a proposal, and raise SecondPersonNeeded

The sums are items of their own, and are written under the versions that were read. So acts that race can't exceed them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.errors import RequestRefused, SecondPersonNeeded
from ledger.domain.ids import AccountId, derived_id
from ledger.domain.proposals import ActSums, Proposal, ProposalState, QueuedProposal, Stake, SupportLimit, month_of
from ledger.domain.records import record
from ledger.ports.commit import Commit, DocumentChange, Refusal
from ledger.ports.documents import (
    DocumentKey,
    account_sums_key,
    actor_sums_key,
    audit_key,
    proposal_key,
    proposal_queue_key,
)
from ledger.ports.reads import Keys
from ledger.ports.store import Store

_NOTHING = SupportLimit(day=0, month=0)


@record(frozen=True, kw_only=True)
class Confirmation:
    """The second person's word about a proposal."""

    proposal: Proposal
    actor: str


@record(frozen=True, kw_only=True)
class Authority:
    """How far an act may go: alone, within limits, or with a second person."""

    limits: Mapping[str, SupportLimit] | None  # by unit; a unit that is not in it: nothing alone. None: no limits
    confirmation: Confirmation | None = None


@record(frozen=True, kw_only=True)
class Act:
    """One act of a person, as it is about to be carried out."""

    account_id: AccountId  # that it is about, and that has its record; of an incident, its id stands for one
    stake: Stake | None  # what it moves at most; None: nothing, so that no limit counts
    record: AuditRecord  # without its stake
    request: str  # all that it takes to carry it out again, as JSON
    key: str = ""  # tells it apart from another act with the same content

    @property
    def audit_record(self) -> AuditRecord:
        """Return its record, with what it moves at most."""
        stake = self.stake
        return replace(self.record, amount=stake.amount, unit=stake.unit) if stake else self.record

    @property
    def proposal(self) -> Proposal:
        """Return the proposal that it becomes. The same act has the same proposal."""
        record = self.audit_record
        content = (record.action, record.subject, record.actor, self.request, self.key)
        return Proposal(
            proposal_id=derived_id("prop", self.account_id, *content),
            account_id=self.account_id,
            action=record.action,
            subject=record.subject,
            reason=record.reason,
            request=self.request,
            amount=record.amount,
            unit=record.unit,
            proposed_by=record.actor,
            proposed_at=record.at,
        )


def commit_act(commit: Commit, act: Act, authority: Authority, store: Store) -> Refusal | None:
    """Commit an act with its audit record, if its person has the authority. Return what refused the commit.

    Raise SecondPersonNeeded if it was proposed instead, RequestRefused if a colleague has settled its proposal. A limit
    costs one more round trip.
    """
    if authority.confirmation:
        return _commit_confirmed(commit, act, authority.confirmation, store)
    stake = act.stake
    if authority.limits is None or stake is None or not stake.amount:
        return store.commit(_with(commit, _record(act, act.audit_record)))
    keys, at = _sums_keys(act), act.record.at
    known = store.read(Keys(documents=frozenset(keys)))
    stored = [known.document(key, ActSums) or ActSums() for key in keys]
    limit = authority.limits.get(stake.unit, _NOTHING)
    if not all(sums.plus(stake, at).is_within(limit, stake.unit, at) for sums in stored):
        return _propose(act, store)
    changes = (DocumentChange(key, sums.plus(stake, at), sums.version) for key, sums in zip(keys, stored, strict=True))
    return store.commit(_with(commit, *changes, _record(act, replace(act.audit_record, is_counted=True))))


def settlement(proposal: Proposal, state: ProposalState, act: AuditRecord) -> tuple[DocumentChange, ...]:
    """Return the changes by which a second person settles a proposal. `act` is that person's."""
    settled = proposal.settled(state, act.actor, act.at)
    return (
        DocumentChange(proposal_key(proposal.account_id, proposal.proposal_id), settled, proposal.version),
        DocumentChange(proposal_queue_key(proposal), None),
        DocumentChange(audit_key(proposal.account_id, act), act),
    )


def _sums_keys(act: Act) -> tuple[DocumentKey, DocumentKey]:
    month = month_of(act.record.at)
    return actor_sums_key(act.record.actor, month), account_sums_key(act.account_id, month)


def _commit_confirmed(commit: Commit, act: Act, confirmation: Confirmation, store: Store) -> Refusal | None:
    """Commit a confirmed act. Raise RequestRefused if a colleague has rejected its proposal since it was read."""
    refusal = store.commit(_with(commit, *_confirmed(act, confirmation), _record(act, act.audit_record)))
    if refusal:
        key = proposal_key(act.account_id, confirmation.proposal.proposal_id)
        stored = store.read(Keys(documents=frozenset({key}))).document(key, Proposal)
        if stored and stored.state is ProposalState.REJECTED:
            raise RequestRefused(f"It was {stored.state} by {stored.settled_by}.")
    return refusal


def _confirmed(act: Act, confirmation: Confirmation) -> Iterator[DocumentChange]:
    proposal = confirmation.proposal
    record = AuditRecord(
        actor=confirmation.actor,
        action=AuditAction.CONFIRM,
        subject=proposal.proposal_id,
        reason=proposal.reason,
        at=act.record.at,
        step=proposal.version,
    )
    yield from settlement(proposal, ProposalState.CONFIRMED, record)


def _propose(act: Act, store: Store) -> Refusal:
    """Store the proposal of an act, unless it is there. Return what refused it, for another attempt."""
    proposal = act.proposal
    key = proposal_key(act.account_id, proposal.proposal_id)
    queued = QueuedProposal(
        proposal_id=proposal.proposal_id, account_id=proposal.account_id, since=proposal.proposed_at
    )
    record = replace(
        act.record,
        action=AuditAction.PROPOSE,
        subject=proposal.proposal_id,
        step=0,
        amount=0,
        unit="",
        is_counted=False,
    )
    changes = (
        DocumentChange(key, proposal),
        DocumentChange(proposal_queue_key(proposal), queued),
        DocumentChange(audit_key(act.account_id, record), record),
    )
    refusal = store.commit(Commit(documents=changes))
    if refusal is None:
        raise SecondPersonNeeded(proposal.proposal_id)
    stored = store.read(Keys(documents=frozenset({key}))).document(key, Proposal)
    if stored is None:
        return refusal
    if stored.state is ProposalState.PROPOSED:
        raise SecondPersonNeeded(stored.proposal_id)
    raise RequestRefused(f"This was proposed as {stored.proposal_id}, and {stored.settled_by} has {stored.state} it.")


def _record(act: Act, record: AuditRecord) -> DocumentChange:
    return DocumentChange(audit_key(act.account_id, record), record)


def _with(commit: Commit, *changes: DocumentChange) -> Commit:
    return replace(commit, documents=(*commit.documents, *changes))
