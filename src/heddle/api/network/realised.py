"""How far the hosts are with a change."""

from __future__ import annotations

from dataclasses import asdict

from heddle.api.http import Request, Response, Route, json_response
from heddle.api.network.rights import require
from heddle.api.schemas import NUMBER, OBJECT, TEXT, only, several
from heddle.api.services import Services
from heddle.control import realised
from heddle.errors import BadRequest, NotFound


def show(services: Services, request: Request) -> Response:
    """The newest change of an object, or that of `?revision=`: on how many of the hosts that it concerns it is."""
    require(services, request, "get_realised")
    collection, id = request.params["collection"].replace("_", "-"), request.params["id"]
    if collection not in realised.COLLECTIONS:
        known = ", ".join(realised.COLLECTIONS)
        raise NotFound("HTTPNotFound", f"Hosts realise nothing of {collection}; they do of {known}")
    with services.store.read() as tx:
        found = realised.progress(tx, collection, id, _revision(request))
    shown = {"collection": collection, "id": id, "state": found.state, **asdict(found)}
    return json_response({"realised": shown})


def _revision(request: Request) -> int:
    revision = 0
    for name, text in request.query():
        if name != "revision" or not (text.isascii() and text.isdecimal() and len(text) < 19):
            raise BadRequest("HTTPBadRequest", f"{name}={text}: only revision can be given, and it is a number")
        revision = int(text)
    return revision


_SHOWN = only(
    collection=TEXT, id=TEXT, state={"type": "string", "enum": ["applied", "pending", "failed"]}, revision=NUMBER,
    hosts=NUMBER, applied=NUMBER, milliseconds={"type": ["integer", "null"]}, waiting=several(OBJECT),
    faults=several(OBJECT),
)  # fmt: skip

ROUTES = [
    Route("GET", "/heddle/v1/realised/{collection}/{id}", show, "get_realised", 200,
          "On how many of the hosts that it concerns a change is applied", None, only(realised=_SHOWN),
          {"revision": {**NUMBER, "minimum": 0}}),
]  # fmt: skip
