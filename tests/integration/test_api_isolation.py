"""Nobody reads or moves another account's things, through any route or parameter."""

from collections.abc import Callable
from typing import Any

import pytest

from ledger.api.pagination import Listing
from tests.integration.conftest import ADA, ADAS, BOB, BOBS, BOBS_CHARGE, SUBSCRIPTION, World
from tests.integration.test_api import CONSENT, ORDER, ask, new_key
from tools.testing.builders import dispute, event_of
from tools.testing.frontend import GROUPS_CLAIM, ApiResponse, Frontend, deployed, operations, supporter

NOBODYS_CASE = f"case_{'0' * 24}"
NOBODYS_DECLARATION = "W-0000-0000-0000"


@pytest.fixture
def case_id(world: World) -> str:
    """A case of Bob's that is in review, with a file."""
    made: str = ask(world.bob, BOBS, message="Bob's own words").json["case_id"]
    world.bob.post(f"/refund-requests/{made}/evidence", {"content_type": "image/png"})
    return made


def alike(told: ApiResponse, absent: ApiResponse, name: str, other: str) -> None:
    """Another's thing is answered as what does not exist, but for the name that was asked for."""
    assert told.status >= 400
    assert (told.status, told.text.replace(name, "…")) == (absent.status, absent.text.replace(other, "…"))


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("GET", "/refund-requests/{}", None),
        ("POST", "/refund-requests/{}/evidence", {"content_type": "image/png"}),
        ("GET", "/withdrawals/{}", None),
        ("POST", "/withdrawals/{}/confirmation", None),
    ],
)
def test_anothers_case_is_answered_as_none(
    world: World, case_id: str, method: str, path: str, content: dict[str, str] | None
) -> None:
    """404 in the same words; the table stays as it was."""
    before = world.table()
    told = world.ada.call(method, path.format(case_id), content)
    alike(told, world.ada.call(method, path.format(NOBODYS_CASE), content), case_id, NOBODYS_CASE)
    assert told.status == 404
    assert world.table() == before


def test_anothers_withdrawal_can_neither_be_read_nor_confirmed(world: World) -> None:
    """It ends a contract: the one who made it alone may say so."""
    declared = world.bob.post("/withdrawals", {"purchase_id": BOBS}, key="k").json["case"]["case_id"]
    before = world.table()
    assert world.ada.get(f"/withdrawals/{declared}").status == 404
    assert world.ada.post(f"/withdrawals/{declared}/confirmation").status == 404
    assert world.sam.post(f"/withdrawals/{declared}/confirmation").status == 404, "support has no other account either"
    assert world.table() == before


@pytest.mark.parametrize("purchase_id", [BOBS, BOBS_CHARGE])
@pytest.mark.parametrize("reason", ["charged_twice", "technical_problem", "changed_my_mind"])
def test_anothers_purchase_is_answered_as_none(world: World, purchase_id: str, reason: str) -> None:
    """By whichever of its names."""
    before = world.table()
    alike(ask(world.ada, purchase_id, reason), ask(world.ada, "stripe:pi_none", reason), purchase_id, "stripe:pi_none")
    declared = world.ada.post("/withdrawals", {"purchase_id": purchase_id}, key=new_key())
    absent = world.ada.post("/withdrawals", {"purchase_id": "stripe:pi_none"}, key=new_key())
    alike(declared, absent, purchase_id, "stripe:pi_none")
    assert world.table() == before


def test_anothers_subscription_is_answered_as_none(world: World) -> None:
    """No provider is asked anything."""
    world.subscribes("stripe:sub_ada", ADA)
    mine = {"subscription_id": SUBSCRIPTION}, {"subscription_id": "stripe:sub_none"}
    told = [world.ada.post("/subscription/cancellation", one) for one in mine]
    alike(told[0], told[1], SUBSCRIPTION, "stripe:sub_none")
    told = [world.ada.delete("/subscription/cancellation", query=one) for one in mine]
    alike(told[0], told[1], SUBSCRIPTION, "stripe:sub_none")
    assert not world.provider.calls
    assert not world.provider.stopped


def test_listings_hold_ones_own_alone(world: World, case_id: str) -> None:
    """Whatever Bob has, nothing of it is in what Ada lists; and what she has is."""
    own_case: str = ask(world.ada, ADAS).json["case_id"]
    listings = {
        "/account": '"balance":1000',
        "/account/statement": ADAS,
        "/account/statement.csv": ADAS,
        "/purchases": ADAS,
        "/refund-requests": own_case,
    }
    for path, own in listings.items():
        told = world.ada.get(path)
        assert (told.status, own in told.text) == (200, True), path
        assert not [one for one in (BOB, BOBS, BOBS_CHARGE, case_id, SUBSCRIPTION) if one in told.text]


