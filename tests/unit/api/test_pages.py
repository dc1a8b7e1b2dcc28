"""The public pages: the words of the law in each language, and HTML that every browser and every reader understands."""

import base64
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser

import pytest

from ledger.api.pages.forms import Sent, check, read_form, submission_of
from ledger.api.pages.html import (
    MOST_SHOWN,
    SUPPORT_EMAIL,
    Form,
    answer_page,
    content_security_policy,
    form_page,
    message_page,
    receipt_page,
    style,
)
from ledger.api.pages.texts import DIRECTORY, LANGUAGES, choose_language, figures_of, statement_of, words_of
from ledger.domain.declarations import (
    PUBLIC_KINDS,
    Declaration,
    DeclarationKind,
    DeclarationState,
    Submission,
    declaration_id,
)
from ledger.policy import law

KINDS = list(PUBLIC_KINDS)
AT = datetime(2026, 11, 29, 10, 5, 7, 999_999, tzinfo=UTC)
HOSTILE = "\"><script>alert('x')</script>&{name}%s"
SUBMISSION = Submission(
    kind=DeclarationKind.WITHDRAWAL,
    name="Ada",
    contract="ord_1",
    email="ada@example.com",
    language="en",
    statement="I withdraw from this contract: ord_1",
)
LABELS = {
    # Directive 2011/83/EU, article 11a, and the national laws: facts of the law, word for word.
    "en": ("Withdraw from contract here", "Confirm withdrawal"),
    "de": ("Vertrag widerrufen", "Widerruf bestätigen"),
    "fr": ("Renoncer au contrat ici", "Confirmer la rétractation"),
    "it": ("Recedere dal contratto qui", "Conferma recesso"),
    "es": ("Desistir del contrato aquí", "Confirmar desistimiento"),
    "nl": ("Hier de overeenkomst herroepen", "Herroeping bevestigen"),
    "pl": ("Odstąp od umowy tutaj", "Potwierdź odstąpienie od umowy"),
}
CANCELLATION_LABELS = {
    "de": ("Verträge hier kündigen", "jetzt kündigen"),
    "fr": ("résilier votre contrat", "notification de la résiliation"),
    "en": ("Cancel subscription", "Cancel now"),
}


@dataclass
class Element:
    """One element of a page."""

    tag: str
    attributes: dict[str, str]
    text: str = ""
    inside: tuple[str, ...] = ()


@dataclass
class Page(HTMLParser):
    """The elements of a page, in their order. What is not closed in its order is an error."""

    elements: list[Element] = field(default_factory=list)

    VOID = frozenset({"meta", "input"})

    def __post_init__(self) -> None:
        super().__init__()
        self.path: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, inside=tuple(one.tag for one in self.path))
        self.elements.append(element)
        if tag not in self.VOID:
            self.path.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.path.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self.path:
            element.text += data

    def all(self, tag: str) -> list[Element]:
        """Return the elements of a kind."""
        return [one for one in self.elements if one.tag == tag]


def read(html: str) -> Page:
    """Read a page whole."""
    page = Page()
    page.feed(html)
    page.close()
    assert page.path == []
    return page


def form(kind: DeclarationKind = DeclarationKind.WITHDRAWAL, language: str = "en", **entered: str) -> str:
    """The page with a form, with what was entered and what is wrong with it."""
    sent = Sent(entered)
    errors = check(sent, kind, words_of(language)) if entered else {}
    return form_page(Form(kind=kind, language=language, secret="s" * 32, entered=entered, errors=errors))


def declaration(**changes: object) -> Declaration:
    """A declaration that was confirmed five hours after its draft, with these changes of what it says."""
    submission = replace(SUBMISSION, **changes)  # type: ignore[arg-type]
    return Declaration(
        declaration_id=declaration_id(submission.kind, "x"),
        state=DeclarationState.CONFIRMED,
        submission=submission,
        declared_at=AT - timedelta(hours=5),
        confirmed_at=AT,
        token_hash="",
    )


