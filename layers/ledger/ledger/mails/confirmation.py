"""The confirmation of a contract: all information that the law wants on a durable medium, in the mail itself.

Directive 2011/83/EU, article 8(7): what was bought, at which price, from whom; the consent where the credits are usable
at once; the right of withdrawal with its form and its online function; the policy in force.

Of a plan, the renewal terms and the consent to them: what laws on renewals call an acknowledgement that can be kept.
"""

from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from ledger.domain.orders import Order
from ledger.domain.records import record
from ledger.mails.letters import Block, Facts, Letter, Link, Paragraph, Quote, Section
from ledger.mails.writing import Writer


@record(frozen=True, kw_only=True)
class Reseller:
    """A provider that sells in its own name: it sends the invoice, and is the buyer's contractual partner."""

    name: str
    page: str  # where buyers ask it for a withdrawal


@record(frozen=True, kw_only=True)
class ConfirmedOrder:
    """What a confirmation is about."""

    order: Order
    name: str  # of the product
    paid_minor: int
    currency: str
    paid_at: datetime
    expires_at: datetime | None  # of the credits of a pack; None: never
    is_subscription: bool
    renews_every_months: int | None  # of a subscription; None: not known
    renews_on: date | None  # for the first time; None: of a pack, or not known
    has_right: bool  # whether the buyer's country gives a consumer the right of withdrawal
    reseller: Reseller | None  # None: we sell
    policy_text: str  # the version under which the order was placed


def confirmation(confirmed: ConfirmedOrder, mail_id: str, writer: Writer) -> Letter:
    """Return the letter that confirms a contract."""

    def write(key: str, **figures: str | int) -> str:
        return writer.write(f"contract_confirmation.{key}", **figures)

    order = confirmed.order
    return writer.letter(
        write("subject", name=confirmed.name),
        write("heading"),
        mail_id,
        Paragraph(writer.write("common.greeting")),
        Paragraph(write("intro")),
        Facts(_rows(confirmed, writer)),
        Link(write("button"), writer.house.account_url),
        Section(write("what_it_is")),
        Paragraph(write("service")),
        Paragraph(_validity(confirmed, writer)),
        *_renewal(confirmed, writer),
        *_consent(order, writer),
        *_withdrawal(confirmed, writer),
        Section(write("policy_title", version=order.policy_version)),
        Quote(confirmed.policy_text.strip()),
    )


def withdrawal_information(confirmed: ConfirmedOrder, sent_at: datetime, mail_id: str, writer: Writer) -> Letter:
    """Return the letter that informs a buyer of the right of withdrawal after the order, as the order should have."""

    def write(key: str, **figures: str | int) -> str:
        return writer.write(f"withdrawal_information.{key}", **figures)

    rows = dict(_rows(confirmed, writer))
    kept = [writer.write(f"contract_confirmation.{key}") for key in ("product", "ordered_on", "order", "seller")]
    concluded_at = max(confirmed.order.made_at, confirmed.paid_at)
    right = write("right", day=writer.day(sent_at), concluded=writer.day(concluded_at))
    return writer.letter(
        write("subject", name=confirmed.name),
        write("heading"),
        mail_id,
        Paragraph(writer.write("common.greeting")),
        Paragraph(write("intro")),
        Facts(tuple((label, rows[label]) for label in kept)),
        *_right(confirmed, right, writer),
    )


def _rows(confirmed: ConfirmedOrder, writer: Writer) -> tuple[tuple[str, str], ...]:
    def label(key: str) -> str:
        return writer.write(f"contract_confirmation.{key}")

    order, house = confirmed.order, writer.house
    number = writer.number(order.terms.credits if order.terms else 0)
    if confirmed.is_subscription:
        number = writer.write("contract_confirmation.credits_each_period", credits=number)
    return (
        (label("product"), confirmed.name),
        (label("credits"), number),
        (label("price"), writer.money(order.price_minor, order.currency)),
        (label("paid"), writer.money(confirmed.paid_minor, confirmed.currency)),
        (label("ordered_on"), writer.day(order.made_at)),
        (label("paid_on"), writer.day(confirmed.paid_at)),
        (label("order"), order.order_id),
        (label("payment_by"), order.provider.capitalize()),
        (
            label("seller"),
            confirmed.reseller.name if confirmed.reseller else f"{house.seller}, {house.address}\n{house.email}",
        ),
    )


def _validity(confirmed: ConfirmedOrder, writer: Writer) -> str:
    if confirmed.is_subscription:
        return writer.write("contract_confirmation.expire_with_period")
    if confirmed.expires_at is None:
        return writer.write("contract_confirmation.never_expire")
    return writer.write("contract_confirmation.expire_on", day=writer.day(confirmed.expires_at))


