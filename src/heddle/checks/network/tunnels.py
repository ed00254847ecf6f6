"""Hosts reach each other through tunnels with packets as large as their networks need.

Each host looks at those with which it shares a network in tunnels (a port of it, or of another that a distributed
router joins to it): at 64 of them at most, spread evenly over all, each tried three times.  It has its switch send a
frame of the network's whole MTU in the tunnel, under the tunnel ID 0, which no network has, and the other host's switch
sends it back: it takes the way of guests' frames, through the same firewalls, encapsulation and MTUs.  It also sends
echo requests outside tunnels, as large as such packets are and not to be fragmented, and looks for the largest that
passes, which tells what is in the way.  To and from hosts with Linux bridges, and those whose agent is of an older
release, there are echo requests only: they do not show whether a firewall lets the tunnels themselves pass.  Of a host
whose switch should have sent frames and did not, it is unknown whether its tunnels work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from ipaddress import ip_address

from heddle.checks.base import Check, Finding, Level, failure, not_applicable, unknown, well
from heddle.checks.context import Context
from heddle.checks.heard import NOBODY, Heard, heard
from heddle.checks.pairs import Group, Need, Pairs, pairs, several
from heddle.checks.questions import Said, unanswered
from heddle.checks.ways import Seen, findings, untried
from heddle.network_types import registry
from heddle.store.query import hosts
from heddle.store.query.meshes import Mesh, meshes
from heddle.view.tunnels import Peer, Tunnels, TunnelsQuestion

MOST = 64
ANSWERS = "answers_in_tunnels"


def check(context: Context) -> list[Finding]:
    types = [name for name, kind in registry().items() if kind.uplink.kind == "tunnel"]
    with context.cloud() as tx:
        if (told := heard(context, tx)) is None:
            return [NOBODY]
        every, wanted = hosts.every(tx), meshes(tx, types)
    addresses = {host.name: host.tunnel_ip for host in every if host.tunnel_ip and host.name in told.hosts}
    chosen = _chosen(groups(wanted, addresses), sorted(addresses))
    if not any(each.total for each in chosen):
        return [not_applicable("no two hosts that report have ports of one network in tunnels")]
    able = {agent.host for agent in told.agents if agent.configurations.get(ANSWERS)}
    asked = _questions(chosen, addresses, able)
    answers = context.ask_each(asked)
    return _twice(addresses) + _judged(asked, answers, addresses, able) or [_all_well(asked, answers, chosen, told)]


def groups(wanted: Collection[Mesh], addresses: Mapping[str, str]) -> set[Group]:
    """Who has to reach whom with packets of what size on the way, which the IP version of their addresses makes."""
    by_version = {version: frozenset(name for name, text in addresses.items() if ip_address(text).version == version)
                  for version in (4, 6)}  # fmt: skip
    found = set()
    for mesh in wanted:
        kind = registry()[mesh.network_type]
        for version, names in by_version.items():
            need = Need(mesh.mtu + kind.overhead[version], mesh.mtu, kind.uplink.encapsulation or kind.name)
            found.add(Group(need, mesh.hosts & names))
    return {group for group in found if len(group.hosts) > 1}


def _chosen(every: Collection[Group], names: list[str]) -> list[Pairs]:
    """For each kind of tunnels."""
    kinds = sorted({group.need.kind for group in every})
    return [pairs([group for group in every if group.need.kind == kind], names, MOST) for kind in kinds]


def _questions(
    chosen: Collection[Pairs], addresses: Mapping[str, str], able: Collection[str]
) -> dict[str, TunnelsQuestion]:
    peers: dict[str, list[Peer]] = {}
    for each in chosen:
        for host, others in each.by_host.items():
            peers.setdefault(host, []).extend(
                Peer(name, addresses[name], need.size, need.kind if name in able else "", need.mtu)
                for name, need in others.items()
            )
    return {host: TunnelsQuestion(every) for host, every in peers.items()}


def _judged(
    asked: Mapping[str, TunnelsQuestion], answers: Mapping[str, Said], addresses: Mapping[str, str],
    able: Collection[str],
) -> list[Finding]:
    looked = {host: each for host, each in answers.items() if isinstance(each, Tunnels)}
    found = [failure(f"{host}: {each.problem}", node=host) for host, each in sorted(looked.items()) if each.problem]
    seen = _seen(asked, looked)
    found += _untold(asked, seen, {host for host, each in looked.items() if not each.problem})
    found += findings(seen, addresses) + untried(seen, able, {host: each.lack for host, each in looked.items()})
    return found + unanswered({host: each for host, each in answers.items() if host not in looked})


def _seen(asked: Mapping[str, TunnelsQuestion], looked: Mapping[str, Said]) -> list[Seen]:
    return [
        Seen(host, peer, way)
        for host, each in sorted(looked.items()) if isinstance(each, Tunnels)
        for peer, way in zip(asked[host].peers, each.ways, strict=False) if peer.host == way.host
    ]  # fmt: skip


def _untold(asked: Mapping[str, TunnelsQuestion], seen: Collection[Seen], looked: Collection[str]) -> list[Finding]:
    """Hosts that answer, and not of all the ways that they were asked for."""
    told = Counter(each.host for each in seen)
    return [unknown(f"{host} tells of {told[host]} of {len(asked[host].peers)} ways", node=host)
            for host in sorted(looked) if told[host] < len(asked[host].peers)]  # fmt: skip


def _all_well(
    asked: Mapping[str, TunnelsQuestion], answers: Mapping[str, Said], chosen: Collection[Pairs], told: Heard
) -> Finding:
    seen = _seen(asked, answers)
    largest = max((each.peer.size for each in seen), default=0)
    slowest = max((each.way.echo or each.way.seconds for each in seen), default=0.0)
    total, inside = sum(each.total for each in chosen), sum(bool(each.way.kind) for each in seen)
    outside = f"; {len(seen) - inside} by echo requests only, which firewalls may treat otherwise than tunnels"
    return well(
        f"{len(asked)} hosts reach each other with packets of up to {largest} bytes{told.beside}",
        f"{len(seen)} of {total} ways tried, {inside} by frames in tunnels{outside if len(seen) > inside else ''}; "
        f"the slowest took {1000 * slowest:.1f} ms",
    )


def _twice(addresses: Mapping[str, str]) -> list[Finding]:
    """Hosts that say they have the same address."""
    return [failure(f"{', '.join(names)} have the same tunnel address {address}", address, node=names[-1],
                    remedy="Give each host an agent.tunnel_ip of its own.")
            for address, names in several(sorted(addresses.items())).items()]  # fmt: skip


CHECK = Check(
    id="network-tunnels",
    title="Tunnels reach every host with whole packets",
    reads="frames of each host that others send back through tunnels, and echo requests that may not be fragmented",
    severity=Level.FAILURE,
    remedy="Give the host an address that one of its devices has (agent.tunnel_ip), and all devices on the way an MTU "
    "for the networks in tunnels (docs/networks.md).",
    check=check,
)
