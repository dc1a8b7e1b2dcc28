"""Simulators of the providers' APIs, over HTTP on 127.0.0.1: the calls that we make, and the webhooks they cause.

    with stripe.running(deliver_to="http://127.0.0.1:3000") as provider:
        client = StripeClient(stripe.LOCAL_KEY, base_addresses={"api": provider.url})
        …
        provider.pay(session.id)  # an action of a customer, a bank or time
        provider.drain()  # wait until every webhook is delivered

They enforce the providers' rules about money: nothing is refunded twice, or while a dispute holds it. An
`Idempotency-Key` is honoured. A wrong request gets the provider's own error. A parameter that a simulator does not
support is refused, never ignored.
"""
