"""Each function through its API Gateway event, on a table of moto: what a provider sends, and what it is answered."""

import base64
import importlib
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest

from ledger.config import Config
from ledger.domain.errors import ConfigurationError, StoreUnavailable
from ledger.domain.ids import AccountId
from ledger.ports.reads import Keys
from ledger.providers.parsing import MAX_BODY_BYTES
from ledger.runtime import Runtime
from ledger.secrets import FETCHED_AGAIN_AFTER_S, SECRETS_TTL_S, SigningSecrets
from tests.conftest import REGION, moto_services, place_orders_of_stories
from tools import signing
from tools.stories import Story, read_notification, stories

Send = Callable[..., dict[str, Any]]
SESSION = "stripe/pack_bought_01_checkout_session_completed.json"
TRANSACTION = "paddle/pack_bought_01_transaction_completed.json"
SECRETS = {"stripe": "whsec_old,whsec_new", "paddle": "pdl_old,pdl_new"}


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """A runtime in test mode over a fresh table."""
    signing_secrets = {f"{provider.upper()}_SIGNING_SECRETS": secrets for provider, secrets in SECRETS.items()}
    with moto_services(monkeypatch, **signing_secrets) as made:
        place_orders_of_stories(made.store)
        yield made


@pytest.fixture
def send(services: Runtime) -> Send:  # noqa: ARG001 - the functions use it
    """Deliver a body to a function; the signature is right unless told otherwise."""

    def deliver(
        body: bytes | dict[str, Any],
        *,
        provider: str = "stripe",
        to: str = "payment_succeeded",
        secret: str | None = None,
        age_s: float = 0,
        headers: dict[str, str] | None = None,
        as_base64: bool = False,
    ) -> dict[str, Any]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        secret = secret or SECRETS[provider].split(",")[1]
        signed = signing.headers(provider, raw, secret, time.time() - age_s) if headers is None else headers
        request = {
            "rawPath": f"/webhooks/{provider}/{to.replace('_', '-')}",
            "pathParameters": {"provider": provider},
            "headers": {name.lower(): value for name, value in signed.items()},
            "body": base64.b64encode(raw).decode() if as_base64 else raw.decode(),
            "isBase64Encoded": as_base64,
        }
        answer: dict[str, Any] = importlib.import_module(f"functions.{to}.app").lambda_handler(request, None)
        return {"status": answer["statusCode"], **json.loads(answer["body"])}

    return deliver


def changed(file: str, event_id: str = "evt_changed", **fields: Any) -> dict[str, Any]:
    """A notification of the library with another id and other fields of its object."""
    content: dict[str, Any] = json.loads(read_notification(file, "").body)
    content["event_id" if "event_id" in content else "id"] = event_id
    (content["data"].get("object") or content["data"]).update(fields)
    return content


