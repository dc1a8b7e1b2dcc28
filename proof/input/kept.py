"""The strangest of what is booked, on a real engine: it keeps what the store in memory keeps, and refuses no more."""

import os

from pynamodb.connection import Connection

from ledger.dynamodb.store import DynamoDBStore
from proof.input.entrypoint import Entrypoint, StrictStore
from proof.input.library import scenes
from proof.input.strange import broken, hardest_of
from proof.work import CannotRun, Work
from tools import engines
from tools.devserver import environment
from tools.ledger import read_world
from tools.local import make_table
from tools.orders import place_orders_of
from tools.verify import World

TABLE = "strange"


def engine() -> str:
    """The engine to run on: AWS's own, or where there is no Java the other. Raises CannotRun."""
    for name in reversed(engines.ENGINES):
        if engines.unavailable(name) is None:
            return name
    raise CannotRun(f"There is no DynamoDB here. {engines.unavailable('ministack')}")


def table(endpoint: str) -> DynamoDBStore:
    """A table there."""
    os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = endpoint
    make_table(TABLE)
    return DynamoDBStore(TABLE, Connection(region=environment.REGION, host=endpoint))


def play(work: Work, case: int, number: int, door: Entrypoint, store: DynamoDBStore) -> None:
    """A few mutations of one event, each in an empty table and in memory: both must say the same."""
    scene = scenes()[(number * 7) % len(scenes())]
    for strange in hardest_of(scene, work.seed, work.chance(case)):
        work.count("of them on a real engine")
        answers = []
        _empty(store)
        for place in (StrictStore(), store):
            place_orders_of([*scene.before, scene.told], place)
            for told in scene.before:
                door.signed(told.provider, told.to, told.body, place)
            answers.append(door.signed(scene.told.provider, scene.told.to, strange.body, place))
        in_memory, really = answers
        if wrong := really.wrong((200, 400, 413)):
            work.find(f"{scene.file} with {strange.what}, on a real engine: {wrong}", case)
        elif (really.status, really.outcome) != (in_memory.status, in_memory.outcome):
            work.find(f"{scene.file} with {strange.what}: {really.text} on a real engine, not {in_memory.text}", case)
        elif problem := broken(_read(store)):
            work.find(f"{scene.file} with {strange.what}, on a real engine: {problem}", case)


def _empty(store: DynamoDBStore) -> None:
    deletes = [{"DeleteRequest": {"Key": {"pk": item["pk"], "sk": item["sk"]}}} for item in store.scan()]
    for start in range(0, len(deletes), 25):
        batch = {"RequestItems": {TABLE: deletes[start : start + 25]}}
        store._calls.dispatch("BatchWriteItem", batch)  # noqa: SLF001 - a ledger deletes nothing


def _read(store: DynamoDBStore) -> World:
    read = World()
    read_world(store, read)
    return read
