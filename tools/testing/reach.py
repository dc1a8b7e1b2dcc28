"""What a function of `functions/` can come to: the attributes, texts and names of all code that its handler leads to.

It is read from the source and runs nothing. A name leads to what it was imported as or stands for in its module, an
attribute to each method of that name of a class that is reached too. So it finds rather more than less: a call of
another object's method of the same name counts as well.
"""

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tools.engines import ROOT

_PACKAGES = {"ledger": ROOT / "layers" / "ledger" / "ledger", "functions": ROOT / "functions"}
_NOT_FOLLOWED = tuple(f"ledger.dynamodb.{name}:" for name in ("store", "reads", "writes", "calls"))
"""Not followed: which methods of the store are called says enough."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What the code comes to."""

    attributes: frozenset[str]  # names after a dot: methods and fields
    texts: frozenset[str]  # string literals, without docstrings
    names: frozenset[str]  # the definitions, as `ledger.job:JobWatch.backlog`


@dataclass(slots=True)
class _Module:
    name: str
    imported: dict[str, str] = field(default_factory=dict)  # a name here → `module` or `module:name`
    defined: dict[str, list[ast.stmt]] = field(default_factory=dict)


@functools.cache
def reach_of(folder: str) -> Reach:
    """Return what the handler in `functions/<folder>/app.py` comes to."""
    modules = _modules()
    start = modules[f"functions.{folder}.app"]
    found: set[str] = set()
    waiting = [f"{start.name}:{name}" for name in start.defined]
    attributes: set[str] = set()
    texts: set[str] = set()
    while waiting:
        while waiting:
            name = waiting.pop()
            if name in found or name.startswith(_NOT_FOLLOWED):
                continue
            found.add(name)
            for kind, value in _mentioned(name):
                if kind == "name":
                    waiting.append(value)
                else:
                    (attributes if kind == "attribute" else texts).add(value)
        waiting = [method for method in _methods() if _is_called(method, found, attributes) and method not in found]
    return Reach(frozenset(attributes), frozenset(texts), frozenset(found))


@functools.cache
def calls_of(folder: str) -> tuple[ast.Call | ast.Assign, ...]:
    """Return all calls and assignments in the code that the handler in `functions/<folder>/app.py` comes to."""
    return tuple(node for name in sorted(reach_of(folder).names) for node in _calls_in(name))


@functools.cache
def _calls_in(name: str) -> tuple[ast.Call | ast.Assign, ...]:
    parts = (part for code in _code_of(name) for part in ast.walk(code))
    return tuple(part for part in parts if isinstance(part, ast.Call | ast.Assign))


def _is_called(method: str, found: set[str], attributes: set[str]) -> bool:
    class_name, _, name = method.rpartition(".")
    return class_name in found and (name in attributes or name.startswith("__"))


@functools.cache
def _modules() -> dict[str, _Module]:
    modules = {}
    for package, folder in _PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = [package, *path.relative_to(folder).with_suffix("").parts]
            name = ".".join(parts).removesuffix(".__init__")
            modules[name] = _module(name, path)
    return modules


def _module(name: str, path: Path) -> _Module:
    module = _Module(name)
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            module.imported.update({(one.asname or one.name): one.name for one in node.names})
        elif isinstance(node, ast.ImportFrom) and node.module:
            module.imported.update({(one.asname or one.name): f"{node.module}:{one.name}" for one in node.names})
    for statement in tree.body:
        for router in _routers_of(statement):
            module.defined.setdefault(router, []).append(statement)
        match statement:
            case ast.FunctionDef(name=defined) | ast.ClassDef(name=defined):
                module.defined.setdefault(defined, []).append(statement)
            case ast.Assign(targets=targets):
                for target in targets:
                    for one in ast.walk(target):
                        if isinstance(one, ast.Name):
                            module.defined.setdefault(one.id, []).append(statement)
            case ast.AnnAssign(target=ast.Name(id=defined)):
                module.defined.setdefault(defined, []).append(statement)
    return module


def _routers_of(statement: ast.stmt) -> Iterator[str]:
    """Yield what a function is registered with, as `router` in `@router.get(…)`: the router leads to the function."""
    for decorator in statement.decorator_list if isinstance(statement, ast.FunctionDef) else ():
        match decorator:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name))):
                yield name


@functools.cache
def _methods() -> dict[str, ast.stmt]:
    """Every method of every class, as `module:Class.method`."""
    return {
        f"{module.name}:{class_name}.{method.name}": method
        for module in _modules().values()
        for class_name, statements in module.defined.items()
        for statement in statements
        if isinstance(statement, ast.ClassDef)
        for method in statement.body
        if isinstance(method, ast.FunctionDef)
    }


def _code_of(name: str) -> list[ast.AST]:
    """Return the code of a definition: of a class without its methods, which are reached by their names."""
    module_name, _, own = name.partition(":")
    if method := _methods().get(name):
        return [method]
    module = _modules().get(module_name)
    code: list[ast.AST] = []
    for statement in module.defined.get(own, ()) if module else ():
        if isinstance(statement, ast.ClassDef):
            code += [*statement.bases, *(part for part in statement.body if not isinstance(part, ast.FunctionDef))]
        else:
            code.append(statement)
    return code


@functools.cache
def _mentioned(name: str) -> frozenset[tuple[str, str]]:
    """Return what the code of a definition mentions: definitions by name, attributes, texts."""
    module = _modules()[name.partition(":")[0]]
    return frozenset(one for node in _code_of(name) for one in _mentioned_in(module, node))


def _mentioned_in(module: _Module, node: ast.AST) -> Iterator[tuple[str, str]]:
    docstrings = {id(one.value) for one in ast.walk(node) if isinstance(one, ast.Expr)}
    for one in ast.walk(node):
        match one:
            case ast.Constant(value=str(text)) if id(one) not in docstrings:
                yield "text", text
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in module.imported:
                yield "attribute", attribute
                yield from _names(module.imported[name].replace(":", "."), attribute)
            case ast.Attribute(attr=attribute):
                yield "attribute", attribute
            case ast.Name(id=name):
                if name in module.defined:
                    yield "name", f"{module.name}:{name}"
                elif target := module.imported.get(name):
                    yield from _names(*target.partition(":")[::2])


def _names(module_name: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield the definition that an imported name stands for, if it is ours: also through a package's `__init__`."""
    module = _modules().get(module_name)
    if module is None:
        return
    if name in module.defined:
        yield "name", f"{module_name}:{name}"
    elif target := module.imported.get(name):
        yield from _names(*target.partition(":")[::2])
