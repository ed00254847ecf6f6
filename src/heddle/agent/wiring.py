"""From the mirror and the plugged interfaces to the flows of this host, object by object.

Every object that has flows is an owner: a port, a network (`local_networks.py`), a distributed router (`routed.py`), a
profile (`profiles.py`), and "base" for what is always there.  `Wiring.plan` works out the flows of the owners that a
change concerns and leaves the others alone; nothing is touched here.  The role applies a plan and tells `settle` which
owners are in: what is `installed`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from heddle.agent.addresses import checked_mac
from heddle.agent.base_flows import base_flows
from heddle.agent.ha_tables import ha_number, ports_of_other_kind
from heddle.agent.installed import Installed
from heddle.agent.kinds import kind_of
from heddle.agent.local_ips import LocalIps
from heddle.agent.local_networks import LocalNetworks
from heddle.agent.logged_flows import flows_of
from heddle.agent.mirror import Mirror
from heddle.agent.owners import BASE, INT, TUN, Owner, Plan, Uplinks
from heddle.agent.packet_logs import events_of, told_otherwise
from heddle.agent.pipeline import WiredPort
from heddle.agent.policing import policing, policy_of, ports_with
from heddle.agent.profiles import Profiles
from heddle.agent.refused import Refused, objects_of
from heddle.agent.routed import Routed
from heddle.agent.tunnel import tunnel_base_flows
from heddle.host.openflow import FlowSet
from heddle.host.ovs import Interface
from heddle.view.types import PortView, Ref

TRUSTED = "network:"


class Wiring:
    """`plugged` finds the interface of a port on br-int; `base_mac` is `agent.dvr_base_mac`, and `ours` how the MACs
    begin that the cloud chooses.

    `subports` are, by the card, the networks of its subports with their tags.
    """

    def __init__(
        self, host: str, plugged: Callable[[str], Interface | None], base_mac: str = "fa:16:3f:00:00:00",
        ours: str = "",
    ) -> None:
        self.installed = Installed()
        self.refused = Refused(self.installed)
        self.uplinks = Uplinks()
        self.ports: dict[str, WiredPort] = {}
        self.subports: dict[str, dict[str, tuple[str, int]]] = {}
        self.networks = LocalNetworks(host, ours)
        self.local_ips = LocalIps()
        self.profiles = Profiles()
        self.routed = Routed(host, base_mac)
        self._plugged = plugged

    def settle(self, owner: Owner, plan: Plan) -> None:
        """What was planned of an owner is in."""
        self.installed.settle(owner, plan)
        self.profiles.settled(owner)
        self.refused.settled(owner)

    def plan(self, mirror: Mirror, changed: Iterable[Ref] | None) -> Plan:
        """The flows of all that `changed` concerns, and of what was refused and is due; None means everything."""
        plan, due = Plan(), self.refused.due(changed)
        changed = None if changed is None else {*changed, *objects_of(due)}
        self.profiles.again(due)
        ports, networks = self._all(mirror) if changed is None else self._concerned(mirror, changed)
        if changed is None or BASE not in self.installed or any(owner.kind == BASE.kind for owner in due):
            self._plan_base(plan)
        for port_id in sorted(ports):
            networks |= self._plan_port(mirror, port_id, plan)
        routers = self.routed.concerned(mirror, changed, networks)
        networks |= self.routed.visit(mirror, routers, self.networks)
        for network_id in sorted(networks):
            self.networks.plan(mirror, network_id, plan, self.uplinks, self.installed)
            here = self.networks, self.uplinks.userspace
            self.local_ips.plan(mirror, network_id, *here, plan, not self.installed)
        self.routed.plan(mirror, routers, self.networks, plan, self.uplinks, self.installed)
        self.profiles.plan(mirror, plan)
        plan.ports |= ports
        if changed is None:
            plan.flows |= {owner: {} for owner in self.installed.keys() - plan.flows.keys()}
        self.refused.plan(due, plan)
        return plan

    def _all(self, mirror: Mirror) -> tuple[set[str], set[str]]:
        """The ports and the networks, if everything is to be planned."""
        self.networks.note_neighbours(mirror)
        self.profiles.all_stale()
        networks = set(self.networks.members) | set(self.networks.tags)
        return set(mirror.ports) | set(self.ports), networks | {port.network_id for port in mirror.ports.values()}

    def _concerned(self, mirror: Mirror, changed: Iterable[Ref]) -> tuple[set[str], set[str]]:
        """The ports and the networks that changes concern; profiles become stale."""
        ports: set[str] = set()
        networks: set[str] = set()
        for ref in changed:
            if ref.kind == "port":
                ports |= {ref.id, *(subport.id for subport in mirror.ports_by_parent.of(ref.id))}
            elif ref.kind == "network":
                networks.add(ref.id)
                ports |= {port.id for port in mirror.ports_by_network.of(ref.id)}
            elif ref.kind == "neighbour":
                networks |= self.networks.of_neighbour(mirror, ref.id)
            elif ref.kind == "local_ip":
                networks |= self.local_ips.networks_of(mirror, ref)
            elif ref.kind == "host":
                networks |= self.networks.in_tunnels
            elif ref.kind == "group":
                ports |= self.profiles.group_changed(mirror, ref.id)
            elif ref.kind == "member":
                self.profiles.member_changed(ref.id)
            elif ref.kind == "qos_policy":
                ports |= ports_with(mirror, ref.id)
            elif ref.kind == "log":
                ports |= told_otherwise(mirror, self.ports.values())
            elif ref.kind == "router":
                ports |= ports_of_other_kind(mirror, ref.id, self.ports)
        return ports, networks

    def _plan_base(self, plan: Plan) -> None:
        plan.flows[BASE] = base_flows(self.uplinks.userspace)
        if self.uplinks.tunnels.patch:
            plan.flows[Owner(TUN, "base", "")] = tunnel_base_flows(self.uplinks.tunnels)

    def _plan_port(self, mirror: Mirror, port_id: str, plan: Plan) -> set[str]:
        """Add the flows of a port to the plan; returns the networks that have other members now."""
        owner = Owner(INT, "port", port_id)
        view = mirror.ports.get(port_id)
        wired = None
        flows: FlowSet = {}
        if view is not None:
            try:
                wired = self._wire(mirror, view)
                flows = flows_of(wired) if wired else {}
            except ValueError as error:
                plan.problems[Ref("port", port_id)] = str(error)
                wired = None
        before, old_network = self.ports.get(port_id), self.networks.of_port(port_id)
        plan.ports |= {each.card for each in (before, wired) if each is not None and each.card}
        if before is not None and (view is None or wired is not None):
            plan.released += _released(before, wired)
        self._settle_port(port_id, view, wired)
        if flows or owner in self.installed:
            plan.flows[owner] = flows
        new_network = self.networks.of_port(port_id)
        if (before, old_network) == (wired, new_network):
            return set()
        return {network for network in (old_network, new_network) if network}

    def _wire(self, mirror: Mirror, view: PortView) -> WiredPort | None:
        """The port as the pipeline needs it; None when it is not plugged, or shall be down."""
        interface = self._plugged(card_of(view))
        if interface is None or not interface.ofport or not view.admin_state_up:
            return None
        if view.network_id not in mirror.networks:
            raise ValueError(f"the network {view.network_id} of the port is not known here yet")
        trusted = view.device_owner.startswith(TRUSTED)
        filtered = view.port_security and not trusted
        profile = self.profiles.number(mirror, frozenset(view.security_groups)) if filtered else None
        pairs = [(view.mac_address, ip.ip_address) for ip in view.fixed_ips]
        pairs += [(pair.mac_address, pair.ip_address) for pair in view.allowed_address_pairs]
        tag = self.networks.tag(view.network_id)
        return WiredPort(
            id=view.id, ofport=interface.ofport, tag=tag, mac=checked_mac(view.mac_address),
            addresses=tuple(dict.fromkeys((checked_mac(mac), address) for mac, address in pairs)),
            profile=profile, promiscuous=not trusted and not view.port_security, device=interface.name,
            policing=policing(mirror.policies.get(policy_of(mirror, view))), vlan=view.vlan, card=view.parent_port_id,
            kind=kind_of(view, mirror.networks[view.network_id]), logged=events_of(mirror, view),
            ha=ha_number(mirror, view.device_id) if trusted else 0,
        )

    def _settle_port(self, port_id: str, view: PortView | None, wired: WiredPort | None) -> None:
        """Remember the port as it is wired, or forget it."""
        before = self.ports.get(port_id)
        if before is not None and before.card:
            self.subports[before.card].pop(port_id, None)
        if view is None or wired is None:
            self.ports.pop(port_id, None)
            self.networks.leave(port_id)
            self.profiles.leave(port_id)
            return
        self.ports[port_id] = wired
        if wired.card:
            self.subports.setdefault(wired.card, {})[port_id] = view.network_id, wired.tag
        self.networks.join(port_id, view.network_id, wired)
        self.profiles.join(port_id, frozenset(view.security_groups) if wired.profile is not None else None)


def card_of(view: PortView) -> str:
    """The port on whose card the frames of a port are: of a subport, the parent of its trunk."""
    return view.parent_port_id or view.id


def _released(before: WiredPort, wired: WiredPort | None) -> list[tuple[int, str]]:
    """The (tag, address or CIDR) pairs that a port no longer has."""
    kept = wired.addresses if wired is not None and wired.tag == before.tag else ()
    return [(before.tag, address) for mac, address in before.addresses if (mac, address) not in kept]
