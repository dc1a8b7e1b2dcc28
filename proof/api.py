"""The API under all that schemathesis makes of its description: examples, edges, noise, and calls that follow calls.

    schemathesis ──► the local gateway: real tokens and signatures ──► the functions ──► MiniStack, simulators

No answer is missing, a 5xx, undescribed, or of another type or shape than described; what the description forbids is
refused, what it allows is accepted or refused by one of the `RULES`, nobody is heard without a token. What schemathesis
could not do is told too. At the end every invariant holds.
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

from ledger.domain.events import Owner
from ledger.domain.ids import AccountId, PaymentId
from ledger.dynamodb.store import DynamoDBStore
from ledger.runtime import runtime
from ledger.usecases.record_event import record_event
from proof.work import CannotRun, Work
from tools import engines, token
from tools.devserver import environment
from tools.devserver.gateway import Gateway, Handler, handler_of
from tools.ledger import read_world
from tools.local import opened
from tools.testing.builders import SHA256, paid, payment
from tools.verify import World, check

SCHEMATHESIS = engines.ROOT / ".venv-proof" / "bin" / "schemathesis"
CUSTOMER, SUPPORTER = AccountId("acct_ada"), "staff_sue"
PURCHASE = PaymentId("stripe:pi_3Qx7Lm2eZvKYlo2C")
"""The examples of the description are of this customer and this purchase: so there they are."""


def is_for_a_service(path: str) -> bool:
    """Return whether our services call this route, with AWS's signature."""
    return path.startswith("/usage") or path.endswith("/consent-confirmation")


UNHELD = {
    "unsupported_method": "API Gateway answers a method that has no route 404, not 405",
}
"""The checks that are switched off, and why. Two more are wrong now and then: `_is_right` says when."""

RULES = (
    "This is not a `next` of this",
    "Leave it out: the outcome",
    "Send either `q`, or",
    "The end should be after the beginning",
    "The end should not be in the future: more runs",
    "The time should be at most",
    "is none. They are ",
    "It is missing: the outcome",
    "It is missing: name both the account and the purchase",
    "is not sold",
    "has no price in",
    "is out of date. Show",
    "It is missing: say what the buyer was shown",
    "It is missing: a consent to renewal terms needs those shown",
    "Leave it out: pack_",  # it is paid once
    "the months of a period of",
    "A renewal is never less",
    "No tax makes that twice as much",
    "It should be the day of information.first_charge",
    "It should be a day after the order",
    "Should not be in the future",
    "There are several. Name one of",
    "Should be an ISO 3166-1 country code",
    "Should be text without control characters",
    "String should have at least 1 character",  # it had spaces alone
    "Should be a day of this century",
    "Should be a time of this century",
    "Should be a time with its offset from UTC",
    "Input should be a valid integer",  # 25.0 is one to a schema; we take no fractions for credits or money
)
"""For what a request that the description allows may be refused: rules that a schema can't say, in their words."""

REFUSALS = ("insufficient-credits", "credits-locked", "idempotency-key-reused", "incident-changed")
"""Problems that depend on what was asked before."""

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
    with opened(find) as house:
        yield house.gateway


def _sell() -> None:
    """The purchase of the examples; the customer is of no provider's, so that none is asked about somebody unknown."""
    here = runtime()
    settled = replace(payment(PURCHASE, account_id=CUSTOMER, credits_=1_000_000), at=here.now())
    event = replace(paid(settled), owner=Owner(account_id=CUSTOMER))
    record_event(event, here.store, body=b"{}", body_sha256=SHA256, now=here.now())


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
            failures = sum(heard(work, case, said) for said in _events(report, process))
        finally:
            process.terminate()
            process.wait()
        if problem := ended(process.returncode, failures):
            work.find(f"{problem}: {log.read_text()[-2000:]}", case)
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


def _events(report: Path, process: "subprocess.Popen[bytes]") -> Iterator[dict[str, Any]]:
    """What schemathesis tells, as it tells it, until it ends."""
    while not report.exists() and process.poll() is None:
        time.sleep(0.1)
    with report.open() as lines:
        rest = ""
        while True:
            is_over = process.poll() is not None
            rest += lines.read()
            *whole, rest = rest.split("\n")
            yield from map(json.loads, whole)
            if is_over:
                return
            time.sleep(0.2)


