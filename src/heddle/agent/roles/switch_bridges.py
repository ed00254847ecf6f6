"""The bridges of a host and what joins them.

    br-int              what is plugged on this host, and every decision (`pipeline.py`)
    br-tun              local tag <-> tunnel ID; where agent.tunnel_ip is set it has a port for each kind of tunnels
                        that a network here has needed
    br-ex, br-<physnet> as agent.bridge_mappings says: plain switches to the physical networks; br-int
                        gives and takes their frames with the VLAN of the segment, or untagged

A mapped bridge that is there and not ours is left as its owner made it, but for our patch port.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

from heddle.agent.association_flows import MOST
from heddle.agent.mirror import Mirror
from heddle.agent.owners import INT, TUN, Uplinks
from heddle.agent.roles.base import Host
from heddle.agent.tunnel import KINDS, TunnelPorts, Underlay, kind_of
from heddle.errors import ConfigError
from heddle.host.ovs import Batch, PortSpec, patch_pair
from heddle.host.underlay import FindLink

log = logging.getLogger(__name__)

OWN_BRIDGES = (INT, TUN, "br-ex")
TUNNEL = {"heddle": "tunnel"}
RUNDIR = Path("/run/openvswitch")


class Bridges:
    """`flow_bridges` are those whose flows are all ours; `mappings` are bridges by physical network."""

    def __init__(self, host: Host, find_link: FindLink) -> None:
        """Raises `ConfigError`, and `OvsConflict` when a bridge of our names is not ours."""
        self._ovs = host.vswitch
        self._datapath = host.datapath
        self._find_link = find_link
        self._associations = max(0, min(host.settings.agent.connections_per_network, MOST))
        self._tunnel_ip = parse_tunnel_ip(host.settings.agent.tunnel_ip)
        self._kinds = {kind for kind in KINDS if self._ovs.interface(tunnel_port(kind)) is not None}
        self._warnings: list[str] = []
        self.mappings = parse_mappings(host.settings.agent.bridge_mappings)
        self.flow_bridges = [INT, TUN]
        self._ovs.check_ours(OWN_BRIDGES)

    @property
    def all(self) -> list[str]:
        return list(dict.fromkeys([*self.flow_bridges, *self.mappings.values()]))

    def make(self, sync: bool = True) -> bool:
        """Make what is missing; returns whether something was.  `sync`: wait for vswitchd in any case."""
        batch = self._changes()
        changed = batch.pending
        batch.commit(wait=changed or sync)
        return changed

    def differ(self) -> bool:
        """Whether something is missing or otherwise."""
        return self._changes().pending

    def _changes(self) -> Batch:
        batch = self._ovs.batch()
        for bridge in self.flow_bridges:
            batch.ensure_bridge(bridge, "bridge", self._datapath)
        for bridge in dict.fromkeys(self.mappings.values()):
            there = self._ovs.bridge(bridge)
            if there is None or there.kind:
                batch.ensure_bridge(bridge, "physnet", self._datapath, "standalone")
            elif (there.datapath_type or "system") != self._datapath:
                raise ConfigError(
                    f"the bridge {bridge} of agent.bridge_mappings has the datapath type {there.datapath_type!r}, "
                    f"and this host uses {self._datapath!r}: they cannot be joined. Set agent.datapath, or "
                    f"ovs-vsctl set bridge {bridge} datapath_type={self._datapath}"
                )
        for spec in self._own_ports():
            batch.ensure_port(spec)
        for each in [] if self._tunnel_ip else self._ovs.interfaces(TUN):
            if TUNNEL.items() <= each.port_external_ids.items():
                batch.delete_port(each.name)
        return batch

    def missing(self, bridges: Iterable[str]) -> list[str]:
        return [bridge for bridge in bridges if self._ovs.bridge(bridge) is None]

    def _own_ports(self) -> list[PortSpec]:
        specs = []
        for bridge in dict.fromkeys(self.mappings.values()):
            specs += patch_pair((INT, f"int-{bridge}"), (bridge, f"phy-{bridge}"))
        specs += patch_pair((INT, "patch-tun"), (TUN, "patch-int"))
        options = {"key": "flow", "remote_ip": "flow", "local_ip": self._tunnel_ip}
        kinds = sorted(self._kinds) if self._tunnel_ip else []
        return specs + [PortSpec(TUN, tunnel_port(kind), kind, options, port_external_ids=TUNNEL) for kind in kinds]

    def learn(self, mirror: Mirror) -> bool:
        """Note which kinds of tunnels the networks here need; whether a port for one of them is to be made."""
        kinds = {kind_of(segment) for network in mirror.networks.values() for segment in network.segments}
        new = kinds.intersection(KINDS) - self._kinds
        self._kinds |= new
        return bool(new and self._tunnel_ip)

    def uplinks(self) -> Uplinks:
        physnets = {physnet: self._ofport(f"int-{bridge}") for physnet, bridge in self.mappings.items()}
        ports = self._tunnel_ports()
        underlay = self._underlay()
        self._warn(ports, underlay)
        to_tun = self._ofport("patch-tun") if ports.by_kind else 0
        return Uplinks(physnets, to_tun, ports, underlay, self._datapath == "netdev", self._associations)

    def _tunnel_ports(self) -> TunnelPorts:
        if not self._tunnel_ip:
            return TunnelPorts()
        there = {kind: self._ovs.interface(tunnel_port(kind)) for kind in sorted(self._kinds)}
        by_kind = {kind: each.ofport for kind, each in there.items() if each and each.ofport}
        refused = {kind: each.error for kind, each in there.items() if each and not each.ofport and each.error}
        patch = self._ofport("patch-int") if by_kind else 0
        return TunnelPorts(patch, by_kind, refused, advertises=self._datapath == "netdev")

    def _underlay(self) -> Underlay:
        link = self._find_link(self._tunnel_ip) if self._tunnel_ip else None
        return Underlay(self._tunnel_ip, link.name, link.mtu) if link else Underlay(self._tunnel_ip)

    def _warn(self, ports: TunnelPorts, underlay: Underlay) -> None:
        """Keep what is wrong with the tunnels of this host for its record, and log what is new of it."""
        found = [f"Open vSwitch made no port for {kind} tunnels: {why}" for kind, why in ports.refused.items()]
        if underlay.address and not underlay.device:
            found.append(f"no device of this host has the address agent.tunnel_ip = {underlay.address}")
        for text in found:
            if text not in self._warnings:
                log.warning("tunnels: %s", text)
        self._warnings = found

    def configuration(self) -> dict[str, str | int | bool | float | list[str] | dict[str, str]]:
        """What the agent's record shows of the bridges."""
        refused = self._tunnel_ports().refused
        shown: dict[str, str | int | bool | float | list[str] | dict[str, str]] = {
            "bridge_mappings": dict(self.mappings),
            "tunnel_types": [kind for kind in KINDS if kind not in refused] if self._tunnel_ip else [],
            "tunneling_ip": self._tunnel_ip,
            "integration_bridge": INT,
            "l2_population": bool(self._tunnel_ip),
            "arp_responder_enabled": bool(self._tunnel_ip),
            "answers_in_tunnels": bool(self._tunnel_ip),
            "translates_floating_ips": True,
        }
        return shown | ({"warnings": list(self._warnings)} if self._warnings else {})

    def _ofport(self, name: str) -> int:
        interface = self._ovs.interface(name)
        return interface.ofport if interface else 0


