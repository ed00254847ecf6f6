"""Which packets of a host have precedence: those of ports whose policy guarantees them a bandwidth.  Pure.

A port claims its minimum of what its network leaves the host by (`control/claims.py`): the bridge or the card of a
physical network, or all tunnels together.  There, at the network cards, its frames are told by their sender's MAC
address and VLAN; those in tunnels by the inner address and the tunnel's ID.  They go into a queue of their own, which
has at least the minimum, also when others send more than the card can.

What a host tells it can promise of a card is taken for what the card carries: only where the host itself holds frames
back can some of them go first.  Where more is promised than that (`allocation_ratio`) each gets less in proportion,
and a hundredth stays for all others, among which are the questions for addresses that everybody needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from heddle.agent.addresses import checked_mac
from heddle.agent.mirror import Mirror
from heddle.agent.policing import FAMILY, OWN, policy_of
from heddle.agent.tunnel import kind_of
from heddle.host.bridge_links import VXLAN_PORT
from heddle.host.card_queues import FIRST, HANDLE, LAST, Queues
from heddle.host.guard import chain_of
from heddle.host.nft import Chain, Elements, Table
from heddle.view.types import NetworkView, PortView, Segment

TABLE = "heddle_precedence"
TUNNELS = "rp_tunnelled"
_FOR_OTHERS = 100
_PRIORITY = "meta priority"
# Where the tunnel's ID and the inner sender are, in bits after the outer IP header.
_IN_UDP = "@th,96,24 {id} @th,176,48 {mac}"
_INSIDE = {
    "vxlan": f"udp dport {VXLAN_PORT} {_IN_UDP}",
    "geneve": f"udp dport 6081 {_IN_UDP}",
    "gre": "meta l4proto gre @th,32,32 {id} @th,112,48 {mac}",
}


@dataclass(frozen=True, slots=True)
class Promise:
    """What a port is guaranteed, of what (`provider`), and how its frames look there: `number` is a VLAN or the ID in
    tunnels of the kind `tunnel` ("": in none)."""

    port_id: str
    provider: str
    kbps: int
    macs: tuple[str, ...]
    tunnel: str = ""
    number: int = 0


def promises(mirror: Mirror, mappings: Mapping[str, str]) -> list[Promise]:
    """What ports here are guaranteed; `mappings`: the bridge or card by physical network.

    A port with an address that cannot be read has none.
    """
    rates = {policy.id: policy.guaranteed for policy in mirror.policies.values() if policy.guaranteed}
    if not rates:
        return []
    found: list[Promise] = []
    for port in sorted(mirror.ports.values(), key=lambda each: each.id):
        rate = rates.get(policy_of(mirror, port), 0)
        network = mirror.networks.get(port.network_id)
        if rate and network is not None and port.admin_state_up and not port.device_owner.startswith(OWN):
            found += _promise(port, network, rate, mappings)
    return found


def _promise(port: PortView, network: NetworkView, rate: int, mappings: Mapping[str, str]) -> Iterable[Promise]:
    segment = next((each for each in network.segments if _reached(each, mappings)), None)
    tunnel = kind_of(segment) if segment is not None else ""
    if segment is None or not (segment.physical_network or tunnel in _INSIDE):
        return
    provider = mappings[segment.physical_network] if segment.physical_network else TUNNELS
    pairs = (pair.mac_address for pair in port.allowed_address_pairs)
    try:
        macs = tuple(dict.fromkeys(checked_mac(mac) for mac in (port.mac_address, *pairs)))
    except ValueError:
        return
    yield Promise(port.id, provider, rate, macs, tunnel, segment.segmentation_id)


def _reached(segment: Segment, mappings: Mapping[str, str]) -> bool:
    return not segment.physical_network or segment.physical_network in mappings


class Numbers:
    """The numbers of the queues, which ports keep while they have one."""

    def __init__(self) -> None:
        self._of: dict[str, int] = {}

    def follow(self, ports: Iterable[str]) -> dict[str, int]:
        wanted = sorted(ports)
        self._of = {port: number for port, number in self._of.items() if port in set(wanted)}
        taken = set(self._of.values())
        free = (number for number in range(FIRST, LAST) if number not in taken)
        for port in wanted:
            if port not in self._of:
                self._of[port] = next(free)
        return self._of


def queues(kbps: int, made: Iterable[Promise], numbers: Mapping[str, int], one_socket: bool = False) -> Queues:
    """The queues of a card that carries so much; `one_socket` as `Queues` has it."""
    wanted = {numbers[each.port_id]: each.kbps for each in made}
    most = max(1, kbps - max(1, kbps // _FOR_OTHERS))
    promised = sum(wanted.values())
    if promised > most:
        wanted = {number: max(1, rate * most // promised) for number, rate in wanted.items()}
    return Queues(kbps, max(1, kbps - sum(wanted.values())), wanted, one_socket)


def table(cards: Mapping[str, Iterable[Promise]], numbers: Mapping[str, int]) -> Table:
    """What puts frames that leave cards into their queues; the same address twice is the first port's."""
    elements, chains = [], []
    for card, made in sorted(cards.items()):
        every, name = list(made), chain_of(card)
        tagged, plain = _by_sender(every, numbers, tagged=True), _by_sender(every, numbers, tagged=False)
        rules = []
        if tagged:
            elements.append(Elements("map", f"tagged_{name}", f"typeof vlan id . ether saddr : {_PRIORITY}", tagged))
            rules.append(f"ether type 8021q {_PRIORITY} set vlan id . ether saddr map @tagged_{name}")
        if plain:
            elements.append(Elements("map", f"plain_{name}", f"typeof ether saddr : {_PRIORITY}", plain))
            rules.append(f"ether type != 8021q {_PRIORITY} set ether saddr map @plain_{name}")
        rules += [
            f"{_INSIDE[each.tunnel].format(id=each.number, mac='0x' + mac.replace(':', ''))} {_PRIORITY} set "
            f"{_class(each, numbers)} accept"
            for each in every if each.tunnel for mac in each.macs
        ]  # fmt: skip
        hook = f'type filter hook egress device "{card}" priority filter; policy accept;'
        chains.append(Chain(f"egress_{name}", hook, tuple(rules)))
    return Table(FAMILY, TABLE, tuple(elements), tuple(chains))


def _by_sender(made: Iterable[Promise], numbers: Mapping[str, int], tagged: bool) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for each in made:
        if not each.tunnel and bool(each.number) == tagged:
            for mac in each.macs:
                found.setdefault(f"{each.number} . {mac}" if tagged else mac, _class(each, numbers))
    return tuple(f"{key} : {queue}" for key, queue in found.items())


def _class(promise: Promise, numbers: Mapping[str, int]) -> str:
    return f"{HANDLE}{numbers[promise.port_id]:x}"
