"""Write letters out: as plain text, and as HTML that every mail program shows.

Whatever a customer or a provider wrote is escaped in HTML. Links lead to the pages of the house alone.
"""

import textwrap
from html import escape

from ledger.mails.letters import Block, Facts, House, Letter, Link, Paragraph, Quote, Section

_WIDTH = 76

_FONT = "font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_INK, _SOFT, _LINE, _PAPER, _ACCENT = "#1c2430", "#5b6675", "#e3e7ed", "#f4f6f9", "#2f5bea"


def as_text(letter: Letter) -> str:
    """Return a letter as plain text."""
    closing, *imprint = letter.footer
    content = [letter.heading, *(_text(block) for block in letter.blocks), closing]
    return "\n\n".join(content) + "\n\n-- \n" + "\n".join(imprint) + "\n"


def _text(block: Block) -> str:
    match block:
        case Paragraph():
            return _wrapped(block.text)
        case Section():
            return f"{block.title}\n{'-' * len(block.title)}"
        case Facts():
            width = max(len(name) for name, _ in block.rows) + 2
            values = ((name, value.replace("\n", "\n" + " " * width)) for name, value in block.rows)
            return "\n".join(f"{name + ':':<{width}}{value}" for name, value in values)
        case Link():
            return f"{block.label}:\n{block.url}"
        case Quote():
            return textwrap.indent(_wrapped(block.text, _WIDTH - 4), "    ")


def _wrapped(text: str, width: int = _WIDTH) -> str:
    lines = text.splitlines()
    return "\n".join(textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False) for line in lines)


def as_html(letter: Letter, house: House) -> str:
    """Return a letter as an HTML document: one column, tables and inline styles alone, nothing to be loaded."""
    content = "".join(_html(block) for block in letter.blocks)
    closing, *imprint = letter.footer
    return f"""<!doctype html>
<html lang="{escape(letter.language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light">
<title>{escape(letter.subject)}</title>
</head>
<body style="margin:0;padding:0;background:{_PAPER};{_FONT};color:{_INK};-webkit-text-size-adjust:100%">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="background:{_PAPER}"><tr>
<td align="center" style="padding:28px 12px">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:600px">
<tr><td style="padding:0 8px 18px;font-size:17px;font-weight:700;letter-spacing:-0.2px">\
<span style="display:inline-block;width:11px;height:11px;border-radius:3px;background:{_ACCENT}"></span>\
&nbsp;&nbsp;{escape(house.product)}</td></tr>
<tr><td style="background:#ffffff;border:1px solid {_LINE};border-radius:12px;padding:34px 36px 30px">
<h1 style="margin:0 0 18px;font-size:24px;line-height:1.25;letter-spacing:-0.4px">{escape(letter.heading)}</h1>
{content}<p style="margin:26px 0 0;font-size:15px;line-height:1.6;white-space:pre-line">{escape(closing)}</p>
</td></tr>
<tr><td style="padding:20px 10px 0;font-size:12px;line-height:1.7;color:{_SOFT}">\
{"<br>".join(map(escape, imprint))}</td></tr>
</table>
</td></tr></table>
</body>
</html>
"""


def _html(block: Block) -> str:
    match block:
        case Paragraph():
            return f'<p style="margin:0 0 14px;font-size:15px;line-height:1.6">{_lines(block.text)}</p>\n'
        case Section():
            style = f"margin:28px 0 10px;padding-top:22px;border-top:1px solid {_LINE};font-size:17px;line-height:1.3"
            return f'<h2 style="{style}">{escape(block.title)}</h2>\n'
        case Facts():
            return f"{_table(block)}\n"
        case Link():
            return _button(block)
        case Quote():
            style = (
                f"margin:0 0 16px;padding:14px 18px;background:{_PAPER};border-radius:8px;"
                f"font-size:13px;line-height:1.65;color:{_INK}"
            )
            return f'<div style="{style}">{_lines(block.text)}</div>\n'


def _table(facts: Facts) -> str:
    cell = f"padding:9px 0;border-bottom:1px solid {_LINE};font-size:15px;line-height:1.45;vertical-align:top"
    rows = "".join(
        f'<tr><td style="{cell};color:{_SOFT};padding-right:18px;width:40%">{escape(name)}</td>'
        f'<td style="{cell};font-weight:600;word-break:break-word">{_lines(value)}</td></tr>'
        for name, value in facts.rows
    )
    style = "margin:4px 0 20px;border-collapse:collapse"
    return f'<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="{style}">{rows}</table>'


def _button(link: Link) -> str:
    color, ground = ("#ffffff", _ACCENT) if link.is_main else (_ACCENT, "#ffffff")
    style = (
        f"display:inline-block;padding:11px 21px;background:{ground};border:1px solid {_ACCENT};border-radius:8px;"
        f"color:{color};font-size:15px;font-weight:600;text-decoration:none"
    )
    url = escape(link.url)
    return f'<p style="margin:6px 0 20px"><a href="{url}" style="{style}">{escape(link.label)}</a></p>\n'


def _lines(text: str) -> str:
    return "<br>".join(map(escape, text.splitlines()))
