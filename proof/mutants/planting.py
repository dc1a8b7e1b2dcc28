"""Put a mutant's code where the module's is: into functions that are there already, or at the next import."""

import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from types import CodeType, FunctionType, ModuleType

OURS = frozenset({"ledger", "tests", "tools", "functions"})
"""The packages of our code."""


def give(functions: Sequence[FunctionType], module: CodeType) -> bool:
    """Give functions their code in another version of their module. Return whether each has it now."""
    codes = {(code.co_qualname, code.co_firstlineno): code for code in _codes(module)}
    mended = [(one, codes.get((one.__code__.co_qualname, one.__code__.co_firstlineno))) for one in functions]
    outermost = [(one, code) for one, code in mended if ".<locals>" not in one.__code__.co_qualname]
    if any(code is None or len(code.co_freevars) != len(one.__code__.co_freevars) for one, code in outermost):
        return False
    for one, code in outermost:
        if code is not None:
            one.__code__ = code
    return bool(outermost)


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


class Planted(importlib.machinery.SourceFileLoader):
    """Finds the mutant where its module is asked for."""

    def __init__(self, module: str, path: str, code: CodeType) -> None:
        super().__init__(module, path)
        self.code = code
        sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=self)

    def get_code(self, _fullname: str) -> CodeType:
        return self.code
