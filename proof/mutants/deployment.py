"""Wrongs done to `template.yaml`, one at a time: what a function may do, what starts it, how long it may take, who is
told when it fails.

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
from typing import Any

from tools.engines import ROOT
from tools.template import FILE, TEMPLATE_VARIABLE, load
from tools.testing.reach import calls_of

MODULE = "template.yaml"

_DROPPED = {
    *("Condition", "DeadLetterConfig", "DestinationConfig", "FilterCriteria", "RedrivePolicy", "FunctionResponseTypes"),
    *("BisectBatchOnFunctionError", "MaximumRetryAttempts", "Auth", "DefaultAuthorizer", "AuthorizationScopes"),
    *("Schedule", "AlarmActions", "Dimensions", "DeletionPolicy", "UpdateReplacePolicy", "DeletionProtectionEnabled"),
    *("PointInTimeRecoverySpecification", "StreamSpecification", "GlobalSecondaryIndexes", "BucketEncryption"),
    *("PublicAccessBlockConfiguration", "LifecycleConfiguration", "RetentionInDays", "TreatMissingData"),
}
"""Properties that guard something: each is left out."""

_EACH_DROPPED = {
    *("Statement", "Action", "Events", "Condition", "Filters", "Variables", "dynamodb:LeadingKeys", "Layers"),
    *("ForAllValues:StringEquals", "ForAnyValue:StringEquals", "ForAllValues:StringLike", "StringEquals"),
}
"""Lists and tables whose parts guard something: each part is left out."""

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
}
"""Properties with what stands for them."""

_SCALED = {"Timeout", "Threshold", "Period", "MaximumRetryAttempts", "VisibilityTimeout", "BatchSize"}
"""Numbers that something else relies on: each ten times as large, and as small."""


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
    is_guard: bool = True

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
    for place, mutation, content, sort in _wrongs(template, ()):
        if place[0] in {"Resources", "Globals"}:
            kind = f"{MODULE} {_property(template, place)}: {sort}"
            found.append(TemplateMutant(place, mutation, _with(template, place, content), kind))
    return found


def _property(template: dict[str, Any], place: tuple[str | int, ...]) -> str:
    """Where in a resource of its type it is, whatever the resource, its events and the positions in lists are."""
    section, name, *path = place
    of = str(name)
    if section == "Resources":
        resource = template[section][name]
        of = resource["Type"]
        if of == "AWS::CloudWatch::Alarm":
            of += f" on {resource['Properties']['Namespace']} {resource['Properties']['MetricName']}"
    names = ["*" if before == "Events" or isinstance(key, int) else str(key) for before, key in pairwise([None, *path])]
    return ".".join([str(section), of, *names])


def read_code() -> None:
    """Read from the code what each function comes to: a wrong in the template does not change it, and it takes long."""
    for path in (ROOT / "functions").glob("*/app.py"):
        calls_of(path.parent.name)


_GONE = object()


def _wrongs(node: Any, place: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str, Any, str]]:
    """Yield the place, the wrong as it is said, what stands there instead, and the sort of wrong."""
    for key, child in _children(node):
        here = (*place, key)
        parent = place[-1] if place else None
        if key in _DROPPED or parent in _EACH_DROPPED:
            yield here, f"without {_said(key, child)}", _GONE, "without"
        for other in _OTHER.get(str(key), ()):
            if other != child:
                yield here, f"{_said(key, child)} → {other}", other, f"→ {other}"
        if key in _SCALED and isinstance(child, int):
            yield here, f"{child} → {child * 10}", child * 10, "more"
            yield here, f"{child} → {child // 10}", child // 10, "less"
        if isinstance(child, dict) and child.get("Type") == "AWS::CloudWatch::Alarm":
            yield here, "without the alarm", _GONE, "without"
        yield from _wrongs(child, here)


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
        node[key] = copy.copy(node[key])
        node = node[key]
    if content is _GONE:
        del node[place[-1]]
    else:
        node[place[-1]] = content
    return changed
