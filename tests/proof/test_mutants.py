"""The mutants' part of the proof: it tries what matters, and tests that can't tell don't pass unseen."""

import ast
import contextlib
import io
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import hypothesis
import pytest

from proof.mutants import run
from proof.mutants.deployment import TemplateMutant, template_mutants
from proof.mutants.equal import Equal
from proof.mutants.kept import Kept, clear_digests
from proof.mutants.mutations import Mutant, mutants_of
from proof.mutants.suites import LAYERS, MENDED, all_mutants, modules_of, one_of_each_kind, source_of, trial_of
from proof.mutants.trial import Fate, Suite, Told, Trial, with_tests
from proof.mutants.typed import refuses, text_of
from proof.work import Work
from tools.engines import ROOT
from tools.template import load

CODE = '''
"""Prose is left alone."""
TABLE = {"a": 1, "b": 2}

class Box:
    """Neither is this."""

    size: int = 3

    @property
    def is_large(self) -> bool:
        return self.size >= 10 and self.size != 12

    def grow(self, by: int) -> None:
        if by > 0:
            self.size += by
        raise ValueError("too small a step")
'''
WRONGS = {
    "1 → 2",
    "1 → 0",
    "{'a': 1, 'b': 2} → {'a': 1}",
    "3 → 4",
    "self.size >= 10 → self.size > 10",
    "self.size >= 10 → self.size < 10",
    "10 → 11",
    "10 → 9",
    "self.size >= 10 and self.size != 12 → self.size >= 10 or self.size != 12",
    "self.size >= 10 and self.size != 12 → self.size != 12",
    "self.size != 12 → self.size == 12",
    "by > 0 → True",
    "by > 0 → by >= 0",
    "self.size += by → pass",
    "self.size += by → self.size -= by",
    "raise ValueError('too small a step') → pass",
}
"""Some of what is to be among them: in tables, fields, properties, conditions and statements."""


GUARDS = """
class Store:
    def put(self, item, update):
        self.dispatch(item, f"attribute_not_exists(pk) AND {update.name('v')} = {update.value(1)}")

    def get(self, account_id):
        return self.dispatch("GetItem", ConsistentRead=True, Key=f"ACCOUNT#{account_id}")

def write(store, token):
    lease = timedelta(seconds=60)
    done = store.send(client_request_token=token)
    store.move_cursor()
    try:
        return store.commit(done)
    except Failure as error:
        return answer(503, "It could not be stored.")
"""
DROPPED = {
    "(attribute_not_exists(pk) OR attribute_not_exists(nothing)) AND ",
    "AND ({update.name('v')} = {update.value(1)} OR attribute_not_exists(nothing))",
    "ConsistentRead=True → ConsistentRead=False",
    "f'ACCOUNT#{account_id}' → Key=f'ACCOUNT#'",
    "timedelta(seconds=60) → timedelta(seconds=6.0)",
    "→ store.send(client_request_token='the same each time')",
    "→ store.send(client_request_token=str(__import__('uuid').uuid4()))",
    "done = store.send(client_request_token=token) ⇄ store.move_cursor()",
    "'It could not be stored.' → str(error)",
}
"""The guards of this trade: each condition, each part of a key, each token, each order."""


def mutant(module: str, where: str, mutation: str) -> Mutant:
    """One of the core's."""
    all_of_it = mutants_of(module, source_of(module))
    (found,) = (each for each in all_of_it if (each.where, each.mutation) == (where, mutation))
    return found


def tried(*trials: Trial) -> list[Told]:
    """What their tests make of these, one after the other. The tests are read once for all of them."""
    files = dict.fromkeys(file for trial in trials for file in (*trial.tests, *trial.layer))
    modules = {trial.mutant.module for trial in trials if isinstance(trial.mutant, Mutant)}
    return with_tests(files, modules, lambda read: list(read.tried(trials)))


def fate_of(found: Mutant | TemplateMutant | None, *tests: str) -> Fate:
    """What becomes of it."""
    (told,) = tried(Trial(found, tests))
    return told.fate


def test_wrongs_are_done_to_all_that_matters_and_to_nothing_else(tmp_path: Path) -> None:
    """Properties and tables too; words for people and annotations stay."""
    (tmp_path / "box.py").write_text(CODE)
    found = mutants_of("box", tmp_path / "box.py")
    assert {each.mutation for each in found} >= WRONGS
    assert not [each for each in found if "Prose" in each.mutation or "step'" in each.mutation.partition("→")[2]]
    assert not [each for each in found if each.mutation.startswith(("bool", "int", "property"))]


