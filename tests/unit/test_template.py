"""What the deployment promises: least privilege, nothing lost by itself, an alarm for everything that can go wrong."""

from pathlib import Path
from typing import Any

import pytest

from tools.template import functions, layers_of, load, routes, table_definition

TEMPLATE = load()
FUNCTIONS = functions(TEMPLATE)
WEBHOOKS = ["payment_succeeded", "subscription_renewed", "dispute_opened", "refund_settled"]


def of_type(name: str) -> dict[str, Any]:
    """The resources of one type."""
    return {key: item for key, item in TEMPLATE["Resources"].items() if item["Type"] == name}


def statements(function: str) -> list[dict[str, Any]]:
    """What a function may do."""
    return [statement for policy in FUNCTIONS[function]["Policies"] for statement in policy["Statement"]]


def test_every_folder_is_a_function_of_its_name_and_back() -> None:
    """`dispute_opened` is DisputeOpenedFunction."""
    folders = {path.parent.name for path in Path("functions").glob("*/app.py")}
    named = {f"{''.join(part.title() for part in folder.split('_'))}Function": folder for folder in folders}
    assert {name: item["CodeUri"] for name, item in FUNCTIONS.items()} == {
        name: f"functions/{folder}/" for name, folder in named.items()
    }


def test_the_routes_are_the_four_webhooks() -> None:
    """Both providers share a route; the provider is its parameter."""
    assert [(route.method, route.path, route.folder) for route in routes(TEMPLATE)] == [
        ("POST", f"/webhooks/{{provider}}/{name.replace('_', '-')}", name) for name in WEBHOOKS
    ]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_function_may_do_more_than_it_does(function: str) -> None:
    """No wildcard, no delete; writes only inside a transaction; no secret but its own."""
    for statement in statements(function):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert statement["Resource"] != "*"
        assert not any("*" in action or "Delete" in action for action in actions)
        if "dynamodb:PutItem" in actions:
            condition = {"StringEquals": {"dynamodb:EnclosingOperation": "TransactWriteItems"}}
            assert statement["Condition"] == condition
        if "secretsmanager:GetSecretValue" in actions:
            assert statement["Resource"] == {"Ref": function.replace("Function", "Secrets")}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_keeps_its_logs_for_a_time_and_has_an_alarm(function: str) -> None:
    """A log group of its own with a retention; an alarm on its errors."""
    group = TEMPLATE["Resources"][FUNCTIONS[function]["LoggingConfig"]["LogGroup"]["Ref"]]
    assert group["Properties"]["RetentionInDays"]
    watched = [alarm["Properties"]["Dimensions"] for alarm in of_type("AWS::CloudWatch::Alarm").values()]
    assert [{"Name": "FunctionName", "Value": {"Ref": function}}] in watched


def test_webhooks_carry_no_sdk_and_no_pydantic() -> None:
    """Two layers: what more there is would be loaded, or could be, while a provider waits for its answer."""
    for route in routes(TEMPLATE):
        if route.folder in WEBHOOKS:
            assert layers_of(TEMPLATE, route.function) == ["DependenciesLayer", "LedgerLayer"]


def test_compiled_layers_are_for_the_functions_machine() -> None:
    """A layer for another architecture deploys well and fails at its first import."""
    machines = TEMPLATE["Globals"]["Function"]["Architectures"]
    makefile = Path("layers/api/Makefile").read_text("utf-8")
    assert TEMPLATE["Resources"]["ApiLayer"]["Properties"]["CompatibleArchitectures"] == machines
    assert {"arm64": "aarch64", "x86_64": "x86_64"}[machines[0]] in makefile.partition("LAYER_PLATFORM ?= ")[2][:30]


def test_every_alarm_names_its_page() -> None:
    """An alarm without a page wakes somebody who then knows nothing."""
    runbook = Path("docs/runbook.md").read_text("utf-8")
    for name, alarm in of_type("AWS::CloudWatch::Alarm").items():
        anchor = alarm["Properties"]["AlarmDescription"].rpartition("docs/runbook.md#")[2].rstrip(".")
        assert f"\n## {anchor.replace('-', ' ').capitalize()}\n" in runbook, name


def test_nothing_in_the_table_can_vanish() -> None:
    """Point-in-time recovery, deletion protection, retained, streamed, and no time to live."""
    (table,) = of_type("AWS::DynamoDB::Table").values()
    assert (table["DeletionPolicy"], table["Properties"]["DeletionProtectionEnabled"]) == ("Retain", True)
    assert table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert table["Properties"]["StreamSpecification"]
    assert "TimeToLiveSpecification" not in table["Properties"]
    assert table_definition(TEMPLATE, "x")["BillingMode"] == "PAY_PER_REQUEST"
