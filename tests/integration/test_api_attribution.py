"""A parked event through the API: attributed once, or dismissed, by support and never for the own account."""

import pytest

from tests.contract.test_parked import park, renewal
from tests.integration.conftest import ADA, World


@pytest.fixture
def parked(world: World) -> str:
    """A payment of a customer whom nobody knows was received."""
    event = renewal()
    world.services.translate_parked = lambda _: event  # type: ignore[assignment, method-assign]
    return "~".join(park(world.services.store, event))


def balance(world: World) -> int:
    """Ada's credits."""
    return int(world.ada.get("/account").json["balance"])


def test_a_parked_event_is_attributed_once(world: World, parked: str) -> None:
    """It is booked for the account that is named; a second click books nothing."""
    before = balance(world)
    said = {"account_id": ADA, "why": "The customer's letter names the invoice."}
    path = f"/support/parked/{parked}/attribution"
    first = world.sam.post(path, said)
    assert (first.status, first.json["outcome"], first.json["account_id"]) == (200, "booked", ADA)
    assert balance(world) == before + 1000
    assert world.sam.post(path, said).json == first.json
    assert balance(world) == before + 1000
    shown = world.sam.get(f"/support/parked/{parked}").json
    assert (shown["outcome"], shown["account_id"], shown["body"]) == ("booked", ADA, None)


def test_a_parked_event_is_dismissed(world: World, parked: str) -> None:
    """What is dismissed is never booked."""
    dismissed = world.sam.post(f"/support/parked/{parked}/dismissal", {"why": "Of our other shop."}).json
    assert (dismissed["outcome"], "dismissed by sam" in dismissed["detail"]) == ("noted", True)
    said = {"account_id": ADA, "why": "It is hers."}
    assert world.sam.post(f"/support/parked/{parked}/attribution", said).json["outcome"] == "noted"
    assert world.sam.post("/support/parked/x/dismissal", {"why": "y"}).status == 404


def test_nobody_attributes_to_the_own_account(world: World, parked: str) -> None:
    """Whatever the group of the token; and no customer attributes at all."""
    said = {"account_id": "sam", "why": "It is mine."}
    assert world.sam.post(f"/support/parked/{parked}/attribution", said).status == 403
    assert world.ada.post(f"/support/parked/{parked}/attribution", {**said, "account_id": ADA}).status == 403
