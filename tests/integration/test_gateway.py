"""The local API Gateway: real HTTP requests to a template of its own, answered as API Gateway would answer them."""

import base64
import hashlib
import hmac
import http.client
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path
from typing import Any

import jwt
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

from tools import template as templates
from tools.devserver.authorizers import KeySet
from tools.devserver.gateway import Callers, Gateway, Handler
from tools.devserver.payload import Request
from tools.template import TemplateError, parse, routes
from tools.testing.races import at_once
from tools.testing.waiting import PATIENCE_S

REGION = "eu-central-1"
ISSUER = "https://issuer.example"
AUDIENCE = "the-product"
SERVICE = Credentials("a-service", "its-secret")
TEMPLATE = """
Parameters:
  Issuer: { Type: String }
  Audience: { Type: String }
  Origin: { Type: String, Default: "https://app.example" }
  Other: { Type: String, Default: "https://admin.example" }
Conditions:
  HasOther: !Not [!Equals [!Ref Other, ""]]
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        EnableIamAuthorizer: true
        Authorizers:
          Tokens:
            IdentitySource: $request.header.Authorization
            JwtConfiguration: { issuer: !Ref Issuer, audience: [!Ref Audience] }
      CorsConfiguration:
        AllowOrigins: [!Ref Origin, !If [HasOther, !Ref Other, !Ref AWS::NoValue]]
        AllowMethods: [GET, POST]
        AllowHeaders: [authorization, content-type]
        ExposeHeaders: [location]
        MaxAge: 60
  OneFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/one/
      Events:
        Public: { Type: HttpApi, Properties: { Method: POST, Path: "/public/{name}" } }
        Webhook: { Type: HttpApi, Properties: { Method: POST, Path: "/webhooks/{name}" } }
        Own:
          Type: HttpApi
          Properties: { Method: get, Path: /own, Auth: { Authorizer: Tokens, AuthorizationScopes: [read, write] } }
        AnyToken: { Type: HttpApi, Properties: { Method: GET, Path: /any-token, Auth: { Authorizer: Tokens } } }
        Service: { Type: HttpApi, Properties: { Method: POST, Path: "/service/{id}", Auth: { Authorizer: AWS_IAM } } }
        Case: { Type: HttpApi, Properties: { Method: GET, Path: "/cases/{id}" } }
        Rest: { Type: HttpApi, Properties: { Method: ANY, Path: "/cases/{rest+}" } }
        Daily: { Type: ScheduleV2, Properties: { ScheduleExpression: rate(1 day) } }
  TwoFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/two/
      Events:
        Named: { Type: HttpApi, Properties: { Method: GET, Path: /cases/open } }
        Weekly: { Type: Schedule, Properties: { Schedule: rate(7 days), Input: '{"weekly": true}' } }
"""


@dataclass
class Reply:
    """One HTTP answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class House:
    """A gateway over two recording functions, its issuer's keys, and a client."""

    gateway: Gateway
    key: RSAPrivateKey
    seen: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    result: Any = None  # what the functions answer instead of 200 {}
    meanwhile: Callable[[], object] = lambda: None  # what happens while one runs

    def send(self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.server_address[1], timeout=60)
        connection.request(method, target, body or None, headers or {})
        response = connection.getresponse()
        reply = Reply(response.status, response.msg, response.read())
        connection.close()
        return reply

    def own(self, token: str) -> Reply:
        return self.send("GET", "/own", headers={"Authorization": f"Bearer {token}"})

    def token(self, **changed: Any) -> str:
        """A good token, but for what is changed; None removes a claim."""
        return jwt.encode(claims(**changed), self.key, "RS256", {"kid": "k1"})

    @property
    def event(self) -> dict[str, Any]:
        """What the last function was called with."""
        return self.seen[-1][1]


