"""The local issuer: what `make token` prints, and whether the gateway believes it."""

import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tools import token
from tools.devserver import environment
from tools.devserver.authorizers import AuthorizationRefused, KeySet, authorize_token
from tools.template import JwtAuthorizer, Route

AUTHORIZER = JwtAuthorizer(environment.ISSUER, (environment.AUDIENCE,))
CUSTOMERS = Route("GET", "/account", "F", "f", "CustomerJwt", ("billing",))
SUPPORT = Route("GET", "/support", "F", "f", "CustomerJwt", ("billing.support",))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the key, instead of this project's own."""
    monkeypatch.setattr(token, "KEY_FILE", tmp_path / ".local" / "key.pem")
    monkeypatch.setattr(token, "JWKS_FILE", tmp_path / ".local" / "jwks.json")
    return tmp_path / ".local"


def told(text: str, route: Route = CUSTOMERS) -> dict[str, Any]:
    """The claims that a function would be told."""
    answer = authorize_token(f"Bearer {text}", route, AUTHORIZER, KeySet(token.JWKS_FILE))
    claims: dict[str, Any] = answer["jwt"]["claims"]
    return claims


def signed(**more: Any) -> str:
    """A token of Ada's for the local API."""
    return token.signed("acct_ada", issuer=environment.ISSUER, audience=environment.AUDIENCE, **more)


def test_a_token_is_believed_for_its_time_and_its_scopes(folder: Path) -> None:  # noqa: ARG001 - holds the key
    """The account is its `sub`; expired it is refused, and so it is where another scope is asked for."""
    claims = told(signed(email="ada@example.com"))
    assert (claims["sub"], claims["email"], claims["scope"]) == ("acct_ada", "ada@example.com", "billing")
    with pytest.raises(AuthorizationRefused) as expired:
        told(signed(hours=-1))
    assert expired.value.status == 401
    with pytest.raises(AuthorizationRefused) as unscoped:
        told(signed(), SUPPORT)
    assert unscoped.value.status == 403
    support = told(signed(groups=["billing-support", "x"], scopes=["billing.support"]), SUPPORT)
    assert support["cognito:groups"] == "[billing-support x]"


def test_the_key_is_made_once_and_for_its_owner_alone(folder: Path) -> None:
    """Also by many at once: whoever comes second signs with the first one's key. The key set has no private part."""
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.append(signed())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for text in made:
        assert told(text)["sub"] == "acct_ada"
    assert len(made) == 6
    assert stat.S_IMODE(token.KEY_FILE.stat().st_mode) == 0o600
    (public,) = json.loads(token.JWKS_FILE.read_text())["keys"]
    assert public.keys() == {"kty", "key_ops", "n", "e", "kid", "use", "alg"}
    assert sorted(path.name for path in folder.iterdir()) == ["jwks.json", "key.pem"]


def printed(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """The command as people run it."""
    command = [sys.executable, "-m", "cli", "token", *arguments]
    path = os.pathsep.join(("layers/ledger", "."))
    names = ("JWT_ISSUER", "JWT_AUDIENCE", "JWT_JWKS_FILE", "GROUPS_CLAIM", "SUPPORT_GROUP")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    given = {**kept, "PYTHONPATH": path, "JWT_ISSUER": environment.ISSUER, "JWT_AUDIENCE": environment.AUDIENCE}
    return subprocess.run(command, env={**given, **variables}, capture_output=True, text=True, timeout=300)  # noqa: S603


def test_the_command_prints_one_token_and_nothing_else() -> None:
    """A shell can put it into a header; support's group brings support's scope."""
    result = printed("staff_sue", "--groups", "billing-support", "--email", "sue@example.com")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.count("\n") == 1
    claims = told(result.stdout.strip(), SUPPORT)
    assert (claims["sub"], claims["cognito:groups"]) == ("staff_sue", "[billing-support]")
    one = told(printed("acct_ada", "--scopes", "billing,more", "--hours", "0.5").stdout.strip())
    assert (one["scope"], int(one["exp"]) - int(one["iat"])) == ("billing more", 1800)


@pytest.mark.parametrize(
    ("arguments", "variables", "says"),
    [
        ([" "], {}, "Name an account"),
        (["a", "--hours", "soon"], {}, "--hours"),
        (["a", "--hours", "nan"], {}, "at most a year"),
        (["a"], {"JWT_JWKS_FILE": "keys.json"}, "only that issuer can sign"),
    ],
)
def test_what_can_not_be_signed_is_told(arguments: list[str], variables: dict[str, str], says: str) -> None:
    """Nothing is printed where a token is expected."""
    result = printed(*arguments, **variables)
    assert (result.returncode, result.stdout) == (2, "")
    assert says in result.stderr
