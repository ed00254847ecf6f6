"""Who may do what with the segments of networks."""

from __future__ import annotations

from heddle.api.policy_rules.common import ADMIN, four, tags

RULES = (
    *four("segment", ADMIN, ADMIN),
    *tags("segments", ADMIN, ADMIN),
)
