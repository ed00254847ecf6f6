"""What every bus promises: all buses pass the same tests; what only a socket has comes after them.

The one over AMQP is among them where the run has a broker (`tests/engines/brokers.py`).
"""

from __future__ import annotations

import os
import socket
import stat
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engines.brokers import broker, wanted

from heddle.bus import frames
from heddle.bus.amqp_agent import AmqpAgentBus
from heddle.bus.amqp_ask import AmqpAsker
from heddle.bus.amqp_server import AmqpServerBus
from heddle.bus.ask import Asker, Lack
from heddle.bus.base import AgentBus, BusError, Questioned, ServerBus
from heddle.bus.brokers import Broker, brokers
from heddle.bus.local import LocalAgentBus, LocalServerBus
from heddle.bus.local_ask import LocalAsker
from heddle.bus.memory import MemoryAgentBus, MemoryAsker, MemoryServerBus
from heddle.bus.outbox import MAX_WAKES, Outbox
from heddle.bus.relay import Relay, RelayBus
from heddle.config import BusSettings
from heddle.errors import NotFound
from heddle.view.types import FetchReply, FetchRequest, ReportReply, ReportRequest, ScopeNews, Wake

encoded = msgspec.msgpack.encode
QUESTION = encoded("how?")


class Handler:
    """Answers with what it was asked; "slow" waits for `go`, "broken" fails."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def fetch(self, request: FetchRequest) -> FetchReply:
        if request.host == "slow":
            self.go.wait(10)
        if request.host == "broken":
            raise NotFound("HostNotFound", "no host broken here")
        if request.host == "bug":
            raise KeyError("secret")
        return FetchReply(revision=request.revision + 1, scopes=[ScopeNews(scope=s) for s in request.scopes])

    def report(self, request: ReportRequest) -> ReportReply:
        return ReportReply()

    def key(self, host: str) -> str:
        return f"the key of {host}"


class Ears:
    """Collects wake-ups."""

    def __init__(self) -> None:
        self.heard: list[Wake] = []

    def __call__(self, wake: Wake) -> None:
        self.heard.append(wake)


class Rig:
    """A bus of one kind, and what was made of it."""

    def __init__(self, kind: str, path: Path) -> None:
        self.kind, self.path = kind, path
        self.handler = Handler()
        self._memory = MemoryServerBus()
        self._made: list[ServerBus | AgentBus] = []

    def server(self) -> ServerBus:
        server: ServerBus
        match self.kind:
            case "memory":
                server = self._memory
            case "local":
                server = LocalServerBus(self.path)
            case _:
                server = AmqpServerBus(self.brokers("server"))
        server.start(self.handler)
        self._made.append(server)
        until(server.hears)
        return server

    def agent(
        self, on_wake: Callable[[Wake], None], host: str = "h1", timeout: float = 5.0,
        questioned: Questioned | None = None,
    ) -> AgentBus:
        agent: AgentBus
        match self.kind:
            case "memory":
                agent = MemoryAgentBus(self._memory)
            case "local":
                agent = LocalAgentBus(self.path, timeout)
            case _:
                agent = AmqpAgentBus(self.brokers("agent"), self.handler.key(host), timeout)
        if questioned is not None:
            agent.answer(questioned)
        agent.start(host, on_wake)
        if isinstance(agent, AmqpAgentBus):
            agent._link.wait(30)  # a start itself waits a second at most
        self._made.append(agent)
        return agent

    def asker(self) -> Asker:
        match self.kind:
            case "memory":
                return MemoryAsker(self._memory)
            case "local":
                return LocalAsker(self.path)
            case _:
                return AmqpAsker(self.brokers("server"), lambda hosts: {host: self.handler.key(host) for host in hosts})

    @staticmethod
    def brokers(user: str) -> list[Broker]:
        return brokers(BusSettings(url=broker().url(user)))

    def close(self) -> None:
        self.handler.go.set()
        for bus in reversed(self._made):
            bus.stop()


@pytest.fixture(params=["memory", "local", *(["amqp"] if wanted() else [])])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(request.param, tmp_path / "bus.sock")
    yield made
    made.close()


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Rig]:
    made = Rig("local", tmp_path / "bus.sock")
    yield made
    made.close()


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.005)


def answers(agent: AgentBus, host: str = "h1") -> bool:
    try:
        return agent.fetch(FetchRequest(host=host)).revision == 1
    except BusError:
        return False


def test_a_call_is_answered(rig: Rig) -> None:
    rig.server()
    agent = rig.agent(Ears())
    reply = agent.fetch(FetchRequest(host="h1", revision=41, scopes=["network:a", "cloud"]))
    assert reply.revision == 42
    assert [news.scope for news in reply.scopes] == ["network:a", "cloud"]
    assert agent.report(ReportRequest(host="h1", started_at=1.5)) == ReportReply()


def test_an_error_of_the_server_reaches_the_agent_as_text(rig: Rig) -> None:
    rig.server()
    agent, broken, bug = rig.agent(Ears()), rig.agent(Ears(), "broken"), rig.agent(Ears(), "bug")
    with pytest.raises(BusError, match="no host broken here"):
        broken.fetch(FetchRequest(host="broken"))
    with pytest.raises(BusError):
        bug.fetch(FetchRequest(host="bug"))
    assert answers(agent)


def test_an_agent_speaks_for_its_own_host_only(rig: Rig) -> None:
    rig.server()
    agent = rig.agent(Ears())
    assert answers(agent)
    with pytest.raises(BusError, match="may not speak for host h2"):
        agent.fetch(FetchRequest(host="h2"))
    with pytest.raises(BusError, match="may not speak for host h2"):
        agent.report(ReportRequest(host="h2", started_at=1.5))


def test_calls_of_several_threads_do_not_mix(rig: Rig) -> None:
    rig.server()
    agent = rig.agent(Ears())
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda n: agent.fetch(FetchRequest(host="h1", revision=n)).revision, range(200)))
    assert replies == list(range(1, 201))


def test_a_slow_call_does_not_hold_up_another(rig: Rig) -> None:
    rig.server()
    agent = rig.agent(Ears(), "slow")
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(agent.fetch, FetchRequest(host="slow"))
        assert agent.report(ReportRequest(host="slow", started_at=1.5)) == ReportReply()
        assert not slow.done()
        rig.handler.go.set()
        assert slow.result(5).revision == 1


def test_wake_reaches_who_subscribed_and_nobody_else(rig: Rig) -> None:
    server = rig.server()
    one, two = Ears(), Ears()
    first, second = rig.agent(one, "h1"), rig.agent(two, "h2")
    first.subscribe(["network:a", "host:h1"])
    second.subscribe(["network:b"])
    assert answers(first) and answers(second, "h2")
    server.wake(["network:a", "group:x"], "req-1")
    until(lambda: Wake(scopes=["network:a"], request_id="req-1") in one.heard)
    first.subscribe(["group:x"])
    assert answers(first)
    server.wake(["network:a"], "req-2")
    server.wake(["group:x"], "req-3")
    until(lambda: Wake(scopes=["group:x"], request_id="req-3") in one.heard)
    assert "req-2" not in [wake.request_id for wake in one.heard]
    assert [wake for wake in two.heard if wake.scopes] == []


def test_a_slow_agent_never_blocks_wake_nor_another_agent(rig: Rig) -> None:
    server = rig.server()
    gate, ears = threading.Event(), Ears()
    slow = rig.agent(lambda _: (gate.wait(90), None)[1], "slow", timeout=30)
    quick = rig.agent(ears, "quick", timeout=30)
    for agent in (slow, quick):
        agent.subscribe(["cloud"])

    def asked(agent: AgentBus) -> bool:
        return agent.report(ReportRequest(host="slow", started_at=1.5)) == ReportReply()

    assert asked(slow) and answers(quick, "quick")
    began = time.monotonic()
    for number in range(5000):
        server.wake(["cloud"], f"req-{number}")
    assert time.monotonic() - began < 30

    def heard() -> bool:
        server.wake(["cloud"], "req-last")  # of very many at once some become one that names nothing
        return any(wake.request_id == "req-last" for wake in ears.heard)

    until(heard, 60)
    assert asked(slow)
    gate.set()


def test_without_a_server_a_call_fails_and_with_one_it_works(rig: Rig) -> None:
    ears = Ears()
    agent = rig.agent(ears)
    with pytest.raises(BusError):
        agent.fetch(FetchRequest(host="h1"))
    rig.server()
    until(lambda: answers(agent))
    until(lambda: Wake(scopes=[]) in ears.heard)


def test_a_server_knows_whether_agents_can_reach_it(rig: Rig) -> None:
    server = rig.server()
    until(server.hears)
    server.stop()
    until(lambda: not server.hears())


def test_a_server_that_was_away_is_found_again(rig: Rig) -> None:
    server = rig.server()
    ears = Ears()
    agent = rig.agent(ears)
    agent.subscribe(["cloud"])
    until(lambda: answers(agent))
    server.stop()
    until(lambda: not answers(agent))
    before = ears.heard.count(Wake(scopes=[]))
    again = rig.server()
    until(lambda: answers(agent))
    until(lambda: ears.heard.count(Wake(scopes=[])) > before)
    again.wake(["cloud"], "req-after")
    until(lambda: any(wake.request_id == "req-after" for wake in ears.heard))


def echo(name: str) -> Questioned:
    return lambda question, reply: reply(encoded(name + msgspec.msgpack.decode(question)))


def test_a_question_reaches_its_host_and_the_reply_comes_back(rig: Rig) -> None:
    rig.server()
    one, two = rig.agent(Ears(), "h1", questioned=echo("one ")), rig.agent(Ears(), "h2", questioned=echo("two "))
    until(lambda: answers(one) and answers(two, "h2"))
    found = rig.asker().ask({"h1": QUESTION, "h2": QUESTION, "h3": QUESTION}, 5)
    assert found["h1"].body == encoded("one how?") and found["h2"].body == encoded("two how?")
    assert 0 < found["h1"].seconds < 5 and found["h1"].lack is None
    assert found["h3"].lack == Lack.ABSENT and not found["h3"].body and found["h3"].reason


def test_who_is_slow_or_takes_no_questions_takes_nothing_from_the_others(rig: Rig) -> None:
    rig.server()
    later: list[Callable[[bytes], None]] = []
    ears = Ears()
    slow = rig.agent(ears, "h1", questioned=lambda question, reply: later.append(reply))
    old, well = rig.agent(Ears(), "h2"), rig.agent(Ears(), "h3", questioned=echo(""))
    until(lambda: answers(slow) and answers(old, "h2") and answers(well, "h3"))
    began = time.monotonic()
    found = rig.asker().ask({"h1": QUESTION, "h2": QUESTION, "h3": QUESTION}, 1.5)
    assert 1.5 <= time.monotonic() - began < 10
    assert found["h1"].lack == Lack.LATE and "within 1.5 s" in found["h1"].reason
    assert found["h2"].lack == (Lack.OLD if rig.kind == "local" else Lack.ABSENT) and found["h3"].body == QUESTION
    later[0](encoded("too late"))
    assert answers(slow) and rig.asker().ask({"h3": QUESTION}, 5)["h3"].body == QUESTION


def test_an_agent_takes_questions_after_the_server_was_away(rig: Rig) -> None:
    server = rig.server()
    agent = rig.agent(Ears(), questioned=echo(""))
    until(lambda: answers(agent))
    server.stop()
    until(lambda: not answers(agent))
    rig.server()
    until(lambda: answers(agent))
    assert rig.asker().ask({"h1": QUESTION}, 5)["h1"].body == QUESTION


def test_no_server_at_the_socket_is_said(local: Rig) -> None:
    with pytest.raises(BusError, match="no server can be reached"):
        local.asker().ask({"h1": QUESTION}, 5)


def test_a_server_that_hangs_is_given_up(local: Rig) -> None:
    with socket.socket(socket.AF_UNIX) as stream:
        stream.bind(str(local.path))
        stream.listen()
        began = time.monotonic()
        with pytest.raises(BusError, match="does not answer"):
            local.asker().ask({"h1": QUESTION}, 5)
        assert time.monotonic() - began < 5


def test_a_server_from_before_there_were_questions_is_named(local: Rig) -> None:
    """It welcomes the asker, and ends the connection with the first frame that it does not know."""

    def serve(listener: socket.socket) -> None:
        stream, _ = listener.accept()
        with stream:
            assert msgspec.msgpack.decode(frames._read(stream)) == {"type": "hello", "host": ""}
            frames.send(stream, frames.Welcome())
            frames._read(stream)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(local.path))
        listener.listen()
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        with pytest.raises(BusError, match="passes on no questions"):
            local.asker().ask({"h1": QUESTION}, 5)


def test_an_agent_cannot_ask_nor_reply_for_another(local: Rig) -> None:
    """Neither the frame of an asker nor a reply to a question that went to another connection does anything."""
    local.server()
    kept: list[Callable[[bytes], None]] = []
    well = local.agent(Ears(), "h1", questioned=lambda question, reply: kept.append(reply))
    assert answers(well)
    with socket.socket(socket.AF_UNIX) as stream, ThreadPoolExecutor(1) as pool:
        stream.connect(str(local.path))
        stream.settimeout(5)
        frames.send(stream, frames.Hello(host="h2", questions=True))
        frames.receive_from_server(stream)
        asked = pool.submit(local.asker().ask, {"h1": QUESTION}, 5)
        until(lambda: kept)
        for number in range(10):
            frames.send(stream, frames.Reply(id=number, body=msgspec.Raw(QUESTION)))
        kept[0](encoded("mine"))
        assert asked.result()["h1"].body == encoded("mine")
        frames.send(stream, frames.Ask(id=1, host="h1", question=msgspec.Raw(QUESTION)))
        with pytest.raises(frames.Closed):
            frames.receive_from_server(stream)


def test_an_agent_that_leaves_with_a_question_is_told(local: Rig) -> None:
    local.server()
    asked = threading.Event()
    agent = local.agent(Ears(), questioned=lambda question, reply: asked.set())
    until(lambda: answers(agent))
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(local.asker().ask, {"h1": QUESTION}, 10)
        assert asked.wait(5)
        agent.stop()
        assert found.result(5)["h1"].lack == Lack.ABSENT


def test_the_socket_is_for_its_owner_only(local: Rig) -> None:
    local.server()
    assert stat.S_IMODE(local.path.stat().st_mode) == 0o600


def test_a_second_server_is_refused(local: Rig) -> None:
    local.server()
    with pytest.raises(BusError, match="another server"):
        LocalServerBus(local.path).start(local.handler)


def test_a_call_that_takes_too_long_fails_in_time(local: Rig) -> None:
    local.server()
    agent = local.agent(Ears(), "slow", timeout=0.2)
    with pytest.raises(BusError, match="within"):
        agent.fetch(FetchRequest(host="slow"))


def test_a_bug_of_the_server_does_not_tell_what_it_worked_on(local: Rig) -> None:
    local.server()
    with pytest.raises(BusError, match="KeyError") as caught:
        local.agent(Ears(), "bug").fetch(FetchRequest(host="bug"))
    assert "secret" not in str(caught.value)


def test_another_version_is_refused_with_a_reason(local: Rig) -> None:
    local.server()
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(str(local.path))
        frames.send(stream, frames.Hello(host="old", version=99))
        answer = frames.receive_from_server(stream)
    assert isinstance(answer, frames.Refuse)
    assert "version 99" in answer.reason and "install the same release" in answer.reason


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.binary(max_size=200), polite=st.booleans(), honest=st.booleans())
def test_junk_ends_its_own_connection_only(local: Rig, junk: bytes, polite: bool, honest: bool) -> None:
    if not local.path.exists():
        local.server()
        local.neighbour = local.agent(Ears())  # type: ignore[attr-defined]
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(str(local.path))
        stream.settimeout(5)
        if polite:
            frames.send(stream, frames.Hello(host="junk"))
            assert isinstance(frames.receive_from_server(stream), frames.Welcome)
        stream.sendall((struct.pack("!I", len(junk)) if honest else b"") + junk)
        stream.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            while stream.recv(65536):
                pass
    assert answers(local.neighbour)  # type: ignore[attr-defined]


def test_an_oversized_frame_ends_its_own_connection_only(local: Rig) -> None:
    local.server()
    agent = local.agent(Ears())
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(str(local.path))
        stream.settimeout(5)
        stream.sendall(struct.pack("!I", frames.MAX_FRAME + 1))
        assert stream.recv(1) == b""
    assert answers(agent)


def test_an_agent_that_does_not_read_is_dropped_not_waited_for(local: Rig) -> None:
    server = local.server()
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(str(local.path))
        frames.send(stream, frames.Hello(host="deaf"))
        frames.send(stream, frames.Subscribe(scopes=["cloud"]))
        time.sleep(0.1)
        began = time.monotonic()
        for _ in range(MAX_WAKES * 20):
            server.wake(["cloud"], "x" * 64)
        assert time.monotonic() - began < 30
        assert answers(local.agent(Ears()))


@given(sent=st.lists(st.integers(0, 9), max_size=40), limit=st.integers(1, 10))
def test_a_full_outbox_says_that_anything_may_have_changed(sent: list[int], limit: int) -> None:
    box: Outbox[str] = Outbox(limit)
    for number in sent:
        box.put_wake(Wake(scopes=[str(number)]))
    box.put("answer")
    assert box.take() == "answer"
    got = [box.take() for _ in range(len(box))]
    assert len(got) <= limit
    if len(sent) <= limit:
        assert [wake.scopes for wake in got if isinstance(wake, Wake)] == [[str(n)] for n in sent]
    else:
        assert Wake(scopes=[]) in got
    box.close()
    assert box.take() is None


def test_a_killed_server_leaves_a_socket_that_the_next_one_replaces(local: Rig) -> None:
    child = os.fork()
    if child == 0:
        LocalServerBus(local.path).start(Handler())
        time.sleep(30)
        os._exit(0)
    ears = Ears()
    agent = local.agent(ears)
    until(lambda: answers(agent))
    os.kill(child, 9)
    os.waitpid(child, 0)
    until(lambda: not answers(agent))
    assert local.path.exists()
    local.server()
    until(lambda: answers(agent))


def test_a_relay_brings_the_wake_ups_of_other_processes(rig: Rig, tmp_path: Path) -> None:
    """With each connection once without scopes: some may have been lost, also with a process that was killed."""
    server, ears = rig.server(), Ears()
    agent = rig.agent(ears)
    agent.subscribe(["network:1"])
    relay, bus = Relay(tmp_path / "relay.sock", server.wake), RelayBus(tmp_path / "relay.sock")
    bus.start(None)
    with pytest.raises(BusError, match="first server process"):
        bus.wait(0.1)
    relay.start()
    bus.wait(5)

    def heard(network: str) -> bool:
        bus.wake([f"network:{network}"], "req-1")
        return Wake(scopes=["network:1"], request_id="req-1") in ears.heard

    until(lambda: heard("1"))
    bus.wake(["network:2"], "req-2")
    ears.heard.clear()
    until(lambda: heard("1"))
    assert "req-2" not in [wake.request_id for wake in ears.heard]
    after_a_kill = RelayBus(tmp_path / "relay.sock")
    after_a_kill.start(None)
    until(lambda: Wake(scopes=[]) in ears.heard)
    after_a_kill.stop()
    ears.heard.clear()
    relay.stop()
    relay = Relay(tmp_path / "relay.sock", server.wake)
    relay.start()
    until(lambda: bus.wake(["network:2"]) or Wake(scopes=[]) in ears.heard)
    until(lambda: heard("1"))
    assert not any("network:2" in wake.scopes for wake in ears.heard)
    bus.stop()
    relay.stop()