def claims(**changed: Any) -> dict[str, Any]:
    """The claims of a good token, but for what is changed; None removes one."""
    now = int(time.time())
    good = {"iss": ISSUER, "sub": "acct_ada", "aud": AUDIENCE, "iat": now - 5, "exp": now + 60, "scope": "read"}
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    """The issuer's key."""
    return generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def house(key: RSAPrivateKey, tmp_path: Path) -> Iterator[House]:
    """A gateway that runs."""
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps({"keys": [{**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "k1"}]}))
    callers = Callers(keys=KeySet(jwks), credentials=SERVICE, region=REGION)
    built: list[House] = []

    def find(folder: str) -> Handler:
        def handler(event: dict[str, Any], context: object) -> Any:  # noqa: ARG001 - Lambda's signature
            built[0].seen.append((folder, event))
            built[0].meanwhile()
            if isinstance(built[0].result, Exception):
                raise built[0].result
            return built[0].result if built[0].result is not None else {"statusCode": 200, "body": "{}"}

        return handler

    parameters = {"Issuer": ISSUER, "Audience": AUDIENCE}
    gateway = Gateway(0, parse(TEMPLATE), callers, parameters=parameters, find=find)
    built.append(House(gateway, key))
    threading.Thread(target=gateway.serve_forever, args=(0.01,), daemon=True).start()
    yield built[0]
    gateway.shutdown()
    gateway.server_close()


# ── Tokens ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_good_token_reaches_the_function_with_its_claims(house: House) -> None:
    """Claims arrive as HTTP APIs pass them on: all strings, lists in brackets, no nulls; the scopes as a list."""
    groups = {"cognito:groups": ["billing-support", "staff"]}
    token = house.token(**groups, email_verified=True, scope="read openid", address={"a": 1})
    assert house.own(token).status == 200
    told = house.event["requestContext"]["authorizer"]["jwt"]
    assert told["scopes"] == ["read", "openid"]
    assert told["claims"]["sub"] == "acct_ada"
    assert told["claims"]["cognito:groups"] == "[billing-support staff]"
    assert told["claims"]["email_verified"] == "true"
    assert told["claims"]["address"] == '{"a":1}'
    assert told["claims"]["exp"].isdecimal()


def test_a_token_may_come_without_bearer(house: House) -> None:
    """API Gateway takes the bare token too, and any case of the word."""
    for header in (house.token(), f"bearer {house.token()}"):
        assert house.send("GET", "/own", headers={"Authorization": header}).status == 200


def test_a_client_id_counts_where_there_is_no_audience(house: House) -> None:
    """Cognito's access tokens name their client instead; but a wrong `aud` is never mended by it."""
    assert house.own(house.token(aud=None, client_id=AUDIENCE)).status == 200
    assert house.own(house.token(aud="another", client_id=AUDIENCE)).status == 401
    assert house.own(house.token(aud=["another", AUDIENCE])).status == 200


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"iss": "https://issuer.example.evil"}, "issuer"),
        ({"iss": f"{ISSUER}/"}, "issuer"),
        ({"iss": None}, "malformed"),
        ({"aud": "another"}, "audience"),
        ({"aud": [{"a": AUDIENCE}]}, "audience"),
        ({"aud": None}, "audience"),
        ({"exp": int(time.time()) - 1}, "expired"),
        ({"exp": None}, "malformed"),
        ({"exp": "soon"}, "malformed"),
        ({"nbf": int(time.time()) + 86_400}, "not valid yet"),
        ({"iat": int(time.time()) + 86_400}, "not valid yet"),
    ],
)
def test_a_token_with_a_wrong_claim_is_refused(house: House, changed: dict[str, Any], reason: str) -> None:
    """401 in API Gateway's words, the reason in the header; the function is not called."""
    reply = house.own(house.token(**changed))
    assert (reply.status, reply.body) == (401, b'{"message":"Unauthorized"}')
    assert reply.headers["www-authenticate"].startswith('Bearer scope="" error="invalid_token"')
    assert reason in reply.headers["www-authenticate"]
    assert not house.seen


