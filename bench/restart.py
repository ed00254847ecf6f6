"""The agent's restart: with 200 ports, of which 20 are new, 20 gone and 5 have damaged flows when it comes back.

The agent is killed and its supervisor held; meanwhile the API makes and deletes ports, guests are plugged and
unplugged, and flows are deleted or given other actions.  The clock starts when the supervisor goes on, so that
the start of the process counts.  `ovs-ofctl dump-flows` is taken again and again; afterwards the last dump is
proved right, and the first from which on all are equal to it tells when the host was in sync.  Right means: the
damaged flows are as they were, no flow names a port that is gone, and every port there is answers pings.
Throughout, 20 flows of other ports are pinged every 10 ms.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.real.testhost import TestHost, wait_until

from bench.dataplane import check_pings
from bench.guests import Guest, Net
from bench.pings import Stream
from bench.rows import Measured
from bench.site import Site, cpu_seconds

ADDED, DELETED, DAMAGED, FLOWS = 20, 20, 5, 20
SETTLE_SECONDS = 8.0


def dump(host: TestHost) -> list[str]:
    """The flows of br-int and br-tun as vswitchd has them, without counters."""
    found = []
    for bridge in ("br-int", "br-tun"):
        text = host.run("ovs-ofctl", "-O", "OpenFlow14", "--no-stats", "--no-names", "dump-flows", bridge)
        found += [f"{bridge} {line.strip()}" for line in text.splitlines() if "actions" in line]
    return sorted(found)


@dataclass
class Dumps:
    """Dumps one after the other, until `stop`: (when it was begun, the flows)."""

    host: TestHost
    taken: list[tuple[float, list[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.taken.append((time.monotonic(), dump(self.host)))
            self._stop.wait(0.1)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def in_sync_at(taken: list[tuple[float, list[str]]]) -> float:
    """When the first dump was begun from which on all are the same as the last."""
    last = taken[-1][1]
    when = taken[-1][0]
    for begun, flows in reversed(taken):
        if flows != last:
            break
        when = begun
    return when


def match_of(line: str) -> str:
    """The bridge and match part of a dumped flow, as `ovs-ofctl --strict` takes it back."""
    words = line.split(" ", 1)[1].split(" actions=")[0]
    kept = [part.strip() for part in words.split(",")]
    return ",".join(part for part in kept if part and not part.startswith("cookie="))


def damage(host: TestHost, flows: list[str], victims: list[Guest]) -> list[str]:
    """Delete a flow of some guests and give those of others another action; returns the flows as they were."""
    broken = []
    for number, guest in enumerate(victims):
        line = next(each for each in flows if each.startswith("br-int") and f"dl_src={guest.mac}" in each)
        verb, rest = ("mod-flows", ",actions=drop") if number % 2 else ("del-flows", "")
        host.run("ovs-ofctl", "-O", "OpenFlow14", "--strict", verb, "br-int", match_of(line) + rest)
        broken.append(line)
    left = set(dump(host)) & set(broken)
    if left:
        raise RuntimeError(f"flows could not be damaged: {sorted(left)}")
    return broken


def restart(cloud: Site, net: Net, far: Sequence[Guest] = ()) -> tuple[Measured, Measured]:
    """`net` has 200 guests that are up; those of `far`, on other hosts, send half of the pings.

    Returns the time until it was in sync, and the pings that were lost meanwhile.
    """
    guests = list(net.guests.values())
    pinged, gone, victims = guests[:40], guests[40 : 40 + DELETED], guests[60 : 60 + DAMAGED]
    added = net.make(ADDED)
    before = dump(cloud.host)
    pairs = list(zip([*pinged[: FLOWS - len(far)], *far], pinged[FLOWS:], strict=True))
    if silent := sum(check_pings(source, [sink]) for source, sink in pairs):
        raise RuntimeError(f"{silent} of {FLOWS} guests do not answer before the restart")
    stream = Stream([(source, sink.address) for source, sink in pairs])
    stream.start()
    quiet = time.monotonic()
    time.sleep(1)
    cloud.kill_agent()
    away = time.monotonic()
    time.sleep(1)
    changing = time.monotonic()
    net.unplug(gone)
    net.delete_ports(gone)
    net.post(added)
    net.plug(added)
    broken = damage(cloud.host, before, victims)
    time.sleep(2)
    dumps = Dumps(cloud.host)
    started = time.monotonic()
    cloud.release()
    try:
        ids = {each.port_id for each in added}
        wait_until(lambda: all(net.statuses().get(id) == "ACTIVE" for id in ids), 60, "the new ports are ACTIVE", 0.1)
        active, used = time.monotonic() - started, cpu_seconds(cloud.agent())
        time.sleep(SETTLE_SECONDS)
    finally:
        dumps.stop()
        stream.finish()
    net.discard(gone)
    _check(net, dumps.taken[-1][1], broken, gone)
    took = in_sync_at(dumps.taken) - started
    detail = f"{len(before)} flows; new ports ACTIVE after {active:.2f} s, of which {used:.2f} s processor time of the "
    detail += f"agent; dumps every {_period(dumps):.2f} s"
    lost = stream.lost(started, time.monotonic())
    others = {"before": (quiet, away), "agent away": (away, changing), "guests come and go": (changing, started)}
    parts = [f"{name} {stream.lost(*span).percent:.2f} %" for name, span in others.items()]
    gap = 1000 * stream.longest_gap(started, time.monotonic())
    detail_lost = f"{lost}, longest gap {gap:.0f} ms; lost at other times: {', '.join(parts)}"
    return Measured(took, detail), Measured(lost.percent, detail_lost)


def _period(dumps: Dumps) -> float:
    times = [when for when, _ in dumps.taken]
    return (times[-1] - times[0]) / max(1, len(times) - 1)


def _check(net: Net, flows: list[str], broken: list[str], gone: list[Guest]) -> None:
    """The last dump is right, and packets agree.  Raises `RuntimeError`."""
    missing = set(broken) - set(flows)
    if missing:
        raise RuntimeError(f"{len(missing)} damaged flows were not put back, such as {min(missing)}")
    stale = [line for line in flows for guest in gone if guest.mac in line]
    if stale:
        raise RuntimeError(f"{len(stale)} flows name ports that are gone, such as {stale[0]}")
    there = list(net.guests.values())
    if silent := check_pings(there[0], there[1:]):
        raise RuntimeError(f"{silent} of {len(there) - 1} ports do not answer after the restart")
