"""Notices to the address on file: a declaration was made without a login; an account is suspended, or active again; …

A review by a person that was asked for has two: it was received, and it was answered.
"""

from datetime import datetime

from ledger.domain.records import record
from ledger.mails.letters import Facts, Letter, Link, Paragraph, Quote, Section
from ledger.mails.receipts import times
from ledger.mails.writing import Writer


@record(frozen=True, kw_only=True)
class Declared:
    """A declaration that was made without a login, and the two pages on which its holder answers it.

    It has nothing that whoever declared has written: mail programs make links of a stranger's words.
    """

    is_cancellation: bool
    reference: str
    contract: str  # the provider's id of it, as we have found it
    received_at: datetime
    approval_url: str
    objection_url: str


def declaration_notice(declared: Declared, mail_id: str, writer: Writer) -> Letter:
    """Return the letter that asks the address on file whether a declaration is the customer's."""

    def write(key: str, **figures: str) -> str:
        return writer.write(f"declaration_notice.{key}", **figures)

    kind = "cancellation" if declared.is_cancellation else "withdrawal"
    return writer.letter(
        write(f"{kind}_subject"),
        write(f"{kind}_heading"),
        mail_id,
        Paragraph(writer.write("common.greeting")),
        Paragraph(write("intro")),
        Facts(
            (
                (writer.write("receipt.reference"), declared.reference),
                (writer.write("receipt.contract"), declared.contract),
                (writer.write("receipt.received_at"), times(declared.received_at, writer)),
            )
        ),
        Paragraph(write("yours")),
        Link(write("approve"), declared.approval_url),
        Paragraph(write("not_yours")),
        Link(write("object"), declared.objection_url, is_main=False),
        Paragraph(write("silence")),
    )


def cancellation_confirmed(reference: str, ends_at: datetime | None, mail_id: str, writer: Writer) -> Letter:
    """Return the letter that says that a subscription is cancelled, and when it ends. None: that is not known."""

    def write(key: str, **figures: str) -> str:
        return writer.write(f"cancellation_confirmed.{key}", **figures)

    return writer.letter(
        write("subject"),
        write("heading"),
        mail_id,
        Paragraph(writer.write("common.greeting")),
        Facts(((writer.write("receipt.reference"), reference),)),
        Paragraph(write("text", day=writer.day(ends_at)) if ends_at else write("text_open")),
        Link(write("button"), writer.house.account_url),
    )


def account_suspended(reasons: tuple[str, ...], mail_id: str, writer: Writer) -> Letter:
    """Return the letter that says why an account is suspended, and how a person reviews that.

    `reasons` are the kinds of the holds: `dispute`, `fraud`, …
    """

    def write(key: str, **figures: str) -> str:
        return writer.write(f"account_suspended.{key}", **figures)

    known = [reason if reason in {"dispute", "fraud"} else "other" for reason in reasons]
    return writer.letter(
        write("subject"),
        write("heading"),
        mail_id,
        Paragraph(writer.write("common.greeting")),
        Paragraph(write("intro")),
        Section(write("why")),
        *(Paragraph(write(f"by_{reason}")) for reason in dict.fromkeys(known)),
        Section(write("what_now")),
        Paragraph(write("effect")),
        Paragraph(write("review")),
        Link(write("button"), writer.house.account_url),
    )


def review_received(
    reference: str, statement: str, received_at: datetime, due_by: datetime, mail_id: str, writer: Writer
) -> Letter:
    """Return the letter that acknowledges that a review by a person was asked for."""

    def write(key: str, **figures: str) -> str:
        return writer.write(f"review_received.{key}", **figures)

    return writer.letter(
        write("subject"),
        write("heading"),
        mail_id,
        Paragraph(writer.write("common.greeting")),
        Paragraph(write("text", day=writer.day(due_by))),
        Facts(
            (
                (writer.write("receipt.reference"), reference),
                (writer.write("receipt.received_at"), times(received_at, writer)),
            )
        ),
        Section(writer.write("receipt.statement")),
        Quote(statement),
        Link(write("button"), writer.house.account_url),
    )


def review_answered(reference: str, answer: str, mail_id: str, writer: Writer) -> Letter:
    """Return the letter with a person's answer to a review."""

    def write(key: str) -> str:
        return writer.write(f"review_answered.{key}")

    return writer.letter(
        write("subject"),
        write("heading"),
        mail_id,
        Paragraph(writer.write("common.greeting")),
        Paragraph(write("text")),
        Facts(((writer.write("receipt.reference"), reference),)),
        Section(write("answer")),
        Quote(answer),
        Paragraph(write("rights")),
        Link(write("button"), writer.house.account_url),
    )


def account_active(mail_id: str, writer: Writer) -> Letter:
    """Return the letter that says that an account is active again."""

    def write(key: str) -> str:
        return writer.write(f"account_active.{key}")

    return writer.letter(
        write("subject"),
        write("heading"),
        mail_id,
        Paragraph(writer.write("common.greeting")),
        Paragraph(write("text")),
        Link(write("button"), writer.house.account_url),
    )


def credits_replaced(runs: int, credits_: int, mail_id: str, writer: Writer) -> Letter:
    """Return the letter that says that the credits of failed runs were replaced, and of how many runs."""

    def write(key: str) -> str:
        return writer.write(f"credits_replaced.{key}")

    return writer.letter(
        write("subject"),
        write("heading"),
        mail_id,
        Paragraph(writer.write("common.greeting")),
        Paragraph(write("text")),
        Facts(((write("runs"), writer.number(runs)), (write("credits"), writer.number(credits_)))),
        Paragraph(write("use")),
        Link(write("button"), writer.house.account_url),
    )


def low_balance(spendable: int, locked: int, mail_id: str, writer: Writer) -> Letter:
    """Return the letter that says that few credits are left. `locked`: more that wait for a consent."""

    def write(key: str, **figures: str) -> str:
        return writer.write(f"low_balance.{key}", **figures)

    return writer.letter(
        write("subject"),
        write("heading"),
        mail_id,
        Paragraph(writer.write("common.greeting")),
        Paragraph(write("text")),
        Facts(
            (
                (write("left"), writer.number(spendable)),
                *([(write("locked"), writer.number(locked))] if locked else []),
            )
        ),
        *([Paragraph(write("unlock"))] if locked else []),
        Paragraph(write("more")),
        Link(write("button"), writer.house.account_url),
    )
