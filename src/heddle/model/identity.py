"""Who there is: domains, projects, users, roles, application credentials (Identity API v3).

Identifiers are 32 hexadecimal digits, or the name that the bootstrap gave, as for the domain `default`.
Requests may carry further attributes of the operator's choice; they are kept in `extra` and shown again.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from heddle.model.fields import Bool, Int, Json, Text
from heddle.model.resource import GENERATED, REQUIRED, Field, Resource
from heddle.model.tags import TAGS
from heddle.model.values import OBJECT

DEFAULT_DOMAIN = "default"

# A role includes the next one.
IMPLIED = {"admin": "manager", "manager": "member", "member": "reader"}

_STRINGS = Json(list, {"type": "array", "items": {"type": "string"}})
_EXTRA = Field(OBJECT, visible=False)


def expand(roles: list[str]) -> frozenset[str]:
    """The names of roles in lower case, with those that they imply."""
    found: set[str] = set()
    for role in roles:
        name = role.lower()
        while name and name not in found:
            found.add(name)
            name = IMPLIED.get(name, "")
    return frozenset(found)


class IdentityResource(Resource, kw_only=True):
    """What they have in common; they belong to no project."""

    id: Annotated[str, Field(Text(64), filter=True, sort=True)] = ""
    project_id: Annotated[str, Field(Text(64), visible=False, stored=False)] = ""


class Domain(IdentityResource, kw_only=True):
    member: ClassVar[str] = "domain"
    collection: ClassVar[str] = "domains"

    name: Annotated[str, Field(Text(64, empty=False), create=True, update=True, filter=True, sort=True)] = ""
    description: Annotated[str, Field(Text(255), create=True, update=True, default="")] = ""
    enabled: Annotated[bool, Field(Bool(), create=True, update=True, default=True, filter=True)] = True
    tags: Annotated[list[str], Field(TAGS, create=True, update=True, default=[])] = []
    options: Annotated[dict[str, Any], Field(OBJECT, create=True, update=True, default={})] = {}
    extra: Annotated[dict[str, Any], _EXTRA] = {}


class Project(IdentityResource, kw_only=True):
    """`parent_id` is the domain's: projects do not nest."""

    member: ClassVar[str] = "project"
    collection: ClassVar[str] = "projects"

    name: Annotated[str, Field(Text(64, empty=False), create=True, update=True, filter=True, sort=True)] = ""
    domain_id: Annotated[str, Field(Text(64), create=True, default=DEFAULT_DOMAIN, filter=True, indexed=True)] = ""
    description: Annotated[str, Field(Text(255, nullable=True), create=True, update=True, default="")] = ""
    enabled: Annotated[bool, Field(Bool(), create=True, update=True, default=True, filter=True)] = True
    parent_id: Annotated[str, Field(Text(64, nullable=True), create=True, default=GENERATED, filter=True)] = ""
    is_domain: Annotated[bool, Field(Bool(), create=True, default=False, stored=False)] = False
    tags: Annotated[list[str], Field(TAGS, create=True, update=True, default=[])] = []
    options: Annotated[dict[str, Any], Field(OBJECT, create=True, update=True, default={})] = {}
    extra: Annotated[dict[str, Any], _EXTRA] = {}


class User(IdentityResource, kw_only=True):
    """`generation` grows when all tokens of the user end: a new password, the user disabled."""

    member: ClassVar[str] = "user"
    collection: ClassVar[str] = "users"

    name: Annotated[str, Field(Text(255, empty=False), create=True, update=True, filter=True, sort=True)] = ""
    domain_id: Annotated[str, Field(Text(64), create=True, default=DEFAULT_DOMAIN, filter=True, indexed=True)] = ""
    default_project_id: Annotated[
        str | None, Field(Text(64, nullable=True), create=True, update=True, default=None)
    ] = None
    enabled: Annotated[bool, Field(Bool(), create=True, update=True, default=True, filter=True)] = True
    email: Annotated[str | None, Field(Text(255, nullable=True), create=True, update=True, default=None)] = None
    description: Annotated[str | None, Field(Text(255, nullable=True), create=True, update=True, default=None)] = None
    options: Annotated[dict[str, Any], Field(OBJECT, create=True, update=True, default={})] = {}
    password_expires_at: Annotated[str | None, Field(Text(32, nullable=True))] = None
    password_hash: Annotated[str, Field(Text(255), visible=False)] = ""
    generation: Annotated[int, Field(Int(), visible=False)] = 0
    extra: Annotated[dict[str, Any], _EXTRA] = {}


class Role(IdentityResource, kw_only=True):
    member: ClassVar[str] = "role"
    collection: ClassVar[str] = "roles"

    name: Annotated[str, Field(Text(255, empty=False), create=True, update=True, filter=True, sort=True)] = ""
    domain_id: Annotated[
        str | None, Field(Text(64, nullable=True), create=True, default=None, filter=True, stored=False)
    ] = None
    description: Annotated[str | None, Field(Text(255, nullable=True), create=True, update=True, default=None)] = None
    options: Annotated[dict[str, Any], Field(OBJECT, create=True, update=True, default={})] = {}
    extra: Annotated[dict[str, Any], _EXTRA] = {}


class ApplicationCredential(Resource, kw_only=True):
    """A secret of a user for a program: some of the user's roles on one project.  `role_ids` name them."""

    member: ClassVar[str] = "application_credential"
    collection: ClassVar[str] = "application_credentials"

    id: Annotated[str, Field(Text(64), filter=True, sort=True)] = ""
    project_id: Annotated[str, Field(Text(64), default=GENERATED, indexed=True)] = ""
    name: Annotated[str, Field(Text(255, empty=False), create=True, default=REQUIRED, filter=True, sort=True)] = ""
    user_id: Annotated[str, Field(Text(64), visible=False, indexed=True)] = ""
    description: Annotated[str | None, Field(Text(255, nullable=True), create=True, default=None)] = None
    expires_at: Annotated[str | None, Field(Text(32, nullable=True), create=True, default=None)] = None
    unrestricted: Annotated[bool, Field(Bool(), create=True, default=False)] = False
    role_ids: Annotated[list[str], Field(_STRINGS, visible=False)] = []
    secret_hash: Annotated[str, Field(Text(255), visible=False)] = ""
