"""A floating IP: an address of an external network that reaches a port (Networking API v2.0, Floating IPs)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from heddle.model.fields import DnsName, Ip, Json, OneOf, Text, Uuid
from heddle.model.resource import GENERATED, QOS_POLICY, REQUIRED, Field, Standard


class FloatingIp(Standard, kw_only=True):
    """`floating_port_id` is the port on the external network that holds the address.

    `host`: where it is translated, "" for where its router is.
    """

    member: ClassVar[str] = "floatingip"
    collection: ClassVar[str] = "floatingips"
    title: ClassVar[str] = "FloatingIP"

    floating_network_id: Annotated[
        str, Field(Uuid(), create=True, default=REQUIRED, filter=True, sort=True, indexed=True)
    ] = ""
    floating_ip_address: Annotated[
        str | None, Field(Ip(nullable=True), create=True, default=None, guard="create", filter=True, sort=True)
    ] = None
    subnet_id: Annotated[
        str | None, Field(Uuid(nullable=True), create=True, default=None, visible=False, stored=False)
    ] = None
    router_id: Annotated[
        str | None,
        Field(Uuid(nullable=True), create=True, update=True, default=None, filter=True, sort=True, indexed=True),
    ] = None
    port_id: Annotated[
        str | None, Field(Uuid(nullable=True), create=True, update=True, default=None, filter=True, indexed=True)
    ] = None
    fixed_ip_address: Annotated[
        str | None, Field(Ip(nullable=True), create=True, update=True, default=None, filter=True, sort=True)
    ] = None
    status: Annotated[str, Field(OneOf("ACTIVE", "DOWN", "ERROR"), filter=True, sort=True)] = "DOWN"
    dns_name: Annotated[str, Field(DnsName("relative"), create=True, default="")] = ""
    dns_domain: Annotated[str, Field(DnsName("domain"), create=True, default="")] = ""
    port_details: Annotated[
        dict[str, Any] | None,
        Field(Json(dict, {"type": ["object", "null"]}, nullable=True), default=GENERATED, stored=False),
    ] = None
    port_forwardings: Annotated[
        list[dict[str, Any]], Field(Json(list, {"type": "array", "items": {"type": "object"}}), stored=False)
    ] = []
    qos_policy_id: Annotated[str | None, QOS_POLICY] = None
    floating_port_id: Annotated[str, Field(Uuid(), visible=False)] = ""
    host: Annotated[str, Field(Text(255), visible=False, indexed=True)] = ""
