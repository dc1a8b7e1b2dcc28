"""Which domain events a change of each kind of item is, and which changes are none."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ledger.domain.declarations import DeclarationState
from ledger.domain.domain_events import (
    KINDS,
    AddressChanged,
    ApprovedRefundChanged,
    CustomerIdentified,
    DeclarationApproved,
    DeclarationConfirmed,
    DomainEvent,
    EventParked,
    IncidentBegun,
    MailListed,
    PaymentDisputed,
    PurchasesNamed,
    RefundIntentListed,
    RenewalStopListed,
    RunFailureRecorded,
    read_domain_event,
)
from ledger.domain.errors import UnreadableItem
from ledger.domain.facts import (
    BalanceCredited,
    ChargebackChanged,
    DisputeChanged,
    Fact,
    PaymentSettled,
    RefundAbandoned,
    RefundApproved,
    RefundChanged,
    RefundSent,
)
from ledger.domain.ids import PaymentId
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import RecordOutcome
from ledger.dynamodb import items, keys, stream
from ledger.ports.commit import PaymentPointer
from ledger.ports.documents import intent_key, listed_declaration_key, mail_intent_key, renewal_stop_key
from tests.unit.dynamodb.golden_items import (
    ADA,
    AT,
    DECLARATION,
    FACTS,
    FOLDER,
    INTENT,
    LISTED,
    MAIL_INTENT,
    PI,
    RECEIPT,
    STOP,
    SUBSCRIPTION,
)

Item = dict[str, Any]
SETTLED = replace(next(fact for fact in FACTS if isinstance(fact, PaymentSettled)), is_renewal=False)
APPROVED = next(fact for fact in FACTS if isinstance(fact, RefundApproved))
MOVING = [fact for fact in FACTS if isinstance(fact, RefundChanged | RefundSent | RefundAbandoned)]
RESTING = [fact for fact in FACTS if fact not in MOVING and not isinstance(fact, PaymentSettled)]
UNPAID_ORDER = json.loads((FOLDER / "order.json").read_text("utf-8"))
PAID_ORDER = UNPAID_ORDER | {"payment_id": {"S": "stripe:pi_1"}}
GOLDEN = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}


def change(new: Item | None, old: Item | None = None) -> stream.Record:
    """The stream's record of a change from one image to another."""
    name = "MODIFY" if new and old else "INSERT" if new else "REMOVE"
    images = {"NewImage": new, "OldImage": old}
    image = {key: one for key, one in images.items() if one is not None}
    return {"eventName": name, "dynamodb": {"Keys": keys.primary_key(new or old or {}), "SequenceNumber": "1", **image}}


def purchase(*facts: Fact, version: int = 1) -> Item:
    """A purchase's item."""
    return items.to_purchase(Purchase(payment_id=PI, facts={fact.key: fact for fact in facts}, version=version))


def contents(new: Item | None, old: Item | None = None) -> list[object]:
    """What the events of a change say, but those for the index of find and about disputes, which have their tests."""
    found = [event.content for event in stream.domain_events(change(new, old))]
    return [content for content in found if not isinstance(content, PurchasesNamed | PaymentDisputed)]


def named(new: Item | None, old: Item | None = None) -> list[object]:
    """What the events of a change say for the index of find."""
    found = [event.content for event in stream.domain_events(change(new, old))]
    of_index = (PurchasesNamed, AddressChanged, RunFailureRecorded, EventParked)
    return [content for content in found if isinstance(content, of_index)]


def the_event(kind: str, record: stream.Record) -> DomainEvent:
    """The one event of a kind that a change is."""
    (event,) = (one for one in stream.domain_events(record) if one.kind == kind)
    return event


IDENTIFIED = CustomerIdentified(customer_id="stripe:cus_1", account_id=SETTLED.account_id, payment_id=PI)


