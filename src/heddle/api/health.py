"""Whether the server is well: it runs, and its database answers."""

from __future__ import annotations

from heddle.api.http import Request, Response, Route, json_response
from heddle.api.schemas import NUMBER, TEXT, only
from heddle.api.services import Services
from heddle.errors import Unavailable
from heddle.store.changes import current_revision


def healthz(services: Services, request: Request) -> Response:
    """200 when the database answers, else 503."""
    try:
        with services.store.read() as tx:
            revision = current_revision(tx.conn)
    except Unavailable as error:
        return json_response({"status": "unavailable", "database": str(error)}, 503)
    return json_response({"status": "ok", "revision": revision})


ROUTES = [Route("GET", "/healthz", healthz, "public", 200, "Whether the server and its database are well",
                None, only(status=TEXT, revision=NUMBER))]  # fmt: skip
