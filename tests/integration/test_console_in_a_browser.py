"""The support console in a real browser: sign-in, decisions by one and two people, by keyboard, and under attack."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.credentials import Credentials

from functions.show_console.app import release
from ledger.domain.declarations import DeclarationKind, Submission
from ledger.domain.facts import DisputeReason, DisputeState, EvidenceState, Fact, RefundState
from ledger.domain.ids import PaymentId
from ledger.domain.mails import MailKind
from ledger.domain.money import format_amount
from ledger.providers.registry import names_of_parked
from ledger.usecases.attribute_parked import dismiss_parked
from ledger.usecases.declarations.submit import submit
from ledger.usecases.index_names import index_declaration, index_parked, index_purchases
from ledger.usecases.record_event import record_event
from ledger.usecases.refund_cases.follow_refunds import follow
from tests.contract.test_parked import park, renewal
from tests.integration.conftest import ADA, ADAS, BOB, BOBS, LONG_AGO, World
from tests.integration.test_api import HOSTILE_NAMES, store_evidence
from tests.integration.test_api_declarations import declared, followed
from tests.integration.test_api_parked import of_another_shop
from tests.integration.test_no_free_use import BARE, EVE, PLAN, RENEWS, SHOWN, changes_her_mind, ordered, pays
from tests.integration.test_release_parked import SECRET, of_a_price, receive
from tests.unit.tools.template_parts import TEMPLATE
from tools import token
from tools.devserver import environment, sign_in
from tools.devserver.authorizers import KeySet
from tools.devserver.gateway import Callers, Gateway
from tools.testing.browser import Browser, browser, executable
from tools.testing.builders import at, dispute, event_of, paid, payment, refund
from tools.testing.frontend import Frontend

pytestmark = pytest.mark.skipif(executable() is None, reason="no Chromium on the PATH")
PHONE, DESK = (390, 844), (1280, 900)
HEADING = "document.querySelector('main h1')?.textContent"
SCRIPT = "<img src=x onerror='document.title=1'><script>document.title=2</script>"
PACK = PaymentId("stripe:pi_pack")
CHECKED = 500_00
"""The most that one person refunds in a day, in USD cents."""


@dataclass
class Console:
    """The console in a browser, and the API behind it."""

    gateway: Gateway
    page: Browser

    @property
    def url(self) -> str:
        """The address of the API, and of the console."""
        return self.gateway.url

    def sign_in(self, account_id: str = "staff_sue", *, size: tuple[int, int] = DESK) -> None:
        """Sign in as somebody, on the issuer's page."""
        self.page.open(f"{self.url}/console", width=size[0], height=size[1])
        self.sign_in_here(account_id)

    def sign_in_here(self, account_id: str = "staff_sue") -> None:
        """Sign in on the page where the sign-in has ended, which leads back to it."""
        self.wait_for_heading("Sign in")
        self.click("Sign in")
        person = f"document.querySelector('a[href*=\"person={account_id}\"]')"
        self.page.wait_until(f"location.pathname === '/_local/sign-in' && {person}")
        self.page.value(f"{person}.click()")
        self.page.wait_until("location.pathname === '/console' && document.querySelector('main h1')")

    def go(self, address: str, heading: str) -> None:
        """Go to a page of the console."""
        self.page.value(f"location.hash = {json.dumps('#/' + address)}")
        self.wait_for_heading(heading)
        self.page.wait_until("!document.querySelector('.skeleton')")

    def wait_for_heading(self, words: str) -> None:
        """Wait until a page has this heading."""
        self.page.wait_until(f"{HEADING} === {json.dumps(words)}")

    def click(self, words: str) -> None:
        """Click on the button or the link that begins with these words, in the dialog if one is open."""
        within = "(document.querySelector('dialog[open]') || document)"
        begins = f"e => e.textContent.trim().startsWith({json.dumps(words)})"
        found = f"[...{within}.querySelectorAll('button,a,summary,label')].find({begins})"
        self.page.wait_until(f"Boolean({found}) && !{found}.disabled")
        self.page.value(f"{found}.click()")

    def write(self, field: str, text: str) -> None:
        """Write into a field, instead of what it has."""
        self.page.value(f"document.getElementById({json.dumps(field)}).focus()")
        self.page.value("document.activeElement.select?.()")
        self.page.write(text)

    def reads(self, words: str) -> None:
        """Wait until the page has these words."""
        self.page.wait_until(f"document.body.innerText.includes({json.dumps(words)})")

    def blocked(self) -> list[str]:
        """What the browser has blocked, and what failed in the page."""
        thrown = [one for one in self.page.events if one.get("method") == "Runtime.exceptionThrown"]
        loads = "Failed to load resource"  # a 404 or 409 of the API: the page says so itself
        return [text for text in self.page.complaints() if loads not in text] + [str(one) for one in thrown]


@pytest.fixture(scope="module")
def page() -> Iterator[Browser]:
    """A page of the browser."""
    with browser() as started:
        yield started


@pytest.fixture
def console(world: World, page: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """The API behind its gateway, with the local issuer."""
    assert world
    for name, value in {
        "JWT_ISSUER": environment.ISSUER,
        "JWT_AUDIENCE": environment.AUDIENCE,
        "GROUPS_CLAIM": environment.GROUPS_CLAIM,
        "CONSOLE_CLIENT_ID": sign_in.CLIENT_ID,
        "CONSOLE_AUTHORIZE_URL": sign_in.AUTHORIZE_PATH,
        "CONSOLE_TOKEN_URL": sign_in.TOKEN_PATH,
        "CONSOLE_SCOPES": "openid billing.support",
    }.items():
        monkeypatch.setenv(name, value)
    token.local_key()
    callers = Callers(keys=KeySet(Path(token.JWKS_FILE)), credentials=Credentials("x", "y"), region="eu-central-1")
    parameters = {"JwtIssuer": environment.ISSUER, "JwtAudience": environment.AUDIENCE, "AllowedOrigin": "*"}
    gateway = Gateway(0, TEMPLATE, callers, parameters=parameters)
    thread = threading.Thread(target=gateway.serve_forever, args=(0.02,))
    thread.start()
    yield Console(gateway, page)
    page.open("about:blank")  # what the page would ask later is of no test's world
    gateway.shutdown()
    thread.join()
    gateway.server_close()


def opened_case(world: World, reason: str = "technical_problem", message: str = "It fails.", **more: Any) -> str:
    """A case of Ada's payment."""
    claim = {"purchase_id": ADAS, "reason": reason, "message": message, **more}
    return str(world.ada.post("/refund-requests", claim, key="of-the-case").json["case_id"])


def test_somebody_signs_in_and_nothing_of_it_is_left_in_the_browser(console: Console) -> None:
    """No code in the address, no token in any storage; and a reload has to sign in again."""
    console.sign_in()
    console.wait_for_heading("Review queue")
    console.reads("Nothing to review")
    assert console.page.value("location.href") == f"{console.url}/console#/queue"
    kept = "[localStorage.length, sessionStorage.length, document.cookie.length].join()"
    assert console.page.value(kept) == "0,0,0"
    assert console.blocked() == []
    console.page.open(f"{console.url}/console")
    console.wait_for_heading("Sign in")


def test_a_sign_in_that_has_ended_is_said(console: Console, tmp_path: Path) -> None:
    """The token is not accepted any more: no page stays, and a new sign-in is offered."""
    console.sign_in()
    console.wait_for_heading("Review queue")
    (tmp_path / "keys.json").write_text('{"keys": []}')
    console.gateway.callers = replace(console.gateway.callers, keys=KeySet(tmp_path / "keys.json"))
    console.page.value("location.hash = '#/proposals'")
    console.wait_for_heading("Sign in")
    console.reads("Your sign-in has ended")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("?code=stolen&state=guessed", "This answer is not to a sign-in of this tab."),
        ("?error=access_denied&state=guessed", "This answer is not to a sign-in of this tab."),
        ("#token={token}", "This console does not accept a token in its address."),
    ],
)
def test_an_answer_that_was_not_requested_signs_no_one_in(console: Console, address: str, said: str) -> None:
    """Else a link could sign a person in as its sender."""
    given = token.signed(
        "mallory", issuer=environment.ISSUER, audience=environment.AUDIENCE, scopes=["billing.support"]
    )
    console.page.open("about:blank")
    console.page.open(f"{console.url}/console{address.format(token=given)}")
    console.wait_for_heading("Sign in")
    console.reads(said)


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ("state", "This answer is not to a sign-in of this tab."),
        ("nonce", "The answer is not to this sign-in."),
        ("verifier", "The code is not valid, or no longer."),
    ],
)
def test_a_sign_in_that_was_changed_on_its_way_is_refused(console: Console, kept: str, said: str) -> None:
    """State, nonce and verifier are of this tab: another answer, token or code is not for it."""
    console.page.open(f"{console.url}/console")
    console.wait_for_heading("Sign in")
    console.click("Sign in")
    person = "document.querySelector('a[href*=staff_sue]')"
    console.page.wait_until(f"location.pathname === '/_local/sign-in' && {person}")
    pending = "JSON.parse(sessionStorage['console.sign-in'])"
    console.page.value(f"sessionStorage['console.sign-in'] = JSON.stringify({{...{pending}, {kept}: 'another'}})")
    console.page.value(f"{person}.click()")
    console.page.wait_until("location.pathname === '/console'")
    console.wait_for_heading("Sign in")
    console.reads(said)


