"""The resources of the Identity API that are served in the common way."""

from __future__ import annotations

from typing import Any

from heddle.api.identity import users
from heddle.api.identity.crud import Collection
from heddle.control.identity import domains, projects, roles
from heddle.control.identity.users import create_user, delete_user, get_user, update_user
from heddle.store.query import identity as q


def _is_domain(name: str, text: str) -> bool:
    return name == "is_domain" and text.lower() in ("true", "1")


def _of_domain(name: str, text: str) -> bool:
    return name == "domain_id" and text != ""


DOMAINS = Collection(
    q.DOMAINS, domains.get_domain, domains.create_domain, domains.update_domain, domains.delete_domain
)  # fmt: skip
PROJECTS = Collection(
    q.PROJECTS, projects.get_project, projects.create_project, projects.update_project, projects.delete_project,
    meets_none=_is_domain,
)  # fmt: skip
USERS = Collection(
    q.USERS, get_user, create_user, update_user, delete_user, aside=("password",), read_aside=users.read_password
)
ROLES = Collection(
    q.ROLES, roles.get_role, roles.create_role, roles.update_role, roles.delete_role, whole=True, meets_none=_of_domain
)

COLLECTIONS: tuple[Collection[Any], ...] = (USERS, PROJECTS, DOMAINS, ROLES)
