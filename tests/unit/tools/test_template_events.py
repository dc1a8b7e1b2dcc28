"""What the template says of the stream, the bus and its subscribers: nothing is published in vain, nothing is lost."""

import json
from typing import Any

import pytest

from ledger.domain.domain_events import KINDS, SOURCE
from ledger.dynamodb import items, stream
from ledger.ports.documents import intent_key
from tests.unit.dynamodb.golden_items import INTENT
from tests.unit.dynamodb.test_stream_records import (
    APPROVED,
    CHANGES,
    GOLDEN,
    MOVING,
    PUBLISHED,
    RESTING,
    SETTLED,
    change,
    purchase,
)
from tools.devserver.patterns import checked, matches
from tools.template import TemplateError, functions, load, parse, rules, stream_mappings

TEMPLATE = load()
RESOURCES = TEMPLATE["Resources"]
RULES = [rule for rule in rules(TEMPLATE) if rule.pattern["source"] == [SOURCE]]
(MAPPING,) = stream_mappings(TEMPLATE)


def delivered(kind: str, **more: Any) -> dict[str, Any]:
    """An event of a kind, as the bus compares it with its rules."""
    version, _ = KINDS[kind]
    return {"source": SOURCE, "detail-type": kind, "detail": {"version": version}} | more


def test_the_stream_has_one_reader() -> None:
    """AWS advises two at most; everything else subscribes to the bus."""
    assert MAPPING.folder == "relay_changes"
    assert (MAPPING.is_bisecting, MAPPING.reports_failures, MAPPING.retries) == (True, True, 5)
    (event,) = (one for one in functions(TEMPLATE)["RelayChangesFunction"]["Events"].values())
    assert event["Properties"]["MaximumRecordAgeInSeconds"] == 3600
    assert event["Properties"]["DestinationConfig"]["OnFailure"]["Type"] == "SQS"


@pytest.mark.parametrize("kind", KINDS)
def test_every_published_kind_has_a_subscriber(kind: str) -> None:
    """In the version that is published. Who subscribes to a version waits for no other."""
    assert [rule.name for rule in RULES if matches(checked(rule.pattern), delivered(kind))]
    assert not [rule.name for rule in RULES if matches(rule.pattern, delivered(kind, detail={"version": 2}))]
    assert not [rule.name for rule in RULES if matches(rule.pattern, delivered(kind, source="another"))]


def test_every_rule_is_for_kinds_that_are_published() -> None:
    """One for a kind that was renamed would be silent for ever."""
    for rule in RULES:
        assert rule.pattern["source"] == [SOURCE]
        for kind in rule.pattern["detail-type"]:
            assert matches(rule.pattern, delivered(kind))


def test_who_subscribes_to_what() -> None:
    """Sending refunds has a queue, which paces; the others get each event by itself."""
    told = {(kind, rule.folder, rule.batch_size) for rule in RULES for kind in rule.pattern["detail-type"]}
    assert told == {
        ("CustomerIdentified", "release_parked", None),
        ("ApprovedRefundChanged", "follow_cases", None),
        ("PaymentDisputed", "follow_cases", None),
        ("RefundIntentListed", "send_refunds", 2),
        ("RenewalStopListed", "send_refunds", 2),
        ("DeclarationConfirmed", "follow_declarations", None),
        ("DeclarationApproved", "follow_declarations", None),
        ("MailListed", "send_mails", 2),
        ("OrderPaid", "send_mails", 2),
        ("PurchasesNamed", "index_names", None),
        ("AddressChanged", "index_names", None),
        ("RunFailureRecorded", "index_names", None),
        ("EventParked", "index_names", None),
        ("DeclarationConfirmed", "index_names", None),
        ("IncidentBegun", "replace_failed_runs", None),
    }


def is_read(record: stream.Record) -> bool:
    """Whether the relay is invoked for a record."""
    return any(matches(checked(pattern), record) for pattern in MAPPING.patterns)


@pytest.mark.parametrize("kind", CHANGES)
def test_the_filter_lets_every_event_through(kind: str) -> None:
    """What is filtered out can't be published."""
    assert is_read(CHANGES[kind]())


def test_the_filter_lets_a_payment_through_that_comes_after_its_facts() -> None:
    """Its purchase was there, or was a pointer, or had a payment without a customer."""
    for old in (purchase(*RESTING), GOLDEN["pointer"], purchase()):
        assert is_read(change(purchase(SETTLED), old))


def test_no_filter_looks_at_what_was_there_before() -> None:
    """Whether an absent parent matches `"exists": false` differs between engines: then an event would be lost."""
    assert {name for pattern in MAPPING.patterns for name in pattern["dynamodb"]} == {"NewImage"}


