"""Who may do what with logs of packets."""

from __future__ import annotations

from heddle.api.policy_rules.common import ADMIN, four, rule, tags

RULES = (
    *four("log", ADMIN, ADMIN),
    rule("get_loggable_resource", ADMIN, "See what can be logged"),
    *tags("logs", ADMIN, ADMIN),
)
