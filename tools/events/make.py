"""Write the library: `python -m tools.events.make`. Every id and time derives from its story's name: runs are equal."""

import argparse
import base64
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tools import signing
from tools.events import paddle_shapes as paddle
from tools.events import stripe_shapes as stripe

EVENTS = Path(__file__).parent.parent.parent / "events"
Json = dict[str, Any]

PAID, RENEWED, DISPUTED, REFUNDED = "payment-succeeded", "subscription-renewed", "dispute-opened", "refund-settled"
DAY = 86400
START = 1788264000  # 1 September 2026, noon UTC


class Teller:
    """One customer's history: hands out ids that fit together, and writes its events down."""

    provider = ""

    def __init__(self, name: str, title: str, account_id: str) -> None:
        self.name, self.title = name, title
        self.account_id, self.order_id = account_id, f"ord_{account_id[5:]}"
        self.now = START
        self.deliveries: list[Json] = []

    def id(self, prefix: str, what: str = "") -> str:
        digest = hashlib.sha256(f"{self.name}/{prefix}/{what}".encode()).hexdigest()
        return f"{prefix}{digest[:20]}"

    def ours(self, product_id: str) -> Json:
        return {"account_id": self.account_id, "order_id": self.order_id, "product_id": product_id}

    def write(self, to: str, what: str, content: Json) -> None:
        file = (
            f"{self.provider}/{self.name.removeprefix(self.provider + '_')}_{len(self.deliveries) + 1:02}_{what}.json"
        )
        _dump(file, content)
        self.deliveries.append({"to": to, "event": file})

    def manifest(self) -> Json:
        return {
            "name": self.name,
            "title": self.title,
            "provider": self.provider,
            "account_id": self.account_id,
            "deliveries": self.deliveries,
        }


class Stripe(Teller):
    """A customer who pays through Stripe."""

    provider = "stripe"

    def __init__(self, name: str, title: str, account_id: str) -> None:
        super().__init__(name, title, account_id)
        self.pi, self.ch, self.cus = self.id("pi_3"), self.id("ch_3"), self.id("cus_")
        self.sub = self.id("sub_1")

    def tell(self, to: str, event_type: str, body: Json, previous: Json | None = None, after: int = 60) -> None:
        self.now += after
        event_id = self.id("evt_1", f"{event_type}{len(self.deliveries)}")
        short = event_type.replace(".", "_")
        self.write(to, short, stripe.envelope(event_id, event_type, self.now, body, previous))

    def session(self, product_id: str, event: str = "completed", **fields: Any) -> None:
        amount = stripe.PRICES[product_id][1]
        shown = {
            "id": self.id("cs_test_"),
            "amount_subtotal": amount,
            "amount_total": amount,
            "created": self.now,
            "currency": "usd",
            "customer": self.cus,
            "customer_creation": "always",
            "expires_at": self.now + DAY,
            "metadata": self.ours(product_id),
            "mode": "payment",
            "payment_intent": self.pi,
            "payment_status": "paid",
            "status": "complete",
        } | fields
        self.tell(PAID, f"checkout.session.{event}", stripe.session(**shown))

    def subscribed(self) -> None:
        self.session(
            "creator_monthly",
            mode="subscription",
            payment_intent=None,
            subscription=self.sub,
            invoice=self.id("in_1", "0"),
            customer_creation=None,
        )

    def invoice(self, month: int, event: str = "paid", **fields: Any) -> None:
        start = START + month * 30 * DAY
        self.now = max(self.now, start)
        invoice_id, period = self.id("in_1", str(month)), (start, start + 30 * DAY)
        line = stripe.invoice_line(
            self.id("il_1", str(month)), invoice_id, self.sub, "price_creator_monthly", 1500, period
        )
        reason = "subscription_cycle" if month else "subscription_create"
        ours = self.ours("creator_monthly")
        body = stripe.invoice(
            invoice_id, reason, self.now, [line], customer=self.cus, subscription_id=self.sub, metadata=ours, **fields
        )
        self.tell(RENEWED, f"invoice.{event}", body)

    def link(self) -> None:
        payment = stripe.invoice_payment(self.id("inpay_1"), self.id("in_1", "0"), self.pi, 1500, self.now)
        self.tell(RENEWED, "invoice_payment.paid", payment)

    def subscription(self, event: str, month: int = 0, previous: Json | None = None, **fields: Any) -> None:
        start = START + month * 30 * DAY
        self.now = max(self.now, start)
        ours, period = self.ours("creator_monthly"), (start, start + 30 * DAY)
        body = stripe.subscription(self.sub, self.cus, ours, START, period, **fields)
        self.tell(RENEWED, f"customer.subscription.{event}", body, previous)

    def refund(self, which: str, amount: int, event: str = "created", status: str = "succeeded", **fields: Any) -> None:
        refund_id = self.id("re_3", which)
        body = stripe.refund(refund_id, self.ch, self.pi, amount, self.now, status=status, customer=self.cus, **fields)
        self.tell(REFUNDED, f"refund.{event}", body, {"status": "pending"} if event == "updated" else None)

    def charge_refunded(self, product_id: str, total: int, before: int = 0) -> None:
        amount = stripe.PRICES[product_id][1]
        fields = {"amount_refunded": total, "refunded": total == amount, "created": START}
        body = stripe.charge(self.ch, self.pi, self.cus, self.ours(product_id), amount, **fields)
        self.tell(REFUNDED, "charge.refunded", body, {"amount_refunded": before})

    def dispute(self, event: str, status: str, amount: int, moved: str = "", after: int = DAY, **fields: Any) -> None:
        dispute_id = self.id("dp_1")
        signs = [-1 if sign == "-" else 1 for sign in moved]
        movements = [
            stripe.balance_transaction(number, dispute_id, sign * amount, -sign * 1500, START + 2 * DAY)
            for number, sign in enumerate(signs)
        ]
        opened = START + 2 * DAY
        self.now = max(self.now, opened)
        body = stripe.dispute(dispute_id, self.ch, self.pi, amount, status, opened, movements, **fields)
        self.tell(DISPUTED, f"charge.dispute.{event}", body, {"status": "?"} if event == "updated" else None, after)

    def warning(self, event: str, *, actionable: bool) -> None:
        body = stripe.fraud_warning(self.id("issfr_1"), self.ch, self.pi, START, actionable=actionable)
        self.tell(DISPUTED, f"radar.early_fraud_warning.{event}", body)


