"""Which mails a customer gets: of a refund case, a withdrawal, a declaration, a suspension; each once."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from ledger.domain.contacts import Contact
from ledger.domain.declarations import DeclarationKind, DeclarationState, Submission
from ledger.domain.facts import DisputeState, RefundState
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.mails import MailKind
from ledger.domain.refund_cases import CaseState, DecisionOutcome, RefundReason
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import contact_key
from ledger.usecases.credit_notes import issue_credit_notes
from ledger.usecases.declarations.answer import approve
from ledger.usecases.declarations.change import read_declaration
from ledger.usecases.declarations.follow import follow as follow_declaration
from ledger.usecases.declarations.submit import submit
from ledger.usecases.holds import place_hold
from ledger.usecases.incidents.begin import IncidentRequest
from ledger.usecases.incidents.replace_runs import RUNS_AT_ONCE
from ledger.usecases.index_names import index_failed_run
from ledger.usecases.list_mails import list_cancellation
from ledger.usecases.refund_cases.confirm_withdrawal import confirm_withdrawal
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.send_mails import MailResult
from ledger.usecases.usage import draw_credits, fail_run
from tests.unit.mails.samples import HOUSE
from tests.unit.mails.test_pdf import text_of
from tests.unit.usecases.test_sending_mails import Postbox, bought, send
from tools.testing.builders import (
    ADA,
    LATER,
    NOON,
    PI,
    POLICY,
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
from tools.testing.ledgers import SELLER
from tools.testing.unguarded import begin_incident, decide_case, lift_hold, replace_runs


def store_with_contact(account_id: AccountId = ADA) -> FakeStore:
    """A store with a customer who has bought a pack, and an address."""
    store = FakeStore()
    contact = Contact(account_id=account_id, email="ada@example.com", language="en", noted_at=NOON)
    store.commit(Commit(documents=(DocumentChange(contact_key(account_id), contact),)))
    record_events(store, paid())
    return store


def mailed(store: FakeStore, postbox: Postbox | None = None) -> list[tuple[MailKind, str]]:
    """Send what is listed, oldest first. Return kind and first line of each that was sent."""
    postbox = postbox or Postbox()
    sent = []
    for intent in sorted(store.mail_intents(), key=lambda one: (one.listed_at, one.subject)):
        if send(store, intent.mail_id, postbox, 100) is MailResult.SENT:
            sent.append((intent.kind, postbox.messages[-1].text.partition("\n")[0]))
    return sent


def test_a_case_is_received_decided_and_paid_out() -> None:
    """A person decides: the customer learns that, the decision with its reason, and that the money is on its way."""
    store, update = store_with_contact(), MailKind.CASE_UPDATE
    case = request_refund(store, refund_claim(reason=RefundReason.TECHNICAL_PROBLEM))
    assert case.state is CaseState.IN_REVIEW
    assert mailed(store) == [(update, "A person is looking at your request")]
    verdict = ReviewDecision(outcome=DecisionOutcome.APPROVE, words=("Half of it.",), clause="6", money_minor=1000)
    case = decide_case(case.case_id, verdict, "sam", store, POLICY, now=LATER)
    postbox = Postbox()
    assert mailed(store, postbox) == [(update, "Your refund is approved")]
    assert "Half of it." in postbox.messages[-1].text
    assert "decided by a member of our team" in postbox.messages[-1].text.replace("\n", " ")
    record_events(store, event_of(replace(refund(1000, minute=90), tag=case.tag)))
    assert [one.state for one in follow(PI, store, now=LATER)] == [CaseState.REFUNDED]
    assert mailed(store) == [(update, "Your refund is on its way")]
    record_events(store, event_of(replace(refund(1000, state=RefundState.FAILED, minute=95), tag=case.tag)))
    assert [one.state for one in follow(PI, store, now=LATER)] == [CaseState.IN_REVIEW]
    assert mailed(store) == [(update, "Your refund needs our attention")]
    assert list(store.mail_intents()) == []


def test_a_mail_about_a_step_is_listed_at_the_time_of_that_step() -> None:
    """What came later, or when the case was opened, says nothing about how long the mail waits."""
    store, times = store_with_contact(), []
    case = request_refund(store, refund_claim(reason=RefundReason.TECHNICAL_PROBLEM), minute=5)
    verdict = ReviewDecision(outcome=DecisionOutcome.APPROVE, words=("All of it.",), clause="6", money_minor=2000)
    case = decide_case(case.case_id, verdict, "sam", store, POLICY, now=at(70))
    record_events(store, event_of(replace(refund(2000, minute=90), tag=case.tag)))
    follow(PI, store, now=at(100))
    for mail in store.mail_intents():
        case_id, _, step = mail.subject.partition("/")
        assert (mail.kind, case_id) == (MailKind.CASE_UPDATE, case.case_id)
        times.append((int(step), mail.listed_at))
    steps = {CaseState.IN_REVIEW: at(5), CaseState.APPROVED: at(70), CaseState.REFUNDED: at(100)}
    (stored,) = store.cases_of(ADA, 10).items
    expected = [(number, steps.get(step.to_state)) for number, step in enumerate(stored.history, 1)]
    assert sorted(times) == [(number, listed_at) for number, listed_at in expected if listed_at]


def test_a_decline_is_mailed_with_its_reasons_and_the_way_to_a_person() -> None:
    """By the policy alone."""
    store, postbox = store_with_contact(), Postbox()
    case = request_refund(store, refund_claim(RefundReason.CHANGED_MY_MIND), minute=60 * 24 * 500)
    assert case.state is CaseState.DECLINED
    assert mailed(store, postbox) == [(MailKind.CASE_UPDATE, "Our decision about your request")]
    text = " ".join(postbox.messages[-1].text.split())
    assert "decided automatically" in text
    assert "review by a person" in text


def test_of_two_steps_that_were_not_mailed_yet_the_later_one_is() -> None:
    """The mail service was down: nobody reads that a person is looking at what is decided."""
    store = store_with_contact()
    case = request_refund(store, refund_claim(reason=RefundReason.TECHNICAL_PROBLEM))
    verdict = ReviewDecision(outcome=DecisionOutcome.DECLINE, words=("No.",), clause="6")
    decide_case(case.case_id, verdict, "sam", store, POLICY, now=LATER)
    assert mailed(store) == [(MailKind.CASE_UPDATE, "Our decision about your request")]
    assert list(store.mail_intents()) == []


def test_a_withdrawal_has_its_receipt_and_then_its_decision() -> None:
    """The receipt is plain text with the statement and its time, and judges nothing. The declaration alone has none."""
    store, postbox = store_with_contact(), Postbox()
    case = request_refund(store, refund_claim(RefundReason.WITHDRAWAL, is_declaration=True))
    assert case.state is CaseState.DECLARED
    assert mailed(store) == []
    confirm_withdrawal(ADA, case.case_id, store, POLICY, now=LATER)
    confirm_withdrawal(ADA, case.case_id, store, POLICY, now=LATER)
    kinds = [kind for kind, _ in mailed(store, postbox)]
    assert kinds.count(MailKind.WITHDRAWAL_RECEIPT) == 1
    (receipt,) = (message for message in postbox.messages if message.is_receipt)
    assert receipt.html is None
    assert case.case_id in receipt.text
    assert "I withdraw from the contract" in receipt.text
    assert "withdrawal" in receipt.subject.lower()
    assert "cancel" not in receipt.subject.lower()
    assert "(pi_1)" in receipt.text, "without an order it is named by its payment"
    assert f"{LATER:%H:%M}" in receipt.text, "it was received with its second step"
    assert f"{case.opened_at:%H:%M}" not in receipt.text
    assert "://" not in receipt.text
    (document,) = receipt.attachments
    assert (document.content_type, document.name[:19], document.name[-4:]) == (
        "application/pdf",
        "withdrawal-receipt-",
        ".pdf",
    )
    assert case.case_id in text_of(document.content)
    assert not [message for message in postbox.messages if message.attachments and not message.is_receipt]


@pytest.mark.parametrize(
    ("reason", "number"),
    [(RefundReason.WITHDRAWAL, 1), (RefundReason.CHANGED_MY_MIND, 0), (RefundReason.WRONG_AMOUNT, 0)],
)
def test_a_withdrawal_that_came_as_a_letter_has_its_receipt_too(reason: RefundReason, number: int) -> None:
    """Support enters it in one step: no page of ours has acknowledged it. A wish is no withdrawal."""
    store, postbox = store_with_contact(), Postbox()
    request_refund(store, replace(refund_claim(reason), opened_by="sam"))
    kinds = [kind for kind, _ in mailed(store, postbox)]
    assert kinds.count(MailKind.WITHDRAWAL_RECEIPT) == number
    assert sum(message.is_receipt for message in postbox.messages) == number


SUBMISSION = Submission(
    kind=DeclarationKind.WITHDRAWAL,
    name="Ada",
    contract="My order",
    email="ada.at.work@example.com",
    language="de",
    statement="Ich widerrufe.",
)


def test_a_declaration_is_acknowledged_and_the_address_on_file_is_asked() -> None:
    """To the address that it names, in its language; the other mail has the two links. Both are recorded."""
    store, postbox = FakeStore(), Postbox()
    order, _ = bought(store)
    declared = submit(replace(SUBMISSION, contract=order.order_id), "form_1", store, now=NOON)
    for _ in range(2):
        follow_declaration(declared.declaration_id, store, POLICY, ("stripe",), now=NOON)
    kinds = [kind for kind, _ in mailed(store, postbox)]
    assert sorted(kinds) == [
        MailKind.CONTRACT_CONFIRMATION,
        MailKind.DECLARATION_NOTICE,
        MailKind.DECLARATION_RECEIPT,
    ]
    (receipt,) = (message for message in postbox.messages if message.is_receipt)
    assert (receipt.to, receipt.language) == ("ada.at.work@example.com", "de")
    assert "Ich widerrufe." in receipt.text
    (notice,) = (message for message in postbox.messages if "declarations/" in message.text)
    assert notice.to == "ada@example.com"
    page = f"{HOUSE.public_url}/declarations/{declared.declaration_id}"
    for path in ("approval", "objection"):
        assert f"{page}/{path}?token=secret&language=de" in notice.text
    stored = read_declaration(declared.declaration_id, store)
    assert (stored.acknowledged_at, stored.noticed_at) == (at(100), at(100))
    assert approve(declared.declaration_id, "secret", store).state is DeclarationState.APPROVED


def test_a_declaration_that_matches_nothing_is_acknowledged_too() -> None:
    """And the same content to the same address within the hour has no second receipt."""
    store, postbox = FakeStore(), Postbox()
    for number, minute in enumerate((0, 30, 95)):
        declared = submit(SUBMISSION, f"form_{number}", store, now=at(minute))
        follow_declaration(declared.declaration_id, store, POLICY, ("stripe",), now=at(minute))
        mailed(store, postbox)
        assert read_declaration(declared.declaration_id, store).acknowledged_at
    assert len(postbox.messages) == 2
    other = submit(replace(SUBMISSION, message="Something else."), "form_9", store, now=at(96))
    follow_declaration(other.declaration_id, store, POLICY, ("stripe",), now=at(96))
    assert len(mailed(store, postbox)) == 1


def test_a_notice_of_a_declaration_that_was_decided_is_not_sent() -> None:
    """Its links would do nothing."""
    store, postbox = FakeStore(), Postbox()
    order, _ = bought(store, email=None)
    declared = submit(replace(SUBMISSION, contract=order.order_id), "form_1", store, now=NOON)
    follow_declaration(declared.declaration_id, store, POLICY, ("stripe",), now=NOON)
    mailed(store, postbox)
    follow_declaration(declared.declaration_id, store, POLICY, ("stripe",), now=NOON + timedelta(days=2))
    contact = Contact(account_id=ADA, email="ada@example.com", language="en", noted_at=NOON)
    store.commit(Commit(documents=(DocumentChange(contact_key(ADA), contact),)))
    assert MailKind.DECLARATION_NOTICE not in [kind for kind, _ in mailed(store, postbox)]


@pytest.mark.parametrize("is_support", [False, True])
def test_a_suspension_says_why_and_its_end_is_mailed(*, is_support: bool) -> None:
    """By a dispute or by a person; a second hold is no second suspension."""
    store, postbox = store_with_contact(), Postbox()
    if is_support:
        place_hold("support:card", ADA, "sam", store, why="a stolen card", now=LATER)
    else:
        record_events(store, event_of(dispute(DisputeState.OPEN)))
    assert mailed(store, postbox) == [(MailKind.ACCOUNT_SUSPENDED, "Your account is suspended")]
    reason = "A member of our team has suspended" if is_support else "you dispute a payment"
    assert reason in " ".join(postbox.messages[-1].text.split())
    place_hold("support:other", ADA, "sam", store, why="too", now=LATER)
    assert mailed(store) == []
    lift_hold("support:other", ADA, "sam", store, why="done", now=LATER)
    assert mailed(store) == []
    if is_support:
        lift_hold("support:card", ADA, "sam", store, why="done", now=LATER)
    else:
        record_events(store, event_of(dispute(DisputeState.WON, minute=200)))
    assert mailed(store) == [(MailKind.ACCOUNT_ACTIVE, "Your account is active again")]


def test_who_gets_credits_from_an_incident_is_told_once_and_in_whole() -> None:
    """An account with very many failed runs gets them in parts: the mail waits for the last one, and names the sum."""
    store, postbox = store_with_contact(), Postbox()
    number = RUNS_AT_ONCE + 5
    for count in range(number):
        draw_credits(ADA, f"run_{count}", 2, store, now=at(30 + count / 1000))
        fail_run(ADA, f"run_{count}", store, now=at(30 + count / 1000))
        index_failed_run(ADA, f"run_{count}", at(30 + count / 1000), store)
    asked = IncidentRequest(
        since=at(10), until=at(60), credits=2 * number, reason="It stood still.", actor="sam", key="key_1"
    )
    begin_incident(asked, store, now=at(90))
    turns = iter((True, False))
    replace_runs(asked.incident_id, store, has_time=lambda: next(turns), now=at(91))
    assert mailed(store, postbox) == []
    replace_runs(asked.incident_id, store, now=at(92))
    assert [send(store, one.mail_id, postbox, 110) for one in store.mail_intents()] == [MailResult.SENT]
    text = " ".join(postbox.messages[-1].text.split())
    assert text.startswith("You have new credits")
    assert "failed because of a fault in our system" in text
    assert f"Failed runs: {number}" in text
    assert f"Credits given: {2 * number}" in text
    replace_runs(asked.incident_id, store, now=at(93))
    assert mailed(store, postbox) == []


def test_suspensions_of_two_accounts_have_a_mail_each() -> None:
    """Their accounts are of one version, and the mail before waits still."""
    store, ben = store_with_contact(), AccountId("acct_ben")
    record_events(store, paid(payment(PaymentId("stripe:pi_ben"), account_id=ben)))
    for account_id in (ADA, ben):
        assert place_hold("support:card", account_id, "sam", store, why="a stolen card", now=LATER)
    mails = [(mail.kind, mail.account_id) for mail in store.mail_intents()]
    assert sorted(mails) == [(MailKind.ACCOUNT_SUSPENDED, ADA), (MailKind.ACCOUNT_SUSPENDED, ben)]


def test_a_suspension_that_is_over_before_its_mail_is_not_mailed() -> None:
    """Nor is its end, if another one has begun: what is left to send tells of that one."""
    store = store_with_contact()
    place_hold("support:zero", ADA, "sam", store, why="x", now=LATER)
    lift_hold("support:zero", ADA, "sam", store, why="x", now=LATER)
    assert [kind for kind, _ in mailed(store)] == [MailKind.ACCOUNT_ACTIVE]
    for name in ("one", "two"):
        place_hold(f"support:{name}", ADA, "sam", store, why="x", now=LATER)
        lift_hold(f"support:{name}", ADA, "sam", store, why="x", now=LATER)
    place_hold("support:three", ADA, "sam", store, why="x", now=LATER)
    assert {kind for kind, _ in mailed(store)} == {MailKind.ACCOUNT_SUSPENDED}


def test_a_cancellation_with_a_login_has_a_receipt_with_its_end() -> None:
    """Repetitions within the hour have one; a cancellation that was taken back and made again has another."""
    store, postbox = store_with_contact(), Postbox()
    for minute in (0, 1, 70):
        list_cancellation("stripe:sub_1", at(60 * 24 * 20), ADA, store, at(minute))
        mailed(store, postbox)
    assert [message.is_receipt for message in postbox.messages] == [True, True]
    text = " ".join(postbox.messages[0].text.split())
    for part in ("I cancel my subscription", "sub_1", "ends on 21 November 2026", "1 November 2026, 12:00:00 UTC"):
        assert part in text


def test_a_credit_note_is_mailed_with_its_document() -> None:
    """The text has its number, the invoice and the amount; the PDF has the same."""
    store, postbox = store_with_contact(), Postbox()
    record_events(store, event_of(refund(500)))
    issue_credit_notes(PI, SELLER, store, now=LATER)
    assert mailed(store, postbox) == [(MailKind.CREDIT_NOTE, "Credit note 2026-000001")]
    (message,) = postbox.messages
    (document,) = message.attachments
    for part in ("2026-000001", "Shop, 1 High Street", "the invoice of this payment", "5.00 USD", "1,000 credits"):
        assert part in " ".join(message.text.split())
        assert part in text_of(document.content)
    assert (message.is_receipt, message.html is not None) == (False, True)
    record_events(store, event_of(refund(300, refund_id="re_2", minute=30)))
    issue_credit_notes(PI, SELLER, store, now=LATER)
    mailed(store, postbox)
    names = {one.attachments[0].name for one in postbox.messages}
    assert len(names) == 2
    assert all(re.fullmatch(r"credit-note-[0-9a-f]{8}\.pdf", name) for name in names)
