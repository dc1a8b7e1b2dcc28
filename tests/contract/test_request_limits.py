"""Limits by account on what customers request, over every store, and when requests race."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest

from ledger.domain.errors import BillingError, CaseAlreadyOpen, TooManyRequests
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.orders import Consent, Order, ShownInformation
from ledger.domain.recent_requests import LimitedRequest, RecentRequests, RequestLimit
from ledger.domain.refund_cases import RefundCase, RefundReason
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.documents import recent_requests_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.consents import give_consent
from ledger.usecases.limits import count_alone
from ledger.usecases.refund_cases.add_evidence import add_evidence
from ledger.usecases.refund_cases.open_case import SUPPORT_CASES_ROUTE, open_case
from tests.contract.test_orders_terms import NOW, Shop
from tools.testing.builders import ADA, POLICY, at, paid, payment, record_events, refund_claim
from tools.testing.races import assert_sound, at_once, retrying

BEN = AccountId("acct_ben")
TWO = {kind: RequestLimit(most=2, within=timedelta(hours=1)) for kind in LimitedRequest}


def placed(store: Store, key: str, *, minute: float = 0, account_id: AccountId = ADA) -> Order:
    """An order under a key."""
    shop = Shop(store, "stripe", "pack_1000", limits=TWO)
    return shop.order(key=key, account_id=account_id, now=NOW + timedelta(minutes=minute))


def requested(store: Store, number: int, reason: RefundReason, *, route: str = "refund-requests") -> RefundCase:
    """A request for the money of one of several payments."""
    claim = refund_claim(reason, payment_id=PaymentId(f"stripe:pi_{number}"), key=f"{reason} {number}")
    policy = replace(POLICY, request_limits=TWO)
    return open_case(replace(claim, route=route), store, policy, now=at(60 + number))


def times(store: Store, kind: LimitedRequest, account_id: AccountId = ADA) -> int:
    """How many requests count."""
    key = recent_requests_key(account_id, kind)
    stored = store.read(Keys(documents=frozenset({key}))).document(key, RecentRequests)
    return len(stored.times) if stored else 0


def test_orders_above_the_limit_are_refused_until_the_oldest_is_an_hour_old(any_store: Store) -> None:
    """Of this account alone. A repetition under its key does not count, and of a refused one nothing was stored."""
    first = placed(any_store, "k1")
    placed(any_store, "k2", minute=10)
    with pytest.raises(TooManyRequests) as refused:
        placed(any_store, "k3", minute=20)
    assert refused.value.retry_after_s == 40 * 60
    assert placed(any_store, "k1", minute=20).order_id == first.order_id
    assert placed(any_store, "k1", minute=20, account_id=BEN).account_id == BEN
    assert placed(any_store, "k3", minute=60).made_at == NOW + timedelta(hours=1)
    assert times(any_store, LimitedRequest.ORDERS) == 2


def test_refund_requests_above_the_limit_are_refused_but_no_withdrawal(any_store: Store) -> None:
    """Nor anything that the law may take for one, nor what support opens in the customer's name."""
    for number in range(6):
        record_events(any_store, paid(payment(PaymentId(f"stripe:pi_{number}"))))
    requested(any_store, 0, RefundReason.TECHNICAL_PROBLEM)
    with pytest.raises(CaseAlreadyOpen):
        requested(any_store, 0, RefundReason.TECHNICAL_PROBLEM, route="other")
    requested(any_store, 1, RefundReason.UNRECOGNISED_CHARGE)
    with pytest.raises(TooManyRequests):
        requested(any_store, 2, RefundReason.TECHNICAL_PROBLEM)
    for number, reason in enumerate(
        (RefundReason.WITHDRAWAL, RefundReason.CHANGED_MY_MIND, RefundReason.MISTAKEN_RENEWAL), 3
    ):
        assert requested(any_store, number, reason).reason is reason
    assert requested(any_store, 2, RefundReason.TECHNICAL_PROBLEM, route=SUPPORT_CASES_ROUTE)
    assert times(any_store, LimitedRequest.REFUND_REQUESTS) == 2


def test_evidence_above_the_limit_is_refused_over_all_cases(any_store: Store) -> None:
    """Nothing is added to the case."""
    cases = []
    for number in range(3):
        record_events(any_store, paid(payment(PaymentId(f"stripe:pi_{number}"))))
        cases.append(requested(any_store, number, RefundReason.TECHNICAL_PROBLEM, route=SUPPORT_CASES_ROUTE))
    for case in cases[:2]:
        add_evidence(ADA, case.case_id, "1.png", 3, any_store, now=at(70), limits=TWO)
    with pytest.raises(TooManyRequests):
        add_evidence(ADA, cases[2].case_id, "1.png", 3, any_store, now=at(71), limits=TWO)
    assert add_evidence(ADA, cases[2].case_id, "1.png", 3, any_store, now=at(131), limits=TWO).evidence == ("1.png",)


def test_consents_above_the_limit_are_refused_and_repeated_ones_do_not_count(any_store: Store) -> None:
    """A consent that counts already is answered as it is."""
    orders = [placed(any_store, f"k{number}", minute=60 * number) for number in range(3)]

    def consented(order: Order) -> Order:
        given = Consent(given_at=NOW, text_version="1", asked_to_begin=True, acknowledged_loss=True)
        shown = ShownInformation(policy_version="1", text_version="1", language="en", digest="d", at=NOW)
        return give_consent(ADA, order.order_id, given, shown, any_store, TWO)

    for order in (orders[0], orders[0], orders[1], orders[0]):
        assert consented(order).consent
    with pytest.raises(TooManyRequests):
        consented(orders[2])


def test_sessions_of_the_billing_page_are_counted_alone(any_store: Store) -> None:
    """And without a limit nothing is read or written."""
    for minute in (0, 1):
        count_alone(LimitedRequest.BILLING_PORTAL_SESSIONS, ADA, any_store, TWO, at(minute))
    with pytest.raises(TooManyRequests):
        count_alone(LimitedRequest.BILLING_PORTAL_SESSIONS, ADA, any_store, TWO, at(2))
    count_alone(LimitedRequest.BILLING_PORTAL_SESSIONS, ADA, cast("Store", None), {}, at(2))
    assert times(any_store, LimitedRequest.BILLING_PORTAL_SESSIONS) == 2


def test_requests_that_race_never_exceed_the_limit(real_store: DynamoDBStore) -> None:
    """Ten orders and ten sessions at once: of each kind two are carried out, and eight are refused."""

    def session() -> bool:
        count_alone(LimitedRequest.BILLING_PORTAL_SESSIONS, ADA, real_store, TWO, at(0))
        return True

    calls: list[Callable[[], object]] = [lambda number=number: placed(real_store, f"k{number}") for number in range(10)]  # type: ignore[misc]
    results = at_once([retrying(call) for call in (*calls, *[session] * 10)])
    refused = [one for one in results if isinstance(one, BillingError)]
    assert {type(one) for one in refused} == {TooManyRequests}
    assert len(refused) == 16
    assert sum(isinstance(one, Order) for one in results) == 2
    kinds = (LimitedRequest.ORDERS, LimitedRequest.BILLING_PORTAL_SESSIONS)
    assert [times(real_store, kind) for kind in kinds] == [2, 2]
    assert_sound(real_store)
