"""A segment: where a network lives, as a type, a physical network and an ID (Networking API v2.0, Segments).

A network has one or several; `Segmentation` is how the network itself tells them.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec

from heddle.model.fields import FieldType, Int, Invalid, Json, Name, Text, Uuid, quote
from heddle.model.resource import GENERATED, REQUIRED, Field, Standard
from heddle.model.values import record

LARGEST = 2**63 - 1
TYPE = Text(32)
PHYSICAL_NETWORK = Text(64, nullable=True)
SEGMENTATION_ID = Int(-LARGEST, LARGEST, nullable=True)


class Segmentation(
    msgspec.Struct,
    frozen=True,
    rename={
        "network_type": "provider:network_type",
        "physical_network": "provider:physical_network",
        "segmentation_id": "provider:segmentation_id",
    },
):
    """A segment in a network's `segments`; in a request each part may be missing."""

    network_type: str = ""
    physical_network: str | None = None
    segmentation_id: int | None = None


_KEYS: dict[str, FieldType] = {
    "provider:network_type": TYPE,
    "provider:physical_network": PHYSICAL_NETWORK,
    "provider:segmentation_id": SEGMENTATION_ID,
}


def read_segmentations(value: Any) -> list[Segmentation]:
    if not isinstance(value, list):
        raise Invalid(f"{quote(value)} is not a list of segments")
    found = []
    for item in value:
        parsed = record(item, _KEYS, (), "a segment")
        number = parsed.get("provider:segmentation_id") or None
        physical = parsed.get("provider:physical_network") or None
        found.append(Segmentation(parsed.get("provider:network_type", ""), physical, number))
    return found


SEGMENTATIONS = Json(
    read_segmentations,
    {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {name: kind.schema() for name, kind in _KEYS.items()},
            "additionalProperties": False,
        },
    },
)


class Segment(Standard, kw_only=True):
    """`position` is its place among those of its network; a segment belongs to no project."""

    member: ClassVar[str] = "segment"
    collection: ClassVar[str] = "segments"
    title: ClassVar[str] = "Segment"

    project_id: Annotated[str, Field(Text(255), create=True, default=GENERATED, visible=False, stored=False)] = ""
    name: Annotated[
        str | None, Field(Name(255, nullable=True), create=True, update=True, default=GENERATED, filter=True, sort=True)
    ] = None
    network_id: Annotated[str, Field(Uuid(), create=True, default=REQUIRED, filter=True, sort=True, indexed=True)] = ""
    network_type: Annotated[str, Field(TYPE, create=True, default=REQUIRED, filter=True, sort=True)] = ""
    physical_network: Annotated[
        str | None, Field(PHYSICAL_NETWORK, create=True, default=GENERATED, null=False, filter=True, sort=True)
    ] = None
    segmentation_id: Annotated[
        int | None, Field(SEGMENTATION_ID, create=True, default=GENERATED, null=False, sort=True)
    ] = None
    position: Annotated[int, Field(Int(), visible=False)] = 0
