"""The API under all that schemathesis makes of its description: examples, edges, noise, and calls that follow calls.

    schemathesis ──► the local gateway: real tokens and signatures ──► the functions ──► MiniStack, stand-ins

No answer is a 5xx, undescribed, or of another type or shape than described; what the description forbids is refused,
what it allows is accepted, nobody is heard without a token. At the end every invariant holds.
"""

import base64
import json
import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from ledger.api.wording import NO_SUCH_FIELD
from ledger.book import record
from ledger.dynamodb import DynamoDBStore
from ledger.events import Owner
from ledger.facts import AccountId, PaymentId
from ledger.runtime import runtime
from proof.work import CannotRun, Work
from tests.builders import paid, payment
from tools import engines, environment, token
from tools.gateway import Gateway, Handler, handler_of
from tools.ledger import read_world
from tools.local import opened
from tools.verify import World, check

SCHEMATHESIS = engines.ROOT / ".venv-proof" / "bin" / "schemathesis"
CUSTOMER, SUPPORTER = AccountId("acct_ada"), "staff_sue"
PURCHASE = PaymentId("stripe:pi_3Qx7Lm2eZvKYlo2C")
"""The examples of the description are of this customer and this purchase: so there they are."""

UNHELD = {
    "unsupported_method": "API Gateway answers a method that has no route 404, not 405",
}
"""The checks that are switched off, and why."""

CONTRADICTIONS = (NO_SUCH_FIELD, "There is no such parameter", "It is missing.", "no-such-route", "media-type")
"""What may not be said of a request that the description allows. Other refusals of one are rules that a schema can't
say: whose something is, whether there are so many credits, which fields a decision needs, which day a payment may have.
"""

_SETTLES_S = 4.0
_LEAST_S = 5.0
_LEAST_REQUESTS = 10


def run(work: Work, find: Callable[[str], Handler] = handler_of, paths: tuple[str, ...] = ()) -> None:
    """One run of schemathesis over all operations, or those of these paths; `find`: the functions."""
    if not SCHEMATHESIS.exists():
        raise CannotRun("schemathesis is not installed: run `make .venv-proof/.installed`.")
    if problem := engines.unavailable("ministack"):
        raise CannotRun(problem)
    for case in work.cases(at_most=1):
        with _house(find) as gateway:
            _sell()
            _play(work, case, gateway, paths)
            if problem := _broken():
                work.find(problem, case)


@contextmanager
def _house(find: Callable[[str], Handler]) -> Iterator[Gateway]:
    """What `make serve` starts, on a port that is free."""
    os.environ |= {"PORT": str(engines.free_port())}
    runtime.cache_clear()
    with opened(Console(quiet=True), find) as house:
        yield house.gateway


def _sell() -> None:
    """The purchase of the examples; the customer is of no provider's, so that none is asked about somebody unknown."""
    here = runtime()
    settled = replace(payment(PURCHASE, account_id=CUSTOMER, credits_=1_000_000), at=here.now())
    event = replace(paid(settled), owner=Owner(account_id=CUSTOMER))
    record(event, here.store, body=b"{}", body_sha256="", now=here.now())


