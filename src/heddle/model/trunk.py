"""A trunk: several networks over one VM's card, told apart by VLAN IDs (Networking API v2.0, Trunk networking).

The parent port is that of the card; each subport is a port of another network whose frames have an ID of their own on
that card.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Annotated, Any, ClassVar

import msgspec

from heddle.model.fields import FieldType, Int, Invalid, Json, OneOf, Uuid
from heddle.model.resource import ADMIN_STATE, REQUIRED, Field, Named
from heddle.model.values import list_of, record

LARGEST_VLAN = 4094
SUBPORT_OWNER = "trunk:subport"


class SubPort(msgspec.Struct, frozen=True, omit_defaults=True):
    """`segmentation_type` is "vlan", or "inherit" where the ID is that of the port's network."""

    port_id: str
    segmentation_type: str
    segmentation_id: int = 0


def read_subport(value: Any) -> SubPort:
    """A subport; for "inherit" the ID is found later."""
    keys: dict[str, FieldType] = {
        "port_id": Uuid(),
        "segmentation_type": OneOf("vlan", "inherit"),
        "segmentation_id": Int(-(2**31)),
    }
    parsed = record(value, keys, ("port_id", "segmentation_type"), "a subport")
    if parsed["segmentation_type"] == "vlan" and not 1 <= parsed.get("segmentation_id", 0) <= LARGEST_VLAN:
        raise Invalid(
            f"a subport needs segmentation_type and segmentation_id, and a VLAN ID is 1 to {LARGEST_VLAN}, not "
            f"{parsed.get('segmentation_id', 'missing')}"
        )
    return SubPort(**parsed)


def read_subports(value: Any) -> list[SubPort]:
    """Subports whose ports and VLAN IDs all differ."""
    found = list_of(read_subport, "subports")(value)
    check_distinct(found)
    return found


def check_distinct(subports: list[SubPort]) -> None:
    """Raises `Invalid` for a port or a VLAN ID that is there twice."""
    ports = [subport.port_id for subport in subports]
    ids = [str(subport.segmentation_id) for subport in subports if subport.segmentation_type == "vlan"]
    for what, values in (("port", ports), ("segmentation ID", ids)):
        repeated = sorted(value for value, count in Counter(values).items() if count > 1)
        if repeated:
            raise Invalid(f"the {what} {', '.join(repeated)} is there twice")


def status_of(parent: str, subports: Collection[str]) -> str:
    """The status of a trunk from those of its ports (Networking API v2.0, trunk networking).

    Without a card that a host carries it is DOWN; DEGRADED where a subport is refused, BUILD while one is awaited.
    """
    if parent != "ACTIVE":
        return "ERROR" if parent == "ERROR" else "DOWN"
    if "ERROR" in subports:
        return "DEGRADED"
    return "ACTIVE" if all(status == "ACTIVE" for status in subports) else "BUILD"


_ITEM = {
    "type": "object",
    "properties": {
        "port_id": {"type": "string", "format": "uuid"},
        "segmentation_type": {"type": "string", "enum": ["vlan", "inherit"]},
        "segmentation_id": {"type": "integer"},
    },
    "required": ["port_id", "segmentation_type"],
    "additionalProperties": False,
}
SUBPORTS = Json(read_subports, {"type": ["array", "null"], "items": _ITEM})


class Trunk(Named, kw_only=True):
    """`status` tells of the parent port and of the subports: `status_of`."""

    member: ClassVar[str] = "trunk"
    collection: ClassVar[str] = "trunks"
    title: ClassVar[str] = "Trunk"

    admin_state_up: Annotated[bool, ADMIN_STATE] = True
    port_id: Annotated[str, Field(Uuid(), create=True, default=REQUIRED, filter=True, sort=True)] = ""
    status: Annotated[str, Field(OneOf("ACTIVE", "DOWN", "BUILD", "DEGRADED", "ERROR"), filter=True, sort=True)] = (
        "DOWN"
    )
    sub_ports: Annotated[
        list[SubPort], Field(SUBPORTS, create=True, default=[], guard="create", null=False, stored=False)
    ] = []
