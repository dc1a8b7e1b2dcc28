"""Compile the methods of all dataclasses of the package: `python ship_code.py FOLDER`. Called by `sam build`.

`ledger.init` says why. Modules that need a package of another layer are left out: they have few dataclasses.
"""

import builtins
import contextlib
import dataclasses
import importlib
import pkgutil
import sys
from types import CodeType
from typing import Any


def main(folder: str) -> None:
    """Import the package in a folder, and write what its dataclasses have compiled."""
    codes: dict[bytes, CodeType] = {}
    sys.path.insert(0, folder)
    from ledger import init

    def execute(text: str, *scope: Any) -> None:
        code = codes[init.key_of(text)] = compile(text, "<string>", "exec")
        builtins.exec(code, *scope)  # noqa: S102 - as `dataclasses` does

    dataclasses.exec = execute  # type: ignore[attr-defined]

    for module in pkgutil.walk_packages([f"{folder}/ledger"], "ledger.", onerror=lambda _: None):
        with contextlib.suppress(ImportError):
            importlib.import_module(module.name)
    records: Any = importlib.import_module("ledger.domain.records")
    records.complete_all()
    if not codes:
        raise SystemExit("no dataclass has compiled anything: does `dataclasses` still call `exec`?")
    init.write(codes)


if __name__ == "__main__":
    main(sys.argv[1])
