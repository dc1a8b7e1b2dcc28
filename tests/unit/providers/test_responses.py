"""What an unsuccessful response of a provider's API means. A refusal must be certain: the money is approved anew."""

import pytest

from ledger.domain.errors import BillingError, ConfigurationError, ProviderRefused, ProviderUnavailable
from ledger.providers.responses import ApiErrors, required_text

ERRORS = ApiErrors(provider="stripe", title="Stripe")
PLACE = "Put a valid one as 'stripe' into the secret that PROVIDER_KEYS_NAME names, locally into STRIPE_API_KEY."
LONGEST = "a" * 100


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "charge_already_refunded", ProviderRefused),
        (404, "resource_missing", ProviderRefused),
        (407, "odd", ProviderRefused),
        (499, "odd", ProviderRefused),
        (401, "invalid_api_key", ConfigurationError),
        (403, "forbidden", ConfigurationError),
        (399, "odd", ProviderUnavailable),
        (500, "api_error", ProviderUnavailable),
        (503, "odd", ProviderUnavailable),
        *((status, "odd", ProviderUnavailable) for status in (408, 409, 425, 429)),
        *(
            (400, code, ProviderUnavailable)
            for code in ("idempotency_error", "idempotency_key_in_use", "lock_timeout", "rate_limit")
        ),
        *((404, code, ProviderUnavailable) for code in (None, "", 7, "two words", "-dash", LONGEST + "a")),
        *((404, code, ProviderRefused) for code in ("7", LONGEST, "a.b-c_D")),
    ],
)
def test_only_a_4xx_with_a_code_is_a_refusal(status: int, code: object, expected: type[BillingError]) -> None:
    """A proxy's page, a conflict and a rate limit are unclear: the request may have been carried out."""
    assert type(ERRORS.of_response(status, code)) is expected


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (404, "missing", "Stripe refused: missing (404, request req_1)."),
        (500, "down", "Stripe is unavailable: down (500, request req_1)."),
        (502, None, "Stripe returned 502 without a reason, request req_1."),
        (401, "bad", f"Stripe does not accept our API key (401 bad, request req_1). {PLACE}"),
    ],
)
def test_the_message_names_the_request_and_quotes_nothing_else(status: int, code: object, message: str) -> None:
    """The provider's support finds it by that id."""
    assert str(ERRORS.of_response(status, code, "req_1")) == message
    assert str(ERRORS.of_response(status, code, "ada@example.com wrote")) == message.replace(", request req_1", "")
    assert str(ERRORS.of_response(status, code, 7)) == message.replace(", request req_1", "")


def test_a_refusal_carries_its_code() -> None:
    """It decides what is tried again."""
    error = ERRORS.of_response(400, "charge_disputed")
    assert isinstance(error, ProviderRefused)
    assert error.code == "charge_disputed"


def test_a_key_of_the_other_mode_is_refused_without_being_shown() -> None:
    """And one that says nothing of its mode is not."""
    ways = {"live": ("sk_live_", "rk_live_"), "test": ("sk_test_", "rk_test_")}
    for prefix in ways["test"]:
        ERRORS.check_key(f"{prefix}x", is_live=False, **ways)
        with pytest.raises(ConfigurationError) as caught:
            ERRORS.check_key(f"{prefix}x", is_live=True, **ways)
        assert str(caught.value) == f"Stripe's API key is of test mode, PROVIDER_MODE is live. {PLACE}"
    for prefix in ways["live"]:
        ERRORS.check_key(f"{prefix}x", is_live=True, **ways)
        with pytest.raises(ConfigurationError) as caught:
            ERRORS.check_key(f"{prefix}x", is_live=False, **ways)
        assert str(caught.value) == f"Stripe's API key is of live mode, PROVIDER_MODE is test. {PLACE}"
    with pytest.raises(ConfigurationError) as caught:
        ERRORS.check_key("", is_live=False, **ways)
    assert str(caught.value) == f"There is no API key for Stripe. {PLACE}"


def test_an_unreadable_response_is_unclear() -> None:
    """Only the kind of the error is named: its message may quote a body."""
    assert str(ERRORS.unreadable(KeyError("secret"))) == "Stripe returned no readable response (KeyError)."


@pytest.mark.parametrize("value", [None, "", 7, ["re_1"]])
def test_what_must_be_there_is_text_and_not_empty(value: object) -> None:
    """An id that is missing is a body of another shape."""
    with pytest.raises(TypeError, match=r"^the response lacks a required field$"):
        required_text(value)
    assert required_text("re_1") == "re_1"
