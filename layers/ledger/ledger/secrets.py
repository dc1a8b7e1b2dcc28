"""Secrets with a text for each provider, cached and fetched again after a while: a rotation needs no deploy."""

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import botocore.exceptions

from ledger.domain.errors import BillingError, ConfigurationError, StoreUnavailable
from ledger.providers.registry import PROVIDERS

SECRETS_TTL_S = 300
"""How long a fetched secret is cached. A rotated secret is in use after this time at the latest."""

FETCHED_AGAIN_AFTER_S = 30
"""How long the known secret is used after a fetch that failed, or that found nothing newer, before the next one."""

_log = logging.getLogger(__name__)


class Secret:
    """A secret with a text for each provider. A fetch that fails keeps the one that is known."""

    def __init__(self, fetch: Callable[[], Mapping[str, str]], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._texts: Mapping[str, str] = {}
        self._fetched_at: float | None = None
        self._tried_at = 0.0

    def of(self, provider: str) -> str:
        """Return a provider's text. Empty if it has none.

        Raise StoreUnavailable or ConfigurationError if none is known and it can't be fetched.
        """
        if self._fetched_at is None:
            self._refresh()
        elif self._clock() - self._fetched_at > SECRETS_TTL_S:
            self._try_to_refresh()
        return self._texts.get(provider, "").strip()

    def newer(self, provider: str) -> str | None:
        """Return a provider's text if a newer one than the known one can be fetched now, else None.

        Not more often than every FETCHED_AGAIN_AFTER_S: whoever forges signatures causes no more calls than that.
        """
        known = self._texts.get(provider, "").strip()
        self._try_to_refresh()
        text = self._texts.get(provider, "").strip()
        return text if text != known else None

    def _try_to_refresh(self) -> None:
        """Fetch it again, unless that was tried a moment ago. If it can't be fetched, keep the known one."""
        if self._clock() - self._tried_at < FETCHED_AGAIN_AFTER_S:
            return
        try:
            self._refresh()
        except BillingError as error:
            _log.warning("%s The known one is used.", error)

    def _refresh(self) -> None:
        self._tried_at = self._clock()
        self._texts = self._fetch()
        self._fetched_at = self._tried_at


class SigningSecrets:
    """The providers' signing secrets: several for one provider while a secret is being rotated."""

    def __init__(self, fetch: Callable[[], Mapping[str, str]], clock: Callable[[], float] = time.monotonic) -> None:
        self._secret = Secret(fetch, clock)

    def of(self, provider: str) -> tuple[str, ...]:
        """Return the secrets to verify a provider's signatures with. Empty: no signature is accepted."""
        return _listed(self._secret.of(provider))

    def newer(self, provider: str) -> tuple[str, ...]:
        """Return the secrets that were rotated in since the last fetch. Empty: none, or it was a moment ago."""
        return _listed(self._secret.newer(provider) or "")


def _listed(text: str) -> tuple[str, ...]:
    return tuple(secret.strip() for secret in text.split(",") if secret.strip())


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


def fetch_text(client: Any, name: str) -> str:
    """Fetch a secret of Secrets Manager that is one text. Raise StoreUnavailable if it can't be fetched now."""
    try:
        return str(client.get_secret_value(SecretId=name).get("SecretString") or "")
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        raise StoreUnavailable("The key of the addresses' hashes can't be read now.") from error
