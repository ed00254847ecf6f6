"""The data-plane rows of ports: a port's first ping, 200 ports, a rule on 100 ports, another group for 100 ports.

Each is of one host, or of several: then the guest that asks is on another host than those that answer.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.real.testhost import wait_until

from bench.cloud import Cloud
from bench.flowwatch import FlowWatch
from bench.guests import Guest, Net
from bench.measure import percentile
from bench.pings import Pinger, first_replies, silent_after
from bench.rows import Measured
from bench.site import Site, Spent, pss

API = "/v2.0"
PORTS, BULK, REST_SECONDS = 200, 100, 40
GROUPED, FEW = 100, 20


def first_pings(cloud: Site, rounds: int, far: Site | None = None) -> Measured:
    """POST port -> the first reply of another guest, of `far`: `rounds` times after one that does not count."""
    net = Net(cloud, "ping", 101)
    other = net.beside(far) if far else net
    (peer,), guests = other.make(1), net.make(rounds + 1)
    other.post([peer])
    other.plug([peer])
    wait_until(lambda: net.statuses().get(peer.port_id) == "ACTIVE", 30, "the first guest is ACTIVE")
    parts = []
    with FlowWatch(cloud.host) as watch:
        for guest in guests:
            parts.append(_one_ping(net, guest, peer, watch))
            time.sleep(0.2)
    net.remove()
    taken = parts[1:]
    total = sorted(part["total"] for part in taken)
    steps = {name: statistics.median(part[name] for part in taken) * 1000 for name in taken[0]}
    detail = ", ".join(f"{name} {value:.0f}" for name, value in steps.items() if name != "total")
    return Measured(
        percentile(total, 0.5),
        f"p50 {1000 * percentile(total, 0.5):.0f}, p99 {1000 * percentile(total, 0.99):.0f} ms of {len(total)} "
        f"rounds; after the clock's start, medians in ms: {detail}",
    )


def _one_ping(net: Net, guest: Guest, peer: Guest, watch: FlowWatch) -> dict[str, float]:
    pinger = Pinger(guest)
    with net.ovsdb() as ovsdb:
        watch.clear()
        started = time.monotonic()
        port = net.api.call("POST", f"{API}/ports", {"port": net.body(guest)})["port"]
        posted = time.monotonic()
        guest.port_id = port["id"]
        ovsdb.plug(guest.device, guest.port_id, guest.mac)
        plugged = time.monotonic()
        replies = first_replies(pinger, [peer.address], 0.002, 10)
    pinger.close()
    if not replies:
        raise RuntimeError(f"no ping was answered within 10 s: {net.cloud.log_tail()}")
    replied = replies[peer.address]
    first, last = watch.between(started, replied)
    return {
        "POST answered": posted - started, "plugged": plugged - started, "first flow in": first - started,
        "last flow in": last - started, "first reply": replied - started, "total": replied - started,
    }  # fmt: skip


def ports_active(cloud: Site, net: Net, prober: Guest | None = None) -> Measured:
    """200 ports in two bulk requests, plugged as soon as they have an id, until GET shows all ACTIVE.

    Afterwards all are pinged, from `prober` where there is one.
    """
    guests = net.make(PORTS)
    spent = Spent(cloud)
    started = time.monotonic()
    for at in range(0, PORTS, BULK):
        net.post(guests[at : at + BULK])
        net.plug(guests[at : at + BULK])
    posted = time.monotonic() - started
    ids = {guest.port_id for guest in guests}

    def active() -> bool:
        found = net.statuses()
        return all(found.get(id) == "ACTIVE" for id in ids)

    wait_until(active, 120, "all ports are ACTIVE", step=0.02)
    took = time.monotonic() - started
    used = str(spent)
    targets = guests if prober else guests[1:]
    unanswered = check_pings(prober or guests[0], targets)
    return Measured(
        took, f"POSTs and plugs {posted:.2f} s; {used}; {len(targets) - unanswered} of {len(targets)} pinged after it"
    )


def check_pings(source: Guest, targets: list[Guest], seconds: float = 10) -> int:
    """How many of the targets do not answer a guest.  They are asked a few at a time: a guest asks for each neighbour
    that it does not know fifty times a second."""
    pinger, answered = Pinger(source), 0
    for place in range(0, len(targets), FEW):
        few = targets[place : place + FEW]
        answered += len(first_replies(pinger, [each.address for each in few], 0.2, seconds))
    pinger.close()
    return len(targets) - answered


def footprint(cloud: Cloud) -> dict[str, Measured]:
    """Processes and memory of the control plane at rest: those that are there `REST_SECONDS` after the last change."""
    time.sleep(REST_SECONDS)
    found = cloud.processes()
    time.sleep(1)
    found = dict(found.items() & cloud.processes().items())
    memory = {pid: pss(pid) for pid in found}
    names = [f"{_short(command)} {memory[pid] / 1024:.0f} MB" for pid, command in found.items()]
    return {
        "processes": Measured(len(found), ", ".join(names)),
        "memory": Measured(sum(memory.values()) / 1024),
    }


def _short(command: str) -> str:
    words = command.split()
    for name in ("server", "agent", "up"):
        if name in words:
            return {"up": "supervisor"}.get(name, name)
    return " ".join(words[:3])


@contextlib.contextmanager
def grouped(cloud: Site, name: str, number: int, far: Sequence[Site] = ()) -> Iterator[Grouped]:
    """100 guests whose group lets nothing in, on all of these hosts in turn, and one that pings them, on the last."""
    made = cloud.api.call("POST", f"{API}/security-groups", {"security_group": {"name": f"bench-{name}"}})
    group = made["security_group"]["id"]
    net = Net(cloud, name, number)
    nets = [net, *(net.beside(each) for each in far)]
    (prober,) = nets[-1].make(1)
    nets[-1].post([prober])
    guests = []
    for place, each in enumerate(nets):
        own = each.make(len(range(place, GROUPED, len(nets))))
        each.post(own, security_groups=[group])
        each.plug(each.guests.values())
        guests += own
    wait_until(lambda: set(net.statuses().values()) == {"ACTIVE"}, 60, "the guests are ACTIVE")
    pinger = Pinger(prober)
    found = Grouped(group, guests, pinger)
    if early := first_replies(pinger, found.addresses, 0.2, 1.0):
        raise RuntimeError(f"{len(early)} guests answer before there is a rule")
    yield found
    pinger.close()
    net.remove()
    cloud.api.call("DELETE", f"{API}/security-groups/{group}")


@dataclass(frozen=True)
class Grouped:
    """`group` is theirs, `pinger` belongs to a guest outside of it."""

    group: str
    guests: list[Guest]
    pinger: Pinger

    @property
    def addresses(self) -> list[str]:
        return [each.address for each in self.guests]

    def until_all_answer(self, started: float) -> tuple[float, float]:
        """When the first and when the last did, in seconds from `started`.  Raises `RuntimeError` after 30 s."""
        replies = first_replies(self.pinger, self.addresses, 0.05, 30)
        if missing := len(self.guests) - len(replies):
            raise RuntimeError(f"{missing} of {len(self.guests)} guests do not answer after 30 s")
        return min(replies.values()) - started, max(replies.values()) - started

    def until_silent(self, started: float) -> float:
        """When the last ping was sent that was answered, in seconds from `started`."""
        return max(0.0, silent_after(self.pinger, self.addresses, 0.05, 10) - started)


def rule(cloud: Site, rounds: int, far: Sequence[Site] = ()) -> Measured:
    """A rule that lets pings into a group of 100 ports: from its POST until each of them answers, and away again."""
    first_in, all_in, removed = [], [], []
    with grouped(cloud, "rule", 102, far) as made:
        body = _pings_into(made.group)
        for _ in range(rounds):
            started = time.monotonic()
            id = cloud.api.call("POST", f"{API}/security-group-rules", body)["security_group_rule"]["id"]
            first, last = made.until_all_answer(started)
            first_in.append(first)
            all_in.append(last)
            started = time.monotonic()
            cloud.api.call("DELETE", f"{API}/security-group-rules/{id}")
            removed.append(made.until_silent(started))
    worst = ", ".join(f"{each:.2f}" for each in all_in)
    return Measured(
        statistics.median(all_in),
        f"median of {worst} s; first port after {statistics.median(first_in):.2f} s; removed: the last answered "
        f"ping left {statistics.median(removed):.2f} s after it",
    )


def moved(cloud: Site, rounds: int, far: Sequence[Site] = ()) -> Measured:
    """100 ports are given another group, one PUT after the other, which lets pings in: until each of them answers."""
    api = cloud.api
    made = api.call("POST", f"{API}/security-groups", {"security_group": {"name": "bench-open"}})["security_group"]
    api.call("POST", f"{API}/security-group-rules", _pings_into(made["id"]))
    there, put, back, used = [], [], [], ""
    puts: list[float] = []
    with grouped(cloud, "move", 104, far) as found:

        def give(group: str) -> float:
            started = time.monotonic()
            for guest in found.guests:
                begun = time.monotonic()
                api.call("PUT", f"{API}/ports/{guest.port_id}", {"port": {"security_groups": [group]}})
                puts.append(1000 * (time.monotonic() - begun))
            return started

        for _ in range(rounds):
            spent = Spent(cloud)
            started = give(made["id"])
            put.append(time.monotonic() - started)
            there.append(found.until_all_answer(started)[1])
            used = str(spent)
            back.append(found.until_silent(give(found.group)))
    api.call("DELETE", f"{API}/security-groups/{made['id']}")
    each = ", ".join(f"{taken:.2f}" for taken in there)
    one = " and ".join(f"{percentile(sorted(puts), part):.1f}" for part in (0.5, 0.99))
    return Measured(
        statistics.median(there),
        f"median of {each} s; the PUTs {statistics.median(put):.2f} s, p50 and p99 of one {one} ms; {used}; back "
        f"again: the last answered ping left {statistics.median(back):.2f} s after the first PUT",
    )


def _pings_into(group: str) -> dict[str, dict[str, str]]:
    return {"security_group_rule": {
        "security_group_id": group, "direction": "ingress", "protocol": "icmp", "ethertype": "IPv4",
    }}  # fmt: skip
