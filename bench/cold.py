"""One process of `bench.hot`: it imports, makes its client, and answers one delivery, and then the same over and over.

`python -m bench.cold FILE`. It prints the CPU seconds up to the first answer, the modules, and the memory that it holds
after the first and after the last answer. Or, with `pairs` in the file, the CPU seconds of our function and of the
floor, which answer so many times in turns. The result goes to stderr, as JSON: stdout is the function's log.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace

_WARMED_UP = 30


def main() -> int:
    """Answer the delivery in a file, by our function or by the floor."""
    began = time.process_time()  # the interpreter's own start is left out: it is the same for both
    with open(sys.argv[1], encoding="utf-8") as file:
        given = json.load(file)
    if given.get("pairs"):
        print(json.dumps(_in_turns(_ours(given), floor_of(given), given["pairs"])), file=sys.stderr)
        return 0
    read = time.process_time() - began
    handle = floor_of(given) if given["is_floor"] else _ours(given)
    answer = handle()
    took = time.process_time() - began - read
    measured = {"cpu_s": took, "modules": sorted(sys.modules), "resident_first": _resident()}
    for _ in range(given.get("times", 1) - 1):
        handle()
    _check(answer)
    print(json.dumps({**measured, "resident_last": _resident()}), file=sys.stderr)
    return 0


def _in_turns(
    ours: Callable[[], dict[str, object]], floor: Callable[[], dict[str, object]], pairs: int
) -> dict[str, list[float]]:
    """Return the CPU seconds of each call of both, after some that warm them up."""
    times: dict[str, list[float]] = {"ours": [], "floor": []}
    for _ in range(_WARMED_UP + pairs):
        for name, call in (("ours", ours), ("floor", floor)):
            began = time.process_time()
            answer = call()
            times[name].append(time.process_time() - began)
            _check(answer)
    return {name: measured[_WARMED_UP:] for name, measured in times.items()}


def _check(answer: dict[str, object]) -> None:
    if answer["statusCode"] != 200:
        raise ValueError(f"it was answered {answer['statusCode']}")


def _resident() -> int:
    """Return the bytes of memory that the process holds."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _ours(given: dict[str, object]) -> Callable[[], dict[str, object]]:
    os.environ |= {
        "TABLE_NAME": str(given["table"]),
        "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9",
        "AWS_REGION": "eu-central-1",
        "PROVIDER_MODE": "test",
        "REFUNDS_PAUSED": "false",
        "POWERTOOLS_SERVICE_NAME": "bench",
        "POWERTOOLS_METRICS_NAMESPACE": "ImageTaggerBilling",
        "POWERTOOLS_METRICS_DISABLED": "false",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "JWT_ISSUER": "https://issuer.example",
        "JWT_AUDIENCE": "billing",
        "STRIPE_SIGNING_SECRETS": "whsec_local_only",
        "PADDLE_SIGNING_SECRETS": "pdl_ntfset_local_only",
    }
    import importlib

    app = importlib.import_module(f"functions.{given['folder']}.app")
    services = importlib.import_module("ledger.runtime").runtime()
    services.clock = _at
    _answer(services.connection.client, given["calls"])
    return lambda: dict(app.lambda_handler(given["request"], None))


def floor_of(given: dict[str, object]) -> Callable[[], dict[str, object]]:
    """Return the floor of a recorded delivery, as a call that handles it once."""
    from bench.floor import make_client, make_floor

    client = make_client("eu-central-1", "http://127.0.0.1:9")
    calls = _answer(client, given["calls"])
    request: dict[str, object] = given["request"]  # type: ignore[assignment]
    provider = request.get("pathParameters", {}).get("provider")  # type: ignore[attr-defined]
    secret = {"stripe": "whsec_local_only", "paddle": "pdl_ntfset_local_only"}.get(provider, "")
    handle = make_floor(client, secret, [(call.operation, call.sent) for call in calls])
    return lambda: dict(handle(request))


def _at() -> object:
    from datetime import UTC, datetime

    return datetime(2026, 11, 1, 12, tzinfo=UTC)


def _answer(client: object, rows: object) -> list[SimpleNamespace]:
    """Let a client be answered by the recorded responses, over and over. It imports only what botocore has imported."""
    import base64
    import io
    import itertools

    from botocore.awsrequest import AWSResponse
    from botocore.compat import HTTPHeaders

    class Body(io.BytesIO):
        def stream(self, **_: object) -> object:
            while part := self.read():
                yield part

    calls = [SimpleNamespace(**row) for row in rows]  # type: ignore[attr-defined]
    left = itertools.cycle(calls)

    def answer(request: object, **_: object) -> AWSResponse:
        call = next(left)
        if not request.headers["X-Amz-Target"].endswith(call.operation.encode()):  # type: ignore[attr-defined]
            raise ValueError(f"{request.headers['X-Amz-Target']!r} was sent, {call.operation} recorded")  # type: ignore[attr-defined]
        headers = HTTPHeaders.from_dict({"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": "0"})
        return AWSResponse(request.url, call.status, headers, Body(base64.b64decode(call.body)))  # type: ignore[attr-defined]

    client.meta.events.register("before-send.dynamodb.*", answer)  # type: ignore[attr-defined]
    return calls


if __name__ == "__main__":
    sys.exit(main())
