"""What is marked as read in `tools/drift/*.toml` is what the code reads: the translators are run, and recorded."""

import ast
import json
from collections.abc import Iterator

import pytest

from ledger.domain import catalogue
from ledger.providers.registry import PROVIDERS
from tests.contract.recorded_reads import (
    CLIENT,
    PROVIDERS_FOLDER,
    READ_BY_PARSE,
    READ_OF_EVERY_OBJECT,
    carried,
    lines_run,
    locked,
    notifications,
    recorded,
    updated,
)
from tools.drift.vendors import VENDORS
from tools.drift.writing import written
from tools.testing.reads import Place, Recorder

MEND = "Run `PYTHONPATH=.:layers/ledger python -m tests.contract.recorded_reads`. Then judge what has no verdict."


def marked(provider: str) -> dict[tuple[str, str], set[str]]:
    """Return the modules that read each field, by our verdicts. The client's reads are not recorded: see below."""
    return {
        (name, path): verdict.modules - {CLIENT}
        for name, fields in VENDORS[provider].verdicts.fields.items()
        for path, verdict in fields.items()
        if verdict.modules - {CLIENT}
    }


@pytest.mark.parametrize("provider", VENDORS)
def test_the_verdicts_are_written_as_the_command_writes_them(provider: str) -> None:
    """Sorted, and without a reason that nobody gives: a change of one word is a change of one line."""
    assert VENDORS[provider].file.read_text("utf-8") == written(updated(provider)), MEND


@pytest.mark.parametrize("provider", VENDORS)
def test_the_library_of_notifications_has_no_word_that_the_sdk_does_not_have(provider: str) -> None:
    """A misspelled field in a fixture is read by nobody, or by code that misspells it too."""
    recorder = Recorder(provider, locked(provider))
    strange = {
        (place.name, place.path)
        for content in notifications(provider)
        for place in recorder.places(content, carried(provider, content))
        if _is_strange(place)
    }
    # Stripe's lists name their own kind and their length; its SDK declares neither.
    assert {(name, path) for name, path in strange if not path.endswith((".object", ".total_count"))} == set()


@pytest.mark.parametrize("provider", VENDORS)
def test_what_is_marked_as_read_is_what_the_translators_read(provider: str) -> None:
    """Field by field, with the module that reads it."""
    verdicts, read = marked(provider), recorded(provider).fields
    wrong = [
        f"{name}.{path}: marked as read by {_list(verdicts.get((name, path)))}, read by {_list(read.get((name, path)))}"
        for name, path in sorted(verdicts.keys() | read.keys())
        if verdicts.get((name, path)) != read.get((name, path)) and (name, path) not in READ_BY_PARSE
    ]
    assert not wrong, f"{MEND}\n" + "\n".join(wrong)


@pytest.mark.parametrize("provider", VENDORS)
def test_every_statement_that_names_a_field_is_run(provider: str) -> None:
    """What no notification reaches is not recorded. Give STRANGE one that does."""
    words = {path.rpartition(".")[2] for object_ in locked(provider).values() for path in object_}
    missed = [
        f"{module}.py:{line}: {ast.unparse(code)}"
        for module, line, code in _code(provider)
        if line not in lines_run(provider)[module]
        if words & {node.value for node in ast.walk(code) if isinstance(node, ast.Constant)}
    ]
    assert not missed, "\n".join(missed)


def _code(provider: str) -> Iterator[tuple[str, int, ast.AST]]:
    """Yield each statement of the functions that translate, with its module and its line.

    Of a statement with a body, only its condition is yielded. Errors, docstrings and `parse` are left out. So is what a
    parked event is found by: it is read from whatever there is, and a field that has gone costs a search one name.
    """
    for file in sorted((PROVIDERS_FOLDER / provider).glob("*.py")):
        if file.stem in {CLIENT, "names", "provider"}:
            continue
        for function in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(function, ast.FunctionDef) or function.name == "parse":
                continue
            for node in ast.walk(function):
                match node:
                    case ast.Expr(value=ast.Constant()):
                        continue
                    case ast.Assign() | ast.AnnAssign() | ast.AugAssign() | ast.Return() | ast.Expr():
                        yield file.stem, node.lineno, node
                    case ast.If(test=head) | ast.While(test=head) | ast.For(iter=head) | ast.Match(subject=head):
                        yield file.stem, node.lineno, head


