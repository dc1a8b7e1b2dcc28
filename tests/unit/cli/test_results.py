"""What `billing` prints of a ledger, and the exit code that it leads to. The table is a store in memory."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner, Result

import cli.table
import tools.local
from cli.local import opened_backend
from cli.main import billing
from cli.paper import findings_table, paper, statement_table
from cli.progress import progress
from cli.serve import _introduce
from ledger.domain.accounts import Account
from ledger.domain.contacts import Contact
from ledger.domain.declarations import DeclarationKind, Submission
from ledger.domain.entries import Entry
from ledger.domain.facts import RefundState
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.index_rows import IndexRow
from ledger.domain.receipts import NotBookable, ParkReason
from ledger.domain.refund_cases import RefundReason
from ledger.dynamodb.items import Item
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import DocumentKey, contact_key, index_row_key
from ledger.ports.reads import Page
from ledger.providers.registry import names_of_parked
from ledger.usecases.attribute_parked import dismiss_parked
from ledger.usecases.declarations.submit import submit
from ledger.usecases.index_names import (
    index_contact,
    index_declaration,
    index_failed_run,
    index_parked,
    index_purchases,
)
from ledger.usecases.record_event import record_event
from ledger.usecases.usage import draw_credits, fail_run
from tools.statement import statement
from tools.testing.builders import (
    ADA,
    IN,
    RENEWED,
    at,
    event_of,
    paid,
    payment,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeStore
from tools.testing.stored_items import items_of
from tools.verify import Finding


class Scanned(FakeStore):
    """A store that `verify` scans. Who may not know how many items there are is refused the number."""

    is_told = True

    def item_count(self) -> int:
        """Return how many items there are."""
        if not self.is_told:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeTable")
        return len(items_of(self))

    def scan(self, segment: int = 0, segments: int = 1) -> Iterator[Item]:
        """Yield the items of one segment."""
        yield from items_of(self)[segment::segments]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Scanned:
    """A store that the command reads instead of a table: one customer bought a pack."""
    fake = Scanned()
    record_events(fake, paid())

    @contextmanager
    def opened() -> Iterator[Scanned]:
        yield fake

    monkeypatch.setattr(cli.table, "opened_table", opened)
    return fake


def billing_with(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(billing, arguments, prog_name="billing")


BALANCES = 3  # the place of this invariant, after those of single items


def test_verify_ends_with_0_if_every_invariant_holds(store: FakeStore) -> None:  # noqa: ARG001 - read by the command
    """A table for people, JSON for machines."""
    shown, read = billing_with("verify"), billing_with("verify", "--json")
    assert (shown.exit_code, shown.stderr, read.exit_code, read.stderr) == (0, "", 0, "")
    assert "An account's balance is the sum of its entries" in shown.stdout
    data = json.loads(read.stdout)
    assert data["holds"] is True
    assert data["invariants"][BALANCES] == {
        "invariant": "An account's balance is the sum of its entries",
        "checked": 1,
        "broken": [],
        "more": 0,
    }


def test_verify_ends_with_1_if_an_invariant_is_broken(store: FakeStore) -> None:
    """The result is printed all the same, and names what breaks it."""
    store.stored_entries.clear()
    shown, read = billing_with("verify"), billing_with("verify", "--json")
    assert (shown.exit_code, read.exit_code) == (1, 1)
    assert re.search(r"✗ +An account's balance is the sum of its entries +1 +" + ADA, shown.stdout)
    assert json.loads(read.stdout)["invariants"][BALANCES]["broken"] == [ADA]


def test_verify_of_a_table_without_items_ends_with_2(store: Scanned) -> None:
    """Nothing was proved: no invariant has a tick, and for programs it neither holds nor is broken."""
    vars(store).update(vars(Scanned()))
    shown, read = billing_with("verify"), billing_with("verify", "--json")
    assert (shown.exit_code, read.exit_code) == (2, 2)
    assert "✓" not in shown.stdout
    assert "The table has no items" in shown.stderr
    assert json.loads(read.stdout)["holds"] is None


@pytest.mark.parametrize(("is_told", "words"), [(True, "of about 4 items"), (False, "4 items")])
def test_verify_shows_how_far_it_is(store: Scanned, monkeypatch: pytest.MonkeyPatch, is_told: bool, words: str) -> None:
    """On a terminal: how much is read of about how much, then how much of it is checked."""
    store.is_told = is_told
    monkeypatch.setenv("FORCE_COLOR", "1")
    shown = billing_with("verify")
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.stderr)
    assert shown.exit_code == 0
    assert re.search(rf"reading the table .*{words}", lines)
    assert re.search(r"checking the invariants .*4 of 4 items", lines)


def test_verify_says_where_there_is_no_room(store: Scanned, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full: nothing was checked."""

    def scan(*_: int) -> Iterator[Item]:
        raise sqlite3.OperationalError("database or disk is full")
        yield

    monkeypatch.setattr(store, "scan", scan)
    result = billing_with("verify")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "TMPDIR" in result.stderr
    assert "database or disk is full" in result.stderr


