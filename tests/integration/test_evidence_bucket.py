"""The local bucket for evidence: what boto3 presigns there can be uploaded and read back."""

import urllib.error
import urllib.request
import uuid
from typing import Any

import boto3
import pytest

from tests.conftest import REGION
from tools.local import make_bucket

PNG = b"\x89PNG\r\n\x1a\n\x00"


@pytest.fixture
def bucket(ministack: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket as the local run makes it; its endpoint comes from the environment, as for the functions."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", ministack)
    name = f"evidence-{uuid.uuid4().hex[:8]}"
    make_bucket(name)
    make_bucket(name)  # a second start finds it
    return name


def upload(url: str, body: bytes, method: str, content_type: str) -> int:
    """An upload as a browser does it: without credentials."""
    request = urllib.request.Request(url, body, {"Content-Type": content_type}, method=method)  # noqa: S310 - our engine
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            status: int = answer.status
    except urllib.error.HTTPError as refused:
        return refused.code
    return status


def form(fields: dict[str, str], body: bytes) -> tuple[bytes, str]:
    """A multipart form with a file, and its content type."""
    boundary = uuid.uuid4().hex
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
    file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    whole = "".join(parts).encode() + file.encode() + body + f"\r\n--{boundary}--\r\n".encode()
    return whole, f"multipart/form-data; boundary={boundary}"


def test_a_presigned_put_uploads_and_reads_back(bucket: str) -> None:
    """The bytes and their type."""
    client: Any = boto3.client("s3", region_name=REGION)
    where = {"Bucket": bucket, "Key": "acct_ada/case_1/screenshot.png"}
    url = client.generate_presigned_url("put_object", Params={**where, "ContentType": "image/png"}, ExpiresIn=60)
    assert upload(url, PNG, "PUT", "image/png") == 200
    stored = client.get_object(**where)
    assert (stored["Body"].read(), stored["ContentType"]) == (PNG, "image/png")


def test_a_presigned_post_uploads_within_its_limit(bucket: str) -> None:
    """Its conditions hold: what is larger than allowed is refused, and nothing is stored."""
    client: Any = boto3.client("s3", region_name=REGION)
    key = "acct_ada/case_1/screenshot.png"
    conditions = [{"Content-Type": "image/png"}, ["content-length-range", 1, len(PNG)]]
    post = client.generate_presigned_post(bucket, key, {"Content-Type": "image/png"}, conditions, ExpiresIn=60)
    body, content_type = form(post["fields"], PNG + b"x")
    assert upload(post["url"], body, "POST", content_type) == 400
    assert "Contents" not in client.list_objects_v2(Bucket=bucket)
    body, content_type = form(post["fields"], PNG)
    assert upload(post["url"], body, "POST", content_type) == 204
    assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == PNG
