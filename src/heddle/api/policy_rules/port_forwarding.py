"""Who may do what with port forwardings: the project of the floating IP decides."""

from __future__ import annotations

from heddle.api.policy_rules.common import ADMIN, PARENT_MEMBER, PARENT_READER, any_rule, four

RULES = four("floatingip_port_forwarding", any_rule(ADMIN, PARENT_MEMBER), any_rule(ADMIN, PARENT_READER))
