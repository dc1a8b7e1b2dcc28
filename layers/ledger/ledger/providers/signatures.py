"""Verifying that a delivery is the provider's. Standard library only: this runs first, on input from anybody.

The providers' SDKs take hundreds of milliseconds to import and differ in corner cases; the tests compare these
functions with them on the same inputs. A stale or malformed signature is rejected before any HMAC is computed, so a
forged delivery costs little time.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from enum import StrEnum

TOLERANCE_S = 300
"""How far the signature's time may be from now, in either direction. Providers sign each retry again."""

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
    """The delivery is not proven to be the provider's. Don't store, use or log any of it."""

    @property
    def reason(self) -> Rejection:
        reason: Rejection = self.args[0]
        return reason


class Scheme:
    """How a provider signs: `<time_key>=<seconds><separator><signature_key>=<hex>[…]` in a header.

    The HMAC-SHA256 is computed over the time, `joint` and the raw body.
    """

    def __init__(self, *, header: str, separator: str, time_key: str, signature_key: str, joint: bytes) -> None:
        self.header = header  # its name in lower case
        self.separator = separator
        self.time_key = time_key
        self.signature_key = signature_key
        self.joint = joint

    def verify(
        self,
        body: bytes,
        headers: Mapping[str, str],
        secrets: Sequence[str],
        now: float,
        tolerance_s: int = TOLERANCE_S,
    ) -> None:
        """Return if one of `secrets` signed `body` at about `now` (seconds since 1970). Raise SignatureRejected if not.

        Several secrets are valid while one is being rotated. Without a secret nothing is accepted.
        """
        value = headers.get(self.header)
        if not value:
            value = next((value for name, value in headers.items() if name.lower() == self.header), "")
        if not value:
            raise SignatureRejected(Rejection.MISSING)
        signed_at, signatures = self._parse(value)
        if signed_at < now - tolerance_s:
            raise SignatureRejected(Rejection.TOO_OLD)
        if signed_at > now + tolerance_s:
            raise SignatureRejected(Rejection.TOO_NEW)
        signed = str(signed_at).encode() + self.joint + body
        known = [secret for secret in secrets if secret.strip()]
        if not known:
            raise SignatureRejected(Rejection.NO_SECRET)
        for secret in known:
            expected = hmac.digest(secret.encode(), signed, hashlib.sha256).hex().encode()
            # Compare all signatures: the time that it takes must not depend on which one matches.
            if any([hmac.compare_digest(expected, one.encode(errors="replace")) for one in signatures]):  # noqa: C419
                return
        raise SignatureRejected(Rejection.MISMATCH)

    def _parse(self, header: str) -> tuple[int, list[str]]:
        """Return the one time and the signatures of a header. Skip parts with other keys."""
        if len(header) > MAX_HEADER_CHARS:
            raise SignatureRejected(Rejection.MALFORMED)
        time, times, signatures = "", 0, []
        for part in header.split(self.separator):
            key, _, value = part.partition("=")
            if key == self.time_key:
                time, times = value, times + 1
            elif key == self.signature_key and value:
                signatures.append(value)
        signed_at = int(time) if times == 1 and len(time) <= 12 and time.isdecimal() else None
        if signed_at is None or str(signed_at) != time or not 0 < len(signatures) <= MAX_SIGNATURES:
            raise SignatureRejected(Rejection.MALFORMED)
        return signed_at, signatures
