"""Real server processes on the loopback, one or several on one database, and connections to them."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.fakes.client import PASSWORD, password_login

from heddle.cli.credentials import read_clouds
from heddle.cli.status import workers_of

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
SUPERVISOR = """
import argparse
from heddle.cli.layout import Layout
from heddle.cli.supervisor import Supervisor
from heddle.cli.up import servers
from heddle.config import load
settings = load()
Layout(settings).prepare()
words = argparse.Namespace(config=None, overrides=[])
Supervisor(servers(words, settings), lambda: True, lambda: None).run()
"""


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

    @property
    def password(self) -> str:
        """The administrator's."""
        return PASSWORD

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


class Supervised(Server):
    """A server of several workers and their supervisor, as `heddle up` has them, without an agent."""

    def __init__(self, folder: Path, count: int, **settings: str) -> None:
        super().__init__(folder, server_workers=str(count), server_user="root", **settings)
        self._folder, self._count = folder, count

    @property
    def password(self) -> str:
        return read_clouds(self._folder / "state" / "clouds.yaml")["admin"].password

    def begin(self) -> None:
        with (self._folder / "output.log").open("wb") as sink:
            command = [sys.executable, "-c", SUPERVISOR]
            self.process = subprocess.Popen(command, env=self.env, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)

    def wait(self) -> None:
        deadline = time.monotonic() + 60
        while not self.ready():
            assert self.process.poll() is None and time.monotonic() < deadline, self.output()
            time.sleep(0.05)

    def ready(self) -> bool:
        """Whether every worker that there is to be says that it serves."""
        return len(pids := self.pids()) == self._count and all(self._serves(*each) for each in pids.items())

    def _serves(self, number: int, pid: int) -> bool:
        log = self._folder / "log" / "server" / ("server.log" if number == 1 else f"server-{number}.log")
        return log.exists() and f"pid={pid}\n" in log.read_text(encoding="utf-8")

    def output(self) -> str:
        return (self._folder / "output.log").read_text(encoding="utf-8")

    def kill(self) -> None:
        """End the supervisor in order; that takes the workers along."""
        self.process.terminate()
        self.process.wait(60)

    # Its workers

    def pids(self) -> dict[int, int]:
        return {worker["number"]: worker["process"] for worker in workers_of(self.process.pid)[0]}

    @contextmanager
    def only(self, number: int) -> Iterator[None]:
        """Connections that are made meanwhile are to this worker: the others are held."""
        others = [pid for other, pid in self.pids().items() if other != number]
        for pid in others:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in others:
                os.kill(pid, signal.SIGCONT)

    def caller(self, number: int, token: str = "") -> Caller:
        """A connection to this worker."""
        with self.only(number):
            made = Caller(self.port, token)
            assert made.call("GET", "/identity/v3")[0] == 200
        return made


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


def log_in(port: int, project: str = "admin", password: str = PASSWORD) -> str:
    """A token of the administrator's for a project."""
    body = password_login("admin", password, project=project)
    status, answer, token = Caller(port).call("POST", "/identity/v3/auth/tokens", body)
    assert status == 201, answer
    return token
