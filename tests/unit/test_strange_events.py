"""Genuine events that say what nobody expects: parked for a person, never guessed, never more than the table can keep."""

import json
from typing import Any

import pytest

from ledger import catalogue
from ledger.events import Event, ParkReason
from ledger.runtime import PROVIDERS
from tools.stories import telling

SESSION = "stripe/pack_bought_01_checkout_session_completed.json"


def translated(file: str, **fields: Any) -> Event:
    """One notification of the library, with other fields in its object; `a__b` is b within a."""
    told = telling(file, "")
    content = json.loads(told.body)
    for path, value in fields.items():
        *names, last = path.split("__")
        place = content["data"].get("object") or content["data"]
        for name in names:
            place = place[int(name) if name.isdecimal() else name]
        place[last] = value
    event: Event | None = PROVIDERS[told.provider].translate(content, catalogue.load(), is_live=False)
    assert event is not None
    return event


@pytest.mark.parametrize("field", ["payment_status", "mode"])
def test_a_session_in_a_state_that_nobody_knows_grants_nothing(field: str) -> None:
    """What Stripe may call a session one day is not taken for paid."""
    event = translated(SESSION, **{field: "unheard_of"})
    assert (event.payment, event.parked) == (None, ParkReason.UNKNOWN_STATE)
