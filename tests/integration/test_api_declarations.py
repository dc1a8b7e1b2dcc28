"""Withdrawals and cancellations without a login, as JSON: the same answer for all, and nothing but the form counts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.domain.declarations import DeclarationState
from ledger.domain.ids import PaymentId
from ledger.runtime import runtime
from ledger.usecases.declarations.follow import follow
from tests.integration.conftest import ADA, ADAS, BOB, Calls, World
from tests.integration.test_api import ORDER
from tools.testing.frontend import GROUPS_CLAIM, ApiResponse, Frontend

NOBODY = Frontend("")
KNOWN, UNKNOWN = str(ADAS).replace(":", " "), "stripe pi_nobodys"
KINDS = ("withdrawal", "cancellation")


def content(**changes: object) -> dict[str, object]:
    """A declaration about a pack of Ada's."""
    return {"name": "Ada Lovelace", "contract": KNOWN, "email": "ada@example.com", **changes}


def declared(kind: str = "withdrawal", **changes: object) -> ApiResponse:
    """Make step 1."""
    return NOBODY.post(f"/{kind}-declarations", content(**changes))


def confirmed(draft: ApiResponse, **changes: object) -> ApiResponse:
    """Make step 2."""
    token = {"token": draft.json["token"], **changes}
    return NOBODY.post(f"/declarations/{draft.json['declaration_id']}/confirmation", token)


@pytest.mark.parametrize("kind", KINDS)
def test_a_declaration_takes_two_steps_and_no_login(world: World, kind: str) -> None:
    """The receipt has everything that was said, and both times."""
    draft = declared(kind, message="Thank you")
    assert draft.status == 201
    assert draft.json["declaration_id"].startswith(kind[0].upper())
    receipt = confirmed(draft)
    assert receipt.status == 200
    assert receipt.json["statement"] == draft.json["statement"]
    assert receipt.json["statement"].endswith(f"{KNOWN}\nThank you")
    assert receipt.json["declared_at"] == draft.json["declared_at"] <= receipt.json["confirmed_at"]
    assert confirmed(draft).json == receipt.json, "the first time stays"
    (listed,) = world.services.store.declarations(DeclarationState.CONFIRMED)
    assert listed.declaration_id == draft.json["declaration_id"]


@pytest.mark.parametrize(
    ("language", "label"),
    [
        ("en", "Confirm withdrawal"),
        ("de", "Widerruf bestätigen"),
        ("fr", "Confirmer la rétractation"),
        ("it", "Conferma recesso"),
        ("es", "Confirmar desistimiento"),
        ("nl", "Herroeping bevestigen"),
        ("pl", "Potwierdź odstąpienie od umowy"),
    ],
)
def test_the_second_button_has_the_label_of_the_law(world: World, language: str, label: str) -> None:
    """In each language; nothing else may stand on it."""
    assert world
    assert declared(language=language).json["confirmation_label"] == label


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_learns_whether_a_contract_or_an_address_is_known(world: World, calls: Calls, kind: str) -> None:
    """Status, headers, the shape of the body and the number of calls are the same."""
    told = []
    for contract, email in ((KNOWN, "ada@example.com"), (UNKNOWN, "ada@example.com"), (KNOWN, "eve@example.com")):
        calls.since()
        draft = declared(kind, contract=contract, email=email)
        receipt = confirmed(draft)
        of = [(one.status, sorted(one.headers.items()), sorted(one.json)) for one in (draft, receipt)]
        told.append((of, calls.since()))
    assert all(one == told[0] for one in told)
    assert len(told[0][1]) == 4
    assert world


def test_a_forged_token_and_an_unknown_id_are_answered_alike(world: World) -> None:
    """And change nothing."""
    draft, other = declared(), declared()
    before = world.table()
    for token in ("x", other.json["token"], draft.json["token"][:-1]):
        told = confirmed(draft, token=token)
        absent = NOBODY.post("/declarations/W-0000-0000-0000/confirmation", {"token": token})
        name = draft.json["declaration_id"]
        assert (told.status, told.text.replace(name, "…")) == (404, absent.text.replace("W-0000-0000-0000", "…"))
    assert world.table() == before


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "x" * 10_000}, "body.name"),
        ({"name": " "}, "body.name"),
        ({"name": "Ada\r\nBcc: eve@example.com"}, "body.name"),
        ({"name": "Ada\x00"}, "body.name"),
        ({"contract": ""}, "body.contract"),
        ({"email": "ada"}, "body.email"),
        ({"email": "ada@example.com\r\nBcc: eve@example.com"}, "body.email"),
        ({"email": "a@b.c, eve@example.com"}, "body.email"),
        ({"language": "xx"}, "body.language"),
        ({"captcha": "x"}, "body.captcha"),
    ],
)
def test_what_can_not_be_acknowledged_is_named(world: World, changes: dict[str, Any], field: str) -> None:
    """A header of a mail can't be injected. Nothing is written."""
    before = world.table()
    told = declared(**changes)
    assert (told.status, told.fields) == (422, [field])
    assert world.table() == before


