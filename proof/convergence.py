"""Any order, any repetition: one ledger, and it is what the oracle says, after every single step.

Short histories are played in every permutation. Long ones are found by Hypothesis, which makes a failing one short.
"""

import itertools
import math
import random
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ledger.domain.refund_cases import UNASKED_REASONS, RefundReason
from proof import waits
from proof.kinds import KINDS
from proof.kinds.played import history_of, problem_of
from proof.play import TAX_IDS, Notification, Play, Wrong
from proof.work import Work
from tests.proof.test_convergence import MOST_ORDERS, meaning, play_orders
from tools.stories import stories, with_repeats

PACKS = ("pack_500", "pack_1000", "pack_2500")
PLANS = ("creator_monthly",)
MOST_PERMUTED = 5
"""Notifications of a history that is played in every order: 120 of them, told twice each."""

HISTORIES_A_CASE, STEPS_A_HISTORY = 10, 60
DECIDED_A_CASE = 5
"""Histories of each kind of decision that long histories seldom come to."""

_picks = st.integers(0, 6)
_providers = st.sampled_from(("stripe", "paddle"))
_percents = st.sampled_from((0, 1, 33, 50, 100))
_tax_ids = st.sampled_from((*(None for _ in TAX_IDS), *TAX_IDS))


class Life(RuleBasedStateMachine):
    """A customer's life as Hypothesis plays it."""

    lives = 0
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.play = Play()

    @initialize(
        provider=_providers,
        product=st.sampled_from((*PACKS, *PLANS)),
        flags=st.integers(0, 31),
        tax_id=_tax_ids,
        is_business=st.sampled_from((False, False, False, True)),
        excuses_after=st.sampled_from((None, 0, 9)),
        warned_up_to_minor=st.sampled_from((0, 1500, 100_000)),
    )
    def begins(
        self,
        provider: str,
        product: str,
        flags: int,
        tax_id: tuple[str, str] | None,
        is_business: bool,
        excuses_after: int | None,
        warned_up_to_minor: int,
    ) -> None:
        """Nothing happens to somebody who buys nothing. The seller has chosen what the policy leaves to him."""
        self.play.policy = replace(
            self.play.policy,
            contacted_first_from=None if excuses_after is None else self.play.now + timedelta(days=excuses_after),
            fraud_warning_refund_up_to_minor=dict.fromkeys(("EUR", "USD"), warned_up_to_minor),
        )
        self.play.buy(provider, [product], 1, flags=flags, tax_id=tax_id, is_business=is_business)

    @rule(
        provider=_providers,
        products=st.lists(st.sampled_from((*PACKS, *PLANS)), min_size=1, max_size=2, unique=True),
        quantity=st.integers(1, 3),
        flags=st.integers(0, 31),
    )
    def buys(self, provider: str, products: list[str], quantity: int, flags: int) -> None:
        """A plan comes first: what is bought with it is on its first invoice."""
        self.play.buy(provider, sorted(products), quantity, flags=flags)

    @precondition(lambda self: any(self.play.checkouts.values()))
    @rule(provider=_providers, pick=_picks)
    def pays_again(self, provider: str, pick: int) -> None:
        self.play.pay_again(provider, pick)

    @precondition(lambda self: self.play.transfers)
    @rule(pick=_picks, has_arrived=st.booleans())
    def transfer_ends(self, pick: int, has_arrived: bool) -> None:
        self.play.end_transfer(pick, has_arrived=has_arrived)

    @precondition(lambda self: self.play.stripe.subscriptions or self.play.paddle.subscriptions)
    @rule(
        provider=_providers,
        pick=_picks,
        act=st.sampled_from(("renew", "fail_renewal", "end_period", "cancel_in_portal", "upgrade")),
    )
    def subscription_goes_on(self, provider: str, pick: int, act: str) -> None:
        self.play.subscription(provider, pick, act)

    @rule(is_so=st.booleans())
    def refunds_wait(self, is_so: bool) -> None:
        self.play.begin_refunds_as_pending(is_so=is_so)

    @precondition(lambda self: self.play.stripe.charges)
    @rule(pick=_picks, percent=_percents)
    def stripe_refunds(self, pick: int, percent: int) -> None:
        self.play.refund_at_stripe(pick, percent)

    @precondition(lambda self: self.play.paddle.transactions)
    @rule(pick=_picks, line=_picks, percent=_percents, kind=st.sampled_from(("full", "partial", "tax")))
    def paddle_refunds(self, pick: int, line: int, percent: int, kind: str) -> None:
        self.play.refund_at_paddle(pick, line, percent, kind)

    @precondition(lambda self: self.play.stripe.refunds or self.play.paddle.adjustments)
    @rule(provider=_providers, pick=_picks, is_good=st.booleans())
    def refund_ends(self, provider: str, pick: int, is_good: bool) -> None:
        self.play.refund_ends(provider, pick, is_good=is_good)

    @precondition(lambda self: self.play.stripe.charges or self.play.paddle.transactions)
    @rule(provider=_providers, pick=_picks, percent=_percents, is_soft=st.booleans())
    def bank_contests(self, provider: str, pick: int, percent: int, is_soft: bool) -> None:
        self.play.contest(provider, pick, percent, is_soft=is_soft)

    @precondition(lambda self: self.play.stripe.disputes or self.play.paddle.adjustments)
    @rule(
        provider=_providers,
        pick=_picks,
        act=st.sampled_from(("escalate", "respond", "appeal", "withdraw_again", "won", "lost", "warning_closed")),
    )
    def dispute_moves(self, provider: str, pick: int, act: str) -> None:
        self.play.dispute(provider, pick, act)

    @precondition(lambda self: self.play.stripe.charges)
    @rule(pick=_picks)
    def network_warns(self, pick: int) -> None:
        self.play.warn_of_fraud(pick)

    @precondition(lambda self: self.play.waiting)
    @rule(picks=st.lists(_picks, min_size=1, max_size=6))
    def is_delivered(self, picks: list[int]) -> None:
        for pick in picks:
            self.play.deliver(pick)

    @precondition(lambda self: self.play.delivered)
    @rule(pick=_picks)
    def is_delivered_again(self, pick: int) -> None:
        self.play.deliver_again(pick)

    @precondition(lambda self: self.play.parked)
    @rule()
    def parked_is_released(self) -> None:
        self.play.release()

    @precondition(lambda self: self.play.delivered)
    @rule(credits_=st.sampled_from((1, 7, 250, 499, 500, 1000, 2600)))
    def run_draws(self, credits_: int) -> None:
        self.play.spend(credits_)

    @precondition(lambda self: self.play.ours.drawn)
    @rule(pick=_picks)
    def run_fails(self, pick: int) -> None:
        self.play.fail(pick)

    @precondition(lambda self: self.play.ours.failed)
    @rule(hours=st.sampled_from((1, 24 * 7)))
    def support_makes_good(self, hours: float) -> None:
        self.play.make_good(hours)

    @rule()
    def lapses_are_written(self) -> None:
        self.play.expire()

    @precondition(lambda self: self.play.store.payments)
    @rule(
        pick=_picks,
        reason=st.sampled_from([one for one in RefundReason if one not in {RefundReason.WITHDRAWAL, *UNASKED_REASONS}]),
        hours_ago=st.sampled_from((0, 0, 0.5, 24 * 10)),
    )
    def asks_for_a_refund(self, pick: int, reason: RefundReason, hours_ago: float) -> None:
        self.play.ask(pick, reason, hours_ago=hours_ago)

    @precondition(lambda self: self.play.ours.gifts)
    @rule(pick=_picks, reason=st.sampled_from((RefundReason.TECHNICAL_PROBLEM, RefundReason.MISTAKEN_RENEWAL)))
    def asks_for_what_was_made_good(self, pick: int, reason: RefundReason) -> None:
        self.play.ask_after_gift(pick, reason)

    @precondition(lambda self: self.play.in_review)
    @rule(pick=_picks, percent=_percents, takes_credits=st.booleans(), by_line=st.booleans())
    def person_decides(self, pick: int, percent: int, takes_credits: bool, by_line: bool) -> None:
        self.play.decide(pick, percent, takes_credits=takes_credits, by_line=by_line)

    @precondition(lambda self: self.play.in_review)
    @rule(pick=_picks, credits_=st.sampled_from((1, 100, 700)), is_agreed=st.booleans())
    def person_gives_credits(self, pick: int, credits_: int, is_agreed: bool) -> None:
        self.play.give(pick, credits_, is_agreed=is_agreed)

    @precondition(lambda self: self.play.store.documents)
    @rule()
    def waiting_is_decided(self) -> None:
        self.play.decide_waiting()

    @precondition(lambda self: self.play.store.documents)
    @rule(last_error=st.sampled_from(("none", "none", "down", "lost")))
    def refunds_are_sent(self, last_error: str) -> None:
        self.play.issue(last_error)

    @precondition(lambda self: self.play.ours.approvals)
    @rule()
    def cases_follow(self) -> None:
        self.play.follow()

    @precondition(lambda self: self.play.is_held)
    @rule(pick=_picks)
    def support_lifts(self, pick: int) -> None:
        self.play.lift(pick)

    @rule(hours=st.sampled_from((0.3, 5, 24 * 9, 24 * 32)))
    def time_passes(self, hours: float) -> None:
        self.play.pass_time(hours)

    @invariant()
    def holds(self) -> None:
        """After every step."""
        self.play.tick()
        self.play.hold()
        Life.steps += 1

    def teardown(self) -> None:
        """At the end everything is delivered and done, and it holds once more."""
        Life.lives += 1
        self.play.settle()


