"""An account's timeline and its chains, on every engine: complete, in order, page by page, and at a bounded cost."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from ledger.domain.errors import InvalidRequest, NotFound, StoreUnavailable
from ledger.domain.events import Owner
from ledger.domain.facts import DisputeState
from ledger.domain.ids import AccountId, OrderId, PaymentId
from ledger.domain.mails import MailKind, mail_id_of
from ledger.domain.receipts import NotBookable, ParkReason
from ledger.domain.refund_cases import DecisionOutcome
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.ports.commit import Commit, Refusal
from ledger.ports.store import Store
from ledger.providers.registry import names_of_parked
from ledger.usecases.explain_chain import explain_balance, explain_chain
from ledger.usecases.find_records import Searched, find_records
from ledger.usecases.found import FoundKind
from ledger.usecases.holds import place_hold
from ledger.usecases.index_names import index_purchases
from ledger.usecases.list_mails import list_mail
from ledger.usecases.looks import record_look
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.timeline import LineKind, TimelineLine, timeline
from ledger.usecases.usage import draw_credits, fail_run
from tests.contract.test_parked import park
from tests.unit.usecases.test_sending_mails import Postbox, bought, send
from tools.testing.builders import (
    ADA,
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
from tools.testing.fakes import FakeStore
from tools.testing.unguarded import decide_case, lift_hold

BOB = AccountId("acct_bob")


def lived(store: Store) -> None:
    """A pack, runs, a refund, a dispute, a case that a person decided, a hold that came and went, and looks."""
    record_events(store, paid(replace(payment(), customer_id="stripe:cus_1", invoice_number="INV-1")), now=at(0))
    for number in range(4):
        draw_credits(ADA, f"run_{number}", 10, store, now=at(5))
    fail_run(ADA, "run_3", store, now=at(6))
    case = request_refund(store, refund_claim())
    review = ReviewDecision(outcome=DecisionOutcome.REPLACE, words=("As agreed.",), clause="6", credits=50)
    decide_case(case.case_id, review, "sam", store, POLICY, now=at(60))
    place_hold("support:x", ADA, "sam", store, why="A stolen card.", now=at(70))
    lift_hold("support:x", ADA, "kim", store, why="It was not.", now=at(70))
    record_events(store, event_of(refund(minute=80)), event_of(dispute(DisputeState.OPEN, minute=90)), now=at(95))
    for minute in (100, 100, 101):
        record_look(ADA, "sam", "account", store, now=at(minute))
    record_look(ADA, "kim", "account", store, now=at(100))


def whole(store: Store, limit: int, kinds: tuple[LineKind, ...] = tuple(LineKind)) -> list[TimelineLine]:
    """The timeline, read in pages."""
    found: list[TimelineLine] = []
    after, balance = None, 0
    while True:
        page = timeline(ADA, store, kinds=kinds, limit=limit, after=after, balance=balance)
        assert len(page.lines) <= limit
        found += page.lines
        after, balance = page.next, page.balance
        if after is None:
            return found


def test_pages_of_any_size_are_the_whole_timeline(any_store: Store) -> None:
    """Nothing is missing, nothing twice, in one order, each entry with the balance after it."""
    lived(any_store)
    lines = whole(any_store, 100)
    assert {one.kind for one in lines} == set(LineKind) - {LineKind.MAIL}
    assert [one.place for one in lines] == sorted((one.place for one in lines), reverse=True)
    times = [one.line.at.replace(microsecond=0) for one in lines if one.kind is not LineKind.DELIVERY]
    assert times == sorted(times, reverse=True)
    entries = [one.line for one in lines if one.kind is LineKind.ENTRY]
    account, page = any_store.statement_page(ADA, 100)
    assert account
    assert len(entries) == len(page.items)
    assert entries[0].balance == account.balance
    for later, earlier in pairwise(entries):
        assert earlier.balance == (later.balance or 0) - (later.credits or 0)
    assert [one.actor for one in lines if one.kind is LineKind.LOOK] == ["sam", "sam", "kim"]
    assert entries[-1].words.startswith("1,000 credits of 1 Nov 2026, 20.00 USD: granted (stripe:")
    assert any(one.words.startswith("given credits: granted (case:") for one in entries)
    for limit in (1, 2, 3, 7):
        assert whole(any_store, limit) == lines
    assert timeline(ADA, any_store, limit=len(lines)).next is None, "what fits exactly has no next page"
    assert timeline(ADA, any_store, limit=len(lines) - 1).next is not None


def test_of_what_happened_at_one_instant_no_page_leaves_anything_out(any_store: Store) -> None:
    """Two cases and two deliveries."""
    for number in (1, 2):
        payment_id = PaymentId(f"stripe:pi_{number}")
        sale = paid(replace(payment(payment_id), customer_id="stripe:cus_1"))
        record_events(any_store, replace(sale, event_id=f"evt_{number}"), now=at(0))
        request_refund(any_store, refund_claim(payment_id=payment_id, key=f"key_{number}"))
    for kind in (LineKind.CASE, LineKind.DELIVERY):
        lines = whole(any_store, 100, (kind,))
        assert len({one.line_id for one in lines}) == 2
        assert whole(any_store, 1, (kind,)) == lines


@pytest.mark.parametrize("kind", LineKind)
def test_one_kind_is_read_alone(any_store: Store, kind: LineKind) -> None:
    """It is the same as that kind of the whole."""
    lived(any_store)
    assert whole(any_store, 2, (kind,)) == [one for one in whole(any_store, 100) if one.kind is kind]


def test_a_mail_that_was_sent_is_on_the_timeline(any_store: Store) -> None:
    """With how it ended. One without an account is on none."""
    _, mail_id = bought(any_store)
    send(any_store, mail_id, Postbox())
    (one,) = whole(any_store, 5, (LineKind.MAIL,))
    assert one.line_id == mail_id
    assert one.line.words.startswith("mail about ord_")
    assert one.line.words.endswith(": confirmation of the contract, with the consent; accepted for delivery")
    unowned = list_mail(MailKind.DECLARATION_RECEIPT, "W-1", None, at(0))
    assert any_store.commit(Commit(documents=(unowned,))) is None
    send(any_store, mail_id_of(MailKind.DECLARATION_RECEIPT, "W-1"), Postbox())
    assert len(whole(any_store, 5, (LineKind.MAIL,))) == 1


def test_a_page_costs_the_same_however_much_the_account_has(new_store: Callable[[], FakeStore]) -> None:
    """Round trips, with ten entries and with a thousand."""

    def trips(runs: int) -> int:
        store = new_store()
        record_events(store, paid(payment(credits_=5000)))
        for number in range(runs):
            draw_credits(ADA, f"run_{number}", 1, store, now=at(number + 1))
        store.round_trips = 0
        assert len(timeline(ADA, store, limit=10).lines) == 10
        return store.round_trips

    assert trips(1000) == trips(10) <= 10


@pytest.mark.parametrize(
    "after",
    [
        "x",
        "entry 2026-11-01T12:00:00Z#1",
        "1",
        "[1, 2]",
        '["entry", "2026", "2026-11-01T12:00:00Z#1", ""]',
        '["other", "2026-11-01T12:00:00.000000Z", "2026-11-01T12:00:00.000000Z#1", ""]',
        '["mail", "2026-11-01T12:00:00.000000Z", 1, ""]',
    ],
)
def test_a_text_that_ends_no_page_is_refused(after: str) -> None:
    """No text of a client leads out of the timeline."""
    with pytest.raises(InvalidRequest, match="This is not a `next` of this list") as refused:
        timeline(ADA, FakeStore(), after=after)
    assert refused.value.field == "query.after"


def searched(store: Store) -> Searched:
    """What is searched."""
    return Searched(store, ("stripe", "paddle"), lambda: "a key", names_of_parked)


def deliveries(store: Store, account_id: AccountId) -> set[str]:
    """The events on an account's timeline."""
    return {one.line_id for one in timeline(account_id, store, kinds=[LineKind.DELIVERY]).lines}


