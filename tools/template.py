"""Read `template.yaml`: the one place that defines the table and the routes, for tests and local runs too."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parent.parent / "template.yaml"


@dataclass(frozen=True, slots=True)
class Route:
    """One HTTP route and the function behind it."""

    method: str
    path: str
    function: str  # the logical id
    folder: str  # below functions/


class _Loader(yaml.SafeLoader):
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


def load(path: Path = FILE) -> dict[str, Any]:
    """The template as plain data."""
    content: dict[str, Any] = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506 - a SafeLoader, with tags
    return content


def functions(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The properties of every function, by logical id."""
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def layers_of(template: dict[str, Any], function: str) -> list[str]:
    """The logical ids of a function's layers. What a function lists is put behind what all functions have."""
    everyones = template.get("Globals", {}).get("Function", {}).get("Layers", [])
    return [layer["Ref"] for layer in [*everyones, *functions(template)[function].get("Layers", [])]]


def routes(template: dict[str, Any]) -> list[Route]:
    """Every HTTP route, in the template's order."""
    return [
        Route(event["Properties"]["Method"].upper(), event["Properties"]["Path"], name, _folder(properties))
        for name, properties in functions(template).items()
        for event in properties.get("Events", {}).values()
        if event["Type"] == "HttpApi"
    ]


def table_definition(template: dict[str, Any], table_name: str) -> dict[str, Any]:
    """The arguments of CreateTable for the template's one table, under another name."""
    tables = [item["Properties"] for item in template["Resources"].values() if item["Type"] == "AWS::DynamoDB::Table"]
    if len(tables) != 1:
        raise ValueError(f"the template should define one table, not {len(tables)}")
    copied = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
    return {"TableName": table_name, **{key: tables[0][key] for key in copied if key in tables[0]}}


def _folder(properties: dict[str, Any]) -> str:
    return str(properties["CodeUri"]).strip("/").removeprefix("functions/")