def stripe_stories() -> list[Teller]:
    """What happens to customers who pay through Stripe."""
    told: list[Teller] = []

    def story(name: str, title: str, account: str) -> Stripe:
        told.append(Stripe(f"stripe_{name}", title, f"acct_{account}"))
        return told[-1]  # type: ignore[return-value]

    s = story("pack_bought", "Ada buys 500 credits.", "ada")
    s.session("pack_500")

    s = story("pack_delayed", "Ben's bank transfer for 1,000 credits takes a while.", "ben")
    s.session("pack_1000", payment_status="unpaid", payment_method_types=["customer_balance"])
    s.session("pack_1000", "async_payment_succeeded", payment_method_types=["customer_balance"])

    s = story("pack_delayed_failed", "Cleo's bank transfer never arrives.", "cleo")
    s.session("pack_500", payment_status="unpaid", payment_method_types=["customer_balance"])
    s.session("pack_500", "async_payment_failed", payment_status="unpaid", payment_method_types=["customer_balance"])

    s = story("subscription_three_months", "Dan subscribes and stays for three months.", "dan")
    s.subscribed()
    s.subscription("created")
    s.invoice(0)
    s.link()
    s.invoice(1)
    s.subscription("updated", 1, {"latest_invoice": None})
    s.invoice(2)

    s = story("subscription_refunded", "Eve's first month is refunded and her subscription ends.", "eve")
    s.invoice(0)
    s.link()
    s.refund("a", 1500)
    s.charge_refunded("creator_monthly", 1500)
    s.subscription("deleted", status="canceled", ended_at=START + DAY, canceled_at=START + DAY)

    s = story("renewal_failed", "Finn's card fails at the renewal, then works; later he cancels.", "finn")
    s.invoice(0)
    failing = {"status": "open", "amount_paid": 0, "amount_remaining": 1500, "next_payment_attempt": START + 33 * DAY}
    s.invoice(1, "payment_failed", **failing)
    s.subscription("updated", 1, {"status": "active"}, status="past_due")
    s.invoice(1)
    s.subscription("updated", 1, {"status": "past_due"})
    s.subscription("updated", 1, {"cancel_at": None}, cancel_at=START + 60 * DAY, canceled_at=START + 40 * DAY)
    s.now = START + 60 * DAY
    s.subscription("deleted", 1, status="canceled", ended_at=START + 60 * DAY, cancel_at=START + 60 * DAY)

    s = story("partial_refunds", "Gia gets a quarter of her money back, then another.", "gia")
    s.session("pack_1000")
    s.refund("a", 500)
    s.charge_refunded("pack_1000", 500)
    s.refund("b", 500)
    s.charge_refunded("pack_1000", 1000, 500)

    s = story("refund_failed", "Hal's refund succeeds, and then his bank sends it back.", "hal")
    s.session("pack_500")
    s.refund("a", 1000, status="pending")
    s.refund("a", 1000, "updated")
    s.charge_refunded("pack_500", 1000)
    s.refund("a", 1000, "failed", "failed", failure_reason="expired_or_canceled_card")

    s = story("dispute_lost", "Ida disputes her payment, and wins.", "ida")
    s.session("pack_500")
    s.dispute("created", "needs_response", 1000)
    s.dispute("funds_withdrawn", "needs_response", 1000, "-", 0)
    s.dispute("updated", "under_review", 1000, "-")
    s.dispute("closed", "lost", 1000, "-")

    s = story("dispute_won", "Jon disputes his payment, and loses.", "jon")
    s.session("pack_1000")
    s.dispute("created", "needs_response", 2000)
    s.dispute("funds_withdrawn", "needs_response", 2000, "-", 0)
    s.dispute("updated", "under_review", 2000, "-")
    s.dispute("closed", "won", 2000, "-")
    s.dispute("funds_reinstated", "won", 2000, "-+", 0)

    s = story("inquiry", "Kim's bank asks, and is content with the answer.", "kim")
    s.session("pack_500")
    s.dispute("created", "warning_needs_response", 1000)
    s.dispute("updated", "warning_under_review", 1000)
    s.dispute("closed", "warning_closed", 1000)

    s = story("dispute_appealed", "Lea's dispute is lost, appealed, and won.", "lea")
    s.session("pack_500")
    s.dispute("created", "needs_response", 1000)
    s.dispute("funds_withdrawn", "needs_response", 1000, "-", 0)
    s.dispute("closed", "lost", 1000, "-")
    s.dispute("updated", "appeal_needs_response", 1000, "-")
    s.dispute("updated", "appeal_under_review", 1000, "-")
    s.dispute("closed", "won", 1000, "-+")

    s = story("fraud_warning", "Max's card was stolen: we refund before it becomes a dispute.", "max")
    s.session("pack_500")
    s.warning("created", actionable=True)
    s.refund("a", 1000)
    s.warning("updated", actionable=False)

    s = story("subscription_disputed", "Nia's first month is charged back.", "nia")
    s.invoice(0)
    s.link()
    s.dispute("created", "needs_response", 1500)
    s.dispute("funds_withdrawn", "needs_response", 1500, "-", 0)
    s.dispute("closed", "lost", 1500, "-")
    return told


