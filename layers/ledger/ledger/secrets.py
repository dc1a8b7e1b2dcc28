"""Secrets with a text for each provider, cached and fetched again after a while: a rotation needs no deploy."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import botocore.exceptions

from ledger.domain.errors import ConfigurationError, StoreUnavailable
from ledger.providers.registry import PROVIDERS

SECRETS_TTL_S = 300
"""How long a fetched secret is cached. A rotated secret is in use after this time at the latest."""


class Secret:
    """A secret with a text for each provider."""

    def __init__(self, fetch: Callable[[], Mapping[str, str]], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._texts: Mapping[str, str] | None = None
        self._fetched_at = 0.0

    def of(self, provider: str) -> str:
        """Return a provider's text. Empty if it has none."""
        if self._texts is None or self._clock() - self._fetched_at > SECRETS_TTL_S:
            self._texts = self._fetch()
            self._fetched_at = self._clock()
        return self._texts.get(provider, "").strip()


class SigningSecrets:
    """The providers' signing secrets: several for one provider while a secret is being rotated."""

    def __init__(self, fetch: Callable[[], Mapping[str, str]], clock: Callable[[], float] = time.monotonic) -> None:
        self._secret = Secret(fetch, clock)

    def of(self, provider: str) -> tuple[str, ...]:
        """Return the secrets to verify a provider's signatures with. Empty: no signature is accepted."""
        return tuple(secret.strip() for secret in self._secret.of(provider).split(",") if secret.strip())


def fetch(client: Any, name: str, description: str) -> Mapping[str, str]:
    """Fetch a secret of Secrets Manager: JSON with a text for each provider. `client` is botocore's.

    Raise StoreUnavailable if it can't be fetched now, ConfigurationError if it is not such JSON.
    """
    try:
        response = client.get_secret_value(SecretId=name)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        raise StoreUnavailable(f"The {description} can't be read now.") from error
    try:
        texts = json.loads(response["SecretString"])
        return {provider: str(texts.get(provider) or "") for provider in PROVIDERS}
    except (KeyError, ValueError, AttributeError):
        example = json.dumps(dict.fromkeys(PROVIDERS, "…"), ensure_ascii=False)
        # Not `from error`: its message may quote the secret.
        raise ConfigurationError(f"The secret {name} should be JSON: {example}.") from None
