"""The webhooks as they are deployed, over a store in memory that refuses what DynamoDB would refuse."""

import base64
import importlib
import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ledger.domain.entries import EntryKind
from ledger.domain.receipts import Receipt
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.commit import Commit, Refusal
from ledger.ports.reads import Keys, Snapshot
from ledger.ports.store import Store
from ledger.runtime import Runtime, runtime
from tools import signing
from tools.testing.fakes import FakeStore

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
"""When every delivery of the proof comes: after all that the library tells."""

PROBLEM = "application/problem+json"
MOST_ACTIONS, MOST_BYTES, MOST_DIGITS = 100, 400 * 1024, 38
_KEY_BYTES = {"pk": 2048, "sk": 1024}
_INDEXED = (
    *("account_id", "paid_at", "parked_shard", "received_at", "expires_on"),
    *("followed_shard", "moved_at", "waiting_shard", "waits_since", "listed_in", "listed_at"),
)
_NOUNS = (
    "receipts",
    "payments",
    "accounts",
    "fulfilment_keys",
    "subscriptions",
    "closed_lots",
    "runs",
    "stored_entries",
    "documents",
)

Handler = Callable[[str, dict[str, Any]], dict[str, Any]]  # a function's folder and its event ──► its answer


class RefusedByDynamoDB(Exception):
    """A call that DynamoDB would answer with a ValidationException, whatever the table holds."""


