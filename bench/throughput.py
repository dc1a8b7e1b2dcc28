"""How many grants a second one process books, against the engine: the same transactions, sent by botocore alone.

Payments of as many accounts are recorded by some threads at once. Then what they sent is sent again without the code,
by as many threads: `bench.counted.floor_s`. Both are walls of one run on one engine, which takes most of the time of
either. The least of some rounds counts.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

from bench.counted import Counted, floor_s
from bench.jobs import Options
from bench.report import Progress, Report
from bench.table import opened
from ledger.domain.events import Event
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.receipts import RecordOutcome
from ledger.dynamodb.connection import PlainConnection
from ledger.dynamodb.store import DynamoDBStore
from ledger.usecases.record_event import record_event
from tools.devserver.environment import REGION
from tools.testing.builders import paid, payment

THREADS = (1, 8)
_GRANTS, _ROUNDS = 200, 3


def run(options: Options, progress: Progress, grants: int = _GRANTS) -> list[Report]:
    """Book grants by one thread and by several."""
    report = Report("throughput", f"Grants a second of one process, on {options.engine}")
    advance = progress("throughput", len(THREADS) * _ROUNDS)
    with opened(options.engine, f"ledger-throughput-{uuid4().hex[:8]}") as table:
        for threads in THREADS:
            rounds = []
            for number in range(_ROUNDS):
                events = list(_payments(f"{threads}_{number}", grants))
                connection = PlainConnection(region=REGION, host=table.endpoint)
                counted = Counted(connection)
                store = DynamoDBStore(table.name, counted)  # type: ignore[arg-type]
                took_s = _recorded(events, store, threads)
                calls = counted.taken()
                rounds.append((took_s, floor_s(table.client(), calls, table.name, threads), len(calls)))
                advance(1)
            ours_s, bare_s = min(one[0] for one in rounds), min(one[1] for one in rounds)
            report.rows.append(
                {
                    "threads": threads,
                    "calls each": rounds[0][2] / grants,
                    "grants a second": grants / ours_s,
                    "the engine's": grants / bare_s,
                    "wall × the calls alone": ours_s / bare_s,
                }
            )
    return [report]


def _payments(name: str, number: int) -> Iterator[Event]:
    """Yield payments of packs, each of an account and an order of its own."""
    for at in range(number):
        one = f"{name}_{at:06}"
        settled = replace(
            payment(PaymentId(f"stripe:pi_{one}"), fulfilment_key=f"order/ord_{one}"), account_id=AccountId(f"a_{one}")
        )
        yield paid(settled, event_id=f"evt_{one}")


def _recorded(events: list[Event], store: DynamoDBStore, threads: int) -> float:
    """Record payments, and return the seconds that it took. Raise ValueError if one was not booked."""
    now = datetime.now(UTC)
    began = time.monotonic()
    with ThreadPoolExecutor(threads) as pool:
        results = list(
            pool.map(lambda event: record_event(event, store, body=b"{}", body_sha256="0" * 64, now=now), events)
        )
    took_s = time.monotonic() - began
    if any(one.outcome is not RecordOutcome.BOOKED for one in results):
        raise ValueError("a grant was not booked")
    return took_s
