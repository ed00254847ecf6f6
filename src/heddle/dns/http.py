"""Requests with JSON to an OpenStack service, with a token of the identity service (v3, by a password)."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

from heddle.dns.base import DnsError, Unreachable
from heddle.errors import ConfigError

MOST_ANSWER = 16 << 20
TOKEN_SECONDS = 600.0


class Service:
    """One URL.  `what` names it in errors."""

    def __init__(self, what: str, url: str, cafile: str) -> None:
        self.what = f"{what} at {url}"
        self._parts = urlsplit(url.rstrip("/"))
        if self._parts.scheme not in ("http", "https") or not self._parts.hostname:
            raise ConfigError(f"{what}: {url!r} is not a URL: write http://host:port/… or https://…")
        try:
            secure = self._parts.scheme == "https"
            self._context = ssl.create_default_context(cafile=cafile or None) if secure else None
        except OSError as error:
            raise ConfigError(f"designate.cafile: {cafile}: {error.strerror or error}") from error

    def call(self, method: str, path: str, headers: dict[str, str], body: Any, end: float) -> tuple[int, Any, Any]:
        """The status, headers and JSON of the answer.  Raises `Unreachable`."""
        left = end - time.monotonic()
        if left <= 0:
            raise Unreachable(f"{self.what} does not answer in time")
        connection = self._connection(left)
        try:
            data = None if body is None else json.dumps(body).encode()
            sent = {"Content-Type": "application/json", "Accept": "application/json", **headers}
            connection.request(method, self._parts.path + path, data, sent)
            answer = connection.getresponse()
            text = answer.read(MOST_ANSWER)
        except TimeoutError as error:
            raise Unreachable(f"{self.what} does not answer in time") from error
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{self.what} cannot be asked: {error or type(error).__name__}") from error
        finally:
            connection.close()
        if answer.status >= 500 or answer.status == 429:
            raise Unreachable(f"{self.what} answers {answer.status} to {method} {path.partition('?')[0]}")
        try:
            return answer.status, answer.headers, json.loads(text) if text else None
        except ValueError as error:
            raise Unreachable(f"{self.what} answers {method} {path.partition('?')[0]} with what is not JSON") from error

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        host, port = str(self._parts.hostname), self._parts.port
        if self._context is not None:
            return http.client.HTTPSConnection(host, port, timeout=seconds, context=self._context)
        return http.client.HTTPConnection(host, port, timeout=seconds)


class Login:
    """A token, got when it is needed and anew after `TOKEN_SECONDS` or when it is refused."""

    def __init__(self, service: Service, user: dict[str, str], project: dict[str, str], password: str) -> None:
        self._service = service
        who = {"name": user["name"], "domain": {"name": user["domain"]}, "password": password}
        scope = {"project": {"name": project["name"], "domain": {"name": project["domain"]}}}
        self._body = {"auth": {"identity": {"methods": ["password"], "password": {"user": who}}, "scope": scope}}
        self._user = user["name"]
        self._token, self.project_id, self._until = "", "", 0.0

    def token(self, end: float) -> str:
        """Raises `DnsError`."""
        if time.monotonic() < self._until:
            return self._token
        status, headers, found = self._service.call("POST", "/auth/tokens", {}, self._body, end)
        token = headers.get("X-Subject-Token")
        if status != 201 or not token:
            raise Unreachable(f"{self._service.what} refuses the login of {self._user!r} ({status}): see [designate]")
        try:
            self.project_id = str(found["token"]["project"]["id"])
        except (KeyError, TypeError) as error:
            raise DnsError(f"{self._service.what} tells no project of its token") from error
        self._token, self._until = token, time.monotonic() + TOKEN_SECONDS
        return self._token

    def forget(self) -> None:
        self._until = 0.0
