"""What we ask of the providers, through their SDKs over real HTTP: the exact requests, and what each answer means."""

import json
import logging
import subprocess
import sys
import traceback
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest

from ledger.config import Config
from ledger.domain import catalogue
from ledger.domain.catalogue import Product
from ledger.domain.errors import (
    BillingError,
    CatalogueError,
    ConfigurationError,
    ProviderRefused,
    ProviderUnavailable,
    StoreUnavailable,
)
from ledger.domain.facts import RefundChanged, RefundedItem, RefundState
from ledger.domain.ids import AccountId, OrderId, PaymentId
from ledger.domain.orders import Checkout, Order
from ledger.ports.gateway import Gateway, RefundToSend, SentRefund
from ledger.providers import tags
from ledger.providers.paddle import events as paddle
from ledger.providers.paddle.client import PaddleGateway
from ledger.providers.stripe import events as stripe
from ledger.providers.stripe.client import StripeGateway
from ledger.runtime import Runtime
from ledger.secrets import SECRETS_TTL_S, Secret
from tools.fixtures import paddle_shapes, stripe_shapes

Json = dict[str, Any]

CATALOGUE = catalogue.load()
STRIPE_KEY, PADDLE_KEY = "sk_test_gateways", "pdl_sdbx_apikey_gateways"
TAG = "case_ada_1-1"
TIMEOUT_S = (60.0, 60.0)
IMPATIENT_S = (60.0, 0.5)  # of who is answered by silence
RETURN_URL = "https://app.example.com/billing"
THANKS, CREDITS = "https://app.example.com/thanks", "https://app.example.com/credits"
OURS = {"account_id": "acct_ada", "order_id": "ord_1"}
END = datetime(2026, 12, 1, 12, tzinfo=UTC)

# ── A provider that answers as it is told ─────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    content: Any  # the form or the JSON of the body; None: it had none
    headers: Mapping[str, str]  # by their names in lower case


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to give. Content that is no JSON object goes out as it is; None: none at all."""

    content: Json | bytes | None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


SILENCE = Answer(None)  # accepted, and then nothing: the caller gives up first


class Recorder(ThreadingHTTPServer):
    """Answers in order, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[Answer] = []
        self.calls: list[Call] = []
        self.is_over = Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def will(self, *answers: Answer | Json) -> None:
        """What the next calls are answered."""
        self.answers += [answer if isinstance(answer, Answer) else Answer(answer) for answer in answers]

    @property
    def call(self) -> Call:
        """The only call that was made."""
        (call,) = self.calls
        return call


class _Handler(BaseHTTPRequestHandler):
    server: Recorder
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        is_form = self.headers.get("Content-Type") == "application/x-www-form-urlencoded"
        content = (
            (dict(urllib.parse.parse_qsl(body, keep_blank_values=True)) if is_form else json.loads(body))
            if body
            else None
        )
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(urllib.parse.parse_qsl(url.query))
        self.server.calls.append(Call(self.command, url.path, query, content, headers))
        answer = self.server.answers.pop(0)
        if answer.content is None:
            self.server.is_over.wait(60)
            self.close_connection = True
            return
        sent = answer.content if isinstance(answer.content, bytes) else json.dumps(answer.content).encode()
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(sent)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(sent)

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PATCH = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the server passes
        """Say nothing: what arrived is kept."""


@pytest.fixture
def provider() -> Iterator[Recorder]:
    """A server on a port of its own. What it was told to answer must have been asked for."""
    with Recorder() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
            assert server.answers == []
        finally:
            server.is_over.set()
            server.shutdown()


def patience_s(provider: Recorder) -> tuple[float, float]:
    """How long to wait for a connection and for an answer, in seconds."""
    return IMPATIENT_S if SILENCE in provider.answers else TIMEOUT_S


def stripe_at(provider: Recorder) -> StripeGateway:
    """Stripe's gateway. It has little patience where silence is among the answers."""
    return StripeGateway(STRIPE_KEY, is_live=False, base_url=provider.url, timeout_s=patience_s(provider))


def paddle_at(provider: Recorder) -> PaddleGateway:
    """Paddle's gateway, with the same patience."""
    return PaddleGateway(PADDLE_KEY, is_live=False, base_url=provider.url, timeout_s=patience_s(provider))


def order(provider: str, product_id: str = "pack_1000", currency: str = "EUR") -> tuple[Order, Product]:
    """An order of Ada's, and its product."""
    product = CATALOGUE.products[product_id]
    terms = Order(
        order_id=OrderId("ord_1"),
        account_id=AccountId("acct_ada"),
        provider=provider,
        product_id=product_id,
        price_minor=product.prices[currency],
        currency=currency,
        country="DE",
        is_business=False,
        policy_version="2026-11-01",
        made_at=datetime(2026, 11, 1, tzinfo=UTC),
    )
    return terms, product


def to_send(
    *names: str,
    amount_minor: int = 500,
    items: tuple[RefundedItem, ...] = (),
    is_whole: bool = False,
    is_duplicate_charge: bool = False,
    source: str | None = None,
    tag: str = TAG,
) -> RefundToSend:
    """An approved refund of the payment with these names."""
    return RefundToSend(
        tag=tag,
        source=source,
        names=frozenset(PaymentId(name) for name in names),
        amount_minor=amount_minor,
        currency="USD",
        items=items,
        is_whole=is_whole,
        is_duplicate_charge=is_duplicate_charge,
    )


# ── Stripe ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def stripe_list(*rows: Json, has_more: bool = False) -> Json:
    """A page of a list."""
    return {"object": "list", "data": list(rows), "has_more": has_more, "url": "/v1/refunds"}


def stripe_refund(refund_id: str = "re_1", tag: str | None = TAG, **fields: Any) -> Json:
    """A refund that bears a tag."""
    metadata = {} if tag is None else {"refund_tag": tag}
    return stripe_shapes.refund(refund_id, "ch_1", "pi_1", 500, 1793534400, **{"metadata": metadata} | fields)


def stripe_error(code: str | None = None, kind: str = "invalid_request_error", **fields: Any) -> Json:
    """An error's body, with a message that must not travel on."""
    message = f"No such thing for ada@example.com with {STRIPE_KEY}"
    return {"error": {"message": message, "type": kind, **({"code": code} if code else {}), **fields}}


def stripe_subscription(**fields: Any) -> Json:
    """A subscription whose period ends in December."""
    return stripe_shapes.subscription("sub_1", "cus_1", OURS, 1793534400, (1793534400, int(END.timestamp())), **fields)


def test_stripe_sells_a_pack(provider: Recorder) -> None:
    """A payment's refunds and disputes name the PaymentIntent alone, so our ids stand there too."""
    provider.will(stripe_shapes.session("Ada", id="cs_1", url="https://pay.example.com/cs_1", mode="payment"))
    made = stripe_at(provider).make_checkout(*order("stripe"), success_url=THANKS, cancel_url=CREDITS)
    assert made == Checkout(checkout_id="cs_1", url="https://pay.example.com/cs_1")
    assert (provider.call.method, provider.call.path) == ("POST", "/v1/checkout/sessions")
    assert provider.call.content == {
        "mode": "payment",
        "line_items[0][price]": "price_pack1000",
        "line_items[0][quantity]": "1",
        "currency": "eur",
        "customer_creation": "always",
        "success_url": THANKS,
        "cancel_url": CREDITS,
        **{f"metadata[{name}]": value for name, value in (OURS | {"product_id": "pack_1000"}).items()},
        **{
            f"payment_intent_data[metadata][{name}]": value
            for name, value in (OURS | {"product_id": "pack_1000"}).items()
        },
    }
    assert provider.call.headers["stripe-version"] == "2026-10-28.endive"
    assert provider.call.headers["authorization"] == f"Bearer {STRIPE_KEY}"


