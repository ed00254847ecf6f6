"""What is done to a subnet pool besides the common verbs: single prefixes added and removed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from heddle.api.http import Request, Response, Route, json_response
from heddle.api.network.collections import SUBNET_POOL_COLLECTION as POOLS
from heddle.api.rights import Rights
from heddle.api.services import Services
from heddle.control import subnet_pools
from heddle.control.context import Context
from heddle.errors import BadRequest, invalid
from heddle.model.fields import Invalid
from heddle.model.subnet_pool import PREFIXES, SubnetPool, read_prefixes
from heddle.store.engine import Tx

Change = Callable[[Context, SubnetPool, Sequence[str]], SubnetPool]


def add_prefixes(services: Services, request: Request) -> Response:
    return _change(services, request, "add_prefixes", subnet_pools.add_prefixes)


def remove_prefixes(services: Services, request: Request) -> Response:
    return _change(services, request, "remove_prefixes", subnet_pools.remove_prefixes)


def _change(services: Services, request: Request, rule: str, change: Change) -> Response:
    given = _prefixes(request.json())
    rights = Rights(services.policy, request.caller, SubnetPool)

    def work(tx: Tx) -> dict[str, Any]:
        pool = POOLS.find_one(tx, rights, request.params["id"], lock=True)
        rights.check(rule, pool)
        return {"prefixes": change(POOLS.context(services, request, tx), pool, given).prefixes}

    return json_response(services.store.write(work, request.request_id, request.caller.project_id))


def _prefixes(body: dict[str, Any]) -> list[str]:
    if set(body) != {"prefixes"}:
        raise BadRequest("HTTPBadRequest", 'The request body must be {"prefixes": […]}')
    try:
        return read_prefixes(body["prefixes"])
    except Invalid as reason:
        raise invalid("prefixes", f"{reason}.") from None


_SOME_PREFIXES = {
    "type": "object",
    "properties": {"prefixes": {**PREFIXES.schema(), "minItems": 1}},
    "required": ["prefixes"],
    "additionalProperties": False,
}
_ONE = "/v2.0/subnetpools/{id}"

ROUTES = [
    Route(
        "PUT",
        f"{_ONE}/add_prefixes",
        add_prefixes,
        "add_prefixes",
        summary="Add prefixes to a subnet pool",
        body=_SOME_PREFIXES,
    ),
    Route(
        "PUT",
        f"{_ONE}/remove_prefixes",
        remove_prefixes,
        "remove_prefixes",
        summary="Remove prefixes from a subnet pool",
        body=_SOME_PREFIXES,
    ),
]
