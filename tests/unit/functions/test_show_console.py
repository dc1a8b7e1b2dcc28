"""The console's files: what a browser may do with them, how long it keeps them, and that they hold no data."""

import base64
import gzip
import re
from collections.abc import Mapping
from typing import Any

import pytest

from functions.show_console.app import SETTINGS, assets, lambda_handler, release
from ledger.domain import money

SCRIPTS = {name: content.decode() for name, content in assets().items() if name.endswith(".js")}
OURS = {name: text for name, text in SCRIPTS.items() if name != "lit-html.js"}


def fetched(path: str, *, zipped: bool = False) -> tuple[int, Mapping[str, str], str]:
    """What a browser gets: status, headers and text."""
    named = dict(zip(("release", "asset"), path.split("/")[2:], strict=False))
    event: dict[str, Any] = {"rawPath": path, "headers": {"accept-encoding": "gzip, br"} if zipped else {}}
    answer = lambda_handler(event | ({"pathParameters": named} if named else {}), None)
    body = base64.b64decode(answer["body"])
    return answer["statusCode"], answer["headers"], (gzip.decompress(body) if zipped else body).decode()


def policy_of(headers: Mapping[str, str]) -> dict[str, list[str]]:
    """The content security policy by directive."""
    parts = (part.split() for part in headers["content-security-policy"].split(";"))
    return {name: sources for name, *sources in parts}


def test_the_page_may_load_our_files_and_call_our_api_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """No inline script or style, no frame around it, no base, no form; and only lit-html makes HTML of text."""
    monkeypatch.setenv("CONSOLE_TOKEN_URL", "https://sign-in.example/oauth2/token?tenant=1")
    status, headers, _ = fetched("/console")
    assert status == 200
    assert policy_of(headers) == {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "connect-src": ["'self'", "https://sign-in.example/oauth2/token"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["lit-html"],
    }
    assert headers["referrer-policy"] == "no-referrer"


def test_without_a_token_address_the_page_calls_our_api_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default of a deployment: no one can sign in."""
    monkeypatch.delenv("CONSOLE_TOKEN_URL", raising=False)
    assert policy_of(fetched("/console")[1])["connect-src"] == ["'self'"]


def test_nothing_may_put_a_frame_around_it_or_guess_what_it_is() -> None:
    """Neither the page, nor one of its files, nor the answer that there is no such file."""
    for path, content_type in (
        ("/console", "text/html; charset=utf-8"),
        (f"/console/{release()}/main.js", "text/javascript; charset=utf-8"),
        ("/console/x/y", "application/problem+json"),
    ):
        headers = fetched(path)[1]
        assert (headers["content-type"], headers["x-content-type-options"]) == (content_type, "nosniff")
        assert "frame-ancestors 'none'" in headers.get("content-security-policy", "") or path == "/console/x/y"
        assert (
            headers.items()
            >= {
                "referrer-policy": "no-referrer",
                "strict-transport-security": "max-age=31536000",
                "cross-origin-opener-policy": "same-origin",
                "cross-origin-resource-policy": "same-origin",
                "permissions-policy": "camera=(), geolocation=(), microphone=()",
            }.items()
        )
    assert fetched("/console")[1]["x-frame-options"] == "DENY"


def test_a_request_may_come_without_headers() -> None:
    """API Gateway leaves out what is empty."""
    plain = lambda_handler({"rawPath": "/console"}, None)
    assert (plain["statusCode"], plain["isBase64Encoded"], "content-encoding" in plain["headers"]) == (200, True, False)
    assert lambda_handler({"rawPath": "/console/x/main.js"}, None)["statusCode"] == 404


def test_the_page_has_no_inline_script_or_style() -> None:
    """The policy would block them, and no page would say so."""
    page = fetched("/console")[2]
    assert not re.search(r"<style|\son\w+=|\sstyle=|<script(?![^>]*\ssrc=)", page)
    assert not [name for name, text in OURS.items() if re.search(r"\sstyle=|innerHTML|unsafeHTML|\beval\(", text)]


def test_the_settings_are_attributes_and_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting is text, whatever it says."""
    for name in (*SETTINGS, "CONSOLE_ACCEPTS_TOKEN"):
        monkeypatch.setenv(name, f'"><script>{name}')
    page = fetched("/console")[2]
    assert page.count("<script") == 1
    assert 'data-console-client-id="&quot;&gt;&lt;script&gt;CONSOLE_CLIENT_ID"' in page
    assert 'data-console-accepts-token="&quot;&gt;&lt;script&gt;CONSOLE_ACCEPTS_TOKEN"' in page


def test_the_page_is_never_kept_and_its_files_are_kept_for_a_year() -> None:
    """The address of a file has a hash over all of them."""
    assert fetched("/console")[1]["cache-control"] == "no-store"
    page = fetched("/console")[2]
    for address in re.findall(r'(?:src|href)="([^"]+)"', page):
        status, headers, _ = fetched(address)
        assert (status, headers["cache-control"]) == (200, "public, max-age=31536000, immutable"), address
        assert address.startswith(f"/console/{release()}/")


def test_every_module_is_loaded_with_the_page() -> None:
    """A module that is asked for later could be of another release. Each module that one imports is there."""
    page = fetched("/console")[2]
    assert all(f'rel="modulepreload" href="/console/{release()}/{name}"' in page for name in SCRIPTS)
    imported = {name for text in OURS.values() for name in re.findall(r'from "\./([\w.-]+)"', text)}
    assert imported <= SCRIPTS.keys()
    assert SCRIPTS.keys() - imported == {"main.js"}


@pytest.mark.parametrize(
    "path",
    ["/console/0000000000000000/main.js", "/console/{release}/app.py", "/console/{release}/page.html", "/console/x/y"],
)
def test_another_release_or_file_is_not_found(path: str) -> None:
    """And a browser does not keep that."""
    status, headers, _ = fetched(path.format(release=release()))
    assert (status, headers["cache-control"]) == (404, "no-store")


def test_a_file_is_sent_packed_to_who_can_unpack_it() -> None:
    """Caches keep both forms apart."""
    plain, packed = (fetched(f"/console/{release()}/main.js", zipped=zipped) for zipped in (False, True))
    assert plain[2] == packed[2] == SCRIPTS["main.js"]
    assert "content-encoding" not in plain[1]
    assert packed[1]["content-encoding"] == "gzip"
    assert plain[1]["vary"] == packed[1]["vary"] == "accept-encoding"


def test_the_console_has_the_decimals_of_the_ledger() -> None:
    """An amount that is typed would be a hundred times too high."""
    text = SCRIPTS["format.js"]
    lists = {name: set(re.findall(r"[A-Z]{3}", body)) for name, body in re.findall(r"const (\w+) = \[(.*?)\];", text)}
    codes = {name: codes for name, codes in lists.items() if codes}
    for currency in set().union(*codes.values()) | {"EUR", "USD"}:
        decimals = 0 if currency in codes["WITHOUT_DECIMALS"] else 3 if currency in codes["WITH_THREE_DECIMALS"] else 2
        assert money.format_amount(1, currency).split()[0] == ("1" if not decimals else f"0.{1:0{decimals}}")
    assert len(codes["WITHOUT_DECIMALS"] | codes["WITH_THREE_DECIMALS"]) == len(
        money._WITHOUT_DECIMALS | money._WITH_THREE_DECIMALS  # noqa: SLF001 - the other half of the comparison
    )


def test_the_library_comes_with_its_licence() -> None:
    """Its licence wants that."""
    assert "Redistribution" in assets()["lit-html.LICENSE.txt"].decode()
