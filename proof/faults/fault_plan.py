"""Bad weather: what befalls a call to AWS, or to a provider, on its way.

    botocore ──► X-Weather: <what befalls it> ──► proxy ──► engine        of its calls' weather each invocation has its
                                                                          own randomness, whatever runs beside it
What befalls a call to AWS is decided here, when it leaves the client, and played in AWS's own wire format by the proxy,
whose rules only look at the header. So the code, its client and their connection are the real ones.
"""

import contextlib
import json
import logging
import random
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ledger.usecases import transaction
from tools.simulators.common.faults import KINDS, Fault, Faults

SHARE = 0.1
"""Of the calls that meet bad weather by themselves. Outages make it about a fifth of the writes."""

OUTAGES = 0.12
"""Of the invocations: nothing of one kind goes through, so that the client gives up, then the code."""

SLOW_MS = 2300  # beyond the client's time-out for reading

_HEADER = "X-Weather"
_MOST_OPERATIONS = 30  # of one transaction; the longest has about a dozen

_REFUSALS = {
    "capacity used up": "ProvisionedThroughputExceededException",
    "throttled": "ThrottlingException",
    "too many requests": "RequestLimitExceeded",
    "internal error": "InternalServerError",
    "unavailable": "ServiceUnavailable",
}
_STATUS = {"internal error": 500, "unavailable": 503}
_CANCELLATIONS = {"transaction conflict": "TransactionConflict", "transaction throttled": "ThrottlingError"}
_CUT_OFF: dict[str, Any] = {
    "reset before": {"reset": True},
    "answer lost": {"response": {"abort_frac": 0.0}},
    "answer cut off": {"response": {"abort_frac": 0.5}},
    "too slow": {"latency": SLOW_MS},  # and done after all, when nobody waits for it any more
}

_READS: Mapping[str, float] = {
    **dict.fromkeys(_REFUSALS, 8),
    "reset before": 15,
    "answer lost": 15,
    "answer cut off": 8,
    "too slow": 0.5,
}
_BATCH_READS: Mapping[str, float] = {**_READS, "keys left unread": 30}
_WRITES: Mapping[str, float] = {
    **_READS,
    **dict.fromkeys(_CANCELLATIONS, 15),
    "in progress": 8,
    "answer lost": 35,
    "too slow": 8,
}
_SECRETS: Mapping[str, float] = {"throttled": 1, "internal error": 1, "reset before": 1, "answer lost": 1}
_KINDS: Mapping[str, Mapping[str, float]] = {
    "TransactWriteItems": _WRITES,
    "BatchGetItem": _BATCH_READS,
    "GetSecretValue": _SECRETS,
}
"""What may befall a call of an operation, and how often against the others."""

_OUTAGES: Mapping[str, float] = {"reset before": 4, "answer lost": 4, "transaction conflict": 3, "throttled": 0.5}
_OF_WRITES_ALONE = {"answer lost", "transaction conflict"}


class FaultPlan:
    """The weather between the code and AWS. Safe to share between threads; each has its own dice while it is bad."""

    def __init__(self, proxy: str, engine: str) -> None:
        self._control, self._engine = f"{proxy}/_microburst", engine
        self._here = threading.local()
        self._lock = threading.Lock()
        self.calls = 0
        self.failed: Counter[str] = Counter()
        self._due = self._variance = 0.0
        self._tell("rules", _rules())
        self._played_before = self._faulted()

    @contextlib.contextmanager
    def over(self, chance: random.Random) -> Iterator[None]:
        """Bad weather over what this thread does in the block."""
        outage = _one_of(_OUTAGES, chance) if chance.random() < OUTAGES else None
        self._here.dice = (chance, outage)
        try:
            yield
        finally:
            self._here.dice = None

    def watch(self, client: Any) -> None:
        """Let this botocore client's calls meet the weather."""
        client.meta.events.register(f"before-send.{client.meta.service_model.service_id.hyphenize()}", self._befall)

    @property
    def played(self) -> int:
        """How many calls the proxy says that it let fail."""
        return self._faulted() - self._played_before

    @property
    def misses_its_share(self) -> str | None:
        """Say how many calls failed and how many should have, if these are further apart than dice ever throw them.

        What should have failed follows from the calls that were made: an outage takes all writes of its invocation, and
        the many reads of a job's shards lower the mean.
        """
        failed, due = self.failed.total(), self._due
        if failed and abs(failed - due) <= 5 * self._variance**0.5:
            return None
        return f"{failed} of the {self.calls} calls to AWS in bad weather failed: it should have been about {due:.0f}"

    def _faulted(self) -> int:
        with urllib.request.urlopen(f"{self._control}/stats") as answer:  # noqa: S310 - on 127.0.0.1
            return int(json.load(answer)["requests"]["faulted"])

    def _befall(self, request: Any, **_: Any) -> None:
        """A call is about to leave."""
        dice = getattr(self._here, "dice", None)
        if dice is None:
            return
        chance, outage = dice
        kinds = _kinds_of(request)
        certain = outage is not None and (kinds is _WRITES or (outage in kinds and outage not in _OF_WRITES_ALONE))
        kind = outage if certain else _one_of(kinds, chance) if chance.random() < SHARE else None
        share = 1 if certain else SHARE
        with self._lock:
            self.calls += 1
            self._due += share
            self._variance += share * (1 - share)
            if kind:
                self.failed[kind] += 1
        if kind in _CANCELLATIONS:
            request.headers[_HEADER] = f"<{kind}, {len(json.loads(request.body)['TransactItems'])}>"
        elif kind == "keys left unread":
            request.headers[_HEADER] = self._leave_unread(request)
        elif kind:
            request.headers[_HEADER] = f"<{kind}>"

    def _leave_unread(self, request: Any) -> str:
        """A rule for this one call: half of its keys are read, the others come back as unprocessed."""
        asked = json.loads(request.body)["RequestItems"]
        ((table, wanted),) = asked.items()
        half = len(wanted["Keys"]) // 2
        read, unread = ({**wanted, "Keys": keys} for keys in (wanted["Keys"][:half], wanted["Keys"][half:]))
        answer: dict[str, Any] = {"Responses": {table: []}}
        if half:
            body = json.dumps({"RequestItems": {table: read}}).encode()
            headers: dict[str, str] = {
                name: _text(request.headers[name]) for name in ("X-Amz-Target", "Content-Type", "Authorization")
            }
            with urllib.request.urlopen(urllib.request.Request(self._engine, body, headers)) as response:  # noqa: S310
                answer = json.load(response)
        answer["UnprocessedKeys"] = {table: unread}
        name = f"<keys left unread, {random.getrandbits(64)}>"
        rule = {"headers": {_HEADER: name}, "times": 1, "error": {"code": "-", "status": 200, "fields": answer}}
        self._tell("rules", [rule], "PATCH")
        return name

    def _tell(self, path: str, content: Any, method: str = "POST") -> None:
        request = urllib.request.Request(  # noqa: S310 - on 127.0.0.1
            f"{self._control}/{path}",
            json.dumps(content).encode(),
            {"Content-Type": "application/json"},
            method=method,
        )
        urllib.request.urlopen(request).close()  # noqa: S310


