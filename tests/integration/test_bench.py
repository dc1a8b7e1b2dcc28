"""The benchmark in a size that takes seconds: its counts are as the access patterns say. Times are not judged."""

import contextlib
import io
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from bench import __main__ as command
from bench import cost, dj_stripe, growth, history, hot, jobs, layers, peers, support, throughput
from bench.histories import history as history_of
from bench.recorded import request_of
from bench.units import size_of
from ledger.dynamodb import keys
from ledger.dynamodb.items import from_account
from ledger.usecases import transaction
from tools import engines
from tools.devserver.patience import PATIENCE_S
from tools.signing import LOCAL_SECRETS
from tools.stories import stories
from tools.testing.fakes import MAX_ITEM_BYTES
from tools.verify import World, check

DUE, RENEWALS = 3, 24
OPTIONS = jobs.Options(items=1, small=1, due=1, renewals=0, engine="ministack", minutes=1)


@contextlib.contextmanager
def environment_restored() -> Iterator[None]:
    """Restore the environment: the functions that are measured are set up by it."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    with environment_restored():
        yield


@pytest.fixture(autouse=True)
def _engine(ministack: str, patient: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - it has its effect
    """The engine of all tests, for whoever would start one of their own."""
    monkeypatch.setattr(engines, "running", lambda _: contextlib.nullcontext(ministack))


@pytest.fixture(scope="module")
def reports(ministack: str, few_shards: None) -> dict[str, Any]:  # noqa: ARG001 - it has its effect
    """What the command prints for machines, by part."""
    size = ["--items", "400", "--small", "60", "--due", str(DUE), "--renewals", str(RENEWALS)]
    printed = io.StringIO()
    with environment_restored(), pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr("sys.argv", ["bench", "--part", "jobs", *size, "--json"])
        patch.setattr(engines, "running", lambda _: contextlib.nullcontext(ministack))
        patch.setattr(transaction, "PATIENCE_S", PATIENCE_S)
        assert command.main() == 0, printed.getvalue()
    return {report["part"]: report for report in json.loads(printed.getvalue())}


def totals(row: dict[str, Any]) -> dict[str, float]:
    """The counts of a whole round."""
    counted = ("calls each", "items read each", "items written each")
    return {name.removesuffix(" each"): round(row[name] * row["done"]) for name in counted}


def test_a_round_costs_the_same_whatever_is_stored(reports: dict[str, Any]) -> None:
    """Not one call and not one item more over the larger table, but for a race: credit notes are numbered without a
    gap, and who loses a number to another worker of the round reads again.
    """
    rows = reports["jobs"]["rows"]
    assert reports["jobs"]["exceeded"] == []
    for small, large in zip(rows[::2], rows[1::2], strict=True):
        assert small["job"] == large["job"]
        assert small["items"] < large["items"]
        assert small["done"] == large["done"]
        (calls, *counted), (more, *others) = totals(small).values(), totals(large).values()
        assert counted == others
        assert abs(calls - more) <= (DUE if small["job"] == "follow_cases" else 0)


def test_a_round_reads_what_it_acts_on_and_little_else(reports: dict[str, Any]) -> None:
    """The shards of its indexes or its list, its cursor, and what each thing that it does takes."""
    by_job = {row["job"]: (row["done"], totals(row)) for row in reports["jobs"]["rows"]}
    shards, cursor, refunds_and_stops = keys.SHARDS, 2, 2 * DUE
    assert by_job["expire_credits"] == (
        DUE,
        {"calls": cursor + shards + 2 * DUE, "items read": 1 + 2 * DUE, "items written": 1 + 3 * DUE},
    )
    done, sent = by_job["send_refunds"]
    assert (done, sent["items written"]) == (refunds_and_stops, 21)
    done, decided = by_job["decide_waiting"]
    # One of a decision's lists the mail. A refund that has succeeded leaves the queue in the same round.
    assert (done, decided["items written"]) == (DUE, 7 * DUE + DUE)
    assert by_job["release_parked"][0] == DUE
    assert by_job["release_parked"][1]["items written"] == 1  # its cursor: what stays parked costs no write
    # Sent before, sent now, approved now; and the contract of each is looked at for its other payments.
    assert by_job["follow_cases"][0] == 6 * DUE


def test_a_day_of_renewals_is_done_by_its_hourly_rounds(reports: dict[str, Any]) -> None:
    """Each account once."""
    *_, day = reports["renewals"]["rows"]
    assert day["done"] == RENEWALS
    assert reports["renewals"]["exceeded"] == []


@pytest.mark.parametrize("kind", ["packs", "periods"])
def test_an_account_with_3000_open_lots_has_room_is_drawn_from_and_shown(kind: str) -> None:
    """The functions themselves, over an engine that is answered inside the process."""
    item = growth.account_item(kind, 3_000)
    assert size_of(item) < MAX_ITEM_BYTES
    with growth.invoked("record_usage", growth.draw_event()) as (engine, invoke):
        engine.hold(item)
        drawn = json.loads(invoke())
    with growth.invoked("read_account", growth.page_event()) as (engine, invoke):
        engine.hold(item)
        page = json.loads(json.loads(invoke())["body"])
    assert (drawn["statusCode"], json.loads(drawn["body"])["credits"]) == (200, 1)
    assert (page["balance"], page["spendable"], len(page["lots"])) == (3_000_000, 3_000_000, 3_000)
    assert [lot["lot_id"] for lot in page["lots"]] == [lot.lot_id for lot in from_account(item).lots_in_draw_order]


def test_a_long_history_costs_no_call_and_no_item_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A delivery, a draw, and each page that is full already."""
    monkeypatch.setattr(history, "_ROUNDS", 1)
    (report,) = history.run(OPTIONS, lambda *_: lambda _: None, (60, 180))
    counts = [
        {name: value for name, value in row.items() if name not in {"runs", history.RATIO}} for row in report.rows
    ]
    assert counts[::2] == counts[1::2]
    assert {row["call"]: row["round trips"] for row in report.rows} == {
        "pack paid": 1,
        "refund": 3,
        "draw": 2,
        "account": 1,
        "statement": 1,
        "purchases": 4,
        "timeline": 8,
    }
    longer = {**report.rows[1], history.RATIO: 1.2, "round trips": 2}
    assert history.exceeded([report.rows[0], longer]) == [
        "pack paid, 180 runs: 2 round trips instead of 1",
        "pack paid, 180 runs: 1.20 × the shortest history, at most 1.1 are due",
    ]


