"""What is asked twice at once is answered alike, though a batch is read item by item: a twin may write between."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import permutations
from typing import Any, cast

import pytest

from ledger.domain import catalogue
from ledger.domain.errors import CaseClosed, InsufficientCredits, RunFailed
from ledger.domain.events import Event
from ledger.domain.facts import DisputeState, FraudWarned, MoneyLinked, RefundState
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.orders import Order
from ledger.domain.receipts import RecordOutcome
from ledger.domain.refund_cases import CaseState, RefundCase, RefundReason
from ledger.domain.refund_cases import DecisionOutcome as Decided
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.ports.commit import Commit
from ledger.ports.reads import Keys, Snapshot
from ledger.ports.store import Store
from ledger.usecases.expire_credits import expire_account
from ledger.usecases.place_order import OrderRequest
from ledger.usecases.plan_booking import plan_event
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.refund_cases.place_cases import place
from ledger.usecases.refund_cases.withdraw_contract import withdraw_from_rest
from ledger.usecases.usage import draw_credits, fail_run
from tools.testing.builders import (
    ADA,
    CH,
    IN,
    LATER,
    PI,
    POLICY,
    at,
    dispute,
    event_of,
    numbered_anew,
    ordered,
    paid,
    payment,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeProvider, FakeStore, world
from tools.testing.unguarded import add_evidence, decide_case, lift_hold, place_order
from tools.verify import check

ALL_OF_IT = ReviewDecision(outcome=Decided.APPROVE, words=("All of it.",), clause="6", money_minor=2000)


class TornStore:
    """A store in whose n-th read a twin writes: what is named `early` is read before that, everything else after."""

    def __init__(self, store: FakeStore, read: int, twin: Callable[[], object], early: set[str]) -> None:
        self._store = store
        self._read = read
        self._twin = twin
        self._early = early
        self._is_later = read > 1
        self.is_race = False

    def read(self, keys: Keys) -> Snapshot:
        before = self._store.read(keys)
        self._read -= 1
        if self._read == 0:
            self._twin()
        after = self._store.read(keys)
        torn = replace(after, **{name: getattr(before, name) for name in self._early})
        if self._read == 0:  # what the twin changes was read before it, or is read by another call
            self.is_race = self._is_later or torn != after or before == after
        return torn

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


TORN: list[TornStore] = []
"""The torn stores of the running test."""


@pytest.fixture(autouse=True)
def _each_is_a_race() -> Iterator[None]:
    """Fail a test whose twin never wrote, or wrote before everything was read."""
    TORN.clear()
    yield
    assert all(store.is_race for store in TORN)


def torn(store: FakeStore, twin: Callable[[], object], *early: str, read: int = 1) -> Store:
    """The store, torn at this read."""
    TORN.append(TornStore(store, read, twin, set(early)))
    return cast(Store, TORN[-1])


def test_a_name_whose_pointer_was_read_too_early_is_no_news() -> None:
    """The purchase knows it, so its pointer is there: the twin wrote both at once."""
    store = FakeStore()
    link = event_of(names=(PI, CH))
    record_events(store, paid(), link)
    (receipt,) = (receipt for receipt in store.receipts.values() if receipt.event_id == link.event_id)
    without_the_pointer = store.read(Keys(payments=frozenset({PI}), accounts=frozenset({ADA})))
    planned = plan_event(event_of(names=(PI, CH)), receipt, without_the_pointer)
    assert isinstance(planned, Commit)
    assert (planned.receipt and planned.receipt.outcome, planned.pointers) == (RecordOutcome.ALREADY_BOOKED, ())


def test_a_run_asked_twice_at_once_is_answered_alike_though_it_took_the_last_credit() -> None:
    """The twin drew it between the reading of the run and of the account."""
    store = FakeStore()
    record_events(store, paid())

    def twin() -> object:
        return draw_credits(ADA, "run_1", 1000, store, now=LATER)

    drawn = draw_credits(ADA, "run_1", 1000, torn(store, twin, "runs"), now=LATER)
    assert sum(drawn.drawn.values()) == 1000
    with pytest.raises(InsufficientCredits):
        draw_credits(ADA, "run_2", 1, store, now=LATER)


def test_a_request_sent_twice_at_once_is_answered_alike() -> None:
    """The twin opened the case between the reading of the key and of the account: it is this request's own."""
    store = FakeStore()
    record_events(store, paid())
    assert (
        request_refund(torn(store, lambda: request_refund(store, refund_claim()), "documents"), refund_claim()).state
        is CaseState.IN_REVIEW
    )


