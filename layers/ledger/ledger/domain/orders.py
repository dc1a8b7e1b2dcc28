"""Orders: the terms that the customer accepted. We store an order before any payment.

The checkout carries the terms too, as text (`Order.carried_terms`), so that a payment is granted without reading the
order. The digest of that text (`Order.terms_hash`) is stored with the order, and is a condition of the grant: a text
that anybody else wrote is worth nothing.
"""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from enum import StrEnum

from ledger.domain.ids import AccountId, OrderId
from ledger.domain.records import record
from ledger.domain.unknown_fields import KeepsUnknownFields, has_unknown_fields


@record(frozen=True, kw_only=True)
class RenewalTerms(KeepsUnknownFields):
    """What the buyer of a plan was shown about its renewals."""

    amount_minor: int  # of each renewal, tax included, in the order's currency
    every_months: int  # how long each period is
    first_on: date  # the day (UTC) of the first charge after the order; of a trial: of its first charge


@record(frozen=True, kw_only=True)
class ShownInformation(KeepsUnknownFields):
    """What the buyer was shown before the order: the right of withdrawal, the button, the price, the renewals.

    It is evidence of its own, apart from the consents.
    """

    policy_version: str  # of the published policy
    text_version: str  # of the page that showed the right, its conditions and its end
    language: str  # of that page: ISO 639-1
    digest: str  # of the published policy's text
    at: datetime
    first_charge_minor: int | None = None  # of a trial: what the first charge after it will be, in the order's currency
    first_charge_on: date | None = None  # and on which day (UTC). None: neither was shown
    button_label: str | None = None  # the words on the button that placed the order; None: not recorded
    total_minor: int | None = None  # the price that was shown, tax included, in the order's currency
    renewal: RenewalTerms | None = None  # of a plan; None: not recorded

    @property
    def first_charge(self) -> tuple[int, date] | None:
        """Return the amount and the day of the first charge after a trial. None: they were not shown."""
        amount_minor, day = self.first_charge_minor, self.first_charge_on
        return None if amount_minor is None or day is None else (amount_minor, day)


@record(frozen=True, kw_only=True)
class LateInformation(KeepsUnknownFields):
    """A mail about the right of withdrawal to a buyer to whom nothing of it was shown with the order.

    Each time is written once, and in any order: a mail that came back informs nobody, whenever that is reported.

        asked for ──► accepted for delivery: the days run from then ──► came back: they never began
    """

    number: int  # of the order's mails of this kind: the first one is 1
    asked_at: datetime  # when a person of support asked for it
    sent_at: datetime | None = None  # when it was accepted for delivery; None: it waits, or was not
    message_id: str | None = None  # the mail service's
    returned_at: datetime | None = None  # when it came back

    @property
    def informed_at(self) -> datetime | None:
        """Return when it informed the buyer. None: it did not."""
        return None if self.returned_at else self.sent_at


@record(frozen=True, kw_only=True)
class Consent(KeepsUnknownFields):
    """What the customer agreed to before the first use, as the law of withdrawal requires it.

    Used credits are paid for only if all of it was there before they were used: the express request to begin at once,
    the acknowledgement of what that ends, and the confirmation of both on a durable medium. What comes after the first
    use, or after a withdrawal was declared, changes nothing.

        given ──► confirmed ──► its message came back ──┬─ nothing was used ──► given
           └► confirmed late: it does not count         └─ credits were used ──► given, and `revoked_at` stays
    """

    given_at: datetime
    text_version: str  # of the text that the customer accepted
    asked_to_begin: bool = False  # the express request to begin at once
    acknowledged_loss: bool = False  # that this ends the right to withdraw
    confirmation_id: str | None = None  # of the message (an e-mail) that confirmed the consent
    confirmed_at: datetime | None = None  # None: it is not confirmed, or was before this was recorded
    is_late: bool = False  # it was confirmed after the first use, or after a withdrawal was declared
    revoked_at: datetime | None = None  # a confirmation came back after credits were used: a person decides
    further_ids: tuple[str, ...] = ()  # later confirmations: one of them counts if the first one comes back
    returned_ids: tuple[str, ...] = ()  # the confirmations that came back: none of them counts again

    @property
    def is_requested(self) -> bool:
        """Return whether the customer asked to begin and acknowledged what that ends."""
        return self.asked_to_begin and self.acknowledged_loss

    @property
    def is_complete(self) -> bool:
        """Return whether credits can be used: it is requested, and was confirmed in time."""
        return self.is_requested and self.confirmation_id is not None and not self.is_late

    def confirmed(self, confirmation_id: str, at: datetime, *, is_used: bool, is_withdrawn: bool) -> "Consent":
        """Return the consent with this confirmation. One that came back before it was recorded changes nothing.

        Use under an earlier one, which came back, is no obstacle: a person decides about a withdrawal in any case.
        """
        if confirmation_id in (self.confirmation_id, *self.further_ids, *self.returned_ids):
            return self
        if self.is_complete:
            return replace(self, further_ids=(*self.further_ids, confirmation_id))
        is_late = is_withdrawn or (is_used and self.revoked_at is None)
        return replace(self, confirmation_id=confirmation_id, confirmed_at=at, is_late=is_late)

    def without(self, confirmation_id: str, at: datetime, *, is_used: bool) -> "Consent":
        """Return the consent after a confirmation came back. If another one is there, that counts from now on."""
        if confirmation_id in self.returned_ids:
            return self
        others = tuple(one for one in self.further_ids if one != confirmation_id)
        consent = replace(self, further_ids=others, returned_ids=(*self.returned_ids, confirmation_id))
        if confirmation_id != self.confirmation_id:
            return consent
        if is_used and not self.is_late:
            consent = replace(consent, revoked_at=at)
        if others:
            return replace(consent, confirmation_id=others[0], further_ids=others[1:])
        return replace(consent, confirmation_id=None, confirmed_at=None, is_late=False)


