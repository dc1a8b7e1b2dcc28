"""Each way in which the rules about proposals, sums and adjustments can be broken is named, and nothing else is."""

from dataclasses import replace

import pytest

from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.entries import CounterAccount, Entry, EntryKind
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import AccountId
from ledger.domain.proposals import Proposal, ProposalState, QueuedProposal
from ledger.ports.documents import DocumentKey, proposal_queue_key
from tools.testing.builders import ADA, LATER, at
from tools.testing.planting import Fault, Rule, double, drop, name_of, named, one, put, put_lot, rows
from tools.verify import World
from tools.verify.proposals import adjusted, proposed, sums_of_accounts

EVE = AccountId("acct_eve")
MONTH = f"{ADA}/2026-11"
OF_SALES: dict[str, object] = {
    **dict.fromkeys(("expires_at", "grace_from", "locked_until"), LATER),
    **dict.fromkeys(("refunded", "disputed", "expired", "reserved"), 1),
    **dict.fromkeys(("refund_target", "dispute_target", "reserve_target"), 1),
    **dict.fromkeys(("is_frozen", "is_withdrawn", "owes_no_refund"), True),
    "subscription_id": "stripe:sub_1",
    "source": CounterAccount.SALES,
}
"""What only a lot that was paid for can have."""


def proposal(whole: World, known_as: ProposalState, **changes: object) -> str:
    """Change the proposal in this state. Return its id."""
    found = one(whole.proposals.values(), state=known_as)
    whole.proposals[found.proposal_id] = replace(found, **changes)  # type: ignore[arg-type]
    return found.proposal_id


def waiting(whole: World) -> tuple[DocumentKey, QueuedProposal]:
    """The entry in the queue."""
    return next(iter(whole.queued_proposals.items()))


def settled_by(whole: World, state: ProposalState, actor: str) -> str:
    """This person has settled it, and the act on record says so too."""
    settles = {ProposalState.CONFIRMED: AuditAction.CONFIRM, ProposalState.REJECTED: AuditAction.REJECT}
    put(whole, act(whole, settles[state]), actor=actor)
    return proposal(whole, state, settled_by=actor)


def taken_back(whole: World, **changes: object) -> str:
    """The entry that took credits of an adjustment back says something else. Return the id of the act."""
    put(whole, entry(whole, EntryKind.ADJUST), **changes)
    return one((record for _, record in whole.audit_records), action=AuditAction.ADJUST, amount=20).subject


def given_back(whole: World) -> str:
    """More was taken back, and the rest was given by another entry: together it is as much."""
    taken = entry(whole, EntryKind.ADJUST, credits=-25)
    double(whole, taken, credits=5)
    return one((record for _, record in whole.audit_records), action=AuditAction.ADJUST, amount=20).subject


def given_nothing(whole: World) -> str:
    """One more entry took nothing back. Return the id of the act."""
    double(whole, entry(whole, EntryKind.ADJUST), credits=0)
    return taken_back(whole)


def one_taken_back(whole: World) -> None:
    """A single credit was taken back, as the act says."""
    put(whole, one((act for _, act in whole.audit_records), subject=taken_back(whole, credits=-1)), amount=1)


def adjusted_by_nothing(whole: World) -> None:
    """An act adjusted nothing, and there is no entry of it."""
    whole.audit_records.append((ADA, replace(act(whole, AuditAction.ADJUST), subject="adj_0", amount=0)))


def request_of(whole: World) -> tuple[DocumentKey, IdempotencyRecord]:
    """What was requested first: an adjustment that gave credits."""
    subject = adjustment_of(entry(whole, EntryKind.GRANT))
    return next((key, known) for key, known in whole.idempotency_records.items() if known.subject == subject)


def not_requested(whole: World) -> str:
    """The request of the first adjustment is not there. Return its id."""
    key, known = request_of(whole)
    del whole.idempotency_records[key]
    return known.subject


def requested_otherwise(whole: World) -> None:
    """A request to another route names the first adjustment."""
    key, known = request_of(whole)
    whole.idempotency_records[key._replace(parts=(ADA, "orders", "key_9"))] = known


def drawn_from(whole: World) -> None:
    """A run has used credits of the first adjustment."""
    double(whole, entry(whole, EntryKind.GRANT), kind=EntryKind.DRAW, credits=-5, correlation_id="req_run")


def summed_later(whole: World) -> None:
    """There are sums of the next month."""
    key, sums = next(iter(whole.account_sums.items()))
    whole.account_sums[key._replace(parts=(key.parts[0], "2026-12"))] = sums


def off_the_queue(whole: World) -> str:
    """It waits nowhere."""
    key, queued = waiting(whole)
    del whole.queued_proposals[key]
    return queued.proposal_id


def queued(whole: World, **changes: object) -> str:
    """The entry in the queue says something else."""
    key, before = waiting(whole)
    whole.queued_proposals[key] = replace(before, **changes)  # type: ignore[arg-type]
    return before.proposal_id