TYPED = (
    ("19.99", "EUR", 1999),
    ("19,99", "EUR", 1999),
    (" 9.5 ", "EUR", 950),
    ("0.07", "EUR", 7),
    ("1000", "EUR", 100_000),
    ("1000", "JPY", 1000),
    ("1.5", "JPY", None),
    ("1.234", "KWD", 1234),
    ("1.2", "KWD", 1200),
    ("1.2345", "KWD", None),
    ("9.999", "EUR", None),
    ("1,000.00", "EUR", None),
    ("1e3", "EUR", None),
    ("-1", "EUR", None),
    ("", "EUR", None),
)


def test_an_amount_that_is_typed_is_in_the_currencys_own_units(console: Console) -> None:
    """Yen have no hundredths, dinars have thousandths, and what is no plain amount is none."""
    console.page.open(f"{console.url}/console")
    console.page.value(f"import('/console/{release()}/format.js').then((found) => {{ window.format = found; }})")
    console.page.wait_until("window.format")
    read = [(typed, one, console.page.value(f"format.minorOf('{typed}', '{one}')")) for typed, one, _ in TYPED]
    assert read == [*TYPED]
    for _, one, minor in TYPED:
        if minor is not None:
            written = console.page.value(f"format.decimal({minor}, '{one}')")
            assert f"{written} {one}" == format_amount(minor, one)


def loads(console: Console, *names: str) -> None:
    """Load modules of the console, as the page's own variables."""
    console.page.open(f"{console.url}/console")
    for name in names:
        load = f"import('/console/{release()}/{name}.js').then((found) => {{ window.{name}Js = found; }})"
        console.page.value(load)
        console.page.wait_until(f"window.{name}Js")


@pytest.mark.parametrize(
    ("hours", "days", "words", "tone"),
    [
        (-25, -2, "Overdue since", "bad"),
        (-1, -1, "Overdue since", "bad"),
        (1, 0, "Due", "bad"),
        (2 * 24 + 20, 2, "Due", "bad"),
        (3 * 24 + 1, 3, "Due", "warn"),
        (6 * 24 + 20, 6, "Due", "warn"),
        (7 * 24 + 1, 7, "Due", "quiet"),
    ],
)
def test_a_deadline_is_overdue_at_its_instant(console: Console, hours: int, days: int, words: str, tone: str) -> None:
    """Only whole days are left: what is over by an hour is overdue, and three days are not yet two and a half."""
    loads(console, "format", "queue")
    moment = f"new Date(Date.now() + {hours} * 3600000).toISOString()"
    assert console.page.value(f"formatJs.daysUntil({moment})") == days
    shown = console.page.value(f"JSON.stringify(queueJs.due({moment}).values)")
    assert words in shown
    assert (tone in shown, "Overdue" in shown) == (True, days < 0)


@pytest.mark.parametrize(
    ("minutes", "away", "waited"),
    [
        (-47 * 60, "yesterday", "1 day"),
        (-100, "1 hour ago", "1 hour"),
        (-1.9, "1 minute ago", "1 minute"),
        (-0.5, "now", "0 minutes"),
        (1.9, "in 1 minute", "0 minutes"),
        (47 * 60, "tomorrow", "0 minutes"),
        (49 * 60, "in 2 days", "0 minutes"),
    ],
)
def test_only_whole_hours_and_days_count(console: Console, minutes: float, away: str, waited: str) -> None:
    """A deadline never looks later than it is, and nothing looks as if it had waited for longer."""
    loads(console, "format")
    moment = f"new Date(Date.now() + {minutes} * 60000).toISOString()"
    assert console.page.value(f"formatJs.ago({moment}).values.at(-1)") == away
    assert console.page.value(f"formatJs.waitedFor({moment}).values.at(-1)") == waited


def test_a_customers_sign_in_shows_nothing(world: World, console: Console) -> None:
    """The API refuses, and the page says why: on the list, and of whatever account or case the customer has an id."""
    claim = {"purchase_id": BOBS, "reason": "technical_problem", "message": "My runs failed."}
    case_id = world.bob.post("/refund-requests", claim, key="of-the-case").json["case_id"]
    console.sign_in("acct_ada")
    console.reads("Your sign-in is not one of support staff.")
    pages = ("decided", f"accounts/{BOB}", f"cases/{case_id}", f"evidence/{BOB}", f"why/{BOB}", f"find?q={BOB}")
    for address in ("queue", *pages):
        console.page.value(f"location.hash = {json.dumps('#/' + address)}")
        console.page.wait_until("!document.querySelector('.skeleton') && document.querySelector('main .problem')")
        shown = console.page.value("[...document.querySelectorAll('main > :not(h1)')].map(e => e.innerText).join(' ')")
        assert "Your sign-in is not one of support staff." in shown, address
        assert not any(words in shown for words in (BOBS, "My runs failed.", "credits")), address


def test_a_case_is_found_by_invoice_number_and_decided_by_two_people(world: World, console: Console) -> None:
    """Sue proposes what is above her limits, and can't confirm it herself; Tom confirms, and it is refunded."""
    dear = replace(payment(PaymentId("stripe:pi_dear"), paid_minor=CHECKED + 1), invoice_number="INV-7")
    world.record_events(paid(replace(dear, at=datetime.now(UTC) - timedelta(hours=1))))
    index_purchases([dear.payment_id], world.services.store)
    case_id = opened_case(world, purchase_id=dear.payment_id)
    console.sign_in()
    console.wait_for_heading("Review queue")
    console.page.press("/")
    console.page.wait_until("document.activeElement.id === 'q'")
    console.page.write("inv-7")
    console.page.press("Enter")
    console.click("Payment of 500.01 USD")
    console.wait_for_heading(ADA)
    console.click("Technical problem")
    console.wait_for_heading("Technical problem")
    console.click("Refund")
    console.write("amount", "500.01")
    console.write("words", "Your runs failed because of an error of ours.")
    console.click("Preview")
    console.reads("$500.01 goes back to the customer at Stripe.")
    console.click("Refund $500.01")
    console.reads("a colleague has to confirm it")
    assert world.sam.get(f"/support/refund-cases/{case_id}").json["state"] == "in_review"
    console.go("proposals", "Second approval")
    console.reads("Waits for a colleague")
    assert console.page.value("[...document.querySelectorAll('.proposal .accent')].every(e => e.disabled)")
    console.sign_in("staff_tom")
    console.go("proposals", "Second approval")
    console.click("Confirm…")
    console.reads("You carry out what staff_sue has proposed")
    console.click("Confirm")
    console.reads("Nothing waits")
    found = world.sam.get(f"/support/refund-cases/{case_id}").json
    assert (found["state"], found["decided_by"]) == ("approved", "staff_sue")
    assert console.blocked() == []


