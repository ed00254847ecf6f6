"""`heddle simulate`, small: all ports become ACTIVE, every change reaches the hosts that it concerns and no others."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from heddle.host.process import alive

HOSTS, PORTS, CHANGES = 12, 240, 4
COMMAND = [sys.executable, "-m", "heddle.cli.main", "simulate", "--hosts", str(HOSTS), "--ports", str(PORTS),
           "--changes", str(CHANGES), "--processes", "2"]  # fmt: skip
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith(("HEDDLE_", "OS_"))}
FOLDERS = re.compile(r"/(?:tmp|dev/shm)/heddle-(?:simulate|postgres|rabbitmq)-\w+")


def descendants(pid: int) -> dict[int, str]:
    """The processes below one, with their command lines."""
    found: dict[int, str] = {}
    waiting = [pid]
    while waiting:
        for file in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            with suppress(OSError):
                waiting += map(int, file.read_text(encoding="ascii").split())
        for each in waiting:
            with suppress(OSError):
                text = Path(f"/proc/{each}/cmdline").read_bytes() + Path(f"/proc/{each}/environ").read_bytes()
                found[each] = text.replace(b"\0", b" ").decode(errors="replace")
    return found


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    done = subprocess.run([*COMMAND, "--json"], capture_output=True, text=True, timeout=600, env=ENVIRON)
    assert not done.returncode, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_port_is_applied_on_its_host(figures: dict[str, Any]) -> None:
    assert (figures["hosts"], figures["ports"], figures["members"]) == (HOSTS, PORTS, PORTS // 5)
    # The last network has 40 ports, and each change of a port made one more.
    assert figures["active_ports"] == PORTS + CHANGES
    assert figures["cold_start_host_ports"] * HOSTS >= PORTS + CHANGES
    assert figures["view_objects"] > PORTS / HOSTS


def test_every_change_reaches_its_hosts_and_no_others(figures: dict[str, Any]) -> None:
    changes = figures["changes"]
    assert changes.keys() == {"port", "group rule", "router"}
    for change in changes.values():
        assert len(change["milliseconds"]) == CHANGES and min(change["milliseconds"]) >= 0
        assert change["agents_cpu"] > 0 and change["servers_cpu"] > 0
        assert change["bytes"] > 0 and 1 <= change["hosts"] < HOSTS
        assert change["messages"]["wake"] >= 1 and change["messages"]["report"] >= 1
    # A network, and the large group, are on ten hosts.
    assert changes["group rule"]["hosts"] == 10
    assert changes["group rule"]["messages"]["report"] <= HOSTS


def test_interrupted_it_leaves_nothing(tmp_path: Path) -> None:
    # A shell without job control has its jobs in the background ignore SIGINT, and they hand that on.
    command = ["env", "--default-signal=INT", *COMMAND]
    with (tmp_path / "err").open("wb") as err:
        process = subprocess.Popen(command, stdout=err, stderr=err, env=ENVIRON)
    end = time.monotonic() + 120
    below: dict[int, str] = {}
    while not any("heddle.simulate.hosts" in text for text in below.values()):
        assert time.monotonic() < end and process.poll() is None, (tmp_path / "err").read_text()
        time.sleep(0.05)
        below = descendants(process.pid)
    folders = {Path(name) for text in below.values() for name in FOLDERS.findall(text)}
    assert {folder.name.split("-")[1] for folder in folders} == {"simulate", "postgres", "rabbitmq"}
    assert all(folder.exists() for folder in folders)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert not [folder for folder in folders if folder.exists()]
    end = time.monotonic() + 10  # a namespace ends soon after its first process
    while left := [text for pid, text in below.items() if alive(pid)]:
        assert time.monotonic() < end, left
        time.sleep(0.05)
