"""A Paddle account: its entities, and what customers, banks, Paddle's staff and time do. `paddle` answers the calls.

Every change is an event in the outbox. Of each line no more is given back than was paid for it, whatever was refunded,
waits for its approval, or was taken by a bank.
"""

import copy
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ledger.domain import catalogue
from ledger.domain.catalogue import Catalogue, Product, ProductKind
from ledger.providers.paddle import events as notifications
from tools import signing
from tools.fixtures import paddle_shapes as shapes
from tools.fixtures.tariff import Tariff
from tools.standins.clock import Clock, next_period, stamp
from tools.standins.faults import Faults
from tools.standins.ids import paddle_id
from tools.standins.outbox import Outbox
from tools.standins.server import NotPossible

Json = dict[str, Any]

LOCAL_KEY = "pdl_sdbx_apikey_local_only"
"""The API key that the stand-in takes unless told otherwise. It opens nothing."""

APPROVED_AT_ONCE_MINOR = 40000
"""Refunds up to here need nobody's approval, as Paddle has it for verified accounts."""

_TAKES = {"refund", "chargeback", "chargeback_warning"}
_COUNTS = {"pending_approval", "approved"}


@dataclass(frozen=True, slots=True)
class CartLine:
    """One line of a transaction."""

    product: Product
    price_id: str
    quantity: int

    @property
    def recurs(self) -> bool:
        return self.product.kind is ProductKind.SUBSCRIPTION


@dataclass(frozen=True, slots=True)
class Share:
    """What is adjusted of one line of a transaction."""

    item_id: str
    kind: str  # full, partial, tax
    total_minor: int
    tax_minor: int


