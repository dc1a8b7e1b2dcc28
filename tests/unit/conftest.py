"""A test in this folder uses no network and no engine: an attempt fails the test."""

import socket
from collections.abc import Generator
from pathlib import Path
from typing import NoReturn

import pytest

HERE = Path(__file__).parent


def _refuse(*_: object, **__: object) -> NoReturn:
    # pytest.fail raises a BaseException: code that catches every Exception of a connection does not hide it.
    pytest.fail("A test in tests/unit uses no network and no engine. Move it to tests/contract or tests/integration.")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Refuse connections during a test of this folder and its fixtures. pytest calls this hook for every test."""
    if HERE not in item.path.parents:
        return (yield)
    with pytest.MonkeyPatch.context() as patch:
        for method in ("connect", "connect_ex", "bind", "sendto"):
            patch.setattr(socket.socket, method, _refuse)
        patch.setattr(socket, "getaddrinfo", _refuse)
        return (yield)


# A worker of a run of all tests shares the endpoints of engines that run already: no socket is opened to get one.
@pytest.fixture(scope="session")
def ministack() -> str:
    """Refuse MiniStack."""
    _refuse()


@pytest.fixture(scope="session")
def dynamodb_local() -> str:
    """Refuse the reference engine."""
    _refuse()
