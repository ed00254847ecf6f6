"""What happens to a cloud while traffic flows: faults of what is ours, and of what belongs to others.

A fault of ours loses nothing.  What belongs to others (Open vSwitch, a process or an object that somebody removes) may
lose packets while it is away: then `Mended` says from when on, and how soon, it must be as before, and what tells.
"""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.cluster.lab import ROOT, Lab
from tests.cluster.tenants import Tenant
from tests.real.testhost import DATAPATH, PATIENCE, TestHost

OURS = (
    "nothing", "agents_restart", "agents_killed", "agents_upgraded", "servers_restart", "servers_killed", "broker_down",
    "database_down", "host_cut_off", "resync", "busy_tenant",
)  # fmt: skip
OTHERS = ("vswitchd_killed", "ovsdb_killed", "dnsmasq_killed", "router_removed", "rules_removed")
# In userspace vswitchd itself loses a packet of tunnels now and then while an interface comes or goes, by hand too.
# What shall lose nothing makes none there: a network without DHCP has no interface of its own.
PLUGS = DATAPATH != "netdev"
RESYNC = 3
LAB = (f"agent.resync_seconds={RESYNC}", "agent.report_seconds=3")


@dataclass(frozen=True)
class Mended:
    """`since`: the moment (of the monotonic clock) from which on the flows must be back `within` seconds; `took`: how
    long it was until the thing itself was back, in seconds."""

    since: float
    within: float
    took: float = 0.0


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

    def agents_upgraded(self) -> None:
        """Another installed copy of the program takes the place of the one that runs, whose files go.  The code of what
        outlives an agent is another one, too: these processes are replaced."""
        copy = self.lab.folder / f"installed-{random.randrange(10**9)}"
        shutil.copytree(ROOT / "src", copy, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("host/ha_files.py", "view/types.py"):
            with (copy / "heddle" / name).open("a", encoding="utf-8") as file:
                file.write(f"# {copy.name}\n")
        for agent in self.lab.agents:
            before, agent.source = agent.source, copy
            agent.end(signal.SIGTERM)
            agent.start()
        if before != ROOT / "src":
            shutil.rmtree(before)

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

    def host_cut_off(self) -> None:
        """A host with guests and maybe the router reaches neither broker nor server; a change of it waits meanwhile."""
        host, tenant = self.lab.hosts[0], Tenant(self.lab, f"waits{random.randrange(10**6)}")
        network = tenant.network("net", "10.11.0.0/24", dhcp=PLUGS)
        for hook, way in (("input", "iifname"), ("output", "oifname")):
            chain = f"chain {hook} {{ type filter hook {hook} priority -300; {way} mgmt0 drop; }}"
            host.sh(f"nft 'table inet cut {{ {chain}; }}'")
        port = tenant.make("port", "", network_id=network["id"], **{"binding:host_id": host.name})
        time.sleep(self.outage)
        host.sh("nft delete table inet cut")
        self.lab.client("wait", "port", port["id"], "--timeout", "60")
        self.lab.api.request("DELETE", f"/v2.0/ports/{port['id']}")
        tenant.remove(network, [])

    def resync(self) -> None:
        """Each agent forgets nothing, asks for everything and compares: twice in what this takes (see `LAB`)."""
        time.sleep(2 * RESYNC + 1)

    def busy_tenant(self) -> None:
        """Another tenant makes, changes and removes ports on all hosts, and security group rules."""
        other = Tenant(self.lab, f"busy{random.randrange(10**6)}")
        network = other.network("net", "10.8.0.0/16", dhcp=PLUGS)
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

    # What belongs to others

    def vswitchd_killed(self) -> Mended:
        """Of the host that has most of the flows; its network configuration gives the tunnels their address again."""
        host = self.lab.hosts[0]
        host.kill("ovs-vswitchd")
        time.sleep(0.5)
        host.start_vswitchd()
        self.lab.address_underlay(host)
        return Mended(time.monotonic(), 1.0)

    def ovsdb_killed(self) -> Mended:
        """In userspace vswitchd forwards nothing while it has lost its database, and tries again after 1, 2, 4 and 8 s:
        what counts is the moment in which it has it again."""
        host = self.lab.hosts[0]
        before = self._connected(host)
        host.kill("ovsdb-server")
        time.sleep(1.0)
        host.start_ovsdb()
        self.lab.until(lambda: self._connected(host) > before, 10, "vswitchd has its database again")
        return Mended(time.monotonic(), 1.0)

    def _connected(self, host: TestHost) -> int:
        """How often vswitchd has reached its database."""
        return int(host.sh("grep -c 'db.sock: connected' /var/log/openvswitch/ovs-vswitchd.log || true"))

    def dnsmasq_killed(self) -> Mended:
        """Wherever the first of them runs: another one comes, and it is told as drift."""
        host, found = next((host, pids) for host in self.lab.hosts if (pids := host.sh("pgrep -x dnsmasq || true")))
        pid = found.split()[0]
        name = host.sh(f"ip netns identify {pid}").strip()
        began, before = time.monotonic(), self._drifts(host, name)
        host.sh(f"kill -9 {pid}")
        look = f"for pid in $(ip netns pids {name}); do cat /proc/$pid/comm; done | grep dnsmasq || true"
        return Mended(began, 0.0, self._back(host, name, before, lambda: bool(host.sh(look))))

    def router_removed(self) -> Mended:
        host, name = self._router()
        began, before = time.monotonic(), self._drifts(host, name)
        host.run("ip", "netns", "delete", name)
        return Mended(began, 5.0, self._back(host, name, before, lambda: name in host.run("ip", "netns", "list")))

    def rules_removed(self) -> Mended:
        host, name = self._router()
        began, before = time.monotonic(), self._drifts(host, name)
        command = ("ip", "netns", "exec", name, "nft")
        host.run(*command, "delete", "table", "inet", "heddle")
        took = self._back(host, name, before, lambda: "snat" in host.run(*command, "list", "ruleset"))
        return Mended(began, 5.0, took)

    def _router(self) -> tuple[TestHost, str]:
        """Any of all that are there: the one of a highly available router is on each host that has it ready."""
        words = [(host, word) for host in self.lab.hosts for word in host.run("ip", "netns", "list").split()]
        return random.choice([each for each in words if each[1].startswith("qrouter-")])

    def _back(self, host: TestHost, name: str, before: int, there: Callable[[], bool]) -> float:
        """Seconds until it is there again, at most 5; and the agent tells it as drift: at once, or with the next audit
        when a change or a resync came first."""
        began = time.monotonic()
        self.lab.until(there, 5 * PATIENCE, f"{name} is back")
        took = time.monotonic() - began
        self.lab.until(lambda: self._drifts(host, name) > before, 5 * PATIENCE, f"the drift of {name} is told")
        return took

    def _drifts(self, host: TestHost, name: str) -> int:
        """How often the host's agent has told of drift there."""
        agent = next(agent for agent in self.lab.agents if agent.name == host.name)
        return sum(" drift " in line and name in line for line in agent.log.splitlines())
