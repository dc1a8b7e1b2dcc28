"""The registry: every payment provider, once."""

from collections.abc import Mapping
from types import ModuleType

from ledger.providers.paddle import events as paddle
from ledger.providers.stripe import events as stripe

PROVIDERS: Mapping[str, ModuleType] = {"stripe": stripe, "paddle": paddle}
