"""The networks that have a wired port on this host: their local tags, and the flows that forward in them.

A network of several segments is joined by one of them on each host: the first that the host reaches.

A network has a local tag from its first wired port to its last.  Tags are written on the ports in OVSDB, from
where `adopt_tags` takes them after a restart; a new network takes the tag that has been free for longest.
"""

from __future__ import annotations

from collections.abc import Iterable

from heddle.agent.association_flows import learning_flows
from heddle.agent.kind_flows import kind_flows
from heddle.agent.kinds import elsewhere, heard_by
from heddle.agent.mesh import ROUTER, ha_macs_of, mesh
from heddle.agent.mirror import Mirror
from heddle.agent.network_flows import Uplink, network_flows
from heddle.agent.owners import INT, TUN, Owner, Plan, Uplinks
from heddle.agent.pipeline import DISPATCH, SENDER, WiredPort
from heddle.agent.tunnel import kind_of
from heddle.host.openflow import FlowSet
from heddle.host.ovs import Interface
from heddle.view.types import NetworkView, Ref, Segment

MAX_TAG = 4094
# Of the row of a port in OVSDB: its network, and those of its subports with their tags, as "network=tag,…".
NETWORK, SUBPORTS = "heddle-network", "heddle-subports"


class LocalNetworks:
    """`host` is this host's name, `ours` how the cloud's own MACs begin; `visited` are networks that distributed
    routers lead to from here (`routed.py`)."""

    def __init__(self, host: str, ours: str = "") -> None:
        self.tags: dict[str, int] = {}
        self.members: dict[str, dict[str, WiredPort]] = {}
        self.visited: set[str] = set()
        self._host, self._ours = host, ours
        self._network_of: dict[str, str] = {}
        self._neighbours: dict[str, str] = {}
        self._meshed: set[str] = set()
        self._divided: set[str] = set()
        self._last_tag = 0

    def adopt_tags(self, interfaces: Iterable[Interface]) -> None:
        """Take over the tags that the ports bear in OVSDB."""
        for each in interfaces:
            for network, tag in tags_on(each).items():
                if network not in self.tags and tag not in self.tags.values():
                    self.tags[network] = tag

    def tag(self, network_id: str) -> int:
        """The tag of a network, a new one if it has none.  Raises `ValueError` when none is left."""
        if network_id not in self.tags:
            used = set(self.tags.values())
            free = (number % MAX_TAG + 1 for number in range(self._last_tag, self._last_tag + MAX_TAG))
            tag = next((number for number in free if number not in used), 0)
            if not tag:
                raise ValueError(f"this host has no local VLAN tag left: all {MAX_TAG} are in use")
            self.tags[network_id] = self._last_tag = tag
        return self.tags[network_id]

    # Members

    def of_port(self, port_id: str) -> str:
        """The network of a wired port, or ""."""
        return self._network_of.get(port_id, "")

    def join(self, port_id: str, network_id: str, wired: WiredPort) -> None:
        if self.of_port(port_id) not in ("", network_id):
            self.leave(port_id)
        self._network_of[port_id] = network_id
        self.members.setdefault(network_id, {})[port_id] = wired

    def leave(self, port_id: str) -> None:
        network_id = self._network_of.pop(port_id, "")
        members = self.members.get(network_id, {})
        members.pop(port_id, None)
        if not members:
            self.members.pop(network_id, None)

    def note_neighbours(self, mirror: Mirror) -> None:
        """Remember where all neighbours are."""
        self._neighbours = {each.id: each.network_id for each in mirror.neighbours.values()}

    def of_neighbour(self, mirror: Mirror, port_id: str) -> set[str]:
        """The networks here that a change of a neighbour concerns: those in tunnels, where not all meet, and all of a
        router's port."""
        neighbour = mirror.neighbours.get(port_id)
        before = self._neighbours.pop(port_id, "")
        if neighbour is not None:
            self._neighbours[port_id] = neighbour.network_id
        after = self._neighbours.get(port_id, "")
        every = self.members.keys() if neighbour is None or neighbour.device_owner.startswith(ROUTER) else ()
        return {each for each in (before, after) if each in self._meshed | self._divided or each in every}

    @property
    def in_tunnels(self) -> set[str]:
        """The networks here that live in tunnels."""
        return set(self._meshed)

    # Planning

    def plan(self, mirror: Mirror, network_id: str, plan: Plan, uplinks: Uplinks, installed: Iterable[Owner]) -> None:
        """Add the flows of a network to the plan; its tag is freed with its last port."""
        owner, tunnel_owner = Owner(INT, "network", network_id), Owner(TUN, "network", network_id)
        there = [each for each in (owner, tunnel_owner) if each in installed]
        members = self.members.get(network_id)
        network = mirror.networks.get(network_id)
        if not members and (network is None or not self._visit(network_id)):
            if network_id in self.tags:
                plan.freed.append(self.tags.pop(network_id))
            plan.flows |= {each: {} for each in there}
            self._meshed.discard(network_id)
            self._divided.discard(network_id)
            return
        if network is None:
            return
        tag = self.tags[network_id]
        ports = sorted(members.values(), key=lambda port: port.number) if members else []
        segment = segment_here(network, uplinks)
        if segment is None and members:
            plan.problems[Ref("network", network_id)] = _unreached(network)
        plan.flows[owner] = self._flows(mirror, network, ports, segment, _leads_out(segment, tag, uplinks))
        if uplinks.userspace and any(port.profile is not None for port in ports):
            plan.flows[owner] |= learning_flows(network_id, tag, uplinks.associations)
        self._meshed.discard(network_id)
        flows: FlowSet | None = {}
        if segment is not None and kind_of(segment):
            self._meshed.add(network_id)
            made = mesh(mirror, self._host, network, segment, tag, uplinks.tunnels, uplinks.underlay)
            flows = made.flows
            if made.problem and members:
                plan.problems[Ref("network", network_id)] = made.problem
        if flows is not None and (flows or tunnel_owner in there):
            plan.flows[tunnel_owner] = flows

    def _flows(
        self, mirror: Mirror, network: NetworkView, ports: list[WiredPort], segment: Segment | None, out: list[Uplink]
    ) -> FlowSet:
        """The flows of a network on br-int, and who meets whom where not all do."""
        tag = self.tags[network.id]
        self._divided.discard(network.id)
        ha_macs = ha_macs_of(mirror, network.id)
        if all(port.meets_all for port in ports):
            return network_flows(network.id, tag, ports, out, ha_macs=ha_macs)
        self._divided.add(network.id)
        there = elsewhere(mirror.neighbours_by_network.of(network.id), network)
        here = {port.kind for port in ports if port.kind is not None}
        pairs = heard_by(here, here | {kind for kind in there.values() if kind is not None})
        outside = segment is not None and bool(segment.physical_network)
        return network_flows(network.id, tag, ports, out, SENDER if out else DISPATCH, ha_macs) | kind_flows(
            network.id, tag, pairs, there if out else {}, outside, self._ours
        )

    def _visit(self, network_id: str) -> bool:
        """Whether a network without a port here is visited, and has a tag for that."""
        if network_id not in self.visited:
            return False
        try:
            self.tag(network_id)
        except ValueError:
            return False
        return True


