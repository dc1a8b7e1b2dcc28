"""Declarations: a withdrawal from a contract, or its cancellation, that anybody can make in two steps without a login.

Who is logged in can ask for a review by a person. Such a declaration is in review at once, until a person answers it.

    draft ──► confirmed ──► matched ──► approved ──► executed
                  │             │           │
                  └─────────────┴───────────┴──► in_review ──► approved, closed        executed ──► closed

    from        to          what causes it
    draft       confirmed   step 2. What is due counts from it; the period from step 1, if that was within a day
    confirmed   matched     the contract was found
                in_review   it was not found, or a person must decide
    matched     approved    the link in the mail to the address on file, or a day after that mail without an objection
                in_review   the objection, an earlier one about the same contract, or no mail to the address on file
    approved    executed    a refund case is open, or the renewals are to be stopped
                in_review   it can't be carried out as it is
    in_review   approved    a person names the contract
                closed      a person has settled it another way, or answered a review
    executed    closed      the holder objected too late, and a person has settled that

Who declares proves nothing by it: he has no login, and an order's number may be a stranger's. So a declaration is
received, dated and acknowledged at once, whatever it names, and is carried out once the holder of the address on file
has had the time to object.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from ledger.domain.errors import RequestRefused
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.records import record

ANSWERED_WITHIN = timedelta(days=14)
"""Until when the money of a withdrawal must be back, from its confirmation (Directive 2011/83/EU, article 13)."""

OBJECTION_PERIOD = timedelta(hours=24)
"""How long the holder of the address on file can object before a declaration is carried out."""


class DeclarationKind(StrEnum):
    """What is declared."""

    WITHDRAWAL = "withdrawal"
    CANCELLATION = "cancellation"
    REVIEW = "review"  # of a suspension or a decision, by a person (Regulation (EU) 2016/679, article 22(3))


PUBLIC_KINDS = (DeclarationKind.WITHDRAWAL, DeclarationKind.CANCELLATION)
"""The kinds that anybody can declare without a login."""


class DeclarationState(StrEnum):
    """The state of a declaration."""

    DRAFT = "draft"  # step 1 was made
    CONFIRMED = "confirmed"  # step 2 was made
    MATCHED = "matched"  # its contract is known; the holder of the address on file can approve and object
    APPROVED = "approved"  # it is to be carried out
    EXECUTED = "executed"
    IN_REVIEW = "in_review"  # a person decides
    CLOSED = "closed"  # by a person


class ReviewCause(StrEnum):
    """Why a person decides about a declaration."""

    NO_MATCH = "no_match"  # what it names is no contract that is known
    SEVERAL_MATCHES = "several_matches"  # it names contracts of different customers
    OBJECTED = "objected"  # the holder of the address on file objected
    OBJECTED_BEFORE = "objected_before"  # to an earlier one about the same contract, and was silent about this one
    NOT_NOTICED = "not_noticed"  # no mail to the address on file was accepted for delivery
    MANY = "many"  # many came from the same source or address, or in all, within an hour; or about one contract
    EXTRAORDINARY = "extraordinary"  # a cancellation for cause
    LATER_END = "later_end"  # a cancellation at a day of the customer's choice
    NO_SUBSCRIPTION = "no_subscription"  # there is nothing that renews, or there are several
    NOT_EXECUTABLE = "not_executable"  # the purchase can't be withdrawn from as it is
    SUSPENDED = "suspended"  # the customer asks for a review of the account's suspension
    DECLINED = "declined"  # the customer asks for a review of a declined request


TRANSITIONS: Mapping[DeclarationState, frozenset[DeclarationState]] = {
    DeclarationState.DRAFT: frozenset({DeclarationState.CONFIRMED}),
    DeclarationState.CONFIRMED: frozenset({DeclarationState.MATCHED, DeclarationState.IN_REVIEW}),
    DeclarationState.MATCHED: frozenset({DeclarationState.APPROVED, DeclarationState.IN_REVIEW}),
    DeclarationState.APPROVED: frozenset({DeclarationState.EXECUTED, DeclarationState.IN_REVIEW}),
    DeclarationState.IN_REVIEW: frozenset({DeclarationState.APPROVED, DeclarationState.CLOSED}),
    DeclarationState.EXECUTED: frozenset({DeclarationState.CLOSED}),
    DeclarationState.CLOSED: frozenset(),
}
"""The table above: from each state, the states that may follow."""


class Channel(StrEnum):
    """How a declaration reached us."""

    PAGE = "page"
    API = "api"


BY_LINK, BY_SILENCE = "link", "silence"
"""Who approved a declaration, apart from a person: the link in the mail, or a day without an objection."""


@record(frozen=True, kw_only=True)
class Submission:
    """What a declaration says, as it was sent."""

    kind: DeclarationKind
    name: str
    contract: str  # in the customer's words: an order, an invoice, the day of a mail
    email: str  # where the acknowledgement is sent
    language: str  # of the page, and of the mails
    statement: str  # word for word, in that language
    part: str = ""  # of the contract, if only a part is withdrawn from
    message: str = ""  # a free statement; of an extraordinary cancellation, the cause
    is_extraordinary: bool = False  # a cancellation for cause
    ends_on: date | None = None  # a cancellation's day; None: as soon as possible
    channel: Channel = Channel.PAGE
    source: str = ""  # a digest of the network address, while the declaration is open

    @property
    def fingerprint(self) -> str:
        """Return one text for one content, whenever and from wherever it was sent."""
        content = [
            *(self.kind, self.name, self.contract, self.email, self.part, self.message),
            *(str(self.is_extraordinary), str(self.ends_on)),
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@record(frozen=True, kw_only=True)
class Declaration:
    """A declaration. It holds personal data, and no entry, purchase or account refers to it."""

    declaration_id: str  # the reference number in the acknowledgement: `W-7K3F-9Q2M-4XNP`
    state: DeclarationState
    submission: Submission
    declared_at: datetime  # step 1
    confirmed_at: datetime | None = None  # step 2
    token_hash: str  # of the secret that step 2 needs
    acknowledged_at: datetime | None = None  # when the mail to the given address was accepted for delivery
    noticed_at: datetime | None = None  # when the mail to the address on file was
    approval_hashes: tuple[str, ...] = ()  # of the secrets in the links that were mailed to the address on file
    objection_hashes: tuple[str, ...] = ()
    account_id: AccountId | None = None  # of the contract
    payment_id: PaymentId | None = None  # the contract's first payment
    subscription_id: str | None = None  # of a cancellation
    approved_by: str | None = None  # BY_LINK, BY_SILENCE, or the person's id
    begun_at: datetime | None = None  # when it began to be carried out: from then on an objection comes too late
    objected_at: datetime | None = None  # may be after it was carried out
    review_cause: ReviewCause | None = None
    case_id: str | None = None  # of the refund case that it opened
    reseller: str = ""  # who sold the contract, if it was not we: a withdrawal is passed on to him
    forwarded_at: datetime | None = None  # when a person passed it on
    forwarded_by: str | None = None  # the person's id
    closed_by: str | None = None  # the person's id
    closing_reason: str = ""  # in the person's own words; of a review, the answer to the customer
    version: int = 0  # 0: not stored yet

    @property
    def kind(self) -> DeclarationKind:
        return self.submission.kind

    @property
    def is_confirmed(self) -> bool:
        return self.confirmed_at is not None

    @property
    def contract_id(self) -> str | None:
        """Return the id of the contract that was found: the subscription's, else the first payment's. None: none."""
        return self.subscription_id or self.payment_id

    @property
    def due_by(self) -> datetime | None:
        """Return by when it must be settled. None: it is not confirmed."""
        return self.confirmed_at + ANSWERED_WITHIN if self.confirmed_at else None

    @property
    def is_listed(self) -> bool:
        """Return whether something is still to be done: by a job, the mails, or a person."""
        is_settled = self.state in {DeclarationState.EXECUTED, DeclarationState.CLOSED}
        if self.kind is DeclarationKind.REVIEW:
            return not is_settled
        is_for_a_person = self.is_to_be_forwarded or self.has_late_objection
        return self.is_confirmed and not (is_settled and self.acknowledged_at and not is_for_a_person)

    @property
    def has_late_objection(self) -> bool:
        """Return whether the holder of the address on file objected to what was carried out already."""
        return self.state is DeclarationState.EXECUTED and self.objected_at is not None

    @property
    def is_to_be_forwarded(self) -> bool:
        """Return whether a person has yet to pass a withdrawal on to who sold the contract."""
        return bool(self.reseller) and self.kind is DeclarationKind.WITHDRAWAL and self.forwarded_at is None

    def with_state(self, state: DeclarationState) -> "Declaration":
        """Return the declaration in another state. Raise RequestRefused if TRANSITIONS does not allow it."""
        if state not in TRANSITIONS[self.state]:
            raise RequestRefused(f"The declaration is {self.state}: it can't become {state}.")
        return replace(self, state=state)

    def in_review(self, cause: ReviewCause) -> "Declaration":
        """Return the declaration for a person to decide, and why."""
        return replace(self.with_state(DeclarationState.IN_REVIEW), review_cause=cause)


@record(frozen=True, kw_only=True)
class DeclaredContract:
    """What was declared about one contract without a login. Once its holder has objected, no silence approves."""

    contract_id: str  # the subscription's, else the first payment's
    declared_at: tuple[datetime, ...] = ()  # when the latest declarations were found to be about it, oldest first
    objected_at: datetime | None = None  # the first objection to one of them
    version: int = 0  # 0: not stored yet

    def with_declaration(self, at: datetime) -> "DeclaredContract":
        """Return it with one declaration more. Only the latest are kept: what is counted is far below that."""
        return replace(self, declared_at=(*self.declared_at, at)[-MOST_KEPT:])

    def since(self, at: datetime) -> int:
        """Return how many declarations were found to be about it after a time."""
        return sum(one > at for one in self.declared_at)


MOST_KEPT = 50
"""How many declarations about one contract are remembered."""


@record(frozen=True, kw_only=True)
class ListedDeclaration:
    """A declaration in the list of those that are open, by state and time of confirmation."""

    declaration_id: str
    state: DeclarationState
    since: datetime  # when it was confirmed
    source: str  # as in its submission
    email_hash: str  # of the address that it names


def declaration_id(kind: DeclarationKind, *causes: str) -> str:
    """Return the id that follows from these causes: twelve characters that nobody confuses, after the kind's letter."""
    number = int.from_bytes(hashlib.sha256(json.dumps([kind, *causes]).encode()).digest())
    digits = [_ALPHABET[number >> (5 * place) & 31] for place in range(12)]
    groups = ["".join(digits[start : start + 4]) for start in (0, 4, 8)]
    return "-".join([_LETTERS[kind], *groups])


def hash_of(secret: str) -> str:
    """Return what is stored of a secret, or of an address that is only compared."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_one_of(secret: str, hashes: tuple[str, ...]) -> bool:
    """Return whether a secret is one of those whose hashes are stored. Its time does not depend on which."""
    given = hash_of(secret)
    return sum(hmac.compare_digest(given, stored) for stored in hashes) > 0


_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O and U
_LETTERS = {DeclarationKind.WITHDRAWAL: "W", DeclarationKind.CANCELLATION: "C", DeclarationKind.REVIEW: "R"}
