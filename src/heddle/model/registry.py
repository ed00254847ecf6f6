"""The resources of the Networking API, by the names that they have in policy rules."""

from __future__ import annotations

from heddle.model.address_group import AddressGroup
from heddle.model.address_scope import AddressScope
from heddle.model.agent import Agent
from heddle.model.conntrack_helper import ConntrackHelper
from heddle.model.flavor import Flavor, ServiceProfile
from heddle.model.floating_ip import FloatingIp
from heddle.model.local_ip import LocalIp, LocalIpAssociation
from heddle.model.log import Log
from heddle.model.metering import MeteringLabel, MeteringLabelRule
from heddle.model.ndp_proxy import NdpProxy
from heddle.model.network import Network
from heddle.model.port import Port
from heddle.model.port_binding import PortBinding
from heddle.model.port_forwarding import PortForwarding
from heddle.model.qos import ALIASES, RULE_TYPES, QosPolicy
from heddle.model.rbac import RbacPolicy
from heddle.model.resource import Resource, subject_of
from heddle.model.router import Router
from heddle.model.security_group import SecurityGroup, SecurityGroupRule
from heddle.model.security_group_defaults import DefaultSecurityGroupRule, DefaultStatefulness
from heddle.model.segment import Segment
from heddle.model.segment_range import NetworkSegmentRange
from heddle.model.subnet import Subnet
from heddle.model.subnet_pool import SubnetPool
from heddle.model.trunk import Trunk

_EVERY: tuple[type[Resource], ...] = (
    AddressGroup,
    AddressScope,
    Agent,
    ConntrackHelper,
    DefaultSecurityGroupRule,
    DefaultStatefulness,
    Flavor,
    FloatingIp,
    LocalIp,
    LocalIpAssociation,
    Log,
    MeteringLabel,
    MeteringLabelRule,
    NdpProxy,
    Network,
    NetworkSegmentRange,
    Port,
    PortBinding,
    PortForwarding,
    QosPolicy,
    RbacPolicy,
    Router,
    SecurityGroup,
    SecurityGroupRule,
    Segment,
    ServiceProfile,
    Subnet,
    SubnetPool,
    Trunk,
    *RULE_TYPES,
    *ALIASES,
)
MODELS: dict[str, type[Resource]] = {subject_of(model): model for model in _EVERY}
