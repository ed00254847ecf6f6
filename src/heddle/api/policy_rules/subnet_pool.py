"""Who may do what with subnet pools."""

from __future__ import annotations

from heddle.api.policy_rules.common import (
    ADMIN,
    ADMIN_OR_MEMBER,
    ADMIN_OR_READER,
    any_rule,
    attributes,
    four,
    rule,
    tags,
)

_READ = any_rule(ADMIN_OR_READER, "rule:shared_subnetpools")

RULES = (
    rule("shared_subnetpools", "field:subnetpools:shared=True", "The subnet pool is shared"),
    *four("subnetpool", ADMIN_OR_MEMBER, _READ),
    *attributes("create", "subnetpool", ADMIN, "shared"),
    *attributes("create update", "subnetpool", ADMIN, "is_default"),
    rule("onboard_network_subnets", ADMIN_OR_MEMBER, "Bring existing subnets into a subnetpool"),
    rule("add_prefixes", ADMIN_OR_MEMBER, "Add prefixes to a subnetpool"),
    rule("remove_prefixes", ADMIN_OR_MEMBER, "Remove prefixes from a subnetpool"),
    *tags("subnetpools", ADMIN_OR_MEMBER, _READ),
)
