"""Contacts: where mails of an account go, and in which language. Personal data, stored apart from everything else."""

from dataclasses import replace
from datetime import datetime

from ledger.domain.ids import AccountId
from ledger.domain.records import record

LANGUAGES = ("en", "de", "fr", "it", "es", "nl", "pl")
"""The languages of mails. The first one is that of a customer who names none of them."""

_LONGEST = 254  # of an address (RFC 5321)


@record(frozen=True, kw_only=True)
class Contact:
    """The address of an account's customer. Without it the account, its entries and its mails' records are intact."""

    account_id: AccountId
    email: str
    language: str  # ISO 639-1, lower case: that of the latest order
    noted_at: datetime  # when it was last stored
    failing_since: datetime | None = None  # a mail to this address bounced, or was reported as spam
    failure: str = ""  # `bounce` or `complaint`; empty: none
    version: int = 0  # 0: not stored yet

    def with_address(self, email: str, language: str, at: datetime) -> "Contact":
        """Return the contact with this address and language. Another address is not known to fail."""
        if email == self.email:
            return replace(self, language=language, noted_at=at)
        return replace(self, email=email, language=language, noted_at=at, failing_since=None, failure="")


def is_address(text: str | None) -> bool:
    """Return whether a text can be the address of a mail: one address, in one line."""
    if not text or len(text) > _LONGEST or not text.isprintable() or any(c in text for c in ' ,;:<>()[]"\\'):
        return False
    name, _, domain = text.rpartition("@")
    return bool(name) and "@" not in name and "." in domain.strip(".")


def known_language(*wanted: str) -> str:
    """Return the first of these languages in which mails are written: `de` also for `de-AT`. English if none is."""
    short = (name.strip().partition("-")[0].lower() for name in wanted)
    return next((name for name in short if name in LANGUAGES), LANGUAGES[0])
