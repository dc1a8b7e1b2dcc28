"""What became of mutants in earlier runs, and what the tests call: a run goes on where the last one stopped.

A mutant that was killed stays so while its module and the file of tests that told it are what they were; one that
survived, while none of its tests has changed.
"""

import functools
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proof.mutants.trial import Fate, Learned, Suite, Told, Trial
from tools.engines import ROOT

FOLDER = ROOT / ".local" / "mutants"


@dataclass(slots=True)
class Kept:
    """The fates of earlier runs, by the names of the mutants."""

    fates: dict[str, dict[str, str]] = field(default_factory=dict)
    path: Path = FOLDER / "fates.jsonl"

    @classmethod
    def load(cls, path: Path = FOLDER / "fates.jsonl") -> "Kept":
        """Read the file, if there is one."""
        rows = map(json.loads, path.read_text("utf-8").splitlines()) if path.exists() else ()
        return cls({row["mutant"]: row for row in rows}, path)

    def told(self, trial: Trial) -> Told | None:
        """What became of a mutant, if it would become of it again. Files count as they are when this is asked first."""
        for file in (trial.mutant.path, *(ROOT / file for file in (*trial.tests, *trial.layer))):
            _content(file)
        row = self.fates.get(trial.mutant.name)
        if row is None or row["digest"] != _digest(trial, Fate(row["fate"]), row["by"]):
            return None
        return Told(trial, Fate(row["fate"]), row["by"])

    def keep(self, told: Told) -> None:
        """Write it down at once."""
        by = told.by or ""
        row = {"mutant": told.trial.mutant.name, "fate": told.fate, "by": by}
        row["digest"] = _digest(told.trial, told.fate, by)
        self.fates[row["mutant"]] = row
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def _digest(trial: Trial, fate: Fate, by: str) -> str:
    files = (*trial.tests, *trial.layer) if fate is Fate.SURVIVED else (by,)
    return _digest_of(trial.mutant.path, files)


@functools.cache
def _digest_of(source: Path, files: tuple[str, ...]) -> str:
    contents = [_content(source), *(_content(ROOT / file) for file in files)]
    return hashlib.sha256("".join(contents).encode()).hexdigest()[:16]


@functools.cache
def _content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def learn(tests: Suite, at_once: int, path: Path = FOLDER / "calls.json") -> Iterable[str]:
    """Learn what the tests call; only of files that have changed since it was learned. Yield each test's name."""
    rows = _learned(path)
    file_of = {name: ROOT / name.partition("::")[0] for name in tests.items}
    known = {name: rows[name] for name in tests.items if rows.get(name, {}).get("digest") == _content(file_of[name])}
    for name, row in known.items():
        tests.learned.seconds[name] = row["seconds"]
        tests.learned.calls[name] = {(file, function) for file, function in row["calls"]}
    learned: Learned = tests.learned
    try:
        yield from tests.learn([name for name in tests.items if name not in known], at_once)
    finally:  # a run that is stopped keeps what it has learned, and two that run at once keep both
        rows = _learned(path)
        for name in learned.seconds.keys() - known.keys() - {*learned.failed}:
            calls = sorted(learned.calls[name])
            rows[name] = {"digest": _content(file_of[name]), "seconds": learned.seconds[name], "calls": calls}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(rows), "utf-8")


def _learned(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def clear_digests() -> None:
    """Forget what files contained: they may have changed."""
    _digest_of.cache_clear()
    _content.cache_clear()
