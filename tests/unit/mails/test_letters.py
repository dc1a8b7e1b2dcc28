"""Every letter in every language: nothing is left to fill in, and nothing that a stranger wrote becomes markup."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from ledger.domain.contacts import LANGUAGES, is_address, known_language
from ledger.domain.orders import Consent
from ledger.domain.refund_cases import CaseState
from ledger.mails.cases import is_outdated
from ledger.mails.confirmation import confirmation
from ledger.mails.letters import MOST_IN_A_SUBJECT, Letter, Link, Quote, one_line
from ledger.mails.notices import account_suspended
from ledger.mails.pdf import as_pdf
from ledger.mails.receipts import receipt, times
from ledger.mails.rendering import as_html, as_text
from ledger.mails.writing import Writer, mail_texts
from ledger.policy.texts import placeholders
from tests.unit.mails.samples import AT, CONFIRMED, HOSTILE, HOUSE, LETTERS, RECEIPT_KINDS, RECEIVED, case, confirmed
from tests.unit.mails.test_pdf import text_of

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
    read = Reader(html)
    for content in (text, read.text, written.subject):
        assert not re.search(r"\{\w*\}|None|\b[a-z]+_[a-z]+\.[a-z_]+|common\.", content)
    assert written.language == language
    assert "mail_1" in text
    assert "mail_1" in html
    shown = re.sub(r"\s+", "", read.text) + "".join(read.links)
    for block in written.blocks:
        for value in vars_of(block):
            assert re.sub(r"\s+", "", value) in shown


def test_each_part_of_a_letter_has_its_place() -> None:
    """In HTML and in a document. A subject is no heading, and an address no label."""
    parts = {"language": "en", "subject": "The subject", "heading": "The heading", "footer": ("Bye",)}
    written = Letter(**parts, blocks=(Link("The label", "https://there"),))  # type: ignore[arg-type]
    html = as_html(written, HOUSE)
    for place in ("<title>The subject<", ">The heading</h1>", ' href="https://there"', ">The label</a>"):
        assert place in html
    assert f"{HOUSE.product}</td>" in html
    assert text_of(as_pdf(written, HOUSE)) == f"{HOUSE.product} The heading The label: https://there Bye"


@pytest.mark.parametrize("part", ["asked_to_begin", "acknowledged_loss"])
def test_a_part_of_a_consent_is_confirmed_without_the_other(part: str) -> None:
    """What was not agreed to is not in the mail."""
    parts = dict.fromkeys(("asked_to_begin", "acknowledged_loss"), False) | {part: True}
    consent = Consent(given_at=AT, text_version="2026-11-01", **parts)  # type: ignore[arg-type]
    about = replace(CONFIRMED, order=replace(CONFIRMED.order, consent=consent))
    quotes = {one.text for one in confirmation(about, "mail_1", Writer("en", HOUSE)).blocks if isinstance(one, Quote)}
    texts = {name: Writer("en", HOUSE).write(f"contract_confirmation.{name}") for name in parts}
    assert {name for name, words in texts.items() if words in quotes} == {part}


def test_a_mail_does_without_what_is_not_known() -> None:
    """A customer who was logged in gave no name; an order of before it had terms is confirmed all the same."""
    writer = Writer("en", HOUSE)
    assert "Name" not in as_text(receipt(replace(RECEIVED, name=""), "mail_1", writer))
    about = replace(CONFIRMED, order=replace(CONFIRMED.order, terms=None))
    assert re.search(r"^Credits: +0$", as_text(confirmation(about, "mail_1", writer)), re.MULTILINE)


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
    short = {"product", "credits", "product_label", "credits_label", "name"}  # words that languages share
    assert {key for key in same if not key.startswith("common.") and key.partition(".")[2] not in short} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_stranger_wrote_is_neither_markup_nor_a_header(language: str) -> None:
    """A name with tags and line breaks: it is shown as it is, in one line where it is a header."""
    written = letter("hostile", language)
    html = as_html(written, HOUSE)
    assert "<script" not in html
    assert "script" not in Reader(html).tags
    assert "\n" not in written.subject
    assert "\r" not in written.subject
    assert all(link.startswith((HOUSE.account_url, HOUSE.public_url)) for link in Reader(html).links)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", RECEIPT_KINDS)
def test_a_receipt_has_no_link_and_ends(kind: str, language: str) -> None:
    """Anybody can have one sent to anybody: it is no way to send an address to open, and no long text."""
    written = letter(kind, language)
    content = as_text(written)
    assert not re.search(r"://|www\.", content)
    assert not [block for block in written.blocks if isinstance(block, Link)]
    assert "I withdraw." in content, "word for word"
    assert "10:25:07 UTC" in content
    flood = replace(RECEIVED, statement="x " * 50_000, name="y" * 50_000, contract="z" * 50_000)
    assert len(as_text(receipt(flood, "mail_1", Writer(language, HOUSE)))) < 9_000


def test_a_receipts_time_is_that_of_the_reader_and_of_utc() -> None:
    """With seconds and offset; in summer and in winter."""
    for month, local in (
        (11, "29. November 2026, 11:25:07 (+01:00) = 10:25:07 UTC"),
        (7, "29. Juli 2026, 12:25:07 (+02:00) = 10:25:07 UTC"),
    ):
        assert times(AT.replace(month=month), Writer("de", HOUSE)) == local
    assert times(AT, Writer("en", HOUSE)) == "29 November 2026, 10:25:07 UTC (+00:00)"
    assert "29. März 2026, 03:00:00 (+02:00)" in times(
        AT.replace(month=3, hour=1, minute=0, second=0), Writer("de", HOUSE)
    )


@pytest.mark.parametrize(
    ("at", "local"),
    [
        (datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), "29. März 2026, 01:59:59 (+01:00)"),
        (datetime(2026, 3, 29, 1, tzinfo=UTC), "29. März 2026, 03:00:00 (+02:00)"),
        (datetime(2026, 10, 25, 0, 59, 59, tzinfo=UTC), "25. Oktober 2026, 02:59:59 (+02:00)"),
        (datetime(2026, 10, 25, 1, tzinfo=UTC), "25. Oktober 2026, 02:00:00 (+01:00)"),
        # The last day of the month is the Sunday itself.
        (datetime(2027, 10, 31, 0, 59, 59, tzinfo=UTC), "31. Oktober 2027, 02:59:59 (+02:00)"),
        (datetime(2027, 10, 31, 1, tzinfo=UTC), "31. Oktober 2027, 02:00:00 (+01:00)"),
        (datetime(2030, 3, 31, 0, 59, 59, tzinfo=UTC), "31. März 2030, 01:59:59 (+01:00)"),
        (datetime(2030, 3, 31, 1, tzinfo=UTC), "31. März 2030, 03:00:00 (+02:00)"),
        # It is the first one of the last seven.
        (datetime(2028, 3, 26, 0, 59, 59, tzinfo=UTC), "26. März 2028, 01:59:59 (+01:00)"),
        (datetime(2031, 10, 26, 1, tzinfo=UTC), "26. Oktober 2031, 02:00:00 (+01:00)"),
        # The day changes with the offset.
        (datetime(2026, 12, 31, 23, 30, tzinfo=UTC), "1. Januar 2027, 00:30:00 (+01:00)"),
        (datetime(2026, 7, 31, 22, tzinfo=UTC), "1. August 2026, 00:00:00 (+02:00)"),
    ],
)
def test_summer_time_begins_and_ends_on_the_last_sunday(at: datetime, local: str) -> None:
    """At 01:00 UTC, in March and in October, on whatever day of the week the month ends."""
    assert times(at, Writer("de", HOUSE)) == f"{local} = {at:%H:%M:%S} UTC"


def test_a_decline_says_why_by_whom_and_how_a_person_reviews_it() -> None:
    """Also if a person decided it."""
    text = re.sub(r"\s+", " ", as_text(letter("declined")))
    for part in ("decided automatically", "section 2", "review by a person at any time", "case_1", "legal rights"):
        assert part in text
    assert "decided by a member of our team" in re.sub(r"\s+", " ", as_text(letter("declined by a person")))


def test_a_suspension_says_why_and_how_a_person_reviews_it() -> None:
    """Each reason once; the statutory functions stay open."""
    text = re.sub(r"\s+", " ", as_text(letter("suspended")))
    for part in ("dispute a payment", "reported as fraud", "A member of our team", "review by a person", "stay open"):
        assert part in text
    twice = as_text(account_suspended(("support", "of_a_newer_release"), "mail_1", Writer("en", HOUSE)))
    assert twice.count("A member of our team") == 1


@pytest.mark.parametrize(
    ("states", "step", "is_old"),
    [
        (("requested", "in_review"), 1, False),
        (("requested", "in_review", "declined"), 1, True),
        (("in_review", "approved", "issued", "refunded"), 1, False),
        (("in_review", "approved", "issued", "in_review", "declined"), 1, True),
        (("approved", "refunded", "in_review"), 1, True),
    ],
)
def test_a_step_that_a_later_one_overtook_is_not_written(states: tuple[str, ...], step: int, *, is_old: bool) -> None:
    """A decision stands until another one; everything else until the next step."""
    assert is_outdated(case(*map(CaseState, states)), step) is is_old


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
        *("Model withdrawal form", "Withdraw from contract here", f"{HOUSE.public_url}/withdrawal", "Clause 1 <b>"),
    ):
        assert part in text, part
    assert "Your consent" not in as_text(letter("no consent"))
    assert "Model withdrawal form" not in as_text(letter("business"))
    assert "Model withdrawal form" not in as_text(letter("no right"))
    assert "Mandatory consumer rights" in as_text(letter("no right"))
    assert "Paddle.com, our reseller" in as_text(letter("reseller"))


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        ("en", ("12.00 EUR, tax included", "every month", "29 December 2026", "28 December 2026")),
        ("de", ("12,00 EUR inklusive Steuern", "jeden Monat", "29. Dezember 2026", "28. Dezember 2026")),
        ("fr", ("12,00 EUR taxes comprises", "chaque mois", "29 décembre 2026", "28 décembre 2026")),
        ("it", ("12,00 EUR, imposte incluse", "ogni mese", "29 dicembre 2026", "28 dicembre 2026")),
        ("es", ("12,00 EUR, impuestos incluidos", "cada mes", "29 de diciembre de 2026", "28 de diciembre de 2026")),
        ("nl", ("12,00 EUR inclusief belasting", "elke maand", "29 december 2026", "28 december 2026")),
        ("pl", ("12,00 EUR z podatkiem", "co miesiąc", "29 grudnia 2026", "28 grudnia 2026")),
    ],
)
def test_the_confirmation_of_a_plan_has_its_renewal_terms_and_the_words_of_the_consent(
    language: str, parts: tuple[str, ...]
) -> None:
    """Amount, interval, the day of the first renewal, the last day to cancel, and how; an acknowledgement to keep."""
    text = re.sub(r"\s+", " ", as_text(letter("plan", language)))
    for part in (*parts, "I agree to the renewals.", f"{HOUSE.public_url}/cancellation"):
        assert part in text, part


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("which", ["pack", "plan", "business", "no right", "reseller", "no consent"])
def test_every_confirmation_links_the_page_of_withdrawals_with_the_label_of_the_law(which: str, language: str) -> None:
    """Also where we know of no right: who declares it is not turned away."""
    url = f"{HOUSE.public_url}/withdrawal?language={language}&contract=ord_0123456789abcdef01234567"
    links = [block for block in letter(which, language).blocks if isinstance(block, Link) and block.url == url]
    label = mail_texts().languages[language].templates["contract_confirmation.withdrawal_button"]
    assert [link.label for link in links] == [label]


def test_what_is_not_known_of_renewals_is_left_out() -> None:
    """An order of before: the price of the order, and no day."""
    text = re.sub(r"\s+", " ", as_text(letter("plan of before")))
    assert "20.00 EUR before tax" in text
    assert "until you cancel" in text
    for part in ("tax included", "First renewal", "Last day", "every month", "agreed to the renewal terms"):
        assert part not in text, part


@pytest.mark.parametrize(("months", "words"), [(1, "every month"), (12, "every year"), (3, "every 3 months")])
def test_an_interval_is_written_in_words(months: int, words: str) -> None:
    """A month and a year have words of their own."""
    written = confirmed(is_subscription=True, renews_every_months=months)(Writer("en", HOUSE))
    assert f"{words}\n" in as_text(written)


def test_the_links_lead_to_the_function_with_the_contract_filled_in() -> None:
    """In the language of the mail."""
    query = "language=de&contract=ord_0123456789abcdef01234567"
    assert f"{HOUSE.public_url}/withdrawal?{query}\n" in as_text(letter("pack", "de"))
    assert f"{HOUSE.public_url}/cancellation?{query}\n" in as_text(letter("renews", "de"))


def test_a_letter_as_text_has_underlined_sections_and_ends_with_who_wrote_it() -> None:
    """Where no HTML is shown."""
    text = as_text(letter("pack"))
    assert "\n\nYour right of withdrawal\n------------------------\n\n" in text
    assert "\n\nKind regards\nThe Image Tagger AI team\n\n-- \n" in text


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
