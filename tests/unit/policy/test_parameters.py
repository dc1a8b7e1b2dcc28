"""A wrong policy file is refused before it decides anything; the message names the field and what would be right."""

import copy
import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger.domain.errors import PolicyError
from ledger.domain.proposals import SupportLimit
from ledger.domain.recent_requests import LimitedRequest, RequestLimit
from ledger.policy import law, rules
from ledger.policy.parameters import PolicyParameters

RIGHT: dict[str, Any] = json.loads(rules.DEFAULT_FILE.read_text("utf-8"))
MISSING = object()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("version", MISSING, "version is None, should be a text"),
        ("version", " ", "version is ' ', should be a text"),
        ("version", 7, "version is 7, should be a text"),
        ("withdrawal_days", 13, "withdrawal_days is 13, should be the law's 14 days or more"),
        ("withdrawal_days", 10**9, "withdrawal_days is 1000000000"),
        ("withdrawal_days", True, "withdrawal_days is True, should be a whole number"),
        ("withdrawal_days", 14.0, "withdrawal_days is 14.0, should be a whole number"),
        ("withdrawal_days", MISSING, "withdrawal_days is None"),
        ("withdrawal_days_uninformed", 379, "withdrawal_days_uninformed is 379, should be the law's .*380"),
        ("withdrawal_days_uninformed", 10**20, "withdrawal_days_uninformed is"),
        ("duplicate_settling_s", -1, "duplicate_settling_s is -1, should be 0 or more"),
        ("duplicate_settling_s", 10**20, "duplicate_settling_s is 10+, should be 0 to 86400"),
        ("similar_within_hours", 10**20, "similar_within_hours is 10+, should be 0 to 744"),
        ("similar_within_hours", "2", "similar_within_hours is '2', should be a whole number"),
        ("mistaken_renewal_days", 366, "mistaken_renewal_days is 366, should be 0 to 365"),
        ("automatic_renewal_refund_up_to_minor", [], "should be an object"),
        ("automatic_renewal_refund_up_to_minor", {"eur": 1}, "'eur', should be currency codes of three upper-case"),
        ("automatic_renewal_refund_up_to_minor", {"EUR": -1}, r"up_to_minor\.EUR is -1, should be minor units"),
        ("automatic_renewal_refund_up_to_minor", {"EUR": 10.5}, r"up_to_minor\.EUR is 10.5"),
        ("automatic_renewal_refund_up_to_minor", {"EUR": True}, r"up_to_minor\.EUR is True"),
        ("persistent_failed_runs", 0, "persistent_failed_runs is 0, should be 1 to"),
        ("contacted_first_from", 7, "contacted_first_from is 7, should be a text"),
        ("contacted_first_from", "soon", "contacted_first_from is 'soon', should be a day such as 2027-01-01, or open"),
        ("debt_refuses_orders_above", "0", "debt_refuses_orders_above is '0', should be a whole number"),
        ("debt_refuses_orders_above", 10**20, "debt_refuses_orders_above is 10+, should be 0 to 10000000"),
        ("support_limits", [], r"support_limits is \[\], should be an object"),
        ("declarations_of_a_contract", 3, "declarations_of_a_contract is 3, should be an object"),
        ("declarations_of_a_contract", {"most": 0, "within_days": 30}, "most is 0, should be 1 to 50"),
        ("declarations_of_a_contract", {"most": 51, "within_days": 30}, "most is 51, should be 1 to 50"),
        ("declarations_of_a_contract", {"most": 3, "within_days": 0}, "within_days is 0, should be 1 to 365"),
        ("declarations_of_a_contract", {"most": 3, "within_days": 366}, "within_days is 366, should be 1 to 365"),
        ("declarations_of_a_contract", {"most": 3, "within_days": 30, "x": 1}, "unknown field x"),
        ("support_limits", {"eur": {"day": 1, "month": 1}}, "'eur', should be currency codes of three .*, or credits"),
        ("support_limits", {"EUR": {"day": 1}}, r"parameters.json: support_limits\.EUR: month is None"),
        ("support_limits", {"EUR": {"month": 1}}, r"parameters.json: support_limits\.EUR: day is None"),
        (
            "support_limits",
            {"EUR": {"day": 1, "month": 1, "year": 1}},
            r"parameters.json: support_limits\.EUR: unknown field year",
        ),
        ("request_limits", {"order": {}}, "request_limits is 'order', should be some of orders, consents"),
        (
            "request_limits",
            {"orders": {"most": 0, "within_s": 60}},
            r"request_limits\.orders: most is 0, should be 1 to",
        ),
        ("request_limits", {"orders": {"most": 1001, "within_s": 60}}, "most is 1001, should be 1 to 1000"),
        ("request_limits", {"orders": {"most": 1, "within_s": 59}}, "within_s is 59, should be 60 to 86400"),
        ("request_limits", {"orders": {"most": 1, "within_s": 86401}}, "within_s is 86401, should be 60 to 86400"),
        ("request_limits", {"orders": {"most": 1, "within_s": 60, "x": 1}}, "unknown field x"),
        ("request_limits", {}, "request_limits is '', should be all of orders, consents"),
        (
            "request_limits",
            {"orders": {"most": 1, "within_s": 60}, "evidence": {"most": 1, "within_s": 60}},
            "request_limits is 'orders, evidence', should be all of orders, consents, refund_requests, evidence, bill",
        ),
        ("colour", "red", "unknown field colour"),
    ],
)
def test_a_wrong_field_of_the_policy_is_named(name: str, value: object, says: str) -> None:
    """Which field, what it is, what it should be."""
    document = copy.deepcopy(RIGHT)
    if value is MISSING:
        del document[name]
    else:
        document[name] = value
    with pytest.raises(PolicyError, match=says):
        rules.parse(document)


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("withdrawal_days", 14, 365),
        ("withdrawal_days_uninformed", 380, 3650),
        ("duplicate_settling_s", 0, 86_400),
        ("similar_within_hours", 0, 744),
        ("mistaken_renewal_days", 0, 365),
        ("persistent_failed_runs", 1, 1_000_000),
        ("debt_refuses_orders_above", 0, 10_000_000),
    ],
)
def test_a_figure_may_be_anything_within_its_bounds(name: str, least: int, most: int) -> None:
    """And nothing outside of them."""
    for figure in (least, most):
        rules.parse({**RIGHT, name: figure})
    for figure in (least - 1, most + 1):
        with pytest.raises(PolicyError, match=name):
            rules.parse({**RIGHT, name: figure})


