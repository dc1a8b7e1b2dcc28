"""Fill a table with a believable month: some hundred customers, through the real handlers and the simulators.

Time passes between the steps of a life: providers report whole seconds, so of two steps within one it would depend on
the machine which was first, and two builds would tell two stories.

    a month ago ── each customer lives a story: buys, works, fails, writes, disputes ──► now
                                         └── support decides most of what a person has to decide

What is left waits in the queue, as on a Monday morning: cases of every reason, open disputes, a declaration, acts for a
second person, and parked events. The failed runs of one bad evening are made good for all customers.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from ledger.domain.ids import AccountId
from tools.devserver.customer_lives import Player, Step, World, checkout_of, confirm_consent, order_of, renewals_of
from tools.stories import EVENTS, Notification

Json = dict[str, Any]
DAYS = 30
MOST_STEPS = 40
"""Of a life. The next one begins after it."""
_LONGEST_PAUSE = timedelta(minutes=7)
_IN_AN_OUTAGE = timedelta(seconds=2)
OUTAGE_AT = 0.7
"""When the system fails many runs, as a part of the month."""
_AROUND = timedelta(hours=2)
DAYS_WITHOUT_OUTAGE = timedelta(days=7)
"""What is looked at if there were too few customers for an outage."""
NAMES = (
    *("ada", "ben", "cleo", "dora", "emil", "fay", "gil", "hana", "ivo", "june", "kira", "leo"),
    *("mia", "nils", "olga", "pia", "quin", "rosa", "sami", "tess", "uma", "vito", "wren", "xia"),
    *("yara", "zeno", "abel", "bree", "cruz", "dale", "enzo", "faye", "gwen", "hugo", "isla", "jade"),
    *("kofi", "lena", "milo", "nora", "omar", "pele", "rhea", "seth", "tara", "ugo", "vera", "wim"),
)
_PRODUCTS = ("pack_500", "pack_1000", "pack_1000", "pack_2500", "creator_monthly", "creator_monthly")
_PLACES = ("DE", "FR", "US", "US", "PL", "NL", "IT", "ES")
_ERRORS = ("out of memory", "the model did not load", "timed out after 300 s", "unsupported color profile")
_UNUSABLE = {
    "stripe": ("unknown_price", "manual_invoice", "underpaid"),
    "paddle": ("unknown_price", "one_off_charge"),
}
_TROUBLE = (
    "My runs keep failing since yesterday. I have lost half a day with this, and my client is waiting.",
    "Every second batch ends with an error. Is something wrong on your side? I would like my money back.",
    "I paid for credits and can not use them: each run stops. Please look at it.",
)


@dataclass(slots=True)
class Customer:
    """A customer, and what they bought."""

    player: Player
    chance: random.Random
    provider: str
    product_id: str
    country: str
    pause: timedelta
    payment: str = ""
    runs: int = 0

    @property
    def name(self) -> str:
        """The account's name."""
        return self.player.account_id.removeprefix("acct_")

    def waits(self) -> None:
        """Let the time between two steps pass."""
        self.player.world.clock.advance(self.pause)

    def buys(self) -> Json:
        """Order, pay, and have the consent confirmed. Return what the provider says of the payment."""
        self.waits()
        player, account = self.player, getattr(self.player.world, self.provider)
        body = order_of(self.provider, self.product_id, country=self.country)
        body |= renewals_of(self.product_id, player.world.clock.now())
        order = player.customer("orders", "POST", "/orders", body, code=201)
        checkout = checkout_of(account.sessions if self.provider == "stripe" else account.transactions, order)
        place = {"country": self.country} if self.provider == "stripe" else {}
        paid = player.happens(self.provider, "is paid", lambda: account.pay(checkout, **place))
        confirm_consent(player, order)
        self.payment = player.customer("looks", "GET", "/purchases", code=200)["purchases"][0]["purchase_id"]
        return {**paid, "checkout": checkout}

    def works(self, runs: int) -> None:
        """Draw credits for so many runs."""
        for _ in range(runs):
            self._draws(self.chance.randint(4, 45))

    def fails(self, runs: int) -> None:
        """Draw credits for so many runs, each of which fails."""
        for _ in range(runs):
            run = self._draws(self.chance.randint(8, 40))
            self.waits()
            failure = {"account_id": self.player.account_id, "error": self.chance.choice(_ERRORS)}
            self.player.service("failed", f"/usage/{run}/failure", failure, code=200)

    def writes(self, reason: str, message: str, **more: Any) -> str:
        """Request a refund. Return the case's id."""
        self.waits()
        body = {"purchase_id": self.payment, "reason": reason, "message": message, **more}
        return str(self.player.customer("writes", "POST", "/refund-requests", body, code=201)["case_id"])

    def disputes(self) -> str:
        """Let the bank open a dispute. Return its id."""
        self.waits()
        world, provider_id = self.player.world, self.payment.partition(":")[2]
        if self.provider == "paddle":
            return str(self.player.happens("bank", "", lambda: world.paddle.open_chargeback(provider_id))["id"])
        return str(self.player.happens("bank", "", lambda: world.stripe.open_dispute(provider_id))["id"])

    def is_decided(self, case_id: str, outcome: str, clause: str, *words: str, **more: Any) -> None:
        """Let support decide a case."""
        self.waits()
        decision = {"outcome": outcome, "clause": clause, "words": list(words), **more}
        person = self.chance.choice(("staff_sue", "staff_tom"))
        self.player.support("", "POST", f"/support/refund-cases/{case_id}/decision", decision, code=200, person=person)

    def _draws(self, credits_: int) -> str:
        self.waits()
        self.runs += 1
        run = f"run_{self.name}_{self.runs:03}"
        body = {"account_id": self.player.account_id, "run_id": run, "credits": credits_}
        self.player.service("draws", "/usage", body, code=200)
        return run


