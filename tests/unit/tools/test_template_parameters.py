"""What whoever deploys says: which values a parameter accepts, what it is to the code, which rules refuse a stage."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.config import Config
from ledger.domain import catalogue
from ledger.providers.registry import PROVIDERS
from tests.unit.tools.template_parts import FUNCTIONS, GLOBALS, RESOURCES, TEMPLATE

STATED = {"JwtIssuer", "JwtAudience", "AllowedOrigin", "SuccessUrl", "CancelUrl"}
"""Parameters without a default: no value of theirs is right for two deployments."""
CLOUDWATCH_DAYS = {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731}
"""For how many days a log group can store its lines, among others."""
DAYS_OF_A_CASE = 14 + 14
"""By law a contract can be withdrawn from for two weeks, and the refund may take two more."""
TYPED = st.characters(min_codepoint=32, max_codepoint=126)
"""What somebody types into a parameter."""
UNLIKE_THE_CODE = {
    "LOW_BALANCE": "a run without this setting, on a developer's machine, sends no reminders",
    "REFUNDS_PAUSED": "a function that is not told whether refunds are paused sends none",
}

_FILE = (
    ["", "/opt/settings/live/catalogue.json"],
    ["catalogue.json", "/opt/settings/live", "s3://b/opt/settings/a.json"],
)
_IDENTITY = (
    ["", "arn:aws:ses:eu-central-1:123456789012:identity/example.com"],
    ["example.com", "arn:aws:ses:eu-central-1:123456789012:identity/", "*"],
)
PARAMETERS = {
    # What a parameter accepts, and what it refuses.
    "JwtIssuer": (["https://cognito-idp.eu-central-1.amazonaws.com/pool"], ["http://issuer", "issuer", ""]),
    "SupportGroup": (["billing-support"], ["billing support", "a,b", "[a]", '"a"', ""]),
    "AllowedOrigin": (
        ["https://app.example.com", "http://localhost:5173", "*"],
        ["app.example.com", "https://a/b", ""],
    ),
    "OtherAllowedOrigin": (["", "https://b.example.com"], ["b.example.com", "*"]),
    "SuccessUrl": (["https://example.com/done?x=1"], ["example.com", ""]),
    "CancelUrl": (["https://example.com/"], ["example.com", ""]),
    "CatalogueFile": _FILE,
    "PolicyFile": _FILE,
    "AlarmEmail": (["", "ops@example.com"], ["ops", "ops@example", "a b@example.com"]),
    "AlarmTopicArn": (["", "arn:aws:sns:eu-central-1:123456789012:pager"], ["pager", "arn:aws:sqs:eu-central-1:1:x"]),
    "ConsoleAuthorizeUrl": (["", "https://id.example.com/oauth2/authorize?x=1"], ["http://id.example.com", "id"]),
    "ConsoleTokenUrl": (
        ["", "https://id.example.com/oauth2/token"],
        [
            "http://id.example.com",
            "https://a.example; script-src *",
            "https://a.example 'self'",
        ],  # it stands in a policy
    ),
    "MailsIdentityArn": _IDENTITY,
    "ReceiptsIdentityArn": _IDENTITY,
    "MailsReplyTo": (["support@example.com"], ["", "support", "Support <support@example.com>"]),
    "PublicUrl": (["", "https://billing.example.com"], ["billing.example.com"]),
    "Muted": (
        ["", "stripe:metadata.app=newsletter, paddle:custom_data.app=a b", "stripe:event.account=acct_1,"],
        ["newsletter", "other:a=b", "stripe:a", "stripe:a=", "stripe:=b", "stripe:a..b=c", "stripe:event=b"],
    ),
    "StripeAccountId": (["", "acct_1A2b"], ["1A2b", "acct_", "acct_1 "]),
}


def test_every_pattern_is_tried() -> None:
    """With what it accepts, and what it refuses."""
    assert PARAMETERS.keys() == {name for name, one in TEMPLATE["Parameters"].items() if "AllowedPattern" in one}


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_refuses_what_the_code_can_not_use(name: str) -> None:
    """At deployment, and not at the first request."""
    good, bad = PARAMETERS[name]
    pattern = TEMPLATE["Parameters"][name]["AllowedPattern"]
    assert all(re.fullmatch(pattern, value) for value in good)
    assert not any(re.fullmatch(pattern, value) for value in bad)


def config(**variables: str) -> Config:
    """Read the settings of a function that is told these, and its table."""
    return Config.of({"TABLE_NAME": "ledger"} | variables)


def told() -> Iterator[tuple[str, str]]:
    """Yield the variables that functions are told, each with its parameter."""
    for environment in (GLOBALS["Environment"], *(function["Environment"] for function in FUNCTIONS.values())):
        for variable, value in environment["Variables"].items():
            if isinstance(value, dict) and value.get("Ref") in TEMPLATE["Parameters"]:
                yield variable, value["Ref"]


@pytest.mark.parametrize(
    ("variable", "name"), sorted({one for one in told() if "AllowedPattern" in TEMPLATE["Parameters"][one[1]]})
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])  # a machine may be busy
@given(data=st.data())
def test_the_code_can_read_whatever_a_parameter_accepts(variable: str, name: str, data: st.DataObject) -> None:
    """Else every function would fail at its first request, long after the deployment."""
    pattern = TEMPLATE["Parameters"][name]["AllowedPattern"]
    assert config(**{variable: data.draw(st.from_regex(pattern, fullmatch=True, alphabet=TYPED))})


def test_each_provider_can_have_objects_that_are_muted() -> None:
    """The pattern names the providers: a new one is to be in it."""
    for provider in PROVIDERS:
        assert accepts(TEMPLATE["Parameters"]["Muted"], f"{provider}:metadata.app=newsletter")


def test_every_parameter_says_what_it_is_and_no_switch_takes_any_text() -> None:
    """A switch that is neither true nor false would have its default, silently."""
    for name, parameter in TEMPLATE["Parameters"].items():
        assert parameter["Description"], name
        if parameter.get("Default") in {"true", "false"}:
            assert sorted(parameter["AllowedValues"]) == ["false", "true"]
        if parameter["Type"] == "Number":
            assert "AllowedValues" in parameter or "MinValue" in parameter
    assert TEMPLATE["Parameters"]["ProviderMode"]["AllowedValues"] == ["live", "test"]


def test_a_live_stage_is_not_deployed_with_the_prices_of_the_example() -> None:
    """CloudFormation refuses it, before it creates anything."""
    rule = TEMPLATE["Rules"]["LiveSellsItsOwnPrices"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "ProviderMode"}, "live"]}
    (assertion,) = rule["Assertions"]
    assert assertion["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "CatalogueFile"}, ""]}]}
    assert TEMPLATE["Parameters"]["CatalogueFile"]["Default"] == ""


def accepts(parameter: dict[str, Any], value: Any) -> bool:
    """Return whether CloudFormation takes a value of a parameter."""
    return (
        value in parameter.get("AllowedValues", [value])
        and re.fullmatch(parameter.get("AllowedPattern", "(?s).*"), str(value)) is not None
        and len(str(value)) >= parameter.get("MinLength", 0)
        and (parameter["Type"] != "Number" or parameter.get("MinValue", value) <= value)
        and (parameter["Type"] != "Number" or value <= parameter.get("MaxValue", value))
    )


def test_a_default_is_a_value_that_the_parameter_accepts() -> None:
    """And whatever has none is to be said."""
    parameters = TEMPLATE["Parameters"]
    assert {name for name, one in parameters.items() if "Default" not in one} == STATED
    assert [
        name for name in parameters.keys() - STATED if not accepts(parameters[name], parameters[name]["Default"])
    ] == []


def test_nothing_is_left_empty_that_has_no_meaning_if_it_is() -> None:
    """An empty scope or group would let nobody in, or everybody; whatever may be empty is so by default."""
    for name, parameter in TEMPLATE["Parameters"].items():
        if parameter["Type"] == "String":
            assert accepts(parameter, "") is (parameter.get("Default") == ""), name
            assert parameter.get("MinLength", 1) == 1, "any other text may have a meaning"


def test_a_number_has_limits_that_can_be_kept() -> None:
    """Of days, and of credits. Nothing is stored for longer than somebody needs it, if the deployment says so."""
    parameters = TEMPLATE["Parameters"]
    assert set(parameters["LogRetentionDays"]["AllowedValues"]) <= CLOUDWATCH_DAYS
    for name in ("RawBodyRetentionDays", "EvidenceRetentionDays"):
        assert DAYS_OF_A_CASE <= parameters[name]["MinValue"] <= DAYS_OF_A_CASE + 7
        assert 365 <= parameters[name]["Default"] <= 3 * 365, "what an audit of the last year asks for"
    assert parameters["LowBalance"]["MinValue"] == 0, "which turns it off"
    smallest = min(product.credits for product in catalogue.load().products.values())
    assert smallest / 20 <= parameters["LowBalance"]["Default"] < smallest, (
        "neither at once after a purchase, nor too late"
    )
    for limit in ("MinValue", "MaxValue"):
        most = parameters["LowBalance"][limit]
        assert config(LOW_BALANCE=str(most)).low_balance == most


def test_a_default_is_what_the_code_does_without_the_setting() -> None:
    """A local run, and a function that is not told the setting, do the same as a deployment that says nothing."""
    seen = set()
    for variable, name in set(told()):
        parameter = TEMPLATE["Parameters"][name]
        if name in STATED:
            continue
        is_same = config(**{variable: str(parameter["Default"])}) == config()
        assert is_same is (variable not in UNLIKE_THE_CODE), name
        if {"true", "false"} == set(parameter.get("AllowedValues", ())):
            (other,) = {"true", "false"} - {parameter["Default"]}
            assert config(**{variable: other}) != config(**{variable: parameter["Default"]}), f"{name} is a switch"
            seen.add(name)
    assert {"DebtWithheld", "OrderRefusedInDebt", "RefundsPaused"} == seen


def conditions_of_values(node: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield each choice between two values: the condition, and what stands there with it and without it."""
    if isinstance(node, dict):
        if "Fn::If" in node:
            yield tuple(node["Fn::If"])
        for child in node.values():
            yield from conditions_of_values(child)
    elif isinstance(node, list):
        for child in node:
            yield from conditions_of_values(child)


