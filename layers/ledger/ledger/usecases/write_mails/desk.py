"""Desk: what mails are written from, whom a mail reaches, and why it may not be written."""

from collections.abc import Callable, Mapping
from datetime import datetime

from ledger.domain.accounts import Account
from ledger.domain.catalogue import Catalogue
from ledger.domain.contacts import Contact
from ledger.domain.ids import AccountId
from ledger.domain.mails import MailIntent
from ledger.domain.records import record
from ledger.mails.confirmation import Reseller
from ledger.mails.letters import House, Letter
from ledger.mails.writing import Writer
from ledger.policy.parameters import PolicyParameters
from ledger.ports.documents import contact_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store


@record(frozen=True, kw_only=True)
class Desk:
    """What mails are written from."""

    store: Store
    catalogue: Catalogue
    policy: PolicyParameters
    house: House
    resellers: Mapping[str, Reseller]  # by provider: those that sell in their own name
    new_secret: Callable[[], str]  # for the links of a mail
    clock: Callable[[], datetime]
    low_balance: int = 0  # the setting by which a balance is low
    is_debt_withheld: bool = True  # the setting by which a shortfall lowers what can be spent


class Outdated(Exception):
    """Nothing is to be sent any more: what the mail is about has gone on."""


class Paced(Exception):
    """The address had many mails of this kind: this one waits until a time."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"It waits until {until.isoformat()}.")
        self.until = until


class NoAddress(Exception):
    """The account has no address to which mails can be delivered."""


Written = tuple[str, Letter]
"""An address, and the letter to it."""


def reach(intent: MailIntent, desk: Desk) -> tuple[str, Writer]:
    """Return the address of the intent's account, and a writer in its language. Raise NoAddress."""
    if intent.account_id is None:
        raise NoAddress
    key = contact_key(intent.account_id)
    contact = desk.store.read(Keys(documents=frozenset({key}))).document(key, Contact)
    if contact is None or contact.failing_since:
        raise NoAddress
    return contact.email, Writer(contact.language, desk.house)


def account_of(intent: MailIntent, desk: Desk) -> Account:
    """Return the account that a mail is to, or a new one. Raise StoreUnavailable."""
    account_id = intent.account_id or AccountId("")
    found = desk.store.read(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
    return found or Account(account_id=account_id)


def name_of(product_id: str, at: datetime, desk: Desk) -> str:
    """Return the name of a product as it was sold at a time."""
    sold = desk.catalogue.product(product_id, at)
    return sold.name if sold else product_id


def products_of(lines: tuple[object, ...], at: datetime, desk: Desk) -> str:
    """Return the names of the products of these lines of a payment, each once, as they were sold at a time."""
    names = (name_of(str(getattr(line, "product_id", "")), at, desk) for line in lines)
    return ", ".join(dict.fromkeys(names))
