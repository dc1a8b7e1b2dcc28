"""What is cut: short histories of one customer. Each step waits until everything that it set off has come to rest."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from proof.crashes.play import CUSTOMER, Play, Scenario
from tools.stories import Story, stories

Json = dict[str, Any]
_BACKWARDS = (
    "stripe_subscription_three_months",
    "stripe_partial_refunds",
    "stripe_dispute_won",
    "paddle_chargeback_reversed",
)
"""Stories that are told from their end too: facts that wait for their payment, names that are linked late."""


def scenarios() -> Mapping[str, Scenario]:
    """All of them, by name."""
    told = {story.name: _story(story) for story in stories()}
    backwards = {f"{name}_backwards": _story(_told(name), is_backwards=True) for name in _BACKWARDS}
    ours = (
        paid_twice,
        parked_and_released,
        runs_and_failures,
        credits_lapse,
        ordered_from_stripe,
        ordered_from_paddle,
        duplicate_refunded,
        withdrawn_from_stripe,
        withdrawn_from_paddle,
        reviewed_and_partly_refunded,
        reviewed_and_replaced,
        reviewed_and_declined,
        refused_by_stripe,
        failed_at_the_bank,
        rejected_by_paddle,
        charged_back_meanwhile,
        withdrawn_while_disputed,
        held_and_lifted,
        incident_made_good,
        canceled_at_stripe,
        canceled_at_paddle,
        ordered_anew,
        charged_back_at_stripe,
        charged_back_at_paddle,
    )
    return {**told, **backwards, **{scenario.__name__: scenario for scenario in ours}}


class Ordered(NamedTuple):
    """An order of ours, and the provider's id of its page."""

    order_id: str
    checkout: str


def _story(story: Story, *, is_backwards: bool = False) -> Scenario:
    def tell(play: Play) -> None:
        play.knows_orders_of(story)
        for notification in reversed(story.notifications) if is_backwards else story.notifications:
            play.tells(notification)

    return tell


def _told(name: str) -> Story:
    return next(story for story in stories() if story.name == name)


# ── Payments ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def paid_twice(play: Play) -> None:
    """The second payment of one order grants nothing."""
    checkout = _ordered(play, "stripe", "pack_500").checkout
    play.happens(lambda: play.stripe.pay(checkout))
    play.happens(lambda: play.stripe.pay_again(checkout))


def parked_and_released(play: Play) -> None:
    """A renewal is parked until its customer's first payment says whose it is; then it is released by itself."""
    story = _told("paddle_subscription_three_months")
    notifications = story.notifications
    play.knows_orders_of(story)
    play.tells(notifications[3])
    play.tells(notifications[0])
    play.runs("release_parked")


def ordered_from_stripe(play: Play) -> None:
    """An order, its page, the consent's confirmation, the payment."""
    _confirmed(play, "stripe")


def ordered_from_paddle(play: Play) -> None:
    """The same, where a page is no idempotent thing."""
    _confirmed(play, "paddle")


# ── Usage ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def runs_and_failures(play: Play) -> None:
    """Runs draw over two lots; one fails and is free; one wants too much."""
    _bought(play, "stripe", "pack_500")
    _bought(play, "stripe", "pack_500")
    _run(play, "run_1", 700)
    _run(play, "run_2", 50)
    play.service("/usage/run_1/failure", {"account_id": CUSTOMER, "error": "out of memory"})
    _run(play, "run_3", 5000, wanted=402)


def credits_lapse(play: Play) -> None:
    """A month's credits are partly used, then lapse, and the job writes it down."""
    _bought(play, "stripe", "creator_monthly")
    _run(play, "run_1", 300)
    play.runs("expire_credits", timedelta(days=32))
    play.runs("expire_credits", timedelta(hours=1))


# ── Refund cases ──────────────────────────────────────────────────────────────────────────────────────────────────────


def duplicate_refunded(play: Play) -> None:
    """A duplicate charge waits for its settling time, then goes back by itself."""
    checkout = _ordered(play, "stripe", "pack_2500").checkout
    play.happens(lambda: play.stripe.pay(checkout))
    twin = play.happens(lambda: play.stripe.pay_again(checkout))
    _asks_back(play, f"stripe:{twin['payment_intent']}", "charged_twice")
    play.runs("follow_cases", timedelta(minutes=16))


def withdrawn_from_stripe(play: Play) -> None:
    """Some credits are used, the rest is withdrawn from in two steps."""
    _withdrawn(play, f"stripe:{_bought(play, 'stripe', 'pack_1000')['payment_intent']}")


def withdrawn_from_paddle(play: Play) -> None:
    """The same through Paddle."""
    _withdrawn(play, f"paddle:{_bought(play, 'paddle', 'pack_1000')['id']}")


