"""Private VLANs and subnets apart, with packets: a host with Linux bridges and one with Open vSwitch, joined.

Every guest sends every other, on its own host and on the other one, the same frames, as one who has all addresses by
heart: questions to everybody (ARP, neighbour discovery), answers nobody asked for, datagrams over IPv4 and IPv6, one
to everybody.  The control is the same network while it is no private VLAN: there all hear all.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from tests.fakes.objects import OUT, allow, group, ip, mac, port
from tests.real import ipv6_frames as six
from tests.real.bridgehost import behind_switch, bridge_host, cable, start
from tests.real.conftest import Lab
from tests.real.ipv6_frames import ip6
from tests.real.matrix import make_lab
from tests.real.testhost import PATIENCE, host, wait_until
from tests.real.traffic import TOOL, arp, bare, catching, eventually, send, udp

from heddle.view.types import FixedIp, HostView, NetworkView, PortView, Segment

NONCE = "7072697661746521"
PROMISCUOUS, ISOLATED, RED, BLUE = ("promiscuous", ""), ("isolated", ""), ("community", "red"), ("community", "blue")
KINDS = dict(enumerate((PROMISCUOUS, ISOLATED, ISOLATED, RED, RED, BLUE) * 2, 1))
MEETS = {PROMISCUOUS: {*KINDS.values()}, ISOLATED: {PROMISCUOUS}, RED: {PROMISCUOUS, RED}, BLUE: {PROMISCUOUS, BLUE}}
FRAMES = {"ask all", "ask all 6", "tell", "tell 6", "datagram", "datagram 6", "to all 6"}
Heard = dict[tuple[int, int], set[str]]


class Pair:
    """Guests 1 to 6 on the host with Linux bridges, 7 to 12 on that with Open vSwitch, all on one network."""

    def __init__(self, labs: tuple[Lab, Lab], segment: Segment) -> None:
        self.labs = labs
        self.network = NetworkView(id="private", mtu=1450, segments=[segment])
        self.ports = {number: self._port(number) for number in KINDS}
        for lab in labs:
            hosts = [HostView(id=f"host{n}", tunnel_ip=f"172.31.0.{n}") for n in (1, 2)]
            lab.cloud.put(*hosts, group("open", *OUT, allow(), allow(ethertype=6)), self.network)
        for number in KINDS:
            self.put(number)
            self.lab(number).plug(number, f"{ip6(number)}/64", f"{ip(number)}/16")
        for number in KINDS:
            self.lab(number).wait_up(number, seconds=30)

    def _port(self, number: int) -> PortView:
        fixed = [FixedIp(f"s{number % 2}-4", ip(number)), FixedIp(f"s{number % 2}-6", ip6(number))]
        return port(number, ("open",), "private", fixed_ips=fixed)

    def lab(self, number: int) -> Lab:
        return self.labs[number > 6]

    def put(self, number: int, kind: tuple[str, str] = ("", "")) -> None:
        view = structs.replace(self.ports[number], pvlan_type=kind[0], pvlan_community=kind[1])
        for lab in self.labs:
            lab.cloud.port(view, host=f"host{1 + (number > 6)}")

    def divide(self, kinds: Mapping[int, tuple[str, str]]) -> None:
        for number, kind in kinds.items():
            self.put(number, kind)

    def heard(self) -> Heard:
        """What each guest hears of each other one."""
        senders = {bare(mac(number)): number for number in KINDS}
        found: Heard = {(one, other): set() for one in KINDS for other in KINDS if one != other}
        children = {number: self._catch(number) for number in KINDS}
        for child in children.values():
            assert child.stdout.readline() == "ready\n"
        for number in KINDS:
            send(self.lab(number).host, f"g{number}", *self._frames(number))
        time.sleep(0.7 * PATIENCE)
        for number, child in children.items():
            child.kill()
            for frame in child.communicate(timeout=10 * PATIENCE)[0].split():
                found[senders[frame[12:24]], number].add(_what(frame))
        return found

    def _catch(self, number: int) -> Any:
        command = ("ip", "netns", "exec", f"g{number}", sys.executable, TOOL, "catch", "eth0", "120", NONCE)
        return self.lab(number).host.popen(*command, stdout=subprocess.PIPE, text=True)

    def _frames(self, one: int) -> list[str]:
        own, own6 = ip(one), ip6(one)
        about = "00000000" + six.hexed(ip6(99)) + "fe02" + NONCE + "0" * 12
        frames = [
            arp(mac(one), own, "10.0.9.9") + NONCE,
            six.frame(one, own6, six.SOLICIT, about),
            six.packet(mac(one), own6, six.UDP, six.udp6(own6, six.EVERYBODY[0], (4000, 4000), NONCE)),
        ]
        for other in set(KINDS) - {one}:
            there = (ip6(other), mac(other))
            told = "60000000" + six.hexed(own6) + "0201" + bare(mac(one)) + "fe02" + NONCE + "0" * 12
            frames += [
                arp(mac(one), own, ip(other), mac(other), op=2) + NONCE,
                udp(mac(one), mac(other), own, ip(other), NONCE),
                six.packet(mac(one), own6, six.UDP, six.udp6(own6, ip6(other), (4000, 4000), NONCE), there),
                six.frame(one, own6, six.ADVERT, told, there),
            ]
        return frames

    def becomes(self, expected: Heard) -> None:
        found: Heard = {}

        def is_so() -> bool:
            nonlocal found
            found = self.heard()
            return found == expected

        eventually(is_so, 30)
        wrong = {pair: (found[pair], expected[pair]) for pair in expected if found[pair] != expected[pair]}
        logs = "\n".join(lab.agent.log[-1500:] for lab in self.labs)
        assert not wrong, f"(found, expected): {wrong}\n{logs}"

    def pings(self, one: int, address: str) -> bool:
        return self.lab(one).host.pings(f"g{one}", address)

    def knows(self, one: int, address: str) -> bool:
        """Whether a guest has asked for an address and been told a MAC."""
        self.pings(one, address)
        return "lladdr" in self.lab(one).host.guest(f"g{one}", "ip", "neigh", "show", address)

    def forget(self) -> None:
        for number in KINDS:
            self.lab(number).host.guest(f"g{number}", "ip", "neigh", "flush", "all")


def _what(frame: str) -> str:
    many, kind = int(frame[1], 16) & 1, frame[24:28]
    if kind == "0806":
        return "ask all" if many else "tell"
    if kind == "0800":
        return "datagram"
    if frame[40:42] == "11":
        return "to all 6" if many else "datagram 6"
    return "ask all 6" if many else "tell 6"


def table(kinds: Mapping[int, tuple[str, str]]) -> Heard:
    pairs = [(one, other) for one in kinds for other in kinds if one != other]
    return {(one, other): FRAMES if kinds[other] in MEETS[kinds[one]] else set() for one, other in pairs}


@pytest.fixture(params=["vxlan", "flat"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    with bridge_host("host1") as one, host("host2") as other:
        for net, device in enumerate(("eth0", "eth1")):
            cable(one, other, device, None if net else 0)
            behind_switch(other, device, f"br-phy{net}", 2, net)
        cards, bridges = "agent.physical_interface_mappings=physnet1:eth1", "agent.bridge_mappings=physnet1:br-phy1"
        labs = (
            start(one, tmp_path / "1", cards, "agent.tunnel_ip=172.31.0.1"),
            make_lab(other, tmp_path / "2", bridges, "agent.tunnel_ip=172.31.0.2"),
        )
        try:
            yield Pair(labs, Segment("vxlan", "", 77) if request.param == "vxlan" else Segment("flat", "physnet1"))
        finally:
            for lab in labs:
                lab.agent.stop()
                lab.cloud.stop_serving()


def test_who_hears_whom(pair: Pair) -> None:
    everything: Heard = dict.fromkeys(table(KINDS), FRAMES)
    pair.becomes(everything)
    pair.divide(KINDS)
    pair.becomes(table(KINDS))
    pair.forget()
    for one, far, promiscuous in ((2, 8, 7), (8, 2, 1), (5, 9, 7), (11, 3, 1)):
        for address in (ip, ip6):
            assert eventually(lambda a=address, o=one, p=promiscuous: pair.pings(o, a(p)), 10)
            assert pair.knows(one, address(promiscuous)) and not pair.knows(one, address(far))
    changed = KINDS | {2: RED, 8: RED, 4: ISOLATED, 7: BLUE, 6: PROMISCUOUS}
    pair.divide({number: changed[number] for number in (2, 8, 4, 7, 6)})
    pair.becomes(table(changed))
    pair.divide(dict.fromkeys(KINDS, ("", "")))
    pair.becomes(everything)


@pytest.mark.parametrize("pair", ["flat"], indirect=True)
def test_who_is_not_known_yet_is_no_stranger(pair: Pair) -> None:
    """A stranger from the physical network is heard by all; with a MAC of the cloud's own, by promiscuous guests only:
    it is a port that the host will be told of.  A guest of this host that is on its way to the other is who it was."""
    pair.divide(KINDS)
    pair.becomes(table(KINDS))
    for near, far, number in ((*pair.labs, 1), (*reversed(pair.labs), 7)):
        guests = f"g{number}", f"g{number + 1}"
        for source, heard in (
            ("02:00:00:00:00:99", set(guests)), ("fa:16:3e:99:99:99", {guests[0]}), (mac(number), set(guests)),
            (mac(number + 2), {guests[0]}),
        ):  # fmt: skip
            with catching(near.host, list(guests), NONCE, 1) as caught:
                frame = arp(source, "10.0.9.8", "10.0.9.9") + NONCE
                far.host.run(sys.executable, TOOL, "send", "eth1", frame)
            assert {guest for guest, frames in caught.items() if frames} == heard, source


def test_subnets_apart(pair: Pair) -> None:
    for lab in pair.labs:
        lab.cloud.put(structs.replace(pair.network, subnets_apart=True))
    for number in (1, 8):  # the cloud's own, of either subnet, and on either host
        pair.ports[number] = structs.replace(pair.ports[number], device_owner="network:dhcp", security_groups=[])
        pair.put(number)
    own = {1, 8}
    pair.becomes({
        (one, other): FRAMES if one % 2 == other % 2 or own & {one, other} else set() for one, other in table(KINDS)
    })  # fmt: skip


@pytest.mark.parametrize("place", [0, 1], ids=["linuxbridge", "openvswitch"])
def test_nobody_else_has_a_gap(pair: Pair, place: int, tmp_path: Path) -> None:
    """While kinds change, the agent restarts and everything is compared anew, who may meet goes on meeting."""
    lab, base = pair.labs[place], 6 * place
    pair.divide(KINDS)
    for number in (4, 5):
        for other in (1, 4, 5):
            assert number == other or eventually(lambda n=number, o=other: pair.pings(base + n, ip(base + o)), 10)
    running = [
        lab.host.popen("ip", "netns", "exec", f"g{base + one}", "ping", "-n", "-i", "0.05", "-W", "2", ip(base + other),
                       stdout=-1, text=True)
        for one, other in ((4, 5), (5, 1))
    ]  # fmt: skip
    for kind in (RED, PROMISCUOUS, BLUE, ISOLATED):
        pair.put(base + 2, kind)
        pair.put(12 - base - 3, kind)
        wait_until(
            lambda k=kind: pair.pings(base + 2, ip(base + 4)) == (k in (RED, PROMISCUOUS)), 20, f"{kind} is in"
        )
    lab.agent.stop(9)
    lab.agent.start()
    reports = len(lab.cloud.reports)
    wait_until(lambda: len(lab.cloud.reports) > reports + 1, 30, "the agent reports again")
    for child in running:
        inside = int(Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text(encoding="ascii").split()[0])
        os.kill(inside, signal.SIGINT)
        said = child.communicate(timeout=20)[0]
        sent, received = map(int, re.findall(r"(\d+) packets transmitted, (\d+) received", said)[0])
        assert sent > 20 and received >= sent - 1, f"all but the one under way have come back: {said}"
    assert not pair.pings(base + 2, ip(base + 4)) and pair.pings(base + 2, ip(base + 1))
