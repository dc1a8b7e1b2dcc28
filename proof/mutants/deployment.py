"""Wrongs done to `template.yaml`, one at a time: whatever it says is left out, each number is ten times as large and as
small, each switch is turned, each condition is its contrary, each name is that of another resource of the type; and
what turns something off or opens it is added.

The tests read the template through `tools.template.load`, and that reads the file that `BILLING_TEMPLATE` names.
"""

import copy
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import FunctionType
from typing import Any, Literal

from tools.engines import ROOT
from tools.template import FILE, TEMPLATE_VARIABLE, load
from tools.testing.reach import calls_of

MODULE = "template.yaml"

_SECTIONS = {"Parameters", "Rules", "Conditions", "Globals", "Resources"}
"""What decides what is deployed."""

_WORDS = {"Type", "Description", "AlarmDescription", "AssertDescription", "Sid", "Id", "PolicyName", "Version"}
"""Properties that name or describe something, or that every deployment fails without: they are not left out."""

_OTHER: dict[str, tuple[Any, ...]] = {
    "Resource": ("*",),
    "Effect": ("Deny",),
    "MetricName": ("Invocations",),
    "Namespace": ("AWS/Nothing",),
    "Statistic": ("SampleCount",),
    "ComparisonOperator": ("LessThanThreshold",),
    "TreatMissingData": ("missing", "notBreaching", "breaching"),
    "Authorizer": ("NONE",),
    "dynamodb:EnclosingOperation": ("None",),
    "Pattern": ("{}",),
    "AllowedPattern": (".*",),
    "StartingPosition": ("LATEST",),
    "StreamViewType": ("KEYS_ONLY",),
    "Status": ("Disabled",),
    "IdentitySource": ("$request.querystring.token",),
}
"""Properties with what stands for them."""

_ADDED: dict[str, dict[str, Any]] = {
    "AWS::CloudWatch::Alarm": {"ActionsEnabled": False, "Unit": "Bits"},
    "AWS::DynamoDB::Table": {"TimeToLiveSpecification": {"AttributeName": "expires_on", "Enabled": True}},
    "AWS::Events::Rule": {"State": "DISABLED"},
    "AWS::S3::Bucket": {"VersioningConfiguration": {"Status": "Enabled"}},
    "AWS::Serverless::Function": {"ReservedConcurrentExecutions": 0, "FunctionUrlConfig": {"AuthType": "NONE"}},
    "AWS::Serverless::HttpApi": {"DisableExecuteApiEndpoint": True},
    "AWS::SNS::Topic": {"KmsMasterKeyId": "alias/aws/sns"},
    "AWS::SQS::Queue": {"DelaySeconds": 900, "RedriveAllowPolicy": {"redrivePermission": "denyAll"}},
    "DynamoDB": {"Enabled": False, "ParallelizationFactor": 10},
    "EventBridgeRule": {"State": "DISABLED", "InputPath": "$.detail"},
    "HttpApi": {"PayloadFormatVersion": "1.0"},
    "Schedule": {"Enabled": False, "State": "DISABLED"},
    "SQS": {"Enabled": False, "FilterCriteria": {"Filters": [{"Pattern": '{"body": {"nothing": [1]}}'}]}},
}
"""What turns off, opens or hides a resource or an event of a type."""


@dataclass(frozen=True)
class TemplateMutant:
    """One wrong: the place in the template, and what stands there instead."""

    place: tuple[str | int, ...]
    mutation: str
    template: dict[str, Any]  # with the wrong in it
    kind: str  # what is done to which property of which type of resource
    module: str = MODULE
    path: Path = FILE
    function: None = None
    sort: Literal["guard"] = "guard"

    @property
    def where(self) -> str:
        return ".".join(map(str, self.place))

    @property
    def name(self) -> str:
        """Names it, wherever it stands in the file."""
        return f"{self.module} {self.where}: {self.mutation}"

    @property
    def readers(self) -> frozenset[str]:
        """The tests. Whatever else reads the template reads it again when it is asked."""
        return frozenset({"tests"})

    def plant_in(self, functions: Sequence[FunctionType]) -> bool:
        """It is in no function."""
        del functions
        return False

    def plant_anew(self) -> None:
        """Have the template read with the wrong in it."""
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", delete=False) as file:
            json.dump(self.template, file)
        os.environ[TEMPLATE_VARIABLE] = file.name

    def __str__(self) -> str:
        return self.name


def template_mutants(path: Path = FILE) -> list[TemplateMutant]:
    """All of the template, in its order."""
    template = load(path)
    found = []
    for place, mutation, content, sort in _wrongs(template, template, ()):
        if place[0] in _SECTIONS and len(place) > 1:
            kind = f"{MODULE} {_property(template, place)}: {sort}"
            found.append(TemplateMutant(place, mutation, _with(template, place, content), kind))
    return found


