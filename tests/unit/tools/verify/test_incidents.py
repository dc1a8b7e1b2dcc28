"""Each way in which the rules about incidents can be broken is named, and nothing else is."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ledger.domain.audit import AuditAction
from ledger.domain.incidents import Incident, IncidentShare, IncidentState, LeftOut
from ledger.domain.runs import FailedRun
from tools.testing.builders import ADA, LATER
from tools.testing.planting import Fault, Rule, drop, lawful, name_of, named, one, put, put_lot, rows
from tools.verify import World
from tools.verify.incidents import carried_out, replaced_once
from tools.verify.world import incident_sums


def done(whole: World) -> Incident:
    """The incident that is done."""
    return one(whole.incidents.values(), state=IncidentState.DONE)


def share(whole: World) -> IncidentShare:
    """What Ada got from it."""
    return one(whole.incident_shares.values(), account_id=ADA)


def of_ada(whole: World) -> str:
    """The name of her share."""
    return f"{share(whole).incident_id}/{ADA}"


def replaced(whole: World) -> FailedRun:
    """Her run that it has replaced."""
    return next(run for _, run in whole.failed_runs if run.replaced_by)


def with_share(whole: World, **changes: object) -> str:
    """Her share says something else."""
    put(whole, share(whole), **changes)
    return of_ada(whole)


def with_run(whole: World, **changes: object) -> str:
    """Her run says something else."""
    put(whole, replaced(whole), **changes)
    return of_ada(whole)


def without_share(whole: World) -> str:
    """It is gone."""
    name = of_ada(whole)
    drop(whole, share(whole))
    return name


def by_another(whole: World) -> str:
    """A run names an incident that gave the account nothing."""
    run = one((run for _, run in whole.failed_runs), replaced_by=None)
    put(whole, run, replaced_by="inc_0")
    account_id = next(owner for owner, listed in whole.failed_runs if listed.run_id == run.run_id)
    return f"inc_0/{account_id}"


def with_lot(whole: World, **changes: object) -> str:
    """Her lot has other figures."""
    put_lot(whole, share(whole).lot_id(1), **changes)
    return of_ada(whole)


def with_lot_beside(whole: World, number: int) -> None:
    """She has a lot that her share does not count: another rule names it."""
    known = share(whole)
    more = replace(whole.closed_lots[ADA, known.lot_id(1)], lot_id=known.lot_id(number))
    whole.closed_lots[ADA, more.lot_id] = more


def unknown(whole: World) -> str:
    """The incident itself is gone."""
    incident_id = done(whole).incident_id
    del whole.incidents[incident_id]
    return incident_id


def with_incident(whole: World, **changes: object) -> str:
    """The incident says something else."""
    return put(whole, done(whole), **changes).incident_id


def with_left_out(whole: World, **left_out: int) -> str:
    """It has left out others."""
    return with_incident(whole, left_out=left_out)


def without_act(whole: World) -> str:
    """Its act is not on record."""
    incident_id = done(whole).incident_id
    act = next(act for _, act in whole.audit_records if act.subject == incident_id)
    drop(whole, next(pair for pair in whole.audit_records if pair[1] is act))
    return incident_id


def above_its_sum(whole: World) -> str:
    """It was begun for less than it gave, and its act says the same."""
    incident_id = with_incident(whole, credits=4)
    put(
        whole,
        one((act for _, act in whole.audit_records), action=AuditAction.REPLACE_RUNS, subject=incident_id),
        amount=4,
    )
    return incident_id


def without_rows(whole: World, kind: str) -> str:
    """The incident that runs is not in a list."""
    running = one(whole.incidents.values(), state=IncidentState.RUNNING)
    key = next(key for key in whole.listed_incidents if key.kind == kind and running.incident_id in key.parts)
    del whole.listed_incidents[key]
    return running.incident_id


def listed_again(whole: World) -> str:
    """The one that is done is in the list of those that run."""
    key = next(key for key in whole.listed_incidents if done(whole).incident_id in key.parts)
    whole.listed_incidents[key._replace(kind=type(key.kind)("running_incident"))] = whole.listed_incidents[key]
    return done(whole).incident_id


def listed_only(whole: World) -> str:
    """A row names an incident that is not there."""
    key, row = next(iter(whole.listed_incidents.items()))
    more = key._replace(parts=(key.parts[0], "inc_0"))
    whole.listed_incidents[more] = replace(row, incident_id="inc_0")
    return "/".join(more.parts)


_EACH: list[tuple[Rule, Fault]] = [
    (replaced_once, Fault("a share with more runs", "made_good", lambda w: with_share(w, runs=2), ("{}",))),
    (replaced_once, Fault("a share with more credits", "made_good", lambda w: with_share(w, credits=6), ("{}",))),
    (replaced_once, Fault("a share of two lots", "made_good", lambda w: with_share(w, lots=2), ("{}",))),
    (replaced_once, Fault("a share without a lot", "made_good", lambda w: with_share(w, lots=0), ("{}",))),
    (replaced_once, Fault("a run of other credits", "made_good", lambda w: with_run(w, credits=6), ("{}",))),
    (replaced_once, Fault("a run replaced by none", "made_good", lambda w: with_run(w, replaced_by=None), ("{}",))),
    (replaced_once, Fault("a share that is gone", "made_good", without_share, ("{}",))),
    (replaced_once, Fault("a run of no share", "made_good", by_another, ("{}",))),
    (replaced_once, Fault("a lot with more credits", "made_good", lambda w: with_lot(w, granted=6), ("{}",))),
    (replaced_once, Fault("a lot that expires", "made_good", lambda w: with_lot(w, expires_at=LATER), ("{}",))),
    (replaced_once, Fault("a lot before hers", "made_good", lambda w: with_lot_beside(w, 0))),
    (replaced_once, Fault("a lot behind hers", "made_good", lambda w: with_lot_beside(w, 2))),
    (carried_out, Fault("more accounts", "made_good", lambda w: with_incident(w, accounts=2), ("{}",))),
    (carried_out, Fault("more runs", "made_good", lambda w: with_incident(w, runs=2), ("{}",))),
    (carried_out, Fault("more credits", "made_good", lambda w: with_incident(w, given=4), ("{}",))),
    (carried_out, Fault("a smaller sum", "made_good", lambda w: with_incident(w, credits=4), ("{}",))),
    (carried_out, Fault("more than was agreed", "made_good", above_its_sum, ("{}",))),
    (carried_out, Fault("another reason", "made_good", lambda w: with_incident(w, reason="Other."), ("{}",))),
    (carried_out, Fault("another person", "made_good", lambda w: with_incident(w, begun_by="kim"), ("{}",))),
    (carried_out, Fault("it has no end", "made_good", lambda w: with_incident(w, ended_at=None), ("{}",))),
    (carried_out, Fault("none was left out", "made_good", with_left_out, ("{}",))),
    (carried_out, Fault("two were left out", "made_good", lambda w: with_left_out(w, suspended=2), ("{}",))),
    (carried_out, Fault("its act is gone", "made_good", without_act, ("{}",))),
    (carried_out, Fault("not listed", "made_good", lambda w: without_rows(w, "listed_incident"), ("{}",))),
    (carried_out, Fault("not going on", "made_good", lambda w: without_rows(w, "running_incident"), ("{}",))),
    (carried_out, Fault("going on though it is done", "made_good", listed_again, ("{}",))),
    (carried_out, Fault("listed alone", "made_good", listed_only, ("{}",))),
]
FAULTS: dict[Rule, Sequence[Fault]] = {
    rule: [fault for of, fault in _EACH if of is rule] for rule in (replaced_once, carried_out)
}


@pytest.mark.parametrize(("rule", "fault"), rows(FAULTS), ids=name_of)
def test_each_fault_is_named_and_nothing_else(rule: Rule, fault: Fault) -> None:
    """A rule that names too much leads people astray."""
    found, expected = named(rule, fault)
    assert found == expected


def test_an_incident_that_is_gone_breaks_its_shares_and_leaves_its_rows() -> None:
    """Whoever was left out has a share too."""
    fault = Fault("the incident is gone", "made_good", unknown, ())
    found, _ = named(replaced_once, fault)
    assert {name.partition("/")[2] for name in found} == {ADA, "acct_ben"}


def test_who_was_left_out_without_a_reason_is_seen() -> None:
    """A share without credits says why there are none."""
    fault = Fault(
        "no reason",
        "made_good",
        lambda w: put(w, one(w.incident_shares.values(), left_out=LeftOut.SUSPENDED), left_out=None).incident_id,
        ("{}/acct_ben",),
    )
    found, expected = named(replaced_once, fault)
    assert found == expected


def test_a_share_without_a_lot_counts_no_account() -> None:
    """Whatever credits it names."""
    whole = lawful("made_good")
    before = incident_sums(whole)[share(whole).incident_id]
    with_share(whole, lots=0)
    after = incident_sums(whole)[share(whole).incident_id]
    assert before["accounts"] - after["accounts"] == 1
    assert before["credits"] == after["credits"]


def test_an_incident_and_its_shares_are_compared_wherever_they_are() -> None:
    """Each is checked in a part of the table that does not have the other."""
    whole = lawful("made_good")
    sums = incident_sums(whole)
    shares = replace(whole, incidents={}, incidents_elsewhere=sums)
    incidents = replace(whole, incident_shares={}, incidents_elsewhere=sums)
    for verdicts in ([*replaced_once(shares)], [*carried_out(incidents)]):
        assert verdicts
        assert all(holds for _, holds in verdicts)
