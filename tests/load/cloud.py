"""Servers on one database, the projects that load them, and what must hold of the database afterwards."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from tests.engines.servers import engine_name, new_database
from tests.load.mixed import Mixed, Site
from tests.load.processes import Caller, Server, Supervised, log_in
from tests.stateful import invariants

from heddle.store.engine import Store

Cloud = TypeVar("Cloud", bound="Servers")
# Some are reached soon, others not: both ways of an answer are wanted.
QUOTAS = {"network": 12, "subnet": 16, "port": 60, "router": 5, "floatingip": 9}


class Servers:
    """`count` servers on one database, which are there at the same moment; `admin` speaks to the first."""

    def __init__(self, folder: Path, count: int = 2, engine: str = "", **settings: str) -> None:
        self.url = new_database(engine or engine_name()) or f"sqlite:///{folder}/state/heddle.db"
        shared = {"database_url": self.url, "network_vlan_ranges": "public,physnet1:100:109", **settings}
        self.all = self.make(folder, count, shared)
        self.ports = [server.port for server in self.all]
        self._external = ""

    def make(self, folder: Path, count: int, settings: dict[str, str]) -> list[Server]:
        return [Server(folder, run=f"run{number}", **settings) for number in range(count)]

    def start(self) -> None:
        for server in self.all:
            server.begin()
        for server in self.all:
            server.wait()
        self.admin = Caller(self.ports[0], log_in(self.ports[0], password=self.all[0].password))

    def external(self) -> str:
        """An external network with room for twenty addresses."""
        if not self._external:
            made = self.admin.call("POST", "/v2.0/networks", {"network": {"name": "public", "router:external": True}})
            self._external = made[1]["network"]["id"]
            pool = {"start": "203.0.113.10", "end": "203.0.113.29"}
            subnet = {"network_id": self._external, "ip_version": 4, "cidr": "203.0.113.0/24", "enable_dhcp": False,
                      "allocation_pools": [pool]}  # fmt: skip
            status, answer, _ = self.admin.call("POST", "/v2.0/subnets", {"subnet": subnet})
            assert status == 201, answer
        return self._external

    def project(self, quotas: dict[str, int]) -> Site:
        """A project with these quotas, and a token of a member of it."""
        name = f"load-{uuid.uuid4().hex}"
        _, made, _ = self.admin.call("POST", "/identity/v3/projects", {"project": {"name": name}})
        project = made["project"]["id"]
        _, roles, _ = self.admin.call("GET", "/identity/v3/roles")
        role = next(role["id"] for role in roles["roles"] if role["name"] == "member")
        _, users, _ = self.admin.call("GET", "/identity/v3/users?name=admin")
        path = f"/identity/v3/projects/{project}/users/{users['users'][0]['id']}/roles/{role}"
        assert self.admin.call("PUT", path)[0] == 204
        assert self.admin.call("PUT", f"/v2.0/quotas/{project}", {"quota": quotas})[0] == 200
        return Site(log_in(self.ports[-1], name, self.all[0].password), project, self.external())

    def loaded(self, quotas: dict[str, int]) -> Site:
        """A project with a network, and the port whose description is counted up."""
        site = self.project(quotas)
        caller = Caller(self.ports[0], site.token)
        network = caller.call("POST", "/v2.0/networks", {"network": {"name": "first"}})[1]["network"]["id"]
        site.counted = caller.call("POST", "/v2.0/ports", {"port": {"network_id": network}})[1]["port"]["id"]
        site.ids["network"].append(network)
        return site

    def store(self) -> Store:
        return Store(self.url)

    def kill(self) -> None:
        for server in self.all:
            server.kill()


class Workers(Servers):
    """One server of `count` workers; `server` has the processes."""

    def make(self, folder: Path, count: int, settings: dict[str, str]) -> list[Server]:
        self.server = Supervised(folder, count, **settings)
        return [self.server]


@contextmanager
def running(made: Cloud) -> Iterator[Cloud]:
    """Started, and ended."""
    try:
        made.start()
        yield made
    finally:
        made.kill()


def check(cloud: Servers, clients: list[Mixed], quotas: dict[str, int]) -> Counter[tuple[str, int]]:
    """What was asked and answered how often.  Raises `AssertionError`, `invariants.Failure`."""
    statuses: Counter[tuple[str, int]] = Counter()
    for client in clients:
        assert not client.book.failures, client.book.failures[0]
        statuses.update(client.book.statuses)
    store = cloud.store()
    with store.engine.connect() as conn:
        invariants.check_rows(conn)
        used = conn.execute(sa.text("SELECT project_id, resource, used FROM quota_usage")).all()
    store.close()
    sites = {client.site.project_id: client.site for client in clients}
    for project, resource, number in used:
        if project in sites and resource in quotas:
            assert number <= quotas[resource], f"{number} of {resource}, of which {quotas[resource]} are allowed"
    for site in sites.values():
        check_books(Caller(cloud.ports[0], site.token), site, [c for c in clients if c.site is site])
    return statuses


def check_books(caller: Caller, site: Site, clients: list[Mixed]) -> None:
    """What the clients of a project were told is what there is."""
    status, answer, _ = caller.call("GET", f"/v2.0/ports?project_id={site.project_id}")
    assert status == 200
    there = {port["id"]: port for port in answer["ports"]}
    for client in clients:
        for id, name in client.book.names.items():
            found = there[id]["name"] if id in there else None
            assert found == name, f"port {id}: {name!r} was answered, {found!r} is there"
    counted = sum(client.book.counted for client in clients)
    number = int(there[site.counted]["description"] or 0)
    doubts = sum(client.book.doubts for client in clients)
    assert counted <= number <= counted + doubts, f"counted up {counted} times (in doubt {doubts}), it says {number}"
