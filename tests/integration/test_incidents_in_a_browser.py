"""The console's page of incidents in a real browser: by one person and by two, by keyboard, and under attack."""

import json
from datetime import datetime, timedelta

import pytest

from functions.replace_failed_runs import app as job
from ledger.domain.ids import PaymentId
from ledger.ports.reads import Keys
from ledger.usecases.index_names import index_failed_run
from ledger.usecases.usage import draw_credits, fail_run
from tests.integration.conftest import ADA, BOB, World
from tests.integration.test_console_in_a_browser import DESK, PHONE, Console, console, opened_case, page
from tools.testing.browser import executable

__all__ = ["console", "page"]  # the fixtures of the console
pytestmark = pytest.mark.skipif(executable() is None, reason="no Chromium on the PATH")


@pytest.fixture
def failures(world: World) -> tuple[datetime, datetime]:
    """Runs of Ada and Bob that failed in the last hour."""
    now = world.services.now().replace(microsecond=0)
    for account_id, credits_ in ((ADA, 30), (BOB, 12)):
        fails(world, account_id, credits_)
    return now - timedelta(hours=1), now - timedelta(seconds=1)


def fails(world: World, account_id: str, credits_: int) -> None:
    """A run that failed ten minutes ago, with its rows in the index."""
    store, at = world.services.store, world.services.now() - timedelta(minutes=10)
    draw_credits(account_id, f"run_{account_id}_{credits_}", credits_, store, now=at)  # type: ignore[arg-type]
    fail_run(account_id, f"run_{account_id}_{credits_}", store, now=at)  # type: ignore[arg-type]
    index_failed_run(account_id, f"run_{account_id}_{credits_}", at, store)  # type: ignore[arg-type]


def looks(console: Console, failures: tuple[datetime, datetime]) -> None:
    """Enter both times in the reader's zone, and look."""
    console.go("incidents", "Incidents")
    for name, at in zip(("since", "until"), failures, strict=True):
        local = f"new Date(new Date({json.dumps(at.isoformat())}) - new Date().getTimezoneOffset() * 60000)"
        written = f"{local}.toISOString().slice(0, 19)"
        field = f"document.getElementById('{name}')"
        console.page.value(f"(e => {{ e.value = {written}; e.dispatchEvent(new Event('change')); }})({field})")
    console.click("Show what failed")
    console.reads("Credits to give")


def balances(world: World) -> tuple[int, int]:
    """What Ada and Bob have."""
    accounts = world.services.store.read(Keys(accounts=frozenset({ADA, BOB}))).accounts
    return accounts[ADA].balance, accounts[BOB].balance


def test_an_incident_is_made_good_once_and_its_page_follows_it(
    world: World, console: Console, failures: tuple[datetime, datetime]
) -> None:
    """A second click in the dialog changes nothing, and neither does looking again."""
    before = balances(world)
    console.sign_in()
    looks(console, failures)
    console.page.wait_until("document.activeElement.id === 'found'")
    console.click("Replace 42 credits…")
    console.reads("2 accounts get as many credits as their failed runs had cost")
    console.write("why", "The queue of the taggers stood still.")
    console.page.value(
        "(() => { const go = document.querySelector('dialog button[type=submit]'); go.click(); go.click(); })()"
    )
    console.wait_for_heading("Incident")
    console.reads("Account by account. You can leave this page.")
    assert len(world.sam.get("/support/incidents").json["incidents"]) == 1
    job.lambda_handler({}, None)
    console.reads("The incident is made good.")
    console.reads("The queue of the taggers stood still.")
    console.page.wait_until("!document.querySelector('progress') && document.querySelector('.badge.good')")
    assert balances(world) == (before[0] + 30, before[1] + 12)
    looks(console, failures)
    assert console.page.value(
        "[...document.querySelectorAll('button')].find(e => e.textContent === 'Nothing to replace').disabled"
    )
    (begun,) = world.sam.get("/support/incidents").json["incidents"]
    console.go(f"find?q={begun['incident_id']}", "Search")
    console.click("Incident: done")
    console.wait_for_heading("Incident")
    assert console.blocked() == []


