"""Local servers are found by other processes through a file of each."""

import threading
from pathlib import Path

import pytest

from tools.devserver import environment


def test_a_server_is_found_while_it_writes_its_file_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Half a file was taken for one that a dead process had left behind, and removed."""
    monkeypatch.setattr(environment, "FOLDER", tmp_path)
    environment.register_running_server(url="http://127.0.0.1:1")
    has_ended = threading.Event()

    def write() -> None:
        for _ in range(500):
            environment.register_running_server(url="http://127.0.0.1:1")
        has_ended.set()

    writer = threading.Thread(target=write)
    writer.start()
    found = []
    while not has_ended.is_set():
        found.append(environment.running_server().get("url"))
    writer.join()
    assert set(found) == {"http://127.0.0.1:1"}
    environment.unregister_running_server()
    assert list(tmp_path.iterdir()) == []