def test_each_kind_of_request_has_a_limit_with_its_units() -> None:
    """Its bounds are part of what may be set."""
    most = {"most": 1000, "within_s": 86_400}
    limits = {str(kind): most for kind in LimitedRequest} | {"evidence": {"most": 1, "within_s": 60}}
    assert rules.parse({**RIGHT, "request_limits": limits}).request_limits == {
        **dict.fromkeys(LimitedRequest, RequestLimit(most=1000, within=timedelta(days=1))),
        LimitedRequest.EVIDENCE: RequestLimit(most=1, within=timedelta(minutes=1)),
    }
    assert {*rules.parse(RIGHT).request_limits} == {*LimitedRequest}


@pytest.mark.parametrize("name", sorted(RIGHT))
def test_no_field_may_be_missing(name: str) -> None:
    """A figure that is left out is not made up."""
    with pytest.raises(PolicyError, match=rf"the policy .*parameters.json: {name} is None"):
        rules.parse({key: value for key, value in RIGHT.items() if key != name})


@pytest.mark.parametrize("document", [None, [], "policy", 1])
def test_what_is_no_object_is_told_as_such(document: object) -> None:
    """A list, a text, nothing."""
    with pytest.raises(PolicyError, match="should be an object"):
        rules.parse(document)


def test_a_policy_file_that_is_missing_or_no_json_is_told_as_such(tmp_path: Path) -> None:
    """And the variable to set is named."""
    with pytest.raises(PolicyError, match="POLICY_FILE"):
        rules.load(tmp_path / "none.json")
    for content in (b"{", b"\xff\xfe"):
        (tmp_path / "bad.json").write_bytes(content)
        with pytest.raises(PolicyError, match="not JSON"):
            rules.load(tmp_path / "bad.json")
    (tmp_path / "bad.json").write_bytes(b"[]")
    with pytest.raises(PolicyError, match=r"bad.json: is list, should be an object"):
        rules.load(tmp_path / "bad.json")


def stored(folder: Path, version: str, **changed: Any) -> Path:
    """A version's file in a folder, with its text beside it."""
    (folder / f"{version}.txt").write_text(f"Policy of {version}.\n", "utf-8")
    path = folder / f"{version}.json"
    path.write_text(json.dumps({**RIGHT, "version": version, "published_text": f"{version}.txt", **changed}), "utf-8")
    return path


def test_a_version_names_the_one_before_and_all_are_read(tmp_path: Path) -> None:
    """Each with its own figures and its own text."""
    stored(tmp_path, "2026-11-01", mistaken_renewal_days=30)
    stored(tmp_path, "2027-01-01", replaces="2026-11-01.json", mistaken_renewal_days=7)
    policy = rules.load(stored(tmp_path, "2027-06-01", replaces="2027-01-01.json"))
    assert [one.version for one in policy.versions] == ["2027-06-01", "2027-01-01", "2026-11-01"]
    oldest = policy.sold_under("2026-11-01")
    assert oldest
    assert oldest.mistaken_renewal_days == 30
    assert oldest.read_published_text() == "Policy of 2026-11-01.\n"
    assert policy.sold_under("2027-06-01") is policy
    assert policy.sold_under("2025-01-01") is None


