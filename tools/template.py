"""Read `template.yaml`: the only definition of table, routes and events, also for tests and local runs."""

import copy
import functools
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parent.parent / "template.yaml"

TEMPLATE_VARIABLE = "BILLING_TEMPLATE"
"""The variable of the environment that names another file to read instead: tests of the tests plant errors there."""

IAM = "AWS_IAM"
"""The built-in authorizer: it accepts requests that are signed with AWS credentials."""


class TemplateError(Exception):
    """The template has something that can't be run locally, or is invalid. The message names it."""


@dataclass(frozen=True, slots=True)
class Route:
    """One HTTP route and the function behind it."""

    method: str  # ANY: every one that no other route of the path has
    path: str
    function: str  # the logical id
    folder: str  # the folder's name in functions/
    authorizer: str | None = None  # an authorizer of the API by its name, or IAM; None: public
    scopes: tuple[str, ...] = ()  # a token needs one of them; none: any token will do


@dataclass(frozen=True, slots=True)
class JwtAuthorizer:
    """The issuer and the audience of the tokens that are accepted."""

    issuer: str
    audience: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cors:
    """The API's settings for scripts of other origins."""

    origins: tuple[str, ...]
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    max_age_s: int | None = None
    is_with_credentials: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamMapping:
    """A function that receives the records of the table's stream."""

    name: str  # function and event, as in ReleaseParkedFunction.AccountKnown
    folder: str
    batch_size: int
    retries: int | None  # None: until the record expires
    is_bisecting: bool  # a failed batch is split in half, so that one bad record does not block the others
    reports_failures: bool  # the function's result names the records that failed
    patterns: tuple[dict[str, Any], ...]  # a record must match one; empty: every record matches


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of the bus, and its one target: a function, or a queue that feeds one."""

    name: str  # function and event, as in FollowCasesFunction.RefundMoved; or the rule's logical id
    pattern: Mapping[str, Any]
    folder: str  # of the function that acts in the end
    retries: int  # after the first attempt: of the function, or of the queue's message
    batch_size: int | None = None  # of the queue; None: no queue, the function gets each event by itself


@dataclass(frozen=True, slots=True)
class Job:
    """A function that is run by a schedule."""

    folder: str
    schedule: str
    input: dict[str, Any] | None  # None: the event that EventBridge makes


_NO_VALUE = object()


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # ten times as fast, if available
    """Understands CloudFormation's short tags: `!Ref X` becomes {"Ref": "X"}, `!Sub X` {"Fn::Sub": "X"}."""


