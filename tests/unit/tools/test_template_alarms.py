"""Everything that can go wrong has an alarm, each alarm watches what something emits, and somebody is told.

Which metrics a function emits is read from its code. What is worth an alarm, and when, stands in the tables below.
"""

import ast
import functools
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ledger.dynamodb import keys
from tests.unit.tools.template_parts import (
    API,
    ARCHIVE_STREAMS,
    FOLDERS,
    FUNCTIONS,
    GLOBALS,
    RESOURCES,
    TEMPLATE,
    WEBHOOKS,
    events,
    logical_id,
    of_type,
    text,
)
from tests.unit.tools.test_template_sources import SCHEDULES, interval_s
from tools.testing.reach import calls_of

OWN = {"Fn::Sub": "ImageTaggerBilling/${AWS::StackName}"}
"""The namespace of our metrics: each stack has its own."""
DAY_S = 24 * 3600


class Alarmed(NamedTuple):
    """When a metric raises its alarm: it reaches the threshold within a period."""

    statistic: str = "Sum"
    threshold: int = 1
    period_s: int = 300
    missing: str = "notBreaching"  # breaching: a job reports it in every round, so without it the job does not run


# ── Our metrics ───────────────────────────────────────────────────────────────────────────────────────────────────────

ALARMED: Mapping[str, Alarmed] = {
    # deliveries
    "NotStoredEvents": Alarmed(),
    "ParkedEvents": Alarmed(),  # a customer may have paid
    "RefusedBodies": Alarmed(),  # what the provider sent is lost unless the code learns to read it
    "UnarchivedBodies": Alarmed(),  # evidence is missing
    "BadSignatures": Alarmed(threshold=20),  # anybody can send one
    "MisroutedEvents": Alarmed(period_s=3600),  # they are booked: a list in a dashboard is wrong
    "WaitingEvents": Alarmed(),
    # the API
    "UnforeseenErrors": Alarmed(),
    # jobs
    "WaitingPayments": Alarmed("Maximum", 1, 7200, "breaching"),
    "RefundsAbandoned": Alarmed(),  # a person decides anew
    "RefundsUnclear": Alarmed(threshold=3, period_s=900),  # once is cleared up by the next round
    # mails
    "MailsRefused": Alarmed(),  # a customer is not informed
    "MailsUnclear": Alarmed(threshold=3, period_s=900),  # once is cleared up by the next round
    "MailsFailed": Alarmed(threshold=5, period_s=3600),  # one is a typing error
    "MailsOff": Alarmed(),  # something is to be sent, and this stage sends nothing
    "MailsWithoutAddress": Alarmed("Maximum"),  # a customer is not informed
    "OldestAwaitedOrderAge": Alarmed("Maximum", 18 * DAY_S, 7200, "breaching"),
    "OldestPlanToLookAtAge": Alarmed("Maximum", DAY_S, 3600, "breaching"),
    "LatePriceChanges": Alarmed(period_s=3600),
    "OldestRefundAge": Alarmed("Maximum", 14 * DAY_S, 7200, "breaching"),
    "OldestItemAge": Alarmed("Maximum", 3600, 900, "breaching"),
    "OldestWithdrawalAge": Alarmed("Maximum", 7 * DAY_S, 7200),  # by law it ends after 14 days
    "OldestUnacknowledgedAge": Alarmed("Maximum", 3600, 1800),
}
OTHERWISE = {
    ("expire_credits", "OldestItemAge"): Alarmed("Maximum", DAY_S // 4, 7200, "breaching"),
    # a day to object, and the time of its round
    ("follow_declarations", "OldestItemAge"): Alarmed("Maximum", 30 * 3600, 1800, "breaching"),
}
AND_LATER = {"OldestWithdrawalAge": Alarmed("Maximum", 10 * DAY_S, 7200)}
"""A second alarm on the same metric."""
NOT_ALARMED = {
    ("payment_succeeded", "WaitingEvents"): "a link or a refund that comes before its payment is usual",
    ("subscription_renewed", "WaitingEvents"): "the same",
    ("refund_settled", "WaitingEvents"): "the same; what waits for more than an hour is in WaitingPayments",
    ("release_parked", "OldestItemAge"): "what is parked waits for a person, who was told when it was parked",
}
HARMLESS = {
    "BookedEvents": "this is what should happen",
    "AlreadyBookedEvents": "a provider delivers again",
    "NotedEvents": "nothing to book",
    "UnknownEventTypes": "an endpoint is subscribed to more than is read",
    "UnknownProviders": "anybody can call a route of a provider that we do not have",
    "Backlog": "many items that are young are no trouble: their age is alarmed",
    "RefundsUnderWay": "the same",
    "FailedItems": "the job fails at its end; what stays undone is in the age of the oldest item",
    "RefundsSent": "this is what should happen",
    "RefundsFound": "an earlier attempt had sent it",
    "RefundsEndedBefore": "it had ended before",
    "RefundsLeased": "another sender works on it",
    "MailsSent": "this is what should happen",
    "MailsOutdated": "a later mail says what counts",
    "MailsEndedBefore": "it had ended before",
    "MailsPaced": "a flood slows itself; what waits for more than an hour is alarmed by its age",
    "MailsLeased": "another sender works on it",
    "MailsLackingAddress": "those that still lack one are counted in each round",
    "PlansToLookAt": "many plans whose day has come are looked at within the hours of it: their age is alarmed",
    "AwaitedOrders": "many orders that nobody has paid for yet are no trouble: their age is alarmed",
    "RenewalsStopped": "this is what should happen",
    "RenewalStopsNotNeeded": "the subscription ends anyway",
    "RenewalStopsDoneBefore": "it was carried out before",
}


@functools.cache
def emitted(folder: str) -> frozenset[str]:
    """Return the names of the metrics that a function's code can emit."""
    return frozenset(metric for node in calls_of(folder) for metric in _metrics(node))


def _metrics(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Attribute(attr="add_metric"), args=[metric, *_]):
            yield from _texts(metric)
        case ast.Call(func=ast.Name(id="_rejected"), args=[_, _, metric, *_]):
            yield from _texts(metric)
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="lines"), attr="write"), args=[*_, metrics]):
            yield from _texts(metrics)
        case ast.Assign(targets=[ast.Name(id="_METRICS")], value=ast.Dict(values=values)):
            yield from (text for value in values for text in _texts(value))
        case ast.Call(func=ast.Name(id="JobWatch"), keywords=keywords):
            written = {one.arg: one.value for one in keywords}
            yield from _texts(written.get("backlog", ast.Constant("Backlog")))
            yield from _texts(written.get("oldest", ast.Constant("OldestItemAge")))


