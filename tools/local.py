"""The whole product on this machine, without AWS and without Docker.

Environment: PORT (3000), STRIPE_SIGNING_SECRETS and PADDLE_SIGNING_SECRETS (comma-separated), CATALOGUE_FILE;
AWS_ENDPOINT_URL_DYNAMODB and AWS_ENDPOINT_URL_S3 to use engines that already run instead of an embedded one;
EVIDENCE_BUCKET_NAME; JWT_ISSUER, JWT_AUDIENCE and JWT_JWKS_FILE (a file with the issuer's key set) to believe
the tokens of another issuer than the local one; GROUPS_CLAIM, SUPPORT_GROUP; ALLOWED_ORIGINS (comma-separated);
STRIPE_API_KEY and PADDLE_API_KEY (test mode) to call the providers instead of simulators.
"""

import contextlib
import http.client
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.credentials import Credentials

from ledger.domain.errors import ConfigurationError
from ledger.runtime import runtime
from tools import engines, signing, token
from tools.devserver import environment
from tools.devserver.authorizers import KeySet
from tools.devserver.customer_lives import ShiftedClock
from tools.devserver.gateway import Callers, Gateway, Handler, handler_of
from tools.devserver.streams import TableStream
from tools.simulators import paddle as paddle_simulator
from tools.simulators import stripe as stripe_simulator
from tools.simulators.paddle.account import PaddleAccount
from tools.simulators.stripe.account import StripeAccount
from tools.stories import Story, Telling, with_repeats
from tools.template import load, table_definition

TABLE = "ledger"
BUCKET = "evidence"


@dataclass(frozen=True, slots=True)
class House:
    """Everything that is up."""

    gateway: Gateway
    table_endpoint: str
    clock: ShiftedClock
    stripe: StripeAccount | None  # None: the environment names a Stripe to call
    paddle: PaddleAccount | None


@contextlib.contextmanager
def opened(find: Callable[[str], Handler] = handler_of) -> Iterator[House]:
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
        yield House(gateway, tables, clock, stripe, paddle)


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


def serve_until_interrupted(house: House, observe: Callable[[str, int, str], None]) -> None:
    """Pass each request's path, status and response body to `observe`, until Ctrl-C or SIGTERM.

    Meanwhile other processes find the server by `environment.running_server`.
    """
    gateway = house.gateway
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


def disordered(chosen: list[Story], chance: random.Random, *, is_in_order: bool) -> Iterator[tuple[Story, Telling]]:
    """Story by story. About every third one is shuffled, and about every third event is told twice."""
    for story in chosen:
        tellings = list(story.tellings)
        if not is_in_order:
            if chance.random() < 0.35:
                chance.shuffle(tellings)
            tellings = with_repeats(tellings, chance, share=0.35)
        yield from ((story, telling) for telling in tellings)


def deliver(gateway: Gateway, telling: Telling) -> tuple[int, str]:
    """One signed HTTP delivery, as the provider would make it."""
    secret = os.environ[f"{telling.provider.upper()}_SIGNING_SECRETS"].split(",")[0]
    connection = http.client.HTTPConnection("127.0.0.1", gateway.server_address[1], timeout=30)
    headers = signing.headers(telling.provider, telling.body, secret, time.time())
    connection.request("POST", f"/webhooks/{telling.provider}/{telling.to}", telling.body, headers)
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    return response.status, " ".join(str(body[name]) for name in ("outcome", "reason", "detail") if body.get(name))
