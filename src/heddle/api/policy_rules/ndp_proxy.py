"""Who may do what with NDP proxies."""

from __future__ import annotations

from heddle.api.policy_rules.common import ADMIN_OR_MEMBER, ADMIN_OR_READER, four, tags

RULES = (
    *four("ndp_proxy", ADMIN_OR_MEMBER, ADMIN_OR_READER),
    *tags("ndp_proxies", ADMIN_OR_MEMBER, ADMIN_OR_READER),
)
