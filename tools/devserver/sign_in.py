"""The local issuer's sign-in: OpenID Connect's authorization code flow with PKCE, for the support console.

    GET  /_local/sign-in   the page of the issuer: one button for each person
    GET  …&person=…        back to the console with a code
    POST /_local/token     the code, once, with its verifier, for an access token and an ID token

It asks for no password: it only exists on this machine. Everything else is checked as an issuer does.
"""

import base64
import hashlib
import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tools import token
from tools.devserver import environment

CLIENT_ID = "support-console"
AUTHORIZE_PATH, TOKEN_PATH = "/_local/sign-in", "/_local/token"
CODE_LIVES_S = 60
_SCOPES = "openid billing.support"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can sign in locally."""

    account_id: str
    name: str
    groups: tuple[str, ...] = ()


PERSONS = (
    Person("staff_sue", "Sue Marsh", (environment.SUPPORT_GROUP,)),
    Person("staff_tom", "Tom Okafor", (environment.SUPPORT_GROUP,)),
    Person("acct_ada", "Ada Lovelace, a customer"),
)
_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:24rem;margin:4rem auto;padding:0 1rem;color-scheme:light dark}"
    "a{display:block;padding:.7rem 1rem;margin:.5rem 0;border:1px solid;border-radius:.5rem;text-decoration:none}"
)


@dataclass(frozen=True, slots=True)
class _Grant:
    person: Person
    query: Mapping[str, str]
    until: float


class LocalIssuer:
    """The issuer. Its codes live in memory."""

    def __init__(self) -> None:
        self._grants: dict[str, _Grant] = {}

    def authorize(self, query_text: str, host: str) -> dict[str, Any]:
        """Return the page, or the way back to the console of this server."""
        query = dict(parse_qsl(query_text))
        address = query.get("redirect_uri", "")
        if query.get("client_id") != CLIENT_ID or urlsplit(address).netloc != host or not address.endswith("/console"):
            return _text(400, "This client or its address is not known here.")
        if query.get("response_type") != "code" or query.get("code_challenge_method") != "S256":
            return _text(400, "Only the authorization code flow with PKCE is supported.")
        person = next((one for one in PERSONS if one.account_id == query.get("person")), None)
        if person is None:
            return _text(200, _page(query), "text/html; charset=utf-8")
        code = secrets.token_urlsafe(24)
        self._grants[code] = _Grant(person, query, time.time() + CODE_LIVES_S)
        back = urlencode({"code": code, "state": query.get("state", ""), "iss": os.environ["JWT_ISSUER"]})
        return {
            "statusCode": 302,
            "headers": {"location": f"{address}?{back}", "cache-control": "no-store"},
            "body": "",
        }

    def redeem(self, body: bytes) -> dict[str, Any]:
        """Return the tokens for a code. It is used up, whatever comes of it."""
        sent = dict(parse_qsl(body.decode(errors="replace")))
        grant = self._grants.pop(sent.get("code", ""), None)
        digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            grant is None
            or grant.until < time.time()
            or grant.query.get("code_challenge") != challenge
            or grant.query.get("redirect_uri") != sent.get("redirect_uri")
            or grant.query.get("client_id") != sent.get("client_id")
        ):
            return _json(400, {"error": "invalid_grant", "error_description": "The code is not valid, or no longer."})
        person, asked = grant.person, grant.query.get("scope", "").split()
        scopes = asked if person.groups else [token.CUSTOMER_SCOPE]
        access = token.signed(
            person.account_id,
            issuer=os.environ["JWT_ISSUER"],
            audience=os.environ["JWT_AUDIENCE"],
            groups=person.groups,
            groups_claim=os.environ["GROUPS_CLAIM"],
            scopes=scopes,
            hours=1,
        )
        identity = token.identity(
            person.account_id, os.environ["JWT_ISSUER"], CLIENT_ID, nonce=grant.query.get("nonce", ""), name=person.name
        )
        return _json(200, {"access_token": access, "id_token": identity, "token_type": "Bearer", "expires_in": 3600})


def use_for_console() -> None:
    """Point the console of this process at the local issuer, unless the environment names another."""
    for name, value in {
        "CONSOLE_CLIENT_ID": CLIENT_ID,
        "CONSOLE_AUTHORIZE_URL": AUTHORIZE_PATH,
        "CONSOLE_TOKEN_URL": TOKEN_PATH,
        "CONSOLE_SCOPES": _SCOPES,
        "CONSOLE_ACCEPTS_TOKEN": "local",
    }.items():
        os.environ.setdefault(name, value)


def console_link(url: str) -> str:
    """Return the console's address. With the local issuer's keys it carries a token of the first person."""
    if Path(os.environ["JWT_JWKS_FILE"]) != token.JWKS_FILE:
        return f"{url}/console"
    first = PERSONS[0]
    access = token.signed(
        first.account_id,
        issuer=os.environ["JWT_ISSUER"],
        audience=os.environ["JWT_AUDIENCE"],
        groups=first.groups,
        groups_claim=os.environ["GROUPS_CLAIM"],
        scopes=(token.SUPPORT_SCOPE,),
    )
    return f"{url}/console#token={access}"


def _page(query: Mapping[str, str]) -> str:
    links = "".join(
        f'<a href="?{escape(urlencode({**query, "person": one.account_id}))}">{escape(one.name)}</a>' for one in PERSONS
    )
    title = "Sign in locally"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><h1>{title}</h1><p>This stands for the page of your issuer.</p>{links}</body></html>"
    )


def _text(status: int, text: str, content_type: str = "text/plain; charset=utf-8") -> dict[str, Any]:
    headers = {"content-type": content_type, "cache-control": "no-store", "referrer-policy": "no-referrer"}
    return {"statusCode": status, "headers": headers, "body": text}


def _json(status: int, content: Mapping[str, Any]) -> dict[str, Any]:
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(content)}
