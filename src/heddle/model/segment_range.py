"""A range of segmentation IDs from which networks get theirs (Networking API v2.0, network segment ranges)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from heddle.model.fields import Bool, Int, Json, OneOf, Text
from heddle.model.resource import GENERATED, REQUIRED, Field, Named
from heddle.model.segment import PHYSICAL_NETWORK

LARGEST_ID = 2**32 - 1
NUMBER = Field(Int(1, LARGEST_ID), create=True, update=True, default=REQUIRED)


class NetworkSegmentRange(Named, kw_only=True):
    """The IDs from `minimum` to `maximum` of a network type, for VLAN on a physical network.

    Those of a project are for its networks alone, before all others; the shared ones are for everybody.  `is_default`
    ones are what the settings say.  `used` tells the project of each network by ID, `available` which IDs are free.
    """

    member: ClassVar[str] = "network_segment_range"
    collection: ClassVar[str] = "network_segment_ranges"
    title: ClassVar[str] = "NetworkSegmentRange"

    project_id: Annotated[
        str | None,
        Field(Text(255, nullable=True), create=True, default=GENERATED, null=False, filter=True, sort=True),
    ] = None  # type: ignore[assignment]
    is_default: Annotated[bool, Field(Bool(), api="default")] = False
    shared: Annotated[bool, Field(Bool(), create=True, default=True)] = True
    network_type: Annotated[
        str, Field(OneOf("vlan", "vxlan", "gre", "geneve"), create=True, default=GENERATED, filter=True, indexed=True)
    ] = ""
    physical_network: Annotated[
        str | None, Field(PHYSICAL_NETWORK, create=True, default=GENERATED, null=False, filter=True)
    ] = None
    minimum: Annotated[int, NUMBER] = 0
    maximum: Annotated[int, NUMBER] = 0
    used: Annotated[dict[int, Any], Field(Json(dict, {"type": "object"}), stored=False)] = {}
    available: Annotated[
        list[int], Field(Json(list, {"type": "array", "items": {"type": "integer"}}), stored=False)
    ] = []
