"""Write `docs/deployment.md`: what `template.yaml` deploys, as a security or operations review reads it.

Each function with what starts it, how long it may run and what it may do; each alarm; what keeps data. CI fails if the
page is not up to date: so no permission, filter, dead-letter target or alarm changes without being seen.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.engines import ROOT
from tools.template import load, permissions_of

PAGE = ROOT / "docs" / "deployment.md"

_HEAD = """# What is deployed

Written from `template.yaml` by `python -m tools.deployment`; do not edit. Read a change of this page as a change of who
may do what, and of who is told when something fails. `make deploy-local` deploys it to an emulator that enforces the
roles; what that does otherwise than AWS is in [recipes/deploy-local.md](recipes/deploy-local.md).
"""


def page(template: dict[str, Any]) -> str:
    """Return the page."""
    resources: dict[str, dict[str, Any]] = template["Resources"]
    everyones = template["Globals"]["Function"]
    functions = {name: item for name, item in resources.items() if item["Type"] == "AWS::Serverless::Function"}
    alarms = {name: item for name, item in resources.items() if item["Type"] == "AWS::CloudWatch::Alarm"}
    others = {name: item for name, item in resources.items() if name not in {*functions, *alarms}}
    lines = [_HEAD, "## Functions\n", "All of them:\n", *_listed(everyones)]
    for name, item in functions.items():
        lines += [f"\n### {name}\n", *_listed(item["Properties"], "Policies", "CodeUri")]
        lines += ["\n| may | on | if |", "|---|---|---|"]
        lines += [_permission(statement, needs) for statement, needs in permissions_of(item["Properties"])]
    lines += ["\n## Alarms\n", "| alarm | metric | of | when | without data | tells |", "|---|---|---|---|---|---|"]
    lines += [_alarm(name, item["Properties"]) for name, item in alarms.items()]
    lines.append("\n## Everything else")
    for name, item in others.items():
        lines += [f"\n### {name}\n", *_listed(item)]
    return "\n".join(lines) + "\n"


def _permission(statement: dict[str, Any], needs: str | None) -> str:
    effect = "" if statement["Effect"] == "Allow" else f"**{statement['Effect']}** "
    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
    condition = "; ".join([*([needs] if needs else []), *_flat(statement.get("Condition", {}))])
    return f"| {effect}{', '.join(actions)} | {_text(statement['Resource'])} | {condition} |"


def _alarm(name: str, alarm: dict[str, Any]) -> str:
    of = ", ".join(f"{one['Name']} {_text(one['Value'])}" for one in alarm.get("Dimensions", ()))
    when = (
        f"{alarm['Statistic']} in {alarm['EvaluationPeriods']} × {alarm['Period']} s"
        f" {alarm['ComparisonOperator']} {alarm['Threshold']}"
    )
    tells = _text(alarm.get("AlarmActions", "nobody"))
    missing = alarm.get("TreatMissingData", "missing")
    return f"| {name} | {alarm['Namespace']} {alarm['MetricName']} | {of} | {when} | {missing} | {tells} |"


def _listed(node: dict[str, Any], *without: str) -> list[str]:
    return [f"- {line}" for line in _flat({key: child for key, child in node.items() if key not in without})]


def _flat(node: Any, path: str = "") -> Iterator[str]:
    """Yield a tree's leaves, one a line, with the path that leads to each."""
    match node:
        case {} if not node and not path:
            return
        case dict() if node and not _is_call(node):
            for key, child in node.items():
                yield from _flat(child, f"{path}.{key}".removeprefix("."))
        case list() if any(isinstance(child, dict) and not _is_call(child) for child in node):
            for number, child in enumerate(node):
                yield from _flat(child, f"{path}[{number}]")
        case _:
            yield f"{path}: {_text(node)}"


def _is_call(node: dict[str, Any]) -> bool:
    return len(node) == 1 and next(iter(node)).startswith(("Ref", "Fn::", "Condition"))


def _text(node: Any) -> str:
    """A value in one line; a reference as the name that it leads to."""
    match node:
        case {"Ref": str(name), **more} if not more:
            return f"`{name}`"
        case {"Fn::GetAtt": list(parts), **more} if not more:
            return f"`{'.'.join(parts)}`"
        case {"Fn::Sub": str(text), **more} if not more:
            return f"`{text}`"
        case str() | int() | float():
            return str(node)
        case list() if node:
            return ", ".join(map(_text, node))
    return f"`{json.dumps(node)}`"


def main() -> int:
    """Write the page."""
    Path(PAGE).write_text(page(load()), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
