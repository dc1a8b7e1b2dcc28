"""Parked events through the API: a list that says what releases each, the event itself, and another try."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.domain import catalogue
from ledger.domain.ids import PaymentId
from ledger.domain.receipts import ParkReason, Receipt, Trigger
from ledger.ports.commit import Commit
from ledger.usecases.attribute_parked import UNREADABLE
from ledger.usecases.parked_events import release_of
from tests.integration.conftest import ADA, World
from tests.integration.test_release_parked import SECRET, START, of_a_price, receive, release
from tools.testing.frontend import supporter

KIM = supporter(name="kim")
PRICE = "pri_of_next_month"


@pytest.fixture
def parked(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Three payments at a price that the catalogue does not have."""
    monkeypatch.setenv("PADDLE_SIGNING_SECRETS", SECRET)
    world.services.config = replace(world.services.config, signing_secrets={"paddle": SECRET})
    for number in range(3):
        assert receive(world.services, of_a_price(PRICE, number)) == "parked"
    return world


def test_the_list_says_why_each_is_parked_and_what_releases_it(parked: World) -> None:
    """Page by page, the one that was received first comes first."""
    first = parked.sam.get("/support/parked", query={"limit": 2}).json
    second = parked.sam.get("/support/parked", query={"limit": 2, "after": first["next"]}).json
    assert [one["event_id"] for one in first["parked"] + second["parked"]] == ["evt_0", "evt_1", "evt_2"]
    assert second["next"] is None
    shown = first["parked"][0]
    assert (shown["parked_id"], shown["kind"]) == ("paddle:ctm_0~evt_0", "paddle/transaction.completed/unknown_price")
    assert shown["released_by"] == "The catalogue does not have its price. A catalogue with the price releases it."


def test_an_event_is_shown_as_the_provider_sent_it(parked: World) -> None:
    """Its body is in no list."""
    shown = parked.sam.get("/support/parked/paddle:ctm_1~evt_1").json
    assert shown["body"]["data"]["id"] == "txn_1"
    assert "body" not in parked.sam.get("/support/parked").json["parked"][0]


def test_another_try_books_what_can_be_booked_by_now(parked: World, tmp_path: Path) -> None:
    """Once: then it is parked no more. What still can't be booked stays."""
    path = "/support/parked/paddle:ctm_1~evt_1"
    tried = {"why": "Its price is in the catalogue now."}
    assert parked.sam.post(f"{path}/replay", tried).status == 422  # without a key a second click is another try
    still = parked.sam.post(f"{path}/replay", tried, key="key_1").json
    assert (still["outcome"], still["reason"], still["account_id"]) == ("parked", "unknown_price", None)
    text = catalogue.DEFAULT_FILE.read_text("utf-8")
    known = next(price for price in text.split('"') if price.startswith("pri_"))
    (tmp_path / "catalogue.json").write_text(text.replace(known, PRICE))
    parked.services.catalogue = catalogue.load(tmp_path / "catalogue.json")
    booked = parked.sam.post(f"{path}/replay", tried, key="key_2").json
    assert booked["outcome"] == "booked"
    assert booked["account_id"]
    assert parked.sam.post(f"{path}/replay", tried, key="key_2").json == booked
    assert parked.sam.post(f"{path}/replay", {"why": "Another reason."}, key="key_2").status == 422
    shown = parked.sam.get(path).json
    assert (shown["outcome"], shown["account_id"], shown["reason"]) == ("booked", booked["account_id"], None)
    assert shown["body"] is None
    assert [one["actor"] for one in shown["history"]["lines"] if one["kind"] == "act"] == ["sam", "sam"]
    owner = f"/support/accounts/{booked['account_id']}/timeline"
    looks = KIM.get(owner, query={"kinds": "look"}).json["lines"]
    assert "sam looked at event paddle:evt_1" in [one["words"] for one in looks]
    assert len(parked.sam.get("/support/parked").json["parked"]) == 2


def test_who_has_looked_and_who_did_what_is_shown_though_it_has_no_account(parked: World) -> None:
    """The own look too. What can't be recorded is not shown, and a customer sees and does nothing of it."""
    path = "/support/parked/paddle:ctm_1~evt_1"
    assert parked.ada.get(path).status == 403
    assert parked.ada.post(f"{path}/replay", {"why": "y"}, key="key_1").status == 403
    KIM.post(f"{path}/replay", {"why": "The shop asks for it."}, key="key_1")
    lines = parked.sam.get(path).json["history"]["lines"]
    assert {(one["kind"], one["words"]) for one in lines} == {
        ("act", "kim tried again to book paddle:evt_1: The shop asks for it."),
        ("look", "sam looked at event"),
    }
    KIM.post(f"{path}/dismissal", {"why": "Of our other shop."})
    shown = KIM.get(path).json
    assert (shown["outcome"], shown["detail"]) == ("noted", "muted: dismissed by kim: Of our other shop.")
    assert "kim dismissed paddle:evt_1: Of our other shop." in [one["words"] for one in shown["history"]["lines"]]


@pytest.mark.parametrize(
    "parked_id", ["nothing", "~evt_1", "paddle:ctm_1~", "paddle:ctm_1~evt_9", "stripe:cus_1~evt_1"]
)
def test_what_is_not_parked_is_not_found(parked: World, parked_id: str) -> None:
    """Whatever the id looks like."""
    assert parked.sam.get(f"/support/parked/{parked_id}").status == 404


