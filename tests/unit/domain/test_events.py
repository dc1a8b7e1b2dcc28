"""What an event reports, and whose it is."""

from dataclasses import replace

from ledger.domain.events import About, Claim, Owner
from ledger.domain.facts import HoldLifted
from ledger.domain.ids import AccountId, OrderId
from tools.testing.builders import ADA, CH, NOON, PI, event_of, paid, payment

LIFTED = HoldLifted(hold_id="dispute:stripe:dp_1", actor="sue", at=NOON, cause="act_1")
OTHER = About(names=(CH,), facts=(LIFTED,))


def test_an_event_reports_its_facts_and_its_payment_and_what_is_about_others() -> None:
    """Without ids of a payment it reports only what is about others."""
    lifted = event_of(LIFTED, names=(PI,))
    assert lifted.about == (About(names=(PI,), facts=lifted.facts),)
    settled = replace(lifted, payment=payment(), also=(OTHER,))
    assert settled.about == (About(names=(PI,), facts=(*lifted.facts, payment())), OTHER)
    assert replace(settled, names=()).about == (OTHER,)


def test_a_claim_names_the_order_instead_of_what_a_browser_can_write() -> None:
    """The order that our server named, where the provider keeps it from browsers."""
    owner = Owner(order_id=OrderId("ord_1"))
    assert owner.named_order_id == "ord_1"
    assert replace(owner, claim=Claim(order_id=OrderId("ord_2"))).named_order_id == "ord_2"
    assert replace(owner, claim=Claim()).named_order_id is None


def test_an_account_is_named_on_the_payment() -> None:
    """An event that names it already stays the same object: nothing is copied in the hot path."""
    event = paid()
    assert event.with_account(ADA) is event
    assert event.with_account(AccountId("acct_bob")).payment == replace(event.payment, account_id="acct_bob")  # type: ignore[type-var]
