"""Write a letter as a PDF: real text on A4 pages, in a font that is embedded, the same bytes for the same letter.

The core fonts of PDF have no Polish, Greek or Cyrillic letters, so a subset of DejaVu Sans is embedded (`fonts/`, made
by `tools/fonts.py`). A character that it lacks is written as □: the mail itself has the text as it was given.

pydyf numbers the objects and writes them out. Only the function that sends mails imports this module.
"""

import functools
import io
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydyf

from ledger.domain.records import record
from ledger.mails.letters import Facts, House, Letter, Link, Paragraph, Quote, Section

FONTS = Path(__file__).with_name("fonts")
_LACKING = "□"
_WIDTH, _HEIGHT, _MARGIN = 595.28, 841.89, 62.0  # A4, in points
_COLUMN = _WIDTH - 2 * _MARGIN
_LABELS = 170.0  # the width of the names of facts
_INK, _SOFT, _ACCENT, _LINE = (0.11, 0.14, 0.19), (0.36, 0.40, 0.46), (0.18, 0.36, 0.92), (0.89, 0.91, 0.93)
_PER_THOUSAND = 1000
_IN_ONE_LIST = 100  # of a CMap: the format allows no more


@record(frozen=True)
class Font:
    """The embedded font: its program, and what a PDF says of it, in thousandths of its size."""

    program: bytes
    glyphs: dict[str, tuple[int, int]]  # by character: the glyph, and its width in the font's own units
    units: int
    box: list[int]
    ascent: int
    descent: int

    def glyph(self, character: str) -> tuple[int, int]:
        """Return the glyph of a character, and its width."""
        return self.glyphs.get(character) or self.glyphs[_LACKING]

    def width(self, text: str, size: float) -> float:
        """Return the width of a text in points."""
        return sum(self.glyph(character)[1] for character in text) * size / self.units

    def scaled(self, figure: int) -> int:
        """Return a figure of the font in thousandths."""
        return round(figure * _PER_THOUSAND / self.units)


@functools.cache
def font() -> Font:
    """Return the font. It is read once, when the first document is written."""
    figures = json.loads((FONTS / "DejaVuSans.json").read_text("utf-8"))
    return Font(
        program=(FONTS / "DejaVuSans.ttf").read_bytes(),
        glyphs={character: (number, width) for character, (number, width) in figures["glyphs"].items()},
        units=figures["units"],
        box=figures["box"],
        ascent=figures["ascent"],
        descent=figures["descent"],
    )


def as_pdf(letter: Letter, house: House) -> bytes:
    """Return a letter as a PDF document."""
    pages = _Pages()
    pages.text(house.product, 10, color=_ACCENT, is_bold=True, after=18)
    pages.text(letter.heading, 19, is_bold=True, after=12)
    for block in letter.blocks:
        _write(block, pages)
    closing, *imprint = letter.footer
    pages.text(closing, 10, before=8, after=16)
    pages.rule()
    for line in imprint:
        pages.text(line, 8, color=_SOFT, before=2)
    return _document(letter, house, pages)


def _write(block: object, pages: "_Pages") -> None:
    match block:
        case Paragraph():
            pages.text(block.text, 10, after=8)
        case Section():
            pages.text(block.title, 12, is_bold=True, before=12, after=6)
        case Facts():
            for name, value in block.rows:
                pages.fact(name, value)
            pages.space(8)
        case Link():
            pages.text(f"{block.label}: {block.url}", 10, after=8)
        case Quote():
            pages.text(block.text, 9, indent=14, after=10)


@dataclass(slots=True)
class _Pages:
    """Pages that are written from top to bottom."""

    streams: list[pydyf.Stream] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    _y: float = 0.0

    def text(
        self,
        text: str,
        size: float,
        *,
        color: tuple[float, float, float] = _INK,
        is_bold: bool = False,
        indent: float = 0.0,
        before: float = 0.0,
        after: float = 0.0,
    ) -> None:
        """Write lines over the whole column."""
        self.space(before)
        for line in _lines(text, size, _COLUMN - indent):
            self._next_line(size)
            self._show(line, _MARGIN + indent, size, color, is_bold=is_bold)
        self.space(after)

    def fact(self, name: str, value: str) -> None:
        """Write a name and its value beside it. A row is not torn between two pages, unless it is longer than one."""
        names, values = list(_lines(name, 9, _LABELS - 12)), list(_lines(value, 10, _COLUMN - _LABELS))
        for number in range(max(len(names), len(values))):
            self._next_line(10)
            if number < len(names):
                self._show(names[number], _MARGIN, 9, _SOFT)
            if number < len(values):
                self._show(values[number], _MARGIN + _LABELS, 10, _INK)
        self.space(3)

    def rule(self) -> None:
        """Draw a thin line over the column."""
        self._next_line(4)
        stream = self.streams[-1]
        stream.set_color_rgb(*_LINE, stroke=True)
        stream.set_line_width(0.7)
        stream.move_to(_MARGIN, self._y)
        stream.line_to(_WIDTH - _MARGIN, self._y)
        stream.stroke()
        self.space(4)

    def space(self, height: float) -> None:
        """Leave room."""
        self._y -= height

    def _next_line(self, size: float) -> None:
        height = size * 1.45
        if not self.streams or self._y - height < _MARGIN:
            self.streams.append(pydyf.Stream(compress=True))
            self._y = _HEIGHT - _MARGIN
        self._y -= height

    def _show(
        self, line: str, x: float, size: float, color: tuple[float, float, float], *, is_bold: bool = False
    ) -> None:
        """Show one line. Bold is the outline drawn on top: there is one font."""
        known = "".join(character if character in font().glyphs else _LACKING for character in line)
        self.used.update(known)
        glyphs = "".join(f"{font().glyph(character)[0]:04x}" for character in known)
        stream = self.streams[-1]
        stream.begin_text()
        stream.set_font_size("F1", size)
        stream.set_color_rgb(*color)
        if is_bold:
            stream.set_color_rgb(*color, stroke=True)
            stream.set_line_width(size / 36)
        stream.set_text_rendering(2 if is_bold else 0)
        stream.set_text_matrix(1, 0, 0, 1, x, self._y)
        stream.stream.append(f"<{glyphs}> Tj")
        stream.end_text()