def balance(services: Runtime, account: str) -> int:
    """An account's balance; 0 when there is no account."""
    account_id = AccountId(account)
    found = services.store.read(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
    return found.balance if found else 0


@pytest.mark.parametrize("story", stories(), ids=lambda story: story.name)
def test_every_story_is_answered_200_by_its_functions(send: Send, story: Story) -> None:
    """Every notification of every story, delivered to the function that it is meant for."""
    for told in story.notifications:
        answer = send(told.body, provider=told.provider, to=told.to.replace("-", "_"))
        assert (answer["status"], answer["outcome"] in {"parked", "ignored"}) == (200, False), told.event_id


def test_a_late_redelivery_changes_nothing(send: Send, services: Runtime) -> None:
    """A resend days later is signed anew and finds its receipt: receipts never expire."""
    body = read_notification(SESSION, "").body
    assert [send(body)["outcome"] for _ in range(3)] == ["booked", "already_booked", "already_booked"]
    assert balance(services, "acct_ada") == 500


def test_two_event_ids_of_one_payment_grant_once(send: Send, services: Runtime) -> None:
    """A second Event object for the same payment, and event types that nobody here reads."""
    send(read_notification(SESSION, "").body)
    assert send(changed(SESSION))["outcome"] == "already_booked"
    assert send(changed(SESSION, "evt_pi") | {"type": "payment_intent.succeeded"})["outcome"] == "ignored"
    assert balance(services, "acct_ada") == 500


@pytest.mark.parametrize("provider", ["stripe", "paddle"])
def test_what_is_not_proven_has_no_effect(send: Send, services: Runtime, provider: str) -> None:
    """Wrong, missing, stale, future and foreign signatures are answered 401, and nothing is stored."""
    body = read_notification(SESSION if provider == "stripe" else TRANSACTION, "").body
    stored = [*services.store.scan()]  # type: ignore[attr-defined]
    other = "paddle" if provider == "stripe" else "stripe"
    good = signing.headers(provider, body, SECRETS[provider].split(",")[0], time.time())
    name = next(iter(good))
    answers = [
        send(body, provider=provider, secret="whsec_wrong"),
        send(body, provider=provider, secret=SECRETS[other].split(",")[0]),
        send(body, provider=provider, headers={}),
        send(body, provider=provider, headers={name: "garbage"}),
        send(body, provider=provider, age_s=301),
        send(body, provider=provider, age_s=-302),
        send(json.dumps(json.loads(body)).encode() + b" ", provider=provider, headers=good),
    ]
    assert [answer["status"] for answer in answers] == [401] * 7
    assert [*services.store.scan()] == stored  # type: ignore[attr-defined]
    assert send(body, provider=provider, headers=good)["outcome"] == "booked", "the older secret still counts"


def test_without_a_secret_nothing_is_accepted(send: Send, services: Runtime) -> None:
    """An endpoint whose secret was never put in fails closed."""
    services.secrets = type(services.secrets)(dict)
    assert send(read_notification(SESSION, "").body)["status"] == 401


def test_a_base64_body_is_verified_over_its_raw_bytes(send: Send) -> None:
    """API Gateway may wrap a body; the signature is over what the provider sent."""
    assert send(read_notification(SESSION, "").body, as_base64=True)["outcome"] == "booked"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"not json", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b'{"id": "evt_1", "object": "event", "type": "invoice.paid", "created": "x", "data": {"object": {}}}', 400),
        (b'{"id": "evt_1", "object": "v2.core.event", "type": "v1.invoice.paid"}', 400),
        (b" " * (MAX_BODY_BYTES + 1), 413),
    ],
)
def test_a_signed_body_that_is_no_event_is_refused(send: Send, body: bytes, status: int) -> None:
    """What its signature promises to be an event, and is none."""
    assert send(body)["status"] == status


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (changed(SESSION) | {"livemode": True}, "wrong_mode"),
        (changed(SESSION) | {"api_version": "2024-06-20"}, "unknown_version"),
        (changed(SESSION, metadata={"account_id": "acct_ada", "product_id": "pack_9"}), "unknown_product"),
        (changed(SESSION, currency="sek"), "unknown_currency"),
        (changed(SESSION, amount_subtotal=999, amount_total=999), "underpaid"),
        (changed(SESSION, metadata={"product_id": "pack_500"}, customer=None), "no_account"),
        (changed(SESSION, amount_total="much"), "unknown_shape"),
    ],
)
def test_a_genuine_event_that_cant_be_used_is_parked(
    send: Send, services: Runtime, content: dict[str, Any], reason: str
) -> None:
    """It is answered 200, kept whole with its reason, and books nothing."""
    answer = send(content)
    assert (answer["status"], answer["outcome"], answer["reason"]) == (200, "parked", reason)
    (receipt,) = services.store.parked_receipts()
    assert (receipt.parked_reason, receipt.body) == (reason, json.dumps(content).encode())
    assert balance(services, "acct_ada") == 0


def test_what_was_underpaid_is_said_as_money(send: Send, services: Runtime) -> None:
    """Support reads the detail: amounts are written with their decimals."""
    send(changed(SESSION, amount_subtotal=999, amount_total=999))
    (receipt,) = services.store.parked_receipts()
    assert receipt.detail == "9.99 USD for 1 × pack_500, which costs 10.00 USD"


def test_a_quantity_multiplies_and_an_overpayment_is_booked_and_flagged(send: Send, services: Runtime) -> None:
    """Three packs are three packs; what was paid above the price is kept and flagged for correction."""
    ours = {"account_id": "acct_q", "order_id": "ord_q", "product_id": "pack_500"}
    send(changed(SESSION, "evt_q", metadata=ours | {"quantity": "3"}, amount_subtotal=3300, amount_total=3300))
    account_id = AccountId("acct_q")
    account = services.store.read(Keys(accounts=frozenset({account_id}))).accounts[account_id]
    assert account.balance == 1500
    assert [flag.partition(":")[0] for flag in account.flags] == ["overcharge"]


def test_a_free_order_of_ours_is_granted_and_nobody_elses(send: Send, services: Runtime) -> None:
    """A discount of the whole price grants if an order of ours stands behind it."""
    free = {"amount_total": 0, "payment_status": "no_payment_required", "payment_intent": None}
    assert send(changed(SESSION, "evt_free", **free))["outcome"] == "booked"
    ours = {"account_id": "acct_ada", "product_id": "pack_500"}
    assert send(changed(SESSION, "evt_gift", id="cs_2", metadata=ours, **free))["reason"] == "underpaid"
    assert balance(services, "acct_ada") == 500


