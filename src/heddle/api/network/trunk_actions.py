"""What is done to a trunk besides the common verbs: subports seen, added and removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from heddle.api.http import Request, Response, Route, json_response
from heddle.api.network.collections import TRUNK_COLLECTION as TRUNKS
from heddle.api.rights import Rights
from heddle.api.schemas import only, resource
from heddle.api.services import Services
from heddle.control import trunks
from heddle.control.context import Context
from heddle.errors import BadRequest, invalid
from heddle.model.fields import Invalid, Uuid
from heddle.model.trunk import SUBPORTS, Trunk, read_subports
from heddle.model.values import list_of, record
from heddle.store.engine import Tx

_BODY = {
    "type": "object",
    "properties": {"sub_ports": SUBPORTS.schema()},
    "required": ["sub_ports"],
    "additionalProperties": False,
}


def _read_port(value: Any) -> str:
    keys = {"port_id": Uuid()}
    if isinstance(value, dict):
        value = {name: given for name, given in value.items() if name not in ("segmentation_type", "segmentation_id")}
    return str(record(value, keys, ("port_id",), "a subport to remove")["port_id"])


def _given(request: Request, reader: Callable[[Any], list[Any]]) -> list[Any]:
    body = request.json()
    if set(body) != {"sub_ports"} or not isinstance(body["sub_ports"], list):
        raise BadRequest("HTTPBadRequest", 'The request body must be {"sub_ports": […]}')
    try:
        return reader(body["sub_ports"])
    except Invalid as reason:
        raise invalid("sub_ports", f"{reason}.") from None


def add_subports(services: Services, request: Request) -> Response:
    given = _given(request, read_subports)
    return _change(services, request, "add_subports", lambda ctx, trunk: trunks.add_subports(ctx, trunk, given))


def remove_subports(services: Services, request: Request) -> Response:
    given = _given(request, list_of(_read_port, "subports to remove"))
    return _change(services, request, "remove_subports", lambda ctx, trunk: trunks.remove_subports(ctx, trunk, given))


def _change(services: Services, request: Request, rule: str, change: Callable[[Context, Trunk], Trunk]) -> Response:
    rights = Rights(services.policy, request.caller, Trunk)

    def work(tx: Tx) -> Any:
        trunk = TRUNKS.find_one(tx, rights, request.params["id"], lock=True)
        rights.check(rule, trunk)
        changed = change(TRUNKS.context(services, request, tx), trunk)
        return TRUNKS.answer(services, tx, rights, changed)["trunk"]

    return json_response(services.store.write(work, request.request_id))


def get_subports(services: Services, request: Request) -> Response:
    rights = Rights(services.policy, request.caller, Trunk)
    with services.store.read() as tx:
        trunk = TRUNKS.find_one(tx, rights, request.params["id"])
        rights.check("get_subports", trunk)
        return json_response({"sub_ports": trunk.sub_ports})


_SUBPORTS = only(sub_ports=SUBPORTS.answer_schema())
_TRUNK = resource(Trunk)
_ONE = "/v2.0/trunks/{id}"
ROUTES = [
    Route("GET", f"{_ONE}/get_subports", get_subports, "get_subports", 200, "List the subports of a trunk", None,
          _SUBPORTS),
    Route("PUT", f"{_ONE}/add_subports", add_subports, "add_subports", 200, "Add subports", _BODY, _TRUNK),
    Route("PUT", f"{_ONE}/remove_subports", remove_subports, "remove_subports", 200, "Remove subports", _BODY,
          _TRUNK),
]  # fmt: skip
