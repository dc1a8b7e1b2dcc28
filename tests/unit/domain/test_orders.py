"""Orders: what was agreed is one text, and its digest proves it."""

import json
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from ledger.domain.orders import (
    Consent,
    LateInformation,
    MissingConsent,
    OpenCheckout,
    Order,
    RenewalConsent,
    RenewalTerms,
    ShownInformation,
    Terms,
    hash_of_terms,
)
from tools.testing.builders import CONSENT, MADE, ORDER

TERMS = Terms(kind="pack", price_id="price_pack1000", credits=1000, lock_days=None)
PACK = replace(ORDER, terms=TERMS)
LATER = MADE + timedelta(days=1)
SHOWN = ShownInformation(policy_version="1", text_version="1", language="de", digest="d1", at=MADE)
REQUESTED = replace(CONSENT, confirmation_id=None)
RENEWAL = RenewalTerms(amount_minor=1200, every_months=1, first_on=date(2026, 12, 2))
RENEWS = RenewalConsent(given_at=MADE, text_version="1", words="I agree to the renewals.")
UNUSED = {"is_used": False, "is_withdrawn": False}


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
        TERMS,
        expires_after_days=0,
        rolls_over=True,
        renewal_grace_s=1,
        usable_at_least_s=2,
        trial_credits=3,
        lock_days=0,
    )
    added = carries(replace(ORDER, terms=more)).items() - carries(PACK).items()
    assert dict(added) == {
        "expires_after_days": 0,
        "rolls_over": True,
        "renewal_grace_s": 1,
        "usable_at_least_s": 2,
        "trial_credits": 3,
        "lock_days": 0,
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
        replace(PACK, shown=SHOWN),
        replace(PACK, renewal_consent=RENEWS),
        replace(PACK, price_minor=1),
        replace(PACK, terms=replace(TERMS, credits=1)),
    ],
)
def test_whatever_was_agreed_otherwise_has_another_digest(changed: Order) -> None:
    """A payment that carries it is not granted for this order."""
    assert changed.terms_hash != PACK.terms_hash
    assert changed.terms_hash == hash_of_terms(changed.carried_terms or "")


CHARGE: dict[str, Any] = {"first_charge_minor": 1200, "first_charge_on": date(2026, 12, 1)}


@pytest.mark.parametrize(
    "changed",
    [
        *({"text_version": "2"}, {"language": "fr"}, {"digest": "d2"}, CHARGE),
        {**CHARGE, "first_charge_minor": 1201},
        {**CHARGE, "first_charge_on": date(2026, 12, 2)},
    ],
)
def test_what_the_buyer_was_shown_is_part_of_the_agreement(changed: dict[str, Any]) -> None:
    """The text, its language and its content; not the instant."""
    placed, other = replace(PACK, shown=SHOWN), replace(PACK, shown=replace(SHOWN, **changed))
    charged = replace(PACK, shown=replace(SHOWN, **CHARGE))
    hashes = {placed.terms_hash, other.terms_hash, charged.terms_hash}
    assert len(hashes) == (2 if changed == CHARGE else 3)
    assert replace(PACK, shown=replace(SHOWN, at=LATER)).terms_hash == placed.terms_hash


MORE_SHOWN: list[dict[str, Any]] = [
    *({}, {"button_label": "Buy"}, {"button_label": "Order with obligation to pay"}),
    *({"total_minor": 2142}, {"total_minor": 1200}),
    *({"renewal": RENEWAL}, {"renewal": replace(RENEWAL, amount_minor=1201)}),
    *({"renewal": replace(RENEWAL, every_months=12)}, {"renewal": replace(RENEWAL, first_on=date(2026, 12, 3))}),
]


def test_the_button_the_price_and_the_renewal_terms_are_part_of_the_agreement() -> None:
    """Each of them, and each part."""
    hashes = {replace(PACK, shown=replace(SHOWN, **more)).terms_hash for more in MORE_SHOWN}
    assert len(hashes) == len(MORE_SHOWN)


def test_a_consent_to_renewals_is_part_of_the_agreement_with_its_words_and_its_time() -> None:
    """Apart from the other consent."""
    later = {"given_at": LATER, "text_version": "2", "words": "I agree."}
    changed = [RENEWS, *(replace(RENEWS, **{name: content}) for name, content in later.items())]  # type: ignore[arg-type]
    assert len({replace(PACK, renewal_consent=one).terms_hash for one in changed}) == len(changed)


def test_an_order_without_what_is_recorded_now_has_its_digest_of_before() -> None:
    """Its checkout may still be open: a payment that carries these terms is granted."""
    charged = replace(PACK, shown=replace(SHOWN, **CHARGE))
    assert [one.terms_hash for one in (PACK, replace(PACK, shown=SHOWN), charged)] == [
        "50d5cfc9338bde432f71da4b8cbd3dce",
        "c92c51dc4a96758e447b91ee3beac3bf",
        "8cc8ada4a915e374143c89f1fc4b69ce",
    ]


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