@pytest.mark.parametrize("takes", [True, False])
@pytest.mark.parametrize("product_id", ["pack_1000", "creator_monthly"])
def test_stripe_asks_for_a_discount_code_where_the_catalogue_allows_it(
    provider: Recorder, product_id: str, takes: bool
) -> None:
    """Otherwise its checkout has no field for one."""
    provider.will(stripe_shapes.session("Ada", id="cs_1", url="https://pay.example.com/cs_1"))
    placed, product = order("stripe", product_id)
    product = replace(product, takes_discount_codes=takes)
    stripe_at(provider).make_checkout(placed, product, success_url=THANKS, cancel_url=CREDITS)
    assert provider.call.content.get("allow_promotion_codes") == ("true" if takes else None)


def test_stripe_sells_a_subscription(provider: Recorder) -> None:
    """Renewals carry the subscription's metadata; a session for one may not ask for a customer to be made."""
    provider.will(stripe_shapes.session("Ada", id="cs_2", url="https://pay.example.com/cs_2", mode="subscription"))
    stripe_at(provider).make_checkout(
        *order("stripe", "creator_monthly", "USD"), success_url=THANKS, cancel_url=CREDITS
    )
    ours = OURS | {"product_id": "creator_monthly"}
    assert provider.call.content == {
        "mode": "subscription",
        "line_items[0][price]": "price_creator_monthly",
        "line_items[0][quantity]": "1",
        "currency": "usd",
        "success_url": THANKS,
        "cancel_url": CREDITS,
        **{f"metadata[{name}]": value for name, value in ours.items()},
        **{f"subscription_data[metadata][{name}]": value for name, value in ours.items()},
    }


@pytest.mark.parametrize(
    ("names", "target"),
    [
        (["stripe:in_1", "stripe:ch_1", "stripe:pi_1"], {"payment_intent": "pi_1"}),
        (["stripe:in_1", "stripe:ch_1"], {"charge": "ch_1"}),
        (["stripe:py_1"], {"charge": "py_1"}),
    ],
)
def test_stripe_refunds_what_it_knows_best(provider: Recorder, names: list[str], target: Json) -> None:
    """The PaymentIntent, else the charge. The tag is in the metadata, and is the idempotency key."""
    provider.will(stripe_refund(status="pending"))
    sent = stripe_at(provider).send_refund(to_send(*names))
    assert sent == SentRefund(refund_id="re_1", state=RefundState.PENDING, tag=TAG, amount_minor=500)
    assert (provider.call.method, provider.call.path) == ("POST", "/v1/refunds")
    assert provider.call.content == {
        **target,
        "amount": "500",
        "reason": "requested_by_customer",
        "metadata[refund_tag]": TAG,
    }
    assert provider.call.headers["idempotency-key"] == f"refund:{TAG}"


def test_stripe_refunds_what_paid_an_invoice(provider: Recorder) -> None:
    """An invoice names no payment: its payments are asked for. A duplicate charge is called one."""
    made = stripe_shapes.invoice_payment("inpay_1", "in_1", "pi_9", 1500, 1793534400)
    provider.will(stripe_list(made), stripe_refund())
    stripe_at(provider).send_refund(to_send("stripe:in_1", is_duplicate_charge=True))
    looked, sent = provider.calls
    assert (looked.method, looked.path) == ("GET", "/v1/invoice_payments")
    assert looked.query == {"invoice": "in_1", "status": "paid", "limit": "100"}
    assert (sent.content["payment_intent"], sent.content["reason"]) == ("pi_9", "duplicate")


def test_stripe_says_what_each_payment_of_an_invoice_has_left(provider: Recorder) -> None:
    """What it paid for this invoice, less its refunds that may move money; an intent that paid another invoice too has
    no more than all.
    """

    def link(number: int, invoice: str, intent: str, paid_minor: int) -> Json:
        return stripe_shapes.invoice_payment(f"inpay_{number}", invoice, intent, paid_minor, 1793534400)

    ours = [link(1, "in_1", "pi_b", 800), link(2, "in_1", "pi_a", 1000)]
    provider.will(
        stripe_list(*ours),
        stripe_list(ours[1], link(3, "in_2", "pi_a", 300)),
        stripe_list(
            stripe_refund("re_1", None) | {"amount": 600},
            stripe_refund("re_2", None, status="pending") | {"amount": 60},
            stripe_refund("re_3", None, status="requires_action") | {"amount": 40},
            stripe_refund("re_4", None, status="failed"),
            stripe_refund("re_5", None, status="canceled"),
        ),
        stripe_list(ours[0]),
        stripe_list(),
    )
    found = stripe_at(provider).sources(to_send("stripe:in_1", "stripe:pi_a"))
    assert [(one.source, one.left_minor) for one in found] == [("pi_a", 600), ("pi_b", 800)]
    assert provider.calls[1].query["payment[payment_intent]"] == "pi_a"


def test_stripe_has_no_more_left_than_was_paid_and_never_less_than_nothing(provider: Recorder) -> None:
    """An intent has more for another invoice than it paid for this one; of another more went back than was paid."""

    def link(number: int, invoice: str, intent: str, paid_minor: int) -> Json:
        return stripe_shapes.invoice_payment(f"inpay_{number}", invoice, intent, paid_minor, 1793534400)

    ours = [link(1, "in_1", "pi_a", 1000), link(2, "in_1", "pi_b", 500)]
    provider.will(
        stripe_list(*ours),
        stripe_list(ours[0], link(3, "in_2", "pi_a", 300)),
        stripe_list(),
        stripe_list(ours[1]),
        stripe_list(stripe_refund("re_1", None) | {"amount": 501}),
    )
    found = stripe_at(provider).sources(to_send("stripe:in_1"))
    assert [(one.source, one.left_minor) for one in found] == [("pi_a", 1000), ("pi_b", 0)]


def test_stripe_counts_what_can_be_refunded_there(provider: Recorder) -> None:
    """Charges without an intent do. What was paid elsewhere, and a payment without an amount, do not."""
    made = [stripe_shapes.invoice_payment(f"inpay_{n}", "in_1", f"pi_{n}", 700, 1793534400) for n in range(4)]
    made[1]["payment"] = {"type": "charge", "charge": "ch_1"}
    made[2]["payment"] = {"type": "payment_record", "payment_record": "prec_1"}
    made[3]["amount_paid"] = None
    each = [answer for paid in (made[1], made[0], made[3]) for answer in (stripe_list(paid), stripe_list())]
    provider.will(stripe_list(*made), *each)
    found = stripe_at(provider).sources(to_send("stripe:in_1"))
    assert {one.source: one.left_minor for one in found} == {"ch_1": 700, "pi_0": 700, "pi_3": 0}
    asked = [call.query for call in provider.calls if "payment[type]" in call.query]
    assert [(one["payment[type]"], one[f"payment[{one['payment[type]']}]"]) for one in asked] == [
        ("charge", "ch_1"),
        ("payment_intent", "pi_0"),
        ("payment_intent", "pi_3"),
    ]


def test_stripe_has_one_source_unless_several_payments_paid(provider: Recorder) -> None:
    """A pack is not looked up at all; an invoice with one payment is refunded as before. So is all at Paddle."""
    assert paddle_at(provider).sources(to_send(TXN)) == ()
    assert stripe_at(provider).sources(to_send("stripe:pi_1", "stripe:ch_1")) == ()
    assert provider.calls == []
    provider.will(stripe_list(stripe_shapes.invoice_payment("inpay_1", "in_1", "pi_1", 1500, 1793534400)))
    assert stripe_at(provider).sources(to_send("stripe:in_1", "stripe:pi_1")) == ()


