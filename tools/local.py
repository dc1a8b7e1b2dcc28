"""The whole product on this machine, without AWS and without Docker.

    run      play the stories of `events/` as signed HTTP deliveries, some twice and out of order, and show the ledger
    serve    stay up: deliver with curl, with the Stripe CLI's `listen --forward-to`, or with any client

`run` also plays whole lives over the API, with simulators for the providers (`--story life` plays them alone).

Environment: PORT (3000), STRIPE_SIGNING_SECRETS and PADDLE_SIGNING_SECRETS (comma-separated), CATALOGUE_FILE;
AWS_ENDPOINT_URL_DYNAMODB and AWS_ENDPOINT_URL_S3 to use engines that already run instead of an embedded one;
EVIDENCE_BUCKET_NAME; JWT_ISSUER, JWT_AUDIENCE and JWT_JWKS_FILE (a file with the issuer's key set) to believe
the tokens of another issuer than the local one; GROUPS_CLAIM, SUPPORT_GROUP; ALLOWED_ORIGINS (comma-separated);
STRIPE_API_KEY and PADDLE_API_KEY (test mode) to call the providers instead of simulators.
"""

import argparse
import contextlib
import http.client
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.text import Text

from ledger.domain.errors import ConfigurationError
from ledger.domain.ids import AccountId
from ledger.dynamodb.store import DynamoDBStore
from ledger.runtime import runtime
from tools import engines, signing, token
from tools.devserver import environment
from tools.devserver.authorizers import KeySet
from tools.devserver.customer_lives import LIVES, Life, Player, ShiftedClock, Step, UnexpectedResponse
from tools.devserver.customer_lives import World as LifeWorld
from tools.devserver.gateway import Callers, Gateway, Handler, handler_of
from tools.devserver.streams import TableStream
from tools.ledger import findings_table, read_world
from tools.simulators import paddle as paddle_simulator
from tools.simulators import stripe as stripe_simulator
from tools.simulators.paddle.account import PaddleAccount
from tools.simulators.stripe.account import StripeAccount
from tools.statement import paper, render, statement
from tools.stories import Story, Telling, stories, with_repeats
from tools.template import TemplateError, load, table_definition
from tools.verify import World, check

TABLE = "ledger"
BUCKET = "evidence"
MOST_SHOWN = 600
"""Characters of an answer that `serve` tells. A body that is no text, or has many lines, is not told."""

LIFE = "life"
"""The story of stories: whole lives of customers, over the API and the providers' simulators."""

_TOLD_IN_A_LINE = (
    engines.EngineError,
    ConfigurationError,
    UnexpectedResponse,
    TemplateError,
    BotoCoreError,
    ClientError,
    OSError,
)


