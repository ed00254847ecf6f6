"""What a list request asks for: filters, attributes, order and page (Networking API v2.0)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from heddle.api.http import Request
from heddle.errors import BadRequest
from heddle.model.fields import Invalid
from heddle.model.predicate import Condition
from heddle.model.resource import FieldInfo, R, Resource, api_fields
from heddle.model.tags import TAG_FILTERS
from heddle.store.engine import Tx
from heddle.store.query.records import Page, Records

_TRUE = ("true", "1", "yes", "on")


@dataclass(slots=True)
class Listing:
    """`filters` by Python names, their values parsed; `sorts` as (Python name, ascending)."""

    fields: list[str] = field(default_factory=list)
    filters: dict[str, list[Any]] = field(default_factory=dict)
    sorts: list[tuple[str, bool]] = field(default_factory=list)
    limit: int = 0
    marker: str = ""
    backward: bool = False
    paged: bool = False


def parse_listing(model: type[Resource], request: Request, most: int = 0) -> Listing:
    """Read the query of a list; `most` is the largest page that the server gives (0: any).  Raises `BadRequest`."""
    listing = Listing()
    declared = api_fields(model)
    keys: list[str] = []
    directions: list[str] = []
    unknown: list[str] = []
    for name, text in request.query():
        match name:
            case "fields":
                listing.fields += [text] if text else []
            case "sort_key":
                keys.append(text)
            case "sort_dir":
                directions.append(text)
            case "limit":
                listing.limit, listing.paged = _limit(text), True
            case "marker":
                listing.marker = text
            case "page_reverse":
                listing.backward = text.lower() in _TRUE
            case _:
                if not _add_filter(declared, listing, name, text):
                    unknown.append(name)
    if unknown:
        raise BadRequest(
            "HTTPBadRequest",
            f"Invalid filters {sorted(set(unknown))}: {model.collection} can be filtered by "
            f"{', '.join(filterable(model))}",
        )
    listing.sorts = _sorts(declared, model, keys, directions)
    if most and (listing.limit == 0 or listing.limit > most):
        listing.limit, listing.paged = most, True
    return listing


def filterable(model: type[Resource]) -> list[str]:
    """The names of the filters of a resource."""
    declared = api_fields(model)
    names = [name for name, info in declared.items() if info.filter]
    return names + [name for name in TAG_FILTERS if "tags" in declared]


def _add_filter(declared: Mapping[str, FieldInfo], listing: Listing, name: str, text: str) -> bool:
    if "tags" in declared and name in TAG_FILTERS:
        listing.filters.setdefault(name, []).append(text)
        return True
    info = declared.get(name)
    if info is None or not info.filter:
        return False
    try:
        value = text if info.type.column == "json" else info.type.from_query(text)
    except Invalid as reason:
        raise BadRequest("HTTPBadRequest", f"Invalid input for {name}. Reason: {reason}.") from None
    listing.filters.setdefault(info.name, []).append(value)
    return True


def _limit(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or len(text) > 9:
        raise BadRequest(
            "HTTPBadRequest", f"Invalid input for limit. Reason: '{text[:50]}' is not a number of 0 or more."
        )
    return int(text)


def _sorts(
    declared: Mapping[str, FieldInfo], model: type[Resource], keys: Sequence[str], directions: Sequence[str]
) -> list[tuple[str, bool]]:
    if len(directions) > len(keys):
        raise BadRequest("HTTPBadRequest", "The number of sort_keys and sort_dirs must be same")
    sorts: dict[str, bool] = {}
    for place, key in enumerate(keys):
        direction = directions[place] if place < len(directions) else "asc"
        if key not in declared or not declared[key].sort:
            raise BadRequest(
                "HTTPBadRequest",
                f"'{key}' is an invalid attribute for sort key: {model.collection} can be sorted by "
                f"{', '.join(n for n, i in declared.items() if i.sort)}",
            )
        if direction not in ("asc", "desc"):
            raise BadRequest("HTTPBadRequest", f"sort_dir '{direction}' is not 'asc' or 'desc'")
        sorts.setdefault(declared[key].name, direction == "asc")
    return list(sorts.items())


def page_of(listing: Listing, records: Records[R], tx: Tx, seen: Condition) -> Page | None:
    """Which part of the list is asked for.  Raises `BadRequest` for a marker that there is not.

    None for one that the caller does not see: nothing is told of what comes after it.
    """
    marker = None
    if listing.marker:
        marker = records.get(tx, listing.marker, seen, bare=True)
        if marker is None and records.get(tx, listing.marker, bare=True) is not None:
            return None
        if marker is None:
            raise BadRequest(
                "HTTPBadRequest",
                f"Invalid input for marker. Reason: there is no {records.model.member} with the id "
                f"'{listing.marker[:64]}'.",
            )
    return Page(tuple(listing.sorts), listing.limit, marker, listing.backward)


def links(request: Request, listing: Listing, ids: Sequence[str], own: str) -> list[dict[str, str]]:
    """The links to the pages before and after; `own` is the collection's URL.

    From an empty page they lead to the last page and to the first, which need no marker.
    """
    if not listing.paged or not listing.limit:
        return []
    kept = [(name, text) for name, text in request.query() if name not in ("marker", "page_reverse", "limit")]
    found = []
    full = len(ids) == listing.limit
    if full if not listing.backward else True:
        found.append(_link("next", own, kept, listing, ids[-1] if ids else "", False))
    if (listing.marker and not listing.backward) or (listing.backward and full):
        found.append(_link("previous", own, kept, listing, ids[0] if ids else "", True))
    return found


def _link(
    rel: str, own: str, kept: Sequence[tuple[str, str]], listing: Listing, marker: str, back: bool
) -> dict[str, str]:
    query = [*kept, ("limit", str(listing.limit))]
    query += [("marker", marker)] if marker else []
    query += [("page_reverse", "True")] if back else []
    return {"rel": rel, "href": f"{own}?{urlencode(query)}"}
