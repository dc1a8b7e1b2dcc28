"""The refund policy's versions: one JSON file each, with the figures that its published text leaves open.

A file names the text, and the file of the version that it replaces, both in its own folder. A contract is judged by the
version that it was sold under (`PolicyParameters.sold_under`), so no version's file is ever deleted.

    policy.json  ──replaces──►  policy-2026-11-01.json
       └► published_text: policy.txt     └► published_text: policy-2026-11-01.txt
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ledger.domain.errors import PolicyError
from ledger.domain.fields import Fields, is_whole
from ledger.domain.proposals import CREDITS, SupportLimit
from ledger.domain.recent_requests import LimitedRequest, RequestLimit
from ledger.domain.records import record
from ledger.policy import law
from ledger.policy.law import Law

DEFAULT_FILE = Path(__file__).with_name("parameters.json")


@record(frozen=True, kw_only=True)
class PolicyParameters:
    """One version of the policy: its published text, and the figures that the text leaves open."""

    version: str
    published_text: Path
    replaces: "PolicyParameters | None" = None  # the version before
    withdrawal_days: int  # of a statutory right: the law's days, or more
    withdrawal_days_uninformed: int  # where no consent was recorded: 14 days and 12 months, or more
    duplicate_settling: timedelta  # so long a lower rival may still arrive that is the original
    similar_within: timedelta  # two payments of one product and sum so close in time look like one charged twice
    mistaken_renewal_days: int
    automatic_renewal_refund_up_to_minor: Mapping[str, int]  # by currency; a person decides what is not in it
    fraud_warning_refund_up_to_minor: Mapping[str, int]  # by currency; a warning of what is not in it is a flag only
    persistent_failed_runs: int  # fewer are a minor outage
    support_limits: Mapping[str, SupportLimit]  # by currency, and `credits`; what is not in it needs two persons
    request_limits: Mapping[LimitedRequest, RequestLimit]  # of an account, of each kind
    declarations_of_a_contract: RequestLimit  # without a login, that need no person; above it one decides
    law: Law = field(default_factory=law.load)
    contacted_first_from: datetime | None = None  # who writes from then on, before a dispute, is not held. None: off
    debt_refuses_orders_above: int = 0  # credits: an account that owes more places no new order
    is_paused: bool = False  # nothing is decided now; set by the deployment, not by the file

    @property
    def versions(self) -> "Iterator[PolicyParameters]":
        """Yield this version and those before it, the newest first."""
        version: PolicyParameters | None = self
        while version:
            yield version
            version = version.replaces

    def sold_under(self, version: str) -> "PolicyParameters | None":
        """Return this version of the policy. None: there never was one."""
        return next((one for one in self.versions if one.version == version), None)

    @property
    def digest_of_text(self) -> str:
        """Return the digest of the text that customers read: evidence of what was shown."""
        return hashlib.sha256(self.read_published_text().encode()).hexdigest()[:32]

    def read_published_text(self) -> str:
        """Return the text that customers read."""
        return self.published_text.read_text("utf-8")


def load(path: Path = DEFAULT_FILE) -> PolicyParameters:
    """Read and validate the current version's file, and those before it. Raise PolicyError naming what is wrong."""
    return _load(path, ())


def _load(path: Path, newer: tuple[Path, ...]) -> PolicyParameters:
    if path in newer:
        raise PolicyError(f"The policy {newer[-1]}: `replaces` is {path.name!r}, should be the version before it.")
    try:
        document = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise PolicyError(f"The policy {path} can't be read ({error.strerror}): set POLICY_FILE.") from error
    except ValueError as error:
        raise PolicyError(f"The policy {path} is not JSON: {error}.") from error
    replaced = document.get("replaces") if isinstance(document, dict) else None
    earlier = _load(path.with_name(replaced), (*newer, path)) if isinstance(replaced, str) and replaced else None
    return parse(document, path, earlier)


