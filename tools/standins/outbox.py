"""The events that happened, and their delivery to our webhooks: signed, in order, again until they are accepted."""

import http.client
import json
import threading
import time
import urllib.parse
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tools import signing

Json = dict[str, Any]


@dataclass(slots=True)
class Delivery:
    """One event on its way to one webhook of ours."""

    event_id: str
    event_type: str
    function: str  # that it is for
    body: bytes
    attempts: int = 0
    status: int | None = None  # of the last answer; None: there was none
    is_accepted: bool = False


class Outbox:
    """All events of one provider, oldest first, and the queue of their deliveries.

    Without `deliver_to` events are only kept. A delivery that is refused keeps the ones after it waiting while it is
    tried again; then it is given up, and stands in `given_up`.
    """

    def __init__(
        self,
        provider: str,
        functions: Mapping[str, frozenset[str]],
        *,
        deliver_to: str | None,
        signing_secret: str,
        is_accepted: Callable[[int], bool],
        notification: Callable[[Json], Json],
        retry_delays_s: tuple[float, ...] = (0.05, 0.2, 0.5, 1, 2),
    ) -> None:
        self.provider = provider
        self.functions = functions
        self.deliver_to = deliver_to
        self.signing_secret = signing_secret
        self.is_accepted = is_accepted
        self.notification = notification
        self.retry_delays_s = retry_delays_s
        self.receiver_clock: Callable[[], float] = time.time
        self.events: list[Json] = []
        self.deliveries: list[Delivery] = []
        self.is_muted = False  # webhooks get lost: what happens now is listed, but not delivered
        self._queue: deque[Delivery] = deque()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._worker = threading.Thread(target=self._deliver_all, daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._worker.start()

    def close(self) -> None:
        """End, whatever is still to be delivered."""
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        self._worker.join(15)

    def put(self, event_id: str, event_type: str, event: Json) -> None:
        """This happened. It is kept as it is now."""
        frozen: Json = json.loads(json.dumps(event))
        with self._changed:
            self.events.append(frozen)
            if not self.is_muted:
                self._send(event_id, event_type, frozen)

    def send_again(self, event_id: str) -> None:
        """Deliver an event once more, as a person does in the provider's dashboard. Raises KeyError: no such event."""
        with self._changed:
            for event in self.events:
                if event_id in {event.get("id"), event.get("event_id")}:
                    self._send(event_id, event.get("type") or event["event_type"], event)
                    return
        raise KeyError(event_id)

    def drain(self, timeout_s: float = 30) -> list[Delivery]:
        """Wait until nothing is under way; returns what was given up. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._queue, timeout_s):
                raise TimeoutError(f"{len(self._queue)} deliveries are still under way after {timeout_s} s")
            return self.given_up

    @property
    def given_up(self) -> list[Delivery]:
        """What was never accepted."""
        waiting = {id(delivery) for delivery in self._queue}
        return [made for made in self.deliveries if not made.is_accepted and id(made) not in waiting]

    def is_delivered(self, event_id: str) -> bool:
        """Has every webhook that the event is for accepted it?"""
        made = [delivery for delivery in self.deliveries if delivery.event_id == event_id]
        return bool(made) and all(delivery.is_accepted for delivery in made)

    def _send(self, event_id: str, event_type: str, event: Json) -> None:
        if self.deliver_to is None:
            return
        for function in sorted(self.functions.get(event_type, ())):
            body = json.dumps(self.notification(event), separators=(",", ":"), ensure_ascii=False).encode()
            delivery = Delivery(event_id, event_type, function, body)
            self.deliveries.append(delivery)
            self._queue.append(delivery)
        self._changed.notify_all()

    def _deliver_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closing.is_set())
                if self._closing.is_set():
                    return
                delivery = self._queue[0]
            self._deliver(delivery)
            with self._changed:
                self._queue.popleft()
                self._changed.notify_all()

    def _deliver(self, delivery: Delivery) -> None:
        for delay_s in (*self.retry_delays_s, None):
            delivery.attempts += 1
            delivery.status = self._attempt(delivery)
            delivery.is_accepted = delivery.status is not None and self.is_accepted(delivery.status)
            if delivery.is_accepted or delay_s is None or self._closing.wait(delay_s):
                return

    def _attempt(self, delivery: Delivery) -> int | None:
        """One HTTP request, signed for the receiver's time: by its clock a signature is judged."""
        address = urllib.parse.urlsplit(self.deliver_to or "")
        path = f"{address.path.rstrip('/')}/webhooks/{self.provider}/{delivery.function.replace('_', '-')}"
        headers = signing.headers(self.provider, delivery.body, self.signing_secret, self.receiver_clock())
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
        try:
            connection.request("POST", path, delivery.body, headers)
            response = connection.getresponse()
            response.read()
            return response.status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
