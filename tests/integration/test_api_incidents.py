"""Incidents through the API: what failed, replacement credits for all of it once, and how far that is."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from functions.replace_failed_runs import app as job
from ledger.domain.domain_events import IncidentBegun
from ledger.domain.ids import PaymentId
from ledger.domain.refund_cases import DecisionOutcome
from ledger.usecases.incidents.find_runs import cases_beside
from ledger.usecases.index_names import index_failed_run
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.usage import draw_credits, fail_run
from tests.integration.conftest import ADA, ADAS, BOB, BOBS, World, outage
from tests.integration.test_api import ask, new_key
from tools.testing.domain_events import delivered
from tools.testing.frontend import GROUPS_CLAIM, Frontend
from tools.testing.unguarded import decide_case

WHY = "The queue of the taggers stood still."


@pytest.fixture
def span(world: World) -> dict[str, str]:
    """An hour in which runs of Ada and Bob failed, each with its rows in the index."""
    return outage(world, (ADA, 30), (ADA, 10), (BOB, 7))


def wanted(span: dict[str, str], credits_: int) -> dict[str, Any]:
    """The body of an incident."""
    return {**span, "credits": credits_, "why": WHY}


def test_what_failed_is_shown_by_account_and_replaced_once(
    world: World, span: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """The preview's sum is what a person agrees to; the job does the rest, and the incident shows how far it is."""
    shown = world.sam.get("/support/failed-runs", query={**span, "limit": 1}).json
    figures = {name: shown[name] for name in ("runs", "credits", "to_give", "accounts_to_give", "replaced_runs")}
    assert figures == {"runs": 3, "credits": 47, "to_give": 47, "accounts_to_give": 2, "replaced_runs": 0}
    rest = world.sam.get("/support/failed-runs", query={**span, "after": shown["next"]}).json
    assert [one["account_id"] for one in shown["accounts"] + rest["accounts"]] == [ADA, BOB]
    assert rest["next"] is shown["cut_at"] is None
    assert world.sam.get("/support/failed-runs", query={**span, "limit": 2}).json["next"] is None

    key = new_key()
    begun = world.sam.post("/support/incidents", wanted(span, 47), key=key)
    assert (begun.status, begun.json["state"], begun.json["given"]) == (201, "running", 0)
    address = begun.headers["location"]
    assert address == f"/support/incidents/{begun.json['incident_id']}"
    assert world.sam.post("/support/incidents", wanted(span, 47), key=key).json == begun.json
    other = world.sam.post("/support/incidents", wanted(span, 46), key=key)
    assert (other.status, other.json["type"].rpartition(":")[2]) == (422, "idempotency-key-reused")

    event = delivered(IncidentBegun(incident_id=begun.json["incident_id"]))
    assert job.lambda_handler(event, None) == {"states": {begun.json["incident_id"]: "done"}}
    (line,) = [vars(one) for one in caplog.records if one.message == "incident"]
    assert (line["accounts"], line["runs"], line["credits"]) == (2, 3, 47)
    assert job.lambda_handler(event, None) == job.lambda_handler(event, None)
    done = world.sam.get(address, query={"limit": 1}).json
    assert (done["incident"]["state"], done["incident"]["given"], done["incident"]["runs"]) == ("done", 47, 3)
    more = world.sam.get(address, query={"after": done["next"]}).json
    assert [(one["account_id"], one["credits"]) for one in done["accounts"] + more["accounts"]] == [(ADA, 40), (BOB, 7)]
    assert [one["incident_id"] for one in world.sam.get("/support/incidents").json["incidents"]] == [
        begun.json["incident_id"]
    ]
    again = world.sam.get("/support/failed-runs", query=span).json
    assert (again["to_give"], again["replaced_runs"]) == (0, 3)


def test_each_account_is_on_one_page_whatever_is_left_to_replace(world: World) -> None:
    """Of accounts with as much to replace, the one whose failures had cost more is not the first."""
    span = outage(world, (ADA, 7), (BOB, 40))
    begun = world.sam.post("/support/incidents", wanted(span, 47), key=new_key()).json
    job.lambda_handler(delivered(IncidentBegun(incident_id=begun["incident_id"])), None)
    first = world.sam.get("/support/failed-runs", query={**span, "limit": 1}).json
    rest = world.sam.get("/support/failed-runs", query={**span, "after": first["next"]}).json
    assert [one["account_id"] for one in first["accounts"] + rest["accounts"]] == [ADA, BOB]
    assert (first["accounts_in_all"], rest["next"]) == (2, None)


