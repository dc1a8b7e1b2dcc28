"""Send mails: each once, whatever fails on the way.

intent in the list
  └► leased for a minute, to one sender
       └► written out and handed to the mail service
            ├► accepted      the consent of a confirmed order is complete; record written, intent removed: one write
            ├► refused       record written, intent removed: an alarm is raised
            ├► no address    the intent stays, and is looked at again once a day
       ├► paced         the intent stays leased until the address may have another receipt
            └► unclear       the intent stays; it is sent again, with the same id, after the lease

The mail service has no key that makes a repetition harmless: a mail whose acceptance was not learned is sent again. The
id that both carry, in the header `X-Billing-Mail` and in a tag, shows that they are one.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from ledger.domain.errors import MailRefused, MailUnavailable, RequestRefused
from ledger.domain.mails import MailIntent, MailKind, MailOutcome, MailRecord, order_of
from ledger.domain.timeline import TimelineRow, TimelineRowKind
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import mail_intent_key, mail_record_key, timeline_row_key
from ledger.ports.mailer import Mailer
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.consents import confirm_consent
from ledger.usecases.declarations.mails import record_acknowledgement, record_notice
from ledger.usecases.late_information import record_information_sent
from ledger.usecases.transaction import CONFLICT, Retry, commit_unread, run_transaction
from ledger.usecases.write_mails import Desk, NoAddress, Outdated, Paced, write_mail

LEASE_DURATION = timedelta(seconds=60)
"""How long one sender has an intent to itself. Longer than the function runs, so that two senders never overlap."""


class MailResult(StrEnum):
    """What happened to an intent."""

    SENT = "sent"
    REFUSED = "refused"
    OUTDATED = "outdated"
    OFF = "off"
    ENDED = "ended"  # it was recorded before, or it does not exist
    LEASED = "leased"  # another sender works on it
    NO_ADDRESS = "no_address"
    PACED = "paced"  # its address had many receipts within the hour: it is sent later
    UNCLEAR = "unclear"  # a later attempt sends it
    FAILED = "failed"  # it had been sent, and came back or was reported as spam


_RESULTS = {
    MailOutcome.SENT: MailResult.SENT,
    MailOutcome.REFUSED: MailResult.REFUSED,
    MailOutcome.OUTDATED: MailResult.OUTDATED,
    MailOutcome.OFF: MailResult.OFF,
}


def send_mail(mail_id: str, desk: Desk, mailer: Mailer | None, *, clock: Callable[[], datetime]) -> MailResult:
    """Send one mail.

    `mailer` None: this deployment sends no mails. The intent ends without one, unless an earlier attempt was accepted.
    Raise StoreUnavailable: a later attempt goes on where this one ended.
    """
    store = desk.store
    intent = _acquire_lease(mail_id, store, clock)
    if isinstance(intent, MailResult):
        return intent
    if intent.message_id is None:
        if mailer is None:
            return _end(intent, MailOutcome.OFF, store, clock())
        try:
            message = write_mail(intent, desk)
            message_id = mailer.send(message)
        except Outdated:
            return _end(intent, MailOutcome.OUTDATED, store, clock())
        except NoAddress:
            return _give_back(intent, store)
        except Paced as paced:
            _store(intent, replace(intent, leased_until=paced.until), store)
            return MailResult.PACED
        except MailRefused as refusal:
            return _end(intent, MailOutcome.REFUSED, store, clock(), reason=refusal.code)
        except MailUnavailable as error:
            _store(intent, replace(intent, last_error=str(error)), store)
            return MailResult.UNCLEAR
        digest = hashlib.sha256(message.text.encode()).hexdigest()
        intent = replace(
            intent, message_id=message_id, accepted_at=clock(), language=message.language, body_sha256=digest
        )
    return _follow_up(intent, store)


def _acquire_lease(mail_id: str, store: Store, clock: Callable[[], datetime]) -> MailIntent | MailResult:
    """Lease the intent. Return it as it is stored then, or why there is nothing to do."""
    key, record_key = mail_intent_key(mail_id), mail_record_key(mail_id)

    def acquire() -> tuple[MailIntent | MailResult] | Retry:
        now = clock()
        known = store.read(Keys(documents=frozenset({key, record_key})))
        intent = known.document(key, MailIntent)
        if intent is None:
            return (MailResult.ENDED,)
        if known.document(record_key, MailRecord):  # it was listed again after it had ended
            commit_unread(Commit(documents=(DocumentChange(mail_intent_key(mail_id), None),)), store, f"mail {mail_id}")
            return (MailResult.ENDED,)
        if intent.leased_until and intent.leased_until > now:
            return (MailResult.LEASED,)
        leased = replace(
            intent,
            first_sent_at=intent.first_sent_at or now,
            leased_until=now + LEASE_DURATION,
            attempts=intent.attempts + 1,
        )
        if store.commit(Commit(documents=(DocumentChange(key, leased, intent.version),))):
            return CONFLICT
        return (replace(leased, version=intent.version + 1),)

    (result,) = run_transaction(acquire, f"mail {mail_id}")
    return result


def _follow_up(intent: MailIntent, store: Store) -> MailResult:
    """Do what follows from a mail's acceptance, then record it.

    What follows is a write of its own. The acceptance is stored first, so that the mail is not sent
    again if that write fails.
    """
    accepted_at = intent.accepted_at or intent.listed_at
    if follow_up := _FOLLOW_UPS.get(intent.kind):
        intent = _store(intent, intent, store)
        with suppress(RequestRefused):  # the order has no consent to confirm
            follow_up(intent, store, accepted_at)
    return _end(intent, MailOutcome.SENT, store, accepted_at)


def _confirm_consent(intent: MailIntent, store: Store, at: datetime) -> None:
    # Each attempt writes the mail anew. What was consented to before the first one is in it; what is consented to later
    # has a confirmation of its own.
    order_id, written_at = order_of(intent.subject), intent.first_sent_at
    confirm_consent(order_id, intent.message_id or "", store, at, written_at=written_at)


_FOLLOW_UPS: Mapping[MailKind, Callable[[MailIntent, Store, datetime], object]] = {
    MailKind.CONTRACT_CONFIRMATION: _confirm_consent,
    MailKind.WITHDRAWAL_INFORMATION: lambda intent, store, at: record_information_sent(
        intent.subject, intent.message_id or "", store, at
    ),
    MailKind.DECLARATION_RECEIPT: lambda intent, store, at: record_acknowledgement(intent.subject, store, at=at),
    MailKind.REVIEW_RECEIVED: lambda intent, store, at: record_acknowledgement(intent.subject, store, at=at),
    MailKind.DECLARATION_NOTICE: lambda intent, store, at: record_notice(intent.subject, store, at=at),
}
"""What follows from the acceptance of a mail, by its kind. Each may be repeated."""


def _store(before: MailIntent, intent: MailIntent, store: Store) -> MailIntent:
    """Store an intent that this sender has leased, and return it."""
    change = DocumentChange(mail_intent_key(intent.mail_id), intent, before.version)
    commit_unread(Commit(documents=(change,)), store, f"mail {intent.mail_id}")
    return replace(intent, version=before.version + 1)


def _give_back(intent: MailIntent, store: Store) -> MailResult:
    """Put an intent back: its account has no address."""
    _store(intent, replace(intent, leased_until=None, lacks_address=True), store)
    return MailResult.NO_ADDRESS


def _end(intent: MailIntent, outcome: MailOutcome, store: Store, at: datetime, *, reason: str = "") -> MailResult:
    """Write the record and remove the intent."""
    record = MailRecord(
        kind=intent.kind,
        subject=intent.subject,
        account_id=intent.account_id,
        listed_at=intent.listed_at,
        outcome=outcome,
        ended_at=at,
        message_id=intent.message_id,
        language=intent.language,
        body_sha256=intent.body_sha256,
        reason=reason,
    )
    changes = (
        DocumentChange(mail_record_key(intent.mail_id), record),
        DocumentChange(mail_intent_key(intent.mail_id), None),
        *_noted(intent, at),
    )
    refusal = commit_unread(Commit(documents=changes), store, f"mail {intent.mail_id}")
    return _RESULTS[outcome] if refusal is None else MailResult.ENDED


def _noted(intent: MailIntent, at: datetime) -> Iterator[DocumentChange]:
    """Yield the row of the account's timeline that leads to the record of a mail."""
    if intent.account_id:
        row = TimelineRow(kind=TimelineRowKind.MAIL, subject=intent.mail_id, at=at)
        yield DocumentChange(timeline_row_key(intent.account_id, row), row, None)
