"""The API's description as others use it: linted, and made into a TypeScript and a Python client that work.

`make clients` runs these; `make test` does not, for it needs no Node.js.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_local_run import command, server
from tools.openapi import FILE

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = Path(__file__).parent / "clients"
NODE = ROOT / ".clients" / "node_modules"
PYTHON = ROOT / ".venv-clients" / "bin"
EXPECTED = {
    "products": ["pack_500", "pack_1000", "pack_2500", "creator_monthly"],
    "placed": 201,
    "same": True,
    "state": "awaiting_payment",
    "refused": ["body.currency"],
    "forbidden": 403,
    "columns": 8,
    "unknown": "cheques",
}

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def served() -> Iterator[list[str]]:
    """The address of a local run, and a customer's token."""
    with server() as port:
        token = command("token", "acct_client", port=port).stdout.strip()
        yield [f"http://127.0.0.1:{port}", token]


def run(*command_line: str | Path, cwd: Path = ROOT, **environment: str) -> str:
    """Run a program to its end and return what it printed."""
    path = f"{PYTHON}{os.pathsep}{os.environ['PATH']}"
    given = {"PATH": path, "HOME": str(cwd)} | environment
    done = subprocess.run(command_line, cwd=cwd, env=given, capture_output=True, text=True, timeout=120)  # noqa: S603 - ours
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_description_passes_its_linter() -> None:
    """With the rules for OpenAPI, warnings included."""
    rules = ROOT / "requirements" / "npm" / "spectral.yaml"
    run(NODE / ".bin" / "spectral", "lint", "--fail-severity=warn", "--ruleset", rules, FILE)


def test_the_consoles_library_is_that_of_its_package() -> None:
    """The copy, and its licence, are of the version whose hash the lock file has."""
    copy = ROOT / "functions" / "show_console" / "assets"
    for name, original in {"lit-html.js": "lit-html.js", "lit-html.LICENSE.txt": "LICENSE"}.items():
        assert (copy / name).read_bytes() == (NODE / "lit-html" / original).read_bytes()


def test_a_typescript_client_compiles_and_places_an_order(tmp_path: Path, served: list[str]) -> None:
    """It finds a wrong value while it is compiled."""
    shutil.copytree(PROGRAMS, tmp_path, dirs_exist_ok=True)
    (tmp_path / "node_modules").symlink_to(NODE)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    run(NODE / ".bin" / "openapi-typescript", FILE, "--output", tmp_path / "api.d.ts")
    run(NODE / ".bin" / "tsc", "--project", tmp_path)
    assert json.loads(run("node", tmp_path / "buy.js", *served, cwd=tmp_path)) == EXPECTED


def test_a_python_client_places_an_order(tmp_path: Path, served: list[str]) -> None:
    """Generated without a warning."""
    generated = tmp_path / "client"
    run(PYTHON / "openapi-python-client", "generate", "--path", FILE, "--output-path", generated, "--fail-on-warning")
    printed = run(PYTHON / "python", PROGRAMS / "buy.py", *served, PYTHONPATH=str(generated))
    assert json.loads(printed) == EXPECTED
