"""What starts each function, how long it may take, what becomes of what it gives up, and what it is told."""

import ast
import inspect
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from functions.follow_cases.app import DECIDE_ONLY
from functions.send_mails.app import CONFIRM_ORDERS, REMIND
from functions.send_mails.app import TIME_FOR_AN_ITEM as TIME_FOR_A_MAIL
from functions.send_refunds.app import TIME_FOR_AN_ITEM as TIME_FOR_A_REFUND
from functions.show_console import app as show_console
from ledger import config
from ledger.domain.domain_events import (
    KINDS,
    SOURCE,
    AddressChanged,
    ApprovedRefundChanged,
    CustomerIdentified,
    DeclarationApproved,
    DeclarationConfirmed,
    EventParked,
    IncidentBegun,
    MailListed,
    OrderPaid,
    PaymentDisputed,
    PurchasesNamed,
    RefundIntentListed,
    RenewalStopListed,
    RunFailureRecorded,
)
from ledger.dynamodb import keys
from ledger.dynamodb.calls import PATIENCE_S
from ledger.dynamodb.keys import ItemKind
from ledger.job import TIME_FOR_AN_ITEM
from ledger.ports.documents import DocumentKind
from ledger.providers.responses import TIMEOUT_S
from ledger.ses import REPORTS
from ledger.usecases.send_mails import LEASE_DURATION as LEASE_OF_A_MAIL
from ledger.usecases.send_refunds import LEASE_DURATION
from tests.unit.tools.template_parts import (
    API,
    ARCHIVE_STREAMS,
    FOLDERS,
    FUNCTIONS,
    GLOBALS,
    RESOURCES,
    TEMPLATE,
    WEBHOOKS,
    each,
    events,
    logical_id,
    of_type,
)
from tools.template import layers_of
from tools.testing.reach import reach_of

RELAY = "relay_changes"
JOBS = tuple(folder for folder in FOLDERS if folder not in {*WEBHOOKS, *API, RELAY})
CALL_S = 3.0
"""What one call of DynamoDB takes at most: a second to connect, two to answer."""
GATEWAY_S = 30
"""How long API Gateway waits for a function."""
LAMBDA_S = 900
"""How long Lambda lets a function run at most."""
PROVIDER_WAITS_S = 10
"""How long Stripe and Paddle wait for the answer to a delivery, at most."""

# ── Time ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def timeout_s(folder: str) -> int:
    """Return a function's time-out."""
    return int(FUNCTIONS[folder].get("Timeout", GLOBALS["Timeout"]))


@pytest.mark.parametrize("folder", WEBHOOKS)
def test_a_webhook_answers_before_its_provider_gives_up_and_not_before_it_has_tried(folder: str) -> None:
    """The patience with a busy table, and the last call, fit into what a provider waits."""
    assert PATIENCE_S + CALL_S <= timeout_s(folder) <= PROVIDER_WAITS_S


@pytest.mark.parametrize("folder", API)
def test_a_function_of_the_api_ends_before_the_gateway_does(folder: str) -> None:
    """The one that calls a provider has the time to ask it twice; a customer gets our answer and not the gateway's."""
    shortest = TIME_FOR_A_REFUND.total_seconds() if "gateway" in reach_of(folder).attributes else PATIENCE_S + CALL_S
    assert shortest < timeout_s(folder) < GATEWAY_S


@pytest.mark.parametrize("folder", JOBS)
def test_a_job_has_time_for_several_items_and_ends_before_its_next_round(folder: str) -> None:
    """A round begins no item without the time for it: in too short a time it would begin none."""
    is_paced = folder in {"send_refunds", "send_mails"}
    least = 2 * TIME_FOR_A_REFUND.total_seconds() if is_paced else 6 * TIME_FOR_AN_ITEM.total_seconds()
    assert TIME_FOR_A_MAIL == TIME_FOR_A_REFUND
    intervals = [interval_s(event["Schedule"]) for name, event in events("Schedule") if name == folder]
    assert least <= timeout_s(folder) <= min([LAMBDA_S, *intervals])


