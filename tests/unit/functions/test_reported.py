"""What alarms rely on: each result is counted under its own metric, and what is due has its age."""

import importlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from ledger import webhook
from ledger.domain.domain_events import ApprovedRefundChanged, MailListed, RefundIntentListed, RenewalStopListed
from ledger.domain.errors import StoreUnavailable
from ledger.domain.facts import RefundState
from ledger.domain.receipts import RecordOutcome
from ledger.runtime import Runtime
from ledger.usecases.record_event import RecordResult
from ledger.usecases.send_mails import MailResult
from ledger.usecases.send_refunds import SendResult
from ledger.usecases.stop_renewals import StopResult
from ledger.usecases.sweep import Round
from tests.unit.functions import test_webhook
from tests.unit.functions.test_jobs import approved, metrics, reported, run, services
from tests.unit.functions.test_webhook import counted
from tests.unit.usecases.test_due_withdrawals import withdraw
from tests.unit.usecases.test_sending_mails import ordered, pay
from tools.testing.builders import ADA, LATER, PI, at, dispute, event_of, paid, record_events
from tools.testing.domain_events import delivered, queued
from tools.testing.fakes import FakeStore

__all__ = ["services"]  # the fixture of the jobs

INTENT = delivered(RefundIntentListed(tag="case_1-1", account_id=ADA, payment_id=PI))
STOP = delivered(RenewalStopListed(subscription_id="stripe:sub_1", account_id=ADA, payment_id=PI, since=LATER))
MAIL = delivered(MailListed(mail_id="mail_1"))

JOBS: dict[tuple[str, str], dict[Any, str]] = {
    ("send_refunds", "send_refund"): {
        SendResult.SENT: "RefundsSent",
        SendResult.FOUND: "RefundsFound",
        SendResult.ABANDONED: "RefundsAbandoned",
        SendResult.ENDED: "RefundsEndedBefore",
        SendResult.LEASED: "RefundsLeased",
        SendResult.UNCLEAR: "RefundsUnclear",
    },
    ("send_refunds", "stop_renewals"): {
        StopResult.STOPPED: "RenewalsStopped",
        StopResult.NOT_NEEDED: "RenewalStopsNotNeeded",
        StopResult.DONE_BEFORE: "RenewalStopsDoneBefore",
    },
    ("send_mails", "send_mail"): {
        MailResult.SENT: "MailsSent",
        MailResult.REFUSED: "MailsRefused",
        MailResult.OUTDATED: "MailsOutdated",
        MailResult.OFF: "MailsOff",
        MailResult.ENDED: "MailsEndedBefore",
        MailResult.LEASED: "MailsLeased",
        MailResult.NO_ADDRESS: "MailsLackingAddress",
        MailResult.PACED: "MailsPaced",
        MailResult.UNCLEAR: "MailsUnclear",
        MailResult.FAILED: "MailsFailed",
    },
}
EVENTS = {"send_refund": INTENT, "stop_renewals": STOP, "send_mail": MAIL}
OUTCOMES = {
    RecordOutcome.BOOKED: "BookedEvents",
    RecordOutcome.ALREADY_BOOKED: "AlreadyBookedEvents",
    RecordOutcome.WAITING: "WaitingEvents",
    RecordOutcome.NOTED: "NotedEvents",
    RecordOutcome.PARKED: "ParkedEvents",
}


