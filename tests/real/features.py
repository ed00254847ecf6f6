"""Which extensions of the API have a packet side, and the tests that sent packets for each.

Every alias that the API shows is in one of three lists, to which `tests/unit/test_matrix_table.py` holds it: `SENT`
with its tests, `API_ONLY` with the reason why packets cannot tell, and `MISSING` with what there is no test of yet, or
what is not built.  `make matrix` runs the tests and prints the table.
"""

from __future__ import annotations

from collections.abc import Mapping

SENT: Mapping[str, tuple[str, ...]] = {
    "address-group": (
        "real/test_security.py::test_an_address_group_of_ipv6",
        "real/test_security.py::test_address_groups_that_overlap",
    ),
    "address-scope": ("real/test_address_scopes.py::test_one_scope_is_routed_and_others_are_not_reached",),
    "allowed-address-pairs": ("real/test_security.py::test_an_allowed_address_pair_may_be_used",),
    "binding": ("real/test_switch.py::test_same_network_yes_other_network_no",),
    "dhcp_agent_scheduler": (
        "cluster/test_cloud.py::test_a_guest_gets_its_address_while_one_of_two_dhcp_hosts_is_away",
    ),
    "dns-domain-ports": ("api/test_dns_publishing.py::test_a_port_on_a_public_network",),
    "dns-integration": (
        "scenarios/test_names_and_options.py::test_the_names_of_a_network_are_answered_there_alone",
        "scenarios/test_names_and_options.py::test_names_follow_what_is_changed",
    ),
    "dvr": (
        "cluster/test_distributed.py::test_no_packet_between_networks_passes_the_router_s_host",
        "cluster/test_distributed.py::test_rules_hold_across_networks",
        "cluster/test_floating.py::test_no_packet_of_a_floating_ip_passes_the_router_s_host",
    ),
    "ext-gw-mode": (
        "scenarios/test_gateways_and_routes.py::test_without_source_nat_guests_are_seen_as_they_are",
    ),
    "external-net": ("real/test_routers.py::test_outward_under_the_routers_address",),
    "extra_dhcp_opt": (
        "scenarios/test_names_and_options.py::test_options_of_a_port_are_told_to_its_guest_alone",
        "scenarios/test_names_and_options.py::test_options_of_dhcpv6",
    ),
    "extraroute": (
        "scenarios/test_gateways_and_routes.py::test_extra_routes_lead_through_a_guest",
        "scenarios/test_gateways_and_routes.py::test_a_guest_forwards_for_others_only_as_its_port_may",
    ),
    "extraroute-atomic": ("scenarios/test_gateways_and_routes.py::test_extra_routes_lead_through_a_guest",),
    "floating-ip-port-forwarding": ("real/test_routers.py::test_ports_are_forwarded",),
    "floating-ip-port-forwarding-port-ranges": ("real/test_routers.py::test_ports_are_forwarded",),
    "heddle-subnet-isolation": ("real/test_private_vlans.py::test_subnets_apart",),
    "ip_allocation": ("scenarios/test_segments.py::test_a_routed_network",),
    "l2_adjacency": ("scenarios/test_segments.py::test_a_routed_network",),
    "l3-conntrack-helper": ("real/test_routers.py::test_connections_that_others_agree_on_are_followed",),
    "l3-ext-ndp-proxy": (
        "scenarios/test_gateways_and_routes.py::test_a_router_answers_outside_for_guests_that_are_told_there",
    ),
    "l3-ha": (
        "cluster/test_ha.py::test_one_is_active_and_the_other_silent",
        "cluster/test_ha.py::test_another_host_takes_over",
        "cluster/test_ha_connections.py::test_streams_go_on_on_the_other_host",
    ),
    "l3-ndp-proxy": (
        "scenarios/test_gateways_and_routes.py::test_a_router_answers_outside_for_guests_that_are_told_there",
    ),
    "l3_agent_scheduler": ("cluster/test_failover.py::test_moved_by_hand",),
    "local_ip": (
        "real/test_local_ips.py::test_it_leads_to_the_port_of_this_host",
        "cluster/test_cloud.py::test_a_local_ip_leads_to_a_port_of_each_host",
    ),
    "logging": (
        "real/test_packet_logs.py::test_what_rules_accept_and_drop_is_written_of_logged_ports_only",
        "real/test_packet_logs.py::test_logs_of_groups_and_of_projects_share_a_line_and_both_ends_have_one",
    ),
    "metering": ("real/test_metering.py::test_bytes_are_counted_over_changes_of_rules_and_restarts",),
    "metering_source_and_destination_fields": ("real/test_metering.py::test_both_ends_of_a_packet_decide",),
    "multi-provider": (
        "scenarios/test_segments.py::test_segments_are_one_network_where_the_site_joins_them",
        "scenarios/test_segments.py::test_a_host_joins_by_the_first_segment_that_it_reaches",
    ),
    "net-mtu": ("real/test_matrix.py::test_fits", "real/test_bridge_matrix.py::test_fits"),
    "port-security": ("real/test_security.py::test_port_security_off_filters_nothing",),
    "provider": ("real/test_matrix.py::test_carries", "real/test_bridge_matrix.py::test_carries"),
    "pvlan": ("real/test_private_vlans.py::test_who_hears_whom",),
    "qos": (
        "real/test_qos.py::test_what_a_guest_sends_is_marked",
        "real/test_precedence.py::test_a_port_gets_its_minimum_whatever_others_send",
    ),
    "qos-bw-limit-direction": ("real/test_qos.py::test_limits_of_both_directions_follow_the_policy",),
    "qos-default": ("cluster/test_bridges.py::test_the_default_policy_of_a_project_limits_guests_of_both_kinds",),
    "qos-fip": ("real/test_routers.py::test_policies_of_floating_ips_and_of_the_gateway",),
    "qos-gateway-ip": ("real/test_routers.py::test_policies_of_floating_ips_and_of_the_gateway",),
    "qos-port-network-policy": (
        "real/test_qos.py::test_packets_are_limited_by_the_ports_own_policy_else_that_of_its_network",
    ),
    "qos-pps": ("real/test_qos.py::test_packets_are_limited_by_the_ports_own_policy_else_that_of_its_network",),
    "router": ("real/test_routers.py::test_between_two_networks", "real/test_routers.py::test_floating_ip"),
    "security-group": (
        "real/test_security.py::test_ingress_is_closed_until_a_rule_opens_it",
        "real/test_security.py::test_a_remote_group_follows_its_members",
    ),
    "security-groups-remote-address-group": ("real/test_security.py::test_an_address_group_of_ipv6",),
    "segment": ("scenarios/test_segments.py::test_a_routed_network",),
    "segments-peer-subnet-host-routes": ("scenarios/test_segments.py::test_a_routed_network",),
    "stateful-security-group": (
        "real/test_security.py::test_a_stateless_group_needs_both_ways",
        "real/test_security.py::test_a_group_that_becomes_stateful_lets_answers_in",
    ),
    "subnet-dns-publish-fixed-ip": ("api/test_dns_publishing.py::test_subnets_whose_addresses_are_published",),
    "subnet_onboard": ("scenarios/test_onboarding.py::test_what_is_onboarded_is_of_the_pools_scope",),
    "trunk": (
        "scenarios/test_trunks.py::test_each_vlan_is_a_network",
        "real/test_bridge_trunks.py::test_each_vlan_is_a_network",
    ),
}

