"""The parts of `template.yaml` that the tests of its rules look at."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.template import functions, load, permissions_of, routes

TEMPLATE: dict[str, Any] = load()
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]
GLOBALS: dict[str, Any] = TEMPLATE["Globals"]["Function"]

FUNCTIONS = {item["CodeUri"].split("/")[1]: item for item in functions(TEMPLATE).values()}
"""The properties of each function, by its folder."""

ARCHIVE_STREAMS = tuple(sorted(name for name, item in RESOURCES.items() if item["Type"].endswith("::DeliveryStream")))
"""The streams that take the raw bodies."""

WEBHOOKS = ("payment_succeeded", "subscription_renewed", "dispute_opened", "refund_settled")
API = tuple(dict.fromkeys(route.folder for route in routes(TEMPLATE) if route.folder not in WEBHOOKS))
"""The functions behind the API's own routes."""

FOLDERS: tuple[str, ...] = tuple(sorted(path.parent.name for path in Path("functions").glob("*/app.py")))


def logical_id(folder: str) -> str:
    """Return the name of a function in the template: `dispute_opened` is DisputeOpenedFunction."""
    return f"{''.join(part.title() for part in folder.split('_'))}Function"


def of_type(name: str) -> dict[str, dict[str, Any]]:
    """Return the resources of one type."""
    return {key: item for key, item in RESOURCES.items() if item["Type"] == name}


def statements(folder: str) -> list[dict[str, Any]]:
    """Return the statements of a function's own policies, with those that it has on a condition."""
    return [statement for statement, _ in permissions_of(FUNCTIONS[folder])]


def each(value: Any) -> list[Any]:
    """Return the elements of what may be a list or one element."""
    return value if isinstance(value, list) else [value]


def text(value: Any) -> str:
    """Return a value as text that can be compared and be in a set. The order of a list does not count."""
    return json.dumps(_in_order(value), sort_keys=True)


def _in_order(value: Any) -> Any:
    if isinstance(value, dict):
        is_path = value.keys() <= {"Fn::GetAtt", "Fn::Sub", "Fn::If"}
        return value if is_path else {key: _in_order(one) for key, one in value.items()}
    return sorted(value, key=str) if isinstance(value, list) else value


def events(*types: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield folder and properties of each event of these types."""
    for folder, function in FUNCTIONS.items():
        for event in function.get("Events", {}).values():
            if event["Type"] in types:
                yield folder, event["Properties"]