def test_a_decision_sent_twice_at_once_is_answered_alike() -> None:
    """The twin approved it between the reading of the case and of the purchase, of which nothing is left now."""
    store = FakeStore()
    record_events(store, paid())
    case = request_refund(store, refund_claim())

    def decide(over: Store) -> CaseState:
        return decide_case(case.case_id, ALL_OF_IT, "sam", over, POLICY, now=at(70)).state

    assert decide(torn(store, lambda: decide(store), "documents", read=3)) is CaseState.APPROVED


class OvertakenStore:
    """A store in which a twin acts just before the first commit: after everything was read."""

    def __init__(self, store: FakeStore, twin: Callable[[], object]) -> None:
        self._store = store
        self._twin = twin
        self.is_overtaken = False

    def overtake(self) -> None:
        """Let the twin act, once."""
        if not self.is_overtaken:
            self.is_overtaken = True
            self._twin()

    def commit(self, commit: Commit) -> object:
        self.overtake()
        return self._store.commit(commit)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def adds(name: str, case_id: str, store: Store) -> object:
    """The customer uploads a file."""
    return add_evidence(ADA, case_id, name, 9, store, now=at(60))


def decides(actor: str, case_id: str, store: Store) -> object:
    """A person declines."""
    decision = ReviewDecision(outcome=Decided.DECLINE, words=("It was used.",), clause="2")
    return decide_case(case_id, decision, actor, store, POLICY, now=at(60))


CHANGES: dict[str, Callable[[str, Store], object]] = {
    "a file": partial(adds, "first.png"),
    "another file": partial(adds, "second.png"),
    "a decision": partial(decides, "sam"),
    "another decision": partial(decides, "kim"),
    "its place": lambda case_id, store: place(ADA, case_id, store),
}
"""What changes a case in review."""


@pytest.mark.parametrize(("twin", "act"), list(permutations(CHANGES, 2)))
def test_what_changes_a_case_overwrites_no_change_that_came_between(twin: str, act: str) -> None:
    """It is as if it had come after that: it is made of the case as it is by then, or refused."""
    found: list[RefundCase] = []
    for is_between in (True, False):
        store = FakeStore()
        record_events(store, paid())
        case_id = request_refund(store, refund_claim(), minute=10).case_id
        record_events(store, event_of(dispute()), now=at(21))
        over = OvertakenStore(store, partial(CHANGES[twin], case_id, store))
        if not is_between:
            over.overtake()
        with suppress(CaseClosed):
            CHANGES[act](case_id, cast(Store, over))
        assert over.is_overtaken
        found += world(store).cases.values()
    between, after = found
    assert between == after


def repeats(case: RefundCase, store: Store) -> object:
    """The person sends the decision again, under a new key."""
    return decide_case(case.case_id, ALL_OF_IT, "sam", store, POLICY, now=at(80), key="key_2")


def looks_for_the_rest(case: RefundCase, store: Store) -> object:
    """The job looks for the contract's other payments, of which there are none."""
    return withdraw_from_rest(case, store, POLICY, now=at(80))


@pytest.mark.parametrize("act", [repeats, looks_for_the_rest])
@pytest.mark.parametrize("state", [RefundState.PENDING, RefundState.SUCCEEDED, RefundState.FAILED])
def test_what_writes_a_decided_case_overwrites_nothing_that_became_of_its_refund(
    act: Callable[[RefundCase, Store], object], state: RefundState
) -> None:
    """It is as if it had come after the refund was followed."""
    found = []
    for is_between in (True, False):
        with numbered_anew():
            store = FakeStore()
            record_events(store, paid(ordered(store)))
            reason = RefundReason.TECHNICAL_PROBLEM if act is repeats else RefundReason.WITHDRAWAL
            case = request_refund(store, refund_claim(reason), minute=10)
            if case.state is CaseState.IN_REVIEW:
                case = decide_case(case.case_id, ALL_OF_IT, "sam", store, POLICY, now=at(20))
            assert case.state is CaseState.APPROVED
            record_events(store, event_of(replace(refund(2000, state=state, minute=30), tag=case.tag)))
        over = OvertakenStore(store, partial(follow, PI, store, now=at(70)))
        if not is_between:
            over.overtake()
        act(case, cast(Store, over))
        assert over.is_overtaken
        found.append(world(store))
    between, after = found
    assert between == after


