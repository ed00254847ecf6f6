"""Which ports meet, on networks where not all do (`kinds.py`), as elements and chains of the filter.  Pure.

A frame for a port that does not meet all is marked with the kind of its sender: by the device that it came from, or
by its source MAC where it came by an uplink; a MAC of the cloud's own that is not known here has no kind there.  The
receiver's device and that mark together must be among what meets.  Without such ports there is nothing of this in the
filter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from heddle.agent.bridge.ports import BridgePort, LocalNetwork
from heddle.agent.kinds import OF_OURS, OPEN, heard_by, told
from heddle.host.nft import Chain, Elements

DIVIDED = {"to_guest": "divided_guest", "plain": "divided_plain"}


def quoted(name: str) -> str:
    return f'"{name}"'


class Division:
    """`_kinds`: marks by device; `_elsewhere`: by uplink and MAC; `_unknown`: uplinks by how the cloud's MACs begin;
    `_meeting`: receivers, and the marks of whom they meet."""

    def __init__(self, ports: Sequence[BridgePort], networks: Sequence[LocalNetwork]) -> None:
        self._kinds: list[str] = []
        self._elsewhere: list[str] = []
        self._unknown: dict[str, list[str]] = {}
        self._meeting: list[str] = []
        divided = {port.network_id for port in ports if not port.meets_all}
        for network in networks:
            if network.id in divided:
                self._add(network, [port for port in ports if port.kind and port.network_id == network.id])

    def _add(self, network: LocalNetwork, ports: Sequence[BridgePort]) -> None:
        here = {port.kind for port in ports if port.kind is not None}
        pairs = heard_by(here, here | {kind for _, kind in network.elsewhere if kind is not None})
        heard = {sender for sender, _ in pairs}
        for port in ports:
            if port.kind in heard:
                self._kinds.append(f"{quoted(port.device)} : {_mark(port.kind.number)}")
            marks = {sender.number for sender, receiver in pairs if receiver == port.kind}
            self._meeting += [f"{quoted(port.device)} . {_mark(each)}" for each in marks]
        if not network.uplink:
            return
        if network.outside:
            self._kinds.append(f"{quoted(network.uplink)} : {_mark(OPEN.number)}")
            if network.ours:
                self._unknown.setdefault(network.ours, []).append(quoted(network.uplink))
        for mac, kind in told(pairs, dict(network.elsewhere), network.outside, network.ours).items():
            self._elsewhere.append(f"{quoted(network.uplink)} . {mac} : {_mark(kind.number if kind else 0)}")

    def elements(self) -> Iterator[Elements]:
        if self._meeting:
            yield Elements("map", "kinds", "ifname : mark", tuple(sorted(self._kinds)))
            yield Elements("map", "kinds_elsewhere", "ifname . ether_addr : mark", tuple(sorted(self._elsewhere)))
            yield Elements("set", "meeting", "ifname . mark", tuple(sorted(self._meeting)))

    def chains(self) -> Iterator[Chain]:
        if self._meeting:
            for way, name in DIVIDED.items():
                yield Chain(name, "", (
                    "meta mark set 0x00000000",
                    "meta mark set iifname map @kinds",
                    *(f"iifname {{ {', '.join(sorted(uplinks))} }} ether saddr & {OF_OURS} == {ours}:00:00:00 "
                      "meta mark set 0x00000000" for ours, uplinks in sorted(self._unknown.items())),
                    "meta mark set iifname . ether saddr map @kinds_elsewhere",
                    f"oifname . meta mark @meeting goto {way}",
                    "drop",
                ))  # fmt: skip


def _mark(number: int) -> str:
    return f"0x{number:08x}"
