"""Play whole lives of customers over HTTP.

The frontend, the tagging service and support send requests with real tokens and signatures. Simulators of the providers
deliver real webhooks. The response to each step is shown at once; an unexpected response is an error.
"""

import functools
import http.client
import json
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from ledger.domain import catalogue
from ledger.domain.catalogue import ProductKind
from ledger.domain.ids import AccountId
from ledger.domain.money import format_amount
from tools import token
from tools.devserver import environment
from tools.devserver.gateway import Callers, Stream
from tools.simulators.common.clock import months_after
from tools.simulators.paddle.account import PaddleAccount
from tools.simulators.stripe.account import StripeAccount

Json = dict[str, Any]


class ShiftedClock:
    """A clock that can be moved ahead, to show today what happens in a month."""

    def __init__(self) -> None:
        self.shift = timedelta()

    def now(self) -> datetime:
        """Return the time that the functions use."""
        return datetime.now(UTC) + self.shift

    def seconds(self) -> float:
        """Return the same time in seconds since 1970, for the simulators."""
        return self.now().timestamp()

    def advance(self, by: timedelta) -> None:
        """Move the clock ahead."""
        self.shift += by


class Backend(Protocol):
    """What runs the functions: the local gateway, or a deployed stack."""

    @property
    def url(self) -> str: ...

    @property
    def issuer(self) -> str: ...

    @property
    def callers(self) -> Callers: ...

    @property
    def stream(self) -> Stream: ...

    def run_job(self, folder: str, event: dict[str, Any] | None = None) -> Any: ...


@dataclass(frozen=True, slots=True)
class World:
    """What the lives are played on: our API, the providers and the clock."""

    gateway: Backend
    stripe: StripeAccount
    paddle: PaddleAccount
    clock: ShiftedClock


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a life, and its result."""

    who: str
    what: str
    result: str
    is_expected: bool


class UnexpectedResponse(Exception):
    """The response to a step is not the expected one, so the rest of the life can't be played."""


