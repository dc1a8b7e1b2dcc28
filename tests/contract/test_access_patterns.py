"""Every line of docs/access-patterns.md, played and counted: the calls that reach the engine are what it says.

A line without a case fails here, and so does a case without a line.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws
from pynamodb.connection import Connection

from ledger.domain.accounts import Account
from ledger.domain.declarations import Channel, DeclarationKind, DeclarationState, Submission
from ledger.domain.disputes import Awaits
from ledger.domain.errors import InsufficientCredits, MailRefused, SecondPersonNeeded, SubscriptionAlreadyRuns
from ledger.domain.events import Event, Owner
from ledger.domain.facts import DisputeState, Fact, RefundState
from ledger.domain.ids import (
    AccountId,
    PaymentId,
    SubjectId,
)
from ledger.domain.orders import Order
from ledger.domain.receipts import NotBookable, ParkReason, RecordOutcome, Trigger
from ledger.domain.refund_cases import DecidedList, FollowStage, RefundCase, RefundReason
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.domain.timeline import TimelineRow, TimelineRowKind
from ledger.dynamodb.store import DynamoDBStore
from ledger.policy import reminders
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import renewal_stop_key, sortable, timeline_row_key
from ledger.ports.reads import Keys, ParkedName
from ledger.providers.registry import names_of_parked
from ledger.providers.translation import carried
from ledger.usecases.adjust_credits import Adjustment, adjust_credits
from ledger.usecases.attribute_parked import Replay, replay_parked
from ledger.usecases.authority import Authority
from ledger.usecases.confirm_orders import list_confirmation
from ledger.usecases.credit_notes import issue_credit_notes
from ledger.usecases.declarations.follow import follow as follow_declaration
from ledger.usecases.declarations.request_review import request_review
from ledger.usecases.declarations.submit import confirm, declare, submit
from ledger.usecases.expire_credits import expire_account
from ledger.usecases.explain_chain import MOST_LINES, explain_balance, explain_chain
from ledger.usecases.find_customer import find_customer
from ledger.usecases.find_records import Searched, find_payments, find_records
from ledger.usecases.holds import place_hold
from ledger.usecases.incidents.begin import IncidentRequest
from ledger.usecases.incidents.find_runs import cases_beside, preview
from ledger.usecases.index_names import index_failed_run, index_purchases
from ledger.usecases.late_information import (
    ask_for_information,
    record_information_returned,
    record_information_sent,
)
from ledger.usecases.latest_orders import latest_orders
from ledger.usecases.locks import read_locks
from ledger.usecases.looks import record_look, record_look_at
from ledger.usecases.open_disputes import open_disputes_of
from ledger.usecases.record_event import RecordResult
from ledger.usecases.refund_cases.claim_case import claim_case
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.refund_cases.preview import preview_all
from ledger.usecases.refund_cases.queue import waiting_cases
from ledger.usecases.remind import look_at
from ledger.usecases.send_mails import send_mail
from ledger.usecases.send_refunds import send_refund
from ledger.usecases.stop_renewals import stop_renewals
from ledger.usecases.timeline import timeline
from ledger.usecases.usage import draw_credits, fail_run
from tests.conftest import store_at
from tests.contract import test_one_grant_a_period as one_grant
from tests.contract.test_cases import HALF
from tests.contract.test_locked_credits import Buyer
from tests.contract.test_orders_terms import NOW, WAYS, Shop
from tests.unit.usecases import test_balance_spent_once as balance
from tests.unit.usecases.test_links import IN_2, linked
from tests.unit.usecases.test_many_lots import OVER, many_lots
from tests.unit.usecases.test_remind import Customer
from tests.unit.usecases.test_sending_mails import Postbox, desk, pay
from tests.unit.usecases.test_sending_mails import bought as bought_with_mail
from tests.unit.usecases.test_sending_mails import ordered as ordered_with_mail
from tools.testing.builders import (
    ADA,
    CH,
    IN,
    LATER,
    PI,
    POLICY,
    RENEWED,
    at,
    dispute,
    event_of,
    ordered,
    paid,
    payment,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeProvider
from tools.testing.ledgers import SELLER
from tools.testing.unguarded import (
    begin_incident,
    decide_case,
    expire_credits,
    release_all,
    release_receipts,
    replace_runs,
)

pytestmark = pytest.mark.all_shards
DOCUMENT = Path(__file__).parents[2] / "docs" / "access-patterns.md"
SUBSCRIPTION = "stripe:sub_1"
RENEWAL = replace(RENEWED, subscription_id=SUBSCRIPTION)
MOST_KEYS = 100


@dataclass
class Counted:
    """A connection that counts what is sent through it."""

    connection: Connection
    calls: list[str] = field(default_factory=list)

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> Any:
        self.calls.append(operation)
        return self.connection.dispatch(operation, arguments)

    def transact_write_items(self, **named: Any) -> Any:
        self.calls.append("TransactWriteItems")
        return self.connection.transact_write_items(**named)


class Engine:
    """Stores over tables of their own, each in one process with its engine, and what was sent to all of them."""

    def __init__(self, endpoint: str | None) -> None:
        self.endpoint = endpoint
        self.sent: list[list[str]] = []

    def store(self) -> DynamoDBStore:
        """Return a store over an empty table."""

        def around(connection: Connection) -> Counted:
            counted = Counted(connection)
            self.sent.append(counted.calls)
            return counted

        return store_at(self.endpoint, around=around)

    def trips(self, call: Callable[..., object], *arguments: Any, **named: Any) -> int:
        """Make a call, to its last item if it lists something. Return how often it reached an engine."""
        before = sum(map(len, self.sent))
        found = call(*arguments, **named)
        if isinstance(found, Iterator):
            list(found)
        return sum(map(len, self.sent)) - before

    def recorded(self, store: DynamoDBStore, event: Event, **given: Any) -> int:
        """Record an event that is not parked. Return its round trips."""
        (result, trips) = self._recorded(store, event, **given)
        assert result is not RecordOutcome.PARKED, event
        return trips

    def parked(self, store: DynamoDBStore, event: Event) -> int:
        """Record an event that is parked. Return its round trips."""
        (result, trips) = self._recorded(store, event)
        assert result is RecordOutcome.PARKED, event
        return trips

    def _recorded(self, store: DynamoDBStore, event: Event, **given: Any) -> tuple[RecordOutcome, int]:
        results: list[RecordResult] = []
        trips = self.trips(lambda: results.extend(record_events(store, event, **given)))
        return results[0].outcome, trips


Case = Callable[[Engine], Iterator[int]]
CASES: dict[str, Case] = {}


def case(*lines: str) -> Callable[[Case], Case]:
    """Register what plays these lines. It yields the round trips of each way in which that happens."""

    def register(play: Case) -> Case:
        CASES.update(dict.fromkeys(lines, play))
        return play

    return register


@dataclass(frozen=True)
class Line:
    """A line of the document's table."""

    what: str
    how: str
    trips: str


