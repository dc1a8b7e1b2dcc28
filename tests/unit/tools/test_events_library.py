"""The library of notifications is what the providers send: held against their own packages, and against itself."""

import base64
import dataclasses
import inspect
import json
import re
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib import import_module
from typing import Any

import pytest
import stripe
from paddle_billing.Entities.Events import EventTypeName
from paddle_billing.Entities.Notifications import NotificationEvent
from paddle_billing.Notifications.Entities.Shared import CustomData
from paddle_billing.Notifications.Entities.UndefinedEntity import UndefinedEntity
from paddle_billing.PaddleStrEnum import PaddleStrEnum
from stripe import StripeObject
from stripe.params._webhook_endpoint_create_params import WebhookEndpointCreateParams

from ledger.domain import catalogue
from ledger.domain.events import Event
from ledger.providers.registry import PROVIDERS
from ledger.usecases.plan_booking import claimable_account
from tools.fixtures.make import loose
from tools.signing import LOCAL_SECRETS
from tools.stories import EVENTS
from tools.template import load, routes

Json = dict[str, Any]

STRIPE, PADDLE, API = (
    sorted(f"{folder}/{path.name}" for path in EVENTS.glob(f"{folder}/*.json"))
    for folder in ("stripe", "paddle", "api")
)
WEBHOOKS = [file for file in API if file.startswith(("api/stripe_", "api/paddle_"))]
STORIES: list[Json] = json.loads((EVENTS / "stories.json").read_text("utf-8"))
each_story = pytest.mark.parametrize("story", STORIES, ids=[story["name"] for story in STORIES])


@cache
def text(file: str) -> str:
    """A file's content, by its path below `events/`."""
    return (EVENTS / file).read_text("utf-8")


def read(file: str) -> Json:
    """One notification."""
    content: Json = json.loads(text(file))
    return content


def event_type(content: Mapping[str, Any]) -> str:
    """Stripe calls it `type`, Paddle `event_type`."""
    return str(content.get("event_type") or content["type"])


def told(story: Json) -> list[Json]:
    """A story's notifications in natural order."""
    return [read(delivery["event"]) for delivery in story["deliveries"]]


def translated(file: str) -> Event:
    """A notification in our words."""
    provider = PROVIDERS[file.split("/")[0]]
    event: Event | None = provider.translate(
        provider.parse((EVENTS / file).read_bytes()), catalogue.load(), is_live=False
    )
    assert event is not None
    return event


def texts(value: Any) -> Iterator[str]:
    """Every text anywhere in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner)


def each(files: list[str], *kinds: str) -> pytest.MarkDecorator:
    """Once for each file; with kinds, for each whose object is of one of them: `invoice`, `adjustment`."""
    chosen = [file for file in files if not kinds or object_kind(read(file)) in kinds]
    assert chosen, kinds
    return pytest.mark.parametrize("file", chosen)


def object_kind(content: Json) -> str:
    """What a notification shows: Stripe's objects say it themselves, of Paddle's the type of the event."""
    shown = content["data"].get("object")
    return str(shown["object"]) if isinstance(shown, dict) else event_type(content).partition(".")[0]


# ── Every file ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_two_notifications_share_an_id() -> None:
    """Else one would hide the other. Paddle's notification ids are as unique as its event ids."""
    contents = [read(file) for file in (*STRIPE, *PADDLE)]
    ids = [content.get("event_id") or content["id"] for content in contents]
    ids += [content["notification_id"] for content in contents if "notification_id" in content]
    assert len(ids) == len(set(ids))


@each([*STRIPE, *PADDLE])
def test_everything_is_made_up(file: str) -> None:
    """No address or host but of example.com, no secret; `acct_` is ours, never an account of Stripe's."""
    for found in texts(read(file)):
        assert "@" not in found or found.endswith("@example.com")
        assert not found.startswith("http") or re.match(r"https://\w+\.example\.com/", found)
        assert not re.match(r"(sk|rk|pk|whsec|pdl)_", found)
        assert not found.startswith("acct_") or re.fullmatch(r"acct_[a-z_]+", found)


def test_every_type_that_the_code_reads_has_a_notification() -> None:
    """Both providers, all types."""
    seen = {event_type(read(file)) for file in (*STRIPE, *PADDLE)}
    assert {name for provider in PROVIDERS.values() for name in provider.FUNCTIONS} <= seen


def test_the_readme_names_every_story_and_every_loose_notification() -> None:
    """And none that isn't there."""
    alone = {file for file in (*STRIPE, *PADDLE) if "/loose_" in file}
    assert set(re.findall(r"`((?:stripe|paddle)/loose_\w+\.json)`", text("README.md"))) == alone
    assert set(re.findall(r"`((?:stripe|paddle)_\w+)`", text("README.md"))) == {story["name"] for story in STORIES}


