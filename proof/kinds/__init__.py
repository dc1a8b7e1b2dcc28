"""Histories of money that no simulator plays, by kind, in many orders: one ledger, every invariant, and right money.

Balances that are filled and used, taxes and credit notes, trials, changes of plans, several currencies, resolutions,
several payments of one order, invoices and intents many to many, late payments, terms and settings that change: written
as the providers report them, with amounts and turns of the chance. There is no model of what is right: `proof.money`
judges.
"""

from collections.abc import Callable

from proof.kinds import paddle, stripe
from proof.kinds.history import History

KINDS: tuple[Callable[[History], None], ...] = (*stripe.KINDS, *paddle.KINDS)