class Paddle(Teller):
    """A customer who pays through Paddle."""

    provider = "paddle"

    def __init__(self, name: str, title: str, account_id: str) -> None:
        super().__init__(name, title, account_id)
        self.ctm, self.sub = self.ulid("ctm_"), self.ulid("sub_")
        self.bought: Json = {}

    def ulid(self, prefix: str, what: str = "") -> str:
        return f"{prefix}01k{self.id('', prefix + what)[:20]}abc"

    def tell(self, to: str, event_type: str, data: Json, after: int = 60) -> None:
        content = {
            "event_id": self.ulid("evt_", f"{event_type}{len(self.deliveries)}"),
            "event_type": event_type,
            "occurred_at": _at(self.now + after),
            "notification_id": self.ulid("ntf_", f"{event_type}{len(self.deliveries)}"),
            "data": data,
        }
        self.now += after
        self.write(to, event_type.replace(".", "_"), content)

    def transaction(self, *lines: str, month: int | None = None, event: str = "completed", **fields: Any) -> None:
        period = None if month is None else self.period(month)
        if month:
            self.now = max(self.now, START + month * 30 * DAY)
        self.bought = paddle.transaction(
            self.ulid("txn_", str(month or 0)),
            _at(self.now),
            [(line, 1) for line in lines],
            customer=self.ctm,
            custom=self.ours(lines[0]),
            origin="subscription_recurring" if month else "api",
            subscription_id=None if month is None else self.sub,
            period=period,
            **fields,
        )
        self.tell(RENEWED if month else PAID, f"transaction.{event}", self.bought)

    def period(self, month: int) -> tuple[str, str]:
        return _at(START + month * 30 * DAY), _at(START + (month + 1) * 30 * DAY)

    def subscription(self, event: str, month: int | None = 0, **fields: Any) -> None:
        period = None if month is None else self.period(month)
        ours = self.ours("creator_monthly")
        if event == "created":
            fields["transaction_id"] = self.bought["id"]
        data = paddle.subscription(self.sub, _at(self.now), period, customer=self.ctm, custom=ours, **fields)
        self.tell(RENEWED, f"subscription.{event}", data)

    def adjustment(
        self, which: str, action: str, status: str = "approved", *, event: str = "created", share: int = 1
    ) -> None:
        self.now += DAY
        to = REFUNDED if action in {"refund", "credit", "credit_reverse"} else DISPUTED
        adjustment_id = self.ulid("adj_", which)
        data = paddle.adjustment(
            adjustment_id, self.bought, action, status, _at(self.now), share=share, created_at=_at(START + DAY)
        )
        self.tell(to, f"adjustment.{event}", data)


