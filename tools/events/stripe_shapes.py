"""Stripe's objects at API version 2026-10-28.endive, whole: every field that the API sends, null where nothing is."""

from typing import Any

from tools.events.tariff import Tariff

Json = dict[str, Any]

PRICES = {
    "pack_500": ("price_pack500", 1000),
    "pack_1000": ("price_pack1000", 2000),
    "pack_2500": ("price_pack2500", 4500),
    "creator_monthly": ("price_creator_monthly", 1500),
}
USD = Tariff("USD", PRICES)


def person(name: str) -> Json:
    """Who pays, in the fields that most objects have for it."""
    return {"email": f"{name.lower()}@example.com", "name": f"{name} Example"}


def nulls(names: str) -> Json:
    """Fields that hold nothing."""
    return dict.fromkeys(names.split())


def session(who: str, **fields: Any) -> Json:
    """A Checkout Session. It carries no line items in a webhook."""
    return {
        **nulls(
            "after_expiration allow_promotion_codes allowed_payment_method_types billing_address_collection"
            " client_reference_id client_secret collected_information consent consent_collection currency_conversion"
            " customer customer_account customer_creation discounts excluded_payment_method_types"
            " integration_identifier invoice invoice_creation locale managed_payments name_collection optional_items"
            " origin_context payment_intent payment_link payment_method_configuration_details permissions"
            " presentment_details recovered_from redirect_on_completion return_url saved_payment_method_options"
            " setup_intent shipping_address_collection shipping_cost submit_type subscription tax_id_collection url"
            " wallet_options"
        ),
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "branding_settings": None,
        "cancel_url": "https://app.example.com/credits",
        "custom_fields": [],
        "custom_text": nulls("after_submit shipping_address submit terms_of_service_acceptance"),
        "customer_details": {
            "address": {**nulls("city line1 line2 postal_code state"), "country": "US"},
            **nulls("business_name individual_name phone"),
            **person(who),
            "tax_exempt": "none",
            "tax_ids": [],
        },
        "customer_email": None,
        "livemode": False,
        "payment_method_collection": "if_required",
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "success_url": "https://app.example.com/credits/thanks",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
    } | fields


def price(product_id: str, *, recurring: bool, tariff: Tariff = USD) -> Json:
    """A Price, as a subscription's item shows it."""
    price_id, amount = tariff.prices[product_id]
    return {
        **nulls("custom_unit_amount lookup_key nickname tiers_mode transform_quantity"),
        "id": price_id,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": 1767225600,
        "currency": tariff.currency.lower(),
        "livemode": False,
        "metadata": {},
        "product": f"prod_{product_id}",
        "recurring": {
            **nulls("meter trial_period_days"),
            "interval": "month",
            "interval_count": 1,
            "usage_type": "licensed",
        }
        if recurring
        else None,
        "tax_behavior": "exclusive",
        "type": "recurring" if recurring else "one_time",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }


def plan(product_id: str, tariff: Tariff = USD) -> Json:
    """The same, in the older shape that still travels beside it."""
    price_id, amount = tariff.prices[product_id]
    return {
        **nulls("meter nickname tiers_mode transform_usage trial_period_days"),
        "id": price_id,
        "object": "plan",
        "active": True,
        "amount": amount,
        "amount_decimal": str(amount),
        "billing_scheme": "per_unit",
        "created": 1767225600,
        "currency": tariff.currency.lower(),
        "interval": "month",
        "interval_count": 1,
        "livemode": False,
        "metadata": {},
        "product": f"prod_{product_id}",
        "usage_type": "licensed",
    }


def invoice_line(
    line_id: str,
    invoice_id: str,
    subscription_id: str | None,
    price_id: str,
    amount: int,
    period: tuple[int, int],
    *,
    metadata: Json | None = None,
    proration: bool = False,
    quantity: int = 1,
    item: str | None = None,
    tax: int = 0,
    description: str = "1 × Creator Monthly (at $15.00 / month)",
    currency: str = "usd",
) -> Json:
    """One line of an invoice: of a subscription's item, or (without `item`) an invoice item of its own."""
    shared = {"proration": proration, "proration_details": {"credited_items": None}, "subscription": subscription_id}
    if item:
        parent: Json = {
            "invoice_item_details": None,
            "subscription_item_details": {"invoice_item": None, "subscription_item": item, **shared},
            "type": "subscription_item_details",
        }
    else:
        parent = {
            "invoice_item_details": {"invoice_item": f"ii_{line_id[3:]}", **shared},
            "subscription_item_details": None,
            "type": "invoice_item_details",
        }
    return {
        "id": line_id,
        "object": "line_item",
        "amount": amount,
        "currency": currency,
        "description": description,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice_id,
        "livemode": False,
        "metadata": metadata or {},
        "parent": parent,
        "period": {"end": period[1], "start": period[0]},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": price_id, "product": f"prod_{price_id[6:]}"},
            "type": "price_details",
            "unit_amount_decimal": str(abs(amount) // quantity),
        },
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "subscription": subscription_id,
        "subtotal": amount,
        "taxes": taxes(tax, amount),
    }


