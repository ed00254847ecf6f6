"""Who may have a topology made for a project, and delete it."""

from __future__ import annotations

from heddle.api.policy_rules.common import ADMIN_OR_MEMBER, ADMIN_OR_READER, rule

RULES = (
    rule("get_auto_allocated_topology", ADMIN_OR_READER, "See the topology made for a project, or have it made"),
    rule("delete_auto_allocated_topology", ADMIN_OR_MEMBER, "Delete the topology made for a project"),
)