def test_a_field_is_read_for_its_neighbours_of_the_same_type(tmp_path: Path) -> None:
    """A case has been opened and decided. What is no field of a record is left alone."""
    (tmp_path / "box.py").write_text("def late(case, now):\n    return now - case.decided_at > now.since\n")
    found = [each for each in mutants_of("box", tmp_path / "box.py") if each.sort == "field"]
    assert {each.mutation for each in found} >= {"case.decided_at → case.opened_at"}
    assert all(each.mutation.startswith(("case.decided_at → case.", "now.since → now.")) for each in found)


def test_a_wrong_that_the_tests_tell_is_killed_and_one_that_they_cant_tell_survives() -> None:
    """The planted bug is a suite that looks elsewhere: the same wrong passes it."""
    wrong = mutant(
        "ledger.domain.lots",
        "Lot.rebalance",
        "min(self.refund_target, takeable) → takeable",
    )
    telling, elsewhere = "tests/unit/domain/test_lots.py", "tests/unit/domain/test_money.py"
    told = tried(
        Trial(None, (telling, elsewhere)),
        Trial(wrong, (telling,)),
        Trial(wrong, (elsewhere, telling)),
        Trial(wrong, (elsewhere,)),
    )
    assert [one.fate for one in told] == [Fate.SURVIVED, Fate.KILLED, Fate.KILLED, Fate.SURVIVED]


def test_a_wrong_that_never_ends_counts_as_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its time."""
    (tmp_path / "test_endless.py").write_text("def test_endless():\n    while True:\n        pass\n")
    monkeypatch.setattr("proof.mutants.trial._FILE_S", 1)
    assert fate_of(None, str(tmp_path / "test_endless.py")) is Fate.TIMED_OUT


def test_a_test_that_is_too_slow_to_be_learned_is_not_asked_and_the_rest_is_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no failure of the code as it is."""
    endless = "def test_endless():\n    while True:\n        pass\n"
    (tmp_path / "test_slow.py").write_text(
        f"{endless}def test_quick():\n    pass\ndef test_false():\n    assert False\n"
    )
    monkeypatch.setattr("proof.mutants.trial._FILE_S", 1)

    def learned(read: Suite) -> tuple[dict[str, bool], list[str]]:
        assert len([*read.learn(list(read.items), 1)]) == 3
        slow = {name.rpartition("::")[2]: seconds >= 1 for name, seconds in read.learned.seconds.items()}
        return slow, [name.rpartition("::")[2] for name in read.learned.failed]

    slow, failed = with_tests([str(tmp_path / "test_slow.py")], (), learned)
    assert slow == {"test_endless": True, "test_quick": False, "test_false": False}
    assert failed == ["test_false"]


def test_a_test_that_ends_its_process_is_named_alone(tmp_path: Path) -> None:
    """Those after it in the same process have not failed: they are learned in another one."""
    (tmp_path / "test_ends.py").write_text(
        "import os\ndef test_before():\n    pass\ndef test_ends():\n    os._exit(3)\ndef test_after():\n    pass\n"
    )

    def learned(read: Suite) -> list[str]:
        assert len([*read.learn(list(read.items), 1)]) == 3
        return [name.rpartition("::")[2] for name in read.learned.failed]

    assert with_tests([str(tmp_path / "test_ends.py")], (), learned) == ["test_ends"]


def test_an_explanation_of_what_is_no_mutant_any_more_is_told(tmp_path: Path) -> None:
    """The code has moved on."""
    row = '[[equal]]\nmodule = "ledger.domain.lots"\nwhere = "{}"\nmutations = ["0 → 1"]\nwhy = "because"\n'
    (tmp_path / "equal.toml").write_text(row.format("movements") + row.format("gone"))
    equal, lots = Equal.load(tmp_path / "equal.toml"), all_mutants(("ledger.domain.lots",))
    assert equal.stale(lots) == ["ledger.domain.lots gone: 0 → 1"]
    assert [equal.why(each) for each in lots if equal.why(each)] == ["because"]


def test_what_is_explained_is_still_there() -> None:
    """Every reason belongs to a wrong that can be done."""
    equal = Equal.load()
    explained = {name.partition(" ")[0] for name in equal.reasons}
    assert explained <= set(modules_of(*LAYERS))
    assert equal.stale(all_mutants(sorted(explained))) == []


