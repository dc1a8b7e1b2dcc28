"""The mutants' part of the proof: it tries what matters, and tests that can't tell don't pass unseen."""

import io
from pathlib import Path

from proof.mutants import run
from proof.mutants.equal import Equal
from proof.mutants.mutations import Mutant, mutants_of
from proof.mutants.suites import SECONDS, all_mutants, suite_of
from proof.mutants.trial import Fate, Trial, tried
from proof.work import Work

CODE = '''
"""Prose is left alone."""
TABLE = {"a": 1, "b": 2}

class Box:
    """Neither is this."""

    size: int = 3

    @property
    def is_large(self) -> bool:
        return self.size >= 10 and self.size != 12

    def grow(self, by: int) -> None:
        if by > 0:
            self.size += by
        raise ValueError("too small a step")
'''
WRONGS = {
    "1 → 2",
    "1 → 0",
    "{'a': 1, 'b': 2} → {'a': 1}",
    "3 → 4",
    "self.size >= 10 → self.size > 10",
    "self.size >= 10 → self.size < 10",
    "10 → 11",
    "10 → 9",
    "self.size >= 10 and self.size != 12 → self.size >= 10 or self.size != 12",
    "self.size >= 10 and self.size != 12 → self.size != 12",
    "self.size != 12 → self.size == 12",
    "by > 0 → True",
    "by > 0 → by >= 0",
    "self.size += by → pass",
    "self.size += by → self.size -= by",
    "raise ValueError('too small a step') → pass",
}
"""Some of what is to be among them: in tables, fields, properties, conditions and statements."""


def mutant(module: str, line: str, mutation: str) -> Mutant:
    """One of the core's."""
    (found,) = (each for each in all_mutants((module,)) if (each.text, each.mutation) == (line, mutation))
    return found


def fate_of(found: Mutant | None, *tests: str) -> Fate:
    """What these tests make of it."""
    ((_, fate),) = tried([Trial(found, tests, SECONDS)])
    return fate


def test_wrongs_are_done_to_all_that_matters_and_to_nothing_else(tmp_path: Path) -> None:
    """Properties and tables too; words for people and annotations stay."""
    (tmp_path / "box.py").write_text(CODE)
    found = mutants_of("box", tmp_path / "box.py")
    assert {each.mutation for each in found} >= WRONGS
    assert not [each for each in found if "Prose" in each.mutation or "step'" in each.mutation.partition("→")[2]]
    assert not [each for each in found if each.mutation.startswith(("bool", "int", "property"))]


def test_a_wrong_that_the_tests_tell_is_killed_and_one_that_they_cant_tell_survives() -> None:
    """The planted bug is a suite that looks elsewhere: the same wrong passes it."""
    wrong = mutant(
        "ledger.domain.lots",
        "refunded = min(self.refund_target, takeable)",
        "min(self.refund_target, takeable) → takeable",
    )
    telling, elsewhere = suite_of("ledger.domain.lots")[0], suite_of("ledger.domain.money")[0]
    assert fate_of(None, telling, elsewhere) is Fate.SURVIVED
    assert fate_of(wrong, telling) is Fate.KILLED
    assert fate_of(wrong, elsewhere, telling) is Fate.KILLED
    assert fate_of(wrong, elsewhere) is Fate.SURVIVED


def test_a_wrong_that_never_ends_counts_as_told(tmp_path: Path) -> None:
    """After its time."""
    (tmp_path / "test_endless.py").write_text("def test_endless():\n    while True:\n        pass\n")
    ((_, fate),) = tried([Trial(None, (str(tmp_path / "test_endless.py"),), 1)])
    assert fate is Fate.TIMED_OUT


def test_an_explanation_of_what_is_no_mutant_any_more_is_told(tmp_path: Path) -> None:
    """The code has moved on."""
    row = '[[equal]]\nmodule = "ledger.domain.lots"\nline = "{}"\nmutations = ["0 → 1"]\nwhy = "because"\n'
    (tmp_path / "equal.toml").write_text(row.format("drawn: int = 0  # net of returns") + row.format("gone = 0"))
    equal, lots = Equal.load(tmp_path / "equal.toml"), all_mutants(("ledger.domain.lots",))
    assert equal.stale(lots) == ["ledger.domain.lots | gone = 0 | 0 → 1"]
    assert [equal.why(each) for each in lots if equal.why(each)] == ["because"]


def test_what_is_explained_is_still_there() -> None:
    """Every reason belongs to a wrong that can be done."""
    assert Equal.load().stale(all_mutants()) == []


def test_a_few_drawn_by_a_seed_are_all_told() -> None:
    """The part itself, for some seconds."""
    work = Work("mutants", 7, 3, out=io.StringIO())
    run(work, ("ledger.domain.lots", "ledger.domain.money"))
    assert work.counts["wrongs done"] > 0
    assert work.found == []
