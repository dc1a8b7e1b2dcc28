"""Write the API's description from the code: routes, requests, answers and problems from the functions' own types,
who may call each from `template.yaml`. CI fails when the file in the repository is not what the code says.
"""

import argparse
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from tools.template import load, routes

FILE = Path(__file__).parent.parent / "layers" / "ledger" / "ledger" / "api" / "openapi.json"
TITLE = "Image Tagger AI: billing"
VERSION = "1.0.0"
DESCRIPTION = (
    "Credits, orders, refunds and subscriptions of one customer: the one whose token is sent. No route names another "
    "account. Amounts are whole minor units of their currency, times are RFC 3339 in UTC. What is refused is answered "
    "by a problem document (RFC 9457) that says what would be right. POSTs that move money take an `Idempotency-Key`."
)
SECURITY = {
    "customer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token with the route's scope. Locally: `make token ACCOUNT=acct_ada`.",
    },
    "service": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "AWS Signature Version 4, service execute-api: our own services, by their role.",
    },
}


def main() -> int:
    """Write the description, or check the one in the repository. Exit code 1: it is not what the code says."""
    parser = argparse.ArgumentParser(prog="python -m tools.openapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    arguments = parser.parse_args()
    text = json.dumps(description(), indent=1, sort_keys=True) + "\n"
    if not arguments.check:
        FILE.write_text(text, "utf-8")
        return 0
    if FILE.read_text("utf-8") == text:
        return 0
    print(f"{FILE.name} is not what the code says: run `make openapi`.", file=sys.stderr)
    return 1


def description() -> dict[str, Any]:
    """The description of every route that is not a webhook."""
    os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "openapi")
    whole: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": VERSION, "description": DESCRIPTION},
        "paths": {},
        "components": {"schemas": {}, "securitySchemes": SECURITY},
    }
    callers = {(route.method, route.path): route for route in routes(load())}
    for folder in sorted({route.folder for route in callers.values()}):
        app = getattr(importlib.import_module(f"functions.{folder}.app"), "app", None)
        if app is None:
            continue  # a webhook, or the description itself
        part = json.loads(app.get_openapi_json_schema(title=TITLE, version=VERSION))
        for path, methods in part["paths"].items():
            for method, operation in methods.items():
                route = callers[method.upper(), path]
                name = "service" if route.authorizer == "AWS_IAM" else "customer"
                operation["security"] = [{name: list(route.scopes)}]
                operation.pop("operationId", None)
            whole["paths"].setdefault(path, {}).update(methods)
        whole["components"]["schemas"] |= part.get("components", {}).get("schemas", {})
    return whole


if __name__ == "__main__":
    sys.exit(main())