def taxes(tax: int, amount: int) -> list[Json]:
    """A tax on top of an amount."""
    if not tax:
        return []
    return [
        {
            "amount": tax,
            "tax_behavior": "exclusive",
            "tax_rate_details": {"tax_rate": "txr_1EuropeanVat"},
            "taxability_reason": "standard_rated",
            "taxable_amount": amount,
            "type": "tax_rate_details",
        }
    ]


def invoice(
    invoice_id: str,
    reason: str,
    created: int,
    lines: list[Json],
    *,
    who: str,
    customer: str,
    subscription_id: str | None,
    metadata: Json,
    **fields: Any,
) -> Json:
    """A paid invoice, unless `fields` say otherwise."""
    subtotal = sum(line["amount"] for line in lines)
    tax = sum(entry["amount"] for line in lines for entry in line["taxes"])
    total = subtotal + tax
    details = {"metadata": metadata, "subscription": subscription_id, "subscription_proration_date": None}
    return {
        **nulls(
            "account_tax_ids amount_paid_off_stripe application automatically_finalizes_at custom_fields"
            " customer_account customer_address customer_phone customer_shipping default_payment_method"
            " default_source description due_date footer from_invoice last_finalization_error latest_revision"
            " next_payment_attempt on_behalf_of receipt_number rendering shipping_cost shipping_details"
            " statement_descriptor status_details test_clock threshold_reason"
        ),
        "id": invoice_id,
        "object": "invoice",
        "account_country": "RS",
        "account_name": "Actinium Agency",
        "amount_due": max(0, total),
        "amount_overpaid": 0,
        "amount_paid": max(0, total),
        "amount_remaining": 0,
        "amount_shipping": 0,
        "attempt_count": 1,
        "attempted": True,
        "auto_advance": False,
        "automatic_tax": nulls("disabled_reason liability provider status") | {"enabled": False},
        "billing_reason": reason,
        "collection_method": "charge_automatically",
        "created": created,
        "currency": "usd",
        "customer": customer,
        **{f"customer_{field}": value for field, value in person(who).items()},
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_tax_rates": [],
        "discounts": [],
        "effective_at": created,
        "ending_balance": 0,
        "hosted_invoice_url": "https://invoice.example.com/i/test",
        "invoice_pdf": "https://invoice.example.com/i/test/pdf",
        "issuer": {"account": None, "type": "self"},
        "lines": {
            "object": "list",
            "data": lines,
            "has_more": False,
            "total_count": len(lines),
            "url": f"/v1/invoices/{invoice_id}/lines",
        },
        "livemode": False,
        "metadata": {},
        "number": f"ITAI-{invoice_id[-4:].upper()}",
        "parent": {"quote_details": None, "subscription_details": details, "type": "subscription_details"}
        if subscription_id
        else None,
        "payment_settings": nulls("default_mandate payment_method_options payment_method_types"),
        # An invoice's own period looks back: on the first one both ends are the moment of its making.
        "period_end": created,
        "period_start": created,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "starting_balance": 0,
        "status": "paid",
        "status_transitions": {
            "finalized_at": created,
            "marked_uncollectible_at": None,
            "paid_at": created,
            "voided_at": None,
        },
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal,
        "total": total,
        "total_discount_amounts": [],
        "total_excluding_tax": subtotal,
        "total_pretax_credit_amounts": [],
        "total_taxes": taxes(tax, subtotal),
        "webhooks_delivered_at": created,
    } | fields


def invoice_payment(payment_id: str, invoice_id: str, intent: str, amount: int, created: int) -> Json:
    """The link between an invoice and its PaymentIntent."""
    return {
        "id": payment_id,
        "object": "invoice_payment",
        "amount_paid": amount,
        "amount_requested": amount,
        "created": created,
        "currency": "usd",
        "invoice": invoice_id,
        "is_default": True,
        "livemode": False,
        "payment": {"charge": None, "payment_intent": intent, "payment_record": None, "type": "payment_intent"},
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": created},
    }