def _tagged(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    key = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    match node:
        case yaml.ScalarNode():
            value: Any = loader.construct_scalar(node)
            return {key: value.split(".", 1) if suffix == "GetAtt" else value}
        case yaml.SequenceNode():
            return {key: loader.construct_sequence(node, deep=True)}
        case yaml.MappingNode():
            return {key: loader.construct_mapping(node, deep=True)}
    raise TypeError(f"unknown node {node}")


_Loader.add_multi_constructor("!", _tagged)


def load(path: Path | None = None) -> dict[str, Any]:
    """Return the template as plain data: of this path, else of the file that `BILLING_TEMPLATE` names, else ours."""
    return parse((path or Path(os.environ.get(TEMPLATE_VARIABLE) or FILE)).read_text("utf-8"))


def parse(text: str) -> dict[str, Any]:
    """Return a template's text as plain data, which the caller may change."""
    return copy.deepcopy(_parsed(text))


@functools.cache
def _parsed(text: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader, with tags
    return content


def functions(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the properties of every function, by logical id."""
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def layers_of(template: dict[str, Any], function: str) -> list[str]:
    """Return the logical ids of a function's layers: first those of all functions, then its own."""
    everyones = template.get("Globals", {}).get("Function", {}).get("Layers", [])
    return [layer["Ref"] for layer in [*everyones, *functions(template)[function].get("Layers", [])]]


def routes(template: dict[str, Any]) -> list[Route]:
    """Return every HTTP route, in the template's order. Raise TemplateError for what SAM would refuse."""
    auth = _api(template).get("Auth", {})
    known = {*auth.get("Authorizers", {}), *([IAM] if auth.get("EnableIamAuthorizer") is True else [])}
    default = auth.get("DefaultAuthorizer")
    found = []
    for name, _, properties, event in _events(template, "HttpApi"):
        own = event.get("Auth", {})
        authorizer = own.get("Authorizer", default)
        scopes = tuple(_resolved(template, own.get("AuthorizationScopes", []), {}))
        route = f"{event['Method'].upper()} {event['Path']}"
        if authorizer == "NONE" and default:
            authorizer, scopes = None, ()
        if own and authorizer is None and own.get("Authorizer") != "NONE":
            raise TemplateError(f"{route} has an Auth without an Authorizer.")
        if authorizer is not None and authorizer not in known:
            raise TemplateError(f"{route} names the authorizer {authorizer}; the API has {', '.join(sorted(known))}.")
        if authorizer == IAM and scopes:
            raise TemplateError(f"{route} requires scopes, and a signed request has none.")
        found.append(Route(event["Method"].upper(), event["Path"], name, _folder(properties), authorizer, scopes))
    return found


def resolved(template: dict[str, Any], value: Any, references: Mapping[str, str]) -> Any:
    """Return a value with its references and conditions resolved. `references` has the value of `!Ref` by logical id.

    Raise TemplateError for a missing one, and for a function that is not supported here.
    """
    return _resolved(template, value, references)


def permissions_of(function: dict[str, Any]) -> list[tuple[dict[str, Any], str | None]]:
    """Return the statements of a function's own policies, each with the condition on which the role has it."""
    found: list[tuple[dict[str, Any], str | None]] = []
    for policy in function.get("Policies", ()):
        for statement in policy["Statement"]:
            match statement:
                case {"Fn::If": [condition, given, {"Ref": "AWS::NoValue"}]}:
                    found.append((given, condition))
                case _:
                    found.append((statement, None))
    return found


def jwt_authorizers(template: dict[str, Any], parameters: Mapping[str, str]) -> dict[str, JwtAuthorizer]:
    """Return the API's JWT authorizers by name, with these parameters. Raise TemplateError."""
    authorizers = {}
    for name, authorizer in _api(template).get("Auth", {}).get("Authorizers", {}).items():
        if authorizer.get("IdentitySource") != "$request.header.Authorization":
            raise TemplateError(f"{name} should take its token from $request.header.Authorization.")
        configuration = _resolved(template, authorizer["JwtConfiguration"], parameters)
        authorizers[name] = JwtAuthorizer(configuration["issuer"], tuple(configuration["audience"]))
    return authorizers


def cors(template: dict[str, Any], parameters: Mapping[str, str]) -> Cors | None:
    """Return what the API allows scripts of other origins; None: nothing."""
    written = _api(template).get("CorsConfiguration")
    if isinstance(written, dict) and not isinstance(written.get("AllowOrigins", []), list):
        raise TemplateError("AllowOrigins should be a list: SAM takes a function there for the whole configuration.")
    configuration = _resolved(template, written, parameters)
    if not configuration:
        return None
    if configuration is True:
        return Cors(origins=("*",))
    return Cors(
        origins=tuple(configuration.get("AllowOrigins", ())),
        methods=tuple(configuration.get("AllowMethods", ())),
        headers=tuple(configuration.get("AllowHeaders", ())),
        exposed=tuple(configuration.get("ExposeHeaders", ())),
        max_age_s=configuration.get("MaxAge"),
        is_with_credentials=configuration.get("AllowCredentials", False),
    )


def stream_mappings(template: dict[str, Any]) -> list[StreamMapping]:
    """Return the mapping of every function that receives the table's stream."""
    return [
        StreamMapping(
            name=f"{name}.{event_name}",
            folder=_folder(properties),
            batch_size=event.get("BatchSize", 100),
            retries=None if event.get("MaximumRetryAttempts", -1) < 0 else event["MaximumRetryAttempts"],
            is_bisecting=event.get("BisectBatchOnFunctionError", False),
            reports_failures="ReportBatchItemFailures" in event.get("FunctionResponseTypes", ()),
            patterns=tuple(json.loads(one["Pattern"]) for one in event.get("FilterCriteria", {}).get("Filters", ())),
        )
        for name, event_name, properties, event in _events(template, "DynamoDB")
        if event.get("Enabled", True)
    ]


def rules(template: dict[str, Any]) -> list[Rule]:
    """Return every rule of the bus. Raise TemplateError for one whose target can't be run locally, or loses events."""
    found = []
    for name, event_name, properties, event in _events(template, "EventBridgeRule"):
        rule, kept = f"{name}.{event_name}", properties.get("EventInvokeConfig", {})
        if "DeadLetterConfig" not in event or "OnFailure" not in kept.get("DestinationConfig", {}):
            raise TemplateError(f"{rule} should have a DeadLetterConfig, and its function an OnFailure destination.")
        retries = kept.get("MaximumRetryAttempts", 2)
        found.append(Rule(name=rule, pattern=event["Pattern"], folder=_folder(properties), retries=retries))
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Events::Rule":
            found += [
                _queue_rule(template, name, resource["Properties"], to) for to in resource["Properties"]["Targets"]
            ]
    return found


def _queue_rule(template: dict[str, Any], name: str, rule: dict[str, Any], target: dict[str, Any]) -> Rule:
    """Return a rule whose target is a queue that feeds a function."""
    if "DeadLetterConfig" not in target:
        raise TemplateError(f"{name} should have a DeadLetterConfig.")
    for _, _, properties, event in _events(template, "SQS"):
        if event["Queue"] == target["Arn"]:
            if "ReportBatchItemFailures" not in event.get("FunctionResponseTypes", ()):
                raise TemplateError(f"The function that {name} feeds should report which messages failed.")
            queue = template["Resources"][target["Arn"]["Fn::GetAtt"][0]]["Properties"]
            return Rule(
                name=name,
                pattern=rule["EventPattern"],
                folder=_folder(properties),
                retries=queue["RedrivePolicy"]["maxReceiveCount"] - 1,
                batch_size=event.get("BatchSize", 10),
            )
    raise TemplateError(f"The target of {name} is no queue that feeds a function.")


def jobs(template: dict[str, Any]) -> dict[str, Job]:
    """Return every function that a schedule runs, by its folder."""
    return {
        _folder(properties): Job(
            _folder(properties),
            event.get("Schedule") or event["ScheduleExpression"],
            json.loads(event["Input"]) if "Input" in event else None,
        )
        for kind in ("Schedule", "ScheduleV2")
        for _, _, properties, event in _events(template, kind)
    }


def table_definition(template: dict[str, Any], table_name: str) -> dict[str, Any]:
    """Return the arguments of CreateTable for the template's table and its stream, under another name."""
    tables = [item["Properties"] for item in template["Resources"].values() if item["Type"] == "AWS::DynamoDB::Table"]
    if len(tables) != 1:
        raise ValueError(f"the template should define one table, not {len(tables)}")
    copied = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
    definition = {"TableName": table_name, **{key: tables[0][key] for key in copied if key in tables[0]}}
    if "StreamSpecification" in tables[0]:
        # DynamoDB requires StreamEnabled; CloudFormation does not have it.
        definition["StreamSpecification"] = {"StreamEnabled": True, **tables[0]["StreamSpecification"]}
    return definition


def _api(template: dict[str, Any]) -> dict[str, Any]:
    apis = [
        item.get("Properties", {})
        for item in template["Resources"].values()
        if item["Type"] == "AWS::Serverless::HttpApi"
    ]
    if len(apis) > 1:
        raise TemplateError(f"the template should define one HTTP API, not {len(apis)}")
    return apis[0] if apis else {}


def _events(template: dict[str, Any], kind: str) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Yield the function's name, the event's name, and the properties of both, for each event of a type."""
    for name, properties in functions(template).items():
        for event_name, event in properties.get("Events", {}).items():
            if event["Type"] == kind:
                yield name, event_name, properties, event.get("Properties", {})


def _resolved(template: dict[str, Any], value: Any, parameters: Mapping[str, str]) -> Any:
    """Return a value with its parameters resolved. Raise TemplateError for a missing value or an unknown function."""
    match value:
        case {"Ref": "AWS::NoValue"}:
            return _NO_VALUE
        case {"Ref": name}:
            if name in parameters:
                return parameters[name]
            default = template.get("Parameters", {}).get(name, {}).get("Default")
            if default is None:
                raise TemplateError(f"The parameter {name} has no value here.")
            return default
        case {"Fn::If": [condition, one, other]}:
            return _resolved(template, one if _holds(template, condition, parameters) else other, parameters)
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([\w:]+)\}", lambda found: _resolved(template, {"Ref": found[1]}, parameters), text)
        case {"Fn::Join": [separator, list(parts)]}:
            return separator.join(_resolved(template, parts, parameters))
        case dict():
            if unknown := [key for key in value if key.startswith("Fn::")]:
                raise TemplateError(f"{unknown[0]} is not supported here.")
            return {key: _resolved(template, one, parameters) for key, one in value.items()}
        case list():
            resolved = [_resolved(template, one, parameters) for one in value]
            return [one for one in resolved if one is not _NO_VALUE]
    return value


def _holds(template: dict[str, Any], condition: Any, parameters: Mapping[str, str]) -> bool:
    """Return whether a condition, given by name or as an expression, is true. Raise TemplateError."""
    match condition:
        case str():
            return _holds(template, template["Conditions"][condition], parameters)
        case {"Fn::Not": [inner]}:
            return not _holds(template, inner, parameters)
        case {"Fn::Equals": [one, other]}:
            return bool(_resolved(template, one, parameters) == _resolved(template, other, parameters))
    raise TemplateError(f"The condition {condition} is not supported here.")


def _folder(properties: dict[str, Any]) -> str:
    return str(properties["CodeUri"]).strip("/").removeprefix("functions/")
