"""Private VLANs, and subnets of a network that do not meet on layer 2: what is refused, and what follows.

A host tells by the source of a frame of which kind its sender is, so every guest on such a network must be kept to its
addresses: without port security there is no such network, and no guest on it.  Which addresses these may be is told in
`foreign_macs.py`.
"""

from __future__ import annotations

from heddle.control import foreign_macs
from heddle.control.context import Context
from heddle.control.news import port_news
from heddle.errors import BadRequest
from heddle.model.network import Network
from heddle.model.port import Port, is_own
from heddle.model.private_vlan import COMMUNITY, PROMISCUOUS
from heddle.store.query import networks as network_query
from heddle.store.query import ports as port_query


def check_network(network: Network) -> None:
    """Raises `BadRequest` (PVLANNetworkPortSecurityDisabled)."""
    if _divided(network) and not network.port_security_enabled:
        raise BadRequest(
            "PVLANNetworkPortSecurityDisabled",
            f"Port security is disabled on network {network.id}, cannot enable PVLAN.",
        )


def network_changed(ctx: Context, old: Network, new: Network) -> None:
    """The ports of a network that becomes a private VLAN are promiscuous; of one that is none any more, nothing.

    Raises `BadRequest` (PVLANNetworkPortSecurityDisabled, PVLANPortSecurityDisabled), `Conflict`
    (PVLANForeignMACAddress).
    """
    check_network(new)
    if (old.pvlan, old.subnet_isolation) == (new.pvlan, new.subnet_isolation):
        return
    ports = port_query.of_network(ctx.tx, new.id)
    if new.subnet_isolation and not old.subnet_isolation:
        foreign_macs.check_subnets_apart(ctx, new, ports)
    for port in ports:
        _check_security(new, port)
        if old.pvlan != new.pvlan:
            after = ctx.changed(port, pvlan_type=PROMISCUOUS if new.pvlan else None, pvlan_community=None)
            port_query.PORTS.update(ctx.tx, port, after)
            port_news(ctx.tx, after, port)


def settle(ctx: Context, network: Network, port: Port, given: frozenset[str], old: Port | None = None) -> None:
    """The kind of a port: as asked, as it was, or promiscuous.  Raises `BadRequest`."""
    _check_security(network, port)
    _settle_kind(network, port, given, old)
    foreign_macs.check_port(ctx, network, port, old)


def _settle_kind(network: Network, port: Port, given: frozenset[str], old: Port | None) -> None:
    community = port.pvlan_community if "pvlan_community" in given else None
    if not network.pvlan:
        if port.pvlan_type or community:
            raise BadRequest("PVLANNotEnabledOnNetwork", f"PVLAN is not enabled on network {network.id}.")
        return
    port.pvlan_type = port.pvlan_type or PROMISCUOUS
    if port.pvlan_type != COMMUNITY and community:
        raise BadRequest(
            "PVLANCannotSetCommunityName",
            f'PVLAN community name cannot be set if port type is not "community" for this port: {port.id}.',
        )
    if port.pvlan_type == COMMUNITY:
        community = community or (old.pvlan_community if old else None)
        if not community:
            raise BadRequest(
                "PVLANCommunityNameRequired",
                f'Community name is required for ports with PVLAN type "community": {port.id}.',
            )
    port.pvlan_community = community


def check_subport(ctx: Context, new: Port, old: Port) -> None:
    """A port of the cloud's own that comes into a trunk is a guest's from now on.  Raises `BadRequest`."""
    if not is_own(old) or is_own(new):
        return
    network = network_query.NETWORKS.get(ctx.tx, new.network_id, bare=True, hold=True)
    assert network is not None
    _check_security(network, new)
    foreign_macs.check_port(ctx, network, new, old)


def _divided(network: Network) -> bool:
    return network.pvlan or network.subnet_isolation


def _check_security(network: Network, port: Port) -> None:
    """Raises `BadRequest` (PVLANPortSecurityDisabled) for a guest that could send as somebody else."""
    if _divided(network) and not port.port_security_enabled and not is_own(port):
        raise BadRequest(
            "PVLANPortSecurityDisabled", f"Port security is disabled for port {port.id}, cannot set PVLAN."
        )
