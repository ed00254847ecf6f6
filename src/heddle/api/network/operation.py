"""What the cloud is run with: quotas, extensions, availability zones, the objects at fault."""

from __future__ import annotations

from typing import Any

from heddle.api.http import Request, Response, Route, json_response
from heddle.api.network.extensions import EXTENSIONS
from heddle.api.network.rights import require
from heddle.api.schemas import NUMBER, OBJECT, TEXT, only, several, some
from heddle.api.services import Services
from heddle.control import quotas, zones
from heddle.control.context import Context
from heddle.errors import BadRequest, NotFound, invalid
from heddle.model.fields import Bool, Invalid
from heddle.store.engine import Tx
from heddle.store.query import dns_records, hosts
from heddle.store.query import quotas as quota_query


def _context(services: Services, request: Request, tx: Tx) -> Context:
    return Context(tx, request.caller, services.settings)


# Quotas


def list_quotas(services: Services, request: Request) -> Response:
    """The projects whose limits were set."""
    require(services, request, "get_quota")
    with services.store.read() as tx:
        ctx = _context(services, request, tx)
        found = [
            {"project_id": id, "tenant_id": id, **quotas.defaults(ctx), **limits}
            for id, limits in quota_query.all_limits(tx).items()
        ]
    return json_response({"quotas": found})


def show_own_project(services: Services, request: Request) -> Response:
    """Whose quotas the caller would see without naming a project."""
    id = request.caller.project_id
    return json_response({"tenant": {"tenant_id": id, "project_id": id}})


def show_quota(services: Services, request: Request) -> Response:
    require(services, request, "get_quota", request.params["id"])
    with services.store.read() as tx:
        return json_response({"quota": quotas.limits(_context(services, request, tx), request.params["id"])})


def show_default_quota(services: Services, request: Request) -> Response:
    require(services, request, "get_quota", request.params["id"])
    with services.store.read() as tx:
        return json_response({"quota": quotas.defaults(_context(services, request, tx))})


def show_quota_details(services: Services, request: Request) -> Response:
    require(services, request, "get_quota", request.params["id"])
    with services.store.read() as tx:
        return json_response({"quota": quotas.details(_context(services, request, tx), request.params["id"])})


def update_quota(services: Services, request: Request) -> Response:
    require(services, request, "update_quota", request.params["id"])
    wanted = request.member("quota")
    for name in ("tenant_id", "project_id"):
        wanted.pop(name, None)
    force = _pop_flag(wanted, "force")
    if _pop_flag(wanted, "check_limit") and force:
        raise BadRequest("HTTPBadRequest", "'force' and 'check_limit' cannot both be true: the one forbids the other")

    def work(tx: Tx) -> dict[str, int]:
        return quotas.set_limits(_context(services, request, tx), request.params["id"], wanted, force=force)

    return json_response({"quota": services.store.write(work, request.request_id)})


def _pop_flag(wanted: dict[str, Any], name: str) -> bool:
    """Take a truth value out of a request's attributes, false where it is not there.  Raises `BadRequest`."""
    try:
        return bool(Bool().parse(wanted.pop(name, False)))
    except Invalid as reason:
        raise invalid(name, f"{reason}.") from None


def delete_quota(services: Services, request: Request) -> Response:
    require(services, request, "delete_quota", request.params["id"])
    services.store.write(
        lambda tx: quotas.reset(_context(services, request, tx), request.params["id"]), request.request_id
    )
    return Response(204)


# Extensions and zones


def list_extensions(services: Services, request: Request) -> Response:
    return json_response({"extensions": [extension.shown() for extension in EXTENSIONS]})


def show_extension(services: Services, request: Request) -> Response:
    for extension in EXTENSIONS:
        if extension.alias == request.params["id"]:
            return json_response({"extension": extension.shown()})
    raise NotFound("ExtensionNotFound", f"Extension with alias {request.params['id']} does not exist")


_ZONE_FILTERS = ("name", "resource", "state", "fields")


def list_zones(services: Services, request: Request) -> Response:
    wanted: dict[str, list[str]] = {}
    for name, text in request.query():
        if name not in _ZONE_FILTERS:
            raise BadRequest("HTTPBadRequest", f"Invalid filters ['{name}']: zones have a name, a resource and a state")
        wanted.setdefault(name, []).append(text)
    fields = wanted.pop("fields", [])
    with services.store.read() as tx:
        every = zones.every(tx)
    found = [zone for zone in every if all(zone[name] in values for name, values in wanted.items())]
    shown = [{name: text for name, text in zone.items() if not fields or name in fields} for zone in found]
    return json_response({"availability_zones": shown})


