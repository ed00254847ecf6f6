"""Bindings: which host carries a port, and how a VM's card is plugged there."""

from __future__ import annotations

from heddle.control.context import Context
from heddle.model.network import Network
from heddle.model.port import Port
from heddle.network_types import registry
from heddle.store.query import hosts

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

    A port without a host is "unbound".  A host that is not known, or that cannot reach the network's segment,
    gives "binding_failed": the port exists, and is not wired.
    """
    port.binding_host_id = port.binding_host_id or ""
    if old is not None and (old.binding_host_id, old.binding_vnic_type) == (
        port.binding_host_id,
        port.binding_vnic_type,
    ):
        return
    port.status = "DOWN"
    if not port.binding_host_id:
        port.binding_vif_type, port.binding_vif_details = "unbound", {}
        return
    host = hosts.get(ctx.tx, port.binding_host_id)
    if host is None or port.binding_vnic_type != "normal" or not reaches(host, network):
        port.binding_vif_type, port.binding_vif_details = "binding_failed", {}
        return
    port.binding_vif_type = "ovs"
    port.binding_vif_details = OVS_DETAILS | {"datapath_type": host.datapath or "system"}


def reaches(host: hosts.Host, network: Network) -> bool:
    """Whether a host has the uplink that the network's segment needs."""
    uplink = registry()[network.provider_network_type].uplink
    return uplink.kind != "physnet" or network.provider_physical_network in host.bridge_mappings
