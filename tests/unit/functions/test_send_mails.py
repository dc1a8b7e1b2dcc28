"""The function that sends mails: its queue, its two schedules, and what it reports."""

import importlib
import logging
from collections.abc import Iterator
from datetime import timedelta
from threading import Event

import pytest

from functions.send_mails.app import CONFIRM_ORDERS, REMIND
from ledger.domain.domain_events import MailListed, OrderPaid, RefundIntentListed
from ledger.domain.errors import MailUnavailable, StoreUnavailable
from ledger.domain.ids import PaymentId
from ledger.domain.mails import RECEIPTS, MailKind, mail_id_of
from ledger.ports.commit import Commit
from ledger.ports.documents import mail_shard
from ledger.runtime import Runtime, runtime
from ledger.usecases.list_mails import list_mail
from ledger.usecases.send_mails import MailResult
from tests.contract.test_orders_terms import Shop
from tests.unit.functions.test_jobs import Context, metrics, run
from tests.unit.test_ses import BOUNCED, event
from tests.unit.usecases.test_sending_mails import Postbox, bought, order_of, ordered, pay
from tools.testing.builders import ADA, NOON
from tools.testing.domain_events import delivered, queued
from tools.testing.fakes import FakeStore


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """A runtime over a store in memory, with a mail service in memory."""
    for name, value in {"TABLE_NAME": "ledger", "PROVIDER_MODE": "test", "POWERTOOLS_METRICS_NAMESPACE": "t"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    runtime.cache_clear()
    services = runtime()
    services.store, services.clock, services.mailer = FakeStore(), lambda: NOON + timedelta(hours=1), Postbox()
    yield services
    runtime.cache_clear()


def sent(services: Runtime) -> list[str]:
    """The ids of the mails that were sent."""
    assert isinstance(services.mailer, Postbox)
    return [message.mail_id for message in services.mailer.messages]


def test_a_paid_order_is_confirmed_by_its_event_however_often_it_is_delivered(services: Runtime) -> None:
    """The event of the payment, and that of the mail which it lists: one mail."""
    order = ordered(services.store)
    paid = delivered(OrderPaid(order_id=order.order_id, account_id=ADA))
    assert run("send_mails", queued(paid)) == {"batchItemFailures": []}, "it is not paid yet"
    pay(services.store, order)
    assert run("send_mails", queued(paid, paid)) == {"batchItemFailures": []}
    (mail_id,) = sent(services)
    assert run("send_mails", queued(paid, delivered(MailListed(mail_id=mail_id)))) == {"batchItemFailures": []}
    assert sent(services) == [mail_id]


def test_the_schedules_do_the_same_without_events(services: Runtime, capsys: pytest.CaptureFixture[str]) -> None:
    """One lists what was paid, and sends it; the other sends what is listed, and reports its age."""
    order = ordered(services.store)
    pay(services.store, order)
    assert run("send_mails") == {"outcomes": {}}
    assert run("send_mails", {CONFIRM_ORDERS: True}) == {"outcomes": {"sent": 1}}
    assert len(sent(services)) == 1
    output = capsys.readouterr().out
    assert metrics(output, "OldestItemAge") == [0, 0]
    assert (metrics(output, "AwaitedOrders"), metrics(output, "OldestAwaitedOrderAge")) == ([1], [3600])
    assert sum(metrics(output, "MailsSent")) == 1


@pytest.mark.parametrize(("schedule", "hours"), [(CONFIRM_ORDERS, 1), (REMIND, 24)])
def test_a_list_that_was_not_made_whole_fails_the_job_after_what_is_listed_was_sent(
    services: Runtime, monkeypatch: pytest.MonkeyPatch, schedule: str, hours: int
) -> None:
    """Else nobody would hear of it: what was never listed has no age."""
    _, mail_id = bought(services.store)
    Shop(services.store, "stripe", "creator_monthly").order("key_plan", now=NOON)
    services.clock = lambda: NOON + timedelta(hours=hours)

    def refused(*_: object, **__: object) -> None:
        raise StoreUnavailable("throttled")

    monkeypatch.setattr("ledger.usecases.confirm_orders.list_confirmation", refused)
    monkeypatch.setattr("ledger.usecases.remind.look_at", refused)
    with pytest.raises(StoreUnavailable):
        run("send_mails", {schedule: True})
    assert mail_id in sent(services)


def test_a_message_of_another_kind_or_version_is_kept_as_a_dead_letter(
    services: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    """It holds up no other, and is counted."""
    _, mail_id = bought(services.store)
    other = delivered(RefundIntentListed(tag="case_1-1", account_id=ADA, payment_id=PaymentId("stripe:pi_1")))
    newer = delivered(MailListed(mail_id=mail_id))
    newer["detail"]["version"] = 2
    batch = queued(other, newer, delivered(MailListed(mail_id=mail_id)))
    failed = run("send_mails", batch)["batchItemFailures"]
    assert [one["itemIdentifier"] for one in failed] == sorted(one["messageId"] for one in batch["Records"][:2])
    assert sent(services) == [mail_id]
    assert sum(metrics(capsys.readouterr().out, "FailedItems")) == 2


def test_what_waits_for_an_address_is_counted_and_is_no_late_mail(
    services: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is looked at again in one hour of the day, and never stops the others."""
    _, mail_id = bought(services.store, email=None)
    assert run("send_mails") == {"outcomes": {"no_address": 1}}
    capsys.readouterr()
    hours = []
    for hour in range(24):
        services.clock = lambda hour=hour: NOON.replace(hour=hour)  # type: ignore[misc]
        if run("send_mails") != {"outcomes": {}}:
            hours.append(hour)
    assert hours == [mail_shard(mail_id)]
    output = capsys.readouterr().out
    assert set(metrics(output, "OldestItemAge")) == {0}
    assert set(metrics(output, "MailsWithoutAddress")) == {1}


def test_a_mail_that_can_not_be_written_holds_up_no_other(
    services: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is of a kind whose writer fails; the job fails at its end, and its age is reported."""
    broken = list_mail(MailKind.CASE_UPDATE, "case_0/1", ADA, NOON)
    services.store.commit(Commit(documents=(broken,)))
    bought(services.store)
    with pytest.raises(Exception, match="case"):
        run("send_mails")
    assert len(sent(services)) == 1
    output = capsys.readouterr().out
    assert metrics(output, "OldestItemAge") == [3600]
    assert sum(metrics(output, "FailedItems")) == 1


@pytest.mark.parametrize("kind", sorted(RECEIPTS))
def test_mails_that_take_long_hold_up_no_receipt(
    services: Runtime, monkeypatch: pytest.MonkeyPatch, kind: MailKind
) -> None:
    """The law wants a receipt at once. However many older mails wait, a worker is left for it."""
    others = [list_mail(MailKind.CASE_UPDATE, f"case_{number}/1", ADA, NOON) for number in range(20)]
    services.store.commit(Commit(documents=(*others, list_mail(kind, "a", ADA, NOON + timedelta(minutes=1)))))
    receipt, is_sent = mail_id_of(kind, "a"), Event()

    def send(mail_id: str, *_: object, **__: object) -> MailResult:
        if mail_id == receipt:
            is_sent.set()
        return MailResult.SENT if is_sent.wait(20) else MailResult.UNCLEAR

    monkeypatch.setattr("functions.send_mails.app.send_mail", send)
    assert run("send_mails") == {"outcomes": {"sent": 21}}


def test_a_mail_service_that_is_down_is_noticed(services: Runtime, capsys: pytest.CaptureFixture[str]) -> None:
    """The mail stays; nothing fails; the metric says how often."""
    bought(services.store)
    services.mailer = Postbox(faults=[MailUnavailable("down")])
    assert run("send_mails") == {"outcomes": {"unclear": 1}}
    assert sum(metrics(capsys.readouterr().out, "MailsUnclear")) == 1


class Kept(logging.Handler):
    """Keeps all that a log line is made from."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(str(record.__dict__))


def test_no_address_is_in_a_log_line(services: Runtime) -> None:
    """Nor the subject, nor what was written: the mail's id and its outcome."""
    kept = Kept()
    services.logger.setLevel("INFO")
    services.logger.addHandler(kept)
    _, mail_id = bought(services.store)
    services.mailer = Postbox(faults=[MailUnavailable("down")])
    run("send_mails")
    services.clock = lambda: NOON + timedelta(hours=2)
    run("send_mails")
    assert sum(mail_id in line for line in kept.lines) == 2
    assert not [line for line in kept.lines if "ada@example.com" in line or "1,000 credits" in line]


def test_what_the_store_refuses_or_the_time_leaves_is_delivered_again(
    services: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue keeps a mail, a payment and a bounce until it is done. Any other trouble is the schedule's to retry."""
    order, mail_id = bought(services.store)
    bounce = event("Email Bounced", BOUNCED, tags={"mail_id": [mail_id]}, message_id="message_1")
    paid = delivered(OrderPaid(order_id=order.order_id, account_id=ADA))
    batch = queued(delivered(MailListed(mail_id=mail_id)), paid, bounce)
    everything = {"batchItemFailures": [{"itemIdentifier": f"{number}"} for number in range(3)]}

    def refuse(*_: object) -> None:
        raise StoreUnavailable("throttled")

    with monkeypatch.context() as down:
        down.setattr(services.store, "commit", refuse)
        down.setattr(services.store, "read", refuse)
        assert run("send_mails", batch) == everything
    assert sent(services) == []
    assert run("send_mails", batch, Context(19_000)) == everything, "a mail may take twenty seconds"
    left = run("send_mails", batch, Context(45_000, 19_000))
    assert left == {"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "2"}]}
    assert sent(services) == [mail_id]
    app = importlib.import_module("functions.send_mails.app")
    monkeypatch.setattr(app, "send_mail", lambda *_, **__: 1 / 0)
    assert run("send_mails", batch) == {"batchItemFailures": []}


def test_a_bounce_is_recorded_and_counted(services: Runtime, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is in the same batch; a report that does not count is done with."""
    order, mail_id = bought(services.store)
    run("send_mails")
    capsys.readouterr()
    bounce, transient = (
        event("Email Bounced", {**BOUNCED, "bounceType": kind}, tags={"mail_id": [mail_id]}, message_id="message_1")
        for kind in ("Permanent", "Transient")
    )
    assert run("send_mails", queued(bounce, transient)) == {"batchItemFailures": []}
    assert sum(metrics(capsys.readouterr().out, "MailsFailed")) == 1
    consent = order_of(services.store, order.order_id).consent
    assert consent
    assert not consent.is_complete


def test_a_schedule_looks_at_the_plans_whose_day_has_come(
    services: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    """It reports how long the oldest has waited, and new prices that came too late."""
    Shop(services.store, "stripe", "creator_monthly").order(now=NOON)
    assert run("send_mails", {REMIND: True}) == {"outcomes": {}}
    services.clock = lambda: NOON + timedelta(days=1)
    assert run("send_mails", {REMIND: True}) == {"outcomes": {}}
    output = capsys.readouterr().out
    assert (metrics(output, "PlansToLookAt"), metrics(output, "OldestPlanToLookAtAge")) == ([0, 1], [0, 12 * 3600])
    assert metrics(output, "LatePriceChanges") == [0, 0]
