"""`python -m tools.drift` sees what an SDK adds and takes away, without importing it, and says when it can't look."""

import json
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tools.drift import __main__ as command
from tools.drift.vendors import VENDORS
from tools.drift.verdicts import UnusableVerdicts, Verdicts, drift, load
from tools.drift.vocabulary import Word, ancestors
from tools.drift.writing import written


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """Return a directory with links to the locked packages. `change` replaces a file of one."""
    for vendor in VENDORS.values():
        (tmp_path / vendor.package).symlink_to(str(distribution(vendor.distribution).locate_file(vendor.package)))
    return tmp_path


def change(packages: Path, name: str, before: str, after: str) -> None:
    """Replace a text in a file of a package, once. The locked file stays as it is."""
    *folders, file = (packages / name).relative_to(packages).parts
    folder = packages
    for part in folders:
        folder /= part
        if folder.is_symlink():
            source = folder.resolve()
            folder.unlink()
            folder.mkdir()
            for entry in source.iterdir():
                (folder / entry.name).symlink_to(entry)
    text = (folder / file).read_text("utf-8")
    assert before in text
    (folder / file).unlink()
    (folder / file).write_text(text.replace(before, after, 1), "utf-8")


def findings(packages: Path, package: str) -> list[str]:
    """Return what is new (+) and what is gone (-) in one of the packages."""
    vendor = next(vendor for vendor in VENDORS.values() if vendor.package == package)
    found = vendor.drift(vendor.vocabulary(packages / package))
    return [f"+{item.kind} {item}" for item in found.new] + [f"-{item.kind} {item}" for item in found.gone]


@pytest.mark.parametrize("package", [vendor.package for vendor in VENDORS.values()])
def test_the_locked_packages_differ_in_nothing(packages: Path, package: str) -> None:
    """So whatever the tests below see is what they planted."""
    assert findings(packages, package) == []


PLANTED: tuple[tuple[str, str, str, str], ...] = (
    (
        "stripe/_dispute.py",
        "\n    amount: int\n",
        "\n    amount: int\n    amount_upheld: int\n",
        "+field dispute.amount_upheld",
    ),
    (
        "stripe/_dispute.py",
        '            "appeal_under_review",\n',
        '            "appeal_under_review",\n            "arbitration",\n',
        "+value dispute.status = arbitration",
    ),
    ("stripe/_dispute.py", '            "prevented",\n', "", "-value dispute.status = prevented"),
    (
        "stripe/_refund.py",
        "`failed`, or `canceled`",
        "`failed`, `held`, or `canceled`",
        "+value refund.status = held",
    ),
    ("stripe/_charge.py", "    amount_refunded: int\n", "", "-field charge.amount_refunded"),
    (
        "stripe/_invoice.py",
        "            subscription_proration_date: Optional[int]\n",
        "            subscription_proration_date: Optional[int]\n            paid_until: Optional[int]\n",
        "+field invoice.parent.subscription_details.paid_until",
    ),
    (
        "stripe/_invoice_line_item.py",
        "\n    amount: int\n",
        "\n    amount: int\n    sources: Optional[List[str]]\n",
        "+field line_item.sources",
    ),
    (
        "stripe/_event.py",
        '"refund.created",',
        '"refund.created", "refund.reversed",',
        "+event type refund.reversed",
    ),
    (
        "stripe/params/_webhook_endpoint_create_params.py",
        '"refund.created",',
        '"refund.created", "refund.reversed",',
        "+event type refund.reversed",
    ),
    ("stripe/_dispute.py", "class Dispute(", "class Contest(", "-object dispute"),
    (
        "paddle_billing/Notifications/Entities/Shared/TransactionTotals.py",
        "    tax: str\n",
        "    tax: str\n    surcharge: str\n",
        "+field transaction.details.totals.surcharge",
    ),
    (
        "paddle_billing/Notifications/Entities/Shared/Action.py",
        '    Refund: "Action"',
        '    Chargeback2: "Action" = "pre_arbitration"\n    Refund: "Action"',
        "+value adjustment.action = pre_arbitration",
    ),
    (
        "paddle_billing/Entities/Shared/Action.py",
        '    ChargebackWarningReverse: "Action" = "chargeback_warning_reverse"\n',
        "",
        "-value adjustment.action = chargeback_warning_reverse",
    ),
    (
        "paddle_billing/Entities/Events/EventTypeName.py",
        "    TransactionPaid:",
        '    TransactionReversed: "EventTypeName" = "transaction.reversed"\n    TransactionPaid:',
        "+event type transaction.reversed",
    ),
    (
        "paddle_billing/Notifications/Entities/SubscriptionCreated.py",
        "    transaction_id: str | None = None\n",
        "",
        "-field subscription.transaction_id",
    ),
)
"""A file of a package, a text in it, what becomes of the text, and the difference that this makes."""


@pytest.mark.parametrize(("file", "before", "after", "found"), PLANTED, ids=[found for *_, found in PLANTED])
def test_what_a_package_adds_or_removes_is_found(
    packages: Path, file: str, before: str, after: str, found: str
) -> None:
    """A field, the value of an enum, a type of event: on the object, in a part of it, in the text of a field."""
    change(packages, file, before, after)
    assert findings(packages, file.partition("/")[0]) == [found]


def test_what_is_new_within_an_ignored_part_needs_no_verdict(packages: Path) -> None:
    """The part was judged as a whole."""
    change(
        packages,
        "stripe/_dispute.py",
        "        access_activity_log:",
        "        diary: Optional[str]\n        access_activity_log:",
    )
    assert findings(packages, "stripe") == []


