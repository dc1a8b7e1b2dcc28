"""What each subscriber does with an event that is doubled, late, of another kind, or poisonous."""

import importlib
import json
from dataclasses import replace
from typing import Any

import pytest

from ledger.domain.contacts import Contact
from ledger.domain.declarations import DeclarationKind, Submission, declaration_id
from ledger.domain.domain_events import (
    AddressChanged,
    ApprovedRefundChanged,
    Content,
    CustomerIdentified,
    DeclarationConfirmed,
    EventParked,
    IncidentBegun,
    PaymentDisputed,
    PurchasesNamed,
    RefundIntentListed,
    RenewalStopListed,
    RunFailureRecorded,
)
from ledger.domain.errors import ConfigurationError, NotFound, StoreUnavailable
from ledger.domain.events import Event, Owner
from ledger.domain.facts import RefundState
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.index_rows import IndexRow
from ledger.domain.receipts import NotBookable, ParkReason, Receipt
from ledger.domain.refund_cases import CaseState
from ledger.ports.commit import Commit, DocumentChange, Refusal
from ledger.ports.documents import contact_key
from ledger.runtime import Runtime
from ledger.usecases.declarations.submit import submit
from ledger.usecases.incidents.begin import IncidentRequest
from ledger.usecases.index_names import index_failed_run
from ledger.usecases.record_event import record_event
from ledger.usecases.usage import draw_credits, fail_run
from tests.unit.functions.test_jobs import Context, approved, balance, listed, lost, reported, run, services, state_of
from tools.testing.builders import (
    ADA,
    LATER,
    PI,
    at,
    dispute,
    event_of,
    paid,
    payment,
    record_events,
    refund_claim,
    request_refund,
)
from tools.testing.domain_events import Delivered, delivered, queued
from tools.testing.fakes import FakeStore
from tools.testing.unguarded import begin_incident

__all__ = ["services"]  # the fixture of the jobs

CUSTOMER = "stripe:cus_1"
IDENTIFIED = delivered(CustomerIdentified(customer_id=CUSTOMER, account_id=ADA, payment_id=PI))
CHANGED = delivered(ApprovedRefundChanged(payment_id=PI))
INTENT = delivered(RefundIntentListed(tag="case_1-1", account_id=ADA, payment_id=PI))
STOP = delivered(RenewalStopListed(subscription_id="stripe:sub_1", account_id=ADA, payment_id=PI, since=LATER))

SPOILT: list[Delivered] = [
    {**CHANGED, "detail-type": "Unknown"},
    {**IDENTIFIED, "detail": {**IDENTIFIED["detail"], "version": 2}},
    {**CHANGED, "detail": {**CHANGED["detail"], "data": {}}},
]


def renewal(number: int) -> Event:
    """A renewal of the customer, which says nothing of whose he is."""
    settled = payment(PaymentId(f"stripe:in_{number}"), minute=10 + number)
    event = paid(settled, event_id=f"evt_renewal_{number}")
    bare = replace(settled, account_id=AccountId(""), customer_id=CUSTOMER, is_renewal=True, cause=event.cause)
    return replace(event, owner=Owner(customer_id=CUSTOMER), payment=bare)


@pytest.fixture
def parked(services: Runtime) -> list[Event]:
    """Two renewals of a customer whose account is not known; then his first payment comes."""
    renewals = [renewal(1), renewal(2)]
    for event in renewals:
        result = record_event(event, services.store, body=b"{}", body_sha256="0" * 64, now=at(20))
        assert result.outcome == "parked"
    by_id = {event.event_id: event for event in renewals}
    services.translate_parked = lambda parked: by_id[parked.event_id]  # type: ignore[method-assign]
    return renewals


def identify(services: Runtime) -> None:
    """The customer's first payment comes, from which his account is known."""
    record_events(services.store, paid())


