"""What a provider's answer means for us when it is no success: a clear no, our own mistake, or nothing to rely on."""

import re

from ledger.domain.errors import BillingError, ConfigurationError, ProviderRefused, ProviderUnavailable

TIMEOUT_S = (2.0, 8.0)
"""To connect and to read: with one retry still within the half minute that an HTTP API waits."""

_TITLES = {"stripe": "Stripe", "paddle": "Paddle"}
_NOT_NOW = {408, 409, 425, 429}
_UNCLEAR = {"idempotency_error", "idempotency_key_in_use", "lock_timeout", "rate_limit"}
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def problem(provider: str, status: int, code: object, request_id: object = None) -> BillingError:
    """The error to raise for an answer with this HTTP status and the provider's word for why.

    Only a 4xx that says why is a clear no. A proxy's page, a conflict, a full minute: unclear, whatever its status.
    An idempotency key that stands for other parameters is unclear too: what it stood for may have been done, and were
    it taken for a refusal, a new approval with a new key would send the money twice. The provider's own message is
    left out: it may quote a key or an e-mail address.
    """
    title = _TITLES[provider]
    request = f", request {request_id}" if isinstance(request_id, str) and _WORD.fullmatch(request_id) else ""
    if not (isinstance(code, str) and _WORD.fullmatch(code)):
        return ProviderUnavailable(f"{title} answered {status} without saying why{request}.")
    if status in {401, 403}:
        return ConfigurationError(
            f"{title} does not accept our API key ({status} {code}{request}). {key_place(provider)}"
        )
    if 400 <= status < 500 and status not in _NOT_NOW and code not in _UNCLEAR:
        return ProviderRefused(code, f"{title} refused: {code} ({status}{request}).")
    return ProviderUnavailable(f"{title} can't say now: {code} ({status}{request}).")


def unreadable(provider: str, error: Exception) -> ProviderUnavailable:
    """No answer came, or none that can be read: what was asked may have been done."""
    return ProviderUnavailable(f"{_TITLES[provider]} gave no answer that can be read ({type(error).__name__}).")


def text(found: object) -> str:
    """An id or address without which an answer is of no use. Raises TypeError, as a body of another shape would."""
    if not isinstance(found, str) or not found:
        raise TypeError("the answer lacks what was asked for")
    return found


def check_key(provider: str, key: str, *, is_live: bool, live: tuple[str, ...], test: tuple[str, ...]) -> None:
    """Hold an API key to the ledger's mode by how it begins. Raises ConfigurationError, without the key."""
    if not key:
        raise ConfigurationError(f"There is no API key for {_TITLES[provider]}. {key_place(provider)}")
    if key.startswith(test if is_live else live):
        key_mode, mode = ("test", "live") if is_live else ("live", "test")
        raise ConfigurationError(
            f"{_TITLES[provider]}'s API key is of {key_mode} mode, PROVIDER_MODE is {mode}. {key_place(provider)}"
        )


def key_place(provider: str) -> str:
    """Where a provider's API key is to be put."""
    return (
        f"Put a valid one as {provider!r} into the secret that PROVIDER_KEYS_NAME names,"
        f" locally into {provider.upper()}_API_KEY."
    )
