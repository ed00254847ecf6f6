"""Rights on one resource: which attributes are shown, and which need a right of their own to be set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from heddle.api.policy import Policy
from heddle.api.rights import Lookup, Rights
from heddle.errors import Forbidden
from heddle.model.caller import Caller
from heddle.model.network import Network
from heddle.model.port import Port
from heddle.model.predicate import ALWAYS, NEVER, holds
from heddle.model.resource import Resource, parse_create
from heddle.model.router import Router

POLICY = Policy()
MEMBER = Caller(user_id="u", project_id="p", roles=frozenset(("member", "reader")))
ADMIN = Caller(user_id="a", project_id="pa", roles=frozenset(("admin", "manager", "member", "reader")))
NET = "11111111-1111-4111-8111-111111111111"


def parent(**fields: Any) -> Lookup:
    network = Network(**fields)
    return lambda name: network if name == "network" else None


def create(model: type[Resource], body: dict[str, Any], caller: Caller = MEMBER, lookup: Lookup | None = None) -> None:
    draft = parse_create(model, body, caller.project_id)
    Rights(POLICY, caller, model).check_create(draft, lookup or parent(project_id="p"))


def refused(run: Callable[[], None], *rules: str) -> None:
    with pytest.raises(Forbidden) as found:
        run()
    for rule in rules:
        assert f"rule:{rule}" in str(found.value)


def test_an_attribute_given_with_its_default_needs_no_right_of_its_own() -> None:
    create(Network, {"name": "n", "shared": False, "router:external": False})
    refused(lambda: create(Network, {"shared": True}), "create_network", "create_network:shared")
    refused(lambda: create(Network, {"provider:network_type": "vlan"}), "create_network:provider:network_type")
    create(Network, {"shared": True, "provider:network_type": "vlan"}, ADMIN)


def test_a_project_cannot_create_for_another() -> None:
    refused(lambda: create(Network, {"tenant_id": "other"}), "create_network")
    create(Network, {"tenant_id": "other"}, ADMIN)


def test_on_anothers_network_an_address_cannot_be_chosen() -> None:
    body = {"network_id": NET, "fixed_ips": [{"subnet_id": NET}]}
    shared = parent(project_id="other", shared=True)
    create(Port, body, lookup=shared)
    body["fixed_ips"] = [{"subnet_id": NET, "ip_address": "10.0.0.7"}]
    refused(lambda: create(Port, body, lookup=shared), "create_port:fixed_ips:ip_address")
    create(Port, body, lookup=parent(project_id="p"))


def test_parts_of_an_attribute_have_rules_of_their_own() -> None:
    create(Router, {"external_gateway_info": {"network_id": NET}})
    body = {"external_gateway_info": {"network_id": NET, "enable_snat": False}}
    refused(lambda: create(Router, body), "create_router:external_gateway_info:enable_snat")


def test_a_change_is_judged_by_what_was_and_the_attributes_by_what_shall_be() -> None:
    rights = Rights(POLICY, MEMBER, Port)
    old = Port(id="x", project_id="p", network_id=NET)
    new = msgspec.structs.replace(old, device_owner="network:dhcp")
    foreign = parent(project_id="other")
    refused(lambda: rights.check_update(old, new, {"device_owner"}, foreign), "update_port:device_owner")
    rights.check_update(old, msgspec.structs.replace(old, device_owner="compute:x"), {"device_owner"}, foreign)
    others = Port(id="x", project_id="other", network_id=NET)
    refused(lambda: rights.check_update(others, others, {"name"}, foreign), "update_port")


def test_the_parent_is_looked_up_only_when_a_rule_asks() -> None:
    def lookup(name: str) -> Resource | None:
        raise AssertionError("looked up")

    create(Port, {"network_id": NET, "mac_address": "fa:16:3e:00:00:01"}, ADMIN, lookup)
    Rights(POLICY, MEMBER, Port).check_delete(Port(project_id="p"), lookup)


def test_the_administrator_sees_more_attributes() -> None:
    member = {field.api for field in Rights(POLICY, MEMBER, Port).visible_fields()}
    admin = {field.api for field in Rights(POLICY, ADMIN, Port).visible_fields()}
    assert admin - member == {
        "binding:host_id", "binding:profile", "binding:vif_type", "binding:vif_details", "trusted", "resource_request",
        "pvlan_type", "pvlan_community",
    }  # fmt: skip


def test_what_is_not_seen_cannot_be_found_by_a_filter(tmp_path: Path) -> None:
    member, admin = Rights(POLICY, MEMBER, Port), Rights(POLICY, ADMIN, Port)
    own = member.condition_for(["binding_host_id", "name"])
    assert holds(own, {"project_id": "p"}.get) and not holds(own, {"network.project_id": "p", "project_id": "q"}.get)
    assert Rights(POLICY, Caller(), Port).condition_for(["binding_host_id"]) == NEVER
    assert member.condition_for(["name", "fixed_ips", "binding_vnic_type"]) == member.condition() != NEVER
    assert admin.condition_for(["binding_host_id"]) == ALWAYS
    file = tmp_path / "policy.yaml"
    file.write_text('"get_port:binding:host_id": "rule:admin_or_owner"\n')
    own = Rights(Policy(str(file)), MEMBER, Port).condition_for(["binding_host_id"])
    assert holds(own, {"project_id": "p"}.get) and not holds(own, {"network.project_id": "p", "project_id": "q"}.get)


def test_an_override_may_show_an_attribute_on_some_objects_only(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text('"get_port:binding:host_id": "rule:admin_or_owner"\n')
    rights = Rights(Policy(str(file)), MEMBER, Port)
    assert rights.sometimes()
    own = {field.api for field in rights.fields_for(Port(project_id="p"))}
    others = {field.api for field in rights.fields_for(Port(project_id="q"))}
    assert own - others == {"binding:host_id", "pvlan_type", "pvlan_community"}  # those are its network's owner's, too
