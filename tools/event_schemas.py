"""Write `docs/events`: the JSON schema of each version of each domain event, from the code that publishes it.

CI fails if a file is not up to date. A published version keeps its meaning: see `ledger.domain.domain_events`.
"""

import dataclasses
import inspect
import json
import sys
import textwrap
from datetime import datetime
from pathlib import Path
from typing import Any, get_origin

from ledger.domain.domain_events import KINDS, SOURCE
from tools.engines import ROOT

FOLDER = ROOT / "docs" / "events"


def schemas() -> dict[str, str]:
    """Return the content of each file by its name: what the bus delivers under a `detail-type`."""
    return {
        f"{kind}.v{version}.json": json.dumps(_delivered(kind, version, of), indent=2, ensure_ascii=False) + "\n"
        for kind, (version, of) in KINDS.items()
    }


def _delivered(kind: str, version: int, of: type[Any]) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{kind}, version {version}",
        "description": " ".join(textwrap.dedent(of.__doc__ or "").split()),
        "type": "object",
        "properties": {
            "source": {"const": SOURCE},
            "detail-type": {"const": kind},
            "detail": _object(
                {
                    "id": {
                        "type": "string",
                        "minLength": 1,
                        "description": "The same for the same change, however often it is delivered.",
                    },
                    "version": {"const": version},
                    "correlation_id": {
                        "type": "string",
                        "minLength": 1,
                        "description": "The id of the refund case, of the order or of what else it is part of; or "
                        "`<provider>:<event id>` of the delivery.",
                    },
                    "data": _data(of),
                }
            ),
        },
        "required": ["source", "detail-type", "detail"],
    }


def _data(of: type[Any]) -> dict[str, Any]:
    comments = _comments(of)
    found = {}
    for field in dataclasses.fields(of):
        described = {"description": comments[field.name]} if field.name in comments else {}
        found[field.name] = _kind(field.type) | described
    optional = [field.name for field in dataclasses.fields(of) if field.default is not dataclasses.MISSING]
    return _object(found, *optional)


def _kind(of: Any) -> dict[str, Any]:
    if of is datetime:
        return {"type": "string", "format": "date-time"}
    name = {"type": "string", "minLength": 1}
    return {"type": "array", "items": name, "minItems": 1} if get_origin(of) is tuple else name


def _object(properties: dict[str, Any], *optional: str) -> dict[str, Any]:
    """Return an object's schema. More properties may be there: a subscriber ignores what it does not know."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def _comments(of: type[Any]) -> dict[str, str]:
    """Return the comment on each field of a class."""
    lines = (line.partition("#") for line in inspect.getsource(of).splitlines())
    return {code.partition(":")[0].strip(): comment.strip() for code, _, comment in lines if comment}


def main() -> int:
    """Write the files, and remove those of versions that are published no longer."""
    FOLDER.mkdir(exist_ok=True)
    files = schemas()
    for path in FOLDER.glob("*.json"):
        if path.name not in files:
            path.unlink()
    for name, content in files.items():
        Path(FOLDER / name).write_text(content, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
