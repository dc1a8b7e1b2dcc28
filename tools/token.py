"""Issue tokens locally, with a key pair that is created once in `.local/`.

Unless another issuer is configured, the local API accepts only these tokens.
"""

import base64
import contextlib
import functools
import hashlib
import json
import os
import tempfile
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

from tools.devserver import environment

KEY_FILE = environment.FOLDER / "token-key.pem"
JWKS_FILE = environment.FOLDER / "jwks.json"

CUSTOMER_SCOPE = "billing"
SUPPORT_SCOPE = "billing.support"


def local_key() -> tuple[str, RSAPrivateKey]:
    """Return the id and the key of the local issuer. The first call creates it, with the public key in JWKS_FILE."""
    if not KEY_FILE.exists():
        KEY_FILE.parent.mkdir(exist_ok=True)
        created = generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with contextlib.suppress(FileExistsError):  # another process created the key first
            _create(KEY_FILE, created)
    key = _parsed(KEY_FILE.read_bytes())
    public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    key_id = _thumbprint(public)
    key_set = json.dumps({"keys": [{**public, "kid": key_id, "use": "sig", "alg": "RS256"}]})
    if not JWKS_FILE.exists() or JWKS_FILE.read_text() != key_set:
        environment.replace_file(JWKS_FILE, key_set.encode())
    return key_id, key


@functools.lru_cache(maxsize=1)
def _parsed(pem: bytes) -> RSAPrivateKey:
    """Return the key of a file's content. To check it takes longer than all else that a token needs."""
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError(f"{KEY_FILE} should hold an RSA key: remove it, and a new one is created.")
    return key


def signed(
    account_id: str,
    *,
    issuer: str,
    audience: str,
    groups: Sequence[str] = (),
    groups_claim: str = environment.GROUPS_CLAIM,
    scopes: Sequence[str] = (CUSTOMER_SCOPE,),
    email: str | None = None,
    hours: float = 8,
    now: datetime | None = None,
) -> str:
    """Return an access token of the local issuer. With negative `hours` it has expired already."""
    at = now or datetime.now(UTC)
    claims: dict[str, Any] = {
        "iss": issuer,
        "sub": account_id,
        "aud": audience,
        "iat": int(at.timestamp()),
        "exp": int((at + timedelta(hours=hours)).timestamp()),
        "jti": uuid.uuid4().hex,
        "token_use": "access",
        "scope": " ".join(scopes),
    }
    if groups:
        claims[groups_claim] = list(groups)
    if email:
        claims |= {"email": email, "email_verified": True}
    key_id, key = local_key()
    return jwt.encode(claims, key, "RS256", {"kid": key_id})


def identity(account_id: str, issuer: str, client_id: str, *, nonce: str, name: str) -> str:
    """Return an ID token of the local issuer: who has signed in, for the client alone."""
    at = int(datetime.now(UTC).timestamp())
    claims = {
        "iss": issuer,
        "sub": account_id,
        "aud": client_id,
        "iat": at,
        "exp": at + 300,
        "nonce": nonce,
        "name": name,
    }
    key_id, key = local_key()
    return jwt.encode(claims, key, "RS256", {"kid": key_id})


class ForeignIssuer(Exception):
    """The server accepts another issuer's tokens, which the local issuer can't sign."""


def local_token(
    account_id: str, *, groups: Sequence[str] = (), scopes: Sequence[str] = (), email: str = "", hours: float = 8
) -> str:
    """Return a token that the running server accepts. Without `scopes` they are those of a customer, or of support.

    Raise ForeignIssuer if JWT_JWKS_FILE names the keys of another issuer.
    """
    if os.environ.get("JWT_JWKS_FILE"):
        raise ForeignIssuer("JWT_JWKS_FILE names another issuer's keys: only that issuer can sign for them.")
    server = environment.running_server()
    is_support = (os.environ.get("SUPPORT_GROUP") or environment.SUPPORT_GROUP) in groups
    return signed(
        account_id,
        issuer=os.environ.get("JWT_ISSUER") or server.get("issuer") or environment.ISSUER,
        audience=os.environ.get("JWT_AUDIENCE") or server.get("audience") or environment.AUDIENCE,
        groups=groups,
        groups_claim=os.environ.get("GROUPS_CLAIM") or environment.GROUPS_CLAIM,
        scopes=scopes or [CUSTOMER_SCOPE, *([SUPPORT_SCOPE] if is_support else [])],
        email=email,
        hours=hours,
    )


def _thumbprint(public: dict[str, Any]) -> str:
    """Return a key's id, derived from the key as in RFC 7638."""
    required = {name: public[name] for name in ("e", "kty", "n")}
    digest = hashlib.sha256(json.dumps(required, separators=(",", ":"), sort_keys=True).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _create(path: Path, content: bytes) -> None:
    """Create a file atomically, readable only by its owner. Raise FileExistsError."""
    with tempfile.NamedTemporaryFile(dir=path.parent) as draft:  # its mode is 600
        draft.write(content)
        draft.flush()
        os.link(draft.name, path)
