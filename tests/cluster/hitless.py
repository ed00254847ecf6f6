"""What traffic notices while the control plane dies, restarts and works: the flows, the faults, and a table.

`Traffic` is 20 flows of pings every 10 ms (same host, across hosts, routed, floating IP) and one TCP connection.
`ROWS` are the faults, each a function of the lab and of how long an outage lasts.
As a program it prints the table: hitless.py [--turns N] [--outage SECONDS] [--changes N] [ROW...]; exit status 1 when
a row lost something.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.lab import Lab
from tests.cluster.tenants import Guest, Tenant
from tests.real.testhost import PATIENCE

TOOL = str(Path(__file__).with_name("flows.py"))
INTERVAL = 0.01
AFTER = 4.0
KINDS = ("same host", "across hosts", "routed", "floating IP")


@dataclass
class Outcome:
    """What one turn of a row did to the flows: pings sent and lost by kind, and the TCP connection."""

    sent: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    where: list[str] = field(default_factory=list)
    stream: dict[str, Any] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        return not any(self.lost.values()) and bool(self.stream.get("whole"))


class Traffic:
    """The guests of three hosts and what flows between them."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        first, second, third = lab.hosts
        tenant = self.tenant = Tenant(lab, "flow")
        outside = tenant.network("outside", "192.0.2.0/24", **{
            "router:external": True, "provider:network_type": "vlan", "provider:physical_network": "physnet1",
            "provider:segmentation_id": 201,
        })  # fmt: skip
        a, b = tenant.network("a", "10.8.0.0/24"), tenant.network("b", "10.9.0.0/24")
        tenant.router("router", a, b, outside=outside["id"])
        a1, a2, a3, a4 = (tenant.guest(a, host) for host in (first, first, second, second))
        b1 = tenant.guest(b, third)
        out = tenant.guest(outside, third, gateway=False)
        floating = [
            tenant.make("floatingip", "", floating_network_id=outside["id"], port_id=each.port["id"])
            for each in (a1, a2, a3, a4, b1)
        ]
        self.flows: list[tuple[str, Guest, str]] = []
        for kind, pairs in (
            ("same host", [(a1, a2), (a2, a1), (a3, a4), (a4, a3)]),
            ("across hosts", [(a1, a3), (a3, a1), (a1, a4), (a4, a1), (a2, a3), (a3, a2)]),
            ("routed", [(a1, b1), (b1, a1), (a2, b1), (a3, b1), (b1, a4)]),
        ):
            self.flows += [(kind, source, sink.ip) for source, sink in pairs]
        self.flows += [("floating IP", out, each["floating_ip_address"]) for each in floating]
        self._talk = (a1, a3)
        tenant.wait()
        for _, source, address in self.flows:
            lab.until(lambda s=source, to=address: s.pings(to), 30, f"{source.name} reaches {address}")
        self._echo = self._start(a3, "echo", "7777")

    def run(self, fault: Callable[[], None]) -> Outcome:
        """Let the flows run while the fault happens, from a random moment on, and for a while after it."""
        by_guest: dict[str, tuple[Guest, list[str]]] = {}
        for _, source, address in self.flows:
            by_guest.setdefault(source.name, (source, []))[1].append(address)
        pings = {
            name: self._start(source, "ping", str(INTERVAL), *addresses)
            for name, (source, addresses) in by_guest.items()
        }
        source, sink = self._talk
        stream = self._start(source, "stream", str(INTERVAL), sink.ip, "7777")
        time.sleep(random.uniform(1.0, 2.0))
        fault()
        time.sleep(AFTER)
        for child in (*pings.values(), stream):
            assert child.stdin is not None
            child.stdin.close()
        found = {name: json.loads(_last(child)) for name, child in pings.items()}
        return self._outcome(found, json.loads(_last(stream)))

    def _outcome(self, found: dict[str, Any], stream: dict[str, Any]) -> Outcome:
        made = Outcome(dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0), [], stream)
        for kind, source, address in self.flows:
            one = found[source.name][address]
            made.sent[kind] += one["sent"]
            made.lost[kind] += one["lost"]
            if one["lost"]:
                made.where.append(f"{source.name} -> {address} ({kind}): {one['lost']} lost at {one['at']} s")
        if not stream["whole"]:
            made.where.append(f"the TCP connection: {stream}")
        return made

    def _start(self, guest: Guest, *words: str) -> subprocess.Popen[str]:
        child = guest.host.popen(
            "ip", "netns", "exec", guest.name, sys.executable, TOOL, *words, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        return child


def _last(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    text = child.stdout.read()
    child.wait(60 * PATIENCE)
    return text


# The faults


@dataclass(frozen=True)
class Fault:
    """`outage` in seconds; `changes`: how many objects a busy tenant makes and removes."""

    lab: Lab
    outage: float = 10.0
    changes: int = 100

    def nothing(self) -> None:
        time.sleep(3)

    def agents_restart(self) -> None:
        for agent in self.lab.agents:
            agent.end(signal.SIGTERM)
            agent.start()

    def agents_killed(self) -> None:
        for agent in self.lab.agents:
            agent.end(signal.SIGKILL)
            time.sleep(random.uniform(0, 0.5))
            agent.start()
            # Killed again while it starts and takes over what is there.
            time.sleep(random.uniform(0.1, 1.5))
            agent.end(signal.SIGKILL)
            agent.start()

    def servers_restart(self) -> None:
        for server in self.lab.servers:
            server.end(signal.SIGTERM)
            server.start()

    def servers_killed(self) -> None:
        for server in self.lab.servers:
            server.end(signal.SIGKILL)
        time.sleep(self.outage / 2)
        for server in self.lab.servers:
            server.start()

    def broker_down(self) -> None:
        self.lab.broker.kill()
        time.sleep(self.outage)
        self.lab.broker.start()

    def database_down(self) -> None:
        self.lab.database.kill()
        time.sleep(self.outage)
        self.lab.database.start()

    def resync(self) -> None:
        """Each agent forgets nothing, asks for everything and compares: twice in what this takes (see `LAB`)."""
        time.sleep(2 * RESYNC + 1)

    def busy_tenant(self) -> None:
        """Another tenant makes, changes and removes ports on all hosts, and security group rules."""
        other = Tenant(self.lab, f"busy{random.randrange(10**6)}")
        network = other.network("net", "10.8.0.0/16")
        api = self.lab.api
        for first in range(0, self.changes, 20):
            ports = [
                {"network_id": network["id"], "device_owner": "compute:lab", "device_id": f"busy{first + number}",
                 "binding:host_id": self.lab.hosts[number % len(self.lab.hosts)].name}
                for number in range(20)
            ]  # fmt: skip
            made = api.request("POST", "/v2.0/ports", {"ports": ports})["ports"]
            rule = {"direction": "ingress", "ethertype": "IPv4", "protocol": "tcp", "port_range_min": first + 1}
            other.make("security_group_rule", "", security_group_id=other.group["id"], port_range_max=first + 2, **rule)
            for port in made:
                api.request("DELETE", f"/v2.0/ports/{port['id']}")


ROWS = (
    "nothing", "agents_restart", "agents_killed", "servers_restart", "servers_killed", "broker_down", "database_down",
    "resync", "busy_tenant",
)  # fmt: skip
RESYNC = 3
LAB = (f"agent.resync_seconds={RESYNC}", "agent.report_seconds=3")


def recovered(lab: Lab, traffic: Traffic) -> None:
    """The control plane works again: a new guest on each host is wired and reached."""
    lab.until(lambda: _heard(lab), 60, "all agents report again")
    network = traffic.tenant.network(f"after{random.randrange(10**6)}", "10.10.0.0/24")
    guests = [traffic.tenant.guest(network, host) for host in lab.hosts]
    traffic.tenant.wait(60)
    for guest in guests[1:]:
        lab.until(lambda to=guest.ip: guests[0].pings(to), 30, f"{guests[0].name} reaches {guest.name}")
    traffic.tenant.remove(network, guests)


def _heard(lab: Lab) -> bool:
    try:
        return lab.alive() == {host.name for host in lab.hosts}
    except Exception:
        return False


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="What traffic notices of faults of the control plane.")
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], metavar="ROW", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--outage", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--changes", type=int, default=1000)
    args = parser.parse_args(words)
    lab = Lab(3, servers=2, of_agents=LAB)
    clean = True
    try:
        lab.start()
        traffic = Traffic(lab)
        fault = Fault(lab, args.outage, args.changes)
        print(f"{'row':<18}{'turns':>6}{'pings':>10}" + "".join(f"{kind:>14}" for kind in KINDS) + f"{'TCP':>8}")
        for row in args.rows or ROWS:
            clean &= _row(lab, traffic, fault, row, args.turns)
    finally:
        lab.stop()
    return 0 if clean else 1


def _row(lab: Lab, traffic: Traffic, fault: Fault, row: str, turns: int) -> bool:
    found = []
    for turn in range(turns):
        if sys.stderr.isatty():
            print(f"\r{row}: {turn + 1} of {turns}", end="", file=sys.stderr, flush=True)
        found.append(traffic.run(getattr(fault, row)))
        recovered(lab, traffic)
    lost = "".join(f"{sum(each.lost[kind] for each in found):>14}" for kind in KINDS)
    sent = sum(sum(each.sent.values()) for each in found)
    broken = sum(not each.stream["whole"] for each in found)
    print(f"\r{row.replace('_', ' '):<18}{turns:>6}{sent:>10}{lost}{broken:>8}", flush=True)
    for each in found:
        for line in each.where:
            print(f"    {line}")
    return all(each.clean for each in found)


if __name__ == "__main__":
    sys.exit(main())