def test_stripe_refunds_the_payment_that_is_named(provider: Recorder) -> None:
    """A part has the tag and the idempotency key of its own."""
    provider.will(stripe_refund(tag=f"{TAG}/2"))
    request = to_send("stripe:in_1", "stripe:pi_a", source="pi_b", tag=f"{TAG}/2")
    assert stripe_at(provider).send_refund(request).tag == f"{TAG}/2"
    assert provider.call.content["payment_intent"] == "pi_b"
    assert provider.call.headers["idempotency-key"] == f"refund:{TAG}/2"


def test_stripe_finds_all_parts_of_a_refund(provider: Recorder) -> None:
    """In each of the payments of the invoice; another approval of the case is none of them."""
    payments = [
        stripe_shapes.invoice_payment(f"inpay_{name}", "in_1", f"pi_{name}", 700, 1793534400) for name in ("a", "b")
    ]
    provider.will(
        stripe_list(stripe_refund("re_1", f"{TAG}/1"), stripe_refund("re_9", f"{TAG}0/1")),
        stripe_list(*payments),
        stripe_list(stripe_refund("re_2", f"{TAG}/2")),
    )
    found = stripe_at(provider).find_refunds(to_send("stripe:in_1", "stripe:pi_a"))
    assert [(one.refund_id, one.tag) for one in found] == [("re_1", f"{TAG}/1"), ("re_2", f"{TAG}/2")]


@pytest.mark.parametrize("names", [["stripe:cs_1"], ["paddle:txn_1"]])
def test_stripe_is_not_asked_to_refund_what_is_no_payment(provider: Recorder, names: list[str]) -> None:
    """A free order has no PaymentIntent. That is a clear no, before anything is sent."""
    with pytest.raises(ProviderRefused) as refused:
        stripe_at(provider).send_refund(to_send(*names))
    assert refused.value.code == "resource_missing"
    assert provider.calls == []


def test_stripe_finds_a_refund_by_its_tag_on_any_page(provider: Recorder) -> None:
    """Refunds by hand and of other approvals are passed by; the list is followed to its end."""
    provider.will(
        stripe_list(stripe_refund("re_3", None), stripe_refund("re_2", "case_ada_1-2"), has_more=True),
        stripe_list(stripe_refund("re_1", TAG, status="failed")),
    )
    found = stripe_at(provider).find_refunds(to_send("stripe:pi_1"))
    assert found == (SentRefund(refund_id="re_1", state=RefundState.FAILED, tag=TAG, amount_minor=500),)
    assert [call.query for call in provider.calls] == [
        {"payment_intent": "pi_1", "limit": "100"},
        {"payment_intent": "pi_1", "limit": "100", "starting_after": "re_2"},
    ]
    assert {call.path for call in provider.calls} == {"/v1/refunds"}


def test_stripe_looks_everywhere_before_it_says_that_there_is_none(provider: Recorder) -> None:
    """It may have been sent when only the invoice was known, and to another of its payments."""
    payments = [
        stripe_shapes.invoice_payment(f"inpay_{number}", "in_1", f"pi_{number}", 700, 1793534400) for number in (1, 2)
    ]
    provider.will(stripe_list(), stripe_list(), stripe_list(*payments), stripe_list())
    assert stripe_at(provider).find_refunds(to_send("stripe:in_1", "stripe:pi_1", "stripe:ch_1")) == ()
    asked = [(call.path, call.query.get("payment_intent") or call.query.get("charge")) for call in provider.calls]
    assert asked == [
        ("/v1/refunds", "pi_1"),
        ("/v1/refunds", "ch_1"),
        ("/v1/invoice_payments", None),
        ("/v1/refunds", "pi_2"),
    ]


@pytest.mark.parametrize("target", ["pi_1", "ch_1", "py_1"])
def test_stripe_looks_where_it_would_have_sent(provider: Recorder, target: str) -> None:
    """Under each kind of name that a payment has there."""
    provider.will(stripe_list(stripe_refund()))
    (found,) = stripe_at(provider).find_refunds(to_send(f"stripe:{target}"))
    assert found.refund_id == "re_1"
    kind = "payment_intent" if target == "pi_1" else "charge"
    assert provider.call.query == {kind: target, "limit": "100"}


def test_stripe_looks_at_all_pages_of_what_paid_an_invoice(provider: Recorder) -> None:
    """Of a long invoice the refund may be one of the last payment's."""
    payments = [
        stripe_shapes.invoice_payment(f"inpay_{number}", "in_1", f"pi_{number}", 700, 1793534400) for number in (1, 2)
    ]
    first = stripe_list(payments[0], has_more=True) | {"url": "/v1/invoice_payments"}
    provider.will(first, stripe_list(), stripe_list(payments[1]), stripe_list(stripe_refund()))
    (found,) = stripe_at(provider).find_refunds(to_send("stripe:in_1"))
    assert found.refund_id == "re_1"
    listed = [call.query for call in provider.calls if call.path == "/v1/invoice_payments"]
    assert [query.get("starting_after") for query in listed] == [None, "inpay_1"]


def test_a_refund_in_a_new_state_is_under_way(provider: Recorder) -> None:
    """It was made: an error here would lose its id. How it ends its notifications say."""
    provider.will(stripe_refund(status="in_review"))
    assert stripe_at(provider).send_refund(to_send("stripe:pi_1")).state is RefundState.PENDING


UNTIL_END = int(END.timestamp())
FLAGGED, SCHEDULED = {"cancel_at_period_end": True}, {"cancel_at": UNTIL_END}
LATER = {"cancel_at": UNTIL_END + 86_400}
IS_ENDED = {"status": "canceled"}


def changes_at_stripe(provider: Recorder) -> list[Any]:
    """The content of each request that changes the subscription."""
    assert {call.path for call in provider.calls} == {"/v1/subscriptions/sub_1"}
    assert provider.calls[0].method == "GET"
    return [call.content for call in provider.calls if call.method == "POST"]


@pytest.mark.parametrize("returned", [FLAGGED, SCHEDULED, FLAGGED | SCHEDULED])
def test_stripe_stops_renewals_and_its_answer_is_told(provider: Recorder, returned: Json) -> None:
    """A flexible subscription tells its end itself; of a classic one it stands on the item."""
    provider.will(stripe_subscription(), stripe_subscription(**returned))
    state = stripe_at(provider).stop_renewals("stripe:sub_1")
    assert (state.cancel_at, state.period_end, state.status) == (END, END, "active")
    assert changes_at_stripe(provider) == [{"cancel_at_period_end": "true"}]


@pytest.mark.parametrize("now", [FLAGGED, SCHEDULED, IS_ENDED])
def test_what_ends_already_at_stripe_is_not_changed(provider: Recorder, now: Json) -> None:
    """Whoever set the end; and what has ended is told as ended, not refused."""
    provider.will(stripe_subscription(**now))
    state = stripe_at(provider).stop_renewals("stripe:sub_1")
    assert state.cancel_at == END or state.status == "ended"
    assert changes_at_stripe(provider) == []


@pytest.mark.parametrize("now", [FLAGGED, SCHEDULED, IS_ENDED])
def test_what_ends_at_stripe_after_the_first_look_is_told(provider: Recorder, now: Json) -> None:
    """Stripe refuses to change what has ended. What goes on is refused."""
    refused = Answer(stripe_error("resource_missing"), 404)
    provider.will(stripe_subscription(), refused, stripe_subscription(**now))
    state = stripe_at(provider).stop_renewals("stripe:sub_1")
    assert state.cancel_at == END or state.status == "ended"
    provider.will(stripe_subscription(), refused, stripe_subscription())
    with pytest.raises(ProviderRefused):
        stripe_at(provider).stop_renewals("stripe:sub_1")


