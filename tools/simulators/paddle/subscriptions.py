"""Subscriptions: their periods, renewals, changes and ends."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from tools.fixtures import paddle_shapes as shapes
from tools.simulators.common.account import Json, NotPossible, locked
from tools.simulators.common.cart import CartLine
from tools.simulators.common.clock import next_period, stamp
from tools.simulators.common.ids import paddle_id
from tools.simulators.paddle.objects import tariff
from tools.simulators.paddle.payments import Payments


class Subscriptions(Payments):
    """The subscriptions of an account."""

    @locked
    def renew(self, subscription: str) -> Json:
        """Begin and pay the next period of a subscription. If it is past due, pay the period that is owed."""
        found = self.live_subscription(subscription)
        if found["scheduled_change"]:
            raise NotPossible(f"{subscription} is scheduled to end: use end_period.")
        if found["status"] == "past_due":
            owed = next(one for one in self.transactions.values() if self._is_owed(one, subscription))
            paid = self.complete(owed, customer=found["customer_id"], subscription_id=subscription)
            self.change(found, "updated", status="active")
            return paid
        self.begin_period(found)
        self.change(found, "updated")
        billed = self.bill(found)
        return self.complete(billed, customer=found["customer_id"], subscription_id=subscription)

    @locked
    def fail_renewal(self, subscription: str) -> Json:
        """Begin the next period of a subscription, and decline its card."""
        found = self.live_subscription(subscription)
        if found["scheduled_change"] or found["status"] == "past_due":
            raise NotPossible(f"{subscription} is past due already, or scheduled to end.")
        self.begin_period(found)
        billed = self.bill(found)
        billed["payments"] = [self.attempt(billed, is_captured=False)]
        self.emit("transaction.payment_failed", billed)
        self.change(found, "past_due", status="past_due")
        return billed

    @locked
    def end_period(self, subscription: str) -> Json:
        """Finish the period of a subscription. It renews, or ends if its end is scheduled."""
        found = self.live_subscription(subscription)
        return self.end_now(found) if found["scheduled_change"] else self.renew(subscription)

    @locked
    def change_quantity(self, subscription: str, quantity: int) -> Json:
        """Increase the quantity in the middle of a period. The difference is prorated and billed."""
        found = self.live_subscription(subscription)
        (plan,) = self.carts[subscription]
        if found["status"] != "active" or found["scheduled_change"] or quantity <= plan.quantity:
            raise NotPossible(f"{subscription} is {found['status']}, or scheduled to end, or {quantity} is not more.")
        more = replace(plan, quantity=quantity - plan.quantity)
        self.carts[subscription] = (replace(plan, quantity=quantity),)
        self.change(found, "updated", items=[found["items"][0] | {"quantity": quantity}])
        billed = self.bill(found, origin="subscription_update", cart=(more,), is_proration=True)
        return self.complete(
            billed,
            customer=found["customer_id"],
            subscription_id=subscription,
            is_proration=True,
        )

    def schedule_end(self, subscription: Json, *, is_wanted: bool) -> None:
        """Schedule the end of a subscription with its period, or withdraw it."""
        with self.lock:
            end = subscription["current_billing_period"]["ends_at"]
            change = {"action": "cancel", "effective_at": end, "resume_at": None} if is_wanted else None
            if subscription["scheduled_change"] != change:
                self.change(subscription, "updated", scheduled_change=change)

    def describe(self, subscription: Json, custom: Json | None) -> None:
        """Replace the custom_data of a subscription."""
        with self.lock:
            self.change(subscription, "updated", custom_data=custom)

    @locked
    def end_now(self, subscription: Json) -> Json:
        """End a subscription."""
        for item in subscription["items"]:
            item.update(status="inactive", next_billed_at=None)
        self.change(
            subscription,
            "canceled",
            status="canceled",
            canceled_at=self.now(),
            scheduled_change=None,
            current_billing_period=None,
            next_billed_at=None,
        )
        return subscription

    def change(self, subscription: Json, event: str, **fields: Any) -> None:
        """Update a subscription, and record the event `subscription.<event>`."""
        subscription.update(fields, updated_at=self.now())
        self.emit(f"subscription.{event}", subscription)

    def subscribe(self, subscription_id: str, paid: Json, plan: CartLine, period: tuple[int, int]) -> None:
        """Create the subscription of a paid transaction."""
        at = stamp(period[0])
        created = shapes.subscription(
            subscription_id,
            at,
            (at, stamp(period[1])),
            customer=paid["customer_id"],
            custom=paid["custom_data"],
            product_id=plan.product.product_id,
            tariff=tariff((plan,), paid["currency_code"]),
        )
        created["items"][0]["quantity"] = plan.quantity
        self.subscriptions[subscription_id] = created
        self.carts[subscription_id] = (plan,)
        # Only the event of the creation names the transaction.
        event = created | {"transaction_id": paid["id"]}
        self.emit("subscription.created", event)
        self.emit("subscription.activated", created)

    def begin_period(self, subscription: Json) -> None:
        """Move a subscription to its next period."""
        started, ends = (
            int(datetime.fromisoformat(at).timestamp())
            for at in (subscription["started_at"], subscription["current_billing_period"]["ends_at"])
        )
        period = next_period(started, ends)
        starts_at, ends_at = stamp(period[0]), stamp(period[1])
        subscription.update(current_billing_period={"starts_at": starts_at, "ends_at": ends_at}, next_billed_at=ends_at)
        for item in subscription["items"]:
            item.update(previously_billed_at=starts_at, next_billed_at=ends_at)

    def bill(
        self,
        subscription: Json,
        *,
        origin: str = "subscription_recurring",
        cart: tuple[CartLine, ...] | None = None,
        is_proration: bool = False,
    ) -> Json:
        """Create an unpaid transaction for the current period of a subscription."""
        transaction_id, cart = paddle_id("txn"), cart or self.carts[subscription["id"]]
        period = subscription["current_billing_period"]
        created = self.shape(
            transaction_id,
            self.now(),
            cart,
            subscription["currency_code"],
            customer=subscription["customer_id"],
            custom=subscription["custom_data"],
            status="past_due",
            origin=origin,
            is_proration=is_proration,
            subscription_id=subscription["id"],
            period=(period["starts_at"], period["ends_at"]),
        )
        self.transactions[transaction_id] = created
        self.carts[transaction_id] = cart
        return created

    def _is_owed(self, transaction: Json, subscription_id: str) -> bool:
        return (transaction["subscription_id"], transaction["status"]) == (subscription_id, "past_due")
