"""The command `billing` and its entry point."""

from typing import Any

import click

from cli.completion import completion
from cli.demo import demo
from cli.index import index
from cli.job import job
from cli.ledger import ledger
from cli.mails import mails
from cli.mutes import mutes
from cli.run import run
from cli.serve import serve
from cli.token import token
from cli.verify import verify
from cli.why import why

EXIT_INTERRUPTED = 130


class Billing(click.Group):
    """A group of commands that ends with 130 on Ctrl-C, as shells expect."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(EXIT_INTERRUPTED) from None


@click.group(cls=Billing, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def billing() -> None:
    """Operate the billing backend of Image Tagger AI.

    Exit codes: 0 success; 1 an invariant is broken, or the operation was refused; 2 wrong usage, or there is nothing to
    work on (no server, no readable table); 130 interrupted.

    Results go to stdout, messages and progress to stderr.
    """


for command in (run, serve, demo, token, job, ledger, mails, mutes, why, index, verify, completion):
    billing.add_command(command)


def main() -> None:
    """Run the command with the arguments of the process, and end the process."""
    billing(prog_name="billing")
