"""What is done once, while Lambda loads a function."""

import dataclasses
import functools
import gc
import marshal
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

from ledger import init
from tools.engines import ROOT

SAMPLE = """
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    number: int
    text: str = "a"
"""


def made() -> type:
    """A dataclass, made now."""
    scope = {"dataclasses": dataclasses, "__name__": "sample"}
    exec(SAMPLE, scope)  # noqa: S102 - a class that nothing else has made
    return scope["Sample"]  # type: ignore[return-value]


@pytest.fixture
def texts() -> Iterator[list[str]]:
    """What dataclasses compile, as they ask for it."""
    asked: list[str] = []

    def asking(text: str, *scope: object) -> None:
        asked.append(text)
        exec(text, *scope)  # type: ignore[arg-type] # noqa: S102

    dataclasses.exec = asking  # type: ignore[attr-defined]
    yield asked
    del dataclasses.exec  # type: ignore[attr-defined]


def test_a_dataclass_takes_the_code_that_was_shipped(texts: list[str], tmp_path: Path) -> None:
    """The very code: one that was shipped with another default shows it."""
    made()
    file = tmp_path / "codes.bin"
    init.write(
        {init.key_of(text): compile(text.replace("number", "digits"), "<string>", "exec") for text in texts}, file
    )
    init.use(init.read(file))
    with pytest.raises(TypeError, match="number"):
        made()(number=1)


def test_what_was_not_shipped_is_compiled(texts: list[str], tmp_path: Path) -> None:
    """As in a class that has changed since."""
    file = tmp_path / "codes.bin"
    init.write({b"another": compile("", "<string>", "exec")}, file)
    init.use(init.read(file))
    assert made()(number=1).text == "a"
    assert texts == []  # `use` has taken its place


@pytest.mark.parametrize(
    "content", [None, b"", b"x", marshal.dumps((b"another python", {b"a": b"b"})), marshal.dumps(5)]
)
def test_codes_of_another_python_and_unreadable_ones_are_not_used(content: bytes | None, tmp_path: Path) -> None:
    """Then everything is compiled, as without a file."""
    file = tmp_path / "codes.bin"
    if content is not None:
        file.write_bytes(content)
    assert init.read(file) == {}


ENDS = ("ledger.runtime", "ledger.relay", "functions.describe_api.app")
"""The modules with which init ends."""


@pytest.mark.parametrize("module", ENDS)
def test_garbage_is_collected_again_after_init(module: str) -> None:
    """In a process of its own, as Lambda loads it."""
    path = f"{ROOT}:{ROOT / 'layers' / 'ledger'}"
    environment = os.environ | {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001", "PYTHONPATH": path}
    script = f"import gc, ledger; before = gc.isenabled(); import {module}; print(before, gc.isenabled())"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)  # noqa: S603
    assert done.stdout.split() == ["False", "True"]


@pytest.mark.parametrize("folder", sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py")))
def test_each_function_that_imports_the_ledger_ends_init(folder: str) -> None:
    """Otherwise it would never collect garbage."""
    imported = _graph().find_upstream_modules(f"functions.{folder}.app") | {f"functions.{folder}.app"}
    assert not any(name.partition(".")[0] == "ledger" for name in imported) or imported & set(ENDS)


@functools.cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph("ledger", "functions")


def test_outside_of_lambda_nothing_is_switched_off() -> None:
    """In tests and tools Python collects, or not, as whoever runs it wants."""
    before = gc.isenabled()
    for collects, switch in ((True, gc.enable), (False, gc.disable)):
        switch()
        init.begins()
        assert gc.isenabled() is collects
        init.is_over()
        assert gc.isenabled() is collects
    if before:
        gc.enable()
