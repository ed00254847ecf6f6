"""Our attributes against neutron-lib's definitions: which there are, who may set them, defaults, what they accept.

Where the definitions accept what cannot be kept or would be cut or guessed at (a list as a host's name, `1.5` as a
whole number, a key that means nothing), we refuse it; `STRICTER` says each such case.  Never the other way round.
"""

from __future__ import annotations

import ipaddress
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.compat.probes import PROBES

from heddle.api.network.collections import EVERY
from heddle.api.network.extensions import EXTENSIONS
from heddle.model.availability import NetworkIpAvailability
from heddle.model.fields import Invalid
from heddle.model.resource import GENERATED, REQUIRED, FieldInfo, api_fields

ORACLE = Path(__file__).parents[2] / ".oracle/bin/python"
OURS = {collection.model.collection: api_fields(collection.model) for collection in EVERY}
OURS[NetworkIpAvailability.collection] = api_fields(NetworkIpAvailability)

# Extensions whose attributes neutron-lib does not define, and what they add to every resource that has them.
ELSEWHERE = {
    "l3_agent_scheduler", "quotas", "quota_details", "rbac-policies", "security-group", "security-groups-default-rules",
    "standard-attr-description",
    "standard-attr-revisions", "standard-attr-tag", "standard-attr-timestamp", "subnet_allocation",
}  # fmt: skip
# Who owns an object is the caller's project where a request does not say.
OWNER = ("project_id", "tenant_id")
STANDARD = {"description", "revision_number", "created_at", "updated_at", "tags", "project_id"}
# Of the extensions that neutron-lib does not define, as the Networking API's reference documents them.
GROUP = {
    "security_groups": {"id", "name", "tenant_id", "security_group_rules"},
    "security_group_rules": {
        "id", "tenant_id", "security_group_id", "remote_group_id", "direction", "protocol", "port_range_min",
        "port_range_max", "ethertype", "remote_ip_prefix",
    },
    "default_security_group_rules": {
        "id", "remote_group_id", "remote_address_group_id", "direction", "protocol", "port_range_min", "port_range_max",
        "ethertype", "remote_ip_prefix", "description", "used_in_default_sg", "used_in_non_default_sg",
    },
    "ports": {"security_groups"},
    "rbac_policies": {"id", "tenant_id", "object_type", "object_id", "action", "target_tenant"},
}  # fmt: skip

# The same, by attribute: may a POST give it, may a PUT, its default ("-": it has none).
GROUP_RIGHTS: dict[tuple[str, str], tuple[bool, bool, Any]] = {
    ("security_groups", "name"): (True, True, ""),
    ("security_groups", "security_group_rules"): (False, False, "-"),
    ("security_group_rules", "security_group_id"): (True, False, REQUIRED),
    ("security_group_rules", "remote_group_id"): (True, False, None),
    ("security_group_rules", "direction"): (True, False, REQUIRED),
    ("security_group_rules", "protocol"): (True, False, None),
    ("security_group_rules", "port_range_min"): (True, False, None),
    ("security_group_rules", "port_range_max"): (True, False, None),
    ("security_group_rules", "ethertype"): (True, False, "IPv4"),
    ("security_group_rules", "remote_ip_prefix"): (True, False, None),
    ("ports", "security_groups"): (True, True, GENERATED),
    ("rbac_policies", "object_type"): (True, False, REQUIRED),
    ("rbac_policies", "object_id"): (True, False, REQUIRED),
    ("rbac_policies", "action"): (True, False, REQUIRED),
    ("rbac_policies", "target_tenant"): (True, True, REQUIRED),
}


def _odd_number(value: Any) -> bool:
    return isinstance(value, bool | float)


def _not_text(value: Any) -> bool:
    return not isinstance(value, str) or len(value) > 255


def _not_text_of(length: int) -> Callable[[Any], bool]:
    return lambda value: not isinstance(value, str) or len(value) > length


def _no_prefix(value: Any) -> bool:
    try:
        return not isinstance(value, str) or "%" in value or not ipaddress.ip_interface(value)
    except ValueError:
        return True


def _empty(value: Any) -> bool:
    return not value and value != []


def _strange_keys(value: Any) -> bool:
    return any(not item or set(item) - {"subnet_id", "ip_address"} for item in value)