def test_the_rounds_of_a_day_expire_all_periods_that_end_on_it() -> None:
    """100,000 of them, with the calls for each that docs/scale.md has, at 50 ms a call. The rest would wait a day."""
    periods, calls_each, call_s = 100_000, 2.17, 0.05
    (round_s,) = [interval_s(event["Schedule"]) for name, event in events("Schedule") if name == "expire_credits"]
    rounds = 24 * 3600 // round_s
    assert rounds * timeout_s("expire_credits") >= periods * calls_each * call_s


def test_the_relay_has_time_for_a_bus_that_is_slow_twice() -> None:
    """One PutEvents is tried twice, and has a second to connect and three to answer; another batch waits behind it."""
    assert 2 * 2 * (1 + 3) <= timeout_s(RELAY) < 60


@pytest.mark.parametrize(("folder", "lease"), [("send_refunds", LEASE_DURATION), ("send_mails", LEASE_OF_A_MAIL)])
def test_a_sender_has_ended_before_its_lease_does_and_the_next_round_sends_what_it_left(
    folder: str, lease: timedelta
) -> None:
    """A shorter lease lets the next sender send the refund while the first one still does; a longer one delays it."""
    rounds = [interval_s(event["Schedule"]) for name, event in events("Schedule") if name == folder]
    assert timeout_s(folder) < lease.total_seconds() < min(rounds)


def test_the_time_for_an_item_covers_its_calls() -> None:
    """Else Lambda stops a round halfway: a read, a commit and a read after a conflict; a provider is asked twice."""
    assert TIME_FOR_AN_ITEM.total_seconds() >= 3 * CALL_S
    assert TIME_FOR_A_REFUND.total_seconds() >= 2 * sum(TIMEOUT_S)


# ── Schedules ─────────────────────────────────────────────────────────────────────────────────────────────────────────

SCHEDULES: Mapping[str, dict[str, Any]] = {
    # How often each runs, and with which input. Every consumer of events has one, which does the same without events.
    "release_parked": {"rate(1 hour)": None},
    "expire_credits": {"rate(1 hour)": None},
    "send_refunds": {"rate(5 minutes)": None},  # a customer waits for the money
    "replace_failed_runs": {"rate(5 minutes)": None},  # customers were told that it is made good
    "follow_declarations": {"rate(15 minutes)": None},  # who declared waits for the acknowledgement
    "send_mails": {
        "rate(5 minutes)": None,  # the credits wait for the mail
        "rate(30 minutes)": {REMIND: True},
        "rate(1 hour)": {CONFIRM_ORDERS: True},
    },
    "follow_cases": {"rate(5 minutes)": {DECIDE_ONLY: True}, "rate(1 hour)": None},  # a customer waits for the decision
}


def interval_s(schedule: str) -> int:
    """Return the seconds from one run to the next."""
    count, unit = schedule.removeprefix("rate(").removesuffix(")").split()
    return int(count) * {"minute": 60, "hour": 3600}[unit.removesuffix("s")]


def test_each_job_runs_when_it_should_and_nothing_else_does() -> None:
    """A lost event is made up for by the next round."""
    found: dict[str, dict[str, Any]] = {}
    for folder, event in events("Schedule", "ScheduleV2"):
        assert event.get("Enabled", True) is True
        found.setdefault(folder, {})[event["Schedule"]] = json.loads(event["Input"]) if "Input" in event else None
    assert found == SCHEDULES
    assert {folder for folder, _ in events("SQS", "EventBridgeRule")} == SCHEDULES.keys() - {"expire_credits"} | {
        "index_names"  # no money waits for a row of the index, and `billing index` writes what was lost
    }


# ── The table's stream and the bus ────────────────────────────────────────────────────────────────────────────────────


def _image(**attributes: Any) -> dict[str, Any]:
    return {name: {kind: rules} for name, (kind, rules) in attributes.items()}


