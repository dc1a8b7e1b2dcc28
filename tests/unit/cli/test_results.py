"""What `billing` prints of a ledger, and the exit code that it leads to. The table is a store in memory."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import CliRunner, Result

import cli.table
import tools.ledger
from cli.main import billing
from cli.paper import findings_table, paper
from ledger.domain.facts import RefundState
from ledger.domain.refund_cases import RefundReason
from tools.statement import statement
from tools.testing.builders import (
    ADA,
    IN,
    RENEWED,
    at,
    event_of,
    paid,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeStore, world
from tools.verify import Finding, World


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> FakeStore:
    """A store that the command reads instead of a table: one customer bought a pack."""
    fake = FakeStore()
    record_events(fake, paid())

    @contextmanager
    def opened() -> Iterator[FakeStore]:
        yield fake

    def read(_store: Any, filled: World, told: Callable[[], None] = lambda: None) -> None:
        known = world(fake)
        for name in World.__slots__:
            setattr(filled, name, getattr(known, name))
        told()

    monkeypatch.setattr(cli.table, "opened_table", opened)
    monkeypatch.setattr(tools.ledger, "read_world", read)
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
    }


def test_verify_ends_with_1_if_an_invariant_is_broken(store: FakeStore) -> None:
    """The result is printed all the same, and names what breaks it."""
    store.stored_entries.clear()
    shown, read = billing_with("verify"), billing_with("verify", "--json")
    assert (shown.exit_code, read.exit_code) == (1, 1)
    assert re.search(r"✗ +An account's balance is the sum of its entries +1 +" + ADA, shown.stdout)
    assert json.loads(read.stdout)["invariants"][BALANCES]["broken"] == [ADA]


def test_verify_of_a_table_without_items_ends_with_2(store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """Nothing was proved: no invariant has a tick, and for programs it neither holds nor is broken."""
    monkeypatch.setattr(tools.ledger, "read_world", lambda *_: None)
    shown, read = billing_with("verify"), billing_with("verify", "--json")
    assert (shown.exit_code, read.exit_code) == (2, 2)
    assert "✓" not in shown.stdout
    assert "The table has no items" in shown.stderr
    assert json.loads(read.stdout)["holds"] is None


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


def test_a_long_list_of_what_breaks_an_invariant_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    """Five are named, the rest counted."""
    paper().print(findings_table([Finding("All is well", 7, tuple("abcdefg"))]))
    assert "a, b, c, d, e and 2 more" in capsys.readouterr().out
