"""RBAC entries in tests: an object of each type that they can name, who is let use it, and its use."""

from __future__ import annotations

from typing import Any

from tests.api.talk import Talk

SHARED, EXTERNAL = "access_as_shared", "access_as_external"
KINDS = ("network", "security_group", "subnetpool", "address_scope")


def let(talk: Talk, kind: str, item: dict[str, Any], target: str, action: str = SHARED) -> dict[str, Any]:
    """An entry that lets a target use an object."""
    return talk.create("rbac_policy", object_type=kind, object_id=item["id"], action=action, target_tenant=target)


def no_let(
    talk: Talk, status: int, error: str, kind: str, item: dict[str, Any], target: Any, action: str = SHARED
) -> str:
    body = {"object_type": kind, "object_id": item["id"], "action": action, "target_tenant": target}
    return talk.no_create(status, error, "rbac_policy", body)


def make(talk: Talk, kind: str, **more: Any) -> dict[str, Any]:
    """An object of a type that entries can name."""
    if kind == "qos_policy":
        policy: dict[str, Any] = talk.client.post("/v2.0/qos/policies", {"policy": more}).json()["policy"]
        return policy
    needed: dict[str, dict[str, Any]] = {
        "subnetpool": {"name": "p", "prefixes": ["10.0.0.0/8"], "default_prefixlen": 24},
        "address_scope": {"ip_version": 4},
    }
    return talk.create(kind, {**needed.get(kind, {}), **more})


def use(talk: Talk, kind: str, item: dict[str, Any]) -> tuple[str, str]:
    """Use an object as one that is shared; gives what to delete to use it no more."""
    if kind == "network":
        return "port", talk.port(item)["id"]
    if kind == "qos_policy":
        return "network", talk.create("network", qos_policy_id=item["id"])["id"]
    if kind == "security_group":
        return "port", talk.port(talk.create("network"), security_groups=[item["id"]])["id"]
    if kind == "address_group":
        group = talk.create("security_group", name="g")
        rule = {"security_group_id": group["id"], "direction": "ingress", "remote_address_group_id": item["id"]}
        return "security_group_rule", talk.create("security_group_rule", rule)["id"]
    if kind == "subnetpool":
        network = talk.create("network")
        return "subnet", talk.create("subnet", network_id=network["id"], ip_version=4, subnetpool_id=item["id"])["id"]
    return "subnetpool", make(talk, "subnetpool", address_scope_id=item["id"])["id"]
