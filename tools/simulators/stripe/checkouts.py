"""Checkout Sessions, and how customers pay them."""

from tools.fixtures import stripe_shapes as shapes
from tools.simulators.common.account import Json, NotPossible, locked
from tools.simulators.common.clock import DAY_S
from tools.simulators.common.ids import stripe_id
from tools.simulators.stripe.cart import Cart
from tools.simulators.stripe.objects import HOME
from tools.simulators.stripe.subscriptions import Subscriptions


class Checkouts(Subscriptions):
    """The Checkout Sessions of an account."""

    def open_checkout(self, cart: Cart, fields: Json) -> Json:
        """Create a Checkout Session of a cart."""
        with self.lock:
            now = self.now()
            session_id = stripe_id("cs_test_a1", 62)
            subtotal = sum(line.amount_minor for line in cart.lines)
            tax = self.tax_on(subtotal) if cart.is_taxed else 0
            is_subscription = fields["mode"] == "subscription"
            url = f"{self.url}/_simulator/checkout?id={session_id}"
            state = {
                "id": session_id,
                "amount_subtotal": subtotal,
                "amount_total": subtotal + tax,
                "created": now,
                "currency": cart.currency,
                "customer_creation": None if is_subscription or fields.get("customer") else "if_required",
                "expires_at": now + DAY_S,
                "metadata": {},
                "payment_method_collection": "always" if is_subscription else "if_required",
                "payment_status": "unpaid",
                "status": "open",
                "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": tax},
                "customer_details": None,
                "url": url,
            } | fields
            if cart.is_taxed:
                liability = {"account": None, "type": "self"}
                state["automatic_tax"] = {
                    "enabled": True,
                    "liability": liability,
                    "provider": "stripe",
                    "status": "complete",
                }
            self.sessions[session_id] = shapes.session("Ada", **state)
            self.carts[session_id] = cart
            return self.sessions[session_id]

    @locked
    def pay(self, checkout: str, is_delayed: bool = False, country: str = HOME) -> Json:
        """Pay a checkout by card, or (`is_delayed`) by a transfer that will `arrive` or `bounce`.

        `country` is that of the address that the buyer enters.
        """
        session = self.find(self.sessions, checkout, "checkout")
        self._expire_if_due(session)
        if session["status"] != "open":
            raise NotPossible(f"{checkout} is {session['status']} and cannot be paid.")
        if is_delayed and session["mode"] == "subscription":
            raise NotPossible("A subscription is always paid by card.")
        who = self._become_customer(session)
        session.update(status="complete", url=None)
        session["customer_details"] = shapes.session(who)["customer_details"]
        session["customer_details"]["address"]["country"] = country
        session["customer_details"]["tax_ids"] = self.carts[checkout].entered_tax_ids
        if session["mode"] == "subscription":
            self.subscribe(session, who)
            return session
        session["payment_intent"] = stripe_id("pi_3")
        if is_delayed:
            session["payment_method_types"] = ["customer_balance"]
        else:
            self._capture(session, who)
        self.emit("checkout.session.completed", session)
        return session

    @locked
    def pay_again(self, checkout: str) -> Json:
        """Pay for the same order once more, on a second checkout: a duplicate charge."""
        paid = self.find(self.sessions, checkout, "checkout")
        if paid["status"] != "complete":
            raise NotPossible(f"{checkout} is {paid['status']}: it has not been paid.")
        copied = "mode metadata client_reference_id success_url cancel_url customer customer_email"
        twin = self.open_checkout(self.carts[checkout], {name: paid[name] for name in copied.split()})
        return self.pay(twin["id"])

    def arrive(self, checkout: str) -> Json:
        """Let the transfer for a checkout arrive."""
        return self._end_delay(checkout, has_arrived=True)

    def bounce(self, checkout: str) -> Json:
        """Let the transfer for a checkout fail."""
        return self._end_delay(checkout, has_arrived=False)

    def expire_checkout(self, session: Json) -> None:
        """Expire an open checkout."""
        session.update(status="expired", url=None)
        self.emit("checkout.session.expired", session)

    def _expire_if_due(self, session: Json) -> None:
        if session["status"] == "open" and session["expires_at"] <= self.now():
            self.expire_checkout(session)

    def _become_customer(self, session: Json) -> str:
        """Return the name of who pays. A subscription creates a customer, a pack only if the session says so."""
        is_needed = session["mode"] == "subscription" or session["customer_creation"] == "always"
        if session["customer"] is None and is_needed:
            session["customer"] = self.add_customer()
        return self.customers.get(session["customer"] or "", "Ada")

    def _capture(self, session: Json, who: str) -> None:
        """Charge the total of a session to its PaymentIntent."""
        cart = self.carts[session["id"]]
        session["payment_status"] = "paid"
        intent, amount = session["payment_intent"], session["amount_total"]
        self.charge(intent, who, session["customer"], cart.payment_metadata, amount, cart.currency)

    @locked
    def _end_delay(self, checkout: str, *, has_arrived: bool) -> Json:
        session = self.find(self.sessions, checkout, "checkout")
        if (session["status"], session["payment_status"]) != ("complete", "unpaid"):
            raise NotPossible(f"No transfer for {checkout} is under way.")
        if has_arrived:
            self._capture(session, self.customers.get(session["customer"] or "", "Ada"))
        self.emit(f"checkout.session.async_payment_{'succeeded' if has_arrived else 'failed'}", session)
        return session
