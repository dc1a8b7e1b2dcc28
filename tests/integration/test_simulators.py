"""The simulators of the providers' APIs, driven by the providers' own packages; our ledger books their webhooks."""

import base64
import contextlib
import hashlib
import http.client
import json
import re
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import paddle_billing
import pytest
import requests
import stripe as stripe_sdk
from paddle_billing.Entities.DateTime import DateTime
from paddle_billing.Entities.Events import EventTypeName
from paddle_billing.Entities.Notifications import NotificationEvent
from paddle_billing.Entities.Shared import Action, AdjustmentStatus, AdjustmentType, CurrencyCode, CustomData
from paddle_billing.Entities.Subscriptions import SubscriptionEffectiveFrom
from paddle_billing.Exceptions.ApiError import ApiError
from paddle_billing.Resources.Adjustments.Operations import CreateAdjustment, CreateAdjustmentItem, ListAdjustments
from paddle_billing.Resources.CustomerPortalSessions.Operations import CreateCustomerPortalSession
from paddle_billing.Resources.Events.Operations import ListEvents
from paddle_billing.Resources.Shared.Operations import Pager
from paddle_billing.Resources.Subscriptions.Operations import CancelSubscription, UpdateSubscription
from paddle_billing.Resources.Transactions.Operations import CreateTransaction, ListTransactions
from paddle_billing.Resources.Transactions.Operations.Create import TransactionCreateItem

from ledger.domain import catalogue
from ledger.domain.accounts import Account
from ledger.domain.ids import AccountId
from ledger.domain.receipts import RecordOutcome
from ledger.providers.registry import PROVIDERS
from ledger.usecases.record_event import record_event
from tests.unit.tools.test_events_library import CLASSES, ENABLED_EVENTS, object_faults, paddle_faults, stripe_faults
from tools.orders import place_orders_of
from tools.signing import LOCAL_SECRETS
from tools.simulators import paddle, stripe
from tools.simulators.common.account import NotPossible
from tools.simulators.paddle.account import PaddleAccount
from tools.simulators.stripe.account import StripeAccount
from tools.stories import Notification
from tools.testing.fakes import FakeStore
from tools.testing.waiting import wait_until

Json = dict[str, Any]

ROOT = Path(__file__).parent.parent.parent
ADA = AccountId("acct_ada")
OURS = {"account_id": ADA, "order_id": "ord_1"}
PAGES = {"success_url": "https://app.example.com/thanks", "cancel_url": "https://app.example.com/credits"}
PACK, PLAN = "pri_01jpack100000000000000000a", "pri_01jcreatormonthly0000000a"


class Webhooks(ThreadingHTTPServer):
    """Our webhooks, small: each delivery is verified, translated and booked in a ledger in memory."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Webhook)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.store = FakeStore()
        self.heard: list[tuple[str, str, Json]] = []  # the function, the type, the notification
        self.problems: list[str] = []
        self.failing = 0  # so many deliveries are still to be answered with 503

    def take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        """Book one delivery. Raises whatever is wrong with it."""
        _, _, name, function = path.split("/")
        provider = PROVIDERS[name]
        provider.verify(body, headers, [LOCAL_SECRETS[name]], time.time())
        content = provider.parse(body)
        event = provider.translate(content, catalogue.load(), is_live=False)
        assert event is not None
        assert event.parked is None, event.detail
        assert function.replace("-", "_") in provider.FUNCTIONS[event.event_type]
        place_orders_of([Notification(name, function, body, event.event_id, event.event_type)], self.store)
        digest = hashlib.sha256(body).hexdigest()
        booked = record_event(event, self.store, body=body, body_sha256=digest, now=event.at)
        assert booked.outcome is not RecordOutcome.PARKED, booked.detail
        self.heard.append((function, event.event_type, dict(content)))

    @property
    def ada(self) -> Account:
        """Ada's account."""
        return self.store.accounts[ADA]

    @property
    def balance(self) -> int:
        """Ada's credits."""
        return sum(entry.credits for entry in self.store.entries(ADA))

    def types(self) -> list[str]:
        """What was heard, in order."""
        return [event_type for _, event_type, _ in self.heard]


