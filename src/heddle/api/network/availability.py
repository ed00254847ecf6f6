"""The use of addresses: like any list of networks, but that a filter also says which subnets count."""

from __future__ import annotations

from heddle.api.http import Request, Response, Route, json_response
from heddle.api.network.crud import Collection
from heddle.api.network.listing import links, parse_listing
from heddle.api.render import render
from heddle.api.rights import Rights
from heddle.api.schemas import only, page, resource
from heddle.api.services import Services
from heddle.control import availability
from heddle.model.availability import NetworkIpAvailability
from heddle.store.query.availability import AVAILABILITIES

_ALL: Collection[NetworkIpAvailability] = Collection(
    AVAILABILITIES, describe=lambda services, tx, items: availability.describe(tx, items)
)
_NAME = NetworkIpAvailability.collection


def list_availability(services: Services, request: Request) -> Response:
    listing = parse_listing(NetworkIpAvailability, request, services.settings.server.max_limit)
    rights = Rights(services.policy, request.caller, NetworkIpAvailability)
    with services.store.read() as tx:
        items = _ALL.find(tx, rights, listing)
        availability.describe(tx, items, listing.filters.get("ip_version", ()))
    body = {_NAME: render(rights, items, listing.fields, lambda name: None)}
    found = links(request, listing, [item.id for item in items], request.base_url + _ALL.url)
    return json_response(body | ({f"{_NAME}_links": found} if found else {}))


def show_availability(services: Services, request: Request) -> Response:
    rights = Rights(services.policy, request.caller, NetworkIpAvailability)
    wanted = [text for name, text in request.query() if name == "fields"]
    with services.store.read() as tx:
        item = _ALL.find_one(tx, rights, request.params["id"])
        return json_response(_ALL.answer(services, tx, rights, item, wanted))


_MODEL = NetworkIpAvailability
_RULE = "get_network_ip_availability"

ROUTES = [
    Route("GET", _ALL.url, list_availability, _RULE, 200, "List the use of addresses", None, page(_MODEL)),
    Route(
        "GET",
        _ALL.url + "/{id}",
        show_availability,
        _RULE,
        summary="Show the use of a network's addresses",
        reply=only(network_ip_availability=resource(_MODEL)),
    ),
]