@pytest.mark.parametrize(
    ("new", "old", "is_news"),
    [
        (SETTLED, None, True),
        (replace(SETTLED, is_renewal=True), None, False),
        (replace(SETTLED, customer_id=None), None, False),
        (SETTLED, SETTLED, False),
        (SETTLED, replace(SETTLED, customer_id=None), True),
    ],
)
def test_a_first_payment_identifies_its_customer_once(
    new: PaymentSettled, old: PaymentSettled | None, is_news: bool
) -> None:
    """A renewal's customer was known before it; a payment that was known before is no news."""
    before = purchase(old) if old else None
    assert contents(purchase(new), before) == ([IDENTIFIED] if is_news else [])


@pytest.mark.parametrize("waiting", RESTING, ids=lambda fact: type(fact).__name__)
def test_a_payment_that_comes_after_its_facts_identifies_its_customer_too(waiting: Fact) -> None:
    """Its purchase was there before, without a payment."""
    assert IDENTIFIED in contents(purchase(SETTLED, waiting), purchase(waiting))


@pytest.mark.parametrize("fact", MOVING, ids=lambda fact: type(fact).__name__)
def test_a_fact_about_a_refund_of_a_purchase_with_an_approval_is_an_event(fact: Fact) -> None:
    """It is new, or has changed, or was there before the approval came from another purchase."""
    changed = ApprovedRefundChanged(payment_id=PI)
    whole = purchase(SETTLED, APPROVED, fact)
    assert contents(whole, purchase(SETTLED, APPROVED)) == [changed]
    assert contents(whole, purchase(SETTLED, APPROVED, replace(fact, cause="stripe:evt_0"))) == [changed]
    assert contents(whole, purchase(SETTLED, fact)) == [changed]
    assert contents(whole, whole) == []


NAMING = [
    fact for fact in FACTS if isinstance(fact, RefundChanged | DisputeChanged | ChargebackChanged | BalanceCredited)
]
NAMELESS = [fact for fact in FACTS if fact not in NAMING and not isinstance(fact, PaymentSettled)]
NAMED = PurchasesNamed(payment_ids=(PI,))


@pytest.mark.parametrize("fact", NAMING, ids=lambda fact: type(fact).__name__)
def test_a_purchase_that_gets_a_name_is_an_event_once(fact: Fact) -> None:
    """With its payment or before it; a new state of the same refund or dispute is nothing new to find."""
    assert named(purchase(fact)) == named(purchase(SETTLED, fact), purchase(SETTLED)) == [NAMED]
    assert named(purchase(SETTLED, fact), purchase(fact)) == [NAMED], "its payment is new"
    assert named(purchase(SETTLED, fact), purchase(SETTLED, replace(fact, cause="stripe:evt_0"))) == []


DISPUTED = next(fact for fact in FACTS if isinstance(fact, DisputeChanged))
DISPUTING = [fact for fact in FACTS if isinstance(fact, DisputeChanged | ChargebackChanged)]


def disputes_in(new: Item, old: Item | None = None) -> list[object]:
    """What the events of a change say about disputes."""
    found = [event.content for event in stream.domain_events(change(new, old))]
    return [content for content in found if isinstance(content, PaymentDisputed)]


@pytest.mark.parametrize("fact", DISPUTING, ids=lambda fact: type(fact).__name__)
def test_a_payment_that_is_disputed_is_an_event_once(fact: Fact) -> None:
    """A later state of the dispute is none, and neither is a dispute whose payment is not known yet."""
    assert disputes_in(purchase(SETTLED, fact), purchase(SETTLED)) == [PaymentDisputed(payment_id=PI)]
    assert disputes_in(purchase(SETTLED, fact)) == [PaymentDisputed(payment_id=PI)]
    assert disputes_in(purchase(SETTLED, fact), purchase(SETTLED, replace(fact, cause="stripe:evt_0"))) == []
    assert disputes_in(purchase(fact)) == disputes_in(purchase(SETTLED, *MOVING), purchase(SETTLED)) == []


