"""Ports: created with addresses, groups and a binding; changed; deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from heddle.control import (
    allocation,
    associations,
    binding,
    claims,
    floating_places,
    macs,
    port_addresses,
    port_names,
    port_owners,
    port_security,
    private_vlans,
    quotas,
    readdressing,
    security_groups,
    subports,
    trunks,
)
from heddle.control.context import Context
from heddle.control.lookup import need
from heddle.control.news import port_gone, port_news
from heddle.control.qos import check_policy_change
from heddle.errors import Conflict
from heddle.model.network import Network
from heddle.model.port import Port
from heddle.model.resource import Draft
from heddle.model.subnet import Subnet
from heddle.model.values import DhcpOption, FixedIp
from heddle.store.query import networks as network_query
from heddle.store.query import port_bindings as bindings
from heddle.store.query import ports as q
from heddle.store.query import subnets as subnet_query

_DECIDED_THERE = {
    "fixed_ips", "mac_address", "allowed_address_pairs", "port_security_enabled", "device_owner", "pvlan_type",
    "binding_vnic_type", "binding_profile",
}  # fmt: skip


def create_ports(ctx: Context, drafts: Sequence[Draft[Port]], *, own: bool = False) -> list[Port]:
    """Create ports, all or none.  `own`: by the verb to which a router's or floating IP's port belongs.

    Raises `BadRequest`, `NotFound`, `Conflict` (OverQuota, address or MAC in use, another's router).
    """
    for draft in () if own else drafts:
        port_owners.check(draft.value)
    for project_id, count in Counter(draft.value.project_id for draft in drafts).items():
        if project_id:
            quotas.take(ctx, project_id, "port", count)
    ids = sorted({draft.value.network_id for draft in drafts})
    networks = {id: need(ctx, network_query.NETWORKS, id, bare=True, hold=True) for id in ids}
    for policy_id in sorted({draft.value.qos_policy_id for draft in drafts if draft.value.qos_policy_id}):
        check_policy_change(ctx, None, policy_id)
    subnets = subnet_query.of_networks(ctx.tx, list(networks))
    created: dict[int, Port] = {}
    for network in networks.values():
        here = [draft for draft in drafts if draft.value.network_id == network.id]
        network_query.will_show(ctx.tx, network)
        created |= dict(zip(map(id, here), _on_network(ctx, network, subnets[network.id], here), strict=True))
    ports = [created[id(draft)] for draft in drafts]
    q.PORTS.insert(ctx.tx, ports)
    allocation.store_allocations(ctx, ports)
    q.set_groups(ctx.tx, ports, fresh=True)
    for network in networks.values():
        claims.settle(ctx, [port for port in ports if port.network_id == network.id], network)
    for port in ports:
        port_news(ctx.tx, port)
    return ports


def _on_network(ctx: Context, network: Network, subnets: Sequence[Subnet], drafts: Sequence[Draft[Port]]) -> list[Port]:
    allocator = allocation.Allocator(ctx, network, subnets)
    port_addresses.reserve(allocator, [draft.value.device_owner for draft in drafts if _asks_nothing(draft)])
    for draft in drafts:
        binding.mirror_trust(draft.value, draft.given)
        binding.override_mac(draft.value)
    chosen = macs.choose(ctx, network, drafts)
    ports = []
    for draft, mac in zip(drafts, chosen, strict=True):
        port = ctx.made(draft.value, mac_address=mac)
        port.extra_dhcp_opts = _merged_options([], port.extra_dhcp_opts or [])
        port_names.settle(ctx, network, port)
        port_security.fill_in(ctx, network, port, draft.given)
        private_vlans.settle(ctx, network, port, draft.given)
        port_addresses.allocate(port, allocator, None if _asks_nothing(draft) else draft.value.fixed_ips)
        port.allowed_address_pairs = port_security.complete_pairs(ctx, port)
        binding.bind(ctx, port, network)
        ports.append(port)
    return ports


def _asks_nothing(draft: Draft[Port]) -> bool:
    return "fixed_ips" not in draft.given


def _merged_options(have: Sequence[DhcpOption], given: Sequence[DhcpOption]) -> list[DhcpOption]:
    """The options with those given added or changed; one without a value goes away."""
    merged = {(option.opt_name, option.ip_version): option for option in [*have, *given]}
    return [option for option in merged.values() if option.opt_value is not None]


def update_port(ctx: Context, old: Port, draft: Draft[Port], *, own: bool = False) -> Port:
    """Raises `BadRequest`, `NotFound`, `Conflict` like `create_ports`."""
    new, given = draft.value, draft.given
    if not own:
        port_owners.check(new, old)
    new.revision_number, new.updated_at = old.revision_number + 1, ctx.now
    check_policy_change(ctx, old.qos_policy_id, new.qos_policy_id)
    moves = new.binding_host_id != old.binding_host_id
    network = network_query.NETWORKS.get(ctx.tx, old.network_id, bare=True, hold=moves or bool(_DECIDED_THERE & given))
    assert network is not None
    binding.mirror_trust(new, given, old)
    if binding.override_mac(new) or new.mac_address != old.mac_address:
        (new.mac_address,) = macs.choose(ctx, network, [draft])
    if "security_groups" in given:
        security_groups.check_usable(ctx, new.security_groups, old.security_groups)
    if {"dns_name", "dns_domain"} & given:
        port_names.settle(ctx, network, new)
    port_security.check(new)
    private_vlans.settle(ctx, network, new, given, old)
    if "extra_dhcp_opts" in given:
        new.extra_dhcp_opts = _merged_options(old.extra_dhcp_opts, new.extra_dhcp_opts)
    if "allowed_address_pairs" in given:
        new.allowed_address_pairs = port_security.complete_pairs(ctx, new)
    port_addresses.settle(ctx, network, old, new, asked="fixed_ips" in given)
    binding.bind(ctx, new, network, old)
    q.PORTS.update(ctx.tx, old, new)
    claims.follow(ctx, new, old, network)
    if set(new.security_groups) != set(old.security_groups):
        q.set_groups(ctx.tx, [new])
    port_news(ctx.tx, new, old)
    floating_places.follow(ctx, new, old)
    subports.follow(ctx, new, old)
    return new


def delete_port(ctx: Context, port: Port, *, own: bool = False) -> None:
    """Delete a port.  `own`: by the verb to which a router's or floating IP's port belongs.

    Raises `Conflict` (ServicePortInUse) for a port that belongs to a router or a floating IP.
    """
    trunks.check_unused(port)
    if not own and port.device_owner in port_owners.BELONGING:
        raise Conflict(
            "ServicePortInUse",
            f"Port {port.id} cannot be deleted directly via the port API: has device owner {port.device_owner}.",
        )
    if port.project_id:
        quotas.give_back(ctx, port.project_id, "port")
    associations.port_gone(ctx, port)
    subnets = subnet_query.of_network(ctx.tx, port.network_id) if port.fixed_ips else []
    readdressing.release(ctx, port.fixed_ips, subnets)
    if port.security_groups:
        q.set_groups(ctx.tx, [msgspec.structs.replace(port, security_groups=[])])
    bindings.delete_of_port(ctx.tx, port.id)
    q.PORTS.delete(ctx.tx, port.id)
    port_gone(ctx.tx, port)


def own_port(ctx: Context, network: Network, *, owner: str, device_id: str, project_id: str, host: str,
             fixed_ips: Sequence[FixedIp] | None, given: frozenset[str] = frozenset()) -> Port:  # fmt: skip
    """Create a port of the cloud's own: a router's, a DHCP server's, a floating IP's."""
    value = Port(project_id=project_id, network_id=network.id, device_owner=owner, device_id=device_id,
                 binding_host_id=host, fixed_ips=list(fixed_ips or []))  # fmt: skip
    names = {"binding_host_id"} | ({"fixed_ips"} if fixed_ips is not None else set())
    return create_ports(ctx, [Draft(value, frozenset(names) | given)], own=True)[0]