def test_a_type_that_nobody_can_read_is_no_silence(packages: Path) -> None:
    """A form of declaration that is new would hide what it declares."""
    change(packages, "stripe/_refund.py", "\n    amount: int\n", "\n    amount: Annotated[int, 1]\n")
    with pytest.raises(command.CannotLook, match=r"_refund\.py: amount is of an unknown kind of type"):
        command.look(packages)


# ── The command ───────────────────────────────────────────────────────────────────────────────────────────────────────


Output = pytest.CaptureFixture[str]


def test_the_exit_code_says_whether_anything_differs(packages: Path, capsys: Output) -> None:
    """0: nothing; 1: something, and what."""
    assert command.main(["--from", str(packages)]) == 0
    assert "each of its words has a verdict" in capsys.readouterr().out
    change(packages, "stripe/_dispute.py", "\n    amount: int\n", "\n    amount: int\n    amount_upheld: int\n")
    assert command.main(["--from", str(packages)]) == 1
    assert "new   field       dispute.amount_upheld\n" in capsys.readouterr().out


def test_the_result_is_there_for_programs(packages: Path, capsys: Output) -> None:
    """As JSON, with each finding in parts."""
    change(packages, "stripe/_dispute.py", '            "prevented",\n', "")
    assert command.main(["--json", "--from", str(packages)]) == 1
    stripe, paddle = json.loads(capsys.readouterr().out)
    assert stripe["gone"] == [{"kind": "value", "name": "dispute.status", "value": "prevented"}]
    assert (stripe["package"], paddle["package"]) == ("stripe", "paddle-python-sdk")
    assert (stripe["new"], paddle["new"], paddle["gone"]) == ([], [], [])
    assert paddle["locked"] == distribution("paddle-python-sdk").version


def test_it_says_that_it_cannot_download(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    """Without a package index: exit code 2, pip's reason, and what to do."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert command.main([]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("pip could not download stripe and paddle-python-sdk: ")
    assert "--from DIR" in printed.err


def test_it_says_that_there_is_no_package(tmp_path: Path, capsys: Output) -> None:
    """A wrong directory is no agreement: exit code 2."""
    assert command.main(["--from", str(tmp_path)]) == 2
    assert capsys.readouterr() == ("", f"There is no {tmp_path}/stripe: unpack stripe there.\n")


def test_the_help_tells_the_exit_codes(capsys: Output) -> None:
    """For a schedule that runs it."""
    with pytest.raises(SystemExit) as ended:
        command.main(["--help"])
    assert ended.value.code == 0
    assert "Exit codes: 0" in capsys.readouterr().out


# ── The verdicts ──────────────────────────────────────────────────────────────────────────────────────────────────────

VERDICTS = """
[reasons]
seen = "Shown to people."

[refund.read]
refunds = ["id", "status", "parts"]

[refund.ignored]
seen = ["receipt"]

[refund.values.status.read]
refunds = ["failed"]
"""


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ('"receipt"]', '"receipt", "id"]', "id has two verdicts"),
        ('seen = ["receipt"]', 'hidden = ["receipt"]', "the reason hidden does not stand"),
        ('seen = ["receipt"]', "", "no verdict gives the reason seen"),
        (
            '"receipt"]',
            '"receipt", "receipt.url"]',
            "receipt.url has a verdict, and is part of a field that is not read",
        ),
        ("values.status", "values.receipt", "receipt has a verdict, and is part of a field that is not read"),
    ],
)
def test_verdicts_that_contradict_themselves_are_refused(tmp_path: Path, before: str, after: str, problem: str) -> None:
    """Nobody could tell which of them holds."""
    file = tmp_path / "verdicts.toml"
    file.write_text(VERDICTS, "utf-8")
    assert load(file).count == 5
    file.write_text(VERDICTS.replace(before, after, 1), "utf-8")
    with pytest.raises(UnusableVerdicts, match=problem):
        load(file)


def test_verdicts_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    """A reason that no verdict gives is left out: `load` would refuse it."""
    file = tmp_path / "verdicts.toml"
    file.write_text(VERDICTS, "utf-8")
    before = load(file)
    file.write_text(
        written(Verdicts({**before.reasons, "unused": "Of no use."}, before.fields, before.values)), "utf-8"
    )
    assert load(file) == before


def test_a_part_without_a_verdict_is_named_once(tmp_path: Path) -> None:
    """And not each field in it. What is in a part that is read is named."""
    file = tmp_path / "verdicts.toml"
    file.write_text(VERDICTS, "utf-8")
    words = ("id", "receipt", "receipt.url", "extra", "extra.amount", "parts", "parts[].amount")
    vocabulary = {"refund": {**{path: Word() for path in words}, "status": Word(frozenset({"failed"}))}}
    found = drift(load(file), vocabulary, ("event", "type"))
    assert [str(finding) for finding in found.new] == ["refund.extra", "refund.parts[].amount"]
    assert found.gone == ()


def test_a_field_that_is_read_leads_only_to_objects_that_are_watched(tmp_path: Path) -> None:
    """Else nobody would judge the fields of the object that it is."""
    file = tmp_path / "verdicts.toml"
    file.write_text(VERDICTS, "utf-8")
    words = {"id": Word(), "receipt": Word(refers_to="Receipt"), "parts": Word(refers_to="Part")}
    vocabulary = {"refund": {**words, "status": Word(frozenset({"failed"}))}}
    assert [str(finding) for finding in drift(load(file), vocabulary, ("event", "type")).new] == ["Part"]


def test_a_path_knows_the_parts_that_contain_it() -> None:
    """An element of a list belongs to the list."""
    assert [*ancestors("a.b[].c")] == ["a.b", "a"]
    assert [*ancestors("a")] == []
