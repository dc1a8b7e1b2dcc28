"""Texts: every key in the code has a sentence, every sentence a key, and every placeholder a figure."""

import ast
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.money import Money
from ledger.domain.refund_cases import CaseState, Decision, DecisionOutcome, RefundReason
from ledger.domain.texts import Figure, Text, text
from ledger.policy import rules
from ledger.policy.texts import DEFAULT_LANGUAGE, TextError, Texts, case_state_text, load, placeholders, shipped_texts
from tools.testing.builders import ORDER, line_usage, own_words, refund_context

ROOT = Path(__file__).parents[3]
SOURCES = [
    path
    for directory in (ROOT / "layers/ledger/ledger", ROOT / "functions")
    for path in sorted(directory.rglob("*.py"))
    if "from ledger.domain.texts import" in path.read_text("utf-8")
]
"""Each module that imports `text` or `Text`."""
TEXTS = shipped_texts()
LANGUAGES = sorted(TEXTS.languages)
FAMILIES = {"case_state.": CaseState}
"""Keys that the code composes: a prefix, and the enum whose members complete it."""
FORMAT = '[format]\nday = "{day} {month} {year}"\nmonths = ["January"]\nunknown = "Ask."\n'


def calls(source: str) -> Iterator[tuple[str, set[str]]]:
    """Each key that is written in a source, with the names of the figures beside it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "text":
            (key,) = node.args
            assert isinstance(key, ast.Constant), f"line {node.lineno}: write the key as a literal"
            yield str(key.value), {keyword.arg or "**" for keyword in node.keywords}


def composed(source: str) -> Iterator[str]:
    """The prefix of each key that a source composes: `Text(key=f"case_state.{state}")`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Text":
            for keyword in node.keywords:
                if keyword.arg == "key" and isinstance(keyword.value, ast.JoinedStr):
                    prefix = keyword.value.values[0]
                    assert isinstance(prefix, ast.Constant)
                    yield str(prefix.value)


USED = [(path, key, figures) for path in SOURCES for key, figures in calls(path.read_text("utf-8"))]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_in_the_code_has_a_text_with_the_same_figures(language: str) -> None:
    """A key without a text, a placeholder without a figure, and a figure without a placeholder are found here."""
    templates = TEXTS.languages[language].templates
    wrong = [
        f"{path.name}: {key} {sorted(figures)}"
        for path, key, figures in USED
        if key not in templates or placeholders(templates[key]) != figures
    ]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_has_a_key_in_the_code(language: str) -> None:
    """A sentence that nothing says is found here."""
    families = {f"{prefix}{member}" for prefix, members in FAMILIES.items() for member in members}
    assert TEXTS.languages[language].templates.keys() == {key for _, key, _ in USED} | families


def test_every_composed_key_is_of_a_family_and_has_no_figures() -> None:
    """Else the tests above would not see it."""
    assert {prefix for path in SOURCES for prefix in composed(path.read_text("utf-8"))} == set(FAMILIES)
    for state in CaseState:
        assert TEXTS.render(case_state_text(state)) != TEXTS.languages["en"].unknown


def test_the_scan_finds_what_is_planted() -> None:
    """A call with figures, a composed key; a key that is no literal is refused."""
    assert list(calls('reasons = [text("a.b", credits=1, day=today)]')) == [("a.b", {"credits", "day"})]
    assert list(composed('Text(key=f"state.{state}")')) == ["state."]
    with pytest.raises(AssertionError, match="line 1: write the key as a literal"):
        list(calls("text(key)"))


def test_every_language_has_the_same_keys_and_figures_as_the_default() -> None:
    """A translation may leave out support's texts, which are then written out in the default language."""
    default = TEXTS.languages[DEFAULT_LANGUAGE].templates
    for language in TEXTS.languages.values():
        for key, template in language.templates.items():
            assert placeholders(template) == placeholders(default[key])
        assert len(language.months) == 12


