"""The public pages as HTML. Every text that somebody wrote is escaped here, and nowhere else.

They load nothing: the style is in the page, and there is no script. So they work in every browser, and the policy of
their content allows nothing else.
"""

import base64
import functools
import hashlib
from collections.abc import Mapping
from dataclasses import field
from html import escape
from pathlib import Path
from urllib.parse import urlencode

from ledger.api.pages.texts import LANGUAGES, Words, words_of
from ledger.domain.declarations import PUBLIC_KINDS, Declaration, DeclarationKind
from ledger.domain.records import record
from ledger.policy import law

SUPPORT_EMAIL = "support@imagetaggerai.com"
BRAND = "Image Tagger AI"
MOST_SHOWN = 600
"""The most characters of a stranger's statement that its contract's customer is shown."""
_OTHER = {
    DeclarationKind.WITHDRAWAL: DeclarationKind.CANCELLATION,
    DeclarationKind.CANCELLATION: DeclarationKind.WITHDRAWAL,
}


@record(frozen=True, kw_only=True)
class Form:
    """What a form shows: what was entered, what is wrong with it, and its secret."""

    kind: DeclarationKind
    language: str
    secret: str
    entered: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)  # by field: the message
    trouble: str = ""  # a message about all of it


@functools.cache
def style() -> str:
    """Return the style of the pages. It is read once."""
    return Path(__file__).with_name("style.css").read_text("utf-8").strip()


@functools.cache
def content_security_policy() -> str:
    """Return what a browser may load into a page: this style, and nothing else. A form is sent to us alone."""
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    rest = "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    return f"default-src 'none'; style-src 'sha256-{digest}'; {rest}"


def form_page(form: Form) -> str:
    """Return the page with the form of a withdrawal or a cancellation. Its one button has the label of the law."""
    words = words_of(form.language)
    title = words(f"label.{form.kind}")
    is_withdrawal = form.kind is DeclarationKind.WITHDRAWAL
    parts = [
        f'<h1 id="title">{escape(title)}</h1>',
        f'<p class="lead">{escape(words(f"page.{form.kind}_intro"))}</p>',
        _errors(form, words),
        f'<form method="post" action="/{form.kind}" novalidate id="form" aria-labelledby="title">',
        _hidden("form", form.secret),
        _hidden("language", form.language),
        _field(form, words, "name", autocomplete="name"),
        _field(form, words, "contract", hint=True),
        _field(form, words, "email", hint=True, type_="email", autocomplete="email"),
        _more(form, words) if is_withdrawal else _kinds_of_cancellation(form, words),
        f'<button type="submit">{escape(words(f"label.confirm_{form.kind}"))}</button>',
        f'<p class="next">{escape(words(f"page.{form.kind}_next"))}</p>',
        "</form>",
    ]
    resellers = law.load().resellers.values() if is_withdrawal else ()
    beside = "".join(_reseller(one.name, one.address, words) for one in resellers)
    beside = f"<aside>{beside}</aside>" if beside else ""
    return _page(words, title, "".join(parts), beside=beside, path=f"/{form.kind}", kind=form.kind)


def receipt_page(declaration: Declaration) -> str:
    """Return the page that confirms the receipt of a declaration. Raise ValueError for one that is not confirmed."""
    confirmed_at, due_by, submission = declaration.confirmed_at, declaration.due_by, declaration.submission
    if confirmed_at is None or due_by is None:
        raise ValueError(f"{declaration.declaration_id} is not confirmed")
    words, kind = words_of(submission.language), declaration.kind
    rows = {
        "reference": declaration.declaration_id,
        "time": words.time(confirmed_at),
        "name": submission.name,
        "contract": submission.contract,
        "statement": submission.statement,
        "email": submission.email,
    }
    title = words(f"receipt.{kind}_title")
    listed = "".join(
        f"<div><dt>{escape(words(f'receipt.{key}'))}</dt><dd>{escape(text)}</dd></div>" for key, text in rows.items()
    )
    content = (
        f'<p class="done" aria-hidden="true">✓</p><h1>{escape(title)}</h1>'
        f'<p class="lead">{escape(words("receipt.keep", email=submission.email))}</p><dl>{listed}</dl>'
        f"<p>{escape(words(f'receipt.{kind}_next', due_by=words.day(due_by.date())))}</p>"
    )
    return _page(words, title, content, kind=kind)


def answer_page(declaration: Declaration, language: str, token: str, *, is_objection: bool) -> str:
    """Return the page behind a link of the mail to the address on file: a button, so that no program follows it."""
    words, submission = words_of(language), declaration.submission
    name = "objection" if is_objection else "approval"
    at = declaration.confirmed_at or declaration.declared_at
    title = words(f"answer.{name}_title")
    intro = words(f"answer.{name}_intro", time=words.time(at), reference=declaration.declaration_id)
    statement = submission.statement
    shown = statement if len(statement) <= MOST_SHOWN else f"{statement[:MOST_SHOWN]}…"
    content = (
        f'<h1 id="title">{escape(title)}</h1><p class="lead">{escape(words(f"answer.{declaration.kind}"))}</p>'
        f'<p>{escape(intro)}</p><blockquote lang="{submission.language}">{escape(shown)}</blockquote>'
        f'<form method="post" action="/declarations/{escape(declaration.declaration_id)}/{name}" id="form">'
        f"{_hidden('token', token)}{_hidden('language', language)}"
        f'<button type="submit">{escape(words(f"answer.{name}_button"))}</button></form>'
    )
    return _page(words, title, content)


