"""What an operator finds in the log of a job: each line by its message, with the fields by which it is searched."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ledger.domain.domain_events import MailListed
from ledger.domain.errors import StoreUnavailable
from ledger.domain.ids import AccountId, PaymentId
from ledger.job import JobWatch
from ledger.runtime import Runtime
from tests.unit.functions.test_jobs import Refuses, approved, lost, run, services
from tests.unit.usecases.test_sending_mails import Postbox, bought
from tools.testing.builders import LATER, at, paid, payment, record_events
from tools.testing.domain_events import delivered, queued

__all__ = ["services"]  # the fixture of the jobs


def logged(caplog: pytest.LogCaptureFixture, message: str, *names: str) -> list[dict[str, Any]]:
    """The lines with a message: these fields of each."""
    lines = [vars(record) for record in caplog.records if record.message == message]
    return [{name: line.get(name) for name in names} for line in lines]


def expiring(services: Runtime, *account_ids: AccountId) -> None:
    """Each of these accounts has credits that have expired."""
    for account_id in account_ids:
        settled = payment(PaymentId(f"stripe:pi_{account_id}"), account_id=account_id, expires_at=LATER - timedelta(1))
        record_events(services.store, paid(settled), now=at(1))


def test_expiry_says_of_how_many_accounts_and_how_much(services: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    """One line a round."""
    expiring(services, AccountId("acct_1"), AccountId("acct_2"))
    run("expire_credits")
    assert logged(caplog, "expired", "accounts", "credits") == [{"accounts": 2, "credits": 2000}]


def test_what_failed_is_named_with_its_error(services: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    """The traceback stands beside it: it is what a person begins with."""
    services.store = store = Refuses()
    expiring(services, AccountId("acct_1"), AccountId("acct_2"))
    store.refused = AccountId("acct_1")
    with pytest.raises(StoreUnavailable):
        run("expire_credits")
    assert logged(caplog, "item failed", "item", "error") == [{"item": "acct_1", "error": "StoreUnavailable"}]
    (failed,) = (record for record in caplog.records if record.message == "item failed")
    assert failed.exc_info
    assert isinstance(failed.exc_info[1], StoreUnavailable)


def test_a_mail_and_its_outcome(services: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    """By the schedule, and by its event."""
    services.mailer = Postbox()
    _, mail_id = bought(services.store)
    run("send_mails")
    run("send_mails", queued(delivered(MailListed(mail_id=mail_id))))
    assert logged(caplog, "mail", "mail_id", "outcome") == [
        {"mail_id": mail_id, "outcome": "sent"},
        {"mail_id": mail_id, "outcome": "ended"},
    ]


def test_a_refund_and_its_outcome(services: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    """By the tag that the provider has, too."""
    case = approved(services, "stripe:pi_1", 60)
    run("send_refunds")
    assert logged(caplog, "refund", "tag", "outcome") == [{"tag": case.tag, "outcome": "sent"}]


def test_a_stop_of_renewals_and_its_outcome(services: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    """By the payment whose dispute has lost it. A pause says what it leaves."""
    stop = lost(services, 1)
    services.config = replace(services.config, is_paused=True)
    run("send_refunds")
    services.config = replace(services.config, is_paused=False)
    run("send_refunds")
    assert logged(caplog, "sending is paused", "item") == [{"item": stop.payment_id}]
    assert logged(caplog, "renewals", "item", "outcome") == [{"item": stop.payment_id, "outcome": "stopped"}]


def test_a_round_that_leaves_some_for_the_next_says_so(services: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    """With the least that waits: the list was not read to its end."""
    watch = JobWatch(services, None)
    watch.backlog(7, LATER)
    watch.backlog(20_000, LATER, is_at_least=True)
    assert logged(caplog, "more waits than one round takes", "at_least") == [{"at_least": 20_000}]