@pytest.mark.usefixtures("parked")
def test_a_customer_who_is_identified_has_his_parked_events_booked(services: Runtime) -> None:
    """Once, however often it is said."""
    identify(services)
    assert run("release_parked", IDENTIFIED) == {"outcomes": {"booked": 2}}
    assert balance(services.store, ADA) == 3000
    assert run("release_parked", IDENTIFIED) == {"outcomes": {}}, "said again"
    assert balance(services.store, ADA) == 3000


@pytest.mark.usefixtures("parked")
def test_a_late_identification_finds_what_the_schedule_has_done(services: Runtime) -> None:
    """And one that comes before the account is known changes nothing."""
    assert run("release_parked", IDENTIFIED) == {"outcomes": {"parked": 2}}
    identify(services)
    assert run("release_parked") == {"outcomes": {"booked": 2}}
    assert run("release_parked", IDENTIFIED) == {"outcomes": {}}
    assert balance(services.store, ADA) == 3000


def test_a_customer_without_parked_events_costs_one_question(services: Runtime) -> None:
    """Whatever he has received: his receipts are not read."""

    class Counted(FakeStore):
        def customer_receipts(self, customer_id: str) -> list[Receipt]:
            raise AssertionError(f"all that {customer_id} has received was read")

    for number in range(30):
        record_events(services.store, paid(payment(PaymentId(f"stripe:pi_{number}"))))
    counted = Counted()
    counted.__dict__.update(services.store.__dict__)
    services.store, counted.round_trips = counted, 0
    assert run("release_parked", IDENTIFIED) == {"outcomes": {}}
    assert counted.round_trips <= 2


SCHEDULED = {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "resources": ["x"], "detail": {}}


@pytest.mark.usefixtures("parked")
def test_what_a_schedule_delivers_is_no_event_of_ours(services: Runtime) -> None:
    """EventBridge gives it a kind and a detail, too: the rounds are made."""
    identify(services)
    assert run("release_parked", SCHEDULED) == {"outcomes": {"booked": 2}}
    case = approved(services, "stripe:pi_2", 60)
    assert run("send_refunds", SCHEDULED) == {"outcomes": {"sent": 1}}
    reported(services, case, RefundState.SUCCEEDED, 80)
    assert run("follow_cases", SCHEDULED) == {"moved": {case.case_id: CaseState.REFUNDED}}
    assert run("follow_cases", {"decide_only": True}) == {"moved": {}}


def test_a_change_of_a_refund_that_is_doubled_or_late_moves_a_case_once(services: Runtime) -> None:
    """One that comes before anything has changed, too."""
    case = approved(services, PI, 60)
    assert run("follow_cases", CHANGED) == {"moved": {}}
    run("send_refunds")
    reported(services, case, RefundState.SUCCEEDED, 80)
    assert run("follow_cases", CHANGED) == {"moved": {case.case_id: CaseState.REFUNDED}}
    for _ in range(2):
        assert run("follow_cases", CHANGED) == {"moved": {}}
    assert state_of(services, case) is CaseState.REFUNDED


def test_a_dispute_that_is_doubled_or_late_moves_a_case_in_the_queue_once(services: Runtime) -> None:
    """One that comes before the dispute is recorded, or about a payment without a case, moves none."""
    disputed_event = delivered(PaymentDisputed(payment_id=PI))
    record_events(services.store, paid())
    assert run("follow_cases", disputed_event) == {"moved": {}}
    case = request_refund(services.store, refund_claim(), minute=60)
    assert run("follow_cases", disputed_event) == {"moved": {}}
    record_events(services.store, event_of(replace(dispute(), opened_at=at(70), at=at(70))), now=at(71))
    assert run("follow_cases", disputed_event) == {"moved": {case.case_id: CaseState.IN_REVIEW}}
    for _ in range(2):
        assert run("follow_cases", disputed_event) == {"moved": {}}