_PAYMENT = ("S", [{"prefix": keys.range_of(ItemKind.PAYMENT).pk}])
_LISTS = [
    keys.range_of(DocumentKind.REFUND_INTENT).pk,
    keys.range_of(DocumentKind.RENEWAL_STOP).pk,
    keys.range_of(DocumentKind.LISTED_DECLARATION).pk,
    keys.range_of(DocumentKind.RUNNING_INCIDENT).pk,
    {"prefix": keys.range_of(DocumentKind.MAIL_INTENT).pk},
]


def _payment_of(**rules: Any) -> tuple[str, Any]:
    return ("M", {"payment": {"M": rules}})


_ORDER = keys.range_of(ItemKind.FULFILMENT_KEY).pk + "order/"
_RECEIPT, _SET = ("S", [{"prefix": "RECEIPT#"}]), ("S", [{"exists": True}])
RECORDS = [
    # Which changes of the table may be an event.
    {"eventName": ["INSERT"], "dynamodb": {"NewImage": _image(pk=("S", _LISTS))}},
    {"dynamodb": {"NewImage": _image(pk=_PAYMENT, version=("N", [{"exists": True}]))}},
    {"dynamodb": {"NewImage": _image(pk=_RECEIPT, outcome=("S", ["noted", "parked"]))}},
    {
        "dynamodb": {
            "NewImage": _image(
                pk=("S", [{"prefix": "SUBSCRIPTION#"}, {"prefix": _ORDER}, {"prefix": "CONTACT#"}]), account_id=_SET
            )
        }
    },
    {"eventName": ["INSERT"], "dynamodb": {"NewImage": _image(sk=("S", [{"prefix": "FAILED#"}]))}},
]

_NAMES = {content: name for name, (_, content) in KINDS.items()}
SUBSCRIBED = {
    # Who gets which domain events.
    "release_parked": {_NAMES[CustomerIdentified]},
    "index_names": {
        _NAMES[PurchasesNamed],
        _NAMES[AddressChanged],
        _NAMES[RunFailureRecorded],
        _NAMES[EventParked],
        _NAMES[DeclarationConfirmed],
    },
    "follow_cases": {_NAMES[ApprovedRefundChanged], _NAMES[PaymentDisputed]},
    "replace_failed_runs": {_NAMES[IncidentBegun]},
    "follow_declarations": {_NAMES[DeclarationConfirmed], _NAMES[DeclarationApproved]},
    "MailsToSend": {_NAMES[MailListed], _NAMES[OrderPaid]},
    "RefundsToSend": {_NAMES[RefundIntentListed], _NAMES[RenewalStopListed]},
}
PATIENCE = {"MaximumRetryAttempts": 10, "MaximumEventAgeInSeconds": 3600}
"""How often, and until when, the bus tries: by then the schedules have done what it was for."""


