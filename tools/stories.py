"""Read the stories in `events/`: each is the history of one customer, as notifications of the providers."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")
EVENTS = Path(__file__).parent.parent / "events"


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification of a story, and the webhook that it is sent to."""

    provider: str
    to: str  # the last part of the route: `payment-succeeded`
    body: bytes
    event_id: str
    event_type: str


@dataclass(frozen=True, slots=True)
class Story:
    """One customer's history, in its natural order."""

    name: str
    title: str
    account_id: str
    notifications: tuple[Notification, ...]


@cache
def stories() -> tuple[Story, ...]:
    """Return all stories of the library."""
    rows = json.loads((EVENTS / "stories.json").read_text("utf-8"))
    return tuple(
        Story(
            name=row["name"],
            title=row["title"],
            account_id=row["account_id"],
            notifications=tuple(read_notification(delivery["event"], delivery["to"]) for delivery in row["deliveries"]),
        )
        for row in rows
    )


def read_notification(file: str, to: str) -> Notification:
    """Return the notification of one file in `events/`."""
    body = (EVENTS / file).read_bytes()
    content = json.loads(body)
    return Notification(
        provider=file.split("/", 1)[0],
        to=to,
        body=body,
        event_id=content.get("id") or content["event_id"],
        event_type=content.get("type") or content["event_type"],
    )


def with_repeats(history: Sequence[_T], chance: random.Random, share: float = 1.0) -> list[_T]:
    """Return the same history, with a share of its events delivered again at a later position."""
    deliveries = list(history)
    for event in history:
        if chance.random() < share:
            deliveries.insert(chance.randint(deliveries.index(event) + 1, len(deliveries)), event)
    return deliveries
