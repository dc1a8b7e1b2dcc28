"""Whole lives of customers, played over HTTP: the frontend's, the tagging service's and support's requests with real
tokens and signatures, the providers' side by simulators that deliver real webhooks.

What each step is answered is shown as it comes; a step that is answered otherwise than the story says is an error.
"""

import functools
import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from ledger.domain.ids import AccountId
from tools import token
from tools.devserver import environment
from tools.devserver.gateway import Gateway
from tools.simulators.paddle.account import PaddleAccount
from tools.simulators.stripe.account import StripeAccount

Json = dict[str, Any]


class ShiftedClock:
    """The time here: what a month brings can be seen today."""

    def __init__(self) -> None:
        self.shift = timedelta()

    def now(self) -> datetime:
        """The time that the functions believe."""
        return datetime.now(UTC) + self.shift

    def seconds(self) -> float:
        """The same, as the simulators want it."""
        return self.now().timestamp()

    def advance(self, by: timedelta) -> None:
        """Time passes."""
        self.shift += by


@dataclass(frozen=True, slots=True)
class World:
    """Who plays: our gateway, the providers, time."""

    gateway: Gateway
    stripe: StripeAccount
    paddle: PaddleAccount
    clock: ShiftedClock


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened, and what came of it."""

    who: str
    what: str
    answer: str
    is_as_told: bool


class UnexpectedResponse(Exception):
    """A step was answered otherwise than the story says: what follows from it can't be played."""


@dataclass(slots=True)
class Player:
    """One account, and what it asks of the API."""

    account_id: AccountId
    world: World
    show: Callable[[Step], None]
    keys: int = 0

    def asks(self, what: str, method: str, path: str, body: Json | None = None, *, wanted: int, **told: str) -> Json:
        """A request of the customer."""
        return self._tell("the customer", what, wanted, told, *self._customer(method, path, body))

    def support(self, what: str, method: str, path: str, body: Json | None = None, *, wanted: int, **told: str) -> Json:
        """A request of a person of support about this account."""
        headers = {"Authorization": f"Bearer {_token('staff_sue', environment.SUPPORT_GROUP)}"}
        return self._tell("support", what, wanted, told, *self._send(method, path, body, headers))

    def service(self, what: str, path: str, body: Json, *, wanted: int, **told: str) -> Json:
        """A request of the tagging service, signed by its role."""
        target = self.world.gateway.url + path
        content = json.dumps(body)
        request = AWSRequest("POST", target, data=content, headers={"Content-Type": "application/json"})
        SigV4Auth(self.world.gateway.callers.credentials, "execute-api", environment.REGION).add_auth(request)
        return self._tell("tagging", what, wanted, told, *self._send("POST", path, body, dict(request.headers)))

    def happens(self, who: str, what: str, act: Callable[[], Json]) -> Json:
        """Something at a provider; its webhooks arrive, and the table's stream is handled."""
        result = act()
        lost = self.world.stripe.drain() + self.world.paddle.drain() + self.settle()
        self.show(Step(who, what, "webhooks: " + ("lost " + ", ".join(lost) if lost else "200"), not lost))
        return result

    def time_passes(self, what: str, by: timedelta, *jobs: str) -> None:
        """Time, and the schedules that it brings."""
        self.world.clock.advance(by)
        said = [f"{job} {json.dumps(self.world.gateway.run_job(job))}" for job in jobs]
        self.settle()
        self.show(Step("time", what, "; ".join(said), is_as_told=True))

    def settle(self) -> list[str]:
        """Wait until everything that was set off has come to rest. Returns the events that were lost."""
        lost: set[str] = set()
        while True:
            known = self._events()
            self.world.gateway.stream.drain(30)
            lost.update(self.world.stripe.drain() + self.world.paddle.drain())
            if self._events() == known:  # else a refund that the stream set off has set off a webhook
                return sorted(lost)

    def _events(self) -> int:
        return len(self.world.stripe.outbox.events) + len(self.world.paddle.outbox.events)

    def _customer(self, method: str, path: str, body: Json | None) -> tuple[int, Json]:
        self.keys += 1
        headers = {
            "Authorization": f"Bearer {_token(self.account_id)}",
            "Idempotency-Key": f"{self.account_id}-{self.keys}",
        }
        return self._send(method, path, body, headers)

    def _send(self, method: str, path: str, body: Json | None, headers: dict[str, str]) -> tuple[int, Json]:
        connection = http.client.HTTPConnection("127.0.0.1", self.world.gateway.server_address[1], timeout=60)
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        if method != "GET":
            self.settle()
        return response.status, answer

    def _tell(self, who: str, what: str, wanted: int, told: dict[str, str], status: int, answer: Json) -> Json:
        found = {name: str(answer.get(name)) for name in told}
        words = " ".join(found.values()) if told else _gist(answer)
        is_as_told = status == wanted and found == told
        self.show(Step(who, what, f"{status} {words}" + ("" if is_as_told else f" {answer}"), is_as_told))
        if not is_as_told:
            raise UnexpectedResponse(
                f"{self.account_id}: {what}: wanted {wanted} {told}, was answered {status} {answer}"
            )
        return answer


