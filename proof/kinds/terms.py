"""What is sold in these histories: two plans with trials, and terms and settings that change in between."""

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from ledger.domain import catalogue
from ledger.domain.catalogue import Resolution
from tools.fixtures import paddle_shapes
from tools.fixtures.tariff import Tariff

Json = dict[str, Any]

DAY = 86400
START = 1788264000  # 1 September 2026, noon UTC
CHANGED_AT = datetime.fromtimestamp(START, UTC) + timedelta(days=2)
"""From then on there are other terms and settings. They are deployed at some time before."""
STUDIO = {"stripe": "price_studio_monthly", "paddle": "pri_01jstudiomonthly00000000a"}
STUDIO_TRIAL = "price_studio_trial"


def _before() -> Json:
    """The catalogue that is deployed, and a second plan, with trials."""
    content: Json = json.loads(catalogue.DEFAULT_FILE.read_text("utf-8"))
    plan = _row(content, "creator_monthly")
    plan["trial_credits"] = 50
    studio = {"product_id": "studio_monthly", "name": "Studio Monthly", "credits": 5000, "trial_credits": 200}
    studio |= {"prices": {"USD": 6000, "EUR": 5600}, "trial_price_ids": {"stripe": [STUDIO_TRIAL]}}
    studio |= {"price_ids": {provider: [price_id] for provider, price_id in STUDIO.items()}}
    content["products"].append(plan | studio)
    return content


def _after(before: Json) -> Json:
    """A pack is dearer and smaller, a plan gives less and for a shorter time, and somebody enrolled for resolutions."""
    content = copy.deepcopy(before)
    _change(content, "pack_1000", credits=800, prices={"USD": 2500, "EUR": 2300})
    _change(content, "creator_monthly", credits=900, renewal_grace_s=0, usable_at_least_s=2 * DAY)
    content["resolutions"] = {kind.value: CHANGED_AT.isoformat() for kind in Resolution}
    return content


def _row(content: Json, product_id: str) -> Json:
    return next(row for row in content["products"] if row["product_id"] == product_id)


def _change(content: Json, product_id: str, **terms: Any) -> None:
    row = _row(content, product_id)
    first = {name: row.pop(name) for name in [*row] if name not in {"product_id", "name", "kind"}}
    row["terms"] = [first, first | terms | {"from": CHANGED_AT.isoformat()}]


_BEFORE = _before()
CONTENT = _after(_BEFORE)
SOLD_BEFORE, SOLD = catalogue.parse(_BEFORE), catalogue.parse(CONTENT)
PADDLE_PRICES = {**paddle_shapes.PRICES, "studio_monthly": (STUDIO["paddle"], 6000)}
PADDLE = Tariff("USD", PADDLE_PRICES, frozenset({"creator_monthly", "studio_monthly"}))
