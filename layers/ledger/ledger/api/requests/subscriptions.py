"""A subscription to cancel, or its billing page."""

from pydantic import Field

from ledger.api.providers import EXAMPLE_SUBSCRIPTION_ID, ProviderName
from ledger.api.requests.model import Id, RequestModel


class CancellationRequest(RequestModel):
    """The subscription. It may be left out when there is only one."""

    subscription_id: Id | None = Field(default=None, examples=[EXAMPLE_SUBSCRIPTION_ID])


class PortalRequest(RequestModel):
    """The provider whose billing page to open. It may be left out."""

    provider: ProviderName | None = None
