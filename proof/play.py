"""One customer's life, step by step: what they buy, what banks and support do, what is delivered, what runs use.

The providers are the simulators, in memory: each of their changes is a notification that waits to be delivered, in any
order and again. After every step the ledger is held against `proof.oracle` and against `verify`'s invariants; once all
is delivered, against `proof.money` too.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ledger.domain import catalogue
from ledger.domain.catalogue import ProductKind
from ledger.domain.credit_notes import CreditNote
from ledger.domain.errors import (
    AccountSuspended,
    CaseAlreadyOpen,
    IncidentChanged,
    InsufficientCredits,
    RequestRefused,
    TooManyRequests,
)
from ledger.domain.events import Event
from ledger.domain.facts import RefundedItem
from ledger.domain.ids import OrderId, PaymentId
from ledger.domain.orders import Checkout, Order
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import ParkReason, Receipt
from ledger.domain.refund_cases import CaseState, DecisionOutcome, PaymentConcern, RefundCase, RefundReason
from ledger.policy.parameters import PolicyParameters
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import OrderPointer, checkout_key
from ledger.providers.registry import PROVIDERS
from ledger.providers.translation import carried
from ledger.usecases.credit_notes import Seller
from ledger.usecases.incidents.begin import IncidentRequest
from ledger.usecases.index_names import index_failed_run
from ledger.usecases.record_event import record_event, release_parked
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.refund_cases.open_case import SUPPORT_CASES_ROUTE, open_case
from ledger.usecases.send_refunds import SendResult, send_refund
from ledger.usecases.usage import draw_credits, fail_run
from proof import decisions, documents, oracle, shown
from proof.fake_gateways import PaddleCounter, StripeCounter
from tools.orders import order_commit
from tools.simulators.common import ids
from tools.simulators.common.account import NotPossible
from tools.simulators.common.cart import CartLine as PaddleLine
from tools.simulators.paddle.account import PaddleAccount
from tools.simulators.paddle.adjustments import Share
from tools.simulators.stripe.account import StripeAccount
from tools.simulators.stripe.cart import Cart
from tools.simulators.stripe.cart import CartLine as StripeLine
from tools.testing.builders import ADA, POLICY, refund_claim
from tools.testing.fakes import FakeStore, world
from tools.testing.unguarded import (
    begin_incident,
    decide_case,
    decide_deferred,
    expire_credits,
    lift_hold,
    replace_runs,
)
from tools.verify import check

SOLD = catalogue.load()
SELLER = Seller(name="Shop", address="1 High Street", providers=("stripe",))
START = datetime(2026, 11, 1, tzinfo=UTC)
_ONLY_WHEN_QUIET = {"A case is settled exactly if its refund has succeeded"}
_ONCE_THE_BUS_HAS_TOLD = {
    "A case waits exactly once where its state says: for a person, or for its time; and support finds every case"
}
"""A dispute gives a case in review another place, by the domain event that its booking leads to."""
_ONLY_WHEN_ALL_IS_HEARD = {"No payment was refunded by more than was paid, what is approved included"}
"""A second refund may be told before it is that the first one came back."""
_CURRENCIES = ("EUR", "USD")
INDEX_LAG = 3
"""How many steps of a life the secondary indexes may lag behind."""
PLAYED = replace(POLICY, persistent_failed_runs=1)
"""The policy of these lives: one failed run is reason enough to give credits."""
FOR_A_PERSON = {ParkReason.UNKNOWN_ORIGIN}
"""The reasons for which an event of these lives may be parked for good: the first oracle says nothing of it."""

_RUN_ID = "run_{}"
TAX_IDS = (
    *(("br_cpf", "111.444.777-35"), ("eu_vat", "PT123456789"), ("eu_vat", "HR12345678912"), ("unknown", "1")),
    *(("eu_vat", "DE123456789"), ("eu_vat", "FR83404833048"), ("gb_vat", "GB980780684"), ("rs_pib", "123456789")),
    ("br_cnpj", "01.234.456/5432-10"),
)
"""What buyers enter at Stripe: the first line is of persons too, the others of businesses alone."""


class Wrong(AssertionError):
    """The ledger is not what it should be."""


@dataclass(frozen=True, slots=True)
class Notification:
    """One event as its provider tells it."""

    provider: str
    body: bytes

    @property
    def content(self) -> Any:
        return json.loads(self.body)

    @property
    def event_type(self) -> str:
        return str(self.content.get("type") or self.content.get("event_type"))


def translated(provider: str, body: bytes) -> Event | None:
    """A notification in our words."""
    notifications = PROVIDERS[provider]
    event: Event | None = notifications.translate(notifications.parse(body), SOLD, is_live=False)
    return event


@dataclass
class Play:
    """A customer, two providers, a ledger, and time. Every act that is not possible now does nothing."""

    seed: str = "play"
    now: datetime = START
    store: FakeStore = field(default_factory=lambda: FakeStore(is_lagging=True))
    waiting: list[Notification] = field(default_factory=list)  # told by a provider, not delivered yet
    delivered: list[Notification] = field(default_factory=list)
    parked: dict[str, Notification] = field(default_factory=dict)  # delivered, and not usable yet
    for_a_person: dict[str, Notification] = field(default_factory=dict)  # delivered, and parked until a person decides
    ours: oracle.Ours = field(default_factory=oracle.Ours)
    policy: PolicyParameters = PLAYED
    log: list[str] = field(default_factory=list)
    translate: Callable[[str, bytes], Event | None] = translated

    def __post_init__(self) -> None:
        ids.repeat_from(self.seed, lambda: self.now.timestamp())
        self.stripe = StripeAccount(clock=lambda: self.now.timestamp())
        self.paddle = PaddleAccount(clock=lambda: self.now.timestamp())
        self.counters = {"stripe": StripeCounter(self.stripe), "paddle": PaddleCounter(self.paddle)}
        self.checkouts: dict[str, list[str]] = {"stripe": [], "paddle": []}
        self.runs = self._ticks = 0
        self._told = {"stripe": 0, "paddle": 0}
        self.expire()  # the job runs from the first day on

    # ── What the customer does ────────────────────────────────────────────────────────────────────────────────────────

    def buy(
        self,
        provider: str,
        products: list[str],
        quantity: int,
        *,
        flags: int,
        tax_id: tuple[str, str] | None = None,
        is_business: bool = False,
    ) -> None:
        """Open a checkout and pay it. `flags` says how: ordered, taxed, by transfer, above the price.

        `is_business`: the buyer ticks so, which an order alone records. `tax_id`: what the buyer enters at Stripe.
        """
        is_ordered, is_taxed, is_delayed, is_dearer = (bool(flags & 1 << bit) for bit in range(4))
        currency = _CURRENCIES[flags >> 4 & 1]
        ours = {"account_id": ADA, "product_id": products[0]}
        if is_ordered or provider == "paddle":  # whose a Paddle transaction is, only its order tells
            ours |= carried(self._order(provider, products[0], currency, is_business=is_business))
        if provider == "stripe":
            self._buy_at_stripe(
                *(products, quantity, ours, currency, (tax_id,) if tax_id else ()),
                is_taxed=is_taxed,
                is_delayed=is_delayed,
                is_dearer=is_dearer,
            )
        else:
            cart = tuple(
                PaddleLine(SOLD.products[name], SOLD.products[name].price_ids["paddle"][0], quantity)
                for name in products
            )
            made = self.paddle.open_transaction(cart, currency, customer=None, custom=ours, page=None)
            self._know_checkout(made["id"], OrderId(ours["order_id"]))
            self.checkouts["paddle"].append(made["id"])
            self._happens(lambda: self.paddle.pay(made["id"]))

    def _buy_at_stripe(
        self,
        products: list[str],
        quantity: int,
        ours: dict[str, str],
        currency: str,
        tax_ids: tuple[tuple[str, str], ...],
        *,
        is_taxed: bool,
        is_delayed: bool,
        is_dearer: bool,
    ) -> None:
        is_plan = SOLD.products[products[0]].kind is ProductKind.SUBSCRIPTION
        products = products if is_plan else products[:1]  # a session's metadata names one product
        ours |= {"quantity": str(quantity)} if quantity > 1 and not is_plan else {}
        lines = tuple(
            StripeLine(
                SOLD.products[name],
                SOLD.products[name].price_ids["stripe"][0],
                quantity,
                SOLD.products[name].prices[currency] + 100 * (is_dearer and not is_plan),
            )
            for name in products
        )
        cart = Cart(lines, currency.lower(), is_taxed, dict(ours), dict(ours), tax_ids)
        fields = {
            "mode": "subscription" if is_plan else "payment",
            "metadata": dict(ours),
            "success_url": "https://example.com/",
            "cancel_url": None,
            "client_reference_id": None,
            "customer": None,
            "customer_email": None,
        }
        session = self.stripe.open_checkout(cart, fields)["id"]
        self.checkouts["stripe"].append(session)
        self._happens(lambda: self.stripe.pay(session, is_delayed=is_delayed and not is_plan))

    def _order(self, provider: str, product_id: str, currency: str, *, is_business: bool) -> Order:
        order_id = f"ord_{len(self.store.fulfilment_keys)}"
        order = Order(
            order_id=OrderId(order_id),
            account_id=ADA,
            provider=provider,
            product_id=product_id,
            price_minor=SOLD.products[product_id].prices[currency],
            currency=currency,
            country="DE",
            is_business=is_business,
            policy_version=self.policy.version,
            made_at=self.now,
            terms=SOLD.products[product_id].terms_at(provider, lock_days=None),
        )
        self.store.commit(order_commit(order))
        if is_business:
            self.ours.ticked.add(order_id)
        return order

    def _know_checkout(self, transaction_id: str, order_id: OrderId) -> None:
        """The checkout of an order is stored, as `place_order` does it. Of several the first is the order's."""
        pointer = DocumentChange(checkout_key("paddle", transaction_id), OrderPointer(order_id=order_id))
        order = self.store.fulfilment_keys[f"order/{order_id}"].terms
        if order and order.checkout is None:
            order = replace(order, checkout=Checkout(checkout_id=transaction_id, url="https://example.com/"))
            self.store.commit(Commit(order=order, documents=(pointer,)))
        else:
            self.store.commit(Commit(documents=(pointer,)))

    def pay_again(self, provider: str, pick: int) -> None:
        """A second payment of one order."""
        account = self._account(provider)

        def pay(checkout: str) -> None:
            made = account.pay_again(checkout)
            if provider == "paddle":
                self._know_checkout(made["id"], OrderId(made["custom_data"]["order_id"]))

        self._on(self.checkouts[provider], pick, pay)

    def end_transfer(self, pick: int, *, has_arrived: bool) -> None:
        """A transfer arrives, or bounces."""
        end = self.stripe.arrive if has_arrived else self.stripe.bounce
        self._on(self.transfers, pick, end)

    def subscription(self, provider: str, pick: int, act: str) -> None:
        """A subscription goes on: `renew`, `fail_renewal`, `end_period`, `cancel_in_portal`, `upgrade`."""
        account: Any = self._account(provider)
        subscriptions = list(account.subscriptions)
        if act == "upgrade":
            self._on(subscriptions, pick, lambda name: self._upgrade(provider, name, 2 + pick % 3))
        elif act == "cancel_in_portal" and provider == "paddle":
            live = [name for name in subscriptions if account.subscriptions[name]["status"] != "canceled"]
            self._on(live, pick, lambda name: account.schedule_end(account.subscriptions[name], is_wanted=True))
        else:
            self._on(subscriptions, pick, getattr(account, act))

    def _upgrade(self, provider: str, name: str, quantity: int) -> None:
        """More of a plan in the middle of a period. What it credits is still there: none of it went back before."""
        if provider == "stripe":
            bills = {one["id"] for one in self.stripe.invoices.values() if name in json.dumps(one["parent"])}
            links = [one for one in self.stripe.invoice_payments.values() if one["invoice"] in bills]
            charges = {self.stripe.charge_of_intent[one["payment"]["payment_intent"]] for one in links}
            if any(self._is_going_back(charge_id) for charge_id in charges):
                raise NotPossible("money of this subscription went back, or may")
        self._account(provider).change_quantity(name, quantity)

    def _is_going_back(self, charge_id: str) -> bool:
        back = (*self.stripe.refunds.values(), *self.stripe.disputes.values())
        return any(one["charge"] == charge_id for one in back)

    # ── What providers and banks do ───────────────────────────────────────────────────────────────────────────────────

    def begin_refunds_as_pending(self, *, is_so: bool) -> None:
        """From now on refunds wait: for money at Stripe, for approval at Paddle."""
        self.stripe.begin_refunds_as("pending" if is_so else "succeeded")
        self.paddle.approve_at_once(0 if is_so else 40000)

    def refund_at_stripe(self, pick: int, percent: int) -> None:
        """A person refunds in the dashboard."""

        def refund(charge_id: str) -> Any:
            charge = self.stripe.charges[charge_id]
            left = charge["amount_captured"] - charge["amount_refunded"]
            return self.stripe.refund(charge_id, max(1, left * percent // 100))

        self._on(list(self.stripe.charges), pick, refund)

    def refund_at_paddle(self, pick: int, line: int, percent: int, kind: str) -> None:
        """Paddle refunds all (`full`), a part of one line (`partial`), or its tax alone (`tax`)."""

        def refund(name: str) -> Any:
            transaction = self.paddle.transactions[name]
            if kind == "full" or transaction["status"] != "completed" or self.paddle.has_pending(name):
                return self.paddle.refund(name)
            lines = list(self.paddle.left_of(transaction).items())
            item_id, (total, tax) = lines[line % len(lines)]
            asked = tax if kind == "tax" else total * percent // 100
            if asked <= 0:
                raise NotPossible("nothing is left of it")
            share = Share(item_id, kind, asked, tax if kind == "tax" else tax * asked // total)
            return self.paddle.adjust(transaction, "refund", [share], reason="asked Paddle", kind="partial")

        self._on(list(self.paddle.transactions), pick, refund)

    def refund_ends(self, provider: str, pick: int, *, is_good: bool) -> None:
        """A pending refund is carried out or fails; one that succeeded may fail still."""
        if provider == "stripe":
            end = self.stripe.settle_refund if is_good else self.stripe.fail_refund
            self._on(list(self.stripe.refunds), pick, end)
        else:

            def decide(name: str) -> Any:
                is_pending = self.paddle.adjustments[name]["status"] == "pending_approval"
                if is_good:
                    return self.paddle.approve(name)
                return self.paddle.reject(name) if is_pending else self.paddle.reverse(name)

            self._on(list(self.paddle.adjustments), pick, decide)

    def contest(self, provider: str, pick: int, percent: int, *, is_soft: bool) -> None:
        """A bank contests a payment; softly: by an inquiry, or (Paddle) a warning."""
        if provider == "stripe":

            def open_dispute(charge_id: str) -> Any:
                charge = self.stripe.charges[charge_id]
                left = charge["amount_captured"] - charge["amount_refunded"]
                return self.stripe.open_dispute(charge_id, left * percent // 100 or None, is_inquiry=is_soft)

            self._on(list(self.stripe.charges), pick, open_dispute)
        else:
            self._on(
                list(self.paddle.transactions), pick, lambda name: self.paddle.open_chargeback(name, is_warning=is_soft)
            )

    def dispute(self, provider: str, pick: int, act: str) -> None:
        """A dispute moves on: `escalate`, `respond`, `appeal`, `withdraw_again`, `won`, `lost`, `warning_closed`."""
        stripe = self.stripe
        if provider == "paddle":
            self._on(list(self.paddle.adjustments), pick, self.paddle.win_chargeback)
        elif act in {"won", "lost", "warning_closed"}:
            self._on(list(stripe.disputes), pick, lambda name: stripe.close_dispute(name, act))
        else:
            moves = {
                "escalate": stripe.escalate_dispute,
                "respond": stripe.respond_to_dispute,
                "appeal": stripe.appeal_dispute,
                "withdraw_again": stripe.withdraw_again,
            }
            self._on(list(stripe.disputes), pick, moves[act])

    def warn_of_fraud(self, pick: int) -> None:
        """The card network fears fraud."""
        self._on(list(self.stripe.charges), pick, self.stripe.warn_of_fraud)

    # ── What is delivered ─────────────────────────────────────────────────────────────────────────────────────────────

    def deliver(self, pick: int) -> None:
        """One notification that waits, whichever."""
        if self.waiting:
            self.hear(self.waiting.pop(pick % len(self.waiting)))

    def deliver_again(self, pick: int) -> None:
        """One that was delivered before."""
        if self.delivered:
            self.hear(self.delivered[pick % len(self.delivered)])

    def hear(self, told: Notification) -> None:
        """A delivery."""
        event = self.translate(told.provider, told.body)
        self.log.append(f"hears {told.event_type}")
        if event is None:  # that nobody reads it is the ledger's word: the oracle is told of it all the same
            self.delivered.append(told)
            return
        digest = hashlib.sha256(told.body).hexdigest()
        recorded = record_event(event, self.store, body=told.body, body_sha256=digest, now=self.now)
        if recorded.parked_reason is None:
            self.delivered.append(told)
        elif recorded.parked_reason is ParkReason.NO_ACCOUNT:
            self.parked[event.event_id] = told  # a renewal before the first payment, which says whose it is
        elif recorded.parked_reason in FOR_A_PERSON:
            self.for_a_person[event.event_id] = told
        else:
            raise Wrong(f"{told.event_type} was parked: {recorded.parked_reason}, {recorded.detail}")

    def release(self) -> None:
        """Parked events are tried again."""
        self.store.catch_up()
        waiting = (receipt for receipt in self.store.parked_receipts() if receipt.event_id in self.parked)
        for parked in sorted(waiting, key=lambda receipt: receipt.occurred_at):
            if release_parked(parked, _read_again, self.store, self.now).parked_reason is None:
                self.delivered.append(self.parked.pop(parked.event_id))

    # ── What the product, its jobs and support do ─────────────────────────────────────────────────────────────────────

    def spend(self, credits_: int) -> None:
        """A run draws. It is given what it asks for exactly when it should be, and from the lots that it should."""
        self.runs += 1
        run_id, wanted = _RUN_ID.format(self.runs), self.expected().draw(credits_, self.now)
        try:
            drawn = dict(draw_credits(ADA, run_id, credits_, self.store, now=self.now).drawn)
        except (InsufficientCredits, AccountSuspended) as refusal:
            if wanted is not None:
                raise Wrong(f"{credits_} credits were refused ({refusal}), {wanted} could be drawn") from refusal
            return
        if drawn != wanted:
            raise Wrong(f"{credits_} credits were drawn as {drawn}, should be {wanted}")
        self.ours.drawn[run_id] = drawn
        self.log.append(f"draws {drawn}")

    def fail(self, pick: int) -> None:
        """A run fails; failing it again changes nothing."""
        if self.runs:
            run_id = _RUN_ID.format(pick % self.runs + 1)
            if run_id in self.ours.drawn:
                fail_run(ADA, run_id, self.store, now=self.now)
                self.ours.failed.setdefault(run_id, (self.now, sum(self.ours.drawn[run_id].values())))
                self.ours.drawn[run_id] = {}

    def make_good(self, hours: float) -> None:
        """Support makes good what failed of late: once as many credits as each run had cost, and of no run twice."""
        since = self.now - timedelta(hours=hours)
        for run_id, (at, _) in self.ours.failed.items():
            index_failed_run(ADA, run_id, at, self.store)
        self.store.catch_up()
        runs = {} if self.expected().holds else oracle.to_replace(self.ours, since, self.now)
        wanted, key = sum(runs.values()), f"incident {len(self.store.documents)}"
        request = IncidentRequest(
            since=since, until=self.now, credits=wanted, reason="It stood still.", actor="sam", key=key
        )
        try:
            incident_id = begin_incident(request, self.store, now=self.now).incident_id
        except IncidentChanged as changed:
            raise Wrong(f"{wanted} credits should be made good: {changed}") from changed
        for _ in range(2):  # the job may be called any number of times
            replace_runs(incident_id, self.store, now=self.now)
        if wanted:
            self.ours.incidents.append(oracle.Gift(f"goodwill/{incident_id}/1", wanted))
            self.ours.replaced |= runs.keys()
            self.log.append(f"makes good {wanted}")

    def expire(self) -> None:
        """The job writes down what has lapsed."""
        expire_credits(self.store, now=self.now)

    def ask(self, pick: int, reason: RefundReason, *, hours_ago: float = 0) -> None:
        """The customer asks for a refund, or support enters what was sent earlier; what is clear is decided at once."""
        paid = self._paid()
        if paid:
            self._ask(paid[pick % len(paid)], reason, timedelta(hours=hours_ago))

    def _ask(self, payment_id: PaymentId, reason: RefundReason, ago: timedelta) -> None:
        asked = refund_claim(reason, payment_id=payment_id, key=f"key_{len(self.store.documents)}")
        if ago:
            asked = replace(asked, asked_at=self.now - ago, opened_by="sam", route=SUPPORT_CASES_ROUTE)
        with contextlib.suppress(CaseAlreadyOpen, TooManyRequests):
            case = open_case(asked, self.store, self.policy, now=self.now)
            self._decided(case)
            self._wrote(case.payment_id, self.now - ago)

    def _wrote(self, payment_id: PaymentId, at: datetime) -> None:
        letter = oracle.Letter(at, self.policy.contacted_first_from)
        self.ours.letters.setdefault(payment_id, []).append(letter)

    def ask_after_gift(self, pick: int, reason: RefundReason) -> None:
        """The customer asks for the money of a payment for which credits were given."""
        given = [PaymentId(name) for name in sorted(self.ours.gifts)]
        if given:
            self._ask(given[pick % len(given)], reason, timedelta(0))

    def decide(self, pick: int, percent: int, *, takes_credits: bool, by_line: bool) -> None:
        """A person approves a part, or (0) declines."""
        cases = self.in_review
        if not cases:
            return
        case = cases[pick % len(cases)]
        purchase = self._home(case.payment_id)
        refundable = purchase.refundable_minor
        money_minor = refundable * percent // 100
        lines = purchase.payment.lines if purchase.payment and by_line else ()
        money_minor = min(money_minor, lines[0].amount_minor) if lines else money_minor
        items = (RefundedItem(line_id=lines[0].line_id, amount_minor=money_minor),) if lines and money_minor else ()
        verdict = ReviewDecision(
            outcome=DecisionOutcome.APPROVE if money_minor else DecisionOutcome.DECLINE,
            words=("So be it.",),
            clause="6",
            money_minor=money_minor,
            takes_credits=takes_credits,
            items=items,
        )
        self._decide(case, verdict)

    def give(self, pick: int, credits_: int, *, is_agreed: bool = True) -> None:
        """A person gives credits instead of money, which a withdrawal's customer has to agree to."""
        cases = self.in_review
        if not cases:
            return
        case = cases[pick % len(cases)]
        verdict = ReviewDecision(
            outcome=DecisionOutcome.REPLACE,
            words=("Sorry.",),
            clause="6",
            credits=credits_,
            agreement="By mail." if is_agreed else None,
        )
        may_be = is_agreed or not decisions.needs_agreement(case)
        if self._decide(case, verdict) is not may_be:
            said = "refused" if may_be else "given"
            raise Wrong(f"{case.case_id} ({case.reason}): credits are {said}, agreed to: {is_agreed}")

    def _decide(self, case: RefundCase, verdict: ReviewDecision) -> bool:
        """Decide a case, and return whether that was carried out."""
        try:
            decided = decide_case(case.case_id, verdict, "sam", self.store, self.policy, now=self.now)
        except RequestRefused:
            return False
        self._decided(decided)
        return True

    def decide_waiting(self) -> None:
        """Requests whose settling time is over are decided."""
        for case in decide_deferred(self.store, self.policy, now=self.now, seller=SELLER):
            if case.contract_case_id and case.opened_at == self.now:  # it is about every payment of the contract
                self._wrote(case.payment_id, case.asked_at or case.opened_at)
            self._decided(case)

    def issue(self, last_error: str) -> None:
        """Everything in the outbox is sent; `trouble`: what befalls the first call (`none`, `down`, `lost`)."""
        for intent in list(self.store.outbox()):
            self.now += timedelta(minutes=2)  # the last sender's minute is over
            counter: Any = self.counters[intent.payment_id.partition(":")[0]]
            counter.last_error = last_error
            issued = send_refund(intent.tag, self.store, self.counters.__getitem__, clock=lambda: self.now)
            counter.last_error = "none"
            if f"attempted:{intent.tag}" in self._home(intent.payment_id).facts:
                self.ours.begun.add(intent.tag)
            self.log.append(f"issues {intent.tag}: {issued}")
            if issued is SendResult.ABANDONED:
                self.ours.abandoned.add(intent.tag)
            elif issued in {SendResult.SENT, SendResult.FOUND}:
                self.ours.sent[intent.tag] = counter.made_under(intent.tag)[0].refund_id
            self._gather()

    def follow(self) -> None:
        """Cases go where their refunds have come."""
        for payment_id in self._paid():
            follow(payment_id, self.store, now=self.now)

    def lift(self, pick: int) -> None:
        """Support lifts a hold."""
        if self.is_held:
            holds = sorted(self.store.accounts[ADA].holds)
            hold_id = holds[pick % len(holds)]
            lift_hold(hold_id, ADA, "sam", self.store, why="a good customer", now=self.now)
            self.ours.lifted[hold_id] = self.now

    def pass_time(self, hours: float) -> None:
        """Time passes."""
        self.store.catch_up()
        self.now += timedelta(hours=hours)

    # ── What must hold ────────────────────────────────────────────────────────────────────────────────────────────────

    def expected(self) -> oracle.Book:
        """What the oracle says of what was heard so far."""
        return oracle.book([(told.provider, told.content) for told in self.delivered], self.ours)

    def hold(self, *, is_quiet: bool = False, is_all_heard: bool | None = None) -> None:
        """Every invariant that must hold by now, and the ledger is what the oracle says. Raises Wrong."""
        is_all_heard = not self.waiting if is_all_heard is None else is_all_heard
        too_early = (set() if is_quiet else _ONLY_WHEN_QUIET) | (set() if is_all_heard else _ONLY_WHEN_ALL_IS_HEARD)
        findings = check(world(self.store))
        if not is_quiet and any(one.broken for one in findings if one.invariant in _ONCE_THE_BUS_HAS_TOLD):
            self.follow()
            findings = check(world(self.store))
        for finding in findings:
            if finding.broken and finding.invariant not in too_early:
                raise Wrong(f"{finding.invariant}: broken by {', '.join(finding.broken)}")
        compare(self.store, self.expected(), self.now, has_expired=is_quiet)
        self.hold_refundable()
        if is_all_heard:
            self.hold_money()

    def hold_money(self) -> None:
        """The oracle of money finds nothing in what was delivered. Raises Wrong."""
        told = [one.content for one in (*self.delivered, *self.parked.values(), *self.for_a_person.values())]
        if problems := shown.wrong(world(self.store), told):
            raise Wrong("; ".join(problems))

    def hold_decision(self, case: RefundCase) -> None:
        """What the policy has just decided is what the oracle of decisions allows. Raises Wrong."""
        standing = self.standings().get(case.payment_id)
        if standing and (problems := list(decisions.wrong(case, standing, self.warned_up_to_minor))):
            raise Wrong(f"{case.case_id} ({case.reason}): {'; '.join(problems)}")

    def hold_warnings(self) -> None:
        """No warning was forgotten. Raises Wrong."""
        cases = [one for one in self.store.documents.values() if isinstance(one, RefundCase)]
        waiting = [one for one in self.store.deferred_cases() if one.concern is PaymentConcern.WARNED]
        if problems := list(decisions.forgotten(cases, waiting, self.standings())):
            raise Wrong("; ".join(problems))

    @property
    def warned_up_to_minor(self) -> Mapping[str, int]:
        """Up to what sum, by currency, a payment that the card network warns of goes back at once."""
        return self.policy.fraud_warning_refund_up_to_minor

    def hold_refundable(self) -> None:
        """What can still go back of each payment is what the oracle says. Raises Wrong."""
        standings = self.standings()
        for home in map(self._home, self._paid()):
            if home.refundable_minor != standings[home.payment_id].left_minor:
                wanted = standings[home.payment_id].left_minor
                raise Wrong(f"{home.refundable_minor} of {home.payment_id} can go back, should be {wanted}")

    def standings(self) -> dict[str, oracle.Standing]:
        """How the oracle says that each payment stands."""
        return oracle.standings([(told.provider, told.content) for told in self.delivered], self.ours)

    def hold_documents(self) -> None:
        """The credit notes are what Stripe's refunds ask for. Raises Wrong."""
        booked = {key for one in self._paid() for key in self._home(one).facts}
        refunds = [one for one in self.stripe.refunds.values() if f"refund:{one['id']}" in booked]
        notes = [one for one in self.store.documents.values() if isinstance(one, CreditNote)]
        taxed = documents.sales(self.stripe.sessions.values(), self.stripe.invoices.values())
        if problems := list(documents.wrong(notes, refunds, taxed)):
            raise Wrong("; ".join(problems))

    def settle(self) -> None:
        """Everything that was told is delivered, everything that waits is done, until nothing moves any more."""
        for _ in range(100):
            before = self.now, len(self.delivered), len(list(self.store.outbox()))
            self.now += timedelta(minutes=1)
            self._gather()
            while self.waiting:
                self.deliver(0)
            self.release()
            self.decide_waiting()
            self.issue("none")
            self.follow()
            if not self.waiting and before[1:] == (len(self.delivered), len(list(self.store.outbox()))):
                break
        else:
            raise Wrong("it does not come to rest")
        if self.parked:
            raise Wrong(f"still parked: {[told.event_type for told in self.parked.values()]}")
        self.store.catch_up()
        self.expire()
        self.hold(is_quiet=True)
        self.hold_documents()
        self.hold_warnings()

    def tick(self) -> None:
        """A minute; what the providers have told meanwhile waits to be delivered."""
        self._gather()
        self.now += timedelta(minutes=1)
        self._ticks += 1
        if self._ticks % INDEX_LAG == 0:
            self.store.catch_up()

    @property
    def transfers(self) -> list[str]:
        """Checkouts whose transfer is under way."""
        sessions = self.stripe.sessions.values()
        return [one["id"] for one in sessions if (one["status"], one["payment_status"]) == ("complete", "unpaid")]

    @property
    def in_review(self) -> list[RefundCase]:
        """The cases that wait for a person."""
        found = [kept for kept in self.store.documents.values() if isinstance(kept, RefundCase)]
        return sorted((case for case in found if case.state is CaseState.IN_REVIEW), key=lambda case: case.case_id)

    @property
    def is_held(self) -> bool:
        """Is the account suspended?"""
        return ADA in self.store.accounts and bool(self.store.accounts[ADA].holds)

    def _decided(self, case: RefundCase) -> None:
        self.hold_decision(case)
        stand, decision = self.ours.withdrawn.setdefault(case.payment_id, {}), case.decision
        is_by_law = case.reason is RefundReason.WITHDRAWAL or case.was_decided_by("right_of_withdrawal")
        if case.state in {CaseState.DECLINED, CaseState.REPLACED}:
            stand.pop(case.case_id, None)
        elif decision and (
            is_by_law or any(reason.key == "decision.dispute_withdrawal_recorded" for reason in decision.reasons)
        ):
            stand[case.case_id] = True
        if case.state is CaseState.REPLACED and decision:
            gift = oracle.Gift(f"goodwill/{case.case_id}/{case.approvals}", decision.credits)
            self.ours.gifts.setdefault(case.payment_id, []).append(gift)
        if case.state is CaseState.APPROVED and case.decision:
            items = tuple((item.line_id, item.amount_minor) for item in case.decision.items)
            at = self._home(case.payment_id).facts[f"approved:{case.tag}"].at
            approval = oracle.Approval(
                case.tag, case.decision.money_minor, case.decision.takes_credits, items, at, is_by_law=is_by_law
            )
            known = self.ours.approvals.setdefault(case.payment_id, [])
            if approval not in known:
                known.append(approval)
                self.log.append(f"approves {approval}")

    def _paid(self) -> list[PaymentId]:
        return sorted(
            item.payment_id for item in self.store.payments.values() if isinstance(item, Purchase) and item.payment
        )

    def _home(self, payment_id: PaymentId) -> Purchase:
        item = self.store.payments[payment_id]
        return item if isinstance(item, Purchase) else self._home(item.to)

    def _account(self, provider: str) -> Any:
        return self.stripe if provider == "stripe" else self.paddle

    def _on(self, names: list[str], pick: int, act: Any) -> None:
        if names:
            self._happens(lambda: act(names[pick % len(names)]))

    def _happens(self, act: Any) -> None:
        with contextlib.suppress(NotPossible):
            act()
        self._gather()

    def _gather(self) -> None:
        for provider, account in (("stripe", self.stripe), ("paddle", self.paddle)):
            events = account.outbox.events
            for event in events[self._told[provider] :]:
                told = Notification(provider, json.dumps(event).encode())
                self.log.append(f"{provider} tells {told.event_type}")
                self.waiting.append(told)
            self._told[provider] = len(events)


def compare(store: FakeStore, expected: oracle.Book, now: datetime, *, has_expired: bool = False) -> None:
    """The ledger is what the oracle says. Raises Wrong, with what differs. `has_expired`: every lapse is written."""
    account = store.accounts.get(ADA)
    lots = {lot_id: lot for (_, lot_id), lot in store.closed_lots.items()} | dict(account.lots if account else {})
    found = {}
    for lot_id, lot in lots.items():
        is_lapsed = lot.has_expired(now)
        if has_expired and is_lapsed and lot.remaining:
            raise Wrong(f"{lot_id} has lapsed, and {lot.remaining} credits remain in it")
        if lot.expired and not is_lapsed:
            raise Wrong(f"{lot.expired} credits of {lot_id} are written off before they lapse")
        found[lot_id] = oracle.Lot(
            granted=lot.granted,
            drawn=lot.drawn,
            refunded=lot.refunded,
            disputed=lot.disputed,
            reserve_target=lot.reserve_target,
            owed=lot.owed,
            expires_at=lot.expires_at,
            is_frozen=lot.is_frozen,
            is_withdrawn=lot.is_withdrawn,
            grace_from=lot.grace_from,
            subscription_id=lot.subscription_id,
        )
    if found != expected.lots:
        differing = {
            lot_id for lot_id in found.keys() | expected.lots.keys() if found.get(lot_id) != expected.lots.get(lot_id)
        }
        differs = [
            f"{lot_id}: {found.get(lot_id)}, should be {expected.lots.get(lot_id)}" for lot_id in sorted(differing)
        ]
        raise Wrong("\n".join(differs))
    holds = frozenset(account.holds if account else ())
    if holds != expected.holds:
        raise Wrong(f"the account is held by {sorted(holds)}, should be by {sorted(expected.holds)}")
    excused = frozenset(flag for flag in (account.flags if account else ()) if flag.startswith("contacted_first:"))
    if excused != expected.excused:
        raise Wrong(f"flags in place of holds are {sorted(excused)}, should be {sorted(expected.excused)}")
    spendable = account.spendable(now) if account else 0
    wanted = 0 if holds else expected.spendable(now)
    if spendable != wanted:
        raise Wrong(f"{spendable} credits can be spent, should be {wanted}")


def _read_again(parked: Receipt) -> Event | None:
    return translated(parked.provider, parked.body or b"")
