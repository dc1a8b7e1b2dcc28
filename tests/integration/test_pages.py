"""The public pages as API Gateway serves them: forms that nobody can fail, and links that only their holder can use."""

import html
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from ledger.api.gateway_event import MAX_BODY_BYTES
from ledger.api.pages.forms import MOST
from ledger.api.pages.texts import words_of
from ledger.domain.declarations import BY_LINK, BY_SILENCE, Declaration, DeclarationState
from ledger.domain.errors import StoreUnavailable
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import declaration_key
from ledger.usecases.declarations.answer import issue_links
from ledger.usecases.declarations.change import read_declaration
from ledger.usecases.declarations.follow import follow
from ledger.usecases.declarations.submit import declare
from tests.integration.conftest import ADAS, Calls, World
from tests.unit.api.test_pages import SUBMISSION, read
from tools.testing.frontend import ApiResponse, Frontend

NOBODY = Frontend("")
KNOWN, UNKNOWN = str(ADAS).replace(":", " "), "stripe pi_nobodys"
KINDS = ("withdrawal", "cancellation")
SECRET = "s" * 32
HEADERS = {"content-type": "application/x-www-form-urlencoded"}


def send(path: str, content: dict[str, str], **headers: str) -> ApiResponse:
    """Send a form as a browser does."""
    return NOBODY.post(path, body=urlencode(content).encode(), headers=HEADERS | headers)


def submit(kind: str = "withdrawal", **changes: str) -> ApiResponse:
    """Submit a form about a pack of Ada's."""
    content = {"name": "Ada Lovelace", "contract": KNOWN, "email": "ada@example.com", "form": SECRET, "language": "en"}
    return send(f"/{kind}", content | changes)


def reference(page: ApiResponse) -> str:
    """The reference number on a receipt."""
    (found,) = re.findall(r"[WC](?:-[0-9A-Z]{4}){3}", page.text)
    return str(found)


def stored(world: World, page: ApiResponse) -> Declaration:
    """The declaration that a receipt is about."""
    return read_declaration(reference(page), world.services.store)


@pytest.mark.parametrize("kind", KINDS)
def test_a_form_is_filled_in_and_received(world: World, kind: str) -> None:
    """In the language of its address; the page says everything that was received."""
    page = NOBODY.get(f"/{kind}", query={"language": "de", "contract": "ord_1"})
    assert (page.status, page.headers["content-language"]) == (200, "de")
    fields = {one.attributes.get("name"): one.attributes.get("value", "") for one in read(page.text).all("input")}
    assert fields["contract"] == "ord_1"
    receipt = submit(kind, form=fields["form"], language=fields["language"])
    declaration = stored(world, receipt)
    assert receipt.status == 200
    assert declaration.state is DeclarationState.CONFIRMED
    for text in ("Ada Lovelace", "ada@example.com", "UTC+0"):
        assert text in receipt.text
    assert declaration.submission.statement
    for line in declaration.submission.statement.split("\n"):
        assert html.escape(line) in receipt.text
    assert declaration.submission.language == "de"


def test_every_page_is_kept_by_nobody_and_loads_nothing(world: World) -> None:
    """Also those of errors: a link's address has a secret, a receipt personal data."""
    assert world
    shown = [
        *(NOBODY.get("/withdrawal"), submit(), submit(name=""), send("/withdrawal", {}, **{"content-type": "x/y"})),
        NOBODY.get("/declarations/W-0000-0000-0000/approval", query={"token": "x"}),
    ]
    assert [page.status for page in shown] == [200, 200, 422, 415, 404]
    for page in shown:
        headers = dict(page.headers)
        assert headers.pop("content-security-policy").startswith("default-src 'none'; ")
        assert headers == {
            "content-type": "text/html; charset=utf-8",
            "content-language": "en",
            "cache-control": "no-store",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            "strict-transport-security": "max-age=31536000",
            "permissions-policy": "camera=(), geolocation=(), microphone=()",
        }
        read(page.text)


def test_a_form_that_is_sent_twice_is_received_once(world: World) -> None:
    """The receipt is the same: the first time stays."""
    first = submit()
    assert submit().text == first.text
    assert len([*world.services.store.declarations(DeclarationState.CONFIRMED)]) == 1
    assert reference(submit(contract="another")) != reference(first)


