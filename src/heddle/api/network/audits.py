"""Audits of hosts: asked for, and looked at until all have answered."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from heddle.api.http import Request, Response, Route, json_response
from heddle.api.network.rights import require
from heddle.api.schemas import BOOL, NUMBER, OBJECT, TEXT, only, several, some
from heddle.api.services import Services
from heddle.control import audits
from heddle.control.context import Context
from heddle.errors import BadRequest, invalid
from heddle.model.fields import Bool, Invalid
from heddle.store.engine import Tx
from heddle.store.query.audits import Audit


def create(services: Services, request: Request) -> Response:
    """Ask a host, or all, what on them is not as it should be."""
    require(services, request, "create_audit")
    wanted = request.member("audit")
    if set(wanted) - {"host", "repair"} or not isinstance(wanted.get("host", ""), str):
        raise BadRequest("HTTPBadRequest", "An audit has a host, which is a name or left out for all, and repair")
    try:
        repair = bool(Bool().parse(wanted.get("repair", False)))
    except Invalid as reason:
        raise invalid("repair", f"{reason}.") from None

    def work(tx: Tx) -> Audit:
        return audits.create(Context(tx, request.caller, services.settings), wanted.get("host", ""), repair)

    audit = services.store.write(work, request.request_id)
    return _answer(services, audit.id, 201)


def show(services: Services, request: Request) -> Response:
    require(services, request, "get_audit")
    return _answer(services, request.params["id"], 200)


def _answer(services: Services, id: str, status: int) -> Response:
    with services.store.read() as tx:
        audit, found = audits.show(tx, id)
    shown: dict[str, Any] = {**asdict(audit), "hosts": [asdict(each) for each in found]}
    return json_response({"audit": shown}, status)


_AUDIT = only(audit=only(id=TEXT, host=TEXT, repair=BOOL, created_at=NUMBER, hosts=several(OBJECT)))
_WANTED = only(audit=some(host=TEXT, repair=Bool().schema()))

ROUTES = [
    Route("POST", "/heddle/v1/audits", create, "create_audit", 201,
          "Ask hosts what on them is not as it should be", _WANTED, _AUDIT),
    Route("GET", "/heddle/v1/audits/{id}", show, "get_audit", 200, "What hosts answered to an audit", None, _AUDIT),
]  # fmt: skip