def test_an_invariant_that_had_nothing_to_check_has_no_tick(store: FakeStore) -> None:  # noqa: ARG001
    """Nobody used credits, so the invariant of runs says nothing about this ledger."""
    shown = billing_with("verify")
    assert re.search(r"– +.*run.* 0 +–", shown.stdout)
    assert re.search(r"✓ +An account's balance is the sum of its entries +1 +none", shown.stdout)


def test_ledger_prints_the_statement_of_an_account(store: FakeStore) -> None:
    """The JSON is the statement as data."""
    shown, read = billing_with("ledger", ADA), billing_with("ledger", "--json", ADA)
    assert (shown.exit_code, shown.stderr, read.exit_code, read.stderr) == (0, "", 0, "")
    assert re.search(r"grant \(sales\) +\+1,000 +1,000 ", shown.stdout)
    assert json.loads(read.stdout) == statement(store, ADA, at(0))


def test_ledger_ends_with_1_if_there_is_no_such_account(store: FakeStore) -> None:  # noqa: ARG001 - read by the command
    """Nothing is printed where a statement is expected."""
    result = billing_with("ledger", "acct_nobody", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "There is no account acct_nobody in this table." in result.stderr


def test_a_statement_shows_a_reservation_before_the_clawback_of_the_same_second(store: FakeStore) -> None:
    """The provider's whole second lies before our fraction of it; the order of the writes decides."""
    record_events(store, paid(RENEWED))
    second = at(60).replace(microsecond=0)
    case = request_refund(store, refund_claim(RefundReason.MISTAKEN_RENEWAL, payment_id=IN), minute=60 + 0.5 / 60)
    reported = refund(case.decision.money_minor if case.decision else 0, state=RefundState.SUCCEEDED, minute=60)
    record_events(store, event_of(reported, names=(IN,), minute=60), now=at(61))
    data = statement(store, ADA, at(61))
    assert data
    lines = [line for line in data["entries"] if line["occurred_at"].startswith(f"{second:%Y-%m-%dT%H:%M:%S}")]
    kinds = [line["kind"] for line in reversed(lines)]
    assert kinds.index("reserve") < kinds.index("clawback")
    balance = 0
    for line in reversed(data["entries"]):
        balance += line["credits"]
        assert line["balance_after"] == balance


@pytest.mark.parametrize("page_size", [1, 2, 1000])
def test_the_balances_of_a_statement_are_those_of_the_account_that_it_shows(page_size: int) -> None:
    """Also if a payment is booked while it is read."""

    class Busy(FakeStore):
        is_booked = False

        def book(self) -> None:
            if not self.is_booked:
                self.is_booked = True
                record_events(self, paid(payment(PaymentId("stripe:pi_2"))))

        def entries(self, account_id: AccountId, since: datetime | None = None) -> Iterator[Entry]:
            self.book()
            return super().entries(account_id, since)

        def statement_page(
            self, account_id: AccountId, limit: int, after: str | None = None
        ) -> tuple[Account | None, Page[Entry]]:
            self.book()
            return super().statement_page(account_id, limit, after)

    busy = Busy()
    record_events(busy, paid(), paid(payment(IN)))
    data = statement(busy, ADA, at(61), page_size=page_size)
    assert data
    assert [line["balance_after"] for line in data["entries"]] == [3000, 2000, 1000]
    assert data["balance"] == 3000


def test_a_long_list_of_what_breaks_an_invariant_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    """Five are named, the rest counted."""
    paper().print(findings_table([Finding("All is well", 7, tuple("abcdefg"))]))
    assert "a, b, c, d, e and 2 more" in capsys.readouterr().out


def test_ids_in_brackets_are_shown_as_they_are_stored(capsys: pytest.CaptureFixture[str]) -> None:
    """Of what breaks an invariant and of an entry's cause: an id of someone else is no markup."""
    store = FakeStore()
    record_events(store, paid())
    draw_credits(ADA, "[/run] of [red]", 5, store, now=at(4))
    data = statement(store, ADA, at(5))
    assert data
    paper().print(statement_table(data, "a [title]"))
    paper().print(findings_table([Finding("All is [well]", 7, ("run:[/run]", "[red]a"))]))
    shown = capsys.readouterr().out
    for one in ("run:[/run] of [red]", "a [title]", "All is [well]", "run:[/run], [red]a"):
        assert one in shown


def test_a_kept_mail_is_listed_with_its_subject_as_it_was_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A customer's address and what is quoted are no markup."""
    monkeypatch.setenv("MAILS_FOLDER", str(tmp_path))
    (tmp_path / "1.eml").write_text(
        'Date: today\nTo: "a[/b]"@example.com\nSubject: Your [red] order [/x]\n\nText\n', "utf-8"
    )
    listed = billing_with("mails")
    assert (listed.exit_code, listed.stderr) == (0, "")
    for one in ("a[/b]", "Your [red] order [/x]"):
        assert one in listed.stdout


def test_settings_in_brackets_are_printed_as_they_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A secret of the developer's own is no markup; nor is the name of a job, on a terminal."""
    names = ("JWT_ISSUER", "JWT_AUDIENCE", "JWT_JWKS_FILE", "AWS_ENDPOINT_URL_S3", "EVIDENCE_BUCKET_NAME")
    settings = {"STRIPE_SIGNING_SECRETS": "whsec_[/a]", "PADDLE_SIGNING_SECRETS": "pdl_[red]", "TABLE_NAME": "ledger"}
    for name, value in {**settings, "AWS_ACCESS_KEY_ID": "local", **dict.fromkeys(names, "a [/b] [c]")}.items():
        monkeypatch.setenv(name, value)
    gateway = SimpleNamespace(url="http://127.0.0.1:3000", routes=())
    backend = SimpleNamespace(gateway=gateway, table_endpoint="http://127.0.0.1:1", stripe=None, paddle=None)
    monkeypatch.setattr(tools.local, "opened", lambda: nullcontext(backend))
    with opened_backend(paper()) as opened:
        _introduce(opened, paper())
    shown = capsys.readouterr().out
    for one in ("=whsec_[/a]\n", "=pdl_[red]\n", *(f"{name}=a [/b] [c]\n" for name in names)):
        assert one in shown
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress("running [/x]"):
        pass
    assert "running [/x]" in capsys.readouterr().err


def parked_and_declared(store: Scanned) -> tuple[tuple[str, str], str]:
    """An event is parked, and a withdrawal is declared. Return the name of the receipt, and the declaration's id."""
    unknown = replace(
        event_of(names=(IN,)), event_id="evt_9", not_bookable=NotBookable(ParkReason.UNEXPECTED_CHARGE, "by hand")
    )
    invoice = {"id": "in_9", "customer_email": "zoe@example.com", "total": 900, "currency": "usd"}
    envelope = {"id": "evt_9", "object": "event", "type": "invoice.paid", "created": 1793534400}
    body = json.dumps({**envelope, "data": {"object": invoice}}).encode()
    record_event(unknown, store, body=body, body_sha256="0" * 64, now=at(6))
    withdrawal = Submission(
        kind=DeclarationKind.WITHDRAWAL,
        name="Zoe",
        contract="the one of May",
        email="zoe@example.com",
        language="en",
        statement="I withdraw.",
    )
    return (unknown.cause, "evt_9"), submit(withdrawal, "form", store, now=at(7)).declaration_id


def test_index_writes_the_rows_that_the_subscriber_writes(store: Scanned, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of purchases, addresses and failed runs; a second run adds nothing. The address is not in it."""
    for name, value in {"TABLE_NAME": "ledger", "ADDRESS_KEY": "a key", "PROVIDER_MODE": "test"}.items():
        monkeypatch.setenv(name, value)
    contact = Contact(account_id=ADA, email="ada@example.com", language="en", noted_at=at(0))
    store.commit(Commit(documents=(DocumentChange(contact_key(ADA), contact),)))
    record_events(store, event_of(refund()))
    draw_credits(ADA, "run_1", 5, store, now=at(4))
    fail_run(ADA, "run_1", store, now=at(5))
    of_receipt, declared = parked_and_declared(store)
    read = billing_with("index", "--json")
    assert (read.exit_code, json.loads(read.stdout)) == (
        0,
        {
            "rows": {"address": 1, "amount": 1, "declaration": 1, "parked": 4, "refund": 1, "run": 2},
            "unreadable": 0,
        },
    )
    written = {key: row for key, row in store.documents.items() if isinstance(row, IndexRow)}
    assert "ada@example.com" not in str(written)
    for key in written:
        del store.documents[key]
    index_purchases([PaymentId("stripe:pi_1")], store)
    index_contact(ADA, "a key", store)
    index_failed_run(ADA, "run_1", at(5), store)
    index_parked(of_receipt, names_of_parked, lambda: "a key", store)
    index_declaration(declared, "a key", store)
    assert {key: row for key, row in store.documents.items() if isinstance(row, IndexRow)} == written
    shown = billing_with("index")
    assert shown.stdout == (
        "10 rows of the index are there: 1 of address, 1 of amount, 1 of declaration, 4 of parked, 1 of refund, "
        "2 of run.\n"
    )
    assert {key: row for key, row in store.documents.items() if isinstance(row, IndexRow)} == written


@pytest.fixture
def whole_index(store: Scanned, monkeypatch: pytest.MonkeyPatch) -> dict[str, DocumentKey]:
    """A ledger with its index. Return the key of a row of each kind."""
    for name, value in {"TABLE_NAME": "ledger", "ADDRESS_KEY": "a key", "PROVIDER_MODE": "test"}.items():
        monkeypatch.setenv(name, value)
    contact = Contact(account_id=ADA, email="ada@example.com", language="en", noted_at=at(0))
    store.commit(Commit(documents=(DocumentChange(contact_key(ADA), contact),)))
    record_events(store, event_of(refund()))
    draw_credits(ADA, "run_1", 5, store, now=at(4))
    fail_run(ADA, "run_1", store, now=at(5))
    parked_and_declared(store)
    assert billing_with("index").exit_code == 0
    shown = billing_with("index", "--check")
    assert (shown.exit_code, shown.stdout) == (0, "10 rows of the index: 0 missing, 0 stale, 0 foreign.\n")
    rows = {key: row for key, row in store.documents.items() if isinstance(row, IndexRow)}
    return {f"{row.kind}{' by day' if row.kind != 'amount' and row.at else ''}": key for key, row in rows.items()}


KINDS = ("address", "amount", "refund", "run", "run by day", "parked", "parked by day", "declaration")


def faults() -> dict[str, int]:
    """How many rows are wrong, and how. The command fails exactly if there are any."""
    told = billing_with("index", "--check", "--json")
    counted = {fault: found["rows"] for fault, found in json.loads(told.stdout)["faults"].items() if found["rows"]}
    assert told.exit_code == bool(counted)
    return counted


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_that_is_missing_is_named_and_written_again(
    store: Scanned, whole_index: dict[str, DocumentKey], kind: str
) -> None:
    """Of each kind."""
    del store.documents[whole_index[kind]]
    assert faults() == {"missing": 1}
    assert billing_with("index").exit_code == 0
    assert faults() == {}


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_that_says_something_else_is_named_and_written_again(
    store: Scanned, whole_index: dict[str, DocumentKey], kind: str
) -> None:
    """It is under its key, and leads elsewhere or has another figure."""
    row = store.documents[whole_index[kind]]
    assert isinstance(row, IndexRow)
    store.documents[whole_index[kind]] = replace(row, currency="EUR" if row.currency else "USD")
    assert faults()["stale"] == 1
    assert billing_with("index").exit_code == 0
    assert faults() == {}


FOREIGN = {
    "address": {"subject": "acct_none", "account_id": AccountId("acct_none")},
    "amount": {"amount": 77},
    "refund": {"name": "re_none"},
    "run": {"name": "run_none", "subject": "run_none"},
    "run by day": {"at": at(99)},
    "parked": {"name": "pi_none"},
    "parked by day": {"amount": 77},
    "declaration": {"subject": "W-0000-0000-0000"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_that_leads_to_nothing_with_its_name_is_foreign(
    store: Scanned, whole_index: dict[str, DocumentKey], kind: str
) -> None:
    """It is named, and stays: a search reads what it leads to."""
    row = store.documents[whole_index[kind]]
    assert isinstance(row, IndexRow)
    foreign = replace(row, **FOREIGN[kind])  # type: ignore[arg-type]
    store.documents[index_row_key(foreign)] = foreign
    assert faults() == {"foreign": 1}
    shown = billing_with("index", "--check")
    assert f"foreign: {' '.join(index_row_key(foreign).parts)}" in shown.stdout


def test_a_former_address_is_no_fault(store: Scanned, whole_index: dict[str, DocumentKey]) -> None:
    """Support still finds the account by it."""
    assert whole_index
    store.documents[contact_key(ADA)] = Contact(
        account_id=ADA, email="ada@example.org", language="en", noted_at=at(9), version=1
    )
    assert faults() == {"missing": 1}
    assert billing_with("index").exit_code == 0
    assert faults() == {}


def test_the_rows_of_an_event_that_was_parked_once_are_no_fault(
    store: Scanned, whole_index: dict[str, DocumentKey]
) -> None:
    """They lead to its receipt, which says what became of it. A receipt that is not there has no rows."""
    dismiss_parked(("stripe:evt_9", "evt_9"), "kim", "Of our other shop.", store, now=at(9))
    assert faults() == {}
    row = store.documents[whole_index["parked"]]
    assert isinstance(row, IndexRow)
    foreign = replace(row, subject="stripe:evt_8", owner="stripe:evt_8")
    store.documents[index_row_key(foreign)] = foreign
    assert faults() == {"foreign": 1}


def test_index_says_what_it_can_not_read_and_what_it_needs(store: Scanned, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others have their rows; without a key nothing is written."""
    monkeypatch.setenv("TABLE_NAME", "ledger")
    monkeypatch.setenv("PROVIDER_MODE", "test")
    monkeypatch.delenv("ADDRESS_KEY", raising=False)
    refused = billing_with("index")
    assert (refused.exit_code, "ADDRESS_KEY_NAME" in refused.stderr) == (2, True)
    assert not [row for row in store.documents.values() if isinstance(row, IndexRow)]
    monkeypatch.setenv("ADDRESS_KEY", "a key")
    newer = items_of(store)[0] | {"pk": {"S": "PAYMENT#x"}, "sk": {"S": "PURCHASE"}, "schema": {"N": "99"}}
    monkeypatch.setattr(Scanned, "scan", lambda self, one, of: iter([*items_of(self), newer][one::of]))
    shown = billing_with("index")
    assert (shown.exit_code, "1 items can't be read" in shown.stderr) == (1, True)
    assert [row.kind for row in store.documents.values() if isinstance(row, IndexRow)] == ["amount"]
    checked, read = billing_with("index", "--check"), billing_with("index", "--check", "--json")
    assert (checked.exit_code, "1 items can't be read" in checked.stderr) == (1, True)
    assert (read.exit_code, json.loads(read.stdout)["unreadable"]) == (1, 1)
    assert json.loads(billing_with("index", "--json").stdout)["unreadable"] == 1
