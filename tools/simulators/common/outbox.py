"""The events of an account, and their delivery to our webhooks: signed, in order, retried until accepted."""

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
from tools.simulators.common.listing import object_id

Json = dict[str, Any]


@dataclass(slots=True)
class Delivery:
    """The delivery of one event to one webhook."""

    event_id: str
    event_type: str
    function: str  # that receives it
    body: bytes
    attempts: int = 0
    status: int | None = None  # of the last response; None if there was none
    is_accepted: bool = False


class Outbox:
    """All events of one provider, oldest first, and the queue of their deliveries.

    Without `deliver_to` events are only stored. A refused delivery is retried, while the later ones wait. After the
    last retry it is given up, and listed in `given_up`.
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
        self.is_muted = False  # webhooks get lost: new events are listed, but not delivered
        self._queue: deque[Delivery] = deque()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._worker = threading.Thread(target=self._deliver_all, daemon=True)

    def start(self) -> None:
        """Start to deliver."""
        self._worker.start()

    def close(self) -> None:
        """Stop, even if deliveries are left."""
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        self._worker.join(15)

    def put(self, event_id: str, event_type: str, event: Json) -> None:
        """Store a copy of an event, and queue its deliveries."""
        frozen: Json = json.loads(json.dumps(event))
        with self._changed:
            self.events.append(frozen)
            if not self.is_muted:
                self._send(event_id, event_type, frozen)

    def send_again(self, event_id: str) -> None:
        """Deliver an event once more, as the provider's dashboard can. Raise KeyError if it does not exist."""
        with self._changed:
            for event in self.events:
                if event_id == object_id(event):
                    self._send(event_id, event.get("type") or event["event_type"], event)
                    return
        raise KeyError(event_id)

    def drain(self, timeout_s: float = 30) -> list[Delivery]:
        """Wait until the queue is empty. Return the deliveries that were given up. Raise TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._queue, timeout_s):
                raise TimeoutError(f"{len(self._queue)} deliveries are still queued after {timeout_s} s")
            return self.given_up

    @property
    def given_up(self) -> list[Delivery]:
        """The deliveries that were never accepted, without those still queued."""
        waiting = {id(delivery) for delivery in self._queue}
        return [one for one in self.deliveries if not one.is_accepted and id(one) not in waiting]

    def is_delivered(self, event_id: str) -> bool:
        """Return whether every webhook of an event has accepted it."""
        deliveries = [delivery for delivery in self.deliveries if delivery.event_id == event_id]
        return bool(deliveries) and all(delivery.is_accepted for delivery in deliveries)

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
        """Send one signed request. Sign it for the receiver's clock, by which the signature is verified."""
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
