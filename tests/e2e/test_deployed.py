"""The stack as it is deployed: `sam deploy` to MiniStack, which enforces the roles and plays stream, bus and queues.

Every story and two lives go through the API. `make runtime` builds and runs these; `make test` does not, for it needs
neither Python 3.13 nor SAM.
"""

import contextlib
import http.client
import json
import os
import shutil
import time
import urllib.parse
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pynamodb.connection import Connection

from ledger.domain.ids import AccountId
from ledger.dynamodb.store import DynamoDBStore
from ledger.relay import bus as event_bus
from ledger.runtime import runtime
from tests.conftest import REGION
from tools import engines
from tools.devserver.customer_lives import LIVES, Json, Player, ShiftedClock, UnexpectedResponse, World
from tools.devserver.deployed import Deployment, deployed
from tools.ledger import read_world
from tools.local import deliver as deliver_locally
from tools.local import opened
from tools.orders import know_subscriptions_of, place_orders_of
from tools.signing import LOCAL_SECRETS, headers
from tools.statement import statement
from tools.stories import Notification, Story, stories
from tools.template import jobs, load
from tools.verify import World as Table
from tools.verify import check

pytestmark = pytest.mark.runtime

WITHIN_S = 60
"""How long stream, relay, bus and queues may take here: each starts its function, on a machine that has other work."""

LATE = "paddle_subscription_three_months"
"""A story whose second renewal is delivered first: it is parked, and released by the domain event of its customer."""


@pytest.fixture(scope="module")
def stack() -> Iterator[Deployment]:
    """The deployed stack. The library's buyers have placed their orders, and Stripe knows their subscriptions."""
    python = shutil.which("python3.13")
    assert python, "`make runtime` puts the functions' Python on PATH"
    with deployed(Path(python)) as deployment:
        every = [one for story in stories() for one in story.notifications]
        place_orders_of(every, store_of(deployment))
        know_subscriptions_of(every, deployment.stripe)
        yield deployment


def store_of(stack: Deployment) -> DynamoDBStore:
    """The table, read by an administrator."""
    return DynamoDBStore(stack.table_name, Connection(region=REGION, host=stack.endpoint))


def in_order(story: Story) -> list[Notification]:
    """A story's notifications as they are delivered here."""
    told = list(story.notifications)
    return [told[3], *told[:3], *told[4:]] if story.name == LATE else told


def deliver(stack: Deployment, told: Notification) -> tuple[int, str]:
    """One signed delivery over HTTP: status and outcome."""
    address = urllib.parse.urlsplit(stack.url)
    signed = headers(told.provider, told.body, LOCAL_SECRETS[told.provider], time.time())
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", address.port, timeout=60)) as connection:
        connection.request("POST", f"{address.path}/webhooks/{told.provider}/{told.to}", told.body, signed)
        response = connection.getresponse()
        return response.status, str(json.loads(response.read()).get("outcome"))


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether it holds within the time that stream, bus and queues may take."""
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def holds_of(store: DynamoDBStore) -> dict[str, Any]:
    """What each story's account has, but for the times at which we wrote it."""
    found = {}
    for story in stories():
        data = statement(store, AccountId(story.account_id), datetime(2026, 11, 1, tzinfo=UTC))
        for entry in data["entries"] if data else ():
            del entry["recorded_at"], entry["balance_after"]
        found[story.account_id] = data and {**data, "entries": sorted(data["entries"], key=str)}
    return found


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    """What the local run makes of the same deliveries."""
    before = dict(os.environ)
    for name in [name for name in before if name.startswith("AWS_ENDPOINT")]:
        del os.environ[name]
    os.environ["PORT"] = str(engines.free_port())
    runtime.cache_clear()
    try:
        with opened() as backend:
            every = [one for story in stories() for one in story.notifications]
            place_orders_of(every, runtime().store)
            assert backend.stripe
            know_subscriptions_of(every, backend.stripe)
            for story in stories():
                for told in in_order(story):
                    assert deliver_locally(backend.gateway, told)[0] == 200
            assert backend.gateway.stream.drain(60)
            assert backend.stripe.drain() == []
            return holds_of(DynamoDBStore(os.environ["TABLE_NAME"], runtime().connection))
    finally:
        os.environ.clear()
        os.environ.update(before)
        runtime.cache_clear()
        event_bus.cache_clear()