@pytest.mark.parametrize("returned", [LATER, {}])
def test_an_end_that_stripe_did_not_set_is_not_told(provider: Recorder, returned: Json) -> None:
    """One after the period's end is told as it is, and none as none."""
    provider.will(stripe_subscription(**LATER), stripe_subscription(**returned))
    state = stripe_at(provider).stop_renewals("stripe:sub_1")
    assert state.cancel_at == (END + timedelta(days=1) if returned else None)


@pytest.mark.parametrize(
    ("states", "sent"),
    [
        ([SCHEDULED, {}], [{"cancel_at": ""}]),
        ([FLAGGED, {}], [{"cancel_at_period_end": "false"}]),
        ([FLAGGED | SCHEDULED, {}], [{"cancel_at_period_end": "false"}]),
        ([FLAGGED | SCHEDULED, SCHEDULED, {}], [{"cancel_at_period_end": "false"}, {"cancel_at": ""}]),
        ([{}], []),
    ],
)
def test_stripe_resumes_renewals_by_the_field_that_is_set(
    provider: Recorder, states: list[Json], sent: list[Json]
) -> None:
    """Each by itself: Stripe refuses both in one request, and the flag alone leaves a `cancel_at`."""
    provider.will(*(stripe_subscription(**state) for state in states))
    assert stripe_at(provider).resume_renewals("stripe:sub_1").cancel_at is None
    assert changes_at_stripe(provider) == sent


def test_an_end_that_stays_at_stripe_is_told(provider: Recorder) -> None:
    """What was requested is not what is."""
    provider.will(stripe_subscription(**SCHEDULED), stripe_subscription(**SCHEDULED))
    assert stripe_at(provider).resume_renewals("stripe:sub_1").cancel_at == END


def test_what_has_ended_at_stripe_is_not_resumed(provider: Recorder) -> None:
    """It is told as ended."""
    provider.will(stripe_subscription(**IS_ENDED, **SCHEDULED))
    assert stripe_at(provider).resume_renewals("stripe:sub_1").status == "ended"
    assert changes_at_stripe(provider) == []


def test_a_pause_at_stripe_is_told(provider: Recorder) -> None:
    """And a status that nobody knows yet is none."""
    pause = {"pause_collection": {"behavior": "void", "resumes_at": UNTIL_END}, "status": "who_knows"}
    provider.will(stripe_subscription(**pause))
    state = stripe_at(provider).resume_renewals("stripe:sub_1")
    assert (state.status, state.pauses_at, state.resumes_at) == (None, END, END)


def test_stripe_opens_the_portal_of_a_customer_of_the_accounts_api(provider: Recorder) -> None:
    """Such a customer has no `cus_`."""
    provider.will({"id": "bps_1", "object": "billing_portal.session", "url": "https://billing.example.com/p/1"})
    stripe_at(provider).open_portal("stripe:acct_1", [], return_url=RETURN_URL)
    assert provider.call.content == {"customer_account": "acct_1", "return_url": RETURN_URL}


def test_stripe_opens_the_portal(provider: Recorder) -> None:
    """For the customer as Stripe knows them."""
    provider.will({"id": "bps_1", "object": "billing_portal.session", "url": "https://billing.example.com/p/1"})
    opened = stripe_at(provider).open_portal("stripe:cus_1", ["stripe:sub_1"], return_url=RETURN_URL)
    assert opened == "https://billing.example.com/p/1"
    assert (provider.call.method, provider.call.path) == ("POST", "/v1/billing_portal/sessions")
    assert provider.call.content == {"customer": "cus_1", "return_url": RETURN_URL}


NO_RETRY = {"Stripe-Should-Retry": "false", "Request-Id": "req_1"}


@pytest.mark.parametrize(
    ("answer", "expected", "code"),
    [
        (Answer(stripe_error("charge_already_refunded"), 400, NO_RETRY), ProviderRefused, "charge_already_refunded"),
        (Answer(stripe_error("charge_disputed"), 400, NO_RETRY), ProviderRefused, "charge_disputed"),
        (Answer(stripe_error(), 400, NO_RETRY), ProviderRefused, "invalid_request_error"),
        (Answer(stripe_error("resource_missing"), 404, NO_RETRY), ProviderRefused, "resource_missing"),
        (
            Answer(stripe_error("insufficient_funds", "card_error"), 402, NO_RETRY),
            ProviderRefused,
            "insufficient_funds",
        ),
        (Answer(stripe_error(kind="idempotency_error"), 400, NO_RETRY), ProviderUnavailable, None),
        (Answer(stripe_error("idempotency_key_in_use"), 409, NO_RETRY), ProviderUnavailable, None),
        (Answer(stripe_error("lock_timeout"), 429, NO_RETRY), ProviderUnavailable, None),
        (Answer(stripe_error("lock_timeout"), 400, NO_RETRY), ProviderUnavailable, None),
        (Answer(stripe_error(kind="api_error"), 500, NO_RETRY), ProviderUnavailable, None),
        (Answer(stripe_error(), 401, NO_RETRY), ConfigurationError, None),
        (Answer(stripe_error(), 403, NO_RETRY), ConfigurationError, None),
        (Answer(b"<html>Bad gateway</html>", 502, NO_RETRY), ProviderUnavailable, None),
        (Answer(b"<html>Forbidden</html>", 403, NO_RETRY), ProviderUnavailable, None),
        (Answer(b"<html>Not found</html>", 404, NO_RETRY), ProviderUnavailable, None),
        (Answer({"error": {}}, 400, NO_RETRY), ProviderUnavailable, None),
        (Answer({"error": "too many things"}, 400, NO_RETRY), ProviderUnavailable, None),
        (Answer({"error": {"code": f"for {STRIPE_KEY}"}}, 400, NO_RETRY), ProviderUnavailable, None),
        (Answer(b"not JSON", 200), ProviderUnavailable, None),
        (Answer(b"[]", 200), ProviderUnavailable, None),
        (Answer({"object": "refund", "status": "succeeded"}, 200), ProviderUnavailable, None),
        (Answer({"id": None, "object": "refund", "status": "succeeded"}, 200), ProviderUnavailable, None),
    ],
)
def test_what_stripe_says_instead(
    provider: Recorder, answer: Answer, expected: type[BillingError], code: str | None
) -> None:
    """Only a 4xx that says why is a clear no; what can't be read may have been done."""
    provider.will(answer)
    check_error(lambda: stripe_at(provider).send_refund(to_send("stripe:pi_1")), expected, code)


def check_error(ask: Callable[[], object], expected: type[BillingError], code: str | None) -> None:
    """Exactly this error; nothing in it or in its traceback gives a key or an address away."""
    with pytest.raises(expected) as raised:
        ask()
    assert type(raised.value) is expected
    assert getattr(raised.value, "code", None) == code
    told = "".join(traceback.format_exception(raised.value))
    assert not any(word in told for word in (STRIPE_KEY, PADDLE_KEY, "@example.com"))
    if expected is ConfigurationError:
        assert "PROVIDER_KEYS_NAME" in str(raised.value)


def test_after_a_time_out_stripe_is_asked_once_more_under_the_same_key(provider: Recorder) -> None:
    """It may have accepted the first: under one key it answers the second with what it did for the first."""
    provider.will(SILENCE, stripe_refund())
    assert stripe_at(provider).send_refund(to_send("stripe:pi_1")).refund_id == "re_1"
    first, second = provider.calls
    assert first.content == second.content
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"] == f"refund:{TAG}"


def test_when_stripe_stays_silent_nothing_is_known(provider: Recorder) -> None:
    """Not a refusal: the refund may have been made."""
    provider.will(SILENCE, SILENCE)
    check_error(lambda: stripe_at(provider).send_refund(to_send("stripe:pi_1")), ProviderUnavailable, None)


