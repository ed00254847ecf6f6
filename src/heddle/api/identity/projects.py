"""Projects."""

from __future__ import annotations

from heddle.api.http import Request, Response
from heddle.api.identity.common import (
    NO_CONTENT,
    enforce,
    filters,
    read_create,
    read_update,
    readable,
    render,
    root,
    show,
    show_list,
)
from heddle.api.services import Services
from heddle.control.identity import projects
from heddle.model.identity import Project
from heddle.store.engine import Tx
from heddle.store.query import identity as q


def list_projects(services: Services, request: Request) -> Response:
    base = root(services, request)
    with services.store.read() as tx:
        found = q.PROJECTS.search(tx, readable(services, request, "project"), filters(request, Project))
    if any(name == "is_domain" and value.lower() in ("true", "1") for name, value in request.query()):
        found = []
    items = [render(project, base, f"/projects/{project.id}") for project in found]
    return show_list(services, request, "projects", items)


def show_project(services: Services, request: Request) -> Response:
    enforce(services, request, "get_project", id=request.params["id"])
    with services.store.read() as tx:
        project = projects.get_project(tx, request.params["id"])
    return show(services, request, project)


def create_project(services: Services, request: Request) -> Response:
    enforce(services, request, "create_project")
    draft = read_create(request, Project).value
    made = services.store.write(lambda tx: projects.create_project(tx, draft), request.request_id)
    return show(services, request, made, 201)


def update_project(services: Services, request: Request) -> Response:
    enforce(services, request, "update_project", id=request.params["id"])

    def work(tx: Tx) -> Project:
        old = projects.get_project(tx, request.params["id"])
        return projects.update_project(tx, old, read_update(request, old))

    return show(services, request, services.store.write(work, request.request_id))


def delete_project(services: Services, request: Request) -> Response:
    enforce(services, request, "delete_project", id=request.params["id"])
    services.store.write(
        lambda tx: projects.delete_project(tx, projects.get_project(tx, request.params["id"])), request.request_id
    )
    return NO_CONTENT
