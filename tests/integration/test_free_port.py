"""A port for a server to come: nothing listens there, and no outgoing connection may take it before the server does."""

import socket
from pathlib import Path

import pytest

from tools import engines


def test_a_port_that_something_listens_on_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says which were tried, and what to do."""
    with socket.create_server(("127.0.0.1", engines.free_port())) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(engines, "_PORTS", range(port, port + 1))
        with pytest.raises(engines.EngineError, match=f"{port} to {port}"):
            engines.free_port()


def test_no_outgoing_connection_takes_a_port_that_was_given() -> None:
    """The system gives those ports to connections that it chooses a port for, and to servers that ask for any."""
    chosen_by_system = Path("/proc/sys/net/ipv4/ip_local_port_range")
    first = int(chosen_by_system.read_text().split()[0]) if chosen_by_system.exists() else 49_152
    assert all(engines.free_port() < first for _ in range(20))
