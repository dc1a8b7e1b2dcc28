"""Run the event bus locally: its rules, queues, retries and dead letters, as the template defines them.

    PutEvents ──► each rule's pattern ──► the function, by itself           tried again, then given up
                                     └──► a queue ──► batches ──► the function, which says which messages failed

Delivery is at least once, and in no order across rules. AWS waits for minutes between attempts, this module for a
moment. What is given up AWS moves to a dead-letter queue; this module reports and stores it.
"""

import json
import sys
import threading
import time
import traceback
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ledger.relay import MOST_BYTES, MOST_ENTRIES, entry_size
from tools.devserver.gateway import Handler, handler_of
from tools.devserver.patterns import checked, matches
from tools.template import Rule, rules

Delivered = dict[str, Any]
_LONGEST_PAUSE_S = 1.0


class BusRefused(Exception):
    """PutEvents would refuse the whole call."""


@dataclass(slots=True)
class _Waiting:
    """An event on its way to a rule's target."""

    delivered: Delivered
    attempts: int = 0
    not_before: float = 0.0
    message_id: str = field(default_factory=lambda: str(uuid.uuid4()))


class LocalBus:
    """A bus with the template's rules, and a worker for each. It takes the place of EventBridge's client."""

    def __init__(
        self,
        template: dict[str, Any],
        *,
        find: Callable[[str], Handler] = handler_of,
        report: Callable[[str], None] = lambda text: print(text, file=sys.stderr),
    ) -> None:
        """Raise TemplateError for a rule that can't be run locally."""
        self.given_up: list[tuple[str, Delivered]] = []
        self.delivered = 0  # how many events have been handed to a rule
        self._rules = rules(template)
        for rule in self._rules:
            checked(rule.pattern)
        self._report = report
        self._changed = threading.Condition()
        self._waiting: dict[str, deque[_Waiting]] = {rule.name: deque() for rule in self._rules}
        self._unfinished = 0
        self._is_stopping = False
        self._threads = [
            threading.Thread(target=self._work, args=(rule, find(rule.folder)), daemon=True, name=rule.name)
            for rule in self._rules
        ]

    def put_events(self, *, Entries: Sequence[Mapping[str, str]]) -> dict[str, Any]:  # noqa: N803 - AWS's name
        """Hand each entry to the rules that match it. Raise BusRefused for what EventBridge would not take."""
        if not 1 <= len(Entries) <= MOST_ENTRIES or sum(map(entry_size, Entries)) > MOST_BYTES:
            raise BusRefused(f"{len(Entries)} entries of {sum(map(entry_size, Entries))} bytes")
        results = []
        for entry in Entries:
            event_id = str(uuid.uuid4())
            self.deliver(
                {
                    "version": "0",
                    "id": event_id,
                    "source": entry["Source"],
                    "detail-type": entry["DetailType"],
                    "detail": json.loads(entry["Detail"]),
                }
            )
            results.append({"EventId": event_id})
        return {"FailedEntryCount": 0, "Entries": results}

    def deliver(self, event: Delivered) -> None:
        """Hand an event to every rule that matches it."""
        with self._changed:
            for rule in self._rules:
                if matches(rule.pattern, event):
                    self._waiting[rule.name].append(_Waiting(event))
                    self._unfinished += 1
                    self.delivered += 1
            self._changed.notify_all()

    @contextmanager
    def running(self) -> Iterator["LocalBus"]:
        """Call the subscribers until the end of the block."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            with self._changed:
                self._is_stopping = True
                self._changed.notify_all()
            for thread in self._threads:
                thread.join(10)

    def is_idle(self) -> bool:
        """Return whether every event was handled or given up."""
        return self._unfinished == 0

    def wait_until_idle(self, timeout_s: float) -> bool:
        """Wait until every event is handled or given up. False: timed out."""
        with self._changed:
            return self._changed.wait_for(self.is_idle, timeout_s)

    def _work(self, rule: Rule, handler: Handler) -> None:
        while batch := self._next(rule):
            failed = self._call(rule, handler, batch)
            with self._changed:
                for one in failed:
                    if one.attempts > rule.retries:
                        self.given_up.append((rule.name, one.delivered))
                        self._report(f"{rule.name} gave up an event after {one.attempts} attempts.")
                        continue
                    one.not_before = time.monotonic() + min(0.02 * 2**one.attempts, _LONGEST_PAUSE_S)
                    self._waiting[rule.name].append(one)
                again = sum(one.attempts <= rule.retries for one in failed)
                self._unfinished -= len(batch) - again
                self._changed.notify_all()

    def _next(self, rule: Rule) -> list[_Waiting]:
        """Return the events of the rule's next call. Empty: the bus is stopped."""
        waiting = self._waiting[rule.name]
        with self._changed:
            while not self._is_stopping:
                now = time.monotonic()
                due = [one for one in waiting if one.not_before <= now][: rule.batch_size or 1]
                if due:
                    for one in due:
                        waiting.remove(one)
                    return due
                self._changed.wait(min((one.not_before - now for one in waiting), default=None))
        return []

    def _call(self, rule: Rule, handler: Handler, batch: list[_Waiting]) -> list[_Waiting]:
        """Call the function. Return what it failed to handle."""
        for one in batch:
            one.attempts += 1
        event: Any = batch[0].delivered
        if rule.batch_size:
            event = {"Records": [{"messageId": one.message_id, "body": json.dumps(one.delivered)} for one in batch]}
        try:
            result = handler(event, None)
        except Exception:  # noqa: BLE001 - as Lambda does when a function raises an error
            if batch[0].attempts == 1:
                self._report(f"{rule.name} raised an error, and is called again:\n{traceback.format_exc()}")
            return batch
        if not rule.batch_size:
            return []
        named = {failure.get("itemIdentifier") for failure in (result or {}).get("batchItemFailures", ())}
        if not named <= {one.message_id for one in batch}:
            return batch  # as in AWS: an unknown name fails the whole batch
        return [one for one in batch if one.message_id in named]
