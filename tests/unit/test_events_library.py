"""The library of notifications against the providers' own types, and against itself."""

import importlib
import inspect
import json
import typing
from pathlib import Path
from typing import Any

import pytest
import stripe

from ledger import catalogue
from ledger.events import Event
from ledger.runtime import PROVIDERS
from tools.events.make import loose
from tools.stories import EVENTS, stories

FILES = sorted(EVENTS.glob("stripe/*.json")) + sorted(EVENTS.glob("paddle/*.json"))
STRIPE_TYPES = {
    "checkout.session": stripe.checkout.Session,
    "invoice": stripe.Invoice,
    "line_item": stripe.InvoiceLineItem,
    "subscription": stripe.Subscription,
    "subscription_item": stripe.SubscriptionItem,
    "price": stripe.Price,
    "charge": stripe.Charge,
    "refund": stripe.Refund,
    "dispute": stripe.Dispute,
    "balance_transaction": stripe.BalanceTransaction,
    "invoice_payment": stripe.InvoicePayment,
    "radar.early_fraud_warning": stripe.radar.EarlyFraudWarning,
}
# Sent only when they are asked for with `expand`, or only for a deleted object or older integrations.
NOT_SENT = {
    "line_items", "payments", "refunds", "confirmation_secret", "currency_options", "tiers", "deleted", "discount",
    "client_secret", "presentment_details", "customer_account", "last_payment_error",
}  # fmt: skip


def read(path: Path) -> dict[str, Any]:
    """One notification."""
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content


def declared(cls: type) -> dict[str, Any]:
    """The fields that a class of Stripe's package declares."""
    names: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("stripe.") and base is not stripe.StripeObject:
            names |= inspect.get_annotations(base)
    return {name: hint for name, hint in names.items() if not name.startswith("_") and name != "OBJECT_NAME"}


def stripe_objects(value: object) -> typing.Iterator[dict[str, Any]]:
    """Every typed object in a notification, nested ones too."""
    if isinstance(value, dict):
        if value.get("object") in STRIPE_TYPES:
            yield value
        for inner in value.values():
            yield from stripe_objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from stripe_objects(inner)


@pytest.mark.parametrize("path", [path for path in FILES if path.parent.name == "stripe"], ids=lambda path: path.stem)
def test_stripes_objects_have_the_fields_that_stripe_declares_and_no_others(path: Path) -> None:
    """Held against the types of stripe-python at the pinned API version."""
    content = read(path)
    assert content["api_version"] == "2026-10-28.endive"
    for found in stripe_objects(content["data"]["object"]):
        fields = declared(STRIPE_TYPES[found["object"]])
        assert found.keys() <= fields.keys(), found["object"]
        assert fields.keys() - NOT_SENT <= found.keys(), found["object"]


def test_stripes_event_types_are_ones_that_an_endpoint_can_subscribe_to() -> None:
    """Held against the request types of the same package."""
    source = importlib.import_module("stripe.params._webhook_endpoint_create_params")
    known = Path(str(source.__file__)).read_text("utf-8")
    for event_type in PROVIDERS["stripe"].FUNCTIONS:
        assert f'"{event_type}"' in known


@pytest.mark.parametrize("path", [path for path in FILES if path.parent.name == "paddle"], ids=lambda path: path.stem)
def test_paddles_objects_are_read_by_paddles_own_package(path: Path) -> None:
    """Its entities are built from them, and nothing is in them that those don't know."""
    content = read(path)
    kind = content["event_type"].partition(".")[0].title()
    entity = getattr(importlib.import_module(f"paddle_billing.Notifications.Entities.{kind}"), kind)
    assert entity.from_dict(content["data"]).id == content["data"]["id"]
    # `transaction_id` comes with subscription.created alone, which has an entity of its own.
    assert content["data"].keys() - {"transaction_id"} <= set(entity.__dataclass_fields__)


def test_every_type_that_the_code_reads_has_a_notification() -> None:
    """Both providers, all types."""
    seen = {read(path).get("type") or read(path)["event_type"] for path in FILES}
    known = PROVIDERS["stripe"].FUNCTIONS.keys() | PROVIDERS["paddle"].FUNCTIONS.keys()
    assert known <= seen


def test_no_two_notifications_share_an_id() -> None:
    """Else one would hide the other."""
    ids = [read(path).get("event_id") or read(path)["id"] for path in FILES]
    assert len(set(ids)) == len(ids)


def test_a_story_is_one_customers_and_goes_forward_in_time() -> None:
    """Every id that pays, refunds or disputes belongs to the story, and no two stories share one."""
    owners: dict[str, str] = {}
    for story in stories():
        assert len(story.tellings) <= 7
        events = []
        for told in story.tellings:
            provider = PROVIDERS[told.provider]
            event: Event | None = provider.translate(provider.parse(told.body), catalogue.load(), is_live=False)
            assert event is not None
            events.append(event)
        assert [event.at for event in events] == sorted(event.at for event in events)
        for event in events:
            assert event.owner.account_id in {None, story.account_id}
            for name in event.names:
                assert owners.setdefault(name, story.name) == story.name


def test_the_loose_notifications_become_what_the_library_says() -> None:
    """`parked` and `noted` in their descriptions are held to."""
    for name, (what, content) in loose().items():
        provider = PROVIDERS[name.split("/")[0]]
        event: Event | None = provider.translate(content, catalogue.load(), is_live=False)
        assert event is not None
        is_unowned = event.owner.account_id is None and event.payment is not None
        assert (event.parked is not None or is_unowned) == ("parked" in what), (name, event.parked, event.detail)
        assert not ("noted" in what and (event.payment or event.facts)), name