SENTENCES = [
    (key, template) for key, template in sorted(TEXTS.languages["en"].templates.items()) if not key.startswith("input.")
]


@pytest.mark.parametrize(("key", "template"), SENTENCES, ids=[key for key, _ in SENTENCES])
def test_every_text_is_a_sentence(key: str, template: str) -> None:
    """It begins with a capital letter or a figure, and ends with a full stop."""
    if key == "decision.own_words":
        return
    assert template.endswith(".")
    assert template[0].isupper() or template[0] == "{"
    assert "  " not in template
    assert all(spec.count("|") == 1 for _, _, spec, _ in Formatter().parse(template) if spec)


# ── Rendering ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def texts_of(*templates: str) -> Texts:
    """English, with these texts: `k.0`, `k.1`, …"""
    english = replace(TEXTS.languages["en"], templates={f"k.{n}": one for n, one in enumerate(templates)}, unknown="?")
    return Texts({"en": english})


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("pack_500", "pack_500"),
        (RefundReason.WITHDRAWAL, "withdrawal"),
        (("a", "b"), "a, b"),
        ((), ""),
        (0, "0"),
        (1000, "1000"),
        (Money(amount_minor=1805, currency="EUR"), "18.05 EUR"),
        (Money(amount_minor=1805, currency="JPY"), "1805 JPY"),
        (date(2026, 11, 1), "1 November 2026"),
        (date(2027, 1, 31), "31 January 2027"),
        (datetime(2026, 11, 1, 12, tzinfo=UTC), "2026-11-01T12:00:00+00:00"),
    ],
)
def test_a_figure_is_written_as_its_type_asks(value: object, wanted: str) -> None:
    """Names, counts, amounts, days, times."""
    assert texts_of("It is {it}.").render(text("k.0", it=value)) == f"It is {wanted}."  # type: ignore[arg-type]


@pytest.mark.parametrize(("count", "wanted"), [(0, "0 runs failed"), (1, "1 run failed"), (2, "2 runs failed")])
def test_a_count_agrees_with_its_noun(count: int, wanted: str) -> None:
    """One run, two runs."""
    assert texts_of("{runs:run|runs} failed").render(text("k.0", runs=count)) == wanted


def test_a_persons_own_words_are_inserted_as_they_are() -> None:
    """Braces in them are no placeholders."""
    assert TEXTS.render(own_words("Take {these} {0}.")[0]) == "Take {these} {0}."


def test_wrong_figures_are_an_error_and_an_unknown_key_is_not() -> None:
    """The first is a fault of this release, the second may have been stored by a newer one."""
    texts = texts_of("Paid {paid}.")
    for figures in ({}, {"paid": 1, "more": 2}, {"other": 1}):
        with pytest.raises(TextError, match=r"k\.0 needs \['paid'\]"):
            texts.render(text("k.0", **figures))
    assert texts.render(text("k.1", anything=1)) == "?"
    many, others = texts_of("{a}{b}{c}{d}{e}{f}"), tuple(Figure.of(name, 1) for name in "zyx")
    with pytest.raises(TextError, match=r"needs \['a', 'b', 'c', 'd', 'e', 'f'\], not \['x', 'y', 'z'\]"):
        many.render(Text(key="k.0", figures=others))


def test_a_language_without_a_text_or_a_file_falls_back_to_the_default() -> None:
    """Another language has its own sentences and its own days."""
    english = texts_of("On {day}.", "Only English.").languages["en"]
    german = replace(english, templates={"k.0": "Am {day}."}, day="{day}. {month} {year}", months=("Januar",))
    texts, day = Texts({"en": english, "de": german}), date(2026, 1, 2)
    assert texts.render(text("k.0", day=day), "de") == "Am 2. Januar 2026."
    assert texts.render(text("k.0", day=day), "fr") == "On 2 January 2026."
    assert texts.render_all([text("k.1"), text("k.0", day=day)], "de") == ["Only English.", "Am 2. Januar 2026."]


