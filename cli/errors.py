"""Errors that end a command with a message on stderr. Wrong usage is click's own UsageError, with exit code 2.

ClickException
├── Refused      1  the operation was refused, or does not apply: no such account, no such job
└── CannotRun    2  there is nothing to work on: no server, no readable table, a wrong setting
"""

import click


class Refused(click.ClickException):
    """The operation was refused."""

    exit_code = 1


class CannotRun(click.ClickException):
    """The command has nothing to work on. The message says what to do."""

    exit_code = 2
