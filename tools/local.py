"""Run the whole product on this machine, without AWS and without Docker.

Environment: PORT (3000), STRIPE_SIGNING_SECRETS and PADDLE_SIGNING_SECRETS (comma-separated), CATALOGUE_FILE;
AWS_ENDPOINT_URL_DYNAMODB and AWS_ENDPOINT_URL_S3 to use running engines instead of an embedded one;
EVIDENCE_BUCKET_NAME; JWT_ISSUER, JWT_AUDIENCE and JWT_JWKS_FILE (a file with the issuer's key set) to accept
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

from ledger.domain import catalogue
from ledger.domain.errors import ConfigurationError
from ledger.relay import bus as event_bus
from ledger.runtime import runtime
from tools import engines, signing, token
from tools.devserver import environment, sign_in
from tools.devserver.authorizers import KeySet
from tools.devserver.bus import LocalBus
from tools.devserver.customer_lives import ShiftedClock
from tools.devserver.gateway import Callers, Gateway, Handler, handler_of
from tools.devserver.mailbox import Mailbox
from tools.devserver.patience import wait_for_engine
from tools.devserver.streams import TableStream
from tools.simulators import paddle as paddle_simulator
from tools.simulators import stripe as stripe_simulator
from tools.simulators.paddle.account import PaddleAccount
from tools.simulators.stripe.account import StripeAccount
from tools.stories import Notification, Story, with_repeats
from tools.template import load, table_definition

TABLE = "ledger"
BUCKET = "evidence"


@dataclass(frozen=True, slots=True)
class LocalBackend:
    """Everything that runs."""

    gateway: Gateway
    table_endpoint: str
    clock: ShiftedClock
    stripe: StripeAccount | None  # None: the environment names a Stripe to call
    paddle: PaddleAccount | None


@contextlib.contextmanager
def opened(find: Callable[[str], Handler] = handler_of) -> Iterator[LocalBackend]:
    """Start engines, table, bucket, secrets, providers, bus, stream and gateway. Yield them; at the end, stop them."""
    environment.use_local_credentials()
    with contextlib.ExitStack() as stack:
        tables, objects = os.environ.get("AWS_ENDPOINT_URL_DYNAMODB"), os.environ.get("AWS_ENDPOINT_URL_S3")
        if not (tables and objects):
            embedded = stack.enter_context(engines.running("ministack"))
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
        sign_in.use_for_console()
        clock, port = ShiftedClock(), os.environ.get("PORT") or "3000"
        os.environ.setdefault("PUBLIC_URL", f"http://127.0.0.1:{port}")
        os.environ.setdefault("LOW_BALANCE", "50")  # as the template's parameter
        os.environ.setdefault("SUCCESS_URL", f"http://127.0.0.1:{port}/_local/orders?checkout=done")
        stripe = _simulator(stack, stripe_simulator.running, "STRIPE", port, clock)
        paddle = _simulator(stack, paddle_simulator.running, "PADDLE", port, clock)
        if Path(os.environ["JWT_JWKS_FILE"]) == token.JWKS_FILE:
            token.local_key()
        make_table(os.environ["TABLE_NAME"])
        make_bucket(os.environ["EVIDENCE_BUCKET_NAME"])
        wait_for_engine(runtime())
        runtime().clock = clock.now
        runtime().mailer = Mailbox(clock=clock.now)
        _ = runtime().catalogue, runtime().policy  # a wrong file is reported now, not at the first delivery
        bus = LocalBus(load(), find=find)
        event_bus().client = bus
        stream = TableStream(os.environ["TABLE_NAME"], load(), find=find, region=environment.REGION, bus=bus)
        gateway = _gateway(port, stream, find)
        stack.callback(gateway.server_close)
        stack.enter_context(bus.running())
        stack.enter_context(stream.running())
        threading.Thread(target=gateway.serve_forever, daemon=True).start()
        stack.callback(gateway.shutdown)
        yield LocalBackend(gateway, tables, clock, stripe, paddle)


def _simulator(
    stack: contextlib.ExitStack, running: Callable[..., Any], provider: str, port: str, clock: ShiftedClock
) -> Any:
    """Start a simulator. Return None if the environment names a provider to call, by API key or by address."""
    if os.environ.get(f"{provider}_API_KEY") or os.environ.get(f"{provider}_API_BASE"):
        return None
    secret = os.environ[f"{provider}_SIGNING_SECRETS"].split(",")[0]
    account = stack.enter_context(
        running(
            f"http://127.0.0.1:{port}",
            signing_secret=secret,
            clock=clock.seconds,
            sold=catalogue.load(Path(os.environ.get("CATALOGUE_FILE") or catalogue.DEFAULT_FILE)),
        )
    )
    account.outbox.receiver_clock = clock.seconds
    account.return_to = os.environ["SUCCESS_URL"]
    os.environ |= {f"{provider}_API_KEY": account.api_key, f"{provider}_API_BASE": account.url}
    return account


def _names() -> dict[str, str]:
    """Return the local values of a deployment's parameters and resources, unless the environment sets others."""
    defaults = {
        "TABLE_NAME": TABLE,
        "EVIDENCE_BUCKET_NAME": BUCKET,
        "EVENT_BUS_NAME": "ledger",
        "ADDRESS_KEY": signing.LOCAL_ADDRESS_KEY,
        "PROVIDER_MODE": "test",
        "REFUNDS_PAUSED": "false",
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
        raise ConfigurationError(f"Port {port} can't be used ({error.strerror}): set PORT to another.") from error


def make_table(name: str) -> None:
    """Create the table with its stream. If the table exists without a stream, add one."""
    client = boto3.client("dynamodb", region_name=environment.REGION)
    definition = table_definition(load(), name)
    try:
        client.create_table(**definition)
    except client.exceptions.ResourceInUseException:
        if not client.describe_table(TableName=name)["Table"].get("LatestStreamArn"):
            client.update_table(TableName=name, StreamSpecification=definition["StreamSpecification"])


def make_bucket(name: str) -> None:
    """Create the bucket for evidence, unless it exists."""
    client = boto3.client("s3", region_name=environment.REGION)
    with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": environment.REGION})


def serve_until_interrupted(backend: LocalBackend, observe: Callable[[str, int, str], None]) -> None:
    """Pass each request's path, status and response body to `observe`, until Ctrl-C or SIGTERM.

    Meanwhile other processes find the server by `environment.running_server`.
    """
    gateway = backend.gateway
    gateway.observe = observe
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    environment.register_running_server(
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
        environment.unregister_running_server()


def disordered(
    chosen: list[Story], chance: random.Random, *, is_in_order: bool
) -> Iterator[tuple[Story, Notification]]:
    """Yield the deliveries story by story. Shuffle about every third story, and repeat about every third event."""
    for story in chosen:
        notifications = list(story.notifications)
        if not is_in_order:
            if chance.random() < 0.35:
                chance.shuffle(notifications)
            notifications = with_repeats(notifications, chance, share=0.35)
        yield from ((story, notification) for notification in notifications)


def deliver(gateway: Gateway, notification: Notification) -> tuple[int, str]:
    """Deliver a notification as the provider does, signed and over HTTP. Return the status and the outcome."""
    secret = os.environ[f"{notification.provider.upper()}_SIGNING_SECRETS"].split(",")[0]
    connection = http.client.HTTPConnection("127.0.0.1", gateway.server_address[1], timeout=30)
    headers = signing.headers(notification.provider, notification.body, secret, time.time())
    connection.request("POST", f"/webhooks/{notification.provider}/{notification.to}", notification.body, headers)
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    return response.status, " ".join(str(body[name]) for name in ("outcome", "reason", "detail") if body.get(name))
