"""A simulation from the start to its figures."""

from __future__ import annotations

import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from heddle.cli.client import Client
from heddle.errors import HeddleError
from heddle.simulate.cloud import Say, SimulatedCloud
from heddle.simulate.processes import Process
from heddle.simulate.tenants import Tenants, fill, port_of

APPLIED_SECONDS = 120.0
SETTLE_SECONDS = 1.0
ALONE = 5
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.2


class Change(msgspec.Struct, kw_only=True):
    """One kind of change, made several times: milliseconds from the commit to the moment in which the last host had
    told that it is applied; `hosts` concerned at most; messages, bytes of bodies, and milliseconds of processor time
    of all agents and of the servers, by one change on average (their heartbeats are in the time)."""

    milliseconds: list[int]
    hosts: int
    messages: dict[str, float]
    bytes: float
    agents_cpu: float
    servers_cpu: float

    def percentile(self, share: float) -> int:
        return sorted(self.milliseconds)[min(len(self.milliseconds) - 1, int(share * len(self.milliseconds)))]


class Figures(msgspec.Struct, kw_only=True):
    """Seconds, kilobytes; `load` is that of the machine over a minute, at the start and before each part."""

    hosts: int
    ports: int
    members: int
    fill_seconds: float
    cold_start_seconds: float
    cold_start_host_seconds: float
    cold_start_host_ports: float
    view_objects: float
    active_ports: int
    agent_kilobytes: float
    server_kilobytes: int
    changes: dict[str, Change]
    load: dict[str, float]
    resync_seconds: float


def simulate(cloud: SimulatedCloud, ports: int, changes: int, say: Say) -> Figures:
    """Raises `HeddleError` when a part does not start, or a change is not applied in time."""
    load = {"at the start": os.getloadavg()[0]}
    cloud.start(say)
    cloud.start_agents(say)
    cloud.stop_agents()
    api = cloud.api
    began = time.monotonic()
    made = fill(api, cloud.hosts, ports, say)
    filled = time.monotonic() - began
    say("a cold start of all agents")
    load["before the cold start"] = os.getloadavg()[0]
    cold = cloud.start_agents(say)
    _until_active(api, ports, say)
    load["before the changes"] = os.getloadavg()[0]
    verbs: dict[str, Callable[[int], tuple[str, str]]] = {
        "port": lambda number: _port(api, made, cloud.hosts, number),
        "group rule": lambda number: _rule(api, made, number),
        "router": lambda number: _router(api, made, number),
    }
    measured = {name: _measure(cloud, api, name, verb, changes, say) for name, verb in verbs.items()}
    say("single agents anew")
    alone = [cloud.again(host) for host in cloud.hosts[:: max(1, len(cloud.hosts) // ALONE)][:ALONE]]
    load["at the end"] = os.getloadavg()[0]
    looks = cloud.looks()
    return Figures(
        hosts=len(cloud.hosts), ports=made.ports, members=made.members, fill_seconds=filled, cold_start_seconds=cold,
        cold_start_host_seconds=statistics.median(alone),
        cold_start_host_ports=sum(look.ports for look in looks) / len(cloud.hosts),
        view_objects=sum(look.objects for look in looks) / len(cloud.hosts), active_ports=_active(api),
        agent_kilobytes=sum(crew.kilobytes for crew in cloud.crews) / len(cloud.hosts),
        server_kilobytes=sum(server.kilobytes for server in cloud.servers), changes=measured, load=load,
        resync_seconds=cloud.resync_seconds,
    )  # fmt: skip


def _active(api: Client) -> int:
    return len(api.get("/v2.0/ports", status="ACTIVE", fields="id", device_owner="compute:nova")["ports"])


def _until_active(api: Client, ports: int, say: Say) -> None:
    """What agents told of their ports has arrived."""
    end = time.monotonic() + APPLIED_SECONDS
    while (active := _active(api)) < ports:
        if time.monotonic() > end:
            raise HeddleError(f"only {active} of {ports} ports have become ACTIVE")
        say(f"{active} ports ACTIVE")
        time.sleep(1.0)


# Changes


def _measure(
    cloud: SimulatedCloud, api: Client, name: str, verb: Callable[[int], tuple[str, str]], times: int, say: Say
) -> Change:
    time.sleep(SETTLE_SECONDS)
    before, agents, servers = _traffic(cloud), _cpu(cloud.crews), _cpu(cloud.servers)
    found: list[tuple[int, int]] = []
    for number in range(times):
        say(f"{name} {number + 1} of {times}")
        found.append(_applied(api, *verb(number)))
    time.sleep(SETTLE_SECONDS)
    traffic = _traffic(cloud)
    traffic.subtract(before)
    return Change(
        milliseconds=[took for took, _ in found], hosts=max(hosts for _, hosts in found),
        messages={kind: traffic[kind] / times for kind in ("wake", "fetch", "report")},
        bytes=sum(count for kind, count in traffic.items() if kind.endswith(" bytes")) / times,
        agents_cpu=1000 * (_cpu(cloud.crews) - agents) / times,
        servers_cpu=1000 * (_cpu(cloud.servers) - servers) / times,
    )  # fmt: skip


def _cpu(processes: Sequence[Process]) -> float:
    return sum(process.cpu_seconds for process in processes)


def _traffic(cloud: SimulatedCloud) -> Counter[str]:
    total: Counter[str] = Counter()
    for look in cloud.looks():
        total.update(look.traffic)
    return total


def _applied(api: Client, collection: str, id: str) -> tuple[int, int]:
    """Wait until the newest change of an object is applied everywhere: milliseconds it took, and the hosts."""
    end, pause = time.monotonic() + APPLIED_SECONDS, FIRST_PAUSE
    while True:
        found = api.get(f"/heddle/v1/realised/{collection}/{id}")["realised"]
        if found["state"] == "applied":
            if found["milliseconds"] is None:
                raise HeddleError(f"the server does not know how long {collection} {id} took")
            return int(found["milliseconds"]), int(found["hosts"])
        if found["state"] == "failed" or time.monotonic() > end:
            raise HeddleError(f"{collection} {id} is not applied: {found}")
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _port(api: Client, made: Tenants, hosts: Sequence[str], number: int) -> tuple[str, str]:
    body = port_of(made, hosts, number % len(made.networks), made.ports + number)
    id: str = api.request("POST", "/v2.0/ports", {"port": body})["port"]["id"]
    return "ports", id


def _rule(api: Client, made: Tenants, number: int) -> tuple[str, str]:
    rule = {
        "security_group_id": made.large, "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp",
        "port_range_min": 1000 + number, "port_range_max": 1000 + number, "remote_ip_prefix": "192.0.2.0/24",
    }  # fmt: skip
    body = {"security_group_rule": rule}
    id: str = api.request("POST", "/v2.0/security-group-rules", body)["security_group_rule"]["id"]
    return "security-group-rules", id


def _router(api: Client, made: Tenants, number: int) -> tuple[str, str]:
    """A new router on a network; those before it on the same network give their place up."""
    subnet = made.subnets[number % len(made.subnets)]
    for port in api.get("/v2.0/ports", device_owner="network:router_interface",
                        network_id=made.networks[number % len(made.networks)])["ports"]:  # fmt: skip
        body = {"subnet_id": subnet}
        api.request("PUT", f"/v2.0/routers/{port['device_id']}/remove_router_interface", body)
    id: str = api.request("POST", "/v2.0/routers", {"router": {"name": f"router{number}"}})["router"]["id"]
    api.request("PUT", f"/v2.0/routers/{id}/add_router_interface", {"subnet_id": subnet})
    return "routers", id
