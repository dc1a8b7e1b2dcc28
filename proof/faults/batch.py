"""Many customers on one table in bad weather: their deliveries, requests, events, schedules, until all is still."""

import json
import random
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from ledger.domain.domain_events import (
    KINDS,
    SOURCE,
    ApprovedRefundChanged,
    Content,
    CustomerIdentified,
    RefundIntentListed,
    RenewalStopListed,
)
from ledger.domain.errors import ProviderUnavailable, StoreUnavailable
from ledger.domain.ids import AccountId, PaymentId
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.commit import PaymentPointer
from ledger.providers.registry import PROVIDERS
from proof.faults.customer_lives import Customer, Json, Life, UnexpectedResponse, Until
from proof.faults.fault_plan import FaultPlan, ProviderFaultPlan
from proof.faults.histories import DRAWS, Draw, FineDay, differences
from proof.shown import wrong
from tools import signing
from tools.devserver.customer_lives import ShiftedClock
from tools.devserver.gateway import handler_of
from tools.devserver.patterns import matches
from tools.ledger import read_world
from tools.orders import know_subscriptions_of, place_orders_of
from tools.simulators.common.account import NotPossible
from tools.simulators.paddle.account import PaddleAccount
from tools.simulators.stripe.account import StripeAccount
from tools.template import load, rules
from tools.testing.domain_events import delivered, queued
from tools.testing.frontend import ApiResponse, Frontend
from tools.verify import World, check

THREADS = 24
ROUNDS = 12
"""How often a provider delivers before it waits for a while. What is still due in fine weather is delivered then."""

MOST_ASKED = 60
"""How often a request is made before it counts as never answered."""

RULES = rules(load())
RETRIES: Mapping[str, int] = {rule.folder: rule.retries for rule in RULES}
"""How often a function is called again with what failed: the template's own numbers. Then only its schedule helps."""
POISON: Json = {"source": SOURCE, "detail-type": "ApprovedRefundChanged", "detail": {"version": 1, "data": {}}}
"""An event that no release can read."""
SWEEP_EVERY = timedelta(minutes=6)
_OF_REFUNDS = ("refund.", "charge.refunded", "adjustment.")
_one_at_a_time = threading.Lock()
"""The API's functions keep their request in a global of Powertools: a process of Lambda has one at a time, too."""

_SHOWN = 3  # problems of one kind
_SOMEBODY, _SOMETHING = AccountId("acct_somebody"), PaymentId("stripe:pi_something")
"""What the subscriber to an identified customer does not read."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one of our webhooks."""

    provider: str
    to: str  # the last part of the route
    body: bytes
    event_id: str


@dataclass(slots=True)
class _Life:
    """A life that is being played."""

    customer: Customer
    steps: Iterator[Until]
    until: Until | None = Until.REFUNDED  # None: it is over


