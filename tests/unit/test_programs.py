"""Versions of programs: as they say them, and when they do not."""

from __future__ import annotations

import json
import platform
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heddle.host import programs
from heddle.view.facts import Program


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts a program first in PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin")

    def put(name: str, script: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    return put


def only(name: str, folder: Path | None = None) -> Program:
    (found,) = programs.look([name], folder)
    return found


@pytest.mark.parametrize(
    ("name", "command", "script", "version"),
    [
        ("dnsmasq", "dnsmasq", "echo 'Dnsmasq version 2.80test3  Copyright (c) someone'", "2.80test3"),
        ("radvd", "radvd", "echo 'Version: 2.19' >&2; exit 1", "2.19"),
        ("nftables", "nft", "echo 'nftables v1.0.6 (Somebody)'", "1.0.6"),
        ("libvirt", "virtqemud", "echo 'virtqemud (libvirt) 9.0.0'", "9.0.0"),
        ("qemu", f"qemu-system-{platform.machine()}", "echo 'QEMU emulator version 7.2.9 (Debian 1:7.2)'", "7.2.9"),
        ("openvswitch", "ovs-vsctl", "echo 'ovs-vsctl (Open vSwitch) 2.17.9'; echo 'DB Schema 8.3.0'", "2.17.9"),
    ],
)  # fmt: skip
def test_what_they_say(program: Callable[[str, str], None], name: str, command: str, script: str, version: str) -> None:
    program(command, script)
    assert (only(name).version, only(name).lack) == (version, "")


@pytest.mark.parametrize(
    ("script", "lack"),
    [
        ("exit 3", "dnsmasq does not tell it, but: nothing"), ("echo 'not today'", "but: not today"),
        (r"printf '\377\376version 2.9'", "writes what is no text"),
    ],
)  # fmt: skip
def test_what_says_no_version(program: Callable[[str, str], None], script: str, lack: str) -> None:
    program("dnsmasq", script)
    assert lack in only("dnsmasq").lack and not only("dnsmasq").version


def test_a_program_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert only("dnsmasq").lack == "dnsmasq cannot be started: No such file or directory"


def test_one_that_hangs_costs_no_other_its_answer(
    program: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "SECONDS", 0.3)
    program("dnsmasq", "sleep 30")
    program("nft", "echo 'nftables v1.0.6'")
    began = time.monotonic()
    found = {each.name: each for each in programs.look(["dnsmasq", "nftables"], None)}
    assert time.monotonic() - began < 5
    assert "has not ended within" in found["dnsmasq"].lack and found["nftables"].version == "1.0.6"


@pytest.fixture
def vswitch(tmp_path: Path) -> Iterator[tuple[Path, list[bytes]]]:
    """The control socket of a switch, and what it answers, part by part."""
    answers: list[bytes] = []
    (tmp_path / "ovs-vswitchd.pid").write_text("77\n")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "ovs-vswitchd.77.ctl"))
        listener.listen()

        def serve() -> None:
            stream, _ = listener.accept()
            with stream:
                assert json.loads(stream.recv(4096))["method"] == "version"
                for part in answers:
                    stream.sendall(part)
                    time.sleep(0.01)

        threading.Thread(target=serve, daemon=True).start()
        yield tmp_path, answers


@pytest.mark.parametrize(
    ("parts", "running", "lack"),
    [
        ([b'{"id":1,"error":null,"result":"ovs-vswitchd (Open vSwitch) 3.', b'1.0\\n"}'], "3.1.0", ""),
        ([b'{"id":1,"error":null,"result":"hello"}'], "", "has no version"), ([b"{"], "", "closed the connection"),
    ],
)  # fmt: skip
def test_the_switch_that_runs(
    vswitch: tuple[Path, list[bytes]], parts: list[bytes], running: str, lack: str
) -> None:
    folder, answers = vswitch
    answers += parts
    found = only("openvswitch", folder)
    assert found.running == running and lack in found.running_lack and bool(found.running_lack) == bool(lack)


def test_a_switch_that_does_not_run(tmp_path: Path) -> None:
    assert "No such file" in only("openvswitch", tmp_path).running_lack
    assert "no socket of this host" in only("openvswitch").running_lack