def test_the_loose_notifications_become_what_the_library_says() -> None:
    """`parked`, `noted` and `booked` in their descriptions are held to."""
    for name, (what, content) in loose().items():
        file = f"{name.replace('/', '/loose_')}.json"
        assert content == read(file), "write the library anew: python -m tools.fixtures.make"
        event, becomes = translated(file), what.partition(": ")[2]
        is_unowned = claimable_account(event) is None and event.payment is not None
        assert (event.parked is not None or is_unowned) == becomes.startswith("parked"), (name, event.detail)
        assert (event.payment is not None and not event.parked and not is_unowned) == becomes.startswith("booked"), name
        assert bool(event.facts) == becomes.startswith("waits"), name
        assert (event.subscription is not None) == becomes.startswith("its state"), name


# ── Stripe ────────────────────────────────────────────────────────────────────────────────────────────────────────────

CLASSES: dict[str, type[StripeObject]] = {
    "balance_transaction": stripe.BalanceTransaction,
    "charge": stripe.Charge,
    "checkout.session": stripe.checkout.Session,
    "dispute": stripe.Dispute,
    "invoice": stripe.Invoice,
    "invoice_payment": stripe.InvoicePayment,
    "line_item": stripe.InvoiceLineItem,
    "plan": stripe.Plan,
    "price": stripe.Price,
    "radar.early_fraud_warning": stripe.radar.EarlyFraudWarning,
    "refund": stripe.Refund,
    "credit_note": stripe.CreditNote,
    "credit_note_line_item": stripe.CreditNoteLineItem,
    "subscription": stripe.Subscription,
    "subscription_item": stripe.SubscriptionItem,
}
UNDECLARED = {"ListObject": {"object", "total_count"}}  # comes with these lists; the class declares what it works with
# Of the fields that may be absent, these are: sent with `expand`, for deleted objects or for other ways of use alone.
NOT_SENT = {"confirmation_secret", "currency_options", "deleted", "line_items", "payments", "refunds", "tiers"}
ENABLED_EVENTS = set(typing.get_args(typing.get_args(WebhookEndpointCreateParams.__annotations__["enabled_events"])[0]))


def declared(kind: type) -> Json:
    """The fields that a class of the SDK declares, with their types; other resources stay unresolved names."""
    fields: Json = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, StripeObject) and base is not StripeObject:
            fields |= inspect.get_annotations(base)
    return {name: hint for name, hint in fields.items() if name != "OBJECT_NAME" and name[0] != "_"}


def alternatives(hint: Any) -> tuple[Any, ...]:
    """The members of a union; of anything else, itself."""
    if typing.get_origin(hint) in {typing.Union, types.UnionType}:
        return tuple(inner for member in typing.get_args(hint) for inner in alternatives(member))
    return (hint,)


def stripe_faults(value: Any, hint: Any, path: str) -> Iterator[str]:
    """What of a value is not as the SDK declares it."""
    members = alternatives(hint)
    if value is None and type(None) in members:
        return
    literals = [word for member in members if typing.get_origin(member) is typing.Literal for word in member.__args__]
    if isinstance(value, dict):
        yield from object_faults(value, members, path)
    elif isinstance(value, list):
        item = next((member.__args__[0] for member in members if typing.get_origin(member) is list), None)
        for position, inner in enumerate(value):
            yield from stripe_faults(inner, item, f"{path}[{position}]")
    elif literals:  # most are open: the SDK takes any text. Ours are to be words that it knows.
        if value not in literals:
            yield f"{path} is {value!r}, which the SDK does not know"
    elif not any(is_scalar(value, member) for member in members):
        yield f"{path} is {value!r}, not {hint}"


def object_faults(value: Json, members: tuple[Any, ...], path: str) -> Iterator[str]:
    """The same for an object: its fields against those of its class."""
    kinds = [typing.get_origin(member) or member for member in members]
    if any(getattr(kind, "__name__", "") == "UntypedStripeObject" for kind in kinds):
        return
    if any(isinstance(kind, str | typing.ForwardRef) for kind in kinds):
        kinds = [CLASSES[value["object"]]]
    kind = next(kind for kind in kinds if isinstance(kind, type) and issubclass(kind, StripeObject))
    fields = declared(kind)
    if kind is stripe.ListObject:
        fields["data"] = types.GenericAlias(list, typing.get_args(members[0]))
    for name in value.keys() - fields.keys() - UNDECLARED.get(kind.__name__, set()):
        yield f"{path}.{name} is not declared by {kind.__qualname__}"
    is_resource = str(value.get("object")) in CLASSES
    for name, hint in fields.items():
        if name in value:
            yield from stripe_faults(value[name], hint, f"{path}.{name}")
        elif type(None) not in alternatives(hint) or (is_resource and name not in NOT_SENT):
            yield f"{path}.{name} is missing"


