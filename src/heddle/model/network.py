"""A network: an isolated layer-2 broadcast domain (Networking API v2.0, Networks)."""

from __future__ import annotations

from typing import Annotated, ClassVar

from heddle.model.fields import Bool, DnsName, Int, OneOf, Text
from heddle.model.resource import ADMIN_STATE, GENERATED, Field, Standard
from heddle.model.values import UUIDS, ZONE_HINTS


class Network(Standard, kw_only=True):
    """`segmentation_id` and `physical_network` are None where the type has none."""

    member: ClassVar[str] = "network"
    collection: ClassVar[str] = "networks"

    admin_state_up: Annotated[bool, ADMIN_STATE] = True
    status: Annotated[str, Field(OneOf("ACTIVE", "DOWN", "BUILD", "ERROR"), filter=True, sort=True)] = "ACTIVE"
    shared: Annotated[
        bool, Field(Bool(), create=True, update=True, default=False, guard="create update", filter=True, indexed=True)
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
            indexed=True,
        ),
    ] = False
    is_default: Annotated[
        bool, Field(Bool(), create=True, update=True, default=False, guard="create update", filter=True)
    ] = False
    mtu: Annotated[int, Field(Int(68, 65535), create=True, update=True, default=GENERATED, filter=True, sort=True)] = 0
    port_security_enabled: Annotated[
        bool, Field(Bool(), create=True, update=True, default=True, guard="create update")
    ] = True
    provider_network_type: Annotated[str, Field(Text(32), create=True, update=True, default=GENERATED,
        guard="create update read", filter=True, api="provider:network_type")] = ""  # fmt: skip
    provider_physical_network: Annotated[str | None, Field(Text(64, nullable=True), create=True,
        update=True, default=GENERATED, guard="create update read", filter=True,
        api="provider:physical_network")] = None  # fmt: skip
    provider_segmentation_id: Annotated[int | None, Field(Int(0, 2**32 - 1, nullable=True), create=True, update=True,
        default=GENERATED, guard="create update read", filter=True, api="provider:segmentation_id")] = None  # fmt: skip
    availability_zone_hints: Annotated[list[str], Field(ZONE_HINTS, create=True, default=[], sort=True)] = []
    availability_zones: Annotated[list[str], Field(ZONE_HINTS, stored=False)] = []
    dns_domain: Annotated[str, Field(DnsName(), create=True, update=True, default="")] = ""
    vlan_transparent: Annotated[bool | None, Field(Bool(nullable=True), filter=True, visible=False, stored=False)] = (
        None
    )
    subnets: Annotated[list[str], Field(UUIDS, stored=False)] = []
    ipv4_address_scope: Annotated[str | None, Field(Text(36, nullable=True), stored=False)] = None
    ipv6_address_scope: Annotated[str | None, Field(Text(36, nullable=True), stored=False)] = None