class PaddleAccount:
    """An account in the sandbox."""

    name = "Paddle"

    def __init__(
        self,
        *,
        deliver_to: str | None = None,
        signing_secret: str = signing.LOCAL_SECRETS["paddle"],
        api_key: str = LOCAL_KEY,
        clock: Callable[[], float] = time.time,
        sold: Catalogue | None = None,
    ) -> None:
        self.url = ""
        self.api_key = api_key
        self.clock = Clock(clock, step_s=0.001)
        self.catalogue = sold or catalogue.load()
        self.faults = Faults()
        self.outbox = Outbox(
            "paddle",
            notifications.FUNCTIONS,
            deliver_to=deliver_to,
            signing_secret=signing_secret,
            is_accepted=lambda status: status == 200,
            # Each destination has a notification of its own of one event.
            notification=lambda event: {**event, "notification_id": paddle_id("ntf")},
        )
        self.approved_at_once_minor = APPROVED_AT_ONCE_MINOR
        self.lock = threading.RLock()
        self.customers: dict[str, str] = {}  # the name, by id
        self.transactions: dict[str, Json] = {}
        self.carts: dict[str, tuple[CartLine, ...]] = {}  # by transaction and by subscription
        self.subscriptions: dict[str, Json] = {}
        self.adjustments: dict[str, Json] = {}

    # ── What the API and the control surface need ─────────────────────────────────────────────────────────────────────

    @property
    def acts(self) -> Mapping[str, Callable[..., Any]]:
        done: tuple[Callable[..., Any], ...] = (
            self.add_customer,
            self.pay,
            self.pay_again,
            self.decline,
            self.renew,
            self.fail_renewal,
            self.end_period,
            self.change_quantity,
            self.refund,
            self.approve,
            self.reject,
            self.reverse,
            self.open_chargeback,
            self.win_chargeback,
            self.approve_at_once,
            self.advance,
            self.fault,
            self.work,
            self.mute,
            self.send_again,
            self.events,
            self.drain,
        )
        return {act.__name__: act for act in done}

    def checkout_page(self, checkout_id: str) -> list[tuple[str, str]]:
        transaction = self._transaction(checkout_id)
        lines = [f"{line.quantity} × {line.product.name}" for line in self.carts[checkout_id]]
        totals = transaction["details"]["totals"]
        total = f"{totals['grand_total']} {totals['currency_code']} in minor units"
        return [("sells", ", ".join(lines)), ("costs", total), ("is", transaction["status"])]

    # ── Customers ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def add_customer(self, name: str = "Ada") -> str:
        """Somebody becomes a customer; returns the id."""
        customer_id = paddle_id("ctm")
        self.customers[customer_id] = name
        return customer_id

    def open_transaction(
        self,
        cart: tuple[CartLine, ...],
        currency: str,
        *,
        customer: str | None,
        custom: Json | None,
        page: str | None,
    ) -> Json:
        """Make a transaction that its customer is to pay. Without a customer it is a draft."""
        with self.lock:
            transaction_id, at = paddle_id("txn"), stamp(self.clock.now())
            made = self._shape(
                transaction_id, at, cart, currency, customer=customer or "", custom=custom, status="ready", origin="api"
            )
            made["checkout"] = {"url": f"{page or self.url + '/_standin/checkout'}?_ptxn={transaction_id}"}
            if customer is None:
                made.update(status="draft", customer_id=None, address_id=None)
            self.transactions[transaction_id] = made
            self.carts[transaction_id] = cart
            return made

    def pay(self, checkout: str) -> Json:
        """The customer pays a transaction; a recurring line becomes a subscription."""
        with self.lock:
            found = self._transaction(checkout)
            if found["status"] not in {"draft", "ready"}:
                raise NotPossible(f"{checkout} is {found['status']}: nobody can pay it.")
            now, cart = self.clock.now(), self.carts[checkout]
            customer = found["customer_id"] or self.add_customer()
            plan = next((line for line in cart if line.recurs), None)
            period = next_period(int(now), int(now)) if plan else None
            subscription_id = paddle_id("sub") if plan else None
            paid = self._complete(found, customer=customer, subscription_id=subscription_id, period=period)
            if plan and subscription_id and period:
                self._subscribe(subscription_id, paid, plan, period)
            return copy.deepcopy(paid)

    def pay_again(self, checkout: str) -> Json:
        """The customer pays for the same once more, by a second transaction of the same order: a duplicate charge."""
        with self.lock:
            paid = self._transaction(checkout)
            if paid["status"] != "completed":
                raise NotPossible(f"{checkout} is {paid['status']}: it was not paid once.")
            twin = self.open_transaction(
                self.carts[checkout],
                paid["currency_code"],
                customer=paid["customer_id"],
                custom=paid["custom_data"],
                page=None,
            )
            return self.pay(twin["id"])

    def decline(self, checkout: str) -> Json:
        """The customer's card is declined; another may be tried."""
        with self.lock:
            found = self._transaction(checkout)
            if found["status"] not in {"draft", "ready"}:
                raise NotPossible(f"{checkout} is {found['status']}: nobody can pay it.")
            found["payments"] = [self._attempt(found, is_captured=False), *found["payments"]]
            found["updated_at"] = stamp(self.clock.now())
            self._tell("transaction.payment_failed", found)
            return copy.deepcopy(found)

    def schedule_end(self, subscription: Json, *, is_wanted: bool) -> None:
        """Let a subscription end with its period, or no longer."""
        with self.lock:
            end = subscription["current_billing_period"]["ends_at"]
            change = {"action": "cancel", "effective_at": end, "resume_at": None} if is_wanted else None
            if subscription["scheduled_change"] != change:
                self._change(subscription, "updated", scheduled_change=change)

    def describe(self, subscription: Json, custom: Json | None) -> None:
        """Replace a subscription's custom_data."""
        with self.lock:
            self._change(subscription, "updated", custom_data=custom)

    def end_now(self, subscription: Json) -> Json:
        """End a subscription."""
        with self.lock:
            for item in subscription["items"]:
                item.update(status="inactive", next_billed_at=None)
            self._change(
                subscription,
                "canceled",
                status="canceled",
                canceled_at=stamp(self.clock.now()),
                scheduled_change=None,
                current_billing_period=None,
                next_billed_at=None,
            )
            return copy.deepcopy(subscription)

    # ── Time ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def renew(self, subscription: str) -> Json:
        """A subscription's next period begins and is paid; of one that is past due, the period that is owed."""
        with self.lock:
            found = self._live_subscription(subscription)
            if found["scheduled_change"]:
                raise NotPossible(f"{subscription} is set to end: end its period.")
            if found["status"] == "past_due":
                owed = next(one for one in self.transactions.values() if self._is_owed(one, subscription))
                paid = self._complete(owed, customer=found["customer_id"], subscription_id=subscription)
                self._change(found, "updated", status="active")
                return copy.deepcopy(paid)
            self._begin_period(found)
            self._change(found, "updated")
            billed = self._bill(found)
            paid = self._complete(billed, customer=found["customer_id"], subscription_id=subscription)
            return copy.deepcopy(paid)

    def fail_renewal(self, subscription: str) -> Json:
        """A subscription's next period begins, and its card is declined."""
        with self.lock:
            found = self._live_subscription(subscription)
            if found["scheduled_change"] or found["status"] == "past_due":
                raise NotPossible(f"{subscription} is past due already, or set to end.")
            self._begin_period(found)
            billed = self._bill(found)
            billed["payments"] = [self._attempt(billed, is_captured=False)]
            self._tell("transaction.payment_failed", billed)
            self._change(found, "past_due", status="past_due")
            return copy.deepcopy(billed)

    def end_period(self, subscription: str) -> Json:
        """A subscription's period is over: it renews, or ends if it was to."""
        with self.lock:
            found = self._live_subscription(subscription)
            return self.end_now(found) if found["scheduled_change"] else self.renew(subscription)

    def change_quantity(self, subscription: str, quantity: int) -> Json:
        """The customer takes more of the plan in the middle of a period: what differs is prorated and billed."""
        with self.lock:
            found = self._live_subscription(subscription)
            (plan,) = self.carts[subscription]
            if found["status"] != "active" or found["scheduled_change"] or quantity <= plan.quantity:
                raise NotPossible(f"{subscription} is {found['status']}, or set to end, or {quantity} is not more.")
            more = replace(plan, quantity=quantity - plan.quantity)
            self.carts[subscription] = (replace(plan, quantity=quantity),)
            self._change(found, "updated", items=[found["items"][0] | {"quantity": quantity}])
            billed = self._bill(found, origin="subscription_update", cart=(more,), is_proration=True)
            paid = self._complete(
                billed,
                customer=found["customer_id"],
                subscription_id=subscription,
                is_proration=True,
            )
            return copy.deepcopy(paid)

    def advance(self, seconds: float) -> str:
        """Time passes. Subscriptions wait until you `renew` them."""
        self.clock.advance(seconds)
        return f"it is {stamp(self.clock.now())}"

    # ── Refunds ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def refund(self, transaction: str, reason: str = "asked Paddle") -> Json:
        """Paddle gives back what is left of a transaction without being asked by us."""
        with self.lock:
            found = self._transaction(transaction)
            shares = self.whole(found)
            if found["status"] != "completed" or not shares or self.has_pending(transaction):
                raise NotPossible(f"{transaction} was not paid, was given back, or waits for an approval.")
            made = self.adjust(found, "refund", shares, reason=reason, kind="full", status="approved")
            return copy.deepcopy(made)

    def left_of(self, transaction: Json) -> dict[str, tuple[int, int]]:
        """What can still be given back of each line, and the tax in it."""
        left = {
            line["id"]: [int(line["totals"]["total"]), int(line["totals"]["tax"])]
            for line in transaction["details"]["line_items"]
        }
        for one in self._counted(transaction["id"], _COUNTS):
            for item in one["items"]:
                left[item["item_id"]][0] -= int(item["totals"]["total"])
                left[item["item_id"]][1] -= int(item["totals"]["tax"])
        return {item_id: (total, tax) for item_id, (total, tax) in left.items()}

    def whole(self, transaction: Json) -> list[Share]:
        """All that is left of a transaction."""
        left = self.left_of(transaction).items()
        return [Share(item_id, "full", total, tax) for item_id, (total, tax) in left if total > 0]

    def has_pending(self, transaction_id: str) -> bool:
        """Does a refund of it wait for its approval?"""
        return any(
            one["transaction_id"] == transaction_id and one["status"] == "pending_approval"
            for one in self.adjustments.values()
        )

    def adjust(
        self, transaction: Json, action: str, shares: list[Share], *, reason: str, kind: str, status: str | None = None
    ) -> Json:
        """Adjust a transaction by shares that were checked. A refund is approved at once unless it is large."""
        with self.lock:
            adjustment_id, at = paddle_id("adj"), stamp(self.clock.now())
            total = sum(share.total_minor for share in shares)
            if status is None:
                status = "approved" if total <= self.approved_at_once_minor else "pending_approval"
            made = shapes.adjustment(adjustment_id, transaction, action, status, at)
            made["items"] = [_item(adjustment_id, position, share) for position, share in enumerate(shares)]
            made.update(type=kind, reason=reason)
            self.adjustments[adjustment_id] = made
            self._total(made)
            self._total_adjusted(transaction)
            self._tell("adjustment.created", made)
            return made

    def approve(self, adjustment: str) -> Json:
        """Paddle approves a refund."""
        return self._decide(adjustment, "pending_approval", "approved")

    def reject(self, adjustment: str) -> Json:
        """Paddle rejects a refund."""
        return self._decide(adjustment, "pending_approval", "rejected")

    def reverse(self, adjustment: str) -> Json:
        """A refund that was approved comes back: the money is ours again."""
        found = self._adjustment(adjustment)
        if found["action"] != "refund":
            raise NotPossible(f"{adjustment} is no refund: win the chargeback.")
        return self._decide(adjustment, "approved", "reversed")

    def approve_at_once(self, up_to_minor: int) -> int:
        """From now on refunds up to this amount need no approval; 0: every one does."""
        self.approved_at_once_minor = up_to_minor
        return up_to_minor

    # ── Banks ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def open_chargeback(self, transaction: str, is_warning: bool = False) -> Json:
        """A bank takes back what is left of a payment, or warns so that Paddle gives it back: gone either way."""
        with self.lock:
            found = self._transaction(transaction)
            for one in list(self.adjustments.values()):
                if one["transaction_id"] == transaction and one["status"] == "pending_approval":
                    self.reject(one["id"])
            shares = self.whole(found)
            if found["status"] != "completed" or not shares:
                raise NotPossible(f"{transaction} was not paid, or nothing is left of it.")
            action = "chargeback_warning" if is_warning else "chargeback"
            made = self.adjust(found, action, shares, reason="chargeback", kind="full", status="approved")
            return copy.deepcopy(made)

    def win_chargeback(self, adjustment: str) -> Json:
        """Paddle wins a chargeback, or the bank takes its warning back: the money returns."""
        with self.lock:
            found = self._adjustment(adjustment)
            if found["action"] not in _TAKES - {"refund"} or found["status"] != "approved":
                raise NotPossible(f"{adjustment} is no open chargeback: {found['action']}, {found['status']}.")
            returned = shapes.adjustment(
                paddle_id("adj"),
                self.transactions[found["transaction_id"]],
                f"{found['action']}_reverse",
                "approved",
                stamp(self.clock.now()),
            )
            returned["items"] = [item | {"id": paddle_id("adjitm")} for item in found["items"]]
            returned["reason"] = "chargeback reversed"
            self.adjustments[returned["id"]] = returned
            self._total(returned)
            self._tell("adjustment.created", returned)
            self._decide(adjustment, "approved", "reversed")
            return copy.deepcopy(returned)

    # ── Webhooks and faults ───────────────────────────────────────────────────────────────────────────────────────────

    def fault(self, method: str, path: str, kind: str, times: int = 1, seconds: float = 0) -> str:
        """Let the next calls that match go wrong: 429, 503, 500, lost_before, lost_after or slow."""
        self.faults.add(method, path, kind, times=times, seconds=seconds)
        return f"the next {times} of {method} {path}: {kind}"

    def work(self) -> str:
        """From now on everything works, and webhooks are delivered."""
        self.faults.clear()
        self.outbox.is_muted = False
        return "everything works"

    def mute(self) -> str:
        """From now on webhooks get lost. `GET /events` still lists what happens."""
        self.outbox.is_muted = True
        return "webhooks get lost"

    def send_again(self, event: str) -> str:
        """Deliver an event once more."""
        self.outbox.send_again(event)
        return event

    def events(self) -> list[Json]:
        """Everything that happened, oldest first."""
        return list(self.outbox.events)

    def drain(self, timeout_s: float = 30) -> list[str]:
        """Wait until every webhook was delivered; returns the events that were refused to the last."""
        return [delivery.event_id for delivery in self.outbox.drain(timeout_s)]

    # ── How it is done ────────────────────────────────────────────────────────────────────────────────────────────────

    def _tell(self, event_type: str, data: Json) -> None:
        event_id = paddle_id("evt")
        at = stamp(self.clock.next_for(data["id"]))
        event = {"event_id": event_id, "event_type": event_type, "occurred_at": at, "data": data}
        self.outbox.put(event_id, event_type, event)

    def _change(self, subscription: Json, event: str, **fields: Any) -> None:
        subscription.update(fields, updated_at=stamp(self.clock.now()))
        self._tell(f"subscription.{event}", subscription)

    def _transaction(self, transaction: str) -> Json:
        if transaction not in self.transactions:
            raise NotPossible(f"There is no transaction {transaction}.")
        return self.transactions[transaction]

    def _live_subscription(self, subscription: str) -> Json:
        found = self.subscriptions.get(subscription)
        if found is None or found["status"] == "canceled":
            raise NotPossible(f"{subscription} has ended, or is not known.")
        return found

    def _adjustment(self, adjustment: str) -> Json:
        if adjustment not in self.adjustments:
            raise NotPossible(f"There is no adjustment {adjustment}.")
        return self.adjustments[adjustment]

    def _shape(self, transaction_id: str, at: str, cart: tuple[CartLine, ...], currency: str, **fields: Any) -> Json:
        """A transaction of a cart at our catalogue's prices."""
        return shapes.transaction(
            transaction_id,
            at,
            [(line.product.product_id, line.quantity) for line in cart],
            tariff=_tariff(cart, currency),
            invoice_number=f"1234-{10001 + len(self.transactions)}",
            **fields,
        )

    def _attempt(self, transaction: Json, *, is_captured: bool) -> Json:
        made = shapes.attempt(str(uuid.uuid4()), paddle_id("paymtd"), stamp(self.clock.now()), is_captured=is_captured)
        return made | {"amount": transaction["details"]["totals"]["grand_total"]}

    def _complete(
        self,
        transaction: Json,
        *,
        customer: str,
        subscription_id: str | None,
        period: tuple[int, int] | None = None,
        is_proration: bool = False,
    ) -> Json:
        """The money is captured and processed."""
        billed = transaction["billing_period"]
        span = (stamp(period[0]), stamp(period[1])) if period else tuple(billed.values()) if billed else None
        paid = self._shape(
            transaction["id"],
            transaction["created_at"],
            self.carts[transaction["id"]],
            transaction["currency_code"],
            customer=customer,
            custom=transaction["custom_data"],
            origin=transaction["origin"],
            subscription_id=subscription_id,
            period=span,
            attempts=[self._attempt(transaction, is_captured=True), *transaction["payments"]],
            is_proration=is_proration,
            updated_at=stamp(self.clock.now()),
        )
        number = transaction["invoice_number"] or paid["invoice_number"]
        kept = {"checkout": transaction["checkout"], "billed_at": transaction["billed_at"] or paid["updated_at"]}
        transaction.update(paid, **kept, invoice_number=number)
        self._tell("transaction.completed", transaction)
        return transaction

    def _subscribe(self, subscription_id: str, paid: Json, plan: CartLine, period: tuple[int, int]) -> None:
        at = stamp(period[0])
        made = shapes.subscription(
            subscription_id,
            at,
            (at, stamp(period[1])),
            customer=paid["customer_id"],
            custom=paid["custom_data"],
            product_id=plan.product.product_id,
            tariff=_tariff((plan,), paid["currency_code"]),
        )
        made["items"][0]["quantity"] = plan.quantity
        self.subscriptions[subscription_id] = made
        self.carts[subscription_id] = (plan,)
        # Only the event of its creation names the transaction.
        event = made | {"transaction_id": paid["id"]}
        self._tell("subscription.created", event)
        self._tell("subscription.activated", made)

    def _begin_period(self, subscription: Json) -> None:
        started, ends = (
            int(datetime.fromisoformat(at).timestamp())
            for at in (subscription["started_at"], subscription["current_billing_period"]["ends_at"])
        )
        period = next_period(started, ends)
        starts_at, ends_at = stamp(period[0]), stamp(period[1])
        subscription.update(current_billing_period={"starts_at": starts_at, "ends_at": ends_at}, next_billed_at=ends_at)
        for item in subscription["items"]:
            item.update(previously_billed_at=starts_at, next_billed_at=ends_at)

    def _bill(
        self,
        subscription: Json,
        *,
        origin: str = "subscription_recurring",
        cart: tuple[CartLine, ...] | None = None,
        is_proration: bool = False,
    ) -> Json:
        """A transaction for a subscription's present period, not paid yet."""
        transaction_id, cart = paddle_id("txn"), cart or self.carts[subscription["id"]]
        period = subscription["current_billing_period"]
        made = self._shape(
            transaction_id,
            stamp(self.clock.now()),
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
        self.transactions[transaction_id] = made
        self.carts[transaction_id] = cart
        return made

    def _is_owed(self, transaction: Json, subscription_id: str) -> bool:
        return (transaction["subscription_id"], transaction["status"]) == (subscription_id, "past_due")

    def _counted(self, transaction_id: str, statuses: set[str]) -> list[Json]:
        """The adjustments that took money from a transaction."""
        return [
            one
            for one in self.adjustments.values()
            if one["transaction_id"] == transaction_id and one["action"] in _TAKES and one["status"] in statuses
        ]

    def _decide(self, adjustment: str, before: str, after: str) -> Json:
        with self.lock:
            found = self._adjustment(adjustment)
            if found["status"] != before:
                raise NotPossible(f"{adjustment} is {found['status']}, not {before}.")
            found.update(status=after, updated_at=stamp(self.clock.now()))
            self._total(found)
            self._total_adjusted(self.transactions[found["transaction_id"]])
            self._tell("adjustment.updated", found)
            return copy.deepcopy(found)

    def _total(self, adjustment: Json) -> None:
        """An adjustment's sums, from its items. Payouts have them once it is approved."""
        sums = {
            name: str(sum(int(item["totals"][name]) for item in adjustment["items"]))
            for name in ("subtotal", "tax", "total")
        }
        shown = {
            **sums,
            "fee": "0",
            "retained_fee": "0",
            "earnings": sums["subtotal"],
            "currency_code": adjustment["currency_code"],
        }
        fee = "1500" if adjustment["action"] == "chargeback" else "0"
        is_settled = adjustment["status"] in {"approved", "reversed"}
        adjustment.update(
            totals=shown,
            payout_totals=shown | {"chargeback_fee": {"amount": fee, "original": None}} if is_settled else None,
            tax_rates_used=[{"tax_rate": "0.1", "totals": sums}],
        )

    def _total_adjusted(self, transaction: Json) -> None:
        """What is left of a transaction's totals after everything that was taken from it."""
        totals, adjusted = transaction["details"]["totals"], transaction["details"]["adjusted_totals"]
        taken = self._counted(transaction["id"], {"approved"})
        sums = {name: sum(int(one["totals"][name]) for one in taken) for name in ("subtotal", "tax", "total")}
        net = int(totals["subtotal"]) - int(totals["discount"])
        adjusted.update(
            subtotal=str(net - sums["subtotal"]),
            tax=str(int(totals["tax"]) - sums["tax"]),
            total=str(int(totals["total"]) - sums["total"]),
            grand_total=str(int(totals["grand_total"]) - sums["total"]),
            grand_total_tax=str(int(totals["grand_total_tax"]) - sums["tax"]),
        )


def _tariff(cart: tuple[CartLine, ...], currency: str) -> Tariff:
    prices = {line.product.product_id: (line.price_id, line.product.prices[currency]) for line in cart}
    return Tariff(currency, prices, frozenset(line.product.product_id for line in cart if line.recurs))


def _item(adjustment_id: str, position: int, share: Share) -> Json:
    return {
        "id": f"adjitm_{adjustment_id[4:-1]}{position}",
        "item_id": share.item_id,
        "type": share.kind,
        "amount": str(share.total_minor),
        "proration": None,
        "totals": {
            "subtotal": str(share.total_minor - share.tax_minor),
            "tax": str(share.tax_minor),
            "total": str(share.total_minor),
        },
    }
