"""RBAC policies: entries that let other projects use an object (Networking API v2.0, RBAC policies)."""

from __future__ import annotations

from typing import Annotated, ClassVar

from heddle.model.access import ACCESS_AS_EXTERNAL, ACCESS_AS_SHARED, ACTIONS
from heddle.model.fields import OneOf, Text, Uuid
from heddle.model.resource import REQUIRED, Field, Resource


class RbacPolicy(Resource, kw_only=True):
    """An entry; `target_tenant` is the project that may use the object, or `*` for all."""

    member: ClassVar[str] = "rbac_policy"
    collection: ClassVar[str] = "rbac_policies"
    title: ClassVar[str] = "RbacPolicy"

    object_type: Annotated[str, Field(OneOf(*ACTIONS), create=True, default=REQUIRED, filter=True, sort=True)] = ""
    object_id: Annotated[str, Field(Uuid(), create=True, default=REQUIRED, filter=True, sort=True)] = ""
    action: Annotated[
        str,
        Field(OneOf(ACCESS_AS_SHARED, ACCESS_AS_EXTERNAL), create=True, default=REQUIRED, filter=True, sort=True),
    ] = ""
    target_tenant: Annotated[
        str,
        Field(
            Text(255, empty=False),
            create=True,
            update=True,
            default=REQUIRED,
            guard="create update",
            filter=True,
            sort=True,
        ),
    ] = ""
