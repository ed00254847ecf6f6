"""Flavors and service profiles: the kinds of a service and who does each (Networking API v2.0, Flavors)."""

from __future__ import annotations

from typing import Annotated, ClassVar

from heddle.model.fields import Bool, Name, OneOf, Text
from heddle.model.resource import REQUIRED, Field, Resource
from heddle.model.values import UUIDS

ROUTERS = "L3_ROUTER_NAT"
SERVICE_TYPES = ("CORE", "FLAVORS", ROUTERS, "METERING", "QOS")

_DESCRIPTION = Field(Text(1024, nullable=True), create=True, update=True, default="", filter=True, sort=True)
_ENABLED = Field(Bool(), create=True, update=True, default=True, filter=True, sort=True)
_NO_PROJECT = Field(Text(255), visible=False, stored=False)


class Flavor(Resource, kw_only=True):
    """`service_profiles` are the ids of those that belong to it."""

    member: ClassVar[str] = "flavor"
    collection: ClassVar[str] = "flavors"
    title: ClassVar[str] = "Flavor"

    project_id: Annotated[str, _NO_PROJECT] = ""
    name: Annotated[str, Field(Name(255), create=True, update=True, default="", filter=True, sort=True)] = ""
    description: Annotated[str | None, _DESCRIPTION] = ""
    service_type: Annotated[
        str, Field(OneOf(*SERVICE_TYPES), create=True, default=REQUIRED, filter=True, sort=True)
    ] = ""
    service_profiles: Annotated[
        list[str], Field(UUIDS, create=True, update=True, default=[], null=False, stored=False)
    ] = []
    enabled: Annotated[bool, _ENABLED] = True


class ServiceProfile(Resource, kw_only=True):
    """`driver` names a provider's driver, "" for none; `metainfo` is whatever the provider makes of it."""

    member: ClassVar[str] = "service_profile"
    collection: ClassVar[str] = "service_profiles"
    title: ClassVar[str] = "ServiceProfile"

    project_id: Annotated[str, _NO_PROJECT] = ""
    description: Annotated[str | None, _DESCRIPTION] = ""
    driver: Annotated[str, Field(Text(1024), create=True, update=True, default="", filter=True, sort=True)] = ""
    metainfo: Annotated[str, Field(Text(4095), create=True, update=True, default="", sort=True)] = ""
    enabled: Annotated[bool, _ENABLED] = True
