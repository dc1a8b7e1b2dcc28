"""Who calls the API for schemathesis: a hook of its own, loaded by its command line in an environment of its own.

Customers and support have tokens, given by the environment; our services sign with AWS's Signature Version 4.
"""

import os
from typing import Any

import requests  # type: ignore[import-untyped,unused-ignore]
import schemathesis  # type: ignore[import-not-found]
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


class Caller(requests.auth.AuthBase):
    """The right caller for each route."""

    def __call__(self, request: Any) -> Any:
        path = request.path_url
        if path.startswith("/usage") or path.endswith("/consent-confirmation"):
            signed = AWSRequest(request.method, request.url, data=request.body or b"")
            credentials = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
            SigV4Auth(credentials, "execute-api", os.environ["AWS_DEFAULT_REGION"]).add_auth(signed)
            request.headers.update({name: signed.headers[name] for name in ("Authorization", "X-Amz-Date")})
        else:
            token = os.environ["SUPPORT_TOKEN" if path.startswith("/support/") else "CUSTOMER_TOKEN"]
            request.headers["Authorization"] = f"Bearer {token}"
        return request


schemathesis.auth.set_from_requests(Caller())
