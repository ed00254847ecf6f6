"""A fake of the API for commands that are its clients: tokens, and objects as given; changes are kept.

As a program: `python api.py PORT FILE` serves the objects of a JSON file, {"ports": [...], ...}.
"""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlparse

PASSWORD = "secret"


class FakeApi:
    """Listens on 127.0.0.1; `objects` by collection, `requests` as (method, path)."""

    def __init__(self, objects: dict[str, list[dict[str, Any]]], port: int = 0) -> None:
        self.objects = objects
        self.requests: list[tuple[str, str]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                self._answer(*api.get(self.path, self.headers.get("X-Auth-Token", "")))

            def do_POST(self) -> None:
                self._answer(*api.token(self._body()))

            def do_PUT(self) -> None:
                self._answer(*api.put(self.path, self._body()))

            def _body(self) -> Any:
                return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

            def _answer(self, status: int, body: Any) -> None:
                api.requests.append((self.command, self.path))
                text = json.dumps(body).encode()
                self.send_response(status)
                if self.command == "POST" and status == 201:
                    self.send_header("X-Subject-Token", "a-token")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve(self) -> None:
        self._server.serve_forever()

    def token(self, body: Any) -> tuple[int, Any]:
        if body["auth"]["identity"]["password"]["user"]["password"] != PASSWORD:
            return 401, {"error": {"code": 401, "message": "The request you have made requires authentication."}}
        endpoint = {"interface": "public", "url": self.url}
        return 201, {"token": {"catalog": [{"type": "network", "endpoints": [endpoint]}]}}

    def get(self, path: str, token: str) -> tuple[int, Any]:
        if token != "a-token":
            return 401, {"error": {"message": "no token"}}
        url = urlparse(path)
        words = url.path.split("/")[2:]
        found = [item for item in self.objects[words[0]] if _fits(item, dict(parse_qsl(url.query)))]
        if len(words) == 1:
            return 200, {words[0]: found}
        return 200, {words[0][:-1]: next(item for item in found if item["id"] == words[1])}

    def put(self, path: str, body: Any) -> tuple[int, Any]:
        _, _, collection, id_ = path.split("/")
        for item in self.objects[collection]:
            if item["id"] == id_:
                item.update(next(iter(body.values())))
                return 200, {collection[:-1]: item}
        message = f"Port {id_} could not be found."
        return 404, {"NeutronError": {"type": "PortNotFound", "message": message, "detail": ""}}


def _fits(item: dict[str, Any], filters: dict[str, str]) -> bool:
    return all(str(item.get(name)) == value for name, value in filters.items())


if __name__ == "__main__":
    FakeApi(json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")), int(sys.argv[1])).serve()
