"""Withdrawals and cancellations without a login, as JSON: the same answer for all, and nothing but the form counts."""

from typing import Any

import pytest

from ledger.domain.declarations import DeclarationState
from ledger.runtime import runtime
from tests.integration.conftest import ADAS, Calls, World
from tools.testing.frontend import ApiResponse, Frontend

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
