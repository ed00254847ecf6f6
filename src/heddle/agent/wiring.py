"""From the mirror and the plugged interfaces to the flows of this host, object by object.

Every object that has flows is an owner: a port, a network, a profile, and "base" for what is always there.
`Wiring.plan` works out the flows of the owners that a change concerns and leaves the others alone; nothing
is touched here.  The role applies a plan and tells `settle` which owners are in: what is `installed`.

A network has a local tag on the host from its first wired port to its last.  Tags are written on the ports
in OVSDB, from where `adopt_tags` takes them after a restart; a new network takes the tag that has been free
for longest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from heddle.agent.addresses import checked_mac
from heddle.agent.mirror import Mirror
from heddle.agent.pipeline import Uplink, WiredPort, base_flows, network_flows, port_flows
from heddle.agent.security import profile_flows, profile_number
from heddle.agent.tunnel import tunnel_base_flows, tunnel_flows
from heddle.host.openflow import FlowSet
from heddle.host.ovs import Interface
from heddle.view.types import NetworkView, PortView, Ref, RuleView, Segment

INT, TUN = "br-int", "br-tun"
TRUSTED = "network:"
MAX_TAG = 4094

Profile = frozenset[str]


@dataclass(frozen=True)
class Owner:
    bridge: str
    kind: str
    id: str


BASE = Owner(INT, "base", "")


@dataclass(frozen=True)
class Uplinks:
    """The patch ports of br-int (their ofports): by physical network, and to br-tun (0: no tunnels).

    `tun_patch` and `tunnel` are the ports of br-tun.
    """

    physnets: Mapping[str, int] = field(default_factory=dict)
    to_tun: int = 0
    tun_patch: int = 0
    tunnel: int = 0


@dataclass
class Plan:
    """`flows` by owner, empty for one that shall have none; `ports` are those that were looked at.

    `problems` says by object why it cannot be realised; `freed` are tags that no network has any more, and
    `released` (tag, address) pairs that no port has any more.
    """

    flows: dict[Owner, FlowSet] = field(default_factory=dict)
    ports: set[str] = field(default_factory=set)
    problems: dict[Ref, str] = field(default_factory=dict)
    freed: list[int] = field(default_factory=list)
    released: list[tuple[int, str]] = field(default_factory=list)


class Wiring:
    """`plugged` finds the interface of a port on br-int."""

    def __init__(self, host: str, plugged: Callable[[str], Interface | None]) -> None:
        self.installed: dict[Owner, FlowSet] = {}
        self.uplinks = Uplinks()
        self.ports: dict[str, WiredPort] = {}
        self.tags: dict[str, int] = {}
        self._host = host
        self._plugged = plugged
        self._network_of: dict[str, str] = {}
        self._members: dict[str, dict[str, WiredPort]] = {}
        self._profile_of: dict[str, Profile] = {}
        self._users: dict[Profile, set[str]] = {}
        self._numbers: dict[Profile, int] = {}
        self._peers: dict[Profile, set[str]] = {}
        self._neighbours: dict[str, str] = {}
        self._last_tag = 0

    def adopt_tags(self, interfaces: Iterable[Interface]) -> None:
        """Take over the tags that the ports bear in OVSDB."""
        for each in interfaces:
            network = each.port_external_ids.get("heddle-network", "")
            if network and each.tag and network not in self.tags and each.tag not in self.tags.values():
                self.tags[network] = each.tag

    def network_of(self, port_id: str) -> str:
        return self._network_of.get(port_id, "")

    def wanted(self, bridge: str) -> FlowSet:
        """All flows that are installed on a bridge."""
        return {
            key: body for owner, flows in self.installed.items() if owner.bridge == bridge
            for key, body in flows.items()
        }

    def settle(self, owner: Owner, flows: FlowSet) -> None:
        """The flows of an owner are in."""
        if flows:
            self.installed[owner] = flows
        else:
            self.installed.pop(owner, None)

    # Planning

    def plan(self, mirror: Mirror, changed: Iterable[Ref] | None) -> Plan:
        """The flows of all that `changed` concerns; None means everything."""
        plan = Plan()
        everything = changed is None
        ports, networks, profiles = self._all(mirror) if changed is None else self._concerned(mirror, changed)
        if everything or BASE not in self.installed:
            self._plan_base(plan)
        for port_id in sorted(ports):
            self._plan_port(mirror, port_id, plan, networks, profiles)
        for network_id in sorted(networks):
            self._plan_network(mirror, network_id, plan)
        for profile in profiles:
            self._plan_profile(mirror, profile, plan)
        plan.ports = ports
        if everything:
            for owner in self.installed.keys() - plan.flows.keys():
                plan.flows[owner] = {}
        return plan

    def _all(self, mirror: Mirror) -> tuple[set[str], set[str], set[Profile]]:
        ports = set(mirror.ports) | set(self.ports)
        networks = set(self._members) | set(self.tags) | {port.network_id for port in mirror.ports.values()}
        self._neighbours = {each.id: each.network_id for each in mirror.neighbours.values()}
        return ports, networks, set(self._users)

    def _concerned(self, mirror: Mirror, changed: Iterable[Ref]) -> tuple[set[str], set[str], set[Profile]]:
        ports: set[str] = set()
        networks: set[str] = set()
        profiles: set[Profile] = set()
        for ref in changed:
            if ref.kind == "port":
                ports.add(ref.id)
            elif ref.kind == "network":
                networks.add(ref.id)
                ports |= {port.id for port in mirror.ports_by_network.of(ref.id)}
            elif ref.kind == "neighbour" and self.uplinks.tunnel:
                networks |= self._networks_of_neighbour(mirror, ref.id)
            elif ref.kind == "host" and self.uplinks.tunnel:
                networks |= set(self._members)
            elif ref.kind == "group":
                for profile in [profile for profile in self._users if ref.id in profile]:
                    profiles.add(profile)
                    ports |= self._users[profile]
            elif ref.kind == "member":
                group = ref.id.partition("/")[0]
                profiles |= {profile for profile, peers in self._peers.items() if group in peers}
        return ports, networks, profiles

    def _networks_of_neighbour(self, mirror: Mirror, port_id: str) -> set[str]:
        neighbour = mirror.neighbours.get(port_id)
        before = self._neighbours.pop(port_id, "")
        if neighbour is not None:
            self._neighbours[port_id] = neighbour.network_id
        after = self._neighbours.get(port_id, "")
        return {network for network in (before, after) if network in self._members}

    def _plan_base(self, plan: Plan) -> None:
        plan.flows[BASE] = base_flows()
        if self.uplinks.tunnel:
            plan.flows[Owner(TUN, "base", "")] = tunnel_base_flows(self.uplinks.tun_patch, self.uplinks.tunnel)

    # Ports

    def _plan_port(
        self, mirror: Mirror, port_id: str, plan: Plan, networks: set[str], profiles: set[Profile]
    ) -> None:
        owner = Owner(INT, "port", port_id)
        view = mirror.ports.get(port_id)
        wired = None
        flows: FlowSet = {}
        if view is not None:
            try:
                wired = self._wire(mirror, view, profiles)
                flows = port_flows(wired) if wired else {}
            except ValueError as error:
                plan.problems[Ref("port", port_id)] = str(error)
                wired = None
        before, old_network = self.ports.get(port_id), self._network_of.get(port_id, "")
        if before is not None and (view is None or wired is not None):
            kept = wired.addresses if wired is not None and wired.tag == before.tag else ()
            gone = [address for mac, address in before.addresses if (mac, address) not in kept]
            plan.released += [(before.tag, address) for address in gone if "/" not in address]
        if wired is None or view is None:
            self._forget_port(port_id, profiles)
        else:
            self._remember_port(view, wired, profiles)
        if before != wired or old_network != self._network_of.get(port_id, ""):
            networks |= {network for network in (old_network, self._network_of.get(port_id, "")) if network}
        if flows or owner in self.installed:
            plan.flows[owner] = flows

    def _wire(self, mirror: Mirror, view: PortView, profiles: set[Profile]) -> WiredPort | None:
        """The port as the pipeline needs it; None when it is not plugged, or shall be down."""
        interface = self._plugged(view.id)
        if interface is None or not interface.ofport or not view.admin_state_up:
            return None
        if view.network_id not in mirror.networks:
            raise ValueError(f"the network {view.network_id} of the port is not known here yet")
        trusted = view.device_owner.startswith(TRUSTED)
        profile = None
        if view.port_security and not trusted:
            profile = self._number(mirror, frozenset(view.security_groups), profiles)
        pairs = [(view.mac_address, ip.ip_address) for ip in view.fixed_ips]
        pairs += [(pair.mac_address, pair.ip_address) for pair in view.allowed_address_pairs]
        return WiredPort(
            id=view.id, ofport=interface.ofport, tag=self._tag(view.network_id), mac=checked_mac(view.mac_address),
            addresses=tuple(dict.fromkeys((checked_mac(mac), address) for mac, address in pairs)),
            profile=profile, promiscuous=not trusted and not view.port_security,
        )

    def _remember_port(self, view: PortView, wired: WiredPort, profiles: set[Profile]) -> None:
        old = self._network_of.get(view.id)
        if old is not None and old != view.network_id:
            self._leave_network(view.id)
        self.ports[view.id] = wired
        self._network_of[view.id] = view.network_id
        self._members.setdefault(view.network_id, {})[view.id] = wired
        profile = frozenset(view.security_groups) if wired.profile is not None else None
        before = self._profile_of.get(view.id)
        if profile != before:
            self._leave_profile(view.id, profiles)
            if profile is not None:
                self._profile_of[view.id] = profile
                if profile not in self._users:
                    profiles.add(profile)
                self._users.setdefault(profile, set()).add(view.id)

    def _forget_port(self, port_id: str, profiles: set[Profile]) -> None:
        if self.ports.pop(port_id, None) is not None:
            self._leave_network(port_id)
        self._network_of.pop(port_id, None)
        self._leave_profile(port_id, profiles)

    def _leave_network(self, port_id: str) -> None:
        members = self._members[self._network_of[port_id]]
        members.pop(port_id, None)
        if not members:
            del self._members[self._network_of[port_id]]

    def _leave_profile(self, port_id: str, profiles: set[Profile]) -> None:
        before = self._profile_of.pop(port_id, None)
        if before is None:
            return
        self._users[before].discard(port_id)
        if not self._users[before]:
            del self._users[before]
            profiles.add(before)

    # Networks

    def _tag(self, network_id: str) -> int:
        if network_id not in self.tags:
            used = set(self.tags.values())
            free = (number % MAX_TAG + 1 for number in range(self._last_tag, self._last_tag + MAX_TAG))
            tag = next((number for number in free if number not in used), 0)
            if not tag:
                raise ValueError(f"this host has no local VLAN tag left: all {MAX_TAG} are in use")
            self.tags[network_id] = self._last_tag = tag
        return self.tags[network_id]

    def _plan_network(self, mirror: Mirror, network_id: str, plan: Plan) -> None:
        owner, tunnel_owner = Owner(INT, "network", network_id), Owner(TUN, "network", network_id)
        members = self._members.get(network_id)
        network = mirror.networks.get(network_id)
        if not members:
            if network_id in self.tags:
                plan.freed.append(self.tags.pop(network_id))
            plan.flows |= {each: {} for each in (owner, tunnel_owner) if each in self.installed}
            return
        if network is None:
            return
        tag = self.tags[network_id]
        ports = sorted(members.values(), key=lambda port: port.ofport)
        uplinks = self._uplinks(network, tag, plan)
        plan.flows[owner] = network_flows(network_id, tag, ports, uplinks)
        plan.flows[tunnel_owner] = self._tunnel(mirror, network, tag, plan)
        if not plan.flows[tunnel_owner] and tunnel_owner not in self.installed:
            del plan.flows[tunnel_owner]

    def _uplinks(self, network: NetworkView, tag: int, plan: Plan) -> list[Uplink]:
        found = []
        for segment in network.segments:
            if segment.physical_network:
                ofport = self.uplinks.physnets.get(segment.physical_network, 0)
                if ofport:
                    found.append(Uplink(ofport, segment.segmentation_id))
                else:
                    plan.problems[Ref("network", network.id)] = (
                        f"this host has no bridge for the physical network {segment.physical_network}: "
                        "add it to agent.bridge_mappings"
                    )
            elif _tunnelled(segment) and self.uplinks.to_tun:
                found.append(Uplink(self.uplinks.to_tun, tag))
        return found

    def _tunnel(self, mirror: Mirror, network: NetworkView, tag: int, plan: Plan) -> FlowSet:
        segment = next((each for each in network.segments if _tunnelled(each)), None)
        if segment is None or not self.uplinks.tunnel:
            return {}
        remote = []
        for each in mirror.neighbours_by_network.of(network.id):
            host = mirror.hosts.get(each.host)
            if each.host != self._host and host is not None and host.tunnel_ip:
                remote.append((each.mac_address, host.tunnel_ip))
        try:
            return tunnel_flows(
                network.id, tag, segment.segmentation_id, self.uplinks.tun_patch, self.uplinks.tunnel, remote
            )
        except ValueError as error:
            plan.problems[Ref("network", network.id)] = str(error)
            return self.installed.get(Owner(TUN, "network", network.id), {})

    # Profiles

    def _number(self, mirror: Mirror, profile: Profile, profiles: set[Profile]) -> int:
        groups = [mirror.groups[group] for group in profile if group in mirror.groups]
        stateless = bool(groups) and not any(group.stateful for group in groups)
        others = {number for other, number in self._numbers.items() if other != profile}
        salt = 0
        while (number := profile_number(profile, stateless, salt)) in others:
            salt += 1
        if self._numbers.get(profile) != number:
            self._numbers[profile] = number
            profiles.add(profile)
        return number

    def _plan_profile(self, mirror: Mirror, profile: Profile, plan: Plan) -> None:
        label = "+".join(sorted(profile)) or "no group"
        owner = Owner(INT, "profile", label)
        if profile not in self._users:
            self._numbers.pop(profile, None)
            self._peers.pop(profile, None)
            if owner in self.installed:
                plan.flows[owner] = {}
            return
        rules: list[RuleView] = []
        group_of: dict[str, str] = {}
        for group in sorted(profile):
            view = mirror.groups.get(group)
            for rule in view.rules if view else ():
                rules.append(rule)
                group_of[rule.id] = group
        peers = {rule.remote_group for rule in rules if rule.remote_group}
        addresses = {
            group: [cidr for member in mirror.members_by_group.of(group) for cidr in member.addresses]
            for group in peers
        }
        compiled = profile_flows(label, self._numbers[profile], rules, addresses)
        self._peers[profile] = peers
        plan.flows[owner] = compiled.flows
        for item, reason in compiled.problems.items():
            group = group_of.get(item) or item.partition("/")[0]
            plan.problems[Ref("group", group)] = f"{item}: {reason}"


def _tunnelled(segment: Segment) -> bool:
    return segment.network_type in ("vxlan", "gre", "geneve")
