"""What the deployment promises: who may call what, and that each function and alarm is what its name says.

The other rules: `test_template_permissions`, `test_template_sources`, `test_template_storage`, `test_template_alarms`,
`test_template_parameters`.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.unit.tools.template_parts import FOLDERS, GLOBALS, RESOURCES, TEMPLATE, WEBHOOKS, events, logical_id, of_type
from tools.openapi import FILE as OPENAPI
from tools.template import Cors, JwtAuthorizer, cors, functions, jwt_authorizers, routes


def test_every_folder_is_a_function_of_its_name_and_back() -> None:
    """`dispute_opened` is DisputeOpenedFunction."""
    code = {name: item["CodeUri"] for name, item in functions(TEMPLATE).items()}
    assert code == {logical_id(folder): f"functions/{folder}/" for folder in FOLDERS}


ANSWERS = ("approval", "objection")


def test_the_webhooks_are_public_and_nothing_else_is() -> None:
    """Both providers share a route. What is no webhook and no description says who may call it."""
    public = {(route.method, route.path) for route in routes(TEMPLATE) if route.authorizer is None}
    webhooks = {("POST", f"/webhooks/{{provider}}/{name.replace('_', '-')}") for name in WEBHOOKS}
    described = {("GET", "/openapi.json"), ("GET", "/docs"), ("GET", "/docs/{asset}")}
    console = {("GET", "/console"), ("GET", "/console/{release}/{asset}")}
    shop = {("GET", "/catalogue"), ("GET", "/policy"), ("GET", "/policy/{version}")}
    declarations = {
        ("POST", "/withdrawal-declarations"),
        ("POST", "/cancellation-declarations"),
        ("POST", "/declarations/{declaration_id}/confirmation"),
        ("GET", "/withdrawal"),
        ("POST", "/withdrawal"),
        ("GET", "/cancellation"),
        ("POST", "/cancellation"),
        *((method, f"/declarations/{{declaration_id}}/{answer}") for method in ("GET", "POST") for answer in ANSWERS),
    }
    assert public == webhooks | described | console | shop | declarations


def test_every_route_that_is_not_public_has_its_scope_or_is_for_our_services() -> None:
    """An authorizer without a scope would believe ID tokens too; support's routes want support's scope."""
    for route in routes(TEMPLATE):
        if route.authorizer == "CustomerJwt":
            assert route.scopes == (("billing.support",) if route.path.startswith("/support/") else ("billing",))
        elif route.authorizer:
            assert route.authorizer == "AWS_IAM"
            assert route.folder in {"record_usage", "place_order"}


def test_compiled_layers_are_for_the_functions_machine() -> None:
    """A layer for another architecture deploys well and fails at its first import."""
    machines = TEMPLATE["Globals"]["Function"]["Architectures"]
    makefile = Path("layers/api/Makefile").read_text("utf-8")
    assert RESOURCES["ApiLayer"]["Properties"]["CompatibleArchitectures"] == machines
    assert {"arm64": "aarch64", "x86_64": "x86_64"}[machines[0]] in makefile.partition("LAYER_PLATFORM ?= ")[2][:30]


API = {"JwtIssuer": "https://issuer.example", "JwtAudience": "audience", "AllowedOrigin": "https://app.example"}
"""What the deployment says of who may call the API."""


def test_a_token_is_believed_for_our_issuer_and_audience_alone() -> None:
    """It travels in the header Authorization."""
    expected = {"CustomerJwt": JwtAuthorizer(API["JwtIssuer"], (API["JwtAudience"],))}
    assert jwt_authorizers(TEMPLATE, API) == expected


def headers_of(part: str) -> set[str]:
    """Return the names of headers that the API's description has in its requests, or in its responses."""
    paths = json.loads(OPENAPI.read_text("utf-8"))["paths"]
    operations = [one for path in paths.values() for name, one in path.items() if name != "parameters"]
    if part == "responses":
        return {name.lower() for one in operations for said in one[part].values() for name in said.get("headers", ())}
    named = [one for operation in operations for one in operation.get(part, ()) if one["in"] == "header"]
    return {one["name"].lower() for one in named}


def test_a_script_of_our_frontends_can_do_what_the_api_offers_and_one_of_others_nothing() -> None:
    """Every method that a token opens, every header that the description has; and support asks for the request's id."""
    for other in ({}, {"OtherAllowedOrigin": "https://other.example"}):
        allowed = cors(TEMPLATE, API | other)
        assert allowed
        assert 600 <= (allowed.max_age_s or 0) <= 7200, "browsers keep the answer for two hours at most"
        assert allowed == Cors(
            origins=(API["AllowedOrigin"], *other.values()),
            methods=allowed.methods,
            headers=allowed.headers,
            exposed=allowed.exposed,
            max_age_s=allowed.max_age_s,
            is_with_credentials=False,
        )
        assert set(allowed.methods) == {route.method for route in routes(TEMPLATE) if route.authorizer == "CustomerJwt"}
        assert set(allowed.headers) == {"authorization", "content-type", *headers_of("parameters")}
        assert set(allowed.exposed) == {"apigw-requestid", *headers_of("responses")}