def list_faults(services: Services, request: Request) -> Response:
    """What hosts and a DNS server outside could not realise, and how the hosts are."""
    require(services, request, "get_agent")
    with services.store.read() as tx:
        faults: list[dict[str, Any]] = [
            {"host": f.host, "kind": f.kind, "id": f.id, "message": f.message, "since": f.since}
            for f in hosts.faults(tx)
        ]
        server = f"DNS server ({services.settings.dns.driver or 'no longer set'})"
        faults += [
            {"host": server, "kind": "name", "id": f"{row.name} {row.type}", "message": row.error, "since": row.since}
            for row in dns_records.failing(tx)
        ]
        names = dns_records.counts(tx)
        shown = [
            {
                "name": host.name,
                "datapath": host.datapath,
                "tunnel_ip": host.tunnel_ip,
                "bridge_mappings": host.bridge_mappings,
                "heartbeat": host.heartbeat,
                "revision": host.revision,
                "drift": host.drift,
                "failed": host.failed,
            }
            for host in hosts.every(tx)
        ]
    return json_response({"hosts": shown, "faults": faults, "names": names})


_LIMITS = {
    "type": "object",
    "properties": {
        "quota": {
            "type": "object",
            "properties": {
                **{name: {"type": "integer", "minimum": quotas.UNLIMITED} for name in quotas.RESOURCES},
                "force": Bool().schema(),
                "check_limit": Bool().schema(),
            },
        }
    },
    "required": ["quota"],
    "additionalProperties": False,
}

_EXTENSION = only(alias=TEXT, name=TEXT, description=TEXT, updated=TEXT, links=several(OBJECT))
_NUMBERS = dict.fromkeys(quotas.RESOURCES, NUMBER)
_QUOTA = only(quota=only(**_NUMBERS))
_DETAILS = only(quota=only(**dict.fromkeys(quotas.RESOURCES, only(limit=NUMBER, used=NUMBER, reserved=NUMBER))))
_QUOTAS = only(quotas=several(only(project_id=TEXT, tenant_id=TEXT, **_NUMBERS)))
_ZONES = only(availability_zones=several(some(name=TEXT, resource=TEXT, state=TEXT)))
_OWN = only(tenant=only(tenant_id=TEXT, project_id=TEXT))
_HOSTS = only(hosts=several(OBJECT), faults=several(OBJECT), names=OBJECT)

_ALL, _ONE = "/v2.0/quotas", "/v2.0/quotas/{id}"
_EXTENSIONS, _ZONES_URL = "/v2.0/extensions", "/v2.0/availability_zones"

ROUTES = [
    Route("GET", _EXTENSIONS, list_extensions, "get_extension", 200, "List extensions", None,
          only(extensions=several(_EXTENSION))),
    Route("GET", _EXTENSIONS + "/{id}", show_extension, "get_extension", 200, "Show an extension", None,
          only(extension=_EXTENSION)),
    Route("GET", _ZONES_URL, list_zones, "get_availability_zone", 200, "List availability zones", None, _ZONES,
          dict.fromkeys(_ZONE_FILTERS, several(TEXT))),
    Route("GET", _ALL, list_quotas, "get_quota", 200, "List the projects whose quotas were set", None, _QUOTAS),
    Route("GET", _ALL + "/tenant", show_own_project, "get_extension", 200, "Whose quotas are meant", None, _OWN),
    Route("GET", _ONE, show_quota, "get_quota", 200, "Show the quotas of a project", None, _QUOTA),
    Route("GET", _ONE + "/default", show_default_quota, "get_quota", 200, "Show the default quotas", None, _QUOTA),
    Route("GET", _ONE + "/details", show_quota_details, "get_quota", 200, "Show quotas with their use", None, _DETAILS),
    Route("PUT", _ONE, update_quota, "update_quota", 200, "Set quotas of a project", _LIMITS, _QUOTA),
    Route("DELETE", _ONE, delete_quota, "delete_quota", 204, "Back to the default quotas"),
    Route("GET", "/heddle/v1/hosts", list_faults, "get_agent", 200, "Hosts, and what they could not realise", None,
          _HOSTS),
]  # fmt: skip
