"""Mails about an account: its state, its balance, and credits that it got back."""

from datetime import timedelta

from ledger.domain.errors import NotFound
from ledger.domain.incidents import Incident, IncidentShare, IncidentState
from ledger.domain.mails import MailIntent
from ledger.mails.notices import account_active, account_suspended, credits_replaced, low_balance
from ledger.ports.documents import incident_key, incident_share_key
from ledger.ports.reads import Keys
from ledger.usecases.write_mails.desk import Desk, Outdated, Paced, Written, account_of, reach


def write_account_suspended(intent: MailIntent, desk: Desk) -> Written:
    """Tell why an account is suspended. Raise Outdated if it is not any more, NoAddress or StoreUnavailable."""
    holds = account_of(intent, desk).holds
    if not holds:
        raise Outdated
    to, writer = reach(intent, desk)
    reasons = tuple(sorted({hold_id.partition(":")[0] for hold_id in holds}))
    return to, account_suspended(reasons, intent.mail_id, writer)


def write_account_active(intent: MailIntent, desk: Desk) -> Written:
    """Tell that an account is active again. Raise Outdated if it is not, NoAddress or StoreUnavailable."""
    if account_of(intent, desk).holds:
        raise Outdated
    to, writer = reach(intent, desk)
    return to, account_active(intent.mail_id, writer)


def write_credits_replaced(intent: MailIntent, desk: Desk) -> Written:
    """Tell what an account got from an incident. Raise Paced until the last part of very many failed runs is there.

    Raise NotFound, NoAddress or StoreUnavailable.
    """
    incident_id = intent.subject.partition("/")[0]
    if intent.account_id is None:
        raise NotFound(f"There is no account in {incident_id}.")
    key, share_key = incident_key(incident_id), incident_share_key(incident_id, intent.account_id)
    stored = desk.store.read(Keys(documents=frozenset({key, share_key})))
    incident, share = stored.document(key, Incident), stored.document(share_key, IncidentShare)
    if incident is None or share is None:
        raise NotFound(f"There is no incident {incident_id}.")
    if incident.state is IncidentState.RUNNING and incident.after < intent.account_id:
        raise Paced(desk.clock() + _PARTS_WITHIN)
    to, writer = reach(intent, desk)
    return to, credits_replaced(share.runs, share.credits, intent.mail_id, writer)


_PARTS_WITHIN = timedelta(minutes=1)


def write_low_balance(intent: MailIntent, desk: Desk) -> Written:
    """Tell what is left, as of now. Raise Outdated if the customer has bought credits, or can't use any.

    Raise NoAddress or StoreUnavailable.
    """
    account, now = account_of(intent, desk), desk.clock()
    spendable = account.spendable(now, is_debt_withheld=desk.is_debt_withheld)
    if account.holds or spendable >= desk.low_balance:
        raise Outdated
    to, writer = reach(intent, desk)
    locked = sum(lock.credits for lock in account.locks(now).values())
    return to, low_balance(spendable, locked, intent.mail_id, writer)