def lines() -> list[Line]:
    """The lines of the table of round trips. One that begins with "the same" is named with the line that it is of."""
    table = DOCUMENT.read_text("utf-8").partition("| what | how | round trips |")[2].partition("\n\n")[0]
    found, whole = [], ""
    for row in table.strip().splitlines()[1:]:
        what, how, trips = (cell.strip() for cell in row.strip("| ").split(" | "))
        whole = whole if what.startswith("the same,") else what
        found.append(Line(f"{whole}: {what}" if what.startswith("the same,") else what, how, trips))
    return found


@pytest.fixture(params=[pytest.param("moto", marks=pytest.mark.moto), "ministack"])
def engine(request: pytest.FixtureRequest, patient: None) -> Iterator[Engine]:  # noqa: ARG001 - it has its effect
    """An engine. How often it is called does not depend on which: over moto for the mutants, which ask no other."""
    if request.param == "moto":
        with mock_aws():
            yield Engine(None)
    else:
        yield Engine(request.getfixturevalue("ministack"))


@pytest.mark.parametrize("line", lines(), ids=lambda line: line.what)
def test_a_line_costs_what_it_says(line: Line, engine: Engine) -> None:
    """Exactly: what has become cheaper is written down too."""
    assert line.what in CASES, "no case plays this line"
    numbers = [int(number) for number in re.findall(r"\d+", line.trips.partition(" a ")[0].partition(" for ")[0])]
    played = list(CASES[line.what](engine))
    assert played
    if " or " in line.trips:
        assert sorted(set(played)) == numbers, line
    elif numbers:
        assert [min(played), max(played)] == [numbers[0], numbers[-1]], line


def test_no_case_is_of_a_line_that_is_gone() -> None:
    """It would prove nothing."""
    assert CASES.keys() == {line.what for line in lines()}


# ── Payments ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@case("grant a payment whose account is known")
def _(engine: Engine) -> Iterator[int]:
    yield engine.recorded(engine.store(), paid(payment(fulfilment_key="order/ord_1")))
    yield engine.recorded(engine.store(), paid(RENEWAL))
    for provider, product_id in itertools.product(("stripe", "paddle"), ("pack_1000", "creator_monthly")):
        shop = Shop(engine.store(), provider, product_id)
        content = shop.paid(shop.order())
        yield engine.trips(shop.hear, content)


@case("the same event again")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    events = [paid(), event_of(refund()), event_of(dispute()), paid(RENEWAL), subscribed(), event_of(names=(PI, CH))]
    for event in events:
        record_events(store, event)
    for event in events:
        yield engine.recorded(store, event)


@case("another event of the same payment")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    record_events(store, paid())
    yield engine.recorded(store, paid())


@case("a payment whose facts are stored already")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    record_events(store, event_of(refund(), names=(PI,)))
    yield engine.recorded(store, paid())


@case("a payment of an order whose checkout does not carry its terms")
def _(engine: Engine) -> Iterator[int]:
    for has_terms in (False, True):
        shop = Shop(engine.store(), "stripe", "pack_1000")
        order = shop.order()
        assert order.terms
        ours = dict(carried(replace(order, terms=replace(order.terms, credits=9000))))
        content = shop.paid(order, {name: ours[name] for name in ours if has_terms or not name.startswith("terms")})
        yield engine.trips(shop.hear, content)
        assert shop.balance() == 1000


@case("a Paddle payment whose `custom_data` was overwritten")
def _(engine: Engine) -> Iterator[int]:
    shop = Shop(engine.store(), "paddle", "pack_1000")
    content = shop.paid(shop.order(), "nonsense")
    yield engine.trips(shop.hear, content)
    assert shop.balance() == 1000


@case("a payment whose account is found by its customer")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    record_events(store, paid())
    found = paid(payment(IN, account_id=AccountId("")))
    yield engine.recorded(store, replace(found, owner=Owner(customer_id="stripe:cus_1")))


# ── What changes a payment ────────────────────────────────────────────────────────────────────────────────────────────

CHANGES: tuple[Fact, ...] = (refund(), dispute(), refund(state=RefundState.PENDING))


def changes(engine: Engine, *history: Event, names: tuple[PaymentId, ...], now: Any = LATER) -> Iterator[int]:
    """Yield what a refund and a dispute cost, after a history."""
    for fact in CHANGES:
        store = engine.store()
        for event in history:
            record_events(store, event, now=now)
        yield engine.recorded(store, event_of(fact, names=names), now=now)


@case("a refund or dispute")
def _(engine: Engine) -> Iterator[int]:
    pack = paid(payment(fulfilment_key="order/ord_1"))
    yield from changes(engine, pack, names=(PI,))
    yield from changes(engine, pack, names=(PI, CH))
    yield from changes(engine, pack, event_of(names=(PI, CH)), names=(CH,))
    yield from changes(engine, paid(RENEWAL), event_of(names=(IN, PI)), names=(PI, CH))
    yield from changes(engine, event_of(names=(IN, PI)), paid(RENEWAL), names=(PI, CH))


