"""API Gateway's authorizers: they accept or reject a token, or an AWS signature, before a function is called.

Both fail closed. The function receives the caller's data in the same shape as in AWS.
"""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import Message
from http.client import HTTPMessage
from pathlib import Path
from typing import Any

import jwt
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tools.template import JwtAuthorizer, Route

SIGNATURE_AGE_S = 300
"""The maximum difference between a signature's time and now, in seconds."""

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[^/,\s]+)/(?P<service>[^/,\s]+)/aws4_request,"
    r"\s*SignedHeaders=(?P<headers>[a-z0-9;_.-]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)


class AuthorizationRefused(Exception):
    """The gateway responds instead of the function: a status, and for tokens a www-authenticate header."""

    def __init__(self, status: int, challenge: str | None = None) -> None:
        super().__init__(status, challenge)
        self.status = status
        self.challenge = challenge


class KeySet:
    """The issuer's public keys, from a file. Read again when a token names a key that is not known."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._keys: dict[str, Any] = {}

    def key(self, key_id: str) -> Any:
        """Return the RSA key with this id, or None."""
        if key_id not in self._keys:
            self._keys = {
                key["kid"]: jwt.PyJWK(key, "RS256").key
                for key in json.loads(self._file.read_text("utf-8"))["keys"]
                if key.get("kty") == "RSA" and key.get("use", "sig") == "sig" and key.get("alg", "RS256") == "RS256"
            }
        return self._keys.get(key_id)


def authorize_token(header: str | None, route: Route, authorizer: JwtAuthorizer, keys: KeySet) -> dict[str, Any]:
    """Return a bearer token's claims and scopes, as a function receives them. Raise AuthorizationRefused."""
    token = (header or "").strip()
    if token[:7].lower() == "bearer ":
        token = token[7:].strip()
    if not token:
        raise AuthorizationRefused(401, "Bearer")
    try:
        claims = _verified(token, authorizer, keys)
    except jwt.PyJWTError as error:
        raise AuthorizationRefused(
            401, f'Bearer scope="" error="invalid_token" error_description="{_reason(error)}"'
        ) from error
    scopes = _scopes(claims)
    if route.scopes and not set(scopes) & set(route.scopes):
        needed = " ".join(route.scopes)
        raise AuthorizationRefused(403, f'Bearer scope="{needed}" error="insufficient_scope"')
    passed_on = {name: _as_text(value) for name, value in claims.items() if value is not None}
    return {"jwt": {"claims": passed_on, "scopes": scopes if route.scopes else None}}


def authorize_signature(
    method: str, target: str, headers: Message, body: bytes, credentials: Credentials, region: str
) -> dict[str, Any]:
    """Return who signed the request, as a function receives it. Raise AuthorizationRefused.

    The signature is computed again over the request as received: method, path and query, the signed headers, the body.
    """
    match = _AUTHORIZATION.fullmatch((headers.get("Authorization") or "").strip())
    stamp = headers.get("X-Amz-Date") or ""
    if match is None or not _is_fresh(stamp):
        raise AuthorizationRefused(403)
    is_ours = hmac.compare_digest(match["key"].encode(), credentials.access_key.encode())
    scope = (match["date"], match["region"], match["service"])
    signed = match["headers"].split(";")
    digest = headers.get("X-Amz-Content-SHA256")
    if (
        not is_ours
        or scope != (stamp[:8], region, "execute-api")
        or not {"host", "x-amz-date"} <= set(signed)
        or any(name not in headers for name in signed)
        or (digest is not None and digest != hashlib.sha256(body).hexdigest())
    ):
        raise AuthorizationRefused(403)
    request = AWSRequest(method, f"http://{headers['Host']}{target}", data=body)
    for name in signed:
        for value in headers.get_all(name, ()):
            request.headers.add_header(name, value)
    if digest is not None and "x-amz-content-sha256" not in signed:
        request.headers["X-Amz-Content-SHA256"] = digest
    request.context["timestamp"] = stamp
    signer = _Received(credentials, "execute-api", region, signed)
    expected = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    if not hmac.compare_digest(expected, match["signature"]):
        raise AuthorizationRefused(403)
    user = credentials.access_key
    return {
        "iam": {
            "accessKey": user,
            "accountId": "000000000000",
            "callerId": user,
            "cognitoIdentity": None,
            "principalOrgId": None,
            "userArn": f"arn:aws:iam::000000000000:user/{user}",
            "userId": user,
        }
    }


class _Received(SigV4Auth):
    """Signs exactly the headers that the caller's signature lists."""

    def __init__(self, credentials: Credentials, service: str, region: str, signed: list[str]) -> None:
        super().__init__(credentials, service, region)
        self._signed = signed

    def headers_to_sign(self, request: AWSRequest) -> HTTPMessage:
        chosen = HTTPMessage()
        for name in self._signed:
            for value in request.headers.get_all(name, ()):
                chosen.add_header(name, value)
        return chosen


def _verified(token: str, authorizer: JwtAuthorizer, keys: KeySet) -> dict[str, Any]:
    """Return the token's claims. Raise PyJWTError."""
    header = jwt.get_unverified_header(token)
    if header.get("alg") != "RS256":
        raise jwt.InvalidAlgorithmError("signing method is invalid")
    key = keys.key(header["kid"]) if isinstance(header.get("kid"), str) else None
    if key is None:
        raise jwt.InvalidKeyError("kid is not known")
    options: Any = {"require": ["exp", "iss"], "verify_aud": False, "verify_sub": False, "verify_jti": False}
    claims: dict[str, Any] = jwt.decode(token, key, ["RS256"], options, issuer=authorizer.issuer)
    # `client_id` counts only where there is no `aud`: Cognito's access tokens have none.
    audience = claims.get("aud", claims.get("client_id"))
    if not any(one in authorizer.audience for one in (audience if isinstance(audience, list) else [audience])):
        raise jwt.InvalidAudienceError("the token does not have a valid audience")
    return claims


def _scopes(claims: Mapping[str, Any]) -> list[str]:
    granted = claims.get("scp", claims.get("scope"))
    if isinstance(granted, str):
        return granted.split()
    return [scope for scope in granted if isinstance(scope, str)] if isinstance(granted, list) else []


def _reason(error: jwt.PyJWTError) -> str:
    match error:
        case jwt.ExpiredSignatureError():
            return "the token has expired"
        case jwt.ImmatureSignatureError():
            return "the token is not valid yet"
        case jwt.InvalidIssuerError():
            return "issuer is invalid"
        case jwt.InvalidAudienceError() | jwt.InvalidAlgorithmError() | jwt.InvalidKeyError():
            return str(error)
        case jwt.InvalidSignatureError():
            return "the signature is invalid"
    return "the token is malformed"


def _as_text(value: Any) -> str:
    """Return a claim as HTTP APIs pass it on: always a string, a list in brackets without commas."""
    match value:
        case str():
            return value
        case list():
            return f"[{' '.join(_as_text(one) for one in value)}]"
    return json.dumps(value, separators=(",", ":"))


def _is_fresh(stamp: str) -> bool:
    try:
        at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(time.time() - at.timestamp()) <= SIGNATURE_AGE_S
