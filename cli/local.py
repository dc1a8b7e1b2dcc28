"""The local backend, opened for a command."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from cli.errors import CannotRun, Refused

if TYPE_CHECKING:
    from rich.console import Console

    from tools.local import LocalBackend


@contextmanager
def opened_backend(console: "Console") -> Iterator["LocalBackend"]:
    """Start the local backend, print where it is, and stop it at the end. Turn its errors into messages."""
    from botocore.exceptions import BotoCoreError, ClientError
    from rich.text import Text

    from cli.progress import progress
    from ledger.domain.errors import ConfigurationError
    from tools import signing
    from tools.devserver.customer_lives import UnexpectedResponse
    from tools.engines import EngineError
    from tools.local import opened
    from tools.template import TemplateError

    try:
        with ExitStack() as stack:
            with progress("starting the engine and the server"):
                backend = stack.enter_context(opened())
            table_name = os.environ["TABLE_NAME"]
            console.print(
                f"[bold]{backend.gateway.url}[/]  over DynamoDB at {backend.table_endpoint}, table {table_name}"
            )
            for provider in signing.LOCAL_SECRETS:
                name = f"{provider.upper()}_SIGNING_SECRETS"
                console.print(Text(f"{name}={os.environ[name]}", style="dim"))
            yield backend
    except BrokenPipeError:  # whoever read our output has ended: click ends quietly
        raise
    except UnexpectedResponse as problem:
        raise Refused(str(problem)) from problem
    except (EngineError, ConfigurationError, TemplateError, BotoCoreError, ClientError, OSError) as problem:
        raise CannotRun(str(problem)) from problem
