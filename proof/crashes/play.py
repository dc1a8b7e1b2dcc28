"""A scenario on stage: functions, an engine, the providers' simulators, and what redelivers when a function dies.

    step ──► invocation ──► dies? ──► made again: the provider's redelivery, the client's repetition, stream and bus
               │                        └── and minutes later the schedules sweep
               └──► news: the simulators' webhooks, the table's stream, the bus ──► invocations … until nothing is new

One table serves all runs: each ends with it empty. Time is the scenario's own: a step begins ten minutes after the one
before, whatever happened in that one, so that a run that was cut differs from one that was not in nothing else.
"""

import contextlib
import itertools
import json
import random
import re
import urllib.parse
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPMessage
from typing import Any

from pynamodb.connection import Connection

from ledger.domain.domain_events import SOURCE
from ledger.dynamodb.store import DynamoDBStore
from proof.crashes.functions import Cut, Ended, Function, deployed
from proof.crashes.meaning import meaning
from proof.shown import wrong
from tools import engines, signing, template
from tools.devserver import cloud, environment
from tools.devserver.gateway import Handler
from tools.devserver.patterns import matches
from tools.devserver.payload import Request, event_of
from tools.devserver.streams import Shards
from tools.orders import know_subscriptions_of, place_orders_of
from tools.simulators import paddle as paddle_simulator
from tools.simulators import stripe as stripe_simulator
from tools.simulators.common.outbox import Outbox
from tools.simulators.paddle.account import PaddleAccount
from tools.simulators.stripe.account import StripeAccount
from tools.stories import Notification, Story
from tools.testing.frontend import matched
from tools.verify import World, check

Json = dict[str, Any]
BEGIN = datetime(2026, 11, 20, 12, tzinfo=UTC)
BETWEEN_STEPS = timedelta(minutes=10)
AGAIN_AFTER = (timedelta(seconds=1), timedelta(seconds=65))  # while a sender still has an intent for itself, and later
SWEPT_AFTER = timedelta(minutes=5)
SWEEPS = ("send_refunds", "follow_cases", "release_parked", "replace_failed_runs")
MOST_INVOCATIONS = 300
CUSTOMER = "acct_ada"


class Broken(Exception):
    """Something does not hold; the message says what."""


@dataclass(frozen=True, slots=True, eq=False)
class Invocation:
    """A function and its event, made anew for each attempt: a redelivery is signed freshly."""

    folder: str
    what: str
    event: Callable[[datetime], Json]
    is_batch: bool = False  # the stream's: nothing overtakes it


@dataclass(frozen=True, slots=True)
class Point:
    """One call that left a function: which invocation's, its so-manyth, and what it was."""

    invocation: int
    call: int
    what: str

    @property
    def is_read(self) -> bool:
        """Whether the call changes nothing where it goes."""
        method, _, target = self.what.partition(": ")[2].partition(" ")
        return method == "GET" or target.rpartition(".")[2] in READS


READS = {"GetItem", "BatchGetItem", "Query", "Scan", "GetSecretValue"}
"""The operations of AWS that read, of those that functions call. Any other counts as a write."""


@dataclass(frozen=True, slots=True)
class Death:
    """Which invocation of a run dies where, and where it dies again when it is made again."""

    invocation: int
    cut: Cut
    again: Cut | None = None

    def __str__(self) -> str:
        return f"dying {self.cut}" + (f", and {self.again} when made again" if self.again else "")


@dataclass(frozen=True, slots=True)
class PlayResult:
    """The result of a play: where it can be cut, what the ledger then means, and how often it was cut."""

    points: tuple[Point, ...]
    meaning: Mapping[str, Any]
    cuts: int
    redeliveries: int
    log: tuple[str, ...]


Scenario = Callable[["Play"], None]


