"""From objects to what the caller reads: the attributes that they may see and asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

from heddle.api.rights import Lookup, Rights
from heddle.model.resource import FieldInfo, R
from heddle.model.security_group import SecurityGroup, SecurityGroupRule

Shape = Callable[[Any], dict[str, Any]]


@lru_cache(maxsize=1024)
def _shape(fields: tuple[FieldInfo, ...], wanted: frozenset[str]) -> Shape:
    """How to turn an object into the dictionary of these fields (`wanted` empty: all of them)."""
    if any(field.sparse for field in fields):
        whole = _shape(tuple(field for field in fields if not field.sparse), wanted)
        more = [field for field in fields if field.sparse and (not wanted or field.api in wanted)]
        return lambda value: {**whole(value), **{f.api: v for f in more if (v := getattr(value, f.name)) is not None}}
    names: list[tuple[str, str]] = []
    for field in fields:
        names += [(field.name, api) for api in _names_of(field) if not wanted or api in wanted]
    texts = [field.api for field in fields if field.type.as_text and (not wanted or field.api in wanted)]
    plain = _plain(names)
    return (lambda value: _as_text(plain(value), texts)) if texts else plain


def _plain(names: Sequence[tuple[str, str]]) -> Shape:
    """The values as they are; `names` as (in Python, in the answer)."""
    if not names:
        return lambda value: {}
    if len(names) == 1:
        name, api = names[0]
        return lambda value: {api: getattr(value, name)}
    keys = [api for _, api in names]
    values = attrgetter(*(name for name, _ in names))
    return lambda value: dict(zip(keys, values(value), strict=True))


def _as_text(shown: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    for key in keys:
        shown[key] = str(shown[key])
    return shown


def narrow(
    rights: Rights[R], wanted: Sequence[str], stored: Sequence[str]
) -> tuple[list[str], Callable[[Sequence[Any]], dict[str, Any]]] | None:
    """How to answer from a few columns: their fields' names, the id first, and what makes the answer from a row.

    None where the attributes asked for need more than that: something that is not `stored` with the object, or the
    whole object, because it decides what the caller sees.
    """
    shown = [(field, api) for field in rights.visible_fields() for api in _names_of(field) if api in wanted]
    whole = any(field.name not in stored or field.sparse or field.type.as_text for field, _ in shown)
    if not wanted or whole or rights.sometimes():
        return None
    names = list(dict.fromkeys(["id", *(field.name for field, _ in shown)]))
    places = [(api, names.index(field.name)) for field, api in shown]
    if [place for _, place in places] == list(range(len(names))):
        keys = [api for api, _ in places]
        return names, lambda row: dict(zip(keys, row, strict=True))
    return names, lambda row: {api: row[place] for api, place in places}


def _names_of(field: FieldInfo) -> tuple[str, ...]:
    return ("project_id", "tenant_id") if field.api == "project_id" else (field.api,)


def render(rights: Rights[R], items: Sequence[R], wanted: Iterable[str], lookup: Lookup) -> list[dict[str, Any]]:
    """The objects as the caller may read them; `wanted` are the attributes that they asked for, all if empty."""
    chosen = frozenset(wanted)
    shape = _shape(rights.visible_fields(), chosen)
    rendered = [shape(item) for item in items]
    if rights.sometimes():
        rendered = [_shape(rights.fields_for(item, lookup), chosen)(item) for item in items]
    if rights.model is SecurityGroup:
        rule = Rights(rights.policy, rights.caller, SecurityGroupRule)
        inner = _shape(rule.visible_fields(), frozenset())
        for group in rendered:
            if "security_group_rules" in group:
                group["security_group_rules"] = [inner(item) for item in group["security_group_rules"]]
    return rendered


def render_one(rights: Rights[R], item: R, wanted: Iterable[str], lookup: Lookup) -> dict[str, Any]:
    return render(rights, [item], wanted, lookup)[0]
