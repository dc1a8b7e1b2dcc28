"""In bad weather AWS and the providers fail a fifth of what is asked of them: nothing is lost, nothing is doubled.

Each case is a table of its own with many customers: the stories of `events/`, each delivery in its own weather, and
whole lives over the API and the providers' simulators. Providers deliver again what was not answered 2xx, clients ask
again under the same key; domain events are lost, doubled, late and poisonous, and schedules repeat. When the weather
has cleared, the stories' ledgers mean what they mean on a fine day, the lives have come to the answers and balances
that are written down for them, every invariant holds, every accepted event has its receipt, every order, case, run and
failed run that was answered 2xx is stored, and the providers gave back what was due.
"""

import contextlib
import itertools
import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import botocore.config
from pynamodb.connection import Connection

from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.gateway import Gateway
from ledger.ports.store import Store
from ledger.runtime import Runtime, runtime
from ledger.secrets import SECRETS_TTL_S, Secret, SigningSecrets
from proof.faults.batch import Batch
from proof.faults.customer_lives import LIVES
from proof.faults.fault_plan import FaultPlan, ProviderFaultPlan, in_a_hurry
from proof.faults.histories import FineDay, customers
from proof.work import CannotRun, Work
from tools import engines, signing
from tools.devserver import environment
from tools.devserver.customer_lives import ShiftedClock
from tools.simulators import paddle, stripe
from tools.simulators.common.faults import KINDS
from tools.template import load, table_definition
from tools.testing.frontend import description

START = datetime(2026, 11, 20, 12, tzinfo=UTC)  # after every story, whenever it is played
MONTH = timedelta(days=32)


@dataclass(frozen=True, slots=True)
class Size:
    """How much is played in one case, and how the providers fail."""

    copies_of_stories: int = 3
    stories: tuple[str, ...] | None = None  # by their names; None: all
    copies_of_lives: int = 1
    lives: tuple[str, ...] = tuple(LIVES)
    provider_faults: tuple[str, ...] = KINDS
    late_refunds: float = 0.3  # the share of refunds' events that come after we looked again


@dataclass(frozen=True, slots=True)
class Around:
    """Something between the functions and what they work with: where a test puts a mistake."""

    store: Callable[[Store], Store] = lambda store: store
    gateway: Callable[[Gateway], Gateway] = lambda gateway: gateway


def run(work: Work) -> None:
    """Play cases until the time is over."""
    try:
        with engines.running("ministack") as engine, engines.proxied(engine) as proxy:
            play(work, engine, proxy)
    except engines.EngineError as problem:
        raise CannotRun(str(problem)) from problem


def play(work: Work, engine: str, proxy: str, size: Size | None = None, around: Around | None = None) -> None:
    """Play cases on an engine, with the proxy before it."""
    # The proxy's first answer takes seconds: it reads what AWS's services are.
    patient = botocore.config.Config(read_timeout=60)
    boto3.client("dynamodb", endpoint_url=proxy, region_name=environment.REGION, config=patient).list_tables()
    description()  # of the API: it can't be built by two threads at once
    with in_a_hurry():
        for case in work.cases():
            _play(work, case, engine, proxy, size or Size(), around or Around())


def _play(work: Work, case: int, engine: str, proxy: str, size: Size, around: Around) -> None:
    clock = ShiftedClock()
    clock.advance(START - clock.now())
    seed = f"{work.chance(case).getrandbits(64)}"
    days = [FineDay.of(story, START, START + MONTH) for story in customers(size.copies_of_stories, size.stories)]
    lives = [(f"acct_{name}_{n}", LIVES[name]) for n in range(size.copies_of_lives) for name in size.lives]
    with stripe.running(clock=clock.seconds) as at_stripe, paddle.running(clock=clock.seconds) as at_paddle:
        sky = ProviderFaultPlan(seed, size.provider_faults)
        at_stripe.faults = at_paddle.faults = sky
        name = f"ledger-{uuid.uuid4().hex[:12]}"
        weather = FaultPlan(proxy, engine)
        with _deployed(name, engine, proxy, {"stripe": at_stripe, "paddle": at_paddle}) as services:
            services.clock = clock.now
            services.store = around.store(services.store)
            gateway_of = services.gateway
            services.gateway = lambda provider: around.gateway(gateway_of(provider))  # type: ignore[method-assign]
            for client in (services.connection.client, services.client("secretsmanager")):
                weather.watch(client)
            store = DynamoDBStore(name, Connection(region=environment.REGION, host=engine))
            batch = Batch(seed, at_stripe, at_paddle, clock, weather, sky, store, size.late_refunds, work.tell)
            batch.play(days, lives, MONTH)
    for what, number in batch.counts.items():
        work.count(what, number)
    work.count("calls to AWS in bad weather", weather.calls)
    work.count("of them failed", weather.failed.total())
    for kind, number in weather.failed.most_common():
        work.count(f"– {kind}", number)
    work.count("calls to providers", sky.calls)
    work.count("of these failed", sky.failed.total())
    if weather.misses_its_share:
        work.find(weather.misses_its_share, case)
    for problem in batch.problems:
        work.find(problem, case)


@contextlib.contextmanager
def _deployed(name: str, engine: str, proxy: str, providers: Mapping[str, Any]) -> Iterator[Runtime]:
    """A table and secrets of this name, and the functions' runtime as it is deployed, but for where AWS is."""
    tables = boto3.client("dynamodb", endpoint_url=engine, region_name=environment.REGION)
    tables.create_table(**table_definition(load(), name))
    secrets = boto3.client("secretsmanager", endpoint_url=engine, region_name=environment.REGION)
    keys = {provider: account.api_key for provider, account in providers.items()}
    secrets.create_secret(Name=f"{name}-signing", SecretString=json.dumps(signing.LOCAL_SECRETS))
    secrets.create_secret(Name=f"{name}-keys", SecretString=json.dumps(keys))
    told = {
        "TABLE_NAME": name,
        "AWS_REGION": environment.REGION,
        "AWS_ENDPOINT_URL_DYNAMODB": proxy,
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": proxy,
        "PROVIDER_MODE": "test",
        "REFUNDS_PAUSED": "false",
        "SIGNING_SECRETS_NAME": f"{name}-signing",
        "PROVIDER_KEYS_NAME": f"{name}-keys",
        **{f"{provider.upper()}_API_BASE": account.url for provider, account in providers.items()},
    }
    before = {key: os.environ.get(key) for key in told}
    os.environ |= told
    runtime.cache_clear()
    try:
        services = runtime()
        # Each process of Lambda reads them at its start: here one process plays many, and reads them again and again.
        ages = itertools.count(step=SECRETS_TTL_S / 20)
        services.secrets = SigningSecrets(services.fetch_signing_secrets, clock=lambda: next(ages))
        services.keys = Secret(services.fetch_api_keys, clock=lambda: next(ages))
        yield services
    finally:
        runtime.cache_clear()
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value
        tables.delete_table(TableName=name)
