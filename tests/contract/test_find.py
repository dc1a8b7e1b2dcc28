"""Find, on every engine: the index's rows in any order, what they lead to, and what is found by its own key."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta, timezone
from itertools import permutations

import pytest

from ledger.domain.contacts import Contact
from ledger.domain.errors import InvalidRequest
from ledger.domain.events import Owner
from ledger.domain.facts import BalanceCredited, ChargebackChanged, ChargebackState, DisputeState, Fact, RefundedItem
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.index_rows import IndexRow, NameKind, hash_of_address
from ledger.dynamodb.items import Item
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import contact_key
from ledger.ports.store import Store
from ledger.providers.registry import names_of_parked
from ledger.usecases.find_records import MOST_FOUND, Searched, find_payments, find_records
from ledger.usecases.found import Found, FoundKind, GoTo
from ledger.usecases.incidents.begin import IncidentRequest
from ledger.usecases.index_names import index_contact, index_failed_run, index_purchases
from ledger.usecases.usage import draw_credits, fail_run
from tests.unit.usecases.test_sending_mails import ordered as ordered_with_mail
from tools.testing.builders import (
    ADA,
    CH,
    IN,
    NOON,
    PI,
    at,
    dispute,
    event_of,
    paid,
    payment,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeStore
from tools.testing.races import at_once
from tools.testing.unguarded import begin_incident

KEY = "a key"
CREDIT = BalanceCredited(
    credit_id="cn_1",
    amount_minor=500,
    currency="USD",
    created_at=at(30),
    at=at(30),
    cause="",
    items=(RefundedItem(line_id="0", amount_minor=500),),
)
TAKEN = ChargebackChanged(
    currency="USD",
    adjustment_id="adj_1",
    kind="chargeback",
    is_reversal=False,
    state=ChargebackState.TAKEN,
    amount_minor=2000,
    created_at=at(20),
    at=at(20),
    cause="",
)
BOB = AccountId("acct_bob")


def searched(store: Store, key: str = KEY) -> Searched:
    """A store to search, with the key of addresses' hashes."""
    return Searched(store, ("stripe", "paddle"), lambda: key, names_of_parked)


def found(text: str, store: Store) -> list[Found]:
    """What support finds."""
    return find_records(text, searched(store))


def kinds(text: str, store: Store) -> list[tuple[FoundKind, str, str | None]]:
    """The kind, the id and the account of what support finds."""
    return [(one.kind, one.found_id, one.account_id) for one in found(text, store)]


def row_of(name: str, store: DynamoDBStore) -> Item:
    """The item of the one row of a name."""
    (item,) = (item for item in store.scan(0, 1) if item["pk"]["S"] == f"NAMED#{name}")
    return item


def bought(store: Store) -> None:
    """A pack with an invoice, a refund and a dispute."""
    settled = replace(payment(), invoice_number="Ab 12-001", customer_id="stripe:cus_1")
    disputed = replace(dispute(DisputeState.OPEN), dispute_id="dp_1")
    record_events(store, paid(settled), event_of(refund(), disputed))


def contact(store: Store, email: str, account_id: AccountId = ADA, replaces: int = 0) -> None:
    """An account's address is stored."""
    stored = Contact(account_id=account_id, email=email, language="en", noted_at=NOON, version=replaces)
    assert store.commit(Commit(documents=(DocumentChange(contact_key(account_id), stored, replaces),))) is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Ab 12-001", FoundKind.PAYMENT),
        (" AB12-001 ", FoundKind.PAYMENT),
        ("re_1", FoundKind.REFUND),
        ("stripe:re_1", FoundKind.REFUND),
        ("dp_1", FoundKind.DISPUTE),
        ("pi_1", FoundKind.PAYMENT),
        ("stripe:ch_1", FoundKind.PAYMENT),
        ("cus_1", FoundKind.CUSTOMER),
        (ADA, FoundKind.ACCOUNT),
    ],
)
def test_a_customer_is_found_by_what_he_or_the_bank_names(any_store: Store, text: str, kind: FoundKind) -> None:
    """And by nothing that only begins alike."""
    bought(any_store)
    assert index_purchases([PI], any_store) == 4
    (one,) = found(text, any_store)
    assert (one.kind, one.account_id, one.go_to) == (kind, ADA, GoTo.ACCOUNT)
    assert found(text.strip()[:-1], any_store) == []


