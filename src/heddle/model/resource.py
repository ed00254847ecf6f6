"""How a resource declares its fields, and what is derived from the declaration.

A resource is a class whose attributes are annotated with their type and a `Field`:

    class Port(Resource):
        member: ClassVar[str] = "port"
        collection: ClassVar[str] = "ports"
        mac_address: Annotated[str, Field(Mac(), create=True, update=True, default=GENERATED)] = ""

The `Field` says once who may set and see the attribute, its default, and whether it filters and sorts.
From it come validation, filters, OpenAPI and columns; nothing but fields is generated.

`create` and `update` say whether a request may carry the attribute.  `guard` names the verbs for which a
policy rule of its own decides: `guard="create read"` on `binding:host_id` of a port means the rules
`create_port:binding:host_id` and `get_port:binding:host_id`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Generic, TypeVar, get_type_hints

import msgspec

from heddle.errors import BadRequest, invalid
from heddle.model.access import Access
from heddle.model.fields import Bool, FieldType, Int, Invalid, Name, Text, Uuid
from heddle.model.tags import TAGS


class Sentinel:
    """A default that is not a value."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


REQUIRED = Sentinel("REQUIRED")
GENERATED = Sentinel("GENERATED")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FieldInfo:
    """A field with its names: `name` in Python and in the table, `api` in requests and answers."""

    name: str
    api: str
    type: FieldType
    create: bool
    update: bool
    default: Any
    guard: frozenset[str]
    visible: bool
    filter: bool
    sort: bool
    stored: bool
    indexed: bool
    null: bool
    sparse: bool
    access: Access | None
    python_type: Any


class Field:
    """A declaration; see the module.

    `stored=False`: the value is not in the resource's own table.  `null=False`: a request may not give `null`,
    although the value can be None.  `sparse=True`: an answer leaves the attribute out where its value is None.
    `access`: the value says who may use the object, which RBAC entries tell.
    """

    def __init__(
        self,
        type: FieldType,
        *,
        create: bool = False,
        update: bool = False,
        default: Any = REQUIRED,
        guard: str = "",
        visible: bool = True,
        filter: bool = False,
        sort: bool = False,
        stored: bool = True,
        indexed: bool = False,
        null: bool = True,
        sparse: bool = False,
        access: Access | None = None,
        api: str = "",
    ) -> None:
        self.type, self.create, self.update, self.default = type, create, update, default
        self.guard, self.visible, self.filter, self.sort = frozenset(guard.split()), visible, filter, sort
        self.stored, self.indexed, self.null, self.access = stored and access is None, indexed, null, access
        self.sparse, self.api = sparse, api

    def named(self, name: str, python_type: Any) -> FieldInfo:
        return FieldInfo(
            name=name,
            api=self.api or name,
            type=self.type,
            create=self.create,
            update=self.update,
            default=self.default,
            guard=self.guard,
            visible=self.visible,
            filter=self.filter,
            sort=self.sort,
            stored=self.stored,
            indexed=self.indexed,
            null=self.null,
            sparse=self.sparse,
            access=self.access,
            python_type=python_type,
        )


class Resource(msgspec.Struct, kw_only=True):
    """What every resource has.

    `title` is its name in errors ("QosPolicy" gives `QosPolicyNotFound`); `subject` is its name in policy rules where
    that is not `member` ("policy_dscp_marking_rule" gives `get_policy_dscp_marking_rule`); `parent` is the
    subject of the resource that it belongs to, as "network" for a port: policy rules may ask about fields of it.
    A `secretive` one is, to others who may see it but not change it, not found where they try to change it.
    """

    member: ClassVar[str] = ""
    collection: ClassVar[str] = ""
    title: ClassVar[str] = ""
    subject: ClassVar[str] = ""
    parent: ClassVar[str] = ""
    secretive: ClassVar[bool] = False

    id: Annotated[str, Field(Uuid(), filter=True, sort=True)] = ""
    project_id: Annotated[
        str, Field(Text(255), create=True, default=GENERATED, filter=True, sort=True, indexed=True)
    ] = ""


def subject_of(model: type[Resource]) -> str:
    """The name of a resource in policy rules."""
    return model.subject or model.member


