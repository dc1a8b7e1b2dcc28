"""The API's description is the code's, whole, and its page loads what it needs."""

import base64
import gzip
import importlib
import inspect
import json
import pkgutil
import re
from typing import Any

import pytest

from functions.describe_api.app import lambda_handler
from ledger.api import declarations, errors, requests
from ledger.api.errors import PROBLEM_JSON
from tests.unit.tools.template_parts import WEBHOOKS
from tools.openapi import FILE
from tools.testing.frontend import deployed, description, operations


def fetched(path: str, *, zipped: bool = True) -> tuple[dict[str, Any], bytes]:
    """What a browser gets."""
    answer = lambda_handler({"rawPath": path, "headers": {"accept-encoding": "gzip, br"} if zipped else {}}, None)
    body = base64.b64decode(answer["body"])
    return answer, gzip.decompress(body) if answer["headers"].get("content-encoding") == "gzip" else body


def test_the_description_in_the_repository_is_what_the_code_says() -> None:
    """`make openapi` writes it."""
    assert json.loads(FILE.read_text("utf-8")) == description()


def test_every_deployed_route_of_the_api_is_described_and_no_other() -> None:
    """But for the webhooks, the pages for people, and the description itself."""
    wanted = {
        (route.method, route.path)
        for route in deployed()
        if route.folder not in {*WEBHOOKS, "describe_api", "show_pages", "show_console"}
    }
    assert {(method, path) for method, path, _ in operations()} == wanted


def test_each_route_leads_to_the_function_that_answers_it() -> None:
    """Another one would answer 404: the gateway's routes are those of its code."""
    led: dict[str, set[tuple[str, str]]] = {}
    for route in deployed():
        led.setdefault(route.folder, set()).add((route.method, route.path))
    for folder, ways in led.items():
        if app := getattr(importlib.import_module(f"functions.{folder}.app"), "app", None):
            answered = [*app._static_routes, *app._dynamic_routes]  # noqa: SLF001 - the framework has no public list
            assert {(one.method, one.openapi_path) for one in answered} == ways, folder


def test_every_operation_says_what_it_does_who_may_and_how_it_ends() -> None:
    """A summary, an answer, problems, and the template's own word on who may call it."""
    for method, path, operation in operations():
        route = next(route for route in deployed() if (route.method, route.path) == (method, path))
        assert operation["summary"], path
        assert operation["description"], path
        assert {"200", "201"} & operation["responses"].keys(), path
        assert {"422", "503"} <= operation["responses"].keys(), path
        name = {"AWS_IAM": "service", "CustomerJwt": "customer", None: None}[route.authorizer]
        assert operation["security"] == ([{name: list(route.scopes)}] if name else []), path
        assert ("401" in operation["responses"], "403" in operation["responses"]) == (name == "customer", bool(name))


def test_every_operation_has_a_name_of_its_own() -> None:
    """Generators make a function of it: a verb and a noun."""
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z]+([A-Z][a-z]+)+", name)] == []


def test_every_request_has_an_example_that_is_accepted() -> None:
    """By the model that the function reads it with."""
    modules = (
        importlib.import_module(f"ledger.api.requests.{found.name}")
        for found in pkgutil.iter_modules(requests.__path__)
    )
    models = {name: model for module in (*modules, declarations) for name, model in vars(module).items()}
    for method, path, operation in operations():
        for body in operation.get("requestBody", {}).get("content", {}).values():
            (named,) = set(re.findall(r"schemas/(\w+)", json.dumps(body["schema"])))
            assert models[named].model_validate_json(json.dumps(body["example"])), (method, path)


def test_every_problem_has_an_example_with_its_own_status() -> None:
    """And each kind of problem that an error becomes is shown at some route."""
    components, seen = description()["components"]["examples"], set()
    for method, path, operation in operations():
        for status, response in operation["responses"].items():
            content = response.get("content", {}).get(PROBLEM_JSON)
            for name, example in (content or {"examples": {}})["examples"].items():
                document = components[example["$ref"].rpartition("/")[2]]["value"]
                assert document["status"] == int(status), (method, path)
                kind = re.sub(r"-\d+$", "", name)  # a second example of one kind has a number
                assert document["type"] == f"urn:imagetagger:problem:{kind}", (method, path)
                seen.add(kind)
            assert content is None or content["examples"], (method, path, status)
    assert set(re.findall(r'problem\(\d+, "([a-z-]+)"', inspect.getsource(errors))) <= seen


def test_names_of_headers_are_written_as_everywhere_else() -> None:
    """`Idempotency-Key`, `Retry-After`."""
    named = set(
        re.findall(r'"(idempotency-key|retry-after|next-page)": |"name": "([a-z]+-[a-z-]+)"', FILE.read_text("utf-8"))
    )
    assert named == set()


def test_what_an_id_in_a_path_must_match_is_described() -> None:
    """Of accounts, holds, parked events and `why` any text is looked up, and not found."""
    for method, path, operation in operations():
        for parameter in operation.get("parameters", ()):
            is_free = parameter["name"] in {"account_id", "hold_id", "parked_id", "record_id"}
            if parameter["in"] == "path":
                assert ("pattern" in parameter["schema"]) is not is_free, (method, path, parameter["name"])


def test_the_page_loads_from_where_its_policy_lets_it() -> None:
    """Everything that it names is there, from our own origin, with the type that a browser wants."""
    answer, page = fetched("/docs")
    assert answer["headers"]["content-security-policy"].startswith("default-src 'self'")
    named = re.findall(r'(?:src|href)="([^"]+)"', page.decode())
    assert sorted(named) == ["/docs/start.js", "/docs/swagger-ui-bundle.min.js", "/docs/swagger-ui.min.css"]
    for path in named:
        found, content = fetched(path)
        assert found["statusCode"] == 200
        assert found["headers"]["content-type"].startswith("text/css" if path.endswith("css") else "text/javascript")
        assert content
    assert b'url: "/openapi.json"' in fetched("/docs/start.js")[1]


@pytest.mark.parametrize("zipped", [True, False])
def test_the_description_comes_zipped_to_who_asks_for_it(zipped: bool) -> None:
    """And plain to who does not."""
    answer, body = fetched("/openapi.json", zipped=zipped)
    assert ("content-encoding" in answer["headers"]) == zipped
    assert answer["headers"]["vary"] == "accept-encoding", "a shared cache keeps both forms apart"
    assert json.loads(body)["openapi"] == "3.1.0"
    assert fetched("/docs/nothing")[0]["statusCode"] == 404