def forged(house: House) -> dict[str, str]:
    """Tokens that say everything right and are not the issuer's."""
    public = house.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    other = generate_private_key(public_exponent=65537, key_size=2048)
    good = house.token()
    head, payload, signature = good.split(".")
    richer = base64.urlsafe_b64encode(json.dumps(claims(sub="acct_bob")).encode()).rstrip(b"=").decode()

    def headed(header: dict[str, str]) -> str:
        return base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()

    signed = f"{headed({'alg': 'HS256', 'typ': 'JWT', 'kid': 'k1'})}.{payload}"
    mac = base64.urlsafe_b64encode(hmac.digest(public, signed.encode(), "sha256")).rstrip(b"=").decode()
    return {
        "alg none": f"{headed({'alg': 'none', 'kid': 'k1'})}.{payload}.",
        "alg none, with a signature": f"{headed({'alg': 'None', 'kid': 'k1'})}.{payload}.{signature}",
        "HS256 with the public key": f"{signed}.{mac}",
        "RS384": jwt.encode(claims(), house.key, "RS384", {"kid": "k1"}),
        "PS256": jwt.encode(claims(), house.key, "PS256", {"kid": "k1"}),
        "another key under this kid": jwt.encode(claims(), other, "RS256", {"kid": "k1"}),
        "an unknown kid": jwt.encode(claims(), house.key, "RS256", {"kid": "k2"}),
        "no kid": jwt.encode(claims(), house.key, "RS256"),
        "its own key": jwt.encode(
            claims(), other, "RS256", {"kid": "k1", "jwk": RSAAlgorithm.to_jwk(other.public_key(), as_dict=True)}
        ),
        "other claims under this signature": f"{head}.{richer}.{signature}",
        "no signature": f"{head}.{payload}.",
        "two parts": f"{head}.{payload}",
        "no token": "x",
        "not a header": f"e30.{payload}.{signature}",
    }


def test_no_forged_token_is_believed(house: House) -> None:
    """Each is 401, and none reaches the function."""
    for what, token in forged(house).items():
        assert house.own(token).status == 401, what
    assert not house.seen


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi"])
def test_without_a_token_there_is_a_challenge(house: House, header: str | None) -> None:
    """401 and how to come in."""
    reply = house.send("GET", "/own", headers={} if header is None else {"Authorization": header})
    assert (reply.status, reply.json) == (401, {"message": "Unauthorized"})
    assert reply.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("scope", [{"scope": "openid"}, {"scope": None}, {"scope": "readonly"}, {"scp": ["x"]}])
def test_a_token_without_a_scope_of_the_route_is_forbidden(house: House, scope: dict[str, Any]) -> None:
    """An ID token has no scope at all; a part of a scope's name is none."""
    reply = house.own(house.token(**scope))
    assert (reply.status, reply.body) == (403, b'{"message":"Forbidden"}')
    assert not house.seen


def test_any_scope_of_the_route_is_enough_from_either_claim(house: House) -> None:
    """`scope` is words, `scp` may be a list; one of the route's is enough."""
    for scope in ({"scope": "x write"}, {"scp": ["write"], "scope": None}, {"scp": "read x", "scope": None}):
        assert house.own(house.token(**scope)).status == 200


def test_a_route_without_scopes_takes_any_token_and_tells_no_scopes(house: House) -> None:
    """As in AWS: `scopes` is null there, whatever the token has."""
    token = house.token(scope=None)
    assert house.send("GET", "/any-token", headers={"Authorization": token}).status == 200
    assert house.event["requestContext"]["authorizer"]["jwt"]["scopes"] is None


# ── Signatures ────────────────────────────────────────────────────────────────────────────────────────────────────────


def signature(
    house: House,
    *,
    method: str = "POST",
    target: str = "/service/r1?b=2&a=1%20x",
    body: bytes = b'{"credits":1}',
    secret: str = SERVICE.secret_key,
    key: str = "a-service",
    service: str = "execute-api",
    region: str = REGION,
    at: datetime | None = None,
    headers: dict[str, str] | None = None,
) -> dict[str, str]:
    """The headers of a request that AWS's own signer signed, at another time if asked."""
    signer = SigV4Auth(Credentials(key, secret), service, region)
    request = AWSRequest(method, f"{house.gateway.url}{target}", headers or {}, body)
    request.headers["Host"] = f"127.0.0.1:{house.gateway.server_address[1]}"
    request.headers["Content-Type"] = "application/json"
    stamp = (at or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    request.headers["X-Amz-Date"] = stamp
    request.context["timestamp"] = stamp
    whole = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    signed = signer.signed_headers(signer.headers_to_sign(request))
    scope = signer.scope(request)
    return {
        **dict(request.headers.items()),
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={signed}, Signature={whole}",
    }


def test_a_signed_request_reaches_the_function_with_its_caller(house: House) -> None:
    """What AWS's signer signed is believed; the function is told whose key it was."""
    reply = house.send("POST", "/service/r1?b=2&a=1%20x", b'{"credits":1}', signature(house))
    assert reply.status == 200
    iam = house.event["requestContext"]["authorizer"]["iam"]
    assert (iam["accessKey"], iam["userArn"]) == ("a-service", "arn:aws:iam::000000000000:user/a-service")
    assert house.event["body"] == '{"credits":1}'


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "another"},
        {"key": "nobody"},
        {"service": "s3"},
        {"region": "us-east-1"},
        {"method": "GET"},
        {"target": "/service/r2?b=2&a=1%20x"},
        {"target": "/service/r1?b=3&a=1%20x"},
        {"target": "/service/r1"},
        {"body": b'{"credits":2}'},
        {"body": b""},
        {"at": datetime.now(UTC) - timedelta(hours=1)},
        {"at": datetime.now(UTC) + timedelta(hours=1)},
    ],
)
def test_a_signature_over_anything_else_is_forbidden(house: House, wrong: dict[str, Any]) -> None:
    """A wrong secret, or another method, path, query, body, time, service or region than was signed."""
    reply = house.send("POST", "/service/r1?b=2&a=1%20x", b'{"credits":1}', signature(house, **wrong))
    assert (reply.status, reply.body) == (403, b'{"message":"Forbidden"}')
    assert not house.seen


