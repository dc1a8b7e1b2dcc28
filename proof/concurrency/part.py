"""The part: rounds, wave by wave, to many processes at once; each account's history, held against a serial order."""

import contextlib
import itertools
import random
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import boto3
from pynamodb.connection import Connection

from ledger.domain.facts import Facts, RefundAbandoned, RefundApproved, facts_of
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.refund_cases import case_id_of as refund_case_of
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.gateway import Gateway
from ledger.ports.reads import Keys
from ledger.providers.paddle.client import PaddleGateway
from ledger.providers.stripe.client import StripeGateway
from proof.concurrency import account
from proof.concurrency.calls import Ask, Call, DecideWaiting, Issue, Look, told
from proof.concurrency.pool import OpenStore, Pool, Where, pool
from proof.concurrency.rounds import EARLY, KINDS, Round, at, senders_of_one_refund
from proof.concurrency.serial import Answer, Done, drawn, serial_order, smallest_beginning
from proof.work import CannotRun, Work
from tools import engines
from tools.devserver import environment
from tools.ledger import read_world
from tools.simulators import paddle, stripe
from tools.template import load, table_definition
from tools.verify import World, check

PROCESSES = 12
ROUNDS_AT_ONCE = 3
CASES_A_TABLE = 25
"""Then the whole table is verified, and a fresh one taken: reading it costs as long as a few cases."""

MOST_UNDECIDED = 0.1
"""Of the histories: more would be no proof."""

LAST = at(100)
"""Later than any sender has a refund for itself."""

ENGINE = "dynamodb-local"


def run(work: Work, open_store: OpenStore = DynamoDBStore, *, processes: int = PROCESSES) -> None:
    """Play rounds until the time is over. `open_store` makes each process's store: a broken one must be found."""
    if problem := engines.unavailable(ENGINE):
        raise CannotRun(f"Only AWS's own engine proves anything here. {problem}")
    with _everything(open_store, processes) as races:
        work.count("processes", processes)
        played = 0
        for case in work.cases():
            while True:
                if played % CASES_A_TABLE == 0 or work.only is not None:
                    races.verify(work)
                    races.take_a_fresh_table()
                races.play(case, work)
                played += 1
                # One case alone is played again and again: what interleaves how, the machine says.
                if work.only is None or work.is_over or work.found:
                    break
        races.verify(work)
        if problem := too_few_decided(work.counts):
            work.find(problem)


@contextlib.contextmanager
def _everything(open_store: OpenStore, processes: int) -> Iterator["_Races"]:
    """The engine, the simulators, and the processes over them."""
    with contextlib.ExitStack() as started:
        endpoint = started.enter_context(engines.running(ENGINE))
        simulators: dict[str, Any] = {
            "stripe": started.enter_context(stripe.running()),
            "paddle": started.enter_context(paddle.running()),
        }
        where = Where(
            endpoint, {name: (simulator.api_key, simulator.url) for name, simulator in simulators.items()}, open_store
        )
        yield _Races(endpoint, simulators, started.enter_context(pool(where, processes)))


class _Races:
    """What plays the rounds and judges them."""

    def __init__(self, endpoint: str, simulators: dict[str, Any], processes: Pool) -> None:
        self._client = boto3.client("dynamodb", region_name=environment.REGION, endpoint_url=endpoint)
        self._connection = Connection(region=environment.REGION, host=endpoint)
        self._simulators = simulators
        kinds: dict[str, Callable[..., Gateway]] = {"stripe": StripeGateway, "paddle": PaddleGateway}
        self._gateways = {
            name: kinds[name](simulator.api_key, is_live=False, base_url=simulator.url)
            for name, simulator in simulators.items()
        }
        self._pool = processes
        self._table = ""

    def verify(self, work: Work) -> None:
        """Hold every invariant over the whole table."""
        if not self._table:
            return
        world = World()
        read_world(self._store, world)
        for finding in check(world):
            if finding.broken:
                told = f"over the whole table, {finding.invariant}: {', '.join(finding.broken[:5])}"
                work.find(told, case_of(finding.broken, world))
        work.count("tables verified")

    @property
    def _store(self) -> DynamoDBStore:
        return DynamoDBStore(self._table, self._connection)

    def take_a_fresh_table(self) -> None:
        """From now on rounds write to another one."""
        if self._table:
            self._client.delete_table(TableName=self._table)
        self._table = f"ledger-{uuid.uuid4().hex[:12]}"
        self._client.create_table(**table_definition(load(), self._table))

    def play(self, case: int, work: Work) -> None:
        """Some rounds of different accounts at once, and what is to be said of each."""
        chance = work.chance(case)
        rounds = [self._round(f"{case}_{number}", chance) for number in range(ROUNDS_AT_ONCE)]
        histories: dict[AccountId, list[Done[Call]]] = {one.account_id: [] for one in rounds}
        # What it came to, when all is quiet.
        at_the_end: list[list[tuple[Round, Call]]] = [
            [(one, Issue(tag=one.at_provider.tag, now=LAST, is_last=True)) for one in rounds if one.at_provider],
            [(one, Look(account_id=one.account_id, now=EARLY)) for one in rounds],
        ]
        for calls in itertools.chain(_waves(rounds), at_the_end):
            if calls is at_the_end[0]:
                for simulator in self._simulators.values():
                    simulator.faults.clear()
            chance.shuffle(calls)
            answered = self._pool.at_once(self._table, [call for _, call in calls])
            for (one, _), tries in zip(calls, answered, strict=True):
                for done in tries:
                    work.count("calls")
                    work.count("tries whose effect is unknown", done.answer is None)
                    for of, seen in _seen_by(one, done, rounds):
                        histories[of].append(seen)
        for one in rounds:
            self._judge(one, histories[one.account_id], case, work)

    def _round(self, name: str, chance: random.Random) -> Round:
        """A round of some kind. The fewest of those that a provider takes part in: it is slow."""
        own = Round("", AccountId(f"acct_{name}"), random.Random(chance.random()))
        if chance.random() < 0.2:
            provider = chance.choice(sorted(self._simulators))
            senders_of_one_refund(own, provider, self._simulators[provider], self._gateways[provider])
            own.name = senders_of_one_refund.__name__
        else:
            kind = chance.choice(KINDS)
            kind(own)
            own.name = kind.__name__
        return own

    def _judge(self, one: Round, history: list[Done[Call]], case: int, work: Work) -> None:
        verdict = serial_order(history, account.Account(), account.step)
        work.count("histories")
        work.count("states searched", verdict.states)
        work.count("calls during others of their account", sum(_is_during(done, history) for done in history))
        if verdict.is_lawful:
            work.count("serial orders found")
        elif not verdict.is_decided:
            work.count("histories left undecided")
        else:
            work.find(
                f"{one.name.replace('_', ' ')}: no serial order explains what was answered\n{_why(history)}", case
            )
        if one.at_provider:
            given_back = one.at_provider.given_back()
            work.count("refunds at a provider", len(given_back))
            home = self._store.read(Keys(payments=one.at_provider.names)).home_of(min(one.at_provider.names))
            if problem := misgiven(one.at_provider.paid_minor, given_back, home.facts if home else {}):
                work.find(f"{one.name}: {problem}\n{_shown(history)}", case)


