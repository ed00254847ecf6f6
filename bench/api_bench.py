"""Throughput and latency of a Networking v2.0 server, over its public API only.

Phase "small", on an almost empty database, for each number of clients:

    network_create subnet_create port_create port_get port_update port_delete network_delete

Phase "populated", while networks of `ports_per_network` ports are filled by bulk creation up to each of `sizes`:

    port_bulk_create_to_N    {"ports": [...]} of `bulk_size`; also in ports per second
    port_list_N              GET of all ports when there are N, up to `whole_lists`
    port_list_id_N           the same with fields=id

and then, at the largest N, for each number of clients:

    port_list_page100_at_N port_list_fields_at_N port_list_device_at_N
    port_get_at_N port_create_at_N port_update_at_N port_delete_at_N

A latency covers sending the request and reading the whole answer.  The client is one Python process: beyond a few
thousand small requests a second it is the limit.  `run` always removes what it made, unless `keep` is set, and
gives the project its quota back.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import platform
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.client import ApiError, Client, Dial
from bench.measure import Job, line, measure
from bench.quota import unlimited

API = "/v2.0"


@dataclass
class Options:
    """What to run, and how much of it."""

    url: str
    token: str = ""
    requests: int = 200
    list_requests: int = 10
    concurrency: tuple[int, ...] = (1, 8)
    sizes: tuple[int, ...] = (1000, 10000)
    whole_lists: int = 10000
    bulk_size: int = 100
    bulk_concurrency: int = 2
    ports_per_network: int = 250
    phases: tuple[str, ...] = ("small", "populated")
    warmup: int = 8
    timeout: float = 300
    keep: bool = False
    dial: Dial | None = None
    say: Callable[[str], None] = field(default=lambda text: None)


class Bench:
    """One run against one server; a result row per operation in `results`.

    `also`: what else to measure, called with this and the number of requests.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self._headers = {"Accept": "application/json", "User-Agent": "heddle-bench"}
        if options.token:
            self._headers["X-Auth-Token"] = options.token
        self._run_id = uuid.uuid4().hex[:8]
        self._serial = itertools.count()
        self._networks: dict[str, None] = {}
        self.results: list[dict[str, Any]] = []
        self.also: Sequence[Callable[[Bench, int], None]] = ()
        self.admin = self.client()

    def client(self) -> Client:
        return Client(self.options.url, self._headers, self.options.timeout, self.options.dial)

    def _name(self, kind: str) -> str:
        return f"bench-{self._run_id}-{kind}-{next(self._serial)}"

    def measure(self, op: str, concurrency: int, jobs: Sequence[Job], units: int = 1) -> list[Any]:
        """Run the jobs, keep the row; returns the decoded answers in order, None for one that failed."""
        row, answers = measure(self.client, op, concurrency, jobs, units)
        self.results.append(row)
        self.options.say(line(row))
        return answers

    # Phases

    def _network(self, cidr: str) -> str:
        network = self.admin.call("POST", f"{API}/networks", {"network": {"name": self._name("net")}})["network"]
        self._networks[network["id"]] = None
        subnet = {"network_id": network["id"], "ip_version": 4, "cidr": cidr, "enable_dhcp": False}
        self.admin.call("POST", f"{API}/subnets", {"subnet": subnet})
        return str(network["id"])

    def _port(self, network_id: str, **extra: Any) -> dict[str, Any]:
        return {"network_id": network_id, "name": self._name("port"), **extra}

    def _small(self, concurrency: int) -> None:
        count = range(self.options.requests)
        jobs: list[Job] = [("POST", f"{API}/networks", {"network": {"name": self._name("net")}}) for _ in count]
        networks = _ids(self.measure("network_create", concurrency, jobs), "network")
        self._networks |= dict.fromkeys(networks)
        jobs = []
        for number, network in enumerate(networks):
            cidr = f"10.{number // 250}.{number % 250}.0/24"
            subnet = {"network_id": network, "ip_version": 4, "cidr": cidr, "enable_dhcp": False}
            jobs.append(("POST", f"{API}/subnets", {"subnet": subnet}))
        self.measure("subnet_create", concurrency, jobs)
        self._port_verbs(concurrency, self._network("10.200.0.0/16"), "")
        self.measure("network_delete", concurrency, [("DELETE", f"{API}/networks/{each}", None) for each in networks])
        for network in networks:
            self._networks.pop(network)

    def _port_verbs(self, concurrency: int, network_id: str, suffix: str) -> None:
        count = range(self.options.requests)
        jobs: list[Job] = [("POST", f"{API}/ports", {"port": self._port(network_id)}) for _ in count]
        ports = _ids(self.measure("port_create" + suffix, concurrency, jobs), "port")
        urls = [f"{API}/ports/{each}" for each in ports]
        self.measure("port_get" + suffix, concurrency, [("GET", url, None) for url in urls])
        jobs = [("PUT", url, {"port": {"name": self._name("renamed")}}) for url in urls]
        self.measure("port_update" + suffix, concurrency, jobs)
        self.measure("port_delete" + suffix, concurrency, [("DELETE", url, None) for url in urls])

    def _populated(self) -> None:
        options = self.options
        existing = len(self.admin.call("GET", f"{API}/ports?fields=id")["ports"])
        bodies = self._bodies()
        made = 0
        devices: list[str] = []
        for size in sorted(options.sizes):
            wanted = list(itertools.islice(bodies, max(0, size - existing - made)))
            made += len(wanted)
            devices += [body["device_id"] for body in wanted[::2]]
            steps = range(0, len(wanted), options.bulk_size)
            jobs: list[Job] = [("POST", f"{API}/ports", {"ports": wanted[at : at + options.bulk_size]}) for at in steps]
            if jobs:
                self.measure(f"port_bulk_create_to_{size}", options.bulk_concurrency, jobs, options.bulk_size)
            for clients in options.concurrency if size <= options.whole_lists else ():
                self._list(f"port_list_{size}", clients, "")
                self._list(f"port_list_id_{size}", clients, "?fields=id")
        for clients in options.concurrency:
            self._at(max(options.sizes), clients, devices)

    def _bodies(self) -> Iterable[dict[str, Any]]:
        """Ports without end, `ports_per_network` to a network, two to a device."""
        while True:
            network_id = self._network("10.64.0.0/16")
            for number in range(self.options.ports_per_network):
                if number % 2 == 0:
                    device = str(uuid.uuid4())
                yield self._port(network_id, device_id=device)

    def _list(self, op: str, clients: int, query: str, few: bool = True) -> None:
        count = max(self.options.list_requests, clients) if few else self.options.requests
        answers = self.measure(op, clients, [("GET", f"{API}/ports{query}", None)] * count)
        self.results[-1]["items"] = len(answers[0]["ports"]) if answers[0] else None

    def _at(self, size: int, clients: int, devices: Sequence[str]) -> None:
        at = f"_at_{size}"
        self._list("port_list_page100" + at, clients, "?limit=100&sort_key=id&sort_dir=asc", few=False)
        if size <= self.options.whole_lists:
            self._list("port_list_fields" + at, clients, "?fields=id&fields=name")
        chosen = devices[:: max(1, len(devices) // self.options.requests)][: self.options.requests]
        jobs: list[Job] = [("GET", f"{API}/ports?device_id={device}", None) for device in chosen]
        self.measure("port_list_device" + at, clients, jobs)
        self._port_verbs(clients, next(reversed(self._networks)), at)

    # The whole

    def run(self) -> dict[str, Any]:
        """All phases.  The result is what `results` has, and how it was taken."""
        started = time.time()
        with contextlib.ExitStack() as after:
            after.callback(self.admin.close)
            after.enter_context(unlimited(self.admin, self.options.say))
            if not self.options.keep:
                after.callback(self._clean)
            for _ in range(self.options.warmup):
                self._warm_up()
            if "small" in self.options.phases:
                for clients in self.options.concurrency:
                    self._small(clients)
            for work in self.also:
                work(self, self.options.requests)
            if "populated" in self.options.phases:
                self._populated()
        taken = ("requests", "list_requests", "bulk_size", "bulk_concurrency", "ports_per_network")
        return {
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
            "duration_s": round(time.time() - started, 1),
            "client": {"python": platform.python_version(), "cpus": os.cpu_count()}
            | {name: getattr(self.options, name) for name in taken},
            "results": self.results,
        }

    def _warm_up(self) -> None:
        """One untimed round: imports, caches and pools of every worker."""
        network_id = self._network("10.250.0.0/24")
        port = self.admin.call("POST", f"{API}/ports", {"port": self._port(network_id)})["port"]
        self.admin.call("GET", f"{API}/ports/{port['id']}")
        self.admin.call("GET", f"{API}/ports?limit=1")
        self.admin.call("DELETE", f"{API}/ports/{port['id']}")
        self.admin.call("DELETE", f"{API}/networks/{network_id}")
        self._networks.pop(network_id)

    def _clean(self) -> None:
        """Remove every network that was made and is still there, with its ports."""
        ports: list[str] = []
        for network in self._networks:
            with contextlib.suppress(ApiError):
                found = self.admin.call("GET", f"{API}/ports?network_id={network}&fields=id&fields=device_owner")
                ports += [port["id"] for port in found["ports"] if not port.get("device_owner")]
        self.measure("port_delete_cleanup", 8, [("DELETE", f"{API}/ports/{port}", None) for port in ports])
        for network in list(self._networks):
            with contextlib.suppress(ApiError):
                self.admin.call("DELETE", f"{API}/networks/{network}")


def _ids(answers: Iterable[Any], kind: str) -> list[str]:
    return [answer[kind]["id"] for answer in answers if answer]
