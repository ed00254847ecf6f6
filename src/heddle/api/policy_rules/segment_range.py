"""Who may do what with ranges of segmentation IDs."""

from __future__ import annotations

from heddle.api.policy_rules.common import ADMIN, four, tags

RULES = (
    *four("network_segment_range", ADMIN, ADMIN),
    *tags("network_segment_ranges", ADMIN, ADMIN),
)