@case("a refund or dispute: the same, of one of several payments for one thing, or of money that sales share")
def _(engine: Engine) -> Iterator[int]:
    twice = [paid(payment(name, fulfilment_key="order/ord_1", minute=number)) for number, name in enumerate((PI, IN))]
    yield from changes(engine, *twice, names=(PI,))
    yield from changes(engine, *twice, names=(IN,))
    sales = [paid(payment(name, paid_minor=1500)) for name in (IN, IN_2)]
    links = [linked(name, PI, 1500) for name in (IN, IN_2)]
    yield from changes(engine, *sales, *links, names=(PI,))


@case("a refund or dispute: the same, if a lot has left the account")
def _(engine: Engine) -> Iterator[int]:
    for names in ((PI,), (PI, CH)):
        for fact in CHANGES:
            store = engine.store()
            record_events(store, paid(payment(fulfilment_key="order/ord_1")))
            draw_credits(ADA, "run_1", 1000, store, now=LATER)
            assert not stored_account(store).lots
            yield engine.recorded(store, event_of(fact, names=names))
    for fact in CHANGES:
        store, over = engine.store(), LATER + timedelta(days=40)
        record_events(store, paid(RENEWAL), event_of(names=(IN, PI)))
        expire_account(ADA, store, now=over)
        assert not stored_account(store).lots
        yield engine.recorded(store, event_of(fact, names=(PI, CH)), now=over)


@case("a dispute that is lost, of a payment of a subscription")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    record_events(store, paid(RENEWAL))
    yield engine.recorded(store, event_of(dispute(DisputeState.LOST), names=(IN, PI)))
    assert len(list(store.renewal_stops())) == 1


@case("stopping renewals")
def _(engine: Engine) -> Iterator[int]:
    for has_order in (False, True):
        store = engine.store()
        record_events(store, paid(RENEWAL if has_order else replace(RENEWAL, fulfilment_key=None)))
        record_events(store, event_of(dispute(DisputeState.LOST), names=(IN, PI)))
        (stop,) = store.renewal_stops()
        yield engine.trips(stop_renewals, renewal_stop_key(stop), store, gateways(FakeProvider()))
        assert list(store.renewal_stops()) == []


@case("a credit of a period that names no payment")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    record_events(store, balance.month(0))
    yield engine.recorded(store, balance.unnamed(0))


@case(
    "a credit of a period that names no payment: the same, if the period's lot has left the account, or does not expire"
)
def _(engine: Engine) -> Iterator[int]:
    store, over = engine.store(), balance.LATER + timedelta(days=31)
    record_events(store, balance.month(1), now=balance.LATER)
    expire_account(balance.ADA, store, now=over)
    yield engine.recorded(store, balance.unnamed(1), now=over)
    store = engine.store()
    record_events(store, balance.month(1, sold=balance.ROLLS_OVER), now=balance.LATER)
    draw_credits(balance.ADA, "run_1", 1000, store, now=balance.LATER)
    yield engine.recorded(store, balance.unnamed(1), now=balance.LATER)


@case("a fact whose payment is not known yet")
def _(engine: Engine) -> Iterator[int]:
    for fact in CHANGES:
        yield engine.recorded(engine.store(), event_of(fact))


def subscribed(status: SubscriptionStatus = SubscriptionStatus.ACTIVE, minute: float = 1) -> Event:
    """A state of a subscription of Ada's."""
    subscription = Subscription(
        subscription_id=SUBSCRIPTION,
        account_id=ADA,
        cause="stripe:evt_sub",
        product_id="creator_monthly",
        status=status,
        at=at(minute),
        period_end=LATER,
        customer_id="stripe:cus_1",
    )
    event = event_of(minute=minute)
    owner = Owner(account_id=ADA, customer_id="stripe:cus_1")
    return replace(event, names=(), facts=(), owner=owner, subscription=subscription)


@case("a subscription's state")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    yield engine.recorded(store, subscribed())
    yield engine.recorded(store, subscribed(SubscriptionStatus.ENDED, minute=2))


# ── Accounts and usage ────────────────────────────────────────────────────────────────────────────────────────────────


def stored_account(store: DynamoDBStore, account_id: AccountId = ADA) -> Any:
    """An account as it is stored."""
    return store.read(Keys(accounts=frozenset({account_id}))).accounts[account_id]


@case("a draw")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    record_events(store, *(paid(payment(PaymentId(f"stripe:pi_{number}"))) for number in range(5)))
    yield engine.trips(lambda: draw_credits(ADA, "run_1", 10, store, now=LATER))
    yield engine.trips(lambda: draw_credits(ADA, "run_2", 4000, store, now=LATER))


@case("a draw: the same, of more lots than one commit writes")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    many_lots(store, 100)  # 60 that expire, and 40 that leave the account
    yield engine.trips(draw_credits, ADA, "run_1", 1000, store, now=at(100)) // 2
    assert stored_account(store).balance == 0


@case("the return of a failed run's credits")
def _(engine: Engine) -> Iterator[int]:
    for credits_ in (10, 1000):
        store = engine.store()
        record_events(store, paid())
        draw_credits(ADA, "run_1", credits_, store, now=LATER)
        yield engine.trips(fail_run, ADA, "run_1", store, now=LATER)
        assert stored_account(store).balance == 1000


@case("the expiry of an account's credits")
def _(engine: Engine) -> Iterator[int]:
    for lot_count, parts in ((1, 1), (60, 2)):
        store = engine.store()
        many_lots(store, lot_count)
        yield engine.trips(expire_account, ADA, store, now=OVER) // parts
        assert stored_account(store).balance == 0


@case("a refused draw")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    record_events(store, paid())

    def refused() -> None:
        with pytest.raises(InsufficientCredits):
            draw_credits(ADA, "run_1", 1001, store, now=LATER)

    yield engine.trips(refused)


