"""The relay's adapter: what PutEvents takes, and what becomes of a record when it does not."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from ledger import relay as module
from ledger.domain.errors import ConfigurationError
from ledger.domain.ids import PaymentId
from ledger.domain.purchases import Purchase
from ledger.dynamodb import items
from ledger.dynamodb.stream import Record
from ledger.ports.documents import intent_key
from ledger.relay import MOST_BYTES, MOST_ENTRIES, MOST_NAMED, Bus, entry_size, relay
from tests.unit.dynamodb.golden_items import INTENT
from tests.unit.dynamodb.test_stream_records import SETTLED

Entries = Sequence[Mapping[str, str]]


class FakeEvents:
    """A client of EventBridge with its limits. `refused` are the tags whose entries fail, `down` all of them."""

    def __init__(self, *refused: str, down: Exception | None = None) -> None:
        self.refused = refused
        self.down = down
        self.calls: list[list[str]] = []

    def put_events(self, *, Entries: Entries) -> Mapping[str, Any]:  # noqa: N803 - AWS's name
        assert 1 <= len(Entries) <= MOST_ENTRIES
        assert sum(map(entry_size, Entries)) <= MOST_BYTES or len(Entries) == 1
        tags = [json.loads(entry["Detail"])["data"]["tag"] for entry in Entries]
        self.calls.append(tags)
        if self.down:
            raise self.down
        results = [{"ErrorCode": "InternalFailure"} if tag in self.refused else {"EventId": tag} for tag in tags]
        return {"FailedEntryCount": sum("ErrorCode" in one for one in results), "Entries": results}

    @property
    def published(self) -> list[str]:
        return [tag for call in self.calls for tag in call if tag not in self.refused]


def record(number: int, tag: str = "") -> Record:
    """The record of a new intent."""
    intent = replace(INTENT, tag=tag or f"case_{number}-1")
    image = items.to_document(intent_key(intent.tag), intent)
    return {"eventName": "INSERT", "dynamodb": {"NewImage": image, "SequenceNumber": f"{number}"}}


POISON: Record = {"dynamodb": {"NewImage": {"pk": {"S": "OUTBOX"}, "sk": {"S": "INTENT#x"}}, "SequenceNumber": "7"}}


def relayed(events: FakeEvents, *records: Record) -> list[str]:
    """Relay records. Return those that are to be retried."""
    to = Bus("billing", "eu-central-1")
    to.client = events
    return [one["itemIdentifier"] for one in relay(records, to)["batchItemFailures"]]


def test_ten_entries_go_with_one_call(caplog: pytest.LogCaptureFixture) -> None:
    """As many calls as are needed, in the order of the records. The log names each event."""
    events = FakeEvents()
    assert relayed(events, *(record(number) for number in range(23))) == []
    assert [len(call) for call in events.calls] == [10, 10, 3]
    assert events.published == [f"case_{number}-1" for number in range(23)]
    (line,) = (one for one in caplog.records if one.message == "relayed")
    assert vars(line)["event_ids"] == [f"refund_intent_listed/case_{number}-1" for number in range(23)]


def test_the_function_answers_which_records_lambda_sends_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the answer Lambda takes all of them for published."""
    function, to = import_module("functions.relay_changes.app"), Bus("billing", "eu-central-1")
    to.client = FakeEvents("case_2-1")
    monkeypatch.setattr(function, "bus", lambda: to)
    answer = function.lambda_handler({"Records": [record(1), record(2), record(3)]}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}]}


def test_the_bytes_of_a_call_are_limited() -> None:
    """An entry of more than half of it has a call of its own. The fake refuses more."""
    events = FakeEvents()
    big = "x" * 50_000  # twice in an entry: in its id, and in its data; the case's id is part of it, too
    assert relayed(events, *(record(number, f"case_{number}{big}-1") for number in range(4))) == []
    assert [len(call) for call in events.calls] == [1, 1, 1, 1]
    events = FakeEvents()
    half = "é" * 12_000  # two bytes each
    assert relayed(events, *(record(number, f"case_{number}{half}-1") for number in range(4))) == []
    assert [len(call) for call in events.calls] == [3, 1]


def test_an_entry_that_fails_has_its_record_retried_and_no_other() -> None:
    """FailedEntryCount says how many, the results say which."""
    events = FakeEvents("case_2-1", "case_11-1")
    assert relayed(events, *(record(number) for number in range(12))) == ["2", "11"]
    assert len(events.published) == 10


