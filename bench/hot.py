"""The hot path: what a delivery costs a process, as a multiple of the floor (`bench.floor`).

Each case is a delivery of a story, recorded once on a real engine with all that came before it. Then the function and
the floor are played in turns, in a process of the functions' own Python with what is deployed on its path, and the
recorded responses are answered inside it. What is compared is own CPU, in pairs of calls of one moment: the machine's
speed varies from second to second, and both calls of a pair have the same. Reported is the median of their ratios, with
its quartiles.

The verification of a signature is compared with stripe-python's, on a delivery that both accept or that we refuse.
"""

import contextlib
import importlib
import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import stripe

from bench import growth, layers, peers
from bench.deployed import deployed
from bench.floor import make_client, make_floor
from bench.growth import quiet
from bench.recorded import AT, Call, Items, Played, as_json, cpu_s, items_of, recording, request_of
from bench.report import Advance, Progress, Report, Row
from ledger.providers.registry import PROVIDERS
from ledger.providers.signatures import SignatureRejected
from tools import engines, signing
from tools.devserver.environment import REGION
from tools.local import make_table
from tools.orders import place_orders_of
from tools.stories import Notification, stories

WARM = "× the floor"
PLOTTED = (WARM, "from", "to")
WARM_BUDGET = 1.6
REFUSED = "× stripe-python"
REFUSED_BUDGET = {"missing": 0.25, "malformed": 0.25, "stale": 0.25, "wrong": 1.0}
COLD_BUDGET = 1.10
MEMORY_BUDGET = 1.15
_TITLE = f"Own CPU of a delivery, the engine answered inside the process; at most {WARM_BUDGET}"
_PAIRS, _VERIFICATIONS = 500, 20  # reading the clock takes as long as some of these
_ROUNDS_OF_PEER, _CALLS_OF_PEER = 30, 5
_COLD_STARTS = 25


@dataclass(frozen=True, slots=True)
class Case:
    """One delivery: the notification of a story, after those before it; and whether it was delivered before."""

    name: str
    story: str
    position: int
    is_again: bool = False