def test_an_automatic_decline_is_overturned(world: World, console: Console) -> None:
    """The policy declined; a person approves a part, and the customer reads why."""
    world.pays(LONG_AGO, ADA, at=datetime.now(UTC) - timedelta(days=400))
    case_id = opened_case(world, "changed_my_mind", purchase_id=LONG_AGO)
    assert world.sam.get(f"/support/refund-cases/{case_id}").json["state"] == "declined"
    console.sign_in()
    console.go("decided", "Decided cases")
    console.reads("by the policy")
    console.click("Changed their mind")
    console.wait_for_heading("Changed their mind")
    assert console.page.value("document.querySelector('.crumbs a').textContent") == "Decided cases"
    for by_key in (True, False):
        console.click("Overturn")
        console.page.wait_until("document.activeElement.id === 'outcome-approve'")
        console.page.press("Escape") if by_key else console.click("Cancel")
        console.page.wait_until("document.activeElement.id === 'overturn'")
    console.click("Overturn")
    console.click("Refund")
    console.write("amount", "20.01")
    console.click("Preview")
    console.reads("At most $20.00 can be refunded.")
    console.reads("Write at least one sentence.")
    console.write("amount", "9,50")
    console.write("words", "As an exception.")
    console.click("Preview")
    console.click("Refund $9.50")
    console.reads("Decided.")
    found = world.ada.get(f"/refund-requests/{case_id}").json
    assert (found["state"], found["decision"]["money"]["amount_minor"]) == ("approved", 950)
    assert found["decision"]["reasons"][0] == "As an exception."
    console.go("decided", "Decided cases")
    console.reads("by staff_sue")
    console.click("Declined by the policy")
    console.reads("Nothing was declined by the policy")
    console.click("All other decisions")
    console.reads("by staff_sue")
    console.reads("$9.50")
    assert console.blocked() == []


def test_a_hold_is_lifted_with_a_reason(world: World, console: Console) -> None:
    """The account's page says why it can spend nothing; then it can, and who did it stands in the timeline."""
    world.record_events(event_of(dispute(), names=(ADAS,)))
    console.sign_in()
    console.go(f"accounts/{ADA}", ADA)
    console.reads("Suspended")
    console.reads("Pack of 1,000 credits")
    console.reads("1,000 credits of ")
    console.reads("1,000 of them are frozen while a dispute of their payment is open.")
    console.click("Lift…")
    console.reads("Later events of the same dispute do not place it again.")
    console.page.value("document.querySelector('dialog button[type=submit]').click()")
    assert console.page.value("document.querySelector('dialog[open] textarea:invalid').id") == "why"
    console.write("why", "The bank has written that it was a mistake.")
    console.click("Lift it")
    console.reads("The hold is lifted.")
    console.reads("Active")
    console.reads("None: nothing suspends the account.")
    console.reads(
        "staff_sue lifted dispute:stripe:dp_1 of acct_ada, 1,000 credits: The bank has written that it was a mistake."
    )
    console.page.wait_until("document.activeElement.tagName === 'H1'")
    assert world.ada.get("/account").json["status"] == "active"
    assert console.blocked() == []


@pytest.mark.parametrize(
    ("lost", "shown"), [(f"accounts/{ADA}/timeline", "Why this balance"), (f"accounts/{ADA}", "Timeline")]
)
def test_what_could_be_read_of_an_account_is_shown(world: World, console: Console, lost: str, shown: str) -> None:
    """One of the page's two requests fails: the other one's part is there, and what failed is read again alone."""
    assert world
    console.sign_in()
    console.page.value(
        f"""(() => {{ const real = fetch; window.isLost = true; window.fetch = (url, sent) =>
            isLost && new URL(url).pathname === '/support/{lost}'
                ? Promise.resolve(new Response('{{"message": "Service Unavailable"}}', {{ status: 503 }}))
                : real(url, sent); }})()"""
    )
    console.go(f"accounts/{ADA}", ADA)
    console.reads("It could not be read. Nothing was changed.")
    console.reads(shown)
    console.page.value("isLost = false")
    console.click("Try again")
    console.reads("Why this balance")
    console.reads("Timeline")
    console.page.wait_until("!document.querySelector('main .problem')")
    assert console.blocked() == []


def test_looks_are_shown_to_who_asks_for_them(world: World, console: Console) -> None:
    """They would hide what happened."""
    assert world.sam.get(f"/support/accounts/{ADA}").status == 200
    console.sign_in()
    console.go(f"accounts/{ADA}", ADA)
    assert "looked at" not in console.page.value("document.querySelector('.timeline').innerText")
    console.click("Who looked")
    console.reads("looked at account")


def test_the_contract_of_a_declaration_that_names_none_is_asked_for(world: World, console: Console) -> None:
    """The form begins with the contract, without which nothing can be carried out."""
    name = followed(world, declared(contract="the one"))
    console.sign_in()
    console.go(f"declarations/{name}", "Withdrawal by Ada Lovelace")
    console.reads("staff_sue looked at declaration")
    console.click("Carry it out…")
    console.page.wait_until("document.activeElement.id === 'account_id'")
    console.reads("None was found by what the customer wrote.")
    invalid = "[...document.querySelectorAll('dialog :invalid')].map(e => e.id).filter(Boolean)"
    assert console.page.value(invalid) == ["account_id", "purchase_id", "why"]


def test_credits_instead_of_a_withdrawals_money_ask_how_the_customer_agreed(world: World, console: Console) -> None:
    """The refund failed. What support writes there is shown to support, and not to the customer."""
    purchase_id = pays(world, ordered(world, BARE), "informed")
    case = changes_her_mind(purchase_id)
    failed = replace(refund(4100, state=RefundState.FAILED, minute=60), currency="EUR", tag=f"{case['case_id']}-1")
    world.record_events(event_of(failed, names=(PaymentId(purchase_id),)))
    follow(PaymentId(purchase_id), world.services.store, now=datetime.now(UTC))
    console.sign_in()
    console.go(f"cases/{case['case_id']}", "Changed their mind")
    console.click("Replace with credits")
    console.write("credits", "100")
    console.write("words", "As agreed.")
    console.click("Preview")
    console.reads("Write how and when the customer agreed.")
    console.write("agreement", "By mail of 3 November.")
    console.click("Preview")
    console.click("Give 100 credits")
    console.reads("Replaced with credits")
    console.reads("The customer agreed to credits instead of money: By mail of 3 November.")
    assert "3 November" not in Frontend(EVE).get(f"/refund-requests/{case['case_id']}").text


def test_who_answers_a_customer_is_told_that_the_customer_reads_it(world: World, console: Console) -> None:
    """All other reasons are for support alone, and say so."""
    world.sam.post(f"/support/accounts/{ADA}/holds", {"hold_id": "support:x", "why": "a stolen card"})
    world.ada.post("/reviews", {"message": "It is my card."})
    (review,) = world.sam.get("/support/declarations").json["declarations"]
    other = followed(world, declared(contract="the one"))
    console.sign_in()
    hint = "document.getElementById('why-hint').textContent"
    console.go(f"declarations/{review['declaration_id']}", f"Request for a review by {ADA}")
    console.click("Answer…")
    console.page.wait_until(f"{hint}.startsWith('The customer gets it by mail, word for word.')")
    console.click("Go back")
    console.go(f"declarations/{other}", "Withdrawal by Ada Lovelace")
    console.click("Close it…")
    console.page.wait_until(f"{hint}.endsWith('The customer does not see it.')")


