"""The kernel's connection table: a mark is set on the connection that is named, and on no other.

Runs in a process with a network namespace of its own, whose entries the program `conntrack` makes and lists.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys

import pytest

from heddle.host import conntrack
from heddle.host.connection import CUT, Tracked
from heddle.host.netlink import NETFILTER, Netlink

FOUR = ("10.0.0.1", "10.0.0.2")
SIX = ("2001:db8::1", "2001:db8::2")


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("named", [
    Tracked(7, 6, *FOUR, 5000, 80), Tracked(7, 17, *FOUR, 5000, 53), Tracked(7, 6, *SIX, 5000, 80),
    Tracked(7, 1, *FOUR, 99, 8), Tracked(7, 58, *SIX, 99, 128),
])  # fmt: skip
def test_only_the_connection_that_is_named_is_marked(named: Tracked) -> None:
    command = ["unshare", "-n", sys.executable, __file__, json.dumps(named)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    first, *marked = json.loads(done.stdout)
    assert first == [["7", "3"], ["8", "3"], ["9", "3"]]
    assert marked == 2 * [[["7", "4"], ["8", "3"], ["9", "3"]]], "once, and once more"


def inside(named: Tracked) -> None:
    """Mark one of three connections twice, and one that is not there; print the marks of all before and after."""
    near = named._replace(zone=9, source_port=named.source_port + 1)
    for each in (named, named._replace(zone=8), near):
        make(each)
    said = [marks()]
    with contextlib.closing(Netlink(NETFILTER)) as netlink:
        for _ in range(2):
            assert not conntrack.mark(netlink, [named, near._replace(zone=7)], CUT)
            said.append(marks())
    print(json.dumps(said))


def make(each: Tracked) -> None:
    """An entry with the mark 3."""
    words = ["-w", str(each.zone), "-s", each.source, "-d", each.target, "-t", "60", "-m", "3"]
    if each.protocol in (1, 58):
        name = "icmp" if each.protocol == 1 else "icmpv6"
        words += ["-p", name, f"--{name}-type", str(each.target_port), f"--{name}-code", "0"]
        words += [f"--{name}-id", str(each.source_port)]
    else:
        words += ["-p", str(each.protocol), "--sport", str(each.source_port), "--dport", str(each.target_port)]
        words += ["--state", "ESTABLISHED"] if each.protocol == 6 else []
    subprocess.run(["conntrack", "-I", *words], check=True, capture_output=True)


def marks() -> list[tuple[str, str]]:
    """Zone and mark of every entry."""
    lines: list[str] = []
    for family in ("ipv4", "ipv6"):
        done = subprocess.run(["conntrack", "-L", "-f", family], check=True, capture_output=True, text=True)
        lines += done.stdout.splitlines()
    found = [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines]
    return sorted((each.get("zone", "0"), each["mark"]) for each in found)


if __name__ == "__main__":
    inside(Tracked(*json.loads(sys.argv[1])))
