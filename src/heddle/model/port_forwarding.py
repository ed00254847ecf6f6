"""A port forwarding: ports of a floating IP that lead to ports behind a router (Networking API v2.0)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from heddle.model.fields import FieldType, Int, Invalid, Ip, OneOf, Text, Uuid, quote
from heddle.model.resource import GENERATED, REQUIRED, Field, Resource

# What the Networking API names; those of `PORTED` have ports that can be forwarded.
PROTOCOLS = ("dccp", "icmp", "ipv6-icmp", "sctp", "tcp", "udp")
PORTED = ("dccp", "sctp", "tcp", "udp")
LAST = 65535


class PortRange(FieldType):
    """A port or a range of ports, kept as `first:last`."""

    length = 11

    def __init__(self) -> None:
        super().__init__(nullable=True)

    def check(self, value: Any) -> str:
        parts = str(value).split(":") if isinstance(value, str | int) and not isinstance(value, bool) else []
        numbers = [int(part) for part in parts if part.isascii() and part.strip().isdecimal() and len(part) < 9]
        if not 1 <= len(parts) <= 2 or len(numbers) != len(parts):
            raise Invalid(f"{quote(value)} is not a port or two ports with a colon between them")
        if numbers[0] < 1 or numbers[-1] > LAST or numbers[0] > numbers[-1]:
            raise Invalid(f"{quote(value)} is not a range of ports between 1 and {LAST}, the lower one first")
        return f"{numbers[0]}:{numbers[-1]}"

    def from_query(self, text: str) -> str:
        try:
            return self.check(text)
        except Invalid:
            return text

    def shape(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^[0-9]{1,5}(:[0-9]{1,5})?$"}


def ends(text: str) -> tuple[int, int]:
    """The first and the last port of a `PortRange`."""
    first, _, last = text.partition(":")
    return int(first), int(last)


_PORT = Int(1, LAST, nullable=True)


class PortForwarding(Resource, kw_only=True):
    """Ranges are of equal width, or all external ports lead to one internal port.

    `external_port` and `internal_port` are None where their range has more than one port.
    """

    member: ClassVar[str] = "port_forwarding"
    collection: ClassVar[str] = "port_forwardings"
    title: ClassVar[str] = "PortForwarding"
    subject: ClassVar[str] = "floatingip_port_forwarding"
    parent: ClassVar[str] = "floatingip"

    project_id: Annotated[str, Field(Text(255), create=True, default=GENERATED, visible=False, indexed=True)] = ""
    external_port: Annotated[
        int | None, Field(_PORT, create=True, update=True, default=None, filter=True, sort=True)
    ] = None
    internal_port: Annotated[int | None, Field(_PORT, create=True, update=True, default=None)] = None
    external_port_range: Annotated[
        str | None, Field(PortRange(), create=True, update=True, default=None, filter=True, sort=True)
    ] = None
    internal_port_range: Annotated[str | None, Field(PortRange(), create=True, update=True, default=None)] = None
    internal_ip_address: Annotated[str, Field(Ip(), create=True, update=True, default=REQUIRED)] = ""
    protocol: Annotated[
        str, Field(OneOf(*PROTOCOLS), create=True, update=True, default=REQUIRED, filter=True, sort=True)
    ] = ""
    internal_port_id: Annotated[
        str, Field(Uuid(), create=True, update=True, default=REQUIRED, filter=True, sort=True, indexed=True)
    ] = ""
    description: Annotated[str, Field(Text(1024), create=True, update=True, default="", filter=True)] = ""
    floatingip_id: Annotated[str, Field(Uuid(), visible=False, indexed=True)] = ""
