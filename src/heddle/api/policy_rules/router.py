"""Who may do what with routers."""

from __future__ import annotations

from heddle.api.policy_rules.common import ADMIN, ADMIN_OR_MEMBER, ADMIN_OR_READER, attributes, four, rule, tags

RULES = (
    *four("router", ADMIN_OR_MEMBER, ADMIN_OR_READER),
    *attributes("create get update", "router", ADMIN, "distributed", "ha"),
    *attributes("create", "router", ADMIN_OR_MEMBER, "flavor_id"),
    *attributes(
        "create update", "router", ADMIN_OR_MEMBER, "external_gateway_info", "external_gateway_info:network_id"
    ),
    *attributes(
        "create update",
        "router",
        ADMIN,
        "external_gateway_info:enable_snat",
        "external_gateway_info:external_fixed_ips",
    ),
    rule("add_router_interface", ADMIN_OR_MEMBER, "Join a subnet to a router"),
    rule("remove_router_interface", ADMIN_OR_MEMBER, "Part a subnet from a router"),
    rule("add_extraroutes", ADMIN_OR_MEMBER, "Add routes to a router"),
    rule("remove_extraroutes", ADMIN_OR_MEMBER, "Remove routes from a router"),
    *tags("routers", ADMIN_OR_MEMBER, ADMIN_OR_READER),
)
