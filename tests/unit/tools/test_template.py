"""What the deployment promises: least privilege, nothing lost by itself, an alarm for everything that can go wrong."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger.domain.facts import RefundAbandoned
from ledger.domain.refund_cases import CaseState, DecisionOutcome
from ledger.domain.texts import Text
from ledger.dynamodb import keys
from ledger.ports.commit import Commit, Refusal
from ledger.usecases.refund_cases.decide_case import ReviewDecision, decide_case
from ledger.usecases.refund_cases.follow_refunds import follow
from tools.deployment import PAGE, page
from tools.template import functions, layers_of, load, routes, table_definition
from tools.testing.builders import (
    LATER,
    PI,
    POLICY,
    at,
    event_of,
    paid,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeStore

TEMPLATE = load()
FUNCTIONS = functions(TEMPLATE)
WEBHOOKS = ["payment_succeeded", "subscription_renewed", "dispute_opened", "refund_settled"]


def of_type(name: str) -> dict[str, Any]:
    """The resources of one type."""
    return {key: item for key, item in TEMPLATE["Resources"].items() if item["Type"] == name}


def statements(function: str) -> list[dict[str, Any]]:
    """What a function may do."""
    return [statement for policy in FUNCTIONS[function].get("Policies", []) for statement in policy["Statement"]]


def test_every_folder_is_a_function_of_its_name_and_back() -> None:
    """`dispute_opened` is DisputeOpenedFunction."""
    folders = {path.parent.name for path in Path("functions").glob("*/app.py")}
    named = {f"{''.join(part.title() for part in folder.split('_'))}Function": folder for folder in folders}
    assert {name: item["CodeUri"] for name, item in FUNCTIONS.items()} == {
        name: f"functions/{folder}/" for name, folder in named.items()
    }


def test_the_webhooks_are_public_and_nothing_else_is() -> None:
    """Both providers share a route. What is no webhook and no description says who may call it."""
    public = {(route.method, route.path) for route in routes(TEMPLATE) if route.authorizer is None}
    webhooks = {("POST", f"/webhooks/{{provider}}/{name.replace('_', '-')}") for name in WEBHOOKS}
    assert public == webhooks | {("GET", "/openapi.json"), ("GET", "/docs"), ("GET", "/docs/{asset}")}


def test_every_route_that_is_not_public_has_its_scope_or_is_for_our_services() -> None:
    """An authorizer without a scope would believe ID tokens too; support's routes want support's scope."""
    for route in routes(TEMPLATE):
        if route.authorizer == "CustomerJwt":
            assert route.scopes == (("billing.support",) if route.path.startswith("/support/") else ("billing",))
        elif route.authorizer:
            assert route.authorizer == "AWS_IAM"
            assert route.folder in {"record_usage", "place_order"}


MAY_DELETE = {
    "SendRefundsFunction": {"OUTBOX", "REVIEW", "RENEWALS"},
    "FollowCasesFunction": {"OUTBOX", "REVIEW", "DEFERRED"},
    "ReviewCasesFunction": {"REVIEW"},
}
CALLS_A_PROVIDER = {"PlaceOrderFunction", "ManageSubscriptionFunction", "SendRefundsFunction"}

IN_A_TRANSACTION = {"dynamodb:EnclosingOperation": "TransactWriteItems"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_function_may_do_more_than_it_does(function: str) -> None:
    """No wildcard; writes only inside a transaction; deletes only off the lists that are its own; its own secrets."""
    deletes: set[str] = set()
    for statement in statements(function):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert statement["Resource"] != "*"
        assert not any("*" in action for action in actions)
        assert "dynamodb:Scan" not in actions, "only `verify` reads what it does not name"
        if {"dynamodb:PutItem", "dynamodb:DeleteItem"} & set(actions):
            assert statement["Condition"]["ForAnyValue:StringEquals"] == IN_A_TRANSACTION
        if "dynamodb:DeleteItem" in actions:
            assert actions == ["dynamodb:DeleteItem"]
            deletes |= set(statement["Condition"]["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"])
        if "secretsmanager:GetSecretValue" in actions:
            own = "ProviderKeys" if function in CALLS_A_PROVIDER else function.replace("Function", "Secrets")
            assert statement["Resource"] == {"Ref": own}
    assert deletes == MAY_DELETE.get(function, set())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_enclosing_operation_is_compared_as_one_of_several_values(function: str) -> None:
    """A transaction passes it as a list, which a plain StringEquals does not match everywhere."""
    for statement in statements(function):
        compared = {
            operator: keys
            for operator, keys in statement.get("Condition", {}).items()
            if IN_A_TRANSACTION.keys() & keys
        }
        assert compared in ({}, {"ForAnyValue:StringEquals": IN_A_TRANSACTION})


def test_a_case_that_settles_in_review_leaves_only_lists_that_its_followers_may_delete_from() -> None:
    """A refund that we had given up may turn out to be sent: whoever hears of it takes the case off the queue."""
    store = _Watched()
    record_events(store, paid())
    case = request_refund(store, refund_claim())
    verdict = ReviewDecision(outcome=DecisionOutcome.APPROVE, words=("Half of it.",), clause="6", money_minor=1000)
    case = decide_case(case.case_id, verdict, "sam", store, POLICY, now=LATER)
    given_up = RefundAbandoned(tag=case.tag, reason=Text(key="refused"), at=at(70), cause="case:1")
    record_events(store, event_of(given_up))
    follow(PI, store, now=LATER)
    store.deleted.clear()
    record_events(store, event_of(replace(refund(1000, minute=80), tag=case.tag)))
    assert [moved.state for moved in follow(PI, store, now=LATER)] == [CaseState.REFUNDED]
    assert store.deleted
    for function in ("FollowCasesFunction", "SendRefundsFunction"):
        assert store.deleted <= MAY_DELETE[function]


class _Watched(FakeStore):
    """A store that notes from which lists documents are taken off."""

    def __init__(self) -> None:
        super().__init__()
        self.deleted: set[str] = set()

    def commit(self, commit: Commit) -> Refusal | None:
        self.deleted |= {keys.document_key(c.key)["pk"]["S"] for c in commit.documents if c.document is None}
        return super().commit(commit)


def test_only_what_calls_a_provider_has_its_sdk_and_its_key() -> None:
    """A webhook, and whatever else a stranger can reach, can neither import the one nor read the other."""
    for name, properties in FUNCTIONS.items():
        has_sdk = {"Ref": "ProvidersLayer"} in properties.get("Layers", [])
        has_key = "PROVIDER_KEYS_NAME" in properties["Environment"]["Variables"]
        assert has_sdk == has_key == (name in CALLS_A_PROVIDER)


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
    assert table["Properties"]["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert "TimeToLiveSpecification" not in table["Properties"]
    assert table_definition(TEMPLATE, "x")["BillingMode"] == "PAY_PER_REQUEST"


def _key_texts(node: object) -> Iterator[str]:
    """Yield the key text in permissions and in the filters of the stream."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "dynamodb:LeadingKeys":
                yield from (text.removesuffix("*") for text in value)
            elif name == "Pattern" and isinstance(value, str):  # of the stream; a rule's is no text
                pk = json.loads(value)["dynamodb"]["NewImage"]["pk"]["S"]
                yield from (rule["prefix"] if isinstance(rule, dict) else rule for rule in pk)
            else:
                yield from _key_texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _key_texts(value)


def test_permissions_and_filters_name_keys_that_the_table_has() -> None:
    """A permission for a partition that was renamed allows nothing; a filter for one passes nothing."""
    found = set(_key_texts(TEMPLATE["Resources"]))
    assert found == {"ACCOUNT#", "PAYMENT#", "OUTBOX", "REVIEW", "DEFERRED", "RENEWALS"}
    assert found <= keys.RESERVED


def test_the_page_about_the_deployment_says_what_the_template_says() -> None:
    """No permission, filter, dead-letter target, time-out or alarm changes without being seen in the page's diff."""
    assert PAGE.read_text("utf-8") == page(TEMPLATE), "python -m tools.deployment"
