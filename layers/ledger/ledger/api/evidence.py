"""Evidence files: uploaded by the customer directly to S3, with a form whose limits S3 enforces.

A file gets its name from us. What it is called on the customer's device is never asked for, and S3 does not use it.
"""

import re
import secrets
from datetime import timedelta

from ledger.api.responses.refund_cases import UploadResponse
from ledger.domain.errors import ConfigurationError
from ledger.domain.refund_cases import RefundCase
from ledger.runtime import Runtime

MAX_FILES = 10
MAX_BYTES = 10 * 1024 * 1024
_VALID_FOR = timedelta(minutes=10)
_EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "application/pdf": "pdf",
    "text/plain": "txt",
}


def upload(services: Runtime, case_id: str, content_type: str) -> UploadResponse:
    """Return a form that uploads one file of this type, of at most 10 MB, for this case."""
    name = f"{secrets.token_hex(8)}.{_EXTENSIONS[content_type]}"
    conditions = [{"Content-Type": content_type}, ["content-length-range", 1, MAX_BYTES]]
    form = services.client("s3").generate_presigned_post(
        Bucket=_bucket(services),
        Key=_key(case_id, name),
        Fields={"Content-Type": content_type},
        Conditions=conditions,
        ExpiresIn=int(_VALID_FOR.total_seconds()),
    )
    return UploadResponse(
        evidence_id=name,
        url=form["url"],
        fields=form["fields"],
        expires_at=services.now() + _VALID_FOR,
        max_bytes=MAX_BYTES,
    )


def download_urls(services: Runtime, case: RefundCase) -> list[str]:
    """Return short-lived URLs of a case's files, for support. A file that was never uploaded gives 404 there."""
    if not case.evidence:
        return []
    client, bucket = services.client("s3"), _bucket(services)
    return [
        client.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": bucket,
                "Key": _key(case.case_id, name),
                "ResponseContentDisposition": f'attachment; filename="{_plain(name)}"',
            },
            ExpiresIn=int(_VALID_FOR.total_seconds()),
        )
        for name in case.evidence
    ]


def _plain(name: str) -> str:
    """Return a file's name as it can stand in a header. Those that we give have nothing else."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)


def _key(case_id: str, name: str) -> str:
    return f"evidence/{case_id}/{name}"


def _bucket(services: Runtime) -> str:
    if services.config.evidence_bucket is None:
        raise ConfigurationError("EVIDENCE_BUCKET_NAME is not set: it names the bucket of the uploaded files.")
    return services.config.evidence_bucket
