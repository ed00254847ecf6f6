"""Guests: network namespaces with addresses set by hand, in the place of virtual machines.

They are made before a clock starts, with a veth of which one end waits to be plugged into br-int.  The kernel asks
for an unknown neighbour every `ARP_MS`, so that a first ping is not late for the second that it waits by default;
and it does not give up soon, so that no ping is lost for a neighbour that is confirmed late.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.client import Client
from bench.ovsdb import Ovsdb
from bench.site import Site
from bench.space import Space

ARP_MS, ARP_TRIES = 20, 100
API = "/v2.0"


@dataclass(slots=True)
class Guest:
    """`root` is its host's root folder; `port_id` is "" until its port exists."""

    name: str
    mac: str
    address: str
    root: Path
    port_id: str = ""

    @property
    def device(self) -> str:
        return f"p-{self.name}"

    @property
    def space(self) -> Space:
        return Space(str(self.root / "run/netns" / self.name))


class Net:
    """A network 10.`number`.0.0/16, its guests on a host, and how they are made, plugged and removed."""

    def __init__(self, cloud: Site, name: str, number: int) -> None:
        self.cloud, self.api, self.number = cloud, cloud.api, number
        network = self.api.call("POST", f"{API}/networks", {"network": {"name": f"bench-{name}"}})["network"]
        self.id, self.mtu = network["id"], network["mtu"]
        subnet = {"network_id": self.id, "ip_version": 4, "cidr": f"10.{number}.0.0/16", "enable_dhcp": False}
        self.subnet_id = self.api.call("POST", f"{API}/subnets", {"subnet": subnet})["subnet"]["id"]
        self._numbers = itertools.count(256)
        self.guests: dict[str, Guest] = {}
        self._elsewhere: list[Net] = []

    def beside(self, cloud: Site) -> Net:
        """The same network for guests on another host; it goes with this one."""
        other = copy.copy(self)
        other.cloud, other.guests, other._elsewhere = cloud, {}, []
        self._elsewhere.append(other)
        return other

    @property
    def root(self) -> Path:
        return Path(f"/proc/{self.cloud.host.pid}/root")

    def ovsdb(self) -> Ovsdb:
        return Ovsdb(self.root / "run/openvswitch/db.sock")

    def make(self, count: int) -> list[Guest]:
        """New guests, not plugged."""
        made = []
        for _ in range(count):
            place = next(self._numbers)
            high, low = divmod(place, 256)
            mac = f"fa:16:3e:{self.number:02x}:{high:02x}:{low:02x}"
            made.append(Guest(f"b{self.number}-{place}", mac, f"10.{self.number}.{high}.{low}", self.root))
        links = [f"link add {each.device} mtu {self.mtu} type veth peer name eth0 mtu {self.mtu} "
                 f"netns {each.name} address {each.mac}\nlink set {each.device} up" for each in made]  # fmt: skip
        self.cloud.host.sh("\n".join(f"ip netns add {each.name}" for each in made))
        self.cloud.host.run("ip", "-batch", "-", input="\n".join(links) + "\n", timeout=120)
        inside = [f"ip -n {each.name} -batch - <<E\nlink set lo up\nlink set eth0 up\n"
                  f"addr add {each.address}/16 dev eth0\nE" for each in made]  # fmt: skip
        self.cloud.host.run("sh", "-e", input="\n".join(inside) + "\n", timeout=120)
        for each in made:
            with each.space.inside():
                neighbours = Path("/proc/thread-self/root/proc/sys/net/ipv4/neigh/eth0")
                (neighbours / "retrans_time_ms").write_text(f"{ARP_MS}\n")
                for name in ("ucast_solicit", "mcast_solicit"):
                    (neighbours / name).write_text(f"{ARP_TRIES}\n")
                Path("/proc/thread-self/root/proc/sys/net/ipv6/conf/eth0/disable_ipv6").write_text("1\n")
            self.guests[each.name] = each
        return made

    def body(self, guest: Guest, **extra: Any) -> dict[str, Any]:
        """The port that a guest needs, bound to the host."""
        return {
            "network_id": self.id, "mac_address": guest.mac, "binding:host_id": self.cloud.name,
            "fixed_ips": [{"subnet_id": self.subnet_id, "ip_address": guest.address}],
            "device_owner": "compute:bench", "device_id": guest.name, **extra,
        }  # fmt: skip

    def post(self, guests: Sequence[Guest], **extra: Any) -> None:
        """Their ports, by one bulk request."""
        bodies = [self.body(each, **extra) for each in guests]
        for port in self.api.call("POST", f"{API}/ports", {"ports": bodies})["ports"]:
            self.guests[port["device_id"]].port_id = port["id"]

    def plug(self, guests: Iterable[Guest]) -> None:
        with self.ovsdb() as ovsdb:
            for each in guests:
                ovsdb.plug(each.device, each.port_id, each.mac)

    def statuses(self, client: Client | None = None) -> dict[str, str]:
        """The status of each port of the network, by GET."""
        query = f"?network_id={self.id}&fields=id&fields=status"
        ports = (client or self.api).call("GET", f"{API}/ports{query}")["ports"]
        return {port["id"]: port["status"] for port in ports}

    def unplug(self, guests: Iterable[Guest]) -> None:
        with self.ovsdb() as ovsdb:
            ovsdb.unplug(each.device for each in guests)

    def delete_ports(self, guests: Iterable[Guest]) -> None:
        for each in guests:
            self.api.call("DELETE", f"{API}/ports/{each.port_id}")

    def discard(self, guests: Iterable[Guest]) -> None:
        """Take the namespaces of guests away."""
        gone = list(guests)
        lines = [f"ip link del {each.device}; ip netns del {each.name}" for each in gone]
        self.cloud.host.run("sh", input="\n".join(lines) + "\n", timeout=120)
        for each in gone:
            self.guests.pop(each.name)

    def remove(self) -> None:
        """Everything, on all hosts: guests, ports, the network."""
        nets = [self, *self._elsewhere]
        for net in nets:
            guests = list(net.guests.values())
            net.unplug(guests)
            net.delete_ports(each for each in guests if each.port_id)
        self.api.call("DELETE", f"{API}/networks/{self.id}")
        for net in nets:
            net.discard(list(net.guests.values()))
