"""Rules about incidents: what replaced the credits of failed runs."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace

from ledger.domain.audit import AuditAction
from ledger.domain.entries import CounterAccount
from ledger.domain.ids import AccountId
from ledger.domain.incidents import Incident, IncidentShare, IncidentState, LeftOut
from ledger.domain.lots import Lot
from ledger.domain.proposals import CREDITS
from ledger.domain.runs import FailedRun
from ledger.ports.documents import listed_incident_key, running_incident_key
from tools.verify.world import Verdicts, World, incident_sums


def replaced_once(world: World) -> Verdicts:
    """What an account got from an incident is what those of its failed runs had cost that name the incident."""
    replaced: dict[tuple[AccountId, str], list[FailedRun]] = defaultdict(list)
    for account_id, run in world.failed_runs:
        if run.replaced_by:
            replaced[account_id, run.replaced_by].append(run)
    sums, lots = world.incidents_elsewhere or incident_sums(world), world.lots()
    for share in world.incident_shares.values():
        runs = replaced.pop((share.account_id, share.incident_id), [])
        is_told = (len(runs), sum(run.credits for run in runs)) == (share.runs, share.credits)
        is_known = sums[share.incident_id]["incidents"] == 1 and (share.lots > 0 or share.left_out is not None)
        yield f"{share.incident_id}/{share.account_id}", is_told and is_known and _is_given(share, lots)
    for account_id, incident_id in replaced:
        yield f"{incident_id}/{account_id}", False


def _is_given(share: IncidentShare, lots: dict[tuple[AccountId, str], Lot]) -> bool:
    """Return whether a share's lots, apart from what was drawn, have its credits."""
    own = [lots.get(key) for key in _lots_of(share)]
    given = [Lot(lot_id=lot.lot_id, granted=lot.granted, source=CounterAccount.GOODWILL) for lot in own if lot]
    are_goodwill = [replace(lot, drawn=0) for lot in own if lot] == given
    return len(given) == share.lots and are_goodwill and sum(lot.granted for lot in given) == share.credits


def carried_out(world: World) -> Verdicts:
    """An incident gives what its shares say and no more than was agreed, is listed as it stands, and is on record."""
    sums = world.incidents_elsewhere or incident_sums(world)
    acts = {
        (account_id, act.action, act.subject, act.actor, act.reason, act.at, act.amount, act.unit)
        for account_id, act in world.audit_records
    }
    unknown = dict(world.listed_incidents)
    for incident_id, one in world.incidents.items():
        listed = [unknown.pop(key(one), None) for key in (listed_incident_key, running_incident_key)]
        is_running = one.state is IncidentState.RUNNING
        is_listed = [row is not None for row in listed] == [True, is_running] and (one.ended_at is None) == is_running
        act = (AccountId(incident_id), AuditAction.REPLACE_RUNS, incident_id, one.begun_by, one.reason, one.begun_at)
        is_on_record = (*act, one.credits, CREDITS) in acts
        yield (
            incident_id,
            is_listed and is_on_record and one.given <= one.credits and _figures(one) == sums[incident_id],
        )
    for key in unknown:
        yield "/".join(key.parts), False


def _figures(incident: Incident) -> Counter[str]:
    figures = Counter(incidents=1, accounts=incident.accounts, runs=incident.runs, credits=incident.given)
    figures.update({LeftOut(reason): number for reason, number in incident.left_out.items()})
    return figures


def lots_of_incidents(world: World) -> Iterator[tuple[AccountId, str]]:
    """Yield the lots that incidents gave, by account and id."""
    for share in world.incident_shares.values():
        yield from _lots_of(share)


def _lots_of(share: IncidentShare) -> Iterator[tuple[AccountId, str]]:
    return ((share.account_id, share.lot_id(number)) for number in range(1, share.lots + 1))
