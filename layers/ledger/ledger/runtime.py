"""The composition root: configuration read once, secrets by name, and everything built from them on first use."""

import base64
import functools
import json
import logging
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import botocore.exceptions
from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics
from pynamodb.connection import Connection

from ledger.config import Config
from ledger.domain import catalogue
from ledger.domain.catalogue import Catalogue
from ledger.domain.errors import ConfigurationError, StoreUnavailable
from ledger.domain.events import Event
from ledger.domain.receipts import Receipt
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.gateway import Gateway
from ledger.ports.store import Store
from ledger.providers.registry import PROVIDERS
from ledger.secrets import Secret, SigningSecrets

if TYPE_CHECKING:
    from ledger.policy.parameters import PolicyParameters


class Runtime:
    """Everything a function works with. Built once for each process."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.logger = Logger()
        for library in ("botocore", "pynamodb"):
            logging.getLogger(library).setLevel(logging.WARNING)  # what they note at each start is paid for by the line
        self.metrics = Metrics()
        self.connection = Connection(
            region=config.region, connect_timeout_seconds=1, read_timeout_seconds=2, max_retry_attempts=2
        )
        self.store: Store = DynamoDBStore(config.table_name, self.connection)
        self.secrets = SigningSecrets(self._fetch_secrets if config.secrets_name else lambda: config.signing_secrets)
        self.keys = Secret(self._fetch_keys if config.keys_name else lambda: config.api_keys)
        self._gateways: dict[str, tuple[str, Gateway]] = {}

    @functools.cached_property
    def catalogue(self) -> Catalogue:
        """What is sold. Raises CatalogueError."""
        return catalogue.load(self.config.catalogue_file)

    @functools.cached_property
    def policy(self) -> "PolicyParameters":
        """The published policy. Raises PolicyError."""
        from ledger.policy import rules

        return rules.load(self.config.policy_file or rules.DEFAULT_FILE)

    def gateway(self, provider: str) -> Gateway:
        """What we ask of a provider, with the key of now. Raises ConfigurationError if there is none that fits."""
        key = self.keys.of(provider)
        known_key, gateway = self._gateways.get(provider, (None, None))
        if gateway is None or known_key != key:
            gateway = _gateway(provider, key, is_live=self.config.is_live, base_url=self.config.api_bases.get(provider))
            self._gateways[provider] = (key, gateway)
        return gateway

    def now(self) -> datetime:
        return self.clock()

    def publish_metrics(self) -> None:
        """Print this invocation's metrics for CloudWatch; where there is none, forget them."""
        if self.config.is_measured and self.metrics.metric_set:
            self.metrics.flush_metrics()
        else:
            self.metrics.clear_metrics()

    def read_again(self, parked: Receipt) -> Event | None:
        """Translate a parked event anew: the catalogue may have learnt its price since."""
        provider = PROVIDERS[parked.provider]
        event: Event | None = provider.translate(
            provider.parse(parked.body or b""), self.catalogue, is_live=self.config.is_live
        )
        return event

    def archive(self, provider: str, event_id: str, body: bytes) -> None:
        """Keep the raw body as evidence. The ledger does not depend on it: a failure is counted, not raised."""
        if self.config.archive_stream is None:
            return
        line = {
            "provider": provider,
            "event_id": event_id,
            "received_at": self.now().isoformat(),
            "body": base64.b64encode(body).decode("ascii"),
        }
        try:
            self.client("firehose").put_record(
                DeliveryStreamName=self.config.archive_stream, Record={"Data": json.dumps(line).encode() + b"\n"}
            )
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            self.logger.warning("raw body not archived", extra={"event_id": event_id, "error": type(error).__name__})
            self.metrics.add_metric("UnarchivedBodies", "Count", 1)

    def _fetch_secrets(self) -> Mapping[str, str]:
        return self._fetch(self.config.secrets_name, "signing secrets", '{"stripe": "whsec_…", "paddle": "pdl_…"}')

    def _fetch_keys(self) -> Mapping[str, str]:
        return self._fetch(self.config.keys_name, "providers' API keys", '{"stripe": "sk_…", "paddle": "pdl_…"}')

    def _fetch(self, name: str | None, what: str, example: str) -> Mapping[str, str]:
        try:
            answer = self.client("secretsmanager").get_secret_value(SecretId=name)
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            raise StoreUnavailable(f"The {what} can't be read now.") from error
        try:
            secrets = json.loads(answer["SecretString"])
            return {provider: str(secrets.get(provider) or "") for provider in PROVIDERS}
        except (KeyError, ValueError, AttributeError):
            # Not `from error`: what could not be read is quoted there.
            raise ConfigurationError(f"The secret {name} should be JSON: {example}.") from None

    @functools.cache  # noqa: B019 - a runtime lives as long as its process
    def client(self, service: str) -> Any:
        """A botocore client with time-outs shorter than any function's."""
        config = botocore.config.Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2})
        return self.connection.session.create_client(service, self.config.region, config=config)


def _gateway(provider: str, key: str, *, is_live: bool, base_url: str | None) -> Gateway:
    """A gateway. Imported here alone: a webhook function has neither the SDKs nor the time to load them."""
    if provider == "stripe":
        from ledger.providers.stripe.client import StripeGateway

        return StripeGateway(key, is_live=is_live, base_url=base_url)
    if provider == "paddle":
        from ledger.providers.paddle.client import PaddleGateway

        return PaddleGateway(key, is_live=is_live, base_url=base_url)
    raise ConfigurationError(f"{provider!r} is no provider that we ask anything of: stripe or paddle.")


@functools.cache
def runtime() -> Runtime:
    """The process's runtime, from its environment."""
    return Runtime(Config.of(os.environ))
