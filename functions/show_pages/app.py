"""The public pages: withdraw, cancel, and answer the mail to the address on file. Plain forms, no script, no login.

GET, POST /withdrawal · GET, POST /cancellation
GET, POST /declarations/{declaration_id}/approval · GET, POST /declarations/{declaration_id}/objection

A GET changes nothing: programs follow the links of mails. No page shows whether a contract or an address is known.
"""

import re
import secrets
from dataclasses import replace
from typing import Any

from ledger.api.gateway_event import source_of
from ledger.api.pages.forms import Sent, check, read_form, submission_of
from ledger.api.pages.html import (
    SUPPORT_EMAIL,
    Form,
    answer_page,
    content_security_policy,
    form_page,
    message_page,
    receipt_page,
)
from ledger.api.pages.texts import choose_language, statement_of, words_of
from ledger.api.validation_messages import DECLARATION_ID
from ledger.domain.declarations import Declaration, DeclarationKind, DeclarationState
from ledger.domain.errors import InvalidBody, NotFound, StoreUnavailable
from ledger.runtime import Runtime, runtime
from ledger.usecases.declarations.answer import approve, linked_declaration, object_to
from ledger.usecases.declarations.submit import declare, submit

HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",  # the address of a link has its secret
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "strict-transport-security": "max-age=31536000",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_MOST_PREFILLED = 200


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Return one page. Write one log line, with nothing of what was entered."""
    services = runtime()
    try:
        status, page = _answer_or_say_why(event, services)
    finally:
        services.publish_metrics()
    names = {"route": event.get("routeKey"), "request_id": event["requestContext"].get("requestId")}
    services.logger.info("answered", extra={**names, "status": status})
    language = page.partition('lang="')[2][:2]
    own = {"content-security-policy": content_security_policy(), "content-language": language}
    return {"statusCode": status, "headers": {**HEADERS, **own}, "body": page}


def _answer_or_say_why(event: dict[str, Any], services: Runtime) -> tuple[int, str]:
    try:
        return _answer(event, services)
    except InvalidBody as error:
        return error.status, message_page(_language(event), "answer.busy")
    except NotFound:
        return 404, message_page(_language(event), "answer.unknown")
    except StoreUnavailable:
        return 503, message_page(_language(event), "answer.busy")
    except Exception as error:  # noqa: BLE001 - logged without its message, which may quote what was entered
        services.logger.error("unexpected error", extra={"error": type(error).__name__, "route": event.get("routeKey")})
        services.metrics.add_metric("UnforeseenErrors", "Count", 1)
        return 500, message_page(_language(event), "answer.busy")


def _answer(event: dict[str, Any], services: Runtime) -> tuple[int, str]:
    method, _, path = event["routeKey"].partition(" ")
    sent = read_form(event) if method == "POST" else None
    language = _language(event, sent)
    if path in {"/withdrawal", "/cancellation"}:
        kind = DeclarationKind(path[1:])
        return _submit(sent, kind, language, event, services) if sent else _show_form(kind, language, event)
    name, is_objection = event["pathParameters"]["declaration_id"], path.endswith("/objection")
    if not re.fullmatch(DECLARATION_ID, name):
        raise NotFound("This link is not valid.")
    if sent is None:
        token = str((event.get("queryStringParameters") or {}).get("token") or "")
        found = linked_declaration(name, token, services.store, is_objection=is_objection)
        if _waits_for(found, is_objection=is_objection):
            return 200, answer_page(found, language, token, is_objection=is_objection)
    elif is_objection:
        found = object_to(name, sent.fields.get("token", ""), services.store, now=services.now())
    else:
        found = approve(name, sent.fields.get("token", ""), services.store)
    return 200, message_page(language, f"answer.{_result(found, is_objection=is_objection)}")


def _show_form(kind: DeclarationKind, language: str, event: dict[str, Any]) -> tuple[int, str]:
    """Show an empty form. A link can fill in the contract: `?contract=ord_…`."""
    contract = str((event.get("queryStringParameters") or {}).get("contract") or "")[:_MOST_PREFILLED]
    entered = {"contract": contract} if contract else {}
    return 200, form_page(Form(kind=kind, language=language, secret=secrets.token_urlsafe(24), entered=entered))


def _submit(
    sent: Sent, kind: DeclarationKind, language: str, event: dict[str, Any], services: Runtime
) -> tuple[int, str]:
    """Make both steps. What is incomplete is shown again, and the time of its first step is kept."""
    words, secret = words_of(language), sent.secret or secrets.token_urlsafe(24)
    errors = check(sent, kind, words)
    form = Form(kind=kind, language=language, secret=secret, entered=sent.fields, errors=errors)
    submission = submission_of(sent, kind, language, source_of(event))
    try:
        if errors:
            if not sent.is_empty:
                declare(submission, secret, services.store, now=services.now())
            return 422, form_page(form)
        whole = replace(submission, statement=statement_of(submission))
        return 200, receipt_page(submit(whole, secret, services.store, now=services.now()))
    except StoreUnavailable:
        return 503, form_page(replace(form, errors={}, trouble=words("error.busy", email=SUPPORT_EMAIL)))


def _waits_for(declaration: Declaration, *, is_objection: bool) -> bool:
    """Return whether a link's button still does something."""
    if is_objection:
        return declaration.objected_at is None
    return declaration.state is DeclarationState.MATCHED


def _result(declaration: Declaration, *, is_objection: bool) -> str:
    """Return the name of the message about what a link has done."""
    is_carried_out = declaration.state in {DeclarationState.APPROVED, DeclarationState.EXECUTED}
    if is_objection:
        return "late" if is_carried_out else "objection_done"
    return "approval_done" if is_carried_out else "decided"


def _language(event: dict[str, Any], sent: Sent | None = None) -> str:
    query, headers = event.get("queryStringParameters") or {}, event.get("headers") or {}
    wanted = (sent.fields.get("language") if sent else None) or query.get("language")
    return choose_language(wanted, headers.get("accept-language"))
