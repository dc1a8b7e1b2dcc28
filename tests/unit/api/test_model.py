"""The fields of requests: what a person wrote is taken as it was written."""

import pytest
from pydantic import TypeAdapter, ValidationError

from ledger.api.declarations import ContractText, Message
from ledger.api.requests.model import Line, Text
from ledger.api.requests.refund_cases import RefundRequest
from ledger.api.requests.runs import RunFailureRequest

KINDS = {"a text": Text, "a line": Line, "a contract": ContractText, "a message": Message}


def test_every_end_of_a_line_and_a_tab_is_taken() -> None:
    """A browser on Windows, or a mail that was pasted, ends lines with CR LF."""
    written = "It broke.\r\nTwice:\t2 files\nSorry.\rAda"
    assert {name: TypeAdapter(kind).validate_python(written) for name, kind in KINDS.items()} == dict.fromkeys(
        KINDS, written
    )
    assert RefundRequest(purchase_id="stripe:pi_1", reason="charged_twice", message=written).message == written
    assert RunFailureRequest(account_id="acct_ada", error=written).error == written


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x0b", "\x1b", "\x7f", "\x85", "\x9b"])
def test_no_other_control_character_is_taken(character: str) -> None:
    """A terminal or a mail program might obey it."""
    for kind in KINDS.values():
        with pytest.raises(ValidationError, match="control characters"):
            TypeAdapter(kind).validate_python(f"It{character}broke.")