def test_a_closed_lot_that_was_read_too_early_is_read_again() -> None:
    """A run of a lapsed period failed after its closed lot was read, before the account was: the refund takes all."""
    store = FakeStore()
    record_events(store, paid(payment(expires_at=at(60))))
    draw_credits(ADA, "run_1", 400, store, now=at(1))
    expire_account(ADA, store, now=LATER)
    over = torn(store, lambda: fail_run(ADA, "run_1", store, now=LATER), "closed_lots", read=2)
    record_events(over, event_of(refund(2000), names=(PI,)))
    lot = store.closed_lots[ADA, f"{PI}/0"]
    assert (lot.drawn, lot.refunded, lot.owed) == (0, 1000, 0)
    assert not [finding for finding in check(world(store)) if finding.broken]


def test_a_period_whose_renewal_came_while_it_was_looked_for_is_worth_one_price() -> None:
    """The renewal was booked after its fulfilment key was read, before the account was."""
    store = FakeStore()
    period = "period/stripe:sub_1/2026-11-01T00:00:00Z"
    end = LATER + timedelta(days=11)
    first = paid(payment(fulfilment_key="order/ord_1", covers=period, expires_at=end))
    record_events(store, paid(payment(CH)), event_of(refund(500), names=(PI,)))  # what waits makes the grant look first
    renewal = paid(payment(IN, fulfilment_key=period, expires_at=end))
    over = torn(store, lambda: record_events(store, renewal), "fulfilment_keys")
    assert [recorded.outcome for recorded in record_events(over, first)] == [RecordOutcome.BOOKED]
    assert store.accounts[ADA].balance == 2000


def twice_paid() -> FakeStore:
    """One order, paid for twice."""
    store = FakeStore()
    record_events(store, *(paid(payment(name, fulfilment_key="order/ord_1")) for name in (PI, IN)))
    return store


def test_what_goes_back_of_two_payments_of_one_order_at_once_counts_both() -> None:
    """Neither refund alone takes credits, both together do: each was read before the other one was booked."""
    store = twice_paid()
    other = event_of(refund(1000, refund_id="re_1"), names=(PI,))
    over = torn(store, lambda: record_events(store, other), "payments", read=3)
    record_events(over, event_of(refund(1500, refund_id="re_2"), names=(IN,)))
    assert store.accounts[ADA].balance == 750
    assert not [finding.broken for finding in check(world(store)) if finding.broken]


def test_an_order_made_twice_at_once_is_answered_alike() -> None:
    """The twin made it between the reading of the order and of the key."""
    store, gateway = FakeStore(), FakeProvider()
    request = OrderRequest(
        account_id=ADA,
        provider="stripe",
        product_id="pack_1000",
        currency="USD",
        country="US",
        is_business=False,
        policy_version="1",
        consent=None,
        key="key_1",
        fingerprint="f",
    )

    def place(over: Store) -> Order:
        made_by = partial(place_order, request, over, catalogue.load(), lambda _: gateway, policy_version="1")
        return made_by(success_url="https://x.test", cancel_url="https://x.test", now=at(0))

    first: list[Order] = []
    assert place(torn(store, lambda: first.append(place(store)), "fulfilment_keys")) == replace(first[0], version=2)


def test_a_run_that_fails_at_once_is_given_back_though_its_account_was_read_before_it_had_anything() -> None:
    """A second lot came, and the run drew from it, after the account was read."""
    store = FakeStore()
    record_events(store, paid())

    def twin() -> None:
        record_events(store, paid(payment(PaymentId("stripe:pi_2"))))
        draw_credits(ADA, "run_1", 1500, store, now=LATER)

    failed = fail_run(ADA, "run_1", torn(store, twin, "accounts"), now=LATER)
    assert sum(failed.returned.values()) == 1500
    assert store.accounts[ADA].balance == 2000


