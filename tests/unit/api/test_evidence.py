"""The forms and addresses of evidence files: short-lived, for one file of one case."""

from datetime import timedelta
from typing import Any

import pytest

from ledger.api import evidence
from ledger.domain.errors import ConfigurationError
from ledger.domain.refund_cases import CaseState, RefundCase, RefundReason
from ledger.runtime import Runtime, runtime
from tools.testing.builders import ADA, LATER, NOON, PI

TEN_MINUTES_S = 600


class S3:
    """Signs nothing, and notes what it would sign."""

    def __init__(self) -> None:
        self.signed: list[dict[str, Any]] = []

    def generate_presigned_post(self, **arguments: Any) -> dict[str, Any]:
        self.signed.append(arguments)
        return {"url": "https://upload", "fields": {"key": arguments["Key"]}}

    def generate_presigned_url(self, operation: str, **arguments: Any) -> str:
        self.signed.append({"operation": operation, **arguments})
        return "https://download"


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """A runtime with a bucket."""
    given = {"TABLE_NAME": "ledger", "PROVIDER_MODE": "test", "EVIDENCE_BUCKET_NAME": "files"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    made, s3 = new_runtime(), S3()
    made.clock = lambda: LATER
    monkeypatch.setattr(made, "client", lambda _: s3)
    return made


def new_runtime() -> Runtime:
    """A runtime of this environment."""
    runtime.cache_clear()
    made = runtime()
    runtime.cache_clear()
    return made


@pytest.mark.parametrize(
    ("content_type", "extension"),
    [
        ("image/png", "png"),
        ("image/jpeg", "jpg"),
        ("image/webp", "webp"),
        ("application/pdf", "pdf"),
        ("text/plain", "txt"),
    ],
)
def test_a_form_uploads_one_file_of_its_type_for_ten_minutes(
    services: Runtime, content_type: str, extension: str
) -> None:
    """At most 10 MB, under the case, with a name that nobody can guess and that is new each time."""
    forms = [evidence.upload(services, "case_1", content_type) for _ in range(2)]
    names = [form.evidence_id for form in forms]
    assert names[0] != names[1]
    for form, signed in zip(forms, services.client("s3").signed, strict=True):
        stem, _, ending = form.evidence_id.partition(".")
        assert (len(stem), ending) == (16, extension)
        assert signed == {
            "Bucket": "files",
            "Key": f"evidence/case_1/{form.evidence_id}",
            "Fields": {"Content-Type": content_type},
            "Conditions": [{"Content-Type": content_type}, ["content-length-range", 1, 10_485_760]],
            "ExpiresIn": TEN_MINUTES_S,
        }
        assert (form.url, form.fields, form.max_bytes) == ("https://upload", {"key": signed["Key"]}, 10_485_760)
        assert form.expires_at == LATER + timedelta(seconds=TEN_MINUTES_S)


@pytest.mark.parametrize("region", ["eu-central-1", "us-east-1", "ap-southeast-4"])
def test_forms_and_addresses_are_for_the_bucket_in_its_region_signed_with_version_4(
    monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    """Outside us-east-1 the global endpoint redirects a browser's POST, and it knows no newer region."""
    given = {"TABLE_NAME": "ledger", "EVIDENCE_BUCKET_NAME": "files", "AWS_REGION": region}
    for name, value in (given | {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}).items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    services = new_runtime()
    form = evidence.upload(services, "case_1", "image/png")
    assert form.url == f"https://files.s3.{region}.amazonaws.com/"
    assert form.fields["x-amz-algorithm"] == "AWS4-HMAC-SHA256"
    assert form.fields["x-amz-credential"].endswith(f"/{region}/s3/aws4_request")
    assert form.fields.keys() == {
        *("Content-Type", "key", "policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"),
    }
    (address,) = evidence.download_urls(services, case_with("a.png"))
    assert address.startswith(f"https://files.s3.{region}.amazonaws.com/evidence/case_1/a.png?")
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in address


def test_a_local_server_is_asked_by_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody resolves a bucket's name before `host.docker.internal`."""
    given = {"TABLE_NAME": "ledger", "EVIDENCE_BUCKET_NAME": "files", "AWS_REGION": "eu-central-1"}
    given |= {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    for name, value in (given | {"AWS_ENDPOINT_URL_S3": "http://host.docker.internal:4566"}).items():
        monkeypatch.setenv(name, value)
    form = evidence.upload(new_runtime(), "case_1", "image/png")
    assert form.url == "http://host.docker.internal:4566/files"


def case_with(*files: str) -> RefundCase:
    """A case with these files."""
    return RefundCase(
        case_id="case_1",
        account_id=ADA,
        payment_id=PI,
        reason=RefundReason.CHANGED_MY_MIND,
        state=CaseState.IN_REVIEW,
        opened_at=NOON,
        opened_by=ADA,
        correlation_id="req_1",
        evidence=files,
    )


def test_support_gets_an_address_for_each_file_that_saves_and_never_shows_it(services: Runtime) -> None:
    """For ten minutes."""
    assert evidence.download_urls(services, case_with("a.png", "b.pdf")) == ["https://download"] * 2
    assert services.client("s3").signed == [
        {
            "operation": "get_object",
            "Params": {
                "Bucket": "files",
                "Key": f"evidence/case_1/{name}",
                "ResponseContentDisposition": f'attachment; filename="{name}"',
            },
            "ExpiresIn": TEN_MINUTES_S,
        }
        for name in ("a.png", "b.pdf")
    ]


def test_without_files_nothing_is_signed_and_without_a_bucket_nothing_can_be(
    services: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the variable."""
    assert evidence.download_urls(services, case_with()) == []
    assert services.client("s3").signed == []
    monkeypatch.delenv("EVIDENCE_BUCKET_NAME")
    bare = new_runtime()
    monkeypatch.setattr(bare, "client", lambda _: S3())
    with pytest.raises(ConfigurationError, match="EVIDENCE_BUCKET_NAME"):
        evidence.upload(bare, "case_1", "image/png")
