"""The mutants that no test can tell, with the reason why each changes nothing."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from proof.mutants.mutations import Mutant

FILE = Path(__file__).with_name("equal.toml")


@dataclass(frozen=True, slots=True)
class Entry:
    """One explanation, of one or several mutations of a line. A line is named by its text: its number moves."""

    module: str
    line: str
    mutations: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Equal:
    """All explanations."""

    by_mutant: dict[tuple[str, str, str], Entry]

    @classmethod
    def load(cls, path: Path = FILE) -> "Equal":
        """Read the file. Raises KeyError where a field is missing."""
        by_mutant: dict[tuple[str, str, str], Entry] = {}
        for row in tomllib.loads(path.read_text("utf-8")).get("equal", ()):
            entry = Entry(row["module"], row["line"], tuple(row["mutations"]), row["why"])
            by_mutant |= {(entry.module, entry.line, mutation): entry for mutation in entry.mutations}
        return cls(by_mutant)

    def why(self, mutant: Mutant) -> str | None:
        """Why a mutant changes nothing. None: nobody says so."""
        entry = self.by_mutant.get(_named(mutant))
        return entry.why if entry else None

    def unmatched(self, mutants: Iterable[Mutant]) -> list[tuple[str, str, str]]:
        """What is explained here and is no mutant: the code has moved on, and the explanation is to go."""
        return sorted(self.by_mutant.keys() - {_named(mutant) for mutant in mutants})


def _named(mutant: Mutant) -> tuple[str, str, str]:
    return (mutant.module.removeprefix("ledger."), mutant.text, mutant.mutation)
