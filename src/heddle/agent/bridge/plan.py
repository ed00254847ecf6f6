"""From the mirror and the devices of the host to what the bridges must be.  Pure.

A network has a bridge here as long as a device of one of its ports is there.  It is joined by the first of its segments
that the host reaches.  What cannot be realised is a problem of its object, and hinders no other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from heddle.agent.bridge.forwarding import entries_of
from heddle.agent.bridge.led import Led, leads, led_entries
from heddle.agent.bridge.members import Members
from heddle.agent.bridge.ports import (
    TUNNEL,
    BridgePort,
    LocalNetwork,
    bridge_name,
    bridge_port,
    device_names,
    is_carried,
    is_filtered,
    not_carried,
    number_of,
)
from heddle.agent.bridge.rules import Profile
from heddle.agent.kinds import Kind, elsewhere, kind_of
from heddle.agent.mesh import reached
from heddle.agent.mirror import Mirror
from heddle.agent.packet_logs import events_of
from heddle.agent.policing import policing, policy_of
from heddle.agent.tunnel import Underlay
from heddle.agent.tunnel import kind_of as tunnel_kind
from heddle.host.bridge import BridgeSpec, UplinkSpec
from heddle.host.bridge_links import Entry
from heddle.view.types import NetworkView, PortView, Ref, Segment

MOST_ZONES = 0xFFFF
LONGEST_NAME = 15


@dataclass(frozen=True)
class Place:
    """What this host is: its name, what it has for tunnels, and its cards by physical network.

    `ours`: how the MACs begin that the cloud chooses.
    """

    host: str
    underlay: Underlay = field(default_factory=Underlay)
    cards: Mapping[str, str] = field(default_factory=dict)
    ours: str = ""


@dataclass
class Desired:
    """`ports` by id; `specs` and `networks` by network, `filtered` where filters see frames; `logged` by the mark of
    its packets; `problems` by object.
    """

    ports: dict[str, BridgePort] = field(default_factory=dict)
    network_of: dict[str, str] = field(default_factory=dict)
    networks: dict[str, LocalNetwork] = field(default_factory=dict)
    specs: dict[str, BridgeSpec] = field(default_factory=dict)
    filtered: set[str] = field(default_factory=set)
    profiles: dict[frozenset[str], Profile] = field(default_factory=dict)
    members: dict[str, Members] = field(default_factory=dict)
    entries: set[Entry] = field(default_factory=set)
    logged: dict[int, str] = field(default_factory=dict)
    problems: dict[Ref, str] = field(default_factory=dict)
    label_of: dict[str, str] = field(default_factory=dict)
    led: list[Led] = field(default_factory=list)

    def not_logged(self, problem: str) -> None:
        """Nobody can hear of the packets of logged ports."""
        self.profiles = {key: replace(each, logged=frozenset()) for key, each in self.profiles.items()}
        self.problems |= {Ref("port", port_id): problem for port_id in self.logged.values()}


class Planner:
    """Remembers zones; the members of groups, which follow single changes; and the ways to other hosts, until
    something changes that they depend on."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.zones: dict[str, int] = {}
        self._members: dict[str, Members] = {}
        self._changed_members: set[str] = set()
        self._meshes: dict[str, tuple[set[Entry], str]] = {}

    def adopt(self, labels: Collection[str]) -> None:
        """Take over the zones that bridges bear in their labels."""
        for label in labels:
            network_id, _, zone = label.partition(" ")
            if zone.isdecimal() and int(zone) not in self.zones.values():
                self.zones[network_id] = int(zone)

    def note(self, changed: Iterable[Ref] | None) -> None:
        """What has changed since the last plan; None: everything may have."""
        refs = list(changed or ())
        self._changed_members |= {ref.id for ref in refs if ref.kind == "member"}
        if changed is None:
            self._members.clear()
        if changed is None or any(ref.kind not in ("member", "group", "qos_policy", "log") for ref in refs):
            self._meshes.clear()

    def plan(self, mirror: Mirror, devices: Collection[str]) -> Desired:
        desired = Desired()
        numbers: dict[int, frozenset[str]] = {}
        for port_id in sorted(mirror.ports):
            self._plan_port(mirror, mirror.ports[port_id], devices, desired, numbers)
        self._plan_local_ips(mirror, desired)
        for network_id in sorted(set(desired.network_of.values())):
            self._plan_network(mirror, mirror.networks[network_id], desired)
        if desired.led:
            desired.entries = led_entries(desired.entries, desired.led)
        for gone in self.zones.keys() - desired.networks.keys():
            del self.zones[gone]
        named = {rule.remote_group for profile in desired.profiles.values() for rule in profile.rules}
        desired.members = self._members = self._members_of(mirror, named - {""})
        return desired

    def _plan_local_ips(self, mirror: Mirror, desired: Desired) -> None:
        found = leads(mirror, desired.ports, desired.network_of)
        desired.led = found.led
        desired.problems |= found.problems
        desired.filtered |= {each.network for each in found.led if each.inside}

    def _plan_port(
        self, mirror: Mirror, view: PortView, devices: Collection[str], desired: Desired,
        numbers: dict[int, frozenset[str]],
    ) -> None:
        device = next((name for name in device_names(view.id) if name in devices), "")
        network = mirror.networks.get(view.network_id)
        if not view.admin_state_up or not (device or network):
            return
        if network is None:
            desired.problems[Ref("port", view.id)] = f"the network {view.network_id} of the port is not known here yet"
            return
        if problem := not_carried(network):
            desired.problems[Ref("port", view.id)] = problem
        elif device:
            self._plan_device(mirror, view, device, desired, numbers)

    def _plan_device(
        self, mirror: Mirror, view: PortView, device: str, desired: Desired, numbers: dict[int, frozenset[str]]
    ) -> None:
        number = None
        if is_filtered(view):
            number = self._profile(mirror, view, desired, numbers).number
        try:
            limits = policing(mirror.policies.get(policy_of(mirror, view)))
            kind = kind_of(view, mirror.networks[view.network_id])
            desired.ports[view.id] = bridge_port(view, device, number, limits, kind)
        except ValueError as error:
            desired.problems[Ref("port", view.id)] = str(error)
            return
        desired.network_of[view.id] = view.network_id
        if number is not None:
            desired.filtered.add(view.network_id)

    def _profile(
        self, mirror: Mirror, view: PortView, desired: Desired, numbers: dict[int, frozenset[str]]
    ) -> Profile:
        names, logged = frozenset(view.security_groups), events_of(mirror, view)
        key = names | {f"logged {view.id}"} if logged else names
        if key not in desired.profiles:
            groups = [mirror.groups[name] for name in sorted(names) if name in mirror.groups]
            rules = tuple(rule for group in groups for rule in group.rules)
            desired.label_of |= {rule.id: group.id for group in groups for rule in group.rules}
            desired.profiles[key] = Profile(number_of(groups, key, numbers), names, rules, logged)
        profile = desired.profiles[key]
        if logged:
            desired.logged[profile.number] = view.id
        return profile

    def _members_of(self, mirror: Mirror, named: Iterable[str]) -> dict[str, Members]:
        """The members of the groups that rules name."""
        found: dict[str, Members] = {}
        for group in sorted(named):
            if group in self._members:
                found[group] = self._members[group]
                continue
            found[group] = Members(group)
            for member in mirror.members_by_group.of(group):
                found[group].set_member(member.id, member.addresses)
        for id in self._changed_members:
            group = id.partition("/")[0]
            if group in found:
                there = mirror.members.get(id)
                found[group].set_member(id, there.addresses if there else ())
        self._changed_members = set()
        return found

    # Networks

    def _plan_network(self, mirror: Mirror, network: NetworkView, desired: Desired) -> None:
        uplink = None
        try:
            uplink = self._uplink(network)
        except ValueError as error:
            desired.problems[Ref("network", network.id)] = str(error)
        zone = self._zone(network.id)
        name = bridge_name(network.id)
        there = self._elsewhere(mirror, network, desired)
        outside = uplink is not None and uplink.kind != "vxlan"
        desired.networks[network.id] = LocalNetwork(
            network.id, name, zone, uplink.device if uplink else "", outside and there is not None, there or (),
            uplink.local if uplink else "", self.place.ours if outside and there is not None else "",
        )
        filtered = network.id in desired.filtered
        desired.specs[network.id] = BridgeSpec(name, f"{network.id} {zone}", network.mtu, uplink, filtered)
        segment = self._segment(network)
        if segment is not None and tunnel_kind(segment):
            if network.id not in self._meshes:
                self._meshes[network.id] = self._mesh(mirror, network, segment, uplink.device if uplink else "")
            entries, problem = self._meshes[network.id]
            desired.entries |= entries
            if problem:
                desired.problems[Ref("network", network.id)] = problem

    def _elsewhere(
        self, mirror: Mirror, network: NetworkView, desired: Desired
    ) -> tuple[tuple[str, Kind | None], ...] | None:
        """The kinds of a network's ports on other hosts; None where all that are here meet all."""
        here = (port for port in desired.ports.values() if port.kind is not None and port.network_id == network.id)
        if all(port.meets_all for port in here):
            return None
        there = elsewhere(mirror.neighbours_by_network.of(network.id), network)
        return tuple(sorted(there.items()))

    def _mesh(
        self, mirror: Mirror, network: NetworkView, segment: Segment, tunnel: str
    ) -> tuple[set[Entry], str]:
        """The way to the hosts that have ports of a network in tunnels, and what keeps one out of it, or ""."""
        remote = [each for each in mirror.neighbours_by_network.of(network.id)
                  if each.host not in ("", self.place.host)]  # fmt: skip
        underlay, entries, problem = self.place.underlay, set[Entry](), ""
        if remote and not underlay.address:
            problem = (
                "the network is in vxlan tunnels and this host has no address for them; its ports here meet those of "
                "no other host: set agent.tunnel_ip to an address by which other hosts reach it"
            )
        elif remote:
            hosts, problem = reached(mirror, {each.host for each in remote}, underlay)
            problem = problem or underlay.too_small_for(network.mtu, segment)
            try:
                entries = set(entries_of(network, remote, hosts, bridge_name(network.id), tunnel))
            except ValueError as error:
                problem = str(error)
        return entries, problem

    def _zone(self, network_id: str) -> int:
        """The number of a network's zone of connections, the same after a restart."""
        if network_id not in self.zones:
            taken = set(self.zones.values())
            digest = hashlib.blake2b(network_id.encode(), digest_size=4).digest()
            zone = int.from_bytes(digest, "big") % MOST_ZONES + 1
            while zone in taken:
                zone = zone % MOST_ZONES + 1
            self.zones[network_id] = zone
        return self.zones[network_id]

    def _uplink(self, network: NetworkView) -> UplinkSpec | None:
        """How the network leaves this host; None when it does not.  Raises `ValueError` when it should and cannot."""
        segment = self._segment(network)
        if segment is not None:
            return self._uplink_of(segment)
        names = " or ".join(segment.physical_network for segment in network.segments if segment.physical_network)
        if names:
            raise ValueError(
                f"this host has no card for the physical network {names}: add it to agent.physical_interface_mappings"
            )
        raise ValueError("the network has no segment")

    def _segment(self, network: NetworkView) -> Segment | None:
        """The segment by which this host is on a network: the first that it reaches."""
        for segment in network.segments:
            card = self.place.cards.get(segment.physical_network)
            if card or is_carried(segment):
                return segment
        return None

    def _uplink_of(self, segment: Segment) -> UplinkSpec | None:
        card, number = self.place.cards.get(segment.physical_network, ""), segment.segmentation_id
        if card and number:
            return UplinkSpec(vlan_device(card, number), "vlan", number, card)
        if card:
            return UplinkSpec(card, "flat", card=card)
        if not number or not self.place.underlay.address:
            return None
        return UplinkSpec(f"{TUNNEL}{number}", "vxlan", number, local=self.place.underlay.address)


def released(before: Desired, after: Desired) -> set[tuple[int, str]]:
    """The (zone, address) pairs that no port has any more, and (zone, "") of networks that have left.

    What was connected must not let frames in for whoever comes next.
    """
    kept = {(zone, address) for zone, address in _held(after)}
    zones = {network.zone for network in after.networks.values()}
    gone = {(zone, address) for zone, address in _held(before) if zone in zones and (zone, address) not in kept}
    return gone | {(network.zone, "") for network in before.networks.values() if network.zone not in zones}


def _held(desired: Desired) -> Iterator[tuple[int, str]]:
    for port_id, port in desired.ports.items():
        network = desired.networks.get(desired.network_of[port_id])
        for _, cidr in port.sources if network else ():
            address, _, length = cidr.partition("/")
            if network and length in ("32", "128"):
                yield network.zone, address


def vlan_device(card: str, vlan: int) -> str:
    """The name of a sub-interface; that of a card with a long name is made short."""
    name = f"{card}.{vlan}"
    if len(name) <= LONGEST_NAME:
        return name
    return f"{card[:5]}{hashlib.blake2b(card.encode(), digest_size=2).hexdigest()}.{vlan}"