def test_who_has_a_technical_case_is_shown_with_it(
    world: World, console: Console, failures: tuple[datetime, datetime]
) -> None:
    """It may be about the same failures: its page is one click away."""
    case_id = opened_case(world)
    console.sign_in()
    looks(console, failures)
    console.click("Technical case open")
    console.wait_for_heading("Technical problem")
    assert console.page.value("location.hash") == f"#/cases/{case_id}"


def test_above_the_limits_two_people_make_it_good(
    world: World, console: Console, failures: tuple[datetime, datetime]
) -> None:
    """Sue proposes it, and Tom confirms it on the page of what waits for a second person."""
    limit = world.services.policy.support_limits["credits"].day
    world.pays(PaymentId("stripe:pi_big"), ADA, credits_=2 * limit)
    fails(world, ADA, limit)
    before = balances(world)
    console.sign_in()
    looks(console, failures)
    console.click("Replace ")
    console.write("why", "The queue stood still.")
    console.click("Replace ")
    console.reads("a colleague has to confirm it")
    assert world.sam.get("/support/incidents").json["incidents"] == []
    console.sign_in("staff_tom")
    console.go("proposals", "Second approval")
    console.reads("All whose runs failed in the incident")
    console.click("Confirm…")
    console.click("Confirm")
    console.reads("Nothing waits")
    job.lambda_handler({}, None)
    console.go("incidents", "Incidents")
    console.reads("by staff_sue and staff_tom")
    assert balances(world) == (before[0] + 30 + limit, before[1] + 12)
    assert console.blocked() == []


def test_a_sum_that_has_changed_is_said_and_shown_anew(
    world: World, console: Console, failures: tuple[datetime, datetime]
) -> None:
    """Another run failed while the dialog was open: nothing begins. What was written stays, whatever is in between."""
    console.sign_in()
    looks(console, failures)
    console.click("Replace 42 credits…")
    console.write("why", "The queue stood still.")
    fails(world, ADA, 5)
    console.click("Replace 42 credits")
    console.reads("The figures have changed since the preview")
    console.click("Show the current state")
    console.click("Replace 47 credits…")
    written = "document.getElementById('why')?.value === 'The queue stood still.'"
    console.page.wait_until(written)
    assert world.sam.get("/support/incidents").json["incidents"] == []
    console.page.value("location.reload()")
    console.sign_in_here()
    console.page.wait_until(written)
    console.click("Replace 47 credits")
    console.wait_for_heading("Incident")
    assert console.page.value("sessionStorage.length") == 0
    (begun,) = world.sam.get("/support/incidents").json["incidents"]
    assert (begun["credits"], begun["why"]) == (47, "The queue stood still.")


def test_a_customer_sees_nothing_of_incidents(console: Console, failures: tuple[datetime, datetime]) -> None:
    """The API refuses, and the page says why."""
    console.sign_in("acct_ada")
    console.go("incidents", "Incidents")
    console.reads("Your sign-in is not one of support staff.")
    assert failures
    assert BOB not in console.page.value("document.body.innerText")


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_page_fits_its_window_with_and_without_anything(
    console: Console, failures: tuple[datetime, datetime], size: tuple[int, int]
) -> None:
    """An empty list, a time in which nothing failed, a time that can't be one, and a preview."""
    console.sign_in(size=size)
    console.go("incidents", "Incidents")
    console.reads("No incident yet")
    console.go("incidents?since=2026-11-01T12:00:00Z&until=2026-11-01T13:00:00Z", "Incidents")
    console.reads("No run failed in this time")
    console.go("incidents?since=2026-11-02T12:00:00Z&until=2026-11-01T13:00:00Z", "Incidents")
    console.reads("The end should be after the beginning.")
    assert "body.until" not in console.page.value("document.body.innerText")
    looks(console, failures)
    assert console.page.value("document.documentElement.scrollWidth") <= size[0]
    assert console.blocked() == []