class Stage:
    """What outlives a run: the engine, the deployed functions, the table's stream, the bus."""

    def __init__(
        self,
        made: cloud.Cloud,
        functions: Mapping[str, Function],
        mappings: list[template.StreamMapping],
        rules: list[template.Rule],
        ports: Mapping[str, int],
    ) -> None:
        self.functions = functions
        self.ports = ports
        self.table = made.table_name
        self.client = made.client("dynamodb")
        self.store = DynamoDBStore(made.table_name, Connection(environment.REGION, host=made.endpoint))
        self._mappings = mappings
        self._shards = Shards(made.table_name, made.endpoint, environment.REGION)
        self._rules = rules
        self._published = Published(made)

    def batches(self) -> Iterator[Invocation]:
        """What was written and published since the last time, as stream and bus give it to their functions."""
        records = list(self._shards.new_records())
        for mapping in self._mappings:
            wanted = [one for one in records if any(matches(pattern, one) for pattern in mapping.patterns)]
            for start in range(0, len(wanted), mapping.batch_size):
                batch = {"Records": wanted[start : start + mapping.batch_size]}
                yield Invocation(mapping.folder, "the stream", lambda _, batch=batch: batch, is_batch=True)  # type: ignore[misc]
        for event in self._published.new_events():
            for rule in (rule for rule in self._rules if matches(rule.pattern, event)):
                message = {"Records": [{"messageId": event["id"], "body": json.dumps(event)}]}
                given = message if rule.batch_size else event
                yield Invocation(rule.folder, f"the bus: {event['detail-type']}", lambda _, given=given: given)  # type: ignore[misc]

    def play(self, scenario: Scenario, death: Death | None = None, chance: random.Random | None = None) -> PlayResult:
        """Play a scenario, and let a function die in it; `chance` says when what died is made again. Raises Broken."""
        with contextlib.ExitStack() as house:
            play = Play(self, house, death, chance or random.Random(0))
            try:
                scenario(play)
                return play.told()
            except Exception as error:
                story = "\n  ".join(play.log)
                raise Broken(f"{error if isinstance(error, Broken) else repr(error)}\n  {story}") from error
            finally:
                self._clear()

    def world(self) -> World:
        """Everything that the table holds."""
        world = World()
        for item in self.store.scan():
            world.add(item)
        return world

    def _clear(self) -> None:
        keys = [{"pk": item["pk"], "sk": item["sk"]} for item in self.store.scan()]
        for start in range(0, len(keys), 25):
            deletes = [{"DeleteRequest": {"Key": key}} for key in keys[start : start + 25]]
            self.client.batch_write_item(RequestItems={self.table: deletes})
        list(self._shards.new_records())
        self._published.new_events()


class Published:
    """What is published on the bus: a rule of our own puts all of it into a queue, where it is read."""

    def __init__(self, made: cloud.Cloud) -> None:
        self._queues, events = made.client("sqs"), made.client("events")
        name = made.references["LedgerBus"]
        self._url = self._queues.create_queue(QueueName=f"{name}-published")["QueueUrl"]
        asked = self._queues.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        events.put_rule(Name="published", EventBusName=name, EventPattern=json.dumps({"source": [SOURCE]}))
        target = {"Id": "published", "Arn": asked["Attributes"]["QueueArn"]}
        events.put_targets(Rule="published", EventBusName=name, Targets=[target])

    def new_events(self) -> list[Json]:
        """What was published since the last time, as a rule's target gets it."""
        found: list[Json] = []
        while messages := self._queues.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                self._queues.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return found


@contextlib.contextmanager
def staged(find: Callable[[str], Handler]) -> Iterator[Stage]:
    """The stage, with every function of the template deployed as it says. To be set up before any thread is started."""
    environment.use_local_credentials()
    written = template.load()
    with engines.running("ministack") as endpoint:
        made = cloud.create_resources(endpoint, written)
        ports = {"stripe": engines.free_port(), "paddle": engines.free_port()}
        keys = json.dumps({"stripe": stripe_simulator.LOCAL_KEY, "paddle": paddle_simulator.LOCAL_KEY})
        made.client("secretsmanager").put_secret_value(SecretId=made.references["ProviderKeys"], SecretString=keys)
        ours = {
            "AWS_ENDPOINT_URL": endpoint,
            "POWERTOOLS_LOG_LEVEL": "CRITICAL",
            "POWERTOOLS_METRICS_DISABLED": "true",
            **{f"{name.upper()}_API_BASE": f"http://127.0.0.1:{port}" for name, port in ports.items()},
        }
        variables = {
            properties["CodeUri"].strip("/").removeprefix("functions/"): made.variables(written, function) | ours
            for function, properties in template.functions(written).items()
        }
        refused: dict[str, list[Json]] = {}
        for route in template.routes(written):
            if route.authorizer:
                path = re.sub(r"\{\w+\}", "x", route.path) + "?unknown=1"
                parameters = dict.fromkeys(re.findall(r"\{(\w+)\}", route.path), "x")
                event = event_of(Request(route.method, path, HTTPMessage()), route, parameters, {})
                refused.setdefault(route.folder, []).append(event)
        with deployed(variables, find, refused) as functions:
            yield Stage(made, functions, template.stream_mappings(written), template.rules(written), ports)


