"""The functions as they are deployed: a runtime over a table at an endpoint, set up by the environment alone."""

import contextlib
import os
from collections.abc import Iterator

from ledger.runtime import Runtime, runtime
from tools.devserver.environment import AUDIENCE, ISSUER, REGION
from tools.devserver.patience import wait_for_engine
from tools.signing import LOCAL_ADDRESS_KEY, LOCAL_SECRETS


def variables(table: str, log_level: str, *, is_measured: bool) -> dict[str, str]:
    """Return the environment of functions whose secrets are in it, and that archive no bodies."""
    return {
        "TABLE_NAME": table,
        "AWS_REGION": REGION,
        "PROVIDER_MODE": "test",
        "REFUNDS_PAUSED": "false",
        "ADDRESS_KEY": LOCAL_ADDRESS_KEY,
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": AUDIENCE,
        "POWERTOOLS_SERVICE_NAME": "bench",
        "POWERTOOLS_METRICS_NAMESPACE": "ImageTaggerBilling",
        "POWERTOOLS_METRICS_DISABLED": "false" if is_measured else "true",
        "POWERTOOLS_LOG_LEVEL": log_level,
        **{f"{provider.upper()}_SIGNING_SECRETS": secret for provider, secret in LOCAL_SECRETS.items()},
    }


@contextlib.contextmanager
def deployed(table: str, endpoint: str, log_level: str = "CRITICAL", *, is_measured: bool = False) -> Iterator[Runtime]:
    """Give the functions of this process a runtime that waits for the engine, without metrics unless `is_measured`."""
    before = dict(os.environ)
    os.environ |= {"AWS_ENDPOINT_URL_DYNAMODB": endpoint, **variables(table, log_level, is_measured=is_measured)}
    runtime.cache_clear()
    try:
        services = runtime()
        wait_for_engine(services)
        yield services
    finally:
        runtime.cache_clear()
        os.environ.clear()
        os.environ.update(before)
