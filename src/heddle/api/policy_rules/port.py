"""Who may do what with ports.

A port belongs to its project; but what could be used against others on its network, such as an address or
a MAC of one's choice, is for the network's owner.
"""

from __future__ import annotations

from heddle.api.policy_rules.common import (
    ADMIN,
    ADMIN_OR_MEMBER,
    ADMIN_OR_SERVICE,
    NETWORK_MEMBER,
    NETWORK_READER,
    PROJECT_MEMBER,
    PROJECT_READER,
    SERVICE,
    SHARED,
    any_rule,
    attributes,
    rule,
    tags,
)

_READ = any_rule(ADMIN, SERVICE, PROJECT_READER, NETWORK_READER)
_UPDATE = any_rule(ADMIN, SERVICE, PROJECT_MEMBER)
_DELETE = any_rule(ADMIN, SERVICE, PROJECT_MEMBER, NETWORK_MEMBER)
_NETWORK_OWNER = any_rule(ADMIN, SERVICE, NETWORK_MEMBER)
_OR_SHARED = any_rule(ADMIN, SERVICE, NETWORK_MEMBER, SHARED)
_PAIRS = any_rule(ADMIN, NETWORK_MEMBER)

RULES = (
    rule("create_port", any_rule(ADMIN_OR_MEMBER, SERVICE), "Create a port"),
    rule("get_port", _READ, "See a port"),
    rule("update_port", _UPDATE, "Change a port"),
    rule("delete_port", _DELETE, "Delete a port"),
    *attributes("create update", "port", any_rule("not rule:network_device", _NETWORK_OWNER), "device_owner"),
    *attributes("create update", "port", any_rule(ADMIN_OR_MEMBER, SERVICE), "device_id"),
    *attributes("create", "port", _NETWORK_OWNER, "mac_address"),
    *attributes("update", "port", ADMIN_OR_SERVICE, "mac_address"),
    *attributes("create", "port", _OR_SHARED, "fixed_ips"),
    *attributes("update", "port", _NETWORK_OWNER, "fixed_ips"),
    *attributes("create update", "port", _NETWORK_OWNER, "fixed_ips:ip_address"),
    *attributes("create update", "port", _OR_SHARED, "fixed_ips:subnet_id"),
    *attributes("create update", "port", _NETWORK_OWNER, "port_security_enabled"),
    *attributes(
        "create update",
        "port",
        _PAIRS,
        "allowed_address_pairs",
        "allowed_address_pairs:mac_address",
        "allowed_address_pairs:ip_address",
    ),
    *attributes("create get update", "port", ADMIN_OR_SERVICE, "binding:host_id", "binding:profile"),
    *attributes("get", "port", ADMIN_OR_SERVICE, "binding:vif_type", "binding:vif_details"),
    *attributes("create update", "port", any_rule(ADMIN_OR_MEMBER, SERVICE), "binding:vnic_type", "qos_policy_id"),
    *attributes("create update", "port", ADMIN_OR_MEMBER, "pvlan_type", "pvlan_community"),
    *attributes("get", "port", any_rule(ADMIN, PROJECT_READER), "pvlan_type", "pvlan_community"),
    *attributes("get", "port", ADMIN, "resource_request"),
    *attributes("create get update", "port", ADMIN_OR_SERVICE, "trusted"),
    *attributes("update", "port", any_rule(ADMIN, "role:data_plane_integrator"), "data_plane_status"),
    rule("create_port_binding", ADMIN_OR_SERVICE, "Bind a port to a further host"),
    rule("get_port_binding", ADMIN_OR_SERVICE, "See the bindings of a port"),
    rule("update_port_binding", ADMIN_OR_SERVICE, "Change or activate a binding of a port"),
    rule("delete_port_binding", ADMIN_OR_SERVICE, "Remove a binding of a port"),
    *tags("ports", any_rule(ADMIN_OR_MEMBER, NETWORK_MEMBER), _READ),
)
