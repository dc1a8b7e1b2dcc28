"""What a deployment sets reaches what it is for: through the route, as API Gateway calls it."""

from dataclasses import replace
from typing import Any

import pytest

from ledger.domain.ids import PaymentId
from ledger.domain.mails import MailKind
from ledger.runtime import Runtime
from tests.unit.functions.test_jobs import services
from tools.testing.builders import ADA, event_of, paid, payment, record_events, refund
from tools.testing.frontend import ApiResponse, Frontend

__all__ = ["services"]  # the fixture of the jobs

ANYBODY = Frontend(ADA)
SECOND = PaymentId("stripe:pi_2")


def draw(credits_: int, run_id: str = "run_1") -> ApiResponse:
    """A run of Ada's, as the tagging service requests it."""
    return ANYBODY.post("/usage", {"account_id": ADA, "run_id": run_id, "credits": credits_})


@pytest.fixture(name="pack", autouse=True)
def _pack(services: Runtime) -> None:
    record_events(services.store, paid())


def set_to(services: Runtime, **settings: Any) -> None:
    """Change settings of the deployment."""
    services.config = replace(services.config, **settings)


@pytest.mark.parametrize(("low_balance", "mails"), [(0, 0), (50, 0), (51, 1)])
def test_a_draw_that_leaves_fewer_than_the_setting_lists_the_mail(
    services: Runtime, low_balance: int, mails: int
) -> None:
    """0: none is ever listed."""
    set_to(services, low_balance=low_balance)
    assert draw(950).json["spendable"] == 50
    assert [one.kind for one in services.store.mail_intents()] == [MailKind.LOW_BALANCE] * mails


@pytest.mark.parametrize(("is_debt_withheld", "spendable"), [(True, 700), (False, 1000)])
def test_the_debt_setting_counts_for_a_draw_as_for_what_is_shown(
    services: Runtime, *, is_debt_withheld: bool, spendable: int
) -> None:
    """For the customer, for support, and for whoever asks before a run: one figure, and a draw takes all of it."""
    draw(300)
    record_events(services.store, event_of(refund(2000)), paid(payment(SECOND, minute=3)))
    set_to(services, is_debt_withheld=is_debt_withheld)
    shown = [
        ANYBODY.get("/account").json["spendable"],
        ANYBODY.get(f"/usage/accounts/{ADA}").json["spendable"],
        Frontend("sam", {"cognito:groups": ["billing-support"]}).get(f"/support/accounts/{ADA}").json["spendable"],
    ]
    assert shown == [spendable] * 3
    assert draw(spendable + 1, "run_2").status == 402
    assert draw(spendable, "run_3").json["spendable"] == 0