@functools.cache
def _token(account_id: str, group: str | None = None) -> str:
    scopes = [token.SUPPORT_SCOPE] if group else [token.CUSTOMER_SCOPE]
    groups = [group] if group else []
    return token.signed(
        account_id, issuer=environment.ISSUER, audience=environment.AUDIENCE, groups=groups, scopes=scopes
    )


def _gist(answer: Json) -> str:
    """What an answer is about, in a line."""
    decision = answer.get("decision") or {}
    money = decision.get("money") or {}
    parts = [
        answer.get("state"),
        answer["status"] if isinstance(answer.get("status"), str) else None,
        f"balance {answer['balance']}, spendable {answer['spendable']}" if "spendable" in answer else None,
        f"{money['amount_minor'] / 100:.2f} {money['currency']}" if money else None,
        f"clause {decision['clause']}" if decision else None,
        f"{answer['credits']} credits" if "credits" in answer else None,
        answer.get("title"),
        f"missing {answer['missing']}" if "missing" in answer else None,
        "checkout made" if "checkout_url" in answer else None,
        answer.get("words") if "subscription" in answer else None,
    ]
    return ", ".join(str(part) for part in parts if part)


# ── The lives ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_POLICY = "2026-11-01"
_CONSENT = {"text_version": "2026-11", "asked_to_begin": True, "acknowledged_loss": True}


def _order(provider: str, product_id: str, *, country: str = "DE") -> Json:
    return {
        "product_id": product_id,
        "provider": provider,
        "currency": "EUR",
        "country": country,
        "policy_version": _POLICY,
        "consent": _CONSENT,
    }


def withdraws(ada: Player) -> None:
    """Ada buys 1,000 credits, uses some, changes her mind, and gets the unused part back."""
    provider = ada.world.stripe
    order = ada.asks("orders 1,000 credits", "POST", "/orders", _order("stripe", "pack_1000"), wanted=201)
    ada.happens("Stripe", "the checkout is paid", lambda: provider.pay(_checkout(provider.sessions, order)))
    confirmation = f"/orders/{order['order_id']}/consent-confirmation"
    ada.service("confirms the consent by e-mail", confirmation, {"confirmation_id": "mail_1"}, wanted=200)
    ada.service("run 1 draws", "/usage", _run(ada, "run_1", 250), wanted=200)
    ada.service("run 2 draws", "/usage", _run(ada, "run_2", 50), wanted=200)
    ada.service("run 2 failed", "/usage/run_2/failure", {"account_id": ada.account_id, "error": "GPU"}, wanted=200)
    ada.service("run 3 wants too much", "/usage", _run(ada, "run_3", 5000), wanted=402)
    purchase = ada.asks("reads her purchases", "GET", "/purchases", wanted=200)["purchases"][0]["purchase_id"]
    wish = {"purchase_id": purchase, "reason": "changed_my_mind"}
    case = ada.asks("asks for her money back", "POST", "/refund-requests", wish, wanted=201)
    ada.asks("looks again", "GET", f"/refund-requests/{case['case_id']}", wanted=200, state="refunded")
    ada.asks("reads her account", "GET", "/account", wanted=200, balance="0")


def charges_back(ben: Player) -> None:
    """Ben's bank takes the money back: his account is suspended by itself, and active again when the bank decides."""
    provider = ben.world.stripe
    order = ben.asks("orders 500 credits", "POST", "/orders", _order("stripe", "pack_500", country="US"), wanted=201)
    paid = ben.happens("Stripe", "the checkout is paid", lambda: provider.pay(_checkout(provider.sessions, order)))
    dispute = ben.happens("bank", "opens a dispute", lambda: provider.open_dispute(paid["payment_intent"]))
    ben.asks("reads his account", "GET", "/account", wanted=200, status="suspended")
    ben.service("a run wants credits", "/usage", _run(ben, "run_1", 1), wanted=403)
    wish = {"purchase_id": f"stripe:{paid['payment_intent']}", "reason": "changed_my_mind"}
    ben.asks("asks for his money besides", "POST", "/refund-requests", wish, wanted=201, state="declined")
    ben.happens("bank", "decides for us", lambda: provider.close_dispute(dispute["id"], "won"))
    ben.asks("reads his account", "GET", "/account", wanted=200, status="active", spendable="500")


