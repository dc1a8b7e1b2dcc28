"""A mail that came back: its record, its address and the consent that it had confirmed."""

from dataclasses import replace

import pytest

from ledger.domain.contacts import Contact
from ledger.domain.errors import StoreUnavailable
from ledger.domain.mails import MailKind
from ledger.ports.commit import Commit
from ledger.ports.documents import contact_key
from ledger.ports.reads import Keys
from ledger.usecases.list_mails import list_mail
from ledger.usecases.mail_failures import Failure, FailureReport, record_failure
from ledger.usecases.send_mails import MailResult
from tests.unit.usecases.test_sending_mails import Postbox, bought, order_of, ordered, record_of, send
from tools.testing.builders import ADA, NOON, at
from tools.testing.fakes import FakeStore


def report(mail_id: str, failure: Failure = Failure.BOUNCE, email: str = "Ada@example.com") -> FailureReport:
    """What the mail service reports ten minutes after noon."""
    return FailureReport(mail_id=mail_id, message_id="message_1", failure=failure, addresses=(email,), at=at(10))


def contact_of(store: FakeStore) -> Contact:
    """Ada's contact."""
    key = contact_key(ADA)
    contact = store.read(Keys(documents=frozenset({key}))).document(key, Contact)
    assert contact
    return contact


def is_complete(store: FakeStore, order_id: str) -> bool:
    """Whether an order's consent is complete."""
    consent = order_of(store, order_id).consent  # type: ignore[arg-type]
    assert consent
    return consent.is_complete


def test_a_confirmation_that_came_back_is_none() -> None:
    """The consent is open again, the address fails, and no mail goes there. Another address is not known to fail."""
    store, postbox = FakeStore(), Postbox()
    order, mail_id = bought(store)
    assert send(store, mail_id, postbox) is MailResult.SENT
    assert is_complete(store, order.order_id)
    first = record_failure(report(mail_id), store)
    assert record_failure(replace(report(mail_id), at=at(99)), store) == replace(first, version=first.version + 1)
    assert not is_complete(store, order.order_id)
    record = record_of(store, mail_id)
    assert record
    assert (record.failed_at, record.failure) == (at(10), "bounce")
    assert (contact_of(store).failing_since, contact_of(store).failure) == (at(10), "bounce")
    other = list_mail(MailKind.ACCOUNT_ACTIVE, "acct_ada/1", ADA, NOON)
    store.commit(Commit(documents=(other,)))
    (intent,) = store.mail_intents()
    assert send(store, intent.mail_id, postbox) is MailResult.NO_ADDRESS
    ordered(store, key="key_2", email="new@example.com")
    assert contact_of(store).failing_since is None


def test_a_complaint_is_no_bounce() -> None:
    """The confirmation was delivered, so it counts; but nothing more is sent to who does not want it."""
    store = FakeStore()
    order, mail_id = bought(store)
    send(store, mail_id, Postbox())
    record_failure(report(mail_id, Failure.COMPLAINT), store)
    assert is_complete(store, order.order_id)
    assert contact_of(store).failure == "complaint"
    store.commit(Commit(documents=(list_mail(MailKind.ACCOUNT_ACTIVE, "acct_ada/1", ADA, NOON),)))
    (intent,) = store.mail_intents()
    assert send(store, intent.mail_id, Postbox()) is MailResult.NO_ADDRESS


def test_a_bounce_of_another_address_leaves_the_contact() -> None:
    """The customer has changed it since."""
    store = FakeStore()
    _, mail_id = bought(store)
    send(store, mail_id, Postbox())
    record_failure(report(mail_id, email="old@example.com"), store)
    assert contact_of(store).failing_since is None


def test_a_report_that_comes_before_the_record_is_delivered_again() -> None:
    """The mail service is quicker than our write."""
    store = FakeStore()
    _, mail_id = bought(store)
    with pytest.raises(StoreUnavailable):
        record_failure(report(mail_id), store)
