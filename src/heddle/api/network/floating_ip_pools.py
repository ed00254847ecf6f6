"""From which subnets floating IPs are taken (Networking API v2.0, Floating IP pools)."""

from __future__ import annotations

from heddle.api.http import Request, Response, Route, json_response
from heddle.api.schemas import TEXT, only, several, some
from heddle.api.services import Services
from heddle.errors import BadRequest
from heddle.store.query import floating_ip_pools

_NAMES = ("subnet_id", "subnet_name", "network_id", "cidr", "project_id", "tenant_id")


def list_pools(services: Services, request: Request) -> Response:
    """A pool is shown as the caller's own: whoever sees an external network takes addresses of it."""
    wanted: dict[str, list[str]] = {}
    for name, text in request.query():
        if name not in (*_NAMES, "fields"):
            raise BadRequest("HTTPBadRequest", f"Invalid filters ['{name}']")
        wanted.setdefault(name, []).append(text)
    fields = wanted.pop("fields", [])
    mine = request.caller.project_id
    seen = services.policy.condition("get_network", request.caller)
    found = []
    if services.policy.allows("get_floatingip_pool", request.caller, {"project_id": mine}.get):
        with services.store.read() as tx:
            found = floating_ip_pools.of_networks(tx, seen)
    pools = [{**pool, "project_id": mine, "tenant_id": mine} for pool in found]
    chosen = [pool for pool in pools if all(pool[name] in values for name, values in wanted.items())]
    shown = [{key: value for key, value in pool.items() if not fields or key in fields} for pool in chosen]
    return json_response({"floatingip_pools": shown})


ROUTES = [
    Route(
        "GET",
        "/v2.0/floatingip_pools",
        list_pools,
        "get_floatingip_pool",
        summary="List the pools of floating IPs",
        reply=only(floatingip_pools=several(some(**dict.fromkeys(_NAMES, TEXT)))),
        query=dict.fromkeys((*_NAMES, "fields"), several(TEXT)),
    )
]