def heard(work: Work, case: int, said: dict[str, Any]) -> int:
    """Count what was asked; tell what is wrong, each kind of failure of an operation once.

    How much failed in schemathesis' eyes: what is right nevertheless is counted, not told.
    """
    scenario = (said.get("ScenarioFinished") or {}).get("recorder") or {}
    for interaction in (scenario.get("interactions") or {}).values():
        work.count("requests")
        status = (interaction.get("response") or {}).get("status_code", 0)
        work.count(f"answered {status // 100}xx" if status else "without an answer")
    failures = [*_undone(said), *_unanswered(scenario), *_failed(scenario)]
    for head, more, is_right in failures:
        if is_right:
            work.count("refused by rules no schema says")
        elif not any(what.startswith(head) for what in work.found):
            work.find(f"{head} {more}", case)
    return len(failures)


def ended(code: int, failures: int) -> str:
    """What is wrong with how schemathesis ended; empty: nothing. It ends with 1 if anything failed in its eyes."""
    if code not in {0, 1}:
        return f"schemathesis ended with {code}"
    return "schemathesis ended with 1, and told no failure" if code == 1 and not failures else ""


Failure = tuple[str, str, bool]  # what, with everything needed to understand, and whether it is right nevertheless


def _undone(said: dict[str, Any]) -> Iterator[Failure]:
    """What schemathesis could not do; a request that hung is among it."""
    for kind, name in (("NonFatalError", "value"), ("FatalError", "exception")):
        if kind in said:
            error = said[kind][name]
            yield f"{said[kind].get('label', 'all of it')}: {error['type']}:", error["message"][:2000], False


def _unanswered(scenario: dict[str, Any]) -> Iterator[Failure]:
    for interaction in (scenario.get("interactions") or {}).values():
        if not (interaction.get("response") or {}).get("status_code"):
            yield f"{scenario['label']}: without an answer:", _curl(interaction["request"]), False


def _failed(scenario: dict[str, Any]) -> Iterator[Failure]:
    """The checks that failed, or broke off."""
    asked = scenario.get("interactions") or {}
    for name, checks in (scenario.get("checks") or {}).items():
        for checked in checks:
            if checked["status"] == "success":
                continue
            if checked["status"] != "failure":
                yield f"{scenario['label']}: {checked['name']} ended with {checked['status']}", "", False
                continue
            failure, interaction = checked["failure_info"]["failure"], asked.get(name) or {}
            answer = _text((interaction.get("response") or {}).get("content"))
            again = _curl(interaction["request"]) if interaction else "of a request that is not in the report"
            head = f"{failure['operation']}: {failure['title']}:"
            yield (
                head,
                f"{failure['message'][:600]}\n{answer[:600]}\n{again}",
                _is_right(checked["name"], failure, answer),
            )


def _is_right(check_: str, failure: dict[str, Any], answer: str) -> bool:
    """Whether schemathesis takes for a failure what is right, as it can't know."""
    match check_:
        case "missing_required_header":  # an unsigned request to our services' routes: API Gateway's own word
            is_unsigned = "Got 403 when missing required 'Authorization'" in failure["message"]
            path = failure["operation"].partition(" ")[2]
            return is_unsigned and is_for_a_service(path) and answer == '{"message":"Forbidden"}'
        case "positive_data_acceptance":
            return _is_by_rule(answer)
    return False


def _is_by_rule(answer: str) -> bool:
    """Whether it is a problem document, and all that it tells is against a rule of ours."""
    try:
        told = json.loads(answer)
        name = told["type"].rpartition(":")[2]
        messages = [wrong["message"] for wrong in told.get("errors", ())]
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    is_ruled = bool(messages) and all(any(rule in message for rule in RULES) for message in messages)
    return name in REFUSALS or (name == "invalid-request" and is_ruled)


def _curl(request: dict[str, Any]) -> str:
    """The request, to be made again of `make serve`."""
    target = "/" + request["uri"].split("/", 3)[3]
    if is_for_a_service(target):
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