CASES = (
    Case("pack paid", "stripe_pack_bought", 0),
    Case("pack paid", "paddle_pack_bought", 0),
    Case("pack paid, again", "stripe_pack_bought", 0, is_again=True),
    Case("pack paid, again", "paddle_pack_bought", 0, is_again=True),
    Case("renewal", "stripe_subscription_three_months", 4),
    Case("renewal", "paddle_subscription_three_months", 3),
    Case("subscription changed", "stripe_renewal_failed", 2),
    Case("subscription changed", "paddle_subscription_canceled", 2),
    Case("subscription changed, again", "stripe_renewal_failed", 2, is_again=True),
    Case("refund", "stripe_partial_refunds", 1),
    Case("refund", "paddle_partial_refund", 1),
    Case("refund, again", "stripe_partial_refunds", 1, is_again=True),
    Case("dispute opened", "stripe_dispute_lost", 1),
    Case("dispute opened", "paddle_chargeback", 1),
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A case as it went over the wire."""

    case: Case
    notification: Notification
    calls: list[Call]
    table: str  # the responses name it
    before: Items
    after: Items

    @property
    def folder(self) -> str:
        """The function that receives it."""
        return self.notification.to.replace("-", "_")

    @property
    def request(self) -> dict[str, Any]:
        """API Gateway's event of it."""
        return request_of(self.notification)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of the API as it went over the wire."""

    folder: str
    request: dict[str, Any]
    calls: list[Call]
    table: str


API = {"read_account": growth.page_event, "record_usage": growth.draw_event}
"""The functions of the API whose cold start somebody waits for: the customer at his page, the tagging service."""


def run(_: object, progress: Progress) -> list[Report]:
    """Measure every case warm, refused signatures, and a cold start for each provider."""
    with engines.running("ministack") as endpoint:
        recorded = [record(case, endpoint) for case in CASES]
        asked = [ask(folder, recorded[0].table, endpoint) for folder in API]
    with tempfile.TemporaryDirectory() as scratch:
        try:
            built = layers.build(Path(scratch))
        except layers.NoPython as missing:
            return [Report("hot", _TITLE, exceeded=[str(missing)])]
        return [
            _warm(recorded, built, progress("warm", len(recorded))),
            _peers(recorded[0], progress("peers", _PAIRS + _ROUNDS_OF_PEER)),
            _refused(recorded[0], progress("refused", len(REFUSED_BUDGET) * _PAIRS)),
            *_processes(recorded, asked, built, progress("cold", 2 * (_COLD_STARTS * 2 + 1) * 2)),
        ]


def record(case: Case, endpoint: str) -> Recorded:
    """Deliver a case to a table of its own, and keep its calls with their responses."""
    story = next(one for one in stories() if one.name == case.story)
    # A case that is recorded again, or by another process on this engine, begins with an empty table too.
    table = f"bench-{case.story}-{uuid4().hex[:8]}".replace("_", "-")
    os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = endpoint
    make_table(table)
    with deployed(table, endpoint) as services, quiet():
        services.clock = lambda: AT
        place_orders_of(story.notifications, services.store)
        before = story.notifications[: case.position + case.is_again]
        for notification in before:
            _deliver(notification)
        notification = story.notifications[case.position]
        stored = items_of(table, endpoint)
        with recording(services.connection.client) as calls:
            response = _deliver(notification)
        if response["statusCode"] != 200:
            raise ValueError(f"{case.story} {case.position} was answered {response['statusCode']}")
    return Recorded(case, notification, calls, table, before=stored, after=items_of(table, endpoint))


def ask(folder: str, table: str, endpoint: str) -> Asked:
    """Let a function of the API answer over a table, in which the account has bought a pack. Keep its calls."""
    handler = importlib.import_module(f"functions.{folder}.app").lambda_handler
    request = API[folder]()
    with deployed(table, endpoint) as services, quiet():
        services.clock = lambda: AT
        with recording(services.connection.client) as calls:
            response = handler(request, None)
    if response["statusCode"] != 200:
        raise ValueError(f"{folder} answered {response['statusCode']}")
    return Asked(folder, request, calls, table)


def _deliver(notification: Notification) -> dict[str, Any]:
    folder = notification.to.replace("-", "_")
    handler = importlib.import_module(f"functions.{folder}.app").lambda_handler
    return dict(handler(request_of(notification), None))


def _warm(recorded: list[Recorded], built: layers.Built, advance: Advance) -> Report:
    report = Report("hot", _TITLE, plotted=PLOTTED)
    for one in recorded:
        measured = started(one, built, pairs=_PAIRS)
        ratios = _compared(measured["ours"], measured["floor"])
        advance(1)
        provider = one.notification.provider
        row: Row = {"delivery": one.case.name, "provider": provider, "calls": len(one.calls)}
        report.rows.append({**row, WARM: ratios.median, "from": ratios.low, "to": ratios.high})
        if ratios.median > WARM_BUDGET:
            report.exceeded.append(f"{one.case.name}, {provider}: {ratios.median:.2f} × the floor")
    return report


def _peers(one: Recorded, advance: Advance) -> Report:
    """Compare what others do for a pack that was paid with the floor, which makes one call."""
    report = Report("hot", "What others take for a pack that was paid, as a multiple of the same floor")
    with both(one) as (_, floor), peers.powertools(request_of(one.notification)) as (peer, sent):
        if peer()["statusCode"] != 200:
            raise ValueError("the peer refused the delivery")
        calls = len(sent)
        ratios = _ratios(peer, floor, advance)
    name = "Powertools idempotency, stripe-python, one item"
    report.rows.append({"peer": name, "calls": calls, WARM: ratios.median, "from": ratios.low, "to": ratios.high})
    ratios, calls = _dj_stripe(one)
    advance(_ROUNDS_OF_PEER)
    name = "dj-stripe, Django, SQLite in memory; its calls are to Stripe"
    report.rows.append({"peer": name, "calls": calls, WARM: ratios.median, "from": ratios.low, "to": ratios.high})
    return report


def _dj_stripe(one: Recorded) -> "tuple[Ratios, int]":
    """Compare dj-stripe with the floor in its own environment. Return the ratios, and its calls to Stripe."""
    given = {"request": one.request, "calls": as_json(one.calls), "is_floor": True}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({**given, "rounds": _ROUNDS_OF_PEER, "calls_each": _CALLS_OF_PEER}, file)
        file.flush()
        command = [str(engines.ROOT / ".venv-peers" / "bin" / "python"), "-m", "bench.dj_stripe", file.name]
        done = subprocess.run(command, cwd=engines.ROOT, check=True, capture_output=True, text=True)  # noqa: S603 - ours
    said = json.loads(done.stdout)
    return _compared(said["peer"], said["floor"]), round(said["retrieved"])


@contextlib.contextmanager
def both(one: Recorded) -> Iterator[tuple[Callable[[], Any], Callable[[], Any]]]:
    """Yield our function and the floor, each as a call that handles the delivery from its first response on."""
    endpoint, request = "http://127.0.0.1:9", request_of(one.notification)
    with deployed(one.table, endpoint, log_level="INFO", is_measured=True) as services, quiet():
        services.clock = lambda: AT
        handler = importlib.import_module(f"functions.{one.folder}.app").lambda_handler
        engine = Played(services.connection.client, one.calls)
        client = make_client(REGION, endpoint)
        engine_of_floor = Played(client, one.calls)
        sent = [(call.operation, call.sent) for call in one.calls]
        handle = make_floor(client, signing.LOCAL_SECRETS[one.notification.provider], sent)

        def ours() -> Any:
            engine.begin()
            return handler(request, None)

        def floor() -> Any:
            engine_of_floor.begin()
            return handle(request)

        if {call()["statusCode"] for call in (ours, floor)} != {200}:
            raise ValueError(f"{one.case.name} was refused")
        yield ours, floor


class Ratios(NamedTuple):
    """How many times the floor something costs."""

    median: float
    low: float  # a quarter of the pairs has a smaller ratio
    high: float  # a quarter has a larger one


def _compared(ours: list[float], floor: list[float]) -> Ratios:
    low, median, high = statistics.quantiles([one / other for one, other in zip(ours, floor, strict=True)], n=4)
    return Ratios(median, low, high)


def _ratios(ours: Callable[[], Any], floor: Callable[[], Any], advance: Advance, calls: int = 1) -> Ratios:
    """Compare two calls, in turns, so that whatever slows the machine slows both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(_PAIRS):
        for call, measured in zip((ours, floor), times, strict=True):
            measured.append(cpu_s(call, calls))
        advance(1)
    return _compared(*times)


def _refused(one: Recorded, advance: Advance) -> Report:
    """Compare our verification of what is refused with stripe-python's of the delivery as it should be."""
    report = Report("hot", "Own CPU of a verification that refuses; at most 0.25, of a wrong signature 1")
    body, secret, now = one.notification.body, signing.LOCAL_SECRETS["stripe"], AT.timestamp()
    header = request_of(one.notification)["headers"]["stripe-signature"]
    stale = signing.headers("stripe", body, secret, now - 3600)
    refused = {
        "missing": {},
        "malformed": {"stripe-signature": "v1"},
        "stale": {"stripe-signature": stale["Stripe-Signature"]},
        "wrong": {"stripe-signature": request_of(one.notification, "whsec_another")["headers"]["stripe-signature"]},
    }
    text = body.decode()
    for name, headers in refused.items():

        def ours(headers: dict[str, str] = headers) -> bool:
            try:
                PROVIDERS["stripe"].verify(body, headers, (secret,), now)
            except SignatureRejected:
                return True
            return False

        if not ours():
            raise ValueError(f"a {name} signature was accepted")
        ratios = _ratios(
            ours,
            lambda: stripe.WebhookSignature.verify_header(text, header, secret, tolerance=None),
            advance,
            _VERIFICATIONS,
        )
        report.rows.append({"signature": name, REFUSED: ratios.median, "from": ratios.low, "to": ratios.high})
        if ratios.median > REFUSED_BUDGET[name]:
            report.exceeded.append(f"a {name} signature: {ratios.median:.2f} × stripe-python's verification")
    return report


def _processes(recorded: list[Recorded], asked: list[Asked], built: layers.Built, advance: Advance) -> list[Report]:
    """Compare whole processes with what is deployed on their path: from the start to the first answer, and memory."""
    cold = Report("hot", f"A process from its start to its first answer; at most {COLD_BUDGET}", plotted=PLOTTED)
    api = Report("hot", "The same of a function of the API, whose floor checks no signature", plotted=PLOTTED)
    memory = Report("hot", f"Memory of a process; at most {MEMORY_BUDGET}")
    for one in recorded[:2]:
        ratio = _cold({"provider": one.notification.provider}, one, built, cold, advance)
        if ratio > COLD_BUDGET:
            cold.exceeded.append(f"cold start, {one.notification.provider}: {ratio:.2f} × the floor")
        _memory(one, built, memory, advance)
    for request in asked:
        _cold({"function": request.folder}, request, built, api, advance)
    return [cold, api, memory]


def _cold(what: Row, one: Recorded | Asked, built: layers.Built, report: Report, advance: Advance) -> float:
    """Add a row about cold starts. Return how many times the floor one takes."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(_COLD_STARTS):
        starts = [started(one, built, is_floor=is_floor) for is_floor in (False, True)]
        for start, measured in zip(starts, times, strict=True):
            measured.append(start["cpu_s"])
        advance(2)
    ratios = _compared(*times)
    row: Row = {**what, WARM: ratios.median, "from": ratios.low, "to": ratios.high}
    ours, floor = (len(start["modules"]) for start in starts)
    report.rows.append({**row, "modules": ours, "the floor's": floor})
    return ratios.median


def _memory(one: Recorded, built: layers.Built, report: Report, advance: Advance) -> None:
    ours, floor = (started(one, built, is_floor=is_floor, times=1000) for is_floor in (False, True))
    advance(2)
    for after, name in ((1, "resident_first"), (1000, "resident_last")):
        ratio, provider = ours[name] / floor[name], one.notification.provider
        report.rows.append({"provider": provider, "deliveries": after, WARM: ratio, "MB": ours[name] / 1e6})
        if ratio > MEMORY_BUDGET:
            report.exceeded.append(f"memory after {after} deliveries, {provider}: {ratio:.2f} × the floor's")


def started(one: Recorded | Asked, built: layers.Built, *, is_floor: bool = False, **how: int) -> dict[str, Any]:
    """Start a process of `bench.cold` that answers a request. Return what it measured.

    It answers `times` times, or in turns with the floor as many `pairs`.
    """
    content = {
        "calls": as_json(one.calls),
        "request": one.request,
        "folder": one.folder,
        "table": one.table,
        "is_floor": is_floor,
        **how,
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(content, file)
        file.flush()
        return built.run(Path(file.name), is_floor=is_floor)