def test_an_incomplete_form_is_shown_again_and_its_time_is_kept(world: World) -> None:
    """What was entered is still there, and both times are stored: the first one counts for a day."""
    before = datetime.now(UTC)
    page = submit(email="ada@", language="fr")
    assert page.status == 422
    wrong = [one.attributes["id"] for one in read(page.text).all("input") if one.attributes.get("aria-invalid")]
    assert wrong == ["email"]
    assert 'value="Ada Lovelace"' in page.text
    world.services.clock = lambda: datetime(2027, 1, 1, tzinfo=UTC)
    declaration = stored(world, submit())
    assert before <= declaration.declared_at < datetime(2027, 1, 1, tzinfo=UTC) == declaration.confirmed_at


def test_an_empty_form_writes_nothing(world: World) -> None:
    """Nor does a page that is looked at."""
    before = world.table()
    assert submit(name="", contract=" ", email="").status == 422
    assert NOBODY.get("/withdrawal").status == NOBODY.get("/cancellation").status == 200
    assert world.table() == before


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_learns_whether_a_contract_or_an_address_is_known(world: World, calls: Calls, kind: str) -> None:
    """Body, headers and calls are the same, but for what was entered, the reference and the time."""
    told = []
    for number, (contract, email) in enumerate(((KNOWN, "ada@example.com"), (UNKNOWN, "eve@example.com"))):
        world.services.clock = lambda: datetime(2026, 11, 29, tzinfo=UTC)
        calls.since()
        page = submit(kind, contract=contract, email=email, form=f"{number}" * 32)
        body = page.text.replace(reference(page), "…").replace(contract, "…").replace(email, "…")
        told.append((page.status, sorted(page.headers.items()), body, calls.since()))
    assert told[0] == told[1]


def test_a_form_without_our_secret_is_received_all_the_same(world: World) -> None:
    """Its secret is new. That of another form is no way to read what that one said."""
    for secret in ("", "x", "<script>", "é" * 30):
        assert stored(world, submit(form=secret)).is_confirmed
    first = submit(name="Eve", form=SECRET)
    assert "Eve" not in submit(name="Ada", form=SECRET).text
    assert "Eve" in first.text


