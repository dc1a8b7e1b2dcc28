"""`docs/glossary.md` has a line for the noun of each public class, and names no class that does not exist."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LEDGER = ROOT / "layers/ledger/ledger"
ROOMS = ("domain", "policy", "ports", "usecases")
HEAD = "| word | meaning | in code |\n|---|---|---|\n"


@dataclass(frozen=True)
class Line:
    """One line of the glossary: its words, and the classes that are named after one of them."""

    words: tuple[str, ...]  # every word in bold, in lower case, the defined ones first
    classes: tuple[str, ...]


def glossary() -> list[Line]:
    """Return the lines of the glossary's table."""
    rows = (ROOT / "docs/glossary.md").read_text("utf-8").partition(HEAD)[2].splitlines()
    lines = []
    for row in rows:
        defined, meaning, classes = (cell.strip() for cell in row.strip("|").split("|"))
        words = tuple(word.lower() for word in re.findall(r"\*\*(.+?)\*\*", f"{defined} {meaning}"))
        lines.append(Line(words, tuple(re.findall(r"`(\w+)`", classes))))
    return lines


def public_classes() -> list[str]:
    """Return the names of the classes at the top of each module of the four packages, private ones excluded."""
    trees = [ast.parse(path.read_text("utf-8")) for room in ROOMS for path in sorted((LEDGER / room).rglob("*.py"))]
    return sorted(
        node.name
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )


def noun_phrase(name: str) -> str:
    """Return the words of a class's name: `RefundCase` → "refund case"."""
    return " ".join(re.findall(r"[A-Z][a-z0-9]*", name)).lower()


def is_named_after(name: str, word: str) -> bool:
    """Return whether a word of the glossary, or its plural, occurs whole in a class's name."""
    return re.search(rf"\b{re.escape(word.replace('-', ' '))}s?\b", noun_phrase(name)) is not None


def test_a_name_is_split_into_its_noun_phrase() -> None:
    """A word must occur whole: a part of a word does not count."""
    assert noun_phrase("IdempotencyRecord") == "idempotency record"
    assert is_named_after("InsufficientCredits", "credit")
    assert is_named_after("CounterAccount", "counter-account")
    assert not is_named_after("Refunded", "refund")


@pytest.mark.parametrize("name", public_classes())
def test_each_public_class_has_a_line_whose_word_is_in_its_name(name: str) -> None:
    """A class is named after a word of the glossary, and the line of that word names the class."""
    words = [word for line in glossary() if name in line.classes for word in line.words]
    assert any(is_named_after(name, word) for word in words), (
        f"docs/glossary.md has no line for “{noun_phrase(name)}”: add `{name}` to the line of its noun, or add a line"
    )


def test_the_glossary_names_only_classes_that_exist() -> None:
    """A class that was renamed or removed is renamed or removed here too."""
    named = {name for line in glossary() for name in line.classes}
    assert named
    assert sorted(named - set(public_classes())) == []


def test_the_glossary_is_alphabetical_and_defines_each_word_once() -> None:
    """A reader finds a word by its place, and finds one meaning."""
    words = [line.words[0].replace("-", " ") for line in glossary()]
    assert words == sorted(set(words))
