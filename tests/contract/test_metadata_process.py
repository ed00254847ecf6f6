"""The metadata process as its role uses it: the fake and the real one keep the same contract."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.fakes import l3
from tests.fakes.metadata import FakeProcess
from tests.real.testhost import wait_until

from heddle.errors import HeddleError
from heddle.host import metadata
from heddle.host.metadata import FOLDER, MetadataProcess, pid_of
from heddle.host.metadata_wire import Close, Configure, Look, News
from heddle.host.process import alive
from heddle.view.types import Ref, ScopeNews, network_scope

CONFIGURATION = Configure(domain="cloud")
GUEST = l3.neighbour(l3.port(9, "n1", {"s1": "10.0.0.9"}))


class Kind:
    """`make` makes the same again, as an agent does that starts anew; `kill` ends the process from outside."""

    def __init__(self, make: Callable[[], Any], kill: Callable[[], None]) -> None:
        self.make, self.kill = make, kill


@pytest.fixture(params=["fake", "real"])
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kind]:
    if request.param == "fake":
        fake = FakeProcess()
        yield Kind(lambda: fake(tmp_path), fake.killed)
        return

    def kill() -> None:
        pid = pid_of(tmp_path / FOLDER)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not alive(pid), 5, "the process has ended")

    yield Kind(lambda: MetadataProcess(tmp_path), kill)
    metadata.end(tmp_path / FOLDER)
    assert not (tmp_path / FOLDER).exists()


def connect(process: Any) -> None:
    """As the role does: again when it is time for that."""
    ready = threading.Event()
    while not process.connect(CONFIGURATION, ready.set):
        assert ready.wait(20)
        ready.clear()


def told() -> News:
    items = [l3.network("n1"), l3.subnet("s1", "n1", "10.0.0.0/24"), GUEST]
    raws = [msgspec.Raw(msgspec.msgpack.encode(item)) for item in items]
    return News(scopes=[ScopeNews(scope=network_scope("n1"), whole=True, objects=raws)])


def test_what_it_was_told_is_there_for_the_next_agent(kind: Kind) -> None:
    first = kind.make()
    assert not first.connected and not first.is_there()
    connect(first)
    assert first.connected and first.is_there() and first.ask(Look(digests=True)).digests == {}
    first.say(told())
    before = first.ask(Look(digests=True)).digests
    assert before.keys() == {"network:n1"} and first.ask(Look()).digests == {}
    first.disconnect()
    second = kind.make()
    assert not second.connected and second.is_there()
    connect(second)
    assert second.ask(Look(digests=True)).digests == before
    second.say(News(gone=[Ref("neighbour", GUEST.id)]))
    assert second.ask(Look(digests=True)).digests != before
    assert second.ask(Close(key="unknown")).listeners == {}
    assert second.stop() and not second.is_there() and not second.connected


def test_one_that_was_killed_says_so_and_the_next_knows_nothing(kind: Kind) -> None:
    made = kind.make()
    connect(made)
    made.say(told())
    assert made.ask(Look(digests=True)).digests
    kind.kill()
    with pytest.raises(HeddleError):
        made.ask(Look())
    assert not made.connected
    connect(made)
    assert made.ask(Look(digests=True)).digests == {}
    made.stop()


def test_one_of_other_code_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = MetadataProcess(tmp_path)
    connect(first)
    before = pid_of(tmp_path / FOLDER)
    same = MetadataProcess(tmp_path)
    connect(same)
    assert pid_of(tmp_path / FOLDER) == before
    monkeypatch.setattr(metadata, "version", lambda: "of tomorrow")
    other = MetadataProcess(tmp_path)
    connect(other)
    assert pid_of(tmp_path / FOLDER) not in (0, before)
    other.stop()


def test_nobody_waits_for_a_start(tmp_path: Path) -> None:
    """It is there a while later; who ends it meanwhile leaves nothing."""
    made, ready = MetadataProcess(tmp_path), threading.Event()
    began = time.monotonic()
    assert not made.connect(CONFIGURATION, ready.set)
    assert made.starting and made.is_there() and not made.connect(CONFIGURATION, ready.set)
    took = time.monotonic() - began
    assert ready.wait(20) and took < (time.monotonic() - began) / 2, "a part of what the start takes"
    assert not made.starting and made.connect(CONFIGURATION, ready.set) and made.connected
    made.stop()
    assert not made.connect(CONFIGURATION, ready.set) and made.stop()
    assert not made.is_there() and not (tmp_path / FOLDER).exists()


def test_one_that_does_not_start_says_why_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "MODULE", "heddle.agent.metadata.missing")
    with pytest.raises(HeddleError, match=r"does not start; it said: .*No module named heddle.agent.metadata.missing"):
        connect(MetadataProcess(tmp_path))


def test_after_one_that_did_not_start_each_try_fails_until_one_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the agent's loop would take the beginning of a start for success, and begin the next without a pause."""
    monkeypatch.setattr(metadata, "MODULE", "heddle.agent.metadata.missing")
    made, ready = MetadataProcess(tmp_path), threading.Event()
    assert not made.connect(CONFIGURATION, ready.set) and ready.wait(20)
    with pytest.raises(HeddleError, match="does not start"):
        made.connect(CONFIGURATION, ready.set)
    monkeypatch.undo()
    ready.clear()
    with pytest.raises(HeddleError, match="does not start"):
        made.connect(CONFIGURATION, ready.set)
    assert made.starting and ready.wait(20)
    assert made.connect(CONFIGURATION, ready.set) and made.stop()
    assert not made.connect(CONFIGURATION, ready.set) and made.stop()


def test_whatever_a_start_fails_of_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def detach(command: list[str], log: Path) -> None:
        raise UnicodeError("a name that cannot be written")

    monkeypatch.setattr(metadata, "detach", detach)
    with pytest.raises(HeddleError, match="a name that cannot be written"):
        connect(MetadataProcess(tmp_path))


def test_a_pid_file_of_another_process_is_not_believed(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir()
    (folder / "pid").write_text(f"{os.getpid()}\n")
    assert pid_of(folder) == 0 and not metadata.end(folder)
    made = MetadataProcess(tmp_path)
    connect(made)
    assert pid_of(folder) not in (0, os.getpid())
    made.stop()
