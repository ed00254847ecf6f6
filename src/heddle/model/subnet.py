"""A subnet: a block of addresses on a network (Networking API v2.0, Subnets)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from heddle.model.fields import Bool, Cidr, Int, Ip, OneOf, Uuid
from heddle.model.resource import GENERATED, REQUIRED, Field, Named
from heddle.model.values import NAMESERVERS, POOLS, ROUTES, SERVICE_TYPES, AllocationPool, HostRoute

MODES = ("dhcpv6-stateful", "dhcpv6-stateless", "slaac")


PREFIX_DELEGATION = "prefix_delegation"


class SubnetPoolId(Uuid):
    """The pool that a subnet's block is taken from: a UUID, or the word for prefix delegation (RFC 8415)."""

    def __init__(self) -> None:
        super().__init__(nullable=True)

    def check(self, value: Any) -> str:
        return PREFIX_DELEGATION if value == PREFIX_DELEGATION else super().check(value)

    def shape(self) -> dict[str, Any]:
        return {"type": "string", "anyOf": [{"format": "uuid"}, {"const": PREFIX_DELEGATION}]}


class Subnet(Named, kw_only=True):
    """`allocation_pools` are the parts of the CIDR from which addresses are given out by themselves."""

    member: ClassVar[str] = "subnet"
    collection: ClassVar[str] = "subnets"
    title: ClassVar[str] = "Subnet"
    parent: ClassVar[str] = "network"

    network_id: Annotated[str, Field(Uuid(), create=True, default=REQUIRED, filter=True, sort=True, indexed=True)] = ""
    segment_id: Annotated[
        str | None,
        Field(
            Uuid(nullable=True),
            create=True,
            update=True,
            default=None,
            guard="create update read",
            filter=True,
            sort=True,
            indexed=True,
        ),
    ] = None
    ip_version: Annotated[int, Field(OneOf(4, 6), create=True, default=REQUIRED, filter=True, sort=True)] = 4
    subnetpool_id: Annotated[
        str | None, Field(SubnetPoolId(), create=True, default=GENERATED, filter=True, sort=True, indexed=True)
    ] = None
    use_default_subnetpool: Annotated[bool, Field(Bool(), create=True, default=False, visible=False, stored=False)] = (
        False
    )
    prefixlen: Annotated[
        int | None, Field(Int(0, 2**63 - 1), create=True, default=GENERATED, visible=False, stored=False)
    ] = None
    cidr: Annotated[str, Field(Cidr(strict=False), create=True, default=GENERATED, filter=True, sort=True)] = ""
    gateway_ip: Annotated[
        str | None, Field(Ip(nullable=True), create=True, update=True, default=GENERATED, filter=True, sort=True)
    ] = None
    allocation_pools: Annotated[list[AllocationPool], Field(POOLS, create=True, update=True, default=GENERATED)] = []
    dns_nameservers: Annotated[list[str], Field(NAMESERVERS, create=True, update=True, default=GENERATED)] = []
    host_routes: Annotated[list[HostRoute], Field(ROUTES, create=True, update=True, default=GENERATED)] = []
    enable_dhcp: Annotated[bool, Field(Bool(), create=True, update=True, default=True, filter=True, sort=True)] = True
    ipv6_ra_mode: Annotated[
        str | None, Field(OneOf(*MODES, nullable=True), create=True, default=GENERATED, filter=True, sort=True)
    ] = None
    ipv6_address_mode: Annotated[
        str | None, Field(OneOf(*MODES, nullable=True), create=True, default=GENERATED, filter=True, sort=True)
    ] = None
    service_types: Annotated[list[str], Field(SERVICE_TYPES, create=True, update=True, default=GENERATED)] = []
    dns_publish_fixed_ip: Annotated[bool, Field(Bool(), create=True, update=True, default=False)] = False
    router_external: Annotated[bool, Field(Bool(), filter=True, stored=False, api="router:external")] = False
    shared: Annotated[bool, Field(Bool(), filter=True, visible=False, stored=False)] = False
