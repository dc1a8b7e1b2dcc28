"""Genuine events that say what nobody expects: parked for a person, never guessed, no more than the table can keep."""

import json
from typing import Any

import pytest

from ledger.domain import catalogue
from ledger.domain.errors import InvalidBody
from ledger.domain.events import Event
from ledger.domain.facts import RefundChanged
from ledger.domain.receipts import ParkReason
from ledger.providers.registry import PROVIDERS
from ledger.providers.translation import EventNotBookable
from tools.stories import read_notification

SESSION = "stripe/pack_bought_01_checkout_session_completed.json"


def translated(file: str, **fields: Any) -> Event:
    """One notification of the library, with other fields in its object; `a__b` is b within a."""
    told = read_notification(file, "")
    content = json.loads(told.body)
    for path, value in fields.items():
        *names, last = path.split("__")
        place = content["data"].get("object") or content["data"]
        for name in names:
            place = place[int(name) if name.isdecimal() else name]
        place[last] = value
    event: Event | None = PROVIDERS[told.provider].translate(content, catalogue.load(), is_live=False)
    assert event is not None
    return event


@pytest.mark.parametrize("field", ["payment_status", "mode"])
def test_a_session_in_a_state_that_nobody_knows_grants_nothing(field: str) -> None:
    """What Stripe may call a session one day is not taken for paid."""
    event = translated(SESSION, **{field: "unheard_of"})
    assert (event.payment, event.parked) == (None, ParkReason.UNKNOWN_STATE)


RENEWAL = "stripe/renewal_failed_01_invoice_paid.json"
DISPUTE = "stripe/dispute_lost_02_charge_dispute_created.json"
REFUND = "stripe/partial_refunds_02_refund_created.json"
TRANSACTION = "paddle/pack_bought_01_transaction_completed.json"
ADJUSTMENT = "paddle/partial_refund_02_adjustment_created.json"


def is_parked_whole(event: Event) -> bool:
    """Of a shape that we don't know; nothing of it is believed, and its reason quotes none of it."""
    return event.parked is ParkReason.UNKNOWN_SHAPE and event.payment is None and len(event.detail) < 100


UNUSABLE = ["x" * 256, "é" * 128, "pi_\0", "pi_\ud800", "pi_\u202e1", "pi_1\n", "9" * 5000]
"""As ids: too long for a key of the table, or not what can be read aloud."""


@pytest.mark.parametrize("name", UNUSABLE)
@pytest.mark.parametrize(
    ("file", "field"),
    [
        (SESSION, "payment_intent"),
        (SESSION, "metadata__account_id"),
        (SESSION, "metadata__order_id"),
        (RENEWAL, "id"),
        (RENEWAL, "parent__subscription_details__subscription"),
        (REFUND, "id"),
        (DISPUTE, "charge"),
        (TRANSACTION, "id"),
        (TRANSACTION, "custom_data__order_id"),
        (ADJUSTMENT, "transaction_id"),
    ],
)
def test_an_id_that_the_table_could_not_keep_is_parked(file: str, field: str, name: str) -> None:
    """Too long for a key, or no text: DynamoDB would refuse it at every delivery."""
    assert is_parked_whole(translated(file, **{field: name}))


@pytest.mark.parametrize("name", [*UNUSABLE, {"id": "cus_1"}, 7])
def test_a_customer_who_cant_be_named_is_nobody(name: object) -> None:
    """The receipt of what is parked lies with its customer: not under such a name."""
    assert translated(SESSION, customer=name).owner.customer_id is None
    assert translated(TRANSACTION, customer_id=name).owner.customer_id is None


def test_a_refunds_reason_may_be_long_and_of_many_lines() -> None:
    """It is a person's words, and only its tag is kept."""
    event = translated(ADJUSTMENT, reason="Dear Paddle,\n" + "please " * 200 + "[refund_tag:case_1-1]")
    (fact,) = event.facts
    assert isinstance(fact, RefundChanged)
    assert fact.tag == "case_1-1"
    assert is_parked_whole(translated(ADJUSTMENT, reason=f"[refund_tag:{'x' * 256}]"))


NO_NUMBERS = ["３", "٣", "1_000", " 1000 ", "+1000", "1e3", "1000.0", 10**15, "1" + "0" * 40, 1000.0, True]
"""Python's int takes most of these; which number a provider means by them, nobody can say."""


@pytest.mark.parametrize("number", NO_NUMBERS)
@pytest.mark.parametrize(
    ("file", "field"),
    [
        (SESSION, "amount_total"),
        (SESSION, "metadata__quantity"),
        (RENEWAL, "lines__data__0__quantity"),
        (REFUND, "amount"),
        (TRANSACTION, "details__totals__grand_total"),
        (TRANSACTION, "details__line_items__0__quantity"),
        (ADJUSTMENT, "totals__total"),
    ],
)
def test_a_number_is_of_plain_digits_and_of_a_size_that_money_has(file: str, field: str, number: object) -> None:
    """Else it is parked: an amount is never guessed, and DynamoDB keeps no more than 38 digits."""
    assert is_parked_whole(translated(file, **{field: number}))


