"""What it costs to make a highly available router a distributed one, and back: the loss beyond the time it was down.

A router changes its kind while it is down, so a change is three requests: `admin_state_up` false, a moment of up to a
second, the new kind, `admin_state_up` true.  Meanwhile a guest pings one of another network, on another host, every
10 ms, by one flow that goes on and by a new one each time.  The loss is the longest time without an answer, less the
time from the answer to the first request until the last one was sent.
"""

from __future__ import annotations

import random
import time
from typing import Any

from tests.real.testhost import wait_until

from bench.guests import Guest, Net
from bench.measure import percentile
from bench.pings import Pinger, Stream, first_replies
from bench.rows import Measured
from bench.site import Site

API = "/v2.0"
KINDS = {"to distributed": {"ha": False, "distributed": True}, "to HA": {"ha": True, "distributed": False}}
BEFORE, AFTER = 1.0, 3.0


class Converted:
    """A router between two networks, each with a guest; the guests are on two hosts."""

    def __init__(self, near: Site, far: Site) -> None:
        self.api = near.api
        self.nets = [Net(near, "convert-near", 108), Net(far, "convert-far", 109)]
        made = self.api.call("POST", f"{API}/routers", {"router": {"name": "bench-convert", "ha": True}})
        self.path = f"{API}/routers/{made['router']['id']}"
        for net in self.nets:
            self.api.call("PUT", f"{self.path}/add_router_interface", {"subnet_id": net.subnet_id})
        self.source, self.sink = (self._guest(net) for net in self.nets)
        self.settled()

    def _guest(self, net: Net) -> Guest:
        (made,) = net.make(1)
        net.post([made])
        net.plug([made])
        net.cloud.host.run("ip", "-n", made.name, "route", "add", "default", "via", f"10.{net.number}.0.1")
        return made

    def put(self, **values: Any) -> None:
        self.api.call("PUT", self.path, {"router": values})

    def settled(self) -> None:
        """Wait until one host alone has it active, where that is said, and packets go.  Raises `RuntimeError`."""

        def agreed() -> bool:
            agents = self.api.call("GET", f"{self.path}/l3-agents")["agents"]
            states = [agent.get("ha_state") for agent in agents]
            return len(states) == 1 or (states.count("active") == 1 and states.count("standby") == len(states) - 1)

        wait_until(agreed, 60, "one host has the router active", 0.1)
        pinger = Pinger(self.source)
        found = first_replies(pinger, [self.sink.address], 0.05, 30)
        pinger.close()
        if not found:
            raise RuntimeError(f"{self.sink.address} does not answer {self.source.address} through the router")

    def convert(self, kind: str) -> tuple[float, float]:
        """The longest time without an answer, and how long the router was down."""
        self.settled()
        stream = Stream([(self.source, self.sink.address)] * 2)
        stream.start()
        began = time.monotonic()
        time.sleep(BEFORE)
        self.put(admin_state_up=False)
        disabled = time.monotonic()
        time.sleep(random.uniform(0, 1))
        self.put(**KINDS[kind])
        enabled = time.monotonic()
        self.put(admin_state_up=True)
        self.settled()
        time.sleep(AFTER)
        ended = time.monotonic()
        stream.finish()
        return stream.longest_gap(began, ended), enabled - disabled

    def remove(self) -> None:
        for net in self.nets:
            self.api.call("PUT", f"{self.path}/remove_router_interface", {"subnet_id": net.subnet_id})
        self.api.call("DELETE", self.path)
        for net in self.nets:
            net.remove()


def conversion(near: Site, far: Site, rounds: int) -> Measured:
    """The longest loss of all."""
    made = Converted(near, far)
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
    for _ in range(rounds):
        for kind in KINDS:
            found[kind].append(made.convert(kind))
    made.remove()
    return losses(found)


def losses(found: dict[str, list[tuple[float, float]]]) -> Measured:
    """Of each way the gaps, and how long the router was down."""
    by_kind = {kind: sorted(max(0.0, gap - down) for gap, down in each) for kind, each in found.items()}
    parts = [
        f"{kind}: p50 {percentile(each, 0.5):.2f}, worst {each[-1]:.2f} s of {len(each)} (longest gap "
        f"{max(gap for gap, _ in found[kind]):.2f} s)" for kind, each in by_kind.items()
    ]  # fmt: skip
    return Measured(max(each[-1] for each in by_kind.values()), "; ".join(parts))
