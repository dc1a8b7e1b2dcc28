"""The mutants that no test can tell, each with the reason why it changes nothing: `equal.toml`."""

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from proof.mutants.suites import AnyMutant

FILE = Path(__file__).with_name("equal.toml")


@dataclass(frozen=True, slots=True)
class Equal:
    """The reasons, by the names of the mutants: module, class and function, mutation. Lines move, and are no names."""

    reasons: dict[str, str]

    @classmethod
    def load(cls, path: Path = FILE) -> "Equal":
        """Read the file. Raises KeyError where a field is missing."""
        return cls(
            {
                f"{row['module']} {row['where']}: {mutation}": row["why"]
                for row in tomllib.loads(path.read_text("utf-8")).get("equal", ())
                for mutation in row["mutations"]
            }
        )

    def why(self, mutant: AnyMutant) -> str | None:
        """Why it changes nothing. None: nobody says that it does."""
        return self.reasons.get(mutant.name)

    def stale(self, mutants: Collection[AnyMutant]) -> list[str]:
        """What is explained and is no mutant of these modules: the code has moved on, and the reason is to go."""
        named, modules = {mutant.name for mutant in mutants}, {mutant.module for mutant in mutants}
        return [name for name in self.reasons if name.partition(" ")[0] in modules and name not in named]
