"""Orders: what was agreed is one text, and its digest proves it."""

import json
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest

from ledger.domain.orders import Consent, OpenCheckout, Order, Terms, hash_of_terms
from tools.testing.builders import CONSENT, MADE, ORDER

TERMS = Terms(kind="pack", price_id="price_pack1000", credits=1000)
PACK = replace(ORDER, terms=TERMS)


def carries(order: Order) -> dict[str, Any]:
    """What the checkout of an order carries."""
    assert order.carried_terms
    content: dict[str, Any] = json.loads(order.carried_terms)
    return content


def test_a_checkout_carries_the_sale_and_a_digest_of_what_was_agreed_beside_it() -> None:
    """As one text, without spaces, by name: every server writes the same. What is not agreed is not there."""
    content = carries(PACK)
    assert PACK.carried_terms == json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert len(content.pop("agreement")) == 16
    assert content == {
        "account_id": "acct_ada",
        "order_id": "order_1",
        "product_id": "pack_1000",
        "price_minor": 1800,
        "currency": "EUR",
        "kind": "pack",
        "price_id": "price_pack1000",
        "credits": 1000,
    }
    more = replace(
        TERMS, expires_after_days=0, rolls_over=True, renewal_grace_s=1, usable_at_least_s=2, trial_credits=3
    )
    added = carries(replace(ORDER, terms=more)).items() - carries(PACK).items()
    assert dict(added) == {
        "expires_after_days": 0,
        "rolls_over": True,
        "renewal_grace_s": 1,
        "usable_at_least_s": 2,
        "trial_credits": 3,
    }


def test_an_order_of_old_has_no_terms_to_carry() -> None:
    """It was placed before orders kept them: it is under the catalogue's of its time."""
    assert (ORDER.terms, ORDER.carried_terms, ORDER.terms_hash) == (None, None, None)


@pytest.mark.parametrize(
    "changed",
    [
        replace(PACK, provider="paddle"),
        replace(PACK, country="AT"),
        replace(PACK, is_business=True),
        replace(PACK, policy_version="2"),
        replace(PACK, made_at=MADE + timedelta(seconds=1)),
        replace(PACK, consent=None),
        replace(PACK, consent=replace(CONSENT, given_at=MADE + timedelta(seconds=1))),
        replace(PACK, consent=replace(CONSENT, text_version="2")),
        replace(PACK, consent=replace(CONSENT, asked_to_begin=False)),
        replace(PACK, consent=replace(CONSENT, acknowledged_loss=False)),
        replace(PACK, price_minor=1),
        replace(PACK, terms=replace(TERMS, credits=1)),
    ],
)
def test_whatever_was_agreed_otherwise_has_another_digest(changed: Order) -> None:
    """A payment that carries it is not granted for this order."""
    assert changed.terms_hash != PACK.terms_hash
    assert changed.terms_hash == hash_of_terms(changed.carried_terms or "")


@pytest.mark.parametrize(
    "same",
    [
        replace(PACK, consent=replace(CONSENT, confirmation_id=None)),  # it is confirmed after the order was placed
        replace(PACK, version=7),
        replace(PACK, made_at=MADE.astimezone(timezone(timedelta(hours=2)))),
        replace(PACK, consent=replace(CONSENT, given_at=CONSENT.given_at.astimezone(timezone(timedelta(hours=2))))),
    ],
)
def test_what_happens_to_an_order_later_changes_no_digest(same: Order) -> None:
    """Nor does the zone in which a time is written."""
    assert same.terms_hash == PACK.terms_hash


def test_the_digest_of_an_agreement_stays_what_it_is() -> None:
    """Orders are stored with it, and checkouts that are open carry it."""
    assert (carries(PACK)["agreement"], PACK.terms_hash) == ("141edef095c91813", "50d5cfc9338bde432f71da4b8cbd3dce")


@pytest.mark.parametrize(
    "missing", [{}, {"asked_to_begin": False}, {"acknowledged_loss": False}, {"confirmation_id": None}]
)
def test_a_consent_is_complete_with_all_that_ends_the_right_to_withdraw(missing: dict[str, Any]) -> None:
    """The request to begin, the acknowledgement, and the message that confirms both."""
    assert replace(CONSENT, **missing).is_complete is not bool(missing)


def test_what_nobody_agreed_to_is_not_assumed() -> None:
    """Nor that an order is stored."""
    consent = Consent(given_at=MADE, text_version="1")
    assert (consent.asked_to_begin, consent.acknowledged_loss, consent.confirmation_id) == (False, False, None)
    assert ORDER.version == 0


def test_an_open_checkout_is_not_stored_yet() -> None:
    """Version 0 is what its first write is conditioned on."""
    assert OpenCheckout(order_id=ORDER.order_id, provider="stripe", checkout_id="cs_1").version == 0
