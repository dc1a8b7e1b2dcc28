"""The floor: what a delivery costs whoever writes the function by hand, and knows beforehand what to send.

It reads the same event of API Gateway, checks the HMAC, parses the JSON and makes the same calls by botocore with the
same options. It translates nothing, decides nothing, and writes no log.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import botocore.config
import botocore.exceptions
import botocore.session

OPTIONS: dict[str, Any] = {
    "connect_timeout": 1,
    "read_timeout": 2,
    "retries": {"total_max_attempts": 2},
    "parameter_validation": False,  # as PynamoDB's client has it
}
_SIGNED = {"stripe": ("stripe-signature", ",", "t", "v1", b"."), "paddle": ("paddle-signature", ";", "ts", "h1", b":")}


def make_client(region: str, endpoint: str) -> Any:
    """Return botocore's client of DynamoDB, with the options that ours has."""
    session = botocore.session.get_session()
    return session.create_client("dynamodb", region, endpoint_url=endpoint, config=botocore.config.Config(**OPTIONS))


def make_floor(client: Any, secret: str, calls: list[tuple[str, dict[str, Any]]]) -> Callable[[dict[str, Any]], Any]:
    """Return a function that verifies a delivery, parses it and makes these calls. No secret: nothing is verified."""
    methods = [(getattr(client, botocore.xform_name(operation)), sent) for operation, sent in calls]
    key = secret.encode()

    def handle(request: dict[str, Any]) -> dict[str, Any]:
        body = request.get("body", "null").encode()
        if secret and not verifies(request, body):
            return {"statusCode": 401}
        json.loads(body)
        for method, sent in methods:
            try:
                method(**sent)
            except botocore.exceptions.ClientError:
                continue  # what was refused is an answer too
        return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": '{"outcome": "booked"}'}

    def verifies(request: dict[str, Any], body: bytes) -> bool:
        name, separator, stamp, digest, joint = _SIGNED[request["pathParameters"]["provider"]]
        parts = dict(part.split("=", 1) for part in request["headers"][name].split(separator))
        expected = hmac.new(key, parts[stamp].encode() + joint + body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected, parts[digest])

    return handle