def test_what_is_of_another_account_is_on_no_timeline(any_store: Store) -> None:
    """A customer can have bought for two. What is parked names no account: it is on both."""
    lived(any_store)
    before = deliveries(any_store, ADA)
    sale = paid(replace(payment(PaymentId("stripe:pi_bob"), account_id=BOB), customer_id="stripe:cus_1"))
    record_events(any_store, sale)
    assert deliveries(any_store, ADA) == before
    assert deliveries(any_store, BOB) == {sale.cause}
    unpriced = replace(paid(payment(PaymentId("stripe:pi_2"))), not_bookable=NotBookable(ParkReason.UNKNOWN_PRICE))
    park(any_store, unpriced)
    assert deliveries(any_store, ADA) - before == deliveries(any_store, BOB) - {sale.cause} == {unpriced.cause}


@pytest.mark.parametrize("text", ["pi_1", "stripe:pi_1", "INV-1", "re_1"])
def test_an_id_leads_to_its_whole_chain(any_store: Store, text: str) -> None:
    """Delivery, fact, entries, and the case."""
    lived(any_store)
    index_purchases([PI], any_store)
    chain = explain_chain(text, searched(any_store), now=at(200))
    assert chain.account_ids == (ADA,)
    kinds = {line.kind for line in chain.lines}
    assert {"event", "fact", "entry", "case"} <= kinds
    assert [line.at for line in chain.lines] == sorted(line.at for line in chain.lines)
    assert len({(line.at, line.words) for line in chain.lines}) == len(chain.lines), "each once"
    assert not chain.is_cut
    assert chain.balance[0].startswith(f"{ADA} has ")