def reviewed_and_partly_refunded(play: Play) -> None:
    """A person gives back a part of a subscription's first month and ends it."""
    paid = _bought(play, "paddle", "creator_monthly")
    case = _asks_back(play, f"paddle:{paid['id']}", "technical_problem")
    verdict = {"outcome": "approve", "words": ["Half."], "clause": "6", "money_minor": 700, "ends_subscription": True}
    _decides(play, case, verdict)


def reviewed_and_replaced(play: Play) -> None:
    """Credits instead of money."""
    case = _in_review(play)
    _decides(play, case, {"outcome": "replace", "words": ["It failed."], "clause": "6", "credits": 60})


def reviewed_and_declined(play: Play) -> None:
    """A person says no, and the same wish again is answered by that."""
    case = _in_review(play)
    _decides(play, case, {"outcome": "decline", "words": ["All was used."], "clause": "2"})
    _asks_back(play, case["purchase_id"], "technical_problem")


def refused_by_stripe(play: Play) -> None:
    """The money has gone back from the dashboard, its webhook is lost: Stripe refuses ours, a person decides."""
    case = _in_review(play)
    play.stripe.mute()
    play.happens(lambda: play.stripe.refund(case["purchase_id"].removeprefix("stripe:")))
    _decides(play, case, _WHOLE)


def failed_at_the_bank(play: Play) -> None:
    """A refund settles, and the bank sends it back: credits return, the case is reviewed and refunded again."""
    case = _in_review(play)
    _decides(play, case, _WHOLE)
    play.happens(lambda: play.stripe.fail_refund(next(iter(play.stripe.refunds))))
    _decides(play, case, _WHOLE)


def rejected_by_paddle(play: Play) -> None:
    """Paddle's staff has to approve a refund, and does not; the second one it does."""
    play.paddle.approve_at_once(0)
    paid = _bought(play, "paddle", "pack_500")
    case = _asks_back(play, f"paddle:{paid['id']}", "technical_problem")
    _decides(play, case, _WHOLE)
    play.happens(lambda: play.paddle.reject(list(play.paddle.adjustments)[-1]))
    _decides(play, case, _WHOLE)
    play.happens(lambda: play.paddle.approve(list(play.paddle.adjustments)[-1]))


def charged_back_meanwhile(play: Play) -> None:
    """A pending refund fails because the bank takes the money; the dispute is won, a part goes back after all."""
    play.stripe.begin_refunds_as("pending")
    case = _in_review(play)
    _decides(play, case, _WHOLE)
    dispute = play.happens(lambda: play.stripe.open_dispute(case["purchase_id"].removeprefix("stripe:"), 900))
    play.happens(lambda: play.stripe.close_dispute(dispute["id"], "won"))
    _decides(play, case, {**_WHOLE, "money_minor": 400})
    play.happens(lambda: play.stripe.settle_refund(list(play.stripe.refunds)[-1]))


def withdrawn_while_disputed(play: Play) -> None:
    """A withdrawal waits for the end of a dispute. It is won, and the job refunds what the law demands."""
    paid = _bought(play, "stripe", "pack_1000")
    dispute = play.happens(lambda: play.stripe.open_dispute(paid["payment_intent"]))
    _withdraws(play, f"stripe:{paid['payment_intent']}")
    play.happens(lambda: play.stripe.close_dispute(dispute["id"], "won"))
    play.runs("follow_cases", timedelta(hours=2))


# ── Support, subscriptions ────────────────────────────────────────────────────────────────────────────────────────────


def held_and_lifted(play: Play) -> None:
    """Support suspends an account, a run is refused, the hold is lifted."""
    _bought(play, "stripe", "pack_500")
    play.support("POST", f"/support/accounts/{CUSTOMER}/holds", {"hold_id": "support:stolen", "why": "It was told."})
    _run(play, "run_1", 10, wanted=403)
    play.support("DELETE", f"/support/accounts/{CUSTOMER}/holds/support:stolen?why=It+was+not.")
    _run(play, "run_2", 10)


def incident_made_good(play: Play) -> None:
    """Two runs fail, and cost nothing. Support has their credits replaced; the bus tells the job, then a schedule."""
    _bought(play, "stripe", "pack_500")
    since = play.now
    for run_id, credits_ in (("run_1", 100), ("run_2", 50)):
        _run(play, run_id, credits_)
        play.service(f"/usage/{run_id}/failure", {"account_id": CUSTOMER, "error": "out of memory"})
    span = {"since": since.isoformat(), "until": play.now.isoformat()}
    play.support("POST", "/support/incidents", {**span, "credits": 150, "why": "An outage."}, wanted=201)
    play.runs("replace_failed_runs")


def canceled_at_stripe(play: Play) -> None:
    """Renewals stop, go on, stop; the period ends."""
    _canceled(play, "stripe")


def canceled_at_paddle(play: Play) -> None:
    """The same through Paddle, which refuses to cancel twice."""
    _canceled(play, "paddle")


