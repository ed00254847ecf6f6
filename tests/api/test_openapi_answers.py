"""What the server answers has the shape that its OpenAPI document says."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.api.conftest import Cloud
from tests.api.talk import Talk

from heddle.api.http import Route
from heddle.api.openapi import document
from heddle.api.routes import ROUTES
from heddle.api.schemas import TEXT

V3 = "/identity/v3"
PLAIN = [route for route in ROUTES if route.method == "GET" and "{" not in route.path and route.reply != TEXT]
WHOLE = document(ROUTES)


def faults(path: str, method: str, status: int, answer: Any) -> list[str]:
    """How an answer differs from what the document says."""
    said = WHOLE["paths"][path][method]["responses"][str(status)]["content"]["application/json"]["schema"]
    validator = Draft202012Validator({**said, "components": WHOLE["components"]})
    return [error.message for error in validator.iter_errors(answer)]


@pytest.fixture(scope="module")
def filled(cloud: Cloud) -> Talk:
    """The administrator of a cloud that has something of what is listed."""
    network, _ = cloud.admin.network("10.0.0.0/24")
    cloud.admin.subnet(network, "2001:db8:1::/64", ip_version=6)
    cloud.admin.port(network)
    cloud.tenant()
    return cloud.admin


@pytest.mark.parametrize("route", PLAIN, ids=lambda route: route.path)
def test_lists_have_the_shape_that_is_said(filled: Talk, route: Route) -> None:
    headers = {"X-Subject-Token": filled.client.token}
    answer = filled.client.call("GET", route.path, headers=headers)
    assert answer.status == route.success, answer.body
    assert faults(route.path, "get", answer.status, answer.json()) == []


def test_what_is_made_and_shown_of_identity(cloud: Cloud) -> None:
    client = cloud.admin.client
    for kind, body in (
        ("domain", {"name": "shaped", "enabled": False}), ("project", {"name": "shaped", "colour": "blue"}),
        ("role", {"name": "shaped"}), ("user", {"name": "shaped", "password": "p", "email": "a@example.org"}),
    ):  # fmt: skip
        path = f"{V3}/{kind}s"
        made = client.post(path, {kind: body})
        assert made.status == 201 and faults(path, "post", 201, made.json()) == []
        one = f"{path}/{made.json()[kind]['id']}"
        assert faults(path + "/{id}", "get", 200, client.get(one).json()) == []
        changed = client.call("PATCH", one, {kind: {"description": "d"}})
        assert changed.status == 200 and faults(path + "/{id}", "patch", 200, changed.json()) == []
        assert client.call("DELETE", one).status == 204


def test_another_shape_would_be_found() -> None:
    assert faults("/v2.0/networks", "get", 200, {"networks": [{"id": 7}]})
    assert faults("/v2.0/networks", "get", 200, {"nets": []})
