"""Rows of an account's timeline: looks, and mails whose records are elsewhere, by the account and the time."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TimelineRowKind(StrEnum):
    """What a row of the timeline is about."""

    LOOK = "look"  # a person of support has read a page about the account
    MAIL = "mail"  # a mail to the account has ended: its record has more


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineRow:
    """A row of an account's timeline. Of one person, page and minute there is one look."""

    kind: TimelineRowKind
    subject: str  # of a look: the page; of a mail: its id
    at: datetime
    actor: str = ""  # of a look: the person
