"""What ports tell of their QoS: the policy of their network, and what their minimum rates ask of a host.

A scheduler of VMs reads `resource_request` of a port: groups of amounts of resource classes, each to be found on one
provider with all the traits named, and all groups below one root (OpenStack Placement; the Networking API's
port-resource-request-groups).  Traits say the physical network and the kind of card.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from heddle.model.port import Port, is_own
from heddle.model.qos import MINIMA, MinimumBandwidthRule, MinimumPacketRateRule, QosRule
from heddle.model.segment import Segmentation
from heddle.store.engine import Tx
from heddle.store.query import qos as q
from heddle.store.query import segments as segment_query
from heddle.store.query.networks import ShownByPorts

BANDWIDTH = {"egress": "NET_BW_EGR_KILOBIT_PER_SEC", "ingress": "NET_BW_IGR_KILOBIT_PER_SEC"}
PACKETS = {
    "egress": "NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC",
    "ingress": "NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC",
    "any": "NET_PACKET_RATE_KILOPACKET_PER_SEC",
}
TUNNELS = "CUSTOM_NETWORK_TUNNEL_PROVIDER"


def describe(tx: Tx, ports: Sequence[Port], networks: Mapping[str, ShownByPorts]) -> None:
    """Fill in `qos_network_policy_id` and `resource_request`; nothing is read where no port has a policy."""
    of_networks = {id: shown.qos_policy_id for id, shown in networks.items() if shown.qos_policy_id}
    policies: dict[str, str] = {}
    for port in ports:
        port.qos_network_policy_id = of_networks.get(port.network_id)
        if policy_id := policy_of(port):
            policies[port.id] = policy_id
    if not policies:
        return
    rules = q.rules_of(tx, policies.values(), MINIMA)
    asking = [port for port in ports if port.id in policies and rules[policies[port.id]]]
    segments = segment_query.told(tx, {port.network_id for port in asking}) if asking else {}
    for port in asking:
        traits = network_traits(segments[port.network_id])
        port.resource_request = resource_request(port, traits, rules[policies[port.id]])


def policy_of(port: Port) -> str | None:
    """The policy that the port's traffic follows; the cloud's own ports take none from their network."""
    return port.qos_policy_id or (None if is_own(port) else port.qos_network_policy_id)


def network_traits(segments: Sequence[Segmentation]) -> list[str]:
    """What tells a provider of the network's bandwidth; nothing for a network that hosts join by different segments."""
    if len(segments) != 1:
        return []
    physnet = segments[0].physical_network
    return [trait(f"PHYSNET_{physnet}") if physnet else TUNNELS]


def resource_request(port: Port, network: list[str], rules: Sequence[QosRule]) -> dict[str, Any]:
    """What these rules ask, on a network of these traits."""
    card = trait(f"VNIC_TYPE_{port.binding_vnic_type}")
    bandwidth = [rule for rule in rules if isinstance(rule, MinimumBandwidthRule)]
    packets = [rule for rule in rules if isinstance(rule, MinimumPacketRateRule)]
    groups = [
        _group(port, [*network, card], bandwidth, lambda rule: (BANDWIDTH[rule.direction], rule.min_kbps)),
        _group(port, [card], packets, lambda rule: (PACKETS[rule.direction], rule.min_kpps)),
    ]
    asked = [group for group in groups if group["resources"]]
    return {"request_groups": asked, "same_subtree": [group["id"] for group in asked]}


Ask = Callable[[Any], tuple[str, int]]


def _group(port: Port, traits: list[str], rules: Sequence[Any], ask: Ask) -> dict[str, Any]:
    """The same id for the same port and rules, whoever asks and whenever."""
    name = ":".join(rule.id for rule in rules)
    return {
        "id": str(uuid.uuid5(uuid.UUID(port.id), name)),
        "required": traits,
        "resources": dict(ask(rule) for rule in rules),
    }


def trait(name: str) -> str:
    """A custom trait's name: upper case, with an underscore for whatever is no letter or digit."""
    return "CUSTOM_" + re.sub("[^0-9A-Za-z]+", "_", name).upper()
