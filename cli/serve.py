"""`billing serve`."""

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from cli.options import port_option

if TYPE_CHECKING:
    from rich.console import Console

    from tools.local import LocalBackend

_MAX_SHOWN = 600
"""Characters of a response that are shown. A body that is not text, or has several lines, is not shown."""


@click.command(short_help="Serve the whole product on this machine.")
@port_option("Listen on this port of 127.0.0.1. Default: 3000.")
def serve() -> None:
    """Serve the whole product on this machine, without AWS and Docker, until Ctrl-C.

    Deliver webhooks with curl, with the Stripe CLI's `listen --forward-to`, or with any client.

    \b
    Environment:
      STRIPE_SIGNING_SECRETS, PADDLE_SIGNING_SECRETS   separated by commas
      AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_S3   running engines, instead of an embedded one
      TABLE_NAME, EVIDENCE_BUCKET_NAME                 the table and the bucket
      CATALOGUE_FILE, POLICY_FILE, PROVIDER_MODE       another catalogue or policy; live or test
      STRIPE_API_KEY, PADDLE_API_KEY                   test mode: call the providers, not the simulators
      JWT_ISSUER, JWT_AUDIENCE, JWT_JWKS_FILE          accept the tokens of another issuer
      GROUPS_CLAIM, SUPPORT_GROUP, ALLOWED_ORIGINS     as in the deployment
    """
    from rich.text import Text

    from cli.local import opened_backend
    from cli.paper import paper
    from ledger.runtime import runtime
    from tools.local import serve_until_interrupted
    from tools.orders import place_orders_of
    from tools.stories import stories

    console = paper()

    def show(path: str, status: int, body: str) -> None:
        now, is_text = f"{datetime.now(UTC):%H:%M:%S}", body.isprintable() and len(body) <= _MAX_SHOWN
        excerpt = body if is_text else f"{body[:_MAX_SHOWN]}…" if body[:_MAX_SHOWN].isprintable() else ""
        colored_status = (f"{status}", "green" if status < 300 else "red")
        console.print(Text.assemble(f"{now}  {path}  ", colored_status, f"  {excerpt}"), soft_wrap=True)

    with opened_backend(console) as backend:
        # The events of the library are of buyers who placed orders: they can be sent by hand.
        place_orders_of((one for story in stories() for one in story.notifications), runtime().store)
        _introduce(backend, console)
        serve_until_interrupted(backend, show)


def _introduce(backend: "LocalBackend", console: "Console") -> None:
    """Print the routes, the settings, and how each caller authenticates."""
    from rich.text import Text

    from tools.devserver import environment, sign_in

    gateway = backend.gateway
    for route in gateway.routes:
        needed = " ".join(filter(None, [route.authorizer, *route.scopes]))
        console.print(f"  {route.method} {route.path}" + (f"  [dim]{needed}[/]" if needed else ""))
    for name in ("JWT_ISSUER", "JWT_AUDIENCE", "JWT_JWKS_FILE", "AWS_ENDPOINT_URL_S3", "EVIDENCE_BUCKET_NAME"):
        console.print(Text(f"{name}={os.environ[name]}", style="dim"), soft_wrap=True)
    for name, simulator in {"Stripe": backend.stripe, "Paddle": backend.paddle}.items():
        if simulator:
            console.print(f"{name} simulator: {simulator.url}/_simulator lists the available actions", soft_wrap=True)
    console.print(f"The API's description, to try it: {gateway.url}/docs", soft_wrap=True)
    console.print(f"The support console: {sign_in.console_link(gateway.url)}", soft_wrap=True)
    console.print("Mails are kept in .local/mails: `make mails` lists them", soft_wrap=True)
    user = "local:local" if os.environ["AWS_ACCESS_KEY_ID"] == "local" else "KEY:SECRET"
    for caller, how in {
        "a customer": 'curl -H "Authorization: Bearer $(make token ACCOUNT=acct_ada)" …',
        "support": 'curl -H "Authorization: Bearer $(make token ACCOUNT=staff_sue GROUPS=billing-support)" …',
        "a service": f"curl --aws-sigv4 aws:amz:{environment.REGION}:execute-api --user {user} …",
    }.items():
        console.print(f"{caller:10}  {how}", soft_wrap=True)
    console.print("[dim]Ctrl-C ends it. `make ledger ACCOUNT=…` and `make verify` read its table.[/]")