@record(frozen=True, kw_only=True)
class RenewalConsent(KeepsUnknownFields):
    """The buyer's consent to the renewal terms of a plan, apart from every other consent."""

    given_at: datetime
    text_version: str  # of the text that the customer accepted
    words: str  # of that text, as they were shown


class MissingConsent(StrEnum):
    """What an order's consent still needs before its credits can be used."""

    REQUEST = "consent"  # the customer's
    CONFIRMATION = "confirmation"  # ours, by e-mail


@record(frozen=True, kw_only=True)
class Checkout(KeepsUnknownFields):
    """The provider's page on which the customer pays for an order."""

    checkout_id: str
    url: str | None = None  # None: it was not read; it is long, so it is not stored with the order


@record(frozen=True, kw_only=True)
class OpenCheckout:
    """The latest checkout of a plan that an account was given. It is closed before the address of another is returned.

    It may have been paid or closed since: the provider knows.
    """

    order_id: OrderId
    provider: str
    checkout_id: str
    version: int = 0  # of the stored document; 0: not stored yet


@record(frozen=True, kw_only=True)
class Terms(KeepsUnknownFields):
    """What one unit of the product grants, as it was agreed: see `ledger.domain.catalogue.Product`."""

    kind: str  # of the product
    price_id: str  # the provider's, that the checkout sells
    credits: int
    expires_after_days: int | None = None
    rolls_over: bool = False
    renewal_grace_s: int = 0
    usable_at_least_s: int = 0
    trial_credits: int = 0
    lock_days: int | None  # so long after the payment nothing is used without complete consent; None: no lock


