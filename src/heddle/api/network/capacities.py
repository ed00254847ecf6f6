"""What hosts can promise to ports, what they have promised, and what is free."""

from __future__ import annotations

from typing import Any

from heddle.api.http import Request, Response, Route, json_response
from heddle.api.network.rights import require
from heddle.api.schemas import NUMBER, OBJECT, TEXT, only, several
from heddle.api.services import Services
from heddle.control import claims
from heddle.store.query import capacities


def list_capacities(services: Services, request: Request) -> Response:
    """By host, unit, provider and direction, with the ports that have been promised something of it."""
    require(services, request, "get_capacity")
    with services.store.read() as tx:
        names = capacities.hosts(tx)
        book = claims.book(tx, names)
    found: list[dict[str, Any]] = []
    for host in names:
        for amount in sorted({*book.totals[host], *book.held[host]}):
            held = book.held[host].get(amount, {})
            total, claimed = book.totals[host].get(amount, 0), sum(held.values())
            found.append({
                "host": host, "unit": amount.unit, "provider": amount.provider, "direction": amount.direction,
                "total": total, "claimed": claimed, "free": total - claimed, "ports": dict(sorted(held.items())),
            })  # fmt: skip
    return json_response({"capacities": found})


_SHOWN = only(
    host=TEXT, unit=TEXT, provider=TEXT, direction=TEXT, total=NUMBER, claimed=NUMBER, free={"type": "integer"},
    ports=OBJECT,
)  # fmt: skip

ROUTES = [
    Route("GET", "/heddle/v1/capacities", list_capacities, "get_capacity", 200,
          "What hosts can promise to ports, have promised, and have free", None, only(capacities=several(_SHOWN))),
]  # fmt: skip
