"""Security groups as an nftables table of the family inet, which sees the frames of the bridges (br_netfilter).  Pure.

    zone      the connections of a network are of its own zone, so that equal addresses of two networks never meet
    egress    what a guest sends, by the profile that the frame is marked with; after the connection was looked up
    ingress   what a guest receives, once for each guest that it goes to

**State.**  A rule judges a connection, not a frame: by the addresses and ports with which it began, whichever way the
frame goes.  So the side that began it is judged by the rules for what it sends, the other by those for what it
receives, each on every frame.  What a rule allowed ends with the rule, at once and in the same transaction, and nothing
has to be remembered about who agreed: a connection made on another way still meets the rules of its receiver.

**Profiles.**  Ports with the same set of groups share two chains: `began_` for the connections that they begin and
`met_` for those that they meet.  The members of a group are a set of addresses that all rules use which name the group.
Groups without state have rules that judge each frame as it is.

**Tunnels.**  What carries the frames between hosts is a packet of the host itself, and no connection of a guest: it is
not looked up in the connection table, which would cost it as much as all of the above.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network

from heddle.agent.bridge.division import quoted
from heddle.agent.bridge.filter import TABLE, bridges_of
from heddle.agent.bridge.led import Led, translations
from heddle.agent.bridge.logged import LIMIT, SUPPRESSED, telling_chains, verdicts
from heddle.agent.bridge.members import Members
from heddle.agent.bridge.ports import BRIDGE, LocalNetwork
from heddle.agent.pipeline import STATELESS
from heddle.agent.security import ICMP, ICMPV6, SCTP, TCP, UDP
from heddle.host.bridge_links import VXLAN_PORT
from heddle.host.nft import Chain, Elements, Limit, Table
from heddle.view.types import RuleView

PORTS = {TCP: "tcp", UDP: "udp", SCTP: "sctp"}
DCCP, UDPLITE = 33, 136
UNTRACKED = {DCCP: "dccp", UDPLITE: "udplite"}  # whose ports a connection does not tell, or not on every kernel
NO_STATE = (
    "the kernel's connection table takes UDP-Lite's checksums for wrong (it checks them as those of UDP): let its "
    "ports in by groups without state, on both sides"
)
NAMES = {**PORTS, ICMP: "icmp", ICMPV6: "ipv6-icmp"}
ALWAYS_OUT = (
    "meta nfproto ipv4 udp sport 68 udp dport 67 accept",
    "meta nfproto ipv6 udp sport 546 udp dport 547 accept",
    "icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, nd-router-solicit, nd-neighbor-solicit, "
    "nd-neighbor-advert, mld2-listener-report } accept",
)
ALWAYS_IN = (
    "meta nfproto ipv4 udp sport 67 udp dport 68 accept",
    "meta nfproto ipv6 udp sport 547 udp dport 546 accept",
    "icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, nd-router-advert, nd-neighbor-solicit, "
    "nd-neighbor-advert, mld2-listener-report } accept",
)


@dataclass(frozen=True, slots=True)
class Profile:
    """A set of groups that ports here have, and their rules; `logged`: what is told of its packets.

    A port that is logged has a profile for itself, so that the mark of a packet says whose it is.
    """

    number: int
    groups: frozenset[str]
    rules: tuple[RuleView, ...] = ()
    logged: frozenset[str] = frozenset()

    @property
    def stateless(self) -> bool:
        return bool(self.number & STATELESS)


@dataclass
class Compiled:
    """`problems`: why something could not be taken, by the rule's id or "<group>/<CIDR>"; the rest is in `table`."""

    table: Table
    problems: dict[str, str] = field(default_factory=dict)


