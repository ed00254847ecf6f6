"""An address scope: subnet pools whose addresses are unique among them and routed without translation."""

from __future__ import annotations

from typing import Annotated, ClassVar

from heddle.model.access import ADDRESS_SCOPE_SHARED
from heddle.model.fields import Bool, Name, OneOf
from heddle.model.resource import REQUIRED, Field, Resource


class AddressScope(Resource, kw_only=True):
    """A shared one cannot be unshared (Networking API v2.0, Address scopes)."""

    member: ClassVar[str] = "address_scope"
    collection: ClassVar[str] = "address_scopes"
    title: ClassVar[str] = "AddressScope"

    name: Annotated[str, Field(Name(255), create=True, update=True, default="", filter=True, sort=True)] = ""
    ip_version: Annotated[int, Field(OneOf(4, 6), create=True, default=REQUIRED, filter=True, sort=True)] = 4
    shared: Annotated[
        bool,
        Field(
            Bool(),
            create=True,
            update=True,
            default=False,
            guard="create update",
            filter=True,
            sort=True,
            access=ADDRESS_SCOPE_SHARED,
        ),
    ] = False
