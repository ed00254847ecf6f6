"""An address group: CIDRs under one name, which rules of security groups let in or out (Networking API v2.0)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from heddle.model.access import ADDRESS_GROUP_SHARED
from heddle.model.fields import Bool, Cidr, Int, Invalid, Json, Name, Text, parse_network, quote
from heddle.model.resource import GENERATED, Field, Resource

LONGEST = 43
_SHAPE: dict[str, Any] = {"type": "array", "items": {"type": "string", "maxLength": 64}}


def read_addresses(value: Any) -> list[str]:
    """CIDRs without bits beyond their prefix, each once; one that is written twice in the same way is refused."""
    written: dict[str, str] = {}
    for item in _items(value):
        network = str(parse_network(item, strict=False))
        if item in written:
            raise Invalid(f"Duplicate items in the list: {quote(item)}")
        written[item] = network
    return sorted(set(written.values()))


def read_some_addresses(value: Any) -> list[str]:
    """What is added to a group or taken from it: an address without a prefix length stands for itself alone."""
    return sorted({Cidr(strict=False).check(item) for item in _items(value)})


def _items(value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise Invalid(f"{quote(value)} is not a list")
    return value


ADDRESSES = Json(read_addresses, {**_SHAPE, "type": ["array", "null"]})
SOME_ADDRESSES = Json(read_some_addresses, _SHAPE)


class AddressGroup(Resource, kw_only=True):
    """`addresses` are normalized CIDRs of both IP versions; they are added and removed by actions of their own."""

    member: ClassVar[str] = "address_group"
    collection: ClassVar[str] = "address_groups"
    title: ClassVar[str] = "AddressGroup"
    secretive: ClassVar[bool] = True

    name: Annotated[str, Field(Name(255), create=True, update=True, default="", filter=True, sort=True)] = ""
    description: Annotated[str, Field(Text(1024), create=True, update=True, default="", filter=True, sort=True)] = ""
    addresses: Annotated[list[str], Field(ADDRESSES, create=True, default=GENERATED, stored=False)] = []
    revision_number: Annotated[int, Field(Int(), filter=True, sort=True)] = 0
    created_at: Annotated[str, Field(Text(20), filter=True, sort=True)] = ""
    updated_at: Annotated[str, Field(Text(20), filter=True, sort=True)] = ""
    shared: Annotated[bool, Field(Bool(), visible=False, access=ADDRESS_GROUP_SHARED)] = False
