"""What traffic notices while the control plane dies, restarts and works: the flows, and a table of faults.

`Traffic` is 28 flows of pings every 10 ms and one TCP connection: on the same host, across hosts, routed, to floating
IPs, and between networks and to floating IPs of a highly available and of a distributed router.  The faults are those
of `faults.py`.
As a program it prints the table: hitless.py [--turns N] [--outage SECONDS] [--changes N] [--bridge] [--json FILE]
[ROW...]; exit status 1 when a row of ours lost something, or one of others came back too late.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.faults import LAB, OTHERS, OURS, Fault, Mended
from tests.cluster.lab import Lab
from tests.cluster.tenants import Guest, Tenant
from tests.real.testhost import PATIENCE

TOOL = str(Path(__file__).with_name("flows.py"))
INTERVAL = 0.01
AFTER = 4.0
STARVED, REPEATS = 0.15, 3
KINDS = ("same host", "across hosts", "routed", "floating IP", "HA", "distributed")


@dataclass
class Outcome:
    """What one turn of a row did to the flows: pings sent and lost by kind, and the TCP connection.

    `last`: the moment of the last request without an answer; `gap`: the longest time without answers on a flow; `late`:
    how far behind its time a request was sent at most; all in seconds.  `repeats`: turns before it that say nothing.
    """

    sent: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    where: list[str] = field(default_factory=list)
    stream: dict[str, Any] = field(default_factory=dict)
    last: float = 0.0
    gap: float = 0.0
    late: float = 0.0
    mended: Mended | None = None
    repeats: int = 0

    @property
    def clean(self) -> bool:
        """Whether nothing was lost; of what belongs to others, not after it had to be as before."""
        over = self.mended is not None and self.last - self.mended.since > self.mended.within
        lost = any(self.lost.values()) if self.mended is None else self.last > 0 and over
        return not lost and bool(self.stream.get("whole"))

    @property
    def starved(self) -> bool:
        """Whether the machine had no time for the flows themselves: then it has none for the switches, either."""
        return self.late > STARVED

    @property
    def back(self) -> float:
        """Seconds from the moment that counts until it was back and the last loss was over."""
        if self.mended is None:
            return 0.0
        return max(self.mended.took, self.last - self.mended.since if self.last else 0.0)


def in_time(turn: Callable[[], tuple[bool, float, Any]], repeats: int = REPEATS) -> None:
    """Take turns until one is clean: `turn` answers whether, how late its own pings were, and what it saw.

    Fails at a turn that is not clean though its pings were in time, and when `repeats` more did not help.
    """
    for left in reversed(range(repeats + 1)):
        clean, late, seen = turn()
        if clean:
            return
        assert left and late > STARVED, (seen, late)


class Traffic:
    """The guests of three hosts and what flows between them."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        first, second, third = lab.hosts[:3]
        tenant = self.tenant = Tenant(lab, "flow")
        quotas = ("network", "subnet", "port", "security_group", "security_group_rule")
        body = {"quota": dict.fromkeys(quotas, -1)}
        lab.api.request("PUT", f"/v2.0/quotas/{tenant.group['project_id']}", body)
        outside = tenant.network("outside", "192.0.2.0/24", **{
            "router:external": True, "provider:network_type": "vlan", "provider:physical_network": "physnet1",
            "provider:segmentation_id": 201,
        })  # fmt: skip
        a, b = tenant.network("a", "10.8.0.0/24"), tenant.network("b", "10.9.0.0/24")
        tenant.router("router", a, b, outside=outside["id"])
        a1, a2, a3, a4 = (tenant.guest(a, host) for host in (first, first, second, second))
        b1 = tenant.guest(b, third)
        out = tenant.guest(outside, third, gateway=False)  # of the last host, which always has Open vSwitch
        floating = [
            tenant.make("floatingip", "", floating_network_id=outside["id"], port_id=each.port["id"])
            for each in (a1, a2, a3, a4, b1)
        ]
        self.flows: list[tuple[str, Guest, str]] = []
        for kind, pairs in (
            ("same host", [(a1, a2), (a2, a1), (a3, a4), (a4, a3)]),
            ("across hosts", [(a1, a3), (a3, a1), (a1, a4), (a4, a1), (a2, a3), (a3, a2)]),
            ("routed", [(a1, b1), (b1, a1), (a2, b1), (a3, b1), (b1, a4)]),
        ):
            self.flows += [(kind, source, sink.ip) for source, sink in pairs]
        self.flows += [("floating IP", out, each["floating_ip_address"]) for each in floating]
        self._special("HA", outside, out, 14, ha=True)
        self._special("distributed", outside, out, 16, distributed=True)
        self._talk = (a1, a3)
        tenant.wait()
        for _, source, address in self.flows:
            lab.until(lambda s=source, to=address: s.pings(to), 30, f"{source.name} reaches {address}")
        self._echo = self._start(a3, "echo", "7777")

    def _special(self, kind: str, outside: dict[str, Any], out: Guest, octet: int, **mode: bool) -> None:
        """Flows through a router of another mode: between guests of two networks on two hosts, to their floating IPs,
        and from one of them to the outside."""
        tenant, (first, _, third) = self.tenant, self.lab.hosts[:3]
        left, right = (tenant.network(f"{kind}{each}", f"10.{octet + each}.0.0/24") for each in (0, 1))
        tenant.router(kind, left, right, outside=outside["id"], **mode)
        one, other = tenant.guest(left, first), tenant.guest(right, third)
        self.flows += [(kind, one, other.ip), (kind, other, one.ip), (kind, one, out.ip)]
        floating = tenant.make("floatingip", "", floating_network_id=outside["id"], port_id=other.port["id"])
        self.flows.append((kind, out, floating["floating_ip_address"]))

    def remove(self) -> None:
        """Everything that was made for it."""
        self._echo.kill()
        self._echo.wait()
        self.tenant.remove_all()

    def run(self, fault: Callable[[], Mended | None]) -> Outcome:
        """Let the flows run while the fault happens, from a random moment on, and for a while after it."""
        by_guest: dict[str, tuple[Guest, list[str]]] = {}
        for _, source, address in self.flows:
            by_guest.setdefault(source.name, (source, []))[1].append(address)
        pings = {
            name: self._start(source, "ping", str(INTERVAL), *addresses)
            for name, (source, addresses) in by_guest.items()
        }
        source, sink = self._talk
        stream = self._start(source, "stream", str(INTERVAL), sink.ip, "7777")
        time.sleep(random.uniform(1.0, 2.0))
        mended = fault()
        time.sleep(AFTER)
        for child in (*pings.values(), stream):
            assert child.stdin is not None
            child.stdin.close()
        found = {name: json.loads(_last(child)) for name, child in pings.items()}
        made = self._outcome(found, json.loads(_last(stream)))
        made.mended = mended
        return made

    def row(self, fault: Fault, name: str) -> Outcome:
        """One turn; again, at most three times, while the machine starves, where what was lost says nothing."""
        repeats = 0
        while not (made := self.run(getattr(fault, name))).clean and made.starved and repeats < REPEATS:
            print(f"{name}: the flows themselves were {made.late:.2f} s late, again: {made.where}", file=sys.stderr)
            recovered(self.lab, self)
            repeats += 1
        made.repeats = repeats
        return made

    def _outcome(self, found: dict[str, Any], stream: dict[str, Any]) -> Outcome:
        made = Outcome(dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0), [], stream)
        for kind, source, address in self.flows:
            one = found[source.name][address]
            made.sent[kind] += one["sent"]
            made.lost[kind] += one["lost"]
            made.last, made.gap = max(made.last, one["last"]), max(made.gap, one["gap"])
            made.late = max(made.late, one["late"])
            if one["lost"]:
                made.where.append(f"{source.name} -> {address} ({kind}): {one['lost']} lost at {one['at']} s")
        if not stream["whole"]:
            made.where.append(f"the TCP connection: {stream}")
        return made

    def _start(self, guest: Guest, *words: str) -> subprocess.Popen[str]:
        child = guest.host.popen(
            "ip", "netns", "exec", guest.name, sys.executable, TOOL, *words, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        return child


def _last(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    text = child.stdout.read()
    child.wait(60 * PATIENCE)
    return text


def recovered(lab: Lab, traffic: Traffic) -> None:
    """The control plane works again: a new guest on each host is wired and reached."""
    lab.until(lambda: _heard(lab), 60, "all agents report again")
    network = traffic.tenant.network(f"after{random.randrange(10**6)}", "10.10.0.0/24")
    guests = [traffic.tenant.guest(network, host) for host in lab.hosts]
    traffic.tenant.wait(60)
    for guest in guests[1:]:
        lab.until(lambda to=guest.ip: guests[0].pings(to), 30, f"{guests[0].name} reaches {guest.name}")
    traffic.tenant.remove(network, guests)


def _heard(lab: Lab) -> bool:
    try:
        return lab.alive() == {host.name for host in lab.hosts}
    except Exception:
        return False


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="What traffic notices of faults of the control plane.")
    rows = (*OURS, *OTHERS)
    parser.add_argument("rows", nargs="*", choices=[*rows, []], metavar="ROW", help=f"of {', '.join(rows)}")
    parser.add_argument("--turns", type=int, default=20, help="of each row")
    parser.add_argument("--outage", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--changes", type=int, default=1000, help="of the busy tenant")
    parser.add_argument("--bridge", action="store_true", help="the second host has Linux bridges")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write each turn there")
    args = parser.parse_args(words)
    if args.turns < 1 or args.outage < 0 or args.changes < 20:
        parser.error("--turns is from 1, --outage from 0, --changes from 20")
    lab = Lab(3, servers=2, of_agents=LAB, bridges=(2,) if args.bridge else ())
    told: dict[str, list[Outcome]] = {}
    try:
        lab.start()
        traffic = Traffic(lab)
        fault = Fault(lab, args.outage, args.changes)
        kinds = "".join(f"{kind:>14}" for kind in KINDS)
        print(f"{'row':<18}{'turns':>6}{'pings':>10}{kinds}{'TCP':>6}{'gap s':>8}{'again':>7}{'back s':>8}", flush=True)
        for row in args.rows or rows:
            told[row] = _row(lab, traffic, fault, row, args.turns)
    finally:
        lab.stop()
    if args.json:
        whole = {row: [{**asdict(each), "clean": each.clean} for each in found] for row, found in told.items()}
        args.json.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    return 0 if all(each.clean for found in told.values() for each in found) else 1


def _row(lab: Lab, traffic: Traffic, fault: Fault, row: str, turns: int) -> list[Outcome]:
    found = []
    for turn in range(turns):
        if sys.stderr.isatty():
            print(f"\r{row}: {turn + 1} of {turns}", end="", file=sys.stderr, flush=True)
        found.append(traffic.row(fault, row))
        recovered(lab, traffic)
    lost = "".join(f"{sum(each.lost[kind] for each in found):>14}" for kind in KINDS)
    sent = sum(sum(each.sent.values()) for each in found)
    broken = sum(not each.stream["whole"] for each in found)
    repeats = sum(each.repeats for each in found)
    gap, back = max(each.gap for each in found), max(each.back for each in found)
    late = f"{back:>8.2f}" if row in OTHERS else ""
    figures = f"{turns:>6}{sent:>10}{lost}{broken:>6}{gap:>8.2f}{repeats:>7}{late}"
    print(f"\r{row.replace('_', ' '):<18}{figures}", flush=True)
    for each in found:
        for line in () if each.clean else each.where:
            print(f"    {line}")
    return found


if __name__ == "__main__":
    sys.exit(main())