def _texts(metric: ast.expr) -> Iterator[str]:
    yield from (one.value for one in ast.walk(metric) if isinstance(one, ast.Constant) and isinstance(one.value, str))


def of_the_code() -> Iterator[tuple[str, Alarmed]]:
    """Yield the alarms on our metrics: of each function, what its code emits and is worth an alarm."""
    for folder in FOLDERS:
        for metric in emitted(folder) & ALARMED.keys():
            if (folder, metric) not in NOT_ALARMED:
                when = OTHERWISE.get((folder, metric), ALARMED[metric])
                yield _watched(OWN, metric, service=folder), when
                if metric in AND_LATER:
                    yield _watched(OWN, metric, service=folder), AND_LATER[metric]
    yield _watched(OWN, "ThrottledRequests"), Alarmed()


# ── Metrics of AWS ────────────────────────────────────────────────────────────────────────────────────────────────────

OPERATIONS = ("TransactWriteItems", "GetItem", "BatchGetItem", "Query")
INDEXES = (
    keys.PURCHASES_INDEX,
    keys.EXPIRING_INDEX,
    keys.PARKED_INDEX,
    keys.PARKED_OF_CUSTOMER_INDEX,
    keys.FOLLOWED_INDEX,
    keys.WAITING_INDEX,
    keys.LISTED_INDEX,
)


