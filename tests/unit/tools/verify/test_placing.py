"""Whether an item is where its content says, and as it was written: each way in which it is not."""

from collections.abc import Mapping
from functools import cache

import pytest

from ledger.domain.errors import UnreadableItem
from ledger.dynamodb import keys
from ledger.dynamodb.items import Item
from ledger.ports.documents import DocumentKind
from tools.testing.ledgers import LEDGERS
from tools.testing.stored_items import items_of
from tools.verify.placing import judged

OF_INDEXES = (
    *("paid_at", "has_approvals", "expires_on", "expiry_due", "moved_at", "waits_since"),
    *("parked_shard", "followed_shard", "waiting_shard", "listed_in", "listed_at"),
)
FOLLOWS: Mapping[str, tuple[str, ...]] = {
    "payment": ("account_id", "paid_at"),
    "approved": ("account_id", "paid_at", "has_approvals"),
    "waiting": ("waiting_shard", "waits_since"),
    "disputed": ("account_id", "paid_at", "listed_in", "listed_at"),
    "suspended": ("listed_in", "listed_at"),
    "entry": ("account_id",),
    "expiring": ("account_id", "expires_on", "expiry_due"),
    "parked": ("parked_shard",),
    "followed": ("account_id", "followed_shard", "moved_at"),
    "decided": ("account_id", "listed_in", "listed_at"),
    "proposal": ("account_id",),
    "refund_case": ("account_id",),
    "run": ("account_id",),
}
"""Of each kind of item the attributes that follow from the rest of it, if it has them."""
KEYS_FOLLOW = {
    **dict.fromkeys(
        ("receipt", "parked", "entry", "expiring", "run", "case_pointer", "awaited_order"),
        "pk sk",
    ),
    **dict.fromkeys(
        ("refund_case", "followed", "decided"),
        "pk sk",
    ),
    "proposal": "pk sk",
    "watched_plan": "pk sk",
    **dict.fromkeys(("incident", "incident_share", "listed_incident", "running_incident"), "pk sk"),
    "credit_note": "pk sk",
    **dict.fromkeys(("credit_note_pointer", "credit_note_series"), "sk"),
    **dict.fromkeys(
        (
            "payment",
            "approved",
            "waiting",
            "disputed",
            "pointer",
            "account",
            "suspended",
            "fulfilment_key",
            "order_pointer",
        ),
        "sk",
    ),
    **dict.fromkeys(("failed_run", "audit_record", "refund_intent", "renewal_stop", "listed_declaration"), "sk"),
    "mail_intent": "pk sk",
    **dict.fromkeys(("subscription", "declaration", "declared_contract", "contact", "mail_record"), "pk sk"),
    **dict.fromkeys(("indexed_name", "indexed_amount", "indexed_failure"), "pk sk"),
    "timeline_row": "sk",
    **dict.fromkeys(("subject_act", "subject_look"), "sk"),
    "case_claim": "pk sk",
    "mute": "pk sk",
}
"""What of an item's key follows from its content. A key that is all that tells what the item is about does not."""
WITHOUT_DIGEST = {"payment", "approved", "waiting", "disputed", "account", "suspended"}


def is_in_place(item: Item) -> bool:
    """Whether key and index attributes follow from the rest."""
    return judged(item)[0]


def is_as_written(item: Item) -> bool:
    """Whether its digest says so."""
    return judged(item)[1]


def named(item: Item) -> str:
    """What an item is, and which index lists it."""
    listed = {
        "followed_shard": "followed",
        "has_approvals": "approved",
        "waiting_shard": "waiting",
        "listed_in": "disputed",
        "expires_on": "expiring",
        "parked_shard": "parked",
        "points_to": "pointer",
    }
    if "listed_in" in item and keys.kind_of(item) is keys.ItemKind.ACCOUNT:
        return "suspended"
    if "listed_in" in item and keys.kind_of(item) is DocumentKind.REFUND_CASE and "followed_shard" not in item:
        return "decided"
    return next((name for attribute, name in listed.items() if attribute in item), str(keys.kind_of(item)))


@cache
def items() -> dict[str, Item]:
    """One item of everything that the ledgers hold."""
    return {named(item): item for make in [*LEDGERS.values()][::-1] for item in items_of(make())[::-1]}


NAMES = (
    "mail_intent",
    *(
        "account",
        "audit_record",
        "awaited_order",
        "watched_plan",
        "incident",
        "mute",
        "incident_share",
        "listed_incident",
        "running_incident",
        "credit_note",
        "credit_note_pointer",
        "credit_note_series",
        "approved",
        "case_pointer",
        "deferred_queue",
        "entry",
        "expiring",
        "failed_run",
    ),
    *("account_sums", "actor_sums", "proposal", "proposal_queue", "recent_requests"),
    *(
        "followed",
        "fulfilment_key",
        "idempotency_record",
        "job_cursor",
        "lot",
        "open_checkout",
        "order_pointer",
        "parked",
    ),
    *("payment", "pointer", "receipt", "refund_case", "refund_intent", "renewal_stop", "review_queue", "run"),
    *("indexed_name", "indexed_amount", "indexed_failure", "timeline_row", "case_claim"),
    *("subject_act", "subject_look", "subject_request"),
    *("subscription", "waiting", "declaration", "listed_declaration", "contact", "mail_record"),
    "declared_contract",
    *("disputed", "suspended", "decided"),
)


def changed(item: Item, name: str, text: str | None) -> Item:
    """The item with another text as an attribute; None: without it."""
    others = {key: value for key, value in item.items() if key != name}
    return others if text is None else {**others, name: {"S": text}}