@pytest.mark.parametrize(
    ("path", "fill"),
    [
        ("/account/statement", lambda w, n: w.service.post("/usage", {"account_id": BOB, "run_id": n, "credits": 1})),
        ("/purchases", lambda w, n: w.pays(f"stripe:pi_{n}", BOB)),
        ("/refund-requests", lambda w, n: ask(w.bob, BOBS, n)),
    ],
)
def test_anothers_cursor_opens_nothing(world: World, path: str, fill: Callable[[World, str], Any]) -> None:
    """A page's end is of one list of one account: 422, as for one that was made up."""
    for name in ("technical_problem", "unrecognised_charge"):
        fill(world, name)
    cursor = world.bob.get(path, query={"limit": 1}).json["next"]
    assert cursor
    assert world.bob.get(path, query={"after": cursor}).status == 200
    told = world.ada.get(path, query={"after": cursor})
    assert (told.status, told.fields) == (422, ["query.after"])
    for other in {"/account/statement", "/purchases", "/refund-requests"} - {path}:
        assert world.bob.get(other, query={"after": cursor}).status == 422


@pytest.mark.parametrize(
    ("path", "listing", "name"),
    [
        ("/account/statement", "statement", "~"),
        ("/refund-requests", "refund cases", "case"),
        ("/purchases", "purchases", f"2030-01-01T00:00:00.000000Z#{BOBS}"),
    ],
)
@pytest.mark.usefixtures("case_id")
def test_a_cursor_that_was_made_up_well_reads_ones_own_alone(world: World, path: str, listing: str, name: str) -> None:
    """Its check keeps clients from mistakes; the partition that is read is the token's, whatever it says."""
    ask(world.ada, ADAS)
    told = world.ada.get(path, query={"after": Listing(ADA, listing).close(name, 5) or ""})
    assert told.status == 200
    assert ADAS in told.text
    assert BOB not in told.text
    assert BOBS not in told.text


CUSTOMER_BODIES: dict[str, dict[str, Any]] = {
    "/orders": ORDER,
    "/orders/{order_id}/consent": CONSENT,
    "/refund-requests": {"purchase_id": ADAS, "reason": "technical_problem"},
    "/refund-requests/{case_id}/evidence": {"content_type": "image/png"},
    "/withdrawals": {"purchase_id": ADAS},
    "/withdrawals/{case_id}/confirmation": {},
    "/subscription/cancellation": {},
    "/billing-portal-sessions": {},
    "/reviews": {},
}


def test_no_customer_route_lets_one_name_an_account(world: World) -> None:
    """Neither in a body nor in the query: refused by name, on every route that a customer's token opens."""
    before = world.table()
    routes = [route for route in deployed() if route.scopes == ("billing",)]
    assert {route.path for route in routes if route.method == "POST"} == CUSTOMER_BODIES.keys()
    for route in routes:
        path = _filled(route.path)
        told = world.ada.call(route.method, path, query={"account_id": BOB}, **_body(route.path, route.method))
        assert (told.status, told.fields) == (422, ["query.account_id"]), route
        if route.method == "POST":
            told = world.ada.post(path, {**CUSTOMER_BODIES[route.path], "account_id": BOB}, key=new_key())
            assert (told.status, told.fields) == (422, ["body.account_id"]), route
    assert world.table() == before
    assert not world.provider.calls


def _filled(path: str) -> str:
    path = path.replace("{case_id}", NOBODYS_CASE).replace("{order_id}", f"ord_{'0' * 24}")
    return path.replace("{review_id}", "R-0000-0000-0000")


def test_anothers_order_takes_no_consent(world: World) -> None:
    """404, as an order that does not exist."""
    order_id = world.bob.post("/orders", {**ORDER, "consent": None}, key="k1").json["order_id"]
    before = world.table()
    told = world.ada.post(f"/orders/{order_id}/consent", CONSENT)
    absent = world.ada.post(f"/orders/ord_{'0' * 24}/consent", CONSENT)
    alike(told, absent, order_id, f"ord_{'0' * 24}")
    assert world.table() == before


def _body(path: str, method: str) -> dict[str, Any]:
    return {"content": CUSTOMER_BODIES[path], "key": new_key()} if method == "POST" else {}


