"""What is kept, for how long, and who can see it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from ledger.dynamodb import keys
from tests.unit.tools.template_parts import (
    ARCHIVE_STREAMS,
    FOLDERS,
    FUNCTIONS,
    RESOURCES,
    TEMPLATE,
    WEBHOOKS,
    logical_id,
    of_type,
)
from tools.template import permissions_of

(TABLE,) = of_type("AWS::DynamoDB::Table").values()

INDEXES = {
    # As the table of `ledger.dynamodb.keys` has them.
    keys.PURCHASES_INDEX: ("account_id", "paid_at"),
    keys.EXPIRING_INDEX: ("expires_on", "expiry_due"),
    keys.PARKED_INDEX: ("parked_shard", "received_at"),
    keys.PARKED_OF_CUSTOMER_INDEX: ("pk", "parked_shard"),
    keys.FOLLOWED_INDEX: ("followed_shard", "moved_at"),
    keys.WAITING_INDEX: ("waiting_shard", "waits_since"),
    keys.LISTED_INDEX: ("listed_in", "listed_at"),
}


def _keys(schema: list[dict[str, str]]) -> tuple[str, str]:
    assert [part["KeyType"] for part in schema] == ["HASH", "RANGE"]
    return schema[0]["AttributeName"], schema[1]["AttributeName"]


def test_the_table_has_the_keys_and_indexes_of_the_schema() -> None:
    """An index has keys only: what it names is read from the table."""
    properties = TABLE["Properties"]
    assert _keys(properties["KeySchema"]) == ("pk", "sk")
    indexes = properties["GlobalSecondaryIndexes"]
    assert {index["IndexName"]: _keys(index["KeySchema"]) for index in indexes} == INDEXES
    assert all(index["Projection"] == {"ProjectionType": "KEYS_ONLY"} for index in indexes)
    defined = {one["AttributeName"]: one["AttributeType"] for one in properties["AttributeDefinitions"]}
    assert defined == dict.fromkeys({"pk", "sk", *(name for pair in INDEXES.values() for name in pair)}, "S")
    for index, pair in INDEXES.items():
        assert re.search(rf"^{index} .*".replace(" ", r"\s+"), str(keys.__doc__), re.MULTILINE), index
        assert all(name in str(keys.__doc__) for name in pair)


def test_nothing_in_the_table_can_vanish() -> None:
    """Point-in-time recovery, deletion protection, encryption, a stream of both images, and no time to live."""
    properties = TABLE["Properties"]
    assert properties["DeletionProtectionEnabled"] is True
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["SSESpecification"] == {"SSEEnabled": True}
    assert properties["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert "TimeToLiveSpecification" not in properties, "items that protect money must not expire"


KEPT = ("AWS::DynamoDB::Table", "AWS::SecretsManager::Secret", "AWS::S3::Bucket")


@pytest.mark.parametrize("kind", KEPT)
def test_what_has_data_outlives_its_stack(kind: str) -> None:
    """And its replacement by another. Only what a first deployment made before it failed is removed."""
    for resource in of_type(kind).values():
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


BUCKETS = {"EvidenceBucket": "EvidenceRetentionDays", "RawBodyBucket": "RawBodyRetentionDays"}
"""Each bucket, and the parameter that says for how many days its files are stored."""


def test_buckets_are_private_encrypted_and_forget() -> None:
    """Personal data leaves after the days that the deployment says."""
    assert of_type("AWS::S3::Bucket").keys() == BUCKETS.keys()
    for name, bucket in of_type("AWS::S3::Bucket").items():
        properties = bucket["Properties"]
        (encryption,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        blocked = properties["PublicAccessBlockConfiguration"]
        assert set(blocked) == {"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"}
        assert set(blocked.values()) == {True}
        (lifecycle,) = properties["LifecycleConfiguration"]["Rules"]
        del lifecycle["Id"]  # and nothing else: with a prefix, the rest of the bucket would be kept for ever
        assert lifecycle == {"Status": "Enabled", "ExpirationInDays": {"Ref": BUCKETS[name]}}


def test_buckets_are_reached_over_tls_alone() -> None:
    """Whatever else a caller may do: without TLS, nothing."""
    policies = {item["Properties"]["Bucket"]["Ref"]: item for item in of_type("AWS::S3::BucketPolicy").values()}
    assert policies.keys() == BUCKETS.keys()
    for name, policy in policies.items():
        (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
        assert statement == {
            "Sid": "OnlyOverTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [{"Fn::GetAtt": [name, "Arn"]}, {"Fn::Sub": f"${{{name}.Arn}}/*"}],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }


def test_the_archive_is_one_stream_several_times_into_one_bucket() -> None:
    """Each takes as much as Firehose gives one stream. Which one a body goes to says nothing."""
    first, *others = (RESOURCES[name] for name in ARCHIVE_STREAMS)
    assert len(others) == 3
    assert all(other == first for other in others)
    destination = first["Properties"]["ExtendedS3DestinationConfiguration"]
    assert first["Properties"]["DeliveryStreamType"] == "DirectPut"
    assert destination["BucketARN"] == {"Fn::GetAtt": ["RawBodyBucket", "Arn"]}
    assert destination["RoleARN"] == {"Fn::GetAtt": ["RawBodyStreamRole", "Arn"]}
    assert destination["CompressionFormat"] == "GZIP"
    prefix, failed = destination["Prefix"], destination["ErrorOutputPrefix"]
    assert prefix.partition("/")[0] != failed.partition("/")[0], "what failed is found apart from the bodies"
    assert all("!{timestamp:yyyy/MM/dd}/" in where for where in (prefix, failed)), "a day's bodies can be listed"
    assert "!{firehose:error-output-type}" in failed, "Firehose asks for it"
    buffered = destination["BufferingHints"]
    assert 1 <= buffered["SizeInMBs"] <= 128, "what Firehose takes"
    late_s = min(
        alarm["Properties"]["Threshold"]
        for alarm in of_type("AWS::CloudWatch::Alarm").values()
        if alarm["Properties"]["Namespace"] == "AWS/Firehose"
    )
    assert 60 <= buffered["IntervalInSeconds"] <= late_s / 6, "one object a batch, and no alarm while all is well"


def test_raw_bodies_can_be_left_out() -> None:
    """With KeepRawBodies false there is no stream, role, permission or alarm. The bucket forgets what it has."""
    assert TEMPLATE["Parameters"]["KeepRawBodies"]["Default"] == "true"
    assert TEMPLATE["Conditions"]["KeepsRawBodies"] == {"Fn::Equals": [{"Ref": "KeepRawBodies"}, "true"]}
    unarchived = {
        name
        for name, alarm in of_type("AWS::CloudWatch::Alarm").items()
        if alarm["Properties"]["MetricName"] in {"UnarchivedBodies", "DeliveryToS3.DataFreshness"}
    }
    left_out = {name for name, item in RESOURCES.items() if item.get("Condition") == "KeepsRawBodies"}
    assert left_out == {*ARCHIVE_STREAMS, "RawBodyStreamRole", *unarchived}
    conditions = {condition for folder in FOLDERS for _, condition in permissions_of(FUNCTIONS[folder])}
    assert conditions == {None, "KeepsRawBodies", "SendsMails"}
    for folder in FOLDERS:
        for statement, condition in permissions_of(FUNCTIONS[folder]):
            assert (condition == "KeepsRawBodies") is ("firehose:PutRecord" in statement["Action"])


def test_mails_can_be_left_out() -> None:
    """Without MailsFrom there is no configuration set and no permission to send. With it an identity is asked for."""
    off = {"Fn::Equals": [{"Ref": "MailsFrom"}, ""]}
    assert TEMPLATE["Parameters"]["MailsFrom"]["Default"] == ""
    assert TEMPLATE["Conditions"]["SendsMails"] == {"Fn::Not": [off]}
    left_out = {name for name, item in RESOURCES.items() if item.get("Condition") == "SendsMails"}
    assert left_out == {
        *("MailsConfiguration", "ReceiptsConfiguration", "MailsFailures", "ReceiptsFailures", "MailFailuresRule")
    }
    for folder in FOLDERS:
        for statement, condition in permissions_of(FUNCTIONS[folder]):
            assert (condition == "SendsMails") is ("ses:SendEmail" in statement["Action"])
    rule = TEMPLATE["Rules"]["MailsHaveAnIdentity"]
    assert rule["RuleCondition"] == {"Fn::Not": [off]}
    assert [one["Assert"] for one in rule["Assertions"]] == [
        {"Fn::Not": [{"Fn::Equals": [{"Ref": "MailsIdentityArn"}, ""]}]}
    ]


def test_what_a_condition_leaves_out_is_named_only_on_that_condition() -> None:
    """Else a deployment without it fails."""
    conditional = {name: item["Condition"] for name, item in RESOURCES.items() if "Condition" in item}
    assert {"RawBodyStream1", "AlarmTopic"} <= conditional.keys()
    everything = {**RESOURCES, **TEMPLATE["Outputs"], "Globals": TEMPLATE["Globals"]}
    for name, item in everything.items():
        for referred, conditions in _references(item, frozenset({item.get("Condition")})):
            if referred in conditional:
                implied = {"HasOwnTopic"} if "HasAlarmEmail" in conditions else set()
                assert conditional[referred] in conditions | implied, f"{name} names {referred}"


def _references(node: Any, conditions: frozenset[str | None]) -> Iterator[tuple[str, frozenset[str | None]]]:
    """Yield what is referred to, and the conditions that hold where it is."""
    match node:
        case {"Ref": str(name)}:
            yield name, conditions
        case {"Fn::GetAtt": [str(name), _]}:
            yield name, conditions
        case {"Fn::Sub": str(words)}:
            for name in re.findall(r"\$\{(\w+)", words):
                yield name, conditions
        case {"Fn::If": [condition, given, other]}:
            yield from _references(given, conditions | {condition})
            yield from _references(other, conditions)
        case dict():
            for child in node.values():
                yield from _references(child, conditions)
        case list():
            for child in node:
                yield from _references(child, conditions)


def test_files_are_uploaded_by_our_frontend_alone() -> None:
    """The browser posts a form; nothing of a bucket is read by a script."""
    (rule,) = RESOURCES["EvidenceBucket"]["Properties"]["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedMethods"] == ["POST"]
    assert rule["AllowedHeaders"] == ["*"], "a form's headers are the browser's own"
    assert rule["AllowedOrigins"] == RESOURCES["BillingApi"]["Properties"]["CorsConfiguration"]["AllowOrigins"]
    assert "CorsConfiguration" not in RESOURCES["RawBodyBucket"]["Properties"]


def test_each_function_has_a_log_group_of_its_own_and_each_group_forgets() -> None:
    """Logs have no end by default."""
    for folder in FOLDERS:
        group = logical_id(folder).removesuffix("Function") + "Logs"
        assert FUNCTIONS[folder]["LoggingConfig"] == {"LogGroup": {"Ref": group}}
        name = RESOURCES[group]["Properties"]["LogGroupName"]
        assert name == {"Fn::Sub": f"/aws/lambda/${{AWS::StackName}}/{folder}"}
    for item in of_type("AWS::Logs::LogGroup").values():
        assert item["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_secrets_are_named_by_stack_and_begin_empty() -> None:
    """With an empty secret every delivery is rejected, and no provider is called."""
    secrets = of_type("AWS::SecretsManager::Secret")
    names = {"ProviderKeys": "provider-keys", "AddressKey": "address-key"}
    names |= {
        f"{logical_id(folder).removesuffix('Function')}Secrets": f"signing-secrets/{folder}" for folder in WEBHOOKS
    }
    assert {name: item["Properties"]["Name"] for name, item in secrets.items()} == {
        name: {"Fn::Sub": f"${{AWS::StackName}}/{path}"} for name, path in names.items()
    }
    key = secrets.pop("AddressKey")["Properties"]
    assert key["GenerateSecretString"] == {"PasswordLength": 64, "ExcludePunctuation": True}, "nobody has to set it"
    assert {item["Properties"]["SecretString"] for item in secrets.values()} == {'{"stripe": "", "paddle": ""}'}


def test_the_access_log_says_who_called_from_where_and_nothing_of_what_was_sent() -> None:
    """Its request id is that of the functions' logs."""
    settings = RESOURCES["BillingApi"]["Properties"]["AccessLogSettings"]
    assert settings["DestinationArn"] == {"Fn::GetAtt": ["ApiLogs", "Arn"]}
    assert json.loads(settings["Format"]) == {
        "at": "$context.requestTime",
        "route": "$context.routeKey",
        "status": "$context.status",
        "source": "$context.identity.sourceIp",
        "subject": "$context.authorizer.claims.sub",
        "caller": "$context.identity.userArn",
        "latency_ms": "$context.responseLatency",
        "request_id": "$context.requestId",
        "error": "$context.error.message",
    }