@pytest.mark.parametrize("name", ["Ада Лавлейс", "O'Brien <b>", "李", "x" * 200, "Zoë de l’Été"])
def test_every_name_of_a_person_is_taken(world: World, name: str) -> None:
    """As it was written."""
    assert world
    assert confirmed(declared(name=name)).json["name"] == name


def test_a_suspended_account_can_withdraw(world: World) -> None:
    """Nothing of the account is asked, with or without a token."""
    world.sam.post("/support/accounts/acct_ada/holds", {"hold_id": "support:x", "why": "a stolen card"})
    assert world.ada.post("/withdrawal-declarations", content()).status == 201
    assert confirmed(declared()).status == 200


def test_the_address_of_the_caller_is_not_stored(world: World) -> None:
    """A digest of it is, to count by."""
    NOBODY.post("/withdrawal-declarations", content())
    assert runtime() is world.services
    assert not [row for row in world.table() if "127.0.0.1" in row]


@pytest.mark.parametrize("claims", [{"email": "ada@example.com"}, {}])
def test_the_answer_to_a_review_goes_to_the_address_of_the_token(world: World, claims: dict[str, str]) -> None:
    """A token without one asks all the same: the address of the account is used then."""
    world.sam.post("/support/accounts/acct_ada/holds", {"hold_id": "support:x", "why": "a stolen card"})
    assert Frontend(ADA, claims).post("/reviews", {"message": "It is my card."}).status == 201
    (listed,) = world.sam.get("/support/declarations").json["declarations"]
    shown = world.sam.get(f"/support/declarations/{listed['declaration_id']}").json
    assert shown["email"] == claims.get("email", "")


def test_who_is_suspended_asks_for_a_review_and_reads_the_answer(world: World) -> None:
    """Nobody else reads it. Who is not suspended has nothing to ask."""
    assert world.ada.post("/reviews", {}).status == 409
    assert world.ada.post("/reviews", {"case_id": f"case_{'0' * 24}"}).status == 404
    world.sam.post("/support/accounts/acct_ada/holds", {"hold_id": "support:x", "why": "a stolen card"})
    asked = world.ada.post("/reviews", {"message": "It is my card."})
    assert (asked.status, asked.json["is_answered"], asked.json["case_id"]) == (201, False, None)
    assert asked.json["statement"].endswith("\nIt is my card.")
    assert world.ada.post("/reviews", {"message": "It is my card."}).json == asked.json
    path = asked.headers["location"]
    assert world.ada.get(path).json == asked.json
    assert world.bob.get(path).status == 404
    (listed,) = world.sam.get("/support/declarations").json["declarations"]
    assert (listed["kind"], listed["review_cause"], listed["account_id"]) == ("review", "suspended", "acct_ada")
    assert listed["due_by"] == asked.json["due_by"]
    decision = f"/support/declarations/{listed['declaration_id']}/decision"
    assert world.sam.post(decision, {"outcome": "carry_out", "why": "x"}).status == 409
    assert world.sam.post(decision, {"outcome": "close", "why": "We have lifted it."}).status == 200
    answered = world.ada.get(path).json
    assert (answered["is_answered"], answered["answer"]) == (True, "We have lifted it.")


# ── Support ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def followed(world: World, draft: ApiResponse) -> str:
    """Confirm a declaration, and follow it as its event does. Return its id."""
    name: str = confirmed(draft).json["declaration_id"]
    here = world.services
    follow(name, here.store, here.policy, here.providers, now=here.now())
    return name