def pages() -> Iterator[tuple[str, str]]:
    """Yield every page in every language, with its language."""
    for language in LANGUAGES:
        for kind in KINDS:
            yield language, form(kind, language)
            yield language, form(kind, language, name="", contract="", email="x", ends_on="x", type="extraordinary")
            yield language, receipt_page(declaration(kind=kind, language=language))
        for is_objection in (False, True):
            yield language, answer_page(declaration(), language, "t", is_objection=is_objection)
        for key in ("unknown", "busy", "decided", "late", "approval_done", "objection_done"):
            yield language, message_page(language, f"answer.{key}")


# ── Words ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("is_objection", [True, False])
def test_whoever_answers_reads_when_the_statement_was_received(*, is_objection: bool) -> None:
    """It was received when it was confirmed, not when it was drafted. One that came by mail is confirmed by nobody."""
    one = declaration()
    assert words_of("en").time(AT) in answer_page(one, "en", "t", is_objection=is_objection)
    by_mail = replace(one, confirmed_at=None, declared_at=AT)
    assert words_of("en").time(AT) in answer_page(by_mail, "en", "t", is_objection=is_objection)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_every_text_with_the_same_figures(language: str) -> None:
    """What one lacks would be a page that fails in that language alone."""
    wanted = {key: figures_of(text) for key, text in words_of("en").templates.items()}
    assert {key: figures_of(text) for key, text in words_of(language).templates.items()} == wanted
    assert len(words_of(language).templates["format.months"].split()) == 12


def test_there_is_a_file_for_each_language_and_no_other() -> None:
    """With the same groups."""
    assert {path.stem for path in DIRECTORY.glob("*.toml")} == set(LANGUAGES)
    for path in DIRECTORY.glob("*.toml"):
        assert tomllib.loads(path.read_text("utf-8")).keys() == {
            *("format", "label", "page", "field", "error", "receipt", "answer", "statement")
        }


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_labels_are_those_of_the_law(language: str) -> None:
    """The heading is the first one; on the one button is the second one, and nothing else."""
    first, second = LABELS[language]
    page = read(form(language=language))
    assert [one.text for one in page.all("h1")] == [first]
    assert [(one.text, one.attributes.get("type")) for one in page.all("button")] == [(second, "submit")]
    assert not [one for one in page.all("input") if one.attributes["type"] in {"submit", "image", "button"}]


@pytest.mark.parametrize("language", CANCELLATION_LABELS)
def test_the_cancellation_has_its_own_labels(language: str) -> None:
    """Its button is there from the start: nothing has to be filled in before it shows."""
    first, second = CANCELLATION_LABELS[language]
    page = read(form(DeclarationKind.CANCELLATION, language))
    assert [one.text for one in page.all("h1")] == [first]
    (button,) = page.all("button")
    assert button.text == second
    assert not {"disabled", "hidden", "style"} & button.attributes.keys()
    assert "details" not in button.inside


@pytest.mark.parametrize(
    ("wanted", "accepted", "language"),
    [
        ("de", "fr", "de"),
        (None, "fr-CH, fr;q=0.9, en;q=0.8", "fr"),
        (None, "ja, pl;q=0.5, nl;q=0.7", "nl"),
        ("xx", "it", "it"),
        (None, "ja", "en"),
        (None, None, "en"),
        (None, "de;q=x, es", "de"),
        (None, "<script>", "en"),
        (None, "," * 100_000 + "de", "en"),
    ],
)
def test_the_language_is_that_of_the_address_or_else_of_the_browser(
    wanted: str | None, accepted: str | None, language: str
) -> None:
    """The best one that there is; whatever a header says."""
    assert choose_language(wanted, accepted) == language


