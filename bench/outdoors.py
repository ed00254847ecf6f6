"""A router with its gateway on an external network, guests behind it, and somebody outside on br-ex."""

from __future__ import annotations

import functools
from typing import Any

from tests.real.testhost import wait_until

from bench.guests import ARP_MS, ARP_TRIES, Guest, Net
from bench.site import Site

API = "/v2.0"
OUTSIDE, GATEWAY, STRANGER = "203.0.0.0/16", "203.0.0.1", "203.0.255.250"
POOL = {"start": "203.0.0.2", "end": "203.0.254.254"}


class Outdoors:
    """`nets` are the networks behind the router, 10.`number`.0.0/16 each; `stranger` is the guest outside."""

    def __init__(self, cloud: Site, *numbers: int) -> None:
        self.cloud, self.api = cloud, cloud.api
        network = {"name": "bench-outside", "router:external": True, "provider:network_type": "flat",
                   "provider:physical_network": "public"}  # fmt: skip
        self.external: dict[str, Any] = self.api.call("POST", f"{API}/networks", {"network": network})["network"]
        subnet = {"network_id": self.external["id"], "ip_version": 4, "cidr": OUTSIDE, "enable_dhcp": False,
                  "gateway_ip": GATEWAY, "allocation_pools": [POOL]}  # fmt: skip
        self.external_subnet_id = self.api.call("POST", f"{API}/subnets", {"subnet": subnet})["subnet"]["id"]
        self.nets = [Net(cloud, f"o{number}", number) for number in numbers]
        body = {"name": "bench", "external_gateway_info": {"network_id": self.external["id"]}}
        self.router = self.api.call("POST", f"{API}/routers", {"router": body})["router"]
        for net in self.nets:
            self._interface("add", net)
        made = self.api.call("POST", f"{API}/security-groups", {"security_group": {"name": "bench-outside"}})
        self.group = made["security_group"]["id"]
        rule = {"security_group_id": self.group, "direction": "ingress", "ethertype": "IPv4"}
        self.api.call("POST", f"{API}/security-group-rules", {"security_group_rule": rule})
        self.stranger = self._stranger()

    def _interface(self, verb: str, net: Net) -> None:
        path = f"{API}/routers/{self.router['id']}/{verb}_router_interface"
        self.api.call("PUT", path, {"subnet_id": net.subnet_id})

    def _stranger(self) -> Guest:
        host, name, mac = self.cloud.host, "stranger", "02:00:00:00:fe:01"
        host.add_guest(name, mac, [f"{STRANGER}/16"], self.external["mtu"])
        host.sh(f"""
            hook='{{ type filter hook ingress device p-{name} priority -500; policy drop; }}'
            nft "add table netdev {name}; add chain netdev {name} c $hook"
            sysctl -qw net.ipv6.conf.p-{name}.disable_ipv6=1
            ovs-vsctl add-port br-ex p-{name}
            ip netns exec {name} sh -c 'cd /proc/sys/net/ipv4/neigh/eth0; echo {ARP_MS} >retrans_time_ms
                for each in ucast_solicit mcast_solicit; do echo {ARP_TRIES} >$each; done'
        """)
        return Guest(name, mac, STRANGER, self.nets[0].root)

    def guest(self, net: Net, via: str = "") -> Guest:
        """A new one of a network, with everything let in; its way out is the router, or `via`."""
        (made,) = net.make(1)
        net.post([made], security_groups=[self.group])
        net.plug([made])
        host = self.cloud.host
        host.sh(f"ip netns exec {made.name} ethtool -K eth0 tx off >/dev/null; "
                f"ip -n {made.name} route add default via {via or f'10.{net.number}.0.1'}")  # fmt: skip
        wait_until(lambda: net.statuses().get(made.port_id) == "ACTIVE", 30, "the guest is ACTIVE")
        return made

    def reaches(self, guest: Guest, address: str) -> None:
        """Wait until it does.  Raises `AssertionError`."""
        wait_until(functools.partial(self.cloud.host.pings, guest.name, address, 1, 0.3), 30,
                   f"{guest.name} reaches {address}")  # fmt: skip

    def floating(self, guest: Guest | None = None) -> dict[str, Any]:
        """A floating IP, of a guest or of none."""
        body = {"floating_network_id": self.external["id"], **({"port_id": guest.port_id} if guest else {})}
        made: dict[str, Any] = self.api.call("POST", f"{API}/floatingips", {"floatingip": body})["floatingip"]
        return made

    def forget_neighbours(self) -> None:
        """The guest outside has to ask for every address."""
        self.cloud.host.run("ip", "-n", self.stranger.name, "neigh", "flush", "all")

    def remove(self) -> None:
        for each in self.api.call("GET", f"{API}/floatingips?floating_network_id={self.external['id']}")["floatingips"]:
            self.api.call("DELETE", f"{API}/floatingips/{each['id']}")
        for net in self.nets:
            self._interface("remove", net)
        self.api.call("DELETE", f"{API}/routers/{self.router['id']}")
        for net in self.nets:
            net.remove()
        self.api.call("DELETE", f"{API}/security-groups/{self.group}")
        self.api.call("DELETE", f"{API}/networks/{self.external['id']}")
        self.cloud.host.unplug(self.stranger.name)
        self.cloud.host.run("nft", "delete", "table", "netdev", self.stranger.name)
