"""The local run's mail service: keeps each mail as a file that any mail program opens, and sends nothing."""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

from ledger.ports.mailer import Message
from ledger.ses import MAIL_ID
from tools.devserver.environment import FOLDER

MAILS = FOLDER / "mails"
SENDER = "Image Tagger AI <billing@local.invalid>"


@dataclass(frozen=True, slots=True)
class KeptMail:
    """A mail that the local run kept."""

    path: Path
    sent_at: str
    to: str
    subject: str


class Mailbox:
    """A folder of mails. It takes the place of the mail service."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        """Keep mails in `.local/mails`, or in the folder that the environment names in MAILS_FOLDER."""
        self.folder = folder_of_mails()
        self.written: set[str] = set()  # the names of its files: others may keep mails in the same folder
        self._clock = clock

    def send(self, message: Message) -> str:
        """Keep one message. Return an id as the mail service gives one."""
        now = self._clock()
        message_id = f"local-{hashlib.sha256(f'{message.mail_id} {now}'.encode()).hexdigest()[:24]}"
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{now:%Y-%m-%dT%H-%M-%S}-{message.mail_id}.eml"
        (self.folder / name).write_bytes(as_mime(message, SENDER, now, message_id).as_bytes())
        self.written.add(name)
        return message_id


def as_mime(message: Message, sender: str, at: datetime, message_id: str) -> EmailMessage:
    """Return a message as it travels."""
    mime = EmailMessage(policy.SMTP)
    mime["From"], mime["To"], mime["Subject"] = sender, message.to, message.subject
    mime["Date"], mime["Message-ID"] = at, f"<{message_id}@local.invalid>"
    mime[MAIL_ID], mime["Content-Language"] = message.mail_id, message.language
    mime.set_content(message.text)
    if message.html:
        mime.add_alternative(message.html, subtype="html")
    for one in message.attachments:
        kind, _, subtype = one.content_type.partition("/")
        mime.add_attachment(one.content, maintype=kind, subtype=subtype, filename=one.name)
    return mime


def folder_of_mails() -> Path:
    """Return the folder in which mails are kept."""
    return Path(os.environ.get("MAILS_FOLDER") or MAILS)


def kept(folder: Path) -> Iterator[KeptMail]:
    """Yield the mails of a folder, oldest first."""
    for path in sorted(folder.glob("*.eml")):
        mail = read(path)
        yield KeptMail(path, str(mail["Date"]), str(mail["To"]), str(mail["Subject"]))


def read(path: Path) -> EmailMessage:
    """Return a kept mail."""
    with path.open("rb") as file:
        return BytesParser(EmailMessage, policy=policy.default).parse(file)