class _Webhook(BaseHTTPRequestHandler):
    """One delivery."""

    server: Webhooks

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = 200
        if self.server.failing > 0:
            self.server.failing -= 1
            status = 503
        else:
            try:
                self.server.take(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            except Exception as problem:  # noqa: BLE001 - whatever it is, the test shall show it
                self.server.problems.append(f"{self.path}: {problem!r}")
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Be silent."""


@pytest.fixture
def webhooks() -> Iterator[Webhooks]:
    """Our webhooks. At the end nothing of what they heard was wrong."""
    server = Webhooks()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(10)
    assert server.problems == []


@pytest.fixture
def stripe_account(webhooks: Webhooks) -> Iterator[StripeAccount]:
    """A Stripe that delivers to our webhooks."""
    with stripe.running(webhooks.url) as account:
        yield account


@pytest.fixture
def paddle_account(webhooks: Webhooks) -> Iterator[PaddleAccount]:
    """A Paddle that delivers to our webhooks."""
    with paddle.running(webhooks.url) as account:
        yield account


def stripe_client(account: StripeAccount, *, timeout_s: float = 60, retries: int = 0) -> stripe_sdk.StripeClient:
    """Stripe's own client."""
    return stripe_sdk.StripeClient(
        stripe.LOCAL_KEY,
        base_addresses={"api": account.url},
        max_network_retries=retries,
        http_client=stripe_sdk.RequestsClient(timeout=timeout_s),
    )


def paddle_client(
    account: PaddleAccount, *, timeout_s: float = 60, key: str = paddle.LOCAL_KEY
) -> paddle_billing.Client:
    """Paddle's own client."""
    options = paddle_billing.Options(environment=SimpleNamespace(base_url=account.url))
    return paddle_billing.Client(key, options=options, timeout=timeout_s)


def buys_pack(client: stripe_sdk.StripeClient, key: str = "checkout:ord_1", **fields: Any) -> Any:
    """A checkout of 1,000 credits for Ada."""
    params: Any = {
        "mode": "payment",
        "line_items": [{"price": "price_pack1000", "quantity": 1}],
        "metadata": {**OURS, "product_id": "pack_1000"},
        "payment_intent_data": {"metadata": OURS},
        "customer_creation": "always",
        "client_reference_id": ADA,
        **PAGES,
        **fields,
    }
    return client.v1.checkout.sessions.create(params, {"idempotency_key": key})


def subscribes(client: stripe_sdk.StripeClient, **fields: Any) -> Any:
    """A checkout of the monthly plan for Ada."""
    ours = {**OURS, "order_id": "ord_2", "product_id": "creator_monthly"}
    params: Any = {
        "mode": "subscription",
        "line_items": [{"price": "price_creator_monthly", "quantity": 1}],
        "metadata": ours,
        "subscription_data": {"metadata": ours},
        **PAGES,
        **fields,
    }
    return client.v1.checkout.sessions.create(params)


def refunds(client: stripe_sdk.StripeClient, intent: str, key: str = "refund:1", **fields: Any) -> Any:
    """Ask for a refund that bears a tag."""
    params: Any = {"payment_intent": intent, "metadata": {"refund_request_id": key}, **fields}
    return client.v1.refunds.create(params, {"idempotency_key": key})


def transaction(client: paddle_billing.Client, *prices: str, **fields: Any) -> Any:
    """A transaction for Ada, made by our server."""
    items: Any = [TransactionCreateItem(price_id, 1) for price_id in prices or [PACK]]
    return client.transactions.create(CreateTransaction(items=items, custom_data=CustomData(OURS), **fields))


def whole_refund(client: paddle_billing.Client, transaction_id: str, reason: str = "tag:1") -> Any:
    """Ask for all of a transaction."""
    return client.adjustments.create(CreateAdjustment.full(Action.Refund, reason, transaction_id))


def part_refund(client: paddle_billing.Client, transaction_id: str, item_id: str, amount: str) -> Any:
    """Ask for a part of one line."""
    item = CreateAdjustmentItem(item_id, AdjustmentType.Partial, amount)
    return client.adjustments.create(CreateAdjustment.partial(Action.Refund, [item], "tag:2", transaction_id))


def plain(metadata: Any) -> Json:
    """Metadata without the package's wrapping."""
    found: Json = metadata.to_dict()
    return found


def refused_by_stripe(code: str | None, ask: Callable[[], Any]) -> stripe_sdk.InvalidRequestError:
    """The refusal, with its code."""
    with pytest.raises(stripe_sdk.InvalidRequestError) as refusal:
        ask()
    assert refusal.value.code == code
    return refusal.value


def refused_by_paddle(code: str, ask: Callable[[], Any]) -> Any:
    """The refusal, with its code."""
    with pytest.raises(ApiError) as refusal:
        ask()
    assert refusal.value.error_code == code
    assert refusal.value.docs_url.endswith(f"/{code}")
    return refusal.value


def ask(url: str, path: str, *, method: str = "POST", **headers: str) -> tuple[int, Json]:
    """A call without a package: what curl would do."""
    address = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    body = headers.pop("body", "")
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    is_json = response.headers.get_content_type() == "application/json"
    return response.status, json.loads(content) if is_json else {"text": content.decode(), **response.headers}


# ── Stripe: stories ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_stripe_order_paid_refunded_and_settled(stripe_account: StripeAccount, webhooks: Webhooks) -> None:
    """Through Stripe's package and our webhooks: 1,000 credits come, half go with a refund."""
    client = stripe_client(stripe_account)
    session = buys_pack(client)
    assert (session.status, session.payment_status, session.amount_total) == ("open", "unpaid", 2000)
    stripe_account.pay(session.id)
    stripe_account.drain()
    assert webhooks.balance == 1000

    paid = client.v1.checkout.sessions.retrieve(session.id)
    assert (paid.status, paid.payment_status, plain(paid.metadata)) == (
        "complete",
        "paid",
        {**OURS, "product_id": "pack_1000"},
    )
    stripe_account.begin_refunds_as("pending")
    refund = refunds(client, str(paid.payment_intent), amount=1000)
    assert (refund.status, refund.pending_reason) == ("pending", "insufficient_funds")
    stripe_account.settle_refund(refund.id)
    stripe_account.drain()
    assert client.v1.refunds.retrieve(refund.id).status == "succeeded"
    assert webhooks.balance == 500
    charge = client.v1.charges.retrieve(refund.charge)
    assert (charge.amount_refunded, charge.refunded, plain(charge.metadata)) == (1000, False, OURS)
    assert webhooks.types() == ["checkout.session.completed", "refund.created", "charge.refunded", "refund.updated"]
    assert webhooks.heard[-1][2]["data"]["object"]["metadata"] == {"refund_request_id": "refund:1"}


def test_stripe_subscription_renewed_canceled_and_ended(stripe_account: StripeAccount, webhooks: Webhooks) -> None:
    """Every paid period grants, whatever fails in between; the end that was set and taken back is told both times."""
    client = stripe_client(stripe_account)
    subscription_id = stripe_account.pay(subscribes(client).id)["subscription"]
    stripe_account.renew(subscription_id)
    stripe_account.fail_renewal(subscription_id)
    assert client.v1.subscriptions.retrieve(subscription_id).status == "past_due"
    stripe_account.renew(subscription_id)
    stripe_account.drain()
    assert webhooks.balance == 3000

    client.v1.subscriptions.update(subscription_id, {"cancel_at_period_end": True})
    again = client.v1.subscriptions.update(subscription_id, {"cancel_at_period_end": True})
    assert (again.cancel_at_period_end, again.cancel_at) == (True, None)
    stripe_account.drain()
    assert webhooks.ada.subscriptions[f"stripe:{subscription_id}"].cancel_at is not None
    client.v1.subscriptions.update(subscription_id, {"cancel_at": ""})
    client.v1.subscriptions.update(subscription_id, {"cancel_at_period_end": False})
    stripe_account.drain()
    assert webhooks.ada.subscriptions[f"stripe:{subscription_id}"].cancel_at is None
    stripe_account.cancel_in_portal(subscription_id)
    stripe_account.end_period(subscription_id)
    stripe_account.drain()
    assert client.v1.subscriptions.retrieve(subscription_id).status == "canceled"
    assert webhooks.ada.subscriptions[f"stripe:{subscription_id}"].status == "ended"
    updates = webhooks.types().count("customer.subscription.updated")
    assert updates == 6, "renewal, past due, paid, set to end, not to end, set to end; asking twice told nothing"
    refused_by_stripe(None, lambda: client.v1.subscriptions.update(subscription_id, {"cancel_at_period_end": True}))
    refused_by_stripe("resource_missing", lambda: client.v1.subscriptions.cancel(subscription_id))


def test_stripes_end_is_cleared_by_the_field_that_set_it_alone(
    stripe_account: StripeAccount, webhooks: Webhooks
) -> None:
    """As at Stripe: the portal's `cancel_at` outlives the flag, and both in one request are refused."""
    client = stripe_client(stripe_account)
    subscription_id = stripe_account.pay(subscribes(client).id)["subscription"]
    stripe_account.cancel_in_portal(subscription_id)
    flagged = client.v1.subscriptions.update(subscription_id, {"cancel_at_period_end": False})
    assert (flagged.cancel_at_period_end, flagged.cancel_at) == (False, flagged["items"].data[0].current_period_end)
    both: Any = {"cancel_at": "", "cancel_at_period_end": False}
    refused_by_stripe(None, lambda: client.v1.subscriptions.update(subscription_id, both))
    assert client.v1.subscriptions.update(subscription_id, {"cancel_at": ""}).cancel_at is None
    stripe_account.drain()
    assert webhooks.ada.subscriptions[f"stripe:{subscription_id}"].renews_at


def test_a_paused_subscription_promises_no_renewal(stripe_account: StripeAccount, webhooks: Webhooks) -> None:
    """Paused in the portal, or its collection alone; resumed, it does."""
    subscription_id = stripe_account.pay(subscribes(stripe_client(stripe_account)).id)["subscription"]
    promised = []
    for happens in (
        stripe_account.pause_in_portal,
        stripe_account.resume_in_portal,
        stripe_account.pause_collection,
        partial(stripe_account.pause_collection, behavior=""),
    ):
        happens(subscription_id)
        stripe_account.advance(1)
        stripe_account.drain()
        promised.append(bool(webhooks.ada.subscriptions[f"stripe:{subscription_id}"].renews_at))
    assert promised == [False, True, False, True]


def test_stripe_plan_upgraded_within_its_period(stripe_account: StripeAccount, webhooks: Webhooks) -> None:
    """Half a period of the old plan is credited, and half of the new one grants; the next period is a whole one."""
    client = stripe_client(stripe_account)
    subscription_id = stripe_account.pay(subscribes(client).id)["subscription"]
    prorated = stripe_account.change_quantity(subscription_id, 3)
    assert [line["amount"] for line in prorated["lines"]["data"]] == [-750, 2250]
    assert (prorated["billing_reason"], prorated["amount_paid"]) == ("subscription_update", 1500)
    assert client.v1.subscriptions.retrieve(subscription_id)["items"].data[0].quantity == 3
    stripe_account.drain()
    assert webhooks.balance == 500 + 1500
    stripe_account.renew(subscription_id)
    stripe_account.drain()
    assert webhooks.balance == 5000
    with pytest.raises(NotPossible):
        stripe_account.change_quantity(subscription_id, 3)


def test_stripe_subscription_refunded_by_its_invoice(stripe_account: StripeAccount, webhooks: Webhooks) -> None:
    """An invoice names no PaymentIntent: the link leads to it, either way, and a refund takes that period's credits."""
    client = stripe_client(stripe_account)
    paid = stripe_account.pay(subscribes(client).id)
    stripe_account.renew(paid["subscription"])
    (link,) = client.v1.invoice_payments.list({"invoice": paid["invoice"]}).data
    intent = str(link.payment.payment_intent)
    by_intent = client.v1.invoice_payments.list({"payment": {"type": "payment_intent", "payment_intent": intent}})
    assert [found.invoice for found in by_intent.data] == [paid["invoice"]]
    refunds(client, intent)
    client.v1.subscriptions.cancel(paid["subscription"], {"prorate": False, "invoice_now": False})
    stripe_account.drain()
    assert webhooks.balance == 1000
    assert webhooks.types()[-1] == "customer.subscription.deleted"


def test_stripe_dispute_won_and_lost(stripe_account: StripeAccount, webhooks: Webhooks) -> None:
    """While a bank holds the money nothing can be refunded; a won dispute gives it back, a lost one never."""
    client = stripe_client(stripe_account)
    intent = stripe_account.pay(buys_pack(client).id)["payment_intent"]
    dispute = stripe_account.open_dispute(intent)
    stripe_account.drain()
    assert webhooks.ada.holds
    refusal = refused_by_stripe("charge_disputed", lambda: refunds(client, intent, "held"))
    assert (refusal.headers or {})["Stripe-Should-Retry"] == "false"
    stripe_account.respond_to_dispute(dispute["id"])
    stripe_account.close_dispute(dispute["id"], "won")
    stripe_account.drain()
    assert (webhooks.balance, dict(webhooks.ada.holds)) == (1000, {})
    found = client.v1.disputes.retrieve(dispute["id"])
    assert found.is_charge_refundable
    assert [moved.amount for moved in found.balance_transactions] == [-2000, 2000]
    stripe_account.withdraw_again(dispute["id"])
    stripe_account.drain()
    assert len(webhooks.ada.holds) == 1
    refused_by_stripe("charge_disputed", lambda: refunds(client, intent, "held again"))
    stripe_account.close_dispute(dispute["id"], "won")
    stripe_account.drain()
    assert (webhooks.balance, dict(webhooks.ada.holds)) == (1000, {})
    refused_by_stripe("charge_disputed", lambda: refunds(client, intent, "held")), "that key keeps its answer"
    refunds(client, intent, "later", amount=500)

    inquiry = stripe_account.open_dispute(intent, is_inquiry=True)
    refunds(client, intent, "despite an inquiry", amount=500)
    stripe_account.escalate_dispute(inquiry["id"])
    stripe_account.close_dispute(inquiry["id"], "lost")
    stripe_account.drain()
    assert webhooks.balance == 0
    refused_by_stripe("charge_disputed", lambda: refunds(client, intent, "too late"))


def test_stripe_refund_that_fails_days_later(stripe_account: StripeAccount, webhooks: Webhooks) -> None:
    """The credits come back, and the charge's running total too: the money can be refunded again."""
    client = stripe_client(stripe_account)
    intent = stripe_account.pay(buys_pack(client).id)["payment_intent"]
    refund = refunds(client, intent)
    stripe_account.drain()
    assert webhooks.balance == 0
    refused_by_stripe("charge_already_refunded", lambda: refunds(client, intent, "refund:2"))
    stripe_account.fail_refund(refund.id)
    stripe_account.drain()
    assert webhooks.balance == 1000
    assert client.v1.charges.retrieve(refund.charge).amount_refunded == 0
    assert refunds(client, intent, "refund:3").amount == 2000


def test_stripe_pending_refund_fails_when_the_bank_takes_the_money(
    stripe_account: StripeAccount, webhooks: Webhooks
) -> None:
    """Else it would leave twice."""
    client = stripe_client(stripe_account)
    intent = stripe_account.pay(buys_pack(client).id)["payment_intent"]
    stripe_account.begin_refunds_as("pending")
    refund = refunds(client, intent, amount=500)
    stripe_account.open_dispute(intent)
    failed = client.v1.refunds.retrieve(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "charge_for_pending_refund_disputed")
    stripe_account.drain()
    assert "refund.failed" in webhooks.types()


def test_stripe_order_paid_twice(stripe_account: StripeAccount, webhooks: Webhooks) -> None:
    """A second payment of one order is another PaymentIntent with the same metadata: it grants nothing."""
    client = stripe_client(stripe_account)
    first = stripe_account.pay(buys_pack(client).id)
    second = stripe_account.pay_again(first["id"])
    stripe_account.drain()
    assert first["payment_intent"] != second["payment_intent"]
    assert (first["metadata"], webhooks.balance) == (second["metadata"], 1000)
    assert refunds(client, second["payment_intent"], reason="duplicate").reason == "duplicate"


def test_stripe_transfers_arrive_or_bounce_and_pages_expire(stripe_account: StripeAccount, webhooks: Webhooks) -> None:
    """Nothing is granted before the money is there, and an old page can't be paid."""
    client = stripe_client(stripe_account)
    first, second, third, fourth = (buys_pack(client, f"checkout:{number}") for number in range(4))
    stripe_account.pay(first.id, is_delayed=True)
    stripe_account.pay(second.id, is_delayed=True)
    stripe_account.drain()
    assert webhooks.store.stored_entries == {}
    unpaid = client.v1.checkout.sessions.retrieve(second.id)
    refused_by_stripe(None, lambda: refunds(client, str(unpaid.payment_intent)))
    stripe_account.arrive(first.id)
    stripe_account.bounce(second.id)
    client.v1.checkout.sessions.expire(third.id)
    refused_by_stripe(None, lambda: client.v1.checkout.sessions.expire(third.id))
    stripe_account.advance(24 * 3600)
    assert client.v1.checkout.sessions.retrieve(fourth.id).status == "expired"
    stripe_account.drain()
    assert webhooks.balance == 1000
    assert sorted(webhooks.types()[2:]) == [
        "checkout.session.async_payment_failed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.expired",
        "checkout.session.expired",
    ]


def test_everything_that_stripe_tells_is_as_its_package_declares(
    stripe_account: StripeAccount, webhooks: Webhooks
) -> None:
    """All kinds of events, in another currency, with tax and with a pack beside the plan."""
    client = stripe_client(stripe_account)
    taxed: Json = {"currency": "eur", "automatic_tax": {"enabled": True}}
    pack = stripe_account.pay(buys_pack(client, **taxed)["id"])
    assert (pack["amount_subtotal"], pack["amount_total"], pack["currency"]) == (1800, 2160, "eur")
    lines = [{"price": "price_creator_monthly", "quantity": 1}, {"price": "price_pack500", "quantity": 2}]
    mixed = stripe_account.pay(subscribes(client, line_items=lines, **taxed)["id"])
    stripe_account.fail_renewal(mixed["subscription"])
    stripe_account.renew(mixed["subscription"])
    stripe_account.pause_in_portal(mixed["subscription"])
    stripe_account.resume_in_portal(mixed["subscription"])
    stripe_account.end_now(stripe_account.subscriptions[mixed["subscription"]])
    stripe_account.fail_refund(stripe_account.refund(pack["id"], 100)["id"])
    note = stripe_account.credit(mixed["invoice"], 100)
    stripe_account.note_on_credit(note["id"], "By bank transfer.")
    stripe_account.void_credit(note["id"])
    stripe_account.warn_of_fraud(pack["id"])
    for outcome in ("won", "lost"):
        dispute = stripe_account.open_dispute(pack["id"])
        stripe_account.close_dispute(dispute["id"], outcome)
    stripe_account.appeal_dispute(dispute["id"])
    stripe_account.close_dispute(dispute["id"], "won")
    inquiry = stripe_account.open_dispute(mixed["invoice"], is_inquiry=True)
    stripe_account.respond_to_dispute(inquiry["id"])
    stripe_account.close_dispute(inquiry["id"], "warning_closed")
    delayed = [buys_pack(client, key, **taxed)["id"] for key in ("arrives", "bounces", "expires")]
    for checkout in delayed[:2]:
        stripe_account.pay(checkout, is_delayed=True)
    stripe_account.arrive(delayed[0])
    stripe_account.bounce(delayed[1])
    stripe_account.advance(24 * 3600)
    stripe_account.drain()

    told = stripe_account.events()
    assert {event["type"] for event in told} == PROVIDERS["stripe"].FUNCTIONS.keys()
    for event in told:
        shown = event["data"]["object"]
        faults = [
            *stripe_faults(event, stripe_sdk.Event, "event"),
            *object_faults(shown, (CLASSES[shown["object"]],), "object"),
        ]
        assert faults == [], event["type"]
        assert event["type"] in ENABLED_EVENTS
        assert shown.get("currency", "eur") == "eur"
        is_change = event["type"].endswith(".updated") or event["type"] == "charge.refunded"
        assert bool(event["data"].get("previous_attributes")) == is_change, event["type"]
    assert len({event["id"] for event in told}) == len(told)
    assert len(webhooks.heard) == len(told)


# ── Stripe: the calls ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_stripe_never_gives_back_more_than_was_paid(stripe_account: StripeAccount) -> None:
    """However it is cut, and however many ask at once."""
    client = stripe_client(stripe_account)
    intent = stripe_account.pay(buys_pack(client).id)["payment_intent"]
    refusal = refused_by_stripe(None, lambda: refunds(client, intent, amount=2001))
    assert (refusal.param, refusal.http_status) == ("amount", 400)

    def ask_for_300(number: int) -> int:
        with contextlib.suppress(stripe_sdk.InvalidRequestError):
            return int(refunds(stripe_client(stripe_account), intent, f"refund:{number}", amount=300).amount)
        return 0

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask_for_300, range(10, 22))) == 1800
    rest = refunds(client, intent, "the rest")
    assert rest.amount == 200
    assert client.v1.charges.retrieve(rest.charge).refunded
    refused_by_stripe("charge_already_refunded", lambda: refunds(client, intent, "more", amount=1))