def test_a_signed_header_can_not_be_changed_or_dropped(house: House) -> None:
    """Also not the body's hash, which must be the body's, nor the date, which must be signed."""
    body = b'{"credits":1}'
    target = "/service/r1"
    digest = hashlib.sha256(body).hexdigest()
    good = signature(house, target=target, headers={"X-Amz-Content-SHA256": digest, "X-Run": "1"})
    assert house.send("POST", target, body, good).status == 200
    earlier = datetime.now(UTC) - timedelta(minutes=1)
    unsigned_date = good["Authorization"].replace(";x-amz-date", "")
    for changed in (
        {"X-Run": "2"},
        {"X-Amz-Date": earlier.strftime("%Y%m%dT%H%M%SZ")},
        {"X-Amz-Date": "yesterday"},
        {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"},
        {"Content-Type": "text/plain"},
        {"Authorization": unsigned_date},
        {"Authorization": good["Authorization"][:-1] + ("0" if good["Authorization"][-1] != "0" else "1")},
        {"Authorization": f"Bearer {house.token()}"},
    ):
        assert house.send("POST", target, body, {**good, **changed}).status == 403, changed
    assert house.send("POST", target, b'{"credits":9}', good).status == 403
    assert (
        house.send("POST", target, body, {name: value for name, value in good.items() if name != "X-Run"}).status == 403
    )
    unhashed = signature(house, target=target, headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    assert house.send("POST", target, body, unhashed).status == 403
    assert house.send("POST", target, body).status == 403


def test_a_token_opens_no_route_of_services_and_a_signature_none_of_customers(house: House) -> None:
    """Each route has one authorizer."""
    signed = signature(house, method="GET", target="/own", body=b"")
    assert house.send("GET", "/own", headers=signed).status == 401
    target, body = "/service/r1", b'{"credits":1}'
    for token in (house.token(), f"Bearer {house.token(scope='read write')}"):
        assert house.send("POST", target, body, {"Authorization": token}).status == 403
    assert not house.seen
    assert house.own(house.token()).status == 200
    assert house.send("POST", target, body, signature(house, target=target)).status == 200


def bare(command: list[str]) -> str:
    """What a command prints."""
    return subprocess.run(command, capture_output=True, text=True, timeout=300).stdout  # noqa: S603 - curl, on 127.0.0.1


@pytest.mark.parametrize("curl", [path for path in [shutil.which("curl")] if path])
@pytest.mark.parametrize("body", [[], ["--data", '{"credits":1}', "--header", "Content-Type: application/json"]])
def test_curl_can_sign(house: House, curl: str, body: list[str]) -> None:
    """As people will try it, where there is a curl: its own signature, with and without a body."""
    ask = [curl, "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST", f"{house.gateway.url}/service/r1?a=1"]
    sign = ["--aws-sigv4", f"aws:amz:{REGION}:execute-api", "--user"]
    assert bare([*ask, *sign, "a-service:its-secret", *body]) == "200"
    assert bare([*ask, *sign, "a-service:another", *body]) == "403"
    assert bare([*ask, *body]) == "403"


# ── Routes, requests, answers ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("method", "path", "folder", "route", "parameters"),
    [
        ("GET", "/cases/open", "two", "GET /cases/open", None),
        ("GET", "/cases/opened", "one", "GET /cases/{id}", {"id": "opened"}),
        ("GET", "/cases/a%2Fb%20c", "one", "GET /cases/{id}", {"id": "a/b c"}),
        ("GET", "/cases/a/b", "one", "ANY /cases/{rest+}", {"rest": "a/b"}),
        ("POST", "/cases/open", "one", "ANY /cases/{rest+}", {"rest": "open"}),
        ("POST", "/public/n", "one", "POST /public/{name}", {"name": "n"}),
    ],
)
def test_the_most_specific_route_is_taken(
    house: House, method: str, path: str, folder: str, route: str, parameters: dict[str, str] | None
) -> None:
    """A literal before a parameter before a greedy one, in whatever order they stand; parameters are decoded."""
    assert house.send(method, path).status == 200
    assert house.seen[-1][0] == folder
    assert (house.event["routeKey"], house.event.get("pathParameters")) == (route, parameters)
    assert house.event["rawPath"] == path


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/public/n"),
        ("POST", "/own"),
        ("HEAD", "/own"),
        ("TRACE", "/own"),
        ("PURGE", "/own"),
        ("GET", "/"),
        ("POST", "/public/n/m"),
        ("POST", "/public/"),
        ("GET", "/own/"),
    ],
)
def test_what_has_no_route_is_not_found(house: House, method: str, path: str) -> None:
    """Another method of a path is no route either: 404, as API Gateway says it; HEAD is a method of its own."""
    reply = house.send(method, path)
    assert (reply.status, reply.body) == (404, b"" if method == "HEAD" else b'{"message":"Not Found"}')