def test_a_chain_is_in_the_order_in_which_things_happened_within_a_second_too(any_store: Store) -> None:
    """The hold comes before its end, a request before its steps, and each entry's balance follows from the one before.

    A provider reports whole seconds and our clock has more: entries of a second count by their number.
    """
    record_events(any_store, paid(replace(payment(), at=at(0.5 / 60), customer_id="stripe:cus_1")), now=at(0))
    for number in range(3):
        draw_credits(ADA, f"run_{number}", 10, any_store, now=at(5 + (0.9 - number / 10) / 60))
    case = request_refund(any_store, refund_claim())
    place_hold("support:x", ADA, "sam", any_store, why="A stolen card.", now=at(70))
    lift_hold("support:x", ADA, "kim", any_store, why="It was not.", now=at(70))
    lines = explain_chain(ADA, searched(any_store), now=at(200)).lines
    assert [line.words.split()[0] for line in lines if line.kind == "act"] == ["sam", "kim"]
    steps = [line.words for line in lines if line.kind == "case"]
    assert steps[0] == f"{case.case_id}: a refund was requested, technical problem"
    assert steps[1].startswith(f"{case.case_id}: sent to a person, by the policy. Decided by the rule “")
    entries = [line for line in lines if line.kind == "entry"]
    assert [line.balance for line in entries] == [1000, 990, 980, 970]
    causes = [line.kind for line in lines]
    assert causes.index("event") < causes.index("fact") < causes.index("entry")


def test_the_timeline_has_the_order_of_the_chain_within_a_second_too(any_store: Store) -> None:
    """A run, a case and another run of one second: one after the other, on pages of any size."""
    record_events(any_store, paid(replace(payment(), customer_id="stripe:cus_1")), now=at(0))
    for number, second in enumerate((0.1, 0.4)):
        draw_credits(ADA, f"run_{number}", 10, any_store, now=at(5 + second / 60))
    request_refund(any_store, refund_claim(), minute=5 + 0.2 / 60)
    place_hold("support:x", ADA, "sam", any_store, why="A stolen card.", now=at(5 + 0.3 / 60))
    kinds = [kind for kind in LineKind if kind is not LineKind.LOOK]
    chain = explain_chain(ADA, searched(any_store), now=at(200)).lines
    told = [line.words for line in chain if line.kind in {"event", *kinds}]
    assert [line.kind for line in chain if line.at >= at(5)][:2] == ["entry", "case"]
    for limit in (1, 2, 3, 100):
        assert [one.line.words for one in reversed(whole(any_store, limit, tuple(kinds)))] == told, limit


