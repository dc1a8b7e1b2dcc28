"""Transactions: opened, paid, declined and completed."""

from tools.simulators.common.account import Json, NotPossible, locked
from tools.simulators.common.cart import CartLine
from tools.simulators.common.clock import next_period
from tools.simulators.common.ids import paddle_id
from tools.simulators.paddle.subscriptions import Subscriptions


class Transactions(Subscriptions):
    """The transactions of an account."""

    def open_transaction(
        self,
        cart: tuple[CartLine, ...],
        currency: str,
        *,
        customer: str | None,
        custom: Json | None,
        page: str | None,
    ) -> Json:
        """Create a transaction for a customer to pay. Without a customer it is a draft."""
        with self.lock:
            transaction_id, at = paddle_id("txn"), self.now()
            created = self.shape(
                transaction_id, at, cart, currency, customer=customer or "", custom=custom, status="ready", origin="api"
            )
            created["checkout"] = {"url": f"{page or self.url + '/_simulator/checkout'}?_ptxn={transaction_id}"}
            if customer is None:
                created.update(status="draft", customer_id=None, address_id=None)
            self.transactions[transaction_id] = created
            self.carts[transaction_id] = cart
            return created

    @locked
    def pay(self, checkout: str) -> Json:
        """Pay a transaction. A recurring line becomes a subscription."""
        found = self.find(self.transactions, checkout, "transaction")
        self._require_payable(found)
        now, cart = self.clock.now(), self.carts[checkout]
        customer = found["customer_id"] or self.add_customer()
        plan = next((line for line in cart if line.recurs), None)
        period = next_period(int(now), int(now)) if plan else None
        subscription_id = paddle_id("sub") if plan else None
        paid = self.complete(found, customer=customer, subscription_id=subscription_id, period=period)
        if plan and subscription_id and period:
            self.subscribe(subscription_id, paid, plan, period)
        return paid

    @locked
    def pay_again(self, checkout: str) -> Json:
        """Pay for the same order once more, by a second transaction: a duplicate charge."""
        paid = self.find(self.transactions, checkout, "transaction")
        if paid["status"] != "completed":
            raise NotPossible(f"{checkout} is {paid['status']}: it has not been paid.")
        twin = self.open_transaction(
            self.carts[checkout],
            paid["currency_code"],
            customer=paid["customer_id"],
            custom=paid["custom_data"],
            page=None,
        )
        return self.pay(twin["id"])

    @locked
    def decline(self, checkout: str) -> Json:
        """Decline the customer's card. The transaction can still be paid."""
        found = self.find(self.transactions, checkout, "transaction")
        self._require_payable(found)
        found["payments"] = [self.attempt(found, is_captured=False), *found["payments"]]
        found["updated_at"] = self.now()
        self.emit("transaction.payment_failed", found)
        return found

    @locked
    def fill_in(self, checkout: str) -> Json:
        """Fill in the customer's name and country in a checkout: its transaction is ready to be paid."""
        found = self.find(self.transactions, checkout, "transaction")
        self._require_payable(found)
        found.update(status="ready", customer_id=found["customer_id"] or self.add_customer(), updated_at=self.now())
        return found

    @locked
    def cancel_transaction(self, transaction: Json) -> None:
        """Cancel a transaction that was not paid."""
        transaction.update(status="canceled", updated_at=self.now())

    @locked
    def collect_by_invoice(self, transaction: Json, billing_details: Json) -> None:
        """Collect a transaction by an invoice, which can be paid in a checkout only if its details say so."""
        transaction.update(collection_mode="manual", billing_details=billing_details, updated_at=self.now())

    def _require_payable(self, transaction: Json) -> None:
        """Raise NotPossible if a transaction can't be paid in a checkout."""
        if transaction["status"] not in {"draft", "ready"}:
            raise NotPossible(f"{transaction['id']} is {transaction['status']} and cannot be paid.")
        if transaction["collection_mode"] == "manual" and not transaction["billing_details"]["enable_checkout"]:
            raise NotPossible(f"{transaction['id']} is collected by an invoice and cannot be paid in a checkout.")
