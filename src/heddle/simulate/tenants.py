"""What tenants have in a simulated cloud: the same around each host, however many hosts there are.

A network has up to 100 ports on up to 10 hosts, and a security group whose members may speak with each other.  The
first ports of all, up to 2,000 of them and at most a fifth, are in one large group instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from heddle.cli.client import Client

PORTS_OF_NETWORK, HOSTS_OF_NETWORK, LARGE_GROUP = 100, 10, 2000


@dataclass(slots=True)
class Tenants:
    """Ids of what was made; `members` is the number of ports in the large group."""

    networks: list[str] = field(default_factory=list)
    subnets: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    large: str = ""
    members: int = 0
    ports: int = 0


def host_of(hosts: Sequence[str], network: int, port: int) -> str:
    """The host of a port: its network's hosts follow those of the network before."""
    spread = min(HOSTS_OF_NETWORK, len(hosts))
    return hosts[(network * spread + port % spread) % len(hosts)]


def fill(api: Client, hosts: Sequence[str], ports: int, say: Callable[[str], None]) -> Tenants:
    """Make that many ports, by bulk requests of one network each."""
    made = Tenants(large=_group(api, "large"), members=min(LARGE_GROUP, max(1, ports // 5)))
    while made.ports < ports:
        _network(api, hosts, made, min(PORTS_OF_NETWORK, ports - made.ports))
        say(f"{made.ports} of {ports} ports")
    return made


def _network(api: Client, hosts: Sequence[str], made: Tenants, ports: int) -> None:
    number = len(made.networks)
    name = f"net{number}"
    network = api.request("POST", "/v2.0/networks", {"network": {"name": name}})["network"]["id"]
    subnet = {"network_id": network, "ip_version": 4, "cidr": f"10.{number >> 8}.{number & 255}.0/24",
              "enable_dhcp": False, "name": name}  # fmt: skip
    made.subnets.append(api.request("POST", "/v2.0/subnets", {"subnet": subnet})["subnet"]["id"])
    made.networks.append(network)
    made.groups.append(_group(api, name))
    bodies = [port_of(made, hosts, number, index, made.ports + index < made.members) for index in range(ports)]
    made.ports += len(api.request("POST", "/v2.0/ports", {"ports": bodies})["ports"])


def port_of(made: Tenants, hosts: Sequence[str], network: int, index: int, large: bool = False) -> dict[str, Any]:
    """The body of a request for a port."""
    return {
        "network_id": made.networks[network], "device_owner": "compute:nova", "device_id": f"vm-{network}-{index}",
        "binding:host_id": host_of(hosts, network, index),
        "security_groups": [made.large if large else made.groups[network]],
    }  # fmt: skip


def _group(api: Client, name: str) -> str:
    body = {"security_group": {"name": name}}
    group: str = api.request("POST", "/v2.0/security-groups", body)["security_group"]["id"]
    rule = {"security_group_id": group, "direction": "ingress", "ethertype": "IPv4", "remote_group_id": group}
    api.request("POST", "/v2.0/security-group-rules", {"security_group_rule": rule})
    return group