def test_a_request_becomes_an_event_of_payload_2(house: House) -> None:
    """Repeated query parameters and headers joined by commas, cookies apart, everything a function may look at."""
    headers = {"Cookie": "a=1; b=2", "X-Two": "1", "Content-Type": "application/json; charset=utf-8", "User-Agent": "t"}
    reply = house.send("POST", "/public/n?a=1&b=%C3%A9&a=2&c=", '{"é": 1}'.encode(), headers)
    event, context = house.event, house.event["requestContext"]
    assert event["rawQueryString"] == "a=1&b=%C3%A9&a=2&c="
    assert event["queryStringParameters"] == {"a": "1,2", "b": "é", "c": ""}
    assert (event["cookies"], "cookie" in event["headers"]) == (["a=1", "b=2"], False)
    assert (event["body"], event["isBase64Encoded"]) == ('{"é": 1}', False)
    assert (event["version"], context["stage"], context["domainName"]) == ("2.0", "$default", "127.0.0.1")
    assert context["http"] == {
        "method": "POST",
        "path": "/public/n",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "t",
    }
    assert abs(context["timeEpoch"] / 1000 - time.time()) < 60
    assert datetime.strptime(context["time"], "%d/%b/%Y:%H:%M:%S %z").timestamp() == context["timeEpoch"] // 1000
    assert reply.headers["apigw-requestid"] == context["requestId"]
    assert "authorizer" not in context


def test_what_is_empty_is_left_out(house: House) -> None:
    """As in AWS: no body, no query, no cookies, no parameters are no keys; functions must ask with `get`."""
    house.send("GET", "/cases/open")
    assert not {"body", "cookies", "queryStringParameters", "pathParameters"} & house.event.keys()


def test_a_binary_body_comes_as_base64(house: House) -> None:
    """What is not text, and text that is no UTF-8."""
    for content_type in ("image/png", "application/json"):
        house.send("POST", "/public/n", b"\x89PNG\xff", {"Content-Type": content_type})
        assert house.event["isBase64Encoded"] is True
        assert base64.b64decode(house.event["body"]) == b"\x89PNG\xff"


def test_a_request_may_have_ten_megabytes(house: House) -> None:
    """10 MB pass, one byte more is 413 and reaches nobody."""
    limit = 10 * 1024 * 1024
    assert house.send("POST", "/public/n", b"x" * limit, {"Content-Type": "text/plain"}).status == 200
    reply = house.send("POST", "/public/n", headers={"Content-Length": str(limit + 1)})
    assert (reply.status, reply.json) == (413, {"message": "Request Entity Too Large"})
    assert len(house.seen) == 1


