"""The function that follows declarations: its events, its schedule, and what it reports of the law's time."""

import re
from datetime import timedelta
from typing import Any

import pytest

from ledger.domain.declarations import DeclarationState
from ledger.domain.domain_events import DeclarationApproved, DeclarationConfirmed, IncidentBegun
from ledger.domain.errors import NotFound, StoreUnavailable
from ledger.ports.commit import Commit
from ledger.runtime import Runtime
from ledger.usecases.declarations.answer import approve
from ledger.usecases.declarations.change import read_declaration
from ledger.usecases.declarations.mails import record_acknowledgement
from tests.unit.functions.test_jobs import Context, metrics, run, services
from tests.unit.usecases.test_declarations import CANCELLATION, store, submitted, waiting
from tools.testing.builders import at
from tools.testing.domain_events import delivered
from tools.testing.fakes import FakeStore

__all__ = ["services", "store"]  # the fixtures of the jobs and of the declarations

FOLLOWED = "follow_declarations"


@pytest.fixture(autouse=True)
def _over_the_store(services: Runtime, store: FakeStore) -> None:
    services.store, services.clock = store, lambda: at(66)


def state_of(store: FakeStore, name: str) -> DeclarationState:
    """A declaration's state, as it is stored."""
    return read_declaration(name, store).state


@pytest.mark.parametrize("event", [DeclarationConfirmed, DeclarationApproved])
def test_an_event_brings_its_declaration_further_and_no_other(store: FakeStore, event: Any) -> None:
    """However often it is delivered, and whichever of the two events it is."""
    name, other = submitted(store), submitted(store, CANCELLATION, form="other")
    said = delivered(event(declaration_id=name))
    assert [run(FOLLOWED, said) for _ in range(2)] == [{"states": {"matched": 1}}] * 2
    assert (state_of(store, name), state_of(store, other)) == (DeclarationState.MATCHED, DeclarationState.CONFIRMED)


def test_an_approval_is_carried_out_by_its_event(store: FakeStore) -> None:
    """In one call: the case is opened."""
    name = waiting(store)
    approve(name, "yes", store)
    assert run(FOLLOWED, delivered(DeclarationApproved(declaration_id=name))) == {"states": {"executed": 1}}


def test_an_event_of_another_kind_or_of_no_declaration_fails() -> None:
    """It becomes a dead letter; it is taken for no other event."""
    with pytest.raises(ValueError, match="about no declaration"):
        run(FOLLOWED, delivered(IncidentBegun(incident_id="inc_1")))
    with pytest.raises(NotFound):
        run(FOLLOWED, delivered(DeclarationConfirmed(declaration_id="W-0000-0000-0000")))


def test_the_schedule_follows_all_that_are_open_whatever_one_of_them_does(
    store: FakeStore,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that the store refuses is counted and fails the job at its end. The other one goes on."""
    refused, name = submitted(store), submitted(store, CANCELLATION, form="other")
    commit = store.commit

    def refusing(change: Commit) -> Any:
        if any(refused in part for one in change.documents for part in one.key.parts):
            raise StoreUnavailable("no")
        return commit(change)

    monkeypatch.setattr(store, "commit", refusing)
    with pytest.raises(StoreUnavailable):
        run(FOLLOWED)
    assert (state_of(store, refused), state_of(store, name)) == (DeclarationState.CONFIRMED, DeclarationState.MATCHED)
    output = capsys.readouterr().out
    assert (metrics(output, "FailedItems"), metrics(output, "Backlog")) == ([1], [2])
    monkeypatch.undo()
    assert run(FOLLOWED) == {"states": {"matched": 2}}


def test_without_time_the_schedule_leaves_the_rest(store: FakeStore) -> None:
    """Nothing is half done, and nothing fails."""
    name = submitted(store)
    assert run(FOLLOWED, context=Context(0)) == {"states": {}}
    assert state_of(store, name) is DeclarationState.CONFIRMED


def test_the_age_of_what_was_not_acknowledged_is_reported_before_anything_is_done(
    services: Runtime,
    store: FakeStore,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The law wants the receipt without delay. The oldest counts, also if the round can't even begin."""
    first, second = submitted(store, minute=60), submitted(store, CANCELLATION, form="other", minute=63)

    def reported() -> list[float]:
        run(FOLLOWED)
        return metrics(capsys.readouterr().out, "OldestUnacknowledgedAge")

    assert reported() == [360]
    record_acknowledgement(first, store, at=at(66))
    assert reported() == [180]
    with monkeypatch.context() as broken:
        reports: list[list[float]] = []

        def sweep(*_: object, **__: object) -> None:
            reports.append(metrics(capsys.readouterr().out, "OldestUnacknowledgedAge"))
            raise StoreUnavailable("throttled")

        broken.setattr("functions.follow_declarations.app.sweep_on", sweep)
        with pytest.raises(StoreUnavailable):
            run(FOLLOWED)
        assert reports == [[180]], "before the round, which Lambda may end"
    record_acknowledgement(second, store, at=at(66))
    assert reported() == [0]
    services.clock = lambda: at(66) - timedelta(days=1)
    assert reported() == [0]


def test_the_log_has_the_state_and_nothing_of_what_was_written(
    store: FakeStore,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither the name nor the address of whoever declared."""
    name = submitted(store)
    run(FOLLOWED, delivered(DeclarationConfirmed(declaration_id=name)))
    (record,) = [one for one in caplog.records if one.message == "declaration"]
    assert (record.declaration_id, record.state) == (name, "matched")  # type: ignore[attr-defined]
    assert not re.search("Ada|example.com", str([vars(one) for one in caplog.records]))
