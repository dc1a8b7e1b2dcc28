"""Receipts: the acknowledgement of a withdrawal or a cancellation. Plain text, without links, limited in length.

The mail has the same as a PDF, which can be kept apart from it.

Directive 2011/83/EU, article 11a(4): what was declared, word for word, and the date and time of its receipt. A receipt
does not judge what was declared.
"""

from datetime import UTC, date, datetime, timedelta

from ledger.domain.records import record
from ledger.mails.letters import Facts, Letter, Paragraph, Quote, Section, one_line
from ledger.mails.writing import Writer

MOST_OF_A_LINE, MOST_OF_A_STATEMENT = 200, 4_000
"""How many characters of what a stranger wrote are repeated. The whole statement is stored."""


@record(frozen=True, kw_only=True)
class Received:
    """What a receipt acknowledges."""

    is_cancellation: bool
    reference: str
    name: str  # as given; empty: the customer was logged in
    contract: str  # as given
    statement: str  # word for word
    received_at: datetime
    ends_on: datetime | None = None  # when a cancelled subscription ends, if the reader may know
    due_by: datetime | None  # by when the money of a withdrawal is back, if any is due


def receipt(received: Received, mail_id: str, writer: Writer) -> Letter:
    """Return the letter that acknowledges a declaration."""
    kind = "cancellation" if received.is_cancellation else "withdrawal"

    def write(key: str, **figures: str) -> str:
        return writer.write(f"receipt.{key}", **figures)

    rows = [
        (write("reference"), received.reference),
        (write("received_at"), times(received.received_at, writer)),
        *([(write("name"), without_links(one_line(received.name, MOST_OF_A_LINE)))] if received.name else []),
        (write("contract"), without_links(one_line(received.contract, MOST_OF_A_LINE))),
    ]
    statement = without_links(received.statement[:MOST_OF_A_STATEMENT])
    return writer.letter(
        write(f"{kind}_subject"),
        write(f"{kind}_heading"),
        mail_id,
        Paragraph(writer.write("common.greeting")),
        Paragraph(write(f"{kind}_intro")),
        Facts(tuple(rows)),
        Section(write("statement")),
        Quote(statement),
        Paragraph(_what_next(received, writer)),
        reason="receipt.reason",
    )


def _what_next(received: Received, writer: Writer) -> str:
    if received.due_by:
        return writer.write("receipt.withdrawal_next", due_by=writer.day(received.due_by))
    if received.ends_on:
        return writer.write("receipt.cancellation_ends", day=writer.day(received.ends_on))
    return writer.write("receipt.cancellation_next")


def without_links(text: str) -> str:
    """Return a text in which no mail program finds an address to open: anybody can have a receipt sent to anybody."""
    return text.replace("://", ": //").replace("www.", "www .")


def times(at: datetime, writer: Writer) -> str:
    """Return a time with seconds and offset: in the zone of the language, and in UTC."""
    utc = at.astimezone(UTC)
    if writer.language == "en":
        return f"{writer.day(utc)}, {utc:%H:%M:%S} UTC (+00:00)"
    local, hours = _central_european(utc)
    return f"{writer.day(local.date())}, {local:%H:%M:%S} (+0{hours}:00) = {utc:%H:%M:%S} UTC"


def _central_european(utc: datetime) -> tuple[datetime, int]:
    """Return the time of Central Europe, and its offset in hours. Summer time is from March to October."""
    begins, ends = (_last_sunday(utc.year, month) for month in (3, 10))
    hours = 2 if begins <= utc < ends else 1
    return utc + timedelta(hours=hours), hours


def _last_sunday(year: int, month: int) -> datetime:
    last = date(year, month, 31)
    day = last - timedelta(days=(last.weekday() + 1) % 7)
    return datetime(day.year, day.month, day.day, 1, tzinfo=UTC)