# ── Paddle ────────────────────────────────────────────────────────────────────────────────────────────────────────────

TRANSACTION = paddle_shapes.transaction(
    "txn_01a0a0000000000000000000000", "2026-11-01T12:00:00.000000Z", [("pack_1000", 1)], customer="ctm_1", custom=OURS
)
LINE = TRANSACTION["details"]["line_items"][0]["id"]
TXN = f"paddle:{TRANSACTION['id']}"
HALF = (RefundedItem(line_id=LINE, amount_minor=500),)


def paddle_data(content: Json | list[Json], **meta: Any) -> Json:
    """An answer's envelope."""
    return {"data": content, "meta": {"request_id": "00000000-0000-0000-0000-000000000000", **meta}}


def paddle_page(*rows: Json, next_url: str = "") -> Json:
    """A page of a list."""
    page = {"per_page": 50, "next": next_url, "has_more": bool(next_url), "estimated_total": len(rows)}
    return paddle_data(list(rows), pagination=page)


def paddle_refund(adjustment_id: str = "adj_1", reason: str | None = None, status: str = "pending_approval") -> Json:
    """A refund whose reason bears our tag, unless it is given another."""
    made = paddle_shapes.adjustment(adjustment_id, TRANSACTION, "refund", status, "2026-11-02T12:00:00.000000Z")
    return made | {"reason": reason or f"Requested by the customer. [refund_tag:{TAG}]"}


def paddle_error(code: str | None, *, without: str = "", **fields: Any) -> Json:
    """An error's body, with a detail that must not travel on."""
    said = {
        "type": "request_error",
        "code": code,
        "detail": f"not for ada@example.com with {PADDLE_KEY}",
        "documentation_url": f"https://developer.example.com/errors/{code}",
        **fields,
    }
    said.pop(without, None)
    return {"error": said, "meta": {"request_id": "00000000-0000-0000-0000-000000000000"}}


def paddle_subscription(**fields: Any) -> Json:
    """A subscription whose period ends in December."""
    period = ("2026-11-01T12:00:00.000000Z", "2026-12-01T12:00:00.000000Z")
    return paddle_shapes.subscription("sub_1", period[0], period, customer="ctm_1", custom=OURS, **fields)


CANCELS = {"action": "cancel", "effective_at": "2026-12-01T12:00:00.000000Z", "resume_at": None}


def test_paddle_sells(provider: Recorder) -> None:
    """A transaction made by our server: only then is its custom_data ours. The order's currency is asked for."""
    ready = paddle_shapes.transaction(
        "txn_01b0b0000000000000000000000",
        "2026-11-01T12:00:00.000000Z",
        [("pack_1000", 1)],
        customer="ctm_1",
        custom=OURS,
        status="ready",
    )
    provider.will(Answer(paddle_data(ready), 201))
    made = paddle_at(provider).make_checkout(*order("paddle"), success_url=THANKS, cancel_url=CREDITS)
    assert made == Checkout(checkout_id="txn_01b0b0000000000000000000000", url="https://app.example.com/pay")
    assert (provider.call.method, provider.call.path) == ("POST", "/transactions")
    assert provider.call.content == {
        "items": [{"price_id": "pri_01jpack100000000000000000a", "quantity": 1}],
        "custom_data": OURS | {"product_id": "pack_1000"},
        "currency_code": "EUR",
        "collection_mode": "automatic",
    }
    assert provider.call.headers["authorization"] == f"Bearer {PADDLE_KEY}"
    assert provider.call.headers["paddle-version"] == "1"


@pytest.mark.parametrize("checkout", [{"url": None}, None])
def test_paddle_without_a_payment_link_can_not_sell(provider: Recorder, checkout: Json | None) -> None:
    """A setting of the account is missing; the message says which."""
    provider.will(paddle_data(TRANSACTION | {"checkout": checkout}))
    with pytest.raises(ConfigurationError, match="default payment link"):
        paddle_at(provider).make_checkout(*order("paddle"), success_url=THANKS, cancel_url=CREDITS)


@pytest.mark.parametrize("name", ["stripe", "paddle"])
def test_of_several_prices_the_first_is_sold(provider: Recorder, name: str) -> None:
    """The others are of earlier years: who renews pays them still."""
    terms, product = order(name)
    product = replace(product, price_ids={**product.price_ids, name: ("price_now", "price_then")})
    gateway: Gateway = stripe_at(provider) if name == "stripe" else paddle_at(provider)
    provider.will(Answer(b"", 500))
    with pytest.raises(ProviderUnavailable):
        gateway.make_checkout(terms, product, success_url=THANKS, cancel_url=CREDITS)
    assert "price_now" in str(provider.calls[0].content)


@pytest.mark.parametrize("provider_name", ["stripe", "paddle"])
def test_what_has_no_price_there_is_not_sold(provider: Recorder, provider_name: str) -> None:
    """The catalogue is wrong, and says so before anything is sent."""
    rows = {"version": "1", "products": [{
        "product_id": "pack_1", "name": "One", "kind": "pack", "credits": 1,
        "prices": {"USD": 100}, "price_ids": {"stripe": [], "paddle": []},
    }]}  # fmt: skip
    product = catalogue.parse(rows).products["pack_1"]
    gateway: Gateway = stripe_at(provider) if provider_name == "stripe" else paddle_at(provider)
    with pytest.raises(CatalogueError, match=f"pack_1: price_ids.{provider_name}"):
        gateway.make_checkout(order(provider_name)[0], product, success_url=THANKS, cancel_url=CREDITS)


def test_paddle_refunds_the_whole(provider: Recorder) -> None:
    """A full adjustment names no lines. The tag ends the reason, since there is no other place for it."""
    provider.will(Answer(paddle_data(paddle_refund(status="approved")), 201))
    sent = paddle_at(provider).send_refund(to_send(TXN, amount_minor=2200, is_whole=True, is_duplicate_charge=True))
    assert sent == SentRefund(refund_id="adj_1", state=RefundState.SUCCEEDED, tag=TAG, amount_minor=2200)
    assert (provider.call.method, provider.call.path) == ("POST", "/adjustments")
    assert provider.call.content == {
        "action": "refund",
        "type": "full",
        "transaction_id": TRANSACTION["id"],
        "reason": f"Duplicate charge. [refund_tag:{TAG}]",
    }


@pytest.mark.parametrize(
    ("refund", "kind", "words"),
    [
        ({"is_whole": True}, "full", "Requested by the customer."),
        (
            {"is_duplicate_charge": True, "items": (RefundedItem(line_id=LINE, amount_minor=500),)},
            "partial",
            "Duplicate charge.",
        ),
    ],
)
def test_a_refund_at_paddle_is_whole_whatever_its_reason_is(
    provider: Recorder, refund: dict[str, Any], kind: str, words: str
) -> None:
    """A part of a charge that was a duplicate stays a part: the rest is not sent with it."""
    provider.will(Answer(paddle_data(paddle_refund()), 201))
    paddle_at(provider).send_refund(to_send(TXN, **refund))
    assert (provider.call.content["type"], provider.call.content["reason"]) == (kind, f"{words} [refund_tag:{TAG}]")


def test_paddle_refunds_a_part(provider: Recorder) -> None:
    """By line, tax included, each line once and none with nothing, in minor units as text."""
    provider.will(Answer(paddle_data(paddle_refund()), 201))
    items = (
        RefundedItem(line_id=LINE, amount_minor=300),
        RefundedItem(line_id="txnitm_2", amount_minor=0),
        RefundedItem(line_id=LINE, amount_minor=200),
    )
    sent = paddle_at(provider).send_refund(to_send(TXN, items=items))
    assert sent == SentRefund(refund_id="adj_1", state=RefundState.PENDING, tag=TAG, amount_minor=500)
    assert provider.call.content == {
        "action": "refund",
        "type": "partial",
        "items": [{"item_id": LINE, "type": "partial", "amount": "500"}],
        "transaction_id": TRANSACTION["id"],
        "reason": f"Requested by the customer. [refund_tag:{TAG}]",
    }


