"""Versions of the programs that Heddle uses on a host, as they say themselves, all asked at once.

A program that hangs costs the answer of that one.  Of Open vSwitch the running switch is asked too, by its control
socket: it goes on as what it was when its package is updated.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from heddle.host import vswitchd
from heddle.host.run import CommandError, start
from heddle.view.facts import Program

SECONDS = 2.0
VSWITCH_SECONDS = 1.0
VSWITCH = "openvswitch"

# By the name of the package: who tells its version, the first that is there, and where in that it stands.
COMMANDS = {
    VSWITCH: (("ovs-vsctl",), re.compile(r"Open vSwitch\) (\d\S*)")),
    "dnsmasq": (("dnsmasq",), re.compile(r"version (\d\S*)", re.IGNORECASE)),
    "radvd": (("radvd",), re.compile(r"version:? (\d\S*)", re.IGNORECASE)),
    "nftables": (("nft",), re.compile(r"nftables v(\d\S*)")),
    "qemu": ((f"qemu-system-{platform.machine()}", "/usr/libexec/qemu-kvm"), re.compile(r"version (\d\S*)")),
    "libvirt": (("libvirtd", "virtqemud"), re.compile(r"libvirt\) (\d\S*)")),
}


def installed(name: str) -> str:
    """The command that is there, "" for none."""
    return next((command for command in COMMANDS[name][0] if shutil.which(command)), "")


def look(names: Iterable[str], vswitch: Path | None) -> tuple[Program, ...]:
    """`vswitch`: the folder in which the running Open vSwitch has its sockets, None where that is not here."""
    end = time.monotonic() + SECONDS
    begun = [(name, _begin(name)) for name in names]
    found = [_running(vswitch) if name == VSWITCH else Program(name=name) for name, _ in begun]
    return tuple(_installed(each, process, end) for each, (_, process) in zip(found, begun, strict=True))


def _begin(name: str) -> subprocess.Popen[str] | str:
    """The process, or why it did not begin."""
    try:
        return start([installed(name) or COMMANDS[name][0][0], "--version"])
    except CommandError as error:
        return error.output


def _installed(program: Program, process: subprocess.Popen[str] | str, end: float) -> Program:
    (first, *_), pattern = COMMANDS[program.name]
    command = installed(program.name)
    if isinstance(process, str):
        return msgspec.structs.replace(program, lack=f"{command or first} {process}", missing=not command)
    try:
        said = _said(process, max(0.01, end - time.monotonic()))
    except ValueError as error:
        return msgspec.structs.replace(program, lack=f"{command} {error}")
    if found := pattern.search(said):
        return msgspec.structs.replace(program, version=found[1])
    words = " ".join(said.split())[:80]
    return msgspec.structs.replace(program, lack=f"{command} does not tell it, but: {words or 'nothing'}")


def _said(process: subprocess.Popen[str], seconds: float) -> str:
    """All that it wrote: some tell it on stderr, and end with a status that is none of a success.

    Raises `ValueError`.  What it may have started itself, and left behind, is not waited for.
    """
    try:
        return "".join(process.communicate(timeout=seconds))
    except UnicodeDecodeError:
        raise ValueError("writes what is no text") from None
    except subprocess.TimeoutExpired:
        process.kill()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        process.wait()
        raise ValueError(f"has not ended within {SECONDS:g} s") from None


def _running(folder: Path | None) -> Program:
    """The switch that runs."""
    if folder is None:
        return Program(name=VSWITCH, running_lack="agent.ovsdb leads to no socket of this host")
    try:
        return Program(name=VSWITCH, running=_version(folder))
    except (OSError, ValueError) as error:
        return Program(name=VSWITCH, running_lack=f"ovs-vswitchd does not tell it: {error}")


def _version(folder: Path) -> str:
    """Raises `OSError`, and `ValueError` for an answer without a version."""
    answer = vswitchd.call(folder, "version", (), VSWITCH_SECONDS)
    if not answer:
        raise ValueError("it closed the connection")
    found = COMMANDS[VSWITCH][1].search(str(answer.get("result")))
    if found is None:
        raise ValueError("its answer has no version")
    return found[1]
