"""A process with many hosts: `python -m heddle.simulate.hosts`, told what to do by lines of JSON on its input.

The first line is a `Crew`.  Then each line is a question, and one line is the answer:

    "look"          -> `Look`
    "again <host>"  -> the agent of a host ends and a new one starts: {"seconds": until it has told that all is applied}

The end of the input is the end of the process.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import msgspec

from heddle.agent.events import Events
from heddle.agent.loop import Loop
from heddle.agent.questions import Questions
from heddle.agent.roles.base import Role
from heddle.bus import frames
from heddle.bus.amqp_agent import AmqpAgentBus
from heddle.bus.base import AgentBus, Questioned
from heddle.bus.brokers import brokers
from heddle.config import Agent, BusSettings, Settings
from heddle.simulate.roles import Router, Switch
from heddle.view.types import FetchReply, FetchRequest, ReportReply, ReportRequest, Wake

CALL_TIMEOUT = 120.0
APPLIED_SECONDS = 300.0
AT_ONCE = 2


class Member(msgspec.Struct, kw_only=True):
    """One host."""

    name: str
    key: str
    tunnel_ip: str
    roles: tuple[str, ...]


class Crew(msgspec.Struct, kw_only=True):
    """The hosts of a process, their broker, and how often each looks at everything (`agent.resync_seconds`)."""

    broker: str
    resync_seconds: float
    members: list[Member]


class Look(msgspec.Struct, kw_only=True):
    """`applied`: the hosts that have told that all they know is applied; `seconds`: how long each took from its start;
    `traffic`: what changes brought since the start, as "wake", "fetch", "report", and their bytes as "wake bytes" …"""

    hosts: int
    applied: int
    ports: int
    objects: int
    seconds: list[float]
    traffic: dict[str, int]


class MeteredBus:
    """An agent's bus that counts what changes make of messages, with the length of their bodies.

    Heartbeats, what an agent asks without having been woken, and what it asks until it has told for the first time
    that all is applied are not of a change.
    """

    def __init__(self, inner: AgentBus) -> None:
        self._inner = inner
        self._woken = False
        self.traffic: Counter[str] = Counter()
        self.applied = threading.Event()
        self.applied_at = 0.0

    def answer(self, questioned: Questioned) -> None:
        self._inner.answer(questioned)

    def start(self, host: str, on_wake: Callable[[Wake], None]) -> None:
        def woken(wake: Wake) -> None:
            if wake.scopes and self.applied.is_set():
                self._woken = True
                self._count("wake", frames.encode(wake))
            on_wake(wake)

        self._inner.start(host, woken)

    def subscribe(self, scopes: Iterable[str]) -> None:
        self._inner.subscribe(scopes)

    def fetch(self, request: FetchRequest) -> FetchReply:
        woken, self._woken = self._woken, False
        reply = self._inner.fetch(request)
        if woken:
            self._count("fetch", frames.encode(request), frames.encode(reply))
        return reply

    def report(self, request: ReportRequest) -> ReportReply:
        reply = self._inner.report(request)
        if self.applied.is_set() and not request.roles:
            self._count("report", frames.encode(request), frames.encode(reply))
        if request.revision and not self.applied.is_set():
            self.applied_at = time.monotonic()
            self.applied.set()
        return reply

    def stop(self) -> None:
        self._inner.stop()

    def _count(self, kind: str, *bodies: bytes) -> None:
        self.traffic[kind] += 1
        self.traffic[f"{kind} bytes"] += sum(map(len, bodies))


class SimulatedHost:
    """A real loop in a thread of its own, with a connection of its own."""

    def __init__(self, member: Member, broker: str, resync_seconds: float) -> None:
        agent = Agent(
            host=member.name, tunnel_ip=member.tunnel_ip, roles=member.roles, bridge_mappings=(),
            resync_seconds=resync_seconds,
        )  # fmt: skip
        settings = Settings(agent=agent, bus=BusSettings(url=broker, call_timeout=CALL_TIMEOUT))
        self.member = member
        self.bus = MeteredBus(AmqpAgentBus(brokers(settings.bus), member.key, CALL_TIMEOUT))
        self.bus.answer(Questions(settings).take)
        roles: list[Role] = [Switch(member.name, member.tunnel_ip)]
        roles += [Router()] if "router" in member.roles else []
        self._events = Events()
        self.loop = Loop(settings, self.bus, roles, "netdev", self._events)
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=member.name, daemon=True)
        self._thread.start()

    @property
    def seconds(self) -> float:
        """From its start until it had told that all is applied."""
        return self.bus.applied_at - self._began

    def stop(self) -> None:
        self._events.stop()
        self._thread.join(10)
        self.bus.stop()

    def _run(self) -> None:
        self.bus.start(self.member.name, self._events.wake)
        self.loop.run()


class Hosts:
    """Those of this process.

    They start a few at a time, `AT_ONCE`: hosts of their own would each have processors of their own, where here all
    wait for the same ones, and the more of them take turns, the more of the time goes into the turns.
    """

    def __init__(self, crew: Crew) -> None:
        self._broker, self._resync_seconds = crew.broker, crew.resync_seconds
        self._members = len(crew.members)
        self._hosts: dict[str, SimulatedHost] = {}
        waiting = iter(crew.members)
        for number in range(AT_ONCE):
            threading.Thread(target=self._start, args=[waiting], name=f"start{number}", daemon=True).start()

    def _start(self, waiting: Iterator[Member]) -> None:
        for member in waiting:
            host = self._begin(member)
            host.bus.applied.wait(APPLIED_SECONDS)

    def _begin(self, member: Member) -> SimulatedHost:
        host = self._hosts[member.name] = SimulatedHost(member, self._broker, self._resync_seconds)
        return host

    def answer(self, question: str) -> object:
        verb, _, name = question.partition(" ")
        return self._again(name) if verb == "again" else self._look()

    def _look(self) -> Look:
        traffic: Counter[str] = Counter()
        hosts = list(self._hosts.values())
        for host in hosts:
            traffic.update(dict(host.bus.traffic))
        applied = [host for host in hosts if host.bus.applied.is_set()]
        return Look(
            hosts=self._members, applied=len(applied), ports=sum(len(host.loop.mirror.ports) for host in hosts),
            objects=sum(len(held) for host in hosts for held in list(host.loop.mirror.scopes.values())),
            seconds=[host.seconds for host in applied], traffic=dict(traffic),
        )  # fmt: skip

    def _again(self, name: str) -> dict[str, float]:
        self._hosts[name].stop()
        host = self._begin(self._hosts[name].member)
        if not host.bus.applied.wait(APPLIED_SECONDS):
            raise TimeoutError(f"{name} has not applied its view within {APPLIED_SECONDS:g} s")
        return {"seconds": host.seconds}


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    hosts = Hosts(msgspec.json.decode(sys.stdin.buffer.readline(), type=Crew))
    for line in sys.stdin:
        sys.stdout.buffer.write(msgspec.json.encode(hosts.answer(msgspec.json.decode(line, type=str))) + b"\n")
        sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
