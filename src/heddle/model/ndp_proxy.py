"""An NDP proxy: a router answers outside for a guest's IPv6 address, which so needs no route there (RFC 4389)."""

from __future__ import annotations

from typing import Annotated, ClassVar

from heddle.model.fields import Ip, Text, Uuid
from heddle.model.resource import REQUIRED, Field, Named


class NdpProxy(Named, kw_only=True):
    """`ip_address` is one of the port's; where none is given, the first that the router reaches."""

    member: ClassVar[str] = "ndp_proxy"
    collection: ClassVar[str] = "ndp_proxies"
    title: ClassVar[str] = "NDPProxy"

    description: Annotated[str, Field(Text(1024), create=True, update=True, default="")] = ""
    router_id: Annotated[str, Field(Uuid(), create=True, default=REQUIRED, filter=True, sort=True, indexed=True)] = ""
    port_id: Annotated[str, Field(Uuid(), create=True, default=REQUIRED, filter=True, sort=True, indexed=True)] = ""
    ip_address: Annotated[str | None, Field(Ip(nullable=True), create=True, default=None, filter=True, sort=True)] = (
        None
    )
