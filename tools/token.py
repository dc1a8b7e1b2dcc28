"""The local issuer: a key pair that is made once into `.local/`, and tokens that it signs.

Without an issuer of one's own, the local API believes these tokens and no others. Printed: one token, and nothing else.
"""

import argparse
import base64
import contextlib
import hashlib
import json
import math
import os
import sys
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
    """The local issuer's key and its id. Made at the first call, with its public half in JWKS_FILE beside it."""
    if not KEY_FILE.exists():
        KEY_FILE.parent.mkdir(exist_ok=True)
        made = generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with contextlib.suppress(FileExistsError):  # another process was quicker: its key is the key
            _create(KEY_FILE, made)
    key = serialization.load_pem_private_key(KEY_FILE.read_bytes(), None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError(f"{KEY_FILE} should hold an RSA key: remove it, and one is made.")
    public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    key_id = _thumbprint(public)
    wanted = json.dumps({"keys": [{**public, "kid": key_id, "use": "sig", "alg": "RS256"}]})
    if not JWKS_FILE.exists() or JWKS_FILE.read_text() != wanted:
        _replace(JWKS_FILE, wanted.encode())
    return key_id, key


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
    """An access token of the local issuer. With negative `hours` it has expired already."""
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


def main() -> int:
    """Print one token. Exit code 2: the arguments, or the server believes another issuer."""
    parser = argparse.ArgumentParser(prog="python -m tools.token", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--account", required=True, help="whose: the token's `sub`, as in acct_ada")
    parser.add_argument("--groups", default="", help="separated by commas, as in billing-support")
    parser.add_argument("--scopes", default="", help=f"default: {CUSTOMER_SCOPE}; for support also {SUPPORT_SCOPE}")
    parser.add_argument("--email", default="", help="an address, told as verified")
    parser.add_argument("--hours", type=_hours, default=8.0, help="until it expires (default: 8; below 0: it has)")
    arguments = parser.parse_args()
    account = arguments.account.strip()
    if not account:
        parser.error("--account is empty: say whose token, as in `make token ACCOUNT=acct_ada`")
    if os.environ.get("JWT_JWKS_FILE"):
        print("JWT_JWKS_FILE names another issuer's keys: only that issuer can sign for them.", file=sys.stderr)
        return 2
    server = environment.running_server()
    groups = _words(arguments.groups)
    is_support = (os.environ.get("SUPPORT_GROUP") or environment.SUPPORT_GROUP) in groups
    token = signed(
        account,
        issuer=os.environ.get("JWT_ISSUER") or server.get("issuer") or environment.ISSUER,
        audience=os.environ.get("JWT_AUDIENCE") or server.get("audience") or environment.AUDIENCE,
        groups=groups,
        groups_claim=os.environ.get("GROUPS_CLAIM") or environment.GROUPS_CLAIM,
        scopes=_words(arguments.scopes) or [CUSTOMER_SCOPE, *([SUPPORT_SCOPE] if is_support else [])],
        email=arguments.email,
        hours=arguments.hours,
    )
    print(token)
    return 0


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _hours(text: str) -> float:
    hours = float(text)
    if not math.isfinite(hours) or abs(hours) > 24 * 365:
        raise argparse.ArgumentTypeError("at most a year")
    return hours


def _thumbprint(public: dict[str, Any]) -> str:
    """RFC 7638: a key's id from the key itself."""
    required = {name: public[name] for name in ("e", "kty", "n")}
    digest = hashlib.sha256(json.dumps(required, separators=(",", ":"), sort_keys=True).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _create(path: Path, content: bytes) -> None:
    """A new file, whole at once and for its owner alone. Raises FileExistsError."""
    with tempfile.NamedTemporaryFile(dir=path.parent) as draft:  # its mode is 600
        draft.write(content)
        draft.flush()
        os.link(draft.name, path)


def _replace(path: Path, content: bytes) -> None:
    """The file with this content, never half of it."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as draft:
        draft.write(content)
    Path(draft.name).replace(path)


if __name__ == "__main__":
    sys.exit(main())
