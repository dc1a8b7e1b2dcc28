"""The commands that people type, as they type them: their output is what the README shows."""

import contextlib
import html
import http.client
import json
import os
import re
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import engines, signing
from tools.stories import EVENTS, stories

ROOT = Path(__file__).parent.parent.parent


def environment(port: int) -> dict[str, str]:
    """A person's shell: none of the test run's AWS settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "POWERTOOLS_"))}
    return kept | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'layers' / 'ledger'}", "PORT": str(port)}


def command(*arguments: str, port: int, **more: str) -> subprocess.CompletedProcess[str]:
    """Run one of our commands to its end."""
    run = [sys.executable, "-m", "cli", *arguments]
    return subprocess.run(run, cwd=ROOT, env=environment(port) | more, capture_output=True, text=True, timeout=120)  # noqa: S603 - ours


def test_the_readme_shows_what_the_run_prints() -> None:
    """The README's example is run and compared, word for word but for the ports."""
    shown = re.search(r'\$ make run ARGS="(.*?)"\n(.*?)\n```', (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert shown
    result = command("run", *shown[1].split(), port=engines.free_port())
    printed = "\n".join(line.rstrip() for line in result.stdout.splitlines()).strip()
    assert result.returncode == 0
    assert re.sub(r":\d{4,5}\b(?=,|  over)", ":…", printed) == re.sub(r":(\d{4,5}|…)(?=,|  over)", ":…", shown[2])


def test_the_readme_shows_how_a_life_goes() -> None:
    """The first and the last life, as the README shows them; and all of them end with every invariant holding."""
    shown = re.findall(r"<!-- life: .*?```console\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert len(shown) == 2
    result = command("run", "--story", "life", port=engines.free_port())
    printed = "\n".join(line.rstrip() for line in result.stdout.splitlines())
    assert result.returncode == 0, printed
    assert all(life.rstrip() in printed for life in shown)
    assert "7 lives, every invariant holds." in printed


def test_the_readme_counts_what_there_is() -> None:
    """The number of notifications that it promises is the number in the library."""
    count = sum(len(story.notifications) for story in stories())
    assert f"plays {count} real notifications" in (ROOT / "README.md").read_text("utf-8")


@contextlib.contextmanager
def server() -> Iterator[int]:
    """`make serve`; yields its port once it answers."""
    port = engines.free_port()
    arguments = [sys.executable, "-m", "cli", "serve"]
    process = subprocess.Popen(arguments, cwd=ROOT, env=environment(port), stdout=subprocess.DEVNULL)  # noqa: S603 - ours
    try:
        limit = time.monotonic() + 120
        while time.monotonic() < limit:
            with contextlib.suppress(OSError):
                http.client.HTTPConnection("127.0.0.1", port, timeout=60).connect()
                if command("verify", port=port).returncode == 0:
                    break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="module")
def served() -> Iterator[int]:
    """The port of a server that tests share. Each delivers for an account of its own."""
    with server() as port:
        yield port


def test_a_served_ledger_is_delivered_to_read_and_verified(served: int) -> None:
    """A signed delivery over HTTP, the account's statement, the proof; and an unknown account is told as such."""
    story = next(one for one in stories() if one.name == "paddle_pack_bought")
    told = story.notifications[0]
    connection = http.client.HTTPConnection("127.0.0.1", served, timeout=60)
    headers = signing.headers(told.provider, told.body, signing.LOCAL_SECRETS[told.provider], time.time())
    connection.request("POST", f"/webhooks/{told.provider}/{told.to}", told.body, headers)
    assert json.loads(connection.getresponse().read())["outcome"] == "booked"
    account = json.loads(command("ledger", story.account_id, "--json", port=served).stdout)
    assert (account["status"], account["balance"], account["shortfall"], account["holds"]) == ("active", 500, 0, [])
    assert [entry["credits"] for entry in account["entries"]] == [500]
    proof = command("verify", "--json", port=served)
    assert (proof.returncode, json.loads(proof.stdout)["holds"]) == (0, True)
    assert command("ledger", "acct_nobody", port=served).returncode == 1
    event_id = json.loads(told.body)["event_id"]
    for text in (story.account_id, event_id):
        explained = json.loads(command("why", text, "--json", port=served).stdout)
        assert [line["kind"] for line in explained["lines"]][-3:] == ["event", "fact", "entry"]
        assert explained["balance"] == [f"{story.account_id} has 500 credits: 500 granted."]
    assert "500 granted" in command("why", story.account_id, port=served).stdout
    assert command("why", "acct_nobody", port=served).returncode == 1


def test_a_kind_of_parked_event_is_muted_and_the_mute_is_ended(served: int) -> None:
    """By `billing mutes` over the API, in the name of whom the token is of."""
    content = json.loads((EVENTS / "paddle" / "loose_unknown_price.json").read_bytes())
    content["data"]["custom_data"] = None  # it names nothing of ours
    body = json.dumps(content).encode()
    connection = http.client.HTTPConnection("127.0.0.1", served, timeout=60)
    headers = signing.headers("paddle", body, signing.LOCAL_SECRETS["paddle"], time.time())
    connection.request("POST", "/webhooks/paddle/payment-succeeded", body, headers)
    assert json.loads(connection.getresponse().read())["outcome"] == "parked"
    token = command("token", "staff_sue", "--groups", "billing-support", port=served).stdout.strip()
    connection.request("GET", "/support/parked", headers={"Authorization": f"Bearer {token}"})
    (parked,) = json.loads(connection.getresponse().read())["parked"]

    def mutes(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return command("mutes", *arguments, port=served, API_TOKEN=token)

    added = mutes("add", parked["parked_id"], "--why", "Of our other shop.")
    assert (added.returncode, "is muted" in added.stdout) == (0, True), added.stderr
    (mute,) = json.loads(mutes("list", "--json").stdout)["mutes"]
    assert (mute["events"], mute["muted_by"], mute["why"]) == (1, "staff_sue", "Of our other shop.")
    assert mute["mute_id"] in mutes("list").stdout
    ended = mutes("end", mute["mute_id"], "--why", "We sell it now.")
    assert (ended.returncode, "is no longer muted" in ended.stdout) == (0, True), ended.stderr
    assert mutes("end", "mute_000000000000000000000000", "--why", "x").returncode == 1
    assert command("mutes", "list", port=served).returncode == 2
    dismissal = f"/support/parked/{urllib.parse.quote(parked['parked_id'], safe='')}/dismissal"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("POST", dismissal, json.dumps({"why": "Other tests share the server."}), headers)
    assert connection.getresponse().status == 200


@pytest.mark.parametrize("provider", ["stripe", "paddle"])
def test_a_buyer_pays_in_the_browser_and_is_led_back(served: int, provider: str) -> None:
    """Order, the simulator's page, its button, and our own page with the credits."""
    token = command("token", f"acct_{provider}_buyer", port=served).stdout.strip()
    wanted = {"product_id": "pack_1000", "currency": "EUR", "country": "CH", "policy_version": "2026-11-01"}
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k", "Content-Type": "application/json"}
    shop = http.client.HTTPConnection("127.0.0.1", served, timeout=60)
    shop.request("POST", "/orders", json.dumps({**wanted, "provider": provider}), headers)
    order = json.loads(shop.getresponse().read())
    checkout = urllib.parse.urlsplit(order["checkout_url"])
    simulator = http.client.HTTPConnection(checkout.netloc, timeout=60)
    simulator.request("GET", f"{checkout.path}?{checkout.query}")
    page = simulator.getresponse().read().decode()
    action, checkout_id = (html.unescape(found) for found in re.findall(r"(?:action|value)='([^']+)'", page))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    simulator.request("POST", action, urllib.parse.urlencode({"checkout": checkout_id}), form)
    paid = simulator.getresponse()
    paid.read()
    assert paid.status == 303
    back = urllib.parse.urlsplit(paid.headers["Location"])
    assert back.netloc == f"127.0.0.1:{served}"
    for _ in range(100):
        shop.request("GET", f"{back.path}?{back.query}")
        page = shop.getresponse().read().decode()
        if "Waiting for the payment" not in page:
            break
        time.sleep(0.1)
    assert "Thank you for your order" in page
    assert order["order_id"] in page
    shop.request("GET", "/_local/orders?order_id=<b>")
    unknown = shop.getresponse()
    assert (unknown.status, b"<b>" in unknown.read()) == (404, False)


def test_a_parked_event_is_released_by_the_stream_and_a_job_runs_on_demand(served: int) -> None:
    """A renewal whose account is not known is parked; once it is known, stream and bus bring its release."""
    story = next(one for one in stories() if one.name == "paddle_subscription_three_months")
    renewal, initial = story.notifications[3], story.notifications[0]
    outcomes = []
    connection = http.client.HTTPConnection("127.0.0.1", served, timeout=60)
    for told in (renewal, initial):
        headers = signing.headers(told.provider, told.body, signing.LOCAL_SECRETS[told.provider], time.time())
        connection.request("POST", f"/webhooks/{told.provider}/{told.to}", told.body, headers)
        outcomes.append(json.loads(connection.getresponse().read())["outcome"])
    assert outcomes == ["parked", "booked"]
    connection.request("POST", "/_local/drain")
    assert json.loads(connection.getresponse().read()) == {"drained": True}
    account = json.loads(command("ledger", story.account_id, "--json", port=served).stdout)
    assert [entry["credits"] for entry in account["entries"] if entry["kind"] == "grant"] == [1000, 1000]
    proof = json.loads(command("verify", "--json", port=served).stdout)
    assert proof["holds"] is True
    job = command("job", "release_parked", port=served)
    assert (job.returncode, json.loads(job.stdout)) == (0, {"outcomes": {}})
    assert command("job", "nobody", port=served).returncode == 1


def test_the_users_own_engine_keeps_the_table_and_has_a_bucket_beside_it(dynamodb_local: str) -> None:
    """With DynamoDB elsewhere an embedded engine still stands in for S3, and the table there is streamed from."""
    port, name = engines.free_port(), f"ledger-{os.getpid()}"
    given = environment(port) | {"AWS_ENDPOINT_URL_DYNAMODB": dynamodb_local, "TABLE_NAME": name}
    run = [sys.executable, "-m", "cli", "run", "--story", "stripe_partial_refunds"]
    result = subprocess.run(run, cwd=ROOT, env=given, capture_output=True, text=True, timeout=120)  # noqa: S603 - ours
    assert (result.returncode, result.stderr.strip()) == (0, "")
    assert f"over DynamoDB at {dynamodb_local}, table {name}" in result.stdout
    assert "every invariant holds" in result.stdout


def test_the_readmes_delivery_by_hand_is_booked_as_it_says(served: int) -> None:
    """Its three shell lines, as they stand but for the port."""
    block = re.search(r"\$ (body=.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert block
    *lines, shown = block[1].strip().splitlines()
    script = "\n".join(line.removeprefix("$ ") for line in lines)
    typed = ["bash", "-c", script.replace(":3000/", f":{served}/").replace("curl ", "curl --silent ")]
    assert subprocess.run(typed, cwd=ROOT, capture_output=True, text=True, timeout=300).stdout == shown  # noqa: S603 - ours


def test_a_server_is_found_though_another_ends(served: int) -> None:
    """Each writes down where it is, and takes back only its own."""
    with server() as other:
        assert command("verify", port=other).returncode == 0
    assert command("verify", port=other).returncode == 2
    assert command("verify", port=served).returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve"],
        ["verify"],
        ["ledger", "acct_ada"],
    ],
)
def test_an_engine_that_does_not_answer_is_told_in_a_line(arguments: list[str]) -> None:
    """A wrong endpoint is a person's slip: a sentence that names it, no traceback."""
    nowhere = {"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9", "TABLE_NAME": "ledger"}
    result = command(*arguments, port=engines.free_port(), **nowhere)
    assert result.returncode == 2
    assert "http://127.0.0.1:9" in result.stderr
    assert len(result.stderr.splitlines()) == 1
