"""Who may do what with local IPs; their project decides about their associations too."""

from __future__ import annotations

from heddle.api.policy_rules.common import (
    ADMIN,
    ADMIN_OR_MEMBER,
    ADMIN_OR_READER,
    PARENT_MEMBER,
    PARENT_READER,
    any_rule,
    attributes,
    four,
    rule,
    tags,
)

_WRITE = any_rule(ADMIN, PARENT_MEMBER)

RULES = (
    *four("local_ip", ADMIN_OR_MEMBER, ADMIN_OR_READER),
    *attributes("create", "local_ip", ADMIN_OR_MEMBER, "local_ip_address"),
    *tags("local_ips", ADMIN_OR_MEMBER, ADMIN_OR_READER),
    rule("create_local_ip_port_association", _WRITE, "Associate a port with a local IP"),
    rule("get_local_ip_port_association", any_rule(ADMIN, PARENT_READER), "See the ports of a local IP"),
    rule("delete_local_ip_port_association", _WRITE, "Part a port from a local IP"),
)