@case("an account")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    record_events(store, paid())
    yield engine.trips(lambda: stored_account(store))


@case("an account: the same, with credits that wait for the consent of their orders")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    Buyer.at(store).pays()

    def page() -> None:
        assert read_locks(stored_account(store), store, NOW)

    yield engine.trips(page)


@case("a payment for an order whose consent was confirmed before")
def _(engine: Engine) -> Iterator[int]:
    for way in WAYS:
        buyer = Buyer.at(engine.store(), way)
        buyer.confirms()
        yield engine.trips(buyer.pays)
        locked = Buyer.at(engine.store(), way)
        assert engine.trips(locked.pays) == 1, "a grant, locked or not, is one round trip"


@case("a confirmation of a consent, or one that came back")
def _(engine: Engine) -> Iterator[int]:
    for way in WAYS:
        buyer = Buyer.at(engine.store(), way)
        buyer.pays()
        yield engine.trips(buyer.confirms)
        yield engine.trips(buyer.bounces)


@case("a confirmation of a consent, or one that came back: the same, while a withdrawal from it is open")
def _(engine: Engine) -> Iterator[int]:
    buyer = Buyer.at(engine.store())
    buyer.pays()
    store = buyer.shop.store
    (purchase,) = store.purchases_of(ADA, 10).items
    claim = refund_claim(RefundReason.WITHDRAWAL, payment_id=purchase.payment_id, account_id=ADA, is_declaration=True)
    request_refund(store, claim)
    yield engine.trips(buyer.confirms)


@case("a statement: `statement_page`")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    record_events(store, *(paid(payment(PaymentId(f"stripe:pi_{number}"))) for number in range(5)))
    _, page = store.statement_page(ADA, 3)
    assert (len(page.items), bool(page.next)) == (3, True)
    yield engine.trips(lambda: store.statement_page(ADA, 3))
    yield engine.trips(lambda: store.statement_page(ADA, 3, page.next))


@case("purchases with what could be refunded: `purchases_of`")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    for number in range(3):
        payment_id = PaymentId(f"stripe:pi_{number}")
        record_events(store, paid(replace(ordered(store, f"ord_{number}"), payment_id=payment_id)))
    draw_credits(ADA, "run_1", 1000, store, now=LATER)
    yield engine.trips(lambda: preview_all(ADA, store, POLICY, limit=20, after=None, now=at(60)))


@case("the customer of a billing page")
def _(engine: Engine) -> Iterator[int]:
    bought = paid(replace(payment(), customer_id="stripe:cus_1"))
    for events in ([bought, subscribed()], [bought]):
        store = engine.store()
        record_events(store, *events)
        yield engine.trips(find_customer, ADA, None, store)


# ── Orders ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@case("an order")
def _(engine: Engine) -> Iterator[int]:
    for provider in ("stripe", "paddle"):
        yield engine.trips(Shop(engine.store(), provider, "pack_1000").order)


@case("an order: the same, of an account with a shortfall")
def _(engine: Engine) -> Iterator[int]:
    renewed, of_order = one_grant.renewal(one_grant.OPEN), one_grant.first(None)
    for history in ((renewed, of_order), (paid(payment(IN, fulfilment_key=one_grant.PERIOD, minute=1)), of_order)):
        store = engine.store()
        record_events(store, history[0])
        draw_credits(ADA, "run_1", 1000, store, now=LATER)
        record_events(store, history[1])
        assert stored_account(store).shortfall == 1000
        yield engine.trips(Shop(store, "stripe", "pack_1000").order, now=LATER)


@case("an order: the same, of a plan")
def _(engine: Engine) -> Iterator[int]:
    for provider in ("stripe", "paddle"):
        shop = Shop(engine.store(), provider, "creator_monthly", FakeProvider(kind=provider))
        yield engine.trips(shop.order)
        yield engine.trips(shop.order, "key_2")


@case("an order: the same, if the older checkout was paid")
def _(engine: Engine) -> Iterator[int]:
    shop = Shop(engine.store(), "stripe", "creator_monthly")
    older = shop.order()
    assert older.checkout
    shop.gateways.pay_checkout(older.checkout.checkout_id)
    assert shop.hear(shop.paid(older)).entries

    def refused() -> None:
        with pytest.raises(SubscriptionAlreadyRuns):
            shop.order("key_2")

    yield engine.trips(refused)


# ── Refund cases ──────────────────────────────────────────────────────────────────────────────────────────────────────


def gateways(provider: FakeProvider) -> Callable[[str], FakeProvider]:
    """One provider, whichever is asked."""
    return lambda _: provider


def bought(engine: Engine, *, has_order: bool = True) -> DynamoDBStore:
    """A pack, of an order or not, and a failed run."""
    store = engine.store()
    record_events(store, paid(ordered(store) if has_order else payment()))
    draw_credits(ADA, "run_1", 500, store, now=at(10))
    fail_run(ADA, "run_1", store, now=at(11))
    return store


def requested(engine: Engine, *reasons: RefundReason) -> Iterator[int]:
    """Yield what a request costs for each of these reasons."""
    for reason in reasons:
        store = bought(engine)
        yield engine.trips(request_refund, store, refund_claim(reason))


@case("a refund request")
def _(engine: Engine) -> Iterator[int]:
    others = {RefundReason.TECHNICAL_PROBLEM, RefundReason.CHARGED_TWICE}
    yield from requested(engine, *(set(RefundReason) - others))


@case("a refund request: the same, for a technical problem: `failed_runs`")
def _(engine: Engine) -> Iterator[int]:
    yield from requested(engine, RefundReason.TECHNICAL_PROBLEM)


@case("a refund request: the same, for a double charge")
def _(engine: Engine) -> Iterator[int]:
    yield from requested(engine, RefundReason.CHARGED_TWICE)


