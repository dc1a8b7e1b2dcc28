"""Peers: what others do for the same delivery, as a multiple of the same floor.

**Powertools' idempotency**, as its documentation teaches: the handler is decorated, the key is the event's id, and a
record is put before the work and updated after it. The signature is verified by stripe-python, and the work is one
item. That keeps a delivery from being handled twice. It knows no other event of the same payment, no other payment of
the same order, and no refund.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import stripe
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config

from bench.floor import OPTIONS
from bench.growth import Body
from tools import signing
from tools.devserver.environment import REGION

_ENDPOINT = "http://127.0.0.1:9"


@contextmanager
def powertools(request: dict[str, Any]) -> Iterator[tuple[Callable[[], Any], list[str]]]:
    """Yield a call that handles a delivery of Stripe, and the operations that it has sent."""
    before = dict(os.environ)
    os.environ["AWS_LAMBDA_FUNCTION_NAME"] = "peer"
    try:
        sent: list[str] = []
        client = boto3.client("dynamodb", region_name=REGION, endpoint_url=_ENDPOINT, config=Config(**OPTIONS))
        client.meta.events.register("before-send.dynamodb.*", lambda request, **_: _answer(request, sent))
        handler = _handler(client)
        yield lambda: handler(request, _Context()), sent
    finally:
        os.environ.clear()
        os.environ |= before


class _Context:
    function_name = "peer"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:peer"
    aws_request_id = "request-1"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 10_000


def _handler(client: Any) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    layer = DynamoDBPersistenceLayer(table_name="idempotency", boto3_client=client)
    config = IdempotencyConfig(event_key_jmespath="powertools_json(body).id")

    @idempotent(config=config, persistence_store=layer)
    def handle(event: dict[str, Any], _: Any) -> dict[str, Any]:
        header, secret = event["headers"]["stripe-signature"], signing.LOCAL_SECRETS["stripe"]
        # The delivery was signed at a fixed time: its age is not looked at.
        stripe.WebhookSignature.verify_header(event["body"], header, secret, tolerance=None)
        paid = json.loads(event["body"])["data"]["object"]
        item = {"pk": {"S": paid["id"]}, "account": {"S": str(paid["client_reference_id"])}, "credits": {"N": "1000"}}
        client.put_item(TableName="credits", Item=item, ConditionExpression="attribute_not_exists(pk)")
        return {"statusCode": 200, "body": "{}"}

    return handle


def _answer(request: Any, sent: list[str]) -> AWSResponse:
    target = request.headers["X-Amz-Target"]
    sent.append(str(target.decode() if isinstance(target, bytes) else target).rpartition(".")[2])
    headers = HTTPHeaders.from_dict({"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": "0"})
    return AWSResponse(request.url, 200, headers, Body(b"{}"))