def is_scalar(value: Any, member: Any) -> bool:
    """Is a value of a plain type? A decimal travels as text, and a resource that is not expanded as its id."""
    if isinstance(value, str):
        return member in {str, Decimal, Any} or isinstance(member, str | typing.ForwardRef)
    return member is type(value) or (member is float and isinstance(value, int))


@each(STRIPE)
def test_a_stripe_event_is_what_stripes_own_classes_declare(file: str) -> None:
    """No undeclared field, none missing, every value of its type and every word a known one, however deep."""
    event = read(file)
    shown = event["data"]["object"]
    faults = [
        *stripe_faults(event, stripe.Event, "event"),
        *object_faults(shown, (CLASSES[shown["object"]],), "object"),
    ]
    assert faults == []
    assert event["type"] in ENABLED_EVENTS
    assert event["api_version"] == stripe.api_version
    assert event["livemode"] is shown.get("livemode", False)


@each(STRIPE)
def test_a_stripe_event_carries_the_object_of_its_type_and_what_changed(file: str) -> None:
    """`refund.updated` carries a refund and how it was before; what was made anew has no before."""
    event = read(file)
    shown, kind = event["data"]["object"], event["type"].rpartition(".")[0]
    assert shown["object"] == {"customer.subscription": "subscription", "charge.dispute": "dispute"}.get(kind, kind)
    before = event["data"].get("previous_attributes")
    assert bool(before) == (event["type"].endswith(".updated") or event["type"] == "charge.refunded")
    for field, value in (before or {}).items():
        assert value != shown[field]


@each(STRIPE, "invoice")
def test_the_sums_of_an_invoice_are_right(file: str) -> None:
    """Lines add up to the subtotal, with taxes to the total; what no balance pays is due, and paid or remains."""
    shown = read(file)["data"]["object"]
    lines, taxes = shown["lines"]["data"], sum(tax["amount"] for tax in shown["total_taxes"])
    assert shown["subtotal"] == sum(line["amount"] for line in lines)
    assert taxes == sum(tax["amount"] for line in lines for tax in line["taxes"])
    assert shown["total"] == shown["subtotal"] + taxes
    assert shown["amount_due"] == max(0, shown["total"] + shown["starting_balance"])
    assert shown["amount_due"] == shown["total"] + shown["starting_balance"] - shown["ending_balance"]
    assert shown["amount_due"] == shown["amount_paid"] + shown["amount_remaining"]
    assert {line["invoice"] for line in lines} == {shown["id"]}


@each(STRIPE, "checkout.session")
def test_the_sums_of_a_session_are_right(file: str) -> None:
    """Subtotal, tax and discount add up to the total."""
    shown = read(file)["data"]["object"]
    details = shown["total_details"]
    assert shown["amount_total"] == shown["amount_subtotal"] + details["amount_tax"] - details["amount_discount"]


# ── Paddle ────────────────────────────────────────────────────────────────────────────────────────────────────────────

UNKNOWN_WORDS = {"chargeback_warning_reverse"}  # the API's list of actions has it, the notifications' not yet
OTHER_NAMES = {"line_items": "lineItems"}  # the SDK's own name for it
DEPRECATED = {  # so the SDK says
    "MethodDetails": {"underlying_details"},
    "Product": {"prices"},
    "TransactionItem": {"price_id"},
}


def paddle_faults(value: Any, hint: Any, path: str) -> Iterator[str]:
    """What of a value is not as the SDK's classes declare it."""
    members = alternatives(hint)
    kind = next((member for member in members if dataclasses.is_dataclass(member)), None)
    if isinstance(value, list):
        item = next(member.__args__[0] for member in members if typing.get_origin(member) is list)
        for position, inner in enumerate(value):
            yield from paddle_faults(inner, item, f"{path}[{position}]")
    elif isinstance(value, dict) and isinstance(kind, type) and kind is not CustomData:
        hints = typing.get_type_hints(kind)
        fields = {OTHER_NAMES.get(name, name): inner for name, inner in value.items()}
        for name in hints.keys() ^ fields.keys():
            if name not in DEPRECATED.get(kind.__name__, set()):
                yield f"{path}.{name} is {'missing' if name in hints else 'not declared'} in {kind.__name__}"
        for name in hints.keys() & fields.keys():
            yield from paddle_faults(fields[name], hints[name], f"{path}.{name}")
    elif value is None and type(None) not in members:
        yield f"{path} is null"
    elif isinstance(value, str) and value not in UNKNOWN_WORDS:
        words = [member for member in members if isinstance(member, type) and issubclass(member, PaddleStrEnum)]
        if words and not any(member(value).is_known() for member in words):
            yield f"{path} is {value!r}, which the SDK does not know"