@pytest.mark.parametrize(
    "again",
    [
        paid(payment(PI, fulfilment_key="order/ord_1")),
        paid(payment(PaymentId("stripe:pi_2"), fulfilment_key="order/ord_1", minute=0.5)),
    ],
    ids=["an earlier payment of the order", "the same payment, told with an earlier time"],
)
def test_a_lot_that_closes_while_it_is_looked_for_is_not_granted_anew(again: Event) -> None:
    """It was read where closed lots lie before it closed, and its account after."""
    store = FakeStore()
    record_events(store, paid(payment(PaymentId("stripe:pi_2"), fulfilment_key="order/ord_1", minute=1)))

    def twin() -> object:
        return draw_credits(ADA, "run_1", 1000, store, now=LATER)

    record_events(torn(store, twin, "closed_lots"), again)
    assert store.accounts[ADA].balance == 0
    assert not [finding for finding in check(world(store)) if finding.broken]


def test_a_failure_that_overtakes_its_draw_refuses_it() -> None:
    """The failure was stored after the draw had looked for its run: the draw writes nothing."""
    store = FakeStore()
    record_events(store, paid())
    over = torn(store, lambda: fail_run(ADA, "run_1", store, now=LATER), "runs", "accounts")
    with pytest.raises(RunFailed):
        draw_credits(ADA, "run_1", 10, over, now=LATER)
    assert store.accounts[ADA].balance == 1000
    assert not [finding for finding in check(world(store)) if finding.broken]


def test_a_draw_that_overtakes_its_failure_is_given_back() -> None:
    """The draw was stored after the failure had looked for its run: the failure reads it and returns its credits."""
    store = FakeStore()
    record_events(store, paid())
    over = torn(store, lambda: draw_credits(ADA, "run_1", 10, store, now=LATER), "runs", "accounts")
    assert sum(fail_run(ADA, "run_1", over, now=LATER).returned.values()) == 10
    assert store.accounts[ADA].balance == 1000


def test_two_events_of_one_second_received_at_once_are_both_kept() -> None:
    """The twin was stored after this one had read the subscription: neither overwrites what the other reported."""
    active = Subscription(
        subscription_id="stripe:sub_1", status=SubscriptionStatus.ACTIVE, at=at(0), cause="stripe:evt_s0"
    )
    past_due = replace(active, status=SubscriptionStatus.PAST_DUE, cause="stripe:evt_s1", left=active.state_id)
    unpaid = replace(active, status=SubscriptionStatus.UNPAID, cause="stripe:evt_s2", left=past_due.state_id)
    store = FakeStore()
    record_events(store, paid(), reports(active))
    over = torn(store, lambda: record_events(store, reports(past_due)), "subscriptions")
    record_events(over, reports(unpaid))
    assert store.accounts[ADA].subscriptions["stripe:sub_1"] == replace(unpaid, account_id=ADA).summary
    assert len(store.subscriptions["stripe:sub_1"].instant or ()) == 2


def reports(subscription: Subscription) -> Event:
    """An event of Ada's subscription."""
    event_id = subscription.cause.partition(":")[2]
    return replace(paid(), event_id=event_id, payment=None, names=(), facts=(), subscription=subscription)


@pytest.mark.parametrize("read", [1, 2, 3])
def test_what_another_payment_lost_meanwhile_is_not_given_back(read: int) -> None:
    """Half of the original goes back while the other payment, which a dispute took, is booked: half of the credits."""
    again = PaymentId("stripe:pi_2")
    original = payment(fulfilment_key="order/ord_1")
    second = paid(replace(payment(again, fulfilment_key="order/ord_1", minute=1), account_id=AccountId("")))
    second = replace(second, owner=replace(second.owner, account_id=None))
    store = FakeStore()
    record_events(store, paid(original), event_of(dispute(DisputeState.LOST, minute=30), names=(again,)))
    store.fulfilment_keys["order/ord_1"] = replace(store.fulfilment_keys["order/ord_1"], account_id=ADA)

    def half_is_refunded() -> None:
        record_events(store, event_of(refund(1000), names=(PI,)))

    record_events(torn(store, half_is_refunded, "payments", read=read), second)
    assert store.accounts[ADA].balance == 500
    assert [finding for finding in check(world(store)) if finding.broken] == []


def test_a_request_is_not_decided_by_an_older_purchase_than_its_account() -> None:
    """All is refunded meanwhile: nothing is left to ask for."""
    store = FakeStore()
    record_events(store, paid(payment()))

    def all_is_refunded() -> None:
        record_events(store, event_of(refund(2000), names=(PI,)))

    claim = refund_claim(RefundReason.TECHNICAL_PROBLEM)
    assert request_refund(torn(store, all_is_refunded, "payments"), claim).state is CaseState.DECLINED


IN_2 = PaymentId("stripe:in_2")


