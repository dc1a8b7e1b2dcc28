"""`make demo`: a month of customers through the real handlers, and the console on what they left."""

import http.client
import json
import subprocess
import sys
from itertools import islice
from urllib.parse import urlsplit

from tests.e2e.test_local_run import ROOT, command, environment
from tools import engines
from tools.demo import STORIES, unusable_events


def test_the_demo_ends_with_a_console_that_has_something_to_do() -> None:
    """Each story once: every invariant holds, cases and proposals wait, and the address that it prints signs in."""
    port = engines.free_port()
    arguments = [sys.executable, "-m", "cli", "demo", "--customers", str(len(STORIES))]
    with subprocess.Popen(arguments, cwd=ROOT, env=environment(port), stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        try:
            assert process.stdout
            line = next((line for line in islice(process.stdout, 20) if line.startswith("The support console: ")), "")
            address = urlsplit(line.removeprefix("The support console: ").strip())
            assert (address.port, address.path) == (port, "/console")
            headers = {"Authorization": f"Bearer {address.fragment.removeprefix('token=')}"}

            def count(path: str, name: str) -> int:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                connection.request("GET", path, headers=headers)
                return len(json.loads(connection.getresponse().read())[name])

            assert count("/support/refund-cases", "cases") >= 4
            assert count("/support/proposals", "proposals") == 1
            assert count("/support/incidents", "incidents") == 1
            assert json.loads(command("verify", "--json", port=port).stdout)["holds"] is True
        finally:
            process.terminate()
            process.wait(60)


def test_the_demo_has_events_of_both_providers_that_cannot_be_booked() -> None:
    """They are what the page of parked events shows."""
    assert {one.provider for one in unusable_events()} == {"stripe", "paddle"}
