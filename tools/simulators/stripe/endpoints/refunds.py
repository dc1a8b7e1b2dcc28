"""/v1/refunds"""

from tools.simulators.common.account import Json
from tools.simulators.stripe.account import StripeAccount
from tools.simulators.stripe.errors import StripeError
from tools.simulators.stripe.parameters import Parameters, listing, stored


def create_refund(account: StripeAccount, params: Parameters) -> Json:
    """Refund a charge in part or in full."""
    params.allow("payment_intent charge amount reason metadata")
    charge = _refunded_charge(account, params)
    amount, reason, metadata = params.whole("amount"), params.optional("reason"), params.metadata()
    if amount is not None and amount < 1:
        message = "This value must be greater than or equal to 1."
        raise StripeError(message, code="parameter_invalid_integer", param="amount")
    if reason not in {None, "duplicate", "fraudulent", "requested_by_customer"}:
        raise StripeError(f"Invalid reason: {reason}", param="reason")
    if account.held_by_bank(charge):
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise StripeError(message, code="charge_disputed", may_retry=False, is_executed=True)
    remaining = charge["amount_captured"] - charge["amount_refunded"]
    if remaining <= 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise StripeError(message, code="charge_already_refunded", is_executed=True)
    if amount is not None and amount > remaining:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({remaining})"
        raise StripeError(message, param="amount", is_executed=True)  # Stripe sends no code here
    return account.give_back(charge, amount or remaining, reason=reason, metadata=metadata)


def _refunded_charge(account: StripeAccount, params: Parameters) -> Json:
    """Return the charge that a request names by its id or by its PaymentIntent."""
    intent, charge_id = params.optional("payment_intent"), params.optional("charge")
    if (intent is None) == (charge_id is None):
        message = "One of the following params should be provided for this request: payment_intent or charge."
        raise StripeError(message, code="parameter_missing")
    if intent is None:
        return stored(account.charges, charge_id or "", "charge")
    if intent in account.charge_of_intent:
        return account.charges[account.charge_of_intent[intent]]
    if any(session["payment_intent"] == intent for session in account.sessions.values()):
        message = f"This PaymentIntent ({intent}) does not have a successful charge to refund."
        raise StripeError(message, is_executed=True)
    raise StripeError(f"No such payment_intent: '{intent}'", code="resource_missing", param="payment_intent")


def list_refunds(account: StripeAccount, params: Parameters) -> Json:
    """Return the refunds, of all charges or of one."""
    params.allow("payment_intent charge created limit starting_after ending_before")
    found = account.listed(account.refunds.values())
    if params.optional("payment_intent") or params.optional("charge"):
        charge = _refunded_charge(account, params)
        found = [refund for refund in found if refund["charge"] == charge["id"]]
    return listing(params, found, "/v1/refunds")


def get_refund(account: StripeAccount, params: Parameters, refund_id: str) -> Json:
    """Return a refund."""
    params.allow("")
    return stored(account.refunds, refund_id, "refund")
