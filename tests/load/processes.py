"""Real server processes on the loopback, one or several on one database, and connections to them."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.fakes.client import PASSWORD, password_login

SERVER = f"""
import sys
from heddle.api.listening import listen
from heddle.api.server import open_store, serve
from heddle.config import load
from heddle.control.identity.bootstrap import bootstrap
settings = load()
store = open_store(settings)
bootstrap(store, {PASSWORD!r}, settings)
store.close()
serve(settings, listen(settings), lambda: print("ready", flush=True))
"""
FOLDERS = ("state", "run", "log")


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Server:
    """One server.  `folder` has its state, which servers of one database share; `run`: of its own folder's name.

    `settings` by their names in the environment, without the prefix.
    """

    def __init__(self, folder: Path, port: int = 0, run: str = "run", **settings: str) -> None:
        self.port = port or free_port()
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("HEDDLE_")}
        places = {"state": "state", "run": run, "log": "log"}
        for name, place in places.items():
            (folder / place).mkdir(mode=0o700, exist_ok=True)
            self.env[f"HEDDLE_PATHS_{name.upper()}"] = str(folder / place)
        self.env |= {"HEDDLE_SERVER_PORT": str(self.port)}
        self.env |= {f"HEDDLE_{name.upper()}": value for name, value in settings.items()}

    def start(self) -> None:
        self.begin()
        self.wait()

    def begin(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", SERVER], env=self.env, stdout=subprocess.PIPE)

    def wait(self) -> None:
        """Until it answers."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == b"ready"

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Caller:
    """One connection."""

    def __init__(self, port: int, token: str = "") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.token = token

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, str]:
        """Status, the answer's object, and the token that it brings."""
        words = {"Content-Type": "application/json", "X-Auth-Token": self.token, **headers}
        self.connection.request(method, path, None if body is None else json.dumps(body), words)
        answer = self.connection.getresponse()
        data = answer.read()
        return answer.status, json.loads(data) if data else None, answer.headers.get("X-Subject-Token", "")


def log_in(port: int, user: str = "admin", project: str = "admin") -> str:
    status, answer, token = Caller(port).call("POST", "/identity/v3/auth/tokens", password_login(user, project=project))
    assert status == 201, answer
    return token
