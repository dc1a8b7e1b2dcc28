"""The local run's mail service."""

from pathlib import Path

import pytest

from ledger.ports.mailer import Message
from tools.devserver.mailbox import Mailbox, kept
from tools.testing.builders import NOON


def message(mail_id: str) -> Message:
    """A mail of few words."""
    return Message(
        mail_id=mail_id,
        to="ada@example.com",
        subject="Hello",
        text="Hello.",
        html=None,
        language="en",
        is_receipt=False,
    )


def test_a_mailbox_tells_its_own_mails_from_those_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs may keep theirs in one folder at the same time: each counts what it has sent itself."""
    monkeypatch.setenv("MAILS_FOLDER", str(tmp_path))
    one, other = (Mailbox(clock=lambda: NOON) for _ in range(2))
    one.send(message("mail_1"))
    other.send(message("mail_2"))
    other.send(message("mail_3"))
    assert [len(each.written) for each in (one, other)] == [1, 2]
    assert {mail.path.name for mail in kept(tmp_path)} == one.written | other.written
