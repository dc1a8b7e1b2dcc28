"""Parked events: tried again when something that matters has changed, kept as they are otherwise, at the cost of reads.

Counted where the calls leave the client, over a table of moto.
"""

import importlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger.domain import catalogue
from ledger.domain.domain_events import CustomerIdentified
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.receipts import Receipt, RecordOutcome
from ledger.dynamodb import keys
from ledger.ports.reads import Keys
from ledger.runtime import Runtime
from ledger.webhook import handle
from tests.conftest import moto_services, place_orders_of_stories
from tests.integration.conftest import Calls
from tools import signing
from tools.orders import place_orders_of
from tools.stories import Notification, read_notification, stories
from tools.testing.domain_events import delivered

START = datetime(2026, 11, 1, 12, tzinfo=UTC)
TRANSACTION = "paddle/pack_bought_01_transaction_completed.json"
SECRET = "pdl_secret"
WRITES = {"TransactWriteItems", "PutItem", "UpdateItem", "BatchWriteItem"}


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """A runtime in test mode over a fresh table, at a time of its own."""
    with moto_services(monkeypatch, PADDLE_SIGNING_SECRETS=SECRET) as made:
        made.clock = lambda: START
        place_orders_of_stories(made.store)
        yield made


@pytest.fixture
def calls(services: Runtime) -> Iterator[Calls]:
    """Counts what the functions ask of DynamoDB."""
    counter = Calls()
    events = services.connection.client.meta.events
    events.register("before-call.dynamodb.*", counter)
    yield counter
    events.unregister("before-call.dynamodb.*", counter)


def receive(services: Runtime, body: bytes, to: str = "payment_succeeded") -> str:
    """Deliver a body to a function. Return its outcome."""
    place_orders_of([Notification("paddle", to, body, "", "")], services.store)
    signed = signing.headers("paddle", body, SECRET, services.now().timestamp())
    request = {
        "pathParameters": {"provider": "paddle"},
        "headers": {name.lower(): value for name, value in signed.items()},
        "body": body.decode(),
        "isBase64Encoded": False,
    }
    outcome: str = json.loads(handle(to, request, services)["body"])["outcome"]
    return outcome


def of_a_price(price_id: str, number: int) -> bytes:
    """The payment of a pack at this price, on a checkout of ours."""
    content = json.loads(read_notification(TRANSACTION, "").body)
    content["event_id"] = f"evt_{number}"
    content["data"] |= {"id": f"txn_{number}", "customer_id": f"ctm_{number}"}
    content["data"]["details"]["line_items"][0]["price_id"] = price_id
    return json.dumps(content).encode()


def release(services: Runtime, **later: float) -> Counter[str]:
    """Run the job as its schedule does, so much later. Return the number of events by outcome."""
    services.clock = lambda: START + timedelta(**later)
    handler = importlib.import_module("functions.release_parked.app").lambda_handler
    return Counter(handler({}, None)["outcomes"])


def receipts(services: Runtime) -> list[Receipt]:
    """The parked receipts as they are stored."""
    return sorted(services.store.parked_receipts(), key=lambda receipt: receipt.event_id)


