"""The rules: all there, read as oslo.policy reads them, and the same for one object as for a list."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oslo_policy.policy import RuleDefault

from heddle.api.policy import Policy
from heddle.api.policy_compile import Compiler
from heddle.api.rights import value_of
from heddle.errors import ConfigError, Forbidden
from heddle.model.caller import SYSTEM, Caller
from heddle.model.network import Network
from heddle.model.port import Port
from heddle.model.predicate import ALWAYS, NEVER, holds
from heddle.model.rbac import RbacPolicy
from heddle.model.registry import MODELS
from heddle.model.resource import fields_of, subject_of
from heddle.store.engine import Store
from heddle.store.query.networks import NETWORKS
from heddle.store.query.ports import PORTS
from heddle.store.query.rbac import RBAC_POLICIES

POLICY = Policy()
MEMBER = Caller(user_id="u1", project_id="p1", roles=frozenset(("member", "reader")))
READER = Caller(user_id="u2", project_id="p1", roles=frozenset(("reader",)))
OTHER = Caller(user_id="u3", project_id="p2", roles=frozenset(("member", "reader")))
ADMIN = Caller(user_id="a", project_id="pa", roles=frozenset(("admin", "manager", "member", "reader")))
UNSCOPED = Caller(user_id="u1")
CALLERS = (MEMBER, READER, OTHER, ADMIN, UNSCOPED, SYSTEM)


def test_each_guarded_field_has_its_rules() -> None:
    verbs = {"create": "create", "update": "update", "read": "get"}
    wanted = [
        f"{verbs[verb]}_{subject_of(model)}:{field.api}"
        for model in MODELS.values()
        for field in fields_of(model).values()
        for verb in field.guard
    ]
    assert wanted
    POLICY.require(wanted)


def test_each_resource_has_a_rule_for_seeing_it() -> None:
    POLICY.require(f"get_{name}" for name in MODELS)


def test_an_unknown_rule_is_a_mistake_of_the_program() -> None:
    with pytest.raises(KeyError, match="create_nothing"):
        POLICY.require(["get_port", "create_nothing"])


def test_the_administrator_may_do_everything_but_act_as_another_user() -> None:
    refused = {name for name in POLICY.names if POLICY.condition(name, ADMIN) == NEVER}
    assert refused == {"service_api"}
    conditional = {name for name in POLICY.names if POLICY.condition(name, ADMIN) != ALWAYS} - refused
    assert {name for name in conditional if ":" in name} == {"identity:create_application_credential"}


def test_without_a_scope_nothing_is_allowed_that_needs_a_role() -> None:
    for name in POLICY.names:
        if name.startswith(("create_", "update_", "delete_", "add_", "remove_")) and ":" not in name:
            assert POLICY.condition(name, UNSCOPED) == NEVER, name


def test_what_belongs_to_no_project_is_not_everybodys() -> None:
    nobodys = Network(id="n", project_id="")
    assert not POLICY.allows("get_network", UNSCOPED, value_of(nobodys, lambda name: None))


@pytest.mark.parametrize(
    ("rule", "caller", "port", "network", "allowed"),
    [
        ("get_port", READER, {"project_id": "p1"}, {}, True),
        ("get_port", READER, {"project_id": "p2"}, {"project_id": "p1"}, True),
        ("get_port", READER, {"project_id": "p2"}, {"project_id": "p2", "shared": True}, False),
        ("create_port", READER, {"project_id": "p1"}, {}, False),
        ("create_port", MEMBER, {"project_id": "p1"}, {}, True),
        ("create_port", MEMBER, {"project_id": "p2"}, {}, False),
        ("create_port:mac_address", MEMBER, {"project_id": "p1"}, {"project_id": "p2", "shared": True}, False),
        ("create_port:mac_address", MEMBER, {"project_id": "p1"}, {"project_id": "p1"}, True),
        ("create_port:fixed_ips", MEMBER, {"project_id": "p1"}, {"project_id": "p2", "shared": True}, True),
        ("create_port:device_owner", OTHER, {"device_owner": "network:dhcp"}, {"project_id": "p1"}, False),
        ("create_port:device_owner", OTHER, {"device_owner": "compute:nova"}, {"project_id": "p1"}, True),
        ("update_port:binding:host_id", MEMBER, {"project_id": "p1"}, {"project_id": "p1"}, False),
        ("update_port:binding:host_id", ADMIN, {"project_id": "p1"}, {"project_id": "p1"}, True),
        ("delete_port", MEMBER, {"project_id": "p2"}, {"project_id": "p1"}, True),
    ],
)
def test_the_defaults_for_ports(
    rule: str, caller: Caller, port: dict[str, Any], network: dict[str, Any], allowed: bool
) -> None:
    parent = Network(**network)
    assert POLICY.allows(rule, caller, value_of(Port(**port), lambda name: parent)) is allowed


def test_a_refusal_names_the_rule() -> None:
    with pytest.raises(Forbidden) as refused:
        POLICY.enforce("create_network:shared", MEMBER, value_of(Network(project_id="p1"), lambda name: None))
    assert refused.value.code == "PolicyNotAuthorized"
    assert str(refused.value) == "rule:create_network:shared is disallowed by policy"


# Overrides


def _override(folder: Path, text: str) -> Policy:
    file = folder / "policy.yaml"
    file.write_text(text)
    return Policy(str(file))


def test_an_override_takes_the_place_of_the_default(tmp_path: Path) -> None:
    policy = _override(tmp_path, '"get_network": "role:auditor"\n"helper": "role:helper"\n"get_port": "rule:helper"\n')
    auditor = Caller(user_id="x", roles=frozenset(("auditor",)))
    helper = Caller(user_id="x", roles=frozenset(("helper",)))
    assert policy.condition("get_network", auditor) == ALWAYS
    assert policy.condition("get_network", ADMIN) == NEVER
    assert policy.condition("get_port", helper) == ALWAYS
    assert policy.condition("get_subnet", ADMIN) == ALWAYS


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('"get_port": "role:admin and"', "cannot be understood"),
        ('"get_port": "nonsense"', "cannot be understood"),
        ('"get_port": "role:admin or (project_id:%(colour)s)"', "no attribute 'colour'"),
        ('"get_port": "project_id:%(router:project_id)s"', "has no parent 'router'"),
        ('"get_port": "shoe_size:%(project_id)s"', "says nothing of 'shoe_size'"),
        ('"get_port": "rule:missing"', "no rule 'missing'"),
        ('"get_port": "rule:get_port"', "in a circle"),
        ('"get_port": "http://example.org/%(id)s"', "not supported"),
        ('"get_port": "field:port:device_owner=~^a.*b"', "is not supported"),
        ('"get_port": "field:teapots:shared=True"', "no resource 'teapots'"),
        ('"get_security_group": "field:security_groups:security_group_rules=x"', "lists cannot be filtered"),
        ('"get_network": "project_id:%(shared)s"', "true or false for each caller"),
        ('"get_network": "field:networks:shared=~^T"', "true or false for each caller"),
        ('"get_port": 7', "must be text"),
        ("- get_port", "must map"),
        ('"get_port": "role:admin', "neither YAML nor JSON"),
    ],
)
def test_an_override_that_cannot_be_understood_stops_the_start(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=r"policy\.yaml") as stopped:
        _override(tmp_path, text)
    assert says in str(stopped.value)


def test_a_missing_file_of_overrides_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        Policy(str(tmp_path / "none.yaml"))


# Any rule: as oslo.policy evaluates it, and as the database does

ATOMS = (
    "role:admin", "role:member", "role:Reader", "@", "!", "is_admin:True", "is_admin:False", "system_scope:all",
    "project_id:%(project_id)s", "tenant_id:%(tenant_id)s", "project_id:%(network:tenant_id)s", "rule:owner",
    "user_id:%(device_id)s", "'compute':%(device_owner)s", "True:%(admin_state_up)s", "False:%(admin_state_up)s",
    "field:networks:shared=True", "field:networks:router:external=True", "field:port:device_owner=~^network:",
    "field:networks:shared=False", "True:%(shared)s", "field:port:admin_state_up=False", "project_id:p1", "rule:shared",
    "user_id:u1", "rule:network_owner",
)  # fmt: skip
TEXTS = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("(not {})".format, inner),
    ),
    max_leaves=12,
)
NETWORK_LIST = [
    Network(
        id=f"n{i}", project_id=f"p{i % 3}", shared=bool(i & 1), router_external=bool(i & 2), external_access=bool(i & 2)
    )
    for i in range(6)
]
# What is said of them in the database: everybody, or one project, may use some.
ENTRIES = [
    RbacPolicy(id=f"{action}{i}", object_type="network", object_id=f"n{i}", action=action, target_tenant=target)
    for action, targets in (("access_as_shared", "- * p1 - p2 *"), ("access_as_external", "- p2 * p1 - -"))
    for i, target in enumerate(targets.split())
    if target != "-"
]
PORT_LIST = [
    Port(
        id=f"port{i}",
        network_id=f"n{i % 6}",
        mac_address=f"fa:16:3e:00:00:{i:02x}",
        project_id=f"p{i % 4}",
        device_id=f"u{i % 5}",
        device_owner=("", "network:dhcp", "compute")[i % 3],
        admin_state_up=i % 7 != 0,
    )
    for i in range(48)
]


def _target(port: Port, network: Network) -> dict[str, Any]:
    """A port as oslo.policy is shown it."""
    target = {name: getattr(port, name) for name in ("project_id", "device_id", "device_owner", "admin_state_up")}
    target["tenant_id"] = port.project_id
    target["network:tenant_id"] = target["network:project_id"] = network.project_id
    return {**target, "shared": network.shared, "router:external": network.router_external}


def _credentials(caller: Caller) -> dict[str, Any]:
    found = {"roles": sorted(caller.roles), "is_admin": caller.is_admin, "user_id": caller.user_id}
    if caller.project_id:
        found |= {"project_id": caller.project_id, "tenant_id": caller.project_id}
    return found | ({"system_scope": "all"} if caller.system else {})


def _with_rule(text: str) -> dict[str, Any]:
    defaults = {name: RuleDefault(name, POLICY.texts[name]).check for name in POLICY.names}
    return {**defaults, "get_port": RuleDefault("get_port", text).check}


@given(TEXTS, st.sampled_from(CALLERS))
def test_a_rule_decides_as_oslo_policy_does(text: str, caller: Caller) -> None:
    trees = _with_rule(text)
    condition = Compiler(trees).compile("get_port")(caller)
    for port in PORT_LIST:
        network = NETWORK_LIST[int(port.network_id[1:])]
        enforcer = SimpleNamespace(rules=trees)
        expected = bool(trees["get_port"](_target(port, network), _credentials(caller), enforcer, "get_port"))
        assert holds(condition, value_of(port, lambda name, found=network: found)) is expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(text=TEXTS, caller=st.sampled_from(CALLERS))
def test_a_list_shows_what_may_be_seen_one_by_one(store: Store, text: str, caller: Caller) -> None:
    with store.read() as tx:
        empty = PORTS.count(tx) == 0
    if empty:
        store.write(lambda tx: (NETWORKS.insert(tx, NETWORK_LIST), PORTS.insert(tx, PORT_LIST)))
        store.write(lambda tx: RBAC_POLICIES.insert(tx, ENTRIES))
    condition = Compiler(_with_rule(text)).compile("get_port")(caller)
    with store.read(caller.project_id) as tx:
        listed = {port.id for port in PORTS.search(tx, condition)}
        networks = {network.id: network for network in NETWORKS.search(tx)}
    one_by_one = {
        port.id
        for port in PORT_LIST
        if holds(condition, value_of(port, lambda name, id=port.network_id: networks[id]))
    }
    assert listed == one_by_one