class Play:
    """One run: what the scenario's steps do, and what follows from them."""

    def __init__(self, stage: Stage, house: contextlib.ExitStack, death: Death | None, chance: random.Random) -> None:
        self.now = BEGIN
        self.log: list[str] = []
        self._stage = stage
        self._house = house
        self._death = death
        self._chance = chance
        self._due = BEGIN  # when the present step began, or was to
        self._keys = itertools.count(1)
        self._providers: dict[str, StripeAccount | PaddleAccount] = {}
        self._told: dict[str, int] = {}  # of each provider's events: how many were delivered
        self._delivered: list[Json] = []  # the notifications
        self._dead: list[Invocation] = []  # in the order in which they died
        self._points: list[Point] = []
        self._invocations = self._redeliveries = 0

    # ── Steps ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def stripe(self) -> StripeAccount:
        """Stripe's side, up from when it is first needed."""
        return self._provider("stripe", stripe_simulator.running)  # type: ignore[return-value]

    @property
    def paddle(self) -> PaddleAccount:
        """Paddle's side."""
        return self._provider("paddle", paddle_simulator.running)  # type: ignore[return-value]

    def knows_orders_of(self, story: Story) -> None:
        """Orders of ours stand behind the payments of a story of the library, and subscriptions at the provider."""
        place_orders_of(story.notifications, self._stage.store)
        if any("dispute" in one.event_type for one in story.notifications):  # it may stop a subscription's renewals
            know_subscriptions_of(story.notifications, self.stripe)

    def tells(self, notification: Notification) -> None:
        """A provider delivers an event of the library."""
        self._delivered.append(json.loads(notification.body))
        self._step(_delivery(notification.provider, notification.to, notification.body, notification.event_type))

    def happens(self, act: Callable[[], Json]) -> Json:
        """Something at a provider, and its webhooks."""
        self._turn()
        result = act()
        self._settle(None)
        return result

    def asks(self, method: str, path: str, body: Json | None = None, *, wanted: int = 201) -> Json:
        """The customer asks, again under the same Idempotency-Key if no answer comes."""
        claims = {"sub": CUSTOMER, "email": "ada@example.com"}
        return self._asked(method, path, body, {"idempotency-key": f"key_{next(self._keys)}"}, claims, wanted)

    def support(self, method: str, path: str, body: Json | None = None, *, wanted: int = 200) -> Json:
        """A person of support asks."""
        claims = {"sub": "staff_sue", environment.GROUPS_CLAIM: f"[{environment.SUPPORT_GROUP}]"}
        return self._asked(method, path, body, {"idempotency-key": f"key_{next(self._keys)}"}, claims, wanted)

    def service(self, path: str, body: Json, *, wanted: int = 200) -> Json:
        """One of our own services asks."""
        return self._asked("POST", path, body, {}, None, wanted)

    def runs(self, job: str, after: timedelta = timedelta()) -> None:
        """So much later, a schedule runs."""
        self._step(_job(job), after=after)

    # ── What follows from them ────────────────────────────────────────────────────────────────────────────────────────

    def told(self) -> PlayResult:
        """The run's end, its queue worked off. Raises Broken: an invariant does not hold over what is stored."""
        self.runs("follow_cases")
        world = self._stage.world()
        broken = [f"{finding.invariant}: {', '.join(finding.broken)}" for finding in check(world) if finding.broken]
        if broken := broken + wrong(world, self._delivered):
            raise Broken("; ".join(broken))
        said = meaning(world, self._providers)
        return PlayResult(tuple(self._points), said, len(self._dead), self._redeliveries, tuple(self.log))

    def _provider(self, name: str, running: Callable[..., Any]) -> StripeAccount | PaddleAccount:
        if name not in self._providers:
            port = self._stage.ports[name]
            account = self._house.enter_context(running(clock=lambda: self.now.timestamp(), port=port))
            self._providers[name], self._told[name] = account, 0
        return self._providers[name]

    def _asked(
        self, method: str, path: str, body: Json | None, headers: Mapping[str, str], claims: Json | None, wanted: int
    ) -> Json:
        bare = path.partition("?")[0]
        route, parameters = matched(method, bare)
        message = HTTPMessage()
        for name, value in {"content-type": "application/json", **headers}.items():
            message[name] = value
        content = b"" if body is None else json.dumps(body).encode()
        iam = {"iam": {"accountId": "000000000000", "userArn": "arn:aws:sts::000000000000:assumed-role/ours/x"}}
        caller = {"jwt": {"claims": claims, "scopes": list(route.scopes)}} if claims else iam
        event = event_of(Request(method, path, message, content), route, parameters, caller)
        ended = self._step(Invocation(route.folder, f"{method} {bare}", lambda _: event), wanted)
        answer: Json = json.loads(ended.answer["body"])
        return answer

    def _turn(self, after: timedelta = timedelta()) -> None:
        """The next step's time."""
        self._due += BETWEEN_STEPS + after
        self.now = max(self.now, self._due)

    def _step(self, invocation: Invocation, wanted: int = 200, after: timedelta = timedelta()) -> Ended:
        self._turn(after)
        ended = self._settle(invocation)
        if ended is None or ended.answer.get("statusCode", 200) != wanted:
            raise Broken(f"{invocation.what} should be answered {wanted}, was {ended and ended.answer}")
        return ended

    def _settle(self, first: Invocation | None) -> Ended | None:
        """Invoke it, and whatever follows, until nothing is new. What died is made again; then the sweeps come."""
        queue: deque[Invocation] = deque([first] if first else [])
        answer: Ended | None = None
        is_to_be_swept = False
        while True:
            if not queue:
                queue.extend(self._news())
            if not queue and is_to_be_swept:
                is_to_be_swept = False
                self.now += SWEPT_AFTER
                queue.extend(map(_job, SWEEPS))
            if not queue:
                return answer
            invocation = queue.popleft()
            ended = self._invoke(invocation)
            if ended.is_dead:
                is_to_be_swept = True
                self.now += self._chance.choice(AGAIN_AFTER)
                if invocation.is_batch or self._chance.random() < 0.5:
                    queue.appendleft(invocation)
                else:  # what it did already may be heard of before it is made again
                    queue.extend(self._news())
                    queue.append(invocation)
            elif invocation is first:
                answer = ended

    def _invoke(self, invocation: Invocation) -> Ended:
        number, self._invocations = self._invocations, self._invocations + 1
        if number > MOST_INVOCATIONS:
            raise Broken("it never comes to rest")
        cut = self._cut_of(invocation, number)
        self._redeliveries += invocation in self._dead
        ended = self._stage.functions[invocation.folder].invoke(invocation.event(self.now), self.now, cut)
        what = f"{self.now:%H:%M:%S} {invocation.folder} ({invocation.what})"
        if ended.is_dead:
            self._dead.append(invocation)
            self.log.append(f"{what} died {cut}")
            return ended
        failures = not ended.raised and (ended.answer or {}).get("batchItemFailures")
        self.log.append(f"{what}: {_gist(ended)}")
        is_lost = not ended.raised and invocation.what.startswith("webhook") and ended.answer["statusCode"] != 200
        if ended.raised or failures or is_lost:
            raise Broken(f"{invocation.folder} failed: {ended.raised or failures or ended.answer}")
        self._points += [Point(number, call, f"{invocation.folder}: {what}") for call, what in enumerate(ended.calls)]
        return ended

    def _cut_of(self, invocation: Invocation, number: int) -> Cut | None:
        """Where it dies this time, if it does."""
        if self._death and number == self._death.invocation:
            return self._death.cut
        is_first_again = self._dead == [invocation] and not self._redeliveries
        return self._death.again if self._death and is_first_again else None

    def _news(self) -> list[Invocation]:
        """The webhooks and the stream's batches that came of what was done."""
        found = []
        for name, account in self._providers.items():
            events = account.outbox.events[self._told[name] :]
            self._told[name] += len(events)
            if not account.outbox.is_muted:
                self._delivered += events
                found += [invocation for event in events for invocation in _webhooks(account.outbox, event)]
        return [*found, *self._stage.batches()]