@given(
    st.sampled_from(["name", "other"]),
    st.text() | st.integers() | st.dates() | st.datetimes(timezones=st.just(UTC)) | st.tuples(st.text()),
)
def test_a_figure_has_the_value_that_it_was_made_from(name: str, value: str | int | date | tuple[str]) -> None:
    """Whatever its type, also if it is empty or zero."""
    figure = Figure.of(name, value)
    assert (figure.name, figure.value) == (name, value)


@pytest.mark.parametrize("value", [True, 1.5, None, ["a"]])
def test_what_no_sentence_may_contain_is_refused(value: object) -> None:
    """Floats are no amounts, and a truth is no count."""
    with pytest.raises(TypeError, match="a sentence has no place for"):
        Figure.of("it", value)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="has no value"):
        _ = Figure(name="it").value


def test_the_order_in_which_figures_are_written_does_not_matter() -> None:
    """Two equal texts are equal records."""
    assert text("k", a=1, b="x") == text("k", b="x", a=1)


# ── Files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({}, "has no en.toml$"),
        ({"en": "["}, "is not TOML"),
        ({"en": '[k]\na = "A."\n'}, r"\[format\] lacks"),
        ({"en": f"{FORMAT}[k]\na = 1\n"}, "k.a is no text"),
        ({"en": f'{FORMAT}[k]\na = ""\n'}, "k.a is no text"),
        ({"en": f'a = "A."\n{FORMAT}'}, "a is no table"),
        ({"en": f'{FORMAT}[k]\na = "A."\n', "support.en": '[k]\na = "B."\n'}, "twice"),
    ],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(tmp_path: Path, files: dict[str, str], problem: str) -> None:
    """Before any sentence is written out."""
    for name, content in files.items():
        (tmp_path / f"{name}.toml").write_text(content, "utf-8")
    with pytest.raises(TextError, match=problem):
        load(tmp_path)


def test_an_amount_has_the_decimal_sign_of_its_language(tmp_path: Path) -> None:
    """A point where none is named."""
    comma = FORMAT.replace("unknown", 'decimal = ","\nunknown')
    (tmp_path / "en.toml").write_text(f'{FORMAT}[k]\na = "{{paid}}"\n', "utf-8")
    (tmp_path / "de.toml").write_text(f'{comma}[k]\na = "{{paid}}"\n', "utf-8")
    texts = load(tmp_path)
    said = Text(key="k.a", figures=(Figure.of("paid", Money(amount_minor=1050, currency="EUR")),))
    assert texts.render(said, "en") == "10.50 EUR"
    assert texts.render(said, "de") == "10,50 EUR"


def test_a_languages_texts_are_those_of_its_two_files(tmp_path: Path) -> None:
    """One for customers, one for support, which another language may not have."""
    (tmp_path / "en.toml").write_text(f'{FORMAT}[k]\na = "A."\n', "utf-8")
    (tmp_path / "support.en.toml").write_text('[s]\nb = "B."\n', "utf-8")
    (tmp_path / "de.toml").write_text(f'{FORMAT}[k]\na = "Ä."\n', "utf-8")
    texts = load(tmp_path)
    assert {name: dict(one.templates) for name, one in texts.languages.items()} == {
        "en": {"k.a": "A.", "s.b": "B."},
        "de": {"k.a": "Ä."},
    }


# ── Every outcome of the policy ───────────────────────────────────────────────────────────────────────────────────────

