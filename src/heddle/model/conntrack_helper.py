"""A conntrack helper: a router follows the connections that others agree on, as FTP's data (Networking API v2.0)."""

from __future__ import annotations

from typing import Annotated, ClassVar

from heddle.model.fields import Int, OneOf, Text, Uuid
from heddle.model.port_forwarding import LAST, PROTOCOLS
from heddle.model.resource import GENERATED, REQUIRED, Field, Resource

# The kernel's helpers, and over which protocols each follows connections.
ALLOWED = {
    "amanda": ("tcp",), "ftp": ("tcp",), "h323": ("udp", "tcp"), "irc": ("tcp",), "netbios-ns": ("udp",),
    "pptp": ("tcp",), "sane": ("tcp",), "sip": ("udp", "tcp"), "snmp": ("udp",), "tftp": ("udp",),
}  # fmt: skip


class ConntrackHelper(Resource, kw_only=True):
    """`port` is that of the connections which the helper listens to."""

    member: ClassVar[str] = "conntrack_helper"
    collection: ClassVar[str] = "conntrack_helpers"
    title: ClassVar[str] = "ConntrackHelper"
    subject: ClassVar[str] = "router_conntrack_helper"
    parent: ClassVar[str] = "router"

    project_id: Annotated[str, Field(Text(255), create=True, default=GENERATED, visible=False, indexed=True)] = ""
    protocol: Annotated[
        str, Field(OneOf(*PROTOCOLS), create=True, update=True, default=REQUIRED, filter=True, sort=True)
    ] = ""
    port: Annotated[int, Field(Int(1, LAST), create=True, update=True, default=REQUIRED, filter=True, sort=True)] = 0
    helper: Annotated[str, Field(Text(64), create=True, update=True, default=REQUIRED, filter=True, sort=True)] = ""
    router_id: Annotated[str, Field(Uuid(), visible=False, indexed=True)] = ""
