"""Bindings of a port to several hosts: prepared, activated, removed."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk


@pytest.fixture
def admin(own_cloud: Cloud) -> Talk:
    return own_cloud.admin


@pytest.fixture
def blue(own_cloud: Cloud) -> Talk:
    return own_cloud.tenant()


@pytest.fixture
def port(own_cloud: Cloud, admin: Talk, blue: Talk) -> dict[str, Any]:
    """A port on host1; host2 is there too."""
    own_cloud.report("host1")
    own_cloud.report("host2")
    return admin.update("port", blue.port(blue.create("network"))["id"], **{"binding:host_id": "host1"})


def path(port: dict[str, Any], *more: str) -> str:
    return "/".join((f"/v2.0/ports/{port['id']}/bindings", *more))


def prepare(admin: Talk, port: dict[str, Any], **binding: Any) -> dict[str, Any]:
    answer = admin.client.post(path(port), {"binding": binding})
    assert answer.status == 201, answer.body
    return dict(answer.json()["binding"])


def hosts(admin: Talk, port: dict[str, Any]) -> dict[str, str]:
    found = admin.client.get(path(port)).json()["bindings"]
    return {binding["host"]: binding["status"] for binding in found}


def test_a_port_moves_and_comes_back(admin: Talk, port: dict[str, Any]) -> None:
    made = prepare(admin, port, host="host2", profile={"x": 1})
    assert (made["status"], made["vif_type"], made["profile"]) == ("INACTIVE", "ovs", {"x": 1})
    assert hosts(admin, port) == {"host1": "ACTIVE", "host2": "INACTIVE"}
    assert admin.show("port", port["id"])["binding:host_id"] == "host1"
    answer = admin.client.call("PUT", path(port, "host2", "activate"), {})
    assert (answer.status, answer.json()["binding"]["status"]) == (200, "ACTIVE")
    moved = admin.show("port", port["id"])
    assert (moved["binding:host_id"], moved["binding:profile"], moved["status"]) == ("host2", {"x": 1}, "DOWN")
    assert hosts(admin, port) == {"host2": "ACTIVE", "host1": "INACTIVE"}
    admin.refused(409, "PortBindingAlreadyActive", "PUT", path(port, "host2", "activate"), {})
    assert admin.client.call("PUT", path(port, "host1", "activate"), {}).status == 200
    assert admin.client.call("DELETE", path(port, "host2")).status == 204
    assert hosts(admin, port) == {"host1": "ACTIVE"}


def test_what_is_refused(admin: Talk, blue: Talk, port: dict[str, Any]) -> None:
    prepare(admin, port, host="host2")
    for host in ("host1", "host2"):
        admin.refused(409, "PortBindingAlreadyExists", "POST", path(port), {"binding": {"host": host}})
    text = admin.refused(409, "PortBindingError", "POST", path(port), {"binding": {"host": "nowhere"}})
    assert "nowhere" in text
    admin.refused(400, "HTTPBadRequest", "POST", path(port), {"binding": {}})
    admin.refused(400, "HTTPBadRequest", "POST", path(port), {"binding": {"host": "host3", "status": "ACTIVE"}})
    for method, more in (("GET", "nowhere"), ("DELETE", "nowhere"), ("PUT", "nowhere/activate")):
        admin.refused(404, "PortBindingNotFound", method, path(port, more), {} if method == "PUT" else None)
    blue.refused(403, "PolicyNotAuthorized", "GET", path(port))
    assert hosts(admin, port) == {"host1": "ACTIVE", "host2": "INACTIVE"}


def test_a_binding_changes_and_a_port_loses_its_host(admin: Talk, port: dict[str, Any]) -> None:
    prepare(admin, port, host="host2")
    changed = admin.client.call("PUT", path(port, "host2"), {"binding": {"profile": {"y": 2}}}).json()["binding"]
    assert (changed["profile"], changed["status"]) == ({"y": 2}, "INACTIVE")
    admin.refused(409, "PortBindingError", "PUT", path(port, "host2"), {"binding": {"vnic_type": "direct"}})
    assert admin.client.call("PUT", path(port, "host1"), {"binding": {"profile": {"z": 3}}}).status == 200
    assert admin.show("port", port["id"])["binding:profile"] == {"z": 3}
    assert admin.client.call("DELETE", path(port, "host1")).status == 204
    assert admin.show("port", port["id"])["binding:vif_type"] == "unbound"
    assert prepare(admin, port, host="host1")["status"] == "ACTIVE", "a port without a host is bound at once"
    found = admin.client.get(path(port) + "?status=INACTIVE&host=host2").json()["bindings"]
    assert [binding["host"] for binding in found] == ["host2"]


def test_they_go_with_the_port(admin: Talk, port: dict[str, Any]) -> None:
    prepare(admin, port, host="host2")
    admin.delete("port", port["id"])
    admin.refused(404, "PortNotFound", "GET", path(port))