def of_aws() -> Iterator[tuple[str, Alarmed]]:
    """Yield the alarms on what AWS itself emits about functions, queues, the API, the table and the archive."""
    for folder in FOLDERS:
        function = {"FunctionName": {"Ref": logical_id(folder)}}
        is_retried_first = folder in {"release_parked", "relay_changes"}
        yield _watched("AWS/Lambda", "Errors", **function), Alarmed(threshold=3 if is_retried_first else 1)
        yield _watched("AWS/Lambda", "Throttles", **function), Alarmed()
    for folder, _ in events("DynamoDB"):
        late = _watched("AWS/Lambda", "IteratorAge", FunctionName={"Ref": logical_id(folder)})
        yield late, Alarmed("Maximum", 600_000)  # milliseconds
    for name in of_type("AWS::SQS::Queue"):
        queue = {"QueueName": {"Fn::GetAtt": [name, "QueueName"]}}
        if name in {"RefundsToSend", "MailsToSend"}:  # work, and no dead letters: the schedule has done it by then
            yield _watched("AWS/SQS", "ApproximateAgeOfOldestMessage", **queue), Alarmed("Maximum", 1800)
            continue
        yield _watched("AWS/SQS", "ApproximateNumberOfMessagesVisible", **queue), Alarmed("Maximum")
        # Four days before SQS deletes it.
        yield _watched("AWS/SQS", "ApproximateAgeOfOldestMessage", **queue), Alarmed("Maximum", 10 * DAY_S)
    yield _watched("AWS/ApiGateway", "5xx", ApiId={"Ref": "BillingApi"}), Alarmed()
    table = {"TableName": {"Ref": "LedgerTable"}}
    for operation in OPERATIONS:  # a few are retried, and nobody notices
        yield _watched("AWS/DynamoDB", "SystemErrors", **table, Operation=operation), Alarmed(threshold=10)
    for metric in ("ReadThrottleEvents", "WriteThrottleEvents"):
        yield _watched("AWS/DynamoDB", metric, **table), Alarmed(threshold=50)
    for index in INDEXES:
        dimensions = table | {"GlobalSecondaryIndexName": index}
        yield _watched("AWS/DynamoDB", "WriteThrottleEvents", **dimensions), Alarmed(threshold=50)
    for stream in ARCHIVE_STREAMS:
        late = _watched("AWS/Firehose", "DeliveryToS3.DataFreshness", DeliveryStreamName={"Ref": stream})
        yield late, Alarmed("Maximum", 3600)


def _watched(namespace: Any, metric: str, **dimensions: Any) -> str:
    """Return a metric as text that can be compared."""
    return text([namespace, metric, dimensions])