def test_a_stripe_key_answers_as_the_first_time(stripe_account: StripeAccount) -> None:
    """A refund is given once under one key: its answer is kept and marked, for 24 hours and for these parameters."""
    client = stripe_client(stripe_account)
    intent = stripe_account.pay(buys_pack(client).id)["payment_intent"]
    first = refunds(client, intent, amount=500)
    again = refunds(client, intent, amount=500)
    assert (again.id, again.last_response.headers["Idempotent-Replayed"]) == (first.id, "true")
    assert "Idempotent-Replayed" not in first.last_response.headers
    with pytest.raises(stripe_sdk.IdempotencyError, match="same parameters"):
        refunds(client, intent, amount=501)
    with pytest.raises(stripe_sdk.IdempotencyError, match="endpoint"):
        buys_pack(client, "refund:1")
    assert len(client.v1.refunds.list({"payment_intent": intent}).data) == 1
    stripe_account.advance(24 * 3600)
    assert refunds(client, intent, amount=500).id != first.id
    stripe_account.keys.forget()
    assert refunds(client, intent, amount=500).id != first.id


def test_a_stripe_key_keeps_refusals_but_not_wrong_parameters(stripe_account: StripeAccount) -> None:
    """What was executed and refused is refused again; what was never executed may be asked again rightly."""
    client = stripe_client(stripe_account)
    intent = stripe_account.pay(buys_pack(client).id)["payment_intent"]
    refused_by_stripe("parameter_invalid_integer", lambda: refunds(client, intent, amount=0))
    refused_by_stripe("parameter_unknown", lambda: refunds(client, intent, amonut=500))
    refused_by_stripe("resource_missing", lambda: refunds(client, "pi_nobody"))
    first = refunds(client, intent)
    refused_by_stripe("charge_already_refunded", lambda: refunds(client, intent, "refund:2"))
    stripe_account.fail_refund(first.id)
    refused_by_stripe("charge_already_refunded", lambda: refunds(client, intent, "refund:2"))
    assert refunds(client, intent, "refund:3").status == "succeeded"


