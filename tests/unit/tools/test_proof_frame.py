"""The proof's frame: cases that can be played again, findings that are told, and a page that shows what was counted."""

import io
import json
from pathlib import Path

import pytest

from proof import __main__ as command
from proof import report
from proof.report import Part
from proof.work import MOST_FOUND, Work


def work(**fields: object) -> Work:
    """A part's work that takes no time."""
    return Work(**{"part": "order", "seed": 7, "seconds": 0, "out": io.StringIO(), **fields})  # type: ignore[arg-type]


def told(done: Work) -> list[dict[str, object]]:
    """What a part has told."""
    assert isinstance(done.out, io.StringIO)
    return [json.loads(line) for line in done.out.getvalue().splitlines()]


def test_a_cases_randomness_is_its_own() -> None:
    """Of the seed, the part and its number: not of the cases before it."""
    assert work().chance(3).random() == work().chance(3).random()
    others = [work().chance(4), work(seed=8).chance(3), work(part="crashes").chance(3)]
    assert work().chance(3).random() not in {other.random() for other in others}


def test_cases_come_until_the_time_is_over_but_as_many_as_are_needed() -> None:
    """No time is no reason to prove nothing."""
    assert list(work().cases(at_least=3)) == [0, 1, 2]
    assert list(work(seconds=1000).cases(at_most=2)) == [0, 1]
    assert list(work(only=41, seconds=1000).cases(at_least=3)) == [41]


def test_a_part_ends_when_it_has_found_enough() -> None:
    """More findings would say the same."""
    part = work(seconds=1000)
    for case in part.cases():
        part.find("it does not hold", case)
    assert len(part.found) == MOST_FOUND
    assert told(part)[0] == {"found": "it does not hold", "again": "make proof PART=order SEED=7 CASE=0"}


def test_a_part_that_breaks_off_has_proved_nothing() -> None:
    """It is found, with its last words."""
    part = Part("no_such_part", "nothing", 1)
    command.run([part], 1, seed=7, case=None)
    assert part.verdict == "broken"
    assert "No module named 'proof.no_such_part'" in part.found[0]["what"]


@pytest.mark.parametrize(
    ("script", "says_so"),
    [
        ("exit 1", "it ended with 1"),
        ("echo nonsense; exit 0", "JSONDecodeError"),
        ('echo \'{"counts": {"cases": 3}, "spent": 1}\'; kill -9 $$', "it ended with -9"),
    ],
)
def test_a_part_that_ends_without_a_word_has_proved_nothing(
    script: str, says_so: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds only once it has come to its end."""
    worker = tmp_path / "python"
    worker.write_text(f"#!/bin/sh\n{script}\n")
    worker.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(worker))
    part = Part("order", "nothing", 1)
    assert part.verdict == "not run"
    command.run([part], 1, seed=7, case=None)
    assert part.verdict == "broken"
    assert says_so in part.found[0]["what"]


def test_what_is_found_between_cases_names_none() -> None:
    """Within one it names that, also if the part does not say it."""
    part = work(seconds=1000)
    for _ in part.cases(at_most=1):
        part.find("an exception")
    part.find("the whole table")
    assert [line["again"] for line in told(part)] == [
        "make proof PART=order SEED=7 CASE=0",
        "make proof PART=order SEED=7",
    ]


@pytest.mark.parametrize(
    "given",
    [["--part", "nothing"], ["--keep", "--part", "input"], ["--case", "3"], ["--minutes", "x"], ["--minutes", "0"]],
)
def test_what_is_asked_wrongly_is_told(
    given: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the usage, and nothing is run."""
    monkeypatch.setattr("sys.argv", ["proof", *given])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    assert given[0] in capsys.readouterr().err


def test_the_page_shows_what_was_counted() -> None:
    """Word for word, of every part that there is."""
    kept = json.loads(report.KEPT.read_text("utf-8"))
    assert report.shown() == report.markdown(kept)
    assert kept["minutes"] >= 60
    assert kept["holds"]
    assert [(part["part"], part["claim"]) for part in kept["parts"]] == [
        (part.name, part.claim) for part in command.parts()
    ]
