"""The pages of support over a small and a large table: what each costs with ten of everything, and with thousands.

    10 cases in review, 10 declined, 10 open disputes, 10 parked events, an account with 10 entries
    10,000 of each, and an account with 20,000 entries

All that is stored was written by the use-cases that write it in production. Each page is asked for ten rows, which both
tables can fill, or has a bound of its own, by the whole function on a local engine that has both tables. They answer
in turns, so that whatever slows the machine slows both: compared is each round by itself, and the median of the rounds
is reported with its quartiles. The wall has the engine's own time in it, CPU is the function's alone.
"""

import importlib
import json
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from bench import growth, table
from bench.deployed import deployed
from bench.growth import quiet
from bench.histories import NOW, Kind, fact_event
from bench.history import counts_of
from bench.recorded import recording
from bench.report import Progress, Report, Row
from bench.table import indexed
from ledger.domain.contacts import Contact
from ledger.domain.facts import EvidenceState
from ledger.domain.ids import AccountId, PaymentId
from ledger.dynamodb.items import Item
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import contact_key
from ledger.runtime import Runtime
from ledger.usecases.usage import draw_credits, fail_run
from tools import engines
from tools.testing.builders import dispute, paid, payment, record_events, refund_claim, request_refund
from tools.testing.fakes import FakeStore
from tools.testing.stored_items import items_of


@dataclass(frozen=True, slots=True)
class Size:
    """How much a table has."""

    cases: int  # and as many disputes, suspended accounts, decided cases and parked events
    entries: int  # of one account


SIZES = (Size(10, 10), Size(10_000, 20_000))
FLAT = 1.5
"""How many times the CPU of a page of the small table the same page of the large one may take: it has more rows."""
MORE_TRIPS = 5
"""How many more calls: an old id's entries are not among the newest."""
LISTS = (Kind.WAITING, Kind.DECLINED, Kind.SUSPENDED, Kind.PARKED)
ACCOUNT, EMAIL, INVOICE = AccountId("acct_long"), "long@example.com", "INV-LONG-1"
PAYMENT = PaymentId("stripe:pi_long")
_FAILED = 2
_ROWS = {"limit": "10"}
_ROUNDS = 21
_EVERY = timedelta(minutes=20)

Request = tuple[str, dict[str, Any]]
"""The folder of a function, and its event."""


def run(options: Any, progress: Progress, sizes: tuple[Size, Size] = SIZES, rounds: int = _ROUNDS) -> list[Report]:
    """Measure each page over a table of either size, its times in so many rounds. 0: only what is counted."""
    small, large = sizes
    title = (
        f"A page of support: {small.cases:,} cases and {small.entries:,} entries, then {large.cases:,} and "
        f"{large.entries:,}; own CPU at most {FLAT} times"
    )
    report, name = Report("support", title), f"bench-support-{uuid4().hex[:8]}"
    with engines.running(options.engine) as endpoint:
        names = [f"{name}-{number}" for number, _ in enumerate(sizes)]
        cases = [_filled(one, endpoint, size, progress) for one, size in zip(names, sizes, strict=True)]
        with deployed(names[0], endpoint) as services, quiet():
            services.clock = lambda: NOW
            stores = [DynamoDBStore(one, services.connection) for one in names]
            asked = [requests(case_id) for case_id in cases]
            advance = progress("pages", len(asked[0]))
            for page in asked[0]:
                report.rows.append(_measured(page, [one[page] for one in asked], stores, services, rounds))
                report.exceeded += exceeded(report.rows[-1])
                advance(1)
    return [report]


def exceeded(row: Row) -> list[str]:
    """Return what of a page costs more over the large table."""
    found = []
    if row["trips, large"] > row["trips"] + MORE_TRIPS:
        found.append(f"{row['page']}: {row['trips, large']} trips instead of {row['trips']}")
    if row.get("CPU ×", 0) > FLAT:
        found.append(f"{row['page']}: {row['CPU ×']:.2f} × the small table's CPU, at most {FLAT} are due")
    return found


def an_account(entries: int) -> tuple[str, list[Item]]:
    """Return an account with so many entries: one pack, runs, two of which failed, a case, and then a dispute.

    The first element is the case's id.
    """
    store, runs = FakeStore(), entries - 2 - _FAILED
    bought = replace(
        payment(PAYMENT, account_id=ACCOUNT, credits_=1_000_000),
        at=NOW - timedelta(days=300),
        invoice_number=INVOICE,
    )
    record_events(store, paid(bought, event_id="evt_long", customer="cus_long"), now=bought.at)
    contact = Contact(account_id=ACCOUNT, email=EMAIL, language="en", noted_at=bought.at)
    store.commit(Commit(documents=(DocumentChange(contact_key(ACCOUNT), contact, None),)))
    for number in range(runs):
        at = NOW - timedelta(hours=2) - _EVERY * (runs - number)
        draw_credits(ACCOUNT, f"run_{number}", 1, store, now=at)
        if number < _FAILED:
            fail_run(ACCOUNT, f"run_{number}", store, now=at + timedelta(minutes=1), error="out of memory")
    claim = refund_claim(payment_id=PAYMENT, account_id=ACCOUNT)
    case = request_refund(store, claim, minute=(NOW - timedelta(hours=1) - bought.at) / timedelta(minutes=1))
    opened = replace(dispute(dispute_id="dp_long"), opened_at=NOW, at=NOW, evidence=EvidenceState.NONE)
    opened = replace(opened, evidence_due_at=NOW + timedelta(days=7))
    record_events(store, fact_event(opened, PAYMENT, "evt_dispute_long"), now=NOW)
    return case.case_id, items_of(store)


