"""Call the API of support, as a person whom an access token names."""

import http.client
import ipaddress
import json
import os
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from tools.devserver import environment

Json = dict[str, Any]
_TIMEOUT_S = 60


class NoApi(Exception):
    """There is no API to call, or no token for it. The message says what to set."""


class ApiRefused(Exception):
    """The API has refused the request. The message is its answer's."""


@dataclass(frozen=True, slots=True)
class SupportApi:
    """An API at a base address, and the token that it is called with."""

    url: str
    token: str

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> "SupportApi":
        """Return the API that API_URL names, else the running server's. Raise NoApi."""
        url = variables.get("API_URL") or str(environment.running_server().get("url", ""))
        if not url:
            raise NoApi("No local server runs: start one with `make serve`, or set API_URL to the address of the API.")
        token = variables.get("API_TOKEN", "")
        if not token:
            raise NoApi(
                "API_TOKEN is not set: it is the access token of a person of support. For the local server: "
                "export API_TOKEN=$(billing token staff_sue --groups billing-support)"
            )
        if any(not "!" <= letter <= "~" for letter in token):
            raise NoApi("API_TOKEN has white space or letters that no token has.")
        return cls(_checked(url), token)

    def get(self, path: str) -> Json:
        """Return the answer to a GET request. Raise NoApi or ApiRefused."""
        return self._sent("GET", path, None)

    def post(self, path: str, body: Json) -> Json:
        """Return the answer to a POST request. Raise NoApi or ApiRefused."""
        return self._sent("POST", path, body)

    def _sent(self, method: str, path: str, body: Json | None) -> Json:
        address = urllib.parse.urlsplit(self.url)
        connect = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        connection = connect(address.hostname or "", address.port, timeout=_TIMEOUT_S)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body)
        try:
            connection.request(method, address.path.rstrip("/") + path, content, headers)
            response = connection.getresponse()
            status, text = response.status, response.read()
        except (OSError, http.client.HTTPException) as problem:
            raise NoApi(f"{self.url} does not answer: {problem}. Check API_URL.") from problem
        finally:
            connection.close()
        try:
            answer = json.loads(text)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise NoApi(f"{self.url} answers {status}, and not with the API's JSON. Check API_URL.")
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            said = answer.get("detail") or answer.get("message") or status
            raise NoApi(f"The API does not accept API_TOKEN: {said}. It may have expired, or be of nobody of support.")
        if status >= HTTPStatus.BAD_REQUEST:
            raise ApiRefused(_said(answer, status))
        return answer


def _checked(url: str) -> str:
    """Return an address without its last slash. Raise NoApi: a token is not sent in clear over a network."""
    address = urllib.parse.urlsplit(url)
    if address.scheme not in {"http", "https"} or not address.hostname:
        raise NoApi(f"API_URL is {url!r}, which is no address. It should be like https://api.example.com.")
    if address.scheme == "http" and not _is_of_this_machine(address.hostname):
        raise NoApi(f"API_URL is {url!r}: the token would be sent in clear. It should begin with https://.")
    return url.rstrip("/")


def _is_of_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _said(answer: Json, status: int) -> str:
    errors = [f"{one['field']}: {one['message']}" for one in answer.get("errors") or [] if isinstance(one, dict)]
    return " ".join([str(answer.get("detail") or answer.get("message") or f"The API answers {status}."), *errors])


def api() -> SupportApi:
    """Return the API that the environment names, else the running server's. Raise NoApi."""
    return SupportApi.of(os.environ)