def linked(sale_id: PaymentId) -> Event:
    """The provider reports an invoice that the one PaymentIntent has paid for, with 1,000."""
    link = MoneyLinked(money_id=PI, sale_id=sale_id, amount_minor=1000, at=at(1), cause="stripe:evt")
    return event_of(link, names=(sale_id, PI))


def two_invoices(*events: Event) -> FakeStore:
    """A store with two invoices of 1,000, and these events."""
    store = FakeStore()
    record_events(store, paid(payment(IN, paid_minor=1000)), paid(payment(IN_2, paid_minor=1000)), *events)
    return store


@pytest.mark.parametrize("known", [[], [IN]], ids=["none known", "one known"])
@pytest.mark.parametrize("early", [["payments"], ["payments", "accounts", "fulfilment_keys"]], ids=["", "all"])
@pytest.mark.parametrize("read", [1, 2])
def test_a_link_that_comes_between_is_not_overwritten(known: list[PaymentId], early: list[str], read: int) -> None:
    """What is refunded later is taken from every invoice that the PaymentIntent has paid for."""
    in_3 = PaymentId("stripe:in_3")
    store = two_invoices(paid(payment(in_3, paid_minor=1000)), *(linked(one) for one in known))
    link, other = (linked(in_3), linked(IN_2)) if known else (linked(IN), linked(IN_2))
    record_events(torn(store, lambda: record_events(store, other), *early, read=read), link)
    record_events(store, event_of(replace(refund(3000 if known else 2000), money_id=PI), names=(PI, CH)))
    assert store.accounts[ADA].balance == (0 if known else 1000)
    assert [finding for finding in check(world(store)) if finding.broken] == []


@pytest.mark.parametrize("names", [(PI, CH), (CH,)], ids=["intent and charge", "charge alone"])
@pytest.mark.parametrize(("read", "early"), [(1, ["payments"]), (2, ["accounts"]), (2, ["payments"])])
def test_a_refund_that_read_the_way_to_one_sale_is_not_booked_for_it_alone(
    names: tuple[PaymentId, ...], read: int, early: list[str]
) -> None:
    """The second link was booked after the pointer was read, and before the sale was."""
    warned = FraudWarned(
        warning_id="w_1", is_actionable=False, at=at(2), cause="stripe:evt", money_id=PI, charge_id="ch_1"
    )
    store = two_invoices(linked(IN), event_of(warned, names=(PI, CH)))
    over = torn(store, lambda: record_events(store, linked(IN_2)), *early, read=read)
    record_events(over, event_of(replace(refund(2000), money_id=PI), names=names))
    assert store.accounts[ADA].balance == 0
    assert [finding for finding in check(world(store)) if finding.broken] == []


@pytest.mark.parametrize("read", [1, 2, 3])
def test_a_hold_of_money_that_is_shared_meanwhile_is_lifted_for_all_its_sales(read: int) -> None:
    """A third invoice is linked after the pointer was read, and paid later: nothing holds again."""
    in_3 = PaymentId("stripe:in_3")
    opened = event_of(replace(dispute(DisputeState.OPEN), money_id=PI), names=(PI,))
    store = two_invoices(linked(IN), linked(IN_2), opened)
    over = torn(store, lambda: record_events(store, linked(in_3)), "documents", read=read)
    assert lift_hold("dispute:stripe:dp_1", ADA, "sam", over, why="a good customer", now=LATER)
    record_events(store, paid(payment(in_3, paid_minor=1000)))
    assert store.accounts[ADA].status == "active"
    assert [finding for finding in check(world(store)) if finding.broken] == []


@pytest.mark.parametrize("sales", [[IN], [IN, IN_2]])
def test_only_shared_money_costs_a_check_of_its_pointer(sales: list[PaymentId]) -> None:
    """What paid for one sale alone is booked without: its version tells whether it is shared meanwhile."""
    store = two_invoices(*(linked(one) for one in sales))
    receipt = next(iter(store.receipts.values()))
    stored = store.read(Keys(payments=frozenset({PI, IN, IN_2}), accounts=frozenset({ADA})))
    planned = plan_event(event_of(replace(refund(), money_id=PI), names=(PI,)), receipt, stored)
    assert isinstance(planned, Commit)
    assert [(one.name, one.replaces, one.is_check) for one in planned.pointers] == (
        [(PI, (IN, IN_2), True)] if len(sales) > 1 else []
    )