def message_page(language: str, key: str) -> str:
    """Return a page with one message: its title and its text."""
    words = words_of(language)
    title = words(f"{key}_title")
    text = words.templates[key].format(email=SUPPORT_EMAIL)
    return _page(words, title, f"<h1>{escape(title)}</h1><p>{escape(text)}</p>")


def _page(
    words: Words, title: str, content: str, *, beside: str = "", path: str = "", kind: DeclarationKind | None = None
) -> str:
    shown = title[:1].upper() + title[1:]
    contact = words("page.contact", email="\0").partition("\0")
    mail = f'<a href="mailto:{SUPPORT_EMAIL}">{SUPPORT_EMAIL}</a>'
    others = [_OTHER[kind]] if path and kind else list(PUBLIC_KINDS)
    links = " · ".join(
        f'<a href="/{one}?language={words.language}">{escape(words(f"label.{one}"))}</a>' for one in others
    )
    return (
        f'<!doctype html><html lang="{words.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(shown)} – {BRAND}</title><style>{style()}</style></head><body>"
        f'<a class="skip" href="#form">{escape(words("page.skip"))}</a>'
        f'<header><span class="brand"><i aria-hidden="true"></i>{BRAND}</span>{_languages(words, path)}</header>'
        f'<main><div class="card">{content}</div>{beside}</main>'
        f"<footer><p>{links}</p><p>{escape(contact[0])}{mail}{escape(contact[2])}</p>"
        f"<p>{BRAND} · {escape(words('page.seller'))}</p></footer></body></html>"
    )


def _languages(words: Words, path: str) -> str:
    if not path:
        return ""
    links = "".join(
        f'<li><b aria-current="page">{one.upper()}</b></li>'
        if one == words.language
        else f'<li><a href="{path}?{urlencode({"language": one})}" hreflang="{one}" lang="{one}">{one.upper()}</a></li>'
        for one in LANGUAGES
    )
    return f'<nav aria-label="{escape(words("page.language"))}"><ul>{links}</ul></nav>'


def _errors(form: Form, words: Words) -> str:
    """Return the list of what is wrong, each leading to its field."""
    if form.trouble:
        return f'<div class="errors" role="alert"><p>{escape(form.trouble)}</p></div>'
    if not form.errors:
        return ""
    listed = "".join(f'<li><a href="#{name}">{escape(message)}</a></li>' for name, message in form.errors.items())
    title = f'<h2 id="wrong">{escape(words("error.title"))}</h2>'
    return f'<div class="errors" role="alert" aria-labelledby="wrong">{title}<ul>{listed}</ul></div>'


def _field(
    form: Form,
    words: Words,
    name: str,
    *,
    hint: bool = False,
    is_optional: bool = False,
    is_required: bool = True,
    rows: int = 0,
    type_: str = "text",
    autocomplete: str = "off",
    label: str = "",
) -> str:
    """Return a labelled field with its hint and its error, both connected to it for screen readers."""
    value, error, label = form.entered.get(name, ""), form.errors.get(name, ""), label or name
    described = [f"{name}-error"] if error else []
    described += [f"{name}-hint"] if hint else []
    optional = f" <small>({escape(words('page.optional'))})</small>" if is_optional else ""
    attributes = f'id="{name}" name="{name}" autocomplete="{autocomplete}"'
    attributes += " required" if is_required and not is_optional else ""
    attributes += f' aria-describedby="{" ".join(described)}"' if described else ""
    attributes += ' aria-invalid="true"' if error else ""
    control = (
        f'<textarea {attributes} rows="{rows}">\n{escape(value)}</textarea>'
        if rows
        else f'<input type="{type_}" {attributes} value="{escape(value)}">'
    )
    return (
        f'<div class="field{" wrong" if error else ""}"><label for="{name}">{escape(words(f"field.{label}"))}{optional}'
        "</label>"
        + (f'<p class="hint" id="{name}-hint">{escape(words(f"field.{label}_hint"))}</p>' if hint else "")
        + (f'<p class="error" id="{name}-error">{escape(error)}</p>' if error else "")
        + f"{control}</div>"
    )


def _more(form: Form, words: Words) -> str:
    """Return the fields that nobody has to fill in. They are open if something of them was entered."""
    is_open = any(form.entered.get(name) or form.errors.get(name) for name in ("part", "message"))
    fields = _field(form, words, "part", hint=True, is_optional=True, rows=2)
    fields += _field(form, words, "message", hint=True, is_optional=True, rows=3)
    optional = f" <small>({escape(words('page.optional'))})</small>"
    title = f"<summary>{escape(words('field.more'))}{optional}</summary>"
    return f"<details{' open' if is_open else ''}>{title}{fields}</details>"


def _kinds_of_cancellation(form: Form, words: Words) -> str:
    chosen = form.entered.get("type", "ordinary")
    choices = "".join(
        f'<label class="choice"><input type="radio" id="{one}" name="type" value="{one}"'
        f"{' checked' if one == chosen else ''}>"
        f"<span>{escape(words(f'field.{one}'))}</span></label>"
        for one in ("ordinary", "extraordinary")
    )
    group = f'<fieldset class="field"><legend>{escape(words("field.type"))}</legend>{choices}</fieldset>'
    cause = _field(form, words, "message", hint=True, rows=2, label="cause", is_required=False)
    return f'{group}<div class="cause">{cause}</div>' + _field(
        form, words, "ends_on", hint=True, is_optional=True, type_="date"
    )


def _reseller(name: str, address: str, words: Words) -> str:
    before, _, after = words("page.reseller", name=name, link="\0").partition("\0")
    shown = address.removeprefix("https://")
    return f'<p>{escape(before)}<a href="{escape(address)}" rel="noreferrer">{escape(shown)}</a>{escape(after)}</p>'


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{name}" value="{escape(value)}">'
