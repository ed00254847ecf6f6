"""The data-plane rows but for the restart: a port's first ping, 200 ports, 20 routers, a rule on 100 ports."""

from __future__ import annotations

import statistics
import time

from tests.real.testhost import wait_until

from bench.cloud import Cloud, cpu_seconds, pss
from bench.flowwatch import FlowWatch
from bench.guests import Guest, Net
from bench.measure import percentile
from bench.pings import Pinger, first_replies, silent_after
from bench.rows import Measured

API = "/v2.0"
PORTS, BULK, REST_SECONDS = 200, 100, 40


def ping_rounds(cloud: Cloud, rounds: int) -> dict[str, Measured]:
    """POST port -> the first reply of another guest, `rounds` times after one that is not counted."""
    net = Net(cloud, "ping", 101)
    peer, *guests = net.make(rounds + 2)
    net.post([peer])
    net.plug([peer])
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
    return {"ping": Measured(
        percentile(total, 0.5),
        f"p50 {1000 * percentile(total, 0.5):.0f}, p99 {1000 * percentile(total, 0.99):.0f} ms of {len(total)} "
        f"rounds; after the clock's start, medians in ms: {detail}",
    )}  # fmt: skip


def _one_ping(net: Net, guest: Guest, peer: Guest, watch: FlowWatch) -> dict[str, float]:
    pinger = Pinger(net, guest)
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


def ports_active(cloud: Cloud, net: Net) -> dict[str, Measured]:
    """200 ports in two bulk requests, plugged as soon as they have an id, until GET shows all ACTIVE."""
    guests = net.make(PORTS)
    before = {role: cpu_seconds(cloud.process(role)) for role in ("server", "agent")}
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
    used = {role: cpu_seconds(cloud.process(role)) - before[role] for role in before}
    unanswered = check_pings(net, guests[0], guests[1:])
    return {"ports": Measured(
        took, f"POSTs and plugs {posted:.2f} s; processor time: server {used['server']:.2f}, agent "
        f"{used['agent']:.2f} s; {PORTS - 1 - unanswered} of {PORTS - 1} pinged after it",
    )}  # fmt: skip


def check_pings(net: Net, source: Guest, targets: list[Guest], seconds: float = 10) -> int:
    """How many of the targets do not answer a guest."""
    pinger = Pinger(net, source)
    answered = first_replies(pinger, [each.address for each in targets], 0.2, seconds)
    pinger.close()
    return len(targets) - len(answered)


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


def rule(cloud: Cloud, rounds: int) -> dict[str, Measured]:
    """A rule that lets pings into a group of 100 ports: from its POST until each of them answers, and away again."""
    api = cloud.api
    group = api.call("POST", f"{API}/security-groups", {"security_group": {"name": "bench"}})["security_group"]["id"]
    net = Net(cloud, "rule", 102)
    prober, *guests = net.make(101)
    net.post([prober])
    net.post(guests, security_groups=[group])
    net.plug(net.guests.values())
    wait_until(lambda: set(net.statuses().values()) == {"ACTIVE"}, 60, "the guests are ACTIVE")
    pinger = Pinger(net, prober)
    addresses = [each.address for each in guests]
    early = first_replies(pinger, addresses, 0.2, 1.0)
    if early:
        raise RuntimeError(f"{len(early)} guests answer before there is a rule")
    all_in, first_in, removed = [], [], []
    body = {"security_group_id": group, "direction": "ingress", "protocol": "icmp", "ethertype": "IPv4"}
    for _ in range(rounds):
        started = time.monotonic()
        made = api.call("POST", f"{API}/security-group-rules", {"security_group_rule": body})["security_group_rule"]
        replies = first_replies(pinger, addresses, 0.05, 30)
        if len(replies) < len(addresses):
            raise RuntimeError(f"{len(addresses) - len(replies)} of {len(addresses)} guests do not answer after 30 s")
        all_in.append(max(replies.values()) - started)
        first_in.append(min(replies.values()) - started)
        started = time.monotonic()
        api.call("DELETE", f"{API}/security-group-rules/{made['id']}")
        removed.append(silent_after(pinger, addresses, 0.05, 10) - started)
    pinger.close()
    net.remove()
    api.call("DELETE", f"{API}/security-groups/{group}")
    worst = ", ".join(f"{each:.2f}" for each in all_in)
    return {"rule": Measured(
        statistics.median(all_in),
        f"median of {worst} s; first port after {statistics.median(first_in):.2f} s; removed: the last answered "
        f"ping left {max(0.0, statistics.median(removed)):.2f} s after it",
    )}  # fmt: skip
