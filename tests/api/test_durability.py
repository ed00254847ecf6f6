"""kill -9 of the server in mid-load, and a full disk: what was answered with 2xx is there, the database is whole."""

from __future__ import annotations

import http.client
import random
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.load.processes import SERVER, Caller, Server, log_in
from tests.real.testhost import wait_until

ENOUGH = 20


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
    server = Server(tmp_path, quota_port="-1", quota_network="-1")
    known: dict[str, str | None] = {}
    server.start()
    try:
        token = log_in(server.port)
        admin = Caller(server.port, token)
        network = admin.call("POST", "/v2.0/networks", {"network": {"name": "n"}})[1]["network"]["id"]
        subnet = {"network_id": network, "ip_version": 4, "cidr": "10.0.0.0/16"}
        assert admin.call("POST", "/v2.0/subnets", {"subnet": subnet})[0] == 201
        threads = [threading.Thread(target=_load, args=(server.port, token, network, known)) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.5 + 0.4 * turn)
        wait_until(lambda: len(known) > ENOUGH, 60, "there is enough to lose")
        server.kill()
        for thread in threads:
            thread.join()
        _check_file(tmp_path / "state/heddle.db")
        server.start()
        _check_content(Caller(server.port, log_in(server.port)), known)
    finally:
        server.kill()


class OnSmallDisk(Server):
    """Its state is on a disk of 16 MB, which no other process has mounted."""

    def begin(self) -> None:
        self.state = self.env["HEDDLE_PATHS_STATE"]
        words = f"mount -t tmpfs -o size=16m,mode=700 tmpfs {self.state} && exec {sys.executable} -c \"$SERVER\""
        command = ["unshare", "-m", "sh", "-c", words]
        self.process = subprocess.Popen(command, env={**self.env, "SERVER": SERVER}, stdout=subprocess.PIPE)

    @property
    def disk(self) -> Path:
        return Path(f"/proc/{self.process.pid}/root{self.state}")


def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path) -> None:
    server = OnSmallDisk(tmp_path, quota_port="-1")
    known: dict[str, str | None] = {}
    server.start()
    try:
        caller = Caller(server.port, log_in(server.port))
        network = caller.call("POST", "/v2.0/networks", {"network": {"name": "n"}})[1]["network"]["id"]
        subnet = {"network_id": network, "ip_version": 4, "cidr": "10.0.0.0/16"}
        assert caller.call("POST", "/v2.0/subnets", {"subnet": subnet})[0] == 201

        def create() -> tuple[int, Any]:
            status, body, _ = caller.call("POST", "/v2.0/ports", {"port": {"network_id": network, "name": "new"}})
            if status == 201:
                known[body["port"]["id"]] = "new"
            return status, body

        for _ in range(ENOUGH + 1):
            assert create()[0] == 201
        filler = server.disk / "filler"
        _fill(filler)
        answers = [create() for _ in range(300)]
        refused = [body for status, body in answers if status != 201]
        assert len(refused) > 100 and {status for status, _ in answers} <= {201, 503}
        assert {body["NeutronError"]["type"] for body in refused} == {"ServiceUnavailable"}
        _check_content(caller, known)
        filler.unlink()
        assert create()[0] == 201, "it goes on as soon as there is room"
        _check_content(caller, known)
        _check_file(server.disk / "heddle.db")
    finally:
        server.kill()


def _fill(file: Path) -> None:
    with file.open("wb", buffering=0) as out, pytest.raises(OSError, match="No space left"):
        while True:
            out.write(bytes(4096))


def _check_file(file: Path) -> None:
    with sqlite3.connect(file) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    conn.close()


def _check_content(caller: Caller, known: dict[str, str | None]) -> None:
    status, body, _ = caller.call("GET", "/v2.0/ports")
    assert status == 200 and len(known) > ENOUGH
    there = {port["id"]: port["name"] for port in body["ports"]}
    for id, name in known.items():
        assert there.get(id) == name
    used = caller.call("GET", f"/v2.0/quotas/{body['ports'][0]['project_id']}/details")[1]["quota"]["port"]["used"]
    assert used == len(there)
    addresses = [fixed["ip_address"] for port in body["ports"] for fixed in port["fixed_ips"]]
    assert len(set(addresses)) == len(addresses) == len(there)
