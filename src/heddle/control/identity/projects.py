"""Projects: the tenants, who own networks, ports and the rest."""

from __future__ import annotations

import uuid

import msgspec

from heddle.control.identity.errors import duplicate, found, wrong
from heddle.model.identity import Project
from heddle.store.engine import Tx
from heddle.store.query import identity as q


def get_project(tx: Tx, id: str) -> Project:
    """Raises `NotFound`."""
    return found(q.PROJECTS.get(tx, id), "project", id)


def create_project(tx: Tx, project: Project) -> Project:
    """Raises `Conflict` when the name is taken in its domain, `BadRequest` for a parent that is not the domain."""
    found(q.DOMAINS.get(tx, project.domain_id), "domain", project.domain_id)
    if project.is_domain:
        raise wrong("A project cannot be a domain: create a domain instead.")
    if project.parent_id and project.parent_id != project.domain_id:
        raise wrong(f"Projects do not nest: parent_id '{project.parent_id}' must be the project's domain, or left out.")
    if q.project_named(tx, project.domain_id, project.name):
        raise duplicate("project", project.name)
    project = msgspec.structs.replace(project, id=uuid.uuid4().hex, parent_id=project.domain_id)
    q.PROJECTS.insert(tx, [project])
    return project


def update_project(tx: Tx, old: Project, new: Project) -> Project:
    """Raises `Conflict` when the name is taken."""
    if new.name != old.name and q.project_named(tx, old.domain_id, new.name):
        raise duplicate("project", new.name)
    q.PROJECTS.update(tx, old, new)
    if old.enabled and not new.enabled:
        q.end_tokens(tx, old.id)
    q.changed(tx)
    return new


def delete_project(tx: Tx, project: Project) -> None:
    """Delete a project with the roles on it and its application credentials; what it owned stays."""
    q.unassign(tx, kind="project", target_id=project.id)
    q.delete_credentials(tx, project_id=project.id)
    q.PROJECTS.delete(tx, project.id)
    q.changed(tx)


def projects_of(tx: Tx, user_id: str) -> list[Project]:
    """The enabled projects on which a user has a role."""
    found_ = q.PROJECTS.get_many(tx, q.targets_of(tx, user_id, "project"))
    return sorted((project for project in found_.values() if project.enabled), key=lambda project: project.name)
