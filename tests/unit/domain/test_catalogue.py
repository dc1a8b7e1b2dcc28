"""A wrong catalogue is refused before it sells anything; the message says what would be right."""

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger.config import Config
from ledger.domain import catalogue
from ledger.domain.catalogue import Period, Product, ProductKind, Resolution, agreed_product
from ledger.domain.errors import CatalogueError
from ledger.runtime import Runtime
from tools.testing.builders import ORDER

NOW = datetime(2026, 11, 1, tzinfo=UTC)
RIGHT: dict[str, Any] = json.loads(catalogue.DEFAULT_FILE.read_text("utf-8"))


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("products",), [], "List at least one"),
        (("products", 0, "credits"), -1, "pack_500: credits is -1, should be 0 or more"),
        (("products", 0, "credits"), 0, "pack_500: credits is 0, should be at least 1"),
        (("products", 0, "credits"), True, "should be a whole number"),
        (("products", 0, "kind"), "gift", "pack_500: kind is 'gift', should be pack or subscription"),
        (("products", 0, "prices"), {"usd": 1000}, "pack_500: prices is 'usd', should be a currency code of three"),
        (("products", 0, "prices"), {"USDX": 1000}, "three upper-case letters"),
        (("products", 0, "prices"), {"US1": 1000}, "three upper-case letters"),
        (("products", 0, "prices"), {"USD": 10.5}, "pack_500: prices.USD is 10.5, should be a whole number of minor"),
        (("products", 0, "prices"), {"USD": 0}, "pack_500: prices.USD is 0, should be"),
        (("products", 0, "price_ids"), {"stripe": "p"}, "pack_500: price_ids.stripe is 'p', should be a list"),
        (("products", 0, "price_ids"), {"stripe": ["p", ""]}, "pack_500: price_ids.stripe is "),
        (("products", 0, "price_ids"), {"stripe": ["p", 7]}, "pack_500: price_ids.stripe is "),
        (("products", 1), {}, "product 2: product_id is None"),
        (("colour",), "red", "the catalogue: unknown field colour"),
        (("products", 1, "product_id"), "pack_500", "product_id is listed twice"),
        (("products", 1, "price_ids"), {"stripe": ["price_pack500"]}, "price id price_pack500 is listed twice"),
        (("products", 3, "trial_credits"), -1, "creator_monthly: trial_credits is -1, should be 0 or more"),
        (("products", 3, "trial_price_ids"), {"stripe": "price_x"}, "trial_price_ids.stripe is 'price_x'"),
        (("products", 3, "trial_price_ids"), {"stripe": ["price_pack500"]}, "price id price_pack500 is listed twice"),
        (("products", 3, "proration_grants"), 1, "proration_grants is 1, should be true or false"),
        (("products", 0, "trial_credits"), 5, "pack_500: unknown field trial_credits"),
        (("products", 0, "colour"), "red", "unknown field colour"),
        (("version",), None, "version is None, should be a text"),
        (("resolutions",), {"refunded": "2026-12-01T00:00:00Z"}, "resolutions: unknown field refunded"),
        (
            ("resolutions",),
            {"chargeback_warning": "2026-12-01"},
            "is '2026-12-01', should be a time",
        ),
        (("resolutions",), {"lost_without_fee": True}, "lost_without_fee is True, should be a text"),
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
    assert (plan.trial_credits, sold.trial_priced("stripe", "price_offer", NOW)) == (50, plan)
    assert sold.priced("stripe", "price_offer", NOW) is None
    assert sold.trial_priced("stripe", "price_creator_monthly", NOW) is None
    assert sold.trial_priced("paddle", "price_offer", NOW) is None
    assert sold.price_ids - catalogue.parse(RIGHT).price_ids == {("stripe", "price_offer")}


@pytest.mark.parametrize(("amount_minor", "credits_"), [(1500, 1000), (750, 500), (749, 499), (1, 0), (3000, 2000)])
def test_a_part_of_a_period_has_as_much_of_its_credits_as_of_its_price(amount_minor: int, credits_: int) -> None:
    """In whole credits, and only in a currency that has a price."""
    plan = catalogue.load().products["creator_monthly"]
    assert plan.prorated_credits(amount_minor, "USD") == credits_
    assert plan.prorated_credits(amount_minor, "CHF") is None