def _renewal(confirmed: ConfirmedOrder, writer: Writer) -> list[Block]:
    """Return the renewal terms of a plan: amount, interval, day, how to cancel; and the consent to them."""

    def write(key: str, **figures: str | int) -> str:
        return writer.write(f"contract_confirmation.{key}", **figures)

    if not confirmed.is_subscription:
        return []
    order, url = confirmed.order, f"{writer.house.public_url}/cancellation"
    shown, price = order.shown.renewal if order.shown else None, writer.money(order.price_minor, order.currency)
    amount = write("before_tax", amount=price)
    if shown:
        amount = write("with_tax", amount=writer.money(shown.amount_minor, order.currency))
    rows = [(write("each_renewal"), amount)]
    if months := confirmed.renews_every_months:
        rows.append((write("interval"), _interval(months, writer)))
    if first := confirmed.renews_on:
        rows += [
            (write("first_renewal"), writer.day(first)),
            (writer.write("renewal_reminder.last_day"), writer.day(first - timedelta(days=1))),
        ]
    query = urlencode({"language": writer.language, "contract": order.order_id})
    return [
        Section(write("renewal_title")),
        Facts(tuple(rows)),
        Paragraph(write("renewal", price=price)),
        Paragraph(write("cancel_online", url=url)),
        Link(writer.write("renewal_reminder.cancel"), f"{url}?{query}", is_main=False),
        *_renewal_consent(order, writer),
    ]


def _interval(months: int, writer: Writer) -> str:
    known = {1: "every_month", 12: "every_year"}.get(months)
    if known:
        return writer.write(f"contract_confirmation.{known}")
    return writer.write("contract_confirmation.every_months", months=months)


def _renewal_consent(order: Order, writer: Writer) -> list[Block]:
    """Return the words of the consent to the renewal terms. An order without one is confirmed without them."""
    consent = order.renewal_consent
    if consent is None:
        return []
    at, version = writer.moment(consent.given_at), consent.text_version
    return [
        Section(writer.write("contract_confirmation.renewal_consent_title")),
        Paragraph(writer.write("contract_confirmation.renewal_consent_intro", at=at, version=version)),
        Quote(consent.words),
    ]


def _consent(order: Order, writer: Writer) -> list[Block]:
    """Return the words that the customer agreed to. An order without a consent is confirmed without them."""
    consent = order.consent
    if consent is None or not (consent.asked_to_begin or consent.acknowledged_loss):
        return []
    words = [
        writer.write(f"contract_confirmation.{key}")
        for key in ("asked_to_begin", "acknowledged_loss")
        if getattr(consent, key)
    ]
    intro = writer.write(
        "contract_confirmation.consent_intro", at=writer.moment(consent.given_at), version=consent.text_version
    )
    return [
        Section(writer.write("contract_confirmation.consent_title")),
        Paragraph(intro),
        *map(Quote, words),
    ]


def _withdrawal(confirmed: ConfirmedOrder, writer: Writer) -> list[Block]:
    def write(key: str, **figures: str | int) -> str:
        return writer.write(f"contract_confirmation.{key}", **figures)

    order = confirmed.order
    if order.is_business or not confirmed.has_right:
        why = write("business" if order.is_business else "other_country")
        anyway = Paragraph(write("withdrawal_anyway", url=_page(writer)))
        return [
            Section(write("withdrawal_title")),
            Paragraph(why),
            *_seller(confirmed, writer),
            anyway,
            _link(order, writer),
        ]
    concluded_at = max(order.made_at, confirmed.paid_at)
    return _right(confirmed, write("withdrawal_right", day=writer.day(concluded_at)), writer)


def _seller(confirmed: ConfirmedOrder, writer: Writer) -> list[Block]:
    """Return who sold it, if that is a reseller."""
    reseller = confirmed.reseller
    if reseller is None:
        return []
    return [Paragraph(writer.write("contract_confirmation.reseller", reseller=reseller.name, page=reseller.page))]


def _page(writer: Writer) -> str:
    """Return the address of the public page of withdrawals."""
    return f"{writer.house.public_url}/withdrawal"


def _link(order: Order, writer: Writer) -> Link:
    """Return the link to that page, in the letter's language and with the contract filled in."""
    words = writer.write("contract_confirmation.withdrawal_button")
    return Link(words, f"{_page(writer)}?language={writer.language}&contract={order.order_id}", is_main=False)


def _right(confirmed: ConfirmedOrder, right: str, writer: Writer) -> list[Block]:
    """Return the information about the right of withdrawal. `right` says that there is one, and until when."""

    def write(key: str, **figures: str | int) -> str:
        return writer.write(f"contract_confirmation.{key}", **figures)

    order = confirmed.order
    return [
        Section(write("withdrawal_title")),
        *_seller(confirmed, writer),
        Paragraph(right),
        Paragraph(write("withdrawal_how")),
        Paragraph(write("withdrawal_online", url=_page(writer))),
        _link(order, writer),
        Paragraph(write("withdrawal_effects")),
        Paragraph(write("withdrawal_used")),
        Section(write("form_title")),
        Quote(write("form", order_id=order.order_id)),
    ]
