"""A network: an isolated layer-2 broadcast domain (Networking API v2.0, Networks)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from heddle.model.access import NETWORK_EXTERNAL, NETWORK_EXTERNAL_TO_SOME, NETWORK_SHARED
from heddle.model.availability_zone import ZONES
from heddle.model.fields import Bool, DnsName, Int, OneOf, Uuid
from heddle.model.resource import ADMIN_STATE, GENERATED, QOS_POLICY, Field, Named
from heddle.model.segment import LARGEST, PHYSICAL_NETWORK, SEGMENTATION_ID, SEGMENTATIONS, TYPE, Segmentation
from heddle.model.values import UUIDS


class Network(Named, kw_only=True):
    """`mtu` 0: as large as can be.

    The `provider_*` attributes tell the single segment of a network; `segments` those of one that has several, else it
    is None.  `l2_adjacency`: all ports are neighbours on layer 2, for no subnet is on one segment alone.
    `ipv4_address_scope` and `ipv6_address_scope` are those of the pools that its subnets have their blocks from.
    `shared`: the caller's project may use it, because an RBAC entry lets everybody or that project; `router_external`:
    an entry lets anybody use it as an external network, and `external_access`: the caller's project.
    `is_default`: the external network to which automatically made topologies lead.
    `pvlan`: it is a private VLAN, whose ports are of kinds; `subnet_isolation`: its subnets do not meet on layer 2.
    `ha`, in a request: the highly available routers of the project are to use it among themselves.
    """

    member: ClassVar[str] = "network"
    collection: ClassVar[str] = "networks"
    title: ClassVar[str] = "Network"

    admin_state_up: Annotated[bool, ADMIN_STATE] = True
    status: Annotated[str, Field(OneOf("ACTIVE", "DOWN", "BUILD", "ERROR"), filter=True, sort=True)] = "ACTIVE"
    shared: Annotated[
        bool,
        Field(
            Bool(),
            create=True,
            update=True,
            default=False,
            guard="create update",
            filter=True,
            access=NETWORK_SHARED,
        ),
    ] = False
    router_external: Annotated[
        bool,
        Field(
            Bool(),
            create=True,
            update=True,
            default=False,
            guard="create update",
            filter=True,
            api="router:external",
            access=NETWORK_EXTERNAL_TO_SOME,
        ),
    ] = False
    external_access: Annotated[bool, Field(Bool(), visible=False, access=NETWORK_EXTERNAL)] = False
    is_default: Annotated[
        bool, Field(Bool(), create=True, update=True, default=False, guard="create update", filter=True)
    ] = False
    mtu: Annotated[int, Field(Int(0, LARGEST), create=True, update=True, default=0, filter=True, sort=True)] = 0
    port_security_enabled: Annotated[
        bool, Field(Bool(), create=True, update=True, default=True, guard="create update")
    ] = True
    provider_network_type: Annotated[str | None, Field(TYPE, create=True, update=True, default=GENERATED, null=False,
        guard="create update read", filter=True, stored=False,
        api="provider:network_type")] = None  # fmt: skip
    provider_physical_network: Annotated[str | None, Field(PHYSICAL_NETWORK, create=True, update=True, null=False,
        default=GENERATED, guard="create update read", filter=True, stored=False,
        api="provider:physical_network")] = None  # fmt: skip
    provider_segmentation_id: Annotated[int | None, Field(SEGMENTATION_ID, create=True, update=True, null=False,
        default=GENERATED, guard="create update read", filter=True, stored=False,
        api="provider:segmentation_id")] = None  # fmt: skip
    segments: Annotated[
        list[Segmentation] | None,
        Field(
            SEGMENTATIONS,
            create=True,
            update=True,
            default=GENERATED,
            guard="create update read",
            stored=False,
            sparse=True,
        ),
    ] = None
    dns_domain: Annotated[str, Field(DnsName("domain"), create=True, update=True, default="")] = ""
    ipv4_address_scope: Annotated[str | None, Field(Uuid(nullable=True), stored=False)] = None
    ipv6_address_scope: Annotated[str | None, Field(Uuid(nullable=True), stored=False)] = None
    ha: Annotated[bool, Field(Bool(), create=True, default=False, visible=False, stored=False)] = False
    availability_zone_hints: Annotated[list[str], Field(ZONES, create=True, default=[], sort=True)] = []
    availability_zones: Annotated[list[str], Field(ZONES, stored=False)] = []
    qos_policy_id: Annotated[str | None, QOS_POLICY] = None
    pvlan: Annotated[
        bool, Field(Bool(), create=True, update=True, default=False, guard="create update read", filter=True)
    ] = False
    subnet_isolation: Annotated[
        bool,
        Field(
            Bool(),
            create=True,
            update=True,
            default=False,
            guard="create update read",
            filter=True,
            api="heddle:subnet_isolation",
        ),
    ] = False
    subnets: Annotated[list[str], Field(UUIDS, stored=False)] = []
    l2_adjacency: Annotated[bool, Field(Bool(), stored=False)] = True

    def tell_segments(self, found: Sequence[Segmentation]) -> None:
        """Fill in the attributes that tell the network's segments."""
        only = found[0] if len(found) == 1 else Segmentation()
        self.provider_network_type = only.network_type or None
        self.provider_physical_network = only.physical_network
        self.provider_segmentation_id = only.segmentation_id
        self.segments = list(found) if len(found) > 1 else None
