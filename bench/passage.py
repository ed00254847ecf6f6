"""TCP through a router's namespace: what passes through Heddle's, as a part of what passes through one set up by hand.

The namespace by hand has an interface on each of the same networks, on the same br-int as a port without port security,
and one on br-ex, all made as guests' are; in it are addresses, and an nftables table of a few rules, and no filter.
Guests are Heddle's, each with a security group; half of them have the one namespace as their way out, half the other.
So two roads that are compared differ by the router alone; they are taken one after the other.

    routed     from a guest to one of another network
    SNAT       from a guest to somebody outside, under the router's address
    floating   from outside to a guest's floating IP
"""

from __future__ import annotations

from bench.guests import Guest
from bench.outdoors import API, Outdoors
from bench.rows import Measured
from bench.site import Site
from bench.throughput import Road, compared, rounds

BY_HAND, BY_HAND_FLOATING, NEXT = "203.0.255.251", "203.0.255.240", "10.{}.0.2"
ROADS = ("routed", "SNAT", "floating")
SECONDS = 2


class HandRouter:
    """A namespace that routes between two networks and to the outside, and translates for `guest`."""

    def __init__(self, made: Outdoors, guest: Guest) -> None:
        self._made, self.name = made, "hand"
        self._ids: list[str] = []
        host = made.cloud.host
        host.sh(f"ip netns add {self.name}; ip netns exec {self.name} sysctl -qw net.ipv4.ip_forward=1")
        for number, net in enumerate(made.nets):
            self._interface(f"in{number}", net.id, net.subnet_id, NEXT.format(net.number), net.mtu)
        outer = self._device("out", BY_HAND, made.external["mtu"], "02:00:00:00:fc:01")
        host.run("ovs-vsctl", "add-port", "br-ex", outer)
        host.run("ip", "-n", self.name, "addr", "add", f"{BY_HAND_FLOATING}/32", "dev", "out")
        host.run("ip", "netns", "exec", self.name, "nft", "-f", "-", input=f"""
            table ip hand {{
                chain in {{
                    type nat hook prerouting priority dstnat;
                    ip daddr {BY_HAND_FLOATING} dnat to {guest.address}
                }}
                chain out {{
                    type nat hook postrouting priority srcnat;
                    oifname "out" ip saddr {guest.address} snat to {BY_HAND_FLOATING}
                    oifname "out" snat to {BY_HAND}
                }}
            }}
        """)

    def _interface(self, device: str, network_id: str, subnet_id: str, address: str, mtu: int) -> None:
        """Of a network, with a port of it."""
        made, mac = self._made, f"02:00:00:00:fd:{len(self._ids):02x}"
        body = {"network_id": network_id, "mac_address": mac, "binding:host_id": made.cloud.name,
                "fixed_ips": [{"subnet_id": subnet_id, "ip_address": address}], "device_owner": "compute:bench",
                "device_id": self.name, "port_security_enabled": False, "security_groups": []}  # fmt: skip
        port = made.api.call("POST", f"{API}/ports", {"port": body})["port"]
        self._ids.append(port["id"])
        with made.nets[0].ovsdb() as ovsdb:
            ovsdb.plug(self._device(device, address, mtu, mac), port["id"], mac)

    def _device(self, device: str, address: str, mtu: int, mac: str) -> str:
        """An interface of the namespace; the name of its other end, to which the kernel itself listens no more."""
        self._made.cloud.host.sh(f"""
            ip link add h-{device} mtu {mtu} type veth peer name {device} mtu {mtu} netns {self.name} address {mac}
            sysctl -qw net.ipv6.conf.h-{device}.disable_ipv6=1
            hook='{{ type filter hook ingress device h-{device} priority -500; policy drop; }}'
            nft "add table netdev {self.name}; add chain netdev {self.name} {device} $hook"
            ip link set h-{device} up
            ip netns exec {self.name} ethtool -K {device} tx off >/dev/null
            ip -n {self.name} link set {device} up; ip -n {self.name} addr add {address}/16 dev {device}
        """)
        return f"h-{device}"

    def remove(self) -> None:
        devices = [f"h-in{number}" for number in range(len(self._ids))]
        with self._made.nets[0].ovsdb() as ovsdb:
            ovsdb.unplug(devices)
        for id in self._ids:
            self._made.api.call("DELETE", f"{API}/ports/{id}")
        links = [f"ip link del {each}" for each in (*devices, "h-out")]
        ends = [f"ip netns del {self.name}", f"nft delete table netdev {self.name}"]
        self._made.cloud.host.sh("\n".join(["ovs-vsctl del-port h-out", *links, *ends]))


def _roads(made: Outdoors, via: dict[int, str], floating: str, guest: Guest, who: str) -> dict[str, Road]:
    """The roads through one of the two namespaces; `guest` has the floating IP `floating`."""
    host, (near, far) = made.cloud.host, made.nets
    source, sink = (made.guest(net, via.get(net.number, "")) for net in (near, far))
    outside = made.stranger
    made.reaches(source, sink.address)
    made.reaches(source, outside.address)
    made.reaches(outside, floating)
    found: dict[str, list[tuple[Guest, str]]] = {
        "routed": [(source, ""), (sink, sink.address)], "SNAT": [(source, ""), (outside, outside.address)],
        "floating": [(outside, ""), (guest, floating)],
    }  # fmt: skip
    return {f"{name}{who}": [(host, each.name, where) for each, where in ends] for name, ends in found.items()}


def passage(cloud: Site, count: int) -> list[Measured]:
    """The three ratios, in per cent, over so many rounds."""
    made = Outdoors(cloud, 106, 107)
    via = {net.number: NEXT.format(net.number) for net in made.nets}
    ours, theirs = made.guest(made.nets[0]), made.guest(made.nets[0], via[106])
    floating = made.floating(ours)["floating_ip_address"]
    hand = HandRouter(made, theirs)
    roads = _roads(made, {}, floating, ours, "")
    by_hand = _roads(made, via, BY_HAND_FLOATING, theirs, " by hand")
    pairs = {name: each[name] for road in ROADS for each, name in ((roads, road), (by_hand, f"{road} by hand"))}
    found = rounds(pairs, count, SECONDS)
    hand.remove()
    made.remove()
    return [
        compared({each: found[each] for each in (name, f"{name} by hand")}, name, f"{name} by hand") for name in ROADS
    ]
