"""Customers' lives in bad weather: what they, our services and support ask, what providers and banks do.

A life is a generator: at each `yield` it waits until what it set off has come to rest, and says what for. All
ask again under the same key until there is an answer, and sometimes once more; it must be the answer of a fine day.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Protocol

from ledger.runtime import runtime
from tools.simulators.paddle.account import PaddleAccount
from tools.simulators.stripe.account import StripeAccount
from tools.testing.frontend import ApiResponse, Frontend, supporter

Json = dict[str, Any]


class Until(Enum):
    """What a life waits for."""

    REFUNDED = auto()  # what was set off has arrived
    A_MONTH_LATER = auto()
    THE_END = auto()  # fine weather, and nothing moves any more


class Asking(Protocol):
    """Where requests go: patiently, whatever the weather."""

    stripe: StripeAccount
    paddle: PaddleAccount

    def ask(self, who: Frontend, method: str, path: str, content: Json | None, key: str | None) -> ApiResponse:
        """Ask until there is an answer."""

    def opened(self, purchase_id: str) -> None:
        """A case about this purchase is open: the bus will tell of it."""


class UnexpectedResponse(Exception):
    """Something is otherwise than it would be on a fine day."""


@dataclass(slots=True)
class Customer:
    """One account, and what is asked about it."""

    account_id: str
    world: Asking
    keys: int = 0
    refunded_minor: int = 0  # what the providers should have given back in the end

    def asks(self, method: str, path: str, content: Json | None = None, *, wanted: int, **told: Any) -> Json:
        """A request of the customer. A new wish has a new Idempotency-Key."""
        self.keys += 1
        key = f"{self.account_id}-{self.keys}" if method == "POST" else None
        return self._tell(Frontend(self.account_id), method, path, content, key, wanted, told)

    def service(self, path: str, content: Json, *, wanted: int, **told: Any) -> Json:
        """A request of one of our own services."""
        return self._tell(Frontend(""), "POST", path, content, None, wanted, told)

    def support(self, method: str, path: str, content: Json | None = None, *, wanted: int, **told: Any) -> Json:
        """A request of a person of support."""
        return self._tell(supporter(), method, path, content, None, wanted, told)

    def run(self, run_id: str, credits_: int, *, wanted: int = 200) -> None:
        """A run draws credits."""
        self.service("/usage", {"account_id": self.account_id, "run_id": run_id, "credits": credits_}, wanted=wanted)

    def run_fails(self, run_id: str) -> None:
        """A run that drew credits fails."""
        failure = {"account_id": self.account_id, "error": "GPU"}
        self.service(f"/usage/{run_id}/failure", failure, wanted=200)

    def order(self, provider: str, product_id: str, *, is_confirmed: bool = True) -> tuple[str, str]:
        """An order, whose consent is confirmed; answers its id and the checkout's."""
        asked = {
            "product_id": product_id,
            "provider": provider,
            "currency": "EUR",
            "country": "DE",
            "policy_version": runtime().policy.version,
            "consent": {"text_version": "2026-11", "asked_to_begin": True, "acknowledged_loss": True},
        }
        made = self.asks("POST", "/orders", asked, wanted=201)
        if is_confirmed:
            self.confirms(made["order_id"])
        return made["order_id"], _checkout(self.world, provider, made["checkout_url"])

    def confirms(self, order_id: str) -> None:
        """The mail with the confirmation of an order was accepted for delivery."""
        self.service(f"/orders/{order_id}/consent-confirmation", {"confirmation_id": "mail_1"}, wanted=200)

    def wishes(self, purchase_id: str, reason: str, **told: Any) -> str:
        """A refund request; answers the case's id."""
        wish = {"purchase_id": purchase_id, "reason": reason}
        case_id: str = self.asks("POST", "/refund-requests", wish, wanted=201, **told)["case_id"]
        self.world.opened(purchase_id)
        return case_id

    def is_left_with(self, **told: Any) -> None:
        """What the account shows."""
        self.asks("GET", "/account", wanted=200, **told)

    def case_is(self, case_id: str, state: str) -> Json:
        """What has become of a case."""
        return self.asks("GET", f"/refund-requests/{case_id}", wanted=200, state=state)

    def _tell(
        self,
        who: Frontend,
        method: str,
        path: str,
        content: Json | None,
        key: str | None,
        wanted: int,
        told: Mapping[str, object],
    ) -> Json:
        answer = self.world.ask(who, method, path, content, key)
        found: Json = answer.json
        if answer.status != wanted:
            raise UnexpectedResponse(
                f"{self.account_id}: {method} {path}: {wanted} was due, it is {answer.status} {found}"
            )
        self.holds(found, **told)
        return found

    def holds(self, found: Json, **told: object) -> None:
        """That an answer says what is told. Raises UnexpectedResponse."""
        if any(found.get(name) != value for name, value in told.items()):
            raise UnexpectedResponse(f"{self.account_id}: {told} was due, it is {found}")


