"""`docs/scale.md` says what code, template and events say: no figure of ours in it can be out of date."""

from pathlib import Path

import pytest

from ledger.archive import line_of
from ledger.dynamodb import keys
from ledger.dynamodb.writes import Writes
from ledger.ports.commit import Commit, Refusal
from ledger.ports.documents import MAIL_SHARDS, DocumentKind
from ledger.secrets import SECRETS_TTL_S
from tests.unit.tools.template_parts import API as API_FOLDERS
from tests.unit.tools.template_parts import (
    ARCHIVE_STREAMS,
    FUNCTIONS,
    GLOBALS,
    RESOURCES,
    WEBHOOKS,
    events,
    of_type,
)
from tools.stories import stories
from tools.testing.builders import LATER, paid, payment, record_events
from tools.testing.fakes import FakeStore

PAGE = Path("docs/scale.md").read_text("utf-8")
RATE = 1000  # deliveries a second
API = RESOURCES["BillingApi"]["Properties"]
PARTITION_WRITES = 1000
FIREHOSE_REQUESTS, FIREHOSE_KIB = 1000, 1024


class Noting(FakeStore):
    """A store that notes what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[Commit] = []

    def commit(self, commit: Commit) -> Refusal | None:
        self.commits.append(commit)
        return super().commit(commit)


def row(resource: str) -> str:
    """The one row of the page about a resource."""
    (found,) = (line for line in PAGE.splitlines() if line.startswith(f"| {resource} |"))
    return found


def test_every_resource_that_deliveries_reach_has_a_row() -> None:
    """Each index, each function, each list of work, each queue that paces."""
    for index in RESOURCES["LedgerTable"]["Properties"]["GlobalSecondaryIndexes"]:
        assert row(f"index `{index['IndexName']}`")
    for kind in (
        DocumentKind.REFUND_INTENT,
        DocumentKind.RENEWAL_STOP,
        DocumentKind.REVIEW_QUEUE,
        DocumentKind.DEFERRED_QUEUE,
        DocumentKind.LISTED_DECLARATION,
    ):
        partition = keys.range_of(kind).pk
        assert f"`{partition}`" in PAGE
    paced = [name for name in of_type("AWS::SQS::Queue") if not name.endswith("DeadLetters")]
    assert paced == ["RefundsToSend", "MailsToSend"]
    assert row("queue of refunds")
    assert row("queue of mails")
    assert f"{MAIL_SHARDS} shards" in row("lists `MAILS#`, `AWAITED#`")
    for kind in (DocumentKind.MAIL_INTENT, DocumentKind.AWAITED_ORDER):
        assert f"`{keys.range_of(kind).pk}`" in PAGE


@pytest.mark.parametrize("folder", FUNCTIONS)
def test_a_function_has_the_time_and_memory_that_the_page_says(folder: str) -> None:
    """And none reserves concurrency."""
    properties = {**GLOBALS, **FUNCTIONS[folder]}
    assert row(f"`{folder}`").startswith(f"| `{folder}` | {properties['Timeout']} s | {properties['MemorySize']} MB |")
    assert "ReservedConcurrentExecutions" not in properties
    assert "No function reserves concurrency" in PAGE


def test_no_route_of_a_webhook_is_throttled_at_this_rate() -> None:
    """Each by itself may get all deliveries. The other routes are throttled before they take all functions."""
    routes = API["RouteSettings"]
    assert routes.keys() == {f"POST /webhooks/{{provider}}/{name.replace('_', '-')}" for name in WEBHOOKS}
    for settings in routes.values():
        assert settings["ThrottlingRateLimit"] >= 2 * RATE
        rate, burst = settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]
        assert f"| {rate:,} requests a second, bursts of {burst:,} |" in row("API Gateway, one webhook route")
    for settings in (*routes.values(), API["DefaultRouteSettings"]):
        rate, burst = settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]
        assert rate <= burst <= 2 * rate, "the requests of two seconds at most"
    assert f"Other routes: {API['DefaultRouteSettings']['ThrottlingRateLimit']}," in PAGE
    assert set(API_FOLDERS).isdisjoint(WEBHOOKS)


def test_a_grant_takes_the_write_units_that_the_page_says() -> None:
    """Two for each item below 1 KB in a transaction, and one for the row of each of two indexes."""
    store, writes = Noting(), Writes("ledger")
    record_events(store, paid(payment(fulfilment_key="order/ord_1")))
    (commit,) = store.commits
    items = len([*writes.puts(commit), *writes.updates(commit)])
    units = 2 * items + 2
    assert f"at most {units} a delivery (a grant that expires: {items} items, {2 * items} units" in row("table, writes")
    assert f": {units * RATE:,} |" in row("table, writes")
    assert f"we\n   need {units * RATE:,}." in PAGE


@pytest.mark.parametrize("index", [keys.EXPIRING_INDEX, keys.PARKED_INDEX, keys.WAITING_INDEX, keys.FOLLOWED_INDEX])
def test_no_partition_of_an_index_takes_all_rows(index: str) -> None:
    """A day, a missing price, a stage: each is spread over the shards."""
    assert f"{keys.SHARDS} shards" in row(f"index `{index}`")
    assert f"{keys.SHARDS * PARTITION_WRITES:,}" in row(f"index `{index}`")
    if index in {keys.EXPIRING_INDEX, keys.PARKED_INDEX}:
        assert f"{RATE // keys.SHARDS} for each shard" in row(f"index `{index}`")
    assert RATE / keys.SHARDS < PARTITION_WRITES


def test_the_archive_stays_within_its_quota() -> None:
    """Measured on the library's bodies, with as many streams as there are."""
    bodies = [told.body for story in stories() for told in story.notifications]
    mean = sum(len(line_of("stripe", "evt_1" * 6, body, LATER)) for body in bodies) / len(bodies)
    requests, kib = RATE / len(ARCHIVE_STREAMS), RATE * mean / 1024 / len(ARCHIVE_STREAMS)
    assert requests <= FIREHOSE_REQUESTS / 2
    assert kib <= FIREHOSE_KIB / 2
    assert f"| {len(ARCHIVE_STREAMS)} streams," in row("archive of raw bodies")
    assert f"| {requests:.0f} requests, {kib / 1024:.1f} MiB a second each |" in row("archive of raw bodies")


def test_relay_queue_and_secrets_are_as_the_page_says() -> None:
    """Batches, windows, time-outs, how many at once, how long a secret is known."""
    ((_, stream),) = events("DynamoDB")
    time_s, retries = FUNCTIONS["relay_changes"]["Timeout"], stream["MaximumRetryAttempts"]
    batch, window = stream["BatchSize"], stream["MaximumBatchingWindowInSeconds"]
    said = f"| a batch of {batch} records, or {window} s, at a time for each shard; {time_s} s; {retries} retries |"
    assert said in row("relay")
    assert "ParallelizationFactor" not in stream
    for folder, queue in events("SQS"):
        at_once, each = queue["ScalingConfig"]["MaximumConcurrency"], queue["BatchSize"]
        time_s = FUNCTIONS[folder]["Timeout"]
        assert f"`{folder}`: at most {at_once} at once from its queue, {each} messages each, in {time_s} s" in PAGE
    assert f"each process once in {SECRETS_TTL_S} s" in row("Secrets Manager")
