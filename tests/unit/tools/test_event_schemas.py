"""The schemas in `docs/events` are those of the code, and say what is published."""

import json
from typing import Any

import pytest

from ledger.domain.domain_events import KINDS, DomainEvent
from tests.unit.dynamodb.test_stream_records import CHANGES, the_event
from tools.event_schemas import FOLDER, schemas


def test_the_published_schemas_are_those_of_the_code() -> None:
    """`python -m tools.event_schemas` writes them. One of a version that was published is never changed in meaning."""
    published = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.json")}
    assert published == schemas()


def problems(schema: dict[str, Any], content: Any, path: str = "$") -> list[str]:
    """Where JSON differs from the few words of JSON Schema that ours use."""
    found = []
    if "const" in schema and content != schema["const"]:
        found.append(f"{path} is {content!r}")
    if schema.get("type") == "string" and not (isinstance(content, str) and len(content) >= schema.get("minLength", 0)):
        found.append(f"{path} is {content!r}")
    if schema.get("type") == "array":
        is_list = isinstance(content, list) and len(content) >= schema["minItems"]
        found += [] if is_list else [f"{path} is {content!r}"]
        found += [one for item in (content if is_list else ()) for one in problems(schema["items"], item, f"{path}[]")]
    if schema.get("type") == "object":
        found += [f"{path} lacks {name}" for name in schema["required"] if name not in content]
        for name, one in schema["properties"].items():
            found += problems(one, content[name], f"{path}.{name}") if name in content else []
        found += [f"{path} has {name}" for name in content if name not in schema["properties"]]
    return found


def delivered(event: DomainEvent) -> dict[str, Any]:
    """An event as the bus delivers it, without the bus's own fields."""
    return {"source": "image-tagger-billing", "detail-type": event.kind, "detail": event.detail}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_published_is_as_its_schema_says(kind: str) -> None:
    """Every field, and no other."""
    version, _ = KINDS[kind]
    schema = json.loads((FOLDER / f"{kind}.v{version}.json").read_text("utf-8"))
    event = the_event(kind, CHANGES[kind]())
    assert problems(schema, delivered(event)) == []
    spoilt = delivered(event)
    spoilt["detail"] = {**event.detail, "data": {}}
    assert problems(schema, spoilt), "the check sees what is missing"
