"""What is declared is handed on as it was entered: each field as the one of its name."""

from typing import Any

import pytest

from ledger.api.declarations import CancellationInput, WithdrawalInput

ENTERED = {name: name for name in ("name", "contract", "email", "language", "message")}


@pytest.mark.parametrize(
    ("model", "more"),
    [
        (WithdrawalInput, {"part": "part"}),
        (CancellationInput, {"is_extraordinary": True, "ends_on": None}),
    ],
)
def test_each_field_is_handed_on_as_itself(model: type[Any], more: dict[str, Any]) -> None:
    """An acknowledgement is sent to the address, in the language."""
    submission = model.model_construct(**ENTERED, **more).submission("a source")
    entered = ENTERED | more | {"source": "a source", "statement": ""}
    assert {name: getattr(submission, name) for name in entered} == entered