def misgiven(paid_minor: int, given_back: list[int], facts: Facts) -> str | None:
    """What is wrong with what the provider gave back in the end: exactly what was approved and not given up is due."""
    given_up = {fact.tag for fact in facts_of(facts, RefundAbandoned)}
    due = [fact.amount_minor for fact in facts_of(facts, RefundApproved) if fact.tag not in given_up]
    if sorted(given_back) == sorted(due) and sum(given_back) <= paid_minor:
        return None
    return f"{paid_minor} was paid, {due} is due, and {given_back} went back"


def too_few_decided(counts: Mapping[str, int]) -> str | None:
    """That the search gave up too often: what it left undecided proves nothing."""
    undecided, histories = counts.get("histories left undecided", 0), counts.get("histories", 0)
    if undecided <= MOST_UNDECIDED * histories:
        return None
    return f"{undecided} of {histories} histories are left undecided: at most {MOST_UNDECIDED:.0%} may be"


def case_of(broken: Iterable[str], world: World) -> int | None:
    """The case that something broken is of: an account's name begins with it."""
    for name in broken:
        home = world.payments.get(PaymentId(name)) or world.cases.get(name) or world.cases.get(refund_case_of(name))
        if found := re.search(r"acct_(\d+)_", f"{name} {home.account_id if home else ''}"):
            return int(found[1])
    return None


def _waves(rounds: list[Round]) -> Iterator[list[tuple[Round, Call]]]:
    """The calls of all rounds, wave by wave."""
    for wave in range(max(len(one.waves) for one in rounds)):
        yield [(one, call) for one in rounds if wave < len(one.waves) for call in one.waves[wave]]


def _is_during(done: Done[Call], history: list[Done[Call]]) -> bool:
    return any(other is not done and other.began < done.ended and done.began < other.ended for other in history)


def _seen_by(one: Round, done: Done[Call], rounds: list[Round]) -> Iterator[tuple[AccountId, Done[Call]]]:
    """A call as the accounts see it that it is about. The job for what waits is about all of them."""
    if not isinstance(done.call, DecideWaiting):
        yield one.account_id, done
        return
    for other in rounds:
        own = {call.case_id for wave in other.waves for call in wave if isinstance(call, Ask)}
        answer = done.answer and ("decided", *(case for case in done.answer[1:] if case[0] in own))  # type: ignore[index]
        if answer is None or len(answer) > 1 or other is one:
            yield other.account_id, Done(done.call, answer, done.began, done.ended, done.process)


def _why(history: list[Done[Call]]) -> str:
    """The smallest beginning that has no serial order, and where the search came to."""
    least = smallest_beginning(history, account.Account(), account.step)
    verdict = serial_order(least, account.Account(), account.step)
    state = account.Account()
    for position in verdict.longest:
        done = least[position]
        state = next(iter(account.step(state, done.call, done.answer)))
    stuck = [
        f"  [{position:2}] would be answered {_words(account.expected(state, done.call))}, not {_words(done.answer)}"
        for position, done in enumerate(least)
        if position not in verdict.longest and done.answer is not None
    ]
    order = " ".join(map(str, verdict.longest))
    return f"{_shown(least)}\nthe longest serial order: {order}; after it\n" + "\n".join(stuck)


def _words(answer: Answer) -> str:
    return " ".join(map(str, answer))


def _shown(history: list[Done[Call]]) -> str:
    return drawn(history, told)
