"""The protocol as a formal model, checked exhaustively: every state that a few callers can bring about, by SPIN.

Two models, `booking` (deliver, merge, book, spend) and `refunds` (approve, issue, settle, redeliver), under bounds that
let every state be visited. Then each guard is taken away in turn: what needs it must break, or it proves nothing.
docs/model.md says which step of a model is which function of the code.
"""

from proof.model.checker import Search, require, search
from proof.model.configurations import GUARDS, LONG, SHORT, Configuration, Guard
from proof.work import Work


def run(work: Work) -> None:
    """The short configurations and all guards always; then the long ones, each if the time is likely to be enough."""
    require()
    always: tuple[Configuration | Guard, ...] = (*SHORT, *GUARDS)
    jobs = (*always, *LONG)
    for case in work.cases(at_least=len(always), at_most=len(jobs)):
        job = jobs[case]
        if isinstance(job, Guard):
            show_needed(job, work, case)
        elif work.only is not None or job.seconds <= work.seconds * (1 - work.spent):
            exhaust(job, work, case)


def exhaust(configuration: Configuration, work: Work, case: int | None = None) -> Search:
    """Visit every state of a configuration, and tell what breaks."""
    seen = search(
        configuration.model,
        configuration.switches,
        is_liveness=configuration.is_liveness,
        is_long=configuration.seconds > 0,
    )
    if seen.error:
        work.find(f"{configuration.name} ({' '.join(configuration.switches)}): {seen.error}\n{seen.trail}", case)
    elif not seen.is_exhausted:
        work.find(f"{configuration.name}: the search was cut short after {seen.states:,} states", case)
    else:
        work.count("configurations exhausted")
        work.count("states", seen.states)
        work.count("transitions", seen.transitions)
    return seen


def show_needed(guard: Guard, work: Work, case: int | None = None) -> Search:
    """Take a guard away: what it guards must break, unless others are known to do its work."""
    where = guard.where
    seen = search(where.model, (*where.switches, *guard.without.split()), is_liveness=where.is_liveness)
    if seen.error and not guard.doubled_by:
        work.count("guards shown necessary")
    elif guard.doubled_by and seen.is_exhausted:
        work.count("guards shown to be doubled by others")
    elif seen.error:
        work.find(f"without {guard.without}: {seen.error}, though {guard.doubled_by}\n{seen.trail}", case)
    else:
        work.find(f"without {guard.without}: nothing broke in {where.name}", case)
    return seen
