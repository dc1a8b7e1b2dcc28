"""Every event of `events/`, with what was told before it in its story."""

import json
from dataclasses import dataclass
from functools import cache

from tools.stories import EVENTS, Notification, read_notification, stories

_FUNCTION_OF_PREFIX = {
    "checkout.": "payment-succeeded",
    "transaction.": "payment-succeeded",
    "customer.": "subscription-renewed",
    "subscription.": "subscription-renewed",
    "invoice": "subscription-renewed",
    "charge.dispute": "dispute-opened",
    "radar.": "dispute-opened",
}


@dataclass(frozen=True, slots=True)
class Scene:
    """One event, and the history in which it comes."""

    file: str
    told: Notification
    before: tuple[Notification, ...]


@cache
def scenes() -> tuple[Scene, ...]:
    """All of them, in the order of their names."""
    placed: dict[str, tuple[Notification, ...]] = {}
    for story in stories():
        for position, told in enumerate(story.notifications):
            placed.setdefault(told.event_id, story.notifications[:position])
    made = []
    for path in sorted(EVENTS.glob("[ps]*/*.json")):
        file = str(path.relative_to(EVENTS))
        content = json.loads(path.read_bytes())
        told = read_notification(file, _function_of(content.get("type") or content["event_type"]))
        made.append(Scene(file, told, placed.get(told.event_id, ())))
    return tuple(made)


def _function_of(event_type: str) -> str:
    return next((to for prefix, to in _FUNCTION_OF_PREFIX.items() if event_type.startswith(prefix)), "refund-settled")
