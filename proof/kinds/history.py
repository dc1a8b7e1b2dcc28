"""A history: what the providers report of one customer's money, in its natural order."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ledger.domain.ids import AccountId, OrderId
from ledger.domain.orders import Order
from proof.kinds.terms import DAY, PADDLE, SOLD, START, STUDIO
from tools.fixtures import paddle_shapes as paddle
from tools.fixtures import stripe_shapes as stripe
from tools.fixtures.tariff import Tariff

Json = dict[str, Any]
ADA = AccountId("acct_ada")
MONTH = 30 * DAY
CREATOR = "price_creator_monthly"

DISPUTES = (
    ("chargeback", ("needs_response", "under_review"), (-1,)),
    ("chargeback", ("needs_response", "lost"), (-1,)),
    ("chargeback", ("needs_response", "won"), (-1, 1)),
    ("chargeback", ("needs_response", "lost"), (-1, 1)),
    ("chargeback", ("needs_response", "won", "lost"), (-1, 1, -1)),
    ("chargeback", ("needs_response", "won", "won"), (-1, 1, -1)),
    ("chargeback", ("needs_response", "won", "under_review", "won"), (-1, 1, -1, 1)),
    ("chargeback", ("lost",), (-1,)),
    ("resolution", ("prevented",), (-1,)),
    ("resolution", ("needs_response", "prevented"), (-1,)),
    ("block", ("prevented",), ()),
    ("inquiry", ("warning_needs_response", "warning_closed"), ()),
)
"""Of what type, which states in turn, and which way the money moved: out (-1) and back (1)."""


def _counters() -> defaultdict[str, Counter[str]]:
    return defaultdict(Counter)


@dataclass(slots=True)
class History:
    """What the providers report, in its natural order, and the orders that were placed."""

    chance: random.Random
    now: int = START
    told: list[tuple[str, bytes]] = field(default_factory=list)
    orders: list[tuple[Order, tuple[str, ...]]] = field(default_factory=list)  # and the transactions of their checkouts
    _made: int = 0
    _paid: Counter[str] = field(default_factory=Counter)  # by PaymentIntent or transaction
    _paid_for: defaultdict[str, Counter[str]] = field(default_factory=_counters)  # by invoice and PaymentIntent
    _back: defaultdict[str, Counter[str]] = field(
        default_factory=_counters
    )  # by PaymentIntent or transaction, and refund
    _transactions: dict[str, Json] = field(default_factory=dict)

    def name(self, prefix: str) -> str:
        self._made += 1
        return f"{prefix}{self._made:020}"

    def at_stripe(self, event_type: str, body: Json) -> None:
        """An event of Stripe, some time after the one before."""
        self.now += self.chance.choice((60, 3600, DAY))
        event = stripe.envelope(self.name("evt_1"), event_type, self.now, body)
        self.told.append(("stripe", json.dumps(event).encode()))

    def at_paddle(self, event_type: str, body: Json) -> None:
        """An event of Paddle, some time after the one before."""
        self.now += self.chance.choice((60, 3600, DAY))
        event = {"event_id": self.name("evt_"), "event_type": event_type, "occurred_at": self.stamp(), "data": body}
        self.told.append(("paddle", json.dumps(event | {"notification_id": self.name("ntf_")}).encode()))

    def stamp(self, after: int = 0) -> str:
        """This moment, or so many seconds after it, as Paddle writes it."""
        return datetime.fromtimestamp(self.now + after, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")

    def part(self, amount: int) -> int:
        """All of an amount, or a part of it."""
        return self.chance.choice((amount, amount, amount // 2, amount // 3, 1, self.chance.randint(1, amount)))

    def left_of(self, name: str) -> int:
        """What a PaymentIntent or a transaction paid and has not given back."""
        return self._paid[name] - self._back[name].total()

    @property
    def intents(self) -> list[str]:
        """The PaymentIntents that have paid something."""
        return [name for name in self._paid if name.startswith("pi_")]

    def paid_for(self, names: Iterable[str]) -> Counter[str]:
        """What paid for the invoices among these names, by PaymentIntent."""
        return sum((self._paid_for[name] for name in names if name in self._paid_for), Counter())

    def order(
        self, provider: str, product_id: str, *checkouts: str, days_before: int = 0, currency: str = "USD"
    ) -> str:
        """An order, whose checkout is known."""
        made_at = datetime.fromtimestamp(self.now, UTC) - timedelta(days=days_before)
        product = SOLD.sold(made_at)[product_id]
        order = Order(
            order_id=OrderId(self.name("ord_")),
            account_id=ADA,
            provider=provider,
            product_id=product_id,
            price_minor=product.prices[currency],
            currency=currency,
            country="DE",
            is_business=False,
            policy_version="1",
            made_at=made_at,
            terms=product.terms_at(provider, lock_days=None),
        )
        self.orders.append((order, checkouts))
        return order.order_id

    # ── Stripe ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def session(
        self, product_id: str, amount: int, tax: int = 0, order_id: str | None = None, currency: str = "usd"
    ) -> str:
        """A pack that is paid by card. Its PaymentIntent."""
        ours = {"account_id": ADA, "product_id": product_id} | ({"order_id": order_id} if order_id else {})
        intent = self.name("pi_3")
        fields = {"id": self.name("cs_test_"), "created": self.now, "currency": currency, "mode": "payment"}
        fields |= {"amount_subtotal": amount, "amount_total": amount + tax, "payment_intent": intent, "metadata": ours}
        fields |= {"total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": tax}}
        session = stripe.session("Ada", payment_status="paid", status="complete", **fields)
        self.at_stripe("checkout.session.completed", session)
        self._paid[intent] += amount + tax
        return intent

    def line(self, sub: str, invoice_id: str, price_id: str, amount: int, period: tuple[int, int], **how: Any) -> Json:
        """A line of an invoice."""
        return stripe.invoice_line(
            self.name("il_1"), invoice_id, sub, price_id, amount, period, item=f"si_{sub[4:]}", **how
        )

    def invoice(self, sub: str, invoice_id: str, reason: str, lines: Sequence[Json], **fields: Any) -> Json:
        """An invoice that is paid."""
        of_ada: Json = {"who": "Ada", "customer": "cus_ada", "metadata": {"account_id": ADA}}
        made = stripe.invoice(invoice_id, reason, self.now, list(lines), subscription_id=sub, **of_ada, **fields)
        self.at_stripe("invoice.paid", made)
        return made

    def month(self, sub: str, number: int = 0, price_id: str = CREATOR, tax: int = 0, **fields: Any) -> Json:
        """A month that is paid, in time."""
        period = (START + number * MONTH, START + (number + 1) * MONTH)
        self.now = max(self.now, period[0])
        invoice_id, amount = self.name("in_1"), 6000 if price_id == STUDIO["stripe"] else 1500
        line = self.line(sub, invoice_id, price_id, amount, period, tax=tax)
        reason = "subscription_cycle" if number else "subscription_create"
        return self.invoice(sub, invoice_id, reason, [line], **fields)

    def unused(self, sub: str, invoice_id: str, of: Json, amount: int, *, is_named: bool = True) -> Json:
        """The line of an invoice that credits what is left of a month, and says of which, or does not."""
        (paid,) = of["lines"]["data"]
        credits_lines = (of["id"], [paid["id"]]) if is_named else None
        price_id, period = paid["pricing"]["price_details"]["price"], (self.now, paid["period"]["end"])
        return self.line(sub, invoice_id, price_id, -amount, period, proration=True, credits_lines=credits_lines)

    def link(self, invoice_id: str, amount: int, intent: str | None = None) -> str:
        """What paid an invoice, or a part of it."""
        intent = intent or self.name("pi_3")
        paid = stripe.invoice_payment(self.name("inpay_1"), invoice_id, intent, amount, self.now)
        self.at_stripe("invoice_payment.paid", paid)
        self._paid[intent] += amount
        self._paid_for[invoice_id][intent] += amount
        return intent

    def refund(self, intent: str, amount: int, *, is_by_charge: bool = False, **fields: Any) -> str:
        """A refund, by default in the dashboard, that waits at first or not; whatever becomes of it. Its id.

        `is_by_charge`: it names no intent.
        """
        ends = self.chance.choice(("succeeded", "succeeded", "succeeded", "pending", "failed", "canceled"))
        made = stripe.refund(self.name("re_3"), f"ch_{intent[3:]}", intent, amount, self.now, **fields)
        made |= {"payment_intent": None} if is_by_charge else {}
        waits = {"status": "pending", "pending_reason": "insufficient_funds", "balance_transaction": None}
        is_waiting = ends != "succeeded" or self.chance.random() < 0.5
        self.at_stripe("refund.created", made | waits if is_waiting else made)
        self._back[intent][made["id"]] = amount
        if made["currency"] == "usd" and self.chance.random() < 0.3:
            self.running_total(intent)
        if ends == "succeeded" and is_waiting:
            self.at_stripe("refund.updated", made)
        elif ends == "failed":
            back = {"failure_reason": "unknown", "failure_balance_transaction": self.name("txn_1")}
            self.at_stripe("refund.failed", made | back | {"status": "failed"})
        elif ends == "canceled":
            self.at_stripe("refund.updated", made | waits | {"status": "canceled", "pending_reason": None})
        if ends in {"failed", "canceled"}:
            del self._back[intent][made["id"]]
        return str(made["id"])

    def running_total(self, intent: str, more: int = 0) -> None:
        """All that went back of a charge: its refunds, and `more` that no refund tells."""
        total, paid = self._back[intent].total() + more, self._paid[intent]
        if 0 < total <= paid:
            fields = {"amount_refunded": total, "refunded": total == paid}
            body = stripe.charge(f"ch_{intent[3:]}", intent, "Ada", "cus_ada", {}, paid, **fields)
            self.at_stripe("charge.refunded", body)

    def dispute(self, intent: str, amount: int, *, is_by_charge: bool = False, **fields: Any) -> None:
        """A dispute, by what moved and by what is said. `is_by_charge`: it names no intent."""
        chance, opened = self.chance, self.now
        kind, statuses, rows = chance.choice(DISPUTES)
        name = self.name("dp_1")
        fields |= {"payment_method_details": {"card": {"brand": "visa", "case_type": kind}, "type": "card"}}
        fee, rate = chance.choice((0, 1500)), chance.choice((100, 100, 97))  # of a conversion on another day
        moved = [
            stripe.balance_transaction(n, name, sign * amount * (rate if n else 100) // 100, fee * -sign, opened)
            for n, sign in enumerate(rows)
        ]
        for number, status in enumerate(statuses):
            is_last = number == len(statuses) - 1
            listed = moved if is_last else moved[: number + 1]
            body = stripe.dispute(name, f"ch_{intent[3:]}", intent, amount, status, opened, listed, **fields)
            body |= {"payment_intent": None} if is_by_charge else {}
            self.at_stripe(f"charge.dispute.{'created' if number == 0 else 'closed' if is_last else 'updated'}", body)

    def goes_back(self, intent: str, amount: int) -> None:
        """Money goes back, by whatever way."""
        self.chance.choice((self.refund, self.dispute))(intent, amount)

    # ── Paddle ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def transaction(
        self,
        product_id: str,
        *,
        order_id: str | None = None,
        tariff: Tariff = PADDLE,
        credit: int = 0,
        price: Json | None = None,
        **shaped: Any,
    ) -> Json:
        """A transaction that is paid, `credit` of it from the buyer's balance. It is for an order, an own one if none
        is named, unless it is a subscription's.
        """
        name, is_initial = self.name("txn_"), shaped.get("origin", "api") in {"api", "web"}
        ours = {"account_id": ADA, "product_id": product_id}
        if is_initial and order_id:
            self.orders = [
                (order, (*names, name) if order.order_id == order_id else names) for order, names in self.orders
            ]
        elif is_initial:
            order_id = self.order("paddle", product_id, name, currency=tariff.currency)
        ours |= {"order_id": order_id} if order_id else {}
        made = paddle.transaction(
            name, self.stamp(), [(product_id, 1)], customer="ctm_ada", custom=ours, tariff=tariff, **shaped
        )
        totals = made["details"]["totals"]
        used = min(credit, int(totals["total"]))
        totals |= {"credit": str(used), "grand_total": str(int(totals["total"]) - used)}
        for item in made["items"]:
            item["price"] |= price or {}
        self.at_paddle("transaction.completed", made)
        self._transactions[name], self._paid[name] = made, int(totals["total"])
        return made

    def subscribed(self, product_id: str, days: int = 30, **how: Any) -> Json:
        """The first transaction of a subscription, and the subscription."""
        sub_id, period = self.name("sub_"), (self.stamp(), self.stamp(days * DAY))
        made = self.transaction(product_id, subscription_id=sub_id, period=period, **how)
        created = paddle.subscription(
            sub_id,
            self.stamp(),
            period,
            customer="ctm_ada",
            custom=made["custom_data"],
            product_id=product_id,
            tariff=PADDLE,
            transaction_id=made["id"],
        )
        self.at_paddle("subscription.created", created)
        return made

    def refund_of_lines(self, transaction_id: str, amounts: Mapping[str, int], reason: str = "asked Paddle") -> str:
        """A refund of these amounts of a transaction's lines. Its id."""
        of = self._transactions[transaction_id]
        rows = [{"id": name, "totals": {"total": str(minor), "tax": "0"}} for name, minor in amounts.items()]
        return str(self.adjustment(of | {"details": {"line_items": rows}}, "refund", reason=reason)["id"])

    def adjustment(self, of: Json, action: str, reason: str | None = None, **shaped: Any) -> Json:
        """An adjustment that is approved, or waits for it first."""
        made = paddle.adjustment(self.name("adj_"), of, action, "approved", self.stamp(), **shaped)
        made |= {"reason": reason} if reason else {}
        if not action.endswith("_reverse"):
            self._back[of["id"]][made["id"]] = int(made["totals"]["total"])
        if action != "refund" or self.chance.random() < 0.5:
            self.at_paddle("adjustment.created", made)
            return made
        waits = {"status": "pending_approval", "payout_totals": None}
        self.at_paddle("adjustment.created", made | waits)
        ends = self.chance.choice(("approved", "approved", "rejected", "pending_approval"))
        if ends == "approved":
            self.at_paddle("adjustment.updated", made | {"updated_at": self.stamp()})
        elif ends == "rejected":
            self.at_paddle("adjustment.updated", made | waits | {"status": ends, "updated_at": self.stamp()})
            del self._back[of["id"]][made["id"]]
        return made