def rules_table(
    profiles: Sequence[Profile], members: Mapping[str, Members], networks: Iterable[LocalNetwork],
    led: Sequence[Led] = (), limit: Limit = LIMIT,
) -> Compiled:
    """`members` by group; those of groups that no rule names are left out.  `led`: what leads to ports here; `limit`:
    of what is told of packets.
    """
    local = sorted(networks, key=lambda each: each.bridge)
    problems: dict[str, str] = {}
    chains: list[Chain] = []
    named: set[str] = set()
    for profile in sorted(profiles, key=lambda each: each.number):
        named |= {rule.remote_group for rule in profile.rules if rule.remote_group in members}
        for direction, name in (("egress", "began"), ("ingress", "met")):
            mine = [rule for rule in profile.rules if rule.direction == direction]
            accept, drop = verdicts(direction, profile.logged, profile.stateless)
            lines = [line for rule in mine for line in _lines(rule, profile, members, problems, accept)]
            chains.append(Chain(f"{name}_{profile.number:08x}", "", tuple(dict.fromkeys([*lines, drop]))))
    sets = [item for group in sorted(named) for item in members[group].sets()]
    for group in sorted(named):
        problems |= members[group].problems
    zones = tuple(f"{quoted(each.bridge)} : {each.zone}" for each in local)
    elements = (bridges_of(local), Elements("map", "zones", "typeof iifname : ct zone", zones), *_maps(profiles), *sets)
    telling = telling_chains() if any(profile.logged for profile in profiles) else ()
    ends = sorted({each.end for each in local if each.end})
    table = Table("inet", TABLE, elements, (*telling, *chains, *_base(led, ends)), (SUPPRESSED,), limits=(limit,))
    return Compiled(table, problems)


def _maps(profiles: Sequence[Profile]) -> list[Elements]:
    """Which chain judges a frame, by the mark and the direction in its connection."""
    kept = sorted((each for each in profiles if not each.stateless), key=lambda each: each.number)
    plain = sorted((each for each in profiles if each.stateless), key=lambda each: each.number)
    found = []
    for name, original, reply in (("senders", "began", "met"), ("receivers", "met", "began")):
        items = []
        for each in kept:
            items.append(f"0x{each.number:08x} . original : goto {original}_{each.number:08x}")
            items.append(f"0x{each.number:08x} . reply : goto {reply}_{each.number:08x}")
        found.append(Elements("map", name, "mark . ct_dir : verdict", tuple(items)))
        items = [f"0x{each.number:08x} : goto {original}_{each.number:08x}" for each in plain]
        found.append(Elements("map", f"plain_{name}", "mark : verdict", tuple(items)))
    return found


def _base(led: Sequence[Led], ends: Sequence[str]) -> list[Chain]:
    """Established connections of TCP, which are most of the frames, meet nothing but their profile's rules: what has
    a profile's mark is of the bridges, for the numbers of profiles are hashes of 23 bits."""
    first, after = translations(led)
    known = "meta l4proto tcp ct state established meta mark . ct direction vmap"
    ours = "iifname != @bridges accept"
    unmarked = "meta mark 0x00000000 accept"
    return [
        Chain("zone", "type filter hook prerouting priority raw; policy accept;",
              (f'iifname "{BRIDGE}*" ct zone set iifname map @zones accept', *_untracked("daddr", ends))),
        *([Chain("tunnels", "type filter hook output priority raw; policy accept;", tuple(_untracked("saddr", ends)))]
          if ends else []),
        Chain("egress", "type filter hook prerouting priority mangle; policy accept;", (
            *first, unmarked, f"{known} @senders", ours, *ALWAYS_OUT, "meta mark vmap @plain_senders",
            "ct state related accept", "meta mark . ct direction vmap @senders", "drop",
        )),
        Chain("ingress", "type filter hook forward priority filter; policy accept;", (
            unmarked, f"{known} @receivers", ours, *ALWAYS_IN, "meta mark vmap @plain_receivers",
            "ct state related accept", "meta mark . ct direction vmap @receivers", "drop",
        )),
        *after,
    ]  # fmt: skip


