"""The evidence about a disputed purchase, as support reads it for a bank."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ledger.domain.events import Owner
from ledger.domain.facts import (
    ChargebackChanged,
    ChargebackState,
    DisputeReason,
    DisputeState,
    EvidenceState,
    RefundState,
    WithdrawalChanged,
)
from ledger.domain.ids import OrderId, PaymentId
from ledger.domain.mails import MailKind, mail_id_of
from ledger.domain.refund_cases import DecisionOutcome
from ledger.ports.commit import Commit
from ledger.usecases.confirm_orders import list_confirmation
from ledger.usecases.consents import revoke_confirmation
from ledger.usecases.list_mails import list_mail
from ledger.usecases.mail_failures import Failure, FailureReport, record_failure
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.send_mails import send_mail
from tests.integration.conftest import ADA, ADAS, BOB, BOBS, World
from tests.integration.test_api import ORDER, ask, new_key
from tests.unit.usecases.test_sending_mails import desk
from tools.testing.builders import at, dispute, event_of, paid, payment, refund
from tools.testing.unguarded import decide_case, decide_deferred

PATH = f"/support/accounts/{ADA}/disputes"


def used(world: World, run_id: str, credits_: int, *, fails: bool = False) -> None:
    """A run of Ada's, which may fail."""
    world.service.post("/usage", {"account_id": ADA, "run_id": run_id, "credits": credits_})
    if fails:
        world.service.post(f"/usage/{run_id}/failure", {"account_id": ADA, "error": "out of memory"})


def test_a_disputed_purchase_has_what_a_bank_asks_for(world: World) -> None:
    """What was used, what went back and what the customer wrote. The dispute's amount is the bank's."""
    used(world, "run_1", 30)
    used(world, "run_2", 12, fails=True)
    world.ada.post("/refund-requests", {"purchase_id": ADAS, "reason": "unrecognised_charge", "message": "?"}, key="k")
    world.record_events(
        event_of(refund(amount_minor=500), names=(ADAS,)), event_of(dispute(amount_minor=1900), names=(ADAS,))
    )
    (found,) = world.sam.get(PATH).json["purchases"]
    assert [one["amount"]["amount_minor"] for one in found["disputes"]] == [1900]
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


def test_what_was_used_of_another_purchase_is_no_evidence(world: World) -> None:
    """A run that took the last credits of one and the first of the next counts for each with its part."""
    second = PaymentId("stripe:pi_second")
    world.pays(second, ADA)
    used(world, "run_1", 900)
    used(world, "run_2", 150)
    world.record_events(event_of(dispute(), names=(second,)))
    (found,) = world.sam.get(PATH).json["purchases"]
    assert [(one["credits"], one["cause"]) for one in found["usage"]] == [(-50, "run:run_2")]
    assert (found["credits_granted"], found["credits_used"], found["has_more_usage"]) == (1000, 50, False)


@pytest.mark.parametrize(("runs", "has_more"), [(2, False), (3, False), (4, True)])
def test_a_page_of_usage_that_ends_exactly_is_all_of_it(
    world: World, monkeypatch: pytest.MonkeyPatch, runs: int, *, has_more: bool
) -> None:
    """Whatever was used before the payment."""
    monkeypatch.setattr("ledger.api.disputes._PAGE", 3)
    monkeypatch.setattr("ledger.api.disputes._AT_ONCE", 2)
    for number in range(runs):
        used(world, f"run_{number}", 1)
    world.record_events(event_of(dispute(), names=(ADAS,)))
    (found,) = world.sam.get(PATH).json["purchases"]
    assert (len(found["usage"]), found["has_more_usage"]) == (min(runs, 3), has_more)


