"""The proof of the API holds for our functions, and finds what is wrong with worse ones."""

import io
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from ledger.runtime import runtime
from proof import api
from proof.work import Work
from tools.gateway import Handler, handler_of

_SET = ("TABLE_NAME", "EVIDENCE_BUCKET_NAME", "PORT", "STRIPE_API_KEY", "PADDLE_API_KEY")


@pytest.fixture(autouse=True)
def own_environment() -> Iterator[None]:
    """What the house sets is forgotten afterwards."""
    before = dict(os.environ)
    for name in _SET:
        os.environ.pop(name, None)
    yield
    os.environ.clear()
    os.environ |= before
    runtime.cache_clear()


def played(*paths: str, find: Any = handler_of) -> Work:
    """The part's work, as short as it can be, on these paths."""
    work = Work("api", 7, 60, out=io.StringIO())
    api.run(work, find, paths)
    return work


def test_our_functions_hold() -> None:
    """Seconds of it: some of what is asked is carried out, some refused, and nothing else happens."""
    work = played("/account", "/usage")
    assert work.found == []
    assert min(work.counts[what] for what in ("answered 2xx", "answered 4xx")) > 5


def test_it_finds_an_exception_and_an_answer_that_is_not_described() -> None:
    """Each is told once, with the request to make again."""

    def worse(folder: str) -> Handler:
        handler = handler_of(folder)

        def handle(event: dict[str, Any], context: object) -> Any:
            if folder == "record_usage":
                json.loads(event.get("body") or "{}")["run_id"].encode("ascii")
            return {"statusCode": 418, "body": "{}"} if folder == "read_account" else handler(event, context)

        return handle

    found = played("/account", "/usage", find=worse).found
    assert [what for what in found if what.startswith("GET /account: Undocumented status code")]
    usage = [what for what in found if what.startswith("POST /usage: Server error:")]
    assert len(usage) == 1
    assert "curl -X POST --aws-sigv4" in usage[0]
