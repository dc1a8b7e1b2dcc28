"""A Stripe account: its objects, and what customers, banks and time do to them. `stripe` answers the calls.

Every change is an event in the outbox, as Stripe tells it. Charges keep their running total of refunds; a charge that
a bank holds or has taken back can't be refunded.
"""

import contextlib
import copy
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ledger.domain import catalogue
from ledger.domain.catalogue import Catalogue, Product, ProductKind
from ledger.providers.stripe import events as notifications
from tools import signing
from tools.fixtures import stripe_shapes as shapes
from tools.fixtures.tariff import Tariff
from tools.standins.clock import DAY_S, Clock, next_period
from tools.standins.faults import Faults
from tools.standins.idempotency import Keys
from tools.standins.ids import stripe_id
from tools.standins.outbox import Outbox
from tools.standins.server import NotPossible

Json = dict[str, Any]

LOCAL_KEY = "sk_test_local_only"
"""The API key that the stand-in takes unless told otherwise. It opens nothing."""

DISPUTE_FEE_MINOR = 1500
_HELD = {"needs_response", "under_review", "appeal_needs_response", "appeal_under_review", "lost"}
_ASKED_FOR = {**shapes.nulls("comment feedback feedback_option"), "reason": "cancellation_requested"}
_STAYS = shapes.nulls("comment feedback feedback_option reason")


@dataclass(frozen=True, slots=True)
class CartLine:
    """One line of a checkout."""

    product: Product
    price_id: str
    quantity: int
    unit_minor: int

    @property
    def amount_minor(self) -> int:
        return self.unit_minor * self.quantity


@dataclass(frozen=True, slots=True)
class Cart:
    """What a Checkout Session sells, and the metadata that it hands on."""

    lines: tuple[CartLine, ...]
    currency: str  # lower case, as everywhere at Stripe
    is_taxed: bool
    payment_metadata: Json
    subscription_metadata: Json

    @property
    def tariff(self) -> Tariff:
        """What it costs, for the shapes."""
        recurring = {line.product.product_id for line in self.lines if line.product.kind is ProductKind.SUBSCRIPTION}
        prices = {line.product.product_id: (line.price_id, line.unit_minor) for line in self.lines}
        return Tariff(self.currency.upper(), prices, frozenset(recurring))


