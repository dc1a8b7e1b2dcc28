"""Secrets: cached, fetched again after a while, and never lost by a fetch that fails."""

from collections.abc import Mapping

import pytest

from ledger.domain.errors import BillingError, ConfigurationError, StoreUnavailable
from ledger.secrets import FETCHED_AGAIN_AFTER_S, SECRETS_TTL_S, Secret, SigningSecrets


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
