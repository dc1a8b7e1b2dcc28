"""What the benchmark says of its rows, and how its command ends."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from bench import __main__ as command
from bench.report import Report, grown, put_on_page, written
from tools.engines import EngineError
from tools.testing.architecture import imported_modules

ROOT = Path(__file__).parents[3]


def test_only_what_grows_beyond_the_budget_is_reported() -> None:
    """Of each key, the last row against the first one. What shrinks is no finding."""
    rows = [
        {"job": "a", "calls": 1.0, "reads": 2.0},
        {"job": "b", "calls": 1.0, "reads": 2.0},
        {"job": "a", "calls": 1.1, "reads": 2.3},
        {"job": "b", "calls": 0.5, "reads": 2.0},
        {"job": "only once", "calls": 9.0, "reads": 9.0},
    ]
    assert grown(rows, ("job",), ("calls", "reads"), 1.1) == ["a: reads 2.00 became 2.30"]


def test_a_number_is_written_for_a_person() -> None:
    """Whole numbers by thousands, others with two digits."""
    assert [written(1234567), written(1.005), written("name")] == ["1,234,567", "1.00", "name"]


@pytest.mark.parametrize(("exceeded", "code"), [([], 0), (["a: calls 1 became 2"], 1)])
def test_the_command_ends_with_1_if_something_exceeds_its_budget(
    exceeded: list[str], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And prints the rows, for machines too."""
    report = Report("jobs", "Rounds", [{"job": "a", "calls": 1.0}], exceeded)
    monkeypatch.setitem(command.RUN, "jobs", lambda *_: [report])
    monkeypatch.setattr("sys.argv", ["bench", "--part", "jobs", "--json"])
    assert command.main() == code
    assert json.loads(capsys.readouterr().out) == [report.as_json()]
    monkeypatch.setattr("sys.argv", ["bench", "--part", "jobs"])
    assert command.main() == code
    printed = capsys.readouterr().out
    assert "Rounds" in printed
    assert all(line in printed for line in exceeded)


def test_the_command_ends_with_2_if_the_engine_cannot_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what to install."""

    def run(*_: object) -> list[Report]:
        raise EngineError("Java is not installed.")

    monkeypatch.setitem(command.RUN, "jobs", run)
    monkeypatch.setattr("sys.argv", ["bench", "--part", "jobs"])
    assert command.main() == 2
    assert capsys.readouterr().err == "Java is not installed.\n"


def test_make_passes_its_variables_to_the_command() -> None:
    """`make --dry-run` shows what it would run; set-up counts as done, also where it is not."""
    typed = ["PART=jobs", "ENGINE=dynamodb-local", "ITEMS=1000000", "DUE=9", "RENEWALS=5", "MINUTES=3", "FORMAT=json"]
    names = {variable.partition("=")[0] for variable in typed} | {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    set_up = re.findall(r"\.venv[-\w]*/\.installed", (ROOT / "Makefile").read_text("utf-8"))
    done = [f"--old-file={file}" for file in sorted(set(set_up))]
    ran = subprocess.run(  # noqa: S603 - ours
        ["make", "--dry-run", "--silent", *done, "bench", *typed],  # noqa: S607
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in names},
        capture_output=True,
        text=True,
        timeout=60,
    )
    path, *command = shlex.split(ran.stdout.replace("\\\n", " "))
    assert path.startswith("PATH=")  # the functions' own Python is on it, if there is one
    assert command == [
        *(".venv/bin/python", "-m", "bench", "--part", "jobs", "--engine", "dynamodb-local", "--items", "1000000"),
        *("--due", "9", "--renewals", "5", "--minutes", "3", "--json"),
    ]


def test_the_benchmark_imports_no_test() -> None:
    """It is run without them."""
    for path in (ROOT / "bench").glob("*.py"):
        modules = [word.text for word in imported_modules(path.read_text("utf-8"))]
        assert not [module for module in modules if module.startswith("tests")], path


def test_a_report_takes_the_place_of_the_one_before_it_on_a_page(tmp_path: Path) -> None:
    """Between the marks of its part, and nothing else changes; a page without them is refused."""
    page = tmp_path / "page.md"
    page.write_text(
        "Before\n<!-- measured: hot -->\nold\n<!-- end of hot -->\n<!-- measured: cost -->\n$9\n<!-- end of cost -->\n",
        "utf-8",
    )
    put_on_page(page, [Report("hot", "Own CPU", [{"delivery": "refund", "calls": 3, "× the floor": 1.5}])], "Today.")
    assert page.read_text("utf-8").splitlines() == [
        "Before",
        "<!-- measured: hot -->",
        "Today.",
        "",
        "**Own CPU**",
        "",
        "| delivery | calls | × the floor |",
        "| --- | ---: | ---: |",
        "| refund | 3 | 1.50 |",
        "<!-- end of hot -->",
        "<!-- measured: cost -->",
        "$9",
        "<!-- end of cost -->",
    ]
    with pytest.raises(ValueError, match="has no place"):
        put_on_page(page, [Report("growth", "Lots")], "Today.")


def test_each_part_of_the_page_has_its_place() -> None:
    """`PAGE=1` writes all of them."""
    text = command.PAGE.read_text("utf-8")
    assert {part for part in command.PARTS if f"<!-- measured: {part} -->" in text} == command.ON_PAGE


def test_a_plot_shows_each_ratio_between_its_quartiles() -> None:
    """On one scale from zero to the largest, also where the ratio itself lies beside the quartiles."""
    rows = [
        {"delivery": "pack", "provider": "stripe", "calls": 1, "×": 1.5, "from": 1.0, "to": 2.0},
        {"delivery": "refund", "provider": "paddle", "calls": 3, "×": 0.5, "from": 1.0, "to": 1.0},
    ]
    report = Report("hot", "Own CPU", rows, plotted=("×", "from", "to"))
    assert report.plot() == [
        "pack stripe   " + " " * 30 + "├" + "─" * 14 + "●" + "─" * 14 + "┤",
        "refund paddle " + " " * 15 + "●" + " " * 14 + "┤",
        " " * 14 + "0" + "2.00".rjust(60),
    ]
    assert report.markdown().splitlines()[-5:] == ["```text", *report.plot(), "```"]
    assert Report("hot", "Own CPU", rows).plot() == []
