"""What the handlers of the identity resources share: rights, bodies, lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec

from heddle.api.auth import EmbeddedAuth
from heddle.api.http import Request, Response, json_response
from heddle.api.services import Services
from heddle.control.identity.errors import forbidden, wrong
from heddle.errors import NotFound
from heddle.model.fields import Invalid
from heddle.model.predicate import ALWAYS, Condition
from heddle.model.resource import (
    Draft,
    FieldInfo,
    Resource,
    Sentinel,
    api_fields,
    fields_of,
    parse_create,
    parse_update,
)

R = TypeVar("R", bound=Resource)

PATH = "/identity/v3"


def embedded(services: Services) -> EmbeddedAuth:
    """The embedded identity service.  Raises `NotFound` when another one serves."""
    if not isinstance(services.auth, EmbeddedAuth):
        raise NotFound("NotFound", "The identity service of this cloud is elsewhere.")
    return services.auth


def root(services: Services, request: Request) -> str:
    """The URL under which this server is reached."""
    listen = services.settings.server
    if listen.public_url or listen.listen not in ("0.0.0.0", "::", ""):
        return services.settings.public_url
    return request.base_url.rstrip("/") or services.settings.public_url


def enforce(services: Services, request: Request, action: str, **target: object) -> None:
    """Raises `Forbidden` when the rule `identity:<action>` does not allow it on the target."""
    if not services.policy.allows(f"identity:{action}", request.caller, target.get):
        raise forbidden(f"identity:{action}")


def readable(services: Services, request: Request, kind: str) -> Condition:
    """Which objects a list shows: all to those who may see all, else what may be seen one by one."""
    caller = request.caller
    if services.policy.allows(f"identity:list_{kind}s", caller, lambda name: None):
        return ALWAYS
    return services.policy.condition(f"identity:get_{kind}", caller)


def body_of(request: Request, model: type[Resource]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The attributes of a request that are declared, and the others."""
    body = request.json().get(model.member)
    if not isinstance(body, dict):
        raise wrong(f"The request body must have an object '{model.member}'.")
    declared = {name: field for name, field in api_fields(model).items() if field.stored or field.visible}
    known = {name: _or_default(declared[name], value) for name, value in body.items() if name in declared}
    return known, {name: value for name, value in body.items() if name not in declared}


def _or_default(field: FieldInfo, value: Any) -> Any:
    """Clients send null for what they leave open."""
    if value is None and not field.type.nullable and not isinstance(field.default, Sentinel):
        return field.default
    return value


def read_create(request: Request, model: type[R], *, without: Iterable[str] = ()) -> Draft[R]:
    """The object that a request asks to create; `without` are attributes that the handler reads itself."""
    known, others = body_of(request, model)
    if "name" in fields_of(model) and "name" not in known:
        raise wrong("'name' is a required property")
    draft = parse_create(model, known, "")
    return Draft(_with_extra(draft.value, _kept(others, without)), draft.given)


def read_update(request: Request, old: R, *, without: Iterable[str] = ()) -> R:
    """The object as a request wants it; a further attribute is taken away by giving null."""
    known, others = body_of(request, type(old))
    if known.get("id") == old.id:
        del known["id"]
    if "domain_id" in known and known["domain_id"] == getattr(old, "domain_id", None):
        del known["domain_id"]
    new = parse_update(type(old), known, old).value
    merged = {**getattr(old, "extra", {}), **_kept(others, without)}
    return _with_extra(new, {name: value for name, value in merged.items() if value is not None})


def _kept(others: Mapping[str, Any], without: Iterable[str]) -> dict[str, Any]:
    return {name: value for name, value in others.items() if name not in set(without)}


def _with_extra(value: R, extra: dict[str, Any]) -> R:
    declared = fields_of(type(value)).get("extra")
    if declared is None:
        if extra:
            raise wrong(f"Additional properties are not allowed ({', '.join(map(repr, sorted(extra)))})")
        return value
    try:
        checked = declared.type.parse(extra)
    except Invalid as reason:
        raise wrong(f"Further attributes: {reason}.") from None
    return msgspec.structs.replace(value, extra=checked)


@cache
def _shown(model: type[Resource]) -> tuple[tuple[str, str], ...]:
    return tuple((field.api, field.name) for field in fields_of(model).values() if field.visible)


def render(value: Resource, base: str, path: str) -> dict[str, Any]:
    """The object as the API shows it, with its own URL."""
    shown = dict(getattr(value, "extra", {}))
    shown.update((api, getattr(value, name)) for api, name in _shown(type(value)))
    shown["links"] = {"self": f"{base}{PATH}{path}"}
    return shown


def show(services: Services, request: Request, value: Resource, status: int = 200, **more: object) -> Response:
    base = root(services, request)
    shown = render(value, base, f"/{value.collection}/{value.id}")
    return json_response({value.member: {**shown, **more}}, status)


def show_list(services: Services, request: Request, key: str, items: list[Any]) -> Response:
    links = {"self": f"{root(services, request)}{request.path}", "previous": None, "next": None}
    return json_response({key: items, "links": links})


def filters(request: Request, model: type[Resource]) -> dict[str, list[Any]]:
    """The filters of a list; unknown ones are passed over, as clients of the Identity API expect."""
    found: dict[str, list[Any]] = {}
    declared = api_fields(model)
    for name, text in request.query():
        field = declared.get(name)
        if field is None or not field.filter or not field.stored:
            continue
        try:
            found.setdefault(field.name, []).append(field.type.from_query(text))
        except Invalid as reason:
            raise wrong(f"Filter {name}: {reason}.") from None
    return found


NO_CONTENT = Response(204)
