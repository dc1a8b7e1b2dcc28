"""GET /catalogue, /policy, /policy/{version}: what is sold, and the published refund policy. Public and cacheable."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from ledger.api.http import documented_problems, lambda_handler_of, resolver, services
from ledger.api.requests.model import Id
from ledger.api.requests.parameters import DECODED
from ledger.api.responses.catalogue import CatalogueResponse, PolicyResponse
from ledger.api.responses.model import ResponseModel
from ledger.domain.errors import NotFound

CACHED = {"cache-control": "public, max-age=300"}
"""Five minutes: an order with prices or a policy that have changed since is refused, and names the current ones."""

app = resolver()


@app.get(
    "/catalogue",
    summary="What is sold, and its prices",
    tags=["Shop"],
    responses=documented_problems(CatalogueResponse),
)
def read_catalogue() -> Response[CatalogueResponse]:
    """Return the products under the terms of now. Prices are before tax."""
    here = services()
    return _cached(CatalogueResponse.of(here.catalogue, here.policy, here.now()))


@app.get("/policy", summary="The refund policy", tags=["Shop"], responses=documented_problems(PolicyResponse))
def read_policy() -> Response[PolicyResponse]:
    """Return the current version: the one to show before an order."""
    here = services()
    return _cached(PolicyResponse.of(here.policy, here.policy))


@app.get(
    "/policy/<version>",
    summary="An earlier refund policy",
    tags=["Shop"],
    responses=documented_problems(PolicyResponse, 404),
)
def read_policy_version(
    version: Annotated[Id, DECODED, Path(description="A version that an order names.", examples=["2026-11-01"])],
) -> Response[PolicyResponse]:
    """Return one version. A contract is judged by the version that it was sold under, or by a kinder later one."""
    current = services().policy
    found = current.sold_under(version)
    if found is None:
        known = ", ".join(one.version for one in current.versions)
        raise NotFound(f"There is no version {version} of the policy. Versions: {known}.")
    return _cached(PolicyResponse.of(found, current))


def _cached(content: ResponseModel) -> Response[Any]:
    return Response(200, "application/json", content, CACHED)


lambda_handler = lambda_handler_of(app)
