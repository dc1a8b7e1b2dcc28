"""The policy's limits: what one person of support may do alone, and how often a customer may ask."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from ledger.domain.recent_requests import LimitedRequest, RequestLimit
from tests.contract.test_parked import park, renewal
from tests.integration.conftest import ADA, ADAS, BOB, BOBS, World
from tests.integration.test_api import CONSENT, ORDER, ask, new_key
from tools.testing.builders import event_of, refund
from tools.testing.frontend import ApiResponse, supporter

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


def test_a_proposal_is_shown_where_it_matters_until_it_is_settled(world: World) -> None:
    """On the page of its account, and of its case alone. What a colleague has rejected waits for nobody."""
    world.services.policy = replace(world.services.policy, support_limits={})
    decision = decided(world, "replace", credits=1).json["proposal_id"]
    (stored,) = world.services.store.proposals_of(BOB)
    given = {"credits": 1, "why": "A late reply."}
    adjustment = world.sam.post(f"{ACCOUNT}/adjustments", given, key="k").json["proposal_id"]

    def shown() -> list[set[str]]:
        pages = (ACCOUNT, f"/support/refund-cases/{stored.subject}")
        return [{one["proposal_id"] for one in world.sam.get(page).json["proposals"]} for page in pages]

    assert shown() == [{decision, adjustment}, {decision}]
    rejection = f"{ACCOUNT}/proposals/{decision}/rejection"
    assert supporter(name="kim").post(rejection, {"why": "The figure is another one."}).status == 200
    assert shown() == [{adjustment}, set()]


def consents(world: World) -> ApiResponse:
    """Ada asks to begin at once, for an order that she placed without that."""
    order_id = world.ada.post("/orders", {**ORDER, "consent": None}, key=new_key()).json["order_id"]
    return world.ada.post(f"/orders/{order_id}/consent", CONSENT)


def uploads(world: World) -> ApiResponse:
    """Ada shows a screenshot of her case."""
    case_id = ask(world.ada, ADAS, key="k").json["case_id"]
    return world.ada.post(f"/refund-requests/{case_id}/evidence", {"content_type": "image/png"})


def asks_back(world: World) -> ApiResponse:
    """Ada asks for her money, each time for the reason that she has not given yet."""
    given = {one["reason"] for one in world.ada.get("/refund-requests").json["cases"]}
    return ask(world.ada, ADAS, reason="unrecognised_charge" if given else "technical_problem")


REQUESTS: Mapping[LimitedRequest, Callable[[World], ApiResponse]] = {
    LimitedRequest.ORDERS: lambda world: world.ada.post("/orders", ORDER, key=new_key()),
    LimitedRequest.CONSENTS: consents,
    LimitedRequest.REFUND_REQUESTS: asks_back,
    LimitedRequest.EVIDENCE: uploads,
    LimitedRequest.BILLING_PORTAL_SESSIONS: lambda world: world.bob.post("/billing-portal-sessions"),
}


@pytest.mark.parametrize("kind", LimitedRequest)
def test_no_kind_of_request_is_without_its_limit(world: World, kind: LimitedRequest) -> None:
    """Of each kind that the policy limits: the route counts it."""
    limits = {kind: RequestLimit(most=1, within=timedelta(hours=1))}
    world.services.policy = replace(world.services.policy, request_limits=limits)
    world.services.request_limits = limits
    first, second = (REQUESTS[kind](world).status for _ in range(2))
    assert (first in {200, 201}, second) == (True, 429)


@pytest.mark.parametrize(("allowed", "is_orderable"), [(299, False), (300, True)])
def test_a_debt_up_to_the_policys_figure_refuses_no_order(world: World, allowed: int, *, is_orderable: bool) -> None:
    """The account's page says the same."""
    world.service.post("/usage", {"account_id": ADA, "run_id": "run_1", "credits": 300})
    world.record_events(event_of(refund(2000), names=(ADAS,)))
    world.services.policy = replace(world.services.policy, debt_refuses_orders_above=allowed)
    shown = {one["product_id"]: one["is_orderable"] for one in world.ada.get("/account").json["products"]}
    assert shown[ORDER["product_id"]] is is_orderable
    assert world.ada.post("/orders", ORDER, key=new_key()).status == (201 if is_orderable else 409)
