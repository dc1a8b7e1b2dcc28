"""What an unsuccessful response of a provider's API means: refused, misconfigured, or unclear."""

import re

from ledger.domain.errors import BillingError, ConfigurationError, ProviderRefused, ProviderUnavailable

TIMEOUT_S = (2.0, 8.0)
"""The time-outs to connect and to read. With one retry a call ends within the 30 s that an HTTP API waits."""

_RETRY_LATER = {408, 409, 425, 429}
_UNCLEAR_CODES = {"idempotency_error", "idempotency_key_in_use", "lock_timeout", "rate_limit"}
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class ApiErrors:
    """The errors of one provider's API. No message contains an API key, a body or the provider's own message."""

    def __init__(self, *, provider: str, title: str) -> None:
        self.provider = provider
        self.title = title

    def of_response(self, status: int, code: object, request_id: object = None) -> BillingError:
        """Return the error for a response with this HTTP status and the provider's code for the reason.

        Only a 4xx with a code is a refusal. A proxy's page, a conflict or a rate limit is unclear, whatever its status.
        So is an idempotency key that was used with other parameters: the earlier request may have been carried out. If
        that counted as a refusal, a new approval with a new key would send the money twice. The provider's own message
        is left out because it may quote a key or an e-mail address.
        """
        request = f", request {request_id}" if isinstance(request_id, str) and _WORD.fullmatch(request_id) else ""
        if not (isinstance(code, str) and _WORD.fullmatch(code)):
            return ProviderUnavailable(f"{self.title} returned {status} without a reason{request}.")
        if status in {401, 403}:
            return ConfigurationError(
                f"{self.title} does not accept our API key ({status} {code}{request}). {self.key_place}"
            )
        if 400 <= status < 500 and status not in _RETRY_LATER and code not in _UNCLEAR_CODES:
            return ProviderRefused(code, f"{self.title} refused: {code} ({status}{request}).")
        return ProviderUnavailable(f"{self.title} is unavailable: {code} ({status}{request}).")

    def unreadable(self, error: Exception) -> ProviderUnavailable:
        """Return the error for a missing or unreadable response: the request may have been carried out."""
        return ProviderUnavailable(f"{self.title} returned no readable response ({type(error).__name__}).")

    def check_key(self, key: str, *, is_live: bool, live: tuple[str, ...], test: tuple[str, ...]) -> None:
        """Raise ConfigurationError if there is no API key, or its prefix is of the other mode."""
        if not key:
            raise ConfigurationError(f"There is no API key for {self.title}. {self.key_place}")
        if key.startswith(test if is_live else live):
            key_mode, mode = ("test", "live") if is_live else ("live", "test")
            raise ConfigurationError(
                f"{self.title}'s API key is of {key_mode} mode, PROVIDER_MODE is {mode}. {self.key_place}"
            )

    @property
    def key_place(self) -> str:
        """Where an operator puts the provider's API key."""
        return (
            f"Put a valid one as {self.provider!r} into the secret that PROVIDER_KEYS_NAME names,"
            f" locally into {self.provider.upper()}_API_KEY."
        )


def required_text(value: object) -> str:
    """Return an id or address that a response must have. Raise TypeError, as for a body of another shape."""
    if not isinstance(value, str) or not value:
        raise TypeError("the response lacks a required field")
    return value