def test_a_few_drawn_by_a_seed_are_all_told() -> None:
    """The part itself, for some seconds."""
    work = Work("mutants", 7, 3, out=io.StringIO())
    run(work, ("ledger.domain.lots", "ledger.domain.money"))
    assert work.counts["wrongs done"] > 0
    assert work.found == []


def test_every_guard_of_this_trade_is_dropped(tmp_path: Path) -> None:
    """Conditions, parts of keys, tokens, leases, orders, and what an answer may say."""
    (tmp_path / "store.py").write_text(GUARDS)
    found = [each.mutation for each in mutants_of("store", tmp_path / "store.py")]
    assert [text for text in DROPPED if not any(text in mutation for mutation in found)] == []


def test_the_tests_of_a_layer_are_asked_when_those_of_the_module_tell_nothing() -> None:
    """And it is said which file told it."""
    wrong = mutant("ledger.domain.lots", "Lot.rebalance", "min(self.refund_target, takeable) → takeable")
    (found,) = tried(Trial(wrong, ("tests/unit/domain/test_money.py",), ("tests/unit/domain/test_lots.py",)))
    assert (found.fate, found.by) == (Fate.KILLED, "tests/unit/domain/test_lots.py")


def test_a_wrong_in_a_table_is_told_by_what_reads_it_anew() -> None:
    """It is no function's: our code is imported with the wrong in it."""
    wrong = mutant("ledger.domain.money", "", "without 'JPY'")
    assert wrong.function is None
    assert fate_of(wrong, "tests/unit/domain/test_money.py") is Fate.KILLED


def test_a_wrong_in_a_function_that_runs_while_modules_are_imported_is_told_too() -> None:
    """The tables that it makes are there before it could be planted: then our code is imported anew."""
    found = mutants_of("ledger.dynamodb.codec", source_of("ledger.dynamodb.codec"))
    wrong = next(each for each in found if each.where == "one_of" and each.mutation.startswith("return "))
    assert wrong.function is not None
    assert fate_of(wrong, "tests/unit/dynamodb/test_schema.py") is Fate.KILLED


def test_a_run_goes_on_where_it_stopped_and_tries_again_what_changed(tmp_path: Path) -> None:
    """A fate is kept under what the module and its tests contain."""
    source, tests = tmp_path / "lots.py", tmp_path / "test_lots.py"
    source.write_text("x = 1\n")
    tests.write_text("")
    wrong = mutants_of("lots", source)[0]
    kept = Kept(path=tmp_path / "fates.jsonl")
    kept.keep(Told(Trial(wrong, (str(tests),)), Fate.SURVIVED))
    again = Kept.load(tmp_path / "fates.jsonl")
    assert again.told(Trial(wrong, (str(tests),))) == Told(Trial(wrong, (str(tests),)), Fate.SURVIVED, "")
    for changed, back in ((tests, ""), (source, "x = 1\n")):
        before = changed.read_text()
        changed.write_text(f"{before}import sys\n")
        clear_digests()
        assert again.told(Trial(wrong, (str(tests),))) is None
        changed.write_text(back)
        clear_digests()
        assert again.told(Trial(wrong, (str(tests),)))


@pytest.mark.parametrize("module", ["ledger.usecases.usage", "ledger.policy.rules", "ledger.providers.stripe.client"])
def test_the_text_of_a_wrong_is_the_module_with_that_wrong_alone(module: str) -> None:
    """Wherever it stands: of all, each ninth. A part of an f-string has no place of its own."""
    without = 0
    for wrong in mutants_of(module, source_of(module))[::9]:
        text = text_of(wrong)
        if text is None:
            without += 1
            continue
        with _planted(wrong) as tree:
            assert ast.dump(ast.parse(text)) == ast.dump(ast.parse(ast.unparse(tree))), str(wrong)
    assert without < 5


@contextlib.contextmanager
def _planted(wrong: Mutant) -> Iterator[ast.Module]:
    """The tree with the wrong in it, which all mutants of a module share."""
    parent, field, position = wrong.place
    before = getattr(parent, field)
    changed = wrong.instead if position is None else [*before[:position], wrong.instead, *before[position + 1 :]]
    setattr(parent, field, changed)
    yield ast.fix_missing_locations(wrong.tree)
    setattr(parent, field, before)


