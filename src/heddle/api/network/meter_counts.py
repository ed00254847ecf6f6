"""What metering labels have counted."""

from __future__ import annotations

from typing import Any

from heddle.api.http import Request, Response, Route, json_response
from heddle.api.network.rights import require
from heddle.api.schemas import BOOL, NUMBER, TEXT, only, several
from heddle.api.services import Services
from heddle.store.query import metering


def show(services: Services, request: Request) -> Response:
    """Each label with its total, and what it has counted at each router."""
    require(services, request, "get_metering_counts")
    with services.store.read() as tx:
        counted: dict[str, list[dict[str, Any]]] = {}
        for label_id, router_id, packets, size, updated_at in metering.totals(tx):
            row = {"router_id": router_id, "packets": packets, "bytes": size, "updated_at": updated_at // 1000}
            counted.setdefault(label_id, []).append(row)
        labels = [
            {
                "label_id": label.id, "name": label.name, "project_id": label.project_id, "shared": label.shared,
                "packets": sum(row["packets"] for row in counted.get(label.id, ())),
                "bytes": sum(row["bytes"] for row in counted.get(label.id, ())),
                "routers": counted.get(label.id, []),
            }
            for label in sorted(metering.LABELS.find(tx), key=lambda label: (label.project_id, label.name, label.id))
        ]  # fmt: skip
    return json_response({"metering": labels})


_ROUTER = only(router_id=TEXT, packets=NUMBER, bytes=NUMBER, updated_at=NUMBER)
_LABEL = only(
    label_id=TEXT, name=TEXT, project_id=TEXT, shared=BOOL, packets=NUMBER, bytes=NUMBER, routers=several(_ROUTER)
)

ROUTES = [
    Route("GET", "/heddle/v1/metering", show, "get_metering_counts", 200,
          "What metering labels have counted, at each router", None, only(metering=several(_LABEL))),
]  # fmt: skip