def _checkout(world: Asking, provider: str, url: str) -> str:
    """The provider's id of a checkout: that page of an order which the customer was shown."""
    if provider == "stripe":
        with world.stripe.lock:
            return next(key for key, session in world.stripe.sessions.items() if session["url"] == url)
    with world.paddle.lock:
        made = world.paddle.transactions.items()
        return next(key for key, transaction in made if (transaction["checkout"] or {}).get("url") == url)


Life = Callable[[Customer], Iterator[Until]]


def withdraws(ada: Customer, provider: str) -> Iterator[Until]:
    """She buys 1,000 credits, uses some, changes her mind, and gets the unused part back."""
    order_id, checkout = ada.order(provider, "pack_1000", is_confirmed=False)
    payer = ada.world.stripe if provider == "stripe" else ada.world.paddle
    payer.pay(checkout)
    yield Until.REFUNDED
    ada.run("run_0", 250, wanted=402)
    ada.confirms(order_id)
    ada.run("run_1", 250)
    ada.run("run_2", 50)
    ada.run_fails("run_2")
    ada.run("run_3", 5000, wanted=402)
    purchase = ada.asks("GET", "/purchases", wanted=200)["purchases"][0]["purchase_id"]
    case = ada.wishes(purchase, "changed_my_mind", state="approved")
    yield Until.THE_END
    settled = ada.case_is(case, "refunded")
    ada.refunded_minor = settled["decision"]["money"]["amount_minor"]
    ada.is_left_with(status="active", balance=0)


def charges_back(ben: Customer) -> Iterator[Until]:
    """His bank takes the money back: suspended by itself, and active again when the bank decides for us."""
    _, checkout = ben.order("stripe", "pack_500")
    paid = ben.world.stripe.pay(checkout)
    yield Until.REFUNDED
    dispute = ben.world.stripe.open_dispute(paid["payment_intent"])
    yield Until.REFUNDED
    ben.is_left_with(status="suspended", balance=500, spendable=0)
    ben.run("run_1", 1, wanted=403)
    case = ben.wishes(f"stripe:{paid['payment_intent']}", "changed_my_mind", state="in_review")
    ben.world.stripe.close_dispute(dispute["id"], "won")
    yield Until.REFUNDED
    ben.run("run_2", 100, wanted=402)  # his withdrawal waits for a decision
    verdict = {"outcome": "decline", "words": ["The bank has decided for us."], "clause": "2"}
    ben.support("POST", f"/support/refund-cases/{case}/decision", verdict, wanted=200)
    ben.run("run_3", 100)
    yield Until.THE_END
    ben.is_left_with(status="active", balance=400, spendable=400)


def pays_twice(dora: Customer) -> Iterator[Until]:
    """She pays one order twice: the second payment grants nothing, and is refunded by itself once that is sure."""
    _, checkout = dora.order("stripe", "pack_2500")
    dora.world.stripe.pay(checkout)
    dora.world.stripe.pay_again(checkout)
    yield Until.REFUNDED
    purchases = dora.asks("GET", "/purchases", wanted=200)["purchases"]
    second = next(purchase for purchase in purchases if purchase["is_duplicate"])
    case = dora.wishes(second["purchase_id"], "charged_twice")
    yield Until.THE_END
    dora.case_is(case, "refunded")
    dora.refunded_minor = second["paid"]["amount_minor"]
    dora.is_left_with(status="active", balance=2500)


