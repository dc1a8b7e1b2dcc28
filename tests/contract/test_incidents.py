"""Incidents: the credits of all runs that failed between two times are replaced once, whatever runs at once."""

import contextlib
import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ledger.domain.audit import AuditAction
from ledger.domain.contacts import Contact
from ledger.domain.errors import (
    IdempotencyKeyReused,
    IncidentChanged,
    InvalidRequest,
    NotFound,
    RequestRefused,
    SecondPersonNeeded,
    StoreUnavailable,
)
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.incidents import Incident, IncidentState, LeftOut
from ledger.domain.mails import MailKind
from ledger.domain.proposals import ProposalState, SupportLimit
from ledger.domain.refund_cases import DecisionOutcome, RefundReason
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.commit import Commit, DocumentChange, Refusal
from ledger.ports.documents import contact_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.authority import Authority
from ledger.usecases.holds import place_hold
from ledger.usecases.incidents import find_runs as finding
from ledger.usecases.incidents.begin import IncidentRequest, read_incident
from ledger.usecases.incidents.find_runs import Preview, cases_beside, preview
from ledger.usecases.incidents.replace_runs import RUNS_AT_ONCE
from ledger.usecases.index_names import index_failed_run
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.usage import draw_credits, fail_run
from ledger.usecases.write_mails import Paced, write_mail
from tests.unit.usecases.test_sending_mails import desk
from tools.testing.builders import (
    ADA,
    POLICY,
    at,
    paid,
    payment,
    record_events,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeStore, Trouble, world
from tools.testing.races import assert_sound, at_once, retrying
from tools.testing.unguarded import begin_incident, confirm_proposal, decide_case, lift_hold, replace_runs
from tools.verify import check

BEN, EVE = AccountId("acct_ben"), AccountId("acct_eve")
ALONE = Authority(limits={"credits": SupportLimit(day=100, month=150)})
SINCE, UNTIL, NOW = at(10), at(60), at(90)


def with_account(store: Store, account_id: AccountId = ADA, credits_: int = 1000) -> None:
    """An account with a pack."""
    bought = payment(f"stripe:pi_{account_id}", account_id=account_id, credits_=credits_)  # type: ignore[arg-type]
    record_events(store, paid(bought), now=at(1))


def failed(store: Store, run_id: str, credits_: int, *, minute: float = 30, account_id: AccountId = ADA) -> None:
    """A run that failed, with its rows in the index."""
    if credits_:
        draw_credits(account_id, run_id, credits_, store, now=at(minute))
    fail_run(account_id, run_id, store, now=at(minute), error="E42")
    index_failed_run(account_id, run_id, at(minute), store)


def looked_at(store: Store, actor: str = "sam") -> Preview:
    """The preview of the whole time."""
    return preview(SINCE, UNTIL, frozenset({actor}), store, now=NOW)


def wanted(credits_: int, key: str = "k1", *, actor: str = "sam") -> IncidentRequest:
    """An incident about the whole time."""
    return IncidentRequest(
        since=SINCE, until=UNTIL, credits=credits_, reason="The queue stood still.", actor=actor, key=key
    )


def begun(store: Store, credits_: int, key: str = "k1", *, actor: str = "sam") -> Incident:
    """An incident that one person began."""
    return begin_incident(wanted(credits_, key, actor=actor), store, now=NOW)


def balance(store: Store, account_id: AccountId = ADA) -> int:
    """What it has."""
    return store.read(Keys(accounts=frozenset({account_id}))).accounts[account_id].balance


def sound(store: Store) -> None:
    """Every invariant holds."""
    if isinstance(store, FakeStore):
        assert not [one for one in check(world(store)) if one.broken]
    elif isinstance(store, DynamoDBStore):
        assert_sound(store)


def test_every_run_of_the_time_is_replaced_once_for_all_accounts(any_store: Store) -> None:
    """By what it had cost, on top of what came back when it failed."""
    for account_id in (ADA, BEN):
        with_account(any_store, account_id)
    failed(any_store, "run_1", 30)
    failed(any_store, "run_2", 5, minute=40)
    failed(any_store, "run_3", 7, account_id=BEN)
    failed(any_store, "before", 100, minute=9)
    failed(any_store, "after", 100, minute=61)
    failed(any_store, "undrawn", 0, account_id=EVE)
    shown = looked_at(any_store)
    assert (shown.runs, shown.credits, shown.to_give, shown.accounts_to_give) == (4, 42, 42, 2)
    assert [one.account_id for one in shown.accounts] == [ADA, BEN, EVE]

    incident = begun(any_store, 42)
    assert balance(any_store) == 1000  # the job does it
    done = replace_runs(incident.incident_id, any_store, now=at(91))
    assert (done.state, done.accounts, done.runs, done.given) == (IncidentState.DONE, 2, 3, 42)
    assert (balance(any_store), balance(any_store, BEN)) == (1035, 1007)
    assert replace_runs(incident.incident_id, any_store, now=at(92)) == done
    shares = any_store.incident_shares(incident.incident_id, 10).items
    assert [(one.account_id, one.runs, one.credits) for one in shares] == [(ADA, 2, 35), (BEN, 1, 7)]
    assert [run.replaced_by for run in any_store.failed_runs(ADA, SINCE)] == [incident.incident_id] * 2 + [None]
    entry = next(iter(any_store.entries(ADA)))
    assert (entry.kind, entry.counter, entry.credits, entry.cause) == (
        *("grant", "goodwill", 35),
        f"incident:{incident.incident_id}",
    )
    assert looked_at(any_store).to_give == 0
    assert looked_at(any_store).replaced_runs == 3
    sound(any_store)


def test_incidents_that_overlap_never_replace_a_run_twice(any_store: Store) -> None:
    """Also if both were agreed before either was carried out: the second one gives what is left, here nothing."""
    with_account(any_store)
    failed(any_store, "run_1", 30)
    one, other = begun(any_store, 30), begun(any_store, 30, "k2", actor="kim")
    assert one.incident_id != other.incident_id
    done = [replace_runs(name, any_store, now=at(91)) for name in (other.incident_id, one.incident_id)]
    assert [one.given for one in done] == [30, 0]
    assert balance(any_store) == 1030
    with pytest.raises(IncidentChanged, match="there are 0 credits to replace"):
        begun(any_store, 30, "k3")
    sound(any_store)


def test_the_same_request_begins_one_incident_and_another_one_needs_its_own_key(any_store: Store) -> None:
    """By the Idempotency-Key, which is the person's own."""
    with_account(any_store)
    failed(any_store, "run_1", 30)
    one = begun(any_store, 30)
    assert begun(any_store, 30) == one
    replace_runs(one.incident_id, any_store, now=at(91))
    assert begun(any_store, 30).incident_id == one.incident_id
    request = wanted(30)
    for other in (
        replace(request, credits=31),
        replace(request, reason="Another one."),
        replace(request, since=at(11)),
        replace(request, until=at(59)),
    ):
        with pytest.raises(IdempotencyKeyReused):
            begin_incident(other, any_store, now=NOW)
    assert [act.action for act in any_store.audit_records(AccountId(one.incident_id))] == [AuditAction.REPLACE_RUNS]
    assert [row.incident_id for row in any_store.incidents(10).items] == [one.incident_id]
    sound(any_store)


def test_a_sum_that_is_another_one_by_now_begins_nothing(any_store: Store) -> None:
    """A person agrees to a figure, not to whatever is found."""
    with_account(any_store)
    failed(any_store, "run_1", 30)
    for credits_ in (29, 31):
        with pytest.raises(IncidentChanged, match="there are 30 credits to replace"):
            begun(any_store, credits_)
    assert not any_store.incidents(10).items
    with pytest.raises(NotFound):
        read_incident("inc_0", any_store)


def test_a_run_that_was_listed_late_waits_for_another_incident(any_store: Store) -> None:
    """What was agreed is never exceeded: the account is left out, and the incident says so."""
    for account_id in (ADA, BEN, EVE):
        with_account(any_store, account_id)
    failed(any_store, "run_1", 25, account_id=BEN)
    failed(any_store, "run_1", 5, account_id=EVE)
    incident = begun(any_store, 30)
    failed(any_store, "late", 10)
    done = replace_runs(incident.incident_id, any_store, now=at(91))
    assert (done.given, done.runs) == (15, 2)  # the accounts have their turn by their ids
    assert done.left_out == {LeftOut.ABOVE_SUM: 1}
    again = begun(any_store, looked_at(any_store).to_give, "k2")
    assert replace_runs(again.incident_id, any_store, now=at(92)).given == 25
    assert [balance(any_store, one) for one in (ADA, BEN, EVE)] == [1010, 1025, 1005]
    sound(any_store)


def test_a_preview_begins_with_who_has_most_to_replace(any_store: Store) -> None:
    """Whatever was replaced before, and whoever has the lowest id."""
    for account_id in (ADA, BEN, EVE):
        with_account(any_store, account_id)
        failed(any_store, "run_1", 50, account_id=account_id)
    replace_runs(begun(any_store, 150).incident_id, any_store, now=at(91))
    for account_id, credits_ in ((ADA, 3), (BEN, 5), (EVE, 4)):
        failed(any_store, "run_2", credits_, account_id=account_id)
    failed(any_store, "run_3", 1, account_id=ADA)
    assert [(one.account_id, one.replaceable) for one in looked_at(any_store).accounts] == [
        (BEN, 5),
        (ADA, 4),
        (EVE, 4),
    ]


def test_nobody_credits_himself_and_suspended_accounts_wait(any_store: Store) -> None:
    """Neither who began it nor who confirmed it; an account whose hold was lifted gets its credits later."""
    sam, kim = AccountId("sam"), AccountId("kim")
    for account_id in (ADA, BEN, sam, kim):
        with_account(any_store, account_id)
        failed(any_store, "run_1", 60, account_id=account_id)
    place_hold("support:1", BEN, "tom", any_store, why="A suspicion.", now=at(70))
    shown = {one.account_id: one.left_out for one in looked_at(any_store).accounts}
    assert shown == {ADA: None, kim: None, BEN: LeftOut.SUSPENDED, sam: LeftOut.OWN}
    found = looked_at(any_store)
    assert (found.runs, found.to_give, found.accounts_to_give) == (4, 120, 2)
    with pytest.raises(SecondPersonNeeded) as raised:
        begin_incident(wanted(120), any_store, authority=ALONE, now=NOW)
    request = wanted(120)
    name = AccountId(request.incident_id)
    with pytest.raises(RequestRefused, match="Somebody else"):
        confirm_proposal(name, raised.value.proposal_id, "sam", any_store, POLICY, now=NOW)
    assert not any_store.incidents(10).items
    settled = confirm_proposal(name, raised.value.proposal_id, "kim", any_store, POLICY, now=NOW)
    assert settled.state is ProposalState.CONFIRMED
    done = replace_runs(request.incident_id, any_store, now=at(91))
    assert (done.begun_by, done.confirmed_by, done.given) == ("sam", "kim", 60)
    assert done.left_out == {LeftOut.OWN: 2, LeftOut.SUSPENDED: 1}
    assert [balance(any_store, one) for one in (ADA, BEN, sam, kim)] == [1060, 1000, 1000, 1000]
    shares = any_store.incident_shares(request.incident_id, 10).items
    assert {one.account_id: one.left_out for one in shares} == {**shown, kim: LeftOut.OWN}
    lift_hold("support:1", BEN, "tom", any_store, why="Nothing was found.", now=at(92))
    again = begun(any_store, looked_at(any_store, "tom").to_give, "k2", actor="tom")
    replace_runs(again.incident_id, any_store, now=at(93))
    assert [balance(any_store, one) for one in (ADA, BEN, sam, kim)] == [1060] * 4
    sound(any_store)


def test_within_the_limits_one_person_is_enough_and_the_sum_counts(any_store: Store) -> None:
    """The stake of an incident is the sum of all its credits."""
    with_account(any_store)
    failed(any_store, "run_1", 60)
    begin_incident(wanted(60), any_store, authority=ALONE, now=NOW)
    failed(any_store, "run_2", 41)
    with pytest.raises(SecondPersonNeeded):  # 60 are not given yet: 101 are left
        begin_incident(wanted(101, "k2"), any_store, authority=ALONE, now=NOW)
    sound(any_store)


def test_a_proposal_gives_no_more_than_is_left_when_it_is_confirmed(any_store: Store) -> None:
    """What another incident has replaced meanwhile is not replaced again."""
    with_account(any_store)
    failed(any_store, "run_1", 150)
    with pytest.raises(SecondPersonNeeded) as raised:
        begin_incident(wanted(150), any_store, authority=ALONE, now=NOW)
    replace_runs(begun(any_store, 150, "k2", actor="tom").incident_id, any_store, now=NOW)
    name = wanted(150).incident_id
    confirm_proposal(AccountId(name), raised.value.proposal_id, "kim", any_store, POLICY, now=NOW)
    assert replace_runs(name, any_store, now=at(91)).given == 0
    assert balance(any_store) == 1150
    sound(any_store)


def test_many_runs_of_one_account_are_replaced_in_parts_and_go_on_after_a_stop(any_store: Store) -> None:
    """A round that has no time left goes on where it stopped, in the middle of an account too."""
    for account_id in (ADA, BEN):
        with_account(any_store, account_id)
    number = RUNS_AT_ONCE + 4
    for count in range(number):
        failed(any_store, f"run_{count}", 2, minute=30 + count / 1000)
    failed(any_store, "run_b", 7, account_id=BEN)
    incident = begun(any_store, 2 * number + 7)
    turns = iter((True, False))
    stopped = replace_runs(incident.incident_id, any_store, has_time=lambda: next(turns), now=at(91))
    assert (stopped.state, stopped.runs, stopped.after) == (IncidentState.RUNNING, RUNS_AT_ONCE, "")
    assert [one.incident_id for one in any_store.running_incidents()] == [incident.incident_id]
    sound(any_store)
    done = replace_runs(incident.incident_id, any_store, now=at(92))
    assert (done.accounts, done.runs, done.given) == (2, number + 1, 2 * number + 7)
    assert not list(any_store.running_incidents())
    share = any_store.incident_shares(incident.incident_id, 1).items[0]
    assert (share.runs, share.lots) == (number, 2)
    sound(any_store)


def mails(store: Store) -> list[str]:
    """What the mails that are listed about incidents are about."""
    return [one.subject for one in store.mail_intents() if one.kind is MailKind.CREDITS_REPLACED]


def test_each_customer_who_got_something_has_one_mail_about_it(any_store: Store) -> None:
    """Also of an incident that is worked off twice, and in parts. Who is left out has none."""
    for account_id in (ADA, BEN, EVE):
        with_account(any_store, account_id)
    number = RUNS_AT_ONCE + 1
    for count in range(number):
        failed(any_store, f"run_{count}", 1, minute=30 + count / 1000)
    failed(any_store, "run_b", 7, account_id=BEN)
    failed(any_store, "run_e", 9, account_id=EVE)
    place_hold("support:1", BEN, "sam", any_store, why="A suspicion.", now=at(80))
    incident = begun(any_store, number + 9)
    for _ in range(2):
        replace_runs(incident.incident_id, any_store, now=at(91))
    assert sorted(mails(any_store)) == sorted(f"{incident.incident_id}/{one}" for one in (ADA, EVE))
    sound(any_store)


def test_the_mail_waits_for_an_accounts_last_part_and_not_for_other_accounts(any_store: Store) -> None:
    """It states all that the account got: not the first part of very many runs alone."""
    for account_id in (ADA, BEN):
        with_account(any_store, account_id)
        contact = Contact(account_id=account_id, email=f"{account_id}@example.com", language="en", noted_at=NOW)
        any_store.commit(Commit(documents=(DocumentChange(contact_key(account_id), contact),)))
    number = RUNS_AT_ONCE + 1
    for count in range(number):
        failed(any_store, f"run_{count}", 2, minute=30 + count / 1000)
    failed(any_store, "run_b", 7, account_id=BEN)
    incident = begun(any_store, 2 * number + 7)

    def written() -> str:
        """Return the text of Ada's mail."""
        (intent,) = (one for one in any_store.mail_intents() if one.account_id == ADA)
        return write_mail(intent, desk(any_store)).text

    for turns, after in (([False, True], ""), ([False, True, True], ADA)):
        stopped = replace_runs(incident.incident_id, any_store, has_time=turns.pop, now=at(91))
        assert (stopped.state, stopped.after) == (IncidentState.RUNNING, after)
        if after:
            assert re.search(rf"\b{number}\b", written())
            assert re.search(rf"\b{2 * number}\b", written())
        else:
            with pytest.raises(Paced) as paced:
                written()
            assert paced.value.until == at(101)
    assert replace_runs(incident.incident_id, any_store, now=at(92)).state is IncidentState.DONE
    assert re.search(rf"\b{2 * number}\b", written())


def test_an_incident_can_be_about_a_week_that_ends_now(any_store: Store) -> None:
    """No longer, and no later."""
    with_account(any_store)
    failed(any_store, "run_1", 5)
    week = preview(NOW - timedelta(days=7), NOW, frozenset(), any_store, now=NOW)
    assert (week.runs, week.to_give) == (1, 5)


def test_a_time_that_no_incident_can_be_about_is_refused(any_store: Store) -> None:
    """Backwards, of the future, or longer than a week."""
    for since, until in ((UNTIL, SINCE), (SINCE, SINCE), (SINCE, at(91)), (NOW - timedelta(days=7, seconds=1), NOW)):
        with pytest.raises(InvalidRequest):
            preview(since, until, frozenset(), any_store, now=NOW)
        with pytest.raises(InvalidRequest):
            begin_incident(replace(wanted(1), since=since, until=until), any_store, now=NOW)


def test_more_runs_than_one_incident_takes_are_never_cut_silently(
    any_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The preview says from when on they are not counted, and nothing begins; what comes late is told at the end."""
    monkeypatch.setattr(finding, "MOST_RUNS", 2)
    with_account(any_store)
    failed(any_store, "run_1", 30)
    failed(any_store, "run_2", 5, minute=40)
    assert looked_at(any_store).cut_at is None
    incident = begun(any_store, 35)
    failed(any_store, "run_3", 7, minute=50)
    assert looked_at(any_store).cut_at == at(50)
    assert looked_at(any_store).runs == 2
    with pytest.raises(InvalidRequest, match="Make several incidents") as refused:
        begun(any_store, 42, "k2")
    assert refused.value.field == "body.until"
    assert replace_runs(incident.incident_id, any_store, now=at(91)).is_cut
    sound(any_store)


def test_several_incidents_take_what_is_too_much_for_one(any_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one until the time that the refusal names, the next one from the cut on: no run is in both or none."""
    monkeypatch.setattr(finding, "MOST_RUNS", 2)
    with_account(any_store)
    for run_id, credits_, minute in (("run_1", 30, 30), ("run_2", 5, 40), ("run_3", 7, 40)):
        failed(any_store, run_id, credits_, minute=minute)
    shown = looked_at(any_store)
    assert (shown.cut_at, shown.runs, shown.to_give) == (at(40), 1, 30)
    with pytest.raises(InvalidRequest) as refused:
        begun(any_store, 42)
    until = datetime.fromisoformat(str(refused.value).removesuffix(".").rpartition(" ")[2])
    first = begin_incident(replace(wanted(30), until=until), any_store, now=NOW)
    second = begin_incident(replace(wanted(12, "k2"), since=at(40)), any_store, now=NOW)
    done = [replace_runs(one.incident_id, any_store, now=at(91)) for one in (first, second)]
    assert [(one.runs, one.given, one.is_cut) for one in done] == [(1, 30, False), (2, 12, False)]
    sound(any_store)


@pytest.mark.parametrize("workers", [2, 6])
def test_workers_at_once_replace_each_run_once(real_store: DynamoDBStore, workers: int) -> None:
    """An event that is delivered twice, the sweep beside it, and two incidents over the same runs."""
    store = real_store
    accounts = [AccountId(f"acct_{number}") for number in range(6)]
    for account_id in accounts:
        with_account(store, account_id)
        for number in range(3):
            failed(store, f"run_{number}", 10, account_id=account_id, minute=30 + number)
    names = [begun(store, 180, key, actor=actor).incident_id for key, actor in (("k1", "sam"), ("k2", "kim"))]
    jobs = [retrying(lambda name=name: replace_runs(name, store, now=at(91))) for name in names * workers]  # type: ignore[misc]
    at_once(jobs)
    done = [read_incident(name, store) for name in names]
    assert sum(one.given for one in done) == 180
    assert {one.state for one in done} == {IncidentState.DONE}
    assert {balance(store, one) for one in accounts} == {1030}
    sound(store)


@pytest.mark.parametrize("cut", range(3))
def test_what_fails_halfway_is_done_by_the_next_round(cut: int) -> None:
    """Every commit may be written without an answer: the job fails there, and is called again."""
    store = LosesAnswers()
    for account_id in (ADA, BEN):
        with_account(store, account_id)
        failed(store, "run_1", 30, account_id=account_id)
    incident = begun(store, 60)
    store.left = cut
    for _ in range(2):
        with contextlib.suppress(StoreUnavailable):
            replace_runs(incident.incident_id, store, now=at(91))
        sound(store)
    assert read_incident(incident.incident_id, store).state is IncidentState.DONE
    assert (balance(store), balance(store, BEN)) == (1030, 1030)


class LosesAnswers(FakeStore):
    """A store that loses the answer of one commit: the one after `left` others."""

    left = 1_000

    def commit(self, commit: Commit) -> Refusal | None:
        self.left -= 1
        if self.left == -1:
            self.troubles = [Trouble.LOST]
        return super().commit(commit)


@pytest.mark.parametrize("reason", [RefundReason.TECHNICAL_PROBLEM, RefundReason.UNRECOGNISED_CHARGE])
def test_credits_that_a_case_gave_since_stand_beside_it_whenever_and_why_the_case_was_opened(
    any_store: Store, reason: RefundReason
) -> None:
    """When the credits were given decides: a case that waited from before may be about the same failures."""
    with_account(any_store)
    claim = refund_claim(reason, payment_id=PaymentId(f"stripe:pi_{ADA}"))
    case = request_refund(any_store, claim, minute=5)
    is_technical = reason is RefundReason.TECHNICAL_PROBLEM
    assert bool(cases_beside(ADA, SINCE, any_store)) is is_technical
    given = ReviewDecision(outcome=DecisionOutcome.REPLACE, words=("Sorry.",), clause="6", credits=40)
    decide_case(case.case_id, given, "sam", any_store, POLICY, now=at(40))
    assert [one.case_id for one in cases_beside(ADA, SINCE, any_store)] == [case.case_id]
    assert cases_beside(ADA, at(41), any_store) == []
