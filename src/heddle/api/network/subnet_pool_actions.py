"""What is done to a subnet pool besides the common verbs: single prefixes added and removed, subnets brought in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from heddle.api.http import Request, Response, Route, json_response
from heddle.api.network.bodies import only_value
from heddle.api.network.collections import SUBNET_POOL_COLLECTION as POOLS
from heddle.api.rights import Rights
from heddle.api.schemas import TEXT, only, several
from heddle.api.services import Services
from heddle.control import onboarding, subnet_pools
from heddle.control.context import Context
from heddle.control.lookup import need
from heddle.errors import BadRequest, invalid
from heddle.model.fields import Invalid, Uuid
from heddle.model.subnet_pool import PREFIXES, SubnetPool
from heddle.store.engine import Tx
from heddle.store.query.networks import NETWORKS

Change = Callable[[Context, SubnetPool, Sequence[str]], SubnetPool]


def add_prefixes(services: Services, request: Request) -> Response:
    return _change(services, request, "add_prefixes", subnet_pools.add_prefixes)


def remove_prefixes(services: Services, request: Request) -> Response:
    return _change(services, request, "remove_prefixes", subnet_pools.remove_prefixes)


def _change(services: Services, request: Request, rule: str, change: Change) -> Response:
    given = only_value(request, "prefixes", PREFIXES)
    rights = Rights(services.policy, request.caller, SubnetPool)

    def work(tx: Tx) -> dict[str, Any]:
        pool = POOLS.find_one(tx, rights, request.params["id"], lock=True)
        rights.check(rule, pool)
        return {"prefixes": change(POOLS.context(services, request, tx), pool, given).prefixes}

    return json_response(services.store.write(work, request.request_id, request.caller.project_id))


def onboard_network_subnets(services: Services, request: Request) -> Response:
    network_id = _network_id(request.json())
    rights = Rights(services.policy, request.caller, SubnetPool)

    def work(tx: Tx) -> list[dict[str, str]]:
        ctx = POOLS.context(services, request, tx)
        network = need(ctx, NETWORKS, network_id, lock=True)
        pool = POOLS.find_one(tx, rights, request.params["id"], lock=True)
        rights.check("onboard_network_subnets", pool)
        found = onboarding.onboard_network_subnets(ctx, pool, network)
        return [{"id": subnet.id, "cidr": subnet.cidr} for subnet in found]

    return json_response(services.store.write(work, request.request_id))


def _network_id(body: dict[str, Any]) -> str:
    if set(body) != {"network_id"}:
        raise BadRequest("InvalidInput", "Invalid input for operation: network_id must be specified, and nothing else.")
    try:
        return Uuid().check(body["network_id"])
    except Invalid as reason:
        raise invalid("network_id", f"{reason}.") from None


_SOME_PREFIXES = {
    "type": "object",
    "properties": {"prefixes": {**PREFIXES.schema(), "minItems": 1}},
    "required": ["prefixes"],
    "additionalProperties": False,
}
_A_NETWORK = {
    "type": "object",
    "properties": {"network_id": Uuid().schema()},
    "required": ["network_id"],
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
        reply=only(prefixes=several(TEXT)),
    ),
    Route(
        "PUT",
        f"{_ONE}/remove_prefixes",
        remove_prefixes,
        "remove_prefixes",
        summary="Remove prefixes from a subnet pool",
        body=_SOME_PREFIXES,
        reply=only(prefixes=several(TEXT)),
    ),
    Route(
        "PUT",
        f"{_ONE}/onboard_network_subnets",
        onboard_network_subnets,
        "onboard_network_subnets",
        summary="Bring the subnets of a network into a subnet pool",
        body=_A_NETWORK,
        reply=several(only(id=TEXT, cidr=TEXT)),
    ),
]