def test_a_result_becomes_an_answer(house: House) -> None:
    """Status, headers, several cookies, bytes; 204 without a body."""
    house.result = {
        "statusCode": 201,
        "headers": {"Content-Type": "image/png", "Location": "/x", "X-Count": 3},
        "cookies": ["a=1; HttpOnly", "b=2"],
        "body": base64.b64encode(b"\x89PNG\xff").decode(),
        "isBase64Encoded": True,
    }
    reply = house.send("GET", "/cases/open")
    assert (reply.status, reply.body) == (201, b"\x89PNG\xff")
    assert (reply.headers["content-type"], reply.headers["location"], reply.headers["x-count"]) == (
        "image/png",
        "/x",
        "3",
    )
    assert reply.headers.get_all("set-cookie") == ["a=1; HttpOnly", "b=2"]
    house.result = {"statusCode": 204}
    assert (house.send("GET", "/cases/open").status, house.send("GET", "/cases/open").body) == (204, b"")
    house.result = {"hello": "world"}
    assert house.send("GET", "/cases/open").json == {"hello": "world"}


@pytest.mark.parametrize(
    "result",
    [
        ValueError("a bug"),
        {"statusCode": "many"},
        {"statusCode": 700},
        {"statusCode": 200, "body": {"not": "text"}},
        {"statusCode": 200, "body": "%%", "isBase64Encoded": True},
        {"statusCode": 200, "headers": {"x": "1\r\nset-cookie: a=1"}},
        {1, 2},
    ],
)
def test_a_function_that_fails_is_a_500_that_says_nothing(house: House, result: Any) -> None:
    """Neither the error nor a result that is no answer gets out."""
    house.result = result
    reply = house.send("POST", "/public/n", b"x")
    assert (reply.status, reply.body) == (500, b'{"message":"Internal Server Error"}')


# ── Scripts of other origins ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_preflight_is_answered_without_a_function(house: House) -> None:
    """Even where the route wants a token, and even where there is no route."""
    asked = {"Origin": "https://admin.example", "Access-Control-Request-Method": "GET"}
    for path in ("/own", "/service/r1", "/nowhere"):
        reply = house.send("OPTIONS", path, headers=asked)
        assert (reply.status, reply.body) == (204, b"")
        assert reply.headers["access-control-allow-origin"] == "https://admin.example"
        assert reply.headers["access-control-allow-methods"] == "GET,POST"
        assert reply.headers["access-control-allow-headers"] == "authorization,content-type"
        assert reply.headers["access-control-max-age"] == "60"
        assert reply.headers["access-control-allow-credentials"] is None
    assert not house.seen


@pytest.mark.parametrize("origin", ["https://evil.example", "https://app.example.evil", "http://app.example", "null"])
def test_another_origin_is_told_nothing(house: House, origin: str) -> None:
    """Its browser then doesn't send, and doesn't show an answer."""
    for method, path in (("OPTIONS", "/own"), ("GET", "/cases/open")):
        reply = house.send(method, path, headers={"Origin": origin})
        assert not [name for name in reply.headers if name.lower().startswith("access-control-")]
        assert reply.headers["vary"] == "Origin"


def test_the_template_alone_says_what_scripts_may_read(house: House) -> None:
    """A function's own CORS headers are dropped; refusals carry the headers too, or a frontend couldn't read them."""
    house.result = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}, "body": "{}"}
    origin = {"Origin": "https://app.example"}
    for path, status in (("/cases/open", 200), ("/own", 401), ("/nowhere", 404)):
        reply = house.send("GET", path, headers=origin)
        assert (reply.status, reply.headers.get_all("access-control-allow-origin")) == (status, ["https://app.example"])
        assert reply.headers["access-control-expose-headers"] == "location"
    assert "access-control-allow-origin" not in house.send("GET", "/cases/open").headers


# ── Jobs, and what the template says ──────────────────────────────────────────────────────────────────────────────────


def test_what_is_no_webhook_is_served_one_at_a_time(house: House) -> None:
    """As by a process of Lambda: Powertools keeps the request in a global, and another's must not get into it."""
    inside, most = [0], [0]

    def meanwhile() -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.05)
        inside[0] -= 1

    house.meanwhile = meanwhile
    token = house.token()
    assert {reply.status for reply in at_once([lambda: house.own(token)] * 4)} == {200}
    at_once([lambda: house.send("POST", "/public/x")] * 4)
    assert most == [1]
    together = threading.Barrier(2)
    house.meanwhile = lambda: together.wait(PATIENCE_S)
    at_once([lambda: house.send("POST", "/webhooks/x")] * 2)
    assert not together.broken, "deliveries of the providers do race each other"


