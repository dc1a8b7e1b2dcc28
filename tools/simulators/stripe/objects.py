"""The objects of a Stripe account, and the events of their changes."""

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

from ledger.providers.stripe import events as notifications
from tools.fixtures import stripe_shapes as shapes
from tools.simulators.common.account import Account, Json, NotPossible
from tools.simulators.common.idempotency import Keys
from tools.simulators.common.ids import stripe_id
from tools.simulators.stripe.cart import Cart

LOCAL_KEY = "sk_test_local_only"
"""The default API key of the simulator. It gives access to nothing else."""

HOME = "DE"
"""The country of the buyers, unless one pays from another."""


class StripeObjects(Account):
    """What each part of a Stripe account needs: the objects, the time, and the events."""

    name = "Stripe"
    provider = "stripe"
    local_key = LOCAL_KEY
    functions = notifications.FUNCTIONS

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.keys = Keys(self.clock.now)
        self.tax_percent = 20  # for a checkout with automatic tax
        self.refunds_begin = "succeeded"  # or pending, as when the balance is low
        self.sessions: dict[str, Json] = {}
        self.carts: dict[str, Cart] = {}  # by session and by subscription
        self.charges: dict[str, Json] = {}
        self.charge_of_intent: dict[str, str] = {}
        self.invoices: dict[str, Json] = {}
        self.invoice_payments: dict[str, Json] = {}
        self.refunds: dict[str, Json] = {}
        self.credit_notes: dict[str, Json] = {}
        self.disputes: dict[str, Json] = {}
        self.fraud_warnings: dict[str, Json] = {}

    def _new_customer_id(self) -> str:
        return stripe_id("cus_", 17)

    def _is_accepted(self, status: int) -> bool:
        return 200 <= status < 300

    def now(self) -> int:
        """Return the time in whole seconds since 1970, as Stripe writes it."""
        return int(self.clock.now())

    def tax_on(self, subtotal: int) -> int:
        """Return the tax on top of an amount in minor units."""
        return subtotal * self.tax_percent // 100

    def emit(self, event_type: str, body: Json, before: Json | None = None) -> None:
        """Record an event with the present state of an object. `before` is the earlier state of what changed."""
        at = int(self.clock.next_for(body["id"]))
        previous = None if before is None else shapes.changed(before, body)
        event = shapes.envelope(stripe_id("evt_1"), event_type, at, body, previous)
        self.outbox.put(event["id"], event_type, event)

    @contextlib.contextmanager
    def changing(self, subscription: Json) -> Iterator[Json]:
        """Change a subscription, and record an event if its state differs afterwards."""
        before = copy.deepcopy(subscription)
        yield subscription
        if subscription != before:
            self.emit("customer.subscription.updated", subscription, before)

    def charge_of(self, payment: str) -> Json:
        """Return the charge of a `ch_`, `pi_`, `cs_` or `in_`. Raise NotPossible if it was not paid."""
        names = [payment]
        if session := self.sessions.get(payment):
            names = [name for name in (session["payment_intent"], session["invoice"]) if name]
        names += [
            link["payment"]["payment_intent"] for link in self.invoice_payments.values() if link["invoice"] in names
        ]
        for name in names:
            charge_id = self.charge_of_intent.get(name, name)
            if charge_id in self.charges:
                return self.charges[charge_id]
        raise NotPossible(f"{payment} was not paid, or is not known.")


def period_of(subscription: Json) -> tuple[int, int]:
    """Return the start and the end of a subscription's current period."""
    item = subscription["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]
