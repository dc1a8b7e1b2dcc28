"""A small world behind the API: a table of moto, a provider in memory, and customers who have bought something."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.client
import pytest

from ledger.domain.events import Event, Owner
from ledger.domain.facts import PaymentSettled
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.runtime import Runtime
from ledger.usecases.index_names import index_failed_run
from ledger.usecases.usage import draw_credits, fail_run
from tests.conftest import moto_services, put_items, table_content
from tools.testing.builders import NOON, event_of, paid, payment, record_events
from tools.testing.fakes import FakeProvider
from tools.testing.frontend import Frontend, supporter

ADA, BOB = AccountId("acct_ada"), AccountId("acct_bob")
ADAS, BOBS = PaymentId("stripe:pi_ada"), PaymentId("stripe:pi_bob")
LONG_AGO = PaymentId("stripe:pi_long_ago")
BOBS_CHARGE = PaymentId("stripe:ch_bob")
SUBSCRIPTION = "stripe:sub_bob"


@pytest.fixture(scope="module", autouse=True)
def _shards(few_shards: None) -> None:
    """Spread the rows of an index over few shards: moto looks through the whole table for each."""


@dataclass
class World:
    """What a test of the API stands on."""

    services: Runtime
    provider: FakeProvider
    ada: Frontend = field(default_factory=lambda: Frontend(ADA))
    bob: Frontend = field(default_factory=lambda: Frontend(BOB))
    sam: Frontend = field(default_factory=supporter)
    service: Frontend = field(default_factory=lambda: Frontend(""))

    def record_events(self, *events: Event) -> None:
        """Something comes by webhook."""
        record_events(self.services.store, *events, now=self.services.now())

    def pays(self, payment_id: PaymentId, account_id: AccountId, **more: Any) -> PaymentSettled:
        """A pack of 1,000 credits is bought for 20.00 USD, an hour ago."""
        at = more.pop("at", None) or datetime.now(UTC) - timedelta(hours=1)
        settled = replace(payment(payment_id, account_id=account_id, **more), at=at)
        self.record_events(paid(settled, customer=f"cus_{account_id}"))
        return settled

    def subscribes(self, subscription_id: str = SUBSCRIPTION, account_id: AccountId = BOB, **more: Any) -> None:
        """A subscription is going on."""
        now = datetime.now(UTC)
        subscription = Subscription(
            subscription_id=subscription_id,
            account_id=account_id,
            cause=f"stripe:evt_{subscription_id}_{more.get('status', '')}",
            product_id="creator_monthly",
            **{
                "status": SubscriptionStatus.ACTIVE,
                "at": now - timedelta(days=1),
                "period_end": now + timedelta(days=29),
                "customer_id": f"stripe:cus_{account_id}",
                **more,
            },
        )
        self.record_events(
            Event(
                provider="stripe",
                event_id=f"evt_{subscription_id}_{subscription.status}",
                event_type="customer.subscription.updated",
                at=subscription.at,
                owner=Owner(account_id=account_id, customer_id=subscription.customer_id),
                subscription=subscription,
            )
        )

    def items(self) -> list[dict[str, Any]]:
        """Return every item of the table, whatever it is."""
        return list(self.services.store.scan())  # type: ignore[attr-defined]

    def table(self) -> list[str]:
        """Return the content of the table, to compare it. Moto is asked without HTTP: it needs 20 ms for a scan."""
        return table_content(self.services.config.table_name)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Ada and Bob have a pack each; Bob's payment has a second name, and he has a subscription."""
    with moto_services(monkeypatch, EVIDENCE_BUCKET_NAME="evidence") as services:
        provider = FakeProvider()
        for name in ("stripe", "paddle"):
            services._gateways[name] = ("", provider)  # noqa: SLF001 - no provider is asked by a test
        made = World(services, provider)
        if _BEGINNING:
            put_items(services.store, _BEGINNING)
        else:
            begin(made)
            _BEGINNING.extend(made.items())
        yield made


_BEGINNING: list[dict[str, Any]] = []
"""The items of the table as each test finds it: booked by the first test of this process, copied for the others."""


def begin(world: World) -> None:
    """Book what each test finds."""
    world.pays(ADAS, ADA)
    settled = world.pays(BOBS, BOB)
    world.record_events(event_of(names=(BOBS, BOBS_CHARGE), minute=(settled.at - NOON) / timedelta(minutes=1)))
    world.subscribes()


@dataclass
class Calls:
    """The calls that went to AWS."""

    made: list[str] = field(default_factory=list)

    def __call__(self, model: Any, **_: Any) -> None:
        self.made.append(model.name)

    def since(self) -> list[str]:
        """What was called since it was asked last."""
        made, self.made = self.made, []
        return made


@pytest.fixture
def calls(world: World) -> Iterator[Calls]:
    """Counts what the functions ask of DynamoDB, as it leaves the client."""
    counter = Calls()
    client: botocore.client.BaseClient = world.services.connection.client
    client.meta.events.register("before-call.dynamodb.*", counter)
    yield counter
    client.meta.events.unregister("before-call.dynamodb.*", counter)


def outage(world: World, *runs: tuple[AccountId, int]) -> dict[str, str]:
    """Fail a run of so many credits for each, as many minutes ago. Return the hour, as the routes take it."""
    store, now = world.services.store, world.services.now()
    for account_id, credits_ in runs:
        run_id, failed_at = f"run_{account_id}_{credits_}", now - timedelta(minutes=credits_)
        draw_credits(account_id, run_id, credits_, store, now=failed_at)
        fail_run(account_id, run_id, store, now=failed_at)
        index_failed_run(account_id, run_id, failed_at, store)
    return {"since": (now - timedelta(hours=1)).isoformat(), "until": (now - timedelta(seconds=1)).isoformat()}