def fill(
    world: World,
    deliver: Callable[[Notification], object],
    *,
    customers: int = 120,
    seed: int = 7,
    advance: Callable[[int], None] = lambda _: None,
) -> None:
    """Play the month, then deliver what can't be booked. Raise UnexpectedResponse if a response is not as expected."""
    chance = random.Random(seed)
    early: list[Customer] = []
    outage: datetime | None = None
    every = 3 if customers > len(STORIES) * 3 else 1  # few customers: a story each
    pause = min(_LONGEST_PAUSE, timedelta(days=DAYS) / customers / MOST_STEPS)
    for number in range(customers):
        part = number / customers
        world.clock.shift = -timedelta(days=DAYS) * (1 - part)
        name = NAMES[number % len(NAMES)] + (str(number // len(NAMES) + 1) if number >= len(NAMES) else "")
        player = Player(AccountId(f"acct_{name}"), world, _show_nothing, email=f"{name}@example.com")
        provider, product, place = (chance.choice(of) for of in (("stripe", "paddle"), _PRODUCTS, _PLACES))
        one = Customer(player, chance, provider, product, place, pause)
        is_special = number % every == every // 2
        story = STORIES[number // every % len(STORIES)] if is_special else just_works
        story(one)
        if story is just_works and part < OUTAGE_AT:
            early.append(one)
        elif early and part >= OUTAGE_AT:
            _fail_together(early)
            early, outage = [], world.clock.now()
        advance(1)
    world.clock.shift = timedelta()
    for notification in unusable_events():
        deliver(notification)
    for job in ("follow_cases", "expire_credits"):
        world.gateway.run_job(job)
    world.gateway.stream.drain(60)
    _make_good(world, outage)


def _make_good(world: World, outage: datetime | None) -> None:
    """Replace the credits of all runs that failed in the outage; without one, of those of the last days."""
    now = world.clock.now()
    since, until = (outage - _AROUND, outage + _AROUND) if outage else (now - DAYS_WITHOUT_OUTAGE, now)
    span = {"since": since.isoformat(), "until": until.isoformat()}
    lead = Player(AccountId("acct_nobody"), world, _show_nothing)
    found = lead.support("", "GET", f"/support/failed-runs?{urlencode(span)}", code=200)
    if not found["to_give"]:  # no run of so few customers failed then
        return
    why = "The queue of the taggers stood still after a deployment."
    incident = {**span, "credits": found["to_give"], "why": why}
    lead.support("", "POST", "/support/incidents", incident, code=201)
    world.gateway.stream.drain(60)


def _fail_together(customers: list[Customer]) -> None:
    """Fail runs of a third of the customers within minutes: an outage."""
    for one in customers[::3]:
        one.pause = min(one.pause, _IN_AN_OUTAGE)
        one.fails(one.chance.randint(1, 3))


def just_works(one: Customer) -> None:
    """Buy and work."""
    one.buys()
    one.works(one.chance.randint(1, 5))


def has_trouble(one: Customer) -> None:
    """Fail again and again, and write. The policy leaves it to a person."""
    one.buys()
    one.works(2)
    one.fails(one.chance.randint(3, 5))
    one.writes("technical_problem", one.chance.choice(_TROUBLE), error_messages=[one.chance.choice(_ERRORS)])


def had_trouble(one: Customer) -> None:
    """The same, and support has given credits for it."""
    one.buys()
    one.fails(4)
    case_id = one.writes("technical_problem", one.chance.choice(_TROUBLE))
    one.is_decided(case_id, "replace", "6", "Four runs failed because of an error of ours. We are sorry.", credits=120)


def forgot_the_renewal(one: Customer) -> None:
    """Pay another month by mistake, and ask for it back."""
    one.product_id, one.provider, one.country = "creator_monthly", "stripe", "US"
    paid = one.buys()
    one.works(2)
    world, subscription = one.player.world, paid["subscription"]
    one.waits()
    one.player.happens("Stripe", "renews", lambda: world.stripe.renew(subscription))
    one.payment = one.player.customer("looks", "GET", "/purchases", code=200)["purchases"][0]["purchase_id"]
    one.writes("mistaken_renewal", "I thought that I had cancelled. I did not want another month.")


def does_not_know_the_charge(one: Customer) -> None:
    """See a charge on the card's statement, and ask."""
    one.buys()
    one.writes("unrecognised_charge", "There is a charge of yours on my card, and I do not know what it is for.")


def finds_it_too_much(one: Customer) -> None:
    """Say that more was charged than the price."""
    one.buys()
    one.works(1)
    one.fails(2)
    one.writes("wrong_amount", "I was charged more than the price on your page.", reference="statement-11")


def wrote_before_the_dispute(one: Customer) -> None:
    """Write to us, and go to the bank when no answer comes."""
    one.provider = "stripe"
    one.buys()
    one.works(1)
    one.writes("unrecognised_charge", "What is this charge? Please answer, or I have to go to my bank.")
    one.disputes()


def charges_back(one: Customer) -> None:
    """Go to the bank at once."""
    one.buys()
    one.works(3)
    one.disputes()


def won_the_dispute(one: Customer) -> None:
    """A dispute that the bank has decided for us."""
    one.provider = "stripe"
    one.buys()
    dispute, world = one.disputes(), one.player.world
    one.waits()
    one.player.happens("bank", "", lambda: world.stripe.close_dispute(dispute, "won"))


def changes_mind(one: Customer) -> None:
    """Ask for money back without a right to it: the policy declines."""
    one.country, one.product_id = "US", "pack_1000"
    one.buys()
    one.works(4)
    one.writes("changed_my_mind", "It does not do what I hoped for. I would like my money back.")


def withdraws(one: Customer) -> None:
    """Withdraw in time: the policy refunds what is not used."""
    one.country, one.product_id = "DE", "pack_500"
    one.buys()
    one.works(1)
    one.writes("changed_my_mind", "I withdraw from the contract.")


def pays_twice(one: Customer) -> None:
    """Pay one order twice."""
    one.provider, one.product_id = "stripe", "pack_1000"
    paid, world = one.buys(), one.player.world
    one.waits()
    one.player.happens("Stripe", "is paid again", lambda: world.stripe.pay_again(paid["checkout"]))


def declares(one: Customer) -> None:
    """Withdraw without a login, and name the contract so that no program finds it."""
    one.buys()
    declaration = {
        "name": one.name.title(),
        "contract": "the credits that I bought last week with my husband's card",
        "email": f"{one.name}.private@example.net",
        "language": "en",
    }
    one.waits()
    draft = one.player.anybody("", "POST", "/withdrawal-declarations", declaration, code=201)
    path = f"/declarations/{draft['declaration_id']}/confirmation"
    one.player.anybody("", "POST", path, {"token": draft["token"]}, code=200)


def is_given_much(one: Customer) -> None:
    """Lose a whole project to us: what support wants to give is above one person's limits."""
    one.product_id = "pack_2500"
    one.buys()
    one.fails(2)
    one.waits()
    gift = {"credits": 25_000, "why": "Our migration lost the tags of the whole project: agreed with the team lead."}
    path = f"/support/accounts/{one.player.account_id}/adjustments"
    one.player.support("", "POST", path, gift, code=409)


def is_held(one: Customer) -> None:
    """Pay with a card that somebody else says is theirs."""
    one.buys()
    one.waits()
    hold = {"hold_id": "support:stolen-card", "why": "The owner of the card has written to us."}
    one.player.support("", "POST", f"/support/accounts/{one.player.account_id}/holds", hold, code=200)


Story = Callable[[Customer], None]
STORIES: tuple[Story, ...] = (
    has_trouble,
    charges_back,
    had_trouble,
    changes_mind,
    is_given_much,
    does_not_know_the_charge,
    wrote_before_the_dispute,
    withdraws,
    declares,
    forgot_the_renewal,
    is_held,
    finds_it_too_much,
    pays_twice,
    won_the_dispute,
)


def unusable_events() -> list[Notification]:
    """Return events that are genuine and can't be booked."""
    found = []
    for provider, names in _UNUSABLE.items():
        for name in names:
            body = (EVENTS / provider / f"loose_{name}.json").read_bytes()
            event = json.loads(body)
            event_id, event_type = event.get("id") or event["event_id"], event.get("type") or event["event_type"]
            found.append(Notification(provider, "payment-succeeded", body, event_id, event_type))
    return found


def _show_nothing(_: Step) -> None:
    """Show no steps."""