def paddle_stories() -> list[Teller]:
    """What happens to customers who pay through Paddle."""
    told: list[Teller] = []

    def story(name: str, title: str, account: str) -> Paddle:
        told.append(Paddle(f"paddle_{name}", title, f"acct_{account}"))
        return told[-1]  # type: ignore[return-value]

    s = story("pack_bought", "Oli buys 500 credits.", "oli")
    s.transaction("pack_500")

    s = story("pack_after_failure", "Pam's first card fails, her second pays for 2,500 credits.", "pam")
    s.transaction("pack_2500", event="payment_failed", status="ready")
    s.transaction("pack_2500")

    s = story("subscription_three_months", "Quin subscribes and stays for three months.", "quin")
    s.transaction("creator_monthly", month=0)
    s.subscription("created")
    s.subscription("activated")
    s.transaction("creator_monthly", month=1)
    s.subscription("updated", 1)
    s.transaction("creator_monthly", month=2)

    s = story("mixed_checkout", "Ria buys a pack and a subscription in one checkout.", "ria")
    s.transaction("creator_monthly", "pack_500", month=0)
    s.subscription("created")

    for name, status, title in (
        ("refund_approved", "approved", "Sam asks Paddle for a refund and gets it."),
        ("refund_rejected", "rejected", "Tea asks Paddle for a refund and does not get it."),
    ):
        s = story(name, title, "sam" if status == "approved" else "tea")
        s.transaction("pack_1000")
        s.adjustment("a", "refund", "pending_approval")
        s.adjustment("a", "refund", status, event="updated")

    s = story("partial_refund", "Uma gets a quarter back, then another.", "uma")
    s.transaction("pack_1000")
    s.adjustment("a", "refund", share=4)
    s.adjustment("b", "refund", share=4)

    s = story("chargeback", "Vic charges back: the money is gone at once.", "vic")
    s.transaction("pack_500")
    s.adjustment("a", "chargeback")

    s = story("chargeback_reversed", "Wim charges back, and Paddle wins.", "wim")
    s.transaction("pack_500")
    s.adjustment("a", "chargeback")
    s.adjustment("b", "chargeback_reverse")
    s.adjustment("a", "chargeback", "reversed", event="updated")

    s = story("warning_reversed", "Xan's bank warns; later it takes the warning back.", "xan")
    s.transaction("pack_500")
    s.adjustment("a", "chargeback_warning")
    s.adjustment("b", "chargeback_warning_reverse")

    s = story("credit", "Paddle credits Yve's balance, and takes it back.", "yve")
    s.transaction("pack_500")
    s.adjustment("a", "credit")
    s.adjustment("b", "credit_reverse")

    s = story("subscription_canceled", "Zoe cancels; her credits stay to the period's end.", "zoe")
    s.transaction("creator_monthly", month=0)
    s.subscription("created")
    change = {"action": "cancel", "effective_at": _at(START + 30 * DAY), "resume_at": None}
    s.subscription("updated", scheduled_change=change)
    s.now = START + 30 * DAY
    s.subscription("canceled", None, status="canceled", canceled_at=_at(s.now))

    s = story("renewal_past_due", "Amy's renewal fails, and is paid two days later.", "amy")
    s.transaction("creator_monthly", month=0)
    s.subscription("created")
    s.transaction("creator_monthly", month=1, event="payment_failed", status="past_due")
    s.subscription("past_due", 1, status="past_due")
    s.now += 2 * DAY
    s.transaction("creator_monthly", month=1)
    s.subscription("updated", 1)
    return told


