"""Secrets by name, cached, and fetched again after a while."""

import time
from collections.abc import Callable, Mapping

SECRETS_TTL_S = 300
"""How long fetched secrets are believed: a rotated secret is known after this time at the latest."""


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
