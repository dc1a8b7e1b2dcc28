"""The line that a delivery writes: Powertools' log line, and CloudWatch's metrics of it (EMF) in the same JSON.

Powertools writes a line for each, by way of `logging`. That takes a tenth of a delivery's CPU, and its import as much
of a cold start. Whatever is not a delivery uses Powertools.
"""

import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TextIO

_encode: Callable[[Any], str] = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class Lines:
    """Writes lines to the standard output, or to `out`. Set up by Lambda's and Powertools' environment variables."""

    def __init__(self, environment: Mapping[str, str], *, is_measured: bool) -> None:
        """Read the environment. `is_measured`: whether metrics are written."""
        self.out: TextIO | None = None
        self.level = environment.get("AWS_LAMBDA_LOG_LEVEL") or environment.get("POWERTOOLS_LOG_LEVEL") or "INFO"
        self._environment = environment
        self._is_measured = is_measured
        self._namespace = environment.get("POWERTOOLS_METRICS_NAMESPACE")
        self._service = environment.get("POWERTOOLS_SERVICE_NAME") or "service_undefined"

    def write(self, level: str, message: str, fields: Mapping[str, Any], counted: Iterable[str]) -> None:
        """Write a line with these fields, without those that are None, that counts 1 for each metric.

        Below the level that is logged, only the metrics are written. Lambda names the current trace in its environment.
        """
        at_ms = time.time_ns() // 1_000_000
        line: dict[str, Any] = {}
        if _LEVELS[level] >= _LEVELS.get(self.level.upper(), logging.INFO):
            at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at_ms // 1000))
            line = {"level": level, "message": message, "timestamp": f"{at},{at_ms % 1000:03}+0000"}
            line |= {name: value for name, value in fields.items() if value is not None}
            if trace := self._environment.get("_X_AMZN_TRACE_ID"):
                line["xray_trace_id"] = trace.split(";")[0].replace("Root=", "")
        if self._is_measured and self._namespace:
            metrics = [{"Name": name, "Unit": "Count"} for name in counted]
            described = {"Namespace": self._namespace, "Dimensions": [["service"]], "Metrics": metrics}
            line |= {metric["Name"]: [1.0] for metric in metrics}
            line["_aws"] = {"Timestamp": at_ms, "CloudWatchMetrics": [described]}
        if line:
            line["service"] = self._service
            print(_encode(line), file=self.out, flush=True)


_LEVELS = logging.getLevelNamesMapping()
