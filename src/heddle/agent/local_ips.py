"""Local IPs: an address that leads, for who sends from this host, to a port of this host.  Pure.

Flows of their own stand before those of the pipeline (`pipeline.py`), by network and address:

    who has it?     ARP and neighbour solicitations from a port of this host are answered with the MAC of the
                    associated port; duplicate detection (RFC 5227, 4862) and announcements are not questions, and go
                    on to the port that holds the address
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
from dataclasses import dataclass
from ipaddress import ip_address

from heddle.agent.addresses import Builder, checked_mac
from heddle.agent.answers import (
    ADVERTISEMENT,
    FROM_ITS_SENDER,
    SOLICITATION,
    SOLICITED_OVERRIDE,
    advertisement,
    made_of,
)
from heddle.agent.local_networks import LocalNetworks
from heddle.agent.mirror import Mirror
from heddle.agent.owners import INT, Owner, Plan
from heddle.agent.pipeline import (
    ANSWER,
    CARD,
    DISPATCH,
    EGRESS_KIND,
    EGRESS_ND,
    OUT,
    TRANSLATED,
    TRANSLATED_BACK,
    WiredPort,
    retag,
)
from heddle.host.openflow import FlowSet
from heddle.view.types import LocalIpView, Ref

TO_ITS_CARD = f"{retag('NXM_NX_REG8[0..11]')},in_port"
ZONES = 0x8000  # added to the tag of a network: the zone of its translations
NO_ADVERTISEMENTS = (
    "local IP {} leads to the port that holds it: the kernel's datapath of Open vSwitch cannot answer neighbour "
    "solicitations; associate ports of hosts with Linux bridges, or with agent.datapath = 'netdev'"
)


@dataclass(frozen=True)
class Local:
    """A local IP on this host: the port it leads to, and that one's address, "" where the port knows the local IP."""

    address: str
    port: WiredPort
    inside: str


    @property
    def kind(self) -> str:
        return "ipv6" if ":" in self.address else "ip"

    @property
    def field(self) -> str:
        """How the fields of its version of IP begin."""
        return "ipv6" if ":" in self.address else "nw"


def local_ip_flows(network_id: str, tag: int, every: list[Local]) -> FlowSet:
    b = Builder(owner_of(network_id).id)
    if any(each.kind == "ipv6" for each in every):
        _end_of_answers(b, tag)
    for each in every:
        (_solicitations if each.kind == "ipv6" else _questions)(b, tag, each)
        _there(b, tag, each)
        if each.inside:
            _back(b, tag, each)
    return b.flows


def _questions(b: Builder, tag: int, each: Local) -> None:
    about = f"arp,reg6={tag},reg1=0,arp_op=1,arp_tpa={each.address}"
    go_on = f"set_field:1->reg1,resubmit(,{DISPATCH})"
    for other in (f"in_port={each.port.ofport}", "arp_spa=0.0.0.0", f"arp_spa={each.address}"):
        b.add(DISPATCH, 42, f"{about},{other}", go_on)
    answer = made_of(each.address, checked_mac(each.port.mac))
    b.add(DISPATCH, 41, f"{about},reg4=0,reg8=0", f"{answer},in_port")
    b.add(DISPATCH, 40, f"{about},reg4=0", f"{answer},{TO_ITS_CARD}")


def _solicitations(b: Builder, tag: int, each: Local) -> None:
    """Before what leads to the address, for it may be asked of it alone; and only when the sender may say so."""
    about = f"{SOLICITATION},reg6={tag},reg1=0,nd_target={each.address}"
    go_on = f"set_field:1->reg1,resubmit(,{DISPATCH})"
    for other in (f"in_port={each.port.ofport}", "ipv6_src=::", f"ipv6_src={each.address}"):
        b.add(DISPATCH, 72, f"{about},{other}", go_on)
    answer = advertisement(each.address, checked_mac(each.port.mac), SOLICITED_OVERRIDE, ANSWER)
    b.add(DISPATCH, 71, f"{about},reg4=0", answer)
    for number in (135, 136):
        b.add(EGRESS_KIND, 63, f"icmp6,icmp_type={number},reg6={tag},ipv6_dst={each.address}",
              f"resubmit(,{EGRESS_ND})")  # fmt: skip


def _end_of_answers(b: Builder, tag: int) -> None:
    b.add(ANSWER, 11, f"{ADVERTISEMENT},reg6={tag},reg8=0", f"{FROM_ITS_SENDER},in_port")
    b.add(ANSWER, 10, f"{ADVERTISEMENT},reg6={tag}", f"{FROM_ITS_SENDER},{TO_ITS_CARD}")


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
        self, mirror: Mirror, network_id: str, networks: LocalNetworks, advertises: bool, plan: Plan,
        first: bool = False,
    ) -> None:
        """Add the flows of a network's local IPs to the plan; `first`: what was before is not known.

        `advertises`: the datapath can make an IPv6 neighbour advertisement.
        """
        members = networks.members.get(network_id, {})
        if not mirror.local_ips and network_id not in self._led:
            return
        here = networks.tags.get(network_id, 0)
        before, now = self._led.pop(network_id, {}), self._local(mirror, network_id, members, advertises, plan)
        if now or before:
            flows = local_ip_flows(network_id, here, [now[address] for address in sorted(now)])
            plan.flows[owner_of(network_id)] = flows
        self._note(network_id, here, now)
        for address in sorted(before.keys() | now.keys()) if not first else ():
            was, becomes = (found.get(address) for found in (before, now))
            if (was and (was.inside, was.port.tag)) != (becomes and (becomes.inside, becomes.port.tag)):
                tags = {each.port.tag for each in (was, becomes) if each and each.inside}
                plan.released += [(ZONES + tag, address) for tag in sorted(tags)]

    def _local(
        self, mirror: Mirror, network_id: str, members: Mapping[str, WiredPort], advertises: bool, plan: Plan
    ) -> dict[str, Local]:
        """By address; where several ports are associated with one, the first by its id has it."""
        found: dict[str, Local] = {}
        self._network_of = {id: network for id, network in self._network_of.items() if network != network_id}
        for port_id in sorted(members):
            for item in sorted(mirror.local_ips_by_port.of(port_id), key=lambda item: item.id):
                self._network_of[item.id] = network_id
                problem = problem_of(item, network_id)
                if ":" in item.local_ip and not advertises:
                    problem = problem or NO_ADVERTISEMENTS.format(item.local_ip)
                if problem:
                    plan.problems[Ref("local_ip", item.id)] = problem
                    continue
                address, inside = (str(ip_address(each)) for each in (item.local_ip, item.fixed_ip))
                inside = inside if item.translate and inside != address else ""
                found.setdefault(address, Local(address, members[port_id], inside))
        return found

    def _note(self, network_id: str, tag: int, now: dict[str, Local]) -> None:
        self.zones = {zone: network for zone, network in self.zones.items() if network != network_id}
        if now:
            self._led[network_id] = now
        if any(each.inside for each in now.values()):
            self.zones[ZONES + tag] = network_id