def test_a_stripe_key_in_use_is_a_conflict(stripe_account: StripeAccount) -> None:
    """Two at once with one key: one refund; the other is told to wait, and the package does that by itself."""
    intent = stripe_account.pay(buys_pack(stripe_client(stripe_account)).id)["payment_intent"]
    stripe_account.fault("POST", "/v1/refunds", "slow", seconds=60)
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(refunds, stripe_client(stripe_account), intent)
        wait_until(lambda: stripe_account.keys.are_in_use)
        with pytest.raises(stripe_sdk.APIError) as conflict:
            refunds(stripe_client(stripe_account), intent)
        patient = pool.submit(refunds, stripe_client(stripe_account, retries=2), intent)
        time.sleep(0.3)  # time for its first try
        stripe_account.faults.close()
        assert patient.result().id == slow.result().id
    error: Any = conflict.value
    assert (error.http_status, error.error.code) == (409, "idempotency_key_in_use")
    assert len(stripe_account.refunds) == 1


def test_stripe_lists_are_filtered_and_paged(stripe_account: StripeAccount) -> None:
    """Refunds by payment and charge; pages of one are walked by the package; nobody's refunds are asked in vain."""
    client = stripe_client(stripe_account)
    one, other = (stripe_account.pay(buys_pack(client, f"checkout:{n}").id)["payment_intent"] for n in range(2))
    made = [refunds(client, one, f"refund:{n}", amount=100) for n in range(3)]
    refunds(client, other, "refund:9")
    newest_first = [refund.id for refund in reversed(made)]
    listed = client.v1.refunds.list({"payment_intent": one, "limit": 1})
    assert [refund.id for refund in listed.auto_paging_iter()] == newest_first
    by_charge = client.v1.refunds.list({"charge": made[0].charge})
    assert [refund.id for refund in by_charge.data] == newest_first
    assert [plain(refund.metadata) for refund in by_charge.data] == [
        {"refund_request_id": f"refund:{n}"} for n in (2, 1, 0)
    ]
    assert len(client.v1.refunds.list().data) == 4
    refused_by_stripe("resource_missing", lambda: client.v1.refunds.list({"payment_intent": "pi_nobody"}))
    backwards = client.v1.refunds.list({"payment_intent": one, "limit": 1, "ending_before": made[0].id})
    assert [refund.id for refund in backwards.auto_paging_iter()] == [made[1].id, made[2].id]