def test_what_a_browser_wrote_moves_nobodys_credits(send: Send, services: Runtime) -> None:
    """A checkout that is none of ours is nobody's, though its custom_data names an order of ours with its terms."""
    content = changed(TRANSACTION, id="txn_of_a_browser", origin="web")
    assert send(content, provider="paddle")["reason"] == "no_account"
    assert balance(services, "acct_oli") == 0


@pytest.mark.parametrize("custom", [{"account_id": "acct_victim"}, {}, None, "acct_victim"], ids=str)
def test_a_checkout_of_ours_is_its_buyers_whatever_a_browser_wrote_into_it(
    send: Send, services: Runtime, custom: object
) -> None:
    """The order of a transaction is the one whose checkout it is, with all that was agreed."""
    assert send(changed(TRANSACTION, custom_data=custom), provider="paddle")["outcome"] == "booked"
    assert (balance(services, "acct_oli"), balance(services, "acct_victim")) == (500, 0)
    assert send(read_notification(TRANSACTION, "").body, provider="paddle")["outcome"] == "already_booked"
    assert balance(services, "acct_oli") == 500


def test_an_unknown_paddle_price_and_an_unknown_action_are_parked(send: Send) -> None:
    """What a catalogue or a newer API may explain later waits."""
    content = changed(TRANSACTION)
    content["data"]["details"]["line_items"][0]["price_id"] = "pri_unknown"
    assert send(content, provider="paddle")["reason"] == "unknown_price"
    odd = changed("paddle/chargeback_02_adjustment_created.json", "evt_odd", action="goodwill")
    assert send(odd, provider="paddle", to="dispute_opened")["reason"] == "unknown_state"


def test_only_a_paid_period_grants_and_only_once(send: Send, services: Runtime) -> None:
    """Trials grant nothing; an invoice by hand waits for a person; two invoices of one period are one grant."""
    month = "stripe/subscription_three_months_05_invoice_paid.json"
    first = "stripe/subscription_three_months_03_invoice_paid.json"
    line = json.loads(read_notification(month, "").body)["data"]["object"]["lines"]["data"][0]
    trial = line | {"amount": 0, "subtotal": 0}

    def renewed(event_id: str, file: str = month, **fields: Any) -> str:
        outcome: str = send(changed(file, event_id, id=f"in_{event_id}", **fields), to="subscription_renewed")[
            "outcome"
        ]
        return outcome

    assert renewed("t", first, lines={"data": [trial]}, total=0, subtotal=0, amount_paid=0) == "noted"
    assert renewed("m", billing_reason="manual", parent=None) == "parked"
    assert balance(services, "acct_dan") == 0
    assert renewed("a") == "booked"
    assert renewed("b") == "booked", "a duplicate charge is kept, flagged, and grants nothing"
    assert balance(services, "acct_dan") == 1000
    change = changed(TRANSACTION, "evt_card", origin="subscription_payment_method_change")
    change["data"]["details"]["totals"] |= {"total": "0", "grand_total": "0"}
    assert send(change, provider="paddle")["outcome"] == "noted"


def test_a_delayed_payment_grants_when_it_succeeds_and_never_when_it_fails(send: Send, services: Runtime) -> None:
    """A completed session that is not paid yet grants nothing."""
    for file in ("pack_delayed_01_checkout_session_completed", "pack_delayed_failed_01_checkout_session_completed"):
        assert send(read_notification(f"stripe/{file}.json", "").body)["outcome"] == "noted"
    assert balance(services, "acct_ben") == 0
    send(read_notification("stripe/pack_delayed_02_checkout_session_async_payment_succeeded.json", "").body)
    send(read_notification("stripe/pack_delayed_failed_02_checkout_session_async_payment_failed.json", "").body)
    assert (balance(services, "acct_ben"), balance(services, "acct_cleo")) == (1000, 0)


@pytest.mark.parametrize("odd", [["x"], {"x": 1}, 7, "checkout.session.completed"])
def test_what_a_notification_says_beside_the_known_is_passed_over(send: Send, odd: object) -> None:
    """Also where the other provider has its event's id and type."""
    transaction = json.loads(read_notification(TRANSACTION, "").body) | {"id": odd, "type": odd}
    session = json.loads(read_notification(SESSION, "").body) | {"event_id": odd, "event_type": odd}
    answer = send(transaction, provider="paddle")
    assert (answer["outcome"], answer["event_id"]) == ("booked", transaction["event_id"])
    assert send(session)["outcome"] == "booked"