def main() -> int:
    """Run the stories or serve. Exit code 1: something did not answer as it should, or an invariant is broken."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.local", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="play the stories and show what became of them")
    run.add_argument("--seed", type=int, default=7, help="of the disorder and the repeats (default: 7)")
    run.add_argument("--story", action="append", metavar="NAME", help="only this one; may be given again")
    run.add_argument("--in-order", action="store_true", help="as the providers would like to deliver: once, in order")
    commands.add_parser("serve", help="stay up until Ctrl-C")
    arguments = parser.parse_args()
    console = paper()
    try:
        with opened(console) as house:
            if arguments.command == "serve":
                return _serve(house, console)
            return _run(house, console, arguments)
    except (
        engines.EngineError,
        ConfigurationError,
        UnexpectedResponse,
        TemplateError,
        BotoCoreError,
        ClientError,
        OSError,
    ) as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


@dataclass(frozen=True, slots=True)
class House:
    """Everything that is up."""

    gateway: Gateway
    clock: ShiftedClock
    stripe: StripeAccount | None  # None: the environment names a Stripe to call
    paddle: PaddleAccount | None


@contextlib.contextmanager
def opened(console: Console, find: Callable[[str], Handler] = handler_of) -> Iterator[House]:
    """Engines, table, bucket, secrets, providers, stream, gateway: everything up, and taken down again."""
    environment.use_local_credentials()
    with contextlib.ExitStack() as house:
        tables, objects = os.environ.get("AWS_ENDPOINT_URL_DYNAMODB"), os.environ.get("AWS_ENDPOINT_URL_S3")
        if not (tables and objects):
            embedded = house.enter_context(engines.running("ministack"))
            tables, objects = tables or embedded, objects or embedded
        os.environ |= {
            "AWS_ENDPOINT_URL_DYNAMODB": tables,
            "AWS_ENDPOINT_URL_S3": objects,
            **_names(),
            "POWERTOOLS_SERVICE_NAME": "local",
            "POWERTOOLS_METRICS_NAMESPACE": "ImageTaggerBilling",
            "POWERTOOLS_METRICS_DISABLED": "true",  # metrics are log lines for CloudWatch; here they would be noise
            "POWERTOOLS_LOG_LEVEL": os.environ.get("POWERTOOLS_LOG_LEVEL") or "CRITICAL",
        }
        for provider, secret in signing.LOCAL_SECRETS.items():
            os.environ.setdefault(f"{provider.upper()}_SIGNING_SECRETS", secret)
        clock, port = ShiftedClock(), os.environ.get("PORT") or "3000"
        stripe = _simulator(house, stripe_simulator.running, "STRIPE", port, clock)
        paddle = _simulator(house, paddle_simulator.running, "PADDLE", port, clock)
        if Path(os.environ["JWT_JWKS_FILE"]) == token.JWKS_FILE:
            token.local_key()
        make_table(os.environ["TABLE_NAME"])
        make_bucket(os.environ["EVIDENCE_BUCKET_NAME"])
        runtime().clock = clock.now
        _ = runtime().catalogue, runtime().policy  # a wrong file is told now, not at the first delivery
        stream = TableStream(os.environ["TABLE_NAME"], load(), region=environment.REGION)
        gateway = _gateway(port, stream, find)
        house.callback(gateway.server_close)
        house.enter_context(stream.running())
        threading.Thread(target=gateway.serve_forever, daemon=True).start()
        house.callback(gateway.shutdown)
        console.print(f"[bold]{gateway.url}[/]  over DynamoDB at {tables}, table {os.environ['TABLE_NAME']}")
        for provider in signing.LOCAL_SECRETS:
            name = f"{provider.upper()}_SIGNING_SECRETS"
            console.print(f"[dim]{name}={os.environ[name]}[/]")
        yield House(gateway, clock, stripe, paddle)


def _simulator(
    house: contextlib.ExitStack, running: Callable[..., Any], provider: str, port: str, clock: ShiftedClock
) -> Any:
    """A simulator for a provider, unless the environment names one to call: by its API key or by its address."""
    if os.environ.get(f"{provider}_API_KEY") or os.environ.get(f"{provider}_API_BASE"):
        return None
    secret = os.environ[f"{provider}_SIGNING_SECRETS"].split(",")[0]
    account = house.enter_context(running(f"http://127.0.0.1:{port}", signing_secret=secret, clock=clock.seconds))
    account.outbox.receiver_clock = clock.seconds
    os.environ |= {f"{provider}_API_KEY": account.api_key, f"{provider}_API_BASE": account.url}
    return account


def _names() -> dict[str, str]:
    """What a deployment's parameters and resources are called here, unless the environment says otherwise."""
    defaults = {
        "TABLE_NAME": TABLE,
        "EVIDENCE_BUCKET_NAME": BUCKET,
        "PROVIDER_MODE": "test",
        "JWT_ISSUER": environment.ISSUER,
        "JWT_AUDIENCE": environment.AUDIENCE,
        "JWT_JWKS_FILE": str(token.JWKS_FILE),
        "GROUPS_CLAIM": environment.GROUPS_CLAIM,
        "SUPPORT_GROUP": environment.SUPPORT_GROUP,
        "ALLOWED_ORIGINS": "*",
    }
    return {name: os.environ.get(name) or default for name, default in defaults.items()}


def _gateway(port: str, stream: TableStream, find: Callable[[str], Handler]) -> Gateway:
    if not port.isdecimal() or int(port) > 65535:
        raise ConfigurationError(f"PORT is {port!r}, should be a number up to 65535.")
    origin, _, other = os.environ["ALLOWED_ORIGINS"].partition(",")
    parameters = {
        "JwtIssuer": os.environ["JWT_ISSUER"],
        "JwtAudience": os.environ["JWT_AUDIENCE"],
        "AllowedOrigin": origin.strip(),
        "OtherAllowedOrigin": other.strip(),
    }
    callers = Callers(
        keys=KeySet(Path(os.environ["JWT_JWKS_FILE"])),
        credentials=Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]),
        region=environment.REGION,
    )
    try:
        callers.keys.key("")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigurationError(
            f"JWT_JWKS_FILE should name a key set in JSON, as issuers publish it: {error!r}."
        ) from error
    try:
        return Gateway(int(port), load(), callers, parameters=parameters, find=find, stream=stream)
    except OSError as error:
        raise ConfigurationError(f"Port {port} can't be had ({error.strerror}): set PORT to another.") from error