def cancels(cleo: Player) -> None:
    """Cleo subscribes through Paddle, cancels, keeps her credits to the end of the period, and then they lapse."""
    provider = cleo.world.paddle
    order = cleo.asks("orders a month", "POST", "/orders", _order("paddle", "creator_monthly"), wanted=201)
    paid = cleo.happens("Paddle", "the checkout is paid", lambda: provider.pay(_checkout(provider.transactions, order)))
    cleo.asks("cancels", "POST", "/subscription/cancellation", {}, wanted=200)
    cleo.asks("thinks again", "DELETE", "/subscription/cancellation", wanted=200)
    cleo.asks("cancels after all", "POST", "/subscription/cancellation", {}, wanted=200)
    cleo.asks("reads her account", "GET", "/account", wanted=200, spendable="1000")
    cleo.time_passes("a month passes", timedelta(days=32), "expire_credits")
    cleo.happens("Paddle", "the period is over", lambda: provider.end_period(paid["subscription_id"]))
    cleo.asks("reads her account", "GET", "/account", wanted=200, status="active", spendable="0")


def pays_twice(dora: Player) -> None:
    """Dora pays one order twice: the second payment grants nothing, and is refunded by itself once that is sure."""
    provider = dora.world.stripe
    order = dora.asks("orders 2,500 credits", "POST", "/orders", _order("stripe", "pack_2500"), wanted=201)
    checkout = _checkout(provider.sessions, order)
    dora.happens("Stripe", "the checkout is paid", lambda: provider.pay(checkout))
    dora.happens("Stripe", "and paid once more", lambda: provider.pay_again(checkout))
    purchases = dora.asks("reads her purchases", "GET", "/purchases", wanted=200)["purchases"]
    # Of two payments in one second the lower id is the original, whichever was made first.
    second = next(purchase for purchase in purchases if purchase["is_duplicate"])
    wish = {"purchase_id": second["purchase_id"], "reason": "charged_twice"}
    case = dora.asks("says so", "POST", "/refund-requests", wish, wanted=201, state="requested")
    dora.time_passes("a quarter of an hour passes", timedelta(minutes=16), "follow_cases")
    dora.asks("looks again", "GET", f"/refund-requests/{case['case_id']}", wanted=200, state="refunded")
    dora.asks("reads her account", "GET", "/account", wanted=200, balance="2500")


def has_trouble(emil: Player) -> None:
    """Emil's runs fail again and again: a person looks at it and gives him credits for his trouble."""
    provider = emil.world.paddle
    order = emil.asks("orders 500 credits", "POST", "/orders", _order("paddle", "pack_500", country="US"), wanted=201)
    paid = emil.happens("Paddle", "the checkout is paid", lambda: provider.pay(_checkout(provider.transactions, order)))
    for number in range(3):
        emil.service(f"run {number} draws", "/usage", _run(emil, f"run_{number}", 20), wanted=200)
        failure = {"account_id": emil.account_id, "error": "out of memory"}
        emil.service(f"run {number} failed", f"/usage/run_{number}/failure", failure, wanted=200)
    wish = {"purchase_id": f"paddle:{paid['id']}", "reason": "technical_problem", "message": "It fails all day."}
    case = emil.asks("writes to us", "POST", "/refund-requests", wish, wanted=201, state="in_review")
    path = f"/support/refund-cases/{case['case_id']}"
    emil.support("opens the case", "GET", path, wanted=200, recommended_outcome="replace")
    verdict = {"outcome": "replace", "words": ["Our runs failed all day."], "clause": "6", "credits": 60}
    emil.support("gives credits", "POST", f"{path}/decision", verdict, wanted=200, state="replaced")
    emil.asks("reads his account", "GET", "/account", wanted=200, spendable="560")


Life = Callable[[Player], None]
LIVES: dict[AccountId, Life] = {
    AccountId("acct_live_ada"): withdraws,
    AccountId("acct_live_ben"): charges_back,
    AccountId("acct_live_cleo"): cancels,
    AccountId("acct_live_dora"): pays_twice,
    AccountId("acct_live_emil"): has_trouble,
}


def _run(player: Player, run_id: str, credits_: int) -> Json:
    return {"account_id": player.account_id, "run_id": run_id, "credits": credits_}


def _checkout(made: dict[str, Json], order: Json) -> str:
    """The provider's id of an order's checkout."""
    ours = (
        checkout_id
        for checkout_id, checkout in made.items()
        if (checkout.get("metadata") or checkout.get("custom_data") or {}).get("order_id") == order["order_id"]
    )
    return next(ours)