@pytest.mark.parametrize(
    ("file", "field"),
    [
        (SESSION, "amount_total"),
        (RENEWAL, "amount_paid"),
        (REFUND, "amount"),
        (DISPUTE, "amount"),
        ("stripe/partial_refunds_03_charge_refunded.json", "amount_refunded"),
        (TRANSACTION, "details__totals__grand_total"),
        (ADJUSTMENT, "totals__total"),
        (ADJUSTMENT, "items__0__totals__total"),
    ],
)
def test_nobody_pays_or_gets_back_less_than_nothing(file: str, field: str) -> None:
    """A sum below 0 where money has only one direction is a misunderstanding."""
    number: object = "-1" if file.startswith("paddle") else -1
    assert is_parked_whole(translated(file, **{field: number}))


@pytest.mark.parametrize("seconds", [2**62, -(2**62), 10**40, 0, 253402300799, True, "1767225600"])
def test_a_time_that_no_payment_has_is_none(seconds: object) -> None:
    """Before 2000 or after 2999: what is reckoned from it would leave the calendar."""
    event = translated("stripe/dispute_lost_02_charge_dispute_created.json", created=seconds)
    assert is_parked_whole(event)
    period = "items__data__0__current_period_end"
    assert is_parked_whole(translated("stripe/loose_cancel_at_period_end.json", **{period: seconds}))
    content = json.loads(read_notification(SESSION, "").body) | {"created": seconds}
    with pytest.raises(InvalidBody, match="created"):
        PROVIDERS["stripe"].parse(json.dumps(content).encode())


@pytest.mark.parametrize(
    "stamp", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "now", 7]
)
def test_a_stamp_that_no_payment_has_is_none(stamp: object) -> None:
    """Likewise Paddle's."""
    field = "current_billing_period__ends_at"
    assert is_parked_whole(translated("paddle/loose_subscription_resumed.json", **{field: stamp}))
    content = json.loads(read_notification(TRANSACTION, "").body) | {"occurred_at": stamp}
    with pytest.raises(InvalidBody, match="occurred_at"):
        PROVIDERS["paddle"].parse(json.dumps(content).encode())


def test_more_lines_than_one_transaction_can_book_are_parked() -> None:
    """DynamoDB takes a hundred items at once, and a line may need seven."""
    invoice = json.loads(read_notification(RENEWAL, "").body)["data"]["object"]["lines"]["data"]
    assert translated(RENEWAL, lines__data=invoice * 10).payment is not None
    assert is_parked_whole(translated(RENEWAL, lines__data=invoice * 11))
    lines = json.loads(read_notification(TRANSACTION, "").body)["data"]["details"]["line_items"]
    assert is_parked_whole(translated(TRANSACTION, details__line_items=lines * 11))
    items = json.loads(read_notification(ADJUSTMENT, "").body)["data"]["items"]
    assert translated(ADJUSTMENT, items=items * 100).parked is None
    assert is_parked_whole(translated(ADJUSTMENT, items=items * 101))


@pytest.mark.parametrize(
    "found", ["ada@example.com", "my own words", {"email": "ada@example.com"}, ["x"], 7, "x" * 200]
)
@pytest.mark.parametrize(
    ("file", "field"),
    [
        (SESSION, "payment_status"),
        (SESSION, "currency"),
        (SESSION, "metadata__product_id"),
        (RENEWAL, "billing_reason"),
        (RENEWAL, "lines__data__0__pricing__price_details__price"),
        (REFUND, "status"),
        (TRANSACTION, "origin"),
        (TRANSACTION, "status"),
        (TRANSACTION, "details__line_items__0__price_id"),
        (ADJUSTMENT, "action"),
        (ADJUSTMENT, "status"),
        ("paddle/loose_subscription_resumed.json", "status"),
    ],
)
def test_why_an_event_is_parked_quotes_words_of_a_providers_alone(file: str, field: str, found: object) -> None:
    """A state or a price is told as it is; what no provider would call one is not: the detail is logged."""
    event = translated(file, **{field: found})
    assert event.parked
    assert not any(told in event.detail for told in ("@", "own words", "'x'", "xxx", "XXX"))


def test_a_version_that_is_none_is_parked_without_being_quoted() -> None:
    """However large it is."""
    told = json.loads(read_notification(SESSION, "").body)
    for version in (None, 7, ["ada@example.com"] * 999, "x" * 300_000):
        event = PROVIDERS["stripe"].translate(told | {"api_version": version}, catalogue.load(), is_live=False)
        assert event is not None
        assert (event.parked, len(event.detail) < 120, "@" in event.detail) == ("unknown_version", True, False)
    with pytest.raises(InvalidBody) as refused:
        PROVIDERS["stripe"].parse(json.dumps(told | {"object": {"email": "ada@example.com"}}).encode())
    assert "ada" not in str(refused.value)


@pytest.mark.parametrize("currency", ["us", "usdd", "ＵＳＤ", "u$d", "123", "uß"])
def test_a_currency_is_three_letters(currency: str) -> None:
    """What a payment was paid in is shown to people, and refunds are in it."""
    assert is_parked_whole(translated(RENEWAL, currency=currency))
    assert is_parked_whole(translated(TRANSACTION, details__totals__currency_code=currency))


def test_an_event_that_cannot_be_booked_says_why() -> None:
    """In a log the error alone must do."""
    error = EventNotBookable(ParkReason.UNKNOWN_PRICE, "no product has price_1")
    assert str(error) == "unknown_price: no product has price_1"
