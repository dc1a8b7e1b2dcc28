"""`docs/policy.md` is held to the published text and to the code: a row for each sentence, a thing for each name."""

import ast
import functools
import importlib
import importlib.util
import re
from pathlib import Path

import pytest

from ledger.policy import rules
from ledger.policy.rules import RULES

ROOT = Path(__file__).parents[3]
HEAD = "| sentence | executed by | tests |\n|---|---|---|\n"


def sentences(text: str) -> list[str]:
    """The published text, one sentence after the other; a heading and an item of a list are sentences too."""
    lines = (line.strip().removeprefix("- ") for line in text.splitlines())
    return [sentence for line in lines if line for sentence in re.split(r"(?<=[A-Za-z)]\.)\s+(?=[A-Z])", line)]


def table() -> list[tuple[str, str, str]]:
    """The rows: sentence, what executes it, tests."""
    rows = (ROOT / "docs/policy.md").read_text("utf-8").partition(HEAD)[2].partition("\n\n")[0].splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return [(sentence, who, tests) for sentence, who, tests in cells]


def names(cell: str) -> set[str]:
    """What stands in backticks, but for what is marked as pending: its code is not written yet."""
    return {name for name, pending in re.findall(r"`([^`]+)`( \(pending\))?", cell) if not pending}


def is_importable(dotted: str) -> bool:
    """Whether a module, or something in one, has this name."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        try:
            is_module = importlib.util.find_spec(name) is not None
        except ModuleNotFoundError:
            continue
        if is_module:
            found: object = importlib.import_module(name)
            for part in parts[length:]:
                found = getattr(found, part, None)
            return found is not None
    return False


@functools.cache
def names_of_tests() -> frozenset[str]:
    """The functions of the tests' sources."""
    return frozenset(
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    )


def test_every_sentence_of_the_published_text_has_its_row_word_for_word() -> None:
    """In the text's own order, none left out, none made up."""
    assert [sentence for sentence, _, _ in table()] == sentences(rules.load().read_published_text())


def test_every_rule_is_named_and_every_name_leads_somewhere() -> None:
    """To a rule, to a figure of the policy file, or to what can be imported; no rule is without a sentence."""
    rules = {rule.__name__ for rule in RULES}
    named = {name for _, who, _ in table() for name in names(who)}
    assert rules <= named
    rest = named - rules - {"contacted_first_from", "fraud_warning_refund_up_to_minor", "persistent_failed_runs"}
    assert [name for name in sorted(rest) if not is_importable(name)] == []


def test_every_test_that_is_named_is_there() -> None:
    """Found in the tests' sources, not by their word."""
    there = names_of_tests()
    named = {name for _, _, tests in table() for name in re.findall(r"`([^`]+)`", tests)}
    assert named
    assert sorted(named - there) == []


def test_what_executes_nothing_says_so_and_everything_else_has_a_test() -> None:
    """A row without a test says `nothing` and why."""
    assert [sentence for sentence, who, tests in table() if not tests and not who.startswith("nothing: ")] == []


@pytest.mark.parametrize("wrong", ["ledger.nowhere", "ledger.policy.rules.nothing", "nowhere.at.all"])
def test_a_name_of_nothing_is_found_out(wrong: str) -> None:
    """The checks above can fail."""
    assert not is_importable(wrong)
    assert is_importable("ledger.domain.lots.Lot.spendable")


RULE_HEAD = "| rule | texts |\n|---|---|\n"
REQUIREMENT_HEAD = "| # | requirement | executed by | tests | missing |\n|---|---|---|---|---|\n"


def rows_below(head: str) -> list[list[str]]:
    """The cells of each row of the table with this head."""
    rows = (ROOT / "docs/policy.md").read_text("utf-8").partition(head)[2].partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def texts_by_function() -> dict[str, tuple[set[str], set[str]]]:
    """Of each function of the rules and of the law: the texts that it names, and the functions that it names."""
    found: dict[str, tuple[set[str], set[str]]] = {}
    for module in ("rules", "withdrawal"):
        tree = ast.parse((ROOT / f"layers/ledger/ledger/policy/{module}.py").read_text("utf-8"))
        for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
            inside = list(ast.walk(function))
            texts = {one.value for one in inside if isinstance(one, ast.Constant) and isinstance(one.value, str)}
            called = {one.id for one in inside if isinstance(one, ast.Name)}
            called |= {one.attr for one in inside if isinstance(one, ast.Attribute)}
            found[function.name] = ({one for one in texts if re.fullmatch(r"decision\.\w+", one)}, called)
    return found


def texts_of(rule: str) -> set[str]:
    """The texts that a customer may read if this rule decides, without those that every decision may have."""
    functions, seen, left = texts_by_function(), set[str](), {rule}
    while left:
        name = left.pop()
        seen.add(name)
        left |= (functions[name][1] & functions.keys()) - seen
    return set().union(*(functions[name][0] for name in seen))


def test_the_texts_of_each_rule_are_those_of_its_code() -> None:
    """In the order of the rules."""
    told = [(rule, re.findall(r"`([^`]+)`", texts)) for rule, texts in rows_below(RULE_HEAD)]
    assert told == [(f"`{rule.__name__}`", sorted(texts_of(rule.__name__))) for rule in RULES]


def test_every_requirement_of_the_law_has_its_row_and_every_name_leads_somewhere() -> None:
    """And what has no test, or is not whole, says what is missing."""
    rows = rows_below(REQUIREMENT_HEAD)
    assert [number for number, *_ in rows] == [f"R{number}" for number in range(1, 29)]
    there = names_of_tests()
    for number, _, who, tests, missing in rows:
        assert [name for name in sorted(names(who)) if not is_importable(name)] == [], number
        assert set(re.findall(r"`([^`]+)`", tests)) - there == set(), number
        assert (who and tests) or missing, number