@dataclass(slots=True)
class Player:
    """One account, and the requests about it."""

    account_id: AccountId
    world: World
    show: Callable[[Step], None]
    keys: int = 0
    email: str = ""  # verified by the issuer, and in the customer's token

    def customer(
        self, what: str, method: str, path: str, body: Json | None = None, *, code: int, **expected: str
    ) -> Json:
        """Send a request of the customer. Return the response. Raise UnexpectedResponse."""
        return self._checked("the customer", what, code, expected, *self._send_as_customer(method, path, body))

    def support(
        self,
        what: str,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        code: int,
        person: str = "staff_sue",
        **expected: str,
    ) -> Json:
        """Send a request of support staff about this account. Return the response. Raise UnexpectedResponse."""
        self.keys += 1
        token_ = _token(self.world.gateway.issuer, person, environment.SUPPORT_GROUP)
        headers = {"Authorization": f"Bearer {token_}", "Idempotency-Key": f"{self.account_id}-{self.keys}"}
        return self._checked("support", what, code, expected, *self._send(method, path, body, headers))

    def service(self, what: str, path: str, body: Json, *, code: int, **expected: str) -> Json:
        """Send a signed request of the tagging service. Return the response. Raise UnexpectedResponse."""
        target = self.world.gateway.url + path
        content = json.dumps(body)
        request = AWSRequest("POST", target, data=content, headers={"Content-Type": "application/json"})
        SigV4Auth(self.world.gateway.callers.credentials, "execute-api", environment.REGION).add_auth(request)
        return self._checked("tagging", what, code, expected, *self._send("POST", path, body, dict(request.headers)))

    def anybody(
        self, what: str, method: str, path: str, body: Json | None = None, *, code: int, **expected: str
    ) -> Json:
        """Send a request without a token. Return the response. Raise UnexpectedResponse."""
        return self._checked("anybody", what, code, expected, *self._send(method, path, body, {}))

    def happens(self, who: str, what: str, act: Callable[[], Json]) -> Json:
        """Carry out an action at a provider. Wait for its webhooks and domain events. Return the result."""
        result = act()
        lost = self.world.stripe.drain() + self.world.paddle.drain() + self.wait_until_idle()
        self.show(Step(who, what, "webhooks: " + ("lost " + ", ".join(lost) if lost else "200"), not lost))
        return result

    def time_passes(self, what: str, by: timedelta, *jobs: str) -> None:
        """Move the clock ahead, and run these jobs."""
        self.world.clock.advance(by)
        results = [f"{job} {json.dumps(self.world.gateway.run_job(job))}" for job in jobs]
        self.wait_until_idle()
        self.show(Step("time", what, "; ".join(results), is_expected=True))

    def wait_until_idle(self) -> list[str]:
        """Wait until all deliveries and stream records are handled. Return the events that were lost."""
        lost: set[str] = set()
        while True:
            known = self._events()
            self.world.gateway.stream.drain(30)
            lost.update(self.world.stripe.drain() + self.world.paddle.drain())
            if self._events() == known:  # else a refund that an event caused has caused a webhook
                return sorted(lost)

    def _events(self) -> int:
        return len(self.world.stripe.outbox.events) + len(self.world.paddle.outbox.events)

    def _send_as_customer(self, method: str, path: str, body: Json | None) -> tuple[int, Json]:
        self.keys += 1
        headers = {
            "Authorization": f"Bearer {_token(self.world.gateway.issuer, self.account_id, email=self.email)}",
            "Idempotency-Key": f"{self.account_id}-{self.keys}",
        }
        return self._send(method, path, body, headers)

    def _send(self, method: str, path: str, body: Json | None, headers: dict[str, str]) -> tuple[int, Json]:
        address = urllib.parse.urlsplit(self.world.gateway.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
        content = None if body is None else json.dumps(body)
        connection.request(method, address.path + path, content, {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        result = json.loads(response.read())
        connection.close()
        if method != "GET":
            self.wait_until_idle()
        return response.status, result

    def _checked(self, who: str, what: str, code: int, expected: dict[str, str], status: int, response: Json) -> Json:
        """Show a step. Return its response if status and fields are as expected, else raise UnexpectedResponse."""
        found = {name: str(response.get(name)) for name in expected}
        summary = " ".join(found.values()) if expected else _summary(response)
        is_expected = status == code and found == expected
        self.show(Step(who, what, f"{status} {summary}" + ("" if is_expected else f" {response}"), is_expected))
        if not is_expected:
            raise UnexpectedResponse(
                f"{self.account_id}: {what}: expected {code} {expected}, received {status} {response}"
            )
        return response


@functools.cache
def _token(issuer: str, account_id: str, group: str | None = None, *, email: str = "") -> str:
    scopes = [token.SUPPORT_SCOPE] if group else [token.CUSTOMER_SCOPE]
    groups = [group] if group else []
    audience = environment.AUDIENCE
    return token.signed(account_id, issuer=issuer, audience=audience, groups=groups, scopes=scopes, email=email)


def _summary(response: Json) -> str:
    """Return a response in one line."""
    decision = response.get("decision") or {}
    money = decision.get("money") or {}
    parts = [
        response.get("state"),
        response["status"] if isinstance(response.get("status"), str) else None,
        f"balance {response['balance']}, spendable {response['spendable']}" if "balance" in response else None,
        f"{money['amount_minor'] / 100:.2f} {money['currency']}" if money else None,
        f"clause {decision['clause']}" if decision else None,
        f"{response['credits']} credits" if "credits" in response else None,
        response.get("title"),
        f"missing {response['missing']}" if "missing" in response else None,
        "checkout made" if "checkout_url" in response else None,
        response.get("words") if "subscription" in response else None,
    ]
    return ", ".join(str(part) for part in parts if part)


# ── The lives ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_POLICY = "2026-11-01"
_CONSENT = {"text_version": "2026-11", "asked_to_begin": True, "acknowledged_loss": True}


def order_of(provider: str, product_id: str, *, country: str = "DE") -> Json:
    """Return the body of an order with the whole consent."""
    return {
        "product_id": product_id,
        "provider": provider,
        "currency": "EUR",
        "country": country,
        "policy_version": _POLICY,
        "consent": _CONSENT,
    }


def renewals_of(product_id: str, now: datetime) -> Json:
    """Return what an order of a plan adds: the renewal terms as they are shown, and the consent to them. Empty: a pack.

    Some laws want it, apart from every other consent.
    """
    product = catalogue.load().products[product_id]
    if product.kind is not ProductKind.SUBSCRIPTION:
        return {}
    first_on = datetime.fromtimestamp(months_after(int(now.timestamp()), product.period_months), UTC).date()
    price = product.prices["EUR"]
    shown = {"amount_minor": price, "every_months": product.period_months, "first_on": first_on.isoformat()}
    words = f"I agree that the plan renews every month at {format_amount(price, 'EUR')} until I cancel."
    return {
        "information": {"text_version": "2026-11", "renewal": shown},
        "renewal_consent": {"text_version": "2026-11", "words": words},
    }


def withdraws(ada: Player) -> None:
    """Ada buys 1,000 credits, uses some, changes her mind, and gets the unused part back."""
    provider = ada.world.stripe
    order = ada.customer("orders 1,000 credits", "POST", "/orders", order_of("stripe", "pack_1000"), code=201)
    ada.happens("Stripe", "the checkout is paid", lambda: provider.pay(checkout_of(provider.sessions, order)))
    confirm_consent(ada, order)
    ada.service("run 1 draws", "/usage", _run(ada, "run_1", 250), code=200)
    ada.service("run 2 draws", "/usage", _run(ada, "run_2", 50), code=200)
    ada.service("run 2 failed", "/usage/run_2/failure", {"account_id": ada.account_id, "error": "GPU"}, code=200)
    ada.service("run 3 needs too many", "/usage", _run(ada, "run_3", 5000), code=402)
    purchase = ada.customer("reads her purchases", "GET", "/purchases", code=200)["purchases"][0]["purchase_id"]
    claim = {"purchase_id": purchase, "reason": "changed_my_mind"}
    case = ada.customer("requests a refund", "POST", "/refund-requests", claim, code=201)
    ada.customer("reads the case", "GET", f"/refund-requests/{case['case_id']}", code=200, state="refunded")
    ada.customer("reads her account", "GET", "/account", code=200, balance="0")


def charges_back(ben: Player) -> None:
    """Ben's bank takes the money back: his account is suspended, and active again when the bank decides for us."""
    provider = ben.world.stripe
    order = ben.customer(
        "orders 500 credits", "POST", "/orders", order_of("stripe", "pack_500", country="US"), code=201
    )
    checkout = checkout_of(provider.sessions, order)
    paid = ben.happens("Stripe", "the checkout is paid", lambda: provider.pay(checkout, country="US"))
    confirm_consent(ben, order)
    dispute = ben.happens("bank", "opens a dispute", lambda: provider.open_dispute(paid["payment_intent"]))
    ben.customer("reads his account", "GET", "/account", code=200, status="suspended")
    ben.service("a run draws", "/usage", _run(ben, "run_1", 1), code=403)
    claim = {"purchase_id": f"stripe:{paid['payment_intent']}", "reason": "changed_my_mind"}
    ben.customer("requests a refund too", "POST", "/refund-requests", claim, code=201, state="declined")
    ben.happens("bank", "decides for us", lambda: provider.close_dispute(dispute["id"], "won"))
    ben.customer("reads his account", "GET", "/account", code=200, status="active", spendable="500")


def cancels(cleo: Player) -> None:
    """Cleo subscribes through Paddle, cancels, keeps her credits to the end of the period, and then they expire."""
    provider = cleo.world.paddle
    order = cleo.customer("orders a month", "POST", "/orders", order_of("paddle", "creator_monthly"), code=201)
    paid = cleo.happens(
        "Paddle", "the checkout is paid", lambda: provider.pay(checkout_of(provider.transactions, order))
    )
    confirm_consent(cleo, order)
    cleo.customer("cancels", "POST", "/subscription/cancellation", {}, code=200)
    cleo.customer("withdraws the cancellation", "DELETE", "/subscription/cancellation", code=200)
    cleo.customer("cancels again", "POST", "/subscription/cancellation", {}, code=200)
    cleo.customer("reads her account", "GET", "/account", code=200, spendable="1000")
    cleo.time_passes("a month passes", timedelta(days=32), "expire_credits")
    cleo.happens("Paddle", "the period is over", lambda: provider.end_period(paid["subscription_id"]))
    cleo.customer("reads her account", "GET", "/account", code=200, status="active", spendable="0")


def pays_twice(dora: Player) -> None:
    """Dora pays one order twice: the second payment grants nothing and is refunded once it is certain."""
    provider = dora.world.stripe
    order = dora.customer("orders 2,500 credits", "POST", "/orders", order_of("stripe", "pack_2500"), code=201)
    checkout = checkout_of(provider.sessions, order)
    dora.happens("Stripe", "the checkout is paid", lambda: provider.pay(checkout))
    dora.happens("Stripe", "and paid once more", lambda: provider.pay_again(checkout))
    purchases = dora.customer("reads her purchases", "GET", "/purchases", code=200)["purchases"]
    # Of two payments in one second the lower id is the original, whichever was made first.
    second = next(purchase for purchase in purchases if purchase["is_duplicate"])
    claim = {"purchase_id": second["purchase_id"], "reason": "charged_twice"}
    case = dora.customer("reports the duplicate charge", "POST", "/refund-requests", claim, code=201, state="requested")
    dora.time_passes("a quarter of an hour passes", timedelta(minutes=16), "follow_cases")
    dora.customer("reads the case", "GET", f"/refund-requests/{case['case_id']}", code=200, state="refunded")
    dora.customer("reads her account", "GET", "/account", code=200, balance="2500")


def has_trouble(emil: Player) -> None:
    """Emil's runs fail again and again: support reviews it and grants him goodwill credits."""
    provider = emil.world.paddle
    order = emil.customer(
        "orders 500 credits", "POST", "/orders", order_of("paddle", "pack_500", country="US"), code=201
    )
    paid = emil.happens(
        "Paddle", "the checkout is paid", lambda: provider.pay(checkout_of(provider.transactions, order))
    )
    confirm_consent(emil, order)
    for number in range(3):
        emil.service(f"run {number} draws", "/usage", _run(emil, f"run_{number}", 20), code=200)
        failure = {"account_id": emil.account_id, "error": "out of memory"}
        emil.service(f"run {number} failed", f"/usage/run_{number}/failure", failure, code=200)
    claim = {"purchase_id": f"paddle:{paid['id']}", "reason": "technical_problem", "message": "It fails all day."}
    case = emil.customer("writes to us", "POST", "/refund-requests", claim, code=201, state="in_review")
    path = f"/support/refund-cases/{case['case_id']}"
    emil.support("opens the case", "GET", path, code=200, recommended_outcome="replace")
    decision = {"outcome": "replace", "words": ["Our runs failed all day."], "clause": "6", "credits": 60}
    emil.support("gives credits", "POST", f"{path}/decision", decision, code=200, state="replaced")
    emil.customer("reads his account", "GET", "/account", code=200, spendable="560")


def unlocks(fay: Player) -> None:
    """Fay does not ask us to begin: her credits are locked until she does and we have confirmed it."""
    provider = fay.world.stripe
    bare = {name: content for name, content in order_of("stripe", "pack_2500").items() if name != "consent"}
    order = fay.customer("orders without consent", "POST", "/orders", bare, code=201)
    fay.happens("Stripe", "the checkout is paid", lambda: provider.pay(checkout_of(provider.sessions, order)))
    fay.customer("reads her account", "GET", "/account", code=200, balance="2500", spendable="0", locked="2500")
    fay.service("run 1 draws", "/usage", _run(fay, "run_1", 10), code=402)
    path = f"/orders/{order['order_id']}/consent"
    fay.customer("asks to begin", "POST", path, _CONSENT, code=200, missing_consent="confirmation")
    confirm_consent(fay, order)
    fay.service("run 2 draws", "/usage", _run(fay, "run_2", 10), code=200)


def declares(gil: Player) -> None:
    """Gil withdraws without a login. No mail reaches the address on file: a person looks at it and carries it out."""
    provider = gil.world.stripe
    order = gil.customer("orders 500 credits", "POST", "/orders", order_of("stripe", "pack_500"), code=201)
    gil.happens("Stripe", "the checkout is paid", lambda: provider.pay(checkout_of(provider.sessions, order)))
    confirm_consent(gil, order)
    said = {"name": "Gil", "contract": f"order {order['order_id']}", "email": "gil@example.com", "language": "en"}
    draft = gil.anybody("declares a withdrawal", "POST", "/withdrawal-declarations", said, code=201, kind="withdrawal")
    path, token_ = f"/declarations/{draft['declaration_id']}", {"token": draft["token"]}
    gil.anybody("confirms it", "POST", f"{path}/confirmation", token_, code=200, kind="withdrawal")
    gil.support("looks it up", "GET", f"/support{path}", code=200, state="matched")
    gil.time_passes("a day passes without a mail", timedelta(hours=25), "follow_declarations")
    verdict = {"outcome": "carry_out", "why": "He wrote from the address of the account."}
    gil.support("carries it out", "POST", f"/support{path}/decision", verdict, code=200, state="approved")
    case_id = gil.support("looks it up again", "GET", f"/support{path}", code=200, state="executed")["case_id"]
    gil.customer("reads the case", "GET", f"/refund-requests/{case_id}", code=200, state="refunded")
    gil.customer("reads his account", "GET", "/account", code=200, balance="0")


Life = Callable[[Player], None]
LIVES: dict[AccountId, Life] = {
    AccountId("acct_live_ada"): withdraws,
    AccountId("acct_live_ben"): charges_back,
    AccountId("acct_live_cleo"): cancels,
    AccountId("acct_live_dora"): pays_twice,
    AccountId("acct_live_emil"): has_trouble,
    AccountId("acct_live_fay"): unlocks,
    AccountId("acct_live_gil"): declares,
}


def confirm_consent(player: Player, order: Json) -> None:
    """Confirm the consent of an order, as the mail service does once its e-mail was accepted for delivery."""
    path = f"/orders/{order['order_id']}/consent-confirmation"
    player.service("confirms the consent by e-mail", path, {"confirmation_id": "mail_1"}, code=200)


def _run(player: Player, run_id: str, credits_: int) -> Json:
    return {"account_id": player.account_id, "run_id": run_id, "credits": credits_}


def checkout_of(made: dict[str, Json], order: Json) -> str:
    """Return the provider's id of an order's checkout."""
    ours = (
        checkout_id
        for checkout_id, checkout in made.items()
        if (checkout.get("metadata") or checkout.get("custom_data") or {}).get("order_id") == order["order_id"]
    )
    return next(ours)