def _play(work: Work, case: int, gateway: Gateway, paths: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        report, log = Path(folder, "report.ndjson"), Path(folder, "log")
        seconds = max(_LEAST_S, work.seconds * (1 - work.spent) - _SETTLES_S)
        command = [
            *(str(SCHEMATHESIS), "run", f"{gateway.url}/openapi.json"),
            *(
                "--seed",
                str(work.chance(case).randrange(2**31)),
                "--max-time",
                f"{seconds:.0f}",
                "--continue-on-failure",
            ),
            *("--checks", "all", "--exclude-checks", ",".join(UNHELD), "--warnings", "off", "--no-color"),
            *("--report", "ndjson", "--report-ndjson-path", str(report), "--output-sanitize", "false"),
            *(argument for path in paths for argument in ("--include-path", path)),
            *(("--phases", "examples,coverage") if paths else ()),  # those that end by themselves
        ]
        with log.open("w") as output:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=os.environ | _callers(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=engines.die_with_parent,
            )
        try:
            for scenario in _scenarios(report, process):
                _heard(work, case, scenario)
        finally:
            process.terminate()
            process.wait()
        if process.returncode not in {0, 1}:
            work.find(f"schemathesis ended with {process.returncode}: {log.read_text()[-2000:]}", case)
        elif work.counts["requests"] < _LEAST_REQUESTS:
            raise CannotRun(f"schemathesis had time for {work.counts['requests']} requests: give it more, by MINUTES.")


def _callers() -> dict[str, str]:
    """The environment of `proof.callers`."""
    sign = partial(token.signed, issuer=os.environ["JWT_ISSUER"], audience=os.environ["JWT_AUDIENCE"])
    scopes = (token.CUSTOMER_SCOPE, token.SUPPORT_SCOPE)
    return {
        "SCHEMATHESIS_HOOKS": "proof.callers",
        "PYTHONPATH": str(engines.ROOT),
        "CUSTOMER_TOKEN": sign(CUSTOMER),
        "SUPPORT_TOKEN": sign(SUPPORTER, groups=[os.environ["SUPPORT_GROUP"]], scopes=scopes),
    }


def _scenarios(report: Path, process: "subprocess.Popen[bytes]") -> Iterator[dict[str, Any]]:
    """What schemathesis has played so far, as it tells it, until it ends."""
    while not report.exists() and process.poll() is None:
        time.sleep(0.1)
    with report.open() as lines:
        rest = ""
        while True:
            is_over = process.poll() is not None
            rest += lines.read()
            *whole, rest = rest.split("\n")
            for line in whole:
                if finished := json.loads(line).get("ScenarioFinished"):
                    yield finished["recorder"]
            if is_over:
                return
            time.sleep(0.2)


def _heard(work: Work, case: int, scenario: dict[str, Any]) -> None:
    """Count what was asked; tell what failed, each kind of failure of an operation once."""
    asked = scenario.get("interactions") or {}
    for interaction in asked.values():
        work.count("requests")
        status = (interaction.get("response") or {}).get("status_code", 0)
        work.count(f"answered {status // 100}xx" if status else "without an answer")
    for name, checks in (scenario.get("checks") or {}).items():
        for checked in checks:
            if checked["status"] != "failure" or name not in asked:
                continue
            failure, interaction = checked["failure_info"]["failure"], asked[name]
            answer = _text((interaction.get("response") or {}).get("content"))
            if _is_right(checked["name"], failure["message"], answer):
                continue
            head = f"{failure['operation']}: {failure['title']}:"
            if not any(what.startswith(head) for what in work.found):
                work.find(f"{head} {failure['message'][:600]}\n{answer[:600]}\n{_curl(interaction['request'])}", case)


def _is_right(check_: str, message: str, answer: str) -> bool:
    """Whether schemathesis takes for a failure what is right, as it can't know."""
    match check_:
        case "missing_required_header":  # an unsigned request to our services' routes: API Gateway's own word
            return "Got 403 when missing required 'Authorization'" in message
        case "positive_data_acceptance":
            return not any(word in answer for word in CONTRADICTIONS)
    return False


def _curl(request: dict[str, Any]) -> str:
    """The request, to be made again of `make serve`."""
    target = "/" + request["uri"].split("/", 3)[3]
    if target.startswith(("/usage", "/orders/")):
        caller = f"--aws-sigv4 aws:amz:{environment.REGION}:execute-api --user local:local"
    else:
        group = f" GROUPS={environment.SUPPORT_GROUP}" if target.startswith("/support/") else ""
        account = SUPPORTER if group else CUSTOMER
        caller = f'-H "Authorization: Bearer $(make token ACCOUNT={account}{group})"'
    named = ("content-type", "idempotency-key")
    headers = [f"{name}: {value[0]}" for name, value in request["headers"].items() if name.lower() in named]
    told = " ".join(f"-H {shlex.quote(header)}" for header in headers)
    body = f" --data-binary {shlex.quote(_text(request['body'])[:3000])}" if request.get("body") else ""
    return f"curl -X {request['method']} {caller} {told}{body} {shlex.quote(f'http://127.0.0.1:3000{target}')}"


def _text(content: dict[str, str] | None) -> str:
    return base64.b64decode(content["$base64"]).decode(errors="replace") if content else ""


def _broken() -> str:
    """The invariants that don't hold after it; empty: all hold."""
    world = World()
    read_world(DynamoDBStore(os.environ["TABLE_NAME"], runtime().connection), world)
    broken = [f"{finding.invariant}: {', '.join(finding.broken)[:300]}" for finding in check(world) if finding.broken]
    return f"after it: {'; '.join(broken)}" if broken else ""