def is_seen(item: Item) -> bool:
    """Whether the item is out of place, or can't be read."""
    try:
        return not is_in_place(item)
    except (UnreadableItem, ValueError):
        return True


def test_there_is_one_of_everything() -> None:
    """Of every kind of item, and of every kind of row of an index."""
    assert {*items()} == {*NAMES}


@pytest.mark.parametrize("name", LEDGERS)
def test_what_is_stored_is_in_place_and_as_written(name: str) -> None:
    """In every ledger."""
    stored = items_of(LEDGERS[name]())
    assert [item for item in stored if not (is_in_place(item) and is_as_written(item))] == []


@pytest.mark.parametrize("name", NAMES)
def test_attributes_of_indexes_follow_from_the_item(name: str) -> None:
    """Each that is missing, is another one or too many is seen. A lot or a subscription has digests of all it holds."""
    item = items()[name]
    for attribute in FOLLOWS.get(name, ()):
        text = item[attribute].get("S", "")
        assert is_seen(changed(item, attribute, None)), f"{attribute} is missing"
        assert is_seen(changed(item, attribute, f"{text}x")), f"{attribute} is another"
    for attribute in {*OF_INDEXES} - {*item}:
        more = changed(item, attribute, "x#1")
        assert is_seen(more) or not is_as_written(more), f"{attribute} is too many"


@pytest.mark.parametrize("name", NAMES)
def test_a_key_follows_from_the_item(name: str) -> None:
    """As far as the item says what it is about."""
    item = items()[name]
    for part in ("pk", "sk"):
        moved = changed(item, part, item[part]["S"] + "x")
        is_told_by_all = name in {"deferred_queue", "refund_intent", "renewal_stop", "review_queue", "job_cursor"}
        is_told_by_all |= name in {"listed_declaration", "proposal_queue"}
        assert is_seen(moved) is (part in KEYS_FOLLOW.get(name, "") or (part == "pk" and is_told_by_all))


@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        ("expires_on", "expiring"),
        ("parked_shard", "parked"),
        ("followed_shard", "followed"),
        ("waiting_shard", "waiting"),
    ],
)
def test_a_row_may_be_in_any_shard_that_is_read(attribute: str, name: str) -> None:
    """The number of shards can grow, so that each row has its own. Every reader reads them all."""
    item = items()[name]
    place = item[attribute]["S"].rpartition("#")[0]
    start = f"{place}#" if place else ""
    for shard in range(keys.SHARDS):
        assert is_in_place(changed(item, attribute, f"{start}{shard}"))
    for shard_of_none in (str(keys.SHARDS), "-1", "x", "", "1.0"):
        assert not is_in_place(changed(item, attribute, f"{start}{shard_of_none}")), shard_of_none
    assert not is_in_place(changed(item, attribute, f"x{start}#1"))


def test_a_parked_receipt_is_sorted_by_its_time_as_written() -> None:
    """The same time in other words would sort elsewhere. Other receipts are in no index."""
    for name, is_sorted in (("parked", True), ("receipt", False)):
        item = items()[name]
        other = item["received_at"]["S"].replace("Z", "+00:00")
        assert is_in_place(changed(item, "received_at", other)) is not is_sorted


def test_a_fact_is_stored_under_its_key() -> None:
    """One under another key is seen, and one that is missing under its own."""
    item = items()["approved"]
    facts = item["facts"]["M"]
    key = next(key for key in facts if key.startswith("approved:"))
    renamed = {**{name: fact for name, fact in facts.items() if name != key}, "approved:x-1": facts[key]}
    assert is_in_place(item)
    assert is_seen({**item, "facts": {"M": renamed}})
    assert is_seen({**item, "facts": {"M": {**facts, "approved:x-1": facts[key]}}})


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_whole_has_its_digest(name: str) -> None:
    """Another digest is seen, and one that is missing; of what a newer release wrote it can't be told."""
    item = items()[name]
    is_kept_whole = name in {"lot", "subscription", "fulfilment_key"}
    newer = {**item, "of_a_newer_release": {"S": "x"}}
    if name in WITHOUT_DIGEST:
        assert is_as_written(item)
        assert is_as_written(newer)
    else:
        assert is_as_written(item)
        assert not is_as_written(changed(item, "digest", "0" * 12))
        assert not is_as_written(changed(item, "digest", None))
        assert is_as_written(changed(newer, "digest", "0" * 12)) is not is_kept_whole


@pytest.mark.parametrize("name", ["entry", "run", "receipt", "refund_case", "refund_intent", "subscription", "order"])
def test_a_word_that_was_changed_is_seen(name: str) -> None:
    """Its digest is of all that was written."""
    attribute = {
        "entry": "cause",
        "run": "at",
        "receipt": "event_type",
        "refund_case": "opened_by",
        "refund_intent": "last_error",
        "subscription": "cause",
        "order": "country",
    }[name]
    item = items()["fulfilment_key" if name == "order" else name]
    stored = item["terms"]["M"] if name == "order" and "terms" in item else item
    spoilt = changed(stored, attribute, "2026-11-01T00:00:00Z")
    assert not is_as_written(spoilt if stored is item else {**item, "terms": {"M": spoilt}})


def test_a_fulfilment_key_without_terms_has_no_digest() -> None:
    """Only an order's terms are written whole."""
    without = next(
        item for item in items_of(LEDGERS["paid_again"]()) if keys.kind_of(item) is keys.ItemKind.FULFILMENT_KEY
    )
    assert is_as_written(without)
    assert not is_as_written(changed(without, "digest", "0" * 12))