def parse(document: Any, path: Path = DEFAULT_FILE, earlier: PolicyParameters | None = None) -> PolicyParameters:
    """Validate a version that was read from a JSON file. Raise PolicyError naming the field.

    `earlier` is the version that it replaces.
    """
    fields = Fields(document, f"the policy {path}", PolicyError)
    fields.take("replaces", str, None)
    policy = PolicyParameters(
        version=fields.take("version", str),
        published_text=_text_file(fields, path.parent),
        replaces=earlier,
        withdrawal_days=fields.between("withdrawal_days", 14, 365, "the law's 14 days or more, up to 365"),
        withdrawal_days_uninformed=fields.between(
            "withdrawal_days_uninformed", 380, 3650, "the law's 14 days and 12 months (380 days) or more, up to 3650"
        ),
        duplicate_settling=timedelta(seconds=fields.between("duplicate_settling_s", 0, 86_400)),
        similar_within=timedelta(hours=fields.between("similar_within_hours", 0, 24 * 31)),
        mistaken_renewal_days=fields.between("mistaken_renewal_days", 0, 365),
        automatic_renewal_refund_up_to_minor=_limits(fields, "automatic_renewal_refund_up_to_minor"),
        fraud_warning_refund_up_to_minor=_limits(fields, "fraud_warning_refund_up_to_minor"),
        persistent_failed_runs=fields.between("persistent_failed_runs", 1, 1_000_000),
        support_limits=_support_limits(fields, path),
        request_limits=_request_limits(fields, path),
        declarations_of_a_contract=_declaration_limit(fields, path),
        contacted_first_from=_start_of_day(fields, "contacted_first_from"),
        debt_refuses_orders_above=fields.between("debt_refuses_orders_above", 0, 10_000_000),
    )
    fields.end()
    if earlier and earlier.sold_under(policy.version):
        fields.refuse("version", policy.version, "one that no earlier version has")
    return policy


def _start_of_day(fields: Fields, name: str) -> datetime | None:
    """Return when the day begins (UTC) from which on a setting counts. None: `open`, it does not."""
    written: str = fields.take(name, str)
    if written == "open":
        return None
    try:
        return datetime.strptime(written, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        fields.refuse(name, written, "a day such as 2027-01-01, or open")


def _text_file(fields: Fields, folder: Path) -> Path:
    name = "published_text"
    path = folder / str(fields.take(name, str))
    if not path.is_file():
        fields.refuse(name, path.name, f"a text file in {folder}")
    return path


def _support_limits(fields: Fields, path: Path) -> Mapping[str, SupportLimit]:
    name = "support_limits"
    document: dict[str, Any] = fields.take(name, dict)
    limits = {}
    for unit, content in document.items():
        if unit != CREDITS and not re.fullmatch("[A-Z]{3}", unit):
            fields.refuse(name, unit, f"currency codes of three upper-case letters, or {CREDITS}")
        figures = Fields(content, f"the policy {path}: {name}.{unit}", PolicyError)
        limits[unit] = SupportLimit(day=figures.between("day", 0, _MOST), month=figures.between("month", 0, _MOST))
        figures.end()
    return limits


_MOST = 10**12


def _request_limits(fields: Fields, path: Path) -> Mapping[LimitedRequest, RequestLimit]:
    name = "request_limits"
    document: dict[str, Any] = fields.take(name, dict)
    limits = {}
    for kind, content in document.items():
        if kind not in {*LimitedRequest}:
            fields.refuse(name, kind, f"some of {', '.join(LimitedRequest)}")
        figures = Fields(content, f"the policy {path}: {name}.{kind}", PolicyError)
        within = timedelta(seconds=figures.between("within_s", 60, 86_400))
        limits[LimitedRequest(kind)] = RequestLimit(most=figures.between("most", 1, 1000), within=within)
        figures.end()
    if limits.keys() != {*LimitedRequest}:
        fields.refuse(name, ", ".join(limits), f"all of {', '.join(LimitedRequest)}")
    return limits


def _declaration_limit(fields: Fields, path: Path) -> RequestLimit:
    name = "declarations_of_a_contract"
    figures = Fields(fields.take(name, dict), f"the policy {path}: {name}", PolicyError)
    within = timedelta(days=figures.between("within_days", 1, 365))
    limit = RequestLimit(most=figures.between("most", 1, 50), within=within)
    figures.end()
    return limit


def _limits(fields: Fields, name: str) -> Mapping[str, int]:
    limits: dict[str, Any] = fields.take(name, dict)
    for currency, limit_minor in limits.items():
        if not re.fullmatch("[A-Z]{3}", currency):
            fields.refuse(name, currency, "currency codes of three upper-case letters")
        if not is_whole(limit_minor) or limit_minor < 0:
            fields.refuse(f"{name}.{currency}", limit_minor, "minor units, 0 or more")
    return limits