def ordered_anew(play: Play) -> None:
    """A plan is ordered twice at Stripe, then at Paddle: each order closes the checkout before. The last is paid."""
    _ordered(play, "stripe", "creator_monthly")
    _ordered(play, "stripe", "creator_monthly")
    checkout = _ordered(play, "paddle", "creator_monthly").checkout
    play.happens(lambda: play.paddle.pay(checkout))


def charged_back_at_stripe(play: Play) -> None:
    """A dispute takes a month's payment: its renewals stop. The customer resumes them, the dispute goes on."""
    _bought(play, "stripe", "creator_monthly")
    dispute = play.happens(lambda: play.stripe.open_dispute(next(iter(play.stripe.charges))))
    play.happens(lambda: play.stripe.close_dispute(dispute["id"], "lost"))
    play.asks("DELETE", "/subscription/cancellation", wanted=200)
    play.happens(lambda: play.stripe.appeal_dispute(dispute["id"]))


def charged_back_at_paddle(play: Play) -> None:
    """A chargeback at Paddle takes the money at once, and is reversed later: the renewals stay stopped."""
    paid = _bought(play, "paddle", "creator_monthly")
    chargeback = play.happens(lambda: play.paddle.open_chargeback(paid["id"]))
    play.happens(lambda: play.paddle.win_chargeback(chargeback["id"]))


# ── What they are made of ─────────────────────────────────────────────────────────────────────────────────────────────

_WHOLE = {"outcome": "approve", "words": ["All of it."], "clause": "6", "money_minor": 900}
_CONSENT = {"text_version": "2026-11", "asked_to_begin": True, "acknowledged_loss": True}


def _ordered(play: Play, provider: str, product_id: str) -> Ordered:
    """An order, and the checkout that it was answered with."""
    checkouts = play.stripe.sessions if provider == "stripe" else play.paddle.transactions
    asked = {"product_id": product_id, "provider": provider, "currency": "EUR", "country": "DE"}
    order = play.asks("POST", "/orders", asked | {"policy_version": "2026-11-01", "consent": _CONSENT})
    urls = {made.get("url") or (made.get("checkout") or {}).get("url"): name for name, made in checkouts.items()}
    return Ordered(order["order_id"], urls[order["checkout_url"]])


def _bought(play: Play, provider: str, product_id: str) -> Json:
    """What was ordered and paid: Stripe's session, Paddle's transaction. The consent is confirmed after that."""
    ordered = _ordered(play, provider, product_id)
    paid = play.happens(lambda: (play.stripe if provider == "stripe" else play.paddle).pay(ordered.checkout))
    play.service(f"/orders/{ordered.order_id}/consent-confirmation", {"confirmation_id": "mail_1"})
    return paid


def _confirmed(play: Play, provider: str) -> None:
    ordered = _ordered(play, provider, "pack_1000")
    play.service(f"/orders/{ordered.order_id}/consent-confirmation", {"confirmation_id": "mail_1"})
    play.happens(lambda: (play.stripe if provider == "stripe" else play.paddle).pay(ordered.checkout))


def _run(play: Play, run_id: str, credits_: int, wanted: int = 200) -> None:
    play.service("/usage", {"account_id": CUSTOMER, "run_id": run_id, "credits": credits_}, wanted=wanted)


def _asks_back(play: Play, purchase_id: str, reason: str) -> Json:
    return play.asks("POST", "/refund-requests", {"purchase_id": purchase_id, "reason": reason, "message": "It fails."})


def _in_review(play: Play) -> Json:
    """A case about a pack of 9.00 EUR that a person is to decide."""
    paid = _bought(play, "stripe", "pack_500")
    return _asks_back(play, f"stripe:{paid['payment_intent']}", "technical_problem")


def _decides(play: Play, case: Json, verdict: Json) -> None:
    play.support("POST", f"/support/refund-cases/{case['case_id']}/decision", verdict)


def _withdrawn(play: Play, purchase_id: str) -> None:
    _run(play, "run_1", 100)
    _withdraws(play, purchase_id)


def _withdraws(play: Play, purchase_id: str) -> None:
    declared = play.asks("POST", "/withdrawals", {"purchase_id": purchase_id})
    play.asks("POST", f"/withdrawals/{declared['case']['case_id']}/confirmation", wanted=200)


def _canceled(play: Play, provider: str) -> None:
    paid = _bought(play, provider, "creator_monthly")
    subscription = paid.get("subscription") or paid["subscription_id"]
    account = play.stripe if provider == "stripe" else play.paddle
    play.asks("POST", "/subscription/cancellation", {}, wanted=200)
    play.asks("DELETE", "/subscription/cancellation", wanted=200)
    play.happens(lambda: account.renew(subscription))
    play.asks("POST", "/subscription/cancellation", {}, wanted=200)
    play.happens(lambda: account.end_period(subscription))