def _untracked(side: str, ends: Sequence[str]) -> list[str]:
    return [f"{'ip6' if ':' in end else 'ip'} {side} {end} udp dport {VXLAN_PORT} notrack" for end in ends]


def _lines(
    rule: RuleView, profile: Profile, members: Mapping[str, Members], problems: dict[str, str], accept: str
) -> list[str]:
    """A rule as the lines that accept; a rule that cannot be taken is a problem and gives none."""
    try:
        services = services_of(rule, profile.stateless)
        peers = _peers(rule, profile, members)
    except ValueError as error:
        problems[rule.id] = str(error)
        return []
    return [" ".join(part for part in (peer, each, accept) if part) for each in services for peer in peers]


def _peers(rule: RuleView, profile: Profile, members: Mapping[str, Members]) -> list[str]:
    """What is matched of the other side: one of several expressions.  Raises `ValueError`."""
    side = "saddr" if rule.direction == "ingress" else "daddr"
    family = "ip" if rule.ethertype == 4 else "ip6"
    key = f"{family} {side}" if profile.stateless else f"ct original {family} {side}"
    if rule.remote_group:
        group = members.get(rule.remote_group)
        return [f"{key} {name}" for name in group.peers(rule.ethertype)] if group else []
    network = ip_network(rule.remote_cidr or ("0.0.0.0/0" if rule.ethertype == 4 else "::/0"), strict=False)
    if network.version != rule.ethertype:
        raise ValueError(f"{rule.remote_cidr} is not an IPv{rule.ethertype} network")
    if not network.prefixlen:
        return [f"meta nfproto ipv{rule.ethertype}"]
    return [f"{key} {network.network_address if network.prefixlen == network.max_prefixlen else network}"]


def services_of(rule: RuleView, stateless: bool) -> list[str]:
    """Protocol and ports of a rule, each way to say it; "" for anything.  Raises `ValueError` for what is not matched.

    The type and code of an ICMP message are where other protocols have the destination's port.  Of protocols whose
    ports the connection table may not have, each frame's own are looked at: answers come from the rule's port.
    """
    protocol = ICMPV6 if rule.ethertype == 6 and rule.protocol == ICMP else rule.protocol
    if protocol < 0:
        return [""]
    if rule.port_min < 0 and rule.port_max < 0:
        return [f"meta l4proto {NAMES.get(protocol, protocol)}"]
    if protocol in (ICMP, ICMPV6):
        return [_icmp(rule, protocol, stateless)]
    if protocol not in PORTS | UNTRACKED:
        raise ValueError(f"nftables cannot match ports of the IP protocol {protocol}")
    low = max(rule.port_min, 0)
    high = rule.port_max if rule.port_max >= 0 else low
    if not low <= high <= 0xFFFF:
        raise ValueError(f"not a range of ports: {low}-{high}")
    if (low, high) == (0, 0xFFFF):
        return [f"meta l4proto {NAMES.get(protocol, protocol)}"]
    ports = str(low) if low == high else f"{low}-{high}"
    name = {**PORTS, **UNTRACKED}[protocol]
    if stateless:
        return [f"{name} dport {ports}"]
    if protocol == UDPLITE:
        raise ValueError(NO_STATE)
    if protocol == DCCP:
        return [f"ct direction original {name} dport {ports}", f"ct direction reply {name} sport {ports}"]
    return [f"meta l4proto {name} ct original proto-dst {ports}"]


def _icmp(rule: RuleView, protocol: int, stateless: bool) -> str:
    kind, code = max(rule.port_min, 0), rule.port_max
    if stateless:
        name = "icmp" if protocol == ICMP else "icmpv6"
        return f"{name} type {kind}" + (f" {name} code {code}" if code >= 0 else "")
    first = kind << 8 | max(code, 0)
    numbers = str(first) if code >= 0 else f"{first}-{first | 0xFF}"
    return f"meta l4proto {NAMES[protocol]} ct original proto-dst {numbers}"