def rules() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Yield each rule of the bus: whom it is for, its pattern, and bus, retries and dead letters."""
    for folder, event in events("EventBridgeRule"):
        yield folder, event["Pattern"], event
    for rule in of_type("AWS::Events::Rule").values():
        (target,) = rule["Properties"]["Targets"]
        settings = {"EventBusName": rule["Properties"].get("EventBusName"), **target}
        yield target["Arn"]["Fn::GetAtt"][0], rule["Properties"]["EventPattern"], settings


def test_the_stream_has_one_reader_which_gets_what_may_be_an_event() -> None:
    """No filter, or a wider one, starts it for every write of the table; a narrower one leaves it to the schedules."""
    ((folder, event),) = events("DynamoDB")
    assert folder == "relay_changes"
    assert [json.loads(one["Pattern"]) for one in event["FilterCriteria"]["Filters"]] == RECORDS
    assert event["StartingPosition"] == "TRIM_HORIZON", "LATEST may leave out records of the time of a deployment"


def test_a_poisonous_record_blocks_its_shard_for_minutes_and_not_for_a_day() -> None:
    """A failed batch is halved, tried several times, and given up within the hour."""
    ((folder, event),) = events("DynamoDB")
    assert event["BisectBatchOnFunctionError"] is True
    assert 3 <= event["MaximumRetryAttempts"] <= 10
    assert event["MaximumRetryAttempts"] * timeout_s(folder) <= event["MaximumRecordAgeInSeconds"] == 3600
    assert event["BatchSize"] == 100, "ten calls of PutEvents, if each is an event"
    assert 1 <= event["MaximumBatchingWindowInSeconds"] <= 5, (
        "writes of one moment cost one run; a customer waits for it"
    )
    assert event["Stream"] == {"Fn::GetAtt": ["LedgerTable", "StreamArn"]}


def test_each_subscriber_gets_its_events_and_no_others() -> None:
    """Of the version that it knows, from our own bus; the bus tries again for an hour."""
    found = {}
    for subscriber, pattern, settings in rules():
        if pattern["source"] == ["aws.ses"]:
            continue
        assert {name: each(value) for name, value in pattern.items() if name != "detail"} == {
            "source": [SOURCE],
            "detail-type": pattern["detail-type"],
        }
        assert (
            pattern["detail"]
            == {"version": [1]}
            == {"version": list({KINDS[kind][0] for kind in pattern["detail-type"]})}
        )
        assert settings["EventBusName"] == {"Ref": "LedgerBus"}
        assert settings["RetryPolicy"] == PATIENCE
        found[subscriber] = set(pattern["detail-type"])
    assert found == SUBSCRIBED


def test_what_the_mail_service_reports_reaches_the_queue_of_mails() -> None:
    """From the account's own bus: SES knows no other. The rule has the name that the queue's policy allows."""
    ((subscriber, pattern, settings),) = (one for one in rules() if one[1]["source"] == ["aws.ses"])
    assert (subscriber, set(pattern["detail-type"])) == ("MailsToSend", set(REPORTS))
    assert (settings["EventBusName"], settings["RetryPolicy"]) == (None, PATIENCE)
    assert RESOURCES["MailFailuresRule"]["Properties"]["Name"] == {"Fn::Sub": "${AWS::StackName}-mail-failures"}
    for name in ("Mails", "Receipts"):
        properties = RESOURCES[f"{name}Failures"]["Properties"]
        assert properties["ConfigurationSetName"] == {"Ref": f"{name}Configuration"}
        destination = dict(properties["EventDestination"])
        assert set(destination.pop("MatchingEventTypes")) == {"bounce", "complaint"}
        bus = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/default"
        assert destination == {"Enabled": True, "EventBridgeDestination": {"EventBusArn": {"Fn::Sub": bus}}}


def test_what_came_back_is_not_sent_again_and_shows_in_the_reputation() -> None:
    """SES stops an account that goes on sending to addresses that bounce or complain."""
    configurations = of_type("AWS::SES::ConfigurationSet")
    assert configurations.keys() == {"MailsConfiguration", "ReceiptsConfiguration"}
    for one in configurations.values():
        properties = one["Properties"]
        assert set(properties["SuppressionOptions"]["SuppressedReasons"]) == {"BOUNCE", "COMPLAINT"}
        assert properties["ReputationOptions"] == {"ReputationMetricsEnabled": True}
        assert properties["SendingOptions"] == {"SendingEnabled": True}


def test_what_is_invoked_asynchronously_is_tried_again_and_kept() -> None:
    """Events of the bus and runs of a schedule: Lambda has a queue of its own for them."""
    for folder, function in FUNCTIONS.items():
        if {event["Type"] for event in function.get("Events", {}).values()} & {"EventBridgeRule"}:
            invoked = dict(function["EventInvokeConfig"])
            queue = logical_id(folder).removesuffix("Function") + "DeadLetters"
            target = {"Type": "SQS", "Destination": {"Fn::GetAtt": [queue, "Arn"]}}
            assert invoked.pop("DestinationConfig") == {"OnFailure": target}
            assert invoked == {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600}


def test_a_function_that_names_its_failed_records_is_asked_for_them() -> None:
    """Without ReportBatchItemFailures the result means that all is done, and with it that the names count."""
    for folder, event in events("DynamoDB", "SQS"):
        names_them = "batchItemFailures" in reach_of(folder).texts
        assert (event.get("FunctionResponseTypes") == ["ReportBatchItemFailures"]) is names_them


# ── Queues ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def dead_letters() -> dict[str, list[Any]]:
    """Return where each source of events leaves what was given up: by function, or by the queue of a rule."""
    found: dict[str, list[Any]] = {}
    for folder, event in events("DynamoDB"):
        found.setdefault(folder, []).append(event["DestinationConfig"]["OnFailure"]["Destination"])
    for subscriber, _, settings in rules():
        found.setdefault(subscriber, []).append(settings["DeadLetterConfig"]["Arn"])
    for folder, event in events("SQS"):
        queue = event["Queue"]["Fn::GetAtt"][0]
        redrive = RESOURCES[queue]["Properties"]["RedrivePolicy"]
        assert redrive["maxReceiveCount"] >= 5, "what AWS advises"
        found.setdefault(folder, []).append(redrive["deadLetterTargetArn"])
        found[folder] += found.pop(queue)
    return found


def test_nothing_that_is_given_up_is_lost() -> None:
    """Each source of events has the dead-letter queue of its function, and each queue is connected."""
    found = dead_letters()
    for folder, queues in found.items():
        own = {"Fn::GetAtt": [logical_id(folder).removesuffix("Function") + "DeadLetters", "Arn"]}
        assert all(queue == own for queue in queues), folder
    used = {queue["Fn::GetAtt"][0] for queues in found.values() for queue in queues}
    worked = {event["Queue"]["Fn::GetAtt"][0] for _, event in events("SQS")}
    assert of_type("AWS::SQS::Queue").keys() == used | worked


def test_a_dead_letter_is_kept_for_two_weeks_and_every_queue_is_encrypted() -> None:
    """The longest that SQS keeps a message. Work that has waited for a day was done by the schedule."""
    for name, queue in of_type("AWS::SQS::Queue").items():
        days = 14 if name.endswith("DeadLetters") else 1
        assert queue["Properties"]["MessageRetentionPeriod"] == days * 24 * 3600
        assert queue["Properties"]["SqsManagedSseEnabled"] is True


def test_a_queue_hides_a_message_for_six_times_as_long_as_its_function_may_take() -> None:
    """What AWS asks for: else a message is taken by another invocation while the first still works on it."""
    for folder, event in events("SQS"):
        queue = RESOURCES[event["Queue"]["Fn::GetAtt"][0]]["Properties"]
        assert 6 * timeout_s(folder) <= queue["VisibilityTimeout"] < 12 * timeout_s(folder)
        assert event["BatchSize"] * TIME_FOR_A_REFUND.total_seconds() <= timeout_s(folder)
        assert event["BatchSize"] == timeout_s(folder) // TIME_FOR_A_REFUND.total_seconds()
        assert event["ScalingConfig"] == {"MaximumConcurrency": 2}, (
            "the queue paces: a provider is asked by two at most"
        )


def test_a_message_that_fails_is_a_dead_letter_before_anything_else_becomes_of_it() -> None:
    """Before its queue forgets it, and before the alarm on what waits calls it late."""
    for _, event in events("SQS"):
        name = event["Queue"]["Fn::GetAtt"][0]
        queue = RESOURCES[name]["Properties"]
        tried_s = queue["RedrivePolicy"]["maxReceiveCount"] * queue["VisibilityTimeout"]
        (late_s,) = (
            alarm["Properties"]["Threshold"]
            for alarm in of_type("AWS::CloudWatch::Alarm").values()
            if {"Name": "QueueName", "Value": {"Fn::GetAtt": [name, "QueueName"]}}
            in alarm["Properties"].get("Dimensions", ())
        )
        assert tried_s <= late_s < queue["MessageRetentionPeriod"]


def test_only_our_bus_puts_messages_into_a_queue() -> None:
    """A queue that a rule names needs a policy: without one the bus can't put anything into it, and says nothing."""
    named = {queue["Fn::GetAtt"][0] for _, _, settings in rules() for queue in [settings["DeadLetterConfig"]["Arn"]]}
    named |= {event["Queue"]["Fn::GetAtt"][0] for _, event in events("SQS")}
    policies = {
        each(item["Properties"]["Queues"])[0]["Ref"]: item for item in of_type("AWS::SQS::QueuePolicy").values()
    }
    assert policies.keys() == named
    rule = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/${LedgerBus}/*"
    for name, policy in policies.items():
        (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
        sources: Any = {"Fn::Sub": rule}
        if name in {"MailsToSend", "SendMailsDeadLetters"}:
            sources = [sources, {"Fn::Sub": rule.replace("${LedgerBus}/*", "${AWS::StackName}-mail-failures")}]
        assert statement == {
            "Sid": "OnlyOurBus",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": {"Fn::GetAtt": [name, "Arn"]},
            "Condition": {"ArnLike": {"aws:SourceArn": sources}},
        }


# ── Environment and layers ────────────────────────────────────────────────────────────────────────────────────────────

LOCAL_ONLY = {"signing_secrets", "api_keys", "address_key", "api_bases", "is_measured", "is_s3_local", "region"}
"""Settings that a deployment does not set: Lambda does, or they are for local runs."""
FOR_OTHERS = {
    ("read_catalogue", "is_paused"): "it shows the policy, and decides nothing",
    ("review_incidents", "is_paused"): "it loads the policy for its limits, and decides nothing",
    ("review_parked", "is_paused"): "it loads the policy for its limits, and decides nothing",
    ("send_mails", "is_paused"): "it loads the policy for its text, and decides nothing",
    ("place_order", "is_paused"): "it loads the policy for its version, and decides nothing",
}
EVERYWHERE = {
    *("TABLE_NAME", "PROVIDER_MODE", "CATALOGUE_FILE", "POLICY_FILE", "STRIPE_ACCOUNT_ID", "MUTED"),
    *("GROUPS_CLAIM", "SUPPORT_GROUP"),
}
"""Settings that every function gets, so that all agree."""
POWERTOOLS = {"POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL"}


def variables_of_settings() -> dict[str, set[str]]:
    """Return which variables each setting is read from, as `Config.of` says."""
    (of,) = (node for node in ast.walk(ast.parse(inspect.getsource(config))) if getattr(node, "name", "") == "of")
    (call,) = (node for node in ast.walk(of) if isinstance(node, ast.Call) and ast.unparse(node.func) == "cls")
    found = {}
    for keyword in call.keywords:
        texts = [node.value for node in ast.walk(keyword.value) if isinstance(node, ast.Constant)]
        names = {str(text) for text in texts if isinstance(text, str) and text.isupper() and len(text) > 1}
        found[str(keyword.arg)] = {"STRIPE_ACCOUNT_ID" if name == "ACCOUNT_ID" else name for name in names}
    found["is_live"] = {"PROVIDER_MODE"}
    return found


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_is_told_each_setting_that_its_code_reads_and_no_other(folder: str) -> None:
    """A setting that is left out has its default in this function alone; one too many says what is not true."""
    reach = reach_of(folder)
    is_webhook, calls_provider = folder in WEBHOOKS, "gateway" in reach.attributes
    needed: set[str] = set()
    for setting, names in variables_of_settings().items():
        if setting not in reach.attributes or setting in LOCAL_ONLY or (folder, setting) in FOR_OTHERS:
            continue
        if (setting == "secrets_name" and not is_webhook) or (setting == "keys_name" and not calls_provider):
            continue
        needed |= names
    own = FUNCTIONS[folder]["Environment"]["Variables"]
    bus = {"EVENT_BUS_NAME"} if folder == RELAY else set()
    console = set(show_console.SETTINGS) if folder == "show_console" else set()  # it reads no `Config`
    assert own.keys() == {"POWERTOOLS_SERVICE_NAME", *bus, *console, *(needed - EVERYWHERE)}
    assert own["POWERTOOLS_SERVICE_NAME"] == folder


def test_every_function_is_told_the_same_of_what_all_read() -> None:
    """Two functions that disagree about table or mode would split the ledger."""
    everyones = GLOBALS["Environment"]["Variables"]
    assert everyones.keys() == EVERYWHERE | POWERTOOLS
    assert everyones["TABLE_NAME"] == {"Ref": "LedgerTable"}
    for name in EVERYWHERE - {"TABLE_NAME"}:
        parameter = "".join(part.title() for part in name.split("_"))
        assert everyones[name] == {"Ref": parameter}


def test_a_setting_is_what_its_parameter_or_resource_says() -> None:
    """`DEBT_WITHHELD` is the parameter DebtWithheld; a name is that of its resource."""
    resources = {
        "PROVIDER_KEYS_NAME": "ProviderKeys",
        "ADDRESS_KEY_NAME": "AddressKey",
        "EVIDENCE_BUCKET_NAME": "EvidenceBucket",
        "RELEASE": "LedgerLayer",
        "EVENT_BUS_NAME": "LedgerBus",
    }
    for folder in FOLDERS:
        own = dict(FUNCTIONS[folder]["Environment"]["Variables"])
        del own["POWERTOOLS_SERVICE_NAME"]
        if folder in WEBHOOKS:
            names = {"Fn::Join": [",", [{"Ref": stream} for stream in ARCHIVE_STREAMS]]}
            assert own.pop("ARCHIVE_STREAM_NAMES") == {"Fn::If": ["KeepsRawBodies", names, ""]}
        if folder == "show_console":  # one scope reaches support's routes, the other asks for the ID token
            assert own.pop("CONSOLE_SCOPES") == {"Fn::Sub": "openid ${SupportScope}"}
        for name in ("MAILS_CONFIGURATION_SET", "RECEIPTS_CONFIGURATION_SET") if folder == "send_mails" else ():
            resource = "".join(part.title() for part in name.removesuffix("_SET").split("_"))
            assert own.pop(name) == {"Fn::If": ["SendsMails", {"Ref": resource}, ""]}
        if "PUBLIC_URL" in own:
            here = {"Fn::Sub": "https://${BillingApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}"}
            assert own.pop("PUBLIC_URL") == {"Fn::If": ["HasPublicUrl", {"Ref": "PublicUrl"}, here]}
        for name, value in own.items():
            parameter = "".join(part.title() for part in name.split("_"))
            if name == "SIGNING_SECRETS_NAME":
                parameter = logical_id(folder).removesuffix("Function") + "Secrets"
            assert value == {"Ref": resources.get(name, parameter)}
            assert value["Ref"] in {*TEMPLATE["Parameters"], *RESOURCES}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_has_a_share_of_a_processor_and_no_more_than_one(folder: str) -> None:
    """Lambda gives it with the memory: with less, a cold start takes too long; of a second one Python uses nothing."""
    assert 512 <= FUNCTIONS[folder].get("MemorySize", GLOBALS["MemorySize"]) <= 1769


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_has_the_layers_that_its_code_imports_from(folder: str) -> None:
    """Fewer, and its first import fails; more, and it could import what it should not."""
    reach = reach_of(folder)
    layers = {"DependenciesLayer", "LedgerLayer"}
    if "ledger.api.http:resolver" in reach.names:
        layers.add("ApiLayer")
    if "gateway" in reach.attributes:
        layers.add("ProvidersLayer")
    assert set(layers_of(TEMPLATE, logical_id(folder))) == layers


def test_the_functions_run_what_was_tested() -> None:
    """Runtime and handler, said once for all; and each leaves a trace, and lines in the form of all others."""
    assert (GLOBALS["Runtime"], GLOBALS["Handler"]) == ("python3.13", "app.lambda_handler")
    assert (GLOBALS["Tracing"], GLOBALS["LoggingConfig"]) == ("Active", {"LogFormat": "JSON"})
    assert GLOBALS["Environment"]["Variables"]["POWERTOOLS_LOG_LEVEL"] == "INFO", (
        "a delivery's one line is of this level"
    )
    for folder in FOLDERS:
        assert not {"Runtime", "Handler", "Architectures", "Role"} & FUNCTIONS[folder].keys()
    assert all(each(layer["Properties"]["CompatibleRuntimes"]) == ["python3.13"] for layer in _layers())


def _layers() -> list[dict[str, Any]]:
    return list(of_type("AWS::Serverless::LayerVersion").values())
