"""The words of every enumeration: they are stored, answered, logged and counted. `python -m` this module writes them.

A word that is renamed is not read any more where it was stored. After a change that is meant, read what differs.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import ledger

FILE = Path(__file__).parent / "golden" / "words.txt"


def lines() -> Iterator[str]:
    """Yield each enumeration with its words, in their order: some are ranked by it."""
    for module in sorted(one.name for one in pkgutil.walk_packages(ledger.__path__, "ledger.")):
        for name, found in inspect.getmembers(importlib.import_module(module), inspect.isclass):
            if issubclass(found, StrEnum) and found.__module__ == module and list(found):
                yield f"{module}.{name}: {', '.join(f'{one.name}={one.value}' for one in found)}"


if __name__ == "__main__":
    FILE.write_text("".join(f"{line}\n" for line in lines()), "utf-8")
