"""A cloud of simulated hosts: database, broker, servers and agents, started in this order and ended in the other."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from heddle.cli.client import Client, Credentials
from heddle.cli.credentials import read_clouds
from heddle.config import Agent
from heddle.control import host_keys
from heddle.errors import HeddleError
from heddle.simulate.hosts import Crew, Look, Member
from heddle.simulate.postgres import Postgres
from heddle.simulate.processes import HostsProcess, Process, write_settings
from heddle.simulate.rabbitmq import RabbitMq, free_ports
from heddle.store import migrate
from heddle.store.admin import opened
from heddle.store.engine import Tx

QUOTAS = (
    "network", "subnet", "port", "router", "floatingip", "security_group", "security_group_rule",
)  # fmt: skip
ROUTERS_EVERY = 10
START_SECONDS = 120.0
LOOK_SECONDS = 0.25
BROKER_MB = 4096
LOOK_COST = 0.6  # seconds a host that looks at everything takes here, about 0.15, and what else there is to do

Say = Callable[[str], None]


class SimulatedCloud:
    """`hosts` are the names of its hosts, of which every tenth may carry routers.

    Raises `HeddleError` where something is missing on this machine.
    """

    def __init__(self, hosts: int, processes: int = 2, servers: int = 2) -> None:
        if os.geteuid() != 0:
            raise HeddleError("a simulation starts PostgreSQL and RabbitMQ as users of their own: run it as root")
        self.hosts = [f"sim{number:04d}" for number in range(hosts)]
        self._processes = max(1, min(processes, hosts))
        self._members: list[Member] = []
        self.crews: list[HostsProcess] = []
        self.servers: list[Process] = []
        self._wanted, self._addresses = servers, list[int]()
        self._parts: list[Any] = []
        self.database = self._part(Postgres())
        try:
            self.broker = self._part(RabbitMq(memory_mb=BROKER_MB))
        except HeddleError:
            self.stop()
            raise
        self.folder = Path(tempfile.mkdtemp(prefix="heddle-simulate-", dir="/tmp"))

    @property
    def resync_seconds(self) -> float:
        """As far apart as leaves most of this machine's processors to changes, and no closer than on hosts' own."""
        return max(Agent().resync_seconds, len(self.hosts) * LOOK_COST / (os.cpu_count() or 1))

    def _part(self, part: Any) -> Any:
        self._parts.append(part)
        return part

    def start(self, say: Say) -> None:
        """All but the agents."""
        say("PostgreSQL")
        self.database.start()
        say("RabbitMQ")
        self.broker.start()
        say(f"{self._wanted} servers")
        with opened(self.database.url) as store:
            migrate.upgrade(store)
            store.write(self._make_known)
        for number in range(self._wanted):
            self._addresses += free_ports(1)  # just before it is bound: until then anybody may get it
            self.servers.append(self._server(number))
            self._until(self.answers, "the API answers")

    def start_agents(self, say: Say = lambda text: None) -> float:
        """Seconds until all have told that all is applied."""
        began = time.monotonic()
        shares = [self._members[number::self._processes] for number in range(self._processes)]
        for number, members in enumerate(shares):
            log = self.folder / f"hosts{number}.log"
            crew = Crew(broker=self.broker.url("agent"), members=members, resync_seconds=self.resync_seconds)
            self.crews.append(HostsProcess(log, crew))
        self._until(lambda: self._all_applied(say), "all agents have applied their views", 10 + len(self.hosts))
        return time.monotonic() - began

    def stop_agents(self) -> None:
        for crew in self.crews:
            crew.end()
        self.crews.clear()

    def again(self, host: str) -> float:
        """Seconds of a new start of one host's agent."""
        return next(crew for crew in self.crews if host in crew.names).again(host)

    def looks(self) -> list[Look]:
        return [crew.look() for crew in self.crews]

    def stop(self) -> None:
        for process in (*self.crews, *self.servers):
            with suppress(OSError):
                process.end()
        for part in reversed(self._parts):
            with suppress(OSError):
                part.stop()
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def api(self) -> Client:
        """The administrator's client, of the first server."""
        return self._client(0)

    def answers(self) -> bool:
        """Whether the last server that was started does."""
        try:
            return self._client(len(self.servers) - 1).get("/v2.0/networks", limit="1") is not None
        except (HeddleError, OSError, KeyError):
            return False

    # Its parts

    def _client(self, server: int) -> Client:
        entry = read_clouds(self.folder / "state" / "clouds.yaml")["admin"]
        url = f"{self._url(server)}/identity/v3"
        return Client(Credentials(url, entry.username, entry.password, entry.project))

    def _make_known(self, tx: Tx) -> None:
        self._members = [
            Member(
                name=name, key=host_keys.add(tx, name), tunnel_ip=str(ip_address("10.0.0.1") + number),
                roles=("switch", "router") if number % ROUTERS_EVERY == 0 else ("switch",),
            )
            for number, name in enumerate(self.hosts)
        ]

    def _server(self, number: int) -> Process:
        file = self.folder / f"server{number}.toml"
        paths = {name: str(self.folder / f"server{number}" / name) for name in ("host", "run", "log")}
        write_settings(file, {
            "paths": {**paths, "state": str(self.folder / "state")},
            "server": {"listen": "127.0.0.1", "port": self._addresses[number], "user": "", "workers": 1,
                       "public_url": self._url(0), "agent_down_seconds": 24 * 3600},
            "database": {"url": self.database.url},
            "bus": {"url": self.broker.url()},
            "quota": dict.fromkeys(QUOTAS, -1),
        })  # fmt: skip
        log = self.folder / f"server{number}.log"
        return Process(log, "-m", "heddle.cli.main", "--config", str(file), "server")

    def _url(self, number: int) -> str:
        return f"http://127.0.0.1:{self._addresses[number]}"

    def _all_applied(self, say: Say) -> bool:
        looks = self.looks()
        applied = sum(look.applied for look in looks)
        say(f"{applied} of {len(self.hosts)} agents")
        return applied == len(self.hosts)

    def _until(self, condition: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
        end = time.monotonic() + max(seconds, START_SECONDS)
        while not condition():
            for process in (*self.servers, *self.crews):
                if not process.runs:
                    raise HeddleError(f"a process of the simulation has ended\n{process.tail}")
            if time.monotonic() > end:
                tails = "\n".join(process.tail for process in (*self.servers, *self.crews))
                raise HeddleError(f"waited in vain until {what}\n{tails}")
            time.sleep(LOOK_SECONDS)
