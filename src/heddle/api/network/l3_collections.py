"""What belongs to routers and floating IPs, flavors, local IPs and metering, and the verbs that do each."""

from __future__ import annotations

from typing import Any

from heddle.api.network.crud import Collection
from heddle.control import (
    conntrack_helpers,
    flavors,
    local_ips,
    metering,
    ndp_proxies,
    port_forwardings,
)
from heddle.model.conntrack_helper import ConntrackHelper
from heddle.model.flavor import Flavor, ServiceProfile
from heddle.model.local_ip import LocalIp, LocalIpAssociation
from heddle.model.metering import MeteringLabel, MeteringLabelRule
from heddle.model.ndp_proxy import NdpProxy
from heddle.model.port_forwarding import PortForwarding
from heddle.store.query import local_ips as local_ip_query
from heddle.store.query import metering as metering_query
from heddle.store.query.conntrack_helpers import CONNTRACK_HELPERS
from heddle.store.query.flavors import FLAVORS, SERVICE_PROFILES
from heddle.store.query.floating_ips import FLOATING_IPS
from heddle.store.query.ndp_proxies import NDP_PROXIES
from heddle.store.query.port_forwardings import PORT_FORWARDINGS
from heddle.store.query.routers import ROUTERS

PORT_FORWARDING_COLLECTION: Collection[PortForwarding] = Collection(
    PORT_FORWARDINGS,
    port_forwardings.create_port_forwardings,
    port_forwardings.update_port_forwarding,
    port_forwardings.delete_port_forwarding,
    {"floatingip": ("floatingip_id", FLOATING_IPS)},
    path="floatingips/{floatingip_id}/port_forwardings",
    under="floatingip",
)
CONNTRACK_HELPER_COLLECTION: Collection[ConntrackHelper] = Collection(
    CONNTRACK_HELPERS,
    conntrack_helpers.create_conntrack_helpers,
    conntrack_helpers.update_conntrack_helper,
    conntrack_helpers.delete_conntrack_helper,
    {"router": ("router_id", ROUTERS)},
    path="routers/{router_id}/conntrack_helpers",
    under="router",
)
NDP_PROXY_COLLECTION: Collection[NdpProxy] = Collection(
    NDP_PROXIES,
    ndp_proxies.create_ndp_proxies,
    ndp_proxies.update_ndp_proxy,
    ndp_proxies.delete_ndp_proxy,
    path="ndp_proxies",
)
LOCAL_IP_COLLECTION: Collection[LocalIp] = Collection(
    local_ip_query.LOCAL_IPS,
    local_ips.create_local_ips,
    local_ips.update_local_ip,
    local_ips.delete_local_ip,
    path="local_ips",
)
LOCAL_IP_ASSOCIATION_COLLECTION: Collection[LocalIpAssociation] = Collection(
    local_ip_query.ASSOCIATIONS,
    local_ips.create_associations,
    None,
    local_ips.delete_association,
    {"local_ip": ("local_ip_id", local_ip_query.LOCAL_IPS)},
    path="local_ips/{local_ip_id}/port_associations",
    under="local_ip",
    key="fixed_port_id",
)
METERING_LABEL_COLLECTION: Collection[MeteringLabel] = Collection(
    metering_query.LABELS, metering.create_labels, None, metering.delete_label, path="metering/metering-labels"
)
METERING_RULE_COLLECTION: Collection[MeteringLabelRule] = Collection(
    metering_query.RULES, metering.create_rules, None, metering.delete_rule, path="metering/metering-label-rules"
)
FLAVOR_COLLECTION: Collection[Flavor] = Collection(
    FLAVORS, flavors.create_flavors, flavors.update_flavor, flavors.delete_flavor
)
SERVICE_PROFILE_COLLECTION: Collection[ServiceProfile] = Collection(
    SERVICE_PROFILES,
    flavors.create_service_profiles,
    flavors.update_service_profile,
    flavors.delete_service_profile,
    path="service_profiles",
)

L3: tuple[Collection[Any], ...] = (
    PORT_FORWARDING_COLLECTION,
    CONNTRACK_HELPER_COLLECTION,
    NDP_PROXY_COLLECTION,
    LOCAL_IP_COLLECTION,
    LOCAL_IP_ASSOCIATION_COLLECTION,
    METERING_LABEL_COLLECTION,
    METERING_RULE_COLLECTION,
    FLAVOR_COLLECTION,
    SERVICE_PROFILE_COLLECTION,
)