def test_the_table_is_busy_and_nothing_that_was_entered_is_lost(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same form, filled in, with the same secret; and an address to write to."""

    def busy(*_: object) -> None:
        raise StoreUnavailable("throttled")

    with monkeypatch.context() as patch:
        patch.setattr(world.services.store, "commit", busy)
        page = submit(message="Mine")
    assert page.status == 503
    for text in (SECRET, "Ada Lovelace", KNOWN, "ada@example.com", "Mine", "support@imagetaggerai.com"):
        assert text in page.text
    assert submit(message="Mine").status == 200


def test_a_form_whose_fields_are_full_is_received_in_any_script(world: World) -> None:
    """A browser writes twelve bytes for one character."""
    texts = {name: "\N{PERSEVERING FACE}" * MOST[name] for name in ("name", "contract", "part", "message")}
    page = submit(**texts)
    assert page.status == 200
    assert stored(world, page).submission.message == texts["message"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"x" * (MAX_BODY_BYTES + 1), {}, 413),
        (b"{}", {"content-type": "application/json"}, 415),
        (b"&".join(b"a=1" for _ in range(100)), {}, 400),
        (b"\xff\xfe=\x00", {}, 422),
        (b"name=%ff%fe&name=b", {}, 422),
    ],
)
def test_what_is_no_form_is_answered_by_a_page(world: World, body: bytes, headers: dict[str, str], status: int) -> None:
    """In words, and never by a 500."""
    assert world
    page = NOBODY.post("/withdrawal", body=body, headers=HEADERS | headers)
    assert page.status == status
    assert read(page.text).all("h1")


# ── Links ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def linked(world: World) -> str:
    """A withdrawal from Ada's pack that waits for the answer of the address on file."""
    name = reference(submit())
    services = world.services
    follow(name, services.store, services.policy, services.providers, now=services.now())
    issue_links(name, "yes", "no", services.store)
    return name


@pytest.mark.parametrize(
    ("link", "token", "state"),
    [("approval", "yes", DeclarationState.APPROVED), ("objection", "no", DeclarationState.IN_REVIEW)],
)
def test_a_link_shows_what_it_is_about_and_its_button_acts(
    world: World, link: str, token: str, state: DeclarationState
) -> None:
    """A program that opens every link of a mail changes nothing. The button acts once."""
    name = linked(world)
    before = world.table()
    page = NOBODY.get(f"/declarations/{name}/{link}", query={"token": token, "language": "nl"})
    assert (page.status, page.headers["content-language"]) == (200, "nl")
    assert KNOWN in page.text
    assert "ada@example.com" not in page.text, "the address that a stranger gave is not this reader's business"
    assert world.table() == before
    (sent,) = read(page.text).all("form")
    fields = {one.attributes["name"]: one.attributes["value"] for one in read(page.text).all("input")}
    done = send(sent.attributes["action"], fields)
    assert done.status == 200
    assert read_declaration(name, world.services.store).state is state
    assert send(sent.attributes["action"], fields).text == done.text
    assert not read(NOBODY.get(f"/declarations/{name}/{link}", query={"token": token}).text).all("form")


MATCHED, APPROVED, EXECUTED = DeclarationState.MATCHED, DeclarationState.APPROVED, DeclarationState.EXECUTED
IN_REVIEW, CLOSED = DeclarationState.IN_REVIEW, DeclarationState.CLOSED
BEGUN: dict[str, Any] = {"begun_at": datetime(2026, 11, 2, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("link", "state", "changes", "told"),
    [
        *(("approval", state, {}, "approval_done") for state in (MATCHED, APPROVED, EXECUTED)),
        *(("approval", state, {}, "decided") for state in (IN_REVIEW, CLOSED)),
        *(("objection", state, {}, "objection_done") for state in (MATCHED, IN_REVIEW, CLOSED)),
        *(("objection", APPROVED, {"approved_by": by}, "objection_done") for by in (BY_LINK, BY_SILENCE)),
        *(("objection", APPROVED, {"approved_by": by, **BEGUN}, "late") for by in (BY_LINK, BY_SILENCE)),
        ("objection", APPROVED, {"approved_by": "sam"}, "late"),
        *(("objection", EXECUTED, {"approved_by": by, **BEGUN}, "late") for by in (BY_LINK, BY_SILENCE, "sam")),
    ],
)
def test_a_links_page_says_what_its_button_has_done_in_each_state(
    world: World, link: str, state: DeclarationState, changes: dict[str, Any], told: str
) -> None:
    """Who objects to what is carried out already must not read that nothing is changed."""
    name, store = linked(world), world.services.store
    matched = read_declaration(name, store)
    moved = replace(matched, state=state, **changes)
    assert store.commit(Commit(documents=(DocumentChange(declaration_key(name), moved, matched.version),))) is None
    page = send(f"/declarations/{name}/{link}", {"token": {"approval": "yes", "objection": "no"}[link]})
    assert page.status == 200
    assert words_of("en")(f"answer.{told}_title") in html.unescape(page.text)
    assert words_of("en")(f"answer.{told}") in html.unescape(page.text)


@pytest.mark.parametrize("link", ["approval", "objection"])
def test_a_forged_link_is_answered_like_one_to_nothing(world: World, calls: Calls, link: str) -> None:
    """The same page, headers and number of calls; nothing is written."""
    name = linked(world)
    before, told = world.table(), []
    for of in (name, "W-0000-0000-0000"):
        for token in ("x", "", "no" if link == "approval" else "yes"):
            calls.since()
            page = NOBODY.get(f"/declarations/{of}/{link}", query={"token": token})
            sent = send(f"/declarations/{of}/{link}", {"token": token})
            told.append([(one.status, one.headers, one.text) for one in (page, sent)] + [calls.since()])
    assert all(one == told[0] for one in told)
    assert told[0][0][0] == 404
    assert world.table() == before


@pytest.mark.parametrize("name", ["x", "W-0000", "w-0000-0000-0000", "W-0000-0000-000%0A", "x" * 3000, "%00"])
def test_an_id_of_another_form_is_no_link(world: World, calls: Calls, name: str) -> None:
    """No table is asked for it."""
    assert world
    calls.since()
    assert NOBODY.get(f"/declarations/{name}/approval", query={"token": "x"}).status == 404
    assert calls.since() == []


def test_a_draft_has_no_links(world: World) -> None:
    """Its own secret opens none."""
    draft = declare(SUBMISSION, "token", world.services.store, now=world.services.now())
    for link in ("approval", "objection"):
        assert NOBODY.get(f"/declarations/{draft.declaration_id}/{link}", query={"token": "token"}).status == 404