@case("a decision by a person")
def _(engine: Engine) -> Iterator[int]:
    for key, has_order in itertools.product((None, "click_1"), (True, False)):
        store = bought(engine, has_order=has_order)
        opened = request_refund(store, refund_claim())
        yield engine.trips(decide_case, opened.case_id, HALF, "sam", store, POLICY, now=at(70), key=key)


def approved(store: DynamoDBStore) -> RefundCase:
    """Half of the pack is to go back."""
    return decide_case(request_refund(store, refund_claim()).case_id, HALF, "sam", store, POLICY, now=at(70))


@case("sending a refund")
def _(engine: Engine) -> Iterator[int]:
    for has_order in (True, False):
        store, provider = bought(engine, has_order=has_order), FakeProvider()
        tag = approved(store).tag
        yield engine.trips(send_refund, tag, store, gateways(provider), clock=lambda: at(71))
        assert list(store.outbox()) == []


@case("following a purchase's refunds")
def _(engine: Engine) -> Iterator[int]:
    for has_order in (True, False):
        store, provider = bought(engine, has_order=has_order), FakeProvider()
        tag = approved(store).tag
        send_refund(tag, store, gateways(provider), clock=lambda: at(71))
        record_events(store, event_of(provider.move_refund_to(RefundState.SUCCEEDED), names=(PI,)))
        yield engine.trips(follow, PI, store, now=LATER)


@case("following a purchase's refunds: the same, of a disputed payment")
def _(engine: Engine) -> Iterator[int]:
    for has_order in (True, False):
        store = bought(engine, has_order=has_order)
        record_events(store, event_of(replace(dispute(), opened_at=at(90), at=at(90)), names=(PI,)))
        yield engine.trips(follow, PI, store, now=LATER)
        request_refund(store, refund_claim())
        yield engine.trips(follow, PI, store, now=LATER)


# ── Lists and jobs ────────────────────────────────────────────────────────────────────────────────────────────────────


def parked_renewals(engine: Engine, count: int = 2) -> tuple[DynamoDBStore, Mapping[str, Event]]:
    """Payments that are parked, since nobody knows whose they are."""
    store = engine.store()
    settled = [
        paid(payment(PaymentId(f"stripe:in_{number}"), account_id=AccountId(""), minute=number))
        for number in range(count)
    ]
    events = [replace(one, owner=Owner(customer_id="stripe:cus_9")) for one in settled]
    for event in events:
        engine.parked(store, event)
    return store, {event.event_id: event for event in events}


@case("a customer's cases: `cases_of`")
def _(engine: Engine) -> Iterator[int]:
    store = bought(engine)
    request_refund(store, refund_claim())
    yield engine.trips(lambda: store.cases_of(ADA, 10))


@case("the queue with what its cases are about: `waiting_cases`")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    record_events(store, paid())
    request_refund(store, refund_claim())
    yield engine.trips(lambda: waiting_cases(store, limit=5, after=None, now=at(60)).items)


@case("a claim on a case")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    for actor in ("sam", "kim"):
        yield engine.trips(claim_case, ADA, "case_1", actor, store, now=at(60))


@case("`proposals`")
def _(engine: Engine) -> Iterator[int]:
    store, alone = bought(engine), Authority(limits={})
    adjustment = Adjustment(account_id=ADA, credits=5, reason="A late reply.", actor="sam", key="key_1")
    with pytest.raises(SecondPersonNeeded):
        adjust_credits(adjustment, store, alone, now=LATER)
    assert store.proposals(10).items
    yield engine.trips(lambda: store.proposals(10))


@case("`review_queue`")
def _(engine: Engine) -> Iterator[int]:
    store = bought(engine)
    request_refund(store, refund_claim())
    assert store.review_queue(10).items
    yield engine.trips(lambda: store.review_queue(10))


@case("`outbox`, `renewal_stops`, `deferred_cases`")
def _(engine: Engine) -> Iterator[int]:
    store = bought(engine)
    approved(store)
    for listing in (store.outbox, store.renewal_stops, store.deferred_cases):
        yield engine.trips(listing)


DECLARED = Submission(
    kind=DeclarationKind.WITHDRAWAL,
    channel=Channel.API,
    name="Ada",
    contract="ord_1234",
    email="ada@example.com",
    language="en",
    statement="I withdraw from this contract: ord_1234",
)


@case("`declarations`")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    submit(DECLARED, "form", store, now=at(60))
    assert len([*store.declarations(DeclarationState.CONFIRMED)]) == 1
    yield engine.trips(store.declarations, DeclarationState.CONFIRMED)


@case("a step of a declaration, or both on the page")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    yield engine.trips(declare, DECLARED, "token", store, now=at(60))
    name = declare(DECLARED, "token", store, now=at(60)).declaration_id
    yield engine.trips(confirm, name, "token", store, now=at(61))
    yield engine.trips(submit, DECLARED, "form", store, now=at(61))


@case("a request for a review")
def _(engine: Engine) -> Iterator[int]:
    store = bought(engine)
    place_hold("support:look", ADA, "sam", store, why="Odd.", now=at(2))
    review = replace(DECLARED, kind=DeclarationKind.REVIEW, contract="")
    yield engine.trips(request_review, ADA, review, store, now=at(60))


@case("a declaration that is matched")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    record_events(store, paid(ordered(store, "ord_1234")))
    name = submit(DECLARED, "form", store, now=at(60)).declaration_id
    yield engine.trips(follow_declaration, name, store, POLICY, ("stripe", "paddle"), now=at(61))
    assert len([*store.declarations(DeclarationState.MATCHED)]) == 1


@case("`mail_intents`")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    bought_with_mail(store)
    assert len(list(store.mail_intents())) == 1
    yield engine.trips(store.mail_intents)


@case("`awaited_orders`")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    ordered_with_mail(store)
    assert len(list(store.awaited_orders())) == 1
    yield engine.trips(store.awaited_orders, at(0))
    yield engine.trips(store.awaited_orders, turn=5)


