"""The connection to DynamoDB, which sends and reads items as they are.

DynamoDB's JSON is what this package works with: `{"S": "text"}`, `{"N": "5"}`. botocore walks through it attribute by
attribute, checks each for ten types, and returns the same. That took most of the time of reading a large item. Only
binary attributes come out otherwise, decoded. A response with one is left to botocore, and so is any error, and any
other operation.

botocore also finds the endpoint of each call by the rules of all regions, and builds the same user agent twice. A
client has one endpoint and one user agent: here each is found once. Its signature asks twice for the headers to sign,
and prepares the request to see its body.

The figures are in docs/decisions/0052-the-hot-path.md.
"""

import base64
import functools
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

import botocore.session
from botocore.auth import AUTH_TYPE_MAPS, SigV4Auth
from botocore.parsers import JSONParser, ResponseParserFactory
from botocore.regions import EndpointRulesetResolver
from botocore.serialize import JSONSerializer
from pynamodb.connection import Connection

_ITEMS = frozenset({"GetItemOutput", "BatchGetItemOutput", "QueryOutput", "ScanOutput"})
_BINARY = re.compile(rb'"BS?"\s*:')
"""How a binary attribute begins. In a text the quotes would be escaped."""


class _ItemsAsSent(JSONParser):
    """botocore's parser of JSON, but for items."""

    def _handle_json_body(self, raw_body: bytes, shape: Any) -> Any:
        if shape is None or shape.name not in _ITEMS or _BINARY.search(raw_body):
            return super()._handle_json_body(raw_body, shape)  # type: ignore[misc]
        return self._parse_body_as_json(raw_body)  # type: ignore[attr-defined]


class _Parsers(ResponseParserFactory):
    """Makes botocore's parsers, but for JSON."""

    def create_parser(self, protocol_name: str) -> Any:
        return _ItemsAsSent() if protocol_name == "json" else super().create_parser(protocol_name)


class _AsGiven(JSONSerializer):
    """botocore's serializer of JSON, but it writes the parameters as they are."""

    def serialize_to_request(self, parameters: Any, operation_model: Any) -> dict[str, Any]:
        request: dict[str, Any] = super().serialize_to_request({}, operation_model)
        request["body"] = _encode(parameters).encode()
        return request


def _in_base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


_encode: Callable[[Any], str] = json.JSONEncoder(default=_in_base64, check_circular=False).encode


class _FoundOnce:
    """botocore's resolver of endpoints, which each operation asks once."""

    def __init__(self, resolver: EndpointRulesetResolver) -> None:
        self._resolver = resolver
        self._found: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._resolver, name)

    def construct_endpoint(self, operation_model: Any, call_args: Any, request_context: Any) -> Any:
        """Return the endpoint of an operation. It does not depend on the arguments: tables are named, not by ARN."""
        found = self._found.get(operation_model.name)
        if found is None:
            found = self._resolver.construct_endpoint(operation_model, call_args, request_context)
            self._found[operation_model.name] = found
        return found


class _SignsWhole(SigV4Auth):
    """botocore's signature of one request, whose content is given in whole."""

    _signed: Any = None

    def headers_to_sign(self, request: Any) -> Any:
        """Return the headers to sign. No step of a signature changes them."""
        if self._signed is None:
            self._signed = super().headers_to_sign(request)
        return self._signed

    def payload(self, request: Any) -> str:
        """Return the digest of the content."""
        return hashlib.sha256(request.data).hexdigest()


_SIGNATURE = "v4-of-items"
AUTH_TYPE_MAPS[_SIGNATURE] = _SignsWhole


class PlainConnection(Connection):
    """PynamoDB's connection, whose client sends and reads items as they are."""

    @property
    def client(self) -> Any:
        """botocore's client."""
        client: Any = super().client
        if not isinstance(client._serializer, _AsGiven):  # noqa: SLF001 - botocore has no other way to set it
            client._serializer = _AsGiven()  # noqa: SLF001
            client._ruleset_resolver = _FoundOnce(client._ruleset_resolver)  # noqa: SLF001
            agent = client._user_agent_creator  # noqa: SLF001
            agent.to_string = functools.cache(agent.to_string)
            client.meta.events.register_first("choose-signer.dynamodb", lambda **_: _SIGNATURE)
        return client

    @property
    def session(self) -> botocore.session.Session:
        """The session of this thread."""
        session: botocore.session.Session = super().session
        session.register_component("response_parser_factory", _Parsers())
        return session
