"""The local issuer checks what an issuer checks: the client, its address, the code, once, and its verifier."""

import base64
import hashlib
import json
import time
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import pytest

from tools.devserver import environment, sign_in
from tools.devserver.sign_in import CLIENT_ID, LocalIssuer, console_link
from tools.token import JWKS_FILE

HOST = "127.0.0.1:3000"
BACK = f"http://{HOST}/console"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
REQUEST = {
    "response_type": "code",
    "client_id": CLIENT_ID,
    "redirect_uri": BACK,
    "scope": "openid billing.support",
    "state": "s",
    "nonce": "n",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> LocalIssuer:
    """The issuer of a local run."""
    monkeypatch.setenv("JWT_ISSUER", environment.ISSUER)
    monkeypatch.setenv("JWT_AUDIENCE", environment.AUDIENCE)
    monkeypatch.setenv("GROUPS_CLAIM", environment.GROUPS_CLAIM)
    monkeypatch.setenv("JWT_JWKS_FILE", str(JWKS_FILE))
    return LocalIssuer()


def code_of(issuer: LocalIssuer, **changed: str) -> str:
    """The code that somebody comes back with."""
    answer = issuer.authorize(urlencode({**REQUEST, "person": "staff_sue", **changed}), HOST)
    assert answer["statusCode"] == 302
    back = urlsplit(answer["headers"]["location"])
    assert f"{back.scheme}://{back.netloc}{back.path}" == BACK
    query: dict[str, str] = dict(parse_qsl(back.query))
    assert (query["state"], query["iss"]) == ("s", environment.ISSUER)
    return str(query["code"])


def redeemed(issuer: LocalIssuer, code: str, **changed: str) -> tuple[int, Any]:
    """Status and content of the answer of the token's address."""
    sent = {"client_id": CLIENT_ID, "redirect_uri": BACK, "code": code, "code_verifier": VERIFIER, **changed}
    answer = issuer.redeem(urlencode(sent).encode())
    return answer["statusCode"], json.loads(answer["body"])


def claims_of(token: str) -> dict[str, Any]:
    """What a token says."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def test_somebody_of_support_gets_both_tokens(issuer: LocalIssuer) -> None:
    """The access token is for the API and has the group; the ID token is for the console and has the nonce."""
    status, tokens = redeemed(issuer, code_of(issuer))
    assert status == 200
    access, identity = claims_of(tokens["access_token"]), claims_of(tokens["id_token"])
    assert (access["aud"], access["sub"], access["scope"]) == (environment.AUDIENCE, "staff_sue", REQUEST["scope"])
    assert access[environment.GROUPS_CLAIM] == [environment.SUPPORT_GROUP]
    assert (identity["aud"], identity["nonce"], identity["name"]) == (CLIENT_ID, "n", "Sue Marsh")


def test_a_customer_gets_no_scope_of_support(issuer: LocalIssuer) -> None:
    """Whatever the console asks for."""
    _, tokens = redeemed(issuer, code_of(issuer, person="acct_ada"))
    access = claims_of(tokens["access_token"])
    assert (access["scope"], access.get(environment.GROUPS_CLAIM)) == ("billing", None)


def test_a_code_counts_once(issuer: LocalIssuer) -> None:
    """Also if the first try was wrong."""
    code = code_of(issuer)
    assert redeemed(issuer, code)[0] == 200
    assert redeemed(issuer, code)[0] == 400
    code = code_of(issuer)
    assert redeemed(issuer, code, code_verifier="another")[0] == 400
    assert redeemed(issuer, code)[0] == 400


def test_a_code_does_not_live_long(issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute."""
    code = code_of(issuer)
    later = time.time() + sign_in.CODE_LIVES_S + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert redeemed(issuer, code)[0] == 400


@pytest.mark.parametrize(
    "changed", [{"client_id": "other"}, {"redirect_uri": "http://127.0.0.1:3000/elsewhere"}, {"code": "guessed"}]
)
def test_a_code_is_for_its_client_and_address(issuer: LocalIssuer, changed: dict[str, str]) -> None:
    """Each must be that of the request."""
    assert redeemed(issuer, **{"code": code_of(issuer), **changed})[0] == 400


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "other"},
        {"redirect_uri": "https://evil.example/console"},
        {"redirect_uri": f"http://{HOST}/elsewhere"},
        {"code_challenge_method": "plain"},
        {"response_type": "token"},
    ],
)
def test_nobody_is_led_anywhere_else(issuer: LocalIssuer, changed: dict[str, str]) -> None:
    """An unknown client or address gets no redirect, and only the code flow with PKCE is there."""
    assert issuer.authorize(urlencode({**REQUEST, "person": "staff_sue", **changed}), HOST)["statusCode"] == 400


def test_the_page_offers_each_person_and_escapes_what_it_was_asked(issuer: LocalIssuer) -> None:
    """The state is the console's, and text."""
    page = issuer.authorize(urlencode({**REQUEST, "state": '"><script>'}), HOST)["body"]
    assert page.count("<a href") == len(sign_in.PERSONS)
    assert "<script>" not in page


def test_the_link_of_a_local_run_has_a_token_and_that_of_another_issuer_none(
    issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the local keys can sign one."""
    assert issuer
    assert claims_of(console_link("http://x").partition("#token=")[2])["sub"] == "staff_sue"
    monkeypatch.setenv("JWT_JWKS_FILE", "/another/issuers/keys.json")
    assert console_link("http://x") == "http://x/console"
