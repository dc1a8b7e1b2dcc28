"""Every letter in every language: nothing is left to fill in, and nothing that a stranger wrote becomes markup."""

import re
from html.parser import HTMLParser

import pytest

from ledger.domain.contacts import LANGUAGES, is_address, known_language
from ledger.mails.letters import MOST_IN_A_SUBJECT, Letter, one_line
from ledger.mails.rendering import as_html, as_text
from ledger.mails.writing import Writer, mail_texts
from ledger.policy.texts import placeholders
from tests.unit.mails.samples import HOSTILE, HOUSE, LETTERS

EACH = [(kind, language) for kind in LETTERS for language in LANGUAGES]


def letter(kind: str, language: str = "en") -> Letter:
    """One of the sample letters."""
    return LETTERS[kind](Writer(language, HOUSE))


class Reader(HTMLParser):
    """Reads HTML: its tags, its links and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(("kind", "language"), EACH)
def test_nothing_is_left_to_fill_in(kind: str, language: str) -> None:
    """No placeholder, no key, no None; text and HTML say the same."""
    written = letter(kind, language)
    text, html = as_text(written), as_html(written, HOUSE)
    for content in (text, Reader(html).text, written.subject):
        assert not re.search(r"\{\w*\}|None|contract_confirmation\.|common\.", content)
    assert written.language == language
    assert "mail_1" in text
    assert "mail_1" in html
    shown = re.sub(r"\s+", "", Reader(html).text)
    for block in written.blocks:
        for value in vars_of(block):
            assert re.sub(r"\s+", "", value) in shown + "".join(Reader(html).links)


def vars_of(block: object) -> list[str]:
    """The texts of a block."""
    values = [getattr(block, name) for name in getattr(type(block), "__slots__", ())]
    rows = [row for value in values if isinstance(value, tuple) for row in value]
    return [*(value for value in values if isinstance(value, str)), *(text for row in rows for text in row)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_every_text_with_the_same_figures(language: str) -> None:
    """None is written out in English by accident."""
    english, other = mail_texts().languages["en"].templates, mail_texts().languages[language].templates
    assert {key: placeholders(text) for key, text in other.items()} == {
        key: placeholders(text) for key, text in english.items()
    }
    assert mail_texts().languages.keys() == set(LANGUAGES)
    same = {key for key in english if english[key] == other[key]} if language != "en" else set()
    assert same <= {key for key in english if key.startswith("common.")} | {
        "contract_confirmation.product",
        "contract_confirmation.credits",
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_stranger_wrote_is_neither_markup_nor_a_header(language: str) -> None:
    """A name with tags and line breaks: it is shown as it is, in one line where it is a header."""
    written = letter("hostile", language)
    html = as_html(written, HOUSE)
    assert "<script" not in html
    assert "script" not in Reader(html).tags
    assert "\n" not in written.subject
    assert "\r" not in written.subject
    assert set(Reader(html).links) == {HOUSE.account_url, HOUSE.withdrawal_url}


def test_a_subject_is_one_line_of_bounded_length() -> None:
    """Whatever it is made from."""
    assert one_line(HOSTILE) == 'Robert"><script>alert(1)</script> Bcc: all@example.com'
    assert one_line("a\u2028b\x00c\u202ed") == "a b c d"
    assert len(one_line("x" * 500)) == MOST_IN_A_SUBJECT


def test_a_confirmation_has_what_the_law_asks_for() -> None:
    """Seller, price, consent's words, the right with its form and its function, the policy: in the mail itself."""
    text = re.sub(r"\s+", " ", as_text(letter("pack")))
    for part in (
        *("Actinium Agency, Serbia", "21.42 EUR", "20.00 EUR", "ord_0123456789abcdef01234567", "do not expire"),
        *("I ask that the credits become usable at once", "29 November 2026, 10:25:07 UTC", "within 14 days"),
        *("Model withdrawal form", "Withdraw from contract here", HOUSE.withdrawal_url, "Clause 1 <b>"),
    ):
        assert part in text, part
    assert "Your consent" not in as_text(letter("no consent"))
    assert "Model withdrawal form" not in as_text(letter("business"))
    assert "Model withdrawal form" not in as_text(letter("no right"))
    assert "Mandatory consumer rights" in as_text(letter("no right"))
    assert "Paddle.com, our reseller" in as_text(letter("reseller"))
    assert "until you cancel" in re.sub(r"\s+", " ", as_text(letter("plan")))


def test_amounts_are_written_as_the_language_does() -> None:
    """With a comma where one is used."""
    assert "21,42 EUR" in as_text(letter("pack", "de"))
    assert "21.42 EUR" in as_text(letter("pack", "en"))


@pytest.mark.parametrize(
    ("wanted", "language"),
    [(("de-AT", "en"), "de"), (("", "PL"), "pl"), (("sr", "fr-CH"), "fr"), (("ja",), "en"), ((), "en")],
)
def test_the_first_known_language_is_written(wanted: tuple[str, ...], language: str) -> None:
    """A region does not matter. English is the last resort."""
    assert known_language(*wanted) == language


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("ada@example.com", True),
        ("ada+x@sub.example.co.uk", True),
        ("Ada <ada@example.com>", False),
        ("ada@example.com, bob@example.com", False),
        ("ada@example.com\r\nBcc: x@example.com", False),
        ("ada@localhost", False),
        ("@example.com", False),
        ("a@b@example.com", False),
        (f"{'a' * 250}@example.com", False),
        ("", False),
        (None, False),
    ],
)
def test_an_address_is_one_address(text: str | None, *, is_one: bool) -> None:
    """A token's claim is the issuer's word: it is checked all the same before a mail goes there."""
    assert is_address(text) is is_one