BOBS_OWN = {"account_id": BOB, "purchase_id": BOBS}
RECORD = "run_unknown"
PARKED = "stripe:cus_1~evt_1"
PROPOSAL = f"prop_{'0' * 24}"
MUTE = f"mute_{'0' * 24}"
INCIDENT = f"inc_{'0' * 24}"
NOBODYS_ORDER = f"ord_{'0' * 24}"
HOUR = {"since": "2026-11-01T12:00:00Z", "until": "2026-11-01T13:00:00Z"}
SUPPORT_CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/support/refund-cases", {}),
    (
        "POST",
        "/support/refund-cases",
        {"content": {"account_id": ADA, "purchase_id": ADAS, "reason": "technical_problem"}, "key": "k"},
    ),
    ("GET", "/support/refund-cases/{case_id}", {}),
    (
        "POST",
        "/support/refund-cases/{case_id}/decision",
        {"content": {"outcome": "approve", "clause": "6", "words": ["x"], "money_minor": 500}},
    ),
    ("POST", f"/support/accounts/{BOB}/holds", {"content": {"hold_id": "support:x", "why": "x"}}),
    ("DELETE", f"/support/accounts/{BOB}/holds/dispute:stripe:dp_1", {"query": {"why": "x"}}),
    (
        "POST",
        f"/support/accounts/{BOB}/amounts",
        {"content": {"payment_id": "stripe:pi_1", "subject_id": "dp_1", "amount_minor": 1, "why": "x"}},
    ),
    ("POST", f"/support/accounts/{BOB}/orders/{NOBODYS_ORDER}/information", {"content": {"why": "x"}}),
    ("GET", "/support/declarations", {}),
    ("GET", f"/support/declarations/{NOBODYS_DECLARATION}", {}),
    (
        "POST",
        f"/support/declarations/{NOBODYS_DECLARATION}/decision",
        {"content": {"outcome": "carry_out", "account_id": ADA, "purchase_id": ADAS, "why": "x"}},
    ),
    ("POST", f"/support/accounts/{BOB}/adjustments", {"content": {"credits": 5, "why": "x"}, "key": "k"}),
    ("GET", f"/support/accounts/{BOB}/disputes", {}),
    ("GET", "/support/failed-runs", {"query": HOUR}),
    ("GET", "/support/incidents", {}),
    ("GET", f"/support/incidents/{INCIDENT}", {}),
    ("POST", "/support/incidents", {"content": {**HOUR, "credits": 5, "why": "x"}, "key": "k"}),
    ("GET", "/support/parked", {}),
    ("GET", f"/support/parked/{PARKED}", {}),
    ("POST", f"/support/parked/{PARKED}/replay", {"content": {"why": "y"}, "key": "k"}),
    ("POST", f"/support/parked/{PARKED}/attribution", {"content": {"account_id": BOB, "why": "y"}}),
    ("POST", f"/support/parked/{PARKED}/dismissal", {"content": {"why": "y"}}),
    ("GET", f"/support/parked/{PARKED}/mute", {}),
    ("POST", f"/support/parked/{PARKED}/mute", {"content": {"why": "y"}}),
    ("GET", "/support/mutes", {}),
    ("POST", f"/support/mutes/{MUTE}/end", {"content": {"why": "y"}}),
    ("POST", "/support/refund-cases/{case_id}/claim", {}),
    ("DELETE", "/support/refund-cases/{case_id}/claim", {}),
    ("GET", f"/support/accounts/{BOB}", {}),
    ("GET", f"/support/accounts/{BOB}/timeline", {}),
    ("GET", f"/support/why/{RECORD}", {}),
    ("GET", "/support/search", {"query": {"q": ADA}}),
    ("GET", f"/support/accounts/{BOB}/credit-notes", {}),
    ("GET", f"/support/accounts/{BOB}/purchases", {}),
    ("GET", "/support/disputes", {}),
    ("GET", "/support/suspended-accounts", {}),
    ("GET", "/support/decided-cases", {}),
    ("GET", "/support/proposals", {}),
    ("POST", f"/support/accounts/{BOB}/proposals/{PROPOSAL}/confirmation", {}),
    ("POST", f"/support/accounts/{BOB}/proposals/{PROPOSAL}/rejection", {"content": {"why": "x"}}),
    ("POST", f"/support/declarations/{NOBODYS_DECLARATION}/forwarding", {"content": {"why": "y"}}),
]


