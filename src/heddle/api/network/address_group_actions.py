"""Single addresses added to an address group and removed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from heddle.api.http import Request, Response, Route, json_response
from heddle.api.network.bodies import only_value
from heddle.api.network.collections import ADDRESS_GROUP_COLLECTION as GROUPS
from heddle.api.network.if_match import check_revision
from heddle.api.rights import Rights
from heddle.api.schemas import only, resource
from heddle.api.services import Services
from heddle.control import address_groups
from heddle.control.context import Context
from heddle.model.address_group import SOME_ADDRESSES, AddressGroup
from heddle.store.engine import Tx

Change = Callable[[Context, AddressGroup, Sequence[str]], AddressGroup]


def add_addresses(services: Services, request: Request) -> Response:
    return _change(services, request, "add_addresses", address_groups.add_addresses)


def remove_addresses(services: Services, request: Request) -> Response:
    return _change(services, request, "remove_addresses", address_groups.remove_addresses)


def _change(services: Services, request: Request, rule: str, change: Change) -> Response:
    given = only_value(request, "addresses", SOME_ADDRESSES)
    rights = Rights(services.policy, request.caller, AddressGroup)

    def work(tx: Tx) -> dict[str, Any]:
        group = GROUPS.find_one(tx, rights, request.params["id"], lock=True)
        check_revision(request, group)
        rights.check(rule, group)
        return GROUPS.answer(services, tx, rights, change(GROUPS.context(services, request, tx), group, given))

    return json_response(services.store.write(work, request.request_id, request.caller.project_id))


_BODY = {
    "type": "object",
    "properties": {"addresses": {**SOME_ADDRESSES.schema(), "minItems": 1}},
    "required": ["addresses"],
    "additionalProperties": False,
}
_ONE = "/v2.0/address-groups/{id}"

ROUTES = [
    Route(
        "PUT",
        f"{_ONE}/add_addresses",
        add_addresses,
        "add_addresses",
        summary="Add addresses to an address group",
        body=_BODY,
        reply=only(address_group=resource(AddressGroup)),
    ),
    Route(
        "PUT",
        f"{_ONE}/remove_addresses",
        remove_addresses,
        "remove_addresses",
        summary="Remove addresses from an address group",
        body=_BODY,
        reply=only(address_group=resource(AddressGroup)),
    ),
]