class StripeAccount:
    """An account in test mode."""

    name = "Stripe"

    def __init__(
        self,
        *,
        deliver_to: str | None = None,
        signing_secret: str = signing.LOCAL_SECRETS["stripe"],
        api_key: str = LOCAL_KEY,
        clock: Callable[[], float] = time.time,
        sold: Catalogue | None = None,
    ) -> None:
        self.url = ""
        self.api_key = api_key
        self.clock = Clock(clock)
        self.catalogue = sold or catalogue.load()
        self.faults = Faults()
        self.keys = Keys(self.clock.now)
        self.outbox = Outbox(
            "stripe",
            notifications.FUNCTIONS,
            deliver_to=deliver_to,
            signing_secret=signing_secret,
            is_accepted=lambda status: 200 <= status < 300,
            notification=lambda event: event,
        )
        self.tax_percent = 20  # where a checkout asks for automatic tax
        self.refunds_begin = "succeeded"  # or pending, as when the balance is low
        self.lock = threading.RLock()
        self.sessions: dict[str, Json] = {}
        self.carts: dict[str, Cart] = {}
        self.customers: dict[str, str] = {}  # the name, by id
        self.charges: dict[str, Json] = {}
        self.charge_of_intent: dict[str, str] = {}
        self.invoices: dict[str, Json] = {}
        self.invoice_payments: dict[str, Json] = {}
        self.subscriptions: dict[str, Json] = {}
        self.refunds: dict[str, Json] = {}
        self.disputes: dict[str, Json] = {}
        self.warnings: dict[str, Json] = {}

    # ── What the API and the control surface need ─────────────────────────────────────────────────────────────────────

    @property
    def acts(self) -> Mapping[str, Callable[..., Any]]:
        done: tuple[Callable[..., Any], ...] = (
            self.add_customer,
            self.pay,
            self.pay_again,
            self.arrive,
            self.bounce,
            self.renew,
            self.fail_renewal,
            self.end_period,
            self.change_quantity,
            self.cancel_in_portal,
            self.refund,
            self.settle_refund,
            self.fail_refund,
            self.open_dispute,
            self.escalate_dispute,
            self.respond_to_dispute,
            self.appeal_dispute,
            self.close_dispute,
            self.warn_of_fraud,
            self.begin_refunds_as,
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
        session = self._session(checkout_id)
        lines = [f"{line.quantity} × {line.product.name}" for line in self.carts[checkout_id].lines]
        then = session["success_url"].replace("{CHECKOUT_SESSION_ID}", checkout_id)
        total = f"{session['amount_total']} {session['currency'].upper()} in minor units"
        return [("sells", ", ".join(lines)), ("costs", total), ("is", session["status"]), ("then", then)]

    # ── Customers ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def add_customer(self, name: str = "Ada") -> str:
        """Somebody becomes a customer; returns the id."""
        customer_id = stripe_id("cus_", 17)
        self.customers[customer_id] = name
        return customer_id

    def open_checkout(self, cart: Cart, fields: Json) -> Json:
        """Make a Checkout Session of a cart."""
        with self.lock:
            now = self._now()
            session_id = stripe_id("cs_test_a1", 62)
            subtotal = sum(line.amount_minor for line in cart.lines)
            tax = self.tax_on(subtotal) if cart.is_taxed else 0
            is_subscription = fields["mode"] == "subscription"
            url = f"{self.url}/_standin/checkout?id={session_id}"
            shown = {
                "id": session_id,
                "amount_subtotal": subtotal,
                "amount_total": subtotal + tax,
                "created": now,
                "currency": cart.currency,
                "customer_creation": None if is_subscription or fields.get("customer") else "if_required",
                "expires_at": now + DAY_S,
                "metadata": {},
                "payment_method_collection": "always" if is_subscription else "if_required",
                "payment_status": "unpaid",
                "status": "open",
                "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": tax},
                "customer_details": None,
                "url": url,
            } | fields
            if cart.is_taxed:
                liability = {"account": None, "type": "self"}
                shown["automatic_tax"] = {
                    "enabled": True,
                    "liability": liability,
                    "provider": "stripe",
                    "status": "complete",
                }
            self.sessions[session_id] = shapes.session("Ada", **shown)
            self.carts[session_id] = cart
            return self.sessions[session_id]

    def pay(self, checkout: str, is_delayed: bool = False) -> Json:
        """The customer pays a checkout: by card, or (`is_delayed`) a transfer that will `arrive` or `bounce`."""
        with self.lock:
            session = self._session(checkout)
            self._expire_if_due(session)
            if session["status"] != "open":
                raise NotPossible(f"{checkout} is {session['status']}: nobody can pay it.")
            if is_delayed and session["mode"] == "subscription":
                raise NotPossible("A subscription is paid by card here.")
            who = self._become_customer(session)
            session.update(status="complete", url=None)
            session["customer_details"] = shapes.session(who)["customer_details"]
            if session["mode"] == "subscription":
                self._subscribe(session, who)
                return copy.deepcopy(session)
            session["payment_intent"] = stripe_id("pi_3")
            if is_delayed:
                session["payment_method_types"] = ["customer_balance"]
            else:
                self._capture(session, who)
            self._tell("checkout.session.completed", session)
            return copy.deepcopy(session)

    def pay_again(self, checkout: str) -> Json:
        """The customer pays for the same once more, on a second page of the same order: a duplicate charge."""
        with self.lock:
            paid = self._session(checkout)
            if paid["status"] != "complete":
                raise NotPossible(f"{checkout} is {paid['status']}: it was not paid once.")
            kept = "mode metadata client_reference_id success_url cancel_url customer customer_email"
            twin = self.open_checkout(self.carts[checkout], {name: paid[name] for name in kept.split()})
            return self.pay(twin["id"])

    def arrive(self, checkout: str) -> Json:
        """The transfer for a checkout arrives."""
        return self._end_delay(checkout, has_arrived=True)

    def bounce(self, checkout: str) -> Json:
        """The transfer for a checkout never arrives."""
        return self._end_delay(checkout, has_arrived=False)

    def expire_checkout(self, session: Json) -> None:
        """An open checkout can no longer be paid."""
        session.update(status="expired", url=None)
        self._tell("checkout.session.expired", session)

    def cancel_in_portal(self, subscription: str) -> Json:
        """The customer cancels in the portal: a flexible subscription then has `cancel_at`, nothing else."""
        with self.lock:
            found = self._live_subscription(subscription)
            with self._changing(found) as changed:
                canceled_at, end = self._now(), _period(changed)[1]
                changed.update(cancel_at=end, canceled_at=canceled_at, cancellation_details=dict(_ASKED_FOR))
            return copy.deepcopy(found)

    def schedule_end(self, subscription: Json, *, is_wanted: bool) -> None:
        """Let a subscription end with its period, or no longer."""
        with self.lock, self._changing(subscription) as changed:
            if is_wanted and changed["cancel_at_period_end"]:
                return
            changed.update(
                cancel_at_period_end=is_wanted,
                cancel_at=_period(changed)[1] if is_wanted else None,
                canceled_at=self._now() if is_wanted else None,
                cancellation_details=dict(_ASKED_FOR if is_wanted else _STAYS),
            )

    def end_now(self, subscription: Json) -> Json:
        """End a subscription at once."""
        with self.lock:
            now = self._now()
            reason = subscription["cancellation_details"]["reason"] or "cancellation_requested"
            subscription.update(
                status="canceled",
                ended_at=now,
                canceled_at=subscription["canceled_at"] or now,
                cancellation_details={**subscription["cancellation_details"], "reason": reason},
            )
            self._tell("customer.subscription.deleted", subscription)
            return copy.deepcopy(subscription)

    # ── Time ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def renew(self, subscription: str) -> Json:
        """A subscription's next period begins and is paid; of one that is past due, the period that is owed."""
        with self.lock:
            found = self._live_subscription(subscription)
            if found["cancel_at"]:
                raise NotPossible(f"{subscription} is set to end: end its period.")
            with self._changing(found) as changed:
                if changed["status"] == "past_due":
                    invoice = self.invoices[changed["latest_invoice"]]
                    invoice.update(attempt_count=invoice["attempt_count"] + 1)
                else:
                    invoice = self._next_invoice(changed)
                changed["status"] = "active"
                self._pay_invoice(invoice)
            return copy.deepcopy(invoice)

    def fail_renewal(self, subscription: str) -> Json:
        """A subscription's next period begins, and its card is declined."""
        with self.lock:
            found = self._live_subscription(subscription)
            if found["cancel_at"] or found["status"] == "past_due":
                raise NotPossible(f"{subscription} is past due already, or set to end.")
            with self._changing(found) as changed:
                invoice = self._next_invoice(changed)
                changed["status"] = "past_due"
                self._tell("invoice.payment_failed", invoice)
            return copy.deepcopy(invoice)

    def end_period(self, subscription: str) -> Json:
        """A subscription's period is over: it renews, or ends if it was to."""
        with self.lock:
            found = self._live_subscription(subscription)
            return self.end_now(found) if found["cancel_at"] else self.renew(subscription)

    def change_quantity(self, subscription: str, quantity: int) -> Json:
        """The customer takes more of the plan in the middle of a period: what differs is prorated and billed."""
        with self.lock:
            found, cart = self._live_subscription(subscription), self.carts[subscription]
            (plan,) = (line for line in cart.lines if line.product.kind is ProductKind.SUBSCRIPTION)
            if found["status"] != "active" or found["cancel_at"] or quantity <= plan.quantity:
                raise NotPossible(f"{subscription} is {found['status']}, or set to end, or {quantity} is not more.")
            with self._changing(found) as changed:
                item = changed["items"]["data"][0]
                wanted = replace(plan, quantity=quantity)
                self.carts[subscription] = replace(cart, lines=(wanted,))
                item["quantity"] = quantity
                invoice = self._invoice(changed, "subscription_update", (plan, wanted), self._name_of(changed))
                changed["latest_invoice"] = invoice["id"]
                self._prorate(invoice)
                self._pay_invoice(invoice)
            return copy.deepcopy(invoice)

    def advance(self, seconds: float) -> str:
        """Time passes. Checkouts expire and keys are forgotten; subscriptions wait until you `renew` them."""
        with self.lock:
            self.clock.advance(seconds)
            for session in self.sessions.values():
                self._expire_if_due(session)
            return f"it is {self._now()}"

    # ── Refunds ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def refund(self, payment: str, amount: int | None = None, reason: str = "requested_by_customer") -> Json:
        """A person gives money back in the dashboard: all that is left of a `pi_`, `ch_`, `cs_` or `in_`, or less."""
        with self.lock:
            charge = self.charge_of(payment)
            remaining = charge["amount_captured"] - charge["amount_refunded"]
            if self.held_by_bank(charge) or not 0 < (amount or remaining) <= remaining:
                raise NotPossible(f"{remaining} of {charge['id']} can be given back, unless a bank holds it.")
            return self.give_back(charge, amount or remaining, reason=reason, metadata={})

    def give_back(self, charge: Json, amount: int, *, reason: str | None, metadata: Json) -> Json:
        """Refund a charge by an amount that was checked."""
        with self.lock:
            refund_id = stripe_id("re_3")
            made = shapes.refund(
                refund_id,
                charge["id"],
                charge["payment_intent"],
                amount,
                self._now(),
                currency=charge["currency"],
                customer=charge["customer"],
                metadata=metadata,
                payment_method=charge["payment_method"],
                reason=reason,
                status=self.refunds_begin,
                pending_reason="insufficient_funds" if self.refunds_begin == "pending" else None,
            )
            self.refunds[refund_id] = made
            self._tell("refund.created", made)
            before = copy.deepcopy(charge)
            self._total_refunds(charge)
            self._tell("charge.refunded", charge, before)
            self._outdate_warnings(charge)
            return copy.deepcopy(made)

    def settle_refund(self, refund: str) -> Json:
        """A pending refund is carried out."""
        with self.lock:
            found = self._refund(refund)
            if found["status"] != "pending":
                raise NotPossible(f"{refund} is {found['status']}, not pending.")
            before = copy.deepcopy(found)
            found.update(status="succeeded", pending_reason=None)
            self._tell("refund.updated", found, before)
            return copy.deepcopy(found)

    def fail_refund(self, refund: str, reason: str = "expired_or_canceled_card") -> Json:
        """The bank sends a refund back, perhaps days later: the money is ours again."""
        with self.lock:
            found = self._refund(refund)
            if found["status"] not in {"pending", "succeeded"}:
                raise NotPossible(f"{refund} is {found['status']} already.")
            before = copy.deepcopy(found)
            found.update(
                status="failed",
                failure_reason=reason,
                pending_reason=None,
                failure_balance_transaction=stripe_id("txn_1", 24),
            )
            self._total_refunds(self.charges[found["charge"]])
            self._tell("refund.updated", found, before)
            self._tell("refund.failed", found)
            return copy.deepcopy(found)

    def begin_refunds_as(self, status: str) -> str:
        """From now on refunds begin as `succeeded` or `pending`."""
        if status not in {"succeeded", "pending"}:
            raise ValueError("a refund begins as succeeded or pending")
        self.refunds_begin = status
        return status

    # ── Banks ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def open_dispute(
        self,
        payment: str,
        amount: int | None = None,
        reason: str = "fraudulent",
        is_inquiry: bool = False,
    ) -> Json:
        """A bank contests a payment. The money is withdrawn at once, unless it only asks (`is_inquiry`)."""
        with self.lock:
            charge = self.charge_of(payment)
            dispute_id = stripe_id("dp_1")
            made = shapes.dispute(
                dispute_id,
                charge["id"],
                charge["payment_intent"],
                amount or charge["amount_captured"] - charge["amount_refunded"],
                "warning_needs_response" if is_inquiry else "needs_response",
                self._now(),
                [],
                currency=charge["currency"],
                reason=reason,
            )
            if made["amount"] <= 0:
                raise NotPossible(f"All of {charge['id']} was given back: there is nothing to contest.")
            self.disputes[dispute_id] = made
            charge["disputed"] = True
            if not is_inquiry:
                self._move_dispute(made, -1)
            self._tell("charge.dispute.created", made)
            if not is_inquiry:
                self._withdrawn(made)
            self._outdate_warnings(charge)
            return copy.deepcopy(made)

    def escalate_dispute(self, dispute: str) -> Json:
        """An inquiry becomes a chargeback: the money is withdrawn."""
        with self.lock:
            found = self._dispute(dispute, "warning_needs_response", "warning_under_review")
            with self._updating_dispute(found, "needs_response"):
                self._move_dispute(found, -1)
            self._withdrawn(found)
            return copy.deepcopy(found)

    def respond_to_dispute(self, dispute: str) -> Json:
        """We send evidence."""
        with self.lock:
            found = self._dispute(dispute, "needs_response", "warning_needs_response")
            is_inquiry = found["status"].startswith("warning")
            with self._updating_dispute(found, "warning_under_review" if is_inquiry else "under_review"):
                pass
            return copy.deepcopy(found)

    def appeal_dispute(self, dispute: str) -> Json:
        """We appeal a dispute that was lost."""
        with self.lock:
            found = self._dispute(dispute, "lost")
            with self._updating_dispute(found, "appeal_needs_response"):
                pass
            return copy.deepcopy(found)

    def close_dispute(self, dispute: str, outcome: str) -> Json:
        """A dispute ends: `won` (the money comes back), `lost`, or of an inquiry `warning_closed`."""
        with self.lock:
            found = self._dispute(
                dispute,
                "needs_response",
                "under_review",
                "appeal_needs_response",
                "warning_needs_response",
                "warning_under_review",
            )
            possible = {"warning_closed"} if found["status"].startswith("warning") else {"won", "lost"}
            if outcome not in possible:
                raise NotPossible(f"{dispute} is {found['status']}: it can end as {' or '.join(sorted(possible))}.")
            self._show_dispute(found, outcome)
            self._tell("charge.dispute.closed", found)
            if outcome == "won":
                self._move_dispute(found, +1)
                self._tell("charge.dispute.funds_reinstated", found)
            return copy.deepcopy(found)

    def warn_of_fraud(self, payment: str) -> Json:
        """The network warns of a payment before anybody contests it."""
        with self.lock:
            charge = self.charge_of(payment)
            is_actionable = not charge["disputed"] and not charge["refunded"]
            warning_id = stripe_id("issfr_1", 26)
            made = shapes.fraud_warning(
                warning_id, charge["id"], charge["payment_intent"], self._now(), actionable=is_actionable
            )
            self.warnings[warning_id] = made
            self._tell("radar.early_fraud_warning.created", made)
            return copy.deepcopy(made)

    def held_by_bank(self, charge: Json) -> bool:
        """Is a chargeback on it open or lost? An inquiry, or one that we won, leaves a charge refundable."""
        return any(one["charge"] == charge["id"] and one["status"] in _HELD for one in self.disputes.values())

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
        """From now on webhooks get lost. `GET /v1/events` still lists what happens."""
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

    def charge_of(self, payment: str) -> Json:
        """The charge that a `ch_`, `pi_`, `cs_` or `in_` means. Raises NotPossible: there is none."""
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

    def tax_on(self, subtotal: int) -> int:
        """The tax on top of an amount."""
        return subtotal * self.tax_percent // 100

    def describe(self, subscription: Json, metadata: Json) -> None:
        """Merge metadata into a subscription's; an empty value takes a name away."""
        with self.lock, self._changing(subscription) as changed:
            merged = {**changed["metadata"], **metadata}
            changed["metadata"] = {name: value for name, value in merged.items() if value}

    def _now(self) -> int:
        return int(self.clock.now())

    def _tell(self, event_type: str, body: Json, before: Json | None = None) -> None:
        at = int(self.clock.next_for(body["id"]))
        previous = None if before is None else shapes.changed(before, body)
        event = shapes.envelope(stripe_id("evt_1"), event_type, at, body, previous)
        self.outbox.put(event["id"], event_type, event)

    @contextlib.contextmanager
    def _changing(self, subscription: Json) -> Iterator[Json]:
        """Change a subscription; if something did change, it is told."""
        before = copy.deepcopy(subscription)
        yield subscription
        if subscription != before:
            self._tell("customer.subscription.updated", subscription, before)

    def _session(self, checkout: str) -> Json:
        if checkout not in self.sessions:
            raise NotPossible(f"There is no checkout {checkout}.")
        return self.sessions[checkout]

    def _live_subscription(self, subscription: str) -> Json:
        found = self.subscriptions.get(subscription)
        if found is None or found["status"] == "canceled":
            raise NotPossible(f"{subscription} has ended, or is not known.")
        return found

    def _refund(self, refund: str) -> Json:
        if refund not in self.refunds:
            raise NotPossible(f"There is no refund {refund}.")
        return self.refunds[refund]

    def _dispute(self, dispute: str, *statuses: str) -> Json:
        found = self.disputes.get(dispute)
        if found is None or found["status"] not in statuses:
            raise NotPossible(f"{dispute} is {found['status'] if found else 'not known'}.")
        return found

    def _expire_if_due(self, session: Json) -> None:
        if session["status"] == "open" and session["expires_at"] <= self._now():
            self.expire_checkout(session)

    def _become_customer(self, session: Json) -> str:
        """Who pays. A subscription makes a customer, a pack only if it was asked to."""
        is_needed = session["mode"] == "subscription" or session["customer_creation"] == "always"
        if session["customer"] is None and is_needed:
            session["customer"] = self.add_customer()
        return self.customers.get(session["customer"] or "", "Ada")

    def _charge(self, intent: str, who: str, customer: str | None, metadata: Json, amount: int, currency: str) -> None:
        charge_id = stripe_id("ch_3")
        made = shapes.charge(charge_id, intent, who, customer, metadata, amount, created=self._now(), currency=currency)
        self.charges[charge_id] = made
        self.charge_of_intent[intent] = charge_id

    def _capture(self, session: Json, who: str) -> None:
        """The money of a session is ours. A free one has no PaymentIntent."""
        cart = self.carts[session["id"]]
        session["payment_status"] = "paid"
        intent, amount = session["payment_intent"], session["amount_total"]
        self._charge(intent, who, session["customer"], cart.payment_metadata, amount, cart.currency)

    def _end_delay(self, checkout: str, *, has_arrived: bool) -> Json:
        with self.lock:
            session = self._session(checkout)
            if (session["status"], session["payment_status"]) != ("complete", "unpaid"):
                raise NotPossible(f"No transfer for {checkout} is under way.")
            if has_arrived:
                self._capture(session, self.customers.get(session["customer"] or "", "Ada"))
            self._tell(f"checkout.session.async_payment_{'succeeded' if has_arrived else 'failed'}", session)
            return copy.deepcopy(session)

    def _subscribe(self, session: Json, who: str) -> None:
        """Pay the first invoice of a new subscription."""
        cart, now = self.carts[session["id"]], self._now()
        subscription_id, customer = stripe_id("sub_1"), session["customer"]
        plan = next(line for line in cart.lines if line.product.kind is ProductKind.SUBSCRIPTION)
        made = shapes.subscription(
            subscription_id,
            customer,
            cart.subscription_metadata,
            now,
            next_period(now, now),
            product_id=plan.product.product_id,
            tariff=cart.tariff,
        )
        made["items"]["data"][0]["quantity"] = plan.quantity
        self.subscriptions[subscription_id] = made
        self.carts[subscription_id] = cart
        invoice = self._invoice(made, "subscription_create", cart.lines, who)
        made["latest_invoice"] = session["invoice"] = invoice["id"]
        session.update(subscription=subscription_id, payment_status="paid")
        self._tell("checkout.session.completed", session)
        self._tell("customer.subscription.created", made)
        self._pay_invoice(invoice)

    def _name_of(self, subscription: Json) -> str:
        return self.customers[subscription["customer"]]

    def _next_invoice(self, subscription: Json) -> Json:
        """Move a subscription to its next period, and bill it."""
        item = subscription["items"]["data"][0]
        start, end = next_period(subscription["start_date"], item["current_period_end"])
        item.update(current_period_start=start, current_period_end=end)
        cart = self.carts[subscription["id"]]
        lines = tuple(line for line in cart.lines if line.product.kind is ProductKind.SUBSCRIPTION)
        invoice = self._invoice(subscription, "subscription_cycle", lines, self._name_of(subscription))
        subscription["latest_invoice"] = invoice["id"]
        return invoice

    def _invoice(self, subscription: Json, reason: str, lines: tuple[CartLine, ...], who: str) -> Json:
        """An open invoice for a subscription's present period."""
        now, invoice_id, cart = self._now(), stripe_id("in_1"), self.carts[subscription["id"]]
        item = subscription["items"]["data"][0]
        shown = []
        for line in lines:
            recurs = line.product.kind is ProductKind.SUBSCRIPTION
            shown.append(
                shapes.invoice_line(
                    stripe_id("il_1"),
                    invoice_id,
                    subscription["id"],
                    line.price_id,
                    line.amount_minor,
                    _period(subscription) if recurs else (now, now),
                    item=item["id"] if recurs else None,
                    metadata=subscription["metadata"] if recurs else {},
                    quantity=line.quantity,
                    tax=self.tax_on(line.amount_minor) if cart.is_taxed else 0,
                    description=f"{line.quantity} × {line.product.name}",
                    currency=cart.currency,
                )
            )
        made = shapes.invoice(
            invoice_id,
            reason,
            now,
            shown,
            who=who,
            customer=subscription["customer"],
            subscription_id=subscription["id"],
            metadata=subscription["metadata"],
            currency=cart.currency,
            status="open",
            auto_advance=True,
        )
        made.update(amount_paid=0, amount_remaining=made["amount_due"], next_payment_attempt=now + 3 * DAY_S)
        made["status_transitions"]["paid_at"] = None
        self.invoices[invoice_id] = made
        return made

    def _prorate(self, invoice: Json) -> None:
        """Of an invoice with the plan as it was and as it is: half a period of the one back, half of the other due."""
        for line, sign in zip(invoice["lines"]["data"], (-1, 1), strict=True):
            line["amount"] = line["subtotal"] = sign * line["amount"] // 2
            line["taxes"] = shapes.taxes(self.tax_on(line["amount"]) if line["taxes"] else 0, line["amount"])
            line["parent"]["subscription_item_details"]["proration"] = True
        invoice["parent"]["subscription_details"]["subscription_proration_date"] = invoice["created"]
        subtotal = sum(line["amount"] for line in invoice["lines"]["data"])
        tax = sum(entry["amount"] for line in invoice["lines"]["data"] for entry in line["taxes"])
        invoice.update(dict.fromkeys(("subtotal", "subtotal_excluding_tax", "total_excluding_tax"), subtotal))
        invoice.update(dict.fromkeys(("amount_due", "amount_remaining"), max(0, subtotal + tax)))
        invoice.update(total=subtotal + tax, total_taxes=shapes.taxes(tax, subtotal))

    def _pay_invoice(self, invoice: Json) -> None:
        """The card is charged for an invoice. Its PaymentIntent is named by the link alone."""
        now, intent, link_id = self._now(), stripe_id("pi_3"), stripe_id("inpay_1", 28)
        paid_minor, currency = invoice["amount_due"], invoice["currency"]
        invoice.update(
            status="paid", amount_paid=paid_minor, amount_remaining=0, auto_advance=False, next_payment_attempt=None
        )
        invoice["status_transitions"]["paid_at"] = now
        who = self.customers[invoice["customer"]]
        self._charge(intent, who, invoice["customer"], {}, paid_minor, currency)
        link = shapes.invoice_payment(link_id, invoice["id"], intent, paid_minor, now) | {"currency": currency}
        self.invoice_payments[link_id] = link
        self._tell("invoice.paid", invoice)
        self._tell("invoice_payment.paid", link)

    def _total_refunds(self, charge: Json) -> None:
        """A charge's running total. Pending refunds count, failed ones no longer."""
        charge["amount_refunded"] = sum(
            one["amount"]
            for one in self.refunds.values()
            if one["charge"] == charge["id"] and one["status"] in {"pending", "requires_action", "succeeded"}
        )
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]

    def _outdate_warnings(self, charge: Json) -> None:
        """A warning no longer asks for anything once its payment is given back in full, or disputed."""
        if not (charge["refunded"] or charge["disputed"]):
            return
        for one in self.warnings.values():
            if one["charge"] == charge["id"] and one["actionable"]:
                before = dict(one)
                one["actionable"] = False
                self._tell("radar.early_fraud_warning.updated", one, before)

    def _move_dispute(self, dispute: Json, sign: int) -> None:
        movement = shapes.balance_transaction(
            len(dispute["balance_transactions"]),
            dispute["id"],
            sign * dispute["amount"],
            -sign * DISPUTE_FEE_MINOR,
            self._now(),
        )
        dispute["balance_transactions"].append(movement | {"currency": dispute["currency"]})

    def _withdrawn(self, dispute: Json) -> None:
        """The bank has the money: refunds that were still pending can't be paid from it."""
        self._tell("charge.dispute.funds_withdrawn", dispute)
        for refund_id, one in self.refunds.items():
            if one["charge"] == dispute["charge"] and one["status"] == "pending":
                self.fail_refund(refund_id, "charge_for_pending_refund_disputed")

    def _show_dispute(self, dispute: Json, status: str) -> None:
        """Everything about a dispute that follows from its status."""
        anew = shapes.dispute(
            dispute["id"],
            dispute["charge"],
            dispute["payment_intent"],
            dispute["amount"],
            status,
            dispute["created"],
            dispute["balance_transactions"],
            currency=dispute["currency"],
            reason=dispute["reason"],
        )
        dispute.update(anew)

    @contextlib.contextmanager
    def _updating_dispute(self, dispute: Json, status: str) -> Iterator[None]:
        before = copy.deepcopy(dispute)
        yield
        self._show_dispute(dispute, status)
        self._tell("charge.dispute.updated", dispute, before)


def _period(subscription: Json) -> tuple[int, int]:
    item = subscription["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]
