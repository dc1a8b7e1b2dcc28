"""Which modules are mutated, and which tests tell: the quick ones about a module, the most telling first."""

from pathlib import Path

from tools.engines import ROOT

_MONEY = ("test_purchases", "test_lots", "test_facts", "test_money_goes_back", "test_approved_refunds")
_POLICY = ("test_policy", "test_situation", "test_policy_file", "test_policy_doc")
_WEBHOOKS = ("test_translation", "test_what_lines_cost", "test_events_library")

SUITES: dict[str, tuple[str, ...]] = {
    "facts": ("test_facts", *_MONEY, "test_translation"),
    "lots": ("test_lots", *_MONEY),
    "refunds": (*_MONEY, "test_split"),
    "disputes": _MONEY,
    "money": ("test_money", *_MONEY),
    "purchases": _MONEY,
    "policy": _POLICY,
    "situation": ("test_situation", *_POLICY),
    "withdrawal": _POLICY,
    "figures": ("test_policy_file", *_POLICY),
    "booking": ("test_booking", "test_money_goes_back", "test_rivals", "test_whose_it_is", *_MONEY),
    "providers.stripe": _WEBHOOKS,
    "providers.paddle": _WEBHOOKS,
    "providers.reading": _WEBHOOKS,
    "providers.signatures": ("test_signatures",),
    "providers.tags": ("test_translation",),
}


def source_of(module: str) -> Path:
    """Where a module stands."""
    return ROOT / "layers/ledger/ledger" / f"{module.replace('.', '/')}.py"


def tests_of(module: str) -> tuple[str, ...]:
    """The test files that tell a module's mutants, in this order."""
    return tuple(
        str(path) for name in dict.fromkeys(SUITES[module]) if (path := ROOT / "tests/unit" / f"{name}.py").exists()
    )
