"""Bindings of a port to hosts: one is active, others are prepared for a move (Networking API v2.0, Port bindings)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from heddle.model.fields import OneOf, Text
from heddle.model.port import VNIC_TYPES
from heddle.model.resource import GENERATED, REQUIRED, Field, Resource
from heddle.model.values import OBJECT


class PortBinding(Resource, kw_only=True):
    """A binding is found by its host; `status` is "ACTIVE" for the one that carries the port, else "INACTIVE"."""

    member: ClassVar[str] = "binding"
    collection: ClassVar[str] = "bindings"
    title: ClassVar[str] = "PortBinding"
    subject: ClassVar[str] = "port_binding"
    parent: ClassVar[str] = "port"

    host: Annotated[str, Field(Text(255, empty=False), create=True, default=REQUIRED, filter=True)] = ""
    vif_type: Annotated[str, Field(Text(64), filter=True)] = "unbound"
    vif_details: Annotated[dict[str, Any], Field(OBJECT)] = {}
    vnic_type: Annotated[str, Field(OneOf(*VNIC_TYPES), create=True, update=True, default="normal", filter=True)] = (
        "normal"
    )
    profile: Annotated[dict[str, Any], Field(OBJECT, create=True, update=True, default=GENERATED)] = {}
    status: Annotated[str, Field(OneOf("ACTIVE", "INACTIVE"), filter=True)] = "INACTIVE"
