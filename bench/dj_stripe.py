"""dj-stripe on the same delivery, in an environment of its own: `python -m bench.dj_stripe FILE`, run by `bench.hot`.

It is the whole of Django's request: view, signature, the event's row, the object retrieved from Stripe again, and its
row in SQLite in memory. Stripe's API is answered inside the process, as the floor's engine is. A delivery is a new
event each time, since a known one is left alone; its object and customer are known from the first on.

The result is one line of JSON: the CPU seconds of a delivery by dj-stripe and by the floor, for each round.
"""

import hashlib
import hmac
import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from bench.cold import floor_of

_SECRET, _UUID = "whsec_local_only", "6f2c9a0e-8f5b-4f0e-9d3c-0a4b1d2c3e4f"
_PATH = f"/stripe/webhook/{_UUID}/"


def main() -> int:
    """Deliver the request in a file in turns to dj-stripe and to the floor."""
    given = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    body, rounds, calls = given["request"]["body"], given["rounds"], given["calls_each"]
    app, called = _app(json.loads(body)["data"]["object"])
    floor = floor_of(given)
    sent = iter([signed(body, number) for number in range(rounds * calls + 1)])
    _deliver(app, next(sent))
    called.clear()  # what it retrieves for the first delivery alone: the account, the customer, the payment
    times: list[tuple[float, float]] = []
    for _ in range(rounds):
        peer_s = _cpu_s(lambda: _deliver(app, next(sent)), calls)
        times.append((peer_s, _cpu_s(floor, calls)))
    retrieved = len(called) / (rounds * calls)
    print(json.dumps({"peer": [peer for peer, _ in times], "floor": [one for _, one in times], "retrieved": retrieved}))
    return 0


def _app(session: dict[str, Any]) -> tuple[Callable[..., Any], list[str]]:
    """Return Django's application with dj-stripe's view, and the list of what it retrieves from Stripe."""
    import django
    import stripe
    from django.conf import settings
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application
    from django.urls import include, path

    apps = ["django.contrib.contenttypes", "django.contrib.auth", "djstripe"]
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        ALLOWED_HOSTS=["*"],
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        DJSTRIPE_FOREIGN_KEY_TO_FIELD="id",
        INSTALLED_APPS=apps,
        LOGGING_CONFIG=None,
        MIGRATION_MODULES=dict.fromkeys(("contenttypes", "auth", "djstripe")),  # the tables as they are today, at once
        SECRET_KEY=uuid4().hex,
        STRIPE_LIVE_MODE=False,
        STRIPE_TEST_SECRET_KEY="sk_test_" + "0" * 24,
        USE_TZ=True,
    )
    django.setup()
    settings.ROOT_URLCONF = (path("stripe/", include("djstripe.urls", namespace="djstripe")),)
    called: list[str] = []
    stripe.default_http_client = cast(Any, _Stripe(session, called))
    call_command("migrate", run_syncdb=True, verbosity=0)
    from djstripe.models import WebhookEndpoint

    WebhookEndpoint.objects.create(
        id="we_1",
        djstripe_uuid=_UUID,
        secret=_SECRET,
        livemode=False,
        enabled_events=["*"],
        status="enabled",
        url=f"https://example.com{_PATH}",
        djstripe_tolerance=0,  # stripe-python: a delivery of any age
    )
    return get_wsgi_application(), called


class _Stripe:
    """Stripe's API inside this process: the session, and what it names by id alone."""

    name = "in process"

    def __init__(self, session: dict[str, Any], called: list[str]) -> None:
        self._objects = {session["id"]: session}
        self._called = called

    def request_with_retries(self, _method: str, url: str, *_: Any, **__: Any) -> tuple[str, int, dict[str, str]]:
        """Answer a request."""
        name = url.partition("?")[0].rpartition("/")[2]
        self._called.append(name)
        return json.dumps(self._objects.get(name) or _named(name)), 200, {"request-id": "req_1"}

    def close(self) -> None:
        """Do nothing."""


def _named(name: str) -> dict[str, Any]:
    kind = {"cus": "customer", "pi": "payment_intent", "account": "account"}[name.partition("_")[0]]
    return {"id": "acct_1" if kind == "account" else name, "object": kind, "created": 1_793_534_400, "livemode": False}


def signed(body: str, number: int) -> tuple[bytes, str]:
    """Return the delivery as an event of its own, and its signature."""
    event = json.loads(body)
    event["id"] = f"{event['id']}{number}"
    content = json.dumps(event).encode()
    at = str(int(time.time()))
    digest = hmac.new(_SECRET.encode(), at.encode() + b"." + content, hashlib.sha256).hexdigest()
    return content, f"t={at},v1={digest}"


def _deliver(app: Callable[..., Any], sent: tuple[bytes, str]) -> None:
    content, signature = sent
    answered: list[str] = []
    request = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": _PATH,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(content)),
        "HTTP_STRIPE_SIGNATURE": signature,
        "wsgi.input": io.BytesIO(content),
        "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "http",
    }
    list(app(request, lambda status, _: answered.append(status)))
    if answered != ["200 OK"]:
        raise ValueError(f"it was answered {answered}")


def _cpu_s(call: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - began) / times


if __name__ == "__main__":
    sys.exit(main())
