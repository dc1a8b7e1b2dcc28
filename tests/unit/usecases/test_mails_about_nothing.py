"""A mail that is listed about something that is not there: it is dropped with its reason, and no sender breaks."""

import pytest

from ledger.domain.errors import NotFound
from ledger.domain.ids import AccountId
from ledger.domain.mails import MailIntent, MailKind
from ledger.usecases.write_mails import NoAddress, Outdated, write_mail
from tests.unit.usecases.test_sending_mails import desk
from tests.unit.usecases.test_what_is_mailed import store_with_contact
from tools.testing.builders import ADA, NOON

SUBJECTS = {
    MailKind.CONTRACT_CONFIRMATION: "ord_none",
    MailKind.WITHDRAWAL_INFORMATION: "ord_none/1",
    MailKind.CASE_UPDATE: "case_none/1",
    MailKind.WITHDRAWAL_RECEIPT: "case_none",
    MailKind.DECLARATION_RECEIPT: "W-NONE",
    MailKind.DECLARATION_NOTICE: "W-NONE",
    MailKind.LOW_BALANCE: "acct_none/order/ord_none/0",
    MailKind.RENEWAL_REMINDER: "ord_none/trial_end/2026-11-20",
    MailKind.PRICE_CHANGE: "ord_none/2027-01-05",
    MailKind.CREDIT_NOTE: "acct_none/CN-1",
    MailKind.CANCELLATION_CONFIRMED: "C-NONE",
    MailKind.ACCOUNT_SUSPENDED: "acct_none/1",
    MailKind.ACCOUNT_ACTIVE: "acct_none/1",
    MailKind.CREDITS_REPLACED: "inc_none/acct_none",
    MailKind.REVIEW_RECEIVED: "R-NONE",
    MailKind.REVIEW_ANSWERED: "R-NONE",
}
"""What a mail of each kind is about. The receipt of a cancellation needs nothing: it has all in its subject."""


@pytest.mark.parametrize("account_id", [AccountId("acct_none"), None])
@pytest.mark.parametrize("kind", sorted({*MailKind} - {MailKind.CANCELLATION_RECEIPT}))
def test_a_mail_about_nothing_is_outdated_or_not_found(kind: MailKind, account_id: AccountId | None) -> None:
    """Whoever it is for."""
    intent = MailIntent(kind=kind, subject=SUBJECTS[kind], account_id=account_id, listed_at=NOON)
    with pytest.raises((NotFound, Outdated, NoAddress)):
        write_mail(intent, desk(store_with_contact()))


@pytest.mark.parametrize("kind", sorted(SUBJECTS.keys() - {MailKind.ACCOUNT_ACTIVE, MailKind.LOW_BALANCE}))
def test_a_customer_is_written_nothing_about_what_is_not_hers(kind: MailKind) -> None:
    """She has an address and credits; what the mail is about is not there."""
    intent = MailIntent(kind=kind, subject=SUBJECTS[kind], account_id=ADA, listed_at=NOON)
    with pytest.raises((NotFound, Outdated)):
        write_mail(intent, desk(store_with_contact()))