def alarms() -> Iterator[tuple[str, Alarmed]]:
    """Yield what the template's alarms watch, and when they are raised."""
    for alarm in of_type("AWS::CloudWatch::Alarm").values():
        properties = alarm["Properties"]
        dimensions = {one["Name"]: one["Value"] for one in properties.get("Dimensions", ())}
        assert properties["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
        assert properties["EvaluationPeriods"] == 1
        yield (
            _watched(properties["Namespace"], properties["MetricName"], **dimensions),
            Alarmed(
                properties["Statistic"],
                properties["Threshold"],
                properties["Period"],
                properties["TreatMissingData"],
            ),
        )


def test_what_can_go_wrong_has_an_alarm_and_no_alarm_watches_what_nobody_emits() -> None:
    """Each once, with its threshold, period and statistic."""
    assert Counter(alarms()) == Counter([*of_the_code(), *of_aws()])


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_metric_of_the_code_is_alarmed_or_said_to_be_harmless(folder: str) -> None:
    """A new metric gets its word here; a word about none is dropped."""
    assert emitted(folder) <= ALARMED.keys() | HARMLESS.keys()
    everywhere = {metric for other in FOLDERS for metric in emitted(other)}
    assert everywhere == ALARMED.keys() | HARMLESS.keys()
    assert all(metric in emitted(other) for other, metric in (*OTHERWISE, *NOT_ALARMED))


def test_what_is_counted_is_found_in_the_code_of_each_kind_of_function() -> None:
    """The reader of the code sees something: else nothing would need an alarm."""
    assert all("NotStoredEvents" in emitted(folder) for folder in WEBHOOKS)
    assert all(
        "UnforeseenErrors" in emitted(folder) for folder in API if folder not in {"describe_api", "show_console"}
    )
    assert all("OldestItemAge" in emitted(folder) for folder in SCHEDULES)


def test_a_job_that_does_not_run_is_noticed_after_two_rounds_and_not_before() -> None:
    """Its gauge is missing. A round may be late, or begin at the end of a period."""
    for folder, schedules in SCHEDULES.items():
        waits = [
            when.period_s
            for metric in emitted(folder)
            if (when := OTHERWISE.get((folder, metric), ALARMED.get(metric, Alarmed()))).missing == "breaching"
            and (folder, metric) not in NOT_ALARMED
        ]
        assert len(waits) == len(schedules), f"each schedule of {folder} has a gauge"
        for schedule in schedules:
            assert any(2 * interval_s(schedule) <= wait <= 3 * interval_s(schedule) for wait in waits)


def test_our_metrics_have_their_stack_in_their_namespace() -> None:
    """Two stacks in one account do not ring each other's alarms."""
    assert GLOBALS["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"] == OWN
    for folder in FOLDERS:
        assert "POWERTOOLS_METRICS_NAMESPACE" not in FUNCTIONS[folder]["Environment"]["Variables"]


def test_what_the_gateway_refuses_is_counted_from_its_own_log() -> None:
    """AWS has no metric of it, and no function is called."""
    properties = RESOURCES["ThrottledRequests"]["Properties"]
    assert properties["LogGroupName"] == {"Ref": "ApiLogs"}
    assert properties["FilterPattern"] == '{ $.status = "429" }'
    assert '"status":"$context.status"' in RESOURCES["BillingApi"]["Properties"]["AccessLogSettings"]["Format"]
    (counted,) = properties["MetricTransformations"]
    assert counted == {"MetricName": "ThrottledRequests", "MetricNamespace": OWN, "MetricValue": "1"}


def test_every_alarm_reaches_somebody() -> None:
    """The topic of the deployment, else the stack's own with the address; a live stage has one of the two."""
    topic = {"Fn::If": ["HasOwnTopic", {"Ref": "AlarmTopic"}, {"Ref": "AlarmTopicArn"}]}
    for name, alarm in of_type("AWS::CloudWatch::Alarm").items():
        assert alarm["Properties"]["AlarmActions"] == [topic], name
    none = {"Fn::Equals": [{"Ref": "AlarmTopicArn"}, ""]}
    nobody = {"Fn::Equals": [{"Ref": "AlarmEmail"}, ""]}
    assert TEMPLATE["Conditions"]["HasOwnTopic"] == none
    assert TEMPLATE["Conditions"]["HasAlarmEmail"] == {"Fn::And": [{"Condition": "HasOwnTopic"}, {"Fn::Not": [nobody]}]}
    assert RESOURCES["AlarmTopic"]["Condition"] == "HasOwnTopic"
    subscription = RESOURCES["AlarmEmailSubscription"]
    assert subscription["Condition"] == "HasAlarmEmail"
    assert subscription["Properties"] == {
        "TopicArn": {"Ref": "AlarmTopic"},
        "Protocol": "email",
        "Endpoint": {"Ref": "AlarmEmail"},
    }
    rule = TEMPLATE["Rules"]["LiveTellsSomebody"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "ProviderMode"}, "live"]}
    assert [one["Assert"] for one in rule["Assertions"]] == [{"Fn::Not": [{"Fn::And": [nobody, none]}]}]


def test_a_live_stage_confirms_its_contracts_by_mail_or_says_who_does() -> None:
    """Otherwise nobody could use what he has paid for, and nobody would know before a customer complains."""
    rule = TEMPLATE["Rules"]["LiveConfirmsContracts"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "ProviderMode"}, "live"]}
    has_sender = {"Fn::Not": [{"Fn::Equals": [{"Ref": "MailsFrom"}, ""]}]}
    is_elsewhere = {"Fn::Equals": [{"Ref": "MailsSentElsewhere"}, "true"]}
    assert [one["Assert"] for one in rule["Assertions"]] == [{"Fn::Or": [has_sender, is_elsewhere]}]


def test_every_alarm_names_its_page() -> None:
    """An alarm without a page wakes somebody who then knows nothing."""
    runbook = Path("docs/runbook.md").read_text("utf-8")
    for name, alarm in of_type("AWS::CloudWatch::Alarm").items():
        anchor = alarm["Properties"]["AlarmDescription"].rpartition("docs/runbook.md#")[2].rstrip(".")
        assert f"\n## {anchor.replace('-', ' ').capitalize()}\n" in runbook, name
