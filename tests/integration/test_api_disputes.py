"""The evidence about a disputed purchase, as support reads it for a bank."""

from dataclasses import replace
from datetime import datetime, timedelta

from ledger.domain.facts import ChargebackChanged, ChargebackState, DisputeReason, DisputeState, EvidenceState
from ledger.domain.ids import PaymentId
from tests.integration.conftest import ADA, ADAS, BOB, BOBS, World
from tests.integration.test_api import ORDER, new_key
from tools.testing.builders import at, dispute, event_of, refund

PATH = f"/support/accounts/{ADA}/disputes"


def used(world: World, run_id: str, credits_: int, *, fails: bool = False) -> None:
    """A run of Ada's, which may fail."""
    world.service.post("/usage", {"account_id": ADA, "run_id": run_id, "credits": credits_})
    if fails:
        world.service.post(f"/usage/{run_id}/failure", {"account_id": ADA, "error": "out of memory"})


def test_a_disputed_purchase_has_what_a_bank_asks_for(world: World) -> None:
    """What was used and when, what went back, what the customer wrote and read. The dispute's amount is the bank's."""
    used(world, "run_1", 30)
    used(world, "run_2", 12, fails=True)
    world.ada.post("/refund-requests", {"purchase_id": ADAS, "reason": "unrecognised_charge", "message": "?"}, key="k")
    world.record_events(event_of(refund(amount_minor=500), names=(ADAS,)), event_of(dispute(), names=(ADAS,)))
    (found,) = world.sam.get(PATH).json["purchases"]
    assert (found["purchase_id"], found["provider"], found["paid"]["amount_minor"]) == (ADAS, "stripe", 2000)
    assert [(one["dispute_id"], one["state"], one["is_open"]) for one in found["disputes"]] == [("dp_1", "open", True)]
    assert [(one["kind"], one["credits"], one["cause"]) for one in found["usage"]] == [
        ("return", 12, "run:run_2"),
        ("draw", -12, "run:run_2"),
        ("draw", -30, "run:run_1"),
    ]
    assert (found["credits_granted"], found["credits_used"], found["has_more_usage"]) == (1000, 30, False)
    assert [(one["refund_id"], one["amount"]["amount_minor"]) for one in found["refunds"]] == [("re_1", 500)]
    assert [(one["reason"], one["message"]) for one in found["cases"]] == [("unrecognised_charge", "?")]


def test_a_dispute_says_until_when_the_bank_takes_evidence(world: World) -> None:
    """Within three days of it one without evidence is marked, on its page and on the account's."""
    second, third = PaymentId("stripe:pi_second"), PaymentId("stripe:pi_third")
    now = world.services.now().replace(microsecond=0)
    for number, (payment_id, days, evidence) in enumerate(
        (
            (ADAS, 2, EvidenceState.DRAFT),
            (second, 4, EvidenceState.NONE),
            (third, 1, EvidenceState.SUBMITTED),
        )
    ):
        world.pays(payment_id, ADA)
        told = dispute(dispute_id=f"dp_{number}")
        due_at = now + timedelta(days=days)
        told = replace(told, evidence_due_at=due_at, evidence=evidence, reason=DisputeReason.DUPLICATE)
        world.record_events(event_of(told, names=(payment_id,)))
    found = [one["disputes"][0] for one in world.sam.get(PATH).json["purchases"]]
    shown = world.sam.get(f"/support/accounts/{ADA}").json["open_disputes"]
    assert shown == found
    assert [(one["dispute_id"], one["evidence"], one["awaits_evidence"], one["is_due_soon"]) for one in shown] == [
        ("dp_0", "draft", True, True),
        ("dp_1", "none", True, False),
        ("dp_2", "submitted", False, False),
    ]
    assert {one["reason"] for one in shown} == {"duplicate"}
    assert datetime.fromisoformat(shown[0]["evidence_due_at"]) == now + timedelta(days=2)


def test_an_inquiry_is_open_and_what_is_decided_is_not_on_the_accounts_page(world: World) -> None:
    """An inquiry holds nothing, and wants an answer."""
    second = PaymentId("stripe:pi_second")
    world.pays(second, ADA)
    lost = dispute(DisputeState.LOST, dispute_id="dp_lost")
    world.record_events(event_of(lost, names=(second,)), event_of(dispute(DisputeState.INQUIRY), names=(ADAS,)))
    (shown,) = world.sam.get(f"/support/accounts/{ADA}").json["open_disputes"]
    assert (shown["state"], shown["is_open"], shown["awaits_evidence"]) == ("inquiry", True, True)
    assert (shown["evidence"], shown["evidence_due_at"], shown["is_due_soon"]) == (None, None, False)
    assert world.sam.get(f"/support/accounts/{BOB}").json["open_disputes"] == []


def test_open_disputes_come_first_and_undisputed_purchases_are_left_out(world: World) -> None:
    """A lost one is history; a purchase of somebody else is not there."""
    second, quiet = PaymentId("stripe:pi_second"), PaymentId("stripe:pi_quiet")
    world.pays(second, ADA)
    world.pays(quiet, ADA)
    lost = dispute(DisputeState.LOST, dispute_id="dp_lost")
    world.record_events(event_of(lost, names=(second,)), event_of(dispute(), names=(ADAS,)))
    world.record_events(event_of(dispute(dispute_id="dp_bob"), names=(BOBS,)))
    found = world.sam.get(PATH).json["purchases"]
    assert [one["purchase_id"] for one in found] == [ADAS, second]
    assert [one["disputes"][0]["is_open"] for one in found] == [True, False]


