"""Bad input on every route: a problem document that names the field, never a 5xx, never a write, no word in logs."""

import copy
import io
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.api.gateway_event import MAX_BODY_BYTES
from ledger.api.validation_messages import VISIBLE
from tests.integration.conftest import ADA, ADAS, SUBSCRIPTION, World
from tests.integration.test_api import CONSENT, ORDER, WITH_KEY, new_key
from tools.testing.frontend import ApiResponse, Frontend, deployed, operations

CASE = f"case_{'0' * 24}"
DECLARATION = "W-0000-0000-0000"
DECLARED = {"name": "Ada", "contract": "x", "email": "ada@example.com", "language": "en", "message": "y"}
BODIES: dict[str, dict[str, Any]] = {
    "/orders": dict(ORDER),
    "/orders/{order_id}/consent": {**CONSENT, "language": "de"},
    "/orders/{order_id}/consent-confirmation": {"confirmation_id": "mail_1"},
    "/refund-requests": {
        "purchase_id": ADAS,
        "reason": "technical_problem",
        "message": "It broke.",
        "email": "ada@example.com",
        "charged_on": "2026-11-01",
        "reference": "INV-1",
        "happened_at": "2026-11-01T12:00:00Z",
        "error_messages": ["out of memory"],
    },
    "/refund-requests/{case_id}/evidence": {"content_type": "image/png"},
    "/withdrawals": {"purchase_id": ADAS},
    "/subscription/cancellation": {"subscription_id": SUBSCRIPTION},
    "/billing-portal-sessions": {"provider": "stripe"},
    "/usage": {"account_id": ADA, "run_id": "run_1", "credits": 5},
    "/usage/{run_id}/failure": {"account_id": ADA, "error": "boom"},
    "/support/refund-cases": {
        "account_id": ADA,
        "purchase_id": ADAS,
        "reason": "technical_problem",
        "channel": "email",
        "sent_at": "2026-11-01T12:00:00Z",
    },
    "/support/refund-cases/{case_id}/decision": {
        "outcome": "approve",
        "words": ["Half of it."],
        "clause": "6",
        "money_minor": 100,
    },
    "/withdrawal-declarations": {**DECLARED, "part": "The second one."},
    "/cancellation-declarations": {**DECLARED, "is_extraordinary": True, "ends_on": "2026-12-31"},
    "/declarations/{declaration_id}/confirmation": {"token": "x"},
    "/reviews": {"case_id": f"case_{'0' * 24}", "message": "y"},
    "/support/declarations/{declaration_id}/forwarding": {"why": "y"},
    "/support/declarations/{declaration_id}/decision": {
        "outcome": "carry_out",
        "account_id": ADA,
        "purchase_id": ADAS,
        "why": "y",
    },
    "/support/parked/{parked_id}/attribution": {"account_id": ADA, "why": "y"},
    "/support/parked/{parked_id}/dismissal": {"why": "y"},
    "/support/parked/{parked_id}/mute": {"why": "y"},
    "/support/mutes/{mute_id}/end": {"why": "y"},
    "/support/parked/{parked_id}/replay": {"why": "y"},
    "/support/accounts/{account_id}/orders/{order_id}/information": {"why": "y"},
    "/support/accounts/{account_id}/holds": {"hold_id": "support:x", "why": "y"},
    "/support/accounts/{account_id}/amounts": {
        "payment_id": ADAS,
        "subject_id": "stripe:re_1",
        "amount_minor": 1,
        "why": "y",
    },
    "/support/accounts/{account_id}/adjustments": {"credits": 5, "why": "y"},
    "/support/accounts/{account_id}/proposals/{proposal_id}/rejection": {"why": "y"},
    "/support/incidents": {
        "since": "2026-11-01T12:00:00Z",
        "until": "2026-11-01T13:00:00Z",
        "credits": 5,
        "why": "y",
    },
}
"""A right body for each route that takes one. What each test does to it makes it wrong."""