def test_a_page_of_support_costs_no_call_and_no_item_more_of_a_larger_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once its rows are there. But of each shard of parked events and payments a page of its own is read."""
    monkeypatch.setattr(support, "_ROWS", {"limit": "2"})
    sizes = (support.Size(4, 130), support.Size(6, 190))
    (report,) = support.run(OPTIONS, lambda *_: lambda _: None, sizes, rounds=0)
    rows = {row["page"]: row for row in report.rows}
    assert {page: row["trips"] for page, row in rows.items()} == {
        "review queue": 3,
        "decided cases": 2,
        "open disputes": 2,
        "suspended accounts": 2,
        "parked events": 1 + 2 * keys.SHARDS,
        "parked event": 4,
        "case": 9,
        "account": 7,
        "timeline": 9,
        "purchases": 4,
        "evidence": 8,
        "why: account": 20,
        "why: payment": 20,
        "why: run": 23,
        "why: event": 20,
        "search: account": 5,
        "search: address": 4,
        "search: invoice": 5,
        "search: run": 5,
        "search: day, amount": 9,
    }
    for page, row in rows.items():
        assert row["trips, large"] == row["trips"], page
        more = 2 if page in {"parked events", "search: day, amount"} else 0  # of the larger table
        assert row["items, large"] == row["items"] + more, page
        assert row["units, large"] <= row["units"] + 1, page  # by the sizes of the rows that a page has
    slower = {**report.rows[0], "CPU ×": 1.6, "trips, large": 9}
    assert support.exceeded(slower) == [
        "review queue: 9 trips instead of 3",
        "review queue: 1.60 × the small table's CPU, at most 1.5 are due",
    ]


def test_what_the_pages_of_support_are_measured_over_breaks_no_invariant() -> None:
    """It is what the use-cases store."""
    world, (_, items) = World(), support.an_account(20)
    for item in items + [item for kind in support.LISTS for number in range(3) for item in history_of(kind, number)]:
        world.add(item)
    assert [finding for finding in check(world) if finding.broken] == []


CALLS = {  # docs/access-patterns.md
    "pack paid": {1},
    "pack paid, again": {1},
    "renewal": {1},
    "subscription changed": {2, 4},
    "subscription changed, again": {1},
    "refund": {3},
    "refund, again": {1},
    "dispute opened": {3},
}


@pytest.mark.parametrize("case", hot.CASES, ids=lambda case: f"{case.name}, {case.story}")
def test_a_recorded_delivery_makes_the_calls_of_the_access_patterns(case: hot.Case, ministack: str) -> None:
    """The function and the floor both handle it, over the responses that were recorded, and make no other call."""
    recorded = hot.record(case, ministack)
    assert len(recorded.calls) in CALLS[case.name]
    writes = [call.operation for call in recorded.calls if call.operation not in {"GetItem", "BatchGetItem"}]
    assert len(writes) == (0 if case.is_again and case.name != "pack paid, again" else 1)
    with hot.both(recorded) as (ours, floor):
        assert {call()["statusCode"] for _ in range(2) for call in (ours, floor)} == {200}


def test_a_cold_function_imports_no_more_than_it_did(ministack: str) -> None:
    """A module more is milliseconds more of each cold start: raise the number with its reason."""
    recorded = hot.record(hot.CASES[0], ministack)
    assert len(imported_beside_the_floor(recorded)) <= 137  # the port of documents names every kind
    in_turns = hot.started(recorded, layers.as_it_is(), pairs=2)
    assert {name: len(times) for name, times in in_turns.items() if name != "log_bytes"} == {"ours": 2, "floor": 2}


@pytest.mark.parametrize(("folder", "most", "calls"), [("read_account", 392, 1), ("record_usage", 367, 2)])
def test_a_cold_function_of_the_api_imports_no_more_than_it_did(
    ministack: str, folder: str, most: int, calls: int
) -> None:
    """And its floor makes the same calls."""
    table = hot.record(hot.CASES[0], ministack).table
    asked = hot.ask(folder, table, ministack)
    assert len(asked.calls) == calls
    assert len(imported_beside_the_floor(asked)) <= most


def imported_beside_the_floor(one: hot.Recorded | hot.Asked) -> set[str]:
    """What a start imports and its floor does not: of their own library, Pythons load more or less for both."""
    ours, floor = (hot.started(one, layers.as_it_is(), is_floor=is_floor) for is_floor in (False, True))
    assert min(ours["cpu_s"], floor["cpu_s"]) > 0
    return {*ours["modules"]} - {*floor["modules"]}


def test_grants_go_through_as_the_calls_that_they_make() -> None:
    """One call each, whether they come one by one or at once."""
    (report,) = throughput.run(OPTIONS, lambda *_: lambda _: None, grants=4)
    assert [(row["threads"], row["calls each"]) for row in report.rows] == [(1, 1.0), (8, 1.0)]
    assert all(row["grants a second"] > 0 < row["the engine's"] for row in report.rows)


def test_a_delivery_costs_the_units_that_it_writes(ministack: str) -> None:
    """A first grant: ten write units, and one for the row of the purchase in its index. The same again: as many."""
    prices = cost.Prices.read()
    for case in (hot.CASES[0], hot.CASES[2]):
        recorded = hot.record(case, ministack)
        units = cost.units_of(recorded.calls, recorded.before, recorded.after)
        assert units == (cost.Units(11, 0) if not case.is_again else cost.Units(10, 0))
        assert units.price(prices) == units.writes * prices.per_million["write_unit"]


def test_the_mix_is_whole_and_each_case_is_of_a_kind() -> None:
    """Otherwise the sum would say less than a million deliveries cost."""
    assert sum(cost.MIX.values()) == 1
    assert {cost.KINDS[case.name] for case in hot.CASES} == cost.MIX.keys()


def test_a_peer_is_sent_new_events_that_it_accepts() -> None:
    """A known event is left alone, which would be no work."""
    (notification, *_) = next(story for story in stories() if story.name == "stripe_pack_bought").notifications
    sent = [dj_stripe.signed(notification.body.decode(), number) for number in range(2)]
    events = [stripe.Webhook.construct_event(body, signature, LOCAL_SECRETS["stripe"]) for body, signature in sent]
    assert len({event.id for event in events}) == 2
    assert events[0].data.object == events[1].data.object


def test_a_peer_makes_the_calls_that_its_documentation_says(ministack: str) -> None:
    """A record before the work, the work, and the record again."""
    request = request_of(hot.record(hot.CASES[0], ministack).notification)
    with peers.powertools(request) as (peer, sent):
        assert peer() == {"statusCode": 200, "body": "{}"}
    assert sent == ["PutItem", "PutItem", "UpdateItem"]
