"""Make the font of documents: a subset of DejaVu Sans, and what a PDF needs to know of its glyphs.

    python -m tools.fonts /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf

It needs fontTools, which nothing else does: install it apart (`pip install fonttools`). The subset has Latin, Greek
and Cyrillic letters, so that names of all Europe can be written. DejaVu's licence allows that: see the file beside it.
"""

import json
import sys
from pathlib import Path

FOLDER = Path("layers/ledger/ledger/mails/fonts")
CHARACTERS = (
    *range(0x20, 0x7F),
    *range(0xA0, 0x250),  # Latin
    *range(0x370, 0x400),  # Greek
    *range(0x400, 0x530),  # Cyrillic
    *range(0x1E00, 0x1F00),  # Latin with more marks
    *range(0x2010, 0x2028),  # dashes, quotation marks
    *(0x2030, 0x2039, 0x203A, 0x20AC, 0x2116, 0x2122, 0x2190, 0x2192, 0x2212, 0x2260, 0x25A1, 0x2611),
)


def main(path: str) -> None:
    """Write the font and its figures."""
    from fontTools import subset

    options = subset.Options(
        hinting=False, layout_features=[], notdef_outline=True, drop_tables=["DSIG", "FFTM", "name"]
    )
    options.drop_tables += ["GPOS", "GSUB", "GDEF", "kern", "post", "OS/2", "gasp"]
    font = subset.load_font(path, options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=CHARACTERS)
    subsetter.subset(font)
    glyphs = {code: name for code, name in sorted(font.getBestCmap().items()) if code in CHARACTERS}
    figures = {
        "units": font["head"].unitsPerEm,
        "box": [getattr(font["head"], side) for side in ("xMin", "yMin", "xMax", "yMax")],
        "ascent": font["hhea"].ascent,
        "descent": font["hhea"].descent,
        "glyphs": {chr(code): [font.getGlyphID(name), font["hmtx"][name][0]] for code, name in glyphs.items()},
    }
    del font["cmap"]
    font["head"].modified = font["head"].created
    font.recalcTimestamp = False
    FOLDER.mkdir(exist_ok=True)
    subset.save_font(font, str(FOLDER / "DejaVuSans.ttf"), options)
    (FOLDER / "DejaVuSans.json").write_text(json.dumps(figures, ensure_ascii=False, separators=(",", ":")), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