@pytest.mark.parametrize(
    ("language", "at", "text"),
    [
        ("en", AT, "29 November 2026, 10:05:07 (UTC)"),
        ("de", AT, "29. November 2026, 11:05:07 (UTC+01:00)"),
        ("es", datetime(2026, 6, 30, 22, 30, tzinfo=UTC), "1 de julio de 2026, 00:30:00 (UTC+02:00)"),
        ("fr", datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), "29 mars 2026, 01:59:59 (UTC+01:00)"),
        ("fr", datetime(2026, 3, 29, 1, tzinfo=UTC), "29 mars 2026, 03:00:00 (UTC+02:00)"),
        ("pl", datetime(2026, 10, 25, 0, 59, 59, tzinfo=UTC), "25 października 2026, 02:59:59 (UTC+02:00)"),
        ("pl", datetime(2026, 10, 25, 1, tzinfo=UTC), "25 października 2026, 02:00:00 (UTC+01:00)"),
    ],
)
def test_a_time_has_its_seconds_and_its_offset(language: str, at: datetime, text: str) -> None:
    """As the reader's clock shows it, on both sides of a change of the clock."""
    assert words_of(language).time(at) == text


def test_the_statement_says_everything_that_was_entered() -> None:
    """Word for word, in the language of the page."""
    withdrawal = replace(SUBMISSION, language="de", part="das Abo", message="Danke")
    assert statement_of(withdrawal) == (
        "Ich widerrufe diesen Vertrag: ord_1\nNur für diesen Teil des Vertrags: das Abo\nDanke"
    )
    kind = DeclarationKind.CANCELLATION
    cancellation = replace(SUBMISSION, kind=kind, ends_on=date(2026, 12, 31))
    assert statement_of(cancellation) == (
        "I cancel this contract at the next possible date: ord_1\nThe contract is to end on 31 December 2026."
    )
    for_cause = replace(SUBMISSION, kind=kind, is_extraordinary=True, message="It never worked.")
    assert statement_of(for_cause) == "I cancel this contract for an important reason: ord_1\nIt never worked."
    assert statement_of(replace(SUBMISSION, contract="{x} {0} %s")) == "I withdraw from this contract: {x} {0} %s"


# ── HTML ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_page_is_whole_and_says_its_language() -> None:
    """One heading, one main part, a title; an id is there once; nothing is loaded from anywhere."""
    for language, html in pages():
        page = read(html)
        assert html.startswith(f'<!doctype html><html lang="{language}">')
        assert [len(page.all(tag)) for tag in ("title", "main", "h1", "header", "footer")] == [1, 1, 1, 1, 1]
        ids = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
        assert len(ids) == len({*ids})
        assert not {"script", "img", "link", "iframe"} & {one.tag for one in page.elements}
        for one in page.elements:
            assert not [name for name in one.attributes if name.startswith("on") or name in {"style", "src"}]
        assert "None" not in html