@pytest.mark.parametrize("is_renewal", [True, False])
def test_a_payment_is_found_whatever_it_is_for(is_renewal: bool) -> None:
    """A renewal too; an earlier payment that takes its place has another time, and maybe another number."""
    settled = replace(SETTLED, is_renewal=is_renewal)
    assert named(purchase(settled)) == [NAMED]
    assert named(purchase(settled), purchase(settled)) == []
    assert named(purchase(replace(settled, invoice_number="INV-2")), purchase(settled)) == [NAMED]


@pytest.mark.parametrize("fact", NAMELESS, ids=lambda fact: type(fact).__name__)
def test_a_fact_without_an_id_of_its_own_gives_no_name(fact: Fact) -> None:
    """What leads to its purchase by its own key needs no row."""
    assert named(purchase(fact)) == named(purchase(SETTLED, fact), purchase(SETTLED)) == []


def test_an_address_is_an_event_when_it_is_another_one() -> None:
    """Not when mails to it fail. The event does not say the address."""
    contact = GOLDEN["contact"]
    changed = AddressChanged(account_id=ADA)
    assert named(contact) == named(contact, {**contact, "email": {"S": "other@example.com"}}) == [changed]
    assert named({**contact, "failure": {"S": "complaint"}}, contact) == named(None, contact) == []


def test_a_failed_run_is_an_event_when_it_is_stored() -> None:
    """Once."""
    failed = GOLDEN["failed_run"]
    assert named(failed) == [RunFailureRecorded(account_id=ADA, run_id="run_1", failed_at=AT)]
    assert named(failed, failed) == named(None, failed) == []


def test_an_event_is_found_once_it_is_parked() -> None:
    """Once: not for another reason, when it is muted, or when it is booked. What it says is not in the event."""
    parked = GOLDEN["receipt"]
    told = EventParked(owner="stripe:cus_1", parked_event_id="evt_1")
    assert named(parked) == [told]
    assert named({**parked, "parked_reason": {"S": "no_account"}}, parked) == []
    assert named({**parked, "muted_by": {"S": "mute_9"}}, parked) == []
    booked = items.to_receipt(replace(RECEIPT, parked_reason=None, body=None, outcome=RecordOutcome.BOOKED))
    assert named(booked, parked) == named(booked) == named(None, parked) == []
    assert named(parked, {**parked, "body_sha256": {"S": "9" * 64}}) == [told], "another body may name something else"


def test_an_incident_is_an_event_when_it_is_listed_as_running() -> None:
    """Once; its place in the list of all incidents is none."""
    running = GOLDEN["running_incident"]
    assert contents(running) == [IncidentBegun(incident_id="inc_1")]
    assert contents(running, running) == contents(None, running) == []


@pytest.mark.parametrize("fact", MOVING, ids=lambda fact: type(fact).__name__)
def test_a_refund_that_nobody_approved_is_none(fact: Fact) -> None:
    """No case of ours is about it."""
    assert contents(purchase(SETTLED, fact), purchase(SETTLED)) == []


@pytest.mark.parametrize("fact", RESTING, ids=lambda fact: type(fact).__name__)
def test_a_fact_that_moves_no_case_is_none(fact: Fact) -> None:
    """Nor does an approval: it is written with its case."""
    assert contents(purchase(SETTLED, APPROVED, fact), purchase(SETTLED)) == []


def test_a_purchase_that_becomes_a_pointer_is_none() -> None:
    """Its facts move to another purchase, whose change is the event."""
    pointer = items.to_pointer(PaymentPointer(name=PI, to=PaymentId("stripe:in_1"), account_id=SETTLED.account_id))
    assert contents(pointer, purchase(SETTLED, APPROVED, *MOVING)) == []
    assert contents(pointer) == []


def test_an_intent_is_an_event_when_it_is_listed_and_not_when_it_is_leased() -> None:
    """Nor when it leaves the outbox."""
    item = items.to_document(intent_key(INTENT.tag), INTENT)
    listed = RefundIntentListed(tag="case_1-1", account_id=INTENT.account_id, payment_id=INTENT.payment_id)
    assert contents(item) == [listed]
    assert contents({**item, "attempts": {"N": "3"}}, item) == []
    assert contents(None, item) == []


