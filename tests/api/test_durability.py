"""kill -9 of the server in mid-load: what was answered with 2xx is there, and the database is whole."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.client import PASSWORD, password_login

SERVER = f"""
import sys
from heddle.api.server import open_store, serve
from heddle.config import load
from heddle.control.identity.bootstrap import bootstrap
settings = load()
store = open_store(settings)
bootstrap(store, {PASSWORD!r}, settings)
store.close()
serve(settings, lambda: print("ready", flush=True))
"""


class Server:
    """A real server process on the loopback, with its state below `folder`."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("HEDDLE_")}
        self.env |= {f"HEDDLE_PATHS_{name.upper()}": str(folder / name) for name in ("state", "run", "log")}
        self.env |= {"HEDDLE_SERVER_PORT": str(port), "HEDDLE_QUOTA_PORT": "-1", "HEDDLE_QUOTA_NETWORK": "-1"}

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", SERVER], env=self.env, stdout=subprocess.PIPE)
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
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self.token = token

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any, str]:
        headers = {"Content-Type": "application/json", "X-Auth-Token": self.token}
        self.connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self.connection.getresponse()
        data = answer.read()
        return answer.status, json.loads(data) if data else None, answer.headers.get("X-Subject-Token", "")


def _log_in(port: int) -> str:
    status, _, token = Caller(port).call("POST", "/identity/v3/auth/tokens", password_login("admin", project="admin"))
    assert status == 201
    return token


def _load(port: int, token: str, network: str, known: dict[str, str | None]) -> None:
    """Create, rename and delete ports until the server is gone; `known`: what was answered last of each."""
    caller, mine = Caller(port, token), []
    try:
        while True:
            status, body, _ = caller.call("POST", "/v2.0/ports", {"port": {"network_id": network, "name": "new"}})
            if status == 201:
                id = body["port"]["id"]
                known[id] = "new"
                mine.append(id)
            if len(mine) > 3:
                id = mine.pop(0)
                known.pop(id)
                name = str(random.random())
                verb = random.choice(["PUT", "DELETE"])
                body = {"port": {"name": name}} if verb == "PUT" else None
                status, _, _ = caller.call(verb, f"/v2.0/ports/{id}", body)
                assert status in (200, 204)
                known[id] = name if verb == "PUT" else None
    except (OSError, http.client.HTTPException):
        return


@pytest.mark.parametrize("turn", range(3))
def test_what_was_answered_survives(tmp_path: Path, turn: int) -> None:
    for name in ("state", "run", "log"):
        (tmp_path / name).mkdir(mode=0o700)
    server = Server(tmp_path, 19700 + os.getpid() % 200 + turn)
    known: dict[str, str | None] = {}
    server.start()
    try:
        token = _log_in(server.port)
        admin = Caller(server.port, token)
        network = admin.call("POST", "/v2.0/networks", {"network": {"name": "n"}})[1]["network"]["id"]
        subnet = {"network_id": network, "ip_version": 4, "cidr": "10.0.0.0/16"}
        assert admin.call("POST", "/v2.0/subnets", {"subnet": subnet})[0] == 201
        threads = [threading.Thread(target=_load, args=(server.port, token, network, known)) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.5 + 0.4 * turn)
        server.kill()
        for thread in threads:
            thread.join()
        _check_file(tmp_path / "state/heddle.db")
        server.start()
        _check_content(Caller(server.port, _log_in(server.port)), known)
    finally:
        server.kill()


def _check_file(file: Path) -> None:
    with sqlite3.connect(file) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    conn.close()


def _check_content(caller: Caller, known: dict[str, str | None]) -> None:
    status, body, _ = caller.call("GET", "/v2.0/ports")
    assert status == 200 and len(known) > 20
    there = {port["id"]: port["name"] for port in body["ports"]}
    for id, name in known.items():
        assert there.get(id) == name
    used = caller.call("GET", f"/v2.0/quotas/{body['ports'][0]['project_id']}/details")[1]["quota"]["port"]["used"]
    assert used == len(there)
    addresses = [fixed["ip_address"] for port in body["ports"] for fixed in port["fixed_ips"]]
    assert len(set(addresses)) == len(addresses) == len(there)