def test_every_field_has_its_label_and_what_describes_it() -> None:
    """For a reader that can't see where they stand."""
    for _, html in pages():
        page = read(html)
        ids = {one.attributes["id"] for one in page.elements if "id" in one.attributes}
        labelled = {one.attributes["for"] for one in page.all("label") if "for" in one.attributes}
        for control in (*page.all("input"), *page.all("textarea")):
            if control.attributes.get("type") not in {"hidden", "radio"}:
                assert control.attributes["id"] in labelled
            described = control.attributes.get("aria-describedby", "").split()
            assert {*described} <= ids
            if control.attributes.get("aria-invalid"):
                assert f"{control.attributes['id']}-error" in described
        for link in page.all("a"):
            assert link.text
            if link.attributes["href"].startswith("#") and link.attributes.get("class") != "skip":
                assert link.attributes["href"][1:] in ids
        assert all("legend" in [one.tag for one in page.elements] for _ in page.all("fieldset"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_form_asks_for_what_the_law_lets_it_ask(kind: DeclarationKind) -> None:
    """Three required fields, and no more."""
    page = read(form(kind))
    controls = [one.attributes for one in (*page.all("input"), *page.all("textarea")) if "name" in one.attributes]
    required = {one["name"] for one in controls if "required" in one}
    assert required == {"name", "contract", "email"}
    optional = {one["name"] for one in controls if one.get("type") != "hidden"} - required
    assert optional == ({"part", "message"} if kind is DeclarationKind.WITHDRAWAL else {"type", "message", "ends_on"})
    (sent,) = page.all("form")
    assert (sent.attributes["method"], sent.attributes["action"]) == ("post", f"/{kind}")
    assert "novalidate" in sent.attributes, "a browser's own check refuses addresses that are good"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["name", "contract", "email", "part", "message", "ends_on", "type"])
def test_what_somebody_wrote_is_text_and_nothing_else(kind: DeclarationKind, name: str) -> None:
    """In each field of the form that is shown again, and of the receipt and the pages behind the links."""
    shown = [form(kind, **{"name": "Ada", name: HOSTILE})]
    if name in {"name", "contract", "email"}:
        whole = declaration(kind=kind, **{name: HOSTILE}, statement=HOSTILE)
        shown += [receipt_page(whole), answer_page(whole, "en", HOSTILE, is_objection=True)]
    for html in shown:
        page = read(html)
        assert "script" not in {one.tag for one in page.elements}
        assert "<script" not in html
    if name in {"name", "contract", "email"}:
        (again,) = [one for one in read(shown[0]).all("input") if one.attributes.get("id") == name]
        assert again.attributes["value"] == HOSTILE


@pytest.mark.parametrize("kind", KINDS)
def test_a_form_leads_to_itself_in_every_other_language(kind: DeclarationKind) -> None:
    """And says which one it is in."""
    page = read(form(kind, "de"))
    leads_to = {one.attributes["hreflang"]: one.attributes["href"] for one in page.all("a") if "nav" in one.inside}
    assert leads_to == {one: f"/{kind}?language={one}" for one in LANGUAGES if one != "de"}
    assert [one.text for one in page.all("b")] == ["DE"]


def test_the_form_of_a_withdrawal_names_who_else_may_have_sold_with_the_page_to_turn_to() -> None:
    """A customer of a reseller finds its own way; a cancellation is ours in any case."""
    resellers = law.load().resellers.values()
    (beside,) = read(form()).all("aside")
    links = [one.attributes["href"] for one in read(form()).all("a") if "aside" in one.inside]
    assert links == [one.address for one in resellers]
    assert all(one.name in beside.text for one in resellers)
    assert read(form(DeclarationKind.CANCELLATION)).all("aside") == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_receipt_says_what_was_received_and_when_and_what_follows(kind: DeclarationKind, language: str) -> None:
    """It is the proof that the law wants: each line has its name and its content."""
    words, whole = words_of(language), declaration(kind=kind, language=language, statement="Word for word.")
    page = read(receipt_page(whole))
    listed = dict(zip((one.text for one in page.all("dt")), (one.text for one in page.all("dd")), strict=True))
    assert listed == {
        words("receipt.reference"): whole.declaration_id,
        words("receipt.time"): words.time(AT),
        words("receipt.name"): "Ada",
        words("receipt.contract"): "ord_1",
        words("receipt.statement"): "Word for word.",
        words("receipt.email"): "ada@example.com",
    }
    assert [one.text for one in page.all("h1")] == [words(f"receipt.{kind}_title")]
    last = [one.text for one in page.all("p") if "main" in one.inside][-1]
    assert last == words(f"receipt.{kind}_next", due_by=words.day(whole.due_by.date() if whole.due_by else AT.date()))


@pytest.mark.parametrize("kind", KINDS)
def test_a_receipt_is_sent_to_the_address_that_was_given(kind: DeclarationKind) -> None:
    """The page says so in its first sentence."""
    page = receipt_page(declaration(kind=kind))
    assert words_of("en")("receipt.keep", email="ada@example.com") in [one.text for one in read(page).all("p")]


@pytest.mark.parametrize("is_objection", [False, True])
def test_whoever_answers_reads_what_the_declaration_is_called(*, is_objection: bool) -> None:
    """By the reference of its acknowledgement."""
    one = replace(declaration(), token_hash="a hash")
    shown = " ".join(one.text for one in read(answer_page(one, "en", "t", is_objection=is_objection)).all("p"))
    assert one.declaration_id in shown


@pytest.mark.parametrize("trouble", ["", "Something is wrong."])
def test_a_form_shows_what_is_wrong_and_never_its_secret(trouble: str) -> None:
    """All of what is wrong with its fields, unless it is something else."""
    wrong = {"name": "Your name.", "message": "Too long."}
    shown = Form(kind=KINDS[0], language="en", secret="s" * 32, errors=wrong, trouble=trouble)
    page = read(form_page(shown))
    alerts = [one for one in page.all("div") if one.attributes.get("role") == "alert"]
    assert [all(words in one.text for words in ([trouble] if trouble else wrong.values())) for one in alerts] == [True]
    assert "s" * 32 not in " ".join(one.text for one in page.elements)
    (more,) = page.all("details")
    assert "open" in more.attributes, "what is wrong is in it"


def test_a_form_without_errors_has_no_alert() -> None:
    """Whatever was entered. The kind of a cancellation that was chosen stays so."""
    entered = {"name": "Ada", "type": "extraordinary"}
    page = read(form_page(Form(kind=DeclarationKind.CANCELLATION, language="en", secret="s", entered=entered)))
    assert not [one for one in page.all("div") if one.attributes.get("role") == "alert"]
    chosen = [one.attributes["value"] for one in page.all("input") if "checked" in one.attributes]
    assert chosen == ["extraordinary"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", ["unknown", "busy", "decided", "late", "approval_done", "objection_done"])
def test_a_message_has_its_title_and_its_text(language: str, key: str) -> None:
    """And nothing else that a customer could take for the answer."""
    words, page = words_of(language), read(message_page(language, f"answer.{key}"))
    shown = [(one.tag, one.text) for one in page.elements if one.inside[-2:] == ("main", "div")]
    text = words.templates[f"answer.{key}"].format(email=SUPPORT_EMAIL)
    assert shown == [("h1", words(f"answer.{key}_title")), ("p", text)]


@pytest.mark.parametrize(
    ("entered", "is_open"),
    [({}, False), ({"name": "Ada"}, False), ({"part": "the plan"}, True), ({"message": "Thank you"}, True)],
)
def test_what_nobody_has_to_fill_in_is_behind_a_line_that_says_so(entered: dict[str, str], *, is_open: bool) -> None:
    """It is open once something of it was entered: nobody loses sight of what is sent."""
    words, page = words_of("de"), read(form(DeclarationKind.WITHDRAWAL, "de", **entered))
    (details,), (summary,) = page.all("details"), page.all("summary")
    assert ("open" in details.attributes) is is_open
    assert summary.text == f"{words('field.more')} ({words('page.optional')})"
    assert summary.inside[-1] == "details"
    inside = {one.attributes["id"] for one in page.all("textarea") if "details" in one.inside}
    assert inside == {"part", "message"}


def test_a_long_statement_of_a_stranger_is_cut_on_the_page_for_its_customer() -> None:
    """Whoever declares does not write to somebody else by us."""
    html = answer_page(declaration(statement="x" * 5000), "en", "t", is_objection=False)
    (shown,) = read(html).all("blockquote")
    assert shown.text == "x" * MOST_SHOWN + "…"


def test_a_browser_may_load_the_style_of_the_page_and_nothing_else() -> None:
    """The policy names the style by its digest: a style that somebody else brought in is not used."""
    policy = content_security_policy()
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[\w+/]{43}='; form-action 'self'; base-uri 'none'; "
        r"frame-ancestors 'none'",
        policy,
    )
    for _, html in pages():
        assert [one.text for one in read(html).all("style")] == [style()]
    assert "url(" not in style()
    assert "</" not in style()


def luminance(colour: str) -> float:
    """The relative luminance of a colour, as WCAG 2.2 defines it."""
    digits = colour.lstrip("#")
    digits = "".join(one * 2 for one in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground", "least"),
    [
        *(
            ("ink", "card", 7),
            ("ink", "page", 7),
            ("soft", "card", 4.5),
            ("soft", "page", 4.5),
            ("accent", "card", 4.5),
        ),
        *(("accent", "page", 4.5), ("on", "accent", 4.5), ("on", "over", 4.5), ("bad", "card", 4.5)),
        *(("bad", "bad-page", 4.5), ("good", "card", 4.5), ("line", "card", 3), ("ink", "faint", 4.5)),
    ],
)
def test_every_colour_stands_out_from_its_ground(scheme: int, text: str, ground: str, least: float) -> None:
    """EN 301 549, 9.1.4.3 and 9.1.4.11: 4.5 for text, 3 for the edge of a field."""
    colours = dict(re.findall(r"--([\w-]+):(#\w+)", style().split(":root{")[scheme + 1]))
    light, dark = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= least


# ── What was sent ─────────────────────────────────────────────────────────────────────────────────────────────────────

GOOD = {"name": "Ada", "contract": "the one of Tuesday", "email": "ada@example.com"}


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({}, set()),
        ({"name": ""}, {"name"}),
        ({"contract": ""}, {"contract"}),
        ({"email": ""}, {"email"}),
        ({"email": "ada"}, {"email"}),
        ({"email": "a@b.c,eve@example.com"}, {"email"}),
        ({"email": "jürgen@müller.example"}, set()),
        ({"name": "x" * 200}, set()),
        ({"name": "x" * 201}, {"name"}),
        ({"name": "x" * 10_000}, {"name"}),
        ({"name": "Ada\x00"}, {"name"}),
        ({"message": "a\nb\tc"}, set()),
        ({"message": "\x1b[31m"}, {"message"}),
        ({"ends_on": "tomorrow"}, {"ends_on"}),
        ({"ends_on": "2026-12-31"}, set()),
        ({"type": "extraordinary"}, {"message"}),
        ({"type": "extraordinary", "message": "It never worked."}, set()),
        ({"type": "<x>"}, set()),
    ],
)
def test_only_what_an_acknowledgement_needs_is_asked_for_again(changes: dict[str, str], wrong: set[str]) -> None:
    """Anything that a person may be called, and any words for a contract, are good."""
    assert check(Sent(GOOD | changes), DeclarationKind.CANCELLATION, words_of("en")).keys() == wrong