def test_a_stop_of_renewals_is_an_event_when_it_is_listed() -> None:
    """It names the stop whole: time and payment."""
    item = items.to_document(renewal_stop_key(STOP), STOP)
    (content,) = contents(item)
    assert content == RenewalStopListed(
        subscription_id=STOP.subscription_id, account_id=STOP.account_id, payment_id=STOP.payment_id, since=STOP.since
    )
    assert contents(None, item) == []


@pytest.mark.parametrize("state", DeclarationState)
def test_a_declaration_is_an_event_when_it_is_listed_as_confirmed_or_approved(state: DeclarationState) -> None:
    """In each of its states it is listed under another key. Nothing of what it says is in the event."""
    declaration = replace(DECLARATION, state=state)
    listed = replace(LISTED, state=state)
    item = items.to_document(listed_declaration_key(declaration), listed)
    of = {DeclarationState.CONFIRMED: DeclarationConfirmed, DeclarationState.APPROVED: DeclarationApproved}.get(state)
    assert contents(item) == ([of(declaration_id=DECLARATION.declaration_id)] if of else [])
    assert contents(None, item) == contents(item, item) == []


PUBLISHED = {"refund_intent", "renewal_stop", "purchase", "subscription", "listed_declaration", "mail_intent"}
PUBLISHED |= {"contact", "failed_run", "running_incident", "receipt"}


@pytest.mark.parametrize("name", sorted(GOLDEN.keys() - PUBLISHED))
def test_no_change_of_any_other_item_is_an_event(name: str) -> None:
    """Inserted, changed or removed."""
    item = GOLDEN[name]
    for new, old in ((item, None), (item, {**item, "schema": {"N": "0"}}), (None, item)):
        assert contents(new, old) == []


CHANGES: dict[str, Callable[[], stream.Record]] = {
    "CustomerIdentified": lambda: change(purchase(SETTLED)),
    "ApprovedRefundChanged": lambda: change(purchase(SETTLED, APPROVED, *MOVING), purchase(SETTLED, APPROVED)),
    "PaymentDisputed": lambda: change(purchase(SETTLED, DISPUTED), purchase(SETTLED)),
    "RefundIntentListed": lambda: change(items.to_document(intent_key(INTENT.tag), INTENT)),
    "RenewalStopListed": lambda: change(items.to_document(renewal_stop_key(STOP), STOP)),
    "DeclarationConfirmed": lambda: listed_as(DeclarationState.CONFIRMED),
    "DeclarationApproved": lambda: listed_as(DeclarationState.APPROVED),
    "OrderPaid": lambda: change(PAID_ORDER, UNPAID_ORDER),
    "MailListed": lambda: change(items.to_document(mail_intent_key(MAIL_INTENT.mail_id), MAIL_INTENT)),
    "PurchasesNamed": lambda: change(purchase(SETTLED)),
    "AddressChanged": lambda: change(GOLDEN["contact"]),
    "RunFailureRecorded": lambda: change(GOLDEN["failed_run"]),
    "EventParked": lambda: change(GOLDEN["receipt"]),
    "IncidentBegun": lambda: change(GOLDEN["running_incident"]),
}


