"""What a function gets from its environment."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger.config import Config
from ledger.domain.errors import CatalogueError, ConfigurationError, StoreUnavailable
from ledger.domain.recent_requests import LimitedRequest, RequestLimit
from ledger.mails.letters import House
from ledger.policy import rules
from ledger.policy.parameters import DEFAULT_FILE
from ledger.ports.documents import intent_key
from ledger.ports.gateway import Gateway
from ledger.ports.reads import Keys
from ledger.providers.registry import PROVIDERS
from ledger.runtime import Runtime, prepare, runtime
from ledger.secrets import SECRETS_TTL_S, Secret
from tests.unit.functions.test_config import EVERYTHING_SET
from tests.unit.functions.test_secrets import Manager
from tests.unit.providers import acme
from tests.unit.test_ses import MESSAGE, Client
from tests.unit.usecases.test_found import RECEIPT
from tools.testing.fakes import FakeProvider
from tools.testing.races import at_once

ENVIRONMENT = {"TABLE_NAME": "ledger", "PROVIDER_MODE": "test", "AWS_REGION": "eu-central-1"}


@pytest.mark.parametrize(
    ("setting", "is_paused"),
    [({"REFUNDS_PAUSED": value}, False) for value in ("false", "False")]
    + [({"REFUNDS_PAUSED": value}, True) for value in ("true", "True", "yes", "")]
    + [({}, True)],
)
def test_a_pause_of_refunds_reaches_what_sends_and_what_decides(setting: dict[str, str], *, is_paused: bool) -> None:
    """On a restored table nothing is decided that may have been paid after its time. All else is as published."""
    services = Runtime(Config.of(ENVIRONMENT | setting))
    assert services.config.is_paused is is_paused
    assert services.policy == replace(rules.load(), is_paused=is_paused)


@pytest.mark.parametrize(
    ("setting", "streams"),
    [({}, ()), ({"ARCHIVE_STREAM_NAMES": ""}, ()), ({"ARCHIVE_STREAM_NAMES": "one,two"}, ("one", "two"))],
)
def test_the_streams_of_the_archive_are_listed(setting: dict[str, str], streams: tuple[str, ...]) -> None:
    """None: the deployment keeps no raw bodies."""
    assert Config.of(ENVIRONMENT | setting).archive_streams == streams


@pytest.mark.parametrize(("debt", "is_debt_withheld"), [("true", True), ("false", False)])
def test_mails_count_a_balance_by_the_settings_of_the_draw(debt: str, *, is_debt_withheld: bool) -> None:
    """A mail that counted otherwise would contradict the account."""
    seller = {"SELLER_NAME": "Acme", "SELLER_ADDRESS": "Street 1", "PUBLIC_URL": "https://billing.example.com"}
    services = Runtime(Config.of(ENVIRONMENT | seller | {"LOW_BALANCE": "50", "DEBT_WITHHELD": debt}))
    assert (services.mail_desk.low_balance, services.mail_desk.is_debt_withheld) == (50, is_debt_withheld)


def test_a_mail_names_the_seller_and_the_pages_of_the_settings() -> None:
    """An order's return address and the group of the desk are settings beside them."""
    services = Runtime(Config.of(EVERYTHING_SET | {"CATALOGUE_FILE": "", "POLICY_FILE": ""}))
    assert services.mail_desk.house == House(
        seller="Shop Ltd",
        address="1 High Street",
        email="desk@example.com",
        account_url="https://cancel",
        public_url="https://public",
    )


SECRETS: dict[str, Callable[[Runtime], str]] = {
    "SIGNING_SECRETS_NAME": lambda services: services.fetch_signing_secrets()["stripe"],
    "PROVIDER_KEYS_NAME": lambda services: services.fetch_api_keys()["stripe"],
    "ADDRESS_KEY_NAME": lambda services: services.address_key,
}
LOCAL = dict(zip(SECRETS, ("whsec", "sk", "salt"), strict=True))


