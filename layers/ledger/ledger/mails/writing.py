"""Write the sentences of mails in one language."""

import functools
from datetime import UTC, date, datetime
from pathlib import Path

from ledger.domain.contacts import known_language
from ledger.domain.money import Money
from ledger.domain.texts import Figure, FigureValue, Text
from ledger.mails.letters import Block, House, Letter, blocks, one_line
from ledger.policy.texts import DEFAULT_LANGUAGE, Texts, load, placeholders

DIRECTORY = Path(__file__).with_name("texts")


@functools.cache
def mail_texts() -> Texts:
    """Return the texts of mails. They are read once, when the first mail is written."""
    return load(DIRECTORY)


class Writer:
    """Writes sentences by key in one language. The figures of the house are known to each sentence."""

    def __init__(self, language: str, house: House) -> None:
        self.language = known_language(language)
        self.house = house
        self._figures = {
            "product": house.product,
            "seller": house.seller,
            "address": house.address,
            "email": house.email,
        }

    def write(self, key: str, /, **figures: FigureValue) -> str:
        """Return the sentence of a key. Raise TextError if a figure is missing."""
        texts = mail_texts()
        known = texts.languages[self.language].templates.get(key) or texts.languages[DEFAULT_LANGUAGE].templates[key]
        needed = placeholders(known)
        house = {name: value for name, value in self._figures.items() if name in needed and name not in figures}
        values = tuple(Figure.of(name, value) for name, value in {**house, **figures}.items())
        return texts.render(Text(key=key, figures=values), self.language)

    def money(self, amount_minor: int, currency: str) -> str:
        """Return an amount."""
        return self.write("common.money", amount=Money(amount_minor=amount_minor, currency=currency))

    def number(self, count: int) -> str:
        """Return a whole number."""
        return f"{count:,}".replace(",", self.write("common.thousands"))

    def day(self, at: datetime | date) -> str:
        """Return a day, of a time that in UTC."""
        return self.write("common.day", day=at.astimezone(UTC).date() if isinstance(at, datetime) else at)

    def moment(self, at: datetime) -> str:
        """Return a day and a time with seconds, in UTC."""
        utc = at.astimezone(UTC)
        return f"{self.day(utc)}, {utc:%H:%M:%S} UTC"

    def letter(
        self, subject: str, heading: str, mail_id: str, *parts: Block | None, reason: str = "common.reason"
    ) -> Letter:
        """Return a letter with the greeting's usual end."""
        closing = f"{self.write('common.closing')}\n{self.write('common.team')}"
        imprint = (
            self.write("common.help"),
            self.write("common.imprint"),
            self.write(reason),
            self.write("common.reference", mail_id=mail_id),
        )
        return Letter(
            language=self.language,
            subject=one_line(subject),
            heading=heading,
            blocks=blocks(parts),
            footer=(closing, *imprint),
        )