def subscription(
    subscription_id: str,
    customer: str,
    metadata: Json,
    start: int,
    period: tuple[int, int],
    *,
    product_id: str = "creator_monthly",
    tariff: Tariff = USD,
    **fields: Any,
) -> Json:
    """An active subscription, to Creator Monthly unless told otherwise. Its period stands on its item."""
    item = {
        **nulls("billed_until billing_thresholds current_trial"),
        "id": f"si_{subscription_id[4:]}",
        "object": "subscription_item",
        "created": start,
        "current_period_end": period[1],
        "current_period_start": period[0],
        "discounts": [],
        "metadata": {},
        "plan": plan(product_id, tariff),
        "price": price(product_id, recurring=True, tariff=tariff),
        "quantity": 1,
        "subscription": subscription_id,
        "tax_rates": [],
    }
    return {
        **nulls(
            "application application_fee_percent billing_cycle_anchor_config billing_thresholds cancel_at canceled_at"
            " customer_account days_until_due default_source description ended_at managed_payments"
            " next_pending_invoice_item_invoice on_behalf_of pause_collection pending_invoice_item_interval"
            " pending_setup_intent pending_update presentment_details schedule status_details test_clock"
            " transfer_data trial_end trial_start latest_invoice"
        ),
        "id": subscription_id,
        "object": "subscription",
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": start,
        "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible"},
        "billing_schedules": [],
        "cancel_at_period_end": False,
        "cancellation_details": nulls("comment feedback feedback_option reason"),
        "collection_method": "charge_automatically",
        "created": start,
        "currency": tariff.currency.lower(),
        "customer": customer,
        "default_payment_method": f"pm_{subscription_id[4:]}",
        "default_tax_rates": [],
        "discounts": [],
        "invoice_settings": {
            **nulls("account_tax_ids custom_fields description footer"),
            "issuer": {"account": None, "type": "self"},
        },
        "items": {
            "object": "list",
            "data": [item],
            "has_more": False,
            "total_count": 1,
            "url": f"/v1/subscription_items?subscription={subscription_id}",
        },
        "livemode": False,
        "metadata": metadata,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "start_date": start,
        "status": "active",
        "trial_settings": {
            "end_behavior": {"billing_cycle_anchor": None, "missing_payment_method": "create_invoice"},
        },
    } | fields


def charge(
    charge_id: str, intent: str, who: str, customer: str | None, metadata: Json, amount: int, **fields: Any
) -> Json:
    """A captured charge."""
    return {
        **nulls(
            "application application_fee application_fee_amount authorization_code customer description"
            " failure_balance_transaction failure_code failure_message level3 on_behalf_of presentment_details"
            " receipt_email receipt_number review shipping source source_transfer statement_descriptor"
            " statement_descriptor_suffix transfer transfer_data transfer_group"
        ),
        "id": charge_id,
        "object": "charge",
        "amount": amount,
        "amount_captured": amount,
        "amount_refunded": 0,
        "balance_transaction": f"txn_{charge_id[3:]}",
        "billing_details": {
            "address": {**nulls("city line1 line2 state"), "country": "US", "postal_code": "94107"},
            **person(who),
            "phone": None,
            "tax_id": None,
        },
        "calculated_statement_descriptor": "IMAGETAGGERAI",
        "captured": True,
        "currency": "usd",
        "customer": customer,
        "disputed": False,
        "fraud_details": {},
        "livemode": False,
        "metadata": metadata,
        "outcome": {
            **nulls("advice_code network_advice_code network_decline_code reason rule"),
            "network_status": "approved_by_network",
            "risk_level": "normal",
            "risk_score": 12,
            "seller_message": "Payment complete.",
            "type": "authorized",
        },
        "paid": True,
        "payment_intent": intent,
        "payment_method": f"pm_{charge_id[3:]}",
        "payment_method_details": {
            "card": {
                **nulls(
                    "authorization_code incremental_authorization installments mandate multicapture network_token"
                    " overcapture setup_credential_usage stored_credential_usage three_d_secure wallet"
                    " extended_authorization"
                ),
                "amount_authorized": amount,
                "brand": "visa",
                "checks": {
                    "address_line1_check": None,
                    "address_postal_code_check": "pass",
                    "cvc_check": "pass",
                },
                "country": "US",
                "exp_month": 12,
                "exp_year": 2030,
                "funding": "credit",
                "last4": "4242",
                "network": "visa",
                "network_transaction_id": "000000000000000",
                "regulated_status": "unregulated",
            },
            "type": "card",
        },
        "radar_options": {},
        "receipt_url": "https://pay.example.com/receipts/test",
        "refunded": False,
        "status": "succeeded",
    } | fields


