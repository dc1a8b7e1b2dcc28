"""The protocol as a formal model, checked exhaustively: every state that a few callers can bring about, by SPIN.

Two models, `booking` (deliver, merge, book, spend) and `refunds` (approve, issue, settle, redeliver), under bounds that
let every state be visited. Then the guards are taken away in turn: what needs one must break, and just that, or it
proves nothing. docs/model.md says which step of a model is which function of the code, and what the searches come to.
"""

from proof.model.checker import HERE, Search, never, require, search
from proof.model.configurations import GUARDS, LONG, SHORT, Configuration, Guard
from proof.work import Work
from tools.engines import ROOT


def run(work: Work) -> None:
    """The short configurations and guards always; then the long ones, each if the time is likely to be enough."""
    require()
    jobs: list[Configuration | Guard] = sorted((*SHORT, *GUARDS, *LONG), key=lambda job: job.seconds > 0)
    always = sum(job.seconds == 0 for job in jobs)
    seen: dict[Configuration, Search] = {}
    for case in work.cases(at_least=always, at_most=len(jobs)):
        job = jobs[case]
        if work.only is None and job.seconds > work.seconds * (1 - work.spent):
            continue
        if isinstance(job, Guard):
            show_needed(job, work, case)
        else:
            seen[job] = exhaust(job, work, case)
            compare(job, seen[job], work, case)
    show_reached(seen, work)


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


def compare(configuration: Configuration, seen: Search, work: Work, case: int | None = None) -> None:
    """The checker is deterministic: what docs/model.md shows of a search that came to its end is what it came to."""
    row = f"| {configuration.name} | {seen.states:,} | {seen.transitions:,} | {seen.depth:,} |"
    if seen.is_exhausted and row not in (ROOT / "docs" / "model.md").read_text():
        work.find(f"docs/model.md says otherwise than {row}", case)


def show_needed(guard: Guard, work: Work, case: int | None = None) -> Search:
    """Take a guard away: just what it guards must break, unless others are known to do its work."""
    where = guard.where
    seen = search(
        where.model,
        (*where.switches, *guard.without.split()),
        is_liveness=where.is_liveness,
        is_long=guard.seconds > 0,
    )
    if seen.broken and seen.broken == guard.breaks:
        work.count("guards shown necessary")
    elif seen.is_exhausted and guard.doubled_by:
        work.count("guards shown to be doubled by others")
    elif seen.error:
        instead = guard.breaks or f"nothing, for {guard.doubled_by}"
        work.find(f"without {guard.without}: {seen.broken} breaks, not {instead}: {seen.error}\n{seen.trail}", case)
    else:
        work.find(f"without {guard.without}: nothing broke in {where.name}", case)
    return seen


def show_reached(seen: dict[Configuration, Search], work: Work) -> None:
    """A step that never happens was not checked. What is in no configuration is marked so in the model."""
    for model, whole in (("booking", SHORT), ("refunds", (*SHORT, *LONG))):
        mine = [configuration for configuration in whole if configuration.model == model]
        if not all(configuration in seen and seen[configuration].is_exhausted for configuration in mine):
            continue
        lines = {line for _, line in never(seen[configuration] for configuration in mine)}
        source = (HERE / f"{model}.pml").read_text().splitlines()
        marked = {number for number, line in enumerate(source, 1) if line.endswith("/* never */")}
        if lines != marked:
            work.find(f"{model}.pml: lines {sorted(lines)} are never reached, {sorted(marked)} are marked so")
        work.count("models with every step reached or marked")