def _webhooks(outbox: Outbox, event: Json) -> Iterator[Invocation]:
    event_type = event.get("type") or event["event_type"]
    for function in sorted(outbox.functions.get(event_type, ())):
        body = json.dumps(outbox.notification(event), separators=(",", ":"), ensure_ascii=False).encode()
        yield _delivery(outbox.provider, function, body, event_type)


def _delivery(provider: str, to: str, body: bytes, event_type: str) -> Invocation:
    def event(now: datetime) -> Json:
        message = HTTPMessage()
        for name, value in signing.headers(provider, body, signing.LOCAL_SECRETS[provider], now.timestamp()).items():
            message[name] = value
        path = f"/webhooks/{provider}/{to.replace('_', '-')}"
        route, parameters = matched("POST", path)
        return event_of(Request("POST", path, message, body), route, parameters, None)

    return Invocation(to.replace("-", "_"), f"webhook {event_type}", event)


def _job(folder: str) -> Invocation:
    return Invocation(folder, "the schedule", lambda _: {"source": "aws.events", "detail-type": "Scheduled Event"})


def _gist(ended: Ended) -> str:
    """What came of an invocation, in a line."""
    if not isinstance(ended.answer, dict) or "statusCode" not in ended.answer:
        return json.dumps(ended.answer)
    return f"{ended.answer['statusCode']} {urllib.parse.unquote(str(ended.answer.get('body')))[:160]}"