def test_the_largest_body_can_be_parked(send: Send, services: Runtime) -> None:
    """Even if it does not compress: DynamoDB keeps items of 400 KB, and what it refuses would come back for ever."""
    content = changed(SESSION) | {"livemode": True, "noise": ""}
    left = MAX_BODY_BYTES - len(json.dumps(content, ensure_ascii=False).encode())
    letters = "".join(chr(0x20000 + number) for number in random.Random(7).choices(range(40_000), k=left // 4))
    content["noise"] = letters + "x" * (left % 4)
    body = json.dumps(content, ensure_ascii=False).encode()
    assert (len(body), send(body)["reason"]) == (MAX_BODY_BYTES, "wrong_mode")
    (parked,) = services.store.parked_receipts()
    assert parked.body == body
    assert MAX_BODY_BYTES + 12 * 1024 < 400 * 1024, "with its ids and its reason, whatever does not compress"


def test_a_misrouted_event_is_booked_all_the_same(send: Send, services: Runtime) -> None:
    """A wrong subscription in a dashboard loses no money."""
    assert send(read_notification(SESSION, "").body, to="refund_settled")["outcome"] == "booked"
    assert balance(services, "acct_ada") == 500


def test_a_parked_event_is_released_once_its_account_is_known(send: Send, services: Runtime) -> None:
    """A renewal that came before everything that says whose it is waits, and is then booked by itself."""
    story = next(story for story in stories() if story.name == "paddle_subscription_three_months")
    renewal, initial = story.notifications[3], story.notifications[0]
    assert send(renewal.body, provider="paddle", to="subscription_renewed")["reason"] == "no_account"
    send(initial.body, provider="paddle")
    record = {"dynamodb": {"Keys": {"pk": {"S": f"RECEIPT#paddle:{json.loads(initial.body)['data']['customer_id']}"}}}}
    released = importlib.import_module("functions.release_parked.app").lambda_handler({"Records": [record]}, None)
    assert released == {"outcomes": {"booked": 1}}
    assert balance(services, "acct_quin") == 2000


def test_secrets_come_by_name_are_cached_and_known_anew_after_a_while(
    services: Runtime, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rotated secret counts without a deploy, as soon as it signs; a refresh that fails keeps the known one."""
    client = boto3.client("secretsmanager", region_name=REGION)
    client.create_secret(Name="ours", SecretString=json.dumps({"stripe": "whsec_1", "paddle": ""}))
    monkeypatch.setenv("SIGNING_SECRETS_NAME", "ours")
    clock = [0.0]
    fetched = Runtime(Config.of(os.environ))
    services.secrets = SigningSecrets(fetched.fetch_signing_secrets, lambda: clock[0])
    body = read_notification(SESSION, "").body
    assert send(body, secret="whsec_1")["outcome"] == "booked"
    assert send(body, provider="paddle", secret="")["status"] == 401
    client.put_secret_value(SecretId="ours", SecretString=json.dumps({"stripe": "whsec_1,whsec_2", "paddle": ""}))
    assert send(body, secret="whsec_2")["status"] == 401
    clock[0] = FETCHED_AGAIN_AFTER_S
    assert send(body, secret="whsec_3")["status"] == 401
    assert send(body, secret="whsec_2")["outcome"] == "already_booked"
    client.put_secret_value(SecretId="ours", SecretString=json.dumps({"stripe": "whsec_2,whsec_3", "paddle": ""}))
    clock[0] += FETCHED_AGAIN_AFTER_S
    assert send(body, secret="whsec_3")["outcome"] == "already_booked"
    client.delete_secret(SecretId="ours", ForceDeleteWithoutRecovery=True)
    clock[0] += SECRETS_TTL_S + 1
    assert send(body, secret="whsec_3")["outcome"] == "already_booked"


def test_a_raw_body_that_cant_be_archived_costs_no_event(services: Runtime, send: Send) -> None:
    """The archive is evidence; the ledger does not depend on it."""
    services.config = replace(services.config, archive_streams=("no-such-stream",))
    assert send(read_notification(SESSION, "").body)["outcome"] == "booked"
    assert balance(services, "acct_ada") == 500


def test_a_table_that_refuses_is_answered_503(services: Runtime, send: Send) -> None:
    """The provider delivers again, and then it is booked: nothing was lost."""

    class Refusing:
        def commit(self, commit: object) -> None:  # noqa: ARG002 - the port has it
            raise StoreUnavailable("throttled")

    store, services.store = services.store, Refusing()  # type: ignore[assignment]
    assert send(read_notification(SESSION, "").body)["status"] == 503
    services.store = store
    assert send(read_notification(SESSION, "").body)["outcome"] == "booked"


@pytest.mark.parametrize(
    ("environment", "says"),
    [({}, "TABLE_NAME is not set"), ({"TABLE_NAME": "x", "PROVIDER_MODE": "both"}, "live or test")],
)
def test_a_wrong_environment_is_told_by_name(environment: dict[str, str], says: str) -> None:
    """Which variable, and what it should be."""
    with pytest.raises(ConfigurationError, match=says):
        Config.of(environment)
