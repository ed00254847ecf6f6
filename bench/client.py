"""An HTTP client of the Networking API that costs little itself: one kept connection, the standard library only."""

from __future__ import annotations

import http.client
import json
import os
import socket
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

Dial = Callable[[str, int, float], socket.socket]


class ApiError(Exception):
    """The server answered with a status outside 2xx."""

    def __init__(self, method: str, path: str, status: int, body: bytes) -> None:
        super().__init__(f"{method} {path}: {status} {body[:300]!r}")
        self.status = status


class _Connection(http.client.HTTPConnection):
    """`dial` opens the socket, for servers in another network namespace."""

    dial: Dial | None = None

    def connect(self) -> None:
        if self.dial is None:
            super().connect()
        else:
            self.sock = self.dial(self.host, self.port, self.timeout or 60)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Client:
    """Not thread-safe.  `url` is the server's root, with or without /v2.0; `headers` go with every request."""

    def __init__(self, url: str, headers: Mapping[str, str], timeout: float = 300, dial: Dial | None = None) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not an http(s) URL: {url!r}")
        self._parts, self._headers, self._timeout, self._dial = parts, dict(headers), timeout, dial
        self._prefix = parts.path.rstrip("/").removesuffix("/v2.0")
        self._connection: http.client.HTTPConnection | None = None
        self.bytes_read = 0
        self.connects = 0
        self.answer_headers: Mapping[str, str] = {}

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            made: http.client.HTTPConnection = http.client.HTTPSConnection(host, port or 443, timeout=self._timeout)
        else:
            made = _Connection(host, port or 80, timeout=self._timeout)
            made.dial = self._dial
        made.connect()
        self.connects += 1
        self._connection = made
        return made

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def raw(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Send a request; returns status and body.  A kept connection that the server has closed is opened anew."""
        headers = dict(self._headers)
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        while True:
            fresh = self._connection is None
            connection = self._connection or self._connect()
            try:
                connection.request(method, self._prefix + path, data, headers)
                answer = connection.getresponse()
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self.close()
                if fresh:
                    raise
                continue
            payload = answer.read()
            self.bytes_read += len(payload)
            self.answer_headers = dict(answer.headers)
            if answer.will_close:
                self.close()
            return answer.status, payload

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded answer.  Raises `ApiError` outside 2xx."""
        status, payload = self.raw(method, path, body)
        if not 200 <= status < 300:
            raise ApiError(method, path, status, payload)
        return json.loads(payload) if payload else None


def log_in(auth_url: str, values: Mapping[str, str], dial: Dial | None = None) -> tuple[str, str]:
    """A token of Identity v3 by password, and the public endpoint of the network service.

    `values` as in the OS_ variables: username, password, project_name, user_domain_name, project_domain_name.
    """
    missing = [name for name in ("username", "password", "project_name") if not values.get(name)]
    if missing:
        raise ValueError(f"no {', '.join('OS_' + name.upper() for name in missing)} in the environment")
    domain = {"name": values.get("user_domain_name") or "Default"}
    user = {"name": values["username"], "password": values["password"], "domain": domain}
    scope = {"name": values["project_name"], "domain": {"name": values.get("project_domain_name") or "Default"}}
    identity = {"methods": ["password"], "password": {"user": user}}
    client = Client(auth_url, {}, dial=dial)
    path = "/auth/tokens" if auth_url.rstrip("/").endswith("/v3") else "/v3/auth/tokens"
    answer = client.call("POST", path, {"auth": {"identity": identity, "scope": {"project": scope}}})
    endpoints = [
        endpoint["url"]
        for service in answer["token"].get("catalog", []) if service["type"] == "network"
        for endpoint in service["endpoints"] if endpoint["interface"] == "public"
    ]  # fmt: skip
    token = next((value for name, value in client.answer_headers.items() if name.lower() == "x-subject-token"), "")
    client.close()
    return token, endpoints[0] if endpoints else ""


def from_environment() -> tuple[str, str]:
    """Token and endpoint by the OS_ variables.  Raises `ValueError` where they do not say enough."""
    values = {name.removeprefix("OS_").lower(): value for name, value in os.environ.items() if name.startswith("OS_")}
    if values.get("token"):
        return values["token"], ""
    if not values.get("auth_url"):
        return "", ""
    return log_in(values["auth_url"], values)
