"""Run a scheduled function now, on the running local server."""

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from tools.devserver import environment


class NoServer(Exception):
    """No local server responds. The message says how to start one."""


class JobFailed(Exception):
    """There is no such job, or it failed. The message is the server's."""


def run_job(name: str, event: str = "") -> Any:
    """Run a job by its function's folder, with the schedule's own event or this JSON. Return its result.

    Raise NoServer if no server responds, JobFailed if there is no such job or it failed.
    """
    server = environment.running_server()
    if not server:
        raise NoServer("No local server runs: start one with `make serve`.")
    url = f"{server['url']}/_local/jobs/{urllib.parse.quote(name, safe='')}"
    request = urllib.request.Request(url, event.encode(), {"Content-Type": "application/json"})  # noqa: S310 - ours
    try:
        with urllib.request.urlopen(request, timeout=300) as response:  # noqa: S310 - our own server on 127.0.0.1
            return json.load(response)
    except urllib.error.HTTPError as refused:
        raise JobFailed(json.load(refused)["message"]) from refused
    except OSError as problem:
        raise NoServer(
            f"The server at {server['url']} does not respond ({problem}): restart `make serve`."
        ) from problem
