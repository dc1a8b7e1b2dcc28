"""Keep the address of an account's customer, and confirm to a new one what the old one may not have had."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from ledger.domain.contacts import Contact, is_address
from ledger.domain.ids import AccountId, OrderId
from ledger.domain.mails import MailKind
from ledger.ports.commit import DocumentChange
from ledger.ports.documents import contact_key, sortable
from ledger.usecases.list_mails import list_mail

MOST_CONFIRMED_ANEW = 5
"""For how many orders a new address gets another confirmation at once."""


class Address(NamedTuple):
    """Where a customer's mails go, as the token has it, and in which language."""

    email: str | None
    language: str


def contact_change(
    account_id: AccountId, address: Address, known: Contact | None, now: datetime
) -> tuple[DocumentChange, ...]:
    """Return the change that stores where the customer's mails go, if that is new."""
    email, language = address
    if email is None or not is_address(email):
        return ()
    new = Contact(account_id=account_id, email=email, language=language, noted_at=now)
    if known and (known.email, known.language) == (email, language):
        return ()
    contact = known.with_address(email, language, now) if known else new
    return (DocumentChange(contact_key(account_id), contact, contact.version),)


def confirmations_to_new_address(
    account_id: AccountId, order_ids: Collection[OrderId], address: Address, known: Contact | None, now: datetime
) -> tuple[DocumentChange, ...]:
    """Return the changes that list another confirmation of orders that wait for one, if the address is another one.

    A mail to the old one was refused, came back, or was never read. Of an order without a consent it changes nothing.
    """
    is_new = is_address(address.email) and (known is None or known.email != address.email)
    names = sorted(order_ids)[:MOST_CONFIRMED_ANEW] if is_new else ()
    kind, at = MailKind.CONTRACT_CONFIRMATION, sortable(now)
    return tuple(list_mail(kind, f"{order_id}/{at}", account_id, now) for order_id in names)