def test_stripe_lists_what_webhooks_missed(stripe_account: StripeAccount, webhooks: Webhooks) -> None:
    """Lost deliveries are found by `delivery_success`, and end in the ledger when they are sent again."""
    client = stripe_client(stripe_account)
    began = int(time.time())
    stripe_account.mute()
    intent = stripe_account.pay(buys_pack(client).id)["payment_intent"]
    stripe_account.work()
    refunds(client, intent, amount=1000)
    stripe_account.drain()
    missed = client.v1.events.list({"delivery_success": False, "created": {"gte": began}, "limit": 100})
    assert [event.type for event in missed.auto_paging_iter()] == ["checkout.session.completed"]
    both = client.v1.events.list({"types": ["refund.created", "charge.refunded"], "limit": 1})
    assert [event.type for event in both.auto_paging_iter()] == ["charge.refunded", "refund.created"]
    assert client.v1.events.list({"created": {"gt": began + 3600}}).data == []
    stripe_account.send_again(missed.data[0].id)
    stripe_account.drain()
    assert webhooks.balance == 500
    assert client.v1.events.list({"delivery_success": False}).data == []
    stripe_account.advance(31 * 86400)
    assert client.v1.events.list().data == []


def test_stripe_opens_the_portal_for_customers_that_it_knows(stripe_account: StripeAccount) -> None:
    """A short-lived address, another one each time."""
    client = stripe_client(stripe_account)
    customer = stripe_account.pay(subscribes(client).id)["customer"]
    params: Any = {"customer": customer, "return_url": "https://app.example.com"}
    first, second = (client.v1.billing_portal.sessions.create(params) for _ in range(2))
    assert first.url != second.url
    assert (first.customer, first.return_url) == (customer, "https://app.example.com")
    refused_by_stripe("resource_missing", lambda: client.v1.billing_portal.sessions.create({"customer": "cus_nobody"}))


def test_stripe_refuses_checkouts_that_it_would_refuse(stripe_account: StripeAccount) -> None:
    """A mistake in a request shows here, not in production."""
    client = stripe_client(stripe_account)
    plan = [{"price": "price_creator_monthly", "quantity": 1}]
    wrong: list[tuple[str | None, Json]] = [
        ("resource_missing", {"line_items": [{"price": "price_unknown", "quantity": 1}]}),
        (None, {"line_items": plan}),
        (None, {"line_items": [{"price": "price_pack500"}]}),
        (None, {"currency": "jpy"}),
        (None, {"subscription_data": {"metadata": OURS}}),
        ("parameter_missing", {"success_url": ""}),
        ("parameter_unknown", {"payment_method_types": ["card"]}),
        ("parameter_unknown", {"payment_intent_data": {"metdata": OURS}}),
        ("resource_missing", {"customer": "cus_nobody", "customer_creation": None}),
        (None, {"client_reference_id": "x" * 201}),
        (None, {"metadata": {"note": "x" * 501}}),
    ]
    for number, (code, fields) in enumerate(wrong):
        refused_by_stripe(code, lambda n=number, f=fields: buys_pack(client, f"checkout:{n}", **f))  # type: ignore[misc]
    assert stripe_account.sessions == {}
    session = buys_pack(client, expand=["line_items"], consent_collection={"terms_of_service": "required"})
    assert [(line.price.id, line.amount_total) for line in session.line_items.data] == [("price_pack1000", 2000)]
    assert session.consent_collection.terms_of_service == "required"


@pytest.mark.parametrize("key", ["", "sk_test_another"])
def test_stripe_lets_nobody_in_without_its_key(stripe_account: StripeAccount, key: str) -> None:
    """A missing or unknown key is refused with 401, and the refusal does not repeat it."""
    status, content = ask(stripe_account.url, "/v1/refunds", method="GET", Authorization=f"Bearer {key}".strip())
    assert status == 401
    assert not key or key not in content["error"]["message"]
    basic = base64.b64encode(f"{stripe.LOCAL_KEY}:".encode()).decode()
    assert ask(stripe_account.url, "/v1/refunds", method="GET", Authorization=f"Basic {basic}")[0] == 200
    with pytest.raises(stripe_sdk.AuthenticationError):
        stripe_sdk.StripeClient("sk_test_wrong", base_addresses={"api": stripe_account.url}).v1.refunds.list()


# ── Stripe: faults ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_of_stripes_that_is_lost_was_a_refund(stripe_account: StripeAccount) -> None:
    """After a time-out the refund may be there: it is found by its metadata, and its key does not make another."""
    patient = stripe_client(stripe_account)
    intent = stripe_account.pay(buys_pack(patient).id)["payment_intent"]
    for seconds, patience_s in (
        (0, 60),
        (10, 1),
    ):  # the connection ends at once; or it stays silent longer than we wait
        stripe_account.fault("POST", "/v1/refunds", "lost_after", seconds=seconds)
        with pytest.raises(stripe_sdk.APIConnectionError):
            refunds(stripe_client(stripe_account, timeout_s=patience_s), intent, f"refund:{seconds}", amount=100)
        found = patient.v1.refunds.list({"payment_intent": intent}).data[0]
        assert plain(found.metadata) == {"refund_request_id": f"refund:{seconds}"}
        assert refunds(patient, intent, f"refund:{seconds}", amount=100).id == found.id
    assert len(stripe_account.refunds) == 2


def test_a_call_that_never_reached_stripe_did_nothing(stripe_account: StripeAccount) -> None:
    """The same time-out without the effect; the package's own retry then succeeds."""
    intent = stripe_account.pay(buys_pack(stripe_client(stripe_account)).id)["payment_intent"]
    stripe_account.fault("POST", "/v1/refunds", "lost_before", times=2)
    with pytest.raises(stripe_sdk.APIConnectionError):
        refunds(stripe_client(stripe_account), intent)
    assert stripe_account.refunds == {}
    assert refunds(stripe_client(stripe_account, retries=1), intent).status == "succeeded"
    assert len(stripe_account.refunds) == 1


def test_stripe_keeps_its_failures_under_a_key_but_not_its_rate_limit(stripe_account: StripeAccount) -> None:
    """A 500 after execution began is the answer for 24 hours; what was turned away at the door may come again."""
    client = stripe_client(stripe_account)
    intent = stripe_account.pay(buys_pack(client).id)["payment_intent"]
    stripe_account.fault("POST", "/v1/refunds", "429")
    with pytest.raises(stripe_sdk.RateLimitError):
        refunds(client, intent)
    stripe_account.fault("POST", "/v1/refunds", "503")
    with pytest.raises(stripe_sdk.APIError):
        refunds(client, intent)
    stripe_account.fault("POST", "/v1/*", "500")
    for _ in range(2):
        with pytest.raises(stripe_sdk.APIError) as failure:
            refunds(client, intent)
        assert failure.value.http_status == 500
    assert stripe_account.refunds == {}
    assert refunds(client, intent, "refund:2").status == "succeeded"
    stripe_account.fault("GET", "/v1/refunds", "500", times=9)
    stripe_account.work()
    assert len(client.v1.refunds.list().data) == 1


