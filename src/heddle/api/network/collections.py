"""The resources of the Networking API that need no more than the common way, and the verbs that do each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from heddle.api.http import Request
from heddle.api.network.crud import Collection
from heddle.api.network.l3_collections import L3
from heddle.api.network.qos import COLLECTIONS as QOS_COLLECTIONS
from heddle.api.services import Services
from heddle.control import (
    address_groups,
    address_scopes,
    agents,
    dhcp,
    floating_ips,
    logs,
    networks,
    port_names,
    ports,
    rbac,
    resource_requests,
    routers,
    security_group_defaults,
    security_groups,
    segment_ranges,
    segments,
    subnet_pools,
    subnets,
    trunks,
    zones,
)
from heddle.control.context import Context
from heddle.model.address_group import AddressGroup
from heddle.model.address_scope import AddressScope
from heddle.model.agent import Agent
from heddle.model.floating_ip import FloatingIp
from heddle.model.log import Log
from heddle.model.network import Network
from heddle.model.port import Port
from heddle.model.rbac import RbacPolicy
from heddle.model.router import Router
from heddle.model.security_group import SecurityGroup, SecurityGroupRule
from heddle.model.security_group_defaults import DefaultSecurityGroupRule, DefaultStatefulness
from heddle.model.segment import Segment
from heddle.model.segment_range import NetworkSegmentRange
from heddle.model.subnet import Subnet
from heddle.model.subnet_pool import SubnetPool
from heddle.model.trunk import Trunk
from heddle.store.engine import Tx
from heddle.store.query import networks as network_query
from heddle.store.query import security_group_defaults as default_query
from heddle.store.query import security_groups as group_query
from heddle.store.query.address_groups import ADDRESS_GROUPS
from heddle.store.query.address_scopes import ADDRESS_SCOPES
from heddle.store.query.floating_ips import FLOATING_IPS
from heddle.store.query.hosts import AGENTS
from heddle.store.query.identity import PROJECTS
from heddle.store.query.logs import LOGS
from heddle.store.query.networks import NETWORKS
from heddle.store.query.ports import PORTS
from heddle.store.query.rbac import RBAC_POLICIES
from heddle.store.query.routers import ROUTERS
from heddle.store.query.segment_ranges import SEGMENT_RANGES
from heddle.store.query.segments import SEGMENTS
from heddle.store.query.subnet_pools import SUBNET_POOLS
from heddle.store.query.subnets import SUBNETS
from heddle.store.query.trunks import TRUNKS

OF_NETWORK = {"network": ("network_id", NETWORKS)}


def _describe_subnets(services: Services, tx: Tx, items: Sequence[Subnet]) -> None:
    external = network_query.external_among(tx, {subnet.network_id for subnet in items})
    for subnet in items:
        subnet.router_external = subnet.network_id in external


def _describe_ports(services: Services, tx: Tx, items: Sequence[Port]) -> None:
    networks = network_query.shown_by_ports(tx, {port.network_id for port in items})
    port_names.describe_names(services.settings.network.dns_domain, items, networks)
    resource_requests.describe(tx, items, networks)
    trunks.describe_parents(tx, items)


def _default_group(services: Services, request: Request) -> None:
    """A project whose groups are looked at, by itself or by the administrator, has its default one."""
    asked = [text for name, text in request.query() if name in ("project_id", "tenant_id")]
    project_id = asked[0] if asked and request.caller.is_admin else request.caller.project_id
    with services.store.read() as tx:
        if not project_id or group_query.default_of(tx, project_id):
            return
        if project_id != request.caller.project_id and not PROJECTS.get(tx, project_id):
            return
    services.store.write(
        lambda tx: security_groups.ensure_default(Context(tx, request.caller, services.settings), project_id),
        request.request_id,
    )


NETWORK_COLLECTION: Collection[Network] = Collection(
    NETWORKS,
    networks.create_networks,
    networks.update_network,
    networks.delete_network,
    describe=lambda services, tx, items: zones.describe(tx, "dhcp", items),
)
SEGMENT_COLLECTION: Collection[Segment] = Collection(
    SEGMENTS, segments.create_segments, segments.update_segment, segments.delete_segment, OF_NETWORK
)
SEGMENT_RANGE_COLLECTION: Collection[NetworkSegmentRange] = Collection(
    SEGMENT_RANGES,
    segment_ranges.create_segment_ranges,
    segment_ranges.update_segment_range,
    segment_ranges.delete_segment_range,
    describe=lambda services, tx, items: segment_ranges.describe(tx, items),
)
SUBNET_COLLECTION: Collection[Subnet] = Collection(
    SUBNETS, subnets.create_subnets, subnets.update_subnet, subnets.delete_subnet, OF_NETWORK, _describe_subnets
)
PORT_COLLECTION: Collection[Port] = Collection(
    PORTS, ports.create_ports, ports.update_port, dhcp.delete_any_port, OF_NETWORK, _describe_ports, apart=True
)
ROUTER_COLLECTION: Collection[Router] = Collection(
    ROUTERS,
    routers.create_routers,
    routers.update_router,
    routers.delete_router,
    describe=lambda services, tx, items: zones.describe(tx, "router", items),
)
FLOATING_IP_COLLECTION: Collection[FloatingIp] = Collection(
    FLOATING_IPS,
    floating_ips.create_floating_ips,
    floating_ips.update_floating_ip,
    floating_ips.delete_floating_ip,
)
GROUP_COLLECTION: Collection[SecurityGroup] = Collection(
    group_query.GROUPS,
    security_groups.create_groups,
    security_groups.update_group,
    security_groups.delete_group,
    before_list=_default_group,
)
RULE_COLLECTION: Collection[SecurityGroupRule] = Collection(
    group_query.RULES,
    security_groups.create_rules,
    None,
    security_groups.delete_rule,
    {"security_group": ("security_group_id", group_query.GROUPS)},
    before_list=_default_group,
)
TEMPLATE_COLLECTION: Collection[DefaultSecurityGroupRule] = Collection(
    default_query.TEMPLATES,
    security_group_defaults.create_templates,
    None,
    security_group_defaults.delete_template,
)
STATEFULNESS_COLLECTION: Collection[DefaultStatefulness] = Collection(
    default_query.STATEFULNESS,
    security_group_defaults.create_settings,
    security_group_defaults.update_setting,
    security_group_defaults.delete_setting,
    known_as="security_group_default_statefulness",
    both_names=True,
)
SUBNET_POOL_COLLECTION: Collection[SubnetPool] = Collection(
    SUBNET_POOLS, subnet_pools.create_subnet_pools, subnet_pools.update_subnet_pool, subnet_pools.delete_subnet_pool
)
ADDRESS_GROUP_COLLECTION: Collection[AddressGroup] = Collection(
    ADDRESS_GROUPS,
    address_groups.create_address_groups,
    address_groups.update_address_group,
    address_groups.delete_address_group,
)
ADDRESS_SCOPE_COLLECTION: Collection[AddressScope] = Collection(
    ADDRESS_SCOPES,
    address_scopes.create_address_scopes,
    address_scopes.update_address_scope,
    address_scopes.delete_address_scope,
)
TRUNK_COLLECTION: Collection[Trunk] = Collection(
    TRUNKS, trunks.create_trunks, trunks.update_trunk, trunks.delete_trunk
)
LOG_COLLECTION: Collection[Log] = Collection(
    LOGS, logs.create_logs, logs.update_log, logs.delete_log, path="log/logs"
)
RBAC_POLICY_COLLECTION: Collection[RbacPolicy] = Collection(
    RBAC_POLICIES, rbac.create_rbac_policies, rbac.update_rbac_policy, rbac.delete_rbac_policy
)
AGENT_COLLECTION: Collection[Agent] = Collection(
    AGENTS, None, agents.update_agent, agents.delete_agent
)

EVERY: tuple[Collection[Any], ...] = (
    NETWORK_COLLECTION,
    SEGMENT_COLLECTION,
    SEGMENT_RANGE_COLLECTION,
    SUBNET_COLLECTION,
    PORT_COLLECTION,
    ROUTER_COLLECTION,
    FLOATING_IP_COLLECTION,
    GROUP_COLLECTION,
    RULE_COLLECTION,
    TEMPLATE_COLLECTION,
    STATEFULNESS_COLLECTION,
    SUBNET_POOL_COLLECTION,
    ADDRESS_SCOPE_COLLECTION,
    ADDRESS_GROUP_COLLECTION,
    *L3,
    TRUNK_COLLECTION,
    LOG_COLLECTION,
    RBAC_POLICY_COLLECTION,
    AGENT_COLLECTION,
    *QOS_COLLECTIONS,
)
TAGGED = tuple(collection for collection in EVERY if "tags" in collection.model.__struct_fields__)
