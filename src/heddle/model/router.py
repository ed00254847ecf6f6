"""A router: joins subnets, and them to the outside (Networking API v2.0, Routers)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from heddle.model.availability_zone import ZONES
from heddle.model.fields import Bool, Json, OneOf, Text, Uuid
from heddle.model.resource import ADMIN_STATE, GENERATED, Field, Named
from heddle.model.values import GATEWAY, ROUTES, GatewayInfo, HostRoute

MODE = Field(Bool(nullable=True), create=True, update=True, default=GENERATED, guard="create update read")


class Router(Named, kw_only=True):
    """`gateway_port_id` is the port on the external network, None without a gateway; `qos_policy_id` the gateway's.

    `distributed` and `ha`: on every host with ports of its subnets, on a second host should the first fail; null in a
    request says nothing.
    """

    member: ClassVar[str] = "router"
    collection: ClassVar[str] = "routers"
    title: ClassVar[str] = "Router"

    admin_state_up: Annotated[bool, ADMIN_STATE] = True
    status: Annotated[str, Field(OneOf("ACTIVE", "DOWN", "ERROR", "ALLOCATING"), sort=True)] = "ACTIVE"
    external_gateway_info: Annotated[
        GatewayInfo | None,
        Field(GATEWAY, create=True, update=True, default=None, guard="create update", stored=False),
    ] = None
    routes: Annotated[list[HostRoute], Field(ROUTES, update=True, default=GENERATED)] = []
    distributed: Annotated[bool | None, MODE] = None
    ha: Annotated[bool | None, MODE] = None
    enable_ndp_proxy: Annotated[
        bool | None, Field(Bool(nullable=True), create=True, update=True, default=GENERATED, filter=True)
    ] = None
    conntrack_helpers: Annotated[
        list[dict[str, Any]], Field(Json(list, {"type": "array", "items": {"type": "object"}}), stored=False)
    ] = []
    flavor_id: Annotated[
        str | None,
        Field(Text(36, nullable=True), create=True, default=GENERATED, guard="create", sort=True, indexed=True),
    ] = None
    availability_zone_hints: Annotated[list[str], Field(ZONES, create=True, default=[])] = []
    availability_zones: Annotated[list[str], Field(ZONES, stored=False)] = []
    gateway_port_id: Annotated[str | None, Field(Uuid(nullable=True), visible=False, indexed=True)] = None
    enable_snat: Annotated[bool, Field(Bool(), visible=False)] = True
    qos_policy_id: Annotated[str | None, Field(Uuid(nullable=True), visible=False, indexed=True)] = None
    host: Annotated[str, Field(Text(255), visible=False, indexed=True)] = ""