SUMMER, WINTER = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)


def _terms(credits_: int, begin: datetime | None = None, *, price: str = "price_pack500") -> dict[str, Any]:
    begins = {"from": begin.isoformat()} if begin else {}
    return {**begins, "credits": credits_, "prices": {"USD": 1000}, "price_ids": {"stripe": [price]}}


def _with_terms(*terms: dict[str, Any]) -> dict[str, Any]:
    """A catalogue with one pack under these terms."""
    return {
        "version": "1",
        "products": [{"product_id": "pack_500", "name": "500 credits", "kind": "pack", "terms": list(terms)}],
    }


def test_terms_count_from_their_date_until_the_next_ones() -> None:
    """The first ones also count before they begin: who paid then bought under no others."""
    sold = catalogue.parse(_with_terms(_terms(500, SUMMER), _terms(600, NOW), _terms(700, WINTER)))
    moments = {
        SUMMER - timedelta(days=300): 500,
        SUMMER: 500,
        NOW - timedelta(seconds=1): 500,
        NOW: 600,
        WINTER - timedelta(seconds=1): 600,
        WINTER + timedelta(days=300): 700,
    }
    for at, credits_ in moments.items():
        of_the_product, of_the_price = sold.product("pack_500", at), sold.priced("stripe", "price_pack500", at)
        assert of_the_product is not None
        assert of_the_product == of_the_price == sold.sold(at)["pack_500"]
        assert of_the_product.credits == credits_, at


def test_a_price_that_is_no_longer_sold_keeps_its_last_terms() -> None:
    """Who subscribed to it before goes on as agreed; the new price has the new terms, also in an old event."""
    sold = catalogue.parse(_with_terms(_terms(500), _terms(700, NOW, price="price_new")))
    for at in (SUMMER, NOW, WINTER):
        old, new = sold.priced("stripe", "price_pack500", at), sold.priced("stripe", "price_new", at)
        assert (old and old.credits, new and new.credits) == (500, 700)


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        ([], "pack_500: terms is \\[\\], should be a list of at least one set of terms"),
        ([_terms(500), _terms(600)], "pack_500: terms 2: from is None, should be a text"),
        ([_terms(500, NOW), _terms(600, NOW)], "pack_500: terms 2: from is .*, should be later than"),
        (
            [_terms(500, NOW), _terms(600, SUMMER)],
            "pack_500: terms 2: from is '2026-06-01T00:00:00\\+00:00', should be later than",
        ),
        (
            [_terms(500, SUMMER), _terms(600, WINTER), _terms(700, NOW)],
            "pack_500: terms 3: from is .*, should be later",
        ),
        ([{**_terms(500), "from": "2026-12-01"}], "pack_500: terms 1: from is '2026-12-01', should be a time with its"),
        ([{**_terms(500), "from": "soon"}], "pack_500: terms 1: from is 'soon', should be a time with its zone"),
        ([{**_terms(500), "colour": "red"}], "pack_500: terms 1: unknown field colour"),
        ([_terms(0)], "pack_500: terms 1: credits is 0, should be at least 1"),
        ([{**_terms(500), "price_ids": {"stripe": ["p", "p"]}}], "price id p is listed twice"),
        (["500"], "pack_500: terms 1: is str, should be an object"),
    ],
)
def test_wrong_terms_are_named(terms: list[Any], says: str) -> None:
    """Product, which of its terms, field, what it is, what it should be."""
    with pytest.raises(CatalogueError, match=says):
        catalogue.parse(_with_terms(*terms))