class Standard(Resource, kw_only=True):
    """A resource with the standard attributes of the Networking API.  Times are UTC, as `2026-01-31T23:59:59Z`."""

    description: Annotated[str, Field(Text(255), create=True, update=True, default="", filter=True, sort=True)] = ""
    revision_number: Annotated[int, Field(Int(), filter=True, sort=True)] = 0
    created_at: Annotated[str, Field(Text(20), filter=True, sort=True)] = ""
    updated_at: Annotated[str, Field(Text(20), filter=True, sort=True)] = ""
    tags: Annotated[list[str], Field(TAGS)] = []


class Named(Standard, kw_only=True):
    """A standard resource with a name, which need not be unique."""

    name: Annotated[str, Field(Name(255), create=True, update=True, default="", filter=True, sort=True)] = ""


ADMIN_STATE = Field(Bool(), create=True, update=True, default=True, filter=True, sort=True)
QOS_POLICY = Field(
    Uuid(nullable=True), create=True, update=True, default=None, guard="create update", indexed=True
)

R = TypeVar("R", bound=Resource)


@dataclass(frozen=True, slots=True)
class Draft(Generic[R]):
    """A parsed request to create: the object with defaults filled in, and the names of what was given."""

    value: R
    given: frozenset[str]


@cache
def fields_of(model: type[Resource]) -> dict[str, FieldInfo]:
    """The declared fields by their Python names, in order."""
    found = {}
    for name, hint in get_type_hints(model, include_extras=True).items():
        for extra in getattr(hint, "__metadata__", ()):
            if isinstance(extra, Field):
                found[name] = extra.named(name, hint.__origin__)
    return found


@cache
def api_fields(model: type[Resource]) -> dict[str, FieldInfo]:
    """The declared fields by the names that requests use; `tenant_id` is the old name of `project_id`."""
    fields = {field.api: field for field in fields_of(model).values()}
    if "project_id" in fields:
        fields["tenant_id"] = fields["project_id"]
    return fields


def parse_create(model: type[R], body: Mapping[str, Any], project_id: str) -> Draft[R]:
    """The draft that a request's attributes ask for.  Raises `BadRequest` naming attribute and value."""
    values, given = _parse(model, body, "create")
    for field in fields_of(model).values():
        if field.name in values:
            continue
        if field.create and field.default is REQUIRED:
            raise BadRequest(
                "HTTPBadRequest",
                f"Failed to parse request. Required attribute '{field.api}' not specified",
            )
        if field.create and field.default is not GENERATED:
            values[field.name] = copy.copy(field.default)
    values.setdefault("project_id", project_id)
    return Draft(model(**values), frozenset(given))


def parse_changes(model: type[Resource], body: Mapping[str, Any]) -> dict[str, Any]:
    """What a request sets, by the Python names.  Raises `BadRequest`."""
    return _parse(model, body, "update")[0]


def changed(old: R, values: Mapping[str, Any]) -> Draft[R]:
    """The object as it will be, and the names of what is set."""
    return Draft(msgspec.structs.replace(old, **values), frozenset(values))


def parse_update(model: type[R], body: Mapping[str, Any], old: R) -> Draft[R]:
    """The object as it will be, and the names of what the request sets.  Raises `BadRequest`."""
    return changed(old, parse_changes(model, body))


def refusal(name: str, reason: Invalid) -> BadRequest:
    """The answer to a wrong value of an attribute."""
    return BadRequest(reason.code, str(reason)) if reason.code else invalid(name, f"{reason}.")


def _parse(model: type[Resource], body: Mapping[str, Any], verb: str) -> tuple[dict[str, Any], set[str]]:
    declared = api_fields(model)
    unknown = sorted(set(body) - set(declared))
    if unknown:
        raise BadRequest("HTTPBadRequest", f"Unrecognized attribute(s) '{', '.join(unknown)}'")
    values: dict[str, Any] = {}
    for api_name, raw in body.items():
        field = declared[api_name]
        if not (field.create if verb == "create" else field.update):
            where = "POST" if verb == "create" else "PUT"
            raise BadRequest("HTTPBadRequest", f"Attribute '{api_name}' not allowed in {where}")
        try:
            if raw is None and not field.null:
                raise Invalid("'None' is not a value that it can have")
            value = field.type.parse(raw)
        except Invalid as reason:
            raise refusal(api_name, reason) from None
        if field.name in values and values[field.name] != value:
            raise BadRequest("HTTPBadRequest", f"'{field.api}' and '{api_name}' do not match")
        values[field.name] = value
    given = set(values)
    for name in given:
        access = fields_of(model)[name].access
        if access is not None and access.callers:
            values[access.callers] = values[name]
    return values, given
