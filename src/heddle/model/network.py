"""A network: an isolated layer-2 broadcast domain (Networking API v2.0, Networks)."""

from __future__ import annotations

from typing import Annotated, ClassVar

from heddle.model.fields import Bool, DnsName, Int, OneOf, Text, Uuid
from heddle.model.resource import ADMIN_STATE, GENERATED, Field, Named
from heddle.model.values import UUIDS

LARGEST = 2**63 - 1


class Network(Named, kw_only=True):
    """`segmentation_id` and `physical_network` are None where the type has none; `mtu` 0: as large as can be.

    `ipv4_address_scope` and `ipv6_address_scope` are those of the pools that its subnets have their blocks from.
    `ha`, in a request: the highly available routers of the project are to use it among themselves.
    """

    member: ClassVar[str] = "network"
    collection: ClassVar[str] = "networks"
    title: ClassVar[str] = "Network"

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
    mtu: Annotated[int, Field(Int(0, LARGEST), create=True, update=True, default=0, filter=True, sort=True)] = 0
    port_security_enabled: Annotated[
        bool, Field(Bool(), create=True, update=True, default=True, guard="create update")
    ] = True
    provider_network_type: Annotated[str, Field(Text(32), create=True, update=True, default=GENERATED,
        guard="create update read", filter=True, api="provider:network_type")] = ""  # fmt: skip
    provider_physical_network: Annotated[str | None, Field(Text(64, nullable=True), create=True,
        update=True, default=GENERATED, guard="create update read", filter=True, null=False,
        api="provider:physical_network")] = None  # fmt: skip
    provider_segmentation_id: Annotated[int | None, Field(Int(-LARGEST, LARGEST, nullable=True), create=True,
        update=True, default=GENERATED, guard="create update read", filter=True, null=False,
        api="provider:segmentation_id")] = None  # fmt: skip
    dns_domain: Annotated[str, Field(DnsName("domain"), create=True, update=True, default="")] = ""
    ipv4_address_scope: Annotated[str | None, Field(Uuid(nullable=True), stored=False)] = None
    ipv6_address_scope: Annotated[str | None, Field(Uuid(nullable=True), stored=False)] = None
    ha: Annotated[bool, Field(Bool(), create=True, default=False, visible=False, stored=False)] = False
    subnets: Annotated[list[str], Field(UUIDS, stored=False)] = []
