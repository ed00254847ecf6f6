"""A lab in which programs of two releases meet: what works in it, pings that never stop, requests that are answered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cluster.hitless import INTERVAL, TOOL, in_time
from tests.cluster.lab import HEDDLE, ROOT, Lab, Program
from tests.cluster.tenants import Guest, Tenant
from tests.real.traffic import connects, listening

from heddle.cli.client import ClientError

NOW = ROOT / "src"


def exchange(lab: Lab, program: Program, source: Path) -> None:
    """End a program, and start that of another release in its place."""
    program.end()
    program.source = source
    before, says = len(program.log), "serving url=" if program in lab.servers else "agent host="
    program.start()
    lab.until(lambda: says in program.log[before:], 30, f"{program.name} of {source} runs")


def command(source: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A `heddle` command of a release."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HEDDLE_", "OS_"))}
    return subprocess.run([*HEDDLE, *words], env={**environment, "PYTHONPATH": str(source)}, text=True, cwd=source,
                          capture_output=True, timeout=120)  # fmt: skip


def migrate(lab: Lab, source: Path) -> str:
    """The program of a release expands the database; what it prints."""
    done = command(source, "--config", str(lab.servers[0].settings), "db", "migrate", "--expand")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Door:
    """Two guests on two hosts, of which one listens and lets in what its rules say."""

    def __init__(self, lab: Lab, tenant: Tenant, name: str, octet: int) -> None:
        self._lab, self._tenant = lab, tenant
        self.network = tenant.network(name, f"10.{octet}.0.0/24")
        self.guests = [tenant.guest(self.network, host) for host in lab.hosts[:2]]
        self._one, self._other = self.guests
        tenant.wait()
        lab.until(lambda: self._one.pings(self._other.ip), 20, f"{self._one.name} reaches {self._other.name}")
        self._group = tenant.make("security_group", name)["id"]
        body = {"port": {"security_groups": [self._group]}}
        lab.api.request("PUT", f"/v2.0/ports/{self._other.port['id']}", body)

    def _enters(self, port: int = 80) -> bool:
        return connects(self._one.host, self._one.name, self._other.ip, port)

    def opens_and_shuts(self) -> None:
        """A rule lets in what it names, and no more when it is gone."""
        host, name, until = self._other.host, self._other.name, self._lab.until
        with listening(host, name, 80), listening(host, name, 81):
            until(lambda: not self._enters(), 15, "without a rule nothing enters")
            rule = self._tenant.make("security_group_rule", "", security_group_id=self._group, direction="ingress",
                                     protocol="tcp", port_range_min=80, port_range_max=80)  # fmt: skip
            until(self._enters, 15, "a rule lets in")
            assert not self._enters(81), "and nothing else"
            self._lab.api.request("DELETE", f"/v2.0/security-group-rules/{rule['id']}")
            until(lambda: not self._enters(), 15, "a rule that was taken away lets in no more")

    def remove(self) -> None:
        self._tenant.remove(self.network, self.guests)


def works(lab: Lab, tenant: Tenant, octet: int) -> None:
    """A network that is made now has guests on two hosts that reach each other, and rules are applied."""
    door = Door(lab, tenant, f"net{octet}", octet)
    door.opens_and_shuts()
    door.remove()


class Pings:
    """Pings every 10 ms between guests, from the start until `counted`."""

    def __init__(self, pairs: list[tuple[Guest, str]]) -> None:
        self._children = [(source, address, self._start(source, address)) for source, address in pairs]
        self.late = 0.0

    def _start(self, source: Guest, address: str) -> subprocess.Popen[str]:
        child: subprocess.Popen[str] = source.host.popen(
            "ip", "netns", "exec", source.name, sys.executable, TOOL, "ping", str(INTERVAL), address,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        return child

    def counted(self) -> dict[str, tuple[int, int, Any]]:
        """By flow: how many were sent, how many were lost, and when; `late` tells how late one was sent."""
        found = {}
        for source, address, child in self._children:
            assert child.stdin is not None and child.stdout is not None
            child.stdin.close()
            one = json.loads(child.stdout.read())[address]
            child.wait(60)
            found[f"{source.name} -> {address}"] = (one["sent"], one["lost"], one["at"])
            self.late = max(self.late, one["late"])
        return found


def nothing_lost(change: Callable[[], None], *pairs: tuple[Guest, str]) -> None:
    """Pings run meanwhile, and each is answered; again, at most three times, while the machine has no time for them."""

    def turn() -> tuple[bool, float, Any]:
        pings = Pings(list(pairs))
        time.sleep(0.5)
        change()
        time.sleep(2.0)
        found = pings.counted()
        assert all(sent > 100 for sent, _, _ in found.values()), found
        return not any(lost for _, lost, _ in found.values()), pings.late, found

    in_time(turn)


class Asking:
    """A client that changes something and reads it back, all the time; what was not answered is kept.

    Whoever is cut off asks again (`again`), as clients do: an answer that is an error is a fault, and so is one that
    does not come within `patience` seconds.
    """

    def __init__(self, lab: Lab, path: str, member: str, patience: float = 5.0) -> None:
        self._api, self._path, self._member, self._patience = lab.api, path, member, patience
        self._end = threading.Event()
        self.asked, self.again, self.longest = 0, 0, 0.0
        self.faults: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._end.wait(0.05):
            name, began = f"asked-{self.asked}", time.monotonic()
            while True:
                try:
                    self._api.request("PUT", self._path, {self._member: {"description": name}})
                    found = self._api.get(self._path)[self._member]["description"]
                    if found != name:
                        self.faults.append(f"{name} is {found}")
                    break
                except ClientError as error:
                    if error.status or time.monotonic() - began > self._patience:
                        self.faults.append(str(error))
                        break
                    self.again += 1
                    time.sleep(0.05)
            self.asked += 1
            self.longest = max(self.longest, time.monotonic() - began)

    def end(self) -> None:
        self._end.set()
        self._thread.join(30)