def test_what_runs_comes_to_its_end_before_the_gateway_closes_and_nothing_runs_after(house: House) -> None:
    """A late request is refused: its function would make a runtime for itself, of whatever world comes next."""
    began, may_end = threading.Event(), threading.Event()

    def meanwhile() -> None:
        began.set()
        may_end.wait(PATIENCE_S)

    house.meanwhile = meanwhile
    replies: list[Reply] = []
    asking = threading.Thread(target=lambda: replies.append(house.own(house.token())))
    asking.start()
    assert began.wait(PATIENCE_S)
    house.gateway.shutdown()
    closing = threading.Thread(target=house.gateway.server_close)
    closing.start()
    closing.join(0.1)
    assert closing.is_alive()
    may_end.set()
    closing.join(PATIENCE_S)
    asking.join(PATIENCE_S)
    assert [reply.status for reply in replies] == [200]
    for target in ("/public/x", "/webhooks/x"):
        assert house.gateway.respond(Request("POST", target, Message())).status == 503
    assert len(house.seen) == 1


def test_a_job_is_run_with_its_schedules_event(house: House) -> None:
    """EventBridge's own event, the template's input, or what the caller gives."""
    house.result = {"ran": 1}
    assert house.send("POST", "/_local/jobs/one").json == {"ran": 1}
    assert (house.event["detail-type"], house.event["source"]) == ("Scheduled Event", "aws.events")
    house.send("POST", "/_local/jobs/two")
    assert house.event == {"weekly": True}
    assert house.gateway.run_job("two", {"now": "1"}) == {"ran": 1}
    assert house.event == {"now": "1"}
    assert house.send("POST", "/_local/jobs/three").status == 404
    assert house.send("POST", "/_local/jobs/one", b"{").status == 400
    assert house.send("GET", "/_local/jobs/one").status == 404
    house.result = RuntimeError("no table")
    assert house.send("POST", "/_local/jobs/one").json == {"message": "one raised RuntimeError: no table"}


def changed(old: str, new: str) -> dict[str, Any]:
    """The template with another text in it."""
    assert old in TEMPLATE
    return parse(TEMPLATE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{ Authorizer: AWS_IAM }", "{ Authorizer: AWS_IAM, AuthorizationScopes: [a] }"),
        ("EnableIamAuthorizer: true", "EnableIamAuthorizer: false"),
        ("Path: /any-token, Auth: { Authorizer: Tokens }", "Path: /any-token, Auth: { Authorizer: Token }"),
        ("Path: /any-token, Auth: { Authorizer: Tokens }", "Path: /any-token, Auth: { AuthorizationScopes: [a] }"),
        ("Path: /any-token, Auth: { Authorizer: Tokens }", "Path: /any-token, Auth: { Authorizer: NONE }"),
    ],
)
def test_an_auth_that_would_not_deploy_is_refused_here_too(old: str, new: str) -> None:
    """Rather no gateway than one that lets in whom AWS would not."""
    with pytest.raises(TemplateError):
        routes(changed(old, new))


def test_origins_as_one_function_are_refused() -> None:
    """SAM would take it for the whole CORS configuration, and deploy none of the rest."""
    template = changed("[!Ref Origin, !If [HasOther, !Ref Other, !Ref AWS::NoValue]]", '!Split [",", !Ref Origin]')
    with pytest.raises(TemplateError, match="should be a list"):
        templates.cors(template, {})


def test_a_default_authorizer_guards_every_route_but_those_that_say_none() -> None:
    """How SAM merges: a route's own word first, else the API's."""
    template = changed("EnableIamAuthorizer: true", "EnableIamAuthorizer: true\n        DefaultAuthorizer: Tokens")
    event = template["Resources"]["TwoFunction"]["Properties"]["Events"]["Named"]["Properties"]
    event["Auth"] = {"Authorizer": "NONE"}
    found = {f"{route.method} {route.path}": route.authorizer for route in routes(template)}
    assert found["POST /public/{name}"] == "Tokens"
    assert found["GET /cases/open"] is None
    assert found["POST /service/{id}"] == "AWS_IAM"
