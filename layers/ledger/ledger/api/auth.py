"""Who calls, and what the caller may do."""

import json

from aws_lambda_powertools.event_handler.api_gateway import BaseRouter

from ledger.api.languages import languages_in
from ledger.domain.errors import BillingError
from ledger.domain.ids import AccountId
from ledger.domain.records import record
from ledger.providers.parsing import is_text
from ledger.runtime import runtime


class Forbidden(BillingError):
    """The token is valid, but its holder is not allowed to do this."""


@record(frozen=True)
class Caller:
    """The caller, from the token that API Gateway has verified. No customer's request names another account."""

    account_id: AccountId
    email: str | None
    groups: frozenset[str]


def caller(app: BaseRouter) -> Caller:
    """Return the caller. Raise Forbidden if the token has no usable subject."""
    authorizer = app.current_event.raw_event.get("requestContext", {}).get("authorizer") or {}
    claims = (authorizer.get("jwt") or {}).get("claims") or {}
    subject = claims.get("sub")
    if not is_text(subject) or len(subject) > 200:  # too long for a key: a payment could not be booked
        raise Forbidden("The token has no subject.")
    return Caller(AccountId(subject), claims.get("email") or None, _listed(claims.get(runtime().config.groups_claim)))


def support(app: BaseRouter, *, about: str | None) -> Caller:
    """Return the caller if it is support staff, and the account that the request changes is not its own.

    Raise Forbidden otherwise. `about` is that account. None: the request changes no account.
    """
    person = caller(app)
    if runtime().config.support_group not in person.groups:
        raise Forbidden("This route is for support staff.")
    if person.account_id == about:
        raise Forbidden("This is about your own account. A colleague has to do it.")
    return person


def accepted_languages(app: BaseRouter) -> list[str]:
    """Return the languages of the request's header Accept-Language, the preferred one first."""
    return languages_in(str((app.current_event.headers or {}).get("accept-language") or ""))


def _listed(claim: object) -> frozenset[str]:
    """Return the values of a claim, each whole: a list, JSON of a list, or one text.

    API Gateway passes a list on as the text `[a b]`, without quotes: there a group whose name has a space can't be told
    from two groups. Everywhere else `not billing-support` is one group, and not support.
    """
    if isinstance(claim, list):
        return frozenset(map(str, claim))
    text = str(claim or "")
    if not (text.startswith("[") and text.endswith("]")):
        return frozenset({text})
    try:
        return frozenset(map(str, json.loads(text)))
    except ValueError:
        return frozenset(text[1:-1].split(" "))
