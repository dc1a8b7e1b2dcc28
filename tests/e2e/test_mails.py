"""The local run keeps a mail for what a customer buys: from the order over stream, bus and queue to the file."""

import json
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.relay import bus as event_bus
from ledger.runtime import runtime
from tools import engines, token
from tools.devserver import environment
from tools.devserver.mailbox import kept, read
from tools.devserver.patience import PATIENCE_S
from tools.local import LocalBackend, opened

ORDER = {
    "product_id": "pack_1000",
    "provider": "stripe",
    "currency": "EUR",
    "country": "DE",
    "policy_version": "2026-11-01",
    "consent": {"text_version": "2026-11-01", "asked_to_begin": True, "acknowledged_loss": True},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the mails are kept."""
    return tmp_path / "mails"


@pytest.fixture
def backend(folder: Path) -> Iterator[LocalBackend]:
    """The local backend on a port of its own. The test run's environment is as before after it."""
    before = dict(os.environ)
    for cached in (runtime, event_bus):
        cached.cache_clear()
    os.environ |= {"PORT": str(engines.free_port()), "MAILS_FOLDER": str(folder)}
    try:
        with opened() as running:
            assert runtime().connection.client.meta.config.read_timeout == PATIENCE_S
            yield running
    finally:
        os.environ.clear()
        os.environ.update(before)
        for cached in (runtime, event_bus):
            cached.cache_clear()


def call(backend: LocalBackend, method: str, path: str, content: Any = None, **headers: str) -> Any:
    """Send a request of Ada's, whose token has her address."""
    bearer = token.signed(
        "acct_ada", issuer=backend.gateway.issuer, audience=environment.AUDIENCE, email="ada@example.com"
    )
    request = urllib.request.Request(  # noqa: S310 - our own server
        backend.gateway.url + path,
        json.dumps(content).encode() if content is not None else None,
        {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json", **headers},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - our own server
        return json.load(response)


def test_what_is_bought_is_confirmed_by_a_mail(backend: LocalBackend, folder: Path) -> None:
    """In the language of the page; the consent is complete then. Another round sends nothing more."""
    order = call(
        backend, "POST", "/orders", ORDER, **{"Idempotency-Key": "key_1", "Accept-Language": "fr;q=0.5, de-AT"}
    )
    assert not call(backend, "GET", f"/orders/{order['order_id']}")["is_consent_confirmed"]
    assert backend.stripe
    session = next(iter(backend.stripe.sessions.values()))
    backend.stripe.pay(session["id"])
    assert backend.stripe.drain() == []
    backend.gateway.stream.drain(60)
    (mail,) = kept(folder)
    assert (mail.to, mail.subject) == ("ada@example.com", "Bestätigung Ihrer Bestellung: 1,000 credits")
    message = read(mail.path)
    text, html = (message.get_body((kind,)) for kind in ("plain", "html"))
    assert text
    assert html
    assert order["order_id"] in text.get_content()
    assert "Widerrufsbelehrung" in html.get_content()
    assert call(backend, "GET", f"/orders/{order['order_id']}")["is_consent_confirmed"]
    assert backend.gateway.run_job("send_mails") == {"outcomes": {}}
    assert len(list(kept(folder))) == 1
