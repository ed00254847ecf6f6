"""Who may do what with conntrack helpers: the project of the router decides."""

from __future__ import annotations

from heddle.api.policy_rules.common import ADMIN, PARENT_MEMBER, PARENT_READER, any_rule, four

RULES = four("router_conntrack_helper", any_rule(ADMIN, PARENT_MEMBER), any_rule(ADMIN, PARENT_READER))