def test_a_buyer_who_was_not_informed_is_informed_at_last(world: World, console: Console) -> None:
    """The case says that nothing is on record, and what a mail would change. A second mail is not listed.

    A case whose money goes back offers none, and is due no more. The account's page says what is locked.
    """
    order = ordered(world, BARE)
    purchase_id = pays(world, order, "informed")
    claim = {"purchase_id": purchase_id, "reason": "technical_problem", "message": "It fails."}
    case = Frontend(EVE).post("/refund-requests", claim, key="of-the-case").json
    console.sign_in()
    console.go(f"accounts/{order.account_id}", order.account_id)
    console.reads("Locked credits")
    console.reads("The customer has not asked us to begin")
    console.go(f"cases/{case['case_id']}", "Technical problem")
    console.reads("Not on record")
    for said in ("The mail is listed. The days run once it is sent.", "A mail was asked for already."):
        console.click("Inform of the right to withdraw…")
        console.reads("14 days run from its sending")
        console.write("why", "It was not shown with the order.")
        console.click("Send the mail")
        console.reads(said)
    decided = changes_her_mind(purchase_id)
    console.go(f"cases/{decided['case_id']}", "Changed their mind")
    console.reads("Approved")
    shown = console.page.value("document.querySelector('main').innerText")
    assert "Inform of the right to withdraw…" not in shown
    assert "Due " not in shown
    intents = [one for one in world.services.store.mail_intents() if one.kind is MailKind.WITHDRAWAL_INFORMATION]
    assert [one.account_id for one in intents] == [order.account_id]
    assert console.blocked() == []


def test_a_balance_is_explained_down_to_the_run(world: World, console: Console) -> None:
    """From the account to an entry's cause, and what led to it."""
    world.service.post("/usage", {"account_id": ADA, "run_id": "run_1", "credits": 30})
    console.sign_in()
    console.go(f"accounts/{ADA}", ADA)
    console.reads(f"{ADA} has 970 credits: ")
    console.click("Explain")
    console.wait_for_heading("Why?")
    console.page.wait_until("document.querySelectorAll('.timeline li').length > 0")
    console.reads("run_1")
    assert console.blocked() == []