@pytest.fixture(name="webhooks")
def _webhooks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    yield from test_webhook.services.__wrapped__(monkeypatch)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("job", "result", "metric"),
    [(job, result, metric) for job, results in JOBS.items() for result, metric in results.items()],
    ids=str,
)
@pytest.mark.usefixtures("services")
def test_each_result_of_a_message_is_counted_under_its_own_name(
    job: tuple[str, str], result: Any, metric: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two of them, and nothing else: what is refused or abandoned raises its alarm, what was sent does not."""
    function, act = job
    monkeypatch.setattr(importlib.import_module(f"functions.{function}.app"), act, lambda *_, **__: result)
    assert run(function, queued(EVENTS[act], EVENTS[act])) == {"batchItemFailures": []}
    assert counted(capsys.readouterr().out) == {metric: 2}


def test_the_schedules_count_the_same(
    services: Runtime, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A round counts its results too."""
    services.store = store = FakeStore()
    approved(services, PI, 60)
    app = importlib.import_module("functions.send_refunds.app")
    monkeypatch.setattr(app, "send_refund", lambda *_, **__: SendResult.ABANDONED)
    assert run("send_refunds") == {"outcomes": {"abandoned": 1}}
    assert counted(capsys.readouterr().out)["RefundsAbandoned"] == 1
    pay(store, ordered(store))
    app = importlib.import_module("functions.send_mails.app")
    monkeypatch.setattr(app, "send_mail", lambda *_, **__: MailResult.REFUSED)
    assert run("send_mails", {app.CONFIRM_ORDERS: True}) == {"outcomes": {"refused": 2}}, "the decision is told too"
    assert counted(capsys.readouterr().out)["MailsRefused"] == 2


@pytest.mark.parametrize(("outcome", "metric"), OUTCOMES.items(), ids=str)
def test_each_outcome_of_a_delivery_is_counted_under_its_own_name(
    webhooks: Runtime,
    outcome: RecordOutcome,
    metric: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And logged under its name."""
    monkeypatch.setattr(webhook, "record_event", lambda *_, **__: RecordResult(outcome))
    answer = webhook.handle("payment_succeeded", test_webhook.request(), webhooks)
    assert answer["statusCode"] == 200
    output = capsys.readouterr().out
    assert counted(output) == {metric: 1}
    assert test_webhook.logged(output)["message"] == outcome


def test_the_age_of_what_the_law_wants_back_is_reported_before_anything_is_done(
    services: Runtime, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each hour, also if the round itself fails; not by the frequent round, which only decides."""

    def ages() -> list[float]:
        return metrics(capsys.readouterr().out, "OldestWithdrawalAge")

    run("follow_cases")
    assert ages() == [0]
    services.store = store = FakeStore()
    record_events(store, paid())
    withdraw(store, PI, 20)
    services.clock = lambda: at(30) + timedelta(days=8)
    run("follow_cases")
    assert ages() == [8 * 24 * 3600]
    run("follow_cases", {"decide_only": True})
    assert ages() == []
    reports: list[list[float]] = []

    def follow_all(*_: object, **__: object) -> None:
        reports.append(ages())
        raise StoreUnavailable("throttled")

    monkeypatch.setattr("functions.follow_cases.app.follow_all", follow_all)
    with pytest.raises(StoreUnavailable):
        run("follow_cases")
    assert reports == [[8 * 24 * 3600]], "before the round, which Lambda may end"


def test_what_waits_for_its_payment_is_counted_before_the_round(
    services: Runtime, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else a round that takes too long hides it."""
    record_events(services.store, event_of(dispute(minute=0), names=(PI,)))
    services.clock = lambda: at(120)
    reports: list[list[float]] = []

    def release_all(*_: object, **__: object) -> None:
        reports.append(metrics(capsys.readouterr().out, "WaitingPayments"))
        raise StoreUnavailable("throttled")

    monkeypatch.setattr("functions.release_parked.app.release_all", release_all)
    with pytest.raises(StoreUnavailable):
        run("release_parked")
    assert reports == [[1]]


def test_a_round_is_made_although_the_one_before_it_failed(services: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cases that are due are decided while refunds can't be followed, and parked events tried while none is listed.

    The job fails all the same.
    """
    done: list[str] = []

    def fail(*_: object, **__: object) -> None:
        raise StoreUnavailable("throttled")

    def decide(*_: object, **__: object) -> list[object]:
        done.append("decided")
        return []

    def release(*_: object, **__: object) -> Round[object, object]:
        done.append("released")
        return Round((), (), ())

    monkeypatch.setattr("functions.follow_cases.app.follow_all", fail)
    monkeypatch.setattr("functions.follow_cases.app.decide_deferred", decide)
    monkeypatch.setattr(services.store, "waiting_payments", fail)
    monkeypatch.setattr("functions.release_parked.app.release_all", release)
    for function in ("follow_cases", "release_parked"):
        with pytest.raises(StoreUnavailable):
            run(function)
    assert done == ["decided", "released"]


def test_refunds_under_way_are_counted_with_the_age_of_the_oldest(
    services: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    """From when each was approved or changed, until it has ended. A provider that forgets one is noticed."""
    older = approved(services, PI, 60)
    approved(services, "stripe:pi_2", 61)
    services.clock = lambda: at(60) + timedelta(days=15)

    def figures() -> tuple[list[float], list[float]]:
        run("follow_cases")
        output = capsys.readouterr().out
        return metrics(output, "RefundsUnderWay"), metrics(output, "OldestRefundAge")

    days_s = 15 * 24 * 3600
    assert figures() == ([2], [days_s])
    reported(services, older, RefundState.SUCCEEDED, 80)
    run("follow_cases", delivered(ApprovedRefundChanged(payment_id=PI)))
    capsys.readouterr()
    assert figures() == ([1], [days_s - 60])
