"""What is declared is handed on as it was entered: each field as the one of its name."""

from datetime import date
from typing import Any

import pytest

from ledger.api.declarations import CancellationInput, ReviewInput, WithdrawalInput
from ledger.api.pages.forms import Sent, submission_of
from ledger.domain.declarations import Channel, DeclarationKind, Submission

ENTERED = {name: name for name in ("name", "contract", "email", "language", "message")}


@pytest.mark.parametrize(
    ("model", "kind", "more"),
    [
        (WithdrawalInput, DeclarationKind.WITHDRAWAL, {"part": "part"}),
        (CancellationInput, DeclarationKind.CANCELLATION, {"is_extraordinary": True, "ends_on": date(2026, 12, 31)}),
        (CancellationInput, DeclarationKind.CANCELLATION, {"is_extraordinary": False, "ends_on": None}),
    ],
)
def test_each_field_is_handed_on_as_itself(model: type[Any], kind: DeclarationKind, more: dict[str, Any]) -> None:
    """An acknowledgement is sent to the address, in the language; and the contract ends on the day that is wanted."""
    submission = model.model_construct(**ENTERED, **more).submission("a source")
    entered = ENTERED | more | {"kind": kind, "source": "a source", "statement": "", "channel": Channel.API}
    assert {name: getattr(submission, name) for name in entered} == entered


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (DeclarationKind.WITHDRAWAL, {"part": "part"}),
        (DeclarationKind.CANCELLATION, {"type": "extraordinary", "ends_on": "2026-12-31"}),
        (DeclarationKind.CANCELLATION, {"type": "ordinary", "ends_on": ""}),
    ],
)
def test_a_form_hands_on_each_field_as_itself(kind: DeclarationKind, more: dict[str, str]) -> None:
    """As the same declaration by the API."""
    expected: dict[str, Any] = {name: ENTERED[name] for name in ("name", "contract", "email", "message")}
    expected |= {"kind": kind, "language": "language", "statement": "", "channel": Channel.PAGE, "source": "a source"}
    if kind is DeclarationKind.WITHDRAWAL:
        expected |= more
    else:
        ends_on = date.fromisoformat(more["ends_on"]) if more["ends_on"] else None
        expected |= {"is_extraordinary": more["type"] == "extraordinary", "ends_on": ends_on}
    assert submission_of(Sent({**ENTERED, **more}), kind, "language", "a source") == Submission(**expected)


@pytest.mark.parametrize(("case_id", "contract"), [("case_1", "case_1"), (None, "")])
def test_a_review_is_of_a_case_or_of_the_suspension(case_id: str | None, contract: str) -> None:
    """Its account is known by the login: nobody enters a name."""
    asked = ReviewInput.model_construct(case_id=case_id, message="message")
    assert asked.submission("language", "email") == Submission(
        kind=DeclarationKind.REVIEW,
        name="",
        contract=contract,
        email="email",
        language="language",
        statement="",
        message="message",
        channel=Channel.API,
    )
