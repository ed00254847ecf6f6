"""The matrix: network types x data planes x address families, carried between two real hosts.

A file per data plane makes two joined hosts with an agent each (a `Lab` for each) and asks a `Matrix` for the cells,
whose ids read `<data plane>-<type>-<family>`.  All types are there at once in one cloud; each has two
networks side by side, and a network has two guests on the first host and one on the second:

    number      + 0, + 1 on the first host, + 2 on the second: network "<type>-a"
                + 3, + 4 on the first host, + 5 on the second: network "<type>-b"

`carries` asserts that the guests of a network reach one another, and only they do; `fits` asserts that a packet of the
network's MTU travels whole and that one byte more does not travel in pieces.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import product
from pathlib import Path

import pytest
from msgspec import structs
from tests.fakes.cloud import FakeCloud
from tests.fakes.objects import default_group, ip, mac, port
from tests.real.conftest import Agent, Lab
from tests.real.testhost import PATIENCE, TestHost, host, join, wait_until
from tests.real.traffic import arp, catching, connects, eventually, listening, neighbour_solicitation, send

from heddle.network_types import registry
from heddle.view.types import FixedIp, HostView, NetworkView, Segment

FAMILIES = ("ipv4", "ipv6")
UNDERLAY_MTU = 1500
PER_TYPE = 6
TCP_PORT = {"ipv4": 80, "ipv6": 81}
FRAGMENTS = "ip[6:2] & 0x3fff != 0 or ip6 proto 44 or vlan and (ip[6:2] & 0x3fff != 0 or ip6 proto 44)"
TUNNELS = {4: "172.31.0.{n}", 6: "fd31::{n}"}
NOWHERE = {"ipv4": "10.0.4.210", "ipv6": "2001:db8::4d2"}

Pair = tuple[Lab, Lab]
Segments = dict[str, tuple[Segment, Segment]]


def cells(plane: str, types: Iterable[str]) -> list[object]:
    """The parameters (type, family) of a data plane's cells, for `pytest.mark.parametrize`."""
    found = product(types, FAMILIES)
    return [pytest.param(kind, family, id=f"{plane}-{kind}-{family}") for kind, family in found]


def ip6(number: int) -> str:
    return f"2001:db8::{number:x}"


@dataclass(frozen=True)
class Member:
    """A guest of the matrix: its number, and which of the two hosts it is on."""

    number: int
    place: int

    @property
    def name(self) -> str:
        return f"g{self.number}"

    def address(self, family: str) -> str:
        return ip(self.number) if family == "ipv4" else ip6(self.number)


class Matrix:
    """`segments`: for each type those of its networks a and b.  Makes them and their guests on both hosts.

    `tunnels` is the tunnel address of a host, with `{n}` for its number.
    """

    def __init__(self, labs: Pair, segments: Segments, tunnels: str = TUNNELS[4]) -> None:
        self.labs = labs
        self._types = list(segments)
        overhead = {kind: registry()[kind].overhead for kind in segments}
        self._mtu = {kind: UNDERLAY_MTU - overhead[kind][6 if ":" in tunnels else 4] for kind in segments}
        for lab in labs:
            lab.cloud.put(
                default_group(), *(HostView(id=f"host{n}", tunnel_ip=tunnels.format(n=n)) for n in (1, 2)),
                *(NetworkView(id=f"{kind}-{side}", mtu=self._mtu[kind], segments=[with_overhead(segment)])
                  for kind, both in segments.items() for side, segment in zip("ab", both, strict=True)),
            )  # fmt: skip
        for kind, side in product(segments, "ab"):
            for each in self.members(kind, side):
                self._add(each, kind, side)

    def members(self, kind: str, side: str = "a") -> tuple[Member, Member, Member]:
        first = 1 + PER_TYPE * self._types.index(kind) + (3 if side == "b" else 0)
        return Member(first, 0), Member(first + 1, 0), Member(first + 2, 1)

    def _add(self, member: Member, kind: str, side: str) -> None:
        number, net = member.number, f"{kind}-{side}"
        fixed = [FixedIp(f"{net}-4", ip(number)), FixedIp(f"{net}-6", ip6(number))]
        for lab in self.labs:
            lab.cloud.port(port(number, net=net, fixed_ips=fixed), host=f"host{member.place + 1}")
        lab = self.labs[member.place]
        lab.plug(number, f"{ip6(number)}/64", f"{ip(number)}/16", mtu=self._mtu[kind])

    def wait_up(self, kind: str) -> None:
        for side in "ab":
            for each in self.members(kind, side):
                self.labs[each.place].wait_up(each.number, seconds=30)

    # Cells

    def carries(self, kind: str, family: str) -> None:
        """Guests of a network reach one another, by unicast and broadcast; a network beside it is not touched.

        A local network is one on each host.
        """
        self.wait_up(kind)
        one, near, far = self.members(kind)
        others = self.members(kind, "b")
        reached = [near] if kind == "local" else [near, far]
        self._reaches(one, reached, family)
        self._reaches(others[0], others[1:len(reached) + 1], family)
        silent = [*others, *([far] if kind == "local" else [])]
        for each in silent:
            assert not self._pings(one, each, family, wait=0.5), f"{each} is on another network"
        heard = self._broadcast(one, [near, far, *others], family)
        assert heard == {each.name for each in reached}

    def _reaches(self, one: Member, others: Iterable[Member], family: str) -> None:
        for each in others:
            assert eventually(lambda each=each: self._pings(one, each, family), 10), f"{one} reaches {each}"
            assert self._pings(one, each, family, count=3)
            with listening(self._host(each), each.name, TCP_PORT[family]):
                assert connects(self._host(one), one.name, each.address(family), TCP_PORT[family], 2)

    def _broadcast(self, one: Member, others: Sequence[Member], family: str) -> set[str]:
        """Who hears `one` ask for an address that nobody has."""
        sender, source, target = mac(one.number), one.address(family), NOWHERE[family]
        ask = arp if family == "ipv4" else neighbour_solicitation
        return heard(self.labs, one, others, ask(sender, source, target), ip_address(target).packed.hex())

    def fits(self, kind: str, family: str) -> None:
        """A packet of the network's MTU passes; one byte more, from a guest who does not keep to it, is not cut."""
        self.wait_up(kind)
        one, near, far = self.members(kind)
        other = near if kind == "local" else far
        mtu = self._mtu[kind]
        assert eventually(lambda: self._pings(one, other, family), 10)
        assert self._sized(one, other, family, mtu), f"{mtu} bytes pass"
        device = ("ip", "link", "set", "eth0", "mtu", str(mtu + 1))
        for each in (one, other):
            self._host(each).guest(each.name, *device, check=True)
        try:
            with underlay(self.labs[0].host, FRAGMENTS) as pieces:
                passed = self._sized(one, other, family, mtu + 1)
        finally:
            for each in (one, other):
                self._host(each).guest(each.name, *device[:-1], str(mtu), check=True)
        assert not pieces, f"packets were cut in pieces: {pieces}"
        if kind != "local":
            assert not passed, f"{mtu + 1} bytes do not fit"

    def pieces_are_seen(self, kind: str) -> None:
        """The control of `fits`: what a guest itself cuts is caught on the cable of a physical network."""
        self.wait_up(kind)
        one, _, far = self.members(kind)
        with underlay(self.labs[0].host, FRAGMENTS) as pieces:
            self._host(one).guest(one.name, "ping", "-c1", "-W1", "-s", "3000", far.address("ipv4"))
        assert pieces

    def _sized(self, one: Member, other: Member, family: str, size: int) -> bool:
        """Whether an unfragmented IP packet of `size` bytes comes back."""
        payload = size - (28 if family == "ipv4" else 48)
        command = ("ping", "-n", "-c", "2", "-i", "0.1", "-W", f"{PATIENCE:g}", "-M", "do", "-s", str(payload))
        return "2 received" in self._host(one).guest(one.name, *command, other.address(family))

    def _pings(self, one: Member, other: Member, family: str, count: int = 1, wait: float = 1) -> bool:
        return self._host(one).pings(one.name, other.address(family), count, wait)

    def _host(self, member: Member) -> TestHost:
        return self.labs[member.place].host