def tags_on(interface: Interface) -> dict[str, int]:
    """The local tags of networks that the row of a port tells."""
    ids = interface.port_external_ids
    found = {ids[NETWORK]: interface.tag} if interface.tag and ids.get(NETWORK) else {}
    for each in ids.get(SUBPORTS, "").split(","):
        network, _, tag = each.partition("=")
        if tag.isdecimal():
            found.setdefault(network, int(tag))
    return found


def segment_here(network: NetworkView, uplinks: Uplinks) -> Segment | None:
    """The segment by which this host is on the network: the first that it reaches."""
    for segment in network.segments:
        if not segment.physical_network or uplinks.physnets.get(segment.physical_network):
            return segment
    return None


def _unreached(network: NetworkView) -> str:
    names = " or ".join(segment.physical_network for segment in network.segments)
    if not names:
        return "the network has no segment"
    return f"this host has no bridge for the physical network {names}: add it to agent.bridge_mappings"


def _leads_out(segment: Segment | None, tag: int, uplinks: Uplinks) -> list[Uplink]:
    if segment is None:
        return []
    if segment.physical_network:
        return [Uplink(uplinks.physnets[segment.physical_network], segment.segmentation_id)]
    there = uplinks.to_tun and kind_of(segment) in uplinks.tunnels.by_kind
    return [Uplink(uplinks.to_tun, tag)] if there else []
