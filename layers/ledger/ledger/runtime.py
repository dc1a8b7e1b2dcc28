"""The composition root: configuration read once, secrets by name, and everything built from them on first use."""

import base64
import functools
import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import botocore.exceptions
from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics
from pynamodb.connection import Connection

from ledger import catalogue
from ledger.catalogue import Catalogue
from ledger.dynamodb import DynamoDBStore
from ledger.errors import ConfigurationError, StoreUnavailable
from ledger.events import Event, Receipt
from ledger.ports import Gateway, Store
from ledger.providers import paddle, stripe

if TYPE_CHECKING:
    from ledger.policy import Policy

PROVIDERS: Mapping[str, ModuleType] = {"stripe": stripe, "paddle": paddle}

SECRETS_TTL_S = 300
"""How long fetched secrets are believed: a rotated secret is known after this time at the latest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a deployment sets in the environment."""

    table_name: str
    region: str
    is_live: bool  # whether the providers' live mode or their test mode is heard
    catalogue_file: Path
    secrets_name: str | None  # in Secrets Manager; None: the secrets stand in the environment, for local runs
    signing_secrets: Mapping[str, str]
    is_measured: bool  # whether metrics are printed for CloudWatch
    policy_file: Path | None  # None: the package's own
    success_url: str  # where a customer comes back to from a checkout or a billing page
    cancel_url: str
    support_group: str  # who is in it may decide cases
    groups_claim: str  # the claim of a token that names its groups
    evidence_bucket: str | None  # where customers upload screenshots
    is_debt_withheld: bool  # whether a shortfall lowers what is spendable
    archive_stream: str | None  # the Firehose stream that keeps raw bodies; None: they are not kept
    keys_name: str | None = None  # of the providers' API keys in Secrets Manager; None: they stand in the environment
    api_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    api_bases: Mapping[str, str | None] = field(default_factory=dict)  # stand-ins for the providers, for local runs

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Config":
        """Read and check the environment. Raises ConfigurationError naming the variable and what it should be."""
        mode = environment.get("PROVIDER_MODE", "live")
        if mode not in {"live", "test"}:
            raise ConfigurationError(f"PROVIDER_MODE is {mode!r}, should be live or test.")
        if not environment.get("TABLE_NAME"):
            raise ConfigurationError("TABLE_NAME is not set: it names the ledger's DynamoDB table.")
        return cls(
            table_name=environment["TABLE_NAME"],
            region=environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1",
            is_live=mode == "live",
            catalogue_file=Path(environment.get("CATALOGUE_FILE") or catalogue.DEFAULT_FILE),
            secrets_name=environment.get("SIGNING_SECRETS_NAME") or None,
            signing_secrets={
                provider: environment.get(f"{provider.upper()}_SIGNING_SECRETS", "") for provider in PROVIDERS
            },
            is_measured=environment.get("POWERTOOLS_METRICS_DISABLED", "").lower() != "true",
            policy_file=Path(environment["POLICY_FILE"]) if environment.get("POLICY_FILE") else None,
            success_url=environment.get("SUCCESS_URL") or "https://imagetaggerai.com/billing?checkout=done",
            cancel_url=environment.get("CANCEL_URL") or "https://imagetaggerai.com/billing",
            support_group=environment.get("SUPPORT_GROUP") or "billing-support",
            groups_claim=environment.get("GROUPS_CLAIM") or "cognito:groups",
            evidence_bucket=environment.get("EVIDENCE_BUCKET_NAME") or None,
            is_debt_withheld=environment.get("DEBT_WITHHELD", "").lower() == "true",
            archive_stream=environment.get("ARCHIVE_STREAM_NAME") or None,
            keys_name=environment.get("PROVIDER_KEYS_NAME") or None,
            api_keys={provider: environment.get(f"{provider.upper()}_API_KEY", "") for provider in PROVIDERS},
            api_bases={provider: environment.get(f"{provider.upper()}_API_BASE") or None for provider in PROVIDERS},
        )


class Secret:
    """A secret that has a text for each provider, fetched again when it has been believed for long enough."""

    def __init__(self, fetch: Callable[[], Mapping[str, str]], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._known: Mapping[str, str] | None = None
        self._fetched_at = 0.0

    def of(self, provider: str) -> str:
        """A provider's text; empty when there is none."""
        if self._known is None or self._clock() - self._fetched_at > SECRETS_TTL_S:
            self._known = self._fetch()
            self._fetched_at = self._clock()
        return self._known.get(provider, "").strip()


class SigningSecrets:
    """The providers' signing secrets, several each while one is being rotated."""

    def __init__(self, fetch: Callable[[], Mapping[str, str]], clock: Callable[[], float] = time.monotonic) -> None:
        self._secret = Secret(fetch, clock)

    def of(self, provider: str) -> tuple[str, ...]:
        """The secrets to verify with: none, when none is configured, and then nothing is accepted."""
        return tuple(secret.strip() for secret in self._secret.of(provider).split(",") if secret.strip())


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
    def policy(self) -> "Policy":
        """The published policy. Raises PolicyError."""
        from ledger import policy

        return policy.load(self.config.policy_file or policy.DEFAULT_FILE)

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
            "heard_at": self.now().isoformat(),
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
        from ledger.providers.stripe_gateway import StripeGateway

        return StripeGateway(key, is_live=is_live, base_url=base_url)
    if provider == "paddle":
        from ledger.providers.paddle_gateway import PaddleGateway

        return PaddleGateway(key, is_live=is_live, base_url=base_url)
    raise ConfigurationError(f"{provider!r} is no provider that we ask anything of: stripe or paddle.")


@functools.cache
def runtime() -> Runtime:
    """The process's runtime, from its environment."""
    return Runtime(Config.of(os.environ))