US = replace(ORDER, country="US")
BEFORE = Decision(outcome=DecisionOutcome.DECLINE, clause="2", rule="", reasons=own_words("No."), policy_version="1")
requests = st.builds(
    refund_context,
    st.sampled_from(RefundReason),
    day=st.sampled_from([0, 3, 20, 400]),
    order=st.sampled_from([ORDER, US, None, replace(ORDER, is_business=True), replace(ORDER, consent=None)]),
    lines=st.sampled_from(
        [(line_usage(),), (line_usage(250),), (line_usage(1000),), (line_usage(1000), line_usage(0, line_id="b"))]
    ),
    refundable_minor=st.sampled_from([0, 1500, 2000]),
    overcharge_minor=st.sampled_from([0, 500]),
    is_subscription=st.booleans(),
    is_renewal=st.booleans(),
    is_plan_change=st.booleans(),
    is_duplicate=st.booleans(),
    duplicate_minor=st.integers(0, 3000),
    is_disputed=st.booleans(),
    similar=st.sampled_from([(), ("stripe:pi_2",)]),
    is_similar_disputed=st.booleans(),
    failed_runs=st.sampled_from([0, 1, 5]),
    failed_credits=st.sampled_from([0, 10]),
    replaced_runs=st.sampled_from([0, 1]),
    replaced_credits=st.sampled_from([0, 10]),
    declined_before=st.sampled_from([None, BEFORE]),
)


@pytest.mark.parametrize("language", LANGUAGES)
@given(request=requests)
def test_every_outcome_of_every_rule_is_written_out(language: str, request: rules.PolicyContext) -> None:
    """Reasons, explanation and inputs: with their figures, and never with the sentence for unknown keys."""
    assert_written_out(request, language)


PARTLY_USED = line_usage(250)
US = replace(ORDER, country="US")
RARE = {
    "credits without money": refund_context(RefundReason.TECHNICAL_PROBLEM, refundable_minor=0, lines=(PARTLY_USED,)),
    "declined, but due": refund_context(
        RefundReason.CHARGED_TWICE, declined_before=BEFORE, is_duplicate=True, duplicate_minor=9999
    ),
    "declined, but a right": refund_context(RefundReason.CHANGED_MY_MIND, declined_before=BEFORE),
    "no renewal": refund_context(RefundReason.MISTAKEN_RENEWAL, order=US, lines=(PARTLY_USED,)),
    "a used renewal": refund_context(
        RefundReason.MISTAKEN_RENEWAL, is_subscription=True, is_renewal=True, lines=(PARTLY_USED,)
    ),
    "changed my mind": refund_context(RefundReason.CHANGED_MY_MIND, order=US, lines=(PARTLY_USED,)),
    "the other one is disputed": refund_context(
        RefundReason.CHARGED_TWICE, order=US, similar=("stripe:pi_2",), is_similar_disputed=True
    ),
}


@pytest.mark.parametrize("request_", RARE.values(), ids=RARE)
def test_outcomes_that_are_rarely_drawn_are_written_out_too(request_: rules.PolicyContext) -> None:
    """Each reaches a text that random requests seldom reach."""
    assert_written_out(request_, "en")


def assert_written_out(request: rules.PolicyContext, language: str) -> None:
    """Every text of the decision has a sentence, and every figure of it a value."""
    decision = rules.decide(request, rules.load())
    written = [*decision.reasons, *decision.inputs, *(why for trace in decision.explanation for why in trace.why)]
    sentences = TEXTS.render_all(written, language)
    assert TEXTS.languages[language].unknown not in sentences
    assert not any(name for said in sentences for _, name, _, _ in Formatter().parse(said))


def test_a_text_is_no_sentence_before_it_is_written_out() -> None:
    """What a rule returns is data."""
    assert rules.decide(refund_context(RefundReason.CHANGED_MY_MIND, paid_minor=0), rules.load()).reasons == (
        Text(key="decision.nothing_paid"),
        text("decision.based_on_clause", clause="1"),
    )


def test_the_shipped_texts_are_those_of_the_package_and_are_read_once() -> None:
    """The first sentence reads them."""
    shipped_texts.cache_clear()
    assert shipped_texts().languages == load().languages
    assert shipped_texts() is shipped_texts()
