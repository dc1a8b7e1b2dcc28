"""Generate the API's description from the code.

Routes, requests, responses and problems come from the types of the functions, the permitted callers from
`template.yaml`. CI fails if the file in the repository is not up to date.
"""

import argparse
import importlib
import inspect
import json
import os
import re
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

from ledger.api.errors import name_of_status
from tools.openapi_examples import add_examples
from tools.template import IAM, Route, load, routes

FILE = Path(__file__).parent.parent / "layers" / "ledger" / "ledger" / "api" / "openapi.json"
TITLE = "Image Tagger AI: billing"
VERSION = "1.0.0"
DESCRIPTION = (
    "Credits, orders, refunds and subscriptions of one customer: the one whose token is sent. No customer's request "
    "names another account. Amounts are whole minor units of their currency, times are RFC 3339 in UTC. What is "
    "refused is answered by a problem document (RFC 9457) that says what would be right. POSTs that move money take an "
    "`Idempotency-Key`. Anybody can withdraw and cancel without a login, on the pages `/withdrawal` and "
    "`/cancellation` of this address: link to them, with the labels of the law, wherever a customer looks."
)
CONTACT = {"name": "Image Tagger AI", "email": "support@imagetaggerai.com"}
TAGS = {
    "Account": "A customer's credits, history and purchases.",
    "Orders": "Buying credits.",
    "Refunds": "Requests for money back, and what became of them.",
    "Shop": "What is sold and on which terms. Public.",
    "Subscription": "Ending a subscription, and the provider's billing page.",
    "Support": "For support staff: the review queue, decisions, holds.",
    "Usage": "For the tagging service: credits of runs.",
    "Reviews": "A person looks again at a suspension, or at a declined request.",
    "Withdrawals": "The withdrawal from a contract, in two steps.",
}
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
_SLOWER = {"429": "Too many requests at once: ask again."}
FOR_A_TOKEN = {
    "401": "The gateway's: the token is missing, expired, of another issuer, or for somebody else.",
    "403": "The gateway's: the token lacks the scope.",
} | _SLOWER
FOR_A_SIGNATURE = {"403": "The gateway's: the request is not signed, or its signer may not call this."} | _SLOWER
FOR_EVERYBODY = _SLOWER
MESSAGE = {
    "title": "Message",
    "description": "What the gateway answers by itself, before any code of ours runs.",
    "type": "object",
    # Not required: a generated client that knows one body for a status reads our problem documents as this, too.
    "properties": {"message": {"type": "string", "examples": ["Unauthorized"]}},
}


def main() -> int:
    """Write the description, or check the one in the repository. Exit code 1: it is not up to date."""
    parser = argparse.ArgumentParser(prog="python -m tools.openapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    arguments = parser.parse_args()
    text = json.dumps(description(), indent=1, sort_keys=True) + "\n"
    if not arguments.check:
        FILE.write_text(text, "utf-8")
        return 0
    if FILE.read_text("utf-8") == text:
        return 0
    print(f"{FILE.name} is not up to date: run `make openapi`.", file=sys.stderr)
    return 1


def description() -> dict[str, Any]:
    """Return the description of every route that is not a webhook."""
    os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "openapi")
    whole: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": VERSION, "description": DESCRIPTION, "contact": CONTACT},
        "servers": [{"url": "/", "description": "The stack that serves this description."}],
        "tags": [{"name": name, "description": what} for name, what in TAGS.items()],
        "paths": {},
        "components": {"schemas": {}, "securitySchemes": SECURITY},
    }
    callers = {(route.method, route.path): route for route in routes(load())}
    for folder in sorted({route.folder for route in callers.values()}):
        app = getattr(importlib.import_module(f"functions.{folder}.app"), "app", None)
        if app is None:
            continue  # a webhook, or the description itself
        registered = [*app._static_routes, *app._dynamic_routes]  # noqa: SLF001 - the framework has no public list of its routes
        handlers = {(one.method.lower(), one.openapi_path): one.func for one in registered}
        part = json.loads(app.get_openapi_json_schema(title=TITLE, version=VERSION))
        for path, methods in part["paths"].items():
            for method, operation in methods.items():
                operation["description"] = inspect.getdoc(handlers[method, path])
                operation["operationId"] = _camel_case(handlers[method, path].__name__)
                _complete(operation, callers[method.upper(), path])
            whole["paths"].setdefault(path, {}).update(methods)
        whole["components"]["schemas"] |= part.get("components", {}).get("schemas", {})
    whole["components"]["schemas"] |= {"Message": MESSAGE}
    _remove_unused(whole)
    for methods in whole["paths"].values():
        for operation in methods.values():
            add_examples(operation, whole["components"])
    return whole


def _complete(operation: dict[str, Any], route: Route) -> None:
    """Add the permitted callers, and the responses of API Gateway itself."""
    is_ours, is_public = route.authorizer == IAM, route.authorizer is None
    operation["security"] = [] if is_public else [{"service" if is_ours else "customer": list(route.scopes)}]
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "header":
            parameter["name"] = parameter["name"].title()
    responses = operation["responses"]
    # The framework adds a 500 of its own.
    responses["500"] = {**deepcopy(responses["503"]), "description": "Internal Server Error"}
    if route.method != "POST":
        del responses["413"], responses["415"]  # there is no body
    if route.method != "GET":
        responses["507"] = {**deepcopy(responses["503"]), "description": name_of_status(507)}
    if is_public:
        del responses["403"]
    if "429" in responses:
        responses["429"]["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "string"}}}
    responses["503"]["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "string"}}}
    refused = FOR_EVERYBODY if is_public else FOR_A_SIGNATURE if is_ours else FOR_A_TOKEN
    for status, why in refused.items():
        response = responses.setdefault(status, {"description": name_of_status(int(status)), "content": {}})
        response["description"] += f". {why}"
        response["content"]["application/json"] = {"schema": {"$ref": "#/components/schemas/Message"}}
    operation["responses"] = dict(sorted(responses.items()))


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def _remove_unused(whole: dict[str, Any]) -> None:
    """Remove the schemas that nothing refers to: the framework adds some of its own."""
    schemas = whole["components"]["schemas"]
    used: set[str] = set()
    found = _references(whole["paths"])
    while found:
        used |= found
        found = {name for one in found for name in _references(schemas[one])} - used
    whole["components"]["schemas"] = {name: schemas[name] for name in sorted(used)}


def _references(part: Any) -> set[str]:
    text = json.dumps(part)
    return set(re.findall(r'"#/components/schemas/(\w+)"', text))


if __name__ == "__main__":
    sys.exit(main())
