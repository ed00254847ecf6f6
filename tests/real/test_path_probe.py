"""How large packets reach other hosts: real ones, over a router and links that are narrow or closed."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from tests.real.testhost import PATIENCE, TestHost, host, wait_until

from heddle.host.netlink import within
from heddle.host.path_probe import Path, probe

SIZE = 1550


@dataclass
class Net:
    """`here` and `near` on one link, `far` behind the router `way` and a link of 1400 bytes."""

    here: TestHost
    near: TestHost
    way: TestHost
    far: TestHost
    version: int

    def at(self, net: int, number: int) -> str:
        return f"10.{net}.0.{number}" if self.version == 4 else f"fd10:{net}::{number}"

    def probe(self, sizes: Mapping[str, int], seconds: float = 3 * PATIENCE) -> dict[str, Path]:
        found = within(f"/proc/{self.here.pid}/ns/net", lambda: probe(self.at(1, 1), sizes, seconds))
        return {path.address: path for path in found}


@pytest.fixture(params=[4, 6])
def net(request: pytest.FixtureRequest) -> Iterator[Net]:
    with ExitStack() as stack:
        names = ("here", "near", "way", "far")
        made = Net(*(stack.enter_context(host(name, ovs=False)) for name in names), version=request.param)
        _cable(made, 1, made.here, made.near, 1600)
        _cable(made, 2, made.here, made.way, 1600)
        _cable(made, 3, made.way, made.far, 1400)
        length = 24 if made.version == 4 else 64
        made.way.sh(f"""
            sysctl -qw net.ipv6.conf.all.forwarding=1
            ip route add {made.at(1, 0)}/{length} via {made.at(2, 1)}
        """)
        made.here.sh(f"ip route add {made.at(3, 0)}/{length} via {made.at(2, 2)}")
        made.far.sh(f"ip route add default via {made.at(3, 1)}")
        made.far.sh("\n".join(f"ip addr add {made.at(3, number)}/{length} dev n3 nodad" for number in (3, 4, 5)))
        made.near.sh(f"ip route add default via {made.at(1, 1)}")
        for address in (made.at(1, 2), made.at(3, 2)):
            ping = f"ping -n -c 1 -W 0.2 -I {made.at(1, 1)} {address} >/dev/null && echo well"
            wait_until(lambda ping=ping: "well" in made.here.sh(ping, check=False), 10, f"{address} is reached")
        yield made


def _cable(made: Net, number: int, one: TestHost, two: TestHost, mtu: int) -> None:
    ends = ["mtu", str(mtu), "netns", str(one.pid), "type", "veth", "peer", "name", f"n{number}", "mtu", str(mtu)]
    words = ["ip", "link", "add", f"n{number}", *ends, "netns", str(two.pid)]
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
    length = 24 if made.version == 4 else 64
    for place, each in ((1, one), (2, two)):
        each.sh(f"""
            sysctl -qw net.ipv6.conf.n{number}.accept_dad=0
            ip addr add {made.at(number, place)}/{length} dev n{number} nodad; ip link set n{number} up
        """)


@pytest.mark.real
def test_each_way_for_itself(net: Net) -> None:
    near, told, dark, refused, silent = net.at(1, 2), net.at(3, 2), net.at(3, 3), net.at(3, 4), net.at(3, 5)
    family = "ip" if net.version == 4 else "ip6"
    length = "ip length" if net.version == 4 else "ip6 length"
    narrow = 1300 if net.version == 4 else 1260
    net.way.sh(f"""
        nft add table {family} t
        nft 'add chain {family} t c {{ type filter hook forward priority 0; }}'
        nft 'add rule {family} t c {family} daddr {dark} {length} > {narrow} drop'
        nft 'add rule {family} t c {family} daddr {silent} drop'
        ip route add unreachable {refused}
    """)
    began = time.monotonic()
    found = net.probe(dict.fromkeys((near, told, dark, refused, silent), SIZE))
    took = time.monotonic() - began
    assert found[near].whole and found[near].passes == SIZE and 0 < found[near].seconds < 1, found[near]
    assert not found[near].mtu and not found[near].trouble, found[near]
    assert found[told].passes == 1400 and not found[told].whole, found[told]
    assert (found[told].mtu, found[told].told_by) == (1400, net.at(2, 2)), found[told]
    assert found[dark].passes == 1300 and not found[dark].whole, found[dark]
    assert not found[refused].passes and f"told by {net.at(2, 2)}" in found[refused].trouble, found[refused]
    assert not found[silent].passes and not found[silent].trouble, found[silent]
    assert took < 3.5 * PATIENCE, took


@pytest.mark.real
def test_what_this_host_itself_cannot_send(net: Net) -> None:
    near, way = net.at(1, 2), net.at(2, 2)
    assert all(path.whole for path in net.probe({near: SIZE, way: SIZE}).values())
    net.here.sh("ip link set n1 mtu 1500")
    found = net.probe({near: SIZE, way: SIZE})
    assert (found[near].passes, found[near].mtu, found[near].told_by) == (1500, 1500, ""), found[near]
    assert found[way].whole, found[way]
    family = "ip" if net.version == 4 else "ip6"
    net.here.sh(f"""
        nft add table {family} t
        nft 'add chain {family} t c {{ type filter hook output priority 0; }}'
        nft 'add rule {family} t c {family} daddr {near} drop'
    """)
    found = net.probe({near: SIZE, way: SIZE})
    assert not found[near].passes and "firewall" in found[near].trouble, found[near]
    assert found[way].whole, found[way]
    with pytest.raises(OSError, match="assign requested address"):
        within(f"/proc/{net.here.pid}/ns/net", lambda: probe(net.at(9, 9), {near: SIZE}, 1))


@pytest.mark.real
def test_a_thousand_at_once(net: Net) -> None:
    """A third of them are silent, and keep nothing from the others."""
    whole = "10.20.0.0/16" if net.version == 4 else "fd20::/64"
    net.near.sh(f"ip route add local {whole} dev lo")
    net.here.sh(f"ip route add {whole} via {net.at(1, 2)}")
    every = [f"10.20.{number // 250}.{number % 250 + 1}" if net.version == 4 else f"fd20::{number + 1:x}"
             for number in range(1000)]  # fmt: skip
    began = time.monotonic()
    found = net.probe(dict.fromkeys(every, SIZE))
    assert all(path.whole for path in found.values()), [path for path in found.values() if not path.whole][:3]
    assert time.monotonic() - began < 1.5 * PATIENCE
    quiet = every[::3]
    family = "ip" if net.version == 4 else "ip6"
    net.near.sh(f"""
        nft add table {family} t
        nft 'add chain {family} t c {{ type filter hook input priority 0; }}'
        nft 'add rule {family} t c {family} daddr {{ {", ".join(quiet)} }} drop'
    """)
    began = time.monotonic()
    found = net.probe(dict.fromkeys(every, SIZE))
    assert {address for address, path in found.items() if path.whole} == set(every) - set(quiet)
    assert not any(found[address].passes for address in quiet)
    assert time.monotonic() - began < 4 * PATIENCE