# ── Paddle: stories ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_paddle_order_paid_refunded_and_settled(paddle_account: PaddleAccount, webhooks: Webhooks) -> None:
    """A large refund waits for its approval and blocks every other; rejected it changes nothing, approved it takes."""
    client = paddle_client(paddle_account)
    made = transaction(client)
    assert (made.status, made.customer_id, made.checkout.url) == (
        "draft",
        None,
        f"{paddle_account.url}/_simulator/checkout?_ptxn={made.id}",
    )
    refused_by_paddle("adjustment_transaction_invalid_status_for_refund", lambda: whole_refund(client, made.id))
    paddle_account.pay(made.id)
    paddle_account.drain()
    assert webhooks.balance == 1000
    paddle_account.approve_at_once(0)
    pending = whole_refund(client, made.id)
    assert (pending.status, pending.reason, pending.totals.total) == ("pending_approval", "tag:1", "2200")
    refused_by_paddle("adjustment_pending_refund_request", lambda: whole_refund(client, made.id))
    paddle_account.reject(pending.id)
    paddle_account.drain()
    assert webhooks.balance == 1000
    (line,) = client.transactions.get(made.id).details.lineItems
    half = part_refund(client, made.id, line.id, "1100")
    assert [(item.totals.subtotal, item.totals.tax) for item in half.items] == [("1000", "100")]
    paddle_account.approve(half.id)
    paddle_account.drain()
    assert webhooks.balance == 500
    assert client.transactions.get(made.id).details.adjusted_totals.grand_total == "1100"
    paddle_account.reverse(half.id)
    paddle_account.drain()
    assert webhooks.balance == 1000
    assert client.transactions.get(made.id).details.adjusted_totals.grand_total == "2200"
    assert {function for function, kind, _ in webhooks.heard if kind.startswith("adjustment")} == {
        "dispute-opened",
        "refund-settled",
    }


def test_paddle_plan_upgraded_within_its_period(paddle_account: PaddleAccount, webhooks: Webhooks) -> None:
    """Half a period of two more seats grants its part; the next period is a whole one."""
    client = paddle_client(paddle_account)
    subscription_id = paddle_account.pay(transaction(client, PLAN).id)["subscription_id"]
    prorated = paddle_account.change_quantity(subscription_id, 3)
    assert client.transactions.get(prorated["id"]).origin == "subscription_update"
    assert client.subscriptions.get(subscription_id).items[0].quantity == 3
    paddle_account.drain()
    assert webhooks.balance == 1000 + 1000
    paddle_account.renew(subscription_id)
    paddle_account.drain()
    assert webhooks.balance == 5000
    with pytest.raises(NotPossible):
        paddle_account.change_quantity(subscription_id, 2)


def test_paddle_subscription_renewed_canceled_and_ended(paddle_account: PaddleAccount, webhooks: Webhooks) -> None:
    """Every paid period grants; a second wish to cancel is refused while the first waits, and null takes it back."""
    client = paddle_client(paddle_account)
    paid = paddle_account.pay(transaction(client, PLAN).id)
    subscription_id = paid["subscription_id"]
    paddle_account.renew(subscription_id)
    paddle_account.fail_renewal(subscription_id)
    assert client.subscriptions.get(subscription_id).status == "past_due"
    paddle_account.renew(subscription_id)
    paddle_account.drain()
    assert webhooks.balance == 3000

    later = CancelSubscription(SubscriptionEffectiveFrom.NextBillingPeriod)
    canceling = client.subscriptions.cancel(subscription_id, later)
    assert canceling.scheduled_change is not None
    assert canceling.current_billing_period is not None
    assert canceling.scheduled_change.effective_at == canceling.current_billing_period.ends_at
    refused_by_paddle(
        "subscription_locked_pending_changes", lambda: client.subscriptions.cancel(subscription_id, later)
    )
    paddle_account.drain()
    assert webhooks.ada.subscriptions[f"paddle:{subscription_id}"].cancel_at is not None
    undone = client.subscriptions.update(subscription_id, UpdateSubscription(scheduled_change=None))
    assert undone.scheduled_change is None
    paddle_account.drain()
    assert webhooks.ada.subscriptions[f"paddle:{subscription_id}"].cancel_at is None
    client.subscriptions.update(subscription_id, UpdateSubscription(scheduled_change=None))
    client.subscriptions.cancel(subscription_id, later)
    paddle_account.end_period(subscription_id)
    paddle_account.drain()
    ended = client.subscriptions.get(subscription_id)
    assert (ended.status, ended.current_billing_period) == ("canceled", None)
    assert webhooks.ada.subscriptions[f"paddle:{subscription_id}"].status == "ended"
    refused_by_paddle(
        "subscription_is_canceled_action_invalid", lambda: client.subscriptions.cancel(subscription_id, later)
    )
    refused_by_paddle(
        "subscription_update_when_canceled",
        lambda: client.subscriptions.update(subscription_id, UpdateSubscription(scheduled_change=None)),
    )
    assert webhooks.types().count("subscription.updated") == 5, "renewal, paid late, to end, not to end, to end"


def test_paddle_chargeback_won_and_lost(paddle_account: PaddleAccount, webhooks: Webhooks) -> None:
    """The money is gone at once and can't be refunded as well; a chargeback that Paddle wins gives all of it back."""
    client = paddle_client(paddle_account)
    paid = paddle_account.pay(transaction(client).id)
    chargeback = paddle_account.open_chargeback(paid["id"])
    paddle_account.drain()
    assert (webhooks.balance, bool(webhooks.ada.holds)) == (0, True)
    refused_by_paddle("adjustment_transaction_item_invalid", lambda: whole_refund(client, paid["id"]))
    paddle_account.win_chargeback(chargeback["id"])
    paddle_account.drain()
    assert webhooks.balance == 1000
    assert client.transactions.get(paid["id"]).details.adjusted_totals.grand_total == "2200"
    statuses = {str(one.action): str(one.status) for one in client.adjustments.list()}
    assert statuses == {"chargeback": "reversed", "chargeback_reverse": "approved"}

    paddle_account.approve_at_once(0)
    waiting = whole_refund(client, paid["id"])
    warning = paddle_account.open_chargeback(paid["id"], is_warning=True)
    assert warning["totals"]["total"] == "2200"
    rejected = client.adjustments.list(ListAdjustments(statuses=[AdjustmentStatus.Rejected]))
    assert [one.id for one in rejected] == [waiting.id]
    paddle_account.drain()
    assert webhooks.balance == 0


def test_paddle_order_paid_twice(paddle_account: PaddleAccount, webhooks: Webhooks) -> None:
    """A second transaction of one order grants nothing; before it the first card was declined."""
    client = paddle_client(paddle_account)
    made = transaction(client)
    paddle_account.decline(made.id)
    first = paddle_account.pay(made.id)
    second = paddle_account.pay_again(first["id"])
    paddle_account.drain()
    assert [attempt["status"] for attempt in first["payments"]] == ["captured", "error"]
    assert (first["custom_data"], webhooks.balance) == (second["custom_data"], 1000)
    assert whole_refund(client, second["id"]).status == "approved"