MISSING: Mapping[str, str] = {}

_SHOWN = "what the API shows of others' doing"
_ASKED = "how the API is asked"
_WHO = "who may use an object; who may gets what others get of it"
_WHERE = "where a host is chosen; packets are as on any other"
_KEPT = "kept and shown for others (compute, hardware)"
_CLAIMED = "a claim that bindings respect; what hosts do with packets is the same (so it is in the reference)"
_CHECKED = "what the API refuses"
_MADE = "how objects are made; packets are as of any other"

API_ONLY: Mapping[str, str] = {
    **dict.fromkeys(
        ("agent", "agent-resources-synced", "expose-l3-conntrack-helper", "expose-port-forwarding-in-fip",
         "fip-port-details", "floating-ip-port-forwarding-detail", "floatingip-pools",
         "network-ip-availability", "network-ip-availability-details", "network_ha", "qos-rule-type-details",
         "quota_details", "revision-if-match", "standard-attr-revisions", "standard-attr-timestamp",
         "subnet-external-network", "trunk-details", "security-groups-normalized-cidr",
         "security-groups-rules-belongs-to-default-sg", "service-type", "project-id"), _SHOWN),
    **dict.fromkeys(
        ("agent_sort_key", "availability_zone_filter", "empty-string-filtering", "filter-validation",
         "ip-substring-filtering", "pagination", "port-security-groups-filtering", "qos-rule-type-filter",
         "security-groups-shared-filtering", "sort-key-validation", "sorting", "qos-pps-minimum-rule-alias",
         "qos-rules-alias"), _ASKED),
    **dict.fromkeys(
        ("rbac-address-group", "rbac-address-scope", "rbac-policies", "rbac-security-groups", "rbac-subnetpool"), _WHO),
    **dict.fromkeys(
        ("availability_zone", "network_availability_zone", "router_availability_zone", "floating-ip-router-writable",
         "binding-extended", "flavors", "l3-flavors"), _WHERE),
    **dict.fromkeys(
        ("data-plane-status", "port-device-profile", "port-numa-affinity-policy", "port-numa-affinity-policy-socket",
         "port-resource-request", "port-resource-request-groups", "port-trusted-vif",
         "floating-ip-port-forwarding-description", "standard-attr-description", "standard-attr-segment",
         "standard-attr-tag", "tag-creation", "tag-ports-during-bulk-creation", "uplink-status-propagation",
         "uplink-status-propagation-updatable"), _KEPT),
    **dict.fromkeys(("qos-bw-minimum-ingress", "qos-pps-minimum"), _CLAIMED),
    **dict.fromkeys(
        ("aap-reject-multicast", "l3-port-ip-change-not-allowed", "quota-check-limit", "quota-check-limit-default",
         "quotas", "router-admin-state-down-before-update"), _CHECKED),
    **dict.fromkeys(
        ("auto-allocated-topology", "default-subnetpools", "dns-integration-domain-keywords", "net-mtu-writable",
         "network-segment-range", "port-mac-address-regenerate", "port-mac-override",
         "security-groups-default-rules", "security-groups-default-statefulness", "subnet-segmentid-writable",
         "subnet-service-types", "subnet_allocation", "subnetpool-prefix-ops"), _MADE),
}  # fmt: skip