def long_histories(
    seed: int, histories: int = HISTORIES_A_CASE, machine: type[Life] = Life, *, is_made_short: bool = True
) -> str | None:
    """Play so many lives. What was found, and the shortest life that shows it; None: nothing."""
    how = settings(
        max_examples=histories,
        stateful_step_count=STEPS_A_HISTORY,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink) if is_made_short else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )
    try:
        run_state_machine_as_test(hypothesis.seed(seed)(machine), settings=how)
    except Exception as problem:  # noqa: BLE001 - whatever breaks a life is a finding
        where = "" if isinstance(problem, Wrong) else traceback.format_exc()
        steps = "\n".join(getattr(problem, "__notes__", ())).replace("state.holds()\n", "")
        return f"{where}{type(problem).__name__}: {problem}\n{steps}"
    return None


def short_history(chance: random.Random) -> Play:
    """A life of few notifications, none of which is delivered yet."""
    for attempt in itertools.count():
        play = Play(seed=f"{chance.random()}/{attempt}")
        provider = chance.choice(("stripe", "paddle"))
        play.buy(provider, [chance.choice((*PACKS, *PACKS, *PLANS))], chance.randint(1, 3), flags=chance.randrange(32))
        for _ in range(40):
            if len(play.waiting) >= MOST_PERMUTED:
                break
            play.now = play.now.replace(minute=(play.now.minute + 1) % 60)
            _happen(play, provider, chance)
        if 3 <= len(play.waiting) <= MOST_PERMUTED:
            return play
    raise AssertionError("unreachable")


