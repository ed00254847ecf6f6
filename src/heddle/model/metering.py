"""Metering labels and their rules: which traffic of routers is counted (Networking API v2.0, Metering)."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any, ClassVar

from heddle.model.fields import Bool, FieldType, Invalid, Name, OneOf, Text, Uuid, quote
from heddle.model.resource import GENERATED, REQUIRED, Field, Resource


class Prefix(FieldType):
    """An address with a prefix length, or alone; host bits are kept."""

    length = 64

    def __init__(self) -> None:
        super().__init__(nullable=True)

    def check(self, value: Any) -> str:
        try:
            return str(ipaddress.ip_interface(value if isinstance(value, str) and "%" not in value else ""))
        except ValueError:
            raise Invalid(f"{quote(value)} is not an address or a prefix") from None

    def from_query(self, text: str) -> str:
        return text

    def shape(self) -> dict[str, Any]:
        return {"type": "string", "maxLength": 64}


_PREFIX = Field(Prefix(), create=True, default=None, filter=True, sort=True)


class MeteringLabel(Resource, kw_only=True):
    """`shared`: it counts the traffic of every project's routers."""

    member: ClassVar[str] = "metering_label"
    collection: ClassVar[str] = "metering_labels"
    title: ClassVar[str] = "MeteringLabel"

    name: Annotated[str, Field(Name(255), create=True, default="", filter=True, sort=True)] = ""
    description: Annotated[str, Field(Text(1024), create=True, default="", filter=True, sort=True)] = ""
    shared: Annotated[bool, Field(Bool(), create=True, default=False, filter=True, sort=True)] = False


class MeteringLabelRule(Resource, kw_only=True):
    """Which packets count, by the side outside (`remote_ip_prefix`) or by source and destination.

    `excluded`: these do not, although another rule says so.
    """

    member: ClassVar[str] = "metering_label_rule"
    collection: ClassVar[str] = "metering_label_rules"
    title: ClassVar[str] = "MeteringLabelRule"

    project_id: Annotated[str, Field(Text(255), create=True, default=GENERATED, indexed=True)] = ""
    metering_label_id: Annotated[
        str, Field(Uuid(), create=True, default=REQUIRED, filter=True, sort=True, indexed=True)
    ] = ""
    direction: Annotated[
        str, Field(OneOf("ingress", "egress"), create=True, default=REQUIRED, filter=True, sort=True)
    ] = ""
    excluded: Annotated[bool, Field(Bool(), create=True, default=False, filter=True, sort=True)] = False
    remote_ip_prefix: Annotated[str | None, _PREFIX] = None
    source_ip_prefix: Annotated[str | None, _PREFIX] = None
    destination_ip_prefix: Annotated[str | None, _PREFIX] = None
