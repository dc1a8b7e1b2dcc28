"""The benchmark under Lambda's own runtime, in a size that takes seconds: its counts. Times are not judged."""

import os
from collections.abc import Iterator

import pytest

from bench import emulator, hot
from bench.report import Report

pytestmark = pytest.mark.runtime

CASES = (hot.CASES[0], hot.CASES[1], hot.CASES[2], hot.CASES[10])
SHORT = emulator.Size(cases=CASES, rounds=2, invocations=2, starts=2, many=20)


@pytest.fixture(scope="module")
def reports() -> Iterator[list[Report]]:
    """Warm, cold and memory; ours, the floor and the function that does nothing all answered as they must."""
    before = dict(os.environ)
    yield emulator.run(None, lambda *_: lambda _: None, SHORT)
    os.environ.clear()
    os.environ.update(before)


def test_a_built_function_makes_the_calls_of_the_access_patterns(reports: list[Report]) -> None:
    """As many as the floor, which is measured beside it; none for a signature that is not accepted."""
    assert [(row["delivery"], row["provider"], row["calls"]) for row in reports[0].rows] == [
        ("pack paid", "stripe", 1),
        ("pack paid", "paddle", 1),
        ("pack paid, again", "stripe", 1),
        ("refund", "paddle", 3),
        ("signature of another", "stripe", 0),
        ("signature of another", "paddle", 0),
    ]


def test_cold_starts_and_memory_are_of_webhooks_and_of_the_api(reports: list[Report]) -> None:
    """The process's own clock and its peak are read from outside: both are there, and the floor's beside them."""
    _, cold, memory = reports
    assert [(row["function"], row["provider"]) for row in cold.rows] == [
        ("payment_succeeded", "stripe"),
        ("payment_succeeded", "paddle"),
        ("read_account", ""),
        ("record_usage", ""),
    ]
    assert all(0 < row["empty CPU"] < row[emulator.CPU] for row in cold.rows)
    assert [(row["provider"], row["invocations"]) for row in memory.rows] == [
        ("stripe", 1),
        ("stripe", 20),
        ("paddle", 1),
        ("paddle", 20),
    ]
    assert all(row["empty, MB"] < row["floor, MB"] for row in memory.rows)
