"""Who may do what with trunks."""

from __future__ import annotations

from heddle.api.policy_rules.common import ADMIN_OR_MEMBER, ADMIN_OR_READER, attributes, four, rule, tags

RULES = (
    *four("trunk", ADMIN_OR_MEMBER, ADMIN_OR_READER),
    *attributes("create", "trunk", ADMIN_OR_MEMBER, "sub_ports"),
    rule("get_subports", ADMIN_OR_READER, "See the subports of a trunk"),
    rule("add_subports", ADMIN_OR_MEMBER, "Add subports to a trunk"),
    rule("remove_subports", ADMIN_OR_MEMBER, "Remove subports from a trunk"),
    *tags("trunks", ADMIN_OR_MEMBER, ADMIN_OR_READER),
)