def listed_as(state: DeclarationState) -> stream.Record:
    """The record of a declaration that has reached a state."""
    key = listed_declaration_key(replace(DECLARATION, declaration_id="C_1", state=state))
    return change(items.to_document(key, replace(LISTED, declaration_id="C_1", state=state)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_change_is_the_same_event_and_another_one_is_not(kind: str) -> None:
    """Whatever the record is called, and however often it is delivered."""
    record = CHANGES[kind]()
    event = the_event(kind, record)
    again = copy.deepcopy(dict(record)) | {"eventID": "another"}
    assert the_event(kind, again) == event
    other = json.loads(json.dumps(record).replace("_1", "_9"))
    other["dynamodb"]["NewImage"].get("version", {})["N"] = "77"
    changed = the_event(kind, other)
    assert changed.event_id != event.event_id


EVENT_IDS = {
    "CustomerIdentified": "customer_identified/stripe:cus_1/acct_ada/stripe:pi_1",
    "ApprovedRefundChanged": "approved_refund_changed/stripe:pi_1/2",
    "PaymentDisputed": "payment_disputed/stripe:pi_1/2",
    "RefundIntentListed": "refund_intent_listed/case_1-1",
    "RenewalStopListed": "renewal_stop_listed/2026-11-01T12:00:00.000000Z/stripe:in_1",
    "DeclarationConfirmed": "declaration_confirmed/C_1",
    "DeclarationApproved": "declaration_approved/C_1",
    "OrderPaid": "order_paid/ord_1",
    "MailListed": f"mail_listed/{MAIL_INTENT.mail_id}",
    "PurchasesNamed": "purchases_named/stripe:pi_1/2",
    "AddressChanged": "address_changed/acct_ada/2",
    "RunFailureRecorded": "run_failed/acct_ada/run_1",
    "EventParked": f"event_parked/stripe:evt_1/{'0' * 64}",
    "IncidentBegun": "incident_begun/inc_1",
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_names_its_kind_and_all_that_tells_it_from_another(kind: str) -> None:
    """A subscriber that keeps ids to know what it has had takes no other event for one of them."""
    assert the_event(kind, CHANGES[kind]()).event_id == EVENT_IDS[kind]


@pytest.mark.parametrize(
    ("kind", "correlation_id"),
    [
        ("CustomerIdentified", "stripe:evt_1"),
        ("ApprovedRefundChanged", "case_1"),
        ("PaymentDisputed", "stripe:evt_5"),
        ("RefundIntentListed", "case_1"),
        ("RenewalStopListed", "stripe:evt_1"),
        ("DeclarationConfirmed", "C_1"),
        ("DeclarationApproved", "C_1"),
        ("OrderPaid", "ord_1"),
        ("MailListed", "ord_1"),
        ("PurchasesNamed", "stripe:evt_1"),
        ("AddressChanged", "acct_ada"),
        ("RunFailureRecorded", "run_1"),
        ("EventParked", "stripe:evt_1"),
    ],
)
def test_an_event_carries_the_correlation_id_of_what_it_is_part_of(kind: str, correlation_id: str) -> None:
    """The case's, or the delivery's. A refund without our tag belongs to its delivery."""
    event = the_event(kind, CHANGES[kind]())
    assert event.correlation_id == correlation_id
    untagged = replace(next(fact for fact in MOVING if isinstance(fact, RefundChanged)), tag=None)
    record = change(purchase(SETTLED, APPROVED, untagged), purchase(SETTLED, APPROVED))
    assert the_event("ApprovedRefundChanged", record).correlation_id == "stripe:evt_3"


def test_a_listed_mail_is_named_by_its_own_id() -> None:
    """The queue's function sends the mail of this id."""
    event = the_event("MailListed", CHANGES["MailListed"]())
    assert event.content == MailListed(mail_id=MAIL_INTENT.mail_id)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_published_is_read_back(kind: str) -> None:
    """Through JSON, as the bus delivers it."""
    event = the_event(kind, CHANGES[kind]())
    delivered = json.loads(json.dumps({"source": "x", "detail-type": event.kind, "detail": event.detail}))
    assert read_domain_event(delivered) == event
    delivered["detail"]["data"]["of_a_newer_release"] = 1
    assert read_domain_event(delivered) == event


OF_CUSTOMER = CustomerIdentified(customer_id="stripe:cus_1", account_id=ADA)


@pytest.mark.parametrize(
    ("changes", "is_published"),
    [
        ({}, True),
        ({"outcome": RecordOutcome.BOOKED}, False),
        ({"outcome": RecordOutcome.BOOKED, "event_type": "customer.subscription.created"}, False),
        ({"account_id": None}, False),
        ({"customer_id": None}, False),
    ],
)
def test_a_session_says_whose_its_customer_is(changes: dict[str, Any], *, is_published: bool) -> None:
    """An invoice that came before it waits for that. Purchases and subscriptions say it by themselves."""
    receipt = replace(RECEIPT, parked_reason=None, body=None, outcome=RecordOutcome.NOTED, account_id=ADA)
    receipt = replace(receipt, **{"customer_id": "stripe:cus_1", "correlation_id": "case_1", **changes})
    published = stream.domain_events(change(items.to_receipt(receipt)))
    assert [event.content for event in published] == ([OF_CUSTOMER] if is_published else [])
    assert contents(items.to_receipt(receipt), items.to_receipt(receipt)) == []
    for event in published:
        assert event.correlation_id == receipt.correlation_id
        assert event.event_id == f"customer_identified/stripe:cus_1/{ADA}/{receipt.cause}"
        assert "payment_id" not in event.detail["data"]
        assert read_domain_event({"detail-type": event.kind, "detail": event.detail}) == event


@pytest.mark.parametrize(
    ("changes", "published"), [({}, (1, 0)), ({"account_id": None}, (0, 1)), ({"customer_id": None}, (0, 0))]
)
def test_the_first_event_of_a_subscription_says_whose_its_customer_is(
    changes: dict[str, Any], published: tuple[int, int]
) -> None:
    """Whichever event it is. A later state says nothing new, unless the first one named no account."""
    known = replace(SUBSCRIPTION, account_id=ADA, customer_id="stripe:cus_1", version=1)
    first, later = (items.to_subscription(one) for one in (replace(known, **changes), replace(known, version=2)))
    assert (contents(first), contents(later, first)) == ([OF_CUSTOMER] * published[0], [OF_CUSTOMER] * published[1])
    for event in stream.domain_events(change(first)):
        assert event.correlation_id == known.cause
        assert event.event_id == f"customer_identified/stripe:cus_1/{ADA}/{known.subscription_id}"


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_that_is_spoilt_is_refused(kind: str) -> None:
    """Another kind or version, or a field that is missing, empty or no text."""
    event = the_event(kind, CHANGES[kind]())
    fine = {"detail-type": event.kind, "detail": event.detail}
    spoilt: list[dict[str, Any]] = [{}, {**fine, "detail-type": "Other"}, {**fine, "detail": None}]
    spoilt += [{**fine, "detail": {**event.detail, "version": version}} for version in (0, 2, "1", None)]
    wrong: object
    for name in event.detail["data"]:
        for wrong in (None, "", 1, {}):
            spoilt.append({**fine, "detail": {**event.detail, "data": {**event.detail["data"], name: wrong}}})
        less = {key: one for key, one in event.detail["data"].items() if key != name}
        if (kind, name) != ("CustomerIdentified", "payment_id"):  # an event that books nothing has none
            spoilt.append({**fine, "detail": {**event.detail, "data": less}})
    for name in {"since", "failed_at"} & event.detail["data"].keys():
        naive = {**event.detail["data"], name: "2026-11-01T12:00:00"}
        spoilt.append({**fine, "detail": {**event.detail, "data": naive}})
    for one in spoilt:
        with pytest.raises(ValueError, match="no domain event"):
            read_domain_event(one)


def test_a_fact_of_a_newer_release_is_no_obstacle() -> None:
    """During a rolling deploy its purchases pass by: what this release knows of them is published."""
    item = purchase(SETTLED)
    item["facts"]["M"]["new:1"] = {"M": {"is": {"S": "of_tomorrow"}}}
    assert contents(item) == [IDENTIFIED]


def test_a_record_of_another_format_is_refused() -> None:
    """Its event can't be told: it is retried, and then kept as a dead letter."""
    item = items.to_document(intent_key(INTENT.tag), INTENT)
    with pytest.raises(UnreadableItem):
        stream.domain_events(change({**item, "schema": {"N": "99"}}))
    with pytest.raises(ValueError, match="no item has the key"):
        stream.domain_events(change({"pk": {"S": "ODD#1"}, "sk": {"S": "ODD"}}))
