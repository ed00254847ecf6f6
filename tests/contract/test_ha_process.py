"""The process of highly available routers as its role uses it: started beside the agent, found again, told of."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.load.processes import free_port
from tests.real.testhost import wait_until

from heddle.errors import HeddleError
from heddle.host import beside, ha_files, ha_process
from heddle.host.ha_files import Config
from heddle.host.ha_process import HaProcess
from heddle.host.process import alive


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Config]:
    yield Config("host1", "127.0.0.1", free_port(), "ab" * 32, False, 0.7, {}, str(tmp_path / "switch"))
    ha_process.end(tmp_path / ha_files.FOLDER)


def pid(folder: Path) -> int:
    return beside.pid_of(ha_process.MODULE, folder / ha_files.FOLDER)


def come(process: HaProcess, folder: Path) -> int:
    """The number of the process, when it works."""
    wait_until(lambda: pid(folder) and ha_files.silence(folder / ha_files.FOLDER) < 1, 20, "it works")
    assert process.wrong() == ""
    return pid(folder)


def test_nobody_waits_for_a_start(config: Config, tmp_path: Path) -> None:
    made = HaProcess(tmp_path)
    began = time.monotonic()
    assert made.ensure(config) == "no process"
    assert made.ensure(config) == made.wrong() == "", "it is on its way"
    took = time.monotonic() - began
    assert not pid(tmp_path)
    first = come(made, tmp_path)
    assert took < (time.monotonic() - began) / 2, "a part of what the start takes"
    again = HaProcess(tmp_path)
    assert again.ensure(config) == "" and pid(tmp_path) == first, "the next agent finds it"
    assert made.stop() and not made.is_there() and not alive(first)


def test_one_that_was_killed_is_started_again(config: Config, tmp_path: Path) -> None:
    made = HaProcess(tmp_path)
    made.ensure(config)
    first = come(made, tmp_path)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: made.wrong() == "no process", 5, "it is missed")
    assert made.ensure(config) == "no process"
    assert come(made, tmp_path) != first


def test_another_address_ends_one_that_is_on_its_way(config: Config, tmp_path: Path) -> None:
    made = HaProcess(tmp_path)
    made.ensure(config)
    moved = Config("host1", "127.0.0.2", config.port, config.key, False, 0.7, {}, config.switch)
    assert made.ensure(moved)
    come(made, tmp_path)
    assert made.ensure(moved) == ""


def test_one_that_does_not_come_is_told_with_its_last_words(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ha_process, "MODULE", "heddle.agent.ha.missing")
    made = HaProcess(tmp_path)
    assert made.ensure(config)
    wait_until(lambda: made.wrong(), 20, "it is missed")
    with pytest.raises(HeddleError, match=r"does not start; it said: .*No module named heddle.agent.ha.missing"):
        made.ensure(config)
    monkeypatch.undo()
    wait_until(lambda: made.wrong(), 20, "the second too")
    with pytest.raises(HeddleError, match="does not start"):
        made.ensure(config)
    with pytest.raises(HeddleError, match="does not start"):  # on its way: no success, or the next try would not wait
        made.ensure(config)
    come(made, tmp_path)
    assert made.ensure(config) == ""
