"""What follows from one field, while those beside it say nothing, or something else."""

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from ledger.domain.credit_notes import CreditNoteSeries
from ledger.domain.declarations import Declaration, DeclarationKind, DeclarationState
from ledger.domain.events import Event
from ledger.domain.facts import BalanceCredited, ChargebackChanged, DisputeChanged, Fact, PaymentSettled, RefundChanged
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.incidents import Incident
from ledger.domain.index_rows import IndexRow, parked_name_of, rows_of_declaration, rows_of_purchase
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import (
    PAUSED,
    UNASKED_REASONS,
    CaseState,
    Decision,
    RefundCase,
    SubmittedEvidence,
    mismatches,
)
from ledger.domain.subscriptions import Subscription, SubscriptionState
from ledger.ports.commit import AccountChange
from ledger.ports.reads import Keys, Snapshot
from tests.unit.api.filled_records import START as SOME_DAY
from tests.unit.api.filled_records import filled

CASE: RefundCase = filled(RefundCase)


@pytest.mark.parametrize("name", [one.name for one in fields(Keys)])
def test_keys_are_added_and_taken_away_sort_by_sort(name: str) -> None:
    """Those of one sort leave the others as they are."""
    one, other = Keys(**{name: frozenset({"one"})}), Keys(**{name: frozenset({"other"})})  # type: ignore[arg-type]
    both = Keys(**{name: frozenset({"one", "other"})})  # type: ignore[arg-type]
    assert (one | other, both - other, both - one, one - Keys()) == (both, one, other, one)


@pytest.mark.parametrize("name", [one.name for one in fields(Snapshot)])
def test_what_is_known_is_put_together_sort_by_sort(name: str) -> None:
    """The later one counts of what both know."""
    one, other = Snapshot(**{name: {"a": 1, "b": 2}}), Snapshot(**{name: {"b": 3, "c": 4}})  # type: ignore[arg-type]
    assert one | other == Snapshot(**{name: {"a": 1, "b": 3, "c": 4}})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["lots", "holds", "flags", "cases", "subscription", "covered_by"])
def test_a_change_of_one_thing_of_an_account_is_a_change(name: str) -> None:
    """It is written by itself."""
    nothing = AccountChange(account_id=AccountId("acct_1"), version=1)
    changed: Any = {name: "x" if name in {"subscription", "covered_by"} else {"x": None}}
    assert nothing.is_empty
    assert not replace(nothing, **changed).is_empty


def test_an_answers_state_has_each_time_of_its_own() -> None:
    """The end, the pause and the period are shown at once, before the provider's event comes."""
    state: SubscriptionState = filled(SubscriptionState, apart=timedelta(days=1))
    subscription = filled(Subscription).in_state(state)
    names = ("period_end", "cancel_at", "pauses_at", "resumes_at")
    assert [getattr(subscription, name) for name in names] == [getattr(state, name) for name in names]


def test_who_confirms_an_incident_answers_for_it_too() -> None:
    """With who began it; until then nobody else."""
    incident: Incident = filled(Incident)
    assert incident.actors == {incident.begun_by, incident.confirmed_by}
    assert replace(incident, confirmed_by=None).actors == {incident.begun_by}


def test_a_decision_is_paused_by_its_rule_alone() -> None:
    """Its clause and its version say nothing about it."""
    decision: Decision = filled(Decision)
    assert replace(decision, rule=PAUSED).is_paused
    assert not replace(decision, clause=PAUSED, policy_version=PAUSED).is_paused


@pytest.mark.parametrize("approvals", [0, 1])
def test_a_case_that_nobody_asked_for_is_internal_until_it_is_approved(approvals: int) -> None:
    """However often it was changed."""
    unasked = replace(CASE, reason=min(UNASKED_REASONS), version=1 - approvals, approvals=approvals)
    assert unasked.is_internal is (approvals == 0)


def test_a_case_without_a_decision_is_in_no_list_of_decided_ones() -> None:
    """It was opened all the same; and it has reached its first state then."""
    case = replace(CASE, state=CaseState.DECLINED, decided_at=None, history=())
    assert case.decided_list is None
    assert case.moved_at == case.opened_at


def test_a_reference_that_is_none_of_the_payments_is_named() -> None:
    """As the customer gave it."""
    submitted = replace(filled(SubmittedEvidence), email=None, charged_on=None)
    (found,) = mismatches(submitted, filled(PaymentSettled), (), None)
    assert [figure.value for figure in found.figures] == [submitted.reference]


def test_a_series_counts_its_numbers_and_not_its_versions() -> None:
    """A number is given once."""
    number, series = CreditNoteSeries(last=7, version=3).next(2026)
    assert (int(number.partition("-")[2]), series.last, series.version) == (8, 8, 3)


def test_a_refund_with_our_tag_is_correlated_with_its_case() -> None:
    """Also if another one is reported with it; that by itself is with its event."""
    ours, other = (replace(filled(RefundChanged), tag=tag) for tag in ("case_1-2", None))
    event = replace(filled(Event), facts=(other, ours))
    assert event.correlation_id == "case_1"
    assert replace(event, facts=(other,)).correlation_id == event.cause


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (RefundChanged, "refund_id"),
        (DisputeChanged, "dispute_id"),
        (ChargebackChanged, "adjustment_id"),
        (BalanceCredited, "credit_id"),
    ],
)
def test_what_a_fact_is_about_is_found_by_its_id(kind: type[Fact], name: str) -> None:
    """By the provider's own."""
    fact = filled(kind)
    purchase = Purchase(payment_id=PaymentId("stripe:pi_1"), facts={"it": fact})
    assert [row.name for row in rows_of_purchase(purchase)] == [getattr(fact, name)]


def test_a_declaration_without_an_address_has_no_row() -> None:
    """It is in a language all the same."""
    one = replace(filled(Declaration), confirmed_at=SOME_DAY, state=DeclarationState.CONFIRMED)
    submission = replace(one.submission, kind=DeclarationKind.WITHDRAWAL)
    with_one, without = (replace(one, submission=replace(submission, email=email)) for email in ("ada@example.com", ""))
    assert len(list(rows_of_declaration(with_one, "key"))) == 1
    assert list(rows_of_declaration(without, "key")) == []


def test_a_parked_event_of_no_customer_is_named_by_its_cause() -> None:
    """The row leads to its receipt."""
    row = replace(filled(IndexRow), owner=None, subject="stripe:evt_1")
    assert parked_name_of(row) == ("stripe:evt_1", "evt_1")
