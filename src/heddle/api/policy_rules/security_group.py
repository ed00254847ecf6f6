"""Who may do what with security groups; a rule belongs to the project of its group."""

from __future__ import annotations

from heddle.api.policy_rules.common import (
    ADMIN,
    ADMIN_OR_MANAGER,
    ADMIN_OR_MEMBER,
    ADMIN_OR_READER,
    GROUP_MEMBER,
    GROUP_READER,
    READER,
    SHARED_GROUP,
    any_rule,
    four,
    rule,
    tags,
)

_READ = any_rule(ADMIN_OR_READER, SHARED_GROUP)
_READ_RULE = any_rule(ADMIN_OR_READER, GROUP_READER, SHARED_GROUP)

RULES = (
    rule("shared_security_group", "field:security_groups:shared=True", "The security group is shared"),
    *four("security_group", ADMIN_OR_MEMBER, _READ),
    rule("create_security_group_rule", any_rule("rule:admin_only", GROUP_MEMBER), "Add a rule to a security group"),
    rule("get_security_group_rule", _READ_RULE, "See a rule of a security group"),
    rule("update_security_group_rule", any_rule(ADMIN_OR_MEMBER, GROUP_MEMBER), "Change the tags of a rule"),
    rule("delete_security_group_rule", any_rule(ADMIN_OR_MEMBER, GROUP_MEMBER), "Remove a rule"),
    rule("create_default_security_group_rule", ADMIN, "Add a template of the rules of new security groups"),
    rule("get_default_security_group_rule", READER, "See the templates of the rules of new security groups"),
    rule("delete_default_security_group_rule", ADMIN, "Remove a template of the rules of new security groups"),
    *four("security_groups_default_statefulness", ADMIN_OR_MANAGER, ADMIN_OR_READER),
    *tags("security_groups", ADMIN_OR_MEMBER, _READ),
    *tags("security_group_rules", any_rule(ADMIN_OR_MEMBER, GROUP_MEMBER), _READ_RULE),
)
