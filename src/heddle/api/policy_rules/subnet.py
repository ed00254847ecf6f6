"""Who may do what with subnets: the project of their network decides."""

from __future__ import annotations

from heddle.api.policy_rules.common import (
    ADMIN,
    ADMIN_OR_NETWORK_MEMBER,
    EXTERNAL,
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

_WRITE = any_rule(ADMIN_OR_NETWORK_MEMBER, PROJECT_MEMBER)
_READ = any_rule(ADMIN, PROJECT_READER, NETWORK_READER, SHARED, EXTERNAL, SERVICE)

RULES = (
    rule("create_subnet", ADMIN_OR_NETWORK_MEMBER, "Create a subnet"),
    rule("get_subnet", _READ, "See a subnet"),
    rule("update_subnet", _WRITE, "Change a subnet"),
    rule("delete_subnet", _WRITE, "Delete a subnet"),
    *attributes("create update", "subnet", ADMIN, "segment_id", "service_types"),
    *attributes("get", "subnet", ADMIN, "segment_id"),
    *tags("subnets", _WRITE, _READ),
)