def make_table(name: str) -> None:
    """The table with its stream; one that is there already gets a stream if it has none."""
    client = boto3.client("dynamodb", region_name=environment.REGION)
    definition = table_definition(load(), name)
    try:
        client.create_table(**definition)
    except client.exceptions.ResourceInUseException:
        if not client.describe_table(TableName=name)["Table"].get("LatestStreamArn"):
            client.update_table(TableName=name, StreamSpecification=definition["StreamSpecification"])


def make_bucket(name: str) -> None:
    """The bucket for evidence, unless it is there."""
    client = boto3.client("s3", region_name=environment.REGION)
    with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": environment.REGION})


def _serve(house: House, console: Console) -> int:
    """Tell every answer, until Ctrl-C or SIGTERM."""
    gateway = house.gateway
    for route in gateway.routes:
        needed = " ".join(filter(None, [route.authorizer, *route.scopes]))
        console.print(f"  {route.method} {route.path}" + (f"  [dim]{needed}[/]" if needed else ""))
    for name in ("JWT_ISSUER", "JWT_AUDIENCE", "JWT_JWKS_FILE", "AWS_ENDPOINT_URL_S3", "EVIDENCE_BUCKET_NAME"):
        console.print(f"[dim]{name}={os.environ[name]}[/]", soft_wrap=True)
    for name, simulator in {"Stripe": house.stripe, "Paddle": house.paddle}.items():
        if simulator:
            console.print(
                f"{name}'s simulator: {simulator.url}/_simulator lists what you can let happen", soft_wrap=True
            )
    console.print(f"The API's description, to try it: {gateway.url}/docs", soft_wrap=True)
    user = "local:local" if os.environ["AWS_ACCESS_KEY_ID"] == "local" else "KEY:SECRET"
    for caller, how in {
        "a customer": 'curl -H "Authorization: Bearer $(make token ACCOUNT=acct_ada)" …',
        "support": 'curl -H "Authorization: Bearer $(make token ACCOUNT=staff_sue GROUPS=billing-support)" …',
        "a service": f"curl --aws-sigv4 aws:amz:{environment.REGION}:execute-api --user {user} …",
    }.items():
        console.print(f"{caller:10}  {how}", soft_wrap=True)
    console.print("[dim]Ctrl-C ends it. `make ledger ACCOUNT=…` and `make verify` read its table.[/]")

    def observe(path: str, status: int, body: str) -> None:
        now, is_text = f"{datetime.now(UTC):%H:%M:%S}", body.isprintable() and len(body) <= MOST_SHOWN
        shown = body if is_text else f"{body[:MOST_SHOWN]}…" if body[:MOST_SHOWN].isprintable() else ""
        answer = (f"{status}", "green" if status < 300 else "red")
        console.print(Text.assemble(f"{now}  {path}  ", answer, f"  {shown}"), soft_wrap=True)

    gateway.observe = observe
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    environment.tell_running_server(
        url=gateway.url,
        endpoint=os.environ["AWS_ENDPOINT_URL_DYNAMODB"],
        table_name=os.environ["TABLE_NAME"],
        issuer=os.environ["JWT_ISSUER"],
        audience=os.environ["JWT_AUDIENCE"],
    )
    try:
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
    finally:
        environment.forget_running_server()
    return 0