def has_trouble(emil: Customer, provider: str, outcome: str) -> Iterator[Until]:
    """His runs fail again and again: a person gives him credits for his trouble, or a part of his money."""
    _, checkout = emil.order(provider, "pack_500")
    payer = emil.world.stripe if provider == "stripe" else emil.world.paddle
    paid = payer.pay(checkout)
    yield Until.REFUNDED
    for run_id in ("run_1", "run_2", "run_3"):
        emil.run(run_id, 20)
        emil.run_fails(run_id)
    purchase = f"{provider}:{paid.get('payment_intent') or paid['id']}"
    case = emil.wishes(purchase, "technical_problem", state="in_review")
    path = f"/support/refund-cases/{case}"
    emil.support("GET", path, wanted=200)
    sums = {"replace": {"credits": 60}, "approve": {"money_minor": 300}, "decline": {}}[outcome]
    verdict = {"outcome": outcome, "words": ["Our runs failed all day."], "clause": "6", **sums}
    emil.support("POST", f"{path}/decision", verdict, wanted=200)
    yield Until.THE_END
    states = {"replace": "replaced", "approve": "refunded", "decline": "declined"}
    emil.case_is(case, states[outcome])
    emil.refunded_minor = sums.get("money_minor", 0)
    paid_minor = int(paid.get("amount_total") or paid["details"]["totals"]["total"])  # Paddle's with tax on top
    balance = {"replace": 560, "decline": 500, "approve": 500 - 500 * 300 // paid_minor}[outcome]
    emil.is_left_with(status="active", balance=balance, spendable=balance)


def is_suspended_for_a_while(fay: Customer) -> Iterator[Until]:
    """Support suspends her account, and lifts that again."""
    _, checkout = fay.order("paddle", "pack_500")
    fay.world.paddle.pay(checkout)
    yield Until.REFUNDED
    holds = f"/support/accounts/{fay.account_id}/holds"
    fay.support("POST", holds, {"hold_id": "support:odd", "why": "It looks odd."}, wanted=200)
    fay.run("run_1", 1, wanted=403)
    fay.support("DELETE", f"{holds}/support:odd?why=It+is+fine", wanted=200)
    fay.run("run_2", 30)
    yield Until.THE_END
    fay.is_left_with(status="active", balance=470)


def cancels(cleo: Customer, provider: str) -> Iterator[Until]:
    """She subscribes, cancels, keeps her credits to the end of the period, and then they lapse."""
    _, checkout = cleo.order(provider, "creator_monthly")
    payer = cleo.world.stripe if provider == "stripe" else cleo.world.paddle
    payer.pay(checkout)
    yield Until.REFUNDED
    cleo.asks("POST", "/subscription/cancellation", {}, wanted=200)
    cleo.asks("DELETE", "/subscription/cancellation", wanted=200)
    cleo.asks("POST", "/subscription/cancellation", {}, wanted=200)
    cleo.run("run_1", 10)
    yield Until.A_MONTH_LATER
    cleo.run("run_2", 1, wanted=402)
    yield Until.THE_END
    cleo.is_left_with(status="active", balance=0, spendable=0)


def withdraws_in_two_steps(gia: Customer) -> Iterator[Until]:
    """She declares her withdrawal, and confirms it: it counts once."""
    _, checkout = gia.order("stripe", "pack_500")
    paid = gia.world.stripe.pay(checkout)
    yield Until.REFUNDED
    purchase = {"purchase_id": f"stripe:{paid['payment_intent']}"}
    case = gia.asks("POST", "/withdrawals", purchase, wanted=201)["case"]["case_id"]
    gia.world.opened(purchase["purchase_id"])
    gia.asks("POST", f"/withdrawals/{case}/confirmation", wanted=200)
    yield Until.THE_END
    settled = gia.asks("GET", f"/withdrawals/{case}", wanted=200)["case"]
    gia.holds(settled, state="refunded")
    gia.refunded_minor = settled["decision"]["money"]["amount_minor"]
    gia.is_left_with(status="active", balance=0)


def is_not_refunded_after_all(hal: Customer) -> Iterator[Until]:
    """His refund is made, and comes back a month later: his card has expired. The credits are his again."""
    _, checkout = hal.order("stripe", "pack_500")
    paid = hal.world.stripe.pay(checkout)
    yield Until.REFUNDED
    case = hal.wishes(f"stripe:{paid['payment_intent']}", "changed_my_mind", state="approved")
    yield Until.A_MONTH_LATER
    sent = [one for one in hal.world.stripe.refunds.values() if one["payment_intent"] == paid["payment_intent"]]
    for refund in sent:  # in weather as bad as ours it may not have been sent yet
        hal.world.stripe.fail_refund(refund["id"])
    yield Until.THE_END
    hal.case_is(case, "in_review" if sent else "refunded")
    hal.refunded_minor = 0 if sent else int(paid["amount_total"])
    hal.is_left_with(status="active", balance=500 if sent else 0)


def renews(ida: Customer, provider: str) -> Iterator[Until]:
    """She subscribes and stays: what she did not use lapses, and the next month's credits come."""
    _, checkout = ida.order(provider, "creator_monthly")
    payer = ida.world.stripe if provider == "stripe" else ida.world.paddle
    paid = payer.pay(checkout)
    yield Until.REFUNDED
    ida.run("run_1", 10)
    yield Until.A_MONTH_LATER
    payer.renew(paid.get("subscription") or paid["subscription_id"])
    yield Until.THE_END
    ida.is_left_with(status="active", balance=1000, spendable=1000)


LIVES: Mapping[str, Life] = {
    "withdraws": lambda ada: withdraws(ada, "stripe"),
    "withdraws-paddle": lambda ada: withdraws(ada, "paddle"),
    "charges-back": charges_back,
    "pays-twice": pays_twice,
    "has-trouble": lambda emil: has_trouble(emil, "paddle", "replace"),
    "is-declined": lambda emil: has_trouble(emil, "stripe", "decline"),
    "gets-a-part": lambda emil: has_trouble(emil, "stripe", "approve"),
    "gets-a-part-paddle": lambda emil: has_trouble(emil, "paddle", "approve"),
    "is-suspended": is_suspended_for_a_while,
    "withdraws-in-two-steps": withdraws_in_two_steps,
    "is-not-refunded": is_not_refunded_after_all,
    "renews": lambda ida: renews(ida, "stripe"),
    "renews-paddle": lambda ida: renews(ida, "paddle"),
    "cancels": lambda cleo: cancels(cleo, "stripe"),
    "cancels-paddle": lambda cleo: cancels(cleo, "paddle"),
}
