"""Domains: the spaces in which names of users and projects are unique."""

from __future__ import annotations

import uuid

import msgspec

from heddle.control.identity.errors import duplicate, found
from heddle.control.identity.projects import delete_project
from heddle.control.identity.users import delete_user
from heddle.errors import Forbidden
from heddle.model.identity import DEFAULT_DOMAIN, Domain
from heddle.store.engine import Tx
from heddle.store.query import identity as q


def get_domain(tx: Tx, id: str) -> Domain:
    """Raises `NotFound`."""
    return found(q.DOMAINS.get(tx, id), "domain", id)


def create_domain(tx: Tx, domain: Domain) -> Domain:
    """Raises `Conflict` when the name is taken."""
    if q.domain_named(tx, domain.name):
        raise duplicate("domain", domain.name)
    domain = msgspec.structs.replace(domain, id=uuid.uuid4().hex)
    q.DOMAINS.insert(tx, [domain])
    return domain


def update_domain(tx: Tx, old: Domain, new: Domain) -> Domain:
    """Raises `Conflict`, `Forbidden` for disabling the default domain, which would lock everybody out."""
    if new.name != old.name and q.domain_named(tx, new.name):
        raise duplicate("domain", new.name)
    if old.id == DEFAULT_DOMAIN and not new.enabled:
        raise Forbidden("Forbidden", "The default domain cannot be disabled.")
    q.DOMAINS.update(tx, old, new)
    if old.enabled and not new.enabled:
        q.end_tokens(tx, old.id)
    q.changed(tx)
    return new


def delete_domain(tx: Tx, domain: Domain) -> None:
    """Delete a domain with its users and projects.  Raises `Forbidden` while it is enabled."""
    if domain.id == DEFAULT_DOMAIN:
        raise Forbidden("Forbidden", "The default domain cannot be deleted.")
    if domain.enabled:
        raise Forbidden("Forbidden", "Cannot delete a domain that is enabled, please disable it first.")
    for user in q.USERS.search(tx, filters={"domain_id": [domain.id]}):
        delete_user(tx, user)
    for project in q.PROJECTS.search(tx, filters={"domain_id": [domain.id]}):
        delete_project(tx, project)
    q.unassign(tx, kind="domain", target_id=domain.id)
    q.DOMAINS.delete(tx, domain.id)
    q.changed(tx)
