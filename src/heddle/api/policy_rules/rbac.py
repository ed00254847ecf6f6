"""Who may do what with RBAC policies: to let everybody use an object is for the administrator."""

from __future__ import annotations

from heddle.api.policy_rules.common import ADMIN_OR_MEMBER, ADMIN_OR_READER, attributes, four, rule

RULES = (
    rule(
        "restrict_wildcard",
        "(not field:rbac_policy:target_tenant=* and not field:rbac_policy:target_project=*) or rule:admin_only",
        "The target is a project, or the caller the administrator",
    ),
    *four("rbac_policy", ADMIN_OR_MEMBER, ADMIN_OR_READER),
    *attributes("create update", "rbac_policy", "rule:restrict_wildcard", "target_tenant"),
)