class Limits:
    """A connection that looks at each call as DynamoDB would, and finds every table empty."""

    def transact_write_items(self, **call: Any) -> None:
        """Raise RefusedByDynamoDB for what could never be written."""
        writes = [*call["delete_items"], *call["put_items"], *call["update_items"]]
        if len(writes) > MOST_ACTIONS:
            raise RefusedByDynamoDB(f"{len(writes)} actions in one transaction")
        for write in writes:
            _measure_key(write.get("Key") or write["Item"])
            values = write.get("Item") or write.get("ExpressionAttributeValues", {})
            names = write.get("ExpressionAttributeNames", {}).values()
            size = sum(_size(name) for name in names) + sum(_size(name) + _measured(values[name]) for name in values)
            if size > MOST_BYTES:
                raise RefusedByDynamoDB(f"an item of {size} bytes")

    def dispatch(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Raise RefusedByDynamoDB for what could never be asked for; else nothing is found."""
        if operation == "GetItem":
            _measure_key(arguments["Key"])
        elif operation == "BatchGetItem":
            for table in arguments["RequestItems"].values():
                for key in table["Keys"]:
                    _measure_key(key)
        elif _size(arguments["ExpressionAttributeValues"][":pk"]["S"]) > _KEY_BYTES["pk"]:
            raise RefusedByDynamoDB("a partition key that is too long")
        return {"Responses": {}, "Items": []}


def _measure_key(item: Mapping[str, Any]) -> None:
    for name, most in _KEY_BYTES.items():
        if not 0 < _size(item[name]["S"]) <= most:
            raise RefusedByDynamoDB(f"{name} has {_size(item[name]['S'])} bytes")
    for name in _INDEXED:
        if name in item and not 0 < _size(item[name].get("S", "")) <= 1024:
            raise RefusedByDynamoDB(f"{name} is the key of an index")


def _measured(value: Mapping[str, Any]) -> int:
    """The bytes of an attribute's value. Raises RefusedByDynamoDB for a number or a text that can't be kept."""
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return _size(content)
        case "N":
            if len(content.lstrip("-").strip("0")) > MOST_DIGITS or len(content) > 126:
                raise RefusedByDynamoDB(f"a number of {len(content)} digits")
            return len(content) // 2 + 2
        case "M":
            return 3 + sum(1 + _size(name) + _measured(item) for name, item in content.items())
        case "L":
            return 3 + sum(1 + _measured(item) for item in content)
        case "B":
            return len(content)
    return 1


def _size(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise RefusedByDynamoDB("a text that is not Unicode") from None


class StrictStore(FakeStore):
    """The store in memory; whatever it is asked is first put into the real store's words and measured."""

    def __init__(self) -> None:
        super().__init__()
        self._measure = DynamoDBStore("ledger", Limits())  # type: ignore[arg-type]

    def read(self, keys: Keys) -> Snapshot:
        self._measure.read(keys)
        return super().read(keys)

    def commit(self, commit: Commit) -> Refusal | None:
        self._measure.commit(commit)
        return super().commit(commit)

    def customer_receipts(self, customer_id: str) -> list[Receipt]:
        self._measure.customer_receipts(customer_id)
        return super().customer_receipts(customer_id)

    def content(self) -> tuple[Any, ...]:
        """Everything that it holds, to be compared: first the receipts."""
        return tuple(getattr(self, noun) for noun in _NOUNS)

    def copy(self) -> "StrictStore":
        """Another one that holds the same; what it holds is never edited."""
        twin = StrictStore()
        for noun in _NOUNS:
            setattr(twin, noun, dict(getattr(self, noun)))
        return twin

    def granted(self) -> int:
        """Return the sum of all grants, in credits."""
        return sum(entry.credits for entry in self.stored_entries.values() if entry.kind is EntryKind.GRANT)


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """The response to one delivery."""

    status: int
    content_type: str
    text: str

    @property
    def outcome(self) -> str:
        return str(json.loads(self.text).get("outcome", "")) if self.status == 200 else ""

    @property
    def is_without_effect(self) -> bool:
        """Return whether the response means that no credits and no state may have changed."""
        return self.status >= 400 or self.outcome in {"parked", "ignored"}

    def wrong(self, allowed: Iterable[int]) -> str:
        """Return what is wrong with the response; empty: nothing."""
        if self.status not in allowed:
            return f"answered {self.status}: {self.text[:200]}"
        if self.status < 400:
            return ""
        try:
            told = json.loads(self.text)
            helps = isinstance(told["title"], str) and len(told["detail"]) >= 12 and told["type"]
        except (ValueError, KeyError, TypeError):
            return f"answered {self.status} with no problem document: {self.text[:200]}"
        if self.content_type != PROBLEM or told["status"] != self.status or not helps:
            return f"answered {self.status} with a problem document that does not help: {self.text[:200]}"
        return f"answered with {len(self.text)} characters" if len(self.text) > 1000 else ""


def deployed(folder: str, event: dict[str, Any]) -> dict[str, Any]:
    """The function as it is deployed."""
    answer: dict[str, Any] = importlib.import_module(f"functions.{folder}.app").lambda_handler(event, None)
    return answer


@dataclass(slots=True)
class Entrypoint:
    """Where deliveries come in. `handler` is the deployed function, or one that a test broke."""

    handler: Handler = deployed
    log: io.StringIO = field(default_factory=io.StringIO)
    services: Runtime = field(default_factory=runtime)

    def __post_init__(self) -> None:
        self.services.clock = lambda: NOW
        self.services.logger.registered_handler.setStream(self.log)  # type: ignore[attr-defined]
        self.services.logger.setLevel("INFO")
        self.services.lines.out, self.services.lines.level = self.log, "INFO"

    def deliver(self, provider: str, to: str, body: bytes, headers: Mapping[str, str], store: Store) -> WebhookResponse:
        """One HTTP request, as API Gateway hands it on."""
        return self.open(to, event_of(provider, to, body, headers), store)

    def signed(self, provider: str, to: str, body: bytes, store: Store) -> WebhookResponse:
        """One genuine delivery."""
        return self.deliver(provider, to, body, genuine_headers(provider, body), store)

    def open(self, to: str, event: dict[str, Any], store: Store) -> WebhookResponse:
        """One event of API Gateway. What the function raises is what Lambda answers 500 for."""
        self.services.store = store
        self.log.seek(0)
        self.log.truncate()
        try:
            answer = self.handler(to.replace("-", "_"), event)
        except Exception as error:  # noqa: BLE001 - it is the finding
            return WebhookResponse(500, "", f"{type(error).__name__}: {str(error)[:300]}")
        return WebhookResponse(answer["statusCode"], answer["headers"]["content-type"], answer["body"])


def secret_of(provider: str) -> str:
    """What the provider signs with here."""
    return signing.LOCAL_SECRETS[provider]


def genuine_headers(provider: str, body: bytes) -> dict[str, str]:
    """The headers of a genuine delivery, in lower case as API Gateway hands them on."""
    signed = signing.headers(provider, body, secret_of(provider), NOW.timestamp())
    return {name.lower(): value for name, value in signed.items()}


def event_of(provider: str, to: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """The event of one delivery; what is no UTF-8 comes in Base64."""
    try:
        text, is_base64 = body.decode(), False
    except UnicodeDecodeError:
        text, is_base64 = base64.b64encode(body).decode(), True
    return {
        "rawPath": f"/webhooks/{provider}/{to}",
        "pathParameters": {"provider": provider},
        "headers": dict(headers),
        "body": text,
        "isBase64Encoded": is_base64,
    }
