"""Taxes: what Stripe has computed, for the documents of refunds.

None means that nothing is known: without Stripe Tax or a rate, a total of 0 says that none was computed, not that none
was due. What can't be read is not known either, and parks nothing: no credits depend on it.
"""

from collections.abc import Mapping

from ledger.providers.parsing import Json

_OF_BUSINESSES = frozenset(
    {
        *("au_abn", "au_acn", "bg_uic", "bh_vat", "br_cnpj", "bw_vat", "ca_bn", "ca_gst_hst", "ch_uid"),
        *("ch_vat", "ci_vat", "eu_oss_vat", "fo_vat", "fr_siren", "fr_siret", "gb_vat", "ge_vat"),
        *("hk_br", "hu_tin", "il_vat", "in_gst", "is_vat", "jp_cn", "kr_brn", "li_uid", "li_vat", "lk_vat"),
        *("ma_vat", "md_vat", "mk_vat", "mu_vat", "no_vat", "no_voec", "nz_bn", "om_vat", "pl_nip"),
        *("rs_pib", "sa_vat", "sg_gst", "sg_uen", "tt_vat", "tw_vat", "tz_vat", "ua_vat", "uz_vat"),
        "za_vat",
    }
)
"""The kinds of tax ids that only who trades has. Not among them: those that persons have too.

The kind is Stripe's word. `unknown` is of none, and a kind that is not here shows nothing: a person looks.
"""
_EU_VAT = "eu_vat"
_VAT_OF_BUSINESSES = ("AT", "BE", "DE", "DK", "EE", "FI", "FR", "HU", "IT", "LT", "LU", "MT", "NL", "PL", "XI")
"""With what an EU VAT number begins that only who trades has.

In the other countries it is, or can be, the country's letters and the number that every person has (in Portugal the
NIF, in Croatia the OIB). Stripe's events don't say whether a number was verified.
"""


def shows_business(tax_ids: object) -> bool:
    """Return whether one of a buyer's tax ids is one that consumers do not have, by its kind or its country.

    Source: `type` and `value` of docs.stripe.com/api/tax_ids/object; the table of
    docs.stripe.com/billing/customer/tax-ids.
    """
    found = tax_ids if isinstance(tax_ids, list) else []
    return any(isinstance(one, Mapping) and _is_of_business(one.get("type"), one.get("value")) for one in found)


def _is_of_business(kind: object, number: object) -> bool:
    if kind == _EU_VAT:
        return isinstance(number, str) and number.strip().upper().startswith(_VAT_OF_BUSINESSES)
    return isinstance(kind, str) and kind in _OF_BUSINESSES


def tax_of_session(session: Json) -> int | None:
    """Return the tax that a session's total contains, in minor units. None: it is not known.

    Source: `total_details.amount_tax` and `automatic_tax` of docs.stripe.com/api/checkout/sessions/object.
    """
    details = session.get("total_details")
    tax_minor = _whole(details.get("amount_tax")) if isinstance(details, Mapping) else None
    return tax_minor if tax_minor or _is_computed(session) else None


def tax_of_invoice(invoice: Json) -> int | None:
    """Return the tax that an invoice's total contains, in minor units. None: it is not known.

    Source: `total_taxes` of docs.stripe.com/api/invoices/object.
    """
    taxes = invoice.get("total_taxes")
    if not isinstance(taxes, list):
        return None
    amounts = [_whole(tax.get("amount")) if isinstance(tax, Mapping) else None for tax in taxes]
    known = [one for one in amounts if one is not None]
    if len(known) < len(amounts) or (sum(known) == 0 and not _is_computed(invoice)):
        return None
    return sum(known)


def _is_computed(sale: Json) -> bool:
    """Return whether Stripe Tax computed the tax: one of 0 is known then."""
    automatic = sale.get("automatic_tax")
    return isinstance(automatic, Mapping) and automatic.get("status") == "complete"


def _whole(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None