@pytest.mark.parametrize(
    ("refund", "code"),
    [
        (to_send(TXN), "adjustment_transaction_item_invalid"),
        (to_send(TXN, amount_minor=501, items=HALF), "adjustment_transaction_item_invalid"),
        (to_send("stripe:pi_1", is_whole=True), "not_found"),
    ],
)
def test_paddle_is_not_asked_for_another_sum(provider: Recorder, refund: RefundToSend, code: str) -> None:
    """Lines that don't make up the amount would refund something that nobody approved."""
    with pytest.raises(ProviderRefused) as refused:
        paddle_at(provider).send_refund(refund)
    assert refused.value.code == code
    assert provider.calls == []


def test_paddle_finds_a_refund_by_its_tag_on_any_page(provider: Recorder) -> None:
    """Reasons that only mention the tag, or end with another, are passed by."""
    provider.will(
        paddle_page(
            paddle_refund("adj_1", f"[refund_tag:{TAG}] is what support wrote"),
            paddle_refund("adj_2", "Requested by the customer. [refund_tag:case_ada_1-11]"),
            next_url=f"{provider.url}/adjustments?after=adj_2",
        ),
        paddle_page(paddle_refund("adj_3", status="rejected")),
    )
    found = paddle_at(provider).find_refunds(to_send(TXN))
    assert found == (SentRefund(refund_id="adj_3", state=RefundState.CANCELED, tag=TAG, amount_minor=500),)
    first, second = provider.calls
    assert (first.method, first.path, second.path) == ("GET", "/adjustments", "/adjustments")
    assert first.query == {
        "transaction_id": TRANSACTION["id"],
        "action": "refund",
        "order_by": "id[asc]",
        "per_page": "50",
    }
    assert second.query == {"after": "adj_2"}


def test_paddle_has_no_refund_of_that_tag(provider: Recorder) -> None:
    """Then it may be sent."""
    provider.will(paddle_page(paddle_refund("adj_1", "out of goodwill")))
    assert paddle_at(provider).find_refunds(to_send(TXN)) == ()


def test_paddle_stops_renewals_and_its_answer_is_told(provider: Recorder) -> None:
    """At the next billing date."""
    provider.will(paddle_data(paddle_subscription(scheduled_change=CANCELS)))
    state = paddle_at(provider).stop_renewals("paddle:sub_1")
    assert (state.cancel_at, state.status) == (END, "active")
    assert (provider.call.method, provider.call.path) == ("POST", "/subscriptions/sub_1/cancel")
    assert provider.call.content == {"effective_from": "next_billing_period"}


PAUSES = {"action": "pause", "effective_at": "2026-12-01T12:00:00.000000Z", "resume_at": None}
LOCKED = Answer(paddle_error("subscription_locked_pending_changes"), 400)


@pytest.mark.parametrize(
    ("returned", "cancel_at", "pauses"), [({}, None, False), ({"scheduled_change": PAUSES}, None, True)]
)
def test_an_end_that_paddle_did_not_set_is_not_told(
    provider: Recorder, returned: Json, cancel_at: datetime | None, *, pauses: bool
) -> None:
    """The period's end is no end of the subscription."""
    provider.will(paddle_data(paddle_subscription(**returned)))
    state = paddle_at(provider).stop_renewals("paddle:sub_1")
    assert (state.cancel_at, bool(state.pauses_at)) == (cancel_at, pauses)


def test_paddle_resumes_renewals(provider: Recorder) -> None:
    """By taking the scheduled cancellation away."""
    provider.will(paddle_data(paddle_subscription(scheduled_change=CANCELS)), paddle_data(paddle_subscription()))
    assert paddle_at(provider).resume_renewals("paddle:sub_1").cancel_at is None
    looked, resumed = provider.calls
    assert (looked.method, looked.path) == ("GET", "/subscriptions/sub_1")
    assert (resumed.method, resumed.path) == ("PATCH", "/subscriptions/sub_1")
    assert resumed.content == {"scheduled_change": None}


@pytest.mark.parametrize("change", [None, PAUSES])
def test_what_does_not_end_at_paddle_is_not_changed(provider: Recorder, change: Json | None) -> None:
    """A scheduled pause stays: it is no cancellation."""
    provider.will(paddle_data(paddle_subscription(scheduled_change=change)))
    state = paddle_at(provider).resume_renewals("paddle:sub_1")
    assert (state.cancel_at, bool(state.pauses_at), len(provider.calls)) == (None, change is not None, 1)


@pytest.mark.parametrize("now", [{"scheduled_change": CANCELS}, {"status": "canceled"}])
def test_stopping_twice_is_no_error_at_paddle(provider: Recorder, now: Json) -> None:
    """Paddle refuses what is scheduled already, or has ended; what was wanted is so."""
    provider.will(LOCKED, paddle_data(paddle_subscription(**now)))
    state = paddle_at(provider).stop_renewals("paddle:sub_1")
    assert state.cancel_at == END or state.status == "ended"
    assert [(call.method, call.path) for call in provider.calls][1] == ("GET", "/subscriptions/sub_1")


def test_a_scheduled_pause_at_paddle_gives_way_to_the_cancellation(provider: Recorder) -> None:
    """Else nobody could cancel until it has begun."""
    provider.will(
        LOCKED,
        paddle_data(paddle_subscription(scheduled_change=PAUSES)),
        paddle_data(paddle_subscription()),
        paddle_data(paddle_subscription(scheduled_change=CANCELS)),
    )
    assert paddle_at(provider).stop_renewals("paddle:sub_1").cancel_at == END
    assert [call.method for call in provider.calls] == ["POST", "GET", "PATCH", "POST"]
    assert provider.calls[2].content == {"scheduled_change": None}


@pytest.mark.parametrize("now", [{"scheduled_change": CANCELS}, {"status": "canceled"}])
@pytest.mark.parametrize("is_changed", [False, True])
def test_what_ends_between_two_refusals_of_paddle_is_told(provider: Recorder, now: Json, is_changed: bool) -> None:
    """The pause could not be taken away, or the cancellation after it was refused."""
    pauses = paddle_data(paddle_subscription(scheduled_change=PAUSES))
    changed = [paddle_data(paddle_subscription())] if is_changed else []
    provider.will(LOCKED, pauses, *changed, LOCKED, paddle_data(paddle_subscription(**now)))
    state = paddle_at(provider).stop_renewals("paddle:sub_1")
    assert state.cancel_at == END or state.status == "ended"
    provider.will(LOCKED, pauses, *changed, LOCKED, pauses)
    with pytest.raises(ProviderRefused):
        paddle_at(provider).stop_renewals("paddle:sub_1")


def test_a_refused_stop_stays_refused_if_nothing_ends_it(provider: Recorder) -> None:
    """It goes on."""
    provider.will(LOCKED, paddle_data(paddle_subscription()))
    with pytest.raises(ProviderRefused) as refused:
        paddle_at(provider).stop_renewals("paddle:sub_1")
    assert refused.value.code == "subscription_locked_pending_changes"


def test_an_earlier_refusal_is_not_taken_for_the_answer(provider: Recorder) -> None:
    """The second answer can't be read; that the first was a clear no says nothing about it."""
    provider.will(LOCKED, paddle_data({"id": "sub_1"}))
    check_error(lambda: paddle_at(provider).stop_renewals("paddle:sub_1"), ProviderUnavailable, None)