@pytest.mark.parametrize("reason", list(ParkReason))
def test_each_reason_says_what_releases_it(reason: ParkReason) -> None:
    """A deployment or facts, as the job knows it."""
    receipt = Receipt.__new__(Receipt)
    object.__setattr__(receipt, "parked_reason", reason)
    said = release_of(receipt)
    assert "releases it" in said or "books it" in said or "has to name it" in said
    by_deployment = any(word in said for word in ("catalogue", "release can", "deployment"))
    assert by_deployment == (reason.trigger is Trigger.DEPLOYMENT)


def test_reasons_that_differ_are_released_by_different_things() -> None:
    """Those of a body that this release can't read by one, and so are those that only people can tell apart."""
    said: dict[str, set[ParkReason]] = {}
    for reason in ParkReason:
        receipt = Receipt.__new__(Receipt)
        object.__setattr__(receipt, "parked_reason", reason)
        said.setdefault(release_of(receipt), set()).add(reason)
    shared = {words: len(reasons) for words, reasons in said.items() if len(reasons) > 1}
    assert {words.partition(" ")[0] for words in shared} <= {"This", "Another"}
    assert not {ParkReason.PERIOD_ALREADY_PAID, ParkReason.NO_ACCOUNT, ParkReason.UNDERPAID} & {
        reason for words in shared for reason in said[words]
    }


def of_another_shop(number: int, customer: int) -> bytes:
    """The payment of something that we do not sell, on a checkout of another application."""
    content = json.loads(of_a_price("pri_of_another_shop", customer))
    content["event_id"] = f"evt_shop_{number}"
    content["data"] |= {"id": f"txn_shop_{number}", "custom_data": None}
    for item in content["data"]["items"]:
        item["price"]["id"] = "pri_of_another_shop"
    return json.dumps(content).encode()


def test_a_kind_is_muted_and_comes_back(parked: World) -> None:
    """What it would do is shown before. What names an account of ours stays in the list, and is never muted."""
    for number in range(3):
        assert receive(parked.services, of_another_shop(number, 7 + number)) == "parked"
    path = "/support/parked/paddle:ctm_7~evt_shop_0"
    seen = parked.sam.get(f"{path}/mute").json
    assert (seen["refusal"], seen["events"], seen["of_ours"], seen["is_cut"]) == ("", 3, 0, False)
    muted = parked.sam.post(f"{path}/mute", {"why": "Of our other shop."}).json
    assert (muted["muted_by"], muted["why"], muted["is_in_force"]) == ("sam", "Of our other shop.", True)
    assert [one["event_id"] for one in parked.sam.get("/support/parked").json["parked"]] == ["evt_0", "evt_1", "evt_2"]
    hidden = parked.sam.get("/support/parked", query={"are_muted": "true"}).json["parked"]
    assert [(one["event_id"], one["muted_by"]) for one in hidden] == [
        (f"evt_shop_{number}", muted["mute_id"]) for number in range(3)
    ]
    assert receive(parked.services, of_another_shop(3, 11)) == "parked"
    (counted,) = parked.sam.get("/support/mutes").json["mutes"]
    assert (counted["mute_id"], counted["events"]) == (muted["mute_id"], 4)
    ours = parked.sam.post("/support/parked/paddle:ctm_1~evt_1/mute", {"why": "It is noise."})
    assert (ours.status, "names an order or account of ours" in ours.json["detail"]) == (409, True)
    ended = KIM.post(f"/support/mutes/{muted['mute_id']}/end", {"why": "We sell it here now."}).json
    assert (ended["ended_by"], ended["ended_why"], ended["is_in_force"]) == ("kim", "We sell it here now.", False)
    assert len(parked.sam.get("/support/parked").json["parked"]) == 7
    assert parked.sam.get("/support/parked", query={"are_muted": "true"}).json["parked"] == []


def test_the_job_settles_what_was_muted(parked: World) -> None:
    """With its next round. A deployment tries muted events again, and they stay where they are."""
    parked.services.clock = lambda: START
    receive(parked.services, of_another_shop(0, 7))
    muted = parked.sam.post("/support/parked/paddle:ctm_7~evt_shop_0/mute", {"why": "Of our other shop."}).json
    assert muted["is_settled"] is False
    release(parked.services, hours=2)
    (counted,) = parked.sam.get("/support/mutes").json["mutes"]
    assert (counted["is_settled"], counted["events"]) == (True, 1)


@pytest.mark.parametrize("provider", ["paddle", "of_tomorrow"])
def test_what_this_release_can_not_read_stays_parked_whoever_tries(parked: World, provider: str) -> None:
    """Its body, or its provider: of an older or a newer release. Each route answers, and the job goes on."""
    known = next(one for one in parked.services.store.parked_receipts() if one.event_id == "evt_0")
    unreadable = replace(known, provider=provider, customer_id="ctm_9", event_id="evt_9", body=b'{"event_id": "evt_9"}')
    assert parked.services.store.commit(Commit(receipt=unreadable)) is None
    path, why = "/support/parked/" + "~".join(unreadable.name), {"why": "It has to be somebody's."}
    account = parked.pays(PaymentId("stripe:pi_ada"), ADA).account_id
    assert parked.sam.get(path).status == 200
    assert parked.sam.get(f"{path}/mute").json["refusal"].startswith("This release can't read")
    assert parked.sam.post(f"{path}/mute", why).status == 409
    attributed = parked.sam.post(f"{path}/attribution", {**why, "account_id": account})
    assert (attributed.status, attributed.json["detail"]) == (409, UNREADABLE)
    assert parked.sam.post(f"{path}/replay", why, key="key_1").json["outcome"] == "parked"
    parked.services.clock = lambda: START
    assert release(parked.services, hours=2) == {"parked": 4}
    assert parked.sam.post(f"{path}/dismissal", why).json["outcome"] == "noted"