def test_support_sees_what_waits_for_a_person_and_carries_it_out(world: World) -> None:
    """The one that is due first comes first. Its contract is named, and a case opens in the customer's name."""
    first, second = (followed(world, declared(contract=f"the {number}. one")) for number in (1, 2))
    waiting = world.sam.get("/support/declarations").json
    assert [one["declaration_id"] for one in waiting["declarations"]] == [first, second]
    assert {one["review_cause"] for one in waiting["declarations"]} == {"no_match"}
    page = world.sam.get("/support/declarations", query={"limit": 1}).json
    assert ([one["declaration_id"] for one in page["declarations"]], page["has_more"]) == ([first], True)
    verdict = {"outcome": "carry_out", "account_id": ADA, "purchase_id": ADAS, "why": "The same address."}
    path = f"/support/declarations/{first}/decision"
    approved = world.sam.post(path, verdict)
    assert (approved.status, approved.json["state"], approved.json["approved_by"]) == (200, "approved", "sam")
    assert world.sam.post(path, verdict).json == approved.json
    here = world.services
    follow(first, here.store, here.policy, here.providers, now=here.now())
    shown = world.sam.get(f"/support/declarations/{first}").json
    case = world.ada.get(f"/refund-requests/{shown['case_id']}").json
    assert (shown["state"], case["purchase_id"], case["due_by"]) == ("executed", ADAS, shown["due_by"])
    closed = world.sam.post(f"/support/declarations/{second}/decision", {"outcome": "close", "why": "A second mail."})
    assert (closed.json["state"], closed.json["closed_by"]) == ("closed", "sam")
    assert world.sam.get("/support/declarations").json["declarations"] == []
    done = {
        name: [line["words"] for line in world.sam.get(f"/support/declarations/{name}").json["history"]["lines"][:1]]
        for name in (first, second)
    }
    assert done == {
        first: [f"sam had carried out {first}: The same address."],
        second: [f"sam closed {second}: A second mail."],
    }


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        ({"outcome": "carry_out", "account_id": ADA}, 422),
        ({"outcome": "carry_out", "purchase_id": ADAS}, 422),
        ({"outcome": "close", "account_id": ADA, "purchase_id": ADAS}, 422),
        ({"outcome": "carry_out", "account_id": BOB, "purchase_id": ADAS}, 404),
        ({"outcome": "carry_out", "account_id": ADA, "purchase_id": "stripe:pi_none"}, 404),
    ],
)
def test_a_person_names_a_contract_that_there_is(world: World, verdict: dict[str, str], status: int) -> None:
    """Whole, and of its own account. Nothing is written otherwise."""
    name = followed(world, declared(contract="the one"))
    before = world.table()
    assert world.sam.post(f"/support/declarations/{name}/decision", {**verdict, "why": "x"}).status == status
    assert world.table() == before


def test_what_is_not_in_review_is_not_for_a_person(world: World) -> None:
    """It waits for the address on file."""
    name = followed(world, declared())
    for outcome in ("carry_out", "close"):
        assert world.sam.post(f"/support/declarations/{name}/decision", {"outcome": outcome, "why": "x"}).status == 409


def test_a_withdrawal_from_a_resellers_contract_is_passed_on_by_a_person(world: World) -> None:
    """It stays in its list until that is recorded, with its time. One of our own sales has nobody to pass it on to."""
    payment_id = PaymentId("paddle:txn_of_ada")
    world.pays(payment_id, ADA)
    name = followed(world, declared(contract="txn_of_ada"))
    shown = world.sam.get(f"/support/declarations/{name}").json
    assert (shown["reseller"], shown["forwarded_at"]) == ("Paddle.com", None)
    path = f"/support/declarations/{name}/forwarding"
    assert world.sam.post(path).status == 422
    how = {"why": "By mail, ticket 4711."}
    forwarded = world.sam.post(path, how).json
    assert (forwarded["forwarded_by"], bool(forwarded["forwarded_at"])) == ("sam", True)
    assert world.sam.post(path, {"why": "Once more."}).json == forwarded
    lines = world.sam.get(f"/support/declarations/{name}").json["history"]["lines"]
    (line,) = [one for one in lines if one["kind"] == "act"]
    assert (line["actor"], line["words"]) == ("sam", f"sam passed on {name}: By mail, ticket 4711.")
    ours = followed(world, declared())
    assert world.sam.post(f"/support/declarations/{ours}/forwarding", how).status == 409
    sue = Frontend(ADA, {GROUPS_CLAIM: "[billing-support]"})
    before = world.table()
    for about in (f"{name}/forwarding", f"{name}/decision"):
        body = {"outcome": "close", "why": "x"} if about.endswith("decision") else how
        told = sue.post(f"/support/declarations/{about}", body)
        assert (told.status, "your own account" in told.text) == (403, True)
    assert world.table() == before


def test_a_withdrawal_by_mail_counts_from_when_it_was_sent(world: World) -> None:
    """Support enters what was written, how it came and when it was sent. It was in time, though it is entered late."""
    order = world.ada.post("/orders", ORDER, key="k").json["order_id"]
    bought = datetime.now(UTC)
    payment_id = PaymentId("stripe:pi_by_mail")
    world.pays(payment_id, ADA, fulfilment_key=f"order/{order}", paid_minor=1800, at=bought)
    sent_at = bought + timedelta(hours=1)
    claim = {
        "account_id": ADA,
        "purchase_id": payment_id,
        "reason": "withdrawal",
        "channel": "letter",
        "message": "I withdraw.",
        "sent_at": sent_at.isoformat(),
    }
    refused = world.sam.post("/support/refund-cases", claim, key="1")
    assert (refused.status, refused.fields) == (422, ["body.sent_at"]), "it is not sent yet"
    world.services.clock = lambda: bought + timedelta(days=40)
    opened = world.sam.post("/support/refund-cases", claim, key="1")
    assert opened.status == 201
    assert datetime.fromisoformat(opened.json["due_by"]) == sent_at + timedelta(days=14)
    shown = world.sam.get(f"/support/refund-cases/{opened.json['case_id']}").json
    assert (shown["channel"], shown["message"]) == ("letter", "I withdraw.")
    assert datetime.fromisoformat(shown["sent_at"]) == sent_at
    assert shown["state"] != "declined"