@pytest.mark.parametrize(
    "down",
    [
        ClientError({"Error": {"Code": "ThrottlingException"}}, "PutEvents"),
        EndpointConnectionError(endpoint_url="https://events"),
    ],
)
def test_a_bus_that_does_not_answer_has_all_records_retried(down: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """Each call is tried: the next one may get through."""
    events = FakeEvents(down=down)
    assert relayed(events, *(record(number) for number in range(12))) == [str(number) for number in range(12)]
    assert len(events.calls) == 2
    assert [one.message for one in caplog.records] == ["PutEvents failed", "PutEvents failed", "relayed"]


def test_a_record_that_cannot_be_read_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """What comes before and after it is published; it alone is retried, and in the end kept as a dead letter."""
    events = FakeEvents()
    assert relayed(events, record(1), POISON, record(2)) == ["7"]
    assert "record can't be read" in [one.message for one in caplog.records]
    assert events.published == ["case_1-1", "case_2-1"]


def test_a_change_that_is_no_event_calls_nothing() -> None:
    """Also if it passed the filter."""
    events = FakeEvents()
    removed: Record = {"dynamodb": {"OldImage": record(1)["dynamodb"]["NewImage"], "SequenceNumber": "1"}}
    assert relayed(events, removed) == []
    assert events.calls == []


def test_an_entry_has_what_the_rules_match() -> None:
    """Bus, source, kind and version."""
    seen: list[Mapping[str, str]] = []

    class Events(FakeEvents):
        def put_events(self, *, Entries: Entries) -> Mapping[str, Any]:  # noqa: N803 - AWS's name
            seen.extend(Entries)
            return super().put_events(Entries=Entries)

    relayed(Events(), record(1))
    (entry,) = seen
    assert (entry["EventBusName"], entry["Source"]) == ("billing", "image-tagger-billing")
    assert entry["DetailType"] == "RefundIntentListed"
    assert json.loads(entry["Detail"])["version"] == 1


def test_the_bus_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a name nothing is published anywhere."""
    monkeypatch.delenv("EVENT_BUS_NAME", raising=False)
    module.bus.cache_clear()
    with pytest.raises(ConfigurationError, match="EVENT_BUS_NAME"):
        module.bus()
    monkeypatch.setenv("EVENT_BUS_NAME", "billing")
    assert module.bus().name == "billing"
    module.bus.cache_clear()


def test_it_imports_neither_pynamodb_nor_powertools() -> None:
    """Its cold start is paid often."""
    code = "import sys, functions.relay_changes.app; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert not {"pynamodb", "aws_lambda_powertools", "boto3"} & {name.partition(".")[0] for name in run.stdout.split()}


class Kept(FakeEvents):
    """Keeps the details. Entries that name a purchase of `refused` fail."""

    def __init__(self, *refused: str) -> None:
        super().__init__(*refused)
        self.details: list[Any] = []

    def put_events(self, *, Entries: Entries) -> Mapping[str, Any]:  # noqa: N803 - AWS's name
        details = [json.loads(entry["Detail"]) for entry in Entries]
        self.details += details
        fail = [any(name in self.refused for name in one["data"].get("payment_ids", ())) for one in details]
        return {"Entries": [{"ErrorCode": "InternalFailure"} if failed else {"EventId": "1"} for failed in fail]}


def settled(number: int) -> Record:
    """The record of a purchase that got its payment."""
    name = PaymentId(f"stripe:pi_{number}")
    bought = Purchase(payment_id=name, facts={"payment": replace(SETTLED, payment_id=name, customer_id=None)})
    return {"eventName": "INSERT", "dynamodb": {"NewImage": items.to_purchase(bought), "SequenceNumber": f"{number}"}}


def test_purchases_that_were_named_are_one_event() -> None:
    """The bus is paid by the event. Others keep theirs; at most MOST_NAMED are one; one alone is what it always was."""
    events = Kept()
    assert relayed(events, record(1), *(settled(number) for number in range(2, 2 + MOST_NAMED + 2)), record(40)) == []
    intent, other, first, second = events.details
    assert (intent["data"]["tag"], other["data"]["tag"]) == ("case_1-1", "case_40-1")
    names = [f"stripe:pi_{number}" for number in range(2, 2 + MOST_NAMED + 2)]
    assert (first["data"]["payment_ids"], second["data"]["payment_ids"]) == (names[:MOST_NAMED], names[MOST_NAMED:])
    assert first["id"] != second["id"]
    again, alone = Kept(), Kept()
    relayed(again, *(settled(number) for number in range(2, 2 + MOST_NAMED)))
    assert again.details == [first], "the same change has the same id"
    relayed(alone, settled(2))
    assert alone.details[0]["id"] == "purchases_named/stripe:pi_2/1"


def test_purchases_whose_event_fails_are_all_retried() -> None:
    """And nothing else is."""
    assert relayed(Kept("stripe:pi_3"), record(1), settled(2), settled(3)) == ["2", "3"]