@pytest.mark.parametrize(
    ("fact", "text", "kind", "summary"),
    [
        (CREDIT, "cn_1", FoundKind.CREDIT, "Credit of 5.00 USD, of stripe:pi_1"),
        (TAKEN, "adj_1", FoundKind.DISPUTE, "Dispute of 20.00 USD: taken, of stripe:pi_1"),
        (refund(), "re_1", FoundKind.REFUND, "Refund of 5.00 USD: succeeded, of stripe:pi_1"),
    ],
    ids=["credit", "chargeback", "refund"],
)
def test_whatever_moved_money_is_found_by_its_own_id(
    any_store: Store, fact: Fact, text: str, kind: FoundKind, summary: str
) -> None:
    """With its amount, its state and the payment that it is of."""
    record_events(any_store, paid(), event_of(fact))
    index_purchases([PI], any_store)
    (one,) = found(text, any_store)
    assert (one.kind, one.found_id, one.account_id, one.summary) == (kind, f"stripe:{text}", ADA, summary)


def test_an_order_a_case_and_a_declaration_are_found_by_their_ids(any_store: Store) -> None:
    """An order also by its checkout."""
    order = ordered_with_mail(any_store)
    assert order.checkout
    assert kinds(order.order_id, any_store) == kinds(order.checkout.checkout_id, any_store)
    assert kinds(order.order_id, any_store) == [(FoundKind.ORDER, order.order_id, ADA)]
    record_events(any_store, paid())
    case = request_refund(any_store, refund_claim())
    (one,) = found(case.case_id, any_store)
    assert (one.kind, one.go_to, one.go_to_id) == (FoundKind.REFUND_CASE, GoTo.CASE, case.case_id)
    assert found("W-7K3F-9Q2M-4XNP", any_store) == []


def test_an_incident_is_found_by_its_id(any_store: Store) -> None:
    """It is of no account: its page is one click away."""
    request = IncidentRequest(since=at(10), until=at(60), credits=10, reason="It stood still.", actor="sam", key="k1")
    record_events(any_store, paid())
    draw_credits(ADA, "run_1", 10, any_store, now=at(30))
    fail_run(ADA, "run_1", any_store, now=at(31))
    index_failed_run(ADA, "run_1", at(31), any_store)
    begin_incident(request, any_store, now=at(70))
    (one,) = found(f" {request.incident_id}", any_store)
    assert (one.kind, one.found_id, one.account_id) == (FoundKind.INCIDENT, request.incident_id, None)
    assert (one.go_to, one.go_to_id) == (GoTo.INCIDENT, request.incident_id)


def test_a_payment_that_was_not_reported_is_found_by_its_refund(any_store: Store) -> None:
    """It is nobody's yet; once it is reported the same row leads to its account."""
    record_events(any_store, event_of(refund(), names=(CH,)))
    index_purchases([CH], any_store)
    (one,) = found("re_1", any_store)
    assert (one.kind, one.account_id, one.go_to) == (FoundKind.REFUND, None, GoTo.WHY)
    record_events(any_store, paid(), event_of(names=(PI, CH)))
    (one,) = found("re_1", any_store)
    assert (one.account_id, one.summary) == (ADA, "Refund of 5.00 USD: succeeded, of stripe:pi_1")
    assert index_purchases([CH], any_store) == index_purchases([PI], any_store), (
        "a pointer has the rows of its purchase"
    )


def test_rows_are_the_same_in_any_order_and_however_often_they_are_written(any_store: Store) -> None:
    """Each subscriber reads what stands."""
    bought(any_store)
    first, *others = [list(order) for order in permutations((CH, PI, PI))]
    for payment_id in first:
        index_purchases([payment_id], any_store)
    stored = sorted(map(str, [*any_store.named("re_1"), *any_store.named("AB12-001")]))
    for order in others:
        for payment_id in order:
            index_purchases([payment_id], any_store)
        assert sorted(map(str, [*any_store.named("re_1"), *any_store.named("AB12-001")])) == stored


