"""The base of every request body, and the types of its fields. Every field is validated, unknown ones are refused."""

import hashlib
import json
import unicodedata
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from ledger.api import validation_messages
from ledger.api.countries import COUNTRIES


def _of_country(code: str) -> str:
    if code not in COUNTRIES:
        raise PydanticCustomError(
            "country", "Should be an ISO 3166-1 country code, for example DE. The United Kingdom is GB."
        )
    return code


def printable(text: str) -> str:
    """Return text as it is. Raise PydanticCustomError if it has control characters other than line ends and tabs."""
    if any(unicodedata.category(character) == "Cc" and character not in "\n\r\t" for character in text):
        raise PydanticCustomError("control_character", "Should be text without control characters.")
    return text


def _written_day(value: object) -> object:
    """Accept text only: pydantic reads a number as seconds since 1970."""
    if not (isinstance(value, str) and len(value) == len("2026-11-01")):
        raise PydanticCustomError("day", "Should be a day, for example 2026-11-01.")
    return value


def _written_time(value: object) -> object:
    if not (isinstance(value, str) and value[4:5] == "-"):
        raise PydanticCustomError(
            "time", "Should be a time with its offset from UTC, for example 2026-11-01T12:00:00Z."
        )
    return value


_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def _plausible_day(day: date) -> date:
    if not _FIRST.date() <= day < _LAST.date():
        raise PydanticCustomError("day", "Should be a day of this century, for example 2026-11-01.")
    return day


def _plausible_time(at: datetime) -> datetime:
    if not _FIRST <= at < _LAST:
        raise PydanticCustomError("time", "Should be a time of this century, for example 2026-11-01T12:00:00Z.")
    return at


Id = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=validation_messages.VISIBLE)]


Text = Annotated[
    str, StringConstraints(min_length=1, max_length=4000, strip_whitespace=True), AfterValidator(printable)
]


Line = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True), AfterValidator(printable)]


Currency = Annotated[str, StringConstraints(pattern=validation_messages.CURRENCY)]


Language = Annotated[str, StringConstraints(pattern=validation_messages.LANGUAGE)]


Country = Annotated[str, StringConstraints(min_length=2, max_length=2), AfterValidator(_of_country)]


Email = Annotated[str, StringConstraints(max_length=254, pattern=validation_messages.EMAIL), AfterValidator(printable)]


Credits = Annotated[int, Field(strict=True, ge=1, le=10_000_000)]


Minor = Annotated[int, Field(strict=True, ge=1, le=100_000_000_000)]


Day = Annotated[date, AfterValidator(_plausible_day), BeforeValidator(_written_day)]


Time = Annotated[AwareDatetime, AfterValidator(_plausible_time), BeforeValidator(_written_time)]


class RequestModel(BaseModel):
    """The base of every request body."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def fingerprint(self) -> str:
        """Return one text for one request, however its JSON was written and whatever the fields' defaults are."""
        content = json.dumps(self.model_dump(mode="json", exclude_none=True), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()
