"""The payment providers as the API's requests name them. The registry says which ones there are."""

from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from ledger.providers.registry import PROVIDERS


def _registered(name: str) -> str:
    if name not in PROVIDERS:
        raise PydanticCustomError("provider", f"Should be one of: {', '.join(PROVIDERS)}.")
    return name


ProviderName = Annotated[str, AfterValidator(_registered), WithJsonSchema({"type": "string", "enum": list(PROVIDERS)})]

_first = next(iter(PROVIDERS.values()))
EXAMPLE_PAYMENT_ID = f"{_first.NAME}:{_first.EXAMPLE_PAYMENT_ID}"
EXAMPLE_PARKED_ID = f"{_first.NAME}:{_first.EXAMPLE_PAYMENT_ID}~evt_1"
EXAMPLE_SUBSCRIPTION_ID = f"{_first.NAME}:{_first.EXAMPLE_SUBSCRIPTION_ID}"