def test_an_agreement_is_the_digest_of_what_the_order_says() -> None:
    """It is told if the order says something else. Not of a consent that came later, or of a newer release's fields."""
    placed = replace(PACK, shown=SHOWN, renewal_consent=RENEWS).with_agreement()
    assert placed.terms_hash == replace(placed, agreement=None).terms_hash
    assert placed.is_agreement_whole
    assert PACK.is_agreement_whole
    for otherwise in ({"renewal_consent": None}, {"country": "FR"}, {"shown": replace(SHOWN, digest="d2")}):
        other = replace(placed, **otherwise)
        assert (other.terms_hash, other.is_agreement_whole) == (placed.terms_hash, False)
    assert replace(placed, consent=replace(CONSENT, given_at=LATER)).is_agreement_whole
    newer = replace(SHOWN, button_label=None, unknown_fields={"button": {"S": "Buy"}})
    assert replace(placed, shown=newer, renewal_consent=None).is_agreement_whole


def test_the_digest_of_an_agreement_stays_what_it_is() -> None:
    """Orders are stored with it, and checkouts that are open carry it."""
    assert (carries(PACK)["agreement"], PACK.terms_hash) == ("141edef095c91813", "50d5cfc9338bde432f71da4b8cbd3dce")


@pytest.mark.parametrize(
    "missing", [{}, {"asked_to_begin": False}, {"acknowledged_loss": False}, {"confirmation_id": None}]
)
def test_a_consent_is_complete_with_all_that_ends_the_right_to_withdraw(missing: dict[str, Any]) -> None:
    """The request to begin, the acknowledgement, and the message that confirms both."""
    assert replace(CONSENT, **missing).is_complete is not bool(missing)


def test_the_first_confirmation_in_time_completes_a_consent_and_later_ones_are_kept() -> None:
    """A message that is recorded twice counts once, whether it came back or not."""
    first = REQUESTED.confirmed("mail_1", LATER, **UNUSED)
    assert first == replace(REQUESTED, confirmation_id="mail_1", confirmed_at=LATER)
    assert (first.is_complete, REQUESTED.is_complete) == (True, False)
    second = first.confirmed("mail_2", LATER, is_used=True, is_withdrawn=False)
    assert second == replace(first, further_ids=("mail_2",))
    returned = second.without("mail_1", LATER, is_used=False)
    for repeated in ("mail_1", "mail_2"):
        assert second.confirmed(repeated, LATER, **UNUSED) is second
        assert returned.confirmed(repeated, LATER, **UNUSED) is returned


@pytest.mark.parametrize(
    ("is_used", "is_withdrawn", "revoked_at", "is_late"),
    [
        (False, False, None, False),
        (True, False, None, True),
        (False, True, None, True),
        (True, False, MADE, False),  # it was used under an earlier confirmation, which came back
        (False, True, MADE, True),
    ],
)
def test_a_confirmation_after_the_first_use_or_a_withdrawal_comes_too_late(
    *, is_used: bool, is_withdrawn: bool, revoked_at: datetime | None, is_late: bool
) -> None:
    """Then the consent must be asked for again."""
    consent = replace(REQUESTED, revoked_at=revoked_at)
    confirmed = consent.confirmed("mail_1", LATER, is_used=is_used, is_withdrawn=is_withdrawn)
    assert confirmed == replace(consent, confirmation_id="mail_1", confirmed_at=LATER, is_late=is_late)
    assert confirmed.is_complete is not is_late


CONFIRMED = REQUESTED.confirmed("mail_1", MADE, **UNUSED)
TWICE = CONFIRMED.confirmed("mail_2", MADE, **UNUSED)
THRICE = TWICE.confirmed("mail_3", MADE, **UNUSED)
LATE = REQUESTED.confirmed("mail_1", MADE, is_used=True, is_withdrawn=False)


@pytest.mark.parametrize(
    ("consent", "returned", "is_used", "after"),
    [
        (CONFIRMED, "mail_1", False, replace(REQUESTED, returned_ids=("mail_1",))),
        (CONFIRMED, "mail_1", True, replace(REQUESTED, returned_ids=("mail_1",), revoked_at=LATER)),
        # another one is there: it counts from now on, though a person decides what was used before
        (TWICE, "mail_1", False, replace(CONFIRMED, confirmation_id="mail_2", returned_ids=("mail_1",))),
        (
            THRICE,
            "mail_1",
            True,
            replace(
                CONFIRMED,
                confirmation_id="mail_2",
                further_ids=("mail_3",),
                returned_ids=("mail_1",),
                revoked_at=LATER,
            ),
        ),
        (
            replace(CONFIRMED, returned_ids=("mail_0",)),
            "mail_1",
            False,
            replace(REQUESTED, returned_ids=("mail_0", "mail_1")),
        ),
        # one that does not count is only taken note of
        (THRICE, "mail_2", True, replace(CONFIRMED, further_ids=("mail_3",), returned_ids=("mail_2",))),
        (CONFIRMED, "mail_9", True, replace(CONFIRMED, returned_ids=("mail_9",))),
        # one that came too late was nothing that credits could be used under
        (LATE, "mail_1", True, replace(REQUESTED, returned_ids=("mail_1",))),
    ],
)
def test_a_confirmation_that_came_back_confirms_nothing(
    consent: Consent, returned: str, after: Consent, *, is_used: bool
) -> None:
    """Once: what is reported again changes nothing."""
    assert consent.without(returned, LATER, is_used=is_used) == after
    assert after.without(returned, LATER + timedelta(days=1), is_used=True) is after