@case("`credit_notes`")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    record_events(store, paid(), event_of(refund(500)))
    issue_credit_notes(PI, SELLER, store, now=LATER)
    assert len([*store.credit_notes(ADA)]) == 1
    yield engine.trips(store.credit_notes, ADA)


@case("the credit note of a refund")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    record_events(store, paid(), event_of(refund(500)))
    yield engine.trips(issue_credit_notes, PI, SELLER, store, now=LATER)
    assert len([*store.credit_notes(ADA)]) == 1


@case("the credit note of a refund: the same, of a payment with a tax that has other refunds")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    settled = replace(payment(), tax_minor=333)
    waiting = refund(300, refund_id="re_2", state=RefundState.PENDING)
    record_events(store, paid(settled), event_of(refund(500)), event_of(waiting))
    yield engine.trips(issue_credit_notes, PI, SELLER, store, now=LATER)
    record_events(store, event_of(refund(300, refund_id="re_2", minute=50)))
    yield engine.trips(issue_credit_notes, PI, SELLER, store, now=LATER) - 1  # of the document that is there


@case("`watched_plans`")
def _(engine: Engine) -> Iterator[int]:
    yield engine.trips(engine.store().watched_plans, at(0))


@case("a look at a plan that renews")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    customer = Customer(store=store)  # type: ignore[arg-type]
    order = customer.orders()
    customer.runs(order.made_at + timedelta(days=5), SubscriptionStatus.TRIALING)
    (plan,) = store.watched_plans(order.made_at + timedelta(days=1))
    assert [*store.mail_intents()] == []
    yield engine.trips(
        look_at, plan, store, customer.catalogue, reminders.load(), now=order.made_at + timedelta(days=1)
    )
    assert len([*store.mail_intents()]) == 1


@case("listing a paid order's confirmation")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    order = ordered_with_mail(store)
    pay(store, order)
    yield engine.trips(list_confirmation, order.order_id, store, now=LATER)
    assert len(list(store.mail_intents())) == 1


@case("sending the confirmation of an order")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    _, mail_id = bought_with_mail(store)
    yield engine.trips(send_mail, mail_id, desk(store), Postbox(), clock=lambda: LATER)
    assert list(store.mail_intents()) == []


@case("asking for the late information of an order")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    order = ordered_with_mail(store, consent=None)
    pay(store, order)
    yield engine.trips(inform, store, order)
    (mail,) = store.mail_intents()
    send_mail(mail.mail_id, desk(store), Postbox(faults=[MailRefused("MessageRejected")]), clock=lambda: LATER)
    yield engine.trips(inform, store, order)


@case("recording that it was sent, or came back")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    order = ordered_with_mail(store, consent=None)
    pay(store, order)
    inform(store, order)
    yield engine.trips(record_information_sent, f"{order.order_id}/1", "m1", store, LATER)
    yield engine.trips(record_information_returned, f"{order.order_id}/1", store, LATER)


def inform(store: DynamoDBStore, order: Order) -> None:
    """Ask for the mail about the right of withdrawal."""
    ask_for_information(order.order_id, ADA, "sam", store, POLICY, why="It was not shown.", now=LATER)


@case("`followed_cases`")
def _(engine: Engine) -> Iterator[int]:
    store = bought(engine)
    approved(store)
    for stage in FollowStage:
        yield engine.trips(store.followed_cases, stage, at(0))
        yield engine.trips(store.followed_cases, stage, turn=5)


@case("`waiting_payments`")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    record_events(store, event_of(refund()))
    yield engine.trips(lambda: store.waiting_payments(LATER))


@case("`audit_records`")
def _(engine: Engine) -> Iterator[int]:
    store = bought(engine)
    approved(store)
    assert list(store.audit_records(ADA))
    yield engine.trips(lambda: store.audit_records(ADA))


@case("`parked_names`")
def _(engine: Engine) -> Iterator[int]:
    store, _ = parked_renewals(engine)
    assert len(list(store.parked_names(Trigger.FACTS))) == 2
    for since in (None, at(0)):
        yield engine.trips(store.parked_names, Trigger.FACTS, since)
        yield engine.trips(store.parked_names, Trigger.FACTS, since, turn=5)


@case("`parked_of_customer`")
def _(engine: Engine) -> Iterator[int]:
    store, _ = parked_renewals(engine)
    yield engine.trips(lambda: store.parked_of_customer("stripe:cus_9"))
    yield engine.trips(lambda: store.parked_of_customer("stripe:cus_8"))


@case("`parked_receipts`")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    for hundreds in (1, 3):
        names = [ParkedName("stripe:cus_9", f"evt_{number}", LATER) for number in range(hundreds * MOST_KEYS)]
        yield engine.trips(store.parked_receipts, names) // hundreds


@case("the hourly round of `release_parked`, nothing new")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    yield engine.trips(lambda: release_all(lambda _: None, "this deployment", store, now=LATER))


def release_again(name: ParkedName, event: Event, store: DynamoDBStore) -> None:
    """Try a parked event again, as a round does."""
    release_receipts(store.parked_receipts([name]), lambda _: event, store, now=LATER)


@case("a parked event that is tried again and stays parked")
def _(engine: Engine) -> Iterator[int]:
    store, events = parked_renewals(engine, 1)
    too_dear = replace(paid(payment(PI)), not_bookable=NotBookable(ParkReason.UNKNOWN_PRICE))
    unknown, next_start = balance.unnamed(0), balance.START + 2 * balance.DAY + balance.MONTH
    unused = balance.line("c", "sub_2", -700, next_start + balance.DAY, proration=True)
    unused["period"]["end"] = next_start + balance.MONTH
    too_late = balance.invoiced("c", "subscription_update", next_start + balance.DAY, unused, subscription="sub_2")
    record_events(store, balance.month(2))
    for event in (too_dear, unknown, too_late):
        engine.parked(store, event)
    by_id = {**events, **{event.event_id: event for event in (too_dear, unknown, too_late)}}
    names = [name for trigger in Trigger for name in store.parked_names(trigger)]
    assert len(names) == len(by_id)
    for name in names:
        yield engine.trips(release_again, name, by_id[name.event_id], store)
        assert engine.sent[0][-1] != "TransactWriteItems"