def changed(file: str, change: Callable[[Json], object]) -> Json:
    """A story's notification, told of another customer and changed."""
    text = (EVENTS / file).read_text("utf-8")
    content: Json = json.loads(text)
    change(content.get("data", {}).get("object") or content["data"])
    return content


def _with_status(status: str) -> Callable[[Json], object]:
    def change(content: Json) -> None:
        content["status"] = status
        del content["transaction_id"]

    return change


def loose() -> dict[str, tuple[str, Json]]:
    """Notifications that belong to no story: what each is and what becomes of it, and the notification."""
    session = "stripe/pack_bought_01_checkout_session_completed.json"
    invoice = "stripe/subscription_three_months_05_invoice_paid.json"
    dispute = "stripe/dispute_lost_02_charge_dispute_created.json"
    transaction = "paddle/pack_bought_01_transaction_completed.json"
    renewal = "paddle/subscription_three_months_04_transaction_completed.json"
    subscription = "paddle/subscription_three_months_02_subscription_created.json"

    def line(content: Json) -> Json:
        found: Json = content["lines"]["data"][0]
        return found

    def prorate(content: Json) -> None:
        line(content)["parent"]["subscription_item_details"]["proration"] = True
        content["billing_reason"] = "subscription_update"

    def trial(content: Json) -> None:
        line(content).update(amount=0, subtotal=0)
        content.update(total=0, subtotal=0, amount_paid=0, amount_due=0, billing_reason="subscription_create")

    def unknown_price(content: Json) -> None:
        line(content)["pricing"]["price_details"]["price"] = "price_of_another_product"

    def three(content: Json) -> None:
        content["metadata"]["quantity"] = "3"
        content.update(amount_subtotal=3000, amount_total=3000)

    def zero(content: Json) -> None:
        content["origin"] = "subscription_payment_method_change"
        content["details"]["totals"].update(paddle.money(0, 0, 0) | {"grand_total": "0"})

    def proration(content: Json) -> None:
        content["origin"] = "subscription_update"
        for item in (*content["items"], *content["details"]["line_items"]):
            item["proration"] = {"rate": "0.5", "billing_period": content["billing_period"]}

    def unknown_paddle_price(content: Json) -> None:
        content["details"]["line_items"][0]["price_id"] = "pri_01jofanotherproduct000000a"

    free = {"payment_status": "no_payment_required", "payment_intent": None, "amount_total": 0}
    told = {
        "stripe/proration": ("a proration: noted", changed(invoice, prorate)),
        "stripe/trial": ("a free trial: noted", changed(invoice, trial)),
        "stripe/manual_invoice": (
            "an invoice without a subscription: noted",
            changed(invoice, lambda o: o.update(billing_reason="manual", parent=None)),
        ),
        "stripe/unknown_price": ("a price that is not ours: parked", changed(invoice, unknown_price)),
        "stripe/unknown_currency": (
            "a currency without a price: parked",
            changed(session, lambda o: o.update(currency="sek")),
        ),
        "stripe/underpaid": (
            "less than the price: parked",
            changed(session, lambda o: o.update(amount_subtotal=900, amount_total=900)),
        ),
        "stripe/overpaid": (
            "more than the price: booked and flagged",
            changed(session, lambda o: o.update(amount_subtotal=1100, amount_total=1100)),
        ),
        "stripe/quantity_three": ("three packs at once: 1,500 credits", changed(session, three)),
        "stripe/free_order": ("an order that a discount made free: booked", changed(session, lambda o: o.update(free))),
        "stripe/live_mode": (
            "a live event on a test ledger: parked",
            changed(session, lambda o: o.update(livemode=True)),
        ),
        "stripe/session_expired": (
            "nobody paid: noted",
            changed(session, lambda o: o.update(status="expired", payment_status="unpaid", payment_intent=None)),
        ),
        "stripe/dispute_of_a_charge": (
            "a dispute that names no PaymentIntent: waits for its link",
            changed(dispute, lambda o: o.update(payment_intent=None)),
        ),
        "stripe/dispute_prevented": ("closed without a hold", changed(dispute, lambda o: o.update(status="prevented"))),
        "paddle/from_the_browser": (
            "custom_data that a browser wrote: parked",
            changed(transaction, lambda o: o.update(origin="web")),
        ),
        "paddle/payment_method_change": ("nothing was bought: noted", changed(renewal, zero)),
        "paddle/proration": ("a proration: noted", changed(renewal, proration)),
        "paddle/unknown_price": ("a price that is not ours: parked", changed(transaction, unknown_paddle_price)),
        **{
            f"paddle/subscription_{status}": (
                f"its state, {status}",
                changed(subscription, _with_status(status)),
            )
            for status in ("trialing", "paused", "active", "past_due")
        },
    }
    types = {
        "stripe/session_expired": "checkout.session.expired",
        "stripe/dispute_prevented": "charge.dispute.closed",
        "paddle/subscription_trialing": "subscription.trialing",
        "paddle/subscription_paused": "subscription.paused",
        "paddle/subscription_active": "subscription.resumed",
        "paddle/subscription_past_due": "subscription.imported",
    }
    for name, (_, content) in told.items():
        mark = hashlib.sha256(f"loose/{name}".encode()).hexdigest()[:20]
        content["id" if "id" in content else "event_id"] = f"evt_1{mark}" if "id" in content else f"evt_01k{mark}abc"
        content["type" if "id" in content else "event_type"] = (
            types.get(name) or content.get("type") or content["event_type"]
        )
        if name == "stripe/live_mode":
            content["livemode"] = True
    return told


