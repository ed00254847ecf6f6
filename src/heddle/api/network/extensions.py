"""The extensions of the Networking API that Heddle really does, by the aliases that clients look for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Extension:
    alias: str
    name: str
    description: str
    updated: str = "2026-01-01T00:00:00-00:00"

    def shown(self) -> dict[str, Any]:
        return {
            "alias": self.alias,
            "name": self.name,
            "description": self.description,
            "updated": self.updated,
            "links": [],
        }


EXTENSIONS = (
    Extension("aap-reject-multicast", "Address pairs are unicast", "Multicast addresses in address pairs are refused"),
    Extension("address-scope", "Address scopes", "Subnet pools whose addresses are unique among them"),
    Extension("agent", "Agents", "The agents of the cloud's hosts"),
    Extension("agent_sort_key", "Sorted agents", "Agents in an order"),
    Extension("allowed-address-pairs", "Allowed address pairs", "Addresses that a port may use besides its own"),
    Extension("availability_zone", "Availability Zone", "Where agents are"),
    Extension("binding", "Port binding", "Which host carries a port"),
    Extension("binding-extended", "Port bindings", "Bindings of a port to further hosts"),
    Extension("data-plane-status", "Data plane status", "What somebody else says of a port's data plane"),
    Extension("default-subnetpools", "Default subnet pools", "The pool of subnets that name none"),
    Extension("dns-integration", "DNS names", "Names of ports, which the network's DNS answers"),
    Extension("dvr", "Distributed routers", "Routers on every host with ports of their subnets"),
    Extension("empty-string-filtering", "Empty string filters", "A filter may be the empty string"),
    Extension("expose-l3-conntrack-helper", "Conntrack helpers shown", "A router tells of its conntrack helpers"),
    Extension("expose-port-forwarding-in-fip", "Forwarded ports", "A floating IP tells of the ports that it forwards"),
    Extension("ext-gw-mode", "Gateway mode", "Source NAT of a router's gateway on or off"),
    Extension("external-net", "External networks", "Networks that routers use as their gateway"),
    Extension("extra_dhcp_opt", "Extra DHCP options", "DHCP options of a port"),
    Extension("extraroute", "Extra routes", "Static routes of a router"),
    Extension("extraroute-atomic", "Single extra routes", "Add and remove single routes of a router"),
    Extension("filter-validation", "Filter validation", "An unknown filter is an error"),
    Extension("fip-port-details", "Floating IP port details", "A floating IP tells of its port"),
    Extension("flavors", "Flavors", "Kinds of a service, and the providers of each"),
    Extension("floating-ip-port-forwarding", "Port forwarding", "Ports of a floating IP that lead behind a router"),
    Extension("floating-ip-port-forwarding-description", "Port forwarding description", "A description of each"),
    Extension("floating-ip-port-forwarding-detail", "Port forwarding detail", "A floating IP tells where they lead"),
    Extension("floating-ip-port-forwarding-port-ranges", "Port forwarding ranges", "Ranges of ports"),
    Extension("floating-ip-router-writable", "Router of a floating IP", "The router of a floating IP can be chosen"),
    Extension("floatingip-pools", "Floating IP pools", "The subnets from which floating IPs are taken"),
    Extension("ip_allocation", "IP allocation", "How a port got its addresses"),
    Extension("ip-substring-filtering", "IP substring filters", "Ports by a part of an address"),
    Extension("l2_adjacency", "L2 adjacency", "Whether the ports of a network are neighbours on layer 2"),
    Extension("l3-conntrack-helper", "Conntrack helpers", "Routers follow the connections that others agree on"),
    Extension("l3-ext-ndp-proxy", "Routers with NDP proxies", "Whether a router may answer for guests outside"),
    Extension("l3-flavors", "Router flavors", "Routers of a flavor"),
    Extension("l3-ha", "Highly available routers", "Routers that another host takes over"),
    Extension("l3-ndp-proxy", "NDP proxies", "A router answers outside for IPv6 addresses of guests"),
    Extension("l3-port-ip-change-not-allowed", "Kept addresses", "A port keeps the address that a floating IP reaches"),
    Extension("logging", "Logging", "Which packets are written down"),
    Extension("multi-provider", "Multi-provider networks", "Networks of several segments"),
    Extension("local_ip", "Local IPs", "An address that leads to a port of the host that asks"),
    Extension("metering", "Metering", "Which traffic of routers is counted"),
    Extension("metering_source_and_destination_fields", "Metering by both ends", "Rules by source and destination"),
    Extension("net-mtu", "Network MTU", "The MTU of a network"),
    Extension("net-mtu-writable", "Writable network MTU", "The MTU of a network can be set"),
    Extension("network_ha", "HA networks", "A network for the highly available routers of its project"),
    Extension("network-ip-availability", "IP availability", "How many addresses of a network are in use"),
    Extension("pagination", "Pagination", "Lists in pages"),
    Extension("port-device-profile", "Port device profile", "The device profile of a port"),
    Extension("port-mac-address-regenerate", "New MAC address", "A port gets a new MAC address for null"),
    Extension("port-mac-override", "MAC address of a card", "A port that is a physical card has its MAC address"),
    Extension("port-numa-affinity-policy", "NUMA affinity policy", "Where a VM's memory is for a port"),
    Extension("port-numa-affinity-policy-socket", "NUMA affinity by socket", "The policy socket"),
    Extension("port-security", "Port security", "Anti-spoofing of a port on or off"),
    Extension("port-security-groups-filtering", "Ports by group", "Ports by their security groups"),
    Extension("port-trusted-vif", "Trusted port", "Whether a virtual function is trusted"),
    Extension("project-id", "Project id", "project_id beside tenant_id"),
    Extension("provider", "Provider networks", "The segment of a network"),
    Extension("quota-check-limit", "Checked quotas", "A limit is compared with what the project has before it is set"),
    Extension("quota-check-limit-default", "Quotas checked by default", "Unless forced, no limit below what there is"),
    Extension("quota_details", "Quota details", "Quotas with their use"),
    Extension("quotas", "Quotas", "Limits per project"),
    Extension("rbac-address-scope", "RBAC of address scopes", "Address scopes that some projects may use"),
    Extension("rbac-policies", "RBAC policies", "Networks that some projects may use, or use as external ones"),
    Extension("rbac-security-groups", "RBAC of security groups", "Security groups that some projects may use"),
    Extension("rbac-subnetpool", "RBAC of subnet pools", "Subnet pools that some projects may use"),
    Extension("revision-if-match", "If-Match", "Changes constrained to a revision"),
    Extension("router", "Routers", "Routers and floating IPs"),
    Extension(
        "router-admin-state-down-before-update", "Down before a change", "A router is down while it becomes distributed"
    ),
    Extension("security-group", "Security groups", "What may reach a port"),
    Extension("security-groups-normalized-cidr", "Normalized CIDR", "A rule's CIDR in its normal form"),
    Extension(
        "security-groups-rules-belongs-to-default-sg",
        "Rules of default groups",
        "Whether a rule's group is a default one",
    ),
    Extension("segment", "Segments", "Where a network lives, each place of its own"),
    Extension(
        "segments-peer-subnet-host-routes",
        "Routes between segments",
        "Subnets on segments have host routes to each other",
    ),
    Extension("security-groups-shared-filtering", "Shared groups", "Security groups by whether they are shared"),
    Extension("service-type", "Service providers", "Who provides services"),
    Extension("sort-key-validation", "Sort key validation", "A sort key that is not one is an error"),
    Extension("sorting", "Sorting", "Lists in an order"),
    Extension("standard-attr-description", "Descriptions", "A description of every resource"),
    Extension("standard-attr-revisions", "Revisions", "A revision number of every resource"),
    Extension("standard-attr-segment", "Standard segments", "Segments have the standard attributes"),
    Extension("standard-attr-tag", "Tags", "Tags of every resource"),
    Extension("standard-attr-timestamp", "Timestamps", "When a resource was created and changed"),
    Extension("stateful-security-group", "Stateless groups", "Security groups without connection tracking"),
    Extension("subnet_allocation", "Subnet pools", "Prefixes from which subnets get their blocks"),
    Extension("subnet-segmentid-writable", "Writable segment_id", "A subnet that is there can be put on a segment"),
    Extension("subnet-service-types", "Subnet service types", "Subnets for ports of some owners"),
    Extension("subnetpool-prefix-ops", "Prefixes of subnet pools", "Single prefixes added to a pool and removed"),
    Extension("tag-creation", "Add tags", "Several tags are added at once"),
    Extension("tag-ports-during-bulk-creation", "Tags of new ports", "Ports have tags from their creation on"),
    Extension("trunk", "Trunks", "Several networks over one card, by VLAN IDs"),
    Extension("trunk-details", "Trunk details", "A port tells of its trunk"),
    Extension("uplink-status-propagation", "Uplink status propagation", "A port follows its uplink"),
    Extension("uplink-status-propagation-updatable", "Updatable uplink status propagation", "That can be changed"),
)
