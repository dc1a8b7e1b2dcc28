"""Find the customer that a provider knows a buyer as: its billing page shows invoices and payment methods.

A provider may know a customer by the e-mail address that somebody wrote into a checkout. Whoever writes another
buyer's address there pays as that buyer's customer, and must not see that buyer's billing page. So a customer who also
bought for another account has no page here.
"""

from collections.abc import Iterator

from ledger.domain.accounts import Account
from ledger.domain.facts import PaymentSettled
from ledger.domain.ids import AccountId, provider_of
from ledger.domain.records import record
from ledger.domain.subscriptions import SubscriptionStatus
from ledger.ports.reads import Keys
from ledger.ports.store import Store

_PAGE = 50


@record(frozen=True)
class BillingCustomer:
    """A customer at a provider, and the subscriptions of this customer that the account has."""

    customer_id: str  # `stripe:cus_…`
    subscription_ids: tuple[str, ...] = ()

    @property
    def provider(self) -> str:
        return provider_of(self.customer_id)


def find_customer(account_id: AccountId, provider: str | None, store: Store) -> BillingCustomer | None:
    """Return the account's own customer at a provider, or at any. None: there is none that bought for it alone.

    The customers of subscriptions come first, of those that have not ended before the others. Then the latest purchase
    counts: a provider can make a customer for each checkout.
    """
    account = store.read(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
    account = account or Account(account_id=account_id)
    seen: set[str] = set()
    for customer_id in _customers(account, store):
        is_meant = provider in {None, provider_of(customer_id)} and customer_id not in seen
        seen.add(customer_id)
        if is_meant and _bought_for_no_other(account_id, customer_id, store):
            own = (one.subscription_id for one in account.subscriptions.values() if one.customer_id == customer_id)
            return BillingCustomer(customer_id, tuple(own))
    return None


def _customers(account: Account, store: Store) -> Iterator[str]:
    """Yield the customers of an account, the best first, some repeatedly."""
    latest = sorted(account.subscriptions.values(), key=lambda one: one.at, reverse=True)
    for subscription in sorted(latest, key=lambda one: one.status is SubscriptionStatus.ENDED):
        if subscription.customer_id:
            yield subscription.customer_id
    for payment in _payments(account.account_id, store):
        if payment.customer_id:
            yield payment.customer_id


def _payments(account_id: AccountId, store: Store) -> Iterator[PaymentSettled]:
    """Yield the account's payments, newest first. No page is read before it is needed."""
    page = store.purchases_of(account_id, _PAGE)
    yield from (purchase.payment for purchase in page.items if purchase.payment)
    while page.next:
        page = store.purchases_of(account_id, _PAGE, page.next)
        yield from (purchase.payment for purchase in page.items if purchase.payment)


def _bought_for_no_other(account_id: AccountId, customer_id: str, store: Store) -> bool:
    bought_for = {receipt.account_id for receipt in store.customer_receipts(customer_id)}
    return bought_for <= {None, account_id}