STRICTER: dict[tuple[str, str], tuple[str, Callable[[Any], bool]]] = {
    ("networks", "mtu"): ("a truth value or a fraction is no number of bytes", _odd_number),
    ("networks", "provider:segmentation_id"): ("a truth value or a fraction is no ID", _odd_number),
    ("networks", "segments"): ("only a list", lambda value: not isinstance(value, list)),
    ("network_segment_ranges", "minimum"): ("a truth value or a fraction is no ID", _odd_number),
    ("network_segment_ranges", "maximum"): ("a truth value or a fraction is no ID", _odd_number),
    ("segments", "segmentation_id"): ("a truth value or a fraction is no ID", _odd_number),
    ("subnets", "prefixlen"): ("a truth value or a fraction is no length", _odd_number),
    ("subnetpools", "name"): ("a name has up to 255 characters", _not_text),
    ("subnetpools", "default_quota"): ("a truth value or a fraction is no number of addresses", _odd_number),
    ("subnetpools", "default_prefixlen"): ("a truth value or a fraction is no length", _odd_number),
    ("subnetpools", "min_prefixlen"): ("a truth value or a fraction is no length", _odd_number),
    ("subnetpools", "max_prefixlen"): ("a truth value or a fraction is no length", _odd_number),
    ("routers", "flavor_id"): ("an id is text of up to 36 characters", _not_text_of(36)),
    ("flavors", "enabled"): ("null is neither on nor off", lambda value: value is None),
    ("service_profiles", "enabled"): ("null is neither on nor off", lambda value: value is None),
    ("service_profiles", "metainfo"): ("it is text of up to 4095 characters", _not_text_of(4095)),
    ("security_group_rules", "remote_address_group_id"): (
        "an empty id would be one of nobody, that is of everybody",
        lambda value: _not_text_of(36)(value) or not value.strip(),
    ),
    ("port_forwardings", "external_port"): ("a truth value or a fraction is no port", _odd_number),
    ("port_forwardings", "internal_port"): ("a truth value or a fraction is no port", _odd_number),
    ("conntrack_helpers", "port"): ("a truth value or a fraction is no port", _odd_number),
    ("conntrack_helpers", "helper"): ("a name is text of up to 64 characters", _not_text_of(64)),
    ("metering_label_rules", "excluded"): ("only what is true or false", lambda value: not isinstance(value, bool)),
    ("metering_label_rules", "remote_ip_prefix"): ("the reference refuses others later", _no_prefix),
    ("metering_label_rules", "source_ip_prefix"): ("the reference refuses others later", _no_prefix),
    ("metering_label_rules", "destination_ip_prefix"): ("the reference refuses others later", _no_prefix),
    ("ports", "mac_address"): (
        "a number or an incomplete address would be filled up to another address than was meant",
        lambda value: not isinstance(value, str) or len(value) < 12,
    ),
    ("ports", "dns_name"): ("keywords are of domains, not of hosts", lambda value: "<" in str(value)),
    ("ports", "fixed_ips"): ("keys that mean nothing are refused, as attributes are", _strange_keys),
    ("ports", "binding:host_id"): ("a host's name is text of up to 255 characters", _not_text),
    ("ports", "binding:profile"): ("it must fit into 4095 characters", lambda value: len(str(value)) > 4095),
    ("subnets", "gateway_ip"): ("a number is no address", lambda value: isinstance(value, int)),
    ("subnets", "allocation_pools"): ("only a list or null", _empty),
    ("subnets", "dns_nameservers"): ("only a list or null", _empty),
    ("subnets", "service_types"): (
        "only a list or null, and of device owners",
        lambda value: _empty(value) or value in (["a"], ["a", "a"], ["a,b"]),
    ),
}
# Clients list NDP proxies by these; the reference refuses that.  It has no verb that changes a metering rule.  What a
# port's binding says of its host is no column of an association, by which a list could be in an order.
OTHERWISE = {
    *(("ndp_proxies", name, "is_filter") for name in ("id", "project_id", "router_id", "port_id", "ip_address")),
    *(("metering_label_rules", f"{side}_ip_prefix", "allow_put") for side in ("source", "destination")),
    ("port_associations", "host", "is_sort_key"),
}
for _collection, _fields in OURS.items():
    for _name in ("max_kbps", "max_burst_kbps", "min_kbps", "max_kpps", "max_burst_kpps", "min_kpps", "dscp_mark"):
        if _name in _fields:
            STRICTER[_collection, _name] = ("a truth value or a fraction is no rate and no mark", _odd_number)
# No rule of its own: who may change the network may set it.
UNGUARDED = {("networks", "mtu")}
# A rule of its own, which another extension asks for.
GUARDED = {
    ("subnets", "segment_id"), ("networks", "pvlan"), ("ports", "pvlan_type"), ("ports", "pvlan_community"),
}  # fmt: skip
# What is Heddle's own, under aliases that say so: docs/networks.md.
OWN_ALIASES, OWN = {"heddle-subnet-isolation"}, {"networks": {"heddle:subnet_isolation"}}


