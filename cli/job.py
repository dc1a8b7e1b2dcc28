"""`billing job`."""

import json

import click
from click.shell_completion import CompletionItem

from cli.errors import CannotRun, Refused
from cli.options import reads_port


def _complete_name(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from tools.template import jobs, load

    return [
        CompletionItem(name, help=job.schedule)
        for name, job in sorted(jobs(load()).items())
        if name.startswith(incomplete)
    ]


def _checked_event(_ctx: click.Context, _parameter: click.Parameter, event: str) -> str:
    try:
        is_event = not event or isinstance(json.loads(event), dict)
    except ValueError:
        is_event = False
    if not is_event:
        raise click.BadParameter("it is not a JSON object.")
    return event


@click.command(short_help="Run a scheduled function on the running server.")
@click.argument("name", shell_complete=_complete_name)
@click.option("--event", default="", callback=_checked_event, help="A JSON object, instead of the schedule's event.")
@reads_port
def job(name: str, *, event: str) -> None:
    """Run the scheduled function NAME, for example release_parked, on the running server. Print its result as JSON.

    Ends with exit code 1 if there is no such function, or if it failed.
    """
    from cli.progress import progress
    from tools.job import JobFailed, NoServer, run_job

    try:
        with progress(f"running {name}"):
            result = run_job(name, event)
    except NoServer as problem:
        raise CannotRun(str(problem)) from problem
    except JobFailed as problem:
        raise Refused(str(problem)) from problem
    click.echo(json.dumps(result, indent=2))