def queued_again(whole: World) -> str:
    """One that is settled waits."""
    settled = one(whole.proposals.values(), state=ProposalState.REJECTED)
    key, before = waiting(whole)
    again = key._replace(parts=(key.parts[0][:-4] + "999Z", settled.proposal_id))
    whole.queued_proposals[again] = replace(before, proposal_id=settled.proposal_id)
    return "/".join(again.parts)


def queued_in_its_place(whole: World) -> str:
    """One that is settled waits under its own key."""
    settled = one(whole.proposals.values(), state=ProposalState.REJECTED)
    queued = QueuedProposal(account_id=ADA, since=settled.proposed_at, proposal_id=settled.proposal_id)
    whole.queued_proposals[proposal_queue_key(settled)] = queued
    return settled.proposal_id


def settled_one_gone(whole: World) -> str:
    """A proposal is not there, and nothing says who proposed it: who rejected it is on record."""
    settled = drop(whole, one(whole.proposals.values(), state=ProposalState.REJECTED))
    acts = (record for _, record in whole.audit_records)
    drop(whole, one(acts, action=AuditAction.PROPOSE, subject=settled.proposal_id))
    return settled.proposal_id


def confirmed(whole: World) -> tuple[Proposal, AuditRecord]:
    """The proposal that was confirmed, and the act that followed."""
    found = one(whole.proposals.values(), state=ProposalState.CONFIRMED)
    return found, one((record for _, record in whole.audit_records), action=found.action, subject=found.subject)


def carried_out(whole: World, **changes: object) -> str:
    """The act that was confirmed has these changes. Return the id of the proposal."""
    found, done = confirmed(whole)
    put(whole, done, **changes)
    return found.proposal_id


def carried_out_for_another(whole: World) -> str:
    """The act that was confirmed is another account's. Return the id of the proposal."""
    found, done = confirmed(whole)
    whole.audit_records = [(EVE if act is done else owner, act) for owner, act in whole.audit_records]
    return found.proposal_id


def act(whole: World, action: AuditAction) -> AuditRecord:
    """The first act of this kind."""
    return one((record for _, record in whole.audit_records), action=action)


def forgotten(whole: World, action: AuditAction) -> AuditRecord:
    """An act is not on record."""
    found = act(whole, action)
    drop(whole, found)
    return found


def proposal_gone(whole: World) -> str:
    """A proposal that is on record is not there."""
    proposal_id = off_the_queue(whole)
    del whole.proposals[proposal_id]
    return proposal_id


def summed(whole: World, **by_day: int) -> None:
    """The account's sums are others."""
    key, sums = next(iter(whole.account_sums.items()))
    whole.account_sums[key] = replace(sums, by_day=by_day)


def entry(whole: World, kind: EntryKind, **changes: object) -> Entry:
    """Change an entry of an adjustment's lot."""
    found = next(known for known in whole.entries if known.kind is kind and "adj_" in known.lot_id)
    return put(whole, found, **changes)


def lot_of_adjustment(whole: World, **changes: object) -> str:
    """Change the lot that the first adjustment gave. Return its account and id."""
    return f"{ADA}/{put_lot(whole, entry(whole, EntryKind.GRANT).lot_id, **changes).lot_id}"


def adjustment_of(found: Entry) -> str:
    """The id of the adjustment of which an entry is, by its lot."""
    return found.lot_id.removeprefix("goodwill/")


def counted(whole: World, **changes: object) -> AuditRecord:
    """Change the act of the first adjustment."""
    return put(whole, act(whole, AuditAction.ADJUST), **changes)