@dataclass
class Batch:
    """One case: a table, its customers, and everything around them."""

    seed: str
    stripe: StripeAccount
    paddle: PaddleAccount
    clock: ShiftedClock
    weather: FaultPlan
    providers_weather: ProviderFaultPlan
    store: DynamoDBStore  # by a way that knows no weather
    late_refunds: float  # the share of their events that come later than the next sweep of the outbox
    tell: Callable[[], None]  # that it goes on
    problems: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _is_calm: bool = False
    _due: list[Delivery] = field(default_factory=list)
    _late: list[Delivery] = field(default_factory=list)  # held back until what is swept up by then has been
    _accepted: set[tuple[str, str]] = field(default_factory=set)  # provider and event, answered 200
    _made: set[str] = field(default_factory=set)  # what requests were told that they had made
    _taken: Counter[str] = field(default_factory=Counter)  # how many of a provider's events are on their way
    _followed: set[str] = field(default_factory=set)  # purchases with a case
    _told: list[Json] = field(default_factory=list)  # the domain events of the time before
    _tries: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def play(self, days: list[FineDay], lives: Sequence[tuple[str, Life]], month: timedelta) -> None:
        """Everything of the case; what does not hold stands in `problems`."""
        chance = random.Random(self.seed)
        for day in days:
            place_orders_of(day.story.notifications, self.store)
            know_subscriptions_of(day.story.notifications, self.stripe)
        told = [(one.provider, one.to, one.body, one.event_id) for day in days for one in day.story.notifications]
        self._due = [Delivery(*one) for one in (*told, *(one for one in told if chance.random() < 0.35))]
        customers = [Customer(account_id, self) for account_id, _ in lives]
        playing = [_Life(one, life(one)) for one, (_, life) in zip(customers, lives, strict=True)]
        with ThreadPoolExecutor(THREADS) as self._pool:
            self._live_on(playing, Until.REFUNDED, [partial(self._attempt, one) for one in self._all_due(chance)])
            self._settle(chance)
            draws = [partial(self._draw, day, draw) for draw in DRAWS for day in days]
            self._live_on(playing, Until.REFUNDED, draws)
            self._settle(chance)
            while any(life.until is Until.REFUNDED for life in playing):
                self._live_on(playing, Until.REFUNDED)
                self._settle(chance)
            self.clock.advance(month)
            self._run("expire_credits", {}, MOST_ASKED)
            self._live_on(playing, Until.A_MONTH_LATER)
            self._settle(chance)
            self._is_calm, self.providers_weather.is_bad = True, False
            for pause in (timedelta(), timedelta(), timedelta(days=1), timedelta()):
                self.clock.advance(pause)  # for a day Stripe gives the failure again that it gave under a key
                self._settle(chance)
            self._live_on(playing, Until.THE_END)
        self._judge(days, customers)

    # ── Who asks and delivers ─────────────────────────────────────────────────────────────────────────────────────────

    def ask(self, who: Frontend, method: str, path: str, content: Json | None, key: str | None) -> ApiResponse:
        """Ask until there is an answer; some ask once more, and must be answered the same."""
        told = self._ask(who, method, path, content, key)
        if method == "POST" and told.status in {200, 201}:
            with self._lock:
                self._made.update(made(path, content or {}, told.json))
        if method == "POST" and random.Random(f"{self.seed}/again/{path}/{key}/{content}").random() < 0.2:
            again = self._ask(who, method, path, content, key)
            if _essence(again) != _essence(told):
                self._problem(f"{method} {path} was answered {told.status} {told.text}, and again {again.text}")
        return told

    def opened(self, purchase_id: str) -> None:
        """A case about this purchase is open: the bus will tell of it."""
        with self._lock:
            self._followed.add(purchase_id)

    def _ask(self, who: Frontend, method: str, path: str, content: Json | None, key: str | None) -> ApiResponse:
        address, _, query = path.partition("?")
        parameters = dict(part.split("=") for part in query.split("&")) if query else None
        for number in range(MOST_ASKED):
            self._count("requests" if number == 0 else "requests made again")
            with _one_at_a_time:
                told = self._invoke(
                    f"{who.account_id} {method} {path} {key} {content}",
                    lambda: who.call(method, address, content, key=key, query=parameters),
                )
            if told.status != 503:
                return told
        raise UnexpectedResponse(f"{method} {path} {content} was never answered")

    def _draw(self, day: FineDay, draw: Draw) -> None:
        run = {"account_id": day.story.account_id, "run_id": draw.run_id, "credits": draw.credits}
        told = self.ask(Frontend(""), "POST", "/usage", run, None)
        if (told.status == 200) != (draw.run_id in day.drawn):
            self._problem(f"{run} was answered {told.status} {told.text}; on a fine day not so")
        if told.status == 200 and draw.is_failing:
            failure = {"account_id": day.story.account_id, "error": ""}
            self.ask(Frontend(""), "POST", f"/usage/{draw.run_id}/failure", failure, None)

    def _deliver(self, chance: random.Random) -> None:
        """Deliver what is due, and again what was not accepted."""
        for _ in range(ROUNDS):
            self._take_events(chance)
            if not self._due:
                return
            self._each(self._attempt, self._all_due(chance))

    def _all_due(self, chance: random.Random) -> list[Delivery]:
        """All that is due now, in no order."""
        due, self._due = self._due, []
        chance.shuffle(due)
        return due

    def _take_events(self, chance: random.Random) -> None:
        """What has happened at the providers; now and then it is delivered twice, and what a refund became late."""
        for name, account in (("stripe", self.stripe), ("paddle", self.paddle)):
            with account.lock:
                new = account.outbox.events[self._taken[name] :]
            self._taken[name] += len(new)
            for event in new:
                body = json.dumps(account.outbox.notification(event)).encode()
                kind, event_id = event.get("type") or event["event_type"], event.get("event_id") or event["id"]
                for function in PROVIDERS[name].FUNCTIONS.get(kind, ()):
                    may_be_late = kind.startswith(_OF_REFUNDS) and not self._is_calm
                    is_late = may_be_late and chance.random() < self.late_refunds
                    delivery = Delivery(name, function.replace("_", "-"), body, event_id)
                    (self._late if is_late else self._due).extend([delivery] * (2 if chance.random() < 0.25 else 1))

    def _attempt(self, delivery: Delivery) -> None:
        """Deliver once. What is not accepted is due again."""
        path = f"/webhooks/{delivery.provider}/{delivery.to}"
        secret = signing.LOCAL_SECRETS[delivery.provider]
        headers = signing.headers(delivery.provider, delivery.body, secret, self.clock.seconds())
        what = f"{delivery.event_id} {delivery.to}"
        self._count("deliveries" if self._tries[what] == 0 else "deliveries made again")
        told = self._invoke(what, lambda: Frontend("").call("POST", path, body=delivery.body, headers=headers))
        with self._lock:
            if told.status != 200:
                self._due.append(delivery)
            elif told.json["outcome"] != "ignored":
                self._accepted.add((delivery.provider, delivery.event_id))
        if told.status not in {200, 503}:
            self._problem(f"{what} was answered {told.status} {told.text}")

    # ── Time passes ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _live_on(self, playing: list[_Life], until: Until, beside: Sequence[Callable[[], None]] = ()) -> None:
        """Play the lives that waited for this until they wait for something else; other things happen beside."""
        steps = [partial(self._step, life) for life in playing if life.until is until]
        acts: list[Callable[[], None]] = [*steps, *beside]
        self._each(_do, acts)

    def _step(self, life: _Life) -> None:
        life.until = None  # if it breaks off
        life.until = next(life.steps, None)

    def _settle(self, chance: random.Random) -> None:
        """Let what was set off arrive: webhooks, domain events, what the schedules sweep up."""
        self.tell()
        late, self._late = self._late, []
        self._deliver(chance)
        self.clock.advance(SWEEP_EVERY)
        with self.paddle.lock:
            waiting = [key for key, one in self.paddle.adjustments.items() if one["status"] == "pending_approval"]
        for adjustment in waiting:
            self.paddle.approve(adjustment)
        self._each(lambda told: self._run(*told), list(self._published(chance)))
        self._each(lambda function: self._run(function, {}), ["release_parked", "send_refunds", "follow_cases"])
        self._due += late
        self._deliver(chance)

    def _published(self, chance: random.Random) -> Iterator[tuple[str, Json]]:
        """What the bus has to tell: in no order, now and then lost, doubled, late, or poisonous."""
        parked = sorted({receipt.customer_id for receipt in self.store.parked_receipts() if receipt.customer_id})
        new: list[Content] = [
            *(CustomerIdentified(customer_id=one, account_id=_SOMEBODY, payment_id=_SOMETHING) for one in parked),
            *(
                RefundIntentListed(tag=one.tag, account_id=one.account_id, payment_id=one.payment_id)
                for one in self.store.outbox()
            ),
            *(
                RenewalStopListed(
                    subscription_id=one.subscription_id,
                    account_id=one.account_id,
                    payment_id=one.payment_id,
                    since=one.since,
                )
                for one in self.store.renewal_stops()
            ),
            *(ApprovedRefundChanged(payment_id=PaymentId(purchase_id)) for purchase_id in sorted(self._followed)),
        ]
        old, self._told = self._told, [delivered(content) for content in new]
        late = [event for event in old if chance.random() < 0.1]
        fresh = self._told if self._is_calm else [event for event in self._told if chance.random() < 0.9]
        doubled = [event for event in fresh if chance.random() < 0.2]
        poison = [{**POISON, "detail-type": kind} for kind in KINDS]
        for _ in poison:
            self._count("poisonous events")
        events = [*fresh, *doubled, *late, *poison]
        chance.shuffle(events)
        for event in events:
            for rule in RULES:
                if matches(rule.pattern, event):
                    yield rule.folder, queued(event) if rule.batch_size else event

    def _run(self, function: str, event: Json, retries: int | None = None) -> None:
        """Run a function that no one waits for, and again as often as the template says: then it is a dead letter."""
        for _ in range((RETRIES[function] if retries is None else retries) + 1):
            self._count("runs of bus and schedules")
            try:
                answer = self._invoke(f"{function} {event}", partial(handler_of(function), event, None))
            except (StoreUnavailable, ProviderUnavailable):  # a stop of renewals stays in its list
                continue
            except ValueError:
                if event.get("detail") != POISON["detail"]:
                    raise
                continue
            if not answer.get("batchItemFailures"):
                if POISON["detail"] in (event.get("detail"), *_details(event)):
                    self._problem(f"{function} has taken an event that can't be read: {event}")
                return

    def _invoke(self, what: str, call: Callable[[], _T]) -> _T:
        """One invocation, in a weather of its own. What it raises beside what it may nobody foresaw."""
        with self._lock:
            number = self._tries[what] = self._tries[what] + 1
        if self._is_calm:
            return call()
        with self.weather.over(random.Random(f"{self.seed}/{what}/{number}")):
            return call()

    def _each(self, call: Callable[[_T], None], these: list[_T]) -> None:
        """Do this with each of these, side by side. What one raises is a problem, and keeps no other from its turn."""

        def do(this: _T) -> None:
            try:
                call(this)
            except (UnexpectedResponse, NotPossible) as problem:
                self._problem(str(problem))
            except Exception:  # noqa: BLE001 - told as a problem
                self._problem(f"unforeseen:\n{traceback.format_exc()}")

        list(self._pool.map(do, these))

    def _count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    def _problem(self, what: str) -> None:
        with self._lock:
            self.problems.append(what)

    # ── What has become of it ─────────────────────────────────────────────────────────────────────────────────────────

    def _judge(self, days: list[FineDay], customers: list[Customer]) -> None:
        known = World()
        read_world(self.store, known)
        broken = [f"{one.invariant}: {', '.join(one.broken[:_SHOWN])}" for one in check(known) if one.broken]
        receipts = {(receipt.provider, receipt.event_id) for receipt in known.receipts}
        unheard = sorted(self._accepted - receipts)
        told = [json.loads(one.body) for day in days for one in day.story.notifications]
        told += [*self.stripe.outbox.events, *self.paddle.outbox.events]
        self.problems += [f"broken: {one}" for one in [*broken, *wrong(known, told)]]
        self.problems += [f"{event_id} was answered 200 and has no receipt" for _, event_id in unheard[:_SHOWN]]
        self.problems += [
            f"{one} was answered 2xx and is not stored" for one in sorted(self._made - stored(known))[:_SHOWN]
        ]
        self.problems += [f"{one.event_id} was never accepted" for one in self._due[:_SHOWN]]
        self.problems += [f"the refund {tag} is still to be sent" for tag in sorted(known.intents)[:_SHOWN]]
        going_on = sorted(stop.subscription_id for stop in known.renewal_stops.values())
        self.problems += [f"the renewals of {subscription} still go on" for subscription in going_on[:_SHOWN]]
        self.problems += list(differences(days, known))[:_SHOWN]
        given_back = self._given_back(known)
        for customer in customers:
            got_minor, due_minor = given_back[customer.account_id], customer.refunded_minor
            if got_minor != due_minor:
                self.problems.append(f"{customer.account_id} got {got_minor} back, {due_minor} is due")
        played, wanted = self.weather.played, self.weather.failed.total()
        if abs(played - wanted) * 50 > wanted:  # one whose connection had ended does not get there
            self.problems.append(f"the proxy let {played} calls fail, {wanted} should have")

    def _given_back(self, known: World) -> Counter[AccountId | str]:
        """The money that the providers have given back, by account."""
        sums: Counter[AccountId | str] = Counter()
        for refund in self.stripe.refunds.values():
            if refund["status"] not in {"failed", "canceled"}:
                sums[_payer(f"stripe:{refund['payment_intent']}", known)] += refund["amount"]
        for adjustment in self.paddle.adjustments.values():
            if adjustment["action"] == "refund" and adjustment["status"] in {"approved", "pending_approval"}:
                sums[_payer(f"paddle:{adjustment['transaction_id']}", known)] += int(adjustment["totals"]["total"])
        return sums


