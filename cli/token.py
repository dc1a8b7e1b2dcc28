"""`billing token`."""

import math

import click

from cli.errors import CannotRun
from cli.options import AccountId, reads_port

_MOST_HOURS = 24 * 365


def _checked_hours(_ctx: click.Context, _parameter: click.Parameter, hours: float) -> float:
    if not math.isfinite(hours) or abs(hours) > _MOST_HOURS:
        raise click.BadParameter("it may be at most a year (8760).")
    return hours


@click.command(short_help="Print an access token of the local issuer.")
@click.argument("account", type=AccountId())
@click.option("--groups", default="", help="Separated by commas, for example billing-support.")
@click.option("--scopes", default="", help="Separated by commas. Default: billing; for support also billing.support.")
@click.option("--email", default="", help="A verified address.")
@click.option(
    "--hours",
    type=float,
    default=8.0,
    show_default=True,
    callback=_checked_hours,
    help="Time until the token expires. Below 0: it has expired.",
)
@reads_port
def token(account: str, *, groups: str, scopes: str, email: str, hours: float) -> None:
    """Print an access token of the local issuer for ACCOUNT, for example acct_ada, and nothing else."""
    from tools.token import ForeignIssuer, local_token

    try:
        text = local_token(account, groups=_words(groups), scopes=_words(scopes), email=email, hours=hours)
    except ForeignIssuer as problem:
        raise CannotRun(str(problem)) from problem
    click.echo(text)


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()