@record(frozen=True, kw_only=True)
class Order(KeepsUnknownFields):
    """The terms of one sale. A payment for the order grants what they say, whatever the catalogue says by then."""

    order_id: OrderId
    account_id: AccountId
    provider: str
    product_id: str
    price_minor: int  # before tax and discount
    currency: str  # ISO 4217, upper case
    country: str  # the buyer's, ISO 3166-1 alpha-2
    is_business: bool
    policy_version: str  # of the refund policy that the customer accepted
    made_at: datetime
    terms: Terms | None = None  # None: it was placed before orders kept them
    consent: Consent | None = None
    shown: ShownInformation | None = None  # None: nothing was recorded
    renewal_consent: RenewalConsent | None = None  # of a plan; None: not recorded
    late_information: tuple[LateInformation, ...] = ()  # mailed after it, because nothing was shown with it
    checkout: Checkout | None = None  # None: the provider has not created it yet
    agreement: str | None = None  # the digest of what was agreed beside the sale; None: it follows from the rest
    version: int = 0  # 0: not stored yet

    def with_agreement(self) -> "Order":
        """Return the order with the digest of what was agreed beside the sale.

        So it stays what it is when a release rewrites the order that does not know all of it.
        """
        return replace(self, agreement=self._agreement_digest())

    @property
    def is_agreement_whole(self) -> bool:
        """Return whether the order still says what its agreement is the digest of, as far as this release can tell.

        It can't of an order whose consent was given later, and of one with fields of a newer release.
        """
        is_given_later = self.consent is not None and self.consent.given_at > self.made_at
        if self.agreement is None or is_given_later or has_unknown_fields(self):
            return True
        return replace(self, agreement=None).with_agreement() == self

    def with_later_consent(self, consent: Consent, shown: ShownInformation) -> "Order":
        """Return the order with a consent that was given after it. Its terms stay as they were agreed.

        `shown` is what was shown with the consent. It counts as the information of an order that has none.
        """
        return replace(self, consent=consent, shown=self.shown or shown, agreement=self._agreement_digest())

    @property
    def informed_at(self) -> datetime | None:
        """Return when the buyer was informed of the right of withdrawal. None: nothing of that is recorded.

        That is the first time of all: with the order, with a consent that was given later, or by a mail.
        """
        mailed = (one.informed_at for one in self.late_information)
        return min((at for at in (self.shown_at, *mailed) if at), default=None)

    @property
    def shown_at(self) -> datetime | None:
        """Return when the buyer was shown the right of withdrawal on a page. None: that is not recorded.

        Orders that were placed before it was recorded have the text that their consent names.
        """
        if self.shown:
            return self.shown.at
        return self.consent.given_at if self.consent else None

    def with_late_information(self, mail: LateInformation) -> "Order":
        """Return the order with this mail, new or changed."""
        mails = {one.number: one for one in (*self.late_information, mail)}
        return replace(self, late_information=tuple(mails[number] for number in sorted(mails)))

    @property
    def missing_consent(self) -> MissingConsent | None:
        """Return what the consent still needs. None: it is complete."""
        consent = self.consent
        if consent is None or not consent.is_requested or consent.is_late:
            return MissingConsent.REQUEST
        return None if consent.is_complete else MissingConsent.CONFIRMATION

    @property
    def carried_terms(self) -> str | None:
        """Return all that was agreed, as the checkout carries it. None: the order has no terms.

        What was agreed beside the sale (policy, consent, country) is there as a digest only.
        """
        if self.terms is None:
            return None
        terms = self.terms
        return _as_text(
            {
                "account_id": self.account_id,
                "order_id": self.order_id,
                "product_id": self.product_id,
                "price_minor": self.price_minor,
                "currency": self.currency,
                "kind": terms.kind,
                "price_id": terms.price_id,
                "credits": terms.credits,
                "expires_after_days": terms.expires_after_days,
                "rolls_over": terms.rolls_over or None,
                "renewal_grace_s": terms.renewal_grace_s or None,
                "usable_at_least_s": terms.usable_at_least_s or None,
                "trial_credits": terms.trial_credits or None,
                "lock_days": terms.lock_days,
                "agreement": self._agreement_digest(),
            }
        )

    @property
    def terms_hash(self) -> str | None:
        """Return the digest of all that was agreed. None: the order has no terms."""
        carried = self.carried_terms
        return hash_of_terms(carried) if carried else None

    def _agreement_digest(self) -> str:
        """Return the digest of what was agreed beside the sale.

        A consent is confirmed later, and may be given later: that is not in it.
        """
        if self.agreement:
            return self.agreement
        consent, renewal = self.consent, self.renewal_consent
        agreement = {
            "provider": self.provider,
            "country": self.country,
            "is_business": self.is_business,
            "policy_version": self.policy_version,
            "made_at": self.made_at.astimezone(UTC).isoformat(),
            "consent": consent
            and [
                consent.given_at.astimezone(UTC).isoformat(),
                consent.text_version,
                consent.asked_to_begin,
                consent.acknowledged_loss,
            ],
            "shown": self.shown and _shown_as_list(self.shown),
            "renewal": renewal and [renewal.given_at.astimezone(UTC).isoformat(), renewal.text_version, renewal.words],
        }
        return hash_of_terms(_as_text(agreement))[:16]


def _shown_as_list(shown: ShownInformation) -> list[object]:
    """Return what was shown, for a digest. What is not recorded is left out: the digests of older orders stay."""
    charge = [shown.first_charge_minor, str(shown.first_charge_on)] if shown.first_charge else []
    terms = shown.renewal
    more = {
        "button": shown.button_label,
        "total_minor": shown.total_minor,
        "renewal": terms and [terms.amount_minor, terms.every_months, str(terms.first_on)],
    }
    known = {name: value for name, value in more.items() if value is not None}
    return [shown.text_version, shown.language, shown.digest, *charge, *([known] if known else [])]


def hash_of_terms(carried: str) -> str:
    """Return the digest of terms in the text form in which a checkout carries them."""
    return hashlib.sha256(carried.encode()).hexdigest()[:32]


def _as_text(content: dict[str, object]) -> str:
    known = {name: value for name, value in content.items() if value is not None}
    return json.dumps(known, sort_keys=True, separators=(",", ":"))
