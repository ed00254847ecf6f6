"""How many addresses the subnets of a network have, and how many are in use (Networking API v2.0)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from heddle.model.fields import Int, Json, OneOf, Text, Uuid
from heddle.model.resource import Field, Resource

_OBJECT = Json(dict, {"type": "object"})
_LIST = Json(list, {"type": "array", "items": {"type": "object"}})
# An IPv6 subnet alone has more addresses than usual numbers go to.
MOST = 2**160


class NetworkIpAvailability(Resource, kw_only=True):
    """`id` is that of the network.  `ip_version` narrows a list to subnets of it.

    `total_ips` counts the allocation pools of the subnets, or the whole subnet where one has none; the numbers are
    by subnet in `subnet_ip_availability`.  `ip_availability_details` tells pools and whole subnets apart.
    """

    member: ClassVar[str] = "network_ip_availability"
    collection: ClassVar[str] = "network_ip_availabilities"
    title: ClassVar[str] = "Network"

    id: Annotated[str, Field(Uuid(), filter=True, sort=True, api="network_id")] = ""
    project_id: Annotated[str, Field(Text(255), filter=True)] = ""
    name: Annotated[str, Field(Text(255), filter=True, api="network_name")] = ""
    total_ips: Annotated[int, Field(Int(0, MOST), stored=False)] = 0
    used_ips: Annotated[int, Field(Int(0, MOST), stored=False)] = 0
    subnet_ip_availability: Annotated[list[dict[str, Any]], Field(_LIST, stored=False)] = []
    ip_availability_details: Annotated[dict[str, int], Field(_OBJECT, stored=False)] = {}
    ip_version: Annotated[int, Field(OneOf(4, 6), filter=True, visible=False, stored=False)] = 4
