"""What tenants build in a lab, through the API, and the guests that are plugged for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.cluster.lab import Lab
from tests.real.testhost import TestHost


@dataclass(frozen=True)
class Guest:
    """A namespace on a host in the place of a virtual machine."""

    name: str
    host: TestHost
    port: dict[str, Any]

    @property
    def ip(self) -> str:
        return str(self.port["fixed_ips"][0]["ip_address"])

    def pings(self, address: str, count: int = 1, wait: float = 1.0) -> bool:
        return self.host.pings(self.name, address, count, wait)


class Tenant:
    """Objects of the administrator's project, with names that begin with the tenant's."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.lab, self.name = lab, name
        self.group = self.make("security_group", "group")
        for version in ("IPv4", "IPv6"):
            self.make("security_group_rule", "", security_group_id=self.group["id"], direction="ingress",
                      ethertype=version)  # fmt: skip
        self.guests: list[Guest] = []
        self._made = 0

    def make(self, member: str, name: str, **values: Any) -> dict[str, Any]:
        collection = {"security_group": "security-groups", "security_group_rule": "security-group-rules"}.get(
            member, f"{member}s"
        )
        body = {**values, **({"name": f"{self.name}-{name}"} if name else {})}
        made: dict[str, Any] = self.lab.api.request("POST", f"/v2.0/{collection}", {member: body})[member]
        return made

    def network(
        self, name: str, cidr: str, gateway: bool = True, dhcp: bool = True, mode: str = "", **more: Any
    ) -> dict[str, Any]:
        """`mode`: how guests get their IPv6 addresses."""
        made = self.make("network", name, **more)
        version = 6 if ":" in cidr else 4
        subnet = {"network_id": made["id"], "cidr": cidr, "ip_version": version, "enable_dhcp": dhcp}
        subnet |= {"ipv6_ra_mode": mode, "ipv6_address_mode": mode} if mode else {}
        made["subnet"] = self.make("subnet", name, **subnet, **({} if gateway else {"gateway_ip": None}))
        return made

    def router(self, name: str, *networks: dict[str, Any], outside: str = "", **more: Any) -> dict[str, Any]:
        more |= {"external_gateway_info": {"network_id": outside}} if outside else {}
        made = self.make("router", name, **more)
        for network in networks:
            path = f"/v2.0/routers/{made['id']}/add_router_interface"
            self.lab.api.request("PUT", path, {"subnet_id": network["subnet"]["id"]})
        return made

    def guest(self, network: dict[str, Any], host: TestHost, gateway: bool = True, groups: bool = True) -> Guest:
        """A guest that is plugged, with its addresses set by hand where it does not make them itself."""
        number = self._made = self._made + 1
        port = self.make(
            "port", f"g{number}", network_id=network["id"], device_owner="compute:lab",
            device_id=f"{self.name}-{number}", security_groups=[self.group["id"]] if groups else [],
            **{"binding:host_id": host.name},
        )  # fmt: skip
        subnet, name = network["subnet"], f"{self.name}{number}"
        length = subnet["cidr"].partition("/")[2]
        own = subnet["ipv6_ra_mode"] == "slaac"
        cidrs = [] if own else [f"{each['ip_address']}/{length}" for each in port["fixed_ips"]]
        host.plug(name, port["mac_address"], cidrs, port["id"], mtu=network["mtu"],
                  gateway=(subnet["gateway_ip"] or "") if gateway and not own else "")  # fmt: skip
        made = Guest(name, host, port)
        self.guests.append(made)
        return made

    def remove(self, network: dict[str, Any], guests: list[Guest]) -> None:
        """Unplug these guests and delete their ports and their network."""
        for guest in guests:
            guest.host.unplug(guest.name)
            self.guests.remove(guest)
            self.lab.api.request("DELETE", f"/v2.0/ports/{guest.port['id']}")
        self.lab.api.request("DELETE", f"/v2.0/networks/{network['id']}")

    def remove_all(self) -> None:
        """All its objects, and its guests."""
        api = self.lab.api

        def mine(collection: str) -> list[dict[str, Any]]:
            found = api.get(f"/v2.0/{collection}")[collection.replace("-", "_")]
            return [each for each in found if each["name"].startswith(f"{self.name}-")]

        for guest in self.guests:
            guest.host.unplug(guest.name)
            for floating in api.get("/v2.0/floatingips", port_id=guest.port["id"])["floatingips"]:
                api.request("DELETE", f"/v2.0/floatingips/{floating['id']}")
            api.request("DELETE", f"/v2.0/ports/{guest.port['id']}")
        self.guests.clear()
        for router in mine("routers"):
            for port in api.get("/v2.0/ports", device_id=router["id"])["ports"]:
                if not port["device_owner"].startswith("network:router_interface"):
                    continue
                path = f"/v2.0/routers/{router['id']}/remove_router_interface"
                api.request("PUT", path, {"port_id": port["id"]})
            api.request("DELETE", f"/v2.0/routers/{router['id']}")
        for collection in ("networks", "security-groups"):
            for each in mine(collection):
                api.request("DELETE", f"/v2.0/{collection}/{each['id']}")

    def wait(self, seconds: float = 30) -> None:
        """Until all its guests' ports are ACTIVE."""
        self.lab.until(lambda: not self._down(), seconds, f"the ports of {self.name} are ACTIVE: {self._down()}")

    def _down(self) -> list[str]:
        ids = {guest.port["id"] for guest in self.guests}
        ports = self.lab.api.get("/v2.0/ports", device_owner="compute:lab")["ports"]
        return [port["name"] for port in ports if port["id"] in ids and port["status"] != "ACTIVE"]


def forwarded(host: TestHost, router_id: str) -> int:
    """How many packets a router has forwarded on a host; announcements and questions to everybody are none."""
    counts = ("cat", "/proc/net/snmp", "/proc/net/snmp6")
    lines = host.run("ip", "netns", "exec", f"qrouter-{router_id}", *counts).splitlines()
    names, values = (line.split() for line in lines if line.startswith("Ip:"))
    six = next(line.split()[1] for line in lines if line.startswith("Ip6OutForwDatagrams"))
    return int(values[names.index("ForwDatagrams")]) + int(six)


def crowd(lab: Lab, source: Guest, address: str, counted: Callable[[], int], count: int = 50) -> int:
    """Send pings until all of a turn arrive; returns how much more is `counted` after that turn.

    A switch in userspace loses one now and then while an interface comes or goes, which says nothing of their way.
    """
    lab.until(lambda: source.pings(address), 20, f"{source.name} reaches {address}")
    more = 0

    def arrive() -> bool:
        nonlocal more
        before = counted()
        arrived = source.pings(address, count)
        more = counted() - before
        return arrived

    lab.until(arrive, 20, f"{source.name} loses no ping of {count} to {address}")
    return more


@dataclass
class RouterScene:
    """A tenant's router in a lab."""

    lab: Lab
    tenant: Tenant
    router: dict[str, Any]

    def put(self, **values: Any) -> None:
        self.lab.api.request("PUT", f"/v2.0/routers/{self.router['id']}", {"router": values})

    def convert(self, distributed: bool) -> None:
        self.put(admin_state_up=False)
        self.put(distributed=distributed)
        self.put(admin_state_up=True)
