"""Stop the renewals of a subscription at its provider, after a dispute took a payment of it or its customer ended it.

stop in the list
  ├► the dispute took nothing after all, or the subscription has ended   removed
  ├► the provider says that it ends with its period                      removed
  └► refused, unclear, or it goes on                                     it stays: a person ends it at the provider

It needs no lease: to stop what is stopped changes nothing at a provider.
"""

from collections.abc import Callable
from enum import StrEnum

from ledger.domain.disputes import disputed
from ledger.domain.errors import ProviderRefused
from ledger.domain.ids import provider_of
from ledger.domain.renewal_stops import RenewalStop
from ledger.domain.subscriptions import SubscriptionStatus
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import DocumentKey, renewal_stop_key
from ledger.ports.gateway import Gateway
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.look_up import LookUp


class StopResult(StrEnum):
    """What happened to a stop of renewals."""

    STOPPED = "stopped"
    NOT_NEEDED = "not_needed"  # the dispute took nothing after all, or the subscription has ended
    DONE_BEFORE = "done_before"  # it is not in the list


def stop_renewals(key: DocumentKey, store: Store, gateway_of: Callable[[str], Gateway]) -> StopResult:
    """Carry out the stop of renewals under this key, and remove it. It may be called any number of times.

    Raise ProviderRefused if the subscription goes on, or ProviderUnavailable: the stop stays in the list.
    """
    look_up = LookUp(store)
    stop = look_up(Keys(documents=frozenset({key}))).document(key, RenewalStop)
    if stop is None:
        return StopResult.DONE_BEFORE
    result = StopResult.NOT_NEEDED
    if _is_needed(stop, look_up):
        state = gateway_of(provider_of(stop.payment_id)).stop_renewals(stop.subscription_id)
        if not state.is_stopped:
            raise ProviderRefused("renewals_go_on", f"The renewals of {stop.subscription_id} go on.")
        result = StopResult.STOPPED
    store.commit(Commit(documents=(DocumentChange(renewal_stop_key(stop), None),)))
    return result


def _is_needed(stop: RenewalStop, look_up: LookUp) -> bool:
    """Return whether the reason still stands, and the subscription has not ended. A customer's always stands."""
    known = look_up(Keys(payments=frozenset({stop.payment_id}), accounts=frozenset({stop.account_id})))
    purchase, account = known.home_of(stop.payment_id), known.accounts.get(stop.account_id)
    subscription = account.subscriptions.get(stop.subscription_id) if account else None
    if subscription and subscription.status is SubscriptionStatus.ENDED:
        return False
    return stop.is_wanted or (purchase is not None and disputed(purchase.facts, stop.payment_id).is_lost)
