"""The composition root: everything that a function uses, built once a process from its environment."""

import contextlib
import functools
import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from secrets import token_urlsafe
from threading import Lock
from typing import TYPE_CHECKING, Any

import botocore.config
import botocore.exceptions

from ledger import archive, init, secrets
from ledger.config import Config
from ledger.domain import catalogue
from ledger.domain.catalogue import Catalogue
from ledger.domain.errors import CatalogueError, ConfigurationError, InvalidBody
from ledger.domain.events import Event
from ledger.domain.receipts import Receipt
from ledger.dynamodb.connection import PlainConnection
from ledger.dynamodb.store import DynamoDBStore
from ledger.lines import Lines
from ledger.ports.gateway import Gateway
from ledger.ports.store import Store
from ledger.providers.registry import PROVIDERS, names_of_parked
from ledger.secrets import Secret, SigningSecrets

if TYPE_CHECKING:
    from aws_lambda_powertools.logging import Logger
    from aws_lambda_powertools.metrics import Metrics

    from ledger.domain.index_rows import EventNames
    from ledger.domain.recent_requests import LimitedRequest, RequestLimit
    from ledger.policy.parameters import PolicyParameters
    from ledger.ports.mailer import Mailer
    from ledger.usecases.credit_notes import Seller
    from ledger.usecases.mail_failures import FailureReport
    from ledger.usecases.write_mails import Desk


@functools.cache
def runtime() -> "Runtime":
    """Return the process's runtime, from its environment. Raise ConfigurationError."""
    return Runtime(Config.of(os.environ))


