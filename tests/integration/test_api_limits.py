"""What one person of support may do alone: no route that moves money or credits is without the policy's limits."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.contract.test_parked import park, renewal
from tests.integration.conftest import ADA, BOB, BOBS, World
from tests.integration.test_api import ask
from tools.testing.builders import event_of, refund
from tools.testing.frontend import ApiResponse

ACCOUNT = f"/support/accounts/{BOB}"


def decided(world: World, outcome: str, **more: int) -> ApiResponse:
    """A decision about a case of Bob's."""
    case_id = ask(world.bob, BOBS).json["case_id"]
    verdict = {"outcome": outcome, "clause": "6", "words": ["Sorry."], **more}
    return world.sam.post(f"/support/refund-cases/{case_id}/decision", verdict, key="k")


def lifted(world: World) -> ApiResponse:
    """A hold is lifted, which frees Bob's credits."""
    assert world.sam.post(f"{ACCOUNT}/holds", {"hold_id": "support:x", "why": "Three cards."}).status == 200
    return world.sam.delete(f"{ACCOUNT}/holds/support:x", query={"why": "Explained."})


def stated(world: World) -> ApiResponse:
    """The amount of a refund in another currency is stated."""
    world.record_events(event_of(replace(refund(920), currency="EUR"), names=(BOBS,)))
    said = {"payment_id": BOBS, "subject_id": "re_1", "amount_minor": 1, "why": "By the statement."}
    return world.sam.post(f"{ACCOUNT}/amounts", said)


def attributed(world: World) -> ApiResponse:
    """A payment of a customer whom nobody knows is booked for Ada."""
    event = renewal()
    world.services.translate_parked = lambda _: event  # type: ignore[assignment, method-assign]
    parked_id = "~".join(park(world.services.store, event))
    return world.sam.post(f"/support/parked/{parked_id}/attribution", {"account_id": ADA, "why": "Her letter."})


@pytest.mark.parametrize(
    "act",
    [
        lambda world: decided(world, "approve", money_minor=1),
        lambda world: decided(world, "replace", credits=1),
        lambda world: world.sam.post(f"{ACCOUNT}/adjustments", {"credits": 1, "why": "A late reply."}, key="k"),
        lifted,
        stated,
        attributed,
    ],
    ids=["money back", "credits instead", "adjustment", "lift", "amount", "attribution"],
)
def test_no_act_that_moves_something_is_without_a_limit(world: World, act: Callable[[World], ApiResponse]) -> None:
    """Where the policy lets nobody move anything alone, each is proposed to a colleague, and nothing has moved."""
    world.services.policy = replace(world.services.policy, support_limits={})
    refused = act(world)
    assert (refused.status, refused.json["type"].rpartition(":")[2]) == (409, "second-person-needed")
    (waiting,) = world.sam.get("/support/proposals").json["proposals"]
    assert (waiting["proposal_id"], waiting["proposed_by"]) == (refused.json["proposal_id"], world.sam.account_id)
