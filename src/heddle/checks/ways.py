"""What hosts saw of their ways to others, judged.  Pure.

Where a frame came back through the tunnel, all is well, whatever became of echo requests; where none was to be tried,
these have to be enough.  A host that reaches none of several others is told once; else each pair is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from heddle.checks.base import Finding, failure, unknown
from heddle.view.tunnels import Peer, Way

SHOWN = 20
NAMED = 10
UNTRIED = "See what the log of that host's agent says of tunnels, and what ports br-tun has there (`ovs-vsctl show`)."
CARRIED_BY = {"vxlan": "UDP port 4789", "geneve": "UDP port 6081", "gre": "GRE (IP protocol 47)"}


@dataclass(frozen=True, slots=True)
class Seen:
    """What `host` saw of its way to a peer."""

    host: str
    peer: Peer
    way: Way

    @property
    def well(self) -> bool:
        return self.way.echo > 0 if self.way.kind else self.wide

    @property
    def wide(self) -> bool:
        """Whether packets of the size pass outside tunnels."""
        return self.way.passes >= self.peer.size

    @property
    def pair(self) -> tuple[str, str]:
        one, two = sorted((self.host, self.peer.host))
        return one, two

    @property
    def what(self) -> str:
        """What is wrong with it."""
        way, size = self.way, self.peer.size
        if self.wide:
            return f"frames in {way.kind} do not come back, though packets of {size} bytes do outside tunnels"
        if not way.passes:
            return way.trouble or "nothing comes back"
        told = f"; {way.told_by or 'the sending host'} tells an MTU of {way.mtu}" if way.mtu else ""
        return f"packets of {size} bytes do not pass, the largest that was seen to is {way.passes}{told}"

    @property
    def remedy(self) -> str:
        way, size = self.way, self.peer.size
        if self.wide:
            return (
                f"Let {CARRIED_BY.get(way.kind, way.kind)} pass from each host to the other, also where connections "
                "are not followed (docs/data_planes.md); what both switches have as tunnels `ovs-vsctl show` tells."
            )
        if not way.passes:
            return (
                "See whether the device with agent.tunnel_ip is up there, and whether the way between lets pass what "
                "hosts send each other, echo requests (ICMP) as well."
            )
        return (
            f"Raise the MTU of everything on that way to {size} at least, or lower that of the networks in tunnels by "
            f"{size - way.passes} (`openstack network set --mtu`, and network.path_mtu for new ones)."
        )


def findings(seen: Sequence[Seen], addresses: Mapping[str, str]) -> list[Finding]:
    """One for each host or pair that is not well, at most `SHOWN` and how many more."""
    bad: dict[tuple[str, str], list[Seen]] = {}
    for each in seen:
        if not each.well:
            bad.setdefault(each.pair, []).append(each)
    alone = _cut_off({each.pair for each in seen}, bad.keys())
    of_host: dict[str, list[list[Seen]]] = {}
    for pair, ways in bad.items():
        for host in alone.intersection(pair):
            of_host.setdefault(host, []).append(ways)
    others = [ways for pair, ways in sorted(bad.items()) if not alone.intersection(pair)]
    found = [_of_host(host, of_host[host], addresses) for host in sorted(alone)[:SHOWN]]
    found += [_of_pair(ways, addresses) for ways in others[: SHOWN - len(found)]]
    more = len(alone) + len(others) - len(found)
    return [*found, failure(f"and {more} more hosts or pairs")] if more else found


def untried(seen: Iterable[Seen], able: Collection[str], lacks: Mapping[str, str]) -> list[Finding]:
    """The hosts among `able` that sent others no frames in tunnels: that echo requests pass does not do for these.

    `lacks`: what they say why.
    """
    peers: dict[str, list[str]] = {}
    for each in seen:
        if each.host in able and each.peer.kind and not each.way.kind and each.well:
            peers.setdefault(each.host, []).append(each.peer.host)
    return [unknown(f"{host} sent no frames in tunnels to {_few(names)}: {lacks.get(host) or 'it does not say why'}",
                    node=host, remedy=UNTRIED) for host, names in peers.items()]  # fmt: skip


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _cut_off(pairs: Iterable[tuple[str, str]], bad: Iterable[tuple[str, str]]) -> set[str]:
    """The hosts of several pairs of which all are bad."""
    every, wrong = _counted(pairs), _counted(bad)
    return {host for host, number in wrong.items() if number > 1 and number == every[host]}


def _counted(pairs: Iterable[tuple[str, str]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for pair in pairs:
        for host in pair:
            found[host] = found.get(host, 0) + 1
    return found


def _of_host(host: str, ways: list[list[Seen]], addresses: Mapping[str, str]) -> Finding:
    others = sorted({name for each in ways for name in each[0].pair} - {host})
    every = [each for pair in ways for each in pair]
    worst = _worst(every)
    number = "both" if len(others) == 2 else f"each of the {len(others)}"
    tried = f"{number} hosts that it was tried with ({_few(others)})"
    text = f"between {host} ({addresses[host]}) and {tried}: {worst.what}"
    return failure(text, _evidence(every), node=host, remedy=worst.remedy)


def _of_pair(ways: list[Seen], addresses: Mapping[str, str]) -> Finding:
    """Both directions in one, when the same is wrong with them."""
    first = min(each.host for each in ways)
    forth = list(dict.fromkeys(each.what for each in ways if each.host == first))
    back = list(dict.fromkeys(each.what for each in ways if each.host != first))
    (second,) = set(ways[0].pair) - {first}
    one, two = (f"{name} ({addresses[name]})" for name in (first, second))
    if forth == back:
        text = f"between {one} and {two}: {'; '.join(forth)}"
    else:
        text = f"from {one} to {two}: {'; '.join(forth)}" + (f"; and back: {'; '.join(back)}" if back else "")
    return failure(text, _evidence(ways), node=first, remedy=_worst(ways).remedy)


def _worst(ways: Iterable[Seen]) -> Seen:
    return min(ways, key=lambda each: each.way.passes)


def _evidence(ways: Iterable[Seen]) -> str:
    parts = [f"{each.host} to {each.peer.host}: {each.way.passes} of {each.peer.size} bytes"
             + (f", {each.way.kind} {'answered' if each.way.echo else 'not answered'}" if each.way.kind else "")
             for each in ways]  # fmt: skip
    return "; ".join(parts[:NAMED]) + ("; …" if len(parts) > NAMED else "")