@case("`expiring`")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    record_events(store, paid(RENEWAL))
    due_at = RENEWAL.lines[0].expires_at
    assert due_at
    assert [one.account_id for one in store.expiring(sortable(due_at), due_at)] == [ADA]
    yield engine.trips(lambda: store.expiring(sortable(due_at), due_at))


@case("`first_expiry`")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    record_events(store, paid(RENEWAL))
    yield engine.trips(store.first_expiry)
    assert engine.sent[0][-1] == "Scan"


@case("the hourly round of `expire_credits`, nothing new")
def _(engine: Engine) -> Iterator[int]:
    store, now = engine.store(), at(60 * 12)
    expire_credits(store, now=now - timedelta(hours=2))
    for hour in (-1, 0, 1):  # the last one is the first after midnight
        yield engine.trips(lambda hour=hour: expire_credits(store, now=now + timedelta(hours=hour)))


def indexed(engine: Engine) -> DynamoDBStore:
    """A pack with an invoice and a refund whose rows are written."""
    store = engine.store()
    record_events(store, paid(replace(payment(), invoice_number="INV-1")), event_of(refund()))
    index_purchases([PI], store)
    return store


@case("`named`")
def _(engine: Engine) -> Iterator[int]:
    store = indexed(engine)
    assert [row.subject for row in store.named("re_1")] == ["stripe:re_1"]
    yield engine.trips(store.named, "re_1")


@case("`paid_between`, `failed_between`")
def _(engine: Engine) -> Iterator[int]:
    store = indexed(engine)
    assert [row.subject for row in store.paid_between("USD", 2000, at(0), at(60))] == [PI]
    yield engine.trips(store.paid_between, "USD", 2000, at(0), at(60))
    yield engine.trips(store.failed_between, at(0), at(60))


@case("`acts_page`, `timeline_rows`")
def _(engine: Engine) -> Iterator[int]:
    store = indexed(engine)
    yield engine.trips(lambda: store.acts_page(ADA, 5).items)
    yield engine.trips(lambda: store.timeline_rows(ADA, TimelineRowKind.LOOK, 5).items)


@case("`proposals_of`")
def _(engine: Engine) -> Iterator[int]:
    yield engine.trips(indexed(engine).proposals_of, ADA)


@case("a page of an account's timeline: `timeline`")
def _(engine: Engine) -> Iterator[int]:
    store = indexed(engine)
    yield engine.trips(lambda: timeline(ADA, store).lines)
    for number in range(4):
        settled = replace(payment(PaymentId(f"stripe:pi_{number}_x")), customer_id=f"stripe:cus_{number}")
        record_events(store, paid(settled, customer=f"cus_{number}"))
    mail = TimelineRow(kind=TimelineRowKind.MAIL, subject="mail_1", at=at(0))
    store.commit(Commit(documents=(DocumentChange(timeline_row_key(ADA, mail), mail),)))
    yield engine.trips(lambda: timeline(ADA, store).lines)


@case("a page of an account's timeline: `timeline`: the same, if it ends within a second of several entries")
def _(engine: Engine) -> Iterator[int]:
    store = indexed(engine)
    for number in range(5):
        draw_credits(ADA, f"run_{number}", 1, store, now=LATER)
    whole, cut = (engine.trips(lambda limit=limit: timeline(ADA, store, limit=limit).lines) for limit in (50, 2))
    yield cut - whole


@case("why, of an id of one account: `explain_chain`")
def _(engine: Engine) -> Iterator[int]:
    store = indexed(engine)
    searched = Searched(store, ("stripe", "paddle"), lambda: "key", names_of_parked)
    for text in ("pi_1", "re_1", ADA):
        yield engine.trips(lambda text=text: explain_chain(text, searched, now=NOW).lines)


@case("why, of an id of one account: `explain_chain`: the same, of an id of an account with more entries")
def _(engine: Engine) -> Iterator[int]:
    store = indexed(engine)
    for number in range(MOST_LINES + 1):
        draw_credits(ADA, f"run_{number}", 1, store, now=at(100 + number))
    searched = Searched(store, ("stripe", "paddle"), lambda: "key", names_of_parked)
    for text, beside in (("pi_1", None), ("run_0", ADA), (f"run_{MOST_LINES}", ADA)):
        yield engine.trips(lambda text=text, beside=beside: explain_chain(text, searched, beside, now=NOW).lines)


@case("why a balance is what it is: `explain_balance`")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    buyer = Buyer.at(store)
    buyer.pays()
    locked = read_locks(buyer.account, store, NOW)
    assert locked
    yield engine.trips(explain_balance, ADA, store, NOW)
    yield engine.trips(explain_balance, ADA, store, NOW, locked)
    buyer.confirms()
    yield engine.trips(explain_balance, ADA, store, NOW)


@case("`subject_acts`, `subject_looks`")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    for read in (store.subject_acts, store.subject_looks):
        yield engine.trips(lambda read=read: read(SubjectId("event:stripe:cus_1~evt_1"), 5).items)


@case("a look at a page")
def _(engine: Engine) -> Iterator[int]:
    store = indexed(engine)
    yield engine.trips(record_look, ADA, "sam", "account", store, now=at(0))
    yield engine.trips(record_look_at, SubjectId("event:stripe:cus_1~evt_1"), "sam", "event", store, now=at(0))


@case("another try at a parked event, as a person wants it: `replay_parked`")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    unknown = replace(
        event_of(names=(PaymentId("stripe:pi_2"),)), not_bookable=NotBookable(ParkReason.OTHER_ACCOUNT, "acct_1")
    )
    record_events(store, unknown, now=at(20))
    receipt = next(iter(store.parked_receipts()))
    replay = Replay(name=receipt.name, actor="sam", reason="It is ours.", key="key_1")
    yield engine.trips(replay_parked, replay, store, lambda _: unknown, now=at(30))
    yield engine.trips(replay_parked, replay, store, lambda _: unknown, now=at(31))


