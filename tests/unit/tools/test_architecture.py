"""The rules of the house are enforced: the code keeps each rule, and a planted breach of it is found."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from ledger.providers.registry import PROVIDERS
from tools.testing.architecture import Word, breaches, identifiers, imported_modules, literals

ROOT = Path(__file__).parents[3]
LAYER = Path("layers/ledger/ledger")
CODE = ("functions", "layers/ledger")


def provider_words(source: str) -> Iterator[Word]:
    """Yield each literal and identifier that names a registered provider."""
    for word in (*literals(source), *identifiers(source)):
        if any(name in word.text.lower() for name in PROVIDERS):
            yield word


def foreign_imports(source: str, own: str) -> Iterator[Word]:
    """Yield each import from the package of a provider other than `own`."""
    others = tuple(f"ledger.providers.{name}" for name in PROVIDERS if name != own)
    return (word for word in imported_modules(source) if word.text.startswith(others))


@pytest.mark.parametrize("folder", CODE)
def test_only_the_providers_package_names_a_provider(folder: str) -> None:
    """Everything else gets the names from the registry, so a new provider changes no other code."""
    assert breaches(ROOT / folder, provider_words, outside=ROOT / LAYER / "providers") == []


@pytest.mark.parametrize(
    ("breach", "found"),
    [
        ('name = "stripe"', "stripe"),
        ("def of(self):\n    return self.provider == 'Paddle'", "Paddle"),
        ('key = f"stripe:{own_id}"', "stripe:"),
        ("secret = b'paddle'", "paddle"),
        ("match name:\n    case 'stripe':\n        pass", "stripe"),
        ("price_ids = dict(paddle=())", "paddle"),
        ("from ledger.providers.stripe import events", "ledger.providers.stripe"),
        ("import stripe as sdk", "stripe sdk"),
        ("class StripeGateway: ...", "StripeGateway"),
        ("url = config.paddle_url", "paddle_url"),
    ],
)
def test_each_kind_of_provider_name_is_found(breach: str, found: str) -> None:
    """As a literal, in a part of one, in a pattern, as a keyword, an import or an identifier."""
    assert found in [word.text for word in provider_words(breach)]


@pytest.mark.parametrize(
    "prose",
    [
        '"""A payment, as `stripe:pi_1`."""',
        'def f():\n    """Ask Paddle."""',
        'class C:\n    field: str\n    """As Stripe has it."""',
        "value = 1  # Stripe rounds it",
    ],
)
def test_prose_may_give_a_provider_as_an_example(prose: str) -> None:
    """Docstrings and comments explain, they decide nothing."""
    assert [*provider_words(prose)] == []


def test_a_breach_in_a_file_is_reported_with_its_place(tmp_path: Path) -> None:
    """The file and the line, except where the word is allowed."""
    for folder in ("usecases", "providers"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "one.py").write_text('x = 1\ny = "stripe"\n', "utf-8")
    assert breaches(tmp_path, provider_words, outside=tmp_path / "providers") == ["usecases/one.py:2: stripe"]


@cache
def _places_of_authority() -> dict[str, int]:
    """Return the use-cases that take an authority, with its place among their positional arguments."""
    trees = (ast.parse(path.read_text("utf-8")) for path in (ROOT / LAYER / "usecases").rglob("*.py"))
    functions = [one for tree in trees for one in tree.body if isinstance(one, ast.FunctionDef)]
    places = {}
    for one in functions:
        names = [argument.arg for argument in (*one.args.args, *one.args.kwonlyargs)]
        if "authority" in names and not one.name.startswith("_"):
            places[one.name] = names.index("authority")
    return places


def acts_without_authority(source: str) -> Iterator[Word]:
    """Yield each call of a use-case that takes an authority, and is given none: then it has no limit."""
    places = _places_of_authority()
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in places:
            is_named = any(keyword.arg == "authority" for keyword in call.keywords)
            if not is_named and len(call.args) <= places[call.func.id]:
                yield Word(call.lineno, call.func.id)


@pytest.mark.parametrize("folder", ["functions", LAYER / "api"])
def test_every_route_says_how_far_its_person_may_go(folder: Path) -> None:
    """Who is given no authority has no limit: that is for operators and tests."""
    assert breaches(ROOT / folder, acts_without_authority, outside=ROOT / "nothing") == []


@pytest.mark.parametrize(
    ("call", "is_found"),
    [
        ("lift_hold(a, b, c, d, why=e, now=f)", True),
        ("lift_hold(a, b, c, d, why=e, now=f, authority=g)", False),
        ("adjust_credits(a, b, now=c)", True),
        ("adjust_credits(a, b, c, now=d)", False),
        ("place_hold(a, b, c, d, why=e, now=f)", False),
    ],
)
def test_an_act_without_an_authority_is_found(call: str, *, is_found: bool) -> None:
    """By name or by its place. A hold moves nothing, and needs none."""
    assert bool([*acts_without_authority(call)]) is is_found


@pytest.mark.parametrize("name", PROVIDERS)
def test_no_provider_knows_another(name: str) -> None:
    """What they share is in the package above them."""
    package = ROOT / LAYER / "providers" / name
    assert breaches(package, lambda source: foreign_imports(source, name), outside=package / "nothing") == []
    (other, *_) = PROVIDERS.keys() - {name}
    planted = f"def f():\n    from ledger.providers.{other} import events"
    assert [word.text for word in foreign_imports(planted, name)] == [f"ledger.providers.{other}.events"]


# ── import-linter ─────────────────────────────────────────────────────────────────────────────────────────────────────

DOMAIN, USECASES, PROVIDER = LAYER / "domain", LAYER / "usecases", LAYER / "providers" / "stripe"
IMPORT_BREACHES = {
    "a module that no contract knows": (LAYER / "misc.py", "", "ledger.misc"),
    "a noun that no contract knows": (DOMAIN / "tokens.py", "", "ledger.domain.tokens"),
    "a verb that no contract knows": (USECASES / "give_away.py", "", "ledger.usecases.give_away"),
    "a third-party package in the domain": (DOMAIN / "lots.py", "import pydantic", "ledger.domain.lots -> pydantic"),
    "a new third-party package": (LAYER / "policy/rules.py", "import rich", "ledger.policy.rules -> rich"),
    "an SDK outside a client": (
        PROVIDER / "events.py",
        "def f() -> None:\n    import stripe",
        "ledger.providers.stripe.events -> stripe",
    ),
    "storage in a use-case": (
        USECASES / "usage.py",
        "from ledger.dynamodb import store",
        "ledger.usecases.usage -> ledger.dynamodb.store",
    ),
    "a noun that knows one above it": (
        DOMAIN / "ids.py",
        "from ledger.domain import purchases",
        "ledger.domain.ids -> ledger.domain.purchases",
    ),
    "a transaction that knows a verb": (
        USECASES / "transaction.py",
        "from ledger.usecases import holds",
        "ledger.usecases.transaction -> ledger.usecases.holds",
    ),
    "a port that knows the store": (
        LAYER / "ports/commit.py",
        "from ledger.ports import store",
        "ledger.ports.commit -> ledger.ports.store",
    ),
    "events that load the client": (
        PROVIDER / "events.py",
        "from ledger.providers.stripe import client",
        "ledger.providers.stripe.events -> ledger.providers.stripe.client",
    ),
    "parsing that knows the registry": (
        LAYER / "providers/parsing.py",
        "from ledger.providers import registry",
        "ledger.providers.parsing -> ledger.providers.registry",
    ),
    "a function that reads the table": (
        Path("functions/expire_credits/app.py"),
        "from ledger.dynamodb import store",
        "functions.expire_credits.app -> ledger.dynamodb.store",
    ),
    "a function that imports another": (
        Path("functions/expire_credits/app.py"),
        "from functions.send_refunds import app",
        "functions.expire_credits.app -> functions.send_refunds.app",
    ),
}


_LINT_IMPORTS = """
import pathlib, sys
folder = sys.argv.pop(1)
ours = ("functions", "ledger")
others = [p for p in sys.path if any((pathlib.Path(p) / name).is_dir() for name in ours) and not p.startswith(folder)]
sys.path[:] = [p for p in sys.path if p not in others]
from importlinter.cli import lint_imports_command
lint_imports_command()
"""
"""`lint-imports` without the checkout that `.venv` has installed: a namespace package would span it and the copy."""


def lint(folder: Path) -> tuple[int, str]:
    """Return import-linter's exit code and its report, without line breaks, for a copy of the code."""
    command = [sys.executable, "-c", _LINT_IMPORTS, str(folder), "--no-cache"]
    environment = os.environ | {"PYTHONPATH": f"{folder}:{folder / 'layers/ledger'}", "COLUMNS": "200"}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    return result.returncode, " ".join(result.stdout.split())


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code that the contracts are about."""
    folder = tmp_path_factory.mktemp("house")
    for name in CODE:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "tools").mkdir()
    for name in ("tools/__init__.py", "tools/import_contracts.py"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copy(ROOT / ".importlinter", folder)
    return folder


@pytest.fixture(scope="module")
def reports(copy: Path) -> tuple[tuple[int, str], tuple[int, str]]:
    """The reports before and after all breaches are planted: import-linter runs twice for all tests."""
    before = lint(copy)
    for file, code, _ in IMPORT_BREACHES.values():
        with (copy / file).open("a", encoding="utf-8") as planted:
            planted.write(f"\n{code}\n")
    return before, lint(copy)


def test_the_code_keeps_every_import_contract(reports: tuple[tuple[int, str], tuple[int, str]]) -> None:
    """Before the breaches are planted."""
    (code, report), _ = reports
    assert (code, " 0 broken" in report) == (0, True), report


def test_every_contract_has_a_breach_that_breaks_it(reports: tuple[tuple[int, str], tuple[int, str]]) -> None:
    """A contract that nothing breaks would protect nothing."""
    _, (code, report) = reports
    assert (code, " 0 kept" in report) == (1, True), report


@pytest.mark.parametrize("breach", IMPORT_BREACHES)
def test_a_forbidden_import_or_an_unknown_module_is_reported(
    reports: tuple[tuple[int, str], tuple[int, str]], breach: str
) -> None:
    """By its name, among all that were planted."""
    (_, before), (_, after) = reports
    _, _, expected = IMPORT_BREACHES[breach]
    assert expected not in before
    assert expected in after