WRONG: list[Any] = [
    *(
        "",
        " ",
        "x" * 5000,
        "\x00",
        "\ud800",
        "not-a-date",
        "2026-13-45",
        "2026-11-01T12:00:00",
        "../../x",
        "<b>",
        "😀" * 300,
    ),
    *(-1, 0, 1.5, 10**40, True, False, None),
    *([], {}, ["x"] * 50),
]
NEVER_RIGHT: list[Any] = [[[]], {"a": {"b": []}}, [None]]
"""What no field takes, whichever it is."""


def caller(world: World, path: str, scopes: tuple[str, ...]) -> Frontend:
    """Who may call a route."""
    if not scopes:
        return world.service
    return world.sam if path.startswith("/support/") else world.ada


def send(world: World, path: str, body: bytes, **more: Any) -> ApiResponse:
    """POST this, word for word, to a route with right ids in its path."""
    route = next(route for route in deployed() if (route.method, route.path) == ("POST", path))
    filled = (
        path.replace("{case_id}", CASE)
        .replace("{order_id}", f"ord_{'0' * 24}")
        .replace("{proposal_id}", f"prop_{'0' * 24}")
        .replace("{mute_id}", f"mute_{'0' * 24}")
        .replace("{run_id}", "run_1")
        .replace("{parked_id}", "stripe:cus_1~evt_1")
    )
    filled = filled.replace("{account_id}", "acct_ada").replace("{declaration_id}", DECLARATION)
    sent = {"key": new_key(), "headers": {"content-type": "application/json"}, **more}
    return caller(world, path, route.scopes).post(filled, body=body, **sent)