def with_failures(engine: Engine) -> DynamoDBStore:
    """Two accounts with a failed run each, and their rows in the index."""
    store = engine.store()
    for account_id in (ADA, AccountId("acct_ben")):
        settled = payment(PaymentId(f"stripe:pi_{account_id}"), account_id=account_id)
        record_events(store, paid(settled), now=at(1))
        draw_credits(account_id, f"run_{account_id}", 5, store, now=at(20))
        fail_run(account_id, f"run_{account_id}", store, now=at(21))
        index_failed_run(account_id, f"run_{account_id}", at(21), store)
    return store


OUTAGE = IncidentRequest(since=at(10), until=at(30), credits=10, reason="It stood still.", actor="sam", key="k")


@case("`incidents`, `incident_shares`")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    yield engine.trips(lambda: store.incidents(5).items)
    yield engine.trips(lambda: store.incident_shares("inc_1", 5).items)


@case("`mutes`")
def _(engine: Engine) -> Iterator[int]:
    yield engine.trips(lambda: list(engine.store().mutes()))


@case("`running_incidents`")
def _(engine: Engine) -> Iterator[int]:
    yield engine.trips(engine.store().running_incidents)


@case("what failed between two times: `preview`")
def _(engine: Engine) -> Iterator[int]:
    store = with_failures(engine)
    yield engine.trips(preview, at(10), at(30), frozenset(), store, now=LATER)


@case("of each account on the preview's page: `cases_beside`")
def _(engine: Engine) -> Iterator[int]:
    store = with_failures(engine)
    yield engine.trips(cases_beside, ADA, at(10), store)


@case("beginning an incident")
def _(engine: Engine) -> Iterator[int]:
    store = with_failures(engine)
    yield engine.trips(begin_incident, OUTAGE, store, now=LATER)


@case("the round of an incident")
def _(engine: Engine) -> Iterator[int]:
    store = with_failures(engine)
    begun = begin_incident(OUTAGE, store, now=LATER)
    yield engine.trips(replace_runs, begun.incident_id, store, now=LATER)
    assert not list(store.running_incidents())


@case("the open disputes of a suspended account, for support: `open_disputes_of`")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()

    def account() -> Account:
        return store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA]

    record_events(store, paid(), paid(payment(IN)))
    yield engine.trips(open_disputes_of, account(), store)
    record_events(store, event_of(dispute()))
    yield engine.trips(open_disputes_of, account(), store)
    record_events(store, event_of(dispute(DisputeState.INQUIRY, dispute_id="dp_2"), names=(IN,)))
    yield engine.trips(open_disputes_of, account(), store)
    assert [one.dispute_id for one in open_disputes_of(account(), store)] == ["dp_1", "dp_2"]


@case("the orders of an account's latest purchases, for support: `latest_orders`")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    yield engine.trips(latest_orders, ADA, store)
    record_events(store, paid())
    yield engine.trips(latest_orders, ADA, store)
    placed = [replace(ordered(store, name), payment_id=PaymentId(f"stripe:pi_{name}")) for name in ("ord_1", "ord_2")]
    record_events(store, *map(paid, placed))
    yield engine.trips(latest_orders, ADA, store)
    assert {one.order_id for one in latest_orders(ADA, store)} == {"ord_1", "ord_2"}


@case("the open disputes by their deadline, for support: `open_disputes`")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    record_events(store, paid(), event_of(dispute()))
    yield engine.trips(lambda: store.open_disputes(Awaits.EVIDENCE, 5).items)


@case("the suspended accounts, for support: `suspended_accounts`")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    record_events(store, paid(), event_of(dispute()))
    yield engine.trips(lambda: store.suspended_accounts(5).items)


@case("the decided cases, for support: `decided_cases`")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    record_events(store, paid())
    case = request_refund(store, refund_claim(RefundReason.CHANGED_MY_MIND), minute=60 * 24 * 500)
    assert case.decided_list is DecidedList.DECLINED_BY_POLICY
    yield engine.trips(lambda: store.decided_cases(DecidedList.DECLINED_BY_POLICY, 5).items)


@case("`receipts_page`")
def _(engine: Engine) -> Iterator[int]:
    yield engine.trips(indexed(engine).receipts_page, "stripe:cus_1", 5)


@case("a search by an id, a number or an address: `find_records`")
def _(engine: Engine) -> Iterator[int]:
    store = indexed(engine)
    searched = Searched(store, ("stripe", "paddle"), lambda: "key", names_of_parked)
    for text in ("pi_1", "stripe:cus_1", "re_1", "INV-1", "inv-1", "nothing", "ada@example.com"):
        yield engine.trips(lambda text=text: find_records(text, searched))


@case("a search by day and amount: `find_payments`")
def _(engine: Engine) -> Iterator[int]:
    store = indexed(engine)
    searched = Searched(store, ("stripe", "paddle"), lambda: "key", names_of_parked)
    yield engine.trips(lambda: find_payments(at(0).date(), 2000, "USD", searched, limit=5).items)


@case("three rows of what is found by a new name: `index_purchases`")
def _(engine: Engine) -> Iterator[int]:
    store = indexed(engine)
    record_events(store, event_of(names=(PI, CH)))
    yield engine.trips(lambda: [index_purchases([PI], store)])
    yield engine.trips(lambda: [index_purchases([CH], store)])


@case("verify")
def _(engine: Engine) -> Iterator[int]:
    store = engine.store()
    record_events(store, paid())
    yield engine.trips(lambda: [store.item_count(), *store.scan(0, 4)])
    assert set(engine.sent[0][-2:]) == {"DescribeTable", "Scan"}
    assert store.item_count() == sum(1 for _ in store.scan())