def test_the_preview_names_cases_about_the_same_failures(world: World, span: dict[str, str]) -> None:
    """A technical problem that is open, or that was made good with credits since: the person judges what is twice."""
    case_id = ask(world.ada, ADAS).json["case_id"]
    ask(world.bob, BOBS, reason="unrecognised_charge")

    def beside() -> list[tuple[str, list[dict[str, str]]]]:
        shown = world.sam.get("/support/failed-runs", query=span).json["accounts"]
        return [(one["account_id"], one["cases"]) for one in shown]

    case = {"case_id": case_id, "reason": "technical_problem"}
    assert beside() == [(ADA, [{**case, "state": "in_review"}]), (BOB, [])]
    verdict = {"outcome": "replace", "clause": "6", "words": ["Sorry."], "credits": 40}
    assert world.sam.post(f"/support/refund-cases/{case_id}/decision", verdict).status == 200
    assert beside() == [(ADA, [{**case, "state": "replaced"}]), (BOB, [])]
    assert cases_beside(ADA, world.services.now() + timedelta(seconds=5), world.services.store) == []


def test_a_case_counts_by_when_it_was_made_good_and_not_by_when_it_was_opened(world: World) -> None:
    """Who complained before the failures got credits after them: a person has to judge for which runs."""
    store, now = world.services.store, world.services.now()
    case_id = ask(world.ada, ADAS).json["case_id"]
    decision = ReviewDecision(outcome=DecisionOutcome.REPLACE, words=("Sorry.",), clause="6", credits=40)
    decide_case(case_id, decision, "sam", store, world.services.policy, now=now + timedelta(hours=2))
    counted = {hours: bool(cases_beside(ADA, now + timedelta(hours=hours), store)) for hours in (-1, 1, 2, 3)}
    assert counted == {-1: True, 1: True, 2: True, 3: False}


def test_another_sum_than_the_preview_showed_is_refused(world: World, span: dict[str, str]) -> None:
    """Nothing is begun."""
    refused = world.sam.post("/support/incidents", wanted(span, 46), key=new_key())
    assert (refused.status, refused.json["type"].rpartition(":")[2]) == (409, "incident-changed")
    assert world.sam.get("/support/incidents").json == {"incidents": [], "next": None}


def test_above_the_limits_a_colleague_confirms_and_neither_gets_anything(world: World, span: dict[str, str]) -> None:
    """The proposal is about the incident. Bob works in support by now: he may confirm it, and is left out then."""
    store, now = world.services.store, world.services.now()
    limit = world.services.policy.support_limits["credits"].day
    world.pays(PaymentId("stripe:pi_big"), ADA, credits_=2 * limit)
    draw_credits(ADA, "run_big", limit, store, now=now - timedelta(minutes=5))
    fail_run(ADA, "run_big", store, now=now - timedelta(minutes=5))
    index_failed_run(ADA, "run_big", now - timedelta(minutes=5), store)
    refused = world.sam.post("/support/incidents", wanted(span, limit + 47), key=new_key())
    assert (refused.status, refused.json["type"].rpartition(":")[2]) == (409, "second-person-needed")
    (proposal,) = world.sam.get("/support/proposals").json["proposals"]
    assert (proposal["action"], proposal["amount"], proposal["subject"]) == (
        *("replace_runs", limit + 47),
        proposal["account_id"],
    )
    address = f"/support/accounts/{proposal['account_id']}/proposals/{proposal['proposal_id']}/confirmation"
    assert world.sam.post(address).status == 409
    assert Frontend(BOB, {GROUPS_CLAIM: ["billing-support"]}).post(address).json["state"] == "confirmed"
    job.lambda_handler({}, None)
    incident = world.sam.get(f"/support/incidents/{proposal['subject']}").json["incident"]
    assert (incident["confirmed_by"], incident["given"], incident["left_out"]) == (
        *(BOB, limit + 40),
        [{"why": "own", "accounts": 1}],
    )


@pytest.mark.parametrize(
    ("since", "until", "words"),
    [
        ("2026-11-02T12:00:00Z", "2026-11-01T12:00:00Z", "after the beginning"),
        ("2026-11-01T12:00:00Z", "2026-11-08T12:00:01Z", "at most 7 days"),
        ("2026-11-01T12:00:00Z", "2099-01-01T12:00:00Z", "in the future"),
    ],
)
def test_a_time_that_no_incident_can_be_about_is_told_in_words(
    world: World, since: str, until: str, words: str
) -> None:
    """By the preview, and when it is begun."""
    span = {"since": since, "until": until}
    told = (
        world.sam.get("/support/failed-runs", query=span),
        world.sam.post("/support/incidents", wanted(span, 5), key=new_key()),
    )
    for one in told:
        assert (one.status, words in one.text) == (422, True)
    assert [one.json["errors"][0]["field"] for one in told] == ["query.until", "body.until"]
    assert datetime.fromisoformat(since) < world.services.now()