@pytest.mark.parametrize("count", [0, 1, 30])
def test_paddle_opens_the_portal(provider: Recorder, count: int) -> None:
    """With the customer's subscriptions, as many as Paddle takes."""
    overview = "https://portal.example.com/?token=x"
    urls = {"general": {"overview": overview}, "subscriptions": []}
    session = {"id": "cpls_1", "customer_id": "ctm_1", "urls": urls, "created_at": "2026-11-01T12:00:00.000000Z"}
    provider.will(Answer(paddle_data(session), 201))
    names = [f"paddle:sub_{number}" for number in range(count)]
    assert paddle_at(provider).open_portal("paddle:ctm_1", names, return_url=RETURN_URL) == overview
    assert (provider.call.method, provider.call.path) == ("POST", "/customers/ctm_1/portal-sessions")
    sent = [f"sub_{number}" for number in range(min(count, 25))]
    assert provider.call.content == ({"subscription_ids": sent} if sent else {})


@pytest.mark.parametrize(
    ("answer", "expected", "code"),
    [
        (
            Answer(paddle_error("adjustment_pending_refund_request"), 400),
            ProviderRefused,
            "adjustment_pending_refund_request",
        ),
        (Answer(paddle_error("not_found"), 404), ProviderRefused, "not_found"),
        (Answer(paddle_error("not_found", without="documentation_url"), 404), ProviderRefused, "not_found"),
        (Answer(paddle_error("not_found", errors=["x"]), 404), ProviderRefused, "not_found"),
        (Answer(paddle_error("concurrent_modification"), 409), ProviderUnavailable, None),
        (Answer(paddle_error("too_many_requests"), 429, {"Retry-After": "1"}), ProviderUnavailable, None),
        (
            Answer(paddle_error("too_many_requests"), 429, {"Retry-After": "Tue, 01 Dec 2026 12:00:00 GMT"}),
            ProviderUnavailable,
            None,
        ),
        (Answer(paddle_error("internal_error"), 500), ProviderUnavailable, None),
        (Answer(paddle_error("invalid_token"), 403), ConfigurationError, None),
        (Answer(paddle_error("authentication_missing", without="detail"), 401), ConfigurationError, None),
        (Answer(b"<html>Forbidden</html>", 403), ProviderUnavailable, None),
        (Answer(b"<html>Bad gateway</html>", 502), ProviderUnavailable, None),
        (Answer({"error": "no"}, 400), ProviderUnavailable, None),
        (Answer(paddle_error(None), 400), ProviderUnavailable, None),
        (Answer(paddle_error(f"for_ada@example.com {PADDLE_KEY}"), 400), ProviderUnavailable, None),
        (Answer(b"5", 400), ProviderUnavailable, None),
        (Answer(b"not JSON", 200), ProviderUnavailable, None),
        (Answer(b"[]", 200), ProviderUnavailable, None),
        (Answer({"data": {"id": "adj_1"}}, 201), ProviderUnavailable, None),
        (Answer(paddle_data(paddle_refund() | {"id": None}), 201), ProviderUnavailable, None),
        (SILENCE, ProviderUnavailable, None),
    ],
)
def test_what_paddle_says_instead(
    provider: Recorder, answer: Answer, expected: type[BillingError], code: str | None
) -> None:
    """Also where the SDK stumbles over the answer. Nothing is sent a second time: Paddle would do it twice."""
    provider.will(answer)
    check_error(lambda: paddle_at(provider).send_refund(to_send(TXN, items=HALF)), expected, code)
    assert len(provider.calls) == 1


def test_a_page_that_can_not_be_read_is_no_empty_page(provider: Recorder) -> None:
    """Else what stands on it would be sent again."""
    page = paddle_page(paddle_refund("adj_1", "other"), next_url=f"{provider.url}/adjustments?after=adj_1")
    provider.will(page, Answer(b"", 502))
    check_error(lambda: paddle_at(provider).find_refunds(to_send(TXN)), ProviderUnavailable, None)


def test_a_subscription_of_paddle_without_a_period_is_read(provider: Recorder) -> None:
    """One that has ended has none."""
    provider.will(paddle_data(paddle_subscription(status="canceled", current_billing_period=None)))
    state = paddle_at(provider).stop_renewals("paddle:sub_1")
    assert (state.status, state.cancel_at) == ("ended", None)


class Raising:
    """An SDK that stumbles."""

    def __init__(self, error: type[Exception]) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        raise self._error(f"for {STRIPE_KEY}")


@pytest.mark.parametrize("error", [AttributeError, KeyError, TypeError, ValueError])
@pytest.mark.parametrize("make", [stripe_at, paddle_at])
def test_whatever_an_sdk_stumbles_over_is_unclear(
    provider: Recorder, monkeypatch: pytest.MonkeyPatch, make: Callable[[Recorder], Gateway], error: type[Exception]
) -> None:
    """The request may have been carried out. Only the kind of the error is told."""
    gateway = make(provider)
    monkeypatch.setattr(gateway, "_client", Raising(error))
    with pytest.raises(ProviderUnavailable) as raised:
        gateway.send_refund(to_send("stripe:pi_1", TXN, items=HALF))
    assert str(raised.value).endswith(f" returned no readable response ({error.__name__}).")
    check_error(lambda: gateway.send_refund(to_send("stripe:pi_1", TXN, items=HALF)), ProviderUnavailable, None)


def test_what_paddle_answered_200_and_can_not_be_read_is_called_so(provider: Recorder) -> None:
    """It is no response without a reason: there is none to look for."""
    provider.will(Answer(b"not JSON", 200))
    with pytest.raises(ProviderUnavailable, match=r"^Paddle returned no readable response \(TypeError\)\.$"):
        paddle_at(provider).send_refund(to_send(TXN, items=HALF))


@pytest.mark.parametrize("name", ["stripe", "paddle"])
def test_nobody_answers_at_all(name: str) -> None:
    """A refused connection is no refusal."""
    with Recorder() as closed:
        url = closed.url
    gateways: dict[str, Callable[[], Gateway]] = {
        "stripe": lambda: StripeGateway(STRIPE_KEY, is_live=False, base_url=url, timeout_s=TIMEOUT_S),
        "paddle": lambda: PaddleGateway(PADDLE_KEY, is_live=False, base_url=url, timeout_s=TIMEOUT_S),
    }
    check_error(lambda: gateways[name]().resume_renewals(f"{name}:sub_1"), ProviderUnavailable, None)