@pytest.mark.parametrize(
    ("consent", "missing"),
    [
        (None, MissingConsent.REQUEST),
        (replace(REQUESTED, asked_to_begin=False), MissingConsent.REQUEST),
        (replace(CONSENT, acknowledged_loss=False), MissingConsent.REQUEST),
        (REQUESTED, MissingConsent.CONFIRMATION),
        (LATE, MissingConsent.REQUEST),
        (CONFIRMED, None),
    ],
)
def test_an_order_says_what_its_consent_still_needs(consent: Consent | None, missing: MissingConsent | None) -> None:
    """First what the customer must do, then what we must. Frontends know these two by their words."""
    assert list(MissingConsent) == ["consent", "confirmation"]
    assert replace(ORDER, consent=consent).missing_consent is missing


def test_a_consent_that_is_given_later_leaves_the_terms_as_they_were_agreed() -> None:
    """An open checkout carries them. What was shown first stays the information."""
    placed = replace(PACK, consent=None)
    later = replace(CONSENT, given_at=LATER)
    given = placed.with_later_consent(later, SHOWN)
    assert (given.consent, given.shown, given.terms_hash) == (later, SHOWN, placed.terms_hash)
    again = given.with_later_consent(CONSENT, replace(SHOWN, language="fr"))
    assert (again.consent, again.shown, again.terms_hash) == (CONSENT, SHOWN, placed.terms_hash)


def test_the_buyer_is_informed_when_the_right_is_shown() -> None:
    """Of an order that recorded nothing of it, when the consent was given whose text names it."""
    assert replace(ORDER, shown=replace(SHOWN, at=LATER)).informed_at == LATER
    assert ORDER.informed_at == CONSENT.given_at
    assert replace(ORDER, consent=None).informed_at is None


def test_the_first_information_counts_that_did_not_come_back() -> None:
    """By a mail, or with a consent that was given later, whichever was first."""
    bare, first = replace(ORDER, consent=None), LateInformation(number=1, asked_at=MADE)
    assert bare.with_late_information(first).informed_at is None
    mailed = bare.with_late_information(replace(first, sent_at=LATER, message_id="0101"))
    assert (mailed.informed_at, mailed.shown_at, mailed.terms_hash) == (LATER, None, bare.terms_hash)
    consented = mailed.with_later_consent(CONSENT, replace(SHOWN, at=LATER + timedelta(days=1)))
    assert (consented.informed_at, consented.shown_at) == (LATER, LATER + timedelta(days=1))
    returned = consented.with_late_information(replace(first, sent_at=LATER, returned_at=LATER))
    assert returned.informed_at == LATER + timedelta(days=1)
    second = replace(first, number=2)
    both = returned.with_late_information(second)
    assert [one.number for one in both.late_information] == [1, 2]
    assert [one.number for one in both.with_late_information(first).late_information] == [1, 2]


def test_what_nobody_agreed_to_is_not_assumed() -> None:
    """Nor that an order is stored."""
    consent = Consent(given_at=MADE, text_version="1")
    assert (consent.asked_to_begin, consent.acknowledged_loss, consent.confirmation_id) == (False, False, None)
    assert ORDER.version == 0


def test_an_open_checkout_is_not_stored_yet() -> None:
    """Version 0 is what its first write is conditioned on."""
    assert OpenCheckout(order_id=ORDER.order_id, provider="stripe", checkout_id="cs_1").version == 0


def test_a_first_charge_is_shown_with_its_amount_and_its_day_or_not_at_all() -> None:
    """One without the other promises nothing that a payment could be held to."""
    assert replace(SHOWN, **CHARGE).first_charge == (1200, date(2026, 12, 1))
    assert [replace(SHOWN, **{name: CHARGE[name]}).first_charge for name in CHARGE] == [None, None]


def test_mails_about_the_right_of_withdrawal_are_in_the_order_of_their_numbers() -> None:
    """However late the first one is written."""
    second, first = (LateInformation(number=number, asked_at=MADE) for number in (2, 1))
    assert PACK.with_late_information(second).with_late_information(first).late_information == (first, second)


def test_an_order_without_consent_keeps_its_agreement() -> None:
    """It says what its digest says, until something else is read."""
    bare = replace(PACK, consent=None).with_agreement()
    assert bare.is_agreement_whole
    assert not replace(bare, is_business=True).is_agreement_whole