def test_everything_that_paddle_tells_is_as_its_package_declares(
    paddle_account: PaddleAccount, webhooks: Webhooks
) -> None:
    """All kinds of events, in another currency and with a pack beside the plan."""
    client = paddle_client(paddle_account)
    paid = paddle_account.pay(transaction(client, PLAN, PACK, currency_code=CurrencyCode.EUR).id)
    assert paid["details"]["totals"]["grand_total"] == str((1400 + 1800) * 11 // 10)
    subscription_id = paid["subscription_id"]
    paddle_account.decline(transaction(client, currency_code=CurrencyCode.EUR).id)
    paddle_account.fail_renewal(subscription_id)
    renewed = paddle_account.renew(subscription_id)
    paddle_account.approve_at_once(0)
    paddle_account.approve(part_refund(client, paid["id"], paid["details"]["line_items"][1]["id"], "333").id)
    paddle_account.refund(renewed["id"])
    for is_warning in (True, False):
        paddle_account.win_chargeback(paddle_account.open_chargeback(paid["id"], is_warning=is_warning)["id"])
    paddle_account.end_now(paddle_account.subscriptions[subscription_id])
    paddle_account.drain()

    told = paddle_account.events()
    unplayed = {"imported", "paused", "resumed", "trialing"}
    assert {event["event_type"] for event in told} == PROVIDERS["paddle"].FUNCTIONS.keys() - {
        f"subscription.{state}" for state in unplayed
    }
    for event in told:
        entity = NotificationEvent.from_dict(event | {"notification_id": "ntf_01"})
        assert list(paddle_faults(event["data"], type(entity.data), "data")) == [], event["event_type"]
        assert event["data"].get("currency_code") == "EUR"
    ids = [content["notification_id"] for _, _, content in webhooks.heard]
    assert len(ids) == len(set(ids)), "each webhook of ours gets a notification of its own"
    assert {content["event_id"] for _, _, content in webhooks.heard} == {event["event_id"] for event in told}


# ── Paddle: the calls ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_paddle_never_gives_back_more_than_was_paid_for_a_line(paddle_account: PaddleAccount) -> None:
    """By item, with its tax to the last unit; what is left is all that `full` gives."""
    client = paddle_client(paddle_account)
    paid = paddle_account.pay(transaction(client, PLAN, PACK).id)
    plan, pack = (line["id"] for line in paid["details"]["line_items"])
    over = refused_by_paddle(
        "adjustment_transaction_item_invalid", lambda: part_refund(client, paid["id"], pack, "2201")
    )
    assert "over remaining allowed 2200" in over.field_errors[0].error
    zero = refused_by_paddle("adjustment_transaction_item_invalid", lambda: part_refund(client, paid["id"], pack, "0"))
    assert "zero amount" in zero.field_errors[0].error
    item = CreateAdjustmentItem(pack, AdjustmentType.Partial, None)
    nothing = CreateAdjustment.partial(Action.Refund, [item], "tag:3", paid["id"])
    refused_by_paddle("invalid_field", lambda: client.adjustments.create(nothing))
    for amount in ("733", "733", "734"):
        assert part_refund(client, paid["id"], pack, amount).status == "approved"
    spent = refused_by_paddle("adjustment_transaction_item_invalid", lambda: part_refund(client, paid["id"], pack, "1"))
    assert "already been fully adjusted" in spent.field_errors[0].error
    rest = whole_refund(client, paid["id"])
    assert [(item.item_id, item.totals.total, item.totals.tax) for item in rest.items] == [(plan, "1650", "150")]
    assert sum(int(one.totals.tax) for one in client.adjustments.list()) == 350
    refused_by_paddle("adjustment_transaction_item_invalid", lambda: whole_refund(client, paid["id"]))
    assert client.transactions.get(paid["id"]).details.adjusted_totals.grand_total == "0"


def test_what_is_asked_of_paddle_twice_is_done_twice(paddle_account: PaddleAccount) -> None:
    """No POST is idempotent: after a lost answer only the list tells, by the tag in the reason."""
    client = paddle_client(paddle_account)
    paid = paddle_account.pay(transaction(client).id)
    (line,) = paid["details"]["line_items"]
    for seconds, patience_s in (
        (0, 60),
        (10, 1),
    ):  # the connection ends at once; or it stays silent longer than we wait
        paddle_account.fault("POST", "/adjustments", "lost_after", seconds=seconds)
        with pytest.raises(requests.RequestException):
            part_refund(paddle_client(paddle_account, timeout_s=patience_s), paid["id"], line["id"], "300")
    found = list(client.adjustments.list(ListAdjustments(transaction_ids=[paid["id"]])))
    assert [(one.reason, one.totals.total) for one in found] == [("tag:2", "300"), ("tag:2", "300")]
    paddle_account.fault("POST", "/adjustments", "lost_before")
    with pytest.raises(requests.RequestException):
        part_refund(client, paid["id"], line["id"], "300")
    assert len(paddle_account.adjustments) == 2


def test_paddle_fails_on_demand(paddle_account: PaddleAccount) -> None:
    """Rate limits say when to come back; failures did nothing."""
    client = paddle_client(paddle_account)
    paid = paddle_account.pay(transaction(client).id)
    paddle_account.fault("POST", "/adjustments", "429")
    assert refused_by_paddle("too_many_requests", lambda: whole_refund(client, paid["id"])).retry_after == 1
    paddle_account.fault("POST", "/adjustments", "500")
    refused_by_paddle("internal_error", lambda: whole_refund(client, paid["id"]))
    paddle_account.fault("POST", "/adjustments", "503")
    refused_by_paddle("service_unavailable", lambda: whole_refund(client, paid["id"]))
    assert paddle_account.adjustments == {}
    paddle_account.fault("POST", "/adjustments", "slow", seconds=0.1)
    assert whole_refund(client, paid["id"]).status == "approved"


def test_paddle_lists_are_filtered_and_paged(paddle_account: PaddleAccount, webhooks: Webhooks) -> None:
    """The package walks the pages by the addresses that they give."""
    client = paddle_client(paddle_account)
    one, other = (paddle_account.pay(transaction(client).id) for _ in range(2))
    (line,) = one["details"]["line_items"]
    made = [part_refund(client, one["id"], line["id"], "100").id for _ in range(5)]
    whole_refund(client, other["id"])
    listed = client.adjustments.list(ListAdjustments(Pager(per_page=2), transaction_ids=[one["id"]]))
    assert [adjustment.id for adjustment in listed] == made
    refunds_of_ada = ListAdjustments(customer_ids=[one["customer_id"]], action=Action.Refund)
    assert len(list(client.adjustments.list(refunds_of_ada))) == 5
    transactions = list(client.transactions.list(ListTransactions(Pager(per_page=1), ids=[one["id"], other["id"]])))
    assert [found.id for found in transactions] == [one["id"], other["id"]]
    completed = ListEvents(Pager(per_page=1), event_types=[EventTypeName.TransactionCompleted])
    assert [event.data.id for event in client.events.list(completed)] == [one["id"], other["id"]]
    assert list(client.events.list(ListEvents(start=DateTime("2100-01-01T00:00:00")))) == []
    assert len(list(client.events.list(ListEvents(end=DateTime("2100-01-01T00:00:00"))))) == 8
    paddle_account.drain()
    paddle_account.advance(91 * 86400)
    assert list(client.events.list()) == []
    with pytest.raises(ApiError):
        client.transactions.get("txn_nobody")
    assert webhooks.heard


def test_paddle_opens_the_portal_for_customers_that_it_knows(paddle_account: PaddleAccount) -> None:
    """With links for their own subscriptions alone."""
    client = paddle_client(paddle_account)
    mine, yours = (paddle_account.pay(transaction(client, PLAN).id) for _ in range(2))
    operation = CreateCustomerPortalSession([mine["subscription_id"]])
    session = client.customer_portal_sessions.create(mine["customer_id"], operation)
    assert session.urls.general.overview.startswith(paddle_account.url)
    assert [links.id for links in session.urls.subscriptions] == [mine["subscription_id"]]
    refused_by_paddle("invalid_field", lambda: client.customer_portal_sessions.create(yours["customer_id"], operation))
    refused_by_paddle("not_found", lambda: client.customer_portal_sessions.create("ctm_nobody", operation))


def test_paddle_refuses_transactions_that_it_would_refuse(paddle_account: PaddleAccount) -> None:
    """A mistake in a request shows here, not in production; a known customer's transaction is ready at once."""
    client = paddle_client(paddle_account)
    refused_by_paddle("transaction_price_not_found", lambda: transaction(client, "pri_unknown"))
    refused_by_paddle("invalid_field", lambda: transaction(client, currency_code=CurrencyCode.JPY))
    refused_by_paddle("not_found", lambda: transaction(client, customer_id="ctm_nobody"))
    assert paddle_account.transactions == {}
    assert transaction(client, customer_id=paddle_account.add_customer()).status == "ready"


def test_paddle_lets_nobody_in_without_its_key(paddle_account: PaddleAccount) -> None:
    """Missing, malformed and unknown keys are refused with 403, each in its own words."""
    refused_by_paddle("invalid_token", lambda: paddle_client(paddle_account, key="pdl_sdbx_other").events.list())
    for given, code in (({}, "authentication_missing"), ({"Authorization": "me"}, "authentication_malformed")):
        status, content = ask(paddle_account.url, "/events", method="GET", **given)
        assert (status, content["error"]["code"]) == (403, code)


# ── Deliveries, and people at the control surface ─────────────────────────────────────────────────────────────────────


def test_deliveries_are_tried_again_in_order(stripe_account: StripeAccount, webhooks: Webhooks) -> None:
    """An outage of ours of a moment loses nothing; one that lasts is told, and the event can be sent again."""
    client = stripe_client(stripe_account)
    webhooks.failing = 2
    intent = stripe_account.pay(buys_pack(client).id)["payment_intent"]
    refunds(client, intent, amount=1000)
    assert stripe_account.drain() == []
    assert webhooks.types() == ["checkout.session.completed", "refund.created", "charge.refunded"]
    assert [delivery.attempts for delivery in stripe_account.outbox.deliveries] == [3, 1, 1]
    stripe_account.outbox.retry_delays_s = (0.01,)
    webhooks.failing = 2
    refunds(client, intent, "refund:2", amount=500)
    (lost,) = stripe_account.drain()
    stripe_account.send_again(lost)
    stripe_account.drain()
    assert webhooks.balance == 250


def test_without_webhooks_events_are_only_kept() -> None:
    """As a simulator for the API alone."""
    with stripe.running() as account:
        account.pay(buys_pack(stripe_client(account)).id)
        assert [event["type"] for event in account.events()] == ["checkout.session.completed"]
        assert account.outbox.deliveries == []


def test_time_is_what_the_test_says() -> None:
    """Months are calendar months: a subscription of 31 January keeps its day after February."""
    january = datetime(2027, 1, 31, 12, tzinfo=UTC)
    with stripe.running(clock=january.timestamp) as account:
        subscription_id = account.pay(subscribes(stripe_client(account)).id)["subscription"]
        ends = [account.renew(subscription_id)["lines"]["data"][0]["period"]["end"] for _ in range(2)]
        assert [f"{datetime.fromtimestamp(end, UTC):%m-%d}" for end in ends] == ["03-31", "04-30"]
        assert account.events()[0]["created"] == january.timestamp()


def test_a_person_plays_by_curl(stripe_account: StripeAccount, webhooks: Webhooks) -> None:
    """The list of acts, an act by form and by JSON, a fault, and what can't be done."""
    form = "application/x-www-form-urlencoded"
    session = buys_pack(stripe_client(stripe_account))

    def act(name: str, body: str, kind: str = form) -> tuple[int, Json]:
        return ask(stripe_account.url, f"/_simulator/{name}", body=body, Content_Type=kind)

    status, acts = ask(stripe_account.url, "/_simulator", method="GET")
    assert (status, set(acts)) == (200, set(stripe_account.actions))
    assert all(described["does"] for described in acts.values())
    status, paid = act("pay", f"checkout={session.id}")
    assert (status, paid["done"]["payment_status"]) == (200, "paid")
    assert act("pay", f"checkout={session.id}")[0] == 409
    assert act("pay", "checkuot=1")[0] == 400
    assert act("fly", "")[0] == 404
    asked = json.dumps({"payment": session.id, "is_inquiry": True})
    status, inquiry = act("open_dispute", asked, "application/json")
    assert (status, inquiry["done"]["status"]) == (200, "warning_needs_response")
    act("fault", "method=POST&path=/v1/refunds&kind=429&times=2&seconds=0")
    for _ in range(2):
        with pytest.raises(stripe_sdk.RateLimitError):
            refunds(stripe_client(stripe_account), paid["done"]["payment_intent"])
    assert refunds(stripe_client(stripe_account), paid["done"]["payment_intent"]).amount == 2000
    assert act("drain", "timeout_s=10") == (200, {"done": []})
    assert webhooks.types()[:2] == ["checkout.session.completed", "charge.dispute.created"]


def test_a_person_pays_in_the_browser(stripe_account: StripeAccount, paddle_account: PaddleAccount) -> None:
    """The checkout's address shows a page whose button pays and leads on, at Stripe to our own page."""
    session = buys_pack(stripe_client(stripe_account))
    made = transaction(paddle_client(paddle_account))
    order_id = paddle_account.transactions[made.id]["custom_data"]["order_id"]
    paddle_account.return_to = "https://shop.example.com/billing?checkout=done"
    returns_to = {
        stripe_account: PAGES["success_url"],
        paddle_account: f"https://shop.example.com/billing?checkout=done&order_id={order_id}",
    }
    for account, url, checkout in (
        (stripe_account, session.url, session.id),
        (paddle_account, made.checkout.url, made.id),
    ):
        address = urllib.parse.urlsplit(url)
        status, page = ask(account.url, f"{address.path}?{address.query}", method="GET")
        assert status == 200
        assert f"value='{checkout}'" in page["text"]
        assert re.search(r"<td>\d+\.\d\d (USD|EUR)</td>", page["text"])
        action = page["text"].split("action='")[1].split("'")[0]
        kind = "application/x-www-form-urlencoded"
        status, answer = ask(account.url, action, body=f"checkout={checkout}", Content_Type=kind)
        assert status == 303
        assert answer["Location"] == returns_to[account]
    assert stripe_account.sessions[session.id]["status"] == "complete"
    assert paddle_account.transactions[made.id]["status"] == "completed"
    assert ask(stripe_account.url, "/_simulator/checkout?id=cs_nobody", method="GET")[0] == 404


def test_the_command_has_help() -> None:
    """`--help` explains and ends well."""
    arguments = [sys.executable, "-m", "tools.simulators", "--help"]
    result = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=300)  # noqa: S603 - ours
    assert result.returncode == 0
    assert "--deliver-to" in result.stdout
