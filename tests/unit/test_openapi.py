"""The OpenAPI document: valid, whole, and with a shape for each body and answer."""

from __future__ import annotations

from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from heddle.api.network.collections import EVERY
from heddle.api.openapi import document
from heddle.api.policy_rules import defaults
from heddle.api.routes import ROUTES
from heddle.model.registry import MODELS

# Their own shape is a document's; theirs is told in the answer's headers alone.
SHAPELESS = {("/openapi.json", "get")}
# A port's binding is found by its host and shown without the attributes of a resource.
ELSEWHERE = {"port_binding"}
# What says how an object is made, and is then shown by other attributes; an owner that clients may name where the
# object belongs to whom another one belongs to, or to nobody.
_OWNED = ("Segment", "DefaultSecurityGroupRule", "PortForwarding", "ConntrackHelper", "LocalIpAssociation")
GIVEN_ONLY = {name: {"project_id", "tenant_id"} for name in _OWNED} | {
    "Network": {"ha"}, "Subnet": {"prefixlen", "use_default_subnetpool"}, "FloatingIp": {"subnet_id"}
}  # fmt: skip
BODILESS = ("/tags/{tag}", "/roles/{role_id}")


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return document(ROUTES)


def operations(whole: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, one) for path, several in whole["paths"].items() for method, one in several.items()]


def test_it_is_valid(whole: dict[str, Any]) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(whole).iter_errors()] == []
    broken = {**whole, "paths": {"/x": {"get": {"responses": {"200": {}}}}}}
    assert list(OpenAPIV31SpecValidator(broken).iter_errors()), "the validator finds what is wrong"


def test_every_route_is_in_it(whole: dict[str, Any]) -> None:
    assert {(path, method) for path, method, _ in operations(whole)} == {
        (route.path, route.method.lower()) for route in ROUTES
    }
    assert all(one["summary"] for _, _, one in operations(whole))
    rules = {one["x-policy-rule"] for _, _, one in operations(whole)}
    assert rules - set(defaults()) <= {"", "public"}


def test_every_resource_is_in_it_with_all_its_attributes(whole: dict[str, Any]) -> None:
    served = {collection.model for collection in EVERY}
    assert {name for name, model in MODELS.items() if model not in served} == ELSEWHERE
    schemas = whole["components"]["schemas"]
    for model in served:
        shown = set(schemas[model.__name__]["properties"])
        for kind in ("Create", "Update"):
            hidden = set(schemas[model.__name__ + kind]["properties"]) - shown
            assert hidden <= GIVEN_ONLY.get(model.__name__, set()), f"{model.__name__}: given and never shown"


def test_every_body_and_answer_has_a_shape(whole: dict[str, Any]) -> None:
    for path, method, one in operations(whole):
        if method in ("post", "put", "patch") and not path.endswith(BODILESS):
            (body,) = one["requestBody"]["content"].values()
            assert body["schema"], (method, path)
        for status, answer in one["responses"].items():
            for content in answer.get("content", {}).values():
                assert content["schema"] or (path, method) in SHAPELESS, (method, path, status)


def test_what_a_query_may_say(whole: dict[str, Any]) -> None:
    asked = {
        path: {each["name"] for each in verbs["get"]["parameters"] if each["in"] == "query"}
        for path, verbs in whole["paths"].items()
        if "get" in verbs
    }
    assert asked["/heddle/v1/realised/{collection}/{id}"] == {"revision"}
    assert asked["/v2.0/availability_zones"] == {"name", "resource", "state", "fields"}
    assert asked["/v2.0/qos/rule-types"] == {"all_supported", "all_rules", "fields"}
    assert {"user.id", "scope.project.id", "effective"} <= asked["/identity/v3/role_assignments"]
    assert asked["/identity/v3/services"] == {"type", "name"}
    assert asked["/v2.0/ports"] > {"fields", "limit", "marker", "device_id", "fixed_ips"}


def test_every_reference_leads_somewhere(whole: dict[str, Any]) -> None:
    schemas = set(whole["components"]["schemas"])
    found: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            found.update([value["$ref"].rpartition("/")[2]] if isinstance(value.get("$ref"), str) else [])
            value = list(value.values())
        for item in value if isinstance(value, list | tuple) else ():
            walk(item)

    walk(whole)
    assert found and found <= schemas
