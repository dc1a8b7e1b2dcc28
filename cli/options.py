"""Options and argument types that several commands share."""

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


class AccountId(click.ParamType[str]):
    """An account's id: any text but white space."""

    name = "account"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        account_id = str(value).strip()
        if not account_id:
            self.fail("it is empty. Name an account, for example acct_ada.", param, ctx)
        return account_id


def _set_port(_ctx: click.Context, _parameter: click.Parameter, port: int | None) -> None:
    if port is not None:
        os.environ["PORT"] = str(port)


def port_option(help_text: str) -> Callable[[Command], Command]:
    """Return the option `--port`, which takes precedence over the environment variable PORT."""
    return click.option(
        "--port",
        type=click.IntRange(0, 65535),
        envvar="PORT",
        show_envvar=True,
        expose_value=False,
        callback=_set_port,
        help=help_text,
    )


json_option = click.option("--json", "is_json", is_flag=True, help="Print JSON, for machines.")
reads_port = port_option("The server on this port. Default: the server that was started last.")