def test_a_parameter_is_used_where_it_is_set() -> None:
    """Where it is empty, what stands for it is used. The other way round a value would be empty, or be ignored."""
    chosen = set()
    for condition, one, other in conditions_of_values([RESOURCES, TEMPLATE["Globals"], TEMPLATE["Outputs"]]):
        for value, is_set in ((one, True), (other, False)):
            match value:
                case {"Ref": name} if TEMPLATE["Parameters"].get(name, {}).get("Default") == "":
                    is_empty = {"Fn::Equals": [{"Ref": name}, ""]}
                    expected = {"Fn::Not": [is_empty]} if is_set else is_empty
                    if not (name == "MailsIdentityArn" and not is_set):  # what stands for another one
                        assert TEMPLATE["Conditions"][condition] == expected, name
                        chosen.add(name)
    assert chosen == {"AlarmTopicArn", "OtherAllowedOrigin", "PublicUrl", "ReceiptsIdentityArn"}


def test_every_parameter_and_condition_is_used_and_every_name_is_known() -> None:
    """One that nothing reads would be set in vain."""
    parameters, conditions = TEMPLATE["Parameters"], TEMPLATE["Conditions"]
    read = [TEMPLATE[name] for name in ("Rules", "Conditions", "Globals", "Resources", "Outputs")]
    names = set(references(read))
    assert names & parameters.keys() == parameters.keys()
    unknown = {name for name in names if not name.startswith("AWS::")} - parameters.keys() - RESOURCES.keys()
    assert unknown == set()
    asked = {condition for condition, _, _ in conditions_of_values(read)}
    asked |= {item["Condition"] for item in RESOURCES.values() if "Condition" in item}
    assert asked == conditions.keys()


def references(node: Any) -> Iterator[str]:
    """Yield the names of parameters and resources in a part of the template."""
    match node:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            yield name
        case {"Fn::Sub": str(words)}:
            yield from re.findall(r"\$\{([\w:]+)", words)
        case dict() | list():
            for child in node.values() if isinstance(node, dict) else node:
                yield from references(child)