def test_every_route_is_one_of_our_api_in_the_form_that_the_code_reads() -> None:
    """Without its name SAM makes a second API for the route: without CORS, access log, limits and alarms."""
    (api,) = of_type("AWS::Serverless::HttpApi")
    for _, event in events("HttpApi"):
        assert event["ApiId"] == {"Ref": api}
    for _, event in events("Api"):
        raise AssertionError(f"{event} is of another kind of API")


# ── All resources ─────────────────────────────────────────────────────────────────────────────────────────────────────

_KEPT = {"DeletionPolicy", "UpdateReplacePolicy"}
PROPERTIES = {
    # What a rule looks at. Any other property may turn a resource off, open it, or hide what it does.
    "AWS::CloudWatch::Alarm": {
        *("AlarmActions", "AlarmDescription", "ComparisonOperator", "Dimensions", "EvaluationPeriods", "MetricName"),
        *("Namespace", "Period", "Statistic", "Threshold", "TreatMissingData"),
    },
    "AWS::DynamoDB::Table": {
        *("AttributeDefinitions", "BillingMode", "DeletionProtectionEnabled", "GlobalSecondaryIndexes", "KeySchema"),
        *("PointInTimeRecoverySpecification", "SSESpecification", "StreamSpecification", *_KEPT),
    },
    "AWS::Events::EventBus": {"Description", "Name"},
    "AWS::Events::Rule": {"EventBusName", "EventPattern", "Name", "Targets"},
    "AWS::IAM::Role": {"AssumeRolePolicyDocument", "Policies"},
    "AWS::KinesisFirehose::DeliveryStream": {"DeliveryStreamType", "ExtendedS3DestinationConfiguration"},
    "AWS::Logs::LogGroup": {"LogGroupName", "RetentionInDays"},
    "AWS::Logs::MetricFilter": {"FilterPattern", "LogGroupName", "MetricTransformations"},
    "AWS::S3::Bucket": {
        *("BucketEncryption", "CorsConfiguration", "LifecycleConfiguration", "PublicAccessBlockConfiguration", *_KEPT),
    },
    "AWS::S3::BucketPolicy": {"Bucket", "PolicyDocument"},
    "AWS::SES::ConfigurationSet": {"ReputationOptions", "SendingOptions", "SuppressionOptions"},
    "AWS::SES::ConfigurationSetEventDestination": {"ConfigurationSetName", "EventDestination"},
    "AWS::SNS::Subscription": {"Endpoint", "Protocol", "TopicArn"},
    "AWS::SNS::Topic": set(),  # with a key of AWS's own CloudWatch could not publish to it
    "AWS::SQS::Queue": {"MessageRetentionPeriod", "RedrivePolicy", "SqsManagedSseEnabled", "VisibilityTimeout"},
    "AWS::SQS::QueuePolicy": {"PolicyDocument", "Queues"},
    "AWS::SecretsManager::Secret": {"Description", "GenerateSecretString", "Name", "SecretString", *_KEPT},
    "AWS::Serverless::Function": {
        *("CodeUri", "Environment", "EventInvokeConfig", "Events", "Layers", "LoggingConfig", "MemorySize", "Policies"),
        "Timeout",
    },
    "AWS::Serverless::HttpApi": {
        *("AccessLogSettings", "Auth", "CorsConfiguration", "DefaultRouteSettings", "RouteSettings", "StageName"),
    },
    "AWS::Serverless::LayerVersion": {
        *("CompatibleArchitectures", "CompatibleRuntimes", "ContentUri", "Metadata", "RetentionPolicy"),
    },
    # of events
    "DynamoDB": {
        *("BatchSize", "BisectBatchOnFunctionError", "DestinationConfig", "FilterCriteria", "FunctionResponseTypes"),
        *("MaximumBatchingWindowInSeconds", "MaximumRecordAgeInSeconds", "MaximumRetryAttempts", "StartingPosition"),
        "Stream",
    },
    "EventBridgeRule": {"DeadLetterConfig", "EventBusName", "Pattern", "RetryPolicy"},
    "HttpApi": {"ApiId", "Auth", "Method", "Path"},
    "SQS": {"BatchSize", "FunctionResponseTypes", "Queue", "ScalingConfig"},
    "Schedule": {"Description", "Input", "Schedule"},
    "target of a rule": {"Arn", "DeadLetterConfig", "Id", "RetryPolicy"},
    "all functions": {
        *("Architectures", "Environment", "Handler", "Layers", "LoggingConfig", "MemorySize", "Runtime", "Timeout"),
        "Tracing",
    },
}