def test_a_refund_is_found_however_many_events_that_were_parked_named_it(any_store: Store) -> None:
    """Their rows stay, and those of other kinds are read beside them."""
    bought(any_store)
    index_purchases([PI], any_store)
    row = IndexRow(kind=NameKind.PARKED, name="re_1", subject="", owner="stripe:cus_1")
    any_store.put_index_rows(replace(row, subject=f"stripe:evt_{number}") for number in range(MOST_FOUND))
    assert (FoundKind.REFUND, "stripe:re_1", ADA) in kinds("re_1", any_store)


def test_several_purchases_are_read_together(any_store: Store) -> None:
    """What one event names, pointers and what is not stored among it: each row once."""
    bought(any_store)
    others = [PaymentId(f"stripe:pi_{number}") for number in (7, 8)]
    record_events(any_store, *(paid(payment(name)) for name in others))
    assert index_purchases([PI, CH, *others, PaymentId("stripe:pi_unknown")], any_store) == 4 + 2
    assert [one.go_to_id for one in found("re_1", any_store)] == [ADA]
    rows = any_store.paid_between("USD", 2000, at(0), at(60))
    assert {row.subject for row in rows} == {PI, *others}


def test_a_row_of_a_newer_release_keeps_what_this_one_does_not_know(real_store: DynamoDBStore) -> None:
    """Written outside a transaction, it is an update all the same."""
    bought(real_store)
    index_purchases([PI], real_store)
    newer = {**row_of("re_1", real_store), "added_later": {"S": "x"}}
    real_store._calls.dispatch("PutItem", {"TableName": real_store._table, "Item": newer})  # noqa: SLF001
    index_purchases([PI], real_store)
    assert row_of("re_1", real_store) == newer


def test_two_subscribers_at_once_write_the_same_rows(real_store: DynamoDBStore) -> None:
    """On the engine of DynamoDB Local: a conflict is tried again."""
    bought(real_store)
    assert set(at_once([lambda: index_purchases([PI], real_store)] * 8)) == {4}
    assert len(list(real_store.named("re_1"))) == 1


def test_an_account_is_found_by_its_address_however_that_is_written(any_store: Store) -> None:
    """The address is in no row. One that was changed still leads to its account, and says so."""
    contact(any_store, "Ada@Example.com")
    index_contact(ADA, KEY, any_store)
    (one,) = found(" ada@example.COM ", any_store)
    assert (one.kind, one.account_id, one.matched) == (FoundKind.ACCOUNT, ADA, "e-mail address")
    assert one.summary == "Account with this e-mail address"
    rows = [*any_store.named(hash_of_address("ada@example.com", KEY))]
    assert "example" not in str(rows).lower()
    contact(any_store, "new@example.com", replaces=1)
    index_contact(ADA, KEY, any_store)
    assert [one.summary for one in found("ada@example.com", any_store)] == [
        "Account that had this e-mail address before"
    ]
    assert [one.account_id for one in found("new@example.com", any_store)] == [ADA]


def test_one_address_can_be_of_several_accounts(any_store: Store) -> None:
    """Both are found; under another key neither is."""
    for account_id in (ADA, BOB):
        contact(any_store, "shared@example.com", account_id)
        index_contact(account_id, KEY, any_store)
    assert {one.account_id for one in found("shared@example.com", any_store)} == {ADA, BOB}
    assert find_records("shared@example.com", searched(any_store, "another")) == []
    with pytest.raises(ValueError, match="key"):
        hash_of_address("shared@example.com", "")