def test_a_parked_event_is_shown_and_tried_again(
    world: World, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says why it is parked and what would release it. What still can't be booked stays, and the page says so."""
    monkeypatch.setenv("PADDLE_SIGNING_SECRETS", SECRET)
    world.services.config = replace(world.services.config, signing_secrets={"paddle": SECRET})
    assert receive(world.services, of_a_price("pri_of_next_month", 1)) == "parked"
    console.sign_in()
    console.go("parked", "Parked events")
    console.page.wait_until("document.querySelector('nav [aria-current] .count')?.textContent === '1'")
    console.click("transaction.completed")
    console.wait_for_heading("transaction.completed")
    console.reads("Unknown price")
    console.reads('"id": "txn_1"')
    terms = "[...document.querySelectorAll('aside .facts dt')].map(one => one.textContent).join()"
    assert "Amount" in console.page.value(terms)
    console.reads("staff_sue looked at event")
    console.click("Try again…")
    console.write("why", "The price is in the catalogue now.")
    console.click("Try again")
    console.reads("It is still parked. Unknown price")
    console.reads("staff_sue tried again to book paddle:evt_1: The price is in the catalogue now.")
    assert world.sam.get("/support/parked/paddle:ctm_1~evt_1").status == 200
    assert console.blocked() == []


def test_a_kind_of_parked_events_is_muted_and_comes_back(
    world: World, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it would do is shown before. Then it is one click away, with who muted it and why, until it is ended."""
    monkeypatch.setenv("PADDLE_SIGNING_SECRETS", SECRET)
    world.services.config = replace(world.services.config, signing_secrets={"paddle": SECRET})
    for number in (1, 2):
        assert receive(world.services, of_another_shop(number, number)) == "parked"
    console.sign_in()
    console.go("parked", "Parked events")
    console.click("transaction.completed")
    console.wait_for_heading("transaction.completed")
    console.click("Mute this kind…")
    console.reads("2 parked events leave the list")
    console.write("why", "Of our other shop.")
    console.click("Mute the kind")
    console.reads("The kind is muted.")
    console.reads("Its kind is muted.")
    console.go("parked", "Parked events")
    console.reads("Nothing needs a person")
    console.click("Muted")
    console.reads("Of our other shop.")
    console.click("End…")
    console.write("why", "We sell it here now.")
    console.click("End it")
    console.reads("It is ended.")
    console.reads("We sell it here now.")
    console.go("parked", "Parked events")
    console.page.wait_until("document.querySelectorAll('tbody tr').length === 2")
    assert console.blocked() == []


def test_money_that_nobody_could_book_is_found_and_dismissed(
    world: World, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its invoice's number. Once it is dismissed the search says so. A declaration is found beside it."""
    monkeypatch.setitem(world.services.__dict__, "address_key", "a key")
    event = replace(renewal(), event_type="invoice.paid")
    invoice = {"id": "in_1", "number": "77-1", "customer_email": "zoe@example.com"}
    envelope = {"id": event.event_id, "object": "event", "type": event.event_type, "created": 1793534400}
    body = json.dumps({**envelope, "data": {"object": invoice}}).encode()
    record_event(event, world.services.store, body=body, body_sha256="0" * 64, now=world.services.now())
    name = ("stripe:cus_9", event.event_id)
    index_parked(name, names_of_parked, lambda: "a key", world.services.store)
    withdrawal = Submission(
        kind=DeclarationKind.WITHDRAWAL,
        name="Zoe",
        contract="the one of May",
        email="zoe@example.com",
        language="en",
        statement="I withdraw.",
    )
    made = submit(withdrawal, "form", world.services.store, now=world.services.now())
    index_declaration(made.declaration_id, "a key", world.services.store)
    console.sign_in()
    console.go("find?q=77-1", "Search")
    console.reads("Parked event invoice.paid, invoice 77-1: no account")
    console.click("Parked event invoice.paid")
    console.wait_for_heading(event.event_type)
    dismiss_parked(name, "kim", "Of our other shop.", world.services.store, now=world.services.now())
    console.go("find?q=zoe@example.com", "Search")
    console.reads("Event invoice.paid: dismissed")
    shown = console.page.value("document.querySelector('main .results').innerText")
    assert "Parked event" not in shown
    console.click("Declaration without a login")
    console.page.wait_until(f"location.hash === '#/declarations/{made.declaration_id}'")
    console.page.wait_until(f"document.querySelector('main').innerText.includes({json.dumps(made.declaration_id)})")


def test_a_parked_event_is_attributed_and_released(world: World, console: Console) -> None:
    """Nothing says whose it is until a person does: then it is booked for that account, and listed no more."""
    event = renewal()
    world.services.translate_parked = lambda _: event  # type: ignore[assignment, method-assign]
    park(world.services.store, event)
    console.sign_in()
    console.go("parked", "Parked events")
    console.click(event.event_type)
    console.click("Say whose it is…")
    console.write("account", ADA)
    console.write("why", "The customer has written to us about it.")
    console.click("Attribute it")
    console.reads("It is booked.")
    console.reads("What became of it")
    console.reads("The customer has written to us about it.")
    console.go("parked", "Parked events")
    console.reads("Nothing needs a person")
    assert world.ada.get("/account").json["balance"] == 2000
    assert console.blocked() == []


def test_a_second_tab_that_is_behind_decides_nothing(world: World, console: Console) -> None:
    """A colleague was faster: the dialog says so, and shows what stands now. What was written goes nowhere."""
    case_id = opened_case(world)
    console.sign_in()
    console.go(f"cases/{case_id}", "Technical problem")
    decline = {"outcome": "decline", "words": ["It worked."], "clause": "6"}
    assert world.sam.post(f"/support/refund-cases/{case_id}/decision", decline, key="of-sam").status == 200
    console.click("Refund")
    console.write("words", "Here is your money.")
    console.click("Preview")
    console.click("Refund $")
    console.reads("This can't be done any more")
    console.click("Show the current state")
    console.reads("by sam")
    assert world.sam.get(f"/support/refund-cases/{case_id}").json["state"] == "declined"


RECORDS_KEYS = """(() => {
    const real = fetch;
    window.keys = [];
    window.lost = 0;
    window.fetch = async (url, sent) => {
        const response = await real(url, sent);
        if (sent.method === 'POST' && 'idempotency-key' in sent.headers) {
            keys.push(sent.headers['idempotency-key']);
            if (keys.length <= lost) throw new TypeError();
        }
        return response;
    };
})()"""
"""Records the key of each act, and loses the responses to the first `lost` ones."""


def declines(console: Console, case_id: str) -> None:
    """Decide a case."""
    console.go(f"cases/{case_id}", "Technical problem")
    console.click("Decline")
    console.write("words", "All runs worked.")
    console.click("Preview")


def adjusts(console: Console, _: str) -> None:
    """Give credits."""
    console.go(f"accounts/{ADA}", ADA)
    console.click("Adjust credits…")
    console.write("count", "50")
    console.write("why", "A late reply of ours.")


def choose_purchase(console: Console, payment_id: PaymentId) -> None:
    """Choose one of the account's purchases, once they are listed."""
    chosen = (
        f"[...document.querySelectorAll('#purchase_id option')].find(one => one.value === {json.dumps(payment_id)})"
    )
    console.page.wait_until(f"Boolean({chosen})")
    console.page.value(f"{chosen}.selected = true")
    console.page.value("document.getElementById('purchase_id').dispatchEvent(new Event('change'))")


def opens_a_case(console: Console, _: str) -> None:
    """Open a case in a customer's name."""
    console.go(f"accounts/{ADA}", ADA)
    console.click("Open a case for a customer")
    choose_purchase(console, PACK)
    sent_at = "document.getElementById('sent_at')"
    console.page.value(f"{sent_at}.value = '2026-11-01T12:00'; {sent_at}.dispatchEvent(new Event('input'))")
    console.write("message", "It fails.")


def test_the_purchase_of_a_new_case_is_chosen_from_the_accounts(world: World, console: Console) -> None:
    """Whichever account is named, its own are listed; an account without any says so, and another's is not kept."""
    world.pays(PACK, BOB)
    console.sign_in()
    console.wait_for_heading("Review queue")
    console.click("Open a case for a customer")
    console.reads("Name the account first")
    listed = "[...document.querySelectorAll('#purchase_id option')].map(one => one.value).filter(Boolean).sort().join()"
    for account_id, purchases in ((ADA, [ADAS]), (BOB, [BOBS, PACK]), ("acct_nobody", [])):
        console.write("account_id", account_id)
        console.page.value("document.getElementById('account_id').dispatchEvent(new Event('change'))")
        console.page.wait_until(f"{listed} === {json.dumps(','.join(sorted(purchases)))}")
        if purchases:
            choose_purchase(console, purchases[0])
            console.reads(purchases[0])
    console.reads("No purchase of this account is known.")
    assert console.page.value("document.getElementById('purchase_id').value") == ""
    assert console.blocked() == []


def test_a_double_click_decides_once(world: World, console: Console) -> None:
    """The button is off while the decision is on its way."""
    case_id = opened_case(world)
    console.sign_in()
    declines(console, case_id)
    console.page.wait_until("document.querySelector('dialog[open]')")
    console.page.value(RECORDS_KEYS)
    console.page.value(
        "(() => { const go = document.querySelector('dialog button[type=submit]'); go.click(); go.click(); })()"
    )
    console.reads("Decided.")
    assert console.page.value("keys.length") == 1
    history = world.sam.get(f"/support/refund-cases/{case_id}").json["history"]
    assert [change["to_state"] for change in history].count("declined") == 1


@pytest.mark.parametrize(
    ("fill_in", "again", "done"),
    [
        (declines, ("Decline",), "Decided."),
        (declines, ("Go back", "Preview", "Decline"), "Decided."),
        (adjusts, ("Adjust",), "+50 credits are booked."),
        (opens_a_case, ("Open the case",), "It fails."),
    ],
)
def test_an_act_whose_response_was_lost_is_sent_again_and_done_once(
    world: World, console: Console, fill_in: Callable[[Console, str], None], again: tuple[str, ...], done: str
) -> None:
    """The page says that there is no connection, keeps what was entered, and sends it under the same key."""
    world.pays(PACK, ADA)
    case_id = opened_case(world)
    console.sign_in()
    fill_in(console, case_id)
    console.page.value(RECORDS_KEYS)
    console.page.value("lost = 1")
    console.click(again[-1])
    console.reads("No connection")
    for button in again:
        console.click(button)
    console.page.wait_until("!document.querySelector('dialog[open]')")
    console.reads(done)
    first, second = console.page.value("keys")
    assert first == second
    assert world.ada.get("/account").json["balance"] == 2000 + 50 * (fill_in is adjusts)
    assert len(world.sam.get("/support/refund-cases").json["cases"]) == 1 + (fill_in is opens_a_case) - (
        fill_in is declines
    )


def leaves_the_form(console: Console) -> None:
    """Go back, and look at another page."""
    console.click("Go back")
    console.go("queue", "Review queue")
    console.go(f"accounts/{ADA}", ADA)
    console.click("Adjust credits…")


def signs_in_again(console: Console) -> None:
    """Reload, sign in, and find the form open, on the page where it was."""
    console.page.value("location.reload()")
    console.sign_in_here()
    console.wait_for_heading(ADA)
    console.page.wait_until("document.querySelector('dialog[open]')")


@pytest.mark.parametrize("comes_back", [leaves_the_form, signs_in_again])
def test_an_adjustment_whose_response_was_lost_is_booked_once_by_whichever_form(
    world: World, console: Console, comes_back: Callable[[Console], None]
) -> None:
    """The new form has what was sent, and its key. What is another one, is said to be."""
    console.sign_in()
    adjusts(console, "")
    console.page.value(RECORDS_KEYS)
    console.page.value("lost = 1")
    console.click("Adjust")
    console.reads("No connection")
    comes_back(console)
    console.reads("no answer came")
    console.reads("Adjusted in the last 24 hours")
    console.reads(f"of {ADA}, 50 credits: A late reply of ours.")
    assert console.page.value("document.getElementById('count').value") == "50"
    console.click("Adjust")
    console.reads("+50 credits are booked.")
    assert world.ada.get("/account").json["balance"] == 1050
    assert console.page.value("sessionStorage.length") == 0


def test_another_content_under_the_key_of_what_was_booked_is_confirmed_first(world: World, console: Console) -> None:
    """The server knows what became of the first one. Without it, the second takes its place."""
    console.sign_in()
    adjusts(console, "")
    console.page.value(RECORDS_KEYS)
    console.page.value("lost = 1")
    console.click("Adjust")
    console.reads("No connection")
    console.write("count", "70")
    console.click("Adjust")
    console.reads("What you sent before was carried out")
    console.reads("is this meant as well?")
    assert world.ada.get("/account").json["balance"] == 1050
    console.click("Adjust")
    assert len(console.page.value("keys")) == 2, "it has to be confirmed"
    console.click("Keep what I sent before")
    console.click("Adjust")
    console.reads("+70 credits are booked.")
    assert world.ada.get("/account").json["balance"] == 1120


@pytest.mark.parametrize(
    ("fill_in", "button", "field", "written"),
    [
        (adjusts, "Adjust", "why", "A late reply of ours."),
        (opens_a_case, "Open the case", "message", "It fails."),
        (declines, "Decline", "words", "All runs worked."),
    ],
)
def test_who_signs_in_again_finds_what_was_written(
    world: World,
    console: Console,
    tmp_path: Path,
    fill_in: Callable[[Console, str], None],
    button: str,
    field: str,
    written: str,
) -> None:
    """The sign-in has ended in the middle of writing. Another person does not get it, and signing out forgets it."""
    world.pays(PACK, ADA)
    case_id = opened_case(world)
    console.sign_in()
    fill_in(console, case_id)
    (tmp_path / "keys.json").write_text('{"keys": []}')
    callers = console.gateway.callers
    console.gateway.callers = replace(callers, keys=KeySet(tmp_path / "keys.json"))
    console.click(button)
    console.reads("what you wrote is kept")
    console.gateway.callers = callers
    shown = f"document.getElementById({json.dumps(field)})?.value"
    console.sign_in_here()
    console.page.wait_until(f"{shown} === {json.dumps(written)}")
    assert world.ada.get("/account").json["balance"] == 2000, "nothing was booked"
    console.page.value("location.reload()")
    console.sign_in_here("staff_tom")
    console.page.wait_until("!document.querySelector('.skeleton')")
    assert not console.page.value(shown)
    assert console.page.value("sessionStorage.length") == 0


def test_signing_out_forgets_what_was_written(console: Console) -> None:
    """Nothing of it is left in the browser."""
    console.sign_in()
    adjusts(console, "")
    assert "A late reply of ours." in console.page.value("JSON.stringify({...sessionStorage})")
    console.click("Go back")
    console.click("Sign out")
    console.wait_for_heading("Sign in")
    assert console.page.value("sessionStorage.length") == 0


def test_the_same_adjustment_from_a_new_form_is_another_act(world: World, console: Console) -> None:
    """A key is of one form: who gives 50 credits twice, and says so, gives 100."""
    console.sign_in()
    for balance in (1050, 1100):
        adjusts(console, "")
        if balance == 1100:
            console.reads("Adjusted in the last 24 hours")
            console.click("Adjust")
            console.click("This is another adjustment")
        console.click("Adjust")
        console.page.wait_until("!document.querySelector('dialog[open]')")
        console.page.wait_until(f"document.querySelector('.tiles').innerText.includes('{balance:,}')")
    assert world.ada.get("/account").json["balance"] == 1100


def test_what_a_customer_writes_is_text(world: World, console: Console) -> None:
    """A message, an error message: a script in them is shown, and never run."""
    case_id = opened_case(world, message=SCRIPT, error_messages=[SCRIPT])
    console.sign_in()
    console.go(f"cases/{case_id}", "Technical problem")
    shown = console.page.value("document.querySelector('blockquote').textContent")
    assert shown == SCRIPT
    assert console.page.value("document.querySelectorAll('main img, main script').length") == 0
    tried = "(() => { try { document.body.innerHTML = '<img src=x>'; return 'made' } catch (e) { return e.name } })()"
    assert console.page.value(tried) == "TypeError", "Trusted Types: no text becomes HTML"
    console.page.events.clear()
    assert console.page.value("document.title").startswith("Technical problem")
    assert console.blocked() == []


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_the_name_of_a_file_is_text(world: World, console: Console, name: str) -> None:
    """A script in it is shown, and never run; its link downloads, and leads to the bucket alone."""
    case_id = opened_case(world)
    store_evidence(world, case_id, name)
    (url,) = world.sam.get(f"/support/refund-cases/{case_id}").json["evidence_urls"]
    console.sign_in()
    console.go(f"cases/{case_id}", "Technical problem")
    links = "[...document.querySelectorAll('main a[target=_blank]')]"
    assert console.page.value(f"{links}.map(one => one.textContent)") == [name]
    assert console.page.value(f"{links}[0].origin") == "{0.scheme}://{0.netloc}".format(urlsplit(url))
    assert console.page.value("document.querySelectorAll('main img, main script').length") == 0
    assert console.page.value("document.title").startswith("Technical problem")
    assert console.blocked() == []


def test_a_bank_gets_the_evidence_on_one_page(world: World, console: Console) -> None:
    """What was used, written and answered, and where it is handed in."""
    world.service.post("/usage", {"account_id": ADA, "run_id": "run_1", "credits": 30})
    opened_case(world, "unrecognised_charge", "What is this?")
    world.record_events(event_of(dispute(), names=(ADAS,)))
    console.sign_in()
    console.go(f"evidence/{ADA}", "Evidence for the bank")
    for words in (
        "$20.00",
        "30 of 1,000 credits were used.",
        "run:run_1",
        "What is this?",
        "The dispute at Stripe",
        "The deadline is not known here.",
    ):
        console.reads(words)
    for words in (
        "What the bank asks for",
        "No order of ours is known.",
        "30 of 1,000 credits, in 1 run, each with its time.",
    ):
        console.reads(words)
    ours = "getComputedStyle(document.querySelector('.ours')).display"
    assert console.page.value(ours) == "block"
    console.page.send("Emulation.setEmulatedMedia", media="print")
    assert console.page.value(ours) == "none", "what we say among ourselves is not handed in"
    console.page.send("Emulation.setEmulatedMedia", media="")
    address = console.page.value("document.querySelector('.dispute a').href")
    assert address == "https://dashboard.stripe.com/test/disputes/dp_1"
    assert console.blocked() == []


def test_what_was_shown_and_agreed_to_is_on_the_page_of_the_account_and_on_the_evidence(
    world: World, console: Console
) -> None:
    """The words on the button, the renewal terms, and those of the consent to them; of a pack no renewals."""
    pays(world, ordered(world, BARE), "pack")
    order = ordered(world, {**PLAN, "information": SHOWN, "renewal_consent": RENEWS})
    world.record_events(event_of(dispute(), names=(PaymentId(pays(world, order, "plan")),)))
    console.sign_in()
    for address, heading in ((f"accounts/{EVE}", EVE), (f"evidence/{EVE}", "Evidence for the bank")):
        console.go(address, heading)
        for words in ("The button said “zahlungspflichtig bestellen”.", "every month, tax included", RENEWS["words"]):
            console.reads(words)
    console.go(f"accounts/{EVE}", EVE)
    cards = (
        "[...document.querySelectorAll('section.card')].find(e => e.textContent.startsWith('Orders that were paid'))"
    )
    terms = f"[...{cards}.querySelectorAll('dt')].filter(e => e.textContent === 'Renewal terms').length"
    assert console.page.value(terms) == 1
    assert console.blocked() == []


def due(days: float, evidence: EvidenceState = EvidenceState.NONE, **more: Any) -> Fact:
    """A dispute whose deadline is in so many days."""
    told = dispute(**{name: more.pop(name) for name in ("dispute_id", "state") if name in more})
    due_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
    return replace(told, evidence_due_at=due_at, evidence=evidence, reason=DisputeReason.FRAUDULENT, **more)


def test_a_deadline_is_shown_and_marked_when_it_is_near(world: World, console: Console) -> None:
    """On the page of the evidence and on the account's. What was handed in is not marked, nor is a far deadline."""
    second, third = PaymentId("stripe:pi_second"), PaymentId("stripe:pi_third")
    for payment_id in (second, third):
        world.pays(payment_id, ADA)
    world.record_events(
        event_of(due(1.5), names=(ADAS,)),
        event_of(due(8.5, EvidenceState.DRAFT, dispute_id="dp_2"), names=(second,)),
        event_of(due(1, EvidenceState.SUBMITTED, dispute_id="dp_3", state=DisputeState.UNDER_REVIEW), names=(third,)),
    )
    console.sign_in()
    for address, heading in ((f"evidence/{ADA}", "Evidence for the bank"), (f"accounts/{ADA}", ADA)):
        console.go(address, heading)
        for words in ("Due tomorrow", "“I did not pay this”", "Nothing was handed in.", "Due in 8 days"):
            console.reads(words)
        console.reads("Evidence is saved at the provider, and not handed in.")
        console.reads("Evidence was handed in.")
        marks = "[...document.querySelectorAll('.badge')].filter(one => one.textContent === 'Due soon').length"
        assert console.page.value(marks) == 1
    assert console.blocked() == []


def test_open_disputes_are_listed_by_their_deadline_and_lead_to_the_evidence(world: World, console: Console) -> None:
    """The menu counts those that can be answered. Those of the bank, and those for which it is too late, are apart."""
    second, third = PaymentId("stripe:pi_second"), PaymentId("stripe:pi_third")
    for payment_id in (second, third):
        world.pays(payment_id, BOB)
    world.record_events(
        event_of(due(6.5, dispute_id="dp_later"), names=(second,)),
        event_of(due(1.5), names=(ADAS,)),
        event_of(due(1, EvidenceState.SUBMITTED, dispute_id="dp_3", state=DisputeState.UNDER_REVIEW), names=(third,)),
        event_of(due(2.5, dispute_id="dp_unknown"), names=(PaymentId("stripe:pi_unknown"),)),
        event_of(due(-1, dispute_id="dp_late"), names=(PaymentId("stripe:pi_late"),)),
    )
    console.sign_in()
    console.go("disputes", "Disputes")
    console.page.wait_until("[...document.querySelectorAll('nav .count')].some(one => one.textContent === '3')")
    rows = "[...document.querySelectorAll('tbody tr')].map(row => row.innerText)"
    first, unknown, last, late = console.page.value(rows)
    assert "The deadline is over" in late
    console.reads("Too late to answer")
    assert ADA in first
    assert "Due tomorrow" in first
    assert "Due soon" in first
    assert "Its payment is not known yet" in unknown
    assert BOB in last
    assert "Due soon" not in last
    console.click("With the bank")
    console.page.wait_until(f"{rows}.length === 1")
    console.reads("Evidence was handed in")
    console.click("Awaits evidence")
    console.page.wait_until(f"{rows}.length === 4")
    console.click("“I did not pay this”")
    console.wait_for_heading("Evidence for the bank")
    console.reads("To be answered")
    marked = "[...document.querySelectorAll('.crumbs a, .menu [aria-current]')].map(one => one.textContent)"
    assert console.page.value(f"{marked}.join().replace(/[0-9]/g, '')") == f"Disputes,Disputes,{ADA}"
    assert console.blocked() == []


LATE = {
    "purchase_id": "stripe:pi_late",
    "provider": "stripe",
    "account_id": ADA,
    "is_live": False,
    "disputes": [
        {
            "dispute_id": "dp_late",
            "state": "open",
            "reason": "fraudulent",
            "amount": {"amount_minor": 2000, "currency": "USD"},
            "awaits_evidence": True,
            "evidence": "none",
            "evidence_due_at": "2020-01-01T00:00:00Z",
            "is_due_soon": True,
        }
    ],
}
"""A purchase whose dispute can't be answered any more, as the API lists it."""


def lists_of(console: Console, items: dict[str, Any], *, is_endless: bool = False) -> None:
    """The API's lists have these items on each page, and one page after the first, or always one more.

    `asked` has the addresses of the requests, `answered` says how many of them were answered. The first page comes at
    once, and each later one later.
    """
    first = json.dumps({**items, "next": "a cursor"})
    last = json.dumps({**items, "next": "a cursor" if is_endless else None})
    console.page.value(
        f"""(() => {{
            const known = window.fetch, lists = /^\\/(accounts\\/[^/]+\\/purchases|[a-z]+(-[a-z]+)?)$/;
            window.asked = [];
            window.answered = 0;
            window.fetch = async (url, given) => {{
                if (!lists.test(url.pathname.replace("/support", ""))) return known(url, given);
                window.asked.push(`${{url.pathname}}${{url.search}}`);
                await new Promise((done) => setTimeout(done, url.searchParams.has("after") ? 100 : 0));
                window.answered += 1;
                return new Response(url.searchParams.has("after") ? {json.dumps(last)} : {json.dumps(first)});
            }};
        }})()"""
    )


def test_a_second_click_while_a_list_is_read_freezes_nothing(console: Console) -> None:
    """Both wait for the same pages, and after some of them the person is asked whether to go on."""
    console.sign_in()
    lists_of(console, {"purchases": [LATE]}, is_endless=True)
    pages = "asked.filter(one => one.includes('awaits=evidence')).length"
    console.go("disputes", "Disputes")
    console.reads("Nothing can be answered so far")
    assert console.page.value(pages) == 5
    console.page.wait_until("[...document.querySelectorAll('nav .count')].some(one => one.textContent === '0+')")
    console.page.value("[...document.querySelectorAll('.tabs button')].slice(0, 1).map(b => [b.click(), b.click()])")
    console.page.wait_until(f"{pages} === 11 && document.querySelector('.more button:not([disabled])')")
    assert console.page.value("document.querySelectorAll('tbody tr').length") == 5, "and no page is shown twice"
    console.click("Show more")
    console.page.wait_until("document.querySelectorAll('tbody tr').length === 6")
    assert console.blocked() == []


def test_what_comes_late_is_not_added_to_another_list(console: Console) -> None:
    """The next page of a list that is read anew meanwhile, which comes last."""
    console.sign_in()
    console.go("disputes", "Disputes")
    lists_of(console, {"purchases": [LATE]}, is_endless=True)
    console.click("With the bank")
    console.page.wait_until("document.querySelectorAll('tbody tr').length === 1")
    more, tab = "document.querySelector('.more button')", "document.querySelectorAll('.tabs button')[1]"
    console.page.value(f"[{more}, {tab}, {tab}].map(one => one.click())")
    console.page.wait_until(f"answered === 4 && !{more}.disabled")
    assert console.page.value("document.querySelectorAll('tbody tr').length") == 1
    assert console.blocked() == []


def test_an_empty_page_is_not_the_end_of_a_list(console: Console) -> None:
    """What is on the next one can be shown, and is counted as more in the menu. Only the last page says: nothing."""
    console.sign_in()
    names = ("accounts", "cases", "incidents", "mutes", "parked", "proposals", "purchases", "results", "declarations")
    lists_of(console, dict.fromkeys(names, ()))
    for address, heading, words in (
        ("queue", "Review queue", "Nothing to review"),
        ("proposals", "Second approval", "Nothing waits"),
        ("decided?which=all", "Decided cases", "Nothing is decided"),
        ("decided?which=declined_by_policy", "Decided cases", "Nothing was declined by the policy"),
        ("disputes?awaits=bank", "Disputes", "Nothing is with a bank"),
        ("suspended", "Suspended accounts", "Nobody is suspended"),
        ("parked", "Parked events", "Nothing needs a person"),
        ("incidents", "Incidents", "No incident yet"),
        ("find?q=x", "Search", "Nothing found"),
        (f"accounts/{ADA}", ADA, "Nothing was bought."),
    ):
        console.go("why", "Why?")
        console.go(address, heading)
        console.page.wait_until("document.querySelector('.more button')")
        assert not console.page.value(f"document.body.innerText.includes({json.dumps(words)})"), address
        console.click("Show more")
        console.reads(words)
        assert not console.page.value("Boolean(document.querySelector('.more button'))"), address
    counts = "Object.fromEntries([...document.querySelectorAll('nav a')].map(one => one.innerText.split(/\\n/)))"
    console.page.wait_until(f"({counts})['Disputes'] === '0+'")
    assert console.blocked() == []


def test_suspended_accounts_are_listed_and_lead_to_their_page(world: World, console: Console) -> None:
    """With why and since when. Who is suspended no longer is gone from the list."""
    console.sign_in()
    console.go("suspended", "Suspended accounts")
    console.reads("Nobody is suspended")
    world.record_events(event_of(dispute(), names=(ADAS,)))
    console.go("why", "Why?")
    console.go("suspended", "Suspended accounts")
    console.reads("dispute:stripe:dp_1")
    console.reads("Dispute")
    since = console.page.value("document.querySelector('td[data-label=Since] time').dateTime")
    assert datetime.fromisoformat(str(since)) == at(20)
    console.click(ADA)
    console.wait_for_heading(ADA)
    world.record_events(event_of(dispute(DisputeState.WON, minute=30), names=(ADAS,)))
    console.go("suspended", "Suspended accounts")
    console.reads("Nobody is suspended")
    assert console.blocked() == []


@pytest.mark.parametrize("address", ["cases/case_0123456789abcdef01234567", "cases/..%2f..%2faccount", "cases/%00"])
def test_an_id_of_nothing_says_so(console: Console, address: str) -> None:
    """It is sent as one part of the path, whatever it is."""
    console.sign_in()
    console.page.value(f"location.hash = {json.dumps('#/' + address)}")
    console.page.wait_until("document.querySelector('main .problem')")
    assert console.blocked() == []


def test_a_case_is_decided_by_keyboard_alone(world: World, console: Console) -> None:
    """From the queue to the decision: what has the focus shows it, and the dialog gives it back."""
    case_id = opened_case(world)
    console.sign_in()
    console.wait_for_heading("Review queue")
    console.page.wait_until("document.activeElement.tagName === 'H1' && !document.querySelector('.skeleton')")
    tab_to(console.page, "Skip to the page")
    console.page.press("Enter")
    tab_to(console.page, case_id)
    console.page.press("Enter")
    console.wait_for_heading("Technical problem")
    console.page.wait_until("document.activeElement.tagName === 'H1'")
    tab_to(console.page, "outcome-")
    console.page.press("ArrowDown")
    console.page.press("ArrowDown")
    if console.page.value("document.activeElement.id") != "outcome-decline":
        console.page.press("ArrowDown")
    tab_to(console.page, "words")
    console.page.write("All runs worked.")
    tab_to(console.page, "Preview")
    console.page.press("Enter")
    console.page.wait_until("document.querySelector('dialog[open]')")
    console.page.press("Escape")
    console.page.wait_until("!document.querySelector('dialog[open]')")
    assert console.page.value("document.activeElement.textContent") == "Preview"
    console.page.press("Enter")
    console.page.wait_until("document.querySelector('dialog[open]')")
    tab_to(console.page, "Decline")
    console.page.press("Enter")
    console.reads("Decided.")
    assert world.sam.get(f"/support/refund-cases/{case_id}").json["state"] == "declined"


HOLD = """
    window.real = fetch;
    window.held = [];
    window.fetch = (...call) => new Promise(go => held.push(() => go(real(...call))));
"""
"""Answers wait from now on, until RELEASE."""
RELEASE = "window.fetch = real; held.forEach(go => go())"


@pytest.mark.parametrize("moves", [True, False], ids=["typing", "waiting"])
def test_a_page_that_comes_late_leaves_the_focus_to_who_types(console: Console, moves: bool) -> None:
    """Who goes to the search while a page loads keeps on writing; who waits is led to the page's heading."""
    console.sign_in()
    console.wait_for_heading("Review queue")
    console.page.wait_until("document.activeElement.tagName === 'H1' && !document.querySelector('.skeleton')")
    console.page.value(HOLD)
    console.page.value("location.hash = '#/disputes'")
    console.page.wait_until("held.length > 0 && document.querySelector('.skeleton')")
    if moves:
        console.page.press("/")
        console.page.write("inv-")
    console.page.value(RELEASE)
    console.page.wait_until("!document.querySelector('.skeleton')")
    focused = console.page.value("document.activeElement.id || document.activeElement.tagName")
    assert focused == ("q" if moves else "H1")
    assert console.page.value("document.getElementById('q').value") == ("inv-" if moves else "")


@pytest.mark.parametrize("moves", [True, False], ids=["typing", "waiting"])
def test_failed_runs_that_are_found_late_leave_the_focus_to_who_types(console: Console, moves: bool) -> None:
    """The same of what a page reads by itself."""
    console.sign_in()
    console.go("incidents", "Incidents")
    console.page.value(HOLD)
    console.click("Show what failed")
    console.page.wait_until("held.length > 0")
    if moves:
        console.page.press("/")
    console.page.value(RELEASE)
    console.page.wait_until("document.getElementById('found')")
    assert console.page.value("document.activeElement.id") == ("q" if moves else "found")


def tab_to(page: Browser, wanted: str) -> None:
    """Press the tabulator until something has the focus, and shows it."""
    names = "[e.id, e.textContent.trim(), (e.hash || '').split('/').pop()]"
    focused = f"const e = document.activeElement; return e === document.body ? [] : {names}"
    for _ in range(60):
        page.press("Tab")
        if page.value(f"(() => {{ {focused} }})().some(one => one.startsWith({json.dumps(wanted)}))"):
            assert page.value("getComputedStyle(document.activeElement).outlineStyle") == "solid", wanted
            return
    pytest.fail(f"the tabulator never comes to {wanted!r}")


@pytest.mark.parametrize("size", [PHONE, DESK, (320, 640)], ids=["phone", "desk", "small phone"])
def test_the_menu_shows_where_one_is_and_who_one_is(console: Console, size: tuple[int, int]) -> None:
    """In a narrow window too, where the menu scrolls."""
    console.sign_in(size=size)
    console.go("why", "Why?")
    for shown in ("nav [aria-current]", ".me span"):
        box = f"document.querySelector({json.dumps(shown)}).getBoundingClientRect()"
        left, right, height = console.page.value(f"(b => [b.left, b.right, b.height])({box})")
        assert -1 <= left < right <= size[0] + 1, shown
        assert height, shown


@pytest.mark.parametrize("size", [PHONE, DESK, (320, 640)], ids=["phone", "desk", "small phone"])
def test_no_page_is_wider_than_its_window(world: World, console: Console, size: tuple[int, int]) -> None:
    """On a phone too; and nothing that the policy of the page blocks."""
    case_id = opened_case(world, message="W" * 300)
    world.record_events(event_of(due(1, dispute_id=f"dp_{'W' * 24}"), names=(ADAS,)))
    console.sign_in(size=size)
    console.page.send("Emulation.setTimezoneOverride", timezoneId="Asia/Kolkata")  # with UTC beside each time
    for address, heading in {
        "queue": "Review queue",
        f"cases/{case_id}": "Technical problem",
        f"evidence/{ADA}": "Evidence for the bank",
        f"accounts/{ADA}": ADA,
        f"why/{ADA}": "Why?",
        "find?q=nothing": "Search",
        "nonsense/1": "No such page",
        "cases": "No such page",
        "parked": "Parked events",
        "muted": "Parked events",
        "proposals": "Second approval",
        "decided": "Decided cases",
        "declarations": "Declarations",
        "disputes": "Disputes",
        "suspended": "Suspended accounts",
        "incidents?since=2026-11-01T12:00:00Z&until=2026-11-01T13:00:00Z": "Incidents",
    }.items():
        console.go(address, heading)
        assert console.page.value("document.documentElement.scrollWidth") <= size[0], address
        cut = "[...document.querySelectorAll('.card')].filter(one => one.scrollWidth > one.clientWidth).length"
        assert not console.page.value(cut), address
        assert console.page.value("document.getElementById('q').value") == ("nothing" if "find" in address else "")
    console.page.send("Emulation.setTimezoneOverride", timezoneId="")
    assert console.blocked() == []
