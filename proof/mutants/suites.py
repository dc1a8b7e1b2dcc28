"""Which modules are mutated, and which tests are to tell: the quick ones about a module, the most telling first."""

from collections.abc import Sequence
from pathlib import Path

from proof.mutants.mutations import Mutant, mutants_of
from tools.engines import ROOT

SECONDS = 60
"""Of the processor's time: after so many a mutant counts as endless. All of these tests take a quarter of it."""

_MONEY = (
    "domain/test_money_before_words",
    "domain/test_purchases",
    "domain/test_lots",
    "domain/test_facts",
    "domain/test_refunds",
)
_POLICY = ("policy/test_decisions", "policy/test_rules", "policy/test_texts")
_STRIPE = (
    "events",
    "notification",
    "sessions",
    "invoices",
    "invoice_lines",
    "prorations",
    "subscriptions",
    "refunds",
    "credit_notes",
    "disputes",
)
_PADDLE = ("events", "notification", "transactions", "subscriptions", "adjustments")
_WEBHOOKS = (
    "providers/test_translation",
    "providers/test_line_amounts",
    "providers/test_prorations",
    "tools/test_events_library",
    "providers/test_strange_events",
    "providers/test_agreed_terms",
    "providers/test_scope",
    "usecases/test_terms",
)

SUITES: dict[str, tuple[str, ...]] = {
    "ledger.domain.facts": ("domain/test_facts", *_MONEY, "providers/test_translation", "dynamodb/test_schema"),
    "ledger.domain.lots": ("domain/test_lots", *_MONEY),
    "ledger.domain.refunds": (*_MONEY, "usecases/test_refund_in_parts"),
    "ledger.domain.disputes": (*_MONEY, "domain/test_currencies", "domain/test_links"),
    "ledger.domain.shares": _MONEY,
    "ledger.domain.currencies": ("domain/test_currencies", *_MONEY),
    "ledger.domain.links": ("domain/test_links", "usecases/test_links", *_MONEY),
    "ledger.domain.late": ("domain/test_late",),
    "ledger.domain.orders": ("domain/test_orders", "providers/test_agreed_terms"),
    "ledger.domain.catalogue": ("domain/test_catalogue", "providers/test_agreed_terms", "usecases/test_terms"),
    "ledger.domain.texts": ("policy/test_texts",),
    "ledger.domain.money": ("domain/test_money", *_MONEY),
    "ledger.domain.purchases": (*_MONEY, "domain/test_late", "domain/test_grace", "usecases/test_paid_again"),
    "ledger.policy.rules": _POLICY,
    "ledger.policy.texts": ("policy/test_texts",),
    "ledger.policy.context": ("policy/test_context", *_POLICY),
    "ledger.policy.withdrawal": ("policy/test_withdrawal", *_POLICY),
    "ledger.policy.parameters": ("policy/test_parameters",),
    **{f"ledger.providers.stripe.{module}": _WEBHOOKS for module in _STRIPE},
    **{f"ledger.providers.paddle.{module}": _WEBHOOKS for module in _PADDLE},
    "ledger.providers.translation": _WEBHOOKS,
    "ledger.providers.scope": ("providers/test_scope",),
    "ledger.providers.parsing": _WEBHOOKS,
    "ledger.providers.signatures": ("providers/test_rejections", "providers/test_signatures"),
    "ledger.providers.tags": ("providers/test_translation",),
}


def suite_of(module: str) -> tuple[str, ...]:
    """The test files that tell a module's mutants, in this order."""
    return tuple(f"{ROOT}/tests/unit/{name}.py" for name in dict.fromkeys(SUITES[module]))


def suites_of(modules: Sequence[str]) -> tuple[str, ...]:
    """Each of these modules' files once."""
    return tuple(dict.fromkeys(file for module in modules for file in suite_of(module)))


def all_mutants(modules: Sequence[str] = tuple(SUITES)) -> list[Mutant]:
    """Of these modules, in the order of their lines."""
    return [mutant for module in modules for mutant in mutants_of(module, _source_of(module))]


def _source_of(module: str) -> Path:
    return ROOT / "layers/ledger" / f"{module.replace('.', '/')}.py"
