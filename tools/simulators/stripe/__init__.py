"""A simulator of Stripe's API: `running` serves one account on 127.0.0.1."""

from tools.simulators.stripe.account import StripeAccount
from tools.simulators.stripe.api import running
from tools.simulators.stripe.objects import LOCAL_KEY

__all__ = ["LOCAL_KEY", "StripeAccount", "running"]
