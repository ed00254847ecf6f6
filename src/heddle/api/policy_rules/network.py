"""Who may do what with networks."""

from __future__ import annotations

from heddle.api.policy_rules.common import (
    ADMIN,
    ADMIN_OR_MEMBER,
    EXTERNAL,
    PROJECT_READER,
    SERVICE,
    SHARED,
    any_rule,
    attributes,
    four,
    tags,
)

_READ = any_rule(ADMIN, PROJECT_READER, SHARED, EXTERNAL, SERVICE)

RULES = (
    *four("network", ADMIN_OR_MEMBER, _READ),
    *attributes("create update", "network", ADMIN, "shared", "router:external", "is_default"),
    *attributes(
        "create get update",
        "network",
        ADMIN,
        "segments",
        "provider:network_type",
        "provider:physical_network",
        "provider:segmentation_id",
    ),
    *attributes("create update", "network", ADMIN_OR_MEMBER, "port_security_enabled", "qos_policy_id"),
    *attributes("create update", "network", ADMIN_OR_MEMBER, "pvlan", "heddle:subnet_isolation"),
    *attributes("get", "network", any_rule(ADMIN, PROJECT_READER), "pvlan", "heddle:subnet_isolation"),
    *tags("networks", ADMIN_OR_MEMBER, _READ),
)
