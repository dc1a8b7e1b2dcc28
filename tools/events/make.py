"""Write the library: `python -m tools.events.make`. Every id and time derives from its story's name: runs are equal."""

import argparse
import base64
import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping
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
MONTHS = [START + days * DAY for days in (0, 30, 61, 91)]  # the first of September, October, November, December


class Teller:
    """One customer's history: hands out ids that fit together, and writes its events down."""

    provider = ""

    def __init__(self, name: str, title: str, account_id: str) -> None:
        self.name, self.title = name, title
        self.account_id, self.order_id = account_id, f"ord_{account_id[5:]}"
        self.who = account_id[5:].title()
        self.now = START
        self.deliveries: list[Json] = []
        self.made: dict[str, int] = {}
        self.shown: dict[str, Json] = {}

    def made_at(self, object_id: str) -> int:
        """When an object was made: at its first mention."""
        return self.made.setdefault(object_id, self.now)

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

    def tell(self, to: str, event_type: str, body: Json, after: int = 60) -> None:
        self.now += after
        previous = None
        if event_type.endswith(".updated") or event_type == "charge.refunded":
            previous = stripe.changed(self.shown[body["id"]], body)
        self.shown[body["id"]] = body
        event_id = self.id("evt_1", f"{event_type}{len(self.deliveries)}")
        short = event_type.replace(".", "_")
        self.write(to, short, stripe.envelope(event_id, event_type, self.now, body, previous))

    def session(self, product_id: str, event: str = "completed", **fields: Any) -> None:
        amount = stripe.PRICES[product_id][1]
        created = self.made_at(self.id("cs_test_"))
        shown = {
            "id": self.id("cs_test_"),
            "amount_subtotal": amount,
            "amount_total": amount,
            "created": created,
            "currency": "usd",
            "customer": self.cus,
            "customer_creation": "always",
            "expires_at": created + DAY,
            "metadata": self.ours(product_id),
            "mode": "payment",
            "payment_intent": self.pi,
            "payment_status": "paid",
            "status": "complete",
        } | fields
        self.tell(PAID, f"checkout.session.{event}", stripe.session(self.who, **shown))

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
        self.now = max(self.now, MONTHS[month])
        invoice_id, item = self.id("in_1", str(month)), f"si_{self.sub[4:]}"
        line_id, period = self.id("il_1", str(month)), (MONTHS[month], MONTHS[month + 1])
        line = stripe.invoice_line(
            line_id,
            invoice_id,
            self.sub,
            "price_creator_monthly",
            1500,
            period,
            item=item,
            metadata=self.ours("creator_monthly"),
        )
        reason = "subscription_cycle" if month else "subscription_create"
        ours = self.ours("creator_monthly")
        body = stripe.invoice(
            invoice_id,
            reason,
            self.made_at(invoice_id),
            [line],
            who=self.who,
            customer=self.cus,
            subscription_id=self.sub,
            metadata=ours,
            **fields,
        )
        if event == "paid":
            body["status_transitions"]["paid_at"] = self.now
        self.tell(RENEWED, f"invoice.{event}", body)

    def link(self) -> None:
        payment = stripe.invoice_payment(self.id("inpay_1"), self.id("in_1", "0"), self.pi, 1500, self.now)
        self.tell(RENEWED, "invoice_payment.paid", payment)

    def subscription(self, event: str, month: int = 0, **fields: Any) -> None:
        self.now = max(self.now, MONTHS[month])
        ours, period = self.ours("creator_monthly"), (MONTHS[month], MONTHS[month + 1])
        invoice_id = self.id("in_1", str(month))
        active = stripe.subscription(self.sub, self.cus, ours, START, period, latest_invoice=invoice_id)
        self.shown.setdefault(self.sub, active)
        self.tell(RENEWED, f"customer.subscription.{event}", active | fields)

    def refund(self, which: str, amount: int, event: str = "created", status: str = "succeeded", **fields: Any) -> None:
        refund_id = self.id("re_3", which)
        created = self.made_at(refund_id)
        body = stripe.refund(refund_id, self.ch, self.pi, amount, created, status=status, customer=self.cus, **fields)
        self.tell(REFUNDED, f"refund.{event}", body)

    def charge_refunded(self, product_id: str, total: int) -> None:
        amount = stripe.PRICES[product_id][1]
        paid = stripe.charge(self.ch, self.pi, self.who, self.cus, self.ours(product_id), amount, created=START)
        self.shown.setdefault(self.ch, paid)
        refunded = {"amount_refunded": total, "refunded": total == amount}
        self.tell(REFUNDED, "charge.refunded", paid | refunded)

    def dispute(self, event: str, status: str, amount: int, moved: str = "", after: int = DAY, **fields: Any) -> None:
        dispute_id = self.id("dp_1")
        opened = self.made.setdefault(dispute_id, START + 2 * DAY)
        self.now = max(self.now, opened)
        movements = [
            stripe.balance_transaction(
                number,
                dispute_id,
                -amount if sign == "-" else amount,
                1500 if sign == "-" else -1500,
                self.made.setdefault(f"{dispute_id}{number}", self.now + after),
            )
            for number, sign in enumerate(moved)
        ]
        body = stripe.dispute(dispute_id, self.ch, self.pi, amount, status, opened, movements, **fields)
        self.tell(DISPUTED, f"charge.dispute.{event}", body, after)

    def warning(self, event: str, *, actionable: bool) -> None:
        created = self.made_at(self.id("issfr_1"))
        body = stripe.fraud_warning(self.id("issfr_1"), self.ch, self.pi, created, actionable=actionable)
        self.tell(DISPUTED, f"radar.early_fraud_warning.{event}", body)


