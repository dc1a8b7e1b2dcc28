"""What a request costs: the calls that reach DynamoDB, counted as they leave the client. No path of a request scans."""

import json

import pytest

from ledger.domain.ids import PaymentId
from tests.integration.conftest import ADA, ADAS, BOB, BOBS, Calls, World
from tests.integration.test_api import ask, new_key
from tests.integration.test_api_bad_input import BODIES, DECLARATION
from tools.testing.frontend import deployed, operations


def test_an_account_is_one_call(world: World, calls: Calls) -> None:
    """However much is on it."""
    for number in range(12):
        world.pays(PaymentId(f"stripe:pi_{number}"), ADA)
        world.subscribes(f"stripe:sub_{number}", ADA)
    ask(world.ada, ADAS)
    calls.since()
    shown = world.ada.get("/account")
    assert (shown.status, len(shown.json["lots"]), len(shown.json["subscriptions"])) == (200, 13, 12)
    assert calls.since() == ["BatchGetItem"]


@pytest.mark.parametrize("path", ["/account/statement", "/account/statement.csv"])
def test_a_page_of_a_statement_is_one_query(world: World, calls: Calls, path: str) -> None:
    """With the balance after each entry, on the first page and on the next."""
    for number in range(2):
        world.service.post("/usage", {"account_id": ADA, "run_id": f"run_{number}", "credits": 1})
    calls.since()
    told = world.ada.get(path, query={"limit": 1})
    assert calls.since() == ["Query"]
    after = told.headers["next-page"] if path.endswith(".csv") else told.json["next"]
    assert world.ada.get(path, query={"after": after}).status == 200
    assert calls.since() == ["Query"]


def test_a_draw_is_at_most_two_calls(world: World, calls: Calls) -> None:
    """Asked again it is the read alone; before it is refused the run is looked for once more."""
    run = {"account_id": ADA, "run_id": "run_1", "credits": 5}
    assert world.service.post("/usage", run).status == 200
    assert calls.since() == ["BatchGetItem", "TransactWriteItems"]
    assert world.service.post("/usage", run).status == 200
    assert world.service.post("/usage", {**run, "run_id": "run_2", "credits": 10**6}).status == 402
    assert calls.since() == ["BatchGetItem", "BatchGetItem", "GetItem"]


@pytest.mark.parametrize("reason", ["changed_my_mind", "wrong_amount", "technical_problem", "charged_twice"])
def test_a_refund_request_is_at_most_five_calls(world: World, calls: Calls, reason: str) -> None:
    """One of them the write; asked again under its key, three reads at most and no write."""
    key = new_key()
    body = {"purchase_id": ADAS, "reason": reason}
    assert world.ada.post("/refund-requests", body, key=key).status == 201
    made = calls.since()
    assert len(made) <= 5
    assert made.count("TransactWriteItems") == 1
    assert world.ada.post("/refund-requests", body, key=key).status == 201
    again = calls.since()
    assert len(again) <= 3
    assert "TransactWriteItems" not in again


QUERIES: dict[str, dict[str, str]] = {
    "/support/search": {"q": "INV-1"},
    "/support/failed-runs": {"since": "2026-11-01T12:00:00Z", "until": "2026-11-01T13:00:00Z"},
}


def test_no_request_scans(world: World, calls: Calls) -> None:
    """On no route. Nor does one read a table's items in any other way than by key or by one partition."""
    case_id = ask(world.bob, BOBS).json["case_id"]
    names = {
        "case_id": case_id,
        "account_id": BOB,
        "run_id": "run_1",
        "order_id": f"ord_{'0' * 24}",
        "hold_id": "support:x",
        "version": "2026-11-01",
        "declaration_id": DECLARATION,
        "review_id": DECLARATION,
        "parked_id": "stripe:cus_1~evt_1",
        "proposal_id": f"prop_{'0' * 24}",
        "record_id": case_id,
        "incident_id": f"inc_{'0' * 24}",
        "mute_id": f"mute_{'0' * 24}",
    }
    for method, path, _ in sorted(operations(), key=lambda one: one[:2]):
        route = next(route for route in deployed() if (route.method, route.path) == (method, path))
        who = world.bob if route.scopes else world.service
        who = world.sam if path.startswith("/support/") else who
        content = json.loads(json.dumps(BODIES.get(path)).replace(ADAS, BOBS)) if method == "POST" else None
        query = {"why": "y"} if "{hold_id}" in path else QUERIES.get(path)
        told = who.call(method, path.format_map(names), content, query=query, key=new_key())
        assert told.status in {200, 201, 204, 404, 409}, (method, path, told.text)
    assert set(calls.since()) == {"GetItem", "BatchGetItem", "Query", "TransactWriteItems"}