def parse_mappings(texts: Iterable[str]) -> dict[str, str]:
    """agent.bridge_mappings -> bridge by physical network.  Raises `ConfigError`."""
    found: dict[str, str] = {}
    for text in texts:
        physnet, colon, bridge = text.partition(":")
        if not colon or not physnet or not bridge or physnet in found:
            raise ConfigError(f"agent.bridge_mappings: {text!r}: expected <physical network>:<bridge>, each once")
        found[physnet] = bridge
    return found


def parse_tunnel_ip(text: str) -> str:
    """agent.tunnel_ip, "" for none.  Raises `ConfigError` for what no other host could send to."""
    try:
        address = ip_address(text) if text else None
    except ValueError:
        raise ConfigError(f"agent.tunnel_ip = {text!r}: expected an address of this host, IPv4 or IPv6") from None
    if address is not None and (address.is_unspecified or address.is_multicast or address.is_link_local):
        raise ConfigError(f"agent.tunnel_ip = {text!r}: other hosts cannot send to it; give an address of this host")
    return str(address) if address is not None else ""


def tunnel_port(kind: str) -> str:
    return f"{kind}0"


def folder_of(ovsdb: str) -> Path:
    """Where vswitchd has its sockets: beside the database's."""
    kind, _, path = ovsdb.partition(":")
    return Path(path).parent if kind == "unix" else RUNDIR
