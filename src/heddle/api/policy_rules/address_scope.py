"""Who may do what with address scopes."""

from __future__ import annotations

from heddle.api.policy_rules.common import (
    ADMIN,
    ADMIN_OR_MEMBER,
    ADMIN_OR_READER,
    any_rule,
    attributes,
    four,
    rule,
)

RULES = (
    rule("shared_address_scopes", "field:address_scopes:shared=True", "The address scope is shared"),
    *four("address_scope", ADMIN_OR_MEMBER, any_rule(ADMIN_OR_READER, "rule:shared_address_scopes")),
    *attributes("create update", "address_scope", ADMIN, "shared"),
)
