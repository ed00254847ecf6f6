"""Who may do what with flavors and service profiles."""

from __future__ import annotations

from heddle.api.policy_rules.common import ADMIN, READER, four, rule

RULES = (
    *four("flavor", ADMIN, READER),
    *four("service_profile", ADMIN, ADMIN),
    rule("create_flavor_service_profile", ADMIN, "Give a service profile to a flavor"),
    rule("get_flavor_service_profile", READER, "See the service profiles of a flavor"),
    rule("delete_flavor_service_profile", ADMIN, "Take a service profile from a flavor"),
)
