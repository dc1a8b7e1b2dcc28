"""Documents: what a reader of the PDF finds in it, on how many pages, and that the same letter has the same bytes."""

import re
import subprocess
import sys
import zlib
from dataclasses import replace

import pytest

from ledger.domain.contacts import LANGUAGES
from ledger.mails.letters import Facts, Letter, Link, Paragraph, Quote, Section
from ledger.mails.pdf import as_pdf, font
from ledger.mails.receipts import receipt
from ledger.mails.writing import Writer
from tests.unit.mails.samples import HOUSE, LETTERS, RECEIPT_KINDS, RECEIVED

_OBJECT = re.compile(rb"(\d+) 0 obj\n(.*?)\nendobj", re.DOTALL)
_LINE = re.compile(r"1 0 0 1 ([\d.]+) ([\d.]+) Tm\n<([0-9a-f]*)> Tj")


def streams(pdf: bytes) -> list[bytes]:
    """Every stream, unpacked."""
    return [
        zlib.decompress(body.partition(b"stream\n")[2].rpartition(b"\nendstream")[0])
        for _, body in _OBJECT.findall(pdf)
        if b"stream\n" in body
    ]


def pages(pdf: bytes) -> list[list[tuple[float, float, str]]]:
    """The lines of each page, by the font's own table of meanings: place and text."""
    texts = [stream.decode("latin-1") for stream in streams(pdf)]
    (table,) = (text for text in texts if "beginbfchar" in text)
    meanings = {
        number: bytes.fromhex(meaning).decode("utf-16-be")
        for number, meaning in re.findall(r"<(\w{4})> <(\w+)>", table.partition("beginbfchar")[2])
    }
    return [
        [
            (float(x), float(y), "".join(meanings[glyphs[at : at + 4]] for at in range(0, len(glyphs), 4)))
            for x, y, glyphs in _LINE.findall(text)
        ]
        for text in texts
        if " Tj" in text
    ]


def text_of(pdf: bytes) -> str:
    """All of it, in one line."""
    return " ".join(" ".join(line for _, _, line in page) for page in pages(pdf))


def words_of(letter: Letter) -> list[str]:
    """What the letter says, word by word."""
    found = [letter.heading, *letter.footer]
    for block in letter.blocks:
        match block:
            case Paragraph() | Quote():
                found.append(block.text)
            case Section():
                found.append(block.title)
            case Facts():
                found += [part for row in block.rows for part in row]
            case Link():
                found += [block.label, block.url]
    return " ".join(found).split()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", RECEIPT_KINDS)
def test_a_receipt_has_every_word_of_its_mail_as_text(kind: str, language: str) -> None:
    """In each language, with its own letters; and the title and the language are said to readers."""
    letter = LETTERS[kind](Writer(language, HOUSE))
    pdf = as_pdf(letter, HOUSE)
    assert pdf.startswith(b"%PDF-1.7")
    found = text_of(pdf)
    assert [word for word in words_of(letter) if word not in found] == []
    assert f"/Lang ({language})".encode() in pdf
    assert b"/Title" in pdf


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_font_has_every_character_of_the_texts(language: str) -> None:
    """No sentence of ours has a □."""
    for name, make in LETTERS.items():
        lacking = {one for word in words_of(make(Writer(language, HOUSE))) for one in word} - font().glyphs.keys()
        assert lacking == set(), name


def test_the_same_letter_has_the_same_bytes() -> None:
    """Whenever it is written, and by whichever process. Another one has others."""
    letter = receipt(RECEIVED, "mail_1", Writer("pl", HOUSE))
    code = (
        "from tests.unit.mails.samples import *; from ledger.mails.pdf import as_pdf; import sys;"
        "sys.stdout.buffer.write(as_pdf(receipt(RECEIVED, 'mail_1', Writer('pl', HOUSE)), HOUSE))"
    )
    elsewhere = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout  # noqa: S603
    assert as_pdf(letter, HOUSE) == as_pdf(letter, HOUSE) == elsewhere
    assert as_pdf(receipt(RECEIVED, "mail_2", Writer("pl", HOUSE)), HOUSE) != elsewhere


def test_names_of_all_europe_are_written_and_what_the_font_lacks_is_shown_as_a_box() -> None:
    """The mail has it as it was given. Letters that came in two parts are put together."""
    name = "Łucja Źdźbło-Ångström Ζωή Юлия ẞ ğ ş ﬀ 日本 🙂 e\u0301"
    found = text_of(as_pdf(receipt(replace(RECEIVED, name=name), "mail_1", Writer("en", HOUSE)), HOUSE))
    assert "Łucja Źdźbło-Ångström Ζωή Юлия ẞ ğ ş □ □□ □ é" in found


def test_a_long_statement_goes_on_over_pages_and_no_line_leaves_its_column() -> None:
    """Nor does a word that is longer than a line; nothing is written on top of something else."""
    statement = "\n".join(f"Line {number}: " + "long words " * 12 for number in range(90)) + "\n" + "W" * 500
    letter = receipt(replace(RECEIVED, statement=statement[:4000]), "mail_1", Writer("en", HOUSE))
    letter = replace(letter, blocks=(*letter.blocks, Quote("W" * 500 + " end")))
    found = pages(as_pdf(letter, HOUSE))
    assert len(found) > 1
    for page in found:
        assert all(x >= 62 and y >= 62 for x, y, _ in page)
        assert max(x + font().width(line, 9) for x, _, line in page if line.startswith(("W", "long"))) <= 595.28 - 62
        places = [(x, y) for x, y, _ in page]
        assert len(places) == len({*places})
    assert text_of(as_pdf(letter, HOUSE)).count("W") >= 500


def test_no_webhook_function_loads_the_library() -> None:
    """It would cost each of them memory and time at its start."""
    code = (
        "import sys; import functions.payment_succeeded.app, functions.refund_settled.app, functions.place_order.app;"
        "assert 'pydyf' not in sys.modules and 'ledger.mails.pdf' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603
