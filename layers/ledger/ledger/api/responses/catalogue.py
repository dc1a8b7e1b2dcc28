"""The catalogue and the refund policy, as the shop shows them."""

from datetime import datetime

from pydantic import Field

from ledger.api.responses.model import Money, ResponseModel
from ledger.domain.catalogue import Catalogue, Product, ProductKind
from ledger.policy.parameters import PolicyParameters


class ProductResponse(ResponseModel):
    """A product under its terms of now."""

    product_id: str = Field(examples=["pack_1000"])
    name: str = Field(examples=["1,000 credits"])
    kind: ProductKind
    credits: int = Field(description="For each unit bought; of a subscription, for each period.")
    prices: list[Money] = Field(description="Before tax, by currency.")
    providers: list[str] = Field(description="Who sells it: `provider` of an order.")
    expires_after_days: int | None = Field(
        description="Of a pack's credits, from the payment. null: they never expire."
    )
    is_expiring: bool = Field(description="Whether its credits expire: a subscription's do, with their period.")
    takes_discount_codes: bool = Field(
        description="Whether the checkout has a field for a discount code. A checkout that a page of yours opens "
        "has one if the page says so: pass this on."
    )
    trial_credits: int = Field(description="Of a subscription: the credits of a trial. 0: it grants none.")
    renews_every_months: int | None = Field(description="Of a subscription: how long a period is. null: a pack.")

    @classmethod
    def of(cls, product: Product) -> "ProductResponse":
        """Return a product."""
        is_plan = product.kind is ProductKind.SUBSCRIPTION
        return cls(
            product_id=product.product_id,
            name=product.name,
            kind=product.kind,
            credits=product.credits,
            prices=[Money(amount_minor=price, currency=name) for name, price in sorted(product.prices.items())],
            providers=sorted(provider for provider, price_ids in product.price_ids.items() if price_ids),
            expires_after_days=product.expires_after_days,
            is_expiring=not product.rolls_over if is_plan else product.expires_after_days is not None,
            takes_discount_codes=product.takes_discount_codes,
            trial_credits=product.trial_credits,
            renews_every_months=product.period_months if is_plan else None,
        )


class CatalogueResponse(ResponseModel):
    """What is sold now."""

    version: str
    policy_version: str = Field(description="Of the refund policy. Show it before an order: `GET /policy`.")
    products: list[ProductResponse]
    renewal_consent_countries: list[str] = Field(
        description="Where a law wants the buyer's consent to the renewal terms of a plan: ask for it, and send "
        "it as `renewal_consent` of the order. ISO 3166-1 alpha-2.",
        examples=[["US"]],
    )

    @classmethod
    def of(cls, catalogue: Catalogue, policy: PolicyParameters, now: datetime) -> "CatalogueResponse":
        """Return the products in the order of the catalogue's file."""
        return cls(
            version=catalogue.version,
            policy_version=policy.version,
            products=[ProductResponse.of(product) for product in catalogue.sold(now).values()],
            renewal_consent_countries=sorted(policy.law.renewal_consent_countries(now.date())),
        )


class PolicyResponse(ResponseModel):
    """One version of the refund policy."""

    version: str
    is_current: bool = Field(description="Whether new contracts are sold under it.")
    text: str = Field(description="As it is published.")
    versions: list[str] = Field(description="All versions, the newest first.")

    @classmethod
    def of(cls, version: PolicyParameters, current: PolicyParameters) -> "PolicyResponse":
        """Return a version. `current` is the newest one."""
        return cls(
            version=version.version,
            is_current=version.version == current.version,
            text=version.read_published_text(),
            versions=[one.version for one in current.versions],
        )
