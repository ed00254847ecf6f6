"""Address choices, pure: which pools a subnet has, which addresses a port may get, EUI-64.

A subnet's free addresses are kept as runs (`ip_ranges`), so the lowest free address is found, taken and given
back without reading the others.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterable, Sequence

from heddle.errors import BadRequest, Conflict
from heddle.model.subnet import Subnet
from heddle.model.values import AllocationPool

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
Run = tuple[int, int]

AUTO_MODES = ("slaac", "dhcpv6-stateless")


def is_auto_address(subnet: Subnet) -> bool:
    """Whether hosts make their address from their MAC address (RFC 4862)."""
    return subnet.ipv6_address_mode in AUTO_MODES


def eui64_address(cidr: str, mac: str) -> str:
    """The address that a card with this MAC address gives itself in a /64 (RFC 4291, appendix A)."""
    network = ipaddress.ip_network(cidr)
    digits = int(mac.replace(":", ""), 16)
    identifier = ((digits >> 24) << 40) | (0xFFFE << 24) | (digits & 0xFFFFFF)
    return str(network.network_address + (identifier ^ (1 << 57)))


def usable(network: IpNetwork) -> Run:
    """The first and the last address that a host may have; not the network's own and not the broadcast address."""
    first, last = int(network.network_address), int(network.broadcast_address)
    if network.version == 4 and network.prefixlen < 31:
        return first + 1, last - 1
    if network.version == 6 and network.prefixlen < 127:
        return first + 1, last
    return first, last


def default_gateway(network: IpNetwork) -> str:
    return str(network.network_address + (1 if network.prefixlen < network.max_prefixlen else 0))


def default_pools(network: IpNetwork, gateway_ip: str | None) -> list[AllocationPool]:
    """All usable addresses but the gateway."""
    runs: list[Run] = [usable(network)]
    if gateway_ip is not None:
        runs = without(runs, int(ipaddress.ip_address(gateway_ip)))
    kind = ipaddress.IPv4Address if network.version == 4 else ipaddress.IPv6Address
    return [AllocationPool(str(kind(first)), str(kind(last))) for first, last in runs]


def without(runs: Iterable[Run], number: int) -> list[Run]:
    """The runs without one number."""
    kept: list[Run] = []
    for first, last in runs:
        if not first <= number <= last:
            kept.append((first, last))
            continue
        if first < number:
            kept.append((first, number - 1))
        if number < last:
            kept.append((number + 1, last))
    return kept


def pool_runs(pools: Iterable[AllocationPool]) -> list[Run]:
    """The pools as runs of numbers, in order, those that touch joined."""
    runs: list[Run] = []
    for first, last in sorted((int(ipaddress.ip_address(p.start)), int(ipaddress.ip_address(p.end))) for p in pools):
        if runs and first == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], last)
        else:
            runs.append((first, last))
    return runs


def check_pools(network: IpNetwork, pools: Sequence[AllocationPool], gateway_ip: str | None) -> None:
    """Pools lie inside the subnet, apart from each other and from the gateway.  Raises `BadRequest`, `Conflict`."""
    low, high = usable(network)
    runs: list[Run] = []
    for pool in pools:
        start, end = ipaddress.ip_address(pool.start), ipaddress.ip_address(pool.end)
        if {start.version, end.version} != {network.version} or int(start) > int(end):
            raise BadRequest(
                "InvalidAllocationPool", f"The allocation pool {pool.start}-{pool.end} is not valid for {network}."
            )
        if not low <= int(start) <= int(end) <= high:
            raise BadRequest(
                "OutOfBoundsAllocationPool",
                f"The allocation pool {pool.start}-{pool.end} spans beyond the subnet cidr {network}.",
            )
        runs.append((int(start), int(end)))
    runs.sort()
    for (_, last), (first, _) in itertools.pairwise(runs):
        if first <= last:
            raise Conflict("OverlappingAllocationPools", f"Found overlapping allocation pools for subnet {network}.")
    if gateway_ip is not None:
        number = int(ipaddress.ip_address(gateway_ip))
        for pool, (first, last) in zip(
            pools, ((int(ipaddress.ip_address(p.start)), int(ipaddress.ip_address(p.end))) for p in pools), strict=True
        ):
            if first <= number <= last:
                raise Conflict(
                    "GatewayConflictWithAllocationPools",
                    f"Gateway ip {gateway_ip} conflicts with allocation pool {pool.start}-{pool.end}.",
                )


def serves(subnet: Subnet, device_owner: str, any_typed: bool) -> bool:
    """Whether a subnet's service types allow a port of this owner to get an address from it by itself.

    `any_typed`: some subnet of the network is meant for just this owner, so that the others are not used.
    """
    if not subnet.service_types:
        return not any_typed
    return device_owner in subnet.service_types


def suits(subnet: Subnet, device_owner: str) -> bool:
    """Whether a subnet's service types, if it has any, name this owner."""
    return not subnet.service_types or device_owner in subnet.service_types


def candidates(subnets: Sequence[Subnet], device_owner: str, version: int) -> list[Subnet]:
    """The subnets of an IP version that give out addresses to a port of this owner, in order of preference."""
    chosen = [s for s in subnets if s.ip_version == version and not is_auto_address(s)]
    typed = any(device_owner and device_owner in subnet.service_types for subnet in chosen)
    return [subnet for subnet in chosen if serves(subnet, device_owner, typed)]
