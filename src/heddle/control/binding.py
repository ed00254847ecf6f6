"""Bindings: which host carries a port, and how a VM's card is plugged there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from heddle.control.context import Context
from heddle.errors import Conflict, invalid
from heddle.model.fields import Invalid, Mac
from heddle.model.network import Network
from heddle.model.port import Port
from heddle.model.segment import Segment
from heddle.network_types import registry
from heddle.store.query import hosts
from heddle.store.query import segments as segment_query

BRIDGE = "bridge"
BRIDGE_DETAILS = {"port_filter": True, "connectivity": "l2", "bound_drivers": {"0": "linuxbridge"}}
BRIDGE_TUNNELS = ("vxlan",)
OVS_DETAILS = {
    "port_filter": True,
    "connectivity": "l2",
    "bridge_name": "br-int",
    "datapath_type": "system",
    "ovs_hybrid_plug": False,
    "bound_drivers": {"0": "openvswitch"},
}


def bind(ctx: Context, port: Port, network: Network, old: Port | None = None) -> None:
    """Fill in the binding of a port for the host that it names.

    A port without a host is "unbound".  A host that is not known, or that reaches no segment of the network, gives
    "binding_failed": the port exists, and is not wired.  One that its host was refused to (`control/claims.py`) is
    tried again with each change.
    """
    port.binding_host_id = port.binding_host_id or ""
    if old is not None and not old.binding_refusal and (old.binding_host_id, old.binding_vnic_type) == (
        port.binding_host_id,
        port.binding_vnic_type,
    ):
        return
    port.status, port.binding_refusal = "DOWN", ""
    port.binding_vif_type, port.binding_vif_details = plug(ctx, port.binding_host_id, port.binding_vnic_type, network)


def plug(ctx: Context, host_name: str, vnic_type: str, network: Network) -> tuple[str, dict[str, Any]]:
    """How a card of this type is plugged on a host: its `vif_type` and `vif_details`."""
    if not host_name:
        return "unbound", {}
    host = hosts.get(ctx.tx, host_name)
    if host is None or vnic_type != "normal" or not joined_by(host, segment_query.of_network(ctx.tx, network.id)):
        return "binding_failed", {}
    if host.datapath == BRIDGE:
        return "bridge", dict(BRIDGE_DETAILS)
    return "ovs", OVS_DETAILS | {"datapath_type": host.datapath or "system"}


def mirror_trust(port: Port, given: frozenset[str], old: Port | None = None) -> None:
    """`trusted` and the key of that name in the binding's profile are the same.  Raises `Conflict` if they differ.

    What the request gives counts for both; a new profile keeps the key that the old one had (Networking API,
    port-trusted-vif).
    """
    if "trusted" in given:
        inside = port.binding_profile.get("trusted") if "binding_profile" in given else None
        if inside is not None and inside != port.trusted:
            raise Conflict("Conflict", f"trusted is {port.trusted} and binding:profile says {inside} of the same port.")
        port.binding_profile = {**port.binding_profile, "trusted": port.trusted}
    elif "binding_profile" in given:
        if isinstance(port.binding_profile.get("trusted"), bool):
            port.trusted = port.binding_profile["trusted"]
        elif old is not None and old.trusted is not None:
            port.binding_profile = {**port.binding_profile, "trusted": old.trusted}


def override_mac(port: Port) -> bool:
    """Give a physical card that is passed to a VM the address that its host says it has; whether that is another."""
    address = port.binding_profile.get("device_mac_address") if port.binding_profile else None
    if port.binding_vnic_type != "direct-physical" or not port.binding_host_id or not isinstance(address, str):
        return False
    try:
        found = Mac(unicast=True).check(address)
    except Invalid as reason:
        raise invalid("binding:profile", f"device_mac_address: {reason}.") from None
    changed = found != port.mac_address
    port.mac_address = found
    return changed


def reaches(host: hosts.Host, segment: Segment) -> bool:
    """Whether a host has the uplink that a segment needs; Linux bridges carry one kind of tunnel."""
    uplink = registry()[segment.network_type].uplink
    if uplink.kind == "tunnel" and host.datapath == BRIDGE:
        return segment.network_type in BRIDGE_TUNNELS
    return uplink.kind != "physnet" or segment.physical_network in host.bridge_mappings


def joined_by(host: hosts.Host, segments: Iterable[Segment]) -> Segment | None:
    """The segment by which a host is on a network: the first that it reaches, as the host's agent has it too."""
    return next((segment for segment in segments if reaches(host, segment)), None)