ASKED_FOR = stripe.nulls("comment feedback feedback_option") | {"reason": "cancellation_requested"}


def stripe_stories() -> list[Teller]:
    """What happens to customers who pay through Stripe."""
    told: list[Teller] = []

    def story(name: str, title: str, account: str) -> Stripe:
        told.append(Stripe(f"stripe_{name}", title, f"acct_{account}"))
        return told[-1]  # type: ignore[return-value]

    s = story("pack_bought", "Ada buys 500 credits.", "ada")
    s.session("pack_500")

    s = story("pack_delayed", "Ben's bank transfer for 1,000 credits takes a while.", "ben")
    taxed: Json = {
        "amount_total": 2400,
        "automatic_tax": {
            "enabled": True,
            "liability": {"account": None, "type": "self"},
            "provider": "stripe",
            "status": "complete",
        },
        "payment_method_types": ["customer_balance"],
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 400},
    }
    s.session("pack_1000", payment_status="unpaid", **taxed)
    s.session("pack_1000", "async_payment_succeeded", **taxed)

    s = story("pack_delayed_failed", "Cleo's bank transfer never arrives.", "cleo")
    s.session("pack_500", payment_status="unpaid", payment_method_types=["customer_balance"])
    s.session("pack_500", "async_payment_failed", payment_status="unpaid", payment_method_types=["customer_balance"])

    s = story("subscription_three_months", "Dan subscribes and stays for three months.", "dan")
    s.subscribed()
    s.subscription("created")
    s.invoice(0)
    s.link()
    s.invoice(1)
    s.subscription("updated", 1)
    s.invoice(2)

    s = story("subscription_refunded", "Eve's first month is refunded and her subscription ends.", "eve")
    s.invoice(0)
    s.link()
    s.refund("a", 1500)
    s.charge_refunded("creator_monthly", 1500)
    s.now = START + DAY
    s.subscription("deleted", status="canceled", ended_at=s.now, canceled_at=s.now, cancellation_details=ASKED_FOR)

    s = story("renewal_failed", "Finn's card fails at the renewal, then works; later he cancels.", "finn")
    s.invoice(0)
    failing = {
        "status": "open",
        "amount_paid": 0,
        "amount_remaining": 1500,
        "auto_advance": True,
        "next_payment_attempt": MONTHS[1] + 3 * DAY,
        "status_transitions": {
            **stripe.nulls("marked_uncollectible_at paid_at voided_at"),
            "finalized_at": MONTHS[1],
        },
    }
    s.invoice(1, "payment_failed", **failing)
    s.subscription("updated", 1, status="past_due")
    s.now = MONTHS[1] + 3 * DAY
    s.invoice(1, attempt_count=2)
    s.subscription("updated", 1)
    s.now += 7 * DAY
    leaving = {"cancel_at": MONTHS[2], "canceled_at": s.now, "cancellation_details": ASKED_FOR}
    s.subscription("updated", 1, **leaving)
    s.now = MONTHS[2]
    s.subscription("deleted", 1, **leaving, status="canceled", ended_at=MONTHS[2])

    s = story("partial_refunds", "Gia gets a quarter of her money back, then another.", "gia")
    s.session("pack_1000")
    s.refund("a", 500)
    s.charge_refunded("pack_1000", 500)
    s.refund("b", 500)
    s.charge_refunded("pack_1000", 1000)

    s = story("refund_failed", "Hal's refund succeeds, and then his bank sends it back.", "hal")
    s.session("pack_500")
    s.refund("a", 1000, status="pending")
    s.refund("a", 1000, "updated")
    s.charge_refunded("pack_500", 1000)
    s.now += 4 * DAY
    returned = {"failure_balance_transaction": s.id("txn_1"), "failure_reason": "expired_or_canceled_card"}
    s.refund("a", 1000, "failed", "failed", **returned)

    s = story("dispute_lost", "Ida disputes her payment, and wins.", "ida")
    s.session("pack_500")
    s.dispute("created", "needs_response", 1000, after=1)
    s.dispute("funds_withdrawn", "needs_response", 1000, "-", 0)
    s.dispute("updated", "under_review", 1000, "-")
    s.dispute("closed", "lost", 1000, "-")

    s = story("dispute_won", "Jon disputes his payment, and loses.", "jon")
    s.session("pack_1000")
    s.dispute("created", "needs_response", 2000, after=1)
    s.dispute("funds_withdrawn", "needs_response", 2000, "-", 0)
    s.dispute("updated", "under_review", 2000, "-")
    s.dispute("closed", "won", 2000, "-")
    s.dispute("funds_reinstated", "won", 2000, "-+", 0)

    s = story("inquiry", "Kim's bank asks, and is content with the answer.", "kim")
    s.session("pack_500")
    s.dispute("created", "warning_needs_response", 1000, after=1)
    s.dispute("updated", "warning_under_review", 1000)
    s.dispute("closed", "warning_closed", 1000)

    s = story("dispute_appealed", "Lea's dispute is lost, appealed, and won.", "lea")
    s.session("pack_500")
    s.dispute("created", "needs_response", 1000, after=1)
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
    s.dispute("created", "needs_response", 1500, after=1)
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
        self.tried: list[Json] = []

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
            self.now = max(self.now, MONTHS[month])
        transaction_id = self.ulid("txn_", str(month or 0))
        self.bought = paddle.transaction(
            transaction_id,
            _at(self.made_at(transaction_id)),
            [(line, 1) for line in lines],
            customer=self.ctm,
            custom=self.ours(lines[0]),
            origin="subscription_recurring" if month else "api",
            subscription_id=None if month is None else self.sub,
            period=period,
            attempts=self.attempts(event == "completed"),
            updated_at=_at(self.now),
            **fields,
        )
        self.tell(RENEWED if month else PAID, f"transaction.{event}", self.bought)

    def period(self, month: int) -> tuple[str, str]:
        return _at(MONTHS[month]), _at(MONTHS[month + 1])

    def attempt_id(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.name}/{len(self.deliveries)}"))

    def attempts(self, is_captured: bool) -> list[Json]:
        """The attempts to pay so far, the latest first. A failed one is remembered."""
        attempt = paddle.attempt(
            self.attempt_id(),
            self.ulid("paymtd_", str(len(self.deliveries))),
            _at(self.now),
            is_captured=is_captured,
        )
        self.tried = [attempt, *self.tried]
        made, self.tried = self.tried, [] if is_captured else self.tried
        return made

    def subscription(self, event: str, month: int | None = 0, **fields: Any) -> None:
        period = None if month is None else self.period(month)
        ours = self.ours("creator_monthly")
        if event == "created":
            fields["transaction_id"] = self.bought["id"]
        started = _at(self.made_at(self.sub))
        billed = started if not month else _at(MONTHS[month])
        data = paddle.subscription(
            self.sub,
            started,
            period,
            customer=self.ctm,
            custom=ours,
            billed_at=billed,
            updated_at=_at(self.now),
            **fields,
        )
        self.tell(RENEWED, f"subscription.{event}", data)

    def adjustment(
        self, which: str, action: str, status: str = "approved", *, event: str = "created", share: int = 1
    ) -> None:
        self.now += DAY
        to = REFUNDED if action in {"refund", "credit", "credit_reverse"} else DISPUTED
        adjustment_id = self.ulid("adj_", which)
        data = paddle.adjustment(
            adjustment_id,
            self.bought,
            action,
            status,
            _at(self.now),
            share=share,
            created_at=_at(self.made_at(adjustment_id)),
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
    change = {"action": "cancel", "effective_at": _at(MONTHS[1]), "resume_at": None}
    s.subscription("updated", scheduled_change=change)
    s.now = MONTHS[1]
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
    """A story's notification, changed."""
    content: Json = json.loads((EVENTS / file).read_text("utf-8"))
    change(content["data"].get("object") or content["data"])
    content["data"].pop("previous_attributes", None)
    return content


def estranged(name: str, content: Json) -> Json:
    """The same of a customer of its own: every id becomes another of the same form."""
    who = name.split("/")[1]
    text = json.dumps(content)

    def other(match: re.Match[str]) -> str:
        return match[1] + hashlib.sha256(f"loose/{name}/{match[2]}".encode()).hexdigest()[:20] + match[3]

    text = re.sub(r"(_(?:01k|[0-9])?)([0-9a-f]{20})((?:abc|ab(?=[0-9]))?[0-9]?\b)", other, text)
    found: Json = json.loads(re.sub(r"\b(acct|ord)_[a-z]+", rf"\1_{who}", text))
    return found


def _with_status(status: str) -> Callable[[Json], object]:
    def change(content: Json) -> None:
        content["status"] = status
        del content["transaction_id"]

    return change


def _free(content: Json) -> None:
    """What a discount of the whole price leaves."""
    content.update(payment_status="no_payment_required", payment_intent=None, amount_total=0)
    content["total_details"]["amount_discount"] = content["amount_subtotal"]
    content["discounts"] = [{"coupon": "WELCOME", "promotion_code": None}]


def _priced(subtotal: int, total: int | None = None, **fields: Any) -> Callable[[Json], object]:
    """A session of another price; what the total has more is tax."""

    def change(content: Json) -> None:
        content.update(amount_subtotal=subtotal, amount_total=total or subtotal, **fields)
        content["total_details"]["amount_tax"] = (total or subtotal) - subtotal

    return change


def _three(content: Json) -> None:
    content["metadata"]["quantity"] = "3"
    _priced(3000, 3300)(content)


def _lines(*changes: Json, **fields: Any) -> Callable[[Json], object]:
    """An invoice with one line for each of `changes`; its sums follow."""

    def change(content: Json) -> None:
        first = content["lines"]["data"][0]
        lines = []
        for position, changed_fields in enumerate(changes):
            line = json.loads(json.dumps(first)) | changed_fields
            line["id"] = first["id"] + str(position or "")
            line["subtotal"] = line["amount"]
            lines.append(line)
        total = sum(line["amount"] for line in lines)
        content["lines"].update(data=lines, total_count=len(lines))
        sums = "amount_due amount_paid subtotal subtotal_excluding_tax total total_excluding_tax"
        content.update(dict.fromkeys(sums.split(), total), **fields)

    return change


def _prorate(content: Json) -> None:
    half = {"description": "Unused time on Creator Monthly", "amount": -750}
    more = {"description": "Remaining time on 2 × Creator Monthly", "amount": 1500, "quantity": 2}
    _lines(half, more | {"quantity_decimal": "2"}, billing_reason="subscription_update")(content)
    content["parent"]["subscription_details"]["subscription_proration_date"] = content["created"]
    for line in content["lines"]["data"]:
        line["parent"]["subscription_item_details"]["proration"] = True


def _by_hand(content: Json) -> None:
    details = {"invoice_item": "ii_1consulting", "proration": False, "proration_details": None, "subscription": None}
    parent = {"invoice_item_details": details, "subscription_item_details": None, "type": "invoice_item_details"}
    pricing = {
        "price_details": {"price": "price_consulting", "product": "prod_consulting"},
        "type": "price_details",
        "unit_amount_decimal": "5000",
    }
    line = {"amount": 5000, "description": "Consulting", "parent": parent, "pricing": pricing, "metadata": {}}
    _lines(line | {"subscription": None}, billing_reason="manual", parent=None)(content)


def _another_price(price_id: str, amount: int, **fields: Any) -> Json:
    details = {"price": price_id, "product": f"prod_{price_id[6:]}"}
    pricing = {"price_details": details, "type": "price_details", "unit_amount_decimal": str(amount)}
    return {"amount": amount, "pricing": pricing, **fields}


def _rebuilt(*lines: tuple[str, int], **fields: Any) -> Callable[[Json], object]:
    """A Paddle transaction of other lines; its sums follow."""

    def change(content: Json) -> None:
        origin = fields.get("origin", content["origin"])
        if origin in {"api", "web"}:
            period = None
        else:
            period = (content["billing_period"]["starts_at"], content["billing_period"]["ends_at"])
        kept = {"origin": origin, "subscription_id": content["subscription_id"], "period": period}
        made = paddle.transaction(
            content["id"],
            content["created_at"],
            list(lines),
            customer=content["customer_id"],
            custom=content["custom_data"],
            updated_at=content["updated_at"],
            **(kept | {"attempts": content["payments"]} | fields),
        )
        content.update(made)

    return change


def _for_nothing(content: Json) -> None:
    """A subscription's card is changed: a transaction over the plan, and over no money."""
    _rebuilt(("creator_monthly", 1), origin="subscription_payment_method_change", attempts=(), is_free=True)(content)


def _in_state(status: str, **fields: Any) -> Callable[[Json], object]:
    def change(content: Json) -> None:
        del content["transaction_id"]
        content.update(status=status, **fields)
        if status == "trialing":
            content["first_billed_at"] = content["items"][0]["previously_billed_at"] = None
            content["items"][0].update(status="trialing", trial_dates=content["current_billing_period"])
        if status == "paused":
            content.update(paused_at=content["updated_at"], next_billed_at=None, current_billing_period=None)
            content["items"][0]["next_billed_at"] = None

    return change


def _of_tax(content: Json) -> None:
    """A refund of the tax alone, as for a business that is exempt."""
    sold = {
        "id": content["transaction_id"],
        "subscription_id": None,
        "customer_id": content["customer_id"],
        "details": {"line_items": [{"id": content["items"][0]["item_id"], "totals": paddle.money(2000, 0, 200)}]},
    }
    content.update(
        paddle.adjustment(
            content["id"],
            sold,
            "refund",
            "approved",
            content["updated_at"],
            tax_only=True,
            created_at=content["created_at"],
        )
    )


def loose() -> dict[str, tuple[str, Json]]:
    """Notifications that belong to no story: what each is and what becomes of it, and the notification."""
    session = "stripe/pack_bought_01_checkout_session_completed.json"
    invoice = "stripe/subscription_three_months_05_invoice_paid.json"
    first = "stripe/subscription_three_months_03_invoice_paid.json"
    update = "stripe/subscription_three_months_06_customer_subscription_updated.json"
    dispute = "stripe/dispute_lost_02_charge_dispute_created.json"
    closed = "stripe/dispute_lost_05_charge_dispute_closed.json"
    transaction = "paddle/pack_bought_01_transaction_completed.json"
    renewal = "paddle/subscription_three_months_04_transaction_completed.json"
    subscription = "paddle/subscription_three_months_02_subscription_created.json"
    refund = "paddle/partial_refund_02_adjustment_created.json"
    pack = {
        "description": "1 × 500 credits",
        "parent": {
            "invoice_item_details": {"invoice_item": "ii_1pack", **stripe.nulls("proration_details subscription")}
            | {"proration": False},
            "subscription_item_details": None,
            "type": "invoice_item_details",
        },
    }
    expired = {"status": "expired", "payment_status": "unpaid", "payment_intent": None, "customer": None}
    prevented = {"status": "prevented", "balance_transactions": [], "is_charge_refundable": False}
    pause = {"action": "resume", "effective_at": _at(MONTHS[2]), "resume_at": None}
    imported = {"import_meta": {"external_id": "9b95b0b8", "imported_from": "paddle_classic"}}
    told: dict[str, tuple[str, Json]] = {
        "stripe/proration": ("a plan changed within its period: noted", changed(invoice, _prorate)),
        "stripe/trial": (
            "a free trial's invoice: noted",
            changed(first, _lines({"amount": 0, "description": "Trial period for Creator Monthly"})),
        ),
        "stripe/manual_invoice": ("an invoice of ours by hand: noted", changed(invoice, _by_hand)),
        "stripe/unknown_price": (
            "a renewal of a price that is not ours: parked",
            changed(invoice, _lines(_another_price("price_of_another_product", 1500))),
        ),
        "stripe/pack_and_plan": (
            "a pack on a renewal's invoice: booked, 1,500 credits",
            changed(invoice, _lines({}, _another_price("price_pack500", 1000, **pack))),
        ),
        "stripe/unknown_currency": (
            "a currency that the catalogue has no price in: parked",
            changed(session, _priced(10900, currency="sek")),
        ),
        "stripe/underpaid": ("less than the price: parked", changed(session, _priced(900))),
        "stripe/overpaid": ("more than the price: booked and flagged", changed(session, _priced(1100))),
        "stripe/quantity_three": ("three packs at once, taxed: booked, 1,500 credits", changed(session, _three)),
        "stripe/free_order": ("an order that a discount made free: booked", changed(session, _free)),
        "stripe/live_mode": (
            "a live event on a test ledger: parked",
            changed(session, lambda o: o.update(livemode=True, id=o["id"].replace("test", "live"))),
        ),
        "stripe/session_expired": ("a session that nobody paid: noted", changed(session, lambda o: o.update(expired))),
        "stripe/cancel_at_period_end": (
            "a classic subscription is cancelled: its state, ending with its period",
            changed(update, _leaving),
        ),
        "stripe/dispute_of_a_charge": (
            "a dispute that names no PaymentIntent: waits for its link",
            changed(dispute, lambda o: o.update(payment_intent=None)),
        ),
        "stripe/dispute_prevented": (
            "a dispute that was stopped before it became one: waits for its payment, and holds nothing",
            changed(closed, lambda o: o.update(prevented)),
        ),
        "paddle/from_the_browser": (
            "custom_data that a browser wrote: parked",
            changed(transaction, lambda o: o.update(origin="web")),
        ),
        "paddle/payment_method_change": ("a subscription's card is changed: noted", changed(renewal, _for_nothing)),
        "paddle/proration": (
            "a plan changed within its period: noted",
            changed(renewal, _rebuilt(("creator_monthly", 1), origin="subscription_update", is_proration=True)),
        ),
        "paddle/unknown_price": (
            "a price that is not ours: parked",
            changed(transaction, _rebuilt(("pack_500", 1), price_id="pri_01jan0therpr0d00000000000a")),
        ),
        "paddle/quantity_three": (
            "three packs at once: booked, 1,500 credits",
            changed(transaction, _rebuilt(("pack_500", 3))),
        ),
        "paddle/free_order": (
            "an order that a discount made free: booked",
            changed(transaction, _rebuilt(("pack_500", 1), discount=1000, attempts=())),
        ),
        "paddle/one_off_charge": (
            "a pack charged to a subscription: parked, until its account is known",
            changed(renewal, _rebuilt(("pack_500", 1), origin="subscription_charge")),
        ),
        "paddle/tax_refund": ("a refund of the tax alone: waits for its payment", changed(refund, _of_tax)),
        "paddle/simulated": ("Paddle's simulator: booked, and parked on a live ledger", changed(transaction, dict)),
        "paddle/subscription_trialing": ("a trial: its state, trialing", changed(subscription, _in_state("trialing"))),
        "paddle/subscription_paused": (
            "a pause: its state, paused",
            changed(subscription, _in_state("paused", scheduled_change=pause)),
        ),
        "paddle/subscription_resumed": (
            "the end of a pause: its state, active",
            changed(subscription, _in_state("active")),
        ),
        "paddle/subscription_imported": (
            "brought over from Paddle Classic: its state, active",
            changed(subscription, _in_state("active", **imported)),
        ),
    }
    types = {
        "stripe/session_expired": "checkout.session.expired",
        "paddle/subscription_trialing": "subscription.trialing",
        "paddle/subscription_paused": "subscription.paused",
        "paddle/subscription_resumed": "subscription.resumed",
        "paddle/subscription_imported": "subscription.imported",
    }
    return {name: (what, _alone(name, content, types.get(name))) for name, (what, content) in told.items()}


def _leaving(content: Json) -> None:
    end = content["items"]["data"][0]["current_period_end"]
    content.update(cancel_at_period_end=True, cancel_at=end, canceled_at=content["created"] + 40 * DAY)
    content.update(billing_mode={"flexible": None, "type": "classic"}, cancellation_details=ASKED_FOR)


def _alone(name: str, content: Json, event_type: str | None) -> Json:
    """A notification of a customer of its own, with an id of its own."""
    content = estranged(name, content)
    if "id" in content:
        content["type"] = event_type or content["type"]
        content["livemode"] = content["data"]["object"].get("livemode", False)
        if content["type"].endswith(".updated"):
            before = {**stripe.nulls("cancel_at canceled_at"), "cancel_at_period_end": False}
            content["data"]["previous_attributes"] = before | {"cancellation_details": {"reason": None}}
    else:
        content["event_type"] = event_type or content["event_type"]
        if name == "paddle/simulated":
            for field in ("event_id", "notification_id"):
                content[field] = f"ntfsim{content[field]}"
    return content


def envelopes(told: list[Teller]) -> dict[str, Json]:
    """API Gateway events for `sam local invoke`, one for each function and provider, signed when they were written."""
    found: dict[str, Json] = {}
    for teller in told:
        for delivery in teller.deliveries:
            name = f"{teller.provider}_{delivery['to'].replace('-', '_')}"
            if name in found:
                continue
            body = json.dumps(json.loads((EVENTS / delivery["event"]).read_text("utf-8")), separators=(",", ":"))
            found[name] = _envelope(teller.provider, delivery["to"], body, as_base64=name == "paddle_refund_settled")
    return found


CASE = "case_0123456789abcdef01234567"
_CUSTOMER = {"authorizer": {"jwt": {"claims": {"sub": "acct_ada", "scope": "billing"}, "scopes": ["billing"]}}}
_SUPPORT = {
    "authorizer": {
        "jwt": {
            "claims": {"sub": "staff_sue", "cognito:groups": "[billing-support]", "scope": "billing.support"},
            "scopes": ["billing.support"],
        }
    }
}
_SERVICE = {"authorizer": {"iam": {"userArn": "arn:aws:sts::123456789012:assumed-role/tagging/run"}}}
_ORDER = {
    "product_id": "pack_1000",
    "provider": "stripe",
    "currency": "EUR",
    "country": "DE",
    "policy_version": "2026-11-01",
    "consent": {"text_version": "2026-11", "asked_to_begin": True, "acknowledged_loss": True},
}
_WISH = {"purchase_id": "stripe:pi_1", "reason": "changed_my_mind"}
_VERDICT = {"outcome": "replace", "words": ["Runs failed for an hour."], "clause": "6", "credits": 100}
_API_REQUESTS: Mapping[str, tuple[str, Json | None, Json]] = {
    "read_account": ("GET /account", None, _CUSTOMER),
    "place_order": ("POST /orders", _ORDER, _CUSTOMER),
    "request_refund": ("POST /refund-requests", _WISH, _CUSTOMER),
    "manage_subscription": ("POST /subscription/cancellation", {}, _CUSTOMER),
    "record_usage": ("POST /usage", {"account_id": "acct_ada", "run_id": "run_1", "credits": 5}, _SERVICE),
    "review_cases": ("POST /support/refund-cases/{case_id}/decision", _VERDICT, _SUPPORT),
    "describe_api": ("GET /openapi.json", None, {}),
}


def requests() -> dict[str, Json]:
    """One request for each function of the API, as API Gateway hands it on: the token is verified already."""
    found = {}
    for name, (route, content, caller) in _API_REQUESTS.items():
        body = json.dumps(content, separators=(",", ":")) if content is not None else ""
        headers = {"content-type": "application/json", "idempotency-key": f"example-{name}"} if content else {}
        path = route.partition(" ")[2].replace("{case_id}", CASE)
        parameters = {"case_id": CASE} if CASE in path else {}
        event = _gateway_event(route, path, parameters, headers, body, "Mozilla/5.0", as_base64=False)
        event["requestContext"] |= caller
        found[name] = event
    return found


def _envelope(provider: str, to: str, body: str, *, as_base64: bool) -> Json:
    signed = signing.headers(provider, body.encode(), signing.LOCAL_SECRETS[provider], START)
    agent = {"stripe": "Stripe/1.0 (+https://stripe.com/docs/webhooks)", "paddle": "Paddle"}[provider]
    headers = {key.lower(): value for key, value in signed.items()}
    route, path = f"POST /webhooks/{{provider}}/{to}", f"/webhooks/{provider}/{to}"
    return _gateway_event(route, path, {"provider": provider}, headers, body, agent, as_base64=as_base64)


def _gateway_event(
    route: str, path: str, parameters: Json, headers: Json, body: str, agent: str, *, as_base64: bool
) -> Json:
    host = "api.example.com"
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "accept": "*/*",
            "content-length": str(len(body.encode())),
            "host": host,
            "user-agent": agent,
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
            **headers,
        },
        "pathParameters": parameters,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "domainName": host,
            "domainPrefix": "api",
            "http": {
                "method": route.partition(" ")[0],
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": agent,
            },
            "requestId": hashlib.sha256(path.encode()).hexdigest()[:16],
            "routeKey": route,
            "stage": "$default",
            "time": f"{datetime.fromtimestamp(START, UTC):%d/%b/%Y:%H:%M:%S +0000}",
            "timeEpoch": START * 1000,
        },
        "body": base64.b64encode(body.encode()).decode() if as_base64 else body,
        "isBase64Encoded": as_base64,
    }


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
    lines += ["", "| alone | what it is | what becomes of it |", "|---|---|---|"]
    lines += [
        f"| `{name.replace('/', '/loose_')}.json` | {what.replace(': ', ' | ', 1)} |"
        for name, (what, _) in others.items()
    ]
    lines += [
        "",
        "`api/` holds the same as API Gateway events for `sam local invoke`. Their signatures are as old as the",
    ]
    lines += [
        "library: a function answers them 401, as it should. `make serve` with a fresh signature books them. One",
        "request for each function of the API lies beside them; API Gateway has verified its caller already.",
        "",
    ]
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
    for path in EVENTS.glob("*/*.json"):
        path.unlink()
    told = [*stripe_stories(), *paddle_stories()]
    _dump("stories.json", [teller.manifest() for teller in told])
    others = loose()
    for name, (_, content) in others.items():
        _dump(f"{name.replace('/', '/loose_')}.json", content)
    for name, content in (envelopes(told) | requests()).items():
        _dump(f"api/{name}.json", content)
    (EVENTS / "README.md").write_text(readme(told, others), "utf-8")
    print(f"{sum(len(teller.deliveries) for teller in told)} events in {len(told)} stories")


if __name__ == "__main__":
    main()