def refund(refund_id: str, charge_id: str, intent: str, amount: int, created: int, **fields: Any) -> Json:
    """A refund that succeeded, unless `fields` say otherwise."""
    return {
        **nulls(
            "customer_account description failure_balance_transaction failure_reason instructions_email next_action"
            " pending_reason presentment_details receipt_number source_transfer_reversal transfer_reversal customer"
        ),
        "id": refund_id,
        "object": "refund",
        "amount": amount,
        "balance_transaction": f"txn_{refund_id[3:]}",
        "charge": charge_id,
        "created": created,
        "currency": "usd",
        "destination_details": {
            "card": {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"},
            "type": "card",
        },
        "metadata": {},
        "payment_intent": intent,
        "payment_method": f"pm_{charge_id[3:]}",
        "reason": "requested_by_customer",
        "status": "succeeded",
    } | fields


def balance_transaction(number: int, dispute_id: str, amount: int, fee: int, created: int) -> Json:
    """One movement of a disputed amount."""
    return {
        "id": f"txn_{dispute_id[3:]}{number}",
        "object": "balance_transaction",
        "amount": amount,
        "available_on": created + 172800,
        "balance_type": "payments",
        "created": created,
        "currency": "usd",
        "description": "Chargeback withdrawal" if amount < 0 else "Chargeback reversal",
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [
            {"amount": fee, "application": None, "currency": "usd", "description": "Dispute fee", "type": "stripe_fee"}
        ],
        "net": amount - fee,
        "reporting_category": "dispute" if amount < 0 else "dispute_reversal",
        "source": dispute_id,
        "status": "available",
        "type": "adjustment",
    }


def dispute(
    dispute_id: str,
    charge_id: str,
    intent: str | None,
    amount: int,
    status: str,
    created: int,
    movements: list[Json],
    **fields: Any,
) -> Json:
    """A dispute. It names neither customer nor invoice."""
    is_inquiry = status.startswith("warning")
    return {
        "id": dispute_id,
        "object": "dispute",
        "amount": amount,
        "balance_transactions": movements,
        "charge": charge_id,
        "created": created,
        "currency": "usd",
        "enhanced_eligibility_types": [],
        "evidence": {
            **nulls(
                "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure"
                " cancellation_rebuttal customer_communication customer_email_address customer_name"
                " customer_purchase_ip customer_signature duplicate_charge_documentation"
                " duplicate_charge_explanation duplicate_charge_id product_description receipt refund_policy"
                " refund_policy_disclosure refund_refusal_explanation service_date service_documentation"
                " shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number"
                " uncategorized_file uncategorized_text"
            ),
            "enhanced_evidence": {},
        },
        "evidence_details": {
            "due_by": created + 777600,
            "enhanced_eligibility": {},
            "has_evidence": status not in {"needs_response", "warning_needs_response"},
            "past_due": False,
            "submission_count": 0 if status.endswith("needs_response") else 1,
            "submission_method": "not_submitted" if status.endswith("needs_response") else "manual",
        },
        "intended_submission_method": None,
        "is_charge_refundable": is_inquiry or status == "won",
        "livemode": False,
        "metadata": {},
        "network_reason_code": "10.4",
        "payment_intent": intent,
        "payment_method_details": {
            "card": {
                "brand": "visa",
                "case_type": "inquiry" if is_inquiry else "chargeback",
                "network": "visa",
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        "reason": "fraudulent",
        "status": status,
    } | fields


def fraud_warning(warning_id: str, charge_id: str, intent: str, created: int, *, actionable: bool) -> Json:
    """An early fraud warning."""
    return {
        "id": warning_id,
        "object": "radar.early_fraud_warning",
        "actionable": actionable,
        "charge": charge_id,
        "created": created,
        "fraud_type": "made_with_stolen_card",
        "livemode": False,
        "payment_intent": intent,
    }


def envelope(event_id: str, event_type: str, created: int, body: Json, previous: Json | None = None) -> Json:
    """The event around an object."""
    data: Json = {"object": body} | ({"previous_attributes": previous} if previous is not None else {})
    return {
        "id": event_id,
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": created,
        "data": data,
        "livemode": bool(body.get("livemode")),
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": event_type,
    }


def changed(previous: Json, now: Json) -> Json:
    """What an update changed, as it was: `previous_attributes`."""
    found: Json = {}
    for field, value in now.items():
        before = previous.get(field)
        if before != value:
            found[field] = changed(before, value) if isinstance(before, dict) and isinstance(value, dict) else before
    return found
