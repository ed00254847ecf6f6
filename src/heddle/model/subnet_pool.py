"""A subnet pool: prefixes from which the blocks of subnets are taken (Networking API v2.0, Subnet pools)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from heddle.model.access import SUBNET_POOL_SHARED
from heddle.model.fields import Bool, Int, Invalid, Json, Name, OneOf, PrefixLength, Uuid, parse_network, quote
from heddle.model.resource import GENERATED, REQUIRED, Field, Named
from heddle.model.values import list_of

LARGEST = 2**63 - 1


def read_prefix(value: Any) -> str:
    """A network; bits beyond its prefix are cut off."""
    return str(parse_network(value, strict=False))


def read_prefixes(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise Invalid(f"{quote(value)} is not a list of prefixes")
    return list_of(read_prefix, "prefixes")(value)


PREFIXES = Json(read_prefixes, {"type": "array", "items": {"type": "string", "maxLength": 64}})
_LENGTH: dict[str, Any] = {"create": True, "update": True, "default": GENERATED, "filter": True, "sort": True}


class SubnetPool(Named, kw_only=True):
    """`prefixes` do not overlap, in order.

    `default_quota`: how much one project may take, in addresses of IPv4 or in /64 of IPv6; None for no limit.
    """

    member: ClassVar[str] = "subnetpool"
    collection: ClassVar[str] = "subnetpools"
    title: ClassVar[str] = "SubnetPool"

    name: Annotated[
        str, Field(Name(255, empty=False), create=True, update=True, default=REQUIRED, filter=True, sort=True)
    ] = ""
    prefixes: Annotated[list[str], Field(PREFIXES, create=True, update=True, default=REQUIRED)] = []
    ip_version: Annotated[int, Field(OneOf(4, 6), filter=True, sort=True)] = 4
    default_prefixlen: Annotated[int, Field(PrefixLength(), **_LENGTH)] = 0
    min_prefixlen: Annotated[int, Field(PrefixLength(), **_LENGTH)] = 0
    max_prefixlen: Annotated[int, Field(PrefixLength(), **_LENGTH)] = 0
    default_quota: Annotated[
        int | None,
        Field(
            Int(0, LARGEST, nullable=True),
            create=True,
            update=True,
            default=GENERATED,
            null=False,
            filter=True,
            sort=True,
        ),
    ] = None
    address_scope_id: Annotated[
        str | None,
        Field(Uuid(nullable=True), create=True, update=True, default=GENERATED, filter=True, sort=True, indexed=True),
    ] = None
    is_default: Annotated[
        bool, Field(Bool(), create=True, update=True, default=False, guard="create update", filter=True, sort=True)
    ] = False
    shared: Annotated[
        bool,
        Field(
            Bool(), create=True, default=False, guard="create", filter=True, sort=True, access=SUBNET_POOL_SHARED
        ),
    ] = False
