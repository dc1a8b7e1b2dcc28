"""Who calls, and what the caller may do."""

from dataclasses import dataclass

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from ledger.domain.errors import BillingError
from ledger.domain.ids import AccountId
from ledger.providers.parsing import is_text
from ledger.runtime import runtime


class Forbidden(BillingError):
    """The token is genuine, but its holder may not do this."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, by the token that API Gateway has verified. No request names another account."""

    account_id: AccountId
    email: str | None
    groups: frozenset[str]


def caller(app: APIGatewayHttpResolver) -> Caller:
    """Who asks. Raises Forbidden if the token names nobody."""
    authorizer = app.current_event.raw_event.get("requestContext", {}).get("authorizer") or {}
    claims = (authorizer.get("jwt") or {}).get("claims") or {}
    subject = claims.get("sub")
    if not is_text(subject) or len(subject) > 200:  # such a one could order and pay, but no payment could be booked
        raise Forbidden("The token has no subject.")
    return Caller(AccountId(subject), claims.get("email") or None, _listed(claims.get(runtime().config.groups_claim)))


def support(app: APIGatewayHttpResolver) -> Caller:
    """A person of support. Raises Forbidden."""
    person = caller(app)
    if runtime().config.support_group not in person.groups:
        raise Forbidden("This is for support.")
    return person


def _listed(claim: object) -> frozenset[str]:
    """A claim that holds several texts: API Gateway hands a list on as `[a b]`."""
    if isinstance(claim, list):
        return frozenset(map(str, claim))
    return frozenset(str(claim or "").strip("[]").replace(",", " ").split())