def _lines(text: str, size: float, width: float) -> Iterator[str]:
    """Yield the lines of a text that fit into a width. A word that is longer than a line is broken."""
    for paragraph in unicodedata.normalize("NFC", text).splitlines() or [""]:
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if line and font().width(longer, size) > width:
                yield line
                longer = word
            while font().width(longer, size) > width:
                part = _fitting(longer, size, width)
                yield part
                longer = longer[len(part) :]
            line = longer
        yield line


def _fitting(word: str, size: float, width: float) -> str:
    """Return the beginning of a word that fits: one character at least."""
    number = 1
    while number < len(word) and font().width(word[: number + 1], size) <= width:
        number += 1
    return word[:number]


def _document(letter: Letter, house: House, pages: _Pages) -> bytes:
    pdf = pydyf.PDF()
    pdf.info["Title"] = pydyf.String(letter.subject)
    pdf.info["Author"] = pydyf.String(house.seller)
    pdf.catalog["Lang"] = pydyf.String(letter.language)
    name = _embedded(pdf, sorted(pages.used))
    for stream in pages.streams:
        pdf.add_object(stream)
        pdf.add_page(
            pydyf.Dictionary(
                {
                    "Type": "/Page",
                    "Parent": pdf.pages.reference,
                    "MediaBox": pydyf.Array([0, 0, _WIDTH, _HEIGHT]),
                    "Resources": pydyf.Dictionary({"Font": pydyf.Dictionary({"F1": name})}),
                    "Contents": stream.reference,
                }
            )
        )
    output = io.BytesIO()
    pdf.write(output)
    return output.getvalue()


def _embedded(pdf: pydyf.PDF, characters: list[str]) -> bytes:
    """Add the font, with what its glyphs mean. Return its reference."""
    of = font()
    program = pydyf.Stream([of.program], {"Length1": len(of.program)}, compress=True)
    meanings = pydyf.Stream([_meanings(characters)], compress=True)
    pdf.add_object(program)
    pdf.add_object(meanings)
    descriptor = _added(
        pdf,
        Type="/FontDescriptor",
        FontName="/AAAAAA+DejaVuSans",
        Flags=4,
        FontBBox=pydyf.Array([of.scaled(one) for one in of.box]),
        ItalicAngle=0,
        Ascent=of.scaled(of.ascent),
        Descent=of.scaled(of.descent),
        CapHeight=729,
        StemV=90,
        FontFile2=program.reference,
    )
    widths: list[Any] = []
    for character in characters:
        number, width = of.glyph(character)
        widths += [number, pydyf.Array([of.scaled(width)])]
    info = {"Registry": pydyf.String("Adobe"), "Ordering": pydyf.String("Identity"), "Supplement": 0}
    descendant = _added(
        pdf,
        Type="/Font",
        Subtype="/CIDFontType2",
        BaseFont="/AAAAAA+DejaVuSans",
        CIDSystemInfo=pydyf.Dictionary(info),
        CIDToGIDMap="/Identity",
        FontDescriptor=descriptor,
        W=pydyf.Array(widths),
    )
    return _added(
        pdf,
        Type="/Font",
        Subtype="/Type0",
        BaseFont="/AAAAAA+DejaVuSans",
        Encoding="/Identity-H",
        DescendantFonts=pydyf.Array([descendant]),
        ToUnicode=meanings.reference,
    )


def _added(pdf: pydyf.PDF, **values: object) -> bytes:
    made = pydyf.Dictionary(values)
    pdf.add_object(made)
    reference: bytes = made.reference
    return reference


def _meanings(characters: list[str]) -> bytes:
    """Return the CMap by which a reader finds and copies the text."""
    rows = [f"<{font().glyph(one)[0]:04x}> <{one.encode('utf-16-be').hex()}>" for one in characters]
    lists = [rows[start : start + _IN_ONE_LIST] for start in range(0, len(rows), _IN_ONE_LIST)]
    content = "\n".join(f"{len(part)} beginbfchar\n" + "\n".join(part) + "\nendbfchar" for part in lists)
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
        "1 begincodespacerange\n<0000> <ffff>\nendcodespacerange\n"
        f"{content}\nendcmap\nCMapName currentdict /CMap defineresource pop\nend\nend"
    ).encode()