def _property(template: dict[str, Any], place: tuple[str | int, ...]) -> str:
    """Where in a resource of its type it is, whatever the resource, its events and the positions in lists are."""
    section, name = map(str, place[:2])
    of = template[section][name]["Type"] if section == "Resources" else name
    if of == "AWS::CloudWatch::Alarm":
        of += f" on {json.dumps(template[section][name]['Properties']['Namespace'])}"
    steps = pairwise([None, *place[2:]])
    names = ["*" if before == "Events" or isinstance(key, int) else str(key) for before, key in steps]
    return ".".join([section, of, *names])


def read_code() -> None:
    """Read from the code what each function comes to: a wrong in the template does not change it, and it takes long."""
    for path in (ROOT / "functions").glob("*/app.py"):
        calls_of(path.parent.name)


_GONE = object()
_Wrong = tuple[tuple[str | int, ...], str, Any, str]
"""The place, the wrong as it is said, what stands there instead, and the sort of wrong."""


def _wrongs(template: dict[str, Any], node: Any, place: tuple[str | int, ...]) -> Iterator[_Wrong]:
    parent = str(place[-1]) if place else ""
    for key, child in _children(node):
        here = (*place, key)
        if key not in _WORDS and not f"{key}".startswith(("Fn::", "Ref")) and not parent.startswith("Fn::"):
            yield here, f"without {_said(key, child)}", _GONE, "without"
        for other in _OTHER.get(str(key), ()):
            if other != child:
                yield here, f"{_said(key, child)} → {other}", other, f"→ {other}"
        if isinstance(child, bool):
            yield here, f"{child} → {not child}", not child, f"→ {not child}"
        elif isinstance(child, int):
            yield here, f"{child} → {child * 10 or 1}", child * 10 or 1, "more"
            if child:
                yield here, f"{child} → {child // 10}", child // 10, "less"
        for mutation, content in _turned(template, child):
            yield here, mutation, content, "turned"
        if place == ("Resources",) or parent == "Events":
            for name, content in _ADDED.get(child["Type"], {}).items():
                yield (*here, "Properties", name), f"with {name}", content, "with"
        if place == ("Resources",) and "Condition" not in child:
            yield (*here, "Condition"), "with Condition", "HasOtherOrigin", "with"
        if key != "AllowedValues":  # a choice more or less changes no deployment that is accepted
            yield from _wrongs(template, child, here)


def _turned(template: dict[str, Any], value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a condition or a reference is turned into: its contrary, or another resource of the type."""
    match value:
        case {"Fn::If": [condition, given, other]}:
            yield f"otherwise than {condition}", {"Fn::If": [condition, other, given]}
        case {"Fn::Not": [inner]}:
            yield "not Fn::Not", inner
        case {"Fn::And": parts}:
            yield "Fn::Or for Fn::And", {"Fn::Or": parts}
        case {"Fn::Or": parts}:
            yield "Fn::And for Fn::Or", {"Fn::And": parts}
        case {"Ref": str(name)} if another := _another(template, name):
            yield f"{another} for {name}", {"Ref": another}
        case {"Fn::GetAtt": [name, attribute]} if another := _another(template, name):
            yield f"{another} for {name}", {"Fn::GetAtt": [another, attribute]}


def _another(template: dict[str, Any], name: str) -> str | None:
    """Return the next parameter, or the next resource of the type. None: there is none."""
    for section in ("Parameters", "Resources"):
        if name in template[section]:
            kind = template[section][name]["Type"] if section == "Resources" else None
            names = [other for other, one in template[section].items() if kind in {None, one["Type"]}]
            another = names[(names.index(name) + 1) % len(names)]
            return another if another != name else None
    return None


def _children(node: Any) -> list[tuple[Any, Any]]:
    if isinstance(node, dict):
        return list(node.items())
    return list(enumerate(node)) if isinstance(node, list) else []


def _said(key: str | int, child: Any) -> str:
    """A part by its name, or what it is."""
    if isinstance(child, dict):
        return str(child.get("Sid") or key)
    return f"{key}: {json.dumps(child)[:40]}" if isinstance(key, str) else str(child)


def _with(template: dict[str, Any], place: tuple[str | int, ...], content: Any) -> dict[str, Any]:
    """The template with other content in a place, the rest shared."""
    changed = copy.copy(template)
    node: Any = changed
    for key in place[:-1]:
        node[key] = copy.copy(node[key]) if not isinstance(node, dict) or key in node else {}
        node = node[key]
    if content is _GONE:
        del node[place[-1]]
    else:
        node[place[-1]] = content
    return changed
