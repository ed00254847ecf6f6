"""Logs: which packets of which ports a host writes down (Networking API v2.0, Logging)."""

from __future__ import annotations

from typing import Annotated, ClassVar

from heddle.model.fields import Bool, OneOf, Text, Uuid
from heddle.model.resource import REQUIRED, Field, Named

RESOURCE_TYPES = ("security_group",)


class Log(Named, kw_only=True):
    """`resource_id` is a security group and `target_id` a port; None: all of the project's."""

    member: ClassVar[str] = "log"
    collection: ClassVar[str] = "logs"
    title: ClassVar[str] = "LogResource"

    resource_type: Annotated[
        str, Field(Text(255), create=True, default=REQUIRED, filter=True, sort=True)
    ] = ""
    resource_id: Annotated[
        str | None, Field(Uuid(nullable=True), create=True, default=None, filter=True, sort=True, indexed=True)
    ] = None
    target_id: Annotated[
        str | None, Field(Uuid(nullable=True), create=True, default=None, filter=True, sort=True, indexed=True)
    ] = None
    event: Annotated[str, Field(OneOf("ACCEPT", "DROP", "ALL"), create=True, default="ALL", filter=True)] = "ALL"
    enabled: Annotated[bool, Field(Bool(), create=True, update=True, default=True, filter=True, sort=True)] = True
