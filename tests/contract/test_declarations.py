"""Declarations on every store, and on AWS's own engine with everybody at once: none is lost or counted twice."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ledger.domain.declarations import (
    BY_LINK,
    Channel,
    Declaration,
    DeclarationKind,
    DeclarationState,
    ReviewCause,
    Submission,
)
from ledger.domain.refund_cases import RefundReason
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.store import Store
from ledger.usecases.declarations.answer import approve, issue_links, object_to
from ledger.usecases.declarations.change import read_declaration
from ledger.usecases.declarations.follow import follow
from ledger.usecases.declarations.mails import record_acknowledgement, record_notice
from ledger.usecases.declarations.submit import confirm, declare, submit
from ledger.usecases.refund_cases.open_case import open_case
from tools.testing.builders import ADA, CONSENT, POLICY, at, ordered, paid, record_events, refund_claim
from tools.testing.races import assert_sound, at_once, retrying

SUBMISSION = Submission(
    kind=DeclarationKind.WITHDRAWAL,
    channel=Channel.API,
    name="Ada",
    contract="ord_1234",
    email="ada@example.com",
    language="en",
    statement="I withdraw from this contract: ord_1234",
)


def follow_at(name: str, store: Store, minute: float = 70) -> Declaration:
    """Follow a declaration."""
    return follow(name, store, POLICY, ("stripe", "paddle"), now=at(minute))


def waiting(store: Store) -> str:
    """A withdrawal from a pack of Ada's that waits for the answer of the address on file. Return its id."""
    record_events(store, paid(ordered(store, "ord_1234", consent=CONSENT)))
    name = submit(SUBMISSION, "form", store, now=at(60)).declaration_id
    follow_at(name, store)
    issue_links(name, "yes", "no", store)
    record_notice(name, store, at=at(65))
    return name


def states(store: Store, name: str) -> list[DeclarationState]:
    """The states in which a declaration is listed."""
    return [state for state in DeclarationState for one in store.declarations(state) if one.declaration_id == name]


def test_a_declaration_is_listed_in_one_state_at_a_time(any_store: Store) -> None:
    """From its confirmation to its end."""
    draft = declare(SUBMISSION, "token", any_store, now=at(50))
    assert states(any_store, draft.declaration_id) == []
    confirm(draft.declaration_id, "token", any_store, now=at(51))
    assert states(any_store, draft.declaration_id) == [DeclarationState.CONFIRMED]
    name = waiting(any_store)
    assert states(any_store, name) == [DeclarationState.MATCHED]
    approve(name, "yes", any_store)
    assert states(any_store, name) == [DeclarationState.APPROVED]
    assert follow_at(name, any_store).state is DeclarationState.EXECUTED
    assert states(any_store, name) == [DeclarationState.EXECUTED]
    record_acknowledgement(name, any_store, at=at(80))
    assert states(any_store, name) == []


def test_the_list_is_in_the_order_of_confirmation_and_begins_where_it_is_asked_to(any_store: Store) -> None:
    """The oldest first; those of another state are not among them."""
    names = [
        submit(replace(SUBMISSION, contract=f"{minute}"), "form", any_store, now=at(minute)).declaration_id
        for minute in (62, 60, 61)
    ]
    confirmed = DeclarationState.CONFIRMED
    assert [one.declaration_id for one in any_store.declarations(confirmed)] == [names[1], names[2], names[0]]
    assert [one.declaration_id for one in any_store.declarations(confirmed, at(61))] == [names[2], names[0]]
    assert [*any_store.declarations(confirmed, at(62) + timedelta.resolution)] == []
    assert [*any_store.declarations(DeclarationState.APPROVED)] == []


@pytest.mark.parametrize("number", range(4))
def test_of_an_approval_and_an_objection_at_once_one_stands(real_store: DynamoDBStore, number: int) -> None:
    """Whichever came first: nothing is carried out that was objected to before, and no objection is lost."""
    name = waiting(real_store)
    calls: list[Callable[[], Any]] = [
        lambda: approve(name, "yes", real_store),
        lambda: object_to(name, "no", real_store, now=at(71)),
        lambda: follow_at(name, real_store, 71),
    ]
    at_once([retrying(call) for call in (*calls, *calls)][number:] + [retrying(call) for call in calls[:number]])
    follow_at(name, real_store, 72)
    declaration = read_declaration(name, real_store)
    cases = [*real_store.cases_of(ADA, 10).items]
    assert declaration.objected_at == at(71)
    if declaration.state is DeclarationState.IN_REVIEW:
        assert (declaration.review_cause, declaration.begun_at, cases) == (ReviewCause.OBJECTED, None, [])
    else:
        assert (declaration.state, declaration.approved_by) == (DeclarationState.EXECUTED, BY_LINK)
        assert [case.case_id for case in cases] == [declaration.case_id]
    assert_sound(real_store)


def test_the_second_step_is_made_once_by_whoever_repeats_it(real_store: DynamoDBStore) -> None:
    """All get the same receipt."""
    name = declare(SUBMISSION, "token", real_store, now=at(60)).declaration_id

    def step(minute: int) -> Callable[[], Any]:
        return retrying(lambda: confirm(name, "token", real_store, now=at(minute)))

    confirmed = at_once([step(minute) for minute in range(61, 69)])
    assert len({one.confirmed_at for one in confirmed}) == 1
    assert states(real_store, name) == [DeclarationState.CONFIRMED]
    assert_sound(real_store)


def test_one_form_that_is_sent_by_several_connections_is_one_declaration(real_store: DynamoDBStore) -> None:
    """A browser repeats what it got no answer to."""

    def sent(minute: int) -> Callable[[], Any]:
        return retrying(lambda: submit(SUBMISSION, "form", real_store, now=at(minute)))

    assert len({(one.declaration_id, one.confirmed_at) for one in at_once([sent(60 + n) for n in range(8)])}) == 1


def test_a_declaration_is_carried_out_once_by_events_and_rounds_at_once(real_store: DynamoDBStore) -> None:
    """One case, whoever comes first; and the customer's own withdrawal beside it is the same one."""
    name = waiting(real_store)
    approve(name, "yes", real_store)
    own = refund_claim(RefundReason.WITHDRAWAL, is_declaration=True)
    withdraw = retrying(lambda: open_case(own, real_store, POLICY, now=at(70)))
    at_once([retrying(lambda: follow_at(name, real_store)), withdraw] * 4)
    follow_at(name, real_store)
    assert len(real_store.cases_of(ADA, 10).items) == 1
    assert read_declaration(name, real_store).state is DeclarationState.EXECUTED
    assert_sound(real_store)
