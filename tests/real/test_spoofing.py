"""What a guest may not claim to be, by the same frames on both data planes.

Each frame that must not arrive (`forged`) stands beside one from the same generator that must (`honest`).  When the
sender's port security is off the forged ones arrive as well: so they are valid, and the way is open.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.fakes.objects import OUT, allow, group, ip, mac, network, port
from tests.real import ipv6_frames as six
from tests.real.conftest import Lab
from tests.real.ipv6_frames import ADVERT, ECHO, ICMPV6, ROUTER, SOLICIT, UDP, frame, ip6, link_local, packet
from tests.real.planes import PLANES, plane_lab
from tests.real.testhost import TestHost, wait_until
from tests.real.traffic import BROADCAST, TOOL, arp, bare, send, udp

from heddle.view.types import AddressPair, FixedIp

MARK = "6865646c652d73706f6f66696e67"  # each frame has it, with a number behind it
ALL = "255.255.255.255"
TWO6, OWN_LINK = (ip6(2), mac(2)), link_local(1)
FIRST = 1320  # bytes; Open vSwitch puts together nothing whose first fragment is below 1280
OTHER_MAC = "02:00:00:00:00:77"


@pytest.fixture(params=PLANES)
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    with plane_lab(request.param, tmp_path) as made:
        yield made


class Frames:
    """What guest 1 sends, with a nonce of 16 bytes (hex) in it."""

    def __init__(self, nonce: str) -> None:
        self.nonce = nonce
        self.option = "fe03" + nonce + "000000000000"  # one that nobody knows (RFC 4861)
        self.prefix = "40000708" + "00000000" * 2 + self.option

    def about(self, address: str, option: str = "") -> str:
        """What a solicitation or advertisement says."""
        return "00000000" + six.hexed(address) + option + self.option

    def v4(self, source: str = ip(1), sender: str = mac(1), ports: tuple[int, int] = (4000, 4000)) -> str:
        return udp(sender, mac(2), source, ip(2), self.nonce, ports)

    def v6(self, source: str = ip6(1), sender: str = mac(1), ports: tuple[int, int] = (4000, 4000)) -> str:
        return packet(sender, source, UDP, six.udp6(source, ip6(2), ports, self.nonce), TWO6)

    def arp(self, sender_mac: str, sender_ip: str, op: int, dst: str = BROADCAST) -> str:
        """About an address that nobody has, with the nonce in what fills the frame up."""
        return arp(sender_mac, sender_ip, "10.0.4.210", dst, mac(1), op) + self.nonce

    def advert(self, address: str, source: str = ip6(1), claimed: str = mac(1)) -> str:
        return frame(1, source, ADVERT, self.about(address, f"0201{bare(claimed)}"))

    def solicit(self, source: str = ip6(1), claimed: str = mac(1)) -> str:
        return frame(1, source, SOLICIT, self.about(ip6(9), f"0101{bare(claimed)}"))

    def behind_options(self, kind: int, body: str) -> str:
        message = six.icmp6(OWN_LINK, kind, body)
        return packet(mac(1), OWN_LINK, six.OPTIONS, six.behind_options(ICMPV6, message))

    def parts6(self, ports: tuple[int, int]) -> tuple[str, ...]:
        """A datagram over IPv6 in two fragments."""
        parts = six.fragments(UDP, six.udp6(ip6(1), ip6(2), ports, "00" * FIRST + self.nonce), FIRST)
        return tuple(packet(mac(1), ip6(1), six.FRAGMENT, part, TWO6) for part in parts)

    def parts4(self, ports: tuple[int, int]) -> tuple[str, ...]:
        """The same over IPv4."""
        whole = udp(mac(1), mac(2), ip(1), ip(2), "00" * FIRST + self.nonce, ports)
        return fragment4(whole, 0, FIRST, True), fragment4(whole, FIRST, 1000, False)


def fragment4(whole: str, first: int, length: int, more: bool) -> str:
    """A fragment of a frame with IPv4: `length` bytes of its payload from `first` on."""
    body = whole[68 + 2 * first : 68 + 2 * (first + length)]
    head = f"4500{20 + len(body) // 2:04x}0001{first // 8 | more << 13:04x}40110000" + whole[52:68]
    total = sum(int(head[at : at + 4], 16) for at in range(0, 40, 4))
    total = (total & 0xFFFF) + (total >> 16)
    return whole[:28] + head[:20] + f"{~total & 0xFFFF:04x}" + head[24:] + body


Cases = dict[str, str | tuple[str, ...]]


def honest(to: Frames) -> Cases:
    return {
        "its MAC and IPv4 address": to.v4(),
        "IPv4 in fragments": to.parts4((4000, 4000)),
        "ARP: asks": to.arp(mac(1), ip(1), 1),
        "ARP: answers": to.arp(mac(1), ip(1), 2, mac(2)),
        "its IPv6 address": to.v6(),
        "its link-local address": to.v6(OWN_LINK),
        "IPv6 in fragments": to.parts6((4000, 4000)),
        "NS: asks": to.solicit(),
        "NA: for its address": to.advert(ip6(1)),
        "DHCPv4: server's port to another one": to.v4(ports=(67, 4000)),
        "DHCPv6: server's port to another one": to.v6(ports=(547, 4000)),
        "an echo": frame(1, OWN_LINK, ECHO, "00010001" + to.nonce),
        "an echo behind options": to.behind_options(ECHO, "00010001" + to.nonce),
    }


def forged(to: Frames) -> Cases:
    return {
        "MAC: nobody's": to.v4(sender=mac(9)),
        "MAC: another's": to.v4(sender=mac(3)),
        "MAC: another's, over IPv6": to.v6(sender=mac(3)),
        "IPv4: another's": to.v4(ip(3)),
        "IPv4: nobody's": to.v4(ip(99)),
        "ARP: asks with another's address": to.arp(mac(1), ip(3), 1),
        "ARP: answers with another's address": to.arp(mac(1), ip(3), 2, mac(2)),
        "ARP: another's MAC inside": to.arp(mac(3), ip(1), 2, mac(2)),
        "IPv6: another's": to.v6(ip6(3)),
        "IPv6: another's link-local": to.v6(link_local(3)),
        "NS: asks with another's address": to.solicit(ip6(3)),
        "NS: another's MAC inside": to.solicit(claimed=mac(3)),
        "NS: probes for another's address": frame(1, "::", SOLICIT, to.about(ip6(3))),
        "NA: for another's address": to.advert(ip6(3)),
        "NA: from another's address": to.advert(ip6(3), ip6(3)),
        "NA: another's MAC inside": to.advert(ip6(1), claimed=mac(3)),
        "DHCPv4: a server's answer": to.v4(ports=(67, 68)),
        "DHCPv4: a server's answer to all": udp(mac(1), BROADCAST, ip(1), ALL, to.nonce, (67, 68)),
        "DHCPv4: a server's answer in fragments": to.parts4((67, 68)),
        "DHCPv6: a server's answer": to.v6(ports=(547, 546)),
        "DHCPv6: a server's answer in fragments": to.parts6((547, 546)),
        "router advertisement": frame(1, OWN_LINK, ROUTER, to.prefix),
        "router advertisement to one": frame(1, OWN_LINK, ROUTER, to.prefix, TWO6),
        "router advertisement behind options": to.behind_options(ROUTER, to.prefix),
    }


def guests(lab: Lab, **sender: object) -> None:
    """Guest 1 sends, guest 2 lets everything in, guest 3 is the one whose addresses are claimed."""
    lab.cloud.put(network(), group("open", *OUT, allow(), allow(ethertype=6)))
    for number in (1, 2, 3):
        _set(lab, number, **(sender if number == 1 else {}))
        lab.plug(number, f"{ip6(number)}/64", f"{ip(number)}/16")
    lab.wait_up(1, 2, 3)


def _set(lab: Lab, number: int, **more: object) -> None:
    fixed = [FixedIp("s4", ip(number)), FixedIp("s6", ip6(number))]
    groups = ("open",) if more.get("port_security", True) else ()
    lab.cloud.port(port(number, groups, fixed_ips=fixed, **more))


def arrived(lab: Lab, *makers: Callable[[Frames], Cases]) -> set[str]:
    """The names of the cases whose frames guest 2 gets from guest 1.

    All are sent, and then honest ones until one of those has come: what has not come by then and a moment later does
    not come.
    """
    names = [name for maker in makers for name in maker(Frames(MARK + "0000"))]
    frames: list[str] = []
    for number, name in enumerate(names):
        made = {key: value for maker in makers for key, value in maker(Frames(f"{MARK}{number:04x}")).items()}[name]
        frames += [made] if isinstance(made, str) else made
    last = f"{MARK}ffff"
    with hearing(lab.host, "g2", MARK) as heard:
        send(lab.host, "g1", *frames)

        def last_comes() -> bool:
            send(lab.host, "g1", Frames(last).v4())
            return any(last in each for each in heard)

        wait_until(last_comes, 20, "the last one arrives")
        time.sleep(0.5)
        return {name for number, name in enumerate(names) if any(f"{MARK}{number:04x}" in each for each in heard)}


@contextlib.contextmanager
def hearing(host: TestHost, guest: str, nonce: str) -> Iterator[list[str]]:
    """The frames with the nonce that a guest has received so far."""
    words = ["ip", "netns", "exec", guest, sys.executable, TOOL, "catch", "eth0", "300", nonce]
    child = host.popen(*words, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    heard: list[str] = []
    reader = threading.Thread(target=lambda: heard.extend(child.stdout or ()), daemon=True)
    reader.start()
    try:
        yield heard
    finally:
        child.kill()
        child.wait()
        reader.join(5)


def test_what_is_not_its_own_does_not_leave_a_guest(lab: Lab) -> None:
    guests(lab)
    names = set(honest(Frames(MARK)))
    assert arrived(lab, honest, forged) == names


def test_it_holds_when_open_vswitch_has_forgotten_everything(tmp_path: Path) -> None:
    with plane_lab("openvswitch", tmp_path) as made:
        guests(made)
        dump = ("ovs-ofctl", "-O", "OpenFlow14", "dump-flows", "br-int")
        before = len(made.host.run(*dump).splitlines())
        made.host.sh("kill -9 $(cat /run/openvswitch/ovs-vswitchd.pid); sleep 0.2")
        made.host.start_vswitchd()
        wait_until(lambda: len(made.host.run(*dump, check=False).splitlines()) == before, 20, "the flows are back")
        assert arrived(made, honest, forged) == set(honest(Frames(MARK)))


def test_the_same_frames_are_valid_and_arrive_without_port_security(lab: Lab) -> None:
    guests(lab, port_security=False)
    to = Frames(MARK)
    assert arrived(lab, honest, forged) == {*honest(to), *forged(to)}


ALLOWED = [
    AddressPair("10.0.9.7", mac(1)), AddressPair("10.0.10.128/25", mac(1)), AddressPair("2001:db8:7::5", mac(1)),
    AddressPair("2001:db8:8::/64", mac(1)), AddressPair("10.0.11.7", OTHER_MAC),
    AddressPair("2001:db8:9::7", OTHER_MAC),
]  # fmt: skip


def claims(to: Frames) -> Cases:
    """What a guest may send with `ALLOWED`."""
    return {
        "IPv4": to.v4("10.0.9.7"), "ARP": to.arp(mac(1), "10.0.9.7", 2, mac(2)),
        "IPv4 prefix": to.v4("10.0.10.130"), "ARP prefix": to.arp(mac(1), "10.0.10.130", 2, mac(2)),
        "IPv6": to.v6("2001:db8:7::5"), "NA": to.advert("2001:db8:7::5"),
        "IPv6 prefix": to.v6("2001:db8:8::99"), "NA prefix": to.advert("2001:db8:8::99"),
        "IPv4 with a MAC": to.v4("10.0.11.7", OTHER_MAC), "IPv6 with a MAC": to.v6("2001:db8:9::7", OTHER_MAC),
    }  # fmt: skip


def beside(to: Frames) -> Cases:
    """What lies next to that."""
    return {
        "beside the prefix": to.v4("10.0.10.127"), "beside the address": to.v4("10.0.9.8"),
        "another pair's MAC": to.v4("10.0.9.7", OTHER_MAC), "its own MAC": to.v4("10.0.11.7"),
        "beside the IPv6 address": to.v6("2001:db8:7::6"), "its own MAC, IPv6": to.v6("2001:db8:9::7"),
        "another pair's MAC, IPv6": to.v6("2001:db8:7::5", OTHER_MAC),
    }  # fmt: skip


def own(to: Frames) -> Cases:
    return {"its own IPv4": to.v4(), "its own IPv6": to.v6()}


def test_an_address_pair_opens_what_it_names_until_it_is_removed(lab: Lab) -> None:
    guests(lab)
    mine, theirs = set(own(Frames(MARK))), set(claims(Frames(MARK)))
    assert arrived(lab, own, claims, beside) == mine
    _set(lab, 1, allowed_address_pairs=ALLOWED)
    wait_until(lambda: arrived(lab, claims) == theirs, 15, "the pairs are in force")
    assert arrived(lab, own, claims, beside) == mine | theirs
    _set(lab, 1)
    wait_until(lambda: not arrived(lab, claims), 15, "the pairs are in force no more")
    assert arrived(lab, own, claims, beside) == mine
