"""A small client of the API for the commands that need one: Identity v3 by password, then JSON over HTTP.

The credentials are those that the `openstack` command takes: `OS_CLOUD` and clouds.yaml, or `OS_AUTH_URL`,
`OS_USERNAME`, `OS_PASSWORD` and so on.  With neither, the administrator's file that `heddle up` left in the state
folder is used, if there is one and it may be read.
"""

from __future__ import annotations

import http.client
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heddle.config import Settings
from heddle.errors import HeddleError

TIMEOUT = 30.0
ADMIN_FILE = "clouds.yaml"
_MEND = "source an openrc file, or set OS_CLOUD to a cloud of clouds.yaml"


class ClientError(HeddleError):
    """The API cannot be reached, or answered with an error; `status` is 0 or the HTTP status."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Credentials:
    auth_url: str
    username: str
    password: str
    project: str
    user_domain: str = "Default"
    project_domain: str = "Default"


def credentials(settings: Settings, environ: Mapping[str, str] | None = None) -> Credentials:
    """Find the credentials.  Raises `ClientError` that says where they were looked for."""
    env = os.environ if environ is None else environ
    if env.get("OS_CLOUD"):
        return _from_clouds(env["OS_CLOUD"], _cloud_files(env))
    if env.get("OS_AUTH_URL"):
        values = {name.removeprefix("OS_").lower(): value for name, value in env.items() if name.startswith("OS_")}
        return _build(values, "the environment")
    own = Path(settings.paths.state) / ADMIN_FILE
    if own.is_file() and os.access(own, os.R_OK):
        return _from_clouds("", [own])
    raise ClientError(f"no credentials: neither OS_CLOUD nor OS_AUTH_URL is set; {_MEND}")


class Client:
    """A session.  The token is fetched with the first request."""

    def __init__(self, who: Credentials) -> None:
        self._who = who
        self._token = ""
        self._catalog: list[dict[str, Any]] = []

    def request(self, method: str, path: str, body: Any = None, service: str = "network") -> Any:
        """The decoded answer, None when it is empty.  `path` as "/v2.0/ports".  Raises `ClientError`."""
        if not self._token:
            self._authenticate()
        answer, _ = _http(method, self._endpoint(service) + path, body, {"X-Auth-Token": self._token})
        return answer

    def get(self, path: str, **filters: str) -> Any:
        return self.request("GET", path + ("?" + urllib.parse.urlencode(filters) if filters else ""))

    def text(self, path: str) -> str:
        """An answer that is text and no JSON.  Raises `ClientError`."""
        if not self._token:
            self._authenticate()
        text, _ = _send("GET", self._endpoint("network") + path, None, {"X-Auth-Token": self._token})
        return text.decode()

    def find(self, collection: str, name_or_id: str) -> dict[str, Any]:
        """The one object of that id or name.  `collection` as "ports".  Raises `ClientError` for none or several."""
        kind = collection[:-1].replace("_", " ")
        found: list[dict[str, Any]] = self.get(f"/v2.0/{collection}", id=name_or_id)[collection]
        found = found or self.get(f"/v2.0/{collection}", name=name_or_id)[collection]
        if not found:
            raise ClientError(f"there is no {kind} with the name or id {name_or_id!r}", 404)
        if len(found) > 1:
            ids = ", ".join(item["id"] for item in found)
            raise ClientError(f"{len(found)} {kind}s have the name {name_or_id!r}; name one by its id: {ids}", 409)
        return found[0]

    def _authenticate(self) -> None:
        who = self._who
        user = {"name": who.username, "password": who.password, "domain": {"name": who.user_domain}}
        scope = {"project": {"name": who.project, "domain": {"name": who.project_domain}}}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
        base = who.auth_url.rstrip("/")
        url = f"{base}/auth/tokens" if base.endswith("/v3") else f"{base}/v3/auth/tokens"
        answer, headers = _http("POST", url, body, {})
        self._token = headers.get("X-Subject-Token", "")
        self._catalog = (answer or {}).get("token", {}).get("catalog", [])
        if not self._token:
            raise ClientError(f"{url} gave no token: is it the address of an Identity v3 service?")

    def _endpoint(self, service: str) -> str:
        for entry in self._catalog:
            if entry.get("type") == service:
                for endpoint in entry.get("endpoints", []):
                    if endpoint.get("interface") == "public":
                        return str(endpoint["url"]).rstrip("/")
        raise ClientError(f"the catalog of {self._who.auth_url} has no public endpoint of type {service!r}")


def _http(method: str, url: str, body: Any, headers: dict[str, str]) -> tuple[Any, Mapping[str, str]]:
    text, given = _send(method, url, body, headers)
    try:
        return (json.loads(text) if text else None), given
    except ValueError as error:
        raise ClientError(f"{url} cannot be reached: {error}; is Heddle running (heddle status)?") from error


def _send(method: str, url: str, body: Any, headers: dict[str, str]) -> tuple[bytes, Mapping[str, str]]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT) as answer:
            return answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        raise ClientError(f"{method} {url}: {error.code}: {_message(error.read())}", error.code) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise ClientError(f"{url} cannot be reached: {reason}; is Heddle running (heddle status)?") from error


def _message(body: bytes) -> str:
    """What an error body says to the user."""
    try:
        found = json.loads(body)
        inner = next(iter(found.values()))
        return str(inner.get("message", inner)) if isinstance(inner, dict) else str(inner)
    except (ValueError, StopIteration, AttributeError):
        return body.decode(errors="replace")[:300].strip() or "no message"


def _cloud_files(env: Mapping[str, str]) -> list[Path]:
    named = env.get("OS_CLIENT_CONFIG_FILE")
    own = Path(env.get("XDG_CONFIG_HOME") or Path(env.get("HOME", "/root")) / ".config") / "openstack"
    folders = [Path.cwd(), own, Path("/etc/openstack")]
    return [Path(named)] if named else [folder / "clouds.yaml" for folder in folders]


def _from_clouds(cloud: str, files: list[Path]) -> Credentials:
    import yaml

    for file in files:
        try:
            tree = yaml.safe_load(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, yaml.YAMLError) as error:
            raise ClientError(f"{file} cannot be read: {error}") from error
        clouds = tree.get("clouds", {}) if isinstance(tree, dict) else {}
        name = cloud or next(iter(clouds), "")
        if name in clouds:
            return _build(clouds[name].get("auth", {}), f"cloud {name!r} of {file}")
    raise ClientError(f"no cloud {cloud!r} in {', '.join(map(str, files))}; {_MEND}")


def _build(values: Mapping[str, Any], where: str) -> Credentials:
    missing = [name for name in ("auth_url", "username", "password", "project_name") if not values.get(name)]
    if missing:
        raise ClientError(f"{where} does not say {', '.join(missing)}; {_MEND}")
    return Credentials(
        auth_url=str(values["auth_url"]),
        username=str(values["username"]),
        password=str(values["password"]),
        project=str(values["project_name"]),
        user_domain=str(values.get("user_domain_name") or "Default"),
        project_domain=str(values.get("project_domain_name") or "Default"),
    )
