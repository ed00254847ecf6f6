"""The process that carries connections, as it is started on two hosts and told by files: a stream outlives one of them.

Runs in a process with network and mount namespaces of its own.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract import two_routers
from tests.contract.inside import run_inside
from tests.contract.test_carried import of, until
from tests.contract.two_routers import HOSTS, PORT, connect, tcp

from heddle.agent.ha.election import ACTIVE, STANDBY
from heddle.agent.ha.following import Following
from heddle.host import ha_files
from heddle.host.ha_files import Config, Here, Recipe, State
from heddle.host.process import alive

INSIDE = "HEDDLE_TEST_CARRIED_PROCESS"
inside = pytest.mark.skipif(not os.environ.get(INSIDE), reason="runs in namespaces of its own")


@pytest.mark.real
@pytest.mark.skipif(bool(os.environ.get(INSIDE)) or os.geteuid() != 0, reason="needs root")
def test_in_namespaces_of_their_own() -> None:
    run_inside(__file__, INSIDE)


class Host:
    """The files of one host, and what follows its routers."""

    def __init__(self, name: str, folder: Path, state: str) -> None:
        self.name, self._folder = name, folder
        (folder / ha_files.ROUTERS).mkdir(parents=True)
        others = {other: address for other, address in HOSTS.items() if other != name}
        config = Config(
            me=name, address=HOSTS[name], port=PORT, key="6b" * 32, preempt=False, dead=0.7, peers=others, switch=""
        )  # fmt: skip
        recipe = Recipe("r1", list(HOSTS), name, [])
        ha_files.write(folder / "config", config)
        ha_files.write(folder / ha_files.ROUTERS / "r1", recipe)
        self.be(state, 1)
        self.following = Following()
        self.following.recipes({})
        self.following.begin(folder, config)
        assert not self.pids(), "not without routers"
        self.following.recipes({"r1": recipe})

    def be(self, state: str, term: int) -> None:
        ha_files.write(self._folder / "state", State({"r1": Here(state, term, "")}))

    def pids(self) -> list[int]:
        wanted = f"heddle.agent.ha.connections.process\0{self._folder}"
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                found += [int(path.parent.name)] if wanted in path.read_text() else []
            except OSError:
                continue
        return found


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[dict[str, Host]]:
    two_routers.build()
    connect("a")
    made = {name: Host(name, tmp_path / name, ACTIVE if name == "a" else STANDBY) for name in HOSTS}
    try:
        yield made
    finally:
        for host in made.values():
            host.following.end()
        until(lambda: not any(host.pids() for host in made.values()), "the processes end with who started them", 60)
        two_routers.tear_down()


@inside
def test_a_stream_goes_to_the_other_host_and_back(hosts: dict[str, Host]) -> None:
    stream = tcp("guest", "server", "203.0.113.9", 80, 80)
    until(lambda: len(of("b")) == 1 and of("a") == of("b"), "the other host is told", 60)
    (pid,) = hosts["a"].pids()
    os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(pid) and bool(hosts["a"].pids()), "one that is killed is replaced", 60)
    other = tcp("guest", "server", "203.0.113.9", 81, 81)
    until(lambda: len(of("b")) == 2 and of("a") == of("b"), "and tells of what came meanwhile", 60)
    connect("b")
    hosts["b"].be(ACTIVE, 2)
    hosts["a"].be(STANDBY, 2)
    assert stream.passes(b"after", back=True) and other.passes(b"after", back=True)
    third = tcp("guest", "server", "203.0.113.9", 82, 82)
    until(lambda: len(of("a")) == 3 and of("a") == of("b"), "now it tells the first one", 60)
    connect("a")
    assert all(each.passes(b"and back", back=True) for each in (stream, other, third))
    for each in (stream, other, third):
        each.close()
