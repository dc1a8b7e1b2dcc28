"""Stand-ins for the providers' APIs, over HTTP on 127.0.0.1: the calls that we make, and the webhooks that follow.

    with stripe.running(deliver_to="http://127.0.0.1:3000") as provider:
        client = StripeClient(stripe.LOCAL_KEY, base_addresses={"api": provider.url})
        …
        provider.pay(session.id)  # what customers, banks and time do
        provider.drain()  # every webhook has been delivered

They are honest about money: nothing is refunded twice or while a bank holds it, an `Idempotency-Key` is kept, a wrong
request is refused in the provider's own words, and a parameter that they don't play is refused, never ignored.
"""
