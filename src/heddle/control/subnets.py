"""Subnets: blocks of addresses on a network, their pools and gateways."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import msgspec

from heddle.control import dhcp, gateway_addresses, ipam, pool_blocks, quotas, readdressing, routed
from heddle.control.context import Context
from heddle.control.lookup import need
from heddle.control.news import network_news, subnet_news
from heddle.errors import BadRequest, Conflict
from heddle.model.network import Network
from heddle.model.port import DHCP, INTERFACES
from heddle.model.resource import Draft
from heddle.model.subnet import Subnet
from heddle.network_types.base import refuse
from heddle.store.query import addresses
from heddle.store.query import networks as network_query
from heddle.store.query import ports as port_query
from heddle.store.query import subnets as q


def create_subnets(ctx: Context, drafts: Sequence[Draft[Subnet]]) -> list[Subnet]:
    """Create subnets, all or none.  Raises `BadRequest`, `NotFound`, `Conflict` (OverQuota)."""
    return [_create(ctx, draft) for draft in drafts]


def _create(ctx: Context, draft: Draft[Subnet]) -> Subnet:
    if draft.value.project_id:
        quotas.take(ctx, draft.value.project_id, "subnet")
    network = need(ctx, network_query.NETWORKS, draft.value.network_id, lock=True)
    subnet = ctx.made(draft.value)
    others = q.of_network(ctx.tx, network.id)
    check_mtu(network, subnet)
    block = _choose_block(ctx, subnet, draft.given, others)
    _check_overlap(subnet, block, others)
    routed.check_segment(ctx, subnet, others)
    if "gateway_ip" not in draft.given:
        subnet.gateway_ip = ipam.default_gateway(block)
    _check_modes(subnet, block, draft.given)
    _check_lists(ctx, subnet, block)
    if subnet.allocation_pools:
        ipam.check_pools(block, subnet.allocation_pools, subnet.gateway_ip)
    else:
        subnet.allocation_pools = ipam.default_pools(block, subnet.gateway_ip)
    subnet.host_routes = routed.with_peer_routes(subnet, others)
    q.SUBNETS.insert(ctx.tx, [subnet])
    addresses.FREE.set(ctx.tx, subnet.id, ipam.pool_runs(subnet.allocation_pools))
    subnet_news(ctx.tx, subnet)
    if ipam.is_auto_address(subnet):
        readdressing.add_auto_addresses(ctx, network, subnet)
    gateway_addresses.extend(ctx, network, subnet)
    bump(ctx, network)
    _segments_changed(ctx, network, subnet)
    dhcp.refresh(ctx, network)
    return subnet


LEAST_MTU = {4: 68, 6: 1280}  # RFC 791, RFC 8200


def check_mtu(network: Network, subnet: Subnet) -> None:
    """Whether packets of the subnet's IP version fit.  Raises `Conflict`."""
    least = LEAST_MTU[subnet.ip_version]
    if network.mtu < least:
        raise Conflict(
            "NetworkMTUSubnetConflict",
            f"Subnet MTU must be greater than or equal to {least}: network {network.id} has {network.mtu} and subnet "
            f"{subnet.id} is of IPv{subnet.ip_version}.",
        )


def bump(ctx: Context, network: Network) -> None:
    """A subnet of the network changed: so did the network."""
    revision = network.revision_number + 1
    new = msgspec.structs.replace(network, revision_number=revision, updated_at=ctx.now)
    network_query.NETWORKS.update(ctx.tx, network, new)


def _segments_changed(ctx: Context, network: Network, subnet: Subnet, *, gone: bool = False) -> None:
    """A subnet came to a segment or left it: its peers and the hosts that choose among the segments must know."""
    if subnet.segment_id:
        routed.tell_peers(ctx, subnet, gone=gone)
        network_news(ctx.tx, network)


