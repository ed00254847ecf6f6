"""Domains."""

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
from heddle.control.identity import domains
from heddle.model.identity import Domain
from heddle.store.engine import Tx
from heddle.store.query import identity as q


def list_domains(services: Services, request: Request) -> Response:
    base = root(services, request)
    with services.store.read() as tx:
        found = q.DOMAINS.search(tx, readable(services, request, "domain"), filters(request, Domain))
    items = [render(domain, base, f"/domains/{domain.id}") for domain in found]
    return show_list(services, request, "domains", items)


def show_domain(services: Services, request: Request) -> Response:
    enforce(services, request, "get_domain", id=request.params["id"])
    with services.store.read() as tx:
        domain = domains.get_domain(tx, request.params["id"])
    return show(services, request, domain)


def create_domain(services: Services, request: Request) -> Response:
    enforce(services, request, "create_domain")
    draft = read_create(request, Domain).value
    made = services.store.write(lambda tx: domains.create_domain(tx, draft), request.request_id)
    return show(services, request, made, 201)


def update_domain(services: Services, request: Request) -> Response:
    enforce(services, request, "update_domain", id=request.params["id"])

    def work(tx: Tx) -> Domain:
        old = domains.get_domain(tx, request.params["id"])
        return domains.update_domain(tx, old, read_update(request, old))

    return show(services, request, services.store.write(work, request.request_id))


def delete_domain(services: Services, request: Request) -> Response:
    enforce(services, request, "delete_domain", id=request.params["id"])
    services.store.write(
        lambda tx: domains.delete_domain(tx, domains.get_domain(tx, request.params["id"])), request.request_id
    )
    return NO_CONTENT