def test_as_many_purchases_are_looked_at_as_three_pages_have_and_all_cases(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ada's first purchase is the seventh, the oldest: it is not among them, until a page has more."""
    monkeypatch.setattr("ledger.api.disputes._PAGE", 2)
    others = [PaymentId(f"stripe:pi_{number}") for number in range(6)]
    for payment_id in others:
        world.pays(payment_id, ADA)
    asked_for = {"purchase_id": others[0], "reason": "technical_problem"}
    for number in range(5):
        case_id = world.ada.post("/refund-requests", asked_for, key=f"k{number}").json["case_id"]
        decline = {"outcome": "decline", "words": ["No run of yours has failed."], "clause": "6"}
        world.sam.post(f"/support/refund-cases/{case_id}/decision", decline)
    for number, name in enumerate((ADAS, others[0])):
        world.record_events(event_of(dispute(dispute_id=f"dp_{number}"), names=(name,)))
    (found,) = world.sam.get(PATH).json["purchases"]
    assert (found["purchase_id"], len(found["cases"])) == (others[0], 5)
    monkeypatch.setattr("ledger.api.disputes._PAGE", 3)
    assert {one["purchase_id"] for one in world.sam.get(PATH).json["purchases"]} == {ADAS, others[0]}


def test_mails_about_an_order_and_its_cases_are_shown_however_many_came_since(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their ids follow from what they are about: nobody looks for them among the latest."""
    payment_id = PaymentId("stripe:pi_9")
    order_id = world.ada.post("/orders", ORDER, key=new_key()).json["order_id"]
    world.pays(payment_id, ADA, fulfilment_key=f"order/{order_id}")
    list_confirmation(order_id, world.services.store, now=world.services.now())
    place = world.ada.post("/withdrawals", {"purchase_id": payment_id}, key=new_key()).headers["location"]
    assert world.ada.post(f"{place}/confirmation").status == 200
    send_all(world)
    monkeypatch.setattr("ledger.api.disputes._PAGE", 1)
    world.record_events(event_of(dispute(), names=(payment_id,)))
    send_all(world)
    (shown,) = world.sam.get(PATH).json["purchases"]
    kinds = {one["kind"]: one["subject"] for one in shown["mails"]}
    assert kinds["contract_confirmation"] == order_id
    assert place == f"/withdrawals/{kinds['withdrawal_receipt']}"
    assert kinds["account_suspended"]


def test_the_evidence_of_much_usage_is_a_page_and_its_figure_is_that_of_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more entries are read than it takes to fill the page: one with thousands is as quick."""
    monkeypatch.setattr("ledger.api.disputes._PAGE", 3)
    monkeypatch.setattr("ledger.api.disputes._AT_ONCE", 4)
    for number in range(6):
        used(world, f"run_{number}", 10)
    world.record_events(event_of(dispute(), names=(ADAS,)))
    (found,) = world.sam.get(PATH).json["purchases"]
    assert [one["cause"] for one in found["usage"]] == ["run:run_5", "run:run_4", "run:run_3"]
    assert (found["credits_used"], found["has_more_usage"]) == (60, True)
    words = {one["asked"]: one["words"] for one in found["checklist"]}
    assert (
        words["That the customer used it, and when"]
        == "60 of 1,000 credits, in at least 3 runs, the latest with their times."
    )


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


def test_the_most_urgent_of_its_disputes_decides_where_a_purchase_stands(world: World) -> None:
    """One that was decided long ago moves no purchase down, whose other dispute is due first."""
    now, second = world.services.now(), PaymentId("stripe:pi_second")
    world.pays(second, ADA)
    for name, dispute_id, state, days in (
        (second, "dp_1", DisputeState.OPEN, 2),
        (ADAS, "dp_2", DisputeState.OPEN, 1),
        (ADAS, "dp_3", DisputeState.LOST, 3),
    ):
        told = replace(dispute(state, 700, dispute_id=dispute_id), evidence_due_at=now + timedelta(days=days))
        world.record_events(event_of(told, names=(name,)))
    found = world.sam.get(PATH).json["purchases"]
    assert [[one["dispute_id"] for one in purchase["disputes"]] for purchase in found] == [["dp_2", "dp_3"], ["dp_1"]]


def test_a_bank_is_told_when_the_subscription_of_a_payment_was_cancelled(world: World) -> None:
    """As the account has it: the purchase alone does not know."""
    ends = datetime(2026, 12, 31, tzinfo=UTC)
    world.subscribes("stripe:sub_ada", account_id=ADA, cancel_at=ends)
    renewal = replace(payment(PaymentId("stripe:in_1")), account_id=ADA, subscription_id="stripe:sub_ada")
    world.record_events(paid(renewal))
    told = replace(dispute(), reason=DisputeReason.SUBSCRIPTION_CANCELED)
    world.record_events(event_of(told, names=(renewal.payment_id,)))
    (found,) = world.sam.get(PATH).json["purchases"]
    assert found["subscription_id"] == "stripe:sub_ada"
    words = {one["asked"]: one["words"] for one in found["checklist"]}
    assert words["Whether and when it was cancelled"].startswith("It was cancelled with effect from 2026-12-31.")


def test_an_inquiry_is_open_and_what_is_decided_is_not_on_the_accounts_page(world: World) -> None:
    """An inquiry holds nothing, and wants an answer."""
    second = PaymentId("stripe:pi_second")
    world.pays(second, ADA)
    lost = dispute(DisputeState.LOST, dispute_id="dp_lost")
    world.record_events(event_of(lost, names=(second,)), event_of(dispute(DisputeState.INQUIRY), names=(ADAS,)))
    account = world.sam.get(f"/support/accounts/{ADA}").json
    (shown,) = account["open_disputes"]
    assert (shown["state"], shown["is_open"], shown["awaits_evidence"]) == ("inquiry", True, True)
    assert [hold["hold_id"] for hold in account["holds"]] == ["dispute:stripe:dp_lost"]
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
    assert found["withdrawals"] == []


def test_the_order_of_another_customer_is_no_evidence(world: World) -> None:
    """A payment can name one, and is none of its payments."""
    order_id = world.bob.post("/orders", ORDER, key=new_key()).json["order_id"]
    settled = replace(payment(PaymentId("stripe:pi_9")), at=world.services.now(), order_id=OrderId(order_id))
    unlinked = replace(paid(settled), owner=Owner(account_id=ADA, customer_id="stripe:cus_9"))
    world.record_events(unlinked, event_of(dispute(), names=(settled.payment_id,)))
    (found,) = world.sam.get(PATH).json["purchases"]
    assert (found["purchase_id"], found["order"]) == (settled.payment_id, None)
    assert order_id not in json.dumps(found)
    assert world.sam.get(f"/support/accounts/{ADA}").json["orders"] == []


@pytest.mark.parametrize("is_used_before", [False, True])
def test_a_consent_counts_only_if_it_was_confirmed_before_the_first_use(world: World, is_used_before: bool) -> None:
    """What is shown of it never says both."""
    order_id, payment_id = world.ada.post("/orders", ORDER, key=new_key()).json["order_id"], PaymentId("stripe:pi_9")
    world.pays(payment_id, ADA, fulfilment_key=f"order/{order_id}")
    if is_used_before:
        used(world, "run_1", 2000)
    world.record_events(event_of(replace(dispute(), reason=DisputeReason.FRAUDULENT), names=(payment_id,)))

    def consent() -> dict[str, bool]:
        (found,) = world.sam.get(PATH).json["purchases"]
        shown = found["order"]["consent"]
        (item,) = [one for one in found["checklist"] if one["asked"].startswith("The customer's consent")]
        assert item["is_there"] == shown["is_complete"]
        return {name: shown[name] for name in ("is_complete", "is_confirmed", "is_late", "came_back")}

    unconfirmed = {"is_complete": False, "is_confirmed": False, "is_late": False, "came_back": False}
    assert consent() == unconfirmed
    world.service.post(f"/orders/{order_id}/consent-confirmation", {"confirmation_id": "mail_1"})
    told = {"is_confirmed": True, "is_complete": not is_used_before, "is_late": is_used_before}
    assert consent() == unconfirmed | told
    revoke_confirmation(OrderId(order_id), "mail_1", world.services.store, world.services.now())
    assert consent() == unconfirmed | {"came_back": True}


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
    assert [(one["is_open"], one["awaits_evidence"]) for one in answered["disputes"]] == [(True, False)]
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


def test_decided_cases_are_listed_by_their_decision(world: World) -> None:
    """What the policy declined apart from what a person decided. A cursor of one list is none of the other."""
    old = [PaymentId(f"stripe:pi_old_{number}") for number in range(2)]
    cases = []
    for payment_id in old:
        world.pays(payment_id, ADA, at=world.services.now() - timedelta(days=400))
        cases.append(ask(world.ada, payment_id, "changed_my_mind").json["case_id"])
    by_person = ask(world.ada, ADAS).json["case_id"]
    decline = {"outcome": "decline", "words": ["No."], "clause": "6"}
    assert world.sam.post(f"/support/refund-cases/{by_person}/decision", decline).status == 200
    first = world.sam.get("/support/decided-cases", query={"limit": 1}).json
    rest = world.sam.get("/support/decided-cases", query={"after": first["next"]}).json
    assert [one["case_id"] for one in first["cases"] + rest["cases"]] == cases[::-1]
    (shown,) = first["cases"]
    assert (shown["account_id"], shown["purchase_id"], shown["state"]) == (ADA, old[1], "declined")
    assert (shown["decided_by"], shown["can_overturn"], shown["money"], shown["credits"]) == ("policy", True, None, 0)
    overturn = {"outcome": "approve", "words": ["As an exception."], "clause": "2", "money_minor": 950}
    assert world.sam.post(f"/support/refund-cases/{cases[0]}/decision", overturn).status == 200
    others = world.sam.get("/support/decided-cases", query={"which": "decided_otherwise"}).json["cases"]
    assert [(one["case_id"], one["decided_by"], one["can_overturn"]) for one in others] == [
        (cases[0], "sam", False),
        (by_person, "sam", False),
    ]
    assert others[0]["money"] == {"amount_minor": 950, "currency": "USD"}
    mixed = {"which": "decided_otherwise", "after": first["next"]}
    assert world.sam.get("/support/decided-cases", query=mixed).status == 422
    assert world.ada.get("/support/decided-cases").status == 403


def test_support_lists_an_accounts_purchases_as_its_customer_sees_them(world: World) -> None:
    """Page by page; the look is on record, and a cursor of one account is none of another."""
    world.pays(PaymentId("stripe:pi_second"), ADA)
    path = f"/support/accounts/{ADA}/purchases"
    first = world.sam.get(path, query={"limit": 1}).json
    rest = world.sam.get(path, query={"after": first["next"]}).json
    shown = first["purchases"] + rest["purchases"]
    theirs = world.ada.get("/purchases").json["purchases"]
    assert [{name: one[name] for name in theirs[0]} for one in shown] == theirs
    looks = world.sam.get(f"/support/accounts/{ADA}/timeline", query={"kinds": "look"}).json["lines"]
    assert any("looked at purchases" in one["words"] for one in looks)
    assert world.sam.get(f"/support/accounts/{BOB}/purchases", query={"after": first["next"]}).status == 422
    assert world.sam.get("/support/accounts/acct_nobody/purchases").json == {"purchases": [], "next": None}
    assert world.ada.get(path).status == 403


def send_all(world: World) -> None:
    """Every mail that is listed is settled: this deployment sends none."""
    store = world.services.store
    for intent in list(store.mail_intents()):
        send_mail(intent.mail_id, replace(desk(store), clock=world.services.now), None, clock=world.services.now)


def asked(world: World, payment_id: PaymentId = ADAS) -> dict[str, bool]:
    """What the bank asks for about a purchase, and whether it is here."""
    found = world.sam.get(PATH).json["purchases"]
    (shown,) = [one for one in found if one["purchase_id"] == payment_id]
    assert all(one["words"] for one in shown["checklist"])
    return {one["asked"]: one["is_there"] for one in shown["checklist"]}


USED, LETTERS = "That the customer used it, and when", "What the customer wrote, and our answer"
REFUNDED, SECOND = "The refunds that were made", "That the payments are for different things"
EARLIER = "Visa: two earlier undisputed payments, 120 to 364 days older"


@pytest.mark.parametrize("reason", [None, *DisputeReason])
def test_each_reason_has_its_own_list_of_what_the_bank_asks_for(world: World, reason: DisputeReason | None) -> None:
    """Nothing was used and nothing written: it is not here."""
    world.record_events(event_of(replace(dispute(), reason=reason), names=(ADAS,)))
    before = asked(world)
    assert 3 <= len(before) <= 6
    assert not any(before.get(name) for name in (USED, LETTERS, REFUNDED, EARLIER))
    assert before.get(SECOND, True)


def test_what_the_ledger_has_is_ticked(world: World) -> None:
    """Use, letters, refunds, and two payments of the right age."""
    used(world, "run_1", 30)
    world.ada.post("/refund-requests", {"purchase_id": ADAS, "reason": "unrecognised_charge", "message": "?"}, key="k")
    world.record_events(event_of(refund(amount_minor=500), names=(ADAS,)))
    fraud = replace(dispute(), reason=DisputeReason.FRAUDULENT)
    world.record_events(event_of(fraud, names=(ADAS,)))
    now = asked(world)
    assert (now[USED], now[LETTERS], now[EARLIER]) == (True, True, False)
    for number, days in enumerate((119, 121, 363, 365)):
        paid_at = world.services.now() - timedelta(days=days)
        world.pays(PaymentId(f"stripe:pi_old_{number}"), ADA, at=paid_at)
    assert asked(world)[EARLIER]
    world.record_events(event_of(dispute(DisputeState.WON, dispute_id="dp_9"), names=(PaymentId("stripe:pi_old_1"),)))
    assert not asked(world)[EARLIER]
    answered = replace(fraud, reason=DisputeReason.CREDIT_NOT_PROCESSED, at=at(60))
    world.record_events(event_of(answered, names=(ADAS,)))
    assert asked(world)[REFUNDED]
    world.record_events(event_of(replace(answered, state=DisputeState.WON, at=at(70)), names=(ADAS,)))
    assert asked(world) == {}


def test_the_mail_that_told_of_the_suspension_is_among_what_the_customer_was_told(world: World) -> None:
    """And the one that it is over. One about an earlier suspension is not of this dispute."""
    world.sam.post(f"/support/accounts/{ADA}/holds", {"hold_id": "support:x", "why": "A test."})
    world.sam.delete(f"/support/accounts/{ADA}/holds/support:x", query={"why": "Over."})
    opened_at = world.services.now()
    send_all(world)
    told = replace(dispute(), opened_at=opened_at, at=opened_at)
    world.record_events(event_of(told, names=(ADAS,)))
    send_all(world)
    mails = world.sam.get(PATH).json["purchases"][0]["mails"]
    assert [one["kind"] for one in mails] == ["account_suspended"]
    world.record_events(
        event_of(replace(told, state=DisputeState.WON, at=opened_at + timedelta(hours=1)), names=(ADAS,))
    )
    send_all(world)
    mails = world.sam.get(PATH).json["purchases"][0]["mails"]
    assert sorted(one["kind"] for one in mails) == ["account_active", "account_suspended"]


def test_the_mails_about_the_cases_of_a_disputed_purchase_are_shown_and_no_others(world: World) -> None:
    """What we have told the customer of each step; that of another purchase is no evidence here."""
    other = PaymentId("stripe:pi_other")
    world.pays(other, ADA)
    case_ids = {
        name: world.ada.post("/refund-requests", {"purchase_id": name, "reason": "technical_problem"}, key=name).json[
            "case_id"
        ]
        for name in (ADAS, other)
    }
    for case_id in case_ids.values():
        decision = {"outcome": "decline", "words": ["No run of yours has failed."], "clause": "6"}
        assert world.sam.post(f"/support/refund-cases/{case_id}/decision", decision).status == 200
    send_all(world)
    world.record_events(event_of(dispute(), names=(ADAS,)))
    (shown,) = world.sam.get(PATH).json["purchases"]
    assert [one["kind"] for one in shown["mails"]] == ["case_update"] * 2, "it was received, and it was decided"
    assert {one["subject"].partition("/")[0] for one in shown["mails"]} == {case_ids[ADAS]}


def test_the_confirmation_of_its_order_is_shown_with_when_it_came_back(world: World) -> None:
    """That of another order is no evidence here."""
    order_ids = []
    for payment_id in (PaymentId("stripe:pi_8"), PaymentId("stripe:pi_9")):
        order_ids.append(world.ada.post("/orders", ORDER, key=new_key()).json["order_id"])
        world.pays(payment_id, ADA, fulfilment_key=f"order/{order_ids[-1]}")
        list_confirmation(order_ids[-1], world.services.store, now=world.services.now())
    again = Commit(
        documents=(list_mail(MailKind.CONTRACT_CONFIRMATION, f"{order_ids[1]}/2", ADA, world.services.now()),)
    )
    assert world.services.store.commit(again) is None
    send_all(world)
    failed_at = world.services.now() + timedelta(hours=1)
    report = FailureReport(
        mail_id=mail_id_of(MailKind.CONTRACT_CONFIRMATION, order_ids[1]),
        message_id="m_1",
        failure=Failure.BOUNCE,
        addresses=(),
        at=failed_at,
    )
    record_failure(report, world.services.store)
    world.record_events(event_of(dispute(), names=(PaymentId("stripe:pi_9"),)))
    (shown,) = world.sam.get(PATH).json["purchases"]
    failed = {one["subject"]: one["failed_at"] for one in shown["mails"] if one["kind"] == "contract_confirmation"}
    assert failed.keys() == {order_ids[1], f"{order_ids[1]}/2"}, "it was sent again, to another address"
    assert datetime.fromisoformat(failed[order_ids[1]]) == failed_at


def test_mails_are_shown_in_the_order_in_which_they_were_sent(world: World) -> None:
    """Whatever they are about, and whichever came back first."""
    case_ids = []
    for number in range(2):
        asked_for = {"purchase_id": ADAS, "reason": "technical_problem"}
        case_ids.append(world.ada.post("/refund-requests", asked_for, key=f"k{number}").json["case_id"])
        send_all(world)
        if number == 0:  # the second one the policy declines
            decline = {"outcome": "decline", "words": ["No run of yours has failed."], "clause": "6"}
            assert world.sam.post(f"/support/refund-cases/{case_ids[0]}/decision", decline).status == 200
            send_all(world)
    world.record_events(event_of(dispute(), names=(ADAS,)))
    (shown,) = world.sam.get(PATH).json["purchases"]
    assert [one["case_id"] for one in shown["cases"]] == case_ids
    subjects = [one["subject"] for one in shown["mails"]]
    assert list(dict.fromkeys(one.partition("/")[0] for one in subjects)) == case_ids
    assert sum(one.startswith(case_ids[0]) for one in subjects) == 2


def test_declared_withdrawals_and_refunds_are_shown_the_oldest_first(world: World) -> None:
    """Each with its own time: of a refund that of its making, not of its last change."""
    for number, hours in enumerate((2, 1)):
        declared = WithdrawalChanged(
            case_id=f"case_{number}", stands=number == 0, step=1, at=at(20 + hours), cause=f"case:{number}"
        )
        sent = replace(refund(refund_id=f"re_{number}", amount_minor=100), created_at=at(20 + hours), at=at(30 - hours))
        world.record_events(event_of(declared, names=(ADAS,)), event_of(sent, names=(ADAS,)))
    world.record_events(event_of(dispute(), names=(ADAS,)))
    (found,) = world.sam.get(PATH).json["purchases"]
    assert [(one["case_id"], datetime.fromisoformat(one["at"]), one["stands"]) for one in found["withdrawals"]] == [
        ("case_1", at(21), False),
        ("case_0", at(22), True),
    ]
    assert [one["refund_id"] for one in found["refunds"]] == ["re_1", "re_0"]


def test_an_account_without_disputes_has_none_and_an_unknown_one_is_not_found(world: World) -> None:
    """An empty list is no error."""
    assert world.sam.get(f"/support/accounts/{BOB}/disputes").json == {"email": None, "purchases": []}
    assert world.sam.get("/support/accounts/acct_nobody/disputes").status == 404


def test_a_case_that_nobody_asked_for_is_shown_to_support_alone_until_money_goes_back(world: World) -> None:
    """Whoever pays with another's card does not read that it was noticed."""
    world.record_events(event_of(dispute(DisputeState.INQUIRY), names=(ADAS,)))
    later = world.services.now() + timedelta(days=3)
    (case,) = decide_deferred(world.services.store, world.services.policy, now=later)
    mine, evidence = f"/refund-requests/{case.case_id}", {"content_type": "image/png"}

    def answered() -> tuple[list[str], int]:
        listed = [one["case_id"] for one in world.ada.get("/refund-requests").json["cases"]]
        return listed, world.ada.get(mine).status

    assert world.sam.get(f"/support/refund-cases/{case.case_id}").json["reason"] == "inquiry"
    assert answered() == ([], 404)
    assert world.ada.post(f"{mine}/evidence", evidence).status == 404
    decision = ReviewDecision(outcome=DecisionOutcome.APPROVE, words=("Back.",), clause="5", money_minor=2000)
    decide_case(case.case_id, decision, "sam", world.services.store, world.services.policy, now=later)
    assert answered() == ([case.case_id], 200)


def test_a_case_says_when_it_was_opened_and_when_it_was_decided(world: World) -> None:
    """The bank asks what was answered before the dispute."""
    case_id = ask(world.ada, ADAS).json["case_id"]
    opened_at, decided_at = world.services.now(), world.services.now() + timedelta(days=3)
    decision = ReviewDecision(outcome=DecisionOutcome.DECLINE, words=("It worked.",), clause="6")
    decide_case(case_id, decision, "sam", world.services.store, world.services.policy, now=decided_at)
    world.record_events(event_of(dispute(), names=(ADAS,)))
    (shown,) = world.sam.get(PATH).json["purchases"]
    (case,) = shown["cases"]
    assert datetime.fromisoformat(case["decided_at"]) == decided_at
    assert opened_at - timedelta(minutes=5) < datetime.fromisoformat(case["opened_at"]) <= opened_at


def test_a_second_payment_for_one_order_is_said_where_the_bank_asks_for_it(world: World) -> None:
    """The customer may be right about it, and not about the first."""
    order_id = world.ada.post("/orders", ORDER, key=new_key()).json["order_id"]
    first, second = PaymentId("stripe:pi_first"), PaymentId("stripe:pi_second")
    for payment_id in (first, second):
        world.pays(payment_id, ADA, fulfilment_key=f"order/{order_id}")
        world.record_events(event_of(replace(dispute(), reason=DisputeReason.DUPLICATE), names=(payment_id,)))
    different = "That the payments are for different things"
    assert (asked(world, first)[different], asked(world, second)[different]) == (True, False)


@pytest.mark.parametrize("state", RefundState)
def test_the_checklist_counts_refunds_that_were_made(world: World, state: RefundState) -> None:
    """Not one that waits, failed or was canceled: the bank is told of no money that did not go back."""
    returned = refund(amount_minor=500, state=state)
    told = replace(dispute(), reason=DisputeReason.CREDIT_NOT_PROCESSED)
    world.record_events(event_of(returned, names=(ADAS,)), event_of(told, names=(ADAS,)))
    (found,) = world.sam.get(f"/support/accounts/{ADA}/disputes").json["purchases"]
    (item,) = [one for one in found["checklist"] if one["asked"] == "The refunds that were made"]
    assert item["is_there"] is (state is RefundState.SUCCEEDED)