def update_subnet(ctx: Context, old: Subnet, draft: Draft[Subnet]) -> Subnet:
    """Raises `BadRequest`, `Conflict` when an address in use forbids the change."""
    network = network_query.NETWORKS.lock(ctx.tx, old.network_id)
    new = ctx.changed(old, draft.value)
    block = ipaddress.ip_network(new.cidr)
    if new.enable_dhcp != old.enable_dhcp and not new.enable_dhcp and (new.ipv6_ra_mode or new.ipv6_address_mode):
        raise refuse("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False")
    _check_lists(ctx, new, block)
    if new.gateway_ip != old.gateway_ip:
        _check_gateway_free(ctx, old)
    if new.gateway_ip != old.gateway_ip or new.allocation_pools != old.allocation_pools:
        ipam.check_pools(block, new.allocation_pools, new.gateway_ip)
    if new.allocation_pools != old.allocation_pools:
        runs = ipam.pool_runs(new.allocation_pools)
        for number in addresses.taken_addresses(ctx.tx, new.id):
            runs = ipam.without(runs, number)
        addresses.FREE.set(ctx.tx, new.id, runs)
    _change_segment(ctx, old, new)
    q.SUBNETS.update(ctx.tx, old, new)
    subnet_news(ctx.tx, new)
    if new.dns_publish_fixed_ip != old.dns_publish_fixed_ip:
        ctx.tx.publish("network", new.network_id)
    if network is not None:
        bump(ctx, network)
        if new.segment_id != old.segment_id:
            _segments_changed(ctx, network, new)
        if (new.enable_dhcp, new.segment_id) != (old.enable_dhcp, old.segment_id):
            dhcp.refresh(ctx, network)
    return new


def _change_segment(ctx: Context, old: Subnet, new: Subnet) -> None:
    """Put the subnet on a segment; the routes to those on other segments follow its gateway."""
    if not new.segment_id and not old.segment_id:
        return
    others = [subnet for subnet in q.of_network(ctx.tx, new.network_id) if subnet.id != new.id]
    if new.segment_id != old.segment_id:
        routed.check_segment_change(ctx, old, new, others)
    moved = old.gateway_ip if new.gateway_ip != old.gateway_ip else None
    new.host_routes = routed.with_peer_routes(new, others, old_gateway=moved)


def delete_subnet(ctx: Context, subnet: Subnet, *, with_network: bool = False) -> None:
    """Raises `Conflict` (SubnetInUse) while ports that asked for them have addresses of it."""
    network = network_query.NETWORKS.lock(ctx.tx, subnet.network_id)
    ports = port_query.PORTS.get_many(ctx.tx, addresses.port_ids_on_subnet(ctx.tx, subnet.id)).values()
    for port in ports:
        if port.device_owner == DHCP:
            continue
        if not ipam.is_auto_address(subnet) or port.device_owner in INTERFACES:
            raise Conflict(
                "SubnetInUse",
                f"Unable to complete operation on subnet {subnet.id}: One or more ports have an IP allocation from "
                "this subnet.",
            )
    for port in ports:
        readdressing.drop_subnet(ctx, port, subnet)
    addresses.FREE.drop(ctx.tx, subnet.id)
    pool_blocks.give_back(ctx, subnet)
    q.SUBNETS.delete(ctx.tx, subnet.id)
    if subnet.project_id:
        quotas.give_back(ctx, subnet.project_id, "subnet")
    subnet_news(ctx.tx, subnet, gone=True)
    if network is not None and not with_network:
        bump(ctx, network)
        _segments_changed(ctx, network, subnet, gone=True)
        dhcp.refresh(ctx, network)


def _choose_block(ctx: Context, subnet: Subnet, given: frozenset[str], others: Sequence[Subnet]) -> ipam.IpNetwork:
    """The block that is asked for, or one of the subnet pool; `others` are the network's subnets."""
    if {"cidr", "prefixlen"} <= given:
        raise BadRequest("BadRequest", "Bad subnets request: cidr and prefixlen must not be supplied together.")
    pool = pool_blocks.pool_of(ctx, subnet)
    pool_blocks.check_affinity(ctx, subnet.ip_version, pool, others)
    if pool is not None:
        block = pool_blocks.take(ctx, pool, subnet, given)
        subnet.subnetpool_id, subnet.cidr = pool.id, str(block)
    elif "cidr" in given:
        block = ipaddress.ip_network(subnet.cidr)
    else:
        raise BadRequest("BadRequest", "Bad subnets request: a subnetpool must be specified in the absence of a cidr.")
    _check_block(subnet, block)
    return block


def _check_block(subnet: Subnet, block: ipam.IpNetwork) -> None:
    if block.version != subnet.ip_version:
        raise refuse(f"cidr '{subnet.cidr}' does not match the ip_version '{subnet.ip_version}'")
    if block.is_multicast or block.is_loopback or (block.version == 6 and block.is_link_local):
        raise refuse(f"cidr '{subnet.cidr}' is a multicast, loopback or link-local block, which no subnet can have")
    if block.prefixlen == 0:
        raise refuse("0 is not allowed as CIDR prefix length")
    if subnet.enable_dhcp and block.version == 4 and block.prefixlen > 30:
        raise refuse(f"a subnet with DHCP needs room for a host besides its gateway: '{subnet.cidr}' is too small")


