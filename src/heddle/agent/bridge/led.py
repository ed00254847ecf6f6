"""Local IPs on a host with Linux bridges: an address that leads to a port of this host.  Pure.

    who has it?   the bridge answers, as it does for ports in tunnels: the address is a neighbour with the associated
                  port's MAC, of which it is told that it may answer for what is behind that port
    to it         once a frame is marked with its sender's groups, what goes to the address gets the associated port's
                  MAC, and in the mode "translate" its address; all that follows sees that one
    from there    what answers a translated connection gets the local IP as its source again, after all rules

Which connections are translated is kept in their mark: the number of the local IP, which a frame bears beside that of
its sender's groups from the bridge's table to that of the rules, and on the way back from those to the bridge's.  The
associated port itself, and whoever comes by an uplink, reach the port that holds the address.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from heddle.agent.bridge.ports import NUMBERS, SHIFT, BridgePort, bridge_name, device_names
from heddle.agent.local_ips import problem_of
from heddle.agent.mirror import Mirror
from heddle.host.announce import Announcement
from heddle.host.bridge_links import Entry
from heddle.host.nft import Chain, Elements
from heddle.view.types import Ref

MOST = NUMBERS >> SHIFT
BEFORE, AFTER = "prerouting priority dstnat + 1", "forward priority 10"  # after the filter's own chains there
LEAD = ("iifname . ip daddr vmap @led4", "iifname . ip6 daddr vmap @led6")


@dataclass(frozen=True, slots=True)
class Led:
    """`inside` is the address of the associated port, "" where that knows the local IP; `devices` are led there."""

    number: int
    network: str
    address: str
    port: BridgePort
    inside: str
    devices: tuple[str, ...]

    @property
    def family(self) -> str:
        return "ip6" if ":" in self.address else "ip"

    @property
    def mark(self) -> str:
        return f"0x{self.number << SHIFT:08x}"

    @property
    def chain(self) -> str:
        return f"{self.number:03x}"


@dataclass
class Leads:
    led: list[Led] = field(default_factory=list)
    problems: dict[Ref, str] = field(default_factory=dict)


def leads(mirror: Mirror, ports: dict[str, BridgePort], network_of: dict[str, str]) -> Leads:
    """Of the local IPs that lead to ports here; where several lead elsewhere, the first port by its id has it."""
    made = Leads()
    if not mirror.local_ips:
        return made
    on: dict[str, list[str]] = {}
    for port_id, port in ports.items():
        on.setdefault(network_of[port_id], []).append(port.device)
    taken: dict[int, tuple[str, str]] = {}
    for item in sorted(mirror.local_ips.values(), key=lambda each: (each.port_id, each.id)):
        network = network_of.get(item.port_id, "")
        if not network:
            continue
        if problem := problem_of(item, network):
            made.problems[Ref("local_ip", item.id)] = problem
            continue
        address, inside = (str(ip_address(each)) for each in (item.local_ip, item.fixed_ip))
        if (network, address) not in taken.values():
            if not (number := _number(network, address, taken)):
                made.problems[Ref("local_ip", item.id)] = f"a host with Linux bridges leads at most {MOST} local IPs"
                continue
            port = ports[item.port_id]
            others = tuple(sorted(device for device in on[network] if device != port.device))
            target = inside if item.translate and inside != address else ""
            made.led.append(Led(number, network, address, port, target, others))
    return made


def _number(network: str, address: str, taken: dict[int, tuple[str, str]]) -> int:
    """The same after a restart; 0 when there are too many."""
    digest = hashlib.blake2b(f"{network} {address}".encode(), digest_size=4).digest()
    number = int.from_bytes(digest, "big") % MOST + 1
    for _ in range(MOST):
        if taken.setdefault(number, (network, address)) == (network, address):
            return number
        number = number % MOST + 1
    return 0


def led_entries(entries: Iterable[Entry], led: Sequence[Led]) -> set[Entry]:
    """The forwarding entries of a host: on its bridges the local IPs are neighbours behind their associated ports."""
    mine = {(bridge_name(each.network), each.address): each.port.mac for each in led}
    kept = {each for each in entries if each.kind != "neighbour" or (each.device, each.address) not in mine}
    kept |= {Entry(bridge, "neighbour", mac, address) for (bridge, address), mac in mine.items()}
    return kept | {Entry(each.port.device, "port", each.port.mac) for each in led}


def handed_back(before: Sequence[Led], now: Sequence[Led], mirror: Mirror) -> list[Announcement]:
    """What tells those who were led that the port which holds the address has it again, where there is one."""
    kept = {(each.network, each.address) for each in now}
    found = []
    for each in before:
        if (each.network, each.address) in kept:
            continue
        for holder in mirror.neighbours_by_network.of(each.network):
            if each.address in (fixed.ip_address for fixed in holder.fixed_ips):
                own = device_names(holder.id)
                devices = (name for name in (*each.devices, each.port.device) if name not in own)
                found += [Announcement(name, holder.mac_address, each.address) for name in devices]
    return found


def led_elements(led: Sequence[Led]) -> list[Elements]:
    """Of the table of the family bridge: who is led to which chain."""
    if not led:
        return []
    items = {
        family: tuple(sorted(f'"{device}" . {each.address} : goto led_{each.chain}'
                             for each in led if each.family == family for device in each.devices))
        for family in ("ip", "ip6")
    }  # fmt: skip
    backs = tuple(sorted(f"{each.mark} : goto back_{each.chain}" for each in led if each.inside))
    return [
        Elements("map", "led4", "ifname . ipv4_addr : verdict", items["ip"]),
        Elements("map", "led6", "ifname . ipv6_addr : verdict", items["ip6"]),
        Elements("map", "backs", "mark : verdict", backs),
    ]


def led_chains(led: Sequence[Led], others: str) -> list[Chain]:
    """`others` lets pass what is on bridges of others."""
    chains = []
    for each in sorted(led, key=lambda each: each.number):
        there = [f"{each.family} daddr set {each.inside}"] if each.inside else []
        seen = [f"meta mark set meta mark | {each.mark}"] if each.inside else []
        chains.append(Chain(f"led_{each.chain}", "", (*there, f"ether daddr set {each.port.mac}", *seen, "accept")))
        if each.inside:
            back = f"{each.family} saddr {each.inside} {each.family} saddr set {each.address}"
            chains.append(Chain(f"back_{each.chain}", "", (back, "meta mark set 0x00000000")))
    if led:
        before, after = (f"type filter hook {where}; policy accept;" for where in (BEFORE, AFTER))
        chains.append(Chain("leads", before, LEAD))
        chains.append(Chain("backs", after, (others, f"meta mark & 0x{NUMBERS:08x} vmap @backs")))
    return chains


def translations(led: Sequence[Led]) -> tuple[tuple[str, ...], list[Chain]]:
    """Of the table of rules: what begins the judgement of a frame, and what follows it."""
    if not any(each.inside for each in led):
        return (), []
    first = (
        f"iifname @bridges ct direction original ct mark set meta mark & 0x{NUMBERS:08x}",
        f"iifname @bridges meta mark set meta mark & 0x{~NUMBERS & 0xFFFFFFFF:08x}",
    )
    back = f"iifname @bridges ct direction reply ct mark & 0x{NUMBERS:08x} != 0x00000000 meta mark set ct mark"
    hook = "type filter hook forward priority filter + 10; policy accept;"
    return first, [Chain("led", hook, (back,))]