def test_the_only_entry_comes_after_pages_of_other_lines(any_store: Store) -> None:
    """They end before it was read on: it is below them."""
    record_events(any_store, paid(), now=at(0))
    place_hold("support:x", ADA, "sam", any_store, why="A stolen card.", now=at(5))
    lift_hold("support:x", ADA, "sam", any_store, why="It was not.", now=at(6))
    found = whole(any_store, 1, (LineKind.ACT, LineKind.ENTRY))
    assert [one.kind for one in found] == [LineKind.ACT, LineKind.ACT, LineKind.ENTRY]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_within_a_second_pages_of_any_size_are_the_whole_timeline(limit: int) -> None:
    """Entries in the order of their numbers, with acts, a case and looks in between: each line once, in one order."""
    for seed in range(60):
        chance, store = random.Random(seed), FakeStore()
        record_events(store, paid(), now=at(0))
        seconds = chance.choice((1, 2, 3))
        claimed = chance.randrange(12)
        for number in range(chance.randint(2, 12)):
            now = at(5) + timedelta(microseconds=chance.randrange(seconds * 1_000_000))
            what = "case" if number == claimed else chance.choice(("entry", "entry", "act", "look"))
            if what == "entry":
                draw_credits(ADA, f"run_{number}", 1, store, now=now)
            elif what == "act":
                place_hold(f"support:{number}", ADA, "sam", store, why="A stolen card.", now=now)
                lift_hold(f"support:{number}", ADA, "sam", store, why="It was not.", now=now)
            elif what == "look":
                record_look(ADA, "sam", "account", store, now=now)
            else:
                request_refund(store, refund_claim(), minute=(now - at(0)) / timedelta(minutes=1))
        lines = whole(store, 100)
        assert [one.place for one in lines] == sorted((one.place for one in lines), reverse=True)
        assert whole(store, limit) == lines, seed