def requests(case_id: str) -> Mapping[str, Request]:
    """Return the pages of support by their names."""
    account = f"/support/accounts/{ACCOUNT}"
    beside = {"account_id": str(ACCOUNT)}
    # The first parked customer of either table.
    parked = quote("stripe:cus_parked_0~evt_parked_0", safe="")
    paths: dict[str, tuple[str, str, dict[str, str]]] = {
        "review queue": ("review_cases", "/support/refund-cases", _ROWS),
        "decided cases": ("review_cases", "/support/decided-cases", _ROWS),
        "open disputes": ("review_cases", "/support/disputes", _ROWS),
        "suspended accounts": ("review_cases", "/support/suspended-accounts", _ROWS),
        "parked events": ("review_parked", "/support/parked", _ROWS),
        "parked event": ("review_parked", f"/support/parked/{parked}", {}),
        "case": ("review_cases", f"/support/refund-cases/{case_id}", {}),
        "account": ("find_accounts", account, {}),
        "timeline": ("find_accounts", f"{account}/timeline", _ROWS),
        "purchases": ("review_cases", f"{account}/purchases", _ROWS),
        "evidence": ("review_cases", f"{account}/disputes", {}),
        "why: account": ("find_accounts", f"/support/why/{ACCOUNT}", {}),
        "why: payment": ("find_accounts", f"/support/why/{quote(PAYMENT, safe='')}", {}),
        "why: run": ("find_accounts", "/support/why/run_0", beside),
        "why: event": ("find_accounts", f"/support/why/{quote('stripe:evt_long', safe='')}", beside),
        "search: account": ("find_accounts", "/support/search", {"q": str(ACCOUNT)}),
        "search: address": ("find_accounts", "/support/search", {"q": EMAIL}),
        "search: invoice": ("find_accounts", "/support/search", {"q": INVOICE}),
        "search: run": ("find_accounts", "/support/search", {"q": "run_0"}),
        "search: day, amount": (
            "find_accounts",
            "/support/search",
            {"paid_on": f"{NOW - timedelta(days=30):%Y-%m-%d}", "amount_minor": "2000", "currency": "USD", **_ROWS},
        ),
    }
    support = {"jwt": {"claims": {"sub": "staff_sue", "cognito:groups": "[billing-support]"}, "scopes": []}}
    return {
        page: (folder, growth.event("GET", path, support, query=query)) for page, (folder, path, query) in paths.items()
    }


def _filled(name: str, endpoint: str, size: Size, progress: Progress) -> str:
    """Make a table of a size. Return the id of the case of the account with many entries."""
    filled = table.made(name, endpoint, is_indexed=True)
    for kind in LISTS:
        filled.fill(kind, 0, size.cases, progress(f"{size.cases:,} {kind}", size.cases))
    case_id, items = an_account(size.entries)
    table.write(name, endpoint, indexed(items))
    return case_id


def _measured(page: str, asked: list[Request], stores: list[DynamoDBStore], services: Runtime, rounds: int) -> Row:
    """Return the row of a page: what each of the two tables took, and the second as a multiple of the first."""
    counted = [_recorded(page, one, store, services) for one, store in zip(asked, stores, strict=True)]
    (small, small_bytes), (large, large_bytes) = counted
    cpu, wall = [], []
    for number in range(rounds):
        times: list[tuple[float, float]] = [(0, 0)] * 2
        for which in (0, 1) if number % 2 else (1, 0):
            services.store = stores[which]
            times[which] = _times(asked[which])
        cpu.append(times[1][0] / times[0][0])
        wall.append(times[1][1] / times[0][1])
    counts: Row = {}
    for column, name in (("trips", "round trips"), ("items", "items read"), ("units", "read units")):
        counts |= {column: small[name], f"{column}, large": large[name]}
    sizes = {"bytes": small_bytes, "bytes, large": large_bytes}
    times_taken = {**_spread("CPU", cpu), **_spread("wall", wall)} if rounds else {}
    return {"page": page, **counts, **sizes, **times_taken}


def _spread(name: str, ratios: list[float]) -> Row:
    first, middle, last = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    return {f"{name} ×": middle, f"{name} from": first, f"{name} to": last}


def _recorded(page: str, asked: Request, store: DynamoDBStore, services: Runtime) -> tuple[Row, int]:
    """Let a page answer once, and return what it took and how many bytes it has. Raise ValueError if it failed."""
    services.store = store
    with recording(services.connection.client) as calls:
        response = _handler(asked)(asked[1], None)
    if response["statusCode"] != HTTPStatus.OK:
        raise ValueError(f"{page} was answered {response['statusCode']}: {response.get('body')}")
    return counts_of(calls), len(response["body"].encode())


def _times(asked: Request) -> tuple[float, float]:
    """Return the CPU and the wall seconds of one call."""
    handler, event = _handler(asked), json.loads(json.dumps(asked[1]))
    began, on_wall = time.process_time(), time.perf_counter()
    handler(event, None)
    return time.process_time() - began, time.perf_counter() - on_wall


def _handler(asked: Request) -> Any:
    return importlib.import_module(f"functions.{asked[0]}.app").lambda_handler
