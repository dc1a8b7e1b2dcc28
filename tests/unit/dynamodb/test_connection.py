"""Items are sent and read as they are, and exactly as botocore would have sent and read them."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
from botocore.auth import AUTH_TYPE_MAPS
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.parsers import JSONParser
from botocore.serialize import JSONSerializer

from ledger.dynamodb import connection as connection_module
from ledger.dynamodb.connection import PlainConnection
from tests.unit.dynamodb.golden_items import goldens

REGION = "eu-central-1"
MODEL = botocore.session.get_session().get_service_model("dynamodb")
NESTED = {"L": [{"M": {"B": {"S": '"B":'}}}, {"BOOL": True}, {"NULL": True}]}


def parser(connection: PlainConnection | None = None) -> Any:
    """The parser of a connection's client; None: botocore's own."""
    if connection is None:
        return JSONParser()
    return connection.client._endpoint._response_parser_factory.create_parser("json")  # noqa: SLF001


def parsed(by: Any, operation: str, content: Any, status: int = 200) -> Any:
    """What a parser makes of a response."""
    response = {"status_code": status, "headers": {"x-amzn-requestid": "1"}, "body": json.dumps(content).encode()}
    return by.parse(response, MODEL.operation_model(operation).output_shape)


def as_sent(item: Any) -> Any:
    """An item in JSON: binary content as text."""
    return json.loads(json.dumps(item, default=lambda content: base64.b64encode(content).decode()))


@pytest.fixture(scope="module")
def connection() -> PlainConnection:
    """A connection that sends nothing."""
    return PlainConnection(region=REGION, host="http://127.0.0.1:9")


@pytest.mark.parametrize("name", goldens())
def test_each_item_is_read_as_botocore_reads_it(name: str, connection: PlainConnection) -> None:
    """By each operation, whatever is in it: a receipt has a binary body."""
    item = {**as_sent(goldens()[name].item), "nested": NESTED}
    for operation, content in {
        "GetItem": {"Item": item, "ConsumedCapacity": {"CapacityUnits": 1.5}},
        "BatchGetItem": {"Responses": {"ledger": [item]}, "UnprocessedKeys": {}},
        "Query": {"Items": [item, item], "Count": 2, "LastEvaluatedKey": {"pk": item["pk"]}},
        "Scan": {"Items": [], "Count": 0},
    }.items():
        assert parsed(parser(connection), operation, content) == parsed(parser(), operation, content)


def test_an_error_and_a_description_are_left_to_botocore(connection: PlainConnection) -> None:
    """They have more than items in them: a table's description has times."""
    table = {"Table": {"TableName": "ledger", "CreationDateTime": 1796083200.5, "ItemCount": 3}}
    error = {"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", "message": "Slow."}
    ours, botocores = parser(connection), parser()
    assert parsed(ours, "DescribeTable", table) == parsed(botocores, "DescribeTable", table)
    assert parsed(ours, "GetItem", error, 400) == parsed(botocores, "GetItem", error, 400)
    assert parsed(ours, "GetItem", {}) == parsed(botocores, "GetItem", {})


