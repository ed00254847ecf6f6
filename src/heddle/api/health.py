"""Whether the server is well: `/healthz` says that the process answers, `/readyz` that it can serve.

Both are for programs that watch it, need no token and tell no more than that.  A server whose database is away is to be
left alone, and not to get requests: it is healthy, and not ready.  Without its broker it is ready: it accepts changes,
which reach the hosts when the broker is back.
"""

from __future__ import annotations

from heddle.api.http import Request, Response, Route, json_response
from heddle.api.ready import OK, UNREACHABLE
from heddle.api.schemas import TEXT, only, some
from heddle.api.services import Services


def healthz(services: Services, request: Request) -> Response:
    return json_response({"status": "ok"})


def readyz(services: Services, request: Request) -> Response:
    """200, or 503 with what is away and how."""
    bus, database = services.ready.bus, services.ready.database()
    found = {"status": "ready" if database == OK else "unavailable", "database": database}
    if bus is not None:
        found["bus"] = OK if bus() else UNREACHABLE
    return json_response(found, 200 if database == OK else 503, [("Cache-Control", "no-store")])


ROUTES = [
    Route("GET", "/healthz", healthz, "public", 200, "Whether the server's process answers", None, only(status=TEXT)),
    Route("GET", "/readyz", readyz, "public", 200, "Whether the server can serve: its database, and the bus to the "
          "hosts (which may be away)", None, some(status=TEXT, database=TEXT, bus=TEXT)),
]  # fmt: skip
