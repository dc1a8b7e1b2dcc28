"""The providers' vocabulary: each field, enum value and event type that their SDKs know, and our verdict on it.

sources of an SDK ──► vocabulary ──┐
                                   ├─► drift: what has no verdict, and what disappeared
stripe.toml, paddle.toml ► verdicts┘

A verdict is `read`, with the module that reads it, or `ignored`, with the reason.
"""
