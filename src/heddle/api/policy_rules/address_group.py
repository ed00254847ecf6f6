"""Who may do what with address groups."""

from __future__ import annotations

from heddle.api.policy_rules.common import ADMIN_OR_MEMBER, ADMIN_OR_READER, any_rule, four, rule

RULES = (
    rule("shared_address_groups", "field:address_groups:shared=True", "The address group is shared"),
    *four("address_group", ADMIN_OR_MEMBER, any_rule(ADMIN_OR_READER, "rule:shared_address_groups")),
    rule("add_addresses", ADMIN_OR_MEMBER, "Add addresses to an address group"),
    rule("remove_addresses", ADMIN_OR_MEMBER, "Remove addresses from an address group"),
)
