"""Local IPs: an address that leads, for who sends from this host, to a port of this host.  Pure.

Flows of their own stand before those of the pipeline (`pipeline.py`), by network and address:

    who has it?     questions of a port of this host are answered with the MAC of the associated port
                    (`local_ip_questions.py`)
    to it           before the rules of the sender: goes to the associated port's MAC, and in the mode "translate" to
                    its address, so that the rules of both sides and the connection table see that one
    from there      after the rules of the receiver: what answers a translated connection comes from the local IP again

Translations are connections in a zone of their own, beside that of the network, where nothing else is; a connection to
the associated port's own address is none of them and stays as it is.  The associated port itself reaches the port that
holds the address, and so does everybody who comes by an uplink: another host has an association of its own or none.

reg1 says that a frame was looked at here.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_network

from heddle.agent.addresses import Builder, checked_mac
from heddle.agent.local_ip_questions import Local, question_flows
from heddle.agent.local_networks import LocalNetworks
from heddle.agent.mirror import Mirror
from heddle.agent.owners import INT, Owner, Plan
from heddle.agent.pipeline import CARD, DISPATCH, EGRESS_KIND, OUT, TRANSLATED, TRANSLATED_BACK, WiredPort
from heddle.host.openflow import FlowSet
from heddle.view.types import LocalIpView, Ref

ZONES = 0x8000  # added to the tag of a network: the zone of its translations


def local_ip_flows(network_id: str, tag: int, every: list[Local], userspace: bool) -> FlowSet:
    b = Builder(owner_of(network_id).id)
    question_flows(b, tag, every, userspace)
    for each in every:
        _there(b, tag, each)
        if each.inside:
            _back(b, tag, each)
    return b.flows


def _there(b: Builder, tag: int, each: Local) -> None:
    """From guests before their rules, from ports without rules before they are dispatched."""
    for table, more in ((EGRESS_KIND, ""), (DISPATCH, ",reg4=0,reg5=0")):
        match = f"{each.kind},reg6={tag},reg1=0,{each.field}_dst={each.address}{more}"
        seen, go_on = "set_field:1->reg1", f"resubmit(,{table})"
        b.add(table, 62, f"{match},in_port={each.port.ofport}", f"{seen},{go_on}")
        lead = f"{seen},set_field:{checked_mac(each.port.mac)}->eth_dst"
        if each.inside:
            go_on = f"ct(commit,zone={ZONES + tag},nat(dst={each.inside}),table={TRANSLATED})"
        b.add(table, 61, match, f"{lead},{go_on}")


def _back(b: Builder, tag: int, each: Local) -> None:
    b.add(TRANSLATED, 20, f"{each.kind},reg6={tag},{each.field}_dst={each.address}", "drop")
    answer = f"{each.kind},reg6={tag},dl_src={checked_mac(each.port.mac)},{each.field}_src={each.inside}"
    b.add(OUT, 20, answer, f"ct(zone={ZONES + tag},nat,table={TRANSLATED_BACK})")
    for number in (135, 136) if each.kind == "ipv6" else ():
        b.add(OUT, 21, f"icmp6,icmp_type={number},reg6={tag},ipv6_src={each.inside}", f"resubmit(,{CARD})")


def owner_of(network_id: str) -> Owner:
    return Owner(INT, "local_ips", f"{network_id}/local-ips")


def problem_of(item: LocalIpView, network_id: str) -> str:
    """Why an association of a port of the network leads nowhere, "" when it does.

    Nobody may draw to himself, on a network that he shares with others, an address that he has on another.
    """
    if item.translate and (":" in item.local_ip) != (":" in item.fixed_ip):
        return f"local IP {item.local_ip} is not translated to {item.fixed_ip}, which is of the other version of IP"
    if item.network_id != network_id:
        return (
            f"local IP {item.local_ip} is of network {item.network_id} and the associated port {item.port_id} on "
            f"network {network_id}: associate a port of its own network"
        )
    return ""


def _holders(address: str, members: Mapping[str, WiredPort]) -> frozenset[int]:
    """Not the ports that may use all of a prefix: they ask for what is in it as others do."""
    own = ip_network(address)
    return frozenset(
        port.number for port in members.values()
        if any(ip_network(cidr, strict=False) == own for _, cidr in port.addresses)
    )  # fmt: skip


class LocalIps:
    """Which local IPs lead to ports of this host, network by network."""

    def __init__(self) -> None:
        self.zones: dict[int, str] = {}
        self._network_of: dict[str, str] = {}
        self._led: dict[str, dict[str, Local]] = {}

    def networks_of(self, mirror: Mirror, ref: Ref) -> set[str]:
        """The networks in which an association was and is."""
        item = mirror.local_ips.get(ref.id)
        port = mirror.ports.get(item.port_id) if item else None
        return {self._network_of.get(ref.id, ""), port.network_id if port else ""} - {""}

    def translates(self, zone: int, address: str, inside: str) -> bool:
        """Whether what goes to an address in a zone is translated to this one."""
        known = self._led.get(self.zones.get(zone, ""), {}).get(address)
        return known is not None and known.inside == inside

    def plan(
        self, mirror: Mirror, network_id: str, networks: LocalNetworks, userspace: bool, plan: Plan,
        first: bool = False,
    ) -> None:
        """Add the flows of a network's local IPs to the plan; `first`: what was before is not known.

        `userspace`: the datapath is Open vSwitch's own.
        """
        members = networks.members.get(network_id, {})
        if not mirror.local_ips and network_id not in self._led:
            return
        here = networks.tags.get(network_id, 0)
        before, now = self._led.pop(network_id, {}), self._local(mirror, network_id, members, userspace, plan)
        if now or before:
            flows = local_ip_flows(network_id, here, [now[address] for address in sorted(now)], userspace)
            plan.flows[owner_of(network_id)] = flows
        self._note(network_id, here, now)
        for address in sorted(before.keys() | now.keys()) if not first else ():
            was, becomes = (found.get(address) for found in (before, now))
            if (was and (was.inside, was.port.tag)) != (becomes and (becomes.inside, becomes.port.tag)):
                tags = {each.port.tag for each in (was, becomes) if each and each.inside}
                plan.released += [(ZONES + tag, address) for tag in sorted(tags)]

    def _local(
        self, mirror: Mirror, network_id: str, members: Mapping[str, WiredPort], userspace: bool, plan: Plan
    ) -> dict[str, Local]:
        """By address; where several ports are associated with one, the first by its id has it."""
        found: dict[str, Local] = {}
        self._network_of = {id: network for id, network in self._network_of.items() if network != network_id}
        for port_id in sorted(members):
            for item in sorted(mirror.local_ips_by_port.of(port_id), key=lambda item: item.id):
                self._network_of[item.id] = network_id
                problem = problem_of(item, network_id)
                if problem:
                    plan.problems[Ref("local_ip", item.id)] = problem
                    continue
                address, inside = (str(ip_address(each)) for each in (item.local_ip, item.fixed_ip))
                inside = inside if item.translate and inside != address else ""
                holders = frozenset[int]() if userspace or ":" not in address else _holders(address, members)
                found.setdefault(address, Local(address, members[port_id], inside, holders))
        return found

    def _note(self, network_id: str, tag: int, now: dict[str, Local]) -> None:
        self.zones = {zone: network for zone, network in self.zones.items() if network != network_id}
        if now:
            self._led[network_id] = now
        if any(each.inside for each in now.values()):
            self.zones[ZONES + tag] = network_id
