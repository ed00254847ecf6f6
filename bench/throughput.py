"""TCP between guests of two hosts: what passes through Heddle, as a part of what passes with the same set up by hand.

Several roads between the same two hosts are taken in turns, so that what else the machine does meets all of them
alike; a round has each road once, and a ratio is the median of the rounds' ratios.

    filtered   ports of Heddle's with a security group
    open       ports of Heddle's on a network without port security
    hand       a bridge by hand (`byhand.py`)
    tracked    another, which follows connections
"""

from __future__ import annotations

import functools
import json
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.lab import Lab
from tests.cluster.tenants import Tenant
from tests.real.testhost import TestHost, wait_until

from bench.byhand import ByHand
from bench.rows import Measured
from bench.site import cpu_seconds, family

Road = list[tuple[TestHost, str, str]]
Roads = dict[str, Road]
SETTLE_SECONDS = 0.3


def roads(lab: Lab) -> Roads:
    """Two guests each (host, name, address), who have spoken with each other."""
    tenant = Tenant(lab, "fast")
    filtered = tenant.network("filtered", "10.240.0.0/24", dhcp=False)
    plain = tenant.network("open", "10.241.0.0/24", dhcp=False, port_security_enabled=False)
    found = {"filtered": [tenant.guest(filtered, host) for host in lab.hosts[:2]],
             "open": [tenant.guest(plain, host, groups=False) for host in lab.hosts[:2]]}  # fmt: skip
    tenant.wait()
    made = {name: [(guest.host, guest.name, guest.ip) for guest in guests] for name, guests in found.items()}
    made["hand"] = ByHand(lab, 1, filtered["mtu"]).guests
    made["tracked"] = ByHand(lab, 2, filtered["mtu"], tracked=True).guests
    for name, ((host, guest, _), (_, _, address)) in made.items():
        reached = functools.partial(host.pings, guest, address)
        wait_until(reached, 30, f"the guests of the road {name} reach each other", 0.1)
    return made


def offload(made: Mapping[str, Road], on: bool) -> None:
    """Whether guests and hosts with Linux bridges leave checksums and the cutting of long frames to their cards, as
    the kernel has it: in the lab they are told not to, for the sake of Open vSwitch in userspace."""
    word = "on" if on else "off"
    for host, guest, _ in (end for road in made.values() for end in road):
        host.sh(f"ethtool -K eth0 tx {word} >/dev/null; ip netns exec {guest} ethtool -K eth0 tx {word} >/dev/null")


def one(road: Road, seconds: float) -> tuple[float, float]:
    """Gbit/s that arrived over a road, its first second not counted, and what vswitchd of both hosts spent on it in
    processor time, in ms per Gbit that was sent.  Raises `RuntimeError`."""
    (host, guest, _), (there, sink, address) = road
    listener = there.popen("ip", "netns", "exec", sink, "iperf3", "-s", "-1", stdout=subprocess.DEVNULL)
    wait_until(lambda: ":5201" in there.guest(sink, "ss", "-Hltn"), 10, f"iperf3 listens in {sink}")
    before = sum(cpu_seconds(each) for each in _switches(road))
    said = host.guest(guest, "iperf3", "-c", address, "-t", f"{seconds:g}", "-O", "1", "-J", timeout=seconds + 30)
    used = sum(cpu_seconds(each) for each in _switches(road)) - before
    listener.wait(10)
    rate, sent = received(said)
    # What iperf3 sent in the second that it does not count is not in its report.
    return rate, 1000 * used / (sent * (seconds + 1) / seconds)


def _switches(road: Road) -> list[int]:
    """The processes of Open vSwitch of these hosts, where they have it."""
    return [pid for host in {host.pid for host, _, _ in road} for pid in family(host) if _name(pid) == "ovs-vswitchd"]


def _name(pid: int) -> str:
    """Of a process, "" when it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def received(said: str) -> tuple[float, float]:
    """Gbit/s that arrived and Gbit that were sent, of iperf3's report.  Raises `RuntimeError` with what it says."""
    try:
        report: dict[str, Any] = json.loads(said)
    except ValueError:
        raise RuntimeError(f"iperf3: {said[-300:]}") from None
    if "error" in report:
        raise RuntimeError(f"iperf3: {report['error']}")
    end = report["end"]
    return end["sum_received"]["bits_per_second"] / 1e9, 8 * end["sum_sent"]["bytes"] / 1e9


@dataclass
class Found:
    """Of a road in each round: Gbit/s, and vswitchd's ms per Gbit."""

    rates: list[float] = field(default_factory=list)
    spent: list[float] = field(default_factory=list)


def rounds(made: Mapping[str, Road], count: int, seconds: float) -> dict[str, Found]:
    """What each road had in each round; every second round goes through them from the end."""
    found = {name: Found() for name in made}
    for number in range(count):
        for name in list(made)[:: -1 if number % 2 else 1]:
            rate, spent = one(made[name], seconds)
            found[name].rates.append(rate)
            found[name].spent.append(spent)
            time.sleep(SETTLE_SECONDS)
    return found


def best_third(rates: Sequence[float]) -> float:
    """Their mean: what comes through while others leave the machine alone, which on a busy one says most."""
    return statistics.mean(sorted(rates)[2 * len(rates) // 3 :])


def compared(found: Mapping[str, Found], road: str, other: str) -> Measured:
    """Per cent of what the other road has."""
    ratios = [100 * mine / theirs for mine, theirs in zip(found[road].rates, found[other].rates, strict=True)]
    rates = ", ".join(f"{name} {statistics.median(each.rates):.2f}" for name, each in found.items())
    text = f"median of {len(ratios)} rounds, from {min(ratios):.0f} to {max(ratios):.0f} %; medians in Gbit/s: {rates}"
    text += "; the best thirds: " + ", ".join(f"{name} {best_third(each.rates):.2f}" for name, each in found.items())
    if any(found[road].spent):
        spent = ", ".join(f"{name} {statistics.median(each.spent):.0f}" for name, each in found.items())
        text += f"; vswitchd's processor time in ms per Gbit: {spent}"
    return Measured(statistics.median(ratios), text)
