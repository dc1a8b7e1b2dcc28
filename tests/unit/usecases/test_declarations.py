"""Withdrawals and cancellations without a login: nobody fails, and nobody ends a stranger's contract."""

import re
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from ledger.domain.audit import AuditAction
from ledger.domain.contacts import Contact
from ledger.domain.declarations import (
    BY_LINK,
    BY_SILENCE,
    Channel,
    Declaration,
    DeclarationKind,
    DeclarationState,
    ReviewCause,
    Submission,
)
from ledger.domain.errors import NotFound, RequestRefused
from ledger.domain.events import Event, Owner
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.mails import MailKind, mail_id_of
from ledger.domain.refund_cases import CaseState, RefundCase, RefundReason, SubmittedEvidence
from ledger.domain.subjects import subject_of_declaration
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.ports.commit import Commit, DocumentChange, Refusal
from ledger.ports.documents import DocumentKind, contact_key
from ledger.ports.reads import Keys, Snapshot
from ledger.usecases.declarations.answer import approve, issue_links, linked_declaration, object_to
from ledger.usecases.declarations.change import change_declaration, read_declaration
from ledger.usecases.declarations.find_contract import MOST_NAMES, Contract, find_contract
from ledger.usecases.declarations.follow import (
    MOST_OF_A_SOURCE,
    MOST_OF_AN_ADDRESS,
    declarations_to_follow,
    follow,
    unacknowledged_since,
)
from ledger.usecases.declarations.mails import (
    MOST_RECEIPTS,
    acknowledged_before,
    record_acknowledgement,
    record_notice,
)
from ledger.usecases.declarations.review import NamedContract, carry_out, close, record_forwarding
from ledger.usecases.declarations.submit import confirm, declare, submit
from ledger.usecases.refund_cases.cases import read_case
from ledger.usecases.refund_cases.open_case import WITHDRAWALS_ROUTE, open_case
from ledger.usecases.send_mails import MailResult, send_mail
from ledger.usecases.usage import draw_credits
from ledger.usecases.write_mails import write_mail
from tests.unit.usecases.test_consents import Interrupted
from tests.unit.usecases.test_sending_mails import Postbox, desk
from tools.testing.builders import (
    ADA,
    CONSENT,
    NOON,
    PI,
    POLICY,
    RENEWED,
    at,
    ordered,
    paid,
    payment,
    record_events,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeStore, world
from tools.verify import check

PROVIDERS = ("stripe", "paddle")
DAY = timedelta(days=1)
SUBSCRIPTION = "stripe:sub_1234"
WITHDRAWAL = Submission(
    kind=DeclarationKind.WITHDRAWAL,
    name="Ada Lovelace",
    contract="order ord_1234, please",
    email="ada@example.com",
    language="en",
    statement="I withdraw from this contract: order ord_1234, please",
    source="0123456789abcdef",
)
BY_API = replace(WITHDRAWAL, channel=Channel.API)
CANCELLATION = replace(WITHDRAWAL, kind=DeclarationKind.CANCELLATION, contract="sub_1234")


@pytest.fixture
def store() -> Iterator[FakeStore]:
    """A ledger with a pack of Ada's, that she ordered, and her monthly plan. Every invariant holds in the end."""
    store = FakeStore()
    _sell(store)
    yield store
    assert not [one for one in check(world(store)) if one.broken]


def _sell(store: FakeStore) -> None:
    settled = ordered(store, "ord_1234", consent=CONSENT)
    record_events(store, paid(settled))
    plan = replace(RENEWED, subscription_id=SUBSCRIPTION, fulfilment_key=f"period/{SUBSCRIPTION}/2026-11-01T00:00:00Z")
    record_events(store, paid(plan))
    _add_subscription(store)


def _add_subscription(
    store: FakeStore,
    *,
    minute: float = 0,
    status: SubscriptionStatus = SubscriptionStatus.ACTIVE,
    cancel_at: datetime | None = None,
) -> None:
    running = Subscription(
        subscription_id=SUBSCRIPTION,
        status=status,
        at=at(minute),
        cause=f"stripe:evt_sub_{minute}",
        period_end=NOON + 30 * DAY,
        cancel_at=cancel_at,
    )
    event = Event(
        provider="stripe",
        event_id=f"evt_sub_{minute}",
        event_type="customer.subscription.updated",
        at=at(minute),
        owner=Owner(account_id=ADA, customer_id="stripe:cus_1"),
        subscription=running,
    )
    record_events(store, event)


def submitted(store: FakeStore, submission: Submission = WITHDRAWAL, *, form: str = "form", minute: float = 60) -> str:
    """Submit a declaration on the page. Return its id."""
    return submit(submission, form, store, now=at(minute)).declaration_id


def followed(store: FakeStore, name: str, now: datetime = NOON + DAY / 2) -> Declaration:
    """Follow a declaration at a time."""
    return follow(name, store, POLICY, PROVIDERS, now=now)


def waiting(store: FakeStore, submission: Submission = WITHDRAWAL) -> str:
    """Submit a declaration, find its contract, and mail the links `yes` and `no`. Return its id."""
    name = submitted(store, submission)
    assert followed(store, name).state is DeclarationState.MATCHED
    issue_links(name, "yes", "no", store)
    record_notice(name, store, at=at(65))
    return name


def case_of(store: FakeStore, declaration: Declaration) -> RefundCase:
    """The refund case that a declaration has opened."""
    return read_case(ADA, declaration.case_id or "", store)


# ── The two steps ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_draft_has_no_effect_before_its_second_step(store: FakeStore) -> None:
    """It is in no list, and nothing follows it."""
    draft = declare(BY_API, "token", store, now=at(60))
    assert draft.state is DeclarationState.DRAFT
    assert list(declarations_to_follow(store)) == []
    assert followed(store, draft.declaration_id).state is DeclarationState.DRAFT


def test_the_second_step_counts_from_its_first_time_however_often_it_is_repeated(store: FakeStore) -> None:
    """A receipt that changes is no receipt."""
    name = declare(BY_API, "token", store, now=at(60)).declaration_id
    first = confirm(name, "token", store, now=at(61))
    assert (first.declared_at, first.confirmed_at, first.due_by) == (at(60), at(61), at(61) + 14 * DAY)
    again = confirm(name, "token", store, now=at(70))
    assert again.confirmed_at == at(61)
    followed(store, name)
    assert confirm(name, "token", store, now=at(80)).confirmed_at == at(61)


def test_the_second_step_needs_the_secret_of_the_first(store: FakeStore) -> None:
    """A forged token, another's token and an unknown id are answered alike."""
    name = declare(BY_API, "token", store, now=at(60)).declaration_id
    declare(BY_API, "other", store, now=at(60))
    for token, of in (("other", name), ("", name), ("token", "W-0000-0000-0000")):
        with pytest.raises(NotFound, match=f"There is no declaration {of}."):
            confirm(of, token, store, now=at(61))


def test_the_same_first_step_is_one_draft(store: FakeStore) -> None:
    """An answer that was lost is repeated."""
    first = declare(BY_API, "token", store, now=at(60))
    assert declare(BY_API, "token", store, now=at(70)).declared_at == first.declared_at


def test_an_incomplete_form_is_completed_by_the_form_alone(store: FakeStore) -> None:
    """Its fields were not checked: the API's second step does not confirm it, though whoever sent it has the secret."""
    draft = declare(replace(WITHDRAWAL, email="two@example.com, three@example.com"), "form", store, now=at(60))
    with pytest.raises(NotFound):
        confirm(draft.declaration_id, "form", store, now=at(61))


def test_a_form_that_is_sent_twice_is_one_declaration_and_another_content_another(store: FakeStore) -> None:
    """Somebody who goes back and names his other contract withdraws from both."""
    first = submit(WITHDRAWAL, "form", store, now=at(60))
    again = submit(WITHDRAWAL, "form", store, now=at(61))
    assert (again.declaration_id, again.confirmed_at) == (first.declaration_id, at(60))
    other = submit(replace(WITHDRAWAL, contract="the other one"), "form", store, now=at(62))
    assert other.declaration_id != first.declaration_id
    assert submit(WITHDRAWAL, "another form", store, now=at(62)).declaration_id != first.declaration_id


_HOW_IT_WAS_SENT = {"language", "statement", "channel", "source"}
"""What does not tell two contents apart. The statement is written from the other fields."""
_OTHER: dict[str, object] = {
    "kind": DeclarationKind.CANCELLATION,
    "is_extraordinary": True,
    "ends_on": date(2026, 12, 1),
}


@pytest.mark.parametrize("name", [one.name for one in fields(Submission)])
def test_each_field_of_the_content_tells_two_declarations_apart(store: FakeStore, name: str) -> None:
    """Who withdraws from another part of the contract, by the same form, has declared something else."""
    other = Channel.API if name == "channel" else _OTHER.get(name, "another one")
    first = submit(WITHDRAWAL, "form", store, now=at(60))
    again = submit(replace(WITHDRAWAL, **{name: other}), "form", store, now=at(61))  # type: ignore[arg-type]
    assert (again.declaration_id == first.declaration_id) == (name in _HOW_IT_WAS_SENT)


def test_an_incomplete_form_keeps_the_time_of_its_first_sending(store: FakeStore) -> None:
    """Which of the two times counts is decided with the contract."""
    declare(replace(WITHDRAWAL, email=""), "form", store, now=at(60))
    whole = submit(WITHDRAWAL, "form", store, now=at(63))
    assert (whole.declared_at, whole.confirmed_at) == (at(60), at(63))


def test_neither_step_reads_anything_of_the_ledger(store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of calls is the same whether or not the contract and the address are known."""
    reads: list[Keys] = []
    commits: list[Commit] = []
    read, commit, begun = store.read, store.commit, store.round_trips

    def noting_read(names: Keys) -> Snapshot:
        reads.append(names)
        return read(names)

    def noting_commit(one: Commit) -> Refusal | None:
        commits.append(one)
        return commit(one)

    monkeypatch.setattr(store, "read", noting_read)
    monkeypatch.setattr(store, "commit", noting_commit)
    counted = []
    for contract in ("ord_1234", "ord_9999", "no idea"):
        before = store.round_trips
        submit(replace(WITHDRAWAL, contract=contract), f"form {contract}", store, now=at(60))
        draft = declare(replace(BY_API, contract=contract), f"token {contract}", store, now=at(60))
        confirm(draft.declaration_id, f"token {contract}", store, now=at(60))
        counted.append(store.round_trips - before)
    assert len(set(counted)) == 1
    assert store.round_trips - begun == len(reads) + len(commits)
    assert reads == [Keys(documents=names.documents) for names in reads]
    assert {key.kind for names in reads for key in names.documents} == {DocumentKind.DECLARATION}


# ── The contract ──────────────────────────────────────────────────────────────────────────────────────────────────────

PACK, PLAN = Contract(ADA, PI), Contract(ADA, RENEWED.payment_id, SUBSCRIPTION)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ord_1234", PACK),
        ("My order (ord_1234) of 1 November", PACK),
        ("pi_1234", PACK),
        ("ord_1234 paid by pi_1234", PACK),
        ("sub_1234", PLAN),
        ("in_1234", PLAN),
        ("the sub_1234 of invoice in_1234", PLAN),
        ("ord_1234 and sub_1234", ReviewCause.SEVERAL_MATCHES),
        ("ord_1234 and pi_of_eve", ReviewCause.SEVERAL_MATCHES),
        ("INV-0001", ReviewCause.NO_MATCH),
        ("ord_12345", ReviewCause.NO_MATCH),
        ("acct_ada", ReviewCause.NO_MATCH),
        (" ".join(f"{'ref_nothing ' * 8}ref_{number}" for number in range(6)) + " ord_1234", PACK),
        (" ".join(f"ref_{number:04}" for number in range(MOST_NAMES)) + " ord_1234", ReviewCause.NO_MATCH),
        ("the mail of last Tuesday", ReviewCause.NO_MATCH),
        ("", ReviewCause.NO_MATCH),
    ],
)
def test_a_contract_is_found_by_each_id_that_its_customer_may_know(text: str, found: Contract | ReviewCause) -> None:
    """What names nothing, or contracts of several people, is for a person."""
    store = FakeStore()
    pack = replace(ordered(store, "ord_1234", consent=CONSENT), payment_id=PaymentId("stripe:pi_1234"))
    plan = replace(
        RENEWED,
        payment_id=PaymentId("stripe:in_1234"),
        subscription_id=SUBSCRIPTION,
        fulfilment_key=f"period/{SUBSCRIPTION}/2026-11-01T00:00:00Z",
    )
    eve = payment(PaymentId("stripe:pi_of_eve"), account_id=AccountId("acct_eve"))
    record_events(store, paid(pack), paid(plan), paid(eve, customer="cus_eve"))
    _add_subscription(store)
    if isinstance(found, Contract):
        found = replace(found, payment_id=(plan if found.subscription_id else pack).payment_id)
    assert find_contract(text, PROVIDERS, store) == found


@pytest.mark.parametrize("minutes", [(0, 500), (500, 0)])
def test_of_a_plans_periods_the_earliest_payment_stands_for_the_contract(minutes: tuple[int, int]) -> None:
    """Whichever was reported first: the contract began with it."""
    store = FakeStore()
    for number, minute in enumerate(minutes):
        key = f"period/{SUBSCRIPTION}/2026-1{number + 1}-01T00:00:00Z"
        period = replace(
            RENEWED,
            payment_id=PaymentId(f"stripe:in_{minute}"),
            subscription_id=SUBSCRIPTION,
            fulfilment_key=key,
            at=at(minute),
        )
        record_events(store, paid(period))
    _add_subscription(store)
    assert find_contract("sub_1234", PROVIDERS, store) == Contract(ADA, PaymentId("stripe:in_0"), SUBSCRIPTION)


def test_an_unpaid_order_has_its_account_alone() -> None:
    """There is nothing to refund, but the customer is known."""
    ordered(store := FakeStore(), "ord_1234")
    assert find_contract("ord_1234", PROVIDERS, store) == Contract(ADA)


def test_what_names_no_contract_is_received_like_any_other(store: FakeStore) -> None:
    """A person looks for it; its due date runs."""
    name = submitted(store, replace(WITHDRAWAL, contract="the one of Tuesday"))
    declaration = followed(store, name)
    assert (declaration.state, declaration.review_cause) == (DeclarationState.IN_REVIEW, ReviewCause.NO_MATCH)
    assert declaration.due_by == at(60) + 14 * DAY


# ── The address on file ───────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_carried_out_before_the_address_on_file_has_had_its_day(store: FakeStore) -> None:
    """Whoever knows an order's number ends nobody's plan."""
    name = waiting(store)
    almost = at(65) + DAY - timedelta(seconds=1)
    assert followed(store, name, almost).state is DeclarationState.MATCHED
    assert store.accounts[ADA].cases == {}
    declaration = followed(store, name, at(65) + DAY)
    assert (declaration.state, declaration.approved_by) == (DeclarationState.EXECUTED, BY_SILENCE)
    assert case_of(store, declaration).state is CaseState.APPROVED


def test_the_link_carries_it_out_at_once(store: FakeStore) -> None:
    """The case is in the customer's name, received at step 2."""
    name = waiting(store)
    assert approve(name, "yes", store).approved_by == BY_LINK
    declaration = followed(store, name)
    case = case_of(store, declaration)
    assert declaration.state is DeclarationState.EXECUTED
    assert (declaration.begun_at, declaration.acknowledged_at) == (NOON + DAY / 2, None)
    assert (case.reason, case.state, case.confirmed_at) == (RefundReason.WITHDRAWAL, CaseState.APPROVED, at(60))
    assert case.opened_by == f"declaration:{name}"
    assert case.submitted_evidence == SubmittedEvidence()
    assert case.due_by == declaration.due_by == at(60) + 14 * DAY
    assert followed(store, name) == declaration
    assert approve(name, "yes", store) == declaration


def test_both_contracts_that_one_form_named_are_withdrawn_from(store: FakeStore) -> None:
    """Whoever went back, and named the other one, shares nothing but the form's secret with his first declaration."""
    other = replace(ordered(store, "ord_5678", consent=CONSENT), payment_id=PaymentId("stripe:pi_5678"))
    record_events(store, paid(other))
    names = [submitted(store, replace(WITHDRAWAL, contract=of)) for of in ("ord_1234", "ord_5678")]
    for name in names:
        followed(store, name)
        issue_links(name, "yes", "no", store)
        approve(name, "yes", store)
    cases = [case_of(store, followed(store, name)) for name in names]
    assert [case.payment_id for case in cases] == [PI, other.payment_id]


def test_what_was_written_in_a_declaration_stays_with_it(store: FakeStore) -> None:
    """It is erased with it: no other record says who declared, or how he is reached."""
    name = waiting(store)
    approve(name, "yes", store)
    followed(store, name)
    others = [repr(one) for key, one in store.documents.items() if key.kind is not DocumentKind.DECLARATION]
    assert not [one for one in others if WITHDRAWAL.email in one or WITHDRAWAL.name in one]


def test_an_objection_leaves_it_to_a_person(store: FakeStore) -> None:
    """Neither the other link nor time carries it out afterwards."""
    name = waiting(store)
    assert object_to(name, "no", store, now=at(70)).objected_at == at(70)
    assert object_to(name, "no", store, now=at(80)).objected_at == at(70)
    assert approve(name, "yes", store).state is DeclarationState.IN_REVIEW
    declaration = followed(store, name, NOON + 9 * DAY)
    assert (declaration.state, declaration.review_cause) == (DeclarationState.IN_REVIEW, ReviewCause.OBJECTED)
    assert store.accounts[ADA].cases == {}


@pytest.mark.parametrize("by", ["link", "silence"])
def test_an_objection_counts_until_it_is_carried_out(store: FakeStore, by: str) -> None:
    """Whoever approved it: the holder of the address, by a link or by silence."""
    name = waiting(store)
    approve(name, "yes", store)
    if by == "silence":
        change_declaration(name, lambda one: replace(one, approved_by=BY_SILENCE), store)
    declaration = object_to(name, "no", store, now=at(70))
    assert (declaration.state, declaration.review_cause) == (DeclarationState.IN_REVIEW, ReviewCause.OBJECTED)
    carry_out(name, None, "staff_sue", store, why="She wrote.", now=at(90))
    assert followed(store, name).state is DeclarationState.EXECUTED


@pytest.mark.parametrize("was_declared", [False, True])
def test_what_a_form_has_acknowledged_gets_no_second_receipt(store: FakeStore, *, was_declared: bool) -> None:
    """Its own says when it was received; the case that carries it out mails what was decided.

    Also if the customer has taken the first step with a login before.
    """
    if was_declared:
        request_refund(store, refund_claim(RefundReason.WITHDRAWAL, is_declaration=True), minute=40)
    name = waiting(store)
    approve(name, "yes", store)
    assert followed(store, name).state is DeclarationState.EXECUTED
    kinds = [one.kind for one in store.mail_intents()]
    assert MailKind.WITHDRAWAL_RECEIPT not in kinds
    assert MailKind.CASE_UPDATE in kinds


def test_an_objection_to_what_a_person_has_approved_changes_nothing(store: FakeStore) -> None:
    """It is noted, and carried out all the same."""
    name = waiting(store)
    change_declaration(name, lambda one: one.in_review(ReviewCause.OBJECTED), store)
    carry_out(name, None, "staff_sue", store, why="She wrote.", now=at(69))
    declaration = object_to(name, "no", store, now=at(70))
    assert (declaration.state, declaration.objected_at) == (DeclarationState.APPROVED, at(70))
    assert followed(store, name).state is DeclarationState.EXECUTED


def test_an_objection_that_comes_too_late_is_listed_for_a_person(store: FakeStore) -> None:
    """What was carried out stays. A person closes it, and nothing else that was carried out."""
    name = waiting(store)
    approve(name, "yes", store)
    assert followed(store, name).state is DeclarationState.EXECUTED
    with pytest.raises(RequestRefused, match="no person decides"):
        close(name, "Done.", "staff_sue", store, now=at(90))
    change_declaration(name, lambda one: replace(one, acknowledged_at=at(61)), store)
    assert [*store.declarations(DeclarationState.EXECUTED)] == []
    assert object_to(name, "no", store, now=at(70)).has_late_objection
    assert [one.declaration_id for one in store.declarations(DeclarationState.EXECUTED)] == [name]
    closed = close(name, "We have called her.", "staff_sue", store, now=at(90))
    assert (closed.state, closed.closed_by) == (DeclarationState.CLOSED, "staff_sue")
    assert [*store.declarations(DeclarationState.CLOSED)] == []


def objected_within(store: Interrupted, submission: Submission, commits_before: int) -> Declaration:
    """Follow a declaration that silence approves, with an objection after so many of its commits."""
    name = waiting(store, submission)
    store.meanwhile = lambda: object_to(name, "no", store, now=NOON + 2 * DAY)
    store.commits_before = commits_before
    followed(store, name, NOON + 2 * DAY)
    declaration = followed(store, name, NOON + 3 * DAY)
    assert (declaration.objected_at is None) == (store.meanwhile is not None)
    assert not [one for one in check(world(store)) if one.broken]
    return declaration


def is_stopped_by_objection(declaration: Declaration) -> bool:
    """Whether it waits for a person. What is carried out all the same is marked for one, if there is an objection."""
    if declaration.state is DeclarationState.IN_REVIEW:
        assert declaration.review_cause is ReviewCause.OBJECTED
        return True
    assert declaration.state is DeclarationState.EXECUTED
    assert declaration.has_late_objection == (declaration.objected_at is not None)
    return False


@pytest.mark.parametrize("is_declared_with_login", [False, True])
def test_an_objection_stops_a_withdrawal_before_its_case_is_opened_or_not_at_all(
    *, is_declared_with_login: bool
) -> None:
    """After whichever commit it comes: no person decides about what gives money back already."""
    stopped = []
    for commits_before in range(6):
        _sell(store := Interrupted())
        if is_declared_with_login:
            claim = replace(refund_claim(RefundReason.WITHDRAWAL, is_declaration=True), route=WITHDRAWALS_ROUTE)
            open_case(claim, store, POLICY, now=at(50))
        stopped.append(is_stopped_by_objection(objected_within(store, WITHDRAWAL, commits_before)))
        states = [case.state for case in store.cases_of(ADA, 10).items]
        untouched = [CaseState.DECLARED] if is_declared_with_login else []
        assert states == (untouched if stopped[-1] else [CaseState.APPROVED]), commits_before
    assert stopped == [True, True, False, False, False, False]


def test_an_objection_stops_a_cancellation_before_its_renewals_are_stopped_or_not_at_all() -> None:
    """The stop is written with the state."""
    stopped = []
    for commits_before in range(4):
        _sell(store := Interrupted())
        stopped.append(is_stopped_by_objection(objected_within(store, CANCELLATION, commits_before)))
        assert len([*store.renewal_stops()]) == (not stopped[-1]), commits_before
    assert stopped == [True, True, False, False]


def again(store: FakeStore, form: str) -> str:
    """A stranger's next declaration about the same contract, whose links are mailed to the address on file."""
    other = replace(WITHDRAWAL, email=f"{form}@example.org", source=form)
    name = submitted(store, other, form=form, minute=70)
    assert followed(store, name).state is DeclarationState.MATCHED
    issue_links(name, f"yes {form}", f"no {form}", store)
    record_notice(name, store, at=at(75))
    return name


def test_after_an_objection_no_silence_ends_the_contract(store: FakeStore) -> None:
    """Who said no once need not say it each day. A person decides then; the link still carries it out."""
    first = waiting(store)
    object_to(first, "no", store, now=at(66))
    close(first, "Not hers.", "sam", store, now=at(90))
    second, third = again(store, "second"), again(store, "third")
    silent = followed(store, second, NOON + 2 * DAY)
    assert (silent.state, silent.review_cause) == (DeclarationState.IN_REVIEW, ReviewCause.OBJECTED_BEFORE)
    approve(third, "yes third", store)
    assert followed(store, third, NOON + 2 * DAY).state is DeclarationState.EXECUTED


def test_an_objection_to_one_stops_another_one_that_waits(store: FakeStore) -> None:
    """Both were found before it."""
    first, second = waiting(store), again(store, "second")
    object_to(first, "no", store, now=at(80))
    assert followed(store, second, NOON + 2 * DAY).review_cause is ReviewCause.OBJECTED_BEFORE


def test_an_objection_and_a_silence_at_the_same_moment(store: FakeStore) -> None:
    """Both write the contract: the one that read before the other one wrote is refused, and reads again."""
    first, second = waiting(store), again(store, "second")
    between = ObjectsBetween(store, first)
    silent = follow(second, between, POLICY, PROVIDERS, now=NOON + 2 * DAY)
    assert (silent.state, silent.review_cause) == (DeclarationState.IN_REVIEW, ReviewCause.OBJECTED_BEFORE)


class ObjectsBetween:
    """The store, in which somebody objects to a declaration before the first commit that writes a contract."""

    def __init__(self, store: FakeStore, objected: str) -> None:
        self.store, self.objected = store, objected

    def commit(self, commit: Commit) -> Any:
        if self.objected and any(one.key.kind is DocumentKind.DECLARED_CONTRACT for one in commit.documents):
            name, self.objected = self.objected, ""
            object_to(name, "no", self.store, now=at(80))
        return self.store.commit(commit)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def test_many_about_one_contract_go_to_a_person_and_the_address_on_file_gets_no_more_mails(store: FakeStore) -> None:
    """However far apart, and from whatever source. After the days of the policy they count no more."""
    limit = POLICY.declarations_of_a_contract
    for number in range(limit.most):
        again(store, f"form{number}")
    late, much_later = NOON + 3 * DAY, NOON + 2 * DAY + limit.within
    for form, now, state in (("x", late, DeclarationState.IN_REVIEW), ("y", much_later, DeclarationState.MATCHED)):
        other = replace(WITHDRAWAL, source=form, email=f"{form}@example.org")
        name = submit(other, form, store, now=now).declaration_id
        found = followed(store, name, now)
        assert found.state is state
        assert (found.review_cause is ReviewCause.MANY) == (state is DeclarationState.IN_REVIEW)
        notices = [one for one in store.mail_intents() if one.kind is MailKind.DECLARATION_NOTICE]
        assert len(notices) == limit.most + (state is DeclarationState.MATCHED)


@pytest.mark.parametrize("submission", [WITHDRAWAL, CANCELLATION])
def test_the_mail_to_the_address_on_file_has_no_word_of_whoever_declared(
    store: FakeStore, submission: Submission
) -> None:
    """Mail programs make links of them. It names the contract as we know it."""
    contact = Contact(account_id=ADA, email="ada@example.org", language="en", noted_at=NOON)
    store.commit(Commit(documents=(DocumentChange(contact_key(ADA), contact),)))
    hostile = replace(
        submission,
        name="evil.example/name",
        contract=f"{submission.contract} evil.example/contract",
        statement="evil.example/statement",
        part="evil.example/part",
        message="evil.example/message",
    )
    name = submitted(store, hostile)
    declaration = followed(store, name)
    (intent,) = (one for one in store.mail_intents() if one.kind is MailKind.DECLARATION_NOTICE)
    message = write_mail(intent, desk(store))
    assert "evil" not in f"{message.subject} {message.text} {message.html}"
    assert declaration.contract_id
    assert declaration.contract_id.partition(":")[2] in message.text


def test_only_what_was_confirmed_before_shares_its_acknowledgement(store: FakeStore) -> None:
    """Within the hour, and of the same content. What comes later has none to give."""
    first, second = submitted(store, form="one", minute=60), submitted(store, form="two", minute=90)
    record_acknowledgement(second, store, at=at(91))
    assert acknowledged_before(read_declaration(first, store), store) is None
    record_acknowledgement(first, store, at=at(92))
    assert acknowledged_before(read_declaration(second, store), store) == at(92)
    third = submitted(store, form="three", minute=149)
    assert acknowledged_before(read_declaration(third, store), store) == at(91)
    late = confirm(declare(BY_API, "token", store, now=at(10)).declaration_id, "token", store, now=at(149))
    assert acknowledged_before(late, store) == at(91), "within the hour before its second step"


def test_what_was_not_acknowledged_hides_no_acknowledgement(store: FakeStore) -> None:
    """Whichever of the two came first."""
    names = [submitted(store, form=f"form {number}", minute=60 + number) for number in range(4)]
    record_acknowledgement(names[1], store, at=at(70))
    for name in names[2:]:
        assert acknowledged_before(read_declaration(name, store), store) == at(70)
    assert acknowledged_before(read_declaration(names[1], store), store) is None


def test_an_address_gets_few_receipts_within_an_hour_and_the_others_later(store: FakeStore) -> None:
    """A form floods no mailbox, and no receipt is left out. Another address waits for nothing."""
    postbox, flood = Postbox(), [replace(WITHDRAWAL, contract=f"no {number}") for number in range(8)]
    names = [submitted(store, one, form=one.contract) for one in flood]
    other = submitted(store, replace(WITHDRAWAL, email="eve@example.com", contract="no"), form="hers")
    for name in (*names, other):
        followed(store, name, at(61))

    def sent(minute: float, name: str) -> MailResult:
        mail_id, clock = mail_id_of(MailKind.DECLARATION_RECEIPT, name), lambda: at(minute)
        return send_mail(mail_id, replace(desk(store), clock=clock), postbox, clock=clock)

    results = [sent(62 + number, name) for number, name in enumerate(names)]
    assert results == [MailResult.SENT] * MOST_RECEIPTS + [MailResult.PACED] * 3
    assert sent(70, other) is MailResult.SENT
    assert [sent(121.9, name) for name in names[5:]] == [MailResult.LEASED] * 3
    assert [sent(122.5, name) for name in names[5:]] == [MailResult.SENT, MailResult.PACED, MailResult.PACED]
    for minute in range(123, 200):
        for name in names[6:]:
            sent(minute, name)
    assert sorted(message.mail_id for message in postbox.messages) == sorted(
        mail_id_of(MailKind.DECLARATION_RECEIPT, name) for name in (*names, other)
    )


def test_one_source_does_not_make_all_others_wait_for_a_person(store: FakeStore) -> None:
    """Of 400 of one source ten count."""
    for number in range(400):
        submitted(store, replace(WITHDRAWAL, source="one", email=f"{number}@example.com"), form=f"{number}")
    name = submitted(store, replace(WITHDRAWAL, source="another", email="ada@example.com"), form="hers")
    assert followed(store, name, at(70)).state is DeclarationState.MATCHED


def test_declarations_whose_source_is_not_known_count_each_for_itself(
    store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are not of one source: many of them in all are for a person."""
    monkeypatch.setattr("ledger.usecases.declarations.follow.MOST_IN_ALL", MOST_OF_A_SOURCE + 1)
    unknown = [replace(WITHDRAWAL, source="", email=f"{number}@example.com") for number in range(MOST_OF_A_SOURCE + 2)]
    names = [submitted(store, one, form=one.email) for one in unknown]
    assert followed(store, names[0], at(70)).review_cause is ReviewCause.MANY


def test_an_objection_while_it_is_being_carried_out_leaves_no_case_that_nobody_knows(store: FakeStore) -> None:
    """The case opens in a write of its own. What has begun is finished, and the objection goes to a person then."""
    name = waiting(store)
    approve(name, "yes", store)
    change_declaration(name, lambda one: replace(one, begun_at=at(69)), store)
    assert object_to(name, "no", store, now=at(70)).state is DeclarationState.APPROVED
    declaration = followed(store, name)
    assert (declaration.state, declaration.has_late_objection) == (DeclarationState.EXECUTED, True)
    assert case_of(store, declaration).state is CaseState.APPROVED


@pytest.mark.parametrize("token", ["no", "", "YES", "yes "])
def test_a_link_needs_its_own_secret(store: FakeStore, token: str) -> None:
    """That of the objection approves nothing, and nothing shows whether the declaration exists."""
    name = waiting(store)
    for of in (name, "W-0000-0000-0000"):
        with pytest.raises(NotFound):
            approve(of, token, store)
        with pytest.raises(NotFound):
            linked_declaration(of, token, store, is_objection=False)
    with pytest.raises(NotFound):
        object_to(name, "yes", store, now=at(70))
    assert linked_declaration(name, "no", store, is_objection=True).declaration_id == name


def test_the_links_of_every_mail_that_was_sent_stay_valid_and_no_secret_is_stored(store: FakeStore) -> None:
    """A mail that is sent again has new ones."""
    name = waiting(store)
    issued = issue_links(name, "yes_2", "no_2", store)
    assert not {"yes", "no", "yes_2", "no_2"} & {*issued.approval_hashes, *issued.objection_hashes}
    assert linked_declaration(name, "yes", store, is_objection=False)
    assert approve(name, "yes_2", store).approved_by == BY_LINK
    with pytest.raises(RequestRefused, match="it waits for no answer"):
        issue_links(name, "yes_3", "no_3", store)


@pytest.mark.parametrize("is_acknowledged", [False, True])
def test_the_day_counts_from_the_first_mail_to_the_address_on_file(store: FakeStore, *, is_acknowledged: bool) -> None:
    """Whether or not the one to the given address was sent before it. A mail that is sent again begins no new day."""
    name = submitted(store)
    followed(store, name)
    if is_acknowledged:
        record_acknowledgement(name, store, at=at(64))
    assert [record_notice(name, store, at=at(minute)).noticed_at for minute in (66, 90)] == [at(66), at(66)]
    assert followed(store, name, at(66) + DAY - timedelta(seconds=1)).state is DeclarationState.MATCHED
    assert followed(store, name, at(66) + DAY).state is DeclarationState.EXECUTED


def test_without_a_mail_to_the_address_on_file_a_person_decides_after_a_day(store: FakeStore) -> None:
    """Silence means nothing where nobody was asked."""
    name = submitted(store)
    followed(store, name)
    assert followed(store, name, at(60) + DAY - timedelta(seconds=1)).state is DeclarationState.MATCHED
    declaration = followed(store, name, at(60) + DAY)
    assert (declaration.state, declaration.review_cause) == (DeclarationState.IN_REVIEW, ReviewCause.NOT_NOTICED)


@pytest.mark.parametrize(
    ("changes", "most"),
    [({"email": "other{number}@example.com"}, MOST_OF_A_SOURCE), ({"source": "{number}"}, MOST_OF_AN_ADDRESS)],
    ids=["of one source", "for one address"],
)
def test_many_within_an_hour_are_received_and_left_to_a_person(
    store: FakeStore, changes: dict[str, str], most: int
) -> None:
    """A limit refuses nobody. The next hour is another one."""
    for number in range(most + 1):
        varied = {field: value.format(number=number) for field, value in changes.items()}
        name = submitted(store, replace(WITHDRAWAL, **varied), form=f"{number}")  # type: ignore[arg-type]
    found = [followed(store, one.declaration_id, at(70)) for one in list(declarations_to_follow(store))]
    assert {one.state for one in found} == {DeclarationState.IN_REVIEW}
    assert {one.review_cause for one in found} == {ReviewCause.MANY}
    name = submitted(store, form="later", minute=125)
    assert followed(store, name, at(125)).state is DeclarationState.MATCHED


# ── Withdrawals ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("declared", "confirmed", "state"),
    [
        (timedelta(0), timedelta(hours=20), CaseState.APPROVED),
        (timedelta(0), timedelta(days=3), CaseState.DECLINED),
        (timedelta(days=2), timedelta(days=3), CaseState.DECLINED),
    ],
)
def test_a_first_step_in_time_counts_if_the_second_one_follows_within_a_day(
    store: FakeStore, declared: timedelta, confirmed: timedelta, state: CaseState
) -> None:
    """Though that is after the period: 14 days from 1 November, Sunday the 15th, to Monday's end in the far west."""
    end = datetime(2026, 11, 17, 11, 59, tzinfo=NOON.tzinfo)
    name = declare(BY_API, "token", store, now=end + declared).declaration_id
    confirm(name, "token", store, now=end + confirmed)
    followed(store, name, end + confirmed)
    issue_links(name, "yes", "no", store)
    approve(name, "yes", store)
    assert case_of(store, followed(store, name, end + confirmed)).state is state


def test_a_withdrawal_that_the_customer_declared_with_a_login_is_confirmed(store: FakeStore) -> None:
    """There is one open case for each purchase and reason, and its due date is that of the first confirmation."""
    claim = replace(refund_claim(RefundReason.WITHDRAWAL, is_declaration=True), route=WITHDRAWALS_ROUTE)
    declared = open_case(claim, store, POLICY, now=at(50))
    name = waiting(store)
    approve(name, "yes", store)
    declaration = followed(store, name)
    assert declaration.case_id == declared.case_id
    assert (case_of(store, declaration).asked_at, case_of(store, declaration).confirmed_at) == (at(50), at(60))
    again = waiting_again(store)
    assert case_of(store, again).case_id == declared.case_id


def test_the_first_step_on_the_page_counts_if_it_was_before_that_with_a_login(store: FakeStore) -> None:
    """The customer began on the page, then with a login, and confirmed on the page."""
    name = declare(BY_API, "token", store, now=at(40)).declaration_id
    claim = replace(refund_claim(RefundReason.WITHDRAWAL, is_declaration=True), route=WITHDRAWALS_ROUTE)
    open_case(claim, store, POLICY, now=at(50))
    confirm(name, "token", store, now=at(60))
    followed(store, name)
    issue_links(name, "yes", "no", store)
    approve(name, "yes", store)
    case = case_of(store, followed(store, name))
    assert (case.asked_at, case.confirmed_at) == (at(40), at(60))


def waiting_again(store: FakeStore) -> Declaration:
    """Declare the same a second time, and approve it."""
    name = submitted(store, form="again", minute=61)
    followed(store, name)
    issue_links(name, "yes", "no", store)
    approve(name, "yes", store)
    return followed(store, name)


def test_a_used_up_pack_is_declined_and_its_declaration_is_done(store: FakeStore) -> None:
    """The policy decides as with a login."""
    draw_credits(ADA, "run_1", 2000, store, now=at(30))
    name = waiting(store)
    approve(name, "yes", store)
    declaration = followed(store, name)
    assert declaration.state is DeclarationState.EXECUTED
    assert case_of(store, declaration).state is not CaseState.APPROVED


def test_a_contract_without_a_payment_is_for_a_person() -> None:
    """Nothing can be refunded of it, and its withdrawal stands."""
    ordered(store := FakeStore(), "ord_1234")
    name = waiting(store)
    approve(name, "yes", store)
    assert followed(store, name).review_cause is ReviewCause.NOT_EXECUTABLE


def acts(store: FakeStore, name: str) -> list[tuple[AuditAction, str, str, datetime]]:
    """What people did about a declaration: its kind, who, why and when."""
    found = store.subject_acts(subject_of_declaration(name), 10).items
    return [(one.action, one.actor, one.reason, one.at) for one in found]


def test_a_person_carries_out_what_nobody_could_match(store: FakeStore) -> None:
    """About the contract that he names. He decides once, and nothing that waits for an answer."""
    name = submitted(store, replace(WITHDRAWAL, contract="the one of Tuesday"))
    contract = NamedContract(account_id=ADA, payment_id=PI)
    with pytest.raises(RequestRefused, match="no person decides about it"):
        carry_out(name, contract, "sam", store, why="He wrote.", now=at(80))
    followed(store, name)
    approved = carry_out(name, contract, "sam", store, why="He wrote.", now=at(80))
    assert (approved.state, approved.approved_by) == (DeclarationState.APPROVED, "sam")
    assert carry_out(name, contract, "sam", store, why="He wrote.", now=at(80)) == approved
    with pytest.raises(RequestRefused, match="no person decides about it"):
        carry_out(name, contract, "sue", store, why="He wrote.", now=at(80))
    assert case_of(store, followed(store, name)).confirmed_at == at(60)
    assert acts(store, name) == [(AuditAction.CARRY_OUT, "sam", "He wrote.", at(80))]


def test_a_person_names_the_plan_that_a_cancellation_ends(store: FakeStore) -> None:
    """By one of its payments: the subscription is that payment's."""
    name = submitted(store, replace(CANCELLATION, contract="my plan"))
    followed(store, name)
    contract = NamedContract(account_id=ADA, payment_id=RENEWED.payment_id)
    assert carry_out(name, contract, "sam", store, why="He wrote.", now=at(80)).subscription_id == SUBSCRIPTION
    assert followed(store, name).state is DeclarationState.EXECUTED
    assert [stop.subscription_id for stop in store.renewal_stops()] == [SUBSCRIPTION]


def test_a_person_settles_what_an_extraordinary_cancellation_leaves(store: FakeStore) -> None:
    """The renewals are stopped already. What is closed has its reason, and leaves the list once it is acknowledged."""
    name = waiting(store, replace(CANCELLATION, is_extraordinary=True, message="It never worked."))
    approve(name, "yes", store)
    followed(store, name)
    of_eve = NamedContract(account_id=AccountId("acct_eve"), payment_id=PI)
    with pytest.raises(NotFound):
        carry_out(name, of_eve, "sam", store, why="He wrote.", now=at(80))
    closed = close(name, "Refunded by mail.", "sam", store, now=at(90))
    assert (closed.state, closed.closed_by, closed.closing_reason) == (
        DeclarationState.CLOSED,
        "sam",
        "Refunded by mail.",
    )
    assert close(name, "Again.", "sam", store, now=at(90)) == closed
    record_acknowledgement(name, store, at=at(99))
    assert [one for state in DeclarationState for one in store.declarations(state)] == []


# ── Cancellations ─────────────────────────────────────────────────────────────────────────────────────────────────────


def cancelled(store: FakeStore, **changes: object) -> Declaration:
    """Cancel the plan, approved by its link."""
    name = waiting(store, replace(CANCELLATION, **changes))  # type: ignore[arg-type]
    approve(name, "yes", store)
    return followed(store, name)


def test_a_cancellation_stops_the_renewals_once(store: FakeStore) -> None:
    """At the provider, by the sender. No money and no credits move."""
    entries = [*store.entries(ADA)]
    declaration = cancelled(store)
    (stop,) = store.renewal_stops()
    assert declaration.state is DeclarationState.EXECUTED
    assert (stop.account_id, stop.subscription_id, stop.payment_id) == (ADA, SUBSCRIPTION, RENEWED.payment_id)
    assert (stop.cause, stop.is_wanted) == (f"declaration:{declaration.declaration_id}", True)
    followed(store, declaration.declaration_id, NOON + 2 * DAY)
    assert [*store.renewal_stops()] == [stop]
    assert store.accounts[ADA].cases == {}
    assert ([*store.outbox()], [*store.entries(ADA)]) == ([], entries)


def test_the_end_of_a_cancelled_plan_is_mailed_to_the_address_on_file_alone(store: FakeStore) -> None:
    """Whoever declares may be a stranger."""
    contact = Contact(account_id=ADA, email="ada@example.org", language="de", noted_at=NOON)
    store.commit(Commit(documents=(DocumentChange(contact_key(ADA), contact),)))
    name = cancelled(store).declaration_id
    (intent,) = (one for one in store.mail_intents() if one.kind is MailKind.CANCELLATION_CONFIRMED)
    message = write_mail(intent, desk(store))
    assert (intent.subject, intent.account_id, message.to) == (name, ADA, "ada@example.org")
    assert "Ihr Abonnement endet am 1. Dezember 2026" in " ".join(message.text.split())
    assert name in message.text


@pytest.mark.parametrize(
    ("status", "cancel_at", "day"),
    [
        (SubscriptionStatus.ACTIVE, NOON + 30 * DAY, 1),
        (SubscriptionStatus.ACTIVE, NOON + 10 * DAY, 11),
        (SubscriptionStatus.ACTIVE, None, 1),
        (SubscriptionStatus.TRIALING, NOON + 3 * DAY, 4),
    ],
    ids=["with its period", "within its period", "not reported yet", "with its trial"],
)
def test_the_end_that_is_mailed_is_the_one_that_the_provider_has_reported(
    store: FakeStore, status: SubscriptionStatus, cancel_at: datetime | None, day: int
) -> None:
    """Renewals stop then, whatever period was paid. Until it is reported, the end of the period is what is known."""
    contact = Contact(account_id=ADA, email="ada@example.org", language="en", noted_at=NOON)
    store.commit(Commit(documents=(DocumentChange(contact_key(ADA), contact),)))
    cancelled(store)
    _add_subscription(store, minute=70, status=status, cancel_at=cancel_at)
    (intent,) = (one for one in store.mail_intents() if one.kind is MailKind.CANCELLATION_CONFIRMED)
    told = " ".join(write_mail(intent, desk(store)).text.split())
    month = "December" if day == 1 else "November"
    assert re.findall(r"\d+ \w+ 2026", told) == [f"{day} {month} 2026"]


def test_the_end_of_a_plan_that_the_account_does_not_know_is_left_open(store: FakeStore) -> None:
    """Its provider may report it later: the cancellation is confirmed all the same."""
    contact = Contact(account_id=ADA, email="ada@example.org", language="en", noted_at=NOON)
    store.commit(Commit(documents=(DocumentChange(contact_key(ADA), contact),)))
    name = cancelled(store).declaration_id
    (intent,) = (one for one in store.mail_intents() if one.kind is MailKind.CANCELLATION_CONFIRMED)
    known = store.accounts[ADA]
    store.accounts[ADA] = replace(known, subscriptions={})
    message = write_mail(intent, desk(store))
    store.accounts[ADA] = known
    assert name in message.text
    assert "2026" not in message.text.partition(name)[0]


def test_an_extraordinary_cancellation_stops_the_renewals_at_once_and_goes_to_a_person(store: FakeStore) -> None:
    """Whether the cause is a good one is nothing for a program. Until a person has settled it, no end is mailed."""
    declaration = cancelled(store, is_extraordinary=True, message="It never worked.")
    assert (declaration.state, declaration.review_cause) == (DeclarationState.IN_REVIEW, ReviewCause.EXTRAORDINARY)
    assert [stop.subscription_id for stop in store.renewal_stops()] == [SUBSCRIPTION]
    assert MailKind.CANCELLATION_CONFIRMED not in {one.kind for one in store.mail_intents()}


@pytest.mark.parametrize(("day", "is_later"), [(1, False), (30, False), (31, True)])
def test_an_end_after_the_paid_period_is_arranged_by_a_person(store: FakeStore, *, day: int, is_later: bool) -> None:
    """Until then the plan goes on. An earlier day is the end of the period: it is paid."""
    declaration = cancelled(store, ends_on=date(2026, 11, 1) + timedelta(days=day))
    expected = ReviewCause.LATER_END if is_later else None
    assert declaration.review_cause is expected
    assert len([*store.renewal_stops()]) == (0 if is_later else 1)


def test_a_contract_without_a_running_subscription_is_for_a_person(store: FakeStore) -> None:
    """A pack can't be cancelled."""
    assert cancelled(store, contract="ord_1234").review_cause is ReviewCause.NO_SUBSCRIPTION


def test_a_resellers_withdrawal_is_listed_until_it_is_passed_on() -> None:
    """Also when its receipt was sent."""
    store = FakeStore()
    record_events(store, paid(payment(PaymentId("paddle:txn_1234"))))
    name = waiting(store, replace(WITHDRAWAL, contract="txn_1234"))
    approve(name, "yes", store)
    followed(store, name)
    record_acknowledgement(name, store, at=at(99))
    assert [one.declaration_id for one in store.declarations(DeclarationState.EXECUTED)] == [name]
    first = record_forwarding(name, "sam", store, why="By mail.", now=at(100))
    assert record_forwarding(name, "sue", store, why="By mail.", now=at(101)) == first
    assert [*store.declarations(DeclarationState.EXECUTED)] == []
    assert acts(store, name) == [(AuditAction.FORWARD, "sam", "By mail.", at(100))]


@pytest.mark.parametrize(("named", "is_reseller"), [(PI, False), (PaymentId("paddle:txn_1234"), True)])
@pytest.mark.parametrize("contract", ["the one of Tuesday", "two: ord_1234 and txn_1234"])
def test_a_withdrawal_for_which_a_person_names_the_contract_is_passed_on_to_who_sold_it(
    contract: str, named: PaymentId, *, is_reseller: bool
) -> None:
    """As one whose contract was found. What we sold is passed on to nobody."""
    _sell(store := FakeStore())
    record_events(store, paid(payment(PaymentId("paddle:txn_1234"), minute=3)))
    name = submitted(store, replace(WITHDRAWAL, contract=contract))
    assert followed(store, name).state is DeclarationState.IN_REVIEW
    settled = carry_out(name, NamedContract(account_id=ADA, payment_id=named), "sam", store, why="x", now=at(80))
    assert (settled.reseller, settled.is_to_be_forwarded) == ("Paddle.com" if is_reseller else "", is_reseller)
    followed(store, name)
    record_acknowledgement(name, store, at=at(99))
    assert [one.declaration_id for one in store.declarations(DeclarationState.EXECUTED)] == [name] * is_reseller


# ── The list ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_declaration_is_listed_until_it_is_settled_and_acknowledged(store: FakeStore) -> None:
    """In one state at a time."""
    name = waiting(store)
    listed = {state: [one.declaration_id for one in store.declarations(state)] for state in DeclarationState}
    assert {state for state, names in listed.items() if names} == {DeclarationState.MATCHED}
    approve(name, "yes", store)
    followed(store, name)
    assert [one.declaration_id for one in store.declarations(DeclarationState.EXECUTED)] == [name]
    assert unacknowledged_since(store) == at(60)
    record_acknowledgement(name, store, at=at(99))
    assert record_acknowledgement(name, store, at=at(100)).acknowledged_at == at(99)
    assert record_notice(name, store, at=at(100)).noticed_at == at(65)
    assert unacknowledged_since(store) is None
    assert record_notice(name, store, at=at(100)).submission.source == "", "the digest only counts"
    assert [one for state in DeclarationState for one in store.declarations(state)] == []
