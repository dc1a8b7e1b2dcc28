"""The figures that the published policy leaves open: one JSON file that a deployment can replace."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from ledger.domain.errors import PolicyError
from ledger.domain.fields import Fields, is_whole

DEFAULT_FILE = Path(__file__).with_name("parameters.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyParameters:
    """The figures that the published text leaves open."""

    version: str
    withdrawal_countries: frozenset[str]  # EU, EEA and the United Kingdom; ISO 3166-1 alpha-2
    withdrawal_days: int
    withdrawal_days_uninformed: int  # where no consent was recorded: 14 days and 12 months
    duplicate_settling: timedelta  # so long a lower rival may still arrive that is the original
    similar_within: timedelta  # two payments of one product and sum so close in time look like one charged twice
    mistaken_renewal_days: int
    automatic_renewal_refund_up_to_minor: Mapping[str, int]  # by currency; a person decides what is not in it
    persistent_failed_runs: int  # fewer are a minor outage
    is_paused: bool = False  # nothing is decided now; set by the deployment, not by the file


def load(path: Path = DEFAULT_FILE) -> PolicyParameters:
    """Read and validate a policy file. Raises PolicyError naming what is wrong."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise PolicyError(f"The policy {path} can't be read ({error.strerror}): set POLICY_FILE.") from error
    except ValueError as error:
        raise PolicyError(f"The policy {path} is not JSON: {error}.") from error
    return parse(document)


def parse(document: Any) -> PolicyParameters:
    """Validate a policy that was read from JSON. Raises PolicyError naming the field."""
    fields = Fields(document, "the policy", PolicyError)
    policy = PolicyParameters(
        version=fields.take("version", str),
        withdrawal_countries=_countries(fields),
        withdrawal_days=fields.between("withdrawal_days", 14, 365, "the law's 14 days or more, up to 365"),
        withdrawal_days_uninformed=fields.between(
            "withdrawal_days_uninformed", 380, 3650, "the law's 14 days and 12 months (380 days) or more, up to 3650"
        ),
        duplicate_settling=timedelta(seconds=fields.between("duplicate_settling_s", 0, 86_400)),
        similar_within=timedelta(hours=fields.between("similar_within_hours", 0, 24 * 31)),
        mistaken_renewal_days=fields.between("mistaken_renewal_days", 0, 365),
        automatic_renewal_refund_up_to_minor=_limits(fields),
        persistent_failed_runs=fields.between("persistent_failed_runs", 1, 1_000_000),
    )
    fields.end()
    return policy


def _countries(fields: Fields) -> frozenset[str]:
    name = "withdrawal_countries"
    countries = fields.take(name, list)
    for country in countries:
        if not (isinstance(country, str) and re.fullmatch("[A-Z]{2}", country)):
            fields.refuse(name, country, "country codes of two upper-case letters")
        if countries.count(country) > 1:
            fields.refuse(name, country, "named once")
    if not countries:
        fields.refuse(name, countries, "the countries whose consumers may withdraw")
    return frozenset(countries)


def _limits(fields: Fields) -> Mapping[str, int]:
    name = "automatic_renewal_refund_up_to_minor"
    limits: dict[str, Any] = fields.take(name, dict)
    for currency, limit_minor in limits.items():
        if not re.fullmatch("[A-Z]{3}", currency):
            fields.refuse(name, currency, "currency codes of three upper-case letters")
        if not is_whole(limit_minor) or limit_minor < 0:
            fields.refuse(f"{name}.{currency}", limit_minor, "minor units, 0 or more")
    return limits