@pytest.mark.parametrize("provider", VENDORS)
def test_a_value_is_marked_as_read_if_the_code_compares_it(provider: str) -> None:
    """By its translator's table, or by a comparison. An ignored value is compared with nothing that is equal to it."""
    compared = recorded(provider).values
    wrong = [
        f"{name}.{path} = {value}: marked as {_list(verdict.modules)}, compared by {_list(modules)}"
        for name, fields in VENDORS[provider].verdicts.values.items()
        for path, values in fields.items()
        if (name, path) not in READ_BY_PARSE and (name, path) != VENDORS[provider].event_types
        for value, verdict in values.items()
        if verdict.modules != (modules := compared.get((name, path, value), set()))
    ]
    assert not wrong, f"{MEND}\n" + "\n".join(wrong)


@pytest.mark.parametrize("provider", VENDORS)
def test_a_value_whose_reason_says_so_parks_an_event(provider: str) -> None:
    """It is not in the translator's table, or it is one that no payment of ours should have."""
    verdicts = VENDORS[provider].verdicts
    parked = [
        (name, path, value)
        for name, fields in verdicts.values.items()
        for path, values in fields.items()
        for value, verdict in values.items()
        if "parked" in verdicts.reasons.get(verdict.reason, "")
    ]
    assert parked
    assert [word for word in parked if not any(_is_parked_with(provider, *word))] == []


def _is_parked_with(provider: str, name: str, path: str, value: str) -> Iterator[bool]:
    """Yield for each notification with this field whether it is parked if the field has this value."""
    recorder, products = Recorder(provider, locked(provider)), catalogue.load()
    for content in notifications(provider):
        for place in list(recorder.places(content, carried(provider, content))):
            if (place.name, place.path) == (name, path):
                place.holder[place.key] = value
                event = PROVIDERS[provider].translate(content, products, is_live=False)
                yield event is not None and event.not_bookable is not None


@pytest.mark.parametrize("provider", VENDORS)
def test_an_event_type_is_marked_as_read_if_it_has_a_translator(provider: str) -> None:
    """A type that is not read is answered and counted, and books nothing."""
    name, path = VENDORS[provider].event_types
    types = VENDORS[provider].verdicts.values[name][path]
    assert {kind for kind, verdict in types.items() if verdict.is_read} == PROVIDERS[provider].FUNCTIONS.keys()


@pytest.mark.parametrize("provider", VENDORS)
def test_no_translator_reads_a_field_that_the_sdk_does_not_have(provider: str) -> None:
    """The name is misspelled, or the provider has removed the field: the code would never find it."""
    unknown = recorded(provider).unknown.items()
    of_every_object = ((name, path) for (name, path), modules in unknown if modules == {"events"})
    allowed = {(name, path) for name, path in of_every_object if path in READ_OF_EVERY_OBJECT}
    assert {field for field, _ in unknown} - allowed == set()


@pytest.mark.parametrize("provider", VENDORS)
def test_parse_reads_what_it_is_marked_to_read(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The envelope is checked before it is translated, in the bytes that came."""
    content = next(notifications(provider))
    recorder = Recorder(provider, locked(provider))
    wrapped = recorder.wrapped(content, carried(provider, content))
    monkeypatch.setattr(json, "loads", lambda _: wrapped)
    PROVIDERS[provider].parse(b"{}")
    for name, path in recorder.reads.fields:
        assert recorder.reads.fields[name, path] <= VENDORS[provider].verdicts.fields[name][path].modules
    assert {field for field in READ_BY_PARSE if field in marked(provider)} <= recorder.reads.fields.keys()


@pytest.mark.parametrize("provider", VENDORS)
def test_what_the_client_is_marked_to_read_stands_in_it(provider: str) -> None:
    """Its reads go through the SDK's own objects, so only their names are looked for."""
    tree = ast.parse((PROVIDERS_FOLDER / provider / f"{CLIENT}.py").read_text("utf-8"))
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    verdicts = VENDORS[provider].verdicts
    read = {
        path for fields in verdicts.fields.values() for path, verdict in fields.items() if CLIENT in verdict.modules
    }
    assert {path for path in read if path.rpartition(".")[2] not in names} == set()
    assert read


@pytest.mark.parametrize("provider", VENDORS)
def test_every_module_that_is_named_is_one_of_the_providers(provider: str) -> None:
    """A verdict leads to code that is there."""
    modules = {path.stem for path in (PROVIDERS_FOLDER / provider).glob("*.py")}
    verdicts = VENDORS[provider].verdicts.fields.values()
    assert {module for fields in verdicts for verdict in fields.values() for module in verdict.modules} <= modules


def _is_strange(place: Place) -> bool:
    value = place.holder[place.key]
    if place.word is None:
        return True
    return isinstance(value, str) and bool(place.word.values) and value not in place.word.values


def _list(modules: set[str] | None) -> str:
    return ", ".join(sorted(modules)) if modules else "none"