def test_a_failed_run_is_found_by_its_id_and_by_its_day(any_store: Store) -> None:
    """The first and the last instant of a span are in it."""
    record_events(any_store, paid())
    for number in (1, 2, 3, 4):
        draw_credits(ADA, f"run_{number}", 10 * number, any_store, now=at(number))
    for number in (1, 2, 3):
        fail_run(ADA, f"run_{number}", any_store, now=at(60 * number))
        assert index_failed_run(ADA, f"run_{number}", at(60 * number), any_store) == 2
    (one,) = found("run_2", any_store)
    assert (one.kind, one.account_id, one.go_to) == (FoundKind.RUN, ADA, GoTo.WHY)
    failed = [(row.subject, row.amount, row.account_id) for row in any_store.failed_between(at(60), at(120))]
    assert failed == [("run_1", 10, ADA), ("run_2", 20, ADA)]
    assert [row.subject for row in any_store.failed_between(at(121), at(60 * 24))] == ["run_3"]
    fail_run(ADA, "run_4", any_store, now=at(60 * 48))
    assert index_failed_run(ADA, "run_4", at(60 * 48), any_store) == 2
    span = any_store.failed_between(at(180), at(60 * 48))
    assert [row.subject for row in span] == ["run_3", "run_4"], "each day between is read"


@pytest.mark.parametrize("hours", [-12, -5, 2, 14])
def test_a_span_is_the_same_in_every_time_zone(any_store: Store, hours: int) -> None:
    """Support writes a time with any offset. The days of the index are those of UTC."""
    zone = timezone(timedelta(hours=hours))
    record_events(any_store, paid())
    index_purchases([PI], any_store)
    draw_credits(ADA, "run_1", 10, any_store, now=NOON)
    for number in range(1, 24, 2):  # on the day before, and on the day after
        fail_run(ADA, f"run_{number}", any_store, now=at(60 * (number - 12)))
        index_failed_run(ADA, f"run_{number}", at(60 * (number - 12)), any_store)
    for first in range(-12, 12):
        span = (at(60 * first), at(60 * (first + 1)))
        own = [one.astimezone(zone) for one in span]
        assert [*any_store.failed_between(*own)] == [*any_store.failed_between(*span)] != []
        assert [*any_store.paid_between("USD", 2000, *own)] == [*any_store.paid_between("USD", 2000, *span)]


def test_a_run_id_of_two_accounts_finds_both(any_store: Store) -> None:
    """A run's id is its account's own: two customers can have failed runs of one id."""
    ben = AccountId("acct_ben")
    for account_id in (ADA, ben):
        record_events(any_store, paid(payment(PaymentId(f"stripe:pi_{account_id}"), account_id=account_id)))
        draw_credits(account_id, "run_1", 10, any_store, now=at(1))
        fail_run(account_id, "run_1", any_store, now=at(2))
        for _ in range(2):
            index_failed_run(account_id, "run_1", at(2), any_store)
    assert {(one.kind, one.account_id) for one in found("run_1", any_store)} == {
        (FoundKind.RUN, ADA),
        (FoundKind.RUN, ben),
    }
    assert [row.account_id for row in any_store.failed_between(at(1), at(3))] == [ADA, ben]


A_DAYS_LAST_MINUTE = 60 * 12 - 1 / 60_000_000
"""A microsecond before midnight, in minutes after noon."""


def test_payments_of_an_amount_are_listed_page_by_page(any_store: Store) -> None:
    """Of the day in UTC, oldest first; each is read again, so that a row without one says nothing."""
    ids = [PaymentId(f"stripe:pi_{number}") for number in range(7)]
    for number, payment_id in enumerate(ids):
        minute = number if number < 6 else A_DAYS_LAST_MINUTE
        record_events(any_store, paid(payment(payment_id, minute=minute, account_id=AccountId(f"acct_{number}"))))
        index_purchases([payment_id], any_store)
    record_events(
        any_store, paid(payment(IN, minute=60 * 12)), paid(payment(PaymentId("stripe:pi_x"), paid_minor=2001))
    )
    for payment_id in (IN, PaymentId("stripe:pi_x")):
        index_purchases([payment_id], any_store)
    seen, after, pages = [], None, 0
    while pages == 0 or after:
        page = find_payments(date(2026, 11, 1), 2000, "USD", searched(any_store), limit=3, after=after)
        seen += [one.found_id for one in page.items]
        after, pages = page.next, pages + 1
    assert (seen, pages) == (ids, 3)
    assert find_payments(date(2026, 11, 1), 2000, "EUR", searched(any_store), limit=3).items == ()
    assert [
        one.found_id for one in find_payments(date(2026, 11, 2), 2000, "USD", searched(any_store), limit=3).items
    ] == [IN]