def test_what_only_the_type_checker_needs_is_refused_and_nothing_else_is() -> None:
    """A value that may be none is used; beside it a wrong figure, which has the right type."""
    module = "ledger.usecases.find_customer"
    dropped = "bought_for <= {None, account_id} → bought_for < {None, account_id}"
    assert not refuses(mutant(module, "_bought_for_no_other", dropped))
    guard = "known.document(key, RefundCase) if known else None → known.document(key, RefundCase)"
    assert refuses(mutant("ledger.usecases.refund_cases.cases", "read_case", guard))


def test_every_module_that_moves_money_is_mutated() -> None:
    """Each is in a layer, with tests; a new module is in the layer of its folder."""
    for folder in ("ledger.usecases.usage", "ledger.dynamodb.writes", "functions.place_order.app", "tools.verify.lots"):
        assert folder in modules_of(*LAYERS)
    assert set(MENDED) <= set(LAYERS)
    package = ROOT / "layers/ledger/ledger"
    written = {file for file in package.rglob("*.py") if file.stat().st_size and file != package / "__init__.py"}
    assert written <= {source_of(module) for module in modules_of(*LAYERS)}
    assert all(trial_of(each).tests or trial_of(each).layer for each in all_mutants(modules_of("webhook")))


def test_a_wrong_in_the_template_is_told() -> None:
    """Its tests read the file with the wrong in it: a permission, a filter, a dead-letter target, an alarm, a time."""
    wrongs = {each.name.removeprefix("template.yaml Resources."): each for each in template_mutants()}
    chosen = {
        "SendRefundsFunction.Properties.Policies.0.Statement.1: without WriteWhole": "_permissions",
        "RefundsToSend.Properties.RedrivePolicy: without RedrivePolicy": "_events",
        "SendRefundsFunction.Properties.Timeout: 45 → 450": "_events",
        'FactsWaiting.Properties.MetricName: MetricName: "WaitingPayments" → Invocations': "_alarms",
        "FactsWaiting.Properties.ActionsEnabled: with ActionsEnabled": "",
        "FactsWaiting.Condition: with Condition": "",
        "MailsFailures.Properties.EventDestination.Enabled: True → False": "_sources",
        "EvidenceBucketPolicy.Properties.Bucket: RawBodyBucket for EvidenceBucket": "_storage",
        "template.yaml Conditions.HasPublicUrl: not Fn::Not": "_parameters",
    }
    trials = [Trial(wrongs[name], (f"tests/unit/tools/test_template{told_by}.py",)) for name, told_by in chosen.items()]
    assert {str(one.trial.mutant): one.fate for one in tried(*trials)} == {
        wrongs[name].name: Fate.KILLED for name in chosen
    }


def test_a_template_that_says_the_same_is_no_wrong() -> None:
    """The tests that read it anew hold: it is the wrong that they tell."""
    (anything, *_) = template_mutants()
    same = replace(anything, template=load())
    assert fate_of(same, "tests/unit/tools/test_template_events.py") is Fate.SURVIVED


def test_one_of_each_kind_is_drawn_whatever_other_kinds_there_are() -> None:
    """A kind is what is done to a property of a type of resource, or to a sort of place in a module."""
    for of_all, some in ((template_mutants(), "Timeout"), (all_mutants(("ledger.domain.lots",)), "Compare")):
        drawn = one_of_each_kind(of_all, 7)
        assert {each.kind for each in drawn} == {each.kind for each in of_all}
        assert len({each.kind for each in drawn}) == len(drawn) < len(of_all) / 3
        of_some = [each.name for each in one_of_each_kind([each for each in of_all if some in each.kind], 7)]
        assert of_some
        assert of_some == [each.name for each in drawn if some in each.kind]
        assert [each.name for each in one_of_each_kind(of_all, 8)] != [each.name for each in drawn]
    (kind,) = {each.kind for each in template_mutants() if each.mutation == "without WriteWhole"}
    assert kind.endswith("AWS::Serverless::Function.Properties.Policies.*.Statement.*: without")


def test_the_process_that_tries_mutants_runs_other_tests_as_before() -> None:
    """With all their examples, and with its plugins."""
    before = (hypothesis.settings.get_current_profile_name(), os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"))
    assert fate_of(None, "tests/unit/domain/test_money.py") is Fate.SURVIVED
    after = (hypothesis.settings.get_current_profile_name(), os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"))
    assert after == before