def wrongs(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Every field made wrong in every way, an unknown one beside them, each one missing; and may it be right so?"""
    for name in body:
        for value in WRONG:
            yield name, {**body, name: value}, True
        for value in NEVER_RIGHT:
            yield name, {**body, name: value}, False
        yield name, {other: value for other, value in body.items() if other != name}, True
    yield "surprise", {**body, "surprise": 1}, False


def is_named(told: ApiResponse, field: str, *, may_be_right: bool) -> bool:
    """Refused, as a problem that names the field; or the field was right after all, and nothing but that was asked."""
    if told.status == 422:
        return any(named == f"body.{field}" or named.startswith(f"body.{field}.") for named in told.fields)
    return may_be_right and told.status < 500


def test_every_route_that_takes_a_body_is_tried() -> None:
    """The list above has them all, as they are described."""
    assert BODIES.keys() == {path for _, path, operation in operations() if "requestBody" in operation}


@pytest.mark.parametrize("path", BODIES)
def test_every_field_that_is_wrong_is_named(world: World, path: str) -> None:
    """By its name, as a problem document; and what is refused with 4xx has written nothing."""
    for field, content, may_be_right in wrongs(BODIES[path]):
        before = world.table()
        told = send(world, path, json.dumps(content).encode())
        assert is_named(told, field, may_be_right=may_be_right), (path, content, told.status, told.text)
        if told.status >= 400:
            assert world.table() == before, (path, content)


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"7",
        b"null",
        b"\xff\xfe",
        b'{"a":' * 2000,
        b"NaN",
        b'{"purchase_id":"a","purchase_id":"b"}',
    ],
    ids=["empty", "open", "list", "text", "number", "null", "no-utf8", "deep", "nan", "twice"],
)
def test_what_is_no_json_object_is_refused(world: World, path: str, body: bytes) -> None:
    """An empty body is right where all of it may be left out."""
    before = world.table()
    told = send(world, path, body)
    assert 400 <= told.status < 500 or (path in MAY_BE_EMPTY and body in {b"", b"null"}), told.text
    if told.status >= 400:
        assert world.table() == before


MAY_BE_EMPTY = {"/subscription/cancellation", "/billing-portal-sessions"}


def test_a_request_whose_texts_are_full_is_accepted_in_any_script(world: World) -> None:
    """Escaped, as many clients write JSON, one character has twelve bytes."""
    face = "\N{PERSEVERING FACE}"
    full = {"message": face * 4000, "error_messages": [face * 500] * 10}
    claim = {"purchase_id": ADAS, "reason": "technical_problem", **full}
    response = world.ada.post("/refund-requests", claim, key="k")
    assert response.status == 201, response.text
    assert world.sam.get(f"/support/refund-cases/{response.json['case_id']}").json["message"] == face * 4000


@pytest.mark.parametrize("path", BODIES)
def test_what_is_too_large_is_refused_before_it_is_read(world: World, path: str) -> None:
    """By its bytes, not its characters; also in Base64."""
    before = world.table()
    large = json.dumps({**BODIES[path], "message": "é" * (MAX_BODY_BYTES // 2)}, ensure_ascii=False).encode()
    assert send(world, path, large).status == 413
    assert send(world, path, large, as_base64=True).status == 413
    assert world.table() == before


@pytest.mark.parametrize("path", WITH_KEY)
@pytest.mark.parametrize("key", [None, "", "x" * 129, "a b", "é", "\x07"])
def test_a_key_that_is_none_is_named(world: World, path: str, key: str | None) -> None:
    """What opens something wants an Idempotency-Key; a decision may come without one, but not with a wrong one."""
    before = world.table()
    told = send(world, path, json.dumps(BODIES[path]).encode(), key=key)
    may_be_left_out = key is None and path.endswith("/decision")
    assert (told.status, told.fields) == ((404, []) if may_be_left_out else (422, ["header.idempotency-key"]))
    assert world.table() == before


@pytest.mark.parametrize("case_id", ["x", "case_", "case_xyz", CASE + "0", "case_%00", "..", "CASE_" + "0" * 24])
def test_an_id_that_is_none_is_refused(world: World, case_id: str) -> None:
    """As what does not exist, or as what can't."""
    for told in (world.ada.get(f"/refund-requests/{case_id}"), world.ada.get(f"/withdrawals/{case_id}")):
        assert told.status in {404, 422}


ODD = [
    "%F1%BA%AB%9C",
    "%0D",
    "%00",
    "a%22b",
    "%E2%80%AE",
    "%F0%9F%98%80",
    "%C2%9Dj",
    "x%3Fy",
    "%23",
    "%5C",
    "%60",
    "a%CC%81",
]


@pytest.mark.parametrize("odd", ODD)
def test_an_id_of_odd_characters_is_refused_for_itself(world: World, odd: str) -> None:
    """Not for a body or a parameter that is right."""
    before = world.table()
    told = [
        world.sam.delete(f"/support/accounts/{ADA}/holds/{odd}", query={"why": "a mistake"}),
        world.sam.post(f"/support/accounts/{odd}/holds", {"hold_id": "support:x", "why": "y"}),
        world.ada.get(f"/refund-requests/{odd}"),
        world.ada.post(f"/refund-requests/{odd}/evidence", {"content_type": "image/png"}),
    ]
    assert (told[0].status, told[0].json["changed"]) == (200, False), "there is no such hold to lift"
    for answer in told[1:]:
        assert answer.status in {404, 422}, answer.text
        assert [field.partition(".")[0] for field in answer.fields] in ([], ["path"]), answer.text
    assert world.table() == before


@pytest.mark.parametrize("odd", [odd for odd in ODD if not re.fullmatch(VISIBLE, unquote(odd, errors="replace"))])
def test_a_run_that_no_body_could_name_cannot_fail(world: World, odd: str) -> None:
    """A failure is stored though its run has not drawn: under the ids that a draw may have."""
    before = world.table()
    told = world.service.post(f"/usage/{odd}/failure", {"account_id": ADA})
    assert (told.status, told.fields) == (422, ["path.run_id"])
    assert world.table() == before


@pytest.mark.parametrize("run_id", ["a/b", 'a"b', "a#b", "a?b", "a\\b", "a%2Fb", "100%", "a+b", "`a`", "a:b~(c)"])
def test_a_run_whose_id_has_signs_in_it_can_fail(world: World, run_id: str) -> None:
    """Whatever is taken as an id in a body is found again by it in a path."""
    world.service.post("/usage", {"account_id": ADA, "run_id": run_id, "credits": 5})
    told = world.service.post(f"/usage/{quote(run_id, safe='')}/failure", {"account_id": ADA, "error": "boom"})
    assert (told.status, told.json["run_id"]) == (200, run_id)
    assert world.ada.get("/account").json["balance"] == 1000


@pytest.mark.parametrize("path", ["/account/statement", "/account/statement.csv", "/purchases", "/refund-requests"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "x"),
        ("after", "x"),
        ("after", ""),
        ("after", "é"),
        ("surprise", "1"),
    ],
)
def test_a_parameter_that_is_wrong_is_named(world: World, path: str, name: str, value: str) -> None:
    """Unknown ones too."""
    told = world.ada.get(path, query={name: value})
    assert (told.status, told.fields) == (422, [f"query.{name}"])


