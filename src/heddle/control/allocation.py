"""Which addresses a port gets, and taking them.

A port that asks for nothing gets one IPv4 address and one stateful IPv6 address, if the network has subnets that
give them out, and an address of every subnet whose hosts make their own (EUI-64).  What is asked for by
subnet or address is checked against the subnets of the network.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from heddle.control import ipam
from heddle.control.context import Context
from heddle.errors import BadRequest, Conflict
from heddle.model.network import Network
from heddle.model.port import DHCP, INTERFACES, ROUTER_GATEWAY, Port
from heddle.model.subnet import Subnet
from heddle.model.values import FixedIp
from heddle.network_types.base import refuse
from heddle.store.query import addresses
from heddle.store.query.addresses import Allocation

# Owners whose addresses do not follow their MAC address.
NO_AUTO = (*INTERFACES, ROUTER_GATEWAY)


class Allocator:
    """Takes addresses for ports of one network; `reserve` takes those of many ports at once."""

    def __init__(self, ctx: Context, network: Network, subnets: Sequence[Subnet]) -> None:
        self.ctx, self.network, self.subnets = ctx, network, subnets
        self._stock: dict[str, list[int]] = {}
        self._given: set[tuple[str, int]] = set()

    def among(self, subnets: Sequence[Subnet]) -> Allocator:
        """One that takes from some of the subnets alone, and shares what is reserved and given with this one."""
        if subnets is self.subnets:
            return self
        part = Allocator(self.ctx, self.network, subnets)
        part._stock, part._given = self._stock, self._given
        return part

    def reserve(self, owners: Sequence[str]) -> None:
        """Take ahead what ports of these owners that ask for nothing will need."""
        for version in (4, 6):
            counts: dict[str, int] = {}
            for owner in owners:
                chosen = ipam.candidates(self.subnets, owner, version)
                if chosen:
                    counts[chosen[0].id] = counts.get(chosen[0].id, 0) + 1
            for subnet_id, count in counts.items():
                self._stock[subnet_id] = addresses.FREE.take_lowest(self.ctx.tx, subnet_id, count)

    def allocate(self, port: Port, wanted: Sequence[FixedIp] | None) -> list[FixedIp]:
        """Take addresses for a port; `wanted` None: it asks for nothing.  Raises `BadRequest`, `Conflict`."""
        if wanted is None:
            self._check_some_suits(port.device_owner)
            found = [self._any(ipam.candidates(self.subnets, port.device_owner, version)) for version in (4, 6)]
            fixed_ips = [fixed_ip for fixed_ip in found if fixed_ip is not None]
        else:
            fixed_ips = [self.take_wanted(port, item) for item in wanted]
            if len(fixed_ips) > self.ctx.settings.network.max_fixed_ips_per_port and port.device_owner != DHCP:
                raise refuse("Exceeded maximum amount of fixed ips per port")
        if port.device_owner not in NO_AUTO and wanted != []:
            fixed_ips += self._auto(port, {fixed_ip.subnet_id for fixed_ip in fixed_ips})
        return fixed_ips

    def _check_some_suits(self, owner: str) -> None:
        if self.subnets and not any(ipam.suits(subnet, owner) for subnet in self.subnets):
            raise Conflict(
                "IpAddressGenerationFailureNoMatchingSubnet",
                f"No valid service subnet for the given device owner, network {self.network.id}, service type "
                f"'{owner}'.",
            )

    def _any(self, subnets: Sequence[Subnet]) -> FixedIp | None:
        """An address of the first subnet that has one; None without subnets."""
        for subnet in subnets:
            number = self._take(subnet.id)
            if number is not None:
                return FixedIp(subnet.id, _text(number, subnet.ip_version))
        if subnets:
            raise Conflict(
                "IpAddressGenerationFailure", f"No more IP addresses available on network {self.network.id}."
            )
        return None

    def _take(self, subnet_id: str) -> int | None:
        stock = self._stock.get(subnet_id) or addresses.FREE.take_lowest(self.ctx.tx, subnet_id, 1)
        if not stock:
            return None
        self._given.add((subnet_id, stock[0]))
        return stock.pop(0)

    def take_wanted(self, port: Port, wanted: FixedIp) -> FixedIp:
        subnet = self._subnet_of(wanted)
        auto = ipam.is_auto_address(subnet) and port.device_owner not in (*NO_AUTO, DHCP)
        if not wanted.ip_address:
            if auto:
                return self._claim(subnet, ipam.eui64_address(subnet.cidr, port.mac_address))
            number = self._take(subnet.id)
            if number is None:
                raise Conflict(
                    "IpAddressGenerationFailure",
                    f"No more IP addresses available on subnet {subnet.id} of network {self.network.id}.",
                )
            return FixedIp(subnet.id, _text(number, subnet.ip_version))
        if auto and wanted.ip_address != ipam.eui64_address(subnet.cidr, port.mac_address):
            raise BadRequest(
                "AllocationOnAutoAddressSubnet",
                f"IPv6 address {wanted.ip_address} cannot be directly assigned to a port on subnet {subnet.id} as "
                "the subnet is configured for automatic addresses",
            )
        return self._claim(subnet, wanted.ip_address)

    def _subnet_of(self, wanted: FixedIp) -> Subnet:
        if wanted.subnet_id:
            for subnet in self.subnets:
                if subnet.id == wanted.subnet_id:
                    _check_inside(subnet, wanted.ip_address)
                    return subnet
            raise refuse(
                f"Failed to create port on network {self.network.id}, because fixed_ips included invalid subnet "
                f"{wanted.subnet_id}"
            )
        address = ipaddress.ip_address(wanted.ip_address)
        for subnet in self.subnets:
            if address in ipaddress.ip_network(subnet.cidr):
                _check_inside(subnet, wanted.ip_address)
                return subnet
        raise BadRequest(
            "InvalidIpForNetwork",
            f"IP address {wanted.ip_address} is not a valid IP for any of the subnets on the specified network.",
        )

    def _claim(self, subnet: Subnet, ip_address: str) -> FixedIp:
        """Take one given address."""
        number = int(ipaddress.ip_address(ip_address))
        stock = self._stock.get(subnet.id, [])
        if number in stock:
            stock.remove(number)
        elif (subnet.id, number) in self._given or (
            not addresses.FREE.take(self.ctx.tx, subnet.id, number)
            and addresses.is_taken(self.ctx.tx, subnet.id, ip_address)
        ):
            raise Conflict(
                "IpAddressAlreadyAllocated", f"IP address {ip_address} already allocated in subnet {subnet.id}"
            )
        self._given.add((subnet.id, number))
        return FixedIp(subnet.id, ip_address)

    def _auto(self, port: Port, have: set[str]) -> list[FixedIp]:
        return [
            self._claim(subnet, ipam.eui64_address(subnet.cidr, port.mac_address))
            for subnet in self.subnets
            if ipam.is_auto_address(subnet) and subnet.id not in have and ipam.suits(subnet, port.device_owner)
        ]


def _text(number: int, version: int) -> str:
    return str(ipaddress.IPv4Address(number) if version == 4 else ipaddress.IPv6Address(number))


def _check_inside(subnet: Subnet, ip_address: str) -> None:
    if not ip_address:
        return
    low, high = ipam.usable(ipaddress.ip_network(subnet.cidr))
    address = ipaddress.ip_address(ip_address)
    if address.version != subnet.ip_version or not low <= int(address) <= high:
        raise BadRequest("InvalidIpForSubnet", f"IP address {ip_address} is not a valid IP for the specified subnet.")


def store_allocations(ctx: Context, ports: Sequence[Port]) -> None:
    """Write the addresses of ports."""
    addresses.insert_allocations(
        ctx.tx,
        [
            Allocation(fixed_ip.subnet_id, fixed_ip.ip_address, port.id, port.network_id, position)
            for port in ports
            for position, fixed_ip in enumerate(port.fixed_ips)
        ],
    )
