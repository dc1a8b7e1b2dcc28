"""What an account has at either provider: customers, subscriptions, a clock, faults and webhooks."""

import copy
import functools
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Concatenate, ParamSpec, TypedDict, TypeVar

from ledger.domain import catalogue
from ledger.domain.catalogue import Catalogue
from tools import signing
from tools.simulators.common.clock import Clock
from tools.simulators.common.faults import Faults
from tools.simulators.common.listing import created_s
from tools.simulators.common.outbox import Outbox

Json = dict[str, Any]
P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A", bound="Account")


class NotPossible(Exception):
    """The present state does not allow an action. The message gives the reason."""


class AccountOptions(TypedDict, total=False):
    """The optional settings of an account."""

    signing_secret: str
    api_key: str
    clock: Callable[[], float]
    sold: Catalogue | None


def locked(method: Callable[Concatenate[A, P], R]) -> Callable[Concatenate[A, P], R]:
    """Run a method under the lock of its account, and return a copy of its result."""

    @functools.wraps(method)
    def run(self: A, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.lock:
            return copy.deepcopy(method(self, *args, **kwargs))

    return run


class Account(ABC):
    """One account at a provider. Each change of an object is an event in the outbox."""

    name: ClassVar[str]
    provider: ClassVar[str]  # the name in lower case, as in the paths of our webhooks
    local_key: ClassVar[str]
    functions: ClassVar[Mapping[str, frozenset[str]]]  # by event type: the functions that receive it
    clock_step_s: ClassVar[float] = 1

    def __init__(
        self,
        *,
        deliver_to: str | None = None,
        signing_secret: str | None = None,
        api_key: str | None = None,
        clock: Callable[[], float] = time.time,
        sold: Catalogue | None = None,
    ) -> None:
        self.url = ""
        self.api_key = api_key or self.local_key
        self.clock = Clock(clock, step_s=self.clock_step_s)
        self.catalogue = sold or catalogue.load()
        self.faults = Faults()
        self.outbox = Outbox(
            self.provider,
            self.functions,
            deliver_to=deliver_to,
            signing_secret=signing_secret or signing.LOCAL_SECRETS[self.provider],
            is_accepted=self._is_accepted,
            notification=self._notification,
        )
        self.lock = threading.RLock()
        self.customers: dict[str, str] = {}  # the name, by id
        self.subscriptions: dict[str, Json] = {}
        self.listing_lag_s = 0.0
        self.return_to: str | None = None  # where a buyer is led who has paid, if the checkout names no address

    # ── What differs between the providers ────────────────────────────────────────────────────────────────────────────

    @abstractmethod
    def checkout_page(self, checkout_id: str) -> list[tuple[str, str]]:
        """Return the rows of the page on which a person pays. Raise NotPossible if there is no such checkout."""

    @abstractmethod
    def advance(self, seconds: float) -> str:
        """Move the clock ahead."""

    @abstractmethod
    def _provider_actions(self) -> tuple[Callable[..., Any], ...]:
        """Return the actions that only this provider has."""

    @abstractmethod
    def _new_customer_id(self) -> str: ...

    @abstractmethod
    def _is_accepted(self, status: int) -> bool:
        """Return whether this HTTP status of a webhook accepts a delivery."""

    def _notification(self, event: Json) -> Json:
        """Return the body that one webhook receives for an event."""
        return event

    # ── Actions that both have ────────────────────────────────────────────────────────────────────────────────────────

    @property
    def today(self) -> datetime:
        """The time of this account's clock, as our catalogue reads it."""
        return datetime.fromtimestamp(self.clock.now(), UTC)

    @property
    def actions(self) -> Mapping[str, Callable[..., Any]]:
        """Everything that can happen besides calls of the API, by name."""
        actions: tuple[Callable[..., Any], ...] = (
            self.add_customer,
            *self._provider_actions(),
            self.advance,
            self.fault,
            self.lag,
            self.work,
            self.mute,
            self.send_again,
            self.events,
            self.drain,
        )
        return {action.__name__: action for action in actions}

    def add_customer(self, name: str = "Ada") -> str:
        """Create a customer. Return the id."""
        customer_id = self._new_customer_id()
        self.customers[customer_id] = name
        return customer_id

    def fault(self, method: str, path: str, kind: str, times: int = 1, seconds: float = 0) -> str:
        """Make the next matching calls fail: 429, 503, 500, lost_before, lost_after or slow."""
        self.faults.add(method, path, kind, times=times, seconds=seconds)
        return f"the next {times} of {method} {path}: {kind}"

    def lag(self, seconds: float) -> str:
        """Leave what is younger than this out of lists of refunds, adjustments and events. By its id it is found."""
        self.listing_lag_s = seconds
        return f"lists lack the last {seconds} s"

    def listed(self, objects: Iterable[Json]) -> list[Json]:
        """Return the objects that a list has by now."""
        if not self.listing_lag_s:
            return list(objects)
        until = self.clock.now() - self.listing_lag_s
        return [one for one in objects if created_s(one) <= until]

    def work(self) -> str:
        """Remove all faults, deliver webhooks again, and list everything."""
        self.faults.clear()
        self.listing_lag_s = 0.0
        self.outbox.is_muted = False
        return "everything works"

    def mute(self) -> str:
        """Lose the webhooks of all further events. The provider's list of events still has them."""
        self.outbox.is_muted = True
        return "webhooks get lost"

    def send_again(self, event: str) -> str:
        """Deliver an event once more."""
        self.outbox.send_again(event)
        return event

    def events(self) -> list[Json]:
        """Return all events, oldest first."""
        return list(self.outbox.events)

    def drain(self, timeout_s: float = 30) -> list[str]:
        """Wait until no delivery is left. Return the ids of the events that were never accepted."""
        return [delivery.event_id for delivery in self.outbox.drain(timeout_s)]

    # ── Objects ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def find(self, objects: Mapping[str, Json], object_id: str, noun: str) -> Json:
        """Return an object by its id. Raise NotPossible if it does not exist."""
        if object_id not in objects:
            raise NotPossible(f"There is no {noun} {object_id}.")
        return objects[object_id]

    def live_subscription(self, subscription_id: str) -> Json:
        """Return a subscription that has not ended. Raise NotPossible otherwise."""
        subscription = self.subscriptions.get(subscription_id)
        if subscription is None or subscription["status"] == "canceled":
            raise NotPossible(f"{subscription_id} has ended, or is not known.")
        return subscription