def balance(services: Runtime, account: str) -> int:
    """An account's balance."""
    account_id = AccountId(account)
    found = services.store.read(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
    return found.balance if found else 0


def test_many_events_of_an_unknown_price_are_tried_once_and_cost_no_write(services: Runtime, calls: Calls) -> None:
    """The first round writes only its progress. Later rounds write nothing, and read neither bodies nor receipts."""
    for number in range(101):
        assert receive(services, of_a_price("pri_unknown", number)) == "parked"
    before = receipts(services)
    calls.since()

    assert release(services, hours=1) == {"parked": 101}
    first = Counter(calls.since())
    assert {name: first[name] for name in WRITES & first.keys()} == {"TransactWriteItems": 1}, "the job's cursor"

    for hour in (2, 3, 24, 24 * 40):
        assert release(services, hours=hour) == {}
        later = Counter(calls.since())
        assert not WRITES & later.keys()
        new, tried_before, waiting = 2 * keys.SHARDS, 2 * (keys.SHARDS + 1), 2 * keys.SHARDS  # muted ones are tried too
        assert later["Query"] == new + tried_before + waiting, "the shards of the indexes, an old one in its hour"
        assert later["GetItem"] == 1, "the cursor"
        assert later["BatchGetItem"] == 0
    assert receipts(services) == before, "nothing of the evidence has changed"
    assert {receipt.received_at for receipt in before} == {START}


def test_a_new_catalogue_makes_every_parked_event_tried_once_more(services: Runtime, tmp_path: Path) -> None:
    """One whose price it has is booked, with the time at which it was first received; the other rests again."""
    receive(services, of_a_price("pri_new", 1))
    receive(services, of_a_price("pri_unknown", 2))
    assert release(services, hours=1) == {"parked": 2}
    content = json.loads(read_notification(TRANSACTION, "").body)
    sold = content["data"]["details"]["line_items"][0]["price_id"]
    file = tmp_path / "catalogue.json"
    file.write_text(catalogue.DEFAULT_FILE.read_text("utf-8").replace(f'"{sold}"', f'"{sold}", "pri_new"'), "utf-8")
    services.config = replace(services.config, catalogue_file=file)
    del services.deployment, services.catalogue
    assert release(services, hours=2) == {"parked": 1, "booked": 1}
    assert [receipt.event_id for receipt in receipts(services)] == ["evt_2"]
    (booked,) = services.store.customer_receipts("paddle:ctm_1")
    assert (booked.outcome, booked.received_at) == (RecordOutcome.BOOKED, START)
    assert release(services, hours=3) == {}


def test_a_new_release_tries_them_too(services: Runtime) -> None:
    """A state that was unknown may be known to it."""
    receive(services, of_a_price("pri_unknown", 1))
    assert release(services, hours=1) == {"parked": 1}
    assert release(services, hours=2) == {}
    services.deployment = "another release"
    assert release(services, hours=3) == {"parked": 1}
    assert release(services, hours=4) == {}


def test_a_customer_who_is_identified_has_his_parked_events_released_and_nothing_else_read(
    services: Runtime, calls: Calls
) -> None:
    """One query of an index, whatever he has received; and the events that are parked, if there are any."""
    story = next(story for story in stories() if story.name == "paddle_subscription_three_months")
    renewal, initial = story.notifications[3], story.notifications[0]
    customer = f"paddle:{json.loads(initial.body)['data']['customer_id']}"
    content = CustomerIdentified(customer_id=customer, account_id=AccountId("acct_quin"), payment_id=PaymentId("x"))
    handler = importlib.import_module("functions.release_parked.app").lambda_handler
    receive(services, renewal.body, "subscription_renewed")
    receive(services, initial.body)
    assert handler(delivered(content), None) == {"outcomes": {"booked": 1}}
    assert balance(services, "acct_quin") == 2000
    calls.since()
    assert handler(delivered(content), None) == {"outcomes": {}}
    assert calls.since() == ["Query"]


def lost_event(services: Runtime) -> None:
    """A renewal is parked, and its customer becomes known; the domain event of that is lost."""
    story = next(story for story in stories() if story.name == "paddle_subscription_three_months")
    renewal, initial = story.notifications[3], story.notifications[0]
    assert receive(services, renewal.body, "subscription_renewed") == "parked"
    assert release(services, hours=1) == {"parked": 1}
    services.clock = lambda: START + timedelta(hours=2)
    assert receive(services, initial.body) == "booked"


def test_a_lost_event_of_a_known_customer_is_found_by_the_next_round(services: Runtime) -> None:
    """In the first day every round tries what waits for facts. The receipt keeps its first time."""
    lost_event(services)
    (parked,) = receipts(services)
    assert release(services, hours=3) == {"booked": 1}
    assert balance(services, "acct_quin") == 2000
    (released,) = [
        one for one in services.store.customer_receipts(parked.customer_id or "") if one.event_id == parked.event_id
    ]
    assert (released.outcome, released.received_at) == (RecordOutcome.BOOKED, START)
    assert (released.body, released.parked_reason) == (None, None)


def test_a_lost_event_is_found_within_a_day_however_old_the_event_is(services: Runtime) -> None:
    """After its first day an event has one hour of the day in which it is tried."""
    lost_event(services)
    outcomes: Counter[str] = Counter()
    for hour in range(24):
        outcomes += Counter(release(services, hours=24 * 30 + hour))
    assert outcomes == {"booked": 1}
    assert balance(services, "acct_quin") == 2000


def test_what_waits_for_facts_rests_after_its_first_day(services: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried once a day, and no receipt is written."""
    monkeypatch.setattr(keys, "SHARDS", 24)  # one for each hour
    story = next(story for story in stories() if story.name == "paddle_subscription_three_months")
    receive(services, story.notifications[3].body, "subscription_renewed")
    release(services, hours=1)
    before = receipts(services)
    tried = [release(services, hours=48 + hour) for hour in range(24)]
    assert [outcomes for outcomes in tried if outcomes] == [{"parked": 1}]
    assert receipts(services) == before