def test_terms_stand_in_one_place() -> None:
    """Beside the product, or dated: not both, and not for ever in the future."""
    document = _with_terms(_terms(500))
    document["products"][0]["credits"] = 500
    with pytest.raises(CatalogueError, match="pack_500: unknown field credits"):
        catalogue.parse(document)
    document = copy.deepcopy(RIGHT)
    document["products"][3]["renewal_grace_s"] = 10**10
    with pytest.raises(CatalogueError, match="creator_monthly: renewal_grace_s is 10000000000, should be at most"):
        catalogue.parse(document)
    document["products"][3]["renewal_grace_s"] = 316_224_001
    with pytest.raises(CatalogueError, match="should be at most 316224000 seconds"):
        catalogue.parse(document)
    document["products"][3]["renewal_grace_s"] = 316_224_000
    assert catalogue.parse(document).products["creator_monthly"].renewal_grace == timedelta(days=3660)


def test_a_plan_has_periods_of_one_month_or_of_several() -> None:
    """Up to five years; one where nothing is stated."""
    document = copy.deepcopy(RIGHT)
    assert {product.period_months for product in catalogue.parse(document).products.values()} == {1}
    for months in (1, 12, 60):
        document["products"][3]["period_months"] = months
        assert catalogue.parse(document).products["creator_monthly"].period_months == months
    for months in (0, 61):
        document["products"][3]["period_months"] = months
        with pytest.raises(CatalogueError, match=f"creator_monthly: period_months is {months}, should be 1 to 60"):
            catalogue.parse(document)


def test_a_digest_names_terms_and_not_when_they_count() -> None:
    """Whatever changes what is granted changes it."""
    plan = catalogue.parse(RIGHT).products["creator_monthly"]
    document = copy.deepcopy(RIGHT)
    document["products"][3]["name"] = "Creator"
    assert catalogue.parse(document).products["creator_monthly"].digest == plan.digest
    changes: dict[str, Any] = {
        "credits": 999,
        "prices": {"USD": 1600},
        "rolls_over": True,
        "renewal_grace_s": 1,
        "usable_at_least_s": 1,
        "trial_credits": 1,
        "proration_grants": False,
    }
    digests = {plan.digest}
    for name, value in changes.items():
        changed = copy.deepcopy(RIGHT)
        changed["products"][3][name] = value
        digests.add(catalogue.parse(changed).products["creator_monthly"].digest)
    assert len(digests) == len(changes) + 1


def test_what_counts_as_a_resolution_counts_from_its_time() -> None:
    """Disputes that began before are judged as they were; without the setting nothing counts."""
    since = {"chargeback_warning": NOW.isoformat()}
    sold = catalogue.parse({**RIGHT, "resolutions": since})
    warning, lost = Resolution.CHARGEBACK_WARNING, Resolution.LOST_WITHOUT_FEE
    assert sold.is_resolution(warning, NOW)
    assert not sold.is_resolution(warning, NOW - timedelta(microseconds=1))
    assert not sold.is_resolution(lost, NOW)
    assert not catalogue.parse(RIGHT).is_resolution(warning, NOW)


def test_a_price_of_old_terms_belongs_to_its_product_for_ever() -> None:
    """An event of a renewal at that price must lead to one product."""
    document = _with_terms(_terms(500, price="p_old"), _terms(600, NOW))
    document["products"].append(RIGHT["products"][1] | {"price_ids": {"stripe": ["p_old"]}})
    with pytest.raises(CatalogueError, match="price id p_old is listed twice"):
        catalogue.parse(document)


PLAN = Product(
    product_id="plan",
    name="plan",
    kind=ProductKind.SUBSCRIPTION,
    credits=1000,
    prices={"USD": 1500, "EUR": 1400},
    price_ids={"stripe": ("p_1", "p_2"), "paddle": ("pri_1",)},
)
PACK = replace(PLAN, product_id="pack", name="pack", kind=ProductKind.PACK, expires_after_days=365)


def test_a_product_promises_no_more_than_it_says() -> None:
    """What is not stated is not granted; the smallest price is one."""
    document = copy.deepcopy(RIGHT)
    document["products"][0] |= {"prices": {"USD": 1}, "expires_after_days": 30}
    for stated in ("rolls_over", "trial_credits", "proration_grants"):
        document["products"][3].pop(stated, None)
    document["products"][1]["takes_discount_codes"] = True
    sold = catalogue.parse(document)
    plan, pack = sold.products["creator_monthly"], sold.products["pack_500"]
    for product in (plan, PLAN):
        assert (product.rolls_over, product.trial_credits, product.proration_grants) == (False, 0, False)
    assert (pack.prices, pack.expires_after_days) == ({"USD": 1}, 30)
    assert sold.products["pack_1000"].expires_after_days is None
    assert [name for name, product in sold.products.items() if product.takes_discount_codes] == ["pack_1000"]