class Runtime:
    """Configuration, clock, lines and store; and logger, metrics, secrets, gateways and files, each on first use."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.lines = Lines(os.environ, is_measured=config.is_measured)
        for library in ("botocore", "pynamodb"):
            logging.getLogger(library).setLevel(logging.WARNING)  # CloudWatch bills their lines at each start
        self.connection = PlainConnection(
            region=config.region, connect_timeout_seconds=1, read_timeout_seconds=2, max_retry_attempts=2
        )
        self.session = (
            self.connection.session
        )  # of this thread: PynamoDB has one for each, and each reads its files anew
        self.store: Store = DynamoDBStore(config.table_name, self.connection)
        self.secrets = SigningSecrets(self.fetch_signing_secrets)
        self.keys = Secret(self.fetch_api_keys)
        self._gateways: dict[str, tuple[str, Gateway]] = {}  # by provider, with the API key that each was built with
        self._gateways_lock = Lock()  # a sweep asks several providers at once

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return self.clock()

    @functools.cached_property
    def logger(self) -> "Logger":
        """Powertools' logger. A delivery has `lines`, and does without its import."""
        from aws_lambda_powertools.logging import Logger

        return Logger()

    @functools.cached_property
    def metrics(self) -> "Metrics":
        """Powertools' metrics, which `publish_metrics` prints."""
        from aws_lambda_powertools.metrics import Metrics

        return Metrics()

    @functools.cached_property
    def catalogue(self) -> Catalogue:
        """The products. Raise CatalogueError: a live stage refuses the price ids of the shipped example too."""
        sold = catalogue.load(self.config.catalogue_file)
        if self.config.is_live and (placeholders := catalogue.example_prices(sold)):
            raise CatalogueError(
                f"The catalogue {self.config.catalogue_file} has price ids of the shipped example "
                f"({', '.join(placeholders)}), and PROVIDER_MODE is live: nobody can pay them. "
                "Put the providers' own price ids into a file, and set CATALOGUE_FILE to it."
            )
        return sold

    @functools.cached_property
    def deployment(self) -> str:
        """A name for everything that the translation of an event depends on beside the event itself."""
        catalogue_sha256 = hashlib.sha256(self.config.catalogue_file.read_bytes()).hexdigest()
        mode = "live" if self.config.is_live else "test"
        scope = hashlib.sha256(self.config.scope.text.encode()).hexdigest()[:16]
        return f"{self.config.release} {mode} {catalogue_sha256} {scope}"

    @functools.cached_property
    def policy(self) -> "PolicyParameters":
        """The refund policy's parameters. Raise PolicyError."""
        from ledger.policy import rules

        parameters = rules.load(self.config.policy_file or rules.DEFAULT_FILE)
        return replace(parameters, is_paused=self.config.is_paused)

    @property
    def seller(self) -> "Seller":
        """Return who sells, and through which providers in its own name."""
        from ledger.usecases.credit_notes import Seller

        name, address = self.config.seller
        providers = frozenset(name for name, one in PROVIDERS.items() if not one.MERCHANT_OF_RECORD)
        return Seller(name=name, address=address, providers=providers)

    @functools.cached_property
    def request_limits(self) -> "Mapping[LimitedRequest, RequestLimit]":
        """How many requests of a kind an account may make, by the policy's current version. Raise PolicyError."""
        from ledger.policy import parameters

        return parameters.load(self.config.policy_file or parameters.DEFAULT_FILE).request_limits

    @property
    def providers(self) -> tuple[str, ...]:
        """The names of all registered providers."""
        return tuple(PROVIDERS)

    @functools.cached_property
    def mailer(self) -> "Mailer | None":
        """The mail service. None: this deployment sends no mails. A local run sets another one."""
        config = self.config
        if config.mails_from is None:
            return None
        from ledger.ses import Sender, Ses

        mails, receipts = config.mail_sets
        return Ses(
            lambda: self.client("sesv2"),
            mails=Sender(address=config.mails_from, configuration_set=mails),
            receipts=Sender(address=config.receipts_from or config.mails_from, configuration_set=receipts or mails),
            reply_to=config.mails_reply_to,
        )

    def mail_failure(self, delivered: Mapping[str, Any]) -> "FailureReport | None":
        """Return the failure that the mail service reports in an event. None: none that counts. Raise ValueError."""
        from ledger.ses import read_report

        return read_report(delivered)

    @functools.cached_property
    def mail_desk(self) -> "Desk":
        """What mails are written from."""
        from ledger.mails.confirmation import Reseller
        from ledger.mails.letters import House
        from ledger.usecases.write_mails import Desk

        seller, address = self.config.seller
        house = House(
            seller=seller,
            address=address,
            email=self.config.mails_reply_to,
            account_url=self.config.cancel_url,
            public_url=self.config.public_url,
        )
        resellers = {
            name: Reseller(name=one.MERCHANT_OF_RECORD, page=one.BUYERS_PAGE)
            for name, one in PROVIDERS.items()
            if one.MERCHANT_OF_RECORD
        }
        return Desk(
            store=self.store,
            catalogue=self.catalogue,
            policy=self.policy,
            house=house,
            resellers=resellers,
            new_secret=lambda: token_urlsafe(32),
            clock=self.now,
            low_balance=self.config.low_balance,
            is_debt_withheld=self.config.is_debt_withheld,
        )

    @functools.cached_property
    def address_key(self) -> str:
        """The key of addresses' hashes, from Secrets Manager or, for local runs, the environment. It never changes.

        Raise StoreUnavailable if it can't be fetched now, ConfigurationError if there is none.
        """
        name = self.config.address_key_name
        key = secrets.fetch_text(self.client("secretsmanager"), name) if name else self.config.address_key
        if not key:
            raise ConfigurationError("ADDRESS_KEY_NAME is not set, or its secret is empty: addresses can't be hashed.")
        return key

    def gateway(self, provider: str) -> Gateway:
        """Return the gateway to a provider's API, with its current key. Import its SDK on first use.

        Raise ConfigurationError if the provider is not registered, or its key is missing or of the other mode.
        """
        if provider not in PROVIDERS:
            raise ConfigurationError(f"{provider!r} is not a registered provider.")
        key = self.keys.of(provider)
        with self._gateways_lock:
            known_key, gateway = self._gateways.get(provider, (None, None))
            if gateway is None or known_key != key:
                base_url = self.config.api_bases.get(provider)
                gateway = PROVIDERS[provider].gateway(key, is_live=self.config.is_live, base_url=base_url)
                self._gateways[provider] = (key, gateway)
            return gateway

    def translate_parked(self, parked: Receipt) -> Event | None:
        """Translate a parked event again. The catalogue may have its price by now.

        None: this release does not read it, or not any more. Then it stays parked as it is.
        """
        provider = PROVIDERS.get(parked.provider)
        try:
            notification = provider.parse(parked.body or b"") if provider else None
        except InvalidBody:
            notification = None
        if provider is None or notification is None:
            self.logger.warning("unreadable parked event", extra={"event": parked.cause})
            return None
        return provider.translate(notification, self.catalogue, is_live=self.config.is_live, scope=self.config.scope)

    def names_of_parked(self, parked: Receipt) -> "EventNames":
        """Return by what a parked event is found, beside its own id and its customer's."""
        return names_of_parked(parked)

    @contextlib.contextmanager
    def archiving(self, provider: str, event_id: str, body: bytes) -> Iterator[None]:
        """Put a raw body on the archive stream while the caller works. The ledger does not need it.

        A failure is only logged and counted.
        """
        if not self.config.archive_streams:
            yield
            return
        # The put makes its client in its thread. botocore can't make two at once, so DynamoDB's is made before.
        _ = self.connection.client
        line = archive.line_of(provider, event_id, body, self.now())
        stream = archive.stream_of(event_id, self.config.archive_streams)
        put = archive.Put(lambda: self.client("firehose"), stream, line)
        put.start()
        try:
            yield
        finally:
            put.join()
            if put.failure:
                failed = {"event_id": event_id, "error": put.failure}
                self.lines.write("WARNING", "raw body not archived", failed, ("UnarchivedBodies",))

    def publish_metrics(self) -> None:
        """Print the metrics of this invocation for CloudWatch. Discard them if metrics are disabled."""
        if "metrics" not in self.__dict__:
            return  # nothing was counted: Powertools' metrics are not even imported
        if self.config.is_measured and self.metrics.metric_set:
            self.metrics.flush_metrics()
        else:
            self.metrics.clear_metrics()

    @functools.cache  # noqa: B019 - a runtime lives as long as its process
    def client(self, service: str) -> Any:
        """Return a botocore client with time-outs shorter than any function's."""
        read_timeout = 1 if service == "firehose" else 2  # both attempts end within the time that a write may take
        attempts = 2
        if service == "sesv2":  # a repetition would be another mail
            read_timeout, attempts = 10, 1
        config = botocore.config.Config(
            connect_timeout=1, read_timeout=read_timeout, retries={"total_max_attempts": attempts}
        )
        if service == "s3":
            # Without these a form or an address is for the global endpoint: it redirects, and knows no newer region.
            regional = botocore.config.Config(
                signature_version="s3v4",
                s3={
                    "addressing_style": "path" if self.config.is_s3_local else "virtual",
                    "us_east_1_regional_endpoint": "regional",
                },
            )
            config = config.merge(regional)
        return self.session.create_client(service, self.config.region, config=config)

    def fetch_signing_secrets(self) -> Mapping[str, str]:
        """Return the signing secrets by provider, from Secrets Manager or, for local runs, the environment."""
        if self.config.secrets_name is None:
            return self.config.signing_secrets
        return secrets.fetch(self.client("secretsmanager"), self.config.secrets_name, "signing secrets")

    def fetch_api_keys(self) -> Mapping[str, str]:
        """Return the API keys by provider, from Secrets Manager or, for local runs, the environment."""
        if self.config.keys_name is None:
            return self.config.api_keys
        return secrets.fetch(self.client("secretsmanager"), self.config.keys_name, "providers' API keys")


def prepare(environment: Mapping[str, str]) -> None:
    """Make in Lambda's init what the first event would wait for: init has a whole processor, whatever the memory.

    What can't be made here fails again at the first event, which reports it.
    """
    if "AWS_LAMBDA_RUNTIME_API" in environment:
        with contextlib.suppress(Exception):
            here = runtime()
            _ = here.connection.client, here.catalogue


prepare(os.environ)
init.is_over()