def envelopes(told: list[Teller]) -> dict[str, Json]:
    """API Gateway events for `sam local invoke`, one for each function and provider, signed when they were written."""
    found: dict[str, Json] = {}
    for teller in told:
        for delivery in teller.deliveries:
            name = f"{teller.provider}_{delivery['to'].replace('-', '_')}"
            if name in found:
                continue
            body = json.dumps(json.loads((EVENTS / delivery["event"]).read_text("utf-8")), separators=(",", ":"))
            signed = signing.headers(teller.provider, body.encode(), signing.LOCAL_SECRETS[teller.provider], START)
            path = f"/webhooks/{teller.provider}/{delivery['to']}"
            found[name] = {
                "version": "2.0",
                "routeKey": f"POST /webhooks/{{provider}}/{delivery['to']}",
                "rawPath": path,
                "rawQueryString": "",
                "headers": {key.lower(): value for key, value in signed.items()},
                "pathParameters": {"provider": teller.provider},
                "requestContext": {"http": {"method": "POST", "path": path}, "stage": "$default"},
                "body": base64.b64encode(body.encode()).decode() if teller.provider == "paddle" else body,
                "isBase64Encoded": teller.provider == "paddle",
            }
    return found


def readme(told: list[Teller], others: dict[str, tuple[str, Json]]) -> str:
    """The library's table of contents."""
    lines = [
        "# The library of notifications",
        "",
        "Written by `python -m tools.events.make`; every name and number is made up.",
        "",
    ]
    lines += ["| story | what happens | events |", "|---|---|---|"]
    lines += [f"| `{teller.name}` | {teller.title} | {len(teller.deliveries)} |" for teller in told]
    lines += ["", "| loose | what it is, and what becomes of it |", "|---|---|"]
    lines += [f"| `{name.replace('/', '/loose_')}.json` | {what} |" for name, (what, _) in others.items()]
    lines += [
        "",
        "`api/` holds the same as API Gateway events for `sam local invoke`. Their signatures are as old as the",
    ]
    lines += ["library: a function answers them 401, as it should. `make serve` with a fresh signature books them.", ""]
    return "\n".join(lines)


def _dump(file: str, content: object) -> None:
    path = EVENTS / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _at(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.000000Z"


def main() -> None:
    """Write every notification and the manifest of the stories."""
    argparse.ArgumentParser(prog="python -m tools.events.make", description=__doc__).parse_args()
    told = [*stripe_stories(), *paddle_stories()]
    _dump("stories.json", [teller.manifest() for teller in told])
    others = loose()
    for name, (_, content) in others.items():
        _dump(f"{name.replace('/', '/loose_')}.json", content)
    for name, content in envelopes(told).items():
        _dump(f"api/{name}.json", content)
    (EVENTS / "README.md").write_text(readme(told, others), "utf-8")
    print(f"{sum(len(teller.deliveries) for teller in told)} events in {len(told)} stories")


if __name__ == "__main__":
    main()
