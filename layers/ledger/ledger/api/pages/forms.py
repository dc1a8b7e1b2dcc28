"""The fields of a form as it was sent: read, cleaned, and checked for what an acknowledgement needs."""

import base64
import binascii
import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import parse_qsl

from ledger.api.gateway_event import MAX_BODY_BYTES
from ledger.api.pages.texts import Words
from ledger.domain.declarations import Channel, DeclarationKind, Submission
from ledger.domain.errors import InvalidBody
from ledger.domain.records import record

FIELDS = ("name", "contract", "email", "part", "message", "type", "ends_on", "form", "language", "token")
MOST = {"name": 200, "contract": 1000, "email": 254, "part": 4000, "message": 4000}
"""The most characters of each field. An acknowledgement repeats them."""

_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\"]+")
_SECRET = re.compile(r"[A-Za-z0-9_-]{20,64}")
_LINES = frozenset({"contract", "part", "message"})
"""The fields that may have several lines."""


@record(frozen=True)
class Sent:
    """A form as it was sent: cleaned texts by field."""

    fields: Mapping[str, str]

    @property
    def secret(self) -> str | None:
        """Return the form's secret. None: it has none that a page of ours made."""
        secret = self.fields.get("form", "")
        return secret if _SECRET.fullmatch(secret) else None

    @property
    def is_empty(self) -> bool:
        return not any(self.fields.get(name) for name in ("name", "contract", "email"))


def read_form(event: Mapping[str, Any]) -> Sent:
    """Return the form in a request. Raise InvalidBody if it is none, or too large."""
    media_type = str((event.get("headers") or {}).get("content-type", "")).partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise InvalidBody("Send the form as application/x-www-form-urlencoded.", 415, "unsupported-media-type")
    body = event.get("body") or ""
    try:
        raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode("utf-8", "surrogatepass")
    except (binascii.Error, ValueError):
        raise InvalidBody("The body is not Base64.") from None
    if len(raw) > MAX_BODY_BYTES:
        raise InvalidBody(f"The body has {len(raw)} bytes. The limit is {MAX_BODY_BYTES}.", 413, "too-large")
    try:
        pairs = parse_qsl(raw.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=40)
    except ValueError:
        raise InvalidBody("The form has too many fields.") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in FIELDS:
            found.setdefault(name, _clean(name, value))
    return Sent(found)


def check(sent: Sent, kind: DeclarationKind, words: Words) -> dict[str, str]:
    """Return what is wrong with a form: the message by its field, in the language of the page."""
    wrong: dict[str, str] = {}
    texts = sent.fields
    for name in ("name", "contract", "email"):
        if not texts.get(name):
            wrong[name] = words(f"error.{name}")
    if texts.get("email") and not _EMAIL.fullmatch(texts["email"]):
        wrong["email"] = words("error.email")
    if kind is DeclarationKind.CANCELLATION:
        if texts.get("ends_on") and _day(texts["ends_on"]) is None:
            wrong["ends_on"] = words("error.ends_on")
        if texts.get("type") == "extraordinary" and not texts.get("message"):
            wrong["message"] = words("error.cause")
    for name, most in MOST.items():
        text = texts.get(name, "")
        if len(text) > most:
            wrong[name] = words("error.too_long", most=str(most))
        elif not _is_printable(text):
            wrong[name] = words("error.characters")
    return wrong


def submission_of(sent: Sent, kind: DeclarationKind, language: str, source: str) -> Submission:
    """Return what a form says, without its statement. What is too long is cut: of a draft only its time counts."""
    texts = {name: sent.fields.get(name, "")[:most] for name, most in MOST.items()}
    is_cancellation = kind is DeclarationKind.CANCELLATION
    return Submission(
        kind=kind,
        name=texts["name"],
        contract=texts["contract"],
        email=texts["email"],
        language=language,
        statement="",
        part="" if is_cancellation else texts["part"],
        message=texts["message"],
        is_extraordinary=is_cancellation and sent.fields.get("type") == "extraordinary",
        ends_on=_day(sent.fields.get("ends_on", "")) if is_cancellation else None,
        channel=Channel.PAGE,
        source=source,
    )


def _clean(name: str, value: str) -> str:
    """Return a field's text in one form: of one line, or with plain ends of lines; without space around it."""
    if name in _LINES:
        return value.replace("\r\n", "\n").replace("\r", "\n").strip()
    return " ".join(value.split())


def _is_printable(text: str) -> bool:
    """Return whether a text has no control characters but ends of lines and tabs, and no half of a character."""
    return all(character in "\n\t" or unicodedata.category(character) not in {"Cc", "Cs"} for character in text)


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text) if len(text) == len("2026-11-01") else None
    except ValueError:
        return None
    return day if day and 2000 <= day.year < 2100 else None
