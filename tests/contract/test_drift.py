"""The verdicts on the providers' words hold for the locked SDKs, and the vocabularies are those of the SDKs."""

from collections.abc import Iterable
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ledger.providers.registry import PROVIDERS
from tools.drift import paddle_sdk, stripe_sdk
from tools.drift.vendors import VENDORS


@pytest.mark.parametrize("provider", VENDORS)
def test_every_word_of_the_locked_sdk_has_a_verdict_and_no_verdict_is_on_another(provider: str) -> None:
    """A new SDK brings words that nobody has judged, and takes some away."""
    assert VENDORS.keys() == PROVIDERS.keys()
    found = VENDORS[provider].drift(VENDORS[provider].locked())
    where = f"tools/drift/{provider}.toml"
    assert not found.new, f"No verdict in {where}: {', '.join(map(str, found.new))}"
    assert not found.gone, f"Not in the SDK, but in {where}: {', '.join(map(str, found.gone))}"


def test_the_vocabulary_has_the_fields_of_the_sdks_classes() -> None:
    """Read from the sources, they are those that Python's own introspection finds on the imported classes."""
    stripe, paddle = (VENDORS[provider].locked() for provider in ("stripe", "paddle"))
    for name, (file, class_name) in stripe_sdk.OBJECTS.items():
        declared = _imported("stripe", file, class_name).__annotations__
        assert _at_the_top(stripe[name]) == declared.keys() - {"OBJECT_NAME"}
    for name, places in paddle_sdk.OBJECTS.items():
        classes = [_imported("paddle_billing", file, class_name) for file, class_name in places]
        assert _at_the_top(paddle[name]) == {field.name for part in classes for field in fields(part)}


def _imported(package: str, file: str, class_name: str) -> Any:
    module = import_module(".".join((package, *Path(file).with_suffix("").parts)))
    return getattr(module, class_name)


def _at_the_top(words: Iterable[str]) -> set[str]:
    return {path for path in words if "." not in path and not path.startswith("_")}
