"""The functions that a schedule, the bus or a queue starts, over a store in memory."""

import importlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest

from ledger.domain.domain_events import RefundIntentListed, RenewalStopListed
from ledger.domain.errors import (
    ConfigurationError,
    ProviderRefused,
    ProviderUnavailable,
    StoreUnavailable,
    UnreadableItem,
)
from ledger.domain.facts import DisputeState, RefundState
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.refund_cases import CaseState, RefundCase, RefundReason
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.renewal_stops import RenewalStop
from ledger.domain.subscriptions import SubscriptionState
from ledger.job import JobWatch
from ledger.ports.commit import Commit, Refusal
from ledger.ports.gateway import RefundToSend, SentRefund
from ledger.ports.reads import Keys
from ledger.runtime import Runtime, runtime
from ledger.usecases.incidents.begin import IncidentRequest
from ledger.usecases.index_names import index_failed_run
from ledger.usecases.refund_cases.cases import read_case
from ledger.usecases.usage import draw_credits, fail_run
from tests.contract.test_cases import HALF
from tools.template import jobs, load
from tools.testing.builders import (
    LATER,
    POLICY,
    RENEWED,
    at,
    dispute,
    event_of,
    paid,
    payment,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.domain_events import Delivered, delivered, queued
from tools.testing.fakes import FakeProvider, FakeStore
from tools.testing.unguarded import begin_incident, decide_case

METRICS = "CloudWatchMetrics"


class Context:
    """What Lambda tells a function about its invocation: it has time for so many questions."""

    def __init__(self, *remaining_ms: int) -> None:
        self._remaining_ms = list(remaining_ms)

    def get_remaining_time_in_millis(self) -> int:
        return self._remaining_ms.pop(0) if self._remaining_ms else 0


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """A runtime over a store in memory, in which only Stripe can be called: nobody has put Paddle's key."""
    given = {"TABLE_NAME": "ledger", "PROVIDER_MODE": "test", "REFUNDS_PAUSED": "false"}
    for name, value in (given | {"POWERTOOLS_METRICS_NAMESPACE": "t"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    runtime.cache_clear()
    services = runtime()
    services.store, services.clock = FakeStore(), lambda: LATER
    services._gateways["stripe"] = ("", FakeProvider())  # noqa: SLF001 - no provider is asked by a test
    yield services
    runtime.cache_clear()


def run(function: str, event: dict[str, Any] | None = None, context: object = None) -> Any:
    """Run a function; without an event, as its schedule does."""
    return importlib.import_module(f"functions.{function}.app").lambda_handler(event or {}, context)


def approved(services: Runtime, payment_id: str, minute: float) -> RefundCase:
    """Half of a pack is to go back, since so many minutes after noon."""
    name = PaymentId(payment_id)
    record_events(services.store, replace(paid(payment(name)), event_id=f"evt_{payment_id}"))
    case = request_refund(services.store, refund_claim(payment_id=name, key=payment_id), minute=minute)
    return decide_case(case.case_id, HALF, "sam", services.store, POLICY, now=at(minute))


def listed(case: RefundCase) -> Delivered:
    """The event of the case's intent."""
    return delivered(RefundIntentListed(tag=case.tag, account_id=case.account_id, payment_id=case.payment_id))


def metrics(output: str, name: str) -> list[float]:
    """The values of one metric in what a function printed."""
    lines = [json.loads(line) for line in output.splitlines() if METRICS in line]
    return [value for line in lines for value in line.get(name, [])]


def test_a_missing_key_of_one_provider_delays_no_refund_of_the_other(
    services: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    """Paddle's refunds are the oldest. Stripe's four are sent, Paddle's stay, age is reported, and the job fails."""
    paddles = [approved(services, f"paddle:txn_{number}", 60 + number) for number in range(2)]
    for number in range(4):
        approved(services, f"stripe:pi_{number}", 70 + number)
    with pytest.raises(ConfigurationError, match="Paddle"):
        run("send_refunds")
    assert {intent.tag for intent in services.store.outbox()} == {case.tag for case in paddles}
    output = capsys.readouterr().out
    assert metrics(output, "OldestItemAge") == [(LATER - at(60)).total_seconds()]
    assert metrics(output, "Backlog") == [6]
    assert sum(metrics(output, "RefundsSent")) == 4
    assert sum(metrics(output, "FailedItems")) == 2


def test_a_batch_of_the_queue_sends_what_it_can_and_leaves_a_missing_key_to_the_schedule(services: Runtime) -> None:
    """The queue is not held up: the schedule tries Paddle's refund again, and fails until there is a key."""
    cases = [approved(services, "paddle:txn_1", 60), approved(services, "stripe:pi_1", 61)]
    assert run("send_refunds", queued(*map(listed, cases))) == {"batchItemFailures": []}
    assert {intent.tag for intent in services.store.outbox()} == {cases[0].tag}


def test_a_round_that_lambda_stops_has_reported_what_waits(
    services: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    """The backlog and its age are written before the first item is begun: an alarm sees a job that never ends."""
    approved(services, "stripe:pi_1", 60)
    written: list[str] = []

    class Slow(FakeProvider):
        def send_refund(self, refund: RefundToSend) -> SentRefund:
            written.append(capsys.readouterr().out)
            return super().send_refund(refund)

    services._gateways["stripe"] = ("", Slow())  # noqa: SLF001
    run("send_refunds")
    assert (metrics(written[0], "OldestItemAge"), metrics(written[0], "Backlog")) == (
        [(LATER - at(60)).total_seconds()],
        [1],
    )


def test_a_job_ends_before_lambda_ends_it(services: Runtime) -> None:
    """What is left is the next round's; the oldest was sent."""
    cases = [approved(services, f"stripe:pi_{number}", 60 + number) for number in range(3)]
    assert run("send_refunds", context=Context(45_000, 19_000)) == {"outcomes": {"sent": 1}}
    assert {intent.tag for intent in services.store.outbox()} == {case.tag for case in cases[1:]}


def test_refunds_that_fail_for_ever_and_take_all_the_time_delay_no_other(services: Runtime) -> None:
    """They are the oldest, and a provider takes all the time of a round: the next one begins behind them."""
    cases = [approved(services, f"stripe:pi_{number}", 60 + number) for number in range(3)]
    stuck = {cases[0].payment_id, cases[1].payment_id}

    class Stuck(FakeProvider):
        def send_refund(self, refund: RefundToSend) -> SentRefund:
            if refund.names & stuck:
                raise ProviderUnavailable("no answer")
            return super().send_refund(refund)

    services._gateways["stripe"] = ("", Stuck())  # noqa: SLF001
    for number in range(2):
        services.clock = lambda number=number: LATER + timedelta(minutes=5 * number)  # type: ignore[misc]
        with suppress(ProviderUnavailable):
            run("send_refunds", context=Context(45_000, 45_000))
    assert {intent.tag for intent in services.store.outbox()} == {case.tag for case in cases[:2]}


def test_a_pause_sends_nothing_reports_the_age_and_ends(services: Runtime, capsys: pytest.CaptureFixture[str]) -> None:
    """The table was restored: the queue's messages and the schedule's rounds leave the outbox as it is."""
    case = approved(services, "stripe:pi_1", 60)
    services.config = replace(services.config, is_paused=True)
    assert run("send_refunds", queued(listed(case))) == {"batchItemFailures": []}
    assert run("send_refunds") == {"outcomes": {"paused": 1}}
    assert metrics(capsys.readouterr().out, "OldestItemAge") == [(LATER - at(60)).total_seconds()]
    services.config = replace(services.config, is_paused=False)
    assert run("send_refunds") == {"outcomes": {"sent": 1}}


def lost(services: Runtime, number: int, provider: str = "stripe") -> RenewalStop:
    """A dispute takes the payment of a subscription, so many minutes after noon: its renewals are to be stopped."""
    name = PaymentId(f"{provider}:in_{number}")
    period = f"period/{provider}:sub_{number}/2026-11-01T00:00:00Z"
    renewed = replace(RENEWED, payment_id=name, subscription_id=f"{provider}:sub_{number}", fulfilment_key=period)
    record_events(services.store, paid(renewed), now=at(number))
    fact = dispute(DisputeState.LOST, dispute_id=f"dp_{provider}_{number}")
    record_events(services.store, event_of(fact, names=(name,)), now=at(number))
    return next(stop for stop in services.store.renewal_stops() if stop.payment_id == name)


def test_each_list_of_each_provider_has_a_worker_of_its_own(services: Runtime) -> None:
    """A provider that does not respond holds up neither the other one nor its own other list."""
    meeting = Barrier(4, timeout=20)

    class Slow(FakeProvider):
        def send_refund(self, refund: RefundToSend) -> SentRefund:
            meeting.wait()
            return super().send_refund(refund)

        def stop_renewals(self, subscription_id: str) -> SubscriptionState:
            meeting.wait()
            return super().stop_renewals(subscription_id)

    for number, (provider, own_id) in enumerate({"stripe": "stripe:pi_1", "paddle": "paddle:txn_1"}.items()):
        services._gateways[provider] = ("", Slow())  # noqa: SLF001
        approved(services, own_id, 60 + number)
        lost(services, 10 + number, provider)
    assert run("send_refunds") == {"outcomes": {"sent": 2, "stopped": 2}}


def test_the_schedule_stops_renewals_and_one_that_goes_on_delays_nothing(
    services: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is reported with its age, the job fails, and the next round tries it again; refunds have their turn."""
    services._gateways["stripe"] = ("", provider := FakeProvider())  # noqa: SLF001
    stuck, stopped = lost(services, 1), lost(services, 2)
    case = approved(services, "stripe:pi_1", 60)
    provider.stop_faults = [ProviderRefused("not_active", "It is paused.")]
    with pytest.raises(ProviderRefused):
        run("send_refunds")
    assert list(services.store.renewal_stops()) == [stuck]
    assert provider.stopped == {stopped.subscription_id}
    assert state_of(services, case) is CaseState.ISSUED
    output = capsys.readouterr().out
    assert metrics(output, "OldestItemAge") == [(LATER - at(1)).total_seconds()]
    assert (metrics(output, "Backlog"), metrics(output, "FailedItems")) == ([3], [1])
    assert metrics(output, "RenewalsStopped") == [1]
    assert run("send_refunds") == {"outcomes": {"stopped": 1}}
    assert list(services.store.renewal_stops()) == []


def test_a_missing_key_of_one_provider_delays_no_stop_of_the_other(services: Runtime) -> None:
    """Paddle's stays until there is a key."""
    paddles, _ = lost(services, 1, "paddle"), lost(services, 2)
    with pytest.raises(ConfigurationError, match="Paddle"):
        run("send_refunds")
    assert list(services.store.renewal_stops()) == [paddles]


def test_the_queue_stops_renewals_at_once_and_a_pause_does_not(services: Runtime) -> None:
    """The event names the document. In a pause it stays in its list, for the schedule after it."""
    stop = lost(services, 1)
    message = queued(
        delivered(
            RenewalStopListed(
                subscription_id=stop.subscription_id,
                account_id=stop.account_id,
                payment_id=stop.payment_id,
                since=stop.since,
            )
        )
    )
    services.config = replace(services.config, is_paused=True)
    assert run("send_refunds", message) == {"batchItemFailures": []}
    assert run("send_refunds") == {"outcomes": {"paused": 1}}
    assert list(services.store.renewal_stops()) == [stop]
    services.config = replace(services.config, is_paused=False)
    assert run("send_refunds", message) == {"batchItemFailures": []}
    assert list(services.store.renewal_stops()) == []
    assert run("send_refunds", message) == {"batchItemFailures": []}


def test_a_list_that_cannot_be_read_whole_hides_nothing_of_the_other(services: Runtime) -> None:
    """An intent is of a newer release: the renewals are stopped all the same, and the job fails."""
    lost(services, 1)

    class Newer(FakeStore):
        def outbox(self) -> Iterator[RefundIntent]:
            yield from super().outbox()
            raise UnreadableItem("1 items can't be read by this release: see the log")

    store = Newer()
    store.__dict__.update(services.store.__dict__)
    services.store = store
    with pytest.raises(UnreadableItem):
        run("send_refunds")
    assert list(services.store.renewal_stops()) == []


def test_outside_lambda_there_is_always_time(services: Runtime) -> None:
    """The local server gives no context."""
    assert JobWatch(services, None).has_time()


class Refuses(FakeStore):
    """A store that can't write one account, or this one's cases."""

    refused = AccountId("acct_none")

    def commit(self, commit: Commit) -> Refusal | None:
        if commit.account and commit.account.account_id == self.refused:
            raise StoreUnavailable("throttled")
        return super().commit(commit)


def test_one_account_that_cannot_be_written_delays_no_expiry_and_is_tried_again(services: Runtime) -> None:
    """The cursor stays at the day of the account that failed."""
    services.store = store = Refuses()
    accounts = [AccountId(f"acct_{number}") for number in range(3)]
    for number, account_id in enumerate(accounts):
        settled = payment(PaymentId(f"stripe:pi_{number}"), account_id=account_id, expires_at=LATER - timedelta(days=2))
        record_events(store, paid(settled), now=at(1))
    store.refused = accounts[0]
    with pytest.raises(StoreUnavailable):
        run("expire_credits")
    assert [balance(store, account_id) for account_id in accounts] == [1000, 0, 0]
    store.refused = AccountId("acct_none")
    assert run("expire_credits") == {"accounts": 1, "credits": 1000}


def test_expiry_continues_where_the_time_ended(services: Runtime) -> None:
    """One account a round: after a few rounds all are expired."""
    accounts = [AccountId(f"acct_{number}") for number in range(3)]
    for number, account_id in enumerate(accounts):
        expires_at = LATER - timedelta(days=6 - 2 * number)
        settled = payment(PaymentId(f"stripe:pi_{number}"), account_id=account_id, expires_at=expires_at)
        record_events(services.store, paid(settled), now=at(1))
    for _ in range(5):
        run("expire_credits", context=Context(300_000, 300_000, 300_000, 1))
    assert [balance(services.store, account_id) for account_id in accounts] == [0, 0, 0]


@pytest.mark.parametrize("function", jobs(load()))
def test_a_job_reports_what_it_counted_though_it_fails(
    services: Runtime, capsys: pytest.CaptureFixture[str], function: str
) -> None:
    """And so does one that ends. A metric that is not published raises no alarm."""

    class Down:
        """A store that can't be reached, and how often somebody tried."""

        asked = 0

        def __getattr__(self, name: str) -> Any:
            self.asked += 1
            services.metrics.add_metric("Asked", "Count", 1)
            raise StoreUnavailable(name)

    services.store = down = Down()
    with pytest.raises((StoreUnavailable, ExceptionGroup)):
        run(function)
    assert sum(metrics(capsys.readouterr().out, "Asked")) == down.asked > 0


def test_one_deferred_case_that_fails_delays_no_other(services: Runtime) -> None:
    """The other is decided; the job fails, and decides the first in its next round."""
    services.store = store = Refuses()
    accounts = [AccountId(f"acct_{number}") for number in range(2)]
    cases = []
    for number, account_id in enumerate(accounts):
        name = PaymentId(f"stripe:pi_{number}")
        record_events(store, paid(payment(name, account_id=account_id, minute=50 + number)))
        claim = refund_claim(RefundReason.CHARGED_TWICE, payment_id=name, account_id=account_id, key=f"k{number}")
        cases.append(request_refund(store, claim, minute=55))
    assert len(list(store.deferred_cases())) == 2, "the test needs cases that wait"
    store.refused = accounts[0]
    with pytest.raises(StoreUnavailable):
        run("follow_cases")
    assert [queued.case_id for queued in store.deferred_cases()] == [cases[0].case_id]
    store.refused = AccountId("acct_none")
    assert list(run("follow_cases")["moved"]) == [cases[0].case_id]


def test_one_incident_that_fails_delays_no_other_and_its_job_fails(services: Runtime) -> None:
    """Else no alarm would tell that customers wait for what they were promised."""
    services.store = store = Refuses()
    accounts = [AccountId(f"acct_{number}") for number in range(2)]
    for number, account_id in enumerate(accounts):
        record_events(store, paid(payment(PaymentId(f"stripe:pi_{number}"), account_id=account_id)))
        draw_credits(account_id, "run_1", 5, store, now=at(10 * number + 1))
        fail_run(account_id, "run_1", store, now=at(10 * number + 2))
        index_failed_run(account_id, "run_1", at(10 * number + 2), store)
        began, ended = at(10 * number), at(10 * number + 5)
        stood_still = IncidentRequest(
            since=began, until=ended, credits=5, reason="It stood still.", actor="sam", key=f"k{number}"
        )
        begin_incident(stood_still, store, now=at(30 + number))
    store.refused = accounts[0]
    with pytest.raises(StoreUnavailable):
        run("replace_failed_runs")
    assert [balance(store, account_id) for account_id in accounts] == [1000, 1005]
    store.refused = AccountId("acct_none")
    run("replace_failed_runs")
    assert [balance(store, account_id) for account_id in accounts] == [1005, 1005]


def reported(services: Runtime, case: RefundCase, state: RefundState, minute: float) -> None:
    """The provider's webhook reports the refund's state. The domain event of it is lost."""
    fact = replace(refund(1000, state=state, minute=minute), tag=case.tag)
    record_events(services.store, event_of(fact, names=(case.payment_id,)))


def state_of(services: Runtime, case: RefundCase) -> CaseState:
    """The state of a case, as it is stored."""
    return read_case(case.account_id, case.case_id, services.store).state


def a_day_of(function: str, services: Runtime) -> list[Any]:
    """The answers of a job in each hour of a day."""
    answers = []
    for hour in range(24):
        services.clock = lambda hour=hour: LATER + timedelta(hours=hour)  # type: ignore[misc]
        answers.append(run(function))
    return answers


@pytest.mark.parametrize(
    ("state", "becomes"), [(RefundState.FAILED, CaseState.IN_REVIEW), (RefundState.SUCCEEDED, CaseState.REFUNDED)]
)
def test_a_refund_whose_change_the_bus_did_not_deliver_is_followed_by_the_schedule(
    services: Runtime, state: RefundState, becomes: CaseState
) -> None:
    """It was issued, and then failed or succeeded: the next round finds it."""
    case = approved(services, "stripe:pi_1", 60)
    run("send_refunds")
    assert state_of(services, case) is CaseState.ISSUED
    reported(services, case, state, 80)
    assert run("follow_cases", {"decide_only": True}) == {"moved": {}}, "the frequent round only decides"
    assert run("follow_cases") == {"moved": {case.case_id: becomes}}
    assert state_of(services, case) is becomes
    assert run("follow_cases") == {"moved": {}}


def test_a_refund_that_fails_after_it_succeeded_is_followed_within_a_day(services: Runtime) -> None:
    """The customer's bank sent it back: a person decides, although the event of it is lost."""
    case = approved(services, "stripe:pi_1", 60)
    run("send_refunds")
    reported(services, case, RefundState.SUCCEEDED, 80)
    run("follow_cases")
    reported(services, case, RefundState.FAILED, 90)
    moved = [answer["moved"] for answer in a_day_of("follow_cases", services) if answer["moved"]]
    assert moved == [{case.case_id: CaseState.IN_REVIEW}]


def test_a_refund_that_was_given_up_and_was_sent_after_all_is_followed_within_a_day(services: Runtime) -> None:
    """The provider reports it later: the case leaves the review queue, although the event of it is lost."""
    case = approved(services, "stripe:pi_1", 60)
    services._gateways["stripe"] = ("", FakeProvider(faults=[ProviderRefused("lost", "It was done all the same.")]))  # noqa: SLF001
    run("send_refunds")
    assert state_of(services, case) is CaseState.IN_REVIEW
    reported(services, case, RefundState.SUCCEEDED, 80)
    moved = [answer["moved"] for answer in a_day_of("follow_cases", services) if answer["moved"]]
    assert moved == [{case.case_id: CaseState.REFUNDED}]
    assert not services.store.review_queue(10).items


def test_an_intent_whose_event_was_lost_is_sent_by_the_schedule(services: Runtime) -> None:
    """No event has come: the outbox has the intent."""
    case = approved(services, "stripe:pi_1", 60)
    assert run("send_refunds") == {"outcomes": {"sent": 1}}
    assert state_of(services, case) is CaseState.ISSUED


def test_one_case_that_fails_delays_the_following_of_no_other(services: Runtime) -> None:
    """The round is finished before the job fails."""
    services.store = store = Refuses()
    other = AccountId("acct_other")
    record_events(store, paid(payment(PaymentId("stripe:pi_0"), account_id=other)))
    claim = refund_claim(payment_id=PaymentId("stripe:pi_0"), account_id=other, key="k0")
    stuck = request_refund(store, claim, minute=50)
    stuck = decide_case(stuck.case_id, HALF, "sam", store, POLICY, now=at(55))
    case = approved(services, "stripe:pi_1", 60)
    run("send_refunds")
    for one in (stuck, case):
        reported(services, one, RefundState.FAILED, 80)
    store.refused = other
    with pytest.raises(StoreUnavailable):
        run("follow_cases")
    assert (state_of(services, stuck), state_of(services, case)) == (CaseState.ISSUED, CaseState.IN_REVIEW)


def test_a_decision_that_fails_delays_the_following_of_no_refund(services: Runtime) -> None:
    """Both rounds are finished before the job fails."""
    services.store = store = Refuses()
    other = AccountId("acct_other")
    record_events(store, paid(payment(PaymentId("stripe:pi_0"), account_id=other, minute=50)))
    claim = refund_claim(RefundReason.CHARGED_TWICE, payment_id=PaymentId("stripe:pi_0"), account_id=other, key="k0")
    deferred = request_refund(store, claim, minute=55)
    case = approved(services, "stripe:pi_1", 60)
    run("send_refunds")
    reported(services, case, RefundState.FAILED, 80)
    store.refused = other
    with pytest.raises(StoreUnavailable):
        run("follow_cases")
    assert [queued.case_id for queued in store.deferred_cases()] == [deferred.case_id]
    assert state_of(services, case) is CaseState.IN_REVIEW


def test_a_round_begins_an_item_only_with_more_than_ten_seconds_left(services: Runtime) -> None:
    """What an item may take. Outside Lambda nobody counts."""
    watch = JobWatch(services, Context(10_001, 10_000))
    assert [watch.has_time(), watch.has_time()] == [True, False]
    assert JobWatch(services, None).has_time()


def test_facts_that_wait_for_more_than_an_hour_are_counted_and_listed(
    services: Runtime, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A dispute of a payment that nobody knows: a person is told. After a week it is only listed."""
    name = PaymentId("stripe:pi_unknown")
    record_events(services.store, event_of(dispute(minute=0), names=(name,)))
    for after, counted, listed in ((0.5, 0, 0), (1.5, 1, 1), (24 * 6.9, 1, 1), (24 * 7.1, 0, 1)):
        services.clock = lambda after=after: at(after * 60)  # type: ignore[misc]
        run("release_parked")
        assert metrics(capsys.readouterr().out, "WaitingPayments") == [counted]
        assert [getattr(record, "payment_id", "") for record in caplog.records].count(name) == listed
        caplog.clear()


def test_old_facts_that_wait_hide_no_newer_ones(
    services: Runtime, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A hundred are listed, the oldest first; all of the last week are counted."""
    for number in range(103):
        minute = 0.0 if number < 100 else 8 * 24 * 60
        event = event_of(dispute(dispute_id=f"dp_{number}", minute=minute), names=(PaymentId(f"stripe:pi_{number}"),))
        record_events(services.store, event)
    services.clock = lambda: at(9 * 24 * 60)
    run("release_parked")
    assert metrics(capsys.readouterr().out, "WaitingPayments") == [3]
    listed = [record.payment_id for record in caplog.records if hasattr(record, "payment_id")]
    assert len(listed) == 100
    assert not {"stripe:pi_100", "stripe:pi_101", "stripe:pi_102"} & set(listed)


def balance(store: FakeStore | Any, account_id: AccountId) -> int:
    """An account's balance."""
    account = store.read(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
    return account.balance if account else 0


@pytest.mark.parametrize("is_ours", [True, False], ids=["approved here", "made at the provider"])
def test_a_refund_that_succeeded_gets_its_credit_note_within_minutes(services: Runtime, *, is_ours: bool) -> None:
    """Once, whoever began it, also while refunds are paused; one that fails later has another that takes it back."""
    name = PaymentId("stripe:pi_1")
    if is_ours:
        case = approved(services, name, 60)
        account_id, case_id, tag = case.account_id, case.case_id, case.tag
    else:
        record_events(services.store, paid(payment(name)))
        account_id, case_id, tag = payment(name).account_id, None, None
    services.policy = replace(services.policy, is_paused=True)

    def follow(state: RefundState, minute: float) -> list[str]:
        event = event_of(replace(refund(1000, state=state, minute=minute), tag=tag), names=(name,))
        record_events(services.store, event)
        for _ in range(2):
            run("follow_cases", {"decide_only": True})
        assert list(services.store.deferred_cases()) == []
        return [f"{note.number} {note.kind}" for note in services.store.credit_notes(account_id)]

    assert follow(RefundState.PENDING, 80) == []
    first = f"{LATER.year}-000001 credit"
    assert follow(RefundState.SUCCEEDED, 90) == [first]
    assert follow(RefundState.FAILED, 95) == [first, f"{LATER.year}-000002 correction"]
    (note, *_) = services.store.credit_notes(account_id)
    assert (note.case_id, note.issued_by) == (case_id, "Actinium Agency, Serbia")


def test_a_refund_of_a_merchant_of_record_gets_no_credit_note_of_ours(services: Runtime) -> None:
    """Paddle sends its own. Nothing waits for one."""
    name = PaymentId("paddle:txn_1")
    record_events(services.store, paid(payment(name)), event_of(refund(500), names=(name,)))
    assert len(list(services.store.deferred_cases())) == 1
    run("follow_cases", {"decide_only": True})
    assert not list(services.store.deferred_cases())
    assert not list(services.store.credit_notes(payment(name).account_id))
