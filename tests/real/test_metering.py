"""What a router forwards is counted to the byte: pings of known sizes between guests and the outside."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from tests.fakes import l3
from tests.real.lab import L3Lab, l3_lab
from tests.real.tenant import Tenant, with_outside

from heddle.view.types import MeteringRule, Ref

pytestmark = pytest.mark.real

OUT = MeteringRule("r1", "egress", source="10.0.0.10/32")
IN = MeteringRule("r2", "ingress", destination="10.0.0.0/24")
NOT_THERE = MeteringRule("r3", "egress", excluded=True, destination="203.0.113.3/32")
EVERYTHING = (MeteringRule("r4", "egress", source="0.0.0.0/0"), MeteringRule("r5", "ingress", destination="0.0.0.0/0"))
HEAD = 28  # of IPv4 and of ICMP


@pytest.fixture(scope="module")
def made() -> Iterator[L3Lab]:
    with l3_lab() as each:
        with_outside(each)
        each.in_space("outside", "ip", "addr", "add", "203.0.113.3/24", "dev", "eth0")
        yield each


class Counts:
    """What the agent told of the labels, in its newest report."""

    def __init__(self, made: L3Lab, blue: Tenant) -> None:
        self._made, self._blue = made, blue

    def told(self) -> dict[str, tuple[int, int]]:
        for report in reversed(self._made.cloud.reports):
            for role in report.roles:
                if role.role == "router":
                    mine = [each for each in role.readings if each.router_id == self._blue.router]
                    return {each.label_id: (each.packets, each.bytes) for each in mine}
        return {}

    def become(self, wanted: dict[str, tuple[int, int]]) -> None:
        self._made.until(lambda: self.told() == wanted, 5, f"the counts are {wanted}: {self.told()}")

    def ping(self, guest: int, address: str, count: int, size: int) -> None:
        """Ping and be answered; how often, the counts tell: ping itself waits for the last answer two round trips."""
        text = self._made.host.guest(
            self._blue.guests[guest], "ping", "-n", "-c", str(count), "-i", "0.02", "-s", str(size), address
        )
        assert f"{count} packets transmitted" in text and " 0 received" not in text, text


def counted(*pings: tuple[int, int]) -> tuple[int, int]:
    """So many packets of so many bytes of data."""
    return sum(count for count, _ in pings), sum(count * (size + HEAD) for count, size in pings)


def test_bytes_are_counted_over_changes_of_rules_and_restarts(made: L3Lab) -> None:
    blue = Tenant(made, "blue", 0x100, "203.0.113.10", 100)
    blue.reaches(0, "203.0.113.1")
    blue.reaches(1, "203.0.113.1")
    made.cloud.put(l3.router(blue.router, blue.gateway, project_id="p"))
    made.cloud.put(
        l3.label("one", OUT, IN, NOT_THERE, project="p"), l3.label("all", *EVERYTHING, shared=True),
        l3.label("others", *EVERYTHING, project="q"), l3.label("idle", project="p"),
    )  # fmt: skip
    counts, none = Counts(made, blue), (0, 0)
    counts.become({"one": none, "all": none, "idle": none})
    counts.ping(0, "203.0.113.1", 3, 100)
    counts.ping(0, "203.0.113.3", 2, 300)
    counts.ping(1, "203.0.113.1", 1, 500)
    counts.ping(0, "10.0.1.10", 5, 700)
    one = [(3, 100), (3, 100), (2, 300)]
    every = [(6, 100), (4, 300), (2, 500)]
    counts.become({"one": counted(*one), "all": counted(*every), "idle": none})

    made.cloud.put(l3.label("one", OUT, project="p"), l3.label("idle", IN, project="p"))
    rules = ("nft", "list", "chain", "inet", "heddle_meters", "l-idle")
    made.until(lambda: "10.0.0.0/24" in made.in_space(blue.space, *rules, check=False), 5, "the rules are others")
    counts.ping(0, "203.0.113.3", 1, 50)
    one, every = [*one, (1, 50)], [*every, (2, 50)]
    now = {"one": counted(*one), "all": counted(*every), "idle": counted((1, 50))}
    counts.become(now)

    made.agent.stop(signal.SIGKILL)
    counts.ping(0, "203.0.113.1", 1, 20)
    made.start_agent()
    counts.become({"one": counted(*one, (1, 20)), "all": counted(*every, (2, 20)), "idle": counted((1, 50), (1, 20))})
    one, every = [*one, (1, 20)], [*every, (2, 20)]

    chain, space = ("chain", "inet", "heddle_meters", "l-all"), blue.space
    made.in_space(space, "nft", "flush", *chain)
    made.until(lambda: "m-all" in made.in_space(space, "nft", "list", *chain, check=False), 5, "the rules are back")
    made.until(lambda: "drift role=router" in made.agent.log, 5, "the drift is told")
    counts.ping(0, "203.0.113.1", 1, 21)
    counts.become({"one": counted(*one, (1, 21)), "all": counted(*every, (2, 21)),
                   "idle": counted((1, 50), (1, 20), (1, 21))})  # fmt: skip

    last = counts.told()
    made.cloud.remove(Ref("metering_label", "idle"))
    del last["idle"]
    counts.become(last)
    made.cloud.remove(Ref("assignment", f"router/{blue.router}"))
    made.until(lambda: not made.has_space(blue.space), 5, "the router is gone")
    counts.become(last)


def test_both_ends_of_a_packet_decide(made: L3Lab) -> None:
    """Of four packets that share one end with a rule or the other, those that share both are counted."""
    red = Tenant(made, "red", 0x200, "203.0.113.20", 200)
    for guest in (0, 1):
        for address in ("203.0.113.1", "203.0.113.3"):
            red.reaches(guest, address)
    sent = MeteringRule("r6", "egress", source="10.0.0.10/32", destination="203.0.113.1/32")
    received = MeteringRule("r7", "ingress", source="203.0.113.3/32", destination="10.0.1.0/24")
    rest = MeteringRule("r8", "egress", excluded=True, source="10.0.1.10/32", destination="203.0.113.0/25")
    made.cloud.remove(Ref("metering_label", "all"))
    made.cloud.put(l3.router(red.router, red.gateway, project_id="s"))
    made.cloud.put(
        l3.label("sent", sent, project="s"), l3.label("received", received, project="s"),
        l3.label("both", sent, received, project="s"), l3.label("rest", *EVERYTHING, rest, project="s"),
    )  # fmt: skip
    counts, none = Counts(made, red), (0, 0)
    counts.become({"sent": none, "received": none, "both": none, "rest": none})
    pings = ((0, "203.0.113.1", (2, 100)), (0, "203.0.113.3", (3, 200)),
             (1, "203.0.113.1", (4, 300)), (1, "203.0.113.3", (5, 400)))  # fmt: skip
    for guest, address, (count, size) in pings:
        counts.ping(guest, address, count, size)
    (_, _, a), (_, _, b), (_, _, c), (_, _, d) = pings
    counts.become({"sent": counted(a), "received": counted(d), "both": counted(a, d),
                   "rest": counted(a, a, b, b, c, d)})  # fmt: skip