def _definitions() -> dict[str, Any]:
    if not ORACLE.exists():
        pytest.skip("there is no .oracle environment: make oracle")
    asked = {"aliases": [extension.alias for extension in EXTENSIONS], "probes": PROBES}
    script = Path(__file__).with_name("oracle_dump.py")
    done = subprocess.run([ORACLE, script], input=json.dumps(asked), capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def definitions() -> dict[str, Any]:
    return _definitions()


def test_each_listed_extension_is_one_that_clients_know(definitions: dict[str, Any]) -> None:
    assert {extension.alias for extension in EXTENSIONS} - set(definitions["known"]) == ELSEWHERE | OWN_ALIASES


@pytest.mark.parametrize("collection", sorted(OURS))
def test_the_attributes_are_those_of_the_definitions(definitions: dict[str, Any], collection: str) -> None:
    defined = set(definitions["resources"].get(collection, ())) | GROUP.get(collection, set())
    ours = {name for name, field in OURS[collection].items() if field.visible or field.create or field.update}
    ours |= {name for name in defined if name in OURS[collection]}
    more = STANDARD if "tags" in ours else STANDARD - {"tags"} if "revision_number" in ours else set()
    more = more | (set(OWNER) & ours)
    assert ours == defined | more | OWN.get(collection, set())


@pytest.mark.parametrize("collection", sorted(OURS))
def test_who_may_set_and_see_what_and_its_default(definitions: dict[str, Any], collection: str) -> None:
    differences = [
        f"{name}: {what} is {wanted} there, {have} here"
        for name, spec in definitions["resources"].get(collection, {}).items()
        for what, wanted, have in _compared(collection, name, spec, OURS[collection][name])
        if wanted != have and (collection, name, what) not in OTHERWISE
    ]
    assert differences == [], "\n".join(differences)


def _compared(collection: str, name: str, spec: dict[str, Any], field: FieldInfo) -> list[tuple[str, Any, Any]]:
    guarded = bool(field.guard & {"create", "update"})
    wants_guard = spec["enforce_policy"] and (collection, name) not in UNGUARDED
    wants_guard = wants_guard or (collection, name) in GUARDED
    settable = field.create or field.update
    made_here = field.create and not collection.startswith("alias_")
    return [
        ("allow_post", spec["allow_post"], made_here),
        ("allow_put", spec["allow_put"], field.update),
        ("is_visible", spec["is_visible"], field.visible),
        ("is_filter", spec["is_filter"], field.filter),
        ("is_sort_key", spec["is_sort_key"], field.sort),
        ("default", *((_default(field), spec["default"]) if made_here and name not in OWNER else (0, 0))),
        ("enforce_policy", wants_guard if settable else guarded, guarded),
    ]


def _default(field: FieldInfo) -> dict[str, Any]:
    if field.default is REQUIRED:
        return {"required": True}
    return {"generated": True} if field.default is GENERATED else {"value": field.default}


@pytest.mark.parametrize("collection", sorted(OURS))
def test_the_same_values_are_accepted(definitions: dict[str, Any], collection: str) -> None:
    differences = []
    for name, spec in definitions["resources"].get(collection, {}).items():
        field = OURS[collection][name]
        if not (field.create or field.update):
            continue
        _, stricter = STRICTER.get((collection, name), ("", lambda value: False))
        for value, theirs in zip(PROBES, spec["accepted"], strict=True):
            ours = _accepts(field, value)
            if ours != theirs and not (theirs and stricter(value)):
                differences.append(f"{name}: {value!r:.80} is {'accepted' if theirs else 'refused'} there")
    assert differences == [], "\n".join(differences)


def _accepts(field: FieldInfo, value: Any) -> bool:
    if value is None and not field.null:
        return False
    try:
        field.type.parse(value)
    except Invalid:
        return False
    return True


@pytest.mark.parametrize(("collection", "name"), GROUP_RIGHTS)
def test_the_attributes_that_are_documented_only(collection: str, name: str) -> None:
    field = OURS[collection][name]
    post, put, default = GROUP_RIGHTS[collection, name]
    assert (field.create, field.update) == (post, put)
    assert default == "-" or field.default is default or field.default == default


@pytest.mark.parametrize("collection", sorted({name for name, fields in OURS.items() if "tags" in fields}))
def test_the_standard_attributes(collection: str) -> None:
    fields = OURS[collection]
    assert (fields["description"].create, fields["description"].default) == (True, "")
    for name in ("revision_number", "created_at", "updated_at", "tags"):
        given = (collection, name) == ("ports", "tags")  # tag-ports-during-bulk-creation
        assert (fields[name].create, fields[name].update, fields[name].visible) == (given, False, True)