@pytest.mark.parametrize(
    "groups",
    [
        *("[billing-supporters]", "[other]", "", "[]", None, ["support"], "BILLING-SUPPORT"),
        *("not billing-support", "not,billing-support", ["not billing-support"], '["not billing-support"]'),
        *("[not,billing-support]", "[billing-support", "billing-support]", "[billing-support trainees"),
    ],
)
def test_without_the_group_support_is_closed(world: World, case_id: str, groups: object) -> None:
    """403 on every route, also for one's own case, also with the scope: nothing is read, nothing moves."""
    world.record_events(event_of(dispute(), names=(BOBS,)))
    before = world.table()
    bob = Frontend(BOB, {} if groups is None else {GROUPS_CLAIM: groups})
    for method, path, more in SUPPORT_CALLS:
        told = bob.call(method, path.format(case_id=case_id), **more)
        assert told.status == 403, path
        assert "Bob's own words" not in told.text
    assert world.table() == before


def test_support_staff_change_nothing_of_their_own_account(world: World, case_id: str) -> None:
    """Bob works in support: his case, holds and amounts are for a colleague."""
    world.record_events(event_of(dispute(), names=(BOBS,)))
    before = world.table()
    bob = Frontend(BOB, {GROUPS_CLAIM: ["billing-support"]})
    for method, path, more in SUPPORT_CALLS:
        # Whose a declaration or a parked event is does not stand in the request, and an incident has many accounts: see
        # their own tests.
        if method != "GET" and not path.endswith(
            ("forwarding", "replay", "attribution", "dismissal", "mute", "end", "incidents")
        ):
            own = more if BOB in path or "{case_id}" in path else {**more, "content": {**more["content"], **BOBS_OWN}}
            told = bob.call(method, path.format(case_id=case_id), **own)
            assert (told.status, "your own account" in told.text) == (403, True), path
    assert world.table() == before


def test_every_support_route_is_tried() -> None:
    """The list above is the template's."""
    tried = {
        (
            method,
            path.replace(BOB, "{account_id}")
            .replace("dispute:stripe:dp_1", "{hold_id}")
            .replace(NOBODYS_DECLARATION, "{declaration_id}")
            .replace(PROPOSAL, "{proposal_id}")
            .replace(MUTE, "{mute_id}")
            .replace(NOBODYS_ORDER, "{order_id}")
            .replace(INCIDENT, "{incident_id}")
            .replace(PARKED, "{parked_id}")
            .replace(RECORD, "{record_id}"),
        )
        for method, path, _ in SUPPORT_CALLS
    }
    assert tried == {(method, path) for method, path, _ in operations() if path.startswith("/support/")}


@pytest.mark.parametrize(
    "groups",
    [
        *("[billing-support]", "[a billing-support]", "billing-support", ["a", "billing-support"]),
        *('["a", "billing-support"]', '["billing-support"]'),
    ],
)
def test_the_group_counts_in_every_form_of_the_claim(world: World, groups: object) -> None:
    """API Gateway writes a list as `[a b]`; other authorizers hand on a list, JSON of a list, or a text."""
    assert world.sam.get("/support/refund-cases").status == 200
    assert supporter(groups).get("/support/refund-cases").status == 200


@pytest.mark.parametrize("subject", [None, "", "x" * 201, "ü" * 200, "a\u00a0b", 7, ["acct_ada"]])
def test_a_token_that_names_nobody_opens_nothing(world: World, subject: object) -> None:
    """403, and no account is made up for it."""
    before = world.table()
    nobody = Frontend(ADA, {"sub": subject, GROUPS_CLAIM: "[billing-support]"})
    calls = [(one.method, one.path, _body(one.path, one.method)) for one in deployed() if one.scopes == ("billing",)]
    assert len(calls) > len(CUSTOMER_BODIES)
    for method, path, more in (*calls, *SUPPORT_CALLS):
        assert nobody.call(method, _filled(path), **more).status == 403, path
    assert world.table() == before


def test_a_key_is_answered_to_its_account_alone(world: World) -> None:
    """Bob's request under a key that Ada has used is Bob's: he is not answered Ada's case or order."""
    adas = ask(world.ada, ADAS, key="k").json["case_id"]
    order = world.ada.post("/orders", ORDER, key="k").json["order_id"]
    assert ask(world.bob, ADAS, key="k").status == 404
    assert ask(world.bob, BOBS, key="k").json["case_id"] != adas
    assert world.bob.post("/orders", ORDER, key="k").json["order_id"] != order