def test_an_unknown_id_is_no_product() -> None:
    """Nor is none, or an empty one."""
    sold = catalogue.parse(RIGHT)
    for nothing in (None, "", "X"):
        assert sold.product(nothing, NOW) is None
        assert sold.priced("stripe", nothing, NOW) is None
        assert sold.trial_priced("stripe", nothing, NOW) is None


def test_a_digest_stays_what_it_is() -> None:
    """Lots are stored with it. The order of prices is none of the terms, the product and its kind are."""
    assert PLAN.digest == "0a95f13a7aa35fca"
    assert replace(PLAN, prices={"EUR": 1400, "USD": 1500}).digest == PLAN.digest
    others = [
        replace(PLAN, product_id="other"),
        replace(PLAN, kind=ProductKind.PACK),
        replace(PLAN, expires_after_days=9),
    ]
    assert len({PLAN.digest, *(other.digest for other in others)}) == 4


@pytest.mark.parametrize(
    "product",
    [
        PLAN,
        replace(PLAN, rolls_over=True),
        replace(PLAN, renewal_grace=timedelta(seconds=1), usable_at_least=timedelta(seconds=2), trial_credits=3),
        PACK,
        replace(PACK, expires_after_days=None),
    ],
)
def test_what_was_agreed_is_the_product_under_its_terms(product: Product) -> None:
    """An order keeps them, and grants what the product granted then, at the order's price."""
    terms = product.terms_at("stripe", lock_days=None)
    agreed = agreed_product(terms, product_id=product.product_id, provider="stripe", price_minor=99, currency="GBP")
    at_its_price = replace(product, prices={"GBP": 99}, price_ids={"stripe": ("p_1",)})
    if product.kind is ProductKind.PACK:
        assert (terms.renewal_grace_s, terms.usable_at_least_s) == (0, 0), "a pack has no periods"
        at_its_price = replace(at_its_price, renewal_grace=timedelta(), usable_at_least=timedelta())
    assert agreed == at_its_price


def test_an_order_of_old_is_under_the_terms_of_its_time_at_its_own_price() -> None:
    """Orders did not keep their terms then."""
    sold = catalogue.parse(_with_terms(_terms(500), _terms(600, NOW)))
    ordered = replace(ORDER, product_id="pack_500", made_at=SUMMER)
    product = sold.agreed(ordered)
    assert product
    assert (product.credits, product.prices, product.price_ids) == (500, {"EUR": 1800}, {"stripe": ("price_pack500",)})
    assert sold.agreed(replace(ordered, product_id="gone")) is None
    kept = replace(ordered, product_id="gone", terms=PACK.terms_at("stripe", lock_days=None))
    assert sold.agreed(kept) == agreed_product(
        PACK.terms_at("stripe", lock_days=None), product_id="gone", provider="stripe", price_minor=1800, currency="EUR"
    )


@pytest.mark.parametrize("takes", [True, False])
def test_whether_a_checkout_takes_discount_codes_is_as_the_catalogue_says(takes: bool) -> None:
    """At the order's time: it is no part of what was agreed."""
    later = _terms(600, NOW) | {"takes_discount_codes": not takes}
    sold = catalogue.parse(_with_terms(_terms(500) | {"takes_discount_codes": takes}, later))
    kept = replace(ORDER, product_id="pack_500", made_at=SUMMER, terms=PACK.terms_at("stripe", lock_days=None))
    product = sold.agreed(kept)
    assert product
    assert product.takes_discount_codes is takes


DAY = timedelta(days=1)
PERIOD = (NOW, NOW + 30 * DAY)
HOURS_3 = timedelta(hours=3)


