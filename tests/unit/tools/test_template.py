"""What the deployment promises: who may call what, and that each function and alarm is what its name says.

The other rules: `test_template_permissions`, `test_template_sources`, `test_template_storage`, `test_template_alarms`.
"""

from pathlib import Path

from tests.unit.tools.template_parts import FOLDERS, RESOURCES, TEMPLATE, WEBHOOKS, logical_id
from tools.template import functions, routes


def test_every_folder_is_a_function_of_its_name_and_back() -> None:
    """`dispute_opened` is DisputeOpenedFunction."""
    code = {name: item["CodeUri"] for name, item in functions(TEMPLATE).items()}
    assert code == {logical_id(folder): f"functions/{folder}/" for folder in FOLDERS}


ANSWERS = ("approval", "objection")


def test_the_webhooks_are_public_and_nothing_else_is() -> None:
    """Both providers share a route. What is no webhook and no description says who may call it."""
    public = {(route.method, route.path) for route in routes(TEMPLATE) if route.authorizer is None}
    webhooks = {("POST", f"/webhooks/{{provider}}/{name.replace('_', '-')}") for name in WEBHOOKS}
    described = {("GET", "/openapi.json"), ("GET", "/docs"), ("GET", "/docs/{asset}")}
    console = {("GET", "/console"), ("GET", "/console/{release}/{asset}")}
    shop = {("GET", "/catalogue"), ("GET", "/policy"), ("GET", "/policy/{version}")}
    declarations = {
        ("POST", "/withdrawal-declarations"),
        ("POST", "/cancellation-declarations"),
        ("POST", "/declarations/{declaration_id}/confirmation"),
        ("GET", "/withdrawal"),
        ("POST", "/withdrawal"),
        ("GET", "/cancellation"),
        ("POST", "/cancellation"),
        *((method, f"/declarations/{{declaration_id}}/{answer}") for method in ("GET", "POST") for answer in ANSWERS),
    }
    assert public == webhooks | described | console | shop | declarations


def test_every_route_that_is_not_public_has_its_scope_or_is_for_our_services() -> None:
    """An authorizer without a scope would believe ID tokens too; support's routes want support's scope."""
    for route in routes(TEMPLATE):
        if route.authorizer == "CustomerJwt":
            assert route.scopes == (("billing.support",) if route.path.startswith("/support/") else ("billing",))
        elif route.authorizer:
            assert route.authorizer == "AWS_IAM"
            assert route.folder in {"record_usage", "place_order"}


def test_compiled_layers_are_for_the_functions_machine() -> None:
    """A layer for another architecture deploys well and fails at its first import."""
    machines = TEMPLATE["Globals"]["Function"]["Architectures"]
    makefile = Path("layers/api/Makefile").read_text("utf-8")
    assert RESOURCES["ApiLayer"]["Properties"]["CompatibleArchitectures"] == machines
    assert {"arm64": "aarch64", "x86_64": "x86_64"}[machines[0]] in makefile.partition("LAYER_PLATFORM ?= ")[2][:30]