class Named:
    """A secrets manager whose secrets are their names."""

    def get_secret_value(self, SecretId: str) -> dict[str, str]:  # noqa: N803 - as botocore names it
        """Return a secret with a text for each provider, or the one that is a text."""
        is_text = SecretId == "ADDRESS_KEY_NAME"
        return {"SecretString": SecretId if is_text else json.dumps(dict.fromkeys(PROVIDERS, SecretId))}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_fetched_by_its_name_or_is_a_setting_of_a_local_run(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """One for another would refuse every delivery, or pay nothing back."""
    services = Runtime(Config.of(EVERYTHING_SET | {"ADDRESS_KEY": "salt"} | dict.fromkeys(SECRETS, "") | {name: name}))
    monkeypatch.setattr(services, "client", {"secretsmanager": Named()}.__getitem__)
    assert {each: read(services) for each, read in SECRETS.items()} == LOCAL | {name: name}


def test_the_table_and_the_region_are_those_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the store as of any other service."""
    services = Runtime(Config.of(EVERYTHING_SET))
    asked: list[dict[str, Any]] = []

    def dispatch(_: str, arguments: dict[str, Any]) -> dict[str, Any]:
        asked.append(arguments)
        return {}

    monkeypatch.setattr(services.connection, "dispatch", dispatch)
    services.store.read(Keys(documents=frozenset({intent_key("1")})))
    assert [one["TableName"] for one in asked] == ["table"]
    services.session.set_credentials("x", "x")
    clients = [services.connection.client, services.client("secretsmanager")]
    assert [one.meta.region_name for one in clients] == ["eu-central-1"] * 2


def test_a_release_is_a_deployment_of_its_own() -> None:
    """What is parked is translated again with the next one."""
    names = [Runtime(Config.of(ENVIRONMENT | {"RELEASE": release})).deployment for release in ("arn:layer:7", "")]
    assert names[0] == f"arn:layer:7{names[1]}"


def test_a_parked_event_that_no_release_reads_is_logged_by_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    """It names the provider too: the timeline has it by this name."""
    parked = replace(RECEIPT, provider="gone", event_id="evt_1", body=b"{}")
    assert Runtime(Config.of(ENVIRONMENT)).translate_parked(parked) is None
    assert [vars(one)["event"] for one in caplog.records] == ["gone:evt_1"]


def test_a_rotated_api_key_is_in_use_without_a_deploy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each key has its gateway, built once. While the key can't be read again, the known one serves."""
    keys: list[str] = []

    def gateway(key: str, *, is_live: bool, base_url: str | None) -> Gateway:
        assert (is_live, base_url) == (False, None)
        keys.append(key)
        return FakeProvider()

    monkeypatch.setattr(acme, "gateway", gateway)
    monkeypatch.setitem(PROVIDERS, acme.NAME, acme)
    services, manager = Runtime(Config.of(ENVIRONMENT)), Manager(acme="key_1")
    services.keys = Secret(manager.fetch, manager.clock)
    first = services.gateway(acme.NAME)
    assert services.gateway(acme.NAME) is first
    manager.texts, manager.now = StoreUnavailable("It can't be read now."), SECRETS_TTL_S + 1
    assert services.gateway(acme.NAME) is first
    manager.texts, manager.now = {acme.NAME: "key_2"}, 2 * SECRETS_TTL_S
    assert services.gateway(acme.NAME) is not first
    assert keys == ["key_1", "key_2"]


def test_a_gateway_that_two_ask_for_at_once_is_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep uses several providers at once, in threads. Each gateway has its own connections."""
    built: list[FakeProvider] = []
    both = threading.Barrier(2)

    def gateway(_: str, **__: object) -> Gateway:
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.2)  # for one that is built beside this one
        built.append(FakeProvider())
        return built[-1]

    monkeypatch.setattr(acme, "gateway", gateway)
    monkeypatch.setitem(PROVIDERS, acme.NAME, acme)
    services = Runtime(Config.of(ENVIRONMENT))
    services.keys = Secret(Manager(acme="key_1").fetch)
    results = at_once([lambda: services.gateway(acme.NAME)] * 2)
    assert (len(built), results) == (1, built * 2)


@pytest.fixture
def _no_runtime() -> Iterator[None]:
    """A process that has made no runtime yet."""
    runtime.cache_clear()
    yield
    runtime.cache_clear()


@pytest.mark.usefixtures("_no_runtime")
def test_lambdas_init_makes_what_the_first_event_would_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client of DynamoDB and the catalogue. A process outside of Lambda makes them when they are used."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    prepare({})
    assert runtime.cache_info().currsize == 0
    prepare({"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"})
    assert runtime.cache_info().currsize == 1
    assert runtime().connection._client is not None  # noqa: SLF001
    assert "catalogue" in vars(runtime())


@pytest.mark.usefixtures("_no_runtime")
def test_a_wrong_environment_fails_at_the_event_not_in_init(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lambda would only say that init failed. The event's error says why."""
    monkeypatch.delenv("TABLE_NAME", raising=False)
    prepare({"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"})
    with pytest.raises(ConfigurationError, match="TABLE_NAME"):
        runtime()


def test_a_stage_without_an_address_sends_no_mails() -> None:
    """With one it has a mail service."""
    assert Runtime(Config.of(ENVIRONMENT)).mailer is None
    assert Runtime(Config.of(ENVIRONMENT | {"RECEIPTS_FROM": "receipts@example.com"})).mailer is None
    assert Runtime(Config.of(ENVIRONMENT | {"MAILS_FROM": "billing@example.com"})).mailer is not None


ONE = {"MAILS_FROM": "a@example.com", "MAILS_REPLY_TO": "desk@example.com", "MAILS_CONFIGURATION_SET": "mails"}
OTHER = {"RECEIPTS_FROM": "b@example.com", "RECEIPTS_CONFIGURATION_SET": "receipts"}


@pytest.mark.parametrize("is_receipt", [False, True])
@pytest.mark.parametrize("given", [{}, *({name: value} for name, value in OTHER.items()), OTHER])
def test_a_receipt_is_sent_as_any_mail_in_what_it_has_no_setting_for(
    given: dict[str, str], monkeypatch: pytest.MonkeyPatch, *, is_receipt: bool
) -> None:
    """Without a configuration set SES would report no bounce of it, and without an address send nothing."""
    services, client = Runtime(Config.of(ENVIRONMENT | ONE | given)), Client()
    monkeypatch.setattr(services, "client", {"sesv2": client}.__getitem__)
    assert services.mailer
    services.mailer.send(replace(MESSAGE, is_receipt=is_receipt))
    own = {"RECEIPTS_FROM": "a@example.com", "RECEIPTS_CONFIGURATION_SET": "mails"} | (given if is_receipt else {})
    (request,) = client.calls
    assert [request["FromEmailAddress"], request["ConfigurationSetName"]] == [*own.values()]
    assert request["ReplyToAddresses"] == ["desk@example.com"]


def test_a_deployments_own_policy_is_read_for_all_that_the_policy_says(tmp_path: Path) -> None:
    """The routes that need its limits alone read them without the rules: from the same file."""
    document = json.loads(DEFAULT_FILE.read_text("utf-8"))
    document["request_limits"] = {name: {"most": 7, "within_s": 70} for name in LimitedRequest}
    (tmp_path / document["published_text"]).write_text("Our own policy.", "utf-8")
    own = tmp_path / "policy.json"
    own.write_text(json.dumps(document), "utf-8")
    services = Runtime(Config.of(ENVIRONMENT | {"POLICY_FILE": str(own)}))
    expected = {name: RequestLimit(most=7, within=timedelta(seconds=70)) for name in LimitedRequest}
    assert services.request_limits == services.policy.request_limits == expected


@pytest.mark.parametrize(
    ("service", "read_s", "attempts"), [("firehose", 1, 2), ("s3", 2, 2), ("secretsmanager", 2, 2), ("sesv2", 10, 1)]
)
def test_a_client_gives_up_before_its_function_does(service: str, read_s: int, attempts: int) -> None:
    """The archive has less time than the write beside it. A mail is never sent twice by a repetition."""
    services = Runtime(Config.of(ENVIRONMENT))
    services.session.set_credentials("x", "x")
    config = services.client(service).meta.config
    assert (config.connect_timeout, config.read_timeout) == (1, read_s)
    assert config.retries["total_max_attempts"] == attempts


def test_the_store_gives_up_before_its_function_does() -> None:
    """Two attempts of three seconds at most: a provider waits for five, most functions have ten or more."""
    services = Runtime(Config.of(ENVIRONMENT))
    services.session.set_credentials("x", "x")
    config = services.connection.client.meta.config
    assert (config.connect_timeout, config.read_timeout) == (1, 2)
    assert config.retries == {"total_max_attempts": 3, "mode": "standard"}, config.retries


def test_a_live_stage_sells_nothing_at_the_prices_of_the_example() -> None:
    """Nobody can pay them. A test stage may."""
    assert Runtime(Config.of(ENVIRONMENT)).catalogue.products
    with pytest.raises(CatalogueError, match=r"price ids of the shipped example .*PROVIDER_MODE is live"):
        assert Runtime(Config.of(ENVIRONMENT | {"PROVIDER_MODE": "live"})).catalogue


@pytest.mark.parametrize(("setting", "style"), [({}, "virtual"), ({"AWS_ENDPOINT_URL_S3": "http://s3"}, "path")])
def test_a_bucket_of_another_server_is_named_in_the_path(setting: dict[str, str], style: str) -> None:
    """There its name is no host."""
    services = Runtime(Config.of(ENVIRONMENT | setting))
    services.session.set_credentials("x", "x")
    assert services.client("s3").meta.config.s3["addressing_style"] == style


@pytest.mark.parametrize("is_measured", [True, False])
def test_a_line_counts_unless_metrics_are_switched_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, is_measured: bool
) -> None:
    """As metrics by themselves do."""
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "billing")
    services = Runtime(Config.of(ENVIRONMENT | {"POWERTOOLS_METRICS_DISABLED": str(not is_measured).lower()}))
    services.lines.write("ERROR", "refused", {}, ("BadSignatures",))
    assert ("BadSignatures" in capsys.readouterr().out) is is_measured


@pytest.mark.parametrize("is_measured", [True, False])
def test_metrics_are_printed_unless_they_are_switched_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, is_measured: bool
) -> None:
    """What is switched off is not kept for the next invocation either."""
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "billing")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "billing")
    services = Runtime(Config.of(ENVIRONMENT | {"POWERTOOLS_METRICS_DISABLED": str(not is_measured).lower()}))
    services.metrics.add_metric("BookedEvents", "Count", 1)
    services.publish_metrics()
    assert ("BookedEvents" in capsys.readouterr().out) is is_measured
    assert not services.metrics.metric_set
