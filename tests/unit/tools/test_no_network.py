"""A unit test that connects to anything, or that requests an engine, fails."""

import socket
import urllib.request
from contextlib import suppress

import pytest

from tools import engines

REFUSED = "uses no network and no engine"


@pytest.mark.parametrize("method", ["connect", "connect_ex", "bind", "sendto"])
def test_a_socket_is_refused(method: str) -> None:
    """Also on this machine."""
    data = (b"",) if method == "sendto" else ()
    with socket.socket() as opened, pytest.raises(pytest.fail.Exception, match=REFUSED):
        getattr(opened, method)(*data, ("127.0.0.1", 0))


def test_no_name_is_looked_up() -> None:
    """A resolver is a network too."""
    with pytest.raises(pytest.fail.Exception, match=REFUSED):
        socket.getaddrinfo("localhost", 80)


def test_a_caught_error_does_not_hide_a_connection() -> None:
    """Clients catch every error of a connection, and the store reports StoreUnavailable instead."""
    with pytest.raises(pytest.fail.Exception, match=REFUSED), suppress(Exception):
        urllib.request.urlopen("http://127.0.0.1:9", timeout=1)


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_an_engine_is_not_started(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    """Not even where it is installed."""
    monkeypatch.setattr(engines, "unavailable", lambda _: None)
    with pytest.raises(pytest.fail.Exception, match=REFUSED), engines.running(engine):
        pass


@pytest.mark.parametrize("fixture", ["ministack", "dynamodb_local", "real_store"])
def test_the_fixture_of_an_engine_is_refused(request: pytest.FixtureRequest, fixture: str) -> None:
    """Also in a run of all tests, whose engines are up."""
    with pytest.raises(pytest.fail.Exception, match=REFUSED):
        request.getfixturevalue(fixture)