def test_a_second_of_more_entries_than_a_page_is_read_whole(any_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The earliest entry of a second was the last by the clock: it decides where the others are."""
    monkeypatch.setattr("ledger.usecases.timeline.ENTRIES_AT_ONCE", 2)
    record_events(any_store, paid(), now=at(0))
    for number in range(6):
        draw_credits(ADA, f"run_{number}", 10, any_store, now=at(5 + (0.9 - number / 10) / 60))
    place_hold("support:x", ADA, "sam", any_store, why="A stolen card.", now=at(5 + 0.7 / 60))
    lines = whole(any_store, 100)
    assert [one.kind for one in lines][:7] == [LineKind.ENTRY] * 6 + [LineKind.ACT]
    for limit in (1, 2, 3):
        assert whole(any_store, limit) == lines, limit


def test_what_is_left_out_of_a_timeline_is_said(any_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deliveries and cases are read up to a bound. Beyond it the page and the chain say that there are more."""
    lived(any_store)
    assert timeline(ADA, any_store).left_out == frozenset()
    assert not explain_chain("pi_1", searched(any_store), now=at(200)).is_cut
    monkeypatch.setattr("ledger.usecases.timeline.MOST_RECEIPTS", 1)
    record_events(any_store, paid(replace(payment(PaymentId("stripe:pi_2")), customer_id="stripe:cus_1")))
    assert timeline(ADA, any_store).left_out == {LineKind.DELIVERY}
    assert timeline(ADA, any_store, kinds=(LineKind.ENTRY, LineKind.CASE)).left_out == frozenset()
    assert explain_chain("pi_1", searched(any_store), now=at(200)).is_cut


@pytest.mark.parametrize(
    ("bound", "kind"),
    [("MOST_PURCHASES", LineKind.DELIVERY), ("MOST_CUSTOMERS", LineKind.DELIVERY), ("MOST_CASES", LineKind.CASE)],
)
def test_each_bound_of_a_timeline_is_said(monkeypatch: pytest.MonkeyPatch, bound: str, kind: LineKind) -> None:
    """Purchases, customers and cases: below the bound nothing is left out."""
    store = FakeStore()
    for number in (1, 2):
        payment_id = PaymentId(f"stripe:pi_{number}")
        record_events(store, paid(replace(payment(payment_id), customer_id=f"stripe:cus_{number}")))
        request_refund(store, refund_claim(payment_id=payment_id, key=f"key_{number}"))
    monkeypatch.setattr(f"ledger.usecases.timeline.{bound}", 3)
    monkeypatch.setattr("ledger.usecases.timeline.CASES_AT_ONCE", 1)
    assert timeline(ADA, store).left_out == frozenset()
    monkeypatch.setattr(f"ledger.usecases.timeline.{bound}", 1)
    assert timeline(ADA, store).left_out == {kind}


def test_an_account_is_explained_with_the_orders_that_it_paid(any_store: Store) -> None:
    """What it agreed to, before what became of it."""
    record_events(any_store, paid(ordered(any_store)))
    (line,) = [one for one in explain_chain(ADA, searched(any_store), now=at(200)).lines if one.kind == "order"]
    assert "order ord_1: pack_1000 for 20.00 USD" in line.words


def test_the_order_of_another_account_explains_nothing_whatever_a_payment_names(any_store: Store) -> None:
    """A renewal's order is what its metadata says, which nothing has proven."""
    record_events(any_store, paid(ordered(any_store)))
    renewal = replace(RENEWED, account_id=BOB, order_id=OrderId("ord_1"))
    record_events(any_store, paid(renewal, customer="cus_bob"))
    for account_id, orders in ((BOB, 0), (ADA, 1)):
        lines = explain_chain(account_id, searched(any_store), now=at(200)).lines
        assert [one.kind for one in lines].count("order") == orders


def test_a_run_is_explained_beside_its_account(any_store: Store) -> None:
    """It is part of no key. Its draw and its return are there."""
    lived(any_store)
    with pytest.raises(NotFound):
        explain_chain("run_3", searched(any_store), now=at(200))
    chain = explain_chain("run_3", searched(any_store), ADA, now=at(200))
    assert {line.kind for line in chain.lines} >= {"run", "entry"}
    assert [line.credits for line in chain.lines if "run:run_3" in line.ids and line.kind == "entry"] == [-10, 10]


def test_what_an_old_id_led_to_is_explained_however_much_came_after_it(
    any_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its entries are not among the newest. They are without a balance, which only all later ones would give."""
    monkeypatch.setattr("ledger.usecases.explain_chain.MOST_LINES", 3)
    record_events(any_store, paid(replace(payment(), customer_id="stripe:cus_1")), now=at(100))
    draw_credits(ADA, "run_first", 10, any_store, now=at(1.5))
    fail_run(ADA, "run_first", any_store, now=at(3))
    for number in range(9):
        draw_credits(ADA, f"run_{number}", 1, any_store, now=at(10 + number))
    of_run = explain_chain("run_first", searched(any_store), ADA, now=at(200))
    assert of_run.is_cut
    entries = [line for line in of_run.lines if line.kind == "entry" and "run:run_first" in line.ids]
    assert [(line.credits, line.balance) for line in entries] == [
        (-10, None),
        (10, None),
    ]
    of_payment = explain_chain("pi_1", searched(any_store), now=at(200))
    assert [(line.credits, line.balance) for line in of_payment.lines if line.kind == "entry"] == [
        (1000, None),
        (-1, 993),
        (-1, 992),
        (-1, 991),
    ]
    newest = explain_chain("run_8", searched(any_store), ADA, now=at(200))
    assert [line.balance for line in newest.lines if line.kind == "entry"] == [993, 992, 991]
    with pytest.raises(NotFound):
        explain_chain("run_none", searched(any_store), ADA, now=at(200))


@pytest.mark.parametrize("has_failed", [True, False])
def test_an_old_run_is_explained_by_the_times_that_are_stored_with_it(
    any_store: Store, monkeypatch: pytest.MonkeyPatch, *, has_failed: bool
) -> None:
    """Of a guest, whose deliveries have no customer: no other line is as old."""
    monkeypatch.setattr("ledger.usecases.explain_chain.MOST_LINES", 3)
    record_events(any_store, paid(), now=at(0))
    draw_credits(ADA, "run_first", 10, any_store, now=at(1))
    if has_failed:
        fail_run(ADA, "run_first", any_store, now=at(3))
    for number in range(9):
        draw_credits(ADA, f"run_{number}", 1, any_store, now=at(10 + number))
    lines = explain_chain("run_first", searched(any_store), ADA, now=at(200)).lines
    entries = [line.credits for line in lines if line.kind == "entry" and "run:run_first" in line.ids]
    assert entries == ([-10, 10] if has_failed else [-10])


def test_an_account_is_explained_with_its_subscriptions(any_store: Store) -> None:
    """As their latest events report them."""
    running = Subscription(
        subscription_id="stripe:sub_1", status=SubscriptionStatus.ACTIVE, at=at(5), cause="stripe:evt_sub"
    )
    event = replace(event_of(minute=5), names=(), owner=Owner(account_id=ADA), subscription=running)
    record_events(any_store, paid(), event)
    lines = explain_chain(ADA, searched(any_store), now=at(200)).lines
    assert "subscription stripe:sub_1 to an unknown plan is active" in [line.words for line in lines]
    (one,) = [one for one in find_records("sub_1", searched(any_store)) if one.kind is FoundKind.SUBSCRIPTION]
    assert (one.found_id, one.account_id) == ("stripe:sub_1", ADA)


def test_what_is_nobodys_yet_is_explained_too(any_store: Store) -> None:
    """A refund whose payment was not reported."""
    record_events(any_store, event_of(refund()))
    chain = explain_chain("pi_1", searched(any_store), now=at(200))
    assert (chain.account_ids, chain.balance) == ((), ())
    assert any("counts when that is" in line.words and line.is_open for line in chain.lines)
    with pytest.raises(NotFound):
        explain_chain("nothing", searched(any_store), now=at(200))


def test_the_balance_is_explained_by_kind(any_store: Store) -> None:
    """The figures add up to the balance."""
    lived(any_store)
    sentence, *others = explain_balance(ADA, any_store, at(200))
    account, _ = any_store.statement_page(ADA, 1)
    assert account
    assert sentence.startswith(f"{ADA} has {account.balance:,} credits: ")
    assert any("suspended by dispute:" in one for one in others)
    assert any(one.endswith("frozen while a dispute of their payment is open.") for one in others)
    assert explain_balance(BOB, any_store, at(200)) == []


def test_the_balance_of_an_account_with_many_entries_is_explained_by_its_lots(
    any_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The figures add up to the balance, whatever became of lots that have nothing left."""
    monkeypatch.setattr("ledger.usecases.explain_chain.MOST_ENTRIES", 3)
    record_events(any_store, paid(), now=at(0))
    draw_credits(ADA, "run_all", 1000, any_store, now=at(1))
    assert explain_balance(ADA, any_store, at(9000)) == [f"{ADA} has 0 credits: 1,000 granted − 1,000 drawn."]
    second = paid(payment(PaymentId("stripe:pi_2"), minute=2))
    record_events(any_store, second, now=at(2))
    draw_credits(ADA, "run_some", 300, any_store, now=at(3))
    left = "of the lot that has credits left. All other lots have none"
    assert explain_balance(ADA, any_store, at(9000)) == [f"{ADA} has 700 credits: 1,000 granted − 300 drawn, {left}."]
    record_events(any_store, paid(payment(PaymentId("stripe:pi_3"), minute=4)), now=at(4))
    refunded = event_of(refund(1000, minute=5), names=(PaymentId("stripe:pi_3"),))
    record_events(any_store, refunded, now=at(5))
    left = "of the 2 lots that have credits left. All other lots have none"
    assert explain_balance(ADA, any_store, at(9000)) == [
        f"{ADA} has 1,200 credits: 2,000 granted − 300 drawn − 500 taken back, {left}."
    ]
    draw_credits(ADA, "run_rest", 1200, any_store, now=at(6))
    assert explain_balance(ADA, any_store, at(9000)) == [f"{ADA} has 0 credits: no lot has any left."]


def test_a_look_that_can_not_be_recorded_is_an_error() -> None:
    """What is not on record is not shown."""

    class Down(FakeStore):
        def commit(self, _: Commit) -> Refusal | None:
            raise StoreUnavailable("down")

    with pytest.raises(StoreUnavailable):
        record_look(ADA, "sam", "account", Down(), now=at(0))
