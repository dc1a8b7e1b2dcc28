"""Which modules are mutated, and which tests tell: the quick ones about a module, the most telling first."""

from pathlib import Path

from tools.engines import ROOT

_MONEY = (
    "test_lots",
    "test_money",
    "test_purchases",
    "test_money_goes_back",
    "test_facts",
    "test_approved_refunds",
    "test_rivals",
    "test_whose_it_is",
)
_POLICY = ("test_situation", "test_policy", "test_policy_file", "test_policy_doc")
_WEBHOOKS = ("test_translation", "test_what_lines_cost", "test_facts", "test_events_library")

SUITES: dict[str, tuple[str, ...]] = {
    "facts": (*_MONEY, "test_translation", "test_events_library"),
    "lots": _MONEY,
    "refunds": (*_MONEY, "test_split", "test_policy"),
    "disputes": _MONEY,
    "money": (*_MONEY, "test_split", "test_policy"),
    "purchases": (*_MONEY, "test_policy"),
    "policy": _POLICY,
    "situation": _POLICY,
    "withdrawal": _POLICY,
    "figures": _POLICY,
    "booking": (*_MONEY, "test_events_library"),
    "providers.stripe": _WEBHOOKS,
    "providers.paddle": _WEBHOOKS,
    "providers.reading": _WEBHOOKS,
    "providers.signatures": ("test_signatures",),
    "providers.tags": _WEBHOOKS,
}


def source_of(module: str) -> Path:
    """Where a module stands."""
    return ROOT / "layers/ledger/ledger" / f"{module.replace('.', '/')}.py"


def tests_of(module: str) -> tuple[str, ...]:
    """The test files that tell a module's mutants, in this order."""
    return tuple(str(path) for name in SUITES[module] if (path := ROOT / "tests/unit" / f"{name}.py").exists())
