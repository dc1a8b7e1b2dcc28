"""Rules about declarations: where an open one is listed."""

from ledger.domain.declarations import Declaration, hash_of
from ledger.domain.refund_cases import RefundCase
from ledger.ports.documents import listed_declaration_key
from tools.verify.world import Verdicts, World


def listed(world: World) -> Verdicts:
    """A declaration is listed by its state exactly while something is left to be done, and what it opened is there."""
    left = dict(world.listed_declarations)
    for declaration in world.declarations.values():
        found = left.pop(listed_declaration_key(declaration), None)
        is_in_place = (found is not None) == declaration.is_listed
        if found:
            submission = declaration.submission
            is_in_place &= (found.declaration_id, found.state, found.since, found.source, found.email_hash) == (
                *(declaration.declaration_id, declaration.state, declaration.confirmed_at),
                *(submission.source, hash_of(submission.email.casefold())),
            )
        has_case = declaration.case_id is None or _is_of(declaration, world.cases.get(declaration.case_id))
        yield declaration.declaration_id, is_in_place and has_case
    for key in left:
        yield "/".join(key.parts), False


def _is_of(declaration: Declaration, case: RefundCase | None) -> bool:
    """Return whether a case is about the contract of a declaration."""
    return case is not None and (case.account_id, case.payment_id) == (declaration.account_id, declaration.payment_id)
