"""A parked event is translated under the settings of now: by the job as by its own delivery, received again."""

import importlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger.domain import catalogue
from ledger.domain.receipts import ParkReason, RecordOutcome
from ledger.providers.registry import PROVIDERS
from ledger.providers.scope import EVERYTHING, Scope, parse_mute_rules
from ledger.runtime import Runtime
from ledger.webhook import handle
from tests.unit.functions.test_webhook import BODY, request, services
from tools.testing.builders import LATER

__all__ = ["services"]  # the fixture of the webhook

Deploy = Callable[..., None]

OURS = Scope({"stripe": "acct_ours"})
NEWSLETTERS = Scope(rules=parse_mute_rules("stripe:metadata.app=newsletter", PROVIDERS))
LIVE = json.loads(BODY) | {"livemode": True}
OF_US = json.loads(BODY) | {"context": "org_1/acct_ours"}
OF_A_NEWSLETTER = json.loads(BODY)
OF_A_NEWSLETTER["data"]["object"] = OF_A_NEWSLETTER["data"]["object"] | {"metadata": {"app": "newsletter"}}

SOLD = json.loads(catalogue.DEFAULT_FILE.read_text("utf-8"))
NOT_YET_SOLD = SOLD | {"products": [one for one in SOLD["products"] if one["product_id"] != "pack_500"]}

BOOKED, NOTED = RecordOutcome.BOOKED, RecordOutcome.NOTED
TEST_MODE: dict[str, Any] = {"is_live": False, "scope": EVERYTHING}
OUR_ACCOUNT, LIVE_MODE, MUTED = {"scope": OURS}, {"is_live": True}, {"scope": NEWSLETTERS}


@pytest.fixture
def deploy(services: Runtime, tmp_path: Path) -> Deploy:
    """Set the runtime up with other settings, and perhaps another catalogue."""

    def set_up(settings: dict[str, Any], sold: dict[str, Any] = SOLD) -> None:
        file = tmp_path / "catalogue.json"
        file.write_text(json.dumps(sold), "utf-8")
        services.config = replace(services.config, **TEST_MODE | settings | {"catalogue_file": file})
        services.catalogue = catalogue.load(file)  # not as live mode loads it: the prices are those of the example
        services.__dict__.pop("deployment", None)

    return set_up


def deliver_again(services: Runtime, body: bytes) -> None:
    """The provider delivers the event again."""
    assert handle("payment_succeeded", request(body), services)["statusCode"] == 200


def run_the_job(services: Runtime, body: bytes = b"", hours: float = 2) -> None:
    """The schedule tries what is parked and has not been tried under these settings."""
    del body
    services.clock = lambda: LATER + timedelta(hours=hours)
    importlib.import_module("functions.release_parked.app").lambda_handler({}, None)


@pytest.mark.parametrize("again", [deliver_again, run_the_job])
@pytest.mark.parametrize(
    ("content", "before", "reason", "after", "outcome"),
    [
        (LIVE, {}, ParkReason.WRONG_MODE, LIVE_MODE, BOOKED),
        (OF_US, {}, ParkReason.OTHER_ACCOUNT, OUR_ACCOUNT, BOOKED),
        (OF_A_NEWSLETTER, {}, ParkReason.UNKNOWN_PRODUCT, MUTED, NOTED),
    ],
    ids=["the mode", "our own account", "a rule"],
)
def test_a_setting_that_changed_counts_for_what_is_parked(
    services: Runtime,
    deploy: Deploy,
    again: Any,
    content: dict[str, Any],
    before: dict[str, Any],
    reason: ParkReason,
    after: dict[str, Any],
    outcome: RecordOutcome,
) -> None:
    """It is booked, or no longer listed; until then it is parked for its reason."""
    body = json.dumps(content).encode()
    deploy(before)
    deliver_again(services, body)
    if again is run_the_job:
        run_the_job(services, hours=1)
    assert [receipt.parked_reason for receipt in services.store.parked_receipts()] == [reason]
    deploy(after)
    again(services, body)
    (receipt,) = services.store.receipts.values()  # type: ignore[attr-defined]
    assert (receipt.outcome, receipt.parked_reason) == (outcome, None)


@pytest.mark.parametrize("again", [deliver_again, run_the_job])
@pytest.mark.parametrize(
    ("content", "settings"), [(LIVE, LIVE_MODE), (OF_US, OUR_ACCOUNT)], ids=["the mode", "our own account"]
)
def test_the_settings_count_for_what_was_parked_for_another_reason(
    services: Runtime, deploy: Deploy, again: Any, content: dict[str, Any], settings: dict[str, Any]
) -> None:
    """Its product was not sold yet. It is booked once it is, and not parked for what the settings allow."""
    body = json.dumps(content).encode()
    deploy(settings, NOT_YET_SOLD)
    deliver_again(services, body)
    assert [receipt.parked_reason for receipt in services.store.parked_receipts()] == [ParkReason.UNKNOWN_PRODUCT]
    deploy(settings)
    again(services, body)
    (receipt,) = services.store.receipts.values()  # type: ignore[attr-defined]
    assert (receipt.outcome, receipt.account_id) == (BOOKED, "acct_ada")
