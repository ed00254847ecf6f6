"""A ping of every agent: real agents' buses on a real server's socket, some of which do not answer."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from tests.checks.conftest import OF_HOSTS, Look, differing
from tests.contract.test_bus import Handler, answers, until
from tests.fakes.client import People

from heddle.agent.questions import Questions
from heddle.bus.base import BusError, Questioned
from heddle.bus.local import LocalAgentBus, LocalServerBus
from heddle.bus.local_ask import LocalAsker
from heddle.checks.questions import encoded
from heddle.config import Settings
from heddle.store.engine import Store
from heddle.view.questions import Ping, Pong, Told
from heddle.view.tunnels import Tunnels
from heddle.view.types import RoleState

Joins = Callable[..., LocalAgentBus]


@pytest.fixture
def server(settings: Settings) -> Iterator[LocalServerBus]:
    made = LocalServerBus(settings.bus_socket)
    made.start(Handler())
    yield made
    made.stop()


@pytest.fixture
def join(settings: Settings, server: LocalServerBus) -> Iterator[Joins]:
    """The bus of an agent: `questioned` None for one from before there were questions."""
    made: list[LocalAgentBus] = []

    def joined(host: str, questioned: Questioned | None) -> LocalAgentBus:
        bus = LocalAgentBus(settings.bus_socket)
        made.append(bus)
        if questioned is not None:
            bus.answer(questioned)
        bus.start(host, lambda wake: None)
        until(lambda: answers(bus, host))
        return bus

    yield joined
    for bus in made:
        bus.stop()


@pytest.fixture
def well(settings: Settings) -> Questioned:
    return Questions(settings).take


def test_all_answer_then_one_does_not(
    look: Look, store: Store, report: Callable[..., None], join: Joins, well: Questioned
) -> None:
    report("host1")
    report("host2")
    join("host1", well)
    stuck = join("host2", well)
    before = look()
    told = before["queue-agents"]
    assert told["status"] == "success" and "2 hosts answer" in told["details"] and " ms" in told["evidence"], told
    stuck.stop()
    join("host2", lambda question, reply: None)
    started = time.monotonic()
    found = look()
    assert time.monotonic() - started < 15
    told = found["queue-agents"]
    assert differing(before, found) == {"queue-agents", *OF_HOSTS} and told["status"] == "failure", found
    assert told["node"] == "host2" and "no answer within 4 s" in told["details"]


def test_one_that_reports_and_is_not_connected(
    look: Look, store: Store, report: Callable[..., None], join: Joins, well: Questioned
) -> None:
    report("host1")
    report("host2")
    join("host1", well)
    told = look("--only", "queue-agents")["queue-agents"]
    assert told["status"] == "failure" and told["node"] == "host2" and "not connected" in told["details"], told


def test_one_from_before_there_were_questions_is_unknown(
    look: Look, store: Store, report: Callable[..., None], join: Joins, well: Questioned
) -> None:
    report("host1")
    report("host2", release="0.0.9")
    join("host1", well)
    join("host2", None)
    told = look("--only", "queue-agents")["queue-agents"]
    assert told["status"] == "unknown" and told["node"] == "host2" and "0.0.9" in told["details"], told
    assert look.code == 255


def test_one_that_answers_and_does_not_report(
    look: Look, store: Store, report: Callable[..., None], join: Joins, well: Questioned
) -> None:
    report("host1")
    report("host2")
    join("host1", well)
    second = join("host2", well)
    with store.engine.begin() as conn:
        conn.exec_driver_sql("UPDATE agents SET heartbeat = heartbeat - 200000000 WHERE host = 'host2'")
    told = look("--only", "queue-agents")["queue-agents"]
    assert told["status"] == "warning" and told["node"] == "host2" and "do not arrive" in told["details"], told
    second.stop()
    until(lambda: look("--only", "queue-agents")["queue-agents"]["status"] == "success")
    assert "silent are host2" in look("--only", "queue-agents")["queue-agents"]["details"]


def test_without_a_server_nobody_can_be_asked(look: Look, store: Store, report: Callable[..., None]) -> None:
    assert look("--only", "queue-agents")["queue-agents"]["status"] == "not_applicable"
    report("host1")
    told = look("--only", "queue-agents")["queue-agents"]
    assert told["status"] == "unknown" and "no server can be reached" in told["details"]


def test_a_switch_that_sends_no_frames_is_not_taken_for_a_tunnel_that_works(
    look: Look, settings: Settings, people: People, report: Callable[..., None], join: Joins, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Echo requests pass between the hosts, and no Open vSwitch of theirs can be reached, or it has no such tunnel."""
    body = {"network": {"name": "wide", "provider:network_type": "vxlan", "mtu": 1450}}
    network = people.admin.post("/v2.0/networks", body).json()["network"]["id"]

    def host(name: str, address: str, answers: bool) -> None:
        switch = RoleState(role="switch", configuration={"answers_in_tunnels": answers})
        report(name, roles=[switch], tunnel_ip=address, started_at=float(answers))

    def told() -> list[dict[str, str]]:
        return look.every("--only", "network-tunnels")

    for name, address in (("host1", "127.0.0.1"), ("host2", "127.0.0.2")):
        host(name, address, False)
        people.admin.post("/v2.0/ports", {"port": {"network_id": network, "binding:host_id": name}})
        agent = replace(settings.agent, tunnel_ip=address, ovsdb=f"unix:{tmp_path}/db.sock")
        join(name, Questions(replace(settings, agent=agent)).take)
    (well,) = told()
    assert well["status"] == "success" and "2 by echo requests only" in well["evidence"], well
    host("host1", "127.0.0.1", True)
    host("host2", "127.0.0.2", True)
    for each, node, other in zip(told(), ("host1", "host2"), ("host2", "host1"), strict=True):
        assert each["status"] == "unknown" and each["node"] == node, each
        assert f"{node} sent no frames in tunnels to {other}: ovs-vsctl " in each["details"], each
    (tmp_path / "ovs-vsctl").write_text("#!/bin/sh\necho '{\"data\": []}'\n")
    (tmp_path / "ovs-vsctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert all(each["details"].endswith("br-tun has no port for tunnels of vxlan") for each in told())


def test_an_answer_to_something_else_or_to_less_is_no_success(
    look: Look, people: People, report: Callable[..., None], join: Joins
) -> None:
    body = {"network": {"name": "wide", "provider:network_type": "vxlan", "mtu": 1450}}
    network = people.admin.post("/v2.0/networks", body).json()["network"]["id"]
    encode = msgspec.msgpack.encode

    def says(answer: Pong | Tunnels) -> Questioned:
        told = encode(Told(answer=msgspec.Raw(encode(answer))))
        return lambda question, reply: reply(told)

    for number, answer in enumerate((Pong(release="1"), Tunnels(source="127.0.0.2")), 1):
        report(f"host{number}", tunnel_ip=f"127.0.0.{number}")
        body = {"port": {"network_id": network, "binding:host_id": f"host{number}"}}
        people.admin.post("/v2.0/ports", body)
        join(f"host{number}", says(answer))
    found = {(each["node"], each["status"]): each["details"] for each in look.every("--only", "network-tunnels")}
    assert found.keys() == {("host1", "unknown"), ("host2", "unknown")}, found
    assert "another question" in found["host1", "unknown"] and "tells of 0 of 1 ways" in found["host2", "unknown"]
    told = look("--only", "environment-kernel")["environment-kernel"]
    assert told["status"] == "unknown" and "host1, host2 could not be asked: it answers" in told["details"], told


def test_another_user_is_not_let_in(settings: Settings, server: LocalServerBus, join: Joins, well: Questioned) -> None:
    """The socket's mode keeps others out, and the server asks the kernel who it is where the mode does not."""
    if os.geteuid() != 0:
        pytest.fail("becoming another user needs root")
    join("host1", well)
    assert "Permission denied" in _asked_by(65534, settings.bus_socket)
    settings.bus_socket.chmod(0o666)
    settings.bus_socket.parent.chmod(0o755)
    assert "nobody but root and its own user" in _asked_by(65534, settings.bus_socket)
    assert _asked_by(0, settings.bus_socket) == "answered"


def _asked_by(user: int, path: Path) -> str:
    """What comes of a ping by a process of that user, which stands in the socket's folder."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.chdir(path.parent)
            os.setresuid(user, user, user)
            found = LocalAsker(Path(path.name)).ask({"host1": encoded(Ping(), 5)}, 5)["host1"]
            os.write(write, (found.reason or "answered").encode())
        except BusError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as told:
        return told.read()
