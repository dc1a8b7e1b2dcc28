"""What each GET route answers about ledgers that have something of everything. `python -m` this module writes it.

The ledgers are those that `verify` is spoilt with, and the stories. Of all answers those are kept that show something
new: a property that had no value before, an item of a list, a word, a yes or a no.
"""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from ledger.runtime import Runtime
from tests.conftest import moto_services
from tests.unit.usecases.golden_ledgers import ALL
from tools.testing.builders import at, numbered_anew
from tools.testing.fakes import FakeStore
from tools.testing.frontend import Frontend, description, supporter

FILE = Path(__file__).parent / "golden" / "responses.json"
NOW = at(2 * 24 * 60)
"""Two days after the ledgers begin."""
ELSEWHERE = {
    *("/catalogue", "/policy", "/policy/{version}"),  # files of ours
    *("/account/statement.csv", "/support/search", "/support/failed-runs"),  # no JSON; what a query asks for
    "/reviews/{review_id}",  # no other answer names it
    "/support/parked/{parked_id}/mute",  # of events whose bodies are a provider's
}
"""Routes of which no answer is kept."""
STAFF, SERVICE = "sam", "service"


def ledger(name: str) -> FakeStore:
    """Return a ledger, the same in each process."""
    with numbered_anew():
        return ALL[name]()


def answer(name: str, caller: str, path: str, services: Runtime) -> Any:
    """Return what a route answers about a ledger to a customer, our support or a service. None: it is not 200.

    The ledger is a new one: that support has looked at something is on record, too.
    """
    services.clock, services.store = (lambda: NOW), ledger(name)
    who = {STAFF: supporter(), SERVICE: Frontend("")}.get(caller) or Frontend(caller)
    response = who.get(path)
    # A link that is signed differs each time.
    return json.loads(re.sub(r"\?response-content[^\"]*", "", response.text)) if response.status == 200 else None


def answers(name: str, services: Runtime) -> Iterator[tuple[str, str, Any]]:
    """Yield by whom each request is made that names what earlier answers have named, its path, and its answer."""
    accounts = sorted(ledger(name).accounts)
    named: dict[str, set[str]] = {"account_id": {*accounts}, "record_id": {*accounts}}
    done = set()
    for path in sorted(routes()) * 3:
        callers = [STAFF] if path.startswith("/support") else [SERVICE] if path.startswith("/usage") else accounts
        wanted = re.findall(r"{(\w+)}", path)
        for values in itertools.product(*(sorted(named.get(key, ())) for key in wanted)):
            filled = path.format(**{key: quote(value, safe="") for key, value in zip(wanted, values, strict=True)})
            for caller in callers:
                if (caller, filled) not in done and (found := answer(name, caller, filled, services)) is not None:
                    done.add((caller, filled))
                    for each, value in leaves(found):
                        if isinstance(value, str):
                            named.setdefault(each.rpartition(".")[2], set()).add(value)
                    yield caller, filled, found


def leaves(content: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each property that is no object, with its path: the items of a list have one."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from leaves(value, f"{name}.{key}")
    elif isinstance(content, list) and content:
        for value in content:
            yield from leaves(value, f"{name}[]")
    else:
        yield name, content


def shown(path: str, content: Any) -> set[tuple[str, str, str]]:
    """Return what an answer shows: of each property whether it has a value, and which word of a few."""
    found = set()
    for name, value in leaves(content):
        is_word = isinstance(value, str) and re.fullmatch(r"[a-z_]{1,40}", value)
        found.add((path, name, str(value) if is_word or not value or value is True else type(value).__name__))
    return found


def routes() -> list[str]:
    """Return the paths of the description of which answers are kept."""
    return [path for path, methods in description()["paths"].items() if "get" in methods and path not in ELSEWHERE]


def route_of(path: str) -> str:
    """Return the path of the description that a request's path is of."""
    return next(one for one in routes() if re.fullmatch(re.sub(r"{\w+}", "[^/]+", one), path))


def collect() -> dict[str, Any]:
    """Return the answers to be kept, by ledger, caller and path."""
    kept: dict[str, Any] = {}
    seen: set[tuple[str, str, str]] = set()
    with pytest.MonkeyPatch.context() as patch, moto_services(patch, EVIDENCE_BUCKET_NAME="evidence") as services:
        for name in ALL:
            for caller, path, content in answers(name, services):
                if new := shown(route_of(path), content) - seen:
                    seen |= new
                    kept[f"{name} {caller} {path}"] = content
    return kept


if __name__ == "__main__":
    lines = (f"{json.dumps(key)}: {json.dumps(content, sort_keys=True)}" for key, content in sorted(collect().items()))
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
