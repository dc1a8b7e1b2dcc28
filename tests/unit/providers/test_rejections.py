"""Why a signature is not accepted, told by its reason, at each boundary."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence

import pytest

from ledger.providers.paddle import provider as paddle
from ledger.providers.signatures import Rejection, SignatureRejected
from ledger.providers.stripe import provider as stripe

NOW = 1_788_264_000
BODY, SECRET = b'{"id": "evt_1"}', "whsec_a"
FORMS = {
    "stripe": (stripe.verify, "stripe-signature", "t={},v1={}", ",v1=", b"."),
    "paddle": (paddle.verify, "paddle-signature", "ts={};h1={}", ";h1=", b":"),
}
each_provider = pytest.mark.parametrize("provider", FORMS)


def signature(provider: str, at: object = NOW, secret: str = SECRET, body: bytes = BODY) -> str:
    """As the provider's documentation says that it is made."""
    return hmac.new(secret.encode(), str(at).encode() + FORMS[provider][4] + body, hashlib.sha256).hexdigest()


def header(provider: str, at: object = NOW, signed: str | None = None) -> str:
    """A right header, unless told otherwise."""
    return FORMS[provider][2].format(at, signed or signature(provider, at))


def verdict(
    provider: str,
    value: str | None = None,
    *,
    now: float = NOW,
    secrets: Sequence[str] = (SECRET,),
    headers: Mapping[str, str] | None = None,
    **more: int,
) -> Rejection | None:
    """Why it is rejected. None: it is accepted."""
    verify, name = FORMS[provider][:2]
    try:
        verify(BODY, headers if headers is not None else {name: value or header(provider)}, secrets, now, **more)
    except SignatureRejected as rejected:
        return rejected.reason if str(rejected) == rejected.reason.value else None
    return None


@each_provider
def test_a_signature_is_accepted_five_minutes_around_its_time(provider: str) -> None:
    """In either direction, to the instant; the tolerance is a setting."""
    nows = (NOW + 300, NOW + 300.001, NOW - 300, NOW - 300.001)
    reasons = [None, Rejection.TOO_OLD, None, Rejection.TOO_NEW]
    assert [verdict(provider, now=now) for now in nows] == reasons
    assert verdict(provider, now=NOW + 10, tolerance_s=9) is Rejection.TOO_OLD
    assert verdict(provider, now=NOW - 10, tolerance_s=9) is Rejection.TOO_NEW


@each_provider
def test_what_is_not_signed_by_a_secret_of_ours_is_a_mismatch(provider: str) -> None:
    """Any of several secrets, in any place; the other provider's header is none."""
    assert verdict(provider, secrets=("other", SECRET)) is None
    assert verdict(provider, secrets=(SECRET, "other")) is None
    assert verdict(provider, secrets=("", SECRET)) is None
    assert verdict(provider, secrets=("other",)) is Rejection.MISMATCH
    assert verdict(provider, header(provider, signed=signature(provider, body=b"{}"))) is Rejection.MISMATCH
    assert verdict(provider, header(provider, signed=signature(provider, NOW + 1))) is Rejection.MISMATCH
    assert verdict(provider, header(provider, signed="é")) is Rejection.MISMATCH
    assert verdict(provider, header(provider, signed="a=b")) is Rejection.MISMATCH


@each_provider
def test_without_a_secret_or_a_header_nothing_is_accepted(provider: str) -> None:
    """An empty secret is none, and so is an empty header."""
    name = FORMS[provider][1]
    for secrets in ((), ("",), (" \n",)):
        assert verdict(provider, secrets=secrets) is Rejection.NO_SECRET
    for headers in ({}, {name: ""}, {"other": header(provider)}):
        assert verdict(provider, headers=headers) is Rejection.MISSING
    for found in (name.upper(), name.title(), name):
        assert verdict(provider, headers={"other": "x", found: header(provider)}) is None


@each_provider
def test_what_is_not_of_the_form_is_malformed(provider: str) -> None:
    """One time, written plainly, and a signature."""
    time_key, signature_key = ("t", "v1") if provider == "stripe" else ("ts", "h1")
    joint = "," if provider == "stripe" else ";"
    right = header(provider)
    signed = f"{signature_key}={signature(provider)}"
    for wrong in (
        f"{time_key}={NOW}",
        f"{time_key}={NOW}{joint}{signature_key}=",
        signed,
        f"{time_key}={NOW}{joint}{right}",
        f"{time_key}=0{NOW}{joint}{signed}",
        f"{time_key}=-{NOW}{joint}{signed}",
        f"{time_key}={NOW}.0{joint}{signed}",
        f"{time_key}={'9' * 13}{joint}{signed}",
        f"{time_key}=²{joint}{signed}",
        f"{time_key}=١{joint}{signed}",
        f"{time_key}={joint}{signed}",
        f"{time_key}=None{joint}{signed}",
        "nothing",
        right.replace(joint, "|"),
        right.upper(),
    ):
        assert verdict(provider, wrong) is Rejection.MALFORMED, wrong
    assert verdict(provider, f"{time_key}={'9' * 12}{joint}{signed}") is Rejection.TOO_NEW
    assert verdict(provider, f"v0=00{joint}{right}{joint}other") is None


@each_provider
def test_more_signatures_or_longer_headers_than_there_can_be_are_malformed(provider: str) -> None:
    """Nobody buys our time with them: ten signatures, 2,048 characters."""
    more = FORMS[provider][3]
    wrong = "00"
    assert verdict(provider, header(provider, signed=more.join([wrong] * 9 + [signature(provider)]))) is None
    assert verdict(provider, header(provider, signed=more.join([signature(provider)] * 11))) is Rejection.MALFORMED
    longest = f"{header(provider)}{more[0]}".ljust(2048, "x")
    assert verdict(provider, longest) is None
    assert verdict(provider, longest + "x") is Rejection.MALFORMED


def test_reasons_are_counted_by_their_names() -> None:
    """Dashboards and alarms know them."""
    names = ["no_secret", "missing", "malformed", "too_old", "too_new", "mismatch"]
    assert [reason.value for reason in Rejection] == names


@each_provider
def test_the_header_as_api_gateway_writes_it_counts_before_any_other_spelling(provider: str) -> None:
    """It writes one name, in lower case; whoever else hands on two spellings means that one."""
    name = FORMS[provider][1]
    both = {name.title(): "nonsense", name: header(provider)}
    assert verdict(provider, headers=both) is None
    assert verdict(provider, headers={name: "nonsense", name.title(): header(provider)}) is Rejection.MALFORMED
