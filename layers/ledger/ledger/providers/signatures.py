"""Is this delivery really the provider's? Standard library only: it runs before anything else, on anybody's input.

The providers' own packages cost hundreds of milliseconds of cold start to import and have traps of their own; the
tests hold these functions against them on the same inputs. What is stale or malformed is refused before any HMAC is
computed, so that nobody can buy our time. Sources: docs.stripe.com/webhooks#verify-manually,
developer.paddle.com/webhooks/signature-verification.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from enum import StrEnum

TOLERANCE_S = 300
"""How far a signature's time may be from ours, in either direction. Retries are signed anew."""

MAX_HEADER_CHARS = 2048
MAX_SIGNATURES = 10


class Rejection(StrEnum):
    """Why a signature was not accepted."""

    NO_SECRET = "no_secret"  # noqa: S105 - a reason, no secret
    MISSING = "missing"
    MALFORMED = "malformed"
    TOO_OLD = "too_old"
    TOO_NEW = "too_new"
    MISMATCH = "mismatch"


class SignatureRejected(Exception):
    """The delivery is not proven to be the provider's. Nothing of it may be stored, believed or logged."""

    def __init__(self, reason: Rejection) -> None:
        self.reason = reason


def verify_stripe(
    body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: float, tolerance_s: int = TOLERANCE_S
) -> None:
    """Accept `Stripe-Signature: t=…,v1=…[,v1=…]` if one of `secrets` signed `body`; else raise SignatureRejected."""
    _verify(body, headers, secrets, now, tolerance_s, "stripe-signature", ",", "t", "v1", b".")


def verify_paddle(
    body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: float, tolerance_s: int = TOLERANCE_S
) -> None:
    """Accept `Paddle-Signature: ts=…;h1=…[;h1=…]` if one of `secrets` signed `body`; else raise SignatureRejected."""
    _verify(body, headers, secrets, now, tolerance_s, "paddle-signature", ";", "ts", "h1", b":")


def _verify(
    body: bytes,
    headers: Mapping[str, str],
    secrets: Sequence[str],
    now: float,
    tolerance_s: int,
    name: str,
    separator: str,
    time_key: str,
    signature_key: str,
    joint: bytes,
) -> None:
    usable_secrets = [secret for secret in secrets if secret.strip()]
    if not usable_secrets:
        raise SignatureRejected(Rejection.NO_SECRET)
    header = headers.get(name) or next((value for key, value in headers.items() if key.lower() == name), "")
    if not header:
        raise SignatureRejected(Rejection.MISSING)
    signed_at, signatures = _parse(header, separator, time_key, signature_key)
    if signed_at < now - tolerance_s:
        raise SignatureRejected(Rejection.TOO_OLD)
    if signed_at > now + tolerance_s:
        raise SignatureRejected(Rejection.TOO_NEW)
    signed = str(signed_at).encode() + joint + body
    for secret in usable_secrets:
        expected = hmac.digest(secret.encode(), signed, hashlib.sha256).hex().encode()
        # No early end: how long it takes must not tell which signature came close.
        if any([hmac.compare_digest(expected, signature) for signature in signatures]):  # noqa: C419
            return
    raise SignatureRejected(Rejection.MISMATCH)


def _parse(header: str, separator: str, time_key: str, signature_key: str) -> tuple[int, list[bytes]]:
    """The one time and the signatures of a header. Parts of other schemes are passed over."""
    if len(header) > MAX_HEADER_CHARS:
        raise SignatureRejected(Rejection.MALFORMED)
    parts = [part.partition("=")[::2] for part in header.split(separator)]
    times = [value for key, value in parts if key == time_key]
    signatures = [value.encode(errors="replace") for key, value in parts if key == signature_key and value]
    time = times[0] if len(times) == 1 else ""
    is_plain = time.isdecimal() and len(time) <= 12 and str(int(time)) == time
    if not is_plain or not 0 < len(signatures) <= MAX_SIGNATURES:
        raise SignatureRejected(Rejection.MALFORMED)
    return int(time), signatures