def test_an_item_without_binary_content_is_not_walked_through(
    connection: PlainConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is what it is for: botocore has to look at each attribute ten times."""
    walked: list[str] = []
    walk = JSONParser._parse_shape  # type: ignore[attr-defined] # noqa: SLF001

    def noting(self: Any, shape: Any, node: Any) -> Any:
        walked.append(shape.name)
        return walk(self, shape, node)

    monkeypatch.setattr(JSONParser, "_parse_shape", noting)
    parsed(parser(connection), "GetItem", {"Item": {"pk": {"S": 'with "B": in it'}}})
    assert walked == []
    body = parsed(parser(connection), "GetItem", {"Item": {"body": {"B": "YQ=="}}})["Item"]["body"]["B"]
    assert (body, walked != []) == (b"a", True)


def test_other_services_have_botocores_parsers(connection: PlainConnection) -> None:
    """The session also makes the clients of Secrets Manager, S3 and Firehose."""
    factory = connection.session.get_component("response_parser_factory")
    assert type(factory.create_parser("rest-xml")).__name__ == "RestXMLParser"
    model = botocore.session.get_session().get_service_model("secretsmanager")
    shape: Any = model.operation_model("GetSecretValue").output_shape
    response = {"status_code": 200, "headers": {}, "body": b'{"SecretString": "x", "CreatedDate": 1796083200}'}
    assert factory.create_parser("json").parse(response, shape) == JSONParser().parse(response, shape)


@pytest.mark.parametrize("operation", ["TransactWriteItems", "BatchGetItem", "Query", "GetItem", "UpdateItem", "Scan"])
def test_each_operation_is_sent_as_botocore_sends_it(operation: str, connection: PlainConnection) -> None:
    """Headers and content, binary attributes too."""
    item = {"pk": {"S": "a"}, "body": {"B": b"\x00\xff"}, "count": {"N": "5"}, "nested": NESTED, "ä": {"SS": ["ü"]}}
    key = {"pk": {"S": "a"}, "sk": {"S": "b"}}
    update = {"Key": key, "UpdateExpression": "SET #0 = :0", "ExpressionAttributeValues": {":0": {"B": b"x"}}}
    parameters: dict[str, dict[str, Any]] = {
        "TransactWriteItems": {
            "TransactItems": [{"Put": {"TableName": "t", "Item": item}}, {"Update": {"TableName": "t", **update}}],
            "ClientRequestToken": "token",
        },
        "BatchGetItem": {"RequestItems": {"t": {"Keys": [key], "ConsistentRead": True}}},
        "Query": {"TableName": "t", "ExpressionAttributeNames": {"#0": "pk"}, "Limit": 5, "ScanIndexForward": False},
        "GetItem": {"TableName": "t", "Key": key},
        "UpdateItem": {"TableName": "t", **update},
        "Scan": {"TableName": "t", "Segment": 0, "TotalSegments": 4},
    }
    model = MODEL.operation_model(operation)
    ours = connection.client._serializer.serialize_to_request(parameters[operation], model)  # noqa: SLF001
    botocores = JSONSerializer().serialize_to_request(parameters[operation], model)
    assert json.loads(ours.pop("body")) == json.loads(botocores.pop("body"))
    assert ours == botocores


def test_an_endpoint_and_a_user_agent_are_found_once(connection: PlainConnection) -> None:
    """By each operation, as botocore finds it."""
    fresh, client = PlainConnection(region=REGION, host=None), connection.client
    for operation in ("GetItem", "TransactWriteItems", "GetItem"):
        found = fresh.client._ruleset_resolver.construct_endpoint(MODEL.operation_model(operation), {}, {})  # noqa: SLF001
        assert found.url == f"https://dynamodb.{REGION}.amazonaws.com"
        assert found is fresh.client._ruleset_resolver.construct_endpoint(MODEL.operation_model(operation), None, None)  # noqa: SLF001
    agent = client._user_agent_creator  # noqa: SLF001
    assert agent.to_string() is agent.to_string()
    assert agent.to_string().startswith("Botocore/")
    assert connection.client is client


def test_a_request_is_signed_as_botocore_signs_it(connection: PlainConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the token of a session, as a function of Lambda has it. What is sent again is signed anew."""
    at = [datetime(2026, 11, 1, 12, 0, second, tzinfo=UTC) for second in range(2)]
    credentials = Credentials("AKIDEXAMPLE", "secret", "token")
    signed: list[list[dict[str, str]]] = []
    for version in ("v4", connection_module._SIGNATURE):  # noqa: SLF001
        monkeypatch.setattr("botocore.auth.get_current_datetime", iter(at).__next__)
        request = AWSRequest(
            "POST",
            f"https://dynamodb.{REGION}.amazonaws.com/",
            {"X-Amz-Target": "DynamoDB_20120810.GetItem", "Content-Type": "application/x-amz-json-1.0"},
            '{"Key": {"pk": {"S": "ä"}}}'.encode(),
        )
        headers = []
        for attempt in range(2):
            request.headers["amz-sdk-request"] = f"attempt={attempt + 1}"
            signer: Any = AUTH_TYPE_MAPS[version]
            signer(credentials, "dynamodb", REGION).add_auth(request)
            headers.append(dict(request.headers.items()))
            del request.headers["amz-sdk-request"]
        signed.append(headers)
    assert signed[0] == signed[1]
    assert signed[0][0]["Authorization"] != signed[0][1]["Authorization"]
    _, chosen = connection.client.meta.events.emit_until_response("choose-signer.dynamodb.GetItem", context={})
    assert chosen == connection_module._SIGNATURE  # noqa: SLF001