def test_every_story_becomes_the_ledger_of_the_local_run(stack: Deployment, expected: dict[str, Any]) -> None:
    """Through the API, with the deployed roles. A parked renewal is released by stream, relay, bus and rule."""
    answers = [(story.name, *deliver(stack, told)) for story in stories() for told in in_order(story)]
    assert {status for _, status, _ in answers} == {200}
    assert [name for name, _, outcome in answers if outcome == "parked"] == [LATE]
    store = store_of(stack)
    eventually(lambda: holds_of(store) == expected)
    held = holds_of(store)
    assert {name: (held[name], data) for name, data in expected.items() if held[name] != data} == {}


class PatientPlayer(Player):
    """A player who reads again until what is read is as expected: nobody can wait for MiniStack's stream and queues."""

    def customer(
        self, what: str, method: str, path: str, body: Json | None = None, *, code: int, **expected: str
    ) -> Json:
        deadline = time.monotonic() + WITHIN_S
        while True:
            try:
                return Player.customer(self, what, method, path, body, code=code, **expected)
            except UnexpectedResponse:
                if method != "GET" or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)


@pytest.mark.parametrize("account", ["acct_live_ada", "acct_live_ben", "acct_live_emil"])
def test_a_life_goes_through_stream_relay_bus_rule_and_queue(stack: Deployment, account: str) -> None:
    """Ada's refund is sent from its queue to Stripe, and her case follows Stripe's webhook.

    Ben's chargeback suspends him until it is won; Emil buys from Paddle, and support gives him credits.
    """
    world = World(stack, stack.stripe, stack.paddle, ShiftedClock())
    LIVES[AccountId(account)](PatientPlayer(AccountId(account), world, lambda _: None))
    assert stack.stripe.drain() + stack.paddle.drain() == []


def test_each_schedule_runs_its_function_with_the_event_of_its_rule(stack: Deployment) -> None:
    """Invoked as EventBridge does, with the permissions that its role has."""
    schedules = list(stack.schedules())
    assert {folder for folder, _ in schedules} == jobs(load()).keys()
    for folder, event in schedules:
        assert isinstance(stack.run_job(folder, event), dict)


def test_a_rule_starts_its_function_by_the_clock(stack: Deployment) -> None:
    """An hourly rule, made one of a minute: the stack is older than that, so it is due."""
    table, events = stack.client("dynamodb"), stack.client("events")
    job = {"TableName": stack.table_name, "KeyConditionExpression": "pk = :pk"}

    def cursors() -> str:
        return str(table.query(**job, ExpressionAttributeValues={":pk": {"S": "JOB"}})["Items"])

    before = cursors()
    assert "expire_credits" in before
    events.put_rule(Name=stack.names["ExpireCreditsFunctionHourly"], ScheduleExpression="rate(1 minute)")
    assert eventually(lambda: cursors() != before)


def dead_letters(stack: Deployment, queue: str) -> int:
    """How many messages a queue has."""
    wanted = "ApproximateNumberOfMessages"
    asked = stack.client("sqs").get_queue_attributes(QueueUrl=stack.names[queue], AttributeNames=[wanted])
    return int(asked["Attributes"][wanted])


def test_no_queue_has_dead_letters_and_every_invariant_holds(stack: Deployment) -> None:
    """After all stories and lives, whatever was carried out beside them."""
    queues = [name for name in stack.names if name.endswith("DeadLetters")]
    assert {name: dead_letters(stack, name) for name in queues} == dict.fromkeys(queues, 0)
    table = Table()
    read_world(store_of(stack), table)
    assert [finding for finding in check(table) if finding.broken] == []


def test_without_a_token_only_what_is_public_is_open(stack: Deployment) -> None:
    """The routes have the authorizer of the template."""
    address = urllib.parse.urlsplit(stack.url)
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", address.port, timeout=60)) as connection:
        statuses = []
        for path in ("/account", "/support/refund-cases", "/openapi.json"):
            connection.request("GET", address.path + path)
            response = connection.getresponse()
            response.read()
            statuses.append(response.status)
    assert statuses == [401, 401, 200]


def test_a_role_without_its_permission_stores_nothing(stack: Deployment) -> None:
    """The roles are enforced: what the tests above did was allowed by the template, not by the emulator."""
    iam = stack.client("iam")
    role = stack.names["RefundSettledFunctionRole"]
    for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        iam.delete_role_policy(RoleName=role, PolicyName=policy)
    refunds = (told for story in stories() for told in story.notifications if told.to == "refund-settled")
    assert deliver(stack, next(refunds))[0] >= 500
