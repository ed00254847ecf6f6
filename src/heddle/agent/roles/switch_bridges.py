"""The bridges of a host and what joins them.

    br-int              what is plugged on this host, and every decision (`pipeline.py`)
    br-tun              local tag <-> tunnel ID; has a tunnel port where agent.tunnel_ip is set
    br-ex, br-<physnet> as agent.bridge_mappings says: plain switches to the physical networks; br-int
                        gives and takes their frames with the VLAN of the segment, or untagged

A mapped bridge that is there and not ours is left as its owner made it, but for our patch port.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from heddle.agent.owners import INT, TUN, Uplinks
from heddle.agent.roles.base import Host
from heddle.errors import ConfigError
from heddle.host.ovs import PortSpec, patch_pair

OWN_BRIDGES = (INT, TUN, "br-ex")
TUNNEL_PORT = "vxlan0"
RUNDIR = Path("/run/openvswitch")


class Bridges:
    """`flow_bridges` are those whose flows are all ours; `mappings` are bridges by physical network."""

    def __init__(self, host: Host) -> None:
        """Raises `ConfigError`, and `OvsConflict` when a bridge of our names is not ours."""
        self._ovs = host.vswitch
        self._datapath = host.datapath
        self._tunnel_ip = host.settings.agent.tunnel_ip
        self.mappings = parse_mappings(host.settings.agent.bridge_mappings)
        self.flow_bridges = [INT, TUN]
        self._ovs.check_ours(OWN_BRIDGES)

    @property
    def all(self) -> list[str]:
        return list(dict.fromkeys([*self.flow_bridges, *self.mappings.values()]))

    def make(self, sync: bool = True) -> bool:
        """Make what is missing; returns whether something was.  `sync`: wait for vswitchd in any case."""
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
        changed = batch.pending
        batch.commit(wait=changed or sync)
        return changed

    def missing(self, bridges: Iterable[str]) -> list[str]:
        return [bridge for bridge in bridges if self._ovs.bridge(bridge) is None]

    def _own_ports(self) -> list[PortSpec]:
        specs = []
        for bridge in dict.fromkeys(self.mappings.values()):
            specs += patch_pair((INT, f"int-{bridge}"), (bridge, f"phy-{bridge}"))
        specs += patch_pair((INT, "patch-tun"), (TUN, "patch-int"))
        if self._tunnel_ip:
            options = {"key": "flow", "remote_ip": "flow", "local_ip": self._tunnel_ip}
            specs.append(PortSpec(TUN, TUNNEL_PORT, "vxlan", options, port_external_ids={"heddle": "tunnel"}))
        return specs

    def uplinks(self) -> Uplinks:
        physnets = {physnet: self._ofport(f"int-{bridge}") for physnet, bridge in self.mappings.items()}
        tunnel = self._ofport(TUNNEL_PORT) if self._tunnel_ip else 0
        return Uplinks(physnets, self._ofport("patch-tun") if tunnel else 0, self._ofport("patch-int"), tunnel)

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


def folder_of(ovsdb: str) -> Path:
    """Where vswitchd has its sockets: beside the database's."""
    kind, _, path = ovsdb.partition(":")
    return Path(path).parent if kind == "unix" else RUNDIR
