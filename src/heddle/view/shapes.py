"""Which part of each resource travels: from the objects of `model/` to the views of `view/types.py`, kind by kind.

A loader is asked for ids with the revision of their latest change, and yields the views of those that exist.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping

from heddle.model.fields import same_for_all
from heddle.model.metering import MeteringLabelRule
from heddle.model.port import DISTRIBUTED_INTERFACE, ROUTER_INTERFACE, ROUTER_OWNERS, Port
from heddle.model.port_forwarding import PortForwarding, ends
from heddle.model.qos import BandwidthLimitRule, DscpMarkingRule, MinimumBandwidthRule, PacketRateLimitRule, QosRule
from heddle.model.security_group import SecurityGroup, SecurityGroupRule, protocol_number
from heddle.model.segment import Segment
from heddle.model.trunk import SUBPORT_OWNER
from heddle.network_types import registry
from heddle.store.engine import Tx
from heddle.store.query import (
    audits,
    conntrack_helpers,
    floating_ips,
    ha_routers,
    hosts,
    local_ips,
    logs,
    metering,
    ndp_proxies,
    networks,
    port_forwardings,
    ports,
    qos,
    routers,
    security_groups,
    segments,
    subnet_pools,
    subnets,
    trunks,
)
from heddle.view import types as v

Revisions = Mapping[str, int]


def _hosts(tx: Tx, wanted: Revisions) -> Iterable[v.Object]:
    keys = ha_routers.keys(tx)
    for host in hosts.named(tx, wanted).values():
        yield v.HostView(
            id=host.name,
            revision=wanted[host.name],
            tunnel_ip=host.tunnel_ip,
            availability_zone=host.availability_zone,
            ha_key=keys.key,
            ha_also=keys.next or keys.before,
        )


def _assignments(tx: Tx, wanted: Revisions) -> Iterable[v.Object]:
    for id, revision in wanted.items():
        role, _, object_id = id.partition("/")
        yield v.AssignmentView(id=id, revision=revision, role=role, object_id=object_id)


def _networks(tx: Tx, wanted: Revisions) -> Iterable[v.Object]:
    found = networks.NETWORKS.get_many(tx, wanted)
    joined = segments.of_networks(tx, found)
    for network in found.values():
        yield v.NetworkView(
            id=network.id,
            revision=wanted[network.id],
            mtu=network.mtu,
            segments=[_segment(each) for each in joined[network.id]],
            admin_state_up=network.admin_state_up,
            external=network.router_external,
            dns_domain=same_for_all(network.dns_domain),
            qos_policy=network.qos_policy_id or "",
            subnets_apart=network.subnet_isolation,
        )


def _segment(segment: Segment) -> v.Segment:
    kind = registry().get(segment.network_type)
    tunnel = kind is not None and kind.uplink.kind == "tunnel"
    return v.Segment(
        segment.network_type,
        segment.physical_network or "",
        segment.segmentation_id or 0,
        encapsulation=kind.uplink.encapsulation if kind and tunnel else "",
        overhead=kind.overhead[4] if kind and tunnel else 0,
    )


def _subnets(tx: Tx, wanted: Revisions) -> Iterable[v.Object]:
    found = subnets.SUBNETS.get_many(tx, wanted)
    scopes = subnet_pools.scopes(tx, {subnet.subnetpool_id for subnet in found.values() if subnet.subnetpool_id})
    for subnet in found.values():
        yield v.SubnetView(
            id=subnet.id,
            revision=wanted[subnet.id],
            network_id=subnet.network_id,
            cidr=subnet.cidr,
            ip_version=subnet.ip_version,
            gateway_ip=subnet.gateway_ip or "",
            enable_dhcp=subnet.enable_dhcp,
            dns_nameservers=subnet.dns_nameservers,
            host_routes=[v.HostRoute(route.destination, route.nexthop) for route in subnet.host_routes],
            ipv6_address_mode=subnet.ipv6_address_mode or "",
            ipv6_ra_mode=subnet.ipv6_ra_mode or "",
            address_scope=scopes.get(subnet.subnetpool_id or "", ""),
        )


def _fixed_ips(port: Port) -> list[v.FixedIp]:
    return [v.FixedIp(fixed_ip.subnet_id, fixed_ip.ip_address) for fixed_ip in port.fixed_ips]


def _ports(tx: Tx, wanted: Revisions) -> Iterable[v.Object]:
    found = ports.PORTS.get_many(tx, wanted)
    places = trunks.places(tx, [port.id for port in found.values() if port.device_owner == SUBPORT_OWNER])
    for port in found.values():
        parent, vlan = places.get(port.id, ("", 0))
        yield v.PortView(
            id=port.id,
            revision=wanted[port.id],
            network_id=port.network_id,
            mac_address=port.mac_address,
            fixed_ips=_fixed_ips(port),
            allowed_address_pairs=_pairs(port),
            security_groups=sorted(port.security_groups) if port.port_security_enabled else [],
            port_security=port.port_security_enabled,
            admin_state_up=port.admin_state_up,
            device_owner=_owner(port),
            device_id=port.device_id,
            qos_policy=port.qos_policy_id or "",
            parent_port_id=parent,
            vlan=vlan,
            pvlan_type=port.pvlan_type or "",
            pvlan_community=port.pvlan_community or "",
        )


def _pairs(port: Port) -> list[v.AddressPair]:
    return [v.AddressPair(_block(pair.ip_address), pair.mac_address) for pair in port.allowed_address_pairs]


def _block(text: str) -> str:
    """An address, or the network of an address with a prefix length."""
    return str(ipaddress.ip_network(text, strict=False)) if "/" in text else text


def _neighbours(tx: Tx, wanted: Revisions) -> Iterable[v.Object]:
    found = ports.PORTS.get_many(tx, wanted)
    ready = ha_routers.of_routers(tx, (port.device_id for port in found.values() if port.device_owner in ROUTER_OWNERS))
    for port in found.values():
        options = [v.DhcpOption(o.opt_name, o.opt_value or "", o.ip_version) for o in port.extra_dhcp_opts or []]
        yield v.NeighbourView(
            id=port.id,
            revision=wanted[port.id],
            network_id=port.network_id,
            mac_address=port.mac_address,
            fixed_ips=_fixed_ips(port),
            host=port.binding_host_id,
            device_owner=_owner(port),
            hostname=port.dns_name,
            domain=port.dns_zone,
            dhcp_options=options,
            allowed_address_pairs=_pairs(port),
            port_security=port.port_security_enabled,
            name=port.name,
            device_id=port.device_id,
            project_id=port.project_id,
            pvlan_type=port.pvlan_type or "",
            pvlan_community=port.pvlan_community or "",
            distributed=port.device_owner == DISTRIBUTED_INTERFACE,
            ha_hosts=[each.host for each in ready.get(port.device_id, ())],
        )


def _owner(port: Port) -> str:
    """To hosts an interface is an interface, whatever its router is."""
    return ROUTER_INTERFACE if port.device_owner == DISTRIBUTED_INTERFACE else port.device_owner


def _members(tx: Tx, wanted: Revisions) -> Iterable[v.Object]:
    """Ports in security groups; and the CIDRs in address groups, of which the id says all."""
    by_port: dict[str, list[str]] = {}
    for id, revision in wanted.items():
        group, _, member = id.partition("/")
        if "/" in member:
            yield v.MemberView(id=id, revision=revision, group_id=group, addresses=[member])
        else:
            by_port.setdefault(member, []).append(group)
    for port in ports.PORTS.get_many(tx, by_port).values():
        addresses = [fixed_ip.ip_address for fixed_ip in port.fixed_ips]
        addresses += [_block(pair.ip_address) for pair in port.allowed_address_pairs]
        for group in by_port[port.id]:
            id = f"{group}/{port.id}"
            yield v.MemberView(id=id, revision=wanted[id], group_id=group, addresses=sorted(set(addresses)))


def _rule(rule: SecurityGroupRule) -> v.RuleView:
    protocol = protocol_number(rule)
    return v.RuleView(
        id=rule.id,
        direction=rule.direction,
        ethertype=6 if rule.ethertype == "IPv6" else 4,
        protocol=-1 if protocol is None else protocol,
        port_min=-1 if rule.port_range_min is None else rule.port_range_min,
        port_max=-1 if rule.port_range_max is None else rule.port_range_max,
        remote_cidr=rule.normalized_cidr or "",
        remote_group=rule.remote_group_id or rule.remote_address_group_id or "",
    )


def _groups(tx: Tx, wanted: Revisions) -> Iterable[v.Object]:
    for group in security_groups.GROUPS.get_many(tx, wanted).values():
        yield _group(group, wanted[group.id])


def _group(group: SecurityGroup, revision: int) -> v.GroupView:
    rules = sorted((_rule(rule) for rule in group.security_group_rules), key=lambda rule: rule.id)
    return v.GroupView(id=group.id, revision=revision, rules=rules, stateful=group.stateful)


def _routers(tx: Tx, wanted: Revisions) -> Iterable[v.Object]:
    answers, helpers = ndp_proxies.addresses_of_routers(tx, wanted), conntrack_helpers.of_routers(tx, wanted)
    found = routers.ROUTERS.get_many(tx, wanted)
    ready = ha_routers.of_routers(tx, (router.id for router in found.values() if router.ha))
    for router in found.values():
        yield v.RouterView(
            id=router.id,
            revision=wanted[router.id],
            admin_state_up=router.admin_state_up,
            gateway_port_id=router.gateway_port_id or "",
            enable_snat=router.enable_snat,
            routes=[v.Route(route.destination, route.nexthop) for route in router.routes],
            project_id=router.project_id,
            enable_ndp_proxy=bool(router.enable_ndp_proxy),
            ndp_proxies=answers.get(router.id, []),
            qos_policy=router.qos_policy_id or "",
            conntrack_helpers=[
                v.ConntrackHelper(each.helper, each.protocol, each.port) for each in helpers.get(router.id, ())
            ],
            ha=v.Ha([each.host for each in ready[router.id]]) if router.id in ready else None,
        )


def _floating_ips(tx: Tx, wanted: Revisions) -> Iterable[v.Object]:
    found = floating_ips.FLOATING_IPS.get_many(tx, wanted)
    forwardings = port_forwardings.of_floating_ips(tx, [item.id for item in found.values() if item.port_forwardings])
    for item in found.values():
        if item.router_id:
            yield v.FloatingIpView(
                id=item.id,
                revision=wanted[item.id],
                router_id=item.router_id,
                floating_ip=item.floating_ip_address or "",
                fixed_ip=item.fixed_ip_address or "",
                port_id=item.port_id or "",
                floating_network_id=item.floating_network_id,
                forwardings=[_forwarding(each) for each in forwardings.get(item.id, [])],
                qos_policy=item.qos_policy_id or "",
                host=item.host,
            )


def _forwarding(item: PortForwarding) -> v.Forwarding:
    return v.Forwarding(
        item.id,
        item.protocol,
        *ends(item.external_port_range or ""),
        item.internal_ip_address,
        *ends(item.internal_port_range or ""),
    )


def _metering_labels(tx: Tx, wanted: Revisions) -> Iterable[v.Object]:
    found = metering.LABELS.get_many(tx, wanted)
    rules = metering.rules_of(tx, found)
    for label in found.values():
        yield v.MeteringLabelView(
            id=label.id,
            revision=wanted[label.id],
            project_id=label.project_id,
            shared=label.shared,
            rules=[_metering_rule(rule) for rule in rules.get(label.id, [])],
        )


def _metering_rule(rule: MeteringLabelRule) -> v.MeteringRule:
    """`remote_ip_prefix` has always meant the side behind the router: the source on the way out, else the target."""
    inside = _cidr(rule.remote_ip_prefix)
    return v.MeteringRule(
        rule.id,
        rule.direction,
        rule.excluded,
        source=(inside if rule.direction == "egress" else "") or _cidr(rule.source_ip_prefix),
        destination=(inside if rule.direction == "ingress" else "") or _cidr(rule.destination_ip_prefix),
    )


def _cidr(prefix: str | None) -> str:
    return str(ipaddress.ip_interface(prefix).network) if prefix else ""


def _qos_policies(tx: Tx, wanted: Revisions) -> Iterable[v.Object]:
    for id, rules in qos.rules_of(tx, wanted).items():
        marks = [rule.dscp_mark for rule in rules if isinstance(rule, DscpMarkingRule)]
        limits = [limit for rule in rules for limit in _limits(rule)]
        minima = [r.min_kbps for r in rules if isinstance(r, MinimumBandwidthRule) and r.direction == "egress"]
        dscp, guaranteed = marks[0] if marks else -1, sum(minima)
        yield v.QosPolicyView(id=id, revision=wanted[id], limits=limits, dscp=dscp, guaranteed=guaranteed)


def _limits(rule: QosRule) -> Iterable[v.QosLimit]:
    if isinstance(rule, BandwidthLimitRule):
        yield v.QosLimit(rule.direction, "kbps", rule.max_kbps, rule.max_burst_kbps)
    elif isinstance(rule, PacketRateLimitRule):
        yield v.QosLimit(rule.direction, "kpps", rule.max_kpps, rule.max_burst_kpps)


def _local_ips(tx: Tx, wanted: Revisions) -> Iterable[v.Object]:
    found = local_ips.ASSOCIATIONS.get_many(tx, wanted)
    owners = local_ips.LOCAL_IPS.get_many(tx, {each.local_ip_id for each in found.values()})
    for each in found.values():
        yield v.LocalIpView(
            id=each.id,
            revision=wanted[each.id],
            network_id=owners[each.local_ip_id].network_id,
            port_id=each.fixed_port_id,
            local_ip=each.local_ip_address,
            fixed_ip=each.fixed_ip or "",
            translate=owners[each.local_ip_id].ip_mode == "translate",
        )


def _logs(tx: Tx, wanted: Revisions) -> Iterable[v.Object]:
    for log in logs.LOGS.get_many(tx, wanted).values():
        if log.enabled:
            yield v.LogView(
                id=log.id,
                revision=wanted[log.id],
                event=log.event,
                project_id=log.project_id,
                port_id=log.target_id or "",
                group_id=log.resource_id or "",
            )


def _audits(tx: Tx, wanted: Revisions) -> Iterable[v.Object]:
    for audit in audits.get_many(tx, wanted).values():
        yield v.AuditView(id=audit.id, revision=wanted[audit.id], repair=audit.repair)


LOADERS: Mapping[str, Callable[[Tx, Revisions], Iterable[v.Object]]] = {
    "host": _hosts,
    "assignment": _assignments,
    "network": _networks,
    "subnet": _subnets,
    "port": _ports,
    "neighbour": _neighbours,
    "member": _members,
    "group": _groups,
    "router": _routers,
    "floating_ip": _floating_ips,
    "local_ip": _local_ips,
    "metering_label": _metering_labels,
    "qos_policy": _qos_policies,
    "log": _logs,
    "audit": _audits,
}
