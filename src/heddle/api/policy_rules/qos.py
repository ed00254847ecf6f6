"""Who may do what with QoS policies: a project's manager makes them; whoever sees one may use it.

A rule is seen by the project of its policy; everybody who sees the policy sees its rules as part of it.
"""

from __future__ import annotations

from heddle.api.policy_rules.common import (
    ADMIN,
    ADMIN_OR_MANAGER,
    ADMIN_OR_READER,
    PARENT_MANAGER,
    PARENT_READER,
    any_rule,
    four,
    rule,
    tags,
)
from heddle.model.qos import ALIASES, RULE_TYPES

_READ = any_rule(ADMIN_OR_READER, "rule:shared_qos_policy")
_RULE_WRITE = any_rule(ADMIN, PARENT_MANAGER)
_RULE_READ = any_rule(ADMIN, PARENT_READER)

RULES = (
    rule("shared_qos_policy", "field:policies:shared=True", "The QoS policy is shared"),
    *four("policy", ADMIN_OR_MANAGER, _READ),
    *tags("policies", ADMIN_OR_MANAGER, _READ),
    rule("get_rule_type", "role:reader", "List the types of QoS rules"),
    rule("get_rule_type:drivers", ADMIN, "See which values the data plane supports in a type of QoS rules"),
    *(
        found
        for model in RULE_TYPES + ALIASES
        for found in four(model.subject, _RULE_WRITE, _RULE_READ)
        if model in RULE_TYPES or not found.name.startswith("create_")
    ),
)
