"""Who may do what with metering labels and their rules."""

from __future__ import annotations

from heddle.api.policy_rules.common import ADMIN, rule

RULES = (
    rule("create_metering_label", ADMIN, "Create a metering label"),
    rule("get_metering_label", ADMIN, "See a metering label"),
    rule("delete_metering_label", ADMIN, "Delete a metering label"),
    rule("create_metering_label_rule", ADMIN, "Add a rule to a metering label"),
    rule("get_metering_label_rule", ADMIN, "See a rule of a metering label"),
    rule("get_metering_counts", ADMIN, "See what metering labels have counted"),
    rule("delete_metering_label_rule", ADMIN, "Remove a rule from a metering label"),
)
