"""The invariants about cases: each holds over what the use-cases write, and says so when it is broken."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from ledger.domain.facts import RefundApproved, RefundState, facts_of
from ledger.domain.holds import Hold
from ledger.domain.ids import PaymentId
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Receipt, RecordOutcome
from ledger.domain.refund_cases import CaseState, DecisionOutcome, QueuedCase, RefundReason
from ledger.dynamodb import items
from ledger.ports.documents import DocumentKey, DocumentKind
from ledger.usecases.holds import place_hold
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.send_refunds import send_refund
from ledger.usecases.usage import draw_credits, fail_run
from tools.testing.builders import (
    ADA,
    IN,
    LATER,
    PI,
    POLICY,
    RENEWED,
    at,
    event_of,
    paid,
    payment,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeProvider, FakeStore, world
from tools.testing.ledgers import LEDGERS
from tools.testing.planting import lawful
from tools.testing.unguarded import decide_case
from tools.verify import World, as_json, check

SECOND, THIRD = PaymentId("stripe:pi_2"), PaymentId("stripe:pi_3")


def lived() -> FakeStore:
    """A ledger with a case in every state: of the renewal approved, of the packs in review, settled, and so on."""
    store, provider = FakeStore(), FakeProvider()
    record_events(store, paid(), paid(payment(SECOND)), paid(payment(THIRD)), paid(RENEWED))
    request_refund(store, refund_claim(RefundReason.MISTAKEN_RENEWAL, payment_id=IN, key="approved"))
    request_refund(store, refund_claim(RefundReason.UNRECOGNISED_CHARGE, key="in review"))
    for number, (name, verdict) in enumerate(
        (
            (PI, ReviewDecision(outcome=DecisionOutcome.APPROVE, words=("Yes.",), clause="6", money_minor=500)),
            (SECOND, ReviewDecision(outcome=DecisionOutcome.REPLACE, words=("These.",), clause="6", credits=100)),
            (THIRD, ReviewDecision(outcome=DecisionOutcome.DECLINE, words=("No.",), clause="2")),
        )
    ):
        case = request_refund(store, refund_claim(payment_id=name, key=f"decided {number}"))
        case = decide_case(case.case_id, verdict, "sam", store, POLICY, now=at(70))
        if verdict.outcome is DecisionOutcome.APPROVE:
            send_refund(case.tag, store, lambda _: provider, clock=lambda: at(80))
            record_events(store, event_of(provider.move_refund_to(RefundState.SUCCEEDED), names=(PI,)))
            follow(PI, store, now=LATER)
    draw_credits(ADA, "run_1", 10, store, now=at(90))
    fail_run(ADA, "run_1", store, now=at(91))
    place_hold("support:cards", ADA, "sam", store, why="three cards", now=at(92))
    return store


def broken(whole: World) -> list[str]:
    """The invariants that do not hold."""
    return [finding.invariant for finding in check(whole) if finding.broken]


def test_what_the_use_cases_write_breaks_nothing() -> None:
    """And every invariant about cases was really checked over something."""
    findings = check(world(lived()))
    assert not [finding for finding in findings if finding.broken]
    assert {case.state for case in world(lived()).cases.values()} == {
        *(CaseState.APPROVED, CaseState.IN_REVIEW, CaseState.REFUNDED, CaseState.REPLACED, CaseState.DECLINED)
    }
    assert min(finding.checked for finding in findings if "case" in finding.invariant) > 0


@pytest.mark.parametrize("name", LEDGERS)
def test_a_lawful_ledger_breaks_nothing(name: str) -> None:
    """Whatever has happened in it."""
    assert broken(lawful(name)) == []


def test_each_invariant_finds_something_to_check() -> None:
    """In one of the ledgers at least. The first three are about items: these ledgers were never stored as such."""
    checked = [[finding.checked for finding in check(lawful(name))] for name in LEDGERS]
    assert min(map(sum, [*zip(*checked, strict=True)][3:])) > 0


INVARIANTS = """\
Every item can be read by this release
What is written whole is as it was written: receipts, entries, runs, documents, the terms of orders
Every key and index attribute follows from its item
An account's balance is the sum of its entries
A lot's figures are the sums of its entries by counter-account, and it is frozen and reserved as they say
Every purchase is granted exactly once, every duplicate never; goodwill has a case, an act or an incident
Every lot is what its purchase's facts say: granted, taken back, owed, frozen
No lot has a figure below 0 or gave more than was granted
No payment was refunded by more than was paid, what is approved included
An account is suspended exactly by the holds that its purchases' facts or people give, and flagged by facts
Every hold that a person lifted, and every amount that a person stated, is a fact with its audit record
An account lists each of its subscriptions as it stands, and what counts of an instant is what its events say
An account names the payment of each period that the payment of an order covers, and no other
No entry is of a later version of its account than the stored one, and entries of one version are of one time
Every entry is one balanced posting: its kind fits its counter-account and its sign
Every entry has the time of its cause, and if its credits expire, the time at which its lot expires
Where all money of an order, a period or a payment went back, none of its credits are left
Each fulfilment key lists its payments, the earliest first; all but the first are duplicates
No period of a subscription is granted by two payments
Every name of a purchase leads to it, and every pointer to purchases that know its name
An order has the terms that were agreed, its checkout leads back to it, and its payment is for its product
A payment for an order is locked as its terms say, and unlocked exactly by the order's complete consent
Each mail about the right of withdrawal was asked for by a person, and sent and came back as is recorded
Renewals are stopped only after a dispute, a withdrawal or a cancellation of a payment of that subscription
Every run drew what its entries say, when it says; what failed came back and is listed
A parked event is kept whole, with its reason; no other receipt keeps a body
Every fact, entry and subscription has a cause that is stored: an event's receipt, a case, a run, an act
Every fact is as its event reported it, and what an event reported is there, or a later fact about it
A subscription is as the latest events reported it: each of its last instant, and no later one
Every receipt, entry and refund case has the correlation id of the event, request, job or case that wrote it
Every approval of a case is a fact of its purchase, every decline by a person too, and no other is one
A withdrawal, and that a customer wrote, are facts as their case says so
Exactly the approved cases lie in the outbox, each with the approval that is to be sent
Exactly the open cases are marked on their accounts
A case waits exactly once where its state says: for a person, or for its time; and support finds every case
A case is settled exactly if its refund has succeeded
A case's history leads without a gap from its opening to its state, and what a person did of it is on record
A case's decision is the one that its history tells, and the one that its purchase has as a fact
Credits replace the money of a withdrawal only where the customer agreed, and how is on record
A proposal waits exactly as long as no second person has settled it, and who did what about it is on record
What single persons moved of an account in a month is what their acts on record say
An adjustment moved as many credits as its act on record says: into a lot of its own, or out of such lots
What was answered under an Idempotency-Key is there, that account's; each case and order has its record
A parked event is muted only while the mute of its kind is in force, and who muted it is on record
What a person did about a parked event is on record under the event, and what that says was done
What a person did about a declaration without a login is on record under it, with the reason
A declaration is listed by its state exactly while something is left to be done, and what it opened is there
A credit note is of a refund of its payment, with its amount, and its refund leads to it and to no other
Each refund that succeeded, of a sale of ours, has its credit note, or its payment waits for it
What an account got from an incident is what those of its failed runs had cost that name the incident
An incident gives what its shares say and no more than was agreed, is listed as it stands, and is on record
"""


def test_the_invariants_are_checked_in_this_order() -> None:
    """What makes the rest unreadable comes first, then what money and credits are, then cases and records."""
    assert [finding.invariant for finding in check(World())] == INVARIANTS.splitlines()
    assert {finding.checked for finding in check(World())} == {0}


def test_what_is_broken_is_named_once_and_in_order() -> None:
    """However many there are, and however often a rule looked at each."""
    names = [f"item {number:02}" for number in range(30)]
    readable, *_ = check(World(is_readable=dict.fromkeys(names[::-1], False)))
    assert (readable.checked, readable.broken) == (30, tuple(names))
    whole = lawful("used")
    whole.runs[0] = replace(whole.runs[0], failed_at=None)
    (drawn,) = (finding for finding in check(whole) if finding.broken)
    assert drawn.broken == ("run_1",)


def test_each_check_is_of_what_is_stored_then() -> None:
    """Nothing that was computed for an earlier check is used again."""
    whole = lawful("used")
    assert broken(whole) == []
    whole.payments.pop(SECOND)
    assert "Every purchase is granted exactly once" in " ".join(broken(whole))


def _of_no_time_in_utc(whole: World) -> None:
    in_review = (case for case in whole.cases.values() if case.state is CaseState.IN_REVIEW)
    case = next(case for case in in_review if case.due_by is None)  # its place is that of its opening
    last_second = datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-1)))
    whole.cases[case.case_id] = replace(case, opened_at=last_second)


def _without_an_owner(whole: World) -> None:
    key = next(iter(whole.idempotency_records))
    whole.idempotency_records[key._replace(parts=())] = whole.idempotency_records.pop(key)


def _without_a_route(whole: World) -> None:
    key = next(iter(whole.idempotency_records))
    whole.idempotency_records[key._replace(parts=key.parts[:2])] = whole.idempotency_records.pop(key)


@pytest.mark.parametrize(
    ("change", "says_so", "error"),
    [
        (_of_no_time_in_utc, "A case waits exactly once", "OverflowError: "),
        (_without_an_owner, "Every receipt, entry and refund case has", "IndexError: "),
        (_without_an_owner, "What was answered under an Idempotency-Key", "ValueError: "),
        (_without_a_route, "Every receipt, entry and refund case has", "TypeError: "),
    ],
)
def test_what_cannot_be_computed_breaks_its_rule_and_stops_no_other(
    change: Callable[[World], None], says_so: str, error: str
) -> None:
    """The rule says why."""
    whole = lawful("requested")
    change(whole)
    findings = check(whole)
    assert len(findings) == len(INVARIANTS.splitlines())
    (found,) = (finding for finding in findings if finding.invariant.startswith(says_so))
    assert [name for name in found.broken if name.startswith(f"can't be checked: {error}")]


def test_programs_read_the_same() -> None:
    """`holds` is none where there was nothing to check, and false as soon as one invariant is broken."""
    assert as_json(check(World()))["holds"] is None
    assert as_json(check(lawful("used")))["holds"] is True
    findings = check(World(is_readable={"a / b": False, "c / d": True}))
    told = as_json(findings)
    assert told["holds"] is False
    assert told["invariants"][0] == {
        "invariant": "Every item can be read by this release",
        "checked": 2,
        "broken": ["a / b"],
        "more": 0,
    }
    assert [one["invariant"] for one in told["invariants"]] == INVARIANTS.splitlines()


def _without_fact(kind: str) -> Callable[[World], None]:
    def change(whole: World) -> None:
        for name, item in whole.payments.items():
            if isinstance(item, Purchase):
                facts = {key: fact for key, fact in item.facts.items() if not key.startswith(kind)}
                whole.payments[name] = replace(item, facts=facts)

    return change


def _case(whole: World, before: CaseState, after: CaseState) -> None:
    (case,) = (case for case in whole.cases.values() if case.state is before)
    whole.cases[case.case_id] = replace(case, state=after)


def _unmarked(whole: World) -> None:
    whole.accounts[ADA] = replace(whole.accounts[ADA], cases=dict(list(whole.accounts[ADA].cases.items())[1:]))


def _queued_twice(whole: World) -> None:
    key, waiting = next((k, w) for k, w in whole.queued_cases.items() if k.kind is DocumentKind.REVIEW_QUEUE)
    whole.queued_cases[key._replace(parts=("", *key.parts[1:]))] = waiting


def _lost_from_queue(whole: World) -> None:
    del whole.queued_cases[next(key for key in whole.queued_cases if key.kind is DocumentKind.REVIEW_QUEUE)]


def _ghost(whole: World) -> None:
    ghost = QueuedCase(case_id="case_0", account_id=ADA, since=LATER)
    whole.queued_cases[DocumentKey(DocumentKind.DEFERRED_QUEUE, ("case_0",))] = ghost


def _uncorrelated(nouns: str) -> Callable[[World], None]:
    def change(whole: World) -> None:
        stored = getattr(whole, nouns)
        stored[-1] = replace(stored[-1], correlation_id="")

    return change


def _case_without_correlation(whole: World) -> None:
    case_id, case = next(iter(whole.cases.items()))
    whole.cases[case_id] = replace(case, correlation_id="")


def _held_by_nobody(whole: World) -> None:
    holds = {**whole.accounts[ADA].holds, "support:other": Hold(LATER, None)}
    whole.accounts[ADA] = replace(whole.accounts[ADA], holds=holds)


@pytest.mark.parametrize(("minute", "is_fine"), [(59, False), (61, True)])
def test_what_the_provider_refunds_by_itself_counts_for_what_is_approved_later(minute: int, is_fine: bool) -> None:
    """An approval in the outbox is given up when it does not fit any more; it had to fit when it was made."""
    says_so = "No payment was refunded by more"
    whole = world(lived())
    item = whole.payments[IN]
    assert isinstance(item, Purchase)
    whole.payments[IN] = item.with_facts(refund(2000, refund_id="re_besides", minute=minute))  # approved at minute 60
    assert (not [invariant for invariant in broken(whole) if invariant.startswith(says_so)]) is is_fine
    whole.intents.clear()
    assert [invariant for invariant in broken(whole) if invariant.startswith(says_so)], "once sent it is too much"


@pytest.mark.parametrize(("card_minor", "is_fine"), [(2300, True), (None, False)])
def test_a_card_that_paid_an_older_debt_too_can_have_all_of_it_back(card_minor: int | None, *, is_fine: bool) -> None:
    """Its payment was worth less than what the card paid."""
    store = FakeStore()
    settled = replace(payment(PI, paid_minor=2000), card_minor=card_minor)
    record_events(store, paid(settled), event_of(refund(2300)))
    assert (broken(world(store)) == []) is is_fine


def _approved_too_much(whole: World) -> None:
    item = whole.payments[IN]
    assert isinstance(item, Purchase)
    (approval,) = facts_of(item.facts, RefundApproved)
    more = replace(approval, amount_minor=2001)
    whole.payments[IN] = replace(item, facts={**item.facts, more.key: more})


@pytest.mark.parametrize(
    ("change", "says_so"),
    [
        (_without_fact("approved:"), "Every approval of a case is a fact"),
        (_without_fact("declined:"), "Every approval of a case is a fact"),
        (lambda whole: whole.cases.clear(), "Every approval of a case is a fact"),
        (lambda whole: whole.intents.clear(), "Exactly the approved cases lie in the outbox"),
        (lambda whole: _case(whole, CaseState.APPROVED, CaseState.ISSUED), "Exactly the approved cases lie"),
        (_unmarked, "Exactly the open cases are marked"),
        (lambda whole: _case(whole, CaseState.IN_REVIEW, CaseState.DECLINED), "Exactly the open cases are marked"),
        (_queued_twice, "A case waits exactly once"),
        (_lost_from_queue, "A case waits exactly once"),
        (_ghost, "A case waits exactly once"),
        (lambda whole: _case(whole, CaseState.REFUNDED, CaseState.ISSUED), "A case is settled exactly if"),
        (_without_fact("refund:"), "A case is settled exactly if"),
        (lambda whole: _case(whole, CaseState.REPLACED, CaseState.DECLINED), "Every purchase is granted exactly once"),
        (lambda whole: whole.audit_records.clear(), "An account is suspended exactly by"),
        (_held_by_nobody, "An account is suspended exactly by"),
        (lambda whole: whole.failed_runs.clear(), "Every run drew"),
        (lambda whole: whole.failed_runs.append(whole.failed_runs[0]), "Every run drew"),
        (_approved_too_much, "No payment was refunded by more"),
        (_uncorrelated("receipts"), "Every receipt, entry and refund case has the correlation id"),
        (_uncorrelated("entries"), "Every receipt, entry and refund case has the correlation id"),
        (_case_without_correlation, "Every receipt, entry and refund case has the correlation id"),
        (lambda whole: whole.cases.clear(), "What was answered under an Idempotency-Key"),
    ],
)
def test_a_broken_invariant_is_named(change: Callable[[World], object], says_so: str) -> None:
    """Each in its own words; none of them is blind."""
    whole = world(lived())
    change(whole)
    assert [invariant for invariant in broken(whole) if invariant.startswith(says_so)]


@pytest.mark.parametrize(
    ("route", "is_right"),
    [
        ("refund-requests", True),
        ("withdrawals", True),
        ("support/refund-cases", True),
        ("orders", False),
        ("decisions", False),
        ("of-no-api", False),
    ],
)
def test_the_record_of_each_route_is_held_to_what_its_request_created(route: str, is_right: bool) -> None:
    """A case's record is of a route that opens cases, of the case's own account, request and time."""
    says_so = "What was answered under an Idempotency-Key"
    store = FakeStore()
    record_events(store, paid())
    request_refund(store, replace(refund_claim(key="mine"), route=route))
    assert (says_so not in " ".join(broken(world(store)))) is is_right

    def is_seen(**changes: object) -> bool:
        whole = world(store)
        ((key, record),) = whole.idempotency_records.items()
        whole.idempotency_records[key] = replace(record, **changes)  # type: ignore[arg-type]
        return says_so in " ".join(broken(whole))

    assert is_seen(subject="case_0")
    assert is_seen(at=LATER)
    for parts in (("acct_eve", route, "mine"), (ADA, route, "another")):
        whole = world(store)
        ((key, record),) = whole.idempotency_records.items()
        whole.idempotency_records = {key._replace(parts=parts): record}
        assert says_so in " ".join(broken(whole))


@pytest.mark.parametrize(
    "spoilt",
    [
        {"schema": {"N": "99"}},
        {"outcome": {"S": "an outcome of a newer release"}},
        {"pk": {"S": "NOTHING#of-ours"}},
        {"received_at": {"S": "no time"}},
    ],
    ids=["schema", "state", "key", "time"],
)
def test_an_item_that_cannot_be_read_is_reported_and_stops_nothing(spoilt: dict[str, object]) -> None:
    """Every other invariant is still checked, over the items that can be read."""
    receipt = Receipt(
        provider="stripe",
        event_id="evt_1",
        event_type="charge.refunded",
        occurred_at=at(0),
        received_at=at(1),
        outcome=RecordOutcome.NOTED,
        body_sha256="0" * 64,
        correlation_id="stripe:evt_1",
    )
    item = items.to_receipt(receipt)
    stored = World()
    stored.add(item)
    stored.add({**item, "sk": {"S": "evt_2"}, **spoilt})
    findings = {finding.invariant: finding for finding in check(stored)}
    readable = findings["Every item can be read by this release"]
    assert (readable.checked, len(readable.broken)) == (2, 1)
    assert "evt_2" in readable.broken[0]
    assert findings["A parked event is kept whole, with its reason; no other receipt keeps a body"].checked == 1
