"""Who may do what with floating IPs."""

from __future__ import annotations

from heddle.api.policy_rules.common import ADMIN, ADMIN_OR_MEMBER, ADMIN_OR_READER, attributes, four, rule, tags

RULES = (
    *four("floatingip", ADMIN_OR_MEMBER, ADMIN_OR_READER),
    *attributes("create", "floatingip", ADMIN, "floating_ip_address"),
    *attributes("create update", "floatingip", ADMIN_OR_MEMBER, "qos_policy_id"),
    rule("get_floatingip_pool", ADMIN_OR_READER, "See the pools of floating IPs"),
    *tags("floatingips", ADMIN_OR_MEMBER, ADMIN_OR_READER),
)