def test_a_draft_is_cut_to_what_can_be_stored() -> None:
    """Of what is incomplete only its time counts."""
    sent = Sent({"name": "x" * 9999, "message": "y" * 60_000, "ends_on": "x", "type": "extraordinary", "part": "z"})
    withdrawal = submission_of(sent, DeclarationKind.WITHDRAWAL, "en", "s")
    assert (len(withdrawal.name), len(withdrawal.message), withdrawal.part) == (200, 4000, "z")
    assert (withdrawal.is_extraordinary, withdrawal.ends_on, withdrawal.contract) == (False, None, "")
    cancellation = submission_of(sent, DeclarationKind.CANCELLATION, "en", "s")
    assert (cancellation.is_extraordinary, cancellation.ends_on, cancellation.part) == (True, None, "")


@pytest.mark.parametrize("is_base64", [True, False])
def test_a_form_is_read_as_api_gateway_passes_it_on(*, is_base64: bool) -> None:
    """Base64 is its way with forms; plain text is what other gateways send."""
    body = b"name=Ada+Lovelace&contract=ord_1&message=%C3%A9"
    event = {
        "headers": {"content-type": "application/x-www-form-urlencoded; charset=utf-8"},
        "body": base64.b64encode(body).decode() if is_base64 else body.decode(),
        "isBase64Encoded": is_base64,
    }
    assert read_form(event).fields == {"name": "Ada Lovelace", "contract": "ord_1", "message": "é"}


def test_what_may_have_several_lines_keeps_them_and_all_else_is_one_line() -> None:
    """With plain ends of lines: a browser sends CR LF. Who declares in lines, means them."""
    names = ("name", "contract", "email", "part", "message", "type", "ends_on")
    body = "&".join(f"{name}=%20a%0D%0Ab%20%20c%0Dd%0A" for name in names)
    event = {"headers": {"content-type": "application/x-www-form-urlencoded"}, "body": body}
    several = dict.fromkeys(("contract", "part", "message"), "a\nb  c\nd")
    assert read_form(event).fields == dict.fromkeys(names, "a b c d") | several
