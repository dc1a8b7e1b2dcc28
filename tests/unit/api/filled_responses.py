"""Golden responses of records whose fields all differ: `python -m tests.unit.api.filled_responses` writes them anew.

A response that reads the wrong one of two fields, of whatever record, says something else than is written here.
"""

import importlib
import inspect
import json
import pkgutil
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ledger.api import responses
from ledger.api.responses.model import ResponseModel
from tests.unit.api.filled_records import filled

FILE = Path(__file__).parent / "golden" / "filled_responses.json"
VARIANTS = range(4)
NOT_FILLED = {
    "AccountResponse.of": "its lots are told what can be spent of each",
    "CatalogueResponse.of": "a catalogue is read from its file",
    "PolicyResponse.of": "a policy is read from its file",
    "DraftResponse.of": "a review has no draft",
    "ParkedEventResponse.of": "the body is a notification",
    "PurchaseResponse.of": "a purchase is found by the ids of its facts",
}
"""Responses of what the use-cases alone can make. The golden answers of the API have them."""


def makers() -> dict[str, Callable[..., Any]]:
    """Return what makes a response of records, by its name."""
    for module in pkgutil.iter_modules(responses.__path__):
        importlib.import_module(f"{responses.__name__}.{module.name}")
    made = {
        f"{model.__name__}.{name}": getattr(model, name)
        for model in _models(ResponseModel)
        for name in vars(model)
        if name == "of" or name.startswith("of_")
    }
    return {name: made[name] for name in sorted(made) if name not in NOT_FILLED}


def _models(model: type[ResponseModel]) -> Iterator[type[ResponseModel]]:
    for one in model.__subclasses__():
        yield one
        yield from _models(one)


def response(make: Callable[..., Any], variant: int) -> Any:
    """Return what is made of records with a value of its own in each field, as JSON has it."""
    hints = typing.get_type_hints(make.__func__)  # type: ignore[attr-defined]
    made = make(**{name: filled(hints[name], variant=variant) for name in inspect.signature(make).parameters})
    return [one.model_dump(mode="json") for one in made] if isinstance(made, list) else made.model_dump(mode="json")


def golden(make: Callable[..., Any]) -> list[Any]:
    """Return the response of the first variant, and of each other what is not as in it."""
    first, *others = (response(make, variant) for variant in VARIANTS)
    return [first, *(other if isinstance(other, list) else _changed(first, other) for other in others)]


def _changed(first: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in other.items() if value != first[name]}


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps({name: golden(make) for name, make in makers().items()}, indent=1) + "\n", "utf-8")
