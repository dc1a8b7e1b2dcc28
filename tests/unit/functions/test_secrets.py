"""Secrets: cached, fetched again after a while, and never lost by a fetch that fails."""

import json
from collections.abc import Mapping

import botocore.exceptions
import pytest

from ledger.domain.errors import BillingError, ConfigurationError, StoreUnavailable
from ledger.secrets import FETCHED_AGAIN_AFTER_S, SECRETS_TTL_S, Secret, SigningSecrets, fetch, fetch_text


class Manager:
    """A secrets manager with a clock of its own."""

    def __init__(self, **texts: str) -> None:
        self.texts: Mapping[str, str] | BillingError = texts
        self.now = 0.0
        self.fetches = 0

    def fetch(self) -> Mapping[str, str]:
        """Return the secret as it is now."""
        self.fetches += 1
        if isinstance(self.texts, BillingError):
            raise self.texts
        return self.texts

    def clock(self) -> float:
        """Return the time in seconds."""
        return self.now


DOWN = [StoreUnavailable("It can't be read now."), ConfigurationError("It should be JSON.")]


def test_a_secret_is_fetched_once_and_again_after_its_time() -> None:
    """A rotated one is in use then, without a deploy."""
    manager = Manager(stripe=" whsec_1 ")
    secret = Secret(manager.fetch, manager.clock)
    manager.now = SECRETS_TTL_S
    assert (secret.of("stripe"), secret.of("paddle"), manager.fetches) == ("whsec_1", "", 1)
    manager.texts = {"stripe": "whsec_2"}
    manager.now += SECRETS_TTL_S
    assert (secret.of("stripe"), manager.fetches) == ("whsec_1", 1)
    manager.now += 1
    assert (secret.of("stripe"), manager.fetches) == ("whsec_2", 2)


@pytest.mark.parametrize("down", DOWN, ids=["not answered", "spoilt"])
def test_a_refresh_that_fails_keeps_the_known_secret(down: BillingError, caplog: pytest.LogCaptureFixture) -> None:
    """Else all deliveries would be answered 503 meanwhile. It is tried again soon, not at each delivery."""
    manager = Manager(stripe="whsec_1")
    secret = Secret(manager.fetch, manager.clock)
    assert secret.of("stripe") == "whsec_1"
    manager.texts = down
    manager.now = SECRETS_TTL_S + 1
    assert (secret.of("stripe"), secret.of("stripe"), manager.fetches) == ("whsec_1", "whsec_1", 2)
    assert "The known one is used." in caplog.text
    manager.texts = {"stripe": "whsec_2"}
    manager.now += FETCHED_AGAIN_AFTER_S - 1
    assert (secret.of("stripe"), manager.fetches) == ("whsec_1", 2)
    manager.now += 1
    assert (secret.of("stripe"), manager.fetches) == ("whsec_2", 3)


@pytest.mark.parametrize("down", DOWN, ids=["not answered", "spoilt"])
def test_without_a_known_secret_a_failed_fetch_is_told_each_time(down: BillingError) -> None:
    """Nothing is accepted without a secret, and the next delivery asks again."""
    manager = Manager()
    manager.texts = down
    secret = Secret(manager.fetch, manager.clock)
    for _ in range(2):
        with pytest.raises(type(down)):
            secret.of("stripe")
    manager.texts = {"stripe": "whsec_1"}
    assert (secret.of("stripe"), manager.fetches) == ("whsec_1", 3)


def test_a_newer_secret_is_looked_for_once_in_a_while() -> None:
    """Who forges signatures causes no more calls than that. What did not change is not newer."""
    manager = Manager(stripe="whsec_1")
    secrets = SigningSecrets(manager.fetch, manager.clock)
    assert secrets.of("stripe") == ("whsec_1",)
    manager.texts = {"stripe": "whsec_1, whsec_2"}
    manager.now = FETCHED_AGAIN_AFTER_S - 1
    assert (secrets.newer("stripe"), manager.fetches) == ((), 1)
    manager.now += 1
    assert (secrets.newer("stripe"), manager.fetches) == (("whsec_1", "whsec_2"), 2)
    assert (secrets.newer("stripe"), secrets.of("stripe"), manager.fetches) == ((), ("whsec_1", "whsec_2"), 2)
    manager.now += FETCHED_AGAIN_AFTER_S
    assert (secrets.newer("stripe"), manager.fetches) == ((), 3)
    manager.texts = DOWN[0]
    manager.now += FETCHED_AGAIN_AFTER_S
    assert (secrets.newer("stripe"), secrets.of("stripe"), manager.fetches) == ((), ("whsec_1", "whsec_2"), 4)


class SecretsManager:
    """A client of Secrets Manager that has one response, or one error."""

    def __init__(self, response: dict[str, object] | Exception) -> None:
        self.response = response

    def get_secret_value(self, **arguments: str) -> dict[str, object]:
        """Return the response for the secret `ours`."""
        assert arguments == {"SecretId": "ours"}
        if isinstance(self.response, Exception):
            raise self.response
        return self.response


def test_a_secret_of_secrets_manager_has_a_text_for_each_provider() -> None:
    """One that it lacks, or that is null, is empty. Others are left out."""
    stored = json.dumps({"stripe": "whsec_1", "paddle": None, "acme": "x"})
    assert fetch(SecretsManager({"SecretString": stored}), "ours", "keys") == {"stripe": "whsec_1", "paddle": ""}


@pytest.mark.parametrize(
    "error",
    [
        botocore.exceptions.ClientError({"Error": {"Code": "ThrottlingException"}}, "GetSecretValue"),
        botocore.exceptions.ReadTimeoutError(endpoint_url="https://secretsmanager"),
        botocore.exceptions.EndpointConnectionError(endpoint_url="https://secretsmanager"),
        botocore.exceptions.NoCredentialsError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_secret_that_can_not_be_fetched_now_makes_a_delivery_wait(error: Exception) -> None:
    """The provider delivers again, whatever the reason was."""
    with pytest.raises(StoreUnavailable, match=r"^The keys can't be read now\.$"):
        fetch(SecretsManager(error), "ours", "keys")
    with pytest.raises(StoreUnavailable, match=r"^The key of the addresses' hashes can't be read now\.$"):
        fetch_text(SecretsManager(error), "ours")


@pytest.mark.parametrize("stored", ["whsec_secret", '["whsec_secret"]', '"whsec_secret"', None])
def test_a_secret_of_another_shape_is_named_and_never_quoted(stored: str | None) -> None:
    """Neither in the message nor in what is chained to it."""
    response: dict[str, object] = {"SecretString": stored} if stored else {"SecretBinary": b"whsec_secret"}
    with pytest.raises(ConfigurationError, match=r"^The secret ours should be JSON: ") as raised:
        fetch(SecretsManager(response), "ours", "keys")
    assert "whsec" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
