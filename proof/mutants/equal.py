"""The mutants that no test can tell, each with the reason why it changes nothing: `equal.toml`."""

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from proof.mutants.mutations import Mutant

FILE = Path(__file__).with_name("equal.toml")


@dataclass(frozen=True, slots=True)
class Equal:
    """The reasons, by module, line and mutation. A line is named by its text: its number moves."""

    reasons: dict[tuple[str, str, str], str]

    @classmethod
    def load(cls, path: Path = FILE) -> "Equal":
        """Read the file. Raises KeyError where a field is missing."""
        return cls(
            {
                (row["module"], row["line"], mutation): row["why"]
                for row in tomllib.loads(path.read_text("utf-8")).get("equal", ())
                for mutation in row["mutations"]
            }
        )

    def why(self, mutant: Mutant) -> str | None:
        """Why it changes nothing. None: nobody says that it does."""
        return self.reasons.get(_named(mutant))

    def stale(self, mutants: Collection[Mutant]) -> list[str]:
        """What is explained and is no mutant of these modules: the code has moved on, and the reason is to go."""
        named, modules = {_named(mutant) for mutant in mutants}, {mutant.module for mutant in mutants}
        return [" | ".join(name) for name in self.reasons if name[0] in modules and name not in named]


def _named(mutant: Mutant) -> tuple[str, str, str]:
    return (mutant.module, mutant.text, mutant.mutation)
