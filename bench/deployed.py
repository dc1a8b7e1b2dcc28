"""The functions as they are deployed: a runtime over a table at an endpoint, set up by the environment alone."""

import contextlib
import os
from collections.abc import Iterator

from ledger.runtime import Runtime, runtime
from tools.devserver.environment import AUDIENCE, ISSUER, REGION


@contextlib.contextmanager
def deployed(table: str, endpoint: str, log_level: str = "CRITICAL") -> Iterator[Runtime]:
    """Give the functions of this process a runtime, without metrics."""
    os.environ |= {
        "TABLE_NAME": table,
        "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
        "AWS_REGION": REGION,
        "PROVIDER_MODE": "test",
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": AUDIENCE,
        "POWERTOOLS_SERVICE_NAME": "bench",
        "POWERTOOLS_METRICS_NAMESPACE": "ImageTaggerBilling",
        "POWERTOOLS_METRICS_DISABLED": "true",
        "POWERTOOLS_LOG_LEVEL": log_level,
    }
    runtime.cache_clear()
    try:
        yield runtime()
    finally:
        runtime.cache_clear()
