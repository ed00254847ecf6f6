"""Clients that create, change and delete everything at once, and what must hold when they are done.

Each client is somebody of one of two projects, speaks to one server after the other, and keeps a book of its own: what
was answered last of the ports that only it changes, and how often it counted up the number in the description of an
object that all change (read, then written on the condition that the revision is still the same).  Any status but those
of `EXPECTED` is a failure: conflicts are the user's to know, what the database says to servers is not.
"""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.load.processes import Caller

EXPECTED = {200, 201, 204, 400, 404, 409, 412}
MEMBERS = {
    "network": "networks", "subnet": "subnets", "port": "ports", "router": "routers", "floatingip": "floatingips",
}  # fmt: skip


@dataclass
class Site:
    """What the clients of one project share; `counted` is the port whose description they count up."""

    token: str
    project_id: str
    external: str
    counted: str = ""
    ids: dict[str, list[str]] = field(default_factory=lambda: {member: [] for member in MEMBERS})
    plugged: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Book:
    """What a client was told; `doubts` are changes of which it does not know whether they were made."""

    names: dict[str, str | None] = field(default_factory=dict)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    counted: int = 0
    doubts: int = 0


class Mixed:
    """One client.  `lossy`: servers are killed meanwhile, so that an answer may not come."""

    def __init__(self, site: Site, ports: list[int], seed: int, lossy: bool = False) -> None:
        self.site, self.book, self._lossy = site, Book(), lossy
        self._random = random.Random(seed)
        self._callers = [Caller(port, site.token) for port in ports]
        self._verbs: dict[Callable[[], None], int] = {
            self.make_network: 2, self.make_subnet: 4, self.make_port: 12, self.make_ports: 2, self.rename: 8,
            self.move: 6, self.drop_port: 9, self.make_router: 2, self.plug: 4, self.unplug: 3, self.gateway: 3,
            self.make_floating: 5, self.associate: 6, self.drop_floating: 3, self.drop_network: 1,
            self.drop_subnet: 2, self.drop_router: 1, self.count: 10,
        }  # fmt: skip

    def run(self, until: float, least: int = 0) -> None:
        """Until the time (of `time.monotonic`), or until so many requests were made if that is later."""
        while (time.monotonic() < until or sum(self.book.statuses.values()) < least) and not self.book.failures:
            verb = self._random.choices(list(self._verbs), list(self._verbs.values()))[0]
            try:
                verb()
            except Exception as error:
                self.book.failures.append(f"{verb.__name__}: {type(error).__name__}: {error}")

    # One request

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and object; status 0 when the answer did not come."""
        caller = self._random.choice(self._callers)
        try:
            status, answer, _ = caller.call(method, path, body, **headers)
        except (OSError, http.client.HTTPException) as error:
            caller.connection.close()
            if not self._lossy:
                self.book.failures.append(f"{method} {path}: no answer: {error!r}")
            status, answer = 0, None
            time.sleep(0.02)
        self.book.statuses[f"{method} {path.split('/')[2]}", status] += 1
        if status and status not in EXPECTED:
            self.book.failures.append(f"{method} {path} {body}: {status} {answer}")
        return status, answer

    def any(self, member: str) -> str:
        """One of the project's, perhaps gone meanwhile."""
        return self._random.choice(self.site.ids[member] or ["none"])

    def make(self, member: str, **body: Any) -> dict[str, Any]:
        """The object, empty when it was refused."""
        status, answer = self.ask("POST", f"/v2.0/{MEMBERS[member]}", {member: body})
        if status != 201:
            return {}
        self.site.ids[member].append(answer[member]["id"])
        return dict(answer[member])

    def drop(self, member: str, id: str) -> int:
        status, _ = self.ask("DELETE", f"/v2.0/{MEMBERS[member]}/{id}")
        if status in (204, 404) and id in self.site.ids[member]:
            self._forget(member, id)
        return status

    def _forget(self, member: str, id: str) -> None:
        try:
            self.site.ids[member].remove(id)
        except ValueError:
            return

    # Networks and subnets

    def make_network(self) -> None:
        self.make("network", name="n")

    def make_subnet(self) -> None:
        cidr = f"10.{self._random.randrange(6)}.{self._random.randrange(4)}.0/{self._random.choice([24, 27, 29])}"
        made = self.make("subnet", network_id=self.any("network"), ip_version=4, cidr=cidr)
        if made and self._random.random() < 0.3:
            self.ask("PUT", f"/v2.0/subnets/{made['id']}", {"subnet": {"name": "s", "enable_dhcp": False}})

    def drop_network(self) -> None:
        self.drop("network", self.any("network"))

    def drop_subnet(self) -> None:
        self.drop("subnet", self.any("subnet"))

    # Ports; only their maker renames and deletes them

    def make_port(self) -> None:
        body: dict[str, Any] = {"network_id": self.any("network"), "name": "new"}
        if self._random.random() < 0.3:
            body["mac_address"] = f"02:00:00:00:00:{self._random.randrange(24):02x}"
        if self._random.random() < 0.3:
            body["fixed_ips"] = [{"subnet_id": self.any("subnet")}]
        if made := self.make("port", **body):
            self.book.names[made["id"]] = "new"

    def make_ports(self) -> None:
        body = {"network_id": self.any("network"), "name": "new"}
        status, answer = self.ask("POST", "/v2.0/ports", {"ports": [body] * 3})
        for port in answer["ports"] if status == 201 else ():
            self.site.ids["port"].append(port["id"])
            self.book.names[port["id"]] = "new"

    def _mine(self) -> str:
        return self._random.choice([id for id, name in self.book.names.items() if name is not None] or ["none"])

    def rename(self) -> None:
        id, name = self._mine(), f"name{self._random.random()}"
        before = self.book.names.pop(id, None)
        status, _ = self.ask("PUT", f"/v2.0/ports/{id}", {"port": {"name": name}})
        if status and before is not None:
            self.book.names[id] = name if status == 200 else before

    def move(self) -> None:
        """Another address, or another one too."""
        subnet, host = self.any("subnet"), self._random.randrange(2, 40)
        _, found = self.ask("GET", f"/v2.0/subnets/{subnet}")
        if not found or "subnet" not in found:
            return
        address = found["subnet"]["cidr"].rpartition(".")[0] + f".{host}"
        fixed = {"fixed_ips": [{"subnet_id": subnet, "ip_address": address}]}
        self.ask("PUT", f"/v2.0/ports/{self.any('port')}", {"port": fixed})

    def drop_port(self) -> None:
        id = self._mine()
        before = self.book.names.pop(id, None)
        status = self.drop("port", id)
        if status and before is not None:
            self.book.names[id] = None if status == 204 else before

    # Routers and floating IPs

    def make_router(self) -> None:
        gateway = {"external_gateway_info": {"network_id": self.site.external}} if self._random.random() < 0.7 else {}
        self.make("router", name="r", **gateway)

    def plug(self) -> None:
        router, subnet = self.any("router"), self.any("subnet")
        status, _ = self.ask("PUT", f"/v2.0/routers/{router}/add_router_interface", {"subnet_id": subnet})
        if status == 200:
            self.site.plugged.append((router, subnet))

    def unplug(self) -> None:
        if self.site.plugged:
            router, subnet = self._random.choice(self.site.plugged or [("none", "none")])
            self.ask("PUT", f"/v2.0/routers/{router}/remove_router_interface", {"subnet_id": subnet})

    def gateway(self) -> None:
        info = self._random.choice([None, {"network_id": self.site.external}])
        self.ask("PUT", f"/v2.0/routers/{self.any('router')}", {"router": {"external_gateway_info": info}})

    def drop_router(self) -> None:
        self.drop("router", self.any("router"))

    def make_floating(self) -> None:
        port = {"port_id": self.any("port")} if self._random.random() < 0.4 else {}
        self.make("floatingip", floating_network_id=self.site.external, **port)

    def associate(self) -> None:
        port = self._random.choice([None, self.any("port")])
        self.ask("PUT", f"/v2.0/floatingips/{self.any('floatingip')}", {"floatingip": {"port_id": port}})

    def drop_floating(self) -> None:
        self.drop("floatingip", self.any("floatingip"))

    # The number that all count up

    def count(self) -> None:
        path = f"/v2.0/ports/{self.site.counted}"
        status, found = self.ask("GET", path)
        if status != 200:
            return
        port = found["port"]
        body = {"port": {"description": str(int(port["description"] or 0) + 1)}}
        status, _ = self.ask("PUT", path, body, **{"If-Match": f"revision_number={port['revision_number']}"})
        self.book.counted += status == 200
        self.book.doubts += status == 0


def all_at_once(clients: list[Mixed], seconds: float, least: int = 0) -> None:
    """Run the clients, each in a thread."""
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=client.run, args=(until, least)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
