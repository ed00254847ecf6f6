"""What it costs to carry connections to another host: `python -m bench.carried [--count N]`, as root.

Two namespaces and two carriers, as on two hosts; connections are made in the one and arrive in the other.  CPU is that
of each carrier's thread alone; bytes are those that went over the link, signatures and all.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time

from heddle.agent.ha.connections.carrier import Carrier, Routed
from heddle.host import netns
from heddle.host.carried import TCP, Connection
from heddle.host.carried_keep import Keeper

HOSTS = {"a": "127.0.0.1", "b": "127.0.0.2"}
INSIDE = "HEDDLE_BENCH_CARRIED"
SECONDS = 120.0


class Counted:
    """A carrier in a thread, whose CPU is told."""

    def __init__(self, name: str) -> None:
        self.carrier = Carrier(name, HOSTS[name], 7171, b"k" * 32)
        others = {other: address for other, address in HOSTS.items() if other != name}
        self.carrier.carry({"r": Routed(name, name == "a", 1, others)})
        self.cpu = 0.0
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            self.carrier.step(0.05)
            self.cpu = time.thread_time()


def connection(number: int) -> Connection:
    guest = bytes((10, number >> 24, number >> 16 & 255, number >> 8 & 255))
    ports = (1024 + (number & 255)).to_bytes(2, "big")
    original = guest + bytes((9, 9, 9, 9)) + ports + b"\0\x50"
    reply = bytes((9, 9, 9, 9, 203, 0, number >> 16 & 255, 1)) + b"\0\x50" + (number & 0xFFFF).to_bytes(2, "big")
    return Connection(TCP, original, reply, 6, 3600, bytes((3, 7, 7, 1, 1)))


def until(condition: object, what: str) -> None:
    end = time.monotonic() + SECONDS
    while not condition():  # type: ignore[operator]
        if time.monotonic() > end:
            sys.exit(f"not within {SECONDS:g} s: {what}")
        time.sleep(0.05)


def sent() -> int:
    """Bytes over the loopback."""
    with open("/proc/net/dev", encoding="ascii") as lines:
        return next(int(line.split()[9]) for line in lines if line.strip().startswith("lo:"))


def count_of(keeper: Keeper) -> int:
    return len(keeper.connections())


def measure(count: int) -> None:
    os.system("ip link set lo up")
    for name in HOSTS:
        netns.create(name)
    here, there = Keeper("a"), Keeper("b")
    a, b = Counted("a"), Counted("b")
    until(lambda: b.carrier.receiver.is_complete("r"), "the standby has been told")
    many = [connection(number) for number in range(count)]

    def phase(what: str, wanted: int, do: object) -> None:
        before, cpu, begun = sent(), (a.cpu, b.cpu), time.monotonic()
        do()  # type: ignore[operator]
        until(lambda: count_of(there) == wanted, what)
        time.sleep(0.3)
        each = 10_000 / count
        print(f"{what:<22}{(a.cpu - cpu[0]) * each:>14.3f}{(b.cpu - cpu[1]) * each:>14.3f}"
              f"{(sent() - before) / count:>12.1f}{time.monotonic() - begun:>9.2f}", flush=True)  # fmt: skip

    print(f"{count} connections       CPU s per 10,000: tells         keeps       bytes  seconds")
    phase("new", count, lambda: here.put(many))
    phase("gone", 0, lambda: here.drop(each.name for each in many))
    print(f"overruns: {a.carrier.sources['r'].overruns}")


def main() -> None:
    parser = argparse.ArgumentParser(description="What it costs to carry connections to another host.")
    parser.add_argument("--count", type=int, default=20_000)
    args = parser.parse_args()
    if os.environ.get(INSIDE):
        measure(args.count)
        return
    os.environ[INSIDE] = "1"
    command = 'mount -t tmpfs tmpfs /run && exec "$0" "$@"'
    os.execvp("unshare", ["unshare", "-n", "-m", "sh", "-c", command, sys.executable, "-m", "bench.carried",
                          "--count", str(args.count)])  # fmt: skip


if __name__ == "__main__":
    main()