def with_overhead(segment: Segment) -> Segment:
    """The segment with what the server adds to it."""
    return structs.replace(segment, overhead=registry()[segment.network_type].overhead[4])


def heard(labs: Pair, sender: Member, others: Sequence[Member], frame: str, nonce: str) -> set[str]:
    """The guests that hear a frame of `sender`, by the nonce (hex) in it."""
    with contextlib.ExitStack() as stack:
        caught = [
            stack.enter_context(catching(lab.host, [each.name for each in others if each.place == place], nonce))
            for place, lab in enumerate(labs)
        ]
        send(labs[sender.place].host, sender.name, frame)
    return {name for found in caught for name, frames in found.items() if frames}


@contextlib.contextmanager
def underlay(test_host: TestHost, filter: str, device: str = "eth0") -> Iterator[list[str]]:
    """What of this kind (a filter of tcpdump) passes the cable meanwhile: a line for each; there after the block."""
    command = ["nsenter", "-t", str(test_host.pid), "-n", "tcpdump", "-i", device, "-n", "-l", "-e", "-U", filter]
    child = subprocess.Popen(command, stdin=-3, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    line = child.stderr.readline()
    while "listening on" not in line:
        assert line, "tcpdump did not start"
        line = child.stderr.readline()
    lines: list[str] = []
    try:
        yield lines
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(0.3)
        child.terminate()
        output, _ = child.communicate(timeout=10 * PATIENCE)
        lines += [line for line in output.splitlines() if line]


@contextlib.contextmanager
def two_hosts(folder: Path, *settings: str, mtu: int = UNDERLAY_MTU) -> Iterator[Pair]:
    """Two hosts, host1 and host2, with an agent of Open vSwitch each; `{n}` in a setting is 1 or 2.

    Two cables join them: br-phy, with the addresses for tunnels, and br-phy2.
    """
    labs: list[Lab] = []
    with host("host1") as one, host("host2") as other:
        join(one, other, mtu=mtu)
        join(one, other, "eth1", "br-phy2", 1, mtu)
        try:
            for number, each in ((1, one), (2, other)):
                labs.append(make_lab(each, folder / str(number), *(text.format(n=number) for text in settings)))
            yield labs[0], labs[1]
        finally:
            for lab in labs:
                lab.agent.stop()
                lab.cloud.stop_serving()


def make_lab(test_host: TestHost, folder: Path, *settings: str) -> Lab:
    """An agent on a host, with a cloud of its own."""
    folder.mkdir()
    cloud = FakeCloud(test_host.name)
    cloud.serve(folder / "bus.sock")
    agent = Agent(test_host, folder / "bus.sock", folder / "log", *settings)
    agent.start()
    wait_until(lambda: cloud.reports, 15, f"the agent reports: {agent.log}")
    return Lab(test_host, cloud, agent)
