"""MAC addresses that are none of the cloud's own, where not all ports of a network meet and it has an outside.

On a physical network a host takes who sends from a MAC that it does not know for a device outside of the cloud, whom
all hear, unless the MAC begins as the cloud's own: that one is a port of which it has not heard yet (`agent/kinds.py`;
both sides take the beginning from `network.base_mac`).  So a port that shall not be heard by all has no other MAC
there, by whichever way it, its network or the network's segments come to be so.  What there was before this was asked
stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from heddle.control.context import Context
from heddle.errors import BadRequest, Conflict
from heddle.model.network import Network
from heddle.model.port import Port, is_own
from heddle.model.private_vlan import PROMISCUOUS
from heddle.model.segment import Segment, Segmentation
from heddle.store.query import ports as port_query
from heddle.store.query import segments as segment_query

CODE = "PVLANForeignMACAddress"


def check_port(ctx: Context, network: Network, new: Port, old: Port | None = None) -> None:
    """A port that is made, or was `old` until now.  Raises `BadRequest` (PVLANForeignMACAddress)."""
    if not _is_apart(network, new):
        return
    beginning = ctx.settings.network.mac_beginning
    found = foreign(new, beginning)
    if old is not None and _is_apart(network, old):
        found -= foreign(old, beginning)
    if found and _has_outside(segment_query.told(ctx.tx, [network.id])[network.id]):
        raise BadRequest(CODE, _reason(ctx, network, new, min(found)))


def check_subnets_apart(ctx: Context, network: Network, ports: Sequence[Port]) -> None:
    """The subnets of a network part that has these ports.  Raises `Conflict` (PVLANForeignMACAddress)."""
    if _has_outside(segment_query.told(ctx.tx, [network.id])[network.id]):
        _check_all(ctx, network, ports)


def check_segment(ctx: Context, network: Network, have: Sequence[Segment], more: Segmentation) -> None:
    """A network that is locked gets one more segment.  Raises `Conflict` (PVLANForeignMACAddress)."""
    if (network.pvlan or network.subnet_isolation) and _has_outside([more]) and not _has_outside(have):
        _check_all(ctx, network, port_query.of_network(ctx.tx, network.id))


def foreign(port: Port, beginning: str) -> set[str]:
    """The MACs from which the port may send and that do not begin as the cloud's own."""
    macs = {port.mac_address, *(pair.mac_address for pair in port.allowed_address_pairs)} - {""}
    return {mac for mac in macs if not mac.startswith(beginning)}


def _check_all(ctx: Context, network: Network, ports: Sequence[Port]) -> None:
    for port in ports:
        found = foreign(port, ctx.settings.network.mac_beginning)
        if found and _is_apart(network, port):
            raise Conflict(CODE, _reason(ctx, network, port, min(found)))


def _is_apart(network: Network, port: Port) -> bool:
    """Whether there may be ports of the network that do not hear this one."""
    return port.pvlan_type not in (None, PROMISCUOUS) or (network.subnet_isolation and not is_own(port))


def _has_outside(segments: Sequence[Segment | Segmentation]) -> bool:
    return any(segment.physical_network for segment in segments)


def _reason(ctx: Context, network: Network, port: Port, mac: str) -> str:
    beginning = ctx.settings.network.mac_beginning
    where = "mac_address" if mac == port.mac_address else "allowed_address_pairs"
    mend = f"Let the cloud choose the MAC address (leave it out, or null for mac_address), or begin it with {beginning}"
    if not network.subnet_isolation or is_own(port):
        mend += ", or let the port be promiscuous"
    return (
        f"Port {port.id} has the MAC address {mac} ({where}), which does not begin with {beginning} as the cloud's own "
        f"do. On a physical network, as that of network {network.id}, hosts that have not heard of the port yet would "
        f"take it for a device outside of the cloud, which reaches ports that it shall not reach. {mend}."
    )
