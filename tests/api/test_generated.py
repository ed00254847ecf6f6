"""Requests made from the OpenAPI document: none is answered by an error of ours, each answer is as it is described."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance
from tests.api.conftest import Cloud, shared_cloud
from tests.api.talk import Talk

from heddle.api.http import Route
from heddle.api.routes import ROUTES

EXAMPLES = 12
KNOWN: dict[str, str] = {}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud of its own: what requests at random leave behind must not be in the way of other tests."""
    yield from shared_cloud(tmp_path_factory.mktemp("generated"))


@pytest.fixture(scope="module")
def schema(cloud: Cloud) -> Any:
    logging.getLogger("schemathesis").setLevel(logging.WARNING)
    admin = cloud.admin
    network, subnet = admin.network("10.0.0.0/24")
    port, router = admin.port(network), admin.create("router")
    group = admin.create("security_group", name="generated")
    KNOWN.update(networks=network["id"], subnets=subnet["id"], ports=port["id"], routers=router["id"])
    KNOWN.update({"security-groups": group["id"], "network_id": network["id"], "subnet_id": subnet["id"]})
    KNOWN.update(port_id=port["id"], security_group_id=group["id"])
    KNOWN.update(tenant_id=admin.project_id, project_id=admin.project_id)
    return schemathesis.openapi.from_wsgi("/openapi.json", cloud.app)


ROOMS = [route for route in ROUTES if not route.path.startswith(("/identity/v3/", "/openapi.json"))]


@pytest.mark.parametrize("route", ROOMS, ids=lambda route: f"{route.method} {route.path}")
def test_each_operation(schema: Any, admin: Talk, route: Route) -> None:
    @given(case=schema[route.path][route.method].as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )
    def run(case: Any) -> None:
        _aim(case)
        case.headers = {**(case.headers or {}), "X-Auth-Token": admin.client.token}
        response = case.call()
        assert response.status_code < 500, response.text
        case.validate_response(response, checks=[content_type_conformance, response_schema_conformance])

    run()


def _aim(case: Any) -> None:
    """Every second request is for objects that exist: ids made up at random are never found."""
    parts = case.operation.path.split("/")
    parameters = case.path_parameters
    if parameters and len(str(parameters.get("id", "x"))) % 2 and len(parts) > 2 and parts[2] in KNOWN:
        parameters["id"] = KNOWN[parts[2]]
    if case.method in ("POST", "PUT") and isinstance(case.body, dict):
        _name_known(case.body)


def _name_known(value: Any) -> None:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            item.update({name: KNOWN[name] for name in item if name in KNOWN and isinstance(item[name], str)})
            for inner in item.values():
                _name_known(inner)


def test_every_route_is_described(cloud: Cloud) -> None:
    document = cloud.admin.client.get("/openapi.json").json()
    assert {(route.path, route.method.lower()) for route in ROUTES} == {
        (path, method) for path, operations in document["paths"].items() for method in operations
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (path, method)
            if method in ("post", "put") and path.startswith("/v2.0") and not path.endswith("{tag}"):
                assert "requestBody" in operation, (path, method)
