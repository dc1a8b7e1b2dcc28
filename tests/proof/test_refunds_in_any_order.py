"""Approvals, refunds, totals and disputes of one payment, in any order, told twice: one ledger, nothing given away."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain.events import Event
from ledger.domain.facts import (
    AmountStated,
    BalanceCredited,
    DisputeState,
    Fact,
    PaymentSettled,
    RefundAbandoned,
    RefundApproved,
    RefundAttempted,
    RefundChanged,
    RefundPart,
    RefundSent,
    RefundState,
    RefundTotalReported,
)
from ledger.domain.texts import Text
from ledger.usecases.usage import draw_credits, fail_run
from tests.proof.test_convergence import meaning
from tools.testing.builders import ADA, LATER, PI, at, dispute, event_of, paid, payment, record_events
from tools.testing.fakes import FakeStore, world
from tools.testing.unguarded import expire_credits
from tools.verify import check

END = LATER + timedelta(days=1)
_minutes = st.integers(1, 50)
_tags = st.sampled_from(["case_1-1", "case_2-1"])
_ids = st.sampled_from(["re_1", "re_2", "re_3"])
_currencies = st.sampled_from(["USD", "USD", "USD", "EUR"])
_amounts = st.sampled_from([0, 1, 333, 500, 1000, 2000])


def _fact(kind: type[Fact], **fields: st.SearchStrategy[object]) -> st.SearchStrategy[Fact]:
    return st.builds(kind, at=_minutes.map(at), cause=st.just("x"), **fields)


_facts: st.SearchStrategy[Fact] = st.one_of(
    _fact(
        RefundChanged,
        refund_id=_ids,
        state=st.sampled_from(list(RefundState)),
        amount_minor=_amounts,
        currency=_currencies,
        created_at=_minutes.map(at),
        tag=st.none() | _tags,
        charge_id=st.sampled_from([None, "ch_1", "ch_2"]),
        items=st.just(()),
        money_id=st.none(),
    ),
    _fact(
        BalanceCredited,
        credit_id=st.sampled_from(["adj_1", "adj_2"]),
        amount_minor=_amounts,
        currency=_currencies,
        created_at=_minutes.map(at),
        items=st.just(()),
        is_reversal=st.booleans(),
        is_reversed=st.booleans(),
    ),
    _fact(
        AmountStated,
        subject=st.sampled_from(["refund:re_1", "dispute:dp_1", "credit:adj_1"]),
        amount_minor=_amounts,
        actor=st.just("sam"),
    ),
    st.builds(
        lambda tag, minor: RefundAttempted(
            tag=tag, sale_id=PI, parts=(RefundPart(tag=tag, amount_minor=minor),), at=at(6), cause="x"
        ),
        _tags,
        _amounts,
    ),
    _fact(RefundApproved, tag=_tags, case_id=st.just("case"), amount_minor=_amounts, takes_credits=st.booleans()),
    _fact(RefundSent, tag=_tags, refund_id=_ids),
    _fact(RefundAbandoned, tag=_tags, reason=st.just(Text(key="x"))),
    _fact(
        RefundTotalReported,
        charge_id=st.just("ch_1"),
        total_minor=_amounts,
        currency=_currencies,
        money_id=st.none(),
    ),
    st.builds(
        dispute,
        st.sampled_from(list(DisputeState)),
        _amounts,
        dispute_id=st.sampled_from(["dp_1", "dp_2"]),
        minute=_minutes,
    ),
)


def settled() -> PaymentSettled:
    """A payment whose credits lapse."""
    return payment(fulfilment_key="order/o", expires_at=END, overcharge_minor=100, paid_minor=2100)


def played(history: list[Event], *, drawn: int, fails: bool, is_late: bool = False) -> FakeStore:
    """The payment, a run, this history, the run's failure, and at last the lapse, written down early or late."""
    store = FakeStore()
    if drawn:
        record_events(store, paid(settled()))
        draw_credits(ADA, "run_1", drawn, store, now=LATER)
    now = END + timedelta(days=9)
    if is_late:
        expire_credits(store, now=END + timedelta(minutes=1))
        expire_credits(store, now=END + timedelta(days=5))  # it has passed that day now
    record_events(store, *history, *([] if drawn else [paid(settled())]), now=now if is_late else LATER)
    if drawn and fails:
        fail_run(ADA, "run_1", store, now=now if is_late else LATER)
    expire_credits(store, now=now + timedelta(hours=1))
    return store


def ledger(store: FakeStore) -> dict[str, object]:
    """What the ledger means, but for its own times."""
    broken = [finding.invariant for finding in check(world(store)) if finding.broken]
    # Any sum may be told here, approvals come without their cases, and stated amounts without the acts of people.
    expected = ("refunded by more", "case", "a person stated")
    assert not [name for name in broken if not any(words in name for words in expected)]
    return meaning(store)


@settings(max_examples=100, deadline=None)
@given(st.data(), st.lists(_facts, max_size=8), st.sampled_from([0, 300, 1000]), st.booleans())
def test_every_order_of_what_is_known_of_refunds_ends_in_the_same_ledger(
    data: st.DataObject, facts: list[Fact], drawn: int, fails: bool
) -> None:
    """With a run in between that may fail later, and the lapse written down before or after."""
    natural = [event_of(fact) for fact in facts]
    shuffled = data.draw(st.permutations([*natural, *natural]))
    wanted = ledger(played(natural, drawn=drawn, fails=fails))
    assert ledger(played(shuffled, drawn=drawn, fails=fails)) == wanted
    late = ledger(played(shuffled, drawn=drawn, fails=fails, is_late=True))
    assert late["facts"] == wanted["facts"]
    assert late["lots"] == wanted["lots"]
    assert late["net"] == wanted["net"]