def test_most_changes_invoke_nothing() -> None:
    """Receipts, entries, accounts, pointers, a lease, what is removed."""
    intent = items.to_document(intent_key(INTENT.tag), INTENT)
    # An order, whether it is paid or not; a receipt of what books nothing, whether it names an account or not.
    read_in_vain = {"fulfilment_key", "order"}
    for item in (one for name, one in GOLDEN.items() if name not in PUBLISHED | read_in_vain):
        assert not is_read(change(item))
        assert not is_read(change(item, item))
    assert not is_read(change({**intent, "attempts": {"N": "9"}}, intent))
    assert not is_read(change(None, purchase(SETTLED, APPROVED, *MOVING)))


def arn_of(reference: dict[str, Any]) -> str:
    """The logical id in a reference to a queue's ARN."""
    name, attribute = reference["Fn::GetAtt"]
    assert attribute == "Arn"
    return str(name)


QUEUES = [name for name, one in RESOURCES.items() if one["Type"] == "AWS::SQS::Queue"]


def fed_by_the_bus() -> set[str]:
    """The queues that EventBridge puts messages into: its targets, and the dead letters of its rules."""
    targets = [one for name in RESOURCES for one in RESOURCES[name].get("Properties", {}).get("Targets", ())]
    of_functions = [
        event["Properties"]
        for properties in functions(TEMPLATE).values()
        for event in properties.get("Events", {}).values()
        if event["Type"] == "EventBridgeRule"
    ]
    kept = [one["DeadLetterConfig"]["Arn"] for one in (*targets, *of_functions)]
    return {arn_of(one) for one in (*kept, *(target["Arn"] for target in targets))}


def test_the_bus_may_fill_the_queues_that_it_feeds_and_no_other_service_may_fill_one() -> None:
    """A rule whose queue refuses it loses its events without a word."""
    allowed = set()
    for name, one in RESOURCES.items():
        if one["Type"] != "AWS::SQS::QueuePolicy":
            continue
        (queue,) = one["Properties"]["Queues"]
        (statement,) = one["Properties"]["PolicyDocument"]["Statement"]
        assert (statement["Principal"], statement["Action"]) == ({"Service": "events.amazonaws.com"}, "sqs:SendMessage")
        assert arn_of(statement["Resource"]) == queue["Ref"], name
        sources = statement["Condition"]["ArnLike"]["aws:SourceArn"]
        first = sources[0] if isinstance(sources, list) else sources
        assert first["Fn::Sub"].endswith(":rule/${LedgerBus}/*")
        allowed.add(queue["Ref"])
    assert allowed == fed_by_the_bus()


@pytest.mark.parametrize("queue", QUEUES)
def test_every_queue_has_an_alarm(queue: str) -> None:
    """On its dead letters, or on the age of what waits."""
    watched = [
        dimension["Value"]
        for alarm in RESOURCES.values()
        if alarm["Type"] == "AWS::CloudWatch::Alarm"
        for dimension in alarm["Properties"].get("Dimensions", ())
    ]
    assert {"Fn::GetAtt": [queue, "QueueName"]} in watched


def test_a_message_of_a_queue_outlives_its_function_and_ends_as_a_dead_letter() -> None:
    """It is hidden for six times the function's time, as AWS advises."""
    sender = functions(TEMPLATE)["SendRefundsFunction"]
    queue = RESOURCES["RefundsToSend"]["Properties"]
    assert queue["VisibilityTimeout"] >= 6 * sender["Timeout"]
    assert arn_of(queue["RedrivePolicy"]["deadLetterTargetArn"]) == "SendRefundsDeadLetters"


def test_a_rule_that_would_lose_events_is_refused() -> None:
    """Without dead letters of the rule, or of its function; or with a target that nothing reads."""
    event = {"Type": "EventBridgeRule", "Properties": {"Pattern": {"source": ["x"]}}}
    function = {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "functions/x/", "Events": {"E": event}}}
    with pytest.raises(TemplateError, match="should have a DeadLetterConfig"):
        rules(parse(json.dumps({"Resources": {"F": function}})))
    target = {"Id": "q", "Arn": {"Fn::GetAtt": ["Q", "Arn"]}}
    rule = {"Type": "AWS::Events::Rule", "Properties": {"EventPattern": {}, "Targets": [target]}}
    with pytest.raises(TemplateError, match="should have a DeadLetterConfig"):
        rules(parse(json.dumps({"Resources": {"R": rule}})))
    target["DeadLetterConfig"] = {"Arn": "x"}
    with pytest.raises(TemplateError, match="no queue that feeds a function"):
        rules(parse(json.dumps({"Resources": {"R": rule}})))