@pytest.mark.parametrize(
    ("product", "paid_at", "period", "expires_at", "grace_from"),
    [
        (PACK, NOW, None, NOW + 365 * DAY, None),
        (PACK, NOW, PERIOD, NOW + 365 * DAY, None),  # on a subscription's invoice
        (replace(PACK, expires_after_days=None), NOW, PERIOD, None, None),
        (PLAN, NOW, None, None, None),  # a plan's session, which has no period
        (replace(PLAN, expires_after_days=9), NOW, None, NOW + 9 * DAY, None),
        (replace(PLAN, rolls_over=True), NOW, PERIOD, None, None),
        # in time: the period and its grace
        (PLAN, NOW, PERIOD, PERIOD[1] + HOURS_3, PERIOD[1]),
        (PLAN, PERIOD[1] - 7 * DAY, PERIOD, PERIOD[1] + HOURS_3, PERIOD[1]),
        # later than a week before its end: for a week, and no more once that is longer than the grace
        (PLAN, PERIOD[1] - 7 * DAY + HOURS_3 / 3, PERIOD, PERIOD[1] + HOURS_3, PERIOD[1] + HOURS_3 / 3),
        (PLAN, PERIOD[1] - 7 * DAY + HOURS_3, PERIOD, PERIOD[1] + HOURS_3, None),
        (PLAN, PERIOD[1] + DAY, PERIOD, PERIOD[1] + 8 * DAY, None),
        # never for longer than a period lasts
        (PLAN, NOW + 9 * DAY, (NOW, NOW + DAY), NOW + 10 * DAY, None),
        (replace(PLAN, renewal_grace=timedelta()), NOW, PERIOD, PERIOD[1], None),
    ],
)
def test_credits_last_for_what_they_were_paid_for(
    product: Product, paid_at: datetime, period: Period | None, expires_at: datetime | None, grace_from: datetime | None
) -> None:
    """And for their grace, until the next period is paid for."""
    assert (product.expires_at(paid_at, period), product.grace_from(paid_at, period)) == (expires_at, grace_from)


def test_the_recipes_example_is_a_catalogue_and_names_each_field() -> None:
    """What is copied from it can be loaded, and sells nothing of the shipped example."""
    recipe = Path("docs/recipes/prices.md").read_text("utf-8")
    sold = catalogue.parse(json.loads(recipe.partition("```json\n")[2].partition("```")[0]))
    assert catalogue.example_prices(sold) == ()
    for name in ("credits", "prices", "price_ids", "trial_price_ids", "renewal_grace_s", "usable_at_least_s", "terms"):
        assert f"`{name}`" in recipe


def test_the_shipped_example_is_known_by_each_of_its_price_ids() -> None:
    """One that was forgotten is enough: what has it can't be sold."""
    shipped = catalogue.load()
    assert catalogue.example_prices(shipped) == tuple(sorted(price_id for _, price_id in shipped.price_ids))
    assert len(shipped.price_ids) == 8


@pytest.mark.parametrize("mode", ["live", "test"])
def test_a_live_stage_does_not_sell_the_prices_of_the_shipped_example(
    monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """It would sell nothing, and park what is paid. The message names the file, the ids and what to set."""
    monkeypatch.delenv("CATALOGUE_FILE", raising=False)
    services = Runtime(Config.of({"TABLE_NAME": "ledger", "PROVIDER_MODE": mode, "AWS_REGION": "eu-central-1"}))
    if mode == "test":
        assert services.catalogue.products
        return
    with pytest.raises(CatalogueError, match=r"catalogue\.json .*price_pack500.* set CATALOGUE_FILE"):
        _ = services.catalogue


def test_a_price_is_ours_if_it_sells_a_product_or_a_trial_at_its_provider() -> None:
    """Not at another one's."""
    sold = catalogue.load()
    plan = replace(sold.products["creator_monthly"], trial_price_ids={"paddle": ("pri_offer",)})
    ours = catalogue.Catalogue("7", {plan.product_id: plan})
    assert ours.version == "7"
    own = plan.price_ids["stripe"][0]
    asked = [("stripe", own), ("paddle", "pri_offer"), ("paddle", own), ("stripe", "pri_offer"), (own, "stripe")]
    assert [ours.has_price(*one) for one in asked] == [True, True, False, False, False]