def test_a_row_of_an_amount_that_the_payment_has_no_longer_leads_nowhere(any_store: Store) -> None:
    """An index lags: what the payment says counts."""
    record_events(any_store, paid(payment(paid_minor=2001)))
    row = IndexRow(kind=NameKind.AMOUNT, name="", subject=PI, payment_id=PI, at=at(0), amount=2000, currency="USD")
    any_store.put_index_rows([row])
    assert [one.subject for one in any_store.paid_between("USD", 2000, at(0), at(1), most=9)] == [PI]
    assert find_payments(date(2026, 11, 1), 2000, "USD", searched(any_store), limit=3).items == ()


@pytest.mark.parametrize("after", ["x", "2026-11-01T12:00:00 stripe:pi_1", "2026-11-02T12:00:00+00:00 stripe:pi_1"])
def test_a_page_that_is_of_another_search_is_refused(after: str) -> None:
    """No text of a client leads to another day."""
    with pytest.raises(InvalidRequest):
        find_payments(date(2026, 11, 1), 2000, "USD", searched(FakeStore()), limit=3, after=after)


def test_a_customers_receipts_are_read_page_by_page(any_store: Store) -> None:
    """However many there are, a search reads the first ones."""
    for number in range(5):
        record_events(any_store, paid(payment(PaymentId(f"stripe:pi_{number}")), event_id=f"evt_{number}"))
    page = any_store.receipts_page("stripe:cus_1", 3)
    assert [receipt.event_id for receipt in page.items] == ["evt_0", "evt_1", "evt_2"]
    rest = any_store.receipts_page("stripe:cus_1", 3, page.next)
    assert [receipt.event_id for receipt in rest.items] == ["evt_3", "evt_4"]


def test_a_customer_who_bought_for_two_accounts_leads_to_both(any_store: Store) -> None:
    """Whoever writes another buyer's address into a checkout pays as his customer."""
    record_events(any_store, paid(), paid(payment(IN, account_id=BOB)))
    assert kinds("cus_1", any_store) == [(FoundKind.CUSTOMER, "stripe:cus_1", one) for one in (ADA, BOB)]


def test_a_customer_whose_account_is_not_known_is_found_by_the_parked_events(any_store: Store) -> None:
    """Once, however many there are."""
    for number in (1, 2):
        event = event_of(refund(refund_id=f"re_{number}"), names=(PaymentId(f"stripe:pi_{number}"),))
        owned = replace(event, event_id=f"evt_{number}", owner=Owner(customer_id="stripe:cus_9"))
        record_events(any_store, owned)
    (one,) = found("cus_9", any_store)
    assert (one.kind, one.found_id, one.account_id) == (FoundKind.CUSTOMER, "stripe:cus_9", None)
    assert "it is not known whose" in one.summary


def test_a_search_costs_no_more_of_a_customer_with_many_receipts(new_store: Callable[[], FakeStore]) -> None:
    """The same reads for one as for a hundred."""

    def trips(number: int) -> int:
        store = new_store()
        for one in range(number):
            record_events(store, paid(payment(PaymentId(f"stripe:pi_{one}"), minute=one)))
        store.round_trips = 0
        assert found("cus_1", store)
        return store.round_trips

    assert trips(100) == trips(1) <= 6


@pytest.mark.parametrize("text", ["", " ", "x" * 201, "nothing", "stripe:", ":", "a/b", "#", "W-7K3F-9Q2M-4XNP"])
def test_what_names_nothing_finds_nothing(any_store: Store, text: str) -> None:
    """Whatever is typed in."""
    assert found(text, any_store) == []