READS = [
    *("/account", "/account/statement", "/account/statement.csv", "/purchases", "/refund-requests"),
    *(f"/refund-requests/{CASE}", f"/withdrawals/{CASE}", "/support/refund-cases", f"/support/refund-cases/{CASE}"),
]
QUERIES: list[dict[str, str]] = [
    *[{"limit": odd} for odd in ("1" * 5000, "1e3", "１", "-1", "1,2", "NaN", "\0", "0x1", "true")],
    *[{"after": odd} for odd in ("x" * 5000, "\0", "\u202e", "é" * 200, "e30=", "bnVsbA==", "W10=", "W" * 3999)],
    *[{odd: "1"} for odd in ("x" * 2000, "\0", "limit[]", "LIMIT", "after.x", "😀", "")],
    {f"p{number}": "" for number in range(500)},
]


@pytest.mark.parametrize("path", READS)
def test_odd_parameters_are_refused_by_name(world: World, path: str) -> None:
    """Whatever they hold and however many they are; a problem document stays short."""
    reader = caller(world, path, ("billing",))
    before = world.table()
    for query in QUERIES:
        told = reader.get(path, query=query)
        assert told.status == 422, (query, told.text)
        assert {field.partition(".")[0] for field in told.fields} <= {"query", "path"}, told.text
        assert len(told.text) < 8000
    assert world.table() == before


@pytest.mark.parametrize("path", BODIES)
def test_odd_headers_change_nothing(world: World, path: str) -> None:
    """Another type of content is refused; what we don't read is passed over."""
    before = world.table()
    raw = json.dumps(BODIES[path] | {"surprise": 1}).encode()
    for kind in (
        "text/plain",
        "application/xml",
        "multipart/form-data",
        "application/json; charset=utf-16",
        "x" * 3000,
    ):
        told = send(world, path, raw, headers={"content-type": kind})
        assert told.status == 415, (kind, told.text)
    for odd in ({"x-forwarded-for": "é" * 3000}, {"accept": "text/html"}, {"content-encoding": "gzip"}, {"": "x"}):
        told = send(world, path, raw, headers={"content-type": "application/json", **odd})
        assert (told.status, told.fields) == (422, ["body.surprise"]), (odd, told.text)
    deep = {"surprise": json.loads("[" * 300 + "]" * 300)}
    assert send(world, path, json.dumps(BODIES[path] | deep).encode()).fields == ["body.surprise"]
    assert world.table() == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_any_json_is_answered_and_never_by_a_5xx(world: World, data: st.DataObject) -> None:
    """Right bodies with anything in the place of anything."""
    path = data.draw(st.sampled_from(sorted(BODIES)))
    body = copy.deepcopy(BODIES[path])
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.sampled_from([*sorted(body), "surprise"]))] = data.draw(JSON)
    told = send(world, path, json.dumps(body).encode())
    assert told.status < 500, (path, body, told.text)


def test_nothing_of_a_customer_is_in_the_logs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what was written to us, nor addresses, nor keys."""
    log = io.StringIO()
    monkeypatch.setattr(world.services.logger.registered_handler, "stream", log)
    secret = {"message": "my secret words", "email": "ada.private@example.com", "reference": "SECRET-REF"}
    world.ada.post("/refund-requests", {**BODIES["/refund-requests"], **secret}, key="secret-key-1")
    world.ada.post(
        "/refund-requests", {**BODIES["/refund-requests"], **secret, "surprise": "s3cr3t"}, key="secret-key-2"
    )
    logged = log.getvalue()
    assert logged.count("answered") == 2
    assert not [word for word in (*secret.values(), "secret-key", "s3cr3t") if word in logged]
