"""A wrong catalogue is refused before it sells anything; the message says what would be right."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from ledger.domain import catalogue
from ledger.domain.errors import CatalogueError

RIGHT: dict[str, Any] = json.loads(catalogue.DEFAULT_FILE.read_text("utf-8"))


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("products",), [], "List at least one"),
        (("products", 0, "credits"), -1, "pack_500: credits is -1, should be 0 or more"),
        (("products", 0, "credits"), 0, "pack_500: credits is 0, should be at least 1"),
        (("products", 0, "credits"), True, "should be a whole number"),
        (("products", 0, "kind"), "gift", "should be pack or subscription"),
        (("products", 0, "prices"), {"usd": 1000}, "three upper-case letters"),
        (("products", 0, "prices"), {"USD": 10.5}, "whole number of minor units"),
        (("products", 1, "product_id"), "pack_500", "product_id is listed twice"),
        (("products", 1, "price_ids"), {"stripe": ["price_pack500"]}, "price id price_pack500 is listed twice"),
        (("products", 3, "trial_credits"), -1, "creator_monthly: trial_credits is -1, should be 0 or more"),
        (("products", 3, "trial_price_ids"), {"stripe": "price_x"}, "trial_price_ids.stripe is 'price_x'"),
        (("products", 3, "trial_price_ids"), {"stripe": ["price_pack500"]}, "price id price_pack500 is listed twice"),
        (("products", 3, "proration_grants"), 1, "proration_grants is 1, should be true or false"),
        (("products", 0, "trial_credits"), 5, "pack_500: unknown field trial_credits"),
        (("products", 0, "colour"), "red", "unknown field colour"),
        (("version",), None, "version is None, should be a text"),
    ],
)
def test_a_wrong_field_is_named(path: tuple[str | int, ...], value: object, says: str) -> None:
    """Product, field, what it is, what it should be."""
    document: Any = copy.deepcopy(RIGHT)
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(CatalogueError, match=says):
        catalogue.parse(document)


def test_a_file_that_is_missing_or_no_json_is_told_as_such(tmp_path: Path) -> None:
    """And the variable to set is named."""
    with pytest.raises(CatalogueError, match="CATALOGUE_FILE"):
        catalogue.load(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(CatalogueError, match="not JSON"):
        catalogue.load(tmp_path / "bad.json")


def test_the_readmes_table_is_the_catalogue() -> None:
    """Prices and ids that others write clients against."""
    readme = Path("README.md").read_text("utf-8")
    for product in catalogue.load().products.values():
        row = next(line for line in readme.splitlines() if line.startswith(f"| `{product.product_id}`"))
        wanted = [f"{product.prices[currency] / 100:.2f}" for currency in ("USD", "EUR", "GBP")]
        wanted += [product.price_ids["stripe"][0], product.price_ids["paddle"][0], f"{product.credits:,}"]
        assert all(text in row for text in wanted)


def test_a_trials_price_is_no_price_of_the_whole() -> None:
    """Each leads to its product in its own way."""
    document = copy.deepcopy(RIGHT)
    document["products"][3] |= {"trial_credits": 50, "trial_price_ids": {"stripe": ["price_offer"]}}
    sold = catalogue.parse(document)
    plan = sold.products["creator_monthly"]
    assert (plan.trial_credits, sold.trial_priced("stripe", "price_offer")) == (50, plan)
    assert sold.priced("stripe", "price_offer") is None
    assert sold.trial_priced("stripe", "price_creator_monthly") is None
    assert sold.trial_priced("paddle", "price_offer") is None


@pytest.mark.parametrize(("amount_minor", "credits_"), [(1500, 1000), (750, 500), (749, 499), (1, 0), (3000, 2000)])
def test_a_part_of_a_period_has_as_much_of_its_credits_as_of_its_price(amount_minor: int, credits_: int) -> None:
    """In whole credits, and only in a currency that has a price."""
    plan = catalogue.load().products["creator_monthly"]
    assert plan.prorated_credits(amount_minor, "USD") == credits_
    assert plan.prorated_credits(amount_minor, "CHF") is None
