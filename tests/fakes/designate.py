"""A DNS service that speaks Designate's API v2 and the identity service's tokens, and records what it is asked.

Zones belong to projects; a user with the right to act for others names the project in a header.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

PASSWORD = "the-password-of-heddle"
OWN_PROJECT = "0" * 31 + "5"


class Designate:
    """`requests`: (method, path, project) of all that was asked; `refuse`: the status of every answer, 0 for none."""

    def __init__(self) -> None:
        self.zones: dict[str, dict[str, Any]] = {}
        self.sets: dict[str, dict[str, Any]] = {}
        self.tokens: set[str] = set()
        self.requests: list[tuple[str, str, str]] = []
        self.refuse = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                status, body, headers = outer._answer(self)
                data = json.dumps(body).encode() if body is not None else b""
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing is printed."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def settings(self) -> list[str]:
        base = f"http://127.0.0.1:{self.port}"
        return ["dns.driver=designate", f"designate.url={base}/v2", f"designate.auth_url={base}",
                "designate.username=heddle", f"designate.password={PASSWORD}"]  # fmt: skip

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def zone(self, name: str, project: str) -> str:
        id = str(uuid4())
        self.zones[id] = {"id": id, "name": name, "project_id": project, "status": "ACTIVE"}
        return id

    def values(self, name: str, kind: str) -> set[str]:
        return {
            value for each in self.sets.values() if (each["name"], each["type"]) == (name, kind)
            for value in each["records"]
        }  # fmt: skip

    @contextmanager
    def refusing(self, status: int) -> Iterator[None]:
        self.refuse = status
        yield
        self.refuse = 0

    def _answer(self, request: BaseHTTPRequestHandler) -> tuple[int, Any, dict[str, str]]:
        length = int(request.headers.get("Content-Length") or 0)
        body = json.loads(request.rfile.read(length)) if length else None
        url = urlsplit(request.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        project = request.headers.get("X-Auth-Sudo-Project-ID", "")
        self.requests.append((request.command, url.path, project))
        if url.path == "/v3/auth/tokens":
            return self._token(body)
        if request.headers.get("X-Auth-Token") not in self.tokens:
            return 401, {"code": 401, "message": "no token"}, {}
        if self.refuse:
            return self.refuse, {"code": self.refuse, "message": "refused"}, {}
        status, found = self._route(request.command, url.path.split("/")[2:], asked, body, project)
        return status, found, {}

    def _token(self, body: Any) -> tuple[int, Any, dict[str, str]]:
        given = body["auth"]["identity"]["password"]["user"]
        if (given["name"], given["password"]) != ("heddle", PASSWORD):
            return 401, {"error": {"code": 401, "message": "wrong"}}, {}
        token = str(uuid4())
        self.tokens.add(token)
        return 201, {"token": {"project": {"id": OWN_PROJECT}}}, {"X-Subject-Token": token}

    def _route(self, method: str, parts: list[str], asked: dict[str, str], body: Any, project: str) -> tuple[int, Any]:
        if parts == ["zones"]:
            return self._zones(method, asked, body, project)
        zone = self.zones.get(parts[1])
        if zone is None or zone["project_id"] != project:
            return 404, {"code": 404, "type": "zone_not_found"}
        mine = [each for each in self.sets.values() if each["zone_id"] == zone["id"]]
        match method, len(parts):
            case "GET", 3:
                return 200, {"recordsets": [each for each in mine if asked.items() <= each.items()]}
            case "POST", 3:
                if any((each["name"], each["type"]) == (body["name"], body["type"]) for each in mine):
                    return 409, {"code": 409, "type": "duplicate_recordset"}
                made = {**body, "id": str(uuid4()), "zone_id": zone["id"], "status": "PENDING"}
                self.sets[made["id"]] = made
                return 202, made
            case "PUT", 4:
                self.sets[parts[3]].update(body)
                return 202, self.sets[parts[3]]
            case "DELETE", 4:
                return 202, self.sets.pop(parts[3])
        return 405, {"code": 405}

    def _zones(self, method: str, asked: dict[str, str], body: Any, project: str) -> tuple[int, Any]:
        mine = [zone for zone in self.zones.values() if zone["project_id"] == project]
        if method == "GET":
            return 200, {"zones": [zone for zone in mine if asked.items() <= zone.items()]}
        if any(zone["name"] == body["name"] for zone in self.zones.values()):
            return 409, {"code": 409, "type": "duplicate_zone"}
        id = self.zone(body["name"], project)
        self.zones[id]["email"] = body["email"]
        return 202, self.zones[id]
