"""Security groups and their rules: what may reach a port, and what it may reach (Networking API v2.0)."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any, ClassVar

from heddle.model.access import GROUP_SHARED
from heddle.model.fields import Bool, FieldType, Int, Invalid, Json, OneOf, Text, parse_ip, parse_network, quote
from heddle.model.resource import REQUIRED, Field, Named, Resource

PROTOCOLS = {
    "ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "icmp": 1, "icmpv6": 58, "igmp": 2, "ipip": 4,
    "ipv6-encap": 41, "ipv6-frag": 44, "ipv6-icmp": 58, "ipv6-nonxt": 59, "ipv6-opts": 60, "ipv6-route": 43,
    "ospf": 89, "pgm": 113, "rsvp": 46, "sctp": 132, "tcp": 6, "udp": 17, "udplite": 136, "vrrp": 112,
}  # fmt: skip


class Protocol(FieldType):
    """An IP protocol by name, or by number (IANA protocol numbers); "any" is None."""

    length = 40

    def __init__(self) -> None:
        super().__init__(nullable=True)

    def check(self, value: Any) -> str | None:
        text = str(value).lower() if isinstance(value, str | int) and not isinstance(value, bool) else ""
        if text in ("any", ""):
            if text == "any" or value == "":
                return None
        elif text in PROTOCOLS:
            return text
        elif text.isascii() and text.isdecimal() and int(text) <= 255:
            return str(int(text))
        raise Invalid(
            f"Security group rule protocol {quote(value)} not supported. Only protocol values "
            f"{sorted(PROTOCOLS)} and integer representations [0 to 255] are supported.",
            "SecurityGroupRuleInvalidProtocol",
        )

    def from_query(self, text: str) -> str | None:
        return text.lower() or None

    def shape(self) -> dict[str, Any]:
        return {"type": ["string", "integer", "null"]}

    def schema(self) -> dict[str, Any]:
        return self.shape()


class RemoteCidr(FieldType):
    """A CIDR, whose host bits stay, or an address that stands for its one-address CIDR."""

    length = 64

    def __init__(self) -> None:
        super().__init__(nullable=True)

    def check(self, value: Any) -> str | None:
        if value == "":
            return None
        try:
            if isinstance(value, str) and "/" not in value:
                address = parse_ip(value)
                return f"{address}/{address.max_prefixlen}"
            parse_network(value, strict=False)
        except Invalid:
            raise Invalid(f"Invalid CIDR {_plain(value)} given as IP prefix.", "InvalidCIDR") from None
        return ipaddress.ip_interface(value).with_prefixlen

    def from_query(self, text: str) -> str:
        return text

    def shape(self) -> dict[str, Any]:
        return {"type": ["string", "null"]}

    def schema(self) -> dict[str, Any]:
        return self.shape()


class PortValue(Int):
    """An end of a range of ports, or the type or code of ICMP."""

    def __init__(self) -> None:
        super().__init__(0, 65535, nullable=True)

    def check(self, value: Any) -> int:
        try:
            return super().check(value)
        except Invalid:
            raise Invalid(f"Invalid value for port {_plain(value)}", "SecurityGroupInvalidPortValue") from None


def _plain(value: object) -> str:
    return quote(value)[1:-1]


class Rule(Resource, kw_only=True):
    """What a rule says; `port_range_min`/`max` are type and code for ICMP.

    The id of a group need not look like one: a wrong one is not found.
    """

    direction: Annotated[
        str, Field(OneOf("ingress", "egress", fold=True), create=True, default=REQUIRED, filter=True, sort=True)
    ] = ""
    ethertype: Annotated[
        str, Field(OneOf("IPv4", "IPv6", fold=True), create=True, default="IPv4", filter=True, sort=True)
    ] = "IPv4"
    protocol: Annotated[str | None, Field(Protocol(), create=True, default=None, filter=True, sort=True)] = None
    port_range_min: Annotated[int | None, Field(PortValue(), create=True, default=None, filter=True, sort=True)] = None
    port_range_max: Annotated[int | None, Field(PortValue(), create=True, default=None, filter=True, sort=True)] = None
    remote_ip_prefix: Annotated[str | None, Field(RemoteCidr(), create=True, default=None, filter=True, sort=True)] = (
        None
    )
    remote_group_id: Annotated[
        str | None,
        Field(Text(36, nullable=True, empty=False), create=True, default=None, filter=True, sort=True, indexed=True),
    ] = None
    remote_address_group_id: Annotated[
        str | None,
        Field(Text(36, nullable=True, empty=False), create=True, default=None, filter=True, sort=True, indexed=True),
    ] = None
    description: Annotated[str, Field(Text(255), create=True, default="", filter=True, sort=True)] = ""


class SecurityGroupRule(Rule, kw_only=True):
    """A rule of a group, created and deleted, never changed.

    `normalized_cidr` is `remote_ip_prefix` without host bits.
    """

    member: ClassVar[str] = "security_group_rule"
    collection: ClassVar[str] = "security_group_rules"
    title: ClassVar[str] = "SecurityGroupRule"
    parent: ClassVar[str] = "security_group"

    security_group_id: Annotated[
        str, Field(Text(36, empty=False), create=True, default=REQUIRED, filter=True, sort=True, indexed=True)
    ] = ""
    normalized_cidr: Annotated[str | None, Field(Text(64, nullable=True), filter=True, sort=True)] = None
    belongs_to_default_sg: Annotated[bool, Field(Bool(), filter=True)] = False
    revision_number: Annotated[int, Field(Int(), filter=True, sort=True)] = 0
    created_at: Annotated[str, Field(Text(20), filter=True, sort=True)] = ""
    updated_at: Annotated[str, Field(Text(20), filter=True, sort=True)] = ""
    tags: Annotated[list[str], Field(Json(list, {"type": "array", "items": {"type": "string"}}))] = []


class SecurityGroup(Named, kw_only=True):
    """`is_default` marks the group that a project's ports get when they name none."""

    member: ClassVar[str] = "security_group"
    collection: ClassVar[str] = "security_groups"
    title: ClassVar[str] = "SecurityGroup"

    stateful: Annotated[bool, Field(Bool(), create=True, update=True, default=True, filter=True)] = True
    shared: Annotated[bool, Field(Bool(), filter=True, access=GROUP_SHARED)] = False
    is_default: Annotated[bool, Field(Bool(), visible=False)] = False
    security_group_rules: Annotated[
        list[SecurityGroupRule], Field(Json(list, {"type": "array", "items": {"type": "object"}}), stored=False)
    ] = []


def protocol_number(rule: Rule) -> int | None:
    """The number of a rule's IP protocol, None for any; ICMP of IPv6 is ICMPv6, whatever it is called."""
    if rule.protocol is None:
        return None
    number = int(rule.protocol) if rule.protocol.isdecimal() else PROTOCOLS[rule.protocol]
    return PROTOCOLS["ipv6-icmp"] if number == PROTOCOLS["icmp"] and rule.ethertype == "IPv6" else number
