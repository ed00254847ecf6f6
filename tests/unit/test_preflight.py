"""Preflight: each thing in the way is a finding that says how to mend it; nothing in the way, no finding."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from heddle.cli import preflight
from heddle.config import Paths, Server, Settings
from heddle.host import probe
from heddle.host.probe import Bridge


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setattr(preflight.os, "geteuid", lambda: 0)
    monkeypatch.setattr(probe, "missing_commands", lambda names: [])
    monkeypatch.setattr(probe, "missing_features", list)
    monkeypatch.setattr(probe, "vswitch_running", lambda: True)
    monkeypatch.setattr(probe, "bridges", lambda: [Bridge("br-int", True), Bridge("br0", False)])
    monkeypatch.setattr(probe, "linux_bridge", lambda name: False)
    monkeypatch.setattr(probe, "forward_policy", lambda: "")
    monkeypatch.setattr(probe, "free_bytes", lambda folder: 10**12)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    paths = Paths(state=f"{tmp_path}/state", run=f"{tmp_path}/run", log=f"{tmp_path}/log")
    yield Settings(paths=paths, server=Server(port=port))


def texts(settings: Settings) -> list[str]:
    return [str(finding) for finding in preflight.look(settings)]


def test_a_machine_that_is_ready_has_no_findings(settings: Settings) -> None:
    assert texts(settings) == []
    assert preflight.passed(settings)


def test_bridges_of_others_block(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    there = [Bridge("br-int", False), Bridge("br-ex", False), Bridge("br-tun", True)]
    monkeypatch.setattr(probe, "bridges", lambda: there)
    found = texts(settings)
    assert len(found) == 2 and all("BLOCKER" in text and "ovs-vsctl del-br" in text for text in found)
    assert not preflight.passed(settings)


def test_a_port_in_use_names_its_process(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", settings.server.port))
        taken.listen()
        (text,) = texts(settings)
    assert f"127.0.0.1:{settings.server.port} is in use: process " in text and "server.port" in text


def test_everything_is_reported_at_once_blockers_first(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "vswitch_running", lambda: False)
    monkeypatch.setattr(probe, "missing_features", lambda: ["veth"])
    monkeypatch.setattr(probe, "forward_policy", lambda: "docker")
    monkeypatch.setattr(probe, "free_bytes", lambda folder: 2 * 10**9)
    found = preflight.look(settings)
    assert [finding.blocks for finding in found] == [True, True, False, False]
    assert all(finding.mend for finding in found)


def test_a_full_disk_blocks(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "free_bytes", lambda folder: 10**8)
    assert [finding.blocks for finding in preflight.look(settings)] == [True]


def test_folders_with_others_files_block(settings: Settings) -> None:
    state = Path(settings.paths.state)
    state.mkdir()
    (state / "precious").write_text("x")
    (text,) = texts(settings)
    assert "not Heddle's" in text


@pytest.mark.parametrize("plane", ["openvswitch", "linuxbridge"])
def test_a_command_that_each_host_needs_is_missed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, plane: str
) -> None:
    chosen = msgspec.structs.replace(settings, agent=msgspec.structs.replace(settings.agent, data_plane=plane))
    monkeypatch.setattr(probe, "missing_commands", lambda names: [name for name in names if name == "tc"])
    assert any("not installed: tc." in text for text in texts(chosen))