def _check_overlap(subnet: Subnet, block: ipam.IpNetwork, others: Sequence[Subnet]) -> None:
    for other in others:
        if other.ip_version == block.version and block.overlaps(ipaddress.ip_network(other.cidr)):
            raise refuse(
                f"Requested subnet with cidr: {subnet.cidr} for network: {subnet.network_id} overlaps with another "
                f"subnet (ID: {other.id}, CIDR: {other.cidr})"
            )


def _check_modes(subnet: Subnet, block: ipam.IpNetwork, given: frozenset[str]) -> None:
    ra, address = subnet.ipv6_ra_mode, subnet.ipv6_address_mode
    if subnet.ip_version == 4:
        if {"ipv6_ra_mode", "ipv6_address_mode"} & given and (ra or address):
            raise refuse("ipv6_ra_mode and ipv6_address_mode are only allowed for a subnet with ip_version 6")
        return
    if (ra or address) and not subnet.enable_dhcp:
        raise refuse("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False")
    if ra and address and ra != address:
        raise refuse(
            f"ipv6_ra_mode set to '{ra}' with ipv6_address_mode set to '{address}' is not valid. If both attributes "
            "are set, they must be the same value"
        )
    if ipam.is_auto_address(subnet) and block.prefixlen != 64:
        raise refuse(
            f"Invalid CIDR {block} for IPv6 address mode. OpenStack uses the EUI-64 address format, which requires "
            "the prefix to be /64"
        )


def _check_lists(ctx: Context, subnet: Subnet, block: ipam.IpNetwork) -> None:
    limits = ctx.settings.network
    if len(subnet.dns_nameservers) > limits.max_dns_nameservers:
        raise BadRequest(
            "DNSNameServersExhausted",
            f"Unable to complete operation for {subnet.id}. The number of DNS nameservers exceeds the limit "
            f"{limits.max_dns_nameservers}.",
        )
    if len(subnet.host_routes) > limits.max_host_routes:
        raise BadRequest(
            "HostRoutesExhausted",
            f"Unable to complete operation for {subnet.id}. The number of host routes exceeds the limit "
            f"{limits.max_host_routes}.",
        )
    for server in subnet.dns_nameservers:
        if ipaddress.ip_address(server).version != subnet.ip_version:
            raise refuse(f"dns_nameservers '{server}' does not match the ip_version '{subnet.ip_version}'")
    for route in subnet.host_routes:
        versions = {ipaddress.ip_network(route.destination).version, ipaddress.ip_address(route.nexthop).version}
        if versions != {subnet.ip_version}:
            raise refuse(
                f"host_routes '{route.destination} via {route.nexthop}' does not match the ip_version "
                f"'{subnet.ip_version}'"
            )
    _check_gateway(subnet, block)


def _check_gateway(subnet: Subnet, block: ipam.IpNetwork) -> None:
    if subnet.gateway_ip is None:
        return
    gateway = ipaddress.ip_address(subnet.gateway_ip)
    if gateway.version != subnet.ip_version:
        raise refuse(f"gateway_ip '{gateway}' does not match the ip_version '{subnet.ip_version}'")
    low, high = ipam.usable(block)
    subnet_router_anycast = gateway.version == 6 and int(gateway) == int(block.network_address)
    if gateway in block and not subnet_router_anycast and not low <= int(gateway) <= high:
        raise refuse(f"Gateway is not valid on subnet: '{gateway}' is the network or broadcast address of {block}")
    if gateway.is_multicast or gateway.is_unspecified or gateway.is_loopback:
        raise refuse(f"gateway_ip '{gateway}' is not an address that a host can have")


def _check_gateway_free(ctx: Context, subnet: Subnet) -> None:
    if subnet.gateway_ip is None:
        return
    for port in port_query.interfaces_on_network(ctx.tx, subnet.network_id, *INTERFACES):
        if any(ip.subnet_id == subnet.id and ip.ip_address == subnet.gateway_ip for ip in port.fixed_ips):
            raise Conflict(
                "GatewayIpInUse",
                f"Current gateway ip {subnet.gateway_ip} already in use by port {port.id}. Unable to update.",
            )
