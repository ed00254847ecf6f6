"""Networks, subnets, ports, routers, floating IPs, security groups, and what joins and counts them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from heddle.model.floating_ip import FloatingIp
from heddle.model.network import Network
from heddle.model.port import Port
from heddle.model.router import Router
from heddle.model.security_group import SecurityGroup, SecurityGroupRule
from heddle.model.security_group_defaults import DefaultSecurityGroupRule, DefaultStatefulness
from heddle.model.segment import Segment
from heddle.model.segment_range import NetworkSegmentRange
from heddle.model.subnet import Subnet
from heddle.store.tables.kit import METADATA, JsonText, id_column, number_column, table_for, text_column

networks = table_for(Network, later=["pvlan", "subnet_isolation"])
network_segment_ranges = table_for(NetworkSegmentRange)
networksegments = table_for(Segment, name="networksegments")
subnets = table_for(Subnet)
ports = table_for(
    Port,
    sa.UniqueConstraint("network_id", "mac_address"),
    sa.Index("ix_ports_network_owner", "network_id", "device_owner"),
    later=["binding_refusal"],
)
routers = table_for(Router)
floating_ips = table_for(FloatingIp, later=["host"])
security_groups = table_for(SecurityGroup)
security_group_rules = table_for(SecurityGroupRule)
default_security_group_rules = table_for(
    DefaultSecurityGroupRule, sa.UniqueConstraint("default_key"), sa.UniqueConstraint("custom_key")
)
security_groups_default_statefulness = table_for(DefaultStatefulness, sa.UniqueConstraint("place"))

# Who uses a segment: `key` is "vxlan::77", "vlan:physnet1:101", "flat:public:".
segment_claims = sa.Table(
    "segment_claims", METADATA, text_column("key", 128, key=True), id_column("network_id", index=True)
)

ip_allocations = sa.Table(
    "ip_allocations",
    METADATA,
    id_column("subnet_id", key=True),
    sa.Column("ip_address", sa.String(45), primary_key=True, index=True),
    id_column("port_id", index=True),
    id_column("network_id"),
    number_column("position"),
)

# What of a subnet's pools is free, as runs that neither touch nor overlap.
ip_ranges = sa.Table(
    "ip_ranges", METADATA, id_column("subnet_id", key=True), text_column("first", 32, key=True), text_column("last", 32)
)

port_security_groups = sa.Table(
    "port_security_groups",
    METADATA,
    id_column("port_id", key=True),
    sa.Column("security_group_id", sa.String(36), primary_key=True, index=True),
)

# Bindings that are prepared; the active one is in the port's own row.
port_bindings = sa.Table(
    "port_bindings",
    METADATA,
    id_column("port_id", key=True),
    text_column("host", key=True),
    text_column("vif_type", 64),
    sa.Column("vif_details", JsonText(dict[str, Any]), nullable=False),
    text_column("vnic_type", 64),
    sa.Column("profile", JsonText(dict[str, Any]), nullable=False),
)

default_security_groups = sa.Table(
    "default_security_groups", METADATA, text_column("project_id", key=True), id_column("security_group_id")
)

quotas = sa.Table(
    "quotas",
    METADATA,
    text_column("project_id", key=True),
    text_column("resource", 64, key=True),
    number_column("limit"),
)

quota_usage = sa.Table(
    "quota_usage",
    METADATA,
    text_column("project_id", key=True),
    text_column("resource", 64, key=True),
    number_column("used"),
)