def _run(house: House, console: Console, arguments: argparse.Namespace) -> int:
    gateway, wanted = house.gateway, arguments.story or [*(story.name for story in stories()), LIFE]
    chosen = [story for story in stories() if story.name in wanted]
    if not chosen and LIFE not in wanted:
        console.print("[red]No such story.[/] There are: " + ", ".join([*(story.name for story in stories()), LIFE]))
        return 1
    told = list(_disorder(chosen, random.Random(arguments.seed), is_in_order=arguments.in_order))
    answers = _deliver_all(gateway, told, console)
    gateway.stream.drain(30)
    lives = _live(house, console) if LIFE in wanted else {}

    store = DynamoDBStore(os.environ["TABLE_NAME"], runtime().connection)
    console.print("\n[bold]What the ledger holds[/]\n")
    for story in chosen:
        data = statement(store, AccountId(story.account_id), datetime.now(UTC))
        console.print(render(data, story.title) if data else Text(f"{story.account_id}  nothing  {story.title}\n"))
    for account_id, title in lives.items():
        data = statement(store, account_id, house.clock.now())
        console.print(render(data, title) if data else Text(f"{account_id}  nothing  {title}\n"))
    world = World()
    read_world(store, world)
    findings = check(world)
    console.print(findings_table(findings))
    is_fine = all(status == 200 for status, _ in answers) and not any(finding.broken for finding in findings)
    console.print(
        f"\n{len(answers)} deliveries of {len({telling.event_id for _, telling in told})} events, "
        + (f"{len(lives)} lives, " if lives else "")
        + ("[green]every invariant holds.[/]" if is_fine else "[red]something is wrong, see above.[/]")
    )
    return 0 if is_fine else 1


def _deliver_all(gateway: Gateway, told: list[tuple[Story, Telling]], console: Console) -> list[tuple[int, str]]:
    """Deliver, and show each delivery with its answer as it comes."""
    rows = [("story", "delivered", "to"), *((story.name, telling.event_type, telling.to) for story, telling in told)]
    name_width, type_width, to_width = (max(map(len, column)) for column in zip(*rows, strict=True))
    answers, previous = [], ""
    if told:
        console.print(f"[dim]{'story':{name_width}}  {'delivered':{type_width}}  {'to':{to_width}}  answer[/]")
    for story, telling in told:
        status, outcome = _deliver(gateway, telling)
        answers.append((status, outcome))
        style = {"booked": "green", "already_booked": "dim", "noted": "dim", "waiting": "yellow"}.get(outcome, "red")
        name = story.name if story.name != previous else ""
        line = f"{name:{name_width}}  {telling.event_type:{type_width}}  {telling.to:{to_width}}  "
        console.print(Text.assemble(line, (f"{status} {outcome}", style)), soft_wrap=True)
        previous = story.name
    return answers


def _live(house: House, console: Console) -> dict[AccountId, str]:
    """Play the lives, and show each step with its answer. Returns whose they were, with their titles."""
    if house.stripe is None or house.paddle is None:
        console.print("[dim]The lives are not played: the environment names providers to call.[/]")
        return {}
    world = LifeWorld(house.gateway, house.stripe, house.paddle, house.clock)
    console.print(f"\n[dim]{'life':12}  {'who':12}  {'what':30}  answer[/]")
    titles: dict[AccountId, str] = {}
    for account_id, life in LIVES.items():
        titles[account_id] = (life.__doc__ or "").strip()
        shown: set[str] = set()

        def show(step: Step, life: Life = life, shown: set[str] = shown) -> None:
            name = "" if life.__name__ in shown else life.__name__
            shown.add(life.__name__)
            answer = (step.answer, "green" if step.is_as_told else "red")
            console.print(Text.assemble(f"{name:12}  {step.who:12}  {step.what:30}  ", answer), soft_wrap=True)

        life(Player(account_id, world, show))
    return titles


def _disorder(chosen: list[Story], chance: random.Random, *, is_in_order: bool) -> Iterator[tuple[Story, Telling]]:
    """Story by story. About every third one is shuffled, and about every third event is told twice."""
    for story in chosen:
        tellings = list(story.tellings)
        if not is_in_order:
            if chance.random() < 0.35:
                chance.shuffle(tellings)
            tellings = with_repeats(tellings, chance, share=0.35)
        yield from ((story, telling) for telling in tellings)


def _deliver(gateway: Gateway, telling: Telling) -> tuple[int, str]:
    """One signed HTTP delivery, as the provider would make it."""
    secret = os.environ[f"{telling.provider.upper()}_SIGNING_SECRETS"].split(",")[0]
    connection = http.client.HTTPConnection("127.0.0.1", gateway.server_address[1], timeout=30)
    headers = signing.headers(telling.provider, telling.body, secret, time.time())
    connection.request("POST", f"/webhooks/{telling.provider}/{telling.to}", telling.body, headers)
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    return response.status, " ".join(str(body[name]) for name in ("outcome", "reason", "detail") if body.get(name))


if __name__ == "__main__":
    sys.exit(main())
