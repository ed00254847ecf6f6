"""The kernel's connections through a router: each is seen as it began and as it is answered, and cut by what it is.

Runs in a process with a network namespace of its own, whose entries the program `conntrack` makes and lists.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from heddle.host import conntrack
from heddle.host.conntrack import Passing
from heddle.host.netlink import NETFILTER, Netlink

PLAIN = ["-s", "10.0.1.10", "-d", "10.0.2.10", "-r", "10.0.2.10", "-q", "10.0.1.10"]
TRANSLATED = ["-s", "10.0.1.11", "-d", "192.0.2.7", "-r", "192.0.2.7", "-q", "203.0.113.10"]
LED = ["-s", "192.0.2.8", "-d", "203.0.113.20", "-r", "10.0.2.11", "-q", "192.0.2.8"]
SIX = ["-s", "fd00:1::10", "-d", "fd00:2::10", "-r", "fd00:2::10", "-q", "fd00:1::10"]
SEEN = [tuple(each[1::2]) for each in (PLAIN, TRANSLATED, LED, SIX)]


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_connections_are_seen_and_cut_by_their_ends() -> None:
    done = subprocess.run(["unshare", "-n", sys.executable, __file__], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "well\n"), done.stdout + done.stderr


def inside() -> str:
    for place, each in enumerate((PLAIN, TRANSLATED, LED, SIX)):
        more = ["-p", "udp", "--sport", str(5000 + place), "--dport", "53", "--reply-port-src", "53",
                "--reply-port-dst", str(5000 + place), "-t", "60"]  # fmt: skip
        subprocess.run(["conntrack", "-I", *each, *more], check=True, capture_output=True)
    seen: list[Passing] = []
    with contextlib.closing(Netlink(NETFILTER)) as filter:
        namespace: Any = SimpleNamespace(filter=filter)

        def cut(doomed: Callable[[Passing], bool]) -> int:
            return conntrack.cut_where(namespace, doomed)

        assert cut(lambda each: bool(seen.append(each))) == 0
        assert sorted(tuple(map(str, each)) for each in seen) == sorted(SEEN), seen
        assert cut(lambda each: each.target != each.answerer) == 1
        assert cut(lambda each: each.source.version == 6) == 1
        left: list[Passing] = []
        assert cut(lambda each: bool(left.append(each))) == 0
        assert sorted(str(each.source) for each in left) == ["10.0.1.10", "10.0.1.11"]
        assert cut(lambda each: True) == 2 and cut(lambda each: True) == 0
    return "well"


if __name__ == "__main__":
    print(inside())
