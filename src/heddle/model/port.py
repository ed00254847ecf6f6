"""A port: where a VM's card, a router's interface or a service joins a network (Networking API v2.0, Ports)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from heddle.model import private_vlan
from heddle.model.fields import Bool, DnsName, Json, Mac, OneOf, Text, Uuid
from heddle.model.resource import ADMIN_STATE, GENERATED, QOS_POLICY, REQUIRED, Field, Named
from heddle.model.tags import TAGS
from heddle.model.values import (
    DHCP_OPTIONS,
    FIXED_IPS,
    OBJECT,
    PAIRS,
    UUIDS,
    AddressPair,
    DhcpOption,
    FixedIp,
)

VNIC_TYPES = (
    "normal",
    "direct",
    "macvtap",
    "baremetal",
    "direct-physical",
    "virtio-forwarder",
    "smart-nic",
    "vdpa",
    "accelerator-direct",
    "accelerator-direct-physical",
    "remote-managed",
)

NUMA_POLICIES = ("required", "preferred", "legacy", "socket")

OWN = "network:"  # how `device_owner` of the cloud's own ports begins
DHCP = "network:dhcp"
ROUTER_INTERFACE = "network:router_interface"
DISTRIBUTED_INTERFACE = "network:router_interface_distributed"
INTERFACES = (ROUTER_INTERFACE, DISTRIBUTED_INTERFACE)
ROUTER_GATEWAY = "network:router_gateway"
ROUTER_OWNERS = (ROUTER_GATEWAY, *INTERFACES)
FLOATING_IP = "network:floatingip"
FLOATING_GATEWAY = "network:floatingip_agent_gateway"
LOCAL_IP = "network:local_ip"
# The owner of no port: the service type of a subnet that is on no segment of its routed network, and works on each.
ROUTED = "network:routed"


class GeneratedMac(Mac):
    """A MAC address, or `null` for one that the cloud chooses: kept as the empty text until it has."""

    def parse(self, value: Any) -> str:
        return "" if value is None else self.check(value)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "null"}, self.shape()]}


class Port(Named, kw_only=True):
    """`status` is what the host observed; `binding_*` say which host carries the port and how.

    `data_plane_status` is what somebody outside of Heddle says of the data plane; `trusted`, `numa_affinity_policy` and
    `device_profile` are for the compute service; `propagate_uplink_status` is for cards with virtual functions.
    `dns_zone` is the domain of the port's names where that is not simply its network's: its own `dns_domain`, or the
    network's, the keywords in it replaced.
    `pvlan_type` and `pvlan_community` are set on a private VLAN only.
    `qos_network_policy_id` is the QoS policy of its network; `resource_request` what the port's minimum rates ask of
    a host, as a scheduler of VMs reads it.  `binding_refusal`: why its host has not got the port ("": it has).
    """

    member: ClassVar[str] = "port"
    collection: ClassVar[str] = "ports"
    title: ClassVar[str] = "Port"
    parent: ClassVar[str] = "network"

    tags: Annotated[list[str], Field(TAGS, create=True, default=[])] = []
    network_id: Annotated[str, Field(Uuid(), create=True, default=REQUIRED, filter=True, sort=True, indexed=True)] = ""
    admin_state_up: Annotated[bool, ADMIN_STATE] = True
    status: Annotated[str, Field(OneOf("ACTIVE", "DOWN", "BUILD", "ERROR"), filter=True, sort=True)] = "DOWN"
    mac_address: Annotated[
        str,
        Field(
            GeneratedMac(), create=True, update=True, default=GENERATED, guard="create update", filter=True, sort=True
        ),
    ] = ""
    device_id: Annotated[
        str,
        Field(
            Text(255), create=True, update=True, default="", guard="create update", filter=True, sort=True, indexed=True
        ),
    ] = ""
    device_owner: Annotated[
        str, Field(Text(255), create=True, update=True, default="", guard="create update", filter=True, sort=True)
    ] = ""
    fixed_ips: Annotated[
        list[FixedIp],
        Field(FIXED_IPS, create=True, update=True, default=GENERATED, guard="create update", filter=True, stored=False),
    ] = []
    allowed_address_pairs: Annotated[
        list[AddressPair], Field(PAIRS, create=True, update=True, default=GENERATED, guard="create update")
    ] = []
    extra_dhcp_opts: Annotated[list[DhcpOption], Field(DHCP_OPTIONS, create=True, update=True, default=None)] = []
    security_groups: Annotated[
        list[str], Field(UUIDS, create=True, update=True, default=GENERATED, filter=True, stored=False)
    ] = []
    port_security_enabled: Annotated[
        bool, Field(Bool(), create=True, update=True, default=GENERATED, guard="create update")
    ] = True
    dns_name: Annotated[str, Field(DnsName(), create=True, update=True, default="")] = ""
    dns_domain: Annotated[str, Field(DnsName("domain"), create=True, update=True, default="")] = ""
    dns_zone: Annotated[str, Field(Text(255), visible=False)] = ""
    dns_assignment: Annotated[
        list[dict[str, str]], Field(Json(list, {"type": "array", "items": {"type": "object"}}), stored=False)
    ] = []
    ip_allocation: Annotated[str, Field(OneOf("immediate", "deferred", "none"), filter=True, sort=True)] = "immediate"
    binding_host_id: Annotated[
        str,
        Field(Text(255, nullable=True), create=True, update=True, default=GENERATED, guard="create update read",
              filter=True, api="binding:host_id", indexed=True),
    ] = ""  # fmt: skip
    binding_vnic_type: Annotated[
        str,
        Field(OneOf(*VNIC_TYPES), create=True, update=True, default="normal", guard="create update",
              api="binding:vnic_type"),
    ] = "normal"  # fmt: skip
    binding_profile: Annotated[
        dict[str, Any],
        Field(OBJECT, create=True, update=True, default=GENERATED, guard="create update read", api="binding:profile"),
    ] = {}
    trunk_id: Annotated[str | None, Field(Uuid(nullable=True), visible=False)] = None
    trunk_details: Annotated[
        dict[str, Any] | None, Field(Json(dict, {"type": ["object", "null"]}, nullable=True), stored=False)
    ] = None
    trusted: Annotated[
        bool | None,
        Field(Bool(nullable=True), create=True, update=True, default=GENERATED, guard="create update read", null=False),
    ] = None
    data_plane_status: Annotated[
        str | None, Field(OneOf("ACTIVE", "DOWN", nullable=True), update=True, guard="update")
    ] = None
    propagate_uplink_status: Annotated[bool, Field(Bool(), create=True, update=True, default=True)] = True
    numa_affinity_policy: Annotated[
        str | None, Field(OneOf(*NUMA_POLICIES, nullable=True), create=True, update=True, default=None)
    ] = None
    device_profile: Annotated[str | None, Field(Text(255, nullable=True), create=True, default=None)] = None
    binding_vif_type: Annotated[str, Field(Text(64), guard="read", api="binding:vif_type")] = "unbound"
    binding_vif_details: Annotated[dict[str, Any], Field(OBJECT, guard="read", api="binding:vif_details")] = {}
    binding_refusal: Annotated[str, Field(Text(255), visible=False)] = ""
    qos_policy_id: Annotated[str | None, QOS_POLICY] = None
    qos_network_policy_id: Annotated[str | None, Field(Uuid(nullable=True), stored=False)] = None
    pvlan_type: Annotated[
        str | None,
        Field(private_vlan.TYPE, create=True, update=True, default=None, guard="create update read", filter=True),
    ] = None
    pvlan_community: Annotated[
        str | None,
        Field(
            private_vlan.CommunityName(),
            create=True,
            update=True,
            default=None,
            guard="create update read",
            filter=True,
        ),
    ] = None
    resource_request: Annotated[
        dict[str, Any] | None,
        Field(Json(dict, {"type": ["object", "null"]}, nullable=True), guard="read", stored=False),
    ] = None


def is_own(port: Port) -> bool:
    """Whether it is of the cloud itself: a router, a DHCP server, and no guest's."""
    return port.device_owner.startswith(OWN)