@each(PADDLE)
def test_a_paddle_notification_is_what_paddles_own_package_reads(file: str) -> None:
    """It becomes the entity of its type, has all of its fields and no other, and says no unknown word."""
    content = read(file)
    event = NotificationEvent.from_dict(content)
    assert isinstance(event.event_type, EventTypeName)
    assert event.event_type.is_known()
    assert not isinstance(event.data, UndefinedEntity)
    kind = event_type(content).partition(".")[0].title()
    kind = "SubscriptionCreated" if event_type(content) == "subscription.created" else kind
    assert type(event.data).__name__ == kind
    entity = getattr(import_module(f"paddle_billing.Notifications.Entities.{kind}"), kind)
    assert [*paddle_faults(content["data"], entity, "data")] == []


@each(PADDLE)
def test_the_ids_of_paddle_have_the_form_of_paddles(file: str) -> None:
    """A prefix and 26 characters in lower case, beginning as the ULIDs of these years; simulated ones say so."""
    content = read(file)
    prefixes = [content[field].split("_")[0] for field in ("event_id", "notification_id")]
    assert prefixes == (["ntfsimevt", "ntfsimntf"] if "simulated" in file else ["evt", "ntf"])
    sold = {price_id for product in catalogue.load().products.values() for price_id in product.price_ids["paddle"]}
    sold |= {f"pro_{price_id[4:]}" for price_id in sold}
    ids = [found for found in texts(content) if re.match(r"[a-z]+_01", found) and found not in sold]
    assert [found for found in ids if not re.fullmatch(r"[a-z]+_01[0-9a-hjkmnp-tv-z]{24}", found)] == []


@each(PADDLE, "transaction")
def test_the_sums_of_a_transaction_are_right(file: str) -> None:
    """Lines add up to the totals, and what was captured is what was due."""
    shown = read(file)["data"]
    totals, lines = shown["details"]["totals"], shown["details"]["line_items"]
    for field in ("subtotal", "discount", "tax", "total"):
        assert int(totals[field]) == sum(int(line["totals"][field]) for line in lines)
    assert int(totals["total"]) == int(totals["subtotal"]) - int(totals["discount"]) + int(totals["tax"])
    captured = sum(int(payment["amount"]) for payment in shown["payments"] if payment["status"] == "captured")
    assert captured == (int(totals["grand_total"]) if shown["status"] == "completed" else 0)
    assert [(item["price"]["id"], item["quantity"]) for item in shown["items"]] == [
        (line["price_id"], line["quantity"]) for line in lines
    ]


@each(PADDLE, "adjustment")
def test_the_sums_of_an_adjustment_are_right(file: str) -> None:
    """Its items add up to its totals."""
    shown = read(file)["data"]
    for field in ("subtotal", "tax", "total"):
        assert int(shown["totals"][field]) == sum(int(item["totals"][field]) for item in shown["items"])
    assert [item["amount"] for item in shown["items"]] == [item["totals"]["total"] for item in shown["items"]] != []


# ── Stories ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_notification_is_told_by_one_story_or_stands_alone() -> None:
    """Every reference resolves, and no file is forgotten."""
    referenced = [delivery["event"] for story in STORIES for delivery in story["deliveries"]]
    assert sorted(referenced) == sorted(file for file in (*STRIPE, *PADDLE) if "/loose_" not in file)


@each_story
def test_a_story_is_short_and_goes_to_the_functions_that_it_is_meant_for(story: Json) -> None:
    """Seven events have 5,040 orders: what a proof can play. A title is a sentence."""
    functions = PROVIDERS[story["provider"]].FUNCTIONS
    assert 1 <= len(story["deliveries"]) <= 7
    assert story["title"].endswith(".")
    for delivery, content in zip(story["deliveries"], told(story), strict=True):
        assert delivery["event"].startswith(f"{story['provider']}/")
        assert delivery["to"].replace("-", "_") in functions[event_type(content)]