def test_the_sdks_log_nothing(provider: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    """Lambda prints whatever reaches the root logger. They would log bodies, messages, and links that sign in."""
    caplog.set_level(logging.DEBUG)
    provider.will(Answer(stripe_error("charge_disputed"), 400, NO_RETRY), Answer(paddle_error("not_found"), 404))
    for gateway, payment_id in ((stripe_at(provider), "stripe:pi_1"), (paddle_at(provider), TXN)):
        with pytest.raises(ProviderRefused):
            gateway.send_refund(to_send(payment_id, items=HALF))
    assert {record.name.partition(".")[0] for record in caplog.records} <= {"urllib3", "charset_normalizer"}
    assert "@example.com" not in caplog.text


# ── Tags, and what tells them back ────────────────────────────────────────────────────────────────────────────────────


def test_a_tag_is_read_back_from_its_reason() -> None:
    """Whatever words stand before it; a tag that could not be read back is not sent."""
    assert tags.tag_in(tags.to_reason(TAG, "Not [refund_tag:other] but this.")) == TAG
    assert [tags.tag_in(reason) for reason in (None, "", "refund", "[refund_tag:]", "[refund_tag:a b]")] == [None] * 5
    for tag in ("", "a b", "a]", "[a"):
        with pytest.raises(ValueError, match="could not be read back"):
            tags.to_reason(tag, "Because.")


@pytest.mark.parametrize(("tag", "told"), [(TAG, TAG), (None, None)])
def test_a_refunds_notification_tells_its_tag(tag: str | None, told: str | None) -> None:
    """So an approval ends even if the answer that had the refund's id was lost."""
    at = 1793534400
    content = stripe_shapes.envelope("evt_1", "refund.updated", at, stripe_refund("re_1", tag))
    notification = {
        "event_id": "evt_2",
        "event_type": "adjustment.updated",
        "occurred_at": "2026-11-02T12:00:00.000000Z",
        "notification_id": "ntf_2",
        "data": paddle_refund(reason=None if tag else "by hand"),
    }
    for event in (
        stripe.translate(content, CATALOGUE, is_live=False),
        paddle.translate(notification, CATALOGUE, is_live=False),
    ):
        assert event is not None
        (fact,) = event.facts
        assert isinstance(fact, RefundChanged)
        assert fact.tag == told


# ── Composition ───────────────────────────────────────────────────────────────────────────────────────────────────────

ENVIRONMENT = {
    "TABLE_NAME": "ledger",
    "PROVIDER_MODE": "test",
    "STRIPE_API_KEY": STRIPE_KEY,
    "PADDLE_API_KEY": PADDLE_KEY,
}


def services(**changes: str) -> Runtime:
    """A runtime from an environment."""
    return Runtime(Config.of(ENVIRONMENT | changes))


@pytest.mark.parametrize("name", ["stripe", "paddle"])
def test_the_runtime_builds_gateways_from_the_environment(provider: Recorder, name: str) -> None:
    """Key and address are configuration; one gateway lasts as long as its key."""
    runtime = services(**{f"{name.upper()}_API_BASE": provider.url})
    gateway = runtime.gateway(name)
    assert runtime.gateway(name) is gateway
    subscription = stripe_subscription() if name == "stripe" else paddle_data(paddle_subscription())
    provider.will(subscription)
    gateway.resume_renewals(f"{name}:sub_1")
    assert provider.call.headers["authorization"] == f"Bearer {ENVIRONMENT[f'{name.upper()}_API_KEY']}"


def test_a_rotated_key_is_used_after_five_minutes() -> None:
    """The secret is fetched again then; a new key makes a new gateway, the same key keeps the old one."""
    runtime, now, keys = services(), [0.0], {"stripe": STRIPE_KEY}
    runtime.keys = Secret(lambda: dict(keys), lambda: now[0])
    first = runtime.gateway("stripe")
    keys["stripe"] = "sk_test_rotated"
    assert runtime.gateway("stripe") is first
    now[0] = SECRETS_TTL_S + 1.0
    second = runtime.gateway("stripe")
    assert second is not first
    now[0] *= 2
    assert runtime.gateway("stripe") is second


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("stripe", {"STRIPE_API_KEY": ""}, "no API key for Stripe"),
        ("paddle", {"PADDLE_API_KEY": " "}, "no API key for Paddle"),
        ("stripe", {"STRIPE_API_KEY": "sk_live_x"}, "is of live mode, PROVIDER_MODE is test"),
        ("stripe", {"STRIPE_API_KEY": "rk_live_x"}, "is of live mode, PROVIDER_MODE is test"),
        ("stripe", {"PROVIDER_MODE": "live"}, "is of test mode, PROVIDER_MODE is live"),
        ("stripe", {"PROVIDER_MODE": "live", "STRIPE_API_KEY": "rk_test_x"}, "is of test mode, PROVIDER_MODE is live"),
        ("paddle", {"PADDLE_API_KEY": "pdl_live_apikey_x"}, "is of live mode, PROVIDER_MODE is test"),
        ("paddle", {"PROVIDER_MODE": "live"}, "is of test mode, PROVIDER_MODE is live"),
        ("adyen", {}, "'adyen' is not a registered provider"),
    ],
)
def test_a_key_that_does_not_fit_is_refused(name: str, changes: dict[str, str], said: str) -> None:
    """Live money must not move because of a test, nor a test pass for a payment. The key itself is not told."""
    with pytest.raises(ConfigurationError, match=said) as refused:
        services(**changes).gateway(name)
    given = (changes.get(variable, "").strip() for variable in ("STRIPE_API_KEY", "PADDLE_API_KEY"))
    assert not any(key and key in str(refused.value) for key in (STRIPE_KEY, PADDLE_KEY, *given))


@pytest.mark.parametrize(
    ("is_live", "key", "host"),
    [
        (True, "pdl_live_apikey_x", "https://api.paddle.com"),
        (False, "pdl_sdbx_apikey_x", "https://sandbox-api.paddle.com"),
    ],
)
def test_paddles_modes_are_hosts(is_live: bool, key: str, host: str) -> None:
    """A test ledger must not reach the live host, whatever its key."""
    gateway = PaddleGateway(key, is_live=is_live)
    assert gateway._client.options.environment.base_url == host  # noqa: SLF001 - to ask it would go there


def test_the_configuration_does_not_show_its_keys() -> None:
    """It may be printed when something goes wrong."""
    assert STRIPE_KEY not in repr(Config.of(ENVIRONMENT))


def with_secret(provider: Recorder, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """A runtime whose keys stand in Secrets Manager, for which the server stands in."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", provider.url)
    return services(PROVIDER_KEYS_NAME="stack/provider-keys")


def test_the_keys_come_from_secrets_manager_by_name(provider: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """One secret, by provider. What the environment holds beside it does not count."""
    provider.will({"Name": "stack/provider-keys", "SecretString": '{"stripe": "sk_test_kept", "paddle": ""}'})
    runtime = with_secret(provider, monkeypatch)
    assert isinstance(runtime.gateway("stripe"), StripeGateway)
    assert runtime.keys.of("stripe") == "sk_test_kept"
    with pytest.raises(ConfigurationError, match="no API key for Paddle"):
        runtime.gateway("paddle")
    assert provider.call.content == {"SecretId": "stack/provider-keys"}


@pytest.mark.parametrize("text", ["sk_test_kept", '["sk_test_kept"]', None])
def test_a_secret_of_another_shape_is_told_without_its_content(
    provider: Recorder, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    """The likeliest mistake is the bare key; it must not reach a log. A binary secret has no text."""
    provider.will({"Name": "stack/provider-keys"} | ({} if text is None else {"SecretString": text}))
    with pytest.raises(ConfigurationError, match="stack/provider-keys should be JSON") as refused:
        with_secret(provider, monkeypatch).gateway("stripe")
    assert "sk_test_kept" not in "".join(traceback.format_exception(refused.value))


def test_keys_that_can_not_be_read_now_are_no_missing_keys(provider: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again, don't configure anew."""
    throttled = Answer({"__type": "ThrottlingException"}, 400)
    provider.will(throttled, throttled)
    with pytest.raises(StoreUnavailable):
        with_secret(provider, monkeypatch).gateway("stripe")


WEBHOOKS = ["payment_succeeded", "subscription_renewed", "dispute_opened", "refund_settled", "release_parked"]


@pytest.mark.parametrize("name", WEBHOOKS)
def test_no_webhook_function_loads_an_sdk(name: str) -> None:
    """Paddle's alone takes half a second, and their layer is not there."""
    script = "import sys, importlib, ledger.runtime; importlib.import_module(sys.argv[1])\n"
    script += "print(sorted({'stripe', 'paddle_billing', 'requests', 'pydantic'} & set(sys.modules)))"
    probe = [sys.executable, "-c", script, f"functions.{name}.app"]
    environment = {"PYTHONPATH": ".:layers/ledger", **ENVIRONMENT, "AWS_DEFAULT_REGION": "eu-central-1"}
    result = subprocess.run(probe, env=environment, capture_output=True, text=True)  # noqa: S603 - our own script
    assert (result.stdout.strip(), result.stderr) == ("[]", "")
