"""The connection to DynamoDB, which reads items as they are sent.

DynamoDB's JSON is what this package works with: `{"S": "text"}`, `{"N": "5"}`. botocore walks through it attribute by
attribute, checks each for ten types, and returns the same. That took most of the time of reading a large item. Only
binary attributes come out otherwise, decoded. A response with one is left to botocore, and so is any error, and any
other operation.
"""

import re
from typing import Any

import botocore.session
from botocore.parsers import JSONParser, ResponseParserFactory
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


class PlainConnection(Connection):
    """PynamoDB's connection, whose client reads items as they are sent."""

    @property
    def session(self) -> botocore.session.Session:
        """The session of this thread."""
        session: botocore.session.Session = super().session
        session.register_component("response_parser_factory", _Parsers())
        return session
