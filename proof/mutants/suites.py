"""What is mutated, layer by layer, and which tests are to tell: those about a module first, then those of its layer."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from proof.mutants.deployment import MODULE, TemplateMutant, template_mutants
from proof.mutants.mutations import Mutant, mutants_of
from proof.mutants.trial import Trial
from tools.engines import ROOT

_MONEY = (
    "domain/test_money_before_words",
    "domain/test_purchases",
    "domain/test_lots",
    "domain/test_facts",
    "domain/test_refunds",
    "domain/test_similar_fields",
)
_POLICY = ("policy/test_golden_decisions", "policy/test_decisions", "policy/test_rules", "policy/test_texts")
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
    "taxes",
)
_PADDLE = ("events", "notification", "transactions", "subscriptions", "adjustments")
_WEBHOOKS = (
    "providers/test_translation",
    "providers/test_line_amounts",
    "providers/test_prorations",
    "tools/test_events_library",
    "providers/test_strange_events",
    "providers/test_agreed_terms",
    "providers/test_ends_of_credits",
    "providers/test_scope",
    "usecases/test_terms",
)

_SUITES: dict[str, tuple[str, ...]] = {
    "ledger.domain.facts": ("domain/test_facts", *_MONEY, "providers/test_translation", "dynamodb/test_schema"),
    "ledger.domain.lots": ("domain/test_lots", *_MONEY),
    "ledger.domain.refunds": (
        *(*_MONEY, "usecases/test_refund_in_parts"),
        *("domain/test_shared_money", "domain/test_withdrawn"),
    ),
    "ledger.domain.withdrawn": ("domain/test_withdrawn",),
    "ledger.domain.disputes": (
        *("domain/test_disputes", *_MONEY, "domain/test_currencies", "domain/test_links", "domain/test_shared_money"),
        "usecases/test_contacted_first",
    ),
    "ledger.domain.shares": _MONEY,
    "ledger.domain.currencies": ("domain/test_currencies", *_MONEY, "domain/test_shared_money"),
    "ledger.domain.links": ("domain/test_links", "domain/test_shared_money", "usecases/test_links", *_MONEY),
    "ledger.domain.parts": ("domain/test_shared_money", *_MONEY),
    "ledger.domain.totals": ("domain/test_shared_money", *_MONEY),
    "ledger.domain.conclusions": (*_MONEY, "domain/test_shared_money"),
    "ledger.domain.late": ("domain/test_late", "domain/test_similar_fields"),
    "ledger.domain.orders": ("domain/test_orders", "domain/test_similar_fields", "providers/test_agreed_terms"),
    "ledger.domain.catalogue": ("domain/test_catalogue", "providers/test_agreed_terms", "usecases/test_terms"),
    "ledger.domain.texts": ("policy/test_texts",),
    "ledger.domain.money": ("domain/test_money", *_MONEY),
    "ledger.domain.purchases": (
        *(*_MONEY, "domain/test_late", "domain/test_grace"),
        *("domain/test_withdrawn", "usecases/test_paid_again"),
    ),
    "ledger.policy.rules": (*_POLICY, "policy/test_withdrawal"),
    "ledger.policy.texts": ("policy/test_texts",),
    "ledger.policy.context": ("policy/test_context", *_POLICY),
    "ledger.policy.law": ("policy/test_law", "policy/test_law_grid"),
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


@dataclass(frozen=True, slots=True)
class Layer:
    """Modules, each with the files of tests about it, and the tests of the whole layer."""

    modules: Mapping[str, tuple[str, ...]]
    tests: tuple[str, ...]


def _modules(*patterns: str, own: tuple[str, ...] = ()) -> dict[str, tuple[str, ...]]:
    """The modules of these files with their tests: those named for the module or its package, and those listed."""
    found = {}
    for path in sorted(path for pattern in patterns for path in ROOT.glob(pattern) if path.stat().st_size):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        module = module.removeprefix("layers.ledger.").removesuffix(".__init__")
        folder, *names = module.removeprefix("ledger.").split(".")
        folders = (f"unit/{folder}/**", "contract")
        named = _files(*(f"{each}/test_{name}.py" for name in reversed(names) for each in folders))
        found[module] = tuple(dict.fromkeys((*named, *map(_named, (*_OWN.get(module, ()), *own)))))
    return found


def _listed(package: str) -> dict[str, tuple[str, ...]]:
    """The modules of a package that are listed with their tests."""
    return {
        module: tuple(map(_named, dict.fromkeys(tests)))
        for module, tests in _SUITES.items()
        if module.startswith(package)
    }


def _named(name: str) -> str:
    return f"tests/{name}.py" if name.startswith(("contract/", "integration/")) else f"tests/unit/{name}.py"


def _files(*patterns: str) -> tuple[str, ...]:
    found = [path for pattern in patterns for path in sorted((ROOT / "tests").glob(pattern))]
    return tuple(str(path.relative_to(ROOT)) for path in found if path.name.startswith("test_"))


_STORE = ("dynamodb/test_store_faults", "dynamodb/test_schema")
_CONDITIONS = ("contract/test_conditions", "contract/test_store", "contract/test_rolling_deploy")
_CASES = (
    *("contract/test_cases", "contract/test_queue", "usecases/test_refund_in_parts", "usecases/test_charged_twice"),
    *("usecases/test_rounds", "usecases/test_replaced_credits", "usecases/test_contacted_first"),
    "usecases/test_policy_context",
)
_WITHDRAWN = ("usecases/test_withdrawn_contracts", "usecases/test_withdrawn_in_dispute")
_DURATIONS = ("test_durations", "tools/test_template_sources")
_OF_MAILS = ("accounts", "cases", "declarations", "desk", "orders", "plans", "write")
_OF_USE_CASES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("adjust_credits", "authority", "settle_proposals"), ("contract/test_second_person",)),
    **dict.fromkeys(
        ("find_records", "found", "looks", "index_names"), ("contract/test_timeline", "contract/test_find")
    ),
    **dict.fromkeys(
        ("confirm_orders", "send_mails"), ("usecases/test_sending_mails", "contract/test_mails", *_DURATIONS)
    ),
    **dict.fromkeys(
        ("list_mails", *(f"write_mails.{name}" for name in _OF_MAILS)),
        ("usecases/test_what_is_mailed", "usecases/test_low_balance", "usecases/test_remind"),
    ),
    **{
        f"refund_cases.{name}": (*_CASES, *_WITHDRAWN)
        for name in ("apply_decision", "cases", "claim_case", "context", "decide_case", "open_case", "place_cases")
    },
    **{f"refund_cases.{name}": _WITHDRAWN for name in ("confirm_withdrawal", "contract", "withdraw_contract")},
    "refund_cases.decide_deferred": (
        "contract/test_credit_notes",
        "usecases/test_rounds",
        "usecases/test_refund_warned",
        *_WITHDRAWN,
    ),
    "refund_cases.follow_refunds": ("usecases/test_rounds", "contract/test_queue", "usecases/test_sending"),
    "attribute_parked": ("contract/test_parked",),
    "chain": ("tools/test_why", "contract/test_timeline"),
    "chain_lines": ("usecases/test_chain", "tools/test_why", "contract/test_timeline"),
    "consents": ("contract/test_locked_credits",),
    "contacts": ("contract/test_locked_credits",),
    "declarations.request_review": ("usecases/test_reviews",),
    "credited_periods": ("providers/test_prorations", "usecases/test_balance_spent_once"),
    "debts": ("usecases/test_record_event", "usecases/test_plan_booking"),
    "explain_chain": ("tools/test_why", "contract/test_timeline"),
    "late_information": ("contract/test_late_information",),
    "locks": ("contract/test_locked_credits", "contract/test_undecided_withdrawals"),
    "look_up": ("usecases/test_record_event", "usecases/test_links"),
    "mute_parked": ("contract/test_mutes",),
    "open_disputes": ("usecases/test_contacted_first",),
    "parked_events": ("contract/test_parked", "integration/test_api_parked"),
    "progress": ("usecases/test_rounds", "usecases/test_expire_credits"),
    "refund_cases.add_evidence": ("contract/test_cases", "contract/test_request_limits"),
    "refund_cases.due": ("usecases/test_due_withdrawals",),
    "refund_cases.evaluate_policy": (
        *("usecases/test_policy_context", "usecases/test_charged_twice", "contract/test_orders_terms"),
        *_WITHDRAWN,
    ),
    "refund_cases.preview": ("contract/test_cases", "contract/test_orders_terms"),
    "release_parked": ("usecases/test_rounds",),
    "place_order": ("contract/test_open_checkouts", "contract/test_orders_terms", *_DURATIONS),
    **{
        f"plan_booking.{name}": (
            *("usecases/test_record_event", "contract/test_orders_terms"),
            *("usecases/test_consents", "usecases/test_links"),
        )
        for name in ("booking", "entries", "events", "fulfilment", "merging", "owners")
    },
    "record_event": (
        "contract/test_orders_terms",
        "usecases/test_duplicates",
        "usecases/test_rounds",
        "contract/test_parked",
    ),
    "remind": _DURATIONS,
    "send_refunds": (
        *("usecases/test_sending", "usecases/test_refund_in_parts", "usecases/test_shared_money"),
        *_DURATIONS,
    ),
    "state_amount": ("contract/test_second_person", "contract/test_cases"),
    "usage": ("usecases/test_correlation", "usecases/test_many_lots"),
    "stop_renewals": ("usecases/test_renewals_stopped", "contract/test_store"),
}
"""Where no file of tests is named for a use-case or its package."""
_OF_FUNCTIONS: dict[str, tuple[str, ...]] = {
    "describe_api": ("tools/test_openapi",),
    "find_accounts": ("integration/test_api_find",),
    "follow_declarations": ("functions/test_follow_declarations",),
    "index_names": ("functions/test_subscribers",),
    "place_order": ("integration/test_api_shop", "integration/test_no_free_use"),
    "read_account": ("integration/test_api_shop",),
    "receive_declarations": ("integration/test_api_declarations",),
    "relay_changes": ("test_relay", "functions/test_subscribers"),
    "release_parked": ("integration/test_release_parked",),
    "replace_failed_runs": ("integration/test_api_incidents",),
    "request_refund": ("integration/test_api_declarations",),
    "review_incidents": ("integration/test_api_incidents",),
    "review_parked": ("integration/test_api_parked",),
    "send_mails": ("functions/test_reported", "tools/test_template_sources"),
    "send_refunds": (
        *("functions/test_reported", "functions/test_subscribers"),
        *("integration/test_refund_sent_once", "tools/test_template_sources"),
    ),
    "show_pages": ("functions/test_show_pages", "integration/test_pages"),
}
_NAMES = ("domain/test_names",)
_MAILS = (
    *("mails/test_filled_letters", "mails/test_letters", "mails/test_golden_html"),
    *("usecases/test_what_is_mailed", "usecases/test_sending_mails", "usecases/test_remind"),
    *("usecases/test_low_balance", "usecases/test_reviews"),
)
_OWN: dict[str, tuple[str, ...]] = {
    **{f"ledger.dynamodb.{name}": _STORE for name in ("codec", "items")},
    "ledger.dynamodb.keys": ("dynamodb/test_reads", "dynamodb/test_stream_records"),
    "ledger.dynamodb.reads": (*_STORE, "contract/test_lag", "contract/test_timeline", "contract/test_support_lists"),
    **{
        f"ledger.dynamodb.{name}": ("dynamodb/test_leaving_an_index", *_STORE, *_CONDITIONS)
        for name in ("expressions", "store", "writes")
    },
    "ledger.api.checklist": ("api/test_checklist", "integration/test_api_disputes"),
    "ledger.api.disputes": ("integration/test_api_disputes",),
    **dict.fromkeys(("ledger.api.gateway_event", "ledger.api.http"), ("integration/test_api_bad_input",)),
    **{
        f"ledger.api.pages.{path.stem}": ("api/test_page_markup", "integration/test_pages")
        for path in (ROOT / "layers/ledger/ledger/api/pages").glob("*.py")
    },
    "ledger.api.pagination": ("api/test_pagination",),
    "ledger.api.declarations": ("api/test_declaration_inputs", "integration/test_api_declarations"),
    "ledger.api.providers": ("tools/test_openapi",),
    "ledger.api.support.cases": ("integration/test_api_isolation", "integration/test_api"),
    **dict.fromkeys(
        ("ledger.api.support.declarations", "ledger.api.support.proposals"), ("integration/test_api_isolation",)
    ),
    "ledger.api.support.accounts": ("integration/test_api_isolation", "integration/test_api_find"),
    "ledger.api.support.disputes": ("integration/test_api_isolation", "integration/test_api_disputes"),
    "ledger.api.responses.declarations": ("integration/test_api_declarations",),
    "ledger.api.responses.orders": ("integration/test_api_shop",),
    "ledger.api.responses.parked": ("integration/test_api_parked",),
    "ledger.webhook": ("functions/test_webhook", "functions/test_reported"),
    "ledger.runtime": ("functions/test_runtime", "functions/test_webhook", "functions/test_jobs"),
    "ledger.archive": ("functions/test_archive", "functions/test_webhook"),
    "ledger.job": ("functions/test_jobs", "tools/test_template_sources"),
    **{f"ledger.usecases.{name}": tests for name, tests in _OF_USE_CASES.items()},
    **{f"functions.{name}.app": tests for name, tests in _OF_FUNCTIONS.items()},
    "ledger.config": ("functions/test_config", "functions/test_runtime", "functions/test_jobs"),
    "ledger.secrets": ("functions/test_secrets",),
    "ledger.relay": ("test_relay",),
    "ledger.ses": ("test_ses",),
    "ledger.domain.accounts": ("domain/test_lots", "domain/test_grace", "contract/test_usage"),
    "ledger.domain.domain_events": ("test_relay", "dynamodb/test_stream_records", "functions/test_subscribers"),
    "ledger.domain.errors": ("api/test_errors",),
    **dict.fromkeys(
        (f"ledger.domain.{name}" for name in ("credit_notes", "events", "incidents", "subscriptions")), _NAMES
    ),
    "ledger.domain.ids": (*_NAMES, "usecases/test_refund_in_parts", "usecases/test_correlation", "usecases/test_links"),
    "ledger.domain.index_rows": (
        *_NAMES,
        "contract/test_find",
    ),
    "ledger.domain.proposals": ("contract/test_second_person", "contract/test_incidents"),
    "ledger.domain.receipts": ("contract/test_mutes", "contract/test_parked"),
    "ledger.domain.refund_cases": ("contract/test_cases",),
    "ledger.domain.subjects": (*_NAMES, "contract/test_mutes", "usecases/test_declarations", "usecases/test_reviews"),
    "ledger.lines": ("functions/test_lines", "functions/test_webhook", "functions/test_reported"),
    **{f"ledger.mails.{path.stem}": _MAILS for path in (ROOT / "layers/ledger/ledger/mails").glob("*.py")},
    "ledger.ports.reads": ("contract/test_orders_terms", "usecases/test_policy_context"),
    "ledger.ports.documents": (
        *(*_NAMES, "dynamodb/test_rows", "contract/test_store", "contract/test_conditions", "contract/test_cases"),
        *("contract/test_mails", "contract/test_second_person", "contract/test_incidents"),
        *("contract/test_credit_notes", "contract/test_declarations", "contract/test_timeline", "contract/test_find"),
        "contract/test_queue",
    ),
    "ledger.dynamodb.calls": ("dynamodb/test_store_faults",),
    "ledger.dynamodb.schema": ("dynamodb/test_schema",),
    "ledger.dynamodb.stream": ("dynamodb/test_stream_records",),
}
_CONTRACTS = ("contract/*.py",)
_API = (
    "api/test_filled_responses",
    "test_durations",
    "api/test_errors",
    "integration/test_api",
    "integration/test_api_refusals",
    "integration/test_api_responses",
)
_FUNCTIONS = ("unit/functions/*.py", "integration/test_api*.py", "integration/test_webhooks.py")

_GOLDEN = (
    *("usecases/test_golden_ledgers", "usecases/test_golden_contexts", "usecases/test_golden_chains"),
    "integration/test_api_responses",
)
"""What is stored, decided by, said and answered of the ledgers."""

LAYERS: dict[str, Layer] = {
    "domain": Layer(
        _listed("ledger.domain."),
        _files("unit/domain/*.py", "unit/usecases/*.py"),
    ),
    "policy": Layer(
        _listed("ledger.policy."),
        _files("unit/policy/*.py"),
    ),
    "providers": Layer(
        _listed("ledger.providers."),
        _files("unit/providers/*.py"),
    ),
    "dynamodb": Layer(
        _modules("layers/ledger/ledger/dynamodb/*.py"),
        _files("unit/dynamodb/*.py", *_CONTRACTS, "unit/functions/*.py", "unit/tools/test_verify.py"),
    ),
    "usecases": Layer(
        _modules(
            "layers/ledger/ledger/usecases/**/*.py",
            own=("test_durations", *_GOLDEN),
        ),
        _files("unit/usecases/*.py", *_CONTRACTS, *_FUNCTIONS),
    ),
    "webhook": Layer(
        _modules(*(f"layers/ledger/ledger/{name}.py" for name in ("archive", "webhook", "job", "runtime"))),
        _files("unit/functions/*.py", "integration/test_webhooks.py", *_FUNCTIONS),
    ),
    "api": Layer(
        _modules("layers/ledger/ledger/api/**/*.py", own=_API),
        _files("unit/api/*.py", "unit/tools/test_openapi.py", *_FUNCTIONS),
    ),
    "functions": Layer(_modules("functions/*/app.py", own=("functions/test_jobs", *_API)), _files(*_FUNCTIONS)),
    "verify": Layer(
        _modules("tools/verify/*.py"),
        _files("unit/tools/test_verify.py", "unit/tools/verify/*.py", *_CONTRACTS, "unit/cli/*.py"),
    ),
}
LAYERS["template"] = Layer(
    {MODULE: _files("unit/tools/test_template*.py")},  # rules alone: the page that shows the template proves nothing
    _files(
        "unit/tools/test_scale.py",
        "unit/tools/test_events_library.py",
        "unit/providers/test_endpoints.py",
        "unit/tools/test_openapi.py",
    ),
)

LAYERS["gateways"] = Layer(
    _modules(
        *("layers/ledger/ledger/providers/*/client.py", "layers/ledger/ledger/providers/responses.py"),
        own=("integration/test_gateways", "integration/test_checkouts_closed"),
    ),
    _files("integration/test_gateways.py", "integration/test_checkouts_closed.py", "unit/providers/*.py"),
)
_RECORDS = ("domain/test_filled_properties", "domain/test_fields_alone", "test_durations")
_ELSEWHERE = {"ledger", *(module for layer in LAYERS.values() for module in layer.modules)}
LAYERS["rest"] = Layer(
    {
        name: own
        for name, own in _modules("layers/ledger/ledger/**/*.py", own=_RECORDS).items()
        if name not in _ELSEWHERE
    },
    _files(
        *(f"unit/{folder}/*.py" for folder in ("domain", "usecases", "dynamodb", "functions", "mails", "policy")),
        *("unit/test_*.py", "unit/providers/test_new_provider.py", *_CONTRACTS),
    ),
)
"""What no other layer names: no module is left out."""

AnyMutant = Mutant | TemplateMutant

MENDED = ("domain", "policy", "providers")
"""The layers whose survivors are all mended or explained: CI tries as many of their mutants as it has time for."""


def modules_of(*layers: str) -> tuple[str, ...]:
    """The modules of these layers."""
    return tuple(module for layer in layers for module in LAYERS[layer].modules)


def layer_of(module: str) -> str:
    """The layer that a module is in."""
    return next(name for name, layer in LAYERS.items() if module in layer.modules)


def trial_of(mutant: AnyMutant, case: int = 0) -> Trial:
    """A mutant with the tests that are to tell it."""
    layer = LAYERS[layer_of(mutant.module)]
    return Trial(mutant, layer.modules[mutant.module], layer.tests, case)


def files_of(modules: Sequence[str], *, with_layers: bool) -> tuple[str, ...]:
    """The files of tests of these modules, and of their layers, each once."""
    own = [file for module in modules for file in LAYERS[layer_of(module)].modules[module]]
    layers = {layer_of(module): None for module in modules} if with_layers else {}
    return tuple(dict.fromkeys([*own, *(file for layer in layers for file in LAYERS[layer].tests)]))


def all_mutants(modules: Sequence[str]) -> list[AnyMutant]:
    """Of these modules, in the order of their lines."""
    return [
        mutant
        for module in modules
        for mutant in (template_mutants() if module == MODULE else mutants_of(module, source_of(module)))
    ]


def one_of_each_kind(mutants: Sequence[AnyMutant], seed: int) -> list[AnyMutant]:
    """Draw one of each kind. Which one does not depend on what other kinds there are."""
    kinds: dict[str, list[AnyMutant]] = {}
    for mutant in mutants:
        kinds.setdefault(mutant.kind, []).append(mutant)
    return [random.Random(f"{seed} {kind}").choice(found) for kind, found in kinds.items()]


def source_of(module: str) -> Path:
    """A module's file."""
    root = ROOT / "layers/ledger" if module.startswith("ledger.") else ROOT
    path = root / module.replace(".", "/")
    package = path / "__init__.py"
    return package if package.exists() else path.with_suffix(".py")