FAULTS: dict[Rule, list[Fault]] = {
    proposed: [
        Fault("it waits nowhere", "by_two", off_the_queue, ("{0}",)),
        Fault("it waits since another time", "by_two", lambda w: queued(w, since=LATER), ("{0}",)),
        Fault("it waits for another account", "by_two", lambda w: queued(w, account_id=EVE), ("{0}",)),
        Fault("it waits for another", "by_two", lambda w: queued(w, proposal_id="prop_9"), ("{0}",)),
        Fault("one that is settled waits", "by_two", queued_again, ("{0}",)),
        Fault("it is not there", "by_two", proposal_gone, (f"{ADA}/{{0}}",)),
        *(
            Fault(f"its {name} is another", "by_two", lambda w, c=changes: proposal(w, ProposalState.PROPOSED, **c), n)
            for name, changes, n in (
                ("proposer", {"proposed_by": "tom"}, ("{0}",)),
                ("settler", {"settled_by": "kim"}, ("{0}",)),
                ("time of settlement", {"settled_at": LATER}, ("{0}",)),
            )
        ),
        *(
            Fault(f"{state}: {name}", "by_two", lambda w, s=state, c=changes: proposal(w, s, **c), ("{0}",))
            for state in (ProposalState.CONFIRMED, ProposalState.REJECTED)
            for name, changes in (
                ("by nobody", {"settled_by": None}),
                ("by its proposer", {"settled_by": "sam"}),
                ("at another time", {"settled_at": LATER}),
                ("at no time", {"settled_at": None}),
            )
        ),
        Fault("one that is settled waits in its place", "by_two", queued_in_its_place, ("{0}",)),
        Fault("one that is settled is not there", "by_two", settled_one_gone, (f"{ADA}/{{0}}",)),
        *(
            Fault(f"what was confirmed {what}", "by_two", lambda w, c=changes: carried_out(w, **c), ("{0}",))
            for what, changes in (
                ("was carried out before", {"at": at(69)}),
                ("was carried out by one person alone", {"is_counted": True}),
            )
        ),
        Fault("what was confirmed was carried out for another account", "by_two", carried_out_for_another, ("{0}",)),
        *(
            Fault(f"{state} by {name}, also on record", "by_two", lambda w, s=state, a=actor: settled_by(w, s, a), n)
            for state in (ProposalState.CONFIRMED, ProposalState.REJECTED)
            for name, actor, n in (
                ("its proposer", "sam", ("{0}",)),
                ("the account's owner", ADA, ("{0}",)),
                ("another colleague", "tom", ()),
            )
        ),
        Fault(
            "an act that is on record as rejected is confirmed",
            "by_two",
            lambda w: proposal(w, ProposalState.REJECTED, state=ProposalState.CONFIRMED),
            ("{0}",),
        ),
        Fault(
            "another act was carried out",
            "by_two",
            lambda w: proposal(w, ProposalState.CONFIRMED, subject="adj_0"),
            ("{0}",),
        ),
        Fault("nothing says who proposed it", "by_two", lambda w: forgotten(w, AuditAction.PROPOSE), ("{0.subject}",)),
        Fault("nothing says who confirmed it", "by_two", lambda w: forgotten(w, AuditAction.CONFIRM), ("{0.subject}",)),
        Fault("nothing says who rejected it", "by_two", lambda w: forgotten(w, AuditAction.REJECT), ("{0.subject}",)),
    ],
    sums_of_accounts: [
        Fault("they are others", "by_two", lambda w: summed(w, **{"credits/01": 81}), (MONTH,)),
        Fault("they are of another day", "by_two", lambda w: summed(w, **{"credits/02": 80}), (MONTH,)),
        Fault("they are of another unit", "by_two", lambda w: summed(w, **{"USD/01": 80}), (MONTH,)),
        Fault("they are not there", "by_two", lambda w: w.account_sums.clear(), (MONTH,)),
        Fault("there are some of a month without acts", "by_two", summed_later, (f"{ADA}/2026-12",)),
        Fault("an act is not counted", "by_two", lambda w: counted(w, is_counted=False), (MONTH,)),
        Fault("an act is of another amount", "by_two", lambda w: counted(w, amount=61), (MONTH,)),
    ],
    adjusted: [
        Fault(
            "an act is of another amount",
            "by_two",
            lambda w: counted(w, amount=61),
            ("{0.subject}",),
        ),
        Fault(
            "its entry is of another amount",
            "by_two",
            lambda w: adjustment_of(entry(w, EntryKind.GRANT, credits=7)),
            ("{0}",),
        ),
        *(
            Fault(f"what was taken back {what}", "by_two", lambda w, c=changes: taken_back(w, **c), ("{0}",))
            for what, changes in (
                ("is another amount", {"credits": -19}),
                ("is nothing", {"credits": 0}),
                ("was given", {"credits": 20}),
                ("was drawn", {"kind": EntryKind.DRAW}),
            )
        ),
        Fault("what was taken back was given back in part", "by_two", given_back, ("{0}",)),
        Fault("a part of what was taken back is nothing", "by_two", given_nothing, ("{0}",)),
        Fault("one credit was taken back", "by_two", one_taken_back),
        Fault("nothing was adjusted", "by_two", adjusted_by_nothing, ("adj_0",)),
        Fault("nothing requested it", "by_two", not_requested, ("{0}", f"{ADA}/goodwill/{{0}}")),
        Fault("another request is about it", "by_two", requested_otherwise),
        Fault("its lot is drawn from", "by_two", drawn_from),
        Fault(
            "what was taken back is of another request",
            "by_two",
            lambda w: (entry(w, EntryKind.ADJUST, correlation_id="req_0").lot_id, taken_back(w)),
            (f"{ADA}/{{0[0]}}", "{0[1]}"),
        ),
        Fault(
            "nothing says who adjusted",
            "by_two",
            lambda w: forgotten(w, AuditAction.ADJUST).subject,
            (f"{ADA}/goodwill/{{0}}",),
        ),
        *(
            Fault(f"its lot has another {name}", "by_two", lambda w, c={name: value}: lot_of_adjustment(w, **c), n)
            for name, value, n in (
                *((name, value, ("{0}",)) for name, value in OF_SALES.items()),
                ("drawn", 5, ()),
            )
        ),
    ],
}


@pytest.mark.parametrize(("rule", "fault"), rows(FAULTS), ids=name_of)
def test_each_fault_is_named(rule: Rule, fault: Fault) -> None:
    """And nothing else is."""
    found, expected = named(rule, fault)
    assert found == expected