def _happen(play: Play, provider: str, chance: random.Random) -> None:
    pick, percent = chance.randrange(7), chance.choice((1, 33, 50, 100))
    acts: Sequence[Callable[[], None]] = (
        lambda: play.pay_again(provider, pick),
        lambda: play.end_transfer(pick, has_arrived=chance.random() < 0.7),
        lambda: play.subscription(provider, pick, chance.choice(("renew", "fail_renewal", "upgrade"))),
        lambda: play.refund_at_stripe(pick, percent),
        lambda: play.refund_at_paddle(pick, pick, percent, chance.choice(("full", "partial", "tax"))),
        lambda: play.begin_refunds_as_pending(is_so=chance.random() < 0.5),
        lambda: play.refund_ends(provider, pick, is_good=chance.random() < 0.5),
        lambda: play.contest(provider, pick, percent, is_soft=chance.random() < 0.3),
        lambda: play.dispute(
            provider, pick, chance.choice(("escalate", "respond", "appeal", "withdraw_again", "won", "lost"))
        ),
        lambda: play.warn_of_fraud(pick),
    )
    chance.choice(acts)()


def every_order(play: Play, chance: random.Random, *, tried: Callable[[int], None]) -> str | None:
    """Deliver a short history in every order, each notification twice, a run or two in between."""
    credits_ = chance.choice((100, 500, 1000, 2600))
    meant: object = None
    for number, order in enumerate(itertools.permutations(play.waiting)):
        told = with_repeats(order, random.Random(number))
        again = _again(play)
        problem = _delivered(again, told, credits_ if number % 2 else None, number % (len(told) + 1))
        if problem is None and number % 2 == 0:  # without draws all orders mean the same
            means = meaning(again.store)
            meant = means if meant is None else meant
            problem = None if means == meant else f"another order means another ledger: {means} instead of {meant}"
        if problem:
            steps = "\n  ".join([f"delivery {position}: {one.event_type}" for position, one in enumerate(told)])
            return f"{problem}\norder {number}, draws {credits_}:\n  {steps}"
        tried(len(told))
    return None


def _again(play: Play) -> Play:
    """The same ledger before anything was delivered: with its orders, and the records of their requests."""
    fresh = Play(seed=play.seed, now=play.now)
    fresh.store.fulfilment_keys.update(play.store.fulfilment_keys)
    fresh.store.documents.update(play.store.documents)
    return fresh


