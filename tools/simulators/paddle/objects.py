"""The entities of a Paddle account, and the events of their changes."""

from typing import Any

from ledger.providers.paddle import events as notifications
from tools.fixtures.tariff import Tariff
from tools.simulators.common.account import Account, Json
from tools.simulators.common.cart import CartLine, tariff_of
from tools.simulators.common.clock import stamp
from tools.simulators.common.ids import paddle_id

LOCAL_KEY = "pdl_sdbx_apikey_local_only"
"""The default API key of the simulator. It gives access to nothing else."""

APPROVED_AT_ONCE_MINOR = 40000
"""Refunds up to this amount need no approval, as Paddle has it for verified accounts."""


class PaddleObjects(Account):
    """What each part of a Paddle account needs: the entities, the time, and the events."""

    name = "Paddle"
    provider = "paddle"
    local_key = LOCAL_KEY
    functions = notifications.FUNCTIONS
    clock_step_s = 0.001

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.approved_at_once_minor = APPROVED_AT_ONCE_MINOR
        self.transactions: dict[str, Json] = {}
        self.carts: dict[str, tuple[CartLine, ...]] = {}  # by transaction and by subscription
        self.adjustments: dict[str, Json] = {}

    def _new_customer_id(self) -> str:
        return paddle_id("ctm")

    def _is_accepted(self, status: int) -> bool:
        return status == 200

    def _notification(self, event: Json) -> Json:
        """Add an id: Paddle makes one notification of an event for each destination."""
        return {**event, "notification_id": paddle_id("ntf")}

    def now(self) -> str:
        """Return the time as Paddle writes it."""
        return stamp(self.clock.now())

    def emit(self, event_type: str, data: Json) -> None:
        """Record an event with the present state of an entity."""
        event_id = paddle_id("evt")
        at = stamp(self.clock.next_for(data["id"]))
        event = {"event_id": event_id, "event_type": event_type, "occurred_at": at, "data": data}
        self.outbox.put(event_id, event_type, event)


def tariff(cart: tuple[CartLine, ...], currency: str) -> Tariff:
    """Return the catalogue's prices of a cart."""
    return tariff_of(((line, line.product.prices[currency]) for line in cart), currency)
