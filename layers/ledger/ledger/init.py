"""Lambda's init, made short: it imports hundreds of modules before the first event is answered.

**Shipped code.** A dataclass writes its methods as text and compiles it each time that its module is imported: a
quarter of a cold start. The layer has them compiled beside its other bytecode (`ship_code.py`). Each is found by its
text: what has changed, or is not there, is compiled as ever. So is all where nothing was shipped: on a developer's
machine and in tests.

**No collection of garbage.** Imports make tens of thousands of objects and no garbage. Python looks for some again and
again. Until `is_over` it does not, and what init has made is left out of every later look.
"""

import builtins
import dataclasses
import gc
import hashlib
import importlib.util
import marshal
import os
from collections.abc import Mapping
from pathlib import Path
from types import CodeType
from typing import Any

SHIPPED = Path(__file__).with_name("shipped_code.bin")
IS_LAMBDA = "AWS_LAMBDA_RUNTIME_API" in os.environ


def key_of(text: str) -> bytes:
    """Return what the code of a text is found by."""
    return hashlib.sha256(text.encode()).digest()


def write(codes: Mapping[bytes, CodeType], file: Path = SHIPPED) -> None:
    """Write codes, by their keys, for this version of Python."""
    packed = {key: marshal.dumps(code) for key, code in codes.items()}
    file.write_bytes(marshal.dumps((importlib.util.MAGIC_NUMBER, packed)))


def read(file: Path = SHIPPED) -> Mapping[bytes, bytes]:
    """Return the shipped codes, each marshalled. Empty: there is no file, or it is of another version of Python."""
    try:
        magic, packed = marshal.loads(file.read_bytes())  # noqa: S302 - our own layer, as any bytecode
    except (OSError, ValueError, TypeError, EOFError):
        return {}
    return packed if magic == importlib.util.MAGIC_NUMBER else {}


def use(packed: Mapping[bytes, bytes]) -> None:
    """Let dataclasses take their code from here. What is not here they compile."""
    if not packed:
        return

    def execute(text: str, *scope: Any) -> None:
        code = packed.get(key_of(text))
        builtins.exec(text if code is None else marshal.loads(code), *scope)  # noqa: S102, S302 - as `dataclasses` does

    # The module calls `exec` by that name. Found here, it is not looked for among the built-in functions.
    dataclasses.exec = execute  # type: ignore[attr-defined]


def begins() -> None:
    """Collect no garbage until `is_over`. Called by the package itself; outside of Lambda it does nothing."""
    if IS_LAMBDA:
        gc.disable()


def is_over() -> None:
    """Collect garbage from now on. Called last by what every function imports."""
    if IS_LAMBDA:
        gc.freeze()
        gc.enable()


use(read())
begins()