def _delivered(play: Play, told: Sequence[Notification], credits_: int | None, drawn_at: int) -> str | None:
    try:
        for position, notification in enumerate(told):
            if credits_ and position == drawn_at:
                play.spend(credits_)
            play.hear(notification)
            play.release()
            play.hold(is_all_heard=set(told[: position + 1]) == set(told))
    except Wrong as problem:
        return str(problem)
    return None


def of_a_buyer(chance: random.Random) -> Play:
    """Play the life of a buyer who may be a business, and changes his mind. Credits are given, agreed to or not."""
    play = Play(seed=f"{chance.random()}")
    flags, tax_id = chance.choice((0b00001, 0b10001, 0b00011)), chance.choice((None, *TAX_IDS))
    product, is_business = chance.choice((*PACKS, *PLANS)), chance.random() < 0.5
    play.buy("stripe", [product], 1, flags=flags, tax_id=tax_id, is_business=is_business)
    play.settle()
    play.spend(chance.choice((1, 7, 250)))
    play.ask(0, RefundReason.CHANGED_MY_MIND)
    for is_agreed in chance.sample((False, True), 2):
        play.tick()
        play.give(0, chance.choice((1, 100, 700)), is_agreed=is_agreed)
        play.hold()
    play.settle()
    return play


def of_an_incident(chance: random.Random) -> Play:
    """Play the life of a customer whose runs fail: incidents make some good, and he asks for all of them."""
    play = Play(seed=f"{chance.random()}")
    play.buy("stripe", [chance.choice(("pack_1000", "pack_2500"))], 1, flags=0b10000)
    play.settle()
    for _ in range(chance.randint(2, 4)):
        play.spend(chance.choice((1, 50, 200)))
        play.fail(play.runs - 1)
        play.pass_time(chance.choice((0.3, 5, 24)))
        if chance.random() < 0.5:
            play.make_good(chance.choice((1, 24)))
            play.hold()
    play.make_good(chance.choice((1, 24)))
    play.ask(0, RefundReason.TECHNICAL_PROBLEM)
    if chance.random() < 0.5:
        play.give(0, chance.choice((1, 100)), is_agreed=chance.random() < 0.5)
        play.ask_after_gift(0, RefundReason.TECHNICAL_PROBLEM)
    play.settle()
    return play


def run(work: Work) -> None:
    """By turns: a short history, long ones, of each kind of money and decisions some, a long story in every order."""
    for case in work.cases(at_least=4):
        chance = work.chance(case)
        if case % 4 == 3:
            problem = _long_story(work, case // 4)
        elif case % 4 == 2:
            problem = _each_kind(work, chance)
        elif case % 4:
            Life.lives = Life.steps = 0
            problem = long_histories(chance.randrange(2**32))
            work.count("long histories", Life.lives)
            work.count("steps of them", Life.steps)
        else:
            problem = every_order(short_history(chance), chance, tried=lambda told: _count(work, told))
            work.count("short histories")
        if problem:
            work.find(problem, case)


def _each_kind(work: Work, chance: random.Random) -> str | None:
    for kind in KINDS:
        problem = problem_of(history_of(kind, chance), tried=lambda told: _count(work, told))
        work.count("histories of money")
        if problem:
            return f"{kind.__name__.replace('_', ' ')}: {problem}"
    return _waits(work, chance) or _decisions(work, chance)


def _decisions(work: Work, chance: random.Random) -> str | None:
    for life in (of_a_buyer, of_an_incident):
        for _ in range(DECIDED_A_CASE):
            try:
                life(chance)
            except Wrong as problem:
                return f"{life.__name__.replace('_', ' ')}: {problem}"
            work.count("histories of decisions")
    return None


def _waits(work: Work, chance: random.Random) -> str | None:
    for history in waits.histories():
        for order in waits.orders(history, chance, 1):
            problem = waits.problem_of(
                history, order, chance, released=lambda count: work.count("waiting events released", count)
            )
            work.count("histories that wait")
            if problem:
                return problem
    return None


def _long_story(work: Work, turn: int) -> str | None:
    """Play a story of which `make test` plays only some orders in every order, the longest first."""
    long = [story for story in stories() if math.factorial(len(story.notifications)) > MOST_ORDERS]
    long.sort(key=lambda story: -len(story.notifications))
    story = long[turn % len(long)]
    try:
        work.count("orders of stories", play_orders(story))
    except AssertionError as problem:
        return f"{story.name}: {problem}"
    return None


def _count(work: Work, told: int) -> None:
    work.count("orders of them")
    work.count("deliveries", told)