@pytest.mark.parametrize(
    ("replaces", "says"),
    [
        ("none.json", "none.json can't be read"),
        ("new.json", "`replaces` is 'new.json', should be the version before it"),
        ("same.json", "version is 'new', should be one that no earlier version has"),
        ("wrong.json", "wrong.json: withdrawal_days is 1, should be the law's"),
        ("circle.json", r"circle.json: `replaces` is 'new.json'"),
        (7, "new.json: replaces is 7, should be a text"),
        ("", "new.json: replaces is '', should be a text"),
    ],
)
def test_a_version_that_can_not_be_the_one_before_is_refused(tmp_path: Path, replaces: object, says: str) -> None:
    """With the name of the file that is wrong."""
    (tmp_path / "same.json").write_bytes(stored(tmp_path, "new").read_bytes())
    stored(tmp_path, "wrong", withdrawal_days=1)
    stored(tmp_path, "circle", replaces="new.json")
    with pytest.raises(PolicyError, match=says):
        rules.load(stored(tmp_path, "new", replaces=replaces))


def test_a_version_without_its_text_is_refused(tmp_path: Path) -> None:
    """Customers read it, and judges."""
    with pytest.raises(PolicyError, match=r"published_text is 'gone.txt', should be a text file in"):
        rules.load(stored(tmp_path, "new", published_text="gone.txt"))


def test_the_shipped_figures_are_read_with_their_units() -> None:
    """Seconds, hours and days, and what a limit of a currency is."""
    read = rules.parse({**RIGHT, "automatic_renewal_refund_up_to_minor": {"EUR": 2000}})
    assert read.duplicate_settling == timedelta(minutes=15)
    assert read.similar_within == timedelta(days=2)
    assert read.automatic_renewal_refund_up_to_minor == {"EUR": 2000}
    assert rules.parse({**RIGHT, "automatic_renewal_refund_up_to_minor": {"EUR": 0}})
    assert not read.is_paused
    assert rules.load().automatic_renewal_refund_up_to_minor == {}


def test_what_support_may_give_is_limited_by_day_and_by_month_in_each_unit() -> None:
    """Money by its currency, and credits. Nothing may be given at all if the limit is 0."""
    most = 10**12
    limits = {"EUR": {"day": 0, "month": 0}, "credits": {"day": 5, "month": most}}
    assert rules.parse({**RIGHT, "support_limits": limits}).support_limits == {
        "EUR": SupportLimit(day=0, month=0),
        "credits": SupportLimit(day=5, month=most),
    }
    for name in ("day", "month"):
        for figure in (-1, most + 1):
            wrong = {"EUR": {"day": 1, "month": 1, name: figure}}
            with pytest.raises(PolicyError, match=rf"limits\.EUR: {name} is {figure}, should be 0 (or more|to {most})"):
                rules.parse({**RIGHT, "support_limits": wrong})


def test_the_text_that_was_shown_is_proved_by_its_digest(tmp_path: Path) -> None:
    """The first half of its SHA-256. An order keeps it, so it stays what it is."""
    (tmp_path / "policy.txt").write_text("Policy of 2026-11-01.\n", "utf-8")
    policy = rules.parse({**RIGHT, "published_text": "policy.txt"}, tmp_path / "policy.json")
    assert policy.digest_of_text == "28d14d1712bdbdb908fbc91793b2e419"


def test_a_setting_counts_from_the_begin_of_its_day_in_utc() -> None:
    """Whatever zone the machine is in."""
    assert rules.parse({**RIGHT, "contacted_first_from": "open"}).contacted_first_from is None
    begin = rules.parse({**RIGHT, "contacted_first_from": "2027-01-01"}).contacted_first_from
    assert begin == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_policy_that_sets_neither_is_not_paused_and_takes_orders_from_nobody_who_owes() -> None:
    """Of a version that is made by hand."""
    given = {field.name: getattr(rules.load(), field.name) for field in fields(PolicyParameters)}
    for name in ("debt_refuses_orders_above", "is_paused", "law", "replaces"):
        del given[name]
    plain = PolicyParameters(**given)
    assert (plain.debt_refuses_orders_above, plain.is_paused, plain.law) == (0, False, law.load())
    assert list(plain.versions) == [plain]


def test_the_shipped_policy_is_read_whole() -> None:
    """Each part of it, whenever it is read."""
    read = rules.load()
    assert read.declarations_of_a_contract == RequestLimit(
        most=RIGHT["declarations_of_a_contract"]["most"],
        within=timedelta(days=RIGHT["declarations_of_a_contract"]["within_days"]),
    )
