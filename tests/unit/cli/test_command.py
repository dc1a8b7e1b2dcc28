"""The command `billing`: help, wrong usage, exit codes, completion. No engine is needed."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import billing
from tools.devserver import environment

ROOT = Path(__file__).parent.parent.parent.parent
COMMANDS = ("completion", "demo", "index", "job", "ledger", "mails", "mutes", "run", "serve", "token", "verify", "why")


@pytest.fixture(autouse=True)
def _no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let no server run, and restore the environment that the command changes."""
    before = dict(os.environ)
    monkeypatch.setattr(environment, "FOLDER", tmp_path)
    for name in ("PORT", "TABLE_NAME", "JWT_JWKS_FILE", "AWS_ENDPOINT_URL_DYNAMODB"):
        os.environ.pop(name, None)
    yield
    os.environ.clear()
    os.environ.update(before)


def billing_with(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(billing, arguments, prog_name="billing")


def process(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run the command in a process of its own, without a server."""
    path = os.pathsep.join((str(ROOT), str(ROOT / "layers" / "ledger")))
    command = [sys.executable, "-m", "cli", *arguments]
    env = {**os.environ, "PYTHONPATH": path, **variables}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)  # noqa: S603 - ours


def test_help_lists_every_command_and_explains_each() -> None:
    """Without arguments, help is shown too."""
    assert set(COMMANDS) == billing.commands.keys()
    result = billing_with("--help")
    assert result.exit_code == 0
    assert [name for name in COMMANDS if f"\n  {name} " in result.stdout] == list(COMMANDS)
    assert "Exit codes: 0 success" in result.stdout
    for name in COMMANDS:
        one = billing_with(name, "--help")
        assert (one.exit_code, one.stderr) == (0, "")
        assert one.stdout.startswith(f"Usage: billing {name} ")
    assert "Commands:" in billing_with().output


def test_help_and_completion_do_not_load_the_aws_libraries() -> None:
    """They answer at once: a command's work is imported when it runs."""
    script = (
        "import sys\nfrom click.testing import CliRunner\nfrom cli.main import billing\n"
        "CliRunner().invoke(billing, ['verify', '--help'])\nCliRunner().invoke(billing, ['completion', 'zsh'])\n"
        "print(sorted({'boto3', 'botocore', 'pynamodb', 'rich', 'ledger'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=300)  # noqa: S603 - ours
    assert (ran.stdout.strip(), ran.stderr) == ("[]", "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing"], "No such command 'nothing'"),
        (["ledger"], "Missing argument 'ACCOUNT'"),
        (["ledger", " "], "Name an account, for example acct_ada"),
        (["ledger", "acct_ada", "acct_bob"], "unexpected extra argument"),
        (["verify", "--xml"], "No such option"),
        (["verify", "--port", "70000"], "--port"),
        (["token"], "Missing argument 'ACCOUNT'"),
        (["token", "acct_ada", "--hours", "soon"], "not a valid float"),
        (["token", "acct_ada", "--hours", "nan"], "at most a year"),
        (["job"], "Missing argument 'NAME'"),
        (["job", "release_parked", "--event", "{"], "not a JSON object"),
        (["job", "release_parked", "--event", "[]"], "not a JSON object"),
        (["run", "--story", "nobody"], "there is no story nobody. There are: "),
        (["completion", "tcsh"], "'bash', 'zsh', 'fish'"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(arguments: list[str], says: str) -> None:
    """On stderr, with the command's usage; nothing is printed where a result is expected."""
    result = billing_with(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr
    assert "Usage: billing" in result.stderr


@pytest.mark.parametrize(
    "arguments", [["verify"], ["verify", "--json"], ["ledger", "acct_ada"], ["job", "release_parked"]]
)
def test_without_a_server_a_command_ends_with_2_and_says_how_to_start_one(arguments: list[str]) -> None:
    """In one line on stderr."""
    result = billing_with(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: No local server runs: start one with `make serve`")
    assert len(result.stderr.splitlines()) == 1


def test_a_port_of_the_environment_is_checked_as_the_option_is() -> None:
    """An empty variable counts as none, as `make` passes it."""
    wrong = process("verify", PORT="many")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "PORT" in wrong.stderr
    assert "Error: No local server runs" in billing_with("verify").stderr
    os.environ["PORT"] = ""
    assert "Error: No local server runs" in billing_with("verify").stderr


@pytest.mark.parametrize(
    ("shell", "registers"),
    [("bash", "complete -o nosort -F"), ("zsh", "#compdef billing"), ("fish", "complete --no-files --command billing")],
)
def test_completion_is_printed_for_each_shell(shell: str, registers: str) -> None:
    """The script asks the command itself for what fits."""
    result = billing_with("completion", shell)
    assert result.exit_code == 0
    assert registers in result.stdout
    assert f"_BILLING_COMPLETE={shell}_complete" in result.stdout


@pytest.mark.parametrize(
    ("words", "fits"),
    [
        ("billing ver", ["verify"]),
        ("billing ledger --j", ["--json"]),
        ("billing job release_", ["release_parked"]),
        ("billing run --story lif", ["life"]),
        ("billing completion f", ["fish"]),
    ],
)
def test_the_shell_is_given_what_fits(words: str, fits: list[str]) -> None:
    """Commands, options, and the names of jobs and stories."""
    last = str(len(words.split()) - 1)
    ran = process(_BILLING_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=last)
    assert [line.partition(",")[2] for line in ran.stdout.splitlines()] == fits


def test_set_up_installs_the_command() -> None:
    """The script stands beside the interpreter, and runs in any folder without PYTHONPATH."""
    script = Path(sys.executable).with_name("billing")
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run(  # noqa: S603 - ours
        [script, "job", "release_parked", "--event", "["], cwd="/", env=env, capture_output=True, text=True, timeout=60
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "JSON object" in ran.stderr


@pytest.mark.parametrize(
    ("typed", "runs"),
    [
        (["verify"], ["verify"]),
        (["verify", "FORMAT=json"], ["verify", "--json"]),
        (["ledger", "ACCOUNT=acct_ada", "FORMAT=json"], ["ledger", "--json", "--", "acct_ada"]),
        (["job", "NAME=release_parked", 'EVENT={"a": 1}'], ["job", '--event={"a": 1}', "--", "release_parked"]),
        (["serve"], ["serve"]),
        (["mails"], ["mails"]),
        (["mails", "NUMBER=2"], ["mails", "2"]),
        (["run", "ARGS=--story life --in-order"], ["run", "--story", "life", "--in-order"]),
        (
            ["token", "ACCOUNT=staff_sue", "GROUPS=billing-support", "HOURS=-1"],
            ["token", "--groups=billing-support", "--scopes=", "--email=", "--hours=-1", "--", "staff_sue"],
        ),
        (["token"], ["token", "--groups=", "--scopes=", "--email=", "--hours=8", "--", ""]),
    ],
)
def test_a_make_target_passes_its_variables_to_the_command(typed: list[str], runs: list[str]) -> None:
    """`make --dry-run` shows what it would run; set-up counts as done."""
    done = ["--old-file=.venv/.installed", "--old-file=.venv-ministack/.installed"]
    outer = {
        "MAKEFLAGS",
        "MAKELEVEL",
        "MFLAGS",
        "ARGS",
        "ACCOUNT",
        "FORMAT",
        "GROUPS",
        "SCOPES",
        "EMAIL",
        "HOURS",
        "NUMBER",
    }
    env = {name: value for name, value in os.environ.items() if name not in outer}
    command = ["make", "--dry-run", "--silent", *done, *typed]
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)  # noqa: S603 - ours
    assert shlex.split(ran.stdout.replace("\\\n", " ")) == [".venv/bin/billing", *runs]