def _kinds_of(request: Any) -> Mapping[str, float]:
    """What may befall this call, and how often against the others."""
    return _KINDS.get(_text(request.headers["X-Amz-Target"]).rpartition(".")[2], _READS)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _one_of(kinds: Mapping[str, float], chance: random.Random) -> str:
    return chance.choices(list(kinds), list(kinds.values()))[0]


def _rules() -> list[dict[str, Any]]:
    """One for each kind; of a cancelled transaction one for each number of operations: it has as many reasons."""

    def rule(header: str, **effect: Any) -> dict[str, Any]:
        return {"headers": {_HEADER: f"<{header}>"}, **effect}

    refusals = [rule(kind, error={"code": code, "status": _STATUS.get(kind, 400)}) for kind, code in _REFUSALS.items()]
    cancellations = [
        rule(f"{kind}, {number}", error={"code": "TransactionCanceledException", "fields": _reasons(code, number)})
        for kind, code in _CANCELLATIONS.items()
        for number in range(1, _MOST_OPERATIONS)
    ]
    in_progress = rule("in progress", error={"code": "TransactionInProgressException"})
    return [*refusals, in_progress, *(rule(kind, **effect) for kind, effect in _CUT_OFF.items()), *cancellations]


def _reasons(code: str, number: int) -> dict[str, Any]:
    return {"CancellationReasons": [{"Code": "None"}] * (number - 1) + [{"Code": code, "Message": code}]}


class ProviderFaultPlan(Faults):
    """The weather between the code and a provider's simulator: each call has its own dice."""

    def __init__(self, seed: str, kinds: Sequence[str] = KINDS) -> None:
        super().__init__()
        self._seed, self._kinds = seed, kinds
        self._guard = threading.Lock()
        self._asked: Counter[str] = Counter()
        self.is_bad = True
        self.failed: Counter[str] = Counter()

    @property
    def calls(self) -> int:
        return self._asked.total()

    def take(self, method: str, path: str) -> Fault | None:
        """What befalls this call."""
        with self._guard:
            what = f"{method} {path}"
            self._asked[what] += 1
            chance = random.Random(f"{self._seed}/{what}/{self._asked[what]}")
            if not self.is_bad or chance.random() >= 0.2:
                return None
            kind = chance.choice(self._kinds)
            self.failed[kind] += 1
        return Fault(method, path, kind, seconds=0.05 if kind == "slow" else 0)


@contextlib.contextmanager
def in_a_hurry(times: float = 10) -> Iterator[None]:
    """Pauses between tries are that much shorter, botocore's and the SDKs' too: bad weather here passes by the dice.

    So is the patience with conflicts: it ends by time, and would have that many more tries.
    """
    pause, patience_s = time.sleep, transaction.PATIENCE_S
    pool = logging.getLogger("urllib3.connectionpool")  # a Lambda has one thread, here are more than connections
    level = pool.level
    pool.setLevel(logging.ERROR)
    time.sleep = lambda seconds: pause(float(seconds) / times)
    transaction.PATIENCE_S = patience_s / times  # type: ignore[misc]
    try:
        yield
    finally:
        time.sleep = pause
        transaction.PATIENCE_S = patience_s  # type: ignore[misc]
        pool.setLevel(level)
