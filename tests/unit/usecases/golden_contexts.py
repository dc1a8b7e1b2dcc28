"""What the policy is given about each purchase of the ledgers: `python -m tests.unit.usecases.golden_contexts`.

The ledgers are those that `verify` is spoilt with, the stories, and a few more. The first line of a purchase is what
every reason is given, the others what a reason adds or changes. After a change that is meant, the difference shows
whom it reaches.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta
from pathlib import Path

from ledger.domain.errors import NotFound
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.orders import Order
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import Decision, RefundReason
from ledger.policy.context import LineUsage, PolicyContext
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.look_up import LookUp
from ledger.usecases.refund_cases.context import case_context_in
from ledger.usecases.refund_cases.evaluate_policy import policy_context
from ledger.usecases.usage import draw_credits, fail_run
from tests.contract.test_cases import NO
from tests.unit.usecases import golden_ledgers
from tools.testing.builders import (
    ADA,
    POLICY,
    RENEWED,
    at,
    numbered_anew,
    ordered,
    paid,
    payment,
    record_events,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeStore
from tools.testing.unguarded import decide_case

FILE = Path(__file__).parent / "golden" / "contexts.txt"
NOW = at(2 * 24 * 60)
"""Two days after the ledgers begin."""
ELSEWHERE = {"reason", "now", "submitted_at"}
"""Fields that whoever asks gives."""


def trial() -> FakeStore:
    """A plan that began with a trial, by its order, and was renewed."""
    store = FakeStore()
    first = replace(ordered(store), subscription_id="stripe:sub_1", is_trial=True, paid_minor=1)
    later = replace(RENEWED, subscription_id="stripe:sub_1", at=at(600), order_id=first.order_id)
    record_events(store, paid(first), paid(later), now=at(600))
    return store


def two_plans() -> FakeStore:
    """One order began two subscriptions, for a company."""
    store = FakeStore()
    first = replace(ordered(store), subscription_id="stripe:sub_1", has_company_data=True)
    twin = payment(PaymentId("stripe:pi_2"), fulfilment_key=first.fulfilment_key, minute=1)
    record_events(
        store,
        paid(first),
        paid(replace(twin, subscription_id="stripe:sub_2", has_other_tax_id=True, billing_country="FR")),
        now=at(2),
    )
    return store


def asked_again() -> FakeStore:
    """A person declined, then a run failed."""
    store = FakeStore()
    record_events(store, paid(payment()))
    case = request_refund(store, refund_claim(RefundReason.TECHNICAL_PROBLEM), minute=60)
    decide_case(case.case_id, NO, "sam", store, POLICY, now=at(70))
    draw_credits(ADA, "run_1", 5, store, now=at(80))
    fail_run(ADA, "run_1", store, now=at(80))
    return store


ALL: Mapping[str, Callable[[], FakeStore]] = {
    **golden_ledgers.ALL,
    **{one.__name__: one for one in (trial, two_plans, asked_again)},
}


def lines(name: str) -> Iterator[str]:
    """Yield the lines of a ledger."""
    with numbered_anew():
        store = ALL[name]()
    for purchase in store.payments.values():
        if isinstance(purchase, Purchase) and purchase.payment and purchase.account_id:
            yield from _of_purchase(purchase.account_id, purchase.payment_id, store)


def _of_purchase(account_id: AccountId, payment_id: PaymentId, store: Store) -> Iterator[str]:
    known = LookUp(store, with_orders=True)(Keys(accounts=frozenset({account_id}), payments=frozenset({payment_id})))
    try:
        context = case_context_in(account_id, payment_id, known)
    except NotFound as error:
        yield f"{payment_id}: {error}"
        return
    given = {reason: _shown(policy_context(reason, context, store, POLICY, NOW)) for reason in RefundReason}
    always = given[RefundReason.WRONG_AMOUNT]
    yield f"{payment_id}: {_line(always)}"
    for reason, shown in given.items():
        if changed := {field: value for field, value in shown.items() if always[field] != value}:
            yield f"  {reason}: {_line(changed)}"


def _line(shown: dict[str, str]) -> str:
    return " ".join(f"{field}={value}" for field, value in shown.items() if value)


def _shown(given: PolicyContext) -> dict[str, str]:
    return {field.name: _word(getattr(given, field.name)) for field in fields(given) if field.name not in ELSEWHERE}


def _word(value: object) -> str:
    """Return a value in a word. Empty: none, no, nothing."""
    match value:
        case Order():
            return value.order_id
        case LineUsage():
            return f"{value.line_id}/{value.amount_minor}/{value.granted}/{value.drawn}/{value.taken_back}"
        case Decision():
            return f"{value.outcome}/{value.clause}"
        case tuple():
            return ",".join(map(_word, value))
        case datetime():
            return value.isoformat().removesuffix("+00:00").removesuffix(":00")
        case timedelta():
            return f"{value / timedelta(minutes=1):g}min" if value else ""
        case bool():
            return "yes" if value else ""
        case _:
            return str(value) if value else ""


if __name__ == "__main__":
    golden_ledgers.write(FILE, ALL, lines)
