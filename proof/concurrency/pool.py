"""Processes that call the product at one moment, each over its own connection to the same table."""

import contextlib
import multiprocessing
import os
import random
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from multiprocessing.connection import Connection as Pipe
from typing import Any

from pynamodb.connection import Connection

from ledger.domain.errors import StoreUnavailable
from ledger.domain.facts import RefundChanged
from ledger.dynamodb.store import DynamoDBStore
from ledger.policy import rules
from ledger.ports.gateway import Gateway
from ledger.ports.store import Store
from ledger.providers.paddle.client import PaddleGateway
from ledger.providers.stripe.client import StripeGateway
from proof.concurrency.calls import Announce, Call, Deliver, perform
from proof.concurrency.serial import Done
from tools.devserver import environment

PATIENCE = 6
"""How often a call that could not be stored is made again, as its caller would."""
POLICY = replace(rules.load(), automatic_renewal_refund_up_to_minor={"USD": 5000})
"""The published figures, and renewals by mistake up to 50.00 USD are refunded without a person."""

_START_IN_S = 0.004
_ANNOUNCED_WITHIN_S = 0.4

OpenStore = Callable[[str, Connection], Store]


class TornReads:
    """A connection whose batches are read item by item, in any order, as DynamoDB may: a batch is no snapshot."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> Any:
        if operation != "BatchGetItem":
            return self._connection.dispatch(operation, arguments)
        found: dict[str, list[Any]] = {}
        for table, wanted in arguments["RequestItems"].items():
            keys = random.sample(wanted["Keys"], len(wanted["Keys"]))
            gets = [{"TableName": table, "Key": key, "ConsistentRead": wanted["ConsistentRead"]} for key in keys]
            answers = []
            for get in gets:
                time.sleep(random.uniform(0, 0.003))
                answers.append(self._connection.dispatch("GetItem", get))
            found[table] = [answer["Item"] for answer in answers if "Item" in answer]
        return {"Responses": found, "UnprocessedKeys": {}}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


@dataclass(frozen=True, slots=True)
class Where:
    """What the processes work on."""

    endpoint: str
    providers: dict[str, tuple[str, str]]  # the simulators: key and address
    open_store: OpenStore = DynamoDBStore


class Pool:
    """So many processes, which wait for calls."""

    def __init__(self, where: Where, processes: int) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])  # imported once; each connects by itself
        self._pipes: list[Pipe] = []
        self._processes = []
        with _importable():
            for number in range(processes):
                ours, theirs = context.Pipe()
                process = context.Process(target=_serve, args=(theirs, where, number), daemon=True)
                process.start()
                theirs.close()
                self._pipes.append(ours)
                self._processes.append(process)

    @property
    def size(self) -> int:
        return len(self._pipes)

    def at_once(self, table: str, calls: Sequence[Call]) -> list[list[Done[Call]]]:
        """Make these calls, shared out to the processes, which start together. Returns what became of each.

        One call is several where its first answers were that it could not be stored.
        """
        hands = [calls[number :: self.size] for number in range(self.size)]
        start = time.monotonic() + _START_IN_S
        for pipe, hand in zip(self._pipes, hands, strict=True):
            if hand:
                pipe.send((table, start, hand))
        answered: list[list[Done[Call]]] = [[] for _ in calls]
        for number, (pipe, hand) in enumerate(zip(self._pipes, hands, strict=True)):
            if hand:
                answered[number :: self.size] = pipe.recv()
        return answered

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(10)


@contextlib.contextmanager
def pool(where: Where, processes: int) -> Iterator[Pool]:
    """Processes that end with whoever started them."""
    opened = Pool(where, processes)
    try:
        yield opened
    finally:
        opened.close()


@contextlib.contextmanager
def _importable() -> Iterator[None]:
    """Whoever is started meanwhile finds our modules, whatever showed us the way to them."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    try:
        yield
    finally:
        del os.environ["PYTHONPATH"]
        if before is not None:
            os.environ["PYTHONPATH"] = before


def _serve(pipe: Pipe, where: Where, number: int) -> None:
    """One process: make calls until nobody asks any more."""
    connection = Connection(region=environment.REGION, host=where.endpoint)
    opened: dict[str, Store] = {}
    gateway_of = _Gateways(where)
    while True:
        try:
            table, start, calls = pipe.recv()
        except (EOFError, OSError):
            return
        # Every other process reads as DynamoDB may, the others as the engine does.
        over: Any = TornReads(connection) if number % 2 else connection
        store = opened.setdefault(table, where.open_store(table, over))
        time.sleep(max(0.0, start - time.monotonic()))
        pipe.send([list(_made(call, store, gateway_of, number)) for call in calls])


def _made(call: Call, store: Store, gateway_of: Callable[[str], Gateway], process: int) -> Iterator[Done[Call]]:
    """Make one call, again while it could not be stored: of such a try nobody knows what came of it."""
    if isinstance(call, Announce):
        delivery = _announced(call, gateway_of)
        if delivery is None:
            return
        call = delivery
    for _ in range(PATIENCE):
        began = time.monotonic()
        try:
            answer = perform(call, store, POLICY, gateway_of)
        except StoreUnavailable:
            yield Done(call, None, began, inf, process)
            continue
        except Exception:  # noqa: BLE001 - an answer that no lawful history has
            answer = ("broke off", traceback.format_exc())
        yield Done(call, answer, began, time.monotonic(), process)
        return


def _announced(call: Announce, gateway_of: Callable[[str], Gateway]) -> Deliver | None:
    """The delivery of the refund, as soon as the provider has it."""
    gateway, until = gateway_of(call.provider), time.monotonic() + _ANNOUNCED_WITHIN_S
    while time.monotonic() < until:
        for sent in gateway.find_refunds(call.refund):
            fact = RefundChanged(
                currency="USD",
                created_at=call.now,
                refund_id=sent.refund_id,
                state=sent.state,
                amount_minor=call.refund.amount_minor,
                at=call.now,
                cause=call.event.cause,
                tag=call.refund.tag,
            )
            return Deliver(event=replace(call.event, facts=(fact,)), now=call.now)
        time.sleep(0.01)
    return None


class _Gateways:
    """Our real gateways to the simulators, made when they are needed."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self._made: dict[str, Gateway] = {}

    def __call__(self, provider: str) -> Gateway:
        if provider not in self._made:
            key, url = self._where.providers[provider]
            kinds: dict[str, Any] = {"stripe": StripeGateway, "paddle": PaddleGateway}
            self._made[provider] = kinds[provider](key, is_live=False, base_url=url, timeout_s=(5.0, 5.0))
        return self._made[provider]
