"""Our verification against the providers' own packages, on the same inputs. Every known difference is named."""

import hmac
import random
import time
from collections import Counter

import pytest
import stripe
from paddle_billing.Notifications import Secret, Verifier

from ledger.providers.registry import PROVIDERS
from ledger.providers.signatures import Scheme, SignatureRejected
from tools import signing

NOW = time.time()
SECRETS = {"stripe": ("whsec_a", "whsec_b"), "paddle": ("pdl_a", "pdl_b")}
NAMES = {"stripe": "Stripe-Signature", "paddle": "Paddle-Signature"}
TIMES = {"stripe": "t=", "paddle": "ts="}


class Request:
    """The little of a web request that Paddle's package reads."""

    def __init__(self, body: bytes, header: str) -> None:
        self.body = body
        self.content = body
        self.data = body
        self.headers = {"Paddle-Signature": header}


def ours(provider: str, body: bytes, header: str, secrets: tuple[str, ...]) -> bool:
    """Our verdict."""
    try:
        PROVIDERS[provider].verify(body, {NAMES[provider].lower(): header}, secrets, time.time())
    except SignatureRejected:
        return False
    return True


def theirs(provider: str, body: bytes, header: str, secrets: tuple[str, ...]) -> bool:
    """The provider's own verdict, one secret at a time as its package takes them."""
    for secret in secrets:
        try:
            if provider == "stripe":
                stripe.WebhookSignature.verify_header(body.decode(), header, secret, 300)
            elif not Verifier(300).verify(Request(body, header), Secret(secret)):
                continue
        except (stripe.SignatureVerificationError, ValueError, ConnectionRefusedError):
            continue
        return True
    return False


def header_of(provider: str, body: bytes, secret: str, age_s: float) -> str:
    """A right signature."""
    return signing.headers(provider, body, secret, time.time() - age_s)[NAMES[provider]]


def mutate(header: str, chance: random.Random) -> str:
    """The same header with one character changed, doubled or dropped."""
    place = chance.randrange(len(header))
    replacement = chance.choice(["", header[place] * 2, chance.choice("0123456789abcdef=,;. tvsh")])
    return header[:place] + replacement + header[place + 1 :]


def is_known_difference(provider: str, header: str, verdicts: tuple[bool, bool]) -> str:
    """Why ours may differ from theirs, if it may; each is on the safe side, or is theirs being in the way."""
    separator = "," if provider == "stripe" else ";"
    parts = [part.partition("=") for part in header.split(separator)]
    times = [value for key, _, value in parts if key == TIMES[provider][:-1]]
    if verdicts == (False, True):
        if provider == "stripe" and times and times[-1].strip().isdigit() and int(times[-1]) > time.time() + 300:
            return "Stripe's accepts any time in the future; ours allows 300 s"
        if len(times) != 1 or not (times[0].isascii() and times[0].isdigit()) or str(int(times[0])) != times[0]:
            return "theirs reads a time that is not written plainly, or takes one of several"
    if verdicts == (True, False) and provider == "paddle" and any(key not in {"ts", "h1"} for key, _, _ in parts):
        return "Paddle's raises on a key that it does not know; ours passes over it"
    return ""


@pytest.mark.parametrize("provider", ["stripe", "paddle"])
def test_ours_and_the_providers_own_agree_on_thousands_of_inputs(provider: str) -> None:
    """Right, rotated, stale, future, foreign and mutated signatures over the same bodies."""
    chance = random.Random(11)
    verdicts: Counter[object] = Counter()
    for number in range(4000):
        body = f'{{"id": "evt_{number}", "text": "{chance.choice(["ok", "žćš", "日本"])}"}}'.encode()
        secret = chance.choice([*SECRETS[provider], "another"])
        header = header_of(provider, body, secret, chance.choice([0, 1, 290, 310, 5000, -290, -310, -86400]))
        kind = chance.random()
        if kind < 0.3:
            header = mutate(header, chance)
        elif kind < 0.4:
            other = header_of(provider, body, "another", 0).split("," if provider == "stripe" else ";")[1]
            header += ("," if provider == "stripe" else ";") + other
        elif kind < 0.5:
            body += b" "
        elif kind < 0.55:
            header += chance.choice([",v0=00", ";h2=00", ",", ";", " "])
        pair = (ours(provider, body, header, SECRETS[provider]), theirs(provider, body, header, SECRETS[provider]))
        reason = "" if pair[0] == pair[1] else is_known_difference(provider, header, pair)
        assert pair[0] == pair[1] or reason, (header, pair)
        verdicts[reason or pair[0]] += 1
    assert verdicts[True] > 500
    assert verdicts[False] > 500


@pytest.mark.parametrize("provider", ["stripe", "paddle"])
def test_every_byte_of_a_signature_and_of_a_body_counts(provider: str) -> None:
    """Changing any one hex digit, or any one byte that was signed, is refused."""
    body = b'{"id": "evt_1"}'
    header = header_of(provider, body, SECRETS[provider][0], 0)
    assert ours(provider, body, header, SECRETS[provider])
    for place in range(len(header) - 64, len(header)):
        other = "0" if header[place] != "0" else "1"
        assert not ours(provider, body, header[:place] + other + header[place + 1 :], SECRETS[provider])
    for place in range(len(body)):
        assert not ours(provider, body[:place] + b"\x00" + body[place + 1 :], header, SECRETS[provider])


@pytest.mark.parametrize("provider", ["stripe", "paddle"])
@pytest.mark.parametrize("secrets", [(), ("",), (" ",)])
def test_no_secret_accepts_nothing(provider: str, secrets: tuple[str, ...]) -> None:
    """An empty secret signs like any other: it must not count."""
    for secret in ("", *secrets):
        assert not ours(provider, b"{}", header_of(provider, b"{}", secret, 0), secrets)


@pytest.mark.parametrize("provider", ["stripe", "paddle"])
@pytest.mark.parametrize("name", [str.lower, str.upper, str.title])
def test_a_headers_name_is_matched_in_any_case(provider: str, name: object) -> None:
    """API Gateway writes names in lower case; Paddle's own package would not find them."""
    spelled = name(NAMES[provider])  # type: ignore[operator]
    headers = {spelled: header_of(provider, b"{}", SECRETS[provider][0], 0)}
    PROVIDERS[provider].verify(b"{}", headers, SECRETS[provider], time.time())


@pytest.mark.parametrize(
    "header",
    ["", "é=1", "t=" + "9" * 3000, "t=1" + ",v1=00" * 11, "t=١,v1=00", "\x00", f"t={int(NOW)},v1=\ud800"],
    ids=["empty", "no-time", "long-time", "many-signatures", "arabic-digit", "control", "lone-surrogate"],
)
def test_odd_headers_are_refused_and_never_crash(header: str) -> None:
    """What anybody may send."""
    assert not ours("stripe", b"{}", header, SECRETS["stripe"])
    assert not ours("paddle", b"{}", header.replace(",", ";"), SECRETS["paddle"])


def test_a_scheme_signs_as_it_says() -> None:
    """Each part of it stands where it was given."""
    odd = Scheme(header="x-sign", separator="|", time_key="at", signature_key="mac", joint=b"~")
    mac = hmac.new(b"s", b"7~body", "sha256").hexdigest()
    odd.verify(b"body", {"X-Sign": f"at=7|mac={mac}"}, ["s"], now=7.0)
    for wrong in (f"at=7,mac={mac}", f"t=7|mac={mac}", f"at=7|v1={mac}"):
        with pytest.raises(SignatureRejected):
            odd.verify(b"body", {"x-sign": wrong}, ["s"], now=7.0)
