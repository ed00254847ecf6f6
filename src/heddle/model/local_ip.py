"""Local IPs: an address that leads, on each host, to a port of that host (Networking API v2.0, Local IPs)."""

from __future__ import annotations

from typing import Annotated, ClassVar

from heddle.model.fields import Ip, OneOf, Text, Uuid
from heddle.model.resource import GENERATED, REQUIRED, Field, Named, Resource


class LocalIp(Named, kw_only=True):
    """`local_port_id` is the port that holds the address; one is made where only a network is given.

    `ip_mode`: "translate" (to the associated port's address) or "passthrough" (the port knows the address).
    """

    member: ClassVar[str] = "local_ip"
    collection: ClassVar[str] = "local_ips"
    title: ClassVar[str] = "LocalIP"

    description: Annotated[str, Field(Text(1024), create=True, update=True, default="", filter=True, sort=True)] = ""
    local_port_id: Annotated[
        str, Field(Uuid(), create=True, default=GENERATED, filter=True, sort=True, indexed=True)
    ] = ""
    network_id: Annotated[str, Field(Uuid(), create=True, default=GENERATED, filter=True, sort=True)] = ""
    local_ip_address: Annotated[
        str | None, Field(Ip(nullable=True), create=True, default=GENERATED, guard="create", filter=True, sort=True)
    ] = None
    ip_mode: Annotated[
        str, Field(OneOf("translate", "passthrough"), create=True, default="translate", filter=True, sort=True)
    ] = "translate"


class LocalIpAssociation(Resource, kw_only=True):
    """A port that a local IP leads to on its host; `fixed_ip` is one of the port's addresses."""

    member: ClassVar[str] = "port_association"
    collection: ClassVar[str] = "port_associations"
    title: ClassVar[str] = "LocalIPAssociation"
    subject: ClassVar[str] = "local_ip_port_association"
    parent: ClassVar[str] = "local_ip"

    id: Annotated[str, Field(Uuid(), visible=False)] = ""
    project_id: Annotated[str, Field(Text(255), create=True, default=GENERATED, visible=False, indexed=True)] = ""
    local_ip_id: Annotated[str, Field(Uuid())] = ""
    local_ip_address: Annotated[str, Field(Ip(), filter=True, sort=True)] = ""
    fixed_port_id: Annotated[
        str, Field(Uuid(), create=True, default=REQUIRED, filter=True, sort=True, indexed=True)
    ] = ""
    fixed_ip: Annotated[str | None, Field(Ip(nullable=True), create=True, default=None, filter=True, sort=True)] = None
    host: Annotated[str, Field(Text(255), filter=True, stored=False)] = ""