def made(path: str, content: Json, answer: Json) -> Iterator[str]:
    """What an answer of 2xx promises to have stored: an order, a case, a run, a run's failure."""
    answer = answer.get("case", answer)
    yield from (f"{kind} {answer[f'{kind}_id']}" for kind in ("order", "case") if f"{kind}_id" in answer)
    if "run_id" in answer:
        kind = "failure" if path.endswith("/failure") else "run"
        yield f"{kind} {content['account_id']}/{answer['run_id']}"


def stored(known: World) -> set[str]:
    """Everything in the ledger that a request may have made, by the names of `made`."""
    return {
        *(
            fulfilment_key.key.replace("/", " ")
            for fulfilment_key in known.fulfilment_keys.values()
            if fulfilment_key.product_id
        ),
        *(f"case {case_id}" for case_id in known.cases),
        *(f"run {run.account_id}/{run.run_id}" for run in known.runs),
        *(f"failure {account_id}/{failure.run_id}" for account_id, failure in known.failed_runs),
    }


def _details(event: Json) -> Iterator[object]:
    """The details of the events in a queue's messages."""
    yield from (json.loads(record["body"])["detail"] for record in event.get("Records", ()))


def _do(act: Callable[[], None]) -> None:
    act()


def _payer(name: str, known: World) -> AccountId | str:
    home: Any = known.payments.get(PaymentId(name))
    while isinstance(home, PaymentPointer):
        home = known.payments.get(home.to)
    return home.account_id if home else name


def _essence(told: ApiResponse) -> tuple[object, ...]:
    """What must be the same when a request is answered again."""
    return (
        told.status,
        *(told.json.get(name) for name in ("case_id", "order_id", "checkout_url", "run_id", "credits")),
    )