def test_an_intent_that_is_told_twice_or_late_is_sent_once(services: Runtime) -> None:
    """In one batch, in another one, and after it has left the outbox."""
    case = approved(services, PI, 60)
    provider = services.gateway("stripe")
    assert run("send_refunds", queued(listed(case), listed(case))) == {"batchItemFailures": []}
    assert run("send_refunds", queued(listed(case))) == {"batchItemFailures": []}
    reported(services, case, RefundState.SUCCEEDED, 80)
    run("follow_cases", CHANGED)
    assert run("send_refunds", queued(listed(case))) == {"batchItemFailures": []}
    assert len(provider.refunds) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("spoilt", [*SPOILT, INTENT, STOP], ids=lambda event: event["detail-type"])
@pytest.mark.parametrize("function", ["release_parked", "follow_cases"])
def test_a_poisonous_event_of_the_bus_fails_its_call_alone(services: Runtime, function: str, spoilt: Any) -> None:
    """It is tried again, and kept as a dead letter; it is never taken for another one, or for the schedule's."""
    case = approved(services, PI, 60)
    with pytest.raises(ValueError, match=r"domain event|says of no customer|no approved refund"):
        run(function, spoilt)
    assert state_of(services, case) is CaseState.APPROVED


@pytest.mark.parametrize("spoilt", [*SPOILT, IDENTIFIED, CHANGED, "no JSON", "[]", "null"], ids=str)
def test_a_poisonous_message_of_the_queue_holds_up_no_other(
    services: Runtime, spoilt: Delivered | str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It alone is delivered again, and in the end kept as a dead letter; it is counted."""
    cases = [approved(services, PI, 60), approved(services, "stripe:pi_2", 61)]
    batch = queued(listed(cases[0]), spoilt, listed(cases[1]))
    assert run("send_refunds", batch) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert [state_of(services, case) for case in cases] == [CaseState.ISSUED, CaseState.ISSUED]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "CloudWatchMetrics" in line]
    assert sum(value for line in lines for value in line.get("FailedItems", [])) == 1


def test_what_the_store_refuses_or_the_time_leaves_is_delivered_again(services: Runtime) -> None:
    """The queue keeps it until it is done."""

    class Down(FakeStore):
        is_down = True

        def commit(self, commit: Commit) -> Refusal | None:
            if self.is_down:
                raise StoreUnavailable("throttled")
            return super().commit(commit)

    cases = [approved(services, PI, 60), approved(services, "stripe:pi_2", 61)]
    down = Down()
    down.__dict__.update(services.store.__dict__)
    services.store = down
    batch = queued(*map(listed, cases))
    everything = {"batchItemFailures": [{"itemIdentifier": "0"}, {"itemIdentifier": "1"}]}
    assert run("send_refunds", batch) == everything
    down.is_down = False
    assert run("send_refunds", batch, Context(45_000, 19_000)) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert run("send_refunds", batch) == {"batchItemFailures": []}


@pytest.mark.usefixtures("parked")
def test_the_log_names_the_event_that_was_acted_on(services: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    """Its id, and the correlation id of what it is part of."""
    run("release_parked", IDENTIFIED)
    approved(services, PI, 60)
    run("follow_cases", CHANGED)
    named = {one.message: (vars(one).get("event_id"), vars(one).get("correlation_id")) for one in caplog.records}
    assert named["released"] == named["followed"] == ("change", "case_1")


def test_a_stop_that_is_told_twice_is_made_once(services: Runtime) -> None:
    """Who resumes the renewals in between keeps them."""
    stop = lost(services, 1)
    provider = services.gateway("stripe")
    content: Content = RenewalStopListed(
        subscription_id=stop.subscription_id, account_id=stop.account_id, payment_id=stop.payment_id, since=stop.since
    )
    assert run("send_refunds", queued(delivered(content))) == {"batchItemFailures": []}
    assert provider.stopped == {stop.subscription_id}  # type: ignore[attr-defined]
    provider.stopped.clear()  # type: ignore[attr-defined]
    assert run("send_refunds", queued(delivered(content))) == {"batchItemFailures": []}
    assert provider.stopped == set()  # type: ignore[attr-defined]


PAID = replace(payment(), invoice_number="INV-1")
NAMED = delivered(PurchasesNamed(payment_ids=(PI,)))
FAILED = delivered(RunFailureRecorded(account_id=ADA, run_id="run_1", failed_at=at(5)))
ADDRESS = delivered(AddressChanged(account_id=ADA))
PARKED = delivered(EventParked(owner="stripe:cus_9", parked_event_id="evt_9"))
WITHDRAWAL = Submission(
    kind=DeclarationKind.WITHDRAWAL,
    name="Ada",
    contract="the one of May",
    email="ada@example.com",
    language="en",
    statement="I withdraw.",
)
OF_WITHDRAWAL = declaration_id(WITHDRAWAL.kind, "form", WITHDRAWAL.fingerprint)
DECLARED = delivered(DeclarationConfirmed(declaration_id=OF_WITHDRAWAL))
OF_INDEX = (NAMED, FAILED, ADDRESS, PARKED, DECLARED)


def rows_of(services: Runtime) -> dict[object, object]:
    """The rows of the index, by their keys."""
    store = services.store
    assert isinstance(store, FakeStore)
    return {key: row for key, row in store.documents.items() if isinstance(row, IndexRow)}


def test_the_index_is_the_same_however_its_events_are_delivered(
    services: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Doubled, in any order, and before what they are about is stored."""
    monkeypatch.setitem(services.__dict__, "address_key", "a key")
    assert [run("index_names", event) for event in OF_INDEX] == [{"rows": 0}] * 5
    record_events(services.store, paid(PAID))
    draw_credits(ADA, "run_1", 5, services.store, now=at(4))
    fail_run(ADA, "run_1", services.store, now=at(5))
    contact = Contact(account_id=ADA, email="ada@example.com", language="en", noted_at=at(0))
    services.store.commit(Commit(documents=(DocumentChange(contact_key(ADA), contact),)))
    unknown = replace(
        event_of(names=(PaymentId("stripe:in_9"),)), event_id="evt_9", owner=Owner(customer_id="stripe:cus_9")
    )
    unknown = replace(unknown, not_bookable=NotBookable(ParkReason.NO_ACCOUNT))
    invoice = {"id": "in_9", "customer_email": "ada@example.com", "amount_paid": 1900, "currency": "usd"}
    body = json.dumps({"id": "evt_9", "type": "invoice.paid", "object": "event", "created": 1793534400}).encode()
    body = body[:-1] + b', "data": {"object": %s}}' % json.dumps(invoice).encode()
    record_event(unknown, services.store, body=body, body_sha256="0" * 64, now=at(5))
    submit(WITHDRAWAL, "form", services.store, now=at(6))
    written = [{"rows": rows} for rows in (2, 2, 1, 5, 1)]
    assert [run("index_names", event) for event in OF_INDEX] == written
    rows = rows_of(services)
    assert len(rows) == 11
    for event in (ADDRESS, NAMED, PARKED, DECLARED, FAILED, NAMED, PARKED):
        run("index_names", event)
    assert rows_of(services) == rows
    assert "ada@example.com" not in str(rows)


def test_the_index_refuses_what_names_nothing(services: Runtime) -> None:
    """It becomes a dead letter. So does an address while there is no key: it would be found by nobody."""
    with pytest.raises(ValueError, match="names nothing"):
        run("index_names", INTENT)
    contact = Contact(account_id=ADA, email="ada@example.com", language="en", noted_at=at(0))
    services.store.commit(Commit(documents=(DocumentChange(contact_key(ADA), contact),)))
    with pytest.raises(ConfigurationError, match="ADDRESS_KEY_NAME"):
        run("index_names", ADDRESS)


def test_an_incident_that_is_told_twice_is_carried_out_once_and_the_schedule_finds_what_was_not_told(
    services: Runtime,
) -> None:
    """Another kind of event becomes a dead letter, and so does an incident that is not there."""
    record_events(services.store, paid())
    for minute in (4, 6):
        draw_credits(ADA, f"run_{minute}", 5, services.store, now=at(minute))
        fail_run(ADA, f"run_{minute}", services.store, now=at(minute))
        index_failed_run(ADA, f"run_{minute}", at(minute), services.store)
    request = IncidentRequest(since=at(3), until=at(5), credits=5, reason="It stood still.", actor="sam", key="k1")
    told = begin_incident(request, services.store, now=at(10))
    event = delivered(IncidentBegun(incident_id=told.incident_id))
    assert [run("replace_failed_runs", event) for _ in range(2)] == [{"states": {told.incident_id: "done"}}] * 2
    assert balance(services.store, ADA) == 1005
    lost = begin_incident(replace(request, until=at(7), key="k2"), services.store, now=at(11))
    assert run("replace_failed_runs", {}) == {"states": {lost.incident_id: "done"}}
    assert balance(services.store, ADA) == 1010
    assert run("replace_failed_runs", {}) == {"states": {}}
    with pytest.raises(ValueError, match="is about no incident"):
        run("replace_failed_runs", INTENT)
    with pytest.raises(NotFound):
        run("replace_failed_runs", delivered(IncidentBegun(incident_id="inc_0")))


def test_an_incident_without_time_goes_on_in_the_next_round(services: Runtime) -> None:
    """It stays listed, and is no failure."""
    record_events(services.store, paid())
    draw_credits(ADA, "run_1", 5, services.store, now=at(4))
    fail_run(ADA, "run_1", services.store, now=at(4))
    index_failed_run(ADA, "run_1", at(4), services.store)
    request = IncidentRequest(since=at(3), until=at(5), credits=5, reason="It stood still.", actor="sam", key="k1")
    begun = begin_incident(request, services.store, now=at(10))
    event = delivered(IncidentBegun(incident_id=begun.incident_id))
    assert run("replace_failed_runs", event, Context(0)) == {"states": {begun.incident_id: "running"}}
    assert run("replace_failed_runs", {}) == {"states": {begun.incident_id: "done"}}


@pytest.mark.parametrize("event", [IDENTIFIED, {}], ids=["event", "schedule"])
def test_a_parked_event_that_fails_fails_its_job_after_the_others_were_tried(
    services: Runtime, parked: list[Event], event: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The bus delivers again and the alarm is raised; what was booked is booked, and stands in the log."""
    identify(services)
    by_id = {one.event_id: one for one in parked[1:]}
    services.translate_parked = lambda parked: by_id[parked.event_id]  # type: ignore[method-assign]
    with pytest.raises(KeyError):
        run("release_parked", event)
    assert balance(services.store, ADA) == 2000
    assert [one.event_id for one in services.store.parked_receipts()] == [parked[0].event_id]
    (line,) = [one for one in caplog.records if one.message == "released"]
    assert line.outcomes == {"booked": 1}  # type: ignore[attr-defined]


def test_an_incident_that_fails_fails_its_job_after_the_others_had_their_turn(
    services: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays listed; the next round goes on with it."""
    record_events(services.store, paid())
    begun = []
    for number in range(2):
        run_id, since = f"run_{number}", 4 + 10 * number
        draw_credits(ADA, run_id, 5, services.store, now=at(since))
        fail_run(ADA, run_id, services.store, now=at(since))
        index_failed_run(ADA, run_id, at(since), services.store)
        request = IncidentRequest(
            since=at(since - 1), until=at(since + 1), credits=5, reason="It stood still.", actor="sam", key=run_id
        )
        begun.append(begin_incident(request, services.store, now=at(30 + number)).incident_id)
    app = importlib.import_module("functions.replace_failed_runs.app")
    replace_runs = app.replace_runs

    def replacing(incident_id: str, *others: Any, **more: Any) -> Any:
        if incident_id == begun[0]:
            raise StoreUnavailable("throttled")
        return replace_runs(incident_id, *others, **more)

    with monkeypatch.context() as failing:
        failing.setattr(app, "replace_runs", replacing)
        with pytest.raises(StoreUnavailable):
            run("replace_failed_runs")
    assert [one.incident_id for one in services.store.running_incidents()] == begun[:1]
    assert run("replace_failed_runs") == {"states": {begun[0]: "done"}}
