"""The whole way of a declaration without a login: from the page by the mails and their links to the refund case."""

import re
from datetime import timedelta
from html import unescape

import pytest

from ledger.domain.declarations import Declaration, DeclarationState
from ledger.domain.mails import MailKind, mail_id_of
from ledger.usecases.declarations.change import read_declaration
from ledger.usecases.declarations.follow import follow
from ledger.usecases.refund_cases.cases import read_case
from ledger.usecases.send_mails import MailResult
from tests.integration.conftest import World
from tests.integration.test_pages import NOBODY, reference, send, submit
from tests.unit.api.test_pages import read
from tests.unit.usecases.test_sending_mails import Postbox, ordered, pay
from tests.unit.usecases.test_sending_mails import send as send_mail
from tools.testing.builders import ADA, NOON, at

STRANGER = "eve@example.net"


def declared(world: World, postbox: Postbox) -> str:
    """A stranger withdraws from Ada's order on the page; both mails are sent. Return the declaration's id."""
    world.services.clock = lambda: NOON + timedelta(hours=1)
    store = world.services.store
    order = ordered(store)
    pay(store, order)
    name = reference(submit(contract=f"order {order.order_id}", name="Eve", email=STRANGER, message="Mine now."))
    followed(world, name)
    for kind in (MailKind.DECLARATION_RECEIPT, MailKind.DECLARATION_NOTICE):
        assert send_mail(store, mail_id_of(kind, name), postbox, minute=70) is MailResult.SENT
    return name


def followed(world: World, name: str, hours: float = 1) -> Declaration:
    """Follow a declaration, so many hours after noon."""
    here = world.services
    return follow(name, here.store, here.policy, here.providers, now=NOON + timedelta(hours=hours))


def links(postbox: Postbox) -> dict[str, str]:
    """The two links of the mail to the address on file, by what they do: path and query."""
    found = re.findall(
        r"https?://[^/\s]+(/declarations/\S+?/(approval|objection)\?\S+)", unescape(postbox.messages[1].text)
    )
    return {what: address for address, what in found}


def follow_link(address: str) -> None:
    """Open a link of a mail, and press its button."""
    path, _, query = address.partition("?")
    page = NOBODY.get(path, query=dict(part.split("=", 1) for part in query.split("&")))
    (form,) = read(page.text).all("form")
    fields = {one.attributes["name"]: one.attributes["value"] for one in read(page.text).all("input")}
    assert send(form.attributes["action"], fields).status == 200


def test_each_mail_goes_to_its_own_address(world: World) -> None:
    """The receipt to whoever declared, without a link; the question to the address on file, without the stranger's."""
    postbox = Postbox()
    name = declared(world, postbox)
    receipt, notice = postbox.messages
    assert (receipt.to, notice.to) == (STRANGER, "ada@example.com")
    assert (receipt.is_receipt, receipt.html) == (True, None)
    assert name in receipt.text
    assert "http" not in receipt.text
    assert STRANGER not in notice.text
    assert STRANGER not in (notice.html or "")
    stored = read_declaration(name, world.services.store)
    assert (stored.state, stored.acknowledged_at, stored.noticed_at) == (DeclarationState.MATCHED, at(70), at(70))


def test_the_link_of_the_mail_carries_the_withdrawal_out(world: World) -> None:
    """As a case in Ada's name, received when the page was sent."""
    postbox = Postbox()
    name = declared(world, postbox)
    follow_link(links(postbox)["approval"])
    declaration = followed(world, name, 2)
    case = read_case(ADA, declaration.case_id or "", world.services.store)
    assert declaration.state is DeclarationState.EXECUTED
    assert (case.account_id, case.confirmed_at, case.opened_by) == (ADA, at(60), f"declaration:{name}")


@pytest.mark.parametrize("hours", [2, 48])
def test_the_other_link_of_the_mail_protects_the_customer(world: World, hours: int) -> None:
    """Whatever the stranger wrote, and however much time passes."""
    postbox = Postbox()
    name = declared(world, postbox)
    follow_link(links(postbox)["objection"])
    assert followed(world, name, hours).state is DeclarationState.IN_REVIEW
    assert world.services.store.cases_of(ADA, 10).items == ()


def test_silence_for_a_day_carries_it_out_too(world: World) -> None:
    """From the mail to the address on file, not from the page."""
    name = declared(world, Postbox())
    a_day = (at(70) - NOON) / timedelta(hours=1) + 24
    assert followed(world, name, a_day - 0.01).state is DeclarationState.MATCHED
    done = followed(world, name, a_day)
    assert (done.state, done.approved_by) == (DeclarationState.EXECUTED, "silence")
