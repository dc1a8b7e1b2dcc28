"""`make demo`: a month of customers through the real handlers, and the console on what they left."""

import http.client
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from tests.e2e.test_local_run import ROOT, command, environment
from tools import engines
from tools.demo import NAMES, STORIES, Story, forgot_the_renewal, unusable_events, wrote_before_the_dispute

Json = dict[str, Any]
NAMED = NAMES[: len(STORIES)]


@contextmanager
def demo(hash_seed: str) -> Iterator[tuple[int, Callable[[str], Json]]]:
    """Build the demo of each story once. Yield its port, and what reads a path as the person whom it signs in."""
    port = engines.free_port()
    arguments = [sys.executable, "-m", "cli", "demo", "--customers", str(len(STORIES))]
    env = environment(port) | {"PYTHONHASHSEED": hash_seed}
    with subprocess.Popen(arguments, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        try:
            assert process.stdout
            line = next((line for line in islice(process.stdout, 20) if line.startswith("The support console: ")), "")
            address = urlsplit(line.removeprefix("The support console: ").strip())
            assert (address.port, address.path) == (port, "/console")
            headers = {"Authorization": f"Bearer {address.fragment.removeprefix('token=')}"}

            def read(path: str) -> Json:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                connection.request("GET", path, headers=headers)
                found: Json = json.loads(connection.getresponse().read())
                return found

            yield port, read
        finally:
            process.terminate()
            process.wait(60)


def told(read: Callable[[str], Json]) -> Json:
    """What the demo is about, without ids and times: who waits and why, in the console's order, and each account."""
    cases = read("/support/refund-cases")["cases"]
    decided = read("/support/decided-cases?which=decided_otherwise")["cases"]
    accounts = {name: read(f"/support/accounts/acct_{name}") for name in NAMED}
    renewals = {}
    for case in cases:
        of = read(f"/support/refund-cases/{case['case_id']}")
        renewals[case["account_id"]] = (of["facts"]["is_renewal"], of["recommended_outcome"], len(of["usage_since"]))
    return {
        "queue": [(one["account_id"], one["reason"], one["paid"], one["is_priority"]) for one in cases],
        "renewals": renewals,
        "decided": [(one["account_id"], one["reason"]) for one in decided],
        "disputes": [one["account_id"] for one in read("/support/disputes")["purchases"]],
        "suspended": [one["account_id"] for one in read("/support/suspended-accounts")["accounts"]],
        "proposals": len(read("/support/proposals")["proposals"]),
        "balances": {name: (one["balance"], one["status"]) for name, one in accounts.items()},
        "flags": {name: [flag["flag"].partition(":")[0] for flag in one["flags"]] for name, one in accounts.items()},
    }


def test_the_demo_ends_with_a_console_that_has_something_to_do() -> None:
    """Each story once: every invariant holds, cases and proposals wait, and the address that it prints signs in.

    Another build tells the same, however Python orders what has no order.
    """
    with demo("1") as (port, read):
        first = told(read)
        assert len(first["queue"]) >= 4
        assert first["proposals"] == 1
        assert len(read("/support/incidents")["incidents"]) == 1
        found = json.loads(command("verify", "--json", port=port).stdout)
        assert found["holds"], found
    is_priority = {account: one for account, _, _, one in first["queue"]}
    assert is_priority[account_of(wrote_before_the_dispute)]
    assert first["renewals"][account_of(forgot_the_renewal)][0], "the mistaken renewal is the second payment"
    with demo("2") as (_, read):
        second = told(read)
    for what, of in first.items():
        assert second[what] == of, what


def account_of(story: Story) -> str:
    """The account that lives a story."""
    return f"acct_{NAMED[STORIES.index(story)]}"


def test_the_demo_has_events_of_both_providers_that_cannot_be_booked() -> None:
    """They are what the page of parked events shows."""
    assert {one.provider for one in unusable_events()} == {"stripe", "paddle"}
