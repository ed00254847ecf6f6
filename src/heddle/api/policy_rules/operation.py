"""Who may see and steer what the cloud is run with: agents, quotas, use of addresses, extensions."""

from __future__ import annotations

from heddle.api.policy_rules.common import ADMIN, ADMIN_OR_READER, ANYBODY, rule

RULES = (
    rule("get_agent", ADMIN, "See agents"),
    rule("get_realised", ADMIN, "See how far hosts are with a change"),
    rule("create_audit", ADMIN, "Ask hosts what on them is not as it should be, and to mend it"),
    rule("get_audit", ADMIN, "See what hosts answered to an audit"),
    rule("get_capacity", ADMIN, "See what hosts can promise to ports, and have promised"),
    rule("get_metrics", ADMIN, "See the figures for a monitoring system"),
    rule("update_agent", ADMIN, "Change an agent"),
    rule("delete_agent", ADMIN, "Delete the record of an agent"),
    rule("create_dhcp-network", ADMIN, "Give a network to a DHCP agent"),
    rule("get_dhcp-networks", ADMIN, "See the networks of a DHCP agent"),
    rule("delete_dhcp-network", ADMIN, "Take a network from a DHCP agent"),
    rule("get_dhcp-agents", ADMIN, "See the DHCP agents of a network"),
    rule("create_l3-router", ADMIN, "Give a router to an L3 agent"),
    rule("get_l3-routers", ADMIN, "See the routers of an L3 agent"),
    rule("delete_l3-router", ADMIN, "Take a router from an L3 agent"),
    rule("get_l3-agents", ADMIN, "See the L3 agents of a router"),
    rule("get_availability_zone", ANYBODY, "See availability zones"),
    rule("get_extension", ANYBODY, "See the extensions of the API"),
    rule("get_service_provider", ANYBODY, "See service providers"),
    rule("get_quota", ADMIN_OR_READER, "See the quotas of a project"),
    rule("update_quota", ADMIN, "Set the quotas of a project"),
    rule("delete_quota", ADMIN, "Set the quotas of a project back to the defaults"),
    rule("get_network_ip_availability", ADMIN, "See how many addresses of networks are in use"),
)