def test_a_chargeback_of_a_merchant_of_record_is_a_dispute_and_its_reversal_is_none(world: World) -> None:
    """Paddle books rows: the one that took the money counts."""
    row = ChargebackChanged(
        adjustment_id="adj_1",
        kind="chargeback",
        is_reversal=False,
        state=ChargebackState.TAKEN,
        amount_minor=2000,
        currency="USD",
        created_at=at(20),
        at=at(20),
        cause="paddle:evt",
    )
    reversal = replace(row, adjustment_id="adj_2", is_reversal=True)
    world.record_events(event_of(row, names=(ADAS,)))
    assert world.sam.get(PATH).json["purchases"][0]["disputes"][0]["is_open"]
    world.record_events(event_of(reversal, names=(ADAS,)))
    (found,) = world.sam.get(PATH).json["purchases"]
    assert [(one["dispute_id"], one["state"]) for one in found["disputes"]] == [("adj_1", "taken")]
    assert (found["disputes"][0]["awaits_evidence"], found["disputes"][0]["evidence_due_at"]) == (False, None)


def test_the_order_is_shown_with_its_consent_and_the_policy_that_was_accepted(world: World) -> None:
    """What the customer agreed to, in the version that was shown."""
    order_id, payment_id = world.ada.post("/orders", ORDER, key=new_key()).json["order_id"], PaymentId("stripe:pi_9")
    world.pays(payment_id, ADA, fulfilment_key=f"order/{order_id}")
    world.record_events(event_of(dispute(), names=(payment_id,)))
    (found,) = world.sam.get(PATH).json["purchases"]
    order = found["order"]
    assert (order["order_id"], order["country"], order["policy_version"]) == (
        order_id,
        ORDER["country"],
        ORDER["policy_version"],
    )
    assert (order["consent"]["asked_to_begin"], order["consent"]["acknowledged_loss"]) == (True, True)
    assert order["consent"]["confirmed_at"] is None
    assert order["informed_at"]


def test_open_disputes_are_listed_by_their_deadline(world: World) -> None:
    """Page by page; those that were answered are in the other list. A cursor of one list is none of the other."""
    second, third = PaymentId("stripe:pi_second"), PaymentId("stripe:pi_third")
    now = world.services.now().replace(microsecond=0)
    for payment_id, days, evidence in (
        (ADAS, 5, EvidenceState.NONE),
        (second, 2, EvidenceState.NONE),
        (third, 1, EvidenceState.SUBMITTED),
    ):
        world.pays(payment_id, ADA)
        told = dispute(dispute_id=f"dp_{payment_id}")
        told = replace(told, evidence_due_at=now + timedelta(days=days), evidence=evidence)
        world.record_events(event_of(told, names=(payment_id,)))
    first = world.sam.get("/support/disputes", query={"limit": 1}).json
    rest = world.sam.get("/support/disputes", query={"after": first["next"]}).json
    assert [one["purchase_id"] for one in first["purchases"] + rest["purchases"]] == [second, ADAS]
    (shown,) = first["purchases"]
    assert (shown["account_id"], shown["provider"], shown["is_live"]) == (ADA, "stripe", False)
    assert shown["paid"] == {"amount_minor": 2000, "currency": "USD"}
    assert [(one["dispute_id"], one["is_due_soon"]) for one in shown["disputes"]] == [(f"dp_{second}", True)]
    (answered,) = world.sam.get("/support/disputes", query={"awaits": "bank"}).json["purchases"]
    assert answered["purchase_id"] == third
    assert world.sam.get("/support/disputes", query={"awaits": "bank", "after": first["next"]}).status == 422
    assert world.sam.get("/support/disputes", query={"awaits": "nobody"}).status == 422
    assert world.ada.get("/support/disputes").status == 403


def test_suspended_accounts_are_listed_with_why(world: World) -> None:
    """The one that was suspended last comes first."""
    assert world.sam.get("/support/suspended-accounts").json == {"accounts": [], "next": None}
    world.record_events(event_of(dispute(), names=(ADAS,)))
    world.sam.post(f"/support/accounts/{BOB}/holds", {"hold_id": "support:x", "why": "A stolen card."})
    first = world.sam.get("/support/suspended-accounts", query={"limit": 1}).json
    rest = world.sam.get("/support/suspended-accounts", query={"after": first["next"]}).json
    shown = first["accounts"] + rest["accounts"]
    assert [(one["account_id"], [hold["hold_id"] for hold in one["holds"]]) for one in shown] == [
        (BOB, ["support:x"]),
        (ADA, ["dispute:stripe:dp_1"]),
    ]
    assert (shown[1]["balance"], shown[1]["shortfall"]) == (1000, 0)
    assert world.ada.get("/support/suspended-accounts").status == 403


def test_an_account_without_disputes_has_none_and_an_unknown_one_is_not_found(world: World) -> None:
    """An empty list is no error."""
    assert world.sam.get(f"/support/accounts/{BOB}/disputes").json == {"purchases": []}
    assert world.sam.get("/support/accounts/acct_nobody/disputes").status == 404