def properties() -> Iterator[tuple[str, str, set[str]]]:
    """Yield each resource, event and target: its name, its type, and what is said of it."""
    assert TEMPLATE["Globals"].keys() == {"Function"}
    yield "Globals", "all functions", {*GLOBALS}
    for name, item in RESOURCES.items():
        yield name, item["Type"], {*item.get("Properties", ()), *item.keys()} - {"Type", "Properties", "Condition"}
        for event_name, event in item.get("Properties", {}).get("Events", {}).items():
            yield f"{name}.{event_name}", event["Type"], {*event.get("Properties", ())}
        for target in item.get("Properties", {}).get("Targets", ()):
            yield name, "target of a rule", {*target}


def test_nothing_has_a_property_that_no_rule_looks_at() -> None:
    """An alarm whose actions are off, a schedule or a rule that is disabled, a function with an address of its own."""
    seen: dict[str, set[str]] = {}
    for name, kind, said in properties():
        assert said <= PROPERTIES[kind], name
        seen.setdefault(kind, set()).update(said)
    assert seen == PROPERTIES


def flags(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each property that is on or off, with its path."""
    for key, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if isinstance(child, bool) or key in {"Status", "State"}:
            yield f"{path}.{key}", child
        yield from flags(child, f"{path}.{key}")


def test_whatever_can_be_off_is_on() -> None:
    """Protection, sending, reports, expiry of files: a resource that is there works."""
    found = dict(flags(RESOURCES))
    assert found
    assert {path: value for path, value in found.items() if value not in (True, "Enabled")} == {}


CONDITIONAL = {
    "AlarmTopic": "HasOwnTopic",
    "AlarmEmailSubscription": "HasAlarmEmail",
}
"""What is left out on a condition, beside the archive of raw bodies and the mails."""


def test_nothing_is_left_out_on_another_condition() -> None:
    """An alarm that only some deployments have tells nobody in the others."""
    found = {name: item["Condition"] for name, item in RESOURCES.items() if "Condition" in item}
    assert {name: one for name, one in found.items() if one not in {"KeepsRawBodies", "SendsMails"}} == CONDITIONAL


NAMED = {
    "AWS::Events::EventBus": "Name",
    "AWS::Events::Rule": "Name",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::SecretsManager::Secret": "Name",
}
"""What has a name of ours, beside what CloudFormation names."""


def test_two_stacks_can_be_in_one_account() -> None:
    """Each name of ours has that of its stack in it, and is given once."""
    named = [one for kind, key in NAMED.items() for one in of_type(kind).values() if key in one["Properties"]]
    names = [one["Properties"][NAMED[one["Type"]]]["Fn::Sub"] for one in named]
    assert all("${AWS::StackName}" in name for name in names)
    assert len(set(names)) == len(names)
    assert not [
        one for kind in NAMED.keys() - {"AWS::Events::Rule"} for one in of_type(kind).values() if one not in named
    ]


def test_each_layer_is_built_from_its_folder() -> None:
    """By its Makefile, which `sam build` calls by the layer's name. Old versions would be kept for ever."""
    folders = {path.parent.name for path in Path("layers").glob("*/Makefile")}
    layers = of_type("AWS::Serverless::LayerVersion")
    assert layers.keys() == {f"{folder.title()}Layer" for folder in folders}
    for name, layer in layers.items():
        folder = layer["Properties"]["ContentUri"]
        assert (folder, layer["Metadata"]) == (
            f"layers/{name.removesuffix('Layer').lower()}",
            {"BuildMethod": "makefile"},
        )
        assert f"\nbuild-{name}:\n" in Path(folder, "Makefile").read_text("utf-8")
        assert layer["Properties"]["RetentionPolicy"] == "Delete"


def test_the_outputs_name_what_is_there() -> None:
    """Where the secrets are put, and what is registered at the providers."""
    outputs = {name: one["Value"] for name, one in TEMPLATE["Outputs"].items()}
    assert outputs["LedgerTableName"] == {"Ref": "LedgerTable"}
    assert outputs["ProviderKeysName"] == RESOURCES["ProviderKeys"]["Properties"]["Name"]
    prefix, names = outputs["SigningSecrets"]["Fn::Sub"].removesuffix("}").rsplit("{", 1)
    secrets = [
        RESOURCES[logical_id(name).removesuffix("Function") + "Secrets"]["Properties"]["Name"] for name in WEBHOOKS
    ]
    assert [{"Fn::Sub": prefix + name} for name in names.split("|")] == secrets
    api = "https://${BillingApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}"
    paths = {name: outputs[name]["Fn::Sub"].removeprefix(api) for name in ("ApiUrl", "ConsoleUrl", "WebhookUrl")}
    assert paths == {"ApiUrl": "", "ConsoleUrl": "/console", "WebhookUrl": "/webhooks"}
    assert {"/console", "/docs"} <= {route.path for route in routes(TEMPLATE)}
