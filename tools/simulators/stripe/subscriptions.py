"""Subscriptions: their periods, renewals, changes and ends."""

from dataclasses import replace
from typing import Any

from tools.fixtures import stripe_shapes as shapes
from tools.simulators.common.account import Json, NotPossible, locked
from tools.simulators.common.clock import next_period
from tools.simulators.common.ids import stripe_id
from tools.simulators.stripe.invoices import Invoices
from tools.simulators.stripe.objects import period_of

_REQUESTED = {**shapes.nulls("comment feedback feedback_option"), "reason": "cancellation_requested"}
_NOT_CANCELED = shapes.nulls("comment feedback feedback_option reason")


def is_ending(subscription: Json) -> bool:
    """Return whether the end of a subscription is scheduled, in either of the fields that can say so."""
    return bool(subscription["cancel_at"] or subscription["cancel_at_period_end"])


class Subscriptions(Invoices):
    """The subscriptions of an account."""

    @locked
    def renew(self, subscription: str, *, first_minor: int = 0) -> Json:
        """Begin and pay the next period of a subscription. If it is past due, pay the period that is owed.

        With `first_minor`, two PaymentIntents pay it: the first one so much, the other one the rest.
        """
        found = self.live_subscription(subscription)
        if is_ending(found):
            raise NotPossible(f"{subscription} is scheduled to end: use end_period.")
        if found["status"] == "paused" or found["pause_collection"]:
            raise NotPossible(f"{subscription} is paused.")
        with self.changing(found) as changed:
            if changed["status"] == "past_due":
                invoice = self.invoices[changed["latest_invoice"]]
                invoice.update(attempt_count=invoice["attempt_count"] + 1)
            else:
                invoice = self._next_invoice(changed)
            changed["status"] = "active"
            self.pay_invoice(invoice, first_minor=first_minor)
        return invoice

    @locked
    def fail_renewal(self, subscription: str) -> Json:
        """Begin the next period of a subscription, and decline its card."""
        found = self.live_subscription(subscription)
        if is_ending(found) or found["status"] in {"past_due", "paused"} or found["pause_collection"]:
            raise NotPossible(f"{subscription} is past due already, paused, or scheduled to end.")
        with self.changing(found) as changed:
            invoice = self._next_invoice(changed)
            changed["status"] = "past_due"
            self.emit("invoice.payment_failed", invoice)
        return invoice

    @locked
    def end_period(self, subscription: str) -> Json:
        """Finish the period of a subscription. It renews, or ends if its end is scheduled."""
        found = self.live_subscription(subscription)
        return self.end_now(found) if is_ending(found) else self.renew(subscription)

    @locked
    def change_quantity(self, subscription: str, quantity: int) -> Json:
        """Increase the quantity in the middle of a period. The difference is prorated and billed."""
        found, cart = self.live_subscription(subscription), self.carts[subscription]
        (plan,) = (line for line in cart.lines if line.recurs)
        if found["status"] != "active" or is_ending(found) or quantity <= plan.quantity:
            raise NotPossible(f"{subscription} is {found['status']}, or scheduled to end, or {quantity} is not more.")
        with self.changing(found) as changed:
            item = changed["items"]["data"][0]
            changed_plan = replace(plan, quantity=quantity)
            self.carts[subscription] = replace(cart, lines=(changed_plan,))
            item["quantity"] = quantity
            credited = self.invoices[changed["latest_invoice"]]
            invoice = self.bill(changed, "subscription_update", (plan, changed_plan), self._name_of(changed))
            changed["latest_invoice"] = invoice["id"]
            self.prorate(invoice, credited)
            self.pay_invoice(invoice)
        return invoice

    @locked
    def cancel_in_portal(self, subscription: str) -> Json:
        """Cancel in the portal. This sets `cancel_at` of a flexible subscription, not `cancel_at_period_end`."""
        found = self.live_subscription(subscription)
        with self.changing(found) as changed:
            canceled_at, end = self.now(), period_of(changed)[1]
            changed.update(cancel_at=end, canceled_at=canceled_at, cancellation_details=dict(_REQUESTED))
        return found

    @locked
    def pause_in_portal(self, subscription: str) -> Json:
        """Pause in the portal: no invoice is made until it is resumed."""
        found = self.live_subscription(subscription)
        if found["status"] != "active":
            raise NotPossible(f"{subscription} is {found['status']}, not active.")
        found["status"] = "paused"
        self.emit("customer.subscription.paused", found)
        return found

    @locked
    def resume_in_portal(self, subscription: str) -> Json:
        """Resume a paused subscription in the portal."""
        found = self.live_subscription(subscription)
        if found["status"] != "paused":
            raise NotPossible(f"{subscription} is {found['status']}, not paused.")
        found["status"] = "active"
        self.emit("customer.subscription.resumed", found)
        return found

    @locked
    def pause_collection(self, subscription: str, behavior: str = "void") -> Json:
        """Pause collection in the dashboard, or (behavior empty) resume it. The status is unchanged."""
        found = self.live_subscription(subscription)
        with self.changing(found) as changed:
            changed["pause_collection"] = {"behavior": behavior, "resumes_at": None} if behavior else None
        return found

    def schedule_end(self, subscription: Json, *, is_wanted: bool) -> None:
        """Set or clear `cancel_at_period_end`. A `cancel_at` stays as it is."""
        with self.lock:
            if is_wanted != subscription["cancel_at_period_end"]:
                self._set_end(subscription, cancel_at_period_end=is_wanted)

    def clear_end(self, subscription: Json) -> None:
        """Clear `cancel_at`. A `cancel_at_period_end` stays as it is."""
        with self.lock:
            if subscription["cancel_at"]:
                self._set_end(subscription, cancel_at=None)

    def _set_end(self, subscription: Json, **fields: Any) -> None:
        with self.changing(subscription) as changed:
            changed.update(fields)
            changed.update(
                canceled_at=self.now() if is_ending(changed) else None,
                cancellation_details=dict(_REQUESTED if is_ending(changed) else _NOT_CANCELED),
            )

    @locked
    def end_now(self, subscription: Json) -> Json:
        """End a subscription immediately."""
        now = self.now()
        reason = subscription["cancellation_details"]["reason"] or "cancellation_requested"
        subscription.update(
            status="canceled",
            ended_at=now,
            canceled_at=subscription["canceled_at"] or now,
            cancellation_details={**subscription["cancellation_details"], "reason": reason},
        )
        self.emit("customer.subscription.deleted", subscription)
        return subscription

    def describe(self, subscription: Json, metadata: Json) -> None:
        """Merge metadata into a subscription. An empty value removes a key."""
        with self.lock, self.changing(subscription) as changed:
            merged = {**changed["metadata"], **metadata}
            changed["metadata"] = {name: value for name, value in merged.items() if value}

    def subscribe(self, session: Json, who: str) -> None:
        """Create the subscription of a session, and pay its first invoice."""
        cart, now = self.carts[session["id"]], self.now()
        subscription_id, customer = stripe_id("sub_1"), session["customer"]
        plan = next(line for line in cart.lines if line.recurs)
        created = shapes.subscription(
            subscription_id,
            customer,
            cart.subscription_metadata,
            now,
            next_period(now, now),
            product_id=plan.product.product_id,
            tariff=cart.tariff,
        )
        created["items"]["data"][0]["quantity"] = plan.quantity
        self.subscriptions[subscription_id] = created
        self.carts[subscription_id] = cart
        invoice = self.bill(created, "subscription_create", cart.lines, who)
        created["latest_invoice"] = session["invoice"] = invoice["id"]
        session.update(subscription=subscription_id, payment_status="paid")
        self.emit("checkout.session.completed", session)
        self.emit("customer.subscription.created", created)
        self.pay_invoice(invoice)

    def _name_of(self, subscription: Json) -> str:
        return self.customers[subscription["customer"]]

    def _next_invoice(self, subscription: Json) -> Json:
        """Move a subscription to its next period, and bill it."""
        item = subscription["items"]["data"][0]
        start, end = next_period(subscription["start_date"], item["current_period_end"])
        item.update(current_period_start=start, current_period_end=end)
        cart = self.carts[subscription["id"]]
        lines = tuple(line for line in cart.lines if line.recurs)
        invoice = self.bill(subscription, "subscription_cycle", lines, self._name_of(subscription))
        subscription["latest_invoice"] = invoice["id"]
        return invoice