def test_no_two_stories_share_anything_of_a_customer() -> None:
    """All of them can be played into one ledger, the loose ones too."""
    pattern = re.compile(r"(acct|ord|cus|ctm|pi|ch|cs|in|il|si|sub|txn|txnitm|adj|dp|re)_\w+")
    alone = {file: [read(file)] for file in (*STRIPE, *PADDLE) if "/loose_" in file}
    owners: dict[str, str] = {}
    for owner, contents in {**{story["name"]: told(story) for story in STORIES}, **alone}.items():
        for name in (found for content in contents for found in texts(content) if pattern.fullmatch(found)):
            # A loose one of each provider may be of the same made-up account.
            assert owners.setdefault(name, owner) == owner or name.startswith(("acct_", "ord_")), name
    assert len({story["account_id"] for story in STORIES}) == len(STORIES)


@each_story
def test_the_ids_of_a_story_fit_together(story: Json) -> None:
    """One account, order, customer, payment method and subscription; what is named later was told before."""
    contents = [content["data"] for content in told(story)]
    found: dict[str, set[str]] = {}
    for name in (name for content in contents for name in texts(content)):
        if re.fullmatch(r"(acct|ord|cus|ctm|pi|ch|si|sub|dp|issfr|inpay)_\w+", name):
            found.setdefault(name.split("_")[0], set()).add(name)
    assert found.pop("acct") == {story["account_id"]}
    assert {prefix: names for prefix, names in found.items() if len(names) > 1} == {}
    lines: set[str] = set()
    for content in contents if story["provider"] == "paddle" else []:
        if "details" in content:
            lines |= {content["id"], *(line["id"] for line in content["details"]["line_items"])}
        assert content.get("transaction_id") in {None, *lines}
        if "action" in content:
            assert {item["item_id"] for item in content["items"]} <= lines


@each_story
def test_the_times_of_a_story_never_run_back(story: Json) -> None:
    """Of its events and of each object in it: nothing is told before it was made, or made twice."""
    contents = told(story)
    moments = [seconds(content.get("occurred_at", content.get("created"))) for content in contents]
    assert moments == sorted(moments)
    assert datetime(2026, 9, 1, tzinfo=UTC).timestamp() <= moments[0]
    assert moments[-1] < datetime(2026, 12, 1, tzinfo=UTC).timestamp()
    made: dict[str, float] = {}
    for content, moment in zip(contents, moments, strict=True):
        shown = content["data"].get("object", content["data"])
        created = seconds(shown.get("created", shown.get("created_at")))
        assert made.setdefault(shown["id"], created) == created
        assert created <= seconds(shown.get("updated_at") or created) <= moment
        assert all(created <= moved["created"] <= moment for moved in shown.get("balance_transactions", []))


def seconds(value: Any) -> float:
    """A Unix time, of either provider's way to write it."""
    return datetime.fromisoformat(value).timestamp() if isinstance(value, str) else float(value)


# ── API Gateway's events ──────────────────────────────────────────────────────────────────────────────────────────────


def test_there_is_an_api_gateway_event_for_every_function_and_provider() -> None:
    """Four webhooks, two providers; one of them in Base64, as API Gateway may send it. One for each other function."""
    webhooks = [route for route in routes(load()) if "{provider}" in route.path]
    others = [route for route in routes(load()) if "{provider}" not in route.path]
    wanted = [
        (f"{route.method} {route.path}", route.path.replace("{provider}", provider))
        for route in webhooks
        for provider in PROVIDERS
    ]
    assert sorted((request["routeKey"], request["rawPath"]) for request in map(read, WEBHOOKS)) == sorted(wanted)
    assert [request["isBase64Encoded"] for request in map(read, WEBHOOKS)].count(True) == 1
    folders = {f"{route.method} {route.path}": route.folder for route in others}
    assert {folders[read(file)["routeKey"]] for file in set(API) - set(WEBHOOKS)} == set(folders.values())


@each(WEBHOOKS)
def test_an_api_gateway_event_is_signed_for_its_own_time(file: str) -> None:
    """At the moment that it names it is accepted; today it is stale, as a replay should be."""
    request = read(file)
    provider_name = request["pathParameters"]["provider"]
    provider = PROVIDERS[provider_name]
    body = base64.b64decode(request["body"]) if request["isBase64Encoded"] else request["body"].encode()
    assert request["version"] == "2.0"
    assert all(header == header.lower() for header in request["headers"])
    assert request["headers"]["content-length"] == str(len(body))
    now = request["requestContext"]["timeEpoch"] / 1000
    provider.verify(body, request["headers"], [LOCAL_SECRETS[provider_name]], now)
    function = request["rawPath"].rpartition("/")[2].replace("-", "_")
    assert function in provider.FUNCTIONS[event_type(provider.parse(body))]
