"""The proof's frame: cases that can be played again, findings that are told, and a page that shows what was counted."""

import io
import itertools
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


def test_a_slow_machine_gets_more_time_to_reach_the_floor_but_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A floor that is almost reached is reached; one that is far away is given up at three times the time."""

    def played(least: int) -> int:
        clock = itertools.count(1)
        monkeypatch.setattr("proof.work.time.monotonic", lambda: float(next(clock)))
        part = work(seconds=20, floor={"tries": least}, _began=0.0)
        for _ in part.cases():
            part.count("tries")
        return part.counts["tries"]

    without_floor, longest = played(0), played(10_000)
    assert 1 < without_floor < longest
    assert played(without_floor + 2) == without_floor + 2
    assert longest <= 3 * without_floor + 1


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
    [
        ["--part", "nothing"],
        ["--keep", "--part", "input", "--case", "3"],
        ["--case", "3"],
        ["--minutes", "x"],
        ["--minutes", "0"],
    ],
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


def test_a_part_that_tried_too_little_has_proved_nothing() -> None:
    """It says what is missing, by kind; what was found weighs more."""
    part = Part("order", "nothing", 1, {"cases": 3, "cuts": 2}, counts={"cases": 3, "cuts": 1}, has_ended=True)
    assert part.verdict == "too little"
    assert part.too_little == ["1 cuts, at least 2 are due"]
    part.counts["cuts"] = 2
    assert (part.verdict, part.too_little) == ("holds", [])
    part.counts["cuts"] = 1
    part.found.append({"what": "broken", "again": "again"})
    assert part.verdict == "broken"


@pytest.mark.parametrize(("counts", "code"), [({"cases": 2}, 0), ({"cases": 1}, 2), ({}, 2)])
def test_too_little_is_no_success(
    counts: dict[str, int], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is that of a part that could not run, and the report says what is missing."""
    part = Part("order", "nothing", 1, {"cases": 2})

    def ran(chosen: list[Part], *_: object) -> None:
        chosen[0].counts, chosen[0].has_ended = counts, True

    monkeypatch.setattr(command, "parts", lambda: [part])
    monkeypatch.setattr(command, "run", ran)
    monkeypatch.setattr("sys.argv", ["proof"])
    assert command.main() == code
    assert ("too little" in capsys.readouterr().out) == (code == 2)


def test_one_case_is_no_proof_and_needs_no_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who plays a case again wants to know about that case alone."""
    part = Part("order", "nothing", 1, {"cases": 2})

    def ran(chosen: list[Part], *_: object) -> None:
        chosen[0].counts, chosen[0].has_ended = {"cases": 1}, True

    monkeypatch.setattr(command, "parts", lambda: [part])
    monkeypatch.setattr(command, "run", ran)
    monkeypatch.setattr("sys.argv", ["proof", "--part", "order", "--case", "7"])
    assert command.main() == 0


def test_only_what_holds_is_written_down_and_only_its_own_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the date, the version and the seed; the page shows the same."""
    kept, page = tmp_path / "proof.json", tmp_path / "proof.md"
    kept.write_text(report.KEPT.read_text("utf-8"), "utf-8")
    page.write_text(report.PAGE.read_text("utf-8"), "utf-8")
    monkeypatch.setattr(report, "KEPT", kept)
    monkeypatch.setattr(report, "PAGE", page)
    before = {row["part"]: row for row in json.loads(kept.read_text("utf-8"))["parts"]}
    held = Part("input", "no effect", 1, counts={"forgeries": 5}, has_ended=True, took_s=1.4)
    report.keep([held], 11)
    after = {row["part"]: row for row in json.loads(kept.read_text("utf-8"))["parts"]}
    assert {name: row for name, row in after.items() if name != "input"} == {
        name: row for name, row in before.items() if name != "input"
    }
    row = after["input"]
    assert (row["counts"], row["seconds"], row["seed"], row["checks"]) == ({"forgeries": 5}, 1, 11, held.checks)
    assert row["version"]
    assert report.shown() == report.markdown(json.loads(kept.read_text("utf-8")))
    assert "| `input` | no effect | holds: 5 forgeries | 1 |" in page.read_text("utf-8")


def test_the_checks_of_a_part_are_its_code_and_what_stands_beside_it() -> None:
    """Another part's code is not among them."""
    digests = {part.checks for part in command.parts()}
    assert len(digests) == len(command.parts())
    plain, more = Part("input", "", 1), Part("input", "", 1, beside=("oracle",))
    assert plain.checks != more.checks
    for part in command.parts():
        for name in (part.name, *part.beside):
            assert (report.HERE / name).is_dir() or (report.HERE / f"{name}.py").is_file()


def test_the_page_shows_what_was_counted() -> None:
    """Word for word, of every part that there is."""
    kept = json.loads(report.KEPT.read_text("utf-8"))
    assert report.shown() == report.markdown(kept)
    assert [(row["part"], row["claim"]) for row in kept["parts"]] == [
        (part.name, part.claim) for part in command.parts()
    ]
    assert {row["verdict"] for row in kept["parts"]} == {"holds"}


@pytest.mark.parametrize("part", command.parts(), ids=lambda part: part.name)
def test_no_row_of_the_page_is_older_than_its_checks(part: Part) -> None:
    """Else measure it again: `make proof LONG=1 PART=… KEEP=1`."""
    kept = {row["part"]: row for row in json.loads(report.KEPT.read_text("utf-8"))["parts"]}
    assert kept[part.name]["checks"] == part.checks
    assert all(kept[part.name]["counts"][what] >= least for what, least in part.floor.items())
